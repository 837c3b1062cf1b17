"""Which station a line of a bulletin means: the same code stands for different places.

MDO is Medeo above Almaty to one agency and a hill in Scotland to the international registry. So a
code is resolved by what is surest first:

1. the agency's own alias for it (or its predecessors'), or a station the agency itself owns;
2. coordinates in the file: a station of that code within 10 km, else any within 1 km;
3. network (or owning agency) and code;
4. the bare code, only if the station lies within 20 degrees of the reported origin and the onset
   fits the time predicted for its phase.

At every step only stations open at the time count. Otherwise the line keeps its code and the
operator sees a problem: a wrong station does more harm to a location than a missing one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.contrib.gis.geos import MultiPoint, Point
from django.db.models import Q

from catalog.exchange import StationAnswer, StationQuery
from catalog.models import Agency, Station, StationAlias
from processing.core import phases, travel_times
from processing.core.geodesy import KM_PER_DEGREE, distance_azimuth

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: A bare code is believed within this distance of the reported origin.
BARE_CODE_DEG = 20.0
#: How far an onset may lie from its prediction: a reported origin may be tens of km off (14 s of P
#: for a degree), crustal waves vary by some per cent from one region to the next. The stations
#: that share a code lie minutes of travel time apart, so the test need not be sharp.
TOLERANCE_S = 15.0
TOLERANCE_RELATIVE = 0.05
#: Coordinates of one site differ between lists by about this much.
SAME_SITE_DEG = 10.0 / 111.195
#: Without the code, only what is practically the same spot counts.
SAME_SPOT_DEG = 1.0 / 111.195
#: Used where the origin has no depth; 30 km more or less is 4 s.
ASSUMED_DEPTH_KM = 10.0
SLOWEST_KM_S = travel_times.GROUP_VELOCITY_KM_S["Rg"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One epoch of a station that a code may mean."""

    pk: int
    name: str
    code: str
    network: str | None
    agency: str | None
    agency_id: int | None
    operator_id: int | None
    latitude: float
    longitude: float
    start: datetime | None
    end: datetime | None

    def open_at(self, time: datetime | None) -> bool:
        """Tell whether the epoch covers a time; without a time, any does."""
        if time is None:
            return True
        return (self.start is None or self.start <= time) and (self.end is None or time < self.end)


