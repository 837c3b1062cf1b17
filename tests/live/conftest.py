"""Live tests: the throw-away stack of `bin/`, and one prepared for mishaps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BIN = str(Path(__file__).resolve().parents[2] / "bin")
if BIN not in sys.path:
    sys.path.insert(0, BIN)

from stack import Stack  # noqa: E402

from tests.live.mishaps import (  # noqa: E402
    CONTROL,
    LEASE_SECONDS,
    PREPARE,
    bulletin,
    finished,
    ingest,
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    environment = {"WORK_LEASE_SECONDS": str(LEASE_SECONDS)}
    with Stack(worker=True, beat=True, environment=environment) as stack:
        bulletins = [(bulletin(stack, "SOME", year), "SOME") for year in range(CONTROL, 2006)]
        stack.manage("shell", "-c", PREPARE.format(bulletins=bulletins))
        finished(stack)
        ingest(stack, "KNDC", CONTROL)
        finished(stack)
        yield stack
