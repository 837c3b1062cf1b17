"""Velocity models as data: what they are, where they hold, and how several are mixed.

A regional model is flat: its layers answer for direct and head waves only, and its times hold near
the source. With distance they fade into those of the global model, and across the border of its
region likewise, so that no prediction jumps when a trial epicentre moves.

An agency may bring times of its own (`OwnModel`): they are used by name, or in a region in place of
the built-in model there.

"Methods" is the project's methods paper; what it could not verify or find is said in `provenance`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processing.core.compiling import compiled_inner
from processing.core.travel_times import Kernel, load, ray

FloatArray = NDArray[np.float64]
Region = tuple[tuple[float, float], ...]
"""Corners (longitude, latitude) [deg] of a convex polygon, counter-clockwise."""


@dataclass(frozen=True)
class Layer:
    """One layer of a flat model: velocities at its top and bottom, linear between [km/s]."""

    top_km: float
    vp_top: float
    vp_bottom: float
    vs_top: float
    vs_bottom: float


@dataclass(frozen=True)
class EarthModel:
    """One velocity model, where it may be used, and where it is from."""

    name: str
    title: str
    kind: Literal["spherical", "flat"]
    layers: tuple[Layer, ...]
    """Of a flat model, from the top down, the last one a half space. Empty for a spherical one,
    whose velocities are read when its table is made, from the file that ObsPy ships."""
    conrad_km: float | None
    """Top of the lower crust, in which Pb and Sb travel; None where the model has none."""
    moho_km: float
    bends_km: tuple[float, ...]
    """Depths where the velocity gradient changes so much that rays turning above and below are
    tabulated apart."""
    region: Region | None
    """Where the model is used unasked. None for a global model, and for one that is only used by
    name."""
    full_to_deg: float
    """Up to here the model's times count fully; not at all from ``none_beyond_deg`` on."""
    none_beyond_deg: float
    full_to_km: float
    """The same for source depth."""
    none_beyond_km: float
    depth_step_km: float
    """The depth nodes of its table are not farther apart; they are closer under discontinuities."""
    surface_p_km_s: float
    """Velocity under a station, for its elevation."""
    surface_s_km_s: float
    provenance: str
    status: Literal["published", "substitute", "agency"]

    @property
    def is_global(self) -> bool:
        return self.kind == "spherical"


# Ours. At 10 km depth P of the kyrgyz table is later than that of iasp91 by 2.2 s at 2 deg, for the
# Tien Shan's thick crust, 2.9 s at 5 deg and 4.2 s at 10 deg. Of this a flat Earth's missing
# curvature is 0.2, 0.5 and 1.2 s (a 45 km deep interface of 7.95 km/s): up to 5 deg less than the
# a-priori error of P (0.8 s, iLoc), at 10 deg more.
FULL_TO_DEG, NONE_BEYOND_DEG = 5.0, 10.0
# Ours: below the Moho of every row here, and above where a half space of one velocity is absurd.
FULL_TO_KM, NONE_BEYOND_KM = 60.0, 90.0
FLAT_BOTTOM_KM = 100.0
"""Where the depth axis of flat tables ends (ours)."""

REGIONAL = "regional"
"""In place of a model's name: by source region and distance."""

BORDER_DEG = 0.5
"""Half the width of the belt in which a region's model takes over (ours)."""


def _flat(
    name: str,
    title: str,
    layers: tuple[Layer, ...],
    conrad_km: float | None,
    moho_km: float,
    provenance: str,
    status: Literal["published", "substitute", "agency"],
    region: Region | None = None,
) -> EarthModel:
    return EarthModel(
        name=name,
        title=title,
        kind="flat",
        layers=layers,
        conrad_km=conrad_km,
        moho_km=moho_km,
        bends_km=(),
        region=region,
        full_to_deg=FULL_TO_DEG,
        none_beyond_deg=NONE_BEYOND_DEG,
        full_to_km=FULL_TO_KM,
        none_beyond_km=NONE_BEYOND_KM,
        depth_step_km=5.0,  # the step of SOME's tables, methods 3.3
        surface_p_km_s=layers[0].vp_top,
        surface_s_km_s=layers[0].vs_top,
        provenance=provenance,
        status=status,
    )


