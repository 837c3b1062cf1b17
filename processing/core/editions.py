"""Which rows of a later edition of a list continue which of the earlier one, where ids do not tell.

A revised catalogue moves an event by seconds and kilometres and keeps it one event. Each new row
continues at most one old one and the other way round: the pairs nearest in time and place come
first, whatever the order of the rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from processing.core.association import RuleSet
from processing.core.geodesy import KM_PER_DEGREE, distance_azimuth

Floats = NDArray[np.float64]


def continued(
    old_time: Floats,
    old_latitude: Floats,
    old_longitude: Floats,
    new_time: Floats,
    new_latitude: Floats,
    new_longitude: Floats,
    rules: RuleSet | None = None,
) -> list[tuple[int, int]]:
    """Return the pairs (new row, old row) that are one event, each row at most once.

    Parameters
    ----------
    old_time, new_time : array, shape (n_old,), (n_new,)
        Origin times [s since 1970].
    old_latitude, old_longitude, new_latitude, new_longitude : array
        Epicentres [deg].
    rules : RuleSet, optional
        Gates and scales, those of the association: 20 s and 100 km; misfits are divided by the
        floors for two solutions of one event, 5 s and 28 km.
    """
    rules = rules or RuleSet()
    order = np.argsort(old_time, kind="stable")
    sorted_time = old_time[order]
    first = np.searchsorted(sorted_time, new_time - rules.gate_time_s, side="left")
    last = np.searchsorted(sorted_time, new_time + rules.gate_time_s, side="right")
    counts = last - first
    total = int(counts.sum())
    if total == 0:
        return []
    new = np.repeat(np.arange(len(new_time)), counts)
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    old = order[np.repeat(first, counts) + within]
    degrees, _ = distance_azimuth(
        new_latitude[new], new_longitude[new], old_latitude[old], old_longitude[old]
    )
    kilometres = degrees * KM_PER_DEGREE
    seconds = new_time[new] - old_time[old]
    misfit = (seconds / rules.floor_time_s) ** 2 + (kilometres / rules.floor_distance_km) ** 2
    near = kilometres <= rules.gate_distance_km
    pairs: list[tuple[int, int]] = []
    taken_new: set[int] = set()
    taken_old: set[int] = set()
    # Ties are broken by what the rows say, not by where they stand.
    order = np.lexsort(
        (
            *(old_longitude[old], old_latitude[old], old_time[old]),
            *(new_longitude[new], new_latitude[new], new_time[new]),
            misfit,
        )
    )
    for at in order:
        if not near[at]:
            continue
        n, o = int(new[at]), int(old[at])
        if n not in taken_new and o not in taken_old:
            taken_new.add(n)
            taken_old.add(o)
            pairs.append((n, o))
    return sorted(pairs)
