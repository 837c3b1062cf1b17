"""A reading is proposed to the event that made it and, but by chance, to no other."""

from __future__ import annotations

import time as clock
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import geodesy, phases, pick_association
from processing.core.pick_association import (
    ALONE,
    CONSISTENT,
    CONTRADICTED,
    Candidates,
    Fits,
    Onsets,
    RuleSet,
    Stations,
    propose,
    repeated,
    trial_phases,
)
from processing.core.travel_times import load

RULES = RuleSet()
DAY = 86_400.0


def stations(count: int = 8, seed: int = 1) -> Stations:
    """Places around the northern Tien Shan."""
    rng = np.random.default_rng(seed)
    return Stations(
        latitude=rng.uniform(41.5, 45.0, count),
        longitude=rng.uniform(73.0, 80.0, count),
        elevation_m=rng.uniform(500.0, 3000.0, count),
    )


def events(count: int, span_s: float, seed: int = 2, **errors: float) -> Candidates:
    rng = np.random.default_rng(seed)
    told = {"time_sigma_s": 0.5, "horizontal_sigma_km": 5.0, "depth_sigma_km": 5.0} | errors
    return Candidates(
        latitude=rng.uniform(41.5, 45.0, count),
        longitude=rng.uniform(73.0, 80.0, count),
        depth_km=rng.uniform(0.0, 30.0, count),
        time=np.sort(rng.uniform(0.0, span_s, count)),
        **{name: np.full(count, value) for name, value in told.items()},
    )


def onsets(*rows: tuple[int, float, str], uncertainty: float = np.nan) -> Onsets:
    return Onsets(
        station=np.array([r[0] for r in rows], dtype=np.int64),
        time=np.array([r[1] for r in rows], dtype=np.float64),
        time_uncertainty=np.full(len(rows), uncertainty),
        hint=[r[2] for r in rows],
    )


def arrival(places: Stations, catalogue: Candidates, station: int, event: int, phase: str) -> float:
    """When a phase of an event comes to a station [s]; the elevation of the station counts."""
    distance, _ = geodesy.distance_azimuth(
        geodesy.geocentric_latitude(catalogue.latitude[event]),
        catalogue.longitude[event],
        geodesy.geocentric_latitude(places.latitude[station]),
        places.longitude[station],
    )
    found = load().predict(phase, distance, catalogue.depth_km[event])
    velocity = 3.46 if phase.startswith("S") else 5.8
    slowness = found.dt_ddelta[0] / geodesy.KM_PER_DEGREE
    leg = places.elevation_m[station] / 1000.0 * np.sqrt(max(velocity**-2 - slowness**2, 0.0))
    return float(catalogue.time[event] + found.time[0] + leg)


def said(fits: Fits) -> list[tuple[int, int, str, int, bool]]:
    return [
        (int(p), int(e), phase, int(rank), bool(clear))
        for p, e, phase, rank, clear in zip(
            fits.pick, fits.event, fits.phase, fits.rank, fits.clear, strict=True
        )
    ]


def test_the_readings_of_an_event_are_proposed_to_it_and_only_to_it():
    places, catalogue = stations(), events(20, 20 * 3600.0)
    rng = np.random.default_rng(3)
    rows, truth = [], []
    for event in range(20):
        for station in range(8):
            for phase, sigma in (("P", 0.8), ("S", 1.5)):
                moment = arrival(places, catalogue, station, event, phase)
                rows.append((station, moment + float(np.clip(rng.normal(0, sigma), -2, 2)), phase))
                truth.append(event)
    fits = propose(places, onsets(*rows), catalogue, "iasp91")
    assert sorted(fits.pick.tolist()) == list(range(len(rows)))
    assert [truth[p] for p in fits.pick] == fits.event.tolist()
    assert (fits.companion == CONSISTENT).all()
    assert np.mean(fits.clear) > 0.9


