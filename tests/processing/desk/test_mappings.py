"""An operator names the columns of a list, sees what is read, saves it, and uploads by it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Agency, BulletinReading, ColumnMapping, Origin
from processing.models import ProcessingRun
from tests.processing.test_pipeline import work

LIST = "Nr;Datum;Uhrzeit;Breite;Laenge;K\n1;14.11.2014;01:24:16;42,10;77,27;13,6\n"
FORM: dict[str, Any] = {
    "sample": LIST,
    "delimiter": "semicolon",
    "date_order": "dmy",
    "has_headings": "on",
    "skip_lines": "0",
    "comment": "#",
    "column-0": "event_id",
    "column-1": "date",
    "column-2": "time",
    "column-3": "latitude",
    "column-4": "longitude",
    "column-5": "scale:KR",
}


def test_sample_is_guessed_and_shown_and_nothing_is_stored(desk_client: Client) -> None:
    sample = SimpleUploadedFile("list.txt", LIST.encode())
    answer = desk_client.post(reverse("mapping"), {"file": sample, "do": "sample"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "Breite" in page
    assert '<option value="semicolon" selected>' in page
    assert not ColumnMapping.objects.exists()


def test_preview_shows_the_events_the_columns_make(desk_client: Client) -> None:
    page = desk_client.post(reverse("mapping"), {**FORM, "do": "preview"}).content.decode()
    assert "2014-11-14 01:24:16" in page
    assert "KR 13.6" in page


def test_sound_mapping_is_saved_as_the_next_version(desk_client: Client) -> None:
    for version in (1, 2):
        answer = desk_client.post(reverse("mapping"), {**FORM, "name": "wsg", "do": "save"})
        assert answer.status_code == 302
        assert ColumnMapping.objects.filter(name="wsg").count() == version
    assert b"wsg" in desk_client.get(reverse("mappings")).content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "two words"}, "letters a-z"),
        ({"name": "wsg", "column-3": ""}, "latitude"),
        ({"name": "wsg", "column-2": "date"}, "twice"),
        ({"name": "wsg", "delimiter": "fixed"}, "columns"),
    ],
)
def test_unsound_mapping_is_not_saved_and_says_why(
    desk_client: Client, change: dict[str, str], words: str
) -> None:
    answer = desk_client.post(reverse("mapping"), {**FORM, **change, "do": "save"})
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not ColumnMapping.objects.exists()


@pytest.mark.django_db(databases=["default", "progress"])
def test_list_is_uploaded_by_its_mapping(desk_client: Client, agency: Agency) -> None:
    desk_client.post(reverse("mapping"), {**FORM, "name": "wsg", "do": "save"})
    answer = desk_client.post(
        reverse("upload"),
        {
            "files": SimpleUploadedFile("list.txt", LIST.encode()),
            "agency": agency.code,
            "format": "mapped-table:wsg",
            "kind": "manual",
        },
    )
    assert answer.status_code == 302
    work()
    reading = BulletinReading.objects.get()
    assert reading.options["mapping"]["delimiter"] == "semicolon"
    assert Origin.objects.get(entry__reading=reading).latitude == 42.1
    assert ProcessingRun.objects.get(reading=reading).status == "succeeded"


def test_unknown_mapping_is_refused_by_name(
    desk_client: Client, token: str, agency: Agency
) -> None:
    answer = Client().post(
        reverse("api-upload"),
        {
            "file": SimpleUploadedFile("list.txt", LIST.encode()),
            "agency": agency.code,
            "format": "mapped-table:none",
        },
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == "unknown-mapping"
