"""The misfit around a solution and the travel-time curves it goes by: what its pictures show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from processing.core import earth_models, geodesy, phases, predictions
from processing.core import location_kernel as kernel
from processing.core.location_kernel import FloatArray, IntArray
from processing.core.location_problem import (
    REGIONAL,
    ROW,
    ArrivalObservation,
    LocationSolution,
    Work,
    earth_at,
    phase_rules,
    prepare,
)


@dataclass(frozen=True)
class Surroundings:
    """How much worse other places explain the data that a solution uses, in chi-square."""

    latitude: FloatArray
    """Geographic, of the grid's rows [deg], shape (k,), from north to south."""
    longitude: FloatArray
    """Of its columns [deg], shape (k,), from west to east."""
    worse_by: FloatArray
    """At the solution's depth, each place with its best origin time, shape (k, k); negative where
    a place is better, NaN where a reading has no prediction."""
    depth_km: FloatArray
    """Shape (d,)."""
    depth_worse_by: FloatArray
    """At each depth, with its best epicentre and origin time, shape (d,); infinite where there is
    none."""


def surroundings(
    arrivals: Sequence[ArrivalObservation],
    solution: LocationSolution,
    model: str = REGIONAL,
    half_width_km: float = 20.0,
    steps: int = 31,
    depths_km: Sequence[float] = (),
    own: Sequence[earth_models.OwnModel] = (),
) -> Surroundings:
    """Return the misfit around a solution of these arrivals by this model.

    Choice and names of readings, their errors and the models' weights stay those of the solution:
    what is shown is the surface whose minimum it is, and where the quadratic form behind its
    ellipse is a good likeness of it.
    """
    work, rows, spread = _as_solved(arrivals, solution, model, own)
    latitude = float(geodesy.geocentric_latitude(solution.latitude))
    place = np.array([latitude, solution.longitude, solution.depth_km, solution.time])
    predicted = kernel.room(len(work.problem.rows))
    residual, partial = np.empty(rows.size), np.empty((rows.size, 4))
    covariance, unused = np.empty((rows.size, rows.size)), np.empty((0, 0))
    told = (work.readings, work.phase, phase_rules(), work.earth, work.problem.shared, spread, rows)
    kernel.linearise(*told, place, predicted, residual, partial, covariance, True)
    factor = np.linalg.cholesky(covariance)
    # d residual / d origin time, whitened: what the best time takes out of the residuals.
    late = solve_triangular(factor, partial[:, 0], lower=True)
    late /= np.sqrt(late @ late)

    def chi_square(where: FloatArray) -> float:
        if kernel.linearise(*told, where, predicted, residual, partial, unused, False):
            return np.nan
        white = solve_triangular(factor, residual, lower=True, check_finite=False)
        return float(white @ white - (late @ white) ** 2)

    here = chi_square(place)
    offset = np.linspace(-half_width_km, half_width_km, steps) / geodesy.KM_PER_DEGREE
    north = np.clip(latitude + offset[::-1], -89.9, 89.9)
    east = solution.longitude + offset / max(np.cos(np.radians(latitude)), 0.01)
    worse = np.array(
        [[chi_square(np.array([lat, lon, *place[2:]])) - here for lon in east] for lat in north]
    )
    costs = kernel.depth_profile(*told, place, np.asarray(depths_km, dtype=np.float64))
    return Surroundings(
        latitude=geodesy.geographic_latitude(north),
        longitude=east,
        worse_by=worse,
        depth_km=np.asarray(depths_km, dtype=np.float64),
        depth_worse_by=costs - here,
    )


def _as_solved(
    arrivals: Sequence[ArrivalObservation],
    solution: LocationSolution,
    model: str,
    own: Sequence[earth_models.OwnModel],
) -> tuple[Work, IntArray, FloatArray]:
    """Return the work as it stood when it was solved, the data in use and the errors' factors."""
    problem = prepare(arrivals)
    order = problem.order
    place = float(geodesy.geocentric_latitude(solution.latitude)), solution.longitude
    names = [phases.standard_name(solution.phase[i]) for i in order]
    phase = np.array([ROW[name or ""] for name in names], dtype=np.int64)
    n = len(problem.rows)
    uses = (solution.used, solution.backazimuth_used, solution.slowness_used)
    rows = np.concatenate([kind * n + np.flatnonzero(u[order]) for kind, u in enumerate(uses)])
    problem.readings.clock[:] |= [solution.reason[i] == "clock" for i in order]
    mixture = earth_at(model, own, *place)
    work = Work(problem, model, tuple(own), mixture, rows.astype(np.int64), phase)
    work.use(mixture)
    return work, work.rows, solution.spread[order]


@dataclass(frozen=True)
class Curve:
    """Times of one phase from one source, along the distance."""

    phase: str
    distance_deg: FloatArray
    time_s: FloatArray
    """NaN where the phase does not arrive."""


def curves(
    latitude: float,
    longitude: float,
    depth_km: float,
    distance_deg: FloatArray,
    names: Sequence[str],
    model: str = REGIONAL,
    own: Sequence[earth_models.OwnModel] = (),
) -> list[Curve]:
    """Return the travel-time curves that the locator goes by at a place, for plots."""
    mixture = earth_at(model, own, float(geodesy.geocentric_latitude(latitude)), longitude)
    depth = np.full(distance_deg.size, depth_km)
    return [
        Curve(
            name,
            distance_deg,
            predictions.predict(
                mixture, predictions.codes_of([name] * distance_deg.size), distance_deg, depth
            ).time,
        )
        for name in names
    ]
