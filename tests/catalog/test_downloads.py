"""Downloads: whole, in order, of one moment, and never half for the whole."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from contextlib import contextmanager

import obspy
import pytest
from django.db import connections, transaction
from django.test import RequestFactory
from lxml import etree

from catalog import downloads, rendering
from catalog.downloads import Answer, Busy, TooMany, respond, year_book_writer
from catalog.formats import FORMATS, Problem, detect, read
from catalog.formats.labels import SYNTHETIC
from catalog.formats.records import EventRecord
from catalog.models import (
    EventFragment,
    EventRow,
    FeedCounter,
    FocalMechanism,
    IntensityObservation,
    Origin,
)
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


KML = "{http://www.opengis.net/kml/2.2}"


def placemarks(data: bytes) -> list[etree._Element]:
    return list(etree.fromstring(data).iter(f"{KML}Placemark"))


def test_kml_tells_what_the_wide_table_tells(shop):
    search = EventSearch(orderby="time-asc")
    marks = placemarks(body(get(search, "kml")))
    lines = list(csv.DictReader(io.StringIO(body(get(search, "csv")).decode())))
    assert [mark.get("id") for mark in marks] == [line["event_id"] for line in lines]
    for mark, line in zip(marks, lines, strict=True):
        told = {d.get("name"): d.text for d in mark.iter(f"{KML}SimpleData")}
        line["event_name"] = line.pop("name")
        for column in ("felt", "mechanism", "synthetic"):
            line[column] = {"true": "1", "false": "0"}[line[column]]
        assert told == {name: cell for name, cell in line.items() if cell}
        page = f"http://testserver/en/events/{line['event_id']}/"
        assert f'<a href="{page}">' in mark.findtext(f"{KML}description")
    assert marks[1].findtext(f"{KML}Point/{KML}coordinates") == "77,43"  # no depth reported
    assert marks[2].findtext(f"{KML}Point/{KML}coordinates") == "77,43.01,-1000"


def test_kml_of_nothing_is_a_whole_document(shop):
    document = etree.fromstring(body(get(EventSearch(minkr=20), "kml")))
    assert document.tag == f"{KML}kml"
    (inside,) = document
    assert inside.tag == f"{KML}Document" and placemarks(etree.tostring(document)) == []
    assert "minkr=20" in inside.findtext(f"{KML}description")


def test_kml_takes_the_guard_off_a_text_and_names_what_is_made_up(shop):
    row = EventRow.objects.get(event=shop.small[-1])
    hostile = '=HYPERLINK("http://x.example","<b>&")'
    cells = next(csv.reader([row.csv_line]))
    cells[-2] = rendering.csv_cell(hostile).replace('""', '"')[1:-1]
    assert cells[-2] == f"'{hostile}"
    cells[-3] = "true"
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    EventRow.objects.filter(pk=row.pk).update(csv_line=out.getvalue())
    try:
        mark = placemarks(body(get(EventSearch(), "kml")))[0]
        assert mark.findtext(f"{KML}name") == f"SYNTHETIC: mb 5.1, {hostile}"
        assert mark.findtext(f"{KML}description").startswith(SYNTHETIC)
    finally:
        EventRow.objects.filter(pk=row.pk).update(csv_line=row.csv_line)


def test_kml_is_sent_in_batches_and_a_fault_under_way_breaks_it(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_BYTES", 2000)
    whole = [len(chunk) for chunk in get(EventSearch(), "kml").streaming_content]
    assert len(whole) > 5
    assert all(size < 2000 + 2000 for size in whole[1:])
    line = EventRow.objects.get(event=shop.full).csv_line
    EventRow.objects.filter(event=shop.full).update(csv_line="too,few,cells")
    try:
        response = get(EventSearch(), "kml")
        assert response.status_code == 200  # what came first was sound
        got = []
        with pytest.raises(ValueError, match="zip"):
            got.extend(response.streaming_content)
        assert got and b"</kml>" not in b"".join(got)
        with pytest.raises(ValueError, match="zip"):  # in the first batch: before the status
            get(EventSearch(orderby="time-asc"), "kml")
    finally:
        EventRow.objects.filter(event=shop.full).update(csv_line=line)


def test_kml_is_of_one_moment_and_known_by_its_tag(shop):
    answer = Answer(EventSearch(), downloads.kml_writer(RequestFactory().get("/x")))
    chunks = iter(answer)
    begin = next(chunks)
    row = EventRow.objects.get(event=shop.full)
    EventRow.objects.filter(event=shop.full).update(csv_line=row.csv_line.replace("true", "false"))
    try:
        text = begin + b"".join(chunks)
        assert b'"mechanism">1<' in text
    finally:
        EventRow.objects.filter(event=shop.full).update(csv_line=row.csv_line)
    head = respond(RequestFactory().head("/x"), EventSearch(), "kml", filename="events")
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Disposition"] == 'attachment; filename="events.kml"'
    assert head["Content-Type"] == "application/vnd.google-earth.kml+xml; charset=utf-8"
    assert get(EventSearch(), "kml", HTTP_IF_NONE_MATCH=head["ETag"]).status_code == 304


def test_kml_takes_no_more_memory_for_more_events(shop, monkeypatch):
    """Many events come as rows of one: what is held does not grow with their number."""
    line = EventRow.objects.get(event=shop.full).csv_line

    def peak(events: int) -> int:
        def copied(search, text, between=b""):
            for _ in range(events // 100):
                yield f"{line}\n".encode() * 100

        monkeypatch.setattr(downloads, "_copied", copied)
        writer = downloads.kml_writer(RequestFactory().get("/x"))
        tracemalloc.start()
        try:
            size = sum(len(batch) for batch in writer.events(EventSearch()))
            assert size > events * 1000
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is made once
    assert peak(1200) < peak(300) + 200_000


def test_an_answer_is_of_one_moment(shop, monkeypatch):
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


@contextmanager
def damaged(event):
    stored = list(EventFragment.objects.filter(event=event))
    EventFragment.objects.filter(event=event).update(body=b"\xff\xff")
    try:
        yield
    finally:
        EventFragment.objects.bulk_update(stored, ["body"])


def test_a_fault_under_way_breaks_the_stream_and_does_not_end_it(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_BYTES", 1000)
    with damaged(shop.full):
        # The first batches are sound: 200 is said already.
        response = get(EventSearch(includearrivals=True), "xml")
        assert response.status_code == 200
        got = []
        with pytest.raises(Exception, match="frame header"):
            got.extend(response.streaming_content)
        assert got and b"</q:quakeml>" not in b"".join(got)


def test_a_fault_in_the_first_batch_comes_before_the_status(shop):
    with damaged(shop.full), pytest.raises(Exception, match="frame header"):
        get(EventSearch(includearrivals=True, orderby="time-asc"), "xml")


def test_an_event_without_its_part_is_not_left_out(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_BYTES", 1000)
    kept = EventFragment.objects.get(event=shop.full, part="plain")
    EventFragment.objects.filter(pk=kept.pk).delete()
    try:
        response = get(EventSearch(), "xml")
        with pytest.raises(LookupError, match="plain part"):
            list(response.streaming_content)
    finally:
        kept.save()


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


# --- the year book's tables ---------------------------------------------------------------------


def table(search: EventSearch, name: str, language: str = "ru", **extra):
    request = RequestFactory().get("/x", **extra)
    return respond(request, search, name, writer=year_book_writer(name, language))


@contextmanager
def unguarded(*tables: str):
    """Let a test change what was reported."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        for name in tables:
            cursor.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        yield
        for name in tables:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")


