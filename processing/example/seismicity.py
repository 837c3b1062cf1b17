"""What is true in the example year: when, where and how large, to make the article's numbers.

The article prints, for the Northern Tien Shan, how many events fell into each energy class and
their total energy, and how many events the whole catalogue has. Here events are drawn that give
just these numbers together with the real ones (``catalog/data/article_2014.csv``): the classes and
the energies are fixed lists, everything else (place, time, depth, mechanism) is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

Kind = Literal["earthquake", "supplementary", "aftershock", "mine blast", "quarry blast"]
FELT_EVENTS = 11
#: Of the article's 33 settlements the real events name four (Almaty, Talgar, Karaganda, Astana).
FELT_SETTLEMENTS = 29
MECHANISMS = 32

#: Box of the Northern Tien Shan (the article): south, north, west, east.
NORTHERN_TIEN_SHAN = (41.67, 45.00, 75.00, 80.00)
#: The article says that nothing of KR 8.6 or more happened "in the west and north". Where they
#: begin is our reading of it.
WEST_OF, NORTH_OF = 60.0, 51.0

# Events by energy class in tenths: how many of KR k-0.4, k-0.3, ... k+0.5. Class sums are the
# article's row less its real events (9.7, 12.1, 13.6 are in classes 10, 12 and 14). The shares fall
# as lg N = a - 0.43 K (methods 5); class 11 is set so that the sum of 10^KR of all 489 events
# prints 4.22e13 J.
TENTHS_NORTHERN_TIEN_SHAN: dict[int, tuple[int, ...]] = {
    7: (51, 46, 42, 38, 34, 31, 27, 24, 21, 18),
    8: (16, 14, 13, 12, 10, 10, 8, 8, 6, 6),
    9: (5, 4, 4, 3, 3, 3, 2, 2, 2, 1),
    10: (3, 2, 2, 1, 1, 1, 1, 1, 1, 1),
    11: (1, 1, 1, 1, 1, 0, 1, 1, 1, 0),
}
#: Elsewhere in and around Kazakhstan: 69 events, which with the real one of Karaganda (11.7) make
#: the 70 that the article's total leaves. Complete from class 9 only.
TENTHS_ELSEWHERE: dict[int, tuple[int, ...]] = {
    7: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    8: (2, 2, 2, 2, 2, 2, 2, 2, 2, 2),
    9: (4, 3, 3, 2, 2, 2, 2, 2, 1, 1),
    10: (2, 2, 1, 1, 1, 1, 1, 1, 1, 0),
    11: (1, 1, 1, 0, 1, 0, 1, 0, 0, 0),
    12: (0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
}

YEAR_START = datetime(2014, 1, 1, tzinfo=UTC)
YEAR_SECONDS = 365 * 86400
#: No two events are nearer in time: what is one event and what two is then never in doubt, so the
#: counts of the year do not hang on the rules of association.
APART_S = 180
#: The real events of the year; the made-up ones keep ten minutes away from them.
REAL_TIMES = tuple(
    datetime(2014, *at, tzinfo=UTC)
    for at in ((6, 21, 6, 30), (7, 30, 20, 46), (7, 31, 12, 45), (8, 15, 21, 42), (11, 14, 1, 24))
)
APART_FROM_REAL_S = 600


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Strike, dip and rake [deg] of a double couple, Aki & Richards."""

    strike: float
    dip: float
    rake: float


@dataclass(frozen=True, slots=True)
class Source:
    """One true event."""

    number: int
    kind: Kind
    time: datetime
    latitude: float
    """Geographic [deg]."""
    longitude: float
    depth_km: float
    kr: float
    """Energy class, to be that of the agency whose solution is preferred."""
    agencies: tuple[str, ...]
    """Agencies whose bulletins have it, if they see it; the one to be preferred comes first."""
    mechanism: Mechanism
    published_mechanism: bool = False
    felt: bool = False
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """An ellipse that events are drawn from: densest in the middle."""

    name: str
    weight: float
    latitude: float
    longitude: float
    azimuth: float
    """Of the long axis [deg]."""
    half_length_km: float
    half_width_km: float
    depth_km: tuple[float, float] = (5.0, 25.0)
    strongest: float = 20.0
    """Largest KR that may happen here."""
    some_sees: bool = True
    """Within reach of the Expedition's network, and well inside Kazakhstan or its own box."""


