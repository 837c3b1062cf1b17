"""The child process that reads a bulletin: hostile bytes in, plain JSON lines out.

A parser may be made to run for ever, to eat all memory or to crash; here it does so alone, under
limits of CPU and memory, without the database, the settings or the environment's secrets. The
file is its standard input, the answer its standard output:

``["p", problem]``                 a problem
``["e", position, hash, record]``  an event, and how far in the file it is
``["s", position, record]``        readings without an event
``["d", position]``                done
``["f", problem]``                 nothing can be read; nothing follows

JSON carries values only, never code, so the parent may read what a compromised child writes: each
line is decoded as one of the messages below, with every value of the type its field names, or it is
``Garbled``. The hash of an event leaves out on what lines it stands, so it does not change when the
event moves.
"""

from __future__ import annotations

import gc
import hashlib
import json
import resource
import sys
from functools import cache
from typing import Annotated, Any, BinaryIO

import msgspec

from catalog.formats import FormatError, Limits, ReadOptions, read
from catalog.formats.problems import Problem, Severity
from catalog.formats.records import EventRecord, ReadingsRecord


class Garbled(ValueError):
    """What came is not what this module writes."""


# --- the messages ---------------------------------------------------------------------------------


class Told(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """A problem."""

    problem: Problem


class Reported(msgspec.Struct, frozen=True, array_like=True, tag="e"):
    """An event: how far in the file it stands, the hash of what it says, what it says."""

    position: int
    content_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    record: EventRecord


class Unassociated(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """Readings without an event: how far in the file they stand, what they say."""

    position: int
    record: ReadingsRecord


class Done(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """The end of the answer."""

    position: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Why nothing can be read."""

    problem: Problem


Answer = Told | Reported | Unassociated | Done | Failed


@cache
def _decoder() -> msgspec.json.Decoder[Answer]:
    """Return what knows all the messages; the child, which decodes none, never makes it."""
    return msgspec.json.Decoder(Answer)


def decode(line: bytes) -> Answer:
    """Return what a line of the answer says.

    Raises
    ------
    Garbled
        It is not one of the messages, or a value is not what its field may hold.
    """
    try:
        message = _decoder().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(str(error)) from error
    if isinstance(message, Reported | Unassociated):
        times = [pick.time for pick in message.record.picks]
        if isinstance(message, Reported):
            times += [origin.time for origin in message.record.origins]
        if any(time is not None and time.tzinfo is None for time in times):
            raise Garbled("a time without its zone")
    return message


def encode(value: Any) -> bytes:
    """Return a record, problem or message as JSON; half a surrogate pair becomes ``?``."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(value)))


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return value


def content_hash(encoded: bytes) -> str:
    """Return the hash of an encoded record without its line numbers.

    In a text a quotation mark stands behind a backslash, so no text is taken for a field's name.
    """
    digest = hashlib.sha256()
    for part in encoded.split(b'_line":'):
        for piece in part.lstrip(b"0123456789").split(b'line_number":'):
            digest.update(piece.lstrip(b"0123456789"))
    return digest.hexdigest()


# --- the child ------------------------------------------------------------------------------------


def answer(
    code: str,
    source: BinaryIO,
    out: BinaryIO,
    limits: Limits,
    options: ReadOptions | None = None,
) -> None:
    """Read a bulletin and write what it says."""

    def position() -> int:
        return source.tell() if source.seekable() else 0

    def send(message: Answer) -> None:
        out.write(encode(message) + b"\n")

    try:
        for item in read(code, source, limits, options):
            if isinstance(item, Problem):
                send(Told(item))
            elif isinstance(item, ReadingsRecord):
                send(Unassociated(position(), item))
            else:
                record = encode(item)
                digest = content_hash(record).encode()
                out.write(b'["e",%d,"%b",%b]\n' % (position(), digest, record))
    except FormatError as error:
        send(Failed(error.problem))
    except MemoryError:
        send(Failed(Problem(None, "memory-limit", severity=Severity.ERROR)))
    else:
        send(Done(position()))
    out.flush()


def main(arguments: list[str]) -> int:
    """``FORMAT CPU_SECONDS MEMORY_BYTES LIMITS OPTIONS``: limits and options as JSON."""
    code, cpu_seconds, memory_bytes, limits, options = arguments
    seconds, memory = int(cpu_seconds), int(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    # What is imported stays; records hang together as trees, so garbage is rare.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
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
