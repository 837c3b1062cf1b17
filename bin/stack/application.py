"""The portal's own processes: management commands, web server, stream, worker, beat."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.layout import Checkout
from stack.processes import Service, run_logged
from stack.setup import digest, once
from stack.terminal import Progress, Trouble


@dataclass(frozen=True)
class Application:
    """How to start each part of the portal, given its environment.

    `environment` is the worker's (owner of the tables); `web` differs in `DATABASE_URL`.
    """

    checkout: Checkout
    environment: Mapping[str, str]
    web: Mapping[str, str]
    logs: Path
    run: Path

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a management command and return what it wrote."""
        return subprocess.run(
            [str(self.checkout.python), "manage.py", *words],
            env=dict(self.environment),
            cwd=self.checkout.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def manage_logged(self, progress: Progress | None, *words: str) -> None:
        """Run a management command; its failure stops the start and shows the log."""
        run_logged(
            [str(self.checkout.python), "manage.py", *words],
            self.logs / f"{words[0]}.log",
            progress,
            what=f"manage.py {' '.join(words)}",
            remedy="see the log; after mending the cause run it again, it continues",
            environment=self.environment,
            directory=self.checkout.root,
        )

    def collect_static(self, progress: Progress | None) -> None:
        """Collect the static files into STATIC_ROOT unless nothing has changed since."""
        root, target = self.checkout.root, Path(self.environment["STATIC_ROOT"])
        sources = [
            file
            for folder in ("static", "portal", "catalog", "processing")
            for file in sorted((root / folder).glob("**/*"))
            if file.is_file() and "static" in file.relative_to(root).parts
        ]
        settings = [root / "requirements.txt", root / "package-lock.json"]
        settings += [root / "portal" / "settings.py", root / "portal" / "staticfiles.py"]
        stamp = target / ".stamp"

        def collect() -> None:
            # Of world-atlas the map reads only land-110m.json; the rest is 8 MB to compress.
            unread = ("countries-*.json", "land-10m.json", "land-50m.json")
            ignored = [word for pattern in unread for word in ("--ignore", pattern)]
            self.manage_logged(progress, "collectstatic", "--no-input", *ignored)

        if once(stamp, digest([*settings, *sources]), collect) and progress is not None:
            progress.say("Static files: collected")

    def gunicorn(self, listener: socket.socket, *, workers: int = 2, threads: int = 8) -> Service:
        """Return the web server on a socket that is already bound (so the port is ours)."""
        counts = self.run / "metrics"  # what its processes count, shared in files: from nothing
        shutil.rmtree(counts, ignore_errors=True)
        counts.mkdir(parents=True)
        return Service(
            "web server",
            [
                str(self.checkout.python), "-m", "gunicorn", "portal.wsgi:application",
                "--config", "deploy/gunicorn.py", "--bind", f"fd://{listener.fileno()}",
                "--workers", str(workers), "--threads", str(threads),
                "--worker-tmp-dir", str(self.run),
            ],
            self.logs / "web.log", {**self.web, "PROMETHEUS_MULTIPROC_DIR": str(counts)},
            self.checkout.root, self.run / "processes.json",
            inherit=(listener.fileno(),),
        )  # fmt: skip

    def stream(self, listener: socket.socket) -> Service:
        """Return the stream of changes on a socket that is already bound."""
        return Service(
            "stream",
            [str(self.checkout.python), "-m", "portal.stream", "--fd", str(listener.fileno())],
            self.logs / "stream.log", self.web, self.checkout.root, self.run / "processes.json",
            inherit=(listener.fileno(),),
        )  # fmt: skip

    def worker(self, *, concurrency: int = 2) -> Service:
        return Service(
            "worker",
            [
                *self._celery("worker"), "--pool", "prefork", "--concurrency", str(concurrency),
                "--prefetch-multiplier", "1", "--without-gossip", "--without-mingle",
                "--loglevel", "INFO",
            ],
            self.logs / "worker.log", self.environment, self.checkout.root,
            self.run / "processes.json",
            grace=20,
        )  # fmt: skip

    def beat(self) -> Service:
        return Service(
            "beat",
            [
                *self._celery("beat"), "--schedule", str(self.run / "beat-schedule"),
                "--pidfile", "", "--loglevel", "INFO",
            ],
            self.logs / "beat.log", self.environment, self.checkout.root,
            self.run / "processes.json",
        )  # fmt: skip

    def _celery(self, part: str) -> list[str]:
        return [str(self.checkout.python), "-m", "celery", "-A", "portal", part]


def readiness(port: int) -> tuple[bool, str]:
    """Ask `/readyz`; return whether all is well, and what it said if not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, str(error)
    finally:
        connection.close()
    return answer.status == 200, f"HTTP {answer.status}: {text}"


def database_urls(worker: str, web: str, download: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the database variables of workers and commands, and those of the web server."""
    common = {"WEB_DATABASE_URL": web, "DOWNLOAD_DATABASE_URL": download}
    return {**common, "DATABASE_URL": worker}, {**common, "DATABASE_URL": web}


def read_address(file: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Trouble(
            f"{file} cannot be read: {error}", "stop the running portal and start again"
        ) from error
    return found
