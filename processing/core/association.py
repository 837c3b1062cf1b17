"""Decide which reports of different agencies describe the same event.

A report is one agency's solution. Each two that pass the gate get odds: how much likelier their
differences are in one event than in two, given how many other events there are around and what
readings they share (`association_weights`). Where both have readings, the joint relocation decides
in place of the reported hypocentres (`joint_fit`). From the odds follows each pair's probability
over all ways to pair the reports near in time; what is likely joins, what is in doubt goes to a
person. The result depends on the set of reports and constraints alone, not on their order or on
earlier results, so a batch of new reports may be joined with all stored ones of the same days again
and again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse

from catalog.scales import MAGNITUDE_ORDER
from processing.core import association_weights as weights
from processing.core import geodesy
from processing.core.association_weights import Floats, Ints
from processing.core.joint_fit import JointFit

AUTOMATIC, PRELIMINARY, FINAL = 0, 1, 2
"""Grades of a report: the agency's own later word replaces its earlier one."""


@dataclass(frozen=True)
class RuleSet:
    """Thresholds of association, named and versioned: every decision stores the name.

    Gate and floors are the recommended metric of the project's methods paper, section 4.2.
    ``shared_needed`` is SeisComP's rule (scevent), ``shared_within_s`` the upper end of what that
    section counts as the same reading. The others are ours; `benchmarks/associate.py` measures what
    they do.
    """

    name: str = "record-linkage-2026.3"
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
    kr_per_magnitude: float = 1.8
    """K = 4 + 1.8 M (methods 4.3): what a floor of KR is in magnitudes."""
    b_value: float = 1.0
    """Of Gutenberg and Richter, for how often two events are of one size by chance."""
    link_speed_km_s: float = 6.0
    """An epicentre moved along its stations moves the origin time by so many km a second."""
    companion_rate: float = 1e-7
    """Events per second and km^2 around a reported one where no other report is near: one in fifty
    has a companion within 20 s and 40 km. The same number for solutions less exact in time."""
    detection: float = 0.85
    """Share of the events around that an agency lists."""
    rate_windows_s: tuple[float, ...] = (30.0, 300.0)
    cluster_km: float = 50.0
    """Radius of the circle that the reports near a report are taken to fill."""
    join_probability: float = 0.55
    review_probability: float = 0.30
    maximum_misfit: float = 3.5
    joint_fit_level: float = 0.001
    """A joint relocation worse than this (probability of the F-test) is shown to a person."""
    shared_within_s: float = 0.3
    shared_needed: int = 3
    component_cap: int = 20_000
    """Reports chained together by the gate beyond which nothing is joined without a person."""
    joint_doubt: float = 0.02
    """A pair less sure than this either way has its readings relocated, with all around it."""
    twin_time_s: float = 3.0
    twin_distance_km: float = 28.0
    """Two reports of one agency nearer than both are shown to a person."""
    clock_minutes: int = 10
    clock_hours: int = 12
    """Whole minutes and hours up to which a clock may be wrong."""
    clock_chance: float = 0.05
    """Chance coincidences up to which a wrong clock is thought of."""

    @property
    def label(self) -> str:
        return f"{self.name}/{self.version}"


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
    grade: int = FINAL
    """`AUTOMATIC`, `PRELIMINARY` or `FINAL`."""
    magnitudes: tuple[tuple[str, float], ...] = ()
    """Scale and value of other sizes than KR."""
    link: tuple[float, float] | None = None
    """Mean unit vector from the epicentre to its stations, east and north; None if not known."""

    @property
    def source(self) -> tuple[str, int]:
        """Whose word it is: an event holds one report of each."""
        return self.agency, self.grade


@dataclass(frozen=True)
class Neighbour:
    """A report that is not to be arranged, but counts among the events around."""

    agency: str
    time: float
    latitude: float
    longitude: float
    grade: int = FINAL


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
    log_odds: float = 0.0
    """ln of how much likelier one event is than two, before other candidates are looked at."""
    probability: float | None = None
    """Of one event, all candidates considered; None where the rules did not compare."""
    joint_level: float | None = None
    """Probability that the joint relocation of one event fits so much worse; None without one."""
    joint_increase: float | None = None
    """Of chi-square from both alone to the joint relocation."""


