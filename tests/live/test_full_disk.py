"""The database's disk runs full while bulletins come in, and has room again (bin/test --full).

The tables lie on a small file system in memory, mounted in a namespace of the database alone; the
journal lies on another, as is good practice: a full journal stops PostgreSQL itself.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import requests
from stack import Stack

from tests.live.mishaps import PREPARE, bulletin, finished, rows

pytestmark = [
    pytest.mark.live,
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]

TOKEN = """
from catalog.models import AccessToken, User
print("token", AccessToken.issue(User.objects.get(username="duty"), "test", ["upload"])[1])
"""
#: As the namespace's root, a file system over the tables' folder; then PostgreSQL as nobody's root.
ENCLOSE = r"""
set -eu
tables=$1 megabytes=$2
shift 2
mkdir -p "$tables.small"
mount -t tmpfs -o "size=${megabytes}m,mode=700" small "$tables.small"
cp -a "$tables/." "$tables.small/"
mount --bind "$tables.small" "$tables"
exec unshare --user --map-user=1000 --map-group=1000 "$@"
"""
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def allowed() -> bool:
    done = subprocess.run(
        [*NAMESPACE, "mount", "-t", "tmpfs", "small", "/mnt"], capture_output=True
    )
    return done.returncode == 0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if not allowed():
        pytest.skip("this machine allows no mount in a namespace of one's own")
    with Stack() as stack:
        stack.manage("shell", "-c", PREPARE.format(bulletins=[]))
        confine(stack, spare=40)
        stack.start_web()
        stack.start_workers()
        stack.start_beat()
        yield stack


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    printed = stack.manage("shell", "-v0", "-c", TOKEN).stdout
    return next(line.split()[1] for line in printed.splitlines() if line.startswith("token "))


def confine(stack: Stack, spare: int) -> None:
    """Start PostgreSQL again with its tables on a file system of little more than their size."""
    postgres = stack.postgres
    postgres.stop()
    tables = postgres.data / "base"
    used = sum(file.stat().st_blocks * 512 for file in tables.rglob("*")) // 2**20
    plain = postgres._service(postgres.data)
    postgres.service = replace(
        plain,
        command=[
            *NAMESPACE, "sh", "-c", ENCLOSE, "enclose", str(tables), str(used + spare),
            *plain.command,
        ],
    )  # fmt: skip
    postgres.service.start()
    postgres.service.wait_ready(postgres.answers, 60)


Ask = Callable[[str], list[tuple]]


@contextmanager
def full(stack: Stack) -> Iterator[Ask]:
    """Fill the database's disk to the last block, and free it again.

    What is asked meanwhile goes over a connection that is there already: a new one may be refused,
    as PostgreSQL writes a small file for it.
    """
    assert stack.postgres.service is not None
    line = psycopg.connect(stack.env["DATABASE_URL"], autocommit=True)
    pid = stack.postgres.service.pid
    filler = Path(f"/proc/{pid}/root{stack.postgres.data}/base/filler")
    with filler.open("wb", buffering=0) as file:
        size = 1 << 20
        while size >= 4096:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    try:
        yield lambda sql: line.execute(sql).fetchall()
    finally:
        filler.unlink()
        line.close()


def send(stack: Stack, token: str, name: str, data: bytes) -> requests.Response:
    return requests.post(
        stack.url + "api/v1/uploads",
        headers={"Authorization": f"Bearer {token}"},
        files={"file": (name, data)},
        data={"agency": "SOME"},
        timeout=60,
    )


def test_an_upload_that_finds_no_room_is_refused_whole_and_taken_later(
    stack: Stack, token: str
) -> None:
    # A comment of noise that cannot be pressed: as large as a big bulletin.
    noise = random.Random(1).randbytes(3_000_000).hex().encode()
    data = Path(bulletin(stack, "SOME", 2001)).read_bytes() + b"\n".join(
        b"# " + noise[n : n + 1000] for n in range(0, len(noise), 1000)
    )
    counted = "SELECT count(*) FROM "
    tables = ("catalog_bulletinfile", "catalog_bulletinchunk", "catalog_eventrow")
    before = [rows(stack, counted + table) for table in tables]
    with full(stack) as asked:
        answer = send(stack, token, "large.csv", data)
        assert (answer.status_code, answer.json()["code"]) == (507, "no-space")
        assert answer.headers["Retry-After"] == "300"
        assert [asked(counted + table) for table in tables] == before
        # Those who read notice nothing.
        assert requests.get(stack.url + "en/about/", timeout=30).status_code == 200
    assert send(stack, token, "large.csv", data).status_code == 202
    finished(stack)
    [(events,)] = before[-1]
    assert rows(stack, counted + tables[-1]) == [(events + 12,)]


def test_work_that_finds_no_room_waits_and_is_done_later(stack: Stack, token: str) -> None:
    before = rows(stack, "SELECT count(*) FROM catalog_event")
    stack.stop_workers()
    path = bulletin(stack, "SOME", 2002, 600)
    assert send(stack, token, "many.csv", Path(path).read_bytes()).status_code == 202
    waiting = (  # the map's tiles are made beside it
        "SELECT state, attempts, last_error FROM processing_workitem"
        " WHERE state <> 'done' AND kind <> 'map-tiles'"
    )
    with full(stack) as asked:
        stack.start_workers()
        stack.wait_until(
            lambda: any("No space left" in error for _s, _a, error in asked(waiting)),
            60,
            "the worker to find the disk full",
        )
        assert {(state, attempts) for state, attempts, _error in asked(waiting)} == {("open", 0)}
        assert asked("SELECT count(*) FROM catalog_event") == before
    stack.psql("UPDATE processing_workitem SET not_before = now() WHERE state = 'open'")
    finished(stack, 120)
    assert rows(stack, "SELECT DISTINCT status FROM processing_processingrun") == [("succeeded",)]
    [(count,)] = before
    assert rows(stack, "SELECT count(*) FROM catalog_eventrow") == [(count + 600,)]
