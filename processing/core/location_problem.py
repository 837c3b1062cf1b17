"""What is to be located and what with: readings as arrays, rules of phases, errors, models.

`location` finds the place; this is what it works on, and what a picture of the surroundings of a
solution is made from (`surroundings`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from processing.core import earth_models, ellipticity, geodesy, phases, travel_times
from processing.core import location_kernel as kernel
from processing.core.compiling import compiled, compiled_inner
from processing.core.location_kernel import BoolArray, FloatArray, IntArray

REGIONAL = earth_models.REGIONAL
"""Model by source region and distance; other values name one of `earth_models.MODELS`, or one that
the caller brings."""

SAME_READING_S = 0.1  # iLoc: duplicate readings
# Correlated errors of travel times: Bondár & McLaughlin (2009) as iLoc uses them, at the distances
# quoted in the project's methods 3.2; linear between them.
SILL_S2 = 0.6
VARIOGRAM_KM = np.array([0.0, 10, 20, 50, 100, 200, 300, 500, 700, 1000])
VARIOGRAM_S2 = np.array([0.0, 0.0629, 0.0953, 0.149, 0.191, 0.236, 0.268, 0.317, 0.346, 0.375])
LEAST_OWN_S2 = 0.5 * 0.8**2
"""Half of the smallest variance of a phase by itself: what the variogram may lack. Ours."""


class LocationError(Exception):
    """An event that cannot be located: a code, and the values a message needs."""

    def __init__(self, code: str, values: dict[str, float]) -> None:
        super().__init__(f"{code}: {values}")
        self.code = code
        self.values = values


@dataclass(frozen=True)
class ArrivalObservation:
    """What was read of one phase at one station."""

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
    backazimuth: float | None = None
    """Station to event [deg]."""
    backazimuth_uncertainty: float | None = None
    slowness: float | None = None
    """Horizontal [s/deg]."""
    slowness_uncertainty: float | None = None
    correction_s: float = 0.0
    """Station correction of the model: what arrivals are late by here [s]."""
    doubtful_clock: bool = False
    """Only differences of times at this station count."""
    off: bool = False
    """Switched off by a person: compared, never used."""
    name_held: bool = False
    """Named by a person: never renamed."""


@dataclass(frozen=True)
class Hypocentre:
    """A place and time, as an agency reported it or as another minimum."""

    latitude: float
    longitude: float
    time: float
    """Seconds after the problem's reference epoch."""
    depth_km: float | None = None


@dataclass(frozen=True)
class Alternative:
    """Another place that fits nearly as well."""

    hypocentre: Hypocentre
    worse_by: float
    """J of this minimum less J of the solution (chi-square units)."""


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
    depth_code: str
    """F free, A analyst, B beyond limits, G default grid, H reported hypocentre, M median of
    several, S surface (the ISC's letters); D: the plain default."""
    covariance: FloatArray
    """Of time [s], east, north [km], depth [km], shape (4, 4); zeros for a fixed depth."""
    confidence_level: float
    """Of the ellipses and the errors below, 0-1."""
    semi_major_km: float
    """Of the coverage ellipse; so the next two."""
    semi_minor_km: float
    ellipse_azimuth: float
    """Of the semi-major axis, 0-180 [deg]."""
    confidence_semi_major_km: float | None
    """Of the confidence ellipse (K = 0); None without a degree of freedom."""
    confidence_semi_minor_km: float | None
    time_error: float
    """[s] at the confidence level."""
    depth_error_km: float | None
    """None for a fixed depth."""
    standard_error: float
    """Root mean square of the residuals used [s]."""
    error_scale: float
    """By how much a-priori errors were multiplied, on the mean of the times in use, since the
    residuals of their distance and wave scatter so; 1 or more."""
    chi_square: float
    """Of the data used."""
    effective_data: float
    """Independent data that the correlated ones are worth."""
    condition_number: float
    """Of the scaled normal equations."""
    azimuthal_gap: float
    secondary_azimuthal_gap: float
    uniformity: float
    """dU of Bondár & McLaughlin: 0 stations all around, 1 all in one direction."""
    gt5_candidate: bool
    """Local stations fulfil the IASPEI ground-truth criteria of Bondár & McLaughlin (2009)."""
    minimum_distance: float
    """Of stations used [deg]; so the next two."""
    median_distance: float
    maximum_distance: float
    associated_phase_count: int
    used_phase_count: int
    associated_station_count: int
    used_station_count: int
    depth_phase_count: int
    phase: tuple[str, ...]
    """Name each arrival was used or compared under; as reported where unknown."""
    reason: tuple[str, ...]
    """Empty for an arrival in use; else why not: ``outlier``, ``clock``, ``off``, ``no-rule``,
    ``no-prediction``, ``too-far``; or what was done: ``renamed``."""
    residual: FloatArray
    """Observed minus predicted [s], NaN without a prediction, shape (n,)."""
    deviation: FloatArray
    """Of the time from what the other data say, in its error; NaN where nothing can be said."""
    spread: FloatArray
    """What each time's error was multiplied by; 1 or more."""
    weight: FloatArray
    """Of each time, 0-1: 1 over the number of readings in use of that phase and station."""
    used: BoolArray
    """Times in use."""
    backazimuth_residual: FloatArray
    """[deg]"""
    backazimuth_used: BoolArray
    slowness_residual: FloatArray
    """[s/deg]"""
    slowness_used: BoolArray
    distance: FloatArray
    """[deg]"""
    azimuth: FloatArray
    """Event to station [deg]."""
    warnings: tuple[str, ...]
    """``ambiguous-readings``: another choice of readings fits as well; ``poorly-constrained``:
    hardly more data than unknowns, fewer than three stations or a condition number above 1e4;
    ``other-minimum``: see ``alternatives``; ``model-error``: another model is known to fit better
    there than the one in use, so that the errors hold the difference of the two."""
    alternatives: tuple[Alternative, ...]
    converged: bool
    iterations: int
    method: str
    model: str
    """Names of the models used, the weightiest first, joined by +."""


