"""Intensities and consequences that people enter at the desk, by form and by table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import (
    BulletinFile,
    Consequence,
    Event,
    EventRow,
    IntensityObservation,
    MergeDecision,
    Settlement,
    SettlementEdit,
    User,
)
from processing.models import WorkItem
from tests.processing.bulletins import START, associate, event, lay, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def editors(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def settlement(name: str, latitude: float, longitude: float, **more: Any) -> Settlement:
    row = {"name_en": name, "country": "KZ", "region_code": "01", **more}
    return Settlement.objects.create(point=Point(longitude, latitude, srid=4326), **row)


@pytest.fixture
def places() -> Iterator[dict[str, Settlement]]:
    yield {
        "almaty": settlement(
            "Almaty", 43.25, 76.92, population=1_977_011, old_names=["Верный"], name_ru="Алматы"
        ),
        "talgar": settlement("Talgar", 43.30, 77.24, name_ru="Талгар", name_kk="Талғар"),
        "aksu": settlement("Aksu", 43.6, 77.1, name_ru="Аксу"),
        "other_aksu": settlement("Aksu", 42.4, 70.3, name_ru="Аксу", region_code="10"),
    }


@pytest.fixture
def quake(places: dict[str, Settlement]) -> Event:
    associate(
        lay("SOME", event("a", 0.0, 43.1, 77.4, sizes={"KR": 12.1, "MLV": 4.3}, depth_km=10.0))
    )
    recompute()
    return Event.objects.get()


def form(**said: str) -> dict[str, str]:
    return {"place": "Верный", "intensity": "3-4", "scale": "MSK-64", "source": "letter"} | said


def test_a_point_is_entered_corrected_and_withdrawn_and_the_ledger_tells(
    editors: Client, quake: Event, places: dict[str, Settlement]
) -> None:
    address = reverse("desk-intensities", args=[quake.public_id])
    assert editors.post(address, form(effects="посуда 😀 <b>")).status_code == 302
    row = IntensityObservation.objects.get()
    assert (row.settlement, row.place, row.minimum, row.maximum, row.best) == (
        *(places["almaty"], "Верный", 3.0, 4.0, None),
    )
    assert row.recorded_by is not None and row.entry is None and not row.is_computed
    recompute()
    quake.refresh_from_db()
    assert (quake.row.max_intensity, quake.row.felt) == (4.0, True)
    page = editors.get(address).content.decode()
    assert "Almaty" in page and "&lt;b&gt;" in page and "3–4" in page
    (told,) = Client().get(f"/api/v1/events/{quake.public_id}/intensities").json()["intensities"]
    assert (told["computed"], told["effects"]) == (False, "посуда 😀 <b>")
    correcting = editors.get(address, {"correct": row.pk}).content.decode()
    assert 'value="3-4"' in correcting
    editors.post(address, form(intensity="3", corrects=str(row.pk), note="misprint"))
    row.refresh_from_db()
    new = IntensityObservation.objects.get(superseded_at=None)
    assert row.superseded_at is not None and new.best == 3.0
    editors.post(address, {"withdraw": new.pk, "reason": "another event"})
    assert not IntensityObservation.objects.current().exists()
    recompute()
    assert not Event.objects.get().row.felt
    assert IntensityObservation.objects.count() == 2
    kinds = MergeDecision.objects.filter(kind="intensity").order_by("pk")
    assert [bool(d.before) for d in kinds] == [False, True, True]
    page = editors.get(address).content.decode()
    assert "were withdrawn: Верный 3" in page and "another event" in page


def test_one_of_two_of_a_name_is_chosen_by_a_person(
    editors: Client, quake: Event, places: dict[str, Settlement]
) -> None:
    address = reverse("desk-intensities", args=[quake.public_id])
    answer = editors.post(address, form(place="Ақсу"))
    page = answer.content.decode()
    assert answer.status_code == 400 and page.count('type="radio"') == 2
    assert "Several settlements bear this name" in page and "Turkistan Region" in page
    assert not IntensityObservation.objects.exists()
    editors.post(address, form(place="Ақсу", settlement=str(places["other_aksu"].pk)))
    assert IntensityObservation.objects.get().settlement == places["other_aksu"]


def test_what_is_far_above_the_prediction_is_asked_about(editors: Client, quake: Event) -> None:
    address = reverse("desk-intensities", args=[quake.public_id])
    answer = editors.post(address, form(intensity="8"))
    assert "far more than is expected" in answer.content.decode()
    assert not IntensityObservation.objects.exists()
    editors.post(address, form(intensity="8", do="sure"))
    assert IntensityObservation.objects.get().best == 8.0


def test_an_unknown_settlement_and_no_intensity_are_refused_with_words(
    editors: Client, quake: Event
) -> None:
    address = reverse("desk-intensities", args=[quake.public_id])
    for said, words in (
        ({"place": "Шамбала"}, "The settlement is not known"),
        ({"intensity": "K 7.1"}, "energy class"),
        ({"intensity": "13"}, "no such grade"),
        ({"latitude": "95", "longitude": "77"}, "out"),
    ):
        answer = editors.post(address, form(**said))
        assert answer.status_code == 400 and words in answer.content.decode(), said
    assert not IntensityObservation.objects.exists()


def test_operators_send_tables_and_editors_enter_points(
    desk_client: Client, quake: Event, client: Client
) -> None:
    address = reverse("desk-intensities", args=[quake.public_id])
    assert desk_client.get(address).status_code == 200
    assert desk_client.post(address, form()).status_code == 403
    assert client.get(address).status_code == 302


def test_a_table_is_looked_at_chosen_stored_once_and_its_problems_are_downloaded(
    desk_client: Client, quake: Event, places: dict[str, Settlement]
) -> None:
    time = f"{START + timedelta(seconds=20):%Y-%m-%d %H:%M:%S}"
    table = (
        "event,time,settlement,intensity,scale,source,latitude,longitude\n"
        f"{quake.public_id},,Талғар,4,MSK-64,survey,,\n"
        f",{time},Аксу,3,,survey,,\n"
        f",{time},Almaty,7.1 balls,,,,\n"
        "kz1999nobody,,Almaty,3,,,,\n"
        f"{quake.public_id},,12 км ЮЗ от Алматы,3,,=cmd,43.17,77.05\n"
        f",2001-01-01 00:00:00,Almaty,3,,,,\n"
    )
    sent = io.BytesIO(table.encode())
    sent.name = "points.csv"
    answer = desk_client.post(reverse("desk-intensity-tables"), {"file": sent})
    assert answer.status_code == 302
    address = answer["Location"]
    page = desk_client.get(address).content.decode()
    for words in (
        "Several settlements bear this name",
        "Grades are whole or half",
        "There is no such event",
        "coordinates lie in another",
        "SW Almaty",
    ):
        assert words in page, words
    assert not IntensityObservation.objects.exists()
    choice = {"do": "store", "settlement-3": str(places["aksu"].pk)}
    assert desk_client.post(address, choice).status_code == 302
    assert desk_client.post(address, choice).status_code == 302
    stored = IntensityObservation.objects.order_by("line_number")
    assert [(r.line_number, r.settlement_id) for r in stored] == [
        *((2, places["talgar"].pk), (3, places["aksu"].pk), (6, None)),
    ]
    assert {r.parameters["file"] for r in stored} == {BulletinFile.objects.latest("pk").pk}
    assert MergeDecision.objects.filter(kind="intensity").count() == 1
    told = desk_client.get(address + "problems.csv").getvalue()
    lines = list(csv.DictReader(io.StringIO(told.decode())))
    assert {line["code"] for line in lines if line["status"] == "refused"} == {
        *("intensity-not-half", "unknown-event"),
    }
    assert not [cell for line in lines for cell in line.values() if cell.startswith("=")]


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 400), (b"\x00\xff" * 50, 400), (b"PK\x03\x04 no archive", 400), (b"a,b\n1,2\n", 400)],
)
def test_what_is_no_table_is_refused_and_not_kept(
    desk_client: Client, data: bytes, status: int
) -> None:
    sent = io.BytesIO(data or b" ")
    sent.name = "x.csv"
    answer = desk_client.post(reverse("desk-intensity-tables"), {"file": sent})
    assert answer.status_code == status and b'role="alert"' in answer.content
    assert not BulletinFile.objects.exists()


def test_a_consequence_has_number_source_and_date_and_a_history(
    editors: Client, client: Client, quake: Event
) -> None:
    address = reverse("desk-intensities", args=[quake.public_id])
    harm = {
        **{"do": "consequence", "kind": "buildings damaged", "count": "700", "approximate": "on"},
        **{"place": "Talgar", "date": "2014-11-20", "source": "Ministry", "note_en": "houses"},
    }
    assert editors.post(address, harm | {"source": ""}).status_code == 400
    editors.post(address, harm)
    first = Consequence.objects.get()
    public = client.get(reverse("event", args=[quake.public_id])).content.decode()
    assert "Ministry, 2014-11-20" in public
    editors.post(address, harm | {"count": "712", "corrects": str(first.pk)})
    second = Consequence.objects.get(superseded_at=None)
    assert second.count == 712
    editors.post(address, {"withdraw-consequence": second.pk, "reason": "counted twice"})
    assert Consequence.objects.filter(superseded_at=None).count() == 0
    page = editors.get(address).content.decode()
    assert "was corrected" in page and "counted twice" in page


def test_what_was_entered_follows_its_report_when_events_merge(
    editors: Client, quake: Event, places: dict[str, Settlement]
) -> None:
    from processing.jobs import macroseismic_points

    editors.post(reverse("desk-intensities", args=[quake.public_id]), form())
    row = IntensityObservation.objects.get()
    other = Event.objects.create(public_id="kz2014zzzzzz")
    row.report.event = other  # type: ignore[union-attr]
    row.report.save(update_fields=["event"])  # type: ignore[union-attr]
    macroseismic_points.follow([other.pk])
    row.refresh_from_db()
    assert row.event == other


# --- Settlements ----------------------------------------------------------------------------------


def test_a_settlement_is_corrected_with_its_history_and_events_told_by_it_are_written_anew(
    editors: Client, desk_client: Client, quake: Event, places: dict[str, Settlement]
) -> None:
    talgar = places["talgar"]
    assert quake.row.settlement_id in {place.pk for place in places.values()}
    told = Settlement.objects.get(pk=quake.row.settlement_id)
    address = reverse("desk-settlement", args=[told.pk])
    said = {
        **{"name_en": "Verny", "name_ru": "", "name_kk": "", "old_names": "A\n A \nB"},
        **{"other_names": "", "latitude": str(told.point.y), "longitude": str(told.point.x)},
        **{"population": "5", "country": "KZ", "region_code": "02", "note": "census"},
    }
    assert desk_client.post(address, said).status_code == 403
    assert editors.post(address, said | {"latitude": "99"}).status_code == 400
    assert editors.post(address, said).status_code == 302
    told.refresh_from_db()
    assert (told.name_en, told.old_names) == ("Verny", ["A", "B"]) and told.edited_at
    edit = SettlementEdit.objects.get()
    assert edit.after["name_en"] == "Verny" and edit.note == "census" and "point" not in edit.after
    assert WorkItem.objects.filter(kind="rerender", object_id=quake.pk).exists()
    recompute()
    now = Event.objects.get(pk=quake.pk).row
    assert "Verny" in now.place_en or now.settlement_id == talgar.pk
    page = editors.get(reverse("desk-settlements"), {"q": "B"}).content.decode()
    assert "Verny" in page
    assert "census" in editors.get(address).content.decode()
    editors.post(address, said | {"name_en": "Somebody else's"})  # as seen before that edit
    told.refresh_from_db()
    assert told.name_en == "Verny"


def test_a_settlement_is_added_and_found_in_another_spelling(editors: Client, db: None) -> None:
    said = {
        **{"name_en": "Shalkode", "name_ru": "Шалкоде", "name_kk": "Шалкөде"},
        **{"latitude": "42.97", "longitude": "79.37", "country": "KZ", "region_code": "01"},
        "note": "map",
    }
    answer = editors.post(reverse("desk-settlement-new"), said)
    assert answer.status_code == 302
    page = editors.get(reverse("desk-settlements"), {"q": "Şalköde"}).content.decode()
    assert "Шалкөде" in page
    page = editors.get(reverse("desk-settlements"), {"q": "Шалкоди"}).content.decode()
    assert "Did you mean" in page


def test_every_place_line_follows_a_settlement_that_is_added_moved_or_grows(
    editors: Client, places: dict[str, Settlement]
) -> None:
    random = Random(8)
    spots = [(random.uniform(42.0, 44.5), random.uniform(75.0, 80.0)) for _ in range(12)]
    associate(
        lay(
            "SOME",
            *(
                event(f"e{n}", 86_400.0 * n, round(latitude, 2), round(longitude, 2))
                for n, (latitude, longitude) in enumerate(spots)
            ),
        )
    )
    recompute()
    said = {
        **{"name_en": "Kegen", "latitude": "43.0", "longitude": "79.2", "country": "KZ"},
        **{"region_code": "01", "note": "map", "population": ""},
    }
    address = reverse("desk-settlement-new")
    for change in ({}, {"longitude": "76.0"}, {"population": "900000"}):
        before = {row.pk: row.place_en for row in EventRow.objects.all()}
        answer = editors.post(address, said | change)
        assert answer.status_code == 302
        address = answer["Location"]
        kept = Settlement.objects.get(name_en="Kegen")
        said |= change | {"seen": kept.edited_at.isoformat() if kept.edited_at else ""}
        recompute()
        assert before != {row.pk: row.place_en for row in EventRow.objects.all()}
        call_command("check_catalogue", verbosity=0)
