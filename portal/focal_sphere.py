"""The focal sphere of first motions: polarities, accepted planes, axes, as numbers for an SVG.

Lower hemisphere, equal area, north up, as beachballs are drawn (``portal.beachball``). A ray that
goes up is plotted at the opposite point, where the motion is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Axes, Planes
from portal.beachball import projected

FloatArray = NDArray[np.float64]

#: Points of a nodal line: told ones smooth, the many accepted ones just so.
FINE, COARSE = 49, 19


@dataclass(frozen=True, slots=True)
class Spot:
    """A station on the sphere."""

    x: float
    y: float
    kind: str
    """up, down, or out: not in use."""
    contradicting: bool
    title: str


@dataclass(frozen=True, slots=True)
class Sphere:
    """What an SVG of view box -1.2 -1.2 2.4 2.4 draws."""

    accepted: str
    """One path of all accepted nodal lines."""
    planes: tuple[str, str]
    before: tuple[str, ...]
    """Nodal lines of the mechanism in force, where another is tried."""
    axes: tuple[tuple[str, float, float], ...]
    """T and P."""
    spots: tuple[Spot, ...]


def place(azimuth: ArrayLike, takeoff: ArrayLike) -> FloatArray:
    """Return where rays leave the sphere, right and down from its centre, shape (n, 2).

    Parameters
    ----------
    azimuth : array_like, shape (n,)
        Event to station [deg].
    takeoff : array_like, shape (n,)
        From the downward vertical [deg].
    """
    return projected(geometry.axis_vector(azimuth, 90.0 - np.asarray(takeoff, dtype=np.float64)))


def nodal_line(strike: float, dip: float, points: int = FINE) -> str:
    """Return the path of a plane [deg] across the lower hemisphere."""
    phi, delta = np.radians(strike), np.radians(dip)
    turn = np.linspace(0.0, np.pi, points)[:, None]
    along = np.array([np.cos(phi), np.sin(phi), 0.0])
    down = np.array([-np.sin(phi) * np.cos(delta), np.cos(phi) * np.cos(delta), np.sin(delta)])
    line = np.cos(turn) * along + np.sin(turn) * down
    # Its ends lie level: rounding must not turn one round.
    line[:, 2] = np.clip(line[:, 2], 0.0, 1.0)
    return "M" + "L".join(f"{x:.3f} {y:.3f}" for x, y in projected(line).tolist())


def sphere(
    planes: tuple[Planes, Planes],
    axes: Axes,
    accepted: Planes,
    spots: Iterable[Spot],
    before: tuple[Planes, ...] = (),
) -> Sphere:
    """Return the drawing of a mechanism and of what else the polarities allow."""
    normal, slip = geometry.fault_vectors(*accepted)
    both = (accepted, geometry.planes_of(slip, normal))
    lines = [
        nodal_line(strike, dip, COARSE)
        for plane in both
        for strike, dip in zip(plane.strike.tolist(), plane.dip.tolist(), strict=True)
    ]
    places = projected(np.stack((axes.t, axes.p))).tolist()
    first, second = (nodal_line(float(p.strike), float(p.dip)) for p in planes)
    return Sphere(
        accepted="".join(lines),
        planes=(first, second),
        before=tuple(nodal_line(float(p.strike), float(p.dip)) for p in before),
        axes=tuple(
            (name, round(x, 3), round(y, 3)) for name, (x, y) in zip("TP", places, strict=True)
        ),
        spots=tuple(spots),
    )
