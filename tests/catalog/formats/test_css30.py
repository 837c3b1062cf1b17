"""CSS3.0 flat files: columns, nulls, joins, and tables that are missing or spoilt."""

from __future__ import annotations

import io
import tarfile
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.formats import archives, css30
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem
from catalog.formats.records import EventRecord, ReadingsRecord, StationReference
from tests.catalog.formats import css30_tables as tables
from tests.catalog.formats.conftest import GOLDEN, OBSPY


def read(data: bytes, limits: Limits | None = None) -> tuple[list[Any], list[Problem]]:
    items = list(css30.read(io.BytesIO(data), limits or Limits()))
    return (
        [item for item in items if not isinstance(item, Problem)],
        [item for item in items if isinstance(item, Problem)],
    )


def only(**changes: bytes | None) -> bytes:
    """Return the database with tables replaced, or left out by None."""
    held: dict[str, bytes | None] = {**tables.database(), **changes}
    return tables.archive({name: data for name, data in held.items() if data is not None})


def said(problems: list[Problem]) -> list[tuple[int | None, str, str]]:
    return [(p.line_number, p.code, p.field) for p in problems]


@pytest.mark.parametrize("name", sorted(tables.TABLES))
def test_the_columns_are_those_of_the_schema(name: str) -> None:
    table = name.removesuffix("-idc")
    (layout,) = [x for x in css30.LAYOUTS[table] if x.width == tables.WIDTHS[name]]
    assert list(layout.columns) == [field for field, _, _ in tables.TABLES[name]]
    marked = tables.row(name)
    assert len(marked) == layout.width
    for field, form, null in tables.TABLES[name]:
        assert marked[layout.columns[field]] == form % (null,)


def test_every_event_of_a_database_is_read() -> None:
    (first, second, left), problems = read((GOLDEN / "synthetic_css30.zip").read_bytes())
    assert problems == []
    assert (first.event_id, second.event_id) == ("7", "8")
    assert [o.origin_id for o in first.origins] == ["11", "12"]
    assert first.preferred_origin_id == "12"
    assert first.descriptions[0].text == "synthetic one"
    assert (first.event_type, second.event_type) == ("earthquake", "quarry blast")
    assert isinstance(left, ReadingsRecord)
    assert [(p.pick_id, p.station.code) for p in left.picks] == [("104", "KUR01")]
    assert left.amplitudes[0].value == 3.2


def test_an_origin_has_its_errors() -> None:
    (event, _, _), _ = read(only())
    origin = event.origins[1]
    assert origin.time == datetime(2014, 11, 14, 1, 24, 16, 750000, UTC)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.16, 77.259, 15.5)
    assert (origin.used_phase_count, origin.associated_phase_count) == (3, 3)
    assert origin.depth_phase_count == 1
    assert origin.depth_type == "from location"
    assert (origin.semi_major_axis_km, origin.semi_minor_axis_km) == (4.29, 2.15)
    assert (origin.major_axis_azimuth, origin.confidence_level) == (0.0, 90.0)
    assert (origin.time_uncertainty, origin.depth_uncertainty_km) == (0.83, 5.1)
    assert origin.standard_error == 0.81
    assert (origin.author, origin.method_id) == ("TEST:analyst", "locsat")
    assert origin.comments == (
        "etype: f",
        "depdp 14.0000",
        "Synthetic: made for a test,\nsecond line",
    )


@pytest.mark.parametrize(
    "sxx, syy, major, minor, strike, north, east",
    [
        (4.0, 1.0, 4.29, 2.15, 0.0, 2.0, 1.0),  # x is latitude, as in the manual
        (1.0, 4.0, 4.29, 2.15, 0.0, 2.0, 1.0),  # x is east, as some programs write
        (4.0, 1.0, -1.0, -1.0, -1.0, None, None),  # no ellipse: nobody can tell
        (4.0, 1.0, 3.0, 3.0, 0.0, None, None),  # an ellipse of another solution
        (4.0, 4.0, -1.0, -1.0, -1.0, 2.0, 2.0),  # both the same
    ],
)
def test_variances_are_named_north_and_east_only_when_the_ellipse_tells(
    sxx: float, syy: float, major: float, minor: float, strike: float, north: Any, east: Any
) -> None:
    row = tables.row(
        "origerr", orid=12, sxx=sxx, syy=syy, smajax=major, sminax=minor, strike=strike
    )
    (event, _, _), _ = read(only(origerr=tables.file(row)))
    origin = event.origins[1]
    assert (origin.latitude_uncertainty_km, origin.longitude_uncertainty_km) == (north, east)
    assert any(text.startswith("sxx") for text in origin.comments) == (north is None)


