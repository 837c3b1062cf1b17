"""GSE2.0 bulletins, as the International Data Centre's software and its descendants write them.

ObsPy reads them, one event at a time (``obspy_events.py`` says how its answer is checked). The
columns are those of the GSE2.0 bulletin (GSETT-3 documentation, CRP/243; ObsPy's ``gse2`` plugin
has the same table). What ObsPy is known to leave out or to invent, and what is done about it:

* a starred residual loses the whole pick: the stars are blanked and reported before;
* onsets ``i e q`` in small letters, the standard's own, are not recognised: given in capitals;
* magnitudes without a station count, the third magnitude's error, one distance without the
  other, an incomplete ellipse, the SNR or period of a line without an amplitude, and a second
  origin are passed over: the columns stand;
* Ndef and Nsta are also "associated" counts, a blank method is "other", an unknown event type
  "other event", and the present time the time of creation: dropped, since nobody reported them.

``DATA_TYPE ARRIVAL`` sections hold the same arrival lines without an event: readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.obspy_events import (
    ReaderCrashed,
    cleared,
    crashed,
    gaps,
    lost,
    meaning,
    numbers,
    origin_time,
    replaced,
    settle,
    settle_time,
    settle_word,
    stray,
    through_obspy,
    unbroken,
)
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
from catalog.formats.text import BOM, detect_encoding, read_lines, seekable
from catalog.formats.values import (
    ANY,
    AZIMUTH,
    COUNT,
    DEPTH_KM,
    DISTANCE_DEG,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    POSITIVE,
    Range,
    clock,
    cut,
)

VERSION = "gse2-1"  # of this reader; stored with each reading

ORIGIN_1 = {
    "time": slice(0, 21),  # i4,a1,i2,a1,i2,a1,i2,a1,i2,a1,f4.1  yyyy/mm/dd hh:mm:ss.s
    "time_fixed": slice(22, 23),  # a1  f = fixed origin time
    "latitude": slice(25, 33),  # f8.4  latitude (negative for south)
    "longitude": slice(34, 43),  # f9.4  longitude (negative for west)
    "epicenter_fixed": slice(44, 45),  # a1  f = fixed epicentre
    "depth_km": slice(47, 52),  # f5.1  depth (km)
    "depth_fixed": slice(53, 54),  # a1  f = fixed, d = depth phases
    "used_phase_count": slice(56, 60),  # i4  number of defining phases
    "used_station_count": slice(61, 65),  # i4  number of stations
    "azimuthal_gap": slice(66, 69),  # i3  gap in azimuth coverage (deg)
    "magnitude_type_1": slice(71, 73),  # a2  magnitude type
    "magnitude_1": slice(73, 77),  # f4.1  magnitude
    "station_count_1": slice(78, 80),  # i2  number of stations of the magnitude
    "magnitude_type_2": slice(82, 84),
    "magnitude_2": slice(84, 88),
    "station_count_2": slice(89, 91),
    "magnitude_type_3": slice(93, 95),
    "magnitude_3": slice(95, 99),
    "station_count_3": slice(100, 102),
    "author": slice(104, 112),  # a8  author of the origin
    "origin_id": slice(114, 122),  # a8  origin identification
}
ORIGIN_1_BOUNDS: dict[str, Range] = {
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "depth_km": DEPTH_KM,
    "used_phase_count": COUNT,
    "used_station_count": COUNT,
    "azimuthal_gap": AZIMUTH,
    "magnitude_1": MAGNITUDE,
    "station_count_1": COUNT,
    "magnitude_2": MAGNITUDE,
    "station_count_2": COUNT,
    "magnitude_3": MAGNITUDE,
    "station_count_3": COUNT,
}
ORIGIN_2 = {
    "standard_error": slice(5, 10),  # f5.2  rms of time residuals (s)
    "time_uncertainty": slice(15, 21),  # f6.2  origin time error (s)
    "semi_major_axis_km": slice(25, 31),  # f6.1  semi-major axis of the ellipse (km)
    "semi_minor_axis_km": slice(32, 38),  # f6.1  semi-minor axis (km)
    "major_axis_azimuth": slice(40, 43),  # i3  strike of the ellipse (deg)
    "depth_uncertainty_km": slice(49, 54),  # f5.1  depth error (km)
    "minimum_distance_deg": slice(56, 62),  # f6.2  distance to the closest station (deg)
    "maximum_distance_deg": slice(63, 69),  # f6.2  distance to the furthest station (deg)
    "magnitude_error_1": slice(74, 77),  # f3.1  error of the first magnitude
    "magnitude_error_2": slice(85, 88),
    "magnitude_error_3": slice(96, 99),
    "analysis": slice(104, 105),  # a1  a = automatic, m = manual, g = guess
    "method": slice(106, 107),  # a1  i = inversion, p = pattern, g = ground truth, o = other
    "event_type": slice(108, 110),  # a2  event type
}
ORIGIN_2_BOUNDS: dict[str, Range] = {
    "standard_error": POSITIVE,
    "time_uncertainty": POSITIVE,
    "semi_major_axis_km": POSITIVE,
    "semi_minor_axis_km": POSITIVE,
    "major_axis_azimuth": AZIMUTH,
    "depth_uncertainty_km": POSITIVE,
    "minimum_distance_deg": DISTANCE_DEG,
    "maximum_distance_deg": DISTANCE_DEG,
    "magnitude_error_1": POSITIVE,
    "magnitude_error_2": POSITIVE,
    "magnitude_error_3": POSITIVE,
}
PLUS_MINUS = (13, 47, 72, 83, 94)  # columns of "+-" on the second origin line
ARRIVAL = {
    "station": slice(0, 5),  # a5  station code
    "distance_deg": slice(6, 12),  # f6.2  station-to-event distance (deg)
    "azimuth": slice(13, 18),  # f5.1  event-to-station azimuth (deg)
    "pick_type": slice(19, 20),  # a1  a = automatic, m = manual
    "direction": slice(20, 21),  # a1  c = compression, d = dilatation
    "onset": slice(21, 22),  # a1  i = impulsive, e = emergent, q = questionable
    "phase": slice(23, 30),  # a7  phase code
    "time": slice(31, 52),  # arrival time, yyyy/mm/dd hh:mm:ss.s
    "time_residual": slice(53, 58),  # f5.1  time residual (s)
    "backazimuth": slice(59, 64),  # f5.1  observed azimuth (deg)
    "backazimuth_residual": slice(65, 71),  # f6.1  azimuth residual (deg)
    "horizontal_slowness": slice(72, 77),  # f5.1  observed slowness (s/deg)
    "horizontal_slowness_residual": slice(78, 83),  # f5.1  slowness residual (s/deg)
    "time_defining": slice(84, 85),  # a1  T
    "backazimuth_defining": slice(85, 86),  # a1  A
    "horizontal_slowness_defining": slice(86, 87),  # a1  S
    "snr": slice(88, 93),  # f5.1  signal-to-noise ratio
    "amplitude": slice(94, 103),  # f9.1  amplitude (nm)
    "period": slice(104, 109),  # f5.2  period (s)
    "magnitude_type_1": slice(110, 112),  # a2  magnitude type
    "magnitude_1": slice(112, 116),  # f4.1  station magnitude
    "magnitude_type_2": slice(117, 119),
    "magnitude_2": slice(119, 123),
    "arrival_id": slice(124, 132),  # a8  arrival identification
}
ARRIVAL_BOUNDS: dict[str, Range] = {
    "distance_deg": DISTANCE_DEG,
    "azimuth": AZIMUTH,
    "time_residual": ANY,
    "backazimuth": AZIMUTH,
    "backazimuth_residual": ANY,
    "horizontal_slowness": POSITIVE,
    "horizontal_slowness_residual": ANY,
    "snr": POSITIVE,
    "amplitude": POSITIVE,
    "period": POSITIVE,
    "magnitude_1": MAGNITUDE,
    "magnitude_2": MAGNITUDE,
}
WIDTH = 400  # beyond any line's last column
ORIGIN_1_GAPS = gaps(ORIGIN_1, WIDTH)
ORIGIN_2_GAPS = gaps(ORIGIN_2, WIDTH)
ARRIVAL_GAPS = gaps(ARRIVAL, WIDTH)

EVENT_TYPES: dict[str, tuple[str | None, str | None]] = {
    "": (None, None),
    "uk": (None, None),  # unknown
    "ke": ("earthquake", "known"),
    "se": ("earthquake", "suspected"),
    "kr": ("rock burst", "known"),
    "sr": ("rock burst", "suspected"),
    "ki": ("induced or triggered event", "known"),
    "si": ("induced or triggered event", "suspected"),
    "km": ("mining explosion", "known"),
    "sm": ("mining explosion", "suspected"),
    "kx": ("experimental explosion", "known"),
    "sx": ("experimental explosion", "suspected"),
    "kn": ("nuclear explosion", "known"),
    "sn": ("nuclear explosion", "suspected"),
    "ls": ("landslide", "known"),
}
METHODS: dict[str, str | None] = {
    "": None,
    "i": "inversion",
    "p": "pattern recognition",
    "g": "ground truth",
    "o": "other",
}
MODES: dict[str, str | None] = {"": None, "_": None, "a": "automatic", "m": "manual", "g": "manual"}
PICK_MODES: dict[str, str | None] = {"": None, "_": None, "a": "automatic", "m": "manual"}
DEPTH_TYPES: dict[str, str | None] = {
    "": "from location",
    "f": "operator assigned",
    "d": "constrained by depth phases",
}
POLARITIES: dict[str, str | None] = {"": None, "_": None, "c": "positive", "d": "negative"}
ONSETS: dict[str, str | None] = {
    "": None,
    "_": None,
    "i": "impulsive",
    "e": "emergent",
    "q": "questionable",
}
ORIGIN_HEADER_1 = (
    "   Date       Time       Latitude Longitude    Depth    Ndef Nsta Gap    Mag1  N"
    "    Mag2  N    Mag3  N  Author          ID"
)
ORIGIN_HEADER_2 = (
    "       rms   OT_Error      Smajor Sminor Az        Err   mdist  Mdist     Err"
    "        Err        Err     Quality"
)
ARRIVAL_HEADER = (
    "Sta    Dist   EvAz     Phase       Date      Time     TRes  Azim  AzRes  Slow  SRes Def"
    "  SNR        Amp   Per   Mag1   Mag2 Arr ID"
)
MOST_PICKS = 500  # of one call of ObsPy and of one record of readings

_VERSION = re.compile(r"(?:BEGIN|DATA_TYPE\s+\S+)\s+GSE(\d+\.\d+)", re.IGNORECASE)
_ORIGIN_HEADER = re.compile(
    r"\s*Date\s+Time\s+Latitude\s+Longitude\s+Depth\s+Ndef\s+Nsta\s+Gap\s+Mag1", re.IGNORECASE
)
_ERROR_HEADER = re.compile(r"\s*rms\s+OT_Error\s", re.IGNORECASE)
_ARRIVAL_HEADER = re.compile(r"\s*Sta\s+Dist\s+EvAz\s+Phase\s+Date\s", re.IGNORECASE)
_DETECT = re.compile(
    r"^[ \t]*(?:BEGIN\s+GSE2\.\d|DATA_TYPE\s+(?:BULLETIN|EVENT|ARRIVAL\S*)\s+GSE2\.\d)"
    r"|^[ \t]*Date\s+Time\s+Latitude\s+Longitude\s+Depth\s+Ndef\s+Nsta\s+Gap\s+Mag1",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER = re.compile(r"^[ \t]*(?:BEGIN\s+IMS|DATA_TYPE\s+\S+\s+IMS)", re.IGNORECASE | re.MULTILINE)
_TIME = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d*)?)", re.ASCII)
_DATED = re.compile(r"\d{4}/\d\d/\d\d ", re.ASCII)
ENVELOPE = frozenset(
    (
        *("BEGIN", "MSG_TYPE", "MSG_ID", "REF_ID", "E-MAIL", "EMAIL", "DATA_TYPE", "STOP"),
        *("TIME_STAMP", "PROD_ID"),
    )
)


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first bytes look like a GSE2 bulletin, and not like IMS1.0."""
    text = head.removeprefix(BOM).decode("latin-1").replace("\r", "\n")
    return _DETECT.search(text) is not None and _OTHER.search(text) is None


