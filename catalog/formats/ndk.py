"""NDK of the Global CMT project: five lines an event, moments in dyn cm times a power of ten.

The layout is the project's own description (www.ldeo.columbia.edu/~gcmt/projects/CMT/catalog/
allorder.ndk_explained). Moments become N m (1 dyn cm = 1e-7 N m) through their decimal text, so
that no digit changes. What has no field (data used, source type, moment-rate function, standard
errors of the components, timestamp, version) is a comment of the mechanism, in the file's words.

The reference hypocentre is another catalogue's, named in the first columns: that is its agency, and
the event's preferred origin, since the centroid of a large earthquake lies tens of kilometres and
seconds away. The centroid is the origin of the tensor. Mw is no part of the format: it is computed
from the scalar moment and says so.

Written are events with a whole tensor and a depth. Angles are whole degrees there, positions 0.01
degrees, times 0.1 s and moments four digits: all that the columns hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import cos, floor, log10, radians
from typing import BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AxisRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
)
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import (
    ANY,
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

VERSION = "ndk-1"  # of this reader; stored with each reading
LINES = 5
PATIENCE = 1000  # lines of something else before the first of the format
KM_PER_DEGREE = 6371.0 * 3.141592653589793 / 180.0
#: Powers of ten of dyn cm: Mw -1 to 12.
EXPONENT: Range = (14.0, 34.0)
PLUNGE: Range = (0.0, 90.0)
RAKE: Range = (-180.0, 180.0)
HYPOCENTRE, CENTROID, MECHANISM, MW = "hypocentre", "centroid", "mechanism-1", "magnitude-Mw"
FROM_MOMENT = "computed: Mw = (lg M0 - 9.1) / 1.5 of the scalar moment in N m"

#: How the place of a made-up event begins: the columns have no room for the whole label.
MADE_UP = "SYNTHETIC"

#: Comments of the mechanism: what a line says that no field holds.
NAME, DATA, SOURCE, RATE = "CMT event name: ", "data used: ", "source: ", "moment-rate function: "
STAMP, PROGRAM = "timestamp: ", "NDK version: "
ERRORS = "standard errors of Mrr Mtt Mpp Mrt Mrp Mtp [N m]: "

_DEPTH_TYPES = {
    "FREE": "from moment tensor inversion",
    "FIX": "operator assigned",
    "BDY": "from modeling of broad-band P waveforms",
}
_DEPTH_WORDS = {meaning: word for word, meaning in _DEPTH_TYPES.items()}
_HEAD = re.compile(r"[A-Za-z0-9 ]{4} [ \d]\d\d\d/[ \d]\d/[ \d]\d [ \d]\d:[ \d]\d:")
_GAPS_1 = (4, 15, 26, 33, 41, 47, 55)
_DATA = re.compile(r"(?:[BSM]:\s*\d+\s+\d+\s+\d+\s*)+\Z")
_SOURCE = re.compile(r"CMT:\s*[012]\Z")
_RATE = re.compile(r"(?:TRIHD|BOXHD):\s*\d+(?:\.\d*)?\Z")
_STAMP = re.compile(r"[A-Z]-(\d{14})\Z")

#: Columns of the centroid: value, its standard error, bounds.
_CENTROID = (
    ("time", slice(9, 18), slice(18, 22), (-1e4, 1e4)),
    ("latitude", slice(22, 29), slice(29, 34), LATITUDE),
    ("longitude", slice(34, 42), slice(42, 47), LONGITUDE),
    ("depth_km", slice(47, 53), slice(53, 58), DEPTH_KM),
)


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first bytes are NDK: a hypocentre line, and the centroid two lines on."""
    lines = head.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for n, line in enumerate(lines):
        if line.strip():
            return (
                _HEAD.match(line) is not None
                and n + 2 < len(lines)
                and lines[n + 2].startswith("CENTROID:")
            )
    return False


