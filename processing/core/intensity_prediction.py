"""Intensity expected at a distance, by published attenuation equations for Central Asia.

All take MLH and give MSK-64. MPVA is never put in: it runs a grade too high.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalog.scales import CONVERTED_SIGMA, KR_A_UNIT, KR_OF_ZERO

FloatArray = NDArray[np.float64]

#: Shallower sources are taken as so deep: the equations grow without bound towards 0. Ours.
LEAST_DEPTH_KM = 5.0

#: Of a source whose depth is not known: that of the equation of fixed depth. Ours.
DEPTH_WITHOUT_KM = 15.0

#: No radius is told beyond it. Ours.
FARTHEST_KM = 2000.0

#: Intensities are told in half grades, and not at all below this one. Ours (docs/macroseismics.md).
SHOWN_FROM = 3.0


@dataclass(frozen=True, slots=True)
class IntensityModel:
    """An intensity prediction equation.

    I = a M + b - c lg(sqrt(R^2 + h^2) / h0) - d (sqrt(R^2 + h^2) - h1), R epicentral distance,
    h depth [km]; Bindi et al. divide by h and take it off (h0 = h1 = h), Shebalin does neither.
    """

    id: str
    name: str
    reference: str
    a: float
    b: float
    c: float
    d: float
    relative_to_depth: bool
    fixed_depth_km: float | None
    """The depth the equation is made for, whatever the event's is."""
    sigma: float | None
    """Standard deviation of one observation [grades]; None where the source states none."""


#: Bindi, Parolai, Oth, Abdrakhmatov, Muraliev & Zschau (2011), Geophys. J. Int. 187, 327-337.
_BINDI = "Bindi et al. (2011), Geophys. J. Int. 187, 327-337"

MODELS: dict[str, IntensityModel] = {
    m.id: m
    for m in (
        IntensityModel(
            "bindi-2011-fixed", "Bindi 2011 (h = 15 km)", _BINDI,
            1.049, 0.686, 2.706, 0.0001811, True, 15.0, 0.689,
        ),
        IntensityModel(
            "bindi-2011-free", "Bindi 2011 (own depth)", _BINDI,
            0.898, 1.215, 1.809, 0.003447, True, None, 0.737,
        ),
        IntensityModel(
            "shebalin", "Blake-Shebalin", "Blake-Shebalin, a = 3.5, b = 3.0",
            1.5, 3.0, 3.5, 0.0, False, None, None,
        ),
    )
}  # fmt: skip

#: The smaller sigma, nearest to what was observed in 2014, and deaf to an uncertain depth.
DEFAULT = "bindi-2011-fixed"
ALTERNATIVE = "shebalin"

#: Scales that may go in as they are, the best first.
INPUT_SCALES = ("MLH", "MLV", "MS")


@dataclass(frozen=True, slots=True)
class InputMagnitude:
    """The magnitude that goes into a prediction, and where it comes from."""

    value: float
    scale: str
    """Its own, or KR."""
    source_value: float
    """As it was given: the same, or the energy class."""
    converted: bool
    sigma: float | None
    """Of the conversion; None where nothing was converted."""


def input_magnitude(sizes: Mapping[str, float]) -> InputMagnitude | None:
    """Return what an event's sizes offer for a prediction; None where they offer nothing.

    Parameters
    ----------
    sizes : mapping
        Scale -> value. MLH, then MLV, then MS; else (KR - 4) / 1.8, marked as converted. MPVA,
        mb, ML and Mw are not taken: no published relation to MLH is known for them here.
    """
    for scale in INPUT_SCALES:
        if scale in sizes:
            return InputMagnitude(sizes[scale], scale, sizes[scale], False, None)
    if "KR" in sizes:
        kr = sizes["KR"]
        return InputMagnitude((kr - KR_OF_ZERO) / KR_A_UNIT, "KR", kr, True, CONVERTED_SIGMA)
    return None


def predict(
    model: IntensityModel, magnitude: ArrayLike, depth_km: ArrayLike, epicentral_km: ArrayLike
) -> tuple[FloatArray, float | None]:
    """Return the mean intensity [grades of MSK-64] and the model's sigma.

    Parameters
    ----------
    model : IntensityModel
    magnitude, depth_km, epicentral_km : array_like, broadcast together
        MLH; depth [km], of no effect on a model of fixed depth; epicentral distance [km].
    """
    h = model.fixed_depth_km or np.maximum(np.asarray(depth_km, dtype=np.float64), LEAST_DEPTH_KM)
    hypocentral = np.hypot(np.asarray(epicentral_km, dtype=np.float64), h)
    reference, offset = (h, h) if model.relative_to_depth else (1.0, 0.0)
    mean: FloatArray = np.asarray(
        model.a * np.asarray(magnitude, dtype=np.float64)
        + model.b
        - model.c * np.log10(hypocentral / reference)
        - model.d * (hypocentral - offset)
    )
    return mean, model.sigma


def magnitude_for(
    model: IntensityModel, intensity: ArrayLike, depth_km: ArrayLike, epicentral_km: ArrayLike
) -> FloatArray:
    """Return the magnitude [MLH] at which the model's mean is an intensity: its inverse in M."""
    at_zero, _ = predict(model, 0.0, depth_km, epicentral_km)
    result: FloatArray = (np.asarray(intensity, dtype=np.float64) - at_zero) / model.a
    return result


def radii_km(
    model: IntensityModel, magnitude: float, depth_km: float, intensity: ArrayLike
) -> FloatArray:
    """Return the epicentral distances [km] at which the mean falls to grades, by bisection.

    NaN where a grade is not reached at all; never beyond ``FARTHEST_KM``.
    """
    grades = np.atleast_1d(np.asarray(intensity, dtype=np.float64))
    near, far = np.zeros_like(grades), np.full_like(grades, FARTHEST_KM)
    for _ in range(40):
        middle = (near + far) / 2.0
        reached = predict(model, magnitude, depth_km, middle)[0] >= grades
        near, far = np.where(reached, middle, near), np.where(reached, far, middle)
    at_epicentre, _sigma = predict(model, magnitude, depth_km, 0.0)
    return np.where(at_epicentre >= grades, far, np.nan)


def radius_km(
    model: IntensityModel, magnitude: float, depth_km: float, intensity: float
) -> float | None:
    """Return the distance of one grade [km]; None where it is not reached at all."""
    radius = float(radii_km(model, magnitude, depth_km, intensity)[0])
    return None if math.isnan(radius) else radius


def half_grade(intensity: float) -> float:
    """Return an intensity to the half grade, within 1 to 12."""
    return min(max(math.floor(2.0 * intensity + 0.5) / 2.0, 1.0), 12.0)


def shown_range(mean: float, sigma: float | None) -> tuple[float, float] | None:
    """Return what is shown of a prediction: mean less and plus sigma, in half grades.

    None where the mean itself, in half grades, is below III: too weak to be told as felt. A model
    without sigma gives its mean twice.
    """
    if half_grade(mean) < SHOWN_FROM:
        return None
    spread = sigma or 0.0
    return half_grade(mean - spread), half_grade(mean + spread)
