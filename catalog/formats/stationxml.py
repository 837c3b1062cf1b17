"""FDSN StationXML 1.0 to 1.2: stations with their channels and responses, and the text of answers.

The reader gives one station at a time, with its channels. Of what our columns have no place for it
keeps the elements themselves, checked against the schema that the FDSN publishes (ObsPy ships it):
so whatever is joined from them later is valid, too. Elements and attributes of other namespaces
are kept out, an invalid response leaves its channel, and all of it is told.

Further down are the elements and lines that an answer of the station service is made of.
"""

from __future__ import annotations

import copy
import importlib.util
import re
import time as clock
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, BinaryIO
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from catalog.formats.labels import SYNTHETIC
from catalog.formats.limits import Limits
from catalog.formats.packing import unpacked
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.station_lists import OPEN_END_YEAR
from catalog.formats.text import CHUNK, seekable
from catalog.formats.values import (
    ANY,
    LATITUDE,
    LONGITUDE,
    POSITIVE,
    Range,
    cut,
    iso_time,
    number,
)
from catalog.formats.xml import check_prolog, deeper_than, local, namespace

#: Goes into the tags of answers: raise it when what is written changes.
VERSION = "1"
READER_VERSION = "1"
NAMESPACE = "http://www.fdsn.org/xml/station/1"
VERSIONS = frozenset(("1", "1.0", "1.1", "1.2"))
ELEVATION_M: Range = (-12_000.0, 9_000.0)
AZIMUTH: Range = (0.0, 360.0)
DIP: Range = (-90.0, 90.0)
RESTRICTIONS = frozenset(("open", "closed", "partial"))
#: Elements of one station with its channels, and of what stands between stations.
MAX_ELEMENTS = 1_000_000
#: Channels are told apart and checked one by one: a file that takes longer is cut off.
MAX_SECONDS = 120.0  # of the processor, by this thread
#: Elements that an otherwise good channel or station may lose to the schema.
MAX_PRUNED = 20
#: The word by which a site's name says that nothing stands there.
SYNTHETIC_MARK = "SYNTHETIC, not real"

_CODE = re.compile(r"[A-Za-z0-9_-]{1,10}\Z")
_FIRST = ("Description", "Identifier", "Comment")
_LAST = (
    "WaterLevel", "Vault", "Geology", "Equipment", "Operator", "CreationDate", "TerminationDate",
)  # fmt: skip
#: Of the stations and channels here, not of the file's: written anew where they are wanted.
_COUNTS = frozenset(("TotalNumberChannels", "SelectedNumberChannels", "DataAvailability"))


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """A network as the file gives it."""

    code: str
    description: str = ""
    start: datetime | None = None
    end: datetime | None = None
    restricted_status: str = ""


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """One epoch of a channel; ``xml`` is its element without the response, ``response`` that one.

    Latitude, longitude, azimuth and dip in degrees; elevation and depth of the sensor in m; the
    sensitivity in counts (or what the response ends in) per ``sensitivity_units``.
    """

    location_code: str
    code: str
    start: datetime | None
    end: datetime | None
    latitude: float
    longitude: float
    elevation_m: float
    depth_m: float
    azimuth_deg: float | None
    dip_deg: float | None
    sample_rate_hz: float | None
    sensor: str
    sensitivity: float | None
    sensitivity_frequency_hz: float | None
    sensitivity_units: str
    restricted_status: str
    xml: bytes
    response: bytes | None
    line_number: int


@dataclass(frozen=True, slots=True)
class StationRecord:
    """One epoch of a station with its channels.

    ``xml``: its elements that have no field here, in four runs with NUL between them: those before
    Latitude, those of Site behind Name, those behind Site, external references.
    """

    network: NetworkRecord
    code: str
    start: datetime | None
    end: datetime | None
    latitude: float
    longitude: float
    elevation_m: float
    site: str
    restricted_status: str
    synthetic: bool
    xml: bytes
    channels: tuple[ChannelRecord, ...] = ()
    line_number: int = 0


