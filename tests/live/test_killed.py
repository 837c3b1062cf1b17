"""A worker or the database killed in the middle of a stage: the result is as without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from stack import Stack

from tests.live.mishaps import BARRIERS, RESUMED_SECONDS, asked, caught, check, finished, rows

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]


@pytest.mark.parametrize(
    ("stage", "year"), [("read", 2002), ("associate", 2003), ("recompute", 2004)]
)
def test_workers_killed_in_the_middle_of_a_stage(stack: Stack, stage: str, year: int) -> None:
    with caught(stack, stage, "KNDC", year):
        stack.kill_workers()
    stack.start_workers()
    assert finished(stack) < RESUMED_SECONDS
    check(stack, year)


def test_postgresql_killed_and_restarted(stack: Stack) -> None:
    year = 2005
    with suppress(psycopg.OperationalError), caught(stack, "recompute", "KNDC", year):
        stack.restart_postgres(crash=True)
    assert finished(stack) < RESUMED_SECONDS
    check(stack, year)


#: An earthquake with a synthetic record of three components, sent as a person sends it.
SEND_WAVEFORMS = """
from catalog.models import User
from processing.jobs import waveforms
from tests.processing.waveform_files import earthquake, mseed, station_xml
user, _ = User.objects.get_or_create(username="measurer")
for name in {names!r}:
    event = earthquake(name, synthetic=True)
    waveforms.receive(event, "a.xml", [station_xml()], user)
    waveforms.receive(event, "a.mseed", [mseed()], user)
"""


def measured(stack: Stack, name: str) -> list[tuple]:
    """What was measured on an event's records and what came of it, told without keys and times."""
    return rows(
        stack,
        """
        SELECT 1, m.trace_id, m.scale, m.act, m.outcome, m.amplitude::text, m.period::text,
            m.time::text, md5(m.turns), m.superseded_at IS NULL
        FROM catalog_waveformmeasurement m JOIN catalog_event e ON e.id = m.event_id
        WHERE e.public_id = %s
        UNION ALL
        SELECT 2, a.scale, a.type, a.reason, a.calibration, size.value::text, a.method_id,
            jsonb_array_length(a.stations)::text, NULL, a.superseded_at IS NULL
        FROM catalog_magnitudeassessment a JOIN catalog_event e ON e.id = a.event_id
        LEFT JOIN catalog_magnitude size ON size.id = a.magnitude_id
        WHERE e.public_id = %s
        UNION ALL
        SELECT 3, file.name, file.status, file.traces::text, file.problems::text, row.kr::text,
            NULL, NULL, NULL, e.published_version = e.evidence_version
        FROM catalog_waveformfile file JOIN catalog_event e ON e.id = file.event_id
        LEFT JOIN catalog_eventrow row ON row.event_id = e.id
        WHERE e.public_id = %s
        ORDER BY 1, 2, 3, 4, 5, 6
        """,
        *[name] * 3,
    )


def is_reading(stack: Stack) -> bool:
    """True while a worker of the stack lets its child read waveforms."""
    database = f"DATABASE_URL={stack.env['DATABASE_URL']}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if b"processing.waveform_process" in (process / "cmdline").read_bytes():
                parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                if database in (process.parent / parent / "environ").read_bytes():
                    return True
    return False


def is_storing(stack: Stack) -> bool:
    return bool(
        rows(
            stack,
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND query LIKE '%%catalog_waveformmeasurement%%'",
        )
    )


def test_workers_killed_while_they_measure_waveforms(stack: Stack) -> None:
    """While the child reads the records, and again while the measurements are being stored."""
    stack.manage("shell", "-v0", "-c", SEND_WAVEFORMS.format(names=["kz2009undist"]))
    finished(stack)
    control = measured(stack, "kz2009undist")
    assert sum(row[0] == 1 and row[4] == "" for row in control) > 5
    moments: list[Callable[[Stack], bool]] = [is_reading, is_storing]
    with asked(stack) as line, line.transaction(force_rollback=True):
        line.execute(BARRIERS["measure"])
        stack.manage("shell", "-v0", "-c", SEND_WAVEFORMS.format(names=["kz2009mishap"]))
        for moment in moments:
            stack.wait_until(lambda moment=moment: moment(stack), 60, moment.__name__)
            stack.kill_workers()
            if moment is not moments[-1]:
                stack.start_workers()
    stack.start_workers()
    assert finished(stack) < RESUMED_SECONDS
    assert measured(stack, "kz2009mishap") == control
