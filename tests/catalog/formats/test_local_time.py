"""Times in Almaty civil time: +7, +6 and +5 by date, doubtful hours, and how a file is told."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest

from catalog.formats import ReadOptions, detect, local_time, read
from catalog.formats.local_time import ALMATY, Epicentre, in_utc, offset_votes
from catalog.formats.problems import Problem
from catalog.formats.records import (
    AmplitudeRecord,
    EventRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationReference,
)
from tests.catalog.formats.conftest import GOLDEN

SUMMER_2004 = datetime(2004, 7, 15, 12, 0, tzinfo=UTC)
WINTER_2014 = datetime(2014, 11, 14, 12, 0, tzinfo=UTC)
BEFORE_2024 = datetime(2024, 2, 29, 2, 0, tzinfo=UTC)
AFTER_2024 = datetime(2024, 3, 2, 12, 0, tzinfo=UTC)
OFFSETS = [(SUMMER_2004, 7), (WINTER_2014, 6), (BEFORE_2024, 6), (AFTER_2024, 5)]


def event(time: datetime) -> EventRecord:
    station = StationReference("KNDC")
    return EventRecord(
        "",
        1,
        3,
        origins=(OriginRecord("1", time, 42.1, 77.3, creation_time=time, line_number=1),),
        picks=(
            PickRecord("p", station, time + timedelta(seconds=20), line_number=2),
            PickRecord("q", station, None, line_number=3),
        ),
        amplitudes=(AmplitudeRecord("a", 1.0, time=time, pick_id="p", line_number=2),),
    )


@pytest.mark.parametrize("time, hours", OFFSETS)
def test_the_offset_is_that_of_the_date(time: datetime, hours: int) -> None:
    record, problems = in_utc(event(time), ALMATY)
    utc = time - timedelta(hours=hours)
    assert problems == ()
    assert record.origins[0].time == utc and record.origins[0].time.tzinfo is UTC
    assert record.picks[0].time == utc + timedelta(seconds=20)
    assert record.picks[1].time is None
    assert record.amplitudes[0].time == utc
    assert record.origins[0].creation_time == time  # programs write it in UTC


def test_utc_stays_as_it_is() -> None:
    assert in_utc(event(WINTER_2014), "UTC") == (event(WINTER_2014), ())


def test_readings_are_shifted_too() -> None:
    readings = ReadingsRecord("", 1, 1, (PickRecord("p", StationReference("AAK"), WINTER_2014),))
    record, _ = in_utc(readings, ALMATY)
    assert record.picks[0].time == WINTER_2014 - timedelta(hours=6)


def test_an_hour_that_came_twice_is_a_problem() -> None:
    # At midnight into 1 March 2024 clocks went back from +6 to +5.
    record, problems = in_utc(event(datetime(2024, 2, 29, 23, 30, tzinfo=UTC)), ALMATY)
    assert record.origins[0].time == datetime(2024, 2, 29, 17, 30, tzinfo=UTC)
    assert {(p.line_number, p.code, p.field) for p in problems} == {
        (1, "ambiguous-local-time", "origin"),
        (2, "ambiguous-local-time", "pick"),
        (2, "ambiguous-local-time", "amplitude"),
    }
    assert problems[0].expected == "Asia/Almaty +0600 | +0500"


def test_an_hour_that_never_was_is_a_problem() -> None:
    # On 28 March 2004 clocks went forward from 02:00 to 03:00.
    record, problems = in_utc(event(datetime(2004, 3, 28, 2, 30, tzinfo=UTC)), ALMATY)
    assert record.origins[0].time == datetime(2004, 3, 27, 20, 30, tzinfo=UTC)
    assert {p.code for p in problems} == {"ambiguous-local-time"}


@pytest.mark.parametrize("name", ["Asia/Nowhere", "../../etc/passwd", "zones", ""])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        in_utc(event(WINTER_2014), name)


def test_a_file_is_read_in_its_time_zone() -> None:
    data = (GOLDEN / "synthetic_bulletin.gse").read_bytes()
    first, utc = (
        next(
            item
            for item in read("gse2", io.BytesIO(data), None, ReadOptions(time_zone=name))
            if isinstance(item, EventRecord)
        )
        for name in (ALMATY, "UTC")
    )
    assert first.origins[0].time == utc.origins[0].time - timedelta(hours=6)
    assert first.text == utc.text


def in_almaty_time(code: str, text: str) -> tuple[list[EventRecord], list[Problem]]:
    """Return what a file says whose operator calls its times Almaty time."""
    items = list(read(code, io.BytesIO(text.encode()), None, ReadOptions(time_zone=ALMATY)))
    events = [item for item in items if isinstance(item, EventRecord)]
    return events, [item for item in items if isinstance(item, Problem)]


STATED = ["14:00:00Z", "14:00:00 UTC", "20:00:00+06:00", "20:00:00 +0600", "12:30:00-01:30"]


@pytest.mark.parametrize("clock", STATED)
@pytest.mark.parametrize(
    "code, text",
    [
        ("catalogue-csv", "date,time,lat,lon\n2014-11-14,{},42.1,77.3\n"),
        ("bulletin-csv", "row,time,latitude,longitude\nevent,2014-11-14 {},42.1,77.3\n"),
        (
            "year-book-intensity",
            "Дата и время;φ°, N;λ°, E;Населённый пункт;I, балл\n"
            "2014-11-14 {};42,1;77,3;Алматы;3-4\n",
        ),
    ],
)
def test_a_stated_offset_of_a_table_wins_over_the_zone(code: str, text: str, clock: str) -> None:
    (event,), problems = in_almaty_time(code, text.format(clock))
    assert event.origins[0].time == datetime(2014, 11, 14, 14, 0, tzinfo=UTC)
    assert event.origins[0].time.tzinfo is UTC
    assert problems == []
    (bare,), _ = in_almaty_time(code, text.format("14:00:00"))
    assert bare.origins[0].time == datetime(2014, 11, 14, 8, 0, tzinfo=UTC)


def test_each_row_has_its_own_time() -> None:
    text = "time,lat,lon\n2014-11-14T20:00:00,42.1,77.3\n2014-11-14T15:00:00Z,42.1,77.3\n"
    events, _ = in_almaty_time("catalogue-csv", text)
    assert [event.origins[0].time.hour for event in events] == [14, 15]


@pytest.mark.parametrize("stamp, hour", [("2014-11-14T14:00:00Z", 14), ("2014-11-14T20:00:00", 14)])
def test_fdsn_text_is_shifted_unless_it_states_utc(stamp: str, hour: int) -> None:
    events, _ = in_almaty_time("fdsn-text", f"1|{stamp}|42.1|77.3|10|SOME||SOME|1|mb|5.0|SOME|X|\n")
    assert [event.origins[0].time.hour for event in events] == [hour]


@pytest.mark.parametrize("name", ["synthetic_unknown.xml", "synthetic_seiscomp_0.14.xml"])
def test_a_zone_is_not_applied_to_formats_that_are_always_utc(name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    (code,) = detect(data, name)
    events, problems = in_almaty_time(code, data.decode())
    plain = [item for item in read(code, io.BytesIO(data)) if isinstance(item, EventRecord)]
    assert events == plain and events
    first = problems[0]
    assert (first.code, first.found, first.expected) == ("time-zone-not-used", ALMATY, "UTC")
    assert sum(problem.code == "time-zone-not-used" for problem in problems) == 1


# --- which time a file was written in -------------------------------------------------------------


def catalogue(start: datetime, count: int = 12) -> list[Epicentre]:
    """Return events some hours apart, over the country."""
    return [
        (start + timedelta(hours=5.3 * n, seconds=17 * n), 42.0 + n % 5, 74.0 + n % 7)
        for n in range(count)
    ]


def as_written(known: list[Epicentre], hours: float, late: float = 4.0) -> list[Epicentre]:
    """Return the same events as another agency has them, in clock time of an offset."""
    return [
        (time + timedelta(hours=hours, seconds=late), latitude + 0.2, longitude - 0.2)
        for time, latitude, longitude in known
    ]


@pytest.mark.parametrize("start, hours", OFFSETS)
def test_a_file_in_almaty_time_is_told(start: datetime, hours: int) -> None:
    known = catalogue(start, 3)
    votes = offset_votes(as_written(known, hours), known)
    assert votes.zone == ALMATY
    assert (votes.matches_local, votes.matches_utc, votes.compared) == (3, 0, 3)
    assert dict(votes.by_hours)[hours] == 3


@pytest.mark.parametrize("start, hours", OFFSETS)
def test_a_file_in_utc_is_left_alone(start: datetime, hours: int) -> None:
    known = catalogue(start)
    votes = offset_votes(as_written(known, 0), known)
    assert votes.zone is None
    assert votes.matches_utc == 12


def test_a_file_across_the_change_of_2024_is_told() -> None:
    known = catalogue(datetime(2024, 2, 28, 3, 0, tzinfo=UTC), 20)
    change = datetime(2024, 2, 29, 18, 0, tzinfo=UTC)
    written = as_written([k for k in known if k[0] < change], 6)
    written += as_written([k for k in known if k[0] >= change], 5)
    votes = offset_votes(written, known)
    assert votes.zone == ALMATY and votes.matches_local == 20
    assert 0 < dict(votes.by_hours)[6] < 20


def test_a_fixed_offset_that_ignores_the_date_is_not_the_zone() -> None:
    known = catalogue(AFTER_2024)
    votes = offset_votes(as_written(known, 6), known)
    assert votes.zone is None
    assert dict(votes.by_hours)[6] == 12


def test_too_few_or_too_far_prove_nothing() -> None:
    known = catalogue(WINTER_2014)
    assert offset_votes(as_written(known[:2], 6), known).zone is None  # two events
    assert offset_votes(as_written(known, 6, late=45.0), known).matches_local == 0
    far = [(time, 10.0, longitude) for time, _, longitude in as_written(known, 6)]
    assert offset_votes(far, known).matches_local == 0
    assert offset_votes(as_written(known, 6), []).compared == 0
    assert offset_votes([], known).zone is None


def test_half_of_a_file_is_not_enough_against_the_other_half() -> None:
    known = catalogue(WINTER_2014)
    votes = offset_votes(as_written(known[:6], 6) + as_written(known[6:], 0), known)
    assert votes.zone is None
    assert (votes.matches_local, votes.matches_utc) == (6, 6)


def test_one_known_event_is_matched_once() -> None:
    known = catalogue(WINTER_2014, 1)
    votes = offset_votes(as_written(known * 5, 6), known)
    assert votes.matches_local == 1 and votes.zone is None


def test_the_database_is_the_pinned_one() -> None:
    assert local_time.zone(ALMATY).key == ALMATY
    assert local_time.zone(ALMATY).utcoffset(datetime(2030, 1, 1)) == timedelta(hours=5)
