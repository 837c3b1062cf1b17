"""``deploy/`` at work: nginx with a certificate of our own before the units' own commands."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import requests
from requests.adapters import HTTPAdapter
from stack import Stack

from tests.live.deployed import ROOT, Deployment
from tests.live.mishaps import bulletin, finished

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]

PASSWORD = "a-duty-officer-of-Almaty"
PREPARE = f"""
from catalog.models import AccessToken, Agency, User
user = User.objects.create_superuser("duty", password="{PASSWORD}")
Agency.objects.create(code="SOME")
print("token", AccessToken.issue(user, "test", ["upload"])[1])
"""
COLUMNS = (
    "SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass"
    " AND attnum > 0 AND NOT attisdropped"
)
#: Rows of 10 kB, so that 5,000 are a download of 50 MB. The event they are copies of is real.
COPIES = {
    "catalog_event": {
        "id": "1000000 + n",
        "public_id": "'kz1999copy' || n",
        "preferred_origin_id": "NULL",
        "preferred_magnitude_id": "NULL",
        "preferred_focal_mechanism_id": "NULL",
    },
    "catalog_eventrow": {
        "event_id": "1000000 + n",
        "public_id": "'kz1999copy' || n",
        "csv_line": "repeat('x', 10000) || E'\\n'",
    },
}
BIG = "api/v1/download.csv"
SECURITY_HEADERS = (
    "Strict-Transport-Security",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack() as stack:
        stack.collect_static()
        yield stack


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    printed = stack.manage("shell", "-v0", "-c", PREPARE).stdout
    return next(line.split()[1] for line in printed.splitlines() if line.startswith("token "))


@pytest.fixture(scope="module")
def site(stack: Stack, token: str) -> Iterator[Deployment]:
    deployment = Deployment(stack)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


@pytest.fixture(scope="module")
def catalogue(site: Deployment, stack: Stack, token: str) -> None:
    """A bulletin sent through nginx and worked off by the unit's worker; then many copies."""
    with open(bulletin(stack, "SOME", 2001), "rb") as file:
        answer = visitor(site).post(
            site.url + "api/v1/uploads",
            headers={"Authorization": f"Bearer {token}"},
            files={"file": file},
            data={"agency": "SOME"},
        )
    assert answer.status_code == 202, answer.text
    finished(stack)
    for table, changed in COPIES.items():
        columns = stack.psql(COLUMNS.format(table=table)).split()
        values = ", ".join(changed.get(column, f"model.{column}") for column in columns)
        stack.psql(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
            f" FROM (SELECT * FROM {table} ORDER BY 1 LIMIT 1) model, generate_series(1, 5000) n"
        )


