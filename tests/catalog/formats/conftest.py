"""Golden files by name, and records without their place in the file."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obspy
import pytest

from catalog.formats import read
from catalog.formats.limits import Limits
from catalog.formats.problems import Problem
from catalog.formats.records import EventRecord, ReadingsRecord

GOLDEN = Path(__file__).parents[2] / "golden"
OBSPY = Path(obspy.__file__).parent / "io"


@pytest.fixture
def golden() -> Callable[[str], bytes]:
    """Return a function that gives the bytes of a golden file."""
    return lambda name: (GOLDEN / name).read_bytes()


@pytest.fixture
def obspy_data() -> Callable[[str], bytes]:
    """Return a function that gives the bytes of a real file inside ObsPy's package."""
    return lambda name: (OBSPY / name).read_bytes()


def read_all(
    code: str, data: bytes, limits: Limits | None = None
) -> tuple[list[Any], list[Problem]]:
    """Read bytes as one format; events (and readings without an event) and problems apart."""
    events: list[Any] = []
    problems: list[Problem] = []
    for item in read(code, io.BytesIO(data), limits or Limits()):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            events.append(item)
    return events, problems


def placeless(value: Any) -> Any:
    """Return a record without its own text and line numbers."""
    if isinstance(value, tuple):
        return tuple(placeless(item) for item in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        if field.name == "line_number":
            changes[field.name] = None
        elif field.name in ("first_line", "last_line"):
            changes[field.name] = 0
        elif field.name == "text" and isinstance(value, EventRecord | ReadingsRecord):
            changes[field.name] = ""
        else:
            changes[field.name] = placeless(getattr(value, field.name))
    return dataclasses.replace(value, **changes)