def _global(name: str, title: str, provenance: str) -> EarthModel:
    return EarthModel(
        name=name,
        title=title,
        kind="spherical",
        layers=(),
        conrad_km=20.0,
        moho_km=35.0,
        # The papers' velocity laws also change at 210, 410 and 660 km, where the files repeat the
        # depth; at 120 km they do not.
        bends_km=(120.0,),
        region=None,
        full_to_deg=180.0,
        none_beyond_deg=180.0,
        full_to_km=700.0,
        none_beyond_km=700.0,
        depth_step_km=40.0,
        # iLoc uses ak135's 3.46 for both models (methods 3.1).
        surface_p_km_s=5.8,
        surface_s_km_s=3.46,
        provenance=provenance,
        status="published",
    )


def _uniform(*rows: tuple[float, float, float]) -> tuple[Layer, ...]:
    """Return layers of constant velocity from rows top [km], vP, vS [km/s]."""
    return tuple(Layer(top, vp, vp, vs, vs) for top, vp, vs in rows)


def box(west: float, south: float, east: float, north: float) -> Region:
    """Return the region between two meridians and two parallels [deg]."""
    return ((west, south), (east, south), (east, north), (west, north))


# Vp/Vs of the crust of iasp91 (Kennett & Engdahl 1991): 5.80/3.36.
_IASP91_CRUST_RATIO = 5.80 / 3.36


def _shield(top_km: float, v_top: float, v_bottom: float) -> Layer:
    ratio = _IASP91_CRUST_RATIO
    return Layer(top_km, v_top, v_bottom, v_top / ratio, v_bottom / ratio)


_CRUST1 = (
    "CRUST1.0 (Laske et al. 2013) as methods 3.6 lists the cell; depths below sea level, sediments "
    "left out. "
)
_CRUST1_VS = "S velocities of the crust: those listed for the same P velocities in the Almaty cell."

