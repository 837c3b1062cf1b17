"""Plots as numbers for an SVG template: frames, ticks, paths. They need no script and no picture.

Positions are those of the drawing's view box; templates draw them, style sheets colour them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray

from portal.templatetags.seismo import decimal

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A dot, with what it says when pointed at and the class that styles it."""

    x: float
    y: float
    kind: str
    title: str = ""


@dataclass(frozen=True)
class Path:
    d: str
    kind: str
    label: str = ""
    #: Where the label stands.
    x: float = 0.0
    y: float = 0.0


@dataclass
class Plot:
    """A drawing with two linear axes; the vertical one grows upwards unless ``down``."""

    x_from: float
    x_to: float
    y_from: float
    y_to: float
    width: int = 480
    height: int = 300
    left: int = 46
    right: int = 12
    top: int = 12
    bottom: int = 30
    down: bool = False
    paths: list[Path] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def x(self, value: float) -> float:
        share = (value - self.x_from) / (self.x_to - self.x_from)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        share = (value - self.y_from) / (self.y_to - self.y_from)
        room = self.height - self.top - self.bottom
        return round(self.top + (share if self.down else 1.0 - share) * room, 1)

    @property
    def inner(self) -> dict[str, float]:
        """The box between the axes."""
        return {
            "x": self.left,
            "y": self.top,
            "width": self.width - self.left - self.right,
            "height": self.height - self.top - self.bottom,
            "right": self.width - self.right,
            "bottom": self.height - self.bottom,
            "middle": self.left + (self.width - self.left - self.right) / 2,
            "centre": self.top + (self.height - self.top - self.bottom) / 2,
        }

    @property
    def x_ticks(self) -> list[Tick]:
        return [Tick(self.x(v), label) for v, label in ticks(self.x_from, self.x_to)]

    @property
    def y_ticks(self) -> list[Tick]:
        return [Tick(self.y(v), label) for v, label in ticks(self.y_from, self.y_to)]

    def line(self, x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray) -> str:
        """Return a path through the points, broken where one is no number or leaves the frame."""
        low, high = sorted((self.y_from, self.y_to))
        parts, drawing = [], False
        for one, other in zip(x, y, strict=True):
            if not (math.isfinite(one) and math.isfinite(other) and low <= other <= high):
                drawing = False
                continue
            parts.append(f"{'L' if drawing else 'M'}{self.x(one)} {self.y(other)}")
            drawing = True
        return "".join(parts)

    def mark(self, x: float, y: float, kind: str, title: str = "") -> None:
        """Add a dot; one beyond the frame stands at its edge and is marked so."""
        low, high = sorted((self.y_from, self.y_to))
        inside = min(max(y, low), high)
        kind = kind if inside == y else f"{kind} is-beyond"
        self.marks.append(Mark(self.x(x), self.y(inside), kind, title))


def ticks(low: float, high: float, most: int = 7) -> list[tuple[float, str]]:
    """Return round values between two ends, each with its label in the reader's language."""
    low, high = sorted((low, high))
    step = nice_step((high - low) / most)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    values = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
    return [(v, decimal(v + 0.0, places)) for v in values]


def nice_step(step: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(k for k in (1.0, 2.0, 5.0, 10.0) if k * power >= step * (1.0 - 1e-9))


def filled_contours(
    plot: Plot, x: FloatArray, y: FloatArray, z: FloatArray, levels: Sequence[float]
) -> list[Path]:
    """Return the areas between neighbouring levels, from below the first one up.

    ``z`` of shape (y, x); NaN is left out. Areas have the kinds ``level-0``, ``level-1``, ...
    """
    generator: Any = contour_generator(x, y, np.ma.masked_invalid(z), fill_type="OuterCode")
    paths = []
    for number, (low, high) in enumerate(zip((-np.inf, *levels[:-1]), levels, strict=True)):
        polygons, codes = generator.filled(low, high)
        d = []
        for points, code in zip(polygons, codes, strict=True):
            for (px, py), what in zip(points, code, strict=True):
                # Codes of contourpy: 1 moves, 2 draws, 79 closes.
                d.append(
                    "Z" if what == 79 else f"{'ML'[what - 1]}{plot.x(px):.1f} {plot.y(py):.1f}"
                )
        if d:
            paths.append(Path("".join(d), f"level-{number}"))
    return paths
