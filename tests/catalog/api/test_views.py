"""The JSON API: pages without gaps, an event whole, the map's contract, the feed, the schema."""

from __future__ import annotations

import json

from django.db import connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog import downloads
from catalog.models import Change, EventRow, FeedCounter
from catalog.search import API, parameters_of
from processing.jobs.publishing import publish_many
from tests.catalog.shop import Shop

MAP = "/api/v1/map/events.json"
# fmt: off
COLUMNS = [
    "id", "time", "lat", "lon", "depth_km", "kr", "mpva", "mlv", "ms", "mb", "ml", "mw",
    "magnitude", "magnitude_type", "agency", "agencies", "felt", "max_intensity", "mechanism",
    "event_type", "synthetic", "minute_precision", "place",
]
# fmt: on


def get(path: str, **headers):
    return Client().get(path, headers=headers)


def test_the_map_keeps_its_contract(shop: Shop):
    response = get(f"{MAP}?lang=en")
    data = response.json()
    assert data["columns"] == COLUMNS
    assert (data["version"], data["count"], data["truncated"]) == (FeedCounter.current(), 13, False)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in data["rows"]]
    stored = list(EventRow.objects.order_by("-time"))
    for row, kept in zip(rows, stored, strict=True):
        assert row["id"] == kept.public_id
        assert row["time"] == int(kept.time.timestamp() * 1000)
        assert (row["lat"], row["lon"], row["depth_km"]) == (
            kept.latitude,
            kept.longitude,
            kept.depth_km,
        )
        assert (row["kr"], row["mb"], row["magnitude"]) == (kept.kr, kept.mb, kept.magnitude)
        assert row["agencies"] == kept.agencies and row["place"] == kept.place_en
        assert row["mechanism"] is kept.has_mechanism


def test_the_map_is_sent_once_for_a_version_search_and_language(shop: Shop):
    tag = get(f"{MAP}?minkr=4&lang=ru")["ETag"]
    assert get(f"{MAP}?minkr=4&lang=ru", **{"if-none-match": tag}).status_code == 304
    assert get(f"{MAP}?minkr=4&lang=kk", **{"if-none-match": tag}).status_code == 200
    assert get(f"{MAP}?minkr=5&lang=ru", **{"if-none-match": tag}).status_code == 200
    shop.small[0].event_type = "explosion"
    shop.small[0].save()
    with transaction.atomic():
        publish_many([shop.small[0]])
    assert get(f"{MAP}?minkr=4&lang=ru", **{"if-none-match": tag}).status_code == 200


def test_the_map_cuts_and_says_so(shop: Shop, monkeypatch):
    monkeypatch.setattr("catalog.api.views.MAP_ROWS", 5)
    data = get(MAP).json()
    assert (data["count"], len(data["rows"]), data["truncated"]) == (5, 5, True)


def test_a_wrong_word_is_a_400_that_names_it(shop: Shop):
    for address in (MAP, "/api/v1/events", "/api/v1/download.csv", "/api/v1/changes"):
        response = get(f"{address}?minmagnitud=4")
        assert response.status_code == 400
        assert response.json()["problems"][0]["word"] == "minmagnitud"
        assert response["Access-Control-Allow-Origin"] == "*"


def test_queries_do_not_grow_with_the_answer(shop: Shop):
    counts = []
    for size in (2, 10):
        with CaptureQueriesContext(connections["default"]) as queries:
            assert get(f"/api/v1/events?pagesize={size}").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3
    with CaptureQueriesContext(connections["default"]) as queries:
        get(MAP)
    assert len(queries) == 2


def test_pages_skip_and_double_nothing_while_the_catalogue_grows(shop: Shop):
    for order in ("time", "time-asc"):
        expected = list(
            EventRow.objects.order_by("-time" if order == "time" else "time").values_list(
                "public_id", flat=True
            )
        )
        seen, address = [], f"/api/v1/events?orderby={order}&pagesize=5"
        while address:
            page = get(address).json()
            seen += [event["id"] for event in page["events"]]
            address = page["next"]
            # An event behind the reader's back is published anew: its place in the order stays.
            shop.small[6].event_type = f"{'explosion' if len(seen) % 2 else 'earthquake'}"
            shop.small[6].save()
            with transaction.atomic():
                publish_many([shop.small[6]])
        assert seen == expected
    cursor = get("/api/v1/events?pagesize=5").json()["next"].split("cursor=")[1].split("&")[0]
    assert get(f"/api/v1/events?minkr=4&cursor={cursor}").status_code == 400
    assert get("/api/v1/events?cursor=x").status_code == 400
    assert get("/api/v1/events?pagesize=0").status_code == 400
    assert get("/api/v1/events?orderby=magnitude").status_code == 400


