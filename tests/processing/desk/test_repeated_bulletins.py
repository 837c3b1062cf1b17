"""An agency sends the same events again in the next file: nothing is doubled, nothing is lost."""

from __future__ import annotations

import pytest

from catalog.models import Agency, Change, Event, Origin, User
from processing import tasks
from processing.jobs import ingestion, receiving
from processing.models import WorkItem

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


def ingest(data: bytes, agency: Agency, user: User) -> None:
    file, _ = receiving.receive("a.isf", [data], user)
    ingestion.request_reading(file, agency=agency, format="isf", requested_by=user)
    while item := WorkItem.objects.filter(state="open").order_by("priority", "pk").first():
        assert item.attempts == 0, item.last_error
        tasks.work(item.pk)


def test_an_unchanged_event_of_a_later_file_makes_no_rows_and_no_change(
    operator: User, agency: Agency, bulletin: bytes
) -> None:
    ingest(bulletin, agency, operator)
    before = (Event.objects.count(), Origin.objects.count(), Change.objects.count())
    ingest(bulletin.replace(b"\n", b"\n\n", 1), agency, operator)
    assert (Event.objects.count(), Origin.objects.count(), Change.objects.count()) == before


def test_what_two_files_say_stands_when_one_of_them_turns_out_to_be_anothers(
    operator: User, agency: Agency, bulletin: bytes
) -> None:
    ingest(bulletin, agency, operator)
    later = bulletin.replace(b"\n", b"\n\n", 1)
    ingest(later, agency, operator)
    other = Agency.objects.create(code="OTHER")
    ingest(bulletin, other, operator)  # the first file, read again under another agency
    for event in Event.objects.alive():
        assert {report.agency.code for report in event.reports.filter(withdrawn_at=None)} == {
            "AGA",
            "OTHER",
        }
