"""Doubts about felt reports and the choice of an event: named cases, and what holds of any."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core import felt_filters as filters
from processing.core import felt_ties as ties
from processing.core.felt import INDICES, indices
from processing.core.felt_filters import Flag


def report(felt: bool = True, grade: int | None = None, **values: Any) -> filters.Report:
    answers = values.pop("answers", {})
    given: dict[str, Any] = {
        "stated_late_s": None, "received_late_s": 60.0, "latitude": 43.25, "longitude": 76.95,
        "distance_km": 40.0, "intensity": 4.0,
    }  # fmt: skip
    return filters.Report(felt, grade, indices(felt, answers), **{**given, **values})


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (report(), set()),
        (report(False, answers={"damage": ["collapse"]}), {Flag.CONTRADICTION}),
        (report(False, 5), {Flag.CONTRADICTION}),
        (report(False, 1, answers={"motion": "none"}), set()),
        (report(grade=2, answers={"damage": ["collapse"]}), {Flag.CONTRADICTION}),
        (report(grade=5, answers={"damage": ["masonry_fell"]}), set()),
        (report(grade=6, answers={"damage": ["collapse"]}, intensity=5.0), set()),
        (
            report(grade=9, answers={"damage": ["none"], "shelf": "no"}, intensity=8.0),
            {Flag.CONTRADICTION},
        ),
        (report(stated_late_s=-1700.0), set()),
        (report(stated_late_s=-1900.0), {Flag.TOO_EARLY}),
        (report(received_late_s=-61.0), {Flag.TOO_EARLY}),
        (report(received_late_s=31 * 86_400.0), {Flag.TOO_LATE}),
        (report(distance_km=1900.0, intensity=0.4), {Flag.TOO_FAR}),
        (report(False, distance_km=1900.0, intensity=0.4), set()),
        (report(distance_km=1900.0, intensity=None), {Flag.TOO_FAR}),
        (report(grade=7), {Flag.OUTLIER}),
        (report(grade=6), set()),
        (report(grade=9, intensity=None), set()),
        (replace(report(), indices=None), {Flag.UNREADABLE}),
    ],
)
def test_a_doubt_has_its_name(one: filters.Report, expected: set[Flag]) -> None:
    assert filters.flags([one]) == [expected]


def test_a_high_report_that_another_beside_it_bears_out_is_none_of_a_joker() -> None:
    high, lower, far = report(grade=8), report(grade=7), report(grade=8, latitude=43.6)
    assert filters.flags([high, lower]) == [set(), set()]
    assert filters.flags([high, far]) == [{Flag.OUTLIER}, {Flag.OUTLIER}]
    # Beside it in the next square, and one that is too low to bear it out.
    assert filters.flags([high, report(grade=8, latitude=43.31)]) == [set(), set()]
    assert filters.flags([high, report(grade=6)]) == [{Flag.OUTLIER}, set()]


REPORTS = st.builds(
    report,
    st.booleans(),
    st.none() | st.integers(1, 12),
    answers=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(sorted(options))
            for name, options in INDICES.items()
            if name != "damage"
        },
    ),
    latitude=st.sampled_from([43.05, 43.15, 43.25, 44.0]),
    intensity=st.sampled_from([None, 2.0, 4.0]),
)


@given(st.lists(REPORTS, max_size=8), st.randoms(use_true_random=False))
def test_flags_do_not_depend_on_order_and_not_felt_clears_none(
    reports: list[filters.Report], shuffling: random.Random
) -> None:
    found = filters.flags(reports)
    order = list(range(len(reports)))
    shuffling.shuffle(order)
    assert filters.flags([reports[i] for i in order]) == [found[i] for i in order]
    assert filters.flags([*reports, report(False)])[:-1] == found


def candidate(event: int, late_s: float, km: float, intensity: float | None) -> ties.Candidate:
    return ties.Candidate(event, f"kz{event}", late_s, km, intensity, 0.7)


def test_the_event_that_was_to_be_felt_most_is_chosen_with_its_rivals() -> None:
    main, aftershock = candidate(1, 900.0, 30.0, 5.0), candidate(2, 120.0, 30.0, 3.0)
    chosen, terms = ties.choose([aftershock, main], stated=False)
    assert chosen == main
    assert terms["score"] == 3.5 and terms["rivals"][0]["public_id"] == "kz2"
    # Two grades weigh as much as twenty minutes.
    assert ties.choose([replace(main, late_s=1500.0), aftershock], stated=True)[0] == aftershock


@pytest.mark.parametrize(
    ("one", "stated", "possible"),
    [
        (candidate(1, 1800.0, 30.0, 4.0), True, True),
        (candidate(1, -1801.0, 30.0, 4.0), True, False),
        (candidate(1, 3600.0, 30.0, 4.0), False, True),
        (candidate(1, -61.0, 30.0, 4.0), False, False),
        (candidate(1, 0.0, 400.0, 1.2), False, False),
        (candidate(1, 0.0, 400.0, 1.4), False, True),
        (candidate(1, 0.0, 1501.0, 4.0), False, False),
        (candidate(1, 0.0, 150.0, None), False, True),
        (candidate(1, 0.0, 151.0, None), False, False),
    ],
)
def test_an_event_is_possible_within_time_and_reach(
    one: ties.Candidate, stated: bool, possible: bool
) -> None:
    assert one.is_possible(stated) is possible
    assert (ties.choose([one], stated)[0] is not None) is possible