# --- reading --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Gatherer:
    """Turns elements into records and collects what it could not use."""

    limits: Limits
    problems: list[Problem] = field(default_factory=list)

    def problem(
        self,
        element: Any,
        code: str,
        name: str,
        found: str = "",
        expected: str = "",
        severity: Severity = Severity.WARNING,
    ) -> None:
        line = int(element.sourceline or 0) or None
        self.problems.append(Problem(line, code, name, cut(found), cut(expected), severity))

    def number(self, element: Any, path: str, bounds: Range = ANY) -> float | None:
        child = element.find(_path(path))
        if child is None:
            return None
        return number(self.problems, child.sourceline, path, child.text or "", bounds)

    def text(self, element: Any, path: str, longest: int) -> str:
        child = element.find(_path(path))
        text = "" if child is None else " ".join((child.text or "").split())
        if len(text) > longest:
            self.problem(child, "line-too-long", path, text, f"<= {longest}")
        return text[:longest]

    def moment(self, element: Any, name: str) -> datetime | None:
        found = iso_time(self.problems, element.sourceline, f"@{name}", element.get(name, ""))
        return None if found is None or found.year >= OPEN_END_YEAR else found

    def restriction(self, element: Any) -> str:
        word = element.get("restrictedStatus", "").strip()
        return word if word in RESTRICTIONS else ""

    def epoch(self, element: Any) -> tuple[datetime | None, datetime | None] | None:
        """Return start and end, ``None`` (and a problem) if it ends before it begins."""
        start, end = self.moment(element, "startDate"), self.moment(element, "endDate")
        if start is not None and end is not None and end <= start:
            self.problem(
                element, "out-of-range", f"{local(element.tag)}/@endDate",
                element.get("endDate", ""), f"> {element.get('startDate')}", Severity.ERROR,
            )  # fmt: skip
            return None
        return start, end

    def code(self, element: Any) -> str:
        code: str = element.get("code", "").strip()
        if _CODE.match(code):
            return code
        name = f"{local(element.tag)}/@code"
        self.problem(element, "unknown-value", name, code, "A-Z 0-9", Severity.ERROR)
        return ""

    def place(self, element: Any, *names: str) -> dict[str, float] | None:
        """Return coordinates and what else a place must have, or say what is missing."""
        bounds = {"Latitude": LATITUDE, "Longitude": LONGITUDE, "Elevation": ELEVATION_M}
        known = len(self.problems)
        values = {name: self.number(element, name, bounds.get(name, ANY)) for name in names}
        kind = local(element.tag)
        for name, value in values.items():
            if value is None and len(self.problems) == known:
                path = f"{kind}/{name}"
                self.problem(element, "missing-field", path, "", name, Severity.ERROR)
        if any(value is None for value in values.values()):
            # The number itself is told where it stands; that it costs the element is told here.
            self.problems[known:] = [
                replace(problem, severity=Severity.ERROR) for problem in self.problems[known:]
            ]
            return None
        return {name: value for name, value in values.items() if value is not None}

    def cleaned(self, element: Any) -> None:
        """Take elements and attributes of other namespaces out of an element, and say so."""
        for foreign in element.xpath(".//*[namespace-uri() != $ours]", ours=NAMESPACE):
            if foreign.getparent() is not None and _is_ours(foreign.getparent()):
                self.problem(
                    foreign, "foreign-element", local(foreign.tag),
                    namespace(foreign.tag) or "-", NAMESPACE,
                )  # fmt: skip
                _take_out(foreign)
        for holder in element.xpath("descendant-or-self::*[@*[namespace-uri() != '']]"):
            for name in [key for key in holder.keys() if key.startswith("{")]:  # noqa: SIM118
                self.problem(
                    holder, "foreign-element", f"{local(holder.tag)}/@{local(name)}",
                    namespace(name), NAMESPACE,
                )  # fmt: skip
                del holder.attrib[name]

    def valid(self, element: Any) -> bool:
        """Check a station or channel against the schema; what it does not know is taken out."""
        kind = local(element.tag)
        for _ in range(MAX_PRUNED):
            wrong = _first_error(element)
            if wrong is None:
                return True
            culprit, message = wrong
            if isinstance(culprit, etree._ElementUnicodeResult):  # an attribute
                holder, name = culprit.getparent(), str(culprit.attrname)
                self.problem(holder, "xml-not-valid", f"{local(holder.tag)}/@{name}", message)
                del holder.attrib[name]
            elif culprit is None or culprit is element:
                break
            else:
                self.problem(culprit, "xml-not-valid", f"{kind}/{local(culprit.tag)}", message)
                _take_out(culprit)
        self.problem(element, "xml-not-valid", kind, message, "", Severity.ERROR)
        return False

    def channel(self, element: Any) -> ChannelRecord | None:
        line = int(element.sourceline or 0)
        code, epoch = self.code(element), self.epoch(element)
        location = element.get("locationCode", "").strip().replace("--", "")
        if location and not _CODE.match(location):
            self.problem(
                element, "unknown-value", "Channel/@locationCode", location, "A-Z 0-9",
                Severity.ERROR,
            )  # fmt: skip
            return None
        place = self.place(element, "Latitude", "Longitude", "Elevation", "Depth")
        if not code or epoch is None or place is None:
            return None
        _forget(element, _COUNTS)
        element.set("locationCode", location)
        _date(element, *epoch)
        response = element.find(_path("Response"))
        finished: bytes | None = None
        sensitivity: dict[str, Any] = {
            "sensitivity": None, "sensitivity_frequency_hz": None, "sensitivity_units": "",
        }  # fmt: skip
        if response is not None:
            holder = element.makeelement(element.tag, dict(element.attrib), nsmap=element.nsmap)
            _take_out(response)
            if len(response):
                within = "InstrumentSensitivity"
                sensitivity = {
                    "sensitivity": self.number(response, f"{within}/Value"),
                    "sensitivity_frequency_hz": self.number(response, f"{within}/Frequency"),
                    "sensitivity_units": self.text(response, f"{within}/InputUnits/Name", 50),
                }
                holder.extend(copy.deepcopy(child) for child in element if _must_stand(child))
                holder.append(response)
                wrong = _first_error(holder)
                if wrong is None:
                    finished = _finished(response)
                else:
                    self.problem(response, "xml-not-valid", "Response", wrong[1], "")
        if not self.valid(element):
            return None
        sensor = self.text(element, "Sensor/Description", 200) or self.text(
            element, "Sensor/Type", 200
        )
        return ChannelRecord(
            location_code=location,
            code=code,
            start=epoch[0],
            end=epoch[1],
            latitude=place["Latitude"],
            longitude=place["Longitude"],
            elevation_m=place["Elevation"],
            depth_m=place["Depth"],
            azimuth_deg=self.number(element, "Azimuth", AZIMUTH),
            dip_deg=self.number(element, "Dip", DIP),
            sample_rate_hz=self.number(element, "SampleRate", POSITIVE),
            sensor=sensor,
            **sensitivity,
            restricted_status=self.restriction(element),
            xml=_finished(element),
            response=finished,
            line_number=line,
        )

    def station(self, element: Any, network: NetworkRecord) -> StationRecord | None:
        if deeper_than(element, self.limits.max_depth):
            expected = f"<= {self.limits.max_depth} levels"
            self.problem(element, "xml-too-deep", "Station", "", expected, Severity.ERROR)
            return None
        line = int(element.sourceline or 0)
        self.cleaned(element)
        code, epoch = self.code(element), self.epoch(element)
        place = self.place(element, "Latitude", "Longitude", "Elevation")
        if not code or epoch is None or place is None:
            return None
        channels = []
        seen = set()
        for child in element.findall(_path("Channel")):
            _take_out(child)
            channel = self.channel(child)
            if channel is None:
                continue
            identity = (channel.location_code, channel.code, channel.start)
            if identity in seen:
                name = f"{channel.location_code}.{channel.code}"
                self.problem(child, "duplicate-id", "Channel", name, "", Severity.ERROR)
                continue
            seen.add(identity)
            channels.append(channel)
        element = copy.deepcopy(element)  # the parser still holds on to the other
        _forget(element, _COUNTS)
        _date(element, *epoch)
        site, marked = without_mark(self.text(element, "Site/Name", 200))
        labelled = _without_label(element)
        if not self.valid(element):
            return None
        rest = element.find(_path("Site"))
        return StationRecord(
            network=network,
            code=code,
            start=epoch[0],
            end=epoch[1],
            latitude=place["Latitude"],
            longitude=place["Longitude"],
            elevation_m=place["Elevation"],
            site=site,
            restricted_status=self.restriction(element),
            synthetic=marked or labelled,
            xml=joined(
                (child for child in element if local(child.tag) in _FIRST),
                (child for child in rest if local(child.tag) != "Name"),
                (child for child in element if local(child.tag) in _LAST),
                (child for child in element if local(child.tag) == "ExternalReference"),
            ),
            channels=tuple(channels),
            line_number=line,
        )

    def network(self, element: Any) -> NetworkRecord | None:
        code = self.code(element)
        if not code:
            return None
        epoch = self.epoch(element) or (None, None)
        description = self.text(element, "Description", 200)
        return NetworkRecord(code, description, *epoch, self.restriction(element))


