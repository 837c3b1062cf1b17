"""Lists of stations: told from bulletins by their lines, read for ``manage.py import_stations``.

A list of stations is no bulletin, but people send it as one. ``recognise`` names the list that a
file's first bytes are of, and ``read`` gives the stations of each kind:

- ``registry``: ``CODE, ALIAS, latitude, longitude, elevation``, the International Seismograph
  Station Registry as iLoc keeps it: no network, no epochs;
- ``registry-columns``: the registry in fixed columns with site, days of opening and closing;
- ``deployments``: ``FDSN.network.code.location:latitude longitude elevation``, each ended by
  ``* <EOE>``: epochs without dates;
- ``fdsn-text``: what an FDSN station service answers to ``format=text&level=station``;
- ``stationxml``: FDSN StationXML, of which the stations are read and not the channels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, BinaryIO

from lxml import etree

from catalog.formats.limits import Limits
from catalog.formats.packing import unpacked, unpacked_head
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.text import CHUNK, detect_encoding, read_lines, seekable
from catalog.formats.values import cut
from catalog.formats.xml import check_prolog, root_start

#: FDSN services write a far year for an epoch that has no end; so does the registry (2286324).
OPEN_END_YEAR = 2200
#: So many lines tell what a list is.
SAMPLE = 50

#: The registry's fixed columns, characters from 0.
REGISTRY_COLUMNS = {
    "code": slice(1, 6),
    "site": slice(7, 57),
    "latitude": slice(57, 67),
    "longitude": slice(67, 77),
    "elevation_m": slice(77, 86),
    "flag": slice(86, 89),  # T: no elevation, 0.0 stands in its place
    "start": slice(89, 96),  # year and day of the year
    "end": slice(98, 105),
    "kind": slice(107, 108),
}
#: The deployment under which the registry's own codes stand: no network.
REGISTRY_DEPLOYMENT = "IR"
END_OF_EPOCH = ("* <EOE>", "* <EOR>")

_CODE = re.compile(r"(?=.*\w)[A-Za-z0-9-]{1,10}\Z")
_DEPLOYMENT = re.compile(r"FDSN\.(?P<network>\w{1,8})\.(?P<code>[\w-]{1,10})\.[\w-]*:")
_FDSN_HEADING = re.compile(r"#\s*Network\s*\|\s*Station\s*\|", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StationLine:
    """One station as the file gives it; ``elevation_m`` and epochs ``None`` where it does not."""

    code: str
    latitude: float
    longitude: float
    elevation_m: float | None
    network: str = ""
    site: str = ""
    start: datetime | None = None
    end: datetime | None = None
    line_number: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that could not be read, and why."""

    line_number: int
    reason: str


# --- one line -------------------------------------------------------------------------------------


def registry_line(line: str) -> StationLine:
    """``CODE, ALIAS, latitude, longitude, elevation`` (m)."""
    code, _alias, latitude, longitude, elevation = (cell.strip() for cell in line.split(","))
    return _checked(StationLine(code, float(latitude), float(longitude), _metres(elevation)))


def registry_columns_line(line: str) -> StationLine:
    """The registry's fixed columns; text outside them is refused."""
    cells = {name: line[place].strip() for name, place in REGISTRY_COLUMNS.items()}
    if len(line.rstrip()) < REGISTRY_COLUMNS["elevation_m"].stop - 4 or line[:1] != " ":
        raise ValueError("not the registry's columns")
    if len(line.rstrip()) > REGISTRY_COLUMNS["kind"].stop or cells["flag"] not in ("", "T", "L"):
        raise ValueError("text outside the registry's columns")
    if cells["flag"] == "T" and float(cells["elevation_m"]) == 0.0:
        cells["elevation_m"] = ""
    return _checked(
        StationLine(
            code=cells["code"],
            latitude=float(cells["latitude"]),
            longitude=float(cells["longitude"]),
            elevation_m=_metres(cells["elevation_m"]),
            site=cells["site"],
            start=_day(cells["start"]),
            end=_day(cells["end"]),
        )
    )


