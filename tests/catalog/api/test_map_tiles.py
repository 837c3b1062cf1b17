"""The map of many events over HTTP: one table of searches, tiles, what changed, matching ids."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.http import QueryDict
from django.test import Client

from catalog.api import map_tiles as api
from catalog.api import openapi
from catalog.formats import map_tiles
from catalog.models import Change, Event, EventRow, FeedCounter, MapManifest, MapTile
from catalog.querysets import COUNTED_STATUSES
from catalog.search import API, EventSearch
from processing.jobs import map_tiles as job
from tests.catalog.api.test_views import validator
from tests.catalog.conftest import committing
from tests.catalog.event_rows import make_row
from tests.catalog.map_queries import ASKED, EVENTS, FILE, QUERIES, expected, fixture, tiles

pytestmark = pytest.mark.django_db

MAP = "/api/v1/map"
CLIENT = Client()


@pytest.fixture(scope="module", autouse=True)
def _seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The events of the table, each told of by a change, and their tiles."""
    with committing(django_db_blocker):
        for number, event in enumerate(EVENTS, 1):
            make_row(
                event["id"], time=event["time"], latitude=event["lat"], longitude=event["lon"],
                has_mechanism=event["mechanism"],
                **{name: event[name] for name in (
                    "depth_km", "kr", "mpva", "magnitude", "felt", "synthetic", "event_type",
                    "minute_precision", "status",
                )},
            )  # fmt: skip
            row = EventRow.objects.get(public_id=event["id"])
            Change.objects.create(number=number, kind="created", event=row.event)
        FeedCounter.objects.update(value=len(EVENTS))
        job.make()
        connections["download"].close()
        yield