@dataclass(frozen=True)
class Problem:
    """The arrivals as arrays, in an order that does not depend on how they were given."""

    rows: tuple[ArrivalObservation, ...]
    order: IntArray
    """Where each sorted arrival stood in the input."""
    names: tuple[str | None, ...]
    readings: kernel.Readings
    phase: IntArray
    """Row of each arrival in the rules."""
    shared: FloatArray
    group: IntArray
    """Number of (station, phase): readings of the same thing."""
    share: FloatArray


NAMES = (*phases.PHASES, "")
ROW = {name: number for number, name in enumerate(NAMES)}
"""Row of each phase in the rules; the last, without a name, is any unknown one."""


def figure_row(phase: phases.Phase) -> int:
    """Return the row of the ellipticity table for a phase: its own, else that of its family."""
    for name in (phase.table_phase, phase.family):
        if name in ellipticity.FAMILIES:
            return ellipticity.FAMILIES.index(name)
    return -1


@lru_cache(maxsize=1)
def phase_rules() -> kernel.Rules:
    """Return the phases' rules as arrays; the last row is the unknown phase."""
    rows = [phases.PHASES[name] for name in phases.PHASES]
    bands = max(len(row.bands) for row in rows)
    to_deg = np.full((len(NAMES), bands), -1.0)
    sigma = np.full((len(NAMES), bands), np.nan)
    for number, row in enumerate(rows):
        for column, band in enumerate(row.bands):
            to_deg[number, column], sigma[number, column] = band.to_deg, band.sigma_s
    return kernel.Rules(
        code=np.array(
            [*(travel_times.CODE.get(row.table_phase or "", -1) for row in rows), -1],
            dtype=np.int64,
        ),
        fallback=np.array(
            [*(travel_times.CODE.get(row.fallback or "", -1) for row in rows), -1], dtype=np.int64
        ),
        to_deg=to_deg,
        sigma_s=sigma,
        wave=np.array([*(int(row.family == "S") for row in rows), 0], dtype=np.int64),
        figure=np.array([*(figure_row(row) for row in rows), -1], dtype=np.int64),
        ellipticity=ellipticity.load(),
    )


def _in_order(arrivals: Sequence[ArrivalObservation]) -> list[int]:
    """Return the arrivals' numbers in an order that does not depend on how they were given."""
    key: list[tuple[object, ...]] = [(a.station, a.phase, a.time) for a in arrivals]
    if len(set(key)) < len(key):
        key = [
            (
                a.station, a.phase, a.time, a.latitude, a.longitude, a.elevation_m or 0.0,
                a.time_uncertainty or 0.0, a.backazimuth or -1.0, a.slowness or -1.0,
                a.correction_s, a.doubtful_clock, a.off, a.name_held,
            )
            for a in arrivals
        ]  # fmt: skip
    return sorted(range(len(key)), key=key.__getitem__)


