"""The JSON API: pages without gaps, an event whole, the map's contract, the feed, the schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from django.contrib.gis.geos import Point, Polygon
from django.db import OperationalError, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.validation import validate_schema
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from psycopg.errors import QueryCanceled

from catalog import downloads
from catalog.api import openapi
from catalog.api.collections import COLLECTIONS
from catalog.api.public import NOT_FOR_PAGES
from catalog.api.views import preference_told
from catalog.models import (
    AccessToken,
    Agency,
    Change,
    CommunityIntensity,
    EventRow,
    FeedCounter,
    IntensityObservation,
    MergeDecision,
    Network,
    Origin,
    Settlement,
    Station,
    StationAlias,
    User,
)
from catalog.search import API, BY_WORD, EventSearch, parameters_of
from processing.jobs.publishing import publish_many
from tests.catalog.api.asking import QUICK, ask_anything
from tests.catalog.shop import Shop

MAP = "/api/v1/map/events.json"
# fmt: off
COLUMNS = [
    "id", "time", "lat", "lon", "depth_km", "kr", "mpva", "mlv", "ms", "mb", "ml", "mw",
    "magnitude", "magnitude_type", "agency", "agencies", "felt", "max_intensity", "mechanism",
    "event_type", "synthetic", "minute_precision", "status", "place",
]
# fmt: on


#: One for all: a client of its own would load the middleware anew, and list all static files.
CLIENT = Client()


def get(path: str, **headers):
    return CLIENT.get(path, headers=headers)


def validator(document: dict[str, Any], name: str) -> Draft202012Validator:
    """A validator of one object of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.fixture(scope="module")
def felt(shop: Shop) -> Shop:
    """The shop with what its events lack: an intensity, a station of two epochs, a decision."""
    some = Agency.objects.get(code="SOME")
    almaty = Settlement.objects.create(
        name_en="Almaty", name_ru="Алматы", point=Point(76.92, 43.25, srid=4326), country="KZ"
    )
    IntensityObservation.objects.create(
        event=shop.full, agency=some, settlement=almaty, place="Almaty", minimum=3, maximum=4
    )
    made: dict[str, Any] = {
        "event": shop.full, "point": almaty.point, "report_count": 5, "not_felt_count": 1,
        "cws": 11.0, "cdi": 3.8, "msk64": 4.0, "ems98": 4.0, "method_id": "m",
    }  # fmt: skip
    CommunityIntensity.objects.create(
        area="10km", code="43T 066 478 10000", outline=Polygon.from_bbox((76.9, 43.2, 77.0, 43.3)),
        published=True, **made,
    )  # fmt: skip
    CommunityIntensity.objects.create(
        area="settlement", code=str(almaty.pk), settlement=almaty, published=True, **made
    )
    CommunityIntensity.objects.create(area="1km", code="43T 0660 4780 1000", **made)
    network = Network.objects.create(code="KZ")
    moved = datetime(2000, 1, 1, tzinfo=UTC)
    for start, end, latitude in ((None, moved, 43.0), (moved, None, 43.1)):
        station = Station.objects.create(
            network=network, code="TST", start=start, end=end, point=Point(77, latitude, srid=4326)
        )
        StationAlias.objects.create(agency=some, code="TS1", station=station)
    actor = User.objects.create(username="secret-name")
    actor.set_unusable_password()
    actor.save()
    MergeDecision.objects.create(
        kind="associate", event=shop.full, actor=actor, rule_set="rules-1", misfit=0.5,
        parts={"time": 0.2},
    )  # fmt: skip
    return shop


