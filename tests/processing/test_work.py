"""The queue of record: asked for once, held by one, finished with its result, never lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from processing import leases, tasks
from processing.models import STALE_SECONDS, LeaseLost, ProcessingRun, WorkItem
from processing.transactions import is_lost_connection, is_passing, retried, writing

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


def later(seconds: float):
    return timezone.now() + timedelta(seconds=seconds)


def test_work_asked_for_twice_is_one_item_with_a_higher_version():
    first = WorkItem.objects.request("recompute", 7, priority=5)
    assert WorkItem.objects.request("recompute", 7, priority=3) == first
    item = WorkItem.objects.get()
    assert (item.requested_version, item.priority) == (2, 3)


def test_finished_work_may_be_asked_for_again():
    with WorkItem.claimed(WorkItem.objects.request("recompute", 7)) as item, writing():
        item.finish()
    WorkItem.objects.request("recompute", 7)
    assert sorted(WorkItem.objects.values_list("state", flat=True)) == ["done", "open"]


def test_an_item_is_held_by_one_worker():
    pk = WorkItem.objects.request("recompute", 7)
    with WorkItem.claimed(pk) as first, WorkItem.claimed(pk) as second:
        assert first is not None and second is None


def test_what_is_not_yet_due_waits():
    pk = WorkItem.objects.request("recompute", 7)
    WorkItem.objects.update(not_before=later(60))
    assert WorkItem.objects.claim(pk) is None
    assert WorkItem.objects.claim(pk, now=later(61)) is not None


def test_more_evidence_meanwhile_keeps_the_item_open_for_another_round():
    pk = WorkItem.objects.request("recompute", 7, version=3)
    with WorkItem.claimed(pk) as item:
        WorkItem.objects.request("recompute", 7, version=4)
        with writing():
            item.finish()
    again = WorkItem.objects.get()
    assert (again.state, again.requested_version, again.lease_owner) == ("open", 4, "")
    assert WorkItem.objects.claim(pk).attempts == 1


def test_a_worker_that_lost_its_lease_cannot_store_its_result():
    pk = WorkItem.objects.request("recompute", 7)
    slow = WorkItem.objects.claim(pk)
    quick = WorkItem.objects.claim(pk, now=later(31))
    assert quick is not None and quick.attempts == 2
    run = ProcessingRun.objects.create(kind="recompute")
    with pytest.raises(LeaseLost), writing():
        ProcessingRun.objects.filter(pk=run.pk).update(reason_code="half-written")
        slow.finish()
    run.refresh_from_db()
    assert run.reason_code == ""
    with pytest.raises(LeaseLost), writing():
        slow.hold()
    with writing():
        quick.finish()
    assert WorkItem.objects.get().state == "done"


def test_a_lease_is_renewed_only_for_its_owner():
    pk = WorkItem.objects.request("recompute", 7)
    item = WorkItem.objects.claim(pk)
    # "progress" is a second connection, which does not see this test's transaction; ask the first.
    leases_connection, leases.CONNECTION = leases.CONNECTION, "default"
    try:
        assert leases.renew(item.lease_owner, [pk], now=later(20)) == 1
        assert leases.renew("somebody else", [pk]) == 0
    finally:
        leases.CONNECTION = leases_connection
    assert WorkItem.objects.claim(pk, now=later(45)) is None
    assert WorkItem.objects.claim(pk, now=later(51)) is not None


def test_a_failure_keeps_its_traceback_and_waits_longer_each_time():
    pk = WorkItem.objects.request("recompute", 7)
    waits, now = [], timezone.now()
    for _attempt in range(5):
        with pytest.raises(ZeroDivisionError), WorkItem.claimed(pk, now=now) as item:
            assert item is not None
            _ = 1 / 0
        row = WorkItem.objects.get()
        waits.append((row.not_before - timezone.now()).total_seconds())
        now = row.not_before
    assert "ZeroDivisionError" in row.last_error and "test_work.py" in row.last_error
    assert [round(wait / 5) for wait in waits] == [1, 2, 4, 8, 16]
    assert row.state == "parked" and row.finished_at is not None
    assert WorkItem.objects.claim(pk, now=later(1000)) is None


def test_the_sweep_frees_what_a_lost_worker_held():
    pk = WorkItem.objects.request("recompute", 7)
    WorkItem.objects.claim(pk)
    assert WorkItem.objects.sweep() == []
    assert WorkItem.objects.sweep(now=later(31)) == [pk]
    assert WorkItem.objects.get().lease_owner == ""


def test_an_item_that_kills_its_workers_is_parked():
    pk = WorkItem.objects.request("recompute", 7)
    for attempt in range(5):
        assert WorkItem.objects.claim(pk, now=later(40 * attempt)) is not None
        WorkItem.objects.sweep(now=later(40 * attempt + 31))
    row = WorkItem.objects.get()
    assert row.state == "parked" and row.last_error == "the worker was lost"


def test_the_sweep_repeats_wake_ups_that_were_lost():
    pk = WorkItem.objects.request("recompute", 7)
    assert WorkItem.objects.sweep() == []  # just sent
    assert WorkItem.objects.sweep(now=later(STALE_SECONDS + 1)) == [pk]
    assert WorkItem.objects.sweep(now=later(STALE_SECONDS + 2)) == []  # and not too often
    WorkItem.objects.update(sent_at=None)
    assert WorkItem.objects.sweep() == [pk]


def test_a_failed_send_is_no_error_and_is_repeated(settings, caplog, monkeypatch):
    from celery import current_app
    from kombu.exceptions import OperationalError as BrokerError

    def refuse(*_args, **_values):
        raise BrokerError("no broker")

    monkeypatch.setattr(current_app, "send_task", refuse)
    pk = WorkItem.objects.request("recompute", 7)
    WorkItem.objects.wake_up([pk])
    assert WorkItem.objects.get().sent_at is None
    assert "not sent" in caplog.text


def test_wake_ups_are_few_whatever_the_work(django_capture_on_commit_callbacks, monkeypatch):
    from celery import current_app

    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda *a, **k: sent.append(k["args"]))
    with django_capture_on_commit_callbacks(execute=True):
        WorkItem.objects.request_many("recompute", [(n, 1) for n in range(100)])
    assert len(sent) == 4
    assert WorkItem.objects.filter(sent_at__isnull=True).count() == 0


def test_urgent_work_is_taken_first_and_small_work_in_groups():
    WorkItem.objects.request_many("recompute", [(n, 1) for n in range(30)], priority=7)
    WorkItem.objects.request("recompute", 99, priority=3)
    assert [item.object_id for item in WorkItem.objects.claim_next()] == [99]
    group = WorkItem.objects.claim_next()
    assert len(group) == 20 and len({item.lease_owner for item in group}) == 1
    assert len(WorkItem.objects.claim_next()) == 10
    assert WorkItem.objects.claim_next() == []


def test_an_item_tried_before_is_taken_alone():
    WorkItem.objects.request_many("recompute", [(n, 1) for n in range(3)])
    WorkItem.objects.filter(object_id=0).update(attempts=1)
    assert len(WorkItem.objects.claim_next()) == 1
    assert len(WorkItem.objects.claim_next()) == 2


def test_work_more_urgent_than_a_priority_is_noticed():
    WorkItem.objects.request("read", 1, priority=3)
    assert WorkItem.objects.is_waiting(above=5)
    assert not WorkItem.objects.is_waiting(above=3)


def test_released_work_counts_no_attempt():
    pk = WorkItem.objects.request("associate", 1)
    item = WorkItem.objects.claim(pk)
    item.release()
    again = WorkItem.objects.claim(pk)
    assert again is not None and again.attempts == 1


def test_one_bad_item_does_not_spoil_its_group(monkeypatch):
    from processing import pipeline

    def some(items):
        with writing():
            for item in items:
                if item.object_id == 2:
                    raise ValueError("this one")
                item.finish()

    monkeypatch.setitem(pipeline.GROUPED, "recompute", some)
    WorkItem.objects.request_many("recompute", [(n, 1) for n in range(5)])
    assert tasks.do(WorkItem.objects.claim_next())
    assert dict(WorkItem.objects.values_list("object_id", "state")) == {
        0: "done", 1: "done", 2: "open", 3: "done", 4: "done",
    }  # fmt: skip
    assert "this one" in WorkItem.objects.get(state="open").last_error


def test_a_run_counts_and_ends_once():
    run = ProcessingRun.objects.create(kind="ingest")
    run.count(entries=2)
    ProcessingRun.objects.get(pk=run.pk).count(entries=3, review=1)
    run.fail("wrong-format", found="x")
    run.succeed()
    assert (run.status, run.reason_code, run.reason) == ("failed", "wrong-format", {"found": "x"})
    assert run.counts == {"entries": 2} or run.counts == {"entries": 5, "review": 1}


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
class TestBetweenConnections:
    """What only separate connections show."""

    def test_an_item_is_finished_only_inside_a_transaction(self):
        item = WorkItem.objects.claim(WorkItem.objects.request("recompute", 7))
        with pytest.raises(RuntimeError):
            item.finish()

    def test_progress_is_seen_while_the_work_is_open(self):
        run = ProcessingRun.objects.create(kind="ingest")
        with writing():
            WorkItem.objects.request("read", run.pk, run=run)
            run.progress.stage("read", 10)
            run.progress(10, 10)
            seen: list[tuple[str, int]] = []
            thread = threading.Thread(target=lambda: seen.append(self._look(run.pk)))
            thread.start()
            thread.join()
        assert seen == [("read", 10)]

    @staticmethod
    def _look(pk: int) -> tuple[str, int]:
        run = ProcessingRun.objects.get(pk=pk)
        connection.close()
        return run.stage, run.progress_done

    def test_the_heartbeat_renews_while_the_work_runs(self, settings):
        settings.WORK_LEASE_SECONDS = 0.3
        pk = WorkItem.objects.request("recompute", 7)
        item = WorkItem.objects.claim(pk)
        first = item.lease_until
        settings.WORK_LEASE_SECONDS = 30
        with leases.heartbeat(item.lease_owner, [pk]):
            assert leases.renew(item.lease_owner, [pk]) == 1
        assert WorkItem.objects.get().lease_until > first

    def test_a_lock_held_too_long_is_an_error_that_may_pass(self):
        run = ProcessingRun.objects.create(kind="ingest")
        ready, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with transaction.atomic():
                ProcessingRun.objects.select_for_update().get(pk=run.pk)
                ready.set()
                leave.wait(10)
            connection.close()

        thread = threading.Thread(target=hold)
        thread.start()
        ready.wait(10)
        calls = []

        def work() -> None:
            calls.append(1)
            with writing(lock_timeout_seconds=0.05):
                if len(calls) == 2:
                    leave.set()
                    thread.join()
                ProcessingRun.objects.select_for_update().get(pk=run.pk)

        retried(work)
        assert len(calls) == 2

    def test_errors_are_told_apart(self):
        with pytest.raises(OperationalError) as found, connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert is_lost_connection(found.value) and not is_passing(found.value)
        connection.close()

    def test_two_claims_at_once_never_share_an_item(self):
        WorkItem.objects.request_many("recompute", [(n, 1) for n in range(60)])
        taken: list[list[int]] = []

        def take() -> None:
            while items := WorkItem.objects.claim_next():
                taken.append([item.pk for item in items])
            connection.close()

        threads = [threading.Thread(target=take) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pks = [pk for group in taken for pk in group]
        assert len(pks) == len(set(pks)) == 60
