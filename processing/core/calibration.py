"""Distance curves, station terms and offsets of magnitude scales, fitted from published values.

The model of a scale that lacks its calibration is

    M_e = lg(A/T)_es + sigma(D_es) + c_s,    sum of c_s = 0,

with M_e as an agency published it for event e, so each reading says y_es = M_e - lg(A/T)_es. An
energy class that is known but for its level is K_e = K_es + offset + c_s, so y_es = K_e - K_es.

References
----------
Green & Silverman (1994), Nonparametric regression and generalized linear models, chapter 2: natural
cubic splines by their values at the knots, and the roughness of one.

Huber (1964), Ann. Math. Statist. 35, 73-101: the M-estimate. doi:10.1214/aoms/1177703732

Liang & Zeger (1986), Biometrika 73, 13-22: errors where readings of one event go together.
doi:10.1093/biomet/73.1.13
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.interpolate import CubicSpline

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

METHOD = "kz-portal/calibration/1"
HUBER_K = 1.345
"""Huber's constant: 95 % efficient where errors are Gaussian."""
MAD_TO_SIGMA = 1.4826
MEDIAN_TO_MEAN_ERROR = math.sqrt(math.pi / 2.0)
"""Standard error of a median over that of a mean, of Gaussian values."""
ROUNDS, CLOSE_ENOUGH = 40, 1e-6
ROUGHNESS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ours: penalties that are tried, a reading's share of the misfit being 1."""
LEAST_KM = 1.0
"""Nearer readings count as from here: lg D has no value at the epicentre."""
GROUPS = 20
"""Parts of a delete-a-group jackknife."""
MOST_STATIONS = 1000


@dataclass(frozen=True)
class Calibration:
    """What was fitted for one scale, and where it holds."""

    version: str
    scale: str
    """Id of the scale's record."""
    kind: str
    """"sigma": a distance curve with station terms; "offset": one number with station terms."""
    distance_km: tuple[float, float]
    """Epicentral; no value outside."""
    knots_km: tuple[float, ...] = ()
    sigma: tuple[float, ...] = ()
    """The curve at the knots; a natural cubic spline in lg distance between them."""
    offset: float = 0.0
    """Added to every station's value."""
    station_terms: Mapping[str, float] = field(default_factory=dict)
    """Added to a station's value, by "network.code"."""
    residual_sigma: float = 0.0
    """Of one station's value, cross-validated, in the scale's units."""

    def sigma_at(self, distance_km: ArrayLike) -> FloatArray:
        """Return the curve at epicentral distances [km], in the scale's units.

        Parameters
        ----------
        distance_km : array_like, any shape
            NaN comes back where the calibration says nothing: outside its range. An offset has
            no curve: 0 within.
        """
        distance = np.asarray(distance_km, dtype=np.float64)
        low, high = self.distance_km
        inside = (distance >= low) & (distance <= high)
        lg = np.log10(np.maximum(np.where(inside, distance, max(low, LEAST_KM)), LEAST_KM))
        return np.where(inside, self._curve(lg) if self.knots_km else 0.0, np.nan)

    @cached_property
    def _curve(self) -> Any:
        return CubicSpline(np.log10(self.knots_km), self.sigma, bc_type="natural")

    def term(self, station: str) -> float:
        """Return what is added for a station, by "network.code"; 0 for one that has no term."""
        return self.station_terms.get(station, 0.0)


class TooLittle(ValueError):
    """Nothing is fitted from so little: what there is too little of, what was found and needed."""

    def __init__(self, what: str, found: float, needed: float) -> None:
        super().__init__(f"too few {what}: {found:g}, {needed:g} are needed")
        self.what, self.found, self.needed = what, found, needed


@dataclass(frozen=True)
class Limits:
    """How much a fit needs, and how it is cut. Ours."""

    events: int = 20
    stations: int = 3
    readings: int = 60
    station_events: int = 5
    """Events a station must have read to get a term; the readings of others are left out."""
    end_readings: int = 5
    """The range ends where fewer readings than this lie beyond."""
    decades: float = 0.3
    """A curve needs distances over so many powers of ten."""
    most_knots: int = 8
    readings_per_knot: int = 15
    folds: int = 10