def test_community_intensities_are_the_published_ones_with_their_outlines(felt: Shop):
    address = f"/api/v1/events/{felt.full.public_id}/community-intensities"
    cell, town = get(f"{address}?lang=ru").json()["community_intensities"]
    assert (cell["area"], cell["cdi"], cell["reports"]) == ("10km", 3.8, 5)
    assert cell["outline"]["coordinates"][0][0] == [76.9, 43.2]
    assert (town["settlement"], town["outline"]) == ("Алматы", None)
    response = get(f"{address}.geojson?area=10km,settlement")
    assert response["Content-Type"] == "application/geo+json"
    data = response.json()
    assert [f["geometry"]["type"] for f in data["features"]] == ["Polygon", "Point"]
    assert data["features"][0]["properties"]["ems98_equivalent"] == 4.0
    known = {"if-none-match": response["ETag"]}
    assert get(f"{address}.geojson?area=10km,settlement", **known).status_code == 304
    assert len(get(f"{address}.geojson?area=settlement", **known).json()["features"]) == 1
    assert len(get(f"{address}?area=10km").json()["community_intensities"]) == 1
    assert get(f"{address}?area=11km").status_code == 400


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
    for order in ("time", "time-asc", "magnitude", "magnitude-asc"):
        ordering = EventSearch(orderby=order).ordering()
        expected = list(EventRow.objects.order_by(*ordering).values_list("public_id", flat=True))
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
    assert data["preference"] == {"candidates": [], "magnitudes": []}
    assert any(m["preferred"] for m in data["magnitudes"])
    tag = get(f"/api/v1/events/{shop.full.public_id}")["ETag"]
    again = get(f"/api/v1/events/{shop.full.public_id}", **{"if-none-match": tag})
    assert again.status_code == 304


def test_the_reasons_of_a_preference_are_told_by_the_ids_of_the_answer():
    term = {"name": "review_status", "value": 1.0, "weight": 100.0, "contribution": 100.0}
    candidate = {"origin": 7, "agency": "SOME", "total": 100.0, "terms": [term]}
    size = {"magnitude": 9, "agency": "SOME", "type": "KR", "value": 11.2, "values": [0.0, 1.0]}
    told = preference_told(
        {
            "rule_set": "kz-preference/1",
            "area": None,
            "candidates": [candidate],
            "magnitudes": {"KR": {"order": ["chosen_by_editor", "native"], "candidates": [size]}},
        }
    )
    validator(openapi.document(), "Preference").validate(told)
    assert told["candidates"] == [{"origin_id": "origin/7", **candidate}]
    (scale,) = told["magnitudes"]
    assert scale["candidates"][0]["magnitude_id"] == "magnitude/9"
    assert scale["candidates"][0]["criteria"] == {"chosen_by_editor": 0.0, "native": 1.0}


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
    assert CLIENT.get("/api/v1/events/kz%00").status_code == 404


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
    told = {change["id"]: change for change in seen}
    merged, deleted = told[shop.merged.public_id], told[shop.deleted.public_id]
    assert (merged["kind"], merged["into"]) == ("merged", shop.full.public_id)
    assert (deleted["kind"], deleted["into"]) == ("deleted", None)
    assert merged["details"]["last"]["time"] and deleted["details"]["last"]["time"]
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


# --- What hangs on events ------------------------------------------------------------------------


def whole(address: str, name: str, pagesize: int) -> list[dict]:
    """Follow a collection to its end."""
    rows, following = [], f"{address}{'&' if '?' in address else '?'}pagesize={pagesize}"
    while following:
        page = get(following).json()
        assert 0 < len(page[name]) <= pagesize
        rows += page[name]
        following = page["next"]
    return rows


def test_collections_are_paged_without_gaps_across_events_and_below_one(felt: Shop):
    for each in COLLECTIONS:
        name = each.name.replace("-", "_")
        size = 400 if each.name in ("arrivals", "station-magnitudes") else 3
        for order in ("time", "magnitude-asc")[each.name == "arrivals" :]:
            rows = whole(f"/api/v1/{each.name}?orderby={order}", name, size)
            once = get(f"/api/v1/{each.name}?orderby={order}&pagesize=1000").json()
            assert rows[: len(once[name])] == once[name]
            assert len({row["id"] for row in rows}) == len(rows)
        below = whole(f"/api/v1/events/{felt.full.public_id}/{each.name}", name, size)
        assert below == [row for row in rows if row["event"] == felt.full.public_id]
        narrow = get(f"/api/v1/{each.name}?eventid={felt.full.public_id}&pagesize=1000").json()
        assert narrow[name] == below[:1000]


def test_collections_tell_current_rows_of_public_events_only(felt: Shop):
    origins = whole("/api/v1/origins", "origins", 1000)
    public = Origin.objects.filter(superseded_at=None, event__row__isnull=False)
    assert {o["id"] for o in origins} == {
        f"origin/{pk}" for pk in public.values_list("pk", flat=True)
    }
    assert felt.deleted.public_id not in {o["event"] for o in origins}
    kept = {o["id"]: o for o in origins}
    origin = felt.full.preferred_origin
    told = kept[f"origin/{origin.pk}"]
    assert (told["latitude"], told["longitude"]) == (origin.point.y, origin.point.x)
    assert told["preferred"] is True and told["computed"] is False
    with transaction.atomic():
        Origin.objects.filter(pk=origin.pk).update(superseded_at=timezone.now())
        rows = whole("/api/v1/origins", "origins", 1000)
        transaction.set_rollback(True)
    assert len(rows) == len(origins) - 1


