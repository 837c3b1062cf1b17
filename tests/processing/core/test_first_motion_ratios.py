"""Ratios of S and P: predicted as published, weighed as told, of help and of no harm."""

from __future__ import annotations

import numpy as np
import pytest

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Planes
from processing.core import first_motion, first_motion_ratios
from processing.core.first_motion import Polarities, solve
from processing.core.first_motion_ratios import SCATTERED, SCATTERS, Ratios, predicted
from tests.processing.core.test_first_motion import off, polarities


def ratios(truth: Planes, seed: int, count: int = 12, scatter: float = 0.3) -> Ratios:
    """Ratios of rays all over the sphere, one trial, with a part in common."""
    random = np.random.default_rng(seed)
    azimuth = random.uniform(0, 360, (1, count))
    takeoff = np.degrees(np.arccos(random.uniform(-1, 1, (1, count))))
    ray = geometry.axis_vector(azimuth[0], 90.0 - takeoff[0])
    lg = predicted(ray, *geometry.fault_vectors(*truth)) + random.normal(0, scatter, count)
    return Ratios(lg + 0.7, azimuth, takeoff)


@pytest.mark.parametrize("seed", range(5))
def test_amplitudes_of_p_and_s_are_those_of_aki_and_richards(seed: int):
    """Equations 4.89 to 4.91 (2002): F of P, SV and SH by strike, dip, rake and the ray."""
    random = np.random.default_rng(seed)
    strike, dip, rake = random.uniform(0, 360), random.uniform(0, 90), random.uniform(-180, 180)
    azimuth, takeoff = random.uniform(0, 360), random.uniform(0, 180)
    d, r, i, a = np.radians((dip, rake, takeoff, azimuth - strike))
    sin, cos = np.sin, np.cos
    p = (
        cos(r) * sin(d) * sin(i) ** 2 * sin(2 * a)
        - cos(r) * cos(d) * sin(2 * i) * cos(a)
        + sin(r) * sin(2 * d) * (cos(i) ** 2 - sin(i) ** 2 * sin(a) ** 2)
        + sin(r) * cos(2 * d) * sin(2 * i) * sin(a)
    )
    sv = (
        sin(r) * cos(2 * d) * cos(2 * i) * sin(a)
        - cos(r) * cos(d) * cos(2 * i) * cos(a)
        + 0.5 * cos(r) * sin(d) * sin(2 * i) * sin(2 * a)
        - 0.5 * sin(r) * sin(2 * d) * sin(2 * i) * (1 + sin(a) ** 2)
    )
    sh = (
        cos(r) * cos(d) * cos(i) * sin(a)
        + cos(r) * sin(d) * sin(i) * cos(2 * a)
        + sin(r) * cos(2 * d) * cos(i) * cos(a)
        - 0.5 * sin(r) * sin(2 * d) * sin(i) * sin(2 * a)
    )
    expected = 0.5 * np.log10((sv**2 + sh**2 + SCATTERED**2) / (p**2 + SCATTERED**2))
    ray = geometry.axis_vector(np.array(azimuth), np.array(90.0 - takeoff))
    planes = Planes(*map(np.array, (strike, dip, rake)))
    assert predicted(ray, *geometry.fault_vectors(*planes)) == pytest.approx(expected, abs=1e-9)


def test_the_likelihood_is_that_of_differences_with_several_scatters():
    truth, _signs = polarities(3)
    given = ratios(truth, 3)
    grid = first_motion._grid()
    some = slice(0, len(grid.normal), 997)
    found = first_motion._log_likelihood_of_ratios(given, grid)[0, some]
    every = zip(grid.normal[some], grid.slip[some], strict=True)
    ray = given.directions()[0]
    expected = []
    for normal, slip in every:
        residual = given.log_ratio - predicted(ray, normal, slip)
        spread = ((residual - residual.mean()) ** 2).sum()
        expected.append(
            np.log(sum(s ** (1 - len(residual)) * np.exp(-spread / (2 * s * s)) for s in SCATTERS))
        )
    # Tables of 2,048 steps and single precision.
    assert found == pytest.approx(np.array(expected), abs=0.05)


def test_with_ratios_few_signs_lead_nearer_to_the_truth_and_the_doubt_stays_honest():
    alone, together, held = [], [], []
    for seed in range(24):
        truth, signs = polarities(seed, 12, 0.1)
        both = solve(signs, ratios(truth, 1000 + seed))
        without = solve(signs)
        assert both is not None and without is not None
        alone.append(off(without, truth))
        together.append(off(both, truth))
        held.append(together[-1] <= both.uncertainty_deg)
        assert both.uncertainty_deg < 60.0 and both.ratio_misfit is not None
    assert np.median(together) < 0.6 * np.median(alone)
    assert 0.4 <= np.mean(held) <= 0.95


def test_neither_their_order_nor_what_they_have_in_common_matters():
    truth, signs = polarities(5, 20)
    given = ratios(truth, 5)
    turned = np.random.default_rng(0).permutation(len(given.log_ratio))
    other = Ratios(
        given.log_ratio[turned] + 2.0, given.azimuth[:, turned], given.takeoff[:, turned]
    )
    one, two = solve(signs, given), solve(signs, other)
    assert one is not None and two is not None
    assert np.allclose(one.planes[0], two.planes[0], atol=0.5)
    assert one.ratio_residual[turned] == pytest.approx(two.ratio_residual, abs=0.02)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_change_nothing(count: int):
    truth, signs = polarities(7, 20)
    given = ratios(truth, 7, count)
    with_them, without = solve(signs, given), solve(signs)
    assert with_them is not None and without is not None
    assert with_them.planes == without.planes and with_them.ratio_misfit is None


def test_one_wild_ratio_costs_little():
    truth, signs = polarities(9, 40)
    given = ratios(truth, 9, 12, 0.2)
    wild = Ratios(
        np.where(np.arange(12) == 4, given.log_ratio + 2.0, given.log_ratio),
        given.azimuth,
        given.takeoff,
    )
    found = solve(signs, wild)
    assert found is not None and off(found, truth) < 25.0
    assert int(np.abs(found.ratio_residual).argmax()) == 4


def test_what_does_not_fit_together_is_named():
    truth, signs = polarities(1)
    one = ratios(truth, 1, 3)
    with pytest.raises(ValueError, match=r"expected \(trials, 2\)"):
        Ratios(np.zeros(2), one.azimuth, one.takeoff)
    with pytest.raises(ValueError, match="not finite"):
        Ratios(np.array([0.0, np.nan, 1.0]), one.azimuth, one.takeoff)
    twice = Polarities(
        signs.sign, signs.weight, np.repeat(signs.azimuth, 2, 0), np.repeat(signs.takeoff, 2, 0)
    )
    with pytest.raises(ValueError, match="found 1 trials, expected 2"):
        solve(twice, one)
    assert first_motion_ratios.residuals(ratios(truth, 1, 0), *np.eye(3)[:2]).size == 0