class StationResolver:
    """Answers ``StationQuery`` batches; remembers what it has fetched, three queries a batch."""

    def __init__(self) -> None:
        self._by_code: dict[str, list[Candidate]] = {}
        self._aliases: dict[tuple[int, str], list[Candidate]] = {}
        self._lineage: dict[int, list[int]] = {}

    def __call__(self, queries: Sequence[StationQuery]) -> list[StationAnswer]:
        self._fetch(queries)
        answers: list[StationAnswer | None] = []
        bare: list[tuple[int, list[Candidate]]] = []
        adrift: list[int] = []
        # Most stations have no epochs: what is found for one reference at one time holds at any.
        lasting: dict[tuple[int, int | None], tuple[StationAnswer | None, list[Candidate]]] = {}
        for index, query in enumerate(queries):
            same = id(query.reference), query.agency_id
            if same in lasting:
                answer, candidates = lasting[same]
            else:
                answer, candidates = self._named(query), self._open(query)
                if not self._has_epochs(query):
                    lasting[same] = answer, candidates
            if answer is None and _has_place(query):
                adrift.append(index)
            elif answer is None:
                bare.append((index, candidates))
            answers.append(answer)
        for index, answer in zip(adrift, self._at_place([queries[i] for i in adrift]), strict=True):
            answers[index] = answer
        fitting = _fitting(queries, bare)
        for index, candidates in bare:
            query = queries[index]
            chosen = [c for c in candidates if (index, c.pk) in fitting]
            answers[index] = _choose(chosen, query) if chosen else _unknown(query, candidates)
        return [answer or StationAnswer(None, "unknown-station") for answer in answers]

    def _fetch(self, queries: Sequence[StationQuery]) -> None:
        codes = {q.reference.code for q in queries} - self._by_code.keys()
        if codes:
            for code in codes:
                self._by_code[code] = []
            for candidate in _candidates(Q(code__in=codes)):
                self._by_code[candidate.code].append(candidate)
        agencies = {q.agency_id for q in queries if q.agency_id is not None}
        for agency_id in agencies - self._lineage.keys():
            predecessors = Agency.objects.filter(successor=agency_id).order_by("pk")
            self._lineage[agency_id] = [agency_id, *predecessors.values_list("pk", flat=True)]
        wanted = {
            (agency_id, q.reference.code)
            for q in queries
            if q.agency_id is not None
            for agency_id in self._lineage[q.agency_id]
        } - self._aliases.keys()
        if wanted:
            for pair in wanted:
                self._aliases[pair] = []
            found = StationAlias.objects.filter(
                agency__in={pair[0] for pair in wanted}, code__in={pair[1] for pair in wanted}
            ).values_list("agency_id", "code", "station_id")
            owners: dict[int, list[tuple[int, str]]] = defaultdict(list)
            for agency_id, code, station_id in found:
                if (agency_id, code) in wanted:
                    owners[station_id].append((agency_id, code))
            for candidate in _candidates(Q(pk__in=owners)) if owners else ():
                for pair in owners[candidate.pk]:
                    self._aliases[pair].append(candidate)

    def _open(self, query: StationQuery) -> list[Candidate]:
        return [c for c in self._by_code[query.reference.code] if c.open_at(query.time)]

    def _has_epochs(self, query: StationQuery) -> bool:
        code = query.reference.code
        known = [self._by_code[code]]
        known += [self._aliases[a, code] for a in self._lineage.get(query.agency_id or -1, ())]
        return any(c.start is not None or c.end is not None for each in known for c in each)

    def _named(self, query: StationQuery) -> StationAnswer | None:
        """Answer by alias, by coordinates and code, or by network and code."""
        reference = query.reference
        for agency_id in self._lineage.get(query.agency_id or -1, ()):
            aliased = self._aliases[agency_id, reference.code]
            own = [c for c in self._by_code[reference.code] if c.agency_id == agency_id]
            for known in (aliased, own):
                candidates = [c for c in known if c.open_at(query.time)]
                if candidates:
                    return _choose(candidates, query)
        candidates = self._open(query)
        if _has_place(query):
            near = [c for c in candidates if _distance(c, reference) <= SAME_SITE_DEG]
            same_network = [c for c in near if c.network == reference.network]
            if near:
                nearest = min(same_network or near, key=lambda c: (_distance(c, reference), c.pk))
                return StationAnswer(nearest.pk)
            return None
        if reference.network or reference.agency:
            named = [
                c
                for c in candidates
                if (reference.network and c.network == reference.network)
                or (not reference.network and reference.agency and c.agency == reference.agency)
            ]
            if named:
                return _choose(named, query)
        return None

    def _at_place(self, queries: list[StationQuery]) -> list[StationAnswer]:
        """Answer by coordinates alone, for codes that no station there has."""
        if not queries:
            return []
        points = MultiPoint(
            [Point(q.reference.longitude, q.reference.latitude) for q in queries], srid=4326
        )
        # A box in degrees is wide enough anywhere south of 80 N; the distance is checked below.
        around = list(_candidates(Q(point__dwithin=(points, 6 * SAME_SPOT_DEG))))
        answers = []
        for query in queries:
            near = [
                c
                for c in around
                if c.open_at(query.time) and _distance(c, query.reference) <= SAME_SPOT_DEG
            ]
            if near:
                nearest = min(near, key=lambda c: (_distance(c, query.reference), c.pk))
                answers.append(StationAnswer(nearest.pk))
            else:
                place = f"{query.reference.latitude:g} {query.reference.longitude:g}"
                answers.append(StationAnswer(None, "unknown-station", place))
        return answers


def _candidates(condition: Q) -> list[Candidate]:
    """Fetch the stations that meet a condition, in one query."""
    stations = Station.objects.filter(condition).select_related("network", "agency").order_by("pk")
    return [
        Candidate(
            station.pk,
            str(station),
            station.code,
            station.network.code if station.network else None,
            station.agency.code if station.agency else None,
            station.agency_id,
            station.network.operator_id if station.network else None,
            station.latitude,
            station.longitude,
            station.start,
            station.end,
        )
        for station in stations
    ]


def _has_place(query: StationQuery) -> bool:
    return query.reference.latitude is not None and query.reference.longitude is not None


def _distance(candidate: Candidate, reference: object) -> float:
    distance, _ = distance_azimuth(
        candidate.latitude,
        candidate.longitude,
        getattr(reference, "latitude"),  # noqa: B009
        getattr(reference, "longitude"),  # noqa: B009
    )
    return float(distance)


