"""Distances and directions: on the sphere for travel times, on the WGS84 ellipsoid for people.

Geographic latitudes are what bulletins print. Travel-time tables are made for a sphere, so a
locator turns geographic into geocentric latitude before it measures angles on the sphere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0
"""Radius of the spherical Earth of iasp91 and ak135 [km]."""

KM_PER_DEGREE = EARTH_RADIUS_KM * np.pi / 180.0
"""Length of one degree of great circle on that sphere [km]."""

WGS84_EQUATORIAL_RADIUS_KM = 6378.137
WGS84_FLATTENING = 1.0 / 298.257223563

VINCENTY_ITERATIONS = 60


def geocentric_latitude(latitude: ArrayLike) -> FloatArray:
    """Return the geocentric latitude of a geographic latitude [deg].

    tan(geocentric) = (1 - f)^2 tan(geographic), f the flattening of WGS84.
    """
    phi = np.radians(np.asarray(latitude, dtype=np.float64))
    axis_ratio = (1.0 - WGS84_FLATTENING) ** 2
    result: FloatArray = np.degrees(np.arctan2(axis_ratio * np.sin(phi), np.cos(phi)))
    return result


def geographic_latitude(latitude: ArrayLike) -> FloatArray:
    """Return the geographic latitude of a geocentric latitude [deg]: the inverse of the above."""
    phi = np.radians(np.asarray(latitude, dtype=np.float64))
    axis_ratio = (1.0 - WGS84_FLATTENING) ** 2
    result: FloatArray = np.degrees(np.arctan2(np.sin(phi), axis_ratio * np.cos(phi)))
    return result


def distance_azimuth(
    latitude_1: ArrayLike, longitude_1: ArrayLike, latitude_2: ArrayLike, longitude_2: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return great-circle distance [deg] and azimuth from point 1 to point 2 [deg, 0-360).

    Parameters
    ----------
    latitude_1, longitude_1, latitude_2, longitude_2 : array_like, broadcast together
        Latitudes and longitudes on the sphere [deg]. Pass geocentric latitudes for travel times.

    Notes
    -----
    The vector form of the distance is used (arc tangent of cross and dot product), which is exact
    for near and for antipodal points, where the cosine and the haversine formulas lose digits.
    Where the azimuth is undefined (same point) it is 0.
    """
    phi_1 = np.radians(np.asarray(latitude_1, dtype=np.float64))
    phi_2 = np.radians(np.asarray(latitude_2, dtype=np.float64))
    delta_lambda = np.radians(
        np.asarray(longitude_2, dtype=np.float64) - np.asarray(longitude_1, dtype=np.float64)
    )
    sin_1, cos_1 = np.sin(phi_1), np.cos(phi_1)
    sin_2, cos_2 = np.sin(phi_2), np.cos(phi_2)
    east = cos_2 * np.sin(delta_lambda)
    north = cos_1 * sin_2 - sin_1 * cos_2 * np.cos(delta_lambda)
    along = sin_1 * sin_2 + cos_1 * cos_2 * np.cos(delta_lambda)
    distance: FloatArray = np.degrees(np.arctan2(np.hypot(east, north), along))
    azimuth: FloatArray = np.degrees(np.arctan2(east, north)) % 360.0
    # A tiny negative angle modulo 360 rounds to exactly 360.
    azimuth = np.where(azimuth >= 360.0, 0.0, azimuth)
    return distance, azimuth


