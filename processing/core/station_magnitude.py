"""One station's magnitude from its amplitude: the formulas of the scales, over arrays.

Every reading gets a value or the first reason, in a fixed order, why it has none. Nothing is
extrapolated: outside the ranges of a scale, its table or its fitted curve there is no value.

References
----------
As each scale's record says (`processing.core.magnitude_scales`); project methods 1.2, 1.3, 2.1-2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core.calibration import Calibration
from processing.core.calibration_tables import TABLES
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.magnitude_scales import (
    LARGEST,
    SMALLEST,
    Component,
    Outcome,
    Quantity,
    Scale,
    Status,
)

FloatArray = NDArray[np.float64]

OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)
_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}
#: Rounding of a distance must not push a station off the end of a range.
_SLACK = 1e-9
_NM_PER_UM = 1000.0


@dataclass(frozen=True)
class StationMagnitudes:
    """Values of one scale and what became of each reading."""

    value: FloatArray
    """NaN where the outcome is not `Outcome.USED`."""
    code: NDArray[np.int8]
    """Places in `OUTCOMES`."""

    def outcome(self, index: int) -> Outcome:
        return OUTCOMES[int(self.code[index])]


@dataclass(frozen=True)
class _Terms:
    """What formulas are made of; amplitudes in the unit of the scale's quantity."""

    amplitude: FloatArray
    period: FloatArray
    distance_deg: FloatArray
    depth_km: FloatArray
    hypocentral_km: FloatArray
    curve: FloatArray
    """The scale's table or fitted curve at the station; zeros for a scale without."""
    parameters: Mapping[str, float]


def _wsg(r: FloatArray) -> FloatArray:
    """Return B(R) of the WSG formula, R in km."""
    lg = np.log10(r)
    near, middle, far = 2.11 * lg + 1.32, 1.10 * lg + 3.21, 2.98 * lg - 1.34
    return np.where(r <= 75.0, near, np.where(r <= 264.0, middle, far))


def _ratio(t: _Terms) -> FloatArray:
    """Return lg(A/T), A in nm."""
    return np.log10(t.amplitude / t.period)


def _surface(t: _Terms) -> FloatArray:
    """Return 1.66 lg distance, distance in deg: the Prague formula's."""
    return 1.66 * np.log10(t.distance_deg)


#: By the `formula_id` of a scale.
FORMULAS: dict[str, Callable[[_Terms], FloatArray]] = {
    "kr_wsg": lambda t: 1.84 * (np.log10(t.amplitude / _NM_PER_UM) + _wsg(t.hypocentral_km)),
    "kr_aslanov": lambda t: (
        2.94 + 1.935 * (np.log10(t.amplitude / _NM_PER_UM) + 1.734 * np.log10(t.hypocentral_km))
    ),
    "fitted_sigma": lambda t: _ratio(t) + t.curve,
    "prague": lambda t: np.log10(t.amplitude / _NM_PER_UM / t.period) + _surface(t) + 3.3,
    "surface_at": lambda t: _ratio(t) + _surface(t) + 0.3,
    "surface_velocity": lambda t: np.log10(t.amplitude / (2.0 * np.pi)) + _surface(t) + 0.3,
    # Q of Gutenberg and Richter is for micrometres.
    "body_gr": lambda t: _ratio(t) + t.curve - 3.0,
    "body_mb": lambda t: _ratio(t) + t.curve,
    "body_vc": lambda t: np.log10(2.0 * t.amplitude / t.period) + t.curve,
    "body_velocity": lambda t: np.log10(t.amplitude / (2.0 * np.pi)) + t.curve - 3.0,
    "local": lambda t: (
        np.log10(t.amplitude)
        + 1.11 * np.log10(t.hypocentral_km)
        + 0.00189 * t.hypocentral_km
        - 2.09
    ),
    "lg": lambda t: (
        np.log10(t.amplitude)
        + 0.833 * np.log10(t.hypocentral_km)
        + 0.4343 * t.parameters["gamma_per_km"] * (t.hypocentral_km - 10.0)
        - 0.87
    ),
    "moment": lambda t: (np.log10(t.amplitude) - 9.1) / 1.5,
}
#: What a formula needs to be told that no record holds.
PARAMETERS: dict[str, tuple[str, ...]] = {"lg": ("gamma_per_km",)}