# Places are ours: the ranges and basins known to be active, loosely.
NORTHERN_ZONES = (
    Zone("Zailiysky Alatau", 3.0, 43.05, 77.30, 85.0, 70.0, 12.0),
    Zone("Kungey Alatau", 3.0, 42.80, 77.60, 85.0, 95.0, 12.0),
    Zone("Terskey Alatau", 2.0, 42.15, 78.10, 70.0, 80.0, 15.0),
    Zone("Ketmen", 1.2, 43.25, 79.30, 80.0, 40.0, 15.0),
    Zone("Ili basin", 0.6, 43.90, 77.50, 90.0, 110.0, 35.0),
    Zone("Chu-Ili mountains", 0.5, 43.70, 75.70, 130.0, 45.0, 20.0),
    Zone("Kyrgyz range, east", 1.0, 42.50, 75.60, 95.0, 35.0, 15.0),
    Zone("Naryn basin", 0.8, 42.00, 76.30, 80.0, 75.0, 12.0),
    Zone("Dzungarian foothills", 0.5, 44.65, 78.90, 70.0, 45.0, 15.0),
)
OTHER_ZONES = (
    Zone("Dzungarian Alatau", 3.0, 45.35, 79.60, 75.0, 40.0, 12.0),
    Zone("Balkhash", 0.7, 46.20, 77.00, 90.0, 70.0, 30.0),
    Zone("Karatau", 1.5, 43.40, 70.30, 130.0, 60.0, 20.0, some_sees=False),
    Zone("Talas", 1.5, 42.45, 71.80, 90.0, 50.0, 15.0, some_sees=False),
    Zone("Central Kazakhstan", 1.0, 48.40, 72.30, 90.0, 120.0, 60.0, (3.0, 15.0), 9.5, False),
    Zone("Tarbagatai", 1.5, 47.30, 82.00, 110.0, 60.0, 20.0, some_sees=False),
    Zone("Zaisan", 1.2, 47.90, 84.30, 110.0, 60.0, 25.0, some_sees=False),
    Zone("Kuldja", 1.2, 43.70, 82.00, 90.0, 60.0, 30.0, some_sees=False),
    Zone("Fergana border", 1.2, 41.40, 72.60, 60.0, 60.0, 25.0, some_sees=False),
    Zone("North", 0.3, 52.30, 71.00, 90.0, 90.0, 30.0, (3.0, 12.0), 8.4, False),
    Zone("West", 0.3, 49.70, 58.40, 45.0, 60.0, 30.0, (3.0, 12.0), 8.4, False),
)
EPICENTRE_MARGIN_DEG = 0.15
"""Within the box, so that no agency's error carries an event out of it."""

#: Mining sites, roughly where such sites are: latitude, longitude, who hears them, events a year.
BLAST_SITES: tuple[tuple[str, Kind, float, float, tuple[str, ...], int], ...] = (
    ("Quarry near Almaty", "quarry blast", 43.45, 76.75, ("SOME",), 10),
    ("Quarry near Kurty", "quarry blast", 43.95, 76.40, ("SOME",), 7),
    ("Mine at Tekeli", "quarry blast", 44.85, 78.75, ("SOME", "KNDC"), 7),
    ("Coal mine at Karazhyra", "mine blast", 50.00, 78.70, ("KNDC",), 9),
    ("Coal mines at Ekibastuz", "mine blast", 51.65, 75.35, ("KNDC",), 8),
    ("Coal mine at Shubarkol", "mine blast", 49.00, 68.80, ("KNDC",), 5),
    ("Mine at Akbakai", "mine blast", 45.10, 72.70, ("KNDC",), 4),
)
BLAST_LOCAL_HOURS = (11.0, 17.0)
WORKDAYS = range(5)
FIRST_NUMBER_OF_BLASTS = 700

