"""Keep the map's tiles in step with the read side.

Only the stretches of time that changes since the manifest's version touched are packed anew: where
an event stands now, and where it stood before it moved, was merged or deleted. All is read in one
snapshot without a lock; then one short transaction puts the new manifest in the place of the one it
began with. Whoever comes second, or was killed, has stored nothing; so there is always one right
manifest.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connections
from numpy.typing import NDArray

from catalog import binary_copy
from catalog.downloads import ALIAS, one_snapshot
from catalog.formats import map_tiles
from catalog.formats.map_tiles import MOST_EVENTS, Period
from catalog.models import FeedCounter, MapManifest, MapTile
from catalog.querysets import COUNTED_STATUSES
from processing.leases import database_now
from processing.models import WorkItem
from processing.transactions import Overtaken, retried, writing

KIND = "map-tiles"
#: After duty bulletins and their events, before archives.
PRIORITY = 4
#: A page that is open may still ask for a tile of its manifest.
KEPT = timedelta(days=7)
#: Work that was given up is asked for again after this.
PAUSE = timedelta(minutes=10)
#: Packs as small as nine within a thousandth, in a fifth of the time.
GZIP_LEVEL = 6

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """What a snapshot gives: its version, the manifest's tiles, those that are new, packed."""

    version: int
    tiles: list[dict[str, Any]]
    new: list[MapTile]


def make(finish: Callable[[], None] = lambda: None, *, anew: bool = False) -> Made | None:
    """Bring the tiles up to date; return what was made, ``None`` if nothing had changed.

    Parameters
    ----------
    finish
        Called in the transaction that stores the manifest, to close the work item.
    anew
        Pack every tile, whatever changed.
    """

    def attempt() -> Made | None:
        begun = MapManifest.current()
        with one_snapshot() as version:
            made = None
            if anew or begun is None or begun.version != version:
                made = _made(None if anew else begun, version)
        with writing():
            if made is not None:
                _store(made, None if begun is None else begun.version)
            remove_retired()
            finish()
        return made

    made = retried(attempt)
    if made is not None:
        logger.info(
            "map tiles of version %(version)d: %(tiles)d, of them %(new)d new",
            {"version": made.version, "tiles": len(made.tiles), "new": len(made.new)},
        )
    return made


def request_if_changed() -> bool:
    """Ask for new tiles if the catalogue has changed since they were made."""
    remove_retired()
    current = MapManifest.current()
    if current is not None and current.version == FeedCounter.current():
        return False
    last = WorkItem.objects.filter(kind=KIND).order_by("-created_at").first()
    if last is not None and last.state == WorkItem.State.OPEN:
        return False
    if (
        last is not None
        and last.state == WorkItem.State.PARKED
        and database_now() < last.created_at + PAUSE
    ):
        return False
    WorkItem.objects.request(KIND, 0, priority=PRIORITY)
    return True


def remove_retired() -> None:
    """Delete tiles that no open page asks for any more."""
    MapTile.objects.filter(retired_at__lt=database_now() - KEPT).delete()


# --- Making -------------------------------------------------------------------------------------


def _made(begun: MapManifest | None, version: int) -> Made:
    """Read and pack what changed, in the snapshot that is open."""
    made = None
    if begun is not None and begun.version is not None and begun.version < version:
        made = _made_where(begun, version, _touched(begun.version))
        held, counted = sum(tile["count"] for tile in made.tiles), _count()
        if held != counted:  # rows that no change tells of
            logger.warning("map tiles hold %d events of %d, all are made anew", held, counted)
            made = None
    return made or _made_where(None, version, None)


