"""Files that go another way than a bulletin with ids, and all rows that come of them.

Station readings without an event, an event that comes after its readings, a later edition of a list
without ids, a list read by a column mapping. Each is told in a year of its own, so that one
without a mishap can be compared with one that had it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import numpy as np
from stack import Stack

from processing.core import geodesy
from processing.core.travel_times import load
from tests.live.mishaps import asked

DAYS = 6
LATITUDE, LONGITUDE, DEPTH_KM = 43.1, 77.3, 15.0
#: ST0 to ST2 report the earthquakes, the others send readings only.
STATIONS = ((43.3, 76.9), (42.6, 77.0), (43.9, 77.9), (43.0, 78.4), (42.9, 75.9), (44.5, 76.4))
MAPPING = {
    "delimiter": "semicolon",
    "date_order": "dmy",
    "missing": ["-999"],
    "columns": [
        {"field": field, "heading": heading}
        for field, heading in (
            ("date", "Datum"), ("time", "Uhrzeit"), ("latitude", "Breite"),
            ("longitude", "Laenge"), ("depth_km", "Tiefe"), ("scale:KR", "K"),
        )
    ],
}  # fmt: skip

PREPARE = f"""
from django.contrib.gis.geos import Point
from catalog.models import Agency, ColumnMapping, Station, StationAlias, User
user = User.objects.create_superuser("duty")
for code in ("SOME", "KNDC", "KNET"):
    Agency.objects.create(code=code)
for number, (latitude, longitude) in enumerate({STATIONS!r}):
    point = Point(longitude, latitude, srid=4326)
    station = Station.objects.create(code=f"ST{{number}}", point=point, elevation_m=0.0)
    for agency in Agency.objects.filter(code__in=["SOME", "KNET"]):
        StationAlias.objects.create(agency=agency, code=station.code, station=station)
ColumnMapping.objects.create(name="list", definition={MAPPING!r}, created_by=user)
"""
SEND = """
from pathlib import Path
from catalog.models import Agency, BulletinFile, User
from processing.jobs import ingestion, receiving
user = User.objects.get(username="duty")
for path, agency, format, accept, earlier in {files!r}:
    code, options = ingestion.said_of(format)
    file, _ = receiving.receive(Path(path).name, receiving.open_bytes(Path(path)), user)
    ingestion.request_reading(
        file, agency=Agency.objects.get(code=agency), format=code, requested_by=user,
        options=options, accept_readings=accept,
        edition_of=BulletinFile.objects.filter(name=earlier).first(),
    )