@pytest.mark.parametrize("phase", ["P", "S", "Pg", "Sg", "Pn", "Sn"])
def test_a_reading_at_its_predicted_time_has_no_residual(phase):
    places = Stations(np.array([43.0]), np.array([77.0]), np.array([1000.0]))
    catalogue = replace(
        events(1, 1.0), latitude=np.array([44.0]), longitude=np.array([79.5]),
        depth_km=np.array([10.0]),
    )  # fmt: skip
    fits = propose(
        places, onsets((0, arrival(places, catalogue, 0, 0, phase), phase)), catalogue, "iasp91"
    )
    assert fits.phase == (phase,)
    assert fits.residual[0] == pytest.approx(0.0, abs=1e-6)
    assert fits.clear[0] and fits.rank[0] == 1


def test_the_expected_error_is_the_sum_of_what_is_not_known():
    places = Stations(np.array([43.0]), np.array([77.0]), np.array([np.nan]))
    catalogue = replace(
        events(1, 1.0), latitude=np.array([43.0]), longitude=np.array([78.0]),
        depth_km=np.array([10.0]), time=np.array([0.0]),
    )  # fmt: skip
    found = load().predict(
        "P",
        geodesy.distance_azimuth(
            geodesy.geocentric_latitude(43.0), 78.0, geodesy.geocentric_latitude(43.0), 77.0
        )[0],
        10.0,
    )
    fits = propose(places, onsets((0, float(found.time[0]), "P"), uncertainty=0.3),
                   catalogue, "iasp91")  # fmt: skip
    slowness = found.dt_ddelta[0] / geodesy.KM_PER_DEGREE
    expected = 0.8**2 + 0.3**2 + 0.5**2 + (5 * slowness) ** 2 + (5 * found.dt_dh[0]) ** 2
    assert fits.sigma[0] == pytest.approx(np.sqrt(expected), rel=1e-9)


def test_an_origin_without_errors_has_those_of_the_rules():
    places = stations(1)
    nothing = dict.fromkeys(("time_sigma_s", "horizontal_sigma_km", "depth_sigma_km"), np.nan)
    stated = {
        "time_sigma_s": RULES.time_sigma_s, "horizontal_sigma_km": RULES.horizontal_sigma_km,
        "depth_sigma_km": RULES.depth_sigma_km,
    }  # fmt: skip
    row = (0, arrival(places, events(1, 1.0), 0, 0, "P"), "P")
    one = propose(places, onsets(row), events(1, 1.0, **nothing), "iasp91")
    other = propose(places, onsets(row), events(1, 1.0, **stated), "iasp91")
    assert one.sigma.tolist() == other.sigma.tolist()


def test_a_reading_without_a_phase_is_tried_as_p_and_as_s():
    places, catalogue = stations(1), events(1, 1.0)
    for phase in ("P", "S"):
        row = (0, arrival(places, catalogue, 0, 0, phase), "")
        assert propose(places, onsets(row), catalogue, "iasp91").phase == (phase,)


def test_an_s_is_not_taken_for_a_p_when_the_station_names_it():
    places, catalogue = stations(1), events(1, 1.0)
    row = (0, arrival(places, catalogue, 0, 0, "P"), "S")
    assert propose(places, onsets(row), catalogue, "iasp91").pick.size == 0


@pytest.mark.parametrize("hint", ["Rg", "LR", "Pdiff", "T"])
def test_a_phase_that_locates_nothing_is_tried_as_nothing(hint):
    assert trial_phases(hint) == ()


def test_every_phase_with_an_a_priori_error_is_tried_as_itself():
    for name, phase in phases.PHASES.items():
        if phase.bands and phase.table_phase:
            assert trial_phases(name)[0] == name


