"""The published catalogue of a million synthetic events over HTTP: downloads, searches, mixed load.

Whole processes are compared: psql's COPY and the web server both send to a pipe that is read and
thrown away; ObsPy writes the same events, per event. A search is compared with its own two SQL
statements (the page and its bounded count) sent over one connection.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import django
import obspy
import psycopg
import requests
from stack.report import Report, middle_of_three

django.setup()

from django.http import QueryDict  # noqa: E402

from catalog.search import COUNT_LIMIT, EventSearch  # noqa: E402
from tests.catalog.many_events import fill  # noqa: E402

NEEDS = ("web",)
NEWEST_FIRST = "ORDER BY time DESC, event_id DESC"
QUERY = "fdsnws/event/1/query?"
#: Events that ObsPy writes to tell how long it takes for one.
OBSPY_PLAIN, OBSPY_ARRIVALS = 1000, 200
#: What people and scripts ask for: places, spans, sizes, and all of it.
SEARCHES = (
    "",
    "starttime=2020-01-01",
    "starttime=2015-06-01&endtime=2015-06-30",
    "minlatitude=42&maxlatitude=44&minlongitude=75&maxlongitude=79",
    "latitude=43.25&longitude=76.9&maxradiuskm=50",
    "latitude=43.25&longitude=76.9&maxradius=2&minkr=8",
    "minmagnitude=4&orderby=magnitude",
    "minkr=11",
    "polygon=75+41,80+41,80+45,75+45&starttime=2000-01-01",
    "eventtype=quarry+blast&starttime=2024-01-01",
    "agency=SOME&mindepth=10&maxdepth=20",
    "starttime=1990-01-01&minkr=9&maxkr=10",
)


def address(path: str) -> str:
    return os.environ["PORTAL_URL"] + path


def fetched(path: str) -> int:
    """Return how many bytes an answer has; they are thrown away."""
    with requests.get(address(path), stream=True, timeout=900) as answer:
        answer.raise_for_status()
        return sum(len(part) for part in answer.iter_content(1 << 16))


def first_byte(path: str) -> float:
    """Return the milliseconds until the first byte of the body."""
    begun = time.perf_counter()
    with requests.get(address(path), stream=True, timeout=900) as answer:
        answer.raise_for_status()
        next(answer.iter_content(1))
        return (time.perf_counter() - begun) * 1000


def copied(query: str) -> int:
    """Return how many bytes psql's COPY of a query sends."""
    done = subprocess.run(
        ["psql", os.environ["DATABASE_URL"], "-qAtc", f"COPY ({query}) TO STDOUT"],
        stdout=subprocess.PIPE,
        check=True,
    )
    return len(done.stdout)


# --- downloads ---------------------------------------------------------------------------------


def measure_lines(report: Report, events: int) -> None:
    for kind, column in (("text", "fdsn_text"), ("csv", "csv_line")):
        query = f"SELECT {column} FROM catalog_eventrow {NEWEST_FIRST} LIMIT {events}"
        asked = f"{QUERY}format={kind}&limit={events}"
        assert fetched(asked) >= copied(query)  # all rows, and both are warm
        bare = middle_of_three(lambda query=query: copied(query))
        served = middle_of_three(lambda asked=asked: fetched(asked))
        report.add(f"{kind}: psql COPY", bare, "s")
        report.add(f"{kind}: over HTTP", served, "s")
        report.add(f"{kind}_vs_copy", served / bare, "", at_most=2)


