"""Child processes: run one to its end with a log, keep one running, find what a crash left over.

A process is known by its number *and* its start time, so a stale pid file whose number now belongs
to an unrelated program is never mistaken for ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stack.layout import write_private
from stack.terminal import Progress, Trouble

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def run_logged(
    command: Sequence[str],
    log: Path,
    progress: Progress | None,
    *,
    what: str,
    remedy: str,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    interactive: bool = False,
) -> None:
    """Run a command to its end, its output in `log`; say every 10 s that it still works."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=directory,
            )
        except OSError as error:
            raise Trouble(f"{what}: {error}", remedy, log) from error
        try:
            while True:
                try:
                    code = process.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    if progress is not None:
                        progress.say(f"  still working: {_last_line(log)}")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code != 0:
        raise Trouble(f"{what} ended with code {code}", remedy, log)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").replace("\r", "\n").splitlines()
    return next((line.strip()[:100] for line in reversed(lines) if line.strip()), "...")


def started_at(pid: int) -> str | None:
    """Return the start time of a process in clock ticks since boot; None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def free_port(preferred: int | None = None) -> int:
    """Return a loopback port that is free now, `preferred` if it is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred or 0))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def take_port(first: int, *, tries: int = 200) -> socket.socket:
    """Return a socket bound to the first free loopback port from `first` on.

    The socket is handed to the web server, so nobody can take the port in between.
    """
    for port in range(first, min(first + tries, 65536)):
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port))
            # Two sockets may be bound with SO_REUSEADDR until one listens: so listen now.
            taken.listen(128)
        except OSError:
            taken.close()
            continue
        return taken
    raise Trouble(f"no free port from {first} on", "give another one: PORT=9000 bin/run")


def wait_until(
    condition: Callable[[], object], timeout: float, what: str, *, pause: float = 0.02
) -> None:
    """Wait until a condition holds; TimeoutError says what did not happen."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(pause)


@dataclass
class Service:
    """One long-running program of ours, in a session of its own (Ctrl-C reaches only us)."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    directory: Path
    register: Path
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 15.0
    executable: str | None = None
    inherit: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        death_signal = self.stop_signal
        supervisor = os.getpid()

        def follow_the_supervisor() -> None:
            # If we are killed with SIGKILL the kernel tells our children to stop.
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != supervisor:
                os._exit(1)

        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                list(self.command),
                executable=self.executable,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                cwd=self.directory,
                start_new_session=True,
                pass_fds=tuple(self.inherit),
                preexec_fn=follow_the_supervisor,
            )
        _remember(self.register, self.name, self.process.pid)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """Ask the program to end, and insist after the grace period."""
        if self.process is None:
            return
        if self.running:
            self.process.send_signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(self.grace)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for the program and every child of it."""
        self.signal_group(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process = None
            _forget(self.register, self.name)

    def wait_ready(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until it answers; its early end is a failure at once."""
        end = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise Trouble(f"{self.name} ended while starting", "see the log", self.log)
            if time.monotonic() > end:
                raise Trouble(
                    f"{self.name} did not answer within {timeout:g} s",
                    "see the log; on a busy machine simply try again",
                    self.log,
                )
            time.sleep(0.05)


def _registered(register: Path) -> dict[str, list[str]]:
    try:
        found: dict[str, list[str]] = json.loads(register.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _remember(register: Path, name: str, pid: int) -> None:
    known = _registered(register)
    known[name] = [str(pid), started_at(pid) or ""]
    write_private(register, json.dumps(known))


def _forget(register: Path, name: str) -> None:
    known = _registered(register)
    if known.pop(name, None) is not None:
        write_private(register, json.dumps(known))


def end_leftovers(register: Path, grace: float = 10.0) -> list[str]:
    """Stop what a killed run left running; return the names. Foreign processes are not touched."""
    ours = {
        name: int(pid)
        for name, (pid, start) in _registered(register).items()
        if start and started_at(int(pid)) == start
    }
    for name, pid in ours.items():
        os.kill(pid, signal.SIGINT if name == "PostgreSQL" else signal.SIGTERM)
    end = time.monotonic() + grace
    while time.monotonic() < end and any(started_at(pid) for pid in ours.values()):
        time.sleep(0.05)
    for pid in ours.values():
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    register.unlink(missing_ok=True)
    return list(ours)
