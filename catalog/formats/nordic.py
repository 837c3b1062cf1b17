"""Nordic files of SEISAN, in the old and in the new ("Nordic2") layout of phase lines.

ObsPy reads them, one event at a time (``obspy_events.py`` says how its answer is checked). The
columns are those of the SEISAN manual's appendix A; the last of a line's 80 characters is its
type. What ObsPy is known to leave out, invent or stumble over, and what is done about it:

* a blank event letter is "suspected earthquake", blank analysis "manual": dropped, since nobody
  reported them; the flags of fixed time, depth and epicentre are read from their columns;
* only two digits of the station count, no magnitude without a type letter, one E line, no azimuth
  or residual of amplitude lines, no coda beside an amplitude: the columns stand;
* which layout the phase lines have is not guessed but taken from the type 7 line;
* header lines without an hour and files without a type 7 line make it fail: they are completed;
* the ellipse it computes from the covariances is dropped: they are kept as comments.

Not given to ObsPy: type 2 (macroseismic: read here), 3 and 6 (comments), 5 (errors of the line
before, in its columns: units unknown) and M (moment tensors: the scale of the components is not
stated), which are kept as comments with ``unsupported-block``.
An event without an epicentre in any header is a set of readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import Any, BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.obspy_events import (
    CODE,
    KM_PER_DEGREE,
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
    EPICENTRE,
    AmplitudeRecord,
    ArrivalRecord,
    EventRecord,
    FocalMechanismRecord,
    IntensityRecord,
    MagnitudeRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationReference,
)
from catalog.formats.text import BOM, Encoding, detect_encoding, read_lines, seekable
from catalog.formats.values import (
    ANY,
    AZIMUTH,
    COUNT,
    DEPTH_KM,
    INTENSITY,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    POSITIVE,
    Range,
    cut,
)

VERSION = "nordic-1"  # of this reader; stored with each reading

HEADER = {  # type 1
    "year": slice(1, 5),  # i4
    "month": slice(6, 8),  # i2
    "day": slice(8, 10),  # i2
    "time_fixed": slice(10, 11),  # a1  F = fixed origin time
    "hour": slice(11, 13),  # i2
    "minute": slice(13, 15),  # i2
    "second": slice(16, 20),  # f4.1
    "model": slice(20, 21),  # a1  location model indicator
    "distance": slice(21, 22),  # a1  L = local, R = regional, D = distant
    "event_letter": slice(22, 23),  # a1  E = explosion, P = probable explosion ...
    "latitude": slice(23, 30),  # f7.3
    "longitude": slice(30, 38),  # f8.3
    "depth_km": slice(38, 43),  # f5.1
    "depth_fixed": slice(43, 44),  # a1  F = fixed, S = starting value
    "epicenter_fixed": slice(44, 45),  # a1  F = fixed, S = starting value
    "agency": slice(45, 48),  # a3
    "used_station_count": slice(48, 51),  # i3
    "standard_error": slice(51, 55),  # f4.1  rms of time residuals (s)
    "magnitude_1": slice(55, 59),  # f4.1
    "magnitude_type_1": slice(59, 60),  # a1
    "magnitude_agency_1": slice(60, 63),  # a3
    "magnitude_2": slice(63, 67),
    "magnitude_type_2": slice(67, 68),
    "magnitude_agency_2": slice(68, 71),
    "magnitude_3": slice(71, 75),
    "magnitude_type_3": slice(75, 76),
    "magnitude_agency_3": slice(76, 79),
    "type": slice(79, 80),
}
HEADER_BOUNDS: dict[str, Range] = {
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "depth_km": DEPTH_KM,
    "used_station_count": COUNT,
    "standard_error": POSITIVE,
    "magnitude_1": MAGNITUDE,
    "magnitude_2": MAGNITUDE,
    "magnitude_3": MAGNITUDE,
}
ERRORS = {  # type E
    "mark": slice(1, 5),  # a4  "GAP="
    "azimuthal_gap": slice(5, 8),  # i3  deg
    "agency": slice(11, 14),  # a3
    "time_uncertainty": slice(14, 20),  # f6.2  s
    "latitude_uncertainty_km": slice(24, 30),  # f6.1
    "longitude_uncertainty_km": slice(32, 38),  # f6.1
    "depth_uncertainty_km": slice(38, 43),  # f5.1
    "covariance_xy": slice(43, 55),  # e12.4  km*km
    "covariance_xz": slice(55, 67),
    "covariance_yz": slice(67, 79),
    "type": slice(79, 80),
}
ERRORS_BOUNDS: dict[str, Range] = {
    "azimuthal_gap": AZIMUTH,
    "time_uncertainty": POSITIVE,
    "latitude_uncertainty_km": POSITIVE,
    "longitude_uncertainty_km": POSITIVE,
    "depth_uncertainty_km": POSITIVE,
    "covariance_xy": ANY,
    "covariance_xz": ANY,
    "covariance_yz": ANY,
}
ACCURATE = {  # type H
    "year": slice(1, 5),
    "month": slice(6, 8),
    "day": slice(8, 10),
    "hour": slice(11, 13),
    "minute": slice(13, 15),
    "second": slice(16, 22),  # f6.3
    "latitude": slice(23, 32),  # f9.5
    "longitude": slice(33, 43),  # f10.5
    "depth_km": slice(44, 52),  # f8.3
    "standard_error": slice(53, 59),  # f6.3
    "agency": slice(60, 63),
    "type": slice(79, 80),
}
ACCURATE_BOUNDS: dict[str, Range] = {
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "depth_km": DEPTH_KM,
    "standard_error": POSITIVE,
}
PLANE = {  # type F
    "strike": slice(0, 10),  # f10.1
    "dip": slice(10, 20),
    "rake": slice(20, 30),
    "strike_error": slice(30, 35),  # f5.1
    "dip_error": slice(35, 40),
    "rake_error": slice(40, 45),
    "misfit": slice(45, 50),  # f5.1
    "station_distribution_ratio": slice(50, 55),  # f5.1
    "amplitude_ratio_fit": slice(55, 60),
    "bad_polarities": slice(60, 62),
    "bad_amplitude_ratios": slice(63, 65),
    "agency": slice(66, 69),  # a3
    "program": slice(70, 77),  # a7
    "quality": slice(77, 78),  # a1  A..F
    "type": slice(79, 80),
}
PLANE_BOUNDS: dict[str, Range] = {
    "strike": AZIMUTH,
    "dip": (0.0, 90.0),
    "rake": (-180.0, 180.0),
    "strike_error": POSITIVE,
    "dip_error": POSITIVE,
    "rake_error": POSITIVE,
    "misfit": POSITIVE,
    "station_distribution_ratio": POSITIVE,
    "amplitude_ratio_fit": POSITIVE,
    "bad_polarities": COUNT,
    "bad_amplitude_ratios": COUNT,
}
FELT = {  # type 2
    "description": slice(5, 20),  # a15
    "effects": slice(21, 26),  # 5a1  PDE codes: deformation, tsunami, seiche, cultural, unusual
    "maximum": slice(27, 29),  # i2  maximum observed intensity
    "qualifier": slice(29, 30),  # a1  + or -
    "scale": slice(30, 32),  # a2
    "latitude": slice(33, 39),  # f6.2  macroseismic epicentre
    "longitude": slice(40, 47),  # f7.2
    "magnitude": slice(48, 51),  # f3.1  macroseismic magnitude
    "magnitude_type": slice(51, 52),  # a1
    "radius": slice(52, 56),  # f4.2  log10 of the felt radius (km)
    "area_1": slice(56, 61),  # f5.2  log10 of an area (km*km)
    "intensity_1": slice(61, 63),  # i2  bordering that area
    "area_2": slice(63, 68),
    "intensity_2": slice(68, 70),
    "quality": slice(71, 72),  # a1  A..D
    "agency": slice(72, 75),  # a3
    "type": slice(79, 80),
}
FELT_BOUNDS: dict[str, Range] = {
    "maximum": INTENSITY,
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "magnitude": MAGNITUDE,
}
OLD = {  # type 4 or blank, old layout; a field and the free column before it are one
    "station": slice(1, 6),  # a4 or a5
    "channel": slice(6, 8),  # 2a1  instrument and component
    "long_weight": slice(8, 9),  # a1  weight of a phase with a long name
    "onset": slice(9, 10),  # a1  I, E
    "phase": slice(10, 14),  # a4  or a8, with the weight in column 9
    "weight": slice(14, 15),  # i1  0..4, 9; _ before a long name
    "mode": slice(15, 16),  # a1  A = automatic
    "polarity": slice(16, 17),  # a1  C, D
    "hour": slice(18, 20),  # i2  24 and more: the next day
    "minute": slice(20, 22),  # i2
    "second": slice(22, 29),  # f6.2 or f6.3
    "coda": slice(29, 33),  # i4  s
    "amplitude": slice(33, 40),  # f7.1  zero to peak
    "period": slice(40, 45),  # f5.2  s
    "backazimuth": slice(45, 51),  # f6.1  deg
    "velocity": slice(51, 56),  # f5.1  apparent velocity (km/s)
    "angle": slice(56, 60),  # f4.0  angle of incidence (deg), or signal to noise ratio
    "backazimuth_residual": slice(60, 63),  # i3
    "time_residual": slice(63, 68),  # f5.1
    "final_weight": slice(68, 70),  # i2  tenths
    "distance_km": slice(70, 75),  # f5.0
    "azimuth": slice(75, 79),  # i3  epicentre to station
    "type": slice(79, 80),
}
OLD_BOUNDS: dict[str, Range] = {
    "hour": (0.0, 47.0),
    "minute": (0.0, 59.0),
    "second": (0.0, 200.0),
    "coda": COUNT,
    "amplitude": POSITIVE,
    "period": POSITIVE,
    "backazimuth": AZIMUTH,
    "velocity": POSITIVE,
    "angle": ANY,
    "backazimuth_residual": ANY,
    "time_residual": ANY,
    "final_weight": COUNT,
    "distance_km": (0.0, 20_100.0),
    "azimuth": AZIMUTH,
}
NEW = {  # type 4 or blank, new layout
    "station": slice(1, 6),  # a5
    "channel": slice(6, 9),  # a3
    "network": slice(10, 12),  # a2
    "location": slice(12, 14),  # a2
    "onset": slice(15, 16),  # a1
    "phase": slice(16, 24),  # a8
    "weight": slice(24, 25),  # a1
    "mode": slice(25, 26),  # a1  A = automatic
    "hour": slice(26, 28),  # i2
    "minute": slice(28, 30),  # i2
    "second": slice(31, 37),  # f6.3
    "parameter_1": slice(37, 44),  # f7.1  amplitude, duration (s), back azimuth; polarity
    "parameter_2": slice(44, 50),  # f6.2  period (s), apparent velocity (km/s)
    "agency": slice(51, 54),  # a3
    "operator": slice(55, 58),  # a3
    "angle": slice(58, 63),  # f5.1
    "time_residual": slice(63, 68),  # f5.2  or of back azimuth, or of magnitude
    "final_weight": slice(68, 70),  # i2
    "distance_km": slice(70, 75),  # f5.2
    "azimuth": slice(76, 79),  # i3
    "type": slice(79, 80),
}
NEW_BOUNDS: dict[str, Range] = {
    "hour": (0.0, 47.0),
    "minute": (0.0, 59.0),
    "second": (0.0, 200.0),
    "parameter_1": POSITIVE,
    "parameter_2": POSITIVE,
    "angle": ANY,
    "time_residual": ANY,
    "final_weight": COUNT,
    "distance_km": (0.0, 20_100.0),
    "azimuth": AZIMUTH,
}
WIDTH = 80
GAPS = {
    "1": gaps(HEADER, WIDTH),
    "E": gaps(ERRORS, WIDTH),
    "H": gaps(ACCURATE, WIDTH),
    "F": gaps(PLANE, WIDTH),
    "2": gaps(FELT, WIDTH),
    "OLD": tuple(at for at in gaps(OLD, WIDTH) if at != 17),  # a long phase name may stand there
    "NEW": gaps(NEW, WIDTH),
}
OLD_TITLE = " STAT SP IPHASW D HRMM SECON CODA AMPLIT PERI AZIMU VELO AIN AR TRES W  DIS CAZ7"
NEW_TITLE = " STAT COM NTLO IPHASE   W HHMM SS.SSS   PAR1  PAR2 AGA OPE  AIN  RES W  DIS CAZ7"
MOST_PICKS = 500  # of one record of readings
MOST_LINES = 3_000  # of one event; more is not one event

#: SEISAN's event letters. V (volcanic) has no QuakeML type of its own here; it stays a comment.
EVENT_LETTERS: dict[str, tuple[str | None, str | None]] = {
    "": (None, None),
    "*": ("earthquake", "known"),
    "Q": ("earthquake", "known"),
    "E": ("explosion", "known"),
    "P": ("explosion", "suspected"),
    "I": ("induced or triggered event", "known"),
    "V": (None, None),
    "L": ("landslide", "known"),
    "X": ("landslide", "known"),
    "S": ("sonic boom", "known"),
    "O": ("other event", "known"),
    "C": ("ice quake", "known"),
    "G": ("ice quake", "known"),
}
MAGNITUDE_TYPES = {
    "L": "ML",
    "l": "ML",
    "C": "Mc",
    "c": "Mc",
    "b": "mb",
    "B": "mB",
    "s": "Ms",
    "S": "MS",
    "W": "MW",
    "w": "Mw",
    "G": "MbLg",
    "N": "MN",
    "n": "Mn",
}
SCALES = {"MM": "MMI", "RF": "RF", "CS": "MCS", "SK": "MSK-64"}
ONSETS: dict[str, str | None] = {"": None, "i": "impulsive", "e": "emergent"}
POLARITIES: dict[str, str | None] = {"": None, "c": "positive", "d": "negative"}
MODES: dict[str, str | None] = {"": None, "a": "automatic"}

_HEADER_LINE = re.compile(
    rb"^ (\d{4}) ([ 01]?\d|  )([ 0-3]?\d|  )[ F]([ 012]?\d|  )([ 0-5]?\d|  ) ([ 0-9.]{4})"
    rb".[LRD ].[-\d. ]{7}[-\d. ]{8}[-\d. ]{5}.{36}1[ \r]*$",
    re.MULTILINE,
)
_ID = re.compile(r"ID:\s*(\d{8,14})")


def detect(head: bytes, filename: str) -> bool:
    """Tell whether a line of the first bytes is a Nordic header line, 80 columns ending in 1."""
    head = head.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for match in _HEADER_LINE.finditer(head):
        month, day = match[2].strip() or b"0", match[3].strip() or b"0"
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return True
    return False


# --- the file: events apart by blank lines --------------------------------------------------------

Lines = list[tuple[int, str]]


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Yield the events and the readings without an epicentre; problems come before each.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, or no header line.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "Nordic", Severity.ERROR))
    compact = _is_compact(source, limits, encoding)
    found: list[Problem] = []
    seen_ids: set[str] = set()
    headless: list[Problem] = []  # held back: a file without any header line is no Nordic file
    events = line_number = 0
    for block in _blocks(source, limits, encoding, found, compact):
        yield from found
        found.clear()
        line_number = block[-1][0]
        if events >= limits.max_events:
            expected = f"<= {limits.max_events}"
            yield Problem(block[0][0], "too-many-events", "", "", expected, Severity.ERROR)
            return
        if not any(_kind(line) == "1" for _, line in block):
            first = cut(block[0][1])
            headless.append(
                Problem(block[0][0], "missing-block", "type 1", first, "1", Severity.ERROR)
            )
            continue
        events += 1
        yield from headless
        headless.clear()
        yield from _event(block, limits, seen_ids)
    yield from found
    if events:
        yield from headless
    else:
        raise FormatError(
            Problem(line_number or 1, "wrong-format", "type 1", "", "Nordic", Severity.ERROR)
        )


def _is_compact(source: Any, limits: Limits, encoding: Encoding) -> bool:
    """Tell whether a file holds header lines only: then each line is an event."""
    compact = True
    for _, line in read_lines(source, limits, [], encoding):
        if line.strip(" \x1a\x0c") and _kind(_eighty(line)) != "1":
            compact = False
            break
    source.seek(0)
    return compact


def _blocks(
    source: Any, limits: Limits, encoding: Encoding, problems: list[Problem], compact: bool
) -> Iterator[Lines]:
    """Yield the lines of one event after the other."""
    block: Lines = []
    for line_number, line in read_lines(source, limits, problems, encoding):
        line = _eighty(line.rstrip("\x1a\x0c"))
        if not line.strip():
            if block:
                yield block
            block = []
            continue
        if compact and block and not _continues(line):
            yield block
            block = []
        block.append((line_number, line))
    if block:
        yield block


def _eighty(line: str) -> str:
    """Return a line whose type stands in column 80, also if it was counted in UTF-8 bytes."""
    if not line.isascii() and len(line) < WIDTH == len(line.encode("utf-8", "replace")):
        return line[:-1].ljust(WIDTH - 1) + line[-1]
    return line


def _kind(line: str) -> str:
    """Return the type of a line; short lines are phase lines."""
    return line[79:80] or " "


def _continues(line: str) -> bool:
    """Tell whether a header line only adds magnitudes to the one before."""
    return not any(line[HEADER[name]].strip() for name in ("latitude", "longitude", "depth_km"))


# --- one event ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Header:
    """A type 1 line and what hangs on it."""

    line_number: int
    line: str
    values: dict[str, float | None]
    time: datetime | None
    minute_only: bool = False
    errors: tuple[int, str, dict[str, float | None]] | None = None
    accurate: tuple[int, str, dict[str, float | None]] | None = None

    @property
    def agency(self) -> str:
        return self.line[HEADER["agency"]].strip()

    @property
    def located(self) -> bool:
        return None not in (self.time, self.values["latitude"], self.values["longitude"])


@dataclass(slots=True)
class _Phase:
    """A phase line, readable, with its time."""

    line_number: int
    line: str
    values: dict[str, float | None]
    time: datetime
    read: Any = None  # ObsPy's pick


@dataclass(slots=True)
class _Sheet:
    """The lines of an event, by their type."""

    problems: list[Problem]
    headers: list[_Header] = field(default_factory=list)
    planes: list[tuple[int, str, dict[str, float | None]]] = field(default_factory=list)
    intensities: list[IntensityRecord] = field(default_factory=list)
    identity: tuple[int, str] | None = None
    event_id: str | None = None
    title: str = ""
    phases: Lines = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def located(self) -> _Header | None:
        """The last header so far that has an epicentre: E and H lines belong to it."""
        return next((header for header in reversed(self.headers) if header.located), None)

    def unread(self, line_number: int, line: str, what: str, code: str = "unused-text") -> None:
        """Keep a line as a comment and say so."""
        self.problems.append(Problem(line_number, code, what, cut(line.rstrip()), ""))
        self.comments.append(line.strip())


def _event(
    block: Lines, limits: Limits, seen_ids: set[str]
) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Yield the problems of one event, then the event or its readings."""
    first_line, last_line = block[0][0], block[-1][0]
    if len(block) > MOST_LINES:
        found = f"{len(block)}"
        yield Problem(
            first_line, "out-of-range", "lines", found, f"<= {MOST_LINES}", Severity.ERROR
        )
        return
    problems: list[Problem] = []
    sheet = _sorted(block, problems, limits)
    main = sheet.headers[0] if sheet.headers else None
    if main is None or main.time is None:
        yield from problems
        found = cut(block[0][1])
        yield Problem(first_line, "missing-field", "time", found, "type 1", Severity.ERROR)
        return
    layout, phases = _phases(sheet, main.time)
    try:
        event = _ask_obspy(sheet, layout, phases)
    except ReaderCrashed as error:
        yield from problems
        yield crashed(error, first_line, block[0][1])
        return
    if event is None:
        yield from problems
        yield replace(lost(first_line, block[0][1]), severity=Severity.ERROR)
        return
    origins, magnitudes = _origins(sheet, event)
    # The main origin may have been given up: then the arrivals have none.
    own = next((o for o in origins if o.line_number == main.line_number), None)
    own_id = None if own is None else own.origin_id
    kept = _readings(sheet, layout, phases, event, own_id)
    if sheet.event_id is not None:
        if sheet.event_id in seen_ids:
            problems.append(
                Problem(first_line, "duplicate-event-id", "ID", cut(sheet.event_id), "unique")
            )
        seen_ids.add(sheet.event_id)
    text = "\n".join(line for _, line in block)
    if not origins:
        yield from problems
        yield from _without_event(sheet, kept, block, main.agency or None, magnitudes)
        return
    if own is not None:
        origins[0] = replace(own, arrivals=tuple(kept.arrivals))
    mechanisms = _mechanisms(sheet, event)
    letter = main.line[HEADER["event_letter"]].strip().upper()
    event_type, certainty = EVENT_LETTERS.get(letter, (None, None))
    yield from problems
    yield EventRecord(
        text=text,
        first_line=first_line,
        last_line=last_line,
        event_id=sheet.event_id,
        event_type=event_type,
        event_type_certainty=certainty,
        origins=tuple(origins),
        magnitudes=tuple(magnitudes),
        picks=tuple(kept.picks),
        amplitudes=tuple(kept.amplitudes),
        focal_mechanisms=tuple(mechanisms),
        intensities=tuple(sheet.intensities),
        preferred_origin_id=own_id,
        agency=main.agency or None,
        comments=tuple(sheet.comments),
    )


