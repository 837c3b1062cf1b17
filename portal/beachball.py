"""A focal mechanism as a "beachball": the focal sphere seen from above, drawn by the server.

The lower hemisphere in equal-area projection; where P waves push first is dark. North is up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Points of half a circle; neighbours lie 0.05 of a 100-pixel ball apart at most.
STEPS = 48


@dataclass(frozen=True, slots=True)
class Beachball:
    """Paths for an SVG whose view box is -1.1 -1.1 2.2 2.2; ``dark`` is filled by even and odd."""

    dark: str
    planes: tuple[str, str]
    p: tuple[float, float]
    t: tuple[float, float]


def fault_vectors(strike: float, dip: float, rake: float) -> tuple[FloatArray, FloatArray]:
    """Return the normal of a fault plane and the slip of its hanging wall, unit vectors.

    Components north, east, down; angles in degrees.

    References
    ----------
    Aki and Richards (2002), Quantitative Seismology, 2nd ed., equations 4.88 and 4.89.
    """
    phi, delta, lam = np.radians([strike, dip, rake])
    normal = np.array([-np.sin(delta) * np.sin(phi), np.sin(delta) * np.cos(phi), -np.cos(delta)])
    slip = np.array(
        [
            np.cos(lam) * np.cos(phi) + np.cos(delta) * np.sin(lam) * np.sin(phi),
            np.cos(lam) * np.sin(phi) - np.cos(delta) * np.sin(lam) * np.cos(phi),
            -np.sin(lam) * np.sin(delta),
        ]
    )
    return normal, slip


def is_dark(normal: FloatArray, slip: FloatArray, direction: FloatArray) -> bool:
    """True if the first motion of P leaves the source outwards in a direction."""
    return bool((direction @ normal) * (direction @ slip) > 0)


def projected(vectors: FloatArray) -> FloatArray:
    """Return directions of the lower hemisphere on the disc of radius 1: right and down.

    Parameters
    ----------
    vectors : shape (n, 3)
        Unit vectors north, east, down; those that point up are turned round.
    """
    lower = np.where(vectors[:, 2:] < 0, -vectors, vectors)
    flat = np.hypot(lower[:, 0], lower[:, 1])
    radius = np.sqrt(np.clip(1.0 - lower[:, 2], 0.0, None))
    scale = np.divide(radius, flat, out=np.zeros_like(radius), where=flat > 1e-12)
    return np.column_stack((lower[:, 1] * scale, -lower[:, 0] * scale))


def beachball(strike: float, dip: float, rake: float) -> Beachball:
    """Return the drawing of a double couple of one nodal plane [deg]."""
    normal, slip = fault_vectors(strike, dip, rake)
    # Dark is where both products have one sign: below one plane, or beyond the other, not both.
    halves = (_half(-normal), _half(slip))
    tension, pressure = projected(np.array([normal + slip, normal - slip]) / np.sqrt(2.0)).tolist()
    return Beachball(
        dark="".join(_path(half, close=True) for half in halves),
        planes=(_path(halves[0][: STEPS + 1]), _path(halves[1][: STEPS + 1])),
        p=(round(pressure[0], 3), round(pressure[1], 3)),
        t=(round(tension[0], 3), round(tension[1], 3)),
    )


def _half(towards: FloatArray) -> FloatArray:
    """Return the outline of the part of the lower hemisphere on one side of a plane.

    First along the plane from one end of its strike to the other, then back along the horizon.
    """
    turns = np.linspace(0.0, np.pi, STEPS + 1)[:, None]
    flat = np.hypot(towards[0], towards[1])
    if flat < 1e-9:
        # A level plane: all of the hemisphere lies on one side.
        sign = 1.0 if towards[2] > 0 else 0.0
        around = np.hstack((np.cos(2 * turns), np.sin(2 * turns), 0 * turns))
        drawn = _on_disc(around)
        return np.vstack((drawn, drawn[::-1] if sign == 0.0 else drawn[:1]))
    along = np.array([-towards[1], towards[0], 0.0]) / flat
    down = np.cross(towards, along)
    down = -down if down[2] < 0 else down
    outwards = np.array([towards[0], towards[1], 0.0]) / flat
    plane = np.cos(turns) * along + np.sin(turns) * down
    horizon = -np.cos(turns) * along + np.sin(turns) * outwards
    return np.vstack((_on_disc(plane), _on_disc(horizon)))


def _on_disc(lower: FloatArray) -> FloatArray:
    """Project directions known to be level or below; rounding must not turn one round."""
    return projected(np.column_stack((lower[:, :2], np.clip(lower[:, 2], 0.0, 1.0))))


def _path(points: FloatArray, *, close: bool = False) -> str:
    joined = "L".join(f"{x:.3f} {y:.3f}" for x, y in points.tolist())
    return f"M{joined}{'Z' if close else ''}"
