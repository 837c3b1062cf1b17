"""A worker or the database killed in the middle of a stage: the result is as without it."""

from __future__ import annotations

import os
from contextlib import suppress

import psycopg
import pytest
from stack import Stack

from tests.live.mishaps import RESUMED_SECONDS, caught, check, finished

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