# --- the file: messages, sections, events ---------------------------------------------------------

Lines = list[tuple[int, str]]


@dataclass(slots=True)
class _File:
    """What the sections of a file share."""

    limits: Limits
    seen_ids: set[str] = field(default_factory=set)
    events: int = 0
    readings: int = 0


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Yield the events and the readings without an event; problems come before their event.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, no GSE2.0 bulletin, or another version of it.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "GSE2.0", Severity.ERROR))
    file = _File(limits)
    found: list[Problem] = []
    refusal: Problem | None = None
    section = ""  # "", bulletin, arrivals, refused
    title: list[str] = []
    block: Lines = []
    open_message = enveloped = False
    line_number = 0
    for line_number, line in read_lines(source, limits, found, encoding):
        yield from found
        found.clear()
        line = line.rstrip(" \x1a\x0c")
        word = line.split(None, 1)[0].upper() if line.strip() else ""
        if line[:1] in (" ", "\t"):
            word = ""
        if word in ENVELOPE and not _is_arrival(line):
            if word in ("BEGIN", "DATA_TYPE", "STOP"):
                yield from _close(file, section, block, title)
                block, title, section = [], [], ""
            if word == "BEGIN":
                enveloped = open_message = True
            elif word == "STOP":
                open_message = False
            if word in ("BEGIN", "DATA_TYPE"):
                problem = _refused(line, line_number)
                if word == "DATA_TYPE":
                    enveloped, section = True, "refused" if problem else _section(line)
                if problem is not None and refusal is not None:
                    yield problem
                refusal = refusal or problem  # said at the end: it may be why nothing is read
            elif section and block:
                block.append((line_number, line))
            continue
        if word == "EVENT" and section in ("", "bulletin") and not _is_arrival(line):
            if not enveloped and not file.events and not block:
                yield Problem(line_number, "missing-field", "BEGIN", cut(line), "BEGIN GSE2.0")
            yield from _close(file, "bulletin", block, title)
            if file.events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(line_number, "too-many-events", "", "", expected, Severity.ERROR)
                return
            block, section = [(line_number, line)], "bulletin"
        elif section == "bulletin" and not block:
            if _ORIGIN_HEADER.match(line):  # an event whose EVENT line is missing
                yield Problem(line_number, "missing-field", "EVENT", cut(line), "EVENT id")
                block = [(line_number, line)]
            elif line.strip():
                title.append(line.strip())
        elif section == "" and not block and not enveloped and _ORIGIN_HEADER.match(line):
            yield Problem(line_number, "missing-field", "EVENT", cut(line), "EVENT id")
            block, section = [(line_number, line)], "bulletin"
        elif section in ("bulletin", "arrivals"):
            block.append((line_number, line))
            if section == "arrivals" and len(block) >= MOST_PICKS:
                yield from _close(file, section, block, title)
                block = []
        elif section == "" and enveloped and line.strip():
            yield Problem(line_number, "unused-text", "", cut(line), "DATA_TYPE")
    yield from found
    yield from _close(file, section, block, title)
    if not file.events and not file.readings:
        if refusal is None:
            code = "missing-block" if enveloped else "wrong-format"
            refusal = Problem(line_number, code, "EVENT", "", "GSE2.0", Severity.ERROR)
        raise FormatError(refusal)
    if refusal is not None:
        yield refusal
    if open_message:
        yield Problem(line_number, "truncated", "", "", "STOP")


