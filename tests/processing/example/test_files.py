"""The files of the example year: the same on every run, and what is shipped is what is made."""

from __future__ import annotations

import gzip
import hashlib
import re
from io import BytesIO

import pytest

from catalog.formats import read
from catalog.formats.problems import Problem
from catalog.formats.records import EventRecord, NodalPlaneRecord, ReadingsRecord
from processing.example import bulletins, felt_reports, files
from processing.example.observing import class_distance_term, first_motion_up
from processing.example.seismicity import Mechanism, Source
from processing.management.commands.make_example import DIRECTORY, towns


def shipped(name: str) -> bytes:
    return gzip.decompress((DIRECTORY / f"{name}.gz").read_bytes())


def some_of(source: Source) -> bool:
    """A twentieth of the year: every kind of event is in it."""
    return source.number % 20 == 2 or source.kind == "supplementary"


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return files.make(towns(), only=some_of)


def test_the_same_seed_makes_the_same_bytes(made: dict[str, bytes]) -> None:
    again = files.make(towns(), only=some_of)
    digests = [
        {name: hashlib.sha256(content).hexdigest() for name, content in each.items()}
        for each in (made, again)
    ]
    assert digests[0] == digests[1]


def test_another_seed_makes_others(made: dict[str, bytes]) -> None:
    other = files.make(towns(), seed=7, only=lambda s: s.number == 442)
    assert blocks(other["some_2014.isf"]).keys() == {"SYNS14442"}
    assert blocks(other["some_2014.isf"])["SYNS14442"] != blocks(made["some_2014.isf"])["SYNS14442"]


def blocks(content: bytes) -> dict[str, str]:
    """Return each event's part of an ISF file by its id."""
    parts = re.split(r"^(?=Event )", content.decode(), flags=re.MULTILINE)[1:]
    return {part.split(None, 2)[1]: part.removesuffix("STOP\n") for part in parts}


@pytest.mark.parametrize("name", ["some_2014.isf", "kndc_2014.isf", "kndc_2014_supplementary.isf"])
def test_shipped_files_are_what_is_made(made: dict[str, bytes], name: str) -> None:
    whole, part = blocks(shipped(name)), blocks(made[name])
    assert part
    assert part.items() <= whole.items()


@pytest.mark.parametrize("bulletin", files.BULLETINS, ids=lambda b: b.name)
def test_shipped_files_are_read_without_a_problem(bulletin: files.Bulletin) -> None:
    found = list(read(bulletin.format, BytesIO(shipped(bulletin.name))))
    assert found
    assert not [item for item in found if isinstance(item, Problem)]
    assert all(item.synthetic for item in found if isinstance(item, EventRecord | ReadingsRecord))


def test_every_shipped_file_is_listed() -> None:
    listed = {f"{b.name}.gz" for b in files.BULLETINS} | {f"{felt_reports.NAME}.gz"}
    assert {path.name for path in DIRECTORY.iterdir()} == listed


@pytest.mark.parametrize(
    ("plane", "other"),
    [
        ((250, 50, 90), (70, 40, 90)),
        ((250, 50, 60), (112, 48, 121)),
        ((30, 80, 10), (298, 80, 170)),
        ((0, 45, -90), (180, 45, -90)),
    ],
)
def test_the_auxiliary_plane(plane: tuple[int, ...], other: tuple[int, ...]) -> None:
    # Project methods 8, to whole degrees.
    assert bulletins.auxiliary(NodalPlaneRecord(*map(float, plane))) == NodalPlaneRecord(
        *map(float, other)
    )


def test_a_thrust_pushes_up_what_lies_above_it() -> None:
    thrust = Mechanism(90.0, 45.0, 90.0)
    assert first_motion_up(thrust, 0.0, 180.0)
    assert first_motion_up(thrust, 0.0, 0.0)
    assert not first_motion_up(thrust, 0.0, 90.0)


def test_the_distance_term_is_the_formulas() -> None:
    # Project methods 1.4: one micrometre at R km gives K.
    for km, kr in ((10, 6.31), (50, 9.02), (100, 9.95), (300, 11.12), (800, 13.45)):
        assert 1.84 * class_distance_term(km) == pytest.approx(kr, abs=0.01)


@pytest.mark.parametrize(
    ("value", "written"), [(1.2, (2, 2)), (3.2, (3, 3)), (3.5, (3, 4)), (3.8, (4, 4))]
)
def test_degrees_as_an_observer_writes_them(value: float, written: tuple[int, int]) -> None:
    assert files.degrees(value) == written


def test_shipped_felt_reports_are_what_is_made() -> None:
    made = felt_reports.make(towns())
    assert shipped(felt_reports.NAME) == made
    assert made != felt_reports.make(towns(), seed=7)
