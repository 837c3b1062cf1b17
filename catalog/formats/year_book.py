"""The tables of the year book "Earthquakes of Northern Eurasia": events, mechanisms, felt effects.

Three tables, each as text or workbook. Read by heading, in any order, with the names the year book
prints (Russian), in English or in Kazakh; written in the order below, in one of the three
languages, Russian unless asked otherwise. All times are UTC.

Where the columns come from. The year book prints an event as date (year, month, day), origin time
(h, min, s) and its error, φ°N, λ°E and their error, h km and its error, KR, magnitudes, I0: the
same quantities as the record of its forerunner "Earthquakes in the USSR" (World Data Centre B,
wdcb.ru/sep/seismology/method/Caucasus/format.txt), which adds the accuracy of K and the numbers of
stations. Mechanisms: axes T, N, P as plunge PL and azimuth AZM, nodal planes NP1 and NP2 as strike
STK, dip DP and slip (rake). Felt effects: settlement, epicentral distance Δ km, intensity. The
exact layout of the year book's electronic appendices was not found in public: that is why position
means nothing here.

A row of the mechanism and of the felt table names its event by date, time and number; rows of one
event follow each other, and a row that leaves date and time blank goes on with the event above. The
number is the row's place in that table, not an identity: it is kept as a comment.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, BinaryIO

from catalog.formats import catalogue_csv, spreadsheet
from catalog.formats.catalogue_csv import (
    NUMBER,
    bounded_cell,
    range_cell,
    read_event_type,
)
from catalog.formats.intensity import read_span
from catalog.formats.labels import with_label, without_label
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
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
from catalog.formats.tables import (
    MINUTE_UNCERTAINTY,
    Cells,
    TableRow,
    candidate_headings,
    heading_problems,
    moment,
    open_table,
    plain,
    point,
    text_cell,
    values_of,
)
from catalog.formats.values import (
    AZIMUTH,
    DEPTH_KM,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    POSITIVE,
    Range,
    clock,
    cut,
    number,
    plausible,
)

VERSION = "year-book-2"  # of these readers; stored with each reading
LANGUAGES = ("en", "ru", "kk")
BETWEEN_COMMENTS = " | "
ORIGIN_ID = "origin-1"

#: Energy class and magnitudes of the year book, in its order.
SCALES = ("KR", "MPVA", "MPV", "MPSP", "MLV", "MLH", "MS", "mb", "Mw", "ML", "Md")
PLUNGE: Range = (0.0, 90.0)
RAKE: Range = (-180.0, 360.0)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its field, its heading in three languages, and other headings that mean it."""

    name: str
    en: str
    ru: str
    kk: str
    others: tuple[str, ...] = ()

    def heading(self, language: str) -> str:
        """Return the heading as it is written."""
        return {"en": self.en, "kk": self.kk}.get(language, self.ru)


_WHEN = (
    Column("number", "No", "№", "№", ("n", "номер", "n п п", "№ п п", "nn")),
    Column("year", "Year", "Год", "Жыл"),
    Column("month", "Month", "Мес.", "Ай", ("месяц", "mon", "mo")),
    Column("day", "Day", "День", "Күн", ("число", "д")),
    Column("hour", "hour", "ч", "сағ", ("час", "часы", "hr", "hh")),
    Column("minute", "min", "мин", "мин", ("минуты", "minute", "mm")),
    Column("second", "s", "с", "с", ("сек", "секунды", "sec", "second", "ss", "c")),
)
_ACCURACY = (Column("time_uncertainty", "δt0, s", "δt0, с", "δt0, с", ("dt0", "dt", "δt", "δt с")),)
_WHERE = (
    Column(
        "latitude", "φ°, N", "φ°, N", "φ°, N", ("φ", "lost n", "широта", "latitude", "lat", "ендік")
    ),
    Column(
        "longitude",
        "λ°, E",
        "λ°, E",
        "λ°, E",
        ("λ", "lost e", "долгота", "longitude", "lon", "бойлық"),
    ),
)
_DEPTH = (
    Column(
        "depth_km", "h, km", "h, км", "h, км", ("h", "глубина", "depth", "depth km", "тереңдік")
    ),
)
_ERRORS = (
    Column("horizontal_uncertainty_km", "δ, km", "δ, км", "δ, км", ("δ", "δэпиц км")),
    Column("latitude_uncertainty_km", "δφ, km", "δφ, км", "δφ, км", ("δφ",)),
    Column("longitude_uncertainty_km", "δλ, km", "δλ, км", "δλ, км", ("δλ",)),
)
_SCALES = tuple(Column(f"scale:{scale}", scale, scale, scale) for scale in SCALES)
_NOTE = Column("note", "Note", "Примечание", "Ескерту", ("note", "comment", "примечания"))
_SOURCE = Column("source", "Source", "Источник", "Дереккөз", ("ист", "источники", "reference"))
_AGENCY = Column("agency", "Agency", "Агентство", "Агенттік", ("служба", "сеть"))

