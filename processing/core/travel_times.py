"""Travel times of a spherical Earth model from a shipped table, with their derivatives.

The table holds one grid of times over distance and depth for each branch of rays (see
``tables/build_iasp91.py``). Inside a grid cell the time is the bicubic Hermite polynomial that
takes the traced times and derivatives at the four corners, so time and derivatives come from one
function. Branches are never smoothed into each other: a first arrival is the earliest branch.
"""

from __future__ import annotations

import importlib.resources
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core.geodesy import EARTH_RADIUS_KM, KM_PER_DEGREE

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PHASES = (
    "P", "S", "Pg", "Pb", "Pn", "Sg", "Sb", "Sn", "pP", "sP", "PcP", "ScP", "PKPdf", "Lg", "Rg",
)  # fmt: skip
"""What ``predict`` knows. P and S are first arrivals; the others are what IASPEI calls them."""

CORE_SHADOW_DEG = 114.0
"""Beyond, a first arrival called P is PKPdf and no longer the wave diffracted around the core."""

GROUP_VELOCITY_KM_S = {"Lg": 3.5, "Rg": 2.5}
"""Defaults of Hyposat (Schweitzer), as the methods paper of this project quotes them [km/s]."""

CRUST_SLABS = 2
UPPERMOST_MANTLE_SLAB = 2
ZONES = 7
SHALLOWEST_KM, DEEPEST_KM = 0.0, 700.0


@dataclass(frozen=True)
class TravelTimes:
    """Predictions for n arrivals; NaN where the model has no such phase."""

    time: FloatArray
    """Travel time [s], shape (n,)."""
    dt_ddelta: FloatArray
    """Derivative with epicentral distance, the horizontal slowness [s/deg], shape (n,)."""
    dt_dh: FloatArray
    """Derivative with source depth [s/km], shape (n,)."""


