"""Which days are covered: the best state of a day, what is missing, what an address may ask."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from catalog import coverage
from catalog.api.coverage import asked_days
from catalog.coverage import Expected, _swept
from catalog.models import Agency
from catalog.search import SearchError
from portal.coverage import month_told


def day(number: int) -> date:
    return date(2014, 3, number)


def swept(*spans: tuple[int, int, str, str], wanted: tuple[int | None, int | None] | None = None):
    expected = None
    if wanted is not None:
        first, last = (None if n is None else day(n) for n in wanted)
        expected = Expected(Agency(code="A"), first, last)
    told = [(day(a), day(b), state, basis) for a, b, state, basis in spans]
    return [
        (s.first_day.day, s.last_day.day, s.state, s.basis)
        for s in _swept("A", day(1), day(31), told, expected)
    ]


def test_the_best_state_of_a_day_counts_and_what_is_not_told_is_missing():
    told = swept(
        (1, 31, "automatic", "inferred"),
        (3, 10, "received", "inferred"),
        (5, 8, "final", "declared"),
        (9, 9, "empty", "declared"),
        wanted=(None, None),
    )
    assert told == [
        (1, 2, "automatic", "inferred"),
        (3, 4, "received", "inferred"),
        (5, 8, "final", "declared"),
        (9, 9, "empty", "declared"),
        (10, 10, "received", "inferred"),
        (11, 31, "automatic", "inferred"),
    ]
    assert swept((5, 6, "final", "declared"), wanted=(2, 9)) == [
        (2, 4, "missing", ""), (5, 6, "final", "declared"), (7, 9, "missing", ""),
    ]  # fmt: skip


def test_equal_neighbours_are_one_stretch_and_nobody_expected_is_not_missing():
    assert swept((1, 10, "final", "declared"), (11, 20, "final", "declared")) == [
        (1, 20, "final", "declared")
    ]
    assert swept(wanted=None) == []
    assert swept(wanted=(None, None)) == [(1, 31, "missing", "")]


def test_a_month_is_told_by_its_days():
    def told(*stretches: coverage.Stretch):
        month = month_told(day(1), list(stretches))
        return month.kind, month.covered, month.days

    def stretch(first: int, last: int, state: str):
        return coverage.Stretch("A", day(first), day(last), state)

    assert told() == ("none", 0, 31)
    assert told(stretch(1, 31, "final")) == ("final", 31, 31)
    assert told(stretch(1, 30, "final"), stretch(31, 31, "received")) == ("received", 31, 31)
    assert told(stretch(1, 30, "final"), stretch(31, 31, "missing")) == ("part", 30, 31)
    assert told(stretch(1, 9, "automatic"), stretch(10, 31, "missing")) == ("automatic", 0, 31)
    assert told(stretch(1, 31, "missing")) == ("missing", 0, 31)


def test_the_last_day_of_a_month():
    assert coverage.end_of(date(2014, 2, 1)) == date(2014, 2, 28)
    assert coverage.end_of(date(2016, 2, 1)) == date(2016, 2, 29)
    assert coverage.end_of(date(2014, 12, 1)) == date(2014, 12, 31)


def test_days_of_an_address():
    assert asked_days("2014-01-01", "2014-12-31") == (date(2014, 1, 1), date(2014, 12, 31))
    assert asked_days(None, "2014-12-31")[0] == date(2014, 12, 31) - timedelta(days=365)
    assert asked_days(None, "0001-01-05") == (date(1, 1, 1), date(1, 1, 5))


@pytest.mark.parametrize(
    ("start", "end"),
    [("2014-1-1", None), ("2014-02-30", None), ("\x00", None), (None, "x" * 999),
     ("2015-01-01", "2014-01-01"), ("1800-01-01", "2014-01-01")],
)  # fmt: skip
def test_days_that_cannot_be_asked(start: str | None, end: str | None):
    with pytest.raises(SearchError):
        asked_days(start, end)