def read(stream: BinaryIO, limits: Limits | None = None) -> Iterator[StationRecord | Problem]:
    """Yield the stations of a StationXML file, packed with gzip or not, and what is wrong with it.

    A file that breaks off gives the stations before the break and a problem.

    Raises
    ------
    FormatError
        The file is no StationXML, or one of a version we do not know, or refused as a whole.
    """
    limits = limits or Limits()
    source: IO[bytes] = seekable(unpacked(stream, limits))
    size = source.seek(0, 2)
    source.seek(0)
    if size > limits.max_bytes:
        raise _refusal(None, "file-too-large", str(size), f"<= {limits.max_bytes}")
    check_prolog(source.read(CHUNK), "FDSNStationXML")
    source.seek(0)
    return _read(source, limits)


def _read(source: IO[bytes], limits: Limits) -> Iterator[StationRecord | Problem]:
    parser = etree.XMLPullParser(
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        tag=("{*}FDSNStationXML", "{*}Network", "{*}Station"),
    )
    gatherer = _Gatherer(limits)
    root: Any = None
    holder: Any = None  # the element of ``network``
    network: NetworkRecord | None = None
    elements = 0
    until = clock.thread_time() + MAX_SECONDS
    try:
        while piece := source.read(CHUNK):
            elements += piece.count(b"<")
            if elements > 2 * MAX_ELEMENTS:
                line = None if root is None else root.sourceline
                bound = f"<= {MAX_ELEMENTS} elements"
                yield Problem(line, "memory-limit", "", "", bound, Severity.ERROR)
                return
            parser.feed(piece)
            for event, element in parser.read_events():
                if root is None:
                    root = element.getroottree().getroot()
                    _check_root(root)
                parent = element.getparent()
                if event == "start" or not _is_ours(element) or parent is None:
                    continue
                kind = local(element.tag)
                if kind == "Station" and parent.getparent() is root and _is_ours(parent):
                    elements = 0
                    if parent is not holder:
                        holder, network = parent, gatherer.network(parent)
                    station = None if network is None else gatherer.station(element, network)
                    yield from gatherer.problems
                    gatherer.problems.clear()
                    if station is not None:
                        yield station
                    _free(element)
                elif kind == "Network" and parent is root:
                    _free(element)
                if clock.thread_time() > until:
                    found, bound = f"> {MAX_SECONDS:g} s", f"<= {MAX_SECONDS:g} s"
                    yield Problem(
                        element.sourceline, "time-limit", "", found, bound, Severity.ERROR
                    )
                    return
        if root is None:
            root = parser.close()
            _check_root(root)
        else:
            parser.close()
    except etree.XMLSyntaxError as error:
        message = str(error.msg)
        code = "xml-syntax"
        if "depth" in message.lower():
            code = "xml-too-deep"
        elif "Premature end" in message:
            code = "truncated"
        problem = Problem(error.lineno, code, "", cut(message), "XML", Severity.ERROR)
        if root is None:
            raise FormatError(problem) from error
        yield problem


