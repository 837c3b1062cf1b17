"""Directions in which P leaves a source for its stations, and how far they are in doubt.

Azimuth and take-off angle follow from the locator's travel times: their derivatives with distance
and depth are the horizontal and vertical slowness at the source, whatever the model. Trials move
the hypocentre within its errors and change the model; what they do to the directions is the doubt
about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core import geodesy
from processing.core.earth_models import Mixture, mixture_at
from processing.core.predictions import codes_of, predict

FloatArray = NDArray[np.float64]

#: Of a hypocentre whose errors are not stated [km]. Ours.
EPICENTRE_ERROR_KM = 5.0
DEPTH_ERROR_KM = 5.0
#: The model that holds at the epicentre has half of the trials, these the rest in turn. Ours.
OTHER_MODELS = ("iasp91", "kyrgyz", "central-kazakhstan", "crust1-almaty", "crust1-karaganda")
TRIALS = 30
SEED = 2009
#: What arrives first where a model has not the phase that was read.
FIRST_ARRIVALS = ("Pg", "Pb", "Pn", "P")


@dataclass(frozen=True, slots=True)
class Rays:
    """Directions at the source [deg], shape (trials, n); the first trial is the best known."""

    azimuth: FloatArray
    """Event to station."""
    takeoff: FloatArray
    """From the downward vertical; beyond 90 the ray goes up. NaN: no model has such a ray."""


def rays(
    latitude: float,
    longitude: float,
    depth_km: float,
    station_latitude: ArrayLike,
    station_longitude: ArrayLike,
    phases: list[str],
    *,
    epicentre_error_km: float | None = None,
    depth_error_km: float | None = None,
    trials: int = TRIALS,
) -> Rays:
    """Return the directions of the rays to stations, for the hypocentre and around it.

    Parameters
    ----------
    latitude, longitude, depth_km : float
        Hypocentre, geographic [deg, km].
    station_latitude, station_longitude : array_like, shape (n,)
        Geographic [deg].
    phases : list of str, n of them
        As read: Pg, Pn, P ...; one that the model lacks there is the first arrival.
    epicentre_error_km, depth_error_km : float, optional
        Standard errors; unknown ones are 5 km.
    """
    n = len(phases)
    random = np.random.default_rng(SEED)
    off = random.standard_normal((trials, 3))
    off[0] = 0.0
    sideways = (epicentre_error_km or EPICENTRE_ERROR_KM) / np.sqrt(2.0)
    depths = np.abs(depth_km + off[:, 2] * (depth_error_km or DEPTH_ERROR_KM))
    lat = np.clip(latitude + off[:, 0] * sideways / geodesy.KM_PER_DEGREE, -90.0, 90.0)
    lon = longitude + off[:, 1] * sideways / geodesy.KM_PER_DEGREE / max(
        np.cos(np.radians(latitude)), 0.01
    )
    distance, azimuth = geodesy.distance_azimuth(
        lat[:, None], lon[:, None], np.asarray(station_latitude), np.asarray(station_longitude)
    )
    takeoff = np.full((trials, n), np.nan)
    best = mixture_at(latitude, longitude)
    others = [mixture_at(latitude, longitude, only=name) for name in OTHER_MODELS]
    for trial in range(trials):
        mixture = best if trial % 2 == 0 else others[(trial // 2) % len(others)]
        takeoff[trial] = takeoffs(mixture, phases, distance[trial], depths[trial])
    # A trial whose model has no ray says nothing: the first trial's stands in.
    return Rays(azimuth, np.where(np.isnan(takeoff), takeoff[:1], takeoff))


def takeoffs(mixture: Mixture, phases: list[str], distance: FloatArray, depth: float) -> FloatArray:
    """Return take-off angles [deg] of phases at distances [deg] from a depth [km].

    Of one that the model lacks there it is that of the first arrival.
    """
    depths = np.full(len(phases), depth)
    read = predict(mixture, codes_of(phases), distance, depths)
    angle = takeoff_angles(read.dt_ddelta, read.dt_dh)
    missing = np.flatnonzero(np.isnan(angle))
    if len(missing):
        names = first_arrivals(mixture, distance[missing], depth)
        first = predict(mixture, codes_of(names), distance[missing], depths[missing])
        angle[missing] = takeoff_angles(first.dt_ddelta, first.dt_dh)
    return angle


def first_arrivals(mixture: Mixture, distance: FloatArray, depth: float) -> list[str]:
    """Return the name of what arrives first of P at each distance [deg] from a depth [km]."""
    depths = np.full(len(distance), depth)
    every = [
        predict(mixture, codes_of([p] * len(depths)), distance, depths) for p in FIRST_ARRIVALS
    ]
    times = np.array([np.where(np.isnan(one.time), np.inf, one.time) for one in every])
    return [FIRST_ARRIVALS[i] for i in times.argmin(axis=0)]


def takeoff_angles(dt_ddelta: ArrayLike, dt_dh: ArrayLike) -> FloatArray:
    """Return take-off angles from the downward vertical [deg], 0-180.

    Parameters
    ----------
    dt_ddelta : array_like
        Horizontal slowness [s/deg].
    dt_dh : array_like
        Derivative with source depth [s/km]: negative where the ray goes down.
    """
    across = np.asarray(dt_ddelta, dtype=np.float64) / geodesy.KM_PER_DEGREE
    result: FloatArray = np.degrees(np.arctan2(across, -np.asarray(dt_dh, dtype=np.float64)))
    return result