def test_p_and_s_of_two_events_contradict_each_other():
    places, catalogue = stations(1), events(2, 10.0, seed=4)
    catalogue = replace(catalogue, time=np.array([0.0, 2000.0]))
    p = arrival(places, catalogue, 0, 0, "P")
    s = arrival(places, catalogue, 0, 0, "S")
    fits = propose(places, onsets((0, p, "P"), (0, s + 25.0, "S")), catalogue, "iasp91")
    assert said(fits) == [(0, 0, "P", 1, False)]
    assert fits.companion.tolist() == [CONTRADICTED]
    fits = propose(places, onsets((0, p, "P"), (0, s, "S")), catalogue, "iasp91")
    assert fits.companion.tolist() == [CONSISTENT, CONSISTENT]


def test_s_minus_p_is_a_sharper_test_than_either_alone():
    # The origin time is poorly known: both fit, but not as P and S of one event.
    places, catalogue = stations(1), events(1, 1.0, time_sigma_s=4.0)
    p = arrival(places, catalogue, 0, 0, "P")
    s = arrival(places, catalogue, 0, 0, "S")
    fits = propose(places, onsets((0, p + 6.0, "P"), (0, s - 6.0, "S")), catalogue, "iasp91")
    assert fits.pick.tolist() == [0, 1]
    assert fits.companion.tolist() == [CONTRADICTED, CONTRADICTED]
    both_late = propose(places, onsets((0, p + 6.0, "P"), (0, s + 6.0, "S")), catalogue, "iasp91")
    assert both_late.companion.tolist() == [CONSISTENT, CONSISTENT]


def test_readings_of_two_events_at_once_each_find_their_own():
    places, catalogue = stations(1), events(2, 1.0, seed=7)
    catalogue = replace(
        catalogue, time=np.array([0.0, 12.0]), latitude=np.array([43.0, 43.0]),
        longitude=np.array([77.0, 77.0]), depth_km=np.array([10.0, 10.0]),
    )  # fmt: skip
    rows = [
        (0, arrival(places, catalogue, 0, event, phase), phase)
        for phase in ("P", "S")
        for event in (0, 1)
    ]
    fits = propose(places, onsets(*rows), catalogue, "iasp91")
    assert fits.event[fits.rank == 1].tolist() == [0, 1, 0, 1]
    assert (fits.companion[fits.rank == 1] == CONSISTENT).all()


def test_several_events_that_fit_are_alternatives_and_none_is_clear():
    places = stations(1)
    catalogue = events(2, 1.0, seed=7)
    catalogue = replace(
        catalogue, time=np.array([0.0, 1.5]), latitude=np.array([43.0, 43.0]),
        longitude=np.array([77.0, 77.0]), depth_km=np.array([10.0, 10.0]),
    )  # fmt: skip
    row = (0, arrival(places, catalogue, 0, 1, "P") + 0.1, "P")
    assert said(propose(places, onsets(row), catalogue, "iasp91")) == [
        (0, 1, "P", 1, False),
        (0, 0, "P", 2, False),
    ]


def test_two_readings_for_one_place_are_not_clear():
    places, catalogue = stations(1), events(1, 1.0)
    p = arrival(places, catalogue, 0, 0, "P")
    fits = propose(places, onsets((0, p, "P"), (0, p + 0.6, "P")), catalogue, "iasp91")
    assert fits.pick.tolist() == [0, 1]
    assert not fits.clear.any()


def test_an_origin_good_to_the_minute_takes_no_readings():
    places, catalogue = stations(1), events(1, 1.0, time_sigma_s=30.0)
    row = (0, arrival(places, catalogue, 0, 0, "P"), "P")
    assert propose(places, onsets(row), catalogue, "iasp91").pick.size == 0


def test_nothing_is_proposed_beyond_the_regional_distance():
    places = Stations(np.array([43.0, 43.0]), np.array([77.0, 36.0]), np.zeros(2))
    catalogue = replace(events(1, 1.0), latitude=np.array([43.0]), longitude=np.array([77.2]))
    rows = [(i, arrival(places, catalogue, i, 0, "P"), "P") for i in (0, 1)]
    assert propose(places, onsets(*rows), catalogue, "iasp91").pick.tolist() == [0]


