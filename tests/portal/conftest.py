"""Events as the pipeline would have published them, small enough to read in a test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.gis.geos import Point

from catalog.models import Agency, Event, EventRow, Magnitude, Origin, PreferredMagnitude

KARAGANDA = {
    "public_id": "kz2014karagn",
    "time": datetime(2014, 6, 21, 6, 30, tzinfo=UTC),
    "latitude": 49.56,
    "longitude": 72.97,
    "depth_km": 10.0,
    "agency": "KNDC",
    "minute_precision": True,
    "sizes": {"KR": 11.7, "MPVA": 5.2, "MS": 4.0},
    "felt": True,
    "place": "28 km S of Karaganda",
}

MakeEvent = Callable[..., Event]


def published(**values: Any) -> Event:
    """Make one event with an origin, its magnitudes and its row of the read side."""
    values = {**KARAGANDA, **values}
    agency, _ = Agency.objects.get_or_create(code=values["agency"])
    point = Point(values["longitude"], values["latitude"], srid=4326)
    event = Event.objects.create(
        public_id=values["public_id"], status="reviewed", synthetic=values.get("synthetic", False)
    )
    origin = Origin.objects.create(
        event=event,
        agency=agency,
        time=values["time"],
        time_uncertainty=30.0 if values["minute_precision"] else None,
        point=point,
        depth_km=values["depth_km"],
        semi_major_axis_km=12.0,
        semi_minor_axis_km=6.0,
        major_axis_azimuth=40.0,
    )
    sizes: dict[str, float] = values["sizes"]
    for scale, value in sizes.items():
        magnitude = Magnitude.objects.create(
            event=event, origin=origin, agency=agency, type=scale, scale=scale, value=value
        )
        PreferredMagnitude.objects.create(event=event, scale=scale, magnitude=magnitude)
    event.preferred_origin = origin
    event.save()
    main = next((s for s in ("Mw", "MS", "MLV", "mb", "ML") if s in sizes), "")
    EventRow.objects.create(
        event=event,
        public_id=event.public_id,
        time=values["time"],
        minute_precision=values["minute_precision"],
        point=point,
        latitude=values["latitude"],
        longitude=values["longitude"],
        depth_km=values["depth_km"],
        agency=agency.code,
        agencies=[agency.code],
        **{scale.lower(): value for scale, value in sizes.items()},
        magnitude=sizes.get(main),
        magnitude_type=main,
        status="reviewed",
        felt=values["felt"],
        synthetic=values.get("synthetic", False),
        place_en=values["place"],
        fdsn_text="",
        csv_line="",
        renderer_version="test",
        version=1,
        change_number=1,
        updated_at=values["time"],
    )
    return event


@pytest.fixture
def make_event(db: None) -> MakeEvent:
    return published


@pytest.fixture(autouse=True)
def _plain_static_addresses(settings: Any) -> None:
    """Pages of these tests need no collected files; the browser's tests collect them."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
