"""Ratios of the amplitudes of S and P that the stations of an event have.

They are made of the readings the energy class is made of: the largest P on the vertical and the
largest S on a horizontal of one sensor, in one report or measured on waveforms here. A station
with several has the mean of their logarithms.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from catalog.models import Origin, Station
from processing.core import magnitude_assessment
from processing.core.magnitude_assessment import Hypocentre
from processing.jobs import amplitude_readings, waveforms

#: The scale whose readings these are; the other energy class is made of the same.
SCALE = "KR_WSG"
#: Digits of a ratio's logarithm that count.
DIGITS = 4


@dataclass(frozen=True, slots=True)
class AmplitudeRatio:
    """lg(A_S / A_P) of displacements at one station."""

    station: int
    code: str
    latitude: float
    longitude: float
    log_ratio: float
    dropped: bool = False
    """An editor left it out."""


def of_event(event: int, origin: Origin) -> tuple[AmplitudeRatio, ...]:
    """Return the ratios of an event's known stations, by station; four queries at most."""
    place = Hypocentre(origin.latitude, origin.longitude, origin.depth_km)
    rows = amplitude_readings.reported([event])
    readings = [
        reading
        for reading in (
            *amplitude_readings.readings(rows, {event: place}, {}),
            *waveforms.amplitude_readings([event]),
        )
        if reading.scale == SCALE
    ]
    found: dict[int, list[float]] = defaultdict(list)
    for reading, p, s in magnitude_assessment.pairs(readings):
        if reading.station is not None and p > 0.0 and s > 0.0:
            found[reading.station].append(math.log10(s / p))
    stations = Station.objects.filter(pk__in=found).order_by("pk") if found else ()
    return tuple(
        AmplitudeRatio(
            station.pk,
            station.code,
            station.latitude,
            station.longitude,
            round(float(np.mean(sorted(found[station.pk]))), DIGITS),
        )
        for station in stations
    )
