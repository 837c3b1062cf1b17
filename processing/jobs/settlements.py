"""Correct or add a settlement, log who did, and write anew the events whose place line changes."""

from __future__ import annotations

from typing import Any

from django.contrib.gis.geos import Point
from django.db import connection
from django.utils import timezone

from catalog.models import Settlement, SettlementEdit, User
from processing.models import WorkItem

#: Fields that a person may change, in the order of the form.
FIELDS = (
    "name_en", "name_ru", "name_kk", "old_names", "other_names", "population", "country",
    "region_code",
)  # fmt: skip
PRIORITY = 6
#: Events farther off are not told by a settlement in the region the portal is about. Ours.
FARTHEST_KM = 1000.0

# An event is told by the settlement with the least distance over the fourth root of its people
# (``catalog.rendering``): told by this one already, or by it from now on.
_TOLD_BY_IT = """
SELECT r.event_id FROM catalog_eventrow r
LEFT JOIN catalog_settlement now ON now.id = r.settlement_id
CROSS JOIN (SELECT point, population FROM catalog_settlement WHERE id = %(key)s) one
WHERE r.settlement_id = %(key)s
   OR r.settlement_id IS NULL
   OR ST_DWithin(r.point::geography, one.point::geography, %(farthest)s)
      AND ST_Distance(r.point::geography, one.point::geography) / 1000.0
          / power(least(greatest(coalesce(one.population, 0), 1000), 1000000), 0.25)
        <= r.settlement_distance_km
          / power(least(greatest(coalesce(now.population, 0), 1000), 1000000), 0.25)
ORDER BY r.event_id
"""


def save(
    settlement: Settlement,
    values: dict[str, Any],
    latitude: float,
    longitude: float,
    actor: User,
    note: str = "",
) -> SettlementEdit | None:
    """Store a settlement as a person corrected it, inside a transaction; ``None``: as it was.

    Parameters
    ----------
    settlement : a new one, or one that is there
    values : field of ``FIELDS`` -> value
    latitude, longitude : degrees
    """
    before = _state(settlement) if settlement.pk else {}
    for name in FIELDS:
        setattr(settlement, name, values[name])
    settlement.point = Point(longitude, latitude, srid=4326)
    after = _state(settlement)
    changed = [name for name in after if before.get(name) != after[name]]
    if not changed:
        return None
    settlement.edited_at = timezone.now()
    settlement.save()
    edit = SettlementEdit.objects.create(
        settlement=settlement,
        before={name: before[name] for name in changed if name in before},
        after={name: after[name] for name in changed},
        actor=actor,
        note=note,
    )
    if {"name_en", "name_ru", "name_kk", "point", "population"} & set(changed):
        rerender_around([settlement.pk])
    return edit


def _state(settlement: Settlement) -> dict[str, Any]:
    state = {name: getattr(settlement, name) for name in FIELDS}
    state["point"] = [round(settlement.point.y, 6), round(settlement.point.x, 6)]
    return state


def rerender_around(settlements: list[int]) -> int:
    """Ask for the rows to be written anew that some settlements tell, or will tell.

    Call it inside the transaction that changed them. Returns how many rows.
    """
    keys: set[int] = set()
    with connection.cursor() as cursor:
        for settlement in settlements:
            cursor.execute(_TOLD_BY_IT, {"key": settlement, "farthest": FARTHEST_KM * 1000.0})
            keys.update(row[0] for row in cursor.fetchall())
        if not keys:
            return 0
        cursor.execute(
            "SELECT id, evidence_version FROM catalog_event WHERE id = ANY(%s) ORDER BY id",
            [sorted(keys)],
        )
        wanted = cursor.fetchall()
    WorkItem.objects.request_many("rerender", wanted, priority=PRIORITY)
    return len(wanted)
