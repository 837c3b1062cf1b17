"""Station magnitudes: the methods' check values, and a name for whatever has no value."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.scales import as_kr
from processing.core.calibration import Calibration
from processing.core.calibration_tables import TABLES
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.magnitude import SCALE_RULES
from processing.core.magnitude_scales import BY_ID, SCALES, Outcome, Status
from processing.core.station_magnitude import (
    FORMULAS,
    StationMagnitudes,
    station_magnitudes,
)

CURVE = Calibration(
    "c1", "MPVA", "sigma", (10.0, 1000.0), knots_km=(10.0, 100.0, 1000.0), sigma=(0.0, 1.0, 2.0)
)
KR_OFFSET = Calibration(
    "k1", "KR_WSG", "offset", (0.0, 800.0), offset=-0.9, station_terms={"KZ.KNDC": 0.2}
)


def one(scale: str, amplitude: float, **terms: object) -> StationMagnitudes:
    return station_magnitudes(BY_ID[scale], amplitude, **{"depth_km": 0.0, **terms})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("km", "wsg", "aslanov"),
    [
        (10, 6.31, 6.30), (30, 8.16, 7.90), (50, 9.02, 8.64), (75, 9.71, 9.23), (100, 9.95, 9.65),
        (150, 10.31, 10.24), (200, 10.56, 10.66), (264, 10.81, 11.07), (300, 11.12, 11.25),
        (400, 11.80, 11.67), (500, 12.33, 12.00), (600, 12.77, 12.26), (800, 13.45, 12.68),
    ],
)  # fmt: skip
def test_a_micrometre_gives_the_methods_classes(km: float, wsg: float, aslanov: float):
    for scale, expected in (("KR_WSG", wsg), ("KR_ASLANOV", aslanov)):
        found = one(scale, 250.0, second=750.0, distance_deg=km / KM_PER_DEGREE)
        assert found.value[0] == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    ("scale", "amplitude", "period", "distance", "expected"),
    [
        ("mb", 10.0, 1.0, 50.0, 4.70),
        ("mb_MB", 10.0, 1.0, 50.0, 4.67),
        ("mb_VC", 10.0, 1.0, 50.0, 4.67),
        ("Ms_20", 1000.0, 20.0, 60.0, 4.95),
        ("MLV", 1000.0, 20.0, 60.0, 4.95),
    ],
)
def test_the_methods_worked_examples(scale, amplitude, period, distance, expected):
    found = one(scale, amplitude, period=period, distance_deg=distance)
    assert found.value[0] == pytest.approx(expected, abs=0.005)


def test_a_micrometre_at_a_hundred_kilometres_is_ml_3_32_and_the_class_of_it():
    found = one("ML", 1000.0, distance_deg=100.0 / KM_PER_DEGREE)
    assert found.value[0] == pytest.approx(3.32, abs=0.005)
    assert 1.8 * found.value[0] + 4.0 == pytest.approx(9.97, abs=0.01)


def test_mw_of_a_moment():
    # Mw 6.0 is 1.26e18 N m.
    assert one("Mw", 1.2589e18).value[0] == pytest.approx(6.0, abs=1e-4)


def test_velocity_scales_divide_by_two_pi():
    found = one("Ms_BB", 2.0 * math.pi * 1000.0, distance_deg=60.0)
    assert found.value[0] == pytest.approx(3.0 + 1.66 * math.log10(60.0) + 0.3)


def test_tables_are_those_of_the_methods_and_end():
    assert TABLES["veith-clawson"].at([2, 10, 20, 60, 100], 0.0).tolist() == [
        2.07, 3.19, 2.77, 3.43, 4.46,
    ]  # fmt: skip
    # Half-way between two points in distance and in depth.
    assert TABLES["murphy-barker"].at(55.0, 7.5) == pytest.approx((3.67 + 3.58 + 3.73 + 3.64) / 4)
    for table in TABLES.values():
        assert np.isnan(table.at([0.5, 100.1, 50.0], [0.0, 0.0, 801.0])).all()
        assert np.isfinite(table.at(table.distance_deg[:, None], table.depth_km)).all()


def test_where_both_are_tabulated_two_tables_differ_by_the_peak_to_peak():
    distance = np.arange(25.0, 90.0, 5.0)
    found = TABLES["murphy-barker"].at(distance, 0.0) - TABLES["veith-clawson"].at(distance, 0.0)
    at_tens = found[distance % 10 == 0]
    assert at_tens == pytest.approx(math.log10(2.0), abs=0.01)


@pytest.mark.parametrize(
    ("scale", "terms", "outcome"),
    [
        ("mb", {"amplitude": math.nan}, Outcome.AMPLITUDE_MISSING),
        ("mb", {"amplitude": 0.0}, Outcome.AMPLITUDE_NOT_POSITIVE),
        ("mb", {"amplitude": -3.0}, Outcome.AMPLITUDE_NOT_POSITIVE),
        ("mb", {"amplitude": math.inf}, Outcome.AMPLITUDE_NOT_POSITIVE),
        ("mb", {"period": math.nan}, Outcome.PERIOD_MISSING),
        ("mb", {"period": 0.0}, Outcome.PERIOD_OUTSIDE),
        ("mb", {"period": 3.1}, Outcome.PERIOD_OUTSIDE),
        ("mb", {"distance_deg": math.nan}, Outcome.DISTANCE_UNKNOWN),
        ("mb", {"distance_deg": 19.9}, Outcome.DISTANCE_OUTSIDE),
        ("mb", {"depth_km": math.nan}, Outcome.DEPTH_UNKNOWN),
        ("mb", {"depth_km": 51.0}, Outcome.DEPTH_OUTSIDE),
        ("mb", {"amplitude": 1e300}, Outcome.VALUE_OUTSIDE),
        ("KR_WSG", {"distance_deg": 7.2}, Outcome.DISTANCE_OUTSIDE),
        ("KR_WSG", {"distance_deg": 1.0, "second": math.nan}, Outcome.COMPONENT_MISSING),
        ("KR_WSG", {"distance_deg": 1.0, "second": 0.0}, Outcome.AMPLITUDE_NOT_POSITIVE),
        ("MPVA", {"distance_deg": 5.0}, Outcome.NO_CALIBRATION),
        ("mb_Lg", {"distance_deg": 5.0}, Outcome.NO_CALIBRATION),
        ("Ms_20", {"period": 17.0}, Outcome.PERIOD_OUTSIDE),
    ],
)
def test_what_is_wrong_has_its_name(scale, terms, outcome):
    whole = {"amplitude": 10.0, "second": 10.0, "period": 1.0, "distance_deg": 40.0, **terms}
    found = one(scale, whole.pop("amplitude"), **whole)
    assert found.outcome(0) is outcome and np.isnan(found.value[0])


def test_above_the_sea_is_the_surface():
    high = one("mb", 10.0, period=1.0, distance_deg=50.0, depth_km=-2.5)
    assert high.value[0] == one("mb", 10.0, period=1.0, distance_deg=50.0).value[0]


def test_an_offset_and_a_stations_term_are_added():
    at = {"second": 750.0, "distance_deg": 0.9}
    plain = one("KR_WSG", 250.0, **at).value[0]
    found = one("KR_WSG", 250.0, calibration=KR_OFFSET, correction=0.2, **at)
    assert found.value[0] == pytest.approx(plain - 0.7)


def test_a_fitted_curve_is_a_spline_in_lg_distance_and_ends():
    assert CURVE.sigma_at([10.0, 31.6227766, 1000.0]) == pytest.approx([0.0, 0.5, 2.0])
    near = {"period": 0.5, "calibration": CURVE}
    found = one("MPVA", 50.0, distance_deg=100.0 / KM_PER_DEGREE, **near)
    assert found.value[0] == pytest.approx(3.0)
    assert one("MPVA", 50.0, distance_deg=9.5, **near).outcome(0) is Outcome.DISTANCE_OUTSIDE


def test_an_offset_is_no_curve():
    found = one("MPVA", 5.0, period=0.5, distance_deg=1.0, calibration=KR_OFFSET)
    assert found.outcome(0) is Outcome.NO_CALIBRATION


def test_mb_lg_takes_a_regional_constant_where_one_is_given():
    found = one("mb_Lg", 100.0, period=1.0, distance_deg=5.0, parameters={"gamma_per_km": 0.001})
    r = 5.0 * KM_PER_DEGREE
    assert found.value[0] == pytest.approx(
        2.0 + 0.833 * math.log10(r) + 0.4343e-3 * (r - 10.0) - 0.87
    )


# Any number a file could hold.
any_number = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 20.0])


@given(
    st.sampled_from([s.id for s in SCALES]),
    st.lists(st.tuples(*[any_number] * 6), min_size=1, max_size=5),
    st.sampled_from([None, CURVE, KR_OFFSET]),
)
def test_a_value_or_a_name_whatever_is_given(scale, rows, calibration):
    amplitude, second, period, distance, depth, term = np.array(rows).T
    with np.errstate(all="ignore"):
        found = station_magnitudes(
            BY_ID[scale], amplitude, second=second, period=period, distance_deg=distance,
            depth_km=depth, correction=term, calibration=calibration,
            parameters={"gamma_per_km": 0.001},
        )  # fmt: skip
    for i in range(len(rows)):
        assert (found.outcome(i) is Outcome.USED) == bool(np.isfinite(found.value[i]))


@given(
    st.sampled_from([s.id for s in SCALES]),
    st.floats(1.0, 1e6),
    st.floats(0.0, 1.0),
    st.floats(0.0, 40.0),
)
def test_ten_times_the_amplitude_is_one_unit(scale_id, amplitude, share, depth):
    scale = BY_ID[scale_id]
    low, high = scale.distance_deg
    terms = {
        "distance_deg": low + share * (min(high, 7.0 if "KR" in scale_id else high) - low),
        "depth_km": depth,
        "period": 20.0 if (scale.period_s or (0, 0))[1] >= 20.0 else 1.0,
        "calibration": CURVE if scale.status is Status.NEEDS_CALIBRATION else None,
        "parameters": {"gamma_per_km": 0.001},
    }
    small, large = (
        station_magnitudes(scale, a, second=3.0 * a, **terms)  # type: ignore[arg-type]
        for a in (amplitude, 10.0 * amplitude)
    )
    unit = {"KR_WSG": 1.84, "KR_ASLANOV": 1.935, "Mw": 1 / 1.5}.get(scale_id, 1.0)
    assert small.code[0] == large.code[0]
    if small.outcome(0) is Outcome.USED:
        assert large.value[0] - small.value[0] == pytest.approx(unit)


def test_every_scale_has_a_formula_a_rule_and_its_table():
    assert {s.formula_id for s in SCALES} == set(FORMULAS)
    assert {s.id for s in SCALES} == set(SCALE_RULES)
    assert {s.calibration for s in SCALES} == {"", *TABLES}
    for scale in SCALES:
        if scale.calibration:
            # Nothing inside the ranges of a scale is outside its table.
            inside = TABLES[scale.calibration].at(scale.distance_deg, scale.depth_km)
            assert np.isfinite(inside).all()
    for smaller, larger in pairwise(sorted(TABLES["gutenberg-richter"].distance_deg)):
        assert smaller < larger


@pytest.mark.parametrize(
    ("kr", "magnitude"),
    [(13.6, 5.33), (12.1, 4.50), (11.7, 4.28)],
)
def test_the_articles_pairs_follow_from_1_8_m_plus_4(kr: float, magnitude: float):
    assert as_kr(magnitude) == pytest.approx(kr, abs=0.01)