#: The catalogue: what the year book prints of an event.
CATALOGUE = (
    *_WHEN,
    *_ACCURACY,
    *_WHERE,
    *_ERRORS,
    *_DEPTH,
    Column("depth_uncertainty_km", "δh, km", "δh, км", "δh, км", ("dh", "δh")),
    *_SCALES,
    Column("uncertainty:KR", "δKR", "δKR", "δKR"),
    *(Column(f"stations:{scale}", f"n{scale}", f"n{scale}", f"n{scale}") for scale in SCALES[:5]),
    Column("i0", "I0", "I0", "I0", ("i0 балл", "i0 баллы", "i о", "io")),
    _AGENCY,
    Column("region", "Region", "Район", "Аудан", ("регион", "место", "эпицентр")),
    Column("event_type", "Event type", "Тип события", "Оқиға түрі", ("тип", "event_type")),
    _SOURCE,
    _NOTE,
    Column("event_id", "Event id", "Код события", "Оқиға коды", ("event_id", "id")),
)
#: The mechanisms, in the order of the year book's catalogue of mechanisms.
MECHANISMS = (
    *_WHEN,
    *_WHERE,
    *_DEPTH,
    *_SCALES,
    *(
        Column(f"{axis}_{part}", f"{axis} {word}", f"{axis} {word}", f"{axis} {word}")
        for axis in "TNP"
        for part, word in (("plunge", "PL"), ("azimuth", "AZM"))
    ),
    *(
        Column(f"{part}_{n}", f"NP{n} {word}", f"NP{n} {word}", f"NP{n} {word}")
        for n in (1, 2)
        for part, word in (("strike", "STK"), ("dip", "DP"), ("rake", "SLIP"))
    ),
    _AGENCY,
    _SOURCE,
    _NOTE,
)
#: The felt effects: one row a settlement.
MACROSEISMIC = (
    *_WHEN,
    *_WHERE,
    *_DEPTH,
    *_SCALES,
    Column("settlement", "Settlement", "Населённый пункт", "Елді мекен", ("пункт", "город")),
    Column("distance_km", "Δ, km", "Δ, км", "Δ, км", ("distance km", "расстояние км", "Δ")),
    Column("intensity", "I", "I, балл", "I, балл", ("балл", "баллы", "интенсивность", "intensity")),
    Column("scale", "Scale", "Шкала", "Шкала", ("intensity scale",)),
    Column("place_latitude", "φ settlement", "φ пункта", "φ мекен"),
    Column("place_longitude", "λ settlement", "λ пункта", "λ мекен"),
    _SOURCE,
    _NOTE,
)
#: Dates and times that other editions write in one or two columns.
_WHOLE_TIMES = {
    "date": ("date", "дата", "күні", "дата д м", "дата д м г"),
    "clock": ("t0", "t0 ч мин с", "t0 h min s", "time", "время", "ч мин с", "уақыты", "h m s"),
    "origin_time": ("origin time", "дата и время", "origin_time"),
}
#: Headings that stand once for each axis or plane, in the order T, N, P and NP1, NP2.
_REPEATED = {
    **dict.fromkeys(("pl", "plunge"), ("T_plunge", "N_plunge", "P_plunge")),
    **dict.fromkeys(("azm", "az", "azimuth"), ("T_azimuth", "N_azimuth", "P_azimuth")),
    **dict.fromkeys(("stk", "strike"), ("strike_1", "strike_2")),
    **dict.fromkeys(("dp", "dip"), ("dip_1", "dip_2")),
    **dict.fromkeys(("slip", "rake"), ("rake_1", "rake_2")),
}
_EPICENTRE_WORDS = frozenset((EPICENTRE, "эпицентр", "эпиорталық"))
_PARTS = re.compile(
    r"(?P<hour>\d{1,2})[:\s-]+(?P<minute>\d{1,2})(?:[:\s-]+(?P<second>\d{1,2}(?:[.,]\d+)?))?\Z"
)
_DAY_MONTH = re.compile(r"(?P<day>\d{1,2})[.\s](?P<month>\d{1,2})\.?\Z")


#: Russian letters that look like Latin ones: people type the names of scales with either.
_LOOKALIKES = str.maketrans("авеікмнорстху", "abeikmhopctxy")


