"""A lease is kept alive, and progress shown, while the work's own transaction is still open.

Both go over the "progress" connection, which commits each statement at once. A lease that is not
renewed runs out; then the sweep gives the work to another worker, and the first one's attempt to
finish is refused. All of it is told by the database's clock: machines' own clocks may differ, and
one that is fast must not take the others' work away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from processing.transactions import is_passing

CONNECTION = "progress"
#: A progress bar moves no more often than this.
PROGRESS_SECONDS = 0.5

logger = logging.getLogger(__name__)


def database_now(alias: str = DEFAULT_DB_ALIAS) -> datetime:
    """Return the time by the one clock all workers share, not frozen in a transaction."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.WORK_LEASE_SECONDS)


def renew(owner: str, item_ids: Sequence[int], now: datetime | None = None) -> int:
    """Renew the leases this owner still holds and say that their runs live; return how many."""
    now = now or database_now(CONNECTION)
    with connections[CONNECTION].cursor() as cursor:
        # Never wait for the work's own transaction: it holds these rows only while it commits.
        cursor.execute("SET lock_timeout = 2000")
        cursor.execute(
            "UPDATE processing_workitem SET lease_until = %s"
            " WHERE id = ANY(%s) AND lease_owner = %s AND state = 'open'",
            [lease_end(now), list(item_ids), owner],
        )
        renewed: int = cursor.rowcount
        cursor.execute(
            "UPDATE processing_processingrun SET heartbeat_at = %s WHERE id IN"
            " (SELECT run_id FROM processing_workitem WHERE id = ANY(%s) AND lease_owner = %s)",
            [now, list(item_ids), owner],
        )
    return renewed


@contextmanager
def heartbeat(owner: str, item_ids: Sequence[int]) -> Iterator[None]:
    """Renew the leases three times in their length, from a thread, until the work is done."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(settings.WORK_LEASE_SECONDS / 3):
            try:
                renew(owner, item_ids)
            except OperationalError as error:
                # The next beat tries again; if none succeeds, the lease runs out as it should.
                logger.warning("heartbeat of %s: %s", owner, str(error).splitlines()[0])
                connections[CONNECTION].close()
        connections[CONNECTION].close()

    thread = threading.Thread(target=beat, name=f"heartbeat {owner}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Progress:
    """How far a run is, seen at once by who watches it: ``progress(done, total)``."""

    def __init__(self, run_id: int | None) -> None:
        self.run_id = run_id
        self._written = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Write how far it is, if the last time is not too recent or this is the end."""
        now = time.monotonic()
        if self.run_id is None or (done < total and now - self._written < PROGRESS_SECONDS):
            return
        self._written = now
        self._update("progress_done = %s, progress_total = %s", [done, total])

    def stage(self, stage: str, total: int = 0) -> None:
        """Say which step begins."""
        if self.run_id is None:
            return
        self._update(
            "stage = %s, status = 'running', started_at = COALESCE(started_at, now()),"
            " progress_done = 0, progress_total = %s",
            [stage, total],
        )

    def _update(self, columns: str, values: list[int | str]) -> None:
        try:
            with connections[CONNECTION].cursor() as cursor:
                cursor.execute("SET lock_timeout = 2000")
                cursor.execute(
                    f"UPDATE processing_processingrun SET {columns}, heartbeat_at = now()"  # noqa: S608
                    " WHERE id = %s AND status IN ('queued', 'running')",
                    [*values, self.run_id],
                )
        except OperationalError as error:
            if not is_passing(error):
                raise
            # The run's row is being finished by somebody: that says more than a progress bar.
            logger.info("progress of run %s not shown: %s", self.run_id, error)
