"""Network magnitudes: medians of stations, outliers, and when there is none."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core.magnitude import (
    ILOC_RULE,
    KR_RULE,
    NetworkRule,
    StationValue,
    network_magnitude,
    rule_for,
)


def stations(*values: float) -> list[StationValue]:
    return [StationValue(f"ST{i:02d}", value) for i, value in enumerate(values)]


def test_network_value_is_the_median_and_its_scaled_median_deviation():
    found = network_magnitude(stations(4.0, 4.2, 4.3, 4.5, 5.0), ILOC_RULE)
    assert found.value == pytest.approx(4.3)
    assert found.uncertainty == pytest.approx(1.4826 * 0.2)
    assert found.station_count == 5
    assert found.used == (True,) * 5


def test_the_outer_fifth_does_not_widen_the_spread():
    # Ten stations: one is left out at each end, as iLoc does.
    found = network_magnitude(stations(1.0, *[4.0 + 0.1 * i for i in range(8)], 9.0), ILOC_RULE)
    assert found.value == pytest.approx(4.35)
    assert found.uncertainty == pytest.approx(1.4826 * 0.2)


def test_energy_classes_off_the_median_by_more_than_one_and_a_half_are_dropped():
    found = network_magnitude(stations(10.0, 10.2, 10.4, 11.7, 12.0), KR_RULE)
    assert found.used == (True, True, True, True, False)
    assert found.value == pytest.approx(10.3)
    assert found.station_count == 4


def test_exactly_one_and_a_half_stays():
    found = network_magnitude(stations(10.1, 10.1, 11.6), KR_RULE)
    assert found.used == (True, True, True)


def test_a_station_counts_once():
    values = [StationValue("AAA", v) for v in (4.0, 4.2, 9.0)] + stations(4.1, 4.5)
    found = network_magnitude(values, ILOC_RULE)
    assert found.station_count == 3
    assert found.value == pytest.approx(4.2)


@pytest.mark.parametrize("values", [(), (4.0,), (4.0, 4.1)])
def test_fewer_than_three_stations_make_no_value(values):
    found = network_magnitude(stations(*values), ILOC_RULE)
    assert (found.value, found.uncertainty) == (None, None)
    assert found.reason == "too_few_stations"
    assert found.station_count == len(values)


def test_three_stations_of_which_one_is_dropped_are_too_few():
    found = network_magnitude(stations(9.0, 9.2, 13.0), KR_RULE)
    assert found.reason == "too_few_stations"
    assert found.used == (True, True, False)


def test_outliers_by_median_deviation():
    rule = NetworkRule("three-mads", maximum_mads=3.0)
    found = network_magnitude(stations(4.0, 4.1, 4.2, 4.3, 4.4, 6.0), rule)
    assert found.used[-1] is False
    same = network_magnitude(stations(4.0, 4.0, 4.0, 4.1), rule)
    assert same.used == (True,) * 4  # no spread, no outliers


def test_kr_has_its_own_rule():
    assert rule_for("KR") is KR_RULE
    assert rule_for("mb") is ILOC_RULE


magnitudes = st.lists(
    st.tuples(st.sampled_from("ABCDEFG"), st.floats(-1.0, 15.0)), min_size=1, max_size=20
)


@given(magnitudes, st.randoms(use_true_random=False))
def test_order_changes_nothing_and_the_value_lies_among_the_stations(pairs, random):
    values = [StationValue(name, value) for name, value in pairs]
    found = network_magnitude(values, ILOC_RULE)
    random.shuffle(values)
    again = network_magnitude(values, ILOC_RULE)
    assert (again.value, again.uncertainty) == (found.value, found.uncertainty)
    if found.value is not None:
        medians = [
            statistics.median(v.value for v in values if v.station == name)
            for name in {v.station for v in values}
        ]
        assert found.value == pytest.approx(statistics.median(medians))
        assert found.uncertainty >= 0.0


@given(magnitudes, st.floats(-2.0, 2.0))
def test_shifting_all_stations_shifts_the_network(pairs, shift):
    before = network_magnitude([StationValue(n, v) for n, v in pairs], ILOC_RULE)
    after = network_magnitude([StationValue(n, v + shift) for n, v in pairs], ILOC_RULE)
    if before.value is None:
        assert after.value is None
    else:
        assert after.value == pytest.approx(before.value + shift)
        assert after.uncertainty == pytest.approx(before.uncertainty, abs=1e-6)
