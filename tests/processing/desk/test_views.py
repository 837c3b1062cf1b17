"""The desk is for staff, works without a script, and shows what became of a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.formats.labels import SYNTHETIC
from catalog.models import Agency, BulletinFile, Report, User
from processing import tasks
from processing.jobs import ingestion
from processing.models import ProcessingRun, WorkItem

pytestmark = pytest.mark.django_db(databases=["default", "progress"])
PAGES = ("desk", "upload", "runs", "review")


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


def send(client: Client, data: bytes, *more: bytes, **values: Any) -> Any:
    files = [
        SimpleUploadedFile(f"{n}.isf", each, "text/plain") for n, each in enumerate((data, *more))
    ]
    return client.post(reverse("upload"), {"files": files, "kind": "manual", **values})


def work_off() -> None:
    """Do all work that waits, as a worker does."""
    while item := WorkItem.objects.filter(state="open").order_by("priority", "pk").first():
        assert item.attempts == 0, item.last_error
        tasks.work(item.pk)


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_is_sent_to_sign_in(client: Client, page: str) -> None:
    answer = client.get(reverse(page))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("page", PAGES)
def test_a_user_without_a_role_is_told_so(person: Callable[[str], User], page: str) -> None:
    client = Client()
    client.force_login(person(""))
    assert client.get(reverse(page)).status_code == 403


@pytest.mark.parametrize("role", ["operator", "editor", "administrator"])
@pytest.mark.parametrize("page", PAGES)
def test_staff_see_every_page_even_when_nothing_is_there(
    person: Callable[[str], User], page: str, role: str
) -> None:
    client = Client()
    client.force_login(person(role))
    answer = client.get(reverse(page))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_an_upload_without_a_script_leads_to_its_run(
    desk_client: Client, agency: Agency, bulletin: bytes
) -> None:
    answer = send(desk_client, bulletin, agency="AGA")
    run = ProcessingRun.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == reverse("run", args=[run.pk])
    assert run.reading is not None
    assert (run.reading.agency, run.reading.format) == (agency, "isf")
    assert BulletinFile.objects.get().uploader == run.actor


def test_several_files_are_each_told_what_became_of_them(
    desk_client: Client, agency: Agency, bulletin: bytes
) -> None:
    answer = send(desk_client, bulletin, b"neither this nor that", b"", bulletin, agency="AGA")
    outcomes = answer.context["outcomes"]
    assert [bool(o["run"]) for o in outcomes] == [True, False, False, True]
    assert outcomes[3]["duplicate"]
    assert "No known bulletin format" in answer.content.decode()
    assert BulletinFile.objects.count() == 1


def test_an_upload_needs_the_forms_token(operator: User, bulletin: bytes) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert send(client, bulletin).status_code == 403
    assert BulletinFile.objects.count() == 0


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    desk_client: Client, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    settings.UPLOAD_MAX_FILES = 1
    answer = send(desk_client, b"x" * 400_000)
    assert answer.status_code == 413
    assert "larger than allowed" in answer.content.decode()


def test_one_file_of_several_that_is_too_large_is_refused_by_whoever_reads_it_first(
    operator: User, settings: Any
) -> None:
    """The check of the form's token reads the body before the page does."""
    settings.UPLOAD_MAX_BYTES = 1000
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    client.get(reverse("upload"))
    token = client.cookies["csrftoken"].value
    answer = send(client, b"x" * 2000, csrfmiddlewaretoken=token)
    assert answer.status_code == 413
    assert "larger than allowed" in answer.content.decode()


def test_the_first_bytes_say_format_and_agency(desk_client: Client, bulletin: bytes) -> None:
    answer = desk_client.post(
        reverse("recognise"), bulletin[:500], content_type="application/octet-stream"
    )
    assert answer.json()["format"] == "isf"


def test_a_run_is_shown_waiting_and_done_with_its_problems_and_events(
    desk_client: Client, agency: Agency, bulletin: bytes, django_capture_on_commit_callbacks: Any
) -> None:
    page = send(desk_client, bulletin, agency="AGA")["Location"]
    waiting = desk_client.get(page).content.decode()
    assert "run.js" in waiting
    assert 'http-equiv="refresh"' in waiting
    work_off()
    run = ProcessingRun.objects.get()
    assert run.status == "succeeded", run.reason_code
    done = desk_client.get(page)
    text = done.content.decode()
    assert "run.js" not in text
    assert run.reading is not None
    assert len(done.context["problems"]) == run.reading.problem_count
    for entry in run.reading.entries.select_related("report__event"):
        assert entry.report.event is not None
        assert reverse("event", args=[entry.report.event.public_id]) in text


