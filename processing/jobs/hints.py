"""What a file, once read, suggests about how it should have been read; a person decides.

Two slips are common and expensive. A revised list is sent as if it were a new one, and every event
doubles; a list in Almaty time is read as UTC, and no event meets its other reports. Both show in
the events already known: here they are counted, and the operator is asked.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from catalog.formats import by_code
from catalog.formats.local_time import Epicentre, offset_votes
from catalog.models import BulletinFile, BulletinReading
from processing.core.editions import continued
from processing.jobs.editions import PRIME_ORIGIN

#: A hint needs at least so many rows that coincide, and this share of the file's new rows.
FEWEST_MATCHES = 5
SMALLEST_SHARE = 0.5
#: Rows looked at: a sample of a very long list tells as much as all of it.
MOST_ROWS = 20_000

_ROWS = f"""
    SELECT extract(epoch FROM o.time)::float8, ST_Y(o.point), ST_X(o.point)
    FROM catalog_bulletinentry e
    JOIN catalog_report r ON r.id = e.report_id
    {PRIME_ORIGIN}
    WHERE e.reading_id = %s AND (NOT %s OR r.current_entry_id IS NULL)
    ORDER BY o.time, e.id LIMIT %s
"""  # noqa: S608 - our own
#: Each report looks its entry up, whatever the planner believes of a large list just read: with
#: statistics of empty tables it would hold every report against every entry.
_OTHERS = f"""
    SELECT extract(epoch FROM o.time)::float8, ST_Y(o.point), ST_X(o.point), g.file_id
    FROM catalog_report r
    CROSS JOIN LATERAL (
        SELECT id, reading_id FROM catalog_bulletinentry WHERE id = r.current_entry_id OFFSET 0
    ) e
    JOIN catalog_bulletinreading g ON g.id = e.reading_id
    {PRIME_ORIGIN}
    WHERE r.agency_id = %s AND g.file_id <> %s AND r.withdrawn_at IS NULL
      AND g.evaluation_mode = %s
      AND o.time BETWEEN to_timestamp(%s) AND to_timestamp(%s)
    ORDER BY o.time, r.id LIMIT %s
"""  # noqa: S608
_KNOWN = """
    SELECT extract(epoch FROM w.time)::float8, w.latitude, w.longitude
    FROM catalog_eventrow w
    WHERE w.time BETWEEN to_timestamp(%s) AND to_timestamp(%s)
      AND EXISTS (
        SELECT FROM catalog_report r
        JOIN catalog_bulletinentry e ON e.id = r.current_entry_id
        JOIN catalog_bulletinreading g ON g.id = e.reading_id
        WHERE r.event_id = w.event_id AND g.file_id <> %s
      )
    ORDER BY w.time, w.event_id LIMIT %s
"""
DAY_S = 86_400.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hints_of(reading: BulletinReading) -> list[dict[str, Any]]:
    """Return what the stored rows of a reading suggest, as plain values for the run's page."""
    found = (local_time(reading), later_edition(reading))
    return [hint for hint in found if hint is not None]


def local_time(reading: BulletinReading) -> dict[str, Any] | None:
    """Say if a file read as UTC meets far more known events when its times are Almaty time.

    Events that this file alone reports say nothing about it.
    """
    if reading.options.get("time_zone", "UTC") != "UTC" or by_code(reading.format).always_utc:
        return None
    rows = _rows(reading)
    if not len(rows):
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            _KNOWN,
            [
                float(rows[:, 0].min()) - DAY_S,
                float(rows[:, 0].max()) + DAY_S,
                reading.file_id,
                10 * MOST_ROWS,
            ],
        )
        known = cursor.fetchall()
    votes = offset_votes(_epicentres(rows), _epicentres(known))
    if votes.zone is None:
        return None
    return {
        "kind": "time-zone",
        "zone": votes.zone,
        "matched_zone": votes.matches_local,
        "matched_utc": votes.matches_utc,
        "of": votes.compared,
    }


def _epicentres(rows: Any) -> list[Epicentre]:
    return [
        (EPOCH + timedelta(seconds=float(time)), float(latitude), float(longitude))
        for time, latitude, longitude in rows
    ]


def later_edition(reading: BulletinReading) -> dict[str, Any] | None:
    """Say which earlier file of the agency this one looks like a later edition of.

    Only rows whose report is new count: where ids or equal text tell, nothing is doubled.
    """
    if reading.edition_of_id is not None:
        return None
    new = _rows(reading, only_new=True)
    if len(new) < FEWEST_MATCHES:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            _OTHERS,
            [
                reading.agency_id,
                reading.file_id,
                reading.evaluation_mode,
                float(new[:, 0].min()) - 60.0,
                float(new[:, 0].max()) + 60.0,
                10 * MOST_ROWS,
            ],
        )
        others = cursor.fetchall()
    if not others:
        return None
    old = np.array([row[:3] for row in others], dtype=float)
    files = [row[3] for row in others]
    pairs = continued(*old.T, *new.T)
    found = Counter(files[o] for _n, o in pairs).most_common(1)
    if not found or found[0][1] < max(FEWEST_MATCHES, SMALLEST_SHARE * len(new)):
        return None
    file_id, matched = found[0]
    name = BulletinFile.objects.values_list("name", flat=True).get(pk=file_id)
    return {"kind": "edition", "file": file_id, "name": name, "matched": matched, "of": len(new)}


def _rows(reading: BulletinReading, only_new: bool = False) -> Any:
    """Return time, latitude and longitude of a reading's events; array, shape (n, 3)."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [reading.pk, only_new, MOST_ROWS])
        return np.array(cursor.fetchall(), dtype=float).reshape(-1, 3)
