"""Synthetic events are found again; evidence, robustness and uncertainty follow the rules."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import geodesy, location, location_problem, phases, travel_times
from processing.core.location import ArrivalObservation, Hypocentre, LocationError

MODEL = "iasp91"
TABLE = travel_times.load(MODEL)
EPOCH_OFFSET_S = 100.0
# Project methods 3.2: sill, and the variogram at some distances.
SILL, NODES_KM = 0.6, (0, 10, 20, 50, 100, 200, 300, 500, 700, 1000)
GAMMA = (0, 0.0629, 0.0953, 0.149, 0.191, 0.236, 0.268, 0.317, 0.346, 0.375)


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
    """Return arrivals the table itself predicts, with noise of the full covariance."""
    generator = np.random.default_rng(seed)
    distance = generator.uniform(nearest_deg, farthest_deg, stations)
    azimuth = np.arange(stations) * 360.0 / stations + generator.uniform(-15.0, 15.0, stations)
    place = geodesy.destination(geodesy.geocentric_latitude(latitude), longitude, azimuth, distance)
    apart, _ = geodesy.distance_azimuth(
        place[0][:, None], place[1][:, None], place[0][None], place[1][None]
    )
    km = apart * geodesy.KM_PER_DEGREE
    left = np.where(km <= 1000.0, SILL - np.interp(km, NODES_KM, GAMMA), 0.0)
    errors = {}
    for name in names:
        sigma = [phases.PHASES[name].sigma_s(float(d)) or np.nan for d in distance]
        values, vectors = np.linalg.eigh(left + np.diag(np.square(sigma)))
        errors[name] = vectors @ (np.sqrt(np.maximum(values, 0)) * generator.normal(size=stations))
    arrivals = []
    for i in range(stations):
        for name in names:
            travel = TABLE.predict(name, distance[i], depth_km).time[0]
            # The locator adds what the figure of the Earth does; so must the truth.
            figure = location.figure_s(
                name, float(distance[i]), depth_km, latitude, float(np.radians(azimuth[i]))
            )
            arrivals.append(
                ArrivalObservation(
                    station=f"ST{i:02d}",
                    latitude=float(geodesy.geographic_latitude(place[0][i])),
                    longitude=float(place[1][i]),
                    elevation_m=None,
                    phase=name,
                    time=float(EPOCH_OFFSET_S + travel + figure + noise * errors[name][i]),
                )
            )
    return arrivals


def locate(arrivals, start=(), fixed_depth_km=None):
    return location.locate(arrivals, MODEL, start, fixed_depth_km)


def error_km(solution: location.LocationSolution, latitude: float, longitude: float) -> float:
    return float(
        geodesy.ellipsoid_distance_km(latitude, longitude, solution.latitude, solution.longitude)
    )


# --- the place ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(-75.0, 75.0),
    st.floats(-180.0, 180.0),
    st.floats(3.0, 18.0),
)
def test_a_synthetic_event_is_found_again(seed, latitude, longitude, depth):
    arrivals = synthetic_arrivals(seed, latitude=latitude, longitude=longitude, depth_km=depth)
    solution = locate(arrivals, fixed_depth_km=depth)
    assert solution.converged
    assert error_km(solution, latitude, longitude) < 0.2
    assert solution.time == pytest.approx(EPOCH_OFFSET_S, abs=0.05)
    assert np.all(np.abs(solution.residual) < 0.05)
    assert solution.depth_code == "A"


def test_a_teleseismic_event_is_found_without_a_start():
    arrivals = synthetic_arrivals(
        3, latitude=-20.0, longitude=-178.0, depth_km=33.0, nearest_deg=20.0, farthest_deg=90.0,
        stations=14, names=("P",),
    )  # fmt: skip
    solution = locate(arrivals, fixed_depth_km=33.0)
    assert error_km(solution, -20.0, -178.0) < 1.0


def test_a_start_far_away_does_not_mislead():
    arrivals = synthetic_arrivals(4, noise=1.0)
    far = locate(arrivals, [Hypocentre(20.0, 20.0, 0.0, 10.0)], 12.0)
    near = locate(arrivals, [Hypocentre(43.0, 77.0, 100.0, 10.0)], 12.0)
    assert error_km(far, near.latitude, near.longitude) < 0.05


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_arrivals_and_starts_changes_nothing(seed, random):
    arrivals = synthetic_arrivals(seed, noise=1.0, stations=6)
    arrivals[3] = dataclasses.replace(arrivals[3], time=arrivals[3].time + 20.0)
    starts = [Hypocentre(43.2, 77.3, 101.0, 5.0), Hypocentre(42.9, 76.8, 99.0, 15.0)]
    expected = locate(arrivals, starts)
    order = list(range(len(arrivals)))
    random.shuffle(order)
    random.shuffle(starts)
    found = locate([arrivals[i] for i in order], starts)
    for field in dataclasses.fields(expected):
        one, other = getattr(expected, field.name), getattr(found, field.name)
        if isinstance(one, np.ndarray) and one.shape == (len(arrivals),):
            assert np.array_equal(one[order], other, equal_nan=True), field.name
        elif field.name in ("phase", "reason"):
            assert tuple(one[i] for i in order) == other
        else:
            assert np.array_equal(one, other), field.name


# --- depth ----------------------------------------------------------------------------------------


def test_depth_is_found_when_a_station_is_near():
    solution = locate(synthetic_arrivals(3, nearest_deg=0.05, farthest_deg=1.0, depth_km=14.0))
    assert (solution.depth_type, solution.depth_code) == ("from location", "F")
    assert solution.depth_km == pytest.approx(14.0, abs=0.2)
    assert solution.depth_error_km is not None
    assert 0.0 < solution.depth_error_km < 30.0


def test_a_deep_event_far_from_all_stations_is_found_from_a_reported_start():
    arrivals = synthetic_arrivals(
        5, latitude=36.5, longitude=70.9, depth_km=200.0, nearest_deg=0.15, farthest_deg=9.0
    )
    solution = locate(arrivals, [Hypocentre(36.8, 71.2, EPOCH_OFFSET_S + 2.0, 180.0)])
    assert error_km(solution, 36.5, 70.9) < 1.0
    assert solution.depth_km == pytest.approx(200.0, abs=2.0)


@pytest.mark.parametrize(
    ("place", "depths", "held", "code"),
    [
        ((50.0, 60.0), (), location.DEFAULT_DEPTH_KM, "D"),
        ((43.0, 78.5), (), 10.2, "G"),  # the ISC's default-depth grid
        ((43.0, 78.5), (33.0,), 33.0, "H"),
        ((43.0, 78.5), (5.0, 15.0, 30.0), 15.0, "M"),
    ],
)
def test_depth_is_held_by_a_named_rule_when_nothing_resolves_it(place, depths, held, code):
    arrivals = synthetic_arrivals(
        1, latitude=place[0], longitude=place[1], nearest_deg=3.0, farthest_deg=8.0, names=("P",)
    )
    starts = [Hypocentre(*place, EPOCH_OFFSET_S, h) for h in depths]
    solution = locate(arrivals, starts)
    assert (solution.depth_type, solution.depth_code) == ("operator assigned", code)
    assert solution.depth_km == held
    assert solution.depth_error_km is None
    assert np.all(solution.covariance[3] == 0.0)


@pytest.mark.parametrize("paired", [True, False])
def test_depth_phases_free_the_depth_where_the_first_p_of_their_stations_is_read_too(paired):
    arrivals = synthetic_arrivals(
        4, nearest_deg=40.0, farthest_deg=70.0, depth_km=30.0, names=("P", "pP")
    )
    read = {a.station for a in arrivals[:8]}  # four stations
    kept = [
        a
        for a in arrivals
        if (a.phase == "P" and (paired or a.station not in read))
        or (a.phase == "pP" and a.station in read)
    ]
    solution = locate(kept, [Hypocentre(43.0, 77.0, EPOCH_OFFSET_S, 33.0)])
    assert solution.depth_phase_count == 4
    assert solution.depth_code == ("F" if paired else "H")
    if paired:
        assert solution.depth_km == pytest.approx(30.0, abs=0.5)


def test_a_source_pressed_out_of_the_ground_stays_at_the_surface():
    arrivals = synthetic_arrivals(6, nearest_deg=0.05, farthest_deg=1.5, depth_km=0.0)
    # Near stations read early by what a source above the ground would give.
    arrivals = [
        dataclasses.replace(a, time=a.time - 0.5 * np.exp(-i / 6)) for i, a in enumerate(arrivals)
    ]
    solution = locate(arrivals)
    if solution.depth_code == "B":
        assert solution.depth_km == 0.0
    assert solution.depth_km >= 0.0


def test_a_man_made_source_is_held_at_the_surface():
    solution = locate(synthetic_arrivals(7, depth_km=0.0), fixed_depth_km=0.0)
    assert (solution.depth_km, solution.depth_code) == (0.0, "S")


def test_a_depth_outside_the_table_is_refused():
    for depth in (900.0, -1.0):
        with pytest.raises(LocationError, match="depth_out_of_range"):
            locate(synthetic_arrivals(), fixed_depth_km=depth)


# --- doubtful readings ----------------------------------------------------------------------------


def test_a_gross_error_does_not_define_and_says_so():
    arrivals = synthetic_arrivals(2, noise=0.3)
    arrivals[4] = dataclasses.replace(arrivals[4], time=arrivals[4].time + 60.0)
    solution = locate(arrivals)
    assert not solution.used[4]
    assert solution.weight[4] == 0.0
    assert solution.reason[4] == "outlier"
    assert solution.residual[4] == pytest.approx(60.0, abs=3.0)
    assert solution.deviation[4] > 20.0
    assert solution.used_phase_count == 19
    assert solution.associated_phase_count == 20
    assert error_km(solution, 43.0, 77.0) < 3.0


def test_a_reading_a_day_off_is_an_outlier():
    arrivals = synthetic_arrivals(2)
    arrivals[7] = dataclasses.replace(arrivals[7], time=arrivals[7].time + 86_400.0)
    solution = locate(arrivals)
    assert solution.reason[7] == "outlier"
    assert error_km(solution, 43.0, 77.0) < 0.5


@pytest.mark.parametrize("wrong", [(0, 3), (2, 9), (5, 6), (1, 11)])
def test_two_wrong_of_twelve_are_named(wrong):
    arrivals = synthetic_arrivals(21, noise=1.0, stations=6)
    for i, late in zip(wrong, (-14.0, -23.0), strict=True):  # earlier than any other phase
        arrivals[i] = dataclasses.replace(arrivals[i], time=arrivals[i].time + late)
    solution = locate(arrivals)
    assert {i for i in range(12) if solution.reason[i] == "outlier"} == set(wrong)


def test_the_same_reading_three_times_counts_once():
    arrivals = synthetic_arrivals(4, noise=1.0)
    once = locate(arrivals)
    thrice = locate(arrivals * 3)
    assert error_km(thrice, once.latitude, once.longitude) < 0.1
    assert thrice.semi_major_km == pytest.approx(once.semi_major_km, rel=0.01)
    assert thrice.used_phase_count == once.used_phase_count
    assert thrice.weight[:20] * 3 == pytest.approx(once.weight)


def test_of_two_readings_of_one_phase_the_one_that_fits_is_used():
    arrivals = synthetic_arrivals(4)
    arrivals.append(dataclasses.replace(arrivals[6], time=arrivals[6].time + 4.0))
    solution = locate(arrivals)
    assert solution.used[6] and not solution.used[-1]
    assert solution.reason[-1] == "outlier"
    assert error_km(solution, 43.0, 77.0) < 0.3


def test_a_station_with_a_wrong_clock_gives_its_s_minus_p():
    arrivals = synthetic_arrivals(8, noise=0.3)
    for i in (6, 7):
        arrivals[i] = dataclasses.replace(arrivals[i], time=arrivals[i].time + 3600.0)
    solution = locate(arrivals)
    assert solution.reason[6] == solution.reason[7] == "clock"
    assert solution.used[6] and solution.used[7]
    assert error_km(solution, 43.0, 77.0) < 3.0
    told = [dataclasses.replace(a, doubtful_clock=a.station == "ST03") for a in arrivals]
    again = locate(told)
    assert error_km(again, solution.latitude, solution.longitude) < 0.05


def test_a_head_wave_read_under_the_name_of_the_direct_one_is_renamed():
    arrivals = synthetic_arrivals(9, nearest_deg=0.2, farthest_deg=1.0, depth_km=10.0, stations=9)
    far = synthetic_arrivals(10, nearest_deg=3.0, farthest_deg=3.2, stations=1, names=("Pn",))
    arrivals.append(dataclasses.replace(far[0], station="FAR", phase="Pg"))
    solution = locate(arrivals, fixed_depth_km=12.0)
    assert (solution.phase[-1], solution.reason[-1]) == ("Pn", "renamed")
    assert solution.used[-1]


def test_a_reading_switched_off_is_compared_and_not_used():
    arrivals = synthetic_arrivals(11, noise=1.0)
    arrivals[2] = dataclasses.replace(arrivals[2], off=True)
    solution = locate(arrivals)
    assert solution.reason[2] == "off" and not solution.used[2]
    assert np.isfinite(solution.residual[2])


def test_a_station_correction_is_taken_off_the_reading():
    arrivals = synthetic_arrivals(12)
    late = [dataclasses.replace(a, time=a.time + 1.5, correction_s=1.5) for a in arrivals]
    one, other = locate(arrivals), locate(late)
    assert error_km(one, other.latitude, other.longitude) < 1e-6
    assert one.residual == pytest.approx(other.residual)


def test_unknown_phases_are_kept_without_a_residual():
    arrivals = synthetic_arrivals(7)
    arrivals.append(dataclasses.replace(arrivals[0], phase="AML"))
    solution = locate(arrivals)
    assert np.isnan(solution.residual[-1])
    assert not solution.used[-1]
    assert (solution.reason[-1], solution.phase[-1]) == ("no-rule", "AML")
    assert np.isfinite(solution.distance[-1])


# --- too little -----------------------------------------------------------------------------------


def test_four_phases_on_three_stations_are_the_least_evidence():
    arrivals = synthetic_arrivals(6, stations=3)
    with pytest.raises(LocationError) as few:
        locate(arrivals[:3])
    assert few.value.code == "too_few_arrivals"
    assert few.value.values["phases"] == 2 + 1
    assert few.value.values["stations"] == 2
    with pytest.raises(LocationError, match="too_few_arrivals"):
        locate(arrivals[:4])  # two stations
    with pytest.raises(LocationError, match="too_few_arrivals"):
        locate([])
    solution = locate(arrivals[:5])
    assert solution.used_station_count == 3


def test_p_and_s_of_one_station_give_a_distance_and_no_place():
    with pytest.raises(LocationError, match="too_few_arrivals"):
        locate(synthetic_arrivals(6, stations=1))


def test_one_array_locates_with_a_large_error():
    distance, azimuth = 3.0, 40.0
    station = (43.1034, 70.5115)
    place = geodesy.destination(
        float(geodesy.geocentric_latitude(station[0])), station[1], azimuth, distance
    )
    travel = {n: TABLE.predict(n, distance, 10.0) for n in ("Pn", "Sn")}
    arrivals = [
        ArrivalObservation(
            "KKAR", *station, 0.0, name, float(100.0 + found.time[0]),
            backazimuth=azimuth, slowness=float(found.dt_ddelta[0]),
        )
        for name, found in travel.items()
    ]  # fmt: skip
    solution = locate(arrivals)
    truth = float(geodesy.geographic_latitude(place[0])), float(place[1])
    assert error_km(solution, *truth) < 15.0
    # 15 degrees of back-azimuth at 3 degrees are 87 km, at 90 % 1.6 to 2.2 times that.
    assert 100.0 < solution.semi_major_km < 250.0
    assert solution.backazimuth_used.any()
    assert "poorly-constrained" in solution.warnings
    # The slowness of Pn is the same at every distance: the direction is known and little else.
    only_p = locate(arrivals[:1])
    assert only_p.semi_major_km > 1000.0
    assert abs(only_p.ellipse_azimuth - azimuth) < 10.0
    assert error_km(only_p, *truth) < only_p.semi_major_km
    assert "poorly-constrained" in only_p.warnings


def test_stations_on_a_line_leave_two_places_and_say_so():
    # North-south line through the event's meridian + 1 degree: the mirror image fits as well.
    distance = np.array([0.6, 1.0, 1.6, 2.2, 2.9])
    latitude = np.array([41.5, 42.3, 43.4, 44.4, 45.3])
    event = (float(geodesy.geocentric_latitude(43.0)), 77.0)
    arrivals = []
    for i, lat in enumerate(latitude):
        there = float(geodesy.geocentric_latitude(lat)), 78.5
        distance, _ = geodesy.distance_azimuth(*event, *there)
        for name in ("P", "S"):
            travel = TABLE.predict(name, float(distance), 12.0).time[0]
            arrivals.append(
                ArrivalObservation(f"L{i}", float(lat), 78.5, None, name, float(100.0 + travel))
            )
    solution = locate(arrivals, fixed_depth_km=12.0)
    places = [(solution.latitude, solution.longitude)] + [
        (a.hypocentre.latitude, a.hypocentre.longitude) for a in solution.alternatives
    ]
    assert "other-minimum" in solution.warnings
    assert min(float(geodesy.ellipsoid_distance_km(43.0, 77.0, *p)) for p in places) < 5.0


def test_arrivals_that_agree_with_no_place_are_refused():
    generator = np.random.default_rng(1)
    arrivals = [
        dataclasses.replace(a, time=float(generator.uniform(0.0, 50_000.0)))
        for a in synthetic_arrivals(8, stations=4, names=("P",))
    ]
    try:
        solution = locate(arrivals)
    except LocationError as error:
        assert error.code in ("too_few_consistent_arrivals", "singular")
    else:
        pytest.fail(f"located with a standard error of {solution.standard_error} s")


def test_stations_at_one_place_do_not_fix_an_epicentre():
    arrivals = [
        dataclasses.replace(a, latitude=43.0, longitude=77.0)
        for a in synthetic_arrivals(9, stations=4, nearest_deg=1.0, farthest_deg=1.001)
    ]
    with pytest.raises(LocationError):
        locate(arrivals)


@pytest.mark.parametrize("field", ["time", "latitude", "longitude"])
def test_what_is_no_number_is_refused(field):
    arrivals = synthetic_arrivals(1)
    arrivals[3] = dataclasses.replace(arrivals[3], **{field: float("nan")})
    with pytest.raises(LocationError, match="not_finite") as wrong:
        locate(arrivals)
    assert wrong.value.values["arrival"] == 3


# --- uncertainty and quality ----------------------------------------------------------------------


def test_a_high_station_records_later():
    arrivals = synthetic_arrivals(10, nearest_deg=0.5)
    low = locate(arrivals, fixed_depth_km=12.0)
    high = locate(
        [dataclasses.replace(a, elevation_m=3000.0) for a in arrivals], fixed_depth_km=12.0
    )
    # All stations 3 km up: the event is earlier by about 3 km / 5.8 km/s or less.
    assert -3.0 / 3.46 < high.time - low.time < 0.0


def test_ellipse_is_the_90_percent_coverage_ellipse_of_the_covariance():
    solution = locate(synthetic_arrivals(11, noise=1.0))
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
    solution = locate(arrivals)  # stations east and west only
    assert min(solution.ellipse_azimuth, 180.0 - solution.ellipse_azimuth) < 30.0
    assert solution.semi_major_km > 1.5 * solution.semi_minor_km


def test_a_dense_cluster_of_stations_is_not_worth_its_number():
    far = synthetic_arrivals(14, stations=5, nearest_deg=2.0, names=("P",))
    one = synthetic_arrivals(15, stations=1, nearest_deg=1.0, farthest_deg=1.01, names=("P",))[0]
    # The elements of an array, a hundred metres apart.
    elements = [
        dataclasses.replace(one, station=f"A{i}", longitude=one.longitude + 0.001 * i)
        for i in range(6)
    ]
    alone = locate([*far, elements[0]], fixed_depth_km=12.0)
    cluster = locate([*far, *elements], fixed_depth_km=12.0)
    # Independent elements would shrink its error to 0.41, the path they share leaves 0.75.
    assert 0.65 < cluster.semi_major_km / alone.semi_major_km < 1.0
    assert cluster.effective_data < 9.0


def test_ninety_percent_ellipses_hold_about_ninety_percent_of_the_events():
    inside = 0
    count = 80
    for seed in range(count):
        solution = locate(
            synthetic_arrivals(seed, noise=1.0), [Hypocentre(43.1, 77.1, 101.0)], 12.0
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


def test_errors_grow_when_the_residuals_say_so():
    arrivals = synthetic_arrivals(16, noise=5.0, stations=14)
    calm = locate(synthetic_arrivals(16, noise=1.0, stations=14))
    wild = locate(arrivals)
    assert calm.error_scale == 1.0
    assert wild.error_scale > 1.5
    assert wild.semi_major_km > 1.5 * calm.semi_major_km


def test_uniformity_is_0_all_around_and_1_in_one_direction():
    assert location.uniformity(np.arange(12) * 30.0) == pytest.approx(0.0, abs=1e-12)
    assert location.uniformity(np.full(50, 77.0)) == pytest.approx(1.0, abs=0.03)


def test_an_event_amid_near_stations_is_a_ground_truth_candidate():
    near = synthetic_arrivals(17, stations=12, nearest_deg=0.05, farthest_deg=1.0)
    assert locate(near).gt5_candidate
    half = [a for a in near if a.latitude > 43.0]
    assert not locate(half).gt5_candidate


def test_quality_describes_the_stations_used():
    arrivals = synthetic_arrivals(13)
    solution = locate(arrivals)
    assert solution.used_station_count == solution.associated_station_count == 10
    assert solution.minimum_distance == pytest.approx(solution.distance.min())
    assert solution.maximum_distance == pytest.approx(solution.distance.max())
    gaps = geodesy.azimuthal_gaps(np.unique(solution.azimuth.round(9)))
    assert (solution.azimuthal_gap, solution.secondary_azimuthal_gap) == pytest.approx(gaps)
    assert solution.model == "iasp91"


def continent() -> tuple[list[ArrivalObservation], float, float]:
    """Return readings without error of P at 200 stations 2 deg apart, 40 deg away, and the place.

    So many pairs just below and just above 1,000 km make the variogram's matrix no covariance.
    """
    latitude, longitude = 10.0, 77.0
    arrivals = []
    for i in range(200):
        there = 45.0 + 2.0 * (i // 20), 60.0 + 2.5 * (i % 20)
        distance, azimuth = geodesy.distance_azimuth(
            float(geodesy.geocentric_latitude(latitude)), longitude,
            float(geodesy.geocentric_latitude(there[0])), there[1],
        )  # fmt: skip
        travel = TABLE.predict("P", float(distance), 10.0).time[0]
        travel += location.figure_s(
            "P", float(distance), 10.0, latitude, float(np.radians(azimuth))
        )
        arrivals.append(
            ArrivalObservation(f"C{i:03d}", *there, None, "P", EPOCH_OFFSET_S + float(travel))
        )
    return arrivals, latitude, longitude


def test_a_continent_of_stations_has_a_covariance():
    arrivals, latitude, longitude = continent()
    shared = location_problem.prepare(arrivals).shared
    values = np.linalg.eigvalsh(shared)
    assert values[0] > -1e-9
    assert np.diag(shared) == pytest.approx(SILL)
    start = [Hypocentre(latitude + 0.3, longitude, EPOCH_OFFSET_S, 10.0)]
    solution = location.locate(arrivals, MODEL, start, 10.0)
    assert solution.used.all()
    assert solution.latitude == pytest.approx(latitude, abs=0.005)
    assert solution.longitude == pytest.approx(longitude, abs=0.005)
    # The common error of so wide a network does not average out: no error of metres.
    assert solution.semi_minor_km > 2.0


def test_each_two_stations_share_what_the_variogram_leaves():
    arrivals = synthetic_arrivals(stations=30, nearest_deg=0.1, farthest_deg=9.0)
    problem = location_problem.prepare(arrivals)
    where = {a.station: (geodesy.geocentric_latitude(a.latitude), a.longitude) for a in arrivals}
    latitude, longitude = np.array(
        [where[s] for s in dict.fromkeys(a.station for a in problem.rows)]
    ).T
    distance, _ = geodesy.distance_azimuth(
        latitude[:, None], longitude[:, None], latitude, longitude
    )
    km = distance * geodesy.KM_PER_DEGREE
    left = np.where(km <= 1000.0, SILL - np.interp(km, NODES_KM, GAMMA), 0.0)
    assert problem.shared == pytest.approx(left, abs=1e-9)


def test_the_stations_of_the_example_share_what_the_variogram_says():
    arrivals = synthetic_arrivals(stations=40, nearest_deg=0.1, farthest_deg=9.0)
    shared = location_problem.prepare(arrivals).shared
    km = np.array([0.0, 100.0, 1000.0])
    off_diagonal = shared[~np.eye(shared.shape[0], dtype=bool)]
    assert shared[0, 0] == SILL
    assert off_diagonal.max() < SILL
    # Untouched values are either 0 or at least what is left at 1,000 km.
    assert np.all(
        (off_diagonal == 0.0) | (off_diagonal >= SILL - np.interp(km, NODES_KM, GAMMA)[2])
    )
