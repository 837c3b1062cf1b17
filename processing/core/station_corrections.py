"""Station corrections: by how much arrivals at a station are late, whatever the event.

A velocity model is an average; the rocks under one station are slow or fast. What this adds to all
arrivals there is estimated from the residuals of many well located events, for each station once
for P and once for S. Readings count about the median of their station, so that false ones do not
matter.

A residual is not yet the delay. Each location has moved to where the delays hurt least, and has
taken a part of them into its place and origin time. Medians in turn with locations give them back
only after dozens of rounds. So the corrections are solved for together with the places and times of
all events, the latter eliminated event by event (joint hypocentre determination); with what comes
out the events are located again, until nothing changes: four or five rounds.

Something stays open. A second more at all stations, P and S, is a second less of all origin times:
the corrections of P are given a mean of zero over their readings, which leaves the origin times of
these events where they are on the mean, and S keeps its differences to P. Late arrivals on one side
of a network may be as well an epicentre shifted for all events, the more so the closer these lie
together. There, and where a station has few readings, corrections are drawn towards zero, as far as
the spread from station to station says (ridge regression, the variance being that of the medians).

References
----------
Richards-Dinger & Shearer (2000), J. Geophys. Res. 105, 10939-10960. doi:10.1029/2000JB900014
    (a static term for each station and wave, in turn with locations).
Douglas (1967), Nature 215, 47-48. doi:10.1038/215047a0 (joint epicentres, the sum held at zero).
Pavlis & Booker (1983), Bull. Seism. Soc. Am. 73, 1753-1777 (the separated system; what stations
    and places share).
Hoerl & Kennard (1970), Technometrics 12, 55-67 (ridge regression).
Huber (1964), Ann. Math. Stat. 35, 73-101 (readings far off).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray

from processing.core import earth_models, geodesy, location, phases
from processing.core.location import ArrivalObservation, Hypocentre, LocationError
from processing.core.predictions import codes_of, predict

METHOD = "kz-station-terms-2026.1"
"""Names this method in stored sets; a change of any rule below changes it."""

WAVES = ("P", "S")
"""A station has one correction for all crustal and first P, one for all such S: as
Richards-Dinger & Shearer, and the delays that NonLinLoc and SeisComP read."""

MINIMUM_READINGS = 10
"""Fewer events at a station give no correction. Ours: the error, from the MAD of ten, is itself
known to a third."""
MINIMUM_EVENTS = 20
"""Ours: twice the above."""
MAXIMUM_DISTANCE_DEG = 10.0
"""Where regional models have faded out (`earth_models`): farther off the residuals are not theirs.
"""
SETTLED_S = 0.01
"""Corrections that change by less have settled. Ours: a tenth of the digit most bulletins give."""
MOST_PASSES = 20
"""Ours."""
LEAST_SCATTER_S = 0.5 * location.SAME_READING_S
"""Error of a single reading, as in the location: residuals that agree better do so by chance."""
MAD_TO_SIGMA = 1.4826
"""Of normal deviates."""
HUBER = 1.345
"""Errors beyond which a reading counts as if it were there: 95 % efficient (Huber)."""

FloatArray = NDArray[np.float64]
Key = tuple[str, str]
"""Station and wave."""


@dataclass(frozen=True, slots=True)
class Late:
    """One reading: by how much it came after the model says [s], whatever was applied."""

    event: int
    station: str
    wave: str
    """P or S."""
    late_s: float
    redundancy: float = 1.0
    """Part of the reading's error that shows in its residual, 0-1: the location took the rest."""
    slopes: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the travel time, as the source goes east, north, down [s/km]. Down for a held depth, too,
    which is held because it is not known."""


@dataclass(frozen=True)
class Correction:
    """What arrivals of one wave are late by at a station."""

    correction_s: float
    standard_error: float
    """Of the scatter of the readings, and of what may as well be the places of the events [s]. What
    the model does wrong for all events alike is not in it."""
    reading_count: int
    """Events read there; each counts once."""


@dataclass(frozen=True)
class SourceReadings:
    """One event as it is to be located again."""

    event: int
    """Key; the same key means the same event."""
    arrivals: tuple[ArrivalObservation, ...]
    """Without corrections."""
    start: Hypocentre
    """Its depth is held where nothing resolves it."""
    fixed_depth_km: float | None = None


@dataclass(frozen=True)
class Solved:
    """Where an event lies by the solution whose residuals are looked at."""

    event: int
    latitude: float
    """Geographic [deg]."""
    longitude: float
    depth_km: float
    free_depth: bool


@dataclass(frozen=True)
class Residual:
    """One time in use by a solution."""

    station: str
    phase: str
    distance_deg: float
    azimuth: float
    """Event to station [deg]."""
    late_s: float
    """Residual and whatever correction was applied [s]."""


@dataclass(frozen=True)
class Estimate:
    """The corrections and how they came about."""

    corrections: Mapping[Key, Correction]
    events: tuple[int, ...]
    """Keys of those that have a part in them, ascending."""
    passes: int
    """Rounds of locating; 0 for residuals as they stood."""
    change_s: float
    """By how much any correction changed in the last round, at most."""
    settled: bool


def estimate(
    rows: Iterable[Late],
    known: Mapping[Key, Correction] | None = None,
    minimum_readings: int = MINIMUM_READINGS,
) -> Estimate:
    """Return the corrections that the readings of located events show, in any order.

    Parameters
    ----------
    rows : iterable of Late
        Readings in use. Several of one wave at one station of one event count once, by their mean.
    known : mapping, optional
        The corrections with which the events were located; nothing if without.
    minimum_readings : int
        Events a station and wave must have; 1 or more.
    """
    late: dict[Key, dict[int, list[Late]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        late[row.station, row.wave][row.event].append(row)
    once = {
        key: [_once(late[key][event]) for event in sorted(late[key])]
        for key in sorted(late)
        if len(late[key]) >= max(minimum_readings, 1)
    }
    corrections = _corrections(once, known or {}) if once else {}
    return Estimate(
        corrections=corrections,
        events=tuple(sorted({row.event for same in once.values() for row in same})),
        passes=0,
        change_s=_change(corrections, known or {}),
        settled=False,
    )


def _change(one: Mapping[Key, Correction], other: Mapping[Key, Correction]) -> float:
    """Return by how much two estimates differ at most [s]."""
    return max((abs(_seconds(one, k) - _seconds(other, k)) for k in {*one, *other}), default=0.0)


def _seconds(corrections: Mapping[Key, Correction], key: Key) -> float:
    return corrections[key].correction_s if key in corrections else 0.0


def _once(same: Sequence[Late]) -> Late:
    """Return the mean of readings of one thing; their order is no matter."""
    if len(same) == 1:
        return same[0]

    def mean(values: Iterable[float]) -> float:
        return fsum(values) / len(same)

    east, north, down = zip(*(row.slopes for row in same), strict=True)
    return dataclasses.replace(
        same[0],
        late_s=mean(row.late_s for row in same),
        redundancy=mean(row.redundancy for row in same),
        slopes=(mean(east), mean(north), mean(down)),
    )


def _corrections(
    rows: Mapping[Key, Sequence[Late]], known: Mapping[Key, Correction]
) -> dict[Key, Correction]:
    """Return the corrections with their standard errors, from readings one an event.

    Notes
    -----
    Let x be the corrections, A what they and G what time and place of an event do to its readings,
    W their weights. With Q = W - W G (G' W G)^-1 G' W, summed over the events, N = A' Q A; then

    (N + T) x = N k + A' Q r

    for residuals r left by the known corrections k. T holds 1 / tau^2, tau the root mean square of
    the medians of a wave. A residual farther than 1.345 errors from the median of its station
    counts as if it were there (Huber).
    """
    size = len(rows)
    at_known = np.array([_seconds(known, key) for key in rows])
    middle = np.array([float(np.median([row.late_s for row in same])) for same in rows.values()])
    sigma = np.array([_scatter(same) for same in rows.values()])
    count = np.array([len(same) for same in rows.values()])
    wave = np.array([key[1] for key in rows])
    by_event: dict[int, list[tuple[int, Late]]] = defaultdict(list)
    for number, same in enumerate(rows.values()):
        for row in same:
            by_event[row.event].append((number, row))

    normal, right = np.zeros((size, size)), np.zeros(size)
    for event in sorted(by_event):
        at = np.array([number for number, _ in by_event[event]])
        places = np.array([(1.0, *row.slopes) for _, row in by_event[event]])
        late = np.array([row.late_s for _, row in by_event[event]])
        reach = HUBER * sigma[at]
        residual = middle[at] - at_known[at] + np.clip(late - middle[at], -reach, reach)
        weighted = places / sigma[at, None] ** 2
        shared = weighted @ np.linalg.pinv(places.T @ weighted) @ weighted.T
        projected = np.diag(sigma[at] ** -2.0) - shared
        normal[np.ix_(at, at)] += projected
        right[at] += projected @ residual

    counts_in_mean = np.where(wave == min(wave), count, 0)  # P, or S where there is no P
    off_mean = np.eye(size) - counts_in_mean / counts_in_mean.sum()
    tau2 = np.array([np.mean((off_mean @ middle)[wave == w] ** 2) for w in wave])
    prior = np.diag(1.0 / np.maximum(tau2, LEAST_SCATTER_S**2))
    covariance = np.linalg.inv(normal + prior)
    found = off_mean @ covariance @ (normal @ at_known + right)
    variance = np.diag(off_mean @ covariance @ off_mean.T)
    return {
        key: Correction(float(found[k]), sqrt(max(float(variance[k]), 0.0)), int(count[k]))
        for k, key in enumerate(rows)
    }


def _scatter(readings: Sequence[Late]) -> float:
    """Return the standard error of one reading [s].

    From the MAD, corrected for few by n / (n - 0.8), over the root of the mean redundancy.

    References
    ----------
    Croux & Rousseeuw (1992), Computational Statistics 1, 411-428.
    """
    late = np.array([row.late_s for row in readings])
    mad = float(np.median(np.abs(late - np.median(late))))
    sigma = max(MAD_TO_SIGMA * mad * late.size / (late.size - 0.8), LEAST_SCATTER_S)
    return sigma / sqrt(fsum(row.redundancy for row in readings) / late.size)


def settle(
    events: Sequence[SourceReadings],
    model: str = location.REGIONAL,
    minimum_readings: int = MINIMUM_READINGS,
    maximum_distance_deg: float = MAXIMUM_DISTANCE_DEG,
    most_passes: int = MOST_PASSES,
    watch: Callable[[Estimate], None] | None = None,
) -> Estimate:
    """Return the corrections with which the events, located with them, show no others.

    Parameters
    ----------
    events : sequence of SourceReadings
        In any order. An event that cannot be located, or not well, has no part in that round.
    model : str
        As `location.locate` takes it.
    minimum_readings : int
        As `estimate` takes it.
    maximum_distance_deg : float
        Readings farther off help to locate but are not asked for the corrections [deg].
    most_passes : int
        Rounds of locating at most, 1 or more.
    watch : callable, optional
        Told of every round.
    """
    ordered = sorted(events, key=lambda e: e.event)
    known: Mapping[Key, Correction] = {}
    for number in range(1, max(most_passes, 1) + 1):
        rows = [
            row for event in ordered for row in relocated(event, model, known, maximum_distance_deg)
        ]
        found = estimate(rows, known, minimum_readings)
        found = dataclasses.replace(found, passes=number, settled=found.change_s < SETTLED_S)
        if watch is not None:
            watch(found)
        if found.settled:
            break
        known = found.corrections
    return found


def relocated(
    event: SourceReadings,
    model: str,
    corrections: Mapping[Key, Correction],
    maximum_distance_deg: float = MAXIMUM_DISTANCE_DEG,
) -> list[Late]:
    """Locate an event with corrections; return how late its readings in use are without them.

    Nothing is returned of an event that does not locate or whose solution is doubtful.
    """
    corrected = [
        dataclasses.replace(
            a, correction_s=_seconds(corrections, (a.station, phases.family(a.phase) or ""))
        )
        for a in event.arrivals
    ]
    try:
        solution = location.locate(corrected, model, [event.start], event.fixed_depth_km)
    except LocationError:
        return []
    if not solution.converged or solution.warnings:
        return []
    return late_readings(
        Solved(
            event.event,
            solution.latitude,
            solution.longitude,
            solution.depth_km,
            solution.depth_error_km is not None,
        ),
        [
            Residual(
                a.station, solution.phase[i], float(solution.distance[i]),
                float(solution.azimuth[i]), float(solution.residual[i]) + a.correction_s,
            )
            for i, a in enumerate(corrected)
            if solution.used[i] and solution.reason[i] != "clock"
        ],
        model,
        maximum_distance_deg,
    )  # fmt: skip


def late_readings(
    source: Solved,
    residuals: Sequence[Residual],
    model: str,
    maximum_distance_deg: float = MAXIMUM_DISTANCE_DEG,
) -> list[Late]:
    """Return what an event's residuals say of the stations: those of P and S within a distance.

    Parameters
    ----------
    source : Solved
        The place they were computed from.
    residuals : sequence of Residual
        Of the times in use, without those of a doubted clock.
    model : str
        As `location.locate` takes it.
    maximum_distance_deg : float
        [deg].
    """
    redundancy = 1.0 - (3 + source.free_depth) / max(len(residuals), 1)
    near = [
        r
        for r in residuals
        if phases.family(r.phase) in WAVES and r.distance_deg <= maximum_distance_deg
    ]
    if redundancy <= 0.0 or not near:
        return []
    slopes = _slopes(source, near, model)
    return [
        Late(source.event, r.station, phases.family(r.phase) or "", r.late_s, redundancy, slope)
        for r, slope in zip(near, slopes, strict=True)
    ]


def _slopes(
    source: Solved, residuals: Sequence[Residual], model: str
) -> list[tuple[float, float, float]]:
    """Return how travel times change as the source goes east, north, down [s/km]."""
    only = None if model == location.REGIONAL else model
    mixture = earth_models.mixture_at(source.latitude, source.longitude, only=only)
    rules = [phases.PHASES[phases.standard_name(r.phase) or "P"] for r in residuals]
    distance = np.array([r.distance_deg for r in residuals])
    depth = np.full(distance.size, source.depth_km)
    named, first = (
        predict(mixture, codes_of([name or "" for name in names]), distance, depth)
        for names in ([r.table_phase for r in rules], [r.fallback for r in rules])
    )
    lacking = np.isnan(named.time)
    per_km = np.where(lacking, first.dt_ddelta, named.dt_ddelta) / geodesy.KM_PER_DEGREE
    down = np.where(lacking, first.dt_dh, named.dt_dh)
    azimuth = np.radians([r.azimuth for r in residuals])
    table = np.stack([-per_km * np.sin(azimuth), -per_km * np.cos(azimuth), down], axis=1)
    return [(e, n, d) for e, n, d in np.nan_to_num(table).tolist()]
