"""Calibrations and lines at the desk: tried by operators, kept and accepted by editors."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import ConversionRelation, User
from processing.models import MagnitudeCalibration
from tests.processing.calibration_events import lay_events

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture
def editor(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def drawn(page: str) -> None:
    """An attribute of SVG knows no decimal comma, and the page no style of its own."""
    assert page.count("<path") > 2
    assert " style=" not in page and "<style" not in page
    for value in re.findall(r' (?:x|y|x1|x2|y1|y2|d)="([^"]*)"', page):
        assert "," not in value and "nan" not in value


def test_an_editor_fits_looks_and_accepts(editor: Client, desk_client: Client) -> None:
    lay_events(24)
    address = reverse("desk-magnitudes-fit")
    assert desk_client.post(address, {"scale": "MPVA"}).status_code == 403
    answer = editor.post(address, {"scale": "MPVA", "agency": "SOME"})
    row = MagnitudeCalibration.objects.get()
    assert answer.status_code == 302 and answer.url == reverse("desk-calibration", args=[row.pk])
    for language in ("ru", "en"):
        drawn(editor.get(f"/{language}/desk/magnitudes/calibrations/{row.pk}/").content.decode())
    do = reverse("desk-calibration-do", args=[row.pk])
    assert desk_client.post(do, {"do": "accept"}).status_code == 403
    page = editor.post(do, {"do": "accept", "note": "a <b>note</b>\x00"}, follow=True)
    assert "a &lt;b&gt;note&lt;/b&gt;" in page.content.decode()
    row.refresh_from_db()
    assert (row.status, row.status_changed_by is not None) == ("accepted", True)
    assert "stands so already" in editor.post(do, {"do": "accept"}, follow=True).content.decode()
    listed = desk_client.get(reverse("desk-magnitudes")).content.decode()
    assert "MPVA-SOME-1" in listed and address not in listed

    line = reverse("desk-regression")
    said = {"x": "KR", "y": "MPVA", "error_ratio": "0.31"}
    empty = desk_client.get(line, said)  # nothing is preferred: no pipeline ran
    assert "No event has both KR and MPVA" in empty.content.decode()
    drawn(desk_client.get(line, {**said, "agency": "SOME"}).content.decode())
    assert desk_client.post(line, {**said, "agency": "SOME"}).status_code == 403
    kept = editor.post(line, {**said, "agency": "SOME"})
    relation = ConversionRelation.objects.get(relation_id="MPVA-from-KR-SOME-1")
    assert kept.url == reverse("desk-relation", args=[relation.pk])
    drawn(editor.get(kept.url).content.decode())
    editor.post(reverse("desk-relation-do", args=[relation.pk]), {"do": "accept"})
    relation.refresh_from_db()
    assert relation.status == "accepted"


def test_an_empty_catalogue_is_told_in_words(editor: Client) -> None:
    page = editor.get(reverse("desk-magnitudes")).content.decode()
    assert "None yet. It takes events with published values" in page
    answer = editor.post(reverse("desk-magnitudes-fit"), {"scale": "MPVA"})
    assert answer.status_code == 400
    assert "No event has a reported value of MPVA" in answer.content.decode()


def test_bad_words_are_explained(editor: Client) -> None:
    for said in (
        {"scale": "\x00"},
        {"scale": "MPVA", "agency": "\x00"},
        {"scale": "MPVA", "agency": "<script>alert(1)</script>"},
        {"scale": "MPVA", "start": "2015-01-01", "end": "2014-01-01"},
        {"scale": "MPVA", "end": "9999-12-31"},
    ):
        answer = editor.post(reverse("desk-magnitudes-fit"), said)
        assert answer.status_code == 400 and "<script>alert" not in answer.content.decode(), said
    for line in (
        {"x": "KR", "y": "\x00", "error_ratio": "1"},
        {"x": "KR", "y": "MPVA", "error_ratio": "1e999"},
        {"x": "KR", "y": "MPVA", "error_ratio": "1", "agency": "\x00"},
    ):
        assert editor.get(reverse("desk-regression"), line).status_code == 400, line
    same = editor.get(reverse("desk-regression"), {"x": "KR", "y": "KR", "error_ratio": "1"})
    assert same.status_code == 200 and "two different scales" in same.content.decode()
