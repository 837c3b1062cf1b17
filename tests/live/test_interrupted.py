"""Redis lost and emptied; four writers at once: nothing is lost, doubled or out of order."""

from __future__ import annotations

import os
import threading

import pytest
from stack import Stack

from tests.live.mishaps import asked, caught, check, finished, ingest, outcome, rows

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]


def test_redis_restarted_and_emptied(stack: Stack) -> None:
    year = 2006
    with caught(stack, "associate", "SOME", year):
        stack.restart_redis(empty=True)
    assert finished(stack, 90) < 60
    # And while it is away: the upload succeeds, the work follows.
    stack.redis.stop()
    ingest(stack, "KNDC", year)
    stack.redis.empty()
    stack.redis.start()
    assert finished(stack, 90) < 60
    check(stack, year)


def test_a_reader_of_the_feed_misses_nothing_while_four_write(stack: Stack) -> None:
    """Two workers and two commands write; the reader asks for what is after its cursor."""
    seen: list[int] = rows(stack, "SELECT coalesce(max(number), 0) FROM catalog_change")[0][:1]  # type: ignore[assignment]
    seen = list(seen)
    gaps: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        with asked(stack) as line:
            while not stop.is_set():
                for (number,) in line.execute(
                    "SELECT number FROM catalog_change WHERE number > %s ORDER BY number",
                    [seen[-1]],
                ).fetchall():
                    if number != seen[-1] + 1:
                        gaps.append((seen[-1], number))
                    seen.append(number)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [
        threading.Thread(target=ingest, args=(stack, agency, year, 60, *words))
        for agency, year, words in (
            ("SOME", 2010, ("--wait",)), ("KNDC", 2010, ("--wait",)),
            ("SOME", 2011, ()), ("KNDC", 2011, ()),
        )
    ]  # fmt: skip
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        finished(stack, 90)
    finally:
        stack.wait_until(
            lambda: rows(stack, "SELECT max(number) FROM catalog_change") == [(seen[-1],)], 10
        )
        stop.set()
        reader.join()
    assert gaps == []
    assert len(seen) > 120
    for year in (2010, 2011):
        assert len(outcome(stack, year)) == 60
    counter = "SELECT value FROM catalog_feedcounter"
    assert rows(stack, counter) == rows(stack, "SELECT count(*) FROM catalog_change")
