"""IMS1.0:SHORT, the IASPEI Seismic Format (ISF 1.0) short: what agencies and the ISC exchange.

The columns are those of the standard (IMS1.0 as extended by the ISC for ISF), in its own order
and words. A line whose text stands outside its columns is not read at all, since its numbers
could be anything; it is reported as ``unused-text``. Bibliography rows, ISF comments and their
``(+ ...)`` continuations are kept as comments, without the outer parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import BinaryIO

from catalog.formats.labels import with_label
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
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
    clock,
    count,
    cut,
    number,
    plausible,
)

VERSION = "isf-1"  # of this reader; stored with each reading

ORIGIN = {
    "date": slice(0, 10),  # i4,a1,i2,a1,i2  epicentre date (yyyy/mm/dd)
    "time": slice(11, 22),  # i2,a1,i2,a1,f5.2  epicentre time (hh:mm:ss.ss)
    "time_fixed": slice(22, 23),  # a1  f = fixed origin time solution, blank if not
    "time_uncertainty": slice(24, 29),  # f5.2  origin time error (s; blank if fixed)
    "standard_error": slice(30, 35),  # f5.2  root mean square of time residuals (s)
    "latitude": slice(36, 44),  # f8.4  latitude (negative for south)
    "longitude": slice(45, 54),  # f9.4  longitude (negative for west)
    "epicenter_fixed": slice(54, 55),  # a1  f = fixed epicentre solution, blank if not
    "semi_major_axis_km": slice(55, 60),  # f5.1  semi-major axis of 90 % ellipse (km)
    "semi_minor_axis_km": slice(61, 66),  # f5.1  semi-minor axis of 90 % ellipse (km)
    "major_axis_azimuth": slice(67, 70),  # i3  strike of the ellipse, 0..360 (deg)
    "depth_km": slice(71, 76),  # f5.1  depth (km)
    "depth_fixed": slice(76, 77),  # a1  f = fixed, d = depth phases, blank if not fixed
    "depth_uncertainty_km": slice(78, 82),  # f4.1  depth error 90 % (km; blank if fixed)
    "used_phase_count": slice(83, 87),  # i4  number of defining phases
    "used_station_count": slice(88, 92),  # i4  number of defining stations
    "azimuthal_gap": slice(93, 96),  # i3  gap in azimuth coverage (deg)
    "minimum_distance_deg": slice(97, 103),  # f6.2  distance to closest station (deg)
    "maximum_distance_deg": slice(104, 110),  # f6.2  distance to furthest station (deg)
    "analysis": slice(111, 112),  # a1  a = automatic, m = manual, g = guess
    "method": slice(113, 114),  # a1  i = inversion, p = pattern, g = ground truth, o = other
    "event_type": slice(115, 117),  # a2  event type
    "author": slice(118, 127),  # a9  author of the origin
    "origin_id": slice(128, None),  # a8  origin identification; today's ids are longer
}
ORIGIN_GAPS = (10, 23, 29, 35, 44, 60, 66, 70, 77, 82, 87, 92, 96, 103, 110, 112, 114, 117, 127)

MAGNITUDE_LINE = {
    "type": slice(0, 5),  # a5  magnitude type (mb, Ms, ML, mbmle, msmle)
    "bound": slice(5, 6),  # a1  min max indicator (<, >, or blank)
    "value": slice(6, 10),  # f4.1  magnitude value
    "uncertainty": slice(11, 14),  # f3.1  standard magnitude error
    "station_count": slice(15, 19),  # i4  number of stations used
    "author": slice(20, 29),  # a9  author of the origin
    "origin_id": slice(30, None),  # a8  origin identification
}
MAGNITUDE_GAPS = (10, 14, 19, 29)

PHASE = {
    "station": slice(0, 5),  # a5  station code
    "distance_deg": slice(6, 12),  # f6.2  station-to-event distance (deg)
    "azimuth": slice(13, 18),  # f5.1  event-to-station azimuth (deg)
    "phase": slice(19, 27),  # a8  phase code
    "time": slice(28, 40),  # i2,a1,i2,a1,f6.3  arrival time (hh:mm:ss.sss)
    "time_residual": slice(41, 46),  # f5.1  time residual (s)
    "backazimuth": slice(47, 52),  # f5.1  observed azimuth (deg)
    "backazimuth_residual": slice(53, 58),  # f5.1  azimuth residual (deg)
    "horizontal_slowness": slice(59, 65),  # f6.1  observed slowness (s/deg)
    "horizontal_slowness_residual": slice(66, 72),  # f6.1  slowness residual (s/deg)
    "time_defining": slice(73, 74),  # a1  time defining flag (T or _)
    "backazimuth_defining": slice(74, 75),  # a1  azimuth defining flag (A or _)
    "horizontal_slowness_defining": slice(75, 76),  # a1  slowness defining flag (S or _)
    "snr": slice(77, 82),  # f5.1  signal-to-noise ratio
    "amplitude": slice(83, 92),  # f9.1  amplitude (nm)
    "period": slice(93, 98),  # f5.2  period (s)
    "evaluation_mode": slice(99, 100),  # a1  type of pick (a = automatic, m = manual)
    "polarity": slice(100, 101),  # a1  c = compression, d = dilatation, _ = null
    "onset": slice(101, 102),  # a1  i = impulsive, e = emergent, q = questionable, _ = null
    "magnitude_type": slice(103, 108),  # a5  magnitude type
    "bound": slice(108, 109),  # a1  min max indicator (<, >, or blank)
    "magnitude": slice(109, 113),  # f4.1  magnitude value
    "arrival_id": slice(114, None),  # a8  arrival identification
}
PHASE_GAPS = (5, 12, 18, 27, 40, 46, 52, 58, 65, 72, 76, 82, 92, 98, 102, 113)

#: ISF event type -> QuakeML type and certainty. ``de`` (damaging) and ``fe`` (felt) say more than
#: QuakeML can; the code is then kept as a comment of the origin too.
EVENT_TYPES: dict[str, tuple[str | None, str | None]] = {
    "": (None, None),
    "uk": (None, None),  # unknown
    "de": ("earthquake", "known"),  # damaging earthquake
    "fe": ("earthquake", "known"),  # felt earthquake
    "ke": ("earthquake", "known"),
    "se": ("earthquake", "suspected"),
    "kr": ("rock burst", "known"),
    "sr": ("rock burst", "suspected"),
    "ki": ("induced or triggered event", "known"),
    "si": ("induced or triggered event", "suspected"),
    "km": ("mining explosion", "known"),
    "sm": ("mining explosion", "suspected"),
    "kh": ("chemical explosion", "known"),
    "sh": ("chemical explosion", "suspected"),
    "kx": ("experimental explosion", "known"),
    "sx": ("experimental explosion", "suspected"),
    "kn": ("nuclear explosion", "known"),
    "sn": ("nuclear explosion", "suspected"),
    "ls": ("landslide", "known"),
}
EVENT_TYPE_COMMENT = "event type code: "
METHODS = {
    "": None,
    "i": "inversion",
    "p": "pattern recognition",
    "g": "ground truth",
    "o": "other",
}
ANALYSES: dict[str, tuple[str | None, str | None]] = {
    "": (None, None),
    "a": ("automatic", None),
    "m": ("manual", None),
    "g": ("manual", "preliminary"),  # guess
}
DEPTH_TYPES = {
    "": "from location",
    "f": "operator assigned",
    "d": "constrained by depth phases",
}
PICK_MODES = {"": None, "_": None, "a": "automatic", "m": "manual"}
POLARITIES = {"": None, "_": None, "c": "positive", "d": "negative"}
ONSETS = {
    "": None,
    "_": None,
    "i": "impulsive",
    "e": "emergent",
    "q": "questionable",
}
#: The defining flags as most lines have them; others are read letter by letter.
DEFINING: dict[str, tuple[bool | None, bool | None, bool | None]] = {
    "T__": (True, False, False),
    "___": (False, False, False),
    "T  ": (True, None, None),
    "   ": (None, None, None),
}
BOUNDS = {"": None, "<": "max", ">": "min"}
CONFIDENCE_LEVEL = 90.0  # percent, of the standard's ellipse and depth error
LATEST_PICK = timedelta(hours=6)  # after the origin; nothing seismic travels longer

ORIGIN_HEADER = (
    "   Date       Time        Err   RMS Latitude Longitude  Smaj  Smin  Az Depth   Err"
    " Ndef Nsta Gap  mdist  Mdist Qual   Author      OrigID"
)
MAGNITUDE_HEADER = "Magnitude  Err Nsta Author      OrigID"
BIBLIOGRAPHY_HEADER = "Year Volume Page1 Page2 Journal"
UNTITLED = "Untitled bulletin"  # written where there is no title; read as none
PHASE_HEADER = (
    "Sta     Dist  EvAz Phase        Time      TRes  Azim AzRes   Slow   SRes Def   SNR"
    "       Amp   Per Qual Magnitude    ArrID"
)
HEADERS = {
    ("date", "time", "err", "rms"): "origins",
    ("year", "volume", "page1", "page2"): "bibliography",
    ("magnitude", "err", "nsta", "author"): "magnitudes",
    ("sta", "dist", "evaz", "phase"): "phases",
}
#: First words of the lines of an AutoDRM message around the data.
ENVELOPE = frozenset(
    (
        *("BEGIN", "MSG_TYPE", "MSG_ID", "REF_ID", "PROD_ID", "E-MAIL", "EMAIL"),
        *("DATA_TYPE", "TIME_STAMP", "STOP"),
    )
)
SUBBLOCKS = ("#MOMTENS", "#FAULT_PLANE", "#PRINAX")

_DATA_TYPE = re.compile(r"DATA_TYPE\s+(\S+)\s+(\S+)", re.IGNORECASE)
_DETECT = re.compile(
    r"^[ \t]*(DATA_TYPE\s+\S+\s+(IMS1\.0|ISF)|BEGIN\s+IMS1\.0|Date\s+Time\s+Err\s+RMS\s+Latitude)",
    re.IGNORECASE | re.MULTILINE,
)
_DATE = re.compile(r"\d{4}/\d\d/\d\d")


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first bytes look like an IMS1.0 bulletin."""
    return _DETECT.search(head.decode("latin-1").replace("\r", "\n")) is not None


