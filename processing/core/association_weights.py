"""How much likelier two reports are of one event than of two: on arrays, for all pairs at once.

Two lists of one Poisson process of earthquakes: each event is listed by each agency with some
probability, with errors of time, place and size. Then a pair (i, j) that is one event is likelier
than a pair of two events, each missed by the other agency, by the odds

    w = ln p(differences | one event) - ln [ rate (1 - p1) (1 - p2) ]

with the local rate of events [1/(s km^2)]: record linkage after Fellegi & Sunter (1969), the rate
in place of their chance agreement. Which reports are one event is then an assignment in which each
may also stay alone; the probability of each pair over all assignments is found by belief
propagation, whose only fixed point is reached from any start (Williams & Lau, 2014).

References
----------
Fellegi & Sunter (1969), J. Am. Stat. Assoc. 64, 1183-1210. doi:10.1080/01621459.1969.10501049
Williams & Lau (2014), IEEE Trans. Aerosp. Electron. Syst. 50, 2942-2959.
doi:10.1109/TAES.2014.120568
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from processing.core import geodesy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LARGEST_LOG_ODDS = 60.0
"""Odds are cut there: e^60 is certainty, and its square still a number."""
ROUNDS = 60
"""Of belief propagation; fixed, so that a pair's number does not depend on what is elsewhere."""
MOST_AT_ONCE = 4_000_000
"""Pairs that are compared at once: what bounds the memory."""


def near_in_time(time: Floats, half: Floats) -> list[tuple[Ints, Ints]]:
    """Return index pairs whose intervals ``time`` +- ``half`` overlap, in parts that fit in memory.

    A report that is good to the day overlaps with all of two days, so the parts are cut by the
    number of pairs and not of reports.
    """
    order = np.argsort(time - half, kind="stable")
    start, end = (time - half)[order], (time + half)[order]
    count = np.searchsorted(start, end, side="right") - np.arange(start.size) - 1
    total = np.cumsum(count)
    parts = []
    begin = 0
    while begin < start.size:
        room = MOST_AT_ONCE + (total[begin - 1] if begin else 0)
        until = max(int(np.searchsorted(total, room, side="right")), begin + 1)
        own = count[begin:until]
        first = np.repeat(np.arange(begin, until), own)
        offset = np.arange(first.size) - np.repeat(np.cumsum(own) - own, own)
        parts.append((order[first], order[first + offset + 1]))
        begin = until
    return parts


def local_rate(
    time: Floats,
    latitude: Floats,
    longitude: Floats,
    source: Ints,
    windows_s: tuple[float, ...],
    reach_km: float,
    cluster_km: float,
) -> Floats:
    """Return the rate of other reports of the same source around each [1/(s km^2)], shape (n,).

    The largest over several windows of time, so that both a burst and the hours after a strong
    earthquake show. Those within ``reach_km`` are counted; they are taken to fill a circle of
    ``cluster_km``, as an aftershock sequence does.
    """
    count = np.zeros((len(windows_s), time.size))
    half = np.full(time.size, 0.5 * max(windows_s))
    for first, second in near_in_time(time, half):
        same = source[first] == source[second]
        first, second = first[same], second[same]
        # A degree of latitude is never less than 110.5 km: most pairs need no sphere.
        close = np.abs(latitude[first] - latitude[second]) * 110.5 <= reach_km
        first, second = first[close], second[close]
        distance, _ = geodesy.distance_azimuth(
            latitude[first], longitude[first], latitude[second], longitude[second]
        )
        close = distance * geodesy.KM_PER_DEGREE <= reach_km
        first, second = first[close], second[close]
        apart = np.abs(time[first] - time[second])
        for row, window in enumerate(windows_s):
            inside = apart <= window
            count[row] += np.bincount(first[inside], minlength=time.size)
            count[row] += np.bincount(second[inside], minlength=time.size)
    area = np.pi * cluster_km**2
    rates: Floats = (count / (2.0 * np.array(windows_s)[:, None] * area)).max(axis=0)
    return rates


def log_density(
    time: Floats, distance: Floats, time_sigma: Floats, distance_sigma: Floats
) -> Floats:
    """Return ln p of a difference in time [s] and place [km] of two solutions of one event.

    Normal in time and in both directions of the place; per second and square kilometre.
    """
    density: Floats = (
        -0.5 * ((time / time_sigma) ** 2 + (distance / distance_sigma) ** 2)
        - np.log(np.sqrt(2.0 * np.pi) * time_sigma)
        - np.log(2.0 * np.pi * distance_sigma**2)
    )
    return density


