"""HYPO71: the readings that the program takes in (phase cards) and the hypocentres it punches.

Columns after Lee & Lahr (1975), "HYPO71 (revised): a computer program for determining hypocenter,
magnitude, and first motion pattern of local earthquakes", USGS Open-File Report 75-311, and the
program's own formats. Two formats, since a file holds either:

``hypo71-phase``: a card a station with its P and S readings; a card whose first four columns are
blank (the instruction card) ends an earthquake. A deck says nothing of a hypocentre, so each
earthquake's cards become readings without an event. What stands before the phase cards of a whole
input deck (reset list, stations, velocity model) is named and not read.

``hypo71-summary``: a card an earthquake. The hemispheres stand in the heading only; without it, and
without letters in the place of the dashes, the cards are not read: a guess would be an invention.

Years have two digits: the latest year not in the future is meant. The program's weights (0 full ..
4 none, 9 only the interval S-P counts) are kept as comments, since they are not seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationReference,
)
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import (
    AZIMUTH,
    DEPTH_KM,
    MAGNITUDE,
    POSITIVE,
    Range,
    clock,
    count,
    cut,
    number,
    plausible,
)

PHASE_VERSION = "hypo71-phase-1"  # of this reader; stored with each reading
SUMMARY_VERSION = "hypo71-summary-1"

PHASE = {
    "station": slice(0, 4),  # a4  left-justified
    "P onset": slice(4, 5),  # a1  I impulsive, E emergent
    "P": slice(5, 6),  # a1  P
    "P first motion": slice(6, 7),  # a1  U up, D down, + and - the same but poor, N noise
    "P weight": slice(7, 8),  # f1.0
    "component": slice(8, 9),  # not read by the program
    "date": slice(9, 15),  # i6  yymmdd
    "hour": slice(15, 17),  # i2
    "minute": slice(17, 19),  # i2
    "P seconds": slice(19, 24),  # f5.2
    "S seconds": slice(31, 36),  # f5.2  of the same minute, may pass 60
    "S onset": slice(36, 37),  # a1
    "S": slice(37, 38),  # a1
    "S first motion": slice(38, 39),  # a1
    "S weight": slice(39, 40),  # f1.0
    "amplitude": slice(43, 47),  # f4.0  largest, peak to peak, mm on the record
    "period": slice(47, 50),  # f3.2  s
    "calibration of old": slice(50, 54),  # f4.1  used where the next one is blank
    "calibration": slice(58, 62),  # f4.1  peak-to-peak mm of 10 microvolts
    "remark": slice(62, 65),  # a3
    "time correction": slice(65, 70),  # f5.2  s, added to both times
    "duration": slice(70, 75),  # f5.0  from F to P, s
}
PHASE_WIDTH = 80
PHASE_BLANKS = (slice(24, 31), slice(40, 43), slice(54, 58), slice(75, 80))

SUMMARY = {
    "date": slice(0, 6),  # i6  yymmdd
    "hour": slice(7, 9),  # i2
    "minute": slice(9, 11),  # i2
    "second": slice(11, 17),  # f6.2
    "latitude": slice(17, 20),  # i3  deg
    "north or south": slice(20, 21),  # a1  a dash; N or S from some programs
    "latitude minutes": slice(21, 26),  # f5.2
    "longitude": slice(26, 30),  # i4  deg
    "east or west": slice(30, 31),  # a1  a dash; E or W from some programs
    "longitude minutes": slice(31, 36),  # f5.2
    "depth": slice(37, 43),  # f6.2  km
    "depth fixed": slice(43, 44),  # a1  *
    "magnitude": slice(44, 50),  # f6.2
    "readings": slice(50, 53),  # i3  P and S times used
    "gap": slice(53, 57),  # i4  deg
    "distance": slice(57, 62),  # f5.1  km to the nearest station
    "rms": slice(62, 67),  # f5.2  s
    "erh": slice(67, 72),  # f5.1  km, standard error of the epicentre
    "erz": slice(72, 77),  # f5.1  km, standard error of the depth
    "remark": slice(77, 78),  # a1
    "quality": slice(78, 79),  # a1  A .. D
    "model": slice(79, 80),  # a1
}
SUMMARY_WIDTH = 80
KM_PER_DEGREE = 111.195  # of a great circle on a sphere of 6371 km

ONSETS = {"": None, "I": "impulsive", "E": "emergent", "Q": "questionable"}
FIRST_MOTIONS = {
    "": None,
    "U": "positive",
    "C": "positive",
    "+": "positive",
    "D": "negative",
    "-": "negative",
    "N": "undecidable",
}
POOR = ("+", "-")
END_CARDS = (" ***", " $$$", " ###", "$")
MAX_READINGS = 500  # picks in one record
PATIENCE = 1000  # problems before the first summary card: then it is another format
SECONDS: Range = (-1000.0, 1000.0)  # what five characters with two decimals can hold

_CARD = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9 ]{3}[IEQieq ][Pp ][A-Za-z+\-?. ][0-49 ]."
    r"\d\d(0[1-9]|1[0-2]| [1-9])(0[1-9]|[12]\d|3[01]| [1-9])([01 ]\d|2[0-4])[0-5 ]\d[ \d.]{3}"
)
_INSTRUCTION = re.compile(r" {4}[ \d.*+\-]*")
_SUMMARY_ROW = re.compile(
    r"\d\d[ \d]{4} [ \d]\d[ \d]\d[ \d.]{6}"  # time
    r"[ \d]{2}\d[-NSns ][ \d.]{4}\d"  # latitude
    r"[ \d]{3}\d[-EWew ][ \d.]{4}\d"  # longitude
    r" [ \d.\-]{6}[ *]"  # depth
)
_HEADING = re.compile(r"DATE\s+ORIGIN\s+LAT(?:\s+([NS]))?\s+LONG(?:\s+([EW]))?\s+DEPTH", re.I)
_IGNORABLE = " \t\x1a\x0c"


def _lines(head: bytes) -> list[str]:
    """Return the whole lines of the first bytes of a file, without blanks at their ends."""
    text = head.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r\n", "\n")
    lines = text.replace("\r", "\n").split("\n")
    if len(lines) > 1 and len(head) > 4096:
        lines.pop()  # may be cut
    return [line.rstrip(_IGNORABLE) for line in lines]


def _is_card(line: str) -> bool:
    """Tell whether a line stands in the columns of a phase card."""
    return len(line) >= 21 and _CARD.match(line) is not None


def detect_phase(head: bytes, filename: str) -> bool:
    """Tell whether the first lines are phase cards, or a whole deck with phase cards in it."""
    lines = [line for line in _lines(head) if line]
    cards = sum(_is_card(line) for line in lines)
    if not any(_is_card(line) and line[5] in "Pp" for line in lines):
        return False
    if lines[0].startswith("HEAD") or any("RESET TEST(" in line for line in lines[:40]):
        return True
    others = sum(
        _INSTRUCTION.fullmatch(line) is not None or line.startswith(END_CARDS) for line in lines
    )
    return (cards + others) * 10 >= len(lines) * 8


def detect_summary(head: bytes, filename: str) -> bool:
    """Tell whether the first lines are summary cards, with or without the heading."""
    lines = [line for line in _lines(head) if line][:20]
    rows = [line for line in lines if not _HEADING.search(line)]
    good = sum(_is_summary(line) for line in rows)
    return good > 0 and good * 10 >= len(rows) * 7


def _is_summary(line: str) -> bool:
    return 44 <= len(line) <= SUMMARY_WIDTH and _SUMMARY_ROW.match(line) is not None


# --- values -----------------------------------------------------------------------------------


def _fortran(
    problems: list[Problem],
    line_number: int,
    name: str,
    text: str,
    decimals: int,
    bounds: Range = POSITIVE,
) -> float | None:
    """Return the number of a Fortran field F w.d: without a point, the last d digits follow it.

    Blanks after digits were once zeros and are now nothing, so such a number is not read.
    """
    digits = text.strip()
    if digits and "." not in digits and decimals and digits.lstrip("+-").isdecimal():
        if text.endswith(" "):
            problems.append(
                Problem(line_number, "not-a-number", name, cut(text), f"f{len(text)}.{decimals}")
            )
            return None
        sign = "-" if digits.startswith("-") else ""
        plain = digits.lstrip("+-").rjust(decimals + 1, "0")
        digits = f"{sign}{plain[:-decimals]}.{plain[-decimals:]}"
    return number(problems, line_number, name, digits, bounds)


def _date(text: str, latest: datetime) -> datetime:
    """Return the date of ``yymmdd``; ``ValueError`` if there is none."""
    if not re.fullmatch(r"\d\d[ \d]\d[ \d]\d", text) or not text.isascii():
        raise ValueError(text)
    year = latest.year // 100 * 100 + int(text[:2])
    if year > latest.year:
        year -= 100
    return datetime(year, int(text[2:4]), int(text[4:6]), tzinfo=UTC)


def _word(
    problems: list[Problem],
    line_number: int,
    name: str,
    text: str,
    words: dict[str, str | None],
    comments: list[str],
) -> str | None:
    """Return the meaning of a letter; one without a meaning here is a comment and a problem."""
    key = text.strip().upper()
    if key in words:
        return words[key]
    comments.append(f"{name}: {text.strip()}")
    expected = " ".join(word for word in words if word)
    problems.append(Problem(line_number, "unknown-value", name, cut(text), expected))
    return None


# --- phase cards ------------------------------------------------------------------------------


class _Deck:
    """The cards of one earthquake while they go by."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []
        self.cards = 0  # read so far: ids count them, so that they do not change when a deck moves
        self.picks: list[PickRecord] = []
        self.amplitudes: list[AmplitudeRecord] = []
        self.comments: list[str] = []
        self.problems: list[Problem] = []

    def records(self) -> Iterator[ReadingsRecord | Problem]:
        """Yield the problems and the readings of the earthquake, at most 500 in one record."""
        yield from self.problems
        for start in range(0, len(self.picks), MAX_READINGS):
            picks = self.picks[start : start + MAX_READINGS]
            ids = {pick.pick_id for pick in picks}
            whole = len(self.picks) <= MAX_READINGS
            numbers = {pick.line_number for pick in picks}
            lines = self.lines if whole else [line for line in self.lines if line[0] in numbers]
            yield ReadingsRecord(
                text="\n".join(text for _, text in lines),
                first_line=lines[0][0],
                last_line=lines[-1][0],
                picks=tuple(picks),
                amplitudes=tuple(a for a in self.amplitudes if a.pick_id in ids),
                comments=tuple(self.comments),
            )


