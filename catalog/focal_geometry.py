"""Geometry of double couples: nodal planes, principal axes, moment tensors, how far two differ.

Vectors are north, east, down; angles in degrees; arrays broadcast, the last axis holds components.
A nodal plane has strike 0-360 with the dip to its right, dip 0-90, rake -180 to 180 (motion of the
hanging wall). A tensor is (Mrr, Mtt, Mpp, Mrt, Mrp, Mtp): up, south, east, as in the Global CMT.

References
----------
Aki & Richards (2002), Quantitative Seismology, 2nd ed., section 4.4 and box 4.4.
Kagan (1991), Geophys. J. Int. 106, 709-716: the least rotation between two double couples.
Zoback (1992), J. Geophys. Res. 97, 11703-11728, table 3: faulting styles, azimuth of SHmax.
Frohlich (1992), Phys. Earth Planet. Inter. 75, 193-198: the triangle of plunges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

#: Below this length a horizontal part has no direction: a level plane, a vertical axis.
_LEVEL = 1e-9


class Planes(NamedTuple):
    """Nodal planes [deg], arrays of one shape."""

    strike: FloatArray
    dip: FloatArray
    rake: FloatArray


class Axes(NamedTuple):
    """Principal axes as unit vectors that point down or level, shape (..., 3) each."""

    t: FloatArray
    b: FloatArray
    """The null axis, N in the tables of the agencies."""
    p: FloatArray


class PrincipalTensor(NamedTuple):
    """A moment tensor led back to its axes."""

    axes: Axes
    moments: FloatArray
    """Eigenvalues along T, B and P [as the tensor], largest first, shape (..., 3)."""

    @property
    def trace(self) -> FloatArray:
        """Sum of the eigenvalues: three times the isotropic part."""
        total: FloatArray = self.moments.sum(axis=-1)
        return total

    @property
    def scalar_moment(self) -> FloatArray:
        """(largest - least) / 2 of the deviatoric part, as the Global CMT states it."""
        moment: FloatArray = (self.moments[..., 0] - self.moments[..., 2]) / 2.0
        return moment

    @property
    def double_couple(self) -> FloatArray:
        """Share of the double couple, 0 to 1: 1 - 2 |least deviatoric| / |largest|."""
        deviatoric = np.abs(self.moments - self.moments.mean(axis=-1, keepdims=True))
        largest = deviatoric.max(axis=-1)
        least = deviatoric.min(axis=-1)
        share: FloatArray = 1.0 - 2.0 * np.divide(
            least, largest, out=np.zeros_like(largest), where=largest > 0
        )
        return share


def _vector(components: Sequence[ArrayLike]) -> FloatArray:
    return np.stack(np.broadcast_arrays(*components), axis=-1).astype(np.float64)


def fault_vectors(
    strike: ArrayLike, dip: ArrayLike, rake: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the upward normal of planes and the slip of their hanging walls, shape (..., 3).

    References
    ----------
    Aki & Richards (2002), equations 4.88 and 4.89.
    """
    phi, delta, lam = (np.radians(np.asarray(a, dtype=np.float64)) for a in (strike, dip, rake))
    normal = _vector(
        (-np.sin(delta) * np.sin(phi), np.sin(delta) * np.cos(phi), -np.cos(delta) + 0 * phi)
    )
    slip = _vector(
        (
            np.cos(lam) * np.cos(phi) + np.cos(delta) * np.sin(lam) * np.sin(phi),
            np.cos(lam) * np.sin(phi) - np.cos(delta) * np.sin(lam) * np.cos(phi),
            -np.sin(lam) * np.sin(delta) + 0 * phi,
        )
    )
    return normal, slip