def _check_root(root: Any) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise _refusal(1, "xml-doctype", "DOCTYPE", "")
    if local(root.tag) != "FDSNStationXML" or namespace(root.tag) != NAMESPACE:
        raise _refusal(root.sourceline, "wrong-format", str(root.tag), f"{{{NAMESPACE}}}…")
    version = root.get("schemaVersion", "").strip()
    if version not in VERSIONS:
        raise _refusal(root.sourceline, "unsupported-version", version, "1.0, 1.1, 1.2")


def _refusal(line: int | None, code: str, found: str, expected: str) -> FormatError:
    return FormatError(Problem(line, code, "", cut(found), expected, Severity.ERROR))


def _path(path: str) -> str:
    return "/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))


def _is_ours(element: Any) -> bool:
    return namespace(element.tag) == NAMESPACE


def _take_out(element: Any) -> None:
    """Remove an element, but not the text behind it."""
    element.tail = None
    element.getparent().remove(element)


def _forget(element: Any, names: frozenset[str]) -> None:
    for child in [child for child in element if local(child.tag) in names]:
        _take_out(child)


def _free(element: Any) -> None:
    """Give back the memory of an element that has been read, and of all before it."""
    parent = element.getparent()
    element.clear()
    while parent[0] is not element:
        del parent[0]