def test_without_sdepth_and_stime_the_variances_give_them() -> None:
    (_, event, _), _ = read(only())
    origin = event.origins[0]
    assert (origin.time_uncertainty, origin.depth_uncertainty_km) == (0.2, 2.0)
    assert origin.depth_km is None and origin.depth_type is None


def test_a_pick_and_its_use_by_two_origins() -> None:
    (event, _, _), _ = read(only())
    pick = event.picks[0]
    assert pick.station == StationReference(
        "KNDC", "KZ", channel="BHZ", latitude=43.2172, longitude=76.9658, elevation_m=900.0
    )
    assert pick.time == datetime(2014, 11, 14, 1, 24, 38, 120000, UTC)
    assert (pick.time_uncertainty, pick.phase_hint) == (0.05, "Pg")
    assert (pick.onset, pick.polarity) == ("impulsive", "positive")
    assert (pick.backazimuth, pick.backazimuth_uncertainty) == (171.2, 4.0)
    assert (pick.horizontal_slowness, pick.horizontal_slowness_uncertainty) == (13.4, 0.8)
    assert pick.snr == 25.3
    assert pick.comments == (
        "stype r, ema 45.00, rect 0.912, logat 3.19, clip n",
        "auth: TEST",
        "read twice",
    )
    assert (event.amplitudes[0].value, event.amplitudes[0].unit) == (1234.5, "nm")
    assert event.amplitudes[0].period == 0.8
    assert event.picks[1].polarity == "negative"  # dilatation on a long-period channel
    assert event.amplitudes[1].value is None and event.amplitudes[1].period == 1.2
    (automatic,) = event.origins[0].arrivals
    first, second = event.origins[1].arrivals
    assert automatic.pick_id == first.pick_id == "101"
    assert (automatic.time_residual, automatic.distance_deg) == (0.3, None)
    assert (first.distance_deg, first.azimuth, first.time_residual) == (1.139, 348.5, -0.12)
    assert (first.time_weight, first.earth_model) == (0.75, "iasp91")
    assert (first.time_defining, first.backazimuth_defining) == (True, False)
    assert first.horizontal_slowness_defining is False
    assert first.comments == ("seaz 168.30, belief 0.90",)
    assert second.time_defining is False and second.backazimuth_defining is None


def test_magnitudes_come_from_netmag_and_else_from_the_origin() -> None:
    (event, _, _), _ = read(only())
    got = [(m.type, m.value, m.magnitude_id, m.origin_id) for m in event.magnitudes]
    assert got == [
        ("mb", 5.4, "magnitude-1", "11"),
        ("MS", 5.2, "magnitude-2", "11"),
        ("mb", 5.41, "31", "12"),
        ("KR", 13.6, "32", "12"),
        ("ML", 5.6, "magnitude-5", "12"),
    ]
    assert (event.magnitudes[2].station_count, event.magnitudes[2].uncertainty) == (4, 0.2)
    (station,) = event.station_magnitudes
    assert (station.value, station.type, station.magnitude_id) == (5.5, "mb", "31")
    assert (station.station.code, station.amplitude_id) == ("KNDC", "101")


def test_the_data_centres_own_stamag_is_read_too() -> None:
    row = tables.row(
        "stamag-idc",
        magid=31, ampid=5, sta="KNDC", arid=101, orid=12, delta=1.139, magtype="mb",
        magnitude=5.3, magres=-0.1, magdef="d", mmodel="qfvc",
    )  # fmt: skip
    (event, _, _), problems = read(only(stamag=tables.file(row)))
    assert problems == []
    assert event.station_magnitudes[0].residual == -0.1
    assert event.station_magnitudes[0].comments == ("delta 1.139, magdef d, mmodel qfvc, ampid 5",)


def test_minus_one_with_a_magnitude_id_is_a_magnitude() -> None:
    time_ = tables.epoch(tables.TIME)
    rows = [
        tables.row("origin", lat=42.0, lon=77.0, time=time_, orid=1, ml=-1.0, mlid=77),
        tables.row("origin", lat=42.0, lon=77.0, time=time_ + 99, orid=2, ml=-1.0),
    ]
    (small, none), _ = read(tables.file(*rows))
    assert [(m.value, m.type) for m in small.magnitudes] == [(-1.0, "ML")]
    assert none.magnitudes == ()


