"""`bin/install`: what `bin/run` installs, and no service started: for a server with systemd."""

from __future__ import annotations

from stack.account import open_checkout_for_reading
from stack.layout import Checkout
from stack.setup import set_up
from stack.terminal import Progress, Trouble


def before_set_up(checkout: Checkout, progress: Progress, arguments: list[str]) -> int:
    if arguments:
        raise Trouble(f"bin/install takes no arguments: {' '.join(arguments)}", "bin/install")
    set_up(checkout, progress, for_tests=False)
    open_checkout_for_reading(checkout, progress)
    progress.say("Installed; docs/deployment.md says how to go on")
    return 0
