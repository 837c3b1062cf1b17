"""Asking for exports, writing them, and taking away what has expired.

Anybody may ask: an export is a way of reading. So it is bounded: by address and in all as to those
that wait, by size as to one file and all that are kept. Writing is one transaction of the worker
that ends with the file whole, its row saying so and the work item closed; what is read is one
snapshot of another connection.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.crypto import salted_hmac

from catalog import exports
from catalog.downloads import ALIAS, YEAR_BOOK_FORMATS, Answer, TooMany
from catalog.models import Export, ExportChunk, FeedCounter
from catalog.models.exports import CHUNK_BYTES, ExportQuerySet
from catalog.search import EventSearch
from processing.leases import CONNECTION, PROGRESS_SECONDS, database_now
from processing.models import LeaseLost, WorkItem
from processing.transactions import is_passing

#: After every bulletin, whatever its size.
PRIORITY = 9
#: Exports that are not ready yet.
UNFINISHED_AN_ADDRESS = 2
UNFINISHED_IN_ALL = 10
#: Of the space for exports one address may fill in a day.
SHARE_OF_AN_ADDRESS = 0.25
#: For so long nobody else's export pushes one out, and for so long an address is known by its hash.
SAFE = timedelta(days=1)
RETRY_SECONDS = 30
RETRY_LATER_SECONDS = 3600
#: Another export is being written: look again.
TURN_SECONDS = 5.0
#: An item that vanished this long ago is asked for again.
LOST = timedelta(minutes=1)

_LOCK_ASKING = 0x6B7A10
_LOCK_WRITING = 0x6B7A11

logger = logging.getLogger(__name__)


class Refused(Exception):
    """An export cannot be asked for now: a code of ``exports.PROBLEMS`` and when to try again."""

    def __init__(self, code: str, retry_seconds: int, **values: Any) -> None:
        super().__init__(code)
        self.code, self.retry_seconds, self.values = code, retry_seconds, values

    @property
    def status(self) -> int:
        return 503 if self.code == "no-room" else 429


class Failed(Exception):
    """The file cannot be made, and trying again would not help: a code and its values."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


# --- Asking ------------------------------------------------------------------------------------


def ask(
    search: EventSearch, format: str, *, address: str, language: str = "en", site: str = ""
) -> tuple[Export, bool]:
    """Return the export of a search in a format, and whether it was asked for just now.

    One that is of the catalogue as it stands, or still waits, is the same.

    Parameters
    ----------
    format
        A key of ``exports.FORMATS``.
    address
        The client's; only a keyed hash of it is kept, for a day.
    language, site
        Decide the bytes of some formats only, and are forgotten for the others.

    Raises
    ------
    Refused
        Too many wait, or there is no room.
    """
    language = language if format in YEAR_BOOK_FORMATS else ""
    site = site if format == "kml" else ""
    query = search.to_query(without=("format", "nodata"))
    key = exports.key_of(query, format, language, site)
    with transaction.atomic():
        _lock(_LOCK_ASKING)
        expire(Export.objects.filter(key=key, expires_at__lte=database_now()))
        version = FeedCounter.current()
        same = _same(key, version)
        if same is not None:
            return same, False
        asker = _hash(address)
        _check_limits(asker)
        try:
            with transaction.atomic():
                export = Export.objects.create(
                    search=query,
                    format=format,
                    language=language,
                    site=site,
                    key=key,
                    asked_version=version,
                    asker=asker,
                    asked_at=database_now(),
                )
        except IntegrityError:
            # Its snapshot was taken and the catalogue changed, all since the question above.
            return Export.objects.exclude(status__in=_ENDED).get(
                key=key, asked_version=version
            ), False
        WorkItem.objects.request("export", export.pk, priority=PRIORITY)
    return export, True


_ENDED = (Export.Status.FAILED, Export.Status.EXPIRED)


def _same(key: str, version: int) -> Export | None:
    """Return an export that holds, or will hold, what is asked for."""
    status = Export.Status
    return (
        Export.objects.filter(key=key)
        .filter(
            Q(status=status.WAITING)  # its snapshot is still to come
            | Q(status=status.RUNNING, catalogue_version=None, asked_version=version)
            | Q(status__in=(status.RUNNING, status.DONE), catalogue_version=version)
        )
        .order_by("pk")
        .last()
    )


