"""Travel times from many sources at once, each by the models that hold where it lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core.compiling import compiled
from processing.core.earth_models import Mixture, mixed_ray, mixture_at
from processing.core.travel_times import CODE, TravelTimes

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@compiled
def _mixed_rays(
    kernels: Any,
    weights: FloatArray,
    fades: FloatArray,
    codes: IntArray,
    distance_deg: FloatArray,
    depth_km: FloatArray,
) -> FloatArray:
    """Return time, dt/ddelta, dt/dh and d2t/ddelta2 of arrivals, shape (4, n)."""
    found = np.empty((4, codes.size))
    for i in range(codes.size):
        if codes[i] < 0:
            found[:, i] = np.nan
            continue
        found[0, i], found[1, i], found[2, i], found[3, i] = mixed_ray(
            kernels, weights, fades, codes[i], distance_deg[i], depth_km[i]
        )
    return found


def codes_of(phases: list[str]) -> IntArray:
    """Return the numbers of phases in `travel_times.PHASES`; -1 for an unknown one."""
    return np.array([CODE.get(p, -1) for p in phases], dtype=np.int64)


def predict(
    mixture: Mixture, codes: IntArray, distance_deg: FloatArray, depth_km: FloatArray
) -> TravelTimes:
    """Return the times of arrivals from sources of one mixture; arrays of shape (n,)."""
    return TravelTimes(
        *_mixed_rays(mixture.kernels, mixture.weights, mixture.fades, codes, distance_deg, depth_km)
    )


def predict_from(
    latitude: ArrayLike,
    longitude: ArrayLike,
    source: IntArray,
    codes: IntArray,
    distance_deg: FloatArray,
    depth_km: FloatArray,
    only: str | None = None,
) -> TravelTimes:
    """Return the times of arrivals from many sources.

    Parameters
    ----------
    latitude, longitude : array_like, shape (n_sources,)
        Geographic [deg]; they decide which models hold.
    source : array of int, shape (n,)
        Which of the sources each arrival comes from.
    codes, distance_deg, depth_km : array, shape (n,)
        As `travel_times.TravelTimeTable.predict_codes` takes them.
    only : str, optional
        Name of the one model to use, wherever the source lies.
    """
    mixtures = [
        mixture_at(float(lat), float(lon), only=only)
        for lat, lon in zip(np.atleast_1d(latitude), np.atleast_1d(longitude), strict=True)
    ]
    # Equal weights are the same object: nearly all sources lie well inside or outside a region.
    number: dict[int, int] = {}
    kinds = [number.setdefault(id(mixture), len(number)) for mixture in mixtures]
    kind = np.array(kinds, dtype=np.int64)[source] if kinds else np.zeros(0, dtype=np.int64)
    result = np.full((4, codes.size), np.nan)
    first = {k: mixtures[i] for i, k in reversed(list(enumerate(kinds)))}
    for k, mixture in first.items():
        rows = np.flatnonzero(kind == k)
        found = predict(mixture, codes[rows], distance_deg[rows], depth_km[rows])
        result[:, rows] = (found.time, found.dt_ddelta, found.dt_dh, found.d2t_ddelta2)
    return TravelTimes(*result)