def _without_event(
    sheet: _Sheet,
    kept: _Kept,
    block: Lines,
    agency: str | None,
    magnitudes: list[MagnitudeRecord],
) -> Iterator[ReadingsRecord | Problem]:
    """Yield the readings of a block that names no epicentre."""
    header = sheet.headers[0]
    comments = [header.line.strip(), *sheet.comments]
    if not kept.picks:
        found = cut(header.line)
        yield Problem(
            header.line_number, "missing-field", "latitude, longitude", found, "", Severity.ERROR
        )
        return
    if magnitudes or sheet.intensities or sheet.planes:
        found = f"{len(magnitudes)} {len(sheet.intensities)} {len(sheet.planes)}"
        yield Problem(header.line_number, "missing-field", "latitude, longitude", found, "")
        comments += [line for _, line, _ in sheet.planes]
    numbers_ = dict(block)
    for start in range(0, len(kept.picks), MOST_PICKS):
        picks = kept.picks[start : start + MOST_PICKS]
        ids = {pick.pick_id for pick in picks}
        whole = len(kept.picks) <= MOST_PICKS
        first = block[0][0] if whole or start == 0 else picks[0].line_number or block[0][0]
        last = block[-1][0] if whole else picks[-1].line_number or block[-1][0]
        yield ReadingsRecord(
            text="\n".join(numbers_[n] for n in sorted(numbers_) if first <= n <= last),
            first_line=first,
            last_line=last,
            picks=tuple(picks),
            amplitudes=tuple(a for a in kept.amplitudes if a.pick_id in ids),
            agency=agency,
            comments=tuple(comments),
        )


