"""Ratios of the amplitudes of S and P: what they say of double couples, beside first motions.

A double couple sends P and S into different directions, so the ratio at a station tells how near
its ray is to a nodal plane, which signs cannot. The ratio of a bulletin's two amplitudes also has a
common part (speeds at the source, free surface, the components read, attenuation) that is not
known and of no interest: it is integrated over, any value as likely as another, and only
differences between stations count. Their scatter is not known either: several are averaged over.

References
----------
Hardebeck & Shearer (2003), Bull. Seismol. Soc. Am. 93, 2434-2444: ratios of whole vectors of S and
P, S leaving along the ray of P.
Hardebeck & Shearer (2008), HASH manual v1.2: a scatter of 0.3 (a factor of two).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from catalog import focal_geometry as geometry
from processing.core.compiling import compiled

FloatArray = NDArray[np.float64]

#: Half, once and twice HASH's scatter of log10 ratios, each as likely as the others. Ours.
SCATTERS = (0.15, 0.3, 0.6)
#: Parts of the largest P below which scattered waves fill in for P and S. Ours, as for signs.
SCATTERED = 0.10
#: Farthest station [km] whose largest P and S still left the source as direct waves. Ours;
#: control files of HASH's users that were seen have 25 to 175, most of them 100 to 120.
REACH_KM = 120.0
#: Fewer have no difference between stations.
LEAST_RATIOS = 2

_BINS = 2048


@dataclass(frozen=True, slots=True)
class Ratios:
    """Amplitude ratios and the directions their rays left the source in, by trial."""

    log_ratio: FloatArray
    """lg(A_S / A_P) of displacements, shape (n,)."""
    azimuth: FloatArray
    """Event to station [deg], shape (trials, n)."""
    takeoff: FloatArray
    """Of the direct P, from the downward vertical [deg], shape (trials, n)."""

    def __post_init__(self) -> None:
        expect_rays(self.azimuth, self.takeoff, len(self.log_ratio))
        if not np.isfinite(self.log_ratio).all():
            raise ValueError("log_ratio: found a value that is not finite")

    def directions(self) -> FloatArray:
        """Unit vectors north, east, down, shape (trials, n, 3)."""
        return geometry.axis_vector(self.azimuth, 90.0 - self.takeoff)


def expect_rays(azimuth: FloatArray, takeoff: FloatArray, count: int) -> None:
    """Refuse directions that are not those of so many rays, by trial."""
    if azimuth.shape != takeoff.shape or azimuth.shape[1:] != (count,):
        raise ValueError(
            f"azimuth, takeoff: found shapes {azimuth.shape}, {takeoff.shape},"
            f" expected (trials, {count})"
        )


def predicted(directions: FloatArray, normal: FloatArray, slip: FloatArray) -> FloatArray:
    """Return lg(F_S / F_P) of one double couple in directions, without the common part.

    F are amplitudes as parts of the largest of P; with the moment tensor M = n d' + d n' and the
    ray g, F_P = g'Mg and F_S = |Mg - F_P g| (Aki & Richards 2002, equation 4.29).

    Parameters
    ----------
    directions : ndarray, shape (..., 3)
    normal, slip : ndarray, shape (3,)
    """
    along, across = directions @ normal, directions @ slip
    p = 2.0 * along * across
    s_squared = np.maximum(along**2 + across**2 - p**2, 0.0)
    result: FloatArray = 0.5 * np.log10((s_squared + SCATTERED**2) / (p**2 + SCATTERED**2))
    return result


def residuals(ratios: Ratios, normal: FloatArray, slip: FloatArray) -> FloatArray:
    """Return log10 residuals of a mechanism, of the first trial and less their mean, shape (n,)."""
    off = ratios.log_ratio - predicted(ratios.directions()[0], normal, slip)
    result: FloatArray = off - off.mean() if len(off) else off
    return result


def log_likelihood(
    log_ratio: FloatArray,
    rays: NDArray[np.float32],
    tensor: NDArray[np.float32],
    square: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return log likelihoods of double couples, shape (trials, m), but for a common constant.

    Parameters
    ----------
    log_ratio : ndarray, shape (n,)
    rays : ndarray, shape (trials, n, 6)
        Their tensors g g', of each trial; products with the next two are F_P and |Mg| squared.
    tensor, square : ndarray, shape (m, 6)
        Of the double couples: M, and n n' + d d', which is M M.
    """
    spread = np.empty((len(rays), len(tensor)), np.float32)
    _spread(rays, log_ratio.astype(np.float32), tensor, square, _table(), spread)
    freedom = len(log_ratio) - 1
    each = [-freedom * math.log(s) - spread / np.float32(2.0 * s * s) for s in SCATTERS]
    result: NDArray[np.float32] = np.logaddexp.reduce(each)
    return result


@cache
def _table() -> NDArray[np.float32]:
    """Return half the lg of a squared amplitude with what scatters, by the square from 0 to 1."""
    square = np.linspace(0.0, 1.0, _BINS + 1)
    return (0.5 * np.log10(square + SCATTERED**2)).astype(np.float32)


@compiled
def _spread(
    rays: NDArray[np.float32],
    log_ratio: NDArray[np.float32],
    tensor: NDArray[np.float32],
    square: NDArray[np.float32],
    table: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    """Sum the squares of the residuals' differences from their mean."""
    trials, n, _ = rays.shape
    last = table.shape[0] - 1
    bins = np.float32(last)
    half = np.float32(0.5)
    for i in range(tensor.shape[0]):
        for j in range(trials):
            total = squares = np.float32(0.0)
            for k in range(n):
                p = q = np.float32(0.0)
                for c in range(6):
                    p += rays[j, k, c] * tensor[i, c]
                    q += rays[j, k, c] * square[i, c]
                p *= p
                place_p = min(int(p * bins + half), last)
                place_s = min(max(int((q - p) * bins + half), 0), last)
                off = log_ratio[k] - (table[place_s] - table[place_p])
                total += off
                squares += off * off
            result[j, i] = max(squares - total * total / np.float32(n), np.float32(0.0))
