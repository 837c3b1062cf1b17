"""Workbooks: what a cell means, which sheet is read, and everything that is refused."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet._writer import ALL_TEMP_FILES

from catalog.formats import detect, spreadsheet
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem, Severity
from tests.catalog.formats.conftest import placeless, read_all

HEADINGS = ["№", "Дата и время", "Широта", "Долгота", "КР", "Примечание"]
ROW: list[Any] = [1, "2014-11-14T01:24:16.5", 42.1, 77.27, 13.6, "Каджи-Сай"]


def saved(book: Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def workbook(*rows: list[Any]) -> bytes:
    """Return a workbook of one sheet, as openpyxl writes it."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def changed(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook with one of its parts changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", 8) as new:
        for member in old.infolist():
            part = old.read(member)
            new.writestr(member.filename, change(part) if member.filename == name else part)
    return result.getvalue()


def sheet_with(xml: str) -> bytes:
    """Return a workbook whose only sheet has the heading row and then these rows of XML."""
    return changed(
        workbook(HEADINGS),
        "xl/worksheets/sheet1.xml",
        lambda part: part.replace(b"</sheetData>", xml.encode() + b"</sheetData>"),
    )


def codes(problems: list[Problem]) -> list[tuple[int | None, str, str]]:
    return [(p.line_number, p.code, p.field) for p in problems]


def test_a_workbook_reads_like_the_same_table_as_text() -> None:
    text = ";".join(HEADINGS) + "\n" + ";".join(map(str, ROW))
    data = workbook(HEADINGS, ROW)
    assert detect(data, "catalogue.xlsx") == ["catalogue-csv"]
    (event,), problems = read_all("catalogue-csv", data)
    (other,), _ = read_all("catalogue-csv", text.encode())
    assert problems == []
    assert placeless(event) == placeless(other)
    assert (event.first_line, event.text.split("\t")[0]) == (2, "1")


def test_a_problem_names_the_row_and_the_cell() -> None:
    events, problems = read_all("catalogue-csv", workbook(HEADINGS, [*ROW[:2], 91, *ROW[3:]]))
    assert events == []
    assert codes(problems) == [(2, "out-of-range", "latitude C2")]


def test_a_title_above_the_headings_is_reported() -> None:
    events, problems = read_all("catalogue-csv", workbook(["Каталог 2014 г."], [], HEADINGS, ROW))
    assert [event.first_line for event in events] == [4]
    assert [(p.line_number, p.code, p.found) for p in problems] == [
        (1, "unused-text", "Каталог 2014 г.")
    ]


# --- formulas, errors, booleans ------------------------------------------------------------------


def test_the_value_stored_with_a_formula_is_taken() -> None:
    (event,), problems = read_all(
        "catalogue-csv",
        sheet_with(
            '<row r="2"><c r="B2" t="str"><f>A1</f><v>2014-11-14 01:24:16</v></c>'
            '<c r="C2"><f>40+2.1</f><v>42.1</v></c><c r="D2"><v>77.27</v></c></row>'
        ),
    )
    assert problems == []
    assert event.origins[0].latitude == 42.1


def test_a_formula_without_a_value_and_an_error_name_their_cells() -> None:
    events, problems = read_all(
        "catalogue-csv",
        sheet_with(
            '<row r="2"><c r="B2" t="inlineStr"><is><t>2014-11-14 01:24:16</t></is></c>'
            '<c r="C2"><v>42.1</v></c><c r="D2"><v>77.27</v></c><c r="E2"><f>1+1</f></c>'
            '<c r="F2" t="e"><v>#REF!</v></c></row>'
        ),
    )
    assert len(events) == 1
    assert [(p.line_number, p.code, p.field, p.found) for p in problems] == [
        (2, "formula-without-value", "E2", "=1+1"),
        (2, "cell-error", "F2", "#REF!"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "#REF!", "2014-11-14", "1e5", "TRUE"])
def test_text_is_written_as_text_whatever_it_looks_like(text: str) -> None:
    data = spreadsheet.write([HEADINGS, [*ROW[:5], text]], "Events")
    cell = load_workbook(io.BytesIO(data)).active["F2"]
    assert cell.value == text
    assert cell.data_type in ("s", "inlineStr")
    (event,), problems = read_all("catalogue-csv", data)
    assert (event.comments, problems) == (("№: 1", text), [])