def test_words_of_a_collection_choose_its_rows(felt: Shop):
    full = felt.full.public_id
    arrivals = whole(f"/api/v1/events/{full}/arrivals?phase=P", "arrivals", 1000)
    assert arrivals and {a["phase"] for a in arrivals} == {"P"}
    code = arrivals[0]["station"]
    some = whole(f"/api/v1/arrivals?station={code.lower()}", "arrivals", 1000)
    assert some and {a["station"] for a in some} == {code}
    everything = whole("/api/v1/origins", "origins", 1000)
    preferred = whole("/api/v1/origins?preferred=true", "origins", 1000)
    others = whole("/api/v1/origins?preferred=false", "origins", 1000)
    assert len(preferred) == 13 and len(preferred) + len(others) == len(everything)
    assert {o["agency"] for o in whole("/api/v1/origins?reportedby=some", "origins", 9)} == {"SOME"}
    sizes = whole("/api/v1/magnitudes?scale=KR", "magnitudes", 1000)
    assert len(sizes) == 6 and {m["scale"] for m in sizes} == {"KR"}
    (intensity,) = whole("/api/v1/intensities?lang=ru", "intensities", 1000)
    assert (intensity["settlement"], intensity["place"]) == ("Алматы", "Almaty")
    assert (intensity["maximum"], intensity["best"], intensity["latitude"]) == (4.0, None, 43.25)
    for wrong, code in (
        ("phases=P", "unknown-word"),
        ("used=maybe", "not-a-boolean"),
        ("used=true&used=false", "repeated"),
        ("phase=%00", "unknown-value"),
        ("phase=", "empty"),
        ("limit=5", "not-offered-here"),
        ("includearrivals=true", "not-offered-here"),
        ("pagesize=1001", "out-of-range"),
        ("lang=de", "unknown-value"),
        ("cursor=WyJ4Il0", "cursor"),
    ):
        response = get(f"/api/v1/arrivals?{wrong}")
        assert response.status_code == 400 and response.json()["problems"][0]["code"] == code, wrong
    assert get(f"/api/v1/events/{full}/arrivals?minkr=4").status_code == 400
    mine = {word for each in COLLECTIONS for p in each.parameters for word in (p.name, *p.aliases)}
    assert not mine & set(BY_WORD)


def test_a_collection_is_one_query_whatever_its_size(felt: Shop):
    for each in COLLECTIONS:
        for address in (each.name, f"events/{felt.full.public_id}/{each.name}"):
            counts = []
            for size in (1, 500):
                with CaptureQueriesContext(connections["default"]) as queries:
                    assert get(f"/api/v1/{address}?pagesize={size}").status_code == 200
                counts.append(len(queries))
            assert counts == [2, 2], address
    counts = []
    for size in (1, 500):
        with CaptureQueriesContext(connections["default"]) as queries:
            assert get(f"/api/v1/stations?pagesize={size}").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


def test_stations_are_told_with_their_epochs_and_aliases(felt: Shop):
    rows = whole("/api/v1/stations", "stations", 50)
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    (station,) = [row for row in rows if row["code"] == "TST"]
    assert station["id"] == "KZ.TST" and station["synthetic"] is False
    assert [epoch["end"] for epoch in station["epochs"]] == ["2000-01-01T00:00:00Z", None]
    assert station["aliases"] == [{"agency": "SOME", "code": "TS1"}]
    assert get("/api/v1/stations/KZ.TST").json() == station
    assert get("/api/v1/stations?code=TST&network=KZ").json()["stations"] == [station]
    assert get("/api/v1/stations/KZ.NONE").status_code == 404
    assert get("/api/v1/stations/%00").status_code == 404
    assert get("/api/v1/stations?minlatitude=4").status_code == 400


