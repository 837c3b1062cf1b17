"""Which event a reading without an event may belong to: predicted arrivals against onsets.

A reading *fits* an event when it lies within three standard deviations of the arrival that the
travel-time tables predict from the event's origin. The variance is the sum of what is not known:
the a-priori error of the phase, the error of the reading, and the errors of origin time, epicentre
and depth as they act on that arrival. The P and S of one station must agree: their difference does
not know the origin time, so it is a sharper test than either alone.

Nothing is decided here. Events that fit are named best first, and a reading is called *clear* when
a published rule may accept it without a person.

References
----------
A-priori errors: see `phases`. Elevation: see `location`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processing.core import geodesy, phases
from processing.core.location import DEFAULT_DEPTH_KM
from processing.core.predictions import codes_of, predict_from
from processing.core.travel_times import DEEPEST_KM, SHALLOWEST_KM, FloatArray, IntArray

BoolArray = NDArray[np.bool_]

ALONE, CONSISTENT, CONTRADICTED = 0, 1, 2
"""What the station's other wave says: nothing, that it is the same event, that it is not."""

#: Velocities under a station [km/s]: those of iLoc for ak135 and iasp91.
SURFACE_VELOCITY_KM_S = {"P": 5.8, "S": 3.46}
#: Travel times past which nothing is looked for [s]: S at 28 deg takes 639 s in iasp91.
LONGEST_TRAVEL_S = 700.0
#: S minus P at 28 deg is 286 s in iasp91; P and S farther apart are not looked at together [s].
PAIR_WINDOW_S = 300.0
#: Pairs of readings and events that are worked on at once, for the sake of memory.
CHUNK_PAIRS = 400_000


@dataclass(frozen=True)
class RuleSet:
    """Thresholds. A change of any of them, or of how they are used, is a new version."""

    name: str = "kz-readings"
    version: str = "2026.2"
    fit_sigmas: float = 3.0
    """A reading fits within so many standard deviations."""
    clear_sigmas: float = 2.0
    """And may be accepted by rule within so many."""
    maximum_distance_deg: float = 28.0
    """Where the a-priori errors of regional P and S end (iLoc's bands to 15 and 28 deg)."""
    maximum_sigma_s: float = 10.0
    """A prediction less certain than this says nothing: half the 20 s gate of association."""
    # One solution's share of the floors of association (28 km, 5 s, 15 km, project methods 4.2),
    # which are for the difference of two solutions: divided by the square root of two.
    time_sigma_s: float = 3.5
    horizontal_sigma_km: float = 20.0
    depth_sigma_km: float = 10.6
    """Errors of an origin that states none."""
    same_within_s: float = 0.1
    """Readings of one phase at one station as near as this are one reading, sent twice (iLoc)."""

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"


@dataclass(frozen=True)
class Stations:
    """Places, shape (n_stations,)."""

    latitude: FloatArray
    """Geographic [deg]."""
    longitude: FloatArray
    elevation_m: FloatArray
    """NaN: not known, taken as 0."""


@dataclass(frozen=True)
class Onsets:
    """Readings, shape (n_picks,)."""

    station: IntArray
    """Index into the stations."""
    time: FloatArray
    """Seconds after the problem's reference epoch."""
    time_uncertainty: FloatArray
    """Standard error [s]; NaN: not stated."""
    hint: Sequence[str]
    """The phase as the station names it; may be empty."""


@dataclass(frozen=True)
class Candidates:
    """Events by their preferred origins, shape (n_events,). NaN: not stated."""

    latitude: FloatArray
    """Geographic [deg]."""
    longitude: FloatArray
    depth_km: FloatArray
    time: FloatArray
    """Seconds after the problem's reference epoch."""
    time_sigma_s: FloatArray
    horizontal_sigma_km: FloatArray
    depth_sigma_km: FloatArray


