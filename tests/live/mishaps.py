"""What the tests of mishaps share: bulletins of a year, how they end, how a stage is caught.

Each test ingests the same two bulletins in a year of its own and compares what came of them with a
year without a mishap. A stage is caught in the middle of its transaction by a lock that the test
holds on what the stage is about to write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from stack import Stack

EVENTS = 12
CONTROL = 2001
#: With the default lease of 30 s the same takes 25 s longer and stays below a minute.
LEASE_SECONDS = 5
RESUMED_SECONDS = 35

#: What a test locks so that a worker stops in the middle of a stage.
BARRIERS = {
    "read": "LOCK TABLE catalog_bulletinentry, catalog_pick IN EXCLUSIVE MODE",
    "associate": "LOCK TABLE catalog_mergedecision IN EXCLUSIVE MODE",
    "readings": "LOCK TABLE catalog_pickassociation IN EXCLUSIVE MODE",
    "recompute": "LOCK TABLE catalog_eventrow IN EXCLUSIVE MODE",
    "propose": "LOCK TABLE catalog_pickassociation IN EXCLUSIVE MODE",
    "measure": "LOCK TABLE catalog_waveformmeasurement IN EXCLUSIVE MODE",
}


#: One process for all that stands before the mishaps: people, agencies, undisturbed bulletins.
PREPARE = """
from django.core.management import call_command
from catalog.models import Agency, User
User.objects.create_superuser("duty")
for code in ("SOME", "KNDC"):
    Agency.objects.create(code=code)
for path, agency in {bulletins!r}:
    call_command("ingest_bulletin", path, agency=agency)
"""


@contextmanager
def asked(stack: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as line:
        yield line


def rows(stack: Stack, sql: str, *values: object) -> list[tuple]:
    with asked(stack) as line:
        return line.execute(sql, values).fetchall()


def bulletin(stack: Stack, agency: str, year: int, events: int = EVENTS) -> str:
    """Write a bulletin of a year; KNDC differs a little from SOME, so that they join in pairs."""
    shift = 0.0 if agency == "SOME" else 0.05
    lines = ["event_id,origin_time,latitude,longitude,depth_km,KR,mb"]
    for n in range(events):
        time_of = f"{year}-05-{n % 28 + 1:02d}T{n // 28:02d}:10:0{shift * 40:.0f}"
        lines.append(
            f"{agency}-{year}-{n},{time_of},"
            f"{43 + shift + n % 7 * 0.1:.2f},{77 + shift:.2f},10,{9 + n % 5},{4 + shift:.2f}"
        )
    path = stack.directory / f"{agency}-{year}.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def ingest(stack: Stack, agency: str, year: int, events: int = EVENTS, *words: str) -> None:
    stack.manage(
        "ingest_bulletin", bulletin(stack, agency, year, events), "--agency", agency, *words
    )


def finished(stack: Stack, timeout: float = 60) -> float:
    """Wait until all runs are over and nothing waits; return how long it took."""
    begun = time.monotonic()

    def over() -> bool:
        try:
            [(running, waiting)] = rows(
                stack,
                "SELECT (SELECT count(*) FROM processing_processingrun WHERE finished_at IS NULL),"
                " (SELECT count(*) FROM processing_workitem WHERE state = 'open')",
            )
        except psycopg.OperationalError:
            return False  # it is being restarted
        return running == waiting == 0

    stack.wait_until(over, timeout, "the end of all runs")
    return time.monotonic() - begun


def outcome(stack: Stack, year: int) -> list[tuple]:
    """What came of a year's bulletins, told without anything that differs between years."""
    return rows(
        stack,
        """
        SELECT row.latitude, row.longitude, row.depth_km, row.kr, row.mb, row.magnitude,
            row.agencies, row.origin_count, row.magnitude_count, row.agency, event.status,
            event.evidence_version, event.published_version = event.evidence_version,
            to_char(row.time, 'MM-DD HH24:MI:SS'),
            (SELECT array_agg(kind::text ORDER BY number) FROM catalog_change
                WHERE event_id = event.id),
            (SELECT array_agg(kind::text ORDER BY id) FROM catalog_mergedecision
                WHERE event_id = event.id),
            (SELECT array_agg(replace(key, %s, '') ORDER BY key) FROM catalog_report
                WHERE event_id = event.id),
            (SELECT count(*) FROM catalog_origin WHERE event_id = event.id),
            (SELECT count(*) FROM catalog_eventfragment WHERE event_id = event.id)
        FROM catalog_event event JOIN catalog_eventrow row ON row.event_id = event.id
        WHERE extract(year FROM row.time) = %s ORDER BY row.time
        """,
        str(year),
        year,
    )


def check(stack: Stack, year: int) -> None:
    assert len(outcome(stack, CONTROL)) == EVENTS
    assert outcome(stack, year) == outcome(stack, CONTROL)
    runs = "SELECT DISTINCT status FROM processing_processingrun"
    assert rows(stack, runs) == [("succeeded",)]
    # Synthetic ones are made by a test itself, for waveforms, without a bulletin.
    orphans = "SELECT count(*) FROM catalog_event e WHERE NOT e.synthetic AND NOT EXISTS"
    [(count,)] = rows(stack, f"{orphans} (SELECT 1 FROM catalog_report WHERE event_id = e.id)")
    assert count == 0


@contextmanager
def caught(stack: Stack, stage: str, agency: str, year: int) -> Iterator[None]:
    """Ingest a bulletin and hold a worker in the middle of a stage of it."""
    name = f"{agency}-{year}.csv"
    with held(stack, {name: stage}, lambda: ingest(stack, agency, year)):
        yield


@contextmanager
def held(stack: Stack, stages: Mapping[str, str], send: Callable[[], None]) -> Iterator[None]:
    """Send files and hold the workers in the middle of a stage of each, told by its name."""
    with asked(stack) as line, line.transaction(force_rollback=True):
        for stage in sorted(set(stages.values())):
            line.execute(BARRIERS[stage])
        send()
        stack.wait_until(
            lambda: in_hand(stack, stages), 60, f"workers in the middle of {stages}"
        )  # fmt: skip
        yield


def in_hand(stack: Stack, stages: Mapping[str, str]) -> bool:
    """True when each file's stage is in a worker's hand and all these workers wait for a lock."""
    leased = rows(
        stack,
        # Proposals for moved events belong to no run.
        "SELECT coalesce(run.parameters ->> 'name', ''), item.kind, item.lease_owner"
        " FROM processing_workitem item LEFT JOIN processing_processingrun run"
        " ON run.id = item.run_id WHERE item.state = 'open' AND item.lease_owner <> ''",
    )
    wanted = {("" if stage == "propose" else name, stage) for name, stage in stages.items()}
    owners = {owner for name, kind, owner in leased if (name, kind) in wanted}
    [(waiting,)] = rows(
        stack,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    return wanted <= {(name, kind) for name, kind, _owner in leased} and waiting >= len(owners)
