"""Rows of a later edition find the rows they continue."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processing.core.editions import continued

ROW = st.tuples(st.floats(0, 3000), st.floats(40, 46), st.floats(74, 82))


def columns(rows: list[tuple[float, float, float]]) -> np.ndarray:
    return np.array(rows, dtype=float).reshape(-1, 3).T


def test_moved_event_is_continued_and_a_far_one_is_not() -> None:
    old = columns([(0, 43.0, 77.0), (1000, 43.0, 77.0)])
    new = columns([(3, 43.2, 77.1), (1000, 45.0, 77.0)])  # 24 km and 3 s; 222 km
    assert continued(*old, *new) == [(0, 0)]


def test_of_two_candidates_the_nearer_continues() -> None:
    old = columns([(0, 43.0, 77.0), (8, 43.0, 77.0)])
    new = columns([(7, 43.0, 77.0)])
    assert continued(*old, *new) == [(0, 1)]


@given(st.lists(ROW, max_size=15), st.lists(ROW, max_size=15), st.randoms())
def test_each_row_at_most_once_and_order_does_not_matter(old, new, random) -> None:  # type: ignore[no-untyped-def]
    pairs = continued(*columns(old), *columns(new))
    assert len({n for n, _ in pairs}) == len({o for _, o in pairs}) == len(pairs)
    shuffled = list(range(len(old)))
    random.shuffle(shuffled)
    again = continued(*columns([old[i] for i in shuffled]), *columns(new))
    if len(set(old)) == len(old):
        assert {(n, old[o]) for n, o in pairs} == {(n, old[shuffled[o]]) for n, o in again}