# --- reading ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Block:
    """What is being gathered about one event while its lines go by."""

    first_line: int
    event_id: str | None
    region: str
    source: str | None
    lines: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    origins: list[OriginRecord] = field(default_factory=list)
    origin_comments: list[list[str]] = field(default_factory=list)
    origin_ids: dict[str, int] = field(default_factory=dict)
    magnitudes: list[MagnitudeRecord] = field(default_factory=list)
    magnitude_comments: list[list[str]] = field(default_factory=list)
    picks: list[PickRecord] = field(default_factory=list)
    pick_comments: dict[str, list[str]] = field(default_factory=dict)
    pick_ids: dict[str, str] = field(default_factory=dict)  # id -> what its line says of it
    arrivals: dict[str, list[ArrivalRecord]] = field(default_factory=dict)
    amplitudes: list[AmplitudeRecord] = field(default_factory=list)
    station_magnitudes: list[StationMagnitudeRecord] = field(default_factory=list)
    stations: dict[str, StationReference] = field(default_factory=dict)
    prime: str | None = None
    phase_origin: str | None = None  # the origin the phase lines belong to
    phase_time: datetime | None = None  # its time, or the nearest there is
    midnight: datetime | None = None
    comment_target: list[str] | None = None  # where the next comment line goes
    blank: bool = False  # the line before was blank
    orphan_reported: bool = False  # phase lines without an origin were met
    skipping: bool = False  # inside a block that is not read
    timed: list[datetime] = field(default_factory=list)  # origin times, also of unusable origins
    unlocated_types: list[tuple[str | None, str | None]] = field(default_factory=list)


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of a bulletin; the problems of an event come just before it.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, no IMS1.0 bulletin, or only versions not supported.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "IMS1.0:SHORT", Severity.ERROR))
    problems: list[Problem] = []
    refusal: Problem | None = None
    state = "envelope"  # then title, and inside an event: the name of a block
    title: str | None = None
    block: _Block | None = None
    stopped = enveloped = False
    seen_ids: set[str] = set()
    events = line_number = unused_from = 0
    for line_number, line in read_lines(source, limits, problems, encoding):
        if problems:
            yield from problems
            problems.clear()
        line = line.rstrip(" \t\x1a\x0c")
        if not line:
            if block is not None:
                block.blank = True
                block.lines.append("")
            continue
        first = line[:10]
        word = first.split(None, 1)[0].upper() if first.strip() else ""
        if (word == "EVENT" or word in ENVELOPE) and state == "phases" and _is_phase(line):
            word = ""  # a station may be called STOP
        if word == "EVENT" and first[:1] not in " \t" and (line[5:6] in (" ", "\t", "")):
            if state == "refused":
                continue
            if block is not None:
                events += 1
                yield from _finish(block, limits, seen_ids, line_number - 1)
            if events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(line_number, "too-many-events", "", "", expected, Severity.ERROR)
                return
            block = _start(line, line_number, title)
            state, stopped = "event", False
            continue
        if word in ENVELOPE and first[0] not in " \t":
            if block is not None and word in ("DATA_TYPE", "STOP", "BEGIN", "MSG_TYPE"):
                events += 1
                yield from _finish(block, limits, seen_ids, line_number - 1)
                block = None
            if word == "STOP":
                state, stopped = "envelope", True
                continue
            if word == "DATA_TYPE":
                enveloped = True
                problem = _unsupported(line, line_number)
                state = "title" if problem is None else "refused"
                title, stopped = None, False
                if problem is not None:
                    if refusal is not None or events:
                        yield problem
                    refusal = refusal or problem
                continue
            if block is None:
                continue
        if block is None:
            if state == "title":
                title = f"{title}\n{line.strip()}" if title else line.strip()
            elif state == "envelope" and (stopped or enveloped):
                if line_number > unused_from + 1:
                    yield Problem(line_number, "unused-text", "", cut(line), "")
                unused_from = line_number
            elif state == "envelope" and _header(line) == "origins":
                # A bulletin cut out of its envelope and event line: still readable.
                yield Problem(line_number, "missing-field", "Event", cut(line), "Event ID Region")
                block = _start("", line_number, None)
                state = _take(block, line, line_number, "event", limits)
            continue
        state = _take(block, line, line_number, state, limits)
    yield from problems
    if block is not None:
        block.problems.append(Problem(line_number, "truncated", "", cut(block.lines[-1]), "STOP"))
        events += 1
        yield from _finish(block, limits, seen_ids, line_number)
    elif events and not stopped:
        yield Problem(line_number, "truncated", "", "", "STOP")
    if not events:
        if refusal is None:
            code = "missing-block" if enveloped else "wrong-format"
            refusal = Problem(line_number, code, "Event", "", "IMS1.0:SHORT", Severity.ERROR)
        raise FormatError(refusal)
    if refusal is not None and not events:
        yield refusal


