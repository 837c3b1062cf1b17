"""`bin/run`: the portal on this machine, everything private in `.local/`, until Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from stack import database
from stack.application import Application, database_urls, read_address, readiness
from stack.backups import Database
from stack.broker import Redis
from stack.database import Postgres
from stack.layout import Checkout, read_dotenv, remembered_secrets, write_private
from stack.migrating import SKIP, migrate
from stack.processes import Service, end_leftovers, take_port
from stack.terminal import Progress, Trouble

DEFAULT_PORT = 8000
STAFF_LOGIN = "staff"
SECRETS = (*database.ROLES, "redis", "django_secret_key", "staff_password")


def before_set_up(checkout: Checkout, progress: Progress, arguments: list[str]) -> int | None:
    """A portal of this checkout that already runs is shown, and nothing is installed under it."""
    if arguments:
        raise Trouble(f"bin/run takes no arguments: {' '.join(arguments)}", "PORT=9000 bin/run")
    _wanted_port()
    lock = checkout.folder("run") / "lock"
    try:
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return show_running(checkout, progress)
    except OSError:
        return None
    return None


def show_running(checkout: Checkout, progress: Progress) -> int:
    """Show the address of the portal that runs already, waiting for it if it is starting."""
    file = checkout.folder("run") / "address.json"
    progress.say("A portal of this checkout is already running; nothing new is started")
    end = time.monotonic() + 600
    while time.monotonic() < end:
        address = read_address(file) if file.exists() else {}
        if address and readiness(int(address["port"]))[0]:
            if os.environ.get("PORT", address["port"]) != address["port"]:
                progress.say("It keeps its port; to change it, stop it first (Ctrl-C there)")
            progress.say(f"It is process {address['pid']}; stop it with Ctrl-C where it runs")
            _announce(address["url"], checkout)
            return 0
        time.sleep(0.5)
    raise Trouble(
        "the portal that is already running does not become ready",
        "stop it (Ctrl-C where it runs) and start again",
        checkout.folder("log") / "web.log",
    )


def main(checkout: Checkout, progress: Progress, arguments: list[str]) -> int:
    lock = _lock(checkout)
    if lock is None:
        return show_running(checkout, progress)
    with lock, ExitStack() as cleanup:
        cleanup.callback(progress.say, "Everything is stopped.")
        return _Portal(checkout, progress, cleanup).run()


def _lock(checkout: Checkout) -> IO[str] | None:
    """Take the run lock; the kernel gives it back however the process ends."""
    lock = (checkout.folder("run") / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    (checkout.folder("run") / "address.json").unlink(missing_ok=True)
    return lock


def _wanted_port() -> int:
    text = os.environ.get("PORT", str(DEFAULT_PORT))
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Trouble(f'PORT "{text}" is not a port', "PORT=9000 bin/run (1 to 65535)")
    return int(text)


def _announce(url: str, checkout: Checkout) -> None:
    password = checkout.folder("secrets") / "staff-password"
    print(f"\nPortal ready: {url}", flush=True)
    print(f"Staff login:  {STAFF_LOGIN}  password: {password.read_text().strip()}", flush=True)
    print(f"              (kept in {password})\n", flush=True)


class _Portal:
    """One run: what was started, in order, and stopped in the opposite order."""

    def __init__(self, checkout: Checkout, progress: Progress, cleanup: ExitStack) -> None:
        self.checkout, self.progress, self.cleanup = checkout, progress, cleanup
        self.run_folder = checkout.folder("run")
        self.logs = checkout.folder("log")
        self.register = self.run_folder / "processes.json"
        self.settings = {**read_dotenv(checkout.root / ".env"), **os.environ}
        self.secrets = remembered_secrets(checkout.folder("secrets") / "secrets.json", SECRETS)
        self.supervised: list[Service] = []
        self.application: Application
        #: pg_dump and its like of the private database's version; None: the newest there is.
        self.programs: Path | None = None

    def _warm(self, environment: dict[str, str]) -> None:
        """Compile the numerical kernels while the database starts; the worker needs them first."""
        warming = subprocess.Popen(
            [str(self.checkout.python), "-m", "processing.core.warm"],
            env={**environment, "PYTHONPATH": str(self.checkout.root)},
            cwd=self.checkout.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.cleanup.callback(warming.wait)
        self.cleanup.callback(warming.terminate)

    def run(self) -> int:
        leftovers = end_leftovers(self.register)
        if leftovers:
            self.progress.say(f"Ended what a killed run had left: {', '.join(leftovers)}")
        staff = self.checkout.folder("secrets") / "staff-password"
        write_private(staff, self.secrets["staff_password"] + "\n")
        environment = self._environment(staff)
        self._warm(environment)
        worker, web = self._databases()
        listener = self._listener()
        port = str(listener.getsockname()[1])
        origins = f"http://127.0.0.1:{port},http://localhost:{port}"
        environment.setdefault("CSRF_TRUSTED_ORIGINS", origins)
        # No proxy joins the two here: the site leads to the stream, and its links lead back.
        stream = self.cleanup.enter_context(take_port(int(port) + 1))
        stream_url = f"http://127.0.0.1:{stream.getsockname()[1]}/stream/events"
        environment.setdefault("STREAM_URL", stream_url)
        environment.setdefault("SITE_URL", f"http://127.0.0.1:{port}")
        environment["REDIS_URL"] = self._redis_url()
        self.application = Application(
            self.checkout,
            {**environment, **worker},
            {**environment, **web, "DB_POOL": "true"},
            self.logs,
            self.run_folder,
        )
        migrate(
            self.application,
            Database(worker["DATABASE_URL"], self.checkout.environment(), self.programs),
            self.checkout.folder("backups"),
            self.progress,
            back_up=self.settings.get("BACKUP_BEFORE_MIGRATING", "true") != "false",
        )
        self.application.collect_static(self.progress)
        for service in (
            self.application.worker(),
            self.application.beat(),
            self.application.stream(stream),
            self.application.gunicorn(listener),
        ):
            self._start(service)
        # While those are starting; the worker takes up the example as soon as it is queued.
        with self.progress.step("Staff account"):
            self.application.manage_logged(self.progress, "ensure_staff_user", SKIP)
        with self.progress.step("Example data: queueing"):
            self.application.manage_logged(self.progress, "load_example", SKIP)
        address = {"url": f"http://127.0.0.1:{port}/", "port": port, "pid": str(os.getpid())}
        write_private(self.run_folder / "address.json", json.dumps(address))
        self.cleanup.callback((self.run_folder / "address.json").unlink, missing_ok=True)
        self._wait_until_ready(int(port))
        self.progress.say("Ready")
        _announce(address["url"], self.checkout)
        print(f"Logs: {self.logs}\nCtrl-C stops everything.\n", flush=True)
        self._watch()
        return 1

    def _environment(self, staff: Path) -> dict[str, str]:
        given = self.settings
        return {
            **self.checkout.environment(),
            **{name: value for name, value in given.items() if name not in os.environ},
            "SECRET_KEY": given.get("SECRET_KEY", self.secrets["django_secret_key"] * 2),
            "DEBUG": given.get("DEBUG", "false"),
            "ALLOWED_HOSTS": given.get("ALLOWED_HOSTS", "127.0.0.1,localhost"),
            "PORTAL_DATA_DIR": given.get("PORTAL_DATA_DIR", str(self.checkout.folder("data"))),
            "PORTAL_STAFF_PASSWORD_FILE": str(staff),
            "STATIC_ROOT": given.get("STATIC_ROOT", str(self.checkout.folder("static"))),
        }

    def _databases(self) -> tuple[dict[str, str], dict[str, str]]:
        given = self.settings.get("DATABASE_URL")
        if given:
            self.progress.say("PostgreSQL: the one DATABASE_URL names")
            return database_urls(
                given,
                self.settings.get("WEB_DATABASE_URL", given),
                self.settings.get("DOWNLOAD_DATABASE_URL", given),
            )
        postgres = Postgres(
            self.checkout.folder("postgres"),
            self.secrets,
            self.logs / "postgres.log",
            self.register,
            self.checkout.environment(),
            port=self._remembered_port("postgres"),
        )
        made = "" if postgres.exists else " (first making its database)"
        with self.progress.step(f"PostgreSQL: starting{made}"):
            self.cleanup.callback(postgres.stop)
            postgres.start()
        assert postgres.service is not None
        self.programs = postgres.programs
        self.supervised.append(postgres.service)
        self._remember_port("postgres", postgres.port)
        return database_urls(*(postgres.url(role) for role in database.ROLES[1:]))

    def _redis_url(self) -> str:
        given = self.settings.get("REDIS_URL")
        if given:
            self.progress.say("Redis: the one REDIS_URL names")
            return given
        redis = Redis(
            self.checkout.folder("redis"),
            self.secrets["redis"],
            self.logs / "redis.log",
            self.register,
            self.checkout.environment(),
            port=self._remembered_port("redis"),
        )
        self.cleanup.callback(redis.stop)
        redis.start()
        assert redis.service is not None
        self.supervised.append(redis.service)
        self._remember_port("redis", redis.port)
        self.progress.say("Redis: started")
        return redis.url

    def _listener(self) -> socket.socket:
        wanted = _wanted_port()
        listener = self.cleanup.enter_context(take_port(wanted))
        got = listener.getsockname()[1]
        if got != wanted:
            self.progress.say(f"Port {wanted} is taken; using {got}")
        return listener

    def _start(self, service: Service) -> None:
        service.log.unlink(missing_ok=True)
        self.cleanup.callback(service.stop)
        service.start()
        self.supervised.append(service)
        self.progress.say(f"{service.name[0].upper()}{service.name[1:]}: started")

    def _wait_until_ready(self, port: int) -> None:
        end = time.monotonic() + 120
        said = ""
        while True:
            ready, said = readiness(port)
            if ready:
                return
            for service in self.supervised:
                if not service.running:
                    raise Trouble(
                        f"{service.name} ended while starting", "see the log", service.log
                    )
            if time.monotonic() > end:
                raise Trouble(
                    f"/readyz does not say yes: {said}",
                    "see the log; bin/run can simply be started again",
                    self.logs / "web.log",
                )
            time.sleep(0.2)

    def _watch(self) -> None:
        """Start again what ends by itself; five ends of one service in a minute are too many."""
        ends: dict[str, deque[float]] = {}
        while True:
            time.sleep(0.5)
            for service in self.supervised:
                if service.running:
                    continue
                recent = ends.setdefault(service.name, deque(maxlen=5))
                recent.append(time.monotonic())
                if len(recent) == 5 and recent[-1] - recent[0] < 60:
                    raise Trouble(f"{service.name} keeps ending", "see the log", service.log)
                self.progress.say(f"{service.name} ended by itself: starting it again")
                _restart(service)

    def _remembered_port(self, name: str) -> int:
        file = self.run_folder / f"{name}.port"
        return int(file.read_text()) if file.exists() else 0

    def _remember_port(self, name: str, port: int) -> None:
        write_private(self.run_folder / f"{name}.port", str(port))


def _restart(service: Service) -> None:
    service.kill()
    if service.name == "PostgreSQL":
        database.clear_stale_pid_file(Path(service.directory))
    service.start()
