"""How far a global table is from ObsPy's TauPy, which traces the same model by other means."""

from __future__ import annotations

import numpy as np
from obspy.taup import TauPyModel

from processing.core.travel_times import TravelTimeTable

SPANS: dict[str, tuple[tuple[str, ...], float, float]] = {
    "P": (("p", "P", "Pn", "Pg", "Pdiff"), 0.02, 110.0),
    "S": (("s", "S", "Sn", "Sg", "Sdiff"), 0.02, 110.0),
    "pP": (("pP",), 28.0, 95.0),
    "sP": (("sP",), 28.0, 95.0),
    "PcP": (("PcP",), 1.0, 90.0),
    "ScP": (("ScP",), 1.0, 58.0),
    "ScS": (("ScS",), 1.0, 90.0),
    "PKPdf": (("PKIKP",), 116.0, 179.0),
    "PKiKP": (("PKiKP",), 1.0, 150.0),
    "PKPbc": (("PKP",), 145.0, 154.0),
    "PKPab": (("PKP",), 145.0, 176.0),
    "PP": (("PP",), 62.0, 179.0),
    "SS": (("SS",), 62.0, 179.0),
}
"""TauPy's names of each phase, and the distances where every source has it [deg]."""


def largest_errors(
    table: TravelTimeTable, count: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return the largest difference of times at random places, by phase [s].

    Where TauPy gives several rays, that of the nearest slowness is meant, except for first
    arrivals. Half the places are within 40 km of the surface. A phase that the table does not have
    where TauPy does is infinitely wrong.
    """
    taupy = TauPyModel(table.model)
    worst = dict.fromkeys(SPANS, 0.0)
    for place in range(count):
        # TauPy is slow to change its source depth: one for all phases.
        depth = float(rng.uniform(0.0, 40.0 if place % 2 else 700.0))
        for phase, (names, near, far) in SPANS.items():
            # First arrivals bend most near the source.
            share = rng.random() ** (2.0 if phase in ("P", "S") else 1.0)
            distance = near + (far - near) * share
            arrivals = taupy.get_travel_times(depth, distance, list(names))
            if not arrivals:
                continue
            found = table.predict(phase, distance, depth)
            slowness = float(found.dt_ddelta[0])
            arrival = (
                arrivals[0]
                if phase in ("P", "S")
                else min(arrivals, key=lambda a: abs(a.ray_param_sec_degree - slowness))
            )
            error = abs(float(found.time[0]) - arrival.time)
            worst[phase] = max(worst[phase], error if np.isfinite(error) else np.inf)
    return worst
