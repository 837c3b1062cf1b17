"""Workers' own clocks may be wrong: leases and changes go by the database's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from catalog.models import Change
from processing import leases
from processing.jobs import publishing
from processing.models import WorkItem
from tests.catalog.event_rows import make_row

pytestmark = pytest.mark.django_db(databases=["default", "progress"])
HOUR = timedelta(hours=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Make this process's clock wrong, as on a machine without time service."""

    def shift(by: timedelta) -> None:
        monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + by)

    return shift


def test_a_worker_whose_clock_is_fast_takes_nobodys_work(
    clock: Callable[[timedelta], None],
) -> None:
    pk = WorkItem.objects.request("recompute", 7)
    held = WorkItem.objects.claim(pk)
    assert held is not None
    clock(HOUR)
    assert WorkItem.objects.claim(pk) is None
    assert WorkItem.objects.sweep() == []
    assert WorkItem.objects.get(pk=pk).lease_owner == held.lease_owner


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_a_worker_whose_clock_is_slow_keeps_its_work_and_finds_more(
    clock: Callable[[timedelta], None],
) -> None:
    pk = WorkItem.objects.request("recompute", 7)
    clock(-HOUR)
    held = WorkItem.objects.claim(pk)
    assert held is not None and held.lease_until is not None
    assert held.lease_until > leases.database_now()
    assert leases.renew(held.lease_owner, [pk]) == 1
    assert WorkItem.objects.get(pk=pk).lease_until > leases.database_now()
    # Work it asks for is due at once for the others, too, and not an hour ago.
    other = WorkItem.objects.get(pk=WorkItem.objects.request("recompute", 8))
    assert abs(other.not_before - leases.database_now()) < timedelta(minutes=1)


def test_failed_work_waits_by_the_databases_clock(clock: Callable[[timedelta], None]) -> None:
    clock(HOUR)
    pk = WorkItem.objects.request("recompute", 7)
    with pytest.raises(RuntimeError), WorkItem.claimed(pk):
        raise RuntimeError("broken")
    wait = WorkItem.objects.get(pk=pk).not_before - leases.database_now()
    assert timedelta() < wait < timedelta(minutes=1)


def test_changes_are_dated_by_the_databases_clock(clock: Callable[[timedelta], None]) -> None:
    clock(-HOUR)
    event = make_row("kz2014clock").event
    publishing.publish_many([event])
    change = Change.objects.latest("number")
    assert abs(change.at - leases.database_now()) < timedelta(minutes=1)
