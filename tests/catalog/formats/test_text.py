"""Which encoding a text is in, where its lines end, and what is odd in it."""

from __future__ import annotations

import io

import pytest

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem
from catalog.formats.text import detect_encoding, read_lines

RUSSIAN = "Землетрясение 14 ноября ощущалось в Алматы силой 3-4 балла\nТалгар, Нарын\n"


def lines(data: bytes, limits: Limits | None = None) -> tuple[list[tuple[int, str]], list[Problem]]:
    problems: list[Problem] = []
    return list(read_lines(io.BytesIO(data), limits or Limits(), problems)), problems


@pytest.mark.parametrize(
    "codec, name", [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("cp1251", "CP1251"),
                    ("koi8-r", "KOI8-R")],
)  # fmt: skip
@pytest.mark.parametrize("case", [str, str.upper, str.lower])
def test_russian_is_recognised(codec: str, name: str, case: type[str]) -> None:
    text = case(RUSSIAN)
    data = text.encode(codec)
    assert detect_encoding(io.BytesIO(data)).name == name
    read, problems = lines(data)
    assert [line for _, line in read] == text.splitlines()
    assert problems == []


KAZAKH = (
    "Алматы облысында жер сілкінісі болды, күші 3-4 балл",
    "Шымкент қаласында үйде сезілді; әлсіз",
    "Ұлттық ғылыми орталық",
    "Өскемен",
    "ТАЛҒАР",
    "Қарағанды",
)


@pytest.mark.parametrize("text", KAZAKH)
@pytest.mark.parametrize("codec, name", [("utf-8", "UTF-8"), ("kz1048", "KZ-1048")])
def test_kazakh_is_recognised(text: str, codec: str, name: str) -> None:
    data = f"{text}\n{RUSSIAN}".encode(codec)
    assert detect_encoding(io.BytesIO(data)).name == name
    assert lines(data) == ([(1, text), *enumerate(RUSSIAN.splitlines(), 2)], [])
    assert lines(text.encode(codec))[0] == [(1, text)]


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r"])
@pytest.mark.parametrize("word", ["Алматы", "Талгар", "Каджи-Сай", "Семей", "ПРИМЕЧАНИЕ"])
def test_a_single_word_is_enough(word: str, codec: str) -> None:
    read, _ = lines(word.encode(codec))
    assert read == [(1, word)]


def test_accents_of_latin_names() -> None:
    data = "Bondár, Zelený, Müller\n".encode("latin-1")
    assert detect_encoding(io.BytesIO(data)).name == "ISO-8859-1"
    assert lines(data)[0] == [(1, "Bondár, Zelený, Müller")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    read, _ = lines(end.join(["a", "", "b", ""]).encode())
    assert [line for line in read if line[1]] == [(1, "a"), (3, "b")]


def test_line_ends_across_chunks() -> None:
    data = b"\r\n".join(b"%d" % n * 20 for n in range(100_000))
    read, _ = lines(data)
    assert len(read) == 100_000 and read[-1][0] == 100_000
    assert read[50_000][1] == "50000" * 20


def test_nul_and_long_lines_are_problems() -> None:
    read, problems = lines(b"a\x00b\n" + b"x" * 5000 + b"\nc\n", Limits(max_line_length=100))
    assert [text for _, text in read] == ["a\N{REPLACEMENT CHARACTER}b", "x" * 100, "c"]
    assert [(p.line_number, p.code) for p in problems] == [(1, "encoding"), (2, "line-too-long")]


def test_one_endless_line_takes_no_memory() -> None:
    read, problems = lines(b"x" * 3_000_000, Limits(max_line_length=100))
    assert read == [(1, "x" * 100)]
    assert [p.code for p in problems] == ["line-too-long"]


def test_mixed_encodings_name_the_line() -> None:
    data = RUSSIAN.encode() + "Семипалатинск\n".encode("koi8-r") + RUSSIAN.encode()
    read, problems = lines(data)
    assert read[2] == (3, "Семипалатинск")
    assert [(p.line_number, p.code, p.field) for p in problems] == [(3, "mixed-encoding", "KOI8-R")]


def test_utf_16_and_too_large_are_refused() -> None:
    for data, limits, code in (
        (RUSSIAN.encode("utf-16"), Limits(), "encoding"),
        (b"x" * 1001, Limits(max_bytes=1000), "file-too-large"),
    ):
        with pytest.raises(FormatError) as refusal:
            detect_encoding(io.BytesIO(data), limits)
        assert refusal.value.problem.code == code
