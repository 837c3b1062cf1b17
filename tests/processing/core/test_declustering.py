"""Declustering: brute force finds the same, input order is nothing, a made-up sequence is found."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import declustering as core
from processing.core.declustering import AFTERSHOCK, FORESHOCK, MAINSHOCK, METHODS, SINGLE
from processing.core.geodesy import EARTH_RADIUS_KM

DAY = 86400.0
Catalogue = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def catalogue(seed: int, count: int, *, days: float = 200.0, clustered: bool = True) -> Catalogue:
    """Events of some years, half of them near a few others; one in twenty without a size."""
    random = np.random.default_rng(seed)
    time = random.uniform(0, days * DAY, count)
    lat, lon = random.uniform(42.0, 44.0, count), random.uniform(75.0, 79.0, count)
    size = 2.0 + random.exponential(0.6, count)
    if clustered and count > 4:
        parents = random.integers(0, count // 4 + 1, count // 2)
        children = np.arange(count - count // 2, count)
        time[children] = time[parents] + random.pareto(0.5, len(children)) * 600.0 + 1.0
        lat[children] = lat[parents] + random.normal(0, 0.03, len(children))
        lon[children] = lon[parents] + random.normal(0, 0.03, len(children))
    size[random.uniform(size=count) < 0.05] = math.nan
    return time, lat, lon, np.round(size, 1)


def km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance along the sphere, by the haversine formula."""
    (p, q), (r, s) = np.radians(a), np.radians(b)
    h = math.sin((r - p) / 2) ** 2 + math.cos(p) * math.cos(r) * math.sin((s - q) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def families(cluster: np.ndarray) -> set[frozenset[int]]:
    """Return the events of each cluster."""
    return {
        frozenset(np.flatnonzero(cluster == one).tolist()) for one in set(cluster.tolist()) - {0}
    }


def sorted_rows(events: Catalogue) -> list[tuple[int, float, tuple[float, float], float]]:
    time, lat, lon, size = events
    rows = [
        (i, float(time[i]) / DAY, (float(lat[i]), float(lon[i])), float(size[i]))
        for i in range(len(time))
    ]
    return sorted(rows, key=lambda row: row[1])


def windows_by_force(events: Catalogue, window: Callable[[Any], Any]) -> set[frozenset[int]]:
    rows = sorted_rows(events)
    family = {r[0]: r[0] for r in rows}
    free = {r[0] for r in rows}
    for main in sorted((r for r in rows if not math.isnan(r[3])), key=lambda r: (-r[3], r[1])):
        if main[0] not in free:
            continue
        free.remove(main[0])
        length, duration = (float(v) for v in window(main[3]))
        for other in rows:
            if other[0] not in free:
                continue
            apart, lag = km(main[2], other[2]), other[1] - main[1]
            if lag >= 0:
                belongs = apart <= length and lag <= duration
            else:
                own = [float(v) for v in window(other[3])]
                belongs = apart <= own[0] and -lag <= own[1]
            if belongs:
                family[other[0]] = main[0]
                free.remove(other[0])
    return grouped(family)


def grouped(family: dict[int, int]) -> set[frozenset[int]]:
    found: dict[int, set[int]] = {}
    for event, head in family.items():
        found.setdefault(head, set()).add(event)
    return {frozenset(one) for one in found.values() if len(one) > 1}


def reasenberg_by_force(events: Catalogue, xmeff: float = 1.5) -> set[frozenset[int]]:
    rows = sorted_rows(events)
    size = [-math.inf if math.isnan(r[3]) else r[3] for r in rows]
    radius = [0.011 * 10 ** (0.4 * m) if m > -math.inf else -1.0 for m in size]
    clusters: list[set[int]] = [{i} for i in range(len(rows))]
    for i, row in enumerate(rows):
        main = max(clusters[i], key=lambda k: (size[k], -k))
        tau = 1.0
        if main != i:
            excess = max(0.5 * size[main] - xmeff, 0.0)
            tau = -math.log(0.05) * (row[1] - rows[main][1]) / 10 ** (2 * (excess - 1) / 3)
            tau = min(max(tau, 1.0), 10.0)
        near = []
        for j in range(i + 1, len(rows)):
            if rows[j][1] - row[1] > tau or j in clusters[i]:
                continue
            latest = km(row[2], rows[j][2]) <= 10 * radius[i]
            largest = main != i and km(rows[main][2], rows[j][2]) <= radius[main]
            if latest or largest:
                near.append(j)
        for j in near:
            if j not in clusters[i]:
                joined = clusters[i] | clusters[j]
                for k in joined:
                    clusters[k] = joined
    return {frozenset(rows[k][0] for k in one) for one in clusters if len(one) > 1}


def parents_by_force(events: Catalogue) -> list[float]:
    rows = sorted_rows(events)
    least = [math.inf] * len(rows)
    for child in rows:
        for parent in rows:
            lag = (child[1] - parent[1]) / 365.25
            if lag > 0 and not math.isnan(parent[3]):
                apart = max(km(parent[2], child[2]), 0.1)
                value = math.log10(lag) + 1.6 * math.log10(apart) - parent[3]
                least[child[0]] = min(least[child[0]], value)
    return least


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60))
def test_brute_force_finds_the_same(seed: int, count: int) -> None:
    events = catalogue(seed, count)
    for method, window in (
        (core.gardner_knopoff_1974, core.gardner_knopoff_1974_window),
        (core.uhrhammer_1986, core.uhrhammer_1986_window),
    ):
        assert families(method(*events).cluster) == windows_by_force(events, window)
    assert families(core.reasenberg_1985(*events).cluster) == reasenberg_by_force(events)
    _parent, log_eta = core.nearest_neighbours(*events)
    np.testing.assert_allclose(log_eta, parents_by_force(events), rtol=0, atol=1e-9)


