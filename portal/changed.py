"""What became of a search's events since a version of the catalogue.

A change tells which event it touched and which of its columns; the values before it are not kept.
So an event that was *updated* may have come into the search, or left it, only if one of the changed
columns is one the search asks about: then we say that we cannot tell. A *deleted* or *merged* event
left its last place, time and size with the change, which decide most searches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.gis.geos import Point, Polygon
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from catalog.models import Change, EventRow
from catalog.querysets import COUNTED_STATUSES
from catalog.scales import SCALES
from catalog.search import Count, EventSearch, short_id
from processing.core import geodesy

#: Events looked at for each kind of change; beyond it numbers say "more than".
MOST = 5000
#: Events listed, the latest changes first.
LISTED = 100

CREATED, UPDATED, DELETED, MERGED = "created", "updated", "deleted", "merged"
#: Changed in a column the search asks about, and does not match now: it may have matched then.
LEFT = "left"
KINDS = (CREATED, UPDATED, DELETED, MERGED, LEFT)

_ALIVE = (Change.Kind.CREATED, Change.Kind.UPDATED)
_PLACE = frozenset(("point", "latitude", "longitude"))

#: Search word -> the columns that decide it. A word that is not here is decided by who knows what.
_COLUMNS: dict[str, frozenset[str]] = {
    "starttime": frozenset(("time",)),
    "endtime": frozenset(("time",)),
    **dict.fromkeys(
        (
            "minlatitude", "maxlatitude", "minlongitude", "maxlongitude", "latitude", "longitude",
            "minradius", "maxradius", "minradiuskm", "maxradiuskm", "polygon", "settlement",
        ),
        _PLACE,
    ),
    "mindepth": frozenset(("depth_km",)),
    "maxdepth": frozenset(("depth_km",)),
    **{
        f"{end}{scale.lower()}": frozenset((scale.lower(),))
        for end in ("min", "max")
        for scale in SCALES
    },
    "felt": frozenset(("felt",)),
    "minintensity": frozenset(("max_intensity",)),
    "minfelt": frozenset(("felt_report_count",)),
    "mincdi": frozenset(("max_cdi",)),
    "maxcdi": frozenset(("max_cdi",)),
    "eventtype": frozenset(("event_type",)),
    "agency": frozenset(("agencies",)),
    "catalog": frozenset(("catalog",)),
    "contributor": frozenset(("contributor",)),
    "status": frozenset(("status",)),
    "synthetic": frozenset(("synthetic",)),
    "hasmechanism": frozenset(("has_mechanism",)),
    "faultingstyle": frozenset(("faulting_style",)),
    "mingap": frozenset(("azimuthal_gap",)),
    "maxgap": frozenset(("azimuthal_gap",)),
    "minstations": frozenset(("station_count",)),
    "eventid": frozenset(),
}  # fmt: skip
_ANSWER = {"orderby", "limit", "offset"}


def columns_asked(search: EventSearch) -> frozenset[str] | None:
    """Return the columns that decide whether an event matches; ``None``: perhaps any."""
    asked: set[str] = set() if search.says_status else {"status"}
    for word in search.words():
        if word in ("minmagnitude", "maxmagnitude", "magnitudetype"):
            asked.add(search.magnitude_column)
        elif word in _COLUMNS:
            asked |= _COLUMNS[word]
        elif word not in _ANSWER:
            return None
    return frozenset(asked)


@dataclass(frozen=True, slots=True)
class ChangedEvent:
    """One event of the list: what became of it, by which change, and where to find it."""

    kind: str
    public_id: str
    number: int
    at: datetime | None
    #: Its row now; ``None`` when it left the catalogue.
    row: EventRow | None = None
    #: What was last said of an event that left.
    last: dict[str, Any] = field(default_factory=dict)
    #: The event it was merged into.
    into: str = ""
    #: False where it cannot be told whether it matched then.
    certain: bool = True

    @property
    def time(self) -> datetime | None:
        """Its origin time, the last known."""
        if self.row is not None:
            return self.row.time
        return datetime.fromisoformat(self.last["time"]) if "time" in self.last else None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": self.public_id,
            "kind": self.kind,
            "change": self.number,
            "certain": self.certain,
        }
        return found | ({"into": self.into} if self.into else {})


@dataclass(frozen=True, slots=True)
class WhatChanged:
    """The changes of a search's events between two versions of the catalogue."""

    then: int
    now: int
    count: Count
    #: Kind -> number of events; not ``exact`` where there are more than ``MOST``.
    counts: dict[str, int]
    exact: bool
    #: Least and most events that matched then; ``None`` where it is not known.
    count_then: tuple[int, int] | None
    listed: tuple[ChangedEvent, ...]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def what_changed(search: EventSearch, version: int, now: int) -> WhatChanged:
    """Compare a search's answer with that of an earlier version of the catalogue.

    Parameters
    ----------
    version, now
        Change numbers; ``version <= now``.
    """
    search = search.replace(limit=None, offset=1)
    asked = columns_asked(search)
    present = list(_present(search, version, asked))
    gone = list(_gone(version, asked)[: MOST + 1])
    left = list(_left(search, version, asked)[: MOST + 1])
    exact = all(len(found) <= MOST for found in (present, gone, left))

    found: list[_Found] = []
    for key, number, existed, moved in present:
        kind = UPDATED if existed else CREATED
        found.append(_Found(kind, key, number, certain=not (existed and moved)))
    for change in _last_of_each(gone):
        matched = matched_then(search, change)
        if matched is not False:
            kind = MERGED if change.kind == Change.Kind.MERGED else DELETED
            certain = matched is True and not change.moved
            found.append(_Found(kind, change.event_id, change.number, certain, change))
    for change in _last_of_each(left):
        found.append(_Found(LEFT, change.event_id, change.number, False, change))

    count = search.count()
    counts = {kind: sum(event.kind == kind for event in found) for kind in KINDS}
    went = sum(event.kind in (DELETED, MERGED) and event.certain for event in found)
    perhaps_came = sum(event.kind == UPDATED and not event.certain for event in found)
    unsure = sum(not event.certain for event in found)
    least = count.value - counts[CREATED] - perhaps_came + went
    return WhatChanged(
        then=version,
        now=now,
        count=count,
        counts=counts,
        exact=exact,
        count_then=(max(0, least), least + unsure) if exact and count.exact else None,
        listed=_listed(sorted(found, key=lambda event: -event.number)[:LISTED]),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """An event before its row is fetched."""

    kind: str
    key: int
    number: int
    certain: bool
    change: Change | None = None


def _listed(found: Sequence[_Found]) -> tuple[ChangedEvent, ...]:
    """Return the events with their rows; one that left meanwhile has none."""
    rows = EventRow.objects.defer("fdsn_text", "csv_line").in_bulk([event.key for event in found])
    listed = []
    for event in found:
        row, change = rows.get(event.key), event.change
        details = change.details if change else {}
        if row is not None or change is not None:
            listed.append(
                ChangedEvent(
                    kind=event.kind,
                    public_id=_id_of(row, change),
                    number=event.number,
                    at=_time_of(row, change),
                    row=row,
                    last=details.get("last") or {},
                    into=details.get("into", ""),
                    certain=event.certain,
                )
            )
    return tuple(listed)


def _id_of(row: EventRow | None, change: Change | None) -> str:
    return row.public_id if row is not None else change.event.public_id if change else ""


def _time_of(row: EventRow | None, change: Change | None) -> datetime | None:
    return change.at if change is not None else row.updated_at if row is not None else None


def _kind_then(version: int) -> Subquery:
    """Return the kind of an event's last change up to a version."""
    earlier = Change.objects.filter(event=OuterRef("event_id"), number__lte=version)
    return Subquery(earlier.order_by("-number").values("kind")[:1])


def _touched(version: int, asked: frozenset[str] | None) -> Q:
    """Return the condition on changes since a version that may move an event in or out."""
    since = Q(number__gt=version, kind=Change.Kind.UPDATED)
    if asked is None:
        return since
    return since & Q(details__changed__has_any_keys=sorted(asked))


def _moved(version: int, asked: frozenset[str] | None) -> Exists:
    return Exists(Change.objects.filter(_touched(version, asked), event=OuterRef("event_id")))


def _present(
    search: EventSearch, version: int, asked: frozenset[str] | None
) -> Iterable[tuple[int, int, bool, bool]]:
    """Matching now and changed since: key, number, whether it was there then, whether it moved."""
    rows: Iterable[tuple[int, int, bool, bool]] = (
        search.matching()
        .filter(change_number__gt=version)
        .annotate(kind_then=_kind_then(version))
        .annotate(existed=Q(kind_then__in=_ALIVE), moved=_moved(version, asked))
        .order_by("-change_number")
        .values_list("event_id", "change_number", "existed", "moved")[: MOST + 1]
    )
    return rows


def _gone(version: int, asked: frozenset[str] | None) -> QuerySet[Change]:
    """The changes by which events left that were there at a version and are not now."""
    return (
        Change.objects.filter(
            number__gt=version, kind__in=(Change.Kind.DELETED, Change.Kind.MERGED)
        )
        .filter(event__row__isnull=True)
        .annotate(kind_then=_kind_then(version), moved=_moved(version, asked))
        .filter(kind_then__in=_ALIVE)
        .select_related("event")
        .order_by("-number")
    )


def _left(search: EventSearch, version: int, asked: frozenset[str] | None) -> QuerySet[Change]:
    """The changes since a version that may have moved events out of the search."""
    if asked is not None and not asked:
        return Change.objects.none()
    return (
        Change.objects.filter(_touched(version, asked), event__row__isnull=False)
        .annotate(kind_then=_kind_then(version))
        .filter(
            ~Exists(search.matching().filter(event_id=OuterRef("event_id"))),
            kind_then__in=_ALIVE,
        )
        .select_related("event")
        .order_by("-number")
    )


def _last_of_each(changes: Iterable[Any]) -> list[Any]:
    """Return the latest change of each event; they come latest first."""
    found: dict[int, Any] = {}
    for change in changes:
        found.setdefault(change.event_id, change)
    return list(found.values())


# --- What left -----------------------------------------------------------------------------------


def matched_then(search: EventSearch, change: Change) -> bool | None:
    """Tell whether an event that left matched before; ``None`` where its last words do not tell."""
    last: dict[str, Any] = change.details.get("last") or {}
    if not last:
        return None
    told = _told_limits(search, last, change)
    if not all(check() for check in told.values()):
        return False
    untold = set(search.words()) - set(told) - _ANSWER
    return None if untold else True


def _told_limits(
    search: EventSearch, last: dict[str, Any], change: Change
) -> dict[str, Callable[[], bool]]:
    """Return the search's words that the last values of an event decide, each with its answer."""
    time = datetime.fromisoformat(last["time"])
    values: dict[str, Any] = {
        "starttime": time,
        "endtime": time,
        "minlatitude": last["latitude"],
        "maxlatitude": last["latitude"],
        "mindepth": last.get("depth_km"),
        "maxdepth": last.get("depth_km"),
        "minkr": last.get("kr"),
        "maxkr": last.get("kr"),
    }
    if search.magnitudetype is None:
        values |= {"minmagnitude": last.get("magnitude"), "maxmagnitude": last.get("magnitude")}
    checks: dict[str, Callable[[], bool]] = {
        word: lambda word=word, value=value: _limited(search, word, value)  # type: ignore[misc]
        for word, value in values.items()
        if getattr(search, word) is not None
    }
    west, east = search.minlongitude, search.maxlongitude
    longitude, latitude = last["longitude"], last["latitude"]
    for word in ("minlongitude", "maxlongitude"):
        if getattr(search, word) is not None:
            checks[word] = lambda: _between(longitude, west, east)
    if search.polygon is not None:
        checks["polygon"] = lambda: _inside(search, longitude, latitude)
    if search.latitude is not None and search.longitude is not None:
        for word in ("latitude", "longitude", "minradius", "maxradius"):
            checks[word] = lambda: _in_circle(search, longitude, latitude)
        for word in ("minradiuskm", "maxradiuskm"):
            checks[word] = checks["latitude"]
    event = change.event
    if not search.says_status:
        # Changes told before automatic reports stood apart do not say it: all counted then.
        checks["status"] = lambda: last.get("status", "reviewed") in COUNTED_STATUSES
    elif search.status is not None and "status" in last:
        statuses = search.status
        checks["status"] = lambda: last["status"] in statuses
    if search.synthetic is not None:
        checks["synthetic"] = lambda: event.synthetic == search.synthetic
    if search.eventtype is not None:
        types = search.eventtype
        checks["eventtype"] = lambda: (event.event_type or "unknown") in types
    if search.eventid is not None:
        ids = {short_id(word) for word in search.eventid}
        checks["eventid"] = lambda: event.public_id in ids
    return checks


def _limited(search: EventSearch, word: str, value: Any) -> bool:
    limit = getattr(search, word)
    if value is None:  # what was not reported never satisfies a limit
        return False
    return bool(value <= limit if word.startswith(("max", "end")) else value >= limit)


def _between(longitude: float, west: float | None, east: float | None) -> bool:
    beyond_west = west is None or longitude >= west
    before_east = east is None or longitude <= east
    if west is not None and east is not None and west > east:  # across the date line
        return beyond_west or before_east
    return beyond_west and before_east


def _inside(search: EventSearch, longitude: float, latitude: float) -> bool:
    corners = search.polygon or ()
    ring = Polygon((*corners, corners[0]))
    return any(bool(ring.intersects(Point(x, latitude))) for x in (longitude, longitude + 360))


def _in_circle(search: EventSearch, longitude: float, latitude: float) -> bool:
    centre = (search.latitude or 0.0, search.longitude or 0.0)
    degrees = _degrees_apart(*centre, latitude, longitude)
    kilometres = float(geodesy.ellipsoid_distance_km(*centre, latitude, longitude))
    return (
        (search.minradius is None or degrees >= search.minradius)
        and (search.maxradius is None or degrees <= search.maxradius)
        and (search.minradiuskm is None or kilometres >= search.minradiuskm)
        and (search.maxradiuskm is None or kilometres <= search.maxradiuskm)
    )


def _degrees_apart(
    latitude_1: float, longitude_1: float, latitude_2: float, longitude_2: float
) -> float:
    """Return the angle between two points on the sphere [deg] (haversine)."""
    a, b = math.radians(latitude_1), math.radians(latitude_2)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(longitude_2 - longitude_1) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))
