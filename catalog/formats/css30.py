"""CSS3.0 flat files: what databases of the CSS family write, a file a table, joined by their ids.

The columns are those of Anderson, Farrell, Garcia, Given & Swanger (1990), "Center for Seismic
Studies version 3 database: schema reference manual", SAIC-90/1235: every field has a fixed width
and one blank stands between two fields. Two tables exist in a second published width, and both are
read: ``stamag`` of the International Data Centre has ampid, delta, magres, magdef and mmodel more;
``origin`` of Antelope's css3.0 has an etype of two characters. A row is read only when it has the
width of its table and blanks between its fields, since otherwise its numbers could be anything.

The tables event, origin, origerr, assoc, arrival, netmag, stamag, remark, site and affiliation come
in one archive, or one of them alone. A line number is the line of its table; the problem's field
names the table. Each field has its own value for "not reported" (-1, -999, "-" ...), which becomes
``None``. See ``docs/formats.md`` for where each field goes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import BinaryIO, TypeVar

from catalog.formats import archives
from catalog.formats.limits import Limits
from catalog.formats.packing import unpacked
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import (
    ANY,
    AZIMUTH,
    DEPTH_KM,
    DISTANCE_DEG,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    POSITIVE,
    Range,
    count,
    cut,
    number,
    plausible,
)

VERSION = "css30-1"  # of this reader; stored with each reading

Meaning = TypeVar("Meaning")


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one table: where each field stands and how it is written."""

    width: int  # characters
    columns: dict[str, slice]
    kinds: dict[str, str]  # a text, i whole number, f number
    places: dict[str, int]  # which field it is, from 0
    split: Callable[[str], tuple[str, ...]]  # a row into its fields
    between: Callable[[str], tuple[str, ...]]  # what stands in the blanks between them
    blanks: tuple[str, ...]
    shortest: int  # a row without its last field, whose blanks an editor may have cut


def _layout(formats: str) -> Layout:
    """Return the layout of fields given as ``name format``, with one blank between two."""
    words = formats.split()
    columns: dict[str, slice] = {}
    kinds: dict[str, str] = {}
    gaps = []
    at = 0
    for name, form in zip(words[::2], words[1::2], strict=True):
        width = int(form[1:].split(".")[0])
        columns[name] = slice(at, at + width)
        kinds[name] = form[0]
        at += width + 1
        gaps.append(at - 1)
    shortest = columns[words[-4]].stop
    gaps.pop()
    return Layout(
        at - 1,
        columns,
        kinds,
        {name: place for place, name in enumerate(columns)},
        itemgetter(*columns.values()),
        itemgetter(*gaps),
        (" ",) * len(gaps),
        shortest,
    )


#: Fields and their external formats, in the manual's order.
LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "event": (_layout("evid i8 evname a15 prefor i8 auth a15 commid i8 lddate a17"),),
    "origin": (
        _layout(
            "lat f9.4 lon f9.4 depth f9.4 time f17.5 orid i8 evid i8 jdate i8 nass i4 ndef i4"
            " ndp i4 grn i8 srn i8 etype a7 depdp f9.4 dtype a1 mb f7.2 mbid i8 ms f7.2 msid i8"
            " ml f7.2 mlid i8 algorithm a15 auth a15 commid i8 lddate a17"
        ),
        _layout(
            "lat f9.4 lon f9.4 depth f9.4 time f17.5 orid i8 evid i8 jdate i8 nass i4 ndef i4"
            " ndp i4 grn i8 srn i8 etype a2 depdp f9.4 dtype a1 mb f7.2 mbid i8 ms f7.2 msid i8"
            " ml f7.2 mlid i8 algorithm a15 auth a15 commid i8 lddate a17"
        ),
    ),
    "origerr": (
        _layout(
            "orid i8 sxx f15.4 syy f15.4 szz f15.4 stt f15.4 sxy f15.4 sxz f15.4 syz f15.4"
            " stx f15.4 sty f15.4 stz f15.4 sdobs f9.4 smajax f9.4 sminax f9.4 strike f6.2"
            " sdepth f9.4 stime f8.2 conf f5.3 commid i8 lddate a17"
        ),
    ),
    "assoc": (
        _layout(
            "arid i8 orid i8 sta a6 phase a8 belief f4.2 delta f8.3 seaz f7.2 esaz f7.2"
            " timeres f8.3 timedef a1 azres f7.1 azdef a1 slores f7.2 slodef a1 emares f7.1"
            " wgt f6.3 vmodel a15 commid i8 lddate a17"
        ),
    ),
    "arrival": (
        _layout(
            "sta a6 time f17.5 arid i8 jdate i8 stassid i8 chanid i8 chan a8 iphase a8 stype a1"
            " deltim f6.3 azimuth f7.2 delaz f7.2 slow f7.2 delslo f7.2 ema f7.2 rect f7.3"
            " amp f10.1 per f7.2 logat f7.2 clip a1 fm a2 snr f10.2 qual a1 auth a15 commid i8"
            " lddate a17"
        ),
    ),
    "netmag": (
        _layout(
            "magid i8 net a8 orid i8 evid i8 magtype a6 nsta i8 magnitude f7.2 uncertainty f7.2"
            " auth a15 commid i8 lddate a17"
        ),
    ),
    "stamag": (
        _layout(
            "magid i8 sta a6 arid i8 orid i8 evid i8 phase a8 magtype a6 magnitude f7.2"
            " uncertainty f7.2 auth a15 commid i8 lddate a17"
        ),
        _layout(
            "magid i8 ampid i8 sta a6 arid i8 orid i8 evid i8 phase a8 delta f8.3 magtype a6"
            " magnitude f7.2 uncertainty f7.2 magres f7.2 magdef a1 mmodel a15 auth a15 commid i8"
            " lddate a17"
        ),
    ),
    "remark": (_layout("commid i8 lineno i8 remark a80 lddate a17"),),
    "site": (
        _layout(
            "sta a6 ondate i8 offdate i8 lat f9.4 lon f9.4 elev f9.4 staname a50 statype a4"
            " refsta a6 dnorth f9.4 deast f9.4 lddate a17"
        ),
    ),
    "affiliation": (_layout("net a8 sta a6 lddate a17"),),
}
#: A missing one of these is named; without origin and arrival nothing can be read.
EXPECTED = ("event", "origin", "origerr", "assoc", "arrival", "netmag", "stamag")

