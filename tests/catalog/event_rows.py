"""Events for tests of the read side: an event, its origin and its row, made with few words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import obspy
from django.contrib.gis.geos import Point
from django.db import transaction

from catalog import exchange
from catalog.exchange import StationAnswer
from catalog.formats import isf
from catalog.formats.limits import Limits
from catalog.formats.records import EventRecord
from catalog.models import (
    Agency,
    BulletinFile,
    BulletinReading,
    Change,
    Consequence,
    Event,
    EventDescription,
    EventRow,
    FocalMechanism,
    IntensityObservation,
    Interpretation,
    Magnitude,
    Origin,
    PreferredMagnitude,
    Report,
    User,
    new_public_id,
)
from catalog.scales import MAGNITUDE_ORDER, SCALES
from processing.jobs.publishing import publish_many

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


def store_report(
    record: EventRecord, event: Event | None = None, *, agency_code: str = "ISC"
) -> Event:
    """Store one reported event as ingest and association would, and prefer its first solutions."""
    user, _ = User.objects.get_or_create(username="operator")
    serial = BulletinFile.objects.count() + 1
    file = BulletinFile.objects.create(sha256=f"{serial:064d}", name="f", size=1, uploader=user)
    reading = BulletinReading.objects.create(
        file=file,
        number=1,
        agency=agency(agency_code),
        format="isf",
        reader_version="isf-1",
        requested_by=user,
    )
    report = Report.objects.create(agency=reading.agency, key=f"id:{record.event_id}-{serial}")
    entry, _problems = exchange.entry_from_record(
        record, reading_id=reading.pk, ordinal=1, report_id=report.pk, content_hash="h"
    )
    exchange.save_entries([entry])
    exchange.save_records(
        [(entry, record)], lambda asked: [StationAnswer(station_id=None) for _ in asked]
    )
    if event is None:
        event = Event.objects.create(
            public_id=new_public_id(record.origins[0].time),
            event_type=record.event_type or "",
            event_type_certainty=record.event_type_certainty or "",
        )
    for model in (
        Origin, Magnitude, FocalMechanism, IntensityObservation, EventDescription, Interpretation,
        Consequence,
    ):  # fmt: skip
        model._default_manager.filter(entry=entry).update(event=event)
    report.event, report.current_entry = event, entry
    report.save()
    if event.preferred_origin_id is None:
        choose(event)
    return event


def choose(event: Event) -> None:
    """Prefer the prime or last origin and the first magnitude of each scale."""
    origins = Origin.objects.filter(event=event, superseded_at=None)
    event.preferred_origin = origins.order_by("is_prime", "pk").last()
    event.preferred_magnitude = None
    for scale in SCALES:
        magnitude = (
            Magnitude.objects.filter(event=event, scale=scale, superseded_at=None)
            .order_by("pk")
            .first()
        )
        if magnitude is not None:
            PreferredMagnitude.objects.update_or_create(
                event=event, scale=scale, defaults={"magnitude": magnitude}
            )
    for scale in MAGNITUDE_ORDER:
        found = PreferredMagnitude.objects.filter(event=event, scale=scale).first()
        if found is not None:
            event.preferred_magnitude = found.magnitude
            break
    event.preferred_focal_mechanism = FocalMechanism.objects.filter(event=event).first()
    event.save()


def publish(*events: Event) -> list[Change | None]:
    with transaction.atomic():
        return publish_many(events)


def obspy_isf() -> EventRecord:
    """The Dogger Bank event of 1967 in the bulletin that ObsPy's own tests read."""
    path = Path(obspy.__file__).parent / "io/iaspei/tests/data/19670130012028.isf"
    with path.open("rb") as stream:
        return next(r for r in isf.read(stream, Limits()) if isinstance(r, EventRecord))