def deployment_line(line: str) -> StationLine:
    """``FDSN.network.code.location:latitude longitude elevation`` (m)."""
    match = _DEPLOYMENT.match(line)
    if match is None:
        raise ValueError("not FDSN.network.code.location")
    latitude, longitude, elevation = line[match.end() :].split()
    network = match["network"]
    return _checked(
        StationLine(
            code=match["code"],
            latitude=float(latitude),
            longitude=float(longitude),
            elevation_m=_metres(elevation),
            network="" if network == REGISTRY_DEPLOYMENT else network,
        )
    )


def fdsn_line(line: str) -> StationLine:
    """``Network|Station|Latitude|Longitude|Elevation|SiteName|StartTime|EndTime``."""
    cells = [cell.strip() for cell in line.split("|")]
    network, code, latitude, longitude, elevation, site, start, end = cells
    return _checked(
        StationLine(
            code=code,
            latitude=float(latitude),
            longitude=float(longitude),
            elevation_m=_metres(elevation),
            network=network,
            site=site,
            start=_epoch(start),
            end=_epoch(end),
        )
    )


LINES: dict[str, Callable[[str], StationLine]] = {
    "registry": registry_line,
    "registry-columns": registry_columns_line,
    "deployments": deployment_line,
    "fdsn-text": fdsn_line,
}


def _checked(line: StationLine) -> StationLine:
    if _CODE.match(line.code) is None:
        raise ValueError(f"the code {line.code!r} is not one to ten letters and digits")
    if not (-90 <= line.latitude <= 90 and -180 <= line.longitude <= 180):
        raise ValueError(f"{line.latitude} {line.longitude} is not on Earth")
    if line.start is not None and line.end is not None and line.end <= line.start:
        raise ValueError(f"it ends {line.end:%Y-%m-%d}, before it begins {line.start:%Y-%m-%d}")
    return line


def _metres(text: str) -> float | None:
    if not text:
        return None
    metres = float(text)
    if not -12_000 <= metres <= 9_000:
        raise ValueError(f"{text} m is no elevation on Earth")
    return metres


def _day(text: str) -> datetime | None:
    """Return the day that a year and a day of the year name (1994001)."""
    if not text:
        return None
    if not re.fullmatch(r"\d{7}", text):
        raise ValueError(f"{text!r} is not a year and a day of the year")
    year, of_year = int(text[:4]), int(text[4:])
    if year >= OPEN_END_YEAR:
        return None
    if not (1 <= of_year <= 366 and year > 0):
        raise ValueError(f"{text!r} is not a year and a day of the year")
    return datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=of_year - 1)


def _epoch(text: str) -> datetime | None:
    if not text:
        return None
    time = datetime.fromisoformat(text)
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return None if time.year >= OPEN_END_YEAR else time


# --- which list is it? ----------------------------------------------------------------------------


def recognise(head: bytes, filename: str = "") -> str:
    """Return which kind of list a file begins as, ``""`` if it is none.

    Strict: of the first lines each must be a station of the kind (a few of long lists are not),
    and there must be two at least, unless a heading says what they are.
    """
    head, _ = unpacked_head(head, filename)
    if root_start(head, b"FDSNStationXML")[0] == b"FDSNStationXML":
        return "stationxml"
    text = head.decode("utf-8-sig", "replace")
    lines = text.splitlines()
    if len(lines) > 1 and not text.endswith(("\n", "\r")):
        lines.pop()  # cut in the middle
    if any(_FDSN_HEADING.match(line) for line in lines[:5]):
        return "fdsn-text"
    sample = list(islice(filter(_holds_something, lines), SAMPLE))
    for kind, line_of in LINES.items():
        good = sum(_is_one(line_of, line) for line in sample)
        if good >= 2 and good >= 0.9 * len(sample):
            return kind
    return ""


