"""The USSR catalogue 1962-1991: fixed columns without blanks between them."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import wdcb
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem
from catalog.formats.records import EventRecord
from catalog.scales import scale_of
from tests.catalog.formats.conftest import GOLDEN

DATA = (GOLDEN / "synthetic_ussr_1962.txt").read_bytes()
LINE = DATA.decode().split("\n")[0]


def read(data: bytes | str, limits: Limits | None = None) -> tuple[list[Any], list[Problem]]:
    data = data.encode() if isinstance(data, str) else data
    items = list(wdcb.read(io.BytesIO(data), limits or Limits()))
    return (
        [item for item in items if isinstance(item, EventRecord)],
        [item for item in items if isinstance(item, Problem)],
    )


def test_the_columns_cover_the_line_without_a_gap() -> None:
    at = 0
    for place in wdcb.COLUMNS.values():
        assert place.start == at
        at = place.stop
    # The positions of the published description, counted from 1.
    first = {name: (place.start + 1, place.stop) for name, place in wdcb.COLUMNS.items()}
    assert first["second"] == (13, 16) and first["latitude"] == (21, 25)
    assert first["longitude"] == (26, 32) and first["depth"] == (35, 37)
    assert first["K"] == (40, 43) and first["MPVA"] == (50, 52)
    assert first["intensity"] == (56, 57) and first["MSHA/MPSP stations"] == (68, 69) == (68, at)


def test_every_column_is_read() -> None:
    event = read(DATA)[0][0]
    (origin,) = event.origins
    assert origin.time == datetime(1978, 3, 24, 21, 5, 47, 300000, UTC)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.87, 78.58, 20.0)
    assert (origin.time_uncertainty, origin.depth_uncertainty_km) == (0.5, 5.0)
    sizes = [(m.type, m.value, m.uncertainty, m.station_count) for m in event.magnitudes]
    assert sizes == [
        ("K", 14.9, 0.3, 12),
        ("MLHB", 6.6, None, 31),
        ("MPVA", 6.8, None, 9),
        ("MSHA/MPSP", 6.4, None, 4),
    ]
    assert [scale_of(m.type) for m in event.magnitudes] == ["KR", "", "MPVA", ""]
    assert event.intensities[0].best == 9.0 and event.intensities[0].scale is None
    assert event.comments == ("coordinate accuracy: 10", "region: 05, 04")
    assert event.source == wdcb.SOURCE and event.event_id is None


def test_what_is_blank_or_zero_is_not_reported() -> None:
    events, problems = read(DATA)
    assert problems == []
    second, third = events[1], events[2]
    assert second.magnitudes[0].value == 9.1 and len(second.magnitudes) == 1
    assert second.magnitudes[0].uncertainty is None
    assert second.magnitudes[0].station_count is None
    assert second.origins[0].depth_km is None
    assert second.origins[0].time_uncertainty is None
    assert second.comments == ("intensity: see the text of the year book (ra)",)
    assert third.origins[0].time == datetime(1965, 1, 2, 3, 4, tzinfo=UTC)
    assert third.origins[0].time_uncertainty == wdcb.MINUTE_UNCERTAINTY
    assert third.origins[0].longitude == -170.25
    assert third.origins[0].depth_km == 0.0 and third.magnitudes == ()


@pytest.mark.parametrize(
    "line, code, field",
    [
        (LINE[:25], "wrong-width", ""),
        (LINE[:20] + "\t" + LINE[21:], "wrong-width", ""),
        (LINE + " a remark", "unused-text", ""),
        (LINE.replace("19780324", "19781324"), "not-a-time", "time"),
        (LINE.replace("47.3", " 473"), "not-a-time", "time"),  # a point is lost
        (LINE.replace("1978", "1078"), "implausible-time", "time"),
        (LINE.replace("42.87", " 4287"), "out-of-range", "latitude"),
        (LINE.replace("42.87", "     "), "missing-field", "latitude"),
        (LINE.replace("42.87", "42,87"), "not-a-number", "latitude"),
        (LINE.replace("14.9", " 149"), "out-of-range", "K"),
        (LINE.replace("14.9", " NaN"), "not-finite", "K"),
        (LINE[:55] + "IX" + LINE[57:], "not-a-number", "intensity"),
        (LINE[:55] + "13" + LINE[57:], "out-of-range", "intensity"),
    ],
)
def test_a_spoilt_line_says_where(line: str, code: str, field: str) -> None:
    events, problems = read(DATA + line.encode() + b"\n")
    assert len(events) >= 3
    assert (4, code, field) in {(p.line_number, p.code, p.field) for p in problems}


def test_a_wrapped_line_is_two_lines_of_the_wrong_width() -> None:
    _, problems = read(DATA + (LINE[:30] + "\n" + LINE[30:45] + "\n").encode())
    assert [(p.line_number, p.code, p.found, p.expected) for p in problems] == [
        (4, "wrong-width", "30", "69"),
        (5, "wrong-width", "15", "69"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + DATA,
        DATA.replace(b"\n", b"\r\n"),
        b"\n" + DATA + b"\x1a",
        b"\n".join(line.rstrip() for line in DATA.split(b"\n")),
    ],
)
def test_what_editors_do_to_files_changes_nothing(data: bytes) -> None:
    events, problems = read(data)
    assert problems == [] and wdcb.detect(data, "x.txt")
    assert [e.origins[0].time for e in events] == [e.origins[0].time for e in read(DATA)[0]]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-8"])
def test_a_russian_remark_behind_the_columns_is_kept(encoding: str) -> None:
    text = f"{LINE} ощущалось в городе\n{LINE} разрушения\n"
    events, problems = read(text.encode(encoding))
    assert [e.comments[0] for e in events] == ["ощущалось в городе", "разрушения"]
    assert {p.code for p in problems} == {"unused-text"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"1978 03 24 21:05:47.3 42.87 78.58 20\n",
        b"19780324,210547.3,42.87,78.58\n",
        b"free text that is long enough to have coordinates somewhere in it\n",
        b"19780324210547.30.50 4287  78.5810 20 514.9\n",
    ],
)
def test_what_is_something_else_is_refused(data: bytes) -> None:
    assert not wdcb.detect(data, "catalogue.txt")
    with pytest.raises(FormatError):
        read(data)


def test_a_control_character_in_a_number_is_no_blank() -> None:
    assert not wdcb.detect(LINE.replace("42.87", "\x1d.87 ").encode(), "x.txt")


def test_too_many_events_stop_the_reading() -> None:
    events, problems = read(DATA, Limits(max_events=2))
    assert len(events) == 2 and problems[-1].code == "too-many-events"


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_mutation_makes_the_reader_crash(data: st.DataObject) -> None:
    content = bytearray(DATA)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=4))
    started = time.monotonic()
    wdcb.detect(bytes(content), "")
    try:
        _, problems = read(bytes(content))
    except FormatError as refusal:
        problems = [refusal.problem]
    assert time.monotonic() - started < 2.0
    assert all(problem.code in CODES for problem in problems)
