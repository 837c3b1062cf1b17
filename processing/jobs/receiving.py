"""Bytes on their way in: spooled under the size limit, hashed, kept as they came.

The same bytes are one file, whoever sends them again, also where two send them at one moment.
"""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import IntegrityError, transaction

from catalog.models import CHUNK_BYTES, BulletinChunk, BulletinFile, User

HEAD_BYTES = 64 * 1024

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The file is not taken: a code and its values, translated when shown."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(f"{code} {values}")
        self.code = code
        self.values = values


@dataclass
class Spool:
    """Bytes on their way in, hashed and counted; use as a context manager."""

    file: IO[bytes]
    sha256: str
    size: int
    head: bytes

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.file.close()

    def chunks(self) -> Iterator[bytes]:
        self.file.seek(0)
        while data := self.file.read(CHUNK_BYTES):
            yield data


def spool(chunks: Iterable[bytes]) -> Spool:
    """Take bytes in, no further than the size limit.

    Raises
    ------
    Refused
        ``file-too-large``, ``empty-file``.
    """
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=4 * CHUNK_BYTES)  # noqa: SIM115
    digest = hashlib.sha256()
    size = 0
    head = b""
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > settings.UPLOAD_MAX_BYTES:
                raise Refused("file-too-large", limit=settings.UPLOAD_MAX_BYTES)
            digest.update(chunk)
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            file.write(chunk)
        if size == 0:
            raise Refused("empty-file")
    except BaseException:
        file.close()
        raise
    return Spool(file, digest.hexdigest(), size, head)


def receive(name: str, chunks: Iterable[bytes], uploader: User) -> tuple[BulletinFile, bool]:
    """Keep a file as received; return it and whether it is new.

    The same bytes sent twice, or by two at the same moment, are the same file.
    """
    with spool(chunks) as spooled:
        return keep(name, spooled, uploader)


def keep(name: str, spooled: Spool, uploader: User) -> tuple[BulletinFile, bool]:
    """Store spooled bytes, unless the same bytes are there."""
    known = BulletinFile.objects.filter(sha256=spooled.sha256).first()
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            file = BulletinFile.objects.create(
                sha256=spooled.sha256,
                name=file_name(name),
                size=spooled.size,
                uploader=uploader,
            )
            for ordinal, data in enumerate(spooled.chunks()):
                BulletinChunk.objects.create(file=file, ordinal=ordinal, data=data)
    except IntegrityError:
        # Somebody sent the same bytes at the same moment and was first.
        return BulletinFile.objects.get(sha256=spooled.sha256), False
    logger.info("received file %d, %d bytes", file.pk, file.size)
    return file, True


def file_name(name: str) -> str:
    """Return the last part of a client's path, printable and not too long."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(c for c in last if c.isprintable())[-255:] or "bulletin"


def open_bytes(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, for the command that ingests from disk."""
    with path.open("rb") as stream:
        while data := stream.read(CHUNK_BYTES):
            yield data