def _made_where(begun: MapManifest | None, version: int, touched: set[int] | None) -> Made:
    """Pack the tiles of the months that were touched, ``None``: of all; keep the others."""
    decades = None if touched is None else {map_tiles.decade_of(month) for month in touched}
    kept: dict[Period, dict[str, Any]] = {}
    told: dict[Period, dict[str, Any]] = {}
    for tile in [] if begun is None else begun.tiles:
        period = _period(tile)
        if decades is not None and map_tiles.decade_of(period.month) not in decades:
            told[period] = tile
        elif touched is not None and touched.isdisjoint(_months(period)):
            kept[period] = tile
    new: list[MapTile] = []
    for period in map_tiles.periods(_counts(decades), MOST_EVENTS):
        if period in kept:  # its decade was touched elsewhere
            told[period] = kept[period]
            continue
        tile = _packed(period)
        new.append(tile)
        told[period] = {
            "hash": tile.hash,
            "kind": tile.kind,
            "start": tile.start_ms,
            "end": tile.end_ms,
            "count": tile.count,
            "bytes": tile.size,
        }
    return Made(version, [told[period] for period in sorted(told, reverse=True)], new)


def _packed(period: Period) -> MapTile:
    events = _events(period)
    body = map_tiles.encode_tile(events, period.start_ms, period.unit_ms)
    return MapTile(
        hash=hashlib.sha256(body).hexdigest()[:32],
        kind=period.kind,
        start_ms=period.start_ms,
        end_ms=period.end_ms,
        count=len(events),
        size=len(body),
        body=gzip.compress(body, GZIP_LEVEL, mtime=0),
    )


def _period(tile: Mapping[str, Any]) -> Period:
    start, end = (
        int(np.datetime64(tile[name], "ms").astype("datetime64[M]").astype(np.int64))
        for name in ("start", "end")
    )
    return Period(start, end - start)


def _months(period: Period) -> range:
    return range(period.month, period.month + period.months)


# --- Reading ------------------------------------------------------------------------------------

#: The month of a time; by arithmetic on year and month it takes three times as long.
_MONTH = "date_trunc('month', {} AT TIME ZONE 'UTC')"
_STATUSES = list(COUNTED_STATUSES)


def _touched(since: int) -> set[int]:
    """Return the months where events stand or stood that changed after a version."""
    now, was, last = (
        _MONTH.format(time)
        for time in (
            "r.time",
            "(c.details->'was'->>'time')::timestamptz",
            "(c.details->'last'->>'time')::timestamptz",
        )
    )
    return {
        _number(month)
        for (month,) in _rows(
            f"""
            SELECT DISTINCT {now} FROM catalog_change c
            JOIN catalog_eventrow r ON r.event_id = c.event_id WHERE c.number > %(since)s
            UNION SELECT DISTINCT {was} FROM catalog_change c
            WHERE c.number > %(since)s AND c.details ? 'was'
            UNION SELECT DISTINCT {last} FROM catalog_change c
            WHERE c.number > %(since)s AND c.details ? 'last'
            """,  # noqa: S608 - columns of ours
            {"since": since},
        )
    }


def _counts(decades: Iterable[int] | None) -> dict[int, int]:
    """Return the events of each month, of all decades or of some; read from the index alone."""
    month = _MONTH.format("time")
    asked = f"SELECT {month}, count(*) FROM catalog_eventrow WHERE status = ANY(%(statuses)s)"  # noqa: S608
    if decades is None:
        rows = _rows(f"{asked} GROUP BY 1", {"statuses": _STATUSES})
        return {_number(month): count for month, count in rows}
    counts: dict[int, int] = {}
    for decade in decades:
        start, end = _limits(Period(decade, 120))
        within = {"statuses": _STATUSES, "start": start, "end": end}
        asked_within = f"{asked} AND time >= %(start)s AND time < %(end)s GROUP BY 1"
        counts.update((_number(month), count) for month, count in _rows(asked_within, within))
    return counts


def _number(month: datetime) -> int:
    """Return the number of a month, 1970-01 being 0."""
    return 12 * (month.year - 1970) + month.month - 1


def _count() -> int:
    ((count,),) = _rows(
        "SELECT count(*) FROM catalog_eventrow WHERE status = ANY(%(statuses)s)",
        {"statuses": _STATUSES},
    )
    return int(count)


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _limits(period: Period) -> tuple[datetime, datetime]:
    """Return begin and end of a period, as far as the database's client has such times."""
    return _time(period.start_ms, datetime.min), _time(period.end_ms, datetime.max)


def _time(ms: int, beyond: datetime) -> datetime:
    try:
        time = datetime(1970, 1, 1) + timedelta(milliseconds=ms)
    except OverflowError:
        time = beyond
    return time.replace(tzinfo=UTC)


