"""Synthetic events are found again; evidence, robustness and uncertainty follow the rules."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import geodesy, location, travel_times
from processing.core.location import ArrivalObservation, Hypocentre, LocationError

TABLE = travel_times.load("iasp91")
EPOCH_OFFSET_S = 100.0


def synthetic_arrivals(
    seed: int = 0,
    *,
    latitude: float = 43.0,
    longitude: float = 77.0,
    depth_km: float = 12.0,
    stations: int = 10,
    nearest_deg: float = 0.1,
    farthest_deg: float = 5.0,
    noise: float = 0.0,
    names: tuple[str, ...] = ("P", "S"),
) -> list[ArrivalObservation]:
    """Return arrivals the table itself predicts, with noise in units of the a-priori error."""
    generator = np.random.default_rng(seed)
    distance = generator.uniform(nearest_deg, farthest_deg, stations)
    azimuth = np.arange(stations) * 360.0 / stations + generator.uniform(-15.0, 15.0, stations)
    place = geodesy.destination(geodesy.geocentric_latitude(latitude), longitude, azimuth, distance)
    arrivals = []
    for i in range(stations):
        for name in names:
            sigma = 0.8 if name[0] == "P" else 1.5
            travel = TABLE.predict(name, distance[i], depth_km).time[0]
            arrivals.append(
                ArrivalObservation(
                    station=f"ST{i:02d}",
                    latitude=float(geodesy.geographic_latitude(place[0][i])),
                    longitude=float(place[1][i]),
                    elevation_m=None,
                    phase=name,
                    time=float(EPOCH_OFFSET_S + travel + noise * sigma * generator.normal()),
                )
            )
    return arrivals


def error_km(solution: location.LocationSolution, latitude: float, longitude: float) -> float:
    return float(
        geodesy.ellipsoid_distance_km(latitude, longitude, solution.latitude, solution.longitude)
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(-75.0, 75.0),
    st.floats(-180.0, 180.0),
    st.floats(3.0, 18.0),
)
def test_a_synthetic_event_is_found_again(seed, latitude, longitude, depth):
    arrivals = synthetic_arrivals(seed, latitude=latitude, longitude=longitude, depth_km=depth)
    solution = location.locate(arrivals, TABLE, fixed_depth_km=depth)
    assert solution.converged
    assert error_km(solution, latitude, longitude) < 0.2
    assert solution.time == pytest.approx(EPOCH_OFFSET_S, abs=0.05)
    assert np.all(np.abs(solution.residual) < 0.05)


def test_depth_is_found_when_a_station_is_near():
    arrivals = synthetic_arrivals(3, nearest_deg=0.05, farthest_deg=1.0, depth_km=14.0)
    solution = location.locate(arrivals, TABLE)
    assert solution.depth_type == "from location"
    assert solution.depth_km == pytest.approx(14.0, abs=0.2)
    assert solution.depth_error_km is not None
    assert 0.0 < solution.depth_error_km < 30.0


def test_a_deep_event_far_from_all_stations_is_found_from_a_reported_start():
    arrivals = synthetic_arrivals(
        5, latitude=36.5, longitude=70.9, depth_km=200.0, nearest_deg=0.15, farthest_deg=9.0
    )
    start = [Hypocentre(36.8, 71.2, EPOCH_OFFSET_S + 2.0, 180.0)]
    solution = location.locate(arrivals, TABLE, start)
    assert error_km(solution, 36.5, 70.9) < 1.0
    assert solution.depth_km == pytest.approx(200.0, abs=2.0)


def test_depth_is_assigned_when_nothing_near_resolves_it():
    arrivals = synthetic_arrivals(1, nearest_deg=3.0, farthest_deg=8.0, names=("P",))
    solution = location.locate(arrivals, TABLE)
    assert solution.depth_type == "operator assigned"
    assert solution.depth_km == location.DEFAULT_DEPTH_KM
    assert solution.depth_error_km is None
    assert np.all(solution.covariance[3] == 0.0)


def test_reported_depth_is_held_when_nothing_resolves_depth():
    arrivals = synthetic_arrivals(1, nearest_deg=3.0, farthest_deg=8.0, names=("P",))
    starts = [Hypocentre(43.1, 77.1, EPOCH_OFFSET_S, h) for h in (5.0, 15.0, 30.0)]
    assert location.locate(arrivals, TABLE, starts).depth_km == 15.0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_arrivals_and_starts_changes_nothing(seed, random):
    arrivals = synthetic_arrivals(seed, noise=1.0, stations=6)
    starts = [Hypocentre(43.2, 77.3, 101.0, 5.0), Hypocentre(42.9, 76.8, 99.0, 15.0)]
    expected = location.locate(arrivals, TABLE, starts)
    order = list(range(len(arrivals)))
    random.shuffle(order)
    random.shuffle(starts)
    found = location.locate([arrivals[i] for i in order], TABLE, starts)
    for field in dataclasses.fields(expected):
        one, other = getattr(expected, field.name), getattr(found, field.name)
        if field.name in ("residual", "weight", "used", "distance", "azimuth"):
            assert np.array_equal(one[order], other, equal_nan=True), field.name
        else:
            assert np.array_equal(one, other), field.name


def test_a_gross_error_does_not_define():
    arrivals = synthetic_arrivals(2, noise=0.3)
    arrivals[4] = dataclasses.replace(arrivals[4], time=arrivals[4].time + 60.0)
    solution = location.locate(arrivals, TABLE)
    assert not solution.used[4]
    assert solution.weight[4] == 0.0
    assert solution.residual[4] == pytest.approx(60.0, abs=3.0)
    assert solution.used_phase_count == 19
    assert solution.associated_phase_count == 20
    assert error_km(solution, 43.0, 77.0) < 3.0


def test_readings_of_one_phase_at_one_station_share_its_weight():
    arrivals = synthetic_arrivals(4, noise=1.0)
    once = location.locate(arrivals, TABLE)
    thrice = location.locate(arrivals * 3, TABLE)
    assert error_km(thrice, once.latitude, once.longitude) < 0.05
    assert thrice.semi_major_km == pytest.approx(once.semi_major_km, rel=1e-3)
    assert thrice.used_phase_count == once.used_phase_count
    assert thrice.weight[:20] * 3 == pytest.approx(once.weight, abs=1e-3)


def test_four_phases_on_three_stations_are_the_least_evidence():
    arrivals = synthetic_arrivals(6, stations=3)
    with pytest.raises(LocationError) as few:
        location.locate(arrivals[:3], TABLE)
    assert few.value.code == "too_few_arrivals"
    assert few.value.values["phases"] == 2 + 1
    assert few.value.values["stations"] == 2
    with pytest.raises(LocationError, match="too_few_arrivals"):
        location.locate(arrivals[:4], TABLE)  # two stations
    with pytest.raises(LocationError, match="too_few_arrivals"):
        location.locate([], TABLE)
    assert location.locate(arrivals[:5], TABLE).used_station_count == 3


def test_unknown_phases_are_kept_without_a_residual():
    arrivals = synthetic_arrivals(7)
    arrivals.append(dataclasses.replace(arrivals[0], phase="AML"))
    solution = location.locate(arrivals, TABLE)
    assert np.isnan(solution.residual[-1])
    assert not solution.used[-1]
    assert np.isfinite(solution.distance[-1])


def test_a_depth_outside_the_table_is_refused():
    with pytest.raises(LocationError, match="depth_out_of_range"):
        location.locate(synthetic_arrivals(), TABLE, fixed_depth_km=900.0)


def test_arrivals_that_agree_with_no_place_are_refused():
    generator = np.random.default_rng(1)
    arrivals = [
        dataclasses.replace(a, time=float(generator.uniform(0.0, 50_000.0)))
        for a in synthetic_arrivals(8, stations=4, names=("P",))
    ]
    try:
        solution = location.locate(arrivals, TABLE)
    except LocationError as error:
        assert error.code == "too_few_consistent_arrivals"
    else:
        pytest.fail(f"located with a standard error of {solution.standard_error} s")


def test_stations_at_one_place_do_not_fix_an_epicentre():
    arrivals = [
        dataclasses.replace(a, latitude=43.0, longitude=77.0)
        for a in synthetic_arrivals(9, stations=4, nearest_deg=1.0, farthest_deg=1.001)
    ]
    with pytest.raises(LocationError):
        location.locate(arrivals, TABLE)


def test_a_high_station_records_later():
    arrivals = synthetic_arrivals(10, nearest_deg=0.5)
    low = location.locate(arrivals, TABLE, fixed_depth_km=12.0)
    high = location.locate(
        [dataclasses.replace(a, elevation_m=3000.0) for a in arrivals], TABLE, fixed_depth_km=12.0
    )
    # All stations 3 km up: the event is earlier by about 3 km / 5.8 km/s or less.
    assert -3.0 / 3.46 < high.time - low.time < 0.0


def test_ellipse_is_the_90_percent_coverage_ellipse_of_the_covariance():
    solution = location.locate(synthetic_arrivals(11, noise=1.0), TABLE)
    values = np.linalg.eigvalsh(solution.covariance[1:3, 1:3])
    # F(2, infinity) at 90 % is 2.30, kappa^2 = 4.61; F(1, infinity) 2.71 (project methods 3.4).
    assert solution.semi_major_km**2 == pytest.approx(4.61 * values[1], rel=2e-3)
    assert solution.semi_minor_km**2 == pytest.approx(4.61 * values[0], rel=2e-3)
    assert solution.time_error**2 == pytest.approx(2.71 * solution.covariance[0, 0], rel=2e-3)
    assert solution.confidence_level == 0.90


def test_ellipse_points_where_the_stations_do_not_constrain():
    arrivals = [
        a
        for a in synthetic_arrivals(12, stations=24, noise=0.0, names=("P",), nearest_deg=2.0)
        if abs(a.longitude - 77.0) > 2.0 * abs(a.latitude - 43.0)
    ]
    solution = location.locate(arrivals, TABLE)  # stations east and west only
    assert min(solution.ellipse_azimuth, 180.0 - solution.ellipse_azimuth) < 30.0
    assert solution.semi_major_km > 1.5 * solution.semi_minor_km


def test_ninety_percent_ellipses_hold_about_ninety_percent_of_the_events():
    inside = 0
    count = 80
    for seed in range(count):
        solution = location.locate(
            synthetic_arrivals(seed, noise=1.0), TABLE, [Hypocentre(43.1, 77.1, 101.0)], 12.0
        )
        distance, azimuth = geodesy.distance_azimuth(
            geodesy.geocentric_latitude(solution.latitude), solution.longitude,
            geodesy.geocentric_latitude(43.0), 77.0,
        )  # fmt: skip
        offset = distance * geodesy.KM_PER_DEGREE
        vector = offset * np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
        inside += vector @ np.linalg.solve(solution.covariance[1:3, 1:3], vector) <= 4.61
    # Three standard deviations of a binomial of 0.9 around the expectation.
    assert abs(inside / count - 0.9) < 3.0 * np.sqrt(0.9 * 0.1 / count)


def test_quality_describes_the_stations_used():
    arrivals = synthetic_arrivals(13)
    solution = location.locate(arrivals, TABLE)
    assert solution.used_station_count == solution.associated_station_count == 10
    assert solution.minimum_distance == pytest.approx(solution.distance.min())
    assert solution.maximum_distance == pytest.approx(solution.distance.max())
    gaps = geodesy.azimuthal_gaps(np.unique(solution.azimuth.round(9)))
    assert (solution.azimuthal_gap, solution.secondary_azimuthal_gap) == pytest.approx(gaps)
    assert solution.model == "iasp91"
