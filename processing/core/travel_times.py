"""Travel times of a spherical Earth model from a shipped table, with their derivatives.

The table holds one grid of times over distance and depth for each branch of rays (see
``tables/build.py``). Inside a grid cell the time is the bicubic Hermite polynomial that
takes the traced times and derivatives at the four corners, so time and derivatives come from one
function. Branches are never smoothed into each other: a first arrival is the earliest branch.

`ray` answers for one arrival and is compiled, so that a locator's own compiled loops can call it;
`TravelTimeTable.predict` loops it over arrays.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core.compiling import compiled, compiled_inner
from processing.core.geodesy import EARTH_RADIUS_KM, KM_PER_DEGREE

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PHASES = (
    "P", "S", "Pg", "Pb", "Pn", "Sg", "Sb", "Sn", "pP", "sP", "PcP", "ScP", "PKPdf", "Lg", "Rg",
    "PKPbc", "PKPab", "PKiKP", "ScS", "PP", "SS", "Pdiff", "Sdiff",
)  # fmt: skip
"""What ``predict`` may know. P and S are first arrivals; the others are what IASPEI calls them."""

CODE = {name: number for number, name in enumerate(PHASES)}
"""The number by which the compiled functions know a phase."""

CORE_SHADOW_DEG = 114.0
"""Beyond, or from where the model's PKPdf begins if that is farther, a first arrival called P is
PKPdf and no longer the wave diffracted around the core."""

GROUP_VELOCITY_KM_S = {"Lg": 3.5, "Rg": 2.5}
"""Defaults of Hyposat (Schweitzer), as the methods paper of this project quotes them [km/s]."""

SHALLOWEST_KM, DEEPEST_KM = 0.0, 700.0
"""Source depths of a global table [km]."""

TIME_STEP_S, SLOWNESS_STEP, VERTICAL_STEP = 1e-5, 1e-4, 1e-6
"""Units of the integers of a packed table: [s], [s/deg], [s/km]."""

_P, _S, _PKPDF, _LG, _RG = (CODE[name] for name in ("P", "S", "PKPdf", "Lg", "Rg"))


class Kernel(NamedTuple):
    """A model's times for compiled functions; every model's is of the same type to Numba.

    Both arrays are contiguous and read-only, whether they lie in memory or are mapped from a file.
    They are two and not a dozen because Numba counts a reference for each array it hands on, which
    took longer than the interpolation. What lies where: `Parts`, and the names below.
    """

    integers: IntArray
    reals: FloatArray


# Where things are told of in `Kernel.integers`: sizes, then starts in integers and in reals.
COLUMNS, NODES, SLABS, CODES, CHOICES = range(5)
COLUMN_HINTS, AT_COLUMN_HINTS, NODE_HINTS, AT_NODE_HINTS, AT_SLAB, AT_CHOICES, AT_PATCHES = range(
    5, 12
)
AT_DISTANCE, AT_DEPTH, AT_LIMITS, AT_CORNERS, LENGTH = range(12, 17)
HEADER = 17
LAYOUT = "2026.2"
"""Names how a kernel is laid out; a change of anything here changes it."""
# `Kernel.reals` begins with these: steps of the hints, depths the table has, where the crust ends,
# where P becomes PKPdf, group velocities (0: no such wave), whether first arrivals are continued
# past the last ray of their branch (1, 0).
PER_DEG, PER_KM, SHALLOWEST, DEEPEST, CRUST_BOTTOM, SHADOW, LG_SPEED, RG_SPEED = range(8)
CONTINUED = 8
SCALARS = 9
# Columns of `Parts.patches`.
FIRST, END, OFFSET, WIDTH, TOP_NODE, LIMIT_ROW, SCALED = range(7)
PATCH_COLUMNS = 7
HINTS_PER_DEG, HINTS_PER_KM = 20.0, 2.0
"""How finely a distance or depth is looked up before its cell is found by stepping."""


@dataclass(frozen=True)
class Parts:
    """What a kernel is packed from.

    A *patch* is the grid of one branch for sources in one slab of depth; a slab lies between two
    discontinuities.
    """

    distance: FloatArray
    """Distance nodes [deg], ascending, shape (n_columns,)."""
    depth: FloatArray
    """Depth nodes [km], shape (n_nodes,); a discontinuity stands twice, above and below."""
    slab: IntArray
    """Slab of each depth node, shape (n_nodes,)."""
    choices: IntArray
    """Patches by phase and slab, -1 after the last; shape (n_phases, n_slabs, n_choices)."""
    patches: IntArray
    """First and past-the-last column, offset of its first corner, columns, first depth node, row in
    ``limits``, whether time over straight path is held (0, 1); shape (n_patches, 7)."""
    limits: FloatArray
    """Where a branch begins and ends [deg], by depth node of a patch, shape (n_rows, 2)."""
    corners: FloatArray
    """Value, d/dx, d/dh, d2/dxdh at every grid node, shape (n_corners, 4)."""
    crust_bottom_km: float
    shadow_deg: float = CORE_SHADOW_DEG
    lg_km_s: float = GROUP_VELOCITY_KM_S["Lg"]
    rg_km_s: float = GROUP_VELOCITY_KM_S["Rg"]
    continued: bool = True
    """Whether a first arrival goes on past the last ray of its branch, as if diffracted there."""

    def kernel(self) -> Kernel:
        """Pack the parts."""
        column_hints = _hints(self.distance, HINTS_PER_DEG)
        node_hints = _hints(self.depth, HINTS_PER_KM)
        header = np.zeros(HEADER, dtype=np.int64)
        header[[COLUMNS, NODES]] = self.distance.size, self.depth.size
        header[[CODES, SLABS, CHOICES]] = self.choices.shape
        header[[COLUMN_HINTS, NODE_HINTS]] = column_hints.size, node_hints.size
        scalars = np.array(
            [
                HINTS_PER_DEG,
                HINTS_PER_KM,
                self.depth[0],
                self.depth[-1],
                self.crust_bottom_km,
                self.shadow_deg,
                self.lg_km_s,
                self.rg_km_s,
                float(self.continued),
            ]
        )
        whole = (column_hints, node_hints, self.slab, self.choices, self.patches)
        starts = np.cumsum([HEADER, *(part.size for part in whole)])
        header[[AT_COLUMN_HINTS, AT_NODE_HINTS, AT_SLAB, AT_CHOICES, AT_PATCHES]] = starts[:-1]
        real = (self.distance, self.depth, self.limits, self.corners)
        starts = np.cumsum([SCALARS, *(part.size for part in real)])
        header[[AT_DISTANCE, AT_DEPTH, AT_LIMITS, AT_CORNERS, LENGTH]] = starts
        return Kernel(
            frozen(np.concatenate([header, *(part.ravel() for part in whole)], dtype=np.int64)),
            frozen(np.concatenate([scalars, *(part.ravel() for part in real)], dtype=np.float64)),
        )


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a plain, contiguous, read-only view: to Numba all kernels are of one type."""
    view: NDArray[Any] = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def _hints(nodes: FloatArray, per_unit: float) -> IntArray:
    """Return a node before the start of each of equal steps along an axis, to search on from."""
    starts = nodes[0] + np.arange(int((nodes[-1] - nodes[0]) * per_unit) + 1) / per_unit
    found = np.searchsorted(nodes, starts, side="left") - 1
    hints: IntArray = np.clip(found, 0, nodes.size - 2).astype(np.int64)
    return hints


