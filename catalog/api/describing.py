"""What a view says of itself in the OpenAPI document, made from the words that it really reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.utils.functional import Promise
from django.utils.text import format_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)

from catalog.search import MAX_EVENT_IDS, Kind, Parameter

Schema = dict[str, Any]
View = TypeVar("View", bound=type)

#: A day, a minute, a second, up to six decimals; UTC.
TIME_PATTERN = r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?Z?$"
#: What any reading address may answer, beside its own.
ERRORS = (400, 405, 503)


def value_schema(parameter: Parameter) -> Schema:
    """Return the schema of a word's value."""
    schema: Schema
    match parameter.kind:
        case Kind.TIME:
            schema = {"type": "string", "pattern": TIME_PATTERN}
        case Kind.FLOAT | Kind.INTEGER:
            schema = {"type": "number" if parameter.kind is Kind.FLOAT else "integer"}
            if parameter.minimum is not None:
                schema["minimum"] = parameter.minimum
            if parameter.maximum is not None:
                schema["maximum"] = parameter.maximum
            if parameter.kind is Kind.INTEGER:
                schema = {k: v if k == "type" else int(v) for k, v in schema.items()}
        case Kind.BOOLEAN:
            schema = {"type": "boolean"}
        case Kind.CHOICE:
            schema = {"type": "string", "enum": list(parameter.choices)}
        case Kind.CHOICES | Kind.TEXTS:
            items: Schema = {"type": "string", "minLength": 1}
            if parameter.choices:
                items = {"type": "string", "enum": list(parameter.choices)}
            schema = {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_EVENT_IDS}
        case _:
            schema = {"type": "string", "minLength": 1}
    if parameter.default is not None:
        match schema["type"]:
            case "integer":
                schema["default"] = int(parameter.default)
            case "boolean":
                schema["default"] = parameter.default == "true"
            case _:
                schema["default"] = parameter.default
    return schema


def _text(parameter: Parameter) -> str | Promise:
    """Return what a word means, and what is expected where the schema does not say it."""
    if parameter.kind in (Kind.FLOAT, Kind.INTEGER, Kind.BOOLEAN, Kind.CHOICE, Kind.CHOICES):
        return parameter.help
    expected = parameter.expectation
    if parameter.kind is Kind.TEXT and not parameter.expected:
        return parameter.help
    return format_lazy("{help} ({expected})", help=parameter.help, expected=expected)


def as_openapi(parameter: Parameter) -> OpenApiParameter:
    """Return a word as a parameter of the query; lists are separated by commas."""
    schema = value_schema(parameter)
    is_list = schema["type"] == "array"
    return OpenApiParameter(
        parameter.name,
        schema,
        description=_text(parameter),
        style="form" if is_list else None,
        explode=False if is_list else None,
    )


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_MEANS = {
    200: "The answer.",
    206: "The part asked for by Range.",
    301: "The event was merged: Location leads to its successor.",
    304: "Not changed since the answer named by If-None-Match or If-Modified-Since.",
    400: "A word is unknown, repeated, or has a value that cannot be; each problem is named.",
    404: "There is no such thing.",
    405: "Only GET, HEAD and OPTIONS are offered.",
    409: "The file is not ready, or could not be made.",
    410: "It was here and is gone.",
    413: "The format does not take so many events.",
    416: "The file has no such part.",
    429: "Too many at once; Retry-After tells when to ask again.",
    503: "It took too long; ask for less.",
}
#: Answers that say what became of an event.
_OF_EVENT = {301: "Merged", 410: "Deleted"}
#: Answers that say what became of an export.
_OF_EXPORT = {409: "NoFile", 410: "NoFile"}
_HEADERS = (
    OpenApiParameter(
        "If-None-Match",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description="ETag of an answer already had: 304 if it still holds.",
    ),
    OpenApiParameter(
        "If-Modified-Since",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description="Last-Modified of an answer already had; If-None-Match counts before it.",
    ),
)


def described(
    operation: str,
    summary: str | Promise,
    words: Iterable[Parameter],
    answer: str | None,
    *,
    tag: str,
    path: Mapping[str, str] | None = None,
    path_choices: Mapping[str, Sequence[str]] | None = None,
    example: str = "",
    media_types: Sequence[str] = ("application/json",),
    errors: Sequence[int] = ERRORS,
    special: Mapping[int, str] | None = None,
    in_parts: bool = False,
) -> Callable[[View], View]:
    """Describe the GET of a view.

    Parameters
    ----------
    words
        The words it reads.
    answer
        Name of the schema of its answer; ``None`` where it is a file.
    path
        Parts of the address, with an example of each; a ``public_id`` may be merged or deleted.
    example
        A query string that asks for something.
    special
        Names of the schemas of answers that tell more than an error does.
    in_parts
        A part of the file may be asked for (Range).
    """
    parts = dict(path or {})
    codes = set(errors) | {304}
    if parts:
        codes.add(404)
    special = special or {}
    if "public_id" in parts:
        special = _OF_EVENT
        codes |= set(special)
    elif "export_id" in parts:
        special = _OF_EXPORT
    responses: dict[Any, Any] = {
        (200, media): OpenApiResponse(ref(answer) if answer else OpenApiTypes.BINARY, _MEANS[200])
        for media in media_types
    }
    if in_parts:
        responses |= {
            (206, media): OpenApiResponse(OpenApiTypes.BINARY, _MEANS[206]) for media in media_types
        }
    responses[304] = OpenApiResponse(None, _MEANS[304])
    for code in sorted(codes - {304}):
        schema = ref(special.get(code, "Error"))
        responses[code, "application/json"] = OpenApiResponse(schema, _MEANS[code])
    places = [
        OpenApiParameter(
            name,
            {"type": "string", "minLength": 1}
            | ({"enum": list(choices)} if (choices := (path_choices or {}).get(name)) else {}),
            OpenApiParameter.PATH,
            description=_PLACES[name],
        )
        for name in parts
    ]
    decorate: Callable[[View], View] = extend_schema_view(
        get=extend_schema(
            operation_id=operation,
            summary=summary,
            tags=[tag],
            parameters=[*places, *map(as_openapi, words), *_HEADERS],
            responses=responses,
            extensions={"x-example-query": example, "x-example-path": parts},
        )
    )
    return decorate


_PLACES = {
    "public_id": "Public id of the event, such as kz2014m7k2ra.",
    "station_id": "Code of the network, else of the agency, a point, code of the station.",
    "form": "Form of the file.",
    "export_id": "Id of the export.",
    "series": "Series of the edition, such as KZ-2014.",
    "number": "Number of the edition in its series.",
    "tile": "Name of the tile: 32 hexadecimal digits, from the manifest.",
    "kind": "Kind of the file: csv, text, quakeml, list-1 …, differences.",
}
