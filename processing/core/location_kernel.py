"""The compiled part of the locator: predictions, covariance, least squares, outliers, search.

All functions take an event's readings as arrays in a fixed order, an earth (three travel-time
kernels with their weights) and a place; none knows phases by name, stations by code or why a depth
is held. `location` prepares the arrays and explains the result.

A *row* is one datum: the time (kind 0), back-azimuth (1) or horizontal slowness (2) of a reading;
row ``kind * n + i`` belongs to reading i of n. A *place* is geocentric latitude and longitude
[deg], depth [km] and origin time [s].

Weights act in the data domain: the variance of a doubtful row is inflated, a rejected row is
taken out, and only then is the covariance factorised, so that a bad reading cannot leak into the
whitened residuals of its neighbours.

References
----------
Bondár & McLaughlin (2009), Bull. Seism. Soc. Am. 99, 172-193. doi:10.1785/0120080161 (covariance)
Bondár & Storchak (2011), Geophys. J. Int. 186, 1220-1244. doi:10.1111/j.1365-246X.2011.05107.x
Baarda (1968), A testing procedure for use in geodetic networks, Netherlands Geodetic Commission
(the w-test of single rows).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processing.core.compiling import compiled, compiled_inner
from processing.core.earth_models import mixed_ray
from processing.core.ellipticity import correction_towards
from processing.core.geodesy import EARTH_RADIUS_KM, KM_PER_DEGREE

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

TIME, BACKAZIMUTH, SLOWNESS = 0, 1, 2

CLOCK_S = 1000.0
"""Common error of the readings of a station whose clock is doubted [s]: only S-P is left."""
TUKEY_C = 4.685
MAD_TO_SIGMA = 1.4826
SCATTER_TOLERATED = 1.4
"""How much larger than their errors residuals may scatter before the errors are raised. Ours."""
LARGEST_SCATTER = 5.0
FEWEST_ROWS = 6
"""Of fewer, a gross error or two would raise the errors that it is measured by. Ours."""
PRIOR_ROWS = 4.0
"""The a-priori errors count like so many rows that scatter as they say. Ours."""
LOCAL_DEG, REGIONAL_DEG = 2.5, 18.0
"""Crustal waves, then those of the upper mantle, then teleseismic ones."""
MISSING_COST = 36.0
PROFILE_STEPS, PROFILE_GAIN = 5, 0.01
"""Of a depth's misfit: so many steps at most, and none that gains less of chi-square. Ours."""
"""Cost of a row without prediction: that of a residual of six errors."""
HIDDEN_VARIANCE = 1e8
SEARCH_CAP = 8.0
"""A residual costs no more than this many errors in the search. Ours."""
CONVERGED_KM = 0.005
CONVERGED_S = 0.0005
FARTHEST_STEP_KM = 1500.0
DEEPEST_KM = 700.0


class Readings(NamedTuple):
    """An event's readings; every array of shape (n,), NaN where nothing was measured."""

    x: FloatArray
    """Where the station is on the unit sphere, geocentric: towards longitude 0,"""
    y: FloatArray
    """towards longitude 90,"""
    z: FloatArray
    """and north."""
    elevation_km: FloatArray
    surface_slowness: FloatArray
    """1/v under the station [s/km]."""
    station: IntArray
    """Number of the station; the same number is the same place."""
    time: FloatArray
    """[s], less station correction."""
    reading_sigma: FloatArray
    """Error of the reading itself [s]."""
    model_error: FloatArray
    """What one standard error of the model makes of the predicted time [s]; it is the same error
    at all stations. 0 where nothing is known of it."""
    backazimuth: FloatArray
    """[deg]"""
    backazimuth_sigma: FloatArray
    slowness: FloatArray
    """Horizontal [s/deg]."""
    slowness_sigma: FloatArray
    clock: BoolArray
    """True where only differences of times at the station count."""


class Rules(NamedTuple):
    """What each phase is predicted by and how well; rows are phases."""

    code: IntArray
    """Number of the travel-time phase, -1 without prediction, shape (n_phases,)."""
    fallback: IntArray
    to_deg: FloatArray
    """Ends of the distance bands, rising, shape (n_phases, n_bands)."""
    sigma_s: FloatArray
    """A-priori errors [s]; NaN: the phase does not define there."""
    wave: IntArray
    """0 for what arrives as P, 1 for what arrives as S."""
    figure: IntArray
    """Row of ``ellipticity`` for each phase, -1 for none."""
    ellipticity: FloatArray
    """Coefficients [s]; see `ellipticity.load`."""


class Earth(NamedTuple):
    """Travel-time kernels and how much each counts (`earth_models.Mixture`)."""

    kernels: Any
    weights: FloatArray
    fades: FloatArray


class Predicted(NamedTuple):
    """What is predicted at a place; every array of shape (n,)."""

    distance: FloatArray
    """[deg]"""
    sin_azimuth: FloatArray
    """Event to station."""
    cos_azimuth: FloatArray
    backazimuth: FloatArray
    """Station to event [rad]; NaN where none was read."""
    time: FloatArray
    """Travel time [s]."""
    slope: FloatArray
    """[s/deg]"""
    dt_dh: FloatArray
    """[s/km]"""
    curvature: FloatArray
    """[s/deg^2]"""
    sigma: FloatArray
    """A-priori error of the phase at that distance [s]; NaN where it does not define."""


@compiled
def room(n: int) -> Predicted:
    """Return uninitialised arrays for n predictions."""
    return Predicted(
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
    )