@pytest.mark.parametrize("sound", [0, 2])
def test_a_fault_among_the_rows_leaves_no_file_behind(sound: int) -> None:
    def rows() -> Iterator[list[Any]]:
        yield from [HEADINGS] * sound
        raise LookupError

    before = list(ALL_TEMP_FILES)
    with pytest.raises(LookupError):
        spreadsheet.write(rows(), "Events")
    assert before == ALL_TEMP_FILES


def test_the_same_rows_are_the_same_bytes() -> None:
    first = spreadsheet.write([HEADINGS, ROW], "Events")
    time.sleep(1.1)  # an archive keeps its members' times to the second
    assert spreadsheet.write([HEADINGS, ROW], "Events") == first


# --- dates ---------------------------------------------------------------------------------------


def test_dates_are_read_in_both_systems() -> None:
    moment = datetime(2014, 11, 14, 1, 24, 16, 500000)
    for epoch in (None, CALENDAR_MAC_1904):
        book = Workbook()
        if epoch is not None:
            book.epoch = epoch
        book.active.append(HEADINGS)
        book.active.append([1, moment, *ROW[2:]])
        (event,), problems = read_all("catalogue-csv", saved(book))
        assert problems == []
        assert event.origins[0].time.replace(tzinfo=None) == moment


@pytest.mark.parametrize(
    "days, from_1904, text",
    [
        (1.0, False, "1900-01-01"),
        (59.0, False, "1900-02-28"),
        (60.0, False, None),  # 29 February 1900, which never was
        (60.5, False, None),
        (61.0, False, "1900-03-01"),
        (41957.0, False, "2014-11-14"),
        (41957.75, False, "2014-11-14T18:00:00"),
        (40495.75, True, "2014-11-14T18:00:00"),
        (0.0, True, "1904-01-01"),
        (0.25, False, "06:00:00"),
        (2958465.0, False, "9999-12-31"),
        (2958466.0, False, None),
        (-1.0, False, None),
        (float("nan"), False, None),
    ],
)
def test_days_of_excel(days: float, from_1904: bool, text: str | None) -> None:
    assert spreadsheet.serial_time(days, from_1904) == text


@given(n=st.integers(0, 10**11))
def test_times_come_back_to_the_millisecond(n: int) -> None:
    moment = datetime(1960, 1, 1) + timedelta(milliseconds=n * 25)
    days = (moment - datetime(1899, 12, 30)) / timedelta(days=1)
    text = spreadsheet.serial_time(days, False, clock=True)
    assert text is not None
    assert datetime.fromisoformat(text) == moment


@pytest.mark.parametrize(
    "code",
    ["yyyy-mm-dd", "dd.mm.yyyy hh:mm:ss.000", "[$-419]d mmm yyyy", "h:mm", "[h]:mm", "mm:ss.0",
     "0.00", "General", '0" days"', "#,##0.00", "[Red]0.0", "[$-FC19]dd mmmm yyyy", "0.0E+00"],
)  # fmt: skip
def test_number_formats_that_show_dates(code: str) -> None:
    assert (spreadsheet._shows_clock(code) is not None) == is_date_format(code)


def test_a_date_before_march_1900_is_doubtful() -> None:
    book = Workbook()
    book.active.append(HEADINGS)
    book.active.append([1, 59.5, *ROW[2:]])
    book.active["B2"].number_format = "yyyy-mm-dd hh:mm:ss"
    (event,), problems = read_all("catalogue-csv", saved(book))
    assert event.origins[0].time.replace(tzinfo=None) == datetime(1900, 2, 28, 12)
    assert codes(problems) == [(2, "doubtful-date", "B2")]


def test_midnight_stays_a_full_time() -> None:
    (event,), _ = read_all(
        "catalogue-csv", workbook(HEADINGS, [1, datetime(2014, 11, 14), *ROW[2:]])
    )
    assert event.origins[0].time.replace(tzinfo=None) == datetime(2014, 11, 14)


# --- sheets --------------------------------------------------------------------------------------


