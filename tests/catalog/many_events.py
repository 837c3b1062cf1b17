"""A large synthetic catalogue on the read side, made in the database: for benchmarks and plans.

A few hundred events are rendered as publishing renders them; all others take over their lines,
parts and sizes, under ids, times and places of their own. (So a line tells its own id, but the time
and place of the event it was taken from: good for counting bytes and rows, not for seismology.)
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from catalog import rendering
from catalog.formats.records import (
    ArrivalRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    StationReference,
)
from catalog.models import EventRow
from catalog.rendering import Facts, Place, Size

PATTERNS = 400
FIRST, LAST = datetime(1962, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)

#: What every event has of its own.
_OWN = {
    "event_id": "e.id",
    "public_id": "e.public_id",
    "time": "%(first)s + (e.number - 1) * %(step)s::interval",
    "latitude": "38 + 18 * (hashint4(e.number)::bigint & 65535) / 65535.0",
    "longitude": "46 + 42 * (hashint4(-e.number)::bigint & 65535) / 65535.0",
    "point": "ST_SetSRID(ST_MakePoint("
    "46 + 42 * (hashint4(-e.number)::bigint & 65535) / 65535.0,"
    "38 + 18 * (hashint4(e.number)::bigint & 65535) / 65535.0), 4326)",
    "fdsn_text": "replace(p.fdsn_text, p.public_id, e.public_id)",
    "csv_line": "replace(p.csv_line, p.public_id, e.public_id)",
    "version": "1",
    "change_number": "e.number",
    "updated_at": "%(first)s + (e.number - 1) * %(step)s::interval",
    "settlement_id": "NULL",
}
_EVENTS = """
INSERT INTO catalog_event (public_id, event_type, event_type_certainty, status, preference,
    synthetic, created_at, evidence_version, published_version)
SELECT {id}, 'earthquake', '', 'reviewed', '{}', true, now(), 1, 1
FROM generate_series(1, %(events)s) i
"""
_PLAIN_ID = "'kz' || to_char(i, 'FM0000000000')"
#: As the catalogue gives them: the year, then six places of 30 letters.
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
_REAL_ID = (
    "'kz' || to_char((%(first)s + (i - 1) * %(step)s::interval) AT TIME ZONE 'UTC', 'YYYY') || "
    + " || ".join(
        f"substr('{_ALPHABET}', (i / {len(_ALPHABET) ** place} %% {len(_ALPHABET)} + 1)::int, 1)"
        for place in range(5, -1, -1)
    )
)
_PLAIN = """
INSERT INTO catalog_eventfragment (event_id, part, body, renderer_version, version)
SELECT e.id, 'plain', convert_to(replace(p.plain, p.public_id, e.public_id), 'UTF8'),
    %(renderer)s, 1
