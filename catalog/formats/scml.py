"""SeisComP XML (SCML, formerly SC3ML), schema 0.6 to 0.14: our own streaming reader.

SCML is QuakeML's sister, but flat: picks, amplitudes, origins, focal mechanisms and events stand
side by side and name each other by ``publicID``. So the parts are read one by one, and put
together when the file has ended:

* each Event, with the origins it references and their magnitudes, the mechanisms it references and
  the origins these were derived from or triggered by, the origin of its preferred magnitude, the
  picks of its arrivals, and the amplitudes of these picks and of the station magnitudes;
* each origin that no event holds, as a report of its own under the origin's ``publicID`` (whether
  two of them are one earthquake is for the pipeline to say, not for the file), with the mechanisms
  it triggered;
* the picks that no origin uses, with their amplitudes, by agency and day.

Lengths are kilometres, also the uncertainties of latitude and longitude (SeisComP's own conversion
to QuakeML leaves those as they are, though QuakeML's are degrees); slownesses are s/deg. The
versions differ little in what is read: 0.10, 0.12 and 0.13 brought more event types, 0.12 the
confidence level, 0.14 the catalogs that may hold events. So all are read alike.

``text`` is the source of all parts of a report, in the order of the file; what stands between them
is not, and a pick that two reports use is in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, BinaryIO, ClassVar, Generic, TypeVar

from catalog.formats import xml
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationMagnitudeRecord,
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
from catalog.formats.xml import Fields

VERSION = "scml-1"  # of this reader; stored with each reading

VERSIONS = tuple(f"0.{minor}" for minor in range(6, 15))
_NAMESPACE = re.compile(r"http://geofon\.gfz(?:-potsdam)?\.de/ns/seiscomp3?-schema/([0-9.]+)\Z")
_PARTS = ("pick", "amplitude", "origin", "focalMechanism", "event")
_HOLDER = "EventParameters"
#: What a SeisComP file may hold beside event parameters.
_BLOCKS = frozenset(
    (
        *("Inventory", "Config", "QualityControl", "Journaling", "Routing", "ArclinkLog"),
        *("DataAvailability", "ParameterSet", "ParameterSets"),
    )
)
READINGS = 500  # picks in one record
_TEXT_FACTOR = 10  # the texts of all reports together may be so many times the file

# SeisComP's event types that QuakeML 1.2 says otherwise.
_SYNONYMS = {
    "induced earthquake": "induced or triggered event",
    "meteor impact": "meteorite",
    "other": "other event",
}
#: Kinds of event that QuakeML has no word for: "other event", and the word in a comment.
_OTHER = frozenset(
    """calving|frost quake|tremor pulse|submarine landslide|rocket launch|rocket|rocket impact|
    artillery strike|bomb detonation|moving aircraft|atmospheric meteor explosion|
    volcano-tectonic|volcanic long-period|volcanic very-long-period|volcanic hybrid|
    volcanic rockfall|volcanic tremor|pyroclastic flow|lahar""".replace("\n    ", "").split("|")
)
#: Words that say nothing of what the event was: no type, a problem, and the word in a comment.
_NO_TYPES = frozenset(("not locatable", "outside of network interest", "duplicate"))
TYPE_COMMENT = "event type: "


@lru_cache
def _vocabulary(names: str) -> xml.Vocabulary:
    """Return the names of one version. Words of a value are QuakeML's, which our records keep."""
    return xml.Vocabulary(
        "QuakeML 1.2",
        names,
        {
            "event": "preferredOriginID preferredMagnitudeID preferredFocalMechanismID type"
            " typeCertainty creationInfo description comment originReference"
            " focalMechanismReference",
            "origin": "comment uncertainty arrival time longitude latitude depth depthType"
            " timeFixed epicenterFixed methodID earthModelID quality type evaluationMode"
            " evaluationStatus creationInfo magnitude=magnitudes"
            " stationMagnitude=stationMagnitudes",
            "arrival": "pickID phase timeCorrection azimuth distance takeOffAngle timeResidual"
            " horizontalSlownessResidual backazimuthResidual timeUsed horizontalSlownessUsed"
            " backazimuthUsed weight earthModelID",
            "amplitude": "comment type amplitude timeWindow period snr unit pickID waveformID"
            " methodID scalingTime magnitudeHint evaluationMode creationInfo",
            "window": "reference",
            "magnitude": "comment magnitude type originID methodID stationCount azimuthalGap"
            " evaluationStatus creationInfo stationMagnitudeContribution",
            "station magnitude": "comment magnitude originID type amplitudeID methodID waveformID"
            " creationInfo",
            "waveform": "resourceURI",
            "comment": "text id",
        },
        (
            *("comment", "description", "arrival", "magnitudes", "stationMagnitudes"),
            *("stationMagnitudeContribution", "originReference", "focalMechanismReference"),
        ),
    )


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the root element is SeisComP's, of any version."""
    name, start = xml.root_start(head, b"quakeml|seiscomp")
    return name == b"seiscomp" or b"/ns/seiscomp" in start