#: Foreshock and aftershocks of the Karaganda earthquake. The article gives their number and that
#: their KR are 4.8 to 6.9; times, places and single values are made up.
KARAGANDA = (49.56, 72.97, datetime(2014, 6, 21, 6, 30, tzinfo=UTC))
KARAGANDA_COMPANIONS = ((-38.4, 5.6), (1.7, 6.9), (9.3, 5.9), (51.2, 4.8))  # hours, KR
#: The two aftershocks of the Talgar earthquake, of which the article says "KR 5-6".
TALGAR = (42.97, 77.33, datetime(2014, 8, 15, 21, 42, tzinfo=UTC))
TALGAR_AFTERSHOCKS = ((3.1, 5.8), (27.6, 5.1))

#: Events without a report of the Expedition though in its region (its data were lost that day), so
#: the Data Centre's solution stands for them.
LOST_AT_SOME = 4
#: Members of each aftershock sequence, by rank of its main shock.
SEQUENCES = (18, 12, 9, 7)


def year(rng: np.random.Generator) -> list[Source]:
    """Return the true events of the year in order of time."""
    north = _drawn(rng, _sizes(TENTHS_NORTHERN_TIEN_SHAN), NORTHERN_ZONES, 1, northern=True)
    north = _sequences(rng, north)
    north = _lost_at_some(rng, north)
    other = _drawn(rng, _sizes(TENTHS_ELSEWHERE), OTHER_ZONES, len(north) + 1, northern=False)
    north = _published(north, mechanisms=22, felt=8)
    other = _published(other, mechanisms=MECHANISMS - 22, felt=FELT_EVENTS - 8)
    extra = _companions(rng, 640)
    blasts = _blasts(rng, FIRST_NUMBER_OF_BLASTS)
    return _kept_apart(north + other + extra + blasts)


def class_of(kr: float) -> int:
    """Return the energy class: class k is KR from k-0.4 to k+0.5 (methods 0)."""
    return math.ceil(round(kr * 10) / 10 - 0.5)


def _sizes(tenths: dict[int, tuple[int, ...]]) -> list[float]:
    """Return the KR of all events, largest first."""
    sizes = [
        (10 * k - 4 + step) / 10
        for k, counts in tenths.items()
        for step, count in enumerate(counts)
        for _ in range(count)
    ]
    return sorted(sizes, reverse=True)


def _drawn(
    rng: np.random.Generator,
    sizes: Sequence[float],
    zones: Sequence[Zone],
    first_number: int,
    *,
    northern: bool,
) -> list[Source]:
    sources = []
    for number, kr in enumerate(sizes, first_number):
        zone, (latitude, longitude) = _place(rng, zones, kr, northern=northern)
        agencies: tuple[str, ...] = ("SOME", "KNDC") if northern else ("KNDC",)
        if not northern and zone.some_sees and kr >= 7.6:
            agencies = ("KNDC", "SOME")
        sources.append(
            Source(
                number=number,
                kind="earthquake",
                time=_moment(float(rng.uniform(3600, YEAR_SECONDS - 3600))),
                latitude=latitude,
                longitude=longitude,
                depth_km=round(float(rng.uniform(*zone.depth_km)), 1),
                kr=kr,
                agencies=agencies,
                mechanism=_mechanism(rng),
                zone=zone.name,
            )
        )
    return sources


