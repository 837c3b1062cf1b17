"""A station bulletin sent with the wish that the rule accept what is unambiguous."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.formats import bulletin_csv
from catalog.formats.records import PickRecord, ReadingsRecord, StationReference
from catalog.models import Agency, BulletinReading, MergeDecision, Origin, Station
from processing.models import ProcessingRun
from tests.processing.bulletins import START
from tests.processing.desk.test_views import work_off
from tests.processing.jobs.test_location import onsets
from tests.processing.jobs.test_location import stations as _stations
from tests.processing.jobs.test_station_readings import shock

pytestmark = pytest.mark.django_db(databases=["default", "progress"])
stations = _stations


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def bulletin_of_stations(stations: list[Station], agency: Agency) -> bytes:
    Station.objects.filter(pk__in=[s.pk for s in stations]).update(agency=agency)
    shock(stations)
    late = onsets(stations)[3:]
    record = ReadingsRecord(
        "", 0, 0,
        picks=tuple(
            PickRecord(
                f"p{i}", StationReference(code=s.code), START + timedelta(seconds=t),
                phase_hint="P",
            )
            for i, (s, t) in enumerate(zip(stations[3:], late, strict=True))
        ),
    )  # fmt: skip
    return "".join(bulletin_csv.write([record])).encode()


def send(client: Client, data: bytes, **values: str) -> Any:
    file = SimpleUploadedFile("knet.csv", data, "text/csv")
    return client.post(
        reverse("upload"), {"files": [file], "kind": "manual", "agency": "AGA", **values}
    )


def test_the_rule_accepts_and_the_run_says_so(
    desk_client: Client, bulletin_of_stations: bytes
) -> None:
    page = send(desk_client, bulletin_of_stations, accept_readings="on")["Location"]
    work_off()
    reading = BulletinReading.objects.get(file__name="knet.csv")
    assert reading.options == {"accept_readings": True}
    assert MergeDecision.objects.filter(kind="accept-pick", actor=None).count() == 3
    assert Origin.objects.current().computed().get().used_station_count == 6
    answer = desk_client.get(page)
    assert answer.context["loose"] == {
        "stored": 3, "proposed": 0, "accepted": 3, "repeated": 0, "nameless": 0,
    }  # fmt: skip
    assert f"file=%23{reading.file_id}" in answer.content.decode()


def test_without_the_wish_nothing_is_accepted(
    desk_client: Client, bulletin_of_stations: bytes
) -> None:
    page = send(desk_client, bulletin_of_stations)["Location"]
    work_off()
    assert ProcessingRun.objects.latest("pk").status == "succeeded"
    assert not MergeDecision.objects.filter(kind="accept-pick").exists()
    assert desk_client.get(page).context["loose"]["proposed"] == 3


def test_a_dry_run_and_a_second_reading_know_the_wish(
    desk_client: Client, bulletin_of_stations: bytes
) -> None:
    send(desk_client, bulletin_of_stations, accept_readings="on", dry_run="on")
    work_off()
    run = ProcessingRun.objects.get(kind="dry-run")
    assert run.status == "succeeded" and run.counts["readings"] == 3
    desk_client.post(
        reverse("read-again", args=[run.pk]),
        {"agency": "AGA", "format": "bulletin-csv", "kind": "manual", "accept_readings": "on"},
    )
    work_off()
    assert MergeDecision.objects.filter(kind="accept-pick").count() == 3


def test_a_script_may_wish_it_too(token: str, bulletin_of_stations: bytes) -> None:
    answer = Client().post(
        reverse("api-upload"),
        {
            "file": SimpleUploadedFile("knet.csv", bulletin_of_stations, "text/csv"),
            "agency": "AGA",
            "accept_readings": "true",
        },
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 202, answer.json()
    reading = BulletinReading.objects.get(file__name="knet.csv")
    assert reading.options == {"accept_readings": True}