@dataclass(frozen=True)
class Readings:
    """What is fitted, one row a station's value of an event; arrays of shape (n,)."""

    event: ArrayLike
    """Any number that tells events apart."""
    station: Sequence[str]
    """"network.code"."""
    distance_km: ArrayLike
    """Epicentral [km]."""
    y: ArrayLike
    """Published value less what the reading gives without the calibration."""


@dataclass(frozen=True)
class StationTerm:
    """One station's term, in the scale's units."""

    value: float
    standard_error: float
    events: int


@dataclass(frozen=True)
class Fitted:
    """A calibration with what is known of it."""

    kind: str
    distance_km: tuple[float, float]
    knots_km: tuple[float, ...]
    sigma: tuple[float, ...]
    sigma_errors: tuple[float, ...]
    """Standard errors at the knots, events as clusters."""
    offset: float
    offset_error: float
    terms: Mapping[str, StationTerm]
    residual_sigma: float
    """1.4826 median absolute residual of events left out of the fit."""
    residual_rms: float
    """Root mean square of the same, outliers and all."""
    roughness: float
    """The penalty that cross-validation chose."""
    events: int
    stations: int
    readings: int
    left_out: int
    """Readings of stations with too few events, or beyond the range."""
    used: IntArray
    """Rows of the input that were used, shape (readings,)."""
    distances: FloatArray
    """Of these [km]."""
    residuals: FloatArray
    """Of these, of the fit to all."""

    def calibration(self, version: str, scale: str) -> Calibration:
        """Return it as the scales take it."""
        return Calibration(
            version=version,
            scale=scale,
            kind=self.kind,
            distance_km=self.distance_km,
            knots_km=self.knots_km,
            sigma=self.sigma,
            offset=self.offset,
            station_terms={name: term.value for name, term in self.terms.items()},
            residual_sigma=self.residual_sigma,
        )


def fit_sigma(
    readings: Readings, limits: Limits = Limits(), rng: np.random.Generator | None = None
) -> Fitted:
    """Return the distance curve and station terms that published values ask for.

    Parameters
    ----------
    readings : Readings
        Rows that are not finite are an error of the caller.
    limits : Limits
    rng : numpy.random.Generator, optional
        Parts the events for cross-validation; without it the parts are always the same.

    Raises
    ------
    TooLittle
        Too few events, stations or readings, or all at about one distance.

    Notes
    -----
    The curve is a natural cubic spline in lg D with knots at quantiles of the readings. Huber
    weights and the scale of the residuals (MAD) are found in turn. Roughness, the integral of the
    squared second derivative, is penalised by the weight for which events left out are predicted
    best. Standard errors are those of the sandwich estimate with events as clusters, because the
    error of a published value is common to all readings of its event; they do not tell of the bias
    that the penalty makes.
    """
    data = _prepared(readings, limits)
    lg = np.log10(np.maximum(data.distance, LEAST_KM))
    if lg.max() - lg.min() < limits.decades:
        raise TooLittle("distances (powers of ten)", float(lg.max() - lg.min()), limits.decades)
    knots = _knots(lg, limits)
    basis = CubicSpline(knots, np.eye(knots.size), bc_type="natural")(lg)
    rough = _roughness_matrix(knots)
    folds = _folds(data.event, limits.folds, rng)
    whole = {weight: _solve(data, basis, weight * rough) for weight in ROUGHNESS}
    held_out = {
        weight: _held_out(data, basis, weight * rough, folds, whole[weight]) for weight in ROUGHNESS
    }
    # One scale for all, so that none is chosen for a large one.
    scale = min(_spread(left) for left in held_out.values())
    weight = min(ROUGHNESS, key=lambda w: (float(_huber_loss(held_out[w] / scale).mean()), -w))
    solved, left = whole[weight], held_out[weight]
    errors = np.sqrt(np.maximum(np.diag(_sandwich(data, basis, weight * rough, solved)), 0.0))
    count = knots.size
    return Fitted(
        kind="sigma",
        distance_km=(float(data.distance.min()), float(data.distance.max())),
        knots_km=tuple((10.0**knots).tolist()),
        sigma=tuple(solved.parameters[:count].tolist()),
        sigma_errors=tuple(errors[:count].tolist()),
        offset=0.0,
        offset_error=0.0,
        terms=_terms(data, solved.parameters[count:], errors[count:]),
        roughness=weight,
        **_told(data, left, solved.residuals),
    )


