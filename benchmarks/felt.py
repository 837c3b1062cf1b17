"""Felt reports over HTTP: as many a second as the goal asks, then as many as there can be.

Phones that each hold a connection send JSON to the web server, a few with words of their own, a few
twice; one that gets no answer sends the same report again. Meanwhile a reader opens the event's
page. At the end every report that was ever sent is looked for in the database. The bare cost is
that of psycopg writing rows of the same columns one transaction each, from as many connections.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import statistics
import threading
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import django
import psycopg
from stack.report import Report

django.setup()

from django.contrib.gis.geos import Point  # noqa: E402

from catalog.felt_questions import QUESTIONS  # noqa: E402
from catalog.models import Settlement  # noqa: E402
from tests.portal.conftest import published  # noqa: E402

NEEDS = ("web",)
EVENT = "kz2014karagn"
PLACES = 300
PORTAL = urlsplit(os.environ["PORTAL_URL"])
#: One attempt; a phone would wait longer.
PATIENCE_SECONDS = 10.0
ATTEMPTS = 50
#: Of a hundred reports so many have a comment, come twice, are "not felt".
WITH_WORDS, TWICE, NOT_FELT = 10, 10, 20
BARE = """
INSERT INTO catalog_feltreport (client_id, event_id, felt, settlement_id, place, point,
    precision_km, place_source, chosen_grade, answers, language, received_at, device, address_hash,
    flags, verdict, synthetic)
SELECT %s, %s, true, id, '', point, 1, 'settlement', 5, %s, 'kk', now(), %s, %s, '{}', '', false
FROM catalog_settlement WHERE id = %s
"""


def report_of(rng: random.Random, places: list[int]) -> dict[str, object]:
    """Return a report as the form sends it: a tap, a place, half of the questions."""
    answers: dict[str, object] = {}
    for question in rng.sample(QUESTIONS, len(QUESTIONS) // 2):
        code = rng.choice(question.codes)
        answers[question.code] = [code] if question.several else code
    told: dict[str, object] = {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "event": EVENT,
        "grade": 1 if rng.randrange(100) < NOT_FELT else rng.randint(2, 7),
        "settlement": rng.choice(places),
        "answers": answers,
        "language": rng.choice(("kk", "ru", "en")),
    }
    if rng.randrange(100) < WITH_WORDS:
        told["comment"] = "Люстра качалась, проснулись дети. " * rng.randint(1, 8)
    return told


class Line:
    """A kept connection to the web server; a broken one is opened again."""

    def __init__(self) -> None:
        self.open: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Return status and body; 0 where no answer came."""
        try:
            if self.open is None:
                self.open = http.client.HTTPConnection(
                    PORTAL.hostname or "", PORTAL.port, timeout=PATIENCE_SECONDS
                )
            headers = {"Content-Type": "application/json", "Accept-Language": "ru"}
            self.open.request(method, f"{PORTAL.path}{path}", body, headers)
            answer = self.open.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            if self.open is not None:
                self.open.close()
            self.open = None
            return 0, b""


