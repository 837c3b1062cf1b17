"""`bin/bench NAME [arguments]`: one benchmark of `benchmarks/` on the same set-up.

A benchmark says what it needs in a constant, read without importing it:
`NEEDS = ("database", "redis", "web", "worker", "beat")`, or `()` for plain numbers. It gets a
throw-away stack's environment, prints what it likes and ends with the table and JSON line of
`stack.report.Report`. The line is checked here, so that a reader can trust its keys.
"""

from __future__ import annotations

import ast
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

from stack.layout import Checkout
from stack.report import KEYS
from stack.terminal import Progress, Trouble
from stack.throwaway import Stack

PARTS = {"database", "redis", "web", "worker", "beat"}


def before_set_up(checkout: Checkout, progress: Progress, arguments: list[str]) -> int | None:
    _benchmark(checkout, arguments)
    return None


def main(checkout: Checkout, progress: Progress, arguments: list[str]) -> int:
    file = _benchmark(checkout, arguments)
    needs = needs_of(file)
    environment = checkout.environment()
    with ExitStack() as cleanup:
        if needs:
            with progress.step(f"Throw-away stack: {', '.join(sorted(needs))}"):
                stack = cleanup.enter_context(
                    Stack(web="web" in needs, worker="worker" in needs, beat="beat" in needs)
                )
            environment = stack.env
            environment["WEB_PROCESS_DATABASE_URL"] = stack.web_env["DATABASE_URL"]
            if "web" in needs:
                environment["PORTAL_URL"] = stack.url
        progress.say(f"Benchmark {file.stem}")
        environment["PYTHONPATH"] = f"{checkout.root}:{checkout.root / 'bin'}"
        environment.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        return _run(checkout, file, arguments[1:], environment)


def _benchmark(checkout: Checkout, arguments: list[str]) -> Path:
    folder = checkout.root / "benchmarks"
    names = sorted(file.stem for file in folder.glob("[!_]*.py"))
    if not arguments or arguments[0] not in names:
        raise Trouble(
            f"no benchmark {arguments[0]}" if arguments else "which benchmark?",
            f"bin/bench NAME, with NAME one of: {', '.join(names)}",
        )
    return folder / f"{arguments[0]}.py"


def needs_of(file: Path) -> set[str]:
    """Return the parts of a stack that a benchmark names in `NEEDS`."""
    for statement in ast.parse(file.read_text()).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "NEEDS" for target in statement.targets
        ):
            needs = set(ast.literal_eval(statement.value))
            if needs <= PARTS:
                return needs
            raise Trouble(
                f"{file.name}: NEEDS names {', '.join(sorted(needs - PARTS))}",
                f"it may name {', '.join(sorted(PARTS))}",
            )
    raise Trouble(f"{file.name} has no NEEDS", "say what it needs: NEEDS = () for nothing")


def _run(checkout: Checkout, file: Path, arguments: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(
        [str(checkout.python), str(file), *arguments],
        env=environment, cwd=checkout.root, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    last = ""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    if process.wait() != 0:
        return process.returncode
    try:
        result = json.loads(last)
        missing = [key for key in KEYS if key not in result]
    except (ValueError, TypeError) as error:
        raise Trouble(f"the last line is no JSON object: {error}", "use stack.report") from error
    if missing:
        raise Trouble(f"the JSON line lacks {', '.join(missing)}", "use stack.report.Report")
    return 0 if result["passed"] else 1