"""


@dataclass(frozen=True)
class File:
    """A file as it is sent: its text without the year, and what is said of it."""

    name: str
    agency: str
    format: str
    text: str
    accept_readings: bool = False
    edition_of: str = ""


@dataclass(frozen=True)
class Way:
    """What is sent before, undisturbed, and then; and what must come of it."""

    control: int
    """The year without a mishap; those after it are for the mishaps."""
    last: File
    before: File | None
    counts: dict[str, int]
    """Rows of each kind that an undisturbed year has."""


def shocks() -> list[datetime]:
    return [datetime(2000, 5, day, 12) for day in range(1, DAYS + 1)]


@cache
def onsets(phase: str) -> tuple[float, ...]:
    """Arrival times of an earthquake at time 0 at the stations [s]."""
    latitudes, longitudes = zip(*STATIONS, strict=True)
    distance, _ = geodesy.distance_azimuth(
        geodesy.geocentric_latitude(LATITUDE), LONGITUDE,
        geodesy.geocentric_latitude(np.array(latitudes)), np.array(longitudes),
    )  # fmt: skip
    table = load("iasp91")
    found = table.predict_codes(
        table.codes([phase] * len(STATIONS)), distance, np.full(len(STATIONS), DEPTH_KM)
    )
    return tuple(float(time) for time in found.time)


def onset(shock: datetime, station: int, phase: str) -> str:
    time = shock + timedelta(seconds=onsets(phase)[station])
    return f"{{year}}{time.isoformat(timespec='milliseconds')[4:]}"


def located() -> File:
    """Earthquakes with the readings of three stations."""
    lines = ["row,event_id,time,latitude,longitude,depth_km,KR,station,phase"]
    for shock in shocks():
        moment = f"{{year}}{shock.isoformat()[4:]}"
        lines.append(
            f"event,s{{year}}-{shock.day},{moment},{LATITUDE},{LONGITUDE},{DEPTH_KM},9.5,,"
        )
        lines += [
            f"arrival,,{onset(shock, station, 'P')},,,,,ST{station},P" for station in range(3)
        ]
    return File("shocks", "SOME", "bulletin-csv", "\n".join(lines) + "\n")


def readings() -> File:
    """Of each earthquake P and S of the other stations, one P again, and one that fits nothing."""
    lines = ["row,time,station,phase"]
    for shock in shocks():
        lines += [
            f"arrival,{onset(shock, station, phase)},ST{station},{phase}"
            for station in range(3, 6)
            for phase in ("P", "S")
        ]
        lines.append(f"arrival,{onset(shock, 0, 'P')},ST0,P")
        lines.append(f"arrival,{onset(shock + timedelta(hours=6), 4, 'P')},ST4,P")
    text = "\n".join(lines) + "\n"
    return File("readings", "KNET", "bulletin-csv", text, accept_readings=True)


def edition(number: int) -> File:
    """A list without ids; in the later one a day is left out, a day is new, some are revised."""
    days = range(1, DAYS + 1) if number == 1 else (*range(1, DAYS), DAYS + 1)
    lines = ["time,latitude,longitude,kr"]
    for day in days:
        revised = number == 2 and day % 2 == 0
        lines.append(
            f"{{year}}-05-{day:02d}T00:00:{4 if revised else 0:02d}Z,"
            f"{43.0 + 0.1 * day + 0.1 * revised:.1f},77.{day},{9 + 0.1 * day + 0.2 * revised:.1f}"
        )
    earlier = "" if number == 1 else "edition1"
    name = f"edition{number}"
    return File(name, "KNDC", "catalogue-csv", "\n".join(lines) + "\n", edition_of=earlier)


def mapped() -> File:
    """A list that no reader knows; one row has no time of day, one has a depth nobody can read."""
    lines = ["Datum;Uhrzeit;Breite;Laenge;Tiefe;K"]
    for day in range(1, DAYS + 1):
        clock = "" if day == 2 else "10:00:01"
        depth = "1O" if day == 3 else "-999" if day == 4 else str(5 * day)
        lines.append(f"{day:02d}.05.{{year}};{clock};43,{day};77,3{day};{depth};9,{day}")
    return File("list", "SOME", "mapped-table:list", "\n".join(lines) + "\n")


_SOLVED = {"events": DAYS, "picks": 11 * DAYS, "accepted": 6 * DAYS, "duplicate": DAYS}
WAYS = {
    "station bulletin": Way(1960, readings(), located(), _SOLVED),
    "event after its readings": Way(1970, located(), readings(), _SOLVED),
    "later edition": Way(
        1980, edition(2), edition(1), {"events": DAYS, "withdrawn": 1, "superseded": 3}
    ),
    "mapped list": Way(1990, mapped(), None, {"events": DAYS, "problems": 1}),
}


def named(file: str, year: int) -> str:
    return f"{file}-{year}.csv"


def send(stack: Stack, files: Iterable[tuple[File, int]], first: str = "") -> None:
    """Write files of a year and send them, one process for all and for what comes first."""
    told = []
    for file, year in files:
        path = stack.directory / named(file.name, year)
        path.write_text(file.text.replace("{year}", str(year)))
        earlier = named(file.edition_of, year) if file.edition_of else ""
        told.append((str(path), file.agency, file.format, file.accept_readings, earlier))
    stack.manage("shell", "-v0", "-c", first + SEND.format(files=told))


#: An event is told by the day of its first origin: a year's events have each a day of its own.
_EVENTS = """
    WITH mine AS (
        SELECT event_id AS id, min(to_char(time, 'MM-DD')) AS day FROM catalog_origin
        WHERE extract(year FROM time) = %(year)s AND event_id IS NOT NULL GROUP BY event_id
    ), reading AS (
        SELECT g.*, replace(f.name, %(year)s::text, '') AS name FROM catalog_bulletinreading g
        JOIN catalog_bulletinfile f ON f.id = g.file_id
        WHERE f.name LIKE '%%-' || %(year)s || '.csv'
    )
