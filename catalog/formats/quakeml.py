"""QuakeML 1.2 (Basic Event Description): our own streaming reader and a writer by fragments.

Depths and other lengths are metres in QuakeML and kilometres everywhere else; latitude and
longitude uncertainties are degrees there and kilometres here. Both change here and nowhere else.

The reader holds one event at a time; what keeps it safe stands in ``xml.py``. An element or
attribute that our records have no place for is reported as ``xml-unknown-element``, once per path
and event, with how often it stood there.

The writer gives an event in fragments (head, origins, magnitudes ...), so that a document is the
fragments joined; the order is fixed, and the result is valid against QuakeML-BED-1.2.xsd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import cos, log, pi, radians
from typing import Any, BinaryIO, ClassVar

from catalog.formats import xml
from catalog.formats.labels import with_label
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    AxisRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.formats.values import (
    AZIMUTH,
    CERTAINTIES,
    DEPTH_KM,
    DISTANCE_DEG,
    EVENT_TYPES,
    Range,
    cut,
)
from catalog.formats.xml import BOUND_COMMENT, QUALITY_COMMENT, Fields

VERSION = "quakeml-2"  # of this reader; stored with each reading

BED = "{http://quakeml.org/xmlns/bed/1.2}"
QUAKEML = "{http://quakeml.org/xmlns/quakeml/1.2}"
KM_PER_DEGREE = 6371.0088 * pi / 180.0  # mean Earth radius, IUGG

#: No solution worth a report is worse than this.
LARGEST_ERROR_DEG = 5.0
KM_COMMENT = "uncertainties of latitude and longitude are in km in the file"
#: Squared half axes of an error ellipse to the covariance: 90 per cent, one standard error.
ELLIPSE_FACTORS = (2.0 * log(10.0), 1.0)
#: The last part of an id as SeisComP makes it unless told otherwise: class, time, number.
_SEISCOMP_ID = re.compile(r"Origin/\d{14}\.\d{1,6}\.\d+\Z")

# Vocabularies of QuakeML-BED-1.2.xsd that SCML does not share.
UNITS = frozenset(("m", "s", "m/s", "m/(s*s)", "m*s", "dimensionless", "other"))


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the root element is QuakeML's, of any version."""
    name, start = xml.root_start(head, b"quakeml|seiscomp")
    return name != b"seiscomp" and b"quakeml" in start


# --- reading ----------------------------------------------------------------------------------


