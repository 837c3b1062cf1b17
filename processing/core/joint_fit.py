"""Tell whether the readings of two reports come from one place, or from two.

Each report is located from its own readings. Then all of them are explained twice: by one place for
both, and by a place for each. The second has three unknowns more and always fits better; by how
much decides. Time and epicentre are free, the depth is one for all. Readings, phases and errors are
those that the reports' own solutions settled on, so none can be left out to make a bad fit good.
The errors of both networks' travel times are correlated as the locator has them.

References
----------
Jordan & Sverdrup (1981), Bull. Seism. Soc. Am. 71, 1105-1130, for the errors; the comparison of
nested least-squares fits by F: Draper & Smith (1998), Applied Regression Analysis, section 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from processing.core import geodesy, location
from processing.core import location_kernel as kernel
from processing.core.earth_models import OwnModel
from processing.core.location_kernel import BoolArray, FloatArray
from processing.core.location_problem import (
    REGIONAL,
    ArrivalObservation,
    Hypocentre,
    LocationError,
    Work,
    earth_at,
    linear,
    prepare,
)

METHOD = "joint-fit-2026.1"
"""Names this comparison where its results are kept; a change of any rule below changes it."""
UNKNOWNS = 3
"""Of one place: origin time, east, north."""
HEAVY_TAIL = 4.0
"""Degrees of freedom of the Student distribution of the difference of two places: velocity models
are wrong more often than their errors say. Ours."""
STEPS = 8
CONVERGED_KM = 0.01


@dataclass(frozen=True)
class Alone:
    """A report located from its own readings."""

    arrivals: tuple[ArrivalObservation, ...]
    """Those in use, under the phases they were used as."""
    spread: tuple[float, ...]
    """What each one's error was multiplied by."""
    place: tuple[float, float, float, float]
    """Geocentric latitude, longitude [deg], depth [km], time [s]."""
    depth_error_km: float | None
    """None where the depth was held."""


@dataclass(frozen=True)
class JointFit:
    """One place for two reports against a place for each."""

    increase: float
    """Of chi-square by having one place."""
    freedom: int
    """Data less unknowns of the two places."""
    chi_square: float
    """Of the two places."""
    log_volume: float
    """ln sqrt det of the covariance of the places' difference: time [s], east, north [km]."""

    @property
    def level(self) -> float:
        """The probability of so large an increase for one event: F(3, freedom).

        Errors are taken as stated, or as large as the residuals show if that is more.
        """
        if self.freedom < 1:
            return float(special.chdtrc(UNKNOWNS, self.increase))
        scale = max(1.0, self.chi_square / self.freedom)
        return float(special.fdtrc(UNKNOWNS, self.freedom, self.increase / UNKNOWNS / scale))

    @property
    def log_density(self) -> float:
        """Return ln p of the difference of the places in one event [1/(s km^2)]: Student's t."""
        nu, n = HEAVY_TAIL, float(UNKNOWNS)
        scale = 1.0 if self.freedom < 1 else max(1.0, self.chi_square / self.freedom)
        return (
            math.lgamma(0.5 * (nu + n))
            - math.lgamma(0.5 * nu)
            - 0.5 * n * math.log(nu * math.pi * scale)
            - self.log_volume
            - 0.5 * (nu + n) * math.log1p(self.increase / (nu * scale))
        )


def alone(
    arrivals: Sequence[ArrivalObservation],
    start: Hypocentre,
    model: str = REGIONAL,
    own: Sequence[OwnModel] = (),
) -> Alone:
    """Locate one report from its readings.

    Raises
    ------
    LocationError
        Where they do not suffice: see `location.locate`.
    """
    solution = location.locate(arrivals, model, [start], own=own)
    used, spread = [], []
    for k, arrival in enumerate(arrivals):
        azimuth, slowness = bool(solution.backazimuth_used[k]), bool(solution.slowness_used[k])
        if not (solution.used[k] or azimuth):
            continue
        used.append(
            replace(
                arrival,
                phase=solution.phase[k],
                name_held=True,
                off=not solution.used[k],
                backazimuth=arrival.backazimuth if azimuth else None,
                slowness=arrival.slowness if slowness else None,
            )
        )
        spread.append(float(solution.spread[k]) if np.isfinite(solution.spread[k]) else 1.0)
    return Alone(
        tuple(used),
        tuple(spread),
        (
            float(geodesy.geocentric_latitude(solution.latitude)),
            solution.longitude,
            solution.depth_km,
            solution.time,
        ),
        solution.depth_error_km,
    )