# --- reading --------------------------------------------------------------------------------------


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of a file, each after its problems.

    A line more or less costs one event: the next begins at the next hypocentre line.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, or no hypocentre line.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "NDK", Severity.ERROR))
    problems: list[Problem] = []
    block: list[tuple[int, str]] = []
    seen: set[str] = set()
    events, started = 0, False
    end = (0, "")
    for line_number, line in chain(read_lines(source, limits, problems, encoding), (end,)):
        opens = _HEAD.match(line) is not None
        if block and (opens or not line_number or len(block) == LINES - 1):
            if events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(block[0][0], "too-many-events", "", "", expected, Severity.ERROR)
                return
            if line_number and not opens:
                block.append((line_number, line))
            event = _event(block, problems, limits, last=not line_number)
            block = []
            if event is not None:
                events += 1
                name = event.event_id or ""
                if name and name in seen:
                    problems.append(
                        Problem(event.first_line + 1, "duplicate-event-id", "name", name, "unique")
                    )
                seen.add(name)
            yield from problems
            problems.clear()
            if event is not None:
                yield event
        elif block:
            block.append((line_number, line))
        elif line.strip(" \t\x1a") and not opens:
            problems.append(Problem(line_number, "unused-text", "", cut(line), "NDK"))
        if opens:
            block, started = [(line_number, line)], True
        if started and not block:
            yield from problems
            problems.clear()
        elif not started and len(problems) > PATIENCE:
            break
    if not started:
        raise FormatError(Problem(1, "wrong-format", "", "", "NDK", Severity.ERROR))
    yield from problems


def _event(
    block: list[tuple[int, str]], problems: list[Problem], limits: Limits, last: bool
) -> EventRecord | None:
    """Return the event of a hypocentre line and those that follow; ``None`` with an error."""
    while len(block) > 1 and not block[-1][1].strip(" \x1a"):
        block.pop()
    first = block[0][0]
    if len(block) < LINES:
        code = "truncated" if last else "missing-block"
        found = f"{len(block)} lines"
        problems.append(
            Problem(block[-1][0], code, "event", found, f"{LINES} lines", Severity.ERROR)
        )
        return None
    lines = [line.rstrip() for _, line in block]
    hypocentre = _hypocentre(lines[0], first, problems, limits)
    if hypocentre is None:
        return None
    agency, text = hypocentre.agency, lines[0]
    magnitudes = []
    for name, value in zip(("mb", "MS"), _magnitudes(text[48:55], first, problems), strict=True):
        if value:  # 0.0 where there is none
            magnitudes.append(
                MagnitudeRecord(
                    value, name, f"magnitude-{name}", HYPOCENTRE, agency=agency, line_number=first
                )
            )
    event_id = lines[1][:16].strip() or None
    if event_id is None:
        problems.append(Problem(first + 1, "missing-field", "name", cut(lines[1]), "CMT name"))
    comments = [f"{NAME}{event_id}"] if event_id else []
    for label, told, pattern in (
        (DATA, lines[1][16:62], _DATA),
        (SOURCE, lines[1][62:69], _SOURCE),
        (RATE, lines[1][69:], _RATE),
    ):
        told = " ".join(told.split())
        if told:
            comments.append(label + told)
        if not pattern.match(told):
            code = "unknown-value" if told else "missing-field"
            problems.append(Problem(first + 1, code, label.rstrip(": "), cut(told), "NDK"))
    centroid = _centroid(lines[2], first + 2, hypocentre, problems, limits)
    stamp = lines[2][63:].strip()
    if stamp:
        comments.append(STAMP + stamp)
    mechanism = _mechanism(lines, first + 3, centroid, comments, problems)
    moment = mechanism.moment_tensor.scalar_moment if mechanism.moment_tensor else None
    if moment:
        magnitudes.insert(
            0,
            MagnitudeRecord(
                round((log10(moment) - 9.1) / 1.5, 2),
                "Mw",
                MW,
                CENTROID if centroid else None,
                comments=(FROM_MOMENT,),
                line_number=first + 4,
            ),
        )
    status = "preliminary" if stamp.startswith("Q-") else None
    place = text[56:80].strip()
    synthetic = place.startswith(MADE_UP)
    place = place.removeprefix(MADE_UP).lstrip("; ") if synthetic else place
    return EventRecord(
        text="\n".join(lines),
        first_line=first,
        last_line=block[-1][0],
        event_id=event_id,
        descriptions=(DescriptionRecord(place, "region name"),) if place else (),
        origins=(hypocentre, *((centroid,) if centroid else ())),
        magnitudes=tuple(magnitudes),
        focal_mechanisms=(
            replace(mechanism, evaluation_status=status, creation_time=_made(stamp)),
        ),
        preferred_origin_id=HYPOCENTRE,
        preferred_magnitude_id=MW if moment else None,
        preferred_focal_mechanism_id=MECHANISM,
        synthetic=synthetic,
        comments=(text[80:].strip(),) if text[80:].strip() else (),
    )