@dataclass
class Load:
    """Phones that send reports, each at its own pace."""

    places: list[int]
    seconds: float
    phones: int
    rate: float = 0.0
    """Reports a second of all phones together; 0: as fast as answers come."""
    first_seed: int = 0
    sent: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    retries: int = 0
    unanswered: int = 0
    took: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        begun = time.monotonic()
        threads = [threading.Thread(target=self.phone, args=(n, begun)) for n in range(self.phones)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.took = time.monotonic() - begun

    def phone(self, number: int, begun: float) -> None:
        rng = random.Random(self.first_seed + number)
        line = Line()
        token = json.loads(line.ask("GET", "api/v1/felt/token")[1])["token"]
        gap = self.phones / self.rate if self.rate else 0.0
        due = begun + gap * number / self.phones
        while (now := time.monotonic()) < begun + self.seconds:
            if gap:
                time.sleep(max(0.0, due - now))
                due += gap
            told = report_of(rng, self.places) | {"token": token}
            body = json.dumps(told).encode()
            for _ in range(2 if rng.randrange(100) < TWICE else 1):
                self.deliver(line, body)
            with self.lock:
                self.sent.append(str(told["id"]))

    def deliver(self, line: Line, body: bytes) -> None:
        for attempt in range(ATTEMPTS):
            asked = time.perf_counter()
            status, _ = line.ask("POST", "api/v1/felt", body)
            with self.lock:
                self.times.append(time.perf_counter() - asked)
                self.retries += attempt > 0
            if status in (200, 201):
                return
            time.sleep(0.2)
        with self.lock:
            self.unanswered += 1


class Reader(threading.Thread):
    """Opens the event's page again and again, five times a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()
        self.times: list[float] = []
        self.wrong = 0

    def run(self) -> None:
        line = Line()
        while not self.stopped.wait(0.2):
            begun = time.perf_counter()
            status, _ = line.ask("GET", f"ru/events/{EVENT}/")
            self.times.append(time.perf_counter() - begun)
            self.wrong += status != 200

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] * 1000


def bare_rate(places: list[int], connections: int, seconds: float) -> float:
    """Return how many rows a second psycopg writes, one transaction each."""
    counts = [0] * connections
    until = time.monotonic() + seconds
    answers = json.dumps({question.code: question.codes[0] for question in QUESTIONS[:7]})

    def write(number: int) -> None:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as line:
            (event,) = line.execute(
                "SELECT id FROM catalog_event WHERE public_id = %s", [EVENT]
            ).fetchone() or (None,)
            while time.monotonic() < until:
                hashes = (f"{number:032x}", f"{number:032x}")
                place = places[counts[number] % len(places)]
                line.execute(BARE, [uuid.uuid4(), event, answers, *hashes, place])
                counts[number] += 1

    threads = [threading.Thread(target=write, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60, help="at the goal's rate")
    parser.add_argument("--rate", type=float, default=50, help="reports a second")
    parser.add_argument("--burst", type=float, default=15, help="seconds as fast as can be")
    parser.add_argument("--phones", type=int, default=16)
    asked = parser.parse_args()
    published()
    Settlement.objects.bulk_create(
        Settlement(
            name_en=f"Place {n}",
            point=Point(60 + n % 20, 42 + n / 30, srid=4326),
            country="KZ",
            population=500 + 700 * n,
        )
        for n in range(PLACES)
    )
    places = list(Settlement.objects.values_list("pk", flat=True))
    report = Report("felt", vars(asked))

    for _ in range(20):  # once unmeasured in each process: templates are read
        Line().ask("GET", f"ru/events/{EVENT}/")
    with Reader() as alone:
        time.sleep(5)
    steady = Load(places, asked.seconds, asked.phones, asked.rate)
    with Reader() as reader:
        steady.run()
    burst = Load(places, asked.burst, asked.phones, first_seed=1000)
    with Reader() as pressed:
        burst.run()

    sent = steady.sent + burst.sent
    with psycopg.connect(os.environ["DATABASE_URL"]) as line:
        (stored,) = line.execute(
            "SELECT count(*) FROM catalog_feltreport WHERE client_id = ANY(%s::uuid[])", [sent]
        ).fetchone() or (0,)
        (rows,) = line.execute("SELECT count(*) FROM catalog_feltreport").fetchone() or (0,)
    bare = bare_rate(places, asked.phones, 3)
    with psycopg.connect(os.environ["DATABASE_URL"]) as line:
        (bare_rows,) = line.execute("SELECT count(*) FROM catalog_feltreport").fetchone() or (0,)
    assert bare_rows - rows == round(bare * 3), "every bare INSERT made a row"

    fast = len(burst.sent) / burst.took
    report.add("steady: reports a second", len(steady.sent) / steady.took, "1/s")
    report.add("steady_p95_ms", p95(steady.times), "ms")
    report.add("reports_per_second", fast, "1/s", at_least=50, goal=True)
    report.add("burst_p95_ms", p95(burst.times), "ms")
    report.add("lost", len(sent) - stored, "", at_most=0)
    report.add("doubled", rows - stored, "", at_most=0)
    report.add("unanswered", steady.unanswered + burst.unanswered, "", at_most=0)
    report.add("sent again for want of an answer", steady.retries + burst.retries, "")
    report.add("page_alone_p95_ms", p95(alone.times), "ms")
    report.add("page: median", statistics.median(reader.times) * 1000, "ms")
    report.add("page_p95_ms", p95(reader.times), "ms", at_most=500, goal=True)
    report.add("page in the burst, p95", p95(pressed.times), "ms")
    report.add("page_errors", alone.wrong + reader.wrong + pressed.wrong, "", at_most=0)
    report.add("bare_inserts_per_second", bare, "1/s")
    report.add("bare_vs_reports", bare / fast, "")
    report.print()


if __name__ == "__main__":
    main()