def test_the_history_tells_decisions_and_changes_but_no_persons(felt: Shop):
    address = f"/api/v1/events/{felt.full.public_id}/history"
    lines = whole(address, "history", 1)
    assert lines == get(address).json()["history"]
    assert [line["at"] for line in lines] == sorted((x["at"] for x in lines), reverse=True)
    (decision,) = [line for line in lines if line["of"] == "decision"]
    assert (decision["kind"], decision["misfit"], decision["by"]) == ("associate", 0.5, "program")
    assert decision["parts"] == {"time": 0.2} and decision["rule_set"] == "rules-1"
    assert f"was joined to event {felt.full.public_id}" in decision["text"]
    # What happened to the event that was merged into this one is told here, too.
    of_merged = [line for line in lines if line["event"] == felt.merged.public_id]
    assert {line["kind"] for line in of_merged} == {"created", "merged"}
    assert felt.full.public_id in next(x["text"] for x in of_merged if x["kind"] == "merged")
    assert "secret-name" not in json.dumps(lines)
    assert {line["kind"] for line in lines if line["of"] == "change"} >= {"created"}


# --- HTTP ----------------------------------------------------------------------------------------


def readings(shop: Shop) -> list[str]:
    """Every reading address, with an example of each part."""
    parts = ["", "/history", "/intensities", "/origins"]
    return [
        *(f"/api/v1/events/{shop.full.public_id}{part}" for part in parts),
        *(f"/api/v1/{each.name}" for each in COLLECTIONS),
        *("/api/v1/events", "/api/v1/changes", "/api/v1/stations", "/api/v1/stations/KZ.TST"),
        *(MAP, "/api/v1/schema"),
    ]


