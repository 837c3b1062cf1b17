"""A list of a layout no format describes, read by the columns a person named for it.

Exports of agency programs and published lists come in layouts of their own. Nobody guesses them:
an operator says once, on a page with a preview, which column is what; the mapping is saved, and
every reading that used it keeps its own copy. What a column means is one of the catalogue table's
fields (``catalogue_csv``) or one of the parts below; values are read by that format's rules.

Columns stand between delimiters (comma, semicolon, tab, bar, runs of spaces) or in fixed places.
With headings a column is found by its heading, so that a later export may move it; without, by its
place. Dates and times may be whole, glued (``1900-07-2906:59:00``), compact (``19000729``) or in
parts; a row without a time of day is good to the day: noon, with an uncertainty of half a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from typing import Any, BinaryIO

from catalog.formats import catalogue_csv
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import EventRecord
from catalog.formats.tables import Cells, TableRow, plain, point, split
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import cut

VERSION = "mapped-table-3"  # of this reader; stored with each reading
CODE = "mapped-table"

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "spaces": " ", "fixed": ""}
DATE_ORDERS = ("ymd", "dmy", "mdy")
HALF_A_DAY_S = 43_200.0
MOST_COLUMNS = 200

#: Parts of a time or a place, which the catalogue table has no column for.
PARTS = (
    *("year", "month", "day", "hour", "minute", "second"),
    *("latitude_degrees", "latitude_minutes", "longitude_degrees", "longitude_minutes"),
)
#: Everything a column may mean, in the order a page offers it.
FIELDS = (*dict.fromkeys((*catalogue_csv.ALIASES, *catalogue_csv.HEADINGS.values())), *PARTS)
#: Headings met in published lists that mean a part; the catalogue table's own come first.
_PART_HEADINGS = {
    **{name: name for name in PARTS[:6]},
    **{"yyyy": "year", "mm": "month", "dd": "day", "hh": "hour", "sec": "second", "min": "minute"},
    **{"год": "year", "мес": "month", "день": "day", "ч": "hour", "мин": "minute", "с": "second"},
    **{"semimajor90": "semi_major_axis_km", "semiminor90": "semi_minor_axis_km"},
}

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_GLUED = re.compile(r"(\d{4}[-/.]\d{2}[-/.]\d{2})(\d{1,2}:\d{2}.*)\Z")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[ T]?(\d{2})(\d{2})(\d{2}(?:\.\d+)?)?)?\Z")
_ORDERED = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[ T]+(.*))?\Z")
_SIDES = "NSEWСЮВЗ"


class BadMapping(ValueError):
    """A mapping that cannot be used; ``field`` and ``found`` say why."""

    def __init__(self, code: str, field: str = "", found: str = "", expected: str = "") -> None:
        super().__init__(f"{code}: {field} {found!r}, expected {expected}")
        self.problem = Problem(None, code, field, cut(found), expected, Severity.ERROR)


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """What one column means, and where it stands: by heading, by place from 1, or by characters."""

    field: str
    heading: str = ""
    number: int = 0
    first: int = 0  # character, from 1
    last: int = 0


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The layout of a list, as a person described it."""

    columns: tuple[MappedColumn, ...]
    delimiter: str = "comma"  # of DELIMITERS
    has_headings: bool = True
    skip_lines: int = 0  # before the headings or the first row
    comment: str = "#"  # what a line that is no row begins with; empty: nothing
    date_order: str = "ymd"
    missing: tuple[str, ...] = ()  # cells that mean "not reported", beside empty ones
    zero_is_missing: tuple[str, ...] = ()  # fields in which 0 means "not reported"
    depth_in_metres: bool = False
    magnitude_type: str = ""  # of the column ``magnitude``, where no column says it

    def as_plain(self) -> dict[str, Any]:
        """Return the mapping as JSON can hold it; ``from_plain`` reads it back."""
        plain_values = asdict(self)
        plain_values["columns"] = [
            {name: value for name, value in column.items() if value}
            for column in plain_values["columns"]
        ]
        return {n: list(v) if isinstance(v, tuple) else v for n, v in plain_values.items()}


