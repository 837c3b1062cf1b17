"""A throw-away stack for tests and benchmarks: PostgreSQL, Redis, and what else is wanted.

    with Stack(web=True, worker=True, beat=True) as stack:
        stack.manage("ingest_bulletin", "file.isf")
        stack.kill_workers()
        stack.start_workers()
        stack.wait_until(lambda: finished(stack), timeout=60)

A cluster that is ready to use is made once and copied afterwards (`.local/cache/clusters`), with
and without the migrations applied, so a start takes seconds. Run it through `bin/test` or
`bin/bench`: they have given up root, which PostgreSQL demands.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from stack import database, processes
from stack.application import Application, database_urls, readiness
from stack.broker import Redis
from stack.database import Postgres
from stack.layout import Checkout, random_password, remembered_secrets, write_private
from stack.packages import postgres_programs
from stack.processes import Service
from stack.setup import digest
from stack.terminal import Trouble

KEPT_CLUSTERS = 3


class Stack:
    """A private stack in a folder of its own below `.local/tmp`, removed at the end.

    Parameters
    ----------
    directory
        Where to put it; by default a new folder.
    migrate
        Have all migrations applied to the database `portal`.
    web, worker, beat
        What `start` starts beside PostgreSQL and Redis.
    environment
        More variables for all processes (and for `manage`).
    keep
        Leave the folder when stopped.
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        *,
        migrate: bool = True,
        web: bool = False,
        worker: bool = False,
        beat: bool = False,
        environment: Mapping[str, str] | None = None,
        worker_concurrency: int = 2,
        keep: bool = False,
    ) -> None:
        self.checkout = Checkout.containing(__file__)
        self._wanted = (migrate, web, worker, beat)
        self._extra = dict(environment or {})
        self._concurrency = worker_concurrency
        self._keep = keep
        self._directory = None if directory is None else Path(directory)
        self._listener: socket.socket | None = None
        self._web: Service | None = None
        self._worker: Service | None = None
        self._beat: Service | None = None
        self._application: Application | None = None

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # Starting and stopping everything

    def start(self) -> None:
        """Start what was asked for and wait until it answers."""
        if os.geteuid() == 0:
            raise Trouble(
                "PostgreSQL does not run as root", "use bin/test or bin/bench: they give up root"
            )
        migrate, web, worker, beat = self._wanted
        temporary = self.checkout.folder("tmp")
        temporary.mkdir(parents=True, exist_ok=True)
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="stack-", dir=temporary))
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._start_database(migrate)
            self._start_redis()
            self._compose()
            if web:
                self.start_web()
            if worker:
                self.start_workers()
            if beat:
                self.start_beat()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything and remove the folder."""
        for service in (self._beat, self._worker, self._web):
            if service is not None:
                service.stop()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for part in ("redis", "postgres"):
            if hasattr(self, part):
                getattr(self, part).stop()
        if not self._keep and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    # Its parts

    @property
    def directory(self) -> Path:
        assert self._directory is not None, "the stack was not started"
        return self._directory

    @property
    def env(self) -> dict[str, str]:
        """The environment of workers and management commands."""
        return dict(self._running.environment)

    @property
    def web_env(self) -> dict[str, str]:
        """The environment of the web server: `DATABASE_URL` is the web role's."""
        return dict(self._running.web)

    @property
    def url(self) -> str:
        """The address of the web server, ended by a slash."""
        assert self._listener is not None, "this stack has no web server: Stack(web=True)"
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    @property
    def _running(self) -> Application:
        assert self._application is not None, "the stack was not started"
        return self._application

    def manage(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` in this stack; its failure raises unless `check=False`."""
        done = self._running.manage(*words)
        if check and done.returncode != 0:
            raise AssertionError(f"manage.py {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done

    def collect_static(self) -> None:
        """Collect the static files, shared by all stacks of the checkout, if they changed."""
        with _alone(self.checkout):
            self._running.collect_static(None)

    def psql(self, sql: str) -> str:
        """Run SQL as the administrator of the database; columns are parted by `|`."""
        return self.postgres.psql(database.NAME, sql)

    def wait_until(
        self,
        condition: Callable[[], object],
        timeout: float = 60,
        what: str = "the condition",
    ) -> None:
        """Wait until a condition holds; on failure show the ends of all logs."""
        try:
            processes.wait_until(condition, timeout, what, pause=0.05)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def logs(self, lines: int = 30) -> str:
        """Return the last lines of every log."""
        parts = []
        for file in sorted((self.directory / "log").glob("*.log")):
            tail = file.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- {file.name}\n" + "\n".join(tail))
        return "\n".join(parts)

    # Mishaps

    def start_web(self) -> None:
        """Start the web server and wait until `/readyz` says yes."""
        if self._listener is None:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", 0))
            self._compose()
        self.collect_static()
        self._web = self._running.gunicorn(self._listener, workers=1)
        self._web.start()
        port = self._listener.getsockname()[1]
        self._web.wait_ready(lambda: readiness(port)[0], timeout=60)

    def stop_web(self) -> None:
        if self._web is not None:
            self._web.stop()

    def start_workers(self) -> None:
        """Start the Celery worker and wait until it takes tasks."""
        log = self.directory / "log" / "worker.log"
        before = log.stat().st_size if log.exists() else 0
        self._worker = self._running.worker(concurrency=self._concurrency)
        self._worker.start()
        self._worker.wait_ready(lambda: b" ready." in log.read_bytes()[before:], timeout=60)

    def kill_workers(self) -> None:
        """SIGKILL for the worker and its pool at once, as when its machine loses power."""
        assert self._worker is not None, "this stack has no worker"
        self._worker.kill()

    def stop_workers(self) -> None:
        """End the worker the polite way: it finishes what it does."""
        if self._worker is not None:
            self._worker.stop()

    def start_beat(self) -> None:
        self._beat = self._running.beat()
        self._beat.start()

    def restart_postgres(self, *, crash: bool = False) -> None:
        """Restart PostgreSQL on the same port; with `crash`, after SIGKILL of all of it."""
        assert self.postgres.service is not None
        if crash:
            self.postgres.service.kill()
        else:
            self.postgres.stop()
        self.postgres.start()

    def restart_redis(self, *, empty: bool = False) -> None:
        """Restart Redis on the same port, `empty` as after losing its disk."""
        self.redis.stop()
        if empty:
            self.redis.empty()
        self.redis.start()

    # Making

    def _start_database(self, migrate: bool) -> None:
        folder = self.directory / "postgres"
        if not folder.exists():  # else: a folder that was kept, or is being made
            with _alone(self.checkout):
                source = _migrated_cluster(self.checkout) if migrate else _cluster(self.checkout)
                _copy(source, folder)
        self.postgres = _postgres(self.checkout, folder, self.directory)
        self.postgres.start()

    def _start_redis(self) -> None:
        self.redis = Redis(
            self.directory / "redis",
            random_password(),
            self.directory / "log" / "redis.log",
            self.directory / "processes.json",
            self.checkout.environment(),
        )
        self.redis.start()

    def _compose(self) -> None:
        worker, web = database_urls(*(self.postgres.url(role) for role in database.ROLES[1:]))
        common = {
            **self.checkout.environment(),
            "TMPDIR": str(_made(self.directory / "tmp")),
            "SECRET_KEY": "throw-away " + random_password() * 2,
            "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
            "REDIS_URL": self.redis.url,
            "PORTAL_DATA_DIR": str(_made(self.directory / "data")),
            "STATIC_ROOT": str(self.checkout.folder("cache") / "static"),
            "DEBUG": "false",
            **self._extra,
        }
        if self._listener is not None:
            common["CSRF_TRUSTED_ORIGINS"] = self.url.rstrip("/")
        if self._application is not None:  # the secret key stays while the stack lives
            common["SECRET_KEY"] = self._application.environment["SECRET_KEY"]
        self._application = Application(
            self.checkout,
            {**common, **worker, **self._extra},
            {**common, **web, "DB_POOL": "true", **self._extra},
            self.directory / "log",
            self.directory,
        )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _postgres(checkout: Checkout, folder: Path, directory: Path) -> Postgres:
    passwords = json.loads((folder / "passwords.json").read_text())
    return Postgres(
        folder,
        passwords,
        _made(directory / "log") / "postgres.log",
        directory / "processes.json",
        checkout.environment(),
        {**database.FORGETFUL, "shared_buffers": "64MB", "lock_timeout": "0"},
    )


@contextmanager
def _alone(checkout: Checkout) -> Iterator[None]:
    with (_made(checkout.folder("cache") / "clusters") / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def _cluster(checkout: Checkout) -> Path:
    """Return a cluster with roles, PostGIS and the empty database, made when there is none."""
    programs = postgres_programs()
    code = digest(
        [str(programs), database.ROLES_SQL, database.PRIVILEGES_SQL, " ".join(database.ROLES)]
    )
    return _cached(checkout, f"empty-{code[:16]}", lambda folder: _make_cluster(checkout, folder))


def _make_cluster(checkout: Checkout, folder: Path) -> None:
    passwords = remembered_secrets(folder / "passwords.json", database.ROLES)
    write_private(folder / "passwords.json", json.dumps(passwords))
    postgres = _postgres(checkout, folder, folder)
    postgres.create()


def _migrated_cluster(checkout: Checkout) -> Path:
    """Return a cluster whose database has every migration of the checkout applied."""
    empty = _cluster(checkout)
    migrations = sorted(
        file for file in checkout.root.glob("*/migrations/**/*") if file.suffix in {".py", ".sql"}
    )
    code = digest([empty.name, checkout.root / "requirements.txt", *migrations])

    def make(folder: Path) -> None:
        home = _made(folder / "stack")
        _copy(empty, home / "postgres")
        with Stack(home, migrate=False) as stack:
            stack.manage("migrate", "--no-input", "--verbosity=0")
            stack.postgres.stop()
            for name in ("cluster", "passwords.json"):
                (home / "postgres" / name).rename(folder / name)

    return _cached(checkout, f"migrated-{code[:16]}", make)


def _cached(checkout: Checkout, name: str, make: Callable[[Path], None]) -> Path:
    clusters = checkout.folder("cache") / "clusters"
    finished = clusters / name
    if not finished.exists():
        draft = clusters / f"{name}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        make(draft)
        draft.rename(finished)
        kind = name.partition("-")[0]
        old = sorted(clusters.glob(f"{kind}-*"), key=lambda folder: -folder.stat().st_mtime)
        for folder in old[KEPT_CLUSTERS:]:
            shutil.rmtree(folder, ignore_errors=True)
    os.utime(finished, (time.time(), time.time()))
    return finished
