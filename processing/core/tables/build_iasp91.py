"""Make ``iasp91.npz``: travel times and slownesses of the iasp91 model, branch by branch.

Run by hand, once, where ObsPy is installed (it ships the model's velocities)::

    python -m processing.core.tables.build_iasp91

Rays are traced exactly through thin shells in which velocity is a power of radius (Bullen's law),
for many ray parameters, and read off at the nodes of one distance axis and one depth axis. Each
*branch* (rays that turn in one part of the Earth) has its own table, because only within a branch
is the travel time smooth; a first arrival is the earliest of the branches. Only the prograde part
of a branch (distance grows as the ray parameter falls) can be a first arrival, so only that part
is kept; outside it the table continues along the tangent, which is never earlier than the true
first arrival, so that interpolation near the branch's ends meets no hole.

The depth axis is cut into slabs at the discontinuities of the model (their depth appears twice),
because the derivative with depth, and even the existence of a branch, jumps there.

References
----------
Kennett & Engdahl (1991), Geophys. J. Int. 105, 429-465. doi:10.1111/j.1365-246X.1991.tb06724.x
Buland & Chapman (1983), Bull. Seism. Soc. Am. 73, 1271-1302 (ray integrals in Bullen shells).
"""

from __future__ import annotations

import importlib.resources
import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

FloatArray = NDArray[np.float64]

RADIUS_KM = 6371.0
CMB_DEPTH_KM = 2889.0
ICB_DEPTH_KM = 5153.9
MAX_DEPTH_KM = 700.0
SHELL_KM = 4.0
DEG = np.pi / 180.0

DISTANCE_AXIS = np.unique(
    np.round(
        np.concatenate(
            [
                np.arange(0.0, 2.0, 0.05),
                np.arange(2.0, 10.0, 0.1),
                np.arange(10.0, 30.0, 0.25),
                np.arange(30.0, 100.0, 1.0),
                np.arange(100.0, 180.1, 2.0),
            ]
        ),
        6,
    )
)
# Slab limits repeat: the node belongs once to the slab above and once to the slab below. Nodes are
# close under a discontinuity, where the horizontally leaving ray makes a bend in the table.
DEPTH_SLABS = (
    (0.0, 0.5, 1.0, 2.0, 3.5, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0),
    (20.0, 20.5, 21.0, 22.0, 23.5, 25.0, 27.5, 30.0, 32.5, 35.0),
    (35.0, 35.5, 36.5, 38.0, 40.0, 43.0, 47.0, 52.0, 58.0, 64.0, 71.0, 80.0, 90.0, 100.0, 110.0,
     120.0),
    (120.0, 130.0, 145.0, 160.0, 180.0, 195.0, 210.0),
    (210.0, 225.0, 250.0, 280.0, 310.0, 340.0, 375.0, 410.0),
    (410.0, 412.0, 418.0, 430.0, 450.0, 480.0, 520.0, 560.0, 600.0, 630.0, 660.0),
    (660.0, 662.0, 668.0, 680.0, 700.0),
)  # fmt: skip
TURNING_ZONES = (
    (0.0, 20.0), (20.0, 35.0), (35.0, 120.0), (120.0, 210.0), (210.0, 410.0), (410.0, 660.0),
    (660.0, CMB_DEPTH_KM),
)  # fmt: skip