def test_without_readings_or_events_nothing_fits():
    places, catalogue = stations(), events(3, 100.0)
    assert propose(places, onsets(), catalogue, "iasp91").pick.size == 0
    row = (0, arrival(places, catalogue, 0, 0, "P"), "P")
    assert propose(places, onsets(row), events(0, 1.0), "iasp91").pick.size == 0


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    places, catalogue = stations(), events(12, 1800.0)
    rows = [
        (
            station,
            arrival(places, catalogue, station, event, phase) + float(rng.normal(0, 2)),
            ("", phase)[int(rng.integers(2))],
        )
        for event in range(12)
        for station in rng.permutation(8)[:3].tolist()
        for phase in ("P", "S")
    ]
    plain = propose(places, onsets(*rows), catalogue, "iasp91")
    order, turned = rng.permutation(len(rows)), rng.permutation(12)
    other = propose(
        places,
        onsets(*[rows[i] for i in order]),
        Candidates(*(getattr(catalogue, n)[turned] for n in catalogue.__dataclass_fields__)),
        "iasp91",
    )
    told = {(int(order[p]), int(turned[e]), *more) for p, e, *more in said(other)}
    assert told == set(said(plain))


def test_random_readings_fit_no_oftener_than_chance(capsys):
    """The windows of all events, laid over the time, bound how often a random time hits one."""
    places, catalogue, span = stations(), events(300, 30 * DAY), 30 * DAY
    rng = np.random.default_rng(5)
    count = 40_000
    rows = [
        (int(rng.integers(8)), float(rng.uniform(0, span)), ("P", "S")[int(rng.integers(2))])
        for _ in range(count)
    ]
    fits = propose(places, onsets(*rows), catalogue, "iasp91")
    rate = np.unique(fits.pick).size / count
    widest = 2 * RULES.fit_sigmas * np.sqrt(1.8**2 + 0.5**2 + (5 / 3.0) ** 2 + (5 / 3.0) ** 2)
    bound = 300 * widest / span
    with capsys.disabled():
        print(f"\nrandom readings that fit an event: {rate:.4%} (bound {bound:.4%})")
    # Three standard deviations of a count of so many trials above the bound.
    assert rate <= bound + 3 * np.sqrt(bound / count)
    # Nor is it nothing: the windows are what they should be.
    assert rate > 0.2 * bound


def test_a_month_of_a_network_takes_seconds():
    places = stations(50)
    catalogue, span = events(5000, 30 * DAY), 30 * DAY
    rng = np.random.default_rng(6)
    count = 20_000
    picks = Onsets(
        station=rng.integers(0, 50, count),
        time=rng.uniform(0, span, count),
        time_uncertainty=np.full(count, np.nan),
        hint=["P", "S", "", "Pg"] * (count // 4),
    )
    load()
    begun = clock.process_time()
    fits = propose(places, picks, catalogue, "iasp91")
    assert clock.process_time() - begun < 5.0  # 0.1 s on an idle machine
    assert fits.pick.size > 0


def test_the_same_reading_twice_is_known():
    station = np.array([1, 1, 1, 2, 1, 1])
    time = np.array([10.0, 10.05, 10.2, 10.0, 10.0, 10.08])
    family = ["P", "P", "P", "P", "S", "P"]
    assert repeated(station, family, time, 0.1).tolist() == [-1, 0, -1, -1, -1, 0]


def test_a_chain_of_near_readings_is_not_drawn_together():
    found = repeated(np.zeros(4, dtype=np.int64), ["P"] * 4, np.array([0.0, 0.09, 0.18, 0.27]), 0.1)
    assert found.tolist() == [-1, 0, -1, 2]


def test_an_s_at_the_limit_arrives_within_the_window():
    travel = load().predict(["P", "S"], RULES.maximum_distance_deg, 0.0).time
    assert travel[1] < pick_association.LONGEST_TRAVEL_S
    assert travel[1] - travel[0] < pick_association.PAIR_WINDOW_S
    assert {ALONE, CONSISTENT, CONTRADICTED} == {0, 1, 2}
