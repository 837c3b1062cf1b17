"""Blast or earthquake: what hour, weekday, place, depth and size say, and a rule that adds it up.

Blasts are fired by people at work: by day, on workdays, at the surface, at known places, and they
are small. Each piece of evidence is a term with a weight, the decimal logarithm of how much
likelier it is of a blast than of an earthquake; the sum suggests a type. Only a person decides.

Times are local mean solar times, UTC + longitude / 15: civil time in Kazakhstan changed four times
within thirty years. The equation of time (at most 16 minutes) is left out.

References
----------
Wiemer & Baer (2000), Mapping and removing quarry blast events from seismicity catalogs, Bull.
Seismol. Soc. Am. 90, 525-530. doi:10.1785/0119990104. The ratio of day to night events, the 99 %
level, and that no more than a fifth of the daytime events may be of one day.

Desherevskii & Sidorin (2017), Seismic Instruments 53. doi:10.3103/S074792391704003X. A daytime
excess on workdays only is of blasts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RULE_SET = "event-type-2026.1"

#: QuakeML event types that the rule calls a blast.
BLASTS = frozenset(
    {
        "accidental explosion", "blasting levee", "chemical explosion", "controlled explosion",
        "experimental explosion", "explosion", "industrial explosion", "mining explosion",
        "nuclear explosion", "quarry blast", "road cut",
    }
)  # fmt: skip
BLAST, EARTHQUAKE, OTHER, UNTOLD = "blast", "earthquake", "other", ""
SECONDS_A_DAY = 86_400.0
WORKDAYS = 5
"""Monday to Friday, the first five of the week."""


@dataclass(frozen=True)
class Rules:
    """Every number of the rule. Without a source beside it a number is ours."""

    radius_km: float = 20.0
    """Events so near are the event's place."""
    day_from_h: float = 6.0
    day_to_h: float = 18.0
    """Day, by solar time; the rest is night."""
    around_h: float = 1.5
    """Events so near in hour are compared with the event's own hour."""
    significance: float = 0.01
    """Wiemer & Baer (2000): 99 %."""
    one_day_share: float = 0.2
    """Wiemer & Baer (2000): more of the daytime events on one day are a sequence."""
    one_day_events: int = 2
    """So many on one day are not yet one."""
    timed_within_s: float = 1800.0
    """An event timed worse has no hour."""
    deepest_blast_km: float = 10.0
    """A free depth that is deeper by its error excludes a blast."""
    earthquake_from_magnitude: float = 4.0
    """Rule of KNDC's catalogue, project methods 5."""
    earthquake_from_kr: float = 11.2
    """The same by K = 1.8 M + 4."""
    suggests_from: float = 1.0
    """Ten times likelier than the other."""
    known_from: float = 3.0
    """A thousand times likelier."""
    prior: float = -1.0
    """Where the place's hours tell nothing, one event in eleven is taken for a blast."""
    most_by_hour: float = 2.0
    night: float = -1.0
    known_source: float = 1.0
    too_deep: float = -3.0
    too_large: float = -2.0
    reported_known: float = 2.0
    reported_suspected: float = 1.0
    reported_earthquake: float = -0.5
    """Little: bulletins call an earthquake what nobody looked at."""


@dataclass(frozen=True)
class Place:
    """When the events of a place happen."""

    by_hour: tuple[int, ...]
    """Events by the full hour of solar time, 24 numbers."""
    day_by_weekday: tuple[int, ...]
    """Daytime events from Monday to Sunday."""
    night_by_weekday: tuple[int, ...]
    ratio: float | None
    """Rq = (N_d L_n) / (N_n L_d), Wiemer & Baer (2000); none without an event by night."""
    p_value: float
    """Chance of so many or more by day were all hours alike (binomial)."""
    workday_p_value: float
    """Chance of so few or fewer daytime events at weekends were all days alike (binomial)."""
    most_of_one_day: int
    """Daytime events of the one day that has most."""
    is_one_sequence: bool
    """So many of them that the place's hours are those of a sequence."""
    is_significant: bool

    @property
    def count(self) -> int:
        return sum(self.by_hour)

    @property
    def by_day(self) -> int:
        return sum(self.day_by_weekday)

    @property
    def by_night(self) -> int:
        return sum(self.night_by_weekday)


@dataclass(frozen=True)
class Source:
    """A known quarry or mine within whose reach the event lies."""

    name: str
    kind: str
    distance_km: float
    radius_km: float
    citation: str = ""


@dataclass(frozen=True)
class Said:
    """What one agency reported."""

    agency: str
    event_type: str
    certainty: str = ""


