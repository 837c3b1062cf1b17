"""The order of the jobs: a file goes in, a run ends, events stand on the read side."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from catalog.models import Change, Event, EventRow, MergeDecision
from processing import pipeline, tasks
from processing.jobs import association
from processing.models import ProcessingRun, WorkItem
from tests.processing.bulletins import event, lay

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


def queue(agency: str, *records, priority: int = 5) -> ProcessingRun:
    run = lay(agency, *records)
    WorkItem.objects.request("associate", run.pk, run=run, priority=priority)
    return run


def work() -> None:
    """Do everything that waits, as a worker would."""
    while items := WorkItem.objects.claim_next():
        tasks.do(items)


def test_a_run_ends_when_its_last_event_is_published():
    run = queue("SOME", event("a"), event("b", 600))
    work()
    run.refresh_from_db()
    assert (run.status, run.stage) == ("succeeded", "done")
    assert run.counts == {"created": 2}
    assert EventRow.objects.count() == 2
    assert list(Change.objects.order_by("number").values_list("kind", flat=True)) == ["created"] * 2
    assert not Event.objects.unpublished().exists()


def test_a_run_waits_for_an_event_that_an_earlier_run_has_to_compute():
    first = queue("SOME", event("a"))
    tasks.do(WorkItem.objects.claim_next())
    second = queue("KNDC", event("b", 1), priority=1)
    tasks.do(WorkItem.objects.claim_next())
    pipeline.follow_up(None)
    second.refresh_from_db()
    assert second.status != "succeeded"
    work()
    pipeline.follow_up(None)
    for run in (first, second):
        run.refresh_from_db()
        assert run.status == "succeeded"
    assert EventRow.objects.count() == 1


def test_every_step_may_run_twice_without_harm():
    run = queue("SOME", event("a"), event("b", 600))
    queue("KNDC", event("c", 1))
    work()
    before = (
        list(EventRow.objects.order_by("pk").values()), Change.objects.count(),
        MergeDecision.objects.count(),
    )  # fmt: skip
    WorkItem.objects.request("associate", run.pk, run=run)
    WorkItem.objects.request_many("recompute", [(e.pk, 1) for e in Event.objects.all()])
    work()
    after = (
        list(EventRow.objects.order_by("pk").values()), Change.objects.count(),
        MergeDecision.objects.count(),
    )  # fmt: skip
    assert after == before


def test_a_parked_item_fails_its_run_with_a_reason(settings, monkeypatch):
    def broken(_events, _agency):
        raise ValueError("no table")

    settings.WORK_MAX_ATTEMPTS = 1
    monkeypatch.setattr(pipeline.location, "locate_many", broken)
    run = queue("SOME", event("a"))
    work()
    run.refresh_from_db()
    assert (run.status, run.reason_code, run.reason) == ("failed", "work-parked", {"items": 1})
    assert "no table" in WorkItem.objects.get(state="parked").last_error


def test_a_big_import_steps_aside_between_two_batches(monkeypatch):
    monkeypatch.setattr(association, "BATCH_ENTRIES", 1)
    run = queue("SOME", *(event(f"s{n}", 600 * n) for n in range(3)), priority=7)
    [item] = WorkItem.objects.claim_next()
    WorkItem.objects.request("read", 1, priority=3)
    pipeline.associate(item)
    assert association.waiting(run) == 2
    left = WorkItem.objects.get(kind="associate")
    assert (left.state, left.lease_owner, left.attempts) == ("open", "", 0)
    WorkItem.objects.filter(kind="read").delete()
    work()
    run.refresh_from_db()
    assert run.status == "succeeded" and EventRow.objects.count() == 3


def test_small_bulletins_go_before_large_ones():
    assert pipeline.priority_of(3) < pipeline.priority_of(400) < pipeline.priority_of(4930)


def test_the_sweep_ends_a_run_whose_worker_died_after_the_last_event():
    run = queue("SOME", event("a"))
    while items := WorkItem.objects.claim_next():
        pipeline.run_items(items)  # and no follow-up
    run.refresh_from_db()
    assert not run.is_over
    tasks.sweep()
    run.refresh_from_db()
    assert run.status == "succeeded"


def test_events_are_recomputed_by_command(capsys):
    queue("SOME", event("a"), event("b", 600))
    work()
    Event.objects.update(preferred_origin=None, preference={})
    call_command("recompute_events", "--now", skip_checks=True)
    assert "2 events" in capsys.readouterr().out
    assert Event.objects.filter(preferred_origin__isnull=False).count() == 2
    assert ProcessingRun.objects.get(kind="recompute").status == "succeeded"
    name = Event.objects.first().public_id
    call_command("recompute_events", name, "--render-only", "--now", skip_checks=True)
    assert "1 events" in capsys.readouterr().out
