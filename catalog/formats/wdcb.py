"""The catalogue "Earthquakes in the USSR 1962-1991" as the World Data Centre in Moscow gives it.

One event a line, fixed columns without blanks between them: the description of the data format at
http://www.wdcb.ru/sep/seismology/method/Caucasus/format.txt. It leaves open what follows, and this
reader decides so, inventing nothing:

* The unit of the accuracy of the coordinates is not said: the number is kept as a comment. Those of
  time, depth and energy class are taken in the unit of the value they follow (s, km, K).
* The scale of the energy class is not said, and it differs from region to region (Rautian's K in
  Middle Asia, others on Kamchatka and Sakhalin): the type is "K", as in the catalogue.
* Columns 53-55 hold MSHA or MPSP, and the line does not say which: the type is "MSHA/MPSP".
* Zero is not said to mean "not reported"; a magnitude, class, accuracy, count or intensity of zero
  is none all the same. A depth of zero stays.
* Columns 68-69 are taken as the number of stations of the magnitude in columns 53-55: the order of
  the others says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    EPICENTRE,
    EventRecord,
    IntensityRecord,
    MagnitudeRecord,
    OriginRecord,
)
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import (
    COUNT,
    DEPTH_KM,
    INTENSITY,
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

VERSION = "wdcb-1962-1"  # of this reader; stored with each reading

COLUMNS = {
    "year": slice(0, 4),  # 1-4
    "month": slice(4, 6),  # 5-6
    "day": slice(6, 8),  # 7-8
    "hour": slice(8, 10),  # 9-10
    "minute": slice(10, 12),  # 11-12
    "second": slice(12, 16),  # 13-16  to 0.1 s
    "time accuracy": slice(16, 20),  # 17-20  to 0.01 (s)
    "latitude": slice(20, 25),  # 21-25  to 0.01 deg
    "longitude": slice(25, 32),  # 26-32  to 0.01 deg, "-" is west
    "coordinate accuracy": slice(32, 34),  # 33-34  unit not said
    "depth": slice(34, 37),  # 35-37  km, the lower value of an interval
    "depth accuracy": slice(37, 39),  # 38-39  (km)
    "K": slice(39, 43),  # 40-43  energy class to 0.1
    "K accuracy": slice(43, 46),  # 44-46
    "MLHB": slice(46, 49),  # 47-49  surface waves, to 0.1
    "MPVA": slice(49, 52),  # 50-52  body waves, to 0.1
    "MSHA/MPSP": slice(52, 55),  # 53-55  one of the two, to 0.1
    "intensity": slice(55, 57),  # 56-57  or "ra": the text has it
    "region": slice(57, 59),  # 58-59
    "second region": slice(59, 61),  # 60-61
    "K stations": slice(61, 63),  # 62-63
    "MLHB stations": slice(63, 65),  # 64-65
    "MPVA stations": slice(65, 67),  # 66-67
    "MSHA/MPSP stations": slice(67, 69),  # 68-69
}
WIDTH = 69
SHORTEST = 32  # a line with its coordinates; what follows may be blank and cut
MAGNITUDES = ("K", "MLHB", "MPVA", "MSHA/MPSP")
SOURCE = "Earthquakes in the USSR 1962-1991 (World Data Centre, Moscow)"
IN_THE_TEXT = "ra"
PATIENCE = 1000  # problems before the first event: then it is another format
MINUTE_UNCERTAINTY = 30.0  # s, of a time that has no seconds

#: Date, hour and minute of a line; leading zeros may be blanks.
_MOMENT = re.compile(
    r"19(6[2-9]|[78]\d|9[01])(0[1-9]|1[012]| [1-9])(0[1-9]|[12]\d|3[01]| [1-9])"
    r"([01 ]\d|2[0-3])[0-5 ]\d"
)
_NUMBER = re.compile(r"-?\d*\.?\d+|-?\d+\.")


def _is_row(line: str) -> bool:
    """Tell whether a line has the date, the coordinates and numbers where the format has them."""
    if not SHORTEST <= len(line) <= WIDTH or not line.isascii():
        return False
    if not _MOMENT.match(line):
        return False
    if "." not in line[COLUMNS["latitude"]] or "." not in line[COLUMNS["longitude"]]:
        return False
    for name, place in COLUMNS.items():
        text = line[place].strip(" ")
        if text and name != "intensity" and not _NUMBER.fullmatch(text):
            return False
    latitude, longitude = float(line[COLUMNS["latitude"]]), float(line[COLUMNS["longitude"]])
    return abs(latitude) <= 90.0 and abs(longitude) <= 180.0


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first lines stand in the columns of the catalogue."""
    text = head.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r", "\n")
    lines = text.split("\n")
    if len(lines) > 1 and len(head) > 4096:
        lines.pop()  # may be cut
    rows = [line.rstrip() for line in lines if line.strip(" \t\x1a")][:20]
    good = sum(_is_row(row) for row in rows)
    # A line in ten may be spoilt; a heading is not of the format.
    return good > 0 and good * 10 >= len(rows) * 7


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of the catalogue, each after its problems.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, or not one line in the columns of the catalogue.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", SOURCE, Severity.ERROR))
    problems: list[Problem] = []
    first_problems: list[Problem] = []
    events = 0
    for line_number, line in read_lines(source, limits, problems, encoding):
        line = line.rstrip(" \t\x1a\x0c")
        event = None
        if line:
            if events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(line_number, "too-many-events", "", "", expected, Severity.ERROR)
                return
            event = _event(line, line_number, problems, limits)
        if not events and event is None:
            first_problems += problems
            problems.clear()
            if len(first_problems) > PATIENCE:
                break
            continue
        if not events:
            yield from first_problems
        yield from problems
        problems.clear()
        if event is not None:
            events += 1
            yield event
    if not events:
        raise FormatError(
            first_problems[0]
            if first_problems and first_problems[0].severity is Severity.ERROR
            else Problem(1, "wrong-format", "", "", SOURCE, Severity.ERROR)
        )
    yield from problems