def _section(line: str) -> str:
    """Return which section a DATA_TYPE line opens."""
    kind = [*line.split(), "", ""][1].upper()
    return "arrivals" if kind.startswith("ARRIVAL") else "bulletin"


def _refused(line: str, line_number: int) -> Problem | None:
    """Return why what a BEGIN or DATA_TYPE line opens cannot be read, ``None`` if it can."""
    words = line.split()
    version = _VERSION.match(line)
    if (version is not None and version[1] != "2.0") or "IMS" in line.upper():
        return Problem(
            line_number, "unsupported-version", words[0], cut(line), "GSE2.0", Severity.ERROR
        )
    if words[0].upper() == "DATA_TYPE":
        kind = [*words, "", ""][1].upper()
        if kind not in ("BULLETIN", "EVENT") and not kind.startswith("ARRIVAL"):
            expected = "BULLETIN ARRIVAL"
            return Problem(
                line_number, "unsupported-block", "DATA_TYPE", cut(line), expected, Severity.ERROR
            )
    return None


def _is_arrival(line: str) -> bool:
    """Tell whether a line is dated as arrival lines are: a station may be called STOP."""
    return len(line) > 51 and _DATED.match(line, 31) is not None


def _close(
    file: _File, section: str, block: Lines, title: list[str]
) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Read what has been gathered of an event or of a section of arrivals."""
    while block and not block[-1][1].strip():
        block.pop()
    if not block or section not in ("bulletin", "arrivals"):
        return
    if section == "bulletin":
        file.events += 1
        yield from _event(file, block, "\n".join(title) or None)
    else:
        for item in _readings(block):
            file.readings += isinstance(item, ReadingsRecord)
            yield item


# --- one event ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Parts:
    """The lines of an event by their kind."""

    event_id: str | None = None
    origins: list[tuple[int, str, int, str]] = field(default_factory=list)
    region: str = ""
    arrivals: Lines = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def _sort(block: Lines, problems: list[Problem]) -> _Parts:
    """Tell the lines of an event apart: by their headers, then by their order."""
    parts = _Parts()
    state = ""
    for line_number, line in block:
        if not line.strip():
            continue
        if line_number == block[0][0] and line[:5].upper() == "EVENT":
            parts.event_id = line[5:].strip() or None
        elif _ORIGIN_HEADER.match(line) or _ERROR_HEADER.match(line):
            state = "origin"
        elif _ARRIVAL_HEADER.match(line):
            state = "arrivals"
        elif state == "arrivals" or _is_arrival(line):
            if line.strip() != ".":  # some agencies end an event so
                parts.arrivals.append((line_number, line))
        elif state == "origin" or (state != "errors" and _DATED.match(line)):
            parts.origins.append((line_number, line, line_number, ""))
            state = "errors"
        elif state == "errors":
            first = parts.origins[-1]
            parts.origins[-1] = (first[0], first[1], line_number, line)
            state = "region"
        elif state == "region" and not parts.region:
            parts.region = line.strip()
        else:
            parts.comments.append(line.strip())
            problems.append(Problem(line_number, "unused-text", "", cut(line.strip()), ""))
    return parts


def _event(file: _File, block: Lines, title: str | None) -> Iterator[EventRecord | Problem]:
    """Yield the problems of one event, then the event."""
    problems: list[Problem] = []
    parts = _sort(block, problems)
    first_line = block[0][0]
    if parts.event_id is not None:
        if parts.event_id in file.seen_ids:
            problems.append(
                Problem(first_line, "duplicate-event-id", "EVENT", cut(parts.event_id), "unique")
            )
        file.seen_ids.add(parts.event_id)
    try:
        origins, magnitudes, event_types = _origins(file.limits, parts, problems)
        owner = origins[0].origin_id if len(origins) == 1 else None
        readings = _arrivals(parts.arrivals, problems, owner)
    except ReaderCrashed as error:
        yield from problems
        yield crashed(error, first_line, block[0][1])
        return
    if not origins and not readings.picks:
        yield from problems
        found = cut(block[0][1])
        yield Problem(first_line, "missing-block", "origin", found, "Date Time", Severity.ERROR)
        return
    if readings.unused:
        problems.append(
            Problem(
                parts.arrivals[0][0], "missing-field", "arrivals", f"{len(origins)} origins", "1"
            )
        )
    if len(origins) == 1:
        origins[0] = replace(origins[0], arrivals=tuple(readings.arrivals))
    event_type, certainty = _agreed(event_types)
    yield from problems
    yield EventRecord(
        text="\n".join(line for _, line in block),
        first_line=first_line,
        last_line=block[-1][0],
        event_id=parts.event_id,
        event_type=event_type,
        event_type_certainty=certainty,
        descriptions=(DescriptionRecord(parts.region, "region name"),) if parts.region else (),
        origins=tuple(origins),
        magnitudes=tuple(magnitudes),
        picks=tuple(readings.picks),
        amplitudes=tuple(readings.amplitudes),
        station_magnitudes=tuple(readings.station_magnitudes),
        preferred_origin_id=origins[0].origin_id if len(origins) == 1 else None,
        source=title,
        comments=tuple(parts.comments),
    )


def _agreed(said: list[tuple[str | None, str | None]]) -> tuple[str | None, str | None]:
    """Return the event type that all origins that say anything agree on."""
    said = [pair for pair in said if pair[0] is not None]
    if len({event_type for event_type, _ in said}) != 1:
        return None, None
    return said[0][0], "known" if any(pair[1] == "known" for pair in said) else "suspected"


#: An origin ObsPy can read: arrivals are read apart from theirs, which may be unusable.
_ANY_ORIGIN = (
    "2000/01/01 00:00:00.0      0.0000    0.0000      0.0",
    replaced(replaced("", slice(5, 10), "0.0"), slice(13, 15), "+-"),
)


def _ask_obspy(origin: tuple[str, str], arrivals: Iterable[str]) -> Any:
    """Return ObsPy's event of two origin lines and arrival lines."""
    lines = ["BEGIN GSE2.0", "MSG_TYPE DATA", "MSG_ID 1 KZ", "DATA_TYPE BULLETIN GSE2.0"]
    lines += ["EVENT 1", ORIGIN_HEADER_1, ORIGIN_HEADER_2, "", *origin, "", "REGION"]
    lines += [ARRIVAL_HEADER, *arrivals, "", "", "STOP", ""]
    return through_obspy("\n".join(lines), "GSE2")


