"""An event or readings typed in become a bulletin like any other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import (
    Agency,
    BulletinEntry,
    BulletinFile,
    Event,
    Magnitude,
    Pick,
    PickAssociation,
    Report,
    Station,
    User,
)
from processing.models import ProcessingRun
from tests.processing.desk.test_views import work_off

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

EVENT = {
    "time": "07:24:16,5", "latitude": "42,10", "longitude": "77.27", "depth_km": "10",
    "KR": "13,6", "MPVA": "6.2", "region": "Kadzhi-Sai", "comment": "felt in Almaty",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def desk(desk_client: Client, operator: User, agency: Agency) -> Client:
    operator.agency = agency
    operator.save()
    return desk_client


@pytest.fixture
def stations(agency: Agency) -> list[Station]:
    return [
        Station.objects.create(code=f"ST{i}", agency=agency, point=Point(77.0 + i, 43.0, srid=4326))
        for i in range(3)
    ]


def token_of(client: Client) -> str:
    page = client.get(reverse("by-hand")).content.decode()
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def fields(client: Client, *rows: tuple[str, str, str], **values: str) -> dict[str, str]:
    typed = {
        "token": values.pop("token", "") or token_of(client), "rows": "8", "agency": "AGA",
        "source": "telephone", "date": "2014-11-14", "zone": "Asia/Almaty", "do": "send", **values,
    }  # fmt: skip
    for n, (station, phase, time) in enumerate(rows):
        typed |= {f"r{n}-station": station, f"r{n}-phase": phase, f"r{n}-time": time}
    return typed


def enter(client: Client, *rows: tuple[str, str, str], **values: str) -> Any:
    return client.post(reverse("by-hand"), fields(client, *rows, **values))


def test_the_form_offers_the_operators_agency(desk: Client) -> None:
    page = desk.get(reverse("by-hand"))
    assert page.status_code == 200
    assert '<option value="AGA" selected>' in page.content.decode()


def test_an_event_typed_in_almaty_time_is_stored_in_utc(desk: Client) -> None:
    answer = enter(desk, **EVENT)
    assert answer.status_code == 302, answer.context["form"].errors
    work_off()
    event = Event.objects.get()
    origin = event.preferred_origin
    assert origin is not None
    assert origin.time.isoformat() == "2014-11-14T01:24:16.500000+00:00"  # UTC+6 then
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.1, 77.27, 10.0)
    sizes = dict(Magnitude.objects.values_list("type", "value"))
    assert sizes == {"KR": 13.6, "MPVA": 6.2}
    entry = BulletinEntry.objects.get()
    assert entry.reading.agency.code == "AGA" and entry.reading.format == "bulletin-csv"
    assert entry.event_id_reported.startswith("hand-20141114-")
    assert any("Entered by hand" in c and "telephone" in c for c in entry.comments)
    assert event.descriptions.get().text == "Kadzhi-Sai"
    # Reports are public: who typed it is kept with the file and the run.
    assert "operator-" not in entry.text
    assert BulletinFile.objects.get().uploader.username.startswith("operator-")
    assert not entry.reading.problems.exists()


@pytest.mark.parametrize(
    ("day", "zone", "clock", "utc"),
    [
        ("2004-07-01", "Asia/Almaty", "12:00:00", "2004-07-01T05:00:00"),
        ("2014-11-14", "Asia/Almaty", "12:00:00", "2014-11-14T06:00:00"),
        ("2024-02-29", "Asia/Almaty", "12:00:00", "2024-02-29T06:00:00"),
        ("2024-03-02", "Asia/Almaty", "12:00:00", "2024-03-02T07:00:00"),
        ("2024-03-02", "UTC", "12:00:00", "2024-03-02T12:00:00"),
    ],
)
def test_the_offset_is_that_of_the_date(
    desk: Client, day: str, zone: str, clock: str, utc: str
) -> None:
    answer = enter(desk, **{**EVENT, "date": day, "zone": zone, "time": clock, "do": "preview"})
    assert answer.context["preview"]["moment"].isoformat() == f"{utc}+00:00"


def test_a_time_the_clocks_showed_twice_is_asked_for_in_utc(desk: Client) -> None:
    answer = enter(desk, **{**EVENT, "date": "2024-02-29", "time": "23:30:00"})
    assert answer.status_code == 400
    assert "write it in UTC" in answer.content.decode()


def test_readings_without_an_event_are_station_readings(
    desk: Client, stations: list[Station]
) -> None:
    enter(desk, **EVENT)
    work_off()
    answer = enter(desk, ("ST0", "P", "01:24:35.0"), ("ST1", "S", "01:25:10"), zone="UTC")
    assert answer.status_code == 302, answer.context["rows"][0].errors
    work_off()
    run = ProcessingRun.objects.first()
    assert run is not None and run.status == "succeeded" and run.counts["readings"] == 2
    picks = Pick.objects.filter(entry__isnull=True).order_by("pk")
    assert [(p.station, p.phase_hint) for p in picks] == [(stations[0], "P"), (stations[1], "S")]
    assert picks[0].time is not None
    assert picks[0].time.isoformat() == "2014-11-14T01:24:35+00:00"
    assert Event.objects.alive().count() == 1
    assert set(PickAssociation.objects.values_list("event", flat=True)) <= {Event.objects.get().pk}


def test_readings_of_the_event_are_its_arrivals(desk: Client, stations: list[Station]) -> None:
    enter(desk, ("ST0", "P", "07:24:35"), ("ST1", "P", "07:24:50.25"), belongs="on", **EVENT)
    work_off()
    assert Pick.objects.filter(entry__isnull=True).count() == 0
    origin = Event.objects.get().preferred_origin
    assert origin is not None and origin.arrivals.count() == 2


def test_an_event_and_readings_of_none_come_in_one_entry(
    desk: Client, stations: list[Station]
) -> None:
    enter(desk, ("ST0", "P", "09:00:00"), **EVENT)
    work_off()
    assert Event.objects.count() == 1
    assert Pick.objects.get().entry is None


def test_sent_twice_it_is_one_entry(desk: Client) -> None:
    typed = fields(desk, **EVENT)
    first, second = (desk.post(reverse("by-hand"), typed) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert BulletinFile.objects.count() == 1 and ProcessingRun.objects.count() == 1
    # The same said again later is another entry.
    enter(desk, **EVENT)
    assert BulletinFile.objects.count() == 2


def test_the_same_id_corrects_the_entry(desk: Client) -> None:
    enter(desk, event_id="T-7", **EVENT)
    work_off()
    enter(desk, event_id="T-7", **{**EVENT, "latitude": "42.2"})
    work_off()
    assert Report.objects.count() == 1 and Event.objects.count() == 1
    origin = Event.objects.get().preferred_origin
    assert origin is not None and origin.latitude == 42.2
    assert BulletinEntry.objects.filter(superseded_at__isnull=False).count() == 1


def test_a_preview_says_both_times_and_starts_a_dry_run(desk: Client) -> None:
    typed = fields(desk, **EVENT)
    answer = desk.post(reverse("by-hand"), {**typed, "do": "preview"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "01:24:16.5" in text and "(UTC+6)" in text
    assert ProcessingRun.objects.get().kind == "dry-run"
    # What was typed is still there, and is sent as the same file.
    assert 'value="42,10"' in text
    assert typed["token"] in text
    desk.post(reverse("by-hand"), typed)
    assert BulletinFile.objects.count() == 1
    work_off()
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"latitude": "95"}, "latitude", "less than or equal to 90"),
        ({"latitude": ""}, "latitude", "needs a time"),
        ({"latitude": "north"}, "latitude", "Enter a number"),
        ({"time": "25:00"}, "time", "Write the time as"),
        ({"time": "7 h 24"}, "time", "Write the time as"),
        ({"time": ""}, "time", "needs a time"),
        ({"date": "2999-01-01"}, "time", "has not come yet"),
        ({"KR": "xx"}, "KR", "Enter a number"),
        ({"agency": "NOBODY"}, "agency", "valid choice"),
    ],
)
def test_an_error_is_shown_at_its_field(
    desk: Client, changed: dict[str, str], field: str, words: str
) -> None:
    answer = enter(desk, **{**EVENT, **changed})
    assert answer.status_code == 400
    assert words in str(answer.context["form"].errors[field])
    assert f'<label for="id_{field}"' in answer.content.decode()
    assert BulletinFile.objects.count() == 0


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (("ST0", "P", ""), "time"),
        (("", "P", "07:24:40"), "station"),
        (("A.B.C", "P", "07:24:40"), "station"),
        (("ST0", "P", "07:99"), "time"),
        (("ST0", "P", "07:20:00"), "time"),
    ],
)
def test_an_error_in_a_row_is_shown_there(
    desk: Client, row: tuple[str, str, str], field: str
) -> None:
    answer = enter(desk, row, belongs="on", **EVENT)
    assert answer.status_code == 400
    assert list(answer.context["rows"][0].errors) == [field]
    assert BulletinFile.objects.count() == 0


def test_every_row_shows_its_error_at_once(desk: Client) -> None:
    answer = enter(desk, ("ST0", "P", "07:20:00"), ("", "S", "07:24:40"), belongs="on", **EVENT)
    assert [list(row.errors) for row in answer.context["rows"][:3]] == [["time"], ["station"], []]


def test_a_reading_after_midnight_has_its_own_date(desk: Client, stations: list[Station]) -> None:
    late = {**EVENT, "time": "23:59:50", "zone": "UTC"}
    assert enter(desk, ("ST0", "P", "00:00:20"), belongs="on", **late).status_code == 400
    answer = enter(desk, ("ST0", "P", "2014-11-15 00:00:20"), belongs="on", **late)
    assert answer.status_code == 302


def test_an_empty_form_sends_nothing(desk: Client) -> None:
    answer = enter(desk)
    assert answer.status_code == 400
    assert "Enter an event, readings, or both" in answer.content.decode()


def test_more_rows_come_without_a_script_and_keep_what_was_typed(desk: Client) -> None:
    answer = enter(desk, ("ST0", "P", "01:"), do="more", **EVENT)
    assert answer.status_code == 200
    assert len(answer.context["rows"]) == 16
    text = answer.content.decode()
    assert 'value="ST0"' in text and 'value="01:"' in text and 'value="42,10"' in text
    assert "errorlist" not in text


def test_a_minute_is_known_to_half_a_minute(desk: Client) -> None:
    enter(desk, **{**EVENT, "time": "07:24"})
    work_off()
    origin = Event.objects.get().preferred_origin
    assert origin is not None and origin.is_minute_precision


def test_text_that_looks_like_a_formula_comes_back_as_typed(desk: Client) -> None:
    enter(desk, **{**EVENT, "comment": '=1+1, "quoted"; and\tmore'})
    work_off()
    assert '=1+1, "quoted"; and more' in [
        re.sub(r"\s+", " ", c) for c in BulletinEntry.objects.get().comments
    ]


def test_a_forged_token_is_replaced(desk: Client) -> None:
    answer = enter(desk, token="forged", **EVENT)
    assert answer.status_code == 302
    assert BulletinFile.objects.count() == 1


def test_a_visitor_sees_no_form(client: Client) -> None:
    assert client.get(reverse("by-hand")).status_code == 302