def _place(
    rng: np.random.Generator, zones: Sequence[Zone], kr: float, *, northern: bool
) -> tuple[Zone, tuple[float, float]]:
    """Draw a zone where such an event may happen, and a point of it."""
    possible = [zone for zone in zones if kr <= zone.strongest]
    weights = np.array([zone.weight for zone in possible])
    south, north, west, east = NORTHERN_TIEN_SHAN
    m = EPICENTRE_MARGIN_DEG
    while True:
        zone = possible[int(rng.choice(len(possible), p=weights / weights.sum()))]
        along = float(np.clip(rng.normal(0.0, 0.5), -1.2, 1.2)) * zone.half_length_km
        across = float(np.clip(rng.normal(0.0, 0.5), -1.2, 1.2)) * zone.half_width_km
        latitude, longitude = _offset(zone.latitude, zone.longitude, zone.azimuth, along, across)
        inside = south + m <= latitude <= north - m and west + m <= longitude <= east - m
        outside = not (south - m <= latitude <= north + m and west - m <= longitude <= east + m)
        if inside if northern else outside:
            return zone, (latitude, longitude)


def _offset(
    latitude: float, longitude: float, azimuth: float, along_km: float, across_km: float
) -> tuple[float, float]:
    """Return a point near another, 0.001 degrees fine."""
    alpha = math.radians(azimuth)
    north = along_km * math.cos(alpha) - across_km * math.sin(alpha)
    east = along_km * math.sin(alpha) + across_km * math.cos(alpha)
    return (
        round(latitude + north / 111.2, 3),
        round(longitude + east / (111.2 * math.cos(math.radians(latitude))), 3),
    )


def _moment(seconds: float) -> datetime:
    """Return the moment so long after the year began, 0.01 s fine."""
    return YEAR_START + timedelta(milliseconds=10 * round(seconds * 100))


def _mechanism(rng: np.random.Generator) -> Mechanism:
    """Draw a mechanism: mostly thrust along the ranges, some strike-slip, as there is."""
    if rng.random() < 0.7:
        strike, dip, rake = rng.normal(80.0, 25.0), rng.normal(48.0, 10.0), rng.normal(90.0, 25.0)
    else:
        strike, dip, rake = rng.normal(130.0, 40.0), rng.normal(75.0, 8.0), rng.normal(170.0, 20.0)
    rake = (float(rake) + 180.0) % 360.0 - 180.0
    return Mechanism(
        float(round(float(strike) % 360.0)) % 360.0,
        float(round(min(max(float(dip), 10.0), 88.0))),
        float(round(rake)),
    )


def _sequences(rng: np.random.Generator, sources: list[Source]) -> list[Source]:
    """Make small events follow some of the larger ones, in place and time (Omori's law, p = 1)."""
    mains = [s for s in sources if s.kr >= 10.6][: len(SEQUENCES)]
    small = [i for i, s in enumerate(sources) if s.kr <= 8.0]
    chosen = rng.permutation(np.array(small))[: sum(SEQUENCES)]
    result = list(sources)
    start = 0
    for main, members in zip(mains, SEQUENCES, strict=True):
        # An aftershock sequence that the year's end would cut is drawn back into it.
        if main.time > YEAR_START + timedelta(days=330):
            main = replace(main, time=main.time - timedelta(days=200))
            result[main.number - sources[0].number] = main
        for index in chosen[start : start + members]:
            after = 900.0 * math.exp(float(rng.uniform(0.0, math.log(1.8e6 / 900.0))))
            reach = 2.0 + 1.2 * (main.kr - 10.0)
            latitude, longitude = _offset(
                main.latitude,
                main.longitude,
                main.mechanism.strike,
                float(np.clip(rng.normal(0.0, 2.0), -4, 4)) * reach,
                float(np.clip(rng.normal(0.0, 1.0), -2, 2)) * reach,
            )
            result[int(index)] = replace(
                result[int(index)],
                time=main.time + timedelta(milliseconds=10 * round(after * 100)),
                latitude=latitude,
                longitude=longitude,
                depth_km=max(3.0, round(main.depth_km + float(rng.normal(0.0, 2.0)), 1)),
                zone=main.zone,
            )
        start += members
    return result


