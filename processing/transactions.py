"""How a job writes: one transaction with a bounded wait for locks, tried again where that helps.

Two workers that touch the same events may meet: PostgreSQL then ends one of them (deadlock,
serialization, lock timeout). Nothing of it was written, so it may simply be done again.
"""

from __future__ import annotations

import errno
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import Model

LOCK_TIMEOUT_SECONDS = 10
ATTEMPTS = 4
PAUSE_SECONDS = 0.05

#: disk_full: PostgreSQL's own word for it.
NO_SPACE_STATE = "53100"
NO_SPACE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})

#: serialization_failure, deadlock_detected, lock_not_available
PASSING_STATES = frozenset({"40001", "40P01", "55P03"})

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


@contextmanager
def writing(lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
    """Open a transaction that waits for any one lock so long and no longer."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {int(lock_timeout_seconds * 1000)}")
        yield


def alone(model: type[Model]) -> None:
    """Let only this transaction number rows of a model and change where they stand; others read."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {model._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def is_passing(error: BaseException) -> bool:
    """True for an error that doing the same again may cure."""
    return getattr(error.__cause__, "sqlstate", None) in PASSING_STATES


def is_lost_connection(error: BaseException) -> bool:
    """True when the database went away, not when it refused what was asked.

    ``57P01`` to ``57P03``: it is shutting down or starting up; no state: the socket broke.
    """
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and (
        state is None or state.startswith(("57P", "08"))
    )


def is_no_space(error: BaseException | None) -> bool:
    """True when a disk is full, the database's or ours: freeing space cures it, nothing else."""
    if isinstance(error, OSError):
        return error.errno in NO_SPACE_ERRORS
    return getattr(getattr(error, "__cause__", None), "sqlstate", None) == NO_SPACE_STATE


class Overtaken(Exception):
    """What this transaction relied on was changed by one that committed first."""


def retried(action: Callable[[], Result]) -> Result:
    """Do what is a whole transaction, and again where another one stood in its way."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except (OperationalError, Overtaken) as error:
            passing = isinstance(error, Overtaken) or is_passing(error)
            if not passing or attempt == ATTEMPTS or connection.in_atomic_block:
                raise
            logger.info("trying again after: %s", str(error).splitlines()[0])
            time.sleep(PAUSE_SECONDS * attempt * (1 + random.random()))
    raise AssertionError("unreachable")
