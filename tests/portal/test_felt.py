"""The felt report as a page: the same for everybody, two steps without a script."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.test import Client
from django.utils import timezone

from catalog.felt_questions import GRADES, QUESTIONS
from catalog.models import Event, Settlement, User
from catalog.models.felt import FeltReport
from tests.portal.conftest import published

pytestmark = pytest.mark.django_db


def fields(page: str) -> dict[str, list[str]]:
    """Return the hidden fields of a page's form."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', page):
        found.setdefault(name, []).append(value)
    return found


def sent(client: Client, path: str, **values: Any) -> Any:
    return client.post(path, {name.replace("__", "-"): v for name, v in values.items()})


def test_the_form_is_the_same_for_everybody_and_may_be_kept(client: Client):
    published(time=timezone.now() - timedelta(hours=2))
    answer = client.get("/en/felt/")
    assert answer["Cache-Control"] == "public, max-age=60" and not answer.cookies
    text = answer.content.decode()
    assert text == Client().get("/en/felt/").content.decode()
    assert "csrfmiddlewaretoken" not in text and 'value="kz2014karagn"' in text
    for grade in GRADES:
        assert f'name="grade" value="{grade.number}"' in text
    for question in QUESTIONS:
        for code in question.codes:
            assert f'name="answer-{question.code}" value="{code}"' in text
    client.force_login(User.objects.create_superuser("duty"))
    assert "public" not in client.get("/en/felt/").get("Cache-Control", "")


def test_two_steps_without_a_script(client: Client):
    event = published()
    path = f"/ru/events/{event.public_id}/felt/"
    shown = sent(
        client, path, grade="5", place="Далёкий аул", answer__damage=["none", "collapse"],
        answer__motion="weak", comment="<script>alert(1)</script> 😱", when="then",
        felt_local="2014-06-21T12:31",
    )  # fmt: skip
    text = shown.content.decode()
    assert shown.status_code == 200 and "no-store" in shown["Cache-Control"]
    assert not FeltReport.objects.exists()
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
    hidden = {k: [v.replace("&lt;", "<").replace("&gt;", ">") for v in vs]
              for k, vs in fields(text).items()}  # fmt: skip
    done = client.post(path, {**hidden, "settlement": "as-written"})
    assert done.status_code == 302 and done["Location"] == "/ru/felt/thanks/"
    assert client.post(path, {**hidden, "settlement": "as-written"}).status_code == 302
    report = FeltReport.objects.get()
    assert (report.event, report.language, report.chosen_grade) == (event, "ru", 5)
    assert report.felt_at == datetime(2014, 6, 21, 6, 31, tzinfo=UTC)  # UTC+6 until March 2024
    assert report.answers == {"motion": "weak", "damage": ["none", "collapse"]}
    assert report.flags == ["unknown-place"]  # it came with a token
    assert report.personal.comment == "<script>alert(1)</script> 😱"
    assert client.get(done["Location"]).status_code == 200


def test_of_two_places_of_one_name_the_person_chooses(client: Client):
    one, two = (
        Settlement.objects.create(
            name_en="Talgar", point=Point(lon, 43.3, srid=4326), country="KZ", region_code=code
        )
        for lon, code in ((77.2, "01"), (70.0, "10"))
    )
    text = sent(client, "/en/felt/", grade="1", place="talgar").content.decode()
    assert "Several settlements are called" in text and "Turkistan Region" in text
    client.post("/en/felt/", {**fields(text), "settlement": str(two.pk)})
    report = FeltReport.objects.get()
    assert report.settlement == two != one
    assert (report.felt, report.flags) == (False, [])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "Choose first how strongly"),
        ({"grade": "13"}, "1..12"),
        ({"grade": "2.5"}, "1..12"),
        ({"grade": "felt"}, "felt"),
        ({"grade": "4", "when": "then", "felt_local": "2999-01-01T00:00"}, "has not come yet"),
        ({"grade": "4", "when": "then", "felt_local": "yesterday"}, "yesterday"),
        ({"grade": "4", "comment": "я" * 2001}, "2001"),
        ({"grade": "4", "latitude": "95", "longitude": "1"}, "-90..90"),
        ({"grade": "4", "answer-mood": "x"}, "answers.mood"),
        ({"grade": "4", "event": "no such"}, "no such"),
    ],
)
def test_a_mistake_stands_above_the_form_with_what_was_filled_in(
    client: Client, values: dict[str, str], told: str
):
    answer = client.post("/en/felt/", values | {"name": 'Асель "А"'})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert told in text[text.index('role="alert"') : text.index("felt-queue")]
    assert "Асель &quot;А&quot;" in text


def test_a_page_of_another_site_cannot_send_for_its_visitor(client: Client):
    text = sent(client, "/en/felt/", grade="4").content.decode()
    foreign = client.post("/en/felt/", fields(text), headers={"Sec-Fetch-Site": "cross-site"})
    assert "Your report, before it is sent" in foreign.content.decode()
    assert not FeltReport.objects.exists()


def test_limits_are_told_and_the_form_stays(client: Client, settings: Any):
    settings.FELT_ADDRESS_MOST_PER_HOUR = 0
    text = sent(client, "/en/felt/", grade="4").content.decode()
    full = client.post("/en/felt/", fields(text))
    assert (full.status_code, full["Retry-After"]) == (429, "1800")
    assert "send it again later" in full.content.decode()
    assert client.post("/en/felt/", {"comment": "x" * 70_000}).status_code == 413


def test_what_became_of_the_event(client: Client):
    event = published()
    Event.objects.create(public_id="kz2014absorb", status="merged", merged_into=event)
    moved = client.get("/en/events/kz2014absorb/felt/")
    assert (moved.status_code, moved["Location"]) == (301, "/en/events/kz2014karagn/felt/")
    assert client.get("/en/events/kz2014nobody/felt/").status_code == 404
    assert (
        "/en/events/kz2014karagn/felt/" in client.get("/en/events/kz2014karagn/").content.decode()
    )
    Event.objects.filter(pk=event.pk).update(status="deleted")
    assert client.get("/en/events/kz2014karagn/felt/").status_code == 410