def measure_quakeml(report: Report, line: psycopg.Connection, events: int, arrivals: int) -> None:
    line.execute(
        "CREATE TABLE bench_quakeml AS SELECT row_number() OVER () AS number, body FROM ("
        "SELECT convert_from(f.body, 'UTF8') AS body FROM catalog_eventrow r "
        "JOIN catalog_eventfragment f ON f.event_id = r.event_id AND f.part = 'plain' "
        "ORDER BY r.time DESC, r.event_id DESC LIMIT %s) ordered",
        [events],
    )
    line.execute("ALTER TABLE bench_quakeml ADD PRIMARY KEY (number)")
    line.execute("VACUUM ANALYZE bench_quakeml")
    query = "SELECT body FROM bench_quakeml ORDER BY number"
    asked = f"{QUERY}limit={events}"
    size = fetched(asked)
    copied(query)
    bare = middle_of_three(lambda: copied(query))
    served = middle_of_three(lambda: fetched(asked))
    report.add("quakeml: bytes an event", size / events, "B")
    report.add("quakeml: psql COPY", bare, "s")
    report.add("quakeml: over HTTP", served, "s")
    report.add("quakeml_vs_copy", served / bare, "", at_most=3)
    written = written_by_obspy(f"{QUERY}limit={OBSPY_PLAIN}")
    report.add("quakeml: ObsPy writes one event", written / OBSPY_PLAIN * 1e6, "us")
    report.add("quakeml_vs_obspy", (written / OBSPY_PLAIN) / (served / events), "x", at_least=10)
    asked = f"{QUERY}includearrivals=true&limit={arrivals}"
    fetched(asked)  # warm, as the others
    served = middle_of_three(lambda: fetched(asked))
    written = written_by_obspy(f"{QUERY}includearrivals=true&limit={OBSPY_ARRIVALS}")
    report.add("quakeml with arrivals: over HTTP", served, "s")
    report.add(
        "quakeml with arrivals: ObsPy writes one event", written / OBSPY_ARRIVALS * 1e6, "us"
    )
    report.add(
        "quakeml_arrivals_vs_obspy",
        (written / OBSPY_ARRIVALS) / (served / arrivals),
        "x",
        at_least=30,
    )


def written_by_obspy(path: str) -> float:
    """Return the seconds ObsPy needs to write what it read from an address."""
    answer = requests.get(address(path), timeout=900)
    answer.raise_for_status()
    catalog = obspy.read_events(io.BytesIO(answer.content), format="QUAKEML")
    return middle_of_three(lambda: catalog.write(io.BytesIO(), format="QUAKEML"))


# --- memory ------------------------------------------------------------------------------------


