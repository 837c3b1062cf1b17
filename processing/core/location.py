"""Locate one event from arrival times: damped, robust least squares over a travel-time table.

The method is the classical one (Geiger's linearisation, solved by Levenberg-Marquardt with Huber
weights) under the rules of iLoc: a-priori errors by phase and distance, residuals beyond six of
them do not define, depth is free only when something near the source can resolve it, and the error
ellipse is a coverage ellipse. Back-azimuth and slowness of arrays are not used yet, and errors of
travel times are taken as independent.

References
----------
Bondár & Storchak (2011), Geophys. J. Int. 186, 1220-1244. doi:10.1111/j.1365-246X.2011.05107.x
Jordan & Sverdrup (1981), Bull. Seism. Soc. Am. 71, 1105-1130.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from processing.core import geodesy, phases
from processing.core.travel_times import DEEPEST_KM, FloatArray, IntArray, TravelTimeTable

METHOD = "thin-lm-2026.1"
"""Names this method in stored origins; a change of any rule below changes it."""

MINIMUM_DEFINING = 4
MINIMUM_STATIONS = 3
GATE_SIGMA = 6.0  # iLoc SigmaThreshold
OPENING_GATES = (10.0, 3.0)
GATE_ROUNDS = 5
HUBER_C = 1.345
MAD_TO_SIGMA = 1.4826
MAXIMUM_ITERATIONS = 50  # iLoc MaxIterations
DEFAULT_DEPTH_KM = 10.0
CONFIDENCE_LEVEL = 0.90
A_PRIORI_WEIGHT = 99999.0  # K of Jordan & Sverdrup: a coverage ellipse
NEAR_STATION_DEG = 0.2
PAIR_DISTANCE_DEG = 2.0
PAIRS_NEEDED = 3
CRUST_KM = 35.0  # iasp91's Moho
DEPTH_ERROR_CRUST_KM = 30.0
DEPTH_ERROR_MANTLE_KM = 60.0
DEPTH_TRIALS_KM = (0.0, 5.0, 10.0, 15.0, 25.0, 40.0, 70.0, 120.0, 200.0, 350.0, 550.0)
MISSING_COST = 0.5 * GATE_SIGMA**2
CONVERGED_KM = 0.01
# Velocities under a station [km/s]: the values of iLoc for ak135 and iasp91.
SURFACE_VELOCITY_KM_S = {"P": 5.8, "S": 3.46}
RING_DISTANCES_DEG = (0.3, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0)
RING_AZIMUTHS = 8


class LocationError(Exception):
    """An event that cannot be located: a code, and the values a message needs."""

    def __init__(self, code: str, values: dict[str, float]) -> None:
        super().__init__(f"{code}: {values}")
        self.code = code
        self.values = values


@dataclass(frozen=True)
class ArrivalObservation:
    """One arrival time at one station."""

    station: str
    """Key of the station; the same key means the same place."""
    latitude: float
    """Geographic [deg]."""
    longitude: float
    elevation_m: float | None
    """Above sea level [m]; None is taken as 0."""
    phase: str
    """As reported."""
    time: float
    """Seconds after the problem's reference epoch."""
    time_uncertainty: float | None = None
    """Standard error of the reading [s], added in quadrature to the a-priori error."""


@dataclass(frozen=True)
class Hypocentre:
    """A place and time to start from, as an agency reported it."""

    latitude: float
    longitude: float
    time: float
    """Seconds after the problem's reference epoch."""
    depth_km: float | None = None


