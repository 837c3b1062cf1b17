"""Files made to do harm are recognised fast, whatever they hold, and read with a reason.

Recognising runs in the web process, reading in a child process under limits.
"""

from __future__ import annotations

import gzip
import io
import struct
import time
import zlib
from collections.abc import Callable

import pytest

from catalog.formats import detect
from catalog.formats.intensity import read_span
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError
from catalog.formats.spreadsheet import HEAD_UNPACKED, _texts_at_hand
from catalog.formats.text import detect_encoding, read_lines
from tests.catalog.formats.conftest import read_all
from tests.catalog.formats.test_spreadsheet import HEADINGS, ROW, changed, sheet_with, workbook

HEAD = 64 * 1024
LONG = 20_000  # characters of a line at most
#: Processor time, with room for a slow machine; each took seconds to minutes once.
SOON_S = 1.0


def packed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def member(name: bytes, data: bytes, size: int | None = None) -> bytes:
    """Return a zip member; ``size`` is what it claims to be packed to."""
    said = len(data) if size is None else size
    sizes = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, said, 0, len(name), 0)
    return b"PK\x03\x04" + sizes + name + data


def overlapping(name: bytes, payload: bytes, total: int) -> bytes:
    """Return members each of which unpacks all that follow it, and the payload."""
    head = member(name, b"", 0)
    over = b"\x00" + struct.pack("<HH", len(head), ~len(head) & 0xFFFF)
    unit = head + over
    return unit * ((total - len(payload) - len(head)) // len(unit)) + head + payload


WORDS = packed(b"<t>a</t>" * 1_000_000)
EMPTY = packed(b"<t>" * 4_000_000)
SHEET = ("год", "мес", "день", "φ", "λ", "h", "time", "lat", "", "")

HEADS: dict[str, Callable[[], bytes]] = {
    "many packed members": lambda: member(b"xl/sharedStrings.xml", WORDS[:1500]) * 45,
    "members inside members": lambda: overlapping(b"xl/sharedStrings.xml", WORDS[:16_000], HEAD),
    "sheets inside sheets": lambda: overlapping(b"xl/worksheets/sheet1.xml", EMPTY[:12_000], HEAD),
    "packed twice": lambda: gzip.compress(
        overlapping(b"xl/sharedStrings.xml", WORDS[:16_000], 250_000)
    ),
    "tables that unpack to much": lambda: member(b"a.origin", EMPTY[:300]) * 190,
    "gzip bomb": lambda: gzip.compress(b"0" * 50_000_000)[:HEAD],
    "thousands of headings": lambda: "\n".join([",".join(SHEET * 200)] * 20).encode(),
    "headings and blanks": lambda: "\n".join(["год,φ,λ" + "," * 800] * 20).encode(),
    "nothing but brackets": lambda: b"(" * HEAD,
    "brackets in cells": lambda: b"(," * (HEAD // 2),
    "blanks": lambda: b"Date" + b" " * HEAD,
    "empty lines": lambda: b"DATA_TYPE" + b"\n" * HEAD,
    "quotation marks": lambda: b'"\n' * (HEAD // 2),
    "XML that does not begin": lambda: b"<!---->" * (HEAD // 7),
    "NUL": lambda: bytes(HEAD),
}


@pytest.mark.parametrize("name", ["a.xlsx", "\x00\ud800.origin"])
@pytest.mark.parametrize("case", HEADS)
def test_recognising_a_hostile_head_is_quick_and_does_not_fail(case: str, name: str) -> None:
    head = HEADS[case]()
    started = time.process_time()
    detect(head, name)
    assert time.process_time() - started < SOON_S


def test_little_is_unpacked_to_recognise_a_workbook() -> None:
    head = HEADS["members inside members"]()
    assert sum(map(len, _texts_at_hand(head))) <= HEAD_UNPACKED


STATEMENTS = (
    *("a" + " " * LONG + "x", "a" + "\t" * LONG + "x", "a 4" + " " * LONG + "~"),
    *("a (1 " + " " * LONG + "~", "a" + " " * LONG + ":" + " " * LONG),
    *("a: " * (LONG // 3) + "!", "a: - " * (LONG // 5) + "(", "a:" + "1" * LONG),
    *("a - " * (LONG // 4) + "(", "(" * LONG, "a" + " " * LONG + "felt ~", "calc " * (LONG // 5)),
)
HEADING = "origin_time,latitude,longitude,i0,intensities,interpretations,consequences"


@pytest.mark.parametrize("text", STATEMENTS, ids=lambda text: repr(text[:8]))
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_no_text_of_a_cell_takes_long_and_none_is_lost(text: str, place: int) -> None:
    cells = ["", "", "", ""]
    cells[place] = text[:LONG]
    row = "2014-11-14T01:24:16,42.1,77.27," + ",".join(cells)
    started = time.process_time()
    (event,), problems = read_all("catalogue-csv", f"{HEADING}\n{row}\n".encode())
    assert time.process_time() - started < SOON_S
    said = event.comments or event.consequences or event.intensities or event.interpretations
    assert problems or said
    assert all(problem.code in CODES for problem in problems)


def test_blanks_of_any_number_stand_between_an_intensity_and_its_mark() -> None:
    spaced, plain = read_span("7   (расч.)"), read_span("7 (расч.)")
    assert spaced == plain is not None and spaced is not None and spaced.calculated


DIGITS = "1" * 5000  # more than Python takes for a number


@pytest.mark.parametrize(
    "data",
    [
        sheet_with(f'<row r="{DIGITS}"><c><v>1</v></c></row>'),
        sheet_with(f'<row r="2"><c t="s"><v>{DIGITS}</v></c></row>'),
        sheet_with(f'<row r="2"><c s="{DIGITS}"><v>41957</v></c></row>'),
        sheet_with('<row r="2"><c s="²"><v>41957</v></c></row>'),
        changed(
            workbook(HEADINGS, ROW),
            "xl/styles.xml",
            lambda part: part.replace(b'numFmtId="0"', 'numFmtId="²"'.encode()),
        ),
        changed(workbook(HEADINGS, ROW), "xl/workbook.xml", lambda part: b""),
    ],
    ids=["row", "string", "style", "style no digit", "format", "empty workbook"],
)
def test_a_workbook_with_absurd_numbers_is_read_or_refused(data: bytes) -> None:
    try:
        _, problems = read_all("catalogue-csv", data)
    except FormatError as refusal:
        problems = [refusal.problem]
    assert all(problem.code in CODES for problem in problems)


def test_a_line_of_letters_in_an_unknown_code_takes_no_time() -> None:
    data = b"\xff\n" + b"a" * 900_000 + b"\n"
    started = time.process_time()
    encoding = detect_encoding(io.BytesIO(data))
    list(read_lines(io.BytesIO(data), Limits(), [], encoding))
    assert time.process_time() - started < SOON_S
