"""An agency's own travel-time table: read from CSV, checked, made into a kernel like any model's.

The file has one row a node of the agency's hodograph, in any order::

    phase,distance_km,depth_km,time_s
    Pg,0,5,0.91
    Pn,150,5,26.71
    Pn,50,5,

The header says the unit of distance (``distance_km`` or ``distance_deg``). Each phase has a whole
grid of its own: every one of its distances at every one of its depths. An empty time says that the
phase does not exist there. Where no row gives P or S, they are the earliest of the P or S phases.

The file comes from somebody else, perhaps through a web page: `read_agency_file` takes bytes of any
kind, and what it does with them is bounded in time and memory.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from processing.core.earth_models import (
    FULL_TO_DEG,
    FULL_TO_KM,
    MODELS,
    NONE_BEYOND_DEG,
    NONE_BEYOND_KM,
    Fades,
    OwnModel,
    Region,
)
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
MOST_BYTES = 4_000_000
"""Of a file; this and the limits below are ours. Eight phases at 300 distances and 40 depths are
2 MB."""
LONGEST_LINE = 200
MOST_DISTANCES, MOST_DEPTHS = 2_000, 200
MOST_NODES = 400_000
"""Phases times distances times depths: 13 MB in memory."""
LAST_QUARTER = 0.75
"""Ours: a table that ends before a built-in model would have faded fades over its last quarter."""
SURFACE_KM = (5.0, 20.0)
"""Ours: nearer, a time printed to 0.1 s tells no velocity; farther, it is not the surface's."""
LOOKS_A_CELL = 40
NOWHERE_DEG = 1e6
"""Where a phase begins that does not exist at a depth."""
NOT_IN_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
FIRST_OF = {"P": ("Pg", "Pb", "Pn"), "S": ("Sg", "Sb", "Sn")}


class Reader(Protocol):
    """What `csv.reader` returns, whose class has no name."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


CODES = (
    "too_large", "binary", "encoding", "line_too_long", "quotes", "too_many_nodes", "empty",
    "header", "columns", "phase", *DISTANCE_COLUMNS, "depth_km", "time_s", "twice",
    "few_distances", "few_depths", "few_times", "no_row", "gap", "not_monotone", "speed",
)  # fmt: skip
"""Of all problems."""


@dataclass(frozen=True)
class Problem:
    """What is wrong in a table: a code and values, so that it can be told in any language."""

    line: int
    """Of the file, the header being 1; 0: of the whole file."""
    code: str
    """One of `CODES`."""
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

    @property
    def distance_deg(self) -> tuple[float, float]:
        """The nearest and the farthest distance at which there is a time [deg]."""
        return _extent([(h.distance_deg, h.time_s.T) for h in self.hodographs.values()])

    @property
    def depth_km(self) -> tuple[float, float]:
        """The shallowest and the deepest source from which there is a time [km]."""
        return _extent([(h.depth_km, h.time_s) for h in self.hodographs.values()])

    def fades(self) -> Fades:
        """Return where the table counts fully and where no more: as built-in regional models do.

        A table that ends sooner has faded where it ends, so that nothing jumps there.
        """
        none_deg = min(NONE_BEYOND_DEG, self.distance_deg[1])
        none_km = min(NONE_BEYOND_KM, self.depth_km[1])
        return Fades(
            min(FULL_TO_DEG, LAST_QUARTER * none_deg),
            none_deg,
            min(FULL_TO_KM, LAST_QUARTER * none_km),
            none_km,
        )

    def surface_velocities(self) -> tuple[float | None, float | None]:
        """Return the P and S velocity under a station [km/s]; None where the table does not tell.

        It is distance over time of a source at the surface, at the first distance of `SURFACE_KM`.
        """
        found: list[float | None] = []
        for wave in FIRST_OF:
            speeds = []
            for name in (wave, *FIRST_OF[wave]):
                own = self.hodographs.get(name)
                if own is None or own.depth_km[0] > 0.0:
                    continue
                km = own.distance_deg * KM_PER_DEGREE
                known = (km >= SURFACE_KM[0]) & (km <= SURFACE_KM[1]) & np.isfinite(own.time_s[0])
                if known.any():
                    at = int(np.flatnonzero(known)[0])
                    speeds.append(float(km[at] / own.time_s[0, at]))
            found.append(max(speeds, default=None))
        return found[0], found[1]

    def model(
        self,
        name: str,
        title: str,
        provenance: str,
        region: Region | None = None,
        fades: Fades | None = None,
        version: int = 0,
    ) -> OwnModel:
        """Return the table as a model for `location.locate`.

        The velocity under a station, by which its elevation counts, is the table's own where it
        tells one: it is what its layers are, and the correction is to agree with the times. Else
        it is that of the global model.

        Raises
        ------
        ValueError
            When the table has problems, or the name or region cannot be used.
        """
        v_p, v_s = self.surface_velocities()
        substitute = MODELS["iasp91"]
        return OwnModel(
            name=name,
            version=version,
            title=title,
            kernel=self.kernel(),
            region=region,
            fades=fades or self.fades(),
            surface_p_km_s=v_p or substitute.surface_p_km_s,
            surface_s_km_s=v_s or substitute.surface_s_km_s,
            provenance=provenance,
        )

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


def _extent(axes: list[tuple[FloatArray, FloatArray]]) -> tuple[float, float]:
    """Return the ends of axes, each with times along its first dimension, where times are."""
    known = [axis[np.isfinite(times).any(axis=1)] for axis, times in axes]
    return min(float(x[0]) for x in known), max(float(x[-1]) for x in known)


def read_agency_file(content: bytes) -> AgencyTable:
    """Read a table as it came, whatever it may be; see `read_agency_table`."""
    found = text_of(content)
    return AgencyTable({}, (found,)) if isinstance(found, Problem) else read_agency_table(found)


def text_of(content: bytes) -> str | Problem:
    """Return a file as text, or why it is none that could be a table."""
    if len(content) > MOST_BYTES:
        return Problem(0, "too_large", str(len(content)), str(MOST_BYTES))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem(1, "encoding", "UTF-16", "UTF-8")
    # No text has these; an Excel workbook does, in its first bytes.
    binary = NOT_IN_TEXT.search(content)
    if binary:
        line = content.count(b"\n", 0, binary.start()) + 1
        return Problem(line, "binary", f"0x{binary[0][0]:02x}", "UTF-8")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(line, "encoding", f"0x{content[error.start]:02x}", "UTF-8")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for number, line_text in enumerate(text.split("\n"), start=1):
        if len(line_text) > LONGEST_LINE:
            return Problem(number, "line_too_long", str(len(line_text)), str(LONGEST_LINE))
    return text


def read_agency_table(text: str) -> AgencyTable:
    """Read a table and check that it can be interpolated.

    Checked are the header, every value, that each grid is whole and no node stands twice, that
    times grow with distance and have no gap along it, and that the speed from source to station is
    one of rock.
    """
    problems: list[Problem] = []
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        nodes, per_degree = _nodes(rows, problems)
    except csv.Error:
        # A quotation mark that is never closed.
        problems.append(Problem(rows.line_num, "quotes", "", "phase,distance_km,depth_km,time_s"))
        nodes, per_degree = {}, 1.0
    distances = {distance for of_phase in nodes.values() for distance, _ in of_phase}
    depths = {depth for of_phase in nodes.values() for _, depth in of_phase}
    size = len(nodes) * len(distances) * len(depths)
    if len(distances) > MOST_DISTANCES or len(depths) > MOST_DEPTHS or size > MOST_NODES:
        found = f"{len(nodes)} x {len(distances)} x {len(depths)}"
        problems.append(
            Problem(0, "too_many_nodes", found, f"{MOST_DISTANCES} x {MOST_DEPTHS}, {MOST_NODES}")
        )
        nodes = {}
    if not nodes and not problems:
        problems.append(Problem(0, "empty", "0", "1"))
    hodographs = {}
    for phase, of_phase in nodes.items():
        if len(problems) >= MOST_PROBLEMS:
            break
        grid = _hodograph(phase, of_phase, per_degree, problems)
        if grid is not None:
            hodographs[phase] = grid
    return AgencyTable(hodographs, tuple(problems[:MOST_PROBLEMS]))


Nodes = dict[str, dict[tuple[float, float], tuple[float, int]]]
"""By phase, distance in the file's unit and depth: the time and the line it stands in."""


