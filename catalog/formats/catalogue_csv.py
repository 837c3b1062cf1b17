"""The multi-magnitude catalogue table: one row an event, one column a scale.

Headings may be English or Russian and stand in any order; the delimiter is a comma, a semicolon
or a tab, or the file is a workbook (.xlsx); decimals have a point or a comma; dates are ISO
(2014-11-14), 2014/11/14 or 14.11.2014. Times are UTC unless the text states an offset. A time
without seconds is good to the minute: its uncertainty is 30 s unless the row says otherwise.
Values of columns nobody knows are kept as comments ("heading: value"). A row's number is a comment
too: lists of a year number their rows from 1, and as an agency's id it would make the next year's
list supersede this year's.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO

from catalog.formats.intensity import degree, read_span
from catalog.formats.labels import with_label
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    EPICENTRE,
    ConsequenceRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    IntensityRecord,
    InterpretationRecord,
    MagnitudeRecord,
    NodalPlaneRecord,
    OriginRecord,
)
from catalog.formats.spreadsheet import head_texts, is_workbook
from catalog.formats.tables import (
    MINUTE_UNCERTAINTY,
    Cells,
    TableRow,
    candidate_headings,
    heading_problems,
    iso_cell,
    moment,
    number_cell,
    open_table,
    plain,
    point,
    text_cell,
    values_of,
)
from catalog.formats.values import (
    AZIMUTH,
    CERTAINTIES,
    DEPTH_KM,
    DISTANCE_DEG,
    EVENT_TYPES,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    POSITIVE,
    Range,
    cut,
    iso_time,
    number,
    plausible,
)

VERSION = "catalogue-csv-4"  # of this reader; stored with each reading
ORIGIN_ID = "origin-1"
NUMBER = "№"  # begins the comment that keeps a row's number

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
#: Field -> headings that mean it, compared by ``plain``. One table for all languages.
ALIASES: dict[str, tuple[str, ...]] = {
    "event_id": ("event_id", "eventid", "id", "код события", "ид"),
    # The row's place in its list, which begins with 1 again every year: never an identity.
    "number": ("number", "номер", "№", "n", "no", "n п п", "№ п п", "nn"),
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
    "magnitude_type": (
        *("magnitude_type", "mag_type", "magtype", "magnitudetype", "тип магнитуды"),
    ),
    "magnitude_uncertainty": (
        *("magnitude_uncertainty", "magerror", "mag_error", "sigmamagnitude"),
    ),
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
    "time_uncertainty": (
        *("time_uncertainty", "time_error", "timeerror", "ошибка времени", "δt0", "dt"),
    ),
    "latitude_uncertainty_km": ("latitude_uncertainty_km", "ошибка широты км"),
    "longitude_uncertainty_km": ("longitude_uncertainty_km", "ошибка долготы км"),
    "horizontal_uncertainty_km": (
        *("horizontal_uncertainty_km", "horizontalerror", "ошибка эпицентра км"),
    ),
    "semi_major_axis_km": ("semi_major_axis_km", "smajax"),
    "semi_minor_axis_km": ("semi_minor_axis_km", "sminax"),
    "major_axis_azimuth": ("major_axis_azimuth",),
    "confidence_level": ("confidence_level",),
    "depth_uncertainty_km": ("depth_uncertainty_km", "deptherror", "ошибка глубины км", "dh"),
    "used_station_count": ("used_station_count", "nst", "stations", "число станций"),
    "used_phase_count": ("used_phase_count", "ndef", "число фаз"),
    "azimuthal_gap": ("azimuthal_gap", "gap", "азимутальный створ"),
    "minimum_distance_deg": ("minimum_distance_deg", "dmin"),
    "standard_error": ("standard_error", "rms", "невязка"),
    **{
        f"{name}_{plane}": (f"{name}_{plane}", f"{name}{plane}", *short)
        for plane in (1, 2)
        for name, short in (("strike", (f"str{plane}",)), ("dip", ()), ("rake", ()))
    },
    "updated": ("updated", "обновлено"),
    "status": ("status", "статус"),
}
EVENT_TYPE_WORDS = {
    "eq": "earthquake",
    "qb": "quarry blast",
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
#: Scales of distant waves: nobody can measure 0 on them, so 0 is what a list writes for nothing.
_NEVER_ZERO = ("MS", "mb")
DIP: Range = (0.0, 90.0)
RAKE: Range = (-360.0, 360.0)
STRIKE: Range = (-360.0, 720.0)
#: Headings of the tables that name times and places too: bulletin CSV, year book.
FOREIGN = frozenset(
    (
        *(
            "row",
            "строка",
            "вид строки",
            "жол",
            "t pl",
            "p pl",
            "np1 stk",
            "np2 stk",
            "pl",
            "azm",
            "stk",
        ),
        *("settlement", "населенный пункт", "пункт", "елді мекен"),
    )
)
#: A date in parts is the year book's catalogue ...
_YEAR = frozenset(("year", "год", "жыл"))
#: ... unless the clock is in parts, too, so that a column ``time`` can only be the time as a whole.
_CLOCK_PARTS = frozenset(("hour", "minute", "second"))
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
LONGEST_STATEMENT = 2000  # characters of one author's view, or of one thing that happened


def _headings() -> dict[str, str]:
    table = {plain(word): name for name, words in ALIASES.items() for word in words}
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


def _fields(headings: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return the field of each column; ``None`` for an unknown one or a repetition."""
    seen: set[str] = set()
    fields: list[str | None] = []
    words = [plain(heading) for heading in headings]
    for word in words:
        name = HEADINGS.get(word)
        if word == "strike" and "smajax" in words:  # that of the error ellipse, not of a fault
            name = "major_axis_azimuth"
        fields.append(None if name in seen else name)
        seen.add(name or "")
    return tuple(fields)


