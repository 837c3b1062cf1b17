"""Decide which reports of different agencies describe the same event.

A report is one agency's solution. Two reports that pass the gate get a misfit: their differences
in time, place, depth and size in units of their uncertainties, and the readings they share. They
join only when each is clearly the other's best: everything doubtful goes to a person. The result
depends on the set of reports and constraints alone, not on their order or on earlier results, so a
batch of new reports may be joined with all stored ones of the same days again and again.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from processing.core import geodesy


@dataclass(frozen=True)
class RuleSet:
    """Thresholds of association, named and versioned: every decision stores the name.

    The defaults are the recommended metric of the project's methods paper, section 4.2, to be
    tuned on the real lists. ``shared_needed`` is SeisComP's rule (scevent), ``shared_within_s`` the
    upper end of what that section counts as the same reading.
    """

    name: str = "thin-2026.1"
    version: int = 1
    gate_distance_km: float = 100.0
    gate_time_s: float = 20.0
    gate_time_sigmas: float = 3.0
    floor_time_s: float = 5.0
    floor_distance_km: float = 28.0
    floor_depth_km: float = 15.0
    floor_kr: float = 0.7
    depth_weight: float = 0.5
    size_weight: float = 0.5
    maximum_misfit: float = 3.0
    minimum_ratio: float = 1.5
    shared_within_s: float = 0.3
    shared_needed: int = 3
    component_cap: int = 200
    """Reports chained together by the gate beyond which nothing is joined without a person."""


@dataclass(frozen=True)
class ReportView:
    """One agency's report of one event, as association sees it."""

    report_id: str
    """Stable key of the report; also breaks ties."""
    agency: str
    time: float
    """Origin time, seconds after one epoch common to all reports."""
    latitude: float
    """Geographic [deg]."""
    longitude: float
    time_uncertainty: float | None = None
    """Standard error [s]; 30 for a time given to the minute."""
    horizontal_uncertainty_km: float | None = None
    depth_km: float | None = None
    depth_uncertainty_km: float | None = None
    kr: float | None = None
    """Energy class."""
    arrivals: tuple[tuple[str, str, float], ...] = ()
    """Station key, phase family, arrival time on the same clock as `time`."""


@dataclass(frozen=True)
class Constraint:
    """A person's word on two reports; it always beats the metric."""

    kind: Literal["same", "different"]
    first: str
    second: str


@dataclass(frozen=True)
class Misfit:
    """How far two reports are apart; each part in units of its uncertainty, None if not known."""

    total: float
    """sqrt of the weighted sum of squares."""
    time: float
    distance: float
    depth: float | None
    size: float | None
    shared_arrivals: int
    time_difference_s: float
    distance_km: float


ReviewReason = Literal[
    "misfit_too_large",
    "ambiguous",
    "swarm",
    "component_too_large",
    "indirect",
    "contradictory_constraints",
]


@dataclass(frozen=True)
class Review:
    """Two reports that may be the same event and were left apart for a person to judge."""

    first: str
    second: str
    reason: ReviewReason
    misfit: Misfit | None
    """None for contradictory constraints."""


@dataclass(frozen=True)
class Link:
    """Two reports of one group and why they are in it."""

    first: str
    second: str
    by: Literal["metric", "shared_arrivals", "constraint"]
    misfit: Misfit


@dataclass(frozen=True)
class Partition:
    """Reports arranged into events. All parts sorted, so equal inputs give equal partitions."""

    groups: tuple[tuple[str, ...], ...]
    """Report ids of each event; a report without company is a group of one."""
    links: tuple[Link, ...]
    reviews: tuple[Review, ...]
    rules: str


def standard_error_km(
    horizontal: float | None, semi_major: float | None, confidence_percent: float | None
) -> float | None:
    """Return a standard error [km] of an epicentre from its circle or ellipse.

    An ellipse at confidence p is sqrt(-2 ln(1 - p)) standard ones (two-dimensional normal
    distribution); without a stated level it is taken as it is.
    """
    size = horizontal if horizontal is not None else semi_major
    if size is None or confidence_percent is None or not 0.0 < confidence_percent < 100.0:
        return size
    return size / math.sqrt(-2.0 * math.log(1.0 - confidence_percent / 100.0))


def _uncertainty(first: float | None, second: float | None) -> float:
    """Return two standard errors in quadrature; one not reported adds nothing to the floor."""
    return math.hypot(first or 0.0, second or 0.0)


