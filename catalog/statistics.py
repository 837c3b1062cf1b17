"""What the numbers of a search say: events by class, in time, by depth and hour, and their energy.

PostgreSQL goes through the events once and groups them; what comes back is small whatever the
search finds. Only energy classes that were measured or reported count as such: no size is made
from another, and events without a class are counted apart.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import EmptyResultSet
from django.db import connection

from catalog.recurrence import Slope, slope
from catalog.search import EventSearch

#: West, south, east, north of the Northern Tien Shan's frame [deg]; its border belongs to it. It is
#: SOME's, the rest of Kazakhstan KNDC's.
NORTHERN_TIEN_SHAN = (75.0, 41.67, 80.0, 45.0)
#: From this class on the catalogue is held complete: a default, not fitted to any selection.
COMPLETE_FROM = {"northern-tien-shan": 8, "elsewhere": 9}
#: What energy classes are rounded to before their slope is fitted.
KR_STEP = 0.1
#: Depths are counted by so many km, those from the deepest bound on together.
DEPTH_STEP_KM, DEEPEST_KM = 5, 100
#: Civil time that hours are told in beside UTC.
LOCAL_ZONE = "Asia/Almaty"

Unit = Literal["day", "month", "year"]
#: The longest span [days] told by day, and by month; longer ones are told by year.
BY_DAY, BY_MONTH = 400, 366 * 30

_GROUPS = """
SELECT
    grouping(kr_step, kr_class, in_frame) = 0, grouping(day) = 0, grouping(depth) = 0,
    grouping(utc_hour, local_hour, utc_offset) = 0,
    kr_step, kr_class, in_frame, day, depth, utc_hour, local_hour, utc_offset,
    count(*), count(kr), coalesce(sum(power(10.0::float8, kr)), 0.0),
    count(*) FILTER (WHERE is_fixed), count(*) FILTER (WHERE synthetic),
    count(*) FILTER (WHERE is_converted), min(time), max(time)
FROM (
    SELECT time, kr, synthetic, is_converted,
        depth_type = 'operator assigned' AS is_fixed,
        round(kr / {step})::int AS kr_step,
        ceil(round((kr - 0.5) * 1e6) / 1e6)::int AS kr_class,
        (longitude BETWEEN %s AND %s AND latitude BETWEEN %s AND %s) AS in_frame,
        (time AT TIME ZONE 'UTC')::date AS day,
        floor(depth_km / %s)::int AS depth,
        extract(hour FROM time AT TIME ZONE 'UTC')::int AS utc_hour,
        extract(hour FROM time AT TIME ZONE %s)::int AS local_hour,
        extract(epoch FROM (time AT TIME ZONE %s) - (time AT TIME ZONE 'UTC'))::int AS utc_offset
    FROM (
        SELECT time, depth_km, depth_type, latitude, longitude, synthetic,
            event_id IN ({converted}) AS is_converted,
            CASE WHEN event_id IN ({converted}) THEN NULL ELSE kr END AS kr
        FROM ({found}) found
    ) native
) told
GROUP BY GROUPING SETS (
    (kr_step, kr_class, in_frame), (day), (depth), (utc_hour, local_hour, utc_offset), ()
)
"""
_CONVERTED = """
SELECT preferred.event_id FROM catalog_magnitude converted
JOIN catalog_preferredmagnitude preferred
    ON preferred.magnitude_id = converted.id AND preferred.scale = 'KR'
WHERE converted.converted_from_id IS NOT NULL
"""
_NOTHING = (*[False] * 4, *[None] * 8, 0, 0, 0.0, 0, 0, 0, None, None)
"""The row of all events together where there is none."""
_COLUMNS = (
    "event_id", "time", "kr", "depth_km", "depth_type", "latitude", "longitude", "synthetic",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Events of one energy class; ``in_frame``: those in the Northern Tien Shan."""

    kr_class: int
    number: int
    in_frame: int


@dataclass(frozen=True, slots=True)
class PeriodCount:
    """Events from one day on, up to the next period; energy of those with a class [J]."""

    start: date
    end: date
    """The first day that no longer belongs to it."""
    number: int
    cumulative: int
    with_kr: int
    energy_j: float


@dataclass(frozen=True, slots=True)
class DepthCount:
    """Events from a depth on [km]; ``to_km`` None: and all deeper ones."""

    from_km: int
    to_km: int | None
    number: int
    fixed: int
    """Of these, depths that an analyst fixed."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The numbers of a search."""

    number: int
    synthetic: int
    with_kr: int
    converted: int
    """Events whose class was converted from another scale: they count as without one."""
    first: datetime | None
    last: datetime | None
    energy_j: float
    classes: tuple[ClassCount, ...]
    """From the smallest class to the largest, those between without events too."""
    kr_sizes: Mapping[float, int]
    """Number of events by KR rounded to ``KR_STEP``."""
    unit: Unit
    periods: tuple[PeriodCount, ...]
    """By ``unit`` from the first event to the last, those without events too."""
    energy_unit: Unit
    energies: tuple[PeriodCount, ...]
    """By month, or by year for a long span."""
    depths: tuple[DepthCount, ...]
    depth_unknown: int
    utc_hours: tuple[int, ...]
    """Number of events by hour of the day, 24 of them."""
    local_hours: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    """Offsets of local time met [s], each with the number of events then; most frequent first."""

    @property
    def in_frame(self) -> int:
        """Number of events with a class that lie in the Northern Tien Shan."""
        return sum(c.in_frame for c in self.classes)

    @property
    def complete_from(self) -> int:
        """The class from which this selection is held complete, by default."""
        inside = bool(self.with_kr) and self.in_frame == self.with_kr
        return COMPLETE_FROM["northern-tien-shan" if inside else "elsewhere"]

    @property
    def gamma(self) -> Slope | None:
        """The slope of lg N against KR from the class on that is held complete."""
        # A class begins 0.4 below its number, as halves belong to the class before.
        return slope(self.kr_sizes, round(self.complete_from - 0.4, 1), KR_STEP)