def _hypocentre(
    line: str, line_number: int, problems: list[Problem], limits: Limits
) -> OriginRecord | None:
    for at in _GAPS_1:
        if line[at : at + 1].strip() or "\t" in line:
            problems.append(
                Problem(
                    line_number, "unused-text", f"column {at + 1}", cut(line), "", Severity.ERROR
                )
            )
            return None
    time = _time(line[5:15], line[16:26])
    if time is None:
        problems.append(
            Problem(
                line_number, "not-a-time", "time", cut(line[5:26]), "YYYY/MM/DD HH:MM:SS.S",
                Severity.ERROR,
            )
        )  # fmt: skip
        return None
    if not plausible(problems, line_number, "time", time, limits.latest(), Severity.ERROR):
        return None
    place: list[float] = []
    for name, columns, bounds in (
        ("latitude", slice(26, 33), LATITUDE),
        ("longitude", slice(33, 41), LONGITUDE),
    ):
        value = number(problems, line_number, name, line[columns], bounds)
        if value is None:
            found = cut(line[columns].strip())
            problems.append(
                Problem(line_number, "missing-field", name, found, "number", Severity.ERROR)
            )
            return None
        place.append(value)
    return OriginRecord(
        HYPOCENTRE,
        time,
        place[0],
        place[1],
        depth_km=number(problems, line_number, "depth_km", line[41:47], DEPTH_KM),
        agency=line[:4].strip() or None,
        origin_type="hypocenter",
        line_number=line_number,
    )


def _time(date: str, of_day: str) -> datetime | None:
    try:
        year, month, day = (int(part) for part in date.split("/"))
        hour, minute, seconds = of_day.split(":")
        return clock(datetime(year, month, day, tzinfo=UTC), int(hour), int(minute), float(seconds))
    except (ValueError, OverflowError):
        return None


def _magnitudes(
    text: str, line_number: int, problems: list[Problem]
) -> tuple[float | None, float | None]:
    words = text.split()
    if len(words) != 2:
        problems.append(Problem(line_number, "wrong-width", "mb MS", cut(text), "2 numbers"))
        return None, None
    mb, ms = (
        number(problems, line_number, name, word, MAGNITUDE)
        for name, word in zip(("mb", "MS"), words, strict=True)
    )
    return mb, ms


def _centroid(
    line: str, line_number: int, hypocentre: OriginRecord, problems: list[Problem], limits: Limits
) -> OriginRecord | None:
    if not line.startswith("CENTROID:"):
        problems.append(
            Problem(line_number, "missing-field", "CENTROID:", cut(line[:9]), "CENTROID:")
        )
        return None
    values: dict[str, float | None] = {}
    errors: dict[str, float | None] = {}
    for name, place, error, bounds in _CENTROID:
        values[name] = number(problems, line_number, f"centroid {name}", line[place], bounds)
        where = f"centroid {name} error"
        # 0.0 is what is written where nothing was determined.
        errors[name] = number(problems, line_number, where, line[error], POSITIVE) or None
    word = line[58:63].strip()
    if word not in _DEPTH_TYPES:
        problems.append(
            Problem(line_number, "unknown-value", "depth type", cut(word), " ".join(_DEPTH_TYPES))
        )
    shift, latitude, longitude = values["time"], values["latitude"], values["longitude"]
    if shift is None or latitude is None or longitude is None:
        problems.append(
            Problem(line_number, "missing-field", "centroid", cut(line[9:58].strip()), "numbers")
        )
        return None
    north, east = errors["latitude"], errors["longitude"]
    return OriginRecord(
        CENTROID,
        hypocentre.time + timedelta(seconds=round(shift, 1)),
        latitude,
        longitude,
        values["depth_km"],
        errors["time"],
        depth_type=_DEPTH_TYPES.get(word),
        depth_uncertainty_km=errors["depth_km"],
        latitude_uncertainty_km=None if north is None else north * KM_PER_DEGREE,
        longitude_uncertainty_km=None if east is None else east * _km_east(latitude),
        origin_type="centroid",
        line_number=line_number,
    )