def _holds_something(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("#", *END_OF_EPOCH))


def _is_one(line_of: Callable[[str], StationLine], line: str) -> bool:
    try:
        line_of(line)
    except ValueError:
        return False
    return True


# --- reading --------------------------------------------------------------------------------------


def read(stream: BinaryIO, limits: Limits | None = None) -> Iterator[StationLine | Unread]:
    """Yield the stations of a list of any of the kinds, packed with gzip or not.

    Raises
    ------
    FormatError
        The file is none of the lists, or cannot be read at all.
    """
    limits = limits or Limits()
    source = seekable(unpacked(stream, limits))
    kind = recognise(source.read(CHUNK))
    source.seek(0)
    if kind == "":
        expected = f"{', '.join(LINES)}, stationxml"
        raise FormatError(Problem(None, "wrong-format", "", "", expected, Severity.ERROR))
    if kind == "stationxml":
        return _read_stationxml(source)
    lines = read_lines(source, limits, [], detect_encoding(source, limits))
    found = _read_lines(lines, LINES[kind])
    return _of_one_place(found) if kind == "deployments" else found


def _read_lines(
    lines: Iterable[tuple[int, str]], line_of: Callable[[str], StationLine]
) -> Iterator[StationLine | Unread]:
    for number, line in lines:
        if not _holds_something(line):
            continue
        try:
            found = line_of(line)
        except ValueError as error:
            yield Unread(number, f"{line[:80]!r} is not a station: {error}")
        else:
            yield replace(found, line_number=number)


#: Epochs without dates nearer to each other than this are one place, told again.
ONE_PLACE_DEG = 0.001


def _of_one_place(found: Iterator[StationLine | Unread]) -> Iterator[StationLine | Unread]:
    """Yield each station once; one that has stood at several places, without dates, not at all."""
    epochs: dict[tuple[str, str], list[StationLine]] = {}
    for item in found:
        if isinstance(item, Unread):
            yield item
        else:
            epochs.setdefault((item.network, item.code), []).append(item)
    for lines in epochs.values():
        first = lines[0]
        if all(
            abs(line.latitude - first.latitude) < ONE_PLACE_DEG
            and abs(line.longitude - first.longitude) < ONE_PLACE_DEG
            for line in lines
        ):
            yield first
        else:
            name = ".".join(filter(None, (first.network, first.code)))
            reason = f"{name} stands at several places, and the list gives no dates"
            yield Unread(first.line_number, reason)


def _read_stationxml(source: Any) -> Iterator[StationLine | Unread]:
    """Yield the stations of a StationXML document, one at a time; channels are left aside."""
    check_prolog(source.read(CHUNK), "FDSNStationXML")
    source.seek(0)
    elements = etree.iterparse(
        source,
        events=("end",),
        tag="{*}Station",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for _, element in elements:
            number = int(element.sourceline or 0)
            try:
                yield replace(_station_element(element), line_number=number)
            except ValueError as error:
                yield Unread(number, f"{element.get('code', '')!r} is not a station: {error}")
            element.clear()
    except etree.XMLSyntaxError as error:
        found = Problem(error.lineno, "xml-syntax", "", cut(str(error.msg)), "XML", Severity.ERROR)
        raise FormatError(found) from error


def _station_element(element: Any) -> StationLine:
    network = element.getparent()
    elevation = element.findtext("{*}Elevation", "").strip()
    return _checked(
        StationLine(
            code=element.get("code", "").strip(),
            latitude=float(element.findtext("{*}Latitude", "")),
            longitude=float(element.findtext("{*}Longitude", "")),
            elevation_m=_metres(elevation),
            network="" if network is None else network.get("code", "").strip(),
            site=element.findtext("{*}Site/{*}Name", "").strip(),
            start=_epoch(element.get("startDate", "")),
            end=_epoch(element.get("endDate", "")),
        )
    )
