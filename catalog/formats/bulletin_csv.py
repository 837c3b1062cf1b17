"""The bulletin table: event rows and the arrival rows that belong to them.

A bulletin as a duty operator types it in a spreadsheet and as a script prints it; a workbook
(.xlsx) is read alike. The first line names the columns, in any order and any subset; the column
``row`` says what a row is::

    row,event_id,time,latitude,longitude,depth_km,KR,MPVA,station,phase,onset,time_residual_s
    event,2014-318-1,2014-11-14T01:24:16.5,42.10,77.27,10,13.6,6.2,,,,
    arrival,,2014-11-14T01:24:38.20,,,,,,PDGK,Pn,impulsive,0.3
    arrival,,2014-11-14T01:24:55.10,,,,,,PDGK,Sn,emergent,-0.8
    readings,,,,,,,,,,,
    arrival,,2014-11-14T03:10:02.70,,,,,,OTUK,P,impulsive,

- ``event`` opens an event and holds its first solution; without a time, a latitude or a longitude
  it is an event without a solution.
- ``origin`` is another solution of the same event.
- ``arrival`` is a reading that the solution above it uses; ``pick`` one that no solution uses.
- ``magnitude``, ``amplitude``, ``intensity`` are what the rows above have no column for: a value
  with its uncertainty, stations or agency; a further amplitude; a place where it was felt.
- ``readings`` closes the event: the arrivals below it belong to no event. Arrivals above the first
  event are such readings too.

``COLUMNS`` are all columns in the order they are written. A caller that makes a file by hand (the
desk's form) builds records and calls ``write(records)``; ``write(records, columns)`` leaves out
columns it has no use for. Times are full ISO times, UTC unless the text states an offset; a time
without seconds gets an uncertainty of 30 s. Focal mechanisms have no row: QuakeML and the year
book's table carry them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, BinaryIO

from catalog.formats.catalogue_csv import (
    EVENT_TYPE_WORDS,
    SCALES,
    bounded_cell,
    consequence_cell,
    interpretation_cell,
    range_cell,
    read_consequences,
    read_interpretations,
)
from catalog.formats.intensity import read_span
from catalog.formats.labels import with_label
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    IntensityRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationMagnitudeRecord,
    StationReference,
)
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
    ANY,
    AZIMUTH,
    CERTAINTIES,
    DEPTH_KM,
    DISTANCE_DEG,
    EVENT_TYPES,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    PERCENT,
    POSITIVE,
    Range,
    cut,
    number,
    plausible,
)

VERSION = "bulletin-csv-2"  # of this reader; stored with each reading
MAX_PICKS = 500  # of one ReadingsRecord
BETWEEN_COMMENTS = " | "

#: What ``row`` may say, in three languages.
KINDS = {
    **dict.fromkeys(("event", "событие", "землетрясение", "оқиға"), "event"),
    **dict.fromkeys(("origin", "решение", "шешім"), "origin"),
    **dict.fromkeys(("magnitude", "магнитуда"), "magnitude"),
    **dict.fromkeys(("arrival", "phase", "вступление", "фаза", "түсу"), "arrival"),
    **dict.fromkeys(("pick", "отсчет", "отсчёт"), "pick"),
    **dict.fromkeys(("amplitude", "амплитуда"), "amplitude"),
    **dict.fromkeys(("intensity", "балльность", "интенсивность", "балл"), "intensity"),
    **dict.fromkeys(("readings", "показания станций", "станции"), "readings"),
}
ONSETS = {
    **dict.fromkeys(("impulsive", "i"), "impulsive"),
    **dict.fromkeys(("emergent", "e"), "emergent"),
    **dict.fromkeys(("questionable", "q"), "questionable"),
}
POLARITIES = {
    **dict.fromkeys(("positive", "c", "u", "+"), "positive"),
    **dict.fromkeys(("negative", "d", "-"), "negative"),
    "undecidable": "undecidable",
}
FLAGS = {
    **dict.fromkeys(("yes", "true", "1", "да", "иә"), True),
    **dict.fromkeys(("no", "false", "0", "нет", "жоқ"), False),
}
MODES = {word: word for word in ("manual", "automatic")}
STATUSES = {
    word: word for word in ("preliminary", "confirmed", "reviewed", "final", "rejected", "reported")
}
DEPTH_TYPES = {
    word: word
    for word in (
        *(
            "from location",
            "from moment tensor inversion",
            "from modeling of broad-band P waveforms",
        ),
        *("constrained by depth phases", "constrained by direct phases"),
        *("constrained by depth and direct phases", "operator assigned", "other"),
    )
}
ORIGIN_TYPES = {
    word: word
    for word in (
        *("hypocenter", "centroid", "amplitude", "macroseismic", "rupture start", "rupture end"),
    )
}
UNITS = {word: word for word in ("nm", "m", "s", "m/s", "m/(s*s)", "m*s", "dimensionless", "other")}
_CERTAINTY_WORDS = {word: word for word in CERTAINTIES}
_EVENT_WORDS = {**{word: word for word in EVENT_TYPES}, **EVENT_TYPE_WORDS}

TEXT, COUNT, TIME = "text", "count", "time"
_Kind = Range | str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of one record: its heading, the record's attribute, what a cell may hold."""

    name: str
    attribute: str
    kind: _Kind


def _columns(*rows: tuple[str, str, _Kind]) -> tuple[_Column, ...]:
    return tuple(_Column(*row) for row in rows)