def _unsupported(line: str, line_number: int) -> Problem | None:
    """Return why a DATA_TYPE section cannot be read, ``None`` if it can."""
    match = _DATA_TYPE.match(line)
    kind, version = match.groups() if match else ("", "")
    expected = "BULLETIN IMS1.0:SHORT"
    if kind.upper() not in ("BULLETIN", "EVENT"):
        code = "unsupported-block"
    elif "LONG" in line.upper() or not version.upper().startswith(("IMS1.0", "ISF1", "ISF:")):
        code = "unsupported-version"
    else:
        return None
    return Problem(line_number, code, "DATA_TYPE", cut(line), expected, Severity.ERROR)


def _header(line: str) -> str | None:
    """Return the block that a header line opens."""
    return HEADERS.get(tuple(line[:80].lower().split(None, 4)[:4]))  # type: ignore[arg-type]


def _start(line: str, line_number: int, title: str | None) -> _Block:
    """Open an event: ``Event`` a5, id a8 in columns 7-14, region a65 from column 16."""
    # Today's ids may be longer than their column; then the first word is the id.
    if line[14:15] in ("", " ") and line[5:6] in ("", " "):
        event_id, region = line[6:14].strip(), line[15:].strip()
    else:
        words = line[5:].split(None, 1)
        event_id, region = words[0], words[1] if len(words) > 1 else ""
    block = _Block(line_number, event_id or None, region, None if title == UNTITLED else title)
    if line:
        block.lines.append(line)
    block.comment_target = block.comments
    return block


def _take(block: _Block, line: str, line_number: int, state: str, limits: Limits) -> str:
    """Put one line of an event where it belongs; return the block it stands in."""
    block.lines.append(line)
    after_blank, block.blank = block.blank, False
    if line.startswith("(") or line.startswith(" ("):
        _comment(block, line, line_number, state)
        return state
    header = _header(line)
    if header is not None:
        block.skipping = False
        if header == "phases":
            _open_phases(block, line_number)
        block.comment_target = block.comments
        return header
    if block.skipping:
        return state
    if state == "phases":
        if after_blank and not _is_phase(line):
            return _skip_block(block, line, line_number, state)
        _phase(block, line, line_number)
    elif state == "origins":
        if after_blank and not _DATE.match(line):
            return _skip_block(block, line, line_number, state)
        _origin(block, line, line_number, limits)
    elif state == "magnitudes":
        if after_blank and _GAPS_OF_MAGNITUDE(line.ljust(32)) != _NO_MAGNITUDE_GAPS:
            return _skip_block(block, line, line_number, state)
        _magnitude(block, line, line_number)
    elif state == "bibliography":
        block.comments.append(line)
        block.comment_target = block.comments
    else:
        return _skip_block(block, line, line_number, state)
    return state


def _is_phase(line: str) -> bool:
    """Tell whether a line stands in the columns of a phase line."""
    padded = line.ljust(122)
    return len(line) > 76 and _GAPS_OF_PHASE(padded) == _NO_PHASE_GAPS and padded[73] in "T_ "


def _skip_block(block: _Block, line: str, line_number: int, state: str) -> str:
    """Report the header of a block this reader does not know; its lines stay in the text."""
    block.skipping = True
    expected = "origins, magnitudes, phases, bibliography"
    block.problems.append(Problem(line_number, "unsupported-block", "", cut(line), expected))
    return state


def _comment(block: _Block, line: str, line_number: int, state: str) -> None:
    """Take ``(text)``: ISF keywords act, everything else is kept where it stands."""
    text = line.strip()[1:]
    text = text.removesuffix(")").rstrip()
    keyword = text.split(None, 1)[0].upper() if text.strip() else ""
    if keyword == "#PRIME" and state == "origins":
        if block.origins:
            if block.prime is not None:
                block.problems.append(
                    Problem(line_number, "unused-text", "#PRIME", cut(line), "one #PRIME")
                )
            block.prime = block.origins[-1].origin_id
        else:
            block.problems.append(
                Problem(line_number, "dangling-reference", "#PRIME", cut(line), "origin")
            )
        return
    if keyword == "#CENTROID" and state == "origins" and block.origins:
        block.origins[-1] = replace(block.origins[-1], origin_type="centroid")
        return
    if keyword in ("#ORIGID", "#ORIGID:") and state == "phases":
        _use_origin(block, text[len(keyword) :].strip(), line_number)
        return
    if keyword in SUBBLOCKS:
        block.problems.append(
            Problem(line_number, "unsupported-block", keyword, cut(line), "comment")
        )
    target = block.comments if block.comment_target is None else block.comment_target
    if state == "bibliography" and target and keyword in ("#AUTHOR", "#TITLE"):
        target[-1] += "\n" + text
    elif text.startswith("+") and target:
        target[-1] += "\n" + text[1:]
    else:
        target.append(text)


