"""Locate one event from arrival times, back-azimuths and slownesses.

`locate` is the whole of it: readings and reported hypocentres in, a hypocentre with its error,
quality and reasons out. The compiled arithmetic is in `location_kernel`; here phases get their
rules, a start is chosen, the depth is freed or held, doubtful readings are explained.

1. *Start.* The best reported hypocentre, or a deterministic search: coarse places around the
   stations that recorded first, then patterns that shrink around the best of them. A reported
   place that fits badly is no better than none.
2. *Place.* Least squares with the full covariance of travel-time errors, begun with L1 and Tukey
   weights, ended with a choice of readings: each one used deviates by less than `LIMIT` of its
   errors from what the others say, each one left out by more. With few readings every choice is
   tried.
3. *Phases.* A crustal or first arrival that does not fit under its name but does under another of
   its family is renamed. A station whose P and S are late by the same has a wrong clock: then only
   S-P counts.
4. *Depth* is free only where something resolves it (iLoc's rules), else held, and a letter says by
   which rule (the ISC's letters, and D for a plain default).
5. *Error.* Coverage ellipse (a-priori errors) and confidence ellipse (from the residuals), both
   after Jordan & Sverdrup.

References
----------
Bondár & Storchak (2011), Geophys. J. Int. 186, 1220-1244. doi:10.1111/j.1365-246X.2011.05107.x
Bondár & McLaughlin (2009), Bull. Seism. Soc. Am. 99, 172-193. doi:10.1785/0120080161
Jordan & Sverdrup (1981), Bull. Seism. Soc. Am. 71, 1105-1130.
Flinn (1965), Rev. Geophys. 3, 157-185 (confidence ellipse).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special

from processing.core import default_depth, earth_models, ellipticity, geodesy, phases
from processing.core import location_kernel as kernel
from processing.core.location_kernel import BoolArray, FloatArray, IntArray
from processing.core.location_problem import (
    NAMES,
    REGIONAL,
    ROW,
    SAME_READING_S,
    Alternative,
    ArrivalObservation,
    Hypocentre,
    Linear,
    LocationError,
    LocationSolution,
    Problem,
    Work,
    earth_at,
    figure_row,
    linear,
    phase_rules,
    predicted_at,
    prepare,
)

__all__ = [
    "METHOD", "REGIONAL", "SAME_READING_S", "Alternative", "ArrivalObservation", "Hypocentre",
    "LocationError", "LocationSolution", "locate",
]  # fmt: skip

METHOD = "kz-gls-2026.3"
"""Names this method in stored origins; a change of any rule below changes it."""

MINIMUM_DEFINING = 4
MINIMUM_STATIONS = 3
MINIMUM_ARRAY_DATA = 3
"""With an array's back-azimuth, so many data locate at a held depth."""
LIMIT = 3.29
"""Errors beyond which a reading is left out: one good reading in a thousand."""
CONSISTENT_SIGMA = 6.0  # iLoc SigmaThreshold
FEW_TIMES = 4
"""Slownesses define only while there are no more times than this (iLoc MinNdefPhases)."""
FEW_ROWS = 12
"""Up to so many data every choice of them is tried. Ours."""
MOST_LEFT_OUT = 3
RIVAL = 6.0
"""Another minimum within this much of J (chi-square of two unknowns at 95 %) is reported."""
DEFAULT_DEPTH_KM = 10.0
CONFIDENCE_LEVEL = 0.90
NORMAL_90 = 1.645
"""Standard errors to either side that hold 90 % of a normal variable."""
A_PRIORI_WEIGHT = 99999.0  # K of Jordan & Sverdrup: a coverage ellipse
NEAR_STATION_DEG = 0.2
PAIR_DISTANCE_DEG = 2.0
PAIRS_NEEDED = 3
DEPTH_PHASES_NEEDED = 3
DEPTH_PHASES = frozenset({"pP", "sP"})
CORE_REFLECTIONS = frozenset({"PcP"})
CRUST_KM = 35.0  # iasp91's Moho
DEPTH_ERROR_CRUST_KM = 30.0
DEPTH_ERROR_MANTLE_KM = 60.0
DEPTH_TRIALS_KM = (1.0, 5.0, 10.0, 16.0, 23.0, 30.0, 42.0, 65.0, 110.0, 180.0, 300.0, 500.0)
SEARCH_DEPTHS_KM = (10.0, 70.0, 200.0)
SEARCH_KEPT = 8
SEARCH_FINEST_DEG = 0.03
POOR_START = 2.4
"""Mean misfit of a start, in errors, beyond which places are searched. Ours."""
RENAMED_WITHIN = 2.0
WEIGHT_TOLERANCE = 1e-4
USUAL_DEPTHS = frozenset({"D", "G"})
"""Letters of a depth that no agency reported."""
REFUTED = 10.83
"""A usual depth is left where J is lower by this at another: chi-square of one unknown at 99.9 %.
Ours."""
_BUILT_IN = frozenset(earth_models.MODELS)
REACH_KM = 1000.0
"""A-priori error of an epicentre seen by fewer than three stations. Ours."""
CRUSTAL_NAMES = {"P": ("Pg", "Pb", "Pn", "P"), "S": ("Sg", "Sb", "Sn", "S")}
RING_DISTANCES_DEG = (0.3, 0.8, 1.5, 3.0, 5.0, 8.0, 12.0, 18.0, 26.0, 36.0, 48.0, 62.0, 78.0, 95.0)
S_MINUS_P_DEG = geodesy.KM_PER_DEGREE / 8.0
"""Seconds of S-P to a degree: a second is 8 km (project methods 1.7: 8.0 to 8.5 km)."""
LONGEST_S_MINUS_P_S = 400.0
MOST_SEARCHED = 24
"""Times that a search looks at: the earliest half of them, and others spread over the rest."""
UNDETERMINED, WORST_CONDITION = 1e-6, 1e8
POOR_CONDITION = 1e4
GT5_UNIFORMITY, GT5_NEAREST_KM, GT5_SECONDARY_GAP, LOCAL_KM = 0.35, 10.0, 160.0, 150.0