def _time(problems: list[Problem], line_number: int, text: str) -> datetime | None:
    """Return the time of ``yyyy/mm/dd hh:mm:ss.s``."""
    if not text.strip():
        return None
    try:
        match = _TIME.fullmatch(text.strip())
        if match is None:
            raise ValueError(text)
        date = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
        return clock(date, int(match[4]), int(match[5]), float(match[6]))
    except (ValueError, OverflowError):
        expected = "YYYY/MM/DD HH:MM:SS.s"
        problems.append(Problem(line_number, "not-a-time", "time", cut(text.strip()), expected))
        return None


def _fixed(problems: list[Problem], line_number: int, name: str, text: str, read: Any) -> bool:
    """Return whether a fixed flag is set: ``f``, or blank."""
    word = settle_word(
        problems,
        line_number,
        name,
        meaning(problems, line_number, name, text, {"": "", "f": "f"}) or "",
        "f" if read else None,
    )
    return word == "f"


def _origins(
    limits: Limits, parts: _Parts, problems: list[Problem]
) -> tuple[list[OriginRecord], list[MagnitudeRecord], list[tuple[str | None, str | None]]]:
    """Return the hypocentres of an event, their magnitudes and what each calls the event."""
    origins: list[OriginRecord] = []
    magnitudes: list[MagnitudeRecord] = []
    types: list[tuple[str | None, str | None]] = []
    ids: set[str] = set()
    for n1, line_1, n2, line_2 in parts.origins:
        plain_2 = line_2
        for at in PLUS_MINUS:
            if plain_2[at : at + 2] == "+-":
                plain_2 = replaced(plain_2, slice(at, at + 2), "")
        if stray(line_1, ORIGIN_1_GAPS):
            problems.append(Problem(n1, "unused-text", "origin", cut(line_1), "origin line"))
            parts.comments.append(line_1)
            if line_2:
                problems.append(Problem(n2, "unused-text", "origin", cut(line_2), "origin line"))
                parts.comments.append(line_2)
            continue
        if stray(plain_2, ORIGIN_2_GAPS):
            problems.append(Problem(n2, "unused-text", "origin", cut(line_2), "error line"))
            parts.comments.append(line_2)
            line_2 = plain_2 = ""
        elif not line_2:
            problems.append(Problem(n1, "missing-field", "errors", "", "rms OT_Error"))
        one = numbers(problems, n1, line_1, ORIGIN_1, ORIGIN_1_BOUNDS)
        two = numbers(problems, n2, plain_2, ORIGIN_2, ORIGIN_2_BOUNDS)
        time = _time(problems, n1, line_1[ORIGIN_1["time"]])
        time = origin_time(problems, n1, time, limits)
        if time is None or one["latitude"] is None or one["longitude"] is None:
            missing = "time" if time is None else "latitude, longitude"
            problems.append(Problem(n1, "missing-field", missing, cut(line_1), ""))
            parts.comments += [line for line in (line_1, line_2) if line]
            continue
        if line_1[ORIGIN_1["time"]][17:19] == "60":  # which ObsPy does not take
            line_1_given = f"{time:%Y/%m/%d %H:%M:%S}.{time.microsecond // 100_000}" + line_1[21:]
        else:
            line_1_given = line_1
        # The "+-" keeps the line from being blank, which ObsPy would skip.
        given = (
            cleared(line_1_given, ORIGIN_1, one),
            replaced(cleared(plain_2, ORIGIN_2, two), slice(13, 15), "+-"),
        )
        event = _ask_obspy(given, ())
        if event is None or len(event.origins) != 1:
            problems.append(lost(n1, line_1))
            parts.comments += [line for line in (line_1, line_2) if line]
            continue
        origin_id = line_1[ORIGIN_1["origin_id"]].strip() or f"origin-{len(ids) + 1}"
        if origin_id in ids:
            problems.append(Problem(n1, "duplicate-origin-id", "ID", cut(origin_id), "unique"))
            origin_id = f"{origin_id}#{len(ids) + 1}"
        ids.add(origin_id)
        origin, kind = _origin(problems, (n1, line_1, one), (n2, plain_2, two), event, origin_id)
        if origin is None:
            parts.comments += [line for line in (line_1, line_2) if line]
            continue
        origins.append(origin)
        types.append(kind)
        magnitudes += _magnitudes(problems, (n1, line_1, one), (n2, two), event, origin)
    return origins, magnitudes, types