def test_what_a_client_has_is_not_sent_again(felt: Shop, monkeypatch):
    monkeypatch.setattr("catalog.api.public.SETTLED", timedelta(0))
    undated = {"/api/v1/stations", "/api/v1/stations/KZ.TST", "/api/v1/schema"}
    for address in readings(felt):
        first = get(address)
        assert first.status_code == 200 and first["Cache-Control"] == "no-cache", address
        assert first["Access-Control-Allow-Origin"] == "*"
        again = get(address, **{"if-none-match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b""), address
        assert again["ETag"] == first["ETag"]
        head = CLIENT.head(address)
        assert (head.status_code, head["ETag"], head.content) == (200, first["ETag"], b"")
        options = CLIENT.options(address)
        assert options.status_code == 204 and options["Allow"] == "GET, HEAD, OPTIONS"
        if address in undated:
            assert "Last-Modified" not in first
            continue
        date = first["Last-Modified"]
        assert get(address, **{"if-modified-since": date}).status_code == 304, address
    for address in ("/api/v1/events", "/api/v1/intensities"):
        old = "Sat, 01 Jan 2000 00:00:00 GMT"
        assert get(address, **{"if-modified-since": old}).status_code == 200
        both = {"if-modified-since": date, "if-none-match": '"other"'}
        assert get(address, **both).status_code == 200
        tags = {get(f"{address}?{words}")["ETag"] for words in ("lang=kk", "lang=ru", "pagesize=1")}
        assert len(tags) == 3
    # A change of a moment ago gives no date: within its second there could be another.
    monkeypatch.setattr("catalog.api.public.SETTLED", timedelta(days=1))
    assert "Last-Modified" not in get("/api/v1/events")


def test_every_mistake_has_one_shape(felt: Shop, monkeypatch):
    def wrong(response, status: int) -> dict:
        assert response.status_code == status
        assert response["Content-Type"] == "application/json"
        assert response["Access-Control-Allow-Origin"] == "*"
        body = response.json()
        assert body["error"] and isinstance(body["problems"], list)
        return body

    for path in ("", "none", "events/kz2014zzzzzz", "events/kz2014zzzzzz/origins", "events/"):
        wrong(get(f"/api/v1/{path}"), 404)
    wrong(CLIENT.post("/api/v1/none"), 404)
    assert wrong(CLIENT.post("/api/v1/events"), 405)
    assert CLIENT.delete("/api/v1/origins")["Allow"] == "GET, HEAD, OPTIONS"
    wrong(get("/api/v1/events?" + "&".join(f"a{n}=1" for n in range(1100))), 400)
    for part in ("", "/origins", "/arrivals", "/history"):
        moved = get(f"/api/v1/events/{felt.merged.public_id}{part}?lang=en")
        assert wrong(moved, 301)["into"] == felt.full.public_id
        assert moved["Location"] == f"/api/v1/events/{felt.full.public_id}{part}?lang=en"
        assert wrong(get(f"/api/v1/events/{felt.deleted.public_id}{part}"), 410)["id"]
    told = [wrong(get(f"/api/v1/events?x=1&lang={code}"), 400)["error"] for code in ("ru", "en")]
    assert told[0] != told[1]

    def too_long(*args, **kwargs):
        raise OperationalError from QueryCanceled()

    monkeypatch.setattr("catalog.api.collections.Page.body", too_long)
    response = get("/api/v1/origins")
    wrong(response, 503)
    assert response["Retry-After"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catalog.api.collections.Page.body", lambda page: 1 / 0)
        failed = Client(raise_request_exception=False).get("/api/v1/origins")
        assert failed.status_code == 500 and failed.json()["problems"] == []


# --- The document --------------------------------------------------------------------------------


def test_the_document_is_openapi_and_offers_every_word():
    document = openapi.document()
    assert document["openapi"].startswith("3.1.")
    shared = document["components"]["parameters"]

    def words(path: str) -> set[str]:
        found = document["paths"][path]["get"]["parameters"]
        return {
            shared[p["$ref"].rsplit("/", 1)[-1]]["name"] if "$ref" in p else p["name"]
            for p in found
        }

    assert {p.name for p in parameters_of(API)} - set(NOT_FOR_PAGES) <= words("/api/v1/events")
    assert {p.name for p in parameters_of(API)} <= words("/api/v1/download.{form}")
    assert {"station", "phase", "minkr", "cursor"} <= words("/api/v1/arrivals")
    assert document["components"]["securitySchemes"]["accessToken"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"] and operation["description"], path
            for code, response in operation["responses"].items():
                for media, content in response.get("content", {}).items():
                    told = content.get("example", content.get("examples"))
                    assert told is not None or media not in ("application/json",), (path, code)


def test_examples_are_what_their_schemas_say():
    document = openapi.document()
    for name, schema in document["components"]["schemas"].items():
        if "example" in schema:
            errors = [e.message for e in validator(document, name).iter_errors(schema["example"])]
            assert not errors, (name, errors[:3])


def test_answers_are_what_the_document_says(felt: Shop):
    document = openapi.document()
    for path, methods in document["paths"].items():
        if (operation := methods.get("get")) is None or operation["tags"] == ["staff"]:
            continue
        if {"form", "export_id", "series"} & set(operation["x-example-path"]):
            # A file; an export or an edition: tests/processing, test_exports and
            # test_publishing_editions.
            continue
        if "application/octet-stream" in operation["responses"]["200"]["content"]:
            continue  # packed: test_map_tiles
        address = path.replace("{public_id}", felt.full.public_id)
        address = address.replace("{station_id}", "KZ.TST")
        for words in ("", "?lang=kk" if "changes" not in path else ""):
            response = get(f"{address}{words}")
            (name,) = {
                content["schema"]["$ref"].rsplit("/", 1)[-1]
                for content in operation["responses"]["200"]["content"].values()
            }
            body = json.loads(response.content)
            errors = list(validator(document, name).iter_errors(body))
            assert not errors, (address, errors[0].message, list(errors[0].absolute_path))
    for event, name in ((felt.merged, "Merged"), (felt.deleted, "Deleted")):
        validator(document, name).validate(get(f"/api/v1/events/{event.public_id}").json())
    validator(document, "Error").validate(get("/api/v1/events?x=1").json())


def test_the_document_comes_as_json_and_yaml(shop: Shop):
    as_json, as_yaml = get("/api/v1/schema"), get("/api/v1/schema?format=yaml")
    assert as_json["Content-Type"].startswith("application/vnd.oai.openapi+json")
    assert as_json.json() == yaml.load(as_yaml.content, yaml.CSafeLoader)
    accepted = get("/api/v1/schema", accept="application/yaml")
    assert accepted.content == as_yaml.content
    assert get("/api/v1/schema?format=xml").status_code == 400


def test_random_requests_are_answered_as_the_document_tells(felt: Shop):
    user = User.objects.create_superuser("duty")
    token = AccessToken.issue(user, "fuzz", ["upload", "read-staff"])[1]
    client = Client(raise_request_exception=False)
    known = [felt.full.public_id, felt.merged.public_id, felt.deleted.public_id, "csv", "KZ.TST"]

    @QUICK
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        ask_anything(data, client, token, known)

    ask()


@pytest.mark.long
def test_the_document_is_valid_openapi():
    validate_schema(openapi.document())