#: Column by column, which attribute of which record it is. Reader and writer follow these.
ORIGIN = _columns(
    ("depth_km", "depth_km", DEPTH_KM),
    ("depth_type", "depth_type", DEPTH_TYPES),
    ("time_uncertainty_s", "time_uncertainty", POSITIVE),
    ("time_fixed", "time_fixed", FLAGS),
    ("epicenter_fixed", "epicenter_fixed", FLAGS),
    ("depth_uncertainty_km", "depth_uncertainty_km", POSITIVE),
    ("latitude_uncertainty_km", "latitude_uncertainty_km", POSITIVE),
    ("longitude_uncertainty_km", "longitude_uncertainty_km", POSITIVE),
    ("horizontal_uncertainty_km", "horizontal_uncertainty_km", POSITIVE),
    ("semi_major_axis_km", "semi_major_axis_km", POSITIVE),
    ("semi_minor_axis_km", "semi_minor_axis_km", POSITIVE),
    ("major_axis_azimuth_deg", "major_axis_azimuth", AZIMUTH),
    ("confidence_level_percent", "confidence_level", PERCENT),
    ("used_phase_count", "used_phase_count", COUNT),
    ("associated_phase_count", "associated_phase_count", COUNT),
    ("used_station_count", "used_station_count", COUNT),
    ("associated_station_count", "associated_station_count", COUNT),
    ("depth_phase_count", "depth_phase_count", COUNT),
    ("standard_error_s", "standard_error", POSITIVE),
    ("azimuthal_gap_deg", "azimuthal_gap", AZIMUTH),
    ("secondary_azimuthal_gap_deg", "secondary_azimuthal_gap", AZIMUTH),
    ("minimum_distance_deg", "minimum_distance_deg", DISTANCE_DEG),
    ("maximum_distance_deg", "maximum_distance_deg", DISTANCE_DEG),
    ("median_distance_deg", "median_distance_deg", DISTANCE_DEG),
    ("ground_truth_level", "ground_truth_level", TEXT),
    ("agency", "agency", TEXT),
    ("author", "author", TEXT),
    ("method", "method_id", TEXT),
    ("earth_model", "earth_model_id", TEXT),
    ("origin_type", "origin_type", ORIGIN_TYPES),
    ("evaluation_mode", "evaluation_mode", MODES),
    ("evaluation_status", "evaluation_status", STATUSES),
    ("creation_time", "creation_time", TIME),
    ("origin_region", "region", TEXT),
    ("origin_event_type", "event_type", _EVENT_WORDS),
    ("origin_event_type_certainty", "event_type_certainty", _CERTAINTY_WORDS),
)
MAGNITUDE_COLUMNS = _columns(
    ("magnitude_type", "type", TEXT),
    ("magnitude_uncertainty", "uncertainty", POSITIVE),
    ("magnitude_stations", "station_count", COUNT),
    ("azimuthal_gap_deg", "azimuthal_gap", AZIMUTH),
    ("agency", "agency", TEXT),
    ("author", "author", TEXT),
    ("method", "method_id", TEXT),
    ("evaluation_mode", "evaluation_mode", MODES),
    ("evaluation_status", "evaluation_status", STATUSES),
    ("creation_time", "creation_time", TIME),
)
STATION = _columns(
    ("network", "network", TEXT),
    ("location", "location", TEXT),
    ("channel", "channel", TEXT),
    ("station_agency", "agency", TEXT),
    ("station_latitude", "latitude", LATITUDE),
    ("station_longitude", "longitude", LONGITUDE),
    ("station_elevation_m", "elevation_m", (-12_000.0, 9_000.0)),
)
PICK = _columns(
    ("time_uncertainty_s", "time_uncertainty", POSITIVE),
    ("onset", "onset", ONSETS),
    ("polarity", "polarity", POLARITIES),
    ("backazimuth_deg", "backazimuth", AZIMUTH),
    ("backazimuth_uncertainty_deg", "backazimuth_uncertainty", POSITIVE),
    ("slowness_s_per_deg", "horizontal_slowness", POSITIVE),
    ("slowness_uncertainty_s_per_deg", "horizontal_slowness_uncertainty", POSITIVE),
    ("snr", "snr", POSITIVE),
    ("evaluation_mode", "evaluation_mode", MODES),
    ("evaluation_status", "evaluation_status", STATUSES),
    ("agency", "agency", TEXT),
    ("filter", "filter_id", TEXT),
    ("method", "method_id", TEXT),
)
ARRIVAL = _columns(
    ("azimuth_deg", "azimuth", AZIMUTH),
    ("distance_deg", "distance_deg", DISTANCE_DEG),
    ("takeoff_angle_deg", "takeoff_angle", (0.0, 180.0)),
    ("time_residual_s", "time_residual", ANY),
    ("time_weight", "time_weight", POSITIVE),
    ("time_defining", "time_defining", FLAGS),
    ("backazimuth_residual_deg", "backazimuth_residual", (-180.0, 180.0)),
    ("backazimuth_weight", "backazimuth_weight", POSITIVE),
    ("backazimuth_defining", "backazimuth_defining", FLAGS),
    ("slowness_residual_s_per_deg", "horizontal_slowness_residual", ANY),
    ("slowness_weight", "horizontal_slowness_weight", POSITIVE),
    ("slowness_defining", "horizontal_slowness_defining", FLAGS),
    ("time_correction_s", "time_correction", ANY),
    ("arrival_earth_model", "earth_model", TEXT),
)
AMPLITUDE = _columns(
    ("amplitude_type", "type", TEXT),
    ("amplitude_category", "category", TEXT),
    ("period_s", "period", POSITIVE),
    ("amplitude_uncertainty", "uncertainty", POSITIVE),
)
#: Of an ``amplitude`` row only: on an arrival row these columns speak of the pick.
OWN_AMPLITUDE = _columns(
    ("snr", "snr", POSITIVE),
    ("time", "time", TIME),
    ("agency", "agency", TEXT),
    ("evaluation_mode", "evaluation_mode", MODES),
    ("method", "method_id", TEXT),
)
STATION_MAGNITUDE = _columns(
    ("station_magnitude_type", "type", TEXT),
    ("station_magnitude_uncertainty", "uncertainty", POSITIVE),
    ("station_magnitude_residual", "residual", ANY),
    ("station_magnitude_weight", "weight", POSITIVE),
    ("station_magnitude_agency", "agency", TEXT),
    ("station_magnitude_method", "method_id", TEXT),
)
INTENSITY = _columns(
    ("intensity_best", "best", (0.0, 12.0)),
    ("intensity_scale", "scale", TEXT),
    ("latitude", "latitude", LATITUDE),
    ("longitude", "longitude", LONGITUDE),
    ("distance_km", "distance_km", POSITIVE),
    ("source", "source", TEXT),
    ("comment", "comment", TEXT),
)
EVENT = _columns(
    ("event_id", "event_id", TEXT),
    ("event_type", "event_type", _EVENT_WORDS),
    ("event_type_certainty", "event_type_certainty", _CERTAINTY_WORDS),
    ("source", "source", TEXT),
)


