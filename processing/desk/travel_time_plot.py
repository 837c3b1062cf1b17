"""A travel-time table drawn by the server: reduced time of first arrivals against distance.

The lines join the table's own nodes, nothing is interpolated; times less distance over a reducing
velocity lie level where the wave travels with that velocity. Pages get numbers as finished text:
an attribute of SVG knows no decimal comma.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processing.core.agency_tables import FIRST_OF, AgencyTable
from processing.core.earth_models import Fades, mixture_at
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.predictions import codes_of, predict

FloatArray = NDArray[np.float64]

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 40
REDUCED_BY_KM_S = {"P": 8.0, "S": 4.6}
"""Ours: about the velocities of the uppermost mantle, so that Pn and Sn lie level."""
SHOWN_DEPTHS_KM = (0.0, 10.0, 20.0, 40.0)
"""Ours: the table's nodes next to these are drawn."""
SHOWN_DISTANCES_KM = (50.0, 100.0, 200.0, 300.0, 500.0, 1000.0)
"""As the project's methods 3.6 compare models, and one more."""
COMPARED_WITH = "iasp91"


@dataclass(frozen=True)
class Line:
    """One depth's first arrivals."""

    depth_km: float
    number: int
    """Of the line's look."""
    path: str
    """SVG path data."""
    times: tuple[float | None, ...]
    """At the distances of the table of times [s]; read between nodes along a straight line."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where [px], and what it says."""

    at: str
    value: float


@dataclass(frozen=True)
class Plot:
    """One wave's plot."""

    wave: str
    velocity_km_s: float
    lines: tuple[Line, ...]
    compared: Line
    """The global model's first arrivals, of the depth that one of the lines has."""
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    fade_from: str
    """Where the times begin to fade into the global model's [px]."""
    fade_width: str
    distances_km: tuple[float, ...]


def first_arrivals(table: AgencyTable, wave: str) -> dict[float, tuple[FloatArray, FloatArray]]:
    """Return distances [km] and times [s] of the first arrivals at the nodes of each depth."""
    found: dict[float, dict[float, float]] = {}
    for phase in (wave,) if wave in table.hodographs else FIRST_OF[wave]:
        grid = table.hodographs.get(phase)
        if grid is None:
            continue
        for depth, times in zip(grid.depth_km.tolist(), grid.time_s, strict=True):
            row = found.setdefault(depth, {})
            for degree, time in zip(grid.distance_deg.tolist(), times.tolist(), strict=True):
                if not np.isnan(time):
                    row[degree] = min(time, row.get(degree, np.inf))
    return {
        depth: (
            np.array(sorted(row)) * KM_PER_DEGREE,
            np.array([row[degree] for degree in sorted(row)]),
        )
        for depth, row in sorted(found.items())
        if len(row) > 1
    }


def plots(table: AgencyTable, fades: Fades) -> list[Plot]:
    """Return the plots of the waves a table has."""
    return [
        _plot(wave, first, fades) for wave in FIRST_OF if (first := first_arrivals(table, wave))
    ]


def _plot(wave: str, first: dict[float, tuple[FloatArray, FloatArray]], fades: Fades) -> Plot:
    velocity = REDUCED_BY_KM_S[wave]
    depths = sorted({min(first, key=lambda have: abs(have - h)) for h in SHOWN_DEPTHS_KM})
    farthest = max(float(first[depth][0][-1]) for depth in depths)
    compared_depth = min(depths, key=lambda depth: abs(depth - 10.0))
    km = np.linspace(0.0, farthest, 161)
    compared = predict(
        mixture_at(0.0, 0.0, only=COMPARED_WITH),
        codes_of([wave] * km.size),
        km / KM_PER_DEGREE,
        np.full(km.size, compared_depth),
    ).time
    known = np.isfinite(compared)
    curves = [(*first[depth], depth) for depth in depths]
    curves.append((km[known], compared[known], compared_depth))
    reduced = np.concatenate([time - x / velocity for x, time, _ in curves])
    x_values = _nice(0.0, farthest)
    y_values = _nice(float(reduced.min()), float(reduced.max()))
    low = min(y_values[0], float(reduced.min()))
    high = max(y_values[-1], float(reduced.max()))
    across = (WIDTH - LEFT - RIGHT) / farthest
    up = (HEIGHT - TOP - BOTTOM) / (high - low)

    def x_px(x: float) -> float:
        return LEFT + x * across

    def y_px(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low) * up

    distances = tuple(x for x in SHOWN_DISTANCES_KM if x <= farthest)

    def line(number: int, x: FloatArray, time: FloatArray, depth: float) -> Line:
        points = [
            f"{x_px(a):.1f} {y_px(b):.1f}"
            for a, b in zip(x.tolist(), (time - x / velocity).tolist(), strict=True)
        ]
        read = np.interp(distances, x, time, left=np.nan, right=np.nan).tolist()
        return Line(
            depth, number, "M" + "L".join(points), tuple(None if t != t else t for t in read)
        )

    lines = [line(number, *curve) for number, curve in enumerate(curves)]
    fade_from = min(fades.full_to_deg * KM_PER_DEGREE, farthest)
    return Plot(
        wave=wave,
        velocity_km_s=velocity,
        lines=tuple(lines[:-1]),
        compared=lines[-1],
        x_ticks=tuple(Tick(f"{x_px(x):.1f}", x) for x in x_values if x <= farthest),
        y_ticks=tuple(Tick(f"{y_px(y):.1f}", y) for y in y_values),
        fade_from=f"{x_px(fade_from):.1f}",
        fade_width=f"{x_px(farthest) - x_px(fade_from):.1f}",
        distances_km=distances,
    )


def _nice(low: float, high: float) -> list[float]:
    """Return four to eight round values that span a range, or nearly."""
    span = max(high - low, 1e-6)
    power = 10.0 ** np.floor(np.log10(span / 4.0))
    step = power * next(m for m in (1.0, 2.0, 5.0, 10.0) if span / (power * m) <= 7.0)
    first = np.floor(low / step + 1e-9)
    count = int(np.ceil((high - first * step) / step - 1e-9)) + 1
    return [float((first + i) * step) for i in range(count)]