def test_a_station_that_moved_is_where_it_was_on_the_day() -> None:
    (_, event, _), _ = read(only())
    assert event.picks[0].station.latitude == 50.62
    early = tables.file(tables.arrival(104, "KUR01", "1999-05-05T00:00:00", "P"))
    (readings,), _ = read(only(event=None, origin=None, assoc=None, arrival=early))
    assert readings.picks[0].station.latitude == 50.0


def test_real_station_tables_are_read_as_their_owners_wrote_them() -> None:
    folder = OBSPY / "css" / "tests" / "data" / "station"
    real = {name: (folder / f"default.{name}").read_bytes() for name in ("site", "affiliation")}
    remarks = (folder / "default.remark").read_bytes()
    arrivals = tables.file(
        tables.arrival(1, "FUR", "2014-03-01T00:00:00", "P", commid=1),
        tables.arrival(2, "RJOB", "2003-03-01T00:00:00", "P"),
    )
    data = tables.archive({**real, "remark": remarks, "arrival": arrivals})
    (first, second), problems = read(data)
    assert {p.code for p in problems} == {"missing-block"}
    assert first.picks[0].station == StationReference(
        "FUR", "GR", latitude=48.1629, longitude=11.2752, elevation_m=565.0
    )
    assert first.picks[0].comments[-1].startswith("Comment 1\nComment 2")
    assert second.picks[0].station.latitude == 47.7372


# --- tables that are missing ------------------------------------------------------------------


@pytest.mark.parametrize("table", css30.EXPECTED)
def test_a_missing_table_is_named(table: str) -> None:
    _, problems = read(only(**{table: None}))
    assert [p.field for p in problems if p.code == "missing-block"] == [table]
    assert [p.code for p in problems if p.code != "missing-block"] == []


def test_a_lone_origin_file_is_events_without_arrivals() -> None:
    events, problems = read((GOLDEN / "synthetic_css30.origin").read_bytes())
    assert [event.event_id for event in events] == ["7", "8"]
    assert all(event.picks == () for event in events)
    missing = [p.field for p in problems if p.code == "missing-block"]
    assert missing == ["event", "origerr", "assoc", "arrival", "netmag", "stamag", "remark"]


def test_a_lone_arrival_file_is_a_station_bulletin() -> None:
    (first,), problems = read((GOLDEN / "synthetic_css30.arrival").read_bytes())
    assert isinstance(first, ReadingsRecord)
    assert [p.pick_id for p in first.picks] == ["101", "102", "103", "104"]
    assert (first.first_line, first.last_line) == (1, 4)
    assert {p.code for p in problems} == {"missing-block"}


def test_a_long_station_bulletin_comes_in_parts() -> None:
    rows = [
        tables.arrival(n, "KNDC", f"2014-11-14T{n // 60:02d}:{n % 60:02d}:00", "P")
        for n in range(1, 1200)
    ]
    parts, _ = read(tables.file(*rows))
    assert [len(part.picks) for part in parts] == [500, 500, 199]


def test_without_arrivals_the_associations_still_name_stations() -> None:
    (event, _), _ = read(only(arrival=None))
    assert [(p.pick_id, p.station.code, p.time) for p in event.picks] == [
        ("101", "KNDC", None),
        ("102", "KNDC", None),
    ]
    assert event.origins[1].arrivals[0].time_residual == -0.12


def test_origins_without_an_event_id_are_events_of_their_own() -> None:
    time_ = tables.epoch(tables.TIME)
    rows = [tables.row("origin", lat=42.0, lon=77.0, time=time_, orid=orid) for orid in (21, 22)]
    events, _ = read(tables.file(*rows))
    assert [event.event_id for event in events] == ["21", "22"]


def test_only_tables_that_say_nothing_alone_are_refused() -> None:
    with pytest.raises(FormatError) as refusal:
        read(only(origin=None, arrival=None))
    assert refusal.value.problem.code == "missing-block"
    assert refusal.value.problem.field == "origin"


def test_files_of_several_days_are_databases_of_their_own() -> None:
    day = tables.database()
    files = [(f"{stem}.{name}", data) for stem in ("0101", "0102") for name, data in day.items()]
    items, problems = read(archives.pack(files))
    assert [getattr(item, "event_id", None) for item in items] == ["7", "8", None] * 2
    assert problems == []


def test_other_files_in_the_archive_are_named() -> None:
    data = archives.pack(
        [(f"a.{n}", d) for n, d in tables.database().items()] + [("a.wfdisc", b"x")]
    )
    items, problems = read(data)
    assert len(items) == 3
    assert [(p.code, p.field) for p in problems] == [("unsupported-block", "a.wfdisc")]


