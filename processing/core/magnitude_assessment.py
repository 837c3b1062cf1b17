"""All stations of events on one scale: their values, which count, and the network's value.

Of each station one value counts, whatever the order readings come in:

1. Readings of waveforms made here go before reported amplitudes: their response and window are
   known.
2. Of two sensors the one with a value counts, then seismometers before accelerometers, then the
   first by name. A reading that names no sensor belongs to any.
3. Of the readings in one report the largest counts: A/T where the scale divides by the period,
   else A. Of several reports the middle value; of an even number the lower of the two in the
   middle, so that it is always one that was read.

The others are kept and say why they do not count.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from processing.core import magnitude as network
from processing.core.amplitude_readings import AmplitudeReading
from processing.core.calibration import Calibration
from processing.core.geodesy import KM_PER_DEGREE, distance_azimuth, geocentric_latitude
from processing.core.magnitude_scales import BY_ID, Component, Outcome, Quantity, Scale
from processing.core.station_magnitude import (
    OUTCOMES,
    can_be_computed,
    correction_of,
    station_magnitudes,
)

METHOD_PREFIX = "kz-portal/amplitudes/"
"""Begins the method of a magnitude computed from amplitudes; the name of the rule follows."""

#: Second letter of a channel code: high-gain and low-gain seismometers, any other, accelerometers.
_INSTRUMENTS = {"H": 0, "L": 1, "N": 3, "G": 3}


@dataclass(frozen=True)
class Hypocentre:
    """Where distances and depth are from."""

    latitude: float
    longitude: float
    depth_km: float | None


@dataclass(frozen=True)
class StationResult:
    """One reading, or the two one value is made of, and what became of it."""

    station: int | None
    network: str
    code: str
    component: str
    amplitude: float | None
    second_amplitude: float | None
    period: float | None
    sources: tuple[tuple[str, int], ...]
    outcome: Outcome
    distance_km: float | None = None
    """Epicentral."""
    azimuth: float | None = None
    """Event to station, deg."""
    value: float | None = None
    correction: float | None = None
    """The station's term, already in the value."""
    residual: float | None = None
    """Value less the network's."""

    def as_json(self) -> dict[str, Any]:
        """Return it as `catalog.models.MagnitudeAssessment.stations` keeps it."""
        return {
            "station": self.station,
            "network": self.network,
            "code": self.code,
            "component": self.component,
            "amplitude": self.amplitude,
            "second_amplitude": self.second_amplitude,
            "period": self.period,
            "distance_km": self.distance_km,
            "azimuth": self.azimuth,
            "value": self.value,
            "correction": self.correction,
            "residual": self.residual,
            "outcome": self.outcome.value,
            "sources": [list(source) for source in self.sources],
        }


@dataclass(frozen=True)
class Assessed:
    """One event on one scale."""

    value: float | None
    uncertainty: float | None
    """Scaled median absolute deviation of the stations used."""
    station_count: int
    """Stations used."""
    rule: str
    reason: str
    """Why there is no value: ``no_calibration``, ``no_usable_reading``, ``too_few_stations``."""
    stations: tuple[StationResult, ...]
    """In order of distance."""


@dataclass(eq=False)
class _Candidate:
    """What one station value could be made of."""

    first: AmplitudeReading
    amplitude: float | None = None
    second_amplitude: float | None = None
    component: str = ""
    outcome: Outcome | None = None
    sources: tuple[tuple[str, int], ...] = ()
    value: float = math.nan
    distance_km: float | None = None
    azimuth: float | None = None
    correction: float | None = None


