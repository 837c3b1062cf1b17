"""The coverage calendar and the closing of months, as staff use them and as others may try."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog import coverage
from catalog.models import (
    AccessToken,
    Agency,
    CoverageSpan,
    Event,
    MonthClosing,
    User,
)
from tests.processing.bulletins import START, event, lay, recompute
from tests.processing.jobs.test_confirmation import bring

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

DAY = START.date()
MONTH = {"year": 2015, "month": 3}


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def kndc(db: None) -> Agency:
    # The shipped rules of preference name it for an area, so its bulletins are expected.
    return Agency.objects.create(code="KNDC", name_en="Data Centre")


@pytest.fixture
def editor_client(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def said(**values: Any) -> dict[str, Any]:
    days = {"first_day": DAY.isoformat(), "last_day": DAY.isoformat()}
    return {"agency": "KNDC", "state": "empty", **days, **values}


def test_the_year_the_day_and_the_run_tell_what_covers_them(desk_client: Client, kndc: Agency):
    bring(lay("KNDC", event("a1", 0), mode="automatic"))
    run = lay("KNDC", event("f1", 5 * 3600.0), event("f2", 26 * 3600.0))
    bring(run)
    run.succeed()
    year = text(desk_client.get(reverse("coverage-desk")))
    assert "1 March 2015: bulletin received, inferred, events: 2" in year
    assert year.count('data-day="2015-') == 365
    assert "4 March 2015: missing" in year
    day = text(desk_client.get(reverse("coverage-day"), {"agency": "KNDC", "day": "2015-03-01"}))
    assert "KNDC.isf" in day and ">f1<" in day and ">a1<" in day and ">f2<" not in day
    page = text(desk_client.get(reverse("run", args=[run.pk])))
    assert "2015-03-01–2015-03-02" in page
    declared = said(
        state="final", last_day="2015-03-02", file=run.reading.file_id,
        next=reverse("run", args=[run.pk]),
    )  # fmt: skip
    answer = desk_client.post(reverse("coverage-declare"), declared)
    assert answer["Location"] == reverse("run", args=[run.pk])
    desk_client.post(reverse("coverage-declare"), declared)  # pressed twice
    span = CoverageSpan.objects.get(basis="declared")
    assert (span.state, span.said_by.username) == ("final", "operator-0")
    recompute()
    assert Event.objects.get(reports__key="id:a1").status == "not-confirmed"
    assert "Withdraw" in text(desk_client.get(reverse("run", args=[run.pk])))
    desk_client.post(reverse("coverage-withdraw", args=[span.pk]))
    recompute()
    assert Event.objects.get(reports__key="id:a1").status == "automatic"
    span.refresh_from_db()
    assert span.withdrawn_by == span.said_by
    public = text(Client().get(reverse("coverage"), {"year": "2015"}))
    assert "operator-0" not in public and "2/31" in public


def test_a_wrong_declaration_is_refused_with_its_reason(desk_client: Client, kndc: Agency):
    for wrong in (
        {"first_day": "2015-03-09"}, {"last_day": str(coverage.today())},
        {"first_day": "1066-10-14"}, {"first_day": "soon"}, {"state": "received"},
        {"state": "final"}, {"file": "999999"}, {"note": "x" * 501},
    ):  # fmt: skip
        desk_client.cookies.pop("messages", None)
        answer = desk_client.post(reverse("coverage-declare"), said(**wrong))
        notices = list(get_messages(answer.wsgi_request))
        assert {notice.level_tag for notice in notices} == {"error"}, wrong
    assert not CoverageSpan.objects.exists()


def test_hostile_addresses_are_no_errors_of_ours(desk_client: Client, kndc: Agency):
    year, day = reverse("coverage-desk"), reverse("coverage-day")
    for address, words in (
        (year, {"year": "20150"}), (year, {"year": "٢٠١٥"}), (year, {"agency": "\x00"}),
        (year, {"year": str(coverage.today().year + 1)}), (year, {"year": "1799"}),
        (day, {"agency": "KNDC", "day": "2015-02-30"}), (day, {"agency": "\x00", "day": "x"}),
        (day, {"agency": "KNDC", "day": str(coverage.today() + timedelta(days=1))}),
        (reverse("coverage"), {"year": "99999"}),
        (reverse("coverage-month", args=[2015, 13]), {}),
        (reverse("coverage-month", args=[99999, 1]), {}),
    ):  # fmt: skip
        assert desk_client.get(address, words).status_code == 404, (address, words)
    away = said(next="https://elsewhere.example/")
    assert desk_client.post(reverse("coverage-declare"), away)["Location"].startswith("/")
    assert Client().post(reverse("coverage-declare"), said()).status_code == 302
    assert CoverageSpan.objects.count() == 1


def test_a_month_is_closed_against_its_checklist_and_opened_again(
    desk_client: Client, editor_client: Client, kndc: Agency
):
    page = reverse("coverage-month", kwargs=MONTH)
    bring(lay("KNDC", event("f1", 0, sizes={"mb": 4.0})))
    assert "days without a reviewed bulletin" in text(desk_client.get(page))
    assert desk_client.post(page, {"action": "closed", "reason": "x"}).status_code == 403
    refused = editor_client.post(page, {"action": "closed", "reason": " "})
    assert refused.status_code == 400 and "Say why" in refused.content.decode()
    assert not MonthClosing.objects.exists()
    editor_client.post(page, {"action": "closed", "reason": "March has one day only"})
    closing = MonthClosing.objects.get()
    assert closing.month == date(2015, 3, 1) and closing.reason == "March has one day only"
    counts = {item["item"]: item["count"] for item in closing.checklist}
    assert counts == {
        "missing-days": 30, "not-final-days": 1, "reviews": 0, "automatic": 0, "without-kr": 1,
        "types": 0, "suspected": 0, "parked": 0,
    }  # fmt: skip
    assert closing.checklist[0]["days"] == [["KNDC", "2015-03-02", "2015-03-31", "missing"]]
    editor_client.post(page, {"action": "closed", "reason": "again"})
    assert MonthClosing.objects.count() == 1
    assert editor_client.post(page, {"action": "reopened"}).status_code == 400
    editor_client.post(page, {"action": "reopened", "reason": "a late bulletin"})
    assert MonthClosing.objects.first().action == "reopened"
    assert "March has one day only" in text(desk_client.get(page))
    assert editor_client.post(page, {"action": "burnt"}).status_code == 404
    today = coverage.today()
    running = reverse("coverage-month", args=[today.year, today.month])
    assert editor_client.post(running, {"action": "closed", "reason": "x"}).status_code == 400


def test_an_upload_may_say_for_which_days_it_is_final(
    client: Client, operator: User, agency: Agency, bulletin: bytes
):
    _, key = AccessToken.issue(operator, "duty", [AccessToken.Scope.UPLOAD])

    def send(**values: str) -> Any:
        file = SimpleUploadedFile("b.isf", bulletin, "text/plain")
        headers = {"authorization": f"Bearer {key}"}
        words = {"file": file, "agency": "AGA", **values}
        return client.post(reverse("api-upload"), words, headers=headers)

    for wrong in (
        {"final_from": "2014-01-01"},
        {"final_from": "x", "final_to": "2014-01-01"},
        {"final_from": "2014-02-01", "final_to": "2014-01-01"},
        {"final_from": "2014-01-01", "final_to": "2999-01-01"},
        {"final_from": "2014-01-01", "final_to": "2014-01-31", "kind": "automatic"},
    ):
        answer = send(**wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-parameter"), wrong
    assert send(final_from="2014-01-01", final_to="2014-01-31").status_code == 202
    span = CoverageSpan.objects.get()
    assert (span.first_day, span.last_day, span.state) == (
        date(2014, 1, 1), date(2014, 1, 31), "final",
    )  # fmt: skip


def test_the_api_tells_coverage_and_closed_months(client: Client, kndc: Agency, operator: User):
    bring(lay("KNDC", event("f1", 0)))
    MonthClosing.objects.create(month=date(2015, 3, 1), action="closed", actor=operator)
    asked = {"agency": "KNDC", "start": "2015-03-01", "end": "2015-03-03"}
    answer = client.get(reverse("api-coverage"), asked)
    assert answer.json() == {
        "start": "2015-03-01",
        "end": "2015-03-03",
        "coverage": [
            {"agency": "KNDC", "first_day": "2015-03-01", "last_day": "2015-03-01", "days": 1,
             "state": "received", "basis": "inferred"},
            {"agency": "KNDC", "first_day": "2015-03-02", "last_day": "2015-03-03", "days": 2,
             "state": "missing", "basis": None},
        ],
        "closed_months": ["2015-03"],
    }  # fmt: skip
    again = client.get(reverse("api-coverage"), asked, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert client.get(reverse("api-coverage"), {"begin": "2015-03-01"}).status_code == 400