def _nodes(rows: Reader, problems: list[Problem]) -> tuple[Nodes, float]:
    """Return the rows of a table, and how many of its units of distance are a degree."""
    header = [name.strip().lower() for name in next(rows, [])]
    units = [name for name in DISTANCE_COLUMNS if name in header]
    expected = ["phase", units[0] if len(units) == 1 else "distance_km", "depth_km", "time_s"]
    if len(units) != 1 or sorted(header) != sorted(expected):
        wanted = "phase, distance_km or distance_deg, depth_km, time_s"
        problems.append(Problem(1, "header", ",".join(header), wanted))
        return {}, 1.0
    place = [header.index(name) for name in expected]
    per_degree = DISTANCE_COLUMNS[units[0]]
    nodes: Nodes = {}
    for row in rows:
        line = rows.line_num
        if len(problems) >= MOST_PROBLEMS:
            break
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
    return nodes, per_degree


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
            # Python would also take 1_000 and the digits of other scripts.
            value = float(cell) if cell.isascii() and "_" not in cell else np.nan
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
        if len(problems) >= MOST_PROBLEMS:
            return None
        for j, distance in enumerate(distances):
            if (distance, depth) not in nodes:
                where = f"{phase} {distance:g} {depth:g}"
                problems.append(Problem(0, "no_row", where, "a row, its time perhaps empty"))
                continue
            time, line = nodes[distance, depth]
            if math.isnan(time):
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
    half = 0.5 * math.radians(distance_deg)
    radius = EARTH_RADIUS_KM - depth_km
    path = math.sqrt(depth_km**2 + 4.0 * radius * EARTH_RADIUS_KM * math.sin(half) ** 2)
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
    for i in range(own.depth_km.size):  # one depth at a time: of all they would not fit in memory
        depth = own.depth_km[i : i + 1]
        time = _refined(own, values, x, depth)[..., 0] * straight_lines(x, depth)[0]
        if not (np.diff(time, axis=1) > 0.0).all():
            return False
    return True


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