@compiled_inner
def predict_one(
    readings: Readings,
    phase: int,
    rules: Rules,
    earth: Earth,
    depth_km: float,
    sin_phi: float,
    cos_phi: float,
    i: int,
    distance: float,
    cos_azimuth: float,
) -> tuple[float, float, float, float, float]:
    """Return travel time, its slope, dt/dh, curvature and a-priori error of reading i.

    ``distance`` [deg] and azimuth lead from the place, at latitude phi, to the station.
    """
    sigma = np.nan
    for band in range(rules.to_deg.shape[1]):
        if distance <= rules.to_deg[phase, band]:
            sigma = rules.sigma_s[phase, band]
            break
    code = rules.code[phase]
    if code < 0:
        return np.nan, np.nan, np.nan, np.nan, sigma
    t = p = q = c = np.nan
    while code >= 0:
        t, p, q, c = mixed_ray(earth.kernels, earth.weights, earth.fades, code, distance, depth_km)
        if not np.isnan(t) or code == rules.fallback[phase]:
            break
        code = rules.fallback[phase]
    if readings.elevation_km[i] != 0.0:
        # The ray's last leg up to the station: h sqrt(1/v^2 - p^2).
        vertical = readings.surface_slowness[i] ** 2 - (p / KM_PER_DEGREE) ** 2
        t += readings.elevation_km[i] * np.sqrt(max(vertical, 0.0))
    t += correction_towards(
        rules.ellipticity, rules.figure[phase], distance, depth_km, sin_phi, cos_phi, cos_azimuth
    )
    return t, p, q, c, sigma


@compiled_inner
def predict_into(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    place: FloatArray,
    out: Predicted,
) -> None:
    """Fill in what every reading is predicted to be at a place."""
    phi, lam = np.radians(place[0]), np.radians(place[1])
    sin_phi, cos_phi = np.sin(phi), np.cos(phi)
    sin_lam, cos_lam = np.sin(lam), np.cos(lam)
    for i in range(readings.time.size):
        x, y, z = readings.x[i], readings.y[i], readings.z[i]
        outward = x * cos_lam + y * sin_lam
        east = y * cos_lam - x * sin_lam
        north = cos_phi * z - sin_phi * outward
        across = np.sqrt(east * east + north * north)
        distance = np.degrees(np.arctan2(across, sin_phi * z + cos_phi * outward))
        out.distance[i] = distance
        out.sin_azimuth[i] = east / across if across > 0.0 else 0.0
        out.cos_azimuth[i] = north / across if across > 0.0 else 1.0
        out.backazimuth[i] = np.nan
        if not np.isnan(readings.backazimuth[i]):
            out.backazimuth[i] = np.arctan2(
                -cos_phi * east, (x * x + y * y) * sin_phi - z * cos_phi * outward
            )
        t, p, q, c, sigma = predict_one(
            readings, phase[i], rules, earth, place[2], sin_phi, cos_phi, i, distance,
            out.cos_azimuth[i],
        )  # fmt: skip
        out.time[i], out.slope[i], out.dt_dh[i], out.curvature[i] = t, p, q, c
        out.sigma[i] = sigma


@compiled_inner
def residuals_into(
    readings: Readings,
    predicted: Predicted,
    rows: IntArray,
    place: FloatArray,
    residual: FloatArray,
    partial: FloatArray,
) -> int:
    """Fill in residuals and partial derivatives of rows; return how many have no prediction.

    Rows without prediction get zeros. ``partial`` has shape (m, 4): d/d(time [s], east, north,
    down [km]). All of a row is in one unit: s, deg or s/deg (iLoc's azimuth and slowness rows mix
    units, project methods 3.1).
    """
    n = readings.time.size
    per_degree = (EARTH_RADIUS_KM - place[2]) * np.pi / 180.0
    missing = 0
    for k in range(rows.size):
        kind, i = rows[k] // n, rows[k] % n
        sin_az, cos_az = predicted.sin_azimuth[i], predicted.cos_azimuth[i]
        partial[k, 0] = partial[k, 1] = partial[k, 2] = partial[k, 3] = 0.0
        if kind == TIME:
            value = readings.time[i] - place[3] - predicted.time[i]
            if np.isnan(value) or np.isnan(predicted.sigma[i]):
                residual[k] = 0.0
                missing += 1
                continue
            per_km = predicted.slope[i] / per_degree
            residual[k] = value
            partial[k, 0] = 1.0
            partial[k, 1] = -per_km * sin_az
            partial[k, 2] = -per_km * cos_az
            partial[k, 3] = predicted.dt_dh[i]
        elif kind == BACKAZIMUTH:
            value = readings.backazimuth[i] - np.degrees(predicted.backazimuth[i])
            residual[k] = value - 360.0 * np.round(value / 360.0)
            # One kilometre across turns the view by 1 / (r sin delta).
            across = (EARTH_RADIUS_KM - place[2]) * max(
                np.sin(np.radians(predicted.distance[i])), 1e-4
            )
            partial[k, 1] = -np.degrees(cos_az / across)
            partial[k, 2] = np.degrees(sin_az / across)
        else:
            value = readings.slowness[i] - predicted.slope[i]
            if np.isnan(value):
                residual[k] = 0.0
                missing += 1
                continue
            residual[k] = value
            partial[k, 1] = -predicted.curvature[i] / per_degree * sin_az
            partial[k, 2] = -predicted.curvature[i] / per_degree * cos_az
    return missing


@compiled_inner
def variance_of(
    readings: Readings, predicted: Predicted, row: int, shared: FloatArray, spread: FloatArray
) -> float:
    """Return the variance of a row; `HIDDEN_VARIANCE` without a prediction."""
    n = readings.time.size
    kind, i = row // n, row % n
    if kind == BACKAZIMUTH:
        return float(readings.backazimuth_sigma[i] ** 2)
    if kind == SLOWNESS:
        return float(readings.slowness_sigma[i] ** 2)
    if np.isnan(predicted.sigma[i]) or np.isnan(predicted.time[i]):
        return HIDDEN_VARIANCE
    place = readings.station[i]
    variance = spread[i] ** 2 * (
        shared[place, place] + predicted.sigma[i] ** 2 + readings.reading_sigma[i] ** 2
    )
    variance += readings.model_error[i] ** 2
    if readings.clock[i]:
        variance += CLOCK_S**2
    return float(variance)