@dataclass(frozen=True)
class _Fit:
    """A minimum: where, and on which rows it stands."""

    place: FloatArray
    active: BoolArray
    deviation: FloatArray
    chi2: float
    objective: float
    spread: FloatArray
    """What the readings' errors were multiplied by, shape (n,)."""
    converged: bool
    free: bool
    rival: float = np.inf
    """By how much the next best choice of rows is worse."""
    depth_error_km: float | None = None
    """At the confidence level, from the profile of chi-square over depth; None if held."""


@lru_cache(maxsize=1)
def _defining_phases() -> tuple[frozenset[int], frozenset[int]]:
    """Return the rows of phases that are predicted, and of those whose time may define."""
    rules = phase_rules()
    predicted = frozenset(np.flatnonzero(rules.code >= 0).tolist())
    with_error = np.flatnonzero(np.isfinite(rules.sigma_s).any(axis=1)).tolist()
    return predicted, predicted & set(with_error)


def _defining_rows(problem: Problem) -> IntArray:
    """Return the data that may define: times, back-azimuths, slownesses while times are few."""
    n = len(problem.rows)
    predicted, defining = _defining_phases()
    phase = problem.phase.tolist()
    on = [i for i, a in enumerate(problem.rows) if not a.off]
    time = [i for i in on if phase[i] in defining]
    read = np.isfinite(problem.readings.backazimuth)
    azimuth = [n + i for i in on if read[i]] if read.any() else []
    read = np.isfinite(problem.readings.slowness) & np.isfinite(problem.readings.slowness_sigma)
    slowness = [2 * n + i for i in on if read[i] and phase[i] in predicted] if read.any() else []
    if len(set(problem.group[time].tolist())) > FEW_TIMES:
        slowness = []
    return np.array([*time, *azimuth, *slowness], dtype=np.int64)


