"""The multi-magnitude catalogue table: one row an event, one column a scale.

Headings may be English or Russian and stand in any order; the delimiter is a comma, a semicolon
or a tab; decimals have a point or a comma; dates are ISO (2014-11-14), 2014/11/14 or 14.11.2014.
All times are UTC. A time without seconds is good to the minute: its uncertainty is 30 s unless
the row says otherwise. Values of columns nobody knows are kept as comments ("heading: value").
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    EPICENTRE,
    ConsequenceRecord,
    DescriptionRecord,
    EventRecord,
    IntensityRecord,
    InterpretationRecord,
    MagnitudeRecord,
    OriginRecord,
)
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import (
    AZIMUTH,
    CERTAINTIES,
    DEPTH_KM,
    DISTANCE_DEG,
    EVENT_TYPES,
    INTENSITY,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    POSITIVE,
    Range,
    clock,
    count,
    cut,
    iso_time,
    number,
    plausible,
)

VERSION = "catalogue-csv-1"  # of this reader; stored with each reading
MINUTE_UNCERTAINTY = 30.0  # s, of a time given to the minute
ORIGIN_ID = "origin-1"
MAX_ROW_LINES = 20  # a quoted cell may hold line ends

#: Scales with a column of their own, in the order they are written.
SCALES = ("KR", "MPVA", "MPV", "MLV", "MLH", "MS", "mb", "Mw", "ML", "Md")
_SCALE_ALIASES = {
    "KR": "kr кр k к класс энергетический класс класс kr класс кр energy class",
    "MPVA": "mpva мрva мpva",
    "MPV": "mpv",
    "MLV": "mlv",
    "MLH": "mlh",
    "MS": "ms",
    "mb": "mb",
    "Mw": "mw",
    "ML": "ml",
    "Md": "md",
}
#: Field -> headings that mean it, compared by ``_plain``. One table for all languages.
ALIASES: dict[str, tuple[str, ...]] = {
    "event_id": ("event_id", "eventid", "id", "номер", "№", "n", "код события", "ид"),
    "origin_time": (
        *("origin_time", "datetime", "date_time", "origin time utc", "время в очаге"),
        *("дата и время", "дата время"),
    ),
    "date": ("date", "дата", "күні"),
    "time": ("time", "время", "время в очаге чч мм сс", "уақыты", "t0"),
    "latitude": ("latitude", "lat", "широта", "широта с ш", "φ", "ендік"),
    "longitude": ("longitude", "lon", "long", "долгота", "долгота в д", "λ", "бойлық"),
    "depth_km": ("depth_km", "depth", "h", "глубина", "глубина км", "тереңдік"),
    "magnitude": ("magnitude", "mag", "магнитуда", "m"),
    "magnitude_type": ("magnitude_type", "mag_type", "magtype", "тип магнитуды"),
    "magnitude_uncertainty": ("magnitude_uncertainty", "magerror", "mag_error"),
    "magnitude_stations": ("magnitude_stations", "magnst", "mag_nst"),
    "magnitude_agency": ("magnitude_agency", "magsource"),
    "i0": ("i0", "io", "балл в эпицентре", "интенсивность в эпицентре"),
    "intensities": ("intensities", "felt", "макросейсмика", "интенсивность", "ощутимость"),
    "intensity_scale": ("intensity_scale", "шкала", "шкала интенсивности"),
    "interpretations": ("interpretations", "interpretation", "толкования"),
    "consequences": ("consequences", "effects", "последствия"),
    "comment": ("comment", "comments", "note", "notes", "примечание", "примечания", "ескерту"),
    "event_type": ("event_type", "type", "тип", "тип события", "природа"),
    "event_type_certainty": ("event_type_certainty", "type_certainty", "достоверность типа"),
    "agency": ("agency", "net", "locationsource", "агентство", "сеть", "служба"),
    "author": ("author", "автор"),
    "source": ("source", "источник", "reference"),
    "region": ("region", "place", "район", "регион", "location", "место"),
    "name": ("name", "название", "имя"),
    "time_uncertainty": ("time_uncertainty", "time_error", "ошибка времени", "δt0", "dt"),
    "latitude_uncertainty_km": ("latitude_uncertainty_km", "ошибка широты км"),
    "longitude_uncertainty_km": ("longitude_uncertainty_km", "ошибка долготы км"),
    "horizontal_uncertainty_km": (
        *("horizontal_uncertainty_km", "horizontalerror", "ошибка эпицентра км"),
    ),
    "depth_uncertainty_km": ("depth_uncertainty_km", "deptherror", "ошибка глубины км", "dh"),
    "used_station_count": ("used_station_count", "nst", "stations", "число станций"),
    "used_phase_count": ("used_phase_count", "ndef", "число фаз"),
    "azimuthal_gap": ("azimuthal_gap", "gap", "азимутальный створ"),
    "minimum_distance_deg": ("minimum_distance_deg", "dmin"),
    "standard_error": ("standard_error", "rms", "невязка"),
    "updated": ("updated", "обновлено"),
    "status": ("status", "статус"),
}
EVENT_TYPE_WORDS = {
    "землетрясение": "earthquake",
    "жер сілкінісі": "earthquake",
    "взрыв": "explosion",
    "карьерный взрыв": "quarry blast",
    "промышленный взрыв": "industrial explosion",
    "ядерный взрыв": "nuclear explosion",
    "химический взрыв": "chemical explosion",
    "горный удар": "rock burst",
    "обвал": "collapse",
    "оползень": "landslide",
    "наведенное": "induced or triggered event",
}
_REQUIRED = ("latitude", "longitude")
_DELIMITERS = (",", ";", "\t")
_ROMAN_WORDS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_ROMAN = {word: value for value, word in enumerate(_ROMAN_WORDS, start=1)}
_DEGREE = r"(?:\d{1,2}(?:[.,]\d)?|[IVX]+)"
_INTENSITY = re.compile(
    rf"(?P<place>.+?)\s*(?:\((?P<distance>\d+(?:[.,]\d+)?)\s*(?:km|км)\))?\s*[:=]?\s+"
    rf"(?P<low>{_DEGREE})(?:\s*[-–—]\s*(?P<high>{_DEGREE}))?"
    r"\s*(?:балл(?:а|ов)?|баллов)?\s*\Z"
)
_FELT = re.compile(
    r"(?P<place>.+?)\s*[:=]?\s+(?P<not>(?:not|не)\s+)?(?:felt|ощущалось|ощутимо|сезілді)\s*\Z",
    re.IGNORECASE,
)
#: ``Author: event type (certainty) - note``
_INTERPRETATION = re.compile(
    r"(?:(?P<author>.+?)\s*:\s*)?(?P<type>[^()]+?)\s*"
    r"(?:\((?P<certainty>known|suspected)\))?(?:\s+[-–—]\s+(?P<note>.+))?\Z"
)
#: ``kind: ~count (place) - note``
_CONSEQUENCE = re.compile(
    r"(?P<kind>[^:]+?)\s*:\s*(?P<about>~|около |about )?(?P<count>\d+)\s*"
    r"(?:\((?P<place>.+?)\))?(?:\s+[-–—]\s+(?P<note>.+))?\Z"
)
_CYRILLIC = re.compile("[а-яА-ЯёЁ]")
_DATE = re.compile(
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|(?P<day2>\d{1,2})\.(?P<month2>\d{1,2})\.(?P<year2>\d{4}))\Z"
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{1,2}(?:[.,]\d+)?))?"
    r"\s*(?:Z|UTC|[+-]00:?00)?\Z",
    re.IGNORECASE,
)
_GUARDED = ("'=", "'+", "'-", "'@", "'\t", "'\r")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def _plain(heading: str) -> str:
    """Return a heading for comparison: no case, no punctuation, no unit in brackets."""
    text = heading.strip("\ufeff \t\"'").casefold().replace("ё", "е")
    text = re.sub(r"[(\[].*?[)\]]", " ", text)
    return " ".join(re.sub(r"[^\w№φλδ]|_", " ", text).split())


def _headings() -> dict[str, str]:
    table = {_plain(word): name for name, words in ALIASES.items() for word in words}
    for scale, words in _SCALE_ALIASES.items():
        for word in {*words.split(), "класс kr", "класс кр"} if scale == "KR" else words.split():
            table[word] = f"scale:{scale}"
            for extra in ("uncertainty", "error", "ошибка"):
                table[f"{word} {extra}"] = f"uncertainty:{scale}"
            for extra in ("stations", "nst", "станций"):
                table[f"{word} {extra}"] = f"stations:{scale}"
    table["энергетический класс"] = table["energy class"] = "scale:KR"
    return table


HEADINGS = _headings()


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the heading line says: delimiter, and the field of each column."""

    delimiter: str
    headings: tuple[str, ...]
    fields: tuple[str | None, ...]  # None: unknown or a repetition

    def knows(self, name: str) -> bool:
        return name in self.fields


