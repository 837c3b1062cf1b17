"""FDSN event text (fdsnws-event 1.2): 14 columns between bars, one event a line.

The heading may be missing, and so may the last column, which version 1.1 of the specification did
not have. There is no way to write a bar inside a text, so a line with more columns than its heading
is not read: which text had the bar nobody can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from catalog.formats.labels import SYNTHETIC
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    DescriptionRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
)
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import (
    DEPTH_KM,
    EVENT_TYPES,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    cut,
    iso_time,
    number,
    plausible,
)

VERSION = "fdsn-text-2"  # of this reader; stored with each reading

COLUMNS = (
    *("EventID", "Time", "Latitude", "Longitude", "Depth/km", "Author", "Catalog"),
    *("Contributor", "ContributorID", "MagType", "Magnitude", "MagAuthor"),
    *("EventLocationName", "EventType"),
)
HEADER = "#" + "|".join(COLUMNS) + "\n"
PATIENCE = 1000  # lines of something else before the first of the format
#: Without a heading a line has 13 columns (1.1) or 14 (1.2).
FEWEST = 13

#: Heading in small letters -> column; what servers call them beside the specification's names.
_NAMES = {
    **{column.lower(): column for column in COLUMNS},
    "depth": "Depth/km",
    "depthkm": "Depth/km",
    "magnitudetype": "MagType",
    "eventlocation": "EventLocationName",
    "eventtype": "EventType",
}
_HEADING = re.compile(r"^#?\s*EventID\s*\|\s*Time\s*\|", re.IGNORECASE)
_ROW = re.compile(
    r"^[^|\s#][^|]*\|\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^|]*"
    r"(\|\s*[-+]?\d[^|]*){2}(\|[^|]*){9,}$"
)
#: An author that is an agency's code, not a person or a program ("scolv@user").
_AGENCY = re.compile(r"[A-Z][A-Z0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of the text format; what is not reported is ``None`` and stays empty."""

    event_id: str
    time: datetime
    latitude: float
    longitude: float
    depth_km: float | None = None
    author: str | None = None  # of the origin
    catalog: str | None = None
    contributor: str | None = None
    contributor_id: str | None = None  # the contributor's own id of the event
    magnitude_type: str | None = None
    magnitude: float | None = None
    magnitude_author: str | None = None
    place: str | None = None
    event_type: str | None = None  # QuakeML EventType; unknown is empty


def _word(text: str | None) -> str:
    """Return text that breaks neither the column nor the line."""
    return " ".join((text or "").replace("|", "/").split())


def render(line: EventLine) -> str:
    """Return the line with its end. Times have microseconds and no Z, as in the specification."""
    return (
        "|".join(
            (
                _word(line.event_id).lstrip("#"),
                line.time.isoformat(timespec="microseconds")[:26],
                repr(line.latitude),
                repr(line.longitude),
                "" if line.depth_km is None else repr(line.depth_km),
                _word(line.author),
                _word(line.catalog),
                _word(line.contributor),
                _word(line.contributor_id),
                _word(line.magnitude_type),
                "" if line.magnitude is None else repr(line.magnitude),
                _word(line.magnitude_author),
                _word(line.place),
                _word(line.event_type),
            )
        )
        + "\n"
    )


