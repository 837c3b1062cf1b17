"""A bulletin packed with gzip is unpacked before any reader sees it, within the limit on size."""

from __future__ import annotations

import tempfile
import zlib
from typing import IO, BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity

MAGIC = b"\x1f\x8b\x08"
CHUNK = 256 * 1024
#: Text packs to a fifth or a tenth; what packs a hundredfold is no bulletin.
LARGEST_RATIO = 100
#: Below this size the ratio means nothing.
SMALL_BYTES = 1024 * 1024


def unpacked_head(head: bytes, filename: str) -> tuple[bytes, str]:
    """Return the first bytes of a packed file as they are unpacked, and its name without .gz."""
    if not head.startswith(MAGIC):
        return head, filename
    try:
        head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, CHUNK)
    except zlib.error:
        return head, filename
    return head, filename.removesuffix(".gz")


def unpacked(stream: BinaryIO | IO[bytes], limits: Limits) -> BinaryIO:
    """Return the stream, or what is packed in it.

    Raises
    ------
    FormatError
        The file is no whole gzip file, or unpacks to more than the limits allow.
    """
    head = stream.read(len(MAGIC))
    if not stream.seekable():
        copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=8 * CHUNK * 4)  # noqa: SIM115
        copy.write(head)
        while chunk := stream.read(CHUNK):
            copy.write(chunk)
        stream = copy
    stream.seek(0)
    if head != MAGIC:
        return stream  # type: ignore[return-value]
    plain: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=8 * CHUNK * 4)  # noqa: SIM115
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    taken = given = 0
    while chunk := stream.read(CHUNK):
        taken += len(chunk)
        while chunk:
            if unpacker.eof:  # members may follow each other
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                data = unpacker.decompress(chunk, CHUNK)
            except zlib.error as error:
                raise _refusal("gzip-damaged", str(error), "gzip") from error
            given += len(data)
            if given > limits.max_bytes:
                raise _refusal("file-too-large", f"> {limits.max_bytes}", f"<= {limits.max_bytes}")
            if given > SMALL_BYTES and given > LARGEST_RATIO * taken:
                found = f"{given} / {taken}"
                raise _refusal("packed-too-densely", found, f"<= {LARGEST_RATIO}")
            plain.write(data)
            chunk = unpacker.unconsumed_tail or (unpacker.unused_data if unpacker.eof else b"")
    if not unpacker.eof:
        raise _refusal("truncated", "gzip", "whole file")
    plain.seek(0)
    return plain  # type: ignore[return-value]


def _refusal(code: str, found: str, expected: str) -> FormatError:
    return FormatError(Problem(None, code, "gzip", found, expected, Severity.ERROR))