MODELS: dict[str, EarthModel] = {
    model.name: model
    for model in (
        _global(
            "iasp91",
            "iasp91",
            "Kennett & Engdahl (1991), Geophys. J. Int. 105, 429-465. "
            "doi:10.1111/j.1365-246X.1991.tb06724.x. Velocities as ObsPy ships them.",
        ),
        _global(
            "ak135",
            "ak135",
            "Kennett, Engdahl & Buland (1995), Geophys. J. Int. 122, 108-124. "
            "doi:10.1111/j.1365-246X.1995.tb03540.x. Velocities as ObsPy ships them.",
        ),
        _flat(
            "kyrgyz",
            "Northern Tien Shan (LLNL kyrg.mod)",
            _uniform(
                (0.0, 4.50, 2.627),
                (4.0, 6.15, 3.574),
                (22.0, 6.35, 3.673),
                (37.0, 6.60, 3.794),
                (45.0, 7.95, 4.418),
                (65.0, 7.90, 4.394),
            ),
            # Which of its layers is "the lower crust" is ours: that nearest to iasp91's 6.5 km/s.
            37.0,
            45.0,
            "LLNL mtinv, data/modeldb/kyrg.mod (methods 3.6). In place of the hodograph of SOME, "
            "which was not found. The region is the authority area of the design, section 4; that "
            "this model holds in it is ours to say.",
            "substitute",
            box(75.0, 41.67, 80.0, 45.0),
        ),
        _flat(
            "central-kazakhstan",
            "Central Kazakhstan (Bayanaul, Karkaralinsk)",
            (
                _shield(0.0, 4.5, 6.5),
                _shield(15.0, 6.5, 7.05),
                Layer(50.0, 8.2, 8.2, 4.56, 4.56),
            ),
            None,
            50.0,
            "P of the crust: Quin & Thurber, osti.gov/biblio/200114, from explosions at 100 to "
            "300 km. Mantle: CRUST1.0, Karaganda cell (P rounded to 8.2). S of the crust was not "
            "published: the Vp/Vs of iasp91's crust, 5.80/3.36, stands in. The region is ours: the "
            "shield around Karaganda and Bayanaul.",
            "substitute",
            box(68.0, 47.0, 78.0, 52.0),
        ),
        _flat(
            "crust1-almaty",
            "CRUST1.0, Almaty cell",
            _uniform((0.0, 6.10, 3.55), (21.2, 6.30, 3.65), (40.3, 7.00, 3.99), (48.6, 8.08, 4.49)),
            40.3,
            48.6,
            _CRUST1,
            "published",
        ),
        _flat(
            "crust1-issyk-kul",
            "CRUST1.0, southern Issyk-Kul cell",
            _uniform((0.0, 6.10, 3.55), (22.6, 6.30, 3.65), (43.5, 7.00, 3.99), (52.5, 8.14, 4.52)),
            43.5,
            52.5,
            _CRUST1 + _CRUST1_VS,
            "substitute",
        ),
        _flat(
            "crust1-kurchatov",
            "CRUST1.0, Kurchatov and Balapan cell",
            _uniform((0.0, 6.10, 3.55), (19.9, 6.30, 3.65), (38.0, 7.00, 3.99), (46.0, 8.26, 4.58)),
            38.0,
            46.0,
            _CRUST1 + _CRUST1_VS,
            "substitute",
        ),
        _flat(
            "crust1-karaganda",
            "CRUST1.0, Karaganda cell",
            _uniform((0.0, 6.10, 3.55), (20.7, 6.30, 3.65), (39.5, 7.00, 3.99), (47.8, 8.22, 4.56)),
            39.5,
            47.8,
            _CRUST1 + _CRUST1_VS,
            "substitute",
        ),
        _flat(
            "crust1-borovoye",
            "CRUST1.0, Borovoye cell",
            _uniform(
                (0.0, 6.10, 3.55),
                # 6.30/3.65 of the Almaty cell's middle crust.
                (16.4, 6.40, 6.40 * 3.65 / 6.30),
                (33.1, 7.00, 3.99),
                (44.8, 8.18, 4.54),
            ),
            33.1,
            44.8,
            _CRUST1 + _CRUST1_VS + " That of its middle crust: with Almaty's Vp/Vs, 6.30/3.65.",
            "substitute",
        ),
        _flat(
            "mkar-lopnor",
            "Makanchi to Lop Nor (LLNL mkar2lop.mod)",
            _uniform(
                (0.0, 2.5, 1.2),
                (0.5, 4.1, 2.28),
                (3.5, 5.0, 2.8),
                (5.5, 6.15, 3.55),
                (24.5, 6.46, 3.65),
                (44.5, 7.25, 4.11),
                (54.07, 8.11, 4.54),
            ),
            # Ours, as for kyrgyz.
            24.5,
            54.07,
            "LLNL mtinv, mkar2lop.mod (methods 3.6): a path across Dzungaria, not a place.",
            "published",
        ),
    )
}


class Fades(NamedTuple):
    """Up to where a model's times count fully, and from where on not at all."""

    full_to_deg: float = FULL_TO_DEG
    none_beyond_deg: float = NONE_BEYOND_DEG
    full_to_km: float = FULL_TO_KM
    """The same for source depth."""
    none_beyond_km: float = NONE_BEYOND_KM