def _distance_km(a: ReportView, b: ReportView) -> float:
    """Return the epicentres' distance on the ellipsoid [km]."""
    return float(geodesy.ellipsoid_distance_km(a.latitude, a.longitude, b.latitude, b.longitude))


def _time_gate_s(a: ReportView, b: ReportView, rules: RuleSet) -> float:
    sigma = _uncertainty(a.time_uncertainty, b.time_uncertainty)
    return max(rules.gate_time_s, rules.gate_time_sigmas * sigma)


def shared_arrivals(a: ReportView, b: ReportView, within_s: float) -> int:
    """Count readings of the same station and phase family at nearly the same time."""
    if not a.arrivals or not b.arrivals:
        return 0
    other: dict[tuple[str, str], list[float]] = defaultdict(list)
    for station, family, time in b.arrivals:
        other[station, family].append(time)
    mine: dict[tuple[str, str], list[float]] = defaultdict(list)
    for station, family, time in a.arrivals:
        mine[station, family].append(time)
    # Each station and family counts once, however often an agency repeats a reading.
    return sum(
        any(abs(t - u) <= within_s for t in times for u in other.get(key, ()))
        for key, times in mine.items()
    )


def gate(a: ReportView, b: ReportView, rules: RuleSet) -> bool:
    """Tell whether two reports are near enough to be compared at all.

    |dt| <= max(20 s, 3 sigma of both) and distance <= 100 km; the distance is waived for reports
    that share three readings.
    """
    if abs(a.time - b.time) > _time_gate_s(a, b, rules):
        return False
    if _distance_km(*sorted((a, b), key=lambda r: r.report_id)) <= rules.gate_distance_km:
        return True
    return shared_arrivals(a, b, rules.shared_within_s) >= rules.shared_needed


def misfit(a: ReportView, b: ReportView, rules: RuleSet) -> Misfit:
    """Return the misfit of two reports; it does not depend on which comes first.

    d^2 = (dt/st)^2 + (dx/sx)^2 + (dz/sz)^2/2 + (dK/sK)^2/2, each s the stated errors in quadrature
    but not below its floor (project methods 4.2). Depth and class count only where both are given.
    """
    return _misfit(a, b, rules, _distance_km(*sorted((a, b), key=lambda r: r.report_id)))


def _misfit(a: ReportView, b: ReportView, rules: RuleSet, apart: float) -> Misfit:
    """Return the misfit of two reports whose distance [km] is known."""
    difference = abs(a.time - b.time)
    time = difference / max(
        rules.floor_time_s, _uncertainty(a.time_uncertainty, b.time_uncertainty)
    )
    distance = apart / max(
        rules.floor_distance_km,
        _uncertainty(a.horizontal_uncertainty_km, b.horizontal_uncertainty_km),
    )
    total = time**2 + distance**2
    depth = size = None
    if a.depth_km is not None and b.depth_km is not None:
        depth = abs(a.depth_km - b.depth_km) / max(
            rules.floor_depth_km, _uncertainty(a.depth_uncertainty_km, b.depth_uncertainty_km)
        )
        total += rules.depth_weight * depth**2
    if a.kr is not None and b.kr is not None:
        size = abs(a.kr - b.kr) / rules.floor_kr
        total += rules.size_weight * size**2
    return Misfit(
        total=math.sqrt(total),
        time=time,
        distance=distance,
        depth=depth,
        size=size,
        shared_arrivals=shared_arrivals(a, b, rules.shared_within_s),
        time_difference_s=difference,
        distance_km=apart,
    )