# --- reading ----------------------------------------------------------------------------------


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first bytes are FDSN event text, with its heading or without."""
    text = head.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r", "\n")
    for line in text.split("\n"):
        if _HEADING.match(line.strip()) and line.count("|") >= FEWEST - 1:
            return True
        if line.strip() and not line.startswith("#"):
            return _ROW.match(line.strip()) is not None
    return False


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of a text, each after its problems.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, or not one line of the format.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", HEADER.strip(), Severity.ERROR))
    problems: list[Problem] = []
    columns: list[str] | None = None
    seen: set[str] = set()
    events = rows = 0
    headed = False
    for line_number, line in read_lines(source, limits, problems, encoding):
        text = line.strip(" \t\x1a\x0c")
        if _HEADING.match(text):
            columns, headed = _heading(text, line_number, problems), True
        elif text and not text.startswith("#"):
            if "|" not in text:
                problems.append(Problem(line_number, "unused-text", "", cut(text), "|"))
            elif events >= limits.max_events:
                expected = f"<= {limits.max_events}"
                yield Problem(line_number, "too-many-events", "", "", expected, Severity.ERROR)
                return
            else:
                rows += 1
                event = _event(text, line_number, columns, problems, limits)
                if event is not None:
                    events += 1
                    if event.event_id is not None and event.event_id in seen:
                        found = cut(event.event_id)
                        problems.append(
                            Problem(line_number, "duplicate-event-id", "EventID", found, "unique")
                        )
                    seen.add(event.event_id or "")
                yield from problems
                problems.clear()
                if event is not None:
                    yield event
                continue
        if rows or headed:
            yield from problems
            problems.clear()
        elif len(problems) > PATIENCE:
            break
    if not rows and not headed:
        raise FormatError(Problem(1, "wrong-format", "", "", cut(HEADER.strip()), Severity.ERROR))
    yield from problems
    if not rows:
        yield Problem(1, "missing-block", "", "", "EventID|Time|...", Severity.ERROR)


def _heading(text: str, line_number: int, problems: list[Problem]) -> list[str]:
    """Return the columns a heading names; what is not of the specification keeps its own name."""
    columns: list[str] = []
    for word in text.lstrip("#").split("|"):
        name = word.strip()
        column = _NAMES.get(name.lower().replace(" ", ""), "")
        if not column:
            problems.append(Problem(line_number, "unknown-column", cut(name), "", ""))
        elif column in columns:
            problems.append(Problem(line_number, "duplicate-column", cut(name), "", "unique"))
            column = ""
        columns.append(column or name)
    return columns


def _event(
    text: str,
    line_number: int,
    columns: list[str] | None,
    problems: list[Problem],
    limits: Limits,
) -> EventRecord | None:
    """Return the event of one line; ``None`` without a usable time, latitude or longitude."""
    cells = [cell.strip() for cell in text.split("|")]
    if columns is None:
        columns = list(COLUMNS) + [f"column {n + 1}" for n in range(len(COLUMNS), len(cells))]
        columns = columns[: max(len(cells), FEWEST)]
    if len(cells) != len(columns):
        # Only the last column, the event type, may be left out.
        if not (len(cells) == len(columns) - 1 and columns[-1] == COLUMNS[-1]):
            problems.append(
                Problem(
                    line_number, "wrong-width", "", str(len(cells)), str(len(columns)),
                    Severity.ERROR,
                )
            )  # fmt: skip
            return None
        cells.append("")
    row = dict(zip(columns, cells, strict=True))

    def cell(name: str) -> str:
        return row.get(name, "")

    time = iso_time(problems, line_number, "Time", cell("Time"))
    if time is not None and not plausible(problems, line_number, "Time", time, limits.latest()):
        time = None
    latitude = number(problems, line_number, "Latitude", cell("Latitude"), LATITUDE)
    longitude = number(problems, line_number, "Longitude", cell("Longitude"), LONGITUDE)
    if time is None or latitude is None or longitude is None:
        missing = "Time" if time is None else "Latitude" if latitude is None else "Longitude"
        problems.append(
            Problem(line_number, "missing-field", missing, cut(text), "", Severity.ERROR)
        )
        return None
    comments = [f"{name}: {row[name]}" for name in columns if name not in COLUMNS and row[name]]
    if cell("Catalog"):
        comments.append(f"Catalog: {cell('Catalog')}")
    if cell("ContributorID") not in ("", cell("EventID")):
        comments.append(f"ContributorID: {cell('ContributorID')}")
    event_type = cell("EventType").lower() or None
    if event_type is not None and event_type not in EVENT_TYPES:
        problems.append(
            Problem(line_number, "unknown-value", "EventType", cut(event_type), "QuakeML EventType")
        )
        comments.append(f"EventType: {cell('EventType')}")
        event_type = None
    agency, author = _who(cell("Author"))
    value = number(problems, line_number, "Magnitude", cell("Magnitude"), MAGNITUDE)
    magnitudes: tuple[MagnitudeRecord, ...] = ()
    if value is not None:
        magnitude_agency, magnitude_author = _who(cell("MagAuthor"))
        magnitudes = (
            MagnitudeRecord(
                value,
                cell("MagType") or None,
                "magnitude-1",
                "origin-1",
                agency=magnitude_agency,
                author=magnitude_author,
                line_number=line_number,
            ),
        )
    elif cell("MagType"):  # a scale without a value says nothing
        problems.append(
            Problem(line_number, "missing-field", "Magnitude", cut(cell("MagType")), "number")
        )
    place = cell("EventLocationName")
    # The columns have no place for it: our own downloads say it before the place.
    synthetic = place == SYNTHETIC or place.startswith(f"{SYNTHETIC};")
    if synthetic:
        place = place.removeprefix(SYNTHETIC).lstrip("; ")
    return EventRecord(
        text=text,
        first_line=line_number,
        last_line=line_number,
        event_id=cell("EventID") or None,
        event_type=event_type,
        descriptions=(DescriptionRecord(place, "region name"),) if place else (),
        origins=(
            OriginRecord(
                "origin-1",
                time,
                latitude,
                longitude,
                depth_km=number(problems, line_number, "Depth/km", cell("Depth/km"), DEPTH_KM),
                agency=agency,
                author=author,
                line_number=line_number,
            ),
        ),
        magnitudes=magnitudes,
        preferred_origin_id="origin-1",
        preferred_magnitude_id="magnitude-1" if magnitudes else None,
        agency=cell("Contributor") or None,
        synthetic=synthetic,
        comments=tuple(comments),
    )


def _who(text: str) -> tuple[str | None, str | None]:
    """Return agency and author: a code in capitals is an agency, anything else a name."""
    return (text, None) if _AGENCY.fullmatch(text) else (None, text or None)