def _plain(heading: str) -> str:
    """Return a heading for comparison; Δ (a distance) and δ (an error) stay two letters.

    CP1251 and KOI8-R have no Greek: a program that saves φ°, N in them writes ?°, N.
    """
    text = heading.replace("∆", "Δ").replace("Δ", "distance ").replace("?°", "lost ")
    return plain(text)


def _headings(columns: tuple[Column, ...]) -> dict[str, str]:
    table: dict[str, str] = {}
    for column in columns:
        for text in (column.en, column.ru, column.kk, *column.others):
            table.setdefault(_plain(text), column.name)
    wanted = {column.name for column in columns}
    # Cyrillic and other spellings of scales are those of the catalogue table.
    for word, name in catalogue_csv.HEADINGS.items():
        if name in wanted and name.startswith(("scale:", "uncertainty:", "stations:")):
            table.setdefault(word, name)
    if "scale:KR" in wanted:
        table.setdefault("kp", "scale:KR")  # the Russian letter looks like a P
    for name, words in _WHOLE_TIMES.items():
        for word in words:
            table.setdefault(word, name)
    return table


@dataclass(frozen=True)
class Book:
    """One of the three tables."""

    code: str
    columns: tuple[Column, ...]
    usable: Callable[[tuple[str | None, ...]], bool]
    headings: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headings", _headings(self.columns))

    def fields(self, headings: tuple[str, ...]) -> tuple[str | None, ...]:
        """Return the field of each column; ``None`` for an unknown one or a repetition."""
        seen: set[str] = set()
        fields: list[str | None] = []
        for heading in headings:
            word = _plain(heading)
            names: tuple[str | None, ...] = (self.named(word),)
            if self.code == "year-book-mechanisms" and names == (None,):
                names = _REPEATED.get(word, names)
            name = next((name for name in names if name not in seen), None)
            fields.append(name)
            seen.add(name or "")
        return tuple(fields)

    def named(self, word: str) -> str | None:
        """Return the field that a heading means."""
        return self.headings.get(word) or self.headings.get(word.translate(_LOOKALIKES))

    def known(self, headings: tuple[str, ...]) -> int:
        """Count the headings that the table knows."""
        return sum(name is not None for name in self.fields(headings))

    def fits(self, head: bytes) -> bool:
        """Tell whether a file has the headings of this table."""
        return any(
            self.usable(self.fields(headings)) and not any(map(_of_bulletin, headings))
            for headings in candidate_headings(head, self.known)
        )

    def detect(self, head: bytes) -> bool:
        """Tell whether a file has the headings of this table and of no other.

        Mechanisms and felt effects may name all that the catalogue names.
        """
        return self.fits(head) and not any(
            other.fits(head) for other in BOOKS[1:] if other is not self
        )


def _of_bulletin(heading: str) -> bool:
    """Tell whether a heading is the one that only the bulletin table has."""
    return plain(heading) in ("row", "строка", "вид строки", "жол")


def _has_time(fields: tuple[str | None, ...]) -> bool:
    parts = all(name in fields for name in ("year", "month", "day"))
    date = parts or "date" in fields
    return "origin_time" in fields or (date and ("hour" in fields or "clock" in fields))


def _is_catalogue(fields: tuple[str | None, ...]) -> bool:
    return (
        _has_time(fields)
        and "latitude" in fields
        and "longitude" in fields
        # A date in one column is the catalogue table's.
        and all(name in fields for name in ("year", "month", "day"))
        and any(f"scale:{scale}" in fields for scale in SCALES[:6])
    )


def _is_mechanisms(fields: tuple[str | None, ...]) -> bool:
    planes = all(name in fields for name in ("strike_1", "dip_1", "rake_1"))
    axes = all(name in fields for name in ("T_plunge", "T_azimuth", "P_plunge", "P_azimuth"))
    return _has_time(fields) and (planes or axes)


def _is_macroseismic(fields: tuple[str | None, ...]) -> bool:
    return _has_time(fields) and "settlement" in fields and "intensity" in fields


CATALOGUE_BOOK = Book("year-book-catalogue", CATALOGUE, _is_catalogue)
MECHANISM_BOOK = Book("year-book-mechanisms", MECHANISMS, _is_mechanisms)
MACROSEISMIC_BOOK = Book("year-book-intensity", MACROSEISMIC, _is_macroseismic)
BOOKS = (CATALOGUE_BOOK, MECHANISM_BOOK, MACROSEISMIC_BOOK)


def detect_catalogue(head: bytes, filename: str) -> bool:
    """Tell whether a file is the year book's catalogue: the date in parts, φ, λ, KR or MPVA."""
    return CATALOGUE_BOOK.detect(head)


def detect_mechanisms(head: bytes, filename: str) -> bool:
    """Tell whether a file is the year book's table of mechanisms: nodal planes or axes."""
    return MECHANISM_BOOK.detect(head)