def _unknown(query: StationQuery, candidates: list[Candidate]) -> StationAnswer:
    """Say why a bare code was not believed."""
    expected = ""
    if candidates and query.latitude is None:
        expected = "network, coordinates or origin"
    elif candidates:
        expected = f"<= {BARE_CODE_DEG:g} deg, {TOLERANCE_S:g} s + {TOLERANCE_RELATIVE:.0%}"
    return StationAnswer(None, "unknown-station", expected)


def _fitting(
    queries: Sequence[StationQuery], bare: list[tuple[int, list[Candidate]]]
) -> set[tuple[int, int]]:
    """Return which (query, station) lie near enough and see the onset when it is predicted."""
    pairs = [
        (index, queries[index], candidate)
        for index, candidates in bare
        if queries[index].latitude is not None and queries[index].longitude is not None
        for candidate in candidates
    ]
    if not pairs:
        return set()
    distance, _ = distance_azimuth(
        [query.latitude or 0.0 for _, query, _ in pairs],
        [query.longitude or 0.0 for _, query, _ in pairs],
        [c.latitude for _, _, c in pairs],
        [c.longitude for _, _, c in pairs],
    )
    depths = [query.depth_km for _, query, _ in pairs]
    depth = np.clip([ASSUMED_DEPTH_KM if d is None else d for d in depths], 0.0, 700.0)
    observed = np.array([_travel_time(query) for _, query, _ in pairs])
    near = distance <= BARE_CODE_DEG
    fits = near & np.isnan(observed)
    rows = np.flatnonzero(near & ~np.isnan(observed))
    if rows.size:
        names = [pairs[row][1].phase or "" for row in rows]
        fits[rows] = _fits_prediction(names, distance[rows], depth[rows], observed[rows])
    return {(pairs[row][0], pairs[row][2].pk) for row in np.flatnonzero(fits)}


def _travel_time(query: StationQuery) -> float:
    """Return how long after the origin the onset was observed [s], NaN if no onset was."""
    if not query.is_onset or query.time is None or query.origin_time is None:
        return math.nan
    return (query.time - query.origin_time).total_seconds()


def _fits_prediction(
    phase_names: list[str], distance: FloatArray, depth: FloatArray, observed: FloatArray
) -> BoolArray:
    """Tell which onsets are near the time predicted for their phase.

    Parameters
    ----------
    phase_names : list of str
        As reported, n of them.
    distance, depth, observed : (n,)
        Epicentral distance [deg], depth [km], travel time [s].
    """
    table = travel_times.load("iasp91")
    known = {name: phases.PHASES.get(phases.standard_name(name) or "") for name in set(phase_names)}
    named, fallback = (
        table.predict([names[name] for name in phase_names], distance, depth).time
        for names in (
            {name: (phase.table_phase if phase else "") or "" for name, phase in known.items()},
            {name: (phase.fallback if phase else "") or "" for name, phase in known.items()},
        )
    )
    # What is not predicted is NaN, which no onset is near to.
    fits: BoolArray = np.abs(observed - named) <= _tolerance(named)
    fits |= np.abs(observed - fallback) <= _tolerance(fallback)
    rows = np.flatnonzero(np.isnan(named) & np.isnan(fallback))
    if rows.size:  # a phase without a table: anywhere between the first and the slowest wave
        earliest = np.nan_to_num(table.predict("P", distance[rows], depth[rows]).time)
        latest = distance[rows] * KM_PER_DEGREE / SLOWEST_KM_S
        fits[rows] = (earliest - _tolerance(earliest) <= observed[rows]) & (
            observed[rows] <= latest + _tolerance(latest)
        )
    return fits


def _tolerance(travel_time: FloatArray) -> FloatArray:
    return TOLERANCE_S + TOLERANCE_RELATIVE * travel_time


def _choose(candidates: list[Candidate], query: StationQuery) -> StationAnswer:
    """Return the one station meant; several at one site are one, the agency's own first."""
    if len(candidates) == 1:
        return StationAnswer(candidates[0].pk)
    best = min(
        candidates,
        key=lambda c: (
            c.agency_id is None or c.agency_id != query.agency_id,
            c.operator_id is None or c.operator_id != query.agency_id,
            # The newest epoch, where the time is not known.
            -(c.start.timestamp() if c.start else -1e12),
            c.pk,
        ),
    )
    if any(_distance(candidate, best) > SAME_SITE_DEG for candidate in candidates):
        names = ", ".join(sorted({c.name for c in candidates}))
        return StationAnswer(None, "ambiguous-station", names[:200])
    return StationAnswer(best.pk)
