"""Errors that hold what a model is known to be wrong by, and what a depth's misfit allows."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core import earth_models, geodesy, location, predictions, surroundings
from processing.core.location import REGIONAL, ArrivalObservation, Hypocentre
from tests.processing.core.test_location import error_km, synthetic_arrivals

#: Beside the Kyrgyz model's region, where the crust of the Tien Shan goes on.
BESIDE = (42.5, 73.5)
INSIDE = (43.0, 77.5)
ELSEWHERE = (50.0, 60.0)
DEPTH = 12.0


def kyrgyz_times(latitude: float, longitude: float) -> list[ArrivalObservation]:
    """Return P and S at twelve stations all around, by the Kyrgyz model, without noise."""
    azimuth = np.arange(12) * 30.0
    distance = np.linspace(0.4, 4.0, 12)
    place = geodesy.destination(
        float(geodesy.geocentric_latitude(latitude)), longitude, azimuth, distance
    )
    mixture = earth_models.mixture_at(latitude, longitude, only="kyrgyz")
    rows = []
    for name in ("P", "S"):
        times = predictions.predict(
            mixture, predictions.codes_of([name] * 12), distance, np.full(12, DEPTH)
        ).time
        rows += [
            ArrivalObservation(
                f"ST{i}", float(geodesy.geographic_latitude(place[0][i])), float(place[1][i]),
                None, name, float(times[i]),
            )
            for i in range(12)
        ]  # fmt: skip
    return rows


def located(where: tuple[float, float], model: str, doubt: bool | None = None):
    start = [Hypocentre(*where, 0.0, DEPTH)]
    return location.locate(kyrgyz_times(*where), model, start, doubt=doubt)


@pytest.mark.parametrize("where", [BESIDE, INSIDE])
def test_errors_are_raised_where_a_model_is_known_to_be_wrong(where):
    trusted, doubted = located(where, "iasp91"), located(where, "iasp91", doubt=True)
    assert "model-error" not in trusted.warnings
    assert "model-error" in doubted.warnings
    assert doubted.semi_major_km > 1.1 * trusted.semi_major_km
    # One unknown more takes up most of what the model does wrong.
    assert error_km(doubted, *where) < 0.7 * error_km(trusted, *where)
    assert doubted.chi_square < trusted.chi_square


def test_by_region_the_model_is_doubted_beside_its_region_only():
    assert "model-error" in located(BESIDE, REGIONAL).warnings
    told, untold = located(INSIDE, REGIONAL, doubt=True), located(INSIDE, REGIONAL, doubt=False)
    for name in ("latitude", "longitude", "depth_km", "time", "semi_major_km", "warnings"):
        assert getattr(told, name) == getattr(untold, name)
    assert "model-error" not in located(ELSEWHERE, REGIONAL).warnings


def test_the_doubt_ends_without_a_jump():
    (_corner_west, south), *_ = earth_models.DOUBTED["kyrgyz"]
    across = [
        earth_models.doubt_at(latitude, 77.0)[0]
        for latitude in np.arange(south - 0.7, south + 0.7, 0.01)
    ]
    assert (across[0], across[-1]) == (0.0, 1.0)
    assert np.diff(across).min() >= 0.0 and np.diff(across).max() < 0.03


def test_a_depth_interval_reaches_to_where_the_misfit_allows():
    arrivals = synthetic_arrivals(3, stations=12, depth_km=21.0, noise=1.0, names=("P", "S"))
    start = [Hypocentre(43.0, 77.0, 100.0, 21.0)]
    solution = location.locate(arrivals, "iasp91", start)
    assert solution.depth_code == "F" and solution.depth_error_km is not None
    depths = np.linspace(0.0, 60.0, 121)
    worse = surroundings.surroundings(arrivals, solution, "iasp91", 10.0, 5, depths).depth_worse_by
    inside = depths[worse - worse.min() <= location.NORMAL_90**2]
    reach = max(inside.max() - solution.depth_km, solution.depth_km - inside.min())
    assert solution.depth_error_km == pytest.approx(reach, rel=0.25, abs=1.0)


def test_the_surroundings_are_lowest_at_the_solution_and_follow_the_ellipse():
    arrivals = synthetic_arrivals(5, stations=12, noise=1.0)
    solution = location.locate(arrivals, "iasp91", [Hypocentre(43.0, 77.0, 100.0, 12.0)], 12.0)
    around = surroundings.surroundings(arrivals, solution, "iasp91", solution.semi_major_km, 21)
    worse = around.worse_by
    assert worse[10, 10] == pytest.approx(0.0, abs=1e-9) and worse.min() > -0.05
    assert around.latitude[0] > around.latitude[-1] and around.longitude[0] < around.longitude[-1]
    # Where the long axis of the 90 % ellipse ends, chi-square of two unknowns is 4.61 worse.
    turn = np.radians(solution.ellipse_azimuth)
    offset = np.linspace(-1.0, 1.0, 21)
    row = int(np.argmin(np.abs(offset[::-1] - np.cos(turn))))
    column = int(np.argmin(np.abs(offset - np.sin(turn))))
    assert worse[row, column] == pytest.approx(4.61, rel=0.4)
