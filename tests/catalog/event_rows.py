"""Events for tests of the read side: an event, its origin and its row, made with few words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.gis.geos import Point

from catalog.models import Agency, Event, EventRow, Origin

TIME = datetime(2014, 3, 1, 12, 0, tzinfo=UTC)


def agency(code: str) -> Agency:
    return Agency.objects.get_or_create(code=code)[0]


def make_event(public_id: str, **values: Any) -> Event:
    return Event.objects.create(public_id=public_id, **values)


def make_row(
    public_id: str,
    *,
    time: datetime = TIME,
    latitude: float = 43.25,
    longitude: float = 76.9,
    **values: Any,
) -> EventRow:
    """Store an event with its origin and its finished row; other values are the row's columns."""
    code = values.setdefault("agency", "SOME")
    event = Event.objects.create(
        public_id=public_id,
        status=values.setdefault("status", "reviewed"),
        event_type=values.get("event_type", ""),
        synthetic=values.get("synthetic", False),
        evidence_version=1,
        published_version=1,
    )
    point = Point(longitude, latitude, srid=4326)
    event.preferred_origin = Origin.objects.create(
        event=event, agency=agency(code), time=time, point=point, depth_km=values.get("depth_km")
    )
    event.save(update_fields=["preferred_origin"])
    number = EventRow.objects.count() + 1
    return EventRow.objects.create(
        event=event,
        public_id=public_id,
        time=time,
        point=point,
        latitude=latitude,
        longitude=longitude,
        **{
            "agencies": [code],
            "contributor": code,
            "catalog": "KZPORTAL",
            "fdsn_text": f"{public_id}|text",
            "csv_line": f"{public_id},csv",
            "renderer_version": "test",
            "version": 1,
            "change_number": number,
            "updated_at": time,
            **values,
        },
    )