def _sorted(block: Lines, problems: list[Problem], limits: Limits) -> _Sheet:
    """Tell the lines of an event apart by their type."""
    sheet = _Sheet(problems)
    for line_number, line in block:
        kind = _kind(line)
        if line[WIDTH:].strip():
            problems.append(
                Problem(line_number, "unused-text", "", cut(line[WIDTH:].strip()), "80")
            )
            sheet.comments.append(line[WIDTH:].strip())
            line = line[:WIDTH]
        line = line.ljust(WIDTH)
        if kind in GAPS and stray(line, GAPS[kind]):
            sheet.unread(line_number, line, f"type {kind}")
        elif kind == "1":
            _take_header(sheet, line_number, line, limits)
        elif kind == "E":
            _take_errors(sheet, line_number, line)
        elif kind == "H":
            _take_accurate(sheet, line_number, line)
        elif kind == "F":
            values = numbers(problems, line_number, line, PLANE, PLANE_BOUNDS)
            if None in (values["strike"], values["dip"], values["rake"]):
                sheet.unread(line_number, line, "strike, dip, rake", "missing-field")
            else:
                sheet.planes.append((line_number, line, values))
        elif kind == "2":
            _take_felt(sheet, line_number, line)
        elif kind in "36":
            text = line[1:79].strip()
            if line[0].strip():
                text = line[:79].strip()
            sheet.comments.append(text if kind == "3" else f"waveform: {text}")
        elif kind == "I":
            _take_identity(sheet, line_number, line)
        elif kind == "7":
            if "IPHAS" not in line:
                sheet.unread(line_number, line, "type 7", "unknown-value")
            elif sheet.title and sheet.title != line:
                sheet.unread(line_number, line, "type 7")
            sheet.title = sheet.title or line
        elif kind in " 4":
            sheet.phases.append((line_number, line))
        else:
            sheet.unread(line_number, line, f"type {kind}", "unsupported-block")
    return sheet