def prepare(arrivals: Sequence[ArrivalObservation]) -> Problem:
    """Sort the arrivals and turn them into arrays.

    Raises
    ------
    LocationError
        ``not_finite``: a coordinate or a time is no number.
    """
    for number, a in enumerate(arrivals):
        if not (
            math.isfinite(a.time)
            and math.isfinite(a.latitude)
            and math.isfinite(a.longitude)
            and math.isfinite(a.elevation_m or 0.0)
        ):
            raise LocationError("not_finite", {"arrival": number})
    order = _in_order(arrivals)
    rows = tuple(arrivals[i] for i in order)
    names = tuple(phases.standard_name(a.phase) for a in rows)
    numbers: dict[str, int] = {}
    station = [numbers.setdefault(a.station, len(numbers)) for a in rows]
    groups: dict[tuple[int, str], int] = {}
    group = np.array(
        [
            groups.setdefault((number, name or a.phase), len(groups))
            for number, a, name in zip(station, rows, names, strict=True)
        ],
        dtype=np.int64,
    )
    readings = _readings(rows, names, station)
    return Problem(
        rows=rows,
        order=np.array(order, dtype=np.int64),
        names=names,
        readings=readings,
        phase=np.array([ROW[name or ""] for name in names], dtype=np.int64),
        shared=_shared(readings, len(numbers), {numbers[a.station] for a in rows if not a.off}),
        group=group,
        share=1.0 / np.bincount(group)[group] if rows else np.zeros(0),
    )


def _readings(
    rows: Sequence[ArrivalObservation], names: Sequence[str | None], station: list[int]
) -> kernel.Readings:
    """Return the arrivals as arrays; ``station`` numbers the station of each."""
    nothing = math.nan
    told = np.array(
        [
            (
                a.latitude, a.longitude, (a.elevation_m or 0.0) / 1000.0, a.time - a.correction_s,
                # Two readings of one onset never agree better than this.
                max(a.time_uncertainty or 0.0, 0.5 * SAME_READING_S),
                nothing if a.backazimuth is None else a.backazimuth,
                a.backazimuth_uncertainty or 0.0,
                nothing if a.slowness is None else a.slowness,
                a.slowness_uncertainty or 0.0,
                _slowness_sigma(name),
            )
            for a, name in zip(rows, names, strict=True)
        ],
        dtype=np.float64,
    ).reshape(len(rows), 10)  # fmt: skip
    # One measure after another, each contiguous.
    latitude, longitude, elevation, time, sigma, azimuth, azimuth_error, slowness, error, own = (
        np.ascontiguousarray(told.T)
    )
    phi, lam = np.radians(geodesy.geocentric_latitude(latitude)), np.radians(longitude)
    clocks = {number for number, a in zip(station, rows, strict=True) if a.doubtful_clock}
    return kernel.Readings(
        x=np.cos(phi) * np.cos(lam),
        y=np.cos(phi) * np.sin(lam),
        z=np.sin(phi),
        elevation_km=elevation,
        surface_slowness=np.zeros(len(rows)),
        station=np.array(station, dtype=np.int64),
        time=time,
        reading_sigma=sigma,
        model_error=np.zeros(len(rows)),
        backazimuth=azimuth,
        backazimuth_sigma=np.hypot(phases.BACKAZIMUTH_SIGMA_DEG, azimuth_error),
        slowness=slowness,
        slowness_sigma=np.hypot(own, error),
        clock=np.array([number in clocks for number in station], dtype=np.bool_),
    )


def _slowness_sigma(name: str | None) -> float:
    """Return the a-priori error of a phase's slowness [s/deg], NaN where it does not define."""
    return (None if name is None else phases.PHASES[name].slowness_sigma) or math.nan


def _shared(readings: kernel.Readings, count: int, on: set[int]) -> FloatArray:
    """Return the covariance [s^2] of the errors of one phase at each two stations.

    on : the stations that may define; it is a covariance for them.
    """
    left: FloatArray = _left_in_common(readings, count)
    among = np.ix_(sorted(on), sorted(on)) if len(on) < count else ...
    if not _keeps_positive(left[among]):
        left[among] = _nearest_covariance(left[among])
    return left


@compiled
def _left_in_common(readings: kernel.Readings, count: int) -> FloatArray:
    """Return what the variogram leaves in common to each two of ``count`` stations [s^2]."""
    first = np.empty(count, np.int64)
    for i in range(readings.station.size - 1, -1, -1):
        first[readings.station[i]] = i
    x, y, z = readings.x[first], readings.y[first], readings.z[first]
    left = np.empty((count, count))
    for i in range(count):
        left[i, i] = SILL_S2
        for j in range(i):
            square = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2 + (z[i] - z[j]) ** 2
            km = 2.0 * geodesy.EARTH_RADIUS_KM * np.arcsin(min(0.5 * np.sqrt(square), 1.0))
            left[i, j] = left[j, i] = SILL_S2 - _variogram(km) if km <= VARIOGRAM_KM[-1] else 0.0
    return left


