"""Downloads over the real web server: a database that dies, a client that takes nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from stack import Stack

from tests.catalog.many_events import fill

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]
#: Some 27 MB of QuakeML: more than all buffers between the portal and its client hold.
EVENTS = 20_000
QUERY = "fdsnws/event/1/query"
SENDING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE query LIKE '%catalog_eventfragment%' AND state = 'active' AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(web=True, environment={"WEB_SEND_TIMEOUT_SECONDS": "1"}) as stack:
        with psycopg.connect(stack.env["DATABASE_URL"]) as line:
            fill(line, EVENTS)
        yield stack


def sending(stack: Stack) -> bool:
    return stack.psql(SENDING).strip() != "0"


def test_a_database_that_dies_breaks_the_answer_off(stack: Stack):
    whole = requests.get(stack.url + QUERY, timeout=60).content
    assert whole.count(b"<event ") == EVENTS and whole.endswith(b"</q:quakeml>\n")
    with requests.get(stack.url + QUERY, stream=True, timeout=60) as answer:
        assert answer.status_code == 200
        parts = answer.iter_content(1 << 16)
        got = next(parts)
        stack.wait_until(lambda: sending(stack), timeout=20, what="the COPY to wait for its reader")
        stack.restart_postgres(crash=True)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for part in parts:
                got += part
    assert len(got) < len(whole) and b"</q:quakeml>" not in got
    again = requests.get(stack.url + QUERY, timeout=60)
    assert again.content.count(b"<event ") == EVENTS


def test_a_client_that_takes_nothing_is_cut_off_and_a_slow_one_is_not(stack: Stack):
    server = urlsplit(stack.url)
    asked = f"GET /{QUERY} HTTP/1.1\r\nHost: {server.netloc}\r\n\r\n".encode()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        line.connect((server.hostname, server.port))
        line.sendall(asked)
        stack.wait_until(lambda: sending(stack), timeout=20, what="the answer to begin")
        stack.wait_until(lambda: not sending(stack), timeout=20, what="the answer to be cut off")
        got = 0
        try:
            while part := line.recv(1 << 20):
                got += len(part)
        except ConnectionResetError:
            pass
    assert 0 < got < 20_000_000
    with requests.get(stack.url + QUERY, stream=True, timeout=60) as answer:
        parts = answer.iter_content(1 << 20)
        got = len(next(parts))
        for _ in range(3):  # it takes a little, again and again, for longer than the limit
            stack.psql("SELECT pg_sleep(0.6)")
            got += len(next(parts))
        for part in parts:
            got += len(part)
    assert part.endswith(b"</q:quakeml>\n")
