"""Made events are found again from their intensities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import geodesy, macroseismic
from processing.core import intensity_prediction as prediction

DEFAULT = prediction.MODELS[prediction.DEFAULT]
SHEBALIN = prediction.MODELS["shebalin"]
EPICENTRE = (43.0, 77.5)


def made(model, magnitude, depth_km, seed, n=50, scatter=0.3, farthest_km=150.0, crowd=0.5):
    """Points all around, in half grades as lists give them; ``crowd`` 1: more of them near."""
    random = np.random.default_rng(seed)
    distance = farthest_km * random.uniform(0.0, 1.0, n) ** crowd
    lat, lon = geodesy.destination(
        *EPICENTRE, random.uniform(0, 360, n), distance / geodesy.KM_PER_DEGREE
    )
    mean, _ = prediction.predict(model, magnitude, depth_km, distance)
    told = np.round(2.0 * (mean + random.normal(0.0, scatter, n))) / 2.0
    return macroseismic.Points.of(list(zip(lat, lon, np.clip(told, 1, 12), strict=True)))


@settings(max_examples=8)
@given(st.floats(4.5, 7.0), st.integers(0, 10**6), st.floats(-0.4, 0.4))
def test_magnitude_and_epicentre_are_found_again(magnitude, seed, off):
    """50 points within 150 km, scatter 0.3 and half grades: within 0.25 and 30 km."""
    points = made(DEFAULT, magnitude, 15.0, seed)
    start = (EPICENTRE[0] + off, EPICENTRE[1] - off)
    found = macroseismic.epicentre(points, *start, 15.0, DEFAULT)
    off_deg, _ = geodesy.distance_azimuth(*EPICENTRE, found.latitude, found.longitude)
    assert float(off_deg) * geodesy.KM_PER_DEGREE < 30.0
    assert found.magnitude.value == pytest.approx(magnitude, abs=0.25)
    assert found.error_km < 30.0


@settings(max_examples=8)
@given(st.floats(5.0, 7.0), st.floats(12.0, 30.0), st.integers(0, 10**6))
def test_i0_and_depth_are_found_again_from_the_decay(magnitude, depth_km, seed):
    """80 points, many near, Shebalin's decay: I0 within 1.3 grades, depth within a factor of 2.5.

    At the radius of a grade the intensity is that grade within half a one.
    """
    points = made(SHEBALIN, magnitude, depth_km, seed, n=80, crowd=1.0)
    distance = macroseismic.distances_km(points, *EPICENTRE)
    found = macroseismic.decay(points.intensity, distance)
    i0, _ = prediction.predict(SHEBALIN, magnitude, depth_km, 0.0)
    assert found.i0.value == pytest.approx(float(i0), abs=1.3)
    assert depth_km / 2.5 < (found.depth_km or 0.0) < depth_km * 2.5
    for one in found.isoseismals:
        there, _ = prediction.predict(SHEBALIN, magnitude, depth_km, one.radius_km)
        assert there == pytest.approx(one.grade, abs=0.5)
        assert one.low_km <= one.high_km


@given(st.permutations(range(12)))
@settings(max_examples=3)
def test_order_does_not_matter(order):
    points = made(DEFAULT, 5.5, 15.0, 3, n=12)
    rows = list(zip(points.latitude, points.longitude, points.intensity, strict=True))
    shuffled = macroseismic.Points.of([rows[k] for k in order])
    assert macroseismic.assess(shuffled, *EPICENTRE, 10.0) == macroseismic.assess(
        points, *EPICENTRE, 10.0
    )


def test_one_point_gives_a_magnitude_and_no_more():
    """Almaty felt Kadzhisai at 3-4: MS 5.3 of the article, within its own error."""
    points = macroseismic.Points.of([(43.238, 76.945, 3.5)])
    found = macroseismic.assess(points, 42.10, 77.27, 10.0)
    assert found.magnitude.value == pytest.approx(5.12, abs=0.01)
    assert found.magnitude.error == pytest.approx(0.689 / 1.049)
    assert found.i0.error == pytest.approx(0.689)
    assert (found.points, found.largest) == (1, 3.5)
    assert found.epicentre is None
    assert found.decay is None
    assert macroseismic.assess(macroseismic.Points.of([]), 42.10, 77.27, 10.0) is None


def test_points_in_one_direction_hold_no_epicentre():
    points = macroseismic.Points.of([(43.0, 77.0 + 0.01 * k, 4.0 + 0.1 * k) for k in range(8)])
    found = macroseismic.epicentre(points, 43.0, 77.0, 15.0, DEFAULT)
    assert found is None


def test_weights_fall_to_the_least_at_150_km():
    weights = macroseismic.distance_weight([0.0, 75.0, 150.0, 400.0])
    assert weights == pytest.approx([1.1, 0.1 + np.sqrt(0.5), 0.1, 0.1])


def test_a_depth_is_not_told_by_points_far_away():
    points = made(SHEBALIN, 6.0, 8.0, 0, n=50)
    far = macroseismic.distances_km(points, *EPICENTRE) > 60.0
    found = macroseismic.decay(
        points.intensity[far], macroseismic.distances_km(points, *EPICENTRE)[far]
    )
    assert found.depth_km is None
    assert found.i0 is None
    assert found.isoseismals
