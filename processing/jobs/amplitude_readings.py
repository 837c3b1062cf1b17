"""Amplitudes of current reports as readings of the scales they are for: three queries a batch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Amplitude, FocalMechanism, Station, StationMagnitude
from processing.core import amplitude_uses, geodesy
from processing.core.amplitude_readings import AmplitudeReading
from processing.core.magnitude_assessment import Hypocentre
from processing.core.magnitude_scales import Outcome

_OWN = (
    "station_id", "network_code", "station_code", "location_code", "channel_code",
    "station_latitude", "station_longitude",
)  # fmt: skip
_COLUMNS = (
    "pk", "entry_id", "entry__current_of__event", "value", "unit", "type", "category", "period",
    "magnitude_hint", "pick__phase_hint", *_OWN, *(f"pick__{name}" for name in _OWN),
)  # fmt: skip


@dataclass(frozen=True)
class Reported:
    """One amplitude row, with what its pick knows better."""

    key: int
    report: int
    event: int
    value: float | None
    unit: str
    type: str
    category: str
    period: float | None
    hint: str
    phase: str
    station: int | None
    network: str
    code: str
    location: str
    channel: str
    latitude: float | None
    longitude: float | None
    made_into: str = ""
    bounded: bool = False


def reported(events: Collection[int]) -> list[Reported]:
    """Return the amplitudes of the events' current reports that no newer report outranks."""
    rows = list(
        Amplitude.objects.filter(
            entry__current_of__event__in=events, entry__current_of__outranked_by__isnull=True
        )
        .values_list(*_COLUMNS)
        .order_by("pk")
    )
    if not rows:
        return []
    made: dict[int, list[str]] = defaultdict(list)
    bounded: set[int] = set()
    for amplitude, name, bound in StationMagnitude.objects.filter(
        entry__current_of__event__in=events,
        entry__current_of__outranked_by__isnull=True,
        amplitude__isnull=False,
    ).values_list("amplitude_id", "type", "bound"):
        made[amplitude].append(name)
        if bound:
            bounded.add(amplitude)
    # Amplitude's own columns, then the same of its pick.
    own, picked = len(_COLUMNS) - 2 * len(_OWN), len(_COLUMNS) - len(_OWN)
    stations = _stations({row[own] or row[picked] for row in rows} - {None})
    found = []
    for row in rows:
        key, report, event, value, unit, kind, category, period, hint, phase = row[:own]
        station, *words = (
            mine if mine not in (None, "") else of_pick
            for mine, of_pick in zip(row[own:picked], row[picked:], strict=True)
        )
        network, code, location, channel, latitude, longitude = words
        if station in stations:
            network, code, latitude, longitude = stations[station]
        found.append(
            Reported(
                key=key,
                report=report,
                event=event,
                value=_finite(value),
                unit=unit,
                type=kind,
                category=category,
                period=_finite(period),
                hint=hint,
                phase=phase or "",
                station=station,
                network=network or "",
                code=code or "",
                location=location or "",
                channel=channel or "",
                latitude=latitude,
                longitude=longitude,
                made_into=amplitude_uses.telling(made.get(key, ())),
                bounded=key in bounded,
            )
        )
    return found


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _stations(keys: Collection[int]) -> dict[int, tuple[str, str, float, float]]:
    """Return network and code, latitude and longitude of stations [deg]."""
    return {
        key: (network or "", code, point.y, point.x)
        for key, network, code, point in Station.objects.filter(pk__in=keys).values_list(
            "pk", "network__code", "code", "point"
        )
    }


def readings(
    rows: Iterable[Reported],
    hypocentres: Mapping[int, Hypocentre],
    fitted: Mapping[int, Collection[str]],
) -> list[AmplitudeReading]:
    """Return what each amplitude is for, by the rules of `processing.core.amplitude_uses`.

    ``fitted`` are the scales whose fitted curve is in force for an event, by its key.
    """
    listed = list(rows)
    found: list[AmplitudeReading] = []
    #: Of each report the waves of readings that nobody called readings of a class, and of all.
    unsure: list[tuple[tuple[int, str], AmplitudeReading]] = []
    waves: dict[tuple[int, str], set[amplitude_uses.Wave]] = defaultdict(set)
    for row, distance in zip(listed, _distances(listed, hypocentres), strict=True):
        told = amplitude_uses.ReportedAmplitude(
            value=row.value,
            unit=row.unit,
            type=row.type,
            category=row.category,
            hint=row.hint,
            made_into=row.made_into,
            phase=row.phase,
            channel=row.channel,
            period=row.period,
            distance_deg=None if math.isnan(distance) else distance,
        )
        _component, sensor = amplitude_uses.component_and_sensor(row.channel, row.location)
        for use in amplitude_uses.uses(told, fitted.get(row.event, ())):
            reading = AmplitudeReading(
                event=row.event,
                scale=use.scale,
                station=row.station,
                network=row.network,
                code=row.code,
                component=use.component,
                sensor=sensor,
                wave=use.wave,
                amplitude=use.amplitude,
                period=row.period,
                latitude=row.latitude,
                longitude=row.longitude,
                source=("amplitude", row.key),
                outcome=Outcome.BOUND_ONLY if row.bounded else use.outcome,
                report=row.report,
            )
            group = (row.report, use.scale)
            waves[group].add(use.wave)
            if use.hinted or use.scale not in amplitude_uses.CLASSES:
                found.append(reading)
            else:
                unsure.append((group, reading))
    return found + [r for group, r in unsure if amplitude_uses.with_both(waves[group])]


def _distances(rows: list[Reported], hypocentres: Mapping[int, Hypocentre]) -> list[float]:
    """Return distances from the events to the stations [deg], NaN where one is not known."""
    nan = math.nan
    places = [hypocentres.get(row.event) for row in rows]
    distance, _azimuth = geodesy.distance_azimuth(
        geodesy.geocentric_latitude([p.latitude if p else nan for p in places]),
        [p.longitude if p else nan for p in places],
        geodesy.geocentric_latitude([nan if r.latitude is None else r.latitude for r in rows]),
        [nan if r.longitude is None else r.longitude for r in rows],
    )
    result: list[float] = np.asarray(distance).tolist()
    return result


def moments(events: Collection[int]) -> list[AmplitudeReading]:
    """Return the scalar moments of the events' current mechanisms, each as its agency's reading."""
    found = []
    rows: Iterable[tuple[Any, ...]] = (
        FocalMechanism.objects.current()
        .reported()
        .filter(event__in=events, scalar_moment__isnull=False)
        .order_by("pk")
        .values_list(
            "pk", "event_id", "entry_id", "agency__code", "entry__report__agency__code",
            "scalar_moment",
        )
    )  # fmt: skip
    for key, event, report, agency, reporter, moment in rows:
        found.append(
            AmplitudeReading(
                event=event,
                scale="Mw",
                station=None,
                network="",
                code=agency or reporter,
                component="",
                sensor="",
                wave="",
                amplitude=_finite(moment),
                period=None,
                latitude=None,
                longitude=None,
                source=("mechanism", key),
                report=report,
            )
        )
    return found