def _lost_at_some(rng: np.random.Generator, sources: list[Source]) -> list[Source]:
    """Leave a few middling events to the Data Centre alone."""
    result = list(sources)
    middling = [i for i, s in enumerate(sources) if 8.8 <= s.kr <= 9.6]
    for index in rng.permutation(np.array(middling))[:LOST_AT_SOME]:
        result[int(index)] = replace(result[int(index)], agencies=("KNDC",))
    return result


def _published(sources: list[Source], *, mechanisms: int, felt: int) -> list[Source]:
    """Say of the largest events that their mechanism was published, and that they were felt."""
    result = []
    for rank, source in enumerate(sorted(sources, key=lambda s: (-s.kr, s.number))):
        result.append(replace(source, published_mechanism=rank < mechanisms, felt=rank < felt))
    return sorted(result, key=lambda s: s.number)


def _companions(rng: np.random.Generator, first_number: int) -> list[Source]:
    """Return what came before and after two of the real events."""
    sources: list[Source] = []
    for (latitude, longitude, time), companions, kind, agency, zone in (
        (KARAGANDA, KARAGANDA_COMPANIONS, "supplementary", "KNDC", "Near Karaganda"),
        (TALGAR, TALGAR_AFTERSHOCKS, "aftershock", "SOME", "Zailiysky Alatau"),
    ):
        for hours, kr in companions:
            at = _offset(latitude, longitude, 0.0, *(float(x) for x in rng.normal(0.0, 1.5, 2)))
            sources.append(
                Source(
                    number=first_number + len(sources),
                    kind="supplementary" if kind == "supplementary" else "aftershock",
                    time=time + timedelta(milliseconds=10 * round(hours * 360000)),
                    latitude=at[0],
                    longitude=at[1],
                    depth_km=10.0 if kind == "supplementary" else 5.0,
                    kr=kr,
                    agencies=(agency,),
                    mechanism=_mechanism(rng),
                    zone=zone,
                )
            )
    return sources


def _blasts(rng: np.random.Generator, first_number: int) -> list[Source]:
    """Return blasts: on workdays, in daylight by local solar time (UTC + longitude/15)."""
    sources: list[Source] = []
    for name, kind, latitude, longitude, agencies, count in BLAST_SITES:
        for _ in range(count):
            while True:
                day = int(rng.integers(0, 365))
                hour = float(rng.uniform(*BLAST_LOCAL_HOURS)) - longitude / 15.0
                time = YEAR_START + timedelta(days=day, milliseconds=10 * round(hour * 360000))
                solar = time + timedelta(hours=longitude / 15.0)
                if solar.weekday() in WORKDAYS and time >= YEAR_START + timedelta(hours=1):
                    break
            at = _offset(latitude, longitude, 0.0, *(float(x) for x in rng.normal(0.0, 0.8, 2)))
            sources.append(
                Source(
                    number=first_number + len(sources),
                    kind=kind,
                    time=time,
                    latitude=at[0],
                    longitude=at[1],
                    depth_km=0.0,
                    kr=round(float(rng.uniform(6.2, 7.4)), 1),
                    agencies=agencies,
                    mechanism=_mechanism(rng),
                    zone=name,
                )
            )
    return sources


def _kept_apart(sources: list[Source]) -> list[Source]:
    """Return the events in order of time, each moved on until it is apart from all others."""
    ordered = sorted(sources, key=lambda s: (s.time, s.number))
    result: list[Source] = []
    last = YEAR_START - timedelta(days=1)
    for source in ordered:
        time = max(source.time, last + timedelta(seconds=APART_S))
        for real in REAL_TIMES:
            if abs((time - real).total_seconds()) < APART_FROM_REAL_S:
                time = real + timedelta(seconds=APART_FROM_REAL_S)
        result.append(replace(source, time=time))
        last = time
    return result
