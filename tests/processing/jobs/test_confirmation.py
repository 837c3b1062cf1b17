"""Automatic reports count nowhere, expire when the final bulletin lacks them, and may return."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command

from catalog import coverage
from catalog.models import (
    BulletinFile,
    Change,
    CoverageSpan,
    Event,
    EventFragment,
    EventRow,
    MergeDecision,
)
from catalog.rendering import NOT_CONFIRMED
from catalog.search import EventSearch
from portal.feeds import FEEDS
from processing.jobs import confirmation
from processing.models import ProcessingRun, WorkItem
from tests.processing.bulletins import START, event, lay, person, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

DAY = START.date()
HOUR = 3600.0


def bring(run: ProcessingRun) -> BulletinFile:
    """Take a laid bulletin through the pipeline."""
    WorkItem.objects.request("associate", run.pk, run=run)
    recompute()
    return run.reading.file


def declare(file: BulletinFile, first: date = DAY, last: date = DAY) -> CoverageSpan:
    agency = file.readings.get(is_current=True).agency
    span = confirmation.declare(agency, first, last, "final", file=file, user=person("duty"))
    recompute()
    return span


def status() -> str:
    """Return the status of the event that the automatic report opened."""
    one = Event.objects.get(reports__key="id:a1")
    row = EventRow.objects.get(event=one)
    assert row.status == one.status
    return one.status


def found(**words: object) -> set[str]:
    return set(EventSearch(**words).matching().values_list("status", flat=True))


@pytest.fixture
def automatic() -> None:
    bring(lay("KNDC", event("a1", 0), mode="automatic"))


def test_an_automatic_event_is_among_the_latest_only(automatic):
    now = datetime(2015, 3, 1, 13, 0, tzinfo=UTC)
    latest = FEEDS["all_day.geojson"].search(now)
    assert found() == set() and EventRow.objects.counted().count() == 0
    assert EventSearch().count().value == 0
    assert found(status=("automatic",)) == {"automatic"}
    assert found(eventid=(Event.objects.get().public_id,)) == {"automatic"}
    assert set(latest.matching().values_list("status", flat=True)) == {"automatic"}


def test_what_the_final_bulletin_lacks_expires_and_is_kept(automatic):
    final = bring(lay("KNDC", event("f1", 5 * HOUR)))
    # Its events alone do not make a day final: it may be a list of large ones.
    assert status() == "automatic"
    span = declare(final)
    assert status() == "not-confirmed"
    one = Event.objects.get(reports__key="id:a1")
    told = MergeDecision.objects.get(kind="expire")
    assert told.event == one and told.actor is None and told.before == {"status": "automatic"}
    assert told.parts == {"agencies": ["KNDC"], "days": [str(DAY)], "coverage": [span.pk]}
    change = Change.objects.filter(event=one).order_by("number").last()
    assert change.kind == "updated" and "status" in change.details["changed"]
    now = datetime(2015, 3, 1, 23, 0, tzinfo=UTC)
    assert found(**{**FEEDS["all_day.atom"].search(now).__dict__}) == {"reviewed"}
    body = bytes(EventFragment.objects.get(event=one, part="plain").body).decode()
    assert "<evaluationStatus>rejected</evaluationStatus>" in body and NOT_CONFIRMED in body
    call_command("check_catalogue", verbosity=0)
    # Again, as after a killed worker: nothing more is said.
    changes, decisions = Change.objects.count(), MergeDecision.objects.count()
    WorkItem.objects.request("confirm", span.pk)
    WorkItem.objects.request("recompute", one.pk)
    recompute()
    assert (Change.objects.count(), MergeDecision.objects.count()) == (changes, decisions)


def test_it_returns_when_the_declaration_is_withdrawn_or_the_bulletin_replaced(automatic):
    final = bring(lay("KNDC", event("f1", 5 * HOUR)))
    span = declare(final)
    confirmation.withdraw(span, person("duty"))
    recompute()
    assert status() == "automatic"
    assert MergeDecision.objects.filter(kind="revive").count() == 1
    declare(final)
    assert status() == "not-confirmed"
    bring(lay("SOME", event("f1", 5 * HOUR), file=final))  # it was another agency's
    assert status() == "automatic"


def test_it_returns_by_association_when_a_later_bulletin_has_it(automatic):
    declare(bring(lay("KNDC", event("f1", 5 * HOUR))))
    bring(lay("SOME", event("s1", 1)))
    assert status() == "reviewed"
    assert MergeDecision.objects.get(kind="revive").after == {"status": "reviewed"}
    one = Event.objects.get(reports__key="id:a1")
    assert one.preferred_origin.entry.report.key == "id:s1"
    assert one.preference["candidates"][-1]["terms"][-1]["name"] == "automatic_bulletin"


def test_an_automatic_report_that_comes_after_the_final_bulletin_expires_at_once():
    declare(bring(lay("KNDC", event("f1", 5 * HOUR))))
    bring(lay("KNDC", event("a1", 0), mode="automatic"))
    assert status() == "not-confirmed"
    assert MergeDecision.objects.get(kind="expire").before == {"status": None}


def test_all_its_agencies_and_both_days_near_midnight_must_be_final():
    bring(lay("KNDC", event("a1", 12 * HOUR - 30), mode="automatic"))
    final = bring(lay("KNDC", event("f1", 5 * HOUR)))
    declare(final)
    assert status() == "automatic"  # the next day's bulletin may have it
    declare(final, DAY, date(2015, 3, 2))
    assert status() == "not-confirmed"
    bring(lay("SOME", event("a2", 12 * HOUR - 29), mode="automatic"))
    assert status() == "automatic"  # SOME has not said its last word


def test_a_bulletin_that_is_not_yet_associated_confirms_and_refutes_nothing(automatic):
    final = lay("KNDC", event("f1", 5 * HOUR)).reading.file
    declare(final)
    assert status() == "automatic"


def test_days_are_inferred_once_from_events_and_gaps_are_what_is_left(automatic):
    week = 7 * 24 * HOUR
    run = lay("KNDC", event("f1", 0), event("f2", week), event("f3", 3 * week))
    bring(run)
    coverage.infer(run.reading)
    spans = CoverageSpan.objects.filter(reading=run.reading).order_by("first_day")
    assert list(spans.values_list("first_day", "last_day", "state", "basis")) == [
        (date(2015, 3, 1), date(2015, 3, 8), "received", "inferred"),
        (date(2015, 3, 22), date(2015, 3, 22), "received", "inferred"),
    ]
    gaps = coverage.gaps(date(2015, 3, 1), date(2015, 3, 31))
    assert [(g.first_day.day, g.last_day.day, g.state) for g in gaps] == [
        (9, 21, "missing"), (23, 31, "missing"),
    ]  # fmt: skip
