"""Every code has its sentence, and no sentence is for a code that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils.translation import override

from catalog import exchange
from catalog.formats import problems
from processing.core import agency_tables
from processing.core.agency_tables import Problem
from processing.desk import api, messages
from processing.jobs import (
    felt_decisions,
    ingestion,
    location_decisions,
    macroseismic_points,
    mechanism_decisions,
    merge_decisions,
    preference_decisions,
    preference_rules,
    station_readings,
    travel_time_tables,
    type_decisions,
    waveforms,
)


def test_the_codes_and_the_sentences_are_the_same_lists() -> None:
    codes = [
        *problems.CODES,
        *exchange.CODES,
        *ingestion.CODES,
        *station_readings.CODES,
        *location_decisions.CODES,
        *preference_decisions.CODES,
        *preference_rules.CODES,
        *merge_decisions.CODES,
        *macroseismic_points.CODES,
        *mechanism_decisions.CODES,
        *type_decisions.CODES,
        *travel_time_tables.CODES,
        *waveforms.CODES,
        *felt_decisions.CODES,
        *messages.REQUEST_CODES,
    ]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(messages.MESSAGES)


def test_every_status_is_for_a_code_that_has_a_sentence() -> None:
    assert set(api.STATUS) <= set(messages.MESSAGES)


@pytest.mark.parametrize("code", messages.MESSAGES)
def test_a_sentence_takes_its_values(code: str) -> None:
    values = {"line": 42, "field": "depth", "found": "1O.5 %(x)s", "expected": "number"}
    with override("en"):
        text = messages.sentence(code, values)
    assert text.startswith("Line 42: ")
    assert "“1O.5 %(x)s”" in text
    assert text.endswith("Expected: a number.")


def test_a_line_expected_elsewhere_is_said_in_words() -> None:
    with override("en"):
        assert messages.expected("line 7") == "only in line 7"
        assert messages.expected("-90..90") == "-90..90"


def test_an_unknown_code_is_shown_as_it_is() -> None:
    with override("en"):
        assert "no-such" in messages.sentence("no-such")


def test_every_problem_of_a_travel_time_table_has_its_sentence() -> None:
    assert set(agency_tables.CODES) == set(messages.TABLE_MESSAGES)
    told = messages.table_problem(Problem(7, "not_monotone", "3.5", "more than 4 (line 6)"))
    assert told["line"] == 7 and told["expected"] == "more than 4 (line 6)"
    for code in agency_tables.CODES:
        assert messages.table_problem(Problem(0, code, "x" * 500, "4"))["expected"]


def test_the_reader_of_travel_time_tables_says_no_other_code() -> None:
    source = Path(agency_tables.__file__).read_text()
    said = set(re.findall(r'Problem\([^,()]+(?:\([^()]*\))?[^,()]*, "(\w+)"', source))
    assert len(said) > 15
    assert said <= set(agency_tables.CODES)