def from_plain(values: Mapping[str, Any] | None) -> ColumnMapping:
    """Return the mapping that plain values describe.

    Raises
    ------
    BadMapping
        A value is of the wrong kind, or the columns do not make an event.
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("columns"), list):
        raise BadMapping("missing-field", "columns", "", "columns")
    known = {field.name for field in fields(ColumnMapping)}
    if unknown := sorted(set(values) - known):
        raise BadMapping("unknown-value", "mapping", str(unknown[0]), " ".join(sorted(known)))
    try:
        columns = tuple(MappedColumn(**column) for column in values["columns"])
        given: dict[str, Any] = {
            name: tuple(str(item) for item in value) if isinstance(value, list) else value
            for name, value in values.items()
            if name != "columns"
        }
        mapping = ColumnMapping(columns, **given)
    except TypeError as error:
        raise BadMapping("unknown-value", "mapping", str(error), "columns") from error
    check(mapping)
    return mapping


def check(mapping: ColumnMapping) -> None:
    """Refuse a mapping under which no row could be an event; ``BadMapping`` says why."""
    if mapping.delimiter not in DELIMITERS:
        raise BadMapping("unknown-value", "delimiter", mapping.delimiter, " ".join(DELIMITERS))
    if mapping.date_order not in DATE_ORDERS:
        raise BadMapping("unknown-value", "date order", mapping.date_order, " ".join(DATE_ORDERS))
    if not isinstance(mapping.skip_lines, int) or not 0 <= mapping.skip_lines <= 1000:
        raise BadMapping("out-of-range", "skip lines", str(mapping.skip_lines), "0..1000")
    if not 0 < len(mapping.columns) <= MOST_COLUMNS:
        raise BadMapping("out-of-range", "columns", str(len(mapping.columns)), f"1..{MOST_COLUMNS}")
    named: set[str] = set()
    for column in mapping.columns:
        if column.field not in FIELDS:
            raise BadMapping("unknown-value", "column", str(column.field), "field")
        if column.field in named:
            raise BadMapping("duplicate-column", column.field, column.field, "unique")
        named.add(column.field)
        if mapping.delimiter == "fixed":
            if not 0 < column.first <= column.last <= 20_000:
                found = f"{column.first}-{column.last}"
                raise BadMapping("out-of-range", column.field, found, "first-last character")
        elif mapping.has_headings and not column.heading:
            raise BadMapping("missing-field", column.field, "", "heading")
        elif not mapping.has_headings and not 0 < column.number <= MOST_COLUMNS:
            found = str(column.number)
            raise BadMapping("out-of-range", column.field, found, f"1..{MOST_COLUMNS}")
    for needed, ways in (
        ("origin_time", ({"origin_time"}, {"date"}, {"time"}, {"year", "month", "day"})),
        ("latitude", ({"latitude"}, {"latitude_degrees"})),
        ("longitude", ({"longitude"}, {"longitude_degrees"})),
    ):
        if not any(way <= named for way in ways):
            raise BadMapping("missing-field", needed, "", "column")


# --- reading --------------------------------------------------------------------------------------


def detect(head: bytes, filename: str) -> bool:
    """No file is recognised as a list of unknown layout: a person says so."""
    return False


def read(
    stream: BinaryIO, limits: Limits, mapping: Mapping[str, Any] | None = None
) -> Iterator[EventRecord | Problem]:
    """Yield one event a row, by a mapping as plain values; problems come before their event.

    Raises
    ------
    FormatError
        The file is empty, the mapping cannot be used, or a heading it names is not there.
    """
    try:
        layout = from_plain(mapping)
    except BadMapping as error:
        raise FormatError(error.problem) from error
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "rows", Severity.ERROR))
    problems: list[Problem] = []
    lines = _lines(read_lines(source, limits, problems, encoding), layout)
    places, headings, rest = _places(layout, lines)
    seen: dict[str, int] = {}
    events = 0
    for number, line in rest:
        if events >= limits.max_events:
            expected = f"<= {limits.max_events}"
            yield Problem(number, "too-many-events", "", "", expected, Severity.ERROR)
            return
        record = _event(number, line, layout, places, headings, limits, problems)
        if record is not None and record.event_id is not None:
            if record.event_id in seen:
                problems.append(
                    Problem(number, "duplicate-event-id", "event_id", record.event_id, "unique")
                )
            seen[record.event_id] = number
        yield from problems
        problems.clear()
        if record is not None:
            events += 1
            yield record
    yield from problems


def _lines(lines: Iterable[tuple[int, str]], mapping: ColumnMapping) -> Iterator[tuple[int, str]]:
    """Yield the lines that are headings or rows."""
    for number, line in lines:
        if number <= mapping.skip_lines or not line.strip(" \t\x1a"):
            continue
        if mapping.comment and line.startswith(mapping.comment):
            continue
        yield number, line.rstrip("\x1a")


def cells_of(line: str, mapping: ColumnMapping) -> tuple[str, ...]:
    """Return the cells of a row; of a list in fixed places the cells of its mapped columns."""
    if mapping.delimiter == "fixed":
        return tuple(line[column.first - 1 : column.last] for column in mapping.columns)
    if mapping.delimiter == "spaces":
        return tuple(line.split())
    return split(line, DELIMITERS[mapping.delimiter])


def _places(
    mapping: ColumnMapping, lines: Iterator[tuple[int, str]]
) -> tuple[list[int], list[str], Iterator[tuple[int, str]]]:
    """Return the place of each mapped column among a row's cells, the headings, and the rows."""
    if mapping.delimiter == "fixed":
        if mapping.has_headings:
            next(lines, None)
        return list(range(len(mapping.columns))), [], lines
    if not mapping.has_headings:
        return [column.number - 1 for column in mapping.columns], [], lines
    number, line = next(lines, (1, ""))
    headings = [cell.strip("\ufeff \t") for cell in cells_of(line, mapping)]
    places = []
    for column in mapping.columns:
        exact = [at for at, heading in enumerate(headings) if heading == column.heading]
        alike = [
            at for at, heading in enumerate(headings) if plain(heading) == plain(column.heading)
        ]
        if not exact and not alike:
            raise FormatError(
                Problem(
                    number, "missing-field", column.field, cut(line), column.heading, Severity.ERROR
                )
            )
        # Of headings that repeat ("q", "unc") the mapping's number tells which.
        wanted = column.number - 1
        found = exact or alike
        places.append(wanted if wanted in found else found[0])
    return places, headings, lines