def _names(*groups: Iterable[_Column]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column.name for group in groups for column in group))


_ORIGIN_NAMES = ("origin_id", "time", "latitude", "longitude", *_names(ORIGIN), *SCALES)
_STATION_NAMES = ("station", *_names(STATION))
_AMPLITUDE_NAMES = (
    *("amplitude_nm", "amplitude", "amplitude_unit", "magnitude_hint"),
    *_names(AMPLITUDE),
    *("station_magnitude", *_names(STATION_MAGNITUDE)),
)
_PICK_NAMES = ("pick_id", "time", "phase", "phase_hint", *_STATION_NAMES, *_names(PICK))
#: Which columns each kind of row has a place for.
ROWS: dict[str, frozenset[str]] = {
    kind: frozenset(("row", "comment", *names))
    for kind, names in {
        "event": (
            *_names(EVENT),
            *_ORIGIN_NAMES,
            *("preferred", "region", "name", "interpretations", "consequences"),
        ),
        "origin": (*_ORIGIN_NAMES, "preferred"),
        "magnitude": ("magnitude_id", "magnitude", *_names(MAGNITUDE_COLUMNS), "preferred"),
        "arrival": (*_PICK_NAMES, *_names(ARRIVAL), "arrival_comment", *_AMPLITUDE_NAMES),
        "pick": (*_PICK_NAMES, *_AMPLITUDE_NAMES),
        "amplitude": (
            "pick_id",
            *_STATION_NAMES,
            *_names(OWN_AMPLITUDE),
            *_AMPLITUDE_NAMES,
        ),
        "intensity": ("place", "intensity", "calculated", *_names(INTENSITY)),
        "readings": ("agency", "author"),
    }.items()
}

#: All columns in the order they are written: first what is typed by hand.
COLUMNS = tuple(
    dict.fromkeys(
        (
            *("row", "event_id", "time", "latitude", "longitude", "depth_km"),
            *SCALES,
            *("network", "station", "phase", "onset", "polarity", "time_residual_s"),
            *("amplitude_nm", "period_s", "backazimuth_deg", "slowness_s_per_deg", "snr"),
            *("event_type", "event_type_certainty", "agency", "author", "region", "name"),
            *("comment", "time_uncertainty_s", "depth_type", "depth_uncertainty_km"),
            *("magnitude", *_names(MAGNITUDE_COLUMNS)),
            *("place", "intensity", "intensity_scale", "distance_km", "calculated"),
            *_ORIGIN_NAMES,
            *_PICK_NAMES,
            *_names(ARRIVAL),
            "arrival_comment",
            *_AMPLITUDE_NAMES,
            *_names(OWN_AMPLITUDE, INTENSITY, EVENT),
            *("preferred", "magnitude_id", "interpretations", "consequences"),
        )
    )
)

#: Other headings that mean a column.
ALIASES = {
    "row": ("строка", "вид строки", "жол"),
    "event_id": ("id", "код события"),
    "time": ("время", "уақыты", "дата и время"),
    "latitude": ("lat", "широта", "ендік"),
    "longitude": ("lon", "долгота", "бойлық"),
    "depth_km": ("depth", "глубина", "тереңдік"),
    "network": ("net", "сеть", "желі"),
    "station": ("sta", "станция", "стансы"),
    "channel": ("cha", "канал"),
    "phase": ("фаза", "волна"),
    "onset": ("вступление", "характер вступления"),
    "polarity": ("знак", "знак вступления"),
    "time_residual_s": ("time_residual", "невязка"),
    "amplitude_nm": ("амплитуда нм", "амплитуда"),
    "period_s": ("period", "период"),
    "backazimuth_deg": ("backazimuth", "азимут на источник"),
    "slowness_s_per_deg": ("slowness", "медленность"),
    "agency": ("агентство", "служба"),
    "comment": ("comments", "note", "примечание", "ескерту"),
    "place": ("населенный пункт", "пункт", "елді мекен"),
    "intensity": ("интенсивность", "балл", "балльность"),
    "event_type": ("тип события", "природа"),
    "region": ("район", "регион", "аймақ"),
    "magnitude": ("магнитуда",),
    "magnitude_type": ("тип магнитуды",),
}


def _headings() -> dict[str, str]:
    table = {plain(name): name for name in COLUMNS}
    for name, words in ALIASES.items():
        for word in words:
            table.setdefault(plain(word), name)
    for word in ("кр", "к", "класс"):
        table.setdefault(word, "KR")
    return table


HEADINGS = _headings()


def _fields(headings: tuple[str, ...]) -> tuple[str | None, ...]:
    seen: set[str] = set()
    fields: list[str | None] = []
    for heading in headings:
        name = HEADINGS.get(plain(heading))
        fields.append(None if name in seen else name)
        seen.add(name or "")
    return tuple(fields)


def _known(headings: tuple[str, ...]) -> int:
    return sum(name is not None for name in _fields(headings))


