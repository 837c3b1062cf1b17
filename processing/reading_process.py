"""The child process that reads a bulletin: hostile bytes in, plain JSON lines out.

A parser may be made to run for ever, to eat all memory or to crash; here it does so alone, under
limits of CPU and memory, without the database, the settings or the environment's secrets. The
file is its standard input, the answer its standard output:

``["p", line, code, field, found, expected, severity]``  a problem
``["e", position, hash, first line, record]``            an event, and how far in the file it is
``["s", position, first line, record]``                  readings without an event
``["d", position]``                                      done
``["f", code, line, field, found, expected]``            nothing can be read; nothing follows

JSON carries values only, never code, so the parent may read what a compromised child writes. A
record is the list of its fields' values in their order, a time its ISO text, a line number its
distance from the event's first line: so the hash of an event does not change when it moves.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, BinaryIO

from catalog.formats import FormatError, Limits, ReadOptions, read
from catalog.formats.problems import Problem, Severity
from catalog.formats.records import EventRecord, ReadingsRecord

LINE_FIELDS = ("line_number", "first_line", "last_line")


class Garbled(ValueError):
    """What came is not what this module writes."""


# --- records as lists -----------------------------------------------------------------------------


def _shapes(kind: type) -> Iterator[tuple[str, str, Any]]:
    """Yield name, shape and inner type of every field of a record."""
    hints = typing.get_type_hints(kind)
    for field in fields(kind):
        hint = hints[field.name]
        if isinstance(hint, types.UnionType):
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        if typing.get_origin(hint) is tuple:
            inner = typing.get_args(hint)[0]
            yield field.name, "records" if is_dataclass(inner) else "texts", inner
        elif is_dataclass(hint):
            yield field.name, "record", hint
        elif hint is datetime:
            yield field.name, "time", hint
        elif field.name in LINE_FIELDS:
            yield field.name, "line", hint
        else:
            yield field.name, "value", hint


@cache
def _encoder(kind: type) -> Callable[[Any, int], list[Any]]:
    shapes = list(_shapes(kind))
    get = attrgetter(*(name for name, _, _ in shapes))
    special = [(n, shape, inner) for n, (_, shape, inner) in enumerate(shapes) if shape != "value"]

    def encode(record: Any, first_line: int) -> list[Any]:
        values = list(get(record))
        for n, shape, inner in special:
            value = values[n]
            if value is None:
                continue
            if shape == "time":
                values[n] = value.isoformat()
            elif shape == "line":
                values[n] = value - first_line
            elif shape == "record":
                values[n] = _encoder(inner)(value, first_line)
            elif shape == "records":
                encode_inner = _encoder(inner)
                values[n] = [encode_inner(item, first_line) for item in value]
        return values

    return encode


@cache
def _decoder(kind: type) -> Callable[[Any, int], Any]:
    shapes = list(_shapes(kind))
    kinds: dict[Any, tuple[type, ...]] = {
        str: (str,),
        int: (int,),
        bool: (bool,),
        float: (float, int),
    }
    expected = [(n, kinds[inner]) for n, (_, shape, inner) in enumerate(shapes) if shape == "value"]
    special = [(n, shape, inner) for n, (_, shape, inner) in enumerate(shapes) if shape != "value"]
    length = len(shapes)

    def decode(values: Any, first_line: int) -> Any:
        if type(values) is not list or len(values) != length:
            raise Garbled(kind.__name__)
        for n, types_ in expected:
            value = values[n]
            if value is not None and not isinstance(value, types_):
                raise Garbled(f"{kind.__name__}.{shapes[n][0]}")
        for n, shape, inner in special:
            value = values[n]
            if value is None:
                continue
            if shape == "time":
                values[n] = datetime.fromisoformat(value)
            elif shape == "line":
                values[n] = int(value) + first_line
            elif shape == "texts":
                values[n] = tuple(str(item) for item in value)
            elif shape == "record":
                values[n] = _decoder(inner)(value, first_line)
            else:
                decode_inner = _decoder(inner)
                values[n] = tuple([decode_inner(item, first_line) for item in value])
        return kind(*values)

    return decode


def encode_event(record: EventRecord | ReadingsRecord) -> list[Any]:
    """Return a record as plain lists; line numbers count from its first line."""
    kind: Any = type(record)
    return _encoder(kind)(record, record.first_line)


def decode_event(values: Any, first_line: int) -> EventRecord:
    """Return the event that ``encode_event`` wrote.

    Raises
    ------
    Garbled
        The lists do not have the shape of a record.
    """
    event: EventRecord = _decoded(EventRecord, values, first_line)
    return event


def decode_readings(values: Any, first_line: int) -> ReadingsRecord:
    """Return the readings that ``encode_event`` wrote; errors as in ``decode_event``."""
    readings: ReadingsRecord = _decoded(ReadingsRecord, values, first_line)
    return readings


def _decoded(kind: type, values: Any, first_line: int) -> Any:
    try:
        return _decoder(kind)(values, first_line)
    except (TypeError, ValueError, AttributeError) as error:
        raise Garbled(str(error)) from error


def decode_problem(values: list[Any]) -> Problem:
    line, code, field, found, expected, severity = values
    if not (line is None or type(line) is int):
        raise Garbled("line")
    return Problem(line, str(code), str(field), str(found), str(expected), Severity(severity))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def content_hash(encoded: bytes) -> str:
    return hashlib.sha256(encoded).hexdigest()


# --- the child ------------------------------------------------------------------------------------


def answer(
    code: str,
    source: BinaryIO,
    out: BinaryIO,
    limits: Limits,
    options: ReadOptions | None = None,
) -> None:
    """Read a bulletin and write what it says."""

    def send(*parts: bytes) -> None:
        out.write(b"[" + b",".join(parts) + b"]\n")

    try:
        for item in read(code, source, limits, options):
            if isinstance(item, Problem):
                send(
                    b'"p"',
                    *map(
                        _json,
                        (
                            item.line_number,
                            item.code,
                            item.field,
                            item.found,
                            item.expected,
                            item.severity.value,
                        ),
                    ),
                )
                continue
            record = _json(encode_event(item))
            position = source.tell() if source.seekable() else 0
            if isinstance(item, ReadingsRecord):
                send(b'"s"', _json(position), _json(item.first_line), record)
                continue
            send(
                b'"e"',
                _json(position),
                _json(content_hash(record)),
                _json(item.first_line),
                record,
            )
    except FormatError as error:
        p = error.problem
        send(b'"f"', *map(_json, (p.code, p.line_number, p.field, p.found, p.expected)))
    except MemoryError:
        send(b'"f"', *map(_json, ("memory-limit", None, "", "", "")))
    else:
        send(b'"d"', _json(source.tell() if source.seekable() else 0))
    out.flush()


def main(arguments: list[str]) -> int:
    """``FORMAT CPU_SECONDS MEMORY_BYTES LIMITS OPTIONS``: limits and options as JSON."""
    code, cpu_seconds, memory_bytes, limits, options = arguments
    seconds, memory = int(cpu_seconds), int(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    answer(
        code,
        sys.stdin.buffer,
        sys.stdout.buffer,
        Limits(**json.loads(limits)),
        ReadOptions(**json.loads(options)),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
