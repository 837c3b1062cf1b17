"""Tiles of many synthetic events without a database: for the benchmarks of the map.

Sizes follow Gutenberg and Richter, places cluster as epicentres do, so what is drawn and what is
packed are like a real catalogue's. Nothing of it happened.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.formats import map_tiles

FIRST, LAST = np.datetime64("1962-01-01", "us"), np.datetime64("2026-01-01", "us")
#: Clusters lie in this box: longitude and latitude [degrees].
WEST, EAST, SOUTH, NORTH = 46.0, 88.0, 38.0, 56.0
CLUSTERS = 60


@dataclass(frozen=True)
class Served:
    """A manifest as ``/api/v1/map/tiles.json`` answers it, and each tile by its address."""

    manifest: dict[str, Any]
    tiles: dict[str, bytes]


def many_events(count: int, seed: int = 7) -> NDArray[Any]:
    """Return so many events in the order of time, an array of ``map_tiles.EVENT``."""
    rng = np.random.default_rng(seed)
    events = np.zeros(count, map_tiles.EVENT)
    span = (LAST - FIRST).astype(np.int64)
    events["time_us"] = np.sort(rng.integers(0, span, count)) + FIRST.astype(np.int64)
    events["public_id"] = _public_ids(events["time_us"], rng)
    cluster = rng.integers(0, CLUSTERS, count)
    spread = rng.uniform(0.05, 0.8, CLUSTERS)
    for name, low, high in (("longitude", WEST, EAST), ("latitude", SOUTH, NORTH)):
        middle = rng.uniform(low, high, CLUSTERS)
        places = middle[cluster] + spread[cluster] * rng.standard_normal(count)
        events[name] = np.clip(places, low, high).round(4)
    kr = (6 + rng.exponential(1 / np.log(10) / 0.43, count)).round(1)
    reported = rng.random(count)
    events["kr"] = np.where(reported < 2 / 3, np.minimum(kr, 17.5), np.nan)
    magnitude = ((kr - 4) / 1.8 + rng.normal(0, 0.3, count)).round(1)
    events["magnitude"] = np.where((reported > 0.6) & (reported < 0.98), magnitude, np.nan)
    events["mpva"] = np.where(reported > 0.5, magnitude, np.nan)
    depth = rng.gamma(2.0, 6.0, count).round(1)
    events["depth_km"] = np.where(rng.random(count) < 0.9, depth, np.nan)
    events["felt"] = (kr > 11) & (rng.random(count) < 0.7)
    events["mechanism"] = (kr > 10.5) & (rng.random(count) < 0.3)
    events["synthetic"] = True
    events["kind"] = rng.random(count) < 0.1
    return events


def _public_ids(time_us: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    years = time_us.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    alphabet = np.array(list(map_tiles.ALPHABET))
    letters = alphabet[rng.integers(0, len(alphabet), (len(time_us), map_tiles.PLACES))]
    places = np.ascontiguousarray(letters).view(f"U{map_tiles.PLACES}").ravel()
    return np.char.add(np.char.add("kz", years.astype("U4")), places)


def served(count: int, seed: int = 7, version: int = 1) -> Served:
    """Return the manifest and tiles of so many events."""
    events = many_events(count, seed)
    months = events["time_us"].astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    counts = dict(
        zip(*(part.tolist() for part in np.unique(months, return_counts=True)), strict=True)
    )
    told, tiles = [], {}
    for period in map_tiles.periods(counts):
        first, last = np.searchsorted(months, [period.month, period.month + period.months])
        body = map_tiles.encode_tile(events[first:last], period.start_ms, period.unit_ms)
        url = f"/api/v1/map/tiles/{hashlib.sha256(body).hexdigest()[:32]}.bin"
        tiles[url] = body
        told.append(
            {
                "url": url,
                "start": period.start_ms,
                "end": period.end_ms,
                "count": int(last - first),
                "bytes": len(body),
            }
        )
    manifest = {"format": 1, "version": version, "count": count, "tiles": told[::-1]}
    return Served(manifest, tiles)
