"""ObsPy's client against a filter of the same rows in plain Python, for queries drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import asin, cos, degrees, radians, sin, sqrt
from typing import Any

import psycopg
import pytest
from django.db import connection
from obspy import UTCDateTime
from obspy.clients.fdsn import Client
from obspy.clients.fdsn.header import FDSNNoDataException

from catalog.models import EventRow
from tests.catalog.conftest import committing
from tests.catalog.many_events import fill

EVENTS = 60
QUERIES = 8
#: Under --full.
QUERIES_LONG = 150


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[EventRow]]:
    """The rows of a committed catalogue, newest first; ``server`` serves them."""
    with committing(django_db_blocker):
        settings = connection.get_connection_params()
        settings = {k: settings[k] for k in ("host", "port", "user", "password", "dbname")}
        with psycopg.connect(**settings) as line:
            fill(line, EVENTS)
        yield list(EventRow.objects.order_by("-time", "-event_id"))


@pytest.fixture(scope="module")
def client(server: str) -> Client:
    return Client(server)


def test_obspy_finds_what_a_plain_filter_finds(shop: list[EventRow], client: Client):
    compare(shop, client, seed=1, queries=QUERIES)


@pytest.mark.long
def test_obspy_finds_it_whatever_it_asks(shop: list[EventRow], client: Client):
    compare(shop, client, seed=2, queries=QUERIES_LONG)


def compare(rows: list[EventRow], client: Client, *, seed: int, queries: int) -> None:
    rng = random.Random(seed)
    found = []
    for _ in range(queries):
        asked, expected = draw(rng, rows)
        try:
            events = client.get_events(**asked)
            got = [str(event.resource_id).rsplit("/", 1)[1] for event in events]
        except FDSNNoDataException:
            got = []
        assert got == [row.public_id for row in expected], asked
        found.append(len(got))
    # The draw is worth something: few queries find nothing or everything.
    assert sum(0 < number < EVENTS for number in found) > 0.5 * queries


def draw(rng: random.Random, rows: list[EventRow]) -> tuple[dict[str, Any], list[EventRow]]:
    """Return the words of a query, and what they should find, in order."""
    asked: dict[str, Any] = {}
    kept = rows
    for word in rng.sample(sorted(LIMITS), rng.randint(0, 3)):
        if "minlongitude" in asked and word in ("box", "across"):
            continue  # they share words
        words, holds = LIMITS[word](rng, rng.choice(rows))
        asked |= words
        kept = [row for row in kept if holds(row)]
    kept = ordered(kept, asked.setdefault("orderby", rng.choice(ORDERS)), asked)
    if rng.random() < 0.4:
        asked["offset"] = rng.randint(1, 12)
        kept = kept[asked["offset"] - 1 :]
    if rng.random() < 0.4:
        asked["limit"] = rng.randint(1, 30)
        kept = kept[: asked["limit"]]
    return asked, kept


ORDERS = ("time", "time-asc", "magnitude", "magnitude-asc")


def ordered(rows: list[EventRow], orderby: str, asked: dict[str, Any]) -> list[EventRow]:
    """Sort as the standard says; what has no magnitude comes last, equal ones newest first."""
    newest = sorted(rows, key=lambda row: (row.time, row.pk), reverse=True)
    if orderby == "time":
        return newest
    if orderby == "time-asc":
        return newest[::-1]
    column = asked.get("magnitudetype", "magnitude").lower()
    sign = 1 if orderby.endswith("-asc") else -1

    def size(row: EventRow) -> tuple[bool, float]:
        value = getattr(row, column)
        return value is None, sign * (value or 0.0)

    return sorted(newest, key=size)


# --- the words ---------------------------------------------------------------------------------
# Each makes a limit near an event, so that some are inside, some outside, and one is on it.

Holds = Callable[[EventRow], bool]
Limit = tuple[dict[str, Any], Holds]


def span(rng: random.Random, row: EventRow) -> Limit:
    first = row.time
    last = datetime.fromtimestamp(first.timestamp() + rng.uniform(1e7, 1e9), UTC)
    words = {"starttime": UTCDateTime(first), "endtime": UTCDateTime(last)}
    return words, lambda r: first <= r.time <= last


def box(rng: random.Random, row: EventRow) -> Limit:
    south, north = row.latitude, row.latitude + rng.uniform(1, 12)
    west, east = row.longitude - rng.uniform(1, 30), row.longitude
    if north > 90 or not all(plain(edge) for edge in (south, north, west, east)):
        return box(rng, row)
    words = {
        "minlatitude": south, "maxlatitude": north, "minlongitude": west, "maxlongitude": east
    }  # fmt: skip
    return words, lambda r: south <= r.latitude <= north and west <= r.longitude <= east


def plain(value: float) -> bool:
    """True for a number that ObsPy writes without an exponent."""
    return "e" not in str(value)


def across(rng: random.Random, row: EventRow) -> Limit:
    """Return a box across the date line: all but a strip."""
    east = row.longitude
    west = east + rng.uniform(1, 20)
    words = {"minlongitude": west, "maxlongitude": east}
    return words, lambda r: r.longitude >= west or r.longitude <= east


def circle(rng: random.Random, row: EventRow) -> Limit:
    latitude, longitude = round(row.latitude, 3), round(row.longitude, 3)
    least, most = rng.choice((0.0, 1.0)), rng.uniform(3, 15)
    words = {
        "latitude": latitude, "longitude": longitude, "minradius": least, "maxradius": most
    }  # fmt: skip
    return words, lambda r: least <= arc(latitude, longitude, r.latitude, r.longitude) <= most


def arc(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Return the great-circle distance, degrees (haversine)."""
    up = sin(radians(lat_2 - lat_1) / 2) ** 2
    along = cos(radians(lat_1)) * cos(radians(lat_2)) * sin(radians(lon_2 - lon_1) / 2) ** 2
    return degrees(2 * asin(sqrt(up + along)))


def depths(rng: random.Random, row: EventRow) -> Limit:
    least, most = row.depth_km or 0.0, (row.depth_km or 0.0) + rng.uniform(0, 15)
    words = {"mindepth": least, "maxdepth": most}
    return words, lambda r: r.depth_km is not None and least <= r.depth_km <= most


def magnitudes(rng: random.Random, row: EventRow) -> Limit:
    scale = rng.choice((None, "KR", "mb"))
    column = (scale or "magnitude").lower()
    value = getattr(row, column)
    least = 4.0 if value is None else value
    words: dict[str, Any] = {"minmagnitude": least, "maxmagnitude": least + rng.uniform(0, 3)}
    most = words["maxmagnitude"]
    if scale:
        words["magnitudetype"] = scale

    def holds(r: EventRow) -> bool:
        size = getattr(r, column)
        return size is not None and least <= size <= most

    return words, holds


def kinds(rng: random.Random, row: EventRow) -> Limit:
    return {"eventtype": row.event_type}, lambda r: r.event_type == row.event_type


def updated(rng: random.Random, row: EventRow) -> Limit:
    return {"updatedafter": UTCDateTime(row.updated_at)}, lambda r: r.updated_at > row.updated_at


def who(rng: random.Random, row: EventRow) -> Limit:
    words = {"contributor": "KNDC", "catalog": row.catalog}
    return words, lambda r: r.contributor == "KNDC" and r.catalog == row.catalog


LIMITS: dict[str, Callable[[random.Random, EventRow], Limit]] = {
    "span": span,
    "box": box,
    "across": across,
    "circle": circle,
    "depths": depths,
    "magnitudes": magnitudes,
    "kinds": kinds,
    "updated": updated,
    "who": who,
}
