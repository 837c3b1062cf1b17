"""Tables of any kind: a text's lines or a workbook's rows become cells, cells become values.

What the readers of tables share. A workbook (.xlsx) gives the same rows as a text (see
``spreadsheet``); its problems name the cell beside the column. A text's delimiter is a comma, a
semicolon or a tab: the one under which most headings are known. A quoted cell may go over several
lines; a line that begins with ``#`` is a remark. Numbers have a decimal point or comma. A problem
names the line and the column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import BinaryIO

from catalog.formats import headings, spreadsheet
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import STATED_UTC, Range, clock, count, cut, number

MAX_ROW_LINES = 20  # a quoted cell may hold line ends
MINUTE_UNCERTAINTY = 30.0  # s, of a time given to the minute
MAX_HEADING = 200  # characters of a heading that are looked at
HEAD_LINE = 4000  # characters of a row that are looked at to recognise a table
HEAD_CELLS = 150
DELIMITERS = (",", ";", "\t")
#: A cell that a spreadsheet might take for a formula is written with an apostrophe before it.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_GUARDED = tuple("'" + sign for sign in DANGEROUS)

_DATE = re.compile(
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|(?P<day2>\d{1,2})\.(?P<month2>\d{1,2})\.(?P<year2>\d{4}))\Z"
)
_IN_BRACKETS = re.compile(r"[(\[].*?[)\]]")
_GLUED = re.compile(r"\d{4}-\d{2}-\d{2}\d{2}:\d{2}")
_BETWEEN = re.compile(r"(?<=\d)\s*T\s*(?=\d)")  # date and time; the T of "UTC" is none
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{1,2}(?:[.,]\d+)?))?"
    r"\s*(?:(?P<utc>Z|UTC)|(?P<sign>[+-])(?P<zone_hours>\d{2}):?(?P<zone_minutes>\d{2}))?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its lines in the file, its cells, and its own text as received.

    ``references`` are the cells' own addresses ("E12") where the table has such.
    """

    first_line: int
    last_line: int
    cells: tuple[str, ...]
    text: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The row that holds the headings, and the rows below it."""

    heading: TableRow
    rows: Iterator[TableRow] = field(repr=False)
    delimiter: str = "\t"


@lru_cache(maxsize=20_000)
def plain(heading: str) -> str:
    """Return a heading for comparison: no case, no punctuation, no unit in brackets."""
    text = heading[:MAX_HEADING].strip("\ufeff \t\"'").casefold().replace("ё", "е")
    text = _IN_BRACKETS.sub(" ", text)
    return " ".join(re.sub(r"[^\w№φλδ]|_", " ", text).split())


def split(row: str, delimiter: str) -> tuple[str, ...]:
    """Return the cells of one row of text."""
    if '"' not in row:
        return tuple(row.split(delimiter))
    try:
        return tuple(next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), []))
    except csv.Error:
        return tuple(row.split(delimiter))


def split_headings(
    line: str, known: Callable[[tuple[str, ...]], int]
) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter under which most headings of a line are known, and the headings."""
    readings = [(delimiter, tuple(map(_bare, split(line, delimiter)))) for delimiter in DELIMITERS]
    return max(readings, key=lambda reading: known(reading[1]))


def first_lines(head: bytes, encoding: str) -> list[str]:
    """Return the first rows of a text that are not blank and no remarks."""
    text = head.decode(encoding, "ignore").replace("\r\n", "\n").replace("\r", "\n")
    rows = _joined(iter(enumerate(text.split("\n"), start=1)))
    return [row[:HEAD_LINE] for _, _, row in islice(rows, headings.HEAD_ROWS)]


def candidate_headings(
    head: bytes, known: Callable[[tuple[str, ...]], int]
) -> Iterator[tuple[str, ...]]:
    """Yield what the headings may be in a file whose first bytes are given.

    Of a workbook that is all the words at hand, in no order that means anything.
    """
    if head.startswith(spreadsheet.ZIP):
        yield spreadsheet.head_texts(head)
        return
    told: list[list[str]] = []
    for encoding in ("utf-8-sig", "cp1251", "koi8-r", "kz1048"):
        lines = first_lines(head, encoding)
        if lines in told:  # plain ASCII is the same in all of them
            continue
        told.append(lines)
        tries = headings.MOST_LEVELS  # what stands above headings is no heading by chance
        for at, line in enumerate(lines):
            delimiter, cells = split_headings(line, known)
            cells = cells[:HEAD_CELLS]
            yield cells
            if tries and known(cells) >= headings.KNOWN_HEADINGS and headings.may_go_on(cells):
                tries -= 1
                around = [tuple(map(_bare, split(near, delimiter)))[:HEAD_CELLS] for near in lines]
                yield headings.find(around, at, known)[2]


