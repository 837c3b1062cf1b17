"""An agency's own travel-time table: read from CSV, checked, made into a kernel like any model's.

The file has one row a node of the agency's hodograph, in any order::

    phase,distance_km,depth_km,time_s
    Pg,0,5,0.91
    Pn,150,5,26.71
    Pn,50,5,

The header says the unit of distance (``distance_km`` or ``distance_deg``). Each phase has a whole
grid of its own: every one of its distances at every one of its depths. An empty time says that the
phase does not exist there. Where no row gives P or S, they are the earliest of the P or S phases.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from processing.core.geodesy import EARTH_RADIUS_KM, KM_PER_DEGREE
from processing.core.travel_times import (
    CODE,
    DEEPEST_KM,
    PATCH_COLUMNS,
    PHASES,
    FloatArray,
    Kernel,
    Parts,
    straight_lines,
)

KNOWN = tuple(name for name in PHASES if name not in ("Lg", "Rg"))
"""Phases a table may have; Lg and Rg are group velocities, not hodographs."""
DISTANCE_COLUMNS = {"distance_km": KM_PER_DEGREE, "distance_deg": 1.0}
"""Names of the column of distance, and how many of its units are a degree."""
SLOWEST_KM_S, FASTEST_KM_S = 0.3, 14.0
"""Ours: from soft soil to the fastest of iasp91 (13.7 km/s above the core). Outside, a unit is
wrong: minutes for seconds, degrees for kilometres."""
ROUNDING_S = 0.1
"""What a printed time may be off (ours): near the source it would seem no speed at all."""
FEWEST_DISTANCES, FEWEST_DEPTHS = 4, 2
"""Ours: what a curve needs to have a slope."""
MOST_PROBLEMS = 200
LOOKS_A_CELL = 40
NOWHERE_DEG = 1e6
"""Where a phase begins that does not exist at a depth."""
FIRST_OF = {"P": ("Pg", "Pb", "Pn"), "S": ("Sg", "Sb", "Sn")}


@dataclass(frozen=True)
class Problem:
    """What is wrong in a table: a code and values, so that it can be told in any language."""

    line: int
    """Of the file, the header being 1; 0: of the whole file."""
    code: str
    found: str
    expected: str


@dataclass(frozen=True)
class Hodograph:
    """Times of one phase on its grid."""

    distance_deg: FloatArray
    """Ascending, shape (n_distances,)."""
    depth_km: FloatArray
    """Ascending, shape (n_depths,)."""
    time_s: FloatArray
    """Shape (n_depths, n_distances); NaN where the phase does not exist."""


@dataclass(frozen=True)
class AgencyTable:
    """What was read, and what is wrong with it."""

    hodographs: Mapping[str, Hodograph]
    """By phase; only those without a problem."""
    problems: tuple[Problem, ...]

    def kernel(self) -> Kernel:
        """Return the table for `travel_times.ray` and `earth_models.mixed_ray`.

        Raises
        ------
        ValueError
            When the table has problems.
        """
        if self.problems or not self.hodographs:
            raise ValueError(f"the table has {len(self.problems)} problems")
        return _kernel(self.hodographs)


def read_agency_table(text: str) -> AgencyTable:
    """Read a table and check that it can be interpolated.

    Checked are the header, every value, that each grid is whole and no node stands twice, that
    times grow with distance and have no gap along it, and that the speed from source to station is
    one of rock.
    """
    problems: list[Problem] = []
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    header = [name.strip().lower() for name in next(rows, [])]
    units = [name for name in DISTANCE_COLUMNS if name in header]
    expected = ["phase", units[0] if len(units) == 1 else "distance_km", "depth_km", "time_s"]
    if len(units) != 1 or sorted(header) != sorted(expected):
        wanted = "phase, distance_km or distance_deg, depth_km, time_s"
        return AgencyTable({}, (Problem(1, "header", ",".join(header), wanted),))
    place = [header.index(name) for name in expected]
    per_degree = DISTANCE_COLUMNS[units[0]]
    nodes: dict[str, dict[tuple[float, float], tuple[float, int]]] = {}
    for row in rows:
        line = rows.line_num
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            problems.append(Problem(line, "columns", str(len(row)), str(len(header))))
            continue
        phase, *cells = (row[i].strip() for i in place)
        if phase not in KNOWN:
            problems.append(Problem(line, "phase", phase, ", ".join(KNOWN)))
            continue
        values = _numbers(line, expected[1:], cells, per_degree, problems)
        if values is None:
            continue
        distance, depth, time = values
        if (distance, depth) in nodes.setdefault(phase, {}):
            first = nodes[phase][distance, depth][1]
            problems.append(
                Problem(line, "twice", f"{phase} {cells[0]} {cells[1]}", f"line {first}")
            )
            continue
        nodes[phase][distance, depth] = (time, line)
    if not nodes and not problems:
        problems.append(Problem(0, "empty", "0", "1"))
    hodographs = {}
    for phase, of_phase in nodes.items():
        found = _hodograph(phase, of_phase, per_degree, problems)
        if found is not None:
            hodographs[phase] = found
    return AgencyTable(hodographs, tuple(problems[:MOST_PROBLEMS]))


def _numbers(
    line: int, columns: list[str], cells: list[str], per_degree: float, problems: list[Problem]
) -> tuple[float, float, float] | None:
    """Return distance in the file's unit, depth [km] and time [s], NaN for an empty time."""
    limits = ((0.0, 180.0 * per_degree), (0.0, DEEPEST_KM), (0.0, 10_000.0))
    values = []
    for column, cell, (least, most) in zip(columns, cells, limits, strict=True):
        if column == "time_s" and not cell:
            values.append(np.nan)
            continue
        try:
            value = float(cell)
        except ValueError:
            value = np.nan
        if not least <= value <= most:
            problems.append(Problem(line, column, cell, f"{least:g}-{most:g}"))
            return None
        values.append(value)
    return values[0], values[1], values[2]