def _km_east(latitude: float) -> float:
    """Return the length of a degree of longitude [km]."""
    return KM_PER_DEGREE * max(cos(radians(latitude)), 1e-3)


def _mechanism(
    lines: list[str],
    line_number: int,
    centroid: OriginRecord | None,
    comments: list[str],
    problems: list[Problem],
) -> FocalMechanismRecord:
    """Return what lines four and five say; without an exponent no moment of them has a unit."""
    fourth, fifth = lines[3], lines[4]
    exponent = _exponent(fourth[:2], line_number, problems)
    if exponent is None:
        comments.append(f"tensor without unit: {fourth.strip()}")
    names = [f"{part}{error}" for part in _PARTS for error in ("", " error")]
    six = _row(fourth[2:], names, [ANY] * 12, line_number, problems)
    axis_names = [f"{axis} {part}" for axis in "TNP" for part in ("length", "plunge", "azimuth")]
    axes = _row(fifth[3:48], axis_names, [ANY, PLUNGE, AZIMUTH] * 3, line_number + 1, problems)
    (moment,) = _row(fifth[48:56], ["scalar moment"], [POSITIVE], line_number + 1, problems)
    plane_names = [f"{part} {n}" for n in (1, 2) for part in ("strike", "dip", "rake")]
    angles = _row(fifth[56:], plane_names, [AZIMUTH, PLUNGE, RAKE] * 2, line_number + 1, problems)
    tensor: MomentTensorRecord | None = None
    if exponent is not None:
        mrr, mtt, mpp, mrt, mrp, mtp = (_newton_metres(text, exponent) for text in six[::2])
        tensor = MomentTensorRecord(
            mrr,
            mtt,
            mpp,
            mrt,
            mrp,
            mtp,
            scalar_moment=_newton_metres(moment, exponent),
            derived_origin_id=CENTROID if centroid else None,
            moment_magnitude_id=MW if moment else None,
        )
        if all(text is not None for text in six[1::2]):
            told = (repr(_newton_metres(text, exponent)) for text in six[1::2])
            comments.append(ERRORS + " ".join(told))
    elif moment is not None:
        comments.append(f"scalar moment without unit: {moment}")
    if fifth[:3].strip():
        comments.append(PROGRAM + fifth[:3].strip())
    t, n, p = (_axis(axes[k : k + 3], exponent) for k in (0, 3, 6))
    return FocalMechanismRecord(
        MECHANISM,
        _plane(angles[:3]),
        _plane(angles[3:]),
        t_axis=t,
        n_axis=n,
        p_axis=p,
        moment_tensor=tensor,
        triggering_origin_id=HYPOCENTRE,
        comments=tuple(comments),
        line_number=line_number,
    )


_PARTS = ("Mrr", "Mtt", "Mpp", "Mrt", "Mrp", "Mtp")


def _exponent(text: str, line_number: int, problems: list[Problem]) -> int | None:
    """Return the power of ten of N m."""
    found = text.strip()
    expected = f"{EXPONENT[0]:g}..{EXPONENT[1]:g}"
    if not found:
        problems.append(Problem(line_number, "unit-missing", "exponent", "", expected))
        return None
    value = number(problems, line_number, "exponent", text, EXPONENT)
    if value is None or not found.isdigit():
        problems.append(Problem(line_number, "unit-missing", "exponent", cut(found), expected))
        return None
    return int(value) - 7


def _row(
    text: str, names: list[str], bounds: list[Range], line_number: int, problems: list[Problem]
) -> list[str | None]:
    """Return the numbers of a row as they are written, ``None`` for each that is none."""
    words = text.split()
    if len(words) != len(names):
        where = f"{names[0]} ... {names[-1]}" if len(names) > 1 else names[0]
        problems.append(
            Problem(line_number, "wrong-width", where, cut(text.strip()), f"{len(names)} numbers")
        )
        return [None] * len(names)
    return [
        word if number(problems, line_number, name, word, limit) is not None else None
        for name, word, limit in zip(names, words, bounds, strict=True)
    ]