@compiled_inner
def _cell(
    integers: IntArray, reals: FloatArray, at: int, size: int, at_hints: int, hints: int, step: int,
    x: float,
) -> int:  # fmt: skip
    """Return the last node not beyond x that has a node after it; nodes may be repeated."""
    i = integers[at_hints + min(int((x - reals[at]) * reals[step]), hints - 1)]
    while i < size - 2 and reals[at + i + 1] <= x:
        i += 1
    return int(i)


@compiled_inner
def _in_patch(
    integers: IntArray, reals: FloatArray, patch: int, column: int, node: int, distance_deg: float,
    depth_km: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Return time and derivatives by bicubic Hermite interpolation in a cell of a patch."""
    width = integers[patch + WIDTH]
    corner = integers[patch + OFFSET] + column - integers[patch + FIRST]
    corner += (node - integers[patch + TOP_NODE]) * width
    a = integers[AT_CORNERS] + 4 * corner
    b = a + 4 * width
    g = reals
    x0, h0 = integers[AT_DISTANCE] + column, integers[AT_DEPTH] + node
    dx, dh = reals[x0 + 1] - reals[x0], reals[h0 + 1] - reals[h0]
    per_x, per_h = 1.0 / dx, 1.0 / dh
    u, v = (distance_deg - reals[x0]) * per_x, (depth_km - reals[h0]) * per_h
    # Depth first: at each end of the cell the value, its slope along x, and both along depth.
    w1 = v * v * (3.0 - 2.0 * v)
    w0 = 1.0 - w1
    s0 = v * (1.0 - v) * (1.0 - v) * dh
    s1 = v * v * (v - 1.0) * dh
    bend = 6.0 * v * (1.0 - v) * per_h
    c0 = (1.0 - v) * (1.0 - 3.0 * v)
    c1 = v * (3.0 * v - 2.0)
    y0 = w0 * g[a] + w1 * g[b] + s0 * g[a + 2] + s1 * g[b + 2]
    y1 = w0 * g[a + 4] + w1 * g[b + 4] + s0 * g[a + 6] + s1 * g[b + 6]
    p0 = w0 * g[a + 1] + w1 * g[b + 1] + s0 * g[a + 3] + s1 * g[b + 3]
    p1 = w0 * g[a + 5] + w1 * g[b + 5] + s0 * g[a + 7] + s1 * g[b + 7]
    y0_dh = bend * (g[b] - g[a]) + c0 * g[a + 2] + c1 * g[b + 2]
    y1_dh = bend * (g[b + 4] - g[a + 4]) + c0 * g[a + 6] + c1 * g[b + 6]
    p0_dh = bend * (g[b + 1] - g[a + 1]) + c0 * g[a + 3] + c1 * g[b + 3]
    p1_dh = bend * (g[b + 5] - g[a + 5]) + c0 * g[a + 7] + c1 * g[b + 7]
    late = u * u * (3.0 - 2.0 * u)
    r0 = u * (1.0 - u) * (1.0 - u) * dx
    r1 = u * u * (u - 1.0) * dx
    time = y0 + late * (y1 - y0) + r0 * p0 + r1 * p1
    time_dh = y0_dh + late * (y1_dh - y0_dh) + r0 * p0_dh + r1 * p1_dh
    slope = 6.0 * u * (1.0 - u) * per_x * (y1 - y0)
    slope += (1.0 - u) * (1.0 - 3.0 * u) * p0 + u * (3.0 * u - 2.0) * p1
    curve = (6.0 - 12.0 * u) * per_x * (y1 - y0)
    curve = (curve + (6.0 * u - 4.0) * p0 + (6.0 * u - 2.0) * p1) * per_x
    if integers[patch + SCALED]:
        path, along, down, bent = straight_line(distance_deg, depth_km)
        time_dh = time_dh * path + time * down
        curve = curve * path + 2.0 * slope * along + time * bent
        slope = slope * path + time * along
        time = time * path
    return time, slope, time_dh, curve


@compiled_inner
def straight_line(distance_deg: float, depth_km: float) -> tuple[float, float, float, float]:
    """Return the chord source-station [km], its derivatives [km/deg], [km/km] and [km/deg2]."""
    radian = np.pi / 180.0
    radius = EARTH_RADIUS_KM - depth_km
    area = radius * EARTH_RADIUS_KM
    sine = np.sin(0.5 * radian * distance_deg)
    # 4 r a sin^2(delta/2) keeps the digits that the law of cosines loses at small distances.
    chord = np.sqrt(depth_km * depth_km + 4.0 * area * sine * sine)
    if chord == 0.0:
        return 0.0, EARTH_RADIUS_KM * radian, 0.0, 0.0
    per_chord = 1.0 / chord
    cosine = 1.0 - 2.0 * sine * sine
    along = 2.0 * area * sine * np.sqrt(max(1.0 - sine * sine, 0.0)) * per_chord
    bent = (area * cosine - along * along) * per_chord
    down = (EARTH_RADIUS_KM * cosine - radius) * per_chord
    return chord, along * radian, down, bent * radian * radian


@compiled_inner
def ray(
    kernel: Kernel, code: int, distance_deg: float, depth_km: float
) -> tuple[float, float, float, float]:
    """Return one arrival's travel time and its derivatives; all NaN where there is no such phase.

    Parameters
    ----------
    code : int
        A number of `CODE`. P and S are the earliest of all branches, and P beyond the core's
        shadow (`CORE_SHADOW_DEG`) is PKPdf.
    distance_deg : float
        Epicentral distance on the sphere, 0-180 [deg].
    depth_km : float
        Source depth, within the table's [km].

    Returns
    -------
    time : float
        [s]
    dt_ddelta : float
        [s/deg]
    dt_dh : float
        With source depth [s/km].
    d2t_ddelta2 : float
        [s/deg2]; piecewise linear in distance, with steps between the cells of the table.
    """
    integers, reals = kernel.integers, kernel.reals
    # NaN compares false: an unknown distance or depth gives NaN.
    if not (
        0 <= code < integers[CODES]
        and depth_km >= reals[SHALLOWEST]
        and depth_km <= reals[DEEPEST]
        and distance_deg >= 0.0
        and distance_deg <= 180.0
    ):
        return np.nan, np.nan, np.nan, np.nan
    if code in (_LG, _RG):
        speed = reals[LG_SPEED] if code == _LG else reals[RG_SPEED]
        if depth_km >= reals[CRUST_BOTTOM] or speed <= 0.0:
            return np.nan, np.nan, np.nan, np.nan
        return distance_deg * KM_PER_DEGREE / speed, KM_PER_DEGREE / speed, 0.0, 0.0
    at, size = integers[AT_DISTANCE], integers[COLUMNS]
    if distance_deg < reals[at] or distance_deg > reals[at + size - 1]:
        return np.nan, np.nan, np.nan, np.nan
    column = _cell(
        integers, reals, at, size, integers[AT_COLUMN_HINTS], integers[COLUMN_HINTS], PER_DEG,
        distance_deg,
    )  # fmt: skip
    at, size = integers[AT_DEPTH], integers[NODES]
    node = _cell(
        integers, reals, at, size, integers[AT_NODE_HINTS], integers[NODE_HINTS], PER_KM, depth_km
    )
    v = (depth_km - reals[at + node]) / (reals[at + node + 1] - reals[at + node])
    wanted = _PKPDF if code == _P and distance_deg > reals[SHADOW] else code
    slab = integers[integers[AT_SLAB] + node]
    choices = integers[CHOICES]
    choice = integers[AT_CHOICES] + (wanted * integers[SLABS] + slab) * choices
    ends = code > _S or reals[CONTINUED] == 0.0
    time, slope, time_dh, curve = np.nan, np.nan, np.nan, np.nan
    for i in range(choice, choice + choices):
        if integers[i] < 0:
            break
        patch = integers[AT_PATCHES] + PATCH_COLUMNS * integers[i]
        if column < integers[patch + FIRST] or column >= integers[patch + END] - 1:
            continue
        row = integers[patch + LIMIT_ROW] + node - integers[patch + TOP_NODE]
        limit = integers[AT_LIMITS] + 2 * row
        # Before its first ray, a tangent may be earlier than any wave; past its last it is later
        # than the first arrival, which needs it where branches meet.
        if distance_deg < (1.0 - v) * reals[limit] + v * reals[limit + 2] or (
            ends and distance_deg > (1.0 - v) * reals[limit + 1] + v * reals[limit + 3]
        ):
            continue
        found = _in_patch(integers, reals, patch, column, node, distance_deg, depth_km)
        if not found[0] >= time:
            time, slope, time_dh, curve = found
    return time, slope, time_dh, curve


@compiled
def _rays(
    kernel: Kernel, codes: IntArray, distance_deg: FloatArray, depth_km: FloatArray
) -> FloatArray:
    """Return `ray` for n arrivals, shape (4, n)."""
    result = np.empty((4, codes.size))
    for i in range(codes.size):
        found = ray(kernel, codes[i], distance_deg[i], depth_km[i])
        result[0, i], result[1, i], result[2, i], result[3, i] = found
    return result


@dataclass(frozen=True)
class TravelTimes:
    """Predictions for n arrivals; NaN where the model has no such phase."""

    time: FloatArray
    """Travel time [s], shape (n,)."""
    dt_ddelta: FloatArray
    """Derivative with epicentral distance, the horizontal slowness [s/deg], shape (n,)."""
    dt_dh: FloatArray
    """Derivative with source depth [s/km], shape (n,)."""
    d2t_ddelta2: FloatArray
    """Second derivative with epicentral distance [s/deg2], shape (n,)."""


@dataclass(frozen=True)
class TravelTimeTable:
    """A model's table, unpacked for use. Make one with `load`; it is never changed."""

    model: str
    kernel: Kernel

    def codes(self, phases: Sequence[str]) -> IntArray:
        """Return the numbers by which `predict_codes` knows phases; -1 for an unknown one."""
        return np.array([CODE.get(name, -1) for name in phases], dtype=np.int64)

    def predict(
        self, phase: str | Sequence[str], distance_deg: ArrayLike, depth_km: ArrayLike
    ) -> TravelTimes:
        """Return travel times and their derivatives.

        Parameters
        ----------
        phase : str or sequence of str
            One of `PHASES` for all arrivals, or one for each. Unknown phases give NaN.
        distance_deg : array_like
            Epicentral distance on the sphere, 0-180 [deg].
        depth_km : array_like
            Source depth, 0-700 [km]; outside, NaN.

        References
        ----------
        Kennett & Engdahl (1991), Geophys. J. Int. 105, 429-465.
        """
        names = [phase] if isinstance(phase, str) else list(phase)
        codes, distance, depth = np.broadcast_arrays(
            self.codes(names),
            np.atleast_1d(np.asarray(distance_deg, dtype=np.float64)),
            np.atleast_1d(np.asarray(depth_km, dtype=np.float64)),
        )
        return self.predict_codes(codes, distance, depth)

    def predict_codes(
        self, codes: IntArray, distance_deg: FloatArray, depth_km: FloatArray
    ) -> TravelTimes:
        """Return travel times for phase numbers of `codes`; all arguments of shape (n,)."""
        # One type of array, one compiled function: a broadcast one is neither contiguous nor
        # writable, and would be compiled for anew.
        arguments = (
            np.array(codes, dtype=np.int64),
            np.array(distance_deg, dtype=np.float64),
            np.array(depth_km, dtype=np.float64),
        )
        return TravelTimes(*_rays(self.kernel, *arguments))


CACHE_VARIABLE = "TRAVEL_TIME_CACHE_DIR"
"""Names the folder where unpacked tables are kept, so that processes share their memory."""


@lru_cache(maxsize=32)
def load(model: str = "iasp91") -> TravelTimeTable:
    """Load a shipped table; further calls return the same object.

    Where the environment names a folder (`CACHE_VARIABLE`), the unpacked table is kept there and
    mapped, so that many workers share its pages; without one, or where it cannot be used, each
    process holds its own.

    Raises
    ------
    FileNotFoundError
        When no table of that name is shipped.
    """
    content = (importlib.resources.files("processing.core.tables") / f"{model}.npz").read_bytes()
    folder = os.environ.get(CACHE_VARIABLE)
    if folder:
        # The layout of a kernel is part of the name: another release reads its own files.
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        stem = Path(folder) / f"{model}-{digest}-{LAYOUT}"
        try:
            return TravelTimeTable(model, _mapped(stem, content))
        except OSError:
            pass  # Read-only, full or gone: as without a folder.
    return TravelTimeTable(model, unpack(content).kernel())


def _mapped(stem: Path, content: bytes) -> Kernel:
    """Return a kernel mapped from two files, written first where they are missing."""
    files = [stem.with_name(f"{stem.name}.{name}.npy") for name in Kernel._fields]
    if not all(file.exists() for file in files):
        stem.parent.mkdir(parents=True, exist_ok=True)
        for file, array in zip(files, unpack(content).kernel(), strict=True):
            # Two processes may write at once; each its own file, and the last one is as good.
            with tempfile.NamedTemporaryFile(dir=stem.parent, delete=False) as part:
                np.save(part, array)
            try:
                os.chmod(part.name, 0o644)
                os.replace(part.name, file)
            except OSError:
                Path(part.name).unlink(missing_ok=True)
                raise
    try:
        arrays = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
    except ValueError as error:
        raise OSError(f"{stem}: not a table") from error
    kernel = Kernel(*(frozen(array) for array in arrays))
    if not is_whole(kernel):
        raise OSError(f"{stem}: not a table")
    return kernel


def is_whole(kernel: Kernel) -> bool:
    """Tell whether the arrays are of the size and type that a kernel's header tells."""
    integers, reals = kernel
    if integers.dtype != np.int64 or reals.dtype != np.float64 or integers.size < HEADER:
        return False
    rows = (integers.size - int(integers[AT_PATCHES])) // PATCH_COLUMNS
    corners = (reals.size - int(integers[AT_CORNERS])) // 4
    return rows > 0 and corners > 0 and int(integers[LENGTH]) == reals.size


def unpack(content: bytes) -> Parts:
    """Return what a packed table holds."""
    with np.load(io.BytesIO(content), allow_pickle=False) as packed:
        return _unpack({name: packed[name] for name in packed.files})


def _unpack(packed: dict[str, NDArray[Any]]) -> Parts:
    """Undo the packing of ``tables/build.py`` and prepare the grids for interpolation."""
    axis = packed["distance_axis"].astype(np.float64)
    depths = packed["depth_nodes"].astype(np.float64)
    slabs = packed["depth_slab"].astype(np.int64)
    patches = packed["patches"].astype(np.int64)
    corners = np.empty((packed["time"].size, 4))
    seen = set()
    for patch, slab in zip(patches, packed["patch_slab"], strict=True):
        if int(patch[OFFSET]) in seen:
            continue
        seen.add(int(patch[OFFSET]))
        nodes = np.flatnonzero(slabs == slab)
        x, h = axis[patch[FIRST] : patch[END]], depths[nodes]
        shape = (h.size, x.size)
        part = slice(int(patch[OFFSET]), int(patch[OFFSET]) + h.size * x.size)
        time, slowness, dt_dh = (
            packed[name][part].astype(np.int64).reshape(shape).cumsum(0).cumsum(1)
            for name in ("time", "slowness", "dt_dh")
        )
        corners[part] = grid_corners(
            x,
            h,
            time.cumsum(1) * TIME_STEP_S,
            slowness * SLOWNESS_STEP,
            dt_dh * VERTICAL_STEP,
            bool(patch[SCALED]),
        ).reshape(-1, 4)
    names = [str(name) for name in packed["phases"]]
    offers: dict[tuple[int, int], list[int]] = {}
    for name, slab, number in packed["offers"]:
        offers.setdefault((CODE[names[name]], int(slab)), []).append(int(number))
    choices = np.full(
        (len(PHASES), int(slabs.max()) + 1, max(map(len, offers.values()))), -1, dtype=np.int64
    )
    for (code, slab), numbers in offers.items():
        choices[code, slab, : len(numbers)] = numbers
    crust_bottom_km, shadow_deg, lg_km_s, rg_km_s = (float(x) for x in packed["scalars"])
    return Parts(
        distance=axis,
        depth=depths,
        slab=slabs,
        choices=choices,
        patches=patches,
        limits=packed["limits"].astype(np.float64) * 1e-4,
        corners=corners,
        crust_bottom_km=crust_bottom_km,
        shadow_deg=shadow_deg,
        lg_km_s=lg_km_s,
        rg_km_s=rg_km_s,
    )


def grid_corners(
    distance_deg: FloatArray,
    depth_km: FloatArray,
    time: FloatArray,
    dt_ddelta: FloatArray,
    dt_dh: FloatArray,
    scaled: bool,
) -> FloatArray:
    """Return what a patch holds at its nodes, shape (n_depths, n_distances, 4).

    Where rays leave the source upwards (``scaled``), time is nearly proportional to the straight
    path: their ratio is smooth even right at the source, where time itself has a cone's tip.
    """
    if scaled:
        chord, chord_dx, chord_dh = straight_lines(distance_deg, depth_km)
        at_source = chord == 0.0
        safe = np.where(at_source, 1.0, chord)
        ratio = time / safe
        # At the tip itself the ratio is the slowness of the uppermost layer.
        ratio = np.where(at_source, dt_ddelta / KM_PER_DEGREE, ratio)
        ratio_dx = np.where(at_source, 0.0, (dt_ddelta - ratio * chord_dx) / safe)
        ratio_dh = np.where(at_source, 0.0, (dt_dh - ratio * chord_dh) / safe)
        time, dt_ddelta, dt_dh = ratio, ratio_dx, ratio_dh
    cross = np.gradient(dt_ddelta, depth_km, axis=0, edge_order=2)
    return np.stack([time, dt_ddelta, dt_dh, cross], axis=-1)


@compiled
def straight_lines(distance_deg: FloatArray, depth_km: FloatArray) -> FloatArray:
    """Return `straight_line` and its derivatives on a grid, shape (3, n_depths, n_distances)."""
    result = np.empty((3, depth_km.size, distance_deg.size))
    for i in range(depth_km.size):
        for j in range(distance_deg.size):
            found = straight_line(distance_deg[j], depth_km[i])
            result[0, i, j], result[1, i, j], result[2, i, j] = found[:3]
    return result
