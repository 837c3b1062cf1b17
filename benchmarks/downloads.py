"""FDSN text and CSV of many events over HTTP, against a bare COPY of the same columns by psql.

The events are synthetic and live in a throw-away database: one finished line each, as publishing
writes them. Whole processes are compared: psql and the web server both send to a pipe that is read
and thrown away.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time

import psycopg
import requests
from stack.report import Report, middle_of_three

NEEDS = ("web",)

EVENTS = """
INSERT INTO catalog_event (public_id, event_type, event_type_certainty, status, preference,
    synthetic, created_at, evidence_version, published_version)
SELECT 'kz2000' || i, 'earthquake', '', 'reviewed', '{}', true, now(), 1, 1
FROM generate_series(1, %s) i
"""
ROWS = """
INSERT INTO catalog_eventrow (event_id, public_id, time, minute_precision, point, latitude,
    longitude, depth_km, depth_type, agency, agencies, catalog, contributor, contributor_id, kr,
    magnitude, magnitude_type, magnitude_agency, magnitude_count, origin_count, event_type,
    event_type_certainty, status, evaluation_mode, felt, has_mechanism, synthetic, place_en,
    place_ru, place_kk, name_en, name_ru, name_kk, fdsn_text, csv_line, renderer_version, version,
    change_number, updated_at)
SELECT id, public_id, timestamptz '2000-01-01' + (id % 90000) * interval '37 min', false,
    ST_SetSRID(ST_MakePoint(50 + id % 37, 40 + id % 15), 4326), 40 + id % 15, 50 + id % 37, 10,
    '', 'SOME', '{SOME,KNDC}', 'KZPORTAL', 'SOME', 'x', 8.5, 4.4, 'mb', 'KNDC', 2, 2, 'earthquake',
    '', 'reviewed', 'manual', false, false, true, '45 km E of Almaty', '', '', '', '', '',
    public_id || '|2014-03-01T12:34:05.06|43.2123|77.1234|10|SOME|KZPORTAL|SOME|1234567|mb|4.4'
        || '|KNDC|45 km E of Almaty|earthquake',
    public_id || ',2014-03-01T12:34:05.06Z,1.2,43.2123,77.1234,10,operator assigned,2.1,3.2,8.5,'
        || '5.1,,,4.4,,,4.4,mb,KNDC,SOME,KNDC SOME,SOME,1234567,earthquake,known,reviewed,manual,'
        || '12,20,120.2,0.55,0.12,false,,false,true,45 km E of Almaty,',
    '1', 1, 1, now()
FROM catalog_event
"""


def fill(events: int) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as line:
        line.execute(EVENTS, [events])
        line.execute(ROWS)
        line.execute("UPDATE catalog_feedcounter SET value = 1")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as line:
        line.execute("VACUUM ANALYZE catalog_eventrow")


def copied(column: str) -> int:
    """Return how many bytes psql sends for one column in the order of a download."""
    query = f"COPY (SELECT {column} FROM catalog_eventrow ORDER BY time DESC, event_id DESC)"
    done = subprocess.run(
        ["psql", os.environ["DATABASE_URL"], "-qAtc", f"{query} TO STDOUT"],
        stdout=subprocess.PIPE,
        check=True,
    )
    return len(done.stdout)


def downloaded(kind: str) -> int:
    """Return how many bytes the web server sends for the whole catalogue."""
    address = f"{os.environ['PORTAL_URL']}api/v1/download.{kind}"
    with requests.get(address, stream=True, timeout=600) as answer:
        answer.raise_for_status()
        return sum(len(part) for part in answer.iter_content(1 << 16))


def first_byte(kind: str) -> float:
    address = f"{os.environ['PORTAL_URL']}api/v1/download.{kind}"
    begun = time.perf_counter()
    with requests.get(address, stream=True, timeout=600) as answer:
        next(answer.iter_content(1))
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=100_000, help="events")
    size = parser.parse_args().size
    fill(size)
    report = Report("downloads", {"events": size})
    for kind, column in (("text", "fdsn_text"), ("csv", "csv_line")):
        assert downloaded(kind) >= copied(column)  # all rows, and both are warm
        bare = middle_of_three(lambda column=column: copied(column))
        served = middle_of_three(lambda kind=kind: downloaded(kind))
        report.add(f"{kind}: psql COPY", bare, "s")
        report.add(f"{kind}: over HTTP", served, "s")
        report.add(f"{kind}: ratio", served / bare, "", at_most=2)
        report.add(f"{kind}: first byte", first_byte(kind), "s", at_most=0.1, goal=True)
    report.print()


if __name__ == "__main__":
    main()
