"""The throw-away stack itself: roles, restarts, and a path no Unix socket could have."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from stack import Stack
from stack.layout import Checkout
from stack.terminal import Trouble

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(migrate=False) as stack:
        yield stack


def test_a_copy_of_a_ready_cluster_starts_within_seconds(stack: Stack) -> None:
    begun = time.monotonic()
    with Stack(migrate=False) as second:
        assert second.psql("SELECT 1").strip() == "1"
        assert second.env["DATABASE_URL"] != stack.env["DATABASE_URL"]
    assert time.monotonic() - begun < 20
    assert not second.directory.exists()


def test_the_database_has_postgis(stack: Stack) -> None:
    assert stack.psql("SELECT extname FROM pg_extension WHERE extname = 'postgis'").strip()


def test_roles_may_do_what_the_design_says_and_no_more(stack: Stack) -> None:
    worker, web, download = (
        stack.env[name] for name in ("DATABASE_URL", "WEB_DATABASE_URL", "DOWNLOAD_DATABASE_URL")
    )
    assert stack.web_env["DATABASE_URL"] == web
    with psycopg.connect(worker, autocommit=True) as line:
        line.execute("DROP TABLE IF EXISTS felt")
        line.execute("CREATE TABLE felt (id serial PRIMARY KEY, text text)")
    with psycopg.connect(web, autocommit=True) as line:
        line.execute("INSERT INTO felt (text) VALUES ('shaken')")
        assert line.execute("SHOW statement_timeout").fetchone() == ("5s",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            line.execute("CREATE TABLE mine (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            line.execute("DROP TABLE felt")
    with psycopg.connect(download, autocommit=True) as line:
        assert line.execute("SELECT text FROM felt").fetchone() == ("shaken",)
        assert line.execute("SHOW statement_timeout").fetchone() == ("15min",)
        line.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            line.execute("DELETE FROM felt")


def test_databases_that_tests_create_have_the_same_rules(stack: Stack) -> None:
    worker = stack.env["DATABASE_URL"]
    download = stack.env["DOWNLOAD_DATABASE_URL"]
    with psycopg.connect(worker, autocommit=True) as line:
        line.execute("CREATE DATABASE another")
    try:
        with psycopg.connect(worker, dbname="another", autocommit=True) as line:
            line.execute("CREATE TABLE shaken (place geometry(Point, 4326))")
        with psycopg.connect(download, dbname="another", autocommit=True) as line:
            line.execute("SELECT place FROM shaken")
    finally:
        with psycopg.connect(worker, autocommit=True) as line:
            line.execute("DROP DATABASE another WITH (FORCE)")


@pytest.mark.parametrize("crash", [False, True])
def test_postgres_comes_back_on_the_same_port_with_what_was_committed(
    stack: Stack, crash: bool
) -> None:
    stack.psql("DROP TABLE IF EXISTS kept; CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    stack.psql("CHECKPOINT")
    port = stack.postgres.port
    stack.restart_postgres(crash=crash)
    assert stack.postgres.port == port
    assert stack.psql("SELECT id FROM kept").strip() == "7"


def test_a_stale_pid_file_naming_a_living_stranger_does_not_stop_postgres(stack: Stack) -> None:
    assert stack.postgres.service is not None
    stack.postgres.service.kill()
    (stack.postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{stack.postgres.data}\n")
    stack.postgres.start()
    assert stack.psql("SELECT 1").strip() == "1"


def test_redis_is_restarted_full_or_empty(stack: Stack) -> None:
    port = stack.redis.port
    stack.redis.command("SET", "wake-up", "1")
    stack.redis.command("SAVE")
    stack.restart_redis()
    assert stack.redis.command("EXISTS", "wake-up") == ":1"
    stack.restart_redis(empty=True)
    assert stack.redis.command("EXISTS", "wake-up") == ":0"
    assert stack.redis.port == port


def test_a_broken_redis_dump_does_not_stop_the_start(stack: Stack) -> None:
    stack.redis.stop()
    (stack.redis.directory / "dump.rdb").write_bytes(b"not a dump")
    stack.redis.start()
    assert stack.redis.command("PING") == "+PONG"


def test_a_path_with_a_space_and_longer_than_a_unix_socket_may_be_works() -> None:
    checkout = Checkout.containing(Path(__file__).resolve().parents[2] / "bin" / "stack" / "x")
    long = checkout.folder("tmp") / ("a long folder " * 8).strip() / "stack"
    assert len(str(long)) > 107
    long.parent.mkdir(parents=True, exist_ok=True)
    with Stack(long, migrate=False) as stack:
        assert stack.psql("SELECT 1").strip() == "1"
        assert stack.redis.command("PING") == "+PONG"


def test_a_condition_that_never_holds_shows_the_logs(stack: Stack) -> None:
    with pytest.raises(AssertionError, match="the moon: not within"):
        stack.wait_until(lambda: False, 0.1, "the moon")
    with pytest.raises(AssertionError, match=r"postgres\.log"):
        stack.wait_until(lambda: False, 0.1)


def test_a_failing_command_is_an_assertion_with_its_output(stack: Stack) -> None:
    with pytest.raises(AssertionError, match="no_such_command"):
        stack.manage("no_such_command")
    assert stack.manage("no_such_command", check=False).returncode != 0


def test_root_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(Trouble, match="root"):
        Stack().start()
