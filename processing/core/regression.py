"""Straight lines between two magnitude scales where both have errors.

Least squares of one scale on the other flattens the line, and each of its two directions another
way, so neither is turned round: a relation for both directions is the orthogonal one. The ratio of
the error variances decides where between the two it lies; it is told with every line.

References
----------
Deming (1943), Statistical adjustment of data. Wiley.

Castellaro, Mulargia & Kagan (2006), Geophys. J. Int. 165, 913-930, on magnitudes.
doi:10.1111/j.1365-246X.2006.02955.x

York, Evensen, Martínez & De Basabe (2004), Am. J. Phys. 72, 367-375: the line of orthogonal
distances where every point has its own errors. doi:10.1119/1.1632486
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Fit = Callable[..., tuple[float, float]]

METHOD = "kz-portal/regression/1"
MINIMUM_PAIRS = 20
"""Ours: fewer tell little of a line with errors on both sides."""
MINIMUM_RANGE = 1.0
"""Ours: of the first scale, in its units."""
YORK_ROUNDS, YORK_CLOSE = 100, 1e-12


class NoLine(ValueError):
    """No line can be told: a code and what was found and needed."""

    def __init__(self, code: str, found: float, needed: float) -> None:
        super().__init__(f"{code}: {found:g}, {needed:g} are needed")
        self.code, self.found, self.needed = code, found, needed


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x; errors by the jackknife."""

    kind: str
    """"deming", "york", "ols" (of y on x) or "ols-inverse" (of x on y, written as y of x)."""
    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    residual_sigma: float
    """Of y about the line, n - 2 degrees of freedom."""


@dataclass(frozen=True)
class Regression:
    """The orthogonal line, and both of ordinary least squares beside it for comparison."""

    orthogonal: Line
    ols: Line
    ols_inverse: Line
    """x on y, solved for y: where the truth lies between this and `ols`."""
    error_ratio: float
    """Variance of y's errors over that of x's."""
    correlation: float
    pairs: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]


def deming(x: ArrayLike, y: ArrayLike, error_ratio: float = 1.0) -> tuple[float, float]:
    """Return slope and intercept of the line of least distances.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Pairs, in the units of their scales.
    error_ratio : float
        Variance of y's errors over that of x's; 1: distances at right angles to the line.

    Notes
    -----
    slope = [s_yy - r s_xx + sqrt((s_yy - r s_xx)^2 + 4 r s_xy^2)] / (2 s_xy), r the error ratio.
    """
    a, b = _pair(x, y)
    if not (math.isfinite(error_ratio) and error_ratio > 0.0):
        raise ValueError("the ratio of error variances is a positive number")
    dx, dy = a - a.mean(), b - b.mean()
    s_xx, s_yy, s_xy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    if s_xy == 0.0:
        raise NoLine("no-correlation", 0.0, 0.0)
    tilt = s_yy - error_ratio * s_xx
    slope = (tilt + math.sqrt(tilt**2 + 4.0 * error_ratio * s_xy**2)) / (2.0 * s_xy)
    return slope, float(b.mean() - slope * a.mean())


def york(x: ArrayLike, y: ArrayLike, sigma_x: ArrayLike, sigma_y: ArrayLike) -> tuple[float, float]:
    """Return slope and intercept where every point has its own errors (orthogonal distance).

    Parameters
    ----------
    x, y, sigma_x, sigma_y : array_like, shape (n,)
        Pairs and their standard errors, which are positive; errors of a pair are not correlated.

    Notes
    -----
    York et al. (2004), the iteration of their section III; with the same errors everywhere it is
    `deming` of their ratio.
    """
    a, b = _pair(x, y)
    sx, sy = np.asarray(sigma_x, dtype=np.float64), np.asarray(sigma_y, dtype=np.float64)
    if sx.shape != a.shape or sy.shape != a.shape or not ((sx > 0).all() and (sy > 0).all()):
        raise ValueError("every pair needs two positive errors")
    wx, wy = 1.0 / sx**2, 1.0 / sy**2
    slope, intercept = deming(a, b, float(np.median(sy) / np.median(sx)) ** 2)
    for _round in range(YORK_ROUNDS):
        w = wx * wy / (wx + slope**2 * wy)
        mean_x, mean_y = float(w @ a / w.sum()), float(w @ b / w.sum())
        u, v = a - mean_x, b - mean_y
        beta = w * (u / wy + slope * v / wx)
        found = float((w * beta) @ v / ((w * beta) @ u))
        near = abs(found - slope) < YORK_CLOSE * max(1.0, abs(found))
        slope, intercept = found, mean_y - found * mean_x
        if near:
            break
    return slope, intercept


def ols(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Return slope and intercept of least squares of y on x: for predicting, never turned round."""
    a, b = _pair(x, y)
    dx = a - a.mean()
    slope = float(dx @ b / (dx @ dx))
    return slope, float(b.mean() - slope * a.mean())


def ols_inverse(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Return least squares of x on y, written as y of x."""
    slope, intercept = ols(y, x)
    if slope == 0.0:
        raise NoLine("no-correlation", 0.0, 0.0)
    return 1.0 / slope, -intercept / slope


def regress(x: ArrayLike, y: ArrayLike, error_ratio: float = 1.0) -> Regression:
    """Return the orthogonal line of pairs with errors on both sides, and those beside it.

    Parameters
    ----------
    x, y, error_ratio
        As of `deming`.

    Raises
    ------
    NoLine
        ``too-few-pairs``, ``narrow-range`` of x, or ``no-correlation``.
    """
    a, b = _pair(x, y)
    if a.size < MINIMUM_PAIRS:
        raise NoLine("too-few-pairs", a.size, MINIMUM_PAIRS)
    span = float(np.ptp(a))
    if span < MINIMUM_RANGE:
        raise NoLine("narrow-range", span, MINIMUM_RANGE)
    if float(np.ptp(b)) == 0.0:
        raise NoLine("no-correlation", 0.0, 0.0)
    correlation = float(np.corrcoef(a, b)[0, 1])
    return Regression(
        orthogonal=_line("deming", lambda p, q: deming(p, q, error_ratio), a, b),
        ols=_line("ols", ols, a, b),
        ols_inverse=_line("ols-inverse", ols_inverse, a, b),
        error_ratio=error_ratio,
        correlation=correlation,
        pairs=a.size,
        x_range=(float(a.min()), float(a.max())),
        y_range=(float(b.min()), float(b.max())),
    )


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("pairs are two finite arrays of one length")
    return a, b


JACKKNIFE_PARTS = 200
"""Of more pairs, so many parts are left out in turn."""


def _line(kind: str, fit: Fit, x: FloatArray, y: FloatArray) -> Line:
    slope, intercept = fit(x, y)
    parts = min(x.size, JACKKNIFE_PARTS)
    # Pairs come in order of time: every part has some of all times.
    part = np.arange(x.size) % parts
    others = np.array([fit(x[part != p], y[part != p]) for p in range(parts)])
    errors = np.sqrt((parts - 1) / parts * ((others - others.mean(axis=0)) ** 2).sum(axis=0))
    residual = y - intercept - slope * x
    return Line(
        kind,
        slope,
        intercept,
        float(errors[0]),
        float(errors[1]),
        math.sqrt(float(residual @ residual) / max(x.size - 2, 1)),
    )
