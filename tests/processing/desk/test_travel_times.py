"""Editors upload travel-time tables and put them in use; operators look; nobody else comes in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Agency, User
from processing.core.agency_tables import MOST_BYTES, read_agency_table
from processing.core.earth_models import MODELS
from processing.desk import travel_time_plot
from processing.models import TravelTimeTable
from tests.processing.travel_time_tables import HEADER, straight


@pytest.fixture
def editor(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def send(client: Client, content: bytes, file_name: str = "table.csv", **said: Any) -> Any:
    form = {
        "agency": "AGA",
        "name": "some",
        "title": "A table",
        "provenance": "Made for a <b>test</b>.",
        "west": "76", "south": "42", "east": "79", "north": "44",
    } | said  # fmt: skip
    return client.post(
        reverse("travel-time-new"), {**form, "file": SimpleUploadedFile(file_name, content)}
    )


@pytest.fixture
def table(editor: Client, agency: Agency) -> TravelTimeTable:
    assert send(editor, straight()).status_code == 302
    return TravelTimeTable.objects.get()


def test_every_built_in_model_is_listed_with_where_it_is_from(desk_client: Client) -> None:
    page = desk_client.get(reverse("travel-times")).content.decode()
    for model in MODELS.values():
        assert model.title in page
    assert "substitute" in page and "kyrg.mod" in page
    assert reverse("travel-time-new") not in page  # an operator looks


def test_an_editor_uploads_a_table_and_puts_it_in_use(
    editor: Client, table: TravelTimeTable
) -> None:
    address = reverse("travel-time-table", args=[table.pk])
    page = editor.get(address).content.decode()
    assert "Made for a &lt;b&gt;test&lt;/b&gt;." in page
    assert table.uploaded_by is not None
    for do, status in (("use", "in-use"), ("withdraw", "withdrawn"), ("nonsense", "withdrawn")):
        answer = editor.post(reverse("travel-time-status", args=[table.pk]), {"do": do})
        assert answer.status_code == 302
        table.refresh_from_db()
        assert table.status == status
    assert table.status_changed_by is not None
    assert "A table" in editor.get(reverse("travel-times")).content.decode()


def test_the_plot_needs_no_script_and_no_style_of_its_own(
    editor: Client, table: TravelTimeTable
) -> None:
    for language in ("en", "ru"):
        address = f"/{language}/desk/travel-times/{table.pk}/"
        page = editor.get(address).content.decode()
        assert page.count("<path") > 8
        assert " style=" not in page and "<style" not in page
        # An attribute of SVG knows no decimal comma.
        for value in re.findall(r' (?:x|y|x1|x2|y1|y2|d|width)="([^"]*)"', page):
            assert "," not in value


def test_the_file_comes_back_as_it_was_received(
    desk_client: Client, table: TravelTimeTable
) -> None:
    answer = desk_client.get(reverse("travel-time-file", args=[table.pk]))
    assert answer.content == straight()
    assert answer["Content-Disposition"] == 'attachment; filename="some-1.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_an_operator_looks_and_changes_nothing(desk_client: Client, table: TravelTimeTable) -> None:
    page = desk_client.get(reverse("travel-time-table", args=[table.pk]))
    assert page.status_code == 200 and b'name="do"' not in page.content
    assert desk_client.get(reverse("travel-time-new")).status_code == 403
    assert send(desk_client, straight(5.0)).status_code == 403
    address = reverse("travel-time-status", args=[table.pk])
    assert desk_client.post(address, {"do": "use"}).status_code == 403
    table.refresh_from_db()
    assert table.status == "draft" and TravelTimeTable.objects.count() == 1


@pytest.mark.parametrize("name", ["travel-times", "travel-time-new"])
def test_others_do_not_come_in(name: str, person: Callable[[str], User]) -> None:
    client = Client()
    assert client.get(reverse(name)).status_code == 302
    client.force_login(person(""))
    assert client.get(reverse(name)).status_code == 403


def test_no_form_is_taken_without_its_token(table: TravelTimeTable, person: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("editor"))
    assert send(client, straight(5.0)).status_code == 403
    address = reverse("travel-time-status", args=[table.pk])
    assert client.post(address, {"do": "use"}).status_code == 403
    assert client.get(address).status_code in (403, 405)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 a workbook", "not a text file"),
        (straight() + b"\x00", "not a text file"),
        (HEADER.encode("utf-16"), "not in UTF-8"),
        (HEADER.encode() + "\nПг,1,1,1".encode("cp1251"), "not in UTF-8"),
        (b"", "no file|no cells|first line|empty"),
        (HEADER.encode() + b"\n=HYPERLINK(1),0,0,1\n", "phase is not one"),
        (HEADER.encode() + b"\n<script>alert(1)</script>,0,0,1\n", "phase is not one"),
        (HEADER.encode() + b"\n" + b"9" * 500, "too long for a row"),
        (HEADER.encode() + b'\n"Pg,1,1,1\n' + b"Pg,1,1,1\n" * 20_000, "never closed"),
        (straight().replace(b"Pg,20,5,", b"Pg,20,5,0.5,"), "as many cells"),
        (re.sub(rb"Pg,20,5,.*", b"Pg,20,5,1.000", straight()), "not later"),
    ],
)
def test_a_hostile_or_broken_file_is_explained_and_not_kept(
    editor: Client, agency: Agency, content: bytes, words: str
) -> None:
    answer = send(editor, content, "../../etc/passwd")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert re.search(words, page)
    assert "<script>alert" not in page and "etc/passwd" not in page
    assert "Made for a &lt;b&gt;test" in page  # what was written is not lost
    assert not TravelTimeTable.objects.exists()


def test_a_file_of_a_hundred_megabytes_is_refused_before_it_is_read(
    editor: Client, agency: Agency
) -> None:
    answer = editor.generic(
        "POST", reverse("travel-time-new"), b"x", "multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(100_000_000),
    )  # fmt: skip
    assert answer.status_code == 413
    assert send(editor, b"x" * (MOST_BYTES + 1)).status_code == 413
    checking = Client(enforce_csrf_checks=True)
    checking.cookies = editor.cookies
    assert send(checking, b"x" * (MOST_BYTES + 1)).status_code == 413
    assert not TravelTimeTable.objects.exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "kyrgyz"}, "built-in model"),
        ({"name": "two words"}, "letters a-z"),
        ({"name": "../x"}, "letters a-z"),
        ({"provenance": " "}, "required"),
        ({"agency": "XX"}, "valid choice"),
        ({"north": ""}, "Give all four"),
        ({"west": "80"}, "from west to east"),
        ({"east": "76.5"}, "too small"),
        ({"west": "1e999"}, "number|finite|valid"),
        ({"full_to_deg": "2"}, "Give all four"),
        (
            {"full_to_deg": "9", "none_beyond_deg": "2", "full_to_km": "1", "none_beyond_km": "2"},
            "count fully",
        ),
        ({"title": "x\x00y"}, "Null characters"),
    ],
)
def test_what_is_said_of_a_table_is_checked(
    editor: Client, agency: Agency, said: dict[str, str], words: str
) -> None:
    answer = send(editor, straight(), **said)
    assert answer.status_code == 400
    assert re.search(words, answer.content.decode())
    assert not TravelTimeTable.objects.exists()


def test_a_table_that_overlaps_another_in_use_says_so(
    editor: Client, table: TravelTimeTable
) -> None:
    editor.post(reverse("travel-time-status", args=[table.pk]), {"do": "use"})
    send(editor, straight(5.0), name="other")
    other = TravelTimeTable.objects.get(name="other")
    answer = editor.post(reverse("travel-time-status", args=[other.pk]), {"do": "use"}, follow=True)
    assert "Another table is in use" in answer.content.decode()
    other.refresh_from_db()
    assert other.status == "draft"


def test_what_a_table_does_not_hold_is_remarked(editor: Client, agency: Agency) -> None:
    deep = [row for row in straight().splitlines() if b",0," not in row[4:] and b"Sg" not in row]
    page = send_and_follow(editor, b"\n".join(deep))
    assert "begins at a depth of 5 km" in page
    assert "has Pg but no Pn" in page
    assert "has no S:" in page
    assert "as in the global model" in page  # the velocity under stations


def send_and_follow(client: Client, content: bytes) -> str:
    return client.get(send(client, content).url).content.decode()


def test_a_missing_table_is_a_missing_page(desk_client: Client) -> None:
    assert desk_client.get(reverse("travel-time-table", args=[999_999])).status_code == 404


def test_the_plot_joins_the_nodes_of_the_table() -> None:
    read = read_agency_table(straight().decode())
    first, second = travel_time_plot.plots(read, read.fades())
    assert [plot.wave for plot in (first, second)] == ["P", "S"]
    assert [line.depth_km for line in first.lines] == [0.0, 10.0, 20.0, 30.0]
    assert first.lines[0].times == pytest.approx((50 / 6, 100 / 6, 200 / 6, 300 / 6), abs=0.01)
    assert first.compared.depth_km == 10.0
    points = first.lines[0].path.removeprefix("M").split("L")
    assert len(points) == 41
    assert first.x_ticks[0].value == 0.0