def _hodograph(
    phase: str,
    nodes: Mapping[tuple[float, float], tuple[float, int]],
    per_degree: float,
    problems: list[Problem],
) -> Hodograph | None:
    """Return one phase's grid, None when it has a problem."""
    before = len(problems)
    distances = sorted({distance for distance, _ in nodes})
    depths = sorted({depth for _, depth in nodes})
    if len(distances) < FEWEST_DISTANCES:
        wanted = str(FEWEST_DISTANCES)
        problems.append(Problem(0, "few_distances", f"{phase} {len(distances)}", wanted))
    if len(depths) < FEWEST_DEPTHS:
        problems.append(Problem(0, "few_depths", f"{phase} {len(depths)}", str(FEWEST_DEPTHS)))
    grid = np.full((len(depths), len(distances)), np.nan)
    for i, depth in enumerate(depths):
        last: tuple[float, int] | None = None
        ended = False
        for j, distance in enumerate(distances):
            if (distance, depth) not in nodes:
                where = f"{phase} {distance:g} {depth:g}"
                problems.append(Problem(0, "no_row", where, "a row, its time perhaps empty"))
                continue
            time, line = nodes[distance, depth]
            if np.isnan(time):
                ended = last is not None
                continue
            if ended:
                problems.append(Problem(line, "gap", f"{time:g}", "no time after an empty one"))
            if last is not None and time <= last[0]:
                wanted = f"more than {last[0]:g} (line {last[1]})"
                problems.append(Problem(line, "not_monotone", f"{time:g}", wanted))
            _check_speed(line, distance / per_degree, depth, time, problems)
            last = (time, line)
            grid[i, j] = time
    # Two of a row are needed to go on from; and a phase must be somewhere.
    known = np.isfinite(grid).sum(axis=1)
    if (known == 1).any() or not known.any():
        depth = depths[int(np.flatnonzero(known < 2)[0])]
        problems.append(
            Problem(0, "few_times", f"{phase} {depth:g}", "2 times at a depth, or none")
        )
    if len(problems) > before:
        return None
    return Hodograph(np.array(distances) / per_degree, np.array(depths), grid)


def _check_speed(
    line: int, distance_deg: float, depth_km: float, time: float, problems: list[Problem]
) -> None:
    half = 0.5 * np.radians(distance_deg)
    radius = EARTH_RADIUS_KM - depth_km
    path = np.sqrt(depth_km**2 + 4.0 * radius * EARTH_RADIUS_KM * np.sin(half) ** 2)
    slowest, fastest = SLOWEST_KM_S * (time - ROUNDING_S), FASTEST_KM_S * (time + ROUNDING_S)
    if not slowest <= path <= fastest:
        found = f"{path:.1f} km / {time:g} s"
        problems.append(Problem(line, "speed", found, f"{SLOWEST_KM_S:g}-{FASTEST_KM_S:g} km/s"))


