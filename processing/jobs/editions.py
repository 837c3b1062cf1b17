"""A later edition of a list: its rows continue the reports of the earlier file.

By the agency's event ids that happens by itself. Here it is done for lists without ids, or with new
ones: rows that say the same are the same report, the others continue the nearest report of the
earlier file that no row repeats. Reports that nothing continues are withdrawn, as after any newer
reading. Their events keep their public ids, the decisions about them stay.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from django.db import connection

from catalog.formats.records import EventRecord
from catalog.models import BulletinReading, Report
from processing.core import editions as core

#: Of an entry ``e``, the origin ``o`` that stands for it.
PRIME_ORIGIN = """
    JOIN LATERAL (
        SELECT * FROM catalog_origin o WHERE o.entry_id = e.id
        ORDER BY o.is_prime DESC, o.id LIMIT 1
    ) o ON true
"""
#: Also of the later edition itself, whose rows may have been read before.
_EARLIER = f"""
    SELECT r.id, r.key, extract(epoch FROM o.time)::float8, ST_Y(o.point), ST_X(o.point)
    FROM catalog_report r
    JOIN catalog_bulletinentry e ON e.id = r.current_entry_id
    JOIN catalog_bulletinreading g ON g.id = e.reading_id
    {PRIME_ORIGIN}
    WHERE g.file_id = ANY(%s) AND r.agency_id = %s AND r.withdrawn_at IS NULL
    ORDER BY o.time, r.id
"""  # noqa: S608 - our own


def continuations(
    reading: BulletinReading, rows: Iterable[tuple[str, EventRecord]]
) -> dict[str, int]:
    """Return which report of the earlier file each new row continues, by the row's own key.

    ``rows`` are all rows of the later edition with the keys their reports would have.
    """
    if reading.edition_of_id is None:
        return {}
    with connection.cursor() as cursor:
        files = [reading.edition_of_id, reading.file_id]
        cursor.execute(_EARLIER, [files, reading.agency_id])
        earlier = cursor.fetchall()
    places = {
        key: (record.origins[0].time.timestamp(), record.origins[0].latitude,
              record.origins[0].longitude)
        for key, record in rows
        if record.origins
    }  # fmt: skip
    known = set(
        Report.objects.filter(agency=reading.agency_id, key__in=places).values_list(
            "key", flat=True
        )
    )
    free = [row for row in earlier if row[1] not in places]
    fresh = [key for key in places if key not in known]
    if not free or not fresh:
        return {}
    old = np.array([row[2:] for row in free], dtype=float).T
    new = np.array([places[key] for key in fresh], dtype=float).T
    return {fresh[n]: int(free[o][0]) for n, o in core.continued(*old, *new)}
