"""The desk's pages of an event's waveforms, all without a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import Event, User, WaveformChunk, WaveformFile, WaveformMeasurement
from processing.core.magnitude_scales import BY_ID
from processing.core.measuring import Turns, read_largest
from processing.jobs import waveforms
from processing.models import WorkItem
from tests.processing.waveform_files import ORIGIN, earthquake, mseed

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def event(db: None) -> Event:
    return earthquake()


@pytest.fixture
def measured(event: Event, operator: User) -> WaveformMeasurement:
    """A reading of ML with a trace of a minute, and one without."""
    file = WaveformFile.objects.create(
        event=event, sha256="1" * 64, name="<i>.mseed", size=3, kind="miniseed", uploader=operator,
        status="read", problems=[{"code": "truncated", "found": "3", "expected": "512 * n"}],
        traces=[
            {"id": "BW.RJOB..EHN", "start": ORIGIN.timestamp(), "end": ORIGIN.timestamp() + 60,
             "rate": 50.0, "samples": 3001, "segments": 2}
        ],
    )  # fmt: skip
    WaveformChunk.objects.create(file=file, ordinal=0, data=b"abc")
    time = np.arange(0.25, 60.0, 0.25)
    size = 20.0 + 4000.0 * np.exp(-(((time - 40.0) / 3.0) ** 2))
    turns = Turns(time, size * np.where(np.arange(time.size) % 2, 1.0, -1.0))
    common: dict[str, Any] = {
        "event": event, "file": file, "origin": event.preferred_origin, "component": "N",
        "trace_id": "BW.RJOB..EHN", "distance_deg": 0.9, "wave": "S", "inputs": "0" * 64,
    }  # fmt: skip
    row = WaveformMeasurement(
        **common, scale="ML", instrument="WOOD_ANDERSON", noise=20.0,
        noise_from=ORIGIN, noise_to=ORIGIN + timedelta(seconds=15),
        window_from=ORIGIN + timedelta(seconds=29), window_to=ORIGIN + timedelta(seconds=55),
        p_time=ORIGIN + timedelta(seconds=17), s_time=ORIGIN + timedelta(seconds=30),
        turns=waveforms.packed(turns), method_id="kz-portal/waveform/1",
    )  # fmt: skip
    pair, outcome = read_largest(BY_ID["ML"], turns, 29.0, 55.0)
    assert pair is not None and outcome is None
    waveforms.set_pair(row, pair)
    row.save()
    WaveformMeasurement.objects.create(
        **common, scale="KR_WSG", instrument="SKM", outcome="clipped"
    )
    return row


def page(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    text = answer.content.decode().replace("\u00a0", " ")
    assert " style=" not in text and "<script>" not in text
    return text


def send(client: Client, event: Event, *contents: bytes) -> Any:
    files = [SimpleUploadedFile(f"<b>{n}.bin", c) for n, c in enumerate(contents)]
    return client.post(reverse("waveforms", args=[event.public_id]), {"files": files})


def test_files_are_sent_and_shown_while_workers_measure(desk_client: Client, event: Event) -> None:
    address = reverse("waveforms", args=[event.public_id])
    assert "No waveforms yet." in page(desk_client, address)
    answer = send(desk_client, event, mseed("Z"), mseed("N"))
    assert (answer.status_code, answer["Location"]) == (302, address)
    text = page(desk_client, address)
    assert "2 files were taken." in text and "&lt;b&gt;0.bin" in text
    assert "Workers are measuring just now." in text
    answer = send(desk_client, event, mseed("Z"), b"nothing of the kind")
    text = answer.content.decode()
    assert answer.status_code == 400 and WaveformFile.objects.count() == 2
    assert "1 file was here before" in text and "no file of waveforms" in text
    assert "nothing of the kind" in text and "MiniSEED 2, SAC, StationXML" in text
    WorkItem.objects.update(state="parked")
    assert "given up" in page(desk_client, address)
    file = WaveformFile.objects.first()
    assert file is not None
    own = reverse("waveform-file", args=[event.public_id, file.pk])
    received = desk_client.get(own)
    assert b"".join(received.streaming_content) == b"".join(file.iter_bytes())  # type: ignore[attr-defined]
    assert received["X-Content-Type-Options"] == "nosniff"
    assert desk_client.post(own).status_code == 302
    assert "out of use" in page(desk_client, address)


def test_a_measurement_is_drawn_moved_rejected_and_taken_back(
    desk_client: Client, event: Event, measured: WaveformMeasurement
) -> None:
    listed = page(desk_client, reverse("waveforms", args=[event.public_id]))
    assert "BW.RJOB" in listed and "wave-spark__window" in listed
    assert "The record is clipped" in listed and "KR(WSG) (.EHN)" in listed
    assert "&lt;i&gt;.mseed" in listed and "2 pieces" in listed and "512 * n" in listed
    own = reverse("waveform-measurement", args=[event.public_id, measured.pk])
    text = page(desk_client, own)
    for mark in ("plot__trace", "plot__noise-window", "plot__signal-window", "plot__mark--pick"):
        assert mark in text
    assert "4.02 µm" in text or "4.01 µm" in text
    assert "Wood-Anderson at static gain 1" in text and "2009-08-24 00:20:40.00" in text

    bad = desk_client.post(own, {"act": "move", "at": "tomorrow"})
    assert bad.status_code == 400 and "The time is not one" in bad.content.decode()
    moved = desk_client.post(own, {"act": "move", "at": "2009-08-24 00:20:41,1", "note": "S"})
    newest = WaveformMeasurement.objects.get(scale="ML", superseded_at=None)
    here = reverse("waveform-measurement", args=[event.public_id, newest.pk])
    assert (moved.status_code, moved["Location"]) == (302, here)
    # Of the extremum at 41 s and the larger one before it.
    assert newest.time == ORIGIN + timedelta(seconds=40.75) and newest.act == "moved"
    assert newest.actor is not None and newest.note == "S"
    assert WorkItem.objects.filter(kind="recompute", object_id=event.pk).exists()
    text = page(desk_client, here)
    assert "Let the automatic reading stand" in text and "moved" in text
    # The page one still has open is of a version that was replaced.
    assert "This version was replaced." in page(desk_client, own)
    late = desk_client.post(own, {"act": "reject", "note": "x"})
    assert late["Location"] == here

    unsaid = desk_client.post(here, {"act": "reject", "note": " "})
    assert unsaid.status_code == 400 and "Say why." in unsaid.content.decode()
    answer = desk_client.post(here, {"act": "reject", "note": "a truck"}, follow=True)
    assert "rejected by an operator" in answer.content.decode()
    newest = WaveformMeasurement.objects.get(scale="ML", superseded_at=None)
    again = desk_client.post(
        reverse("waveform-measurement", args=[event.public_id, newest.pk]), {"act": "take-back"}
    )
    assert again.status_code == 302
    newest = WaveformMeasurement.objects.get(scale="ML", superseded_at=None)
    assert (newest.act, newest.amplitude) == ("restored", measured.amplitude)
    clipped = WaveformMeasurement.objects.get(scale="KR_WSG")
    text = page(desk_client, reverse("waveform-measurement", args=[event.public_id, clipped.pk]))
    assert "No trace: nothing was read." in text and "Move the pick" not in text


@pytest.mark.parametrize("language", ["ru", pytest.param("kk", marks=pytest.mark.long)])
def test_pages_open_in_every_language(
    desk_client: Client, event: Event, measured: WaveformMeasurement, language: str
) -> None:
    activate(language)
    text = page(desk_client, reverse("waveforms", args=[event.public_id]))
    assert 'd="M' in text and "4,0" in text
    page(desk_client, reverse("waveform-measurement", args=[event.public_id, measured.pk]))


def test_only_staff_come_in(
    person: Callable[[str], User], event: Event, measured: WaveformMeasurement
) -> None:
    stranger = Client()
    stranger.force_login(person(""))
    addresses = [
        reverse("waveforms", args=[event.public_id]),
        reverse("waveform-measurement", args=[event.public_id, measured.pk]),
        reverse("waveform-file", args=[event.public_id, measured.file_id]),
    ]
    for client, status in ((Client(), 302), (stranger, 403)):
        for address in addresses:
            assert client.get(address).status_code == status
            assert client.post(address, {"act": "reject", "note": "x"}).status_code == status
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("operator"))
    for address in addresses:
        assert strict.post(address, {"act": "reject", "note": "x"}).status_code == 403
    assert not WaveformMeasurement.objects.filter(superseded_at__isnull=False).exists()


def test_what_is_too_large_or_not_there_is_said(
    desk_client: Client, event: Event, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    assert send(desk_client, event, mseed("Z")).status_code == 413
    assert desk_client.post(reverse("waveforms", args=[event.public_id])).status_code == 400
    assert desk_client.get(reverse("waveforms", args=["kz2000nothing"])).status_code == 404
    for name in ("waveform-measurement", "waveform-file"):
        assert desk_client.get(reverse(name, args=[event.public_id, 999])).status_code == 404
    Event.objects.filter(pk=event.pk).update(status="deleted")
    assert send(desk_client, event, b"x").status_code == 400
