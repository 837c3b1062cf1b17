"""Mechanisms from polarities: near the truth as stated, in any order; named limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Planes
from processing.core import first_motion
from processing.core.first_motion import Polarities, quality_of, solve


def polarities(seed: int, count: int = 40, wrong: float = 0.0) -> tuple[Planes, Polarities]:
    """Rays all over the sphere, one trial, of a mechanism drawn at random."""
    random = np.random.default_rng(seed)
    truth = Planes(
        np.array(random.uniform(0, 360)),
        np.degrees(np.arccos(random.uniform(0, 1))),
        np.array(random.uniform(-180, 180)),
    )
    azimuth = random.uniform(0, 360, (1, count))
    takeoff = np.degrees(np.arccos(random.uniform(-1, 1, (1, count))))
    ray = geometry.axis_vector(azimuth[0], 90.0 - takeoff[0])
    normal, slip = geometry.fault_vectors(*truth)
    sign = np.where((ray @ normal) * (ray @ slip) > 0, 1, -1)
    sign = np.where(random.random(count) < wrong, -sign, sign).astype(np.int8)
    return truth, Polarities(sign, np.ones(count), azimuth, takeoff)


def off(found: first_motion.Solution, truth: Planes) -> float:
    return float(geometry.kagan_of_planes(found.planes[0], truth))


@pytest.mark.parametrize("wrong", [0.0, 0.1])
def test_the_truth_seldom_lies_beyond_a_few_times_the_stated_uncertainty(wrong: float) -> None:
    beyond = 0
    for seed in range(30):
        truth, given_ = polarities(seed, 60, wrong)
        found = solve(given_)
        assert found is not None
        assert float(geometry.kagan_of_planes(*found.planes)) < 1e-3
        beyond += off(found, truth) > 3.0 * found.uncertainty_deg + 5.0
    # With one sign in ten wrong a few sets in a thousand mislead: seed 13474706 does.
    assert beyond == 0


def test_the_stated_uncertainty_covers_the_share_it_states() -> None:
    covered = 0
    for seed in range(40):
        truth, given_ = polarities(seed, 35, 0.1)
        found = solve(given_)
        assert found is not None
        covered += off(found, truth) <= found.uncertainty_deg
    assert 19 <= covered <= 36  # 68 % of 40, within three standard deviations


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
def test_the_order_of_polarities_does_not_matter(seed: int, order) -> None:  # type: ignore[no-untyped-def]
    _truth, one = polarities(seed, 20, 0.1)
    turned = list(range(20))
    order.shuffle(turned)
    other = Polarities(
        one.sign[turned], one.weight[turned], one.azimuth[:, turned], one.takeoff[:, turned]
    )
    first, second = solve(one), solve(other)
    assert first is not None and second is not None
    assert first.planes == second.planes and first.uncertainty_deg == second.uncertainty_deg
    assert first.quality == second.quality
    np.testing.assert_array_equal(first.contradicting[turned], second.contradicting)


@pytest.mark.parametrize("count", [1, 7])
def test_too_few_tell_nothing(count: int) -> None:
    assert solve(polarities(1, count)[1]) is None


def test_all_alike_tell_a_wide_one() -> None:
    _truth, one = polarities(3, 12)
    found = solve(Polarities(np.ones(12, np.int8), one.weight, one.azimuth, one.takeoff))
    assert found is not None
    assert found.uncertainty_deg > 30.0 and found.quality == "D"


def test_a_flipped_polarity_contradicts_and_leaving_it_out_helps() -> None:
    truth, one = polarities(11, 60)
    amplitude = geometry.axis_vector(one.azimuth[0], 90.0 - one.takeoff[0])
    normal, slip = geometry.fault_vectors(*truth)
    clearest = int(np.abs((amplitude @ normal) * (amplitude @ slip)).argmax())
    sign = one.sign.copy()
    sign[clearest] *= -1
    flipped = solve(Polarities(sign, one.weight, one.azimuth, one.takeoff))
    kept = np.arange(60) != clearest
    dropped = solve(
        Polarities(one.sign[kept], one.weight[kept], one.azimuth[:, kept], one.takeoff[:, kept])
    )
    assert flipped is not None and dropped is not None
    assert flipped.contradicting[clearest]
    assert dropped.misfit < flipped.misfit and dropped.wrong_share < flipped.wrong_share


@pytest.mark.parametrize(
    ("measures", "letter"),
    [
        ((0.8, 25.0, 0.15, 0.5, 90.0, 60.0), "A"),
        ((0.8, 25.0, 0.151, 0.5, 90.0, 60.0), "B"),
        ((0.5, 45.0, 0.3, 0.3, 90.0, 60.0), "C"),
        ((0.49, 45.0, 0.3, 0.3, 90.0, 60.0), "D"),
        ((0.9, 10.0, 0.0, 0.9, 91.0, 60.0), "D"),
        ((0.9, 10.0, 0.0, 0.9, 90.0, 61.0), "D"),
    ],
)
def test_quality_by_the_rules_of_skhash(measures: tuple[float, ...], letter: str) -> None:
    assert quality_of(*measures) == letter


def test_what_does_not_fit_together_is_named() -> None:
    _truth, one = polarities(1, 10)
    with pytest.raises(ValueError, match="weight: found shape"):
        Polarities(one.sign, one.weight[:3], one.azimuth, one.takeoff)
    with pytest.raises(ValueError, match="sign"):
        Polarities(one.sign * 2, one.weight, one.azimuth, one.takeoff)