def _known(headings: tuple[str, ...]) -> int:
    return sum(name is not None for name in _fields(headings))


def _usable(fields: tuple[str | None, ...]) -> bool:
    has_time = any(name in fields for name in ("origin_time", "time", "date"))
    return has_time and all(name in fields for name in _REQUIRED)


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first line names a time, a latitude and a longitude.

    A workbook whose words are not at hand (they lie behind its cells), or that its reading will
    refuse (.xls, .xlsm), counts as a catalogue: then the reading says what it is.
    """
    if is_workbook(head) and not head_texts(head):
        return filename.lower().endswith((".xls", ".xlsx", ".xlsm"))
    return any(
        _usable(_fields(headings)) and not _foreign(headings)
        for headings in candidate_headings(head, _known)
    )


def _foreign(headings: tuple[str, ...]) -> bool:
    """Tell whether a heading belongs to another table that names times and places too."""
    words = {plain(heading) for heading in headings}
    whole = {"date", "origin_time"} | ({"time"} if words >= _CLOCK_PARTS else set())
    in_parts = bool(words & _YEAR) and not any(HEADINGS.get(word) in whole for word in words)
    return in_parts or bool(words & FOREIGN)


# --- reading ----------------------------------------------------------------------------------


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield one event a row; the problems of a row come just before it.

    A row without a usable time, latitude or longitude is an error and gives no event.

    Raises
    ------
    FormatError
        Nothing can be read: empty, or the headings lack time, latitude or longitude.
    """
    problems: list[Problem] = []
    table = open_table(stream, limits, problems, _known)
    heading = table.heading
    fields = _fields(heading.cells)
    yield from problems
    problems.clear()
    if not _usable(fields):
        lacking = [n for n in (*_REQUIRED, "origin_time") if n not in fields]
        code = "missing-field" if any(fields) else "wrong-format"
        raise FormatError(
            Problem(
                heading.first_line, code, lacking[0], cut(heading.text), "heading", Severity.ERROR
            )
        )
    yield from heading_problems(heading, fields, lambda text: plain(text) in HEADINGS)
    seen_ids: set[str] = set()
    events = 0
    for row in table.rows:
        yield from problems
        problems.clear()
        if events >= limits.max_events:
            expected = f"<= {limits.max_events}"
            yield Problem(row.first_line, "too-many-events", "", "", expected, Severity.ERROR)
            return
        cell, comments = values_of(row, heading.cells, fields, problems, table.delimiter)
        record = event_of(row, cell, comments, limits)
        if record is not None and record.event_id is not None:
            if record.event_id in seen_ids:
                cell.report("duplicate-event-id", "event_id", "unique")
            seen_ids.add(record.event_id)
        yield from problems
        problems.clear()
        if record is not None:
            events += 1
            yield record
    yield from problems