@dataclass(frozen=True)
class TravelTimeTable:
    """A model's table, unpacked for use. Make one with `load`; it is never changed."""

    model: str
    distance_axis: FloatArray
    depth_nodes: FloatArray
    depth_slab: IntArray
    branch_index: dict[str, int]
    patch_of: IntArray
    """Patch number by branch and slab, -1 where the branch has no rays from that slab."""
    patch_first: IntArray
    patch_end: IntArray
    patch_offset: IntArray
    patch_width: IntArray
    patch_top_node: IntArray
    patch_scaled: NDArray[np.bool_]
    """True where the grid holds time over straight-line distance [s/km] instead of time."""
    corners: FloatArray
    """Value, d/dx, d/dh, d2/dxdh at every grid node, shape (n_nodes, 4)."""
    exists_from: FloatArray
    exists_to: FloatArray
    """Ends of each branch's rays [deg], by patch offset of depth nodes, shape (n_depth_rows,)."""
    exists_offset: IntArray

    def codes(self, phases: Sequence[str]) -> IntArray:
        """Return the numbers by which `predict_codes` knows phases; -1 for an unknown one."""
        index = {name: number for number, name in enumerate(PHASES)}
        return np.array([index.get(name, -1) for name in phases], dtype=np.int64)

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
        result = np.full((3, codes.size), np.nan)
        # NaN compares false: an unknown distance or depth gives NaN.
        known = (
            (codes >= 0)
            & (depth_km >= SHALLOWEST_KM)
            & (depth_km <= DEEPEST_KM)
            & (distance_deg >= 0.0)
            & (distance_deg <= 180.0)
        )
        if not known.all():
            if known.any():
                inside = self.predict_codes(codes[known], distance_deg[known], depth_km[known])
                result[:, known] = (inside.time, inside.dt_ddelta, inside.dt_dh)
            return TravelTimes(*result)
        node = np.searchsorted(self.depth_nodes, depth_km, side="right") - 1
        node = np.minimum(node, self.depth_nodes.size - 2)
        column = np.searchsorted(self.distance_axis, distance_deg, side="right") - 1
        column = np.minimum(column, self.distance_axis.size - 2)
        slab = self.depth_slab[node]

        group = codes >= PHASES.index("Lg")
        first = codes <= 1
        if first.any():
            rows = np.flatnonzero(first)
            s_wave = codes[rows] == 1
            # Every branch of every first arrival at once: arrays are short, calls are dear.
            branch = np.where(s_wave, ZONES, 0)[:, None] + np.arange(ZONES)[None, :]
            core = np.full((rows.size, 1), self.branch_index["PKPdf"])
            branch = np.hstack([branch, core])
            beyond = (distance_deg[rows] > CORE_SHADOW_DEG) & ~s_wave
            patch = self.patch_of[branch, slab[rows][:, None]]
            wanted = np.ones_like(branch, dtype=bool)
            wanted[:, :-1] = ~beyond[:, None]
            wanted[:, -1] = beyond
            at = column[rows][:, None]
            wanted &= (patch >= 0) & (at >= self.patch_first[patch])
            wanted &= at < self.patch_end[patch] - 1
            which_row, which_branch = np.nonzero(wanted)
            source = rows[which_row]
            values = self._interpolate(
                patch[which_row, which_branch],
                column[source],
                node[source],
                distance_deg[source],
                depth_km[source],
            )
            times = np.full(branch.shape, np.inf)
            times[which_row, which_branch] = values[0]
            best = np.argmin(times, axis=1)
            position = np.zeros(branch.shape, dtype=np.int64)
            position[which_row, which_branch] = np.arange(which_row.size)
            picked = position[np.arange(rows.size), best]
            found = np.isfinite(times[np.arange(rows.size), best])
            result[:, rows[found]] = values[:, picked[found]]
        named = ~first & ~group
        if named.any():
            rows = np.flatnonzero(named)
            branch = self._named_branch(codes[rows], slab[rows])
            patch = np.where(branch >= 0, self.patch_of[branch, slab[rows]], -1)
            good = (patch >= 0) & (column[rows] >= self.patch_first[patch])
            good &= column[rows] < self.patch_end[patch] - 1
            rows, patch = rows[good], patch[good]
            good = self._exists(patch, node[rows], distance_deg[rows], depth_km[rows])
            rows, patch = rows[good], patch[good]
            result[:, rows] = self._interpolate(
                patch, column[rows], node[rows], distance_deg[rows], depth_km[rows]
            )
        if group.any():
            rows = np.flatnonzero(group & (slab < CRUST_SLABS))
            lg = codes[rows] == PHASES.index("Lg")
            velocity = np.where(lg, GROUP_VELOCITY_KM_S["Lg"], GROUP_VELOCITY_KM_S["Rg"])
            result[0, rows] = distance_deg[rows] * KM_PER_DEGREE / velocity
            result[1, rows] = KM_PER_DEGREE / velocity
            result[2, rows] = 0.0
        return TravelTimes(*result)

    def _named_branch(self, codes: IntArray, slab: IntArray) -> IntArray:
        """Return the branch of a named phase for a source in a slab, -1 where there is none.

        Pg from a source in the lower crust is the wave that leaves it upwards, which IASPEI calls
        Pb and agencies still call Pg.
        """
        branch = np.full(codes.size, -1, dtype=np.int64)
        for offset, names in ((0, ("Pg", "Pb", "Pn")), (ZONES, ("Sg", "Sb", "Sn"))):
            crustal, lower, mantle = (codes == PHASES.index(name) for name in names)
            branch[crustal & (slab == 0)] = offset
            branch[(crustal & (slab == 1)) | (lower & (slab < CRUST_SLABS))] = offset + 1
            branch[mantle & (slab <= UPPERMOST_MANTLE_SLAB)] = offset + 2
        for name in ("pP", "sP", "PcP", "ScP", "PKPdf"):
            branch[codes == PHASES.index(name)] = self.branch_index[name]
        return branch

    def _exists(
        self, patch: IntArray, node: IntArray, distance_deg: FloatArray, depth_km: FloatArray
    ) -> NDArray[np.bool_]:
        """Tell where the branch has rays; crustal waves are continued to the table's end."""
        row = self.exists_offset[patch] + node - self.patch_top_node[patch]
        top, bottom = self.depth_nodes[node], self.depth_nodes[node + 1]
        v = (depth_km - top) / (bottom - top)
        near = (1.0 - v) * self.exists_from[row] + v * self.exists_from[row + 1]
        far = (1.0 - v) * self.exists_to[row] + v * self.exists_to[row + 1]
        exists: NDArray[np.bool_] = (distance_deg >= near) & (distance_deg <= far)
        return exists

    def _interpolate(
        self,
        patch: IntArray,
        column: IntArray,
        node: IntArray,
        distance_deg: FloatArray,
        depth_km: FloatArray,
    ) -> FloatArray:
        """Return time, dt/ddelta and dt/dh, shape (3, n), by bicubic Hermite interpolation."""
        width = self.patch_width[patch]
        corner = (
            self.patch_offset[patch]
            + (node - self.patch_top_node[patch]) * width
            + column
            - self.patch_first[patch]
        )
        x0, h0 = self.distance_axis[column], self.depth_nodes[node]
        dx = self.distance_axis[column + 1] - x0
        dh = self.depth_nodes[node + 1] - h0
        # (2 x-corners, 2 h-corners, n, 4 quantities)
        grid = self.corners[np.array([[corner, corner + width], [corner + 1, corner + width + 1]])]
        bx, bx_slope, cx, cx_slope = _hermite((distance_deg - x0) / dx)
        by, by_slope, cy, cy_slope = _hermite((depth_km - h0) / dh)
        # Contract depth first: for each x-corner the value and the x-derivative at the depth.
        weight_h = by[None, :, :]
        value_h = (weight_h * grid[..., 0] + by_slope[None] * dh * grid[..., 2]).sum(axis=1)
        slope_h = (weight_h * grid[..., 1] + by_slope[None] * dh * grid[..., 3]).sum(axis=1)
        value_dh = (cy[None] / dh * grid[..., 0] + cy_slope[None] * grid[..., 2]).sum(axis=1)
        slope_dh = (cy[None] / dh * grid[..., 1] + cy_slope[None] * grid[..., 3]).sum(axis=1)
        time = (bx * value_h + bx_slope * dx * slope_h).sum(axis=0)
        time_dx = (cx / dx * value_h + cx_slope * slope_h).sum(axis=0)
        time_dh = (bx * value_dh + bx_slope * dx * slope_dh).sum(axis=0)
        scaled = self.patch_scaled[patch]
        if scaled.any():
            path, path_dx, path_dh = _straight_line(distance_deg, depth_km)
            time_dx = np.where(scaled, time_dx * path + time * path_dx, time_dx)
            time_dh = np.where(scaled, time_dh * path + time * path_dh, time_dh)
            time = np.where(scaled, time * path, time)
        return np.array([time, time_dx, time_dh])


