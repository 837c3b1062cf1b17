"""A made-up network whose stations read late by known seconds, and earthquakes around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from processing.core import geodesy, location
from processing.core.earth_models import mixture_at
from processing.core.location import ArrivalObservation, Hypocentre
from processing.core.predictions import codes_of, predict
from processing.core.station_corrections import Key, SourceReadings

MIDDLE = (43.2, 77.5)


@dataclass(frozen=True)
class Network:
    """Stations and what arrivals are late by there [s]."""

    places: tuple[tuple[float, float], ...]
    delays: dict[Key, float]


def network(seed: int, stations: int = 12, size_s: float = 0.5) -> Network:
    generator = np.random.default_rng(seed)
    offsets = generator.uniform(-1.0, 1.0, (stations, 2)) * (1.3, 2.0)
    delays: dict[Key, float] = {}
    for number in range(stations):
        late = generator.normal(0.0, size_s)
        delays[str(number), "P"] = late
        delays[str(number), "S"] = 1.7 * late + generator.normal(0.0, 0.5 * size_s)
    return Network(tuple((MIDDLE[0] + a, MIDDLE[1] + b) for a, b in offsets.tolist()), delays)


@dataclass(frozen=True)
class Quake:
    """Onsets of one earthquake at time 0 [s] by station and wave, and where it was."""

    latitude: float
    longitude: float
    depth_km: float
    onsets: dict[Key, float]


def quakes(net: Network, count: int, seed: int, noise_s: float = 0.2) -> list[Quake]:
    """Return earthquakes all over the network; each station misses a fifth of the onsets."""
    generator = np.random.default_rng(seed)
    latitude, longitude = np.array(net.places).T
    n = latitude.size
    made = []
    for _ in range(count):
        lat, lon = (
            m + d for m, d in zip(MIDDLE, generator.uniform(-1, 1, 2) * (1.0, 1.3), strict=True)
        )
        distance, azimuth = geodesy.distance_azimuth(
            float(geodesy.geocentric_latitude(lat)), lon,
            geodesy.geocentric_latitude(latitude), longitude,
        )  # fmt: skip
        depth = float(generator.uniform(8.0, 16.0))
        onsets = {}
        for wave in ("P", "S"):
            travel = predict(
                mixture_at(lat, lon), codes_of([wave] * n), distance, np.full(n, depth)
            ).time
            error = generator.normal(0.0, noise_s, n)
            for i in np.flatnonzero(generator.random(n) > 0.2).tolist():
                figure = location.figure_s(
                    wave, float(distance[i]), depth, lat, float(np.radians(azimuth[i]))
                )
                late = net.delays[str(i), wave]
                onsets[str(i), wave] = float(travel[i] + figure + late + error[i])
        made.append(Quake(float(lat), float(lon), depth, onsets))
    return made


def arrivals(net: Network, quake: Quake) -> tuple[ArrivalObservation, ...]:
    return tuple(
        ArrivalObservation(station, *net.places[int(station)], 0.0, wave, time)
        for (station, wave), time in quake.onsets.items()
    )


def sources(net: Network, made: list[Quake]) -> list[SourceReadings]:
    """Return the earthquakes as an agency of fair aim would report them."""
    return [
        SourceReadings(i, arrivals(net, q), Hypocentre(q.latitude + 0.05, q.longitude, 0.5, 10.0))
        for i, q in enumerate(made)
    ]
