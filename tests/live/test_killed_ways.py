"""A worker killed with station readings, a later edition, a mapped list in hand: as without it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pytest
from stack import Stack

from tests.live.mishaps import LEASE_SECONDS, RESUMED_SECONDS, finished, held, rows
from tests.live.ways import PREPARE, WAYS, File, counted, everything, named, send

pytestmark = [
    pytest.mark.live,
    # Longer than elsewhere: the first test also waits for the control years of all ways.
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]

#: What one power cut may meet at once: the stage of each way.
TOGETHER = (
    {"station bulletin": "read", "later edition": "read", "mapped list": "read"},
    {"station bulletin": "readings", "later edition": "associate", "mapped list": "associate"},
    {"station bulletin": "recompute", "later edition": "recompute", "mapped list": "recompute"},
)
#: Every stage a way has, one at a time.
ALONE = (
    *(("station bulletin", stage) for stage in ("read", "readings", "recompute")),
    *(
        ("event after its readings", stage)
        for stage in ("read", "associate", "recompute", "propose")
    ),
    *(("later edition", stage) for stage in ("read", "associate", "recompute")),
    *(("mapped list", stage) for stage in ("read", "associate", "recompute")),
)
#: So many that one is free for each way while others wait for the lock with a few events each.
WORKERS = 8


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    environment = {"WORK_LEASE_SECONDS": str(LEASE_SECONDS)}
    with Stack(
        worker=True, beat=True, environment=environment, worker_concurrency=WORKERS
    ) as stack:
        years = range(len(TOGETHER) + 1)
        send(stack, [early for name in TOGETHER[0] for early in before(name, years)], PREPARE)
        finished(stack)
        send(stack, [(WAYS[name].last, WAYS[name].control) for name in TOGETHER[0]])
        finished(stack)
        yield stack


@pytest.fixture(scope="module")
def every_control(stack: Stack) -> None:
    """The control years of the ways that no kill of several meets."""
    others = [name for name in WAYS if name not in TOGETHER[0]]
    send(stack, [early for name in others for early in before(name, (0,))])
    finished(stack)
    send(stack, [(WAYS[name].last, WAYS[name].control) for name in others])
    finished(stack)


def before(name: str, years: Iterable[int]) -> list[tuple[File, int]]:
    """What a way sends first, in years counted from its control year."""
    way = WAYS[name]
    return [] if way.before is None else [(way.before, way.control + year) for year in years]


def kill(stack: Stack, stages: dict[str, str], offset: int) -> None:
    """Kill the workers with these stages in hand and compare what came of it with the controls."""
    years = {name: WAYS[name].control + offset for name in stages}
    files = {named(WAYS[name].last.name, years[name]): stage for name, stage in stages.items()}
    with held(
        stack, files, lambda: send(stack, [(WAYS[name].last, years[name]) for name in stages])
    ):
        stack.kill_workers()
    stack.start_workers()
    assert finished(stack) < RESUMED_SECONDS
    for name, year in years.items():
        control = everything(stack, WAYS[name].control)
        assert counted(control) == dict.fromkeys(counted(control), 0) | WAYS[name].counts
        assert everything(stack, year) == control, name
    runs = "SELECT DISTINCT status FROM processing_processingrun"
    assert rows(stack, runs) == [("succeeded",)]
    assert rows(stack, "SELECT DISTINCT state FROM processing_workitem") == [("done",)]


@pytest.mark.parametrize(
    "moment", [0, *(pytest.param(later, marks=pytest.mark.long) for later in (1, 2))]
)
def test_workers_killed_with_all_three_ways_in_hand(stack: Stack, moment: int) -> None:
    kill(stack, TOGETHER[moment], 1 + moment)


@pytest.mark.long
@pytest.mark.parametrize(("way", "stage"), ALONE)
def test_workers_killed_in_the_middle_of_one_way(
    stack: Stack, every_control: None, way: str, stage: str
) -> None:
    stages = [of_way for name, of_way in ALONE if name == way]
    offset = 1 + len(TOGETHER) + stages.index(stage)
    send(stack, before(way, (offset,)))
    finished(stack)
    kill(stack, {way: stage}, offset)