def size_log_odds(difference: Floats, sigma: float, decay: float) -> Floats:
    """Return ln of how much likelier a difference of size is in one event than in two.

    In one it is normal with ``sigma``. In two it is that of two independent sizes after Gutenberg
    and Richter, each exponential with ``decay`` = b ln 10: a Laplace distribution.
    """
    one = -0.5 * (difference / sigma) ** 2 - np.log(np.sqrt(2.0 * np.pi) * sigma)
    two = np.log(0.5 * decay) - decay * np.abs(difference)
    odds: Floats = one - two
    return odds


def pair_probability(first: Ints, second: Ints, log_odds: Floats) -> Floats:
    """Return the probability of each pair over all assignments, shape (m,).

    Parameters
    ----------
    first, second : shape (m,)
        The two places of each pair, numbered from 0 on each side. A place holds one partner or
        none; pairs of one ``first`` exclude each other, as do those of one ``second``.
    log_odds : shape (m,)
        Of the pair against both being alone.
    """
    odds = np.exp(np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS))
    probability: Floats = odds / (1.0 + odds)
    if not first.size:
        return probability
    crowded = (np.bincount(first)[first] > 1) | (np.bincount(second)[second] > 1)
    if not crowded.any():
        return probability
    psi = odds[crowded]
    there_of, there_from = _rivals(first[crowded])
    back_of, back_from = _rivals(second[crowded])
    back: Floats = np.ones(psi.size)
    for _ in range(ROUNDS):
        others = _sums(there_of, (psi * back)[there_from], psi.size)
        there = psi / (1.0 + others)
        back = 1.0 / (1.0 + _sums(back_of, there[back_from], psi.size))
    others = _sums(there_of, (psi * back)[there_from], psi.size)
    probability[crowded] = psi * back / (1.0 + psi * back + others)
    return probability


def _sums(where: Ints, value: Floats, count: int) -> Floats:
    """Return the sum of the values of each of so many pairs."""
    sums: Floats = np.bincount(where, value, count).astype(np.float64)
    return sums


def _rivals(place: Ints) -> tuple[Ints, Ints]:
    """Return for each pair the other pairs of its place, as two arrays: pair, rival.

    The sum of the rivals is then taken over them alone: the sum of all less one's own would lose
    every digit where the own is by far the largest.
    """
    order = np.argsort(place, kind="stable")
    start = np.flatnonzero(np.r_[True, np.diff(place[order]) != 0])
    length = np.diff(np.r_[start, place.size])
    own, begin = np.repeat(length, length), np.repeat(start, length)
    one = np.repeat(np.arange(place.size), own)
    offset = np.arange(one.size) - np.repeat(np.cumsum(own) - own, own)
    other = np.repeat(begin, own) + offset
    different = one != other
    return order[one[different]], order[other[different]]


def coincidences(key: Ints, time: Floats, owner: Ints, within_s: float) -> tuple[Ints, Ints, Ints]:
    """Return report pairs with readings of one station and phase family at nearly one time.

    Parameters
    ----------
    key : shape (n,)
        Number of (station, family) of each reading.
    time : shape (n,)
        [s]
    owner : shape (n,)
        Report of each reading.
    within_s : float
        Largest difference of the same reading.

    Returns
    -------
    first, second, count
        Pairs, first < second, and how many keys they share; a key counts once.
    """
    order = np.lexsort((owner, time, key))
    key, time, owner = key[order], time[order], owner[order]
    found: list[Ints] = []
    step = 1
    while step < key.size:
        near = (key[step:] == key[:-step]) & (time[step:] - time[:-step] <= within_s)
        if not near.any():
            break
        at = np.flatnonzero(near)
        one, other = owner[at], owner[at + step]
        different = one != other
        found.append(
            np.stack([
                np.minimum(one, other)[different], np.maximum(one, other)[different],
                key[at][different],
            ])
        )  # fmt: skip
        step += 1
    if not found:
        none = np.empty(0, dtype=np.int64)
        return none, none, none
    distinct = np.unique(np.concatenate(found, axis=1), axis=1)
    pairs, count = np.unique(distinct[:2], axis=1, return_counts=True)
    return pairs[0], pairs[1], count
