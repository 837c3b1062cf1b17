"""Lay bulletins into the database as a reading would, without a file: for tests of what follows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from catalog import exchange
from catalog.formats.records import (
    ArrivalRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.models import Agency, BulletinFile, BulletinReading, Report, Station, User
from processing import pipeline
from processing.jobs import association
from processing.models import ProcessingRun, WorkItem

START = datetime(2015, 3, 1, 12, 0, tzinfo=UTC)


def person(name: str = "duty") -> User:
    return User.objects.get_or_create(username=name)[0]


def event(
    event_id: str,
    seconds: float = 0.0,
    latitude: float = 43.2,
    longitude: float = 77.1,
    **values: object,
) -> EventRecord:
    """One reported event, so many seconds after ``START``."""
    magnitudes = [
        MagnitudeRecord(value=value, type=scale, origin_id="o")
        for scale, value in dict(values.pop("sizes", {"mb": 4.0})).items()  # type: ignore[call-overload]
    ]
    names = ("picks", "station_magnitudes", "amplitudes", "focal_mechanisms")
    parts = {name: values.pop(name) for name in names if name in values}
    arrivals = tuple(values.pop("arrivals", ()))  # type: ignore[arg-type]
    head = {
        name: values.pop(name) for name in ("event_type", "deleted", "synthetic") if name in values
    }
    origin = OriginRecord(
        origin_id="o",
        time=START + timedelta(seconds=seconds),
        latitude=latitude,
        longitude=longitude,
        arrivals=arrivals,
        **{"depth_km": 10.0, **values},  # type: ignore[arg-type]
    )
    return EventRecord(
        text=f"{event_id} {origin}", first_line=1, last_line=1, event_id=event_id,
        origins=(origin,), magnitudes=tuple(magnitudes), preferred_origin_id="o", **parts, **head,
    )  # type: ignore[arg-type]  # fmt: skip


def picks(
    stations: Sequence[Station], seconds: Sequence[float], phase: str = "P"
) -> dict[str, object]:
    """Readings at known stations and their arrivals, so many seconds after ``START``."""
    return {
        "picks": tuple(
            PickRecord(
                pick_id=f"p{i}", station=StationReference(code=station.code),
                time=START + timedelta(seconds=float(second)), phase_hint=phase,
            )
            for i, (station, second) in enumerate(zip(stations, seconds, strict=True))
        ),
        "arrivals": tuple(
            ArrivalRecord(pick_id=f"p{i}", phase=phase) for i in range(len(stations))
        ),
    }  # fmt: skip


def station_magnitudes(stations: Sequence[Station], values: Sequence[float], kind: str = "mb"):
    return tuple(
        StationMagnitudeRecord(value=v, type=kind, station=StationReference(code=s.code))
        for s, v in zip(stations, values, strict=True)
    )


def _resolve(queries: Sequence[exchange.StationQuery]) -> list[exchange.StationAnswer]:
    known = dict(Station.objects.values_list("code", "pk"))
    return [exchange.StationAnswer(known.get(q.reference.code)) for q in queries]


def lay(
    agency: str, *records: EventRecord, mode: str = "manual", file: BulletinFile | None = None
) -> ProcessingRun:
    """Store a bulletin of an agency, as read and not yet associated; return its run."""
    owner = Agency.objects.get_or_create(code=agency)[0]
    text = repr((agency, [r.text for r in records]))
    if file is None:
        count = BulletinFile.objects.count()
        digest = hashlib.sha256(f"{count}{text}".encode()).hexdigest()
        file = BulletinFile.objects.create(
            sha256=digest, name=f"{agency}.isf", size=len(text), uploader=person()
        )
    number = file.readings.count() + 1
    file.readings.filter(is_current=True).update(is_current=False, status="replaced")
    reading = BulletinReading.objects.create(
        file=file, number=number, agency=owner, format="isf", reader_version="1",
        requested_by=person(), evaluation_mode=mode, is_current=True, status="read",
        entry_count=len(records),
    )  # fmt: skip
    pairs = []
    for ordinal, record in enumerate(records, 1):
        report = Report.objects.get_or_create(agency=owner, key=f"id:{record.event_id}")[0]
        content_hash = hashlib.sha256(record.text.encode()).hexdigest()
        entry, _problems = exchange.entry_from_record(
            record, reading_id=reading.pk, ordinal=ordinal, report_id=report.pk,
            content_hash=content_hash,
        )  # fmt: skip
        pairs.append((entry, record))
    exchange.save_entries([entry for entry, _record in pairs])
    exchange.save_records(pairs, _resolve)
    return ProcessingRun.objects.create(kind="ingest", reading=reading, actor=person())


def associate(run: ProcessingRun, batch: int = association.BATCH_ENTRIES) -> None:
    """Associate a run as the pipeline does, in batches of a size."""
    for entries in list(association.batches(run)):
        for start in range(0, len(entries), batch):
            touched = association.associate(run, entries[start : start + batch])
            WorkItem.objects.request_many("recompute", touched, run=run)
    WorkItem.objects.request_many("recompute", association.withdraw_missing(run), run=run)


def recompute() -> int:
    """Do all waiting recomputations; return how many there were."""
    done = 0
    while items := WorkItem.objects.claim_next():
        pipeline.run_items(items)
        done += len(items)
    return done


def arrangement() -> set[frozenset[str]]:
    """Return which reports are one event now."""
    groups: dict[int, set[str]] = {}
    for report in Report.objects.filter(event__isnull=False).select_related("agency"):
        groups.setdefault(report.event_id, set()).add(str(report))
    return {frozenset(group) for group in groups.values()}
