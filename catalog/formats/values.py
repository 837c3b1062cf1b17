"""The text of a field becomes a value or a problem: the same rules for every format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from math import isfinite

from catalog.formats.limits import EARLIEST_TIME
from catalog.formats.problems import Problem, Severity

Range = tuple[float, float]

LATITUDE: Range = (-90.0, 90.0)
LONGITUDE: Range = (-180.0, 180.0)
DEPTH_KM: Range = (-10.0, 1000.0)
MAGNITUDE: Range = (-10.0, 25.0)  # energy classes reach 18
AZIMUTH: Range = (0.0, 360.0)
DISTANCE_DEG: Range = (0.0, 180.0)
PERCENT: Range = (0.0, 100.0)
POSITIVE: Range = (0.0, 1e300)
ANY: Range = (-1e300, 1e300)
COUNT: Range = (0.0, 1e9)
INTENSITY: Range = (0.0, 12.0)

#: Upper bounds of the depth classes of maps and their legends [km].
DEPTH_CLASSES_KM = (10.0, 20.0, 40.0, 70.0)

#: QuakeML 1.2 vocabularies (QuakeML-BED-1.2.xsd).
EVENT_TYPES = frozenset(
    """not existing|not reported|earthquake|anthropogenic event|collapse|cavity collapse|
    mine collapse|building collapse|explosion|accidental explosion|chemical explosion|
    controlled explosion|experimental explosion|industrial explosion|mining explosion|
    quarry blast|road cut|blasting levee|nuclear explosion|induced or triggered event|
    rock burst|reservoir loading|fluid injection|fluid extraction|crash|plane crash|
    train crash|boat crash|other event|atmospheric event|sonic boom|sonic blast|
    acoustic noise|thunder|avalanche|snow avalanche|debris avalanche|hydroacoustic event|
    ice quake|slide|landslide|rockslide|meteorite|volcanic eruption""".replace("\n    ", "").split(
        "|"
    )
)
CERTAINTIES = frozenset(("known", "suspected"))


def cut(found: str) -> str:
    """Return at most 200 characters of ``found``, printable and without NUL."""
    return found[:200].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def number(
    problems: list[Problem], line: int | None, field: str, text: str, bounds: Range = ANY
) -> float | None:
    """Return the number in ``text``, or ``None`` if blank or (with a problem) unusable."""
    text = text.strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        problems.append(Problem(line, "not-a-number", field, cut(text), "number"))
        return None
    low, high = bounds
    if low <= value <= high and "_" not in text and text.isascii():
        return value
    if not isfinite(value):
        problems.append(Problem(line, "not-finite", field, cut(text), "number"))
    elif low <= value <= high:  # Python would read 1_000 and digits of other scripts
        problems.append(Problem(line, "not-a-number", field, cut(text), "number"))
    else:
        expected = f"{low:g}..{high:g}" if high < 1e300 else ">= 0" if low == 0 else "number"
        problems.append(Problem(line, "out-of-range", field, cut(text), expected))
    return None


def count(problems: list[Problem], line: int | None, field: str, text: str) -> int | None:
    """Return the whole number, zero or more, in ``text``; ``None`` if blank or unusable."""
    value = number(problems, line, field, text, COUNT)
    if value is None:
        return None
    if value != int(value):
        problems.append(Problem(line, "not-a-number", field, cut(text.strip()), "whole number"))
        return None
    return int(value)


#: UTC of a time whose own text says so, by Z or an offset. It equals ``UTC``; by it ``local_time``
#: knows which times of a file in civil time are none.
STATED_UTC = timezone(timedelta(0), "stated UTC")


def iso_time(problems: list[Problem], line: int | None, field: str, text: str) -> datetime | None:
    """Return the aware time of an ISO 8601 text: ``UTC`` without an offset, else ``STATED_UTC``."""
    text = text.strip()
    if not text:
        return None
    try:
        if text[10:11] not in ("T", " ", ""):  # Python would take any character
            raise ValueError(text)
        value = datetime.fromisoformat(text)
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(STATED_UTC)
    except (ValueError, OverflowError):
        problems.append(Problem(line, "not-a-time", field, cut(text), "YYYY-MM-DDTHH:MM:SS.ssssss"))
        return None


def plausible(
    problems: list[Problem],
    line: int | None,
    field: str,
    time: datetime,
    latest: datetime,
    severity: Severity = Severity.WARNING,
) -> bool:
    """Tell whether an origin time lies in 1700..now + 1 day; report it if not."""
    if EARLIEST_TIME <= time <= latest:
        return True
    expected = f"{EARLIEST_TIME:%Y-%m-%d}..{latest:%Y-%m-%d}"
    problems.append(Problem(line, "implausible-time", field, time.isoformat(), expected, severity))
    return False


def clock(date: datetime, hour: int, minute: int, seconds: float) -> datetime:
    """Return the time of day on a date; 60.0 s is the next minute (leap second or rounding).

    Raises ``ValueError`` outside 00:00:00..23:59:61.
    """
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0.0 <= seconds < 61.0):
        raise ValueError("time of day")
    return date + timedelta(seconds=hour * 3600 + minute * 60 + seconds)
