"""Two workers on one event, one that dies, and reports that come in meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from catalog.models import Change, CommunityIntensity, FeltReport, FeltTie
from processing.jobs import felt, felt_intensities
from processing.transactions import retried, writing
from tests.processing.felt_reports import quake, report, work

pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(transaction=True, databases=["default", "progress"]),
]
ANSWERS = {"motion": "mild"}


def beside(*actions: Callable[[], None]) -> None:
    """Do things at once, each over a connection of its own; an error of one is raised."""
    errors: list[BaseException] = []

    def run(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def stored() -> Any:
    cells = CommunityIntensity.objects.order_by("area", "code")
    return (
        list(cells.values_list("area", "code", "report_count", "cws", "cdi", "published")),
        sorted(FeltReport.objects.values_list("client_id", "event", "flags")),
        sorted(FeltTie.objects.values_list("report", "rule", "event")),
    )


def test_what_comes_of_reports_does_not_depend_on_who_works_and_dies() -> None:
    tied_to = quake()
    for number in range(30):
        report(
            number % 3 > 0, answers=ANSWERS if number % 3 else {},
            event=tied_to if number % 2 else None, at=(43.25 + number % 4 * 0.02, 76.95),
        )  # fmt: skip

    def a_worker() -> None:
        def tie() -> int:
            with writing():
                return felt.tie_batch(4)

        def compute() -> None:
            with writing():
                felt_intensities.compute(tied_to.pk)

        while retried(tie):
            retried(compute)

    def a_worker_that_dies() -> None:
        with transaction.atomic():
            felt.tie_batch(7)
            felt_intensities.compute(tied_to.pk)
            transaction.set_rollback(True)

    def a_sender() -> None:
        for _ in range(10):
            report(event=tied_to, answers=ANSWERS)

    beside(a_worker, a_worker, a_worker_that_dies, a_sender)
    work()
    first = stored()
    assert len(first[1]) == len(first[2]) == 40
    assert {event for _client, event, _flags in first[1]} == {tied_to.pk}
    changes = Change.objects.count()
    CommunityIntensity.objects.all().delete()
    with writing():
        felt.request_event([tied_to.pk])
    work()
    assert stored() == first and Change.objects.count() == changes + 1


def test_a_report_comes_in_while_its_event_is_worked_on() -> None:
    tied_to = quake()
    report(event=tied_to, answers=ANSWERS)

    def send() -> None:
        with writing(lock_timeout_seconds=1):
            report(event=tied_to)

    with transaction.atomic():
        felt_intensities.compute(tied_to.pk)
        beside(send)
    assert FeltReport.objects.count() == 2