@dataclass(frozen=True)
class LocationSolution:
    """A hypocentre with its uncertainty and quality. Arrays are in the order of the arrivals."""

    latitude: float
    """Geographic [deg]."""
    longitude: float
    depth_km: float
    time: float
    """Seconds after the problem's reference epoch."""
    depth_type: str
    """QuakeML OriginDepthType."""
    covariance: FloatArray
    """Of time [s], east, north [km], depth [km], shape (4, 4); zeros for a fixed depth."""
    confidence_level: float
    """Of the ellipse and the errors below, 0-1."""
    semi_major_km: float
    semi_minor_km: float
    ellipse_azimuth: float
    """Of the semi-major axis, 0-180 [deg]."""
    time_error: float
    """[s] at the confidence level."""
    depth_error_km: float | None
    """None for a fixed depth."""
    standard_error: float
    """Root mean square of the residuals used [s]."""
    azimuthal_gap: float
    secondary_azimuthal_gap: float
    minimum_distance: float
    """Of stations used [deg]; so the next two."""
    median_distance: float
    maximum_distance: float
    associated_phase_count: int
    used_phase_count: int
    associated_station_count: int
    used_station_count: int
    residual: FloatArray
    """Observed minus predicted [s], NaN without a prediction, shape (n,)."""
    weight: FloatArray
    """Of each arrival in the solution, 0-1: robust weight over the readings that share it."""
    used: NDArray[np.bool_]
    distance: FloatArray
    """[deg]"""
    azimuth: FloatArray
    """Event to station [deg]."""
    converged: bool
    iterations: int
    method: str
    model: str


@dataclass(frozen=True)
class _Data:
    """The arrivals as arrays, in an order that does not depend on how they were given."""

    station: tuple[str, ...]
    latitude: FloatArray
    """Geocentric [deg]."""
    longitude: FloatArray
    elevation_km: FloatArray
    time: FloatArray
    reading_sigma: FloatArray
    rules: tuple[phases.Phase | None, ...]
    code: IntArray
    fallback: IntArray
    surface_slowness: FloatArray
    """1/v under the station [s/km]."""
    share: FloatArray
    """1/number of readings of the same phase at the same station."""
    group: IntArray
    table: TravelTimeTable


@dataclass(frozen=True)
class _Point:
    """A trial hypocentre, geocentric."""

    latitude: float
    longitude: float
    depth_km: float
    time: float


def _canonical(
    arrivals: Sequence[ArrivalObservation], table: TravelTimeTable
) -> tuple[_Data, IntArray]:
    """Return sorted arrays, and where each sorted arrival stood in the input."""

    def key(i: int) -> tuple[str, str, float, float, float, float, float]:
        a = arrivals[i]
        return (
            a.station, a.phase, a.time, a.latitude, a.longitude, a.elevation_m or 0.0,
            a.time_uncertainty or 0.0,
        )  # fmt: skip

    order = sorted(range(len(arrivals)), key=key)
    rows = [arrivals[i] for i in order]
    names = [phases.standard_name(a.phase) for a in rows]
    rules = tuple(None if name is None else phases.PHASES[name] for name in names)
    groups: dict[tuple[str, str], int] = {}
    group = np.array(
        [
            groups.setdefault((a.station, name or a.phase), len(groups))
            for a, name in zip(rows, names, strict=True)
        ],
        dtype=np.int64,
    )
    velocity = [
        SURFACE_VELOCITY_KM_S["S" if rule is not None and rule.family == "S" else "P"]
        for rule in rules
    ]
    data = _Data(
        station=tuple(a.station for a in rows),
        latitude=geodesy.geocentric_latitude([a.latitude for a in rows]),
        longitude=np.array([a.longitude for a in rows], dtype=np.float64),
        elevation_km=np.array([(a.elevation_m or 0.0) / 1000.0 for a in rows]),
        time=np.array([a.time for a in rows], dtype=np.float64),
        reading_sigma=np.array([a.time_uncertainty or 0.0 for a in rows]),
        rules=rules,
        code=table.codes(["" if r is None else r.table_phase or "" for r in rules]),
        fallback=table.codes(["" if r is None else r.fallback or "" for r in rules]),
        surface_slowness=1.0 / np.array(velocity),
        share=1.0 / np.bincount(group)[group],
        group=group,
        table=table,
    )
    return data, np.array(order, dtype=np.int64)


