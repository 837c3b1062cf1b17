"""How an event was felt, on its page, in its files and in the table of felt events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.gis.geos import Point, Polygon
from django.test import Client
from django.utils import translation

from catalog.models import CommunityIntensity, Event, IntensityObservation, Settlement
from portal import event_macroseismics
from processing.jobs import macroseismics
from tests.portal.conftest import published

pytestmark = pytest.mark.django_db

KADZHISAI: dict[str, Any] = {
    "public_id": "kz2014kadzhi", "latitude": 42.10, "longitude": 77.27, "depth_km": 10.0,
    "sizes": {"KR": 13.6, "MPVA": 6.2, "MS": 5.3},
}  # fmt: skip


@pytest.fixture(autouse=True)
def almaty() -> Settlement:
    Settlement.objects.create(
        name_en="Aktau", point=Point(51.2, 43.65, srid=4326), population=180_000, country="KZ"
    )
    return Settlement.objects.create(
        name_en="Almaty", name_ru="Алматы", population=2_000_000, country="KZ",
        point=Point(76.945, 43.238, srid=4326),
    )  # fmt: skip


def felt(almaty: Settlement, **values: Any) -> Event:
    event = published(**KADZHISAI, **values)
    IntensityObservation.objects.create(
        event=event, settlement=almaty, place="Алматы", minimum=3.0, maximum=4.0, scale="MSK-64",
        source="=cmd|' /C calc'!A0", felt=True,
    )  # fmt: skip
    IntensityObservation.objects.create(
        event=event, place="Balkhash", point=Point(74.98, 46.85, srid=4326), felt=False
    )
    common = {"event": event, "cws": 8.0, "method_id": "dyfi-cdi-1", "point": almaty.point}
    outline = Polygon.from_bbox((76.9, 43.2, 77.0, 43.3))
    CommunityIntensity.objects.create(
        **common, area="10km", code="43T 065 478 10000", outline=outline, report_count=7,
        not_felt_count=2, cdi=3.4, distance_km=129.0, published=True,
    )  # fmt: skip
    CommunityIntensity.objects.create(
        **common, area="1km", code="43T 0657 4789 1000", report_count=1, not_felt_count=0,
        cdi=6.6, published=False,
    )  # fmt: skip
    macroseismics.assess(event)
    return event


def page(client: Client, event: Event, language: str = "en") -> str:
    with translation.override(language):
        answer = client.get(event.get_absolute_url())
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_prediction_stands_there_without_any_report(client: Client):
    body = page(client, published(**KADZHISAI))
    predicted = body[body.index('id="predicted"') :]
    assert "computed, not observed" in predicted
    # 3.69 with one sigma of 0.689, in half grades; MS went in, never MPVA.
    assert "3–4.5" in predicted and "Grades reach, on average: 3: " in predicted
    assert "Input: MS 5.3" in predicted
    assert "Aktau" not in predicted[: predicted.index("</section>")]
    assert 'id="intensities"' not in body
    assert '"contours": [{"grade": 3' in body


def test_a_converted_magnitude_is_said_to_be_one(client: Client):
    body = page(client, published(**KADZHISAI | {"sizes": {"KR": 13.6, "MPVA": 6.2}}))
    assert "Input: M 5.3, converted from KR 13.6 by (KR - 4) / 1.8" in body


@pytest.mark.parametrize(
    "sizes", [{"MPVA": 6.2, "mb": 5.1}, {"KR": 6.6}], ids=["no input", "below III"]
)
def test_what_cannot_be_predicted_is_not(client: Client, sizes: dict[str, float]):
    assert 'id="predicted"' not in page(client, published(**KADZHISAI | {"sizes": sizes}))


def test_a_blast_has_no_prediction(client: Client):
    event = published(**KADZHISAI)
    event.row.event_type = "quarry blast"
    event.row.save()
    assert 'id="predicted"' not in page(client, event)


def test_expert_and_public_stand_apart(client: Client, almaty: Settlement):
    body = page(client, felt(almaty))
    told = body[body.index('id="felt-expert"') :]
    expert, public = told[: told.index('id="felt-community"')], told[told.index("felt-community") :]
    assert "largest community intensity 3.4" in body
    assert "3–4" in expert
    assert "not felt" in expert
    assert "Observed less predicted, on average: −0.2; places: 1." in expert
    assert "Reports that count: 7" in public
    assert ">3.4<" in public and ">6.6<" not in public
    assert "5.1 ±\u00a00.7" in public
    assert "chart__svg" in public
    data = json.loads(body[body.index('<script id="event-data"') :].split(">", 1)[1].split("<")[0])
    assert [p["words"] for p in data["felt"]["expert"]] == ["3–4", "not felt"]
    assert data["felt"]["cells"][0]["opacity"] == pytest.approx(0.79)


def test_the_page_speaks_the_readers_language(client: Client, almaty: Settlement):
    body = page(client, felt(almaty), "ru")
    assert "3–4,5" in body
    assert "intensities.csv?lang=ru" in body


def test_files_hold_each_row_with_its_kind(client: Client, almaty: Settlement):
    event = felt(almaty)
    answer = client.get(f"/events/{event.public_id}/intensities.csv")
    head, *rows = answer.content.decode().splitlines()
    kinds = [row.split(",")[1] for row in rows]
    assert kinds == ["expert", "expert", "community-10km", "predicted"]
    assert "'=cmd|" in rows[0]
    assert ",false," in rows[1]
    assert len({row.count(",") for row in (head, rows[2], rows[3])}) == 1
    again = client.get(
        f"/events/{event.public_id}/intensities.csv", headers={"If-None-Match": answer["ETag"]}
    )
    assert again.status_code == 304
    found = client.get(f"/events/{event.public_id}/intensities.geojson?lang=ru").json()
    shapes = [f["geometry"]["type"] for f in found["features"]]
    assert shapes == ["Point", "Point", "Polygon", "Point"]
    assert found["features"][0]["properties"]["place"] == "Алматы"
    assert found["features"][2]["properties"]["reports"] == 7


def test_files_of_events_that_are_not_there(client: Client, almaty: Settlement):
    assert client.get("/events/kz2014nobody/intensities.csv").status_code == 404
    event = felt(almaty)
    into = published(public_id="kz2014intohr")
    Event.objects.filter(pk=event.pk).update(status="merged", merged_into=into)
    moved = client.get(f"/events/{event.public_id}/intensities.csv")
    assert (moved.status_code, moved["Location"]) == (301, "/events/kz2014intohr/intensities.csv")
    Event.objects.filter(pk=into.pk).update(status="deleted")
    assert client.get("/events/kz2014intohr/intensities.csv").status_code == 410


def test_the_table_of_felt_events_is_of_any_search(client: Client, almaty: Settlement):
    felt(almaty)
    published(public_id="kz2014unfelt")
    body = client.get("/en/intensities/").content.decode()
    assert "3–4" in body and "kz2014kadzhi" in body and "kz2014unfelt" not in body
    table = client.get("/intensities.csv?starttime=2014-01-01").content.decode()
    head, line = table.splitlines()
    assert head.startswith("event_id,time,") and head.endswith("I0,Almaty,Balkhash")
    assert line.endswith(",3–4,not felt")
    assert "No events with intensities" in client.get("/en/intensities/?minkr=15").content.decode()
    wrong = client.get("/en/intensities/?minkr=big")
    assert wrong.status_code == 400 and "big" in wrong.content.decode()
    assert client.get("/intensities.csv?minkr=big").status_code == 400
    assert "Алматы" in client.get("/intensities.csv?lang=ru").content.decode().splitlines()[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"best": 4.0}, "4"),
        ({"best": 3.5, "minimum": 3.0, "maximum": 4.0}, "3–4"),
        ({"best": 3.5}, "3–4"),
        ({"minimum": 2.5, "maximum": 2.5}, "2–3"),
        ({"felt": True}, "felt"),
        ({"felt": False}, "not felt"),
        ({}, "—"),
    ],
)
def test_grades_are_written_as_lists_write_them(values: dict[str, Any], words: str):
    assert event_macroseismics.grade_words(IntensityObservation(**values)) == words


@pytest.mark.parametrize(("reports", "opacity"), [(1, 0.37), (10, 1.0), (400, 1.0)])
def test_cells_are_the_fuller_the_more_reports(reports: int, opacity: float):
    assert event_macroseismics.opacity(reports) == opacity