def event_of(row: TableRow, cell: Cells, comments: list[str], limits: Limits) -> EventRecord | None:
    """Return the event of a row, or ``None`` with an error."""
    problems, first = cell.problems, row.first_line
    time, to_the_minute = _time(cell, limits)
    latitude = cell.required("latitude", LATITUDE)
    longitude = cell.required("longitude", LONGITUDE)
    if time is None or latitude is None or longitude is None:
        return None
    if latitude == 0.0 and longitude == 0.0:
        # What lists write where they have no position.
        cell.report("zero-position", "latitude", "latitude, longitude", Severity.ERROR)
        return None
    own, number_text = cell.text("comment"), cell.text("number")
    if own is not None:
        comments.insert(0, own)
    if number_text is not None:
        comments.insert(0, f"{NUMBER}: {number_text}")
    time_uncertainty = cell.number("time_uncertainty", POSITIVE)
    if time_uncertainty is None and to_the_minute:
        time_uncertainty = MINUTE_UNCERTAINTY
    agency, author = cell.text("agency"), cell.text("author")
    mode, status = _status(cell, comments)
    updated = cell.text("updated")
    event_type = read_event_type(cell, comments)
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
        semi_major_axis_km=cell.number("semi_major_axis_km", POSITIVE),
        semi_minor_axis_km=cell.number("semi_minor_axis_km", POSITIVE),
        major_axis_azimuth=cell.number("major_axis_azimuth", AZIMUTH),
        confidence_level=cell.number("confidence_level", (0.0, 100.0)),
        used_phase_count=cell.count("used_phase_count"),
        used_station_count=cell.count("used_station_count"),
        standard_error=cell.number("standard_error", POSITIVE),
        azimuthal_gap=cell.number("azimuthal_gap", AZIMUTH),
        minimum_distance_deg=cell.number("minimum_distance_deg", DISTANCE_DEG),
        agency=agency,
        author=author,
        evaluation_mode=mode,
        evaluation_status=status,
        creation_time=None
        if updated is None
        else iso_time(problems, first, cell.field("updated"), updated),
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
                first,
                "unknown-value",
                cell.field("event_type_certainty"),
                cut(certainty),
                "known suspected",
            )
        )
        comments.append(f"event_type_certainty: {certainty}")
        certainty = None
    return EventRecord(
        text=row.text,
        first_line=first,
        last_line=row.last_line,
        event_id=cell.text("event_id"),
        event_type=event_type,
        event_type_certainty=certainty,
        descriptions=descriptions,
        origins=(origin,),
        magnitudes=_magnitudes(cell, agency),
        focal_mechanisms=_mechanisms(cell, agency),
        intensities=_intensities(cell, origin, comments),
        interpretations=read_interpretations(cell, comments),
        consequences=read_consequences(cell),
        preferred_origin_id=ORIGIN_ID,
        agency=agency,
        author=author,
        source=cell.text("source"),
        deleted=event_type == "not existing",
        comments=tuple(comments),
    )


def _time(cell: Cells, limits: Limits) -> tuple[datetime | None, bool]:
    """Return the origin time of a row, and whether it is given to the minute only."""
    full = cell.text("origin_time") or ""
    if not full:
        full = f"{cell.text('date') or ''} {cell.text('time') or ''}".strip()
    expected = "YYYY-MM-DD HH:MM:SS.s"
    named = next((n for n in ("origin_time", "date", "time") if n in cell.values), "origin_time")
    field = cell.references.get(named)
    field = "origin_time" if field is None else f"origin_time {field}"
    try:
        time, to_the_minute = moment(full)
    except ValueError:
        code = "not-a-time" if full else "missing-field"
        cell.problems.append(Problem(cell.line, code, field, cut(full), expected, Severity.ERROR))
        return None, False
    if not plausible(cell.problems, cell.line, field, time, limits.latest(), Severity.ERROR):
        return None, False
    return time, to_the_minute


def _status(cell: Cells, comments: list[str]) -> tuple[str | None, str | None]:
    """Return evaluation mode and status of the USGS word for both."""
    status = cell.text("status")
    known: dict[str, tuple[str, str | None]]
    known = {"automatic": ("automatic", None), "reviewed": ("manual", "reviewed")}
    if status is None:
        return None, None
    if status.lower() in known:
        return known[status.lower()]
    cell.problems.append(
        Problem(cell.line, "unknown-value", cell.field("status"), cut(status), " ".join(known))
    )
    comments.append(f"status: {status}")
    return None, None