@dataclass(frozen=True)
class Fits:
    """Which reading fits which event; sorted by reading, the best event first. Shape (n_fits,)."""

    pick: IntArray
    """Index into the readings."""
    event: IntArray
    """Index into the events."""
    phase: tuple[str, ...]
    """IASPEI name under which it fits."""
    residual: FloatArray
    """Observed minus predicted [s]."""
    sigma: FloatArray
    """Expected standard deviation of the residual [s]."""
    distance_deg: FloatArray
    companion: IntArray
    """`ALONE`, `CONSISTENT` or `CONTRADICTED`."""
    rank: IntArray
    """1 for the best event of a reading, 2 for the next."""
    clear: BoolArray
    """One event only, near its prediction, not contradicted, no second reading in its place."""


def propose(
    stations: Stations,
    onsets: Onsets,
    events: Candidates,
    model: str | None,
    rules: RuleSet | None = None,
) -> Fits:
    """Return all events that each reading fits.

    The answer does not depend on the order of readings or events, except that of two events equal
    in all respects the first is named first.

    Notes
    -----
    Events are ranked by the companion wave, then by the likelihood of the residual under a normal
    distribution, -ln p = (r/sigma)^2 / 2 + ln sigma: a close fit of a poorly known event is worth
    less than a close fit of a well known one.

    The size of an event plays no part: no published rule says to which distance a station of the
    region reads an event of a given class.
    """
    rules = rules or RuleSet()
    trial = _Trials(stations, onsets, events, model, rules)
    rows = trial.fits()
    if rows.pick.size == 0:
        return _none()
    companion = _companions(onsets, rows, rules)
    likelihood = 0.5 * (rows.residual / rows.sigma) ** 2 + np.log(rows.sigma)
    preference = np.array([1, 0, 2])[companion]  # consistent, alone, contradicted
    order = np.lexsort((rows.event, likelihood, preference, rows.pick))
    rows, companion = rows.taken(order), companion[order]
    counts = np.bincount(rows.pick, minlength=onsets.time.size)
    first = np.r_[0, np.cumsum(counts)[:-1]]
    clear = (
        (counts[rows.pick] == 1)
        & (np.abs(rows.residual) <= rules.clear_sigmas * rows.sigma)
        & (companion != CONTRADICTED)
        & ~_has_rival(onsets, rows)
    )
    return Fits(
        pick=rows.pick,
        event=rows.event,
        phase=tuple(trial.names[code] for code in rows.phase.tolist()),
        residual=rows.residual,
        sigma=rows.sigma,
        distance_deg=rows.distance,
        companion=companion,
        rank=np.arange(rows.pick.size) - first[rows.pick] + 1,
        clear=clear,
    )


def _none() -> Fits:
    nothing, number = np.zeros(0), np.zeros(0, dtype=np.int64)
    return Fits(
        number, number, (), nothing, nothing, nothing, number, number, np.zeros(0, dtype=np.bool_)
    )


def trial_phases(hint: str) -> tuple[str, ...]:
    """Return the phases a hint is tried as: what it names, then the first arrival of its family.

    Without a hint, or with one that is not known, first P and first S are tried. A phase that has
    no a-priori error, as Rg, is tried as nothing.
    """
    name = phases.standard_name(hint)
    if name is None:
        return ("P", "S")
    rule = phases.PHASES[name]
    if not rule.bands:
        # Named, but never used for a location; what is diffracted is no regional arrival.
        return ()
    if rule.family in ("P", "S") and name != "Lg":
        return tuple(dict.fromkeys((name, rule.family)))
    return (name,)


def families(hints: Sequence[str]) -> list[str]:
    """Return P, S or the phase's own name for each hint, empty where it is not known."""
    known: dict[str, str] = {hint: phases.family(hint) or "" for hint in set(hints)}
    return [known[hint] for hint in hints]


