"""A small published catalogue, committed, for tests that read over a second connection or HTTP.

It is made once a module (``shop`` fixture of ``tests/catalog/conftest.py``) and removed after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import connection, connections, transaction

from catalog.formats.records import FocalMechanismRecord, MagnitudeRecord, NodalPlaneRecord
from catalog.models import Event
from processing.jobs.publishing import publish_many
from tests.catalog.event_rows import obspy_isf, store_report

#: The name read when tests are collected, before the test database takes its place.
_CONFIGURED = connection.settings_dict["NAME"]

EMPTIED = """
SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
WHERE schemaname = 'public' AND (tablename LIKE 'catalog\\_%' OR tablename LIKE 'processing\\_%')
  AND tablename <> 'catalog_feedcounter'
"""


@dataclass(frozen=True)
class Shop:
    """``full`` has everything; ``small`` are plain events, an hour apart, newest last."""

    full: Event
    small: list[Event]
    merged: Event
    deleted: Event


def fill(small_ones: int = 12) -> Shop:
    record = obspy_isf()
    mechanism = FocalMechanismRecord(
        focal_mechanism_id="fm",
        nodal_plane_1=NodalPlaneRecord(10.0, 20.0, 30.0),
        agency="ISC",
    )
    with transaction.atomic():
        full = store_report(replace(record, focal_mechanisms=(mechanism,)))
        small = []
        for number in range(small_ones):
            origin = replace(
                record.origins[0],
                time=record.origins[0].time.replace(year=2014) + timedelta(hours=number),
                latitude=43.0 + number / 100,
                longitude=77.0,
                depth_km=None if number == 0 else float(number),
                agency="SOME" if number % 2 else "KNDC",
                arrivals=(),
            )
            kind = "KR" if number < 6 else "mb"
            magnitude = MagnitudeRecord(
                4.0 + number / 10, kind, magnitude_id="m", origin_id=origin.origin_id
            )
            small.append(
                store_report(
                    replace(
                        record,
                        event_type="quarry blast" if number == 3 else "earthquake",
                        origins=(origin,),
                        magnitudes=(magnitude,),
                        picks=(),
                        amplitudes=(),
                        station_magnitudes=(),
                    ),
                    agency_code=origin.agency or "",
                )
            )
        merged = store_report(record, agency_code="NEIC")
        deleted = store_report(record, agency_code="EMSC")
        publish_many([full, *small, merged, deleted])
        merged.status, merged.merged_into = "merged", full
        merged.save()
        deleted.status = "deleted"
        deleted.save()
        publish_many([merged, deleted])
    return Shop(full, small, merged, deleted)


def is_test_database() -> bool:
    """True where both connections lead to the test database and not to the configured one."""
    return all(connections[a].settings_dict["NAME"] != _CONFIGURED for a in ("default", "download"))


def empty() -> None:
    if not is_test_database():
        raise RuntimeError("only a test database is emptied")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
        cursor.execute(EMPTIED)
        cursor.execute(f"TRUNCATE {cursor.fetchone()[0]} CASCADE")
        cursor.execute("UPDATE catalog_feedcounter SET value = 0")
