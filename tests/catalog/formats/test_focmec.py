"""FOCMEC: the middle of the accepted set, both layouts, what is wrong with a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from catalog.formats import detect
from catalog.formats.problems import FormatError
from catalog.formats.records import NodalPlaneRecord
from tests.catalog.formats.conftest import read_all

Bytes = Callable[[str], bytes]
FILES = "focmec/tests/data/focmec_"


def test_the_list_and_the_summary_of_one_run_say_the_same(obspy_data: Bytes) -> None:
    found = []
    for suffix in ("lst", "out"):
        (event,), problems = read_all("focmec", obspy_data(f"{FILES}8sta.{suffix}"))
        assert problems == []
        (mechanism,) = event.focal_mechanisms
        found.append((mechanism.nodal_plane_1, mechanism.p_axis, mechanism.station_polarity_count))
        assert mechanism.comments[0].startswith("accepted solutions: 4, 68 % of them within 5.9")
        assert mechanism.creation_time == datetime(2017, 9, 8, 14, 54, 58, tzinfo=UTC)
        assert (event.origins, mechanism.method_id) == ((), "FOCMEC")
        assert event.comments[1] == "12-MAY-90 Sakhalin Island event:  161221 disp picks"
    assert found[0] == found[1]
    assert found[0][0] == NodalPlaneRecord(54.08, 77.05, -59.13)


def test_a_set_of_many_lies_about_its_middle(obspy_data: Bytes) -> None:
    (event,), problems = read_all("focmec", obspy_data(f"{FILES}8sta-noratios.lst"))
    assert problems == []
    assert event.focal_mechanisms[0].comments[0].startswith("accepted solutions: 184, 68 %")
    # The second plane is the file's own, the axes follow.
    assert event.focal_mechanisms[0].comments[1] == "computed: T, N, P"


@pytest.mark.parametrize(
    "old, new, code, field",
    [
        ("77.05   54.08", "95.05   54.08", "out-of-range", "dip"),
        ("   54.08  -59.13", "  361.08  -59.13", "out-of-range", "strike"),
        ("   8 P Pol.  7 SV Pol.  8 SH", "   1 P Pol.  0 SV Pol.  0 SH", "few-polarities", None),
    ],
)
def test_what_is_wrong_is_named(
    obspy_data: Bytes, old: str, new: str, code: str, field: str | None
) -> None:
    data = obspy_data(f"{FILES}8sta.out")
    assert old.encode() in data
    (event,), problems = read_all("focmec", data.replace(old.encode(), new.encode()))
    assert any(p.code == code and field in (None, p.field) for p in problems), problems
    assert len(event.focal_mechanisms) == 1


def test_first_motions_all_alike_are_told(obspy_data: Bytes) -> None:
    data = obspy_data(f"{FILES}8sta.lst").replace(b" 44.0   C ", b" 44.0   D ")
    _, problems = read_all("focmec", data)
    assert [(p.code, p.found) for p in problems] == [("polarities-alike", "down")]


def test_without_a_solution_nothing_is_made_up(obspy_data: Bytes) -> None:
    data = b"".join(obspy_data(f"{FILES}8sta.out").splitlines(keepends=True)[:16])
    events, problems = read_all("focmec", data)
    assert (events, [p.code for p in problems]) == ([], ["missing-block"])
    with pytest.raises(FormatError):
        read_all("focmec", b"Dear colleagues\n")
    assert detect(b"Fri Sep  8 14:54:58 2017 for program Other\n") == []
