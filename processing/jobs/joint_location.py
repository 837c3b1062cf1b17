"""Where two reports' readings put one earthquake, and where each one's put its own: for a page.

Nothing is stored. What is asked is bounded twice: so many readings at most, and so many seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from catalog.models import Pick, Report
from processing.core import location as core
from processing.core import phases
from processing.jobs import location, location_inputs
from processing.jobs.location import Solved
from processing.jobs.location_inputs import BY_THE_RULES, Inputs, Reading

SECONDS = 6.0
"""What a page may take to locate. Ours."""
MOST_READINGS = 1500
#: Of `Tried`, besides those of `core.LocationError`.
CODES = ("too_many_readings", "took_too_long")


@dataclass(frozen=True)
class Tried:
    """A solution, or the code of why there is none."""

    inputs: Inputs
    solved: Solved | None
    error: str = ""


@dataclass(frozen=True)
class Joint:
    """One solution from all readings of two sides, and one of each side."""

    together: Tried
    alone: tuple[Tried, Tried]
    is_of_events: bool
    """The sides are two events; else two reports of one event, each with its own readings."""


def predict(first: Report, second: Report, seconds: float | None = None) -> Joint:
    """Locate two reports' events together and apart, by the rules alone.

    The kernels give up Python's lock, so a page that waits no longer is answered; the thread ends
    by itself, because the locator's work is bounded by the number of readings.
    """
    sides = _sides(first, second)
    together = _together(*sides)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="joint-location")
    until = monotonic() + (SECONDS if seconds is None else seconds)
    waiting = [pool.submit(_tried, inputs) for inputs in (together, *sides)]
    pool.shutdown(wait=False)
    tried = [
        _result(each, inputs, until)
        for each, inputs in zip(waiting, (together, *sides), strict=True)
    ]
    for each in waiting:
        each.cancel()
    return Joint(tried[0], (tried[1], tried[2]), first.event_id != second.event_id)


def _result(waiting: Future[Tried], inputs: Inputs, until: float) -> Tried:
    try:
        return waiting.result(max(0.0, until - monotonic()))
    except TookTooLong:
        return Tried(inputs, None, "took_too_long")


def _tried(inputs: Inputs) -> Tried:
    if len(inputs.readings) > MOST_READINGS:
        return Tried(inputs, None, "too_many_readings")
    try:
        return Tried(inputs, location.solve(inputs, BY_THE_RULES))
    except core.LocationError as error:
        return Tried(inputs, None, error.code)


def _sides(first: Report, second: Report) -> tuple[Inputs, Inputs]:
    if first.event is None or second.event is None:
        raise ValueError("both reports belong to events")
    loaded = location_inputs.load_many([first.event, second.event])
    one, other = loaded[first.event.pk], loaded[second.event.pk]
    if one is not other:
        return _undecided(one), _undecided(other)
    return _of_report(one, first), _of_report(one, second)


def _undecided(inputs: Inputs) -> Inputs:
    return replace(inputs, decision=None, standing=None)


def _of_report(inputs: Inputs, report: Report) -> Inputs:
    """Return what of an event's inputs is one report's."""
    own = set(Pick.objects.filter(entry=report.current_entry_id).values_list("pk", flat=True))
    return replace(
        _undecided(inputs),
        readings=[r for r in inputs.readings if r.pick in own],
        start=[o for o in inputs.start if o.entry_id == report.current_entry_id],
    )


def _together(one: Inputs, other: Inputs) -> Inputs:
    """Return the inputs of one event: a reading that both sides have counts once."""
    readings: list[Reading] = []
    known: dict[tuple[int, str], list[float]] = {}
    for reading in sorted([*one.readings, *other.readings], key=lambda r: (r.time, r.pick)):
        name = phases.standard_name(reading.phase) or reading.phase
        same = known.setdefault((reading.station, name), [])
        time = reading.time.timestamp()
        if any(abs(time - t) <= core.SAME_READING_S for t in same):
            continue
        same.append(time)
        readings.append(reading)
    start = sorted([*one.start, *other.start], key=lambda o: (o.time, o.pk))
    return Inputs(one.surface and other.surface, readings, start, tables=one.tables)


def rms(solved: Solved | None, readings: Sequence[Reading], picks: set[int]) -> float | None:
    """Return the root mean square [s] of the residuals of some of a solution's readings in use."""
    if solved is None:
        return None
    solution = solved.solution
    chosen = [
        float(solution.residual[i])
        for i, reading in enumerate(readings)
        if reading.pick in picks and solution.used[i] and np.isfinite(solution.residual[i])
    ]
    return float(np.sqrt(np.mean(np.square(chosen)))) if chosen else None
