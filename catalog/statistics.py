"""What the numbers of a search say: events by class, in time, by depth and hour, and their energy.

PostgreSQL goes through the events once and sends four numbers of each; they are counted here, batch
by batch. (Grouped by the database itself they take five times as long.) Only energy classes that
were measured or reported count as such: no size is made from another, and events without a class
are counted apart.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from numpy.typing import NDArray

from catalog.binary_copy import batches, row_of
from catalog.recurrence import Slope, slope
from catalog.search import EventSearch

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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

#: Numbers of one event, none of them null: time [s since 1970], KR and depth or NaN, flags.
_NUMBERS = """
SELECT date_part('epoch', time), coalesce(kr, 'NaN'), coalesce(depth_km, 'NaN'),
    (longitude BETWEEN {west} AND {east} AND latitude BETWEEN {south} AND {north})::int
    + 2 * (depth_type = 'operator assigned')::int + 4 * synthetic::int
    + 8 * (event_id IN (
        SELECT preferred.event_id FROM catalog_magnitude made
        JOIN catalog_preferredmagnitude preferred
            ON preferred.magnitude_id = made.id AND preferred.scale = 'KR'
        WHERE made.converted_from_id IS NOT NULL))::int
FROM ({found}) found
"""
_COLUMNS = (
    "event_id", "time", "kr", "depth_km", "depth_type", "latitude", "longitude", "synthetic",
)  # fmt: skip
IN_FRAME, FIXED, SYNTHETIC, CONVERTED = 1, 2, 4, 8
_ROW = row_of(("time", ">f8"), ("kr", ">f8"), ("depth", ">f8"), ("flags", ">i4"))
#: Rows counted at once: memory stays flat, however many a search finds.
BATCH = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400


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
    tally = Tally()
    for rows in _numbers(search):
        tally.add(
            rows["time"].astype(np.float64),
            rows["kr"].astype(np.float64),
            rows["depth"].astype(np.float64),
            rows["flags"].astype(np.int64),
        )
    return tally.told()


def _numbers(search: EventSearch) -> Iterator[NDArray[Any]]:
    """Yield the numbers of the events in batches; COPY sends them as they lie in memory."""
    events = search.matching().order_by().values(*_COLUMNS)
    try:
        found, values = events.query.sql_with_params()
    except EmptyResultSet:  # nothing can match, an unknown event id say
        return
    west, south, east, north = NORTHERN_TIEN_SHAN
    text = _NUMBERS.format(found=found, west=west, south=south, east=east, north=north)
    yield from batches(connection, text, values, _ROW, BATCH)


class Tally:
    """Counts of events that are added batch by batch; the batches change nothing."""

    def __init__(self) -> None:
        self.number = self.synthetic = self.converted = 0
        self.first, self.last = math.inf, -math.inf
        self.by_class: Counter[int] = Counter()
        self.inside: Counter[int] = Counter()
        self.steps: Counter[int] = Counter()
        self.days: dict[int, tuple[int, int, float]] = {}
        self.depths: Counter[int] = Counter()
        self.fixed: Counter[int] = Counter()
        self.depth_unknown = 0
        self.utc: Counter[int] = Counter()
        self.local: Counter[int] = Counter()
        self.offsets: Counter[int] = Counter()

    def add(self, time: FloatArray, kr: FloatArray, depth: FloatArray, flags: IntArray) -> None:
        """Add events.

        Parameters
        ----------
        time : array, shape (n,)
            Origin times [s since 1970].
        kr, depth : array, shape (n,)
            Energy class and depth [km]; NaN: none.
        flags : array, shape (n,)
            Sums of ``IN_FRAME``, ``FIXED``, ``SYNTHETIC``, ``CONVERTED``.
        """
        if not time.size:
            return
        converted = (flags & CONVERTED) > 0
        kr = np.where(converted, np.nan, kr)
        sized = np.isfinite(kr)
        self.number += time.size
        self.synthetic += int(np.count_nonzero(flags & SYNTHETIC))
        self.converted += int(np.count_nonzero(converted))
        self.first = min(self.first, float(time.min()))
        self.last = max(self.last, float(time.max()))
        # A half belongs to the class before, as ``catalog.scales.kr_class`` says.
        classes = np.ceil(np.rint((kr[sized] - 0.5) * 1e6) / 1e6)
        _count(self.by_class, classes)
        _count(self.inside, classes[(flags[sized] & IN_FRAME) > 0])
        _count(self.steps, np.rint(kr[sized] / KR_STEP))
        self._add_days(time, kr, sized)
        known = np.isfinite(depth)
        bounds = np.minimum(np.floor(depth[known] / DEPTH_STEP_KM) * DEPTH_STEP_KM, DEEPEST_KM)
        _count(self.depths, bounds)
        _count(self.fixed, bounds[(flags[known] & FIXED) > 0])
        self.depth_unknown += int(np.count_nonzero(~known))
        offset = local_offsets(time)
        _count(self.utc, np.floor(time / 3600) % 24)
        _count(self.local, np.floor((time + offset) / 3600) % 24)
        _count(self.offsets, offset)

    def _add_days(self, time: FloatArray, kr: FloatArray, sized: NDArray[np.bool_]) -> None:
        days, inverse = np.unique(np.floor(time / DAY_S), return_inverse=True)
        energy = np.where(sized, 10.0 ** np.where(sized, kr, 0.0), 0.0)
        columns = (
            np.bincount(inverse),
            np.bincount(inverse, sized).astype(int),
            np.bincount(inverse, energy),
        )
        for day, *values in zip(
            days.astype(int).tolist(), *(c.tolist() for c in columns), strict=True
        ):
            before = self.days.get(day, (0, 0, 0.0))
            self.days[day] = (
                before[0] + values[0],
                before[1] + values[1],
                before[2] + values[2],
            )

    def told(self) -> Statistics:
        """Return what was counted."""
        days = {(_EPOCH + timedelta(days=day)).date(): told for day, told in self.days.items()}
        unit = unit_of(days)
        energy_unit: Unit = "month" if unit == "day" else unit
        classes, depths = self.by_class, self.depths
        return Statistics(
            number=self.number,
            synthetic=self.synthetic,
            with_kr=sum(classes.values()),
            converted=self.converted,
            first=_moment(self.first) if self.number else None,
            last=_moment(self.last) if self.number else None,
            energy_j=math.fsum(energy for _n, _with_kr, energy in days.values()),
            classes=tuple(
                ClassCount(k, classes[k], self.inside[k])
                for k in (range(min(classes), max(classes) + 1) if classes else ())
            ),
            kr_sizes={round(step * KR_STEP, 1): n for step, n in sorted(self.steps.items())},
            unit=unit,
            periods=periods(days, unit),
            energy_unit=energy_unit,
            energies=periods(days, energy_unit),
            depths=tuple(
                DepthCount(
                    bound,
                    None if bound >= DEEPEST_KM else bound + DEPTH_STEP_KM,
                    depths[bound],
                    self.fixed[bound],
                )
                for bound in (range(min(depths), max(depths) + 1, DEPTH_STEP_KM) if depths else ())
            ),
            depth_unknown=self.depth_unknown,
            utc_hours=tuple(self.utc[hour] for hour in range(24)),
            local_hours=tuple(self.local[hour] for hour in range(24)),
            offsets=tuple(self.offsets.most_common()),
        )


def _count(counter: Counter[int], values: FloatArray) -> None:
    found, numbers = np.unique(values, return_counts=True)
    for value, number in zip(found.astype(int).tolist(), numbers.tolist(), strict=True):
        counter[value] += number


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(seconds * 1e6))


@lru_cache(maxsize=100_000)
def _offset_at(seconds: float) -> float:
    """Return local time less UTC at a moment [s]; at the calendar's end that of the day before."""
    try:
        offset = (_EPOCH + timedelta(seconds=seconds)).astimezone(ZoneInfo(LOCAL_ZONE)).utcoffset()
    except OverflowError:
        return _offset_at(seconds - DAY_S)
    return offset.total_seconds() if offset is not None else 0.0


def local_offsets(time: FloatArray) -> FloatArray:
    """Return local time less UTC [s] at each of many moments [s since 1970].

    A day that begins and ends with one offset has it throughout; the few others are looked at
    moment by moment.
    """
    days, inverse = np.unique(np.floor(time / DAY_S), return_inverse=True)
    starts = np.array([_offset_at(day * DAY_S) for day in days.tolist()])
    ends = np.array([_offset_at((day + 1) * DAY_S) for day in days.tolist()])
    offsets: FloatArray = starts[inverse]
    for index in np.flatnonzero((starts != ends)[inverse]).tolist():
        offsets[index] = _offset_at(float(time[index]))
    return offsets


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
