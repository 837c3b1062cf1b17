"""Intensity prediction against worked values and what was observed in 2014."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core import intensity_prediction as prediction
from processing.core.intensity_prediction import MODELS

#: Event and place; M (MLH), h, R [km]; Bindi free, Bindi fixed, Shebalin; observed.
WORKED = [
    ("Kadzhisai, Almaty", (5.3, 10, 131), (3.53, 3.67, 3.54), (3, 4)),
    ("Talgar, Almaty", (4.3, 5, 41), (3.29, 3.94, 3.79), (4, 4)),
    ("Karaganda, epicentre", (4.0, 10, 0), (4.81, 4.88, 5.50), (5, 5)),
    ("Karaganda, 154 km", (4.0, 10, 154), (2.16, 2.11, 1.34), None),
]
ORDER = ("bindi-2011-free", "bindi-2011-fixed", "shebalin")


@pytest.mark.parametrize(("_name", "event", "expected", "_observed"), WORKED)
def test_the_worked_values(_name, event, expected, _observed):
    found = [float(prediction.predict(MODELS[model], *event)[0]) for model in ORDER]
    assert found == pytest.approx(expected, abs=0.0055)


def test_the_default_is_nearest_to_what_was_observed():
    """Fixed depth: the smaller sigma, and over the three observed places the smaller misfit."""
    seen = [(event, sum(range_) / 2) for _n, event, _e, range_ in WORKED if range_]

    def rms(model):
        misfits = [float(prediction.predict(MODELS[model], *e)[0]) - i for e, i in seen]
        return np.sqrt(np.mean(np.square(misfits)))

    assert min(ORDER, key=rms) == prediction.DEFAULT
    assert MODELS["bindi-2011-fixed"].sigma < MODELS["bindi-2011-free"].sigma
    assert MODELS["shebalin"].sigma is None


def test_what_goes_in():
    sizes = {"MPVA": 6.2, "mb": 5.1, "KR": 13.6}
    found = prediction.input_magnitude(sizes)
    assert found.value == pytest.approx(5.333, abs=0.001)
    assert (found.converted, found.scale, found.source_value) == (True, "KR", 13.6)
    assert prediction.input_magnitude(sizes | {"MS": 5.3}).scale == "MS"
    assert prediction.input_magnitude(sizes | {"MS": 5.3, "MLV": 5.2}).scale == "MLV"
    found = prediction.input_magnitude(sizes | {"MS": 5.3, "MLV": 5.2, "MLH": 5.1})
    assert (found.value, found.converted, found.sigma) == (5.1, False, None)
    assert prediction.input_magnitude({"MPVA": 6.2, "mb": 5.1, "ML": 5.0, "Mw": 5.4}) is None


models = st.sampled_from(list(MODELS.values()))
magnitudes = st.floats(1, 8)
depths = st.floats(-2, 200)
distances = st.floats(0, 1000)


@given(models, magnitudes, depths, distances)
def test_intensity_falls_with_distance_and_the_inverse_gives_the_magnitude_back(m, mag, h, r):
    at, _ = prediction.predict(m, mag, h, np.array([r, r + 1.0]))
    assert at[0] >= at[1]
    assert prediction.magnitude_for(m, at[0], h, r) == pytest.approx(mag)


@given(models, magnitudes, depths, st.floats(2, 9))
def test_the_radius_of_a_grade_has_that_grade(model, magnitude, depth, grade):
    radius = prediction.radius_km(model, magnitude, depth, grade)
    if radius is None:
        assert prediction.predict(model, magnitude, depth, 0.0)[0] < grade
    elif radius < prediction.FARTHEST_KM - 1e-3:
        mean, _ = prediction.predict(model, magnitude, depth, radius)
        assert mean == pytest.approx(grade, abs=1e-6)


@pytest.mark.parametrize(
    ("mean", "sigma", "shown"),
    [
        (2.74, 0.689, None),
        (2.75, 0.689, (2.0, 3.5)),
        (3.67, 0.689, (3.0, 4.5)),
        (5.5, None, (5.5, 5.5)),
        (12.4, 0.7, (11.5, 12.0)),
    ],
)
def test_a_prediction_is_told_as_a_range_in_half_grades(mean, sigma, shown):
    assert prediction.shown_range(mean, sigma) == shown