def read_event_type(cell: Cells, comments: list[str]) -> str | None:
    """Return the QuakeML event type of a row; an unknown word is reported and kept as a comment."""
    text = cell.text("event_type")
    if text is None:
        return None
    word = text.casefold().replace("_", " ").replace("ё", "е")
    word = EVENT_TYPE_WORDS.get(word, word)
    if word in EVENT_TYPES:
        return word
    cell.problems.append(
        Problem(
            cell.line, "unknown-value", cell.field("event_type"), cut(text), "QuakeML EventType"
        )
    )
    comments.append(f"event_type: {text}")
    return None


def _magnitudes(cell: Cells, agency: str | None) -> tuple[MagnitudeRecord, ...]:
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
            cell.problems,
            cell.line,
            " ".join(filter(None, (name, cell.references.get(column)))),
            point(text[1:] if bound else text),
            MAGNITUDE,
        )
        if value is None:
            continue
        if value == 0.0 and bound is None and scale in _NEVER_ZERO:
            problem = Problem(cell.line, "out-of-range", scale, cut(text), "not 0")
            cell.problems.append(problem)
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


def _intensities(
    cell: Cells, origin: OriginRecord, comments: list[str]
) -> tuple[IntensityRecord, ...]:
    """Return I0 and the places of a cell such as ``Алматы 4; Талгар 3-4; Нарын felt``."""
    records = []
    scale = cell.text("intensity_scale")
    i0 = cell.text("i0")
    if i0 is not None:
        span = read_span(i0)
        if span is not None and span.felt is None:
            records.append(
                IntensityRecord(
                    EPICENTRE,
                    span.low,
                    span.high,
                    span.low if span.low == span.high else None,
                    scale=scale,
                    latitude=origin.latitude,
                    longitude=origin.longitude,
                    calculated=span.calculated,
                    line_number=cell.line,
                )
            )
        else:
            cell.problems.append(
                Problem(cell.line, "not-a-number", cell.field("i0"), cut(i0), "0..12")
            )
            comments.append(f"i0: {i0}")
    for part in _parts(cell, "intensities"):
        felt = _FELT.match(part)
        if felt is not None:
            records.append(
                IntensityRecord(
                    felt["place"], felt=not felt["not"], scale=scale, line_number=cell.line
                )
            )
            continue
        match = _INTENSITY.match(part)
        low = degree(match["low"]) if match else None
        high = degree(match["high"] or match["low"]) if match else None
        if match is None or low is None or high is None:
            cell.problems.append(
                Problem(
                    cell.line, "not-a-number", cell.field("intensities"), cut(part), "place 0..12"
                )
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


def _mechanisms(cell: Cells, agency: str | None) -> tuple[FocalMechanismRecord, ...]:
    """Return the mechanism of a row that gives one nodal plane, or both."""
    planes = []
    for plane in (1, 2):
        strike = cell.number(f"strike_{plane}", STRIKE)
        dip = cell.number(f"dip_{plane}", DIP)
        rake = cell.number(f"rake_{plane}", RAKE)
        if strike is not None and dip is not None and rake is not None:
            planes.append(NodalPlaneRecord(strike % 360.0, dip, (rake + 180.0) % 360.0 - 180.0))
    if not planes:
        return ()
    return (
        FocalMechanismRecord(
            "mechanism-1",
            nodal_plane_1=planes[0],
            nodal_plane_2=planes[1] if len(planes) > 1 else None,
            agency=agency,
            line_number=cell.line,
        ),
    )


def _parts(cell: Cells, name: str) -> list[str]:
    """Return the statements of a cell that holds several, between semicolons."""
    text = (cell.text(name) or "").replace("\n", ";")
    return [single_spaced(part) for part in text.split(";") if part.strip()]


def single_spaced(text: str) -> str:
    """Return text with one blank for each run of blanks.

    A pattern that allows blanks in several places tries every way to share a long run among them.
    """
    return " ".join(text.split())


def _language(text: str) -> str:
    return "ru" if _CYRILLIC.search(text) else "en"


def read_interpretations(cell: Cells, comments: list[str]) -> tuple[InterpretationRecord, ...]:
    """Return what each author named in the cell holds the event to be."""
    records = []
    for part in _parts(cell, "interpretations"):
        match = _INTERPRETATION.match(part) if len(part) <= LONGEST_STATEMENT else None
        word = match["type"].casefold().replace("_", " ").replace("ё", "е") if match else ""
        word = EVENT_TYPE_WORDS.get(word, word)
        if match is None or word not in EVENT_TYPES:
            expected = "author: QuakeML EventType (certainty)"
            cell.problems.append(
                Problem(
                    cell.line, "unknown-value", cell.field("interpretations"), cut(part), expected
                )
            )
            comments.append(f"interpretation: {part}")
            continue
        note = match["note"] or ""
        records.append(
            InterpretationRecord(word, match["certainty"], match["author"], note, _language(note))
        )
    return tuple(records)


def read_consequences(cell: Cells) -> tuple[ConsequenceRecord, ...]:
    """Return what the earthquake did; a statement without a count is kept as its own words."""
    records = []
    for part in _parts(cell, "consequences"):
        match = _CONSEQUENCE.match(part) if len(part) <= LONGEST_STATEMENT else None
        if match is None or len(match["count"]) > 9:
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


def time_cell(time: datetime, uncertainty: float | None) -> str:
    """Return an ISO time in UTC, without seconds where it is known to the minute only."""
    if uncertainty == MINUTE_UNCERTAINTY and time.second == 0 and time.microsecond == 0:
        return f"{time:%Y-%m-%dT%H:%M}"
    return iso_cell(time)


def bounded_cell(magnitude: MagnitudeRecord) -> str:
    return {"min": ">", "max": "<"}.get(magnitude.bound or "", "") + repr(magnitude.value)


def range_cell(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f"{low:g}" if high is None or high == low else f"{low:g}-{high:g}"


def _place(record: IntensityRecord) -> str:
    distance = "" if record.distance_km is None else f" ({record.distance_km:g} km)"
    if record.minimum is None:
        return f"{record.place} {'felt' if record.felt else 'not felt'}"
    return f"{record.place}{distance} {range_cell(record.minimum, record.maximum)}"


def interpretation_cell(record: InterpretationRecord) -> str:
    author = f"{record.author}: " if record.author else ""
    certainty = f" ({record.event_type_certainty})" if record.event_type_certainty else ""
    note = f" - {record.note}" if record.note else ""
    return f"{author}{record.event_type}{certainty}{note}"


def consequence_cell(record: ConsequenceRecord) -> str:
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
        "comment": text_cell(" | ".join(with_label(event.comments, event.synthetic)), guard),
    }
    for name in (
        *("depth_km", "time_uncertainty", "latitude_uncertainty_km", "longitude_uncertainty_km"),
        *("horizontal_uncertainty_km", "depth_uncertainty_km", "used_station_count"),
        *("used_phase_count", "azimuthal_gap", "minimum_distance_deg", "standard_error"),
    ):
        row[name] = number_cell(getattr(origin, name))
    for description in event.descriptions:
        column = {"region name": "region", "earthquake name": "name"}.get(description.type or "")
        if column is not None:
            row.setdefault(column, text_cell(description.text, guard))
    for magnitude in event.magnitudes:
        if magnitude.type in SCALES:
            if magnitude.type in row:
                continue  # a table has one value a scale: the first
            row[magnitude.type] = bounded_cell(magnitude)
            row[f"{magnitude.type}_uncertainty"] = number_cell(magnitude.uncertainty)
            row[f"{magnitude.type}_stations"] = number_cell(magnitude.station_count)
        elif "magnitude" not in row:
            row["magnitude"] = bounded_cell(magnitude)
            row["magnitude_type"] = text_cell(magnitude.type, guard)
            row["magnitude_uncertainty"] = number_cell(magnitude.uncertainty)
            row["magnitude_stations"] = number_cell(magnitude.station_count)
    places = []
    for intensity in event.intensities:
        row["intensity_scale"] = text_cell(intensity.scale, guard)
        if intensity.place == EPICENTRE:
            row["i0"] = range_cell(intensity.minimum, intensity.maximum)
            row["i0"] += " (calc.)" if intensity.calculated else ""
        else:
            places.append(_place(intensity))
    row["intensities"] = text_cell("; ".join(places), guard)
    row["interpretations"] = text_cell(
        "; ".join(map(interpretation_cell, event.interpretations)), guard
    )
    row["consequences"] = text_cell("; ".join(map(consequence_cell, event.consequences)), guard)
    return row