def planes_of(normal: FloatArray, slip: FloatArray) -> Planes:
    """Return the planes of normals and slips, each the other's negative or not, shape (...)."""
    turned = np.where(normal[..., 2:] > 0.0, -1.0, 1.0)
    n, d = normal * turned, slip * turned
    flat = np.hypot(n[..., 0], n[..., 1])
    level = flat < _LEVEL
    # The strike of a level plane is free: along the slip, so that the rake is 0.
    strike = np.where(level, np.arctan2(d[..., 1], d[..., 0]), np.arctan2(-n[..., 0], n[..., 1]))
    dip = np.arctan2(flat, -n[..., 2])
    along = d[..., 0] * np.cos(strike) + d[..., 1] * np.sin(strike)
    up_dip = _vector((-np.sin(strike) * -np.cos(dip), np.cos(strike) * -np.cos(dip), -np.sin(dip)))
    rake = np.arctan2((d * up_dip).sum(axis=-1), along)
    return Planes(np.degrees(strike) % 360.0, np.degrees(dip), np.degrees(rake))


def auxiliary(strike: ArrayLike, dip: ArrayLike, rake: ArrayLike) -> Planes:
    """Return the other nodal planes."""
    normal, slip = fault_vectors(strike, dip, rake)
    return planes_of(slip, normal)


def down(vector: FloatArray) -> FloatArray:
    """Return axes turned to the lower hemisphere."""
    return np.where(vector[..., 2:] < 0.0, -vector, vector)


def axes_of(normal: FloatArray, slip: FloatArray) -> Axes:
    """Return T, B and P of normals and slips."""
    return Axes(
        down((normal + slip) / np.sqrt(2.0)),
        down(np.cross(normal, slip)),
        down((normal - slip) / np.sqrt(2.0)),
    )


def planes_of_axes(t: FloatArray, p: FloatArray) -> tuple[Planes, Planes]:
    """Return both nodal planes of orthogonal T and P axes, which may point either way."""
    normal, slip = (t + p) / np.sqrt(2.0), (t - p) / np.sqrt(2.0)
    return planes_of(normal, slip), planes_of(slip, normal)


def axis_vector(azimuth: ArrayLike, plunge: ArrayLike) -> FloatArray:
    """Return unit vectors of axes [deg]."""
    a, e = np.radians(np.asarray(azimuth, float)), np.radians(np.asarray(plunge, float))
    return _vector((np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e) + 0 * a))