def _check_evidence(problem: Problem, rows: IntArray, code: str) -> None:
    """Raise unless enough is left: 4 phases at 3 stations, or an array's data."""
    n = len(problem.rows)
    times = rows[rows < n]
    count = len(set(problem.group[times].tolist()))
    stations = len(set(problem.readings.station[times].tolist()))
    if count >= MINIMUM_DEFINING and stations >= MINIMUM_STATIONS:
        return
    others = len({(k // n, int(problem.group[k % n])) for k in rows[rows >= n].tolist()})
    if others and count and count + others >= MINIMUM_ARRAY_DATA:
        return
    raise LocationError(
        code,
        {
            "phases": count,
            "stations": stations,
            "phases_needed": MINIMUM_DEFINING,
            "stations_needed": MINIMUM_STATIONS,
        },
    )


# --- where to begin -------------------------------------------------------------------------------


def _misfit(work: Work, place: FloatArray) -> tuple[float, FloatArray]:
    """Return the mean capped misfit at a place and the place with its best origin time."""
    room = kernel.room(len(work.problem.rows))
    value, time = kernel.robust_misfit(
        work.readings,
        work.phase,
        phase_rules(),
        work.earth,
        work.rows,
        work.problem.share,
        place,
        room,
    )
    result = place.copy()
    result[3] = time
    return value, result


def _reported(start: Sequence[Hypocentre], held: float, fixed: bool) -> list[FloatArray]:
    """Return reported places and their median, in an order of their own."""
    ordered = sorted(start, key=lambda s: (s.latitude, s.longitude, s.time, s.depth_km or 0.0))
    places = [
        np.array([
            float(geodesy.geocentric_latitude(s.latitude)), s.longitude,
            held if fixed or s.depth_km is None
            else min(max(s.depth_km, 0.0), kernel.DEEPEST_KM),
            s.time,
        ])
        for s in ordered
    ]  # fmt: skip
    if len(places) > 2:
        stacked = np.array(places)
        # The median needs longitudes on one side of the date line.
        first = stacked[0, 1]
        stacked[:, 1] = first + (stacked[:, 1] - first + 180.0) % 360.0 - 180.0
        places.append(np.median(stacked, axis=0))
    return places


def _coarse_places(work: Work) -> FloatArray:
    """Return geocentric places to search from, shape (k, 2): near and around early stations."""
    problem, readings = work.problem, work.readings
    n = len(problem.rows)
    times = work.rows[work.rows < n]
    early = times[np.argsort(readings.time[times], kind="stable")]
    first_of_station: dict[int, int] = {}
    for i in early.tolist():
        first_of_station.setdefault(int(readings.station[i]), i)
    firsts = list(first_of_station.values())
    latitude = np.degrees(np.arctan2(readings.z, np.hypot(readings.x, readings.y)))
    longitude = np.degrees(np.arctan2(readings.y, readings.x))
    # Of which reading's station, azimuths and distances [deg].
    around: list[tuple[int, FloatArray, float | FloatArray]] = []
    family = [None if name is None else phases.PHASES[name].family for name in problem.names]
    told = []
    for i in firsts[:6]:
        # A circle of the distance that S-P tells.
        same = np.flatnonzero(readings.station == readings.station[i]).tolist()
        p = [float(readings.time[j]) for j in same if family[j] == "P"]
        s = [float(readings.time[j]) for j in same if family[j] == "S"]
        if p and s and 0.0 < min(s) - min(p) < LONGEST_S_MINUS_P_S:
            told.append((min(s) - min(p)) / S_MINUS_P_DEG)
            if len(told) <= 4:
                around.append((i, np.arange(16.0) * 22.5, max(told[-1], 0.02)))
    # Two stations that tell how far it is spare the search of the rest of the Earth.
    farthest = 2.5 * max(told) + 1.0 if len(told) > 1 else 180.0
    for number, i in enumerate(firsts[:2]):
        for radius in RING_DISTANCES_DEG if number == 0 else RING_DISTANCES_DEG[:5]:
            if radius > farthest:
                break
            count = 8 if radius < 2.0 else 12 if radius < 20.0 else 18
            around.append((i, np.arange(float(count)) * 360.0 / count, radius))
    along = np.array((0.1, *RING_DISTANCES_DEG))
    for i in np.flatnonzero(np.isfinite(readings.backazimuth))[:4].tolist():
        around.append((i, np.full(along.size, readings.backazimuth[i]), along))
    centre = np.repeat([i for i, _, _ in around], [azimuth.size for _, azimuth, _ in around])
    ring = geodesy.destination(
        latitude[centre],
        longitude[centre],
        np.concatenate([azimuth for _, azimuth, _ in around]),
        np.concatenate([np.broadcast_to(far, azimuth.size) for _, azimuth, far in around]),
    )
    near = firsts[:8]
    return np.vstack([np.column_stack([latitude[near], longitude[near]]), np.column_stack(ring)])


def _search(work: Work, depths: tuple[float, ...]) -> list[FloatArray]:
    """Return the best places of a search, best first."""
    n = len(work.problem.rows)
    times = work.rows[work.rows < n]
    rows = work.rows
    if times.size > MOST_SEARCHED:
        early = times[np.argsort(work.readings.time[times], kind="stable")]
        half = MOST_SEARCHED // 2
        spread = np.linspace(half, early.size - 1, half).astype(np.int64)
        rows = np.concatenate([early[:half], early[spread], work.rows[work.rows >= n]])
    places, _ = kernel.search(
        work.readings, work.phase, phase_rules(), work.earth, rows, work.problem.share,
        _coarse_places(work), np.array(depths), SEARCH_KEPT, SEARCH_FINEST_DEG,
    )  # fmt: skip
    return [place for place in places if np.isfinite(place).all()]


# --- the place ------------------------------------------------------------------------------------


def _fewest(work: Work, free: bool) -> int:
    n = len(work.problem.rows)
    times = int((work.rows < n).sum())
    least = MINIMUM_DEFINING if times >= MINIMUM_DEFINING else MINIMUM_ARRAY_DATA
    return least + free


def _settle(work: Work, start: FloatArray, free: bool) -> _Fit:
    """Return the minimum that a start leads to."""
    place, active, deviation, chi2, objective, spread, iterations, converged = kernel.settle(
        work.readings, work.phase, phase_rules(), work.earth, work.problem.shared, work.rows, start,
        free, LIMIT, _fewest(work, free),
    )  # fmt: skip
    work.iterations += iterations
    fit = _Fit(place, active, deviation, chi2, objective, spread, converged, free)
    if work.rows.size <= FEW_ROWS and _improbable(fit):
        return _best_choice(work, fit)
    return fit


def _improbable(fit: _Fit) -> bool:
    """Tell whether not all data fit together as well as in nineteen events of twenty."""
    left = int(fit.active.sum())
    return (
        left < fit.active.size
        or bool((fit.spread > 1.0).any())
        or fit.chi2 > kernel.plausible_chi2(left - 3 - fit.free)
    )


def _best_choice(work: Work, fit: _Fit) -> _Fit:
    """Return the best choice of few rows, if it beats the one found."""
    plain = np.ones(len(work.problem.rows))
    place, active, objective, second = kernel.choose_subset(
        work.readings, work.phase, phase_rules(), work.earth, work.problem.shared, plain, work.rows,
        fit.place, fit.free, LIMIT, _fewest(work, fit.free), MOST_LEFT_OUT,
    )  # fmt: skip
    left_out = int((~active).sum())
    if not objective <= fit.objective + 1e-6 or not np.isfinite(objective):
        return fit
    return _Fit(
        place,
        active,
        _deviations(work, place, active, 3 + fit.free),
        objective - LIMIT**2 * left_out,
        objective,
        plain,
        fit.converged,
        fit.free,
        second - objective,
    )


def _deviations(work: Work, place: FloatArray, active: BoolArray, columns: int) -> FloatArray:
    _, residual, partial, covariance = linear(work, place)
    result: FloatArray = kernel.deviations(covariance, residual, partial, active, columns)
    return result


def _follow_region(work: Work, fit: _Fit) -> _Fit:
    """Settle again while the models' weights at the place are not those it was found with."""
    for _ in range(4):
        mixture = earth_at(work.model, work.own, float(fit.place[0]), float(fit.place[1]))
        if mixture.names == work.mixture.names and not np.any(
            np.abs(mixture.weights - work.mixture.weights) > WEIGHT_TOLERANCE
        ):
            break
        work.use(mixture)
        fit = _settle(work, fit.place, fit.free)
    if doubt_model(work, fit.place):
        fit = _settle(work, fit.place, fit.free)
    return fit


def doubt_model(work: Work, at: FloatArray) -> bool:
    """Take the predictions for wrong where models are known to be; tell whether it is so there.

    The difference from the model that is known to fit better is what one standard error makes of
    the predictions: one unknown more, common to all stations, whose size the data may tell.
    """
    if not work.doubts:
        return False
    place = float(at[0]), float(at[1])
    doubt, name = earth_models.doubt_at(float(geodesy.geographic_latitude(place[0])), place[1])
    mixture = work.mixture
    used = dict(zip(mixture.names, mixture.weights.tolist(), strict=True))
    # An agency's own times are known to it.
    if not doubt or used.get(name, 0.0) > 1.0 - WEIGHT_TOLERANCE or set(used) - set(_BUILT_IN):
        was = bool(work.readings.model_error.any())
        work.readings.model_error[:] = 0.0
        return was
    here = predicted_at(work, at).time
    work.use(earth_at(name, (), *place))
    there = predicted_at(work, at).time
    work.use(mixture)
    work.readings.model_error[:] = doubt * np.nan_to_num(there - here)
    return True


def _rename(work: Work, fit: _Fit) -> bool:
    """Give arrivals that do not fit the name of their family that does; tell whether any was."""
    n = len(work.problem.rows)
    predicted, _, _, covariance = linear(work, fit.place, fit.spread)
    phi = math.radians(fit.place[0])
    found = False
    for k in np.flatnonzero(~fit.active).tolist():
        i = int(work.rows[k])
        name = NAMES[work.phase[i]] if i < n else ""
        family = phases.PHASES[name].family if name else ""
        if i >= n or i in work.renamed or work.problem.rows[i].name_held:
            continue
        if name not in CRUSTAL_NAMES.get(family, ()):
            continue
        error = np.sqrt(covariance[k, k])
        best, best_name = RENAMED_WITHIN * error, ""
        for other in CRUSTAL_NAMES[family]:
            if other == name:
                continue
            time, _, _, _, sigma = kernel.predict_one(
                work.readings, ROW[other], phase_rules(), work.earth, float(fit.place[2]),
                math.sin(phi), math.cos(phi), i, float(predicted.distance[i]),
                float(predicted.cos_azimuth[i]),
            )  # fmt: skip
            there = abs(work.readings.time[i] - fit.place[3] - time)
            # A branch that is not there falls back to the first arrival: the same time.
            same = abs(time - predicted.time[i]) < 1e-9
            if np.isfinite(time) and np.isfinite(sigma) and not same and there < best:
                best, best_name = there, other
        taken = {
            NAMES[work.phase[j]]
            for j in range(n)
            if work.readings.station[j] == work.readings.station[i] and j != i
        }
        if best_name and best_name not in taken:
            work.phase[i] = ROW[best_name]
            work.renamed.add(i)
            found = True
    return found


def _doubt_clocks(work: Work, fit: _Fit) -> bool:
    """Find stations whose P and S are wrong by the same; tell whether there is a new one."""
    n = len(work.problem.rows)
    _, residual, _, covariance = linear(work, fit.place, fit.spread)
    out: dict[int, list[int]] = {}
    for k in np.flatnonzero(~fit.active).tolist():
        if work.rows[k] < n and covariance[k, k] < kernel.HIDDEN_VARIANCE:
            out.setdefault(int(work.readings.station[work.rows[k]]), []).append(k)
    found = False
    used = {
        int(work.readings.station[r])
        for r, on in zip(work.rows.tolist(), fit.active, strict=True)
        if on and r < n
    }
    for station, members in out.items():
        families = {phases.PHASES[NAMES[work.phase[work.rows[k]]]].family for k in members}
        if station in used or station in work.clocks or not {"P", "S"} <= families:
            continue
        late = residual[members]
        error = np.sqrt(covariance[members, members])
        spread = float(np.ptp(late)) / float(np.hypot(error.min(), error.max()))
        if spread < RENAMED_WITHIN and float(np.abs(late).min()) > LIMIT * float(error.max()):
            work.clocks.add(station)
            work.readings.clock[work.readings.station == station] = True
            found = True
    return found


# --- depth ----------------------------------------------------------------------------------------


def _held_depth(
    start: Sequence[Hypocentre], latitude: float, longitude: float
) -> tuple[float, str]:
    """Return the depth to hold and the letter of the rule."""
    reported = [s.depth_km for s in start if s.depth_km is not None]
    if reported:
        depth = float(statistics.median(reported))
        return min(max(depth, 0.0), kernel.DEEPEST_KM), "H" if len(reported) == 1 else "M"
    usual = default_depth.at(latitude, longitude)
    return (DEFAULT_DEPTH_KM, "D") if usual is None else (usual, "G")


def _depth_resolvable(work: Work, fit: _Fit) -> bool:
    """Tell whether something resolves depth (iLoc's rules; project methods 3.3)."""
    used = work.rows[fit.active]
    times = used[used < len(work.problem.rows)]
    if len(set(work.problem.group[times].tolist())) <= MINIMUM_DEFINING:
        return False
    distance = predicted_at(work, fit.place).distance[times].tolist()
    if min(distance) <= NEAR_STATION_DEG:
        return True
    read: dict[int, set[str]] = {}
    near: dict[int, set[str]] = {}
    for station, row, far in zip(
        work.readings.station[times].tolist(), work.phase[times].tolist(), distance, strict=True
    ):
        name = NAMES[row]
        read.setdefault(station, set()).add(name)
        if far <= PAIR_DISTANCE_DEG:
            near.setdefault(station, set()).add(phases.PHASES[name].family)
    # Depth phases with a first P of their station.
    pairs = sum(
        len(names & DEPTH_PHASES)
        for names in read.values()
        if any(phases.PHASES[name].family == "P" for name in names)
    )
    reflections = sum(len(names & CORE_REFLECTIONS) for names in read.values())
    if max(pairs, reflections) >= DEPTH_PHASES_NEEDED:
        return True
    return sum({"P", "S"} <= families for families in near.values()) >= PAIRS_NEEDED


def _free(work: Work, fit: _Fit) -> _Fit | None:
    """Return the minimum with the depth free, begun at the depths that fit best; None if bad."""
    depths = np.array(sorted({*DEPTH_TRIALS_KM, float(fit.place[2])}))
    places, found_costs = kernel.profile(
        work.readings, work.phase, phase_rules(), work.earth, work.problem.shared, fit.spread,
        work.rows, fit.place, depths, LIMIT,
    )  # fmt: skip
    costs = found_costs.tolist()
    last = len(costs) - 1
    lowest = [
        k
        for k in range(len(costs))
        if (k == 0 or costs[k] <= costs[k - 1]) and (k == last or costs[k] < costs[k + 1])
    ]
    best: _Fit | None = None
    for k in sorted(lowest, key=costs.__getitem__)[:2]:
        if best is not None and costs[k] > best.objective + RIVAL:
            break
        found = _settle(work, places[k], free=True)
        if best is None or found.objective < best.objective:
            best = found
    return best


def _with_depth_error(work: Work, fit: _Fit) -> _Fit:
    """Return the same minimum with its depth's error, None where the data leave it open."""
    try:
        return replace(fit, depth_error_km=_depth_error(work, fit))
    except LocationError:
        return fit


def _linear_depth_error(work: Work, fit: _Fit) -> float:
    """Return the depth's error [km] at the confidence level, as if times were linear in depth."""
    covariance, _ = _covariance(work, fit, linear(work, fit.place, fit.spread))
    return float(np.sqrt(_f_quantile(1, A_PRIORI_WEIGHT) * covariance[3, 3]))


def _depth_error(work: Work, fit: _Fit) -> float:
    """Return the larger of the distances from a depth to the ends of its confidence interval [km].

    The interval holds every depth at which the same data, place and time free, are worse by no
    more than the quantile of chi-square of one unknown (a profile likelihood). Times have kinks
    where the source crosses a layer, and a mirror image of the depth beyond may fit as well, which
    the derivatives at the minimum do not tell.
    """
    depth = float(fit.place[2])
    step = 0.5 * _linear_depth_error(work, fit)
    trials = (0.0, *DEPTH_TRIALS_KM, *(depth + k * step for k in (-3, -2, -1, 1, 2, 3)))
    within = {min(max(trial, 0.0), kernel.DEEPEST_KM) for trial in trials}
    depths = sorted([depth, *(trial for trial in within if abs(trial - depth) > 1e-6)])
    found = kernel.depth_profile(
        work.readings, work.phase, phase_rules(), work.earth, work.problem.shared, fit.spread,
        work.rows[fit.active], fit.place, np.array(depths),
    )  # fmt: skip
    # One minimum more in between does no harm: the interval counts from the lowest that was met.
    worse = (found - found.min()).tolist()
    limit = _f_quantile(1, A_PRIORI_WEIGHT)
    inside = [k for k, value in enumerate(worse) if value <= limit]
    low, high = inside[0], inside[-1]
    top, bottom = depths[low], depths[high]
    if low > 0:
        part = (worse[low - 1] - limit) / (worse[low - 1] - worse[low])
        top = depths[low - 1] + part * (depths[low] - depths[low - 1])
    if high < len(depths) - 1:
        part = (limit - worse[high]) / (worse[high + 1] - worse[high])
        bottom = depths[high] + part * (depths[high + 1] - depths[high])
    return max(bottom - depth, depth - top)


def _depth_kept(fit: _Fit) -> bool:
    """Tell whether a free depth is good enough to be published."""
    depth, error = float(fit.place[2]), fit.depth_error_km
    if error is None:
        return False
    return bool(
        fit.converged
        and error <= (DEPTH_ERROR_CRUST_KM if depth <= CRUST_KM else DEPTH_ERROR_MANTLE_KM)
    )


def _usual_depth_refuted(fit: _Fit, freed: _Fit) -> bool:
    """Tell whether the data themselves rule out a depth that nobody reported.

    Far readings of many distances know a deep source from a shallow one, though none of iLoc's
    rules lets them.
    """
    return (
        float(freed.place[2]) > CRUST_KM
        and fit.objective - freed.objective > REFUTED
        and _depth_kept(freed)
    )


# --- all of it ------------------------------------------------------------------------------------


def locate(
    arrivals: Sequence[ArrivalObservation],
    model: str = REGIONAL,
    start: Sequence[Hypocentre] = (),
    fixed_depth_km: float | None = None,
    own: Sequence[earth_models.OwnModel] = (),
    doubt: bool | None = None,
) -> LocationSolution:
    """Return the hypocentre that explains the arrivals best.

    Parameters
    ----------
    arrivals : sequence of ArrivalObservation
        In any order: the result does not depend on it. Phases that are unknown or may not define
        are kept with a residual where there is a prediction.
    model : str
        `REGIONAL`, or the name of one earth model, built in or of ``own``.
    start : sequence of Hypocentre
        Reported solutions. The best fitting of them, or their median, begins; without one that
        fits, places are searched.
    fixed_depth_km : float, optional
        Hold the depth at this value; 0 means the surface.
    own : sequence of OwnModel
        Agencies' own travel times, each of another name. With `REGIONAL`, each holds in its region
        in place of the built-in model there, the earlier before the later.
    doubt : bool, optional
        Let the errors hold what models are known to be wrong by, where that is known
        (`earth_models.DOUBTED`). Unless told, only with `REGIONAL`: who names a model may know it
        to be right, as with times made from it.

    Raises
    ------
    LocationError
        ``too_few_arrivals``: fewer than 4 defining phases or 3 stations to begin with, and no
        array; ``too_few_consistent_arrivals``: that few agree with each other;
        ``no_prediction``: no place predicts the arrivals;
        ``singular``: the arrivals do not fix an epicentre;
        ``depth_out_of_range``: the fixed depth is outside the tables;
        ``not_finite``: a time or coordinate is no number.
    """
    if fixed_depth_km is not None and not 0.0 <= fixed_depth_km <= kernel.DEEPEST_KM:
        raise LocationError("depth_out_of_range", {"depth_km": fixed_depth_km})
    somewhere = arrivals[0] if arrivals else None
    mixture = (
        earth_at(
            model, own, float(geodesy.geocentric_latitude(start[0].latitude)), start[0].longitude
        )
        if start
        else earth_at(
            model,
            own,
            float(geodesy.geocentric_latitude(somewhere.latitude)) if somewhere else 0.0,
            somewhere.longitude if somewhere else 0.0,
        )
    )
    problem = prepare(arrivals)
    rows = _defining_rows(problem)
    _check_evidence(problem, rows, "too_few_arrivals")
    work = Work(problem, model, tuple(own), mixture, rows, problem.phase.copy())
    work.doubts = model == REGIONAL if doubt is None else doubt
    work.use(mixture)
    reported = [s.depth_km for s in start if s.depth_km is not None]
    trial = fixed_depth_km
    if trial is None:
        trial = float(statistics.median(reported)) if reported else DEFAULT_DEPTH_KM
    trial = min(max(trial, 0.0), kernel.DEEPEST_KM)

    fits = _first_fits(work, start, trial, fixed_depth_km is not None)
    fit = fits[0]
    if fixed_depth_km is not None:
        held, code = fixed_depth_km, "S" if fixed_depth_km == 0.0 else "A"
    else:
        held, code = _held_depth(
            start, float(geodesy.geographic_latitude(fit.place[0])), float(fit.place[1])
        )
    fit = _follow_region(work, _held_at(work, fit, held))
    for _ in range(3):
        # Both change what the others say of a reading, so they are looked at again.
        if fit.active.all() or not (_rename(work, fit) | _doubt_clocks(work, fit)):
            break
        fit = _settle(work, fit.place, free=False)
    resolvable = fixed_depth_km is None and _depth_resolvable(work, fit)
    if resolvable or (code in USUAL_DEPTHS and _improbable(fit)):
        freed = _free(work, fit)
        if freed is not None and not resolvable:
            freed = _with_depth_error(work, freed)
            freed = freed if _usual_depth_refuted(fit, freed) else None
        if freed is not None:
            depth = float(freed.place[2])
            if depth <= 0.0 or depth >= kernel.DEEPEST_KM:
                # Pressed against the limit: held there, since nothing inside fits better.
                place = freed.place.copy()
                pressed = _settle(work, place, free=False)
                if pressed.objective <= fit.objective:
                    fit, code = pressed, "B"
            else:
                freed = _with_depth_error(work, freed)
                if _depth_kept(freed):
                    followed = _follow_region(work, freed)
                    same = followed is freed
                    fit, code = freed if same else _with_depth_error(work, followed), "F"
    there = linear(work, fit.place, fit.spread)
    # The last few are used whether they fit or not.
    error = np.sqrt(there.covariance.diagonal())
    consistent = np.abs(there.residual) <= CONSISTENT_SIGMA * error
    _check_evidence(problem, work.rows[fit.active & consistent], "too_few_consistent_arrivals")
    return _solution(work, fit, there, code, fits[1:])


def _first_fits(
    work: Work, start: Sequence[Hypocentre], depth_km: float, fixed: bool
) -> list[_Fit]:
    """Return the minimum to go on with, and others that the search found."""
    best: FloatArray | None = None
    value = np.inf
    for place in _reported(start, depth_km, fixed):
        size, trial = _misfit(work, place)
        if size < value:
            best, value = trial, size
    if best is not None and value < POOR_START:
        fit = _settle(work, best, free=False)
        if fit.active.sum() >= 0.7 * fit.active.size:
            return [fit]
        found = [fit]
    else:
        found = []
    depths = (depth_km,) if fixed else (depth_km, *(h for h in SEARCH_DEPTHS_KM if h != depth_km))
    candidates = _search(work, depths)[:3]
    if best is not None and np.isfinite(best).all() and not found:
        candidates.append(best)
    for place in candidates:
        fit = _settle(work, place, free=False)
        same = [k for k, f in enumerate(found) if kernel.apart_deg(f.place, fit.place) < 0.1]
        if not same:
            found.append(fit)
        elif fit.objective < found[same[0]].objective:
            found[same[0]] = fit
    found = [fit for fit in found if np.isfinite(fit.objective)]
    if not found:
        raise LocationError("no_prediction", {"phases": int(work.rows.size)})
    return sorted(found, key=lambda f: f.objective)


def _held_at(work: Work, fit: _Fit, depth_km: float) -> _Fit:
    if fit.place[2] == depth_km:
        return fit
    place = fit.place.copy()
    place[2] = depth_km
    return _settle(work, place, free=False)


# --- uncertainty and quality ----------------------------------------------------------------------


@lru_cache(maxsize=256)
def _f_quantile(dimensions: int, freedom: float) -> float:
    """Return F(dimensions, freedom) at the confidence level."""
    return float(special.fdtri(dimensions, freedom, CONFIDENCE_LEVEL))


def _covariance(work: Work, fit: _Fit, there: Linear) -> tuple[FloatArray, float]:
    """Return the a-priori covariance of the parameters (s^2, s km, km^2) and the condition number.

    Raises
    ------
    LocationError
        When the data leave a parameter undetermined.
    """
    normal = kernel.information(there.covariance, there.partial, fit.active, 3 + fit.free)
    if work.stations < 3:
        # One array's slowness tells little of the distance, and nothing where it is that of a head
        # wave: then a place is known to the reach of a regional array and no better.
        normal[[1, 2], [1, 2]] += 1.0 / REACH_KM**2
    scale = np.sqrt(normal.diagonal())
    if not scale.min() > UNDETERMINED:
        raise LocationError("singular", {"phases": int(fit.active.sum())})
    both = scale[:, None] * scale
    values, vectors = np.linalg.eigh(normal / both)
    if not values[0] * WORST_CONDITION > values[-1]:
        raise LocationError("singular", {"phases": int(fit.active.sum())})
    return (vectors / values) @ vectors.T / both, float(values[-1] / values[0])


def _ellipse(covariance: FloatArray) -> tuple[float, float, float]:
    """Return the standard semi-axes [km] and the azimuth of the longer one [deg], 0-180.

    covariance : shape (2, 2), of east and north.
    """
    east, north, both = map(float, (covariance[0, 0], covariance[1, 1], covariance[0, 1]))
    middle, half = 0.5 * (east + north), math.hypot(0.5 * (east - north), both)
    azimuth = math.degrees(0.5 * math.atan2(2.0 * both, north - east)) % 180.0
    return math.sqrt(middle + half), math.sqrt(max(middle - half, 0.0)), azimuth


def figure_s(
    phase: str, distance_deg: float, depth_km: float, latitude: float, azimuth: float
) -> float:
    """Return what the Earth's figure adds to a phase's travel time [s].

    ``latitude`` of the source, geographic [deg]; ``azimuth`` to the station [rad].
    """
    figure = figure_row(phases.PHASES[phase])
    centre = float(np.radians(geodesy.geocentric_latitude(latitude)))
    return float(
        ellipticity.correction(ellipticity.load(), figure, distance_deg, depth_km, centre, azimuth)
    )


def uniformity(azimuth: FloatArray) -> float:
    """Return dU of stations' azimuths [deg]: 0 all around, 1 all in one direction.

    References
    ----------
    Bondár & McLaughlin (2009), Bull. Seism. Soc. Am. 99, 465-472. doi:10.1785/0120080123
    """
    ordered = np.sort(azimuth % 360.0)
    apart = ordered - 360.0 / ordered.size * np.arange(ordered.size)
    off: float = np.abs(apart - apart.sum() / ordered.size).sum()
    return float(4.0 * off / (360.0 * ordered.size))


def _solution(
    work: Work, fit: _Fit, there: Linear, code: str, others: Sequence[_Fit]
) -> LocationSolution:
    """Assemble the solution, arrays back in the order in which arrivals were given."""
    problem, readings, place = work.problem, work.readings, fit.place
    predicted = there.predicted
    n = len(problem.rows)
    columns = 3 + fit.free
    parameters, condition = _covariance(work, fit, there)
    used_rows = work.rows[fit.active]
    freedom = used_rows.size - columns
    axis = math.sqrt(2.0 * _f_quantile(2, A_PRIORI_WEIGHT + freedom))
    line = math.sqrt(_f_quantile(1, A_PRIORI_WEIGHT + freedom))
    major, minor, ellipse_azimuth = _ellipse(parameters[1:3, 1:3])
    confidence = (
        math.sqrt(2.0 * _f_quantile(2, float(freedom)) * max(fit.chi2, 0.0) / freedom)
        if freedom > 0
        else None
    )
    covariance = np.zeros((4, 4))
    covariance[:columns, :columns] = parameters

    residual = readings.time - place[3] - predicted.time
    azimuth_residual = readings.backazimuth - np.degrees(predicted.backazimuth)
    azimuth_residual -= 360.0 * np.round(azimuth_residual / 360.0)
    data_used = np.zeros(3 * n, dtype=np.bool_)
    data_used[used_rows] = True
    used, azimuth_used, slowness_used = data_used.reshape(3, n)
    deviation = np.full(n, np.nan)
    times = work.rows < n
    deviation[work.rows[times]] = fit.deviation[times]
    members = np.bincount(problem.group[used], minlength=n)
    weight = np.where(used, 1.0 / np.maximum(members, 1)[problem.group], 0.0)
    with_times = int(used.sum())

    first_of_station: dict[int, int] = {}
    for i in np.flatnonzero(used | azimuth_used | slowness_used).tolist():
        first_of_station.setdefault(int(readings.station[i]), i)
    stations = np.array(list(first_of_station.values()))
    esaz = np.degrees(np.arctan2(predicted.sin_azimuth, predicted.cos_azimuth)) % 360.0
    gap, secondary_gap = geodesy.azimuthal_gaps(esaz[stations])
    evenness = uniformity(esaz[stations])
    near = predicted.distance[stations]
    nearest = float(near.min())
    local = stations[near * geodesy.KM_PER_DEGREE <= LOCAL_KM]
    gt5 = (
        local.size >= 3
        and nearest * geodesy.KM_PER_DEGREE <= GT5_NEAREST_KM
        and uniformity(esaz[local]) <= GT5_UNIFORMITY
        and geodesy.azimuthal_gaps(esaz[local])[1] <= GT5_SECONDARY_GAP
    )
    alternatives = tuple(
        Alternative(_hypocentre(f.place), f.objective - fit.objective)
        for f in others
        if 0.0 <= f.objective - fit.objective < RIVAL
        and kernel.apart_deg(f.place, place) * geodesy.KM_PER_DEGREE > 2.0 * axis * major
    )
    warnings = []
    if fit.rival < RIVAL and not fit.active.all():
        warnings.append("ambiguous-readings")
    if freedom < 2 or condition > POOR_CONDITION or len(stations) < MINIMUM_STATIONS:
        warnings.append("poorly-constrained")
    if alternatives:
        warnings.append("other-minimum")
    if readings.model_error.any():
        warnings.append("model-error")

    names = [
        NAMES[row] or a.phase for row, a in zip(work.phase.tolist(), problem.rows, strict=True)
    ]
    reasons = (
        [_reason(work, predicted, used, i) for i in range(n)]
        if with_times < n or work.renamed or work.clocks or readings.clock.any()
        else [""] * n
    )
    # Where the first, second, ... of the arrivals as given stands here.
    back = np.argsort(problem.order)
    return LocationSolution(
        latitude=float(geodesy.geographic_latitude(place[0])),
        longitude=float(place[1]),
        depth_km=float(place[2]),
        time=float(place[3]),
        depth_type="from location" if fit.free else "operator assigned",
        depth_code=code,
        covariance=covariance,
        confidence_level=CONFIDENCE_LEVEL,
        semi_major_km=axis * major,
        semi_minor_km=axis * minor,
        ellipse_azimuth=ellipse_azimuth,
        confidence_semi_major_km=None if confidence is None else confidence * major,
        confidence_semi_minor_km=None if confidence is None else confidence * minor,
        time_error=line * math.sqrt(parameters[0, 0]),
        depth_error_km=fit.depth_error_km if fit.free else None,
        standard_error=math.sqrt((residual[used] ** 2).sum() / with_times) if with_times else 0.0,
        error_scale=float(fit.spread[used].sum() / with_times) if with_times else 1.0,
        chi_square=float(fit.chi2),
        effective_data=kernel.effective_data(there.covariance, fit.active),
        condition_number=condition,
        azimuthal_gap=gap,
        secondary_azimuthal_gap=secondary_gap,
        uniformity=evenness,
        gt5_candidate=bool(gt5),
        minimum_distance=nearest,
        median_distance=statistics.median(near.tolist()),
        maximum_distance=float(near.max()),
        associated_phase_count=len(set(problem.group.tolist())),
        used_phase_count=len(set(problem.group[used].tolist())),
        associated_station_count=len(set(readings.station.tolist())),
        used_station_count=len(stations),
        depth_phase_count=sum(
            name in DEPTH_PHASES for name, on in zip(names, used, strict=True) if on
        ),
        phase=tuple(names[i] for i in back.tolist()),
        reason=tuple(reasons[i] for i in back.tolist()),
        residual=residual[back],
        deviation=deviation[back],
        spread=fit.spread[back],
        weight=weight[back],
        used=used[back],
        backazimuth_residual=azimuth_residual[back],
        backazimuth_used=azimuth_used[back],
        slowness_residual=(readings.slowness - predicted.slope)[back],
        slowness_used=slowness_used[back],
        distance=predicted.distance[back],
        azimuth=esaz[back],
        warnings=tuple(warnings),
        alternatives=alternatives,
        converged=bool(fit.converged),
        iterations=work.iterations,
        method=METHOD,
        model=_model_name(work.mixture),
    )


def _model_name(mixture: earth_models.Mixture) -> str:
    """Name the models at work, the weightiest first; far away the global one always is."""
    regional = [k for k in (1, 2) if mixture.weights[k] > 0.0]
    order = sorted([0, *regional], key=lambda k: -float(mixture.weights[k]))
    return "+".join(mixture.names[k] for k in order)


def _hypocentre(place: FloatArray) -> Hypocentre:
    return Hypocentre(
        float(geodesy.geographic_latitude(place[0])), float(place[1]), float(place[3]),
        float(place[2]),
    )  # fmt: skip


def _reason(work: Work, predicted: kernel.Predicted, used: BoolArray, i: int) -> str:
    """Say why a time is not in use, or what was done to it."""
    if used[i]:
        if work.readings.clock[i]:
            return "clock"
        return "renamed" if i in work.renamed else ""
    if work.problem.rows[i].off:
        return "off"
    row = work.phase[i]
    if np.isnan(phase_rules().sigma_s[row]).all():
        return "no-rule"
    if np.isnan(predicted.time[i]):
        return "no-prediction"
    return "too-far" if np.isnan(predicted.sigma[i]) else "outlier"
