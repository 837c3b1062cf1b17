"""Mechanisms of a search in pictures of numbers: triangle of styles, stress rose, composite, axes.

References
----------
Frohlich (1992), Phys. Earth Planet. Inter. 75, 193-198: the triangle, its limits of 50 and 60
degrees of plunge.
Zoback (1992), J. Geophys. Res. 97, 11703-11728: azimuth of SHmax by style.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from catalog import focal_geometry as geometry
from catalog.focal_geometry import STYLES, Axes, FloatArray
from catalog.whole_mechanisms import NOTHING, Wholes
from portal.beachball import Beachball, ball_of

BIN_DEG = 10
#: Least plunges [deg] at which Frohlich calls a mechanism thrust, strike slip, normal.
FROHLICH_DEG = {"T": 50.0, "B": 60.0, "P": 60.0}
#: Dots of the triangle: those of the newest. Ours.
MOST_DOTS = 2000
#: Concentration of the smoothing of axes: half its weight lies within some 12 degrees. Ours.
CONCENTRATION = 30.0
CELLS = 24
#: Densities from which a cell is darker, in times of axes spread evenly. Ours.
LEVELS = (1.5, 3.0, 6.0, 12.0)


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: str
    style: str


@dataclass(frozen=True, slots=True)
class Triangle:
    """Right and down, in a view box of -1.5 -1.65 3 2.65."""

    dots: list[Dot]
    outline: str
    limits: list[str]
    frohlich: dict[str, int]
    """Number by Frohlich's words: thrust, strike slip, normal, odd."""


@dataclass(frozen=True, slots=True)
class Wedge:
    """A bin of the rose with its number."""

    start: int
    number: int
    paths: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rose:
    """Azimuths without a direction in bins; areas are as numbers, in a view box of radius 1."""

    wedges: list[Wedge]
    number: int
    undefined: int
    most: int

    @property
    def strongest(self) -> list[Wedge]:
        return [w for w in self.wedges if w.number == self.most and w.number]


@dataclass(frozen=True, slots=True)
class Composite:
    """The mean of unit double couples."""

    ball: Beachball | None
    consistency: float
    """Length of the mean tensor as a part of one mechanism's, 0 to 1."""
    t: tuple[float, float]
    p: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Density:
    """Where axes point, as squares on the lower hemisphere."""

    axis: str
    levels: list[tuple[int, str]]
    peak: float
    """The largest density, in times of axes spread evenly."""
    azimuth: float
    plunge: float


@dataclass(frozen=True, slots=True)
class Pictures:
    number: int
    unknown: int
    """Mechanisms of which too little is known."""
    styles: dict[str, int]
    triangle: Triangle
    rose: Rose
    composite: Composite
    densities: list[Density]


def pictures_of(found: Wholes) -> Pictures | None:
    """Return what mechanisms show together; None where nothing is known of any."""
    known = found.source != NOTHING
    number = int(known.sum())
    if not number:
        return None
    styles = [found.style(int(place)) for place in np.flatnonzero(known)]
    axes = Axes(*(axis[known] for axis in found.axes))
    counted = Counter(styles)
    return Pictures(
        number,
        len(known) - number,
        {style: counted[style] for style in STYLES},
        _triangle(axes, found.plunges[known], styles),
        _rose(axes, styles),
        _composite(found.normal[known], found.slip[known]),
        [_density("T", axes.t), _density("P", axes.p)],
    )


# --- Triangle ------------------------------------------------------------------------------------


def _triangle(axes: Axes, plunges: FloatArray, styles: list[str]) -> Triangle:
    right, up = geometry.triangle_of(Axes(*(axis[:MOST_DOTS] for axis in axes)))
    dots = [
        Dot(f"{x:.3f}", f"{-y:.3f}", style)
        for x, y, style in zip(right, up, styles[:MOST_DOTS], strict=True)
    ]
    corners = np.eye(3)
    at, height = geometry.triangle_of(Axes(*(_upright(corners[:, place]) for place in range(3))))
    limits = []
    turn = np.linspace(0.0, np.pi / 2, 25)
    for place, least in enumerate(FROHLICH_DEG.values()):
        angle = math.radians(least)
        sines = [np.cos(turn) * math.cos(angle), np.sin(turn) * math.cos(angle)]
        sines.insert(place, np.full_like(turn, math.sin(angle)))
        limits.append(_line(*geometry.triangle_of(Axes(*map(_upright, sines)))))
    t, b, p = (plunges[:, place] >= least for place, least in enumerate(FROHLICH_DEG.values()))
    kinds = {"thrust": t, "strike-slip": b, "normal": p, "odd": ~(t | b | p)}
    return Triangle(
        dots, _line(at, height) + "Z", limits, {name: int(k.sum()) for name, k in kinds.items()}
    )


