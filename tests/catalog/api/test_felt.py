"""A felt report at its address: kept once, flagged, or refused with words for each bad value."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from catalog import felt_keeping, felt_senders
from catalog.felt_questions import MOST_QUESTIONS, QUESTIONS
from catalog.felt_reading import WORDS, Refused, read
from catalog.models import Event, Settlement
from catalog.models.felt import FeltReport, FeltReportPersonal
from portal.proxies import Networks
from tests.portal.conftest import published

ADDRESS = "/api/v1/felt"
NOW = datetime(2026, 1, 10, 8, tzinfo=UTC)


def send(client: Client, **words: Any) -> Any:
    body = {"id": str(uuid.uuid4()), "grade": 5} | words
    return client.post(ADDRESS, json.dumps(body), content_type="application/json")


def settlement(name: str, lon: float, lat: float, people: int | None = None) -> Settlement:
    return Settlement.objects.create(
        name_en=name, point=Point(lon, lat, srid=4326), country="KZ", population=people
    )


@pytest.fixture
def signed(client: Client, db: None) -> tuple[Client, str]:
    """A client with its device's cookie, and the token of its form."""
    return client, client.get(f"{ADDRESS}/token").json()["token"]


# --- Kept ------------------------------------------------------------------------------------


def test_a_report_is_one_statement_and_a_retry_is_no_second(
    signed: tuple[Client, str], django_assert_num_queries: Any
):
    client, token = signed
    event = published()
    almaty = settlement("Almaty", 76.92, 43.25, 2_000_000)
    words = {
        "id": str(uuid.uuid4()),
        "event": event.public_id,
        "settlement": almaty.pk,
        "answers": {"motion": "weak", "damage": ["collapse", "hairline_cracks"]},
        "comment": "Жер сілкінді 😱 <b>\u0000",
        "language": "kk",
        "token": token,
    }
    with django_assert_num_queries(1):
        first = send(client, **words)
    again = send(client, **words)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() and first["Cache-Control"] == "no-store"
    report = FeltReport.objects.get()
    assert (report.event, report.felt, report.chosen_grade) == (event, True, 5)
    assert report.point == almaty.point and report.place_source == "settlement"
    assert report.precision_km == pytest.approx(14.57, abs=0.01)
    assert report.answers == {"motion": "weak", "damage": ["hairline_cracks", "collapse"]}
    assert report.flags == [] and report.counts and report.felt_at is None
    assert report.personal.comment == "Жер сілкінді 😱 <b>"
    assert len(report.device) == len(report.address_hash) == 32


def test_the_tap_alone_is_a_report(signed: tuple[Client, str]):
    client, token = signed
    assert send(client, grade=1, token=token).status_code == 201
    report = FeltReport.objects.get()
    assert (report.felt, report.event, report.point, report.flags) == (False, None, None, [])
    assert not FeltReportPersonal.objects.exists()


def test_a_merged_event_is_followed_and_a_synthetic_one_marks_its_reports(db: None, client: Client):
    event = published(synthetic=True)
    Event.objects.create(public_id="kz2014absorb", status="merged", merged_into=event)
    assert send(client, event="kz2014absorb").status_code == 201
    event.status = "deleted"
    event.save()
    assert send(client, event=event.public_id).status_code == 201
    merged, deleted = FeltReport.objects.order_by("pk")
    assert merged.event == event and deleted.event is None
    assert deleted.synthetic


def test_a_point_is_kept_to_a_hundred_metres_wherever_it_is(signed: tuple[Client, str]):
    client, token = signed
    answer = send(
        client, latitude=-77.84637, longitude=166.66832, place_source="phone",
        precision_km=0.003, token=token,
    )  # fmt: skip
    assert answer.status_code == 201  # from Antarctica: doubted later, by its distance
    report = FeltReport.objects.get()
    assert report.point.coords == (166.668, -77.846)
    assert (report.precision_km, report.place_source, report.flags) == (0.05, "phone", [])


def test_a_clock_a_little_ahead_means_now(signed: tuple[Client, str]):
    client, token = signed
    soon = timezone.now() + timedelta(minutes=5)
    answer = send(client, felt_at=soon.isoformat(), token=token)
    assert answer.json()["notes"] == ["clock-ahead"]
    report = FeltReport.objects.get()
    assert report.felt_at == report.received_at and report.flags == []


