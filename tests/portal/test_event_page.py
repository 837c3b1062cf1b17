"""The event page: a title a person understands, numbers that fit it, and bounded questions."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from catalog.models import (
    Agency,
    Arrival,
    BulletinFile,
    BulletinReading,
    EventRow,
    FocalMechanism,
    IntensityObservation,
    Magnitude,
    Pick,
    Settlement,
    User,
)
from portal.event_places import lake_words, lakes, shore_of
from tests.portal.conftest import MakeEvent

SHORE = {
    "public_id": "kz2014shore2", "latitude": 42.08, "longitude": 77.1, "minute_precision": False,
    "time": datetime(2014, 11, 14, 1, 24, 16, 200000, tzinfo=UTC), "sizes": {"KR": 13.6},
    "place": "12 km S of Tosor",
}  # fmt: skip


def page(client: Client, public_id: str, language: str = "en") -> str:
    with translation.override(language):
        answer = client.get(reverse("event", args=[public_id]))
    assert answer.status_code == 200
    return answer.content.decode()


def heading(body: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", body, re.S)
    assert found is not None
    return found[1]


@pytest.fixture
def towns(db: None) -> None:
    for name, people, point in (
        ("Almaty", 2_000_000, Point(76.95, 43.25)),
        ("Tosor", 900, Point(77.44, 42.16)),
    ):
        Settlement.objects.create(
            name_en=name, name_ru=f"{name}-ru", point=point, population=people, country="KZ"
        )


def test_the_title_names_sizes_shore_and_city(client: Client, make_event: MakeEvent, towns: None):
    event = make_event(**SHORE)
    Magnitude.objects.create(event=event, type="MS(reg)", scale="", value=5.31)
    body = page(client, event.public_id)
    assert heading(body) == (
        "KR 13.6, MS(reg) 5.3, south shore of Issyk-Kul, 131\u00a0km from Almaty"
    )
    # The day too where it differs from that of UTC, and the offset.
    assert "Friday, 14 November 2014, 07:24:16 (UTC+6)" in body
    assert re.search(r">2\D000\D000<", body) and "Tosor" in body
    assert "KR 13,6, MS(reg) 5,3" in heading(page(client, event.public_id, "ru"))


def test_a_name_goes_first_and_what_was_no_earthquake_is_said(
    client: Client, make_event: MakeEvent
):
    event = make_event()
    EventRow.objects.update(name_en="Shalkar " * 20, event_type="quarry blast")
    title = heading(page(client, event.public_id))
    assert title.startswith("Shalkar Shalkar") and "Quarry blast, KR 11.7, MS 4.0, 28 km S" in title


def test_what_is_missing_or_old_is_told_plainly(client: Client, make_event: MakeEvent):
    event = make_event(
        sizes={}, depth_km=None, felt=False, time=datetime(1889, 7, 11, 22, 14, tzinfo=UTC)
    )
    body = page(client, event.public_id)
    assert heading(body) == "Earthquake, 28 km S of Karaganda"
    assert "(UTC+5:08)" in body and "1889-07-11 22:14</time>" in body
    assert "No size was reported." in body and "not reported" in body
    assert "No arrivals were reported." in body and 'id="intensities"' not in body
    assert "nan" not in re.sub(r"<script.*?</script>", "", body, flags=re.S).lower().split()


def test_contents_lead_to_sections_that_are_there(client: Client, make_event: MakeEvent):
    event = make_event()
    IntensityObservation.objects.create(event=event, place="Abai", minimum=3, maximum=4)
    FocalMechanism.objects.create(event=event, strike_1=230, dip_1=40, rake_1=85)
    body = page(client, event.public_id)
    contents = re.search(r'<nav class="event__contents.*?</nav>', body, re.S)
    assert contents is not None
    anchors = re.findall(r'href="#([^"]+)"', contents[0])
    assert {"intensities", "mechanisms", "neighbours", "history"} <= set(anchors)
    ids = re.findall(r'\bid="([^"]+)"', body)
    assert set(anchors) <= set(ids) and len(ids) == len(set(ids))
    assert "beachball__dark" in body and "Places with observations: 1" in body
    assert "largest intensity 4" in body


def test_machines_get_a_dataset_that_hostile_text_cannot_leave(
    client: Client, make_event: MakeEvent
):
    event = make_event(place="</script><script>alert(1)</script>")
    body = page(client, event.public_id)
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', body, re.S)
    assert found is not None
    data = json.loads(found[1])
    assert data["@type"] == "Dataset" and data["about"]["@type"] == "Event"
    assert data["about"]["startDate"] == "2014-06-21T06:30Z"
    assert data["spatialCoverage"]["geo"]["latitude"] == 49.56
    assert "</script><script>alert(1)" in data["name"]
    assert "<script>alert" not in body
    for name in ("og:title", "og:description", "og:url", "og:locale"):
        assert f'property="{name}"' in body
    assert "og:image" not in body


def test_neighbours_are_drawn_and_questions_do_not_grow(client: Client, make_event: MakeEvent):
    event = make_event(public_id="kz2014000000")
    agency = Agency.objects.get(code="KNDC")
    with CaptureQueriesContext(connection) as before:
        body = page(client, event.public_id)
    assert "no other event within 50" in body
    sender = User.objects.create_user("operator", password="long-enough-for-a-test")
    file = BulletinFile.objects.create(sha256="0" * 64, name="a.isf", size=1, uploader=sender)
    reading = BulletinReading.objects.create(
        file=file, agency=agency, format="isf", number=1, requested_by=sender
    )
    for n in range(1, 6):
        make_event(
            public_id=f"kz201400000{n}", time=datetime(2000 + n, 1, 1, tzinfo=UTC),
            longitude=72.97 + 0.02 * n, sizes={"KR": 8.0 + n} if n % 2 else {"mb": 4.0},
        )  # fmt: skip
    origin: Any = event.preferred_origin
    for n in range(12):
        pick = Pick.objects.create(
            reading=reading, station_code=f"ST{n}", phase_hint="P",
            time=origin.time + timedelta(seconds=10 + n),
        )  # fmt: skip
        Arrival.objects.create(
            origin=origin, pick=pick, phase="S" if n % 2 else "P", distance_deg=1.0 + n / 10,
            time_residual=(-1) ** n * 0.1 * n,
        )  # fmt: skip
    with CaptureQueriesContext(connection) as after:
        body = page(client, event.public_id)
    assert "Other events within 50\u00a0km: 5." in body
    assert body.count('<circle class="dot-2"') > 2 and 'class="dot-this"' in body
    assert "residuals-title" in body and "neighbours-cumulative-title" in body
    # One for the arrivals of the solution, one for their stations' readings at most.
    assert len(after) <= len(before) + 3
    assert len(after) < 60


# --- Places --------------------------------------------------------------------------------------


def test_shores_are_told_only_near_the_lakes_we_know():
    with translation.override("en"):
        assert lake_words(42.08, 77.1) == "south shore of Issyk-Kul"
        assert lake_words(42.78, 77.2) == "north shore of Issyk-Kul"
        assert lake_words(42.45, 77.2) == "under Lake Issyk-Kul"
        assert lake_words(42.5, 78.4) == "east shore of Issyk-Kul"
        assert lake_words(41.8, 77.2) == "" and lake_words(49.8, 73.1) == ""


def test_distance_from_a_shore_is_that_of_the_ellipsoid_nearly():
    issyk_kul = next(lake for lake in lakes() if lake.names["en"] == "Issyk-Kul")
    corner = issyk_kul.outline[issyk_kul.outline[:, 1].argmin()]
    away = shore_of(corner[1] - 0.1, corner[0], issyk_kul)
    assert away.distance_km == pytest.approx(11.1, abs=0.3) and not away.is_inside
    assert away.azimuth == pytest.approx(180, abs=25)