@dataclass(frozen=True)
class OwnModel:
    """Times that somebody brought, used beside the built-in models; two are the same by content.

    Whatever is remembered of a model is remembered under its digest, so that a table brought anew
    under the same name is never answered from what was remembered of the old one.
    """

    name: str
    """Letters, digits and hyphens; not that of a built-in model."""
    version: int
    """0: of no version."""
    digest: str = field(init=False)
    """Of all that decides a prediction: the kernel, the region, the fades, the velocities."""
    title: str = field(compare=False)
    kernel: Kernel = field(compare=False, repr=False)
    region: Region | None = field(compare=False)
    """Where the model is used unasked; None: only by name."""
    fades: Fades = field(compare=False)
    surface_p_km_s: float = field(compare=False)
    """Velocity under a station, for its elevation."""
    surface_s_km_s: float = field(compare=False)
    provenance: str = field(compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.region is not None and not _is_convex(self.region):
            raise ValueError(f"{self.name}: the region is no counter-clockwise convex polygon")
        if not (
            0.0 < self.fades.full_to_deg < self.fades.none_beyond_deg
            and 0.0 < self.fades.full_to_km < self.fades.none_beyond_km
        ):
            raise ValueError(f"{self.name}: times that end before they begin to fade")
        digest = hashlib.blake2b(digest_size=16)
        for array in self.kernel:
            digest.update(array.tobytes())
        rest = (self.region, tuple(self.fades), self.surface_p_km_s, self.surface_s_km_s)
        digest.update(repr(rest).encode())
        object.__setattr__(self, "digest", digest.hexdigest())

    @property
    def label(self) -> str:
        """Name and version, as a solution tells its models."""
        return f"{self.name}.{self.version}" if self.version else self.name


def check_name(name: str) -> None:
    """Raise ValueError unless a model somebody brings may have this name."""
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"{name!r} is no name of letters, digits and hyphens")
    if name in MODELS or name == REGIONAL:
        raise ValueError(f"{name} is the name of a built-in model")


def _is_convex(region: Region) -> bool:
    """Tell whether all corners of a polygon turn left."""
    corners = np.array(region)
    if len(region) < 3 or not np.isfinite(corners).all():
        return False
    along = np.roll(corners, -1, axis=0) - corners
    after = np.roll(along, -1, axis=0)
    return bool((along[:, 0] * after[:, 1] > along[:, 1] * after[:, 0]).all())


@dataclass(frozen=True)
class Mixture:
    """Models to be mixed at one epicentre, as `mixed_ray` takes them."""

    names: tuple[str, str, str]
    """The global model first; an unused place repeats it with weight 0."""
    kernels: tuple[Kernel, Kernel, Kernel]
    weights: FloatArray
    """Of each model near the source, shape (3,); the first is not read, the global model takes what
    the others leave."""
    fades: FloatArray
    """Of each model: counts fully to, not at all from [deg]; the same of depth [km]. (3, 4)."""
    surface_p_km_s: float
    """Velocities under a station for its elevation, mixed by weight."""
    surface_s_km_s: float


@compiled_inner
def _fall(x: float, full_to: float, none_from: float) -> tuple[float, float, float]:
    """Return the cubic that falls from 1 to 0 between two ends, and its two derivatives."""
    if x <= full_to:
        return 1.0, 0.0, 0.0
    if x >= none_from:
        return 0.0, 0.0, 0.0
    per_x = 1.0 / (none_from - full_to)
    u = (x - full_to) * per_x
    return (
        1.0 - u * u * (3.0 - 2.0 * u),
        -6.0 * u * (1.0 - u) * per_x,
        (12.0 * u - 6.0) * per_x * per_x,
    )


