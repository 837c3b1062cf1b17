"""Every code has its sentence, and no sentence is for a code that is not there."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from catalog import exchange
from catalog.formats import problems
from processing.desk import api, messages
from processing.jobs import ingestion, location_decisions, station_readings


def test_the_codes_and_the_sentences_are_the_same_lists() -> None:
    codes = [
        *problems.CODES,
        *exchange.CODES,
        *ingestion.CODES,
        *station_readings.CODES,
        *location_decisions.CODES,
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
