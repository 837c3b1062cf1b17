"""Mechanisms and felt reports after mishaps: as without them.

Workers are killed while they solve a mechanism, store one, tie reports and work out intensities; a
worker hangs for longer than its lease and goes on beside the one that has taken its place.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from celery import Celery
from stack import Stack

from tests.live.computed import (
    FELT,
    FELT_UNDISTURBED,
    REPORTED,
    REPORTS,
    SOLVING,
    STORING,
    TWICE,
    UNDISTURBED,
)
from tests.live.mishaps import RESUMED_SECONDS, asked, finished, rows

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]

LEASE_SECONDS = 3
#: One for each moment in which workers are killed together.
WORKERS = 4
#: What a test locks so that a worker stops: while it reads what a mechanism follows from; before a
#: new mechanism is published; before ties are stored; between intensities and their summary.
BARRIERS = {
    "read": "LOCK TABLE catalog_polaritydecision IN ACCESS EXCLUSIVE MODE",
    "publish": "LOCK TABLE catalog_eventrow IN EXCLUSIVE MODE",
    "tie": "LOCK TABLE catalog_felttie IN EXCLUSIVE MODE",
    "summarise": "LOCK TABLE catalog_feltsummary IN EXCLUSIVE MODE",
}
#: What workers have in hand, but for what Beat asks for: the map's tiles and the like.
LEASED = (
    "FROM processing_workitem WHERE state = 'open' AND lease_owner <> ''"
    " AND kind IN ('mechanism', 'felt', 'felt-tie')"
)
#: Who has read of the catalogue and asks nothing for so long thinks about it [s].
THINKS_S = 0.03


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    environment = {"WORK_LEASE_SECONDS": str(LEASE_SECONDS)}
    with Stack(environment=environment, worker_concurrency=WORKERS) as stack:
        do(stack, "prepare()")
        stack.start_workers()
        stack.start_beat()
        finished(stack)
        yield stack


def do(stack: Stack, *calls: str) -> None:
    """Call functions of ``tests.live.computed`` in the stack."""
    stack.manage("shell", "-v0", "-c", "\n".join(["from tests.live.computed import *", *calls]))


@contextmanager
def in_turn(stack: Stack, line: psycopg.Connection, *calls: str) -> Iterator[Callable[[], object]]:
    """Call functions beside the test: the first at once, each other one when told to go on."""
    gates = range(1, len(calls))
    for gate in gates:
        line.execute("SELECT pg_advisory_lock(%s)", [gate])
    closed = iter(gates)
    held = [f"gate({gate})\n{call}" for gate, call in zip(gates, calls[1:], strict=True)]
    with ThreadPoolExecutor() as pool:
        done = pool.submit(do, stack, calls[0], *held)
        try:
            yield lambda: line.execute("SELECT pg_advisory_unlock(%s)", [next(closed)])
        finally:
            line.execute("SELECT pg_advisory_unlock_all()")
        done.result()


@contextmanager
def locked(stack: Stack, *barriers: str) -> Iterator[psycopg.Connection]:
    with asked(stack) as line, line.transaction(force_rollback=True):
        for barrier in barriers:
            line.execute(BARRIERS[barrier])
        yield line


def waiting(stack: Stack, barrier: str) -> int:
    """How many workers wait for what a barrier locks."""
    [(count,)] = rows(
        stack,
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database() AND query LIKE '%%' || %s || '%%'",
        BARRIERS[barrier].split()[2],
    )
    return int(count)


def is_solving(stack: Stack) -> bool:
    """True when one worker thinks about what it has read, while all others wait for a lock.

    Should that have been missed, the worker waits to publish what it has solved.
    """
    thinking = rows(
        stack,
        "SELECT 1 FROM pg_stat_activity WHERE state = 'idle' AND datname = current_database()"
        " AND query LIKE 'SELECT%%\"catalog\\_%%'"
        " AND clock_timestamp() - state_change > make_interval(secs => %s)",
        THINKS_S,
    )
    everyone = len(rows(stack, f"SELECT 1 {LEASED}")) == WORKERS
    return everyone and (len(thinking) == 1 or waiting(stack, "publish") == 2)


def mechanisms(stack: Stack, day: int) -> list[tuple]:
    """All that was computed of a day's earthquake and where it stands, without keys and times."""
    return rows(
        stack,
        """
        SELECT m.parameters ->> 'inputs', m.superseded_at IS NULL,
            e.preferred_focal_mechanism_id = m.id, m.triggering_origin_id = e.preferred_origin_id,
            m.strike_1, m.dip_1, m.rake_1, m.strike_2, m.dip_2, m.rake_2, m.quality, m.misfit,
            m.uncertainty_deg, m.probability, m.station_polarity_count, m.parameters::text,
            row.has_mechanism, e.evidence_version, e.published_version,
            (SELECT array_agg(kind::text ORDER BY number) FROM catalog_change
                WHERE event_id = e.id),
            (SELECT count(*) FROM catalog_eventfragment WHERE event_id = e.id)
        FROM catalog_event e JOIN catalog_eventrow row ON row.event_id = e.id
        JOIN catalog_focalmechanism m ON m.event_id = e.id
        WHERE row.time::date = date '2015-03-01' + %s ORDER BY m.id
        """,
        day,
    )