def destination(
    latitude: ArrayLike, longitude: ArrayLike, azimuth: ArrayLike, distance_deg: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the point reached from a point along an azimuth on the sphere [deg, deg]."""
    phi = np.radians(np.asarray(latitude, dtype=np.float64))
    alpha = np.radians(np.asarray(azimuth, dtype=np.float64))
    delta = np.radians(np.asarray(distance_deg, dtype=np.float64))
    sin_phi = np.clip(
        np.sin(phi) * np.cos(delta) + np.cos(phi) * np.sin(delta) * np.cos(alpha), -1.0, 1.0
    )
    delta_lambda = np.arctan2(
        np.sin(alpha) * np.sin(delta) * np.cos(phi), np.cos(delta) - np.sin(phi) * sin_phi
    )
    new_longitude = np.asarray(longitude, dtype=np.float64) + np.degrees(delta_lambda)
    return np.degrees(np.arcsin(sin_phi)), (new_longitude + 180.0) % 360.0 - 180.0


def ellipsoid_distance_km(
    latitude_1: ArrayLike, longitude_1: ArrayLike, latitude_2: ArrayLike, longitude_2: ArrayLike
) -> FloatArray:
    """Return the geodesic distance on the WGS84 ellipsoid [km].

    Parameters
    ----------
    latitude_1, longitude_1, latitude_2, longitude_2 : array_like, broadcast together
        Geographic latitudes and longitudes [deg].

    References
    ----------
    Vincenty (1975), Survey Review 23(176), 88-93, equations 13-18 and 3, 4, 6, 19.
    doi:10.1179/sre.1975.23.176.88

    Notes
    -----
    Vincenty's iteration fails within about half a degree of the antipode; there the great circle
    of the mean radius is returned, wrong by less than 0.6 %.
    """
    f = WGS84_FLATTENING
    a = WGS84_EQUATORIAL_RADIUS_KM
    b = a * (1.0 - f)
    phi_1, lambda_1, phi_2, lambda_2 = np.broadcast_arrays(
        *(
            np.radians(np.asarray(x, dtype=np.float64))
            for x in (latitude_1, longitude_1, latitude_2, longitude_2)
        )
    )
    reduced_1 = np.arctan2((1.0 - f) * np.sin(phi_1), np.cos(phi_1))
    reduced_2 = np.arctan2((1.0 - f) * np.sin(phi_2), np.cos(phi_2))
    sin_u1, cos_u1 = np.sin(reduced_1), np.cos(reduced_1)
    sin_u2, cos_u2 = np.sin(reduced_2), np.cos(reduced_2)
    difference = (lambda_2 - lambda_1 + np.pi) % (2.0 * np.pi) - np.pi
    lam = difference.copy()
    for _ in range(VINCENTY_ITERATIONS):
        sin_lam, cos_lam = np.sin(lam), np.cos(lam)
        sin_sigma = np.hypot(cos_u2 * sin_lam, cos_u1 * sin_u2 - sin_u1 * cos_u2 * cos_lam)
        cos_sigma = sin_u1 * sin_u2 + cos_u1 * cos_u2 * cos_lam
        sigma = np.arctan2(sin_sigma, cos_sigma)
        same = sin_sigma == 0.0
        sin_alpha = cos_u1 * cos_u2 * sin_lam / np.where(same, 1.0, sin_sigma)
        cos2_alpha = 1.0 - sin_alpha**2
        on_equator = cos2_alpha < 1e-15
        cos_2sigma_m = np.where(
            on_equator,
            0.0,
            cos_sigma - 2.0 * sin_u1 * sin_u2 / np.where(on_equator, 1.0, cos2_alpha),
        )
        c = f / 16.0 * cos2_alpha * (4.0 + f * (4.0 - 3.0 * cos2_alpha))
        correction = sigma + c * sin_sigma * (
            cos_2sigma_m + c * cos_sigma * (2.0 * cos_2sigma_m**2 - 1.0)
        )
        new = difference + (1.0 - c) * f * sin_alpha * correction
        change = np.abs(new - lam)
        lam = new
        if np.all(change < 1e-13):
            break
    u2 = cos2_alpha * (a**2 - b**2) / b**2
    big_a = 1.0 + u2 / 16384.0 * (4096.0 + u2 * (-768.0 + u2 * (320.0 - 175.0 * u2)))
    big_b = u2 / 1024.0 * (256.0 + u2 * (-128.0 + u2 * (74.0 - 47.0 * u2)))
    delta_sigma = (
        big_b
        * sin_sigma
        * (
            cos_2sigma_m
            + big_b
            / 4.0
            * (
                cos_sigma * (2.0 * cos_2sigma_m**2 - 1.0)
                - big_b
                / 6.0
                * cos_2sigma_m
                * (4.0 * sin_sigma**2 - 3.0)
                * (4.0 * cos_2sigma_m**2 - 3.0)
            )
        )
    )
    geodesic = b * big_a * (sigma - delta_sigma)
    failed = (change > 1e-10) | (np.abs(lam) > np.pi)
    angle, _ = distance_azimuth(latitude_1, longitude_1, latitude_2, longitude_2)
    mean_radius = a * (1.0 - f / 3.0)
    result: FloatArray = np.where(failed, np.radians(angle) * mean_radius, geodesic)
    return result


def azimuthal_gaps(azimuth: ArrayLike) -> tuple[float, float]:
    """Return the primary and secondary azimuthal gap of a set of stations [deg].

    Parameters
    ----------
    azimuth : array_like, shape (n_stations,)
        Event-to-station azimuths, clockwise from north [deg]; at least one.

    Returns
    -------
    tuple of float
        The largest angle without a station, and the largest angle that remains when any one
        station is taken away. Both are 360 for a single station, the second also for two.

    References
    ----------
    Bondár et al. (2004), Geophys. J. Int. 156, 483-496. doi:10.1111/j.1365-246X.2004.02070.x
    """
    ordered = np.sort(np.asarray(azimuth, dtype=np.float64) % 360.0)
    count = ordered.size
    if count == 0:
        raise ValueError("azimuthal gaps need at least one station")
    around = np.concatenate([ordered, ordered + 360.0, ordered + 720.0])
    primary = float(np.max(around[1 : count + 1] - ordered))
    secondary = float(np.max(around[2 : count + 2] - ordered))
    return min(primary, 360.0), min(secondary, 360.0)
