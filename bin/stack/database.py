"""A private PostgreSQL with PostGIS: always loopback TCP with random passwords.

A Unix socket would have to fit in 107 bytes and a checkout's path may not, so there is none. Three
roles, as the design says: `portal_worker` owns the database, migrates and works; `portal_web`
reads and writes rows within 5 s a statement; `portal_download` only reads, within 15 minutes.
Default privileges stand in template1 too, so databases that tests create have the same rules.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from stack.layout import write_private
from stack.packages import postgres_programs
from stack.processes import Service, free_port, started_at, wait_until
from stack.terminal import Trouble

NAME = "portal"
ROLES = ("portal_admin", "portal_worker", "portal_web", "portal_download")

_SQL = Path(__file__).resolve().parents[2] / "deploy" / "postgresql"
#: The same files as an operator's own PostgreSQL is prepared with.
ROLES_SQL = (_SQL / "roles.sql").read_text()
PRIVILEGES_SQL = (_SQL / "privileges.sql").read_text()

# The throw-away databases of tests lose nothing that matters when the machine stops.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Postgres:
    """One cluster in one folder, run as a child process."""

    directory: Path
    passwords: Mapping[str, str]
    log: Path
    register: Path
    environment: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    service: Service | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        return self.directory / "cluster"

    @property
    def programs(self) -> Path:
        version_file = self.data / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.exists() else None
        programs = postgres_programs(version)
        if programs is None:
            raise Trouble(
                f"the database in {self.data} was made by PostgreSQL {version}, "
                "which is no longer installed (with PostGIS)",
                f"install postgresql-{version} and postgresql-{version}-postgis-3",
            )
        return programs

    def create(self) -> None:
        """Make the cluster, whole or not at all: a half-made one is thrown away first."""
        draft = self.directory / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        password_file = self.directory / "first-password"
        write_private(password_file, self.passwords["portal_admin"] + "\n")
        done = subprocess.run(
            [
                str(self.programs / "initdb"), "--pgdata", str(draft), "--username=portal_admin",
                "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8",
                "--locale=C.UTF-8", "--data-checksums", "--no-sync",
            ],
            capture_output=True, text=True, env=dict(self.environment), cwd="/",
        )  # fmt: skip
        password_file.unlink()
        if done.returncode != 0:
            self.log.write_text(done.stdout + done.stderr)
            raise Trouble("initdb could not make the database", "see the log", self.log)
        draft.rename(self.directory / "unready")
        self._fill(self.directory / "unready")
        (self.directory / "unready").rename(self.data)

    def _fill(self, unready: Path) -> None:
        """Create roles and the database in a cluster that is not yet in its place."""
        maker = Postgres(
            self.directory, self.passwords, self.log, self.register, self.environment, FORGETFUL
        )
        maker._start(unready)
        try:
            maker.psql("postgres", ROLES_SQL, variables=self.passwords)
            maker.psql("template1", PRIVILEGES_SQL)
            maker.psql("postgres", f"CREATE DATABASE {NAME} OWNER portal_worker")
        finally:
            maker.stop()

    @property
    def exists(self) -> bool:
        return self.data.exists()

    def start(self) -> None:
        if not self.exists:
            shutil.rmtree(self.directory / "unready", ignore_errors=True)
            self.create()
        self._start(self.data)

    def _start(self, data: Path) -> None:
        clear_stale_pid_file(data)
        for attempt in (1, 2, 3):
            self.port = free_port(self.port or None)
            self.service = self._service(data)
            self.service.start()
            try:
                self.service.wait_ready(self.answers, timeout=60)
                return
            except Trouble:
                taken = b"Address already in use" in self.log.read_bytes()[-4000:]
                self.service.kill()
                if attempt == 3 or not taken:
                    raise
                self.port = 0  # somebody took the port between our look and the start

    def _service(self, data: Path) -> Service:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "256MB",
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] %u@%d ",
            "timezone": "UTC",
            "lock_timeout": "30s",
            "random_page_cost": "1.1",
            "jit": "off",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Service(
            "PostgreSQL",
            [str(self.programs / "postgres"), "-D", str(data), *options],
            self.log,
            self.environment,
            data,
            self.register,
            stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back
            grace=30,
        )

    def answers(self) -> bool:
        done = subprocess.run(
            [
                str(self.programs / "psql"), "-XqAt", "-c", "SELECT 1",
                *self._where("postgres", "portal_admin"),
            ],
            env={**self.environment, "PGPASSWORD": self.passwords["portal_admin"]},
            capture_output=True,
        )  # fmt: skip
        return done.returncode == 0

    def psql(self, database: str, sql: str, variables: Mapping[str, str] | None = None) -> str:
        """Run SQL as the cluster's administrator; secrets go through stdin, never arguments."""
        script = "".join(f"\\set {name} '{value}'\n" for name, value in (variables or {}).items())
        done = subprocess.run(
            [
                str(self.programs / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1",
                *self._where(database, "portal_admin"),
            ],
            input=script + sql, text=True, capture_output=True,
            env={**self.environment, "PGPASSWORD": self.passwords["portal_admin"]},
        )  # fmt: skip
        if done.returncode != 0:
            raise Trouble(f"SQL failed: {done.stderr.strip()}", "see the log", self.log)
        return done.stdout

    def _where(self, database: str, role: str) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", role, "-d", database]

    def url(self, role: str, database: str = NAME) -> str:
        password = quote(self.passwords[role], safe="")
        return f"postgres://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()


def clear_stale_pid_file(data: Path) -> None:
    """Remove a postmaster.pid that no PostgreSQL of this folder stands behind.

    PostgreSQL itself refuses to start when the number now belongs to any process of the same
    account. A live server of this very folder is stopped: its supervisor is gone.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    first = pid_file.read_text().splitlines()[:1]
    pid = int(first[0]) if first and first[0].strip().isdigit() else 0
    if pid and _serves(pid, data):
        os.kill(pid, signal.SIGINT)
        _wait_gone(pid)
    elif children := _orphans(data):
        for child in children:  # after SIGKILL of the postmaster its children end by themselves
            _wait_gone(child)
    pid_file.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == data.resolve() and Path(
            f"/proc/{pid}/exe"
        ).resolve().name in {"postgres"}
    except OSError:
        return False


def _orphans(data: Path) -> list[int]:
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in numbers if _serves(pid, data)]


def _wait_gone(pid: int) -> None:
    wait_until(lambda: started_at(pid) is None, 30, f"end of PostgreSQL process {pid}")