def _date(element: Any, start: datetime | None, end: datetime | None) -> None:
    """Write an epoch as the schema wants it; a far year that stands for an open end is left out."""
    for name, time in (("startDate", start), ("endDate", end)):
        if time is not None:
            element.set(name, f"{moment(time)}Z")
        elif name in element.attrib:
            del element.attrib[name]


def _must_stand(child: Any) -> bool:
    """True for what the schema wants of a channel."""
    return local(child.tag) in ("Latitude", "Longitude", "Elevation", "Depth")


# --- the schema -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def schema() -> Any:
    """Return the schema of StationXML 1.2, as ObsPy ships it."""
    found = importlib.util.find_spec("obspy")
    if found is None or found.origin is None:
        raise RuntimeError("ObsPy is not installed")
    folder = Path(found.origin).parent / "io" / "stationxml" / "data"
    return etree.XMLSchema(etree.parse(folder / "fdsn-station-1.2.xsd"))


def _first_error(element: Any) -> tuple[Any, str] | None:
    """Return the element or attribute of a station or channel that the schema refuses, and why.

    The element stands in no other.
    """
    root = etree.Element(_path("FDSNStationXML"), schemaVersion="1.2", nsmap={None: NAMESPACE})
    etree.SubElement(root, _path("Source"))
    etree.SubElement(root, _path("Created")).text = "2000-01-01T00:00:00Z"
    holder = etree.SubElement(root, _path("Network"), code="XX")
    if local(element.tag) == "Channel":
        holder = etree.SubElement(holder, _path("Station"), code="X")
        for name in ("Latitude", "Longitude", "Elevation"):
            etree.SubElement(holder, _path(name)).text = "0"
        etree.SubElement(etree.SubElement(holder, _path("Site")), _path("Name"))
    holder.append(element)
    try:
        checker = schema()
        if checker.validate(root):
            return None
        entry = checker.error_log[0]
        names = {prefix: uri for prefix, uri in element.nsmap.items() if prefix}
        try:
            found = root.getroottree().xpath(entry.path, namespaces=names) if entry.path else []
        except etree.XPathError:
            found = []
        return (found[0] if found else None), str(entry.message).replace(f"{{{NAMESPACE}}}", "")
    finally:
        holder.remove(element)