def test_a_report_without_coordinates_leads_to_its_own_page(
    desk_client: Client, agency: Agency
) -> None:
    table = (
        b"row,event_id,time,latitude,longitude,KR,comment\n"
        b"event,op-1,,,,9.8,place: 76 km W of Almaty\n"
    )
    page = send(desk_client, table, agency="AGA", format="bulletin-csv")["Location"]
    work_off()
    report = Report.objects.get()
    assert report.event is None
    text = desk_client.get(page).content.decode()
    assert f'<a href="{reverse("report", args=[report.pk])}">without coordinates</a>' in text


def test_a_synthetic_event_is_called_so_in_its_run(desk_client: Client, agency: Agency) -> None:
    table = f'event_id,time,lat,lon,comment\nS1,2014-05-01T03:04:05,43,77,"{SYNTHETIC}"\n'.encode()
    page = send(desk_client, table, agency="AGA", format="catalogue-csv")["Location"]
    work_off()
    assert Report.objects.get().event.synthetic  # type: ignore[union-attr]
    assert "tag--synthetic" in desk_client.get(page).content.decode()


def test_a_file_is_read_again_under_another_agency(
    desk_client: Client, agency: Agency, bulletin: bytes
) -> None:
    send(desk_client, bulletin, agency="AGA")
    work_off()
    first = ProcessingRun.objects.get()
    events = set(first.reading.entries.values_list("report__event", flat=True))  # type: ignore[union-attr]
    Agency.objects.create(code="RIGHT")
    answer = desk_client.post(
        reverse("read-again", args=[first.pk]),
        {"agency": "RIGHT", "format": "isf", "kind": "manual"},
    )
    work_off()
    second = ProcessingRun.objects.latest("pk")
    assert answer["Location"] == reverse("run", args=[second.pk])
    assert second.status == "succeeded"
    assert second.reading is not None
    assert second.reading.agency.code == "RIGHT"
    # The events are the same, under the right agency now.
    assert set(second.reading.entries.values_list("report__event", flat=True)) == events
    assert all(e.report.withdrawn_at for e in first.reading.entries.select_related("report"))  # type: ignore[union-attr]


def test_a_dry_run_says_what_would_be_and_can_then_be_done_in_earnest(
    desk_client: Client, agency: Agency, bulletin: bytes
) -> None:
    page = send(desk_client, bulletin, agency="AGA", dry_run="on")["Location"]
    work_off()
    text = desk_client.get(page).content.decode()
    assert "opened a new event" in text
    run = ProcessingRun.objects.get()
    assert run.reading is None
    desk_client.post(
        reverse("read-again", args=[run.pk]), {"agency": "AGA", "format": "isf", "kind": "manual"}
    )
    work_off()
    assert ProcessingRun.objects.latest("pk").status == "succeeded"


def test_a_failed_run_says_why(desk_client: Client, agency: Agency, bulletin: bytes) -> None:
    page = send(desk_client, bulletin, agency="AGA", format="quakeml")["Location"]
    work_off()
    run = ProcessingRun.objects.get()
    assert run.status == "failed"
    answer = desk_client.get(page)
    assert answer.context["reason"] in answer.content.decode().replace("&#x27;", "'").replace(
        "&lt;", "<"
    ).replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def test_parked_work_is_seen_at_once(desk_client: Client) -> None:
    WorkItem.objects.create(
        kind="read", object_id=7, dedup_key="read:7", state="parked", attempts=5, last_error="Boom"
    )
    assert "Boom" in desk_client.get(reverse("desk")).content.decode()


@pytest.mark.parametrize("page", ["desk", "runs"])
def test_runs_of_every_kind_are_listed(
    desk_client: Client, agency: Agency, bulletin: bytes, page: str
) -> None:
    send(desk_client, bulletin, agency="AGA")
    send(desk_client, bulletin, agency="AGA", dry_run="on")
    ProcessingRun.objects.create(kind="recompute", status="succeeded")
    assert desk_client.get(reverse(page)).content.decode().count("0.isf") == 2


def test_an_agency_named_once_in_the_file_is_recognised(agency: Agency) -> None:
    head = b"<q:quakeml><agencyID>AGA</agencyID> <agencyID>AGA</agencyID>"
    assert ingestion.recognise(head, "a.xml").agency in ("AGA", "")
