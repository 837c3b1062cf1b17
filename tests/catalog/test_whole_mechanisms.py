"""Mechanisms made whole from planes, axes or a tensor, or told to be nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import focal_geometry as geometry
from catalog import whole_mechanisms
from catalog.whole_mechanisms import AXES, PLANES, TENSOR

NORMAL, SLIP = geometry.fault_vectors(250, 50, 60)
T, B, P = (
    (float(a), float(e)) for a, e in map(geometry.azimuth_plunge, geometry.axes_of(NORMAL, SLIP))
)
TENSOR_OF_IT = [float(m) for m in geometry.tensor_of(NORMAL, SLIP, 1e17)]
NO_PLANE: list[Any] = [None] * 3
NO_AXIS: list[Any] = [None] * 2
NO_TENSOR: list[Any] = [None] * 6


def row(*, planes: Any = (None, None), axes: Any = (None,) * 3, tensor: Any = None) -> list[Any]:
    values: list[Any] = []
    for plane in planes:
        values += plane or NO_PLANE
    for axis in axes:
        values += axis or NO_AXIS
    return [*values, *(tensor or NO_TENSOR)]


@pytest.mark.parametrize(
    ("values", "source"),
    [
        (row(planes=([250, 50, 60], None)), PLANES),
        (row(planes=(None, [111.9, 48.4, 120.8])), PLANES),
        # A dip of 95 degrees cannot be: the other plane counts, or the axes.
        (row(planes=([10, 95, 0], [250, 50, 60])), PLANES),
        (row(planes=([10, 95, 0], None), axes=(T, B, P)), AXES),
        (row(axes=(T, None, P)), AXES),
        (row(axes=(T, B, None)), AXES),
        (row(axes=(None, B, P)), AXES),
        (row(tensor=TENSOR_OF_IT), TENSOR),
        # Axes 30 degrees off a right angle are none.
        (row(axes=(T, None, (T[0], T[1] - 60)), tensor=TENSOR_OF_IT), TENSOR),
    ],
)
def test_whatever_is_given_tells_the_whole(values: list[Any], source: int):
    found = whole_mechanisms.whole(values)
    assert found is not None and found.source == source and found.style == "TF"
    axes = geometry.axes_of(NORMAL, SLIP)
    assert float(geometry.kagan_angle(found.axes, axes)) < 0.2
    assert found.t == pytest.approx(T, abs=0.2) and found.p == pytest.approx(P, abs=0.2)
    assert found.has_tensor is (values[-1] is not None)


@pytest.mark.parametrize(
    "values",
    [row(), row(planes=([10, 95, 0], None)), row(planes=([10, None, 0], None)),
     row(axes=(T, None, None)), row(tensor=[0] * 6), row(tensor=[1e17, None, 1, 1, 1, 1]),
     row(planes=([float("nan"), 10, 10], None))],
)  # fmt: skip
def test_too_little_is_nothing(values: list[Any]):
    assert whole_mechanisms.whole(values) is None


def test_styles_are_of_the_axes_as_reported():
    # P plunges 52 degrees where it is reported, 51.5 by the planes: NF, not NS.
    plane = geometry.planes_of_axes(geometry.axis_vector(0, 0.5), geometry.axis_vector(90.2, 51.5))
    first = [float(a) for a in plane[0]]
    assert whole_mechanisms.whole(row(planes=(first, None))).style == "NS"  # type: ignore[union-attr]
    reported = ((0, 0), (270, 38), (90, 52))
    assert whole_mechanisms.whole(row(planes=(first, None), axes=reported)).style == "NF"  # type: ignore[union-attr]


@given(st.floats(0, 360), st.floats(0, 90), st.floats(-180, 180))
def test_planes_axes_and_tensor_tell_the_same(strike: float, dip: float, rake: float):
    normal, slip = geometry.fault_vectors(strike, dip, rake)
    axes = [tuple(map(float, geometry.azimuth_plunge(a))) for a in geometry.axes_of(normal, slip)]
    found = whole_mechanisms.whole_of(
        [row(planes=([strike, dip, rake], None)), row(axes=axes),
         row(tensor=list(geometry.tensor_of(normal, slip)))]
    )  # fmt: skip
    assert found.source.tolist() == [PLANES, AXES, TENSOR]
    both = [geometry.Axes(*(a[i] for a in found.axes)) for i in range(3)]
    for other in both[1:]:
        assert float(geometry.kagan_angle(both[0], other)) < 0.01
    assert np.allclose(np.linalg.norm(found.normal, axis=1), 1.0)