def azimuth_plunge(vector: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return azimuth 0-360 and plunge 0-90 [deg] of axes, whichever way they point."""
    v = down(vector)
    flat = np.hypot(v[..., 0], v[..., 1])
    azimuth = np.where(flat < _LEVEL, 0.0, np.degrees(np.arctan2(v[..., 1], v[..., 0])) % 360.0)
    return azimuth, np.degrees(np.arctan2(v[..., 2], flat))


def angle_between(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the angle between axes [deg], 0-90."""
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    result: FloatArray = np.degrees(np.arctan2(sine, np.abs((first * second).sum(axis=-1))))
    return result


# --- Moment tensors ------------------------------------------------------------------------------


def tensor_of(normal: FloatArray, slip: FloatArray, moment: ArrayLike = 1.0) -> FloatArray:
    """Return double couples as tensors (Mrr, Mtt, Mpp, Mrt, Mrp, Mtp), shape (..., 6)."""
    m = normal[..., :, None] * slip[..., None, :]
    m = (m + np.swapaxes(m, -1, -2)) * np.asarray(moment, dtype=np.float64)[..., None, None]
    return np.stack(
        (m[..., 2, 2], m[..., 0, 0], m[..., 1, 1], m[..., 0, 2], -m[..., 1, 2], -m[..., 0, 1]),
        axis=-1,
    )


def matrix_of(tensor: ArrayLike) -> FloatArray:
    """Return tensors (Mrr, Mtt, Mpp, Mrt, Mrp, Mtp) as matrices north, east, down."""
    rr, tt, pp, rt, rp, tp = np.moveaxis(np.asarray(tensor, dtype=np.float64), -1, 0)
    rows = ((tt, -tp, rt), (-tp, pp, -rp), (rt, -rp, rr))
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def principal(tensor: ArrayLike) -> PrincipalTensor:
    """Return axes and principal moments of tensors of shape (..., 6)."""
    values, vectors = np.linalg.eigh(matrix_of(tensor))
    columns = [down(vectors[..., :, place]) for place in (2, 1, 0)]
    return PrincipalTensor(Axes(*columns), values[..., ::-1])


# --- How far two differ --------------------------------------------------------------------------


def kagan_angle(first: Axes, second: Axes) -> FloatArray:
    """Return the least rotation that turns one double couple into the other [deg], 0-120.

    A double couple looks the same after half a turn about each axis: of the four rotations the
    least is told.
    """
    dots = []
    for one, other in ((first.t, second.t), (first.b, second.b)):
        dots.append((one * other).sum(axis=-1))
    # The third axis is taken as the right-handed one, whichever way it was given.
    third = (np.cross(first.t, first.b) * np.cross(second.t, second.b)).sum(axis=-1)
    t, b = dots
    traces = np.stack((t + b + third, t - b - third, -t + b - third, -t - b + third))
    cosine = np.clip((traces.max(axis=0) - 1.0) / 2.0, -1.0, 1.0)
    result: FloatArray = np.degrees(np.arccos(cosine))
    return result


def kagan_of_planes(first: Planes, second: Planes) -> FloatArray:
    """Return the least rotation between the double couples of nodal planes [deg]."""
    return kagan_angle(axes_of(*fault_vectors(*first)), axes_of(*fault_vectors(*second)))


# --- Style ---------------------------------------------------------------------------------------

#: Normal, normal with strike slip, strike slip, thrust with strike slip, thrust, undefined.
STYLES = ("NF", "NS", "SS", "TS", "TF", "U")


def style_of(t_plunge: float, b_plunge: float, p_plunge: float) -> str:
    """Return the faulting style of the plunges of the axes [deg] (Zoback 1992, table 3)."""
    if p_plunge >= 52.0 and t_plunge <= 35.0:
        return "NF"
    if 40.0 <= p_plunge < 52.0 and t_plunge <= 20.0:
        return "NS"
    if b_plunge >= 45.0 and (
        (p_plunge < 40.0 and t_plunge <= 20.0) or (p_plunge <= 20.0 and t_plunge < 40.0)
    ):
        return "SS"
    if p_plunge <= 20.0 and 40.0 <= t_plunge < 52.0:
        return "TS"
    if p_plunge <= 35.0 and t_plunge >= 52.0:
        return "TF"
    return "U"


def largest_horizontal_stress(style: str, axes: Axes) -> float | None:
    """Return the azimuth of SHmax [deg], 0-180; None where the style does not tell it."""
    if style == "U":
        return None
    if style == "NF":
        azimuth = azimuth_plunge(axes.b)[0]
    elif style == "NS" or (style == "SS" and azimuth_plunge(axes.t)[1] <= 20.0):
        azimuth = azimuth_plunge(axes.t)[0] + 90.0
    else:
        azimuth = azimuth_plunge(axes.p)[0]
    return float(azimuth) % 180.0


def triangle_of(axes: Axes) -> tuple[FloatArray, FloatArray]:
    """Return where mechanisms lie in Frohlich's triangle: right and up, in units of its plot.

    Thrust (T vertical) lies at the lower right, normal (P vertical) at the lower left, strike slip
    (B vertical) at the top; the middle, all plunges 35.26, is the origin.

    References
    ----------
    Frohlich (1992), equations 4 and 5: a gnomonic projection of the vertical among the axes.
    """
    sines = [np.abs(axis[..., 2]) for axis in axes]
    t, b, p = sines
    length = (t + b + p) / np.sqrt(3.0)
    right = (t - p) / np.sqrt(2.0) / length
    up = (2.0 * b - t - p) / np.sqrt(6.0) / length
    return right, up