def _origin(
    problems: list[Problem],
    one: tuple[int, str, dict[str, float | None]],
    two: tuple[int, str, dict[str, float | None]],
    event: Any,
    origin_id: str,
) -> tuple[OriginRecord | None, tuple[str | None, str | None]]:
    """Return one hypocentre: ObsPy's, held against its two lines."""
    n1, line_1, first = one
    n2, line_2, second = two
    read = event.origins[0]
    quality, ellipse = read.quality, read.origin_uncertainty

    def value(name: str, got: float | None, per_unit: float = 1.0) -> float | None:
        line_number, values = (n1, first) if name in first else (n2, second)
        got = None if got is None else got / per_unit
        return settle(problems, line_number, name, values[name], got)

    def whole(name: str, got: float | None) -> int | None:
        settled = value(name, got)
        return None if settled is None else int(settled)

    stated = _time([], n1, line_1[ORIGIN_1["time"]])
    time = None if stated is None else settle_time(problems, n1, "time", stated, read.time)
    latitude = value("latitude", read.latitude)
    longitude = value("longitude", read.longitude)
    code = line_2[ORIGIN_2["event_type"]].strip().lower()
    if code not in EVENT_TYPES:
        expected = " ".join(EVENT_TYPES)
        problems.append(Problem(n2, "unknown-value", "event_type", cut(code), expected.strip()))
    kind = EVENT_TYPES.get(code, (None, None))
    if kind[0] is not None:
        settle_word(problems, n2, "event_type", kind[0], event.event_type)
    comments = (f"event type code: {code}",) if code and code not in EVENT_TYPES else ()
    if time is None or latitude is None or longitude is None:
        return None, kind
    analysis = line_2[ORIGIN_2["analysis"]].strip().lower()
    depth_flag = line_1[ORIGIN_1["depth_fixed"]]
    depth_km = value("depth_km", read.depth, 1000.0)
    depth_type = meaning(problems, n1, "depth_fixed", depth_flag, DEPTH_TYPES)
    method = meaning(problems, n2, "method", line_2[ORIGIN_2["method"]], METHODS)
    read_method = str(read.method_id).rsplit("/", 1)[-1] if method else None
    return (
        OriginRecord(
            origin_id=origin_id,
            time=time,
            latitude=latitude,
            longitude=longitude,
            depth_km=depth_km,
            time_uncertainty=value("time_uncertainty", read.time_errors.uncertainty),
            time_fixed=_fixed(
                problems, n1, "time_fixed", line_1[ORIGIN_1["time_fixed"]], read.time_fixed
            ),
            epicenter_fixed=_fixed(
                problems,
                n1,
                "epicenter_fixed",
                line_1[ORIGIN_1["epicenter_fixed"]],
                read.epicenter_fixed,
            ),
            depth_type=(
                None
                if depth_km is None and not depth_flag.strip()
                else settle_word(
                    problems,
                    n1,
                    "depth_fixed",
                    depth_type or "",
                    str(read.depth_type) if depth_flag.islower() else None,
                )
            ),
            depth_uncertainty_km=value(
                "depth_uncertainty_km", read.depth_errors.uncertainty, 1000.0
            ),
            semi_major_axis_km=value(
                "semi_major_axis_km", ellipse and ellipse.max_horizontal_uncertainty, 1000.0
            ),
            semi_minor_axis_km=value(
                "semi_minor_axis_km", ellipse and ellipse.min_horizontal_uncertainty, 1000.0
            ),
            major_axis_azimuth=value(
                "major_axis_azimuth", ellipse and ellipse.azimuth_max_horizontal_uncertainty
            ),
            used_phase_count=whole("used_phase_count", quality.used_phase_count),
            used_station_count=whole("used_station_count", quality.used_station_count),
            standard_error=value("standard_error", quality.standard_error),
            azimuthal_gap=value("azimuthal_gap", quality.azimuthal_gap),
            minimum_distance_deg=value("minimum_distance_deg", quality.minimum_distance),
            maximum_distance_deg=value("maximum_distance_deg", quality.maximum_distance),
            agency=settle_word(
                problems,
                n1,
                "author",
                line_1[ORIGIN_1["author"]].strip(),
                read.creation_info.author,
            ),
            method_id=settle_word(problems, n2, "method", method or "", read_method),
            evaluation_mode=settle_word(
                problems,
                n2,
                "analysis",
                meaning(problems, n2, "analysis", analysis, MODES) or "",
                read.evaluation_mode,
            ),
            evaluation_status="preliminary" if analysis == "g" else None,
            event_type=kind[0],
            event_type_certainty=kind[1],
            comments=comments,
            line_number=n1,
        ),
        kind,
    )


