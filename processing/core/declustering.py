"""Foreshock, mainshock, aftershock: which events of a catalogue belong to one sequence.

Three published methods, each named with its parameters wherever its flags are shown: none of them
is the truth, and they do not agree. All take arrays in any order and return labels in that order;
the order itself changes nothing. Distances are between epicentres, along the great circle of a
sphere of 6371 km: bulletin depths are too often fixed or missing to measure with.

An event without a size opens no window and is nobody's parent, but it may lie in another's.

References
----------
Gardner & Knopoff (1974), Bull. Seism. Soc. Am. 64, 1363-1367.
Uhrhammer (1986), Earthquake Notes 57, 21.
Reasenberg (1985), J. Geophys. Res. 90, 5479-5495. doi:10.1029/JB090iB07p05479
Zaliapin & Ben-Zion (2013), J. Geophys. Res. 118, 2847-2864. doi:10.1002/jgrb.50179
van Stiphout, Zhuang & Marsan (2012), CORSSA. doi:10.5078/corssa-52382934
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from processing.core.geodesy import EARTH_RADIUS_KM

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROLES = ("single", "foreshock", "mainshock", "aftershock")
SINGLE, FORESHOCK, MAINSHOCK, AFTERSHOCK = range(4)

DAY_S = 86400.0
YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Declustered:
    """What a method says of each event, and all that is needed to say it again.

    Attributes
    ----------
    method : str
        A key of ``METHODS``.
    parameters : dict
        Every parameter with its value.
    cluster : array of int, shape (n,)
        Number of the event's cluster, counted from 1 in the order of their first events; 0: none.
    role : array of int, shape (n,)
        Places in ``ROLES``.
    fitted : dict
        What the method found in the data itself: a threshold.
    """

    method: str
    parameters: Mapping[str, float]
    cluster: IntArray
    role: IntArray
    fitted: Mapping[str, float]


@dataclass(frozen=True)
class _Events:
    """A catalogue in the order of time; ``order`` leads back to the caller's."""

    order: IntArray
    days: FloatArray
    place: FloatArray
    """Places on the sphere [km], shape (n, 3)."""
    magnitude: FloatArray
    """NaN: not known."""

    def __len__(self) -> int:
        return len(self.days)


def _sorted(
    time_s: ArrayLike, latitude: ArrayLike, longitude: ArrayLike, magnitude: ArrayLike
) -> _Events:
    time, lat, lon, size = (
        np.asarray(values, dtype=np.float64) for values in (time_s, latitude, longitude, magnitude)
    )
    if not time.ndim == 1 or not time.shape == lat.shape == lon.shape == size.shape:
        raise ValueError("times, places and magnitudes are arrays of one length")
    if not (np.isfinite(time).all() and np.isfinite(lat).all() and np.isfinite(lon).all()):
        raise ValueError("every event has a time and a place")
    # Events of one time are told apart by what they are, never by where they stand in the input.
    order = np.lexsort((-size, lon, lat, time))
    phi, lam = np.radians(lat[order]), np.radians(lon[order])
    place = EARTH_RADIUS_KM * np.column_stack(
        (np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi))
    )
    first = time.min() if len(time) else 0.0
    return _Events(order, (time[order] - first) / DAY_S, place, size[order])


def _chord_km(arc_km: FloatArray) -> FloatArray:
    """Return the straight distance of two points so far apart along the sphere."""
    half = np.minimum(arc_km / (2.0 * EARTH_RADIUS_KM), np.pi / 2.0)
    chord: FloatArray = 2.0 * EARTH_RADIUS_KM * np.sin(half)
    return chord


def _arc_km(chord_km: FloatArray) -> FloatArray:
    half = np.minimum(chord_km / (2.0 * EARTH_RADIUS_KM), 1.0)
    arc: FloatArray = 2.0 * EARTH_RADIUS_KM * np.arcsin(half)
    return arc


def _chords(place: FloatArray, others: FloatArray) -> FloatArray:
    """Return straight distances [km] from one place to several."""
    apart = others - place
    chords: FloatArray = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return chords