def fit_offset(
    readings: Readings, limits: Limits = Limits(), rng: np.random.Generator | None = None
) -> Fitted:
    """Return the level and station terms that published values ask for; no curve.

    A station's own median of y is what its values want; the offset is the median of the stations
    and applies to a station that has no term. See `fit_sigma` for parameters and errors.

    Notes
    -----
    The error of the offset is that of a delete-a-group jackknife over events, a term's the spread
    (MAD) of its station's residuals by the square root of their number, for a median.
    """
    data = _prepared(readings, limits)
    offset, terms = _medians(data.station, data.y, data.names.size)
    residuals = data.y - offset - terms[data.station]
    left = np.full(data.y.size, np.nan)
    folds = _folds(data.event, limits.folds, rng)
    for part in range(limits.folds):
        out = folds == part
        level, others = _medians(data.station[~out], data.y[~out], data.names.size)
        left[out] = data.y[out] - level - others[data.station[out]]
    groups = _folds(data.event, GROUPS, rng)
    levels = np.array(
        [
            _medians(data.station[groups != g], data.y[groups != g], data.names.size)[0]
            for g in range(GROUPS)
        ]
    )
    error = math.sqrt((GROUPS - 1) / GROUPS * float(((levels - levels.mean()) ** 2).sum()))
    errors = np.array(
        [
            MEDIAN_TO_MEAN_ERROR * _spread(mine) / math.sqrt(mine.size)
            for station in range(data.names.size)
            if (mine := residuals[data.station == station]).size
        ]
    )
    return Fitted(
        kind="offset",
        distance_km=(float(data.distance.min()), float(data.distance.max())),
        knots_km=(),
        sigma=(),
        sigma_errors=(),
        offset=offset,
        offset_error=error,
        terms=_terms(data, terms, errors),
        roughness=0.0,
        **_told(data, left, residuals),
    )


# --- What both share ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Data:
    """The rows that are used, numbered."""

    used: IntArray
    event: IntArray
    station: IntArray
    names: NDArray[np.str_]
    station_events: IntArray
    distance: FloatArray
    y: FloatArray
    given: int


def _prepared(readings: Readings, limits: Limits) -> _Data:
    """Return the rows that may be used, or refuse."""
    event = np.asarray(readings.event)
    station = np.asarray(readings.station, dtype=np.str_)
    distance = np.asarray(readings.distance_km, dtype=np.float64)
    y = np.asarray(readings.y, dtype=np.float64)
    if not (np.isfinite(distance).all() and np.isfinite(y).all()):
        raise ValueError("distances and values must be finite")
    _need("events", np.unique(event).size, limits.events)
    _need("readings", y.size, limits.readings)
    ordered = np.sort(distance)
    end = min(limits.end_readings, y.size) - 1
    used = np.flatnonzero((distance >= ordered[end]) & (distance <= ordered[-1 - end]))
    while True:
        names, number = np.unique(station[used], return_inverse=True)
        pairs = np.unique(np.stack([number, _numbered(event[used])]), axis=1)
        counts = np.bincount(pairs[0], minlength=names.size)
        few = counts < limits.station_events
        if not few.any():
            break
        used = used[~few[number]]
    _need("stations", names.size, limits.stations)
    if names.size > MOST_STATIONS:
        raise ValueError(f"{names.size} stations; {MOST_STATIONS} at most")
    _need("events", np.unique(event[used]).size, limits.events)
    _need("readings", used.size, limits.readings)
    return _Data(
        used, _numbered(event[used]), number, names, counts, distance[used], y[used], y.size
    )