#: Tables of the family that hold nothing for a catalogue. An archive is recognised by them too,
#: since a large one may stand first in it.
OTHER_TABLES = frozenset(
    (
        *("ampdescript", "amplitude", "apma", "detection", "feature", "gregion", "hydro_features"),
        *("infra_features", "instrument", "lastid", "moment", "network", "parrival", "sensor"),
        *("sitechan", "sregion", "stassoc", "wfdisc", "wftag"),
    )
)

#: Values that mean "not reported", by field: those of the manual, and the other one of -1 and -999
#: where a value below zero has no meaning anyway.
_SIGNED = frozenset((-999.0,))
_UNSIGNED = frozenset((-1.0, -999.0))
_VARIANCE = frozenset((-1.0, -999.0, -999999999.9999))
NULLS: dict[str, frozenset[float]] = {
    **dict.fromkeys(("lat", "lon", "depth", "elev", "depdp"), _SIGNED),
    **dict.fromkeys(("timeres", "azres", "slores", "emares", "logat", "magres"), _SIGNED),
    **dict.fromkeys(("magnitude",), _SIGNED),
    **dict.fromkeys(("sxx", "syy", "szz", "stt"), _VARIANCE),
    "belief": frozenset((-1.0, 9.99)),
    "conf": frozenset((-1.0, 0.0)),
}
_NO_TIME = 9_999_999_999.0  # either sign and any decimals: no time
_NO_DATES = frozenset(("-1", "2286324"))  # jdate and offdate without a date

#: etype -> QuakeML type. What says nothing of the source (l, r, t: local, regional, teleseismic)
#: and what QuakeML cannot say (f: felt, me: marine) is kept as a comment.
EVENT_TYPES: dict[str, str | None] = {
    "-": None,
    "": None,
    "qb": "quarry blast",
    "eq": "earthquake",
    "me": "earthquake",
    "ex": "explosion",
    "o": "other event",
    "l": None,
    "r": None,
    "t": None,
    "f": "earthquake",
}
EVENT_TYPE_COMMENT = "etype: "
PLAIN_EVENT_TYPES = frozenset(("-", "", "qb", "eq", "ex", "o"))
DEPTH_TYPES = {
    "": None,
    "-": None,
    "f": "from location",
    "d": "constrained by depth phases",
    "r": "other",  # restrained by the location program
    "g": "operator assigned",  # restrained by a geophysicist
}
DEFINING = {"": None, "-": None, "d": True, "n": False, "x": False}
ONSETS = {"": None, "-": None, "i": "impulsive", "e": "emergent", "w": "questionable"}
FIRST_MOTIONS = {"c": "positive", "d": "negative", "u": "positive", "r": "negative"}
MAX_READINGS = 500  # picks without an event in one record
MAX_SPOILT_ROWS = 10_000  # of a table are listed; the others are counted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IGNORABLE = " \t\x1a\x0c"


# --- recognising ------------------------------------------------------------------------------


def _fits(layout: Layout, row: str) -> bool:
    """Tell whether a row, blanks at its end cut, has the width and the gaps of a layout."""
    if not layout.shortest <= len(row) <= layout.width:
        return False
    return layout.between(row.ljust(layout.width)) == layout.blanks


def _is_row(layout: Layout, row: str) -> bool:
    """Tell whether a row fits a layout and has numbers where the layout has them."""
    if not _fits(layout, row):
        return False
    for name, kind in layout.kinds.items():
        text = row[layout.columns[name]].strip()
        if kind == "a":
            continue
        try:
            float(text) if kind == "f" else int(text)
        except ValueError:
            return False
    return True


def _table_of(row: str) -> str | None:
    """Return the table a row belongs to by its form alone, ``None`` if to none."""
    for table, layouts in LAYOUTS.items():
        # Three words in 33 characters are too little to know a table by.
        if table != "affiliation" and any(_is_row(layout, row) for layout in layouts):
            return table
    return None


def _head_table(head: bytes) -> str | None:
    """Return the table that the first whole lines of a file are rows of."""
    text = head.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r", "\n")
    lines = text.split("\n")
    if len(lines) > 1 and not text.endswith("\n") and len(head) > 4096:
        lines.pop()  # may be cut
    rows = [line.rstrip(_IGNORABLE) for line in lines if line.strip(_IGNORABLE)][:5]
    tables = [_table_of(row) for row in rows]
    known = [table for table in tables if table is not None]
    # One of five may be spoilt; its neighbours tell.
    if not known or len(set(known)) > 1 or len(known) * 2 <= len(rows):
        return None
    return known[0]


def _named_table(name: str) -> str | None:
    """Return the table a file name ends with: ``kndc.origin``, or ``origin`` alone."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    if last.startswith("."):  # what macOS puts beside each file
        return None
    last = last.rsplit(".", 1)[-1].lower()
    return last if last in LAYOUTS or last in OTHER_TABLES else None


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first bytes are rows of a CSS3.0 table, or an archive of such files."""
    if not archives.is_archive(head):
        return _head_table(head) is not None
    for name, data in archives.peek(head):
        table = _named_table(name)
        if table in OTHER_TABLES or (table is not None and not data.strip()):
            return True
        if _head_table(data) is not None:
            return True
    return False


# --- reading ----------------------------------------------------------------------------------