def open_table(
    stream: BinaryIO,
    limits: Limits,
    problems: list[Problem],
    known: Callable[[tuple[str, ...]], int],
) -> Table:
    """Return the table in a file; ``known`` counts the headings that a format knows.

    Problems with the text itself are appended to ``problems`` while the rows are read.

    Raises
    ------
    FormatError
        The file is empty, or a workbook that is not read.
    """
    source = seekable(stream)
    head = source.read(len(spreadsheet.OLE2))
    source.seek(0)
    if head.startswith((spreadsheet.ZIP, spreadsheet.OLE2)):
        heading, rows_below = spreadsheet.open_sheet(source, limits, problems, known)
        problems.extend(heading.problems)
        return Table(_sheet_row(heading), _sheet_rows(rows_below, problems))
    encoding = detect_encoding(source, limits)
    rows = _joined(read_lines(source, limits, problems, encoding))
    top = [] if encoding.blank else list(islice(rows, 1))
    if not top:
        raise FormatError(Problem(1, "empty-file", "", "", "heading line", Severity.ERROR))
    # A title may stand above the headings; where nothing looks like headings, the first row is.
    while known(split_headings(top[-1][2], known)[1]) < headings.KNOWN_HEADINGS:
        following = next(rows, None) if len(top) < headings.HEAD_ROWS else None
        if following is None:
            rows, top = chain(top[1:], rows), top[:1]
            break
        top.append(following)
    delimiter, cells = split_headings(top[-1][2], known)
    at = len(top) - 1
    if headings.may_go_on(cells):
        top.extend(islice(rows, headings.MOST_LEVELS - 1))
    split_rows = [tuple(map(_bare, split(text, delimiter))) for _, _, text in top]
    start, end, cells = headings.find(split_rows, at, known)
    for line, _, text in top[:start]:
        problems.append(Problem(line, "unused-text", "", cut(text), "heading line"))
    text = "\n".join(text for _, _, text in top[start:end])
    return Table(
        TableRow(top[start][0], top[end - 1][1], cells, text),
        (
            TableRow(first, last, split(text, delimiter), text)
            for first, last, text in chain(top[end:], rows)
        ),
        delimiter,
    )


def _bare(cell: str) -> str:
    return cell.strip("\ufeff \t")


def _sheet_row(row: spreadsheet.SheetRow) -> TableRow:
    text = "\t".join(row.cells)
    return TableRow(row.number, row.number, row.cells, text, row.references)


def _sheet_rows(
    rows: Iterator[spreadsheet.SheetRow], problems: list[Problem]
) -> Iterator[TableRow]:
    """Yield the rows of a sheet that hold something; their problems go before them."""
    for row in rows:
        problems.extend(row.problems)
        if any(row.cells):
            yield _sheet_row(row)


