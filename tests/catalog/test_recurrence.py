"""The slope of lg N against K is found again in catalogues made with a known one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from catalog.recurrence import LEAST_EVENTS, slope

LOWEST, STEP = 7.6, 0.1


def made(seed: int, true: float, number: int, lowest: float = LOWEST) -> Counter[float]:
    """Return a catalogue of sizes above ``lowest`` rounded to ``STEP``."""
    generator = np.random.default_rng(seed)
    sizes = generator.exponential(np.log10(np.e) / true, number) + lowest - STEP / 2
    return Counter(np.round(sizes, 1).tolist())


@pytest.mark.parametrize("true", [0.35, 0.48, 0.6, 1.0])
def test_a_known_slope_is_found_within_its_uncertainty(true: float):
    misses, told = [], []
    for seed in range(60):
        found = slope(made(seed, true, 400), LOWEST, STEP)
        assert found is not None and found.number == 400
        misses.append(found.value - true)
        told.append(found.sigma)
    # Rounding to 0.1 leaves a bias below 0.5 %; the mean of 60 is known to sigma / sqrt(60).
    assert abs(np.mean(misses)) < 0.005 * true + 4 * np.mean(told) / 60**0.5
    # What Shi and Bolt's formula tells is how the estimates really scatter.
    assert 0.7 < np.std(misses) / np.mean(told) < 1.35


def test_smaller_sizes_change_nothing():
    complete = made(1, 0.5, 300)
    small = Counter({7.5: 50, 6.0: 3})
    assert slope(complete + small, LOWEST, STEP) == slope(complete, LOWEST, STEP)


def test_too_few_events_or_one_size_have_no_slope():
    assert slope(made(1, 0.5, LEAST_EVENTS - 1), LOWEST, STEP) is None
    assert slope({7.6: 1000}, LOWEST, STEP) is None
    assert slope({}, LOWEST, STEP) is None
