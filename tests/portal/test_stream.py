"""The stream of changes: how it is written, who is answered how, what happens to slow readers.

Everything but the database is asked over a real socket from the real server; the tests at the end
follow a real catalogue whose connection is cut.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from catalog.api.views import summary
from catalog.downloads import GEOJSON_PROPERTIES
from catalog.models import Change, EventRow
from portal.stream import log as wire
from portal.stream.log import Log, write
from portal.stream.serving import PATH, Limits, Server, Stream
from portal.stream.watching import SUMMARY, connection_words, watch
from tests.catalog.event_rows import make_row

SITE = b"https://catalogue.example.kz"
AT = datetime(2014, 6, 21, 6, 30, 0, 250000, tzinfo=UTC)
SECONDS = 20.0


def change(number: int, **values: Any) -> dict[str, Any]:
    return {"number": number, "kind": "updated", "id": "kz2014karagn", "at": AT, **values}


# --- How it is written -------------------------------------------------------------------------


def test_a_change_is_its_number_its_kind_and_one_line_of_json() -> None:
    text = write(change(7, place_ru="28 км к югу\nот «Караганды»", KR=None)).sent_to(SITE)
    first, second, third, *rest = text.decode().split("\n")
    assert (first, second, rest) == ("id: 7", "event: updated", ["", ""])
    assert json.loads(third.removeprefix("data: ")) == {
        **change(7, at="2014-06-21T06:30:00.25Z"),
        "place_ru": "28 км к югу\nот «Караганды»",
        "KR": None,
        "url": "https://catalogue.example.kz/api/v1/events/kz2014karagn",
    }


def test_a_full_log_knows_whom_it_can_still_serve() -> None:
    log = Log(kept=3)
    assert not log.reaches(0)
    log.begin(10, [write(change(number)) for number in (11, 12)], 12)
    assert [log.reaches(number) for number in (9, 10, 12, 13)] == [False, True, True, False]
    log.add([write(change(number)) for number in (13, 14)], 14)
    assert [log.reaches(number) for number in (10, 11, 14)] == [False, True, True]
    text, last = log.after(12, SITE)
    assert (text.count(b"\nid: ") + 1, last) == (2, 14)
    assert log.after(14, SITE) == (b"", 14)


# --- Over a socket -----------------------------------------------------------------------------


@dataclass
class Running:
    """The server in a thread of its own, and its readers."""

    server: Server
    loop: asyncio.AbstractEventLoop
    port: int
    lines: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def log(self) -> Log:
        return self.server.stream.log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def ask(
        self, query: str = "", method: str = "GET", path: str = PATH, **headers: str
    ) -> http.client.HTTPResponse:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        self.lines.append(line)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, path + query, headers=told)
        return line.getresponse()

    def call(self, function: Callable[..., Any], *words: Any) -> None:
        """Run something in the server's thread and wait for it."""
        done: Future[Any] = Future()
        self.loop.call_soon_threadsafe(lambda: done.set_result(function(*words)))
        done.result(SECONDS)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        async def until() -> None:
            while not condition():
                await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(asyncio.wait_for(until(), SECONDS), self.loop).result()
        assert condition(), what


@contextmanager
def running(log: Log, limits: Limits | None = None, *, follow: bool = False) -> Iterator[Running]:
    """Serve a log; ``follow`` fills it from the database of the tests."""
    begun: Future[Running] = Future()

    async def serve() -> None:
        door = socket.create_server(("127.0.0.1", 0))
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        server = Server(Stream(log, limits))
        begun.set_result(Running(server, asyncio.get_running_loop(), door.getsockname()[1]))
        words = connection_words(connection.settings_dict)
        following = asyncio.create_task(watch(log, words)) if follow else None
        await server.serve([door])
        if following is not None:
            following.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    site = begun.result(SECONDS)
    try:
        if follow:
            site.wait(lambda: log.last is not None, "the database is read")
        yield site
    finally:
        site.server.should_exit = True
        for line in site.lines:
            line.close()
        thread.join(SECONDS)
        assert not thread.is_alive()


@dataclass
class Told:
    """One event of a stream."""

    id: str = ""
    event: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def told(answer: http.client.HTTPResponse, count: int) -> list[Told]:
    """Read so many events, as a browser does: what has no data is none."""
    found: list[Told] = []
    now = Told()
    while len(found) < count:
        line = answer.readline().decode()
        assert line, "the stream ended"
        name, _colon, value = line.rstrip("\n").partition(": ")
        if name == "data":
            now.data = json.loads(value)
        elif name in ("id", "event"):
            setattr(now, name, value)
        elif line == "\n":
            if now.data:
                found.append(now)
            now = Told()
    return found


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """Changes 11 to 20, and room for two readers of one address."""
    log = Log(kept=10)
    log.begin(10, [write(change(number)) for number in range(11, 21)], 20)
    with running(log, Limits(an_address=2, heartbeat_seconds=0.05)) as site:
        yield site


