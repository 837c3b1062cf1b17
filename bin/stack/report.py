"""What a benchmark ends with: a table for people and one JSON line for programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

KEYS = ("benchmark", "date", "machine", "parameters", "results", "passed")


@dataclass(frozen=True)
class Result:
    """One measured number.

    `gate` decides (`at most` or `at least` the limit); a `goal` is only compared and reported.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    rule: str = ""
    kind: str = ""

    @property
    def kept(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value <= self.limit if self.rule == "at most" else self.value >= self.limit


@dataclass
class Report:
    """The results of one benchmark."""

    benchmark: str
    parameters: dict[str, object] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        goal: bool = False,
    ) -> None:
        """Add one number, perhaps with a limit that is a gate (or, with `goal`, only a goal)."""
        limit = at_most if at_most is not None else at_least
        rule = "" if limit is None else "at most" if at_most is not None else "at least"
        kind = "" if limit is None else "goal" if goal else "gate"
        self.results.append(Result(name, value, unit, limit, rule, kind))

    @property
    def passed(self) -> bool:
        return all(result.kept is not False for result in self.results if result.kind == "gate")

    def print(self) -> None:
        width = max([len(result.name) for result in self.results], default=0)
        print()
        for result in self.results:
            limit = ""
            if result.limit is not None:
                verdict = "kept" if result.kept else "MISSED"
                limit = f"{result.kind} {result.rule} {result.limit:g}: {verdict}"
            print(f"{result.name:<{width}}  {result.value:>12.4g} {result.unit:<10} {limit}")
        print()
        print(json.dumps(self.as_object(), ensure_ascii=False), flush=True)

    def as_object(self) -> dict[str, object]:
        return {
            "benchmark": self.benchmark,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "parameters": self.parameters,
            "results": [{**asdict(result), "kept": result.kept} for result in self.results],
            "passed": self.passed,
        }


def machine() -> dict[str, object]:
    """Return what an absolute time depends on."""
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": sys.version.split()[0],
    }


def middle_of_three(work: Callable[[], object]) -> float:
    """Return the median wall time of three runs [s]."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