def _need(what: str, found: int, needed: int) -> None:
    if found < needed:
        raise TooLittle(what, found, needed)


def _numbered(values: NDArray[Any]) -> IntArray:
    """Return the place of each value among the distinct ones."""
    return np.unique(values, return_inverse=True)[1]


def _folds(event: IntArray, count: int, rng: np.random.Generator | None) -> IntArray:
    """Return which of `count` parts each row is in: all rows of an event in one."""
    rng = np.random.default_rng(0) if rng is None else rng
    events = int(event.max()) + 1
    return (rng.permutation(events) % count)[event]


def _spread(values: FloatArray) -> float:
    """Return the scaled median absolute value, never nothing."""
    known = values[np.isfinite(values)]
    return max(MAD_TO_SIGMA * float(np.median(np.abs(known))), 1e-6)


def _terms(data: _Data, values: FloatArray, errors: FloatArray) -> dict[str, StationTerm]:
    return {
        str(name): StationTerm(float(value), float(error), int(events))
        for name, value, error, events in zip(
            data.names, values, errors, data.station_events, strict=True
        )
    }


def _told(data: _Data, left: FloatArray, residuals: FloatArray) -> dict[str, Any]:
    return {
        "residual_sigma": _spread(left),
        "residual_rms": float(np.sqrt(np.mean(left**2))),
        "events": int(data.event.max()) + 1,
        "stations": int(data.names.size),
        "readings": int(data.used.size),
        "left_out": data.given - int(data.used.size),
        "used": data.used,
        "distances": data.distance,
        "residuals": residuals,
    }


# --- The curve ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Solved:
    parameters: FloatArray
    """The curve at the knots, then the stations' terms."""
    residuals: FloatArray
    scale: float