def _labelled(
    method: str,
    parameters: Mapping[str, float],
    events: _Events,
    family: IntArray,
    fitted: Mapping[str, float] | None = None,
) -> Declustered:
    """Give roles to the events of families, in the order of the input.

    The mainshock is the largest event of a cluster, the earliest of equals; what comes before it
    is a foreshock, what comes after it an aftershock.

    Parameters
    ----------
    family : array of int, shape (n,)
        Any number for each event, in the order of time; equal ones are one family.
    """
    count = len(events)
    cluster = np.zeros(count, dtype=np.int64)
    role = np.full(count, SINGLE, dtype=np.int64)
    if count:
        _values, first, inverse, sizes = np.unique(
            family, return_index=True, return_inverse=True, return_counts=True
        )
        several = sizes > 1
        number = np.zeros(len(sizes), dtype=np.int64)
        by_time = np.argsort(first)
        number[by_time] = np.cumsum(several[by_time]) * several[by_time]
        size = np.where(np.isnan(events.magnitude), -np.inf, events.magnitude)
        ranked = np.lexsort((np.arange(count), -size, inverse))
        main = np.empty(len(sizes), dtype=np.int64)
        main[inverse[ranked[::-1]]] = ranked[::-1]  # the first of each family is written last
        place = np.arange(count)
        of_family = main[inverse]
        told = np.where(
            place == of_family, MAINSHOCK, np.where(place < of_family, FORESHOCK, AFTERSHOCK)
        )
        in_several = several[inverse]
        role[in_several] = told[in_several]
        cluster = number[inverse]
    back_cluster, back_role = np.empty_like(cluster), np.empty_like(role)
    back_cluster[events.order], back_role[events.order] = cluster, role
    return Declustered(method, dict(parameters), back_cluster, back_role, dict(fitted or {}))


# --- Windows -----------------------------------------------------------------------------------