@compiled_inner
def variances_into(
    readings: Readings,
    predicted: Predicted,
    rows: IntArray,
    shared: FloatArray,
    spread: FloatArray,
    variance: FloatArray,
) -> None:
    """Fill in the variance of each row, shape (m,)."""
    for k in range(rows.size):
        variance[k] = variance_of(readings, predicted, rows[k], shared, spread)


@compiled_inner
def covariance_into(
    readings: Readings,
    phase: IntArray,
    predicted: Predicted,
    shared: FloatArray,
    spread: FloatArray,
    rows: IntArray,
    matrix: FloatArray,
) -> None:
    """Fill in the covariance of rows, shape (m, m).

    ``shared`` (n_stations, n_stations) is what the variogram leaves in common to two stations
    [s^2]: C_ij = sill - gamma(h_ij) for the same phase, plus the error of the phase on the
    diagonal, which two readings of one phase at one station share as well. ``spread`` (n,)
    multiplies the errors of readings; the model's error is common to all times.
    """
    n = readings.time.size
    for k in range(rows.size):
        kind, i = rows[k] // n, rows[k] % n
        matrix[k, k] = variance_of(readings, predicted, rows[k], shared, spread)
        for j in range(k):
            matrix[k, j] = 0.0
        if kind != TIME or matrix[k, k] >= HIDDEN_VARIANCE:
            continue
        place = readings.station[i]
        for j in range(k):
            if rows[j] // n != TIME or matrix[j, j] >= HIDDEN_VARIANCE:
                continue
            other = rows[j] % n
            there = readings.station[other]
            value = 0.0
            if phase[i] == phase[other]:
                value = shared[place, there]
                if place == there:
                    value += predicted.sigma[i] * predicted.sigma[other]
                value *= spread[i] * spread[other]
            value += readings.model_error[i] * readings.model_error[other]
            if place == there and readings.clock[i]:
                value += CLOCK_S**2
            matrix[k, j] = value
    for k in range(rows.size):
        for j in range(k):
            matrix[j, k] = matrix[k, j]


@compiled_inner
def factorise(matrix: FloatArray) -> None:
    """Turn a covariance into its Cholesky factor, in its lower triangle.

    The variogram ends abruptly at 1,000 km, so the matrix may fail to be positive; then a row that
    the others seem to determine keeps a ten-thousandth of its own variance.
    """
    m = matrix.shape[0]
    for k in range(m):
        floor = 1e-4 * matrix[k, k]
        for j in range(k + 1):
            total = matrix[k, j]
            for i in range(j):
                total -= matrix[k, i] * matrix[j, i]
            if j < k:
                matrix[k, j] = total / matrix[j, j]
            else:
                matrix[k, k] = np.sqrt(max(total, floor))


@compiled_inner
def whiten(factor: FloatArray, residual: FloatArray, partial: FloatArray) -> None:
    """Solve L x = residual and L X = partial in place."""
    m, columns = partial.shape
    for k in range(m):
        for j in range(k):
            f = factor[k, j]
            if f != 0.0:
                residual[k] -= f * residual[j]
                for c in range(columns):
                    partial[k, c] -= f * partial[j, c]
        inverse = 1.0 / factor[k, k]
        residual[k] *= inverse
        for c in range(columns):
            partial[k, c] *= inverse


