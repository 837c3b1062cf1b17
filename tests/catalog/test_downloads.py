"""Downloads: whole, in order, of one moment, and never half for the whole."""

from __future__ import annotations

import csv
import io
import json

import obspy
import pytest
from django.db import connections, transaction
from django.test import RequestFactory

from catalog import downloads
from catalog.downloads import Answer, Busy, respond
from catalog.models import EventFragment, EventRow, FeedCounter
from catalog.search import EventSearch
from processing.jobs.publishing import publish_many


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def get(search: EventSearch, code: str, **extra):
    return respond(RequestFactory().get("/x", **extra), search, code)


@pytest.fixture(autouse=True)
def _closed(shop):
    yield
    connections["download"].close()


def test_text_and_csv_are_the_stored_lines_in_order(shop):
    rows = list(EventRow.objects.order_by("-time", "-event_id"))
    text = body(get(EventSearch(), "text")).decode().splitlines()
    assert text == [downloads.rendering.TEXT_HEADER, *(row.fdsn_text for row in rows)]
    table = list(csv.DictReader(io.StringIO(body(get(EventSearch(), "csv")).decode())))
    assert [line["event_id"] for line in table] == [row.public_id for row in rows]
    assert table[0]["mb"] == "5.1" and table[-2]["KR"] == "4"


def test_quakeml_joins_the_fragments_and_reads_back(shop):
    search = EventSearch(
        includeallorigins=True, includeallmagnitudes=True, includearrivals=True, orderby="time-asc"
    )
    catalog = obspy.read_events(io.BytesIO(body(get(search, "xml"))), format="QUAKEML")
    assert len(catalog) == 13
    assert len(catalog[0].origins) == 6 and len(catalog[0].picks) > 200
    assert [str(e.resource_id).rsplit("/", 1)[1] for e in catalog[1:]] == [
        event.public_id for event in shop.small
    ]


def test_geojson_holds_numbers_and_nulls(shop):
    collection = json.loads(body(get(EventSearch(orderby="time-asc"), "geojson")))
    full, first = collection["features"][:2]
    assert first["geometry"] == {"type": "Point", "coordinates": [77.0, 43.0]}
    assert first["properties"]["depth_km"] is None
    assert first["properties"]["KR"] == 4.0
    assert full["properties"]["mechanism"] is True
    assert full["properties"]["time"].startswith("1967-01-30T01:20:28")
    assert json.loads(body(get(EventSearch(minkr=20), "geojson")))["features"] == []


def test_an_answer_is_of_one_moment(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_EVENTS", 2)
    answer = Answer(EventSearch(orderby="time-asc"), downloads.WRITERS["xml"])
    before = answer.version
    chunks = iter(answer)
    begin = next(chunks)
    last = shop.small[-1]
    last.event_type = "explosion"
    last.save()
    with transaction.atomic():
        publish_many([last])
    try:
        text = begin + b"".join(chunks)
        assert b"<type>explosion</type>" not in text
        assert FeedCounter.current() == before + 1
        assert b"<type>explosion</type>" in body(get(EventSearch(), "xml"))
    finally:
        last.event_type = "earthquake"
        last.save()
        with transaction.atomic():
            publish_many([last])


def test_a_fault_under_way_breaks_the_stream_and_does_not_end_it(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_EVENTS", 1)
    stored = list(EventFragment.objects.filter(event=shop.full))
    EventFragment.objects.filter(event=shop.full).update(body=b"not compressed")
    try:
        response = get(EventSearch(), "xml")  # the first batches are sound: 200 is said already
        assert response.status_code == 200
        got = []
        with pytest.raises(Exception, match="decompress"):
            got.extend(response.streaming_content)
        assert b"</q:quakeml>" not in b"".join(got)
    finally:
        EventFragment.objects.bulk_update(stored, ["body"])


def test_a_fault_in_the_first_batch_comes_before_the_status(shop):
    stored = list(EventFragment.objects.filter(event=shop.small[-1]))
    EventFragment.objects.filter(event=shop.small[-1]).update(body=b"not compressed")
    try:
        with pytest.raises(Exception, match="decompress"):
            get(EventSearch(), "xml")
    finally:
        EventFragment.objects.bulk_update(stored, ["body"])


def test_head_and_a_known_tag_send_no_body(shop):
    head = respond(RequestFactory().head("/x"), EventSearch(), "csv", filename="events")
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Disposition"] == 'attachment; filename="events.csv"'
    assert head["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert head["X-Catalogue-Version"] == str(FeedCounter.current())
    again = get(EventSearch(), "csv", HTTP_IF_NONE_MATCH=head["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    other = get(EventSearch(minkr=3), "csv", HTTP_IF_NONE_MATCH=head["ETag"])
    assert other.status_code == 200
    other.close()


def test_batches_are_cut_at_64_kib(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_BYTES", 300)
    whole = [len(chunk) for chunk in get(EventSearch(), "text").streaming_content]
    assert len(whole) > 3
    assert all(size < 300 + 300 for size in whole[1:])


def test_a_third_heavy_answer_to_one_address_is_refused(shop):
    from django.db import ConnectionHandler

    def holding(address: str, handler: ConnectionHandler):
        with handler["download"].cursor() as cursor:
            cursor.execute("BEGIN")
            downloads._take_a_place(cursor, address)
        return handler["download"]

    handlers = [ConnectionHandler(connections.settings) for _ in range(4)]
    try:
        held = [holding("10.0.0.1", handler) for handler in handlers[:2]]
        with pytest.raises(Busy):
            get(EventSearch(), "text", REMOTE_ADDR="10.0.0.1")
        assert get(EventSearch(limit=5), "text", REMOTE_ADDR="10.0.0.1").status_code == 200
        connections["download"].close()
        held += [holding(f"10.0.0.{i}", h) for i, h in enumerate(handlers[2:], 2)]
        with pytest.raises(Busy):
            get(EventSearch(), "text", REMOTE_ADDR="10.0.0.9")
        held[0].close()
        response = get(EventSearch(), "text", REMOTE_ADDR="10.0.0.9")
        assert response.status_code == 200
        response.close()
    finally:
        for handler in handlers:
            handler["download"].close()