def statistics_of(search: EventSearch) -> Statistics:
    """Return the numbers of a search; its limit and order do not count.

    Raises
    ------
    OperationalError
        When the database gave it up (``catalog.downloads.was_given_up``).
    """
    events = search.matching().order_by().values(*_COLUMNS)
    try:
        found, values = events.query.sql_with_params()
    except EmptyResultSet:  # nothing can match, an unknown event id say
        return _told([_NOTHING])
    west, south, east, north = NORTHERN_TIEN_SHAN
    text = _GROUPS.format(found=found, converted=_CONVERTED, step=KR_STEP)
    with connection.cursor() as cursor:
        cursor.execute(
            text,
            [west, east, south, north, DEPTH_STEP_KM, LOCAL_ZONE, LOCAL_ZONE, *values],
        )
        rows = cursor.fetchall()
    return _told(rows)


def _told(rows: Iterable[tuple[Any, ...]]) -> Statistics:
    by_class: Counter[int] = Counter()
    inside: Counter[int] = Counter()
    sizes: Counter[float] = Counter()
    days: dict[date, tuple[int, int, float]] = {}
    depths: Counter[int | None] = Counter()
    fixed: Counter[int | None] = Counter()
    utc: Counter[int] = Counter()
    local: Counter[int] = Counter()
    offsets: Counter[int] = Counter()
    whole: dict[str, Any] = {}
    for row in rows:
        is_class, is_day, is_depth, is_hour, step, klass, in_frame, day, depth, *rest = row
        utc_hour, local_hour, offset, n, with_kr, energy, fixed_depths, *ends = rest
        if is_class:
            if klass is not None:
                by_class[klass] += n
                sizes[round(step * KR_STEP, 1)] += n
                inside[klass] += n if in_frame else 0
        elif is_day:
            days[day] = (n, with_kr, energy)
        elif is_depth:
            bound = None if depth is None else min(depth * DEPTH_STEP_KM, DEEPEST_KM)
            depths[bound] += n
            fixed[bound] += fixed_depths
        elif is_hour:
            utc[utc_hour] += n
            local[local_hour] += n
            offsets[offset] += n
        else:
            synthetic, converted, first, last = ends
            whole = {
                "number": n, "synthetic": synthetic, "with_kr": with_kr, "converted": converted,
                "first": first, "last": last, "energy_j": energy,
            }  # fmt: skip
    unit = unit_of(days)
    energy_unit: Unit = "month" if unit == "day" else unit
    known = [bound for bound in depths if bound is not None]
    return Statistics(
        **whole,
        classes=tuple(
            ClassCount(k, by_class[k], inside[k])
            for k in (range(min(by_class), max(by_class) + 1) if by_class else ())
        ),
        kr_sizes=dict(sorted(sizes.items())),
        unit=unit,
        periods=periods(days, unit),
        energy_unit=energy_unit,
        energies=periods(days, energy_unit),
        depths=tuple(
            DepthCount(
                bound,
                None if bound >= DEEPEST_KM else bound + DEPTH_STEP_KM,
                depths[bound],
                fixed[bound],
            )
            for bound in (range(min(known), max(known) + 1, DEPTH_STEP_KM) if known else ())
        ),
        depth_unknown=depths[None],
        utc_hours=tuple(utc[hour] for hour in range(24)),
        local_hours=tuple(local[hour] for hour in range(24)),
        offsets=tuple(offsets.most_common()),
    )


def unit_of(days: Iterable[date]) -> Unit:
    """Return what a span of days is told by, so that a drawing has some hundred parts at most."""
    ordered = sorted(days)
    span = (ordered[-1] - ordered[0]).days if ordered else 0
    if span <= BY_DAY:
        return "day"
    return "month" if span <= BY_MONTH else "year"


def periods(days: Mapping[date, tuple[int, int, float]], unit: Unit) -> tuple[PeriodCount, ...]:
    """Return numbers by day as numbers by period, from the first to the last, none left out."""
    if not days:
        return ()
    summed: dict[date, tuple[int, int, float]] = {}
    for day, (number, with_kr, energy) in days.items():
        start = start_of(day, unit)
        before = summed.get(start, (0, 0, 0.0))
        summed[start] = (before[0] + number, before[1] + with_kr, before[2] + energy)
    found, start, last = [], min(summed), max(summed)
    starts = [start]
    while starts[-1] < last:
        starts.append(next_start(starts[-1], unit))
    numbers = [summed.get(start, (0, 0, 0.0)) for start in starts]
    totals = itertools.accumulate(number for number, _with_kr, _energy in numbers)
    for start, (number, with_kr, energy), total in zip(starts, numbers, totals, strict=True):
        found.append(PeriodCount(start, next_start(start, unit), number, total, with_kr, energy))
    return tuple(found)


def start_of(day: date, unit: Unit) -> date:
    """Return the first day of the period a day lies in."""
    match unit:
        case "day":
            return day
        case "month":
            return day.replace(day=1)
    return day.replace(month=1, day=1)


def next_start(start: date, unit: Unit) -> date:
    """Return the first day of the period that follows one; the calendar's end stays its own."""
    try:
        match unit:
            case "day":
                return start + timedelta(days=1)
            case "month":
                return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        return start.replace(year=start.year + 1)
    except (OverflowError, ValueError):
        return date.max
