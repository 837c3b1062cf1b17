"""What an answer's objects are made of: one list writes the answer and describes it.

A ``Member`` says where a value comes from, what it means and what it looks like. The columns asked
of the database, the JSON and the schema of the OpenAPI document are all made from it, so none of
them can say what the others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BooleanField,
    DateTimeField,
    Expression,
    F,
    Field,
    FloatField,
    IntegerField,
    Value,
)
from django.db.models.functions import Coalesce, NullIf

from catalog.api.public import plain

Schema = dict[str, Any]


class Type(StrEnum):
    """What a value is in JSON."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"
    TEXTS = "texts"
    OBJECT = "object"


_SCHEMAS: dict[Type, Schema] = {
    Type.TEXT: {"type": "string"},
    Type.NUMBER: {"type": "number"},
    Type.INTEGER: {"type": "integer"},
    Type.BOOLEAN: {"type": "boolean"},
    Type.TIME: {"type": "string", "format": "date-time"},
    Type.TEXTS: {"type": "array", "items": {"type": "string"}},
    Type.OBJECT: {"type": "object"},
}


@dataclass(frozen=True, slots=True)
class Member:
    """One value of an object: its name, its type, what it means, an example, where it comes from.

    ``source`` is a lookup from the row of the catalogue, an expression, or a function of the
    language that returns one. ``prefix`` makes an id of a number: ``origin/17``.
    """

    name: str
    type: Type
    help: str
    example: Any
    source: str | Expression | Callable[[str], Any] = ""
    null: bool = True
    prefix: str = ""
    choices: tuple[str, ...] = ()

    def schema(self) -> Schema:
        """Return what OpenAPI 3.1 (JSON Schema 2020-12) says of it."""
        schema = dict(_SCHEMAS[self.type])
        if self.choices:
            schema["enum"] = [*self.choices, *([None] if self.null else [])]
        if self.null:
            schema["type"] = [schema["type"], "null"]
        schema["description"] = self.help
        return schema

    def expression(self, language: str) -> Any:
        """Return what is asked of the database."""
        source = self.source(language) if callable(self.source) else self.source
        return F(source) if isinstance(source, str) else source

    def told(self, value: Any) -> Any:
        """Return a value of the database as the answer has it."""
        if value is None or value == "":
            return None if self.null else self.absent()
        if self.prefix:
            return f"{self.prefix}/{value}"
        return plain(value)

    def absent(self) -> Any:
        """Return what a value that is never null is where the database has none."""
        return {Type.BOOLEAN: False, Type.TEXTS: [], Type.OBJECT: {}}.get(self.type, "")


def schema_of(members: Sequence[Member], help: str) -> Schema:
    """Return the schema of an object; every member is always there."""
    return {
        "type": "object",
        "description": help,
        "properties": {member.name: member.schema() for member in members},
        "required": [member.name for member in members],
        "additionalProperties": False,
        "example": example_of(members),
    }


def example_of(members: Sequence[Member]) -> dict[str, Any]:
    return {member.name: member.example for member in members}


def columns_of(members: Sequence[Member], language: str) -> dict[str, Any]:
    """Return the columns asked for, under names no field has."""
    return {f"m_{member.name}": member.expression(language) for member in members}


def told(members: Sequence[Member], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of ``columns_of`` as JSON."""
    return {member.name: member.told(values[f"m_{member.name}"]) for member in members}


def type_of(field: Field[Any, Any]) -> Type:
    """Return what a column is in JSON."""
    kinds: tuple[tuple[type[Field[Any, Any]], Type], ...] = (
        (ArrayField, Type.TEXTS),
        (BooleanField, Type.BOOLEAN),
        (DateTimeField, Type.TIME),
        (FloatField, Type.NUMBER),
        (IntegerField, Type.INTEGER),
    )
    return next((kind for cls, kind in kinds if isinstance(field, cls)), Type.TEXT)


def in_language(prefix: str) -> Callable[[str], Any]:
    """Return a name in the reader's language, else in English."""
    return lambda language: Coalesce(
        NullIf(F(f"{prefix}_{language}"), Value("")), F(f"{prefix}_en")
    )