@compiled_inner
def _variogram(km: float) -> float:
    """Return the variogram at a distance within its table [s^2]."""
    k = 0
    while k < VARIOGRAM_KM.size - 2 and km > VARIOGRAM_KM[k + 1]:
        k += 1
    per_km = (VARIOGRAM_S2[k + 1] - VARIOGRAM_S2[k]) / (VARIOGRAM_KM[k + 1] - VARIOGRAM_KM[k])
    return float(VARIOGRAM_S2[k] + per_km * (km - VARIOGRAM_KM[k]))


def _keeps_positive(shared: FloatArray) -> bool:
    """Tell whether the errors of single phases make a covariance of what stations share.

    It is one where it has a Cholesky factor.
    """
    try:
        np.linalg.cholesky(shared + LEAST_OWN_S2 * np.eye(len(shared)))
    except np.linalg.LinAlgError:
        return False
    return True


def _nearest_covariance(shared: FloatArray) -> FloatArray:
    """Return the shared errors without their negative eigenvalues, the variances as they were.

    The variogram ends abruptly at 1,000 km. Over a continent of stations that is no covariance any
    more: some sums of residuals would have a negative variance, and their weights no limit.
    """
    values, vectors = np.linalg.eigh(shared)
    positive = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = np.sqrt(SILL_S2 / np.diag(positive))
    result: FloatArray = positive * scale[:, None] * scale
    return 0.5 * (result + result.T)


def earth_at(
    model: str, own: Sequence[earth_models.OwnModel], latitude: float, longitude: float
) -> earth_models.Mixture:
    """Return the models to use at a geocentric latitude; one that is named holds everywhere."""
    if model != REGIONAL:
        return earth_models.mixture_at(0.0, 0.0, only=model, own=own)
    return earth_models.mixture_at(float(geodesy.geographic_latitude(latitude)), longitude, own=own)


@dataclass
class Work:
    """What one call of `locate` carries from step to step."""

    problem: Problem
    model: str
    own: tuple[earth_models.OwnModel, ...]
    mixture: earth_models.Mixture
    rows: IntArray
    """All data that may define."""
    phase: IntArray
    doubts: bool = False
    """Whether models may be taken for wrong."""
    renamed: set[int] = field(default_factory=set)
    clocks: set[int] = field(default_factory=set)
    iterations: int = 0

    def use(self, mixture: earth_models.Mixture) -> None:
        """Predict with these models from now on."""
        self.mixture = mixture
        speed = np.array([mixture.surface_p_km_s, mixture.surface_s_km_s])
        self.readings.surface_slowness[:] = 1.0 / speed[phase_rules().wave[self.phase]]

    @cached_property
    def stations(self) -> int:
        """Number of the stations whose data may define."""
        return len(set(self.readings.station[self.rows % len(self.problem.rows)].tolist()))

    @property
    def readings(self) -> kernel.Readings:
        return self.problem.readings

    @property
    def earth(self) -> kernel.Earth:
        return kernel.Earth(self.mixture.kernels, self.mixture.weights, self.mixture.fades)


def predicted_at(work: Work, place: FloatArray) -> kernel.Predicted:
    """Return what the readings are predicted to be at a place."""
    predicted = kernel.room(len(work.problem.rows))
    kernel.predict_into(work.readings, work.phase, phase_rules(), work.earth, place, predicted)
    return predicted


class Linear(NamedTuple):
    """The problem around a place."""

    predicted: kernel.Predicted
    residual: FloatArray
    """Shape (m,)."""
    partial: FloatArray
    """Shape (m, 4)."""
    covariance: FloatArray
    """Shape (m, m)."""


def linear(work: Work, place: FloatArray, spread: FloatArray | None = None) -> Linear:
    """Return predictions, residuals, partial derivatives and covariance of the rows at a place."""
    m = work.rows.size
    predicted = kernel.room(len(work.problem.rows))
    residual, partial, covariance = np.empty(m), np.empty((m, 4)), np.empty((m, m))
    kernel.linearise(
        work.readings, work.phase, phase_rules(), work.earth, work.problem.shared,
        np.ones(len(work.problem.rows)) if spread is None else spread, work.rows, place, predicted,
        residual, partial, covariance, True,
    )  # fmt: skip
    return Linear(predicted, residual, partial, covariance)