def _usable(fields: tuple[str | None, ...]) -> bool:
    return "row" in fields and "time" in fields and ("station" in fields or "latitude" in fields)


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first line names ``row``, ``time``, and a station or a latitude."""
    return any(_usable(_fields(headings)) for headings in candidate_headings(head, _known))


# --- reading ------------------------------------------------------------------------------------


@dataclass
class _Open:
    """What the rows since the last ``event`` or ``readings`` row have said so far."""

    first_line: int
    is_event: bool
    values: dict[str, Any] = field(default_factory=dict)
    last_line: int = 0
    rows: list[str] = field(default_factory=list)
    origins: list[OriginRecord] = field(default_factory=list)
    arrivals: list[list[ArrivalRecord]] = field(default_factory=list)
    magnitudes: list[MagnitudeRecord] = field(default_factory=list)
    picks: dict[str, PickRecord] = field(default_factory=dict)
    last_pick: PickRecord | None = None
    amplitudes: list[AmplitudeRecord] = field(default_factory=list)
    station_magnitudes: list[StationMagnitudeRecord] = field(default_factory=list)
    intensities: list[IntensityRecord] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    preferred_origin: str | None = None
    preferred_magnitude: str | None = None

    def add(self, row: TableRow) -> None:
        self.rows.append(row.text)
        self.last_line = row.last_line

    def new_pick_id(self) -> str:
        ordinal = len(self.picks) + 1
        while f"pick-{ordinal}" in self.picks:
            ordinal += 1
        return f"pick-{ordinal}"

    def new_origin_id(self) -> str:
        known = {origin.origin_id for origin in self.origins}
        ordinal = len(self.origins) + 1
        while f"origin-{ordinal}" in known:
            ordinal += 1
        return f"origin-{ordinal}"

    def new_magnitude_id(self) -> str:
        known = {magnitude.magnitude_id for magnitude in self.magnitudes}
        ordinal = len(self.magnitudes) + 1
        while f"magnitude-{ordinal}" in known:
            ordinal += 1
        return f"magnitude-{ordinal}"

    def record(self) -> EventRecord | ReadingsRecord | None:
        """Return what the rows make, or ``None`` for readings without a reading."""
        text = "\n".join(self.rows)
        if not self.is_event:
            if not self.picks and not self.amplitudes and not self.comments:
                return None
            return ReadingsRecord(
                text,
                self.first_line,
                self.last_line,
                tuple(self.picks.values()),
                tuple(self.amplitudes),
                self.values.get("agency"),
                self.values.get("author"),
                comments=tuple(self.comments),
            )
        origins = tuple(
            replace(origin, arrivals=tuple(arrivals))
            for origin, arrivals in zip(self.origins, self.arrivals, strict=True)
        )
        return EventRecord(
            text=text,
            first_line=self.first_line,
            last_line=self.last_line,
            origins=origins,
            magnitudes=tuple(self.magnitudes),
            picks=tuple(self.picks.values()),
            amplitudes=tuple(self.amplitudes),
            station_magnitudes=tuple(self.station_magnitudes),
            intensities=tuple(self.intensities),
            preferred_origin_id=self.preferred_origin,
            preferred_magnitude_id=self.preferred_magnitude,
            deleted=self.values.get("event_type") == "not existing",
            comments=tuple(self.comments),
            **self.values,
        )


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Yield events and blocks of readings; the problems of one come just before it.

    Raises
    ------
    FormatError
        Nothing can be read: empty, or the headings lack ``row``, ``time`` and a station.
    """
    problems: list[Problem] = []
    table = open_table(stream, limits, problems, _known)
    heading = table.heading
    fields = _fields(heading.cells)
    yield from problems
    problems.clear()
    if not _usable(fields):
        lacking = [name for name in ("row", "time", "station") if name not in fields]
        code = "missing-field" if "row" in fields else "wrong-format"
        raise FormatError(
            Problem(
                heading.first_line, code, lacking[0], cut(heading.text), "heading", Severity.ERROR
            )
        )
    yield from heading_problems(heading, fields, lambda text: plain(text) in HEADINGS)
    now: _Open | None = None
    seen_ids: set[str] = set()
    events = 0
    for row in table.rows:
        # A record and the row that follows it never share a problem: close it before.
        before = len(problems)
        cell, strange = values_of(row, heading.cells, fields, problems, table.delimiter)
        word = (cell.text("row") or "").casefold()
        kind = KINDS.get(word)
        opens = kind in ("event", "readings")
        full = (
            now is not None
            and not now.is_event
            and len(now.picks) >= MAX_PICKS
            and kind in ("arrival", "pick")
        )
        if opens or full:
            yield from problems[:before]
            del problems[:before]
            closed, now = now, None
            record = closed.record() if closed is not None else None
            if record is not None:
                yield record
            if kind == "event" or kind == "readings" or closed is None:
                now = _Open(row.first_line, kind == "event")
            else:  # the same block goes on
                now = _Open(row.first_line, False, closed.values)
            events += kind == "event"
            if events > limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(row.first_line, "too-many-events", "", "", expected, Severity.ERROR)
                return
        if kind is None:
            code = "unknown-value" if word else "missing-field"
            cell.report(code, "row", " ".join(ROWS), Severity.ERROR)
            if now is not None:  # what cannot be read stays with the event as text
                now.add(row)
                now.comments.append(row.text)
            continue
        if now is None:
            if kind not in ("arrival", "pick", "amplitude"):
                cell.report("dangling-reference", "row", "event", Severity.ERROR)
                continue
            now = _Open(row.first_line, False)
        now.add(row)
        if not now.is_event and kind in ("origin", "magnitude", "intensity"):
            cell.report("dangling-reference", "row", "event", Severity.ERROR)
            now.comments.append(row.text)
            continue
        allowed = ROWS[kind]
        if kind == "arrival" and not now.origins:  # no solution that could use it
            allowed = ROWS["pick"]
        for name in cell.values:
            if name not in allowed and cell.text(name) is not None:
                cell.report("unused-text", name, f"row = {_kinds_with(name)}")
                strange.append(f"{name}: {cell.text(name)}")
        _READERS[kind](now, cell, strange, limits)
        if kind == "event":
            event_id = now.values.get("event_id")
            if event_id is not None and event_id in seen_ids:
                cell.report("duplicate-event-id", "event_id", "unique")
            seen_ids.add(event_id or "")
    yield from problems
    record = now.record() if now is not None else None
    if record is not None:
        yield record


