"""Geometry of double couples against published checks, ObsPy and itself."""

from __future__ import annotations

import numpy as np
import pytest
from obspy.imaging.beachball import MomentTensor, aux_plane, mt2axes, mt2plane

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Axes, Planes

NUMBER = 10_000


def random_planes(number: int = NUMBER, seed: int = 5) -> Planes:
    """Uniform over all double couples."""
    random = np.random.default_rng(seed)
    return Planes(
        random.uniform(0, 360, number),
        np.degrees(np.arccos(random.uniform(0, 1, number))),
        random.uniform(-180, 180, number),
    )


@pytest.mark.parametrize(
    ("planes", "other", "t", "p"),
    [
        ((250, 50, 90), (70, 40, 90), (160, 85), (340, 5)),
        ((250, 50, 60), (111.9, 48.4, 120.8), (92.7, 67.5), (0.7, 0.8)),
        ((30, 80, 10), (298.2, 80.2, 169.8), (254.1, 14.1), (344.1, 0.1)),
    ],
)
def test_published_planes_and_axes(planes, other, t, p) -> None:
    assert np.allclose(geometry.auxiliary(*planes), other, atol=0.06)
    axes = geometry.axes_of(*geometry.fault_vectors(*planes))
    assert np.allclose(geometry.azimuth_plunge(axes.t), t, atol=0.06)
    assert np.allclose(geometry.azimuth_plunge(axes.p), p, atol=0.06)


def test_planes_come_back_from_tensors_and_axes() -> None:
    planes = random_planes()
    normal, slip = geometry.fault_vectors(*planes)
    found = geometry.principal(geometry.tensor_of(normal, slip, 3.0e17))
    assert np.allclose(found.scalar_moment, 3.0e17)
    assert np.allclose(found.double_couple, 1.0)
    assert np.allclose(found.trace / 3.0e17, 0.0, atol=1e-12)
    axes = geometry.axes_of(normal, slip)
    for one, other in zip(found.axes, axes, strict=True):
        assert geometry.angle_between(one, other).max() < 1e-5
    turned = [geometry.axis_vector(*geometry.azimuth_plunge(axis)) for axis in axes]
    for back in geometry.planes_of_axes(turned[0], turned[2]):
        assert geometry.kagan_of_planes(planes, back).max() < 0.01
        assert ((back.strike >= 0) & (back.strike < 360.0)).all()
        assert ((back.dip >= 0) & (back.dip <= 90.0)).all()
    first, second = geometry.planes_of_axes(turned[0], turned[2])
    same = np.abs(first.dip - planes.dip) < 0.01
    assert np.where(same, True, np.abs(second.dip - planes.dip) < 0.01).all()


def test_obspy_agrees() -> None:
    planes = random_planes(500, seed=8)
    other = geometry.auxiliary(*planes)
    for number, (s, d, r) in enumerate(zip(*planes, strict=True)):
        theirs = Planes(*(np.array(value) for value in aux_plane(s, d, r)))
        mine = Planes(*(angle[number] for angle in other))
        assert geometry.kagan_of_planes(theirs, mine) < 0.01
        tensor = geometry.tensor_of(*geometry.fault_vectors(s, d, r))
        moment = MomentTensor(*tensor, 0)
        plane = mt2plane(moment)
        found = Planes(np.array(plane.strike), np.array(plane.dip), np.array(plane.rake))
        assert geometry.kagan_of_planes(found, mine) < 0.01
        axes = geometry.principal(tensor).axes
        for one, theirs_axis in zip(axes, mt2axes(moment), strict=True):
            vector = geometry.axis_vector(theirs_axis.strike, theirs_axis.dip)
            assert geometry.angle_between(one, vector) < 0.01


def test_the_kagan_angle_is_the_turn_and_no_more_than_120() -> None:
    planes = random_planes(2000)
    normal, slip = geometry.fault_vectors(*planes)
    axes = geometry.axes_of(normal, slip)
    for angle in (0.5, 10.0, 44.0):
        turn = _rotation(np.array([1.0, 2.0, -0.5]), angle)
        turned = geometry.axes_of(normal @ turn.T, slip @ turn.T)
        assert np.allclose(geometry.kagan_angle(axes, turned), angle, atol=1e-4)
    shuffled = Axes(*(np.roll(axis, 1, axis=0) for axis in axes))
    far = geometry.kagan_angle(axes, shuffled)
    assert (far <= 120.0 + 1e-9).all()
    assert np.allclose(far, geometry.kagan_angle(shuffled, axes))
    # Both planes of one double couple are the same to it.
    same = geometry.kagan_of_planes(planes, geometry.auxiliary(*planes))
    assert same.max() < 0.01


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    a = np.radians(angle)
    return np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross


@pytest.mark.parametrize(
    ("plunges", "style"),
    [
        ((5, 10, 78), "NF"), ((10, 45, 43), "NS"), ((10, 75, 12), "SS"), ((30, 58, 10), "SS"),
        ((45, 43, 10), "TS"), ((80, 5, 8), "TF"), ((30, 40, 35), "U"), ((35, 1, 55), "NF"),
    ],
)  # fmt: skip
def test_styles_are_those_of_zoback(plunges, style) -> None:
    assert geometry.style_of(*plunges) == style


def test_stress_azimuths_of_pure_styles() -> None:
    def told(strike: float, dip: float, rake: float) -> float | None:
        axes = geometry.axes_of(*geometry.fault_vectors(strike, dip, rake))
        plunges = [float(geometry.azimuth_plunge(axis)[1]) for axis in axes]
        return geometry.largest_horizontal_stress(geometry.style_of(*plunges), axes)

    assert told(0, 45, -90) == pytest.approx(0.0, abs=1e-6)  # normal: along the strike
    assert told(0, 45, 90) == pytest.approx(90.0)  # thrust: across it
    assert told(0, 90, 0) == pytest.approx(135.0)  # left-lateral on a northward fault


def test_the_triangle_is_that_of_frohlich() -> None:
    axes = geometry.axes_of(*geometry.fault_vectors(*random_planes(300)))
    t, b, p = (np.radians(geometry.azimuth_plunge(axis)[1]) for axis in axes)
    psi = np.arctan2(np.sin(t), np.sin(p)) - np.pi / 4
    middle = np.arcsin(1 / np.sqrt(3))
    under = np.sin(middle) * np.sin(b) + np.cos(middle) * np.cos(b) * np.cos(psi)
    right, up = geometry.triangle_of(axes)
    assert np.allclose(right, np.cos(b) * np.sin(psi) / under)
    assert np.allclose(
        up, (np.cos(middle) * np.sin(b) - np.sin(middle) * np.cos(b) * np.cos(psi)) / under
    )
