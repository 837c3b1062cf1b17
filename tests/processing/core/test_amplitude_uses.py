"""Which scale an amplitude feeds: the agency's word, else only where nothing is left open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processing.core.amplitude_uses import (
    ReportedAmplitude,
    component_and_sensor,
    telling,
    uses,
    with_both,
)
from processing.core.magnitude_scales import Outcome

FAR_P = ReportedAmplitude(120.0, "nm", phase="P", period=1.0, distance_deg=55.0)
NEAR_P = ReportedAmplitude(12.0, "nm", phase="Pg", period=0.3, distance_deg=1.2)
NEAR_S = replace(NEAR_P, phase="Sg")
SURFACE = ReportedAmplitude(900.0, "nm", phase="LR", channel="LHZ", period=20.0, distance_deg=40.0)


def scales(reported: ReportedAmplitude) -> list[str]:
    return [use.scale for use in uses(reported)]


def test_a_hint_decides_even_against_the_looks():
    assert scales(replace(FAR_P, hint="mB_BB", unit="nm/s")) == ["mB_BB"]
    assert scales(replace(NEAR_P, made_into="mb")) == ["mb", "mb_MB", "mb_VC"]
    assert scales(replace(FAR_P, hint="K")) == ["KR_WSG", "KR_ASLANOV"]
    assert scales(replace(FAR_P, type="IAML")) == ["ML"]


def test_the_agencys_hint_goes_before_the_type_and_the_value_made_of_it():
    told = replace(SURFACE, hint="MLV", type="AMS", made_into="MS")
    assert scales(told) == ["MLV"]
    assert scales(replace(told, hint="")) == ["Ms_20"]


@pytest.mark.parametrize("hint", ["Mwp", "MLv", "M_wonder", "Md"])
def test_a_hint_at_a_scale_that_is_not_ours_feeds_none(hint: str):
    assert scales(replace(FAR_P, hint=hint)) == []


def test_without_a_hint_phase_unit_period_and_distance_must_leave_one_reading():
    assert scales(FAR_P) == ["mb", "mb_MB", "mb_VC"]
    assert scales(NEAR_P) == scales(NEAR_S) == ["KR_WSG", "KR_ASLANOV"]
    assert scales(SURFACE) == ["Ms_20"]
    for open_to_doubt in (
        replace(FAR_P, distance_deg=12.0),
        replace(FAR_P, distance_deg=None),
        replace(FAR_P, period=None),
        replace(FAR_P, period=5.0),
        replace(FAR_P, unit="mm/s"),
        replace(FAR_P, unit="counts"),
        replace(FAR_P, unit=""),
        replace(FAR_P, phase="PP"),
        replace(FAR_P, channel="BHN"),
        replace(NEAR_P, period=8.0),
        replace(NEAR_S, channel="BHZ"),
        replace(SURFACE, channel=""),
        replace(SURFACE, channel="LHN"),
        replace(SURFACE, period=15.0),
        replace(FAR_P, category="duration"),
        replace(FAR_P, type="END", unit="s"),
    ):
        assert scales(open_to_doubt) == [], open_to_doubt


def test_a_regional_scale_takes_what_its_fitted_curve_was_fitted_to():
    def fitted(reported: ReportedAmplitude) -> list[str]:
        return [use.scale for use in uses(reported, {"MPVA", "MS_REG"})]

    assert fitted(NEAR_P) == ["KR_WSG", "KR_ASLANOV", "MPVA"]
    assert fitted(replace(FAR_P, distance_deg=12.0)) == ["MPVA"]
    assert fitted(replace(SURFACE, distance_deg=12.0, period=8.0)) == ["MS_REG"]
    assert fitted(FAR_P) == scales(FAR_P) and fitted(SURFACE) == scales(SURFACE)
    assert fitted(NEAR_S) == scales(NEAR_S)
    assert fitted(replace(FAR_P, distance_deg=12.0, hint="mb")) == ["mb", "mb_MB", "mb_VC"]
    assert fitted(replace(FAR_P, distance_deg=12.0, period=None)) == []


@pytest.mark.parametrize(
    ("unit", "nanometres"),
    [("nm", 2.0), ("um", 2e3), ("µm", 2e3), ("мкм", 2e3), ("mm", 2e6), ("m", 2e9), (" nm ", 2.0)],
)
def test_lengths_are_turned_into_nanometres(unit: str, nanometres: float):
    (use, *_rest) = uses(replace(FAR_P, value=2.0, unit=unit, hint="mb"))
    assert use.amplitude == pytest.approx(nanometres) and use.outcome is None


@pytest.mark.parametrize(
    ("unit", "factor"), [("nm/s", 1.0), ("um/s", 1e3), ("cm/s", 1e7), ("m/s", 1e9), ("m/sec", 1e9)]
)
def test_velocities_are_turned_into_nanometres_a_second(unit: str, factor: float):
    (use,) = uses(replace(FAR_P, value=3.0, unit=unit, hint="mB_BB"))
    assert use.amplitude == pytest.approx(3.0 * factor)


@pytest.mark.parametrize("unit", ["", "counts", "other", "dimensionless", "nm/s", "m/(s*s)"])
def test_a_unit_that_is_not_the_scales_is_named(unit: str):
    assert {use.outcome for use in uses(replace(FAR_P, unit=unit, hint="mb"))} == {
        Outcome.UNIT_UNKNOWN
    }


def test_a_trace_of_unknown_magnification_is_no_ml():
    (use,) = uses(replace(NEAR_S, unit="mm", hint="ML"))
    assert use.outcome is Outcome.UNIT_UNKNOWN
    (use,) = uses(replace(NEAR_S, unit="nm", hint="ML"))
    assert use.outcome is None


@pytest.mark.parametrize("word", ["peak-to-peak", "peak to peak", "p2p", "pk-pk"])
def test_peak_to_peak_is_halved(word: str):
    for told in (replace(FAR_P, category=word), replace(FAR_P, type=word)):
        assert [use.amplitude for use in uses(told)] == [60.0] * 3


def test_a_component_the_scale_has_not_is_named():
    for told in (
        replace(FAR_P, hint="mb", channel="BHE"),
        replace(NEAR_S, hint="ML", channel="HHZ"),
        replace(NEAR_S, hint="KR", channel="HHZ"),
        replace(NEAR_P, hint="KR", channel="HHN"),
        replace(NEAR_P, hint="KR", phase=""),
    ):
        assert {use.outcome for use in uses(told)} == {Outcome.COMPONENT_MISSING}


def test_the_two_amplitudes_of_a_class_are_told_apart():
    assert {use.wave for use in uses(NEAR_P)} == {"P"}
    assert {use.wave for use in uses(NEAR_S)} == {"S"}
    assert {use.wave for use in uses(replace(NEAR_P, phase="", type="AS"))} == {"S"}
    assert with_both(["P", "S", "P"]) and not with_both(["P", "P"])
    assert not any(use.hinted for use in uses(NEAR_P))


def test_amplitudes_that_are_not_there_or_beyond_all_numbers_are_named():
    assert uses(replace(FAR_P, value=None))[0].outcome is Outcome.AMPLITUDE_MISSING
    assert uses(replace(FAR_P, value=1e305, unit="m"))[0].outcome is Outcome.VALUE_OUTSIDE


def test_components_and_sensors_come_from_the_channel():
    assert component_and_sensor("BHZ") == ("Z", ".BH")
    assert component_and_sensor("HN2", "10") == ("E", "10.HN")
    assert component_and_sensor("Z") == ("Z", "")
    assert component_and_sensor("") == ("", "")
    assert component_and_sensor("SKM") == ("", ".SKM")


def test_of_several_values_made_of_one_amplitude_the_one_that_names_a_scale_tells():
    assert telling(["Mx", "mb", "ML"]) == "ML"
    assert telling(["Mx", "Ma"]) == "Ma"
    assert telling([]) == ""