def _use_origin(block: _Block, origin_id: str, line_number: int) -> None:
    """Tie the phase lines that follow to the origin an ``(#OrigID ...)`` names.

    Without an id the lines belong to no origin: our writer says so of unassociated picks.
    """
    if not origin_id:
        block.phase_origin = None
        return
    index = block.origin_ids.get(origin_id)
    if index is None:
        block.problems.append(
            Problem(line_number, "dangling-reference", "#OrigID", cut(origin_id), "OrigID")
        )
        block.phase_origin = None
    else:
        block.phase_origin = block.origins[index].origin_id
        block.phase_time = block.origins[index].time


def _open_phases(block: _Block, line_number: int) -> None:
    """Find the origin of a phase block: the prime one or the only one."""
    block.phase_origin = None
    if block.prime is not None:
        block.phase_origin = block.prime
    elif len(block.origins) == 1 and len(block.timed) == 1:
        block.phase_origin = block.origins[0].origin_id
    for origin in block.origins:
        if origin.origin_id == block.phase_origin:
            block.phase_time = origin.time
    if block.phase_time is None and block.timed:
        block.phase_time = block.timed[-1]


#: Blank columns between the fields; text there means the line is shifted.
_GAPS_OF_PHASE: Callable[[str], tuple[str, ...]] = itemgetter(*PHASE_GAPS)
_NO_PHASE_GAPS = (" ",) * len(PHASE_GAPS)
_GAPS_OF_ORIGIN: Callable[[str], tuple[str, ...]] = itemgetter(*ORIGIN_GAPS)
_NO_ORIGIN_GAPS = (" ",) * len(ORIGIN_GAPS)
_GAPS_OF_MAGNITUDE: Callable[[str], tuple[str, ...]] = itemgetter(*MAGNITUDE_GAPS)
_NO_MAGNITUDE_GAPS = (" ",) * len(MAGNITUDE_GAPS)
(
    _STATION,
    _DISTANCE,
    _AZIMUTH,
    _PHASE,
    _TIME,
    _TIME_RESIDUAL,
    _BACKAZIMUTH,
    _BACKAZIMUTH_RESIDUAL,
    _SLOWNESS,
    _SLOWNESS_RESIDUAL,
    _TIME_DEFINING,
    _BACKAZIMUTH_DEFINING,
    _SLOWNESS_DEFINING,
    _SNR,
    _AMPLITUDE,
    _PERIOD,
    _MODE,
    _POLARITY,
    _ONSET,
    _MAGNITUDE_TYPE,
    _BOUND,
    _MAGNITUDE,
    _ARRIVAL_ID,
) = PHASE.values()


def _word(
    problems: list[Problem],
    line_number: int,
    name: str,
    text: str,
    words: dict[str, str | None] | dict[str, str],
) -> str | None:
    """Return the meaning of a one-letter code, or a problem."""
    key = text.strip().lower()
    if key in words:
        return words[key]
    expected = " ".join(word for word in words if word)
    problems.append(Problem(line_number, "unknown-value", name, cut(text), expected))
    return None


def _flag(problems: list[Problem], line_number: int, name: str, text: str) -> bool:
    """Return whether a fixed flag is set: ``f``, or blank."""
    if text in (" ", ""):
        return False
    if text in ("f", "F"):
        return True
    problems.append(Problem(line_number, "unknown-value", name, cut(text), "f"))
    return False


def _defining(
    problems: list[Problem], line_number: int, name: str, text: str, letter: str
) -> bool | None:
    """Return a defining flag: its letter, ``_``, or blank for not reported."""
    if text == "_":
        return False
    if text.upper() == letter:
        return True
    if text.strip():
        problems.append(Problem(line_number, "unknown-value", name, cut(text), f"{letter} _"))
    return None


def _origin(block: _Block, line: str, line_number: int, limits: Limits) -> None:
    """Read one line of the origin block."""
    problems = block.problems
    block.comment_target = block.comments
    line = line.ljust(136)
    columns = ORIGIN
    if _GAPS_OF_ORIGIN(line) != _NO_ORIGIN_GAPS:
        problems.append(Problem(line_number, "unused-text", "origin", cut(line), "origin line"))
        return
    time = _origin_time(problems, line, line_number)
    if time is not None:
        if not plausible(problems, line_number, "time", time, limits.latest()):
            time = None
        else:
            block.timed.append(time)

    def value(name: str, bounds: tuple[float, float] = POSITIVE) -> float | None:
        return number(problems, line_number, name, line[columns[name]], bounds)

    def whole(name: str) -> int | None:
        return count(problems, line_number, name, line[columns[name]])

    latitude = value("latitude", LATITUDE)
    longitude = value("longitude", LONGITUDE)
    comments: list[str] = []
    code = line[columns["event_type"]].strip().lower()
    if code not in EVENT_TYPES:
        problems.append(
            Problem(line_number, "unknown-value", "event_type", code, " ".join(EVENT_TYPES))
        )
    event_type, certainty = EVENT_TYPES.get(code, (None, None))
    if code in ("de", "fe") or code not in EVENT_TYPES:
        comments.append(EVENT_TYPE_COMMENT + code)
    analysis = line[columns["analysis"]].strip().lower()
    if analysis not in ANALYSES:
        problems.append(Problem(line_number, "unknown-value", "analysis", analysis, "a m g"))
    mode, status = ANALYSES.get(analysis, (None, None))
    depth_flag = line[columns["depth_fixed"]]
    depth_km = value("depth_km", DEPTH_KM)
    depth_type = _word(problems, line_number, "depth_fixed", depth_flag, DEPTH_TYPES)
    major = value("semi_major_axis_km")
    minor = value("semi_minor_axis_km")
    depth_uncertainty = value("depth_uncertainty_km")
    own_id = line[columns["origin_id"]].strip()
    origin_id = own_id or f"origin-{len(block.origins) + 1}"
    if time is None or latitude is None or longitude is None:
        missing = "time" if time is None else "latitude" if latitude is None else "longitude"
        problems.append(Problem(line_number, "missing-field", missing, cut(line.rstrip()), ""))
        block.comments.append(line.rstrip())
        block.unlocated_types.append((event_type, certainty))
        return
    if origin_id in block.origin_ids:
        problems.append(
            Problem(line_number, "duplicate-origin-id", "OrigID", cut(origin_id), "unique")
        )
        origin_id = f"{origin_id}#{len(block.origins) + 1}"
    block.origin_ids[origin_id] = len(block.origins)
    block.origin_comments.append(comments)
    block.comment_target = comments
    block.origins.append(
        OriginRecord(
            origin_id=origin_id,
            time=time,
            latitude=latitude,
            longitude=longitude,
            depth_km=depth_km,
            time_uncertainty=value("time_uncertainty"),
            time_fixed=_flag(problems, line_number, "time_fixed", line[columns["time_fixed"]]),
            epicenter_fixed=_flag(
                problems, line_number, "epicenter_fixed", line[columns["epicenter_fixed"]]
            ),
            depth_type=None if depth_km is None and not depth_flag.strip() else depth_type,
            depth_uncertainty_km=depth_uncertainty,
            semi_major_axis_km=major,
            semi_minor_axis_km=minor,
            major_axis_azimuth=value("major_axis_azimuth", AZIMUTH),
            confidence_level=(
                None if major is None and depth_uncertainty is None else CONFIDENCE_LEVEL
            ),
            used_phase_count=whole("used_phase_count"),
            used_station_count=whole("used_station_count"),
            standard_error=value("standard_error"),
            azimuthal_gap=value("azimuthal_gap", AZIMUTH),
            minimum_distance_deg=value("minimum_distance_deg", DISTANCE_DEG),
            maximum_distance_deg=value("maximum_distance_deg", DISTANCE_DEG),
            agency=line[columns["author"]].strip() or None,
            method_id=_word(problems, line_number, "method", line[columns["method"]], METHODS),
            evaluation_mode=mode,
            evaluation_status=status,
            event_type=event_type,
            event_type_certainty=certainty,
            line_number=line_number,
        )
    )


