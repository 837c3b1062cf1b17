"""Make the shipped tables: travel times and slownesses of each model, branch by branch.

Run by ``manage.py build_travel_times`` where ObsPy is installed (it ships the velocities of the
global models). Rays (`rays`) are traced for many ray parameters and read off at the nodes of one
distance axis and one depth axis. Each *branch* (rays that turn in one part of the Earth, or run
along the top of one layer) has its own table, because only within a branch is the travel time
smooth; a first arrival is the earliest of the branches. Only the prograde part of a branch
(distance grows as the ray parameter falls) can be a first arrival, so only that part is kept;
outside it the table continues along the tangent, so that interpolation near the branch's ends
meets no hole.

The depth axis is cut into slabs at the discontinuities of the model (their depth appears twice),
because the derivative with depth, and even the existence of a branch, jumps there.

References
----------
Kennett & Engdahl (1991), Geophys. J. Int. 105, 429-465. doi:10.1111/j.1365-246X.1991.tb06724.x
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from processing.core.earth_models import EarthModel
from processing.core.tables.rays import Curve, Earth, Tracer, read, read_off
from processing.core.travel_times import (
    CORE_SHADOW_DEG,
    GROUP_VELOCITY_KM_S,
    PATCH_COLUMNS,
    SLOWNESS_STEP,
    TIME_STEP_S,
    VERTICAL_STEP,
)

FloatArray = NDArray[np.float64]

FOLDER = Path(__file__).parent
"""Where the shipped tables lie."""


def _axis(*spans: tuple[float, float, float]) -> FloatArray:
    return np.unique(np.round(np.concatenate([np.arange(*span) for span in spans]), 6))


# Nodes are close where times bend: near the source, in the triplications of the upper mantle, and
# about the caustic of PKP at 145 deg.
GLOBAL_AXIS = _axis(
    (0.0, 2.0, 0.05), (2.0, 10.0, 0.1), (10.0, 30.0, 0.25), (30.0, 100.0, 1.0), (100.0, 142.0, 2.0),
    (142.0, 146.0, 0.25), (146.0, 156.0, 1.0), (156.0, 180.1, 2.0),
)  # fmt: skip
FLAT_AXIS = _axis((0.0, 0.5, 0.0125), (0.5, 2.0, 0.05), (2.0, 12.01, 0.25))

SECONDARY = ("pP", "sP", "PcP", "ScP", "PKPdf", "PKPbc", "PKPab", "PKiKP", "ScS", "PP", "SS")
CRUST_BEYOND_DEG = 6.0
"""Ours: crustal waves go on so far past their grazing ray, as reverberations of its slowness."""


@dataclass(frozen=True)
class Branch:
    """One table: how its rays are traced, and how far past its last ray it is continued."""

    wave: str
    zone: int | None
    """The zone its rays turn in: there the source's own rays leave upwards too."""
    name: str
    beyond_deg: float


def branches(earth: Earth) -> list[Branch]:
    """List the branches of a model in the order in which they are stored."""
    result = []
    flat = not earth.model.is_global
    for wave in ("P", "S"):
        for zone, (_, bottom) in enumerate(earth.zones):
            # The last mantle branch goes on as the wave diffracted around the core.
            last = zone == len(earth.zones) - 1
            crust = bottom <= earth.model.moho_km
            beyond = 180.0 if flat or last else CRUST_BEYOND_DEG if crust else 0.3
            result.append(Branch(wave, zone, f"{wave}{zone + 1}", beyond))
    if not flat:
        result.extend(Branch(name[-1], None, name, 0.3) for name in SECONDARY)
    return result


