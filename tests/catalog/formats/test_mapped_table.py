"""Lists of unknown layout are read by the columns a person named."""

from __future__ import annotations

import contextlib
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.formats import FormatError, ReadOptions, mapped_table, read
from catalog.formats.problems import Problem
from catalog.formats.records import EventRecord

SHARED = Path(__file__).parents[4] / "shared" / "data" / "catalogs"
HEADED = """# a list (synthetic)
No;Дата;Время;Широта;Долгота;Глуб;Класс
1;14.11.2014;01:24:16,3;42,10;77,27;10000;13,6
2;15.11.2014;;42,20;77,30;0;-999
3;16.11.2014;03:00:00;0;0;5000;7,1
"""
MAPPING: dict[str, Any] = {
    "delimiter": "semicolon",
    "date_order": "dmy",
    "missing": ["-999"],
    "depth_in_metres": True,
    "columns": [
        {"field": "date", "heading": "Дата"},
        {"field": "time", "heading": "Время"},
        {"field": "latitude", "heading": "Широта"},
        {"field": "longitude", "heading": "Долгота"},
        {"field": "depth_km", "heading": "Глуб"},
        {"field": "scale:KR", "heading": "Класс"},
        {"field": "event_id", "heading": "No"},
    ],
}


def take(text: str | bytes, mapping: dict[str, Any]) -> tuple[list[EventRecord], list[Problem]]:
    data = text.encode() if isinstance(text, str) else text
    items = list(read("mapped-table", io.BytesIO(data), options=ReadOptions(mapping=mapping)))
    return (
        [item for item in items if isinstance(item, EventRecord)],
        [item for item in items if isinstance(item, Problem)],
    )


def test_row_is_read_by_the_meaning_of_its_columns() -> None:
    first = take(HEADED, MAPPING)[0][0]
    origin = first.origins[0]
    assert origin.time == datetime(2014, 11, 14, 1, 24, 16, 300_000, tzinfo=UTC)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.1, 77.27, 10.0)
    assert [(m.type, m.value) for m in first.magnitudes] == [("KR", 13.6)]
    assert (first.event_id, first.first_line, first.text) == ("1", 3, HEADED.splitlines()[2])


def test_row_without_time_of_day_is_good_to_the_day() -> None:
    second = take(HEADED, MAPPING)[0][1]
    assert second.origins[0].time == datetime(2014, 11, 15, 12, tzinfo=UTC)
    assert second.origins[0].time_uncertainty == 43_200
    assert "time of day not reported" in second.comments
    assert second.magnitudes == ()  # -999 means not reported
    assert second.origins[0].depth_km == 0.0  # zero depth is a depth


def test_row_at_zero_zero_is_no_event_but_a_problem() -> None:
    events, problems = take(HEADED, MAPPING)
    assert len(events) == 2
    assert [(p.code, p.line_number) for p in problems] == [("zero-position", 5)]


def test_missing_heading_is_named() -> None:
    with pytest.raises(FormatError) as caught:
        take(HEADED.replace("Глуб", "Depth"), MAPPING)
    problem = caught.value.problem
    assert (problem.code, problem.field, problem.expected) == ("missing-field", "depth_km", "Глуб")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"columns": []}, "out-of-range"),
        ({"columns": [{"field": "date", "heading": "x"}]}, "missing-field"),
        ({"columns": [{"field": "colour", "heading": "x"}]}, "unknown-value"),
        ({"columns": MAPPING["columns"] + [{"field": "date", "heading": "y"}]}, "duplicate-column"),
        ({"delimiter": "dash"}, "unknown-value"),
        ({"date_order": "ydm"}, "unknown-value"),
        ({"skip_lines": -1}, "out-of-range"),
        ({"colour": "red"}, "unknown-value"),
        ({"columns": [{"colour": "red"}]}, "unknown-value"),
        ({"columns": "date"}, "missing-field"),
    ],
)
def test_mapping_that_makes_no_event_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(FormatError) as caught:
        take(HEADED, {**MAPPING, **change})
    assert caught.value.problem.code == code


def test_file_without_a_mapping_is_refused() -> None:
    with pytest.raises(FormatError):
        list(read("mapped-table", io.BytesIO(HEADED.encode())))