def test_trees_of_epicentres_miss_no_nearer_parent() -> None:
    events = catalogue(7, 1500, days=3000.0)
    parent, log_eta = core.nearest_neighbours(*events)
    search = core._Search(core._sorted(*events), 1.0, 1.6, np.full(1500, -1), np.full(1500, np.inf))
    usable = np.flatnonzero(~np.isnan(search.events.magnitude))
    search.try_all(usable, np.arange(1500))
    np.testing.assert_array_equal(log_eta[search.events.order], search.log_eta)
    place = np.where(search.parent >= 0, search.events.order[search.parent], -1)
    np.testing.assert_array_equal(parent[search.events.order], place)


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_input_does_not_matter(name: str, seed: int) -> None:
    events = catalogue(seed, 120)
    # Several events of one time, and of one size.
    events[0][3:6] = events[0][3]
    events[3][10:14] = 3.3
    found = METHODS[name].decluster(*events)
    order = np.random.default_rng(seed).permutation(120)
    mixed = METHODS[name].decluster(*(values[order] for values in events))
    np.testing.assert_array_equal(mixed.cluster, found.cluster[order])
    np.testing.assert_array_equal(mixed.role, found.role[order])


@pytest.mark.parametrize("name", METHODS)
def test_roles_are_consistent(name: str) -> None:
    time, _lat, _lon, size = events = catalogue(11, 400)
    found = METHODS[name].decluster(*events)
    assert ((found.cluster == 0) == (found.role == SINGLE)).all()
    heads = []
    for one in range(1, found.cluster.max() + 1):
        members = np.flatnonzero(found.cluster == one)
        (main,) = members[found.role[members] == MAINSHOCK]
        assert size[main] == np.nanmax(size[members])
        assert (time[members[found.role[members] == FORESHOCK]] <= time[main]).all()
        assert (time[members[found.role[members] == AFTERSHOCK]] >= time[main]).all()
        heads.append(time[members].min())
    assert heads == sorted(heads) and len(heads) > 3