def get(path: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CLIENT.get(f"{MAP}/{path}", headers=named)


def changed(*events: str, **values: Any) -> int:
    """Change rows of events and tell of it; return the catalogue's version."""
    for public_id in events:
        EventRow.objects.filter(public_id=public_id).update(**values)
        number = Change.next_number()
        event = Event.objects.get(public_id=public_id)
        Change.objects.create(number=number, kind="updated", event=event)
    return FeedCounter.current()


def test_the_database_finds_what_the_table_says() -> None:
    wrong = {}
    for query in (*QUERIES, *ASKED):
        search = EventSearch.from_query(QueryDict(query), API)
        found = sorted(search.matching().values_list("public_id", flat=True))
        packed = map_tiles.decode_matching(get(f"matching.bin?{query}").content)
        if not found == sorted(map_tiles.matching_ids(packed).tolist()) == expected(query):
            wrong[query] = (found, expected(query))
    assert wrong == {}


def test_the_scripts_are_tested_with_the_tiles_of_today() -> None:
    assert FILE.read_text() == fixture(), "run python -m tests.catalog.map_queries"
    served = [gzip.decompress(tile.body) for tile in MapTile.objects.order_by("start_ms")]
    assert served == tiles()


def test_the_manifest_lists_what_counts() -> None:
    answer = get("tiles.json")
    told = answer.json()
    validator(openapi.document(), "MapTiles").validate(told)
    assert told["version"] == FeedCounter.current() == int(answer["X-Catalogue-Version"])
    assert told["count"] == len(expected("")) == sum(tile["count"] for tile in told["tiles"])
    starts = [tile["start"] for tile in told["tiles"]]
    assert starts == sorted(starts, reverse=True)
    assert answer["Cache-Control"] == "no-cache"
    assert get("tiles.json", if_none_match=answer["ETag"]).status_code == 304
    assert get("tiles.json?x=1").status_code == 400


def test_without_tiles_the_manifest_says_so() -> None:
    MapManifest.objects.all().delete()
    told = get("tiles.json").json()
    validator(openapi.document(), "MapTiles").validate(told)
    assert told == {"format": 1, "version": None, "count": 0, "tiles": []}


def test_a_tile_is_sent_as_the_client_takes_it_and_for_ever() -> None:
    address = get("tiles.json").json()["tiles"][0]["url"].removeprefix(f"{MAP}/")
    plain = get(address)
    packed = get(address, accept_encoding="br, gzip;q=0.8")
    assert packed["Content-Encoding"] == "gzip" and not plain.has_header("Content-Encoding")
    assert gzip.decompress(packed.content) == plain.content == tiles()[-1]
    assert get(address, accept_encoding="gzip;q=0.0, br").content == plain.content
    for answer in (plain, packed):
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in answer["Vary"]
        assert answer["Content-Type"] == "application/octet-stream"
    assert plain["ETag"] != packed["ETag"]
    again = get(address, accept_encoding="gzip", if_none_match=packed["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["Cache-Control"] == packed["Cache-Control"]
    head = CLIENT.head(f"{MAP}/{address}")
    assert (head.status_code, head.content) == (200, b"")


def test_an_unknown_tile_is_not_found() -> None:
    for name in ("0" * 32, "x", "0" * 5000, "%00", "..%2f", "Ұ"):
        answer = get(f"tiles/{name}.bin", if_none_match="*")
        assert answer.status_code == 404, name
        assert answer.json()["error"] and answer.get("Cache-Control") != api.FOR_EVER


def test_changes_tell_rows_and_what_is_gone() -> None:
    begun = FeedCounter.current()
    none = get(f"changes.json?since={begun}").json()
    assert (none["rows"], none["gone"], none["version"]) == ([], [], begun)
    changed("kz2014gridaa", kr=12.25)
    changed("kz2014gridbb", status="automatic")
    changed("kz2014gridcc", kr=3)
    event = Event.objects.get(public_id="kz2014gridcc")
    EventRow.objects.filter(pk=event.pk).delete()
    answer = get(f"changes.json?since={begun}")
    told = answer.json()
    validator(openapi.document(), "MapChanges").validate(told)
    rows = [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]
    assert [(row["id"], row["kr"], row["depth_km"]) for row in rows] == [
        ("kz2014gridaa", 12.25, None)
    ]
    assert told["gone"] == ["kz2014gridbb", "kz2014gridcc"]
    assert told["version"] == begun + 3
    assert get(f"changes.json?since={begun}", if_none_match=answer["ETag"]).status_code == 304
    everything = get("changes.json?since=0").json()
    assert {row[0] for row in everything["rows"]} == set(
        EventRow.objects.filter(status__in=COUNTED_STATUSES).values_list("public_id", flat=True)
    )


def test_too_many_changes_ask_for_the_manifest(monkeypatch: Any) -> None:
    for since in (FeedCounter.current() + 1, 2**62):
        answer = get(f"changes.json?since={since}")
        assert (answer.status_code, answer.json()["code"]) == (410, "rebuild")
    validator(openapi.document(), "MapRebuild").validate(answer.json())
    monkeypatch.setattr(api, "CHANGED_MOST", 3)
    current = FeedCounter.current()
    assert get(f"changes.json?since={current - 3}").status_code == 200
    assert get(f"changes.json?since={current - 4}").status_code == 410
    monkeypatch.setattr(api, "CHANGES_MOST", 2)
    assert get(f"changes.json?since={current - 3}").status_code == 410
    for wrong in ("-1", "x", "", "1&since=2", "99999999999999999999"):
        assert get(f"changes.json?since={wrong}").status_code == 400


def test_matching_ids_are_cut_packed_and_known_again(monkeypatch: Any) -> None:
    whole = get("matching.bin")
    header = map_tiles.decode_matching(whole.content).header
    assert header["version"] == FeedCounter.current()
    assert header["count"] == len(expected("")) and header["truncated"] is False
    assert get("matching.bin", if_none_match=whole["ETag"]).status_code == 304
    monkeypatch.setattr(api, "PACKED_FROM_BYTES", 0)
    packed = get("matching.bin", accept_encoding="gzip")
    assert gzip.decompress(packed.content) == whole.content
    monkeypatch.setattr(api, "MATCHING_MOST", 5)
    header = map_tiles.decode_matching(get("matching.bin").content).header
    assert (header["count"], header["truncated"]) == (5, True)
    nothing = map_tiles.decode_matching(get("matching.bin?eventid=kz2014zzzzzz").content)
    assert nothing.header["count"] == 0
    assert get("matching.bin?minkr=x").json()["problems"][0]["word"] == "minkr"
    assert get("matching.bin?limit=5").status_code == 400
    only = EventSearch.from_query(QueryDict("eventid=sc2014"), API)
    assert api.matching(only, 10).tolist() in ([b"sc2014"], ["sc2014"])


def test_a_search_that_takes_too_long_is_a_503(monkeypatch: Any) -> None:
    slow = EventRow.objects.extra(where=["pg_sleep(1)::text = ''"])
    monkeypatch.setattr(EventSearch, "matching", lambda search: slow)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 50")
    answer = get("matching.bin")
    assert answer.status_code == 503 and answer["Retry-After"]


def test_retired_tiles_stay_a_week() -> None:
    tile = MapTile.objects.order_by("start_ms").first()
    assert tile is not None
    for age, left in ((timedelta(days=6), 1), (timedelta(days=8), 0)):
        MapTile.objects.filter(pk=tile.pk).update(retired_at=tile.made_at - age)
        job.remove_retired()
        assert MapTile.objects.filter(pk=tile.pk).count() == left