def test_a_place_in_words(signed: tuple[Client, str]):
    client, token = signed
    talgar = settlement("Talgar", 77.24, 43.30, 43_000)
    assert send(client, place=" talgar", token=token).status_code == 201
    assert FeltReport.objects.get().settlement == talgar
    other = settlement("Talgar", 70.0, 50.0)
    for place, code in (("Talgar", "ambiguous-place"), ("Talga", "unknown-place")):
        answer = send(client, place=place, token=token)
        assert answer.status_code == 400
        assert [p["code"] for p in answer.json()["problems"]] == [code]
        assert {p["settlement"] for p in answer.json()["proposals"]} == {talgar.pk, other.pk}
        assert send(client, place=place, as_written=True, token=token).status_code == 201
        kept = FeltReport.objects.latest("pk")
        assert (kept.place, kept.settlement, kept.flags) == (place, None, [code])


# --- Doubted ---------------------------------------------------------------------------------


def test_flags_of_the_way_it_came(signed: tuple[Client, str], monkeypatch: pytest.MonkeyPatch):
    client, token = signed
    assert send(Client()).status_code == 201
    assert send(client, token=token, trap="http://buy.example").status_code == 201
    monkeypatch.setattr(felt_senders, "TOKEN_SECONDS", -1)
    assert send(client, token=token).status_code == 201
    assert [r.flags for r in FeltReport.objects.order_by("pk")] == [
        ["no-token"], ["trap-filled"], ["stale-token"],
    ]  # fmt: skip


def test_a_flood_is_kept_and_flagged_a_village_is_none(settings: Any, db: None):
    settings.FELT_DEVICE_PER_HOUR = 2
    settings.FELT_ADDRESS_PER_HOUR = 5
    for _ in range(3):
        phone = Client()
        for _report in range(2):
            token = phone.get(f"{ADDRESS}/token").json()["token"]
            assert send(phone, token=token).status_code == 201
    assert send(phone, token=token).status_code == 201
    flags = [report.flags for report in FeltReport.objects.order_by("pk")]
    assert flags == [[]] * 5 + [["flood-address"], ["flood-device", "flood-address"]]


def test_the_disk_is_guarded(settings: Any, db: None, client: Client):
    settings.FELT_ADDRESS_MOST_PER_HOUR = 2
    known = str(uuid.uuid4())
    assert [send(client, id=known).status_code, send(client).status_code] == [201, 201]
    full = send(client)
    assert (full.status_code, full["Retry-After"]) == (429, "1800")
    assert send(client, id=known).status_code == 200
    settings.FELT_ADDRESS_MOST_PER_HOUR, settings.FELT_MOST_PER_DAY = 100, 2
    assert send(client).status_code == 201
    full = send(client)
    assert (full.status_code, full["Retry-After"]) == (503, "3600")
    assert FeltReport.objects.count() == 3