def _event(
    number: int,
    line: str,
    mapping: ColumnMapping,
    places: list[int],
    headings: list[str],
    limits: Limits,
    problems: list[Problem],
) -> EventRecord | None:
    cells = cells_of(line, mapping)
    values: dict[str, str] = {}
    for column, place in zip(mapping.columns, places, strict=True):
        text = cells[place].strip() if place < len(cells) else ""
        if text in mapping.missing or (column.field in mapping.zero_is_missing and _is_zero(text)):
            text = ""
        values[column.field] = text
    if places and len(cells) <= max(places) and mapping.delimiter != "fixed":
        expected = f">= {max(places) + 1} columns"
        problems.append(Problem(number, "missing-field", "", cut(line), expected))
    comments = []
    for at, text in enumerate(cells):
        if at not in places and text.strip():
            heading = headings[at] if at < len(headings) else ""
            comments.append(f"{heading or f'column {at + 1}'}: {text.strip()}")
    day_only = _assemble_time(values, mapping.date_order)
    _assemble_place(values)
    if mapping.depth_in_metres and _NUMBER.match(point(values.get("depth_km", ""))):
        values["depth_km"] = repr(float(point(values["depth_km"])) / 1000.0)
    if mapping.magnitude_type and not values.get("magnitude_type"):
        values["magnitude_type"] = mapping.magnitude_type
    if day_only and not values.get("time_uncertainty"):
        values["time_uncertainty"] = repr(HALF_A_DAY_S)
        comments.append("time of day not reported")
    cell = Cells(values, number, problems)
    row = TableRow(number, number, cells, line)
    return catalogue_csv.event_of(row, cell, comments, limits)


def _is_zero(text: str) -> bool:
    text = point(text)
    return _NUMBER.match(text) is not None and float(text) == 0.0


def _assemble_time(values: dict[str, str], order: str) -> bool:
    """Put the time of a row, however it is written, into ``origin_time``; tell if day only."""
    text = values.get("origin_time", "")
    text = text or f"{values.get('date', '')} {values.get('time', '')}".strip()
    if text:
        text = _ordered(text, order)
    else:
        date = [values.get(name, "") for name in ("year", "month", "day")]
        text = "-".join(_whole(part, width) for part, width in zip(date, (4, 2, 2), strict=True))
    if _DAY.match(text):
        clock = [values.get(name, "") for name in ("hour", "minute", "second")]
        of_day = ":".join(_whole(part, 2) for part in clock if part)
        text = f"{text} {of_day}".strip()
    for name in ("date", "time"):
        values.pop(name, None)
    day_only = _DAY.match(text) is not None
    values["origin_time"] = f"{text} 12:00:00" if day_only else text
    return day_only


