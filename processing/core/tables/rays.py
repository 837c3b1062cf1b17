"""Rays through a layered Earth, spherical or flat, for the tables of travel times.

In a sphere rays are traced exactly through thin shells in which velocity is a power of radius
(Bullen's law); in a flat Earth, through layers whose velocity is constant or linear in depth. Both
give, for a ray parameter, the one-way distance and time in each layer, and that is all the tables
need. Distance is measured in the medium's own unit: radians on the sphere, kilometres on the plane;
the ray parameter is seconds over that unit.

References
----------
Buland & Chapman (1983), Bull. Seism. Soc. Am. 73, 1271-1302 (ray integrals in Bullen shells).
Aki & Richards (2002), Quantitative Seismology, section 9.3 (layers of constant velocity gradient).
"""

from __future__ import annotations

import importlib.resources
import io
import itertools
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from processing.core.earth_models import FLAT_BOTTOM_KM, EarthModel
from processing.core.geodesy import EARTH_RADIUS_KM as RADIUS_KM
from processing.core.geodesy import KM_PER_DEGREE

FloatArray = NDArray[np.float64]

SHELL_KM = 4.0
DEG = np.pi / 180.0
DEEPEST_SOURCE_KM = 700.0


@dataclass(frozen=True)
class Medium:
    """Layers of one wave type from the surface down."""

    top_km: FloatArray
    bottom_km: FloatArray
    v_top: FloatArray
    v_bottom: FloatArray
    spherical: bool

    @property
    def unit(self) -> float:
        """Own units of distance in a degree."""
        return DEG if self.spherical else KM_PER_DEGREE

    @property
    def eta_top(self) -> FloatArray:
        """Ray parameter of a ray that is horizontal at a layer's top."""
        return self.radius(self.top_km) / self.v_top

    @property
    def eta_bottom(self) -> FloatArray:
        return self.radius(self.bottom_km) / self.v_bottom

    def radius(self, depth_km: FloatArray) -> FloatArray:
        """Return what turns a slowness into a ray parameter."""
        # The centre itself has no ray parameter.
        return np.maximum(RADIUS_KM - depth_km, 0.5) if self.spherical else np.ones_like(depth_km)

    def legs(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return one-way distance and time [s] in each layer, shape (n_p, n_layers).

        A ray that turns in a layer counts to its turning point; below it nothing.
        """
        column = p[:, None]
        if not self.spherical:
            return self._flat_legs(column)
        eta_1, eta_2 = self.eta_top, self.eta_bottom
        # ln(r1/r2) / ln(eta1/eta2) = 1/(1 - B) for v = A r^B.
        r_1, r_2 = self.radius(self.top_km), self.radius(self.bottom_km)
        factor = np.log(r_1 / r_2) / np.log(eta_1 / eta_2)
        angle = np.zeros((p.size, self.top_km.size))
        root = np.zeros_like(angle)
        for eta, sign in ((eta_1, 1.0), (eta_2, -1.0)):
            angle += sign * np.arccos(np.minimum(column / eta, 1.0))
            root += sign * np.sqrt(np.maximum(eta**2 - column**2, 0.0))
        return angle * factor, root * factor

    def _flat_legs(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        thickness = self.bottom_km - self.top_km
        v_1 = self.v_top
        constant = self.v_top == self.v_bottom
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine_1 = np.sqrt(np.maximum(1.0 - (p * v_1) ** 2, 0.0))
            gradient = np.where(constant, 1.0, (self.v_bottom - v_1) / thickness)
            v_2 = np.minimum(self.v_bottom, 1.0 / p)
            cosine_2 = np.sqrt(np.maximum(1.0 - (p * v_2) ** 2, 0.0))
            bent = p * (v_2**2 - v_1**2) / ((cosine_1 + cosine_2) * gradient)
            bent_time = np.log(v_2 / v_1 * (1.0 + cosine_1) / (1.0 + cosine_2)) / gradient
            straight = thickness * p * v_1 / cosine_1
            straight_time = thickness / (v_1 * cosine_1)
        enters = p * v_1 < 1.0
        return (
            np.where(enters, np.where(constant, straight, bent), 0.0),
            np.where(enters, np.where(constant, straight_time, bent_time), 0.0),
        )

    def ways(self, p: FloatArray, bottom_km: float) -> Ways:
        """Return how far rays have come, at every layer boundary down to a depth."""
        part = self.bottom_km <= bottom_km + 1e-9
        upper = Medium(
            self.top_km[part], self.bottom_km[part], self.v_top[part], self.v_bottom[part],
            self.spherical,
        )  # fmt: skip
        x, t = upper.legs(p)
        zero = np.zeros((p.size, 1))
        return Ways(
            p,
            np.concatenate([[0.0], upper.bottom_km]),
            np.hstack([zero, x.cumsum(axis=1)]),
            np.hstack([zero, t.cumsum(axis=1)]),
        )

    def velocity(self, depth_km: float, lower_side: bool) -> float:
        """Return the velocity just below a depth, or just above it [km/s]."""
        if lower_side:
            return float(self.v_top[np.argmin(np.abs(self.top_km - depth_km))])
        return float(self.v_bottom[np.argmin(np.abs(self.bottom_km - depth_km))])

    def vertical_slowness(self, v: float, depth_km: float, p: FloatArray) -> FloatArray:
        """Return the vertical slowness of rays at a depth where the velocity is v [s/km]."""
        radius = float(self.radius(np.array(depth_km)))
        return np.sqrt(np.maximum(1.0 / v**2 - (p / radius) ** 2, 0.0))

    def turning(self, top_km: float, bottom_km: float, count: int) -> FloatArray:
        """Return ray parameters that turn between two depths, falling, dense at both ends."""
        u = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, count))
        u[: count // 4] = u[count // 4] * np.linspace(0.0, 1.0, count // 4, endpoint=False) ** 3
        depth = top_km + (bottom_km - top_km) * u
        inside = (self.top_km >= top_km - 1e-9) & (self.bottom_km <= bottom_km + 1e-9)
        tops, bottoms = self.top_km[inside], self.bottom_km[inside]
        v_tops, v_bottoms = self.v_top[inside], self.v_bottom[inside]
        layer = np.clip(np.searchsorted(tops, depth, side="right") - 1, 0, tops.size - 1)
        share = (depth - tops[layer]) / (bottoms[layer] - tops[layer])
        if self.spherical:
            eta = (1.0 - share) * self.eta_top[inside][layer]
            eta += share * self.eta_bottom[inside][layer]
        else:
            eta = 1.0 / (v_tops[layer] + share * (v_bottoms[layer] - v_tops[layer]))
        return np.minimum.accumulate(eta)


@dataclass(frozen=True)
class Ways:
    """One-way distances and times of rays between the surface and depths, shape (n_p, n_depths)."""

    p: FloatArray
    depth_km: FloatArray
    distance: FloatArray
    time: FloatArray

    def at(self, depth_km: float) -> tuple[FloatArray, FloatArray]:
        """Return distance and time to a depth, which must be a layer boundary."""
        column = int(np.argmin(np.abs(self.depth_km - depth_km)))
        return self.distance[:, column], self.time[:, column]


@dataclass(frozen=True)
class Earth:
    """A model ready for tracing."""

    model: EarthModel
    rows: FloatArray
    """Depth [km], vP, vS [km/s] from the surface down; a discontinuity stands twice."""
    slabs: tuple[tuple[float, ...], ...]
    """Depth nodes of the table between one discontinuity or bend and the next [km]."""
    zones: tuple[tuple[float, float], ...]
    """Depths between which rays turn, or are refracted, that form one branch [km]."""
    core_km: float
    inner_core_km: float

    def medium(self, wave: Literal["P", "S"], bottom_km: float) -> Medium:
        """Cut the model into layers, with every node of the depth axis at a layer boundary."""
        column = 1 if wave == "P" else 2
        nodes = sorted({depth for slab in self.slabs for depth in slab})
        spherical = self.model.is_global
        parts: list[tuple[float, float, float, float]] = []
        for upper, lower in itertools.pairwise(self.rows):
            if lower[0] == upper[0] or upper[0] >= bottom_km:
                continue
            inside = [d for d in nodes if upper[0] < d < lower[0]]
            for a, b in itertools.pairwise((upper[0], *inside, lower[0])):
                pieces = max(1, int(np.ceil((b - a) / SHELL_KM))) if spherical else 1
                cuts = np.linspace(a, b, pieces + 1)
                v = np.interp(cuts, [upper[0], lower[0]], [upper[column], lower[column]])
                parts.extend(zip(cuts[:-1], cuts[1:], v[:-1], v[1:], strict=True))
        return Medium(*np.array(parts).T, spherical)


def read(model: EarthModel) -> Earth:
    """Return a model with the depths its table needs."""
    if model.is_global:
        text = importlib.resources.files("obspy") / "taup" / "data" / f"{model.name}.tvel"
        rows = np.loadtxt(io.StringIO(text.read_text()), skiprows=2)[:, :3]
        fluid = np.flatnonzero(rows[:, 2] == 0.0)
        core, inner_core = float(rows[fluid[0], 0]), float(rows[fluid[-1], 0])
        deepest = DEEPEST_SOURCE_KM
    else:
        bottoms = [*(layer.top_km for layer in model.layers[1:]), FLAT_BOTTOM_KM]
        rows = np.array(
            [
                row
                for layer, bottom in zip(model.layers, bottoms, strict=True)
                for row in (
                    (layer.top_km, layer.vp_top, layer.vs_top),
                    (bottom, layer.vp_bottom, layer.vs_bottom),
                )
            ]
        )
        core = inner_core = deepest = FLAT_BOTTOM_KM
    repeated = rows[:-1, 0] == rows[1:, 0]
    # In a flat model of gradients two layers may meet without a step: one zone, one slab.
    steps = repeated & (model.is_global | (np.abs(np.diff(rows[:, 1])) > 0.0))
    # Below its sources a global model has one zone down to the core.
    limits = {float(d) for d in rows[:-1, 0][steps] if d < deepest} | set(model.bends_km)
    inner = sorted(limits - {0.0})
    slabs = tuple(
        depth_nodes(top, bottom, model)
        for top, bottom in itertools.pairwise([0.0, *inner, deepest])
    )
    zones = tuple(itertools.pairwise([0.0, *inner, core]))
    return Earth(model, rows, slabs, zones, core, inner_core)


def depth_nodes(top_km: float, bottom_km: float, model: EarthModel) -> tuple[float, ...]:
    """Return the depth nodes of a slab, close under its top, where the ray that leaves the source
    horizontally makes a bend in the table."""
    # Ours, as measured against TauPy and against times computed by other means (see the tests).
    fine, growth = (0.5, 0.3) if top_km < 100.0 else (2.0, 0.5)
    largest = model.depth_step_km
    if model.is_global:
        largest = 2.5 if bottom_km <= model.moho_km else min(largest, 0.1 * bottom_km)
    # Three intervals at least: the mixed derivative is a difference along depth.
    fine = min(fine, (bottom_km - top_km) / 4.0)
    offsets = [0.0]
    while offsets[-1] < bottom_km - top_km:
        offsets.append(offsets[-1] + min(largest, fine + growth * offsets[-1]))
    scale = (bottom_km - top_km) / offsets[-1]
    nodes = [round(top_km + scale * offset, 2) for offset in offsets]
    return (top_km, *nodes[1:-1], bottom_km)


@dataclass(frozen=True)
class Curve:
    """Sampled rays of one branch for one source depth, distance ascending, own units."""

    distance: FloatArray
    time: FloatArray
    p: FloatArray


def prograde(distance: FloatArray, time: FloatArray, p: FloatArray) -> Curve | None:
    """Keep the samples after the last caustic, where distance grows as p falls."""
    start = int(np.argmin(distance))
    return ascending(distance[start:], time[start:], p[start:])


def ascending(distance: FloatArray, time: FloatArray, p: FloatArray) -> Curve | None:
    """Keep the samples that are farther than all before them."""
    rising = np.concatenate([[True], distance[1:] > np.maximum.accumulate(distance)[:-1] + 1e-9])
    if rising.sum() < 4:
        return None
    return Curve(distance[rising], time[rising], p[rising])


def read_off(curve: Curve, axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return time [s] and ray parameter at the axis, tangents beyond the curve's ends."""
    x, t, p = curve.distance, curve.time, curve.p
    spline = CubicHermiteSpline(x, t, p)
    inside = np.clip(axis, x[0], x[-1])
    slowness = np.interp(inside, x, p)
    return spline(inside) + slowness * (axis - inside), slowness


class Tracer:
    """Rays of every branch for any source depth at a node of the depth axis."""

    def __init__(self, earth: Earth) -> None:
        self.earth = earth
        self.mantle = {wave: earth.medium(wave, earth.core_km) for wave in ("P", "S")}
        if earth.model.is_global:
            self.whole = earth.medium("P", RADIUS_KM)

    def direct(
        self, wave: str, zone: int, depth: float, lower_side: bool
    ) -> tuple[Curve, FloatArray] | None:
        """Trace rays that turn in a zone, or leave the source upwards in it.

        Returns the curve, and dt/dh [s/km] as a function of its samples' distance.
        """
        medium = self.mantle[wave]
        top, bottom = self.earth.zones[zone]
        own = top <= depth < bottom if lower_side else top < depth <= bottom
        if depth > bottom or (depth == bottom and not own):
            return None
        v = medium.velocity(depth, lower_side)
        in_zone = (medium.top_km >= top - 1e-9) & (medium.bottom_km <= bottom + 1e-9)
        uniform = not medium.spherical and np.ptp(medium.v_top[in_zone]) == 0.0
        uniform &= bool((medium.v_bottom == medium.v_top)[in_zone].all())
        if uniform and not own:
            return self._head_wave(medium, top, depth, v)
        if uniform and depth == 0.0:
            far = 180.0 * medium.unit
            x = np.array([0.0, far])
            return Curve(x, x / v, np.full(2, 1.0 / v)), np.zeros(2)
        pieces = []
        if own:
            eta_source = float(medium.radius(np.array(depth))) / v
            if depth > 0.0:
                # A ray up from below a faster layer never gets flatter than that layer lets it.
                above = medium.bottom_km <= depth + 1e-9
                eta = np.concatenate([medium.eta_top[above], medium.eta_bottom[above]])
                steepest = min(eta_source, float(eta.min())) * (1.0 - 1e-13)
                turn = np.linspace(0.0, 1.0, 900)
                pieces.append((steepest * np.sin(0.5 * np.pi * (1.0 - (1.0 - turn) ** 2)), True))
            if depth < bottom and not uniform:
                pieces.append((medium.turning(depth, bottom, 1500), False))
        else:
            pieces.append((np.empty(0), False))
        distance, time, slowness = [], [], []
        for p, upward in pieces:
            # Nothing below the turning zone: a ray at its very bottom must not leak through.
            ways = medium.ways(p, depth if upward else bottom) if own else self._zone(wave, zone)
            (x_up, t_up), (x, t) = ways.at(depth), ways.at(bottom)
            distance.append(x_up if upward else 2.0 * x - x_up)
            time.append(t_up if upward else 2.0 * t - t_up)
            slowness.append(ways.p)
        curve = prograde(*(np.concatenate(part) for part in (distance, time, slowness)))
        if curve is None:
            return None
        # Rays nearer than the horizontally leaving one go up (time grows with depth), others down.
        horizontal = distance[0][-1] if own and depth > 0.0 else -1.0
        sign = np.where(curve.distance <= horizontal, 1.0, -1.0)
        return curve, sign * medium.vertical_slowness(v, depth, curve.p)

    @cache  # noqa: B019 (a tracer lives as long as its table is made)
    def _zone(self, wave: str, zone: int) -> Ways:
        """Return rays that turn in a zone, for sources above it."""
        top, bottom = self.earth.zones[zone]
        return self.mantle[wave].ways(self.mantle[wave].turning(top, bottom, 2000), bottom)

    @staticmethod
    def _head_wave(
        medium: Medium, top: float, depth: float, v_source: float
    ) -> tuple[Curve, FloatArray] | None:
        """Return the wave along the top of a uniform layer, if no layer above is as fast."""
        p = np.array([1.0 / medium.velocity(top, True)])
        above = medium.bottom_km <= top + 1e-9
        if np.maximum(medium.v_top, medium.v_bottom)[above].max() * p[0] >= 1.0:
            return None
        ways = medium.ways(p, top)
        (x_down, t_down), (x_up, t_up) = ways.at(top), ways.at(depth)
        x, t = float(2.0 * x_down[0] - x_up[0]), float(2.0 * t_down[0] - t_up[0])
        far = np.array([x, 180.0 * medium.unit])
        slope = -medium.vertical_slowness(v_source, depth, np.repeat(p, 2))
        return Curve(far, t + p * (far - x), np.repeat(p, 2)), slope

    def secondary(
        self, name: str, depth: float, lower_side: bool
    ) -> tuple[Curve, FloatArray] | None:
        """Trace a depth phase, a reflection or a core phase of a spherical model."""
        leaves = "S" if name in ("sP", "ScP", "ScS", "SS") else "P"
        source = self.mantle[leaves]
        v = source.velocity(depth, lower_side)
        ways, whole, receding = self._paths(name)
        p = ways.p
        upward = name in ("pP", "sP")
        sign = 1.0 if upward else -1.0
        x_up, t_up = ways.at(depth)
        x, t = whole[0] + sign * x_up, whole[1] + sign * t_up
        if upward:
            # Rays that turn above the source are not reflected from above it.
            keep = p < (RADIUS_KM - depth) / self.mantle["P"].velocity(depth, True)
            x, t, p = x[keep], t[keep], p[keep]
        if receding:
            # Distance falls with p down to the caustic.
            start = int(np.argmin(x))
            curve = ascending(x[start::-1], t[start::-1], p[start::-1])
        elif name in ("PcP", "ScP", "ScS", "PKiKP"):
            curve = ascending(x, t, p)
        else:
            curve = prograde(x, t, p)
        if curve is None:
            return None
        return curve, sign * source.vertical_slowness(v, depth, curve.p)

    @cache  # noqa: B019
    def _paths(self, name: str) -> tuple[Ways, tuple[FloatArray, FloatArray], bool]:
        """Return rays near the source, whole paths from surface to surface, and the direction."""
        p_mantle, s_mantle = self.mantle["P"], self.mantle["S"]
        last_top = self.earth.zones[-1][0]
        core, inner = self.earth.core_km, self.earth.inner_core_km

        def paths(
            medium: Medium, p: FloatArray, bottom: float, passes: int
        ) -> tuple[FloatArray, FloatArray]:
            x, t = medium.ways(p, bottom).at(bottom)
            return passes * x, passes * t

        if name in ("pP", "sP", "PP", "SS"):
            medium = s_mantle if name == "SS" else p_mantle
            p = medium.turning(last_top, core, 2500)
            passes = 2 if name in ("pP", "sP") else 4
            source = s_mantle if name == "sP" else medium
            return source.ways(p, DEEPEST_SOURCE_KM), paths(medium, p, core, passes), False
        if name in ("PcP", "ScP", "ScS"):
            up = s_mantle if name == "ScS" else p_mantle
            down = p_mantle if name == "PcP" else s_mantle
            p = up.eta_bottom[-1] * (1.0 - np.linspace(1.0, 0.0, 2500) ** 2)
            (x_1, t_1), (x_2, t_2) = paths(down, p, core, 1), paths(up, p, core, 1)
            return down.ways(p, DEEPEST_SOURCE_KM), (x_1 + x_2, t_1 + t_2), False
        whole = self.whole
        outside = whole.bottom_km <= inner + 1e-9
        bottom = inner
        if name == "PKPdf":
            bottom = RADIUS_KM
            p = float(whole.eta_top[~outside][0]) * np.cos(
                np.linspace(0.0, 0.5 * np.pi - 1e-3, 2500)
            )
        elif name == "PKiKP":
            p = float(whole.eta_bottom[outside][-1]) * (1.0 - np.linspace(1.0, 0.0, 2500) ** 2)
        else:
            # Rays into the core are no flatter than the one that grazes it.
            p = whole.turning(core, inner, 6000)
            p = np.concatenate([[p_mantle.eta_bottom[-1]], p[p < p_mantle.eta_bottom[-1]]])
        near = p_mantle.ways(p, DEEPEST_SOURCE_KM)
        return near, paths(whole, p, bottom, 2), name == "PKPab"