def _wrong_root(tag: str) -> Problem | None:
    match = _NAMESPACE.match(xml.namespace(tag))
    if xml.local(tag) == "seiscomp" and match and match[1] in VERSIONS:
        return None
    code = "unsupported-version" if xml.local(tag) == "seiscomp" else "wrong-format"
    expected = f"seiscomp {VERSIONS[0]}..{VERSIONS[-1]}"
    return Problem(1, code, "", cut(tag), expected, Severity.ERROR)


# --- the parts as they stand in the file --------------------------------------------------------

R = TypeVar("R")


@dataclass(slots=True)
class _Piece(Generic[R]):
    """One part: what it says, where it stands, and what could not be used."""

    record: R
    start: int
    end: int
    first_line: int
    last_line: int
    problems: list[Problem]
    unknown: dict[str, tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class _Contribution:
    station_magnitude_id: str
    residual: float | None
    weight: float | None
    line: int


@dataclass(frozen=True, slots=True)
class _Origin:
    """An origin with what is nested in it. ``record`` is ``None`` without time and place."""

    origin_id: str
    stated: bool  # it has a ``publicID`` of its own
    record: OriginRecord | None
    magnitudes: tuple[tuple[MagnitudeRecord, tuple[_Contribution, ...]], ...]
    station_magnitudes: tuple[StationMagnitudeRecord, ...]
    line: int


@dataclass(frozen=True, slots=True)
class _Event:
    """An event as far as its own element says: ``record`` has its references in place of parts."""

    record: EventRecord
    origin_ids: tuple[str, ...]
    mechanism_ids: tuple[str, ...]


@dataclass(slots=True)
class _Walker(xml.EventWalker):
    """Reads one part."""

    contributions: list[_Contribution] = field(default_factory=list)  # to the magnitude being read

    spread: ClassVar[str] = "uncertainty"
    spreads: ClassVar[frozenset[str]] = xml.SPREADS | {"probability density function"}
    depth_range: ClassVar[Range] = DEPTH_KM
    amplitude_value: ClassVar[str] = "amplitude"
    magnitude_value: ClassVar[str] = "magnitude"
    units: ClassVar[frozenset[str] | None] = None

    def km(self, length: float | None) -> float | None:
        return length

    def north_km(self, error: float | None) -> float | None:
        return error

    def east_km(self, error: float | None, latitude: float) -> float | None:
        return error

    def event(self, element: Any, ordinal: int) -> _Event:
        fields = self.fields(element, "event", "event")
        agency, author, _ = self.creation(fields, "event", "agency and author")
        event_type, words = self.event_type(fields)
        preferred_origin = self.text(fields, "preferredOriginID")
        preferred_mechanism = self.text(fields, "preferredFocalMechanismID")
        record = EventRecord(
            text="",
            first_line=0,
            last_line=0,
            event_id=self.stated_id(element, "event", ordinal),
            event_type=event_type,
            event_type_certainty=self.word(fields, "typeCertainty", CERTAINTIES),
            descriptions=self.descriptions(fields),
            preferred_origin_id=preferred_origin,
            preferred_magnitude_id=self.text(fields, "preferredMagnitudeID"),
            preferred_focal_mechanism_id=preferred_mechanism,
            agency=agency,
            author=author,
            deleted=event_type == "not existing",
            comments=self.comments(fields, "event") + words,
        )
        return _Event(
            record,
            self.references(fields, "originReference", preferred_origin),
            self.references(fields, "focalMechanismReference", preferred_mechanism),
        )

    def stated_id(self, element: Any, path: str, ordinal: int) -> str | None:
        """Return the ``publicID``; without one a report has no id that a later file could name."""
        public_id = self.public_id(element, path, ordinal)
        return public_id if element.get("publicID", "").strip() else None

    def event_type(self, fields: Fields) -> tuple[str | None, tuple[str, ...]]:
        """Return QuakeML's word, and SeisComP's in a comment where it says more."""
        word = self.text(fields, "type")
        if word in _NO_TYPES:
            self.problem(fields["type"], "unknown-value", "type", word, "QuakeML 1.2")
            return None, (TYPE_COMMENT + word,)
        if word in _OTHER:
            return "other event", (TYPE_COMMENT + word,)
        if word in _SYNONYMS:
            return _SYNONYMS[word], ()
        return self.word(fields, "type", EVENT_TYPES), ()

    def references(self, fields: Fields, name: str, preferred: str | None) -> tuple[str, ...]:
        found = [self.text({name: element}, name) for element in fields.get(name, ())]
        return tuple(dict.fromkeys(text for text in (*found, preferred) if text is not None))

    def origin_with_magnitudes(self, element: Any, ordinal: int) -> _Origin:
        record = self.origin(element, ordinal)
        if record is None:
            origin_id = self.public_id(element, "origin", ordinal)
        else:
            origin_id = record.origin_id
        names = self.vocabulary.parents["origin"]
        nested: dict[str, list[Any]] = {"magnitudes": [], "stationMagnitudes": []}
        for child in element:
            if (name := names.get(child.tag)) in nested:
                nested[name].append(child)
        magnitudes = []
        for n, child in enumerate(nested["magnitudes"], 1):
            self.contributions = []
            magnitude = self.magnitude(child, f"{ordinal}-{n}")
            if magnitude is not None:
                magnitudes.append((magnitude, tuple(self.contributions)))
        station_magnitudes = []
        for n, child in enumerate(nested["stationMagnitudes"], 1):
            station_magnitude = self.station_magnitude(child, f"{ordinal}-{n}")
            if station_magnitude is not None:
                station_magnitudes.append(station_magnitude)
        return _Origin(
            origin_id,
            bool(element.get("publicID", "").strip()),
            record,
            tuple(magnitudes),
            tuple(station_magnitudes),
            self.line(element),
        )

    def arrival(self, element: Any, ordinal: int) -> ArrivalRecord | None:
        path = "origin/arrival"
        fields = self.fields(element, path, "arrival")
        pick_id = self.text(fields, "pickID")
        if pick_id is None:
            self.problem(element, "missing-field", "pickID", xml.shown(element), "publicID")
            return None
        weight = self.real(fields, "weight")
        used = [
            self.boolean(fields, name)
            for name in ("timeUsed", "backazimuthUsed", "horizontalSlownessUsed")
        ]
        if used == [None, None, None] and weight is not None:
            used[0] = weight > 0.0  # before there were flags, the weight was the flag
            weights = [weight, None, None]
        else:
            weights = [weight if flag else None for flag in used]
            if weight == 0.0:
                used = [None if flag is None else False for flag in used]
            elif weight is not None and True not in used:
                self.homeless(f"{path}/weight", element, str(weight))
        time, backazimuth, slowness = used
        return ArrivalRecord(
            pick_id=pick_id,
            phase=self.text(fields, "phase"),
            azimuth=self.real(fields, "azimuth", AZIMUTH),
            distance_deg=self.real(fields, "distance", DISTANCE_DEG),
            takeoff_angle=self.real(fields, "takeOffAngle", (0.0, 180.0)),
            time_residual=self.real(fields, "timeResidual"),
            time_weight=weights[0],
            time_defining=time,
            backazimuth_residual=self.real(fields, "backazimuthResidual"),
            backazimuth_weight=weights[1],
            backazimuth_defining=backazimuth,
            horizontal_slowness_residual=self.real(fields, "horizontalSlownessResidual"),
            horizontal_slowness_weight=weights[2],
            horizontal_slowness_defining=slowness,
            time_correction=self.real(fields, "timeCorrection"),
            earth_model=self.text(fields, "earthModelID"),
            line_number=self.line(element),
        )

    def amplitude_time(self, fields: Fields, path: str) -> datetime | None:
        """Return the scaling time or, without one, the reference time of the time window."""
        time = self.instant(fields, "scalingTime", path)
        element = fields.get("timeWindow")
        if element is None:
            return time
        inner = self.fields(element, f"{path}/timeWindow", "window")
        reference = self.time(inner, "reference")
        if time is not None and reference is not None and reference != time:
            self.homeless(f"{path}/timeWindow/reference", element, reference.isoformat())
        return time or reference

    def refer(self, fields: Fields, name: str) -> str | None:
        return self.text(fields, name)  # resolved when the file has ended

    def contribution(self, element: Any, fields: Fields, magnitude_id: str) -> None:
        station_magnitude_id = self.text(fields, "stationMagnitudeID")
        if station_magnitude_id is None:
            found = xml.shown(element)
            self.problem(element, "missing-field", "stationMagnitudeID", found, "publicID")
            return
        self.contributions.append(
            _Contribution(
                station_magnitude_id,
                self.real(fields, "residual"),
                self.real(fields, "weight"),
                self.line(element),
            )
        )


# --- reading ----------------------------------------------------------------------------------


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | ReadingsRecord | Problem]:
    """Yield the events, then the origins of no event, then the readings of no origin.

    The problems of a report come just before it, those of the file at the end.

    Raises
    ------
    FormatError
        Nothing can be read: empty, not XML, a DOCTYPE, another format or version, too large.
    """
    expected = f"seiscomp {VERSIONS[0]}..{VERSIONS[-1]}"
    document = xml.Document(stream, limits, _PARTS, _HOLDER, expected, _wrong_root)
    gathering = _Gathering(document, limits)
    for part in document.parts(limits.max_elements, per_part=False):
        gathering.take(part)
    if document.failure is not None and gathering.count == 0:
        raise FormatError(document.failure)
    yield from gathering.events()
    yield from gathering.readings()
    yield from gathering.rest()
    yield from _leftovers(document)
    if document.failure is not None:
        yield document.failure
    elif gathering.count == 0:
        yield Problem(1, "missing-block", "event", "", "event, origin, pick", Severity.WARNING)


