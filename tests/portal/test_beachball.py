"""Focal spheres: what is filled is what pushes, and the numbers are ObsPy's."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest
from obspy.imaging.beachball import MomentTensor, aux_plane, mt2axes, mt2plane

from catalog import focal_geometry as geometry
from portal.beachball import ball_of, beachball, dark_of, projected

#: Strike, dip, rake; is the centre dark? (a thrust pushes down, a normal fault pulls).
KNOWN = [
    ((0, 45, 90), True),
    ((0, 45, -90), False),
    ((120, 30, 90), True),
    ((250, 60, -90), False),
]


@pytest.mark.parametrize(("plane", "dark"), KNOWN)
def test_thrusts_are_dark_in_the_middle_and_normal_faults_light(plane: Any, dark: bool):
    assert _filled(beachball(*plane).dark, 0.0, 0.0) is dark


def test_a_left_lateral_fault_to_the_north_pushes_to_the_northeast():
    ball = beachball(0, 90, 0)
    for x, y, dark in ((0.5, -0.5, True), (-0.5, -0.5, False), (-0.5, 0.5, True)):
        assert _filled(ball.dark, x, y) is dark
    assert math.isclose(abs(ball.t[0]), math.sqrt(0.5), abs_tol=0.01)
    assert ball.t[0] * ball.t[1] < 0 < ball.p[0] * ball.p[1] and ball.n == (0.0, 0.0)


def test_what_is_filled_is_what_pushes_for_any_tensor():
    generator = np.random.default_rng(8)
    checked = 0
    for number in range(150):
        tensor = generator.normal(size=6)
        if number % 3:  # without a volume part; a CLVD part of any size
            tensor[:3] -= tensor[:3].mean()
        if number % 3 == 2:  # a double couple
            plane = generator.uniform((0, 0, -180), (360, 90, 180))
            tensor = geometry.tensor_of(*geometry.fault_vectors(*plane))
        dark = dark_of(tensor)
        matrix = geometry.matrix_of(tensor)
        for vector in generator.normal(size=(12, 3)):
            vector = vector / np.linalg.norm(vector)
            push = vector @ matrix @ vector / np.abs(np.linalg.eigvalsh(matrix)).max()
            if abs(push) < 0.02 or abs(vector[2]) < 0.02:
                continue  # on the line or the rim
            checked += 1
            assert _filled(dark, *projected(vector[None])[0]) is bool(push > 0), tensor
    assert checked > 1500


#: Strike, dip, rake of planes that lie level, stand upright, or cross on the rim.
AWKWARD = [(0, 0, 90), (30, 0, 0), (10, 90, 90), (10, 90, -90), (0, 45, -90), (0, 90, 0),
           (45, 90, 180), (90, 45, 90)]  # fmt: skip


@pytest.mark.parametrize("plane", AWKWARD)
def test_level_and_upright_planes_are_drawn(plane: Any):
    ball = beachball(*plane)
    assert "nan" not in "".join((ball.dark, *ball.planes))
    matrix = geometry.matrix_of(geometry.tensor_of(*geometry.fault_vectors(*plane)))
    for x, y in ((0.41, 0.1), (-0.4, 0.13), (0.1, -0.5), (-0.13, 0.61)):
        r = math.hypot(x, y)
        down = 1 - r * r
        flat = math.sqrt(1 - down * down) / r
        vector = np.array([-y * flat, x * flat, down])
        assert _filled(ball.dark, x, y) is bool(vector @ matrix @ vector > 0)


def test_an_explosion_is_dark_and_a_collapse_light():
    assert _filled(dark_of([1, 1, 1, 0, 0, 0]), 0.3, 0.2)
    assert dark_of([-1, -1, -1, 0, 0, 0]) == "" == dark_of([0] * 6)


def test_planes_and_axes_of_tensors_are_those_of_obspy():
    generator = np.random.default_rng(4)
    for _ in range(100):
        plane = generator.uniform((0, 5, -175), (360, 85, 175))
        normal, slip = geometry.fault_vectors(*plane)
        tensor = geometry.tensor_of(normal, slip)
        found = geometry.principal(tensor)
        theirs = MomentTensor(*tensor, 0)
        for ours, axis in zip(found.axes, mt2axes(theirs), strict=True):
            assert geometry.angle_between(ours, geometry.axis_vector(axis.strike, axis.dip)) < 0.01
        ours = geometry.planes_of_axes(found.axes.t, found.axes.p)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = mt2plane(theirs)
            other = aux_plane(one.strike, one.dip, one.rake)
        for angles in ((one.strike, one.dip, one.rake), other):
            told = geometry.Planes(*map(np.asarray, angles))
            nearest = min(float(geometry.kagan_of_planes(one_of, told)) for one_of in ours)
            assert nearest < 0.01
        drawn = ball_of(normal, slip, tensor)
        t = projected(found.axes.t[None])[0]
        # An axis in the horizon has two ends.
        assert np.allclose(np.abs(drawn.t), np.abs(t), atol=0.01)


def _filled(path: str, x: float, y: float) -> bool:
    """Return whether a point is inside by the rule of even and odd."""
    inside = False
    for ring in path.split("Z")[:-1]:
        if "A" in ring:  # the whole disc
            inside = not inside
            continue
        points = [tuple(map(float, pair.split())) for pair in re.split("[ML]", ring) if pair]
        for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                inside = not inside
    return inside
