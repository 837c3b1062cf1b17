"""The doors of `bin/run`, `bin/test`, `bin/bench`, `bin/install`, `bin/backup`, `bin/restore`.

Each has two parts. The first installs, perhaps as root; the second runs as the account of the
services and is everything else. Between them the process replaces itself.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType, ModuleType

from stack import backup, bench, install, restore, run, test
from stack.account import become_service_account
from stack.layout import Checkout
from stack.setup import set_up
from stack.terminal import Progress, Stopped, Trouble, warn

COMMANDS: dict[str, ModuleType] = {
    "run": run,
    "test": test,
    "bench": bench,
    "install": install,
    "backup": backup,
    "restore": restore,
}
#: These install nothing, or know themselves what they need.
WITHOUT_SET_UP = {"install", "backup", "restore"}
SECOND_PART = "PORTAL_INTERNAL_STARTED"
REPORT_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    name, rest = arguments[0], arguments[1:]
    checkout = Checkout.containing(__file__)
    progress = Progress()
    second = os.environ.pop(SECOND_PART, None)
    for number in REPORT_STOP:
        signal.signal(number, _stop)
    try:
        if second is not None:
            progress.started = float(second)
            return int(COMMANDS[name].main(checkout, progress, rest))
        early = COMMANDS[name].before_set_up(checkout, progress, rest)
        if early is not None:
            return int(early)
        if name not in WITHOUT_SET_UP:
            set_up(checkout, progress, for_tests=name != "run")
        become_service_account(
            checkout,
            [str(checkout.python), "-m", "stack.commands", name, *rest],
            {
                SECOND_PART: str(progress.started),
                "PYTHONPATH": str(checkout.root / "bin"),
                "PATH": f"{checkout.local / 'venv' / 'bin'}:{os.environ.get('PATH', '')}"
                ":/usr/local/bin:/usr/bin:/bin",
            },
            progress,
        )
    except Trouble as trouble:
        warn(f"\n{trouble}")
        return 1
    except OSError as error:
        warn(f"\n{Trouble(str(error), 'see that the checkout can be written and disk is left')}")
        return 1
    except Stopped:
        progress.say("Stopped.")
        return 130
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    for other in REPORT_STOP:  # stopping is not stopped again half-way
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


if __name__ == "__main__":
    # CLOCK_MONOTONIC is the machine's, so the second part continues the first part's clock.
    time.monotonic()
    sys.exit(main(sys.argv[1:]))