def compare(
    one: Alone,
    other: Alone,
    seconds: float = 0.0,
    model: str = REGIONAL,
    own: Sequence[OwnModel] = (),
) -> JointFit:
    """Return how much worse one place fits both reports than a place for each.

    Parameters
    ----------
    seconds : float
        Epoch of the other's times less epoch of the one's [s].

    Raises
    ------
    LocationError
        ``singular``: the readings of one report do not fix an epicentre.
    """
    moved = [replace(a, time=a.time + seconds) for a in other.arrivals]
    problem = prepare([*one.arrivals, *moved])
    depth = _depth(one, other)
    places = np.array([one.place, other.place])
    places[:, 2] = depth
    places[1, 3] += seconds
    middle = _between(places)
    rows = np.flatnonzero([not a.off for a in problem.rows])
    count = len(problem.rows)
    azimuths = count + np.flatnonzero(np.isfinite(problem.readings.backazimuth))
    work = Work(
        problem, model, tuple(own), earth_at(model, own, float(middle[0]), float(middle[1])),
        np.concatenate([rows, azimuths]).astype(np.int64), problem.phase.copy(),
    )  # fmt: skip
    work.use(work.mixture)
    work.doubts = model == REGIONAL
    location.doubt_model(work, middle)
    owner = (problem.order >= len(one.arrivals))[work.rows % count]
    spread = np.array([*one.spread, *other.spread])[problem.order]
    covariance = linear(work, middle, spread)[3]
    try:
        factor: FloatArray = np.linalg.cholesky(covariance).astype(np.float64)
    except np.linalg.LinAlgError as error:
        raise LocationError("singular", {}) from error
    joint, _, _ = _fit(work, spread, factor, [middle], np.zeros(work.rows.size, dtype=np.bool_))
    apart, _, normal = _fit(work, spread, factor, list(places), owner)
    try:
        both = np.linalg.inv(normal)
    except np.linalg.LinAlgError as error:
        raise LocationError("singular", {}) from error
    difference = both[:3, :3] + both[3:, 3:] - both[:3, 3:] - both[3:, :3]
    sign, logarithm = np.linalg.slogdet(difference)
    if sign <= 0.0 or not np.isfinite(logarithm):
        raise LocationError("singular", {})
    return JointFit(
        increase=max(joint - apart, 0.0),
        freedom=int(work.rows.size) - 2 * UNKNOWNS,
        chi_square=apart,
        log_volume=0.5 * float(logarithm),
    )


def _depth(one: Alone, other: Alone) -> float:
    """Return the depth for all: the one that was free, or the better known, or the mean."""
    depths = np.array([one.place[2], other.place[2]])
    errors = [one.depth_error_km, other.depth_error_km]
    weight = np.array([0.0 if e is None else 1.0 / max(e, 0.1) ** 2 for e in errors])
    if not weight.any():
        weight = np.ones(2)
    return float(np.average(depths, weights=weight))


def _between(places: FloatArray) -> FloatArray:
    """Return the middle of two places; their longitudes may lie on both sides of 180 degrees."""
    middle: FloatArray = places.mean(axis=0)
    turn = (places[1, 1] - places[0, 1] + 180.0) % 360.0 - 180.0
    middle[1] = (places[0, 1] + 0.5 * turn + 180.0) % 360.0 - 180.0
    return middle


def _fit(
    work: Work,
    spread: FloatArray,
    factor: FloatArray,
    places: list[FloatArray],
    owner: BoolArray,
) -> tuple[float, list[FloatArray], FloatArray]:
    """Return chi-square, places and normal equations of the best one or two places.

    factor : Cholesky factor of the covariance of all data; one for all fits, so that they nest.
    owner : which place each datum belongs to, shape (m,); all False for one place.
    """
    residual, partial = _stacked(work, spread, places, owner)
    chi, normal, step = _solve(factor, residual, partial)
    for _ in range(STEPS):
        scale = 1.0
        while True:
            trial = [
                kernel.moved(place, np.append(scale * step[3 * k : 3 * k + 3], 0.0))
                for k, place in enumerate(places)
            ]
            residual, partial = _stacked(work, spread, trial, owner)
            worse, trial_normal, trial_step = _solve(factor, residual, partial)
            if worse <= chi or scale < 0.1:
                break
            scale *= 0.5
        if worse > chi:
            break
        moved = max(
            float(np.hypot(*(scale * step[3 * k + 1 : 3 * k + 3]))) for k in range(len(places))
        )
        places, chi, normal, step = trial, worse, trial_normal, trial_step
        if moved < CONVERGED_KM:
            break
    return chi, places, normal


def _stacked(
    work: Work, spread: FloatArray, places: list[FloatArray], owner: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return residuals (m,) and partial derivatives (m, 3 k) of data, each at its own place."""
    result = np.zeros((owner.size, UNKNOWNS * len(places)))
    residual = np.zeros(owner.size)
    for k, place in enumerate(places):
        mine = owner == bool(k)
        _, all_residual, all_partial, _ = linear(work, place, spread)
        residual[mine] = all_residual[mine]
        result[np.ix_(mine, np.arange(UNKNOWNS * k, UNKNOWNS * (k + 1)))] = all_partial[mine, :3]
    return residual, result


def _solve(
    factor: FloatArray, residual: FloatArray, partial: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return chi-square here, the normal equations and the Gauss-Newton step."""
    white = np.linalg.solve(factor, np.column_stack([residual, partial]))
    r, g = white[:, 0], white[:, 1:]
    normal = g.T @ g
    step = np.linalg.lstsq(normal, g.T @ r, rcond=1e-12)[0]
    return float(r @ r), normal, step