def read_back(name: str, data: bytes) -> list[EventRecord]:
    """Return what a downloaded table says to the reader an upload would choose."""
    assert detect(data, name) == [name.partition(".")[0]]
    items = list(read(name.partition(".")[0], io.BytesIO(data)))
    assert [item for item in items if isinstance(item, Problem)] == []
    return [item for item in items if isinstance(item, EventRecord)]


@pytest.mark.parametrize("language", ["ru", "kk", "en"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_year_books_catalogue_comes_back_as_it_was(shop, suffix: str, language: str):
    name = f"year-book-catalogue.{suffix}"
    search = EventSearch(orderby="time-asc")
    events = read_back(name, body(table(search, name, language)))
    rows = list(search.queryset())
    assert len(events) == len(rows) == 13
    for number, (event, row) in enumerate(zip(events, rows, strict=True), start=1):
        (origin,) = event.origins
        assert event.event_id == row.public_id
        assert event.comments == (f"№: {number}",)
        assert (event.event_type or "") == row.event_type
        assert (origin.time, origin.latitude, origin.longitude, origin.depth_km) == (
            row.time,
            row.latitude,
            row.longitude,
            row.depth_km,
        )
        assert origin.time_uncertainty == row.time_uncertainty
        assert (origin.agency or "") == row.agency
        sizes = {m.type: m.value for m in event.magnitudes}
        columns = {"KR": row.kr, "MPVA": row.mpva, "MLV": row.mlv, "MS": row.ms, "mb": row.mb}
        columns |= {"Mw": row.mw, "ML": row.ml}
        assert {k: v for k, v in columns.items() if v is not None} == {
            k: v for k, v in sizes.items() if k in columns
        }


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_mechanism_table_holds_the_events_that_have_one(shop, suffix: str):
    name = f"year-book-mechanisms.{suffix}"
    (event,) = read_back(name, body(table(EventSearch(), name)))
    (mechanism,) = event.focal_mechanisms
    plane = mechanism.nodal_plane_1
    assert (plane.strike, plane.dip, plane.rake) == (10.0, 20.0, 30.0)
    assert mechanism.agency == "ISC"
    row = EventRow.objects.get(has_mechanism=True)
    assert event.origins[0].time == row.time


def test_ndk_holds_the_events_that_have_a_tensor(shop):
    assert body(get(EventSearch(), "ndk")) == b""
    event = shop.small[2]
    six = dict.fromkeys(("mtt", "mrt", "mrp", "mtp"), 0.0) | {"mrr": 1e16, "mpp": -1e16}
    row = FocalMechanism.objects.create(event=event, **six)
    try:
        text = body(get(EventSearch(), "ndk"))
        # Limit and offset count the events of the search.
        place = [r.event_id for r in EventSearch().queryset()].index(event.pk) + 1
        assert body(get(EventSearch(limit=place), "ndk")) == text
        assert body(get(EventSearch(offset=place), "ndk")) == text
        assert body(get(EventSearch(limit=place - 1), "ndk")) == b""
        assert body(get(EventSearch(offset=place + 1), "ndk")) == b""
    finally:
        with unguarded("catalog_focalmechanism"):
            row.delete()
    (read_event,) = obspy.read_events(io.BytesIO(text), format="NDK")
    tensor = read_event.focal_mechanisms[0].moment_tensor
    assert (tensor.tensor.m_rr, tensor.tensor.m_pp, tensor.scalar_moment) == (1e16, -1e16, 1e16)
    (back,) = (e for e in read("ndk", io.BytesIO(text)) if isinstance(e, EventRecord))
    assert back.event_id == event.public_id
    assert back.focal_mechanisms[0].nodal_plane_1.dip == 45.0


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_table_of_felt_effects_holds_what_was_felt_and_says_what_is_made_up(shop, suffix: str):
    name = f"year-book-intensity.{suffix}"
    event = shop.small[2]
    assert read_back_nothing(name)
    with unguarded("catalog_event"):
        type(event).objects.filter(pk=event.pk).update(synthetic=True)
    felt = IntensityObservation.objects.create(
        event=event, place="Алматы", minimum=3.0, maximum=4.0, distance_km=131.0, scale="MSK-64"
    )
    try:
        data = body(table(EventSearch(), name))
        if suffix == "csv":
            assert SYNTHETIC in data.decode()
        (back,) = read_back(name, data)
        (intensity,) = back.intensities
        assert (intensity.place, intensity.minimum, intensity.maximum) == ("Алматы", 3.0, 4.0)
        assert (intensity.distance_km, intensity.scale) == (131.0, "MSK-64")
        assert back.synthetic
    finally:
        with unguarded("catalog_event", "catalog_intensityobservation"):
            type(event).objects.filter(pk=event.pk).update(synthetic=False)
            felt.delete()


def read_back_nothing(name: str) -> bool:
    """Tell whether a table without rows is a whole one with its headings."""
    data = body(table(EventSearch(), name))
    return list(read(name.partition(".")[0], io.BytesIO(data))) == []


def test_every_year_book_table_is_named_as_its_format():
    codes = {format_.code for format_ in FORMATS}
    names = {name.partition(".")[0] for name in downloads.YEAR_BOOK_FORMATS}
    assert names <= codes and len(downloads.YEAR_BOOK_FORMATS) == 6


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_more_events_than_a_table_may_hold_are_refused_before_the_status(
    shop, monkeypatch, suffix: str
):
    monkeypatch.setattr(downloads, "MAX_RECORDS", 12)
    name = f"year-book-catalogue.{suffix}"
    with pytest.raises(TooMany) as refused:
        table(EventSearch(), name)
    assert refused.value.most == 12
    assert table(EventSearch(limit=12), name).status_code == 200
    # One event of thirteen has a mechanism.
    assert table(EventSearch(), f"year-book-mechanisms.{suffix}").status_code == 200


def test_a_table_is_of_one_moment(shop, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH_RECORDS", 2)
    monkeypatch.setattr(downloads, "BATCH_BYTES", 300)
    name = "year-book-catalogue.csv"
    answer = Answer(EventSearch(orderby="time-asc"), year_book_writer(name, "en"))
    chunks = iter(answer)
    begin = next(chunks)
    origins = Origin.objects.filter(pk=shop.small[-1].preferred_origin_id)
    (depth,) = origins.values_list("depth_km", flat=True)
    with unguarded("catalog_origin"):
        origins.update(depth_km=77.0)
    try:
        last = read_back(name, begin + b"".join(chunks))[-1]
        assert last.origins[0].depth_km == depth == 11.0
        assert read_back(name, body(table(EventSearch(), name)))[0].origins[0].depth_km == 77.0
    finally:
        with unguarded("catalog_origin"):
            origins.update(depth_km=depth)


def test_a_known_table_is_not_made_again(shop, monkeypatch):
    name = "year-book-catalogue.xlsx"
    first = table(EventSearch(), name)
    first.close()
    monkeypatch.setattr(downloads, "MAX_RECORDS", 0)  # making it would be refused
    again = table(EventSearch(), name, HTTP_IF_NONE_MATCH=first["ETag"])
    assert again.status_code == 304
    connections["download"].close()
    with pytest.raises(TooMany):  # in another language it is another file
        table(EventSearch(), name, "kk", HTTP_IF_NONE_MATCH=first["ETag"])


def test_a_magnitude_from_kr_is_told_only_when_it_is_asked_for(shop):
    rows = list(EventRow.objects.filter(kr__isnull=False).order_by("kr", "-time"))
    plain, asked = EventSearch(minkr=0), EventSearch(magnitudetype="M(KR)", orderby="kr-asc")
    for code in ("text", "csv", "xml", "geojson", "kml", "isf"):
        assert b"M(KR)" not in body(get(plain, code)), code

    expected = [f"{(row.kr - 4) / 1.8:.1f}" for row in rows]
    lines = [line.split("|") for line in body(get(asked, "text")).decode().splitlines()[1:]]
    assert [line[9:12] for line in lines] == [["M(KR)", value, "KZPORTAL"] for value in expected]
    for line, row in zip(lines, rows, strict=True):
        stored = row.fdsn_text.split("|")
        assert line[:9] + line[12:] == stored[:9] + stored[12:]

    table = list(csv.DictReader(io.StringIO(body(get(asked, "csv")).decode())))
    for line, row, value in zip(table, rows, expected, strict=True):
        stored = dict(zip(line, next(csv.reader([row.csv_line])), strict=True))
        changed = {"magnitude": value, "magnitude_type": "M(KR)", "magnitude_author": "KZPORTAL"}
        assert line == stored | changed

    features = json.loads(body(get(asked, "geojson")))["features"]
    assert [f["properties"]["magnitude"] for f in features] == [float(v) for v in expected]
    catalog = obspy.read_events(io.BytesIO(body(get(asked, "xml"))), format="QUAKEML")
    for event, row, value in zip(catalog, rows, expected, strict=True):
        converted = [m for m in event.magnitudes if m.magnitude_type == "M(KR)"]
        assert [m.mag for m in converted] == [float(value)]
        assert "converted from KR" in converted[0].comments[0].text
        assert event.preferred_magnitude_id != converted[0].resource_id, row.public_id


def test_a_magnitude_from_kr_is_rounded_alike_in_every_format(shop):
    row = EventRow.objects.get(event=shop.small[0])
    EventRow.objects.filter(pk=row.pk).update(kr=9.49)  # 3.05, between two decimals
    search = EventSearch(magnitudetype="M(KR)", minkr=9)
    try:
        (line,) = body(get(search, "text")).decode().splitlines()[1:]
        (event,) = obspy.read_events(io.BytesIO(body(get(search, "xml"))), format="QUAKEML")
        (record,) = [
            r
            for r in read("isf", io.BytesIO(body(get(search, "isf"))))
            if isinstance(r, EventRecord)
        ]
    finally:
        row.save()
    assert line.split("|")[10] == "3.1"
    assert [m.mag for m in event.magnitudes] == [3.1]
    assert [m.value for m in record.magnitudes] == [3.1]


def test_isf_is_the_same_bulletin_again(shop):
    search = EventSearch(orderby="time-asc", includeallorigins=True, includearrivals=True)
    bulletin = body(get(search, "isf"))
    found = [r for r in read("isf", io.BytesIO(bulletin)) if isinstance(r, EventRecord)]
    assert [record.event_id for record in found] == [row.public_id for row in search.queryset()]
    assert len(found[0].origins) == 6 and len(found[0].picks) > 200
    few = body(get(EventSearch(orderby="time-asc"), "isf"))
    assert b"Sta     Dist" not in few and b"Sta     Dist" in bulletin
    assert body(get(EventSearch(minkr=20), "isf")) == b""


def test_more_events_with_arrivals_than_are_sent_at_once(shop, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_WITH_ARRIVALS", 12)
    for code in ("xml", "isf"):
        with pytest.raises(TooMany, match="export"):
            get(EventSearch(includearrivals=True), code)
    assert body(get(EventSearch(includearrivals=True, limit=12), "isf"))
    assert body(get(EventSearch(includearrivals=True), "csv"))  # tells none
