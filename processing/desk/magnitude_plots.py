"""Plots of fitted calibrations and of lines between two scales, drawn by the server.

Pages get positions as finished text: an attribute of SVG knows no decimal comma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from catalog.models import ConversionRelation
from processing.core.calibration import LEAST_KM
from processing.models import MagnitudeCalibration

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 14, 42
#: Steps of a curve.
STEPS = 121
#: Widest part of the residuals the frame shows; beyond stand at its edge.
MOST_SIGMAS = 5.0


@dataclass(frozen=True)
class Tick:
    at: str
    value: float


@dataclass
class Plot:
    """A frame with two axes; kilometres are drawn by their logarithm."""

    x_from: float
    x_to: float
    y_from: float
    y_to: float
    logarithmic: bool = False
    points: str = ""
    """One path of dots."""
    bands: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    """The name of its look, and the path."""
    width: int = WIDTH
    height: int = HEIGHT

    def x(self, value: float) -> float:
        low, high, at = self.x_from, self.x_to, value
        if self.logarithmic:
            low, high, at = (math.log10(max(v, LEAST_KM)) for v in (low, high, at))
        return LEFT + (at - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.y_from) / (self.y_to - self.y_from)
        return HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)

    def path(self, x: Sequence[float], y: Sequence[float]) -> str:
        return "M" + "L".join(f"{self.x(a):.1f} {self.y(b):.1f}" for a, b in zip(x, y, strict=True))

    def dots(self, pairs: Sequence[Sequence[float]]) -> str:
        return "".join(f"M{self.x(a):.1f} {self.y(b):.1f}h0" for a, b in pairs)

    @property
    def x_ticks(self) -> list[Tick]:
        values = (
            [m * 10.0**p for p in range(5) for m in (1, 2, 5)]
            if self.logarithmic
            else round_values(self.x_from, self.x_to)
        )
        inside = [v for v in values if self.x_from <= v <= self.x_to]
        return [Tick(f"{self.x(v):.1f}", v) for v in inside]

    @property
    def y_ticks(self) -> list[Tick]:
        inside = [v for v in round_values(self.y_from, self.y_to) if self.y_from <= v <= self.y_to]
        return [Tick(f"{self.y(v):.1f}", v) for v in inside]

    @property
    def frame(self) -> dict[str, str]:
        """The box between the axes, as text."""
        return {
            "left": f"{LEFT}",
            "right": f"{WIDTH - RIGHT}",
            "top": f"{TOP}",
            "bottom": f"{HEIGHT - BOTTOM}",
            "middle": f"{(LEFT + WIDTH - RIGHT) / 2:.1f}",
            "end": f"{HEIGHT - 8}",
        }


def round_values(low: float, high: float) -> list[float]:
    """Return four to eight round values that span a range, or nearly."""
    span = max(high - low, 1e-6)
    power = 10.0 ** math.floor(math.log10(span / 4.0))
    step = power * next(m for m in (1.0, 2.0, 5.0, 10.0) if span / (power * m) <= 7.0)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 9) + 0.0 for k in range(first, math.floor(high / step + 1e-9) + 1)]


def curve(row: MagnitudeCalibration) -> Plot | None:
    """Return the distance curve with twice its standard error on both sides; an offset has none."""
    if not row.knots_km:
        return None
    km = np.geomspace(max(row.distance_from_km, LEAST_KM), row.distance_to_km, STEPS)
    # Rounding must not carry an end out of the range.
    km = np.clip(km, row.distance_from_km, row.distance_to_km)
    value = row.calibration.sigma_at(km)
    error = 2.0 * np.interp(np.log10(km), np.log10(row.knots_km), row.sigma_errors)
    low, high = float((value - error).min()), float((value + error).max())
    plot = Plot(float(km[0]), float(km[-1]), low, high, logarithmic=True)
    x = km.tolist()
    plot.bands.append(
        plot.path([*x, *x[::-1]], [*(value + error).tolist(), *(value - error).tolist()[::-1]])
        + "Z"
    )
    plot.lines.append(("main", plot.path(x, value.tolist())))
    plot.points = plot.dots(list(zip(row.knots_km, row.sigma, strict=True)))
    return plot


def residuals(row: MagnitudeCalibration) -> Plot | None:
    """Return the residuals against distance, with one sigma of a reading on both sides."""
    if not row.residuals:
        return None
    most = max(abs(r) for _km, r in row.residuals)
    edge = max(min(most, MOST_SIGMAS * row.residual_sigma), 2.0 * row.residual_sigma)
    near = max(row.distance_from_km, LEAST_KM)
    plot = Plot(near, row.distance_to_km, -edge, edge, logarithmic=True)
    ends = [near, row.distance_to_km]
    s = row.residual_sigma
    plot.bands.append(plot.path([*ends, *ends[::-1]], [s, s, -s, -s]) + "Z")
    plot.lines.append(("main", plot.path(ends, [0.0, 0.0])))
    plot.points = plot.dots(row.residuals)
    return plot


def scatter(
    pairs: Sequence[Sequence[float]], lines: Sequence[tuple[str, float, float]]
) -> Plot | None:
    """Return pairs of two scales with lines: the name of the look, slope and intercept."""
    if not pairs:
        return None
    xs, ys = [p[0] for p in pairs], [p[1] for p in pairs]
    pad_x, pad_y = 0.05 * (max(xs) - min(xs)) + 0.1, 0.05 * (max(ys) - min(ys)) + 0.1
    plot = Plot(min(xs) - pad_x, max(xs) + pad_x, min(ys) - pad_y, max(ys) + pad_y)
    for look, slope, intercept in lines:
        x = np.linspace(plot.x_from, plot.x_to, STEPS)
        y = intercept + slope * x
        inside = (y >= plot.y_from) & (y <= plot.y_to)
        if inside.sum() > 1:
            plot.lines.append((look, plot.path(x[inside].tolist(), y[inside].tolist())))
    plot.points = plot.dots(pairs)
    return plot


def relation(row: ConversionRelation) -> Plot | None:
    """Return a relation's pairs, its line, and those of least squares where it was fitted here."""
    lines = [("main", row.slope, row.intercept)]
    for look in ("ols", "ols_inverse"):
        if look in row.parameters:
            slope, intercept = row.parameters[look]
            lines.append((look.replace("_", "-"), slope, intercept))
    return scatter(row.pairs, lines)