def station_magnitudes(
    scale: Scale,
    amplitude: ArrayLike,
    *,
    second: ArrayLike = np.nan,
    period: ArrayLike = np.nan,
    distance_deg: ArrayLike = np.nan,
    depth_km: ArrayLike = np.nan,
    correction: ArrayLike = 0.0,
    calibration: Calibration | None = None,
    parameters: Mapping[str, float] | None = None,
) -> StationMagnitudes:
    """Return each reading's magnitude on one scale, or why it has none.

    Parameters
    ----------
    amplitude, second : array_like, broadcast together with all that follow
        In the unit of the scale's quantity (nm, nm/s; N m for a moment); NaN: not read. ``second``
        is A_S where the scale adds two, with ``amplitude`` A_P.
    period : array_like
        s; NaN: not given.
    distance_deg : array_like
        Epicentral, on the sphere; NaN: the station's place is not known.
    depth_km : array_like
        NaN: not known. Above sea level counts as the surface.
    correction : array_like
        The station's term, added to the value (`correction_of`).
    calibration : Calibration, optional
        The one in force for the scale.
    parameters : mapping, optional
        Regional constants the formula asks for: ``gamma_per_km`` of mb_Lg.

    Notes
    -----
    Refusals in their order: amplitude missing, not positive; period missing, outside; distance
    unknown, outside; depth unknown, outside; hypocentral distance outside; one of two amplitudes
    missing; no calibration; outside the calibration's range of distance or the table; value
    beyond all sense.
    """
    a, b, t, delta, h, term = (
        np.atleast_1d(x)
        for x in np.broadcast_arrays(
            *(
                np.asarray(x, dtype=np.float64)
                for x in (amplitude, second, period, distance_deg, depth_km, correction)
            )
        )
    )
    code = np.full(a.shape, _CODE[Outcome.USED], dtype=np.int8)
    open_ = np.ones(a.shape, dtype=bool)

    def refuse(where: NDArray[np.bool_], outcome: Outcome) -> None:
        hit = open_ & where
        code[hit] = _CODE[outcome]
        open_[hit] = False

    added = scale.component is Component.P_AND_S
    missing = np.isnan(a)
    alone = missing ^ np.isnan(b)
    refuse(missing & (~alone if added else True), Outcome.AMPLITUDE_MISSING)
    for x in (a, b) if added else (a,):
        refuse(~np.isnan(x) & ~((x > 0.0) & np.isfinite(x)), Outcome.AMPLITUDE_NOT_POSITIVE)
    if added:
        a = a + b
    if scale.divides_by_period:
        refuse(np.isnan(t), Outcome.PERIOD_MISSING)
        refuse(~((t > 0.0) & np.isfinite(t)), Outcome.PERIOD_OUTSIDE)
    if scale.period_s is not None:
        refuse(_outside(t, scale.period_s) & ~np.isnan(t), Outcome.PERIOD_OUTSIDE)
    depth = np.maximum(h, 0.0)
    if scale.quantity is Quantity.MOMENT:
        delta, depth = np.zeros_like(a), np.zeros_like(a)
    refuse(np.isnan(delta), Outcome.DISTANCE_UNKNOWN)
    refuse(_outside(delta, scale.distance_deg), Outcome.DISTANCE_OUTSIDE)
    if "lg Δ" in scale.formula:
        refuse(delta <= 0.0, Outcome.DISTANCE_OUTSIDE)
    if scale.needs_depth:
        refuse(np.isnan(depth), Outcome.DEPTH_UNKNOWN)
    refuse(_outside(depth, scale.depth_km) & ~np.isnan(depth), Outcome.DEPTH_OUTSIDE)
    km = delta * KM_PER_DEGREE
    hypocentral = np.hypot(km, depth)
    if scale.hypocentral_km is not None:
        refuse(_outside(hypocentral, scale.hypocentral_km), Outcome.DISTANCE_OUTSIDE)
    if added:
        refuse(alone, Outcome.COMPONENT_MISSING)
    if not can_be_computed(scale, calibration, parameters):
        refuse(open_.copy(), Outcome.NO_CALIBRATION)
    curve = np.zeros_like(a)
    if calibration is not None:
        refuse(_outside(km, calibration.distance_km), Outcome.DISTANCE_OUTSIDE)
        if calibration.kind == "sigma":
            curve[open_] = calibration.sigma_at(km[open_])
    if scale.calibration:
        curve[open_] = TABLES[scale.calibration].at(delta[open_], depth[open_])
        # Scales end where their tables do; this is for a table that is shorter than its scale.
        refuse(np.isnan(curve), Outcome.DISTANCE_OUTSIDE)
    value = np.full(a.shape, np.nan)
    if open_.any():
        terms = _Terms(
            a[open_], t[open_], delta[open_], depth[open_], hypocentral[open_], curve[open_],
            parameters or {},
        )  # fmt: skip
        offset = calibration.offset if calibration is not None else 0.0
        value[open_] = FORMULAS[scale.formula_id](terms) + offset + term[open_]
        refuse(_outside(value, (SMALLEST, LARGEST)), Outcome.VALUE_OUTSIDE)
        value[~open_] = np.nan
    return StationMagnitudes(value, code)


def can_be_computed(
    scale: Scale, calibration: Calibration | None, parameters: Mapping[str, float] | None = None
) -> bool:
    """Tell whether a scale has the calibration and the constants its formula asks for."""
    if any(name not in (parameters or {}) for name in PARAMETERS.get(scale.formula_id, ())):
        return False
    if scale.status is Status.NEEDS_CALIBRATION:
        return calibration is not None and calibration.kind == "sigma"
    return True


def correction_of(calibration: Calibration | None, network: str, code: str) -> float:
    """Return a station's term of a calibration, 0 for a station it does not know."""
    if calibration is None:
        return 0.0
    return calibration.term(f"{network}.{code}")


def _outside(x: FloatArray, ends: tuple[float, float]) -> NDArray[np.bool_]:
    """Tell what lies outside a closed range; NaN does not lie in it."""
    result: NDArray[np.bool_] = ~((x >= ends[0] - _SLACK) & (x <= ends[1] + _SLACK))
    return result
