"""Names of phases as bulletins write them, and the a-priori errors of iLoc."""

from __future__ import annotations

import pytest

from processing.core import phases, travel_times


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("P", "P"), ("Pn", "Pn"), ("PN", "Pn"), ("Pg", "Pg"), ("PG", "Pg"), ("P*", "Pb"),
        ("Pb", "Pb"), ("P1", "P"), ("S", "S"), ("SG", "Sg"), ("LG", "Lg"), ("Lg", "Lg"),
        ("pP", "pP"), ("PP", "PP"), ("sP", "sP"), ("PKIKP", "PKPdf"), ("PKPdf", "PKPdf"),
        ("PcP", "PcP"), ("ePn", "Pn"), ("iP", "P"), ("EP", "P"), ("eSg", "Sg"), ("(P)", "P"),
        ("P?", "P"), (" S ", "S"), ("", None), ("e", None), ("AML", None), ("x", None),
    ],
)  # fmt: skip
def test_reported_names_become_standard_names(reported, expected):
    assert phases.standard_name(reported) == expected


def test_every_predicted_phase_is_in_the_table_of_travel_times():
    for phase in phases.PHASES.values():
        for name in (phase.table_phase, phase.fallback):
            assert name is None or name in travel_times.PHASES
        assert not phase.bands or phase.table_phase is not None


def test_every_synonym_leads_to_a_known_phase():
    assert set(phases.SYNONYMS.values()) <= set(phases.PHASES)
    assert not set(phases.SYNONYMS) & set(phases.PHASES)


@pytest.mark.parametrize(
    ("name", "distance", "sigma"),
    [
        ("P", 5.0, 0.8), ("P", 20.0, 1.2), ("P", 60.0, 0.8), ("P", 120.0, None),
        ("Pg", 9.0, 0.8), ("Pg", 9.1, None), ("S", 5.0, 1.5), ("S", 20.0, 1.8),
        ("Lg", 5.0, 1.5), ("Lg", 12.0, None), ("pP", 60.0, 1.3), ("Rg", 1.0, None),
    ],
)  # fmt: skip
def test_a_priori_errors_are_those_of_iloc(name, distance, sigma):
    assert phases.PHASES[name].sigma_s(distance) == sigma


def test_families_bring_together_what_two_agencies_call_differently():
    assert phases.family("Pg") == phases.family("PN") == phases.family("eP") == "P"
    assert phases.family("Lg") == phases.family("S") == "S"
    assert phases.family("AML") is None
