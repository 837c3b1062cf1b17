"""A later edition of a list without ids updates its events and doubles none."""

from __future__ import annotations

import pytest

from catalog.models import Agency, BulletinFile, EventRow, Report
from processing.jobs import ingestion
from tests.processing.bulletins import person
from tests.processing.test_pipeline import work

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

FIRST = """time,latitude,longitude,kr
2014-01-01T00:00:00Z,43.0,77.0,9.0
2014-01-02T00:00:00Z,43.1,77.1,9.1
2014-01-03T00:00:00Z,43.2,77.2,9.2
"""
#: The first row as it was, the second revised, the third left out, a fourth new.
SECOND = """time,latitude,longitude,kr
2014-01-01T00:00:00Z,43.0,77.0,9.0
2014-01-02T00:00:04Z,43.3,77.2,9.4
2014-01-04T00:00:00Z,43.4,77.4,9.5
"""


def send(name: str, text: str, edition_of: BulletinFile | None = None) -> BulletinFile:
    user = person()
    agency, _ = Agency.objects.get_or_create(code="SOME")
    file, _ = ingestion.receive(name, [text.encode()], user)
    ingestion.request_reading(
        file, agency=agency, format="catalogue-csv", requested_by=user, edition_of=edition_of
    )
    work()
    return file


def shown() -> dict[str, tuple[str, float | None]]:
    return {
        row.event.public_id: (f"{row.time:%d %S}", row.kr)
        for row in EventRow.objects.select_related("event")
    }


def test_revised_rows_keep_their_events_and_missing_ones_leave() -> None:
    first = send("2014.csv", FIRST)
    before = {value[0][:2]: name for name, value in shown().items()}
    send("2014-revised.csv", SECOND, first)
    after = shown()
    assert len(after) == 3
    assert after[before["01"]] == ("01 00", 9.0)
    assert after[before["02"]] == ("02 04", 9.4)
    assert before["03"] not in after
    assert Report.objects.filter(withdrawn_at__isnull=False).count() == 1


def test_same_edition_again_changes_nothing() -> None:
    first = send("2014.csv", FIRST)
    second = send("2014-revised.csv", SECOND, first)
    before = shown()
    send("2014-again.csv", SECOND + "\n", second)
    assert shown() == before


def test_without_being_said_to_be_an_edition_rows_stay_apart() -> None:
    send("2014.csv", FIRST)
    send("2014-revised.csv", SECOND)
    assert len(shown()) == 5