def test_an_event_is_told_whole(shop: Shop):
    data = get(f"/api/v1/events/{shop.full.public_id}").json()
    assert len(data["origins"]) == 6
    first, second = data["origins"][:2]
    assert first["preferred"] and first["difference"] == {
        "distance_km": 0.0,
        "seconds": 0.0,
        "depth_km": first["difference"]["depth_km"],
    }
    assert not second["preferred"] and second["difference"]["distance_km"] > 0
    assert len(data["picks"]) == 255
    assert data["origins"][0]["arrivals"]
    assert data["focal_mechanisms"][0]["nodal_plane_1"] == {"strike": 10, "dip": 20, "rake": 30}
    assert data["preference"] == shop.full.preference
    assert any(m["preferred"] for m in data["magnitudes"])
    tag = get(f"/api/v1/events/{shop.full.public_id}")["ETag"]
    again = get(f"/api/v1/events/{shop.full.public_id}", **{"if-none-match": tag})
    assert again.status_code == 304


def test_what_became_of_an_event_is_told(shop: Shop):
    moved = get(f"/api/v1/events/{shop.merged.public_id}")
    assert moved.status_code == 301
    assert moved["Location"] == f"/api/v1/events/{shop.full.public_id}"
    assert moved.json()["into"] == shop.full.public_id
    gone = get(f"/api/v1/events/{shop.deleted.public_id}")
    assert (gone.status_code, gone.json()["status"]) == (410, "deleted")
    assert gone.json()["details"]["last"]["latitude"]
    assert get("/api/v1/events/kz2014zzzzzz").status_code == 404


def test_an_id_that_cannot_be_one_is_not_found(shop: Shop):
    assert Client().get("/api/v1/events/kz%00").status_code == 404


def test_the_feed_is_whole_and_in_order(shop: Shop):
    seen, after = [], 0
    while True:
        page = get(f"/api/v1/changes?after={after}&limit=4").json()
        seen += page["changes"]
        after = page["next"]
        if not page["more"]:
            break
    assert [change["number"] for change in seen] == list(
        Change.objects.order_by("number").values_list("number", flat=True)
    )
    assert after == FeedCounter.current()
    kinds = {change["id"]: change["kind"] for change in seen}
    assert kinds[shop.merged.public_id] == "merged"
    assert kinds[shop.deleted.public_id] == "deleted"
    assert get("/api/v1/changes?after=-1").status_code == 400


def test_downloads_have_names_and_types(shop: Shop):
    for name, kind in (
        ("csv", "text/csv"),
        ("quakeml", "application/xml"),
        ("geojson", "application/geo+json"),
        ("kml", "application/vnd.google-earth.kml+xml"),
        ("text", "text/plain"),
    ):
        response = get(f"/api/v1/download.{name}?minkr=4")
        assert response.status_code == 200 and response.getvalue()
        assert response["Content-Type"].startswith(kind)
        assert "attachment; filename=" in response["Content-Disposition"]
    assert get("/api/v1/download.kmz").status_code == 404
    empty = get("/api/v1/download.csv?minkr=20")
    assert empty.status_code == 200 and len(empty.getvalue().splitlines()) == 1


def test_the_year_books_tables_are_in_the_language_asked_for(shop: Shop, monkeypatch):
    address = "/api/v1/download.year-book-catalogue"
    for language, year in (("ru", "Год"), ("kk", "Жыл"), ("en", "Year")):
        response = get(f"{address}.csv?minkr=4&lang={language}")
        assert response.status_code == 200
        assert response.getvalue().decode().split(",")[1] == year
        assert response["Content-Disposition"].endswith('"kazakhstan-year-book-catalogue.csv"')
    workbook = get(f"{address}.xlsx?minkr=4&lang=kk")
    assert workbook.getvalue().startswith(b"PK")
    assert workbook["Content-Type"].endswith("spreadsheetml.sheet")
    assert get(f"{address}.csv?wrong=4").status_code == 400
    assert get(f"{address}.pdf").status_code == 404
    assert get("/api/v1/download.csv?lang=kk").status_code == 400
    monkeypatch.setattr(downloads, "MAX_RECORDS", 3)
    refused = get(f"{address}.csv")
    assert refused.status_code == 413 and "at most 3 events" in refused.json()["error"]


def test_the_schema_offers_every_search_word(shop: Shop):
    schema = json.loads(get("/api/v1/schema?format=json").getvalue())
    words = {p["name"] for p in schema["paths"]["/api/v1/events"]["get"]["parameters"]}
    assert {p.name for p in parameters_of(API)} - {"limit", "offset"} <= words
    assert get("/api/v1/schema").status_code == 200