@compiled_inner
def mixed_ray(
    kernels: tuple[Kernel, Kernel, Kernel],
    weights: FloatArray,
    fades: FloatArray,
    code: int,
    distance_deg: float,
    depth_km: float,
) -> tuple[float, float, float, float]:
    """Return an arrival's time and derivatives as `travel_times.ray` does, of mixed models.

    A regional model k has the share w_k a_k(distance) b_k(depth), the global one the rest. Where a
    model does not have the phase, the others share its part in proportion; if none of those has it
    that have a part, the global model answers alone.

    Notes
    -----
    The derivatives are those of the mixed time, so they contain the slope of the fade times the
    difference of the models.
    """
    regional, regional_x, regional_xx, regional_h = 0.0, 0.0, 0.0, 0.0
    # Sums over the models that have the phase: share, share * time, and their derivatives.
    n, n_x, n_xx, n_h = 0.0, 0.0, 0.0, 0.0
    s, s_x, s_xx, s_h = 0.0, 0.0, 0.0, 0.0
    for k in range(1, 3):
        if weights[k] <= 0.0:
            continue
        a, a_x, a_xx = _fall(distance_deg, fades[k, 0], fades[k, 1])
        b, b_h, _ = _fall(depth_km, fades[k, 2], fades[k, 3])
        w = weights[k] * a * b
        if not w > 0.0:
            continue
        w_x, w_xx, w_h = weights[k] * a_x * b, weights[k] * a_xx * b, weights[k] * a * b_h
        regional, regional_x = regional + w, regional_x + w_x
        regional_xx, regional_h = regional_xx + w_xx, regional_h + w_h
        if k == 1:
            t, p, t_h, c = ray(kernels[1], code, distance_deg, depth_km)
        else:
            t, p, t_h, c = ray(kernels[2], code, distance_deg, depth_km)
        if np.isnan(t):
            continue
        n, n_x, n_xx, n_h = n + w, n_x + w_x, n_xx + w_xx, n_h + w_h
        s, s_x = s + w * t, s_x + w_x * t + w * p
        s_xx, s_h = s_xx + w_xx * t + 2.0 * w_x * p + w * c, s_h + w_h * t + w * t_h
    if n == 0.0:
        return ray(kernels[0], code, distance_deg, depth_km)
    w = 1.0 - regional
    if w > 1e-12:
        t, p, t_h, c = ray(kernels[0], code, distance_deg, depth_km)
        if not np.isnan(t):
            w_x, w_xx, w_h = -regional_x, -regional_xx, -regional_h
            n, n_x, n_xx, n_h = n + w, n_x + w_x, n_xx + w_xx, n_h + w_h
            s, s_x = s + w * t, s_x + w_x * t + w * p
            s_xx, s_h = s_xx + w_xx * t + 2.0 * w_x * p + w * c, s_h + w_h * t + w * t_h
    # Quotient s/n; n is 1 where every model has the phase.
    time = s / n
    slope = (s_x - time * n_x) / n
    curve = (s_xx - 2.0 * slope * n_x - time * n_xx) / n
    return time, slope, (s_h - time * n_h) / n, curve


DOUBTED: Mapping[str, Region] = {"kyrgyz": box(72.0, 41.0, 82.0, 46.5)}
"""Where other models are known to be wrong by about as much as they differ from the one named: by
`benchmarks/locate.py`, whose wrong-model test draws its events there, the 90 % ellipses of its
readings located with iasp91 hold 62 % of the epicentres. That the Tien Shan's crust goes on so far
around the model's region is ours to say."""


def doubt_at(latitude: float, longitude: float) -> tuple[float, str]:
    """Return how much an epicentre lies where models are doubted, 0 to 1, and by which model."""
    weighted = [(_weight_in(area, latitude, longitude), name) for name, area in DOUBTED.items()]
    return max(weighted)


def region_weight(model: EarthModel | OwnModel, latitude: float, longitude: float) -> float:
    """Return a model's weight at an epicentre: 1 in its region, 0 outside, smooth at the border."""
    return 0.0 if model.region is None else _weight_in(model.region, latitude, longitude)


class _Edge(NamedTuple):
    """An edge of a region in degrees of latitude: where it starts, where it leads, its length."""

    x: float
    y: float
    along_x: float
    along_y: float
    length: float


@lru_cache(maxsize=256)
def _edges(region: Region) -> tuple[float, float, tuple[_Edge, ...]]:
    """Return a region's middle longitude [deg], its parallel's degree in meridian's, its edges."""
    corners = np.array(region)
    scale = float(np.cos(np.radians(corners[:, 1].mean())))
    start = corners * [scale, 1.0]
    along = np.roll(start, -1, axis=0) - start
    rows = np.column_stack([start, along, np.hypot(*along.T)]).tolist()
    return float(corners[:, 0].mean()), scale, tuple(_Edge(*row) for row in rows)