def _knots(lg: FloatArray, limits: Limits) -> FloatArray:
    """Return knots at quantiles of the distances, none nearer to another than 1/20 decade."""
    count = max(4, min(limits.most_knots, lg.size // limits.readings_per_knot))
    wanted = np.quantile(lg, np.linspace(0.0, 1.0, count))
    knots = [float(wanted[0])]
    for knot in wanted[1:-1].tolist():
        if knot - knots[-1] >= 0.05 and wanted[-1] - knot >= 0.05:
            knots.append(knot)
    return np.array([*knots, float(wanted[-1])])


def _roughness_matrix(knots: FloatArray) -> FloatArray:
    """Return K with v K v the integral of the squared second derivative, v the values at knots.

    Green & Silverman (1994), equation 2.4: K = Q R^-1 Q^T.
    """
    h = np.diff(knots)
    n = knots.size
    q, r = np.zeros((n, n - 2)), np.zeros((n - 2, n - 2))
    for j in range(n - 2):
        q[j, j], q[j + 1, j], q[j + 2, j] = 1 / h[j], -1 / h[j] - 1 / h[j + 1], 1 / h[j + 1]
        r[j, j] = (h[j] + h[j + 1]) / 3.0
        if j + 1 < n - 2:
            r[j, j + 1] = r[j + 1, j] = h[j + 1] / 6.0
    result: FloatArray = q @ np.linalg.solve(r, q.T)
    return result


def _design(data: _Data, basis: FloatArray, rows: NDArray[Any]) -> Any:
    """Return the design matrix of some rows, sparse: a reading has one station."""
    places = (np.arange(rows.size), data.station[rows])
    stations = sparse.csr_matrix((np.ones(rows.size), places), shape=(rows.size, data.names.size))
    return sparse.hstack([sparse.csr_matrix(basis[rows]), stations], format="csr")


def _normal(design: Any, weights: FloatArray, penalty: FloatArray) -> FloatArray:
    """Return the bordered normal matrix: the last row says that the terms add up to nothing."""
    count, parameters = penalty.shape[0], design.shape[1]
    bordered = np.zeros((parameters + 1, parameters + 1))
    bordered[:-1, :-1] = (design.T @ design.multiply(weights[:, None])).toarray()
    bordered[:count, :count] += penalty * design.shape[0]
    # A hair: a station without a row in this part of the data gets no term instead of any.
    terms = np.arange(count, parameters)
    bordered[terms, terms] += 1e-9
    bordered[-1, count:-1] = bordered[count:-1, -1] = 1.0
    return bordered


def _solve(
    data: _Data,
    basis: FloatArray,
    penalty: FloatArray,
    rows: IntArray | None = None,
    begin: _Solved | None = None,
) -> _Solved:
    """Return the Huber estimate by weights that are found in turn."""
    rows = np.arange(data.y.size) if rows is None else rows
    design, y = _design(data, basis, rows), data.y[rows]
    parameters = np.zeros(design.shape[1]) if begin is None else begin.parameters
    residuals = y - np.median(y) if begin is None else y - design @ parameters
    scale = 0.0
    for _round in range(ROUNDS):
        scale = _spread(residuals)
        weights = 1.0 / np.maximum(np.abs(residuals) / (HUBER_K * scale), 1.0)
        right = np.append(design.T @ (weights * y), 0.0)
        found = np.linalg.solve(_normal(design, weights, penalty), right)[:-1]
        change = float(np.abs(found - parameters).max())
        parameters, residuals = found, y - design @ found
        # A start from the whole data is near: one digit less is enough to compare penalties.
        if change < CLOSE_ENOUGH * scale or (begin is not None and change < 0.01 * scale):
            break
    return _Solved(parameters, residuals, _spread(residuals))


def _held_out(
    data: _Data, basis: FloatArray, penalty: FloatArray, folds: IntArray, whole: _Solved
) -> FloatArray:
    """Return the residual of each reading from a fit that its event has no part in."""
    left = np.empty(data.y.size)
    for part in np.unique(folds):
        out = np.flatnonzero(folds == part)
        solved = _solve(data, basis, penalty, np.flatnonzero(folds != part), whole)
        left[out] = data.y[out] - _design(data, basis, out) @ solved.parameters
    return left


def _huber_loss(residual: FloatArray) -> FloatArray:
    size = np.abs(residual)
    return np.where(size <= HUBER_K, 0.5 * size**2, HUBER_K * (size - 0.5 * HUBER_K))


def _sandwich(data: _Data, basis: FloatArray, penalty: FloatArray, solved: _Solved) -> FloatArray:
    """Return the covariance of the parameters, events as clusters."""
    rows = np.arange(data.y.size)
    design = _design(data, basis, rows)
    limit = HUBER_K * solved.scale
    score = np.clip(solved.residuals, -limit, limit)
    # The derivative of the score: readings beyond the limit pull no more.
    bread = np.linalg.inv(
        _normal(design, (np.abs(solved.residuals) <= limit).astype(np.float64), penalty)
    )[:-1, :-1]
    events = int(data.event.max()) + 1
    gather = sparse.csr_matrix((score, (data.event, rows)), shape=(events, rows.size))
    pulls = gather @ design
    meat = (pulls.T @ pulls).toarray() * events / max(events - 1, 1)
    result: FloatArray = bread @ meat @ bread
    return result


# --- The level ------------------------------------------------------------------------------------


def _medians(station: IntArray, y: FloatArray, count: int) -> tuple[float, FloatArray]:
    """Return the median of the stations' medians, and each one less that; 0 for one without y."""
    order = np.lexsort((y, station))
    sizes = np.bincount(station, minlength=count)
    ends = np.cumsum(sizes)
    first = ends - sizes
    there = sizes > 0
    ordered = y[order]
    low = ordered[first[there] + (sizes[there] - 1) // 2]
    high = ordered[first[there] + sizes[there] // 2]
    medians = (low + high) / 2.0
    level = float(np.median(medians))
    terms = np.zeros(count)
    terms[there] = medians - level
    return level, terms