def _origin_time(problems: list[Problem], line: str, line_number: int) -> datetime | None:
    """Return the origin time of an origin line."""
    text = line[0:22]
    if not text.strip():
        return None
    try:
        if text[4] + text[7] + text[13] + text[16] != "//::" or "_" in text:
            raise ValueError(text)
        date = datetime(int(text[0:4]), int(text[5:7]), int(text[8:10]), tzinfo=UTC)
        return clock(date, int(text[11:13]), int(text[14:16]), float(text[17:22]))
    except (ValueError, OverflowError):
        problems.append(
            Problem(line_number, "not-a-time", "time", cut(text), "YYYY/MM/DD HH:MM:SS.ss")
        )
        return None


def _magnitude(block: _Block, line: str, line_number: int) -> None:
    """Read one line of the magnitude block."""
    problems, columns = block.problems, MAGNITUDE_LINE
    block.comment_target = block.comments
    line = line.ljust(38)
    if _GAPS_OF_MAGNITUDE(line) != _NO_MAGNITUDE_GAPS:
        problems.append(
            Problem(line_number, "unused-text", "magnitude", cut(line), "magnitude line")
        )
        return
    value = number(problems, line_number, "magnitude", line[columns["value"]], MAGNITUDE)
    if value is None:
        if not line[columns["value"]].strip():
            problems.append(Problem(line_number, "missing-field", "magnitude", cut(line), "number"))
        block.comments.append(line.rstrip())
        return
    comments: list[str] = []
    origin_id = line[columns["origin_id"]].strip() or None
    if origin_id is not None and origin_id not in block.origin_ids:
        problems.append(
            Problem(line_number, "dangling-reference", "OrigID", cut(origin_id), "OrigID")
        )
        comments.append(f"OrigID {origin_id}")
        origin_id = None
    block.magnitude_comments.append(comments)
    block.comment_target = comments
    block.magnitudes.append(
        MagnitudeRecord(
            value=value,
            type=line[columns["type"]].strip() or None,
            magnitude_id=f"magnitude-{len(block.magnitudes) + 1}",
            origin_id=origin_id,
            uncertainty=number(
                problems, line_number, "magnitude error", line[columns["uncertainty"]], POSITIVE
            ),
            bound=_word(problems, line_number, "bound", line[columns["bound"]], BOUNDS),
            station_count=count(
                problems, line_number, "station_count", line[columns["station_count"]]
            ),
            agency=line[columns["author"]].strip() or None,
            line_number=line_number,
        )
    )


def _phase(block: _Block, line: str, line_number: int) -> None:
    """Read one line of the phase block: a pick, its arrival, amplitude and magnitude."""
    problems = block.problems
    line = line.ljust(122)
    if _GAPS_OF_PHASE(line) != _NO_PHASE_GAPS:
        problems.append(Problem(line_number, "unused-text", "phase", cut(line), "phase line"))
        block.comment_target = block.comments
        return
    code = line[_STATION].strip()
    if not code:
        problems.append(Problem(line_number, "missing-field", "Sta", cut(line), "station code"))
        block.comment_target = block.comments
        return
    station = block.stations.get(code)
    if station is None:
        station = block.stations[code] = StationReference(code)
    own_id = line[_ARRIVAL_ID].strip()
    pick_id = own_id or f"pick-{len(block.picks) + 1}"
    comments: list[str] = []
    # What the line says of the onset itself; the rest is how the block's origin uses it.
    own = line[:5] + line[19:40] + line[47:52] + line[59:65] + line[77:]
    earlier = block.pick_ids.get(pick_id)
    if (
        earlier == own
        and block.phase_origin is not None
        and not any(a.pick_id == pick_id for a in block.arrivals.get(block.phase_origin, ()))
    ):
        # The same reading as another origin uses it: one pick, two arrivals.
        block.comment_target = block.pick_comments[pick_id]
        _arrival(block, line, line_number, pick_id, own_id, comments)
        return
    if earlier is not None:
        pick_id = f"{pick_id}#{len(block.picks) + 1}"
    block.comment_target = comments
    block.pick_comments[pick_id] = comments
    time = _pick_time(block, line[_TIME], line_number, comments)
    phase = line[_PHASE].strip() or None
    snr = number(problems, line_number, "SNR", line[_SNR], POSITIVE)
    mode = line[_MODE]
    polarity = line[_POLARITY]
    onset = line[_ONSET]
    block.picks.append(
        PickRecord(
            pick_id,
            station,
            time,
            phase_hint=phase,
            onset=None if onset in "_ " else _word(problems, line_number, "onset", onset, ONSETS),
            polarity=(
                None
                if polarity in "_ "
                else _word(problems, line_number, "polarity", polarity, POLARITIES)
            ),
            backazimuth=number(problems, line_number, "Azim", line[_BACKAZIMUTH], AZIMUTH),
            horizontal_slowness=number(problems, line_number, "Slow", line[_SLOWNESS], POSITIVE),
            snr=snr,
            evaluation_mode=(
                None
                if mode in "_ "
                else _word(problems, line_number, "pick type", mode, PICK_MODES)
            ),
            line_number=line_number,
        )
    )
    block.pick_ids[pick_id] = own
    _arrival(block, line, line_number, pick_id, own_id, comments)
    amplitude = number(problems, line_number, "Amp", line[_AMPLITUDE], POSITIVE)
    period = number(problems, line_number, "Per", line[_PERIOD], POSITIVE)
    magnitude = number(problems, line_number, "Magnitude", line[_MAGNITUDE], MAGNITUDE)
    magnitude_type = line[_MAGNITUDE_TYPE].strip() or None
    amplitude_id = None
    if amplitude is not None or period is not None:
        amplitude_id = pick_id
        block.amplitudes.append(
            AmplitudeRecord(
                amplitude_id,
                amplitude,
                unit=None if amplitude is None else "nm",
                period=period,
                snr=snr,
                pick_id=pick_id,
                station=station,
                magnitude_hint=magnitude_type,
                line_number=line_number,
            )
        )
    if magnitude is not None:
        block.station_magnitudes.append(
            StationMagnitudeRecord(
                magnitude,
                magnitude_type,
                station,
                pick_id,
                block.phase_origin,
                amplitude_id,
                bound=_word(problems, line_number, "bound", line[_BOUND], BOUNDS),
                line_number=line_number,
            )
        )
    elif (magnitude_type is not None and amplitude_id is None) or line[_BOUND] != " ":
        problems.append(
            Problem(line_number, "missing-field", "Magnitude", cut(line[103:113]), "number")
        )