def _clock(
    problems: list[Problem], line_number: int, line: str, columns: dict[str, slice]
) -> datetime | None:
    """Return the time of a header line; blank seconds are 0."""
    texts = {name: line[columns[name]].strip() for name in ("year", "month", "day", "hour")}
    texts["minute"], second = line[columns["minute"]].strip(), line[columns["second"]].strip()
    try:
        if not all(text.isascii() and text.isdigit() for text in texts.values()):
            raise ValueError(line)
        year, month, day, hour, minute = (int(text) for text in texts.values())
        if not re.fullmatch(r"\d*\.?\d*", second, re.ASCII) or hour > 23 or minute > 60:
            raise ValueError(line)
        seconds = float(second) if second else 0.0
        if seconds >= 61.0:
            raise ValueError(line)
        date = datetime(year, month, day, tzinfo=UTC)
        return date + timedelta(seconds=hour * 3600 + minute * 60 + seconds)
    except (ValueError, OverflowError):
        problems.append(
            Problem(line_number, "not-a-time", "time", cut(line[1:20]), "YYYY MMDD HHMM SS.s")
        )
        return None


def _take_header(sheet: _Sheet, line_number: int, line: str, limits: Limits) -> None:
    """Take a type 1 line; one that only adds magnitudes needs no time of its own."""
    values = numbers(sheet.problems, line_number, line, HEADER, HEADER_BOUNDS)
    if sheet.headers and _continues(line) and not line[HEADER["hour"]].strip():
        for earlier in reversed(sheet.headers):
            if earlier.agency == line[HEADER["agency"]].strip():
                line = earlier.line[:20] + line[20:]
                break
        else:
            line = sheet.headers[0].line[:20] + line[20:]
    time = _clock(sheet.problems, line_number, line, HEADER)
    time = origin_time(sheet.problems, line_number, time, limits)
    if time is None and sheet.headers:
        sheet.unread(line_number, line, "time", "missing-field")
        return
    minute_only = not line[HEADER["second"]].strip()
    sheet.headers.append(_Header(line_number, line, values, time, minute_only))


def _take_errors(sheet: _Sheet, line_number: int, line: str) -> None:
    """Take an E line: the errors of the header above it."""
    header = sheet.located
    if (
        line[ERRORS["mark"]].strip() not in ("GAP=", "")
        or header is None
        or header.errors is not None
    ):
        sheet.unread(line_number, line, "type E")
    else:
        values = numbers(sheet.problems, line_number, line, ERRORS, ERRORS_BOUNDS)
        header.errors = (line_number, line, values)


#: One unit of the last digit of a header line, which an H line gives more finely.
_LAST_DIGIT = {"latitude": 0.001, "longitude": 0.001, "depth_km": 0.1, "standard_error": 0.1}


def _take_accurate(sheet: _Sheet, line_number: int, line: str) -> None:
    """Take an H line: the same as the header above it, with more digits; if it is the same."""
    header, problems = sheet.located, sheet.problems
    if header is None or header.accurate is not None:
        sheet.unread(line_number, line, "type H")
        return
    values = numbers(problems, line_number, line, ACCURATE, ACCURATE_BOUNDS)
    time = _clock(problems, line_number, line, ACCURATE)
    agency = line[ACCURATE["agency"]].strip()
    if agency and agency != header.agency:
        problems.append(Problem(line_number, CODE, "agency", cut(agency), cut(header.agency)))
    if time is not None and header.time is not None:
        late = abs((time - header.time).total_seconds())
        if late > 0.0505:
            shown = header.time.isoformat()
            problems.append(Problem(line_number, CODE, "time", time.isoformat(), shown))
        if late < 0.1:
            header.time = time
    for name, unit in _LAST_DIGIT.items():
        fine, coarse = values[name], header.values[name]
        if fine is None:
            continue
        difference = 0.0 if coarse is None else abs(fine - coarse)
        if difference > 0.505 * unit:
            problems.append(Problem(line_number, CODE, name, f"{fine:g}", f"{coarse:g}"))
        if difference <= unit * 1.001:
            header.values[name] = fine
    header.accurate = (line_number, line, values)


def _take_felt(sheet: _Sheet, line_number: int, line: str) -> None:
    """Take a macroseismic line: the maximum intensity; the whole line stays as a comment too."""
    values = numbers(sheet.problems, line_number, line, FELT, FELT_BOUNDS)
    code = line[FELT["scale"]].strip().upper()
    if code and code not in SCALES:
        expected = " ".join(SCALES)
        sheet.problems.append(Problem(line_number, "unknown-value", "scale", cut(code), expected))
    sheet.comments.append(f"macroseismic: {line[:79].rstrip()}")
    felt = line[FELT["effects"]][3:4] in ("C", "D", "F")
    if values["maximum"] is None and not felt:
        return
    place = line[FELT["description"]].strip()
    sheet.intensities.append(
        IntensityRecord(
            place=place or EPICENTRE,
            maximum=values["maximum"],
            best=values["maximum"],
            felt=True if felt else None,
            scale=SCALES.get(code, code or None),
            latitude=values["latitude"],
            longitude=values["longitude"],
            source=line[FELT["agency"]].strip() or None,
            comment=f"maximum observed intensity {line[27:30].strip()}".rstrip(),
            line_number=line_number,
        )
    )


def _take_identity(sheet: _Sheet, line_number: int, line: str) -> None:
    """Take an I line: the event's id; the action and the operator stay as a comment."""
    match = _ID.search(line)
    sheet.comments.append(line[:79].strip())
    if match is None:
        sheet.problems.append(
            Problem(line_number, "missing-field", "ID", cut(line.strip()), "ID:YYYYMMDDHHMMSS")
        )
    elif sheet.identity is None:
        sheet.identity = (line_number, line)
        sheet.event_id = match[1]
    else:
        sheet.problems.append(
            Problem(line_number, "unused-text", "type I", cut(line.strip()), "one type I")
        )


# --- phase lines before ObsPy ---------------------------------------------------------------------


