"""Follow the catalogue's changes over one connection.

A commit that changes the catalogue says "look" (``pg_notify`` in a trigger). What is new is read
from the table by number, so it does not matter whether such a word is lost or comes twice; without
any, the process looks now and then by itself. The role is the web server's: a copy of the database,
where long downloads may go, has no LISTEN. The session only reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from portal.stream.log import Log, Written, write

logger = logging.getLogger(__name__)

CHANNEL = "catalog_changes"
#: Without a word for so long, the process looks by itself.
LOOK_SECONDS = 15.0
BATCH = 500
#: Between two tries to reach the database: at first, and at most.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0

#: What is told of an event the catalogue has: the name in the JSON interface -> column.
SUMMARY = {
    "time": "time",
    "latitude": "latitude",
    "longitude": "longitude",
    "depth_km": "depth_km",
    "KR": "kr",
    "MPVA": "mpva",
    "MLV": "mlv",
    "MS": "ms",
    "mb": "mb",
    "ML": "ml",
    "Mw": "mw",
    "magnitude": "magnitude",
    "magnitude_type": "magnitude_type",
    "event_type": "event_type",
    "status": "status",
    "felt": "felt",
    "synthetic": "synthetic",
    "place_kk": "place_kk",
    "place_ru": "place_ru",
    "place_en": "place_en",
}
_VERSION = "SELECT value FROM catalog_feedcounter WHERE id = 1"
_CHANGES = f"""
    SELECT c.number, c.kind, e.public_id AS id, c.at, c.details ->> 'into' AS "into",
        r.event_id IS NOT NULL AS "is here",
        {", ".join(f'r.{column} AS "{name}"' for name, column in SUMMARY.items())}
    FROM catalog_change c
    JOIN catalog_event e ON e.id = c.event_id
    LEFT JOIN catalog_eventrow r ON r.event_id = c.event_id
    WHERE c.number > %s AND c.number <= %s
    ORDER BY c.number LIMIT {BATCH}
"""  # noqa: S608 - the columns are ours


def connection_words(database: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to connect, from one of Django's ``DATABASES``."""
    return {
        "dbname": database["NAME"],
        "user": database["USER"] or None,
        "password": database["PASSWORD"] or None,
        "host": database["HOST"] or None,
        "port": database["PORT"] or None,
        "connect_timeout": 5,
        # A machine that went away without a word is noticed.
        "tcp_user_timeout": 20_000,
        "options": "-c default_transaction_read_only=on",
        "application_name": "portal stream",
    }


async def watch(log: Log, words: Mapping[str, Any]) -> None:
    """Keep a log up to date until cancelled; while the database is away, try again."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                **words, autocommit=True, row_factory=dict_row
            ) as connection:
                # First the ear, then the eyes: what is committed in between is heard.
                await connection.execute(f"LISTEN {CHANNEL}")
                while True:
                    await catch_up(log, connection)
                    pause = FIRST_PAUSE_SECONDS
                    async for _word in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                        pass
        except (psycopg.Error, OSError) as error:
            logger.warning(
                "the database is away, next try in %(seconds).1f s: %(error)s",
                {"seconds": pause, "error": (str(error).splitlines() or ["no reason given"])[0]},
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def catch_up(log: Log, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
    """Read what a log does not have yet; what lies too far back for it is left out."""
    found = await (await connection.execute(_VERSION)).fetchone()
    version: int = found["value"] if found else 0
    if log.last is None or not log.last <= version <= log.last + log.kept:
        # New here, away for long, or before a catalogue that was put back to an earlier state.
        floor = max(0, version - log.kept)
        log.begin(floor, await _changes(connection, floor, version), version)
    elif version > log.last:
        log.add(await _changes(connection, log.last, version), version)


async def _changes(
    connection: psycopg.AsyncConnection[dict[str, Any]], after: int, version: int
) -> list[Written]:
    changes: list[Written] = []
    while True:
        rows = await (await connection.execute(_CHANGES, [after, version])).fetchall()
        changes += (write(_told(row)) for row in rows)
        if len(rows) < BATCH:
            return changes
        after = rows[-1]["number"]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a change's values; of an event that has left, what it was is no longer told."""
    is_here = row.pop("is here")
    if row["into"] is None:
        del row["into"]
    return row if is_here else {name: row[name] for name in row if name not in SUMMARY}
