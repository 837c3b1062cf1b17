"""Readings of several bulletins become one solution of our own, beside what was reported."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.gis.geos import Point

from catalog.models import Arrival, Event, Magnitude, Origin, Station
from processing.core import geodesy
from processing.core.earth_models import mixture_at
from processing.core.predictions import codes_of, predict
from processing.jobs import location
from tests.processing.bulletins import (
    associate,
    event,
    lay,
    picks,
    recompute,
    station_magnitudes,
)

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

LATITUDE, LONGITUDE, DEPTH = 43.1, 77.3, 15.0
PLACES = [(43.3, 76.9), (42.6, 77.0), (43.9, 77.9), (43.0, 78.4), (42.9, 75.9), (44.5, 76.4)]


@pytest.fixture
def stations() -> list[Station]:
    return [
        Station.objects.create(code=f"ST{i}", point=Point(lon, lat, srid=4326), elevation_m=0.0)
        for i, (lat, lon) in enumerate(PLACES)
    ]


def onsets(stations: list[Station], phase: str = "P") -> list[float]:
    """Arrival times of a made-up earthquake at time 0 [s]."""
    distance, _ = geodesy.distance_azimuth(
        geodesy.geocentric_latitude(LATITUDE), LONGITUDE,
        geodesy.geocentric_latitude([s.latitude for s in stations]),
        [s.longitude for s in stations],
    )  # fmt: skip
    found = predict(
        mixture_at(LATITUDE, LONGITUDE),
        codes_of([phase] * len(stations)),
        distance,
        np.full(len(stations), DEPTH),
    )
    return [float(t) for t in found.time]


def test_an_event_is_located_from_the_readings_of_its_reports(stations):
    times = onsets(stations)
    associate(lay("SOME", event("s1", 0, 43.2, 77.2, **picks(stations[:3], times[:3]))))
    associate(lay("KNDC", event("k1", 1, 43.0, 77.4, **picks(stations[3:], times[3:]))))
    assert recompute() == 1
    origin = Origin.objects.current().computed().get()
    assert origin.latitude == pytest.approx(LATITUDE, abs=0.06)
    assert origin.longitude == pytest.approx(LONGITUDE, abs=0.06)
    assert origin.agency.is_portal and origin.evaluation_mode == "automatic"
    assert origin.method_id.startswith("kz-portal/") and origin.earth_model_id == "kyrgyz+iasp91"
    assert origin.used_station_count == 6
    residuals = Arrival.objects.filter(origin=origin).values_list("time_residual", flat=True)
    assert len(residuals) == 6 and max(abs(r) for r in residuals) < 0.5
    # What was reported stands untouched and, being reported, first.
    assert Event.objects.get().preferred_origin.entry is not None


def test_locating_again_writes_nothing_and_new_readings_supersede(stations):
    times = onsets(stations)
    associate(lay("SOME", event("s1", **picks(stations[:5], times[:5]))))
    recompute()
    first = Origin.objects.current().computed().get()
    here = Event.objects.get()
    assert location.locate_many([here], first.agency) == {here.pk: first}
    assert Origin.objects.computed().count() == 1
    associate(lay("SOME", event("s1", **picks(stations, times))))
    recompute()
    second = Origin.objects.current().computed().get()
    assert second != first and second.used_station_count == 6
    first.refresh_from_db()
    assert first.superseded_at is not None


def test_too_few_readings_give_a_reason_and_no_origin(stations):
    associate(lay("SOME", event("s1", **picks(stations[:2], onsets(stations)[:2]))))
    recompute()
    assert Origin.objects.computed().count() == 0
    note = Event.objects.get().preference["location"]
    assert note["code"] == "too_few_arrivals" and note["stations"] == 2


def test_a_computed_origin_leaves_with_its_readings(stations):
    associate(lay("SOME", event("s1", **picks(stations, onsets(stations)))))
    recompute()
    associate(lay("SOME", event("s1")))
    recompute()
    assert Origin.objects.current().computed().count() == 0
    assert Origin.objects.computed().count() == 1


def test_a_reading_sent_by_two_agencies_counts_once(stations):
    times = onsets(stations)
    associate(lay("SOME", event("s1", **picks(stations, times))))
    associate(lay("KNDC", event("k1", 1, **picks(stations, [t + 0.05 for t in times]))))
    recompute()
    origin = Origin.objects.current().computed().get()
    assert Event.objects.alive().count() == 1
    assert origin.arrivals.count() == 6


def test_a_network_value_needs_three_stations_and_is_labelled(stations):
    few = station_magnitudes(stations[:2], [4.0, 4.4])
    associate(lay("SOME", event("s1", station_magnitudes=few)))
    recompute()
    assert Magnitude.objects.computed().count() == 0
    values = [4.0, 4.2, 4.4, 6.9]
    more = station_magnitudes(stations[:4], values)
    associate(lay("SOME", event("s1", station_magnitudes=more)))
    recompute()
    magnitude = Magnitude.objects.current().computed().get()
    assert (magnitude.type, magnitude.scale, magnitude.station_count) == ("mb", "mb", 4)
    assert magnitude.value == pytest.approx(4.3)
    assert magnitude.evaluation_mode == "automatic" and "iloc-median" in magnitude.method_id
    assert len(magnitude.parameters["station_magnitudes"]) == 4
    # The reported mb 4.0 goes before ours.
    assert Event.objects.get().preferred_magnitude.value == 4.0