def assess(
    scale_id: str,
    readings: Iterable[AmplitudeReading],
    hypocentres: Mapping[int, Hypocentre],
    calibration: Calibration | None = None,
    parameters: Mapping[str, float] | None = None,
) -> dict[int, Assessed]:
    """Return what comes of the readings of one scale, by event.

    Parameters
    ----------
    readings : iterable of AmplitudeReading
        Of any number of events, in any order; all of one scale.
    hypocentres : mapping
        By event; an event without one has no distances.
    calibration : Calibration, optional
        The one in force for the scale.
    parameters : mapping, optional
        As `processing.core.station_magnitude.station_magnitudes` takes them.
    """
    scale = BY_ID[scale_id]
    candidates = _candidates(scale, readings)
    distance, azimuth, depth = _geometry(candidates, hypocentres)
    correction = np.array(
        [correction_of(calibration, c.first.network, c.first.code) for c in candidates]
    )
    found = station_magnitudes(
        scale,
        [_number(c.amplitude) for c in candidates],
        second=[_number(c.second_amplitude) for c in candidates],
        period=[_number(c.first.period) for c in candidates],
        distance_deg=distance,
        depth_km=depth,
        correction=correction,
        calibration=calibration,
        parameters=parameters,
    )
    by_event: dict[int, list[_Candidate]] = defaultdict(list)
    columns = (found.value, found.code, distance * KM_PER_DEGREE, azimuth, correction)
    for c, *numbers in zip(candidates, *(column.tolist() for column in columns), strict=True):
        value, code, km, direction, term = numbers
        if c.outcome is None:
            c.value = value
            if OUTCOMES[code] is not Outcome.USED:
                c.outcome = OUTCOMES[code]
        if math.isfinite(km):
            c.distance_km, c.azimuth = km, direction
        if calibration is not None:
            c.correction = term
        by_event[c.first.event].append(c)
    possible = can_be_computed(scale, calibration, parameters)
    return {
        event: _join(scale, of_event, _choose(of_event), possible)
        for event, of_event in by_event.items()
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


# --- What station values are made of --------------------------------------------------------------


def _place(reading: AmplitudeReading) -> tuple[str, str]:
    """Name a station: by its row, else by its codes."""
    if reading.station is not None:
        return str(reading.station), ""
    return reading.network, reading.code


def _stable(reading: AmplitudeReading) -> tuple[Any, ...]:
    """Return what readings are put in order by, first by what was read and last by the row."""
    return (
        reading.event, _place(reading), reading.network, reading.code, reading.sensor,
        reading.wave, reading.component, -_number(reading.amplitude) if reading.amplitude else 0.0,
        reading.period or 0.0, reading.source,
    )  # fmt: skip


def _candidates(scale: Scale, readings: Iterable[AmplitudeReading]) -> list[_Candidate]:
    """Return what values could be made of, in a fixed order."""
    ordered = sorted(readings, key=_stable)
    if scale.component is Component.P_AND_S:
        return _of_groups(ordered, _added)
    if scale.component is Component.VECTOR:
        return _of_groups(ordered, _vectors)
    return [_single(reading) for reading in ordered]


def _single(reading: AmplitudeReading) -> _Candidate:
    return _Candidate(
        reading,
        amplitude=reading.amplitude,
        component=reading.component,
        outcome=reading.outcome,
        sources=(reading.source,),
    )


def _of_groups(ordered: Sequence[AmplitudeReading], make: Any) -> list[_Candidate]:
    """Make candidates of the readings of one sensor in one report."""
    groups: dict[tuple[Any, ...], list[AmplitudeReading]] = defaultdict(list)
    for reading in ordered:
        key = (
            reading.event, _place(reading), reading.sensor, reading.source[0], reading.report,
        )  # fmt: skip
        groups[key].append(reading)
    return [candidate for group in groups.values() for candidate in make(group)]


def pairs(
    readings: Iterable[AmplitudeReading],
) -> list[tuple[AmplitudeReading, float, float]]:
    """Return what sensors read of both P and S in one report, in a fixed order.

    Each is a reading of it, its largest P on the vertical and its largest S on a horizontal, in
    the unit of the readings.
    """
    return [
        (c.first, c.amplitude, c.second_amplitude)
        for c in _of_groups(sorted(readings, key=_stable), _added)
        if c.outcome is None and c.amplitude is not None and c.second_amplitude is not None
    ]


def _added(group: Sequence[AmplitudeReading]) -> list[_Candidate]:
    """Add the largest P on the vertical and the largest S on a horizontal."""
    waves = {
        wave: [r for r in group if r.wave == wave and r.outcome is None] for wave in ("P", "S")
    }
    spoilt = [_single(r) for r in group if r.outcome is not None or r.wave not in waves]
    first = max(waves["P"], key=_largest, default=None)
    second = max(waves["S"], key=_largest, default=None)
    others = [
        replace(_single(r), outcome=Outcome.OTHER_READING)
        for wave in ("P", "S")
        for r in waves[wave]
        if r is not first and r is not second
    ]
    if first is None and second is None:
        return spoilt
    pair = [r for r in (first, second) if r is not None]
    whole = _Candidate(
        pair[0],
        first.amplitude if first else None,
        second.amplitude if second else None,
        "".join(r.component for r in pair),
        sources=tuple(r.source for r in pair),
    )
    return [whole, *spoilt, *others]


def _largest(reading: AmplitudeReading) -> float:
    return reading.amplitude if reading.amplitude is not None else float("-inf")


def _vectors(group: Sequence[AmplitudeReading]) -> list[_Candidate]:
    """Make one vector of the largest readings of both horizontals.

    A reading that tells no component was made of both by its agency.
    """
    found = [
        replace(
            _single(r), outcome=r.outcome or (Outcome.COMPONENT_MISSING if r.component else None)
        )
        for r in group
        if r.component not in ("N", "E") or r.outcome is not None
    ]
    sides = {side: [r for r in group if r.component == side and r.outcome is None] for side in "NE"}
    north = max(sides["N"], key=_largest, default=None)
    east = max(sides["E"], key=_largest, default=None)
    if north is not None and east is not None:
        found.append(
            _Candidate(
                north,
                _length(north.amplitude, east.amplitude),
                component="NE",
                sources=(north.source, east.source),
            )
        )
    for alone in (r for r in (north, east) if r is not None and (north is None or east is None)):
        found.append(replace(_single(alone), outcome=Outcome.COMPONENT_MISSING))
    found += [
        replace(_single(r), outcome=Outcome.OTHER_READING)
        for side in "NE"
        for r in sides[side]
        if r is not north and r is not east
    ]
    return found


def _length(north: float | None, east: float | None) -> float | None:
    """Return the length of a vector; a side that is no amplitude stands for the whole."""
    for side in (north, east):
        if side is None or side <= 0.0:
            return side
    assert north is not None and east is not None  # noqa: S101  # seen above
    return math.hypot(north, east)


def _geometry(
    candidates: Sequence[_Candidate], hypocentres: Mapping[int, Hypocentre]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distances [deg], azimuths [deg] and depths [km]; NaN where they are not known."""
    nowhere = Hypocentre(math.nan, math.nan, None)
    origins = [hypocentres.get(c.first.event, nowhere) for c in candidates]
    with np.errstate(invalid="ignore"):  # places that are not known
        distance, azimuth = distance_azimuth(
            geocentric_latitude([o.latitude for o in origins]),
            [o.longitude for o in origins],
            geocentric_latitude([_number(c.first.latitude) for c in candidates]),
            [_number(c.first.longitude) for c in candidates],
        )
    return distance, azimuth, np.array([_number(o.depth_km) for o in origins])


# --- Which value of a station counts --------------------------------------------------------------


def _choose(candidates: Sequence[_Candidate]) -> list[Outcome]:
    """Return what becomes of each candidate of one event before the network's rule."""
    outcomes = [c.outcome or Outcome.USED for c in candidates]
    stations: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, c in enumerate(candidates):
        if c.outcome is None:
            stations[_place(c.first)].append(i)
    for places in stations.values():
        if len(places) > 1:
            kept, why = _counts([candidates[i] for i in places])
            for i, lost in zip(places, why, strict=True):
                if candidates[i] is not kept:
                    outcomes[i] = lost
    return outcomes


def _counts(station: Sequence[_Candidate]) -> tuple[_Candidate, list[Outcome]]:
    """Return the candidate that counts, and for each of the others why it does not."""
    measured = [c for c in station if c.first.source[0] == "measurement"]
    eligible = measured or list(station)
    named = sorted({c.first.sensor for c in eligible if c.first.sensor}, key=_sensor_rank)
    eligible = [c for c in eligible if c.first.sensor in ("", *named[:1])]
    best: dict[int, _Candidate] = {}
    for c in eligible:
        if (held := best.get(c.first.report)) is None or c.value > held.value:
            best[c.first.report] = c
    ordered = sorted(best.values(), key=lambda c: (c.value, _stable(c.first)))
    kept = ordered[(len(ordered) - 1) // 2]
    why = [
        Outcome.SECOND_SENSOR
        if (not measured or any(c is m for m in measured))
        and c.first.sensor
        and kept.first.sensor
        and c.first.sensor != kept.first.sensor
        else Outcome.OTHER_READING
        for c in station
    ]
    return kept, why


def _sensor_rank(sensor: str) -> tuple[int, str]:
    band = sensor.rpartition(".")[2]
    return _INSTRUMENTS.get(band[1:2], 2), sensor


# --- Results --------------------------------------------------------------------------------------


def _join(
    scale: Scale, candidates: Sequence[_Candidate], outcomes: Sequence[Outcome], possible: bool
) -> Assessed:
    """Join the stations of one event by the scale's rule."""
    rule = network.SCALE_RULES[scale.id]
    counting = [i for i, outcome in enumerate(outcomes) if outcome is Outcome.USED]
    joined = network.network_magnitude(
        (network.StationValue(str(i), candidates[i].value) for i in counting), rule
    )
    dropped = {i for i, used in zip(counting, joined.used, strict=True) if not used}
    results = [
        _result(c, Outcome.OUTLIER if i in dropped else outcomes[i], joined.value)
        for i, c in enumerate(candidates)
    ]
    reason = ""
    if joined.value is None:
        if counting:
            reason = "too_few_stations"
        else:
            reason = "no_usable_reading" if possible else "no_calibration"
    results.sort(
        key=lambda r: (
            r.distance_km if r.distance_km is not None else float("inf"),
            r.network, r.code, r.component, r.outcome.value, -(r.amplitude or 0.0), r.sources,
        )
    )  # fmt: skip
    return Assessed(
        joined.value, joined.uncertainty, joined.station_count, rule.name, reason, tuple(results)
    )


def _result(candidate: _Candidate, outcome: Outcome, joined: float | None) -> StationResult:
    first = candidate.first
    counts = outcome in (Outcome.USED, Outcome.OUTLIER)
    return StationResult(
        station=first.station,
        network=first.network,
        code=first.code,
        component=candidate.component,
        amplitude=candidate.amplitude,
        second_amplitude=candidate.second_amplitude,
        period=first.period,
        sources=candidate.sources,
        outcome=outcome,
        distance_km=candidate.distance_km,
        azimuth=candidate.azimuth,
        value=candidate.value if counts else None,
        correction=candidate.correction if counts else None,
        residual=candidate.value - joined if counts and joined is not None else None,
    )


def is_of_moments(scale: Scale) -> bool:
    """Tell whether a scale takes reported moments and no amplitudes."""
    return scale.quantity is Quantity.MOMENT
