"""Distances and directions against ObsPy, published coordinates and plain geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.geodetics import gps2dist_azimuth

from processing.core import geodesy

# To the micro-degree: the oracle divides by zero on points 1e-300 degrees apart.
latitudes = st.integers(-89_900_000, 89_900_000).map(lambda n: n / 1e6)
longitudes = st.integers(-180_000_000, 180_000_000).map(lambda n: n / 1e6)

# Karaganda, Kadzhisai, Talgar epicentres to stations [km], ISC station coordinates, methods 0.
PUBLISHED_DISTANCES = [
    ((49.56, 72.97), (48.2445, 72.3378), 153.5),
    ((49.56, 72.97), (50.7154, 78.6202), 423.8),
    ((49.56, 72.97), (53.0581, 70.2828), 431.9),
    ((42.10, 77.27), (43.2172, 76.9658), 126.6),
    ((42.10, 77.27), (43.329, 79.49), 227.4),
    ((42.10, 77.27), (43.1034, 70.5115), 565.6),
    ((42.97, 77.33), (43.2172, 76.9658), 40.4),
    ((42.97, 77.33), (43.1631, 77.0481), 31.4),
    ((42.97, 77.33), (43.329, 79.49), 180.2),
]


@pytest.mark.parametrize(("event", "station", "expected_km"), PUBLISHED_DISTANCES)
def test_ellipsoid_distance_gives_the_published_station_distances(event, station, expected_km):
    assert geodesy.ellipsoid_distance_km(*event, *station) == pytest.approx(expected_km, abs=0.06)


def test_preliminary_and_final_talgar_epicentres_are_37_km_apart():
    assert geodesy.ellipsoid_distance_km(43.30, 77.40, 42.97, 77.33) == pytest.approx(37.1, abs=0.1)


@given(latitudes, longitudes, latitudes, longitudes)
def test_ellipsoid_distance_agrees_with_obspy(lat_1, lon_1, lat_2, lon_2):
    angle, _ = geodesy.distance_azimuth(lat_1, lon_1, lat_2, lon_2)
    expected = gps2dist_azimuth(lat_1, lon_1, lat_2, lon_2)[0] / 1000.0
    # The oracle stops iterating at 1e-9 of a longitude; beyond 175 deg, our documented fallback.
    tolerance = 1e-3 if angle < 175.0 else 0.006 * expected
    assert geodesy.ellipsoid_distance_km(lat_1, lon_1, lat_2, lon_2) == pytest.approx(
        expected, abs=tolerance
    )


@given(latitudes, longitudes, st.floats(0.0, 359.9), st.floats(1e-3, 179.0))
def test_a_point_at_an_azimuth_and_distance_is_found_there(lat, lon, azimuth, distance):
    there = geodesy.destination(lat, lon, azimuth, distance)
    found_distance, found_azimuth = geodesy.distance_azimuth(lat, lon, *there)
    assert found_distance == pytest.approx(distance, abs=1e-6)
    turn = (found_azimuth - azimuth + 180.0) % 360.0 - 180.0
    assert abs(turn) * np.sin(np.radians(distance)) < 1e-5


def test_distance_keeps_its_digits_between_near_points():
    distance, azimuth = geodesy.distance_azimuth(43.0, 77.0, 43.0 + 1e-9, 77.0)
    assert distance == pytest.approx(1e-9, rel=1e-4)
    assert azimuth == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-90.0, 90.0))
def test_geographic_latitude_undoes_geocentric_latitude(latitude):
    there = geodesy.geocentric_latitude(latitude)
    assert geodesy.geographic_latitude(there) == pytest.approx(latitude, abs=1e-9)
    assert abs(there) <= abs(latitude) + 1e-12


def test_geocentric_latitude_differs_most_at_45_degrees():
    assert geodesy.geocentric_latitude(45.0) == pytest.approx(44.80758, abs=1e-5)


@pytest.mark.parametrize(
    ("azimuths", "primary", "secondary"),
    [
        ([10.0], 360.0, 360.0),
        ([10.0, 10.0], 360.0, 360.0),
        ([0.0, 180.0], 180.0, 360.0),
        ([0.0, 90.0, 180.0, 270.0], 90.0, 180.0),
        ([350.0, 10.0, 100.0], 250.0, 340.0),
    ],
)
def test_azimuthal_gaps_of_known_sets(azimuths, primary, secondary):
    assert geodesy.azimuthal_gaps(azimuths) == pytest.approx((primary, secondary))


@given(st.lists(st.floats(0.0, 359.999), min_size=1, max_size=30), st.floats(0.0, 360.0))
def test_gaps_do_not_depend_on_order_or_on_where_north_is(azimuths, turn):
    expected = geodesy.azimuthal_gaps(azimuths)
    turned = [(a + turn) % 360.0 for a in reversed(azimuths)]
    assert geodesy.azimuthal_gaps(turned) == pytest.approx(expected, abs=1e-6)
    assert expected[0] <= expected[1]


def test_gaps_of_no_station_are_an_error():
    with pytest.raises(ValueError, match="at least one"):
        geodesy.azimuthal_gaps([])
