"""Compile the numerical kernels, so that nobody waits for it: ``python -m processing.core.warm``.

Numba keeps what it compiled in its cache folder; a second run only loads it. The locator calls all
that is compiled when it meets, one after another, an event without a start, one with a gross error
and one of two agencies' regions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from processing.core import geodesy, location, travel_times
from processing.core.earth_models import mixture_at
from processing.core.location import ArrivalObservation
from processing.core.predictions import codes_of, predict_from


def main() -> None:
    latitude, longitude, depth_km = 43.0, 77.0, 12.0
    centre = float(geodesy.geocentric_latitude(latitude))
    distance = np.linspace(0.1, 4.0, 6)
    place = geodesy.destination(centre, longitude, np.arange(6) * 60.0, distance)
    mixture_at(latitude, longitude)
    arrivals = []
    for name in ("P", "S"):
        found = predict_from(
            latitude, longitude, np.zeros(6, dtype=np.int64), codes_of([name] * 6), distance,
            np.full(6, depth_km),
        )  # fmt: skip
        arrivals += [
            ArrivalObservation(
                f"W{i}", float(geodesy.geographic_latitude(place[0][i])), float(place[1][i]), None,
                name, float(found.time[i]),
            )
            for i in range(6)
        ]  # fmt: skip
    location.locate(arrivals)
    arrivals[3] = replace(arrivals[3], time=arrivals[3].time + 40.0)
    location.locate(arrivals, "iasp91")
    # What an uploaded table is looked at with.
    travel_times.straight_lines(np.arange(3.0), np.arange(2.0))


if __name__ == "__main__":
    main()