def _layout(line: str) -> _Layout:
    """Return the reading of a heading line under which most headings are known."""
    best = _Layout(",", (), ())
    for delimiter in _DELIMITERS:
        headings = tuple(cell.strip("\ufeff \t") for cell in _cells(line, delimiter))
        seen: set[str] = set()
        fields: list[str | None] = []
        for heading in headings:
            name = HEADINGS.get(_plain(heading))
            fields.append(None if name in seen else name)
            seen.add(name or "")
        known = sum(name is not None for name in fields)
        if known > sum(name is not None for name in best.fields):
            best = _Layout(delimiter, headings, tuple(fields))
    return best


def _cells(row: str, delimiter: str) -> list[str]:
    """Return the cells of one row."""
    if '"' not in row:
        return row.split(delimiter)
    try:
        return next(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return row.split(delimiter)


def _usable(layout: _Layout) -> bool:
    has_time = layout.knows("origin_time") or layout.knows("time") or layout.knows("date")
    return has_time and all(layout.knows(name) for name in _REQUIRED)


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first line names a time, a latitude and a longitude."""
    for encoding in ("utf-8-sig", "cp1251", "koi8-r"):
        text = head.decode(encoding, "ignore").replace("\r", "\n").lstrip()
        if _usable(_layout(text.split("\n", 1)[0])):
            return True
    return False


# --- reading ----------------------------------------------------------------------------------


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield one event a row; the problems of a row come just before it.

    A row without a usable time, latitude or longitude is an error and gives no event.

    Raises
    ------
    FormatError
        Nothing can be read: empty, or the headings lack time, latitude or longitude.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "heading line", Severity.ERROR))
    problems: list[Problem] = []
    layout: _Layout | None = None
    seen_ids: set[str] = set()
    events = 0
    for first, last, row in _rows(read_lines(source, limits, problems, encoding)):
        yield from problems
        problems.clear()
        if layout is None:
            layout = _layout(row)
            if not _usable(layout):
                lacking = [n for n in (*_REQUIRED, "origin_time") if not layout.knows(n)]
                code = "missing-field" if any(layout.fields) else "wrong-format"
                raise FormatError(
                    Problem(first, code, lacking[0], cut(row), "heading", Severity.ERROR)
                )
            yield from _heading_problems(layout, first)
            continue
        if events >= limits.max_events:
            expected = f"<= {limits.max_events}"
            yield Problem(first, "too-many-events", "", "", expected, Severity.ERROR)
            return
        record = _event(row, layout, first, last, limits, problems)
        if record is not None and record.event_id is not None:
            if record.event_id in seen_ids:
                problems.append(
                    Problem(first, "duplicate-event-id", "event_id", record.event_id, "unique")
                )
            seen_ids.add(record.event_id)
        yield from problems
        problems.clear()
        if record is not None:
            events += 1
            yield record
    yield from problems
    if layout is None:
        raise FormatError(Problem(1, "empty-file", "", "", "heading line", Severity.ERROR))


def _rows(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
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


def _heading_problems(layout: _Layout, line: int) -> Iterator[Problem]:
    for heading, name in zip(layout.headings, layout.fields, strict=True):
        if name is None and heading:
            known = HEADINGS.get(_plain(heading)) is not None
            code = "duplicate-column" if known else "unknown-column"
            yield Problem(line, code, cut(heading), cut(heading), "")


class _Row:
    """The cells of one row by field, turned into values with problems."""

    def __init__(self, values: dict[str, str], line: int, problems: list[Problem]) -> None:
        self.values, self.line, self.problems = values, line, problems

    def text(self, name: str) -> str | None:
        value = self.values.get(name, "").strip()
        if value.startswith(_GUARDED):
            value = value[1:]
        return value or None

    def number(self, name: str, bounds: Range) -> float | None:
        return number(self.problems, self.line, name, _point(self.values.get(name, "")), bounds)

    def count(self, name: str) -> int | None:
        return count(self.problems, self.line, name, _point(self.values.get(name, "")))

    def required(self, name: str, bounds: Range) -> float | None:
        """Return a number without which the row is no event; its problem is an error."""
        before = len(self.problems)
        value = self.number(name, bounds)
        if value is None:
            if len(self.problems) == before:
                self.problems.append(Problem(self.line, "missing-field", name, "", "number"))
            self.problems[-1] = replace(self.problems[-1], severity=Severity.ERROR)
        return value


def _point(text: str) -> str:
    """Return a number's text with a decimal point."""
    text = text.strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    return text.replace("\N{MINUS SIGN}", "-")


def _event(
    row: str, layout: _Layout, first: int, last: int, limits: Limits, problems: list[Problem]
) -> EventRecord | None:
    """Return the event of a row, or ``None`` with an error."""
    cells = _cells(row, layout.delimiter)
    values: dict[str, str] = {}
    comments: list[str] = []
    for heading, name, text in zip(layout.headings, layout.fields, cells, strict=False):
        if name is not None:
            values[name] = text
        elif text.strip():
            comments.append(f"{heading}: {text.strip()}" if heading else text.strip())
    extra = [text for text in cells[len(layout.fields) :] if text.strip()]
    if extra:
        expected = f"{len(layout.fields)} columns"
        problems.append(
            Problem(first, "unused-text", "", cut(layout.delimiter.join(extra)), expected)
        )
        comments.extend(extra)
    cell = _Row(values, first, problems)
    time, to_the_minute = _time(cell, limits)
    latitude = cell.required("latitude", LATITUDE)
    longitude = cell.required("longitude", LONGITUDE)
    if time is None or latitude is None or longitude is None:
        return None
    own = cell.text("comment")
    if own is not None:
        comments.insert(0, own)
    time_uncertainty = cell.number("time_uncertainty", POSITIVE)
    if time_uncertainty is None and to_the_minute:
        time_uncertainty = MINUTE_UNCERTAINTY
    agency, author = cell.text("agency"), cell.text("author")
    mode, status = _status(cell, comments)
    updated = cell.text("updated")
    event_type = _event_type(cell, comments)
    origin = OriginRecord(
        origin_id=ORIGIN_ID,
        time=time,
        latitude=latitude,
        longitude=longitude,
        depth_km=cell.number("depth_km", DEPTH_KM),
        time_uncertainty=time_uncertainty,
        depth_uncertainty_km=cell.number("depth_uncertainty_km", POSITIVE),
        latitude_uncertainty_km=cell.number("latitude_uncertainty_km", POSITIVE),
        longitude_uncertainty_km=cell.number("longitude_uncertainty_km", POSITIVE),
        horizontal_uncertainty_km=cell.number("horizontal_uncertainty_km", POSITIVE),
        used_phase_count=cell.count("used_phase_count"),
        used_station_count=cell.count("used_station_count"),
        standard_error=cell.number("standard_error", POSITIVE),
        azimuthal_gap=cell.number("azimuthal_gap", AZIMUTH),
        minimum_distance_deg=cell.number("minimum_distance_deg", DISTANCE_DEG),
        agency=agency,
        author=author,
        evaluation_mode=mode,
        evaluation_status=status,
        creation_time=None if updated is None else iso_time(problems, first, "updated", updated),
        line_number=first,
    )
    descriptions = tuple(
        DescriptionRecord(value, kind)
        for name, kind in (("region", "region name"), ("name", "earthquake name"))
        if (value := cell.text(name)) is not None
    )
    certainty = cell.text("event_type_certainty")
    if certainty is not None and certainty not in CERTAINTIES:
        problems.append(
            Problem(
                first, "unknown-value", "event_type_certainty", cut(certainty), "known suspected"
            )
        )
        comments.append(f"event_type_certainty: {certainty}")
        certainty = None
    return EventRecord(
        text=row,
        first_line=first,
        last_line=last,
        event_id=cell.text("event_id"),
        event_type=event_type,
        event_type_certainty=certainty,
        descriptions=descriptions,
        origins=(origin,),
        magnitudes=_magnitudes(cell, agency),
        intensities=_intensities(cell, origin, comments),
        interpretations=_interpretations(cell, comments),
        consequences=_consequences(cell),
        preferred_origin_id=ORIGIN_ID,
        agency=agency,
        author=author,
        source=cell.text("source"),
        deleted=event_type == "not existing",
        comments=tuple(comments),
    )


def _time(cell: _Row, limits: Limits) -> tuple[datetime | None, bool]:
    """Return the origin time of a row, and whether it is given to the minute only."""
    full = cell.text("origin_time") or ""
    if not full:
        full = f"{cell.text('date') or ''} {cell.text('time') or ''}".strip()
    words = full.replace("T", " ").split(None, 1)
    date = _DATE.match(words[0]) if words else None
    of_day = _CLOCK.match(words[1].strip()) if len(words) == 2 else None
    expected = "YYYY-MM-DD HH:MM:SS.s"
    if date is None or of_day is None:
        code = "not-a-time" if full else "missing-field"
        problem = Problem(cell.line, code, "origin_time", cut(full), expected, Severity.ERROR)
        cell.problems.append(problem)
        return None, False
    seconds = of_day["second"]
    try:
        day = datetime(
            int(date["year"] or date["year2"]),
            int(date["month"] or date["month2"]),
            int(date["day"] or date["day2"]),
            tzinfo=UTC,
        )
        exact = float(_point(seconds)) if seconds else 0.0
        time = clock(day, int(of_day["hour"]), int(of_day["minute"]), exact)
    except (ValueError, OverflowError):
        cell.problems.append(
            Problem(cell.line, "not-a-time", "origin_time", cut(full), expected, Severity.ERROR)
        )
        return None, False
    if not plausible(
        cell.problems, cell.line, "origin_time", time, limits.latest(), Severity.ERROR
    ):
        return None, False
    return time, seconds is None


def _status(cell: _Row, comments: list[str]) -> tuple[str | None, str | None]:
    """Return evaluation mode and status of the USGS word for both."""
    status = cell.text("status")
    known: dict[str, tuple[str, str | None]]
    known = {"automatic": ("automatic", None), "reviewed": ("manual", "reviewed")}
    if status is None:
        return None, None
    if status.lower() in known:
        return known[status.lower()]
    cell.problems.append(
        Problem(cell.line, "unknown-value", "status", cut(status), " ".join(known))
    )
    comments.append(f"status: {status}")
    return None, None


def _event_type(cell: _Row, comments: list[str]) -> str | None:
    text = cell.text("event_type")
    if text is None:
        return None
    word = text.casefold().replace("_", " ").replace("ё", "е")
    word = EVENT_TYPE_WORDS.get(word, word)
    if word in EVENT_TYPES:
        return word
    cell.problems.append(
        Problem(cell.line, "unknown-value", "event_type", cut(text), "QuakeML EventType")
    )
    comments.append(f"event_type: {text}")
    return None


def _magnitudes(cell: _Row, agency: str | None) -> tuple[MagnitudeRecord, ...]:
    """Return one magnitude a scale column that is not blank, and the generic one."""
    records = []
    columns = [(scale, f"scale:{scale}", scale) for scale in SCALES]
    columns.append(("", "magnitude", "magnitude"))
    for scale, column, name in columns:
        text = cell.text(column)
        if text is None:
            continue
        bound = {"<": "max", "≤": "max", ">": "min", "≥": "min"}.get(text[0])
        value = number(
            cell.problems, cell.line, name, _point(text[1:] if bound else text), MAGNITUDE
        )
        if value is None:
            continue
        kind: str | None = scale
        error, stations = f"uncertainty:{scale}", f"stations:{scale}"
        owner = agency
        if not scale:
            kind = cell.text("magnitude_type")
            error, stations = "magnitude_uncertainty", "magnitude_stations"
            owner = cell.text("magnitude_agency") or agency
        records.append(
            MagnitudeRecord(
                value=value,
                type=kind,
                magnitude_id=f"magnitude-{scale or 'generic'}",
                origin_id=ORIGIN_ID,
                uncertainty=cell.number(error, POSITIVE),
                bound=bound,
                station_count=cell.count(stations),
                agency=owner,
                line_number=cell.line,
            )
        )
    return tuple(records)


def _degree(text: str | None) -> float | None:
    if text is None:
        return None
    if text in _ROMAN:
        return float(_ROMAN[text])
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if INTENSITY[0] <= value <= INTENSITY[1] else None


def _intensities(
    cell: _Row, origin: OriginRecord, comments: list[str]
) -> tuple[IntensityRecord, ...]:
    """Return I0 and the places of a cell such as ``Алматы 4; Талгар 3-4; Нарын felt``."""
    records = []
    scale = cell.text("intensity_scale")
    i0 = cell.text("i0")
    if i0 is not None:
        marked = re.fullmatch(r"(.*?)\s*\(?(?:calculated|calc|расч)\.?\)?", i0)
        calculated = marked is not None
        degrees = [_degree(part.strip()) for part in re.split("[-–—]", marked[1] if marked else i0)]
        if len(degrees) <= 2 and None not in degrees:
            low, high = degrees[0], degrees[-1]
            records.append(
                IntensityRecord(
                    EPICENTRE,
                    low,
                    high,
                    low if low == high else None,
                    scale=scale,
                    latitude=origin.latitude,
                    longitude=origin.longitude,
                    calculated=calculated,
                    line_number=cell.line,
                )
            )
        else:
            cell.problems.append(Problem(cell.line, "not-a-number", "i0", cut(i0), "0..12"))
            comments.append(f"i0: {i0}")
    for part in (cell.text("intensities") or "").replace("\n", ";").split(";"):
        part = part.strip()
        if not part:
            continue
        felt = _FELT.match(part)
        if felt is not None:
            records.append(
                IntensityRecord(
                    felt["place"], felt=not felt["not"], scale=scale, line_number=cell.line
                )
            )
            continue
        match = _INTENSITY.match(part)
        low = _degree(match["low"]) if match else None
        high = _degree(match["high"] or match["low"]) if match else None
        if match is None or low is None or high is None:
            cell.problems.append(
                Problem(cell.line, "not-a-number", "intensities", cut(part), "place 0..12")
            )
            comments.append(f"intensity: {part}")
            continue
        distance = match["distance"]
        records.append(
            IntensityRecord(
                match["place"].rstrip(" ,:"),
                low,
                high,
                low if low == high else None,
                scale=scale,
                distance_km=float(distance.replace(",", ".")) if distance else None,
                line_number=cell.line,
            )
        )
    return tuple(records)


def _parts(cell: _Row, name: str) -> list[str]:
    """Return the statements of a cell that holds several, between semicolons."""
    text = (cell.text(name) or "").replace("\n", ";")
    return [part.strip() for part in text.split(";") if part.strip()]


def _language(text: str) -> str:
    return "ru" if _CYRILLIC.search(text) else "en"


def _interpretations(cell: _Row, comments: list[str]) -> tuple[InterpretationRecord, ...]:
    """Return what each author named in the cell holds the event to be."""
    records = []
    for part in _parts(cell, "interpretations"):
        match = _INTERPRETATION.match(part)
        word = match["type"].casefold().replace("_", " ").replace("ё", "е") if match else ""
        word = EVENT_TYPE_WORDS.get(word, word)
        if match is None or word not in EVENT_TYPES:
            expected = "author: QuakeML EventType (certainty)"
            cell.problems.append(
                Problem(cell.line, "unknown-value", "interpretations", cut(part), expected)
            )
            comments.append(f"interpretation: {part}")
            continue
        note = match["note"] or ""
        records.append(
            InterpretationRecord(word, match["certainty"], match["author"], note, _language(note))
        )
    return tuple(records)


def _consequences(cell: _Row) -> tuple[ConsequenceRecord, ...]:
    """Return what the earthquake did; a statement without a count is kept as its own words."""
    records = []
    for part in _parts(cell, "consequences"):
        match = _CONSEQUENCE.match(part)
        if match is None:
            records.append(ConsequenceRecord("other", note=part, language=_language(part)))
            continue
        records.append(
            ConsequenceRecord(
                match["kind"],
                int(match["count"]),
                match["about"] is not None,
                match["place"] or "",
                match["note"] or "",
                _language(part),
            )
        )
    return tuple(records)


# --- writing ----------------------------------------------------------------------------------

COLUMNS = (
    *("event_id", "origin_time", "latitude", "longitude", "depth_km"),
    *SCALES,
    *("magnitude", "magnitude_type", "magnitude_uncertainty", "magnitude_stations"),
    *(f"{scale}_uncertainty" for scale in SCALES),
    *(f"{scale}_stations" for scale in SCALES),
    *("i0", "intensities", "intensity_scale", "event_type", "event_type_certainty"),
    *("interpretations", "consequences"),
    *("agency", "author", "source", "region", "name"),
    *("time_uncertainty", "latitude_uncertainty_km", "longitude_uncertainty_km"),
    *("horizontal_uncertainty_km", "depth_uncertainty_km", "used_station_count"),
    *("used_phase_count", "azimuthal_gap", "minimum_distance_deg", "standard_error", "comment"),
)


def text_cell(text: str | None, guard: bool = True) -> str:
    """Return a text for a CSV cell; with ``guard`` a spreadsheet will not take it for a formula."""
    if text is None:
        return ""
    if guard and text.startswith(_DANGEROUS):
        return "'" + text
    return text


def time_cell(time: datetime, uncertainty: float | None) -> str:
    """Return an ISO time in UTC, without seconds where it is known to the minute only."""
    if uncertainty == MINUTE_UNCERTAINTY and time.second == 0 and time.microsecond == 0:
        return f"{time:%Y-%m-%dT%H:%M}"
    return time.isoformat(timespec="microseconds")[:26].rstrip("0").rstrip(".")


def _number_cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def _bounded(magnitude: MagnitudeRecord) -> str:
    return {"min": ">", "max": "<"}.get(magnitude.bound or "", "") + repr(magnitude.value)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f"{low:g}" if high is None or high == low else f"{low:g}-{high:g}"


def _place(record: IntensityRecord) -> str:
    distance = "" if record.distance_km is None else f" ({record.distance_km:g} km)"
    if record.minimum is None:
        return f"{record.place} {'felt' if record.felt else 'not felt'}"
    return f"{record.place}{distance} {_range(record.minimum, record.maximum)}"


def _said(record: InterpretationRecord) -> str:
    author = f"{record.author}: " if record.author else ""
    certainty = f" ({record.event_type_certainty})" if record.event_type_certainty else ""
    note = f" - {record.note}" if record.note else ""
    return f"{author}{record.event_type}{certainty}{note}"


def _done(record: ConsequenceRecord) -> str:
    if record.count is None:
        return record.note or record.kind
    place = f" ({record.place})" if record.place else ""
    note = f" - {record.note}" if record.note else ""
    return f"{record.kind}: {'~' if record.approximate else ''}{record.count}{place}{note}"


def write(events: Iterable[EventRecord], guard: bool = True) -> Iterator[str]:
    """Yield the heading and one line an event: its preferred origin (else the first)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for event in events:
        if event.origins:
            row = _row(event, guard)
            writer.writerow([row.get(name, "") for name in COLUMNS])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    if out.getvalue():
        yield out.getvalue()


def _row(event: EventRecord, guard: bool) -> dict[str, str]:
    """Return the cells of an event by column."""
    origin = next(
        (o for o in event.origins if o.origin_id == event.preferred_origin_id), event.origins[0]
    )
    row = {
        "event_id": text_cell(event.event_id, guard),
        "origin_time": time_cell(origin.time, origin.time_uncertainty),
        "latitude": repr(origin.latitude),
        "longitude": repr(origin.longitude),
        "event_type": event.event_type or "",
        "event_type_certainty": event.event_type_certainty or "",
        "agency": text_cell(origin.agency or event.agency, guard),
        "author": text_cell(origin.author or event.author, guard),
        "source": text_cell(event.source, guard),
        "comment": text_cell(" | ".join(event.comments), guard),
    }
    for name in (
        *("depth_km", "time_uncertainty", "latitude_uncertainty_km", "longitude_uncertainty_km"),
        *("horizontal_uncertainty_km", "depth_uncertainty_km", "used_station_count"),
        *("used_phase_count", "azimuthal_gap", "minimum_distance_deg", "standard_error"),
    ):
        row[name] = _number_cell(getattr(origin, name))
    for description in event.descriptions:
        column = {"region name": "region", "earthquake name": "name"}.get(description.type or "")
        if column is not None:
            row.setdefault(column, text_cell(description.text, guard))
    for magnitude in event.magnitudes:
        if magnitude.type in SCALES:
            if magnitude.type in row:
                continue  # a table has one value a scale: the first
            row[magnitude.type] = _bounded(magnitude)
            row[f"{magnitude.type}_uncertainty"] = _number_cell(magnitude.uncertainty)
            row[f"{magnitude.type}_stations"] = _number_cell(magnitude.station_count)
        elif "magnitude" not in row:
            row["magnitude"] = _bounded(magnitude)
            row["magnitude_type"] = text_cell(magnitude.type, guard)
            row["magnitude_uncertainty"] = _number_cell(magnitude.uncertainty)
            row["magnitude_stations"] = _number_cell(magnitude.station_count)
    places = []
    for intensity in event.intensities:
        row["intensity_scale"] = text_cell(intensity.scale, guard)
        if intensity.place == EPICENTRE:
            row["i0"] = _range(intensity.minimum, intensity.maximum)
            row["i0"] += " (calc.)" if intensity.calculated else ""
        else:
            places.append(_place(intensity))
    row["intensities"] = text_cell("; ".join(places), guard)
    row["interpretations"] = text_cell("; ".join(map(_said, event.interpretations)), guard)
    row["consequences"] = text_cell("; ".join(map(_done, event.consequences)), guard)
    return row
