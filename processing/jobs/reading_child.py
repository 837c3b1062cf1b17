"""The parent's side of reading: starts the child (`reading_process`) and takes what it says.

The child works under limits and knows no secret; what it says is checked message by message. Time,
memory or a crash end the reading with a problem that says so.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import IO

from django.conf import settings

from catalog.formats import Limits, ReadOptions, by_code
from catalog.formats.problems import Problem, Severity
from catalog.models import BulletinFile
from processing.reading_process import Done, Failed, Garbled, Reported, Told, Unassociated, decode

#: Child and parent need not wake each other for every 64 KiB.
PIPE_BYTES = 1024 * 1024
#: How far the child may be ahead of the rows.
AHEAD_BYTES = 8 * 1024 * 1024
MAX_LINE_BYTES = 256 * 1024 * 1024

logger = logging.getLogger(__name__)


class ChildFailed(Exception):
    """The reader could not read the file; carries the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def parse(
    file: BulletinFile, format: str, options: ReadOptions | None = None
) -> Iterator[Reported | Unassociated | Problem]:
    """Read a stored file in a child process under limits; yield what it says.

    Raises
    ------
    ChildFailed
        Nothing can be read, or a limit was met.
    """
    memory = settings.READ_MAX_MEMORY_MB * 1024 * 1024
    deadline = time.monotonic() + settings.READ_MAX_SECONDS
    limits = Limits(max_bytes=settings.UPLOAD_MAX_BYTES)
    given = {name: value for name, value in asdict(limits).items() if name != "latest_time"}
    _ = by_code(format).read  # imported here too: the child writes no bytecode, and finds ours
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as errors:
        for chunk in file.iter_bytes():
            source.write(chunk)
        source.seek(0)
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                sys.executable,
                "-m",
                "processing.reading_process",
                format,
                str(settings.READ_MAX_SECONDS),
                str(memory),
                json.dumps(given),
                json.dumps(asdict(options or ReadOptions())),
            ],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=errors,
            pipesize=PIPE_BYTES,
            cwd=settings.BASE_DIR,
            env=child_environment(),
        )
        if child.stdout is None:
            raise RuntimeError("the child has no pipe")
        try:
            ended = False
            with _Intake(child.stdout) as intake:
                for line in _lines(intake, deadline):
                    if ended:
                        raise Garbled("after the end")
                    message = decode(line)
                    match message:
                        case Told(problem):
                            yield problem
                        case Failed(problem):
                            raise ChildFailed(replace(problem, severity=Severity.ERROR))
                        case Done():
                            ended = True
                        case _:
                            yield message
            code = child.wait(timeout=max(1.0, deadline - time.monotonic()))
            if not ended:
                raise _crash(child, code, errors)
        except Garbled as error:
            logger.warning("reader of file %d wrote what it never writes: %s", file.pk, error)
            raise ChildFailed(Problem(None, "reader-crashed", severity=Severity.ERROR)) from error
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


def child_environment() -> dict[str, str]:
    """What the child may know: where the code is; no secret, no database, no broker."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
        "OPENBLAS_NUM_THREADS": "1",
    }
    if sys.pycache_prefix is not None:  # else it would compile every reader again for each file
        environment["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    return environment


class _Intake:
    """Takes what the child writes off its pipe on a thread, so that rows do not keep it waiting.

    Use as a context manager; the child should be dead before it ends, but need not be.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._held: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._changed = threading.Condition()
        self._wake, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def __enter__(self) -> _Intake:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._stop.close()
        self._thread.join()
        self._wake.close()

    def take(self, seconds: float) -> bytes:
        """Return the next of what has come, waiting for it; nothing at the end.

        Raises
        ------
        TimeoutError
            Nothing came in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._held or self._ended, seconds):
                raise TimeoutError
            data = self._held.popleft() if self._held else b""
            self._size -= len(data)
            self._changed.notify_all()
        return data

    def _run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._out, selectors.EVENT_READ)
                selector.register(self._wake, selectors.EVENT_READ)
                while all(key.fileobj is self._out for key, _ in selector.select()):
                    data = os.read(self._out.fileno(), PIPE_BYTES)
                    with self._changed:
                        self._changed.wait_for(lambda: self._size < AHEAD_BYTES or self._ended)
                        if not data or self._ended:
                            return
                        self._held.append(data)
                        self._size += len(data)
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()


def _lines(intake: _Intake, deadline: float) -> Iterator[bytes]:
    """Yield the lines the child writes, until it ends or its time is up."""
    held = bytearray()  # of a line that goes on: a list of pieces could be a piece a byte
    while True:
        try:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            data = intake.take(left)
        except TimeoutError:
            limit = f"{settings.READ_MAX_SECONDS} s"
            raise ChildFailed(Problem(None, "time-limit", "", "", limit, Severity.ERROR)) from None
        if not data:
            return  # half a line: the child died
        lines = data.split(b"\n")
        if len(lines) == 1:
            held += data
            if len(held) > MAX_LINE_BYTES:
                raise Garbled("line")
            continue
        held += lines[0]
        yield bytes(held)
        yield from lines[1:-1]
        held = bytearray(lines[-1])


def _crash(child: subprocess.Popen[bytes], code: int, errors: IO[bytes]) -> ChildFailed:
    """Say why the child ended before its answer did."""
    errors.seek(0)
    trace = errors.read(20_000).decode("utf-8", "replace")
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        limit = f"{settings.READ_MAX_SECONDS} s"
        return ChildFailed(Problem(None, "time-limit", "", "", limit, Severity.ERROR))
    if "MemoryError" in trace:
        limit = f"{settings.READ_MAX_MEMORY_MB} MB"
        return ChildFailed(Problem(None, "memory-limit", "", "", limit, Severity.ERROR))
    logger.error("reader ended with %d:\n%s", code, trace)
    return ChildFailed(Problem(None, "reader-crashed", "", str(code), "", Severity.ERROR))