def _check_limits(asker: str) -> None:
    unfinished = Export.objects.unfinished()
    if unfinished.filter(asker=asker).count() >= UNFINISHED_AN_ADDRESS:
        raise Refused("too-many-of-address", RETRY_SECONDS, most=UNFINISHED_AN_ADDRESS)
    if unfinished.count() >= UNFINISHED_IN_ALL:
        raise Refused("too-many-in-all", RETRY_SECONDS, most=UNFINISHED_IN_ALL)
    kept = Export.objects.kept().asked_for()
    share = settings.EXPORT_SPACE_BYTES * SHARE_OF_AN_ADDRESS
    if kept.filter(asker=asker).total_size() >= share:
        raise Refused("too-much-of-address", RETRY_LATER_SECONDS)
    if kept.total_size() - _removable().total_size() >= settings.EXPORT_SPACE_BYTES:
        raise Refused("no-room", RETRY_LATER_SECONDS)


def _hash(address: str) -> str:
    """Return what an address is counted by: of IPv6 the /64, which is one customer's."""
    try:
        read = ip_address(address)
    except ValueError:
        place = address
    else:
        place = str(IPv6Address(int(read) >> 64 << 64) if isinstance(read, IPv6Address) else read)
    return salted_hmac("catalog.export", place, algorithm="sha256").hexdigest()