def _kinds_with(name: str) -> str:
    return " ".join(kind for kind, names in ROWS.items() if name in names)


def _value(cell: Cells, column: _Column, comments: list[str]) -> Any:
    """Return what one cell says by the rules of its column."""
    if column.name not in cell.values:
        return None
    kind = column.kind
    if isinstance(kind, tuple):
        return cell.number(column.name, kind)
    if kind == COUNT:
        return cell.count(column.name)
    if kind == TIME:
        return _time(cell, column.name)[0]
    text = cell.text(column.name)
    if kind == TEXT or text is None:
        return text
    if not isinstance(kind, dict):
        raise TypeError(kind)
    # "+" and "-" of a polarity are no guarded formulas.
    word = text.casefold()
    for known, meaning in kind.items():
        if known.casefold() in (word, word.replace("_", " "), word.replace("ё", "е")):
            return meaning
    expected = " ".join(dict.fromkeys(str(known) for known in kind))
    cell.report("unknown-value", column.name, cut(expected))
    comments.append(f"{column.name}: {text}")
    return None


def _values(cell: Cells, columns: Iterable[_Column], comments: list[str]) -> dict[str, Any]:
    return {column.attribute: _value(cell, column, comments) for column in columns}


def _time(cell: Cells, name: str) -> tuple[datetime | None, bool]:
    """Return a full time, and whether it is given to the minute only."""
    text = cell.text(name)
    if text is None:
        return None, False
    try:
        return moment(text)
    except ValueError:
        cell.report("not-a-time", name, "YYYY-MM-DDTHH:MM:SS.s")
        return None, False


def _own_comments(cell: Cells, strange: list[str]) -> tuple[str, ...]:
    """Return the comments of a row: its own, then what no column has a place for."""
    return (*_split_comments(cell.text("comment")), *strange)


def _split_comments(text: str | None) -> tuple[str, ...]:
    parts = (part.strip() for part in (text or "").split(BETWEEN_COMMENTS))
    return tuple(part for part in parts if part)