def _magnitudes(
    problems: list[Problem],
    one: tuple[int, str, dict[str, float | None]],
    two: tuple[int, dict[str, float | None]],
    event: Any,
    origin: OriginRecord,
) -> Iterator[MagnitudeRecord]:
    """Yield the magnitudes of an origin line, in the order of the columns."""
    n1, line_1, first = one
    n2, second = two
    read = {str(m.resource_id)[-1]: m for m in event.magnitudes}  # .../magnitude/0, 1, 2
    for n in (1, 2, 3):
        name = f"magnitude_{n}"
        kind = line_1[ORIGIN_1[f"magnitude_type_{n}"]].strip()
        error, stations = second[f"magnitude_error_{n}"], first[f"station_count_{n}"]
        if first[name] is None:
            if not line_1[ORIGIN_1[name]].strip() and (
                kind or error is not None or stations is not None
            ):
                found = cut(line_1[ORIGIN_1[f"magnitude_type_{n}"].start :][:9])
                problems.append(Problem(n1, "missing-field", name, found, "number"))
            continue
        got = read.get(str(n - 1))
        value = settle(problems, n1, name, first[name], got and got.mag)
        if value is None:
            continue
        count_ = settle(problems, n1, f"station_count_{n}", stations, got and got.station_count)
        yield MagnitudeRecord(
            value=value,
            type=settle_word(problems, n1, f"magnitude_type_{n}", kind, got and got.magnitude_type),
            magnitude_id=f"{origin.origin_id}/{n}",
            origin_id=origin.origin_id,
            uncertainty=settle(
                problems,
                n2,
                f"magnitude_error_{n}",
                error,
                got and got.mag_errors.uncertainty,
            ),
            station_count=None if count_ is None else int(count_),
            agency=origin.agency,
            line_number=n1,
        )