def felt(stack: Stack, day: int) -> list[tuple]:
    """What a day's reports came to: areas, the summary, and each report with its ties."""
    return rows(
        stack,
        """
        WITH mine AS (SELECT * FROM catalog_eventrow WHERE time::date = date '2015-03-01' + %s)
        SELECT area, code, c.report_count, c.not_felt_count, c.cws::text, c.cdi::text,
            c.msk64::text, c.ems98::text, c.distance_km::text, c.published
        FROM catalog_communityintensity c JOIN mine USING (event_id)
        UNION ALL
        SELECT 'summary', '', s.report_count, s.not_felt_count, s.max_cdi::text,
            mine.max_cdi::text, mine.felt_report_count::text, NULL, NULL,
            e.published_version = e.evidence_version
        FROM catalog_feltsummary s JOIN mine USING (event_id)
        JOIN catalog_event e ON e.id = s.event_id
        UNION ALL
        SELECT 'report', to_char(r.received_at, 'HH24:MI:SS'), count(t.id), NULL, r.felt::text,
            r.answers::text, r.flags::text, max(t.rule), NULL, r.processed_at IS NOT NULL
        FROM catalog_feltreport r JOIN mine USING (event_id)
        LEFT JOIN catalog_felttie t ON t.report_id = r.id AND t.event_id = r.event_id
        GROUP BY r.id ORDER BY 1, 2
        """,
        day,
    )


def check_mechanism(stack: Stack, day: int) -> None:
    """Reversed stations have replaced the mechanism exactly once, by the undisturbed one."""
    control = mechanisms(stack, UNDISTURBED)
    # Superseded, current; the current one preferred.
    assert [row[1:4] for row in control] == [(False, False, True), (True, True, True)]
    assert control[0][0] != control[1][0]
    assert mechanisms(stack, day) == control