def test_a_large_table_that_is_not_read_may_stand_first() -> None:
    rows = b"".join(b"%09d %060d\n" % (n * 7919, n**9) for n in range(4000))
    files = [(f"kndc.{name}", data) for name, data in tables.database().items()]
    data = archives.pack([*files, ("kndc.amplitude", rows)])
    assert css30.detect(data[:16384], "kndc.zip")
    items, problems = read(data)
    assert len(items) == 3
    assert [(p.code, p.field) for p in problems] == [("unsupported-block", "kndc.amplitude")]


def test_what_macos_puts_beside_each_file_is_no_table() -> None:
    files = [(f"kndc.{name}", data) for name, data in tables.database().items()]
    data = archives.pack([*files, ("__MACOSX/._kndc.origin", b"\x00\x05\x16\x07" * 20)])
    items, problems = read(data)
    assert len(items) == 3
    assert [p.code for p in problems] == ["unsupported-block"]


# --- ids that point nowhere -------------------------------------------------------------------


@pytest.mark.parametrize(
    "table, row, code, field",
    [
        ("assoc", tables.row("assoc", arid=101, orid=99), "dangling-reference", "assoc orid"),
        ("assoc", tables.row("assoc", arid=999, orid=13), "dangling-reference", "assoc arid"),
        ("netmag", tables.row("netmag", orid=99, magnitude=4), "dangling-reference", "netmag orid"),
        (
            "stamag",
            tables.row("stamag", magid=99, orid=12, magnitude=4),
            "dangling-reference",
            "stamag magid",
        ),
        ("event", tables.row("event", evid=99), "dangling-reference", "event evid"),
        ("event", tables.row("event", evid=7), "duplicate-event-id", "event evid"),
        ("arrival", tables.arrival(101, "XX", tables.TIME, "P"), "duplicate-id", "arrival arid"),
        ("assoc", tables.row("assoc", arid=103, orid=13), "duplicate-id", "assoc arid"),
        ("origerr", tables.row("origerr", orid=12), "duplicate-id", "origerr orid"),
    ],
)
def test_an_id_that_points_nowhere_or_twice_is_a_problem(
    table: str, row: str, code: str, field: str
) -> None:
    data = tables.database()[table] + tables.file(row)
    items, problems = read(only(**{table: data}))
    assert said(problems) == [(data.count(b"\n"), code, field)]
    assert sum(isinstance(item, EventRecord) for item in items) == 2


def test_tables_that_contradict_each_other_are_problems() -> None:
    held = tables.database()
    _, problems = read(
        only(
            assoc=held["assoc"].replace(b"KNDC  ", b"MDOK  ", 1),
            netmag=held["netmag"].replace(b"       7", b"       8", 1),
            stamag=held["stamag"].replace(b"       7", b"       8", 1),
        )
    )
    assert said(problems) == [
        (1, "dangling-reference", "assoc sta"),
        (1, "dangling-reference", "netmag evid"),
        (1, "dangling-reference", "stamag evid"),
    ]


def test_an_origin_id_twice_keeps_both() -> None:
    data = tables.database()["origin"]
    row = data.split(b"\n")[0]
    (event, *_), problems = read(only(origin=data + row + b"\n"))
    assert [o.origin_id for o in event.origins] == ["11", "12", "11#3"]
    assert said(problems) == [(4, "duplicate-origin-id", "origin orid")]


# --- spoilt rows ------------------------------------------------------------------------------

ORIGIN = tables.row(
    "origin", lat=42.0, lon=77.0, time=tables.epoch(tables.TIME), orid=5, evid=7, jdate=2014318
)


@pytest.mark.parametrize(
    "row, code",
    [
        (ORIGIN[:120], "wrong-width"),  # wrapped or cut
        (ORIGIN + "x", "wrong-width"),
        (ORIGIN.replace("   ", "\t", 1), "unused-text"),
        ("x" + ORIGIN[1:10] + ORIGIN[9:-1], "unused-text"),  # shifted by one
        (ORIGIN.replace(" 42.0000", "-42,0000"), "not-a-number"),
        (ORIGIN.replace(" 42.0000", "92.00000"), "out-of-range"),
        (ORIGIN.replace(" 42.0000", "     NaN"), "not-finite"),
        (ORIGIN.replace(" 42.0000", "-999.000"), "missing-field"),
        (ORIGIN.replace("1415928256.50000", "9415928256.50000"), "implausible-time"),
        (ORIGIN.replace("2014318", "2014317"), "not-a-time"),
    ],
)
def test_a_spoilt_row_says_its_line(row: str, code: str) -> None:
    data = tables.database()["origin"]
    _, problems = read(only(origin=data + row.encode() + b"\n"))
    assert (4, code) in {(p.line_number, p.code) for p in problems}
    assert all(p.field.startswith("origin") for p in problems)


