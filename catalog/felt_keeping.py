"""Keeping a felt report, by one statement.

A report that is in doubt is kept and flagged; not kept is only what would fill the disk. The path
of a report is one INSERT in PostgreSQL, personal words included: no queue, no broker, no second
look.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.felt_reading import MESSAGES, Problem, Refused, SentReport, shown
from catalog.felt_senders import address_hash, device_hash

#: Why a report is in doubt as soon as it comes; what is found later has codes of its own.
FLAGS: dict[str, str | Promise] = {
    "no-token": _("sent without the form's token: by a program, or by a page of another site"),
    "stale-token": _("sent with a token older than half a day"),
    "trap-filled": _("a field that people do not see was filled in"),
    "flood-device": _("more reports from one device within an hour than are taken without a look"),
    "flood-address": _(
        "more reports from one address within an hour than are taken without a look"
    ),
    "unknown-place": _("its place was written in words that no settlement is called by"),
    "ambiguous-place": _("its place was written in words that several settlements are called by"),
}

#: A settlement is as wide as a circle in which its people live so densely (Almaty: two million on
#: 682 km2), at least a village; one whose number of people nobody told, a small town. Ours.
PEOPLE_PER_KM2 = 3000.0
VILLAGE_KM, UNKNOWN_SETTLEMENT_KM = 0.5, 2.0


class Full(Exception):
    """Nothing was kept, to keep the disk from filling; the sender tries again later."""

    def __init__(self, code: str, status: int, retry_seconds: int) -> None:
        super().__init__(code)
        self.code, self.status, self.retry_seconds = code, status, retry_seconds

    @property
    def message(self) -> str:
        return str(MESSAGES[self.code])


@dataclass(frozen=True, slots=True)
class Sender:
    """From where a report came; nothing of it is stored but hashes."""

    device: str = ""
    address: str = ""
    flags: tuple[str, ...] = ()


#: One snapshot, one round trip. What is counted for the limits is bounded, so that a flood does not
#: make each report dearer, and ordered, so that it is read from the index however many old reports
#: there are. A report that came before is looked for first, so that retries use up no numbers, by
#: which the day's limit is measured.
_KEEP = """
WITH earlier AS (SELECT FROM catalog_feltreport WHERE client_id = %(client_id)s::uuid),
settlement AS (
    SELECT id, point, CASE WHEN population > 0
        THEN greatest(%(village)s, sqrt(population / (%(density)s * pi())))
        ELSE %(unknown)s END AS precision_km
    FROM catalog_settlement WHERE id = %(settlement)s::bigint),
event AS (
    SELECT CASE WHEN status <> 'deleted' THEN coalesce(merged_into_id, id) END AS id, synthetic
    FROM catalog_event WHERE public_id = %(event)s::text),
sent AS (
    SELECT (SELECT count(*) FROM (SELECT FROM catalog_feltreport
            WHERE device = %(device)s AND device <> '' AND received_at > %(since)s
            ORDER BY received_at DESC LIMIT %(device_most)s) d) AS by_device,
        (SELECT count(*) FROM (SELECT FROM catalog_feltreport
            WHERE address_hash = %(address)s AND address_hash <> '' AND received_at > %(since)s
            ORDER BY received_at DESC LIMIT %(address_full)s) a) AS by_address,
        coalesce((SELECT received_at > %(day)s FROM catalog_feltreport
            WHERE id <= (SELECT max(id) FROM catalog_feltreport) - %(day_most)s
            ORDER BY id DESC LIMIT 1), false) AS day_full),
