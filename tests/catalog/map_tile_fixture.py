"""Makes the tile that the scripts' decoder is tested with.

Run ``python -m tests.catalog.map_tile_fixture`` after a change of the format.

``tests/js/tile_v1.bin`` and ``matching_v1.bin`` are what the server packs, ``tile_v1.json`` is what
they mean. Every event is invented.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from catalog.formats import map_tiles

FOLDER = Path(__file__).parents[1] / "js"
START = datetime(1890, 1, 1, tzinfo=UTC)
UNIT_MS = 100
VERSION = 812


def _event(time: datetime, public_id: str, **values: Any) -> dict[str, Any]:
    return {
        "time": time, "id": public_id, "lat": 43.25, "lon": 76.9, "depth_km": None, "kr": None,
        "mpva": None, "magnitude": None, "felt": False, "synthetic": True, "mechanism": False,
        "minute_precision": False, "event_type": "earthquake", **values,
    }  # fmt: skip


def _at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


EVENTS = (
    _event(START, "kz1890222222", depth_km=0.0, kr=10.0, felt=True),
    _event(
        _at(1890, 1, 1, 0, 0, 0, 1), "kz1890zzzzzz", lat=90.0, lon=180.0, depth_km=799.0, kr=25.0,
        magnitude=25.0, mechanism=True,
    ),
    _event(
        _at(1891, 6, 2, 3, 4, 5, 678_901), "kz1890abcdef", lat=-90.0, lon=-180.0, depth_km=-12.0,
        kr=-10.0, magnitude=-10.0, event_type="nuclear explosion",
    ),
    _event(_at(1892, 2, 29, 12), "kz1893h3k2m7", minute_precision=True),
    _event(_at(1893, 1, 1, 1, 1, 1, 500_000), "kz1892234567", mpva=4.3, event_type=""),
    _event(_at(1894, 5, 5), "sc1894", kr=8.15, event_type="quarry blast", synthetic=False),
    _event(_at(1895, 5, 5), "kz1895o0l1iu", magnitude=5.1, depth_km=10.05),
    _event(
        _at(1896, 5, 5), "kz2014mkrxyz", magnitude=5.123, kr=13.604, depth_km=17.3,
        event_type="induced or triggered event",
    ),
    _event(_at(1899, 12, 31, 23, 59, 59, 999_999), "kz1900777777", event_type="rock burst"),
    _event(_at(1899, 12, 31, 23, 59, 59, 999_999), "kz1899kkkkkk", mpva=-3.0, event_type="slide"),
)  # fmt: skip


def packed_events(events: Any) -> Any:
    """Return events, told as above, as the array that is packed."""
    rows = np.zeros(len(events), map_tiles.EVENT)
    for row, event in zip(rows, events, strict=True):
        row["time_us"] = map_tiles.microseconds(event["time"])
        row["public_id"] = event["id"]
        row["latitude"], row["longitude"] = event["lat"], event["lon"]
        for name in ("depth_km", "kr", "mpva", "magnitude"):
            row[name] = math.nan if event[name] is None else event[name]
        for name in ("felt", "synthetic", "mechanism", "minute_precision"):
            row[name] = event[name]
        row["kind"] = map_tiles.kind_of(event["event_type"])
    return rows


def fixture() -> dict[str, bytes]:
    """Return the files by name."""
    events = packed_events(EVENTS)
    body = map_tiles.encode_tile(events, map_tiles.microseconds(START) // 1000, UNIT_MS)
    matching = map_tiles.encode_matching(events["public_id"], VERSION, truncated=True)
    tile = map_tiles.decode_tile(body)
    told = {
        "made_by": "python -m tests.catalog.map_tile_fixture",
        "header": tile.header,
        "columns": {name: column.tolist() for name, column in tile.columns.items()},
        "kinds": {
            **{str(kind): list(types) for kind, types in map_tiles.KINDS.items()},
            str(map_tiles.OTHER_KIND): None,
        },
        # As they were before packing; "time_us" in microseconds since 1970.
        "events": [
            {
                **event,
                "time": event["time"].isoformat(),
                "time_us": int(row["time_us"]),
                "kind": int(row["kind"]),
            }
            for event, row in zip(EVENTS, events, strict=True)
        ],
        # What the tile tells of them.
        "decoded": [
            {
                "id": str(event["public_id"]),
                "time_ms": int(event["time_us"]) / 1000,
                "lat": round(float(event["latitude"]), 6),
                "lon": round(float(event["longitude"]), 6),
                **{
                    name: None if math.isnan(event[name]) else round(float(event[name]), 2)
                    for name in ("depth_km", "kr", "mpva", "magnitude")
                },
            }
            for event in map_tiles.events_of(body)
        ],
        "matching": map_tiles.decode_matching(matching).header,
    }
    text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    return {"tile_v1.bin": body, "matching_v1.bin": matching, "tile_v1.json": text.encode()}


if __name__ == "__main__":
    for name, content in fixture().items():
        (FOLDER / name).write_bytes(content)