def _leftovers(document: xml.Document) -> Iterator[Problem]:
    """Report what stands beside the event parameters, and what of these has no home."""
    for path, (line, times, found) in document.leftovers.items():
        parent, _, name = path.partition("/")
        if parent == "seiscomp" and name in _BLOCKS:
            yield Problem(line, "unsupported-block", name, found, _HOLDER)
        else:
            yield from xml.unknown_elements({path: (line, times, found)})


@dataclass(slots=True)
class _Group:
    """The parts of one report, by id, in the order they were found to belong to it."""

    event: _Piece[_Event] | None = None
    origin_ids: dict[str, None] = field(default_factory=dict)
    mechanism_ids: dict[str, None] = field(default_factory=dict)


class _Loose:
    """References that lead nowhere: one problem for a path, with how many there were."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int | None, int, str]] = {}

    def add(self, path: str, line: int | None, public_id: str) -> None:
        first, times, found = self.found.get(path, (line, 0, public_id))
        self.found[path] = (first, times + 1, found)

    def known(self, path: str, line: int | None, public_id: str | None, ids: Any) -> str | None:
        """Return the id if something has it; else note it."""
        if public_id is None or public_id in ids:
            return public_id
        self.add(path, line, public_id)
        return None

    def problems(self, code: str, expected: str) -> Iterator[Problem]:
        for path, (line, times, found) in self.found.items():
            shown = found if times == 1 else f"{times} x {found}"
            yield Problem(line, code, path, cut(shown), expected)


class _Gathering:
    """All parts of a file by their ids, and the reports they make.

    Memory is bounded by the limits on bytes and elements of the file, since the sources of the
    parts stay in it, and time by the limit on the texts of all reports.
    """

    def __init__(self, document: xml.Document, limits: Limits) -> None:
        self._document = document
        self._limits = limits
        self.count = 0  # parts taken
        self._events: list[_Piece[_Event]] = []
        self._origins: dict[str, _Piece[_Origin]] = {}
        self._mechanisms: dict[str, _Piece[FocalMechanismRecord]] = {}
        self._picks: dict[str, _Piece[PickRecord]] = {}
        self._amplitudes: dict[str, _Piece[AmplitudeRecord]] = {}
        self._magnitude_home: dict[str, str] = {}  # magnitude -> its origin
        self._amplitudes_of: dict[str, list[str]] = {}  # pick -> amplitudes
        self._unusable: list[_Piece[None]] = []
        self._twice = _Loose()
        self._used: set[str] = set()  # picks that some origin uses
        self._told: set[int] = set()  # parts whose problems have been given
        self._given = 0  # bytes of text
        self._stopped = False

    # -- while the file is read

    def take(self, part: xml.Part) -> None:
        """Read a part and keep what it says."""
        element = part.element
        name = xml.local(element.tag)
        names = xml.namespace(element.tag)
        if _NAMESPACE.match(names) is None:
            line, times, found = self._document.leftovers.get(
                f"{_HOLDER}/{name}", (part.first_line, 0, xml.shown(element))
            )
            self._document.leftovers[f"{_HOLDER}/{name}"] = (line, times + 1, found)
            return
        self.count += 1
        walker = _Walker(self._limits, _vocabulary(names), part.shift)
        if name == "pick":
            pick = walker.pick(element, self.count)
            own_id = None if pick is None else pick.pick_id
            self._keep(self._picks, pick, own_id, name, part, walker)
        elif name == "amplitude":
            amplitude = walker.amplitude(element, self.count)
            own_id, pick_id = amplitude.amplitude_id, amplitude.pick_id
            if pick_id is not None and own_id not in self._amplitudes:
                self._amplitudes_of.setdefault(pick_id, []).append(own_id)
            self._keep(self._amplitudes, amplitude, own_id, name, part, walker)
        elif name == "origin":
            origin = walker.origin_with_magnitudes(element, self.count)
            self._keep(self._origins, origin, origin.origin_id, name, part, walker)
            for magnitude, _ in origin.magnitudes:
                self._magnitude_home.setdefault(str(magnitude.magnitude_id), origin.origin_id)
        elif name == "focalMechanism":
            mechanism = walker.mechanism(element, self.count)
            own_id = mechanism.focal_mechanism_id
            self._keep(self._mechanisms, mechanism, own_id, name, part, walker)
        else:
            self._events.append(_piece(walker.event(element, self.count), part, walker))

    def _keep(
        self,
        kind: dict[str, _Piece[R]],
        record: R | None,
        own_id: str | None,
        name: str,
        part: xml.Part,
        walker: _Walker,
    ) -> None:
        """Keep a part by its id; of two with one id the first, as SeisComP does."""
        if record is None or own_id is None:
            self._unusable.append(_piece(None, part, walker))
        elif own_id in kind:
            self._twice.add(f"{name}/@publicID", part.first_line, own_id)
        else:
            kind[own_id] = _piece(record, part, walker)

    # -- when it has ended

    def events(self) -> Iterator[EventRecord | Problem]:
        """Yield a record for each event and for each origin no event holds."""
        seen: set[str] = set()
        groups = self._groups()
        for number, group in enumerate(groups):
            if number >= self._limits.max_events:
                self._stopped = True
                expected = f"<= {self._limits.max_events}"
                yield Problem(None, "too-many-events", "", "", expected, Severity.ERROR)
                return
            yield from self._event(group, seen)
            if self._stopped:
                return

    def _groups(self) -> list[_Group]:
        """Return which origins and mechanisms make one report."""
        groups = []
        owner: dict[str, _Group] = {}
        taken: set[str] = set()
        for event in self._events:
            group = _Group(event)
            for mechanism_id in event.record.mechanism_ids:
                if mechanism_id in self._mechanisms:
                    group.mechanism_ids[mechanism_id] = None
            home = self._magnitude_home.get(event.record.record.preferred_magnitude_id or "")
            origin_ids = [*event.record.origin_ids, *([home] if home else [])]
            for mechanism_id in group.mechanism_ids:
                origin_ids += self._origins_of(mechanism_id)
            group.origin_ids.update((o, None) for o in origin_ids if o in self._origins)
            taken.update(group.mechanism_ids)
            for origin_id in group.origin_ids:
                owner.setdefault(origin_id, group)
            groups.append(group)
        free: list[_Group] = []
        for mechanism_id in self._mechanisms:
            if mechanism_id in taken:
                continue
            origin_ids = self._origins_of(mechanism_id)
            found = next((owner[o] for o in origin_ids if o in owner), None)
            if found is None:
                found = _Group()
                free.append(found)
            found.mechanism_ids[mechanism_id] = None
            for origin_id in origin_ids:
                if owner.setdefault(origin_id, found) is found:
                    found.origin_ids[origin_id] = None
        for origin_id in self._origins:
            if origin_id not in owner:
                free.append(_Group(origin_ids={origin_id: None}))
        free.sort(key=lambda group: min(piece.start for piece in self._main_pieces(group)))
        return groups + free

    def _origins_of(self, mechanism_id: str) -> list[str]:
        """Return the origins a mechanism names: its trigger, its own, that of its magnitude."""
        mechanism = self._mechanisms[mechanism_id].record
        tensor = mechanism.moment_tensor
        named = [mechanism.triggering_origin_id]
        if tensor is not None:
            home = self._magnitude_home.get(tensor.moment_magnitude_id or "")
            named += [tensor.derived_origin_id, home]
        return [o for o in dict.fromkeys(named) if o is not None and o in self._origins]

    def _main_pieces(self, group: _Group) -> list[_Piece[Any]]:
        pieces: list[_Piece[Any]] = [] if group.event is None else [group.event]
        pieces += [self._origins[o] for o in group.origin_ids]
        pieces += [self._mechanisms[m] for m in group.mechanism_ids]
        return pieces

    def _event(self, group: _Group, seen: set[str]) -> Iterator[EventRecord | Problem]:
        """Yield the problems of a report, and its record."""
        origin_pieces = [self._origins[o] for o in group.origin_ids]
        origins = [piece.record for piece in origin_pieces]
        located = {origin.origin_id for origin in origins if origin.record is not None}
        if group.event is None and group.origin_ids and not located and not group.mechanism_ids:
            yield from self._problems(origin_pieces)
            found, line = origins[0].origin_id, origins[0].line
            expected = "time, latitude, longitude"
            yield Problem(line, "missing-block", "origin", cut(found), expected, Severity.ERROR)
            return
        amplitude_ids: dict[str, None] = {}
        pick_ids: dict[str, None] = {}
        for origin in origins:
            for station_magnitude in origin.station_magnitudes:
                amplitude_id = station_magnitude.amplitude_id
                if amplitude_id in self._amplitudes:
                    amplitude_ids[str(amplitude_id)] = None
            for arrival in () if origin.record is None else origin.record.arrivals:
                if arrival.pick_id in self._picks:
                    pick_ids[arrival.pick_id] = None
        for amplitude_id in amplitude_ids:
            pick_id = self._amplitudes[amplitude_id].record.pick_id
            if pick_id in self._picks:
                pick_ids[str(pick_id)] = None
        for pick_id in pick_ids:
            amplitude_ids.update((a, None) for a in self._amplitudes_of.get(pick_id, ()))
        self._used.update(pick_ids)
        picks = _in_order(self._picks, pick_ids)
        amplitudes = _in_order(self._amplitudes, amplitude_ids)
        pieces = [*self._main_pieces(group), *picks, *amplitudes]
        place = self._place(pieces)
        if place is None:
            yield self._too_much()
            return
        loose, second = _Loose(), _Loose()
        station_magnitudes = _station_magnitudes(origins, located, self._amplitudes, loose)
        magnitudes = _magnitudes(origins, located, station_magnitudes, loose, second)
        mechanisms = tuple(self._mechanisms[m].record for m in group.mechanism_ids)
        if group.event is None:
            head = _head_without_event(origins, mechanisms)
        else:
            event = group.event.record
            head, line = event.record, group.event.first_line
            for name, public_ids, ids in (
                ("event/originReference", event.origin_ids, self._origins),
                ("event/focalMechanismReference", event.mechanism_ids, self._mechanisms),
            ):
                for public_id in public_ids:
                    loose.known(name, line, public_id, ids)
            magnitude_ids = {magnitude.magnitude_id for magnitude in magnitudes}
            preferred = head.preferred_magnitude_id
            preferred = loose.known("event/preferredMagnitudeID", line, preferred, magnitude_ids)
            # The other two are references, too, and have been reported as such.
            preferred_origin = head.preferred_origin_id
            preferred_mechanism = head.preferred_focal_mechanism_id
            head = replace(
                head,
                preferred_origin_id=preferred_origin if preferred_origin in located else None,
                preferred_magnitude_id=preferred,
                preferred_focal_mechanism_id=(
                    preferred_mechanism if preferred_mechanism in group.mechanism_ids else None
                ),
            )
        text, first_line, last_line = place
        record = replace(
            head,
            text=text,
            first_line=first_line,
            last_line=last_line,
            origins=tuple(
                self._with_picks(origin.record, loose) for origin in origins if origin.record
            ),
            magnitudes=magnitudes,
            picks=tuple(piece.record for piece in picks),
            amplitudes=tuple(self._with_pick(piece.record, loose) for piece in amplitudes),
            station_magnitudes=tuple(station_magnitudes.values()),
            focal_mechanisms=mechanisms,
        )
        yield from self._problems(pieces)
        yield from loose.problems("dangling-reference", "publicID")
        yield from xml.unknown_elements(second.found)
        if not record.origins:
            yield Problem(first_line, "missing-block", "origin", "", "origin")
        if record.event_id is not None:
            if record.event_id in seen:
                found = cut(record.event_id)
                yield Problem(first_line, "duplicate-event-id", "publicID", found, "unique")
            seen.add(record.event_id)
        yield record

    def _with_picks(self, origin: OriginRecord, loose: _Loose) -> OriginRecord:
        """Return the origin without the arrivals whose picks the file does not have."""
        kept = []
        for arrival in origin.arrivals:
            if arrival.pick_id in self._picks:
                kept.append(arrival)
            else:
                found = f"{arrival.pick_id} {arrival.phase or ''}".rstrip()
                loose.add("origin/arrival/pickID", arrival.line_number, found)
        if len(kept) == len(origin.arrivals):
            return origin
        return replace(origin, arrivals=tuple(kept))

    def _with_pick(self, amplitude: AmplitudeRecord, loose: _Loose) -> AmplitudeRecord:
        line, pick_id = amplitude.line_number, amplitude.pick_id
        if loose.known("amplitude/pickID", line, pick_id, self._picks) == pick_id:
            return amplitude
        return replace(amplitude, pick_id=None)

    def readings(self) -> Iterator[ReadingsRecord | Problem]:
        """Yield the picks that no origin uses, with their amplitudes, by agency and day."""
        if self._stopped:
            return
        days: dict[tuple[str | None, date | None], list[_Piece[PickRecord]]] = {}
        for pick_id, piece in self._picks.items():
            if pick_id not in self._used:
                pick = piece.record
                key = (pick.agency, None if pick.time is None else pick.time.date())
                days.setdefault(key, []).append(piece)
        order = sorted(days, key=lambda key: (key[1] or date.max, key[0] or ""))
        for agency, day in order:
            whole_day = days[agency, day]
            for start in range(0, len(whole_day), READINGS):
                picks = whole_day[start : start + READINGS]
                amplitudes = [
                    self._amplitudes[amplitude_id]
                    for pick in picks
                    for amplitude_id in self._amplitudes_of.get(pick.record.pick_id, ())
                ]
                pieces: list[_Piece[Any]] = [*picks, *amplitudes]
                place = self._place(pieces)
                if place is None:
                    yield self._too_much()
                    return
                yield from self._problems(pieces)
                text, first_line, last_line = place
                yield ReadingsRecord(
                    text=text,
                    first_line=first_line,
                    last_line=last_line,
                    picks=tuple(piece.record for piece in picks),
                    amplitudes=tuple(piece.record for piece in amplitudes),
                    agency=agency,
                )

    def rest(self) -> Iterator[Problem]:
        """Yield the problems of parts that no report has, and what they lead to."""
        yield from self._twice.problems("duplicate-id", "unique")
        pieces: list[_Piece[Any]] = [*self._unusable, *self._amplitudes.values()]
        if self._stopped:  # what was not reached is not read
            return
        loose = _Loose()
        for piece in self._amplitudes.values():
            if id(piece) not in self._told:
                lost = piece.record
                found = f"{lost.pick_id or ''} {lost.type or ''} {lost.value or ''}".strip()
                loose.add("amplitude/pickID", piece.first_line, found)
        yield from self._problems(pieces)
        yield from loose.problems("dangling-reference", "pick, stationMagnitude")

    # -- the file behind a report

    def _problems(self, pieces: Iterable[_Piece[Any]]) -> Iterator[Problem]:
        """Yield what was wrong in these parts, unless an earlier report has said it."""
        unknown: dict[str, tuple[int | None, int, str]] = {}
        for piece in sorted(pieces, key=lambda piece: piece.start):
            if id(piece) in self._told:
                continue
            self._told.add(id(piece))
            yield from piece.problems
            for path, (line, times, found) in piece.unknown.items():
                first, before, text = unknown.get(path, (line, 0, found))
                unknown[path] = (first, before + times, text)
        yield from xml.unknown_elements(unknown)

    def _place(self, pieces: list[_Piece[Any]]) -> tuple[str, int, int] | None:
        """Return text, first and last line of a report; ``None`` if all texts grow too long."""
        spans = sorted({(piece.start, piece.end) for piece in pieces})
        self._given += sum(end - start for start, end in spans)
        if self._given > _TEXT_FACTOR * self._document.size + 1024 * 1024:
            self._stopped = True
            return None
        source = self._document.source
        parts = []
        for start, end in spans:
            source.seek(start)
            parts.append(source.read(end - start))
        text = b"\n".join(parts).decode(self._document.encoding, "replace")
        lines = [piece.first_line for piece in pieces], [piece.last_line for piece in pieces]
        return text, min(lines[0]), max(lines[1])

    def _too_much(self) -> Problem:
        bound = f"<= {_TEXT_FACTOR} x {self._document.size} bytes"
        return Problem(None, "memory-limit", "text", "", bound, Severity.ERROR)


def _piece(record: R, part: xml.Part, walker: _Walker) -> _Piece[R]:
    return _Piece(
        record,
        part.start - part.indent,
        part.start + len(part.raw),
        part.first_line,
        part.last_line,
        walker.problems,
        walker.unknown,
    )


def _in_order(pieces: dict[str, _Piece[R]], ids: Iterable[str]) -> list[_Piece[R]]:
    return sorted((pieces[own_id] for own_id in ids), key=lambda piece: piece.start)


def _head_without_event(
    origins: list[_Origin], mechanisms: tuple[FocalMechanismRecord, ...]
) -> EventRecord:
    """Return what stands in place of an event: id and agency of its first origin.

    Mechanisms without an origin have an agency, but no id: theirs is not that of a report.
    """
    first = next((origin for origin in origins if origin.record is not None), None)
    own: OriginRecord | FocalMechanismRecord
    if first is None or first.record is None:
        own, event_id, origin_id = mechanisms[0], None, None
    else:
        own, origin_id = first.record, first.origin_id
        event_id = origin_id if first.stated else None
    return EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=event_id,
        preferred_origin_id=origin_id,
        agency=own.agency,
        author=own.author,
    )


def _station_magnitudes(
    origins: list[_Origin], located: set[str], amplitude_ids: Any, loose: _Loose
) -> dict[str, StationMagnitudeRecord]:
    """Return the station magnitudes of the origins by id, their references resolved."""
    found: dict[str, StationMagnitudeRecord] = {}
    for origin in origins:
        for record in origin.station_magnitudes:
            line = record.line_number
            amplitude_id = record.amplitude_id
            path = "stationMagnitude/amplitudeID"
            own_id = str(record.station_magnitude_id)
            if own_id in found:
                own_id = f"{own_id}#{len(found) + 1}"
            found[own_id] = replace(
                record,
                station_magnitude_id=own_id,
                origin_id=_home("stationMagnitude", record, origin, located, loose),
                amplitude_id=loose.known(path, line, amplitude_id, amplitude_ids),
            )
    return found


def _magnitudes(
    origins: list[_Origin],
    located: set[str],
    station_magnitudes: dict[str, StationMagnitudeRecord],
    loose: _Loose,
    second: _Loose,
) -> tuple[MagnitudeRecord, ...]:
    """Return the magnitudes of the origins; tell the station magnitudes which they are part of.

    A record has place for one magnitude it contributes to; ``second`` gets the others.
    """
    found = []
    for origin in origins:
        for record, contributions in origin.magnitudes:
            home = _home("magnitude", record, origin, located, loose)
            found.append(replace(record, origin_id=home))
            path = "magnitude/stationMagnitudeContribution"
            for part in contributions:
                key = part.station_magnitude_id
                if key not in station_magnitudes:
                    loose.add(path, part.line, key)
                elif station_magnitudes[key].magnitude_id is not None:
                    second.add(path, part.line, key)
                else:
                    station_magnitudes[key] = replace(
                        station_magnitudes[key],
                        magnitude_id=record.magnitude_id,
                        residual=part.residual,
                        weight=part.weight,
                    )
    return tuple(found)


def _home(
    name: str,
    record: MagnitudeRecord | StationMagnitudeRecord,
    origin: _Origin,
    located: set[str],
    loose: _Loose,
) -> str | None:
    """Return the origin a magnitude belongs to: the one it names, else the one it stands in."""
    own = origin.origin_id if origin.origin_id in located else None
    if record.origin_id is None or record.origin_id == origin.origin_id:
        return own
    return loose.known(f"{name}/originID", record.line_number, record.origin_id, located) or own
