"""Lines between two scales: published values, known truths, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core import regression

# Energy class and regional P magnitude as SOME and NNCSNI announced them (32 operative messages)
# and as the year book gives them for two events: project methods 1.9.
KR_MPVA = np.array([
    (9.4, 4.5), (7.1, 3.7), (9.0, 3.9), (8.9, 4.0), (9.7, 4.2), (10.8, 5.1), (9.8, 4.5),
    (12.0, 5.2), (9.3, 4.6), (10.5, 4.8), (10.8, 4.7), (9.6, 4.2), (9.8, 4.3), (9.7, 4.4),
    (9.9, 4.6), (10.9, 4.9), (10.4, 4.6), (10.4, 4.9), (7.2, 3.8), (15.1, 6.7), (12.9, 5.6),
    (11.3, 5.6), (10.5, 4.5), (11.6, 4.9), (9.6, 4.2), (9.5, 3.8), (13.2, 6.1), (11.2, 5.7),
    (8.7, 3.7), (8.5, 3.9), (8.8, 4.2), (9.7, 4.6), (11.7, 5.2), (13.6, 6.2),
])  # fmt: skip
ERROR_RATIO = (1 / 1.8) ** 2


def test_the_published_pairs_give_the_lines_of_the_methods():
    found = regression.regress(*KR_MPVA.T, ERROR_RATIO)
    assert (found.orthogonal.intercept, found.orthogonal.slope) == pytest.approx(
        (0.22, 0.433), abs=0.005
    )
    assert (found.ols.intercept, found.ols.slope) == pytest.approx((0.44, 0.413), abs=0.005)
    assert found.correlation == pytest.approx(0.94, abs=0.005)
    assert found.ols.residual_sigma == pytest.approx(0.26, abs=0.005)
    # K = 0.31 + 2.13 MPVA, never the line of MPVA on K turned round.
    assert (1 / found.ols_inverse.slope) == pytest.approx(2.13, abs=0.005)
    assert found.ols.slope < found.orthogonal.slope < found.ols_inverse.slope
    assert (found.pairs, found.x_range) == (34, (7.1, 15.1))


def test_the_orthogonal_line_is_the_same_both_ways():
    slope, intercept = regression.deming(*KR_MPVA.T, ERROR_RATIO)
    back, level = regression.deming(*KR_MPVA.T[::-1], 1 / ERROR_RATIO)
    assert (back, level) == pytest.approx((1 / slope, -intercept / slope))
    assert (back, level) == pytest.approx((2.31, -0.52), abs=0.005)


def test_a_known_line_comes_back_within_its_errors_and_least_squares_flattens_it():
    rng = np.random.default_rng(4)
    truth = rng.uniform(3, 6, 400)
    x = truth + rng.normal(0, 0.4, truth.size)
    y = 0.5 + 1.1 * truth + rng.normal(0, 0.2, truth.size)
    found = regression.regress(x, y, 0.25)
    line = found.orthogonal
    assert abs(line.slope - 1.1) < 3 * line.slope_error < 0.12
    assert abs(line.intercept - 0.5) < 3 * line.intercept_error
    assert found.ols.slope < 1.1 - 3 * found.ols.slope_error


def test_own_errors_of_points_follow_york_and_equal_ones_are_demings():
    x, y = KR_MPVA.T
    same = regression.york(x, y, np.full(x.size, 1.8), np.ones(x.size))
    assert same == pytest.approx(regression.deming(x, y, ERROR_RATIO))
    # Pearson's data with York's weights: York et al. (2004), table II.
    pearson_x = [0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4]
    pearson_y = [5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5]
    weights_x = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0])
    weights_y = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    slope, intercept = regression.york(pearson_x, pearson_y, weights_x**-0.5, weights_y**-0.5)
    assert (slope, intercept) == pytest.approx((-0.480533, 5.479910), abs=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        (np.arange(19.0), np.arange(19.0), "too-few-pairs"),
        (np.linspace(5, 5.5, 30), np.linspace(5, 5.5, 30), "narrow-range"),
        (np.arange(30.0), np.ones(30), "no-correlation"),
    ],
)
def test_too_little_is_refused(x, y, code):
    with pytest.raises(regression.NoLine) as refused:
        regression.regress(x, y)
    assert refused.value.code == code
