"""Where a polarity stands on the focal sphere, and the lines through it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from portal import focal_sphere


@pytest.mark.parametrize(
    ("azimuth", "takeoff", "expected"),
    [
        (0.0, 0.0, (0.0, 0.0)),
        (0.0, 90.0, (0.0, -1.0)),
        (90.0, 60.0, (np.sqrt(0.5), 0.0)),
        # Up-going: at the opposite point.
        (90.0, 120.0, (-np.sqrt(0.5), 0.0)),
    ],
)
def test_a_ray_is_plotted_in_the_lower_hemisphere(azimuth, takeoff, expected) -> None:
    np.testing.assert_allclose(focal_sphere.place([azimuth], [takeoff])[0], expected, atol=1e-9)


@pytest.mark.parametrize("dip", [0.0, 1e-9, 30.0, 90.0])
def test_a_nodal_line_runs_from_one_end_of_the_strike_to_the_other(dip: float) -> None:
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", focal_sphere.nodal_line(0.0, dip))]
    points = np.array(numbers).reshape(-1, 2)
    np.testing.assert_allclose(points[0], (0.0, -1.0), atol=1e-3)
    np.testing.assert_allclose(points[-1], (0.0, 1.0), atol=1e-3)
    # It dips to the right of its strike, eastwards.
    assert points[:, 0].min() >= -1e-9
    assert np.hypot(*points.T).max() <= 1.001
