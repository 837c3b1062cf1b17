"""One file comes in, over a page, the API or the command: kept, recognised, its reading asked for.

Also how requests with files are guarded: the size is refused before and while the body is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db import transaction
from django.http import HttpRequest

from catalog import coverage
from catalog.formats import archives, css30
from catalog.models import BulletinFile, CoverageSpan, User
from processing.jobs import confirmation, ingestion, receiving
from processing.jobs.receiving import Refused
from processing.models import ProcessingRun

#: Room for the other parts of a multipart body.
ENVELOPE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Taken:
    """What became of one file."""

    file: BulletinFile
    run: ProcessingRun
    duplicate: bool
    agency: str
    format: str


def take(
    name: str,
    chunks: Iterable[bytes],
    user: User,
    *,
    agency: str = "",
    format: str = "",
    kind: str = "manual",
    time_zone: str = "UTC",
    accept_readings: bool = False,
    dry_run: bool = False,
    final_from: str = "",
    final_to: str = "",
) -> Taken:
    """Keep a file and ask for its reading, or for a dry run.

    Raises
    ------
    Refused
        The file is not taken; nothing of it is stored.
    """
    with receiving.spool(chunks) as spooled:
        return take_spooled(
            name,
            spooled,
            user,
            agency=agency,
            format=format,
            kind=kind,
            time_zone=time_zone,
            accept_readings=accept_readings,
            dry_run=dry_run,
            final_from=final_from,
            final_to=final_to,
        )


def take_spooled(
    name: str,
    spooled: receiving.Spool,
    user: User,
    *,
    agency: str = "",
    format: str = "",
    kind: str = "manual",
    time_zone: str = "UTC",
    accept_readings: bool = False,
    dry_run: bool = False,
    final_from: str = "",
    final_to: str = "",
) -> Taken:
    """Do as ``take`` with bytes that are in already.

    ``final_from``, ``final_to``: the days (``YYYY-MM-DD``) for which the bulletin is final.
    """
    if kind not in ("manual", "automatic"):
        raise Refused("bad-parameter", field="kind", found=kind[:50], expected="manual, automatic")
    days = final_days(final_from, final_to, kind)
    format, options = ingestion.said_of(format, time_zone or "UTC")
    chosen, code = ingestion.choose(spooled.head, name, agency=agency, format=format, user=user)
    with transaction.atomic():
        file, created = receiving.keep(name, spooled, user)
        run = ingestion.request_reading(
            file,
            agency=chosen,
            format=code,
            requested_by=user,
            evaluation_mode=kind,
            options=options,
            accept_readings=accept_readings,
            dry_run=dry_run,
        )
        if days is not None and not dry_run:
            final = CoverageSpan.State.FINAL
            confirmation.declare(chosen, *days, final, file=file, user=user)
    return Taken(file, run, not created, chosen.code, code)


def final_days(first: str, last: str, kind: str) -> tuple[date, date] | None:
    """Return the days that a bulletin is said to be final for; ``None`` where nothing is said.

    Raises
    ------
    Refused
        ``bad-parameter``: one of them is missing or no day, they are not in order, the last is
        not over yet, or the bulletin is an automatic one.
    """
    if not first and not last:
        return None

    def day(field: str, text: str) -> date:
        try:
            return datetime.strptime(text, "%Y-%m-%d").date()
        except ValueError:
            raise Refused(
                "bad-parameter", field=field, found=text[:50], expected="YYYY-MM-DD"
            ) from None

    begin, end = day("final_from", first), day("final_to", last)
    if begin > end:
        raise Refused("bad-parameter", field="final_to", found=last, expected=f">= {first}")
    if end >= coverage.today():
        expected = f"< {coverage.today()}"
        raise Refused("bad-parameter", field="final_to", found=last, expected=expected)
    if kind != "manual":
        raise Refused("bad-parameter", field="kind", found=kind, expected="manual")
    return begin, end


#: What the name of a CSS3.0 table ends with.
CSS_TABLES = tuple(sorted((*css30.LAYOUTS, *css30.OTHER_TABLES)))


def sets_of(names: Sequence[str]) -> list[list[int]]:
    """Return which of the files belong together, as their places, each file once.

    Tables of one CSS3.0 database have names that differ in the last part only: ``may.origin``,
    ``may.arrival``. Every other file is a bulletin by itself.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for place, name in enumerate(names):
        last = receiving.file_name(name)
        stem, _, table = last.rpartition(".")
        of_css = table.lower() in CSS_TABLES
        taken = [receiving.file_name(names[n]).lower() for n in groups.get(("css", stem), ())]
        key = ("css", stem) if of_css and last.lower() not in taken else ("file", str(place))
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def packed(files: Sequence[UploadedFile[bytes]]) -> tuple[str, Iterator[bytes]]:
    """Return name and bytes under which files sent together are kept: one alone as it is.

    Raises
    ------
    Refused
        ``file-too-large``: together they are.
    """
    if len(files) == 1:
        return files[0].name or "", files[0].chunks()
    if sum(file.size or 0 for file in files) > settings.UPLOAD_MAX_BYTES:
        raise Refused("file-too-large", limit=settings.UPLOAD_MAX_BYTES)
    members = [(receiving.file_name(file.name or ""), file.read()) for file in files]
    stem = members[0][0].rpartition(".")[0]
    return f"{stem or 'css30'}.zip", iter([archives.pack(members)])


class LimitingHandler(FileUploadHandler):
    """Stops an upload as soon as one of its files grows beyond the limit."""

    def __init__(self, request: HttpRequest, limit: int) -> None:
        super().__init__(request)
        self.limit = limit

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > self.limit:
            raise Refused("file-too-large", limit=self.limit)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def guard(request: HttpRequest, files: int = 1, limit: int | None = None) -> None:
    """Refuse a body that says it is too large; count one that does not say.

    ``limit``: bytes of one file; without it, those of a bulletin.

    Raises
    ------
    Refused
        ``file-too-large``.
    """
    limit = settings.UPLOAD_MAX_BYTES if limit is None else limit
    stated = request.META.get("CONTENT_LENGTH") or "0"
    if not stated.isdigit() or int(stated) > limit * files + ENVELOPE_BYTES:
        raise Refused("file-too-large", limit=limit)
    request.upload_handlers = [LimitingHandler(request, limit), *request.upload_handlers]
