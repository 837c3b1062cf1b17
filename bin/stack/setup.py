"""Install what the checkout needs: system packages, Python environment, npm packages, messages.

Each step leaves a stamp that holds a hash of what it depends on, so a second run only compares.
This runs as whoever called the script, with that person's own pip and npm settings.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import packages
from stack.account import can_run, prepare_folders, service_account
from stack.layout import Checkout
from stack.processes import run_logged
from stack.terminal import Progress, Trouble


def set_up(checkout: Checkout, progress: Progress, *, for_tests: bool) -> None:
    """Bring everything up to date that is needed before a service can start."""
    _see_that_checkout_can_be_written(checkout)
    checkout.setup_logs.mkdir(parents=True, exist_ok=True)
    with _alone(checkout, progress):
        packages.ensure(checkout, progress, for_tests=for_tests)
        _python(checkout, progress, for_tests=for_tests)
        _npm(checkout, progress)
        _messages(checkout, progress)
        prepare_folders(checkout)


def _see_that_checkout_can_be_written(checkout: Checkout) -> None:
    target = checkout.local if checkout.local.exists() else checkout.root
    if not os.access(target, os.W_OK):
        owner = target.stat().st_uid
        raise Trouble(
            f"{target} belongs to account number {owner} and cannot be written",
            "run it as that account or as root, or remove .local to begin anew",
        )


@contextmanager
def _alone(checkout: Checkout, progress: Progress) -> Iterator[None]:
    """Hold the set-up lock; a second set-up of the same checkout waits."""
    with (checkout.local / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("Another set-up of this checkout is at work: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(parts: Iterable[str | Path]) -> str:
    """Return a hash over texts and the names and contents of files."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(f"{part} {len(content)}\n".encode() + content)
    return total.hexdigest()


def once(stamp: Path, depends_on: str, work: Callable[[], None]) -> bool:
    """Do the work unless the stamp says it was done for just this; say whether it was done."""
    if stamp.exists() and stamp.read_text() == depends_on:
        return False
    stamp.unlink(missing_ok=True)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(depends_on)
    return True


def _python(checkout: Checkout, progress: Progress, *, for_tests: bool) -> None:
    root, venv = checkout.root, checkout.local / "venv"
    needed = [root / "requirements.txt"]
    development = root / "requirements-dev.txt"
    interpreter = _interpreter(checkout)
    base = digest([interpreter, sys.version, str(venv), *needed])
    stamp = checkout.local / "venv.stamp"
    # A development environment holds everything the portal needs, so bin/run accepts it as it is.
    with_tests = digest([base, development])
    done = stamp.read_text() if stamp.exists() else ""
    if checkout.python.exists() and (done == with_tests or (done == base and not for_tests)):
        progress.say("Python packages: up to date")
        return
    if for_tests:
        needed.append(development)

    def work() -> None:
        if not _fits(venv, interpreter):
            shutil.rmtree(venv, ignore_errors=True)
            run_logged(
                [interpreter, "-m", "venv", str(venv)],
                checkout.setup_logs / "venv.log", progress,
                what="making the Python environment",
                remedy="see the log; Debian and Ubuntu need the package python3-venv",
            )  # fmt: skip
        files = [part for file in needed for part in ("-r", str(file))]
        run_logged(
            [
                str(checkout.python), "-m", "pip", "install", "--require-hashes",
                "--disable-pip-version-check", "--no-input", *files,
            ],
            checkout.setup_logs / "pip.log", progress,
            what="installing Python packages",
            remedy="see the log; check the network, then run it again (downloads are kept)",
            environment={**os.environ, **checkout.installer_caches()},
            directory=root,
        )  # fmt: skip

    with progress.step("Python packages: installing"):
        once(stamp, with_tests if for_tests else base, work)


def _interpreter(checkout: Checkout) -> str:
    """Return the Python for the environment: one the services' account may run, too."""
    account = service_account(checkout)
    if os.geteuid() != 0:
        return sys.executable
    versions = [f"python3.{minor}" for minor in range(14, 10, -1)]
    for name in [sys.executable, *(f"/usr/bin/{v}" for v in versions)]:
        check = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
        if can_run(account, [name, "-c", check]):
            return name
    raise Trouble(
        f"no Python 3.11+ that {account.pw_name} can run (a Python below /root cannot be shared)",
        "apt-get install python3 python3-venv",
    )


def _fits(venv: Path, interpreter: str) -> bool:
    """Say whether an environment works, was made here and for this Python."""
    check = "import sys; print(sys.prefix); print(*sys.version_info[:2])"
    version = subprocess.run([interpreter, "-c", check], capture_output=True, text=True)
    try:
        inside = subprocess.run([venv / "bin/python", "-c", check], capture_output=True, text=True)
        settings = (venv / "pyvenv.cfg").read_text()
    except OSError:
        return False
    expected = [str(venv), *version.stdout.split("\n")[1:]]
    return inside.stdout.split("\n") == expected and str(venv) in settings


def _npm(checkout: Checkout, progress: Progress) -> None:
    root, modules = checkout.root, checkout.root / "node_modules"
    depends_on = digest([root / "package.json", root / "package-lock.json"])
    stamp = checkout.local / "npm.stamp"
    if not (modules / ".package-lock.json").exists():
        stamp.unlink(missing_ok=True)

    def work() -> None:
        with progress.step("npm packages: installing"):
            run_logged(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                checkout.setup_logs / "npm.log", progress,
                what="installing npm packages",
                remedy="see the log; check the network, then run it again",
                environment={**os.environ, **checkout.installer_caches()},
                directory=root,
            )  # fmt: skip

    if not once(stamp, depends_on, work):
        progress.say("npm packages: up to date")


def _messages(checkout: Checkout, progress: Progress) -> None:
    """Compile every translation catalogue beside its source, as `compilemessages` does."""
    texts = [
        file
        for room in ("portal", "catalog", "processing", "locale")
        for file in sorted((checkout.root / room).glob("**/LC_MESSAGES/*.po"))
    ]
    stamp = checkout.local / "messages.stamp"
    if any(not file.with_suffix(".mo").exists() for file in texts):
        stamp.unlink(missing_ok=True)

    def work() -> None:
        for file in texts:
            run_logged(
                ["msgfmt", "--check-format", "-o", str(file.with_suffix(".mo")), str(file)],
                checkout.setup_logs / "msgfmt.log", progress,
                what=f"compiling {file.relative_to(checkout.root)}",
                remedy="mend the message the log names",
            )  # fmt: skip

    compiled = once(stamp, digest(texts), work)
    progress.say(f"Translations: {len(texts)} files {'compiled' if compiled else 'up to date'}")