def _event(
    line: str, line_number: int, problems: list[Problem], limits: Limits
) -> EventRecord | None:
    """Return the event of one line; ``None`` without a usable time, latitude or longitude."""
    comments: list[str] = []
    if "\t" in line or len(line) < SHORTEST:
        found = "tab" if "\t" in line else str(len(line))
        problems.append(Problem(line_number, "wrong-width", "", found, str(WIDTH), Severity.ERROR))
        return None
    if len(line) > WIDTH:
        problems.append(
            Problem(line_number, "unused-text", "", cut(line[WIDTH:].strip()), str(WIDTH))
        )
        comments.append(line[WIDTH:].strip())
    padded = line.ljust(WIDTH)

    def value(name: str, bounds: Range = POSITIVE) -> float | None:
        return number(problems, line_number, name, padded[COLUMNS[name]], bounds)

    def positive(name: str, bounds: Range = POSITIVE) -> float | None:
        """Return a value of which zero means that there is none."""
        return value(name, bounds) or None

    time, without_seconds = _time(padded, line_number, problems, limits)
    latitude = value("latitude", LATITUDE)
    longitude = value("longitude", LONGITUDE)
    if time is None or latitude is None or longitude is None:
        missing = "time" if time is None else "latitude" if latitude is None else "longitude"
        problems.append(
            Problem(line_number, "missing-field", missing, cut(line), "", Severity.ERROR)
        )
        return None
    time_uncertainty = positive("time accuracy")
    if time_uncertainty is None and without_seconds:
        time_uncertainty = MINUTE_UNCERTAINTY
    if accuracy := positive("coordinate accuracy"):
        comments.append(f"coordinate accuracy: {accuracy:g}")
    regions = [padded[COLUMNS[name]].strip() for name in ("region", "second region")]
    if any(regions):
        comments.append("region: " + ", ".join(region for region in regions if region))
    magnitudes = []
    for name in MAGNITUDES:
        size = positive(name, MAGNITUDE)
        accuracy = positive("K accuracy") if name == "K" else None
        stations = positive(f"{name} stations", COUNT)
        if size is None:
            if stations is not None:
                comments.append(f"{name} stations: {stations:g}")
            continue
        magnitudes.append(
            MagnitudeRecord(
                size,
                name,
                f"magnitude-{name}",
                "origin-1",
                uncertainty=accuracy,
                station_count=None if stations is None else int(stations),
                line_number=line_number,
            )
        )
    return EventRecord(
        text=line,
        first_line=line_number,
        last_line=line_number,
        origins=(
            OriginRecord(
                "origin-1",
                time,
                latitude,
                longitude,
                depth_km=value("depth", DEPTH_KM),
                time_uncertainty=time_uncertainty,
                depth_uncertainty_km=positive("depth accuracy"),
                line_number=line_number,
            ),
        ),
        magnitudes=tuple(magnitudes),
        intensities=_intensity(padded[COLUMNS["intensity"]], line_number, problems, comments),
        preferred_origin_id="origin-1",
        source=SOURCE,
        comments=tuple(comments),
    )


def _time(
    line: str, line_number: int, problems: list[Problem], limits: Limits
) -> tuple[datetime | None, bool]:
    """Return the origin time, and whether it has no seconds."""
    text = line[: COLUMNS["second"].stop]
    seconds = line[COLUMNS["second"]].strip()
    try:
        if not text.isascii() or "_" in text:
            raise ValueError(text)
        parts = [int(line[COLUMNS[name]]) for name in ("year", "month", "day", "hour", "minute")]
        date = datetime(*parts[:3], tzinfo=UTC)  # type: ignore[misc, arg-type]
        time = clock(date, parts[3], parts[4], float(seconds or 0))
    except (ValueError, OverflowError):
        problems.append(Problem(line_number, "not-a-time", "time", cut(text), "YYYYMMDDHHMMSS.s"))
        return None, False
    if not plausible(problems, line_number, "time", time, limits.latest()):
        return None, False
    return time, not seconds


def _intensity(
    text: str, line_number: int, problems: list[Problem], comments: list[str]
) -> tuple[IntensityRecord, ...]:
    """Return the intensity of a line; "ra" points to the text of the year book."""
    text = text.strip()
    if text.lower() == IN_THE_TEXT:
        comments.append("intensity: see the text of the year book (ra)")
        return ()
    best = number(problems, line_number, "intensity", text, INTENSITY)
    if best is None and text:
        comments.append(f"intensity: {text}")
    if not best:
        return ()
    return (
        IntensityRecord(EPICENTRE, minimum=best, maximum=best, best=best, line_number=line_number),
    )