def test_the_first_visible_sheet_with_headings_is_read_and_the_others_are_named() -> None:
    book = Workbook()
    book.active.title = "Титул"
    book.active.append(["Отчёт за год"])
    hidden = book.create_sheet("Старый")
    hidden.append(HEADINGS)
    hidden.append([9, *ROW[1:]])
    hidden.sheet_state = "hidden"
    for title in ("Каталог", "Копия"):
        sheet = book.create_sheet(title)
        sheet.append(HEADINGS)
        sheet.append(ROW)
    events, problems = read_all("catalogue-csv", saved(book))
    assert [event.comments[0] for event in events] == ["№: 1"]
    assert [(p.code, p.field, p.found) for p in problems] == [
        ("sheet-not-read", "Титул", ""),
        ("sheet-not-read", "Старый", "hidden"),
        ("sheet-not-read", "Копия", ""),
    ]


def test_merged_cells_are_named() -> None:
    book = Workbook()
    for row in (HEADINGS, ROW, [2, None, *ROW[2:]]):
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    events, problems = read_all("catalogue-csv", saved(book))
    assert len(events) == 1
    assert [(p.line_number, p.code, p.field) for p in problems] == [
        (3, "missing-field", "origin_time B3"),
        (2, "merged-cells", "B2:B3"),
    ]


def test_columns_named_twice_are_reported_with_their_cell() -> None:
    _, problems = read_all("catalogue-csv", workbook([*HEADINGS, "КР"], [*ROW, 14]))
    assert codes(problems) == [(1, "duplicate-column", "КР G1")]


def test_cells_beyond_the_headings_are_reported() -> None:
    _, problems = read_all("catalogue-csv", workbook(HEADINGS, [*ROW, "more"]))
    assert [(p.code, p.field, p.found) for p in problems] == [("unused-text", "G2", "more")]


def test_a_claimed_size_is_not_believed() -> None:
    data = changed(
        workbook(HEADINGS, ROW),
        "xl/worksheets/sheet1.xml",
        lambda part: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', part),
    )
    started = time.monotonic()
    events, problems = read_all("catalogue-csv", data)
    assert (len(events), problems) == (1, [])
    assert time.monotonic() - started < 1.0