def web_memory() -> float:
    """Return the megabytes of the web server's processes, pages they share counted once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if b"portal.wsgi" not in command:
                continue
            environment = (folder / "environ").read_bytes()
            if os.environ["WEB_PROCESS_DATABASE_URL"].encode() not in environment:
                continue
            sizes = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in sizes if line.startswith("Pss:"))
    return total / 1024


# --- searches ----------------------------------------------------------------------------------


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] * 1000


def measure_searches(report: Report, line: psycopg.Connection, rounds: int) -> None:
    bare, page, api = [], [], []
    session = requests.Session()
    for words in SEARCHES:  # once unmeasured: both sides are warm
        session.get(address(f"en/search/?{words}"), timeout=60).raise_for_status()
    for _ in range(rounds):
        for words in SEARCHES:
            search = EventSearch.from_query(QueryDict(words), "api")
            rows = search.queryset()[:101].query.sql_with_params()
            counted = search.matching().order_by().values("pk")[: COUNT_LIMIT + 1].query
            count_sql, count_params = counted.sql_with_params()
            begun = time.perf_counter()
            line.execute(*rows).fetchall()
            line.execute(f"SELECT count(*) FROM ({count_sql}) found", count_params).fetchall()
            bare.append(time.perf_counter() - begun)
            for times, path in ((page, "en/search/?"), (api, "api/v1/events?")):
                if times is api and "orderby" in words:
                    continue
                begun = time.perf_counter()
                session.get(address(f"{path}{words}"), timeout=60).raise_for_status()
                times.append(time.perf_counter() - begun)
    report.add("search: SQL alone, p95", p95(bare), "ms")
    report.add("search: page, p95", p95(page), "ms", at_most=50, goal=True)
    report.add("search: API, p95", p95(api), "ms", at_most=50, goal=True)
    report.add("search_p95_vs_sql", max(p95(page), p95(api)) / p95(bare), "", at_most=5)


# --- load --------------------------------------------------------------------------------------


class Load:
    """Clients that each ask one thing after another; a 429 is waited out as it says."""

    def __init__(self, clients: int, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.times: list[float] = []
        self.answers: Counter[str] = Counter()
        self.errors: list[str] = []
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(clients)]

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()

    def ask(self, number: int) -> None:
        rng = random.Random(number)
        session = requests.Session()
        while time.monotonic() < self.until:
            kind, path = self.chosen(rng)
            begun = time.perf_counter()
            try:
                with session.get(address(path), stream=True, timeout=120) as answer:
                    for _ in answer.iter_content(1 << 16):
                        pass
                    status = answer.status_code
                    wait = answer.headers.get("Retry-After")
            except requests.RequestException as error:
                with self.lock:
                    self.errors.append(f"{path}: {error!r}")
                continue
            taken = time.perf_counter() - begun
            with self.lock:
                self.answers[f"{kind} {status}"] += 1
                if kind != "heavy":
                    self.times.append(taken)
                if status not in (200, 204, 304) and not (status == 429 and wait):
                    self.errors.append(f"{path}: {status}")
            if status == 429:
                time.sleep(min(float(wait or 1), max(0.0, self.until - time.monotonic())))

    def chosen(self, rng: random.Random) -> tuple[str, str]:
        words = rng.choice(SEARCHES)
        day = rng.randrange(20000)
        kinds: list[tuple[int, str, Callable[[], str]]] = [
            (30, "page", lambda: f"{rng.choice(('en', 'ru', 'kk'))}/search/?{words}"),
            (20, "api", lambda: f"api/v1/events?{words.replace('&orderby=magnitude', '')}"),
            (10, "count", lambda: f"fdsnws/event/1/count?{words or 'starttime=2025-01-01'}"),
            (15, "text", lambda: f"{QUERY}format=text&limit=500&offset={day + 1}"),
            (10, "quakeml", lambda: f"{QUERY}limit=100&includearrivals=true&offset={day + 1}"),
            (10, "changes", lambda: f"api/v1/changes?after={900_000 + day}&limit=100"),
            (4, "feed", lambda: "feeds/all_day.atom"),
            (1, "heavy", lambda: f"{QUERY}format=csv&limit=50000"),
        ]
        at = rng.randrange(sum(weight for weight, _, _ in kinds))
        for weight, kind, path in kinds:
            at -= weight
            if at < 0:
                return kind, path()
        raise AssertionError


# --- all ---------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1_000_000, help="events of the catalogue")
    parser.add_argument("--events", type=int, default=100_000, help="events of a download")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=10, help="of the searches")
    asked = parser.parse_args()
    events = min(asked.events, asked.size)
    begun = time.perf_counter()
    with psycopg.connect(os.environ["DATABASE_URL"]) as line:
        fill(line, asked.size, events)
    print(f"{asked.size} events made in {time.perf_counter() - begun:.0f} s", flush=True)
    report = Report("serve", vars(asked))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as line:
        measure_searches(report, line, asked.rounds)
        measure_lines(report, events)
        measure_quakeml(report, line, events, events)
    waits = [first_byte(f"{QUERY}format={kind}") for kind in ("text", "csv", "xml", "geojson")]
    report.add("first_byte_ms", max(waits), "ms", at_most=100, goal=True)

    before = web_memory()
    for kind in ("text", "xml", "geojson"):
        fetched(f"{QUERY}format={kind}")
    load = Load(asked.clients, asked.seconds)
    load.run()
    growth = web_memory() - before
    report.add("memory: the web server before", before, "MB")
    report.add("memory_growth_mb", growth, "MB", at_most=50)
    for kind, number in sorted(load.answers.items()):
        report.add(f"load: {kind}", number, "answers")
    for error in load.errors[:5]:
        print(error)
    report.add("load: answers a second", sum(load.answers.values()) / asked.seconds, "1/s")
    report.add("load_errors", len(load.errors), "", at_most=0)
    report.add("load_p95_ms", p95(load.times), "ms")
    report.print()


if __name__ == "__main__":
    main()