def _wrong_root(tag: str) -> Problem | None:
    if tag == QUAKEML + "quakeml":
        return None
    code = "unsupported-version" if "quakeml" in xml.namespace(tag) else "wrong-format"
    return Problem(1, code, "", cut(tag), QUAKEML + "quakeml", Severity.ERROR)


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the events of a document; the problems of an event come just before it.

    Raises
    ------
    FormatError
        Nothing can be read: empty, not XML, a DOCTYPE, another format or version, too large.
    """
    document = xml.Document(
        stream, limits, ("event",), "eventParameters", "QuakeML 1.2", _wrong_root
    )
    events = 0
    seen_ids: set[str] = set()
    versions: set[str] = set()
    for part in document.parts(limits.max_elements):
        if part.element.tag != BED + "event":
            versions.add(xml.namespace(part.element.tag))
            continue
        if events >= limits.max_events:
            expected = f"<= {limits.max_events}"
            yield Problem(part.last_line, "too-many-events", "", "", expected, Severity.ERROR)
            return
        events += 1
        walker = _Walker(limits, VOCABULARY, part.shift)
        text = part.raw.decode(document.encoding, "replace")
        record = walker.event(part.element, text, part.first_line, part.last_line)
        if record.event_id is not None:
            if record.event_id in seen_ids:
                found = record.event_id
                walker.problem(part.element, "duplicate-event-id", "publicID", found, "unique")
            seen_ids.add(record.event_id)
        yield from walker.finished()
        yield record
    # The document's own agency and date speak of the file, not of an event.
    document.leftovers.pop("eventParameters/creationInfo", None)
    failure = document.failure
    if failure is None and versions:
        found = " ".join(sorted(versions))
        failure = Problem(1, "unsupported-version", "event", found, BED[1:-1], Severity.ERROR)
    if failure is not None and not events:
        raise FormatError(failure)
    yield from xml.unknown_elements(document.leftovers)
    if failure is not None:
        yield failure
    elif not events:
        yield Problem(1, "missing-block", "event", "", "event", Severity.WARNING)


VOCABULARY = xml.Vocabulary(
    "QuakeML 1.2",
    BED[1:-1],
    {
        "event": "description comment focalMechanism amplitude magnitude stationMagnitude origin"
        " pick preferredOriginID preferredMagnitudeID preferredFocalMechanismID type typeCertainty"
        " creationInfo",
        "origin": "comment originUncertainty arrival time longitude latitude depth depthType"
        " timeFixed epicenterFixed methodID earthModelID quality type region evaluationMode"
        " evaluationStatus creationInfo",
        "arrival": "comment pickID phase timeCorrection azimuth distance takeoffAngle timeResidual"
        " horizontalSlownessResidual backazimuthResidual timeWeight horizontalSlownessWeight"
        " backazimuthWeight earthModelID",
        "amplitude": "comment genericAmplitude type category unit methodID period snr pickID"
        " waveformID scalingTime magnitudeHint evaluationMode creationInfo",
        "magnitude": "comment stationMagnitudeContribution mag type originID methodID stationCount"
        " azimuthalGap evaluationMode evaluationStatus creationInfo",
        "station magnitude": "comment originID mag type amplitudeID methodID waveformID"
        " creationInfo",
        "waveform": "",
        "comment": "text",
    },
    (
        *("comment", "description", "origin", "magnitude", "pick", "amplitude"),
        *("stationMagnitude", "focalMechanism", "arrival", "stationMagnitudeContribution"),
    ),
)


@dataclass(slots=True)
class _Walker(xml.EventWalker):
    """Turns the tree of one event into records and collects what it could not use."""

    ids: dict[str, Collection[str]] = field(default_factory=dict)  # what a reference may name
    station_magnitudes: dict[str, StationMagnitudeRecord] = field(default_factory=dict)

    spread: ClassVar[str] = "originUncertainty"
    depth_range: ClassVar[Range] = (DEPTH_KM[0] * 1000.0, DEPTH_KM[1] * 1000.0)  # m
    amplitude_value: ClassVar[str] = "genericAmplitude"
    magnitude_value: ClassVar[str] = "mag"
    units: ClassVar[frozenset[str] | None] = UNITS

    def km(self, length: float | None) -> float | None:
        return None if length is None else round(length / 1000.0, 9)

    def north_km(self, error: float | None) -> float | None:
        return _scaled(error, KM_PER_DEGREE)

    def east_km(self, error: float | None, latitude: float) -> float | None:
        return _scaled(error, KM_PER_DEGREE * cos(radians(latitude)))

    def origin(self, element: Any, ordinal: int) -> OriginRecord | None:
        record = xml.EventWalker.origin(self, element, ordinal)
        return record if record is None else self.epicentre_errors(element, record)

    def epicentre_errors(self, element: Any, origin: OriginRecord) -> OriginRecord:
        """Put right uncertainties of latitude and longitude that are not degrees.

        SeisComP writes them in kilometres (its issue 181, 2018). An origin with an error ellipse
        tells by itself: the ellipse and the two errors are of one covariance. Without an ellipse
        the id tells that SeisComP wrote it, and above one degree nothing but kilometres is left.
        """
        scales = KM_PER_DEGREE, KM_PER_DEGREE * cos(radians(origin.latitude))
        errors = origin.latitude_uncertainty_km, origin.longitude_uncertainty_km
        stated = [
            None if e is None or not s else e / s for e, s in zip(errors, scales, strict=True)
        ]
        largest = max((value for value in stated if value is not None), default=0.0)
        if not largest:
            return origin
        unit = _unit_of_errors(origin, stated)
        if unit == "km":
            north, east = (None if value is None else round(value, 6) for value in stated)
            return replace(
                origin,
                latitude_uncertainty_km=north,
                longitude_uncertainty_km=east,
                comments=(*origin.comments, KM_COMMENT),
            )
        name, found = "latitude, longitude uncertainty", f"{largest:.6g}"
        if unit == "":
            self.problem(element, "value-not-read", name, found, "degrees")
            return replace(origin, latitude_uncertainty_km=None, longitude_uncertainty_km=None)
        if largest > LARGEST_ERROR_DEG:
            self.problem(element, "out-of-range", name, found, f"0..{LARGEST_ERROR_DEG:g} degrees")
        return origin

    def reference(self, fields: Fields, name: str, known: Iterable[str]) -> str | None:
        """Return an id that something in the event has; else report it."""
        text = self.text(fields, name)
        if text is None or text in known:
            return text
        self.problem(fields[name], "dangling-reference", name, text, "publicID")
        return None

    def refer(self, fields: Fields, name: str) -> str | None:
        return self.reference(fields, name, self.ids[name])

    def contribution(self, element: Any, fields: Fields, magnitude_id: str) -> None:
        key = self.refer(fields, "stationMagnitudeID")
        if key is None:
            return
        if self.station_magnitudes[key].magnitude_id is not None:
            self.homeless("magnitude/stationMagnitudeContribution", element, key)
            return
        self.station_magnitudes[key] = replace(
            self.station_magnitudes[key],
            magnitude_id=magnitude_id,
            residual=self.real(fields, "residual"),
            weight=self.real(fields, "weight"),
        )

    # -- the elements of an event

    def event(self, element: Any, text: str, first_line: int, last_line: int) -> EventRecord:
        fields = self.fields(element, "event", "event")
        agency, author, _ = self.creation(fields, "event", "agency and author")
        event_type = self.word(fields, "type", EVENT_TYPES)
        pick_elements = fields.get("pick", ())
        picks = tuple(
            pick
            for n, child in enumerate(pick_elements, 1)
            if (pick := self.pick(child, n)) is not None
        )
        self.ids["pickID"] = {pick.pick_id for pick in picks}
        origins: list[OriginRecord] = []
        for n, child in enumerate(fields.get("origin", ()), 1):
            origin = self.origin(child, n)
            if origin is None:
                continue
            if any(other.origin_id == origin.origin_id for other in origins):
                self.problem(child, "duplicate-origin-id", "publicID", origin.origin_id, "unique")
                origin = replace(origin, origin_id=f"{origin.origin_id}#{n}")
            origins.append(origin)
        if not origins:
            self.problem(element, "missing-block", "origin", "", "origin")
        origin_ids = {origin.origin_id for origin in origins}
        self.ids["originID"] = origin_ids
        amplitudes = tuple(
            self.amplitude(child, n) for n, child in enumerate(fields.get("amplitude", ()), 1)
        )
        self.ids["amplitudeID"] = {amplitude.amplitude_id for amplitude in amplitudes}
        station_magnitudes = self.station_magnitudes
        self.ids["stationMagnitudeID"] = station_magnitudes
        for n, child in enumerate(fields.get("stationMagnitude", ()), 1):
            station_magnitude = self.station_magnitude(child, n)
            if station_magnitude is not None:
                key = station_magnitude.station_magnitude_id or ""
                if key in station_magnitudes:
                    key = f"{key}#{n}"
                    station_magnitude = replace(station_magnitude, station_magnitude_id=key)
                station_magnitudes[key] = station_magnitude
        magnitudes = tuple(
            magnitude
            for n, child in enumerate(fields.get("magnitude", ()), 1)
            if (magnitude := self.magnitude(child, n)) is not None
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

    def arrival(self, element: Any, ordinal: int) -> ArrivalRecord | None:
        path = "origin/arrival"
        fields = self.fields(element, path, "arrival")
        pick_id = self.refer(fields, "pickID")
        if pick_id is None:
            if "pickID" not in fields:
                self.problem(element, "missing-field", "pickID", xml.shown(element), "publicID")
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


def _unit_of_errors(origin: OriginRecord, stated: Sequence[float | None]) -> str:
    """Return the unit of an origin's latitude and longitude errors: "deg", "km", "" if unsure.

    The trace of a covariance is the same along any axes: the squares of the two errors add up to
    those of the ellipse's half axes, divided by 4.605 (two degrees of freedom) at 90 per cent.
    """
    shrunk = cos(radians(origin.latitude))
    if _of_one_covariance(origin, stated, (1.0, 1.0)):
        return "km"
    degrees = (KM_PER_DEGREE, KM_PER_DEGREE * shrunk)
    if _SEISCOMP_ID.search(origin.origin_id) is None or _of_one_covariance(origin, stated, degrees):
        return "deg"
    return "km" if max(value or 0.0 for value in stated) > 1.0 else ""


def _of_one_covariance(
    origin: OriginRecord, errors: Sequence[float | None], km: tuple[float, float]
) -> bool:
    """Tell whether errors north and east, in units of so many km, belong to the error ellipse."""
    major, minor, (north, east) = origin.semi_major_axis_km, origin.semi_minor_axis_km, errors
    if major is None or minor is None or north is None or east is None:
        return False
    ellipse = major**2 + minor**2
    trace = (north * km[0]) ** 2 + (east * km[1]) ** 2
    return any(abs(ellipse - factor * trace) < 0.02 * ellipse for factor in ELLIPSE_FACTORS)


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
        f"{descriptions}{_comments(with_label(event.comments, event.synthetic))}"
        f"{_creation(event.agency, event.author)}\n"
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