def _finished(element: Any) -> bytes:
    """Return an element as text, its own namespace understood."""
    holder = etree.Element(_path("FDSNStationXML"), nsmap={None: NAMESPACE})
    holder.append(copy.deepcopy(element))
    etree.cleanup_namespaces(holder)
    alone = holder[0]
    text: bytes = etree.tostring(alone, encoding="UTF-8", with_tail=False)
    start, end, rest = text.partition(b">")
    return start.replace(f' xmlns="{NAMESPACE}"'.encode(), b"") + end + rest


# --- what is kept of a station --------------------------------------------------------------------


def joined(*runs: Iterable[Any]) -> bytes:
    """Return runs of elements as text, NUL between the runs; ``station_start`` takes them."""
    return b"\x00".join(b"".join(_finished(one) + b"\n" for one in run) for run in runs)


def without_mark(site: str) -> tuple[str, bool]:
    """Return a site's name without the word that it is made up, and whether that was there."""
    if SYNTHETIC_MARK not in site:
        return site, False
    name = site.replace(f"({SYNTHETIC_MARK})", "").replace(SYNTHETIC, "")
    return " ".join(name.split()), True


def _without_label(station: Any) -> bool:
    """Take the label of made-up data out of a station's comments; tell whether it was there."""
    found = False
    for comment in station.findall(_path("Comment")):
        if (comment.findtext(_path("Value")) or "").strip() == SYNTHETIC:
            _take_out(comment)
            found = True
    return found


# --- writing: XML ---------------------------------------------------------------------------------


def document_start(source: str, module: str, created: datetime) -> bytes:
    """Return what stands before the networks."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<FDSNStationXML xmlns="{NAMESPACE}" schemaVersion="1.2">\n'
        f"<Source>{said(source)}</Source>\n<Module>{said(module)}</Module>\n"
        f"<Created>{moment(created)}Z</Created>\n"
    ).encode()


DOCUMENT_END = b"</FDSNStationXML>\n"


def moment(time: datetime | None) -> str:
    """Return a UTC time as both forms write it, without zone; blank if there is none."""
    if time is None:
        return ""
    text = time.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{time.microsecond:06d}" if time.microsecond else text


def said(text: str) -> str:
    """Return a text of ours as XML has it."""
    return escape(_printable(text))


def _printable(text: str) -> str:
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _element(name: str, content: str | bytes) -> bytes:
    body = content.encode() if isinstance(content, str) else content
    return b"<%b>%b</%b>\n" % (name.encode(), body, name.encode())


def _start_tag(
    name: str, code: str, start: datetime | None, end: datetime | None, restricted: str
) -> bytes:
    attributes = [f"code={quoteattr(_printable(code))}"]
    # With the zone here: without it a time of XML Schema is one of an unknown zone.
    if start is not None:
        attributes.append(f'startDate="{moment(start)}Z"')
    if end is not None:
        attributes.append(f'endDate="{moment(end)}Z"')
    if restricted:
        attributes.append(f'restrictedStatus="{restricted}"')
    return f"<{name} {' '.join(attributes)}>\n".encode()


def network_start(
    network: NetworkRecord, operator: str, total: int | None, selected: int | None
) -> bytes:
    """Return the head of a network: its own elements, before the stations."""
    return b"".join(
        (
            _start_tag(
                "Network", network.code, network.start, network.end, network.restricted_status
            ),
            _element("Description", said(network.description)) if network.description else b"",
            _element("Operator", _element("Agency", said(operator))) if operator else b"",
            b"" if total is None else _element("TotalNumberStations", str(total)),
            b"" if selected is None else _element("SelectedNumberStations", str(selected)),
        )
    )


NETWORK_END = b"</Network>\n"


@dataclass(frozen=True, slots=True)
class StationHead:
    """A station as an answer tells it; ``elevation_m`` is ``None`` where nobody told it."""

    network: str
    code: str
    start: datetime | None
    end: datetime | None
    latitude: float
    longitude: float
    elevation_m: float | None
    site: str
    restricted_status: str
    synthetic: bool
    operator: str = ""
    xml: bytes = b""

    @property
    def site_name(self) -> str:
        """The name of the site, which says so if nothing stands there."""
        return f"{self.site} ({SYNTHETIC_MARK})".strip() if self.synthetic else self.site

    @property
    def elevation(self) -> str:
        """The elevation as text. The standard wants one: NaN where nobody told it, never 0."""
        return "NaN" if self.elevation_m is None else plain(self.elevation_m)


def station_start(
    station: StationHead, channels: int | None = None, selected: int | None = None
) -> bytes:
    """Return the head of a station: all before its channels."""
    before, of_site, after, references = (station.xml or b"\x00\x00\x00").split(b"\x00")
    comments = [SYNTHETIC] if station.synthetic else []
    if station.elevation_m is None:
        comments.append("The elevation is not known.")
    operator = "" if station.xml else station.operator  # else its own is among the rest
    return b"".join(
        (
            _start_tag(
                "Station", station.code, station.start, station.end, station.restricted_status
            ),
            before,
            *(_element("Comment", _element("Value", said(text))) for text in comments),
            _element("Latitude", plain(station.latitude)),
            _element("Longitude", plain(station.longitude)),
            _element("Elevation", station.elevation),
            _element("Site", _element("Name", said(station.site_name)) + of_site),
            after,
            _element("Operator", _element("Agency", said(operator))) if operator else b"",
            b"" if channels is None else _element("TotalNumberChannels", str(channels)),
            b"" if selected is None else _element("SelectedNumberChannels", str(selected)),
            references,
        )
    )


STATION_END = b"</Station>\n"


def channel_element(xml: bytes, response: bytes | None) -> bytes:
    """Return a channel's element with its response inside, if one is wanted."""
    if response is None:
        return xml + b"\n"
    inside, end, name = xml.rpartition(b"</")
    return inside + response + b"\n" + end + name + b"\n"