def _arrival(
    block: _Block, line: str, line_number: int, pick_id: str, own_id: str, comments: list[str]
) -> None:
    """Read what a phase line says of its onset as the block's origin uses it."""
    problems = block.problems
    distance = number(problems, line_number, "Dist", line[_DISTANCE], DISTANCE_DEG)
    azimuth = number(problems, line_number, "EvAz", line[_AZIMUTH], AZIMUTH)
    residual = number(problems, line_number, "TRes", line[_TIME_RESIDUAL], ANY)
    backazimuth_residual = number(problems, line_number, "AzRes", line[_BACKAZIMUTH_RESIDUAL], ANY)
    slowness_residual = number(problems, line_number, "SRes", line[_SLOWNESS_RESIDUAL], ANY)
    flags = line[73:76]
    defining = DEFINING.get(flags)
    if defining is None:
        defining = (
            _defining(problems, line_number, "Def", flags[0], "T"),
            _defining(problems, line_number, "Def", flags[1], "A"),
            _defining(problems, line_number, "Def", flags[2], "S"),
        )
    if block.phase_origin is not None:
        arrivals = block.arrivals.setdefault(block.phase_origin, [])
        arrivals.append(
            ArrivalRecord(
                pick_id,
                own_id or None,
                line[_PHASE].strip() or None,
                azimuth,
                distance,
                time_residual=residual,
                time_defining=defining[0],
                backazimuth_residual=backazimuth_residual,
                backazimuth_defining=defining[1],
                horizontal_slowness_residual=slowness_residual,
                horizontal_slowness_defining=defining[2],
                line_number=line_number,
            )
        )
    else:
        _orphan(block, line, line_number, comments)


def _orphan(block: _Block, line: str, line_number: int, comments: list[str]) -> None:
    """Keep the columns that only make sense with an origin when the block names none."""
    kept = len(comments)
    for name in (
        "distance_deg",
        "azimuth",
        "time_residual",
        "backazimuth_residual",
        "horizontal_slowness_residual",
    ):
        if text := line[PHASE[name]].strip():
            comments.append(f"{name}: {text}")
    if flags := line[73:76].strip(" _"):
        comments.append(f"defining: {flags}")
    if len(comments) > kept and not block.orphan_reported:
        block.orphan_reported = True
        found = f"{len(block.origins)} origins"
        block.problems.append(
            Problem(line_number, "missing-field", "phase block", found, "#PRIME or #OrigID")
        )


def _pick_time(block: _Block, text: str, line_number: int, comments: list[str]) -> datetime | None:
    """Return the absolute time of an onset: the day that brings it nearest to the origin."""
    if not text.strip():
        return None
    origin_time = block.phase_time
    if origin_time is None:
        block.problems.append(
            Problem(line_number, "missing-block", "Time", cut(text), "origin with a time")
        )
        comments.append(f"time: {text.strip()}")
        return None
    midnight = block.midnight
    if midnight is None or midnight.date() != origin_time.date():
        midnight = origin_time.replace(hour=0, minute=0, second=0, microsecond=0)
        block.midnight = midnight
    try:
        if text[2] != ":" or text[5] != ":" or "_" in text:
            raise ValueError(text)
        time = clock(midnight, int(text[0:2]), int(text[3:5]), float(text[6:]))
        late = time - origin_time
        if late < -_HALF_DAY:
            time += _DAY
            late += _DAY
        elif late > _HALF_DAY:
            time -= _DAY
            late -= _DAY
    except (ValueError, OverflowError):
        block.problems.append(Problem(line_number, "not-a-time", "Time", cut(text), "HH:MM:SS.sss"))
        comments.append(f"time: {text.strip()}")
        return None
    if abs(late) > LATEST_PICK:
        block.problems.append(
            Problem(line_number, "out-of-range", "Time", cut(text), "origin time +- 6 h")
        )
        comments.append(f"time: {text.strip()}")
        return None
    return time


_DAY, _HALF_DAY = timedelta(days=1), timedelta(hours=12)