def _read_event(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    now.values = _values(cell, EVENT, strange)
    now.values["descriptions"] = tuple(
        DescriptionRecord(text, kind)
        for name, kind in (("region", "region name"), ("name", "earthquake name"))
        if (text := cell.text(name)) is not None
    )
    now.values["interpretations"] = read_interpretations(cell, strange)
    now.values["consequences"] = read_consequences(cell)
    now.values["agency"] = cell.text("agency")
    now.values["author"] = cell.text("author")
    _solution(now, cell, strange, limits, of_event=True)
    now.comments.extend(_own_comments(cell, strange))


def _read_origin(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    known = len(now.origins)
    _solution(now, cell, strange, limits, of_event=False)
    if len(now.origins) == known:
        now.comments.extend(_own_comments(cell, strange))


def _solution(
    now: _Open,
    cell: Cells,
    strange: list[str],
    limits: Limits,
    *,
    of_event: bool,
) -> None:
    """Add the solution of a row, if it has time, latitude and longitude, and its magnitudes.

    That of an event row is the preferred one, unless a later row says "preferred"; the comment
    there is the event's.
    """
    names = ("time", "latitude", "longitude")
    given = [name for name in names if cell.text(name) is not None]
    values = _values(cell, ORIGIN, strange)
    time, to_the_minute = _time(cell, "time")
    if time is not None and not plausible(
        cell.problems, cell.line, cell.field("time"), time, limits.latest(), Severity.ERROR
    ):
        time = None
    latitude = cell.number("latitude", LATITUDE)
    longitude = cell.number("longitude", LONGITUDE)
    origin_id: str | None = None
    if time is not None and latitude is not None and longitude is not None:
        origin_id = cell.text("origin_id")
        if any(origin.origin_id == origin_id for origin in now.origins):
            cell.report("duplicate-origin-id", "origin_id", "unique")
            origin_id = None
        origin_id = origin_id or now.new_origin_id()
        if values["time_uncertainty"] is None and to_the_minute:
            values["time_uncertainty"] = MINUTE_UNCERTAINTY
        now.origins.append(
            OriginRecord(
                origin_id=origin_id,
                time=time,
                latitude=latitude,
                longitude=longitude,
                line_number=cell.line,
                comments=() if of_event else _own_comments(cell, strange),
                **values,
            )
        )
        now.arrivals.append([])
        if of_event or FLAGS.get((cell.text("preferred") or "").casefold()):
            now.preferred_origin = origin_id
    else:
        lacking = next((name for name in names if name not in given), None)
        if lacking is not None and (given or not of_event):
            cell.report("missing-field", lacking, "time latitude longitude", Severity.ERROR)
        elif given:  # what is wrong was said above, but not that the solution is lost by it
            cell.problems[-1] = replace(cell.problems[-1], severity=Severity.ERROR)
        # Without its place in time and space the rest of a solution is words.
        rest = [c.name for c in ORIGIN if not of_event or c.attribute not in ("agency", "author")]
        strange.extend(
            f"{name}: {cell.text(name)}" for name in (*names, *rest) if cell.text(name) is not None
        )
    for scale in SCALES:
        _magnitude(now, cell, scale, origin_id, {"type": scale, "agency": values["agency"]})


def _bounded(cell: Cells, name: str) -> tuple[float | None, str | None]:
    """Return a magnitude's value and bound: ``>5.3`` is at least, ``<5.3`` at most."""
    text = cell.text(name)
    if text is None:
        return None, None
    bound = {"<": "max", "≤": "max", ">": "min", "≥": "min"}.get(text[0])
    digits = point(text[1:] if bound else text)
    return number(cell.problems, cell.line, cell.field(name), digits, MAGNITUDE), bound


def _magnitude(
    now: _Open, cell: Cells, name: str, origin_id: str | None, values: dict[str, Any]
) -> MagnitudeRecord | None:
    value, bound = _bounded(cell, name)
    if value is None:
        return None
    magnitude_id = cell.text("magnitude_id")
    if name != "magnitude" or any(m.magnitude_id == magnitude_id for m in now.magnitudes):
        magnitude_id = None
    magnitude = MagnitudeRecord(
        value,
        magnitude_id=magnitude_id or now.new_magnitude_id(),
        origin_id=origin_id,
        bound=bound,
        line_number=cell.line,
        **values,
    )
    now.magnitudes.append(magnitude)
    return magnitude


def _read_magnitude(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    values = _values(cell, MAGNITUDE_COLUMNS, strange)
    values["comments"] = _own_comments(cell, strange)
    origin_id = now.origins[-1].origin_id if now.origins else None
    magnitude = _magnitude(now, cell, "magnitude", origin_id, values)
    if magnitude is None:
        if cell.text("magnitude") is None:
            cell.report("missing-field", "magnitude", "number")
        now.comments.append(now.rows[-1])
    elif FLAGS.get((cell.text("preferred") or "").casefold()):
        now.preferred_magnitude = magnitude.magnitude_id


def _station(cell: Cells, strange: list[str]) -> StationReference | None:
    code = cell.text("station")
    if code is None:
        return None
    return StationReference(code=code, **_values(cell, STATION, strange))


def _read_pick(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    _reading(now, cell, strange, limits, None)


def _read_arrival(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    _reading(now, cell, strange, limits, now.arrivals[-1] if now.arrivals else None)


def _reading(
    now: _Open,
    cell: Cells,
    strange: list[str],
    limits: Limits,
    arrivals: list[ArrivalRecord] | None,
) -> None:
    """Add the pick of a row, what was measured with it, and how the solution uses it."""
    station = _station(cell, strange)
    if station is None:
        cell.report("missing-field", "station", "", Severity.ERROR)
        now.comments.append(now.rows[-1])
        return
    phase = cell.text("phase")
    time, to_the_minute = _time(cell, "time")
    if cell.text("time") is None:
        cell.report("missing-field", "time", "YYYY-MM-DDTHH:MM:SS.s")
    elif time is None:
        strange.append(f"time: {cell.text('time')}")
    elif not plausible(cell.problems, cell.line, cell.field("time"), time, limits.latest()):
        strange.append(f"time: {cell.text('time')}")
        time = None
    values = _values(cell, PICK, strange)
    if values["time_uncertainty"] is None and to_the_minute:
        values["time_uncertainty"] = MINUTE_UNCERTAINTY
    used = _values(cell, ARRIVAL, strange) if arrivals is not None else {}
    own = _own_comments(cell, strange)
    pick_id = cell.text("pick_id")
    pick = now.picks.get(pick_id or "")
    if pick is None or pick_id is None:
        pick_id = pick_id or now.new_pick_id()
        pick = PickRecord(
            pick_id,
            station,
            time,
            phase_hint=cell.text("phase_hint") or phase,
            comments=own,
            line_number=cell.line,
            **values,
        )
        now.picks[pick_id] = pick
        _measured(now, cell, strange, station, pick)
    now.last_pick = pick
    if arrivals is not None:
        about = _split_comments(cell.text("arrival_comment"))
        arrivals.append(
            ArrivalRecord(pick_id, pick_id, phase, comments=about, line_number=cell.line, **used)
        )


def _measured(
    now: _Open,
    cell: Cells,
    strange: list[str],
    station: StationReference | None,
    pick: PickRecord | None,
    more: dict[str, Any] | None = None,
) -> None:
    """Add the amplitude and the station magnitude of a row."""
    amplitude_id = None
    values = _values(cell, AMPLITUDE, strange)
    unit: str | None = "nm"
    value = cell.number("amplitude_nm", POSITIVE)
    if value is None:
        value = cell.number("amplitude", ANY)
        unit = _value(cell, _Column("amplitude_unit", "unit", UNITS), strange)
    if value is not None or values["period"] is not None:
        amplitude_id = f"amplitude-{len(now.amplitudes) + 1}"
        now.amplitudes.append(
            AmplitudeRecord(
                amplitude_id,
                value,
                unit if value is not None else None,
                pick_id=None if pick is None else pick.pick_id,
                station=station,
                magnitude_hint=cell.text("magnitude_hint"),
                line_number=cell.line,
                **values,
                **(more or {}),
            )
        )
    about = _values(cell, STATION_MAGNITUDE, strange)
    size, bound = _bounded(cell, "station_magnitude")
    if size is None:
        return
    if not now.is_event:
        cell.report("unused-text", "station_magnitude", "row = event")
        now.comments.append(f"{station.code if station else ''} {about['type']} {size}".strip())
        return
    now.station_magnitudes.append(
        StationMagnitudeRecord(
            size,
            station=station,
            station_magnitude_id=f"station-magnitude-{len(now.station_magnitudes) + 1}",
            origin_id=now.origins[-1].origin_id if now.origins else None,
            amplitude_id=amplitude_id,
            bound=bound,
            line_number=cell.line,
            **about,
        )
    )


def _read_amplitude(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    pick_id = cell.text("pick_id")
    pick = now.picks.get(pick_id) if pick_id is not None else None
    if pick_id is not None and pick is None:
        cell.report("dangling-reference", "pick_id", "")
        strange.append(f"pick_id: {pick_id}")
    station = _station(cell, strange)
    if station is None:
        pick = pick or now.last_pick
        station = None if pick is None else pick.station
    if station is None:
        cell.report("missing-field", "station", "", Severity.ERROR)
        now.comments.append(now.rows[-1])
        return
    more = _values(cell, OWN_AMPLITUDE, strange)
    known = len(now.amplitudes) + len(now.station_magnitudes)
    more["comments"] = _own_comments(cell, strange)
    _measured(now, cell, strange, station, pick, more)
    if len(now.amplitudes) + len(now.station_magnitudes) == known:
        cell.report("missing-field", "amplitude", "number")
        now.comments.append(now.rows[-1])


def _read_intensity(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    place, text = cell.text("place"), cell.text("intensity") or ""
    if place is None:
        cell.report("missing-field", "place", "", Severity.ERROR)
        now.comments.append(now.rows[-1])
        return
    values = _values(cell, INTENSITY, strange)
    values["comment"] = BETWEEN_COMMENTS.join((*filter(None, (values["comment"],)), *strange))
    span = read_span(text)
    if span is None:
        cell.report("not-a-number" if text else "missing-field", "intensity", "0..12 felt")
        values["comment"] = BETWEEN_COMMENTS.join(
            filter(None, (values["comment"], f"intensity: {text}" if text else ""))
        )
    low, high, felt = (span.low, span.high, span.felt) if span is not None else (None, None, None)
    if values["best"] is None and low == high:
        values["best"] = low
    now.intensities.append(
        IntensityRecord(
            place,
            low,
            high,
            felt=felt,
            calculated=(span is not None and span.calculated)
            or bool(FLAGS.get((cell.text("calculated") or "").casefold())),
            line_number=cell.line,
            **values,
        )
    )


def _read_readings(now: _Open, cell: Cells, strange: list[str], limits: Limits) -> None:
    now.values = {"agency": cell.text("agency"), "author": cell.text("author")}
    now.comments.extend(_own_comments(cell, strange))


_READERS = {
    "event": _read_event,
    "origin": _read_origin,
    "magnitude": _read_magnitude,
    "arrival": _read_arrival,
    "pick": _read_pick,
    "amplitude": _read_amplitude,
    "intensity": _read_intensity,
    "readings": _read_readings,
}

# --- writing ------------------------------------------------------------------------------------


def write(
    records: Iterable[EventRecord | ReadingsRecord],
    columns: Sequence[str] = COLUMNS,
    guard: bool = True,
) -> Iterator[str]:
    """Yield the heading line and the rows of each event or block of readings.

    ``columns`` may leave out what the caller has no use for; it must hold ``row`` and ``time``.
    With ``guard`` a text cell that a spreadsheet might take for a formula gets an apostrophe,
    which the reader takes away; numbers never.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for record in records:
        for row in rows_of(record, guard):
            writer.writerow([row.get(name, "") for name in columns])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    if out.getvalue():
        yield out.getvalue()


def rows_of(record: EventRecord | ReadingsRecord, guard: bool = True) -> Iterator[dict[str, str]]:
    """Yield the rows of a record: column -> cell."""
    for row in _event_rows(record) if isinstance(record, EventRecord) else _reading_rows(record):
        yield {
            name: text_cell(text, guard) if isinstance(text, _Text) else text
            for name, text in row.items()
        }


class _Text(str):
    """A cell that holds words, which may look like a formula; numbers are plain ``str``."""


def _cell(value: Any, kind: _Kind) -> str:
    if value is None:
        return ""
    if kind == TIME:
        return iso_cell(value)
    if kind is FLAGS:
        return "yes" if value else "no"
    if isinstance(kind, tuple) or kind == COUNT:
        return number_cell(value)
    return _Text(value)


def _write(record: Any, columns: Iterable[_Column]) -> dict[str, str]:
    return {c.name: _cell(getattr(record, c.attribute), c.kind) for c in columns}


def _comments(comments: tuple[str, ...]) -> str:
    return _Text(BETWEEN_COMMENTS.join(comments))


def _reading_rows(record: ReadingsRecord) -> Iterator[dict[str, str]]:
    yield {
        "row": "readings",
        "agency": _Text(record.agency or ""),
        "author": _Text(record.author or ""),
        "comment": _comments(with_label(record.comments, record.synthetic)),
    }
    measured = _first_amplitudes(record.amplitudes, ())
    for pick in record.picks:
        yield {"row": "arrival", **_pick(pick), **_amplitude(measured.get(pick.pick_id), None)}
    shown = {id(amplitude) for amplitude in measured.values()}
    for amplitude in record.amplitudes:
        if id(amplitude) not in shown:
            yield _own_row(amplitude, None)


def _event_rows(event: EventRecord) -> Iterator[dict[str, str]]:
    known = {origin.origin_id for origin in event.origins}
    loose = [m for m in event.magnitudes if m.origin_id not in known]
    first = event.origins[0] if event.origins else None
    comments = with_label(event.comments, event.synthetic)
    head = {"row": "event", **_write(event, EVENT), "comment": _comments(comments)}
    for description in event.descriptions:
        name = {"region name": "region", "earthquake name": "name"}.get(description.type or "")
        if name is not None:
            head.setdefault(name, _Text(description.text))
    head["interpretations"] = _Text("; ".join(map(interpretation_cell, event.interpretations)))
    head["consequences"] = _Text("; ".join(map(consequence_cell, event.consequences)))
    # Where event and solution speak with one voice, one row says both.
    together = (
        first is not None
        and not loose
        and not first.comments
        and event.preferred_origin_id is not None
        and (first.agency, first.author) == (event.agency, event.author)
    )
    if not together:
        yield head | {"agency": _Text(event.agency or ""), "author": _Text(event.author or "")}
    for magnitude in loose:
        yield _magnitude_row(event, magnitude)
    measured = _first_amplitudes(event.amplitudes, event.station_magnitudes)
    sizes = {
        s.amplitude_id: s for s in reversed(event.station_magnitudes) if s.amplitude_id is not None
    }
    picks = {pick.pick_id: pick for pick in event.picks}
    written: set[str] = set()
    for ordinal, origin in enumerate(event.origins):
        row = {
            "origin_id": _Text(origin.origin_id),
            "time": iso_cell(origin.time),
            "latitude": number_cell(origin.latitude),
            "longitude": number_cell(origin.longitude),
            **_write(origin, ORIGIN),
        }
        if origin.origin_id == event.preferred_origin_id:
            row["preferred"] = "yes"
        own = [m for m in event.magnitudes if m.origin_id == origin.origin_id]
        brief = _brief(event, origin, own)
        row |= {m.type or "": bounded_cell(m) for m in brief}
        if together and ordinal == 0:
            yield head | row
        else:
            yield {"row": "origin", "comment": _comments(origin.comments), **row}
        for magnitude in own[len(brief) :]:
            yield _magnitude_row(event, magnitude)
        for arrival in origin.arrivals:
            pick = picks.get(arrival.pick_id)
            if pick is None:
                continue
            again = pick.pick_id in written
            amplitude = None if again else measured.get(pick.pick_id)
            written.add(pick.pick_id)
            row = {
                "row": "arrival",
                **_pick(pick),
                "phase": _Text(arrival.phase or ""),
                **_write(arrival, ARRIVAL),
                **_amplitude(amplitude, sizes.get(amplitude.amplitude_id) if amplitude else None),
            }
            if arrival.phase != pick.phase_hint:
                row["phase_hint"] = _Text(pick.phase_hint or "")
            row["arrival_comment"] = _comments(arrival.comments)
            yield row
    for pick in event.picks:
        if pick.pick_id not in written:
            amplitude = measured.get(pick.pick_id)
            size = sizes.get(amplitude.amplitude_id) if amplitude else None
            yield {"row": "pick", **_pick(pick), **_amplitude(amplitude, size)}
    shown = {id(amplitude) for amplitude in measured.values()}
    for amplitude in event.amplitudes:
        if id(amplitude) not in shown:
            yield _own_row(amplitude, sizes.get(amplitude.amplitude_id))
    paired = {id(size) for size in sizes.values()}
    known_amplitudes = {amplitude.amplitude_id for amplitude in event.amplitudes}
    for size in event.station_magnitudes:
        if id(size) not in paired or size.amplitude_id not in known_amplitudes:
            yield {"row": "amplitude", **_station_cells(size.station), **_size(size)}
    for intensity in event.intensities:
        yield _intensity_row(intensity)


def _brief(
    event: EventRecord, origin: OriginRecord, magnitudes: list[MagnitudeRecord]
) -> list[MagnitudeRecord]:
    """Return the first magnitudes that a column of their scale says all of."""
    found: list[MagnitudeRecord] = []
    place = -1
    for magnitude in magnitudes:
        bare = MagnitudeRecord(
            magnitude.value,
            magnitude.type,
            magnitude.magnitude_id,
            magnitude.origin_id,
            bound=magnitude.bound,
            agency=origin.agency,
            line_number=magnitude.line_number,
        )
        if magnitude != bare or magnitude.type not in SCALES:
            break
        if magnitude.magnitude_id == event.preferred_magnitude_id is not None:
            break
        if SCALES.index(magnitude.type) <= place:
            break
        place = SCALES.index(magnitude.type)
        found.append(magnitude)
    return found


def _magnitude_row(event: EventRecord, magnitude: MagnitudeRecord) -> dict[str, str]:
    row = {
        "row": "magnitude",
        "magnitude_id": _Text(magnitude.magnitude_id or ""),
        "magnitude": bounded_cell(magnitude),
        **_write(magnitude, MAGNITUDE_COLUMNS),
        "comment": _comments(magnitude.comments),
    }
    if magnitude.magnitude_id == event.preferred_magnitude_id is not None:
        row["preferred"] = "yes"
    return row


def _station_cells(station: StationReference | None) -> dict[str, str]:
    if station is None:
        return {}
    return {"station": _Text(station.code), **_write(station, STATION)}


def _pick(pick: PickRecord) -> dict[str, str]:
    return {
        "pick_id": _Text(pick.pick_id),
        "time": iso_cell(pick.time),
        "phase": _Text(pick.phase_hint or ""),
        **_station_cells(pick.station),
        **_write(pick, PICK),
        "comment": _comments(pick.comments),
    }


def _first_amplitudes(
    amplitudes: tuple[AmplitudeRecord, ...], sizes: tuple[StationMagnitudeRecord, ...]
) -> dict[str, AmplitudeRecord]:
    """Return by pick the amplitude that the row of the pick has room for."""
    found: dict[str, AmplitudeRecord] = {}
    for amplitude in amplitudes:
        beyond = (amplitude.agency, amplitude.evaluation_mode, amplitude.method_id, amplitude.time)
        if amplitude.pick_id is None or any(beyond) or amplitude.comments:
            continue
        if amplitude.snr is None:
            found.setdefault(amplitude.pick_id, amplitude)
    return found


def _amplitude(
    amplitude: AmplitudeRecord | None, size: StationMagnitudeRecord | None
) -> dict[str, str]:
    if amplitude is None:
        return _size(size)
    row = {"magnitude_hint": _Text(amplitude.magnitude_hint or ""), **_write(amplitude, AMPLITUDE)}
    if amplitude.unit == "nm" and (amplitude.value or 0.0) >= 0.0:
        row["amplitude_nm"] = number_cell(amplitude.value)
    else:
        row["amplitude"] = number_cell(amplitude.value)
        row["amplitude_unit"] = amplitude.unit or ""
    return row | _size(size)


def _size(size: StationMagnitudeRecord | None) -> dict[str, str]:
    if size is None:
        return {}
    bound = {"min": ">", "max": "<"}.get(size.bound or "", "")
    return {"station_magnitude": bound + repr(size.value), **_write(size, STATION_MAGNITUDE)}


def _own_row(amplitude: AmplitudeRecord, size: StationMagnitudeRecord | None) -> dict[str, str]:
    return {
        "row": "amplitude",
        "pick_id": _Text(amplitude.pick_id or ""),
        **_station_cells(amplitude.station),
        **_amplitude(amplitude, size),
        **_write(amplitude, OWN_AMPLITUDE),
        "comment": _comments(amplitude.comments),
    }


def _intensity_row(intensity: IntensityRecord) -> dict[str, str]:
    text = range_cell(intensity.minimum, intensity.maximum)
    if not text and intensity.felt is not None:
        text = "felt" if intensity.felt else "not felt"
    return {
        "row": "intensity",
        "place": _Text(intensity.place),
        "intensity": text,
        "calculated": "yes" if intensity.calculated else "",
        **_write(intensity, INTENSITY),
    }