@pytest.mark.parametrize("name", METHODS)
def test_a_synthetic_sequence_is_found(name: str) -> None:
    """300 events of background, and one sequence of Omori's law after a foreshock of its own."""
    random = np.random.default_rng(5)
    back, after = 300, 120
    time = np.concatenate(
        (
            random.uniform(0, 3650, back),
            [1800.0 - 0.2, 1800.0],
            1800.0 + 0.01 * ((30 / 0.01 + 1) ** random.uniform(size=after)),
        )
    )
    lat = np.concatenate(
        (random.uniform(38, 50, back), [43.0, 43.0], 43.0 + random.normal(0, 0.02, after))
    )
    lon = np.concatenate(
        (random.uniform(65, 85, back), [77.0, 77.0], 77.0 + random.normal(0, 0.02, after))
    )
    size = np.concatenate((2.0 + random.exponential(0.4, back), [4.5, 6.5],
                           np.minimum(2.0 + random.exponential(0.4, after), 5.4)))  # fmt: skip
    found = METHODS[name].decluster(time * DAY, lat, lon, size)
    main = back + 1
    assert found.role[main] == MAINSHOCK and found.role[back] == FORESHOCK
    own = found.cluster == found.cluster[main]
    assert own[main + 1 :].mean() > 0.9
    assert own[:back].mean() < 0.02
    assert (found.role[:back] == SINGLE).mean() > 0.85
    assert found.method == name


@pytest.mark.parametrize(
    ("magnitude", "km", "days"),
    # The table of the project's methods paper, section 5.
    [(4.0, 30.1, 41.4), (4.5, 34.7, 77.1), (5.0, 40.0, 143.7), (5.3, 43.6, 208.8),
     (5.5, 46.1, 267.9), (6.0, 53.2, 499.3), (7.0, 70.7, 918.1)],
)  # fmt: skip
def test_windows_of_gardner_and_knopoff(magnitude: float, km: float, days: float) -> None:
    length, duration = core.gardner_knopoff_1974_window(magnitude)
    assert (round(float(length), 1), round(float(duration), 1)) == (km, days)


def test_a_mixture_is_split_where_its_two_parts_are_equally_likely() -> None:
    random = np.random.default_rng(3)
    values = np.concatenate((random.normal(-6.0, 0.5, 2000), random.normal(-2.0, 0.5, 2000)))
    assert core.mixture_threshold(values) == pytest.approx(-4.0, abs=0.1)
    assert core.mixture_threshold(random.permutation(values)) == core.mixture_threshold(values)
    assert core.mixture_threshold(values[:20]) == -math.inf
    assert core.mixture_threshold(random.normal(0, 1, 2000)) == -math.inf


@pytest.mark.parametrize("name", METHODS)
def test_few_events_none_and_events_without_a_size(name: str) -> None:
    nothing = METHODS[name].decluster([], [], [], [])
    assert nothing.cluster.shape == nothing.role.shape == (0,)
    no_size = METHODS[name].decluster([0.0, 60.0], [43.0, 43.0], [77.0, 77.0], [np.nan, np.nan])
    assert no_size.role.tolist() == [SINGLE, SINGLE]
    with pytest.raises(ValueError, match="one length"):
        METHODS[name].decluster([0.0], [43.0, 43.0], [77.0], [1.0])
    with pytest.raises(ValueError, match="a time and a place"):
        METHODS[name].decluster([np.nan], [43.0], [77.0], [1.0])


@pytest.mark.parametrize(
    "wrong", [{"tau_min_d": 0.0}, {"tau_max_d": 0.5}, {"p1": 1.0}, {"rfact": -1.0}]
)
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="tau_min"):
        core.reasenberg_1985([], [], [], [], **wrong)


@pytest.mark.long
@pytest.mark.parametrize("name", METHODS)
def test_a_hundred_thousand_events_take_seconds(name: str) -> None:
    """Half of them in sequences; the bound is generous, for machines that do other things, too."""
    events = catalogue(2, 100_000, days=7300.0)
    begun = process_time()
    METHODS[name].decluster(*events)
    assert process_time() - begun < 60.0