def _finish(
    block: _Block, limits: Limits, seen_ids: set[str], last_line: int
) -> Iterator[EventRecord | Problem]:
    """Close an event: tie comments and arrivals to their owners; yield problems, then the event."""
    while block.lines and not block.lines[-1]:
        block.lines.pop()
        last_line -= 1
    if block.event_id is not None:
        if block.event_id in seen_ids:
            block.problems.append(
                Problem(block.first_line, "duplicate-event-id", "Event", block.event_id, "unique")
            )
        seen_ids.add(block.event_id)
    if not block.timed and not block.picks:
        block.problems.append(
            Problem(
                block.first_line,
                "missing-block",
                "origins",
                cut(block.lines[0] if block.lines else ""),
                ORIGIN_HEADER.split(None, 1)[0],
                Severity.ERROR,
            )
        )
        yield from block.problems
        return
    origins = tuple(
        replace(
            origin,
            comments=tuple(comments),
            arrivals=tuple(block.arrivals.get(origin.origin_id, ())),
        )
        for origin, comments in zip(block.origins, block.origin_comments, strict=True)
    )
    preferred = block.prime
    if preferred is None and len(origins) == 1:
        preferred = origins[0].origin_id
    event_type, certainty = _event_type(origins, preferred, block.unlocated_types)
    yield from block.problems
    yield EventRecord(
        text="\n".join(block.lines),
        first_line=block.first_line,
        last_line=last_line,
        event_id=block.event_id,
        event_type=event_type,
        event_type_certainty=certainty,
        descriptions=((DescriptionRecord(block.region, "region name"),) if block.region else ()),
        origins=origins,
        magnitudes=tuple(
            replace(magnitude, comments=tuple(comments)) if comments else magnitude
            for magnitude, comments in zip(block.magnitudes, block.magnitude_comments, strict=True)
        ),
        picks=tuple(
            replace(pick, comments=tuple(comments)) if comments else pick
            for pick in block.picks
            for comments in (block.pick_comments[pick.pick_id],)
        ),
        amplitudes=tuple(block.amplitudes),
        station_magnitudes=tuple(block.station_magnitudes),
        preferred_origin_id=preferred,
        source=block.source,
        comments=tuple(block.comments),
    )


def _event_type(
    origins: tuple[OriginRecord, ...],
    preferred: str | None,
    unlocated: list[tuple[str | None, str | None]],
) -> tuple[str | None, str | None]:
    """Return the event's type: the preferred origin's, else what all that say anything agree on."""
    for origin in origins:
        if origin.origin_id == preferred and origin.event_type is not None:
            return origin.event_type, origin.event_type_certainty
    said = [(origin.event_type, origin.event_type_certainty) for origin in origins]
    said = [pair for pair in said + unlocated if pair[0] is not None]
    if len({event_type for event_type, _ in said}) != 1:
        return None, None
    return said[0][0], "known" if any(pair[1] == "known" for pair in said) else "suspected"


# --- writing ----------------------------------------------------------------------------------

_CODES = {meaning: code for code, meaning in EVENT_TYPES.items() if code not in ("", "de", "fe")}
_METHOD_LETTERS = {meaning: letter for letter, meaning in METHODS.items()}
_POLARITY_LETTERS = {"positive": "c", "negative": "d"}
_ONSET_LETTERS = {"impulsive": "i", "emergent": "e", "questionable": "q"}
_MODE_LETTERS = {"automatic": "a", "manual": "m"}
_BOUND_MARKS = {None: " ", "max": "<", "min": ">"}


def write(events: Iterable[EventRecord]) -> Iterator[str]:
    """Yield an IMS1.0:SHORT bulletin, line ends included.

    Values are rounded to the standard's decimals; where the column has room, more are given
    until the value is exact. See ``docs/formats.md`` for what the format cannot say.
    """
    yield "BEGIN IMS1.0\nMSG_TYPE DATA\n"
    title: str | None = ""
    for event in events:
        if event.source != title:
            title = event.source
            yield "DATA_TYPE BULLETIN IMS1.0:SHORT\n"
            # Other readers take the first line for the title, whatever it is.
            yield from (f" {line}\n" for line in (title or UNTITLED).split("\n") if line.strip())
        yield from (line.rstrip() + "\n" for line in _event_lines(event))
    if title == "":
        yield f"DATA_TYPE BULLETIN IMS1.0:SHORT\n {UNTITLED}\n"
    yield "STOP\n"


def _cell(value: float | None, width: int, decimals: int) -> str:
    """Return a number right-justified: the standard's decimals, more if needed, fewer to fit."""
    if value is None:
        return " " * width
    for places in range(decimals, decimals + 7):
        text = f"{value:.{places}f}"
        if len(text) > width:
            break
        if float(text) == value:
            return text.rjust(width)
    for places in range(decimals + 6, -1, -1):
        text = f"{value:.{places}f}"
        if len(text) <= width:
            return text.rjust(width)
    return " " * width  # no honest number fits


def _name(text: str | None, width: int) -> str:
    """Return a word left-justified and cut to its column."""
    return (text or "").replace("\n", " ")[:width].ljust(width)


def _comment_lines(comments: Iterable[str]) -> Iterator[str]:
    """Yield ISF comments; the lines of one comment continue with ``(+``."""
    for comment in comments:
        first, *rest = comment.replace("\r", " ").split("\n")
        yield f" ({first})"
        yield from (f" (+{line})" for line in rest)


def _event_lines(event: EventRecord) -> Iterator[str]:
    """Yield the lines of one event."""
    event_id = (event.event_id or "").replace(" ", "_")
    names = [d for d in event.descriptions if d.type in ("region name", "Flinn-Engdahl region")]
    region = names[0].text.replace("\n", " ") if names else ""
    yield f"Event {event_id:<8s} {region}"
    if event.origins:
        yield ""
        yield ORIGIN_HEADER
    for origin in event.origins:
        yield _origin_line(origin)
        if origin.origin_id == event.preferred_origin_id and len(event.origins) > 1:
            yield " (#PRIME)"
        if origin.origin_type == "centroid":
            yield " (#CENTROID)"
        yield from _comment_lines(
            text for text in origin.comments if not text.startswith(EVENT_TYPE_COMMENT)
        )
    remarks = list(with_label(event.comments, event.synthetic))
    remarks += [
        f"{d.type or 'description'}: {d.text}" for d in event.descriptions if d not in names[:1]
    ]
    if remarks:  # the one block whose comments belong to the event
        yield ""
        yield BIBLIOGRAPHY_HEADER
        yield from _comment_lines(remarks)
    if event.magnitudes:
        yield ""
        yield MAGNITUDE_HEADER
    for magnitude in event.magnitudes:
        yield (
            f"{_name(magnitude.type, 5)}{_BOUND_MARKS.get(magnitude.bound, ' ')}"
            f"{_cell(magnitude.value, 4, 1)} {_cell(magnitude.uncertainty, 3, 1)} "
            f"{_cell(magnitude.station_count, 4, 0)} {_name(magnitude.agency, 9)} "
            f"{magnitude.origin_id or ''}"
        )
        yield from _comment_lines(magnitude.comments)
    yield from _phase_blocks(event)
    yield ""