report AS (
    INSERT INTO catalog_feltreport (client_id, event_id, felt, felt_at, settlement_id, place, point,
        precision_km, place_source, chosen_grade, answers, language, received_at, device,
        address_hash, flags, verdict, synthetic)
    SELECT %(client_id)s::uuid, (SELECT id FROM event), %(felt)s, %(felt_at)s::timestamptz,
        (SELECT id FROM settlement), %(place)s,
        coalesce(ST_SetSRID(ST_MakePoint(%(longitude)s::float8, %(latitude)s::float8), 4326),
            (SELECT point FROM settlement)),
        coalesce(%(precision_km)s::float8, (SELECT precision_km FROM settlement)),
        %(place_source)s, %(grade)s::smallint, %(answers)s::jsonb, %(language)s,
        %(now)s::timestamptz, %(device)s, %(address)s,
        array_cat(%(flags)s::text[], array_remove(ARRAY[
            CASE WHEN by_device >= %(device_most)s THEN 'flood-device' END,
            CASE WHEN by_address >= %(address_most)s THEN 'flood-address' END], NULL)),
        '', coalesce((SELECT synthetic FROM event), false)
    FROM sent
    WHERE NOT EXISTS (SELECT FROM earlier) AND NOT day_full AND by_address < %(address_full)s
        AND (%(settlement)s::bigint IS NULL OR EXISTS (SELECT FROM settlement))
        AND (%(event)s::text IS NULL OR EXISTS (SELECT FROM event))
    ON CONFLICT (client_id) DO NOTHING
    RETURNING id),
personal AS (
    INSERT INTO catalog_feltreportpersonal (report_id, comment, name, contact)
    SELECT id, %(comment)s, %(name)s, %(contact)s FROM report WHERE %(is_personal)s)
SELECT EXISTS (SELECT FROM report), EXISTS (SELECT FROM earlier),
    EXISTS (SELECT FROM settlement), EXISTS (SELECT FROM event),
    by_address >= %(address_full)s, day_full
FROM sent
"""
WINDOW = timedelta(hours=1)
ADDRESS_RETRY_SECONDS, DAY_RETRY_SECONDS = 1800, 3600


def keep(report: SentReport, sender: Sender, now: datetime) -> bool:
    """Store a report; return whether it is a new one (a retry brings the id of one we have).

    Raises
    ------
    Refused
        There is no such event or settlement.
    Full
        The limits that guard the disk are reached; nothing was stored.
    """
    point = report.point
    values: dict[str, Any] = {
        "client_id": str(report.client_id),
        "event": report.event or None,
        "felt": report.felt,
        "felt_at": report.felt_at,
        "settlement": report.settlement,
        "place": report.place,
        "latitude": point and point.latitude,
        "longitude": point and point.longitude,
        "precision_km": point and point.precision_km,
        "place_source": str(report.place_source),
        "grade": report.grade,
        "answers": json.dumps(report.answers),
        "language": report.language,
        "now": now,
        "since": now - WINDOW,
        "day": now - timedelta(days=1),
        "device": device_hash(sender.device),
        "address": address_hash(sender.address, now),
        "flags": [*report.flags, *sender.flags],
        "comment": report.comment,
        "name": report.name,
        "contact": report.contact,
        "is_personal": report.is_personal,
        "device_most": settings.FELT_DEVICE_PER_HOUR,
        "address_most": settings.FELT_ADDRESS_PER_HOUR,
        "address_full": settings.FELT_ADDRESS_MOST_PER_HOUR,
        "day_most": settings.FELT_MOST_PER_DAY,
        "village": VILLAGE_KM,
        "density": PEOPLE_PER_KM2,
        "unknown": UNKNOWN_SETTLEMENT_KM,
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        is_new, is_known, has_settlement, has_event, address_full, day_full = cursor.fetchone()
    if is_new or is_known:
        return bool(is_new)
    problems = []
    if report.event and not has_event:
        problems.append(Problem("event", "unknown-event", shown(report.event)))
    if report.settlement is not None and not has_settlement:
        expected = "a number of /api/v1/map/places.json"
        problems.append(
            Problem("settlement", "unknown-settlement", str(report.settlement), expected)
        )
    if problems:
        raise Refused(problems)
    if address_full:
        raise Full("address-full", 429, ADDRESS_RETRY_SECONDS)
    if day_full:
        raise Full("day-full", 503, DAY_RETRY_SECONDS)
    return False  # the same report came by another connection at the same moment
