"""Parts of a mechanism: what does not belong together is named, what is missing is computed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import focal_geometry as geometry
from catalog.formats.mechanism_checks import checked, consistently_completed
from catalog.formats.records import (
    AxisRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
)
from tests.catalog.formats.conftest import read_all

#: methods.md 8, against ObsPy: planes, T, N and P.
WHOLE = FocalMechanismRecord(
    "m",
    NodalPlaneRecord(250.0, 50.0, 60.0),
    NodalPlaneRecord(111.9, 48.4, 120.8),
    t_axis=AxisRecord(92.7, 67.5),
    n_axis=AxisRecord(270.4, 22.5),
    p_axis=AxisRecord(0.7, 0.8),
    line_number=7,
)
UNIT = geometry.tensor_of(*geometry.fault_vectors(250.0, 50.0, 60.0), 1e17).tolist()
TENSOR = MomentTensorRecord(*UNIT, scalar_moment=1e17)
MW = MagnitudeRecord(5.27, "Mw", "mw")


def problems_of(mechanism: FocalMechanismRecord, *magnitudes: MagnitudeRecord) -> list[Any]:
    event = EventRecord("", 0, 0, focal_mechanisms=(mechanism,), magnitudes=magnitudes)
    _, problems = checked(event)
    assert all(problem.line_number == 7 for problem in problems)
    return [(p.code, p.field, p.found) for p in problems]


def test_a_whole_mechanism_is_left_as_it_is() -> None:
    mechanism = replace(WHOLE, moment_tensor=TENSOR, station_polarity_count=30)
    assert problems_of(mechanism, MW) == []
    assert consistently_completed(mechanism) is mechanism


@pytest.mark.parametrize(
    "changes, found",
    [
        (
            {"nodal_plane_2": NodalPlaneRecord(250.0, 70.0, 60.0)},
            ("planes-not-orthogonal", "NP1 NP2", "20"),
        ),
        # The rake of the second plane has the wrong sign: T and P are exchanged.
        (
            {"nodal_plane_2": NodalPlaneRecord(111.9, 48.4, -59.2)},
            ("planes-not-auxiliary", "NP1 NP2", "90"),
        ),
        ({"t_axis": AxisRecord(272.7, 67.5)}, ("axes-not-orthogonal", "T N", "45")),
        ({"p_axis": AxisRecord(90.0, 0.0)}, ("axes-not-orthogonal", "T P", "68")),
        (
            {"t_axis": WHOLE.p_axis, "p_axis": WHOLE.t_axis},
            ("inconsistent-mechanism", "T NP1", "90"),
        ),
        ({"station_polarity_count": 1}, ("few-polarities", "polarities", "1")),
    ],
)
def test_what_does_not_belong_together_is_named(changes: dict[str, Any], found: Any) -> None:
    assert found in problems_of(replace(WHOLE, **changes))


@pytest.mark.parametrize(
    "tensor, magnitudes, found",
    [
        # A wrong frame: south and east exchanged.
        (
            replace(TENSOR, mtt=TENSOR.mpp, mpp=TENSOR.mtt),
            (),
            [("inconsistent-tensor", "NP1")],
        ),
        (
            replace(TENSOR, mrr=TENSOR.mrr + 2e16, mtt=TENSOR.mtt + 2e16, mpp=TENSOR.mpp + 2e16),
            (MW,),
            [("tensor-trace", "Mrr + Mtt + Mpp")],
        ),
        (replace(TENSOR, mrt=None), (MW,), [("tensor-incomplete", "Mrt")]),
        # Dyn cm taken as N m: in one of the two, then in both.
        (replace(TENSOR, scalar_moment=1e24), (MW,), [("moment-unit", "scalarMoment")]),
        (
            MomentTensorRecord(*(value * 1e7 for value in UNIT), scalar_moment=1e24),
            (MW,),
            [("moment-unit", "scalarMoment")],
        ),
        (
            MomentTensorRecord(*(value * 1e7 for value in UNIT)),
            (MagnitudeRecord(5.1, "mb", "b"),),
            [("moment-unit", "Mrr ... Mtp")],
        ),
        (MomentTensorRecord(*[0.0] * 6, scalar_moment=0.0), (MW,), []),
    ],
)
def test_tensors_are_checked_against_planes_trace_and_magnitude(
    tensor: MomentTensorRecord, magnitudes: tuple[MagnitudeRecord, ...], found: list[Any]
) -> None:
    told = problems_of(replace(WHOLE, moment_tensor=tensor), *magnitudes)
    assert [(code, where) for code, where, _ in told] == found


@given(
    strike=st.floats(0, 360, exclude_max=True),
    dip=st.floats(0.5, 89.5),
    rake=st.floats(-180, 180),
    given_parts=st.sampled_from(["plane", "axes", "tensor"]),
)
@settings(max_examples=100, deadline=None)
def test_every_missing_part_follows_from_any_other(
    strike: float, dip: float, rake: float, given_parts: str
) -> None:
    vectors = geometry.fault_vectors(strike, dip, rake)
    true = geometry.axes_of(*vectors)
    t, _, p = (
        AxisRecord(*(float(angle) for angle in geometry.azimuth_plunge(axis))) for axis in true
    )
    bare = FocalMechanismRecord("m", line_number=7)
    mechanism = {
        "plane": replace(bare, nodal_plane_1=NodalPlaneRecord(strike, dip, rake)),
        "axes": replace(bare, t_axis=t, p_axis=p),
        "tensor": replace(
            bare, moment_tensor=MomentTensorRecord(*geometry.tensor_of(*vectors, 1e16).tolist())
        ),
    }[given_parts]
    whole = consistently_completed(mechanism)
    assert problems_of(whole) == []
    for plane in (whole.nodal_plane_1, whole.nodal_plane_2):
        assert plane is not None
        found = geometry.axes_of(*geometry.fault_vectors(plane.strike, plane.dip, plane.rake))
        assert geometry.kagan_angle(true, found) < 0.05
    said = {"plane": "NP2, T, N, P", "axes": "NP1, NP2, N", "tensor": "NP1, NP2, T, N, P"}
    assert whole.comments == (f"computed: {said[given_parts]}",)
    if given_parts == "tensor":
        assert whole.t_axis is not None and whole.t_axis.length == pytest.approx(1e16)
    assert consistently_completed(whole) is whole


def test_angles_out_of_their_range_are_refused_by_name() -> None:
    rows = (
        "Year,Month,Day,hour,min,s,NP1 STK,NP1 DP,NP1 SLIP,NP2 STK,NP2 DP,NP2 SLIP\n"
        "2014,11,14,1,24,16,250,95,60,361,40,90\n"
    )
    (event,), problems = read_all("year-book-mechanisms", rows.encode())
    assert event.focal_mechanisms == ()
    assert {(p.code, p.field.split()[0], p.found, p.expected) for p in problems} >= {
        ("out-of-range", "dip_1", "95", "0..90"),
        ("out-of-range", "strike_2", "361", "0..360"),
    }
    assert {"strike_1: 250", "dip_1: 95", "strike_2: 361"} <= set(event.comments)


def test_published_planes_and_axes_belong_together() -> None:
    # Pairs computed with ObsPy's aux_plane, in the project's notes on methods.
    for plane, other, t, p in (
        ((250.0, 50.0, 90.0), (70.0, 40.0, 90.0), (160.0, 85.0), (340.0, 5.0)),
        ((250.0, 50.0, 60.0), (111.9, 48.4, 120.8), (92.7, 67.5), (0.7, 0.8)),
        ((30.0, 80.0, 10.0), (298.2, 80.2, 169.8), (254.1, 14.1), (344.1, 0.1)),
    ):
        given = FocalMechanismRecord("m", NodalPlaneRecord(*plane), line_number=7)
        whole = replace(
            given,
            nodal_plane_2=NodalPlaneRecord(*other),
            t_axis=AxisRecord(*t),
            p_axis=AxisRecord(*p),
        )
        assert problems_of(whole) == []
        found = consistently_completed(given)
        assert found.nodal_plane_2 is not None
        assert tuple(getattr(found.nodal_plane_2, n) for n in ("strike", "dip", "rake")) == (
            pytest.approx(other, abs=0.06)
        )


def test_a_mechanism_without_an_origin_or_line_is_checked_too() -> None:
    origin = OriginRecord("o", datetime(2014, 1, 1, tzinfo=UTC), 43.0, 77.0)
    mechanism = replace(WHOLE, line_number=None, nodal_plane_2=None)
    event, problems = checked(
        EventRecord("", 0, 0, origins=(origin,), focal_mechanisms=(mechanism,))
    )
    assert problems == []
    assert event.focal_mechanisms[0].comments == ("computed: NP2",)