def gardner_knopoff_1974_window(magnitude: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the lengths [km] and durations [days] of Gardner & Knopoff's windows.

    The usual fits to their table, which runs from 2.5 (19.5 km, 6 d) to 8.0 (94 km, 985 d); outside
    it they are extrapolated. lg L = 0.1238 M + 0.983; lg T = 0.5409 M - 0.547 below 6.5, and
    0.032 M + 2.7389 from there.
    """
    size = np.asarray(magnitude, dtype=np.float64)
    days = np.where(size >= 6.5, 0.032 * size + 2.7389, 0.5409 * size - 0.547)
    return 10.0 ** (0.1238 * size + 0.983), 10.0**days


def uhrhammer_1986_window(magnitude: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the lengths [km] and durations [days] of Uhrhammer's windows.

    L = exp(-1.024 + 0.804 M), T = exp(-2.87 + 1.235 M).
    """
    size = np.asarray(magnitude, dtype=np.float64)
    return np.exp(-1.024 + 0.804 * size), np.exp(-2.87 + 1.235 * size)


def gardner_knopoff_1974(
    time_s: ArrayLike, latitude: ArrayLike, longitude: ArrayLike, magnitude: ArrayLike
) -> Declustered:
    """Decluster by the windows of Gardner & Knopoff (1974); see ``_by_windows``."""
    events = _sorted(time_s, latitude, longitude, magnitude)
    return _by_windows("gardner-knopoff-1974", events, gardner_knopoff_1974_window)


def uhrhammer_1986(
    time_s: ArrayLike, latitude: ArrayLike, longitude: ArrayLike, magnitude: ArrayLike
) -> Declustered:
    """Decluster by the windows of Uhrhammer (1986), otherwise as ``gardner_knopoff_1974``."""
    events = _sorted(time_s, latitude, longitude, magnitude)
    return _by_windows("uhrhammer-1986", events, uhrhammer_1986_window)


def _by_windows(
    method: str,
    events: _Events,
    window: Callable[[ArrayLike], tuple[FloatArray, FloatArray]],
) -> Declustered:
    """Let each event, the largest first, take the smaller ones that belong to it.

    Later events inside its window are its aftershocks. An earlier, smaller event is its foreshock
    if it lies inside the *foreshock's* own window (van Stiphout et al. 2012, section 3.1). An event
    that belongs to a larger one opens no window. Of equal sizes the earlier comes first.
    """
    days, size = events.days, events.magnitude
    length_km, duration = window(size)
    length = _chord_km(length_km)
    family = np.arange(len(events))
    free = np.ones(len(events), dtype=bool)
    known = np.flatnonzero(~np.isnan(size))
    ranked = known[np.lexsort((known, -size[known]))]
    # The window is closed: "within".
    first = np.searchsorted(days, days - duration, side="left")
    last = np.searchsorted(days, days + duration, side="right")
    for main in ranked:
        if not free[main]:
            continue
        free[main] = False
        start, stop = first[main], last[main]
        if stop - start < 2:
            continue
        near = start + np.flatnonzero(free[start:stop])  # none is larger: those come before
        if not len(near):
            continue
        apart = _chords(events.place[main], events.place[near])
        # Equals of the same instant are after it, by their rank.
        later = near > main
        own = np.where(later, apart <= length[main], apart <= length[near])
        lag = np.where(later, 0.0, days[main] - days[near])
        taken = near[own & (later | (lag <= duration[near]))]
        family[taken] = main
        free[taken] = False
    return _labelled(method, {}, events, family)


# --- Reasenberg --------------------------------------------------------------------------------


def reasenberg_1985(
    time_s: ArrayLike,
    latitude: ArrayLike,
    longitude: ArrayLike,
    magnitude: ArrayLike,
    *,
    tau_min_d: float = 1.0,
    tau_max_d: float = 10.0,
    p1: float = 0.95,
    xk: float = 0.5,
    xmeff: float = 1.5,
    rfact: float = 10.0,
) -> Declustered:
    """Link events of Reasenberg's (1985) interaction zones into clusters.

    Each event, in the order of time, looks ahead for ``tau`` days and links what lies within
    ``rfact`` source radii of it, or within one source radius of the largest event of its cluster;
    r = 0.011 10^(0.4 M) km. Outside a cluster, or as its largest event so far, tau = tau_min;
    inside, -ln(1 - p1) t / 10^(2 (dM - 1) / 3) with t the time since the cluster's largest event,
    dM = (1 - xk) M_largest - xmeff, at least 0, kept between tau_min and tau_max. Two clusters
    that are linked become one. The limit of one crustal thickness of later programs is not used.

    Parameters
    ----------
    tau_min_d, tau_max_d
        Bounds of the look-ahead time, days.
    p1
        Confidence of seeing the next event of the sequence.
    xk, xmeff
        Rise of the lower cutoff during clusters, and the effective lower cutoff.
    rfact
        Source radii around the latest event.
    """
    parameters = {
        "tau_min_d": tau_min_d, "tau_max_d": tau_max_d, "p1": p1, "xk": xk, "xmeff": xmeff,
        "rfact": rfact,
    }  # fmt: skip
    if not 0 < tau_min_d <= tau_max_d or not 0 < p1 < 1 or rfact <= 0:
        raise ValueError("0 < tau_min <= tau_max, 0 < p1 < 1, rfact > 0")
    events = _sorted(time_s, latitude, longitude, magnitude)
    days, place = events.days, events.place
    size = np.where(np.isnan(events.magnitude), -np.inf, events.magnitude)
    source_km = 0.011 * 10.0 ** (0.4 * size)
    # An event of unknown size links nothing, not even what lies at its very place.
    known = np.isfinite(size)
    latest = np.where(known, _chord_km(rfact * source_km), -1.0)
    main_zone = np.where(known, _chord_km(source_km), -1.0)
    count = len(events)
    family = np.arange(count)
    members: dict[int, list[int]] = {}
    largest: dict[int, int] = {}
    waits = -np.log(1.0 - p1)
    ends = np.searchsorted(days, days + tau_min_d, side="right")
    for i in range(count):
        own = int(family[i])
        main = largest.get(own, i)
        stop = int(ends[i])
        if main != i:
            excess = max((1.0 - xk) * size[main] - xmeff, 0.0)
            tau = waits * (days[i] - days[main]) / 10.0 ** ((excess - 1.0) * 2.0 / 3.0)
            tau = min(max(tau, tau_min_d), tau_max_d)
            stop = int(np.searchsorted(days, days[i] + tau, side="right"))
        if stop <= i + 1:
            continue
        ahead = i + 1 + np.flatnonzero(family[i + 1 : stop] != own)
        if not len(ahead):
            continue
        linked = _chords(place[i], place[ahead]) <= latest[i]
        if main != i:
            linked |= _chords(place[main], place[ahead]) <= main_zone[main]
        for other in np.unique(family[ahead[linked]]):
            joined = members.pop(int(other), [int(other)])
            theirs = largest.pop(int(other), int(other))
            mine = largest.get(own, i)
            # The larger; of equals the earlier, which comes first.
            largest[own] = min(mine, theirs, key=lambda k: (-size[k], k))
            members.setdefault(own, [own]).extend(joined)
            family[joined] = own
    return _labelled("reasenberg-1985", parameters, events, family)


# --- Nearest neighbours ------------------------------------------------------------------------

NEAREST_KM = 0.1
"""Epicentres nearer than this count as so far apart: no catalogue tells them better."""

LEAF = 128
"""Events whose parents among each other are found by trying all pairs."""
TRIED = 48
"""So few possible parents of a range are tried one by one rather than by a tree."""
RANGE = 0.5
"""Width of the ranges of magnitude that have a tree each."""
FEWEST_FOR_MIXTURE = 50
"""Ours: with fewer pairs two normal distributions are not told apart."""


def nearest_neighbour_2013(
    time_s: ArrayLike,
    latitude: ArrayLike,
    longitude: ArrayLike,
    magnitude: ArrayLike,
    *,
    b: float = 1.0,
    df: float = 1.6,
    q: float = 0.5,
    log_eta0: float | None = None,
) -> Declustered:
    """Link each event to its nearest earlier neighbour in time, space and size.

    eta_ij = t_ij r_ij^df 10^(-b m_i), t in years, r in km (Zaliapin & Ben-Zion 2013, equation 1);
    the parent of j is the i with the least. Links with lg eta below the threshold make families.
    Without ``log_eta0`` it is where two normal distributions fitted to lg eta are equally likely.
    With fewer than 50 pairs, or where the two do not differ, nothing is linked.

    Parameters
    ----------
    b
        Slope of the frequency-magnitude law.
    df
        Fractal dimension of epicentres.
    q
        Share of time in the split of eta: lg T = lg t - q b m, lg R = df lg r - (1 - q) b m. Their
        sum is lg eta whatever q, so it moves no link.
    log_eta0
        The threshold, lg eta.
    """
    if not (b > 0 and df > 0 and 0 <= q <= 1):
        raise ValueError("b > 0, df > 0, 0 <= q <= 1")
    parameters = {"b": b, "df": df, "q": q}
    events = _sorted(time_s, latitude, longitude, magnitude)
    parent, log_eta = _parents(events, b, df)
    fitted: dict[str, float] = {}
    if log_eta0 is not None:
        parameters["log_eta0"] = threshold = log_eta0
    else:
        threshold = mixture_threshold(log_eta[np.isfinite(log_eta)])
        if np.isfinite(threshold):
            fitted["log_eta0"] = round(float(threshold), 4)
    family = np.arange(len(events))
    for event in np.flatnonzero((parent >= 0) & (log_eta < threshold)):
        family[event] = family[parent[event]]  # a parent is earlier: its own family stands
    return _labelled("nearest-neighbour-2013", parameters, events, family, fitted)


def nearest_neighbours(
    time_s: ArrayLike,
    latitude: ArrayLike,
    longitude: ArrayLike,
    magnitude: ArrayLike,
    *,
    b: float = 1.0,
    df: float = 1.6,
) -> tuple[IntArray, FloatArray]:
    """Return for each event the place of its parent in the input, -1 for none, and lg eta."""
    events = _sorted(time_s, latitude, longitude, magnitude)
    parent, log_eta = _parents(events, b, df)
    back_parent, back_eta = np.full_like(parent, -1), np.empty_like(log_eta)
    has = parent >= 0
    back_parent[events.order[has]] = events.order[parent[has]]
    back_eta[events.order] = log_eta
    return back_parent, back_eta


@dataclass
class _Search:
    """The nearest parents found so far; lg eta is compared, ties go to the earlier parent."""

    events: _Events
    b: float
    df: float
    parent: IntArray
    log_eta: FloatArray

    def try_pairs(self, parents: IntArray, children: IntArray, chord: FloatArray) -> None:
        """Compare pairs; each child may stand several times."""
        events = self.events
        lag = (events.days[children] - events.days[parents]) / YEAR_DAYS
        after = lag > 0
        if not after.any():
            return
        parents, children, lag = parents[after], children[after], lag[after]
        arc = np.maximum(_arc_km(chord[after]), NEAREST_KM)
        value = np.log10(lag) + self.df * np.log10(arc) - self.b * events.magnitude[parents]
        best = np.lexsort((parents, value, children))
        parents, children, value = parents[best], children[best], value[best]
        first = np.ones(len(children), dtype=bool)
        first[1:] = children[1:] != children[:-1]
        parents, children, value = parents[first], children[first], value[first]
        held, holder = self.log_eta[children], self.parent[children]
        better = (value < held) | ((value == held) & (parents < holder))
        self.log_eta[children[better]] = value[better]
        self.parent[children[better]] = parents[better]

    def try_all(self, parents: IntArray, children: IntArray) -> None:
        """Compare every pair of some parents with some children, in pieces that fit in memory."""
        if not len(parents):
            return
        place = self.events.place
        rows = max(1, 400_000 // len(parents))
        for start in range(0, len(children), rows):
            some = children[start : start + rows]
            apart = place[some][:, None, :] - place[parents][None, :, :]
            chord = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
            lag = self.events.days[some][:, None] - self.events.days[parents][None, :]
            with np.errstate(divide="ignore", invalid="ignore"):
                value = (
                    np.log10(lag / YEAR_DAYS)
                    + self.df * np.log10(np.maximum(_arc_km(chord), NEAREST_KM))
                    - self.b * self.events.magnitude[parents][None, :]
                )
            value[~(lag > 0)] = np.inf
            least = np.argmin(value, axis=1)  # the first, so the earliest, of equals
            found = value[np.arange(len(some)), least]
            holder = parents[least]
            held = self.log_eta[some]
            better = (found < held) | (
                (found == held) & np.isfinite(found) & (holder < self.parent[some])
            )
            self.log_eta[some[better]] = found[better]
            self.parent[some[better]] = holder[better]


def _parents(events: _Events, b: float, df: float) -> tuple[IntArray, FloatArray]:
    """Return each event's nearest earlier neighbour (-1: none) and lg eta, in the order of time.

    Time is halved again and again. Within the smallest pieces all pairs are tried. Then the later
    half looks for parents in the earlier one: by range of magnitude a tree of epicentres gives
    those within the distance beyond which no parent of that range could be nearer than the best
    known. So nothing is missed, and few pairs are looked at.
    """
    count = len(events)
    search = _Search(events, b, df, np.full(count, -1, dtype=np.int64), np.full(count, np.inf))
    usable = ~np.isnan(events.magnitude)
    step = LEAF
    for start in range(0, count, step):
        piece = np.arange(start, min(count, start + step))
        search.try_all(piece[usable[piece]], piece)
    while step < count:
        for start in range(0, count, 2 * step):
            middle, stop = start + step, min(count, start + 2 * step)
            if middle < stop:
                earlier = np.arange(start, middle)
                _look_back(search, earlier[usable[earlier]], np.arange(middle, stop))
        step *= 2
    return search.parent, search.log_eta


def _look_back(search: _Search, parents: IntArray, children: IntArray) -> None:
    """Find what is nearer than the best known among parents that are all earlier."""
    events = search.events
    if not len(parents):
        return
    # Large parents first: they are few, and what they take narrows the search for the others.
    ranges = np.floor(events.magnitude[parents] / RANGE)
    for one in np.unique(ranges)[::-1]:
        some = parents[ranges == one]
        if len(some) <= TRIED:
            search.try_all(some, children)
            continue
        lag = (events.days[children] - events.days[some[-1]]) / YEAR_DAYS
        largest = events.magnitude[some].max()
        with np.errstate(divide="ignore"):
            # Beyond this lg r nothing of the range is nearer than the best known.
            reach = (search.log_eta[children] - np.log10(lag) + search.b * largest) / search.df
        looking = reach > np.log10(NEAREST_KM) - 1e-9
        who = children[looking]
        if not len(who):
            continue
        arc = 10.0 ** np.minimum(reach[looking], 5.0)
        radius = _chord_km(arc) * (1.0 + 1e-9) + 1e-6
        tree = cKDTree(events.place[some])
        for begin in range(0, len(who), 4096):
            part = who[begin : begin + 4096]
            lists = tree.query_ball_point(
                events.place[part], radius[begin : begin + 4096], return_sorted=False
            )
            sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
            total = int(sizes.sum())
            if not total:
                continue
            if total > 4_000_000:  # a swarm: in pieces, that memory stays flat
                for child, near in zip(part, lists, strict=True):
                    search.try_all(some[np.sort(np.asarray(near, dtype=np.int64))], child[None])
                continue
            near = some[np.concatenate([np.asarray(one, dtype=np.int64) for one in lists])]
            repeated = np.repeat(part, sizes)
            apart = events.place[near] - events.place[repeated]
            search.try_pairs(near, repeated, np.sqrt(np.einsum("ij,ij->i", apart, apart)))


def mixture_threshold(log_eta: ArrayLike) -> float:
    """Return where two normal distributions fitted to lg eta are equally likely.

    Expectation maximisation from means one decade below and above the mean, so the same data give
    the same number. Returns ``-inf`` (nothing is clustered) for fewer than 50 values, or where the
    fit does not have two modes: means closer than the larger deviation.
    """
    values = np.sort(np.asarray(log_eta, dtype=np.float64))
    if len(values) < FEWEST_FOR_MIXTURE:
        return -np.inf
    mean = np.array([values.mean() - 1.0, values.mean() + 1.0])
    deviation = np.full(2, max(values.std(), 1e-3))
    weight = np.full(2, 0.5)
    likelihood = -np.inf
    for _round in range(1000):
        density = _densities(values, mean, deviation, weight)
        both = density.sum(axis=1)
        share = density / both[:, None]
        total = share.sum(axis=0)
        if (total < 1.0).any():
            return -np.inf
        weight = total / len(values)
        mean = (share * values[:, None]).sum(axis=0) / total
        spread = (share * (values[:, None] - mean) ** 2).sum(axis=0) / total
        deviation = np.maximum(np.sqrt(spread), 1e-3)
        now = float(np.log(both).sum())
        if now - likelihood < 1e-7 * len(values):
            break
        likelihood = now
    low, high = int(np.argmin(mean)), int(np.argmax(mean))
    if mean[high] - mean[low] < max(deviation):
        return -np.inf
    # Between the means the lower one's share falls from near 1 to near 0.
    left, right = float(mean[low]), float(mean[high])
    for _round in range(60):
        middle = 0.5 * (left + right)
        density = _densities(np.array([middle]), mean, deviation, weight)[0]
        if density[low] > density[high]:
            left = middle
        else:
            right = middle
    return 0.5 * (left + right)


def _densities(
    values: FloatArray, mean: FloatArray, deviation: FloatArray, weight: FloatArray
) -> FloatArray:
    apart = (values[:, None] - mean) / deviation
    density: FloatArray = weight * np.exp(-0.5 * apart**2) / (deviation * np.sqrt(2.0 * np.pi))
    return np.maximum(density, 1e-300)


# --- Names -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Method:
    """A method by its name: how it is called, what may be set, where it is from."""

    name: str
    title: str
    source: str
    decluster: Callable[..., Declustered]
    #: Parameter -> its published value; ``None``: found from the data.
    parameters: Mapping[str, float | None]


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "gardner-knopoff-1974",
            "Gardner & Knopoff (1974)",
            "Bull. Seism. Soc. Am. 64, 1363-1367",
            gardner_knopoff_1974,
            {},
        ),
        Method(
            "uhrhammer-1986",
            "Uhrhammer (1986)",
            "Earthquake Notes 57, 21",
            uhrhammer_1986,
            {},
        ),
        Method(
            "reasenberg-1985",
            "Reasenberg (1985)",
            "doi:10.1029/JB090iB07p05479",
            reasenberg_1985,
            {
                "tau_min_d": 1.0, "tau_max_d": 10.0, "p1": 0.95, "xk": 0.5, "xmeff": 1.5,
                "rfact": 10.0,
            },
        ),
        Method(
            "nearest-neighbour-2013",
            "Zaliapin & Ben-Zion (2013)",
            "doi:10.1002/jgrb.50179",
            nearest_neighbour_2013,
            {"b": 1.0, "df": 1.6, "q": 0.5, "log_eta0": None},
        ),
    )
}  # fmt: skip
