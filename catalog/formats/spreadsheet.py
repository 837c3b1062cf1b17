"""Workbooks (.xlsx): the values of a sheet as rows of text, read safely; and rows as a workbook.

Read with our own streaming reader, since a workbook comes from outside: the archive's sizes and
ratios are checked before anything is unpacked, no part is held whole but the shared strings, a
sheet's claimed dimensions are not believed, nothing is computed and nothing fetched. ``.xlsm`` and
``.xls`` are refused. Of a formula the value that the program stored with it is taken; a formula
without one, and an error such as ``#REF!``, is a problem that names the cell. Rows and sheets a
person hid are treated so: hidden rows are read, hidden sheets are not, and each sheet that is not
read is named in a problem.

A date in a workbook is a number of days, with a display format that says so. Day 1 is 1900-01-01
and day 60 a 29 February 1900 that never was (the 1900 system), or day 0 is 1904-01-01 (the 1904
system, which the workbook declares). It becomes ISO text, rounded to the millisecond. Dates before
1900-03-01 in the 1900 system are doubtful, since programs disagree by a day there.

Sources: ECMA-376 part 1, sections 18.3 (worksheets), 18.4 (shared strings), 18.8.30 (number
formats), 18.17.4 (dates).
"""

from __future__ import annotations

import io
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from html import unescape
from itertools import chain, islice
from typing import IO, Any

from lxml import etree

from catalog.formats import headings
from catalog.formats.limits import Limits
from catalog.formats.packing import LARGEST_RATIO, SMALL_BYTES
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.text import CHUNK
from catalog.formats.values import cut
from catalog.formats.xml import check_prolog, local

ZIP = b"PK\x03\x04"
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and .xlsx with a password
SUFFIX = ".xlsx"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MAX_MEMBERS = 1000
#: What a workbook may unpack to, in sizes of the largest file allowed.
MAX_GROWTH = 4
MAX_COLUMNS = 1000
MAX_ROWS = 1_048_576  # of the format itself
MAX_FORMAT = 255  # characters of a number format
SMALL_PART = 4 * 1024 * 1024

#: What is unpacked of a workbook's first bytes to recognise it, and how many texts are looked at.
HEAD_UNPACKED = 512 * 1024
HEAD_MEMBERS = 20
HEAD_TEXTS = 1000

