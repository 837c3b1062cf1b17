"""Staff send StationXML at the desk; nobody else comes in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Channel, StationFile, User
from processing.desk import station_files
from processing.jobs import station_metadata

GOLDEN = (Path(__file__).parents[2] / "golden_stations" / "synthetic_stations.xml").read_bytes()


def send(client: Client, content: bytes, name: str = "<b>.xml") -> Any:
    return client.post(reverse("station-files"), {"file": SimpleUploadedFile(name, content)})


def test_a_file_is_sent_and_shown_with_its_problems(desk_client: Client, operator: User) -> None:
    assert desk_client.get(reverse("station-files")).status_code == 200
    answer = send(desk_client, GOLDEN)
    file = StationFile.objects.defer("content").get()
    assert answer.headers["Location"] == reverse("station-file", args=[file.pk])
    assert (file.uploader, file.name, Channel.objects.count()) == (operator, "<b>.xml", 6)
    page = desk_client.get(answer.headers["Location"]).content.decode()
    assert "&lt;b&gt;.xml" in page and "XS.SYA" in page
    assert page.count('class="problem problem--') == 5
    assert " style=" not in page and "<script>" not in page
    listed = desk_client.get(reverse("station-files")).content.decode()
    assert "&lt;b&gt;.xml" in listed
    received = desk_client.get(reverse("station-file-content", args=[file.pk]))
    assert received.content == GOLDEN and received["X-Content-Type-Options"] == "nosniff"
    assert send(desk_client, GOLDEN).status_code == 302 and StationFile.objects.count() == 1


def test_a_bad_file_is_refused_with_the_reason(
    desk_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = send(desk_client, b"<!DOCTYPE x><FDSNStationXML/>")
    assert refused.status_code == 400 and "document type" in refused.content.decode()
    assert desk_client.post(reverse("station-files")).status_code == 400
    for module in (station_files, station_metadata):
        monkeypatch.setattr(module, "MAX_BYTES", 1000)
    assert send(desk_client, GOLDEN).status_code == 413
    assert desk_client.get(reverse("station-file", args=[999])).status_code == 404
    assert not StationFile.objects.exists()


def test_only_staff_come_in(person: Callable[[str], User]) -> None:
    stranger = Client()
    stranger.force_login(person(""))
    for client, status in ((Client(), 302), (stranger, 403)):
        assert client.get(reverse("station-files")).status_code == status
        assert send(client, GOLDEN).status_code == status
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("operator"))
    assert send(strict, GOLDEN).status_code == 403
    assert not StationFile.objects.exists()