class From(HTTPAdapter):
    """Ask from an address of one's own: all of 127.0.0.0/8 is this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **words: object) -> None:
        # The kernel would take over tens of megabytes for a reader who reads nothing.
        small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)]
        super().init_poolmanager(
            *args, source_address=(self.address, 0), socket_options=small, **words
        )


def visitor(site: Deployment, address: str = "127.0.0.1") -> requests.Session:
    session = requests.Session()
    session.verify = str(site.certificate)
    session.trust_env = False
    session.mount("https://localhost", From(address))
    session.headers["Accept-Encoding"] = "identity"
    return session


def test_plain_http_is_sent_to_https(site: Deployment) -> None:
    answer = requests.get(
        f"http://127.0.0.1:{site.http}/en/search/?minkr=11",
        headers={"Host": "localhost"},
        allow_redirects=False,
        timeout=30,
    )
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://localhost/en/search/?minkr=11"


@pytest.mark.parametrize("path", ["en/about/", "static/img/mark.svg", "api/v1/uploads", "en/none/"])
def test_no_security_header_is_missing_or_there_twice(site: Deployment, path: str) -> None:
    context = ssl.create_default_context(cafile=str(site.certificate))
    line = http.client.HTTPSConnection("localhost", site.https, context=context, timeout=30)
    line.request("GET", f"/{path}")
    found = Counter(name.title() for name, _value in line.getresponse().getheaders())
    line.close()
    # A picture or a script needs no word on what it may load or who may frame it.
    wanted = SECURITY_HEADERS[:1] if path.startswith("static") else SECURITY_HEADERS
    assert {name: found[name.title()] for name in wanted} == dict.fromkeys(wanted, 1)
    assert max(found[name.title()] for name in SECURITY_HEADERS) == 1
    assert found["Server"] == 1


def test_texts_are_pressed_and_static_files_come_ready_made(site: Deployment) -> None:
    page = visitor(site).get(site.url + "en/about/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert style
    answer = visitor(site).get(site.url + style[1][1:], headers={"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert "immutable" in answer.headers["Cache-Control"]


def test_sign_in_over_https_with_secure_cookies(site: Deployment) -> None:
    session = visitor(site)
    address = site.url + "en/login/"
    page = session.get(address)
    code = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert code
    form = {"username": "duty", "password": PASSWORD, "csrfmiddlewaretoken": code[1]}
    # Over HTTPS a form counts only when it comes from a page of ours.
    assert session.post(address, data=form).status_code == 403
    foreign = session.post(address, data=form, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    answer = session.post(address, data=form, headers={"Referer": address}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/en/desk/")
    cookies = {cookie.name: cookie for cookie in session.cookies}
    assert set(cookies) == {"csrftoken", "sessionid"}
    assert all(cookie.secure for cookie in cookies.values())
    assert cookies["sessionid"].has_nonstandard_attr("HttpOnly")
    desk = session.get(site.url + "en/desk/")
    assert desk.status_code == 200
    assert "no-store" in desk.headers["Cache-Control"]


def test_absolute_links_are_https(site: Deployment, catalogue: None) -> None:
    session = visitor(site)
    wadl = session.get(site.url + "fdsnws/event/1/application.wadl").text
    assert f'base="{site.url}fdsnws/event/1/"' in wadl
    page = session.get(site.url + "api/v1/events?pagesize=2")
    for text in (wadl, page.text, session.get(site.url + "fdsnws/event/1/query?minmag=x").text):
        assert f"http://localhost:{site.https}" not in text
    assert f"{site.url}api/v1/events" in page.text


@contextmanager
def begun(session: requests.Session, address: str) -> Iterator[requests.Response]:
    """A download whose first bytes have come and whose reader then waits."""
    with session.get(address, stream=True, timeout=30) as answer:
        pieces = answer.iter_content(1000)  # kept: its end is the connection's
        next(pieces)
        yield answer


def test_heavy_answers_are_counted_by_the_visitors_own_address(
    site: Deployment, catalogue: None
) -> None:
    with ExitStack() as open_downloads:
        for forged in ("198.51.100.1", "198.51.100.2"):
            session = visitor(site, "127.0.0.2")
            session.headers["X-Forwarded-For"] = forged
            first = open_downloads.enter_context(begun(session, site.url + BIG))
            assert first.status_code == 200
        session = visitor(site, "127.0.0.2")
        session.headers.update({"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"})
        third = open_downloads.enter_context(begun(session, site.url + BIG))
        assert (third.status_code, third.headers["Retry-After"]) == (429, "10")
        other = open_downloads.enter_context(begun(visitor(site, "127.0.0.3"), site.url + BIG))
        assert other.status_code == 200


def downloading(stack: Stack) -> list[str]:
    """The sessions in which an answer is being read from the database."""
    return stack.psql(
        "SELECT pid FROM pg_stat_activity"
        " WHERE usename = 'portal_download' AND xact_start IS NOT NULL"
    ).split()


def test_a_download_of_50_mb_starts_at_once_and_is_held_nowhere(
    site: Deployment, stack: Stack, catalogue: None
) -> None:
    stack.wait_until(lambda: not downloading(stack), 30, "the end of other downloads")
    temporary = site.folder / "temp" / "proxy"
    with visitor(site).get(site.url + BIG, stream=True, timeout=30) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_content(1 << 16)  # kept: its end is the connection's
        got = len(next(pieces))
        # The first bytes are here and the database is still being read: nothing of the rest is
        # held in nginx, which would have taken it over in memory and files.
        assert len(downloading(stack)) == 1
        assert [file for file in temporary.rglob("*") if file.is_file()] == []
        got += sum(map(len, pieces))
    assert got > 50_000_000
    assert "Content-Length" not in answer.headers


def test_an_answer_that_breaks_off_in_the_middle_breaks_the_connection(
    site: Deployment, stack: Stack, catalogue: None
) -> None:
    stack.wait_until(lambda: not downloading(stack), 30, "the end of other downloads")
    with visitor(site).get(site.url + BIG, stream=True, timeout=30) as answer:
        pieces = answer.iter_content(1000)
        next(pieces)
        (reader,) = downloading(stack)
        stack.psql(f"SELECT pg_terminate_backend({reader})")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(pieces)


def refused_body(
    site: Deployment, path: str, size: int, **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    """Announce a body of some size; the refusal comes before any of it is sent."""
    context = ssl.create_default_context(cafile=str(site.certificate))
    line = http.client.HTTPSConnection("localhost", site.https, context=context, timeout=30)
    line.putrequest("POST", path, skip_accept_encoding=True)
    for name, value in {"Content-Length": str(size), **headers}.items():
        line.putheader(name.replace("_", "-"), value)
    line.endheaders()
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer, text


def test_a_body_that_is_too_large_is_refused_in_words(site: Deployment, token: str) -> None:
    answer, text = refused_body(site, "/api/v1/uploads", 60_000_000)
    assert answer.status == 413
    assert '"code": "file-too-large"' in text and '"limit": 52428800' in text
    answer, text = refused_body(
        site, "/ru/desk/upload/", 2_000_000_000, Accept="text/html", Accept_Language="ru"
    )
    assert answer.status == 413
    assert '<html lang="ru">' in text and "<h1>" in text
    # Where nothing is uploaded a megabyte is enough.
    answer, text = refused_body(site, "/en/login/", 2_000_000, Accept="text/html")
    assert answer.status == 413


def test_a_body_that_does_not_say_its_size_is_stopped(site: Deployment) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(3000):
            yield b"x" * 1000

    try:
        answer = visitor(site).post(site.url + "en/login/", data=body(), timeout=30)
    except requests.exceptions.ConnectionError:
        return  # it was still being sent when the door was closed
    assert answer.status_code == 413


def test_metrics_are_for_this_machine(site: Deployment, catalogue: None) -> None:
    text = visitor(site).get(site.url + "metrics").text
    assert "portal_up 1.0" in text
    assert 'portal_requests_total{method="POST",page="api-upload",status="202"} 1.0' in text
    assert visitor(site, "127.0.0.2").get(site.url + "metrics").status_code == 403


def test_logs_are_one_json_object_a_line_with_request_and_ids(
    site: Deployment, catalogue: None
) -> None:
    answer = visitor(site, "127.0.0.4").get(site.url + "en/about/")
    name = answer.headers["X-Request-ID"]
    lines = (site.folder / "log" / "deployed-web.log").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    (mine,) = [line for line in told if line.get("request") == name]
    assert (mine["path"], mine["status"], mine["address"]) == ("/en/about/", 200, "127.0.0.4")
    worker = (site.folder / "log" / "deployed-worker.log").read_text().splitlines()
    work = [json.loads(line) for line in worker if '"logger": "processing.tasks"' in line]
    kinds = {line["kind"]: line for line in work if "kind" in line}
    assert {"read", "associate", "recompute"} <= set(kinds)
    assert kinds["recompute"]["runs"] == [1]
    assert kinds["recompute"]["objects"]


def test_a_visitor_who_stops_reading_does_not_stop_others(
    site: Deployment, stack: Stack, catalogue: None
) -> None:
    with begun(visitor(site), site.url + BIG), begun(visitor(site), site.url + BIG):
        started = time.monotonic()
        assert visitor(site).get(site.url + "en/about/").status_code == 200
        assert time.monotonic() - started < 10


@contextmanager
def streaming(site: Deployment, address: str, last: str = "") -> Iterator[Iterator[str]]:
    """The lines of the stream of changes, as they come."""
    headers = {"Last-Event-ID": last} if last else {}
    session = visitor(site, address)
    url = site.url + "stream/events"
    with session.get(url, headers=headers, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines) == "retry: 5000"
        yield lines


def change_told(lines: Iterator[str]) -> dict[str, object]:
    """Read up to the next event of the stream."""
    data = next(line for line in lines if line.startswith("data: "))
    found: dict[str, object] = json.loads(data.removeprefix("data: "))
    return found


#: Publish a change of an event, as a worker does at the end of its transaction.
CHANGE = """
    WITH n AS (UPDATE catalog_feedcounter SET value = value + 1 RETURNING value)
    INSERT INTO catalog_change (number, kind, event_id, at, details)
    SELECT n.value, 'updated', min(e.event_id), now(), '{}'::jsonb FROM n, catalog_eventrow e
    GROUP BY n.value RETURNING number