def hang_up(site: Running) -> None:
    for line in site.lines:
        line.close()
    site.lines.clear()
    site.wait(lambda: not site.server.stream.readers, "all readers have left")


@pytest.fixture(autouse=True)
def _all_leave(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "site" in request.fixturenames:
        hang_up(request.getfixturevalue("site"))


def test_a_reader_is_greeted_kept_awake_and_told(site: Running) -> None:
    answer = site.ask()
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/event-stream")
    assert answer.getheader("Cache-Control") == "no-store, no-transform"
    assert answer.getheader("X-Accel-Buffering") == "no"
    assert answer.getheader("Access-Control-Allow-Origin") == "*"
    # The number first: whoever is cut off now comes back with it.
    assert [answer.readline() for _ in range(5)] == [
        b"retry: 5000\n", b"id: 20\n", b"\n", b":\n", b"\n",
    ]  # fmt: skip
    assert site.ask(method="HEAD").getheader("Content-Type") == "text/event-stream"


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [
        ("?after=17", {}, 18),
        ("", {"Last_Event_ID": "18"}, 19),
        ("?after=17", {"Last_Event_ID": "19"}, 20),
        ("?after=10", {}, 11),
    ],
)
def test_a_reader_goes_on_where_it_was(
    site: Running, query: str, headers: dict[str, str], first: int
) -> None:
    wanted = list(range(first, 21))
    events = told(site.ask(query, **headers), len(wanted))
    assert [int(event.id) for event in events] == wanted
    assert events[0].data["url"].startswith(f"http://127.0.0.1:{site.port}/api/v1/events/")


@pytest.mark.parametrize(("after", "since"), [(9, 9), (0, 0), (21, 0)])
def test_a_number_that_is_not_here_leads_to_the_list_of_changes(
    site: Running, after: int, since: int
) -> None:
    (event,) = told(site.ask(f"?after={after}"), 1)
    assert (event.event, event.id, event.data["number"]) == ("reset", "20", 20)
    assert event.data["url"].endswith(f"/api/v1/changes?after={since}")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ({"query": "?minmagnitude=4"}, 400, '"minmagnitude" is not a word'),
        ({"query": "?after=1&after=2"}, 400, "more than once"),
        ({"query": "?after=-1"}, 400, 'after "-1" is not the number of a change'),
        ({"query": "?after=%C2%B2"}, 400, "is not the number"),
        ({"query": "?after=" + "9" * 30}, 400, "is not the number"),
        ({"query": "?" + "a&" * 50}, 400, "too many words"),
        ({"query": "?after=%0d%0aX:1"}, 400, 'after "??X:1"'),
        ({"Last_Event_ID": "x"}, 400, 'Last-Event-ID "x"'),
        ({"Host": "evil.example"}, 400, "does not go by this name"),
        ({"method": "POST"}, 405, "POST is not offered"),
        ({"path": "/stream/"}, 404, PATH),
        ({"method": "OPTIONS"}, 204, ""),
    ],
)
def test_what_is_not_understood_is_refused_in_words(
    site: Running, words: dict[str, str], status: int, text: str
) -> None:
    answer = site.ask(**words)  # type: ignore[arg-type]
    assert (answer.status, text in answer.read().decode()) == (status, True)
    assert answer.getheader("Access-Control-Allow-Origin") == "*"


def test_one_address_reads_so_many_streams_and_no_more(site: Running) -> None:
    for _ in range(2):
        assert site.ask().status == 200
    refused = site.ask(X_Forwarded_For="198.51.100.7")  # not from a proxy of ours: no word of it
    assert (refused.status, refused.getheader("Retry-After")) == (429, "30")
    hang_up(site)
    assert site.ask().status == 200


def test_readers_are_bounded_in_all_and_wait_until_the_database_was_read() -> None:
    log = Log()
    with running(log, Limits(readers=1)) as site:
        assert site.ask().status == 503
        site.call(log.begin, 0, [], 0)
        assert site.ask().status == 200
        refused = site.ask()
        assert (refused.status, refused.getheader("Retry-After")) == (503, "30")


def test_a_proxy_says_for_whom_it_asks(settings: Any) -> None:
    from portal.proxies import Networks
    from portal.stream.serving import understand

    settings.TRUSTED_PROXIES = Networks.parse(["unix"])
    settings.ALLOWED_HOSTS = ["catalogue.example.kz"]
    said = {
        "host": "catalogue.example.kz", "x-forwarded-for": "198.51.100.7",
        "x-forwarded-proto": "https",
    }  # fmt: skip
    scope = {
        "path": PATH, "method": "GET", "client": None, "scheme": "http", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
    }  # fmt: skip
    asked = understand(scope)
    assert (asked.address, asked.site) == ("198.51.100.7", SITE)
    forged = understand({**scope, "client": ("203.0.113.1", 9)})
    assert (forged.address, forged.site[:7]) == ("203.0.113.1", b"http://")


