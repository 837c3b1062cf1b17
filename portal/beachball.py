"""A focal mechanism as a "beachball": the focal sphere seen from above, drawn by the server.

The lower hemisphere in equal-area projection; where P waves push first is dark. North is up. A
tensor radiates P as the quadratic form of the direction, whose sign changes on a cone about the
axis that stands alone with its sign: of a double couple two planes, with a CLVD part a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from catalog import focal_geometry as geometry
from catalog.focal_geometry import FloatArray

#: Points of half an outline: neighbours lie some hundredths of the ball's radius apart.
STEPS = 48
#: Enough for a ball as high as a few lines of text.
FEW_STEPS = 16
#: Level or above, for an outline: the horizon's own arc stands for it.
_LEVEL = 1e-9

Spot = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Beachball:
    """Paths for an SVG whose view box is -1.1 -1.1 2.2 2.2; ``dark`` is filled by even and odd."""

    dark: str
    planes: tuple[str, str]
    t: Spot
    n: Spot
    p: Spot


def projected(vectors: FloatArray) -> FloatArray:
    """Return directions of the lower hemisphere on the disc of radius 1: right and down.

    Parameters
    ----------
    vectors : shape (n, 3)
        Unit vectors north, east, down; those that point up are turned round.
    """
    lower = geometry.down(vectors)
    flat = np.hypot(lower[:, 0], lower[:, 1])
    radius = np.sqrt(np.clip(1.0 - lower[:, 2], 0.0, None))
    scale = np.divide(radius, flat, out=np.zeros_like(radius), where=flat > 1e-12)
    return np.column_stack((lower[:, 1] * scale, -lower[:, 0] * scale))


def beachball(strike: float, dip: float, rake: float) -> Beachball:
    """Return the drawing of a double couple of one nodal plane [deg]."""
    normal, slip = geometry.fault_vectors(strike, dip, rake)
    return ball_of(normal, slip, geometry.tensor_of(normal, slip))


def ball_of(
    normal: FloatArray, slip: FloatArray, tensor: ArrayLike, steps: int = STEPS
) -> Beachball:
    """Return the drawing of a tensor, with planes and axes of a double couple over it."""
    axes = geometry.axes_of(normal, slip)
    t, n, p = projected(np.stack(axes)).round(3).tolist()
    return Beachball(
        dark=dark_of(tensor, steps),
        planes=(_path(_plane(normal, steps)), _path(_plane(slip, steps))),
        t=(t[0], t[1]),
        n=(n[0], n[1]),
        p=(p[0], p[1]),
    )


def dark_of(tensor: ArrayLike, steps: int = STEPS) -> str:
    """Return the outline of where a tensor of shape (6,) pushes first; "" where nowhere."""
    axes, moments = geometry.principal(tensor)
    t, b, p = axes
    largest, middle, least = (float(m) for m in moments)
    disc = "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0Z"
    if least >= 0.0 or largest <= 0.0:
        return disc if largest > 0.0 else ""
    # The axis whose sign is its own is that of the cone; the sign of the middle one tells which.
    if middle >= 0.0:
        return disc + _cone(p, t, b, (-least, largest, middle), steps)
    return _cone(t, p, b, (largest, -least, -middle), steps)


def _cone(
    axis: FloatArray,
    second: FloatArray,
    third: FloatArray,
    moments: tuple[float, float, float],
    steps: int,
) -> str:
    """Return both halves of a cone in the lower hemisphere; no moment (own, a, b) is below 0.

    Its directions keep own cos^2 = (a cos^2 turn + b sin^2 turn) sin^2 of their angle to the axis.
    """
    own, a, b = moments
    turn = np.linspace(0.0, 2.0 * np.pi, 4 * steps, endpoint=False)
    across = np.cos(turn)[:, None] * second + np.sin(turn)[:, None] * third
    open_to = np.arctan2(np.sqrt(own), np.sqrt(a * np.cos(turn) ** 2 + b * np.sin(turn) ** 2))
    ring = np.cos(open_to)[:, None] * axis + np.sin(open_to)[:, None] * across
    outlines = (_below_horizon(ring, axis, steps), _below_horizon(-ring, -axis, steps))
    return "".join(_path(outline, close=True) for outline in outlines if len(outline) > 2)


def _below_horizon(ring: FloatArray, axis: FloatArray, steps: int) -> FloatArray:
    """Return an outline about an axis cut at the horizon, on the disc, shape (m, 2)."""
    inside = ring[:, 2] > _LEVEL
    if inside.all():
        return _on_disc(ring)
    if not inside.any():
        return np.empty((0, 2))
    after = np.roll(ring, -1, axis=0)
    leaves = int(np.flatnonzero(inside & ~np.roll(inside, -1))[0])
    enters = int(np.flatnonzero(~inside & np.roll(inside, -1))[0])
    out, back = _level(ring[leaves], after[leaves]), _level(ring[enters], after[enters])
    # A cone is convex: it meets the horizon twice at most, and holds the arc on its axis's side.
    number = (leaves - enters - 1) % len(ring) + 1
    kept = ring[(enters + 1 + np.arange(number)) % len(ring)]
    return _on_disc(np.vstack((back, kept, out, _horizon(out, back, axis, steps))))


def _level(here: FloatArray, there: FloatArray) -> FloatArray:
    """Return the level direction between two, one below the horizon and one not."""
    share = here[2] / (here[2] - there[2])
    edge = here + share * (there - here)
    level: FloatArray = np.array([[edge[0], edge[1], 0.0]]) / np.hypot(edge[0], edge[1])
    return level


def _horizon(out: FloatArray, back: FloatArray, axis: FloatArray, steps: int) -> FloatArray:
    """Return level directions from one to another, through the side an axis points to."""
    start, end = (np.arctan2(v[0, 1], v[0, 0]) for v in (out, back))
    span = (end - start + np.pi) % (2.0 * np.pi) - np.pi
    if abs(np.sin(span / 2.0)) < 1e-4 and abs(span) < 1.0:
        return np.empty((0, 3))  # it came back where it left
    middle = start + span / 2.0
    if np.cos(middle) * axis[0] + np.sin(middle) * axis[1] < 0.0:
        span -= 2.0 * np.pi * np.sign(span)
    turns = start + span * np.linspace(0.0, 1.0, steps)[1:-1]
    return np.column_stack((np.cos(turns), np.sin(turns), np.zeros_like(turns)))


def _plane(normal: FloatArray, steps: int) -> FloatArray:
    """Return a plane's line in the lower hemisphere from end to end of its strike."""
    turns = np.linspace(0.0, np.pi, steps + 1)[:, None]
    flat = np.hypot(normal[0], normal[1])
    if flat < _LEVEL:  # level: the whole rim
        return _on_disc(np.hstack((np.cos(2 * turns), np.sin(2 * turns), 0 * turns)))
    along = np.array([-normal[1], normal[0], 0.0]) / flat
    return _on_disc(np.cos(turns) * along + np.sin(turns) * geometry.down(np.cross(normal, along)))


def _on_disc(lower: FloatArray) -> FloatArray:
    """Project directions known to be level or below; rounding must not turn one round."""
    return projected(np.column_stack((lower[:, :2], np.clip(lower[:, 2], 0.0, 1.0))))


def _path(points: FloatArray, *, close: bool = False) -> str:
    joined = "L".join(f"{x:.3f} {y:.3f}" for x, y in points.tolist())
    return f"M{joined}{'Z' if close else ''}"