def _weight_in(region: Region, latitude: float, longitude: float) -> float:
    """Return 1 in a region, 0 outside, smooth at the border.

    The product over the region's edges of a smooth step of the distance to each [deg], half on the
    edge itself, so that it has a derivative everywhere, also near a corner.
    """
    middle, scale, edges = _edges(region)
    # The nearest turn of the longitude.
    x = (middle + (longitude - middle + 180.0) % 360.0 - 180.0) * scale
    weight = 1.0
    for edge in edges:
        inside = edge.along_x * (latitude - edge.y) - edge.along_y * (x - edge.x)
        u = min(max(0.5 + inside / edge.length / (2.0 * BORDER_DEG), 0.0), 1.0)
        weight *= u * u * (3.0 - 2.0 * u)
    return weight


@lru_cache(maxsize=256)
def _mix(
    global_model: str, models: tuple[str | OwnModel, ...], weights: tuple[float, ...]
) -> Mixture:
    """Return a mixture of a global model with at most two others.

    Remembered by the names of built-in models and the digests of others.
    """
    rows = [MODELS[name] if isinstance(name, str) else name for name in (global_model, *models)]
    share = np.array([max(0.0, 1.0 - sum(weights)), *weights])
    place = [*range(len(rows)), *[0] * (3 - len(rows))]
    padded = np.zeros(3)
    padded[: share.size] = share
    fades = np.array([_fades_of(row) for row in rows])[place]
    kernels = [_kernel_of(rows[i]) for i in place]
    names = [_label_of(rows[i]) for i in place]
    padded.flags.writeable = fades.flags.writeable = False
    return Mixture(
        names=(names[0], names[1], names[2]),
        kernels=(kernels[0], kernels[1], kernels[2]),
        weights=padded,
        fades=fades,
        surface_p_km_s=float(share @ [row.surface_p_km_s for row in rows]),
        surface_s_km_s=float(share @ [row.surface_s_km_s for row in rows]),
    )


def _kernel_of(model: EarthModel | OwnModel) -> Kernel:
    return model.kernel if isinstance(model, OwnModel) else load(model.name).kernel


def _label_of(model: EarthModel | OwnModel) -> str:
    return model.label if isinstance(model, OwnModel) else model.name


def _fades_of(model: EarthModel | OwnModel) -> tuple[float, float, float, float]:
    if isinstance(model, OwnModel):
        return model.fades
    return model.full_to_deg, model.none_beyond_deg, model.full_to_km, model.none_beyond_km


def mixture_at(
    latitude: float,
    longitude: float,
    global_model: str = "iasp91",
    only: str | None = None,
    own: Sequence[OwnModel] = (),
) -> Mixture:
    """Return the models to use for an epicentre.

    Parameters
    ----------
    latitude, longitude : float
        Geographic [deg].
    global_model : str
        Used where no regional model holds, and far from the source.
    only : str, optional
        Name of the one model to use: a global one instead of ``global_model``, alone; a regional
        one, or one of ``own``, with full weight wherever the epicentre is.
    own : sequence of OwnModel
        Models beside the built-in ones. In its region each takes the place of those built in and of
        the ones after it.

    Raises
    ------
    KeyError
        When there is no model of that name.
    """
    if only is not None:
        chosen = next((row for row in own if row.name == only), None)
        if chosen is not None:
            return _mix(global_model, (chosen,), (1.0,))
        if MODELS[only].is_global:
            return _mix(only, (), ())
        return _mix(global_model, (only,), (1.0,))
    weighted: list[tuple[float, str, str | OwnModel]] = []
    left = 1.0
    for row in own:
        weight = left * region_weight(row, latitude, longitude)
        left -= weight
        weighted.append((weight, row.label, row))
    weighted += [
        (left * region_weight(built_in, latitude, longitude), name, name)
        for name, built_in in MODELS.items()
    ]
    # Built-in regions are apart by more than their belts (see the tests), so without others these
    # are all. Where the belts of three meet, the global model stands in for the lightest.
    heaviest = sorted((w, label, row) for w, label, row in weighted if w > 0.0)[-2:]
    return _mix(
        global_model,
        tuple(row for _, _, row in heaviest),
        tuple(weight for weight, _, _ in heaviest),
    )
