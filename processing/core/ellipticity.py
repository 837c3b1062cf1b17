"""What the Earth's ellipticity adds to travel times computed for a sphere.

Distances on the sphere are measured between geocentric latitudes; the correction is for the rest:
rays are longer where the Earth is thicker. Up to about a second for P, and never small enough to
leave out for a teleseismic location: it differs by azimuth, and half a second is ten kilometres.

References
----------
Dziewonski & Gilbert (1976), Geophys. J. R. Astr. Soc. 44, 7-17.
Kennett & Gudmundsson (1996), Geophys. J. Int. 127, 40-48. doi:10.1111/j.1365-246X.1996.tb01533.x
"""

from __future__ import annotations

import importlib.resources
import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from processing.core.compiling import compiled_inner

FloatArray = NDArray[np.float64]

FAMILIES = ("P", "S", "pP", "sP", "PcP", "ScP", "ScS", "PKPdf", "PKPbc", "PKPab")
"""Rows of the table; regional P and S share those of the first arrivals."""
STEP_DEG = 2.5
DISTANCES_DEG = np.arange(0.0, 180.1, STEP_DEG)
DEPTHS_KM = np.array([0.0, 50.0, 100.0, 200.0, 350.0, 500.0, 700.0])


@lru_cache(maxsize=1)
def load() -> FloatArray:
    """Return the coefficients tau_0, tau_1, tau_2 [s], shape (families, depths, distances, 3)."""
    resource = importlib.resources.files("processing.core.tables") / "ellipticity.npz"
    with np.load(io.BytesIO(resource.read_bytes()), allow_pickle=False) as packed:
        table: FloatArray = packed["coefficients"].astype(np.float64) / 1000.0
    table.flags.writeable = False
    return table


@compiled_inner
def correction(
    table: FloatArray,
    family: int,
    distance_deg: float,
    depth_km: float,
    latitude: float,
    azimuth: float,
) -> float:
    """Return what to add to a travel time of the sphere [s].

    ``latitude`` of the source, geocentric, and ``azimuth`` to the station [rad]; else as
    `correction_towards`.
    """
    return correction_towards(
        table, family, distance_deg, depth_km, np.sin(latitude), np.cos(latitude), np.cos(azimuth)
    )


@compiled_inner
def correction_towards(
    table: FloatArray,
    family: int,
    distance_deg: float,
    depth_km: float,
    sin_latitude: float,
    cos_latitude: float,
    cos_azimuth: float,
) -> float:
    """Return what to add to a travel time of the sphere [s].

    Parameters
    ----------
    table : array, shape (families, depths, distances, 3)
        From `load`.
    family : int
        Index in `FAMILIES`; negative for a phase without coefficients, which gives 0.
    sin_latitude, cos_latitude : float
        Of the source, geocentric.
    cos_azimuth : float
        Source to station.

    Notes
    -----
    Dziewonski & Gilbert's equation 22 in the form of Kennett & Gudmundsson (1996): the sum over m
    of tau_m, the Schmidt-normalised P_2^m of the colatitude's cosine, and cos(m azimuth).
    """
    if family < 0:
        return 0.0
    column = min(int(distance_deg / STEP_DEG), table.shape[2] - 2)
    u = distance_deg / STEP_DEG - column
    row = 0
    while row < table.shape[1] - 2 and depth_km > DEPTHS_KM[row + 1]:
        row += 1
    v = (depth_km - DEPTHS_KM[row]) / (DEPTHS_KM[row + 1] - DEPTHS_KM[row])
    cos_theta, sin_theta = sin_latitude, cos_latitude  # of the colatitude
    total = 0.0
    for m in range(3):
        tau = (1.0 - v) * (
            (1.0 - u) * table[family, row, column, m] + u * table[family, row, column + 1, m]
        ) + v * (
            (1.0 - u) * table[family, row + 1, column, m]
            + u * table[family, row + 1, column + 1, m]
        )
        if m == 0:
            total += tau * 0.5 * (3.0 * cos_theta * cos_theta - 1.0)
        elif m == 1:
            total += tau * np.sqrt(3.0) * cos_theta * sin_theta * cos_azimuth
        else:
            cos_twice = 2.0 * cos_azimuth * cos_azimuth - 1.0
            total += tau * 0.5 * np.sqrt(3.0) * sin_theta * sin_theta * cos_twice
    return total