def _upright(sine: FloatArray) -> FloatArray:
    """Return vectors of which only the part downwards counts."""
    zero = np.zeros_like(sine)
    return np.stack((zero, zero, sine), axis=-1)


def _line(right: FloatArray, up: FloatArray) -> str:
    return "M" + "L".join(f"{x:.3f} {-y:.3f}" for x, y in zip(right, up, strict=True))


# --- Rose ----------------------------------------------------------------------------------------


def _rose(axes: Axes, styles: list[str]) -> Rose:
    azimuths = [
        geometry.largest_horizontal_stress(style, Axes(*(axis[place] for axis in axes)))
        for place, style in enumerate(styles)
    ]
    return rose_of(azimuths)


def rose_of(azimuths: Iterable[float | None]) -> Rose:
    """Return the rose of azimuths 0-180 [deg]; those of None are counted apart."""
    bins = [0] * (180 // BIN_DEG)
    undefined = 0
    for azimuth in azimuths:
        if azimuth is None:
            undefined += 1
        else:
            bins[int(azimuth % 180.0 // BIN_DEG)] += 1
    most = max(bins)
    wedges = [
        Wedge(place * BIN_DEG, n, (_wedge(place * BIN_DEG, n, most),
                                   _wedge(place * BIN_DEG + 180, n, most)))
        for place, n in enumerate(bins)
    ]  # fmt: skip
    return Rose(wedges, sum(bins), undefined, most)


def _wedge(start: int, number: int, most: int) -> str:
    if not number:
        return ""
    r = math.sqrt(number / most)
    ends = [math.radians(start), math.radians(start + BIN_DEG)]
    (x1, y1), (x2, y2) = [(r * math.sin(a), -r * math.cos(a)) for a in ends]
    return f"M0 0L{x1:.3f} {y1:.3f}A{r:.3f} {r:.3f} 0 0 1 {x2:.3f} {y2:.3f}Z"


# --- Composite and axes --------------------------------------------------------------------------


def _composite(normal: FloatArray, slip: FloatArray) -> Composite:
    mean = geometry.tensor_of(normal, slip).mean(axis=0)
    # A unit double couple has the eigenvalues 1, 0, -1: its length is the root of 2.
    consistency = float(np.linalg.norm(geometry.matrix_of(mean))) / math.sqrt(2.0)
    axes = geometry.principal(mean).axes
    ball = None
    if consistency > 1e-6:
        n, d = (axes.t + axes.p) / math.sqrt(2.0), (axes.t - axes.p) / math.sqrt(2.0)
        ball = ball_of(n, d, mean)
    return Composite(ball, min(consistency, 1.0), _angles(axes.t), _angles(axes.p))


def _angles(axis: FloatArray) -> tuple[float, float]:
    azimuth, plunge = geometry.azimuth_plunge(axis)
    return float(azimuth), float(plunge)


def _density(name: str, axes: FloatArray) -> Density:
    step = 2.0 / CELLS
    middles = np.arange(CELLS) * step - 1.0 + step / 2.0
    x, y = (grid.ravel() for grid in np.meshgrid(middles, middles))
    inside = x * x + y * y <= 1.0
    x, y = x[inside], y[inside]
    density = density_at(_direction(x, y), axes)
    level = np.digitize(density, LEVELS)
    half = step / 2.0
    levels = [
        (
            number,
            "".join(
                f"M{a - half:.3f} {b - half:.3f}h{step:.3f}v{step:.3f}h-{step:.3f}z"
                for a, b in zip(x[level == number], y[level == number], strict=True)
            ),
        )
        for number in range(1, len(LEVELS) + 1)
        if (level == number).any()
    ]
    place = int(density.argmax())
    azimuth, plunge = _angles(_direction(x[place : place + 1], y[place : place + 1])[0])
    return Density(name, levels, float(density[place]), azimuth, plunge)


def density_at(directions: FloatArray, axes: FloatArray) -> FloatArray:
    """Return how dense axes lie about directions, in times of axes spread evenly.

    Each axis is smoothed by Watson's form exp(k (|cosine| - 1)), whose mean over the sphere is
    taken out.

    Parameters
    ----------
    directions, axes : shape (m, 3), (n, 3)
        Unit vectors.
    """
    k = CONCENTRATION
    even = (1.0 - math.exp(-k)) / k
    weights = np.exp(k * (np.abs(directions @ axes.T) - 1.0))
    result: FloatArray = weights.mean(axis=1) / even
    return result


def _direction(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the directions of spots of the equal-area disc: the contrary of ``projected``."""
    square = x * x + y * y
    scale = np.sqrt(np.clip(2.0 - square, 0.0, None))
    return np.column_stack((-y * scale, x * scale, 1.0 - square))