def _joined(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """Yield (first line, last line, row); a quoted cell may go over several lines."""
    pending: list[str] = []
    first = last = 0
    for line_number, line in lines:
        line = line.rstrip("\x1a")
        if not pending:
            if not line.strip(" \t,;") or line.startswith("#"):
                continue
            first = line_number
        pending.append(line)
        last = line_number
        row = "\n".join(pending)
        if row.count('"') % 2 == 0 or len(pending) >= MAX_ROW_LINES:
            yield first, last, row
            pending = []
    if pending:
        yield first, last, "\n".join(pending)


def heading_problems(
    heading: TableRow, fields: tuple[str | None, ...], known: Callable[[str], bool]
) -> Iterator[Problem]:
    """Yield a problem for each heading that means nothing, or what another one means already."""
    for at, (text, name) in enumerate(zip(heading.cells, fields, strict=False)):
        if name is None and text:
            code = "duplicate-column" if known(text) else "unknown-column"
            where = f"{cut(text)} {heading.references[at]}" if heading.references else cut(text)
            yield Problem(heading.first_line, code, where, cut(text), "")


def values_of(
    row: TableRow,
    headings: tuple[str, ...],
    fields: tuple[str | None, ...],
    problems: list[Problem],
    delimiter: str,
) -> tuple[Cells, list[str]]:
    """Return the cells of a row by field, and what stands in columns nobody knows as comments.

    Blank cells are left out.
    """
    values: dict[str, str] = {}
    references: dict[str, str] = {}
    comments: list[str] = []
    for at, (heading, name, text) in enumerate(zip(headings, fields, row.cells, strict=False)):
        if name is not None and row.references:
            references[name] = row.references[at]
        if not text or text.isspace():
            continue
        if name is not None:
            values[name] = text
        else:
            comments.append(f"{heading}: {text.strip()}" if heading else text.strip())
    extra = [text for text in row.cells[len(fields) :] if text.strip()]
    if extra:
        where = row.references[len(fields)] if row.references else ""
        found = cut(delimiter.join(extra))
        problems.append(
            Problem(row.first_line, "unused-text", where, found, f"{len(fields)} columns")
        )
        comments.extend(extra)
    return Cells(values, row.first_line, problems, references), comments


def point(text: str) -> str:
    """Return a number's text with a decimal point."""
    text = text.strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    return text.replace("\N{MINUS SIGN}", "-")


def moment(text: str) -> tuple[datetime, bool]:
    """Return the time that a date and a time of day say, and whether to the minute only.

    Dates 2014-11-14, 2014/11/14, 14.11.2014, also glued to the time (2014-11-1401:24:16). The time
    is ``UTC``, or ``STATED_UTC`` where the text ends in Z, UTC or an offset, which is taken off.

    Raises
    ------
    ValueError
        The text is no full time.
    """
    words = _BETWEEN.sub(" ", text).split(None, 1)
    if len(words) == 1 and _GLUED.match(text):  # all blanks were taken out of the table
        words = [text[:10], text[10:]]
    date = _DATE.match(words[0]) if words else None
    of_day = _CLOCK.match(words[1].strip()) if len(words) == 2 else None
    if date is None or of_day is None:
        raise ValueError(text)
    day = datetime(
        int(date["year"] or date["year2"]),
        int(date["month"] or date["month2"]),
        int(date["day"] or date["day2"]),
        tzinfo=STATED_UTC if of_day["utc"] or of_day["sign"] else UTC,
    )
    seconds = of_day["second"]
    try:
        time = clock(
            day,
            int(of_day["hour"]),
            int(of_day["minute"]),
            float(point(seconds)) if seconds else 0.0,
        )
        if of_day["sign"]:
            hours, minutes = int(of_day["zone_hours"]), int(of_day["zone_minutes"])
            if hours > 14 or minutes > 59:
                raise ValueError(text)
            offset = timedelta(hours=hours, minutes=minutes)
            time = time + offset if of_day["sign"] == "-" else time - offset
    except OverflowError as error:
        raise ValueError(text) from error
    return time, seconds is None


class Cells:
    """The cells of one row by field, turned into values with problems."""

    def __init__(
        self,
        values: dict[str, str],
        line: int,
        problems: list[Problem],
        references: Mapping[str, str] | None = None,
    ) -> None:
        self.values, self.line, self.problems = values, line, problems
        self.references = references or {}

    def field(self, name: str) -> str:
        """Return the name of a field, with the address of its cell where it has one."""
        reference = self.references.get(name)
        return name if reference is None else f"{name} {reference}"

    def report(
        self, code: str, name: str, expected: str, severity: Severity = Severity.WARNING
    ) -> None:
        """Add a problem with the text of a cell."""
        found = cut(self.values.get(name, "").strip())
        self.problems.append(Problem(self.line, code, self.field(name), found, expected, severity))

    def text(self, name: str) -> str | None:
        value = self.values.get(name, "").strip()
        if value.startswith(_GUARDED):
            value = value[1:]
        return value or None

    def number(self, name: str, bounds: Range) -> float | None:
        text = point(self.values.get(name, ""))
        return number(self.problems, self.line, self.field(name), text, bounds)

    def count(self, name: str) -> int | None:
        text = point(self.values.get(name, ""))
        return count(self.problems, self.line, self.field(name), text)

    def required(self, name: str, bounds: Range) -> float | None:
        """Return a number without which the row is no event; its problem is an error."""
        before = len(self.problems)
        value = self.number(name, bounds)
        if value is None:
            if len(self.problems) == before:
                self.report("missing-field", name, "number")
            self.problems[-1] = replace(self.problems[-1], severity=Severity.ERROR)
        return value

    def word(self, name: str, words: Collection[str], comments: list[str]) -> str | None:
        """Return a word of a vocabulary; another one is reported and kept as a comment."""
        text = self.text(name)
        if text is None:
            return None
        lower = text.casefold().replace("_", " ")
        if lower in words:
            return lower
        self.report("unknown-value", name, cut(" ".join(sorted(words))))
        comments.append(f"{name}: {text}")
        return None


def text_cell(text: str | None, guard: bool = True) -> str:
    """Return a text for a CSV cell; with ``guard`` a spreadsheet will not take it for a formula."""
    if text is None:
        return ""
    if guard and text.startswith(DANGEROUS):
        return "'" + text
    return text


def number_cell(value: float | None) -> str:
    """Return a number as text that reads back the same."""
    return "" if value is None else repr(value)


def iso_cell(time: datetime | None) -> str:
    """Return an ISO time in UTC without needless zeros."""
    return (
        "" if time is None else time.isoformat(timespec="microseconds")[:26].rstrip("0").rstrip(".")
    )