def _newton_metres(text: str | None, exponent: int) -> float | None:
    """Return a moment; the power is put to its text, since a product would change its last digit.

    A text with a power of its own has no place in these columns: it is multiplied.
    """
    if text is None:
        return None
    if "e" in text.lower():
        return float(text) * 10.0**exponent
    return float(f"{text}e{exponent}")


def _plane(angles: list[str | None]) -> NodalPlaneRecord | None:
    known = [float(angle) for angle in angles if angle is not None]
    return NodalPlaneRecord(*known) if len(known) == 3 else None


def _axis(parts: list[str | None], exponent: int | None) -> AxisRecord | None:
    length, plunge, azimuth = parts
    if plunge is None or azimuth is None:
        return None
    known = None if exponent is None else _newton_metres(length, exponent)
    return AxisRecord(float(azimuth), float(plunge), known)


def _made(stamp: str) -> datetime | None:
    """Return when a solution was made, by its timestamp; older ones have zeros."""
    match = _STAMP.match(stamp)
    try:
        return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


# --- writing --------------------------------------------------------------------------------------


def write(events: Iterable[EventRecord]) -> Iterator[str]:
    """Yield five lines a mechanism that has a whole tensor; the preferred one of an event first."""
    for event in events:
        preferred = event.preferred_focal_mechanism_id
        for mechanism in sorted(
            event.focal_mechanisms, key=lambda m: m.focal_mechanism_id != preferred
        ):
            lines = _lines(event, mechanism)
            if lines is not None:
                yield lines


def _lines(event: EventRecord, mechanism: FocalMechanismRecord) -> str | None:
    """Return the five lines; ``None`` for what the format cannot say."""
    from catalog.focal_geometry import principal
    from catalog.formats.mechanism_checks import completed, components

    tensor = mechanism.moment_tensor
    six = components(tensor)
    if six is None or tensor is None or not event.origins:
        return None
    by_id = {origin.origin_id: origin for origin in event.origins}
    own = by_id.get(tensor.derived_origin_id or "")
    hypocentre = (
        by_id.get(mechanism.triggering_origin_id or "")
        or by_id.get(event.preferred_origin_id or "")
        or event.origins[0]
    )
    centroid = own or hypocentre
    if hypocentre.depth_km is None:
        hypocentre = replace(hypocentre, depth_km=centroid.depth_km)
    if centroid.depth_km is None:
        centroid = replace(centroid, depth_km=hypocentre.depth_km)
    mechanism = completed(mechanism)
    planes = (mechanism.nodal_plane_1, mechanism.nodal_plane_2)
    if centroid.depth_km is None or hypocentre.depth_km is None or not all(planes):
        return None
    whole = principal(six)
    moments = [float(moment) for moment in whole.moments]
    axes = [
        axis or AxisRecord(0.0, 0.0)
        for axis in (mechanism.t_axis, mechanism.n_axis, mechanism.p_axis)
    ]
    lengths = [
        moment if axis.length is None else axis.length
        for axis, moment in zip(axes, moments, strict=True)
    ]
    moment = tensor.scalar_moment or float(whole.scalar_moment)
    said = _said(mechanism.comments)
    errors = [float(text) for text in said.get(ERRORS, "").split()] or [0.0] * 6
    largest = max(abs(value) for value in six)
    # Components have four digits, standard errors one before the point, the other moments two.
    exponent = max(
        floor(log10(value / most)) + 8
        for value, most in (
            (largest, 9.9995),
            (max(errors), 9.9995),
            (max(abs(value) for value in (*lengths, moment)), 99.9995),
        )
        if value > 0.0
    )
    # The columns have two digits for it.
    if not EXPONENT[0] <= exponent <= EXPONENT[1]:
        return None

    def mantissa(value: float) -> float:
        digits, _, power = f"{value:.17e}".partition("e")
        return float(f"{digits}e{int(power) + 7 - exponent}")

    mb, ms = (_value(event, name) for name in ("mb", "MS"))
    name = said.get(NAME) or (event.event_id or mechanism.focal_mechanism_id).rpartition("/")[2]
    source = said.get(SOURCE) or ("CMT: 1" if abs(sum(moments)) < 0.01 * largest else "CMT: 0")
    rate = said.get(RATE, "TRIHD: 0.0").split(":")
    data = said.get(DATA, "B: 0 0 0 S: 0 0 0 M: 0 0 0")
    stamp = said.get(STAMP) or (
        f"O-{mechanism.creation_time:%Y%m%d%H%M%S}" if mechanism.creation_time else "O-" + "0" * 14
    )
    place = "; ".join(filter(None, (MADE_UP if event.synthetic else "", _place(event))))
    north, east = centroid.latitude_uncertainty_km, centroid.longitude_uncertainty_km
    catalogue = re.sub(r"[^A-Za-z0-9]", "", hypocentre.agency or event.agency or "")[:4]
    time = _tenth(hypocentre.time)
    shift = (centroid.time - time).total_seconds()
    rows = (
        f"{catalogue:<4} {time:%Y/%m/%d} {_clock(time)} {hypocentre.latitude:6.2f} "
        f"{hypocentre.longitude:7.2f} {hypocentre.depth_km:5.1f} {mb:3.1f} {ms:3.1f} "
        f"{place:<24.24}",
        f"{_ascii(name)[:16]:<16} {_data(data):<44} {source:<6} {rate[0]}:{float(rate[1]):5.1f}",
        f"CENTROID:{shift:9.1f}{_error(centroid.time_uncertainty, 99.9):4.1f}"
        f"{centroid.latitude:7.2f}{_error(north, 111.0, KM_PER_DEGREE):5.2f}"
        f"{centroid.longitude:8.2f}{_error(east, 111.0, _km_east(centroid.latitude)):5.2f}"
        f"{centroid.depth_km:6.1f}{_error(centroid.depth_uncertainty_km, 999.9):5.1f} "
        f"{_DEPTH_WORDS.get(centroid.depth_type or '', 'FIX'):<4} {_ascii(stamp)[:16]}",
        f"{exponent:2d}"
        + "".join(
            f"{mantissa(value):7.3f}{mantissa(error):6.3f}"
            for value, error in zip(six, errors, strict=True)
        ),
        f"{_ascii(said.get(PROGRAM, ''))[:3]:<3}"
        + "".join(
            f"{mantissa(length):8.3f}{round(axis.plunge):3d}{round(axis.azimuth):4d}"
            for axis, length in zip(axes, lengths, strict=True)
        )
        + f" {mantissa(moment):7.3f}"
        + "".join(
            f" {round(plane.strike):3d} {round(plane.dip):2d} {round(plane.rake):4d}"
            for plane in planes
            if plane is not None
        ),
    )
    return "".join(f"{row.rstrip()}\n" for row in rows)


