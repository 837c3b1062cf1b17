"""A backup: one folder with the whole database and a manifest, whole or not there at all.

    20261123T023300Z-nightly/
        database.dump     pg_dump's custom format: rows, raw files, ledger, accounts, queue
        manifest.json     when, why, of which version and migrations, sizes and SHA-256

Files as received are rows of the database, so there is nothing beside it. Secrets (Django's key,
passwords of roles) are not in a backup: it may be given to another machine without giving that
machine the keys of this one. A new SECRET_KEY only makes people sign in again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from stack.layout import write_private
from stack.terminal import Trouble

DUMP = "database.dump"
MANIFEST = "manifest.json"
FORMAT = 1
NAME = re.compile(r"\d{8}T\d{6}Z-(?P<reason>[a-z-]{1,40})(-\d+)?")
KEEP = 10

# Tables of the portal: those that belong to an extension (PostGIS) are there in an empty database.
TABLES = """
SELECT count(*) FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
HEADS = """
SELECT coalesce(json_object_agg(app, name), '{}') FROM
  (SELECT app, max(name) AS name FROM django_migrations GROUP BY app) heads
"""
ABOUT = """
SELECT json_build_object('server', current_setting('server_version'),
  'major', current_setting('server_version_num')::int / 10000,
  'bytes', pg_database_size(current_database()),
  'postgis', (SELECT extversion FROM pg_extension WHERE extname = 'postgis'))
"""


