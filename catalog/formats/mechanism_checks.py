"""Whether the parts of a mechanism belong together, and those parts that nobody reported.

Called on every event read, whatever its format. What was reported is never changed. A part that is
missing and follows from the others (the second plane, axes, the planes of a tensor) is filled in,
rounded to 0.01 degrees, and the mechanism gets the comment ``computed: NP2, T, N, P``, which goes
with it into every format and comes back with it. Of parts that contradict each other nothing is
computed: nobody can tell which is right.

References
----------
Kagan (1991), Geophys. J. Int. 106, 709-716.
Hanks & Kanamori (1979), J. Geophys. Res. 84, 2348-2350, in the form of IASPEI (2013): Mw =
(lg M0 - 9.1) / 1.5, M0 in N m.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from math import log10

import numpy as np

from catalog import focal_geometry as geometry
from catalog.formats.problems import Problem
from catalog.formats.records import (
    AxisRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
)

#: Parts further apart do not belong together [deg]; angles are printed to whole degrees.
CONSISTENT_DEG = 5.0
#: A tensor has a trace if its isotropic part is a larger share of its largest component: components
#: are printed to three digits. The portal's own choice.
TRACELESS = 0.01
#: A moment and a magnitude further apart than this are not of one source, or of one unit. A moment
#: in dyn cm taken as N m is 4.7 too large, another power of ten 0.7.
MOMENT_UNITS = 1.0
#: Other scales saturate and differ with the region: only a wrong unit is further from all of them.
#: The portal's own choice.
OTHER_SCALES_UNITS = 2.5
#: A double couple has three angles: fewer first motions hold none. Agencies publish mechanisms of
#: fewer than the eight that the portal's own inversion asks for.
FEWEST_POLARITIES = 3
#: How the comment that names computed parts begins.
COMPUTED = "computed: "

_AXES = ("T", "N", "P")
_WITHIN = f"<= {CONSISTENT_DEG:g} deg"
_SQUARE = f"{90.0 - CONSISTENT_DEG:g}..90 deg"
#: Scales that mean about the same as a moment magnitude where they are not saturated.
_COMPARABLE = ("mb", "MS", "ML", "MLV", "MLH", "M")


def moment_magnitude(moment: float) -> float:
    """Return Mw of a scalar moment [N m], which is above zero."""
    return (log10(moment) - 9.1) / 1.5


def checked(event: EventRecord) -> tuple[EventRecord, list[Problem]]:
    """Return an event with the missing parts of its mechanisms, and what is wrong with them."""
    problems: list[Problem] = []
    mechanisms = []
    for mechanism in event.focal_mechanisms:
        whole = _principal(mechanism)
        contradictions = list(_contradictions(mechanism, whole))
        problems += contradictions
        problems += _tensor(mechanism.moment_tensor, mechanism.line_number)
        problems += _moment(mechanism, whole, event.magnitudes)
        problems += _polarities(mechanism)
        mechanisms.append(mechanism if contradictions else completed(mechanism))
    return replace(event, focal_mechanisms=tuple(mechanisms)), problems


def consistently_completed(mechanism: FocalMechanismRecord) -> FocalMechanismRecord:
    """Return a mechanism with its missing parts, or as it is if its parts contradict each other."""
    complete = completed(mechanism)
    if complete is mechanism or any(_contradictions(mechanism, _principal(mechanism))):
        return mechanism
    return complete


def completed(mechanism: FocalMechanismRecord) -> FocalMechanismRecord:
    """Return a mechanism with the planes and axes that follow from what is given."""
    planes = [mechanism.nodal_plane_1, mechanism.nodal_plane_2]
    axes = [mechanism.t_axis, mechanism.n_axis, mechanism.p_axis]
    if all(planes) and all(axes):
        return mechanism
    lacking = [f"NP{n}" for n, plane in enumerate(planes, 1) if plane is None]
    lacking += [name for name, axis in zip(_AXES, axes, strict=True) if axis is None]
    whole = _principal(mechanism)
    lengths: list[float] | None = None
    if planes[0] or planes[1]:
        given = next(plane for plane in planes if plane is not None)
        other = _plane_record(geometry.auxiliary(*_angles(given)))
        planes = [plane or other for plane in planes]
        found = geometry.axes_of(*geometry.fault_vectors(*_angles(given)))
    elif axes[0] and axes[2]:
        # P is led to the plane across T: printed angles are not quite square.
        t, p = _vector(axes[0]), _vector(axes[2])
        p = p - t * float(t @ p)
        length = float(np.linalg.norm(p))
        if length < 0.5:
            return mechanism
        p = p / length
        planes = [_plane_record(plane) for plane in geometry.planes_of_axes(t, p)]
        found = geometry.Axes(t, geometry.down(np.cross(t, p)), p)
    elif whole is not None:
        t, p = whole.axes.t, whole.axes.p
        planes = [_plane_record(plane) for plane in geometry.planes_of_axes(t, p)]
        found = whole.axes
        lengths = [float(length) for length in whole.moments]
    else:
        return mechanism
    axes = [
        axis or _axis_record(vector, lengths[n] if lengths else None)
        for n, (axis, vector) in enumerate(zip(axes, found, strict=True))
    ]
    return replace(
        mechanism,
        nodal_plane_1=planes[0],
        nodal_plane_2=planes[1],
        t_axis=axes[0],
        n_axis=axes[1],
        p_axis=axes[2],
        comments=(*mechanism.comments, COMPUTED + ", ".join(lacking)),
    )


def _principal(mechanism: FocalMechanismRecord) -> geometry.PrincipalTensor | None:
    """Return the axes of a whole tensor; ``None`` of one that is the same in all directions."""
    known = components(mechanism.moment_tensor)
    whole = None if known is None else geometry.principal(known)
    return whole if whole is not None and whole.moments[0] > whole.moments[2] else None


def components(tensor: MomentTensorRecord | None) -> tuple[float, ...] | None:
    """Return the six components of a tensor [N m], ``None`` unless all are there and one counts."""
    if tensor is None:
        return None
    six = (tensor.mrr, tensor.mtt, tensor.mpp, tensor.mrt, tensor.mrp, tensor.mtp)
    known = tuple(value for value in six if value is not None)
    return known if len(known) == 6 and any(known) else None


# --- one part after the other ---------------------------------------------------------------------


def _contradictions(
    m: FocalMechanismRecord, whole: geometry.PrincipalTensor | None
) -> Iterator[Problem]:
    """Yield what of the planes, axes and tensor does not belong together, each kind once.

    All angles of a mechanism are found by few calls on small arrays: a file has thousands.
    """
    line = m.line_number
    planes = {
        f"NP{n}": (plane.strike, plane.dip, plane.rake)
        for n, plane in enumerate((m.nodal_plane_1, m.nodal_plane_2), start=1)
        if plane is not None
    }
    axes = {
        name: (axis.azimuth, axis.plunge)
        for name, axis in zip(_AXES, (m.t_axis, m.n_axis, m.p_axis), strict=True)
        if axis is not None
    }
    names, numbers = list(axes), list(planes)
    told = geometry.axis_vector(*np.array(list(axes.values())).reshape(-1, 2).T)
    normals, slips = geometry.fault_vectors(*np.array(list(planes.values())).reshape(-1, 3).T)
    found = geometry.axes_of(normals, slips)
    # What is turned against the axes of which plane: all by one call.
    turned: dict[str, tuple[geometry.Axes, int]] = {}
    if len(planes) == 2:
        turned["NP1 NP2"] = (geometry.Axes(*(axis[1] for axis in found)), 0)
    if "T" in axes and "P" in axes:
        t, p = told[names.index("T")], told[names.index("P")]
        for n, number in enumerate(numbers):
            turned[f"T P {number}"] = (geometry.Axes(t, np.cross(p, t), p), n)
    if whole is not None and planes:
        turned["tensor"] = (whole.axes, 0)
    kagan: dict[str, float] = {}
    if turned:
        places = [n for _, n in turned.values()]
        ones = (np.stack(axis) for axis in zip(*(one for one, _ in turned.values()), strict=True))
        others = (axis[places] for axis in found)
        angles = geometry.kagan_angle(geometry.Axes(*ones), geometry.Axes(*others))
        kagan = dict(zip(turned, angles.tolist(), strict=True))

    if len(planes) == 2:
        between = float(_between(normals[0], normals[1]))
        if 90.0 - between > CONSISTENT_DEG:
            yield Problem(line, "planes-not-orthogonal", "NP1 NP2", f"{between:.0f}", _SQUARE)
        elif kagan["NP1 NP2"] > CONSISTENT_DEG:
            apart = kagan["NP1 NP2"]
            yield Problem(line, "planes-not-auxiliary", "NP1 NP2", f"{apart:.0f}", _WITHIN)
    square = _between(told[:, None], told[None])
    for n, k in combinations(range(len(axes)), 2):
        if 90.0 - square[n, k] > CONSISTENT_DEG:
            where = f"{names[n]} {names[k]}"
            yield Problem(line, "axes-not-orthogonal", where, f"{square[n, k]:.0f}", _SQUARE)
            break
    if axes and planes:
        of_planes = np.stack([found[_AXES.index(name)] for name in names], axis=1)
        apart_by_axis = {
            f"{name} {number}": angle
            for number, row in zip(numbers, _between(told[None], of_planes).tolist(), strict=True)
            for name, angle in zip(names, row, strict=True)
        }
        told_kagan = {where: angle for where, angle in kagan.items() if where.startswith("T P")}
        for where, angle in (apart_by_axis | told_kagan).items():
            if angle > CONSISTENT_DEG:
                yield Problem(line, "inconsistent-mechanism", where, f"{angle:.0f}", _WITHIN)
                break
    if kagan.get("tensor", 0.0) > CONSISTENT_DEG:
        yield Problem(line, "inconsistent-tensor", numbers[0], f"{kagan['tensor']:.0f}", _WITHIN)


def _between(first: geometry.FloatArray, second: geometry.FloatArray) -> geometry.FloatArray:
    """Return the angle between axes [deg], good enough to compare with some degrees."""
    cosine = np.abs((first * second).sum(axis=-1))
    angle: geometry.FloatArray = np.degrees(np.arccos(np.minimum(cosine, 1.0)))
    return angle


def _tensor(tensor: MomentTensorRecord | None, line: int | None) -> Iterator[Problem]:
    """Yield what is wrong with a tensor by itself: components missing, a trace."""
    if tensor is None:
        return
    six = {name: getattr(tensor, name) for name in ("mrr", "mtt", "mpp", "mrt", "mrp", "mtp")}
    lacking = [name.capitalize() for name, value in six.items() if value is None]
    if 0 < len(lacking) < len(six):
        yield Problem(line, "tensor-incomplete", " ".join(lacking), "", "Mrr ... Mtp")
    known = components(tensor)
    if known is not None:
        isotropic = sum(known[:3]) / 3.0 / max(abs(value) for value in known)
        if abs(isotropic) > TRACELESS:
            yield Problem(
                line, "tensor-trace", "Mrr + Mtt + Mpp", f"{isotropic:.2f}", f"<= {TRACELESS}"
            )


def _moment(
    m: FocalMechanismRecord,
    whole: geometry.PrincipalTensor | None,
    magnitudes: Iterable[MagnitudeRecord],
) -> Iterator[Problem]:
    """Yield where a moment is of another size than the tensor or than the magnitudes."""
    if m.moment_tensor is None:
        return
    stated = m.moment_tensor.scalar_moment
    own = None if whole is None else float(whole.scalar_moment)
    stated = stated if stated and stated > 0.0 else None
    if stated is not None and own is not None:
        size, expected = moment_magnitude(stated), moment_magnitude(own)
        if abs(size - expected) > MOMENT_UNITS:
            yield Problem(
                m.line_number, "moment-unit", "scalarMoment", f"{stated:.3g}", f"{own:.3g} N m"
            )
            return
    moment = stated or own
    if moment is None:
        return
    size = moment_magnitude(moment)
    magnitudes = [
        x for x in magnitudes if not any(text.startswith(COMPUTED) for text in x.comments)
    ]
    of_moment = [x for x in magnitudes if (x.type or "").lower().startswith("mw")]
    own_id = m.moment_tensor.moment_magnitude_id
    of_moment = [x for x in of_moment if x.magnitude_id == own_id] or of_moment
    told = of_moment or [x for x in magnitudes if x.type in _COMPARABLE]
    if not told:
        return
    nearest = min(told, key=lambda x: abs(x.value - size))
    if abs(nearest.value - size) > (MOMENT_UNITS if of_moment else OTHER_SCALES_UNITS):
        power = 10.0 ** (1.5 * nearest.value + 9.1)
        yield Problem(
            m.line_number,
            "moment-unit",
            "scalarMoment" if stated else "Mrr ... Mtp",
            f"{moment:.3g} N m (Mw {size:.1f})",
            f"{power:.1g} N m ({nearest.type} {nearest.value:.1f})",
        )


def _polarities(m: FocalMechanismRecord) -> Iterator[Problem]:
    count = m.station_polarity_count
    if m.moment_tensor is None and count is not None and count < FEWEST_POLARITIES:
        yield Problem(
            m.line_number, "few-polarities", "polarities", str(count), f">= {FEWEST_POLARITIES}"
        )


# --- records and vectors --------------------------------------------------------------------------


def _angles(plane: NodalPlaneRecord) -> tuple[float, float, float]:
    return plane.strike, plane.dip, plane.rake


def _vector(axis: AxisRecord) -> geometry.FloatArray:
    return geometry.axis_vector(axis.azimuth, axis.plunge)


def _plane_record(plane: geometry.Planes) -> NodalPlaneRecord:
    strike, dip, rake = (round(float(angle), 2) for angle in plane)
    return NodalPlaneRecord(strike % 360.0, dip, rake)


def _axis_record(vector: geometry.FloatArray, length: float | None) -> AxisRecord:
    azimuth, plunge = (round(float(angle), 2) for angle in geometry.azimuth_plunge(vector))
    return AxisRecord(azimuth % 360.0, plunge, length)
