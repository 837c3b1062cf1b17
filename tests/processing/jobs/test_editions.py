"""A later edition of a list without ids updates its events and doubles none."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from catalog.models import Agency, BulletinFile, EventRow, Report, User
from processing.jobs import ingestion, receiving
from processing.models import ProcessingRun
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
    file, _ = receiving.receive(name, [text.encode()], user)
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


def test_edition_sent_again_is_not_read_again() -> None:
    first = send("2014.csv", FIRST)
    second = send("2014-revised.csv", SECOND, first)
    send("2014-revised.csv", SECOND)
    assert second.readings.count() == 1


def test_edition_read_again_keeps_its_events() -> None:
    first = send("2014.csv", FIRST)
    second = send("2014-revised.csv", SECOND, first)
    before = shown()
    ingestion.request_reading(
        second,
        agency=Agency.objects.get(code="SOME"),
        format="catalogue-csv",
        requested_by=person(),
        evaluation_mode="automatic",
    )
    work()
    assert second.readings.count() == 2
    assert shown().keys() == before.keys()
    assert Report.objects.filter(withdrawn_at__isnull=False).count() == 1


def test_without_being_said_to_be_an_edition_rows_stay_apart() -> None:
    send("2014.csv", FIRST)
    send("2014-revised.csv", SECOND)
    assert len(shown()) == 5


LONG = "time,latitude,longitude,kr\n" + "".join(
    f"2014-02-{day:02d}T00:00:0{{second}}Z,43.0,77.0,8.0\n" for day in range(1, 11)
)


def test_revised_list_is_recognised_as_a_later_edition_and_read_as_one() -> None:
    first = send("2014.csv", LONG.format(second=0))
    second = send("2014-revised.csv", LONG.format(second=3))
    assert len(shown()) == 20
    run = ProcessingRun.objects.get(reading__file=second)
    (hint,) = run.parameters["hints"]
    assert (hint["kind"], hint["file"], hint["matched"], hint["of"]) == (
        "edition", first.pk, 10, 10,
    )  # fmt: skip
    client = Client()
    client.force_login(operator())
    answer = client.post(reverse("follow-hint", args=[run.pk]), {"hint": "edition"})
    assert answer.status_code == 302
    work()
    assert len(shown()) == 10
    assert {value[0][-2:] for value in shown().values()} == {"03"}


def operator() -> User:
    user = User.objects.create_user("operator")
    user.groups.add(Group.objects.get(name="operator"))
    return user
