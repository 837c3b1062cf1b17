"""QuakeML 1.2 (Basic Event Description): our own streaming reader and a writer by fragments.

Depths and other lengths are metres in QuakeML and kilometres everywhere else; latitude and
longitude uncertainties are degrees there and kilometres here. Both change here and nowhere else.

The reader refuses a DOCTYPE before the parser sees it, expands no entity, opens no connection,
and holds one event at a time. An element or attribute that our records have no place for is
reported as ``xml-unknown-element``, once per path and event, with how often it stood there.

The writer gives an event in fragments (head, origins, magnitudes ...), so that a document is the
fragments joined; the order is fixed, and the result is valid against QuakeML-BED-1.2.xsd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import cos, pi, radians
from typing import Any, BinaryIO

from lxml import etree

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    AxisRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.formats.text import CHUNK, seekable
from catalog.formats.values import (
    ANY,
    AZIMUTH,
    CERTAINTIES,
    DEPTH_KM,
    DISTANCE_DEG,
    EVENT_TYPES,
    LATITUDE,
    LONGITUDE,
    MAGNITUDE,
    PERCENT,
    POSITIVE,
    Range,
    count,
    cut,
    iso_time,
    number,
    plausible,
)

VERSION = "quakeml-1"  # of this reader; stored with each reading

BED = "{http://quakeml.org/xmlns/bed/1.2}"
QUAKEML = "{http://quakeml.org/xmlns/quakeml/1.2}"
KM_PER_DEGREE = 6371.0088 * pi / 180.0  # mean Earth radius, IUGG

# Vocabularies of QuakeML-BED-1.2.xsd.
DEPTH_TYPES = frozenset(
    (
        "from location",
        "from moment tensor inversion",
        "from modeling of broad-band P waveforms",
        "constrained by depth phases",
        "constrained by direct phases",
        "constrained by depth and direct phases",
        "operator assigned",
        "other",
    )
)
ORIGIN_TYPES = frozenset(
    ("hypocenter", "centroid", "amplitude", "macroseismic", "rupture start", "rupture end")
)
SPREADS = frozenset(("horizontal uncertainty", "uncertainty ellipse", "confidence ellipsoid"))
MODES = frozenset(("manual", "automatic"))
STATUSES = frozenset(("preliminary", "confirmed", "reviewed", "final", "rejected"))
ONSETS = frozenset(("emergent", "impulsive", "questionable"))
POLARITIES = frozenset(("positive", "negative", "undecidable"))
CATEGORIES = frozenset(("point", "mean", "duration", "period", "integral", "other"))
UNITS = frozenset(("m", "s", "m/s", "m/(s*s)", "m*s", "dimensionless", "other"))
DESCRIPTION_TYPES = frozenset(
    (
        "felt report",
        "Flinn-Engdahl region",
        "local time",
        "tectonic summary",
        "nearest cities",
        "earthquake name",
        "region name",
    )
)
#: What QuakeML has no element for goes into a comment of this form and comes back from it.
BOUND_COMMENT = "bound: "
QUALITY_COMMENT = "quality: "

_ENCODINGS = frozenset(
    ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1251", "cp1251", "koi8-r")
)
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
_EVENT_START = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?event[\s>/]")
_EVENT_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?event\s*>")
_ROOT_START = re.compile(rb"<[A-Za-z_:]")


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first bytes look like QuakeML of any version."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and (
        b"quakeml.org/xmlns/" in head or (b"<!DOCTYPE" in head.upper() and b"quakeml" in head)
    )


# --- reading ----------------------------------------------------------------------------------


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of a document; the problems of an event come just before it.

    Raises
    ------
    FormatError
        Nothing can be read: empty, not XML, a DOCTYPE, another format or version, too large.
    """
    source = seekable(stream)
    size = source.seek(0, 2)
    source.seek(0)
    if size > limits.max_bytes:
        expected = f"<= {limits.max_bytes} bytes"
        raise FormatError(Problem(None, "file-too-large", "", str(size), expected, Severity.ERROR))
    head = source.read(CHUNK)
    encoding = _check_prolog(head)
    source.seek(0)
    parser = etree.XMLPullParser(
        events=("end",),
        tag=("{*}event", "{*}eventParameters"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    events = 0
    seen_ids: set[str] = set()
    failure: Problem | None = None
    versions: set[str] = set()
    root: Any = None
    line = 1  # of the first byte of ``parts``
    parts: list[bytes] = []  # since the last event
    elements = 0
    try:
        for piece in _pieces(source):
            parser.feed(piece)
            parts.append(piece)
            elements += piece.count(b"<")
            if elements > 2 * limits.max_elements:
                expected = f"<= {limits.max_elements} elements"
                failure = Problem(line, "memory-limit", "event", "", expected, Severity.ERROR)
                break
            for _, element in parser.read_events():
                root = element.getroottree().getroot()
                if root.getroottree().docinfo.internalDTD is not None:
                    raise FormatError(Problem(1, "xml-doctype", "", "DOCTYPE", "", Severity.ERROR))
                if element.tag != BED + "event":
                    if element.tag.endswith("}event"):
                        versions.add(_namespace(element.tag))
                    elif element.tag == BED + "eventParameters":
                        yield from _parameters(element)
                    continue
                raw = b"".join(parts)
                start = _EVENT_START.search(raw)
                first = start.start() if start else 0
                first_line = line + raw.count(b"\n", 0, first)
                line += raw.count(b"\n")
                parts, elements = [], 0
                if events >= limits.max_events:
                    expected = f"<= {limits.max_events}"
                    yield Problem(line, "too-many-events", "", "", expected, Severity.ERROR)
                    return
                events += 1
                shift = 0
                node = element
                if line >= 65535:  # libxml2 counts lines in 16 bits; count again from the event
                    node, shift = _again(element, raw[first:], encoding), first_line - 1
                walker = _Walker(limits, shift)
                record = walker.event(
                    node, raw[first:].decode(encoding, "replace"), first_line, line
                )
                if record.event_id is not None:
                    if record.event_id in seen_ids:
                        walker.problem(
                            node, "duplicate-event-id", "publicID", record.event_id, "unique"
                        )
                    seen_ids.add(record.event_id)
                yield from walker.finished()
                yield record
                _forget(element)
        else:
            root = parser.close()
    except etree.XMLSyntaxError as error:
        message = str(error.msg)
        code = "xml-syntax"
        if "depth" in message.lower():
            code = "xml-too-deep"
        elif source.read(1) == b"" and "Premature end" in message:
            code = "truncated"
        failure = Problem(error.lineno, code, "", cut(message), "XML", Severity.ERROR)
    if failure is None and root is not None and root.tag not in (QUAKEML + "quakeml",):
        code = "unsupported-version" if "quakeml" in _namespace(root.tag) else "wrong-format"
        failure = Problem(1, code, "", cut(root.tag), QUAKEML + "quakeml", Severity.ERROR)
    if failure is None and versions:
        found = " ".join(sorted(versions))
        failure = Problem(1, "unsupported-version", "event", found, BED[1:-1], Severity.ERROR)
    if failure is not None:
        if not events:
            raise FormatError(failure)
        yield failure
    elif not events:
        yield Problem(1, "missing-block", "event", "", "event", Severity.WARNING)


def _check_prolog(head: bytes) -> str:
    """Return the encoding; refuse what must not reach the parser."""
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise FormatError(Problem(1, "empty-file", "", "", "QuakeML 1.2", Severity.ERROR))
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:4]:
        raise FormatError(Problem(1, "encoding", "", "UTF-16", "UTF-8", Severity.ERROR))
    declaration = _DECLARATION.search(head[:200])
    encoding = declaration.group(1).decode("ascii").lower() if declaration else "utf-8"
    if encoding not in _ENCODINGS:
        raise FormatError(Problem(1, "encoding", "", encoding, "UTF-8", Severity.ERROR))
    position = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while True:
        position += len(head[position:]) - len(head[position:].lstrip())
        rest = head[position : position + 9].upper()
        line = head.count(b"\n", 0, position) + 1
        if rest.startswith(b"<!--"):
            end, skip = head.find(b"-->", position), 3
        elif rest.startswith(b"<?"):
            end, skip = head.find(b"?>", position), 2
        elif rest.startswith(b"<!"):
            found = cut(head[position : position + 200].decode("latin-1"))
            raise FormatError(Problem(line, "xml-doctype", "", found, "", Severity.ERROR))
        elif _ROOT_START.match(head, position):
            return encoding
        else:
            found = cut(head[position : position + 80].decode("latin-1"))
            raise FormatError(
                Problem(line, "wrong-format", "", found, "QuakeML 1.2", Severity.ERROR)
            )
        if end < 0:
            raise FormatError(Problem(line, "xml-syntax", "", "", "root element", Severity.ERROR))
        position = end + skip


def _pieces(source: Any) -> Iterator[bytes]:
    """Yield the stream cut after each ``</event>``, so that an event's own bytes are known."""
    carry = b""
    while chunk := source.read(CHUNK):
        data = carry + chunk
        position = 0
        for match in _EVENT_END.finditer(data):
            yield data[position : match.end()]
            position = match.end()
        # The tail may hold the beginning of an end tag.
        tail = data.rfind(b"<", max(position, len(data) - 256))
        keep = tail if tail >= 0 else len(data)
        if keep > position:
            yield data[position:keep]
        carry = data[keep:]
    if carry:
        yield carry


def _again(element: Any, raw: bytes, encoding: str) -> Any:
    """Parse one event's own bytes a second time, so that its lines count from 1."""
    names = "".join(
        f' xmlns{":" + prefix if prefix else ""}="{uri}"' for prefix, uri in element.nsmap.items()
    )
    wrapped = f'<?xml version="1.0" encoding="{encoding}"?><w{names}>'.encode() + raw + b"</w>"
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(wrapped, parser)[0]


def _forget(element: Any) -> None:
    """Free an event that has been read and the emptied one before it."""
    element.clear()
    previous = element.getprevious()
    if previous is not None and previous.tag == BED + "event":
        element.getparent().remove(previous)


def _parameters(element: Any) -> Iterator[Problem]:
    """Report what the document as a whole says and no record can hold."""
    unknown: dict[str, tuple[int, int, str]] = {}
    for child in element:
        if child.tag in (BED + "event", BED + "creationInfo"):
            continue  # the document's own agency and date speak of the file, not of an event
        path = "eventParameters/" + _local(child.tag)
        line, times, found = unknown.get(path, (child.sourceline, 0, _shown(child)))
        unknown[path] = (line, times + 1, found)
    for path, (line, times, found) in unknown.items():
        yield Problem(line, "xml-unknown-element", path, f"{times} x {found}"[:200], "")


def _local(tag: str) -> str:
    # lxml's own QName refuses what its parser lets through, such as an undeclared prefix.
    return tag.rsplit("}", 1)[-1]


def _namespace(tag: str) -> str:
    return tag[1:].split("}", 1)[0] if tag.startswith("{") else ""


def _shown(element: Any) -> str:
    """Return the text of an element that has no home, for its problem."""
    return cut(" ".join("".join(element.itertext()).split()))


def _names(words: str) -> dict[str, str]:
    """Return tag -> name of the children a parent may have."""
    return {BED + word: word for word in words.split()}


#: Children that may stand several times; all others at most once.
_MANY = frozenset(
    (
        *("comment", "description", "origin", "magnitude", "pick", "amplitude"),
        *("stationMagnitude", "focalMechanism", "arrival", "stationMagnitudeContribution"),
    )
)
_EVENT = _names(
    "description comment focalMechanism amplitude magnitude stationMagnitude origin pick"
    " preferredOriginID preferredMagnitudeID preferredFocalMechanismID type typeCertainty"
    " creationInfo"
)
_ORIGIN = _names(
    "comment originUncertainty arrival time longitude latitude depth depthType timeFixed"
    " epicenterFixed methodID earthModelID quality type region evaluationMode evaluationStatus"
    " creationInfo"
)
_UNCERTAINTY = _names(
    "horizontalUncertainty minHorizontalUncertainty maxHorizontalUncertainty"
    " azimuthMaxHorizontalUncertainty preferredDescription confidenceLevel"
)
_QUALITY = _names(
    "associatedPhaseCount usedPhaseCount associatedStationCount usedStationCount depthPhaseCount"
    " standardError azimuthalGap secondaryAzimuthalGap groundTruthLevel maximumDistance"
    " minimumDistance medianDistance"
)
_ARRIVAL = _names(
    "comment pickID phase timeCorrection azimuth distance takeoffAngle timeResidual"
    " horizontalSlownessResidual backazimuthResidual timeWeight horizontalSlownessWeight"
    " backazimuthWeight earthModelID"
)
_PICK = _names(
    "comment time waveformID filterID methodID horizontalSlowness backazimuth onset phaseHint"
    " polarity evaluationMode evaluationStatus creationInfo"
)
_AMPLITUDE = _names(
    "comment genericAmplitude type category unit methodID period snr pickID waveformID"
    " scalingTime magnitudeHint evaluationMode creationInfo"
)
_MAGNITUDE = _names(
    "comment stationMagnitudeContribution mag type originID methodID stationCount azimuthalGap"
    " evaluationMode evaluationStatus creationInfo"
)
_STATION_MAGNITUDE = _names(
    "comment originID mag type amplitudeID methodID waveformID creationInfo"
)
_CONTRIBUTION = _names("stationMagnitudeID residual weight")
_MECHANISM = _names(
    "comment momentTensor triggeringOriginID nodalPlanes principalAxes azimuthalGap"
    " stationPolarityCount misfit methodID evaluationMode evaluationStatus creationInfo"
)
_TENSOR = _names(
    "derivedOriginID momentMagnitudeID scalarMoment tensor varianceReduction doubleCouple clvd"
)
_COMPONENTS = _names("Mrr Mtt Mpp Mrt Mrp Mtp")
_PLANES = _names("nodalPlane1 nodalPlane2")
_PLANE = _names("strike dip rake")
_AXES = _names("tAxis pAxis nAxis")
_AXIS = _names("azimuth plunge length")
_VALUE = _names("value uncertainty")
_TEXT = _names("text")
_DESCRIPTION = _names("text type")
_CREATION = _names("agencyID author creationTime")
_AGENCY_ONLY = _names("agencyID")
_NOTHING: dict[str, str] = {}
_VALUE_TAG = BED + "value"
_ATTRIBUTES = frozenset(
    (
        *("publicID", "id", "preferredPlane"),
        *("networkCode", "stationCode", "channelCode", "locationCode"),
    )
)
Fields = dict[str, Any]


@dataclass(slots=True)
class _Walker:
    """Turns the tree of one event into records and collects what it could not use."""

    limits: Limits
    shift: int  # added to the parser's line numbers
    problems: list[Problem] = field(default_factory=list)
    unknown: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    # -- the parts every element is made of

    def line(self, element: Any) -> int:
        return int(element.sourceline or 0) + self.shift

    def problem(self, element: Any, code: str, name: str, found: str, expected: str) -> None:
        self.problems.append(Problem(self.line(element), code, name, cut(found), expected))

    def finished(self) -> Iterator[Problem]:
        """Yield the problems of the event, those without a home last."""
        yield from self.problems
        for path, (line, times, found) in self.unknown.items():
            yield Problem(line, "xml-unknown-element", path, f"{times} x {found}"[:200], "")

    def homeless(self, path: str, element: Any, found: str) -> None:
        line, times, first = self.unknown.get(path, (self.line(element), 0, found))
        self.unknown[path] = (line, times + 1, first)

    def children(self, element: Any, path: str, known: dict[str, str]) -> Fields:
        """Return the children by name; what is not known or stands twice is homeless."""
        fields: Fields = {}
        for child in element:
            name = known.get(child.tag)
            if name is None or (name in fields and name not in _MANY):
                local = _local(child.tag)
                if _deeper_than(child, self.limits.max_depth):
                    expected = f"<= {self.limits.max_depth} levels"
                    self.problem(child, "xml-too-deep", f"{path}/{local}", "", expected)
                else:
                    self.homeless(f"{path}/{local}", child, _shown(child))
            elif name in _MANY:
                fields.setdefault(name, []).append(child)
            else:
                fields[name] = child
        for key in element.keys():  # noqa: SIM118  an element is not a dict
            if key not in _ATTRIBUTES:
                local = _local(key)
                self.homeless(f"{path}/@{local}", element, cut(element.get(key)))
        return fields

    def text(self, fields: Fields, name: str) -> str | None:
        element = fields.get(name)
        if element is None:
            return None
        text = str(element.text or "").strip()
        if len(element):
            self.children(element, name, _NOTHING)
        if len(text) > self.limits.max_text_length:
            expected = f"<= {self.limits.max_text_length} characters"
            self.problem(element, "line-too-long", name, text, expected)
            text = text[: self.limits.max_text_length]
        return text or None

    def word(self, fields: Fields, name: str, words: frozenset[str]) -> str | None:
        text = self.text(fields, name)
        if text is None or text in words:
            return text
        plain = text.replace("_", " ").lower()
        if plain in words:  # quarry_blast, as some agencies write
            return plain
        self.problem(fields[name], "unknown-value", name, text, "QuakeML 1.2")
        return None

    def real(self, fields: Fields, name: str, bounds: Range = ANY) -> float | None:
        element = fields.get(name)
        if element is None:
            return None
        return number(self.problems, self.line(element), name, element.text or "", bounds)

    def whole(self, fields: Fields, name: str) -> int | None:
        element = fields.get(name)
        if element is None:
            return None
        return count(self.problems, self.line(element), name, element.text or "")

    def boolean(self, fields: Fields, name: str) -> bool | None:
        text = self.text(fields, name)
        if text is None or text in ("true", "1"):
            return None if text is None else True
        if text not in ("false", "0"):
            self.problem(fields[name], "unknown-value", name, text, "true, false")
            return None
        return False

    def quantity(
        self, fields: Fields, name: str, path: str, bounds: Range = ANY
    ) -> tuple[float | None, float | None]:
        """Return value and uncertainty of a RealQuantity."""
        element = fields.get(name)
        if element is None:
            return None, None
        if len(element) == 1 and element[0].tag == _VALUE_TAG:  # nearly always
            text = element[0].text or ""
            return number(self.problems, self.line(element[0]), name, text, bounds), None
        inner = self.children(element, f"{path}/{name}", _VALUE)
        if "value" not in inner:
            self.problem(element, "missing-field", f"{path}/{name}", _shown(element), "value")
        return self.real(inner, "value", bounds), self.real(inner, "uncertainty", POSITIVE)

    def value(self, fields: Fields, name: str, path: str, bounds: Range = ANY) -> float | None:
        """Return the value of a RealQuantity whose uncertainty has no home."""
        value, uncertainty = self.quantity(fields, name, path, bounds)
        if uncertainty is not None:
            self.homeless(f"{path}/{name}/uncertainty", fields[name], str(uncertainty))
        return value

    def moment(self, fields: Fields, name: str, path: str) -> tuple[datetime | None, float | None]:
        """Return value and uncertainty [s] of a TimeQuantity."""
        element = fields.get(name)
        if element is None:
            return None, None
        inner = self.children(element, f"{path}/{name}", _VALUE)
        return self.time(inner, "value"), self.real(inner, "uncertainty", POSITIVE)

    def time(self, fields: Fields, name: str) -> datetime | None:
        element = fields.get(name)
        if element is None:
            return None
        return iso_time(self.problems, self.line(element), name, element.text or "")

    def comments(self, fields: Fields, path: str) -> tuple[str, ...]:
        texts = []
        for element in fields.get("comment", ()):
            text = self.text(self.children(element, f"{path}/comment", _TEXT), "text")
            if text is not None:
                texts.append(text)
        return tuple(texts)

    def creation(
        self, fields: Fields, path: str, known: dict[str, str] = _CREATION
    ) -> tuple[str | None, str | None, datetime | None]:
        """Return agency, author and time of a creationInfo."""
        element = fields.get("creationInfo")
        if element is None:
            return None, None, None
        inner = self.children(element, f"{path}/creationInfo", known)
        return (
            self.text(inner, "agencyID"),
            self.text(inner, "author"),
            self.time(inner, "creationTime"),
        )

    def agency(self, fields: Fields, path: str) -> str | None:
        return self.creation(fields, path, _AGENCY_ONLY)[0]

    def station(self, fields: Fields, path: str) -> StationReference | None:
        element = fields.get("waveformID")
        if element is None:
            return None
        self.children(element, f"{path}/waveformID", _NOTHING)
        if (element.text or "").strip():
            self.homeless(f"{path}/waveformID/text()", element, element.text.strip())
        code = element.get("stationCode", "").strip()
        if not code:
            self.problem(element, "missing-field", f"{path}/waveformID", "", "stationCode")
            return None
        return StationReference(
            code,
            element.get("networkCode", "").strip() or None,
            element.get("locationCode", "").strip() or None,
            element.get("channelCode", "").strip() or None,
        )

    def public_id(self, element: Any, path: str, ordinal: int) -> str:
        public_id = element.get("publicID", "").strip()
        if not public_id:
            self.problem(element, "missing-field", f"{path}/@publicID", "", "resource identifier")
        return public_id or f"{path}-{ordinal}"

    def reference(self, fields: Fields, name: str, known: Iterable[str]) -> str | None:
        """Return an id that something in the event has; else report it."""
        text = self.text(fields, name)
        if text is None or text in known:
            return text
        self.problem(fields[name], "dangling-reference", name, text, "publicID")
        return None

    # -- the elements of an event

    def event(self, element: Any, text: str, first_line: int, last_line: int) -> EventRecord:
        fields = self.children(element, "event", _EVENT)
        agency, author, _ = self.creation(fields, "event", _names("agencyID author"))
        event_type = self.word(fields, "type", EVENT_TYPES)
        pick_elements = fields.get("pick", ())
        picks = tuple(
            pick
            for n, child in enumerate(pick_elements, 1)
            if (pick := self.pick(child, n)) is not None
        )
        pick_ids = {pick.pick_id for pick in picks}
        origins: list[OriginRecord] = []
        for n, child in enumerate(fields.get("origin", ()), 1):
            origin = self.origin(child, n, pick_ids)
            if origin is None:
                continue
            if any(other.origin_id == origin.origin_id for other in origins):
                self.problem(child, "duplicate-origin-id", "publicID", origin.origin_id, "unique")
                origin = replace(origin, origin_id=f"{origin.origin_id}#{n}")
            origins.append(origin)
        if not origins:
            self.problem(element, "missing-block", "origin", "", "origin")
        origin_ids = {origin.origin_id for origin in origins}
        amplitudes = tuple(
            self.amplitude(child, n, pick_ids)
            for n, child in enumerate(fields.get("amplitude", ()), 1)
        )
        amplitude_ids = {amplitude.amplitude_id for amplitude in amplitudes}
        station_magnitudes: dict[str, StationMagnitudeRecord] = {}
        for n, child in enumerate(fields.get("stationMagnitude", ()), 1):
            station_magnitude = self.station_magnitude(child, n, origin_ids, amplitude_ids)
            if station_magnitude is not None:
                key = station_magnitude.station_magnitude_id or ""
                if key in station_magnitudes:
                    key = f"{key}#{n}"
                    station_magnitude = replace(station_magnitude, station_magnitude_id=key)
                station_magnitudes[key] = station_magnitude
        magnitudes = tuple(
            magnitude
            for n, child in enumerate(fields.get("magnitude", ()), 1)
            if (magnitude := self.magnitude(child, n, origin_ids, station_magnitudes)) is not None
        )
        magnitude_ids = {m.magnitude_id for m in magnitudes if m.magnitude_id is not None}
        mechanisms = tuple(
            self.mechanism(child, n) for n, child in enumerate(fields.get("focalMechanism", ()), 1)
        )
        mechanism_ids = {mechanism.focal_mechanism_id for mechanism in mechanisms}
        return EventRecord(
            text=text,
            first_line=first_line,
            last_line=last_line,
            event_id=element.get("publicID", "").strip() or None,
            event_type=event_type,
            event_type_certainty=self.word(fields, "typeCertainty", CERTAINTIES),
            descriptions=self.descriptions(fields),
            origins=tuple(origins),
            magnitudes=magnitudes,
            picks=picks,
            amplitudes=amplitudes,
            station_magnitudes=tuple(station_magnitudes.values()),
            focal_mechanisms=mechanisms,
            preferred_origin_id=self.reference(fields, "preferredOriginID", origin_ids),
            preferred_magnitude_id=self.reference(fields, "preferredMagnitudeID", magnitude_ids),
            preferred_focal_mechanism_id=self.reference(
                fields, "preferredFocalMechanismID", mechanism_ids
            ),
            agency=agency,
            author=author,
            deleted=event_type == "not existing",
            comments=self.comments(fields, "event"),
        )

    def descriptions(self, fields: Fields) -> tuple[DescriptionRecord, ...]:
        records = []
        for element in fields.get("description", ()):
            inner = self.children(element, "event/description", _DESCRIPTION)
            text = self.text(inner, "text")
            if text is not None:
                records.append(DescriptionRecord(text, self.word(inner, "type", DESCRIPTION_TYPES)))
        return tuple(records)

    def origin(self, element: Any, ordinal: int, pick_ids: set[str]) -> OriginRecord | None:
        path = "origin"
        fields = self.children(element, path, _ORIGIN)
        time, time_uncertainty = self.moment(fields, "time", path)
        latitude, latitude_error = self.quantity(fields, "latitude", path, LATITUDE)
        longitude, longitude_error = self.quantity(fields, "longitude", path, LONGITUDE)
        metres = (DEPTH_KM[0] * 1000.0, DEPTH_KM[1] * 1000.0)
        depth, depth_error = self.quantity(fields, "depth", path, metres)
        arrivals = tuple(
            arrival
            for n, child in enumerate(fields.get("arrival", ()), 1)
            if (arrival := self.arrival(child, n, pick_ids)) is not None
        )
        latest = self.limits.latest()
        if time is not None and not plausible(
            self.problems, self.line(fields["time"]), "time", time, latest
        ):
            time = None
        if time is None or latitude is None or longitude is None:
            missing = "time" if time is None else "latitude" if latitude is None else "longitude"
            self.problem(element, "missing-field", missing, _shown(element), "")
            return None
        uncertainty = fields.get("originUncertainty")
        inner: Fields = {}
        if uncertainty is not None:
            inner = self.children(uncertainty, f"{path}/originUncertainty", _UNCERTAINTY)
            self.word(inner, "preferredDescription", SPREADS)  # told by which values there are
        quality_element = fields.get("quality")
        quality: Fields = {}
        if quality_element is not None:
            quality = self.children(quality_element, f"{path}/quality", _QUALITY)
        agency, author, creation_time = self.creation(fields, path)
        shrink = cos(radians(latitude))
        return OriginRecord(
            origin_id=self.public_id(element, path, ordinal),
            time=time,
            latitude=latitude,
            longitude=longitude,
            depth_km=_km(depth),
            time_uncertainty=time_uncertainty,
            time_fixed=self.boolean(fields, "timeFixed"),
            epicenter_fixed=self.boolean(fields, "epicenterFixed"),
            depth_type=self.word(fields, "depthType", DEPTH_TYPES),
            depth_uncertainty_km=_km(depth_error),
            latitude_uncertainty_km=_scaled(latitude_error, KM_PER_DEGREE),
            longitude_uncertainty_km=_scaled(longitude_error, KM_PER_DEGREE * shrink),
            horizontal_uncertainty_km=_km(self.real(inner, "horizontalUncertainty", POSITIVE)),
            semi_major_axis_km=_km(self.real(inner, "maxHorizontalUncertainty", POSITIVE)),
            semi_minor_axis_km=_km(self.real(inner, "minHorizontalUncertainty", POSITIVE)),
            major_axis_azimuth=self.real(inner, "azimuthMaxHorizontalUncertainty", AZIMUTH),
            confidence_level=self.real(inner, "confidenceLevel", PERCENT),
            used_phase_count=self.whole(quality, "usedPhaseCount"),
            associated_phase_count=self.whole(quality, "associatedPhaseCount"),
            used_station_count=self.whole(quality, "usedStationCount"),
            associated_station_count=self.whole(quality, "associatedStationCount"),
            depth_phase_count=self.whole(quality, "depthPhaseCount"),
            standard_error=self.real(quality, "standardError", POSITIVE),
            azimuthal_gap=self.real(quality, "azimuthalGap", AZIMUTH),
            secondary_azimuthal_gap=self.real(quality, "secondaryAzimuthalGap", AZIMUTH),
            minimum_distance_deg=self.real(quality, "minimumDistance", DISTANCE_DEG),
            maximum_distance_deg=self.real(quality, "maximumDistance", DISTANCE_DEG),
            median_distance_deg=self.real(quality, "medianDistance", DISTANCE_DEG),
            ground_truth_level=self.text(quality, "groundTruthLevel"),
            agency=agency,
            author=author,
            method_id=self.text(fields, "methodID"),
            earth_model_id=self.text(fields, "earthModelID"),
            origin_type=self.word(fields, "type", ORIGIN_TYPES),
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            creation_time=creation_time,
            region=self.text(fields, "region"),
            arrivals=arrivals,
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def arrival(self, element: Any, ordinal: int, pick_ids: set[str]) -> ArrivalRecord | None:
        path = "origin/arrival"
        fields = self.children(element, path, _ARRIVAL)
        pick_id = self.reference(fields, "pickID", pick_ids)
        if pick_id is None:
            if "pickID" not in fields:
                self.problem(element, "missing-field", "pickID", _shown(element), "publicID")
            return None
        return ArrivalRecord(
            pick_id=pick_id,
            arrival_id=self.public_id(element, "arrival", ordinal),
            phase=self.text(fields, "phase"),
            azimuth=self.real(fields, "azimuth", AZIMUTH),
            distance_deg=self.real(fields, "distance", DISTANCE_DEG),
            takeoff_angle=self.value(fields, "takeoffAngle", path, (0.0, 180.0)),
            time_residual=self.real(fields, "timeResidual"),
            time_weight=self.real(fields, "timeWeight"),
            backazimuth_residual=self.real(fields, "backazimuthResidual"),
            backazimuth_weight=self.real(fields, "backazimuthWeight"),
            horizontal_slowness_residual=self.real(fields, "horizontalSlownessResidual"),
            horizontal_slowness_weight=self.real(fields, "horizontalSlownessWeight"),
            time_correction=self.real(fields, "timeCorrection"),
            earth_model=self.text(fields, "earthModelID"),
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def pick(self, element: Any, ordinal: int) -> PickRecord | None:
        path = "pick"
        fields = self.children(element, path, _PICK)
        station = self.station(fields, path)
        if station is None:
            self.problem(element, "missing-field", "waveformID", _shown(element), "stationCode")
            return None
        time, time_uncertainty = self.moment(fields, "time", path)
        backazimuth, backazimuth_error = self.quantity(fields, "backazimuth", path, AZIMUTH)
        slowness, slowness_error = self.quantity(fields, "horizontalSlowness", path, POSITIVE)
        return PickRecord(
            pick_id=self.public_id(element, path, ordinal),
            station=station,
            time=time,
            time_uncertainty=time_uncertainty,
            phase_hint=self.text(fields, "phaseHint"),
            onset=self.word(fields, "onset", ONSETS),
            polarity=self.word(fields, "polarity", POLARITIES),
            backazimuth=backazimuth,
            backazimuth_uncertainty=backazimuth_error,
            horizontal_slowness=slowness,
            horizontal_slowness_uncertainty=slowness_error,
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            agency=self.agency(fields, path),
            filter_id=self.text(fields, "filterID"),
            method_id=self.text(fields, "methodID"),
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def amplitude(self, element: Any, ordinal: int, pick_ids: set[str]) -> AmplitudeRecord:
        path = "amplitude"
        fields = self.children(element, path, _AMPLITUDE)
        value, uncertainty = self.quantity(fields, "genericAmplitude", path)
        time, time_uncertainty = self.moment(fields, "scalingTime", path)
        if time_uncertainty is not None:
            found = str(time_uncertainty)
            self.homeless(f"{path}/scalingTime/uncertainty", fields["scalingTime"], found)
        return AmplitudeRecord(
            amplitude_id=self.public_id(element, path, ordinal),
            value=value,
            unit=self.word(fields, "unit", UNITS),
            type=self.text(fields, "type"),
            category=self.word(fields, "category", CATEGORIES),
            period=self.value(fields, "period", path, POSITIVE),
            snr=self.real(fields, "snr"),
            time=time,
            pick_id=self.reference(fields, "pickID", pick_ids),
            station=self.station(fields, path),
            magnitude_hint=self.text(fields, "magnitudeHint"),
            uncertainty=uncertainty,
            agency=self.agency(fields, path),
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            method_id=self.text(fields, "methodID"),
            comments=self.comments(fields, path),
            line_number=self.line(element),
        )

    def station_magnitude(
        self, element: Any, ordinal: int, origin_ids: set[str], amplitude_ids: set[str]
    ) -> StationMagnitudeRecord | None:
        path = "stationMagnitude"
        fields = self.children(element, path, _STATION_MAGNITUDE)
        value, uncertainty = self.quantity(fields, "mag", path, MAGNITUDE)
        if value is None:
            self.problem(element, "missing-field", f"{path}/mag", _shown(element), "number")
            return None
        comments, bound = _own(self.comments(fields, path), BOUND_COMMENT)
        return StationMagnitudeRecord(
            value=value,
            type=self.text(fields, "type"),
            station=self.station(fields, path),
            station_magnitude_id=self.public_id(element, path, ordinal),
            origin_id=self.reference(fields, "originID", origin_ids),
            amplitude_id=self.reference(fields, "amplitudeID", amplitude_ids),
            uncertainty=uncertainty,
            bound=bound,
            agency=self.agency(fields, path),
            method_id=self.text(fields, "methodID"),
            comments=comments,
            line_number=self.line(element),
        )

    def magnitude(
        self,
        element: Any,
        ordinal: int,
        origin_ids: set[str],
        station_magnitudes: dict[str, StationMagnitudeRecord],
    ) -> MagnitudeRecord | None:
        path = "magnitude"
        fields = self.children(element, path, _MAGNITUDE)
        value, uncertainty = self.quantity(fields, "mag", path, MAGNITUDE)
        if value is None:
            self.problem(element, "missing-field", f"{path}/mag", _shown(element), "number")
            return None
        magnitude_id = self.public_id(element, path, ordinal)
        for child in fields.get("stationMagnitudeContribution", ()):
            inner = self.children(child, f"{path}/stationMagnitudeContribution", _CONTRIBUTION)
            key = self.reference(inner, "stationMagnitudeID", station_magnitudes)
            if key is None:
                continue
            if station_magnitudes[key].magnitude_id is not None:
                self.homeless(f"{path}/stationMagnitudeContribution", child, key)
                continue
            station_magnitudes[key] = replace(
                station_magnitudes[key],
                magnitude_id=magnitude_id,
                residual=self.real(inner, "residual"),
                weight=self.real(inner, "weight"),
            )
        agency, author, creation_time = self.creation(fields, path)
        comments, bound = _own(self.comments(fields, path), BOUND_COMMENT)
        return MagnitudeRecord(
            value=value,
            type=self.text(fields, "type"),
            magnitude_id=magnitude_id,
            origin_id=self.reference(fields, "originID", origin_ids),
            uncertainty=uncertainty,
            bound=bound,
            station_count=self.whole(fields, "stationCount"),
            azimuthal_gap=self.real(fields, "azimuthalGap", AZIMUTH),
            agency=agency,
            author=author,
            method_id=self.text(fields, "methodID"),
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            creation_time=creation_time,
            comments=comments,
            line_number=self.line(element),
        )

    def mechanism(self, element: Any, ordinal: int) -> FocalMechanismRecord:
        path = "focalMechanism"
        fields = self.children(element, path, _MECHANISM)
        agency, author, creation_time = self.creation(fields, path)
        planes: Fields = {}
        preferred = None
        if (nodal := fields.get("nodalPlanes")) is not None:
            planes = self.children(nodal, f"{path}/nodalPlanes", _PLANES)
            preferred = count(
                self.problems, self.line(nodal), "preferredPlane", nodal.get("preferredPlane", "")
            )
        axes: Fields = {}
        if (principal := fields.get("principalAxes")) is not None:
            axes = self.children(principal, f"{path}/principalAxes", _AXES)
        comments, quality = _own(self.comments(fields, path), QUALITY_COMMENT)
        return FocalMechanismRecord(
            focal_mechanism_id=self.public_id(element, path, ordinal),
            nodal_plane_1=self.plane(planes, "nodalPlane1"),
            nodal_plane_2=self.plane(planes, "nodalPlane2"),
            preferred_plane=preferred,
            t_axis=self.axis(axes, "tAxis"),
            n_axis=self.axis(axes, "nAxis"),
            p_axis=self.axis(axes, "pAxis"),
            moment_tensor=self.tensor(fields),
            triggering_origin_id=self.text(fields, "triggeringOriginID"),
            station_polarity_count=self.whole(fields, "stationPolarityCount"),
            azimuthal_gap=self.real(fields, "azimuthalGap", AZIMUTH),
            misfit=self.real(fields, "misfit", POSITIVE),
            quality=quality,
            method_id=self.text(fields, "methodID"),
            agency=agency,
            author=author,
            evaluation_mode=self.word(fields, "evaluationMode", MODES),
            evaluation_status=self.word(fields, "evaluationStatus", STATUSES),
            creation_time=creation_time,
            comments=comments,
            line_number=self.line(element),
        )

    def plane(self, planes: Fields, name: str) -> NodalPlaneRecord | None:
        element = planes.get(name)
        if element is None:
            return None
        path = f"nodalPlanes/{name}"
        fields = self.children(element, path, _PLANE)
        strike = self.value(fields, "strike", path, AZIMUTH)
        dip = self.value(fields, "dip", path, (0.0, 90.0))
        rake = self.value(fields, "rake", path, (-180.0, 360.0))
        if strike is None or dip is None or rake is None:
            self.problem(element, "missing-field", path, _shown(element), "strike, dip, rake")
            return None
        return NodalPlaneRecord(strike, dip, rake - 360.0 if rake > 180.0 else rake)

    def axis(self, axes: Fields, name: str) -> AxisRecord | None:
        element = axes.get(name)
        if element is None:
            return None
        path = f"principalAxes/{name}"
        fields = self.children(element, path, _AXIS)
        azimuth = self.value(fields, "azimuth", path, AZIMUTH)
        plunge = self.value(fields, "plunge", path, (-90.0, 90.0))
        length = self.value(fields, "length", path)
        if azimuth is None or plunge is None:
            self.problem(element, "missing-field", path, _shown(element), "azimuth, plunge")
            return None
        return AxisRecord(azimuth, plunge, length)

    def tensor(self, parent: Fields) -> MomentTensorRecord | None:
        element = parent.get("momentTensor")
        if element is None:
            return None
        path = "focalMechanism/momentTensor"
        fields = self.children(element, path, _TENSOR)
        parts: Fields = {}
        if (tensor := fields.get("tensor")) is not None:
            parts = self.children(tensor, f"{path}/tensor", _COMPONENTS)
        inner = f"{path}/tensor"
        return MomentTensorRecord(
            mrr=self.value(parts, "Mrr", inner),
            mtt=self.value(parts, "Mtt", inner),
            mpp=self.value(parts, "Mpp", inner),
            mrt=self.value(parts, "Mrt", inner),
            mrp=self.value(parts, "Mrp", inner),
            mtp=self.value(parts, "Mtp", inner),
            scalar_moment=self.value(fields, "scalarMoment", path, POSITIVE),
            double_couple=self.real(fields, "doubleCouple"),
            clvd=self.real(fields, "clvd"),
            variance_reduction=self.real(fields, "varianceReduction"),
            derived_origin_id=self.text(fields, "derivedOriginID"),
            moment_magnitude_id=self.text(fields, "momentMagnitudeID"),
        )


def _own(comments: tuple[str, ...], prefix: str) -> tuple[tuple[str, ...], str | None]:
    """Take back what our writer had to put into a comment."""
    for text in comments:
        value = text.removeprefix(prefix)
        if value != text and (prefix != BOUND_COMMENT or value in ("min", "max")):
            return tuple(other for other in comments if other is not text), value
    return comments, None


def _deeper_than(element: Any, levels: int) -> bool:
    """Tell whether elements nest deeper than allowed below this one."""
    row = [element]
    while row and levels >= 0:
        row = [child for parent in row for child in parent]
        levels -= 1
    return bool(row)


def _km(metres: float | None) -> float | None:
    return None if metres is None else round(metres / 1000.0, 9)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else round(value * factor, 9)


# --- writing ----------------------------------------------------------------------------------

#: (kind, id) -> resource identifier. Kinds: event, origin, pick, arrival, amplitude, magnitude,
#: stationmagnitude, focalmechanism, momenttensor, method, earthmodel, filter.
Ids = Callable[[str, str], str]

_RESOURCE = re.compile(
    r"(smi|quakeml):[\w\d][\w\d\-\.\*\(\)_~']{2,}/"
    r"[\w\d\-\.\*\(\)_~'][\w\d\-\.\*\(\)\+\?_~'=,;#/&]*\Z",
    re.ASCII,
)
_UNSAFE = re.compile(r"[^A-Za-z0-9\-.*()_'+=,;#/]")
_MARKUP = re.compile(r"[&<>\"\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
EVENT_END = b"</event>\n"
ORIGIN_END = b"</origin>\n"


@dataclass(frozen=True, slots=True)
class ResourceIds:
    """The plain strategy: an id that is a resource identifier stays, others get a prefix.

    ``authority`` is the name after ``smi:``; ``scope`` keeps apart ids that are unique in one
    event only.
    """

    authority: str
    scope: str = ""

    def __call__(self, kind: str, own_id: str) -> str:
        if _RESOURCE.match(own_id):
            return own_id
        safe = _UNSAFE.sub(lambda found: f"~{ord(found.group()):02x}~", own_id).lstrip("+=,;#/")
        scope = f"{_UNSAFE.sub('_', self.scope)}/" if self.scope else ""
        return f"smi:{self.authority}/{scope}{kind}/{safe}"


def _escape(text: str) -> str:
    """Return text safe for XML 1.0; what XML cannot hold becomes U+FFFD."""
    if _MARKUP.search(text) is None:
        return text
    return _MARKUP.sub(lambda found: _ESCAPES.get(found.group(), "\N{REPLACEMENT CHARACTER}"), text)


def _text(name: str, text: str | None, longest: int | None = None) -> str:
    """Return an element with text, cut to the schema's length, or nothing."""
    if text is None or text == "":
        return ""
    return f"<{name}>{_escape(text[:longest])}</{name}>"


def _real(name: str, value: float | None) -> str:
    return "" if value is None else f"<{name}>{value!r}</{name}>"


def _bool(name: str, value: bool | None) -> str:
    return "" if value is None else f"<{name}>{'true' if value else 'false'}</{name}>"


def _quantity(name: str, value: float | None, uncertainty: float | None = None) -> str:
    if value is None:
        return ""
    return f"<{name}><value>{value!r}</value>{_real('uncertainty', uncertainty)}</{name}>"


def _stamp(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")[:26] + "Z"


def _moment(name: str, time: datetime | None, uncertainty: float | None = None) -> str:
    if time is None:
        return ""
    return f"<{name}><value>{_stamp(time)}</value>{_real('uncertainty', uncertainty)}</{name}>"


def _comments(comments: Iterable[str]) -> str:
    return "".join(f"<comment><text>{_escape(text)}</text></comment>" for text in comments)


def _creation(agency: str | None, author: str | None = None, time: datetime | None = None) -> str:
    if agency is None and author is None and time is None:
        return ""
    stamp = "" if time is None else f"<creationTime>{_stamp(time)}</creationTime>"
    return (
        f"<creationInfo>{_text('agencyID', agency, 64)}{_text('author', author, 128)}"
        f"{stamp}</creationInfo>"
    )


def _reference(name: str, ids: Ids, kind: str, own_id: str | None) -> str:
    return "" if own_id is None else f"<{name}>{_escape(ids(kind, own_id))}</{name}>"


def _waveform(station: StationReference | None) -> str:
    if station is None:
        return ""
    channel = f' channelCode="{_escape(station.channel[:8])}"' if station.channel else ""
    location = f' locationCode="{_escape(station.location[:8])}"' if station.location else ""
    return (
        f'<waveformID networkCode="{_escape((station.network or "")[:8])}"'
        f' stationCode="{_escape(station.code[:8])}"{channel}{location}/>'
    )


def _metres(km: float | None) -> float | None:
    return None if km is None else round(km * 1000.0, 6)


def _degrees(km: float | None, km_per_degree: float) -> float | None:
    return None if km is None or km_per_degree < 1e-9 else round(km / km_per_degree, 12)


def _weight(weight: float | None, defining: bool | None) -> float | None:
    """QuakeML has no defining flags: a defining onset weighs 1, another 0."""
    if weight is not None or defining is None:
        return weight
    return 1.0 if defining else 0.0


def document_start(
    public_id: str, agency: str | None = None, created: datetime | None = None
) -> bytes:
    """Return the beginning of a document; ``public_id`` names the set of events."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2"'
        ' xmlns="http://quakeml.org/xmlns/bed/1.2">\n'
        f'<eventParameters publicID="{_escape(public_id)}">\n'
        f"{_creation(agency, None, created)}"
    ).encode()


def document_end() -> bytes:
    """Return the end of a document."""
    return b"</eventParameters>\n</q:quakeml>\n"


def render_event_head(event: EventRecord, ids: Ids) -> bytes:
    """Return the open event element with all that is not a list; ``EVENT_END`` closes it."""
    descriptions = "".join(
        f"<description>{_text('text', d.text)}{_text('type', d.type)}</description>"
        for d in event.descriptions
    )
    event_id = event.event_id or f"line-{event.first_line}"
    return (
        f'<event publicID="{_escape(ids("event", event_id))}">'
        f"{_reference('preferredOriginID', ids, 'origin', event.preferred_origin_id)}"
        f"{_reference('preferredMagnitudeID', ids, 'magnitude', event.preferred_magnitude_id)}"
        + _reference(
            "preferredFocalMechanismID", ids, "focalmechanism", event.preferred_focal_mechanism_id
        )
        + f"{_text('type', event.event_type)}{_text('typeCertainty', event.event_type_certainty)}"
        f"{descriptions}{_comments(event.comments)}{_creation(event.agency, event.author)}\n"
    ).encode()


def render_origin_start(origin: OriginRecord, ids: Ids) -> bytes:
    """Return an open origin element without arrivals; ``ORIGIN_END`` closes it."""
    shrink = cos(radians(origin.latitude))
    ellipse = "".join(
        (
            _real("horizontalUncertainty", _metres(origin.horizontal_uncertainty_km)),
            _real("minHorizontalUncertainty", _metres(origin.semi_minor_axis_km)),
            _real("maxHorizontalUncertainty", _metres(origin.semi_major_axis_km)),
            _real("azimuthMaxHorizontalUncertainty", origin.major_axis_azimuth),
        )
    )
    if ellipse:
        kind = "horizontal uncertainty"
        if origin.semi_major_axis_km is not None:
            kind = "uncertainty ellipse"
        ellipse += f"<preferredDescription>{kind}</preferredDescription>"
    if ellipse or origin.confidence_level is not None:
        level = _real("confidenceLevel", origin.confidence_level)
        ellipse = f"<originUncertainty>{ellipse}{level}</originUncertainty>"
    quality = "".join(
        (
            _real("associatedPhaseCount", origin.associated_phase_count),
            _real("usedPhaseCount", origin.used_phase_count),
            _real("associatedStationCount", origin.associated_station_count),
            _real("usedStationCount", origin.used_station_count),
            _real("depthPhaseCount", origin.depth_phase_count),
            _real("standardError", origin.standard_error),
            _real("azimuthalGap", origin.azimuthal_gap),
            _real("secondaryAzimuthalGap", origin.secondary_azimuthal_gap),
            _text("groundTruthLevel", origin.ground_truth_level, 32),
            _real("minimumDistance", origin.minimum_distance_deg),
            _real("maximumDistance", origin.maximum_distance_deg),
            _real("medianDistance", origin.median_distance_deg),
        )
    )
    if quality:
        quality = f"<quality>{quality}</quality>"
    latitude_error = _degrees(origin.latitude_uncertainty_km, KM_PER_DEGREE)
    longitude_error = _degrees(origin.longitude_uncertainty_km, KM_PER_DEGREE * shrink)
    return (
        f'<origin publicID="{_escape(ids("origin", origin.origin_id))}">'
        f"{_moment('time', origin.time, origin.time_uncertainty)}"
        f"{_quantity('longitude', origin.longitude, longitude_error)}"
        f"{_quantity('latitude', origin.latitude, latitude_error)}"
        f"{_quantity('depth', _metres(origin.depth_km), _metres(origin.depth_uncertainty_km))}"
        f"{_text('depthType', origin.depth_type)}{_bool('timeFixed', origin.time_fixed)}"
        f"{_bool('epicenterFixed', origin.epicenter_fixed)}"
        f"{_reference('methodID', ids, 'method', origin.method_id)}"
        f"{_reference('earthModelID', ids, 'earthmodel', origin.earth_model_id)}"
        f"{quality}{_text('type', origin.origin_type)}{_text('region', origin.region, 128)}"
        f"{_text('evaluationMode', origin.evaluation_mode)}"
        f"{_text('evaluationStatus', origin.evaluation_status)}"
        f"{_creation(origin.agency, origin.author, origin.creation_time)}"
        f"{_comments(origin.comments)}{ellipse}\n"
    ).encode()


def render_arrivals(origin: OriginRecord, ids: Ids) -> bytes:
    """Return the arrival elements of an origin."""
    return "".join(_arrival(origin, arrival, ids) for arrival in origin.arrivals).encode()


def _arrival(origin: OriginRecord, arrival: ArrivalRecord, ids: Ids) -> str:
    own_id = arrival.arrival_id or arrival.pick_id
    if _RESOURCE.match(own_id) is None or arrival.arrival_id is None:
        own_id = f"{origin.origin_id}/{own_id}".replace(":", "_")  # unique in the document
    time_weight = _weight(arrival.time_weight, arrival.time_defining)
    back_weight = _weight(arrival.backazimuth_weight, arrival.backazimuth_defining)
    slow_weight = _weight(arrival.horizontal_slowness_weight, arrival.horizontal_slowness_defining)
    return (
        f'<arrival publicID="{_escape(ids("arrival", own_id))}">'
        f"{_reference('pickID', ids, 'pick', arrival.pick_id)}"
        f"<phase>{_escape(arrival.phase or '')}</phase>"
        f"{_real('timeCorrection', arrival.time_correction)}{_real('azimuth', arrival.azimuth)}"
        f"{_real('distance', arrival.distance_deg)}"
        f"{_quantity('takeoffAngle', arrival.takeoff_angle)}"
        f"{_real('timeResidual', arrival.time_residual)}"
        f"{_real('horizontalSlownessResidual', arrival.horizontal_slowness_residual)}"
        f"{_real('backazimuthResidual', arrival.backazimuth_residual)}"
        f"{_real('timeWeight', time_weight)}{_real('horizontalSlownessWeight', slow_weight)}"
        f"{_real('backazimuthWeight', back_weight)}"
        f"{_reference('earthModelID', ids, 'earthmodel', arrival.earth_model)}"
        f"{_comments(arrival.comments)}</arrival>\n"
    )


def render_origin(origin: OriginRecord, ids: Ids, with_arrivals: bool = False) -> bytes:
    """Return a whole origin element."""
    arrivals = render_arrivals(origin, ids) if with_arrivals else b""
    return render_origin_start(origin, ids) + arrivals + ORIGIN_END


def render_magnitude(
    magnitude: MagnitudeRecord, ids: Ids, contributions: Iterable[StationMagnitudeRecord] = ()
) -> bytes:
    """Return a magnitude element; give ``contributions`` only where they are written too."""
    shares = "".join(
        f"<stationMagnitudeContribution>"
        f"{_reference('stationMagnitudeID', ids, 'stationmagnitude', part.station_magnitude_id)}"
        f"{_real('residual', part.residual)}{_real('weight', part.weight)}"
        f"</stationMagnitudeContribution>"
        for part in contributions
    )
    own_id = magnitude.magnitude_id or f"line-{magnitude.line_number}"
    return (
        f'<magnitude publicID="{_escape(ids("magnitude", own_id))}">{shares}'
        f"{_quantity('mag', magnitude.value, magnitude.uncertainty)}"
        f"{_text('type', magnitude.type, 32)}"
        f"{_reference('originID', ids, 'origin', magnitude.origin_id)}"
        f"{_reference('methodID', ids, 'method', magnitude.method_id)}"
        f"{_real('stationCount', magnitude.station_count)}"
        f"{_real('azimuthalGap', magnitude.azimuthal_gap)}"
        f"{_text('evaluationMode', magnitude.evaluation_mode)}"
        f"{_text('evaluationStatus', magnitude.evaluation_status)}"
        f"{_creation(magnitude.agency, magnitude.author, magnitude.creation_time)}"
        f"{_comments(_with_own(magnitude.comments, BOUND_COMMENT, magnitude.bound))}</magnitude>\n"
    ).encode()


def _with_own(comments: tuple[str, ...], prefix: str, value: str | None) -> tuple[str, ...]:
    return comments if value is None else (*comments, prefix + value)


def render_pick(pick: PickRecord, ids: Ids) -> bytes:
    """Return a pick element; nothing for a pick without a time, which QuakeML does not know."""
    if pick.time is None:
        return b""
    return (
        f'<pick publicID="{_escape(ids("pick", pick.pick_id))}">'
        f"{_moment('time', pick.time, pick.time_uncertainty)}{_waveform(pick.station)}"
        f"{_reference('filterID', ids, 'filter', pick.filter_id)}"
        f"{_reference('methodID', ids, 'method', pick.method_id)}"
        + _quantity(
            "horizontalSlowness", pick.horizontal_slowness, pick.horizontal_slowness_uncertainty
        )
        + f"{_quantity('backazimuth', pick.backazimuth, pick.backazimuth_uncertainty)}"
        f"{_text('onset', pick.onset)}{_text('phaseHint', pick.phase_hint)}"
        f"{_text('polarity', pick.polarity)}{_text('evaluationMode', pick.evaluation_mode)}"
        f"{_text('evaluationStatus', pick.evaluation_status)}{_creation(pick.agency)}"
        f"{_comments(pick.comments)}</pick>\n"
    ).encode()


def render_amplitude(amplitude: AmplitudeRecord, ids: Ids, with_pick: bool = True) -> bytes:
    """Return an amplitude element, nanometres as metres; nothing without a value."""
    if amplitude.value is None:
        return b""
    value, unit, uncertainty = amplitude.value, amplitude.unit, amplitude.uncertainty
    if unit == "nm":
        # Through the decimal text, so that 4.7 nm is 4.7e-09 m and not 4.700000000000001e-09.
        value, unit = _nanometres(value), "m"
        uncertainty = None if uncertainty is None else _nanometres(uncertainty)
    elif unit is not None and unit not in UNITS:
        unit = "other"
    return (
        f'<amplitude publicID="{_escape(ids("amplitude", amplitude.amplitude_id))}">'
        f"{_quantity('genericAmplitude', value, uncertainty)}"
        f"{_text('type', amplitude.type, 32)}{_text('category', amplitude.category)}"
        f"{_text('unit', unit)}{_reference('methodID', ids, 'method', amplitude.method_id)}"
        f"{_quantity('period', amplitude.period)}{_real('snr', amplitude.snr)}"
        f"{_reference('pickID', ids, 'pick', amplitude.pick_id if with_pick else None)}"
        f"{_waveform(amplitude.station)}{_moment('scalingTime', amplitude.time)}"
        f"{_text('magnitudeHint', amplitude.magnitude_hint, 32)}"
        f"{_text('evaluationMode', amplitude.evaluation_mode)}{_creation(amplitude.agency)}"
        f"{_comments(amplitude.comments)}</amplitude>\n"
    ).encode()


def _nanometres(value: float) -> float:
    return float(f"{value!r}e-9") if "e" not in repr(value) else value * 1e-9


def render_station_magnitude(
    magnitude: StationMagnitudeRecord, ids: Ids, with_amplitude: bool = True
) -> bytes:
    """Return a stationMagnitude element."""
    own_id = magnitude.station_magnitude_id or f"line-{magnitude.line_number}"
    amplitude_id = magnitude.amplitude_id if with_amplitude else None
    return (
        f'<stationMagnitude publicID="{_escape(ids("stationmagnitude", own_id))}">'
        f"{_reference('originID', ids, 'origin', magnitude.origin_id)}"
        f"{_quantity('mag', magnitude.value, magnitude.uncertainty)}"
        f"{_text('type', magnitude.type, 32)}"
        f"{_reference('amplitudeID', ids, 'amplitude', amplitude_id)}"
        f"{_reference('methodID', ids, 'method', magnitude.method_id)}"
        f"{_waveform(magnitude.station)}{_creation(magnitude.agency)}"
        f"{_comments(_with_own(magnitude.comments, BOUND_COMMENT, magnitude.bound))}"
        "</stationMagnitude>\n"
    ).encode()


def render_focal_mechanism(mechanism: FocalMechanismRecord, ids: Ids) -> bytes:
    """Return a focalMechanism element."""
    planes = _plane("nodalPlane1", mechanism.nodal_plane_1)
    planes += _plane("nodalPlane2", mechanism.nodal_plane_2)
    if planes:
        preferred = mechanism.preferred_plane
        attribute = "" if preferred is None else f' preferredPlane="{preferred}"'
        planes = f"<nodalPlanes{attribute}>{planes}</nodalPlanes>"
    axes = _axis("tAxis", mechanism.t_axis) + _axis("pAxis", mechanism.p_axis)
    axes += _axis("nAxis", mechanism.n_axis)
    if axes:
        axes = f"<principalAxes>{axes}</principalAxes>"
    own_id = mechanism.focal_mechanism_id
    return (
        f'<focalMechanism publicID="{_escape(ids("focalmechanism", own_id))}">'
        f"{_tensor(mechanism, ids)}"
        f"{_reference('triggeringOriginID', ids, 'origin', mechanism.triggering_origin_id)}"
        f"{planes}{axes}{_real('azimuthalGap', mechanism.azimuthal_gap)}"
        f"{_real('stationPolarityCount', mechanism.station_polarity_count)}"
        f"{_real('misfit', mechanism.misfit)}"
        f"{_reference('methodID', ids, 'method', mechanism.method_id)}"
        f"{_text('evaluationMode', mechanism.evaluation_mode)}"
        f"{_text('evaluationStatus', mechanism.evaluation_status)}"
        f"{_creation(mechanism.agency, mechanism.author, mechanism.creation_time)}"
        f"{_comments(_with_own(mechanism.comments, QUALITY_COMMENT, mechanism.quality))}"
        "</focalMechanism>\n"
    ).encode()


def _plane(name: str, plane: NodalPlaneRecord | None) -> str:
    if plane is None:
        return ""
    return (
        f"<{name}>{_quantity('strike', plane.strike)}{_quantity('dip', plane.dip)}"
        f"{_quantity('rake', plane.rake)}</{name}>"
    )


def _axis(name: str, axis: AxisRecord | None) -> str:
    if axis is None:
        return ""
    return (
        f"<{name}>{_quantity('azimuth', axis.azimuth)}{_quantity('plunge', axis.plunge)}"
        f"{_quantity('length', axis.length)}</{name}>"
    )


def _tensor(mechanism: FocalMechanismRecord, ids: Ids) -> str:
    tensor = mechanism.moment_tensor
    if tensor is None:
        return ""
    parts = "".join(
        _quantity(name, value)
        for name, value in (
            ("Mrr", tensor.mrr),
            ("Mtt", tensor.mtt),
            ("Mpp", tensor.mpp),
            ("Mrt", tensor.mrt),
            ("Mrp", tensor.mrp),
            ("Mtp", tensor.mtp),
        )
    )
    if parts:
        parts = f"<tensor>{parts}</tensor>"
    own_id = mechanism.focal_mechanism_id + "/tensor"
    return (
        f'<momentTensor publicID="{_escape(ids("momenttensor", own_id))}">'
        f"{_reference('derivedOriginID', ids, 'origin', tensor.derived_origin_id)}"
        f"{_reference('momentMagnitudeID', ids, 'magnitude', tensor.moment_magnitude_id)}"
        f"{_quantity('scalarMoment', tensor.scalar_moment)}{parts}"
        f"{_real('varianceReduction', tensor.variance_reduction)}"
        f"{_real('doubleCouple', tensor.double_couple)}{_real('clvd', tensor.clvd)}"
        "</momentTensor>"
    )


def render_event(event: EventRecord, ids: Ids, with_arrivals: bool = True) -> bytes:
    """Return a whole event: its fragments joined in the fixed order.

    The order is: head, preferred origin, other origins, magnitudes, mechanisms, then (with
    arrivals) picks, amplitudes and station magnitudes.
    """
    untimed = {pick.pick_id for pick in event.picks if pick.time is None}
    valueless = {a.amplitude_id for a in event.amplitudes if a.value is None}
    parts = [render_event_head(event, ids)]
    preferred = event.preferred_origin_id
    for origin in sorted(event.origins, key=lambda origin: origin.origin_id != preferred):
        if untimed:
            kept = tuple(a for a in origin.arrivals if a.pick_id not in untimed)
            origin = replace(origin, arrivals=kept)
        parts.append(render_origin(origin, ids, with_arrivals))
    for magnitude in event.magnitudes:
        shares = [
            part
            for part in event.station_magnitudes
            if with_arrivals
            and part.magnitude_id is not None
            and part.magnitude_id == magnitude.magnitude_id
        ]
        parts.append(render_magnitude(magnitude, ids, shares))
    parts += [render_focal_mechanism(mechanism, ids) for mechanism in event.focal_mechanisms]
    if with_arrivals:
        parts += [render_pick(pick, ids) for pick in event.picks]
        parts += [
            render_amplitude(amplitude, ids, amplitude.pick_id not in untimed)
            for amplitude in event.amplitudes
        ]
        parts += [
            render_station_magnitude(magnitude, ids, magnitude.amplitude_id not in valueless)
            for magnitude in event.station_magnitudes
        ]
    parts.append(EVENT_END)
    return b"".join(parts)


def write(events: Iterable[EventRecord]) -> Iterator[str]:
    """Yield a document of whole events with plain identifiers, for tests and for scripts."""
    yield document_start("smi:local/catalogue").decode()
    for event in events:
        scope = event.event_id or f"line-{event.first_line}"
        yield render_event(event, ResourceIds("local", scope)).decode()
    yield document_end().decode()