def test_workers_killed_in_the_middle_of_mechanisms_and_of_felt_reports(stack: Stack) -> None:
    """One solves, one has half stored a mechanism, one ties reports, one has half their areas."""
    before = {day: mechanisms(stack, day) for day in (SOLVING, STORING)}
    with (
        locked(stack, "publish", "summarise") as line,
        in_turn(
            stack,
            line,
            f"send_reports({FELT}, 0); reverse({STORING}, *REVERSED)",
            f"send_reports({FELT}, 1)",
            f"reverse({SOLVING}, *REVERSED)",
        ) as go_on,
    ):
        stack.wait_until(lambda: held(stack) == [1, 1, 0], what="two workers in the middle")
        line.execute(BARRIERS["tie"])
        go_on()
        stack.wait_until(lambda: held(stack) == [1, 1, 1], what="a worker that ties reports")
        go_on()
        stack.wait_until(lambda: is_solving(stack), what="a worker that solves")
        stack.kill_workers()
    taken = rows(stack, f"SELECT kind, attempts {LEASED} ORDER BY kind")
    assert taken == [("felt", 1), ("felt-tie", 1), ("mechanism", 1), ("mechanism", 1)]
    for day in (SOLVING, STORING):
        assert mechanisms(stack, day) == before[day]
    assert [row[0] for row in felt(stack, FELT)] == ["report"] * len(REPORTS[0])
    stack.start_workers()
    assert finished(stack) < RESUMED_SECONDS
    for day in (SOLVING, STORING):
        check_mechanism(stack, day)
    control = felt(stack, FELT_UNDISTURBED)
    reports = [row for row in control if row[0] == "report"]
    assert [row[2] for row in reports] == [1] * sum(map(len, REPORTS))
    assert {row[0] for row in control if row[-1]} == {
        "1km", "10km", "settlement", "summary", "report",
    }  # fmt: skip
    assert felt(stack, FELT) == control


def held(stack: Stack) -> list[int]:
    return [waiting(stack, barrier) for barrier in ("publish", "summarise", "tie")]


def test_a_worker_that_hung_computes_beside_the_one_that_took_its_place(stack: Stack) -> None:
    """Asked for twice more meanwhile, once with more to know, offered to all: it is stored once."""
    with (
        locked(stack, "read") as line,
        in_turn(
            stack,
            line,
            f"reverse({TWICE}, REVERSED[0])",
            f"reverse({TWICE}, REVERSED[1])",
            f"ask({TWICE})",
        ) as go_on,
    ):
        stack.wait_until(lambda: waiting(stack, "read"), what="a worker that reads")
        [(item, owner)] = rows(stack, f"SELECT id, lease_owner {LEASED}")
        hung = int(owner.split(":")[1])
        os.kill(hung, signal.SIGSTOP)
        try:
            go_on()
            stack.wait_until(lambda: is_free(stack, item), what="the end of its lease")
            offer(stack, item, WORKERS)
            stack.wait_until(lambda: waiting(stack, "read") == 2, what="two that read")
            go_on()
            stack.wait_until(lambda: asked_for(stack, item) == 3, what="that it is asked for again")
        finally:
            os.kill(hung, signal.SIGCONT)
    assert finished(stack) < RESUMED_SECONDS
    check_mechanism(stack, TWICE)
    # What the first had solved, too, was refused.
    refused = "no longer held: mechanism"
    stack.wait_until(lambda: refused in stack.logs(lines=500), what="the end of the first")
    check_mechanism(stack, TWICE)


def test_a_felt_report_need_not_wait_for_a_mechanism_that_is_stored(stack: Stack) -> None:
    try:
        with locked(stack, "publish"):
            do(stack, f"reverse({REPORTED}, *REVERSED)")
            stack.wait_until(lambda: waiting(stack, "publish"), what="a worker that publishes")
            [(event,)] = rows(stack, f"SELECT object_id {LEASED}")
            # What the foreign key of a report that names its event asks of the event's row.
            row = "SELECT 1 FROM catalog_event WHERE id = %s FOR KEY SHARE NOWAIT"
            assert rows(stack, row, event) == [(1,)]
    finally:
        finished(stack)


def is_free(stack: Stack, item: int) -> bool:
    sql = "SELECT lease_until < clock_timestamp() FROM processing_workitem WHERE id = %s"
    return bool(rows(stack, sql, item)[0][0])


def asked_for(stack: Stack, item: int) -> int:
    sql = "SELECT requested_version FROM processing_workitem WHERE id = %s"
    return int(rows(stack, sql, item)[0][0])


def offer(stack: Stack, item: int, times: int) -> None:
    """Tell workers at once to look at the same item."""
    with Celery(broker=stack.env["REDIS_URL"], set_as_current=False) as messages:
        for _ in range(times):
            messages.send_task("processing.work", args=[item])