def _phases(sheet: _Sheet, base: datetime) -> tuple[str, list[_Phase]]:
    """Return the layout of the phase lines, and those that can be read, with their times."""
    layout = "NEW" if "NTLO" in sheet.title else "OLD"
    if sheet.phases and not sheet.title:
        fits = {
            name: sum(not stray(line, GAPS[name]) and line[at : at + 1] in " 012"
                      for _, line in sheet.phases)
            for name, at in (("OLD", 18), ("NEW", 26))
        }  # fmt: skip
        layout = max(fits, key=lambda name: fits[name])
        first = sheet.phases[0]
        sheet.problems.append(
            Problem(first[0], "missing-block", "type 7", cut(first[1].rstrip()), layout)
        )
    columns, bounds = (OLD, OLD_BOUNDS) if layout == "OLD" else (NEW, NEW_BOUNDS)
    found = []
    shifted = {
        line_number: line.rstrip()
        for line_number, line in sheet.phases
        if stray(line, GAPS[layout]) or (layout == "OLD" and _is_shifted(line))
    }
    for line_number, line in sheet.phases:
        if line_number in shifted:
            sheet.unread(line_number, line, "phase line")
            continue
        rest = shifted.get(line_number + 1)
        if rest is not None and len(line.rstrip() + rest) <= WIDTH:
            line = unbroken(sheet.problems, line_number, line, columns, bounds)
        plain = line
        if layout == "NEW" and _is_onset(line):  # the polarity shares a column with numbers
            plain = replaced(line, slice(43, 44), "")
        values = numbers(sheet.problems, line_number, plain, columns, bounds)
        clock = [line[columns[name]].strip() for name in ("hour", "minute", "second")]
        unusable = any(
            text and (values[name] is None or (name != "second" and not text.isdigit()))
            for name, text in zip(("hour", "minute", "second"), clock, strict=True)
        )
        if not line[columns["station"]].strip():
            sheet.unread(line_number, line, "station", "missing-field")
        elif unusable or not any(clock):
            sheet.unread(line_number, line, "time", "missing-field")
        else:
            hour = int(values["hour"] or 0)
            if hour == 0 and base.hour == 23:  # as SEISAN does
                hour = 24
            midnight = base.replace(hour=0, minute=0, second=0, microsecond=0)
            minutes, seconds = int(values["minute"] or 0), values["second"] or 0.0
            time = midnight + timedelta(hours=hour, minutes=minutes, seconds=seconds)
            found.append(_Phase(line_number, line, values, time))
    return layout, found


def _is_long(line: str) -> bool:
    """Tell whether the phase name of an old phase line runs over the weight's column."""
    return line[14] not in " 012349_"


def _is_shifted(line: str) -> bool:
    """Tell whether an old phase line has text where a short phase name leaves a blank."""
    return not _is_long(line) and line[14] != "_" and bool(line[17].strip())


def _is_onset(line: str) -> bool:
    """Tell whether a new phase line is of an onset: not of amplitude, coda or back azimuth."""
    phase = line[NEW["phase"]].strip()
    return not (_is_amplitude(phase) or phase == "END" or "BAZ" in phase)


def _is_amplitude(phase: str) -> bool:
    """Tell whether a phase name stands for an amplitude, as ObsPy and SEISAN tell it."""
    return phase[:1] in ("A", "V") or phase[:3] in ("IAM", "IVM")


def _ask_obspy(sheet: _Sheet, layout: str, phases: list[_Phase]) -> Any:
    """Return ObsPy's event of the lines it can read."""
    lines = []
    for header in sheet.headers:
        values = numbers([], header.line_number, header.line, HEADER, HEADER_BOUNDS)
        line = cleared(header.line, HEADER, values)
        stations = values["used_station_count"]
        if stations is not None:
            line = replaced(line, HEADER["used_station_count"], f"{stations:g}")
        letter = HEADER["event_letter"]
        if line[letter].strip() in ("", "*") or line[letter].upper() not in EVENT_LETTERS:
            line = replaced(line, letter, "")
        if header.minute_only or not header.line[HEADER["hour"]].strip():
            line = replaced(line, HEADER["second"], "0.0")
        lines.append(line)
        if header.errors is not None:
            lines.append(cleared(header.errors[1], ERRORS, header.errors[2]))
        if header.accurate is not None:
            n, line, values = header.accurate
            if _clock([], n, line, ACCURATE) is not None:
                if not line[ACCURATE["second"]].strip():
                    line = replaced(line, ACCURATE["second"], "0.0")
                lines.append(cleared(line, ACCURATE, values))
    lines += [cleared(line, PLANE, values) for _, line, values in sheet.planes]
    if sheet.identity is not None:
        lines.append(sheet.identity[1])
    columns = OLD if layout == "OLD" else NEW
    title = sheet.title if "IPHAS" in sheet.title else ""
    lines.append(title or (OLD_TITLE if layout == "OLD" else NEW_TITLE))
    for phase in phases:
        line = cleared(phase.line, columns, phase.values)
        if layout == "NEW" and _is_onset(phase.line):
            line = replaced(line, slice(43, 44), phase.line[43].strip())
        lines.append(line[:79] + " ")
    text = "\n".join([*lines, "", ""])
    return through_obspy(text, "NORDIC", encoding="ascii", nordic_format=layout)


# --- hypocentres ----------------------------------------------------------------------------------


def _origins(sheet: _Sheet, event: Any) -> tuple[list[OriginRecord], list[MagnitudeRecord]]:
    """Return the hypocentres and magnitudes of the header lines: ObsPy's, held against them."""
    origins: list[OriginRecord] = []
    magnitudes: list[MagnitudeRecord] = []
    unclaimed = list(event.origins)
    read_magnitudes = iter(event.magnitudes)
    owners: dict[str, str] = {}
    for header in sheet.headers:
        owner = None
        if header.located:
            read = _claim(unclaimed, header)
            if read is None:
                sheet.problems.append(lost(header.line_number, header.line))
                sheet.comments.append(header.line.strip())
            else:
                origin = _origin(sheet, header, read, f"origin-{len(origins) + 1}")
                if origin is not None:
                    origins.append(origin)
                    owner = origin.origin_id
                    owners.setdefault(header.agency, owner)
        else:
            owner = owners.get(header.agency)
            if header is not sheet.headers[0]:
                _unlocated(sheet, header)
        for magnitude in _magnitudes(sheet, header, read_magnitudes, owner):
            magnitudes.append(replace(magnitude, magnitude_id=f"magnitude-{len(magnitudes) + 1}"))
    return origins, magnitudes


def _claim(unclaimed: list[Any], header: _Header) -> Any:
    """Return ObsPy's origin of a header line: of the same agency, within a second."""
    for read in unclaimed:
        agency = read.creation_info.agency_id or ""
        late = abs((read.time.datetime.replace(tzinfo=UTC) - header.time).total_seconds())
        if agency == header.agency and late <= 1.0 and read.latitude is not None:
            unclaimed.remove(read)
            return read
    return None


def _unlocated(sheet: _Sheet, header: _Header) -> None:
    """Keep a later header without an epicentre, unless all it says are magnitudes."""
    rest = header.line[:55]
    for name in ("year", "month", "day", "hour", "minute", "second", "agency", "event_letter"):
        rest = replaced(rest, HEADER[name], "")
    same = header.line[:20] == sheet.headers[0].line[:20]
    letter = header.line[HEADER["event_letter"]] == sheet.headers[0].line[HEADER["event_letter"]]
    if rest.strip(" LRD") or not same or not letter:
        sheet.comments.append(header.line.strip())