@dataclass(frozen=True)
class _Rows:
    """One trial of a reading as a phase of an event each, shape (n,)."""

    pick: IntArray
    event: IntArray
    phase: IntArray
    residual: FloatArray
    sigma: FloatArray
    distance: FloatArray
    own_variance: FloatArray
    """Of phase and reading [s^2]."""
    epicentre_effect: FloatArray
    """What one standard error of the epicentre does to the arrival [s]."""
    depth_effect: FloatArray
    """What one standard error of the depth does [s]."""

    def taken(self, which: IntArray) -> _Rows:
        return _Rows(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


class _Trials:
    """The readings against the events, with every prediction made once."""

    def __init__(
        self,
        stations: Stations,
        onsets: Onsets,
        events: Candidates,
        model: str | None,
        rules: RuleSet,
    ) -> None:
        self.onsets, self.rules, self.model = onsets, rules, model
        self.stations = stations
        self.latitude = geodesy.geocentric_latitude(stations.latitude)
        self.elevation_km = np.nan_to_num(stations.elevation_m, nan=0.0) / 1000.0
        self.events = events
        self.event_latitude = geodesy.geocentric_latitude(events.latitude)
        depth = np.where(np.isnan(events.depth_km), DEFAULT_DEPTH_KM, events.depth_km)
        self.depth = np.clip(depth, SHALLOWEST_KM, DEEPEST_KM)
        self.time_sigma = _stated(events.time_sigma_s, rules.time_sigma_s)
        self.horizontal_sigma = _stated(events.horizontal_sigma_km, rules.horizontal_sigma_km)
        self.depth_sigma = _stated(events.depth_sigma_km, rules.depth_sigma_km)
        # Each reading is tried as at most two phases.
        self.names = tuple(phases.PHASES)
        number = {name: i for i, name in enumerate(self.names)}
        tried = {hint: trial_phases(hint) for hint in set(onsets.hint)}
        self.trials = np.full((len(onsets.hint), 2), -1, dtype=np.int64)
        for i, hint in enumerate(onsets.hint):
            for j, name in enumerate(tried[hint]):
                self.trials[i, j] = number[name]
        self.table_codes = codes_of([phases.PHASES[n].table_phase or "" for n in self.names])
        self.surface_slowness = 1.0 / np.array(
            [
                SURFACE_VELOCITY_KM_S["S" if phases.PHASES[n].family == "S" else "P"]
                for n in self.names
            ]
        )

    def fits(self) -> _Rows:
        """Return the trials within the rules, the better phase of each reading and event."""
        parts = []
        usable = np.flatnonzero(
            np.isfinite(self.onsets.time) & (self.trials >= 0).any(axis=1)
            if self.onsets.time.size
            else np.zeros(0, dtype=np.bool_)
        )
        by_time = np.argsort(self.events.time, kind="stable")
        sorted_times = self.events.time[by_time]
        lead = self.rules.fit_sigmas * self.rules.maximum_sigma_s
        low = np.searchsorted(sorted_times, self.onsets.time[usable] - LONGEST_TRAVEL_S, "left")
        high = np.searchsorted(sorted_times, self.onsets.time[usable] + lead, "right")
        count = high - low
        ends = np.cumsum(count)
        start = 0
        while start < usable.size:
            reached = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, reached + CHUNK_PAIRS, "right")))
            part = slice(start, end)
            picks = np.repeat(usable[part], count[part])
            offset = np.arange(picks.size) - np.repeat(
                np.cumsum(count[part]) - count[part], count[part]
            )
            places = by_time[np.repeat(low[part], count[part]) + offset]
            parts.append(self._within(picks, places))
            start = end
        if not parts:
            parts = [self._within(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
        return _Rows(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in _Rows.__dataclass_fields__
            )
        )

    def _within(self, pick: IntArray, event: IntArray) -> _Rows:
        """Try pairs of readings and events."""
        n_events = max(1, self.events.time.size)
        station = self.onsets.station[pick]
        pair, back = np.unique(station * n_events + event, return_inverse=True)
        pair_station, pair_event = pair // n_events, pair % n_events
        pair_distance, _ = geodesy.distance_azimuth(
            self.event_latitude[pair_event],
            self.events.longitude[pair_event],
            self.latitude[pair_station],
            self.stations.longitude[pair_station],
        )
        near = (pair_distance <= self.rules.maximum_distance_deg)[back]
        pick, event, back = pick[near], event[near], back[near]
        # Both trials of each reading, below each other.
        phase = self.trials[pick].T.reshape(-1)
        pick, event, back = np.tile(pick, 2), np.tile(event, 2), np.tile(back, 2)
        tried = phase >= 0
        pick, event, back, phase = pick[tried], event[tried], back[tried], phase[tried]
        # A prediction for each station, event and phase, however many readings ask for it.
        wanted, again = np.unique(phase * max(1, pair.size) + back, return_inverse=True)
        code, at = wanted // max(1, pair.size), wanted % max(1, pair.size)
        distance = pair_distance[at]
        depth = self.depth[pair_event[at]]
        found = predict_from(
            self.events.latitude, self.events.longitude, pair_event[at], self.table_codes[code],
            distance, depth, self.model,
        )  # fmt: skip
        per_km = found.dt_ddelta / geodesy.KM_PER_DEGREE
        # The ray's last leg up to the station: h sqrt(1/v^2 - p^2).
        vertical = np.sqrt(np.maximum(self.surface_slowness[code] ** 2 - per_km**2, 0.0))
        travel = found.time + self.elevation_km[pair_station[at]] * vertical
        prior = _prior_sigma(self.names, code, distance)

        reading = np.nan_to_num(self.onsets.time_uncertainty[pick], nan=0.0)
        own = prior[again] ** 2 + reading**2
        moved = per_km[again] * self.horizontal_sigma[event]
        deepened = found.dt_dh[again] * self.depth_sigma[event]
        sigma = np.sqrt(own + self.time_sigma[event] ** 2 + moved**2 + deepened**2)
        residual = self.onsets.time[pick] - self.events.time[event] - travel[again]
        # Comparisons with NaN, where there is no such wave, are false.
        good = np.flatnonzero(
            (np.abs(residual) <= self.rules.fit_sigmas * sigma)
            & (sigma <= self.rules.maximum_sigma_s)
        )
        rows = _Rows(
            pick[good], event[good], phase[good], residual[good], sigma[good],
            distance[again][good], own[good], moved[good], deepened[good],
        )  # fmt: skip
        # Of two phases that fit, the likelier; of two equal ones what the hint names (tried first).
        likelihood = 0.5 * (rows.residual / rows.sigma) ** 2 + np.log(rows.sigma)
        order = np.lexsort((good, likelihood, rows.event, rows.pick))
        rows = rows.taken(order)
        fresh = np.ones(order.size, dtype=np.bool_)
        fresh[1:] = (np.diff(rows.pick) != 0) | (np.diff(rows.event) != 0)
        return rows.taken(np.flatnonzero(fresh))


def _stated(values: FloatArray, default: float) -> FloatArray:
    result: FloatArray = np.where(np.isnan(values), default, values)
    return result


def _prior_sigma(names: Sequence[str], code: IntArray, distance: FloatArray) -> FloatArray:
    """Return the a-priori error of phases [s]; NaN where they may not define a location."""
    result = np.full(code.size, np.nan)
    for number in np.unique(code).tolist():
        rows = np.flatnonzero(code == number)
        for band in reversed(phases.PHASES[names[number]].bands):
            result[rows[distance[rows] <= band.to_deg]] = band.sigma_s
    return result


def _is_s(onsets: Onsets) -> IntArray:
    """Return 0 for a P, 1 for an S, -1 for a reading whose family its hint does not tell."""
    return np.array(
        [{"P": 0, "S": 1}.get(family, -1) for family in families(onsets.hint)], dtype=np.int64
    )


def _companions(onsets: Onsets, rows: _Rows, rules: RuleSet) -> IntArray:
    """Say of each fit what the other wave at the same station says of that event.

    An S that fits the same event as a P, and whose difference from it is the predicted one, makes
    both consistent. Where the very next reading of the station after a P is an S (or the very last
    before an S is a P) and the two are not such a pair, the fit is contradicted: whoever read them
    held them for one event.
    """
    wave = np.array([phases.PHASES[name].family == "S" for name in phases.PHASES])[rows.phase]
    station = onsets.station[rows.pick]
    n_events = int(rows.event.max()) + 1
    key = station * n_events + rows.event
    first, second = np.flatnonzero(~wave), np.flatnonzero(wave)
    second = second[np.argsort(key[second], kind="stable")]
    low = np.searchsorted(key[second], key[first], "left")
    count = np.searchsorted(key[second], key[first], "right") - low
    p = np.repeat(first, count)
    offset = np.arange(p.size) - np.repeat(np.cumsum(count) - count, count)
    s = second[np.repeat(low, count) + offset]
    delay = onsets.time[rows.pick[s]] - onsets.time[rows.pick[p]]
    variance = (
        rows.own_variance[p]
        + rows.own_variance[s]
        + (rows.epicentre_effect[s] - rows.epicentre_effect[p]) ** 2
        + (rows.depth_effect[s] - rows.depth_effect[p]) ** 2
    )
    agree = (
        (rows.pick[p] != rows.pick[s])
        & (delay > 0.0)
        & (np.abs(rows.residual[s] - rows.residual[p]) <= rules.fit_sigmas * np.sqrt(variance))
    )
    result = np.where(_read_as_pair(onsets)[rows.pick], CONTRADICTED, ALONE)
    result[p[agree]] = CONSISTENT
    result[s[agree]] = CONSISTENT
    return result


def _read_as_pair(onsets: Onsets) -> BoolArray:
    """Tell which readings are a P with an S right after it, or such an S."""
    wave = _is_s(onsets)
    order = np.lexsort((onsets.time, onsets.station))
    here, after = order[:-1], order[1:]
    pair = (
        (onsets.station[here] == onsets.station[after])
        & (onsets.time[after] - onsets.time[here] <= PAIR_WINDOW_S)
        & (wave[here] == 0)
        & (wave[after] == 1)
    )
    result = np.zeros(onsets.time.size, dtype=np.bool_)
    result[here[pair]] = True
    result[after[pair]] = True
    return result


def _has_rival(onsets: Onsets, rows: _Rows) -> BoolArray:
    """Tell where another reading of the station fits the same phase of the same event."""
    n_events, n_phases = int(rows.event.max()) + 1, len(phases.PHASES)
    key = (onsets.station[rows.pick] * n_events + rows.event) * n_phases + rows.phase
    _, back, count = np.unique(key, return_inverse=True, return_counts=True)
    result: BoolArray = count[back] > 1
    return result


def repeated(
    station: IntArray, family: Sequence[str], time: FloatArray, within_s: float
) -> IntArray:
    """Return for each reading the one it repeats, -1 where it is the first of its kind.

    Parameters
    ----------
    station : array, shape (n,)
        Index or key of the station.
    family : sequence of str
        P, S or the phase's own name; readings of an unknown phase repeat only such.
    time : array, shape (n,)
        [s]

    Notes
    -----
    Readings are given in the order of precedence: the first of those that say the same stands. A
    reading repeats one that stands, never one that is itself a repetition, so a chain of near
    readings is not drawn together.
    """
    result = np.full(time.size, -1, dtype=np.int64)
    kinds = list(zip(station.tolist(), family, strict=True))
    # Only neighbours in time are compared: candidates of a kind are few once cut by a time slot.
    slots: dict[tuple[tuple[int, str], int], list[int]] = {}
    for i, kind in enumerate(kinds):
        slot = int(np.floor(time[i] / within_s))
        near = [
            j
            for neighbour in (slot - 1, slot, slot + 1)
            for j in slots.get((kind, neighbour), ())
            if abs(time[i] - time[j]) <= within_s + 1e-9
        ]
        if near:
            result[i] = min(near, key=lambda j: (abs(time[i] - time[j]), j))
            continue
        slots.setdefault((kind, slot), []).append(i)
    return result