def _said(comments: Iterable[str]) -> dict[str, str]:
    """Return by its label what a file said in the columns that no field holds."""
    labels = (NAME, DATA, SOURCE, RATE, STAMP, PROGRAM, ERRORS)
    return {
        label: comment.removeprefix(label)
        for comment in comments
        for label in labels
        if comment.startswith(label)
    }


def _data(text: str) -> str:
    """Return the data used in their columns: stations, components, shortest period."""
    parts = re.findall(r"([BSM]):\s*(\d+)\s+(\d+)\s+(\d+)", text)
    return " ".join(f"{kind}:{int(a):3d}{int(b):5d}{int(c):4d}" for kind, a, b, c in parts)


def _value(event: EventRecord, scale: str) -> float:
    """Return the magnitude of a scale that fits its column, 0.0 if there is none."""
    found = (m.value for m in event.magnitudes if m.type == scale and 0.0 < m.value < 9.95)
    return next(found, 0.0)


def _place(event: EventRecord) -> str:
    regions = (d.text for d in event.descriptions if d.type == "region name")
    return _ascii(next(regions, ""))


def _error(value: float | None, most: float, unit: float = 1.0) -> float:
    return min((value or 0.0) / unit, most / unit)


def _tenth(time: datetime) -> datetime:
    """Return a time rounded to 0.1 s."""
    return time + timedelta(microseconds=round(time.microsecond, -5) - time.microsecond)


def _clock(time: datetime) -> str:
    return f"{time:%H:%M:%S}.{time.microsecond // 100_000}"


def _ascii(text: str) -> str:
    """Return text for fixed columns: one line, one byte a character."""
    return " ".join(text.split()).encode("ascii", "replace").decode()
