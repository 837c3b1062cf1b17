"""The desk of felt reports, by plain forms: the queue, one report, decisions, two moderators."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.felt_keeping import FLAGS as KEEPING_FLAGS
from catalog.felt_questions import BY_CODE
from catalog.models import FeltDecision, FeltReport, FeltReportPersonal, User
from processing.core.felt import INDICES
from processing.core.felt_filters import Flag
from processing.desk import felt_words
from tests.processing.felt_reports import quake, report, settlement, work

pytestmark = pytest.mark.django_db(databases=["default", "progress"])
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def editors_client(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def page(client: Client, name: str, *args: Any, status: int = 200, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == status
    return answer.content.decode().replace("\u00a0", " ")


def sent(client: Client, **values: Any) -> str:
    answer = client.post(reverse("desk-felt-decide"), values, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def tokens(text: str) -> list[str]:
    return re.findall(r'name="report" value="([^"]+)"', text)


def test_every_flag_has_its_words_and_every_index_its_question() -> None:
    assert set(felt_words.FLAGS) == {*Flag, *KEEPING_FLAGS}
    for question, options in INDICES.items():
        assert set(BY_CODE[question].codes) == set(options)


def test_the_empty_queue_says_so_and_is_for_staff(desk_client: Client) -> None:
    assert Client().get(reverse("desk-felt")).status_code == 302
    assert "No report is in doubt" in page(desk_client, "desk-felt")
    assert "No report is like this" in page(desk_client, "desk-felt", event="kz1", state="all")
    assert "Select a valid choice" in page(desk_client, "desk-felt", state="x", status=400)


def test_many_are_accepted_at_once_or_none(desk_client: Client, editors_client: Client) -> None:
    tied_to = quake()
    for number in range(3):
        report(event=tied_to, flags=["flood-device"], chosen_grade=4, device=str(number))
    report(event=tied_to)
    work()
    text = page(desk_client, "desk-felt")
    assert text.count('class="felt-row"') == 3 and "many from one device" in text
    assert not tokens(text) and "Editors decide on reports." in text
    assert desk_client.post(reverse("desk-felt-decide")).status_code == 403
    chosen = tokens(page(editors_client, "desk-felt", flag="flood-device"))
    assert "1 report decided." in sent(editors_client, report=chosen[0], do="reject", note="spam")
    # The list was loaded before: one of the three is no longer as it was seen.
    assert "Somebody was faster" in sent(editors_client, report=chosen, do="accept")
    assert FeltReport.objects.filter(verdict="accepted").count() == 0
    again = tokens(page(editors_client, "desk-felt"))
    assert "2 reports decided." in sent(editors_client, report=again, do="accept")
    assert FeltDecision.objects.count() == 3
    assert "<strong>2</strong> accepted" in page(desk_client, "desk-felt")


def test_one_report_is_told_in_words_and_decided_on(editors_client: Client) -> None:
    tied_to = quake()
    almaty = settlement()
    told = report(
        place=SCRIPT, point=None, place_source="words", chosen_grade=5, comment=SCRIPT,
        flags=["unknown-place"], answers={"motion": "violent", "damage": ["collapse"], "x": "\x01"},
    )  # fmt: skip
    work()
    text = page(editors_client, "desk-felt-report", told.pk)
    assert "the building collapsed" in text and "Why it is in doubt" in text
    assert SCRIPT not in text and "&lt;script&gt;" in text
    token = tokens(text)[0]
    text = sent(editors_client, report=token, do="settlement", settlement="Almaty", onpage="1")
    work()
    told.refresh_from_db()
    assert (told.settlement, told.event, told.flags) == (almaty, tied_to, ["contradiction"])
    text = page(editors_client, "desk-felt-report", told.pk)
    assert f"Tied to {tied_to.public_id}" in text and "felt-sketch__epicentre" in text
    token = tokens(text)[0]
    assert "you are sure" in sent(editors_client, report=token, do="personal", onpage="1")
    assert FeltReportPersonal.objects.exists()
    sent(editors_client, report=token, do="personal", sure="yes", onpage="1")
    assert not FeltReportPersonal.objects.exists()
    assert "Personal part deleted" in page(editors_client, "desk-felt-report", told.pk)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"do": "tie", "event": "kz\0"}, "merged or deleted"),
        ({"do": "settlement", "settlement": "Atlantis"}, "not known"),
        ({"do": "settlement", "settlement": "#99999999"}, "not known"),
        ({"do": "settlement", "settlement": "Talgar"}, "Several settlements"),
        ({"do": "personal", "sure": "yes"}, "no personal part"),
        ({"do": "explode"}, "No report was chosen"),
        ({"do": "accept", "report": "1;drop"}, "No report was chosen"),
        ({"do": "accept", "report": f"{10**17}:0.0"}, "Somebody was faster"),
    ],
)
def test_what_cannot_be_done_is_named(
    values: dict[str, str], message: str, editors_client: Client
) -> None:
    for latitude in (43.3, 50.0):
        settlement("Talgar", (latitude, 77.2))
    told = report()
    assert message in sent(editors_client, **{"report": f"{told.pk}:0.0", **values})
    assert not FeltDecision.objects.exists()


def test_a_place_without_a_cdi_is_told_by_its_words_wherever_readers_look() -> None:
    tied_to = quake()
    for _ in range(3):
        report(event=tied_to, chosen_grade=6)
    work()
    text = Client().get(f"/en/events/{tied_to.public_id}/").content.decode()
    assert "largest community intensity 6.0" in text
    for ending in ("csv", "geojson"):
        assert Client().get(f"/events/{tied_to.public_id}/intensities.{ending}").status_code == 200
    told = Client().get(f"/api/v1/events/{tied_to.public_id}/community-intensities").json()
    assert {(i["cdi"], i["msk64"]) for i in told["community_intensities"]} == {(None, 6.0)}
