"""The year book's tables: headings in three languages, events in several rows, and round trips."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from catalog.formats import by_code, detect, spreadsheet, year_book
from catalog.formats.labels import SYNTHETIC
from catalog.formats.mechanism_checks import consistently_completed
from catalog.formats.problems import FormatError, Severity
from catalog.formats.records import (
    EPICENTRE,
    AxisRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    IntensityRecord,
    MagnitudeRecord,
    NodalPlaneRecord,
    OriginRecord,
)
from tests.catalog.formats.conftest import placeless, read_all

Bytes = Callable[[str], bytes]
CODES = [book.code for book in year_book.BOOKS]
NAMES = {
    "year-book-catalogue": "synthetic_year_book_catalogue.csv",
    "year-book-mechanisms": "synthetic_year_book_mechanisms.csv",
    "year-book-intensity": "synthetic_year_book_macroseismic.csv",
}


def test_the_catalogue_as_it_is_printed(golden: Bytes) -> None:
    events, problems = read_all("year-book-catalogue", golden(NAMES["year-book-catalogue"]))
    first, second, third, fourth = events
    origin = first.origins[0]
    assert origin.time == datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.1, 77.27, 10.0)
    assert (origin.time_uncertainty, origin.horizontal_uncertainty_km) == (0.3, 2.0)
    assert origin.depth_uncertainty_km == 5.0
    # МРVА is typed with Russian letters, MLV(MS) with what it is elsewhere called.
    assert [(m.type, m.value, m.station_count) for m in first.magnitudes] == [
        ("KR", 13.6, 32),
        ("MPVA", 6.2, None),
        ("MLV", 5.3, None),
    ]
    assert [(i.place, i.best) for i in first.intensities] == [(EPICENTRE, 7.0)]
    assert first.comments == ("№: 1", "Каджи-Сай", "ощущалось")
    assert first.event_id is None  # the number is a place in the table
    assert second.origins[0].time_uncertainty == 30.0
    assert (second.first_line, second.last_line) == (4, 5)
    assert second.comments[1] == "Талгар\nвторое сообщение"
    assert second.intensities[0].calculated
    assert (third.magnitudes[0].value, third.magnitudes[0].bound) == (7.0, "min")
    assert fourth.origins[0].depth_km == 0.0
    assert [(p.line_number, p.code, p.field, p.severity) for p in problems] == [
        (1, "unused-text", "", Severity.WARNING),
        (6, "not-a-time", "year", Severity.ERROR),
        (7, "out-of-range", "latitude", Severity.ERROR),
        (8, "not-a-number", "depth_km", Severity.WARNING),
        (9, "unused-text", "", Severity.WARNING),
        (9, "not-a-number", "i0", Severity.WARNING),
    ]


def test_mechanisms_with_their_headings_printed_once_for_each_axis(golden: Bytes) -> None:
    events, problems = read_all("year-book-mechanisms", golden(NAMES["year-book-mechanisms"]))
    first, second, third = events
    assert (first.first_line, first.last_line) == (2, 3)
    some, kndc = first.focal_mechanisms
    assert some.t_axis == AxisRecord(93.0, 68.0)
    assert some.p_axis == AxisRecord(1.0, 1.0)
    assert some.nodal_plane_1 == NodalPlaneRecord(250.0, 50.0, 60.0)
    assert some.nodal_plane_2 == NodalPlaneRecord(112.0, 48.0, 121.0)
    assert (some.agency, some.author) == ("SOME", "synthetic 1")
    assert (kndc.agency, kndc.author) == ("KNDC", "synthetic 2")
    assert first.origins[0].latitude == 42.1
    assert len(second.focal_mechanisms) == 1
    assert third.origins == ()  # the row does not say where
    assert "origin_time: 2014-08-16T21:42:11+00:00" in third.comments
    assert third.focal_mechanisms[0].comments == (
        *("dip_2: 80", "rake_2: 170", "computed: NP2, T, N, P"),
    )
    assert third.focal_mechanisms[0].nodal_plane_2 == NodalPlaneRecord(298.25, 80.15, 169.85)
    # Of parts that contradict each other nothing is computed.
    assert second.focal_mechanisms[0].comments == ()
    assert [(p.line_number, p.code, p.field) for p in problems] == [
        (4, "inconsistent-mechanism", "T NP1"),
        (5, "missing-field", "latitude"),
        (5, "missing-field", "strike_2"),
    ]


def test_felt_effects_by_settlement(golden: Bytes) -> None:
    events, problems = read_all("year-book-intensity", golden(NAMES["year-book-intensity"]))
    first, second = events
    assert first.origins[0].time == datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)
    assert [(i.place, i.minimum, i.maximum, i.distance_km) for i in first.intensities] == [
        ("Алматы", 3.0, 4.0, 131.0),
        ("Талғар", 4.0, 4.0, 118.0),
        (EPICENTRE, 7.0, 7.0, 0.0),
    ]
    assert first.intensities[1].comment == "үйде сезілді"
    assert [(i.place, i.best, i.felt) for i in second.intensities] == [
        ("Алматы", 4.0, None),
        ("Нарын", None, False),
        ("Отар", None, None),
    ]
    assert second.intensities[2].comment == "intensity: сильно"
    assert [(p.line_number, p.code, p.field) for p in problems] == [
        (7, "not-a-number", "intensity")
    ]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", year_book.LANGUAGES)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_each_table_is_recognised_as_itself_only(code: str, language: str, kind: str) -> None:
    book = next(book for book in year_book.BOOKS if book.code == code)
    if kind == "xlsx":
        data = year_book.workbook(book, [full_event()], language)
    else:
        rows = year_book.rows_of(book, [full_event()], language)
        data = "\n".join(";".join(str(cell or "") for cell in row) for row in rows).encode()
    assert detect(data, f"table.{kind}") == [code]


@pytest.mark.parametrize("code", CODES)
def test_a_golden_table_is_recognised_as_itself_only(code: str, golden: Bytes) -> None:
    assert detect(golden(NAMES[code]), "table.csv") == [code]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_russian_tables_in_any_encoding(encoding: str, end: str) -> None:
    text = end.join(
        (
            "N\tГод\tМесяц\tДень\tчас\tмин\tсек\tШирота\tДолгота\tГлубина\tКласс\tПримечание",
            "1\t2014\t11\t14\t1\t24\t16,5\t42,1\t77,27\t10\t13,6\tощущалось в Каджи-Сае",
        )
    )
    (event,), problems = read_all("year-book-catalogue", text.encode(encoding))
    assert problems == []
    assert event.magnitudes[0].type == "KR"
    assert event.comments == ("№: 1", "ощущалось в Каджи-Сае")


GROUPED: list[list[Any]] = [
    ["Приложение. Механизмы очагов"],
    ["№", "Дата", "", "", "t0", "", "", "Гипоцентр", "", "", "Магнитуды", "",
     "Оси главных напряжений", "", "", "", "", "", "Нодальные плоскости", "", "", "", "", ""],
    ["", "Год", "Мес.", "День", "ч", "мин", "с", "φ°, N", "λ°, E", "h,\nкм", "KR", "Mw",
     "T", "", "N", "", "P", "", "NP1", "", "", "NP2", "", ""],
    [*[""] * 12, *["PL", "AZM"] * 3, *["STK", "DP", "SLIP"] * 2],
    [1, 2014, 11, 14, 1, 24, 16.5, 42.1, 77.27, 10, 13.6, 5.4,
     68, 93, 22, 270, 1, 1, 250, 50, 60, 112, 48, 121],
]  # fmt: skip


@pytest.mark.parametrize("kind", ["utf-8", "cp1251", "xlsx"])
def test_headings_in_three_rows_as_the_book_prints_them(kind: str) -> None:
    """CP1251 has no Greek letters: programs write ?°, N there."""
    if kind == "xlsx":
        data = spreadsheet.write(GROUPED, "Mechanisms")
    else:
        out = io.StringIO()
        csv.writer(out, delimiter=";").writerows(GROUPED)
        data = out.getvalue().encode(kind, "replace")
    assert detect(data, "table") == ["year-book-mechanisms"]
    (event,), problems = read_all("year-book-mechanisms", data)
    assert [(p.line_number, p.code) for p in problems] == [(1, "unused-text")]
    assert (event.origins[0].latitude, event.origins[0].depth_km) == (42.1, 10.0)
    assert [(m.type, m.value) for m in event.magnitudes] == [("KR", 13.6), ("Mw", 5.4)]
    (mechanism,) = event.focal_mechanisms
    assert mechanism.n_axis == AxisRecord(270.0, 22.0)
    assert mechanism.nodal_plane_2 == NodalPlaneRecord(112.0, 48.0, 121.0)


def test_a_row_of_data_is_not_taken_for_a_second_row_of_headings() -> None:
    data = "Год;Мес.;День;ч;мин;с;φ;λ;h;KR;\n2014;1;2;3;4;5;43;77;10;7;с\n".encode()
    (event,), problems = read_all("year-book-catalogue", data)
    assert (event.first_line, event.comments) == (2, ("с",))
    assert problems == []


@pytest.mark.parametrize("encoding", ["kz1048", "utf-8"])
def test_a_kazakh_table_in_the_code_of_kazakhstan(encoding: str) -> None:
    text = (
        "№;Жыл;Ай;Күн;сағ;мин;с;Ендік;Бойлық;Елді мекен;I;Ескерту\n"
        "1;2014;11;14;1;24;16,5;42,1;77,27;Қарағанды;3-4;үйде сезілді\n"
    ).encode(encoding)
    assert detect(text, "table.csv") == ["year-book-intensity"]
    (event,), problems = read_all("year-book-intensity", text)
    assert problems == []
    (intensity,) = event.intensities
    assert (intensity.place, intensity.comment) == ("Қарағанды", "үйде сезілді")


@pytest.mark.parametrize(
    "headings, cells",
    [
        ("Year,Month,Day,hour,min,s", "2014,11,14,1,24,16.5"),
        ("Год,Мес.,День,t0", "2014,11,14,01:24:16.5"),
        ("Год,Мес.,День,\"t0, ч мин с\"", "2014,11,14,1 24 16.5"),
        ("Жыл,Ай,Күн,сағ,мин,с", "2014,11,14,1,24,16.5"),
        ("Дата,Время", "14.11.2014,01:24:16.5"),
        ("Дата,\"t0, ч мин с\"", "2014-11-14T00:00:00,01-24-16.5"),
        ("Год,\"Дата, д м\",\"t0, ч мин с\"", "2014,14.11,1 24 16.5"),
        ("Дата и время", "2014-11-14 01:24:16.5"),
    ],
)  # fmt: skip
def test_dates_in_parts_and_whole(headings: str, cells: str) -> None:
    data = f"{headings},Пункт,I\n{cells},Алматы,4".encode()
    (event,), problems = read_all("year-book-intensity", data)
    assert [p.code for p in problems] == ["missing-field"]  # no epicentre
    assert "origin_time: 2014-11-14T01:24:16.500000+00:00" in event.comments
    assert event.intensities[0].best == 4.0


def test_rows_of_one_event_that_contradict_each_other_are_reported() -> None:
    head = "Year,Month,Day,hour,min,s,lat,lon,Settlement,I\n2014,1,2,3,4,5,43,77,A,4\n"
    events, problems = read_all("year-book-intensity", (head + "2014,1,2,3,4,5,44,77,B,5").encode())
    assert [len(event.intensities) for event in events] == [2]
    assert [(p.line_number, p.code, p.field) for p in problems] == [(3, "unused-text", "latitude")]
    assert events[0].intensities[1].comment == "latitude: 44"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "data, expected",
    [
        (b"", "empty-file"),
        (b"Dear colleagues,\n", "wrong-format"),
        ("Год,Мес.,День\n1,2,3".encode(), "missing-field"),
    ],
)
def test_nothing_to_read_is_a_format_error(code: str, data: bytes, expected: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all(code, data)
    assert refusal.value.problem.code == expected


# --- what is written reads back the same --------------------------------------------------------


def full_event() -> EventRecord:
    """Return a synthetic event with all that the three tables can say."""
    return EventRecord(
        "",
        0,
        0,
        descriptions=(DescriptionRecord("Озеро Иссык-Куль", "region name"),),
        origins=(
            OriginRecord(
                "origin-1",
                datetime(2014, 11, 14, 1, 24, 16, 500000, UTC),
                42.1,
                77.27,
                10.0,
                agency="SOME",
            ),
        ),
        magnitudes=(
            MagnitudeRecord(13.6, "KR", "magnitude-KR", "origin-1", agency="SOME"),
            MagnitudeRecord(5.3, "MLV", "magnitude-MLV", "origin-1", bound="min", agency="SOME"),
        ),
        focal_mechanisms=(
            FocalMechanismRecord(
                "mechanism-1",
                NodalPlaneRecord(250.0, 50.0, 60.0),
                NodalPlaneRecord(111.9, 48.4, 120.8),
                t_axis=AxisRecord(92.7, 67.5),
                p_axis=AxisRecord(0.7, 0.8),
                triggering_origin_id="origin-1",
                agency="SOME",
                author="=cmd",
                comments=("synthetic",),
            ),
        ),
        intensities=(
            IntensityRecord("Алматы", 3.0, 4.0, None, scale="MSK-64", distance_km=131.0),
            IntensityRecord("Нарын", felt=False, comment="письмо"),
        ),
        preferred_origin_id="origin-1",
        agency="SOME",
        source="-synthetic",
        comments=("№: 1", "Каджи-Сай"),
    )


def test_a_blast_is_told_from_an_earthquake() -> None:
    text = (
        "Год;Мес.;День;ч;мин;с;φ°, N;λ°, E;KR;Тип события\n"
        "2014;11;14;1;24;16;42,1;77,3;7;карьерный взрыв\n"
    )
    (event,), problems = read_all("year-book-catalogue", text.encode())
    assert (event.event_type, problems) == ("quarry blast", [])
    (again,), _ = read_all(
        "year-book-catalogue", "".join(year_book.write_catalogue([event])).encode()
    )
    assert again.event_type == "quarry blast"


def as_read(event: EventRecord, code: str) -> EventRecord:
    """Return what of an event one table can hold, as its reader gives it back."""
    bare_origin = OriginRecord(
        "origin-1",
        event.origins[0].time,
        event.origins[0].latitude,
        event.origins[0].longitude,
        event.origins[0].depth_km,
    )
    numbered = tuple(comment for comment in event.comments if comment.startswith("№: "))
    if code == "year-book-catalogue":
        return replace(
            event,
            focal_mechanisms=(),
            intensities=tuple(i for i in event.intensities if i.place == EPICENTRE),
        )
    agency = None
    if code == "year-book-mechanisms" and event.focal_mechanisms:
        agency = event.focal_mechanisms[0].agency
    event = replace(
        event,
        event_id=None,
        event_type=None,
        descriptions=(),
        origins=(replace(bare_origin, agency=agency),),
        magnitudes=tuple(
            replace(m, uncertainty=None, station_count=None, agency=agency)
            for m in event.magnitudes
        ),
        agency=agency,
        source=None,
        comments=numbered,
    )
    if code == "year-book-mechanisms":
        mechanisms = tuple(map(consistently_completed, event.focal_mechanisms))
        return replace(event, intensities=(), focal_mechanisms=mechanisms)
    return replace(event, focal_mechanisms=())


def written(code: str, events: list[EventRecord], kind: str, language: str = "ru") -> bytes:
    if kind == "xlsx":
        book = next(book for book in year_book.BOOKS if book.code == code)
        return year_book.workbook(book, events, language)
    write: Any = by_code(code).write
    return "".join(write(events, language)).encode()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", year_book.LANGUAGES)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_full_event_comes_back(code: str, language: str, kind: str) -> None:
    event = full_event()
    (again,), problems = read_all(code, written(code, [event], kind, language))
    assert problems == []
    assert placeless(again) == as_read(event, code)


def decimals(low: float, high: float, places: int) -> st.SearchStrategy[float]:
    scale = 10**places
    return st.integers(int(low * scale), int(high * scale)).map(lambda n: n / scale)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


WORDS = st.text('abc xyz,;=+-@"АБВң', min_size=1, max_size=12).map(lambda t: "r" + t.strip())
MOMENTS = st.integers(0, 4 * 10**12).map(
    lambda n: datetime(1887, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n)
)


@st.composite
def events(draw: st.DrawFn, number: int) -> EventRecord:
    agency = draw(maybe(WORDS))
    mechanisms = tuple(
        FocalMechanismRecord(
            f"mechanism-{n + 1}",
            NodalPlaneRecord(
                draw(decimals(0, 360, 1)), draw(decimals(0, 90, 1)), draw(decimals(-180, 180, 1))
            ),
            t_axis=draw(maybe(st.builds(AxisRecord, decimals(0, 360, 1), decimals(0, 90, 1)))),
            triggering_origin_id="origin-1",
            agency=agency,
            author=draw(maybe(WORDS)),
            comments=tuple(draw(st.lists(WORDS, max_size=2))),
        )
        for n in range(draw(st.integers(1, 2)))
    )
    return EventRecord(
        "",
        0,
        0,
        draw(maybe(WORDS)),
        descriptions=tuple(
            DescriptionRecord(t, "region name") for t in draw(st.lists(WORDS, max_size=1))
        ),
        origins=(
            OriginRecord(
                "origin-1",
                draw(MOMENTS),
                draw(decimals(-90, 90, 5)),  # openpyxl writes 16 digits of a number
                draw(decimals(-180, 180, 5)),
                draw(maybe(decimals(0, 700, 1))),
                draw(maybe(decimals(0, 29, 2))),
                depth_uncertainty_km=draw(maybe(decimals(0, 99, 1))),
                horizontal_uncertainty_km=draw(maybe(decimals(0, 99, 1))),
                agency=agency,
            ),
        ),
        magnitudes=tuple(
            MagnitudeRecord(
                draw(decimals(-2, 17, 1)),
                scale,
                f"magnitude-{scale}",
                "origin-1",
                draw(maybe(decimals(0, 2, 1))) if scale == "KR" else None,
                draw(st.sampled_from([None, "min", "max"])),
                draw(maybe(st.integers(0, 99))) if scale in year_book.SCALES[:5] else None,
                agency=agency,
            )
            for scale in sorted(
                draw(st.sets(st.sampled_from(year_book.SCALES), min_size=1)),
                key=year_book.SCALES.index,
            )
        ),
        focal_mechanisms=mechanisms,
        intensities=tuple(
            IntensityRecord(
                draw(WORDS),
                low,
                low,
                low,
                scale=draw(maybe(WORDS)),
                distance_km=draw(maybe(decimals(0, 900, 1))),
                source=draw(maybe(WORDS)),
                comment=draw(st.just("") | WORDS),
            )
            for low in draw(st.lists(st.integers(1, 12).map(float), min_size=1, max_size=3))
        ),
        preferred_origin_id="origin-1",
        agency=agency,
        source=draw(maybe(WORDS)),
        synthetic=draw(st.booleans()),
        comments=(f"№: {number}", *draw(st.lists(WORDS, max_size=2))),
    )


@given(data=st.data(), code=st.sampled_from(CODES), kind=st.sampled_from(["csv", "csv", "xlsx"]))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_round_trip(data: st.DataObject, code: str, kind: str) -> None:
    records = [data.draw(events(1)), data.draw(events(2))]
    if records[0].origins[0].time == records[1].origins[0].time:
        records.pop()  # one row of felt effects or mechanisms would go on with the other
    again, problems = read_all(code, written(code, records, kind))
    known = {"inconsistent-mechanism", "axes-not-orthogonal", "duplicate-event-id"}
    assert [p for p in problems if p.code not in known] == []
    assert [placeless(event) for event in again] == [as_read(event, code) for event in records]


def test_a_made_up_event_says_so_in_every_table() -> None:
    event = replace(full_event(), synthetic=True)
    for code in CODES:
        assert SYNTHETIC.encode() in written(code, [event], "csv")
        (again,), _ = read_all(code, written(code, [event], "csv"))
        assert again.synthetic


def test_only_text_cells_are_guarded_against_formulas() -> None:
    event = replace(full_event(), origins=(replace(full_event().origins[0], latitude=-42.1),))
    text = written("year-book-catalogue", [event], "csv").decode()
    assert ",-42.1," in text
    assert ",'-synthetic," in text
    assert ",>5.3," in text
    sheet = load_workbook(io.BytesIO(written("year-book-mechanisms", [event], "xlsx"))).active
    cells = {cell.value: cell.data_type for row in sheet.iter_rows() for cell in row}
    assert (cells["=cmd"], cells[-42.1]) == ("s", "n")


def test_events_without_a_number_are_counted() -> None:
    event = replace(full_event(), comments=())
    rows = list(year_book.rows_of(year_book.CATALOGUE_BOOK, [event, event]))
    assert [row[0] for row in rows] == ["№", 1, 2]