def _whole(part: str, width: int) -> str:
    """Return a part of a time with leading zeros: ``3`` and ``3.0`` are ``03``, ``5.25`` stays."""
    part = point(part)
    if not _NUMBER.match(part):
        return part
    head, _, tail = part.partition(".")
    return head.zfill(width) + (f".{tail}" if tail.strip("0") else "")


def _ordered(text: str, order: str) -> str:
    """Return a date and time with the date as ISO writes it, if it is a date at all."""
    if glued := _GLUED.match(text):
        return f"{glued[1]} {glued[2]}"
    if compact := _COMPACT.match(text):
        year, month, day, hour, minute, second = compact.groups()
        of_day = f" {hour}:{minute}:{second or '00'}" if hour else ""
        return f"{year}-{month}-{day}{of_day}"
    if parts := _ordered_parts(text, order):
        return parts
    return text


def _ordered_parts(text: str, order: str) -> str:
    match = _ORDERED.match(text)
    if match is None:
        return ""
    if order == "ymd" and len(match[3]) == 4:  # the year stands last: then the day comes first
        order = "dmy"
    named = dict(zip(order, match.groups()[:3], strict=True))
    if len(named["y"]) != 4:
        return ""
    of_day = f" {match[4]}" if match[4] else ""
    return f"{named['y']}-{named['m'].zfill(2)}-{named['d'].zfill(2)}{of_day}"


def _assemble_place(values: dict[str, str]) -> None:
    """Put degrees and minutes together; take N, S, E, W as signs."""
    for name in ("latitude", "longitude"):
        degrees = point(values.get(f"{name}_degrees", ""))
        minutes = point(values.get(f"{name}_minutes", ""))
        if degrees:
            both = _NUMBER.match(degrees) and _NUMBER.match(minutes or "0")
            if both:
                size = abs(float(degrees)) + float(minutes or 0.0) / 60.0
                sign = "-" if degrees.startswith("-") else ""
                values[name] = f"{sign}{size!r}"
            else:
                values[name] = f"{degrees} {minutes}".strip()
        text = values.get(name, "")
        if text[:1].isdigit() and (side := text[-1].upper()) in _SIDES:
            values[name] = ("-" if side in "SWЮЗ" else "") + text[:-1].rstrip()


# --- a first guess --------------------------------------------------------------------------------


def guess(lines: Iterable[str]) -> ColumnMapping:
    """Return a first mapping for a list, from its first lines; a person corrects it.

    The delimiter is the one that cuts the most rows into the same number of cells; headings are
    looked for among the first rows that are not remarks.
    """
    sample = [line for line in islice(lines, 200) if line.strip()]
    remarks = "#" if any(line.startswith("#") for line in sample) else ""
    rows = [line for line in sample if not (remarks and line.startswith(remarks))]
    delimiter = max(DELIMITERS, key=lambda name: _evenness(rows, name))
    mapping = ColumnMapping((), delimiter, comment=remarks or "#")
    head = [cell.strip("\ufeff \t") for cell in cells_of(rows[0], mapping)] if rows else []
    names = [catalogue_csv.HEADINGS.get(plain(h)) or _PART_HEADINGS.get(plain(h)) for h in head]
    has_headings = sum(name is not None for name in names) >= 2
    columns: list[MappedColumn] = []
    whole = {"origin_time", "date"} & set(names)
    for at, (heading, name) in enumerate(zip(head, names, strict=True)):
        if not has_headings or name is None or name in {c.field for c in columns}:
            continue
        if whole and name in PARTS[:6]:  # the same time again, in pieces
            continue
        columns.append(MappedColumn(name, heading, at + 1))
    return replace(mapping, columns=tuple(columns), has_headings=has_headings)


def _evenness(rows: list[str], delimiter: str) -> tuple[int, int]:
    """Return how many rows have the commonest number of cells, if that is several."""
    if delimiter == "fixed":
        return (0, 0)
    mapping = ColumnMapping((), delimiter)
    widths = [len(cells_of(row, mapping)) for row in rows]
    usual = max(set(widths), key=widths.count, default=0)
    return (widths.count(usual), usual) if usual >= 3 else (0, 0)
