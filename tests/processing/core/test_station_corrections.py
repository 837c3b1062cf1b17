"""Delays put under stations are found again, and locations that know them are nearer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import geodesy, location
from processing.core import station_corrections as core
from processing.core.location import Hypocentre
from processing.core.station_corrections import Estimate, Late, estimate, settle
from tests.processing.late_stations import arrivals, network, quakes, sources

#: Travel times as a source goes east, north, down [s/km], from six stations around it.
RAYS = {
    str(i): (float(np.cos(a)) / 6.0, float(np.sin(a)) / 6.0, 0.0)
    for i, a in enumerate(np.radians([0, 60, 120, 180, 240, 300]))
}
DELAYS = dict(zip("012345", (0.4, -0.3, 0.5, -0.2, -0.6, 0.2), strict=True))
NET = network(5)
QUAKES = quakes(NET, 40, seed=6)


@pytest.fixture(scope="module")
def found() -> Estimate:
    return settle(sources(NET, QUAKES))


def rows(seed: int, events: int = 12) -> list[Late]:
    """Return readings of three stations, some twice, one grossly wrong."""
    generator = np.random.default_rng(seed)
    made = []
    for event in range(events):
        for station, wave in (("a", "P"), ("b", "P"), ("c", "P"), ("a", "S")):
            for _ in range(generator.integers(0, 3)):
                slopes = tuple(generator.normal(0.0, 0.15, 3).tolist())
                late = float(generator.normal(0.3, 0.2))
                made.append(Late(event, station, wave, late, 0.8, slopes))
    return [*made, Late(0, "b", "P", 3000.0)]


def spun(slopes: tuple[float, float, float], turns: int) -> tuple[float, float, float]:
    """Return the slopes of a station that lies elsewhere as seen from another event."""
    angle = np.arctan2(slopes[1], slopes[0]) * (1 + turns)
    return float(np.cos(angle)) / 6.0, float(np.sin(angle)) / 6.0, 0.0


def mean_of_p(estimate: Estimate) -> float:
    p = [c for (_, wave), c in estimate.corrections.items() if wave == "P"]
    return sum(c.correction_s * c.reading_count for c in p) / sum(c.reading_count for c in p)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_readings_changes_nothing(seed, random):
    made = rows(seed)
    expected = estimate(made, minimum_readings=3)
    random.shuffle(made)
    assert estimate(made, minimum_readings=3) == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(-50.0, 50.0))
def test_p_has_a_mean_of_zero_whatever_is_added_to_all(seed, seconds):
    made = rows(seed)
    one = estimate(made, minimum_readings=3)
    other = estimate(
        [dataclasses.replace(r, late_s=r.late_s + seconds) for r in made], minimum_readings=3
    )
    assert mean_of_p(one) == pytest.approx(0.0, abs=1e-9)
    for key, correction in one.corrections.items():
        again = other.corrections[key]
        assert again.correction_s == pytest.approx(correction.correction_s, abs=1e-8)


def test_a_reading_far_off_hardly_moves_a_median():
    corrections = estimate(rows(1), minimum_readings=3).corrections
    assert all(abs(c.correction_s) < 0.5 for c in corrections.values())


def test_readings_of_one_event_count_once_and_too_few_give_nothing():
    made = [Late(e, "a", "P", 0.1 * (e % 3)) for e in range(10) for _ in range(3)]
    made += [Late(e, "b", "P", 1.0) for e in range(9)]
    found = estimate(made)
    assert found.corrections.keys() == {("a", "P")}
    assert found.corrections["a", "P"].reading_count == 10
    assert found.events == tuple(range(10))
    assert estimate([]).corrections == {}


def test_without_places_the_error_is_that_of_a_mean():
    late = np.random.default_rng(3).normal(0.0, 0.4, (2, 400))
    made = [
        Late(e, station, "P", float(late[k, e]) + 5.0 * k)
        for k, station in enumerate("ab")
        for e in range(400)
    ]
    found = estimate(made).corrections
    # Two stations share an event's time: each has half of the difference.
    assert found["b", "P"].correction_s == pytest.approx(2.5, abs=0.05)
    assert found["b", "P"].standard_error == pytest.approx(0.4 / np.sqrt(2 * 400), rel=0.1)


def test_delays_are_found_again_within_their_errors(found):
    assert found.settled and found.passes < 8 and len(found.events) >= 35
    assert found.corrections.keys() == NET.delays.keys()
    p = [(NET.delays[k], c.reading_count) for k, c in found.corrections.items() if k[1] == "P"]
    mean = np.average([d for d, _ in p], weights=[n for _, n in p])
    off = [
        (c.correction_s - (NET.delays[key] - mean)) / c.standard_error
        for key, c in found.corrections.items()
    ]
    assert np.sqrt(np.mean(np.square(off))) < 1.5
    assert max(map(abs, off)) < 4.0
    assert mean_of_p(found) == pytest.approx(0.0, abs=1e-9)


def test_events_in_one_place_leave_more_open():
    """Where it lies and what is late on one side of it cannot be told apart."""
    near = [Late(e, s, "P", 0.0, 0.8, x) for e in range(20) for s, x in RAYS.items()]
    turned = [Late(e, s, "P", 0.0, 0.8, spun(x, e)) for e in range(20) for s, x in RAYS.items()]
    open_, closed = (
        estimate([dataclasses.replace(r, late_s=DELAYS[r.station]) for r in rows]).corrections
        for rows in (near, turned)
    )
    assert all(open_[k].standard_error > 2 * closed[k].standard_error for k in closed)


def test_the_order_of_events_and_arrivals_changes_nothing():
    made = sources(NET, QUAKES[:12])
    turned = [dataclasses.replace(e, arrivals=e.arrivals[::-1]) for e in reversed(made)]
    assert settle(made, minimum_readings=3, most_passes=2) == settle(
        turned, minimum_readings=3, most_passes=2
    )


def test_a_location_with_corrections_is_nearer(found):
    plain, corrected = [], []
    for quake in quakes(NET, 15, seed=99):
        observed = arrivals(NET, quake)
        known = [
            dataclasses.replace(a, correction_s=found.corrections[a.station, a.phase].correction_s)
            for a in observed
        ]
        for readings, errors in ((observed, plain), (known, corrected)):
            start = [Hypocentre(quake.latitude, quake.longitude, 0.0, 12.0)]
            solution = location.locate(readings, start=start)
            errors.append(
                float(
                    geodesy.ellipsoid_distance_km(
                        quake.latitude, quake.longitude, solution.latitude, solution.longitude
                    )
                )
            )
    assert np.median(corrected) < 0.6 * np.median(plain)


def test_events_that_do_not_locate_have_no_part():
    made = sources(NET, QUAKES[:1])[0]
    few = dataclasses.replace(made, arrivals=made.arrivals[:3])
    assert core.relocated(few, location.REGIONAL, {}) == []
    assert core.relocated(made, location.REGIONAL, {}) != []
    assert core.relocated(made, location.REGIONAL, {}, maximum_distance_deg=0.0) == []


def test_a_doubted_clock_says_nothing_of_its_station():
    made = sources(NET, QUAKES[:1])[0]
    station = made.arrivals[0].station
    doubted = dataclasses.replace(
        made, arrivals=tuple(
            dataclasses.replace(a, doubtful_clock=a.station == station) for a in made.arrivals
        ),
    )  # fmt: skip
    told = core.relocated(doubted, location.REGIONAL, {})
    assert told and station not in {row.station for row in told}
