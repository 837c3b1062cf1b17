"""Every way an intensity is written has a named outcome; a table of them reads row by row."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.formats import spreadsheet
from catalog.formats.intensity import (
    REFUSALS,
    Observed,
    PointRow,
    observed,
    read,
    row_of,
    scale_word,
)
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem

GRADES = [
    ("4", 4.0, 4.0),
    ("2.5", 2.5, 2.5),
    ("2,5", 2.5, 2.5),
    ("3½", 3.5, 3.5),
    ("3 1/2", 3.5, 3.5),
    ("3-4", 3.0, 4.0),
    ("III–IV", 3.0, 4.0),
    ("ІІІ-ІV", 3.0, 4.0),
    ("3 - 4 балла", 3.0, 4.0),
    ("VI-VII MSK-64", 6.0, 7.0),
    ("4 балла.", 4.0, 4.0),
]


@pytest.mark.parametrize(("text", "low", "high"), GRADES, ids=[text for text, *_ in GRADES])
def test_grades_are_read(text: str, low: float, high: float) -> None:
    assert observed(text) == Observed(low, high)


@pytest.mark.parametrize(
    ("text", "felt"),
    [("felt", True), ("not felt", False), ("не ощущалось", False), ("сезілмеді", False)],
)
def test_words_are_read(text: str, felt: bool) -> None:
    assert observed(text) == Observed(felt=felt)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "intensity-missing"),
        ("13", "intensity-out-of-range"),
        ("0", "intensity-out-of-range"),
        ("strong", "intensity-not-read"),
        ("3-4-5", "intensity-not-read"),
        ("7.1 balls", "intensity-not-half"),
        ("7,1 балла", "intensity-not-half"),
        ("K 7.1", "intensity-energy-class"),
        ("9.8 класс", "intensity-energy-class"),
        ("MPV 4.6", "intensity-magnitude"),
    ],
)
def test_what_is_no_intensity_says_why(text: str, code: str) -> None:
    assert observed(text) == Observed(code=code)


def test_a_range_written_from_the_larger_grade_is_turned_around_and_said() -> None:
    assert observed("4-3") == Observed(3.0, 4.0, remarks=("intensity-reversed",))
    assert observed("2-5").remarks == ("intensity-wide",)
    assert observed("5 (calc.)") == Observed(5.0, 5.0, calculated=True)


@given(st.text(max_size=40))
def test_any_text_has_an_outcome(text: str) -> None:
    told = observed(text)
    assert told.code in ("", *REFUSALS)
    assert told.code or told.felt is not None or 1 <= (told.minimum or 0) <= (told.maximum or 0)


@given(st.sampled_from([n / 2 for n in range(2, 25)]), st.sampled_from(["-", "–", " — "]))
def test_what_is_written_is_read_back(grade: float, dash: str) -> None:
    assert observed(f"{grade:g}") == Observed(grade, grade)
    if grade <= 11:
        assert observed(f"{grade:g}{dash}{grade + 1:g}") == Observed(grade, grade + 1)


def test_scales_are_known_in_any_spelling() -> None:
    assert [scale_word(w) for w in ("msk 64", "МСК-64", "EMS98", "x")] == [
        *("MSK-64", "MSK-64", "EMS-98", None)
    ]


TABLE = (
    "Событие;Пункт;Балл;Шкала;Источник;Широта;Долгота;Примечание\n"
    "kz2014abcdef;Алматы;3-4;МСК-64;Письмо;;;дребезжала посуда\n"
    ";Талгар;4;;;;;\n"
    "kz2014abcdef;;5;JMA;;95;77;\n"
)


def rows_of(data: bytes) -> list[PointRow]:
    return [item for item in read(io.BytesIO(data), Limits()) if isinstance(item, PointRow)]


def test_a_table_is_read_in_russian_and_as_a_workbook() -> None:
    lines = [line.split(";") for line in TABLE.splitlines()]
    for data in (TABLE.encode("cp1251"), spreadsheet.write(lines, "Sheet")):
        first, second, third = rows_of(data)
        assert (first.event, first.place, first.scale) == ("kz2014abcdef", "Алматы", "MSK-64")
        assert (first.observed, first.refusal) == (Observed(3.0, 4.0), None)
        assert first.effects == "Примечание: дребезжала посуда"
        assert second.refusal is not None and second.refusal.code == "missing-field"
        codes = [p.code for p in third.problems]
        assert codes == ["out-of-range", "missing-field", "unknown-value"]


def test_a_table_without_its_columns_is_refused_with_what_is_lacking() -> None:
    with pytest.raises(FormatError) as refused:
        rows_of(b"settlement,event,depth\nAlmaty,kz2014abcdef,5\n")
    assert refused.value.problem.code == "missing-field"
    assert refused.value.problem.field == "intensity"


def test_unknown_columns_are_said() -> None:
    problems = [
        item
        for item in read(io.BytesIO(b"event,place,intensity,colour\na,b,3,red\n"), Limits())
        if isinstance(item, Problem)
    ]
    assert [p.code for p in problems] == ["unknown-column"]


def test_a_row_of_a_form_is_read_as_one_of_a_table() -> None:
    row = row_of({"event": "kz2014abcdef", "place": "Almaty", "intensity": "4", "scale": "EMS-98"})
    assert (row.scale, row.observed, row.problems) == ("EMS-98", Observed(4.0, 4.0), ())


@given(st.binary(max_size=300), st.booleans())
def test_whatever_is_sent_as_a_table_is_read_or_refused(data: bytes, with_headings: bool) -> None:
    try:
        rows = rows_of((b"event,place,intensity\n" if with_headings else b"") + data)
    except FormatError:
        return
    assert all(row.refusal is not None or row.observed.code == "" for row in rows)