def _lock(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


# --- Writing -----------------------------------------------------------------------------------


def is_turn() -> bool:
    """Take the turn until the transaction ends; False while another export is being written.

    One at a time: with two processes of a worker, one is always free for bulletins.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK_WRITING])
        return bool(cursor.fetchone()[0])


def write(item: WorkItem) -> None:
    """Write the file of an export in the caller's transaction.

    Raises
    ------
    Failed
        The file cannot be made.
    LeaseLost
        Another worker has the item.
    """
    export = Export.objects.get(pk=item.object_id)
    if export.is_over:
        return
    search = exports.search_in(export)
    show = _Progress(item)
    writer = exports.writer_of(export, show, settings.EXPORT_MAX_BYTES)
    file = _File(export, settings.EXPORT_MAX_BYTES)
    counted = exports.FORMATS[export.format].is_counted
    with closing(Answer(search, writer)) as answer:
        total = None
        if counted:  # by the same snapshot
            total = search.sent_of(search.matching().using(ALIAS).count())
        show.begin(answer.version, total)
        try:
            for data in _pieces(answer):
                file.add(data)
                show.hold()
        except TooMany as error:
            raise Failed("too-many", most=error.most) from error
        except exports.TooLarge as error:
            raise Failed("too-large", limit=settings.EXPORT_MAX_BYTES) from error
    _make_room(file.size)
    finished = database_now()
    Export.objects.filter(pk=export.pk).update(
        status=Export.Status.DONE,
        catalogue_version=answer.version,
        events_total=total,
        events_done=total or 0,
        size=file.size,
        sha256=file.digest.hexdigest(),
        content=file.content,
        file_name=f"kazakhstan-earthquakes-{answer.version}-{export.public_id[:6]}"
        f".{writer.extension}",
        media_type=writer.content_type,
        finished_at=finished,
        expires_at=finished + timedelta(days=settings.EXPORT_DAYS),
    )
    logger.info(
        "export %(export)s: %(format)s, %(events)s events, %(size)d bytes",
        {"export": export.pk, "format": export.format, "events": total, "size": file.size},
    )


def keep(
    data: Iterable[bytes],
    *,
    key: str,
    format: str,
    search: str,
    version: int,
    file_name: str,
    media_type: str,
) -> Export:
    """Store a finished file that is kept for ever, one of an edition, in the caller's transaction.

    Parameters
    ----------
    key
        Like no other file's: what tells it from exports that anybody asks for.
    version
        The catalogue's version of the snapshot that is read.

    Raises
    ------
    Failed
        The file grows too large.
    """
    now = database_now()
    export = Export.objects.create(
        search=search,
        format=format,
        key=hashlib.sha256(key.encode()).hexdigest(),
        asked_version=version,
        asked_at=now,
        status=Export.Status.RUNNING,
        started_at=now,
    )
    file = _File(export, settings.EXPORT_MAX_BYTES)
    try:
        for piece in _pieces(data):
            file.add(piece)
    except exports.TooLarge as error:
        raise Failed("too-large", limit=settings.EXPORT_MAX_BYTES) from error
    export.status = Export.Status.DONE
    export.catalogue_version = version
    export.size, export.sha256, export.content = file.size, file.digest.hexdigest(), file.content
    export.file_name, export.media_type = file_name, media_type
    export.finished_at = database_now()
    export.save()
    return export


def fail(export_id: int, code: str, values: dict[str, Any]) -> None:
    """End an export that cannot be made."""
    Export.objects.unfinished().filter(pk=export_id).update(
        status=Export.Status.FAILED,
        problem_code=code,
        problem=values,
        finished_at=database_now(),
    )


def _pieces(batches: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into pieces of ``CHUNK_BYTES``; the last is what is left."""
    held = bytearray()
    for batch in batches:
        held += batch
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


class _File:
    """The file as far as it is written."""

    def __init__(self, export: Export, limit: int) -> None:
        self.content: UUID = uuid4()
        self.digest = hashlib.sha256()
        self.size = 0
        self._export, self._limit, self._ordinal = export, limit, 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit:
            raise exports.TooLarge
        self.digest.update(data)
        ExportChunk.objects.create(
            export=self._export, content=self.content, ordinal=self._ordinal, data=data
        )
        self._ordinal += 1


class _Progress:
    """How far an export is, seen at once by who watches it, for as long as the lease is ours."""

    def __init__(self, item: WorkItem) -> None:
        self._item = item
        self._written = 0.0
        self._done = 0

    def begin(self, version: int, total: int | None) -> None:
        """Say that the snapshot is taken, of which version, and how many events it has."""
        self._update(
            "status = 'running', started_at = clock_timestamp(), events_done = 0,"
            " catalogue_version = %s, events_total = %s",
            [version, total],
        )

    def __call__(self, done: int) -> None:
        self._done = done
        self.hold()

    def hold(self) -> None:
        """Write how far it is, not too often.

        Raises
        ------
        LeaseLost
            If another worker has the item: this one's file is for nothing.
        """
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            self._update("events_done = %s", [self._done])

    def _update(self, columns: str, values: list[Any]) -> None:
        self._written = time.monotonic()
        item = self._item
        try:
            with connections[CONNECTION].cursor() as cursor:
                cursor.execute("SET lock_timeout = 2000")
                cursor.execute(
                    f"UPDATE catalog_export SET {columns}"  # noqa: S608
                    " WHERE id = %s AND status IN ('waiting', 'running') AND EXISTS ("
                    "SELECT 1 FROM processing_workitem WHERE id = %s AND lease_owner = %s"
                    " AND state = 'open')",
                    [*values, item.object_id, item.pk, item.lease_owner],
                )
                held = cursor.rowcount
        except OperationalError as error:
            if not is_passing(error):
                raise
            logger.info("progress of export %s not shown: %s", item.object_id, error)
            return
        if not held:
            raise LeaseLost(f"{item} is no longer held by {item.lease_owner}")


# --- Room --------------------------------------------------------------------------------------


def _removable() -> ExportQuerySet:
    """Those that may go before their time for the sake of others; of one kept for ever: never."""
    return (
        Export.objects.kept()
        .filter(expires_at__isnull=False, finished_at__lt=database_now() - SAFE)
        .order_by("finished_at", "pk")
    )


def _make_room(size: int) -> None:
    """Let the oldest exports go until there is room for one more.

    Raises
    ------
    Failed
        If what may go is not enough.
    """
    wanted = Export.objects.kept().asked_for().total_size() + size - settings.EXPORT_SPACE_BYTES
    going = []
    for pk, freed in _removable().values_list("pk", "size"):
        if wanted <= 0:
            break
        going.append(pk)
        wanted -= freed or 0
    if wanted > 0:
        raise Failed("no-room")
    expire(Export.objects.filter(pk__in=going))


def expire(exports: ExportQuerySet) -> int:
    """Let exports that are ready go; return how many. The sweep takes their bytes away.

    Not here: deleting gigabytes takes longer than a request may.
    """
    return exports.kept().update(status=Export.Status.EXPIRED, expires_at=database_now())


def _take_away() -> None:
    """Delete the bytes of what has expired; the rows stay, so that their addresses can say so."""
    gone = Export.objects.filter(status=Export.Status.EXPIRED, content__isnull=False)
    for pk in list(gone.values_list("pk", flat=True)):
        with transaction.atomic():
            ExportChunk.objects.filter(export=pk).delete()
            Export.objects.filter(pk=pk).update(content=None)
        logger.info("export %d expired", pk)


def sweep() -> None:
    """Take away what has expired, forget who asked, and end or revive what nobody works on."""
    now = database_now()
    expire(Export.objects.filter(expires_at__lte=now))
    _take_away()
    Export.objects.exclude(asker="").filter(
        Q(status__in=_ENDED) | Q(asked_at__lt=now - SAFE)
    ).exclude(status__in=Export.UNFINISHED).update(asker="")
    items = WorkItem.objects.filter(kind="export", object_id=OuterRef("pk"))
    idle = Export.objects.unfinished().exclude(Exists(items.filter(state=WorkItem.State.OPEN)))
    parked = idle.filter(Exists(items.filter(state=WorkItem.State.PARKED)))
    for pk in list(parked.values_list("pk", flat=True)):
        fail(pk, "work-parked", {})
    for pk in list(idle.filter(asked_at__lt=now - LOST).values_list("pk", flat=True)):
        with transaction.atomic():
            WorkItem.objects.request("export", pk, priority=PRIORITY)
