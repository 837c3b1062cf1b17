"""What is true in the example year: its fixed numbers, and that the rest is drawn within bounds."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from processing.example import seismicity
from processing.example.seismicity import NORTHERN_TIEN_SHAN, Source

#: Real facts of the year in the Northern Tien Shan and elsewhere (article).
REAL_NORTH, REAL_ELSEWHERE = (9.7, 12.1, 13.6), (11.7,)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return seismicity.year(np.random.default_rng(2014))


def counted(sources: list[Source]) -> list[Source]:
    return [s for s in sources if s.kind == "earthquake"]


def in_box(source: Source) -> bool:
    south, north, west, east = NORTHERN_TIEN_SHAN
    return south <= source.latitude <= north and west <= source.longitude <= east


@pytest.mark.parametrize(
    ("kr", "energy_class"),
    [(6.6, 7), (7.5, 7), (7.6, 8), (8.5, 8), (8.6, 9), (11.5, 11), (13.6, 14), (13.5, 13)],
)
def test_a_class_reaches_from_four_tenths_below_to_five_above(kr: float, energy_class: int) -> None:
    assert seismicity.class_of(kr) == energy_class


def test_counts_and_energy_with_the_real_events(sources: list[Source]) -> None:
    north = [s.kr for s in counted(sources) if in_box(s)] + list(REAL_NORTH)
    other = [s.kr for s in counted(sources) if not in_box(s)] + list(REAL_ELSEWHERE)
    assert Counter(map(seismicity.class_of, north)) == {
        7: 332, 8: 103, 9: 29, 10: 15, 11: 8, 12: 1, 14: 1
    }  # fmt: skip
    assert (len(north), len(north) + len(other)) == (489, 559)
    assert f"{sum(10**kr for kr in north):.2e}" == "4.22e+13"


@pytest.mark.parametrize("seed", [1, 7, 2014])
def test_any_seed_gives_the_same_numbers(seed: int) -> None:
    sources = seismicity.year(np.random.default_rng(seed))
    assert len(counted(sources)) == 486 + 69
    assert sum(s.published_mechanism for s in sources) == seismicity.MECHANISMS
    assert sum(s.felt for s in sources) == seismicity.FELT_EVENTS


def test_no_two_events_are_near_in_time(sources: list[Source]) -> None:
    times = [s.time for s in sources]
    gaps = [b - a for a, b in pairwise(times)]
    assert min(gaps) >= timedelta(seconds=seismicity.APART_S)
    assert all(
        abs((s.time - real).total_seconds()) >= seismicity.APART_FROM_REAL_S
        for s in sources
        for real in seismicity.REAL_TIMES
    )


def test_all_happens_within_the_year(sources: list[Source]) -> None:
    assert {s.time.year for s in sources} == {2014}


def test_aftershocks_follow_their_main_shock(sources: list[Source]) -> None:
    main = max(counted(sources), key=lambda s: (in_box(s), s.kr))
    near = [
        s
        for s in counted(sources)
        if 0 < (s.time - main.time).total_seconds() < 25 * 86400
        and abs(s.latitude - main.latitude) < 0.2
        and abs(s.longitude - main.longitude) < 0.3
    ]
    assert len(near) >= seismicity.SEQUENCES[0]


def test_numbers_are_unique(sources: list[Source]) -> None:
    numbers = [s.number for s in sources]
    assert len(set(numbers)) == len(numbers)
