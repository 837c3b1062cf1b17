"""One table of searches, asked of the database and the browser: both must name the same events.

``EVENTS`` and ``QUERIES`` are data. ``expected`` compares plain values: neither side is judged by
its own code. ``python -m tests.catalog.map_queries`` writes them for the scripts' tests with the
events' tiles: ``tests/js/map_queries.json``. Every event is invented.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from catalog.formats import map_tiles
from catalog.querysets import COUNTED_STATUSES
from tests.catalog.map_tile_fixture import FOLDER, packed_events

FILE = FOLDER / "map_queries.json"


def _event(public_id: str, time: str, **values: Any) -> dict[str, Any]:
    return {
        "id": public_id, "time": datetime.fromisoformat(time).replace(tzinfo=UTC), "lat": 43.25,
        "lon": 76.9, "depth_km": None, "kr": None, "mpva": None, "magnitude": None, "felt": False,
        "synthetic": True, "mechanism": False, "minute_precision": False,
        "event_type": "earthquake", "status": "reviewed", **values,
    }  # fmt: skip


EVENTS = (
    # Old, and of little known.
    _event("kz1887222222", "1887-05-28 23:35", minute_precision=True, felt=True, mpva=7.3),
    _event("kz1889aaaaaa", "1889-07-11 22:14:00", kr=17.0, magnitude=8.3, felt=True),
    _event("kz1899zzzzzz", "1899-12-31 23:59:59.999999", depth_km=0.0),
    _event("kz1900222222", "1900-01-01 00:00:00"),
    _event("kz1911ccddee", "1911-01-03 23:25:45", depth_km=25, kr=17.5, magnitude=8.2, felt=True),
    # Around 1970, where times change their sign.
    _event("kz1969tttttt", "1969-12-31 23:59:59.999", kr=9.9, depth_km=9.9),
    _event("kz1970222223", "1970-01-01 00:00:00", kr=10.0, depth_km=10.0),
    _event("kz1970222224", "1970-01-01 00:00:00.000001", kr=10.1, depth_km=10.1),
    # The edges of a second.
    _event("kz2014secaaa", "2014-03-01 11:59:59.999999", kr=8.0, magnitude=3.0),
    _event("kz2014secbbb", "2014-03-01 12:00:00", kr=8.5, magnitude=3.5),
    _event("kz2014secccc", "2014-03-01 12:00:00.000001", kr=8.6, magnitude=3.6),
    _event("kz2014secddd", "2014-03-01 12:00:00.05", kr=9.0, magnitude=4.0),
    _event("kz2014seceee", "2014-03-01 12:00:01", kr=9.5, magnitude=4.5),
    # The edges of sizes: on the grid, and beside it.
    _event("kz2014gridaa", "2014-04-01 00:00:01", kr=11.07, magnitude=5.07, mechanism=True),
    _event("kz2014gridbb", "2014-04-01 00:00:02", kr=11.075, magnitude=5.075),
    _event("kz2014gridcc", "2014-04-01 00:00:03", kr=11.08, magnitude=5.08),
    _event("kz2014griddd", "2014-04-01 00:00:04", kr=5.1, magnitude=5.1),
    _event("kz2014gridee", "2014-04-01 00:00:05", kr=0.29, magnitude=0.29),
    _event("kz2014gridff", "2014-04-01 00:00:06", kr=-0.7, magnitude=-0.7),
    _event("kz2014gridgg", "2014-04-01 00:00:07", kr=0.0, magnitude=0.0),
    _event("kz2014gridhh", "2014-04-01 00:00:08", kr=-10.0, magnitude=-10.0),
    _event("kz2014gridjj", "2014-04-01 00:00:09", kr=25.0, magnitude=25.0),
    _event("kz2014gridkk", "2014-04-01 00:00:10", kr=8.199999999, magnitude=8.200000001),
    # Depths: above the sea, on the grid, beside it, deep.
    _event("kz2014depaaa", "2014-05-01 00:00:01", depth_km=-1.2, kr=9.0),
    _event("kz2014depbbb", "2014-05-01 00:00:02", depth_km=17.3, kr=9.0),
    _event("kz2014depccc", "2014-05-01 00:00:03", depth_km=17.35, kr=9.0),
    _event("kz2014depddd", "2014-05-01 00:00:04", depth_km=17.4, magnitude=4.4),
    _event("kz2014depeee", "2014-05-01 00:00:05", depth_km=650.3, magnitude=6.0),
    _event("kz2014depfff", "2014-05-01 00:00:06", depth_km=0.05),
    # Kinds.
    _event("kz2014blasta", "2014-06-01 10:00", event_type="quarry blast", kr=7.0),
    _event("kz2014blastb", "2014-06-01 10:01", event_type="mining explosion", kr=7.5),
    _event("kz1988nucear", "1988-11-12 03:30:06", event_type="nuclear explosion", magnitude=5.3),
    _event("kz2014indced", "2014-06-02", event_type="induced or triggered event", kr=9.9),
    _event("kz2014rckbst", "2014-06-03", event_type="rock burst", magnitude=2.4),
    _event("kz2014mnccce", "2014-06-04", event_type="mine collapse", magnitude=2.6),
    _event("kz2014ntyped", "2014-06-05", event_type="", kr=8.4, mechanism=True, felt=True),
    _event("kz2014landsd", "2014-06-06", event_type="landslide"),
    _event("kz2014reaaal", "2014-06-07", synthetic=False, kr=12.0, magnitude=4.9, depth_km=15.0,
           felt=True, mechanism=True),
    # Ids of another shape, of another year, and events that do not count.
    _event("sc2014", "2014-07-01", kr=10.5),
    _event("kz2013222222", "2014-01-01 00:00:00.5", kr=10.5),
    _event("kz2014autmtc", "2014-07-02", kr=12.5, status="automatic"),
    _event("kz2014ntcnfr", "2014-07-03", kr=12.5, status="not-confirmed"),
    _event("kz2014pbshed", "2014-07-04", kr=12.5, status="published"),
)  # fmt: skip

#: What the browser answers itself.
QUERIES = (
    "",
    "starttime=2014-03-01T12:00:00",
    "starttime=2014-03-01T12:00:00&endtime=2014-03-01T12:00:00",
    "starttime=2014-03-01T11:59:59&endtime=2014-03-01T12:00:01",
    "endtime=2014-03-01T12:00:00",
    "starttime=2014-03-01T12:00:01&endtime=2014-12-31",
    "starttime=1900-01-01",
    "endtime=1900-01-01",
    "endtime=1899-12-31T23:59:59",
    "starttime=1887-05-28T23:35:00&endtime=1889-07-11T22:14:00",
    "starttime=1970-01-01",
    "endtime=1970-01-01",
    "starttime=1969-12-31T23:59:59&endtime=1970-01-01T00:00:00",
    "starttime=2100-01-01",
    "minkr=11.07",
    "maxkr=11.07&minkr=11",
    "minkr=11.08",
    "maxkr=11.08&minkr=11.08",
    "minkr=5.1&maxkr=5.1",
    "minkr=0.29&maxkr=0.29",
    "minkr=8.2&maxkr=8.5",
    "maxkr=8.19&minkr=8",
    "minkr=-0.7&maxkr=0",
    "maxkr=-10",
    "minkr=-10",
    "minkr=25",
    "maxkr=25",
    "minmagnitude=5.07&maxmagnitude=5.08",
    "minmagnitude=5.08",
    "maxmagnitude=5.07&minmagnitude=5",
    "minmagnitude=5.1&maxmagnitude=5.1",
    "maxmagnitude=8.2&minmagnitude=8",
    "maxmagnitude=0",
    "mindepth=17.3&maxdepth=17.3",
    "mindepth=17.4",
    "maxdepth=17.3&mindepth=10.1",
    "maxdepth=0",
    "mindepth=0&maxdepth=0",
    "mindepth=-2&maxdepth=0.1",
    "mindepth=650.3",
    "mindepth=-100",
    "maxdepth=1000",
    "felt=true",
    "felt=false",
    "hasmechanism=true",
    "hasmechanism=false&minkr=11",
    "synthetic=true",
    "synthetic=false",
    "eventtype=nuclear explosion",
    "eventtype=induced or triggered event",
    "eventtype=rock burst,collapse,mine collapse",
    "eventtype=unknown,earthquake,not reported",
    "minkr=8.5&maxkr=12&mindepth=0&maxdepth=20&starttime=2014-01-01&endtime=2014-12-31T23:59:59",
    "minkr=9&minmagnitude=4.5",
    "felt=true&hasmechanism=true&minkr=8&synthetic=true",
    "starttime=2014-01-01&endtime=2014-01-01T00:00:00",
    "starttime=2014-01-01&endtime=2014-01-01T00:00:01",
)
#: What it must ask the server for: between the steps, or of words that no tile tells.
ASKED = (
    "minkr=11.075",
    "maxkr=11.0749&minkr=11",
    "mindepth=17.35&maxdepth=17.35",
    "minmagnitude=5.075&maxmagnitude=5.075",
    "starttime=2014-03-01T12:00:00.000001",
    "endtime=2014-03-01T12:00:00.05",
    "eventtype=quarry blast",
    "eventtype=earthquake",
    "eventtype=rock burst",
    "minlatitude=44",
    "agency=NONE",
    "faultingstyle=TF",
    "faultingstyle=NF,SS&minkr=8",
)

_FLAGS = {"felt": "felt", "hasmechanism": "mechanism", "synthetic": "synthetic"}
_LIMITS = {
    "starttime": ("time", 1), "endtime": ("time", -1), "minkr": ("kr", 1), "maxkr": ("kr", -1),
    "minmagnitude": ("magnitude", 1), "maxmagnitude": ("magnitude", -1),
    "mindepth": ("depth_km", 1), "maxdepth": ("depth_km", -1), "minlatitude": ("lat", 1),
}  # fmt: skip


def words_of(query: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in query.split("&")) if query else {}


def _matches(event: dict[str, Any], word: str, text: str) -> bool:
    if word in _FLAGS:
        return event[_FLAGS[word]] is (text == "true")
    if word == "eventtype":
        return (event["event_type"] or "unknown") in text.split(",")
    if word in ("agency", "faultingstyle"):  # which no event here has
        return False
    name, sign = _LIMITS[word]
    value = event[name]
    if value is None:
        return False
    limit = datetime.fromisoformat(text).replace(tzinfo=UTC) if name == "time" else float(text)
    return bool(value >= limit if sign > 0 else value <= limit)


def expected(query: str) -> list[str]:
    """Return the ids of the events that match, by plain comparison."""
    return sorted(
        event["id"]
        for event in EVENTS
        if event["status"] in COUNTED_STATUSES
        and all(_matches(event, word, text) for word, text in words_of(query).items())
    )


def tiles() -> list[bytes]:
    """Return the tiles of the events that count, oldest first."""
    counted = sorted(
        (event for event in EVENTS if event["status"] in COUNTED_STATUSES),
        key=lambda event: event["time"],
    )
    rows = packed_events(counted)
    months = [12 * (e["time"].year - 1970) + e["time"].month - 1 for e in counted]
    counts = {month: months.count(month) for month in months}
    return [
        map_tiles.encode_tile(
            rows[[period.month <= m < period.month + period.months for m in months]],
            period.start_ms,
            period.unit_ms,
        )
        for period in map_tiles.periods(counts)
    ]


def fixture() -> str:
    told = {
        "made_by": "python -m tests.catalog.map_queries",
        "tiles": [base64.b64encode(tile).decode() for tile in tiles()],
        "queries": [
            {"query": query, "by": by, "ids": expected(query)}
            for by, queries in (("browser", QUERIES), ("server", ASKED))
            for query in queries
        ],
    }
    return json.dumps(told, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(fixture())
