"""The map's tiles of a million synthetic events: made by the worker's job, served over HTTP.

How the browser draws them is another benchmark.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time

import django
import psycopg
import requests
from stack.report import Report, middle_of_three

django.setup()

from catalog.formats import map_tiles  # noqa: E402
from catalog.models import MapManifest, MapTile  # noqa: E402
from processing.jobs import map_tiles as job  # noqa: E402
from tests.catalog.many_events import fill  # noqa: E402

NEEDS = ("web",)
#: Publish a change of one event in the middle of the catalogue, moved by a second.
CHANGE = """
WITH moved AS (
    UPDATE catalog_eventrow SET time = time + interval '1 s' WHERE event_id =
        (SELECT event_id FROM catalog_eventrow WHERE time > '2001-05-05' ORDER BY time LIMIT 1)
    RETURNING event_id, time),
numbered AS (UPDATE catalog_feedcounter SET value = value + 1 RETURNING value)
INSERT INTO catalog_change (number, kind, event_id, at, details)
SELECT value, 'updated', event_id, now(), jsonb_build_object('changed', array['time'],
    'was', jsonb_build_object('time', time - interval '1 s')) FROM moved, numbered
"""


def fetched(path: str, **headers: str) -> requests.Response:
    address = os.environ["PORTAL_URL"] + path.lstrip("/")
    answer = requests.get(address, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer


def peak_memory_mb() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def columns_bytes(tile: bytes) -> int:
    """Return the bytes of a tile without its header; columns are padded by 3 bytes at most."""
    return len(tile) - 8 - int.from_bytes(tile[4:8], "little")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1_000_000, help="events of the catalogue")
    asked = parser.parse_args()
    report = Report("map_tiles", vars(asked))
    with psycopg.connect(os.environ["DATABASE_URL"]) as line:
        fill(line, asked.size, real_ids=True)
    before = peak_memory_mb()
    begun = time.perf_counter()
    made = job.make()
    assert made is not None and len(made.new) == len(made.tiles)
    report.add("first_build_s", time.perf_counter() - begun, "s", at_most=60, goal=True)
    report.add("first build: memory", peak_memory_mb() - before, "MB")
    report.add("tiles", len(made.tiles), "")
    bodies = [bytes(body) for body in MapTile.objects.values_list("body", flat=True)]
    report.add("bytes an event, packed", sum(map(len, bodies)) / asked.size, "B")
    columns = sum(columns_bytes(gzip.decompress(body)) for body in bodies)
    report.add("bytes_per_event", columns / asked.size, "B", at_most=20.01)

    def one_change() -> None:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as line:
            line.execute(CHANGE)
        changed = job.make()
        assert changed is not None and len(changed.new) == 1

    report.add("one_change_s", middle_of_three(one_change), "s", at_most=1, goal=True)
    report.add("nothing changed", middle_of_three(job.make) * 1000, "ms")

    manifest = MapManifest.current()
    assert manifest is not None and manifest.version is not None
    listed = fetched("api/v1/map/tiles.json").json()["tiles"]
    largest = max(listed, key=lambda tile: tile["bytes"])["url"]
    for name, path in (
        ("manifest", "api/v1/map/tiles.json"),
        ("largest tile", largest),
        ("changes", f"api/v1/map/changes.json?since={manifest.version - 3}"),
        ("map/events.json, 20,000 events", "api/v1/map/events.json?lang=en"),
        ("matching: one agency", "api/v1/map/matching.bin?agency=SOME"),
        ("matching: a circle", "api/v1/map/matching.bin?latitude=43&longitude=77&maxradiuskm=300"),
    ):
        fetched(path)
        seconds = middle_of_three(lambda path=path: fetched(path))
        report.add(f"HTTP: {name}", seconds * 1000, "ms")
        if "one agency" in name:
            matching = map_tiles.decode_matching(fetched(path).content)
            report.add("matching: ids", matching.header["count"], "")
            report.add("matching_s", seconds, "s", at_most=5, goal=True)
    report.print()


if __name__ == "__main__":
    main()
