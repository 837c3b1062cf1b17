"""Of each station one value counts, of each event one network value, in any order of readings."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core.amplitude_readings import AmplitudeReading
from processing.core.calibration import Calibration
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.magnitude_assessment import Assessed, Hypocentre, StationResult, assess
from processing.core.magnitude_scales import Outcome

PLACES = {1: Hypocentre(0.0, 0.0, 10.0), 2: Hypocentre(0.0, 0.0, None)}


def reading(code: str, amplitude: float | None = 100.0, **more: object) -> AmplitudeReading:
    """One reading of mb, 30 deg or more to the east on the equator."""
    values: dict[str, object] = {
        "event": 1, "scale": "mb", "station": None, "network": "KZ", "code": code,
        "component": "Z", "sensor": "", "wave": "P", "amplitude": amplitude, "period": 1.0,
        "latitude": 0.0, "longitude": 30.0 + 5.0 * (ord(code[-1]) - ord("A")),
        "source": ("amplitude", 1), "report": 1,
    }  # fmt: skip
    return AmplitudeReading(**{**values, **more})  # type: ignore[arg-type]


def kr(code: str, wave: str, amplitude: float | None, **more: object) -> AmplitudeReading:
    return reading(
        code, amplitude, wave=wave,
        **{"scale": "KR_WSG", "component": "", "longitude": 100.0 / KM_PER_DEGREE, **more},
    )  # fmt: skip


def found(*readings: AmplitudeReading, scale: str = "mb", **more: object) -> Assessed:
    return assess(scale, readings, PLACES, **more)[1]  # type: ignore[arg-type]


def of(assessed: Assessed, code: str) -> list[StationResult]:
    return [s for s in assessed.stations if s.code == code]


def test_three_stations_make_a_network_value_with_residuals():
    whole = found(reading("A", 100.0), reading("B", 100.0), reading("C", 200.0))
    values = sorted(s.value for s in whole.stations if s.value is not None)
    assert whole.value == values[1] and whole.station_count == 3 and whole.reason == ""
    assert whole.rule == "body-median" and whole.uncertainty is not None
    for s in whole.stations:
        assert s.value is not None and s.residual == pytest.approx(s.value - values[1])
    assert [s.code for s in whole.stations] == ["A", "B", "C"]
    assert whole.stations[1].azimuth == pytest.approx(90.0)
    assert whole.stations[1].distance_km == pytest.approx(35.0 * KM_PER_DEGREE)


def test_two_stations_make_none_and_are_kept():
    whole = found(reading("A"), reading("B"))
    assert whole.value is None and whole.reason == "too_few_stations"
    assert [s.outcome for s in whole.stations] == [Outcome.USED] * 2
    assert whole.stations[0].residual is None


def test_an_outlier_is_dropped_by_median_absolute_deviation_and_keeps_its_value():
    whole = found(*(reading(c, 100.0) for c in "ABCD"), reading("E", 5000.0))
    assert of(whole, "E")[0].outcome is Outcome.OUTLIER
    assert of(whole, "E")[0].residual == pytest.approx(of(whole, "E")[0].value - whole.value)
    assert whole.station_count == 4


def test_near_stations_stay_however_well_the_others_agree():
    # 0.3 is spared; without it the deviation of the others would throw this one out.
    values = (100.0, 101.0, 102.0, 180.0)
    same = {"longitude": 50.0}
    whole = found(*(reading(c, v, **same) for c, v in zip("ABCD", values, strict=True)))
    assert all(s.outcome is Outcome.USED for s in whole.stations)


def test_classes_keep_their_own_rule_of_one_and_a_half():
    pairs = [
        kr(c, wave, a * share)
        for c, a in zip("ABCD", (1000.0, 1000.0, 1000.0, 9000.0), strict=True)
        for wave, share in (("P", 0.25), ("S", 0.75))
    ]
    whole = found(*pairs, scale="KR_WSG")
    assert whole.rule == "kr-median" and whole.value == pytest.approx(9.95, abs=0.02)
    assert of(whole, "D")[0].outcome is Outcome.OUTLIER


def test_a_class_adds_p_of_the_vertical_and_the_larger_horizontal_of_s():
    at = {"sensor": ".HH"}
    whole = found(
        kr("A", "P", 250.0, component="Z", **at),
        kr("A", "S", 700.0, component="N", **at),
        kr("A", "S", 750.0, component="E", **at),
        scale="KR_WSG",
    )
    kept = next(s for s in whole.stations if s.outcome is Outcome.USED)
    assert (kept.amplitude, kept.second_amplitude, kept.component) == (250.0, 750.0, "ZE")
    assert kept.value == pytest.approx(9.95, abs=0.02) and len(kept.sources) == 2
    assert [s.outcome for s in whole.stations if s is not kept] == [Outcome.OTHER_READING]


def test_one_wave_alone_makes_no_class():
    whole = found(kr("A", "S", 750.0), scale="KR_WSG")
    assert [s.outcome for s in whole.stations] == [Outcome.COMPONENT_MISSING]
    assert whole.reason == "no_usable_reading"
    # Nor do P of one report and S of another.
    whole = found(kr("A", "P", 250.0, report=1), kr("A", "S", 750.0, report=2), scale="KR_WSG")
    assert {s.outcome for s in whole.stations} == {Outcome.COMPONENT_MISSING}


def test_both_horizontals_make_one_vector():
    at = {"scale": "MLH", "wave": "L", "period": 15.0}
    whole = found(
        reading("A", 300.0, component="N", **at), reading("A", 400.0, component="E", **at),
        reading("B", 500.0, component="", **at), reading("C", 500.0, component="N", **at),
        scale="MLH",
    )  # fmt: skip
    assert of(whole, "A")[0].amplitude == pytest.approx(500.0)
    assert of(whole, "B")[0].outcome is Outcome.USED
    assert of(whole, "C")[0].outcome is Outcome.COMPONENT_MISSING


def test_of_two_sensors_the_seismometer_counts():
    whole = found(
        reading("A", 100.0, sensor=".HN"), reading("A", 300.0, sensor=".BH"),
        reading("A", 200.0, sensor="10.BH"),
    )  # fmt: skip
    outcomes = {s.amplitude: s.outcome for s in whole.stations}
    assert outcomes == {
        100.0: Outcome.SECOND_SENSOR,
        200.0: Outcome.SECOND_SENSOR,
        300.0: Outcome.USED,
    }
    assert all(s.value is None for s in whole.stations if s.outcome is not Outcome.USED)


def test_a_sensor_without_a_value_gives_way():
    whole = found(reading("A", 0.0, sensor=".BH"), reading("A", 100.0, sensor=".HN"))
    assert {s.amplitude: s.outcome for s in whole.stations} == {
        0.0: Outcome.AMPLITUDE_NOT_POSITIVE,
        100.0: Outcome.USED,
    }


def test_the_largest_ratio_of_a_report_and_the_middle_of_reports_count():
    whole = found(
        # Report 1: A/T is larger where A is not.
        reading("A", 150.0, period=2.0, report=1), reading("A", 120.0, report=1),
        reading("A", 400.0, report=2), reading("A", 90.0, report=3), reading("A", 95.0, report=4),
    )  # fmt: skip
    used = [s.amplitude for s in whole.stations if s.outcome is Outcome.USED]
    assert used == [95.0]  # of 90, 95, 120 and 400 the lower of the middle two
    assert {s.outcome for s in whole.stations} == {Outcome.USED, Outcome.OTHER_READING}


def test_what_was_measured_here_goes_before_what_was_reported():
    whole = found(
        reading("A", 500.0, sensor=".BH"),
        reading("A", 100.0, sensor=".BH", source=("measurement", 7), report=0),
    )
    assert [s.sources for s in whole.stations if s.outcome is Outcome.USED] == [
        (("measurement", 7),)
    ]


def test_what_is_known_to_be_wrong_stays_named():
    whole = found(
        reading("A", outcome=Outcome.CLIPPED), reading("B", outcome=Outcome.BOUND_ONLY),
        reading("C", latitude=None),
    )  # fmt: skip
    assert {s.outcome for s in whole.stations} == {
        Outcome.CLIPPED, Outcome.BOUND_ONLY, Outcome.DISTANCE_UNKNOWN,
    }  # fmt: skip
    assert whole.reason == "no_usable_reading" and whole.station_count == 0


def test_a_scale_without_its_calibration_says_so():
    whole = found(reading("A", scale="MPVA", longitude=5.0), scale="MPVA")
    assert whole.reason == "no_calibration"
    assert whole.stations[0].outcome is Outcome.NO_CALIBRATION


def test_an_offset_and_station_terms_are_in_the_values():
    fitted = Calibration(
        "v1", "KR_WSG", "offset", (0.0, 800.0), offset=-0.9, station_terms={"KZ.A": 0.3}
    )
    pairs = [kr(c, w, a) for c in "ABC" for w, a in (("P", 250.0), ("S", 750.0))]
    plain, moved = (found(*pairs, scale="KR_WSG", calibration=c) for c in (None, fitted))
    assert moved.value == pytest.approx(plain.value - 0.9)
    assert of(moved, "A")[0].value == pytest.approx(of(plain, "A")[0].value - 0.6)
    assert of(moved, "A")[0].correction == 0.3 and of(plain, "A")[0].correction is None


def test_without_a_depth_a_scale_that_asks_for_it_has_no_value():
    whole = assess("mb", [replace(reading("A"), event=2)], PLACES)[2]
    assert whole.stations[0].outcome is Outcome.DEPTH_UNKNOWN


def test_one_moment_is_enough_and_needs_no_place():
    moment = reading("GCMT", 1.2589e18, scale="Mw", latitude=None, source=("mechanism", 3))
    whole = assess("Mw", [moment], {})[1]
    assert whole.value == pytest.approx(6.0, abs=1e-4)


def test_nothing_gives_nothing():
    assert assess("mb", [], PLACES) == {}


any_reading = st.builds(
    reading,
    st.sampled_from("ABCD"),
    st.sampled_from([None, 0.0, -1.0, 50.0, 100.0, 100.0, 3000.0]),
    period=st.sampled_from([None, 0.5, 1.0, 9.0]),
    sensor=st.sampled_from(["", ".BH", ".HN", "10.BH"]),
    component=st.sampled_from(["", "Z", "N", "E"]),
    wave=st.sampled_from(["P", "S"]),
    report=st.integers(1, 3),
    source=st.tuples(st.sampled_from(["amplitude", "measurement"]), st.integers(1, 9)),
    latitude=st.sampled_from([None, 0.0]),
    outcome=st.sampled_from([None, None, None, Outcome.CLIPPED]),
    event=st.sampled_from([1, 2]),
)


@given(
    st.sampled_from(["mb", "KR_WSG", "MLH", "ML", "MPVA", "Mw"]),
    st.lists(any_reading, max_size=14),
    st.randoms(use_true_random=False),
)
def test_order_changes_nothing_and_every_reading_is_told_once(
    scale: str, readings: list[AmplitudeReading], order: random.Random
):
    readings = [replace(r, scale=scale) for r in readings]
    shuffled = list(readings)
    order.shuffle(shuffled)
    first, second = (assess(scale, r, PLACES) for r in (readings, shuffled))
    assert first == second
    told = sorted(source for a in first.values() for s in a.stations for source in s.sources)
    assert told == sorted(r.source for r in readings)
    for a in first.values():
        json.dumps([s.as_json() for s in a.stations], allow_nan=False)
        for s in a.stations:
            assert (s.value is not None) == (s.outcome in (Outcome.USED, Outcome.OUTLIER))
        used = [s for s in a.stations if s.outcome is Outcome.USED]
        assert len({s.code for s in used}) == len(used) == a.station_count
        assert (a.value is None) == bool(a.reason)