#: Of an id that is no plain text of 20 letters at most; such an id is asked for by its event.
_NO_ID = "'\\x" + "00" * 20 + "'::bytea"
#: What COPY sends of one event.
_COPIED = (
    ("event_id", "event_id", ">i8"),
    ("time_us", "(extract(epoch FROM time) * 1000000)::bigint", ">i8"),
    (
        "public_id",
        "CASE WHEN octet_length(public_id) = length(public_id) THEN convert_to(public_id, 'UTF8')"
        f" || substr({_NO_ID}, 1, 20 - length(public_id)) ELSE {_NO_ID} END",
        "S20",
    ),
    ("latitude", "latitude", ">f8"),
    ("longitude", "longitude", ">f8"),
    ("depth_km", "coalesce(depth_km, 'NaN')", ">f8"),
    ("kr", "coalesce(kr, 'NaN')", ">f8"),
    ("mpva", "coalesce(mpva, 'NaN')", ">f8"),
    ("magnitude", "coalesce(magnitude, 'NaN')", ">f8"),
    ("felt", "felt", "?"),
    ("synthetic", "synthetic", "?"),
    ("mechanism", "has_mechanism", "?"),
    ("minute_precision", "minute_precision", "?"),
    (
        "kind",
        "CASE "
        + " ".join(f"WHEN event_type = ANY(%(kind{k})s) THEN {k}::int2" for k in map_tiles.KINDS)
        + f" ELSE {map_tiles.OTHER_KIND}::int2 END",
        ">i2",
    ),
)
_QUESTION = (
    f"SELECT {', '.join(expression for _, expression, _ in _COPIED)} FROM catalog_eventrow"  # noqa: S608
    " WHERE status = ANY(%(statuses)s) AND time >= %(start)s AND time < %(end)s"
    " ORDER BY time, event_id"
)
_SENT = binary_copy.row_of(*((name, form) for name, _, form in _COPIED))


def _events(period: Period) -> NDArray[Any]:
    """Return the events of a period in the order of a tile."""
    start, end = _limits(period)
    parameters: dict[str, Any] = {"statuses": _STATUSES, "start": start, "end": end}
    parameters |= {f"kind{kind}": list(types) for kind, types in map_tiles.KINDS.items()}
    (sent,) = binary_copy.batches(connections[ALIAS], _QUESTION, parameters, _SENT)
    events = np.empty(len(sent), map_tiles.EVENT)
    for name in map_tiles.EVENT.names or ():
        events[name] = sent[name]
    unread = sent["public_id"] == b""
    if unread.any():
        events["public_id"][unread] = list(_public_ids(sent["event_id"][unread]))
    return events


def _public_ids(keys: NDArray[Any]) -> Iterator[str]:
    ids = dict(
        _rows(
            "SELECT event_id, public_id FROM catalog_eventrow WHERE event_id = ANY(%(keys)s)",
            {"keys": keys.tolist()},
        )
    )
    return (ids[key] for key in keys.tolist())


# --- Storing ------------------------------------------------------------------------------------


def _store(made: Made, begun: int | None) -> None:
    """Put the manifest in the place of the one that was begun with.

    Raises
    ------
    Overtaken
        Another worker was faster: it must be done again from what that one left.
    """
    MapManifest.objects.get_or_create(pk=1)
    manifest = MapManifest.objects.select_for_update().get(pk=1)
    if manifest.version != begun:
        raise Overtaken("map tiles were made meanwhile")
    now = database_now()
    hashes = [tile["hash"] for tile in made.tiles]
    # First those that come back: one just being deleted is then missing below, and stored anew.
    MapTile.objects.filter(hash__in=hashes, retired_at__isnull=False).update(retired_at=None)
    MapTile.objects.bulk_create(made.new, batch_size=100, ignore_conflicts=True)
    MapTile.objects.filter(retired_at__isnull=True).exclude(hash__in=hashes).update(retired_at=now)
    manifest.version, manifest.tiles, manifest.made_at = made.version, made.tiles, now
    manifest.save()