def _origin_line(origin: OriginRecord) -> str:
    """Return the origin line of the standard."""
    tick = timedelta(milliseconds=10)
    time = origin.time + tick / 2
    time -= timedelta(microseconds=time.microsecond % 10_000)
    code = _CODES.get((origin.event_type, origin.event_type_certainty), "uk")
    for text in origin.comments:
        if text.startswith(EVENT_TYPE_COMMENT):
            code = text.removeprefix(EVENT_TYPE_COMMENT)[:2]
    analysis = _MODE_LETTERS.get(origin.evaluation_mode or "", " ")
    if analysis == "m" and origin.evaluation_status == "preliminary":
        analysis = "g"
    depth_flag = {"operator assigned": "f", "constrained by depth phases": "d"}
    return (
        f"{time:%Y/%m/%d %H:%M:%S}.{time.microsecond // 10_000:02d}"
        f"{'f' if origin.time_fixed else ' '} {_cell(origin.time_uncertainty, 5, 2)} "
        f"{_cell(origin.standard_error, 5, 2)} {_cell(origin.latitude, 8, 4)} "
        f"{_cell(origin.longitude, 9, 4)}{'f' if origin.epicenter_fixed else ' '}"
        f"{_cell(origin.semi_major_axis_km, 5, 1)} {_cell(origin.semi_minor_axis_km, 5, 1)} "
        f"{_cell(origin.major_axis_azimuth, 3, 0)} {_cell(origin.depth_km, 5, 1)}"
        f"{depth_flag.get(origin.depth_type or '', ' ')} "
        f"{_cell(origin.depth_uncertainty_km, 4, 1)} {_cell(origin.used_phase_count, 4, 0)} "
        f"{_cell(origin.used_station_count, 4, 0)} {_cell(origin.azimuthal_gap, 3, 0)} "
        f"{_cell(origin.minimum_distance_deg, 6, 2)} {_cell(origin.maximum_distance_deg, 6, 2)} "
        f"{analysis} {_METHOD_LETTERS.get(origin.method_id) or ' '} {code:2s} "
        f"{_name(origin.agency, 9)} {origin.origin_id}"
    )


def _phase_blocks(event: EventRecord) -> Iterator[str]:
    """Yield one phase block an origin that has arrivals: the preferred, no origin, the others."""
    amplitudes = {a.pick_id: a for a in event.amplitudes if a.pick_id is not None}
    owner = {a.amplitude_id: a.pick_id for a in event.amplitudes}
    magnitudes = {
        owner.get(m.amplitude_id or "") or m.station_magnitude_id: m
        for m in event.station_magnitudes
    }
    used = {a.pick_id for origin in event.origins for a in origin.arrivals}
    picks = {pick.pick_id: pick for pick in event.picks}
    blocks: list[tuple[str | None, list[tuple[PickRecord, ArrivalRecord | None]]]] = []
    loose: list[tuple[PickRecord, ArrivalRecord | None]]
    loose = [(pick, None) for pick in event.picks if pick.pick_id not in used]
    for origin in event.origins:
        rows: list[tuple[PickRecord, ArrivalRecord | None]]
        rows = [(picks[a.pick_id], a) for a in origin.arrivals if a.pick_id in picks]
        if rows:
            blocks.append((origin.origin_id, rows))
    if loose:
        blocks.append((None, loose))
    default = event.preferred_origin_id
    blocks.sort(key=lambda block: (block[0] != default, block[0] is not None))
    written: set[str] = set()
    for origin_id, block in blocks:
        yield ""
        yield PHASE_HEADER
        if origin_id is None and event.origins:
            yield " (#OrigID)"
        elif origin_id != default:
            yield f" (#OrigID {origin_id})"
        for pick, arrival in block:
            yield _phase_line(
                pick, arrival, amplitudes.get(pick.pick_id), magnitudes.get(pick.pick_id)
            )
            if pick.pick_id not in written:
                yield from _comment_lines(pick.comments)
            written.add(pick.pick_id)


def _phase_line(
    pick: PickRecord,
    arrival: ArrivalRecord | None,
    amplitude: AmplitudeRecord | None,
    magnitude: StationMagnitudeRecord | None,
) -> str:
    """Return the phase line of the standard."""
    time = " " * 12
    if pick.time is not None:
        rounded = pick.time + timedelta(microseconds=500)
        time = f"{rounded:%H:%M:%S}.{rounded.microsecond // 1000:03d}"
    use = arrival or ArrivalRecord(pick.pick_id)
    defining = "".join(
        " " if flag is None else letter if flag else "_"
        for flag, letter in (
            (use.time_defining, "T"),
            (use.backazimuth_defining, "A"),
            (use.horizontal_slowness_defining, "S"),
        )
    )
    value = None
    if amplitude is not None and amplitude.value is not None:
        value = amplitude.value * 1e9 if amplitude.unit == "m" else amplitude.value
        if amplitude.unit not in ("nm", "m"):
            value = None  # the column is nanometres
    snr = pick.snr if pick.snr is not None else amplitude.snr if amplitude else None
    magnitude_type = magnitude.type if magnitude else amplitude.magnitude_hint if amplitude else ""
    phase = (arrival.phase if arrival else None) or pick.phase_hint
    return (
        f"{_name(pick.station.code, 5)} {_cell(use.distance_deg, 6, 2)} "
        f"{_cell(use.azimuth, 5, 1)} {_name(phase, 8)} {time} "
        f"{_cell(use.time_residual, 5, 1)} {_cell(pick.backazimuth, 5, 1)} "
        f"{_cell(use.backazimuth_residual, 5, 1)} {_cell(pick.horizontal_slowness, 6, 1)} "
        f"{_cell(use.horizontal_slowness_residual, 6, 1)} {defining} {_cell(snr, 5, 1)} "
        f"{_cell(value, 9, 1)} {_cell(amplitude.period if amplitude else None, 5, 2)} "
        f"{_MODE_LETTERS.get(pick.evaluation_mode or '', '_')}"
        f"{_POLARITY_LETTERS.get(pick.polarity or '', '_')}"
        f"{_ONSET_LETTERS.get(pick.onset or '', '_')} {_name(magnitude_type, 5)}"
        f"{_BOUND_MARKS.get(magnitude.bound if magnitude else None, ' ')}"
        f"{_cell(magnitude.value if magnitude else None, 4, 1)} {pick.pick_id}"
    )