def _predict(
    data: _Data, distance: FloatArray, depth_km: FloatArray, rows: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return travel time with elevation correction [s], dt/ddelta [s/deg] and dt/dh [s/km]."""
    code = data.code[rows]
    found = data.table.predict_codes(code, distance, depth_km)
    time, slope, dt_dh = found.time, found.dt_ddelta, found.dt_dh
    missing = np.isnan(time) & (data.fallback[rows] >= 0)
    if missing.any():
        other = data.table.predict_codes(
            data.fallback[rows][missing], distance[missing], depth_km[missing]
        )
        time[missing], slope[missing], dt_dh[missing] = other.time, other.dt_ddelta, other.dt_dh
    # The ray's last leg up to the station: h sqrt(1/v^2 - p^2).
    vertical = np.sqrt(
        np.maximum(data.surface_slowness[rows] ** 2 - (slope / geodesy.KM_PER_DEGREE) ** 2, 0.0)
    )
    return time + data.elevation_km[rows] * vertical, slope, dt_dh


def _sigma(data: _Data, distance: FloatArray) -> FloatArray:
    """Return each arrival's error [s]; NaN where it may not define the location."""
    prior = np.array(
        [
            np.nan if rule is None else (rule.sigma_s(float(d)) or np.nan)
            for rule, d in zip(data.rules, distance, strict=True)
        ]
    )
    result: FloatArray = np.sqrt(prior**2 + data.reading_sigma**2)
    return result


def _huber(normalised: FloatArray) -> FloatArray:
    """Return Huber's loss of residuals in units of their error."""
    size = np.abs(normalised)
    return np.where(size <= HUBER_C, 0.5 * size**2, HUBER_C * (size - 0.5 * HUBER_C))


def _misfit_l1(
    data: _Data, rows: IntArray, sigma: FloatArray, places: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return L1 misfit and best origin time at trial places.

    Parameters
    ----------
    sigma : array, shape (n,)
        Errors [s].
    places : array, shape (m, 3)
        Geocentric latitude, longitude [deg], depth [km].
    """
    distance, _ = geodesy.distance_azimuth(
        places[:, 0:1], places[:, 1:2], data.latitude[rows], data.longitude[rows]
    )
    count = distance.shape
    flat_rows = np.tile(rows, count[0])
    depth = np.repeat(places[:, 2], count[1])
    time, _, _ = _predict(data, distance.ravel(), depth, flat_rows)
    origin = data.time[rows] - time.reshape(count)
    # The order statistic is taken of the places' own origin times; NaN sorts last, weight 0.
    weight = np.where(np.isfinite(origin), (data.share[rows] / sigma)[None, :], 0.0)
    order = np.argsort(origin, axis=1, kind="stable")
    running = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    at = np.argmax(running >= 0.5 * running[:, -1:], axis=1)
    ordered = np.take_along_axis(origin, order, axis=1)
    best = ordered[np.arange(count[0]), at]
    normalised = np.abs(origin - best[:, None]) / sigma[None, :]
    # A place that predicts fewer of the arrivals must not win by that; gross errors are capped.
    capped = np.where(np.isfinite(normalised), np.minimum(normalised, 30.0), 30.0)
    return (capped * data.share[rows]).sum(axis=1), best


def _search(
    data: _Data,
    rows: IntArray,
    sigma: FloatArray,
    start: Sequence[Hypocentre],
    depth_km: float | None,
) -> _Point:
    """Return the best reported hypocentre or, without one, the best place near early stations."""
    trial_depth = DEFAULT_DEPTH_KM if depth_km is None else depth_km
    if start:
        ordered = sorted(start, key=lambda s: (s.latitude, s.longitude, s.time, s.depth_km or 0.0))
        latitude = geodesy.geocentric_latitude([s.latitude for s in ordered])
        depths = [
            trial_depth if s.depth_km is None or depth_km is not None else s.depth_km
            for s in ordered
        ]
        reported = np.column_stack([latitude, [s.longitude for s in ordered], depths])
        # The median needs longitudes on one side of the date line.
        unwrapped = reported.copy()
        unwrapped[:, 1] = reported[0, 1] + (reported[:, 1] - reported[0, 1] + 180.0) % 360.0 - 180.0
        places = np.vstack([reported, np.median(unwrapped, axis=0)])
        cost, best = _misfit_l1(data, rows, sigma, places)
        i = int(np.argmin(cost))
        # A reported place that fits nothing at all is worth no more than none.
        if cost[i] < GATE_SIGMA * data.share[rows].sum():
            latitude_i, longitude_i, depth_i = (float(x) for x in places[i])
            return _Point(latitude_i, longitude_i, depth_i, float(best[i]))
    early = rows[np.argsort(data.time[rows], kind="stable")]
    firsts = list(dict.fromkeys((data.latitude[i], data.longitude[i]) for i in early))[:8]
    azimuths = np.arange(RING_AZIMUTHS) * 360.0 / RING_AZIMUTHS
    places_list = [np.array([[lat, lon]]) for lat, lon in firsts]
    for ring_radius in RING_DISTANCES_DEG:
        places_list.append(np.column_stack(geodesy.destination(*firsts[0], azimuths, ring_radius)))
    flat = np.vstack(places_list)
    cost, best = _misfit_l1(
        data, rows, sigma, np.column_stack([flat, np.full(len(flat), trial_depth)])
    )
    i = int(np.argmin(cost))
    place, value, time = flat[i], cost[i], best[i]
    distance, _ = geodesy.distance_azimuth(*firsts[0], place[0], place[1])
    radius = max(0.3, 0.75 * float(distance))
    while radius > 0.05:
        ring = np.column_stack(geodesy.destination(place[0], place[1], azimuths, radius))
        cost, best = _misfit_l1(
            data, rows, sigma, np.column_stack([ring, np.full(len(ring), trial_depth)])
        )
        i = int(np.argmin(cost))
        if cost[i] < value:
            place, value, time = ring[i], cost[i], best[i]
        else:
            radius *= 0.5
    return _Point(float(place[0]), float(place[1]), trial_depth, float(time))


@dataclass(frozen=True)
class _Fit:
    """Where the iteration stands: residuals, partial derivatives and cost at a point."""

    point: _Point
    residual: FloatArray
    partials: FloatArray
    """d(time)/d(t0, east, north, depth), shape (n, 4)."""
    share: FloatArray
    """Of the weight of one phase at one station, shape (n,)."""
    cost: float


def _evaluate(data: _Data, rows: IntArray, sigma: FloatArray, point: _Point) -> _Fit:
    """Return residuals and partial derivatives (iLoc BuildGd, time rows) at a point."""
    distance, azimuth = geodesy.distance_azimuth(
        point.latitude, point.longitude, data.latitude[rows], data.longitude[rows]
    )
    time, slope, dt_dh = _predict(data, distance, np.full(rows.size, point.depth_km), rows)
    residual = data.time[rows] - point.time - time
    per_km = slope / ((geodesy.EARTH_RADIUS_KM - point.depth_km) * np.pi / 180.0)
    alpha = np.radians(azimuth)
    partials = np.column_stack(
        [np.ones(rows.size), -per_km * np.sin(alpha), -per_km * np.cos(alpha), dt_dh]
    )
    normalised = residual / sigma
    loss = np.where(np.isfinite(normalised), _huber(normalised), MISSING_COST)
    share = data.share[rows]
    return _Fit(point, residual, partials, share, float((share * loss).sum()))


def _move(point: _Point, step: FloatArray) -> _Point:
    """Return the point after a step of time [s], east, north, down [km]; depth kept in range."""
    radius = geodesy.EARTH_RADIUS_KM - point.depth_km
    length = float(np.hypot(step[1], step[2])) / radius
    latitude, longitude = geodesy.destination(
        point.latitude,
        point.longitude,
        np.degrees(np.arctan2(step[1], step[2])),
        np.degrees(length),
    )
    depth = min(max(point.depth_km + float(step[3]), 0.0), DEEPEST_KM)
    return _Point(float(latitude), float(longitude), depth, point.time + float(step[0]))


def _solve(
    data: _Data, rows: IntArray, sigma: FloatArray, start: _Point, free_depth: bool
) -> tuple[_Fit, bool, int]:
    """Minimise Huber's loss by Levenberg-Marquardt; return fit, whether converged, iterations."""
    columns = 4 if free_depth else 3
    fit = _evaluate(data, rows, sigma, start)
    damping = 1e-3
    for iteration in range(1, MAXIMUM_ITERATIONS + 1):
        good = np.isfinite(fit.residual)
        normalised = fit.residual[good] / sigma[good]
        size = np.maximum(np.abs(normalised), 1e-12)
        root_weight = np.sqrt(np.minimum(1.0, HUBER_C / size) * fit.share[good]) / sigma[good]
        matrix = fit.partials[good, :columns] * root_weight[:, None]
        scale = np.sqrt((matrix**2).sum(axis=0))
        scale = np.where(scale > 1e-9, scale, 1.0)
        matrix = matrix / scale
        normal = matrix.T @ matrix
        gradient = matrix.T @ (fit.residual[good] * root_weight)
        moved = False
        step = np.zeros(4)
        while damping < 1e8:
            scaled = np.linalg.solve(normal + damping * np.eye(columns), gradient)
            step[:columns] = scaled / scale
            # No step farther than the linearisation can be trusted.
            reach = float(np.hypot(step[1], step[2]))
            if reach > 1000.0:
                step *= 1000.0 / reach
            trial = _evaluate(data, rows, sigma, _move(fit.point, step))
            if trial.cost <= fit.cost:
                moved = True
                damping = max(damping / 10.0, 1e-9)
                break
            damping *= 10.0
        if not moved:
            # No smaller cost in any direction: a minimum, as sharp as a change of branch allows.
            return fit, True, iteration
        gain = fit.cost - trial.cost
        fit = trial
        small = float(np.abs(step[1:]).max()) < CONVERGED_KM
        if small or gain < 1e-7 * (1.0 + fit.cost):
            return fit, True, iteration
    return fit, False, MAXIMUM_ITERATIONS


def _robust_scale(fit: _Fit, sigma: FloatArray) -> float:
    """Return how much larger residuals are than their errors say; never below 1."""
    normalised = (fit.residual / sigma)[np.isfinite(fit.residual)]
    if normalised.size == 0:
        return 1.0
    spread = MAD_TO_SIGMA * float(np.median(np.abs(normalised - np.median(normalised))))
    return max(1.0, spread)


def _depth_resolvable(data: _Data, rows: IntArray, distance: FloatArray) -> bool:
    """Tell whether something near the source resolves depth (iLoc rules; project methods 3.3)."""
    near = distance <= NEAR_STATION_DEG
    if near.any():
        return True
    kinds: dict[str, set[str]] = {}
    for position, row in enumerate(rows):
        rule = data.rules[row]
        if rule is not None and distance[position] <= PAIR_DISTANCE_DEG:
            kinds.setdefault(data.station[row], set()).add(rule.family)
    return sum({"P", "S"} <= found for found in kinds.values()) >= PAIRS_NEEDED


def _defining(data: _Data, point: _Point, scale: float | None) -> tuple[IntArray, FloatArray]:
    """Return rows that may define the location and their errors; with a scale, gate residuals."""
    distance, _ = geodesy.distance_azimuth(
        point.latitude, point.longitude, data.latitude, data.longitude
    )
    sigma = _sigma(data, distance)
    rows = np.flatnonzero(np.isfinite(sigma))
    if scale is not None and rows.size:
        fit = _evaluate(data, rows, sigma[rows], point)
        keep = np.abs(fit.residual) <= GATE_SIGMA * scale * sigma[rows]
        rows = rows[keep]
    return rows, sigma[rows]


def _check_evidence(data: _Data, rows: IntArray, code: str) -> None:
    """Raise unless enough phases at enough stations are left."""
    count = len(set(data.group[rows].tolist()))
    stations = len({data.station[i] for i in rows})
    if count < MINIMUM_DEFINING or stations < MINIMUM_STATIONS:
        raise LocationError(
            code,
            {
                "phases": count,
                "stations": stations,
                "phases_needed": MINIMUM_DEFINING,
                "stations_needed": MINIMUM_STATIONS,
            },
        )


@lru_cache(maxsize=64)
def _f_quantile(dimensions: int, freedom: float) -> float:
    """Return F(dimensions, freedom) at the confidence level."""
    return float(stats.f.ppf(CONFIDENCE_LEVEL, dimensions, freedom))


def locate(
    arrivals: Sequence[ArrivalObservation],
    table: TravelTimeTable,
    start: Sequence[Hypocentre] = (),
    fixed_depth_km: float | None = None,
) -> LocationSolution:
    """Return the hypocentre that explains the arrivals best.

    Parameters
    ----------
    arrivals : sequence of ArrivalObservation
        In any order: the result does not depend on it. Phases that are unknown or may not define
        are kept with a residual where there is a prediction. Several readings of one phase at one
        station share the weight of one.
    table : TravelTimeTable
        From `travel_times.load`.
    start : sequence of Hypocentre
        Reported solutions. The best fitting of them and their median begins the iteration; without
        one, rings around the first stations are searched.
    fixed_depth_km : float, optional
        Hold the depth at this value.

    Raises
    ------
    LocationError
        ``too_few_arrivals``: fewer than 4 defining phases or 3 stations to begin with;
        ``too_few_consistent_arrivals``: that few are left when residuals are gated;
        ``no_prediction``: no place predicts the arrivals;
        ``singular``: the arrivals do not fix an epicentre;
        ``depth_out_of_range``: the fixed depth is outside the table.

    Notes
    -----
    Depth rules, thin form of iLoc's (project methods 3.3): free if a station is within 0.2 deg or
    three stations within 2 deg have P and S, and kept free only if its 90 % error is within 30 km
    (60 km below the crust) and it does not end at the surface or the table's bottom. Else it is
    held at the median of the reported depths, or at 10 km; both are ``operator assigned``.
    """
    if fixed_depth_km is not None and not 0.0 <= fixed_depth_km <= DEEPEST_KM:
        raise LocationError("depth_out_of_range", {"depth_km": fixed_depth_km})
    data, order = _canonical(arrivals, table)
    # Before there is a place, every phase that could define anywhere counts.
    possible = np.flatnonzero([rule is not None and bool(rule.bands) for rule in data.rules])
    _check_evidence(data, possible, "too_few_arrivals")
    nominal = np.array(
        [rule.bands[0].sigma_s if rule and rule.bands else np.nan for rule in data.rules]
    )
    nominal = np.sqrt(nominal**2 + data.reading_sigma**2)
    reported = [s.depth_km for s in start if s.depth_km is not None]
    held = fixed_depth_km
    if held is None:
        held = float(np.median(reported)) if reported else DEFAULT_DEPTH_KM
    held = min(max(held, 0.0), DEEPEST_KM)
    point = _search(data, possible, nominal[possible], start, fixed_depth_km)
    if not np.isfinite(point.time):
        raise LocationError("no_prediction", {"phases": possible.size})

    iterations = 0
    point = _Point(point.latitude, point.longitude, held, point.time)
    fit, converged, rows, sigma, used_iterations = _settle(data, point, free_depth=False)
    iterations += used_iterations
    free = False
    distance, _ = geodesy.distance_azimuth(
        fit.point.latitude, fit.point.longitude, data.latitude[rows], data.longitude[rows]
    )
    if (
        fixed_depth_km is None
        and len(set(data.group[rows].tolist())) > MINIMUM_DEFINING
        and _depth_resolvable(data, rows, distance)
    ):
        places = np.array(
            [[fit.point.latitude, fit.point.longitude, h] for h in (*DEPTH_TRIALS_KM, held)]
        )
        cost, times = _misfit_l1(data, rows, sigma, places)
        best = int(np.argmin(cost))
        begin = _Point(
            fit.point.latitude, fit.point.longitude, float(places[best, 2]), float(times[best])
        )
        try:
            trial = _settle(data, begin, free_depth=True)
        except LocationError:
            trial = None
        if trial is not None:
            iterations += trial[4]
            if _depth_acceptable(trial[0], trial[1], trial[3]):
                fit, converged, rows, sigma, _ = trial
                free = True
    return _solution(data, order, fit, rows, sigma, free, converged, iterations)


def _settle(
    data: _Data, start: _Point, free_depth: bool
) -> tuple[_Fit, bool, IntArray, FloatArray, int]:
    """Iterate location and the choice of defining arrivals until both stay.

    Raises
    ------
    LocationError
        When the gate leaves too few arrivals.
    """
    rows, sigma = _defining(data, start, None)
    _check_evidence(data, rows, "too_few_arrivals")
    total = 0
    scale = 1.0
    point = start
    # The first place may be far off: the gate closes to six a-priori errors in three rounds.
    for widest in (*OPENING_GATES, *([1.0] * GATE_ROUNDS)):
        fit, converged, count = _solve(data, rows, sigma * scale, point, free_depth)
        total += count
        point = fit.point
        scale = _robust_scale(fit, sigma)
        new_rows, new_sigma = _defining(data, point, min(scale, widest))
        _check_evidence(data, new_rows, "too_few_consistent_arrivals")
        same = np.array_equal(new_rows, rows) and np.allclose(new_sigma, sigma)
        if same and min(scale, widest) == 1.0:
            return fit, converged, rows, sigma, total
        rows, sigma = new_rows, new_sigma
    fit, converged, count = _solve(data, rows, sigma * scale, point, free_depth)
    return fit, converged, rows, sigma, total + count


def _covariance(fit: _Fit, sigma: FloatArray, columns: int) -> FloatArray:
    """Return the a-priori covariance of the parameters (s^2, s km, km^2), robust weights applied.

    Raises
    ------
    LocationError
        When the arrivals leave a parameter undetermined.
    """
    robust = np.minimum(1.0, HUBER_C / np.maximum(np.abs(fit.residual) / sigma, 1e-12))
    weight = robust * fit.share / sigma**2
    matrix = fit.partials[:, :columns]
    scale = np.sqrt((weight[:, None] * matrix**2).sum(axis=0))
    if not np.all(scale > 1e-9):
        raise LocationError("singular", {"phases": fit.residual.size})
    scaled = matrix / scale
    normal = scaled.T @ (weight[:, None] * scaled)
    if np.linalg.cond(normal) > 1e12:
        raise LocationError("singular", {"phases": fit.residual.size})
    result: FloatArray = np.linalg.inv(normal) / np.outer(scale, scale)
    return result


def _variance_factor(fit: _Fit, sigma: FloatArray, columns: int) -> tuple[float, float]:
    """Return s^2 and the degrees of freedom of Jordan & Sverdrup's uncertainty."""
    weighted = np.minimum(np.abs(fit.residual) / sigma, GATE_SIGMA) ** 2
    freedom = A_PRIORI_WEIGHT + float(fit.share.sum()) - columns
    return (A_PRIORI_WEIGHT + float((fit.share * weighted).sum())) / freedom, freedom


def _depth_acceptable(fit: _Fit, converged: bool, sigma: FloatArray) -> bool:
    """Tell whether a free depth is good enough to be published."""
    depth = fit.point.depth_km
    if not converged or depth <= 0.0 or depth >= DEEPEST_KM:
        return False
    try:
        covariance = _covariance(fit, sigma, 4)
    except LocationError:
        return False
    s2, freedom = _variance_factor(fit, sigma, 4)
    error = float(np.sqrt(_f_quantile(1, freedom) * s2 * covariance[3, 3]))
    return error <= (DEPTH_ERROR_CRUST_KM if depth <= CRUST_KM else DEPTH_ERROR_MANTLE_KM)


def _ellipse(covariance: FloatArray) -> tuple[float, float, float]:
    """Return the standard semi-axes [km] and the azimuth of the longer one [deg], 0-180.

    covariance : shape (2, 2), of east and north.
    """
    values, vectors = np.linalg.eigh(covariance)
    east, north = vectors[:, 1]
    azimuth = float(np.degrees(np.arctan2(east, north))) % 180.0
    return float(np.sqrt(values[1])), float(np.sqrt(max(values[0], 0.0))), azimuth


def _solution(
    data: _Data,
    order: IntArray,
    fit: _Fit,
    rows: IntArray,
    sigma: FloatArray,
    free: bool,
    converged: bool,
    iterations: int,
) -> LocationSolution:
    """Assemble the solution, arrays back in the order in which arrivals were given."""
    columns = 4 if free else 3
    parameters = _covariance(fit, sigma, columns)
    s2, freedom = _variance_factor(fit, sigma, columns)
    axis = float(np.sqrt(2.0 * _f_quantile(2, freedom) * s2))
    line = float(np.sqrt(_f_quantile(1, freedom) * s2))
    major, minor, ellipse_azimuth = _ellipse(parameters[1:3, 1:3])
    covariance = np.zeros((4, 4))
    covariance[:columns, :columns] = parameters

    point = fit.point
    distance, azimuth = geodesy.distance_azimuth(
        point.latitude, point.longitude, data.latitude, data.longitude
    )
    every = np.arange(data.time.size)
    time, _, _ = _predict(data, distance, np.full(every.size, point.depth_km), every)
    residual = data.time - point.time - time
    used = np.zeros(every.size, dtype=bool)
    used[rows] = True
    weight = np.zeros(every.size)
    scale = _robust_scale(fit, sigma)
    robust = np.minimum(1.0, HUBER_C / np.maximum(np.abs(fit.residual) / (sigma * scale), 1e-12))
    weight[rows] = robust * data.share[rows]

    first_of_station = {data.station[i]: int(i) for i in reversed(rows)}
    stations = np.array(sorted(first_of_station.values()))
    gap, secondary_gap = geodesy.azimuthal_gaps(azimuth[stations])
    near = distance[stations]

    def given(values: NDArray[np.generic]) -> NDArray[np.generic]:
        result = np.empty_like(values)
        result[order] = values
        return result

    return LocationSolution(
        latitude=float(geodesy.geographic_latitude(point.latitude)),
        longitude=point.longitude,
        depth_km=point.depth_km,
        time=point.time,
        depth_type="from location" if free else "operator assigned",
        covariance=covariance,
        confidence_level=CONFIDENCE_LEVEL,
        semi_major_km=axis * major,
        semi_minor_km=axis * minor,
        ellipse_azimuth=ellipse_azimuth,
        time_error=line * float(np.sqrt(parameters[0, 0])),
        depth_error_km=line * float(np.sqrt(parameters[3, 3])) if free else None,
        standard_error=float(np.sqrt(np.mean(fit.residual**2))),
        azimuthal_gap=gap,
        secondary_azimuthal_gap=secondary_gap,
        minimum_distance=float(near.min()),
        median_distance=float(np.median(near)),
        maximum_distance=float(near.max()),
        associated_phase_count=len(set(data.group.tolist())),
        used_phase_count=len(set(data.group[rows].tolist())),
        associated_station_count=len(set(data.station)),
        used_station_count=len(stations),
        residual=given(residual).astype(np.float64),
        weight=given(weight).astype(np.float64),
        used=given(used).astype(np.bool_),
        distance=given(distance).astype(np.float64),
        azimuth=given(azimuth).astype(np.float64),
        converged=converged,
        iterations=iterations,
        method=METHOD,
        model=data.table.model,
    )
