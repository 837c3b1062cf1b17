"""Mechanisms made whole: both planes, three axes and the style from whatever is known of them.

A report may give one plane, axes alone or a tensor alone. What it gave counts before what follows
from it: planes first, then axes, then the tensor. What cannot be (a dip of 95 degrees, axes far
from a right angle) counts as not given.

Zoback (1992) sorts by the plunges of the axes: those reported, else those of the planes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Axes, FloatArray

#: Axes whose angle differs more from a right one [deg] make no double couple. Ours: rounding to
#: whole degrees and readings off a stereonet stay within it.
AXES_APART_DEG = 15.0

#: Where the double couple is from.
NOTHING, PLANES, AXES, TENSOR = range(4)

_TENSOR = ("mrr", "mtt", "mpp", "mrt", "mrp", "mtp")
#: Columns of ``FocalMechanism`` in the order of ``whole_of``.
COLUMNS = (
    *(f"{angle}_{plane}" for plane in (1, 2) for angle in ("strike", "dip", "rake")),
    *(f"{axis}_{angle}" for axis in "tnp" for angle in ("azimuth", "plunge")),
    *_TENSOR,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wholes:
    """Double couples of several mechanisms; of one that nothing tells of, zeros."""

    normal: FloatArray
    """Shape (n, 3), of the plane given first."""
    slip: FloatArray
    plunges: FloatArray
    """Of T, B and P as Zoback sorts them [deg], shape (n, 3)."""
    source: NDArray[np.int8]
    """NOTHING, PLANES, AXES or TENSOR, shape (n,)."""
    tensor: FloatArray
    """As reported [N m], else the unit double couple, shape (n, 6)."""

    @property
    def axes(self) -> Axes:
        return geometry.axes_of(self.normal, self.slip)

    def style(self, place: int) -> str:
        """Return the faulting style of one; "" where nothing is known."""
        if self.source[place] == NOTHING:
            return ""
        return geometry.style_of(*(float(plunge) for plunge in self.plunges[place]))


def whole_of(rows: Sequence[Sequence[float | None]]) -> Wholes:
    """Return what rows of ``COLUMNS`` tell; None or what cannot be counts as not given."""
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    planes = table[:, :6].reshape(-1, 2, 3)
    axes = table[:, 6:12].reshape(-1, 3, 2)
    tensor = table[:, 12:]
    n = len(table)
    normal, slip = np.zeros((n, 3)), np.zeros((n, 3))
    source = np.zeros(n, dtype=np.int8)
    with np.errstate(invalid="ignore"):
        usable = np.asarray(np.isfinite(planes).all(axis=-1))
        usable &= (planes[..., 1] >= 0) & (planes[..., 1] <= 90)
        vectors = geometry.axis_vector(axes[..., 0], axes[..., 1])
        pairs = {
            first + second: np.abs(90.0 - geometry.angle_between(vectors[:, a], vectors[:, b]))
            <= AXES_APART_DEG
            for first, a, second, b in (("t", 0, "p", 2), ("t", 0, "n", 1), ("n", 1, "p", 2))
        }
    for number in (1, 0):
        some = usable[:, number]
        normal[some], slip[some] = geometry.fault_vectors(*planes[some, number].T)
        source[some] = PLANES
    whole = np.logical_and(np.isfinite(tensor).all(axis=1), np.nan_to_num(tensor).any(axis=1))
    for some, (t, p) in (
        (pairs["tp"], (vectors[:, 0], vectors[:, 2])),
        (pairs["tn"], (vectors[:, 0], np.cross(vectors[:, 0], vectors[:, 1]))),
        (pairs["np"], (np.cross(vectors[:, 1], vectors[:, 2]), vectors[:, 2])),
    ):
        new = some & (source == NOTHING)
        _set(normal, slip, new, t[new], p[new])
        source[new] = AXES
    left = whole & (source == NOTHING)
    principal = geometry.principal(tensor[left]).axes
    _set(normal, slip, left, principal.t, principal.p)
    source[left] = TENSOR
    plunges = np.stack([geometry.azimuth_plunge(a)[1] for a in geometry.axes_of(normal, slip)], 1)
    # All three reported, and at right angles: as they were reported.
    reported = pairs["tp"] & pairs["tn"] & pairs["np"]
    plunges[reported] = np.degrees(np.arcsin(np.abs(vectors[reported, :, 2])))
    double_couple = geometry.tensor_of(normal, slip)
    return Wholes(normal, slip, plunges, source, np.where(whole[:, None], tensor, double_couple))


def _set(
    normal: FloatArray, slip: FloatArray, some: NDArray[np.bool_], t: FloatArray, p: FloatArray
) -> None:
    """Store the double couples of T and P, which are turned apart to a right angle first."""
    t = t / np.linalg.norm(t, axis=-1, keepdims=True)
    p = p - (p * t).sum(axis=-1, keepdims=True) * t
    p = p / np.linalg.norm(p, axis=-1, keepdims=True)
    normal[some], slip[some] = (t + p) / np.sqrt(2.0), (t - p) / np.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Whole:
    """One mechanism; angles in degrees."""

    planes: tuple[tuple[float, float, float], tuple[float, float, float]]
    t: tuple[float, float]
    """Azimuth and plunge."""
    n: tuple[float, float]
    p: tuple[float, float]
    axes: Axes
    style: str
    shmax: float | None
    source: int
    tensor: FloatArray
    has_tensor: bool


def whole(values: Sequence[float | None]) -> Whole | None:
    """Return a mechanism of a row of ``COLUMNS``; None where nothing that can be is told."""
    return every_whole([values])[0]


def every_whole(rows: Sequence[Sequence[float | None]]) -> list[Whole | None]:
    """Return the mechanisms of rows of ``COLUMNS``; None where nothing that can be is told."""
    if not rows:
        return []
    found = whole_of(rows)
    axes = found.axes
    planes = [
        np.stack(sides, axis=-1).tolist()
        for sides in (
            geometry.planes_of(found.normal, found.slip),
            geometry.planes_of(found.slip, found.normal),
        )
    ]
    angles = [np.stack(geometry.azimuth_plunge(axis), axis=-1).tolist() for axis in axes]
    made: list[Whole | None] = []
    for place, row in enumerate(rows):
        if found.source[place] == NOTHING:
            made.append(None)
            continue
        own = Axes(*(axis[place] for axis in axes))
        style = found.style(place)
        t, n, p = (tuple(one[place]) for one in angles)
        made.append(
            Whole(
                planes=(tuple(planes[0][place]), tuple(planes[1][place])),
                t=t,
                n=n,
                p=p,
                axes=own,
                style=style,
                shmax=geometry.largest_horizontal_stress(style, own),
                source=int(found.source[place]),
                tensor=found.tensor[place],
                has_tensor=_is_tensor(row[-6:]),
            )
        )
    return made


def _is_tensor(parts: Sequence[float | None]) -> bool:
    """True where all six are known and they are not all nought."""
    return all(p is not None and math.isfinite(p) for p in parts) and any(parts)


def of_row(row: Any) -> Whole | None:
    """Return the mechanism of a ``FocalMechanism``."""
    return of_rows([row])[0]


def of_rows(rows: Sequence[Any]) -> list[Whole | None]:
    """Return the mechanisms of several ``FocalMechanism``."""
    return every_whole([[getattr(row, name) for name in COLUMNS] for row in rows])


def disagreement(row: Any) -> float:
    """Return how far the planes and axes of a ``FocalMechanism`` differ [deg], 0 where none can.

    The largest Kagan angle of what plane 1, plane 2 and the axes tell, each alone.
    """
    values = [getattr(row, name) for name in COLUMNS]
    parts = (slice(0, 3), slice(3, 6), slice(6, 12))
    alone = [[v if i in range(*part.indices(len(values))) else None for i, v in enumerate(values)]
             for part in parts]  # fmt: skip
    told = [one for one in every_whole(alone) if one is not None]
    return max(
        (
            float(geometry.kagan_angle(one.axes, other.axes))
            for i, one in enumerate(told)
            for other in told[i + 1 :]
        ),
        default=0.0,
    )


def style_of_record(record: Any) -> str:
    """Return the style of a ``FocalMechanismRecord``; "" where nothing is known."""
    values: list[float | None] = []
    for plane in (record.nodal_plane_1, record.nodal_plane_2):
        values += [plane.strike, plane.dip, plane.rake] if plane else [None] * 3
    for axis in (record.t_axis, record.n_axis, record.p_axis):
        values += [axis.azimuth, axis.plunge] if axis else [None] * 2
    tensor = record.moment_tensor
    values += [getattr(tensor, name) if tensor else None for name in _TENSOR]
    return whole_of([values]).style(0)