def _origin(sheet: _Sheet, header: _Header, read: Any, origin_id: str) -> OriginRecord | None:
    """Return one hypocentre."""
    problems, n, line, values = sheet.problems, header.line_number, header.line, header.values
    quality = read.quality
    fine = header.accurate is not None

    def value(name: str, got: float | None, per_unit: float = 1.0) -> float | None:
        # With an H line, ObsPy's is that line's; where the two differ that is said already.
        tolerance = _LAST_DIGIT.get(name, 0.0) * 1.01 if fine else 1e-6
        got = None if got is None else got / per_unit
        return settle(problems, n, name, values[name], got, tolerance)

    def letter(name: str, words: dict[str, str | None]) -> str | None:
        return meaning(problems, n, name, line[HEADER[name]], words)

    assert header.time is not None  # noqa: S101 - located
    time = (
        header.time
        if fine
        and abs((read.time.datetime.replace(tzinfo=UTC) - header.time).total_seconds()) < 0.11
        else settle_time(problems, n, "time", header.time, read.time)
    )
    latitude = value("latitude", read.latitude)
    longitude = value("longitude", read.longitude)
    if time is None or latitude is None or longitude is None:
        sheet.comments.append(line.strip())
        return None
    comments = []
    for name in ("model", "distance", "event_letter"):
        if text := line[HEADER[name]].strip():
            comments.append(f"{name.replace('_', ' ')}: {text}")
    code = line[HEADER["event_letter"]].strip().upper()
    if code not in EVENT_LETTERS:
        expected = " ".join(EVENT_LETTERS).strip()
        problems.append(Problem(n, "unknown-value", "event_letter", cut(code), expected))
    kind = EVENT_LETTERS.get(code, (None, None))
    depth_flag = line[HEADER["depth_fixed"]].strip()
    epicentre_flag = line[HEADER["epicenter_fixed"]].strip()
    for name, text in (("depth", depth_flag), ("epicentre", epicentre_flag)):
        if text not in ("", "F"):
            comments.append(f"{name} indicator: {text}")
    depth_km = value("depth_km", read.depth, 1000.0)
    errors, error_comments = _errors(sheet, header, read)
    if header.minute_only and errors.get("time_uncertainty") is None:
        errors["time_uncertainty"] = 30.0  # a time without seconds is good to the minute
    stations = values["used_station_count"]
    read_stations = quality and quality.used_station_count
    if stations is not None and stations >= 100:
        read_stations = None  # ObsPy reads two digits
    stations = value("used_station_count", read_stations)
    return OriginRecord(
        origin_id=origin_id,
        time=time,
        latitude=latitude,
        longitude=longitude,
        depth_km=depth_km,
        time_fixed=letter("time_fixed", {"": None, "f": "f"}) == "f" or None,
        epicenter_fixed=(epicentre_flag == "F") or None,
        depth_type=(
            None if depth_km is None else "operator assigned" if depth_flag == "F" else None
        ),
        used_station_count=None if stations is None else int(stations),
        standard_error=value("standard_error", quality and quality.standard_error),
        agency=settle_word(problems, n, "agency", header.agency, read.creation_info.agency_id),
        event_type=kind[0],
        event_type_certainty=kind[1],
        comments=(*comments, *error_comments),
        line_number=n,
        **errors,
    )


def _errors(sheet: _Sheet, header: _Header, read: Any) -> tuple[dict[str, Any], list[str]]:
    """Return what the E line of a header says, as fields of the origin, and its comments."""
    if header.errors is None:
        return {}, []
    n, line, values = header.errors
    first = sheet.headers[0] is header  # ObsPy takes the first E line for the first origin
    latitude = header.values["latitude"] or 0.0
    per_degree = KM_PER_DEGREE
    quality = read.quality
    got = {
        "azimuthal_gap": quality and quality.azimuthal_gap,
        "time_uncertainty": read.time_errors.uncertainty,
        "latitude_uncertainty_km": _times(read.latitude_errors.uncertainty, per_degree),
        "longitude_uncertainty_km": _times(
            read.longitude_errors.uncertainty, per_degree * cos(radians(latitude))
        ),
        "depth_uncertainty_km": _times(read.depth_errors.uncertainty, 0.001),
    }
    fields = {
        name: settle(
            sheet.problems,
            n,
            name,
            values[name],
            value if first else None,
            1e-3 * (values[name] or 0.0) + 1e-6,  # the longitude's degree is not quite the same
        )
        for name, value in got.items()
    }
    comments = []
    for name in ("covariance_xy", "covariance_xz", "covariance_yz"):
        if text := line[ERRORS[name]].strip():
            comments.append(f"{name.replace('_', ' ')}: {text}")
    agency = line[ERRORS["agency"]].strip()
    if agency and agency != header.agency:
        comments.append(f"agency of the errors: {agency}")
    return fields, comments


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _magnitudes(
    sheet: _Sheet, header: _Header, read: Iterator[Any], origin_id: str | None
) -> Iterator[MagnitudeRecord]:
    """Yield the magnitudes of a header line, in the order of the columns."""
    problems, n = sheet.problems, header.line_number
    for slot in (1, 2, 3):
        name = f"magnitude_{slot}"
        letter = header.line[HEADER[f"magnitude_type_{slot}"]].strip()
        agency = header.line[HEADER[f"magnitude_agency_{slot}"]].strip()
        got = next(read, None) if letter else None
        if header.values[name] is None:
            if (letter or agency) and not header.line[HEADER[name]].strip():
                problems.append(Problem(n, "missing-field", name, cut(letter + agency), "number"))
            continue
        value = settle(problems, n, name, header.values[name], got and got.mag)
        if value is None:
            continue
        if letter and letter not in MAGNITUDE_TYPES:
            expected = " ".join(MAGNITUDE_TYPES)
            problems.append(Problem(n, "unknown-value", f"magnitude_type_{slot}", letter, expected))
        kind = MAGNITUDE_TYPES.get(letter, letter)
        yield MagnitudeRecord(
            value=value,
            type=settle_word(
                problems, n, f"magnitude_type_{slot}", kind, (got and got.magnitude_type) or None
            ),
            origin_id=origin_id,
            agency=settle_word(
                problems,
                n,
                f"magnitude_agency_{slot}",
                agency,
                got and got.creation_info.agency_id,
            ),
            line_number=n,
        )


def _mechanisms(sheet: _Sheet, event: Any) -> list[FocalMechanismRecord]:
    """Return the fault-plane solutions of the F lines."""
    found = []
    read: list[Any] = list(event.focal_mechanisms)
    for k, (n, line, values) in enumerate(sheet.planes):
        got = read[k].nodal_planes.nodal_plane_1 if k < len(read) else None
        if got is None:
            sheet.problems.append(lost(n, line))
            sheet.comments.append(line.strip())
            continue
        strike, dip, rake = (
            settle(sheet.problems, n, name, values[name], getattr(got, name))
            for name in ("strike", "dip", "rake")
        )
        if strike is None or dip is None or rake is None:
            sheet.comments.append(line.strip())
            continue
        comments = [
            f"{name.replace('_', ' ')}: {text}"
            for name in PLANE
            if name.endswith(("error", "ratio", "ratios", "fit", "polarities"))
            and name != "misfit"
            and (text := line[PLANE[name]].strip())
        ]
        found.append(
            FocalMechanismRecord(
                focal_mechanism_id=f"mechanism-{k + 1}",
                nodal_plane_1=NodalPlaneRecord(strike, dip, rake),
                misfit=settle(sheet.problems, n, "misfit", values["misfit"], read[k].misfit),
                quality=line[PLANE["quality"]].strip() or None,
                method_id=line[PLANE["program"]].strip() or None,
                agency=line[PLANE["agency"]].strip() or None,
                comments=tuple(comments),
                line_number=n,
            )
        )
    return found


# --- readings -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kept:
    """What the phase lines say."""

    picks: list[PickRecord] = field(default_factory=list)
    arrivals: list[ArrivalRecord] = field(default_factory=list)
    amplitudes: list[AmplitudeRecord] = field(default_factory=list)


