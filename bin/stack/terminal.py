"""What the operator sees: progress lines with elapsed seconds, and failures that say what to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Trouble(Exception):
    """A step failed: what happened, what to do, and where the log is."""

    def __init__(self, what: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.log = what, remedy, log

    def __str__(self) -> str:
        lines = [f"Failed: {self.what}"]
        if self.log is not None:
            lines += [f"  Log:   {self.log}", *_last_lines(self.log)]
        return "\n".join([*lines, f"  To do: {self.remedy}"])


class Stopped(Exception):
    """Ctrl-C or a stop signal arrived."""


def _last_lines(log: Path, count: int = 12) -> list[str]:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [f"         | {line}" for line in lines[-count:]]


class Progress:
    """Lines like `[  3.2 s] Python packages: installed`."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step that takes a while, and how long it took."""
        begun = time.monotonic()
        self.say(f"{name} ...")
        yield
        self.say(f"{name}: done in {time.monotonic() - begun:.1f} s")


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