def build(model: EarthModel) -> dict[str, NDArray[np.generic]]:
    """Trace everything and return the arrays of the shipped file.

    ``patches`` has the rows of `travel_times.Parts`, and ``patch_slab`` the slab of each; two
    patches may share a grid. ``offers`` lists which phase (by its row in ``phases``) may be found
    in which slab and patch. ``time``, ``slowness`` and ``dt_dh`` hold the `grids`, one after the
    other. ``limits``: the ends of each branch's own rays [1e-4 deg] at each depth node of a patch.
    """
    earth = read(model)
    tracer = Tracer(earth)
    unit = tracer.mantle["P"].unit
    axis_deg = GLOBAL_AXIS if model.is_global else FLAT_AXIS
    rows: dict[str, list[NDArray[np.generic]]] = {"time": [], "slowness": [], "dt_dh": []}
    patches: list[tuple[int, ...]] = []
    patch_slab: list[int] = []
    limits: list[tuple[float, float]] = []
    core_from: list[float] = []
    offers: list[tuple[str, int, int]] = []
    top_nodes = np.cumsum([0, *(len(slab) for slab in earth.slabs)])
    size = 0
    for branch in branches(earth):
        for slab, nodes in enumerate(earth.slabs):
            traced = [
                trace(tracer, branch, depth, node < len(nodes) - 1)
                for node, depth in enumerate(nodes)
            ]
            curves = [item for item in traced if item is not None]
            if len(curves) < len(nodes):
                continue
            first, last = span(branch, slab, [c for c, _ in curves], axis_deg, unit)
            width = last + 1 - first
            own = int(branch.zone == slab)
            for name, grid in grids(curves, axis_deg[first : last + 1], unit).items():
                rows[name].append(grid)
            ends = [(c.distance[0] / unit, c.distance[-1] / unit) for c, _ in curves]
            patch = (first, last + 1, size, width, int(top_nodes[slab]))
            number = len(patches)
            patches.append((*patch, len(limits), own))
            patch_slab.append(slab)
            limits.extend(
                (near, axis_deg[last] if is_continued(branch, earth) else far) for near, far in ends
            )
            offers.extend((name, slab, number) for name in names(branch, slab, earth))
            if branch.name == "PKPdf":
                core_from.extend(near for near, _ in ends)
            if branch.zone == len(earth.zones) - 1 and model.is_global:
                patches.append((*patch, len(limits), own))
                patch_slab.append(slab)
                limits.extend((far, axis_deg[last]) for _, far in ends)
                offers.append((f"{branch.wave}diff", slab, number + 1))
            size += width * len(nodes)
    phases = sorted({name for name, _, _ in offers})
    # PKPdf of ak135 begins a degree farther than that of iasp91.
    shadow_deg = np.ceil(max([CORE_SHADOW_DEG, *core_from]))
    crust = [i for i, (_, bottom) in enumerate(earth.zones) if bottom <= model.moho_km]
    return {
        "phases": np.array(phases),
        "distance_axis": axis_deg,
        "depth_nodes": np.array([d for slab in earth.slabs for d in slab]),
        "depth_slab": np.array(
            [i for i, slab in enumerate(earth.slabs) for _ in slab], dtype=np.int32
        ),
        "patches": np.array(patches, dtype=np.int32).reshape(-1, PATCH_COLUMNS),
        "patch_slab": np.array(patch_slab, dtype=np.int32),
        "offers": np.array([(phases.index(n), s, p) for n, s, p in offers], dtype=np.int32),
        "limits": np.round(np.array(limits) * 1e4).astype(np.int32),
        "scalars": np.array(
            [
                earth.zones[crust[-1]][1],
                shadow_deg,
                GROUP_VELOCITY_KM_S["Lg"] if model.is_global else 0.0,
                GROUP_VELOCITY_KM_S["Rg"] if model.is_global else 0.0,
            ]
        ),
        **{name: np.concatenate(parts) for name, parts in rows.items()},
    }


def trace(
    tracer: Tracer, branch: Branch, depth: float, lower_side: bool
) -> tuple[Curve, FloatArray] | None:
    """Trace a branch for one source depth."""
    if branch.zone is None:
        return tracer.secondary(branch.name, depth, lower_side)
    return tracer.direct(branch.wave, branch.zone, depth, lower_side)


def span(
    branch: Branch, slab: int, curves: list[Curve], axis: FloatArray, unit: float
) -> tuple[int, int]:
    """Return the first and last column that hold a branch for a slab."""
    near = 0.0 if branch.zone == slab else min(c.distance[0] for c in curves) / unit
    far = min(axis[-1], max(c.distance[-1] for c in curves) / unit + branch.beyond_deg)
    first = max(0, int(np.searchsorted(axis, near, "right")) - 1)
    return first, min(axis.size - 1, int(np.searchsorted(axis, far)))


def grids(
    curves: list[tuple[Curve, FloatArray]], axis: FloatArray, unit: float
) -> dict[str, NDArray[np.int32]]:
    """Return the integers of a patch: differences along distance and, of those, along depth."""
    time, slowness, dt_dh = [], [], []
    for curve, vertical in curves:
        t, p = read_off(curve, axis * unit)
        time.append(np.diff(np.round(t / TIME_STEP_S).astype(np.int64), n=2, prepend=[0, 0]))
        slowness.append(np.diff(np.round(p * unit / SLOWNESS_STEP).astype(np.int64), prepend=0))
        dh = np.interp(axis * unit, curve.distance, vertical)
        dt_dh.append(np.diff(np.round(dh / VERTICAL_STEP).astype(np.int64), prepend=0))
    return {
        name: np.diff(np.array(grid), axis=0, prepend=0).astype(np.int32).ravel()
        for name, grid in (("time", time), ("slowness", slowness), ("dt_dh", dt_dh))
    }


def is_continued(branch: Branch, earth: Earth) -> bool:
    """Tell whether the branch's own name is used past its last ray: crustal waves, head waves."""
    if branch.zone is None:
        return False
    return not earth.model.is_global or earth.zones[branch.zone][1] <= earth.model.moho_km


def names(branch: Branch, slab: int, earth: Earth) -> list[str]:
    """Return the phases that a branch may be for a source in a slab.

    Pg from a source in the lower crust is the wave that leaves it upwards, which IASPEI calls Pb
    and agencies still call Pg. Pn ends with the uppermost mantle: below, the wave is called P.
    """
    if branch.zone is None:
        return [branch.name]
    model, wave = earth.model, branch.wave
    conrad = model.moho_km if model.conrad_km is None else model.conrad_km
    top, source = earth.zones[branch.zone][0], earth.slabs[slab][0]
    found = [wave]
    if top < conrad and source < conrad:
        found.append(f"{wave}g")
    elif conrad <= top < model.moho_km:
        found.append(f"{wave}b")
        if source >= conrad:
            found.append(f"{wave}g")
    mantle = [i for i, zone in enumerate(earth.zones) if zone[0] >= model.moho_km]
    uppermost = mantle[:1] if model.is_global else mantle
    if branch.zone in uppermost and slab <= uppermost[-1]:
        found.append(f"{wave}n")
    return found


def packed(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    """Return a table's file: an .npz without dates, so that the same table is the same file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return out.getvalue()
