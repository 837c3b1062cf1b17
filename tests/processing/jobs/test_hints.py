"""A list in Almaty time is recognised by the events already known, and read as such when asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from catalog.models import Agency, BulletinFile, EventRow, User
from processing.jobs import ingestion, receiving
from processing.models import ProcessingRun
from tests.processing.bulletins import person
from tests.processing.test_pipeline import work

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

ALMATY = ZoneInfo("Asia/Almaty")


def table(times: list[datetime], shift: float = 0.0) -> str:
    rows = [
        f"{time + timedelta(seconds=shift):%Y-%m-%dT%H:%M:%S},{43 + n / 10},{77 + n / 10},9.{n}"
        for n, time in enumerate(times)
    ]
    return "\n".join(["time,latitude,longitude,kr", *rows, ""])


def send(agency: str, text: str) -> BulletinFile:
    user = person()
    owner, _ = Agency.objects.get_or_create(code=agency)
    file, _ = receiving.receive(f"{agency}.csv", [text.encode()], user)
    ingestion.request_reading(file, agency=owner, format="catalogue-csv", requested_by=user)
    work()
    return file


def hints(file: BulletinFile) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ProcessingRun.objects.get(reading__file=file).parameters[
        "hints"
    ]
    return found


@pytest.mark.parametrize(
    ("day", "hours"), [("2004-07-10", 7), ("2014-11-14", 6), ("2024-02-29", 6), ("2024-03-02", 5)]
)
def test_almaty_time_is_proposed_with_the_offset_of_its_date(day: str, hours: int) -> None:
    first = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=2)
    times = [first + timedelta(minutes=47 * n) for n in range(6)]
    civil = [time.astimezone(ALMATY).replace(tzinfo=None) for time in times]
    assert civil[0] - times[0].replace(tzinfo=None) == timedelta(hours=hours)
    send("KNDC", table(times))
    file = send("SOME", table(civil, shift=2))
    (hint,) = hints(file)
    assert (hint["kind"], hint["zone"]) == ("time-zone", "Asia/Almaty")
    assert (hint["matched_zone"], hint["matched_utc"]) == (6, 0)


def test_list_in_utc_gives_no_hint() -> None:
    times = [datetime(2014, 11, 14, 2, tzinfo=UTC) + timedelta(minutes=47 * n) for n in range(6)]
    send("KNDC", table(times))
    assert hints(send("SOME", table(times, shift=2))) == []


def test_operator_reads_it_as_almaty_time_and_the_events_meet() -> None:
    times = [datetime(2014, 11, 14, 2, tzinfo=UTC) + timedelta(minutes=47 * n) for n in range(6)]
    send("KNDC", table(times))
    civil = [time.astimezone(ALMATY).replace(tzinfo=None) for time in times]
    file = send("SOME", table(civil, shift=2))
    assert EventRow.objects.count() == 12
    operator = User.objects.create_user("operator")
    operator.groups.add(Group.objects.get(name="operator"))
    client = Client()
    client.force_login(operator)
    run = ProcessingRun.objects.get(reading__file=file)
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "Asia/Almaty" in page
    client.post(reverse("follow-hint", args=[run.pk]), {"hint": "time-zone"})
    work()
    assert EventRow.objects.count() == 6
