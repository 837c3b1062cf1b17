"""Events that NEIC's locator was tested with: how far ours comes out from what NEIC found.

What NEIC found is a reference, not the truth: it uses other errors, another correlation, and for
``cus`` and ``wus`` crustal models of its own. The tolerances are what was measured (the table in
docs/methods.md, "Location"), with a margin of about a half.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from processing.core import geodesy, location
from processing.core.location import Hypocentre, LocationSolution
from tests.processing.core.neic_events import FOLDER, NeicEvent, read_json, read_text

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="needs ../shared/data/bulletins/neic_locator: NEIC's examples"
)

HELD_PLACE, JAPAN = "RayLocInput100620_468.txt", "RayLocInput5112424_57.txt"
CHI2_90 = 4.605
"""Of two dimensions."""
MODELS = ("ak135", "iasp91")


def apart_km(solution: LocationSolution, other: Hypocentre) -> float:
    return float(
        geodesy.ellipsoid_distance_km(
            other.latitude, other.longitude, solution.latitude, solution.longitude
        )
    )


def chi2(solution: LocationSolution, other: Hypocentre) -> float:
    """Return how far a place is from ours in units of our a-priori error, squared."""
    east = (other.longitude - solution.longitude) * np.cos(np.radians(solution.latitude))
    offset = np.array([east, other.latitude - solution.latitude]) * geodesy.KM_PER_DEGREE
    return float(offset @ np.linalg.solve(solution.covariance[1:3, 1:3], offset))


def residual_difference(event: NeicEvent, solution: LocationSolution) -> float:
    """Return the median absolute difference of residuals that both use under one name [s]."""
    assert event.found is not None
    found = event.found
    pairs = [
        (solution.residual[i], found.residual[key])
        for i, key in enumerate(event.ids)
        if solution.used[i] and found.used[key] and found.phase.get(key) == solution.phase[i]
    ]
    assert len(pairs) >= 10
    return float(np.median(np.abs(np.subtract(*np.transpose(pairs)))))


#: NEIC's own model; the other in the long run.
every_model = pytest.mark.parametrize(
    "model",
    [MODELS[0], *(pytest.param(model, marks=pytest.mark.long) for model in MODELS[1:])],
)


@every_model
@pytest.mark.parametrize(
    "started",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["from the input", "from nothing"],
)
@pytest.mark.parametrize(
    ("name", "km", "seconds", "residual_s"),
    [("cus", 1.5, 0.6, 0.4), ("wus", 4.5, 1.0, 0.7), ("deep", 2.0, 0.8, 0.5)],
)
def test_what_neic_found_is_met_at_its_depth(name, km, seconds, residual_s, started, model):
    event = read_json(name)
    assert event.found is not None
    there = event.found.hypocentre
    solution = location.locate(
        event.arrivals, model, [event.start] if started else [], there.depth_km
    )
    assert apart_km(solution, there) < km
    assert abs(solution.time - there.time) < seconds
    assert chi2(solution, there) < CHI2_90
    assert residual_difference(event, solution) < residual_s
    # One S of wus deviates for us; PKPpre, which NEIC does not use either, has no rule.
    assert solution.used_phase_count >= event.found.phases_used - 1


@every_model
def test_the_same_places_come_out_with_and_without_a_start(model):
    for name in ("cus", "wus"):
        event = read_json(name)
        begun = location.locate(event.arrivals, model, [event.start])
        searched = location.locate(event.arrivals, model)
        assert apart_km(searched, Hypocentre(begun.latitude, begun.longitude, 0.0)) < 0.01
        assert searched.depth_km == pytest.approx(begun.depth_km, abs=0.05)


def test_a_depth_that_near_stations_resolve_is_that_neic_holds():
    event = read_json("wus")
    assert event.found is not None and event.depth_held
    solution = location.locate(event.arrivals, "ak135", [event.start])
    assert solution.depth_code == "F"
    assert solution.depth_error_km is not None
    difference = abs(solution.depth_km - (event.found.hypocentre.depth_km or 0.0))
    assert difference < min(1.0, solution.depth_error_km)


@pytest.mark.long
@every_model
def test_a_deep_event_that_nobody_put_anywhere_is_found_deep(model):
    event = read_json("deep")
    assert event.found is not None
    there = event.found.hypocentre
    solution = location.locate(event.arrivals, model)
    assert apart_km(solution, there) < 5.0
    assert solution.depth_code == "F" and solution.depth_error_km is not None
    assert abs(solution.depth_km - (there.depth_km or 0.0)) < 2.0 * solution.depth_error_km


@pytest.mark.long
def test_seven_hundred_readings_of_dense_networks_are_used_together():
    """Their correlations, as the variogram gives them, are no covariance."""
    event = read_json("deep")
    assert event.found is not None
    there = event.found.hypocentre
    everything = [replace(a, off=False) for a in event.arrivals]
    solution = location.locate(everything, "ak135", [event.start], there.depth_km)
    assert solution.used.sum() > 700
    assert np.isfinite(solution.chi_square)
    assert apart_km(solution, there) < 4.0
    assert chi2(solution, there) < CHI2_90


@every_model
@pytest.mark.parametrize(
    "started",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["from the input", "from nothing"],
)
def test_an_input_without_output_comes_back_to_where_it_began(started, model):
    event = read_text(JAPAN)
    assert len(event.arrivals) == 1172
    solution = location.locate(event.arrivals, model, [event.start] if started else [])
    assert apart_km(solution, event.start) < 2.0
    assert chi2(solution, event.start) < CHI2_90
    assert solution.depth_code == "F"
    # NEIC's analyst believed in 26.3 km, within 13.
    assert solution.depth_km == pytest.approx(event.start.depth_km, abs=4.0)
    assert solution.used.sum() >= 170


@pytest.mark.parametrize(
    "started",
    [pytest.param(True, marks=pytest.mark.long), False],
    ids=["from the input", "from nothing"],
)
def test_a_place_held_against_the_readings_is_left(started):
    """The input holds a place at 0 km that its own readings, used or not, do not fit."""
    event = read_text(HELD_PLACE)
    assert event.place_held and len(event.arrivals) == 698
    solution = location.locate(event.arrivals, "ak135", [event.start] if started else [])
    assert apart_km(solution, event.start) > 200.0
    apart = [
        abs(solution.residual[i])
        for i, arrival in enumerate(event.arrivals)
        if arrival.off and arrival.phase == "P" and np.isfinite(solution.residual[i])
    ]
    # Nobody used these; at the place of the input their median is 3.9 s late or early.
    assert len(apart) > 500
    assert np.median(apart) < 1.0