@dataclass(frozen=True)
class Shells:
    """Bullen shells of one wave type from the surface down; depths and slownesses at their ends."""

    top_km: FloatArray
    bottom_km: FloatArray
    eta_top: FloatArray
    """Radius over velocity at the top [s/rad]."""
    eta_bottom: FloatArray
    factor: FloatArray
    """ln(r1/r2) / ln(eta1/eta2) = 1/(1 - B) for v = A r^B."""
    v_top: FloatArray
    v_bottom: FloatArray

    def legs(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return one-way distance [rad] and time [s] in each shell, shape (n_p, n_shells).

        A ray that turns in a shell counts to its turning point; below it nothing.
        """
        column = p[:, None]
        angle = np.zeros((p.size, self.top_km.size))
        root = np.zeros_like(angle)
        for eta, sign in ((self.eta_top, 1.0), (self.eta_bottom, -1.0)):
            angle += sign * np.arccos(np.minimum(column / eta, 1.0))
            root += sign * np.sqrt(np.maximum(eta**2 - column**2, 0.0))
        return angle * self.factor, root * self.factor


def read_model() -> FloatArray:
    """Return the rows depth [km], vP, vS [km/s] of iasp91 as ObsPy ships them."""
    text = (importlib.resources.files("obspy") / "taup" / "data" / "iasp91.tvel").read_text()
    return np.loadtxt(io.StringIO(text), skiprows=2)[:, :3]


def make_shells(model: FloatArray, column: int, bottom_km: float) -> Shells:
    """Cut the model into thin shells, with every node of the depth axis at a shell boundary."""
    nodes = sorted({depth for slab in DEPTH_SLABS for depth in slab})
    tops: list[float] = []
    bottoms: list[float] = []
    v_tops: list[float] = []
    v_bottoms: list[float] = []
    for upper, lower in itertools.pairwise(model):
        if lower[0] == upper[0] or upper[0] >= bottom_km:
            continue
        inside = [d for d in nodes if upper[0] < d < lower[0]]
        edges = np.array([upper[0], *inside, lower[0]])
        for a, b in itertools.pairwise(edges):
            cuts = np.linspace(a, b, max(2, int(np.ceil((b - a) / SHELL_KM)) + 1))
            v = np.interp(cuts, [upper[0], lower[0]], [upper[column], lower[column]])
            tops.extend(cuts[:-1])
            bottoms.extend(cuts[1:])
            v_tops.extend(v[:-1])
            v_bottoms.extend(v[1:])
    top, bottom = np.array(tops), np.array(bottoms)
    v1, v2 = np.array(v_tops), np.array(v_bottoms)
    r1, r2 = RADIUS_KM - top, np.maximum(RADIUS_KM - bottom, 0.5)
    return Shells(
        top, bottom, r1 / v1, r2 / v2, np.log(r1 / r2) / np.log(r1 * v2 / (r2 * v1)), v1, v2
    )


def turning_slownesses(shells: Shells, top_km: float, bottom_km: float, count: int) -> FloatArray:
    """Return ray parameters that turn between two depths [s/rad], falling, dense at both ends."""
    u = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, count))
    u[: count // 4] = u[count // 4] * np.linspace(0.0, 1.0, count // 4, endpoint=False) ** 3
    depth = top_km + (bottom_km - top_km) * u
    inside = (shells.top_km >= top_km - 1e-9) & (shells.bottom_km <= bottom_km + 1e-9)
    nodes = np.concatenate([shells.top_km[inside], [bottom_km]])
    eta = np.concatenate([shells.eta_top[inside], [shells.eta_bottom[inside][-1]]])
    return np.minimum.accumulate(np.interp(depth, nodes, eta))


@dataclass(frozen=True)
class Curve:
    """Sampled rays of one branch for one source depth, distance ascending."""

    distance: FloatArray
    time: FloatArray
    p: FloatArray


def prograde(distance: FloatArray, time: FloatArray, p: FloatArray) -> Curve | None:
    """Keep the samples after the last caustic, where distance grows as p falls."""
    start = int(np.argmin(distance))
    distance, time, p = distance[start:], time[start:], p[start:]
    rising = np.concatenate([[True], distance[1:] > np.maximum.accumulate(distance)[:-1] + 1e-9])
    if rising.sum() < 4:
        return None
    return Curve(distance[rising], time[rising], p[rising])


def read_off(curve: Curve, axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return time [s] and slowness [s/rad] at the axis [rad], tangents beyond the curve's ends."""
    x, t, p = curve.distance, curve.time, curve.p
    spline = CubicHermiteSpline(x, t, p)
    inside = np.clip(axis, x[0], x[-1])
    slowness = np.interp(inside, x, p)
    return spline(inside) + slowness * (axis - inside), slowness


def one_sided_velocity(shells: Shells, depth: float, lower_side: bool) -> float:
    """Return the velocity at a depth, just below it or just above it [km/s]."""
    if lower_side:
        return float(shells.v_top[np.argmin(np.abs(shells.top_km - depth))])
    return float(shells.v_bottom[np.argmin(np.abs(shells.bottom_km - depth))])


def vertical_slowness(v: float, depth: float, p: FloatArray) -> FloatArray:
    """Return sqrt(1/v^2 - (p/r)^2) [s/km]."""
    return np.sqrt(np.maximum(1.0 / v**2 - (p / (RADIUS_KM - depth)) ** 2, 0.0))


@dataclass(frozen=True)
class Branch:
    """One table: a name and how to trace its rays for one source depth."""

    name: str
    max_source_depth_km: float
    own_slab: int | None
    """The slab the rays turn in: there the source's own rays leave upwards too."""
    beyond_deg: float
    """How far past its last ray the branch is continued along the tangent."""


class Tracer:
    """Rays of every branch for any source depth at a node of the depth axis."""

    def __init__(self) -> None:
        model = read_model()
        self.p_mantle = make_shells(model, 1, CMB_DEPTH_KM)
        self.s_mantle = make_shells(model, 2, CMB_DEPTH_KM)
        self.p_whole = make_shells(model, 1, RADIUS_KM)

    @staticmethod
    def _above(
        shells: Shells, legs: tuple[FloatArray, FloatArray], depth: float
    ) -> tuple[FloatArray, FloatArray]:
        part = shells.bottom_km <= depth + 1e-9
        return legs[0][:, part].sum(axis=1), legs[1][:, part].sum(axis=1)

    def direct(
        self, wave: str, zone: int, depth: float, lower_side: bool
    ) -> tuple[Curve, FloatArray] | None:
        """Trace rays that turn in a zone, or leave the source upwards in it.

        Returns the curve, and dt/dh [s/km] as a function of its samples' distance.
        """
        shells = self.p_mantle if wave == "P" else self.s_mantle
        top, bottom = TURNING_ZONES[zone]
        own = top <= depth < bottom if lower_side else top < depth <= bottom
        if depth > bottom or (depth == bottom and not own):
            return None
        pieces = []
        if own:
            eta_source = (RADIUS_KM - depth) / one_sided_velocity(shells, depth, lower_side)
            if depth > 0.0:
                turn = np.linspace(0.0, 1.0, 900)
                pieces.append((eta_source * np.sin(0.5 * np.pi * (1.0 - (1.0 - turn) ** 2)), True))
            if depth < bottom:
                pieces.append((turning_slownesses(shells, depth, bottom, 1500), False))
        else:
            pieces.append((turning_slownesses(shells, top, bottom, 2000), False))
        distance, time, slowness = [], [], []
        for p, upward in pieces:
            legs = shells.legs(p)
            x_up, t_up = self._above(shells, legs, depth)
            if upward:
                distance.append(x_up)
                time.append(t_up)
            else:
                # Nothing below the turning zone: a ray at its very bottom must not leak through.
                zone_part = shells.bottom_km <= bottom + 1e-9
                distance.append(2.0 * legs[0][:, zone_part].sum(axis=1) - x_up)
                time.append(2.0 * legs[1][:, zone_part].sum(axis=1) - t_up)
            slowness.append(p)
        curve = prograde(*(np.concatenate(part) for part in (distance, time, slowness)))
        if curve is None:
            return None
        v = one_sided_velocity(shells, depth, lower_side)
        # Rays nearer than the horizontally leaving one go up (time grows with depth), others down.
        horizontal = distance[0][-1] if own and depth > 0.0 else -1.0
        sign = np.where(curve.distance <= horizontal, 1.0, -1.0)
        return curve, sign * vertical_slowness(v, depth, curve.p)

    def secondary(
        self, name: str, depth: float, lower_side: bool
    ) -> tuple[Curve, FloatArray] | None:
        """Trace a depth phase, a core reflection or PKPdf."""
        p_shells, s_shells = self.p_mantle, self.s_mantle
        up_v = s_shells if name in ("sP", "ScP") else p_shells
        v = one_sided_velocity(up_v, depth, lower_side)
        if name in ("pP", "sP"):
            limit = (RADIUS_KM - depth) / one_sided_velocity(p_shells, depth, True)
            p = turning_slownesses(p_shells, 660.0, CMB_DEPTH_KM, 2500)
            p = p[p < limit]
            down = p_shells.legs(p)
            up_shells = s_shells if name == "sP" else p_shells
            up = self._above(up_shells, up_shells.legs(p), depth)
            x = 2.0 * down[0].sum(axis=1) + up[0]
            t = 2.0 * down[1].sum(axis=1) + up[1]
            sign = 1.0
        elif name in ("PcP", "ScP"):
            grazing = (RADIUS_KM - CMB_DEPTH_KM) / p_shells.v_bottom[-1]
            p = grazing * (1.0 - np.linspace(1.0, 0.0, 2500) ** 2)
            up_leg = p_shells.legs(p)
            source = s_shells if name == "ScP" else p_shells
            down_leg = source.legs(p)
            above = self._above(source, down_leg, depth)
            x = up_leg[0].sum(axis=1) + down_leg[0].sum(axis=1) - above[0]
            t = up_leg[1].sum(axis=1) + down_leg[1].sum(axis=1) - above[1]
            sign = -1.0
        else:
            whole = self.p_whole
            edge = (RADIUS_KM - ICB_DEPTH_KM) / whole.v_top[
                np.argmin(np.abs(whole.top_km - ICB_DEPTH_KM))
            ]
            p = edge * np.cos(np.linspace(0.0, 0.5 * np.pi - 1e-3, 2500))
            legs = whole.legs(p)
            above = self._above(whole, legs, depth)
            x, t = 2.0 * legs[0].sum(axis=1) - above[0], 2.0 * legs[1].sum(axis=1) - above[1]
            sign = -1.0
        curve = prograde(x, t, p) if name not in ("PcP", "ScP") else Curve(x, t, p)
        if curve is None:
            return None
        return curve, sign * vertical_slowness(v, depth, curve.p)


def branches() -> list[Branch]:
    """List the tables in the order in which they are stored."""
    result = []
    for wave in ("P", "S"):
        for zone, (_, bottom) in enumerate(TURNING_ZONES):
            # Crustal waves go on past their grazing ray as reverberations of the same slowness;
            # the last mantle branch goes on as the wave diffracted around the core.
            beyond = 180.0 if bottom == CMB_DEPTH_KM else 6.0 if zone < 2 else 0.3
            result.append(Branch(f"{wave}{zone + 1}", min(bottom, MAX_DEPTH_KM), zone, beyond))
    result.extend(
        Branch(name, MAX_DEPTH_KM, None, 0.0) for name in ("pP", "sP", "PcP", "ScP", "PKPdf")
    )
    return result


def build() -> dict[str, NDArray[np.generic]]:
    """Trace everything and return the arrays of the shipped file.

    ``patch_*`` arrays have one row a patch (branch and depth slab): its branch, slab, first and
    past-the-last distance node. ``time`` [1e-5 s], ``slowness`` [1e-4 s/deg] and ``dt_dh``
    [1e-6 s/km] hold, patch after patch and depth node after depth node, first values and then
    differences along distance (time: second differences), which compress well.
    ``exists_*``: the ends of the branch's own rays [1e-4 deg] at each depth node of each patch.
    """
    tracer = Tracer()
    axis = DISTANCE_AXIS * DEG
    rows: dict[str, list[NDArray[np.generic]]] = {"time": [], "slowness": [], "dt_dh": []}
    patches, exists_from, exists_to = [], [], []
    names = branches()
    for number, branch in enumerate(names):
        for slab, nodes in enumerate(DEPTH_SLABS):
            if nodes[-1] > branch.max_source_depth_km:
                continue
            traced = []
            for node, depth in enumerate(nodes):
                lower_side = node < len(nodes) - 1
                if branch.own_slab is None:
                    traced.append(tracer.secondary(branch.name, depth, lower_side))
                else:
                    traced.append(tracer.direct(branch.name[0], branch.own_slab, depth, lower_side))
            if any(item is None for item in traced):
                continue
            curves = [item for item in traced if item is not None]
            own = branch.own_slab == slab
            near = 0.0 if own else min(c.distance[0] for c, _ in curves) / DEG
            far = min(180.0, max(c.distance[-1] for c, _ in curves) / DEG + branch.beyond_deg)
            first = max(0, int(np.searchsorted(DISTANCE_AXIS, near, "right")) - 1)
            last = min(DISTANCE_AXIS.size - 1, int(np.searchsorted(DISTANCE_AXIS, far)))
            patches.append((number, slab, first, last + 1))
            for curve, dt_dh in curves:
                t, p = read_off(curve, axis[first : last + 1])
                dh = np.interp(axis[first : last + 1], curve.distance, dt_dh)
                time = np.round(t * 1e5).astype(np.int64)
                slow = np.round(p * DEG * 1e4).astype(np.int32)
                rows["time"].append(np.diff(time, n=2, prepend=[0, 0]).astype(np.int32))
                rows["slowness"].append(np.diff(slow, prepend=0).astype(np.int32))
                rows["dt_dh"].append(
                    np.diff(np.round(dh * 1e6).astype(np.int32), prepend=0).astype(np.int32)
                )
                exists_from.append(round(curve.distance[0] / DEG * 1e4))
                exists_to.append(round(curve.distance[-1] / DEG * 1e4))
    return {
        "branch_names": np.array([b.name for b in names]),
        "distance_axis": DISTANCE_AXIS,
        "depth_nodes": np.array([d for slab in DEPTH_SLABS for d in slab]),
        "depth_slab": np.array(
            [i for i, slab in enumerate(DEPTH_SLABS) for _ in slab], dtype=np.int32
        ),
        "patches": np.array(patches, dtype=np.int32),
        "exists_from": np.array(exists_from, dtype=np.int32),
        "exists_to": np.array(exists_to, dtype=np.int32),
        **{name: np.concatenate(parts) for name, parts in rows.items()},
    }


def main() -> None:
    """Write the table beside this script."""
    arrays: dict[str, Any] = dict(build())
    np.savez_compressed(Path(__file__).with_name("iasp91.npz"), **arrays)


if __name__ == "__main__":
    main()