def detect_macroseismic(head: bytes, filename: str) -> bool:
    """Tell whether a file is the year book's table of felt effects: settlement and intensity."""
    return MACROSEISMIC_BOOK.detect(head)


# --- reading ------------------------------------------------------------------------------------


def read_catalogue(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield one event a row of the catalogue; the problems of a row come just before it."""
    return _read(CATALOGUE_BOOK, stream, limits)


def read_mechanisms(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of the mechanism table, each with its mechanisms."""
    return _read(MECHANISM_BOOK, stream, limits)


def read_macroseismic(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of the table of felt effects, each with its intensities."""
    return _read(MACROSEISMIC_BOOK, stream, limits)


def _read(book: Book, stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield events and problems.

    Raises
    ------
    FormatError
        Nothing can be read: empty, or the headings are not those of the table.
    """
    problems: list[Problem] = []
    table = open_table(stream, limits, problems, book.known)
    heading = table.heading
    fields = book.fields(heading.cells)
    yield from problems
    problems.clear()
    if not book.usable(fields):
        wanted = {
            "year-book-catalogue": ("year", "latitude", "longitude", "scale:KR"),
            "year-book-mechanisms": ("strike_1", "dip_1", "rake_1", "year"),
            "year-book-intensity": ("settlement", "intensity", "year"),
        }[book.code]
        lacking = next((name for name in wanted if name not in fields), "hour")
        code = "missing-field" if book.known(heading.cells) > 1 else "wrong-format"
        raise FormatError(
            Problem(heading.first_line, code, lacking, cut(heading.text), "heading", Severity.ERROR)
        )
    yield from heading_problems(
        heading,
        fields,
        lambda text: book.named(_plain(text)) is not None or _plain(text) in _REPEATED,
    )
    event: EventRecord | None = None
    key: tuple[object, ...] | None = None
    opening = Cells({}, 0, [])  # the row that opened the event
    seen_ids: set[str] = set()
    events = 0
    for row in table.rows:
        before = len(problems)
        cell, comments = values_of(row, heading.cells, fields, problems, table.delimiter)
        new_key = _key(cell)
        goes_on = book is not CATALOGUE_BOOK and event is not None and new_key in (None, key)
        if not goes_on:
            yield from problems[:before]
            del problems[:before]
            if event is not None:
                yield event
                event = None
            if events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(row.first_line, "too-many-events", "", "", expected, Severity.ERROR)
                return
            event, key = _event(book, row, cell, comments, limits), new_key
            if event is None:
                continue
            events += 1
            opening = cell
            if event.event_id is not None and event.event_id in seen_ids:
                cell.report("duplicate-event-id", "event_id", "unique")
            seen_ids.add(event.event_id or "")
        else:
            event = _with_row(event, row)
            _check_repetition(opening, cell, comments)
        if book is MECHANISM_BOOK:
            event = _with_mechanism(event, cell, comments)
        elif book is MACROSEISMIC_BOOK:
            event = _with_intensity(event, cell, comments)
    yield from problems
    if event is not None:
        yield event


def _key(cell: Cells) -> tuple[object, ...] | None:
    """Return what names the event of a row, ``None`` if the row leaves it out."""
    names = ("year", "month", "day", "date", "hour", "minute", "second", "clock", "origin_time")
    given = tuple(cell.text(name) for name in names)
    return given if any(given) else None


def _check_repetition(opening: Cells, cell: Cells, comments: list[str]) -> None:
    """Keep as comments what a further row of an event says otherwise of the event itself."""
    scales = (f"scale:{scale}" for scale in SCALES)
    for name in ("number", "latitude", "longitude", "depth_km", *scales):
        said = cell.text(name)
        if said is not None and said != opening.text(name):
            cell.report("unused-text", name, opening.text(name) or "")
            comments.append(f"{name.removeprefix('scale:')}: {said}")


def _with_row(event: EventRecord | None, row: TableRow) -> EventRecord:
    if event is None:
        raise TypeError("no event")
    return replace(event, text=f"{event.text}\n{row.text}", last_line=row.last_line)


def _event(
    book: Book, row: TableRow, cell: Cells, comments: list[str], limits: Limits
) -> EventRecord | None:
    """Return the event that a row names, or ``None`` with an error.

    A row of the catalogue must say where; a mechanism or an intensity stays without.
    """
    first = row.first_line
    time, to_the_minute = _time(cell, limits)
    latitude: float | None
    longitude: float | None
    if book is CATALOGUE_BOOK:
        latitude = cell.required("latitude", LATITUDE)
        longitude = cell.required("longitude", LONGITUDE)
        if time is None or latitude is None or longitude is None:
            return None
    else:
        latitude = cell.number("latitude", LATITUDE)
        longitude = cell.number("longitude", LONGITUDE)
        if time is None:
            return None
    depth = cell.number("depth_km", DEPTH_KM)
    time_uncertainty = cell.number("time_uncertainty", POSITIVE)
    if time_uncertainty is None and to_the_minute:
        time_uncertainty = MINUTE_UNCERTAINTY
    agency = cell.text("agency")
    own: list[str] = []  # comments of the event itself
    number_text = cell.text("number")
    if number_text is not None:
        own.append(f"{NUMBER}: {number_text}")
    origins: tuple[OriginRecord, ...] = ()
    if latitude is not None and longitude is not None:
        origins = (
            OriginRecord(
                ORIGIN_ID,
                time,
                latitude,
                longitude,
                depth,
                time_uncertainty,
                depth_uncertainty_km=cell.number("depth_uncertainty_km", POSITIVE),
                latitude_uncertainty_km=cell.number("latitude_uncertainty_km", POSITIVE),
                longitude_uncertainty_km=cell.number("longitude_uncertainty_km", POSITIVE),
                horizontal_uncertainty_km=cell.number("horizontal_uncertainty_km", POSITIVE),
                agency=agency,
                line_number=first,
            ),
        )
    else:
        if not any(
            problem.field.startswith(("latitude", "longitude")) for problem in cell.problems
        ):
            lacking = "latitude" if latitude is None else "longitude"
            cell.report("missing-field", lacking, "latitude longitude")
        said = [("origin_time", time.isoformat()), ("latitude", cell.text("latitude"))]
        said += [("longitude", cell.text("longitude")), ("depth_km", cell.text("depth_km"))]
        own.extend(f"{name}: {text}" for name, text in said if text is not None)
    intensities: tuple[IntensityRecord, ...] = ()
    synthetic = False
    event_type: str | None = None
    if book is CATALOGUE_BOOK:
        notes, synthetic = without_label(_split(cell.text("note")))
        own = [*own, *notes, *comments]
        intensities = _i0(cell, origins, own)
        event_type = read_event_type(cell, own)
    region = cell.text("region")
    return EventRecord(
        text=row.text,
        first_line=first,
        last_line=row.last_line,
        event_id=cell.text("event_id"),
        event_type=event_type,
        descriptions=(DescriptionRecord(region, "region name"),) if region else (),
        origins=origins,
        magnitudes=_magnitudes(cell, agency, ORIGIN_ID if origins else None),
        intensities=intensities,
        preferred_origin_id=ORIGIN_ID if origins else None,
        agency=agency,
        source=cell.text("source") if book is CATALOGUE_BOOK else None,
        synthetic=synthetic,
        deleted=event_type == "not existing",
        comments=tuple(own),
    )


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(BETWEEN_COMMENTS) if part.strip()]


def _time(cell: Cells, limits: Limits) -> tuple[datetime | None, bool]:
    """Return the origin time of a row from whatever columns say it."""
    given = [
        name
        for name in ("origin_time", "year", "month", "day", "date", "hour", "minute", "second")
        if cell.text(name) is not None
    ] + (["clock"] if cell.text("clock") is not None else [])
    expected = "year month day hour minute second"
    if not given:
        cell.report("missing-field", "year", expected, Severity.ERROR)
        return None, False
    try:
        time, to_the_minute = _put_together(cell)
    except (ValueError, OverflowError):
        found = cut(" ".join(cell.text(name) or "" for name in given))
        where = cell.field(given[0])
        cell.problems.append(
            Problem(cell.line, "not-a-time", where, found, expected, Severity.ERROR)
        )
        return None, False
    if not plausible(
        cell.problems, cell.line, cell.field(given[0]), time, limits.latest(), Severity.ERROR
    ):
        return None, False
    return time, to_the_minute


def _put_together(cell: Cells) -> tuple[datetime, bool]:
    """Return the time that the columns of a row say together.

    Raises
    ------
    ValueError
        They say none.
    """
    whole = cell.text("origin_time")
    date = cell.text("date")
    of_day = cell.text("clock")
    if whole is not None:
        return moment(whole)
    if date is not None and of_day is None and cell.text("hour") is None:
        return moment(date)
    if date is not None and (match := _DAY_MONTH.match(date)):
        year, month, day = _whole(cell, "year"), int(match["month"]), int(match["day"])
    elif date is not None:
        start, _ = moment(f"{date.removesuffix('T00:00:00')} 00:00:00")
        year, month, day = start.year, start.month, start.day
    else:
        year, month, day = (_whole(cell, name) for name in ("year", "month", "day"))
    seconds: str | None
    if of_day is not None:
        parts = _PARTS.match(of_day)
        if parts is None:
            raise ValueError(of_day)
        hour, minute, seconds = int(parts["hour"]), int(parts["minute"]), parts["second"]
    else:
        hour, minute, seconds = _whole(cell, "hour"), _whole(cell, "minute"), cell.text("second")
    exact = float(point(seconds)) if seconds is not None else 0.0
    return clock(datetime(year, month, day, tzinfo=UTC), hour, minute, exact), seconds is None


def _whole(cell: Cells, name: str) -> int:
    text = point(cell.text(name) or "")
    value = float(text)
    if not value.is_integer() or "_" in text:
        raise ValueError(text)
    return int(value)


def _magnitudes(
    cell: Cells, agency: str | None, origin_id: str | None
) -> tuple[MagnitudeRecord, ...]:
    records = []
    for scale in SCALES:
        name = f"scale:{scale}"
        text = cell.text(name)
        if text is None:
            continue
        bound = {"<": "max", "≤": "max", ">": "min", "≥": "min"}.get(text[0])
        where = " ".join(filter(None, (scale, cell.references.get(name))))
        digits = point(text[1:] if bound else text)
        value = number(cell.problems, cell.line, where, digits, MAGNITUDE)
        if value is None:
            continue
        records.append(
            MagnitudeRecord(
                value,
                scale,
                f"magnitude-{scale}",
                origin_id,
                cell.number(f"uncertainty:{scale}", POSITIVE),
                bound,
                cell.count(f"stations:{scale}"),
                agency=agency,
                line_number=cell.line,
            )
        )
    return tuple(records)


def _i0(
    cell: Cells, origins: tuple[OriginRecord, ...], comments: list[str]
) -> tuple[IntensityRecord, ...]:
    text = cell.text("i0")
    if text is None:
        return ()
    span = read_span(text)
    if span is None:
        cell.report("not-a-number", "i0", "0..12")
        comments.append(f"i0: {text}")
        return ()
    return (
        IntensityRecord(
            EPICENTRE,
            span.low,
            span.high,
            span.low if span.low == span.high else None,
            felt=span.felt,
            latitude=origins[0].latitude,
            longitude=origins[0].longitude,
            calculated=span.calculated,
            line_number=cell.line,
        ),
    )


def _with_mechanism(event: EventRecord, cell: Cells, comments: list[str]) -> EventRecord:
    """Return the event with the mechanism of one more row."""
    notes, synthetic = without_label(_split(cell.text("note")))
    planes = tuple(_plane(cell, n, comments) for n in (1, 2))
    axes = tuple(_axis(cell, name, comments) for name in "TNP")
    if not any(planes) and not any(axes):
        cell.report("missing-field", "strike_1", "STK DP SLIP")
        return replace(event, comments=(*event.comments, *notes, *comments))
    agency = cell.text("agency")
    mechanism = FocalMechanismRecord(
        f"mechanism-{len(event.focal_mechanisms) + 1}",
        planes[0],
        planes[1],
        t_axis=axes[0],
        n_axis=axes[1],
        p_axis=axes[2],
        triggering_origin_id=ORIGIN_ID if event.origins else None,
        agency=agency,
        author=cell.text("source"),
        comments=(*notes, *comments),
        line_number=cell.line,
    )
    return replace(
        event,
        focal_mechanisms=(*event.focal_mechanisms, mechanism),
        synthetic=event.synthetic or synthetic,
    )


def _plane(cell: Cells, n: int, comments: list[str]) -> NodalPlaneRecord | None:
    names = (f"strike_{n}", f"dip_{n}", f"rake_{n}")
    strike = cell.number(names[0], AZIMUTH)
    dip = cell.number(names[1], PLUNGE)
    rake = cell.number(names[2], RAKE)
    if strike is None or dip is None or rake is None:
        _half(cell, names, comments)
        return None
    return NodalPlaneRecord(strike, dip, rake - 360.0 if rake > 180.0 else rake)


def _axis(cell: Cells, name: str, comments: list[str]) -> AxisRecord | None:
    names = (f"{name}_azimuth", f"{name}_plunge")
    azimuth = cell.number(names[0], AZIMUTH)
    plunge = cell.number(names[1], PLUNGE)
    if azimuth is None or plunge is None:
        _half(cell, names, comments)
        return None
    return AxisRecord(azimuth, plunge)


def _half(cell: Cells, names: tuple[str, ...], comments: list[str]) -> None:
    """Report a plane or an axis of which only a part is given; that part stays as a comment."""
    given = [name for name in names if cell.text(name) is not None]
    blank = [name for name in names if name not in given]
    if given and blank:
        cell.report("missing-field", blank[0], " ".join(names))
    comments.extend(f"{name}: {cell.text(name)}" for name in given)


def _with_intensity(event: EventRecord, cell: Cells, comments: list[str]) -> EventRecord:
    """Return the event with the intensity of one more settlement."""
    notes, synthetic = without_label(_split(cell.text("note")))
    place, text = cell.text("settlement"), cell.text("intensity")
    notes = (*notes, *comments)
    if place is None:
        cell.report("missing-field", "settlement", "")
        kept = () if text is None else (f"intensity: {text}",)
        return replace(event, comments=(*event.comments, *kept, *notes))
    span = read_span(text) if text is not None else None
    if span is None:
        cell.report("missing-field" if text is None else "not-a-number", "intensity", "0..12 felt")
        notes = (*notes, *(() if text is None else (f"intensity: {text}",)))
    if place.casefold() in _EPICENTRE_WORDS:
        place = EPICENTRE
    low, high = (span.low, span.high) if span is not None else (None, None)
    intensity = IntensityRecord(
        place,
        low,
        high,
        low if low == high else None,
        felt=span.felt if span is not None else None,
        scale=cell.text("scale"),
        latitude=cell.number("place_latitude", LATITUDE),
        longitude=cell.number("place_longitude", LONGITUDE),
        distance_km=cell.number("distance_km", POSITIVE),
        calculated=span is not None and span.calculated,
        source=cell.text("source"),
        comment=BETWEEN_COMMENTS.join(notes),
        line_number=cell.line,
    )
    return replace(
        event,
        intensities=(*event.intensities, intensity),
        synthetic=event.synthetic or synthetic,
    )


# --- writing ------------------------------------------------------------------------------------

Cell = spreadsheet.Cell
_Row = dict[str, Cell]


class _Number(str):
    """A value that is written as a number but needs its mark, such as ``>5.3``."""


def write_catalogue(
    events: Iterable[EventRecord], language: str = "ru", guard: bool = True
) -> Iterator[str]:
    """Yield the catalogue: one line an event that has an origin, its preferred (else first) one."""
    return _lines(CATALOGUE_BOOK, events, language, guard)


def write_mechanisms(
    events: Iterable[EventRecord], language: str = "ru", guard: bool = True
) -> Iterator[str]:
    """Yield the mechanism table: one line a mechanism, the preferred one of an event first."""
    return _lines(MECHANISM_BOOK, events, language, guard)


def write_macroseismic(
    events: Iterable[EventRecord], language: str = "ru", guard: bool = True
) -> Iterator[str]:
    """Yield the table of felt effects: one line a settlement."""
    return _lines(MACROSEISMIC_BOOK, events, language, guard)


def workbook(book: Book, events: Iterable[EventRecord], language: str = "ru") -> bytes:
    """Return one of the tables as a workbook (.xlsx)."""
    out = io.BytesIO()
    write_workbook(out, book, events, language)
    return out.getvalue()


def write_workbook(
    out: IO[bytes], book: Book, events: Iterable[EventRecord], language: str = "ru"
) -> None:
    """Write one of the tables as a workbook (.xlsx) into a file that can be sought in."""
    title = {"year-book-catalogue": "Catalogue", "year-book-mechanisms": "Mechanisms"}
    spreadsheet.write_to(out, rows_of(book, events, language), title.get(book.code, "Macroseismic"))


def write(
    book: Book, events: Iterable[EventRecord], language: str = "ru", guard: bool = True
) -> Iterator[str]:
    """Yield one of the tables as text, a line at a time."""
    return _lines(book, events, language, guard)


def rows_of(
    book: Book, events: Iterable[EventRecord], language: str = "ru"
) -> Iterator[tuple[Cell, ...]]:
    """Yield the headings, then the rows: numbers as numbers, words as text."""
    yield tuple(column.heading(language) for column in book.columns)
    write = {
        CATALOGUE_BOOK.code: _catalogue_rows,
        MECHANISM_BOOK.code: _mechanism_rows,
        MACROSEISMIC_BOOK.code: _macroseismic_rows,
    }[book.code]
    ordinal = 0
    for event in events:
        first = True
        for row in write(event):
            ordinal += first
            first = False
            row.setdefault("number", ordinal)
            yield tuple(row.get(column.name) for column in book.columns)


def _lines(book: Book, events: Iterable[EventRecord], language: str, guard: bool) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows_of(book, events, language):
        writer.writerow([_text(value, guard) for value in row])
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def _text(value: Cell, guard: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return text_cell(value, guard and not isinstance(value, _Number))
    return repr(value)


def _origin(event: EventRecord) -> OriginRecord | None:
    for origin in event.origins:
        if origin.origin_id == event.preferred_origin_id:
            return origin
    return event.origins[0] if event.origins else None


def _event_cells(event: EventRecord, origin: OriginRecord) -> _Row:
    """Return the cells that name an event: when, where, how large."""
    time = origin.time
    row: _Row = {
        "year": time.year,
        "month": time.month,
        "day": time.day,
        "hour": time.hour,
        "minute": time.minute,
        "latitude": origin.latitude,
        "longitude": origin.longitude,
        "depth_km": origin.depth_km,
    }
    seconds = time.second + time.microsecond / 1e6
    if seconds or origin.time_uncertainty != MINUTE_UNCERTAINTY:
        row["second"] = int(seconds) if seconds == int(seconds) else seconds
    for comment in event.comments:
        if comment.startswith(f"{NUMBER}: "):
            text = comment.removeprefix(f"{NUMBER}: ")
            row["number"] = int(text) if text.isascii() and text.isdigit() else text
    for magnitude in event.magnitudes:
        name = f"scale:{magnitude.type}"
        if magnitude.type in SCALES and name not in row:
            row[name] = (
                magnitude.value if magnitude.bound is None else _Number(bounded_cell(magnitude))
            )
            row[f"uncertainty:{magnitude.type}"] = magnitude.uncertainty
            row[f"stations:{magnitude.type}"] = magnitude.station_count
    return row


def _notes(comments: Iterable[str], synthetic: bool) -> str | None:
    said = [comment for comment in comments if not comment.startswith(f"{NUMBER}: ")]
    return BETWEEN_COMMENTS.join(with_label(said, synthetic)) or None


def _catalogue_rows(event: EventRecord) -> Iterator[_Row]:
    origin = _origin(event)
    if origin is None:
        return
    row = _event_cells(event, origin)
    for name in (
        *("time_uncertainty", "depth_uncertainty_km", "latitude_uncertainty_km"),
        *("longitude_uncertainty_km", "horizontal_uncertainty_km"),
    ):
        row[name] = getattr(origin, name)
    if "second" not in row:
        row["time_uncertainty"] = None  # a time without seconds says it
    for intensity in event.intensities:
        if intensity.place == EPICENTRE:
            row.setdefault("i0", _intensity(intensity))
    row["agency"] = origin.agency or event.agency
    row["region"] = next((d.text for d in event.descriptions if d.type == "region name"), None)
    row["event_type"] = event.event_type
    row["source"] = event.source
    row["note"] = _notes(event.comments, event.synthetic)
    row["event_id"] = event.event_id
    yield row


def _mechanism_rows(event: EventRecord) -> Iterator[_Row]:
    from catalog.formats.mechanism_checks import consistently_completed

    origin = _origin(event)
    if origin is None:
        return
    preferred = event.preferred_focal_mechanism_id
    for mechanism in sorted(
        event.focal_mechanisms, key=lambda m: m.focal_mechanism_id != preferred
    ):
        mechanism = consistently_completed(mechanism)
        row = _event_cells(event, origin)
        for name, axis in zip(
            "TNP", (mechanism.t_axis, mechanism.n_axis, mechanism.p_axis), strict=True
        ):
            if axis is not None:
                row[f"{name}_plunge"], row[f"{name}_azimuth"] = axis.plunge, axis.azimuth
        for n, plane in enumerate((mechanism.nodal_plane_1, mechanism.nodal_plane_2), start=1):
            if plane is not None:
                row[f"strike_{n}"], row[f"dip_{n}"] = plane.strike, plane.dip
                row[f"rake_{n}"] = plane.rake
        row["agency"], row["source"] = mechanism.agency, mechanism.author
        row["note"] = _notes(mechanism.comments, event.synthetic)
        yield row


def _macroseismic_rows(event: EventRecord) -> Iterator[_Row]:
    origin = _origin(event)
    if origin is None:
        return
    for intensity in event.intensities:
        row = _event_cells(event, origin)
        row |= {
            "settlement": intensity.place,
            "distance_km": intensity.distance_km,
            "intensity": _intensity(intensity),
            "scale": intensity.scale,
            "place_latitude": intensity.latitude,
            "place_longitude": intensity.longitude,
            "source": intensity.source,
            "note": _notes(_split(intensity.comment), event.synthetic),
        }
        yield row


def _intensity(intensity: IntensityRecord) -> str | None:
    """Return an intensity as it is printed: 4, 3-4, felt, not felt, 5 (calc.)."""
    text = range_cell(intensity.minimum, intensity.maximum)
    if not text:
        return None if intensity.felt is None else "felt" if intensity.felt else "not felt"
    return _Number(f"{text} (calc.)" if intensity.calculated else text)