def _kernel(hodographs: Mapping[str, Hodograph]) -> Kernel:
    """Return one kernel of all phases.

    All share one axis of distances and one of depths, the union of theirs: a phase is read off its
    own interpolant there, which leaves that interpolant as it was.
    """
    distance = np.unique(np.concatenate([h.distance_deg for h in hodographs.values()]))
    depth = np.unique(np.concatenate([h.depth_km for h in hodographs.values()]))
    patches, limits, corners = [], [], []
    size = rows = 0
    choices: dict[str, list[int]] = {}
    for number, (phase, own) in enumerate(hodographs.items()):
        choices[phase] = [number]
        filled, near, far = _filled(own)
        # Known right above the source, at every depth where it is known at all.
        scaled = bool(own.distance_deg[0] == 0.0 and not (near[near < NOWHERE_DEG] > 0.0).any())
        values = _surface(own, filled, scaled)
        if scaled and not _grows(own, values):
            scaled = False
            values = _surface(own, filled, scaled)
        first = int(np.searchsorted(distance, own.distance_deg[0]))
        end = int(np.searchsorted(distance, own.distance_deg[-1])) + 1
        at = _refined(own, values, distance[first:end], depth)
        ends = np.array([np.interp(depth, own.depth_km, limit) for limit in (near, far)]).T
        outside = (depth < own.depth_km[0]) | (depth > own.depth_km[-1])
        ends[outside] = NOWHERE_DEG
        patches.append((first, end, size, end - first, 0, rows, int(scaled)))
        limits.append(ends)
        corners.append(at.reshape(-1, 4))
        size += at.shape[0] * at.shape[1]
        rows += depth.size
    for first_arrival, names in FIRST_OF.items():
        choices.setdefault(first_arrival, [choices[n][0] for n in names if n in choices])
    table = np.full((len(PHASES), 1, max(map(len, choices.values()))), -1, dtype=np.int64)
    for phase, numbers in choices.items():
        table[CODE[phase], 0, : len(numbers)] = numbers
    return Parts(
        distance=distance,
        depth=depth,
        slab=np.zeros(depth.size, dtype=np.int64),
        choices=table,
        patches=np.array(patches, dtype=np.int64).reshape(-1, PATCH_COLUMNS),
        limits=np.concatenate(limits),
        corners=np.concatenate(corners),
        crust_bottom_km=float(depth[-1]),
        lg_km_s=0.0,
        rg_km_s=0.0,
        continued=False,
    ).kernel()