# --- arrival lines --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Readings:
    """What arrival lines say."""

    picks: list[PickRecord] = field(default_factory=list)
    arrivals: list[ArrivalRecord] = field(default_factory=list)
    amplitudes: list[AmplitudeRecord] = field(default_factory=list)
    station_magnitudes: list[StationMagnitudeRecord] = field(default_factory=list)
    unused: bool = False  # a line says how an origin uses it, and there is no one origin
    ids: set[str] = field(default_factory=set)


def _readings(block: Lines) -> Iterator[ReadingsRecord | Problem]:
    """Yield the readings of an ARRIVAL section (or a part of it), problems first."""
    problems: list[Problem] = []
    lines = [
        (line_number, line)
        for line_number, line in block
        if line.strip() and not _ARRIVAL_HEADER.match(line) and line.strip() != "."
    ]
    try:
        readings = _arrivals(lines, problems, None)
    except ReaderCrashed as error:
        yield from problems
        yield crashed(error, block[0][0], block[0][1])
        return
    yield from problems
    picks = readings.picks
    for magnitude in readings.station_magnitudes:  # which only hang on events
        picks = [
            replace(
                pick,
                comments=(*pick.comments, f"magnitude: {magnitude.type or ''} {magnitude.value:g}"),
            )
            if pick.line_number == magnitude.line_number
            else pick
            for pick in picks
        ]
    if picks:
        yield ReadingsRecord(
            text="\n".join(line for _, line in block),
            first_line=block[0][0],
            last_line=block[-1][0],
            picks=tuple(picks),
            amplitudes=tuple(readings.amplitudes),
        )


def _arrivals(lines: Lines, problems: list[Problem], origin_id: str | None) -> _Readings:
    """Return the picks, arrivals, amplitudes and magnitudes of arrival lines."""
    readings = _Readings()
    wanted: list[tuple[int, str, dict[str, float | None], datetime]] = []
    shifted = {line_number: line for line_number, line in lines if stray(line, ARRIVAL_GAPS)}
    for line_number, line in lines:
        if line_number in shifted:
            problems.append(
                Problem(line_number, "unused-text", "arrival", cut(line), "arrival line")
            )
            continue
        rest = shifted.get(line_number + 1, "")
        if rest and not _is_arrival(rest) and len(line + rest) <= ARRIVAL["arrival_id"].stop:
            line = unbroken(problems, line_number, line, ARRIVAL, ARRIVAL_BOUNDS)
        values = numbers(problems, line_number, line, ARRIVAL, ARRIVAL_BOUNDS)
        time = _time(problems, line_number, line[ARRIVAL["time"]])
        if not line[ARRIVAL["station"]].strip():
            problems.append(
                Problem(line_number, "missing-field", "station", cut(line), "station code")
            )
        elif time is None:
            problems.append(Problem(line_number, "missing-field", "time", cut(line), "time"))
        else:
            wanted.append((line_number, line, values, time))
    for start in range(0, len(wanted), MOST_PICKS):
        part = wanted[start : start + MOST_PICKS]
        event = _ask_obspy(_ANY_ORIGIN, (_given(*line) for line in part))
        by_line = _by_line(event)
        for line_number, line, values, time in part:
            read = by_line.get(line_number, {})
            if "pick" not in read:
                problems.append(lost(line_number, line))
                continue
            _reading(problems, readings, line_number, line, values, time, read, origin_id)
    return readings


def _given(line_number: int, line: str, values: dict[str, float | None], time: datetime) -> str:
    """Return an arrival line as ObsPy is given it: readable, its line number for its id."""
    line = cleared(line, ARRIVAL, values)
    place = ARRIVAL["onset"]
    line = replaced(line, place, line[place].upper())
    if line[ARRIVAL["time"]][17:19] == "60":
        second = f"{time:%Y/%m/%d %H:%M:%S}.{time.microsecond // 100_000}"
        line = replaced(line, ARRIVAL["time"], second)
    return replaced(line, ARRIVAL["arrival_id"], f"{line_number:08d}"[-8:])


def _by_line(event: Any) -> dict[int, dict[str, Any]]:
    """Return ObsPy's objects by the number of the line they came from."""
    found: dict[int, dict[str, Any]] = {}
    if event is None:
        return found
    for kind, objects in (
        ("pick", event.picks),
        ("arrival", event.origins[0].arrivals),
        ("amplitude", event.amplitudes),
    ):
        for one in objects:
            found.setdefault(int(str(one.resource_id).rsplit("/", 1)[-1]), {})[kind] = one
    for magnitude in event.station_magnitudes:
        number, which = str(magnitude.resource_id).split("/")[-2:]
        found.setdefault(int(number), {})[f"magnitude_{int(which) + 1}"] = magnitude
    return found