@compiled
def normal_equations(
    residual: FloatArray, partial: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Return G'G, G'r and r'r of whitened rows."""
    columns = partial.shape[1]
    normal = np.zeros((columns, columns))
    right = np.zeros(columns)
    cost = 0.0
    for k in range(residual.size):
        r = residual[k]
        cost += r * r
        for a in range(columns):
            right[a] += partial[k, a] * r
            for b in range(a + 1):
                normal[a, b] += partial[k, a] * partial[k, b]
    for a in range(columns):
        for b in range(a):
            normal[b, a] = normal[a, b]
    return normal, right, cost


@compiled
def solve_damped(normal: FloatArray, right: FloatArray, damping: float, count: int) -> FloatArray:
    """Solve the first ``count`` equations with Marquardt's damping, columns scaled to one."""
    result = np.zeros(4)
    scale = np.empty(count)
    for a in range(count):
        scale[a] = 1.0 / np.sqrt(normal[a, a]) if normal[a, a] > 1e-18 else 0.0
    matrix = np.empty((count, count))
    for a in range(count):
        for b in range(count):
            matrix[a, b] = normal[a, b] * scale[a] * scale[b]
        matrix[a, a] = 1.0 + damping
    for k in range(count):  # Cholesky
        for j in range(k + 1):
            total = matrix[k, j]
            for i in range(j):
                total -= matrix[k, i] * matrix[j, i]
            if j < k:
                matrix[k, j] = total / matrix[j, j]
            else:
                matrix[k, k] = np.sqrt(max(total, 1e-12))
    for k in range(count):
        total = right[k] * scale[k]
        for j in range(k):
            total -= matrix[k, j] * result[j]
        result[k] = total / matrix[k, k]
    for k in range(count - 1, -1, -1):
        total = result[k]
        for j in range(k + 1, count):
            total -= matrix[j, k] * result[j]
        result[k] = total / matrix[k, k]
    for k in range(count):
        result[k] *= scale[k]
    return result


@compiled
def moved(place: FloatArray, step: FloatArray) -> FloatArray:
    """Return the place after a step of time [s], east, north, down [km]; depth kept in range."""
    result = np.empty(4)
    radius = EARTH_RADIUS_KM - place[2]
    length = np.sqrt(step[1] ** 2 + step[2] ** 2) / radius
    azimuth = np.arctan2(step[1], step[2])
    phi = np.radians(place[0])
    sin_phi = np.sin(phi) * np.cos(length) + np.cos(phi) * np.sin(length) * np.cos(azimuth)
    sin_phi = min(max(sin_phi, -1.0), 1.0)
    turn = np.arctan2(
        np.sin(azimuth) * np.sin(length) * np.cos(phi), np.cos(length) - np.sin(phi) * sin_phi
    )
    result[0] = np.degrees(np.arcsin(sin_phi))
    result[1] = (place[1] + np.degrees(turn) + 180.0) % 360.0 - 180.0
    result[2] = min(max(place[2] + step[3], 0.0), DEEPEST_KM)
    result[3] = place[3] + step[0]
    return result


@compiled_inner
def linearise(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    shared: FloatArray,
    spread: FloatArray,
    rows: IntArray,
    place: FloatArray,
    predicted: Predicted,
    residual: FloatArray,
    partial: FloatArray,
    covariance: FloatArray,
    with_covariance: bool,
) -> int:
    """Fill in predictions (n,), residuals (m,), partials (m, 4), covariance (m, m) at a place."""
    predict_into(readings, phase, rules, earth, place, predicted)
    missing = residuals_into(readings, predicted, rows, place, residual, partial)
    if with_covariance:
        covariance_into(readings, phase, predicted, shared, spread, rows, covariance)
    return missing


@compiled
def refine(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    shared: FloatArray,
    spread: FloatArray,
    rows: IntArray,
    inflation: FloatArray,
    start: FloatArray,
    free_depth: bool,
    most: int,
) -> tuple[FloatArray, float, int, bool]:
    """Return the least-squares place near a start, its cost, iterations, and whether it settled.

    Levenberg-Marquardt on whitened rows. ``inflation`` (m,) is added to the rows' variances. Where
    the depth would leave the ground, it stays at the surface and the rest is solved again. The
    covariance is that of the place where a round begins; where errors or branches change on the
    way, another round follows.
    """
    m = rows.size
    columns = 4 if free_depth else 3
    place = start.copy()
    if m < columns:
        return place, np.inf, 0, False
    predicted = room(readings.time.size)
    residual, partial = np.empty(m), np.empty((m, 4))
    factor = np.empty((m, m))
    hidden, unhidden = np.zeros(m), np.zeros(m)
    normal, right = np.zeros((4, 4)), np.zeros(4)
    total = 0
    cost = np.inf
    settled = False
    for _ in range(4):
        damping = 1e-6
        step = np.zeros(4)
        opening = True
        settled = False
        while total < most:
            trial = place if opening else moved(place, step)
            missing = linearise(
                readings, phase, rules, earth, shared, spread, rows, trial, predicted, residual,
                partial, factor, opening,
            )  # fmt: skip
            if opening:
                for k in range(m):
                    hidden[k] = factor[k, k]
                    factor[k, k] += inflation[k]
                factorise(factor)
            whiten(factor, residual, partial)
            new_normal, new_right, new_cost = normal_equations(residual, partial)
            new_cost += MISSING_COST * missing
            if opening or new_cost <= cost * (1.0 + 1e-12) + 1e-12:
                gain = cost - new_cost
                place, cost, normal, right = trial, new_cost, new_normal, new_right
                if not opening:
                    total += 1
                    damping = max(damping / 10.0, 1e-9)
                    far = max(abs(step[1]), abs(step[2]), abs(step[3]))
                    near = far < CONVERGED_KM and abs(step[0]) < CONVERGED_S
                    if near or gain < 1e-9 * (1.0 + cost):
                        settled = True
                        break
                opening = False
            else:
                damping *= 10.0
                if damping > 1e9:
                    # No smaller cost in any direction: a minimum, as sharp as a change of branch
                    # allows.
                    settled = True
                    break
            step = solve_damped(normal, right, damping, columns)
            below = place[2] + step[3]
            if free_depth and (below < 0.0 or below > DEEPEST_KM):
                down = (0.0 if below < 0.0 else DEEPEST_KM) - place[2]
                step = solve_damped(normal, right - normal[:, 3] * down, damping, 3)
                step[3] = down
            reach = np.sqrt(step[1] ** 2 + step[2] ** 2)
            if reach > FARTHEST_STEP_KM:
                step *= FARTHEST_STEP_KM / reach
        # Do errors and branches at the end match the matrix it was found with?
        variances_into(readings, predicted, rows, shared, spread, unhidden)
        if total >= most or np.abs(hidden - unhidden).max() < 1e-9:
            break
    return place, cost, total, settled


@compiled
def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """Return the weighted median of finite values; NaN if there is none."""
    order = np.argsort(values)  # NaN sorts last
    total = 0.0
    for k in range(values.size):
        if not np.isnan(values[k]):
            total += weights[k]
    running = 0.0
    for k in order:
        if np.isnan(values[k]):
            break
        running += weights[k]
        if running >= 0.5 * total:
            return float(values[k])
    return np.nan


@compiled
def robust_misfit(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    rows: IntArray,
    share: FloatArray,
    place: FloatArray,
    predicted: Predicted,
) -> tuple[float, float]:
    """Return the mean capped misfit of rows at a place, in their errors, and the origin time.

    The origin time is the weighted median of what the readings say; ``share`` (n,) divides the
    weight of one among the readings of the same phase at the same station.
    """
    n = readings.time.size
    predict_into(readings, phase, rules, earth, place, predicted)
    origin, weight = np.full(rows.size, np.nan), np.zeros(rows.size)
    for k in range(rows.size):
        i = rows[k] % n
        if rows[k] // n == TIME and not readings.clock[i] and not np.isnan(predicted.sigma[i]):
            origin[k] = readings.time[i] - predicted.time[i]
            weight[k] = share[i] / np.sqrt(predicted.sigma[i] ** 2 + 0.6)
    best = weighted_median(origin, weight)
    total = 0.0
    count = 0.0
    for k in range(rows.size):
        kind, i = rows[k] // n, rows[k] % n
        size = SEARCH_CAP
        if kind == TIME:
            if not np.isnan(origin[k]) and not np.isnan(best):
                size = abs(origin[k] - best) * weight[k] / share[i]
            elif readings.clock[i]:
                size = 0.0
        elif kind == BACKAZIMUTH:
            value = readings.backazimuth[i] - np.degrees(predicted.backazimuth[i])
            value -= 360.0 * np.round(value / 360.0)
            size = abs(value) / readings.backazimuth_sigma[i]
        elif not np.isnan(predicted.slope[i]):
            size = abs(readings.slowness[i] - predicted.slope[i]) / readings.slowness_sigma[i]
        total += share[i] * min(size, SEARCH_CAP)
        count += share[i]
    return total / max(count, 1e-9), best


@compiled
def search(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    rows: IntArray,
    share: FloatArray,
    places: FloatArray,
    depths: FloatArray,
    keep: int,
    finest_deg: float,
) -> tuple[FloatArray, FloatArray]:
    """Return the best places, shape (<= keep, 4), and their misfits: coarse places, then patterns.

    ``places`` (k, 2) are geocentric latitude and longitude to begin with, ``depths`` (d,) the
    depths tried for the best of them. From each kept place a ring of eight is tried at a radius
    that halves whenever nothing on it is better; places that have run into another are dropped.
    """
    predicted = room(readings.time.size)
    count = places.shape[0]
    trial = np.empty((count, 4))
    cost = np.empty(count)
    for k in range(count):
        trial[k, 0], trial[k, 1], trial[k, 2], trial[k, 3] = places[k, 0], places[k, 1], 0.0, 0.0
        trial[k, 2] = depths[0]
        cost[k], trial[k, 3] = robust_misfit(
            readings, phase, rules, earth, rows, share, trial[k], predicted
        )
    order = np.argsort(cost)
    kept = np.empty((keep, 4))
    misfit = np.empty(keep)
    radius = np.empty(keep)
    held = 0
    for k in order:
        if held == keep:
            break
        new = True
        for j in range(held):
            if apart_deg(trial[k], kept[j]) < 0.3:
                new = False
        if new:
            kept[held] = trial[k]
            misfit[held] = cost[k]
            held += 1
    for j in range(held):
        for d in range(1, depths.size):
            other = kept[j].copy()
            other[2] = depths[d]
            value, other[3] = robust_misfit(
                readings, phase, rules, earth, rows, share, other, predicted
            )
            if value < misfit[j]:
                kept[j] = other
                misfit[j] = value
        # As far as to the next place tried.
        nearest = 20.0
        for k in range(count):
            gap = apart_deg(trial[k], kept[j])
            if gap > 0.05 and gap < nearest:
                nearest = gap
        radius[j] = max(0.7 * nearest, 2.0 * finest_deg)
    step = np.zeros(4)
    level = 0
    while held > 0:
        busy = False
        for j in range(held):
            if radius[j] < finest_deg:
                continue
            busy = True
            best = kept[j]
            value = misfit[j]
            km = radius[j] * (EARTH_RADIUS_KM - kept[j, 2]) * np.pi / 180.0
            for turn in range(8):
                azimuth = 0.25 * np.pi * turn
                step[1], step[2] = km * np.sin(azimuth), km * np.cos(azimuth)
                other = moved(kept[j], step)
                size, other[3] = robust_misfit(
                    readings, phase, rules, earth, rows, share, other, predicted
                )
                if size < value:
                    best, value = other, size
            if value < misfit[j]:
                kept[j] = best
                misfit[j] = value
            else:
                radius[j] *= 0.5
        level += 1
        if level % 3 == 0:
            # The worse half goes, and what has run into a better one.
            order = np.argsort(misfit[:held])
            target = max(3, held // 2)
            sorted_places, sorted_misfit = kept[order].copy(), misfit[order].copy()
            sorted_radius = radius[order].copy()
            left = 0
            for k in range(held):
                if left == target:
                    break
                new = True
                for j in range(left):
                    if apart_deg(sorted_places[k], kept[j]) < max(radius[j], finest_deg):
                        new = False
                if new:
                    kept[left] = sorted_places[k]
                    misfit[left] = sorted_misfit[k]
                    radius[left] = sorted_radius[k]
                    left += 1
            held = left
        if not busy or level > 60:
            break
    order = np.argsort(misfit[:held])
    return kept[:held][order], misfit[:held][order]


@compiled_inner
def apart_deg(one: FloatArray, other: FloatArray) -> float:
    """Return the great-circle distance of two places [deg]."""
    a, b = np.radians(one[0]), np.radians(other[0])
    turn = np.radians(other[1] - one[1])
    half = np.sin(0.5 * (b - a)) ** 2 + np.cos(a) * np.cos(b) * np.sin(0.5 * turn) ** 2
    return float(2.0 * np.degrees(np.arcsin(np.sqrt(min(half, 1.0)))))


@compiled
def deviations(
    covariance: FloatArray,
    residual: FloatArray,
    partial: FloatArray,
    active: BoolArray,
    columns: int,
) -> FloatArray:
    """Return how far each row deviates from what the others say, in its error (Baarda's w).

    For an active row: its least-squares residual against the rest of the active rows; for another:
    its residual at the solution, with the solution's own error. NaN where nothing can be said (a
    row without prediction, or one that alone fixes a parameter). Shape (m,).
    """
    m = residual.size
    used = np.flatnonzero(active)
    a = used.size
    factor = np.empty((a, a))
    for x in range(a):
        for y in range(a):
            factor[x, y] = covariance[used[x], used[y]]
    factorise(factor)
    # Inverse of the factor, then of the covariance.
    inverse = np.zeros((a, a))
    for column in range(a):
        inverse[column, column] = 1.0 / factor[column, column]
        for x in range(column + 1, a):
            total = 0.0
            for y in range(column, x):
                total -= factor[x, y] * inverse[y, column]
            inverse[x, column] = total / factor[x, x]
    weight = inverse.T @ inverse
    design = np.empty((a, columns))
    given = np.empty(a)
    for x in range(a):
        given[x] = residual[used[x]]
        for c in range(columns):
            design[x, c] = partial[used[x], c]
    weighted = weight @ design
    normal = design.T @ weighted
    scale = np.empty(columns)
    for c in range(columns):
        scale[c] = 1.0 / np.sqrt(normal[c, c]) if normal[c, c] > 1e-18 else 0.0
    for c in range(columns):
        for d in range(columns):
            normal[c, d] *= scale[c] * scale[d]
        if normal[c, c] <= 0.0:
            normal[c, c] = 1.0
        normal[c, c] += 1e-10
    spread = np.empty((columns, columns))
    unit = np.zeros(4)
    for c in range(columns):
        unit[:] = 0.0
        unit[c] = 1.0
        solved = solve_damped(normal, unit, 0.0, columns)
        for d in range(columns):
            spread[d, c] = solved[d] * scale[c] * scale[d]
    pull = weight @ given
    # The start may be a hair off the minimum: what is left of the gradient is taken out.
    correction = spread @ (design.T @ pull)
    pull -= weighted @ correction
    result = np.full(m, np.nan)
    for x in range(a):
        own = weight[x, x]
        for c in range(columns):
            for d in range(columns):
                own -= weighted[x, c] * spread[c, d] * weighted[x, d]
        # A row of which less than a thousandth is checked by others says nothing of itself.
        if own > 1e-3 * weight[x, x] and covariance[used[x], used[x]] < HIDDEN_VARIANCE:
            result[used[x]] = pull[x] / np.sqrt(own)
    for k in range(m):
        if active[k] or covariance[k, k] >= HIDDEN_VARIANCE:
            continue
        variance = covariance[k, k]
        value = residual[k]
        row = partial[k, :columns].copy()
        for c in range(columns):
            value -= row[c] * correction[c]
        for x in range(a):
            link = covariance[k, used[x]]
            if link != 0.0:
                value -= link * pull[x]
                for c in range(columns):
                    row[c] -= link * weighted[x, c]
        for x in range(a):
            link = covariance[k, used[x]]
            if link != 0.0:
                for y in range(a):
                    variance -= link * weight[x, y] * covariance[k, used[y]]
        for c in range(columns):
            for d in range(columns):
                variance += row[c] * spread[c, d] * row[d]
        result[k] = value / np.sqrt(max(variance, 1e-6))
    return result


@compiled
def scatter_into(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    predicted: Predicted,
    rows: IntArray,
    residual: FloatArray,
    covariance: FloatArray,
    spread: FloatArray,
) -> None:
    """Fill in by how much the residuals of times scatter more than their errors, shape (n,).

    The a-priori errors hold for a model that fits; where one does not, it fails by distance and
    wave, so each of six classes (P and S; local, regional, teleseismic) has its own factor, from
    the median absolute residual of its rows, 1 for a class of few. ``spread`` holds the factors
    that ``covariance`` was made with.
    """
    n = readings.time.size
    size = np.empty(rows.size)
    for group in range(6):
        count = 0
        for k in range(rows.size):
            i = rows[k] % n
            # Times whose clock is doubted have an error of CLOCK_S and would hide the others.
            if rows[k] // n != TIME or readings.clock[i] or covariance[k, k] >= HIDDEN_VARIANCE:
                continue
            if _class_of(rules.wave[phase[i]], predicted.distance[i]) == group:
                size[count] = abs(residual[k]) * spread[i] / np.sqrt(covariance[k, k])
                count += 1
        factor = 1.0
        if count >= FEWEST_ROWS:
            found = MAD_TO_SIGMA * weighted_median(size[:count], np.ones(count))
            found = np.sqrt((count * found**2 + PRIOR_ROWS) / (count + PRIOR_ROWS))
            if found > SCATTER_TOLERATED:
                # No jump: from tolerated to twice the excess, then what is found.
                factor = min(found, 1.0 + 2.0 * (found - SCATTER_TOLERATED), LARGEST_SCATTER)
        for i in range(n):
            if _class_of(rules.wave[phase[i]], predicted.distance[i]) == group:
                spread[i] = max(factor, 1.0)


@compiled_inner
def _class_of(wave: int, distance: float) -> int:
    near = 0 if distance < LOCAL_DEG else 1 if distance < REGIONAL_DEG else 2
    return 3 * wave + near


@compiled_inner
def plausible_chi2(freedom: int) -> float:
    """Return about the chi-square that one event in twenty exceeds (Wilson & Hilferty 1931)."""
    nu = max(freedom, 1)
    part = 2.0 / (9.0 * nu)
    return float(nu * (1.0 - part + 1.645 * np.sqrt(part)) ** 3)


PLAIN, WEIGHING, CHOOSING = 0, 1, 2
WEIGHINGS = 14
L1_WEIGHINGS = 4
RAISINGS = 10


@compiled
def settle(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    shared: FloatArray,
    rows: IntArray,
    start: FloatArray,
    free_depth: bool,
    limit: float,
    fewest: int,
) -> tuple[FloatArray, BoolArray, FloatArray, float, float, FloatArray, int, bool]:
    """Return the place that the bulk of the rows agrees on, and which rows those are.

    Plain least squares first: where no row deviates and chi-square is plausible, that is all. Else
    reweighting, L1, then Tukey's biweight, from the start. Then single rows are tested
    (``deviations``) and taken out or let in one by one, until every row in use deviates by less
    than ``limit`` errors and no other does: a minimum of

        J = chi^2 of the rows used + limit^2 for each row left out.

    Returns
    -------
    tuple
        place (4,); active (m,); deviation (m,) in errors; chi^2; J; spread (n,), by which the
        readings' errors were multiplied; iterations; converged.
    """
    m = rows.size
    columns = 4 if free_depth else 3
    place = start.copy()
    predicted = room(readings.time.size)
    residual, partial = np.empty(m), np.empty((m, 4))
    covariance = np.empty((m, m))
    inflation, before, sizes = np.zeros(m), np.ones(m), np.empty(m)
    active = np.ones(m, np.bool_)
    deviation = np.full(m, np.nan)
    seen = np.zeros(96, np.int64)
    spread = np.ones(readings.time.size)
    chi2 = np.inf
    total = 0
    converged = False
    mode = PLAIN
    turn = raised = 0
    for step in range(96):
        used = np.flatnonzero(active)
        place, chi2, count, converged = refine(
            readings, phase, rules, earth, shared, spread, rows[used], inflation[used], place,
            free_depth, 3 if mode == WEIGHING else 40,
        )  # fmt: skip
        total += count
        linearise(
            readings, phase, rules, earth, shared, spread, rows, place, predicted, residual,
            partial, covariance, True,
        )  # fmt: skip
        if mode != WEIGHING:
            lost = False
            for k in range(m):
                if active[k] and covariance[k, k] >= HIDDEN_VARIANCE:
                    active[k] = False
                    lost = True
            if lost and active.sum() >= columns:
                continue
            if active.sum() >= columns:
                deviation = deviations(covariance, residual, partial, active, columns)
            else:
                # Nothing predicts these readings here.
                chi2 = np.inf
                if mode == CHOOSING:
                    break
        if mode == PLAIN:
            largest = 0.0 if chi2 < np.inf else np.inf
            for k in range(m):
                if np.isnan(deviation[k]) and covariance[k, k] < HIDDEN_VARIANCE:
                    continue
                largest = max(largest, abs(deviation[k]))
            if largest <= limit and chi2 <= plausible_chi2(used.size - columns):
                break
            # Back to the start: least squares may have been led away.
            mode = WEIGHING
            place = start.copy()
            active[:] = True
            linearise(
                readings, phase, rules, earth, shared, spread, rows, place, predicted, residual,
                partial, covariance, True,
            )  # fmt: skip
        if mode == WEIGHING:
            scatter_into(readings, phase, rules, predicted, rows, residual, covariance, spread)
            covariance_into(readings, phase, predicted, shared, spread, rows, covariance)
        for k in range(m):
            sizes[k] = abs(residual[k]) / np.sqrt(covariance[k, k])
        if mode == WEIGHING:
            change = 0.0
            for k in range(m):
                if turn < L1_WEIGHINGS:
                    weight = min(1.0, 1.0 / max(sizes[k], 1e-9))
                else:
                    u = sizes[k] / TUKEY_C
                    weight = max((1.0 - u * u) ** 2, 1e-4) if u < 1.0 else 1e-4
                inflation[k] = covariance[k, k] * (1.0 / weight - 1.0)
                change = max(change, abs(weight - before[k]))
                before[k] = weight
            turn += 1
            if turn < WEIGHINGS and (change > 0.02 or turn < L1_WEIGHINGS + 2):
                continue
            # From weights to a choice.
            mode = CHOOSING
            inflation[:] = 0.0
            for k in range(m):
                if covariance[k, k] >= HIDDEN_VARIANCE:
                    sizes[k] = np.inf
                active[k] = sizes[k] <= limit
            if active.sum() < fewest:
                for best_row in np.argsort(sizes)[:fewest]:
                    active[best_row] = sizes[best_row] < np.inf
            continue
        if spread.max() > 1.0:
            # Where errors had to be raised, their correlations are not known either: a reading is
            # judged by its own residual, not by what its neighbours make of it.
            for k in range(m):
                hidden = covariance[k, k] >= HIDDEN_VARIANCE
                deviation[k] = np.nan if hidden else residual[k] / np.sqrt(covariance[k, k])
        worst, best = 0.0, np.inf
        for k in range(m):
            if np.isnan(deviation[k]):
                continue
            if active[k]:
                worst = max(worst, abs(deviation[k]))
            else:
                best = min(best, abs(deviation[k]))
        # Long bulletins lose and win back several together, short ones one at a time.
        several = used.size >= 40 or spread.max() > 1.0
        if worst > limit and active.sum() > fewest:
            threshold = max(limit, 0.5 * worst) if several else worst
            for k in range(m):
                if active[k] and abs(deviation[k]) >= threshold and active.sum() > fewest:
                    active[k] = False
                    if not several:
                        break
        elif best < 0.95 * limit:
            threshold = max(best, 0.7 * limit) if several else best
            for k in range(m):
                if not active[k] and abs(deviation[k]) <= threshold:
                    active[k] = True
                    if not several:
                        break
        elif raised < RAISINGS:
            # The choice stands: do the errors it was made with?
            raised += 1
            before_raising = spread.copy()
            scatter_into(readings, phase, rules, predicted, rows, residual, covariance, spread)
            if np.abs(spread / before_raising - 1.0).max() < 0.02:
                break
            seen[:] = 0
        else:
            break
        mark = raised
        for k in range(m):
            if active[k]:
                mark = (mark * 31 + k + 1) % 1_000_000_007
        again = False
        for k in range(step):
            again = again or seen[k] == mark
        seen[step] = mark
        if again:
            break
    # Raised errors are paid for, as in a likelihood.
    paid = 0.0
    for k in range(m):
        if active[k] and rows[k] // readings.time.size == TIME:
            paid += 2.0 * np.log(spread[rows[k] % readings.time.size])
    objective = chi2 + limit * limit * (m - active.sum()) + paid
    return place, active, deviation, chi2, objective, spread, total, converged


@compiled
def choose_subset(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    shared: FloatArray,
    spread: FloatArray,
    rows: IntArray,
    start: FloatArray,
    free_depth: bool,
    limit: float,
    fewest: int,
    most_out: int,
) -> tuple[FloatArray, BoolArray, float, float]:
    """Return the best choice of rows by trying all: place, active (m,), J, and the runner-up's J.

    Few rows can be led astray together, so with few of them every way of leaving up to
    ``most_out`` rows out is tried.
    """
    m = rows.size
    best_place, best_active = start.copy(), np.ones(m, np.bool_)
    best, second = np.inf, np.inf
    out = np.empty(3, np.int64)
    for count in range(most_out + 1):
        if m - count < fewest:
            break
        for x in range(count):
            out[x] = x
        while True:
            active = np.ones(m, np.bool_)
            for x in range(count):
                active[out[x]] = False
            chosen = rows[active]
            place, chi2, _, _ = refine(
                readings, phase, rules, earth, shared, spread, chosen, np.zeros(chosen.size), start,
                free_depth, 12,
            )  # fmt: skip
            value = chi2 + limit * limit * count
            if value < best:
                second, best = best, value
                best_place, best_active = place, active
            elif value < second:
                second = value
            # The next combination.
            x = count - 1
            while x >= 0 and out[x] == m - count + x:
                x -= 1
            if x < 0:
                break
            out[x] += 1
            for y in range(x + 1, count):
                out[y] = out[y - 1] + 1
    return best_place, best_active, best, second


@compiled
def profile(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    shared: FloatArray,
    spread: FloatArray,
    rows: IntArray,
    start: FloatArray,
    depths: FloatArray,
    limit: float,
) -> tuple[FloatArray, FloatArray]:
    """Return places held at each depth, shape (d, 4), and their robust cost (d,).

    One weighted step of time and epicentre from the start to each depth. The cost is the squared,
    capped deviation of the rows: a depth at which one phase does not fit is not ruled out by that
    phase alone.
    """
    m = rows.size
    predicted = room(readings.time.size)
    residual, partial = np.empty(m), np.empty((m, 4))
    variance = np.empty(m)
    unused = np.empty((0, 0))
    places = np.empty((depths.size, 4))
    costs = np.empty(depths.size)
    for d in range(depths.size):
        place = start.copy()
        place[2] = depths[d]
        for turn in range(2):
            linearise(
                readings, phase, rules, earth, shared, spread, rows, place, predicted, residual,
                partial, unused, False,
            )  # fmt: skip
            variances_into(readings, predicted, rows, shared, spread, variance)
            costs[d] = 0.0
            for k in range(m):
                size = residual[k] ** 2 / variance[k]
                if variance[k] >= HIDDEN_VARIANCE:
                    size = limit * limit
                costs[d] += min(size, limit * limit)
                # L1: a gross error pulls no more than one of one sigma.
                weight = 1.0 / np.sqrt(variance[k] * max(1.0, np.sqrt(size)))
                residual[k] *= weight
                for c in range(4):
                    partial[k, c] *= weight
            if turn < 1:
                normal, right, _ = normal_equations(residual, partial)
                place = moved(place, solve_damped(normal, right, 1e-6, 3))
        places[d] = place
    return places, costs


@compiled
def depth_profile(
    readings: Readings,
    phase: IntArray,
    rules: Rules,
    earth: Earth,
    shared: FloatArray,
    spread: FloatArray,
    rows: IntArray,
    place: FloatArray,
    depths: FloatArray,
) -> FloatArray:
    """Return chi-square of rows at each depth with its best time and epicentre, shape (d,).

    Errors are those at the place, and a few steps lead from it to the best epicentre.
    """
    m = rows.size
    predicted = room(readings.time.size)
    residual, partial = np.empty(m), np.empty((m, 4))
    factor = np.empty((m, m))
    linearise(
        readings, phase, rules, earth, shared, spread, rows, place, predicted, residual, partial,
        factor, True,
    )  # fmt: skip
    factorise(factor)
    costs = np.empty(depths.size)
    for d in range(depths.size):
        trial = place.copy()
        trial[2] = depths[d]
        step = np.zeros(4)
        costs[d] = np.inf
        for _ in range(PROFILE_STEPS):
            ahead = moved(trial, step)
            missing = linearise(
                readings, phase, rules, earth, shared, spread, rows, ahead, predicted, residual,
                partial, factor, False,
            )  # fmt: skip
            whiten(factor, residual, partial)
            normal, right, cost = normal_equations(residual, partial)
            cost += MISSING_COST * missing
            if cost >= costs[d]:
                break
            gain = costs[d] - cost
            trial, costs[d] = ahead, cost
            if gain < PROFILE_GAIN:
                break
            step = solve_damped(normal, right, 1e-6, 3)
            reach = np.sqrt(step[1] ** 2 + step[2] ** 2)
            if reach > FARTHEST_STEP_KM:
                step *= FARTHEST_STEP_KM / reach
    return costs


@compiled
def information(
    covariance: FloatArray, partial: FloatArray, active: BoolArray, columns: int
) -> FloatArray:
    """Return G' C^-1 G of active rows: the inverse of the solution's a-priori covariance."""
    used = np.flatnonzero(active)
    factor = np.empty((used.size, used.size))
    for x in range(used.size):
        for y in range(used.size):
            factor[x, y] = covariance[used[x], used[y]]
    design = partial[used]
    residual = np.zeros(used.size)
    factorise(factor)
    whiten(factor, residual, design)
    normal, _, _ = normal_equations(residual, design)
    return normal[:columns, :columns].copy()


@compiled_inner
def effective_data(covariance: FloatArray, active: BoolArray) -> float:
    """Return how many independent rows the active ones are worth: n^2 over the sum of r_ij^2."""
    count, total = 0, 0.0
    for i in range(active.size):
        if not active[i]:
            continue
        count += 1
        for j in range(active.size):
            if active[j]:
                total += covariance[i, j] ** 2 / (covariance[i, i] * covariance[j, j])
    return count**2 / total
