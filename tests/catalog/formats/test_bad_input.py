"""Each format against each mishap of files that went through mail, editors and spreadsheets.

What does no harm (byte order mark, CRLF, CR, blanks at line ends, a control-Z) changes nothing that
is read; what does (a lost half of each line, tabs for blanks, wrapped lines) is never silent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.formats.problems import CODES, FormatError
from tests.catalog.formats.conftest import placeless, read_all
from tests.catalog.formats.test_every_format import SAMPLES

TEXTS = [code for code in SAMPLES if code not in ("quakeml", "scml")]
MARK = "\ufeff".encode()


def sample(code: str) -> bytes:
    return next(data for data in SAMPLES[code] if not data.startswith(b"PK")).removeprefix(MARK)


def outcome(code: str, data: bytes) -> tuple[list[Any], list[str]]:
    try:
        found, problems = read_all(code, data)
    except FormatError as refusal:
        found, problems = [], [refusal.problem]
    assert all(problem.code in CODES for problem in problems)
    return [placeless(record) for record in found], [problem.code for problem in problems]


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "byte order mark": lambda data: MARK + data,
    "CRLF": lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "control-Z": lambda data: data + b"\x1a",
    "empty lines at the end": lambda data: data + b"\n\n\n",
}


@pytest.mark.parametrize("mishap", HARMLESS)
@pytest.mark.parametrize("code", SAMPLES)
def test_what_does_no_harm_changes_nothing(code: str, mishap: str) -> None:
    data = sample(code)
    if mishap == "byte order mark" and not data.isascii() and outcome(code, data)[1]:
        pytest.skip("the sample is of mixed encodings")
    if mishap == "control-Z" and code in ("quakeml", "scml"):
        pytest.skip("XML ends where its root does")
    assert outcome(code, HARMLESS[mishap](data)) == outcome(code, data)


HARMFUL: dict[str, Callable[[bytes], bytes]] = {
    "each line cut in half": lambda data: b"\n".join(
        line[: len(line) // 2] for line in data.splitlines()
    ),
    "each line wrapped": lambda data: b"\n".join(
        line[: len(line) // 2] + b"\n" + line[len(line) // 2 :] for line in data.splitlines()
    ),
    "blanks become tabs": lambda data: data.replace(b"   ", b"\t"),
    "a column too many": lambda data: b"\n".join(
        b"9|" + line if at > 2 else line for at, line in enumerate(data.splitlines())
    ),
    "NUL in each line": lambda data: data.replace(b"\n", b"\x00\n"),
}


@pytest.mark.parametrize("mishap", HARMFUL)
@pytest.mark.parametrize("code", TEXTS)
def test_what_does_harm_is_said(code: str, mishap: str) -> None:
    if (code, mishap) == ("wdcb-1962", "each line cut in half"):
        pytest.skip("half is a whole number of columns: blank ones are often cut off")
    data = sample(code)
    harmed = HARMFUL[mishap](data)
    whole, _ = outcome(code, data)
    records, problems = outcome(code, harmed)
    assert problems or records == whole or harmed == data


WORD = "Каджи-Сай, южный берег Иссык-Куля"


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "kz1048", "utf-8"])
@pytest.mark.parametrize("code", TEXTS)
def test_a_line_of_russian_in_any_code_is_said_or_kept(code: str, encoding: str) -> None:
    data = sample(code) + ("\n" + WORD + "\n").encode(encoding)
    records, problems = outcome(code, data)
    assert problems or (records, problems) != outcome(code, sample(code))