def _readings(
    sheet: _Sheet, layout: str, phases: list[_Phase], event: Any, origin_id: str | None
) -> _Kept:
    """Return the picks, arrivals and amplitudes: ObsPy's, held against their lines."""
    kept = _Kept()
    by_place: dict[tuple[str, int], list[Any]] = {}
    for pick in event.picks:
        place = (str(pick.waveform_id.station_code), round(pick.time.timestamp * 100))
        by_place.setdefault(place, []).append(pick)
    arrivals = {str(a.pick_id): a for a in event.origins[0].arrivals}
    amplitudes: dict[str, list[Any]] = {}
    for amplitude in event.amplitudes:
        amplitudes.setdefault(str(amplitude.pick_id), []).append(amplitude)
    taken: set[int] = set()
    for phase in phases:
        pick = _pick_of(phase, by_place, layout, taken)
        if pick is None:
            sheet.unread(phase.line_number, phase.line, "line", CODE)
            continue
        own = str(pick.resource_id)
        if layout == "OLD":
            _old(sheet, kept, phase, pick, arrivals.get(own), amplitudes.get(own, []), origin_id)
        else:
            _new(sheet, kept, phase, pick, arrivals.get(own), amplitudes.get(own, []), origin_id)
    return kept


def _pick_of(
    phase: _Phase, by_place: dict[tuple[str, int], list[Any]], layout: str, taken: set[int]
) -> Any:
    """Return ObsPy's pick of a phase line: same station, time and, if it can be, phase name."""
    columns = OLD if layout == "OLD" else NEW
    station = phase.line[columns["station"]].strip().encode("ascii", "replace").decode()
    at = round(phase.time.timestamp() * 100)
    near = [p for tick in (at, at - 1, at + 1) for p in by_place.get((station, tick), [])]
    name = _phase_name(phase.line, layout).encode("ascii", "replace").decode()
    for pick in near:
        if id(pick) not in taken and (pick.phase_hint or "").strip() == name:
            taken.add(id(pick))
            return pick
    if layout == "NEW" and not _is_onset(phase.line):  # merged into the onset's pick
        return near[0] if near else _last_of(by_place, station, phase)
    return None


def _last_of(by_place: dict[tuple[str, int], list[Any]], station: str, phase: _Phase) -> Any:
    """Return the pick before, to which ObsPy ties a duration whatever its time."""
    if _phase_name(phase.line, "NEW") != "END":
        return None
    same = [pick for (code, _), picks in by_place.items() if code == station for pick in picks]
    return same[-1] if same else None


def _phase_name(line: str, layout: str) -> str:
    if layout == "NEW":
        return line[NEW["phase"]].strip()
    if _is_long(line):
        return line[10:17].strip() if not line[17].strip() else line[10:18].strip()
    return line[10:17].strip() if line[14] == "_" else line[OLD["phase"]].strip()


def _arrival(
    kept: _Kept,
    pick: PickRecord,
    arrival: ArrivalRecord,
    origin_id: str | None,
) -> None:
    """Keep a pick with its arrival; without an origin the arrival's values are comments."""
    if origin_id is not None:
        kept.arrivals.append(arrival)
    else:
        said = [
            f"{name}: {value:g}"
            for name in (
                "distance_deg",
                "azimuth",
                "takeoff_angle",
                "time_residual",
                "time_weight",
                "backazimuth_residual",
            )
            if (value := getattr(arrival, name)) is not None
        ]
        pick = replace(pick, comments=(*pick.comments, *said))
    kept.picks.append(pick)


def _degrees(km: float | None) -> float | None:
    return None if km is None else round(km / KM_PER_DEGREE, 6)


def _slowness(velocity: float | None) -> float | None:
    """Return s/deg of an apparent velocity in km/s; 0 and 999 mean none."""
    if velocity is None or velocity in (0.0, 999.0):
        return None
    return round(KM_PER_DEGREE / velocity, 6)


def _old(
    sheet: _Sheet,
    kept: _Kept,
    phase: _Phase,
    read: Any,
    arrival: Any,
    amplitudes: list[Any],
    origin_id: str | None,
) -> None:
    """Take a phase line of the old layout."""
    problems, n, line, values = sheet.problems, phase.line_number, phase.line, phase.values
    long = _is_long(line)
    amplitude = amplitudes[0] if amplitudes else None

    def value(name: str, got: float | None, tolerance: float = 1e-6) -> float | None:
        return settle(problems, n, name, values[name], got, tolerance)

    def code(name: str, words: dict[str, str | None], text: str, got: Any) -> str | None:
        said = meaning(problems, n, name, text, words)
        return settle_word(problems, n, name, said or "", got if said else None)

    station = settle_word(
        problems, n, "station", line[OLD["station"]].strip(), read.waveform_id.station_code
    )
    if station is None:
        return
    channel = line[OLD["channel"]].strip().replace(" ", "")
    reference = StationReference(station, channel=channel or None)
    pick_id = f"pick-{len(kept.picks) + 1}"
    comments = []
    weight = line[8] if long else line[14].replace("_", " ")
    if weight.strip():
        comments.append(f"weight: {weight}")
    if not long and line[8].strip():
        comments.append(f"column 9: {line[8]}")
    velocity = value("velocity", _velocity(read.horizontal_slowness))
    slowness = _slowness(velocity)
    if velocity is not None and slowness is None:
        comments.append(f"velocity: {velocity:g}")
    is_snr = sheet.title[57:60] == "SNR"
    angle = values["angle"]
    if angle is not None and not is_snr and sheet.title[57:60] != "AIN":
        comments.append(f"{sheet.title[57:60].strip() or 'column 57-60'}: {angle:g}")
        angle = None
    distance = value("distance_km", _times(arrival and arrival.distance, KM_PER_DEGREE), 1e-4)
    name = _phase_name(line, "OLD")
    record = PickRecord(
        pick_id,
        reference,
        settle_time(problems, n, "time", phase.time, read.time),
        phase_hint=settle_word(problems, n, "phase", name, (read.phase_hint or "").strip() or None),
        onset=code("onset", ONSETS, line[OLD["onset"]], read.onset),
        polarity=(
            None
            if long or line[14] == "_"
            else code("polarity", POLARITIES, line[OLD["polarity"]], read.polarity)
        ),
        backazimuth=value("backazimuth", read.backazimuth),
        horizontal_slowness=slowness,
        snr=angle if is_snr else None,
        evaluation_mode=(
            None if long else code("mode", MODES, line[OLD["mode"]], read.evaluation_mode)
        ),
        comments=tuple(comments),
        line_number=n,
    )
    weight_10 = value("final_weight", _times(arrival and arrival.time_weight, 10.0))
    _arrival(
        kept,
        record,
        ArrivalRecord(
            pick_id,
            phase=record.phase_hint,
            azimuth=value("azimuth", arrival and arrival.azimuth),
            distance_deg=_degrees(distance),
            takeoff_angle=(
                None
                if is_snr or angle is None
                else settle(problems, n, "angle", angle, arrival and arrival.takeoff_angle)
            ),
            time_residual=value("time_residual", arrival and arrival.time_residual),
            time_weight=None if weight_10 is None else weight_10 / 10.0,
            backazimuth_residual=value(
                "backazimuth_residual", arrival and arrival.backazimuth_residual
            ),
            line_number=n,
        ),
        origin_id,
    )
    got = amplitude if amplitude is not None and amplitude.type != "END" else None
    _amplitude(sheet, kept, record, values["amplitude"], values["period"], got, record.snr, name)
    if values["coda"] is not None:
        got = amplitude if amplitude is not None and amplitude.type == "END" else None
        _coda(sheet, kept, record, values["coda"], got, n)


def _velocity(slowness: float | None) -> float | None:
    return None if not slowness else KM_PER_DEGREE / slowness