def candidate_pairs(reports: Sequence[ReportView], rules: RuleSet) -> list[tuple[int, int, float]]:
    """Return index pairs of different agencies that pass the gate, and their distance [km].

    A sweep over time: each report opens an interval of half its largest gate around its time, and
    only intervals open together are compared. The gate of two reports is never wider than the sum
    of their half-gates, because sqrt(s1^2 + s2^2) <= s1 + s2.
    """
    half = [
        max(0.5 * rules.gate_time_s, rules.gate_time_sigmas * (r.time_uncertainty or 0.0))
        for r in reports
    ]
    order = sorted(
        range(len(reports)), key=lambda i: (reports[i].time - half[i], reports[i].report_id)
    )
    open_until: list[tuple[float, int]] = []
    pairs: list[tuple[int, int]] = []
    for i in order:
        opened = reports[i].time - half[i]
        while open_until and open_until[0][0] < opened:
            heapq.heappop(open_until)
        for _, j in open_until:
            a, b = reports[i], reports[j]
            if a.agency != b.agency and abs(a.time - b.time) <= _time_gate_s(a, b, rules):
                pairs.append((j, i) if b.report_id < a.report_id else (i, j))
        heapq.heappush(open_until, (reports[i].time + half[i], i))
    if not pairs:
        return []
    places = np.array([(r.latitude, r.longitude) for r in reports])
    first, second = np.array(pairs).T
    # All distances in one call: a call costs far more than a distance.
    distance = geodesy.ellipsoid_distance_km(
        places[first, 0], places[first, 1], places[second, 0], places[second, 1]
    )
    return [
        (i, j, apart)
        for (i, j), apart in zip(pairs, distance.tolist(), strict=True)
        if apart <= rules.gate_distance_km
        or shared_arrivals(reports[i], reports[j], rules.shared_within_s) >= rules.shared_needed
    ]


class _Sets:
    """Disjoint sets of report ids with the agencies they hold."""

    def __init__(self, reports: Iterable[ReportView]) -> None:
        self.root = {r.report_id: r.report_id for r in reports}
        self.members = {key: [key] for key in self.root}

    def find(self, key: str) -> str:
        while self.root[key] != key:
            self.root[key] = self.root[self.root[key]]
            key = self.root[key]
        return key

    def union(self, first: str, second: str) -> None:
        a, b = sorted((self.find(first), self.find(second)))
        if a != b:
            self.root[b] = a
            self.members[a] += self.members.pop(b)