def _filled(own: Hodograph) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return times continued along straight lines where there are none, and where they are.

    The kernel says where a phase exists; what it holds beyond only keeps the curve inside true.
    """
    x = own.distance_deg
    time = own.time_s.copy()
    near, far = np.full(own.depth_km.size, NOWHERE_DEG), np.full(own.depth_km.size, NOWHERE_DEG)
    for i, row in enumerate(time):
        known = np.flatnonzero(np.isfinite(row))
        if known.size == 0:
            continue
        a, b = known[0], known[-1]
        near[i], far[i] = x[a], x[b]
        slope_a = (row[a + 1] - row[a]) / (x[a + 1] - x[a])
        slope_b = (row[b] - row[b - 1]) / (x[b] - x[b - 1])
        row[:a] = row[a] + slope_a * (x[:a] - x[a])
        row[b + 1 :] = row[b] + slope_b * (x[b + 1 :] - x[b])
    have = np.flatnonzero(near < NOWHERE_DEG)
    for i in np.flatnonzero(near == NOWHERE_DEG).tolist():
        time[i] = time[have[np.argmin(np.abs(have - i))]]
    return time, near, far


def _slopes(x: FloatArray, y: FloatArray, axis: int) -> FloatArray:
    """Return derivatives along an axis with which the cubic between two nodes stays between them.

    Akima's (1970, J. ACM 17, 589-602), which a bend disturbs only in its own neighbourhood, then
    limited to three times the smaller of the neighbouring secants (Fritsch & Carlson 1980, SIAM J.
    Numer. Anal. 17, 238-246).
    """
    values = np.moveaxis(y, axis, 0)
    secant = np.diff(values, axis=0) / np.diff(x).reshape(-1, *[1] * (values.ndim - 1))
    slope = (
        np.asarray(Akima1DInterpolator(x, values, axis=0).derivative()(x))
        if x.size > 2
        else np.concatenate([secant, secant])
    )
    left = np.concatenate([secant[:1], secant])
    right = np.concatenate([secant, secant[-1:]])
    most = 3.0 * np.minimum(np.abs(left), np.abs(right))
    slope = np.where(left * right > 0.0, np.clip(slope, -most, most), 0.0)
    slope = np.where(slope * left < 0.0, 0.0, slope)
    return np.moveaxis(slope, 0, axis)


def _surface(own: Hodograph, time: FloatArray, scaled: bool) -> FloatArray:
    """Return value and derivatives at a hodograph's nodes, as `travel_times.Parts.corners`.

    Where a phase is known right above the source, what is interpolated is time over straight path:
    it is smooth there, where time itself is a cone's tip.
    """
    value = time
    if scaled:
        chord = straight_lines(own.distance_deg, own.depth_km)[0]
        tip = chord == 0.0
        value = time / np.where(tip, 1.0, chord)
        value[tip] = value[0, 1]
    by_distance = _slopes(own.distance_deg, value, 1)
    if scaled:
        by_distance[:, 0] = 0.0  # the same on both sides of the source
    by_depth = _slopes(own.depth_km, value, 0)
    cross = _slopes(own.depth_km, by_distance, 0)
    return np.stack([value, by_distance, by_depth, cross], axis=-1)


def _grows(own: Hodograph, values: FloatArray) -> bool:
    """Tell whether the scaled surface gives times that grow with distance."""
    # A dip between two nodes is as wide as a good part of their cell.
    part = np.linspace(0.0, 1.0, LOOKS_A_CELL, endpoint=False)
    within = own.distance_deg[:-1, None] + np.diff(own.distance_deg)[:, None] * part
    x = np.append(within.ravel(), own.distance_deg[-1])
    time = _refined(own, values, x, own.depth_km)[..., 0]
    time = time * straight_lines(x, own.depth_km)[0]
    return bool((np.diff(time, axis=1) > 0.0).all())


def _refined(
    own: Hodograph, values: FloatArray, distance: FloatArray, depth: FloatArray
) -> FloatArray:
    """Return a surface's values and derivatives at other nodes that include its own."""
    j = np.clip(
        np.searchsorted(own.distance_deg, distance, "right") - 1, 0, own.distance_deg.size - 2
    )
    i = np.clip(np.searchsorted(own.depth_km, depth, "right") - 1, 0, own.depth_km.size - 2)
    dx, dh = np.diff(own.distance_deg)[j], np.diff(own.depth_km)[i]
    u = np.clip((distance - own.distance_deg[j]) / dx, 0.0, 1.0)
    v = np.clip((depth - own.depth_km[i]) / dh, 0.0, 1.0)
    along, along_slope = _basis(u, dx)
    down, down_slope = _basis(v, dh)
    cells = [
        values[np.ix_(i + a, j + b)] for a in (0, 1) for b in (0, 1)
    ]  # upper left, upper right, lower left, lower right
    out = np.zeros((depth.size, distance.size, 4))
    for n, cell in enumerate(cells):
        a, b = divmod(n, 2)
        for quantity, (rows, columns) in enumerate(
            ((down, along), (down, along_slope), (down_slope, along), (down_slope, along_slope))
        ):
            for of_depth in (0, 1):
                for of_distance in (0, 1):
                    weight = rows[2 * of_depth + a][:, None] * columns[2 * of_distance + b]
                    out[..., quantity] += weight * cell[..., 2 * of_depth + of_distance]
    return out


def _basis(u: FloatArray, width: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cubic Hermite weights of both values and both derivatives, and their slopes."""
    late = u * u * (3.0 - 2.0 * u)
    weights = np.array([1.0 - late, late, u * (1.0 - u) ** 2 * width, u * u * (u - 1.0) * width])
    bend = 6.0 * u * (1.0 - u) / width
    slopes = np.array([-bend, bend, (1.0 - u) * (1.0 - 3.0 * u), u * (3.0 * u - 2.0)])
    return weights, slopes