def _hermite(u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the cubic Hermite basis at u in 0-1, and its derivative with u.

    Each of shape (2, n): weights of the values at both ends, of the derivatives at both ends.
    """
    u2 = u * u
    u3 = u2 * u
    late = 3.0 * u2 - 2.0 * u3
    bend = 6.0 * (u - u2)
    return (
        np.array([1.0 - late, late]),
        np.array([u3 - 2.0 * u2 + u, u3 - u2]),
        np.array([-bend, bend]),
        np.array([3.0 * u2 - 4.0 * u + 1.0, 3.0 * u2 - 2.0 * u]),
    )


def _straight_line(
    distance_deg: FloatArray, depth_km: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the chord source-station [km], its derivatives [km/deg] and [km/km]."""
    delta = np.radians(distance_deg)
    radius = EARTH_RADIUS_KM - depth_km
    # 4 r a sin^2(delta/2) keeps the digits that the law of cosines loses at small distances.
    chord = np.sqrt(depth_km**2 + 4.0 * radius * EARTH_RADIUS_KM * np.sin(0.5 * delta) ** 2)
    safe = np.where(chord > 0.0, chord, 1.0)
    along = radius * EARTH_RADIUS_KM * np.sin(delta) / safe * (np.pi / 180.0)
    down = (radius - EARTH_RADIUS_KM * np.cos(delta)) / safe
    return chord, along, -down


@lru_cache(maxsize=4)
def load(model: str = "iasp91") -> TravelTimeTable:
    """Load a shipped table; further calls return the same object.

    Raises
    ------
    FileNotFoundError
        When no table of that name is shipped.
    """
    resource = importlib.resources.files("processing.core.tables") / f"{model}.npz"
    with np.load(io.BytesIO(resource.read_bytes()), allow_pickle=False) as packed:
        return _unpack(model, {name: packed[name] for name in packed.files})


def _unpack(model: str, packed: dict[str, NDArray[Any]]) -> TravelTimeTable:
    """Undo the packing of ``build_iasp91.build`` and prepare the grids for interpolation."""
    axis = packed["distance_axis"].astype(np.float64)
    depths = packed["depth_nodes"].astype(np.float64)
    slabs = packed["depth_slab"].astype(np.int64)
    names = [str(name) for name in packed["branch_names"]]
    patches = packed["patches"].astype(np.int64)
    patch_of = np.full((len(names), int(slabs.max()) + 1), -1, dtype=np.int64)
    offsets, widths, tops, scaled, corners, exists_offsets = [], [], [], [], [], []
    offset = depth_row = 0
    for number, (branch, slab, first, end) in enumerate(patches):
        patch_of[branch, slab] = number
        nodes = np.flatnonzero(slabs == slab)
        shape = (nodes.size, int(end - first))
        part = slice(offset, offset + shape[0] * shape[1])
        time = packed["time"][part].astype(np.int64).reshape(shape).cumsum(1).cumsum(1) * 1e-5
        slowness = packed["slowness"][part].astype(np.int64).reshape(shape).cumsum(1) * 1e-4
        dt_dh = packed["dt_dh"][part].astype(np.int64).reshape(shape).cumsum(1) * 1e-6
        x, h = axis[first:end], depths[nodes]
        # Where rays leave the source upwards, time is nearly proportional to the straight path:
        # their ratio is smooth even right at the source, where time itself has a cone's tip.
        is_scaled = branch < 2 * ZONES and branch % ZONES == slab
        if is_scaled:
            chord, chord_dx, chord_dh = _straight_line(
                np.broadcast_to(x, shape), np.broadcast_to(h[:, None], shape)
            )
            at_source = chord == 0.0
            safe = np.where(at_source, 1.0, chord)
            ratio = time / safe
            ratio_dx = np.where(at_source, 0.0, (slowness - ratio * chord_dx) / safe)
            ratio_dh = np.where(at_source, 0.0, (dt_dh - ratio * chord_dh) / safe)
            # At the tip itself the ratio is the slowness of the uppermost layer.
            ratio = np.where(at_source, slowness[0, 1] / KM_PER_DEGREE, ratio)
            time, slowness, dt_dh = ratio, ratio_dx, ratio_dh
        cross = np.gradient(slowness, h, axis=0, edge_order=2)
        corners.append(np.stack([time, slowness, dt_dh, cross], axis=-1).reshape(-1, 4))
        offsets.append(offset)
        widths.append(shape[1])
        tops.append(int(nodes[0]))
        scaled.append(is_scaled)
        exists_offsets.append(depth_row)
        offset += shape[0] * shape[1]
        depth_row += shape[0]
    exists_to = packed["exists_to"].astype(np.float64) * 1e-4
    for number, (branch, slab, _, end) in enumerate(patches):
        if branch < 2 * ZONES and branch % ZONES < CRUST_SLABS:
            begin = exists_offsets[number]
            exists_to[begin : begin + int((slabs == slab).sum())] = axis[end - 1]
    return TravelTimeTable(
        model=model,
        distance_axis=axis,
        depth_nodes=depths,
        depth_slab=slabs,
        branch_index={name: number for number, name in enumerate(names)},
        patch_of=patch_of,
        patch_first=patches[:, 2],
        patch_end=patches[:, 3],
        patch_offset=np.array(offsets),
        patch_width=np.array(widths),
        patch_top_node=np.array(tops),
        patch_scaled=np.array(scaled),
        corners=np.concatenate(corners),
        exists_from=packed["exists_from"].astype(np.float64) * 1e-4,
        exists_to=exists_to,
        exists_offset=np.array(exists_offsets),
    )