def partition(
    reports: Iterable[ReportView],
    constraints: Iterable[Constraint] = (),
    rules: RuleSet | None = None,
) -> Partition:
    """Arrange reports into events.

    Parameters
    ----------
    reports : iterable of ReportView
        Current reports, at most one of a key. For a result that later batches will not change, give
        all reports of a span of time that is bounded by gaps wider than the gate.
    constraints : iterable of Constraint
        "Same" joins even two reports of one agency and against any misfit; "different" keeps apart.
        Where they contradict each other, "different" holds and the "same" is put up for review.
        Constraints on reports that are not given are ignored.
    rules : RuleSet, optional
        Thresholds; the default set if none.

    Notes
    -----
    Without constraints an event holds one report of an agency. A pair joins when it is acceptable
    (misfit at most 3, or three shared readings) and *clear*: neither report has a second acceptable
    candidate of the other's agency (swarm guard), nor any candidate of it in the gate with a misfit
    less than 1.5 times as large. So clear pairs of two agencies are one-to-one already, and any
    other assignment of the connected component would be one that the guard sends to review; there
    is nothing for an assignment solver to decide. Three and more agencies grow together by
    increasing misfit; all pairs of the event must be acceptable, else the pair is reviewed.
    """
    rules = rules or RuleSet()
    views = sorted(reports, key=lambda r: r.report_id)
    by_id = {r.report_id: r for r in views}
    if len(by_id) != len(views):
        raise ValueError("report ids are not unique")
    sets = _Sets(views)
    links: list[Link] = []
    reviews: list[Review] = []
    apart: dict[str, set[str]] = defaultdict(set)
    joined: list[tuple[str, str]] = []
    for constraint in sorted(set(constraints), key=lambda c: (c.kind, c.first, c.second)):
        first, second = sorted((constraint.first, constraint.second))
        if first == second or first not in by_id or second not in by_id:
            continue
        if constraint.kind == "different":
            apart[first].add(second)
            apart[second].add(first)
        elif (first, second) not in joined:
            joined.append((first, second))

    def forbidden(one: str, other: str) -> bool:
        """Tell whether a person said "different" of any two members of the two sets."""
        others = set(sets.members[sets.find(other)])
        return any(apart[member] & others for member in sets.members[sets.find(one)])

    for first, second in joined:
        if forbidden(first, second):
            reviews.append(Review(first, second, "contradictory_constraints", None))
            continue
        sets.union(first, second)
        links.append(Link(first, second, "constraint", misfit(by_id[first], by_id[second], rules)))

    # Misfits of all pairs in the gate, and each report's candidates by agency.
    scores: dict[tuple[str, str], Misfit] = {}
    candidates: dict[tuple[str, str], list[str]] = defaultdict(list)
    component = _Sets(views)
    for i, j, distance in candidate_pairs(views, rules):
        a, b = views[i].report_id, views[j].report_id
        component.union(a, b)
        if b in apart[a]:
            continue
        scores[a, b] = _misfit(by_id[a], by_id[b], rules, distance)
        candidates[a, by_id[b].agency].append(b)
        candidates[b, by_id[a].agency].append(a)

    def pair(one: str, other: str) -> tuple[str, str]:
        return (one, other) if one < other else (other, one)

    def decisive(score: Misfit) -> bool:
        return score.shared_arrivals >= rules.shared_needed

    def acceptable(score: Misfit) -> bool:
        return decisive(score) or score.total <= rules.maximum_misfit

    def doubt(one: str, other: str) -> ReviewReason | None:
        """Tell why `other` is not clearly the candidate of its agency for `one`."""
        score = scores[pair(one, other)]
        rivals = [
            scores[pair(one, rival)]
            for rival in candidates[one, by_id[other].agency]
            # What a person has put into the same event is no rival.
            if rival != other and sets.find(rival) != sets.find(other)
        ]
        if decisive(score) and not any(decisive(rival) for rival in rivals):
            return None
        if any(acceptable(rival) for rival in rivals):
            return "swarm"
        if any(rival.total < rules.minimum_ratio * score.total for rival in rivals):
            return "ambiguous"
        return None

    def crowded(one: str, other: str) -> bool:
        """Tell whether two sets hold reports of one agency, so that they are two events."""
        agencies = [by_id[m].agency for m in sets.members[sets.find(one)]]
        return any(by_id[m].agency in agencies for m in sets.members[sets.find(other)])

    verdicts: list[tuple[str, str, ReviewReason]] = []
    clear: list[tuple[str, str]] = []
    doubts = {
        key: (
            "component_too_large"
            if len(component.members[component.find(key[0])]) > rules.component_cap
            else "misfit_too_large"
            if not acceptable(score)
            else doubt(*key) or doubt(key[1], key[0])
        )
        for key, score in scores.items()
    }
    for key, reason in doubts.items():
        if reason is None:
            clear.append(key)
        else:
            verdicts.append((*key, reason))
    # Shared readings first, then the smallest misfit; the ids settle ties.
    clear.sort(key=lambda key: (not decisive(scores[key]), scores[key].total, key))
    for a, b in clear:
        if sets.find(a) == sets.find(b) or crowded(a, b) or forbidden(a, b):
            continue
        complete = all(
            pair(m, n) in scores and acceptable(scores[pair(m, n)])
            for m in sets.members[sets.find(a)]
            for n in sets.members[sets.find(b)]
            if by_id[m].agency != by_id[n].agency
        )
        if not complete:
            verdicts.append((a, b, "indirect"))
            continue
        sets.union(a, b)
        by: Literal["metric", "shared_arrivals"] = (
            "shared_arrivals" if decisive(scores[a, b]) else "metric"
        )
        links.append(Link(a, b, by, scores[a, b]))
    # A doubt matters only while the two could still become one event.
    for a, b, reason in verdicts:
        if sets.find(a) != sets.find(b) and not crowded(a, b) and not forbidden(a, b):
            reviews.append(Review(a, b, reason, scores[a, b]))
    return Partition(
        groups=tuple(sorted(tuple(sorted(members)) for members in sets.members.values())),
        links=tuple(sorted(links, key=lambda link: (link.first, link.second))),
        reviews=tuple(sorted(reviews, key=lambda r: (r.first, r.second, r.reason))),
        rules=f"{rules.name}/{rules.version}",
    )


def batches(reports: Sequence[ReportView], rules: RuleSet, at_most: int = 500) -> list[list[str]]:
    """Cut reports at time gaps wider than the gate, so that batches do not influence each other.

    A batch holds at most `at_most` reports unless a single unbroken span holds more.
    """
    half = {
        r.report_id: max(
            0.5 * rules.gate_time_s, rules.gate_time_sigmas * (r.time_uncertainty or 0.0)
        )
        for r in reports
    }
    order = sorted(reports, key=lambda r: (r.time - half[r.report_id], r.report_id))
    spans: list[list[str]] = []
    end = -math.inf
    for report in order:
        if not spans or report.time - half[report.report_id] > end:
            spans.append([])
        spans[-1].append(report.report_id)
        end = max(end, report.time + half[report.report_id])
    result: list[list[str]] = []
    for span in spans:
        if result and len(result[-1]) + len(span) <= at_most:
            result[-1].extend(span)
        else:
            result.append(span)
    return result