FROM numbered e JOIN pattern p ON p.number = e.number %% %(patterns)s
"""
_ARRIVALS = """
INSERT INTO catalog_eventfragment (event_id, part, body, renderer_version, version)
SELECT e.id, 'arrivals', p.arrivals, %(renderer)s, 1
FROM numbered e JOIN pattern p ON p.number = e.number %% %(patterns)s
WHERE e.number > %(events)s - %(arrivals)s
"""


def fill(
    line: psycopg.Connection, events: int, arrivals: int = 0, *, real_ids: bool = False
) -> None:
    """Make so many events, the latest of them with arrivals; indexes are built at the end.

    Ids tell the number of their event (kz0000000001), or are like the catalogue's own.
    """
    patterns = min(PATTERNS, events)
    columns = [f.column for f in EventRow._meta.concrete_fields]
    values = {
        "first": FIRST,
        "step": (LAST - FIRST) / events,
        "events": events,
        "arrivals": arrivals,
        "patterns": patterns,
        "renderer": rendering.RENDERER_VERSION,
    }
    with line.transaction():
        line.execute("CREATE TEMP TABLE pattern (LIKE catalog_eventrow)")
        line.execute(
            "ALTER TABLE pattern ADD number int, ADD plain text, ADD arrivals bytea, "
            + ", ".join(f"ALTER {c} DROP NOT NULL" for c in columns)
        )
        _copy_patterns(line, patterns)
        last = line.execute("SELECT coalesce(max(id), 0) FROM catalog_event").fetchone()[0]
        line.execute(_EVENTS.replace("{id}", _REAL_ID if real_ids else _PLAIN_ID), values)
        # Keys are given in the order of numbers.
        line.execute(
            "CREATE TEMP TABLE numbered AS "
            "SELECT id, public_id, row_number() OVER (ORDER BY id)::int AS number "
            f"FROM catalog_event WHERE id > {int(last)}"
        )
        indexes = _without_indexes(line, "catalog_eventrow")
        told = ", ".join(_OWN.get(column, f"p.{column}") for column in columns)
        line.execute(
            f"INSERT INTO catalog_eventrow ({', '.join(columns)}) SELECT {told} "
            "FROM numbered e JOIN pattern p ON p.number = e.number %% %(patterns)s",
            values,
        )
        line.execute(_PLAIN, values)
        line.execute(_ARRIVALS, values)
        line.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for definition in indexes:
            line.execute(definition.encode())
        line.execute("UPDATE catalog_feedcounter SET value = %(events)s", values)
        line.execute("DROP TABLE numbered, pattern")
    line.autocommit = True
    line.execute("VACUUM ANALYZE catalog_event, catalog_eventrow, catalog_eventfragment")


def _without_indexes(line: psycopg.Connection, table: str) -> list[str]:
    """Drop the indexes that no constraint needs; return the statements that make them again."""
    found = line.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND NOT EXISTS "
        "(SELECT 1 FROM pg_constraint WHERE conname = indexname)",
        [table],
    ).fetchall()
    for name, _ in found:
        line.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return [definition for _, definition in found]


def _copy_patterns(line: psycopg.Connection, patterns: int) -> None:
    names = None
    with line.cursor() as cursor:
        for number, (values, plain, arrivals) in enumerate(_patterns(patterns)):
            row = {**values, "number": number, "plain": plain, "arrivals": arrivals}
            row["point"] = row["point"].ewkt
            if names is None:
                names = sql.SQL("INSERT INTO pattern ({}) VALUES ({})").format(
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.Placeholder, row)),
                )
            cursor.execute(names, row)


def _patterns(patterns: int) -> Iterator[tuple[dict, str, bytes]]:
    rng = random.Random(5)
    for number in range(patterns):
        record, facts = _pattern(rng, number)
        parts = rendering.render_fragments(record)
        yield (
            rendering.row_values(record, facts),
            parts["plain"].decode(),
            rendering.packed("arrivals", parts["arrivals"]),
        )


def _pattern(rng: random.Random, number: int) -> tuple[EventRecord, Facts]:
    """Return an event with 20 arrivals; two of three have KR, one of three a magnitude."""
    time = FIRST + timedelta(seconds=rng.uniform(0, 2e9))
    picks, arrivals = [], []
    for k in range(20):
        after = timedelta(seconds=rng.uniform(5, 120))
        pick = PickRecord(
            f"pick/{number * 100 + k}",
            StationReference(code=f"S{k:02d}", network="KZ"),
            time + after,
            phase_hint="P" if k % 2 else "S",
            onset="impulsive",
            evaluation_mode="manual",
            agency="KNDC",
        )
        picks.append(pick)
        arrivals.append(
            ArrivalRecord(
                pick.pick_id,
                phase=pick.phase_hint,
                azimuth=round(rng.uniform(0, 360), 1),
                distance_deg=round(rng.uniform(0.2, 8), 3),
                time_residual=round(rng.gauss(0, 0.7), 2),
                time_weight=1.0,
            )
        )
    origin = OriginRecord(
        origin_id=f"origin/{number}",
        time=time,
        latitude=round(rng.uniform(38, 56), 4),
        longitude=round(rng.uniform(46, 88), 4),
        depth_km=round(rng.uniform(0, 30), 1),
        time_uncertainty=round(rng.uniform(0.1, 2), 2),
        semi_major_axis_km=round(rng.uniform(2, 12), 1),
        semi_minor_axis_km=round(rng.uniform(1, 2), 1),
        major_axis_azimuth=round(rng.uniform(0, 180)),
        depth_uncertainty_km=round(rng.uniform(1, 8), 1),
        used_phase_count=20,
        used_station_count=12,
        azimuthal_gap=round(rng.uniform(40, 280)),
        standard_error=round(rng.uniform(0.2, 1.2), 2),
        minimum_distance_deg=0.2,
        agency="KNDC",
        evaluation_mode="manual",
        arrivals=tuple(arrivals),
    )
    sizes: dict[str, Size] = {}
    magnitudes = []
    if number % 3:
        sizes["KR"] = Size(round(6 + rng.expovariate(1.0), 1))
    else:
        sizes["mb"] = Size(round(2.5 + rng.expovariate(2.0), 1))
    for key, (scale, size) in enumerate(sizes.items()):
        magnitudes.append(
            MagnitudeRecord(
                size.value,
                scale,
                magnitude_id=f"magnitude/{number * 10 + key}",
                origin_id=origin.origin_id,
                station_count=6,
                agency="KNDC",
            )
        )
    record = EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=f"kzpattern{number:04d}",
        event_type="quarry blast" if number % 10 == 0 else "earthquake",
        event_type_certainty="suspected",
        origins=(origin,),
        magnitudes=tuple(magnitudes),
        picks=tuple(picks),
        preferred_origin_id=origin.origin_id,
        preferred_magnitude_id="" if number % 3 else magnitudes[0].magnitude_id,
        synthetic=True,
    )
    facts = Facts(
        status="reviewed",
        place=Place(1, {"en": "Almaty", "ru": "Алматы", "kk": "Алматы"}, 45.2, 92.0),
        sizes=sizes,
        reporters=("KNDC", "SOME"),
        contributor="KNDC",
        contributor_id=f"{100000 + number}",
    )
    return record, facts