ReviewReason = Literal[
    "misfit_too_large",
    "ambiguous",
    "component_too_large",
    "indirect",
    "joint_misfit",
    "same_agency",
    "contradictory_constraints",
    "clock",
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
    by: Literal["metric", "joint_fit", "shared_arrivals", "supersede", "constraint"]
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


def half_gate_s(time_uncertainty: float | None, rules: RuleSet) -> float:
    """Return half the widest gate in time of a report [s].

    |dt| <= max(20 s, 3 sigma of both) never reaches beyond the sum of two halves, because
    sqrt(s1^2 + s2^2) <= s1 + s2.
    """
    return max(0.5 * rules.gate_time_s, rules.gate_time_sigmas * (time_uncertainty or 0.0))


# --- reports as arrays ----------------------------------------------------------------------------


class _Table:
    """Reports as columns, in the order of their ids."""

    def __init__(self, views: Sequence[ReportView], rules: RuleSet) -> None:
        self.views = views
        self.rules = rules
        self.time = np.array([v.time for v in views], dtype=np.float64)
        self.latitude = np.array([v.latitude for v in views], dtype=np.float64)
        self.longitude = np.array([v.longitude for v in views], dtype=np.float64)
        self.time_error = np.array([v.time_uncertainty or 0.0 for v in views], dtype=np.float64)
        self.place_error = np.array(
            [v.horizontal_uncertainty_km or 0.0 for v in views], dtype=np.float64
        )
        self.depth = _column(v.depth_km for v in views)
        self.depth_error = np.array(
            [v.depth_uncertainty_km or 0.0 for v in views], dtype=np.float64
        )
        self.sources = sorted({v.source for v in views})
        number = {source: k for k, source in enumerate(self.sources)}
        self.source = np.array([number[v.source] for v in views], dtype=np.int64)
        agency = {name: k for k, name in enumerate(sorted({v.agency for v in views}))}
        self.agency = np.array([agency[v.agency] for v in views], dtype=np.int64)
        self.link = np.array(
            [(np.nan, np.nan) if v.link is None else v.link for v in views], dtype=np.float64
        ).reshape(-1, 2)
        self.half_gate = np.maximum(
            0.5 * rules.gate_time_s, rules.gate_time_sigmas * self.time_error
        )
        self._size_columns()
        self._arrivals()

    def _size_columns(self) -> None:
        """Sizes by scale, KR first, then as magnitudes are preferred."""
        rank = {scale: k for k, scale in enumerate(MAGNITUDE_ORDER)}
        by_scale = [dict(v.magnitudes) for v in self.views]
        named = {scale for sizes in by_scale for scale in sizes}
        order = sorted(named, key=lambda scale: (rank.get(scale, len(rank)), scale))
        self.sizes = [_column(v.kr for v in self.views)]
        self.size_floor = [self.rules.floor_kr]
        for scale in order:
            self.sizes.append(_column(sizes.get(scale) for sizes in by_scale))
            self.size_floor.append(self.rules.floor_kr / self.rules.kr_per_magnitude)

    def _arrivals(self) -> None:
        numbers: dict[tuple[str, str], int] = {}
        key, time, owner = [], [], []
        for row, view in enumerate(self.views):
            for station, family, at in view.arrivals:
                key.append(numbers.setdefault((station, family), len(numbers)))
                time.append(at)
                owner.append(row)
        first, second, count = weights.coincidences(
            np.array(key, dtype=np.int64),
            np.array(time, dtype=np.float64),
            np.array(owner, dtype=np.int64),
            self.rules.shared_within_s,
        )
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        self.shared: dict[tuple[int, int], int] = dict(zip(pairs, count.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.views)


def _column(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


@dataclass
class _Pairs:
    """Differences of pairs of reports, row by row. Of a pair the smaller row number is first."""

    first: Ints
    second: Ints
    seconds: Floats
    km: Floats
    time: Floats
    distance: Floats
    depth: Floats
    size: Floats
    shared: Ints
    total: Floats
    log_odds: Floats
    joint: list[JointFit | None]

    def __len__(self) -> int:
        return int(self.first.size)

    def misfit(self, row: int, probability: float | None = None) -> Misfit:
        joint = self.joint[row]
        depth, size = float(self.depth[row]), float(self.size[row])
        return Misfit(
            total=float(self.total[row]),
            time=float(self.time[row]),
            distance=float(self.distance[row]),
            depth=None if math.isnan(depth) else depth,
            size=None if math.isnan(size) else size,
            shared_arrivals=int(self.shared[row]),
            time_difference_s=float(self.seconds[row]),
            distance_km=float(self.km[row]),
            log_odds=float(self.log_odds[row]),
            probability=probability,
            joint_level=None if joint is None else joint.level,
            joint_increase=None if joint is None else joint.increase,
        )


def _candidates(table: _Table) -> tuple[Ints, Ints, Floats, Ints]:
    """Return pairs in the gate, their distance [km] and the number of readings they share."""
    rules = table.rules
    firsts, seconds, distances, counts = [], [], [], []
    rich = np.zeros(len(table), dtype=np.bool_)
    if table.shared:
        rich[np.array(list(table.shared)).ravel()] = True
    for one, other in weights.near_in_time(table.time, table.half_gate):
        gate = np.maximum(
            rules.gate_time_s,
            rules.gate_time_sigmas * np.hypot(table.time_error[one], table.time_error[other]),
        )
        on = np.abs(table.time[one] - table.time[other]) <= gate
        one, other = np.minimum(one[on], other[on]), np.maximum(one[on], other[on])
        # A degree of latitude is never less than 110.5 km: far pairs need no ellipsoid.
        far = np.abs(table.latitude[one] - table.latitude[other]) * 110.5 > rules.gate_distance_km
        on = ~far | (rich[one] & rich[other])
        one, other = one[on], other[on]
        km = geodesy.ellipsoid_distance_km(
            table.latitude[one], table.longitude[one], table.latitude[other], table.longitude[other]
        )
        shared = np.zeros(one.size, dtype=np.int64)
        for row in np.flatnonzero(rich[one] & rich[other]).tolist():
            shared[row] = table.shared.get((int(one[row]), int(other[row])), 0)
        on = (km <= rules.gate_distance_km) | (shared >= rules.shared_needed)
        firsts.append(one[on])
        seconds.append(other[on])
        distances.append(km[on])
        counts.append(shared[on])
    if not firsts:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0), none
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.lexsort((second, first))
    return (
        first[order], second[order], np.concatenate(distances)[order],
        np.concatenate(counts)[order],
    )  # fmt: skip


def _compare(
    table: _Table,
    first: Ints,
    second: Ints,
    km: Floats,
    shared: Ints,
    rate: Floats,
    joint: Mapping[tuple[str, str], JointFit],
) -> _Pairs:
    """Return misfits and odds of pairs.

    d^2 = (dt/st)^2 + (dx/sx)^2 + (dz/sz)^2/2 + (dK/sK)^2/2, each s the stated errors in quadrature
    but not below its floor (project methods 4.2). Depth and size count only where both are given,
    sizes only on one scale. dt is what is left of the difference of times when the part that the
    shift of the epicentre explains is taken off, where the stations are known.
    """
    rules = table.rules
    seconds = np.abs(table.time[first] - table.time[second])
    unexplained = np.abs(table.time[second] - table.time[first] - _linked(table, first, second))
    time_sigma = np.maximum(
        rules.floor_time_s, np.hypot(table.time_error[first], table.time_error[second])
    )
    place_sigma = np.maximum(
        rules.floor_distance_km, np.hypot(table.place_error[first], table.place_error[second])
    )
    depth_sigma = np.maximum(
        rules.floor_depth_km, np.hypot(table.depth_error[first], table.depth_error[second])
    )
    depth = np.abs(table.depth[first] - table.depth[second]) / depth_sigma
    size, size_odds = _sizes(table, first, second)
    time, distance = unexplained / time_sigma, km / place_sigma
    deep = rules.depth_weight * np.nan_to_num(depth) ** 2
    total = np.sqrt(time**2 + distance**2 + deep + rules.size_weight * np.nan_to_num(size) ** 2)
    density = weights.log_density(unexplained, km, time_sigma, place_sigma) - 0.5 * deep
    views = table.views
    fits: list[JointFit | None] = [None] * first.size
    if joint:
        fits = [
            joint.get((views[a].report_id, views[b].report_id))
            for a, b in zip(first.tolist(), second.tolist(), strict=True)
        ]
    for row, fit in enumerate(fits):
        if fit is not None:
            density[row] = fit.log_density
    # So many companions, however wide the errors are: an hour has not a hundred times as many.
    companions = rules.companion_rate * rules.floor_time_s / time_sigma
    around = companions + np.maximum(rate[first], rate[second])
    odds = density + size_odds - np.log(around * (1.0 - rules.detection) ** 2)
    # An unrelated reading would lie anywhere in the gate.
    odds += shared * math.log(rules.gate_time_s / rules.shared_within_s)
    odds = np.where(shared >= rules.shared_needed, np.maximum(odds, 0.0) + 20.0, odds)
    return _Pairs(
        first, second, seconds, km, time, distance, depth, size, shared, total, odds, fits
    )


def _linked(table: _Table, first: Ints, second: Ints) -> Floats:
    """Return the difference of origin times that the shift of the epicentre explains [s].

    From first to second. A place moved towards its stations shortens the ways, so the origin comes
    later. Zero where the stations of either report are not known.
    """
    seconds = np.zeros(first.size)
    link = 0.5 * (table.link[first] + table.link[second])
    known = np.isfinite(link[:, 0])
    one, other, link = first[known], second[known], link[known]
    apart, azimuth = geodesy.distance_azimuth(
        table.latitude[one], table.longitude[one], table.latitude[other], table.longitude[other]
    )
    alpha = np.radians(azimuth)
    along = link[:, 0] * np.sin(alpha) + link[:, 1] * np.cos(alpha)
    seconds[known] = along * apart * geodesy.KM_PER_DEGREE / table.rules.link_speed_km_s
    return seconds


def _sizes(table: _Table, first: Ints, second: Ints) -> tuple[Floats, Floats]:
    """Return differences of size in their uncertainty, NaN if none, and the log odds of them."""
    rules = table.rules
    size = np.full(first.size, np.nan)
    odds = np.zeros(first.size)
    for column, floor in zip(table.sizes, table.size_floor, strict=True):
        difference = np.abs(column[first] - column[second])
        on = np.isnan(size) & np.isfinite(difference)
        if not on.any():
            continue
        size[on] = difference[on] / floor
        # K = a + 1.8 M: a floor of 0.7 in K is the same difference as one of 0.39 in M.
        decay = rules.b_value * math.log(10.0) / rules.kr_per_magnitude * rules.floor_kr / floor
        odds[on] = weights.size_log_odds(difference[on], floor, decay)
    return size, odds


def misfit(a: ReportView, b: ReportView, rules: RuleSet) -> Misfit:
    """Return the misfit of two reports; it does not depend on which comes first."""
    table = _Table(sorted((a, b), key=lambda r: r.report_id), rules)
    return _between(table, 0, 1, np.zeros(2), {}).misfit(0)


def gate(a: ReportView, b: ReportView, rules: RuleSet) -> bool:
    """Tell whether two reports are near enough to be compared at all.

    |dt| <= max(20 s, 3 sigma of both) and distance <= 100 km; the distance is waived for reports
    that share three readings.
    """
    table = _Table(sorted((a, b), key=lambda r: r.report_id), rules)
    return bool(_candidates(table)[0].size)


def _between(
    table: _Table,
    one: int,
    other: int,
    rate: Floats,
    joint: Mapping[tuple[str, str], JointFit],
) -> _Pairs:
    first, second = np.array([min(one, other)]), np.array([max(one, other)])
    km = geodesy.ellipsoid_distance_km(
        table.latitude[first], table.longitude[first],
        table.latitude[second], table.longitude[second],
    )  # fmt: skip
    shared = np.array([table.shared.get((int(first[0]), int(second[0])), 0)])
    return _compare(table, first, second, km, shared, rate, joint)


# --- arranging ------------------------------------------------------------------------------------


class _Sets:
    """Disjoint sets of rows. Most rows stay alone, so only sets of two and more are kept."""

    def __init__(self) -> None:
        self.root: dict[int, int] = {}
        self.members: dict[int, list[int]] = {}

    def find(self, row: int) -> int:
        root = self.root
        while row in root:
            row = root[row]
        return row

    def of(self, row: int) -> list[int]:
        """Return the rows of the set that holds a row."""
        root = self.find(row)
        return self.members.get(root, [root])

    def union(self, one: int, other: int) -> None:
        a, b = sorted((self.find(one), self.find(other)))
        if a != b:
            self.members[a] = self.members.get(a, [a]) + self.members.pop(b, [b])
            for row in self.members[a][1:]:
                self.root[row] = a


class _Arrangement:
    """One call of `partition`."""

    def __init__(
        self,
        reports: Iterable[ReportView],
        constraints: Iterable[Constraint],
        rules: RuleSet,
        joint: Mapping[tuple[str, str], JointFit],
        around: Sequence[Neighbour],
    ) -> None:
        views = sorted(reports, key=lambda r: r.report_id)
        self.rules = rules
        self.row = {view.report_id: k for k, view in enumerate(views)}
        if len(self.row) != len(views):
            raise ValueError("report ids are not unique")
        self.table = _Table(views, rules)
        self.joint = joint
        self.sources: list[int] = self.table.source.tolist()
        self.sets = _Sets()
        self.apart: dict[int, set[int]] = defaultdict(set)
        self.same: list[tuple[int, int]] = []
        for constraint in sorted(set(constraints), key=lambda c: (c.kind, c.first, c.second)):
            first, second = sorted((constraint.first, constraint.second))
            if first == second or first not in self.row or second not in self.row:
                continue
            pair = self.row[first], self.row[second]
            if constraint.kind == "different":
                self.apart[pair[0]].add(pair[1])
                self.apart[pair[1]].add(pair[0])
            elif pair not in self.same:
                self.same.append(pair)
        self.rate = self._rate(around)
        self.links: list[Link] = []
        self.reviews: list[Review] = []

    def _rate(self, around: Sequence[Neighbour]) -> Floats:
        """Return the rate of events around each report [1/(s km^2)]."""
        table, rules = self.table, self.rules
        number = {source: k for k, source in enumerate(table.sources)}
        others = [n for n in around if (n.agency, n.grade) in number]
        rate = weights.local_rate(
            np.concatenate([table.time, [n.time for n in others]]),
            np.concatenate([table.latitude, [n.latitude for n in others]]),
            np.concatenate([table.longitude, [n.longitude for n in others]]),
            np.concatenate(
                [
                    table.source,
                    np.array([number[n.agency, n.grade] for n in others], dtype=np.int64),
                ]
            ),
            rules.rate_windows_s,
            rules.gate_distance_km,
            rules.cluster_km,
        )
        return rate[: len(table)]

    # what people said

    def forbidden(self, one: int, other: int) -> bool:
        """Tell whether a person said "different" of any two members of the two sets."""
        if not self.apart:
            return False
        others = set(self.sets.of(other))
        return any(self.apart[row] & others for row in self.sets.of(one) if row in self.apart)

    def obey(self) -> None:
        """Join what people said is the same, unless they also said it is not."""
        for one, other in self.same:
            if self.forbidden(one, other):
                self._review(one, other, "contradictory_constraints", None)
                continue
            self.sets.union(one, other)
            self._link(
                one, other, "constraint",
                _between(self.table, one, other, self.rate, self.joint).misfit(0),
            )  # fmt: skip

    # what the rules say

    def compare(self) -> tuple[_Pairs, Floats, Ints]:
        """Return the pairs in the gate, their probabilities, and the component of each report."""
        table = self.table
        first, second, km, shared = _candidates(table)
        on = table.source[first] != table.source[second]
        self._find_twins(first[~on], second[~on], km[~on], shared[~on])
        first, second, km, shared = first[on], second[on], km[on], shared[on]
        graph = sparse.coo_array(
            (np.ones(first.size, dtype=np.bool_), (first, second)), (len(table), len(table))
        )
        component = sparse.csgraph.connected_components(graph, directed=False)[1]
        free = np.array(
            [
                self.sets.find(a) != self.sets.find(b) and not self.forbidden(a, b)
                and not self._crowded(a, b)
                for a, b in zip(first.tolist(), second.tolist(), strict=True)
            ],
            dtype=np.bool_,
        ) if self.same or self.apart else np.ones(first.size, dtype=np.bool_)  # fmt: skip
        pairs = _compare(
            table, first[free], second[free], km[free], shared[free], self.rate, self.joint
        )
        return pairs, self._probability(pairs), component

    def _probability(self, pairs: _Pairs) -> Floats:
        """Return the probability of each pair over all assignments of two sources' reports."""
        source, count = self.table.source, len(self.table.sources)
        swap = source[pairs.first] > source[pairs.second]
        a = np.where(swap, pairs.second, pairs.first)
        b = np.where(swap, pairs.first, pairs.second)
        best = np.arange(len(pairs))
        if self.same:
            # Reports of one source that a person joined are one candidate: the likeliest of them.
            group = np.arange(len(self.table))
            for root, rows in self.sets.members.items():
                group[rows] = root
            key = np.stack([group[a], group[b], source[a], source[b]], axis=1)
            _, number = np.unique(key, axis=0, return_inverse=True)
            order = np.lexsort((-pairs.log_odds, number))
            first = order[np.r_[True, np.diff(number[order]) != 0]] if order.size else order
            best = first[number]
        stands = np.unique(best)
        _, one = np.unique((a * count + source[b])[stands], return_inverse=True)
        _, other = np.unique((b * count + source[a])[stands], return_inverse=True)
        probability = np.zeros(len(pairs))
        probability[stands] = weights.pair_probability(one, other, pairs.log_odds[stands])
        return probability[best]

    def _crowded(self, one: int, other: int) -> bool:
        """Tell whether two sets hold reports of one source, so that they are two events."""
        sources = self.sources
        held = [sources[row] for row in self.sets.of(one)]
        return any(sources[row] in held for row in self.sets.of(other))

    def _find_twins(self, first: Ints, second: Ints, km: Floats, shared: Ints) -> None:
        """Show a person two reports of one agency that are hardly two earthquakes."""
        rules, table = self.rules, self.table
        on = np.abs(table.time[first] - table.time[second]) <= rules.twin_time_s
        on &= km <= rules.twin_distance_km
        pairs = _compare(table, first[on], second[on], km[on], shared[on], self.rate, {})
        self.twins = pairs

    def arrange(self) -> None:
        """Join what is likely, most likely first, and collect the doubts."""
        rules, sets = self.rules, self.sets
        self.obey()
        pairs, probability, component = self.compare()
        size = np.bincount(component, minlength=len(self.table))
        verdicts: list[tuple[int, ReviewReason]] = []
        clear: list[int] = []
        for row in np.flatnonzero(probability >= rules.review_probability).tolist():
            reason = self._doubt(pairs, row, float(probability[row]))
            if reason is None and size[component[pairs.first[row]]] > rules.component_cap:
                reason = "component_too_large"
            if reason is None:
                clear.append(row)
            else:
                verdicts.append((row, reason))
        clear.sort(
            key=lambda row: (
                pairs.shared[row] < rules.shared_needed, -probability[row], -pairs.log_odds[row],
                row,
            )
        )  # fmt: skip
        for row in clear:
            a, b = int(pairs.first[row]), int(pairs.second[row])
            if sets.find(a) == sets.find(b) or self._crowded(a, b) or self.forbidden(a, b):
                continue
            if not self._complete(a, b):
                verdicts.append((row, "indirect"))
                continue
            sets.union(a, b)
            self._link(a, b, self._by(pairs, row), pairs.misfit(row, float(probability[row])))
        # A doubt matters only while the two could still become one event.
        for row, reason in verdicts:
            a, b = int(pairs.first[row]), int(pairs.second[row])
            if not (sets.find(a) == sets.find(b) or self._crowded(a, b) or self.forbidden(a, b)):
                self._review(a, b, reason, pairs.misfit(row, float(probability[row])))
        for row in range(len(self.twins)):
            a, b = int(self.twins.first[row]), int(self.twins.second[row])
            if sets.find(a) != sets.find(b) and not self.forbidden(a, b):
                self._review(a, b, "same_agency", self.twins.misfit(row))

    def _doubt(self, pairs: _Pairs, row: int, probability: float) -> ReviewReason | None:
        """Tell why a likely pair is not joined; None if it is."""
        rules = self.rules
        joint = pairs.joint[row]
        decisive = pairs.shared[row] >= rules.shared_needed
        if probability < rules.join_probability:
            return "ambiguous"
        if decisive:
            return None
        if joint is not None:
            return "joint_misfit" if joint.level < rules.joint_fit_level else None
        return "misfit_too_large" if pairs.total[row] > rules.maximum_misfit else None

    def _complete(self, one: int, other: int) -> bool:
        """Tell whether all pairs of two sets together are likelier one event than two."""
        rules = self.rules
        mine, theirs = self.sets.of(one), self.sets.of(other)
        if len(mine) == len(theirs) == 1:
            return True
        total = 0.0
        for a in mine:
            for b in theirs:
                pair = _between(self.table, a, b, self.rate, self.joint)
                decisive = pair.shared[0] >= rules.shared_needed or pair.joint[0] is not None
                if pair.total[0] > rules.maximum_misfit and not decisive:
                    return False
                total += float(pair.log_odds[0])
        return total > 0.0

    def _by(
        self, pairs: _Pairs, row: int
    ) -> Literal["metric", "joint_fit", "shared_arrivals", "supersede"]:
        agency = self.table.agency
        if agency[pairs.first[row]] == agency[pairs.second[row]]:
            return "supersede"
        if pairs.shared[row] >= self.rules.shared_needed:
            return "shared_arrivals"
        return "metric" if pairs.joint[row] is None else "joint_fit"

    def _link(
        self,
        one: int,
        other: int,
        by: Literal["metric", "joint_fit", "shared_arrivals", "supersede", "constraint"],
        found: Misfit,
    ) -> None:
        views = self.table.views
        self.links.append(Link(views[one].report_id, views[other].report_id, by, found))

    def _review(self, one: int, other: int, reason: ReviewReason, found: Misfit | None) -> None:
        views = self.table.views
        self.reviews.append(Review(views[one].report_id, views[other].report_id, reason, found))

    def result(self) -> Partition:
        views, sets = self.table.views, self.sets
        groups: list[tuple[str, ...]] = [
            (view.report_id,)
            for row, view in enumerate(views)
            if row not in sets.root and row not in sets.members
        ]
        groups += [
            tuple(sorted(views[row].report_id for row in rows)) for rows in sets.members.values()
        ]
        return Partition(
            groups=tuple(sorted(groups)),
            links=tuple(sorted(self.links, key=lambda link: (link.first, link.second))),
            reviews=tuple(sorted(self.reviews, key=lambda r: (r.first, r.second, r.reason))),
            rules=self.rules.label,
        )


def partition(
    reports: Iterable[ReportView],
    constraints: Iterable[Constraint] = (),
    rules: RuleSet | None = None,
    joint: Mapping[tuple[str, str], JointFit] | None = None,
    around: Sequence[Neighbour] = (),
) -> Partition:
    """Arrange reports into events.

    Parameters
    ----------
    reports : iterable of ReportView
        Current reports, at most one of a key. For a result that later batches will not change, give
        all reports of a span of time that is bounded by gaps wider than the gate.
    constraints : iterable of Constraint
        "Same" joins even two reports of one agency and against any odds; "different" keeps apart.
        Where they contradict each other, "different" holds and the "same" is put up for review.
        Constraints on reports that are not given are ignored.
    rules : RuleSet, optional
        Thresholds; the default set if none.
    joint : mapping, optional
        Joint relocations of pairs, (smaller id, larger id) to fit, for those that `to_relocate`
        names; they take the place of the reported hypocentres.
    around : sequence of Neighbour, optional
        Other reports within the longest of the rate's windows. They are not arranged.

    Notes
    -----
    Without constraints an event holds one report of a source, an agency at one grade. A pair joins
    when its probability is at least 0.55 and nothing contradicts: the misfit (unless three shared
    readings or a joint relocation speak), or the F-test of the joint relocation. Three and more
    reports grow together by decreasing probability; all pairs of the event together must speak for
    one event and none may exceed the largest misfit, else the pair is reviewed.
    """
    arrangement = _Arrangement(reports, constraints, rules or RuleSet(), joint or {}, around)
    arrangement.arrange()
    return arrangement.result()


def to_relocate(
    reports: Iterable[ReportView],
    constraints: Iterable[Constraint] = (),
    rules: RuleSet | None = None,
    around: Sequence[Neighbour] = (),
) -> list[tuple[str, str]]:
    """Return the pairs, smaller id first, whose joint relocation `partition` wants to know.

    Those of which both have readings, in every component of candidates that holds a doubt: a pair
    of which the reported hypocentres alone say neither yes nor no, or whose misfit is large.
    """
    rules = rules or RuleSet()
    arrangement = _Arrangement(reports, constraints, rules, {}, around)
    arrangement.obey()
    pairs, probability, component = arrangement.compare()
    doubtful = (probability > rules.joint_doubt) & (
        (probability < 1.0 - rules.joint_doubt) | (pairs.total > 0.5 * rules.maximum_misfit)
    )
    views = arrangement.table.views
    with_readings = np.array([bool(view.arrivals) for view in views], dtype=np.bool_)
    wanted = np.isin(component[pairs.first], component[pairs.first[doubtful]])
    wanted &= with_readings[pairs.first] & with_readings[pairs.second]
    return [
        (views[a].report_id, views[b].report_id)
        for a, b in zip(pairs.first[wanted].tolist(), pairs.second[wanted].tolist(), strict=True)
    ]


# --- wrong clocks ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClockSuspect:
    """Two lonely reports that were one event if a clock were wrong by whole minutes or hours."""

    first: str
    second: str
    shift_s: float
    """Second less first, rounded to the whole minutes or hours."""
    misfit: Misfit
    """With the shift taken off."""


def clock_suspects(
    alone: Iterable[ReportView], rules: RuleSet | None = None, around: Sequence[Neighbour] = ()
) -> list[ClockSuspect]:
    """Find reports without company that a wrong clock may keep from their event.

    Parameters
    ----------
    alone : iterable of ReportView
        Reports that stand alone in their event.
    around : sequence of Neighbour, optional
        All other reports of those days, which say how likely a chance coincidence is.

    Returns
    -------
    list of ClockSuspect
        Two of different agencies whose times differ by 1 to 10 whole minutes or 1 to 12 whole
        hours, within the floor of 5 s, and which agree otherwise within one standard misfit of
        place and size. Where so many events are around that one of 44 windows would catch one by
        chance, nothing is said.
    """
    rules = rules or RuleSet()
    views = sorted(alone, key=lambda r: (r.time, r.report_id))
    if len(views) < 2:
        return []
    arrangement = _Arrangement(views, (), rules, {}, around)
    table = arrangement.table
    rate = arrangement.rate * np.pi * rules.cluster_km**2
    shifts = [60.0 * k for k in range(1, rules.clock_minutes + 1)]
    shifts += [3600.0 * k for k in range(1, rules.clock_hours + 1)]
    quiet = rate * 2.0 * len(shifts) * 2.0 * rules.floor_time_s <= rules.clock_chance
    quiet &= table.time_error <= rules.floor_time_s
    order = np.argsort(table.time, kind="stable")
    times = table.time[order]
    found: list[ClockSuspect] = []
    for shift in shifts:
        low = np.searchsorted(times, table.time + shift - rules.floor_time_s, side="left")
        high = np.searchsorted(times, table.time + shift + rules.floor_time_s, side="right")
        for row in np.flatnonzero((high > low) & quiet).tolist():
            for other in order[low[row] : high[row]].tolist():
                if not quiet[other] or table.agency[row] == table.agency[other]:
                    continue
                one, two = table.views[row], table.views[other]
                moved = misfit(one, replace(two, time=two.time - shift, arrivals=()), rules)
                if moved.distance <= 1.0 and (moved.size or 0.0) <= 1.0:
                    late = shift if one.report_id < two.report_id else -shift
                    first, second = sorted((one.report_id, two.report_id))
                    found.append(ClockSuspect(first, second, late, moved))
    return sorted(found, key=lambda s: (s.first, s.second, s.shift_s))


# --- batches --------------------------------------------------------------------------------------


def batches(reports: Sequence[ReportView], rules: RuleSet, at_most: int = 500) -> list[list[str]]:
    """Cut reports at gaps in time, so that batches do not influence each other.

    A batch holds at most `at_most` reports unless a single unbroken span holds more. A gap is wider
    than the gate and than the windows in which the events around are counted.
    """
    half = {
        r.report_id: max(half_gate_s(r.time_uncertainty, rules), 0.5 * max(rules.rate_windows_s))
        for r in reports
    }
    result: list[list[str]] = []
    for span in _spans(reports, half):
        if result and len(result[-1]) + len(span) <= at_most:
            result[-1].extend(span)
        else:
            result.append(span)
    return result


def _spans(reports: Sequence[ReportView], half: Mapping[str, float]) -> Iterator[list[str]]:
    """Yield the ids of reports whose intervals hang together."""
    order = sorted(reports, key=lambda r: (r.time - half[r.report_id], r.report_id))
    span: list[str] = []
    end = -math.inf
    for report in order:
        if span and report.time - half[report.report_id] > end:
            yield span
            span = []
        span.append(report.report_id)
        end = max(end, report.time + half[report.report_id])
    if span:
        yield span
