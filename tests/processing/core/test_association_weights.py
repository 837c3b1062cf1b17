"""The arithmetic of association: neighbours in time, rates, assignment probabilities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core import association_weights as weights


@given(
    st.lists(
        st.tuples(st.floats(0.0, 1000.0), st.sampled_from([10.0, 15.0, 90.0, 400.0])), max_size=25
    ),
    st.integers(1, 50),
)
def test_near_in_time_gives_every_overlap_once_however_it_is_cut(given_, room):
    time = np.array([t for t, _ in given_])
    half = np.array([h for _, h in given_])
    room_before = weights.MOST_AT_ONCE
    weights.MOST_AT_ONCE = room
    try:
        parts = weights.near_in_time(time, half)
    finally:
        weights.MOST_AT_ONCE = room_before
    found = sorted(
        tuple(sorted(pair))
        for first, second in parts
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    )
    start, end = time - half, time + half
    assert found == [
        (i, j)
        for i, j in itertools.combinations(range(time.size), 2)
        if start[i] <= end[j] and start[j] <= end[i]
    ]


def enumerated(pairs: list[tuple[int, int]], log_odds: np.ndarray) -> np.ndarray:
    """Return each pair's probability from all assignments one by one."""
    total, share = 0.0, np.zeros(len(pairs))
    for size in range(len(pairs) + 1):
        for chosen in itertools.combinations(range(len(pairs)), size):
            firsts = [pairs[k][0] for k in chosen]
            seconds = [pairs[k][1] for k in chosen]
            if len(set(firsts)) < size or len(set(seconds)) < size:
                continue
            weight = float(np.exp(sum(log_odds[k] for k in chosen)))
            total += weight
            share[list(chosen)] += weight
    return share / total


@given(st.integers(0, 10_000))
def test_probabilities_are_those_of_all_assignments_where_pairs_form_no_ring(seed):
    random = np.random.default_rng(seed)
    # A chain a0-b0-a1-b1-...: each report has at most two candidates, as two shocks in a row.
    length = int(random.integers(1, 9))
    pairs = [((k + 1) // 2, k // 2) for k in range(length)]
    log_odds = random.normal(2.0, 4.0, length)
    found = weights.pair_probability(
        np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]), log_odds
    )
    assert found == pytest.approx(enumerated(pairs, log_odds), abs=1e-6)


@given(st.integers(0, 10_000))
def test_probabilities_of_a_report_never_exceed_one_and_are_near_the_truth_in_a_ring(seed):
    random = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(3) for b in range(3) if random.random() < 0.8]
    log_odds = random.normal(0.0, 2.0, len(pairs))
    first = np.array([a for a, _ in pairs], dtype=np.int64)
    found = weights.pair_probability(first, np.array([b for _, b in pairs], np.int64), log_odds)
    if pairs:
        assert np.bincount(first, found).max() <= 1.0 + 1e-9
        assert found == pytest.approx(enumerated(pairs, log_odds), abs=0.2)


def test_certainty_leaves_its_rivals_what_is_left():
    found = weights.pair_probability(np.array([0, 0]), np.array([0, 1]), np.array([55.0, 10.0]))
    assert found[0] == pytest.approx(1.0)
    assert found[1] == pytest.approx(np.exp(-45.0), rel=1e-6)


def test_the_rate_is_the_largest_of_the_windows_and_leaves_out_oneself():
    time = np.array([0.0, 10.0, 200.0, 5000.0])
    place = np.array([43.0, 43.0, 43.0, 43.0])
    rate = weights.local_rate(
        time, place, place + 34.0, np.zeros(4, np.int64), (30.0, 300.0), 100.0, 50.0
    )
    area = np.pi * 2500.0
    assert rate == pytest.approx([1 / 60 / area, 1 / 60 / area, 2 / 600 / area, 0.0])


def test_another_source_or_a_far_one_does_not_count():
    time = np.array([0.0, 5.0, 6.0])
    latitude = np.array([43.0, 43.0, 45.0])
    rate = weights.local_rate(
        time, latitude, np.full(3, 77.0), np.array([0, 1, 0]), (30.0,), 100.0, 50.0
    )
    assert not rate.any()


def test_coincidences_count_a_station_and_family_once():
    first, second, count = weights.coincidences(
        np.array([0, 0, 0, 0, 1, 1]),
        np.array([1.0, 1.1, 1.0, 0.9, 5.0, 5.5]),
        np.array([0, 0, 1, 1, 0, 1]),
        0.3,
    )
    assert (first.tolist(), second.tolist(), count.tolist()) == ([0], [1], [1])


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_rows_changes_nothing(order):
    random = np.random.default_rng(3)
    first, second = random.integers(0, 6, 20), random.integers(0, 6, 20)
    _, kept = np.unique(np.stack([first, second]), axis=1, return_index=True)
    first, second = first[kept], second[kept]
    log_odds = random.normal(2.0, 3.0, kept.size)
    whole = weights.pair_probability(first, second, log_odds)
    turned = weights.pair_probability(first[::order], second[::order], log_odds[::order])
    assert turned[::order] == pytest.approx(whole, abs=1e-12)