_HEAD_TEXT = re.compile(rb"<(?:\w+:)?t(?:\s[^<>]*)?>([^<]{1,200})</")
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})\Z")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
#: Number formats that every workbook knows as dates and times (18.8.30, and East Asian ones).
_BUILT_IN = {
    **dict.fromkeys((*range(14, 18), *range(27, 37), *range(50, 59)), False),
    **dict.fromkeys((*range(18, 23), *range(45, 48)), True),
}
_NO_DATE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTER = re.compile("[ymdhs]", re.IGNORECASE)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DAY_60 = 60.0  # 29 February 1900


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row that is not blank: its number from 1, its cells as text, their addresses."""

    number: int
    cells: tuple[str, ...]
    references: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def is_workbook(head: bytes) -> bool:
    """Tell whether a file begins as a workbook, of any kind, does."""
    if head.startswith(OLE2):
        return True
    names = (b"[Content_Types].xml", b"xl/", b"docProps/")
    return head.startswith(ZIP) and any(name in head for name in names)


# --- detection: the words of the first sheet without opening it -------------------------------


@lru_cache(maxsize=2)  # each of the tables' formats asks for the same
def head_texts(head: bytes) -> tuple[str, ...]:
    """Return texts that stand in a workbook whose first bytes are given; no parser is used.

    Shared and inline strings lie somewhere in the archive; those in the part at hand are found. In
    a large workbook they lie behind the cells: then there are none. This runs in the web process:
    however the archive is made, little is unpacked of it.
    """
    found: list[str] = []
    for data in _texts_at_hand(head):
        for match in islice(_HEAD_TEXT.finditer(data), HEAD_TEXTS - len(found)):
            found.append(unescape(match[1].decode("utf-8", "ignore")))
    return tuple(found)


def _texts_at_hand(head: bytes) -> Iterator[bytes]:
    """Yield (beginnings of) the members of an archive that hold texts and lie in ``head``."""
    position, left, taken = 0, HEAD_UNPACKED, 0
    for _ in range(MAX_MEMBERS):
        position = head.find(ZIP, position)
        if position < 0 or len(head) < position + 30 or left <= 0 or taken >= HEAD_MEMBERS:
            return
        method, packed = struct.unpack_from("<H8xI", head, position + 8)
        name_length, extra_length = struct.unpack_from("<HH", head, position + 26)
        start = position + 30 + name_length + extra_length
        name = head[position + 30 : position + 30 + min(name_length, 100)]
        end = start + packed if 0 < packed < len(head) else len(head)
        position = end if 0 < packed < len(head) else position + 30
        if name != b"xl/sharedStrings.xml" and not name.startswith(b"xl/worksheets/sheet"):
            continue
        data = head[start:end]
        if method == zipfile.ZIP_DEFLATED:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, left)
            except zlib.error:
                data = b""
        left -= len(data)
        taken += 1
        yield data


# --- reading ----------------------------------------------------------------------------------


def _refusal(code: str, field: str, found: str, expected: str) -> FormatError:
    return FormatError(Problem(None, code, field, cut(found), expected, Severity.ERROR))


def _check_directory(source: IO[bytes]) -> None:
    """Refuse an archive whose directory would take much memory, before it is read."""
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - 65_600))
    tail = source.read()
    source.seek(0)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        raise _refusal("archive-damaged", "", "", ".xlsx")
    (length,) = struct.unpack_from("<I", tail, end + 12)
    if length > MAX_MEMBERS * 600 or b"PK\x06\x07" in tail:  # or one of ZIP64
        raise _refusal("too-many-members", "", "", f"<= {MAX_MEMBERS}")


def open_sheet(
    source: IO[bytes],
    limits: Limits,
    problems: list[Problem],
    known: Callable[[tuple[str, ...]], int],
) -> tuple[SheetRow, Iterator[SheetRow]]:
    """Return the heading row of the first visible sheet that has one, and the rows below it.

    ``known`` counts the headings that a format knows. Problems are appended to ``problems`` while
    the rows are read.

    Raises
    ------
    FormatError
        The file is no workbook, one we do not read, beyond the limits, or has no row.
    """
    book = _Book(source, limits)
    first: tuple[SheetRow, Iterator[SheetRow]] | None = None
    chosen: tuple[SheetRow, Iterator[SheetRow]] | None = None
    for name, member, visible in book.sheets():
        rows = book.rows(name, member)
        head: list[SheetRow] = []
        for row in rows:
            head.append(row)
            if len(head) >= headings.HEAD_ROWS:
                break
        if not head:
            if book.failure is not None and visible:
                problems.append(book.failure)
            continue
        best = max(range(len(head)), key=lambda at: known(head[at].cells))
        if not visible or chosen is not None or known(head[best].cells) < headings.KNOWN_HEADINGS:
            if first is None and visible:
                first = head[0], chain(head[1:], rows)
            word = "" if visible else "hidden"
            problems.append(Problem(head[0].number, "sheet-not-read", cut(name), word, ""))
            continue
        start, end, cells = headings.find([row.cells for row in head], best, known)
        for row in head[:start]:
            found = cut(" ".join(cell for cell in row.cells if cell))
            problems.append(Problem(row.number, "unused-text", cut(name), found, "heading line"))
        below = head[end - 1]
        addresses = tuple(f"{_letters(at)}{below.number}" for at in range(1, len(cells) + 1))
        told = tuple(problem for row in head[start:end] for problem in row.problems)
        chosen = SheetRow(below.number, cells, addresses, told), chain(head[end:], rows)
    if chosen is None:
        chosen = first
    if chosen is None and problems:
        raise FormatError(problems[-1])
    if chosen is None:
        raise _refusal("empty-file", "", "", "heading line")
    return chosen


class _Book:
    """An opened workbook: its sheets, shared strings and which styles are dates."""

    def __init__(self, source: IO[bytes], limits: Limits) -> None:
        self.limits = limits
        self.problems: list[Problem] = []  # of the row being read
        self.failure: Problem | None = None  # why a sheet gave no row
        source.seek(0)
        if source.read(len(OLE2)) == OLE2:
            found = ".xls, or a workbook with a password"
            raise _refusal("unsupported-version", "", found, ".xlsx, CSV")
        _check_directory(source)
        try:
            self.archive = zipfile.ZipFile(source)
            self.names = self._checked()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
            if isinstance(error, FormatError):
                raise
            raise _refusal("archive-damaged", "", str(error), ".xlsx") from error
        self.strings: list[str] | None = None
        self.from_1904 = False
        self.date_styles = self._date_styles()

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        """Return the members by name; refuse an archive beyond the limits, before unpacking."""
        members = self.archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise _refusal("too-many-members", "", str(len(members)), f"<= {MAX_MEMBERS}")
        size = sum(member.file_size for member in members)
        packed = sum(member.compress_size for member in members)
        largest = MAX_GROWTH * self.limits.max_bytes
        if size > largest:
            raise _refusal("file-too-large", "", str(size), f"<= {largest} bytes")
        if size > SMALL_BYTES and size > LARGEST_RATIO * packed:
            raise _refusal("packed-too-densely", "", f"{size} / {packed}", f"<= {LARGEST_RATIO}")
        names: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            if member.flag_bits & 1:
                raise _refusal("archive-refused", member.filename, "password", ".xlsx")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _refusal("archive-refused", member.filename, "compression", "deflate")
            name = member.filename.lstrip("/")
            if name.lower() in names:
                raise _refusal("archive-refused", name, "twice", ".xlsx")
            names[name.lower()] = member
        if any("vbaproject" in name for name in names) or b"macroEnabled" in self._whole(
            names.get("[content_types].xml")
        ):
            raise _refusal("workbook-macros", "", ".xlsm", ".xlsx")
        if "xl/workbook.bin" in names:
            raise _refusal("unsupported-version", "", ".xlsb", ".xlsx, CSV")
        if "xl/workbook.xml" not in names:
            raise _refusal("wrong-format", "", "ZIP", ".xlsx")
        return names

    def _whole(self, member: zipfile.ZipInfo | None) -> bytes:
        """Return a small part whole."""
        if member is None:
            return b""
        if member.file_size > SMALL_PART:
            found, bound = str(member.file_size), f"<= {SMALL_PART} bytes"
            raise _refusal("file-too-large", member.filename, found, bound)
        try:
            return self.archive.read(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise _refusal("archive-damaged", member.filename, str(error), ".xlsx") from error

    def _tree(self, name: str) -> Any:
        """Return the root element of a small part, ``None`` if there is no such part."""
        data = self._whole(self.names.get(name.lower()))
        if not data:
            return None
        check_prolog(data[:CHUNK], name)
        try:
            return etree.fromstring(data, _parser(etree.XMLParser))
        except etree.XMLSyntaxError as error:
            raise _refusal("xml-syntax", name, str(error.msg), "XML") from error

    def sheets(self) -> list[tuple[str, zipfile.ZipInfo, bool]]:
        """Return name, part and visibility of the sheets, in the workbook's order."""
        book = self._tree("xl/workbook.xml")
        if book is None:
            raise _refusal("archive-damaged", "xl/workbook.xml", "", ".xlsx")
        targets: dict[str, str] = {}
        relations = self._tree("xl/_rels/workbook.xml.rels")
        for relation in relations if relations is not None else ():
            if relation.get("TargetMode") == "External":
                continue  # links to other files are never followed
            target = (relation.get("Target") or "").lower()
            if (relation.get("Type") or "").endswith("/worksheet"):
                path = target[1:] if target.startswith("/") else f"xl/{target}"
                targets[relation.get("Id") or ""] = path
        found = []
        for element in book.iter("{*}workbookPr", "{*}sheet"):
            if local(element.tag) == "workbookPr":
                self.from_1904 = element.get("date1904") in ("1", "true", "on")
                continue
            key = next((v for k, v in element.items() if k.endswith("}id")), "")
            member = self.names.get(targets.get(key, ""))
            if member is not None:
                visible = element.get("state", "visible") == "visible"
                found.append((element.get("name") or "", member, visible))
        return found

    def _date_styles(self) -> dict[int, bool]:
        """Return the cell styles that show a number as a date, and whether with a time of day."""
        styles = self._tree("xl/styles.xml")
        if styles is None:
            return {}
        own: dict[str, bool | None] = {}
        for element in styles.iter("{*}numFmt"):
            code = element.get("formatCode") or ""
            own[element.get("numFmtId") or ""] = _shows_clock(code)
        cells = next(styles.iter("{*}cellXfs"), None)
        dates: dict[int, bool] = {}
        for at, style in enumerate(cells if cells is not None else ()):
            number = style.get("numFmtId") or ""
            clock = own.get(number, _BUILT_IN.get(_whole(number) or 0))
            if clock is not None:
                dates[at] = clock
        return dates

    def _strings(self) -> list[str]:
        """Return the shared strings, read when the first is needed."""
        if self.strings is None:
            self.strings = []
            member = self.names.get("xl/sharedstrings.xml")
            if member is not None:
                for element in self._parts(member, "si"):
                    self.strings.append(_text(element))
        return self.strings

    def _parts(self, member: zipfile.ZipInfo, *words: str) -> Iterator[Any]:
        """Yield the elements with one of the names, each as soon as it is complete.

        Raises
        ------
        FormatError
            The part is damaged, no XML, or has a DOCTYPE.
        """
        parser = _parser(etree.XMLPullParser, events=("end",), tag=[f"{{*}}{w}" for w in words])
        fresh = True
        try:
            with self.archive.open(member) as stream:
                while chunk := stream.read(CHUNK):
                    if fresh:
                        check_prolog(chunk, member.filename)
                        fresh = False
                    parser.feed(chunk)
                    for _, element in parser.read_events():
                        yield element
                        element.clear()
                        while element.getprevious() is not None:
                            del element.getparent()[0]
            if not fresh:
                parser.close()
        except etree.XMLSyntaxError as error:
            raise _refusal("xml-syntax", member.filename, str(error.msg), "XML") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise _refusal("archive-damaged", member.filename, str(error), ".xlsx") from error

    def rows(self, name: str, member: zipfile.ZipInfo) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that are not blank; what breaks it off is said last."""
        number = 0
        self.problems, self.failure = [], None
        try:
            for element in self._parts(member, "row", "mergeCell"):
                if local(element.tag) == "mergeCell":
                    where = element.get("ref") or ""
                    self.problems.append(
                        Problem(_row_of(where), "merged-cells", cut(where), cut(name), "")
                    )
                    continue
                stated = element.get("r") or ""
                following = number + 1
                number = following if (place := _whole(stated)) is None else place
                if not following <= number <= MAX_ROWS:
                    raise _refusal("out-of-range", name, stated, f"{following}..{MAX_ROWS}")
                row = self._row(element, number)
                if (any(row.cells) or row.problems) and not "".join(row.cells[:1]).startswith("#"):
                    yield row
        except FormatError as refusal:
            self.failure = replace(refusal.problem, line_number=number or None)
            self.problems.append(self.failure)
        if number and self.problems:
            yield SheetRow(number, (), (), tuple(self.problems))

    def _row(self, element: Any, number: int) -> SheetRow:
        cells: list[str] = []
        column = 0
        for cell in element:
            if local(cell.tag) != "c":
                continue
            match = _REFERENCE.match(cell.get("r") or "")
            column = _column(match[1]) if match else column + 1
            where = f"{_letters(column)}{number}"
            if column > MAX_COLUMNS or column <= len(cells):
                found = cut("".join(cell.itertext()))
                expected = f"<= {_letters(MAX_COLUMNS)}{number}"
                self.problems.append(Problem(number, "unused-text", where, found, expected))
                continue
            text = self._value(cell, number, where)
            cells.extend([""] * (column - 1 - len(cells)))
            cells.append(text)
        addresses = tuple(f"{_letters(at)}{number}" for at in range(1, len(cells) + 1))
        problems, self.problems = tuple(self.problems), []
        return SheetRow(number, tuple(cells), addresses, problems)

    def _value(self, cell: Any, line: int, where: str) -> str:
        """Return the value of a cell as text."""
        kind = cell.get("t") or "n"
        value: str | None = None
        formula = False
        inline = ""
        for child in cell:
            word = local(child.tag)
            if word == "v":
                value = child.text
            elif word == "f":
                formula = True
            elif word == "is":
                inline = _text(child)
        if kind == "inlineStr":
            return inline
        if value is None or (value == "" and kind != "str"):
            if formula:
                text = cut("=" + next((c.text or "" for c in cell if local(c.tag) == "f"), ""))
                self.problems.append(Problem(line, "formula-without-value", where, text, ""))
            return ""
        if kind == "s":
            index = _whole(value)
            strings = self._strings()
            if index is not None and index < len(strings):
                return strings[index]
            self.problems.append(Problem(line, "dangling-reference", where, cut(value), ""))
            return ""
        if kind == "e":
            self.problems.append(Problem(line, "cell-error", where, cut(value), ""))
            return ""
        if kind == "b":
            return "true" if value == "1" else "false"
        if kind in ("str", "d"):
            return _plain(value)
        return self._number(value, cell.get("s"), line, where)

    def _number(self, value: str, style: str | None, line: int, where: str) -> str:
        """Return a number, or the date it stands for, as text."""
        try:
            number = float(value)
        except ValueError:
            return _plain(value)
        at = _whole(style or "")
        if at is not None and at in self.date_styles:
            text = serial_time(number, self.from_1904, self.date_styles[at])
            doubtful = not self.from_1904 and 1.0 <= number < _DAY_60 + 1.0
            if text is None or doubtful:
                expected = "1900-03-01.." if text is None else text
                self.problems.append(Problem(line, "doubtful-date", where, cut(value), expected))
            if text is not None:
                return text
        if number.is_integer() and abs(number) < 1e15:
            return str(int(number))
        return repr(number)


def _parser(kind: Any, **options: Any) -> Any:
    """Return a parser that expands, fetches and loads nothing."""
    return kind(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        **options,
    )


def _text(element: Any) -> str:
    """Return the text of a string element: its runs joined, without phonetic hints."""
    parts = []
    for text in element.iter("{*}t"):
        if not any(local(above.tag) == "rPh" for above in text.iterancestors()):
            parts.append(text.text or "")
    return _plain("".join(parts))


def _plain(text: str) -> str:
    """Return text with the format's escapes of control characters resolved."""

    def resolved(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        if character in "\n\t" or character.isprintable():
            return character
        return "" if character == "\r" else "\N{REPLACEMENT CHARACTER}"

    return _ESCAPED.sub(resolved, text).replace("\r\n", "\n")


def _whole(text: str) -> int | None:
    """Return the whole number an attribute says; ``None`` if it says none, or an absurd one."""
    return int(text) if len(text) <= 10 and text.isascii() and text.isdigit() else None


def _shows_clock(code: str) -> bool | None:
    """Tell whether a number format shows a time of day; ``None`` if not even a date."""
    first = code[:MAX_FORMAT].split(";")[0]
    letters = _NO_DATE.sub("", first)
    if "General" in first or _DATE_LETTER.search(letters) is None:
        return None
    return re.search("[hs]", letters, re.IGNORECASE) is not None


def serial_time(days: float, from_1904: bool, clock: bool = False) -> str | None:
    """Return the ISO text of an Excel date, ``None`` if it is none.

    Parameters
    ----------
    days : float
        Days since the system's day 0; the fraction is the time of day. Below 1 it is a time of
        day only; a whole number is a date only, unless ``clock``.
    """
    if not 0.0 <= days < 2_958_466.0:  # 10000-01-01
        return None
    if from_1904:
        start = datetime(1904, 1, 1)
    elif days >= _DAY_60 + 1.0:
        start = datetime(1899, 12, 30)
    elif days >= _DAY_60:
        return None
    else:
        start = datetime(1899, 12, 31)
    try:
        time = start + timedelta(milliseconds=round(days * 86_400_000.0))
    except OverflowError:
        return None
    text = time.isoformat(timespec="milliseconds")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if days < 1.0 and not from_1904:
        return text[11:]
    return text[:10] if days.is_integer() and not clock else text


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _letters(column: int) -> str:
    text = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def _row_of(reference: str) -> int | None:
    match = re.search("[0-9]{1,7}", reference)
    return int(match[0]) if match else None


# --- writing ----------------------------------------------------------------------------------

Cell = str | float | int | None


def write(rows: Iterable[Iterable[Cell]], title: str) -> bytes:
    """Return a workbook of one sheet, the same bytes for the same rows."""
    out = io.BytesIO()
    write_to(out, rows, title)
    return out.getvalue()


def write_to(out: IO[bytes], rows: Iterable[Iterable[Cell]], title: str) -> None:
    """Write a workbook of one sheet into a file that can be sought in; in flat memory.

    Numbers are numbers, everything else is text and never a formula, whatever it begins with.
    """
    from openpyxl import Workbook  # slow to load, and only needed here

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    try:
        for row in rows:
            sheet.append(_cells(sheet, row))
    except BaseException:
        sheet.close()
        sheet._writer.cleanup()  # the file it has on disk, which saving would have removed
        raise
    book.properties.creator = "Earthquake catalogue of Kazakhstan"
    book.properties.created = book.properties.modified = datetime(2000, 1, 1)
    with tempfile.TemporaryFile() as packed:
        book.save(packed)
        _copy_without_moment(packed, out)


def _cells(sheet: Any, row: Iterable[Cell]) -> list[Any]:
    """Return the cells of a row as openpyxl takes them."""
    from openpyxl.cell import WriteOnlyCell

    cells: list[Any] = []
    for value in row:
        text = _writable(value) if isinstance(value, str) else None
        if text is None or not text.startswith(("=", "#")):
            cells.append(value if text is None else text)
            continue
        cell = WriteOnlyCell(sheet, text)  # openpyxl took it for a formula or an error
        cell.data_type = "s"
        cells.append(cell)
    return cells


def _writable(text: str) -> str:
    """Return text that XML can hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _copy_without_moment(packed: IO[bytes], out: IO[bytes]) -> None:
    """Copy an archive without the moment it was made."""
    moment = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            undated = zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0))
            undated.compress_type = zipfile.ZIP_DEFLATED
            with old.open(member) as source, new.open(undated, "w") as target:
                if member.filename == "docProps/core.xml":
                    target.write(moment.sub(rb"\g<1>2000-01-01T00:00:00Z", source.read()))
                else:
                    shutil.copyfileobj(source, target)
