"""FDSN event text: with and without a heading, spoilt lines, and what we write ourselves."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import fdsn_text
from catalog.formats.labels import SYNTHETIC
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem
from catalog.formats.records import EventRecord
from tests.catalog.formats.conftest import GOLDEN, OBSPY

SHARED = Path(__file__).parents[4] / "shared" / "data" / "bulletins"
NAMED = (GOLDEN / "synthetic_events.fdsn.txt").read_bytes()
BARE = (GOLDEN / "synthetic_events_without_heading.fdsn.txt").read_bytes()
LINE = "a1|2014-11-14T01:24:16|42.1|77.27|10|SOME|C|SOME|n1|KR|13.6|SOME|place|earthquake"


def read(data: bytes | str) -> tuple[list[EventRecord], list[Problem]]:
    data = data.encode() if isinstance(data, str) else data
    items = list(fdsn_text.read(io.BytesIO(data), Limits()))
    return (
        [item for item in items if isinstance(item, EventRecord)],
        [item for item in items if isinstance(item, Problem)],
    )


def test_every_column_is_read() -> None:
    (first, second, third), problems = read(NAMED)
    assert problems == []
    (origin,) = first.origins
    assert first.event_id == "synthetic1" and first.event_type == "earthquake"
    assert origin.time == datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.1, 77.27, 10.0)
    assert (origin.agency, first.agency) == ("SOME", "SOME")
    (magnitude,) = first.magnitudes
    assert (magnitude.type, magnitude.value, magnitude.agency) == ("KR", 13.6, "SOME")
    assert first.descriptions[0].text == "Synthetic place one"
    assert first.comments == ("Catalog: synthetic", "ContributorID: 20140001")
    assert first.preferred_magnitude_id == "magnitude-1"
    assert second.origins[0].depth_km is None
    assert (second.origins[0].agency, second.origins[0].author) == (None, "scolv@test")
    assert second.descriptions[0].text == "Алматы маңы"
    assert second.event_type == "quarry blast" and second.comments == ()
    assert third.magnitudes == () and third.agency is None and third.event_type is None


def test_lines_without_a_heading_have_13_or_14_columns() -> None:
    (first, second), problems = read(BARE)
    assert problems == []
    assert first.magnitudes[0].type == "MPVA" and first.event_type is None
    assert second.origins[0].time == datetime(2010, 1, 2, 4, 4, 5, tzinfo=UTC)
    (whole,), problems = read(LINE)
    assert whole.event_type == "earthquake" and problems == []


def test_blanks_around_bars_and_columns_in_another_order() -> None:
    text = "# EventID | Time | Longitude | Latitude | Depth | Author | Catalog | Contributor"
    text += " | ContributorID | MagType | Magnitude | MagAuthor | EventLocationName | Region\n"
    text += "7 | 2014-11-14T01:24:16 | 77.27 | 42.1 | 3.5 | A | | | | | | | here | KZ\n"
    (event,), problems = read(text)
    assert event.origins[0].longitude == 77.27 and event.origins[0].depth_km == 3.5
    assert event.comments == ("Region: KZ",)
    assert [(p.line_number, p.code, p.field) for p in problems] == [(1, "unknown-column", "Region")]


def test_more_columns_than_known_without_a_heading_are_kept() -> None:
    (event,), problems = read(LINE + "|more|still more")
    assert event.comments[:2] == ("column 15: more", "column 16: still more")
    assert problems == []


@pytest.mark.parametrize(
    "line, code, field",
    [
        (LINE.rsplit("|", 3)[0], "wrong-width", ""),
        (LINE.replace("place", "pl|ace"), "wrong-width", ""),
        (LINE.replace("2014-11-14T", "2014-13-14T"), "not-a-time", "Time"),
        (LINE.replace("2014", "2214"), "implausible-time", "Time"),
        (LINE.replace("42.1", "42,1"), "not-a-number", "Latitude"),
        (LINE.replace("42.1", "142.1"), "out-of-range", "Latitude"),
        (LINE.replace("77.27", ""), "missing-field", "Longitude"),
        (LINE.replace("13.6", "NaN"), "not-finite", "Magnitude"),
        (LINE.replace("13.6", ""), "missing-field", "Magnitude"),
        (LINE.replace("earthquake", "quake"), "unknown-value", "EventType"),
        (LINE.replace("a1|", "synthetic1|"), "duplicate-event-id", "EventID"),
        ("free text", "unused-text", ""),
    ],
)
def test_a_spoilt_line_says_where(line: str, code: str, field: str) -> None:
    events, problems = read(NAMED + line.encode() + b"\n")
    assert len(events) >= 3
    assert (5, code, field) in {(p.line_number, p.code, p.field) for p in problems}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1251", "koi8-r"])
def test_places_in_russian_are_read_in_their_encoding(encoding: str) -> None:
    text = "\r\n".join(
        f"s{n}|2014-11-14T01:24:1{n}|42.1|77.27|10|A|||||||{place}|earthquake"
        for n, place in enumerate(("Северный Тянь-Шань", "восточнее Алматы"))
    )
    events, problems = read(text.encode(encoding))
    assert problems == []
    assert [e.descriptions[0].text for e in events] == ["Северный Тянь-Шань", "восточнее Алматы"]


@pytest.mark.parametrize("place", ["", "Issyk-Kul"])
def test_a_made_up_event_of_our_own_stays_known_as_such(place: str) -> None:
    (event,), problems = read(LINE.replace("place", f"{SYNTHETIC}; {place}".strip("; ")))
    assert problems == [] and event.synthetic
    assert [d.text for d in event.descriptions] == ([place] if place else [])
    assert not read(LINE)[0][0].synthetic


def test_a_heading_alone_is_said_to_have_no_events() -> None:
    events, problems = read(fdsn_text.HEADER)
    assert events == [] and [p.code for p in problems] == ["missing-block"]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"a,b,c\n", b"a|b|c|d\n" * 3])
def test_what_is_something_else_is_refused(data: bytes) -> None:
    assert not fdsn_text.detect(data, "events.txt")
    if b"|" not in data:
        with pytest.raises(FormatError):
            read(data)


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="|#"),
    max_size=12,
)


def test_a_real_answer_of_13_columns_is_read() -> None:
    data = (OBSPY / "csv/tests/data/events.txt").read_bytes()
    events, problems = read(data)
    rows = [line.split("|") for line in data.decode().splitlines()[1:] if line.strip()]
    assert problems == []
    assert [event.event_id for event in events] == [row[0].strip() for row in rows]
    for event, row in zip(events, rows, strict=True):
        (origin,) = event.origins
        assert (origin.latitude, origin.longitude) == (float(row[2]), float(row[3]))
        assert f"{origin.time:%Y-%m-%dT%H:%M:%S}" == row[1].strip()[:19]
        assert [m.value for m in event.magnitudes] == [float(row[10])]


@given(
    event_id=TEXT.map(lambda t: "e" + t),
    place=TEXT,
    seconds=st.integers(0, 10**9),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    depth=st.none() | st.floats(0, 700),
    magnitude=st.none() | st.floats(-3, 17),
)
@settings(max_examples=60, deadline=None)
def test_what_we_write_is_read_back(
    event_id: str,
    place: str,
    seconds: int,
    latitude: float,
    longitude: float,
    depth: float | None,
    magnitude: float | None,
) -> None:
    moment = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=seconds % 7)
    line = fdsn_text.EventLine(
        event_id, moment, latitude, longitude, depth, "SOME", None, "SOME", event_id,
        None if magnitude is None else "Mw", magnitude, None, place, "earthquake",
    )  # fmt: skip
    (event,), problems = read(fdsn_text.HEADER + fdsn_text.render(line))
    assert problems == []
    (origin,) = event.origins
    assert (event.event_id, origin.time) == (event_id, moment)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (latitude, longitude, depth)
    assert [m.value for m in event.magnitudes] == ([] if magnitude is None else [magnitude])


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_mutation_makes_the_reader_crash(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([NAMED, BARE])))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=4))
    started = time.monotonic()
    try:
        _, problems = read(bytes(content))
    except FormatError as refusal:
        problems = [refusal.problem]
    assert time.monotonic() - started < 2.0
    assert all(problem.code in CODES for problem in problems)


@pytest.mark.parametrize(
    "name, ids",
    [
        (
            "fdsnws_event-1.txt",
            ["gfz2021meng", "gfz2021jtmw", "rs2019qtevor", "rs2019qsodmc", "rs2019qrwzhx"],
        ),
        ("fdsnws_event-2.txt", ["gfz2021meng", "rs2019qsodmc"]),
        (
            "fdsnws_event-3.txt",
            ["gfz2021meng", "gfz2021jtmw", "rs2019qsodmc", "rs2019qrwzhx"],
        ),
    ],
)
def test_answers_of_a_real_service_are_read_whole(name: str, ids: list[str]) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project: the shared data are absent")
    data = path.read_bytes()
    assert fdsn_text.detect(data, name)
    events, problems = read(data)
    assert problems == []
    assert [event.event_id for event in events] == ids
    assert events[0].descriptions[0].text == "Südöstlich der Loyalitätsinseln"
    assert events[0].magnitudes[0].value == 5.39