"""


def test_a_change_goes_through_nginx_at_once_and_none_is_lost(
    site: Deployment, stack: Stack, catalogue: None
) -> None:
    with streaming(site, "127.0.0.6") as lines:
        first = int(stack.psql(CHANGE).split()[0])
        told = change_told(lines)
        assert (told["number"], told["kind"]) == (first, "updated")
        # The address by which the reader knows the site, from nginx's word.
        assert told["url"] == f"{site.url}api/v1/events/{told['id']}"
        assert visitor(site).get(str(told["url"])).json()["time"] == told["time"]
    # Away meanwhile, and the process has lost its database, too.
    stack.psql(CHANGE)
    stack.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'portal stream'"
    )
    stack.psql(CHANGE + ";" + CHANGE)
    with streaming(site, "127.0.0.6", last=str(first)) as lines:
        assert [change_told(lines)["number"] for _ in range(3)] == [first + n for n in (1, 2, 3)]


def test_readers_of_the_stream_are_counted_by_the_visitors_own_address(
    site: Deployment, catalogue: None
) -> None:
    with ExitStack() as readers:
        for _ in range(5):
            readers.enter_context(streaming(site, "127.0.0.7"))
        refused = visitor(site, "127.0.0.7").get(
            site.url + "stream/events", headers={"X-Forwarded-For": "198.51.100.1"}
        )
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        readers.enter_context(streaming(site, "127.0.0.8"))


def test_the_socket_is_for_nginx_only(site: Deployment) -> None:
    """What comes over the socket is believed, so the socket is not a port others could reach."""
    with socket.socket(socket.AF_UNIX) as line:
        folder = os.open(site.folder, os.O_PATH)
        line.connect(f"/proc/self/fd/{folder}/web.sock")
        os.close(folder)
        line.sendall(
            b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.9\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 200")


def test_the_nightly_backup_saves_what_can_be_restored(site: Deployment, catalogue: None) -> None:
    (done,) = site.run_oneshot("kzportal-backup.service")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (site.folder / "backups").glob("*-nightly")
    listed = subprocess.run(
        [str(site.stack.postgres.programs / "pg_restore"), "--list", str(folder / "database.dump")],
        capture_output=True,
        text=True,
    )
    assert "TABLE DATA public catalog_bulletinchunk" in listed.stdout


def test_a_page_of_nginx_speaks_while_the_portal_does_not(tmp_path: Path) -> None:
    for name in ("log", "etc"):
        (tmp_path / name).mkdir()
    nothing = SimpleNamespace(
        directory=tmp_path,
        checkout=SimpleNamespace(root=ROOT, folder=lambda name: tmp_path / name),
        env={"STATIC_ROOT": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    alone = Deployment(cast(Stack, nothing))
    alone.write_nginx()
    try:
        alone.start_nginx()
        answer = requests.get(f"{alone.url}en/", verify=str(alone.certificate), timeout=10)
    finally:
        alone.stop()
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "60"
    answer.encoding = "utf-8"
    for words in ("қазір жауап бермейді", "сейчас не отвечает", "does not answer now"):
        assert words in answer.text


@pytest.mark.long
def test_a_new_version_is_put_in_place(site: Deployment, catalogue: None) -> None:
    for done in site.run_oneshot("kzportal-migrate.service"):
        assert done.returncode == 0, done.stdout + done.stderr
    assert list((site.folder / "backups").glob("*-before-migration"))
    checked = subprocess.run(
        [str(site.stack.checkout.root / "deploy" / "manage"), "check", "--deploy"],
        env={"PATH": os.environ["PATH"], "KZPORTAL_SETTINGS": str(site.folder / "etc")},
        capture_output=True,
        text=True,
    )
    assert "no issues" in checked.stdout, checked.stderr