def read_phase(stream: BinaryIO, limits: Limits) -> Iterator[ReadingsRecord | Problem]:
    """Yield the readings of each earthquake of a deck, after their problems.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, or not one phase card.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "HYPO71", Severity.ERROR))
    problems: list[Problem] = []
    preamble: tuple[int, str] | None = None
    deck = _Deck()
    cards = earthquakes = 0
    reading = False  # among phase cards, not before or after them
    for line_number, line in read_lines(source, limits, problems, encoding):
        text = line.rstrip(_IGNORABLE)
        deck.problems += problems
        problems.clear()
        if _is_card(text):
            if preamble is not None:
                deck.problems.append(
                    Problem(preamble[0], "unsupported-block", "", cut(preamble[1]), "phase card")
                )
                preamble = None
            reading = True
            cards += 1
            deck.lines.append((line_number, text))
            _card(deck, text, line_number, limits)
        elif not reading:
            if text and preamble is None and not text.startswith(END_CARDS):
                preamble = (line_number, text)
        elif text[:4].strip() and not text.startswith(END_CARDS):
            deck.lines.append((line_number, text))
            deck.problems.append(
                Problem(line_number, "unused-text", "phase card", cut(text), "phase card")
            )
            deck.comments.append(text)
        else:
            if text.strip():
                deck.lines.append((line_number, text))
                if not text.startswith(END_CARDS):
                    deck.comments.append(f"instruction card: {text.strip()}")
            reading = not text.startswith(END_CARDS)
            if deck.picks and earthquakes >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(line_number, "too-many-events", "", "", expected, Severity.ERROR)
                return
            earthquakes += bool(deck.picks)
            yield from deck.records()
            deck = _Deck()
    if not cards:
        raise FormatError(Problem(1, "wrong-format", "", "", "HYPO71 phase card", Severity.ERROR))
    yield from deck.records()
    if preamble is not None:
        yield Problem(preamble[0], "unsupported-block", "", cut(preamble[1]), "phase card")


def _card(deck: _Deck, line: str, line_number: int, limits: Limits) -> None:
    """Read one phase card: a P reading, an S reading, the amplitude and the duration."""
    deck.cards += 1
    problems = deck.problems
    card = line.ljust(PHASE_WIDTH)
    remark = card[PHASE["remark"]].strip()
    if remark == "CAL":  # a change of the calibration of a station, not a reading
        deck.comments.append(f"calibration card: {line}")
        return
    comments: list[str] = []
    for blank in PHASE_BLANKS:
        if card[blank].strip():
            problems.append(
                Problem(line_number, "unused-text", "phase card", cut(card[blank].strip()), "")
            )
            comments.append(card[blank].strip())
    if len(line) > PHASE_WIDTH:
        problems.append(
            Problem(line_number, "unused-text", "phase card", cut(line[PHASE_WIDTH:]), "")
        )
        comments.append(line[PHASE_WIDTH:].strip())
    if remark:
        comments.append(f"remark: {remark}")

    def value(name: str, decimals: int, bounds: Range = POSITIVE) -> float | None:
        return _fortran(problems, line_number, name, card[PHASE[name]], decimals, bounds)

    try:
        day = _date(card[PHASE["date"]], limits.latest())
        hour, minute = int(card[PHASE["hour"]]), int(card[PHASE["minute"]])
        # An hour 24 is the first of the next day, as the program takes it.
        start = day + timedelta(hours=hour, minutes=minute)
    except (ValueError, OverflowError):
        problems.append(Problem(line_number, "not-a-time", "date", cut(card[9:19]), "yymmddhhmm"))
        deck.comments.append(line)
        return
    correction = value("time correction", 2, SECONDS) or 0.0
    if correction:
        comments.append(f"time correction: {correction:g} s, added")
    station = StationReference(card[PHASE["station"]].strip())
    component = card[PHASE["component"]].strip()
    if component:
        comments.append(f"component: {component}")
    leader: str | None = None
    for phase in ("P", "S"):
        seconds = value(f"{phase} seconds", 2, SECONDS)
        if seconds is None:
            continue
        time = start + timedelta(seconds=round(seconds + correction, 4))
        if not plausible(problems, line_number, f"{phase} seconds", time, limits.latest()):
            continue
        own: list[str] = []
        weight = card[PHASE[f"{phase} weight"]].strip()
        if weight:
            own.append(f"weight: {weight}" + (" (only S-P counts)" if weight == "9" else ""))
        motion = card[PHASE[f"{phase} first motion"]]
        if motion in POOR:
            own.append(f"first motion: {motion} (poor)")
        named = card[PHASE[phase]].strip().upper()
        if named not in ("", phase):
            own.append(f"phase: {named}")
        pick_id = f"{deck.cards}-{phase}"
        deck.picks.append(
            PickRecord(
                pick_id,
                station,
                time,
                phase_hint=phase,
                onset=_word(
                    problems, line_number, f"{phase} onset", card[PHASE[f"{phase} onset"]],
                    ONSETS, own,
                ),
                polarity=_word(
                    problems, line_number, f"{phase} first motion", motion, FIRST_MOTIONS, own
                ),
                comments=tuple(own + (comments if leader is None else [])),
                line_number=line_number,
            )
        )  # fmt: skip
        leader = leader or pick_id
    if leader is None:
        if not any(card[PHASE[f"{phase} seconds"]].strip() for phase in ("P", "S")):
            problems.append(Problem(line_number, "missing-field", "P seconds", cut(line), "f5.2"))
        deck.comments.append(line)
        return
    _amplitudes(deck, card, line_number, station, leader)


def _amplitudes(
    deck: _Deck, card: str, line_number: int, station: StationReference, leader: str
) -> None:
    """Read the amplitude on the record and the duration of a phase card."""
    problems = deck.problems

    def value(name: str, decimals: int) -> float | None:
        """Return a value of which zero means that there is none."""
        text = card[PHASE[name]]
        return _fortran(problems, line_number, name, text, decimals) or None

    amplitude, period = value("amplitude", 0), value("period", 2)
    calibration = value("calibration", 1) or value("calibration of old", 1)
    if amplitude is not None or period is not None:
        comments = ["peak to peak, mm on the record"]
        if calibration is not None:
            comments.append(f"calibration: {calibration:g} mm of 10 microvolts")
        deck.amplitudes.append(
            AmplitudeRecord(
                f"{deck.cards}-A",
                amplitude,
                unit=None if amplitude is None else "other",
                type="A",
                period=period,
                pick_id=leader,
                station=station,
                comments=tuple(comments),
                line_number=line_number,
            )
        )
    duration = value("duration", 0)
    if duration is not None:
        deck.amplitudes.append(
            AmplitudeRecord(
                f"{deck.cards}-D",
                duration,
                unit="s",
                type="END",
                category="duration",
                pick_id=leader,
                station=station,
                line_number=line_number,
            )
        )


# --- summary cards ----------------------------------------------------------------------------


def read_summary(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of a list of summary cards, each after its problems.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, no summary card, or none whose hemispheres are said.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "HYPO71", Severity.ERROR))
    problems: list[Problem] = []
    held: list[Problem] = []  # until the first event: a refusal says only its reason
    hemispheres: tuple[str, str] = ("", "")
    events = 0
    refusal: Problem | None = None
    for line_number, line in read_lines(source, limits, problems, encoding):
        text = line.rstrip(_IGNORABLE)
        heading = _HEADING.search(text)
        event = None
        if heading is not None:
            north, east = heading.groups()
            hemispheres = ((north or "").upper(), (east or "").upper())
        elif text:
            if events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(line_number, "too-many-events", "", "", expected, Severity.ERROR)
                return
            event = _summary(text, line_number, hemispheres, problems, limits)
            if event is None and refusal is None:
                refusal = next((p for p in problems if p.severity is Severity.ERROR), None)
        if event is None and not events:
            held += problems
            if len(held) > PATIENCE:
                break
        else:
            if not events:
                yield from held
            yield from problems
        problems.clear()
        if event is not None:
            events += 1
            yield event
    if not events:
        raise FormatError(
            refusal or Problem(1, "wrong-format", "", "", "HYPO71 summary card", Severity.ERROR)
        )


def _summary(
    line: str,
    line_number: int,
    hemispheres: tuple[str, str],
    problems: list[Problem],
    limits: Limits,
) -> EventRecord | None:
    """Return the event of one card; ``None`` without a usable time or place."""
    if not _is_summary(line):
        if len(line) < 44 or len(line) > SUMMARY_WIDTH:
            code, found, expected = "wrong-width", str(len(line)), str(SUMMARY_WIDTH)
        else:
            code, found, expected = "unused-text", cut(line), "summary card"
        problems.append(Problem(line_number, code, "", found, expected, Severity.ERROR))
        return None
    card = line.ljust(SUMMARY_WIDTH)

    def value(name: str, decimals: int, bounds: Range = POSITIVE) -> float | None:
        return _fortran(problems, line_number, name, card[SUMMARY[name]], decimals, bounds)

    time: datetime | None = None
    try:
        day = _date(card[SUMMARY["date"]], limits.latest())
        seconds = value("second", 2, (0.0, 60.99))
        if seconds is not None:
            hour, minute = int(card[SUMMARY["hour"]]), int(card[SUMMARY["minute"]])
            time = clock(day, hour, minute, seconds)
            if not plausible(problems, line_number, "time", time, limits.latest()):
                time = None
    except (ValueError, OverflowError):
        problems.append(
            Problem(line_number, "not-a-time", "time", cut(card[:17]), "yymmdd hhmm ss.ss")
        )
    latitude = _angle(card, "latitude", "north or south", hemispheres[0], 90, problems, line_number)
    longitude = _angle(
        card, "longitude", "east or west", hemispheres[1], 180, problems, line_number
    )
    if time is None or latitude is None or longitude is None:
        missing = "time" if time is None else "latitude" if latitude is None else "longitude"
        if not any(p.severity is Severity.ERROR for p in problems):
            problems.append(
                Problem(line_number, "missing-field", missing, cut(line), "", Severity.ERROR)
            )
        return None
    comments = []
    quality, model = card[SUMMARY["quality"]].strip(), card[SUMMARY["model"]].strip()
    for name, text in (
        ("quality", quality),
        ("velocity model", model),
        ("remark", card[SUMMARY["remark"]].strip()),
    ):
        if text:
            comments.append(f"{name}: {text}")
    depth_km = value("depth", 2, DEPTH_KM)
    fixed = card[SUMMARY["depth fixed"]] == "*"
    distance_km = value("distance", 1)
    size = value("magnitude", 2, MAGNITUDE)
    origin = OriginRecord(
        "origin-1",
        time,
        latitude,
        longitude,
        depth_km=depth_km,
        depth_type=None if depth_km is None else "operator assigned" if fixed else "from location",
        used_phase_count=count(problems, line_number, "readings", card[SUMMARY["readings"]]),
        azimuthal_gap=value("gap", 0, AZIMUTH),
        minimum_distance_deg=None if distance_km is None else round(distance_km / KM_PER_DEGREE, 4),
        standard_error=value("rms", 2),
        horizontal_uncertainty_km=value("erh", 1),
        depth_uncertainty_km=value("erz", 1),
        method_id="HYPO71",
        comments=tuple(comments),
        line_number=line_number,
    )
    magnitudes: tuple[MagnitudeRecord, ...] = ()
    if size is not None:
        magnitudes = (
            MagnitudeRecord(
                size,
                None,  # from amplitudes, durations or both: the card does not say
                "magnitude-1",
                "origin-1",
                comments=("HYPO71: from amplitude, duration or both",),
                line_number=line_number,
            ),
        )
    return EventRecord(
        text=line,
        first_line=line_number,
        last_line=line_number,
        origins=(origin,),
        magnitudes=magnitudes,
        preferred_origin_id="origin-1",
    )


def _angle(
    card: str,
    name: str,
    hemisphere_name: str,
    said: str,
    largest: int,
    problems: list[Problem],
    line_number: int,
) -> float | None:
    """Return degrees and minutes as degrees, with the sign of the hemisphere."""
    own = card[SUMMARY[hemisphere_name]].strip().upper()
    hemisphere = own if own and own != "-" else said
    if not hemisphere:
        expected = "N S" if largest == 90 else "E W"
        problems.append(
            Problem(line_number, "missing-field", hemisphere_name, "", expected, Severity.ERROR)
        )
        return None
    degrees = number(problems, line_number, name, card[SUMMARY[name]], (0.0, float(largest)))
    minutes = _fortran(
        problems, line_number, f"{name} minutes", card[SUMMARY[f"{name} minutes"]], 2, (0.0, 60.0)
    )
    if degrees is None or minutes is None:
        return None
    value = round(degrees + minutes / 60.0, 6)
    if value > largest:
        problems.append(
            Problem(line_number, "out-of-range", name, f"{value:g}", f"-{largest}..{largest}")
        )
        return None
    return -value if hemisphere in ("S", "W") else value