@dataclass(frozen=True)
class Database:
    """A database to save or restore, by its address; the password is never an argument."""

    url: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    #: The folder of pg_dump and its like; ``None``: the newest there is.
    programs: Path | None = None

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path.lstrip("/"))

    def named(self, name: str) -> Database:
        """Return another database of the same server."""
        parts = urlsplit(self.url)
        return replace(self, url=parts._replace(path=f"/{quote(name, safe='')}").geturl())

    def run(
        self, program: str, *words: str, sql: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs on this database."""
        parts = urlsplit(self.url)
        environment = {
            **self.environment,
            "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port or 5432),
            "PGUSER": unquote(parts.username or ""),
            "PGPASSWORD": unquote(parts.password or ""),
            "PGDATABASE": self.name,
            "PGAPPNAME": "backup",
            "PGCONNECT_TIMEOUT": "10",
        }
        return subprocess.run(
            [self._program(program), *words],
            env=environment, cwd="/", input=sql or "", capture_output=True, text=True,
        )  # fmt: skip

    def _program(self, name: str) -> str:
        if self.programs is not None:
            return str(self.programs / name)
        found = [
            folder / name
            for folder in Path("/usr/lib/postgresql").glob("*/bin")
            if folder.parent.name.isdigit() and (folder / name).exists()
        ]
        if found:
            return str(max(found, key=lambda file: int(file.parent.parent.name)))
        program = shutil.which(name)
        if program is None:
            raise Trouble(f"{name} is not installed", "apt-get install postgresql-client")
        return program

    def ask(self, sql: str) -> str:
        done = self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", sql=sql)
        if done.returncode != 0:
            raise Trouble(
                f"database {self.name}: {done.stderr.strip()}",
                "see that PostgreSQL runs and DATABASE_URL names it",
            )
        return done.stdout.strip()

    def table_count(self) -> int:
        return int(self.ask(TABLES))

    def about(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask(ABOUT))
        return found

    def migration_heads(self) -> dict[str, str]:
        """Return the last applied migration of each app; nothing for a database without any."""
        if self.ask("SELECT to_regclass('public.django_migrations') IS NULL") == "t":
            return {}
        found: dict[str, str] = json.loads(self.ask(HEADS))
        return found


@dataclass(frozen=True)
class Backup:
    """A finished backup."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Backup:
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            if manifest["format"] != FORMAT:
                raise Trouble(
                    f"{folder} is of backup format {manifest['format']}, not {FORMAT}",
                    "restore it with the version of the portal that wrote it",
                )
            return cls(folder, manifest)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Trouble(
                f"{folder} is no backup: {error!r}",
                "name the folder that holds manifest.json, or `latest`",
            ) from error

    def verify(self) -> None:
        """Compare the dump with the manifest, byte for byte."""
        dump, told = self.folder / DUMP, self.manifest["files"][DUMP]
        if (
            not dump.exists()
            or dump.stat().st_size != told["bytes"]
            or digest(dump) != told["sha256"]
        ):
            raise Trouble(
                f"{dump} is not what was written: its size or SHA-256 differs from the manifest",
                "take another copy of this backup, or another backup",
            )


def digest(file: Path) -> str:
    with file.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()


def finished(folder: Path) -> list[Path]:
    """Return the finished backups of a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if NAME.fullmatch(path.name) and (path / MANIFEST).exists()
    )


def make(
    database: Database, folder: Path, *, reason: str, code: Mapping[str, str], keep: int = KEEP
) -> Backup:
    """Write a backup and remove old ones of the same reason beyond those to keep."""
    if not NAME.fullmatch(f"20000101T000000Z-{reason}"):
        raise Trouble(f'"{reason}" is no reason for a name', "use small letters and hyphens")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".draft-{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
    except OSError as error:
        raise Trouble(
            f"no backup can be written to {folder}: {error}",
            "name a folder that this account may write to",
        ) from error
    try:
        manifest = _write(database, draft, reason, code)
        finished_folder = _place(draft, folder, manifest["created"], reason)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    prune(folder, reason, keep)
    return Backup(finished_folder, manifest)


def _write(database: Database, draft: Path, reason: str, code: Mapping[str, str]) -> dict[str, Any]:
    about, heads = database.about(), database.migration_heads()
    created = datetime.now(UTC)
    dump = draft / DUMP
    done = database.run("pg_dump", "--format=custom", "--no-password", f"--file={dump}")
    if done.returncode != 0:
        raise Trouble(
            f"pg_dump: {done.stderr.strip()}", "nothing is kept of this backup; mend the cause"
        )
    dump.chmod(0o600)
    with dump.open("rb") as written:
        os.fsync(written.fileno())
    manifest = {
        "format": FORMAT,
        "created": created.isoformat(timespec="seconds"),
        "reason": reason,
        "code": dict(code),
        "database": {"name": database.name, **about},
        "migrations": heads,
        "files": {DUMP: {"bytes": dump.stat().st_size, "sha256": digest(dump)}},
    }
    write_private(draft / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return manifest


def _place(draft: Path, folder: Path, created: str, reason: str) -> Path:
    """Give a finished draft its name: from now on it is a backup."""
    stem = f"{datetime.fromisoformat(created):%Y%m%dT%H%M%SZ}-{reason}"
    target, number = folder / stem, 1
    while target.exists():
        number += 1
        target = folder / f"{stem}-{number}"
    draft.rename(target)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return target


def prune(folder: Path, reason: str, keep: int) -> None:
    """Remove the oldest backups of a reason; others' and what is no backup stay."""
    same = [path for path in finished(folder) if NAME.fullmatch(path.name)["reason"] == reason]  # type: ignore[index]
    for path in same[: max(0, len(same) - max(1, keep))]:
        gone = path.rename(path.with_name(f".removed-{path.name}"))
        shutil.rmtree(gone)


def restore(backup: Backup, database: Database, *, instead: bool) -> str | None:
    """Put a backup into an empty database, or (``instead``) in the place of a full one.

    The full one is kept under another name, which is returned. What goes wrong on the way leaves
    everything as it was.
    """
    backup.verify()
    target = database.about()
    if backup.manifest["database"]["major"] > target["major"]:
        raise Trouble(
            f"the backup is of PostgreSQL {backup.manifest['database']['server']}, "
            f"this is {target['server']}",
            "restore into the same or a newer version",
        )
    tables = database.table_count()
    if tables == 0:
        _fill(backup, database)
        return None
    if not instead:
        raise Trouble(
            f"the database {database.name} is not empty: {tables} tables",
            "restore into an empty one, or say --replace: the present one is then kept "
            "under another name",
        )
    return _swap(backup, database)


#: Privileges are not restored but given anew by the server's defaults, which let the downloads'
#: role read each new table; what persons wrote of themselves it never may (migration 0028).
KEEP_PERSONAL_APART = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_download')
        AND to_regclass('catalog_feltreportpersonal') IS NOT NULL THEN
        REVOKE ALL ON catalog_feltreportpersonal FROM portal_download;
    END IF;
END $$
"""


def _fill(backup: Backup, database: Database) -> None:
    """Restore into an empty database in one transaction."""
    dump = backup.folder / DUMP
    listed = database.run("pg_restore", "--list", str(dump))
    if listed.returncode != 0:
        raise Trouble(f"pg_restore: {listed.stderr.strip()}", "take another backup")
    # Making an extension needs a superuser, and its tables are the superuser's; where it is there
    # it need not be made. The portal adds no rows to PostGIS's one table.
    there = database.ask("SELECT extname FROM pg_extension").splitlines()
    made = [f" EXTENSION - {name} " for name in there]
    made += [f" COMMENT - EXTENSION {name} " for name in there]
    made += [" TABLE DATA public spatial_ref_sys "] if "postgis" in there else []
    wanted = [
        line
        for line in listed.stdout.splitlines()
        if not any(entry in f"{line} " for entry in made)
    ]
    order = Path(database.environment.get("TMPDIR", "/tmp")) / f"restore-{os.getpid()}.list"
    write_private(order, "\n".join(wanted) + "\n")
    try:
        done = database.run(
            "pg_restore", "--no-password", "--no-owner", "--no-privileges", "--exit-on-error",
            "--single-transaction", f"--use-list={order}", f"--dbname={database.name}", str(dump),
        )  # fmt: skip
    finally:
        order.unlink()
    if done.returncode != 0:
        raise Trouble(
            f"pg_restore: {done.stderr.strip()[-2000:]}",
            "nothing of it was stored; see docs/deployment.md, Restore",
        )
    database.ask(KEEP_PERSONAL_APART)
    heads = database.migration_heads()
    if heads != backup.manifest["migrations"]:
        raise Trouble(f"restored, but the migrations differ: {heads}", "take another backup")
    database.ask("ANALYZE")


def _swap(backup: Backup, database: Database) -> str:
    """Restore into a new database and give it the name of the old one, which is kept."""
    others = database.ask(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    if others != "0":
        raise Trouble(
            f"{others} sessions use the database {database.name}", "stop the portal first"
        )
    door = database.named("postgres")
    stamp = f"{datetime.now(UTC):%Y%m%dt%H%M%S%f}"  # two restores may come within a second
    new, old = f"{database.name}_new_{stamp}", f"{database.name}_before_{stamp}"
    try:
        door.ask(f'CREATE DATABASE "{new}"')
    except Trouble as trouble:
        raise Trouble(
            trouble.what,
            "give the role CREATEDB, or make an empty database and let DATABASE_URL name it",
        ) from trouble
    try:
        _fill(backup, database.named(new))
        door.ask(
            f'BEGIN; ALTER DATABASE "{database.name}" RENAME TO "{old}"; '
            f'ALTER DATABASE "{new}" RENAME TO "{database.name}"; COMMIT'
        )
    except BaseException:
        door.ask(f'DROP DATABASE IF EXISTS "{new}"')
        raise
    return old


def code_version(root: Path) -> dict[str, str]:
    """Return what is known of the code: its version and, in a clone, its commit."""
    project = (root / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    try:
        done = subprocess.run(
            ["git", "-c", f"safe.directory={root}", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True, text=True,
        )  # fmt: skip
        commit = done.stdout.strip() if done.returncode == 0 else ""
    except OSError:
        commit = ""
    return {"version": version[1] if version else "", "commit": commit}
