"""The catalogue table: headings, encodings, decimals, scales, intensities, and bad rows."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.formats import catalogue_csv, detect
from catalog.formats.problems import FormatError, Severity
from catalog.formats.records import EventRecord
from tests.catalog.formats.conftest import placeless, read_all

Bytes = Callable[[str], bytes]
SHARED = Path(__file__).parents[4] / "shared" / "data" / "catalogs"


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def one(*lines: str) -> EventRecord:
    (event,), _ = read_all("catalogue-csv", table(*lines))
    return event


def test_russian_table_in_cp1251(golden: Bytes) -> None:
    events, problems = read_all("catalogue-csv", golden("synthetic_catalogue_ru.csv"))
    assert [event.event_id for event in events] == [None, None, None]
    first, second, third = events
    origin = first.origins[0]
    assert origin.time == datetime(2014, 11, 14, 1, 24, tzinfo=UTC)
    assert origin.time_uncertainty == 30.0
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.1, 77.27, 10.0)
    assert [(m.type, m.value) for m in first.magnitudes] == [
        ("KR", 13.6),
        ("MPVA", 6.2),
        ("Mw", 5.4),
    ]
    assert [(i.place, i.minimum, i.maximum, i.distance_km) for i in first.intensities] == [
        ("epicentre", 7.0, 7.0, None),
        ("Алматы", 3.0, 4.0, 131.0),
    ]
    assert first.event_type == "earthquake"
    assert first.comments == ("№: 1", "Каджи-Сай, южный берег", "Коэффициент: 1,5")
    assert second.origins[0].time == datetime(2014, 8, 15, 21, 42, 11, 500000, UTC)
    assert second.origins[0].time_uncertainty is None
    assert [(i.place, i.best, i.felt) for i in second.intensities] == [
        ("Алматы", 4.0, None),
        ("Талгар", 4.0, None),
        ("Нарын", None, True),
    ]
    assert third.origins[0].time.year == 1887
    assert (third.intensities[0].minimum, third.intensities[0].maximum) == (9.0, 10.0)
    assert [(p.line_number, p.code, p.field, p.severity) for p in problems] == [
        (1, "unknown-column", "Коэффициент", Severity.WARNING),
        (5, "implausible-time", "origin_time", Severity.ERROR),
        (6, "out-of-range", "latitude", Severity.ERROR),
        (7, "not-finite", "longitude", Severity.ERROR),
    ]


@pytest.mark.parametrize("heading", ["№", "N", "No", "Номер", "№ п/п"])
def test_the_number_of_a_row_is_no_identity(heading: str) -> None:
    event = one(f"{heading};дата;время;широта;долгота", "12;2014-11-14;01:24:16;42.1;77.3")
    assert (event.event_id, event.comments) == (None, ("№: 12",))


@pytest.mark.parametrize("heading", ["event_id", "id", "Код события", "ИД"])
def test_an_id_of_the_agency_is_one(heading: str) -> None:
    event = one(f"{heading};дата;время;широта;долгота", "12;2014-11-14;01:24:16;42.1;77.3")
    assert (event.event_id, event.comments) == ("12", ())


def test_the_same_table_in_koi8_with_tabs(golden: Bytes) -> None:
    events, _ = read_all("catalogue-csv", golden("synthetic_catalogue_koi8.csv"))
    others, _ = read_all("catalogue-csv", golden("synthetic_catalogue_ru.csv"))
    assert placeless(tuple(events)) == placeless(tuple(others))


def test_a_line_in_another_encoding_is_read_and_reported(golden: Bytes) -> None:
    events, problems = read_all("catalogue-csv", golden("synthetic_mixed_encoding.csv"))
    assert events[1].comments == ("Талгарское землетрясение",)
    assert [(p.line_number, p.code, p.field) for p in problems] == [(3, "mixed-encoding", "CP1251")]


def test_usgs_rows_of_the_region() -> None:
    path = SHARED / "usgs_box_upto2013_2015-2018.csv.gz"
    if not path.exists():
        pytest.skip("the folder of real data is not beside the checkout")
    data = gzip.decompress(path.read_bytes())
    assert detect(data[:4096], path.name) == ["catalogue-csv"]
    events, problems = read_all("catalogue-csv", data)
    assert (len(events), problems) == (4930, [])
    first = events[0]
    assert first.event_id == "official19020822030000000"
    assert first.descriptions[0].text == "About 50 km NNE of Kashgar, Xinjiang, China"
    assert (first.magnitudes[0].type, first.magnitudes[0].value) == ("mw", 7.7)
    assert first.source == "USGS"


@pytest.mark.parametrize(
    "date",
    ["2014-11-14T01:24:16.5", "2014-11-14 01:24:16.500Z", "14.11.2014 01:24:16.5",
     "2014/11/14 1:24:16.5"],
)  # fmt: skip
def test_dates(date: str) -> None:
    event = one("origin_time;latitude;longitude", f"{date};42.1;77.27")
    assert event.origins[0].time == datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)


def test_seconds_of_zero_are_not_minute_precision() -> None:
    event = one("date;time;lat;lon", "2014-11-14;01:24:00;42.1;77.27")
    assert event.origins[0].time_uncertainty is None


def test_marks_become_bounds() -> None:
    event = one("date;time;lat;lon;mb;MS", "2014-11-14;01:24:00;42.1;77.27;>5,3;<4")
    assert [(m.type, m.value, m.bound) for m in event.magnitudes] == [
        ("MS", 4.0, "max"),
        ("mb", 5.3, "min"),
    ]


@pytest.mark.parametrize(
    "row, code, field",
    [
        ("2014-11-14;01:24:00;;77.27;10;5", "missing-field", "latitude"),
        ("2014-11-14;;42.1;77.27;10;5", "not-a-time", "origin_time"),
        (";;42.1;77.27;10;5", "missing-field", "origin_time"),
        ("2014-11-14;25:24:00;42.1;77.27;10;5", "not-a-time", "origin_time"),
        ("2014-11-14;01:24:00;42.1;77.27;1O;5", "not-a-number", "depth_km"),
        ("2014-11-14;01:24:00;42.1;77.27;10;inf", "not-finite", "mb"),
        ("2014-11-14;01:24:00;42.1;77.27;10;5;more", "unused-text", ""),
    ],
)
def test_bad_cell_is_a_problem_with_its_line(row: str, code: str, field: str) -> None:
    data = table("date;time;lat;lon;depth;mb", row, "2014-11-15;01:24:00;42.1;77.27;10;5")
    events, problems = read_all("catalogue-csv", data)
    assert [(p.line_number, p.code, p.field) for p in problems] == [(2, code, field)]
    lost = problems[0].severity is Severity.ERROR
    assert len(events) == (1 if lost else 2)


def test_columns_named_twice_are_reported_and_kept() -> None:
    event = one("date;time;lat;lon;mb;mb", "2014-11-14;01:24:00;42.1;77.27;5;6")
    assert event.comments == ("mb: 6",)


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "empty-file"),
        (b"\n \n", "empty-file"),
        (b"Dear colleagues,\n", "wrong-format"),
        (b"date;time;depth\n1;2;3", "missing-field"),
    ],
)
def test_nothing_to_read_is_a_format_error(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("catalogue-csv", data)
    assert refusal.value.problem.code == code


def test_two_rows_with_one_id_are_both_read() -> None:
    row = "7;2014-11-14;01:24:00;42.1;77.27"
    events, problems = read_all("catalogue-csv", table("id;date;time;lat;lon", row, row))
    assert len(events) == 2
    assert [(p.line_number, p.code) for p in problems] == [(3, "duplicate-event-id")]


def test_a_formula_is_guarded_and_comes_back() -> None:
    event = one("origin_time,lat,lon,comment", '2014-11-14T01:24:16,-42.1,77.27,"=HYPERLINK(1)"')
    text = "".join(catalogue_csv.write([event]))
    assert ",'=HYPERLINK(1)" in text
    assert ",-42.1," in text  # numbers never
    assert "'" not in "".join(catalogue_csv.write([event], guard=False))
    (again,), _ = read_all("catalogue-csv", text.encode())
    assert again.comments == event.comments


def test_what_is_written_reads_back_the_same(golden: Bytes) -> None:
    events, _ = read_all("catalogue-csv", golden("synthetic_catalogue_ru.csv"))
    # Several comments share one column.
    events = [placeless(event) for event in events if len(event.comments) < 2]
    again, problems = read_all("catalogue-csv", "".join(catalogue_csv.write(events)).encode())
    assert problems == []
    assert [placeless(event) for event in again] == events


def test_interpretations_and_consequences_are_attributed() -> None:
    event = one(
        "origin_time;lat;lon;interpretations;consequences",
        '2014-06-21T06:30;49.56;72.97;"Mikhailova et al. (2020): induced or triggered event '
        '(suspected); ISC: earthquake";"buildings damaged: ~700 (Issyk-Kul oblast); landslides"',
    )
    assert [(i.author, i.event_type, i.event_type_certainty) for i in event.interpretations] == [
        ("Mikhailova et al. (2020)", "induced or triggered event", "suspected"),
        ("ISC", "earthquake", None),
    ]
    damaged, other = event.consequences
    assert (damaged.kind, damaged.count, damaged.approximate) == ("buildings damaged", 700, True)
    assert damaged.place == "Issyk-Kul oblast"
    assert (other.kind, other.note) == ("other", "landslides")
    (again,), _ = read_all("catalogue-csv", "".join(catalogue_csv.write([event])).encode())
    assert placeless(again) == placeless(event)


def test_error_ellipse_and_nodal_planes_have_columns_of_their_own() -> None:
    event = one(
        "date,lat,lon,smajax,sminax,strike,str1,dip1,rake1,strike2,dip2,rake2",
        "2011-03-1005:46:23.15,38.285,142.546,3.8,3.3,100.0,-25,80,90,203,10,270",
    )
    origin = event.origins[0]
    assert (origin.semi_major_axis_km, origin.semi_minor_axis_km) == (3.8, 3.3)
    assert origin.major_axis_azimuth == 100.0
    (mechanism,) = event.focal_mechanisms
    assert mechanism.nodal_plane_1 is not None and mechanism.nodal_plane_2 is not None
    assert (mechanism.nodal_plane_1.strike, mechanism.nodal_plane_1.dip) == (335.0, 80.0)
    assert mechanism.nodal_plane_2.rake == -90.0


def test_a_strike_without_an_ellipse_is_nobody_knows_what() -> None:
    header = "time,latitude,longitude,strike"
    (event,), (problem,) = read_all(
        "catalogue-csv", table(header, "2011-03-10 05:46:23,38,142,100")
    )
    assert event.origins[0].major_axis_azimuth is None
    assert event.comments == ("strike: 100",)
    assert problem.code == "unknown-column"


def test_zero_on_a_scale_of_distant_waves_is_not_a_magnitude() -> None:
    (event,), problems = read_all(
        "catalogue-csv",
        table("time,latitude,longitude,mb,MS,ML", "2011-03-10 05:46:23,38,142,5.1,0.0,0.0"),
    )
    assert [(m.type, m.value) for m in event.magnitudes] == [("mb", 5.1), ("ML", 0.0)]
    assert [(p.code, p.found, p.expected) for p in problems] == [("out-of-range", "0.0", "not 0")]


def test_a_whole_time_beside_its_own_parts_is_read_as_a_whole() -> None:
    lines = (
        "time,latitude,longitude,year,month,day,hour,minute,second",
        "2011-03-11 05:59:31.58+00:00,37.054,141.763,2011,3,11,5,59,31",
    )
    assert detect(table(*lines), "list.csv") == ["catalogue-csv"]
    assert one(*lines).origins[0].time.microsecond == 580000