def test_a_wrong_width_says_what_was_expected() -> None:
    data = tables.database()["arrival"] + b"KNDC 1415928278\n"
    _, problems = read(only(arrival=data))
    assert [(p.line_number, p.field, p.found, p.expected) for p in problems] == [
        (5, "arrival", "15", "223")
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\n\n"),
        lambda data: b"\n".join(line.rstrip() for line in data.split(b"\n")),
        lambda data: data + b"\x1a",
    ],
    ids=["bom", "crlf", "blank lines", "blanks cut", "end mark of DOS"],
)
def test_what_editors_do_to_files_changes_nothing(change: Any) -> None:
    whole, _ = read(only())
    changed, problems = read(only(**{n: change(d) for n, d in tables.database().items()}))
    assert problems == []
    assert [e.origins for e in changed[:1]] != []
    assert changed[0].picks[0].time == whole[0].picks[0].time
    assert [m.value for m in changed[0].magnitudes] == [m.value for m in whole[0].magnitudes]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "koi8-r"])
def test_russian_remarks_are_read_in_their_encoding(encoding: str) -> None:
    text = "ощущалось в Алматы до трёх баллов"
    row = tables.row("remark", commid=90, lineno=1, remark=text)
    other = tables.row("remark", commid=91, lineno=1, remark="второе замечание")
    (event, *_), problems = read(only(remark=f"{row}\n{other}\n".encode(encoding)))
    assert problems == []
    assert text in event.origins[1].comments


def test_columns_counted_in_bytes_are_found_too() -> None:
    text = "ощущалось в Алматы"
    row = tables.row("remark", commid=90, lineno=1, remark="?" * len(text.encode()))
    data = row.encode().replace(b"?" * len(text.encode()), text.encode()) + b"\n"
    (event, *_), problems = read(only(remark=data + tables.database()["remark"]))
    assert problems == []
    assert event.origins[1].comments[-1].startswith(text)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar_and_tar_gz_are_read_like_zip(mode: Any) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, data in tables.database().items():
            member = tarfile.TarInfo(f"db/kndc.{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert read(packed.getvalue()) == read(only())


def test_a_table_cut_in_the_middle_keeps_its_whole_rows() -> None:
    data = tables.database()["origin"]
    events, problems = read(data[: len(data) - 100])
    assert [event.event_id for event in events] == ["7"]
    assert (3, "wrong-width", "origin") in said(problems)


def test_spoilt_rows_without_end_are_counted() -> None:
    data = tables.database()["origin"] + b"x\n" * (css30.MAX_SPOILT_ROWS + 7)
    _, problems = read(only(origin=data))
    assert len(problems) == css30.MAX_SPOILT_ROWS + 1
    assert problems[-1].found == "+ 7"


def test_too_many_events_stop_the_reading() -> None:
    items, problems = read(only(), Limits(max_events=1))
    assert len(items) == 1
    assert problems[-1].code == "too-many-events"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"hello\n", archives.pack([("a.txt", b"hello")])])
def test_what_is_no_database_is_refused(data: bytes) -> None:
    assert not css30.detect(data, "x.origin")
    with pytest.raises(FormatError):
        read(data)


PLAIN = only()


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_mutation_makes_the_reader_crash(data: st.DataObject) -> None:
    content = bytearray(
        data.draw(st.sampled_from([PLAIN, *tables.database().values()]), label="file")
    )
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content)))
        kind = data.draw(st.sampled_from(["change", "lose", "double", "insert"]))
        length = data.draw(st.integers(0, 300))
        if kind == "change":
            content[at : at + 1] = data.draw(st.binary(min_size=1, max_size=2))
        elif kind == "lose":
            del content[at : at + length]
        elif kind == "double":
            content[at:at] = content[at : at + length]
        else:
            content[at:at] = data.draw(st.sampled_from([b"NaN", b"\x00", b"1e999", b"\r", b"-1"]))
    started = time.monotonic()
    try:
        items, problems = read(bytes(content))
    except FormatError as refusal:
        items, problems = [], [refusal.problem]
    assert time.monotonic() - started < 5.0
    assert all(problem.code in CODES for problem in problems)
    for item in items:
        assert 1 <= item.first_line <= item.last_line