def test_fixed_places_hold_degrees_and_minutes() -> None:
    line = "2010 01 01  00 16 54.48  36  1.92-117 46.93 A 1.1      1.10 26     0.22 14566836\n"
    (event,), problems = take(line, FIXED)
    assert event.origins[0].latitude == pytest.approx(36 + 1.92 / 60)
    assert event.origins[0].longitude == pytest.approx(-(117 + 46.93 / 60))
    assert event.event_id == "14566836"
    assert problems == []


FIXED: dict[str, Any] = {
    "delimiter": "fixed",
    "has_headings": False,
    "columns": [
        {"field": field, "first": first, "last": last}
        for field, first, last in (
            ("year", 1, 4), ("month", 6, 7), ("day", 9, 10), ("hour", 13, 14), ("minute", 16, 17),
            ("second", 19, 23), ("latitude_degrees", 25, 27), ("latitude_minutes", 29, 33),
            ("longitude_degrees", 34, 37), ("longitude_minutes", 39, 43), ("magnitude", 47, 49),
            ("depth_km", 55, 60), ("event_id", 73, 80),
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "order", "hour"),
    [
        ("1900-07-2906:59:00.00", "ymd", 6),
        ("19000729065900", "ymd", 6),
        ("29.07.1900 06:59", "dmy", 6),
        ("7/29/1900 6:59:00", "mdy", 6),
        ("29 07 1900", "dmy", 12),
    ],
)
def test_time_is_read_however_it_is_written(written: str, order: str, hour: int) -> None:
    mapping = {
        "delimiter": "comma",
        "has_headings": False,
        "date_order": order,
        "columns": [
            {"field": "origin_time", "number": 1},
            {"field": "latitude", "number": 2},
            {"field": "longitude", "number": 3},
        ],
    }
    (event,), _ = take(f"{written},42.1N,77.2E\n", mapping)
    assert event.origins[0].time.date() == datetime(1900, 7, 29).date()
    assert event.origins[0].time.hour == hour
    assert event.origins[0].latitude == 42.1


def test_mapping_survives_being_stored() -> None:
    mapping = mapped_table.from_plain(MAPPING)
    assert mapped_table.from_plain(mapping.as_plain()) == mapping


def test_first_guess_finds_delimiter_headings_and_fields() -> None:
    guess = mapped_table.guess(HEADED.splitlines())
    assert (guess.delimiter, guess.has_headings, guess.comment) == ("semicolon", True, "#")
    assert {c.field for c in guess.columns} >= {"date", "time", "latitude", "longitude"}


@given(st.binary(max_size=400))
def test_any_bytes_give_events_or_problems(data: bytes) -> None:
    for mapping in (MAPPING, FIXED, {**FIXED, "has_headings": True}):
        with contextlib.suppress(FormatError):
            take(data, mapping)


def rows(name: str, step: int) -> bytes:
    """Return the remarks above a list and every so many of its rows, of all parts of the year."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"../shared/data/catalogs/{name} is not there")
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    return b"".join(lines[:10] + lines[10::step])


@pytest.mark.parametrize(
    ("step", "count"), [(20, 2098), pytest.param(1, 41_959, marks=pytest.mark.long)]
)
def test_two_layouts_of_one_catalogue_give_the_same_events(step: int, count: int) -> None:
    wide = rows("scedc_2010_SCEC_DC.catalog.gz", step)
    fixed = rows("scedc_2010_SCSN.catalog.gz", step)
    columns = ("date", "time", "", "", "scale:ML", "", "latitude", "longitude", "depth_km", "")
    by_spaces = {
        "delimiter": "spaces",
        "has_headings": False,
        "columns": [
            {"field": field, "number": number}
            for number, field in enumerate((*columns, "event_id"), start=1)
            if field
        ],
    }
    events, problems = take(wide, by_spaces)
    same, more = take(fixed, FIXED)
    assert len(events) == len(same) == count
    assert not problems
    assert not more
    place = {e.event_id: (e.origins[0].latitude, e.origins[0].longitude) for e in same}
    for event in events:
        latitude, longitude = place[event.event_id]
        assert event.origins[0].latitude == pytest.approx(latitude, abs=6e-4)
        assert event.origins[0].longitude == pytest.approx(longitude, abs=6e-4)