def test_a_reader_who_does_not_read_is_cut_off_and_others_are_not() -> None:
    log = Log()
    log.begin(0, [], 0)
    with running(log, Limits(send_seconds=0.3)) as site:
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
            idle.connect(("127.0.0.1", site.port))
            idle.sendall(f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            site.wait(lambda: len(site.server.server_state.connections) == 1, "it is connected")
            reader = site.ask()
            # More than the kernel takes over for somebody who does not read.
            many = [write(change(number, note="x" * 10_000)) for number in range(1, 401)]
            site.call(log.add, many, 400)
            assert told(reader, 400)[-1].id == "400"
            site.wait(lambda: len(site.server.server_state.connections) == 1, "it is cut off")
        assert site.server.stream.readers.total() == 1


def test_at_a_stop_the_answers_end_whole() -> None:
    log = Log()
    log.begin(0, [], 0)
    with running(log) as site:
        answer = site.ask()
        site.server.should_exit = True
        assert answer.read().endswith(b"\n\n")  # with the last chunk, else IncompleteRead


# --- From the database -------------------------------------------------------------------------


def told_of(row: EventRow, kind: str, **details: Any) -> int:
    """Publish a change."""
    with transaction.atomic():
        return Change.record(kind, row.event, **details).number


@pytest.mark.django_db(transaction=True)
def test_commits_arrive_at_once_and_in_order_whatever_becomes_of_the_connection() -> None:
    row = make_row(
        "kz2014karagn", latitude=49.56, longitude=72.97, depth_km=10.0, kr=11.7, mb=5.25,
        magnitude=5.25, magnitude_type="mb", place_en="28 km S", place_ru="28 км к Ю",
        place_kk="28 км О", felt=True,
    )  # fmt: skip
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'portal stream' AND datname = current_database()"
    )
    with running(Log(kept=50), follow=True) as site:
        before = site.log.last
        assert before is not None
        stream = site.ask()
        number = told_of(row, "created")
        (event,) = told(stream, 1)
        assert (event.event, event.data["number"]) == ("created", number)
        # The same values as the JSON interface.
        request = RequestFactory().get("/", SERVER_NAME="127.0.0.1", SERVER_PORT=str(site.port))
        wanted = summary(row, "en", request)
        for name in {*SUMMARY} - {"place_kk", "place_ru", "place_en"} | {"id", "url"}:
            assert event.data[name] == (None if wanted[name] == "" else wanted[name]), name
        assert [event.data[f"place_{language}"] for language in ("kk", "ru", "en")] == [
            "28 км О", "28 км к Ю", "28 km S",
        ]  # fmt: skip
        assert {SUMMARY[name] for name in SUMMARY if name in GEOJSON_PROPERTIES} <= {
            *GEOJSON_PROPERTIES.values()
        }
        # What is rolled back is not told; several of one transaction are, each once.
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Change.record("updated", row.event)
            raise ZeroDivisionError
        with transaction.atomic():
            for _ in range(3):
                Change.record("updated", row.event)
        assert [int(event.id) for event in told(stream, 3)] == [number + 1, number + 2, number + 3]
        # The connection is cut; what happens meanwhile comes afterwards, once and in order.
        with connection.cursor() as cursor:
            cursor.execute(cut)
            assert cursor.fetchone() == (1,)
        EventRow.objects.all().delete()
        told_of(row, "merged", into="kz2014others")
        told_of(row, "deleted")
        events = told(stream, 2)
        assert [(int(e.id), e.event, e.data.get("into")) for e in events] == [
            (number + 4, "merged", "kz2014others"),
            (number + 5, "deleted", None),
        ]
        assert set(events[1].data) == {"number", "kind", "id", "at", "url"}
        # Somebody else was away since the first.
        events = told(site.ask(Last_Event_ID=str(number)), 5)
        assert [int(event.id) for event in events] == list(range(number + 1, number + 6))
        # A catalogue put back to an earlier state: nobody's number counts any more.
        with connection.cursor() as cursor:
            cursor.execute("UPDATE catalog_feedcounter SET value = 0")
            cursor.execute("NOTIFY catalog_changes")
        (event,) = told(stream, 1)
        assert (event.event, event.id) == ("reset", "0")


# --- Beside it ---------------------------------------------------------------------------------


def test_the_web_server_leads_to_the_stream(settings: Any) -> None:
    settings.STREAM_URL = "http://127.0.0.1:8001/stream/events"
    answer = Client().get("/stream/events?after=7")
    assert answer.status_code == 307
    assert answer["Location"] == "http://127.0.0.1:8001/stream/events?after=7"
    assert answer["Access-Control-Allow-Origin"] == "*"
    settings.STREAM_URL = ""
    assert Client().get("/stream/events").status_code == 404


def test_the_addresses_are_the_sites() -> None:
    assert reverse("api-event", args=["EVENT"]) == wire.EVENTS + "EVENT"
    assert reverse("api-changes") + "?after=" == wire.CHANGES
    assert reverse("stream") == PATH
    assert not settings.STREAM_URL