"""
#: Every row of a year, told without keys and moments of storing.
ROWS = {
    "events": """
        SELECT mine.day, e.status, e.evidence_version, e.published_version = e.evidence_version,
            row.latitude, row.longitude, row.depth_km, row.kr, row.agencies, row.origin_count,
            row.magnitude_count, row.agency, to_char(row.time, 'HH24:MI:SS'),
            (SELECT array_agg(part::text ORDER BY id) FROM catalog_eventfragment
                WHERE event_id = e.id),
            (SELECT array_agg(kind::text ORDER BY number) FROM catalog_change
                WHERE event_id = e.id),
            (SELECT array_agg(kind::text ORDER BY id) FROM catalog_mergedecision
                WHERE event_id = e.id)
        FROM mine JOIN catalog_event e USING (id)
        LEFT JOIN catalog_eventrow row ON row.event_id = e.id
    """,
    "entries": """
        SELECT reading.name, reading.number, entry.ordinal, entry.superseded_at IS NULL,
            entry.associated_at IS NULL, report.withdrawn_at IS NULL,
            report.current_entry_id = entry.id, mine.day
        FROM reading JOIN catalog_bulletinentry entry ON entry.reading_id = reading.id
        JOIN catalog_report report ON report.id = entry.report_id
        LEFT JOIN mine ON mine.id = report.event_id
    """,
    "readings": """
        SELECT reading.name, reading.number, reading.status, reading.is_current,
            reading.entry_count, reading.problem_count, run.status, run.stage, run.counts::text
        FROM reading JOIN processing_processingrun run ON run.reading_id = reading.id
    """,
    "problems": """
        SELECT reading.name, problem.line_number, problem.code, problem.field, problem.found
        FROM reading JOIN catalog_bulletinproblem problem ON problem.reading_id = reading.id
    """,
    "origins": """
        SELECT mine.day, origin.entry_id IS NULL, origin.superseded_at IS NULL,
            e.preferred_origin_id = origin.id, to_char(origin.time, 'HH24:MI:SS.MS'),
            round(ST_Y(origin.point)::numeric, 4), round(ST_X(origin.point)::numeric, 4),
            round(origin.depth_km::numeric, 2), origin.used_station_count, origin.used_phase_count
        FROM mine JOIN catalog_event e USING (id)
        JOIN catalog_origin origin ON origin.event_id = e.id
    """,
    "magnitudes": """
        SELECT mine.day, size.entry_id IS NULL, size.superseded_at IS NULL, size.type, size.value
        FROM mine JOIN catalog_magnitude size ON size.event_id = mine.id
    """,
    "picks": """
        SELECT reading.name, reading.number, pick.entry_id IS NULL, pick.station_code,
            pick.phase_hint, to_char(pick.time, 'MM-DD HH24:MI:SS.MS'), pick.station_id IS NULL
        FROM reading JOIN catalog_pick pick ON pick.reading_id = reading.id
    """,
    "arrivals": """
        SELECT mine.day, origin.entry_id IS NULL, origin.superseded_at IS NULL, pick.station_code,
            arrival.phase, round(arrival.time_residual::numeric, 2)
        FROM mine JOIN catalog_origin origin ON origin.event_id = mine.id
        JOIN catalog_arrival arrival ON arrival.origin_id = origin.id
        JOIN catalog_pick pick ON pick.id = arrival.pick_id
    """,
    "associations": """
        SELECT to_char(pick.time, 'MM-DD HH24:MI:SS.MS'), pick.station_code, fit.state, fit.phase,
            mine.day, round(fit.time_residual::numeric, 2), fit.rank, fit.is_clear, fit.companion,
            decision.kind, first.station_code || to_char(first.time, 'MM-DD HH24:MI:SS.MS')
        FROM reading JOIN catalog_pick pick ON pick.reading_id = reading.id
        JOIN catalog_pickassociation fit ON fit.pick_id = pick.id
        LEFT JOIN mine ON mine.id = fit.event_id
        LEFT JOIN catalog_mergedecision decision ON decision.id = fit.decision_id
        LEFT JOIN catalog_pick first ON first.id = fit.duplicate_of_id
    """,
}


def everything(stack: Stack, year: int) -> dict[str, list[tuple]]:
    """All rows of a year by kind, in an order that is their own."""
    with asked(stack) as line:
        return {
            kind: sorted(line.execute(_EVENTS + sql, {"year": year}).fetchall(), key=repr)
            for kind, sql in ROWS.items()
        }


def counted(found: dict[str, list[tuple]]) -> dict[str, int]:
    """What an undisturbed year is known by, so that no two empty ones are compared."""
    states = [row[2] for row in found["associations"]]
    return {
        "events": sum(row[1] not in ("merged", "deleted") for row in found["events"]),
        "picks": len(found["picks"]),
        "accepted": states.count("accepted"),
        "duplicate": states.count("duplicate"),
        "withdrawn": sum(row[5] is False for row in found["entries"]),
        "superseded": sum(row[3] is False for row in found["entries"]),
        "problems": len(found["problems"]),
    }