def _reading(
    problems: list[Problem],
    readings: _Readings,
    line_number: int,
    line: str,
    values: dict[str, float | None],
    stated_time: datetime,
    read: dict[str, Any],
    origin_id: str | None,
) -> None:
    """Take one arrival line: ObsPy's objects, held against its columns."""
    pick, arrival, amplitude = read["pick"], read.get("arrival"), read.get("amplitude")

    def value(name: str, got: float | None) -> float | None:
        return settle(problems, line_number, name, values[name], got)

    def word(name: str, got: Any) -> str | None:
        return settle_word(problems, line_number, name, line[ARRIVAL[name]].strip(), got)

    def code(name: str, words: dict[str, str | None], got: Any) -> str | None:
        said = meaning(problems, line_number, name, line[ARRIVAL[name]], words)
        return settle_word(problems, line_number, name, said or "", got if said else None)

    def flag(name: str, letter: str, weight: float | None) -> bool | None:
        words = {"": None, "_": "_", letter.lower(): letter}
        said = meaning(problems, line_number, name, line[ARRIVAL[name]], words)
        if said == letter and arrival is not None and line[ARRIVAL[name]] == letter and not weight:
            problems.append(lost(line_number, line))
            return None
        return None if said is None else said == letter

    station_code = word("station", pick.waveform_id.station_code)
    if station_code is None:
        return
    station = StationReference(station_code)
    own_id = line[ARRIVAL["arrival_id"]].strip()
    pick_id = own_id or f"pick-{len(readings.picks) + 1}"
    if pick_id in readings.ids:
        pick_id = f"{pick_id}#{len(readings.picks) + 1}"
    readings.ids.add(pick_id)
    phase = word("phase", pick.phase_hint)
    snr = value("snr", amplitude and amplitude.snr)
    arrival_record = ArrivalRecord(
        pick_id,
        own_id or None,
        phase,
        value("azimuth", arrival and arrival.azimuth),
        value("distance_deg", arrival and arrival.distance),
        time_residual=value("time_residual", arrival and arrival.time_residual),
        time_defining=flag("time_defining", "T", arrival and arrival.time_weight),
        backazimuth_residual=value(
            "backazimuth_residual", arrival and arrival.backazimuth_residual
        ),
        backazimuth_defining=flag(
            "backazimuth_defining", "A", arrival and arrival.backazimuth_weight
        ),
        horizontal_slowness_residual=value(
            "horizontal_slowness_residual", arrival and arrival.horizontal_slowness_residual
        ),
        horizontal_slowness_defining=flag(
            "horizontal_slowness_defining", "S", arrival and arrival.horizontal_slowness_weight
        ),
        line_number=line_number,
    )
    comments: tuple[str, ...] = ()
    if origin_id is None:
        comments = tuple(
            f"{name}: {text}" for name in USE_OF_ORIGIN if (text := line[ARRIVAL[name]].strip())
        )
        readings.unused = readings.unused or bool(comments)
    else:
        readings.arrivals.append(arrival_record)
    readings.picks.append(
        PickRecord(
            pick_id,
            station,
            settle_time(problems, line_number, "time", stated_time, pick.time),
            phase_hint=phase,
            onset=code("onset", ONSETS, pick.onset),
            polarity=code("direction", POLARITIES, pick.polarity),
            backazimuth=value("backazimuth", pick.backazimuth),
            horizontal_slowness=value("horizontal_slowness", pick.horizontal_slowness),
            snr=snr,
            evaluation_mode=code("pick_type", PICK_MODES, pick.evaluation_mode),
            comments=comments,
            line_number=line_number,
        )
    )
    measured = value("amplitude", amplitude and amplitude.generic_amplitude)
    period = value("period", amplitude and amplitude.period)
    has_amplitude = measured is not None or period is not None
    types = [line[ARRIVAL[f"magnitude_type_{n}"]].strip() for n in (1, 2)]
    if has_amplitude:
        readings.amplitudes.append(
            AmplitudeRecord(
                pick_id,
                measured,
                unit=None if measured is None else "nm",
                period=period,
                snr=snr,
                pick_id=pick_id,
                station=station,
                magnitude_hint=types[0] or types[1] or None,
                line_number=line_number,
            )
        )
    for n in (1, 2):
        name, got = f"magnitude_{n}", read.get(f"magnitude_{n}")
        magnitude = value(name, got and got.mag)
        kind = word(f"magnitude_type_{n}", got and got.station_magnitude_type)
        if magnitude is not None:
            readings.station_magnitudes.append(
                StationMagnitudeRecord(
                    magnitude,
                    kind,
                    station,
                    f"{pick_id}/{n}",
                    origin_id,
                    pick_id if has_amplitude else None,
                    line_number=line_number,
                )
            )
        elif kind is not None and not line[ARRIVAL[name]].strip():
            found = cut(line[ARRIVAL[f"magnitude_type_{n}"].start :][:6])
            problems.append(Problem(line_number, "missing-field", name, found, "number"))


#: Columns that say how an origin uses an arrival; comments where there is no one origin.
USE_OF_ORIGIN = (
    "distance_deg",
    "azimuth",
    "time_residual",
    "backazimuth_residual",
    "horizontal_slowness_residual",
    "time_defining",
    "backazimuth_defining",
    "horizontal_slowness_defining",
)
