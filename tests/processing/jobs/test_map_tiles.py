"""The map's tiles follow the catalogue: only what was touched is made anew, and always whole."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connections, transaction

from catalog.formats import map_tiles
from catalog.models import Change, Event, EventRow, FeedCounter, MapManifest, MapTile, Origin
from processing import pipeline, tasks
from processing.jobs import map_tiles as job
from processing.jobs.publishing import publish_many
from processing.models import WorkItem
from tests.catalog.conftest import shop
from tests.catalog.shop import Shop

__all__ = ["shop"]  # a fixture


@pytest.fixture(autouse=True)
def _without_tiles(shop: Shop) -> Iterator[None]:
    """Each test begins without tiles and without work."""
    yield
    for model in (MapTile, MapManifest, WorkItem):
        model._default_manager.all().delete()
    connections["download"].close()


def tiles() -> dict[int, MapTile]:
    """Return the tiles of the manifest by the year they begin with; each is what it is named by."""
    manifest = MapManifest.current()
    assert manifest is not None and manifest.version == FeedCounter.current()
    stored = {tile.hash: tile for tile in MapTile.objects.filter(retired_at=None)}
    assert set(stored) == {told["hash"] for told in manifest.tiles}
    held = [name for tile in stored.values() for name in ids(tile)]
    counted = EventRow.objects.filter(status__in=["reviewed", "published"])
    assert sorted(held) == sorted(counted.values_list("public_id", flat=True))
    for told in manifest.tiles:
        tile = stored[told["hash"]]
        assert (told["start"], told["end"]) == (tile.start_ms, tile.end_ms)
        assert told["count"] == tile.count == len(ids(tile))
        for time in map_tiles.events_of(gzip.decompress(tile.body))["time_us"]:
            assert tile.start_ms <= time / 1000 < tile.end_ms
    return {
        datetime.fromtimestamp(tile.start_ms / 1000, UTC).year: tile for tile in stored.values()
    }


def ids(tile: MapTile) -> list[str]:
    found: list[str] = map_tiles.events_of(gzip.decompress(tile.body))["public_id"].tolist()
    return found


def move(event: Event, time: datetime) -> Change:
    """Prefer an origin of another time, and publish."""
    event = Event.objects.get(pk=event.pk)
    event.preferred_origin = Origin.objects.create(
        event=event, time=time, point=Point(77, 43, srid=4326), agency=event.preferred_origin.agency
    )
    event.evidence_version += 1
    event.save()
    with transaction.atomic():
        (change,) = publish_many([event])
    assert change is not None
    return change


def remove(event: Event, **values: Any) -> None:
    event = Event.objects.get(pk=event.pk)
    for name, value in values.items():
        setattr(event, name, value)
    event.evidence_version += 1
    event.save()
    with transaction.atomic():
        publish_many([event])


def work() -> None:
    """Do everything that waits, as a worker would."""
    while items := WorkItem.objects.claim_next():
        tasks.do(items)


def test_tiles_follow_each_change_and_keep_what_it_did_not_touch(shop: Shop) -> None:
    pipeline.map_tiles_if_changed()
    pipeline.map_tiles_if_changed()
    assert WorkItem.objects.count() == 1
    work()
    before = tiles()
    assert set(before) == {1960, 2010}
    pipeline.map_tiles_if_changed()
    assert not WorkItem.objects.filter(state="open").exists()
    assert job.make() is None

    moved, deleted, merged = shop.small[:3]
    change = move(moved, datetime(1899, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    assert change.details["was"]["time"].startswith("2014-")
    pipeline.map_tiles_if_changed()
    work()
    after = tiles()
    assert set(after) == {1890, 1960, 2010}
    assert after[1960].hash == before[1960].hash and after[2010].hash != before[2010].hash
    assert ids(after[1890]) == [moved.public_id]
    retired = MapTile.objects.get(pk=before[2010].pk)
    assert retired.retired_at is not None

    # Back again: there and back between two makings, and what is no longer there.
    move(moved, datetime(1950, 1, 1, tzinfo=UTC))
    move(moved, datetime(2014, 1, 30, 1, tzinfo=UTC))
    remove(deleted, status="deleted")
    remove(merged, status="merged", merged_into=shop.full)
    made = job.make()
    assert made is not None and len(made.new) == 1
    last = tiles()
    assert set(last) == {1960, 2010} and moved.public_id in ids(last[2010])


def test_a_full_decade_is_cut_and_only_the_touched_part_made(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(job, "MOST_EVENTS", 3)
    one, other = shop.small[3:5]
    move(one, datetime(2012, 7, 1, tzinfo=UTC))
    move(other, datetime(2013, 7, 1, tzinfo=UTC))
    job.make()
    assert {tile.kind for tile in tiles().values()} == {"month", "year", "decade"}
    move(one, datetime(2012, 8, 1, tzinfo=UTC))
    made = job.make()
    assert made is not None and [tile.kind for tile in made.new] == ["year"]
    tiles()
    monkeypatch.setattr(job, "MOST_EVENTS", 100)
    move(one, datetime(2012, 9, 1, tzinfo=UTC))
    job.make()
    assert {tile.kind for tile in tiles().values()} == {"decade"}


def test_an_event_that_no_longer_counts_leaves(shop: Shop) -> None:
    event = shop.small[5]
    job.make()
    remove(event, status="automatic")
    job.make()
    assert not any(event.public_id in ids(tile) for tile in tiles().values())


def test_rows_that_no_change_tells_of_are_found(shop: Shop, caplog: Any) -> None:
    job.make()
    row = EventRow.objects.get(pk=shop.full.pk)
    EventRow.objects.filter(pk=row.pk).delete()
    move(shop.small[6], datetime(2014, 2, 1, tzinfo=UTC))
    job.make()
    row.save(force_insert=True)
    assert "all are made anew" in caplog.text
    assert set(job.make(anew=True).tiles[-1]) >= {"hash", "bytes"}
    tiles()


def test_of_two_workers_the_second_begins_again(shop: Shop, monkeypatch: Any) -> None:
    store, calls = job._store, []

    def overtaken(made: job.Made, begun: int | None) -> None:
        calls.append(made.version)
        if len(calls) == 1:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        store(made, begun)

    def other() -> None:
        try:
            move(shop.small[7], datetime(2014, 3, 1, tzinfo=UTC))
            job.make()
        finally:
            connections.close_all()

    job.make()
    move(shop.small[7], datetime(1931, 3, 1, tzinfo=UTC))
    monkeypatch.setattr(job, "_store", overtaken)
    # The first had read an older snapshot; it finds the newer manifest and leaves it.
    assert job.make() is None
    assert len(calls) == 2
    assert 1930 not in tiles()


def test_a_worker_that_is_stopped_leaves_the_manifest_as_it_was(shop: Shop) -> None:
    job.make()
    version = FeedCounter.current()
    move(shop.small[8], datetime(2014, 4, 1, tzinfo=UTC))

    class Killed(BaseException):
        pass

    def stop() -> None:
        raise Killed

    with pytest.raises(Killed):
        job.make(stop)
    manifest = MapManifest.current()
    assert manifest is not None and manifest.version == version
    assert not MapTile.objects.exclude(retired_at=None).exists()
    job.make()
    tiles()
