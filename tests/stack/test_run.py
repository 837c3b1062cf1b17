"""`bin/run` from a bare copy to a stop, with the mishaps an operator meets (bin/test --full)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stack.processes import started_at, wait_until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.live,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() == 0, reason="run through bin/test, which gives up root"),
]


class Run:
    """One `bin/run` as an operator starts it; its output grows in a file."""

    def __init__(self, copy: Path, output: Path, **environment: str) -> None:
        self.output = output
        own = {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}
        for name in ("REDIS_URL", "SECRET_KEY", "PORTAL_DATA_DIR", "STATIC_ROOT", "ALLOWED_HOSTS"):
            own.pop(name, None)
        with output.open("wb") as out:
            self.process = subprocess.Popen(
                [str(copy / "bin" / "run")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**own, **environment},
            )

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def url(self, timeout: float) -> str:
        wait_until(
            lambda: "Portal ready: " in self.text or self.process.poll() is not None,
            timeout,
            "Portal ready",
            pause=0.2,
        )
        found = re.search(r"^Portal ready: (http://127\.0\.0\.1:\d+/)$", self.text, re.MULTILINE)
        assert found, self.text
        return found.group(1)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """A copy of the checkout as a fresh clone has it, below a name with a space."""
    folder = ROOT / ".local" / "tmp" / f"a copy {os.getpid()}"
    shutil.copytree(
        ROOT,
        folder,
        ignore=lambda where, names: {
            name
            for name in names
            if name in {".git", ".local", "node_modules", "__pycache__"} or name.startswith(".env")
        },
    )
    downloads = ROOT / ".local" / "download-cache"
    if downloads.exists():
        shutil.copytree(downloads, folder / ".local" / "download-cache")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(copy: Path, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(**environment: str) -> Run:
        runs.append(Run(copy, tmp_path / f"run{len(runs)}", **environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.stop()


def _ready(url: str) -> bool:
    with urllib.request.urlopen(url + "readyz", timeout=10) as answer:
        return bool(answer.status == 200)


def _own_processes(copy: Path) -> dict[str, int]:
    register = copy / ".local" / "run" / "processes.json"
    return {name: int(pid) for name, (pid, _) in json.loads(register.read_text()).items()}


def test_an_operators_day(copy: Path, start: Callable[..., Run]) -> None:
    """First start, second start beside it, power cut, start on a taken port, Ctrl-C."""
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        neighbour.listen()
        taken = str(neighbour.getsockname()[1])

        first = start(PORT=taken)
        url = first.url(900)
        assert f"Port {taken} is taken; using" in first.text
        assert _ready(url)
        assert re.search(r"Staff login:  staff  password: \S{20,}", first.text)

        # A second run shows the first and ends well.
        second = start(PORT=taken)
        assert second.url(60) == url
        assert second.process.wait(30) == 0
        assert "already running" in second.text

    # SIGKILL of everything: no goodbye for PostgreSQL and Redis, all pid files are stale.
    processes = _own_processes(copy)
    assert set(processes) == {"PostgreSQL", "Redis", "worker", "beat", "stream", "web server"}
    first.process.kill()
    for pid in processes.values():
        os.killpg(pid, signal.SIGKILL)
    first.process.wait()
    pid_file = copy / ".local" / "postgres" / "cluster" / "postmaster.pid"
    stranger = [str(os.getpid()), *pid_file.read_text().splitlines()[1:]]
    pid_file.write_text("\n".join(stranger) + "\n")

    begun = time.monotonic()
    third = start(PORT=taken)
    assert third.url(120) == f"http://127.0.0.1:{taken}/"
    print(f"second start: {time.monotonic() - begun:.1f} s")
    assert "Database: up to date" in third.text
    assert list((copy / ".local" / "backups").iterdir()) == []  # nothing was migrated

    # Only the supervisor is killed: the next run finds a clean table.
    left = _own_processes(copy)
    third.process.kill()
    third.process.wait()
    fourth = start(PORT=taken)
    assert _ready(fourth.url(120))
    assert all(started_at(pid) is None for pid in left.values())

    # A service that dies is started again.
    worker = _own_processes(copy)["worker"]
    os.killpg(worker, signal.SIGKILL)
    wait_until(lambda: "worker ended by itself" in fourth.text, 30, "the notice")
    wait_until(lambda: _own_processes(copy).get("worker") not in {None, worker}, 30, "a new worker")

    # Ctrl-C stops everything.
    mine = _own_processes(copy)
    assert fourth.stop(signal.SIGINT) == 130
    assert "Everything is stopped" in fourth.text
    assert all(started_at(pid) is None for pid in mine.values())
    assert not pid_file.exists()
    secrets = copy / ".local" / "secrets"
    assert all(file.stat().st_mode & 0o077 == 0 for file in secrets.iterdir())


def test_a_port_that_is_no_port_is_refused_at_once(start: Callable[..., Run]) -> None:
    run = start(PORT="eighty")
    assert run.process.wait(30) == 1
    assert 'PORT "eighty" is not a port' in run.text
    assert "To do:" in run.text