# --- writing: text --------------------------------------------------------------------------------

TEXT_HEADERS = {
    "network": "#Network|Description|StartTime|EndTime|TotalStations",
    "station": "#Network|Station|Latitude|Longitude|Elevation|SiteName|StartTime|EndTime",
    "channel": (
        "#Network|Station|Location|Channel|Latitude|Longitude|Elevation|Depth|Azimuth|Dip|"
        "SensorDescription|Scale|ScaleFreq|ScaleUnits|SampleRate|StartTime|EndTime"
    ),
}


def plain(value: float | None) -> str:
    """Return a number as short as it can be, blank if there is none."""
    return "" if value is None else repr(float(value)).removesuffix(".0")


def line(*cells: str) -> bytes:
    """Return a line of the text form; a bar inside a text becomes a slash."""
    return ("|".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + "\n").encode()


def network_line(network: NetworkRecord, stations: int) -> bytes:
    return line(
        network.code,
        network.description,
        moment(network.start),
        moment(network.end),
        str(stations),
    )


def station_line(station: StationHead) -> bytes:
    return line(
        station.network,
        station.code,
        plain(station.latitude),
        plain(station.longitude),
        station.elevation,
        station.site_name,
        moment(station.start),
        moment(station.end),
    )


def channel_line(station: StationHead, channel: Any) -> bytes:
    """Return the line of a channel, given as a ``ChannelRecord`` or anything with its values."""
    sensor = f"{channel.sensor} ({SYNTHETIC_MARK})" if station.synthetic else channel.sensor
    return line(
        station.network,
        station.code,
        channel.location_code,
        channel.code,
        plain(channel.latitude),
        plain(channel.longitude),
        plain(channel.elevation_m),
        plain(channel.depth_m),
        plain(channel.azimuth_deg),
        plain(channel.dip_deg),
        sensor,
        plain(channel.sensitivity),
        plain(channel.sensitivity_frequency_hz),
        channel.sensitivity_units,
        plain(channel.sample_rate_hz),
        moment(channel.start),
        moment(channel.end),
    )
