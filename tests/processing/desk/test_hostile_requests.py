"""Requests made to do harm: NUL bytes, markup, rows of others, no right to be here."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import AccessToken, Agency, BulletinFile, BulletinReading, ColumnMapping, User
from processing.desk import mappings
from processing.models import ProcessingRun
from tests.processing.desk.test_mappings import FORM
from tests.processing.test_pipeline import work

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

SCRIPT = "<script>alert(1)</script>"
HEAD = "event_id,origin_time,latitude,longitude,mb"


def send(token: str, data: bytes, name: str = "list.csv", **values: str) -> Any:
    return Client().post(
        reverse("api-upload"),
        {"file": SimpleUploadedFile(name, data), "agency": "AGA", **values},
        headers={"Authorization": f"Token {token}"},
    )


@pytest.mark.parametrize(
    "values, code",
    [
        ({"format": "mapped-table:\x00"}, "unknown-mapping"),
        ({"format": "mapped-table:" + SCRIPT}, "unknown-mapping"),
        ({"format": "mapped-table"}, "unknown-mapping"),
        ({"format": "mapped-table:../../etc/passwd"}, "unknown-mapping"),
        ({"format": "isf\x00"}, "unknown-format"),
        ({"format": "mapped-table:" + "x" * 5000}, "unknown-mapping"),
        ({"time_zone": "\x00"}, "bad-parameter"),
        ({"time_zone": "../../../etc/localtime"}, "bad-parameter"),
        ({"time_zone": "Europe/Berlin"}, "bad-parameter"),
        ({"agency": "\x00"}, "unknown-agency"),
        ({"kind": "\x00"}, "bad-parameter"),
        ({"edition_of": "1"}, "bad-parameter"),
        ({"accept_readings": "\x00"}, "bad-parameter"),
    ],
)
def test_a_bad_word_of_an_upload_is_named_and_nothing_is_kept(
    values: dict[str, str], code: str, token: str, agency: Agency
) -> None:
    answer = send(token, f"{HEAD}\n1,2014-11-14T01:24:16,42.1,77.2,5\n".encode(), **values)
    assert (answer.status_code in (400, 415), answer.json()["code"]) == (True, code)
    assert not BulletinFile.objects.exists()


@pytest.mark.parametrize("name", ["\x00", "a\x00", SCRIPT, "../etc", "x" * 5000])
def test_a_mapping_of_an_impossible_name_is_none(name: str, desk_client: Client) -> None:
    answer = desk_client.get(reverse("mapping"), {"name": name})
    assert answer.status_code == 200
    answer = desk_client.post(reverse("mapping"), {**FORM, "do": "save", "name": name})
    assert answer.status_code == 400
    assert SCRIPT not in answer.content.decode()
    sample = SimpleUploadedFile("list.txt", b"a;b;c\n1;2;3\n")
    answer = desk_client.post(reverse("mapping"), {"file": sample, "name": name})
    assert answer.status_code == 200
    assert not ColumnMapping.objects.exists()


@pytest.mark.parametrize(
    "field", ["magnitude_type", "comment", "missing", "zero_is_missing", "sample", "delimiter"]
)
def test_a_nul_in_a_mapping_is_no_failure_of_the_server(field: str, desk_client: Client) -> None:
    form = {**FORM, "do": "save", "name": "list", field: f"{FORM.get(field, '')}\x00"}
    answer = desk_client.post(reverse("mapping"), form)
    assert answer.status_code in (200, 302, 400)
    assert "\x00" not in str(list(ColumnMapping.objects.values_list("definition", flat=True)))


def test_markup_in_a_sample_is_text(desk_client: Client) -> None:
    sample = f"{SCRIPT};b;c\n{SCRIPT};</textarea>{SCRIPT};3\n"
    form = {**FORM, "sample": sample, "do": "preview", "magnitude_type": SCRIPT}
    page = desk_client.post(reverse("mapping"), form).content.decode()
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "line",
    [
        "1" + " " * 19_000 + "x",
        "1;14.11.2014;01:24:16;1" + " " * 15_000 + "x;77",
        "(" * 19_000,
        ";" * 19_000,
        '"' * 19_000,
        "1;" * 9_500,
        "a\n" * 9_500,
    ],
    ids=lambda line: repr(line[:10]),
)
@pytest.mark.parametrize("delimiter", ["semicolon", "spaces", "fixed"])
def test_a_page_of_columns_answers_soon(line: str, delimiter: str) -> None:
    draft = mappings.mapped_table.from_plain(
        {
            "columns": [
                {"field": name, "number": at, "first": at, "last": at + 15_000}
                for at, name in enumerate(("date", "time", "latitude", "longitude"), start=2)
            ],
            "delimiter": delimiter,
            "has_headings": False,
        }
    )
    started = time.process_time()
    mappings.look(draft, line)
    mappings.mapped_table.guess(line.splitlines())
    assert time.process_time() - started < 2.0


def test_markup_in_a_file_and_its_name_is_text_on_the_runs_page(
    token: str, agency: Agency, desk_client: Client
) -> None:
    rows = f"{HEAD},{SCRIPT}\n{SCRIPT},2014-11-14T01:24:16,42.1,77.2,{SCRIPT},{SCRIPT}\n"
    answer = send(token, rows.encode(), f"{SCRIPT.replace('/', '')}.csv")
    assert answer.status_code == 202
    work()
    run = ProcessingRun.objects.get(reading__isnull=False)
    for address in (reverse("run", args=[run.pk]), reverse("runs"), reverse("desk")):
        page = desk_client.get(address).content.decode()
        assert "alert(1)" not in page or "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\x\\list.csv", "\u202elist.csv"])
def test_a_path_is_no_name(name: str, token: str, agency: Agency) -> None:
    assert send(token, f"{HEAD}\n1,2014-11-14T01:24:16,42.1,77.2,5\n".encode(), name)
    kept = BulletinFile.objects.get().name
    assert not set(kept) & set("/\\\u202e")


@pytest.mark.parametrize(
    "address",
    ["upload", "recognise", "runs", "mappings", "mapping", "review", "readings", "by-hand"],
)
@pytest.mark.parametrize("group", ["", None])
def test_nobody_else_comes_in(address: str, group: str | None, person: Callable[..., User]) -> None:
    client = Client()
    if group is not None:
        client.force_login(person(group))
    for answer in (client.get(reverse(address)), client.post(reverse(address))):
        assert answer.status_code in ((302,) if group is None else (403,))
        if group is None:
            assert "login" in answer["Location"]


@pytest.mark.parametrize("address", ["read-again", "follow-hint"])
def test_what_changes_a_run_wants_a_role_and_a_form_of_ours(
    address: str, token: str, agency: Agency, person: Callable[..., User], operator: User
) -> None:
    send(token, f"{HEAD}\n1,2014-11-14T01:24:16,42.1,77.2,5\n".encode())
    work()
    path = reverse(address, args=[ProcessingRun.objects.get(reading__isnull=False).pk])
    values = {"agency": "AGA", "format": "catalogue-csv", "kind": "automatic", "hint": "edition"}
    assert Client().post(path, values).status_code == 302
    other = Client()
    other.force_login(person(""))
    assert other.post(path, values).status_code == 403
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(operator)
    assert checked.post(path, values).status_code == 403
    assert BulletinReading.objects.count() == 1


@pytest.mark.parametrize("hint", ["", "edition", "time-zone", "\x00", "no-such"])
def test_a_hint_that_was_not_given_is_not_followed(
    hint: str, token: str, agency: Agency, desk_client: Client
) -> None:
    send(token, f"{HEAD}\n1,2014-11-14T01:24:16,42.1,77.2,5\n".encode())
    work()
    run = ProcessingRun.objects.get(reading__isnull=False)
    values = {"hint": hint, "file": "1", "zone": "Europe/Berlin"}
    answer = desk_client.post(reverse("follow-hint", args=[run.pk]), values)
    assert answer.status_code == 302
    assert BulletinReading.objects.count() == 1


@pytest.mark.parametrize("address", ["upload", "recognise", "mapping"])
def test_a_form_of_another_site_is_refused(address: str, operator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.post(reverse(address), {"do": "save"}).status_code == 403


def test_a_token_that_may_only_read_sends_nothing(operator: User, agency: Agency) -> None:
    _, key = AccessToken.issue(operator, "reader", [AccessToken.Scope.READ_STAFF])
    assert send(key, b"x").status_code == 403


def archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return packed.getvalue()


@pytest.mark.parametrize(
    "data",
    [archive("../../a.origin"), archive("/etc/a.origin"), archive("a.origin", "A:\\a.event")],
)
def test_an_archive_that_leads_outside_stores_its_reason_only(
    data: bytes, token: str, agency: Agency
) -> None:
    assert send(token, data, "a.zip", format="css30").status_code == 202
    work()
    reading = BulletinReading.objects.get()
    assert (reading.status, reading.problems.get().code) == ("failed", "archive-refused")