def test_a_lonely_cell_at_the_far_corner_is_reported() -> None:
    data = sheet_with('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    events, problems = read_all("catalogue-csv", data)
    assert events == []
    assert codes(problems) == [(1048576, "unused-text", "XFD1048576")]


def test_text_in_runs_without_phonetic_hints_and_with_escapes() -> None:
    (event,), problems = read_all(
        "catalogue-csv",
        sheet_with(
            '<row r="2"><c r="B2" t="inlineStr"><is><r><t>2014-11-14 </t></r>'
            "<r><t>01:24:16</t></r><rPh><t>x</t></rPh></is></c>"
            '<c r="C2"><v>42.1</v></c><c r="D2"><v>77.27</v></c>'
            '<c r="F2" t="inlineStr"><is><t>a_x000D_b_x0000_</t></is></c></row>'
        ),
    )
    assert problems == []
    assert event.comments == ("ab\N{REPLACEMENT CHARACTER}",)


def test_shared_strings_are_read_and_a_missing_one_is_named() -> None:
    strings = (
        "<sst><si><t>2014-11-14 01:24:16</t></si><si><r><t>Каджи</t></r><r><t>-Сай</t></r></si>"
    )
    row = (
        '<row r="2"><c r="A2" t="s"><v>7</v></c><c r="B2" t="s"><v>0</v></c>'
        '<c r="C2"><v>42.1</v></c><c r="D2"><v>77.27</v></c><c r="F2" t="s"><v>1</v></c></row>'
    )
    stream = io.BytesIO(sheet_with(row))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", strings + "</sst>")
    (event,), problems = read_all("catalogue-csv", stream.getvalue())
    assert event.comments == ("Каджи-Сай",)
    assert codes(problems) == [(2, "dangling-reference", "A2")]


# --- what is refused -----------------------------------------------------------------------------


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(FormatError) as refused:
        read_all("catalogue-csv", data, limits)
    assert refused.value.problem.code in CODES
    assert refused.value.problem.severity is Severity.ERROR
    return refused.value.problem.code


def test_macros_are_refused() -> None:
    data = changed(
        workbook(HEADINGS, ROW),
        "[Content_Types].xml",
        lambda part: part.replace(
            b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
            b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        ),
    )
    assert refusal(data) == "workbook-macros"


def test_a_macro_project_is_refused_whatever_the_file_calls_itself() -> None:
    stream = io.BytesIO(workbook(HEADINGS, ROW))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert refusal(stream.getvalue()) == "workbook-macros"


def test_old_workbooks_are_refused() -> None:
    data = spreadsheet.OLE2 + b"\x00" * 600
    assert detect(data, "catalogue.xls") == ["catalogue-csv"]  # so that the reading says why
    assert refusal(data) == "unsupported-version"


def test_another_archive_is_no_workbook() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("letter.txt", "Dear colleagues")
    assert refusal(stream.getvalue()) == "wrong-format"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    def huge(part: bytes) -> bytes:
        return part.replace(b"</sheetData>", b"<row/>" * 3_000_000 + b"</sheetData>")

    data = changed(workbook(HEADINGS, ROW), "xl/worksheets/sheet1.xml", huge)
    assert len(data) < 200_000
    started = time.monotonic()
    assert refusal(data) == "packed-too-densely"
    assert refusal(data, Limits(max_bytes=1_000_000)) == "file-too-large"
    assert time.monotonic() - started < 1.0


def test_too_many_members_are_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for n in range(spreadsheet.MAX_MEMBERS + 1):
            archive.writestr(f"xl/{n}", b"")
    assert refusal(stream.getvalue()) == "too-many-members"


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_a_doctype_is_refused(name: str) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    data = changed(
        workbook(HEADINGS, ROW),
        name,
        lambda part: bomb + part.split(b"?>", 1)[-1],
    )
    try:
        _, problems = read_all("catalogue-csv", data)
    except FormatError as refused:
        problems = [refused.problem]
    assert "xml-doctype" in [problem.code for problem in problems]


def test_a_link_to_another_file_is_not_followed() -> None:
    data = changed(
        workbook(HEADINGS, ROW),
        "xl/_rels/workbook.xml.rels",
        lambda part: re.sub(
            rb'Target="/xl/worksheets/sheet1.xml"',
            b'TargetMode="External" Target="http://192.0.2.1/sheet1.xml"',
            part,
        ),
    )
    assert refusal(data) == "empty-file"


def test_an_empty_workbook_is_an_empty_file() -> None:
    assert refusal(workbook()) == "empty-file"


def test_half_a_workbook_is_damaged() -> None:
    data = workbook(HEADINGS, ROW)
    assert refusal(data[: len(data) // 2]) == "archive-damaged"


def test_a_sheet_that_breaks_off_keeps_its_rows() -> None:
    rows = [[n, *ROW[1:]] for n in range(1, 40)]
    data = changed(
        workbook(HEADINGS, *rows),
        "xl/worksheets/sheet1.xml",
        lambda part: part[: part.index(b'<row r="30"') + 40],
    )
    events, problems = read_all("catalogue-csv", data)
    assert len(events) == 28
    assert [(p.code, p.severity) for p in problems] == [("xml-syntax", Severity.ERROR)]


SAMPLE = workbook(HEADINGS, ROW, [2, datetime(2014, 11, 14, 1, 2, 3), *ROW[2:]])
PARTS = sorted(zipfile.ZipFile(io.BytesIO(SAMPLE)).namelist())


def only_refused(data: bytes) -> None:
    try:
        read_all("catalogue-csv", data)
    except FormatError as refused:
        assert refused.problem.code in CODES


@given(st.integers(0, len(SAMPLE) - 1), st.binary(max_size=8), st.integers(0, 40))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_changed_bytes_of_the_archive_never_crash(at: int, new: bytes, lost: int) -> None:
    only_refused(SAMPLE[:at] + new + SAMPLE[at + lost :])


@given(st.sampled_from(PARTS), st.integers(0, 10**6), st.binary(max_size=8), st.integers(0, 40))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_changed_bytes_of_a_part_never_crash(name: str, at: int, new: bytes, lost: int) -> None:
    def change(part: bytes) -> bytes:
        place = at % (len(part) + 1)
        return part[:place] + new + part[place + lost :]

    only_refused(changed(SAMPLE, name, change))