# --- Refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "word", "code"),
    [
        ({"grade": 13}, "grade", "not-understood"),
        ({"grade": "5"}, "grade", "not-understood"),
        ({"grade": 2.5}, "grade", "not-understood"),
        ({"grade": True}, "grade", "not-understood"),
        ({"grade": None}, "felt", "missing"),
        ({"grade": 5, "felt": False}, "felt", "contradiction"),
        ({"id": "1"}, "id", "not-understood"),
        ({"id": None}, "id", "missing"),
        ({"felt_at": "2026-01-10T09:00:00Z"}, "felt_at", "in-the-future"),
        ({"felt_at": "2026-01-10T07:00:00"}, "felt_at", "not-understood"),
        ({"felt_at": "0001-01-01T00:00:00+14:00"}, "felt_at", "not-understood"),
        ({"latitude": 91, "longitude": 0}, "latitude", "not-understood"),
        ({"latitude": float("nan"), "longitude": 0}, "latitude", "not-understood"),
        ({"latitude": 10**400, "longitude": 0}, "latitude", "not-understood"),
        ({"latitude": 43.2}, "longitude", "missing"),
        ({"comment": "а" * 2001}, "comment", "too-long"),
        ({"comment": ["x"]}, "comment", "not-understood"),
        ({"answers": {"motion": "13"}}, "answers.motion", "not-understood"),
        ({"answers": {"damage": ["none", {}]}}, "answers.damage", "not-understood"),
        ({"answers": {"mood": "good"}}, "answers.mood", "unknown-word"),
        ({"answers": "weak"}, "answers", "not-understood"),
        ({"event": "'; DROP"}, "event", "unknown-event"),
        ({"intensity": "7.1 balls"}, "intensity", "unknown-word"),
        ({"settlement": 0}, "settlement", "not-understood"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(words: dict[str, Any], word: str, code: str):
    sent = {"id": "7d1c3f6e-2b54-4a8e-9a55-0d6f2f4f9b11", "grade": 5} | words
    with pytest.raises(Refused) as refused:
        read(sent, now=NOW, language="en")
    assert [(p.word, p.code) for p in refused.value.problems] == [(word, code)]
    assert "%(" not in refused.value.message


def test_unknown_event_and_settlement_are_refused(db: None, client: Client):
    answer = send(client, event="kz2014nobody", settlement=4711)
    assert answer.status_code == 400
    codes = [problem["code"] for problem in answer.json()["problems"]]
    assert codes == ["unknown-event", "unknown-settlement"]
    assert not FeltReport.objects.exists()


def test_bodies_that_are_no_report(db: None, client: Client):
    for body in (b"[]", b"\xff", b"[" * 5000, b'"x"', b"null", b"{" + b'"a":1,' * 3):
        answer = client.post(ADDRESS, body, content_type="application/json")
        assert answer.status_code == 400 and answer.json()["problems"][0]["code"] == "not-an-object"
    assert client.post(ADDRESS, {"grade": 5}).status_code == 415
    assert client.post(ADDRESS, b" " * 70_000, content_type="application/json").status_code == 413
    assert client.get(ADDRESS).status_code == 405


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


class TestAnything(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(st.dictionaries(st.sampled_from(WORDS), _JSON, max_size=6), st.booleans())
    def test_anything_is_kept_or_refused(self, words: dict[str, Any], whole: bool) -> None:
        body = words | ({"id": str(uuid.uuid4()), "grade": 4} if whole else {})
        answer = self.client.post(ADDRESS, json.dumps(body), content_type="application/json")
        assert answer.status_code in (200, 201, 400), answer.content


# --- Who sent it -----------------------------------------------------------------------------


def test_hashes_of_addresses_change_with_the_day_and_the_secret(settings: Any):
    def hashed(address: str, day: int = 1) -> str:
        return felt_senders.address_hash(address, datetime(2026, 1, day, 23, tzinfo=UTC))

    assert hashed("2a02:1:2:3::1") == hashed("2a02:1:2:3:ffff::9") != hashed("2a02:1:2:4::1")
    assert hashed("::ffff:10.0.0.1") == hashed("10.0.0.1") != hashed("10.0.0.2")
    assert hashed("10.0.0.1") != hashed("10.0.0.1", 2)
    assert hashed("") == ""
    before = hashed("10.0.0.1")
    settings.FELT_SECRET = "another"
    assert hashed("10.0.0.1") != before


def test_behind_our_proxy_the_visitor_s_address_counts(settings: Any, db: None, client: Client):
    settings.TRUSTED_PROXIES = Networks.parse(["127.0.0.1"])
    for address in ("10.1.0.1", "10.1.0.2", "10.1.0.1"):
        body = {"id": str(uuid.uuid4()), "grade": 2}
        client.post(ADDRESS, body, "application/json", headers={"X-Forwarded-For": address})
    hashes = list(FeltReport.objects.order_by("pk").values_list("address_hash", flat=True))
    assert hashes[0] == hashes[2] != hashes[1] and all(hashes)


def test_the_token_is_for_our_own_pages_and_its_cookie_for_reports_only(client: Client):
    answer = client.get(f"{ADDRESS}/token")
    assert not answer.has_header("Access-Control-Allow-Origin")
    assert answer["Cache-Control"] == "no-store"
    cookie = answer.cookies["felt_device"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", ADDRESS)
    again = client.get(f"{ADDRESS}/token")
    assert not again.cookies
    devices = {felt_senders.read_token(a.json()["token"])[0] for a in (answer, again)}
    assert len(devices) == 1
    forged = felt_senders.read_token(answer.json()["token"][:-1] + "_")
    assert forged == ("", "no-token")


@pytest.mark.django_db(transaction=True)
def test_the_same_report_by_two_connections_at_once_is_one():
    report = read({"id": str(uuid.uuid4()), "grade": 5}, now=NOW, language="en")
    outcomes: list[bool] = []
    start = threading.Barrier(4)

    def once() -> None:
        start.wait()
        outcomes.append(felt_keeping.keep(report, felt_keeping.Sender(), NOW))
        connection.close()

    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, False, False, True]
    assert FeltReport.objects.count() == 1


def test_there_are_fifteen_questions_at_most():
    assert len(QUESTIONS) <= MOST_QUESTIONS
    for question in QUESTIONS:
        assert len(set(question.codes)) == len(question.codes)
