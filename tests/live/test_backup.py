"""A backup holds everything: restored in an empty cluster, each table has the same checksum."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from stack import Stack, backups
from stack.application import Application
from stack.backups import Backup, Database
from stack.migrating import REASON, migrate
from stack.terminal import Progress, Trouble

from tests.live.mishaps import PREPARE, bulletin

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]

WORK = """
from processing import tasks
from processing.models import WorkItem
while item := WorkItem.objects.filter(state="open", lease_until=None).order_by("priority").first():
    tasks.work(item.pk)
"""
#: One line of text for each row, in an order that is the rows' own.
CHECKSUM = """
SELECT count(*), md5(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''))
FROM (SELECT "{table}"::text AS line FROM "{table}") lines
"""
CODE = {"version": "test", "commit": ""}


def database(stack: Stack) -> Database:
    return Database(
        stack.env["DATABASE_URL"], stack.checkout.environment(), stack.postgres.programs
    )


def checksums(database: Database) -> dict[str, str]:
    """Everything a database holds: rows of each table, sequences, triggers, constraints."""
    tables = database.ask(
        "SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p')"
        " AND relnamespace = 'public'::regnamespace"
    ).split()
    found = dict(
        zip(
            tables,
            database.ask(";".join(CHECKSUM.format(table=t) for t in tables)).splitlines(),
            strict=True,
        )
    )
    for name, sql in {
        "(sequences)": "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
        "(triggers)": "SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE NOT tgisinternal ORDER BY 1, 2",
        "(constraints)": "SELECT conrelid::regclass, contype, conname FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "(indexes)": "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "(rights)": "SELECT relname, relacl::text FROM pg_class"
        " WHERE relname LIKE 'catalog%' ORDER BY 1",
    }.items():
        found[name] = "\n".join(sorted(database.ask(sql).splitlines()))
    return found


@pytest.fixture(scope="module")
def full() -> Iterator[Stack]:
    with Stack() as stack:
        files = [(bulletin(stack, "SOME", 2001), "SOME"), (bulletin(stack, "KNDC", 2001), "KNDC")]
        stack.manage("shell", "-c", PREPARE.format(bulletins=files) + WORK)
        yield stack


@pytest.fixture(scope="module")
def saved(full: Stack) -> tuple[Backup, dict[str, str]]:
    """A backup, and what the database held when it was made: other tests change it afterwards."""
    made = backups.make(database(full), full.directory / "saved", reason="test", code=CODE)
    return made, checksums(database(full))


@pytest.fixture(scope="module")
def backup(saved: tuple[Backup, dict[str, str]]) -> Backup:
    return saved[0]


@pytest.fixture(scope="module")
def empty() -> Iterator[Stack]:
    with Stack(migrate=False) as stack:
        yield stack


def test_everything_comes_back_in_an_empty_cluster(
    empty: Stack, saved: tuple[Backup, dict[str, str]]
) -> None:
    backup, before = saved
    assert backups.restore(backup, database(empty), instead=False) is None
    asked = "SELECT has_table_privilege('portal_download', '{}', 'SELECT')"
    assert database(empty).ask(asked.format("catalog_feltreport")) == "t"
    assert database(empty).ask(asked.format("catalog_feltreportpersonal")) == "f"
    after = checksums(database(empty))
    assert before == after
    counts = {table: int(line.split("|")[0]) for table, line in before.items() if table[0] != "("}
    for table in ("bulletinchunk", "origin", "mergedecision", "eventrow", "eventfragment", "user"):
        assert counts[f"catalog_{table}"] > 0, table
    # The guards guard, keys go on, the roles may what they may.
    with psycopg.connect(empty.env["DATABASE_URL"], autocommit=True) as line:
        for sql in ("UPDATE catalog_origin SET depth_km = 1", "DELETE FROM catalog_change"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                line.execute(sql)
        line.execute("INSERT INTO auth_group (name) VALUES ('night watch')")
    with psycopg.connect(empty.env["WEB_DATABASE_URL"], autocommit=True) as line:
        assert line.execute("SELECT count(*) FROM catalog_eventrow").fetchone() == (12,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            line.execute("DROP TABLE catalog_eventrow")
    assert "12 events checked, 0 waiting, 0 differences" in empty.manage("check_catalogue").stdout


def test_a_full_database_is_refused_or_kept_under_another_name(full: Stack, backup: Backup) -> None:
    here = database(full)
    with pytest.raises(Trouble, match=r"not empty: \d+ tables"):
        backups.restore(backup, here, instead=False)
    with psycopg.connect(full.env["DATABASE_URL"]), pytest.raises(Trouble, match="1 sessions"):
        backups.restore(backup, here, instead=True)
    here.ask("INSERT INTO auth_group (name) VALUES ('made after the backup')")
    kept = backups.restore(backup, here, instead=True)
    assert kept is not None and kept.startswith("portal_before_")
    asked = "SELECT count(*) FROM auth_group WHERE name = 'made after the backup'"
    assert (here.named(kept).ask(asked), here.ask(asked)) == ("1", "0")
    assert here.ask("SELECT count(*) FROM catalog_eventrow") == "12"


def test_a_damaged_backup_is_refused_before_anything_is_touched(
    full: Stack, backup: Backup, tmp_path: Path
) -> None:
    copy = tmp_path / backup.folder.name
    shutil.copytree(backup.folder, copy)
    dump = copy / backups.DUMP
    held = bytearray(dump.read_bytes())
    held[len(held) // 2] ^= 1
    dump.write_bytes(held)
    with pytest.raises(Trouble, match="SHA-256 differs"):
        backups.restore(Backup.read(copy), database(full), instead=True)
    (copy / backups.MANIFEST).unlink()
    with pytest.raises(Trouble, match="is no backup"):
        Backup.read(copy)


def test_so_many_backups_of_a_reason_are_kept_and_none_is_half(full: Stack, tmp_path: Path) -> None:
    (tmp_path / ".draft-1").mkdir()  # what a power cut leaves
    (tmp_path / "somebody's folder").mkdir()
    other = backups.make(database(full), tmp_path, reason="by-hand", code=CODE, keep=1)
    made = [backups.make(database(full), tmp_path, reason="nightly", code=CODE, keep=2).folder]
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "psql").symlink_to(full.postgres.programs / "psql")
    (programs / "pg_dump").symlink_to("/bin/false")
    broken = Database(full.env["DATABASE_URL"], full.checkout.environment(), programs)
    with pytest.raises(Trouble, match="pg_dump"):
        backups.make(broken, tmp_path, reason="nightly", code=CODE)
    made += [
        backups.make(database(full), tmp_path, reason="nightly", code=CODE, keep=2).folder
        for _ in range(2)
    ]
    assert backups.finished(tmp_path) == sorted([other.folder, *made[1:]])
    assert made[2].stat().st_mode & 0o077 == 0
    assert {path.name for path in tmp_path.iterdir() if path not in made} == {
        other.folder.name, ".draft-1", "somebody's folder", "programs",
    }  # fmt: skip


def test_the_commands_save_and_check_what_database_url_names(full: Stack, tmp_path: Path) -> None:
    root = full.checkout.root
    environment = {**full.env, "PATH": os.environ["PATH"], "PYTHONPATH": str(root / "bin")}
    words = [sys.executable, "-m", "stack.commands"]
    done = subprocess.run(
        [*words, "backup", str(tmp_path), "--reason", "nightly"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = backups.finished(tmp_path)
    assert str(folder) in done.stdout
    manifest = json.loads((folder / backups.MANIFEST).read_text())
    assert manifest["migrations"]["catalog"] and manifest["code"]["version"]
    for more, code, said in ((["--check"], 0, "as it was written"), ([], 1, "is not empty")):
        done = subprocess.run(
            [*words, "restore", str(folder), *more],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, said in done.stdout + done.stderr) == (code, True)


def test_a_migration_is_preceded_by_a_backup_and_a_failed_one_names_it(
    full: Stack, tmp_path: Path
) -> None:
    application = Application(
        full.checkout, full.env, full.web_env, full.directory / "log", full.directory
    )
    progress = Progress()
    # The third migration of the admin changes no table: undone by its row alone.
    full.psql("DELETE FROM django_migrations WHERE app = 'admin' AND name LIKE '0003%'")
    migrate(application, database(full), tmp_path, progress)
    (first,) = backups.finished(tmp_path)
    assert first.name.endswith(REASON)
    assert Backup.read(first).manifest["migrations"]["admin"].startswith("0002")
    assert database(full).migration_heads()["admin"].startswith("0003")
    # Django believes that a table is not there yet.
    full.psql("DELETE FROM django_migrations WHERE app = 'sessions'")
    with pytest.raises(Trouble, match="migrate") as trouble:
        migrate(application, database(full), tmp_path, progress)
    second = backups.finished(tmp_path)[-1]
    assert f"bin/restore {second} --replace" in str(trouble.value)
    assert "already exists" in str(trouble.value)
    backups.restore(Backup.read(first), database(full), instead=True)
    assert database(full).migration_heads()["admin"].startswith("0002")