class _Row:
    """One row of a table."""

    __slots__ = ("as_bytes", "fields", "layout", "line", "text")

    def __init__(self, line: int, text: str, layout: Layout, as_bytes: bool) -> None:
        """Split a row; ``as_bytes`` says that it holds UTF-8 bytes as characters."""
        self.line, self.text, self.layout, self.as_bytes = line, text, layout, as_bytes
        self.fields = [field.strip() for field in layout.split(text)]
        if as_bytes:
            self.fields = [_from_bytes(field) for field in self.fields]

    def __getitem__(self, name: str) -> str:
        """Return the text of a field, "" if this layout has none of that name."""
        place = self.layout.places.get(name)
        return "" if place is None else self.fields[place]

    def whole(self) -> str:
        """Return the row as it is read by people."""
        return (_from_bytes(self.text) if self.as_bytes else self.text).rstrip()


def _from_bytes(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")


@dataclass(slots=True)
class _Table:
    """The rows of one table that could be read, and what was wrong with the others."""

    name: str
    label: str  # how problems name it
    rows: list[_Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Yield the events of an archive of tables or of one table, then readings without an event.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, no CSS3.0 table, or an archive that is refused.
    """
    source = seekable(unpacked(stream, limits))
    head = source.read(64 * 1024)
    source.seek(0)
    if not head.strip(b"\xef\xbb\xbf \t\r\n\x1a\x00"):
        raise FormatError(Problem(1, "empty-file", "", "", "CSS3.0", Severity.ERROR))
    files: list[tuple[str, str, BinaryIO]] = []  # name, table, content
    strangers: list[Problem] = []
    if archives.is_archive(head):
        for name, data in archives.members(source, limits):
            start = data.read(64 * 1024)
            data.seek(0)
            table = _named_table(name)
            if table is None and not name.rsplit("/", 1)[-1].startswith("."):
                table = _head_table(start)
            if table is None or table in OTHER_TABLES:
                expected = " ".join(LAYOUTS)
                strangers.append(Problem(None, "unsupported-block", cut(name), "", expected))
            else:
                files.append((name, table, data))
    else:
        table = _head_table(head)
        if table is not None:
            files.append((table, table, source))  # type: ignore[arg-type]
    if not files:
        raise FormatError(
            Problem(None, "wrong-format", "", "", "CSS3.0: " + " ".join(EXPECTED), Severity.ERROR)
        )
    yield from strangers
    events = readings = 0
    refusal: Problem | None = None
    for group in _databases(files):
        tables: dict[str, _Table] = {}
        for label, table, data in group:
            tables[table] = _rows(table, label, data, limits)
        for held in tables.values():
            yield from held.problems
        if "origin" not in tables and "arrival" not in tables:
            found = " ".join(tables)
            refusal = Problem(None, "missing-block", "origin", found, "origin", Severity.ERROR)
            yield refusal
            continue
        for item in _Database(tables, limits).items():
            if isinstance(item, EventRecord):
                if events >= limits.max_events:
                    expected = f"<= {limits.max_events}"
                    yield Problem(None, "too-many-events", "", "", expected, Severity.ERROR)
                    return
                events += 1
            elif isinstance(item, ReadingsRecord):
                readings += 1
            yield item
    if refusal is not None and not events and not readings:
        raise FormatError(refusal)


def _databases(
    files: list[tuple[str, str, BinaryIO]],
) -> Iterator[list[tuple[str, str, BinaryIO]]]:
    """Yield the files that belong together, as (label, table, content).

    Where a table comes more than once (a day's files after another's), those with one stem belong
    together, since ids are counted anew; otherwise all do, whatever they are called.
    """
    if max(Counter(table for _, table, _ in files).values()) == 1:
        yield [(table, table, data) for _, table, data in files]
        return
    groups: dict[str, list[tuple[str, str, BinaryIO]]] = defaultdict(list)
    for name, table, data in files:
        stem = name[: name.rfind(".")] if "." in name else name[: name.rfind("/") + 1]
        if any(table == other for _, other, _ in groups[stem]):
            stem = name
        groups[stem].append((cut(name), table, data))
    yield from groups.values()


def _rows(table: str, label: str, data: BinaryIO, limits: Limits) -> _Table:
    """Return the rows of a table; rows of another width are problems."""
    held = _Table(table, label)
    encoding = detect_encoding(data, limits)
    noted: list[Problem] = []
    layouts = LAYOUTS[table]
    usual = layouts[0]
    spoilt = 0
    for line_number, line in read_lines(data, limits, noted, encoding):
        for problem in noted:
            held.problems.append(
                Problem(problem.line_number, problem.code, label, problem.found, problem.expected)
            )
        noted.clear()
        text = line.rstrip(_IGNORABLE)
        if not text:
            continue
        as_bytes = False
        if not text.isascii() and not any(_fits(layout, text) for layout in layouts):
            # A program that counts bytes writes fewer letters of two bytes into a column.
            counted = text.encode().decode("latin-1")
            if any(_fits(layout, counted) for layout in layouts):
                text, as_bytes = counted, True
        if not _fits(usual, text):
            other = next((layout for layout in layouts if _fits(layout, text)), None)
            if other is None:
                code = "wrong-width"
                found = str(len(text))
                if any(layout.shortest <= len(text) <= layout.width for layout in layouts):
                    code, found = "unused-text", cut(text)  # between the columns
                widths = ", ".join(str(layout.width) for layout in layouts)
                spoilt += 1
                if spoilt > MAX_SPOILT_ROWS:
                    continue
                held.problems.append(
                    Problem(line_number, code, label, found, widths, Severity.ERROR)
                )
                continue
            usual = other
        held.rows.append(_Row(line_number, text.ljust(usual.width), usual, as_bytes))
    held.problems.extend(noted)
    if spoilt > MAX_SPOILT_ROWS:
        found = f"+ {spoilt - MAX_SPOILT_ROWS}"
        held.problems.append(Problem(None, "wrong-width", label, found, "", Severity.ERROR))
    return held


@dataclass(frozen=True, slots=True)
class _Errors:
    """The uncertainties of one origin, in the units of ``OriginRecord``."""

    time: float | None = None
    depth_km: float | None = None
    north_km: float | None = None
    east_km: float | None = None
    semi_major_axis_km: float | None = None
    semi_minor_axis_km: float | None = None
    strike: float | None = None
    confidence_level: float | None = None
    standard_error: float | None = None


class _Database:
    """The tables of one database, joined."""

    def __init__(self, tables: dict[str, _Table], limits: Limits) -> None:
        self.tables = tables
        self.limits = limits
        self.latest = limits.latest()
        self.problems: list[Problem] = []
        self.labels = {
            table: tables[table].label if table in tables else table for table in LAYOUTS
        }
        self.remark_missed = False
        self.remarks = self._remarks()
        self.arrivals = self._unique("arrival", "arid")
        self.events = self._unique("event", "evid")
        self.errors = self._unique("origerr", "orid")
        self.sites: dict[str, list[tuple[int, _Row]]] = defaultdict(list)
        for row in self._rows("site"):
            ondate = row["ondate"]
            self.sites[row["sta"]].append((int(ondate) if ondate.isdigit() else 0, row))
        for epochs in self.sites.values():
            epochs.sort(key=lambda epoch: epoch[0])
        networks: dict[str, set[str]] = defaultdict(set)
        for row in self._rows("affiliation"):
            networks[row["sta"]].add(row["net"])
        # An affiliation may also be an array or a project; an FDSN code has one or two characters.
        self.networks = {
            sta: next(iter(nets))
            for sta, nets in networks.items()
            if len(nets) == 1 and all(0 < len(net) <= 2 and net.isalnum() for net in nets)
        }
        self.stations: dict[tuple[str, str, str], StationReference] = {}
        self.used: set[str] = set()  # arid that an event took

    def items(self) -> Iterator[EventRecord | ReadingsRecord | Problem]:
        """Yield what is missing, then each event with its problems, then the readings left."""
        present = " ".join(self.tables)
        for table in EXPECTED:
            if table not in self.tables:
                yield Problem(None, "missing-block", table, present, table)
        yield from self._taken_problems()
        associations = self._by("assoc", "orid")
        magnitudes = self._by("netmag", "orid")
        station_magnitudes = self._by("stamag", "orid")
        for group_id, origins in self._groups():
            yield from self._event(group_id, origins, associations, magnitudes, station_magnitudes)
        yield from self._taken_problems()
        yield from self._readings()

    # --- tables -------------------------------------------------------------------------------

    def _rows(self, table: str) -> list[_Row]:
        return self.tables[table].rows if table in self.tables else []

    def _taken_problems(self) -> Iterator[Problem]:
        yield from self.problems
        self.problems = []

    def _report(
        self, code: str, table: str, column: str, row: _Row, expected: str = "", found: str = ""
    ) -> None:
        """Keep a problem of a row, or of one of its fields."""
        name = f"{self.labels[table]} {column}".strip()
        found = found or (row[column] if column else row.whole().strip())
        self.problems.append(Problem(row.line, code, name, cut(found), expected))

    def _unique(self, table: str, key: str) -> dict[str, _Row]:
        """Return the rows of a table by an id that may stand there once."""
        found: dict[str, _Row] = {}
        code = {"evid": "duplicate-event-id"}.get(key, "duplicate-id")
        for row in self._rows(table):
            if _is_null(row[key]):
                self._report("missing-field", table, key, row, key, row.whole().strip())
            elif row[key] in found:
                self._report(code, table, key, row, "unique")
            else:
                found[row[key]] = row
        return found

    def _by(self, table: str, key: str) -> dict[str, list[_Row]]:
        """Return the rows of a table by the id of the origin they belong to."""
        found: dict[str, list[_Row]] = defaultdict(list)
        origins = {row["orid"] for row in self._rows("origin")}
        for row in self._rows(table):
            if row[key] in origins:
                found[row[key]].append(row)
            elif origins:  # a missing table is said once, not with every row that points to it
                self._report("dangling-reference", table, key, row, "orid")
        return found

    def _remarks(self) -> dict[str, str]:
        """Return the remarks by their id, the lines of one in their order."""
        lines: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in self._rows("remark"):
            lineno = row["lineno"]
            lines[row["commid"]].append((int(lineno) if lineno.isdigit() else 0, row["remark"]))
        return {
            commid: "\n".join(text for _, text in sorted(found, key=lambda line: line[0]))
            for commid, found in lines.items()
        }

    def _remark(self, table: str, row: _Row) -> list[str]:
        """Return the remark a row points to, as comments."""
        commid = row["commid"]
        if _is_null(commid):
            return []
        if commid in self.remarks:
            return [self.remarks[commid]]
        if "remark" not in self.tables:
            if not self.remark_missed:
                self.remark_missed = True
                self.problems.append(
                    Problem(row.line, "missing-block", "remark", " ".join(self.tables), "remark")
                )
            return [f"commid {commid}"]
        self._report("dangling-reference", table, "commid", row, "remark")
        return []

    # --- values -------------------------------------------------------------------------------

    def _number(self, table: str, row: _Row, column: str, bounds: Range = POSITIVE) -> float | None:
        """Return the number of a field, ``None`` where it holds the field's null."""
        text = row[column]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if value in NULLS.get(column, _UNSIGNED):
            return None
        low, high = bounds
        if low <= value <= high and "_" not in text and text.isascii():
            return value
        return number(self.problems, row.line, f"{self.labels[table]} {column}", text, bounds)

    def _count(self, table: str, row: _Row, column: str) -> int | None:
        if _is_null(row[column]):
            return None
        return count(self.problems, row.line, f"{self.labels[table]} {column}", row[column])

    def _time(self, table: str, row: _Row, column: str = "time") -> datetime | None:
        """Return the time of a field in seconds since 1970-01-01 UTC."""
        name = self.labels[table] + " " + column
        seconds = number(self.problems, row.line, name, row[column], ANY)
        if seconds is None or abs(seconds) >= _NO_TIME:
            return None
        try:
            time = _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            self._report("not-a-time", table, column, row, "seconds since 1970-01-01")
            return None
        if not plausible(self.problems, row.line, name, time, self.latest):
            return None
        jdate = row["jdate"]
        if jdate and jdate not in _NO_DATES and jdate != f"{time:%Y%j}":
            self._report("not-a-time", table, "jdate", row, f"{time:%Y%j}")
        return time

    def _word(
        self, table: str, row: _Row, column: str, words: dict[str, Meaning]
    ) -> Meaning | None:
        """Return the meaning of a code of one letter."""
        text = row[column].lower()
        if text in words:
            return words[text]
        self._report("unknown-value", table, column, row, " ".join(w for w in words if w))
        return None

    def _station(self, row: _Row, jdate: str) -> StationReference:
        """Return the station of a row as the site table has it at a date (yyyyddd)."""
        code, channel = row["sta"], row["chan"]
        channel = "" if channel == "-" else channel
        epochs = self.sites.get(code, [])
        key = (code, channel, jdate if len(epochs) > 1 else "")
        known = self.stations.get(key)
        if known is not None:
            return known
        site: _Row | None = epochs[-1][1] if epochs else None
        if len(epochs) > 1 and jdate.isdigit():
            at = bisect_right([ondate for ondate, _ in epochs], int(jdate)) - 1
            site = epochs[max(0, at)][1]
        latitude = longitude = elevation = None
        if site is not None:
            latitude = self._number("site", site, "lat", LATITUDE)
            longitude = self._number("site", site, "lon", LONGITUDE)
            elevation = self._number("site", site, "elev", ANY)
        whole = latitude is not None and longitude is not None
        station = self.stations[key] = StationReference(
            code,
            network=self.networks.get(code),
            channel=channel or None,
            latitude=latitude if whole else None,
            longitude=longitude if whole else None,
            elevation_m=None if elevation is None or not whole else round(elevation * 1000.0, 1),
        )
        return station

    # --- events -------------------------------------------------------------------------------

    def _groups(self) -> Iterator[tuple[str | None, list[_Row]]]:
        """Yield the origins of each event: those of one evid, or one without an evid."""
        groups: dict[tuple[str, str], list[_Row]] = {}
        for number_, row in enumerate(self._rows("origin")):
            evid = row["evid"]
            key = ("", str(number_)) if _is_null(evid) else ("evid", evid)
            if key[0] and self.events and evid not in self.events and key not in groups:
                self._report("dangling-reference", "origin", "evid", row, "event")
            groups.setdefault(key, []).append(row)
        for evid, row in self.events.items():
            if ("evid", evid) not in groups and "origin" in self.tables:
                self._report("dangling-reference", "event", "evid", row, "origin")
        for (kind, evid), origins in groups.items():
            yield (evid if kind else None), origins

    def _event(
        self,
        evid: str | None,
        rows: list[_Row],
        associations: dict[str, list[_Row]],
        magnitudes: dict[str, list[_Row]],
        station_magnitudes: dict[str, list[_Row]],
    ) -> Iterator[EventRecord | Problem]:
        """Yield the problems of an event, then the event."""
        text: dict[str, list[_Row]] = {}
        comments: list[str] = []
        descriptions: list[DescriptionRecord] = []
        author = preferred = None
        event_row = self.events.get(evid or "")
        if event_row is not None:
            text["event"] = [event_row]
            if not _is_null(event_row["evname"]):
                descriptions.append(DescriptionRecord(event_row["evname"], "earthquake name"))
            author = _word_or_none(event_row["auth"])
            comments += self._remark("event", event_row)
        text["origin"] = rows
        picks: dict[str, PickRecord] = {}
        amplitudes: dict[str, AmplitudeRecord] = {}
        origins: list[OriginRecord] = []
        network: list[MagnitudeRecord] = []
        stations: list[StationMagnitudeRecord] = []
        seen: set[str] = set()
        magids = {n["magid"] for row in rows for n in magnitudes.get(row["orid"], [])}
        for row in rows:
            orid = row["orid"]
            if orid in seen:
                self._report("duplicate-origin-id", "origin", "orid", row, "unique")
                orid = f"{orid}#{len(origins) + 1}"
            seen.add(orid)
            error = self.errors.get(orid)
            mine = associations.get(orid, [])
            for table, found in (
                ("origerr", [] if error is None else [error]),
                ("netmag", magnitudes.get(orid, [])),
                ("stamag", station_magnitudes.get(orid, [])),
                ("assoc", mine),
            ):
                text.setdefault(table, []).extend(found)
            origin = self._origin(row, orid, error)
            arrivals = self._arrivals(mine, orid, picks, amplitudes, text)
            if origin is None:
                comments.append(row.whole().strip())
            else:
                origins.append(replace(origin, arrivals=tuple(arrivals)))
            known = None if origin is None else orid
            network += self._magnitudes(row, known, magnitudes.get(orid, []), network, magids)
            stations += self._station_magnitudes(
                row, station_magnitudes.get(orid, []), known, network, amplitudes, len(stations)
            )
        preferred = self._preferred(event_row, origins)
        event_type = next((o.event_type for o in origins if o.origin_id == preferred), None)
        if event_type is None:
            said = {o.event_type for o in origins if o.event_type is not None}
            event_type = said.pop() if len(said) == 1 else None
        yield from self._taken_problems()
        if not origins and not picks:
            yield Problem(
                rows[0].line,
                "missing-field",
                self.labels["origin"],
                cut(rows[0].whole().strip()),
                "time lat lon",
                Severity.ERROR,
            )
            return
        lines = [row.line for row in rows]
        yield EventRecord(
            text=_text(text),
            first_line=min(lines),
            last_line=max(lines),
            event_id=evid if evid is not None else rows[0]["orid"],
            event_type=event_type,
            descriptions=tuple(descriptions),
            origins=tuple(origins),
            magnitudes=tuple(network),
            picks=tuple(picks.values()),
            amplitudes=tuple(amplitudes.values()),
            station_magnitudes=tuple(stations),
            preferred_origin_id=preferred,
            author=author,
            comments=tuple(comments),
        )

    def _preferred(self, event_row: _Row | None, origins: list[OriginRecord]) -> str | None:
        """Return the origin that prefor names, else the only one."""
        if event_row is not None and not _is_null(event_row["prefor"]):
            if any(origin.origin_id == event_row["prefor"] for origin in origins):
                return event_row["prefor"]
            self._report("dangling-reference", "event", "prefor", event_row, "orid")
        return origins[0].origin_id if len(origins) == 1 else None

    def _origin(self, row: _Row, orid: str, error: _Row | None) -> OriginRecord | None:
        """Return one origin with its errors; ``None`` without time, latitude or longitude."""
        time = self._time("origin", row)
        latitude = self._number("origin", row, "lat", LATITUDE)
        longitude = self._number("origin", row, "lon", LONGITUDE)
        if time is None or latitude is None or longitude is None:
            missing = "time" if time is None else "lat" if latitude is None else "lon"
            self._report("missing-field", "origin", missing, row, "", row.whole().strip())
            return None
        comments: list[str] = []
        etype = row["etype"].lower()
        if etype not in PLAIN_EVENT_TYPES:
            comments.append(EVENT_TYPE_COMMENT + row["etype"])
            if etype not in EVENT_TYPES:
                self._word("origin", row, "etype", EVENT_TYPES)
        depth_km = self._number("origin", row, "depth", DEPTH_KM)
        depth_type = self._word("origin", row, "dtype", DEPTH_TYPES)
        if row["dtype"].lower() == "r":
            comments.append("dtype: r (restrained by the location program)")
        comments += _extras(row, ("depdp", "grn", "srn"))
        comments += self._remark("origin", row)
        errors = _Errors() if error is None else self._errors(error, comments)
        return OriginRecord(
            origin_id=orid,
            time=time,
            latitude=latitude,
            longitude=longitude,
            depth_km=depth_km,
            depth_type=None if depth_km is None else depth_type,
            used_phase_count=self._count("origin", row, "ndef"),
            associated_phase_count=self._count("origin", row, "nass"),
            depth_phase_count=self._count("origin", row, "ndp"),
            author=_word_or_none(row["auth"]),
            method_id=_word_or_none(row["algorithm"]),
            event_type=EVENT_TYPES.get(etype),
            comments=tuple(comments),
            line_number=row.line,
            time_uncertainty=errors.time,
            depth_uncertainty_km=errors.depth_km,
            latitude_uncertainty_km=errors.north_km,
            longitude_uncertainty_km=errors.east_km,
            semi_major_axis_km=errors.semi_major_axis_km,
            semi_minor_axis_km=errors.semi_minor_axis_km,
            major_axis_azimuth=errors.strike,
            confidence_level=errors.confidence_level,
            standard_error=errors.standard_error,
        )

    def _errors(self, row: _Row, comments: list[str]) -> _Errors:
        """Return the uncertainties of an origin; what of them has no place becomes a comment."""
        conf = self._number("origerr", row, "conf", (0.0, 1.0))
        major = self._number("origerr", row, "smajax")
        minor = self._number("origerr", row, "sminax")
        strike = self._number("origerr", row, "strike", AZIMUTH)
        sxx = self._number("origerr", row, "sxx")
        syy = self._number("origerr", row, "syy")
        depth = self._number("origerr", row, "sdepth")
        time = self._number("origerr", row, "stime")
        szz = self._number("origerr", row, "szz")
        stt = self._number("origerr", row, "stt")
        north, east = _north_east(sxx, syy, major, minor, strike)
        comments += self._remark("origerr", row)
        if north is None and (sxx is not None or syy is not None):
            # The manual says that x is latitude, some programs write east first: without an
            # ellipse that agrees with one of the two, nobody can tell.
            comments.append(f"sxx {row['sxx']}, syy {row['syy']} km2")
        return _Errors(
            time=time if time is not None else _root(stt),
            depth_km=depth if depth is not None else _root(szz),
            north_km=north,
            east_km=east,
            semi_major_axis_km=major,
            semi_minor_axis_km=minor,
            strike=strike,
            confidence_level=None if conf is None else round(conf * 100.0, 6),
            standard_error=self._number("origerr", row, "sdobs"),
        )

    # --- picks --------------------------------------------------------------------------------

    def _arrivals(
        self,
        rows: list[_Row],
        orid: str,
        picks: dict[str, PickRecord],
        amplitudes: dict[str, AmplitudeRecord],
        text: dict[str, list[_Row]],
    ) -> list[ArrivalRecord]:
        """Return how an origin uses its arrivals; new picks and amplitudes join the event's."""
        found: dict[str, ArrivalRecord] = {}
        for row in rows:
            arid = row["arid"]
            if arid in found:
                self._report("duplicate-id", "assoc", "arid", row, "unique")
                continue
            if arid not in picks:
                arrival = self.arrivals.get(arid)
                if arrival is None:
                    if "arrival" in self.tables:
                        self._report("dangling-reference", "assoc", "arid", row, "arrival")
                    # The station and the phase are known, only the time of the onset is not.
                    picks[arid] = PickRecord(
                        arid,
                        self._station(row, ""),
                        None,
                        phase_hint=_word_or_none(row["phase"]),
                        line_number=row.line,
                    )
                else:
                    self.used.add(arid)
                    text.setdefault("arrival", []).append(arrival)
                    picks[arid], amplitude = self._pick(arrival)
                    if amplitude is not None:
                        amplitudes[arid] = amplitude
            if row["sta"] != picks[arid].station.code:
                expected = picks[arid].station.code
                self._report("dangling-reference", "assoc", "sta", row, expected)
            comments = _extras(row, ("belief", "emares")) + self._remark("assoc", row)
            seaz = self._number("assoc", row, "seaz", AZIMUTH)
            if seaz is not None:
                comments.insert(0, f"seaz {row['seaz']}")
            found[arid] = ArrivalRecord(
                arid,
                f"{orid}/{arid}",
                _word_or_none(row["phase"]),
                self._number("assoc", row, "esaz", AZIMUTH),
                self._number("assoc", row, "delta", DISTANCE_DEG),
                time_residual=self._number("assoc", row, "timeres", ANY),
                time_weight=self._number("assoc", row, "wgt"),
                time_defining=self._word("assoc", row, "timedef", DEFINING),
                backazimuth_residual=self._number("assoc", row, "azres", ANY),
                backazimuth_defining=self._word("assoc", row, "azdef", DEFINING),
                horizontal_slowness_residual=self._number("assoc", row, "slores", ANY),
                horizontal_slowness_defining=self._word("assoc", row, "slodef", DEFINING),
                earth_model=_word_or_none(row["vmodel"]),
                comments=(", ".join(comments),) if comments else (),
                line_number=row.line,
            )
        return list(found.values())

    def _pick(self, row: _Row) -> tuple[PickRecord, AmplitudeRecord | None]:
        """Return the onset of an arrival row, and its amplitude if it has one."""
        arid = row["arid"]
        station = self._station(row, row["jdate"])
        if not row["sta"] or row["sta"] == "-":
            self._report(
                "missing-field", "arrival", "sta", row, "station code", row.whole().strip()
            )
        time = self._time("arrival", row)
        snr = self._number("arrival", row, "snr")
        extras = _extras(row, ("stype", "ema", "rect", "logat", "clip", "stassid", "chanid"))
        pick = PickRecord(
            arid,
            station,
            time,
            time_uncertainty=self._number("arrival", row, "deltim"),
            phase_hint=_word_or_none(row["iphase"]),
            onset=self._word("arrival", row, "qual", ONSETS),
            polarity=self._polarity(row),
            backazimuth=self._number("arrival", row, "azimuth", AZIMUTH),
            backazimuth_uncertainty=self._number("arrival", row, "delaz"),
            horizontal_slowness=self._number("arrival", row, "slow"),
            horizontal_slowness_uncertainty=self._number("arrival", row, "delslo"),
            snr=snr,
            comments=tuple(
                ([", ".join(extras)] if extras else [])
                + ([] if _is_null(row["auth"]) else [f"auth: {row['auth']}"])
                + self._remark("arrival", row)
            ),
            line_number=row.line,
        )
        value = self._number("arrival", row, "amp")
        period = self._number("arrival", row, "per")
        if value is None and period is None:
            return pick, None
        return pick, AmplitudeRecord(
            arid,
            value,
            unit=None if value is None else "nm",
            period=period,
            snr=snr,
            pick_id=arid,
            station=station,
            line_number=row.line,
        )

    def _polarity(self, row: _Row) -> str | None:
        """Return the first motion: of the short-period channel (c d), else the long (u r)."""
        text = row["fm"].lower()
        signs = [FIRST_MOTIONS[letter] for letter in text if letter in FIRST_MOTIONS]
        if any(letter not in "cdur.-_ " for letter in text) or len(set(signs)) > 1:
            self._report("unknown-value", "arrival", "fm", row, "c d . u r .")
        return signs[0] if signs else None

    # --- magnitudes ---------------------------------------------------------------------------

    def _magnitudes(
        self,
        row: _Row,
        orid: str | None,
        rows: list[_Row],
        known: list[MagnitudeRecord],
        magids: set[str],
    ) -> list[MagnitudeRecord]:
        """Return the magnitudes of netmag for an origin, and those its row has beyond them.

        ``known`` are those of the event's origins before, ``magids`` all of the event in netmag.
        """
        found: list[MagnitudeRecord] = []
        held = {magnitude.magnitude_id for magnitude in known}

        def own_id(magid: str, problem_row: _Row | None) -> str:
            if not _is_null(magid) and magid not in held:
                held.add(magid)
                return magid
            if problem_row is not None and not _is_null(magid):
                self._report("duplicate-id", "netmag", "magid", problem_row, "unique")
            return f"magnitude-{len(known) + len(found) + 1}"

        for netmag in rows:
            self._same_event("netmag", netmag, row)
            value = self._number("netmag", netmag, "magnitude", MAGNITUDE)
            if value is None:
                self._report("missing-field", "netmag", "magnitude", netmag, "number")
                continue
            net = [] if _is_null(netmag["net"]) else [f"net: {netmag['net']}"]
            found.append(
                MagnitudeRecord(
                    value,
                    _word_or_none(netmag["magtype"]),
                    own_id(netmag["magid"], netmag),
                    orid,
                    uncertainty=self._number("netmag", netmag, "uncertainty"),
                    station_count=self._count("netmag", netmag, "nsta"),
                    author=_word_or_none(netmag["auth"]),
                    comments=tuple(net + self._remark("netmag", netmag)),
                    line_number=netmag.line,
                )
            )
        for column, scale in (("mb", "mb"), ("ms", "MS"), ("ml", "ML")):
            value = self._own_magnitude(row, column)
            if value is None or any(
                (m.type or "").lower() == column and round(abs(m.value - value), 3) <= 0.05
                for m in found
            ):
                continue
            magid = row[f"{column}id"]
            found.append(
                MagnitudeRecord(
                    value,
                    scale,
                    # The id of a netmag row stays that row's.
                    own_id("" if magid in magids else magid, None),
                    orid,
                    author=_word_or_none(row["auth"]),
                    line_number=row.line,
                )
            )
        return found

    def _same_event(self, table: str, row: _Row, origin: _Row) -> None:
        """Report a magnitude that names another event than the origin it belongs to."""
        if not _is_null(row["evid"]) and row["evid"] != origin["evid"]:
            self._report("dangling-reference", table, "evid", row, origin["evid"])

    def _own_magnitude(self, row: _Row, column: str) -> float | None:
        """Return mb, ms or ml of an origin row.

        -999 is null. So is -1 where the magnitude has no id, for some programs write it; with an
        id it is the magnitude of a very small event.
        """
        name = f"{self.labels['origin']} {column}"
        value = number(self.problems, row.line, name, row[column], ANY)
        if value is None or value == -999.0 or (value == -1.0 and _is_null(row[f"{column}id"])):
            return None
        return number(self.problems, row.line, name, row[column], MAGNITUDE)

    def _station_magnitudes(
        self,
        origin: _Row,
        rows: list[_Row],
        orid: str | None,
        network: list[MagnitudeRecord],
        amplitudes: dict[str, AmplitudeRecord],
        known: int,
    ) -> list[StationMagnitudeRecord]:
        """Return the station magnitudes of an origin."""
        magids = {magnitude.magnitude_id for magnitude in network}
        found: list[StationMagnitudeRecord] = []
        for row in rows:
            self._same_event("stamag", row, origin)
            value = self._number("stamag", row, "magnitude", MAGNITUDE)
            if value is None:
                self._report("missing-field", "stamag", "magnitude", row, "number")
                continue
            magid: str | None = row["magid"]
            if magid not in magids:
                if not _is_null(row["magid"]) and "netmag" in self.tables:
                    self._report("dangling-reference", "stamag", "magid", row, "netmag")
                magid = None
            arid = row["arid"]
            extras = _extras(row, ("phase", "delta", "magdef", "mmodel", "ampid"))
            if not _is_null(arid) and arid not in amplitudes:
                extras.append(f"arid {arid}")
            author = [] if _is_null(row["auth"]) else [f"auth: {row['auth']}"]
            found.append(
                StationMagnitudeRecord(
                    value,
                    _word_or_none(row["magtype"]),
                    self._station(row, ""),
                    f"station-magnitude-{known + len(found) + 1}",
                    orid,
                    arid if arid in amplitudes else None,
                    uncertainty=self._number("stamag", row, "uncertainty"),
                    residual=self._number("stamag", row, "magres", ANY) if row["magres"] else None,
                    magnitude_id=magid,
                    comments=tuple(
                        ([", ".join(extras)] if extras else [])
                        + author
                        + self._remark("stamag", row)
                    ),
                    line_number=row.line,
                )
            )
        return found

    # --- readings without an event ------------------------------------------------------------

    def _readings(self) -> Iterator[ReadingsRecord | Problem]:
        """Yield the arrivals that no event took, a day and at most 500 together."""
        days: dict[str, list[_Row]] = defaultdict(list)
        for arid, row in self.arrivals.items():
            if arid not in self.used:
                days[row["jdate"]].append(row)
        for rows in days.values():
            for start in range(0, len(rows), MAX_READINGS):
                part = rows[start : start + MAX_READINGS]
                both = [self._pick(row) for row in part]
                yield from self._taken_problems()
                lines = [row.line for row in part]
                yield ReadingsRecord(
                    text=_text({"arrival": part}),
                    first_line=min(lines),
                    last_line=max(lines),
                    picks=tuple(pick for pick, _ in both),
                    amplitudes=tuple(amp for _, amp in both if amp is not None),
                )


def _is_null(text: str) -> bool:
    """Tell whether an id or a word is the manual's null."""
    return text in ("", "-", "-1")


def _word_or_none(text: str) -> str | None:
    return None if text in ("", "-", "_") else text


def _root(variance: float | None) -> float | None:
    return None if variance is None else round(math.sqrt(variance), 6)


def _extras(row: _Row, columns: tuple[str, ...]) -> list[str]:
    """Return ``name value`` of the fields that have no place of their own and are not null."""
    found = []
    for column in columns:
        text = row[column]
        if text in ("", "-"):
            continue
        try:
            if float(text) in NULLS.get(column, _UNSIGNED):
                continue
        except ValueError:
            pass
        found.append(f"{column} {text}")
    return found


def _north_east(
    sxx: float | None,
    syy: float | None,
    major: float | None,
    minor: float | None,
    strike: float | None,
) -> tuple[float | None, float | None]:
    """Return the standard errors of latitude and longitude [km], if it is certain which is which.

    The error ellipse says how the variance is shared between north and east; the manual's order
    (x latitude) and the other one (x east) are compared with it. Within 5 % of one and not of the
    other, the order is known.
    """
    if sxx is None or syy is None or sxx <= 0.0 or syy <= 0.0:
        return None, None
    if abs(sxx - syy) <= 0.001 * max(sxx, syy):
        return _root(sxx), _root(syy)
    if major is None or minor is None or strike is None or major <= 0.0:
        return None, None
    cosine, sine = math.cos(math.radians(strike)) ** 2, math.sin(math.radians(strike)) ** 2
    north = (major**2 * cosine + minor**2 * sine) / (major**2 + minor**2)
    manual = abs(sxx / (sxx + syy) - north) < 0.05
    other = abs(syy / (sxx + syy) - north) < 0.05
    if manual == other:
        return None, None
    return (_root(sxx), _root(syy)) if manual else (_root(syy), _root(sxx))


def _text(tables: dict[str, list[_Row]]) -> str:
    """Return the rows of an event under the names of their tables."""
    lines: list[str] = []
    for table in LAYOUTS:
        rows = tables.get(table)
        if rows:
            lines.append(table)
            lines.extend(row.whole() for row in rows)
    return "\n".join(lines)
