"""Questions of a page that may not take long: the database gives them up in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

from catalog.downloads import TooLong, was_given_up


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let every question in the block take so long at most.

    Raises
    ------
    TooLong
        When the database gave one up. Nothing else in the block's transaction is kept.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true)",
                    [f"{max(1, round(seconds * 1000))}ms"],
                )
            yield
    except OperationalError as failure:
        if was_given_up(failure):
            raise TooLong from failure
        raise