def _amplitude(
    sheet: _Sheet,
    kept: _Kept,
    pick: PickRecord,
    stated: float | None,
    stated_period: float | None,
    got: Any,
    snr: float | None,
    name: str,
    comments: tuple[str, ...] = (),
) -> None:
    """Keep an amplitude; nanometres where the phase name says ML, else in no stated unit."""
    n = pick.line_number or 0
    read = got and got.generic_amplitude
    if got is not None and got.unit == "m":
        read = _times(read, 1e9)
    value = settle(sheet.problems, n, "amplitude", stated, read)
    period = settle(sheet.problems, n, "period", stated_period, got and got.period)
    if value is None and period is None:
        return
    is_ml = "AML" in name
    kept.amplitudes.append(
        AmplitudeRecord(
            f"amplitude-{len(kept.amplitudes) + 1}",
            value,
            unit="nm" if is_ml and value is not None else None,
            type=name.removeprefix("I") if _is_amplitude(name) else None,
            period=period,
            snr=snr,
            pick_id=pick.pick_id,
            station=pick.station,
            magnitude_hint="ML" if is_ml else None,
            comments=comments,
            line_number=n,
        )
    )


def _coda(
    sheet: _Sheet, kept: _Kept, pick: PickRecord, stated: float, got: Any, line_number: int
) -> None:
    """Keep a signal duration [s] as ObsPy names it: an amplitude of type END."""
    read = got and got.generic_amplitude
    value = settle(sheet.problems, line_number, "coda", stated, read)
    if value is not None:
        kept.amplitudes.append(
            AmplitudeRecord(
                f"amplitude-{len(kept.amplitudes) + 1}",
                value,
                unit="s",
                type="END",
                category="duration",
                pick_id=pick.pick_id,
                station=pick.station,
                magnitude_hint="Mc",
                line_number=line_number,
            )
        )


def _new(
    sheet: _Sheet,
    kept: _Kept,
    phase: _Phase,
    read: Any,
    arrival: Any,
    amplitudes: list[Any],
    origin_id: str | None,
) -> None:
    """Take a phase line of the new layout: an onset, an amplitude, a duration or an azimuth."""
    problems, n, line, values = sheet.problems, phase.line_number, phase.line, phase.values
    name = line[NEW["phase"]].strip()
    onset = _is_onset(line)
    merged = (read.phase_hint or "").strip() != name.encode("ascii", "replace").decode()
    read_arrival = None if merged else arrival

    def value(column: str, got: float | None, tolerance: float = 1e-6) -> float | None:
        return settle(problems, n, column, values[column], got, tolerance)

    def word(column: str, got: Any) -> str | None:
        return settle_word(problems, n, column, line[NEW[column]].strip(), got)

    def code(column: str, words: dict[str, str | None], text: str, got: Any) -> str | None:
        said = meaning(problems, n, column, text, words)
        return settle_word(problems, n, column, said or "", got if said else None)

    station = word("station", read.waveform_id.station_code)
    if station is None:
        return
    is_baz = "BAZ" in name
    if name == "END" or is_baz:
        earlier = [pick for pick in kept.picks if pick.station.code == station]
        if is_baz:
            earlier = [
                pick
                for pick in earlier
                if pick.time == phase.time and not _is_amplitude(pick.phase_hint or "")
            ]
        if earlier:
            _merge(sheet, kept, phase, read, amplitudes, earlier[-1])
            return
    reference = StationReference(
        station,
        network=word("network", read.waveform_id.network_code),
        location=word("location", read.waveform_id.location_code),
        channel=line[NEW["channel"]].strip().replace(" ", "") or None,
    )
    pick_id = f"pick-{len(kept.picks) + 1}"
    comments = []
    if line[NEW["weight"]].strip():
        comments.append(f"weight: {line[NEW['weight']]}")
    if operator := line[NEW["operator"]].strip():
        comments.append(f"operator: {operator}")
    is_snr = sheet.title[60:63] == "SNR"
    angle = values["angle"]
    if angle is not None and not is_snr and sheet.title[60:63] != "AIN":
        comments.append(f"{sheet.title[60:63].strip() or 'column 59-63'}: {angle:g}")
        angle = None
    first, second = values["parameter_1"], values["parameter_2"]
    if onset:
        comments += [
            f"{column}: {number_:g}"
            for column, number_ in (("parameter 1", first), ("parameter 2", second))
            if number_ is not None
        ]
    residual = values["time_residual"]
    is_amplitude = _is_amplitude(name)
    distance = value(
        "distance_km", _times(read_arrival and read_arrival.distance, KM_PER_DEGREE), 1e-4
    )
    weight_10 = value("final_weight", _times(read_arrival and read_arrival.time_weight, 10.0))
    record = PickRecord(
        pick_id,
        reference,
        settle_time(problems, n, "time", phase.time, None if merged else read.time),
        phase_hint=name or None,
        onset=code("onset", ONSETS, line[NEW["onset"]], read.onset),
        polarity=code("polarity", POLARITIES, line[43], read.polarity) if onset else None,
        backazimuth=value("parameter_1", read.backazimuth) if is_baz else None,
        horizontal_slowness=(
            _slowness(value("parameter_2", _velocity(read.horizontal_slowness))) if is_baz else None
        ),
        snr=angle if is_snr else None,
        evaluation_mode=code("mode", MODES, line[NEW["mode"]], read.evaluation_mode),
        agency=word("agency", read.creation_info and read.creation_info.agency_id),
        comments=tuple(comments),
        line_number=n,
    )
    if is_baz and second is not None and record.horizontal_slowness is None:
        record = replace(record, comments=(*record.comments, f"velocity: {second:g}"))
    _arrival(
        kept,
        record,
        ArrivalRecord(
            pick_id,
            phase=record.phase_hint,
            azimuth=value("azimuth", read_arrival and read_arrival.azimuth),
            distance_deg=_degrees(distance),
            takeoff_angle=(
                None
                if is_snr or angle is None
                else settle(
                    problems, n, "angle", angle, read_arrival and read_arrival.takeoff_angle
                )
            ),
            time_residual=(
                value("time_residual", read_arrival and read_arrival.time_residual)
                if onset
                else None
            ),
            time_weight=None if weight_10 is None else weight_10 / 10.0,
            backazimuth_residual=residual if is_baz else None,
            line_number=n,
        ),
        origin_id,
    )
    if is_amplitude:
        said = () if residual is None else (f"magnitude residual: {residual:g}",)
        got = amplitudes[0] if amplitudes else None
        if first is None and second is None and said:
            kept.picks[-1] = replace(kept.picks[-1], comments=(*kept.picks[-1].comments, *said))
        _amplitude(sheet, kept, record, first, second, got, record.snr, name, said)
    elif name == "END":
        if first is not None:
            _coda(sheet, kept, record, first, amplitudes[0] if amplitudes else None, n)
        extra = tuple(
            f"{column}: {number_:g}"
            for column, number_ in (("parameter 2", second), ("magnitude residual", residual))
            if number_ is not None
        )
        kept.picks[-1] = replace(kept.picks[-1], comments=(*kept.picks[-1].comments, *extra))


def _merge(
    sheet: _Sheet,
    kept: _Kept,
    phase: _Phase,
    read: Any,
    amplitudes: list[Any],
    pick: PickRecord,
) -> None:
    """Add a duration or a back azimuth to the onset it belongs to; its line stays as a comment."""
    n, values = phase.line_number, phase.values
    at = kept.picks.index(pick)
    comments = (*pick.comments, phase.line[:79].strip())
    if _phase_name(phase.line, "NEW") == "END":
        kept.picks[at] = replace(pick, comments=comments)
        if values["parameter_1"] is not None:
            ends = [a for a in amplitudes if a.type == "END"]
            got = ends[0] if len(ends) == 1 else None
            _coda(sheet, kept, pick, values["parameter_1"], got, n)
        return
    velocity = settle(
        sheet.problems,
        n,
        "parameter_2",
        values["parameter_2"],
        _velocity(read.horizontal_slowness),
    )
    kept.picks[at] = replace(
        pick,
        comments=comments,
        backazimuth=settle(
            sheet.problems, n, "parameter_1", values["parameter_1"], read.backazimuth
        ),
        horizontal_slowness=_slowness(velocity),
    )
    for k, arrival in enumerate(kept.arrivals):
        if arrival.pick_id == pick.pick_id:
            kept.arrivals[k] = replace(arrival, backazimuth_residual=values["time_residual"])
