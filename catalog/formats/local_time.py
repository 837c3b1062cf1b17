"""Bulletins written in civil time: turned into UTC, and told from bulletins in UTC.

Civil time in Kazakhstan changed within twenty years (Almaty: +6 with summer time +7 until 2004, +6
all the year, +5 from 1 March 2024), so an offset is always that of the date. Offsets come from the
time zone database as the pinned ``tzdata`` package has it, not from whatever the machine has.

Readers take clock times as UTC, and mark those whose text says so (``STATED_UTC``). ``in_utc``
shifts the others of a record afterwards; ``offset_votes`` says, from events whose time is known, in
which of both a file was written. The second proposes; a person decides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from math import asin, cos, radians, sin, sqrt
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalog.formats.problems import Problem
from catalog.formats.records import EventRecord, ReadingsRecord
from catalog.formats.values import STATED_UTC

ALMATY = "Asia/Almaty"
EARTH_RADIUS_KM = 6371.0088


@cache
def zone(name: str) -> ZoneInfo:
    """Return an IANA time zone of the pinned database.

    Raises
    ------
    ZoneInfoNotFoundError
        There is no such zone.
    """
    database = files("tzdata")
    if name not in database.joinpath("zones").read_text("ascii").split():
        raise ZoneInfoNotFoundError(name)
    with database.joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)


# --- a record from civil time to UTC --------------------------------------------------------------

Record = TypeVar("Record", bound=EventRecord | ReadingsRecord)


def in_utc(record: Record, name: str) -> tuple[Record, tuple[Problem, ...]]:
    """Return a record whose clock times, read as UTC, were civil time of a zone; and problems.

    Times of origins, picks and amplitudes are shifted, each by the offset of its date; times of
    creation are not, since programs write them in UTC. A time that the zone's clocks showed twice
    is taken as the first (``fold=0``), one they never showed as if they had not been moved; both
    are ``ambiguous-local-time``. A time whose own text states Z or an offset is UTC already and
    stays.
    """
    if name == "UTC":
        return record, ()
    where = zone(name)
    problems: list[Problem] = []

    def shifted(time: datetime | None, field: str, line_number: int | None) -> datetime | None:
        if time is None:
            return None
        if time.tzinfo is STATED_UTC:
            return time.astimezone(UTC)
        civil = time.replace(tzinfo=where, fold=0)
        first, second = civil.utcoffset(), civil.replace(fold=1).utcoffset()
        try:
            utc = civil.astimezone(UTC)
        except OverflowError:  # the year 1 or 9999
            problems.append(Problem(line_number, "implausible-time", field, time.isoformat(), name))
            return time
        if first != second:
            found = civil.replace(tzinfo=None).isoformat(" ")
            expected = f"{name} {civil:%z} | {civil.replace(fold=1):%z}"
            problems.append(Problem(line_number, "ambiguous-local-time", field, found, expected))
        return utc

    picks = tuple(
        replace(pick, time=shifted(pick.time, "pick", pick.line_number)) for pick in record.picks
    )
    amplitudes = tuple(
        replace(amplitude, time=shifted(amplitude.time, "amplitude", amplitude.line_number))
        for amplitude in record.amplitudes
    )
    if isinstance(record, EventRecord):
        origins = tuple(
            replace(origin, time=shifted(origin.time, "origin", origin.line_number) or origin.time)
            for origin in record.origins
        )
        return (
            replace(record, origins=origins, picks=picks, amplitudes=amplitudes),
            tuple(problems),
        )
    return replace(record, picks=picks, amplitudes=amplitudes), tuple(problems)


# --- in which time a file was written -------------------------------------------------------------

#: An event: its time (of a file: as if UTC), latitude and longitude.
Epicentre = tuple[datetime, float, float]

SECONDS = 30.0  # within which, and
KILOMETRES = 100.0  # within which two solutions are of one event
FEWEST = 3  # matches in civil time that a proposal needs,
SHARE = 0.5  # of the events that could be compared,
AGAINST_UTC = 3  # and this many times those in UTC
HOURS = (0, 5, 6, 7)  # offsets that civil time of Almaty has had in the instrumental era


@dataclass(frozen=True, slots=True)
class OffsetVotes:
    """How many events of a file are known events, were its times UTC or civil time.

    ``zone`` is the proposal: ``None`` means that nothing speaks clearly against UTC.
    ``compared`` counts the file's events within a day of a known one; ``by_hours`` the matches
    with one fixed offset for the whole file, which shows clocks that ignored a change.
    """

    zone: str | None
    matches_utc: int
    matches_local: int
    compared: int
    by_hours: tuple[tuple[int, int], ...] = ()


def offset_votes(
    events: Sequence[Epicentre],
    known: Sequence[Epicentre],
    name: str = ALMATY,
    seconds: float = SECONDS,
    kilometres: float = KILOMETRES,
) -> OffsetVotes:
    """Return whether a file's times are better understood as civil time of a zone than as UTC.

    Parameters
    ----------
    events : sequence of (time, latitude, longitude)
        The file's events, their clock times read as UTC; degrees.
    known : sequence of (time, latitude, longitude)
        Events whose UTC is known, of any agency.

    Notes
    -----
    A match is a known event within ``seconds`` and ``kilometres``; each known event is matched
    once at most. The zone is proposed if at least three events match in its civil time, they are
    at least half of those that could be compared, and at least three times as many as match in
    UTC. Anything less is left to a person.
    """
    where = zone(name)
    catalogue = sorted(known)
    times = [time.timestamp() for time, _, _ in catalogue]

    def matched(event: Epicentre, time: datetime, taken: set[int]) -> bool:
        at = time.timestamp()
        for k in range(bisect_left(times, at - seconds), bisect_right(times, at + seconds)):
            _, latitude, longitude = catalogue[k]
            if k not in taken and _distance_km(*event[1:], latitude, longitude) <= kilometres:
                taken.add(k)
                return True
        return False

    day = timedelta(days=1).total_seconds()
    local: set[int] = set()
    fixed: dict[int, set[int]] = {hours: set() for hours in HOURS}
    votes: Counter[int] = Counter()
    matches_local = compared = 0
    for event in events:
        at = event[0].timestamp()
        if bisect_left(times, at - day) == bisect_right(times, at + day):
            continue
        compared += 1
        civil = event[0].replace(tzinfo=where)
        matches_local += any(  # an hour that came twice may be either
            matched(event, civil.replace(fold=fold).astimezone(UTC), local) for fold in (0, 1)
        )
        for hours in HOURS:
            votes[hours] += matched(event, event[0] - timedelta(hours=hours), fixed[hours])
    proposed = (
        matches_local >= FEWEST
        and matches_local >= SHARE * compared
        and matches_local >= AGAINST_UTC * votes[0]
    )
    return OffsetVotes(
        zone=name if proposed else None,
        matches_utc=votes[0],
        matches_local=matches_local,
        compared=compared,
        by_hours=tuple((hours, votes[hours]) for hours in HOURS),
    )


def _distance_km(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float
) -> float:
    """Return the distance of two points on the sphere [km], by the haversine formula."""
    a, b = radians(latitude), radians(other_latitude)
    half = sin((b - a) / 2) ** 2
    half += cos(a) * cos(b) * sin(radians(other_longitude - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, half)))
