"""`bin/test`: every check in named stages; `bin/test tests/foo.py -k name`: only pytest with that.

`bin/test --full` adds the tests marked `long`. The stages are the table below, in order; a stage
that fails does not keep the others from running.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.database import NAME
from stack.layout import Checkout
from stack.terminal import Progress, Trouble
from stack.throwaway import Stack

PYTHON = "{python}"
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Stage:
    """One line of the table: a command, or pytest with a choice of markers."""

    name: str
    command: Sequence[str] = ()
    markers: str = ""
    needs: str = ""
    paths: Sequence[str] = ()
    """Where pytest looks; each of its processes imports all that is there."""


# "database" tests are those so marked and pytest-django's own mark.
SLOW_KINDS = "not live and not browser"
WITHOUT_SLOW_KINDS = ("tests", "--ignore=tests/live", "--ignore=tests/browser")
WORKERS = 2
STAGES = (
    Stage("lint", (PYTHON, "-m", "ruff", "check", ".")),
    Stage("format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    Stage("types", (PYTHON, "-m", "mypy"), needs="manage.py"),
    Stage(
        "import rules",
        (PYTHON, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"),
        needs="portal/__init__.py",
    ),
    Stage(
        "migrations",
        (PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"),
        needs="manage.py",
    ),
    Stage("system check", (PYTHON, "manage.py", "check"), needs="manage.py"),
    Stage(
        "unit and property tests",
        markers=f"not database and not django_db and {SLOW_KINDS}",
        paths=WITHOUT_SLOW_KINDS,
    ),
    Stage(
        "database tests",
        markers=f"(database or django_db) and {SLOW_KINDS}",
        paths=WITHOUT_SLOW_KINDS,
    ),
    Stage(
        "live tests (worker, Redis, web server)",
        markers="live and not browser",
        paths=("tests/live", "tests/stack"),
    ),
    Stage("browser tests", markers="browser", paths=("tests/browser",)),
    Stage("JavaScript tests", ("node", "--test", "tests/js/"), needs="tests/js"),
)


@dataclass(frozen=True)
class Outcome:
    """What a stage came to."""

    name: str
    ok: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""


def before_set_up(checkout: Checkout, progress: Progress, arguments: list[str]) -> int | None:
    return None


def main(checkout: Checkout, progress: Progress, arguments: list[str]) -> int:
    full = "--full" in arguments
    chosen = [word for word in arguments if word != "--full"]
    with progress.step("Throw-away PostgreSQL and Redis"):
        stack = Stack()
        stack.start()
        stack.collect_static()
    try:
        environment = _environment(checkout, stack)
        if chosen:
            return _only_pytest(checkout, chosen, environment)
        with progress.step("Numerical kernels"):
            # Compiled once here, not at the same moment by every process of the tests.
            subprocess.run(
                [str(checkout.python), "-m", "processing.core.warm"],
                env=environment, cwd=checkout.root, check=True,
            )  # fmt: skip
        progress.say(f"Set-up took {time.monotonic() - progress.started:.1f} s")
        outcomes = []
        for stage in STAGES:
            progress.say(f"== {stage.name}")
            outcomes.append(_run(checkout, stage, environment, full=full))
            last = outcomes[-1]
            verdict = "ok" if last.ok else "FAILED"
            progress.say(f"== {stage.name}: {verdict} in {last.seconds:.1f} s {last.note}")
    finally:
        stack.stop()
    return _summary(outcomes)


def _environment(checkout: Checkout, stack: Stack) -> dict[str, str]:
    # Only what tests need: a test sets the rest itself.
    return {
        **stack.env,
        "PYTHONPATH": f"{checkout.root}:{checkout.root / 'bin'}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "CHROMIUM": "/usr/bin/chromium",
        # Each process of pytest copies it, instead of migrating an empty one: four seconds each.
        "TEST_DATABASE_TEMPLATE": NAME,
    }


def _pytest(checkout: Checkout, words: Sequence[str]) -> list[str]:
    cache = checkout.folder("cache") / "pytest"
    return [str(checkout.python), "-m", "pytest", "-o", f"cache_dir={cache}", *words]


def _only_pytest(checkout: Checkout, chosen: list[str], environment: Mapping[str, str]) -> int:
    command = _pytest(checkout, chosen)
    done = subprocess.run(command, env=dict(environment), cwd=checkout.root)
    return done.returncode


def _run(
    checkout: Checkout, stage: Stage, environment: Mapping[str, str], *, full: bool
) -> Outcome:
    begun = time.monotonic()
    if stage.needs and not (checkout.root / stage.needs).exists():
        return Outcome(stage.name, False, 0.0, failed=1, note=f"({stage.needs} is missing)")
    if stage.markers:
        return _run_pytest(checkout, stage, environment, full=full)
    command = [word.replace(PYTHON, str(checkout.python)) for word in stage.command]
    try:
        done = subprocess.run(
            command, env=dict(environment), cwd=checkout.root, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise Trouble(
            f"{stage.name}: {error}", "run bin/test again; it installs what is missing"
        ) from error
    ok = done.returncode == 0
    seconds = time.monotonic() - begun
    return Outcome(stage.name, ok, seconds, passed=int(ok), failed=int(not ok))


def _run_pytest(
    checkout: Checkout, stage: Stage, environment: Mapping[str, str], *, full: bool
) -> Outcome:
    markers = stage.markers if full else f"({stage.markers}) and not long"
    with tempfile.TemporaryDirectory(dir=checkout.folder("tmp")) as folder:
        report = Path(folder) / "report.xml"
        begun = time.monotonic()
        done = subprocess.run(
            _pytest(
                checkout,
                [
                    *stage.paths, "-q", "-m", markers, "--durations=5", "--durations-min=2",
                    # A file stays together: its stack or its catalogue is made once.
                    "-n", str(WORKERS), "--dist", "loadfile",
                    # In the order of tests/conftest.py, not by the number of tests.
                    "--no-loadscope-reorder",
                    f"--junitxml={report}", "-o", "junit_logging=no",
                ],
            ),
            env=dict(environment), cwd=checkout.root, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.monotonic() - begun
        if done.returncode == NO_TESTS_COLLECTED:
            return Outcome(stage.name, True, seconds, note="(there are no such tests yet)")
        passed, failed, skipped = _counts(report)
    ok = done.returncode == 0
    note = f"({skipped} skipped)" if skipped else ""
    if not ok and not failed:  # a collection error or a crash of pytest itself
        failed, note = 1, f"(pytest ended with code {done.returncode})"
    return Outcome(stage.name, ok, seconds, passed, failed, skipped, note)


def _counts(report: Path) -> tuple[int, int, int]:
    """Return how many tests passed, failed (errors too) and were skipped."""
    if not report.exists():
        return 0, 0, 0
    total = failed = skipped = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        total += int(suite.get("tests", "0"))
        failed += int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        skipped += int(suite.get("skipped", "0"))
    return total - failed - skipped, failed, skipped


def _summary(outcomes: Sequence[Outcome]) -> int:
    width = max(len(outcome.name) for outcome in outcomes)
    print("\nstage".ljust(width + 1), "   time  passed  failed  skipped")
    for each in outcomes:
        print(
            f"{each.name:<{width}} {each.seconds:>6.1f}s {each.passed:>7} {each.failed:>7} "
            f"{each.skipped:>8}  {'ok' if each.ok else 'FAILED'} {each.note}"
        )
    passed = sum(each.passed for each in outcomes)
    failed = sum(each.failed for each in outcomes)
    print(f"\nIn all {sum(each.seconds for each in outcomes):.0f} s (set-up not counted)")
    if os.environ.get("CI"):
        print("Failed stages: " + (", ".join(o.name for o in outcomes if not o.ok) or "none"))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if all(each.ok for each in outcomes) else 1