@dataclass(frozen=True)
class View:
    """What the rule looks at of one event."""

    hour: float | None
    """Local mean solar time [h]; none where it is not timed well enough."""
    weekday: int | None
    """Of the solar day, Monday 0."""
    depth_km: float | None = None
    depth_is_free: bool = False
    depth_uncertainty_km: float | None = None
    magnitude: float | None = None
    kr: float | None = None
    source: Source | None = None
    reports: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Term:
    """One piece of evidence: its weight, and the numbers it was made of."""

    name: str
    weight: float
    values: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What the rule suggests; an empty type where it does not."""

    score: float
    """Sum of the weights: log10 of the odds of a blast."""
    event_type: str
    certainty: str
    terms: tuple[Term, ...]
    rule_set: str = RULE_SET


def group(event_type: str) -> str:
    """Return whether a QuakeML event type is a blast, an earthquake, another, or not told."""
    if event_type in BLASTS:
        return BLAST
    if event_type in ("", "not reported"):
        return UNTOLD
    return EARTHQUAKE if event_type == "earthquake" else OTHER


def solar_hour(time_s: ArrayLike, longitude: ArrayLike) -> FloatArray:
    """Return local mean solar time [h, 0 to 24).

    Parameters
    ----------
    time_s : array_like
        Seconds since 1970, UTC.
    longitude : array_like
        Degrees east.
    """
    return np.asarray(_solar_seconds(time_s, longitude) % SECONDS_A_DAY / 3600.0)


def solar_day(time_s: ArrayLike, longitude: ArrayLike) -> IntArray:
    """Return the number of the local solar day; that of 1970-01-01 is 0."""
    return np.asarray(np.floor(_solar_seconds(time_s, longitude) / SECONDS_A_DAY), dtype=np.int64)


def weekday(day: ArrayLike) -> IntArray:
    """Return the weekday of solar days, Monday 0; 1970 began on a Thursday."""
    return np.asarray((np.asarray(day, dtype=np.int64) + 3) % 7)


def _solar_seconds(time_s: ArrayLike, longitude: ArrayLike) -> FloatArray:
    return np.asarray(time_s, dtype=np.float64) + 240.0 * np.asarray(longitude, dtype=np.float64)


def is_day(hour: ArrayLike, rules: Rules) -> NDArray[np.bool_]:
    hours = np.asarray(hour, dtype=np.float64)
    return np.asarray((hours >= rules.day_from_h) & (hours < rules.day_to_h))


def place_of(hour: ArrayLike, day: ArrayLike, rules: Rules) -> Place:
    """Count the events of a place by hour and weekday, and test the day against the night.

    Parameters
    ----------
    hour : array_like, shape (n_events,)
        Solar times [h] of the other events of the place; there may be none.
    day : array_like, shape (n_events,)
        Their solar days.
    """
    hours = np.asarray(hour, dtype=np.float64)
    days = np.asarray(day, dtype=np.int64)
    by_day = is_day(hours, rules)
    week = weekday(days)
    length = rules.day_to_h - rules.day_from_h
    n, n_day = hours.size, int(by_day.sum())
    n_night = n - n_day
    at_weekend = int((week[by_day] >= WORKDAYS).sum())
    most = int(np.unique(days[by_day], return_counts=True)[1].max()) if n_day else 0
    one_sequence = most > max(rules.one_day_events, rules.one_day_share * n_day)
    p_value = float(bdtrc(n_day - 1, n, length / 24.0)) if n_day else 1.0
    return Place(
        by_hour=tuple(np.bincount(hours.astype(np.int64), minlength=24)[:24].tolist()),
        day_by_weekday=tuple(np.bincount(week[by_day], minlength=7).tolist()),
        night_by_weekday=tuple(np.bincount(week[~by_day], minlength=7).tolist()),
        ratio=n_day * (24.0 - length) / (n_night * length) if n_night else None,
        p_value=p_value,
        workday_p_value=float(bdtr(at_weekend, n_day, 1 - WORKDAYS / 7)) if n_day else 1.0,
        most_of_one_day=most,
        is_one_sequence=one_sequence,
        is_significant=p_value <= rules.significance and not one_sequence,
    )


def excess_share(at: float, hour: ArrayLike, rules: Rules) -> float:
    """Return which share of a place's events at an hour the night's rate does not explain.

    By night nothing is fired, so the night's events tell the rate of earthquakes at any hour:
    ``1 - (N_n + 1/2) / L_n * w / (n_w + 1/2)``, with n_w events within the window w around the
    hour; the halves keep small numbers careful. Between 0 and 1.
    """
    hours = np.asarray(hour, dtype=np.float64)
    length = rules.day_to_h - rules.day_from_h
    n_night = int((~is_day(hours, rules)).sum())
    apart = np.abs((hours - at + 12.0) % 24.0 - 12.0)
    near = int((apart <= rules.around_h).sum())
    expected = (n_night + 0.5) / (24.0 - length) * 2.0 * rules.around_h
    return max(0.0, 1.0 - expected / (near + 0.5))


def weigh(view: View, place: Place, hours: ArrayLike, rules: Rules) -> Verdict:
    """Weigh the evidence of one event.

    Parameters
    ----------
    view : View
        The event.
    place : Place
        Of the other events of its place.
    hours : array_like
        Their solar times [h].

    Returns
    -------
    Verdict
        A report of a type that is neither (a collapse, an induced event) leaves the type to a
        person, whatever the sum.
    """
    terms = _hour_terms(view, place, hours, rules)
    if view.source is not None:
        source = view.source
        terms.append(
            Term(
                "known_source",
                rules.known_source,
                {"name": source.name, "kind": source.kind, "distance_km": source.distance_km,
                 "radius_km": source.radius_km, "citation": source.citation},
            )
        )  # fmt: skip
    deep = view.depth_km
    if deep is not None and view.depth_is_free:
        error = view.depth_uncertainty_km or 0.0
        if deep - error > rules.deepest_blast_km:
            values = {"depth_km": deep, "error_km": error, "limit_km": rules.deepest_blast_km}
            terms.append(Term("too_deep", rules.too_deep, values))
    if view.magnitude is not None and view.magnitude >= rules.earthquake_from_magnitude:
        values = {"magnitude": view.magnitude, "limit": rules.earthquake_from_magnitude}
        terms.append(Term("too_large", rules.too_large, values))
    elif view.kr is not None and view.kr >= rules.earthquake_from_kr:
        terms.append(
            Term("too_large", rules.too_large, {"kr": view.kr, "limit": rules.earthquake_from_kr})
        )
    terms += _report_terms(view.reports, rules)
    score = round(sum(term.weight for term in terms), 3)
    others = [said for said in view.reports if group(said.event_type) == OTHER]
    if others or abs(score) < rules.suggests_from:
        return Verdict(score, "", "", tuple(terms))
    kind = _blast_type(view) if score > 0 else "earthquake"
    certainty = "known" if abs(score) >= rules.known_from else "suspected"
    return Verdict(score, kind, certainty, tuple(terms))


def _hour_terms(view: View, place: Place, hours: ArrayLike, rules: Rules) -> list[Term]:
    """Return what hour and weekday say, or what is taken for granted where they say nothing."""
    hour, day = view.hour, view.weekday
    by_day = hour is not None and bool(is_day(hour, rules))
    if hour is None or day is None or not place.is_significant:
        terms = [Term("prior", rules.prior, {})]
    else:
        share = excess_share(hour, hours, rules)
        lowest = 10.0**rules.prior
        odds = share / max(1.0 - share, 1e-9)
        weight = min(math.log10(max(odds, lowest)), rules.most_by_hour)
        terms = [Term("hour", round(weight, 3), {"hour": hour, "share": round(share, 3)})]
        if by_day:
            # Likelier on this day of the week than were all alike; a week of even days added.
            same = [k for k in range(7) if (k < WORKDAYS) == (day < WORKDAYS)]
            even = len(same) / 7
            n = sum(place.day_by_weekday[k] for k in same)
            likelier = (n + len(same)) / (place.by_day + 7) / even
            values = {"weekday": day, "count": n, "of": place.by_day}
            terms.append(Term("weekday", round(math.log10(likelier), 3), values))
    if hour is not None and not by_day:
        terms.append(Term("night", rules.night, {"hour": hour}))
    return terms


def _report_terms(reports: Sequence[Said], rules: Rules) -> list[Term]:
    """Return the strongest report of a blast, and one of an earthquake, if there are such."""
    weights = {"known": rules.reported_known}
    terms = []
    blasts = [said for said in reports if group(said.event_type) == BLAST]
    if blasts:
        best = max(weights.get(said.certainty, rules.reported_suspected) for said in blasts)
        agencies = sorted({said.agency for said in blasts})
        terms.append(Term("reported_blast", best, {"agencies": agencies}))
    quakes = sorted({said.agency for said in reports if group(said.event_type) == EARTHQUAKE})
    if quakes:
        terms.append(Term("reported_earthquake", rules.reported_earthquake, {"agencies": quakes}))
    return terms


def _blast_type(view: View) -> str:
    """Return the reported type of blast, else that of the known source, else the general word."""
    for said in sorted(view.reports, key=lambda s: (s.certainty != "known", s.agency)):
        if group(said.event_type) == BLAST:
            return said.event_type
    return view.source.kind if view.source is not None else "explosion"


def percentile(value: float, others: ArrayLike) -> float | None:
    """Return how many percent of other values lie below this one; none without others."""
    known = np.asarray(others, dtype=np.float64)
    if not known.size:
        return None
    return float(100.0 * ((known < value).sum() + 0.5 * (known == value).sum()) / known.size)
