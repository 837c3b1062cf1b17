"""What a reader hands over: one reported event as frozen values with QuakeML 1.2 names.

These records stand between a file and the database. They carry no Django and no behaviour; a
format module makes them, ``catalog/exchange.py`` turns them into rows and back. Units follow the
name: ``depth_km``, ``distance_deg``; times are aware UTC ``datetime``; ``None`` means "not
reported". Ids (``origin_id``, ``pick_id`` ...) are the file's own, unique within one record only.
"""

from __future__ import annotations

from dataclasses import Field, field, fields, make_dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import msgspec


class _Fields:
    """What ``dataclasses`` asks of a class: its fields."""

    def __get__(self, record: Record | None, owner: type[Record]) -> dict[str, Field[Any]]:
        return _fields(owner)


@cache
def _fields(owner: type[Record]) -> dict[str, Field[Any]]:
    names, optional = owner.__struct_fields__, owner.__struct_defaults__
    defaults = dict(zip(names[len(names) - len(optional) :], optional, strict=True))
    twin = make_dataclass(
        owner.__name__,
        [(n, Any, field(default=defaults[n]) if n in defaults else field()) for n in names],
    )
    return {each.name: each for each in fields(twin)}


class Record(msgspec.Struct, frozen=True):
    """A frozen dataclass in all but how it is made: in C.

    A bulletin is tens of records an event. A frozen dataclass sets each field by a call; made,
    written to the parent, read there and compared so, they took a third of a reading's time.
    ``dataclasses.replace``, ``fields`` and ``asdict`` take a record as theirs.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]] = _Fields()  # type: ignore[assignment]


class StationReference(Record, frozen=True):
    """A station as a bulletin names it: a code, and whatever else the line says of it."""

    code: str
    network: str | None = None
    location: str | None = None
    channel: str | None = None
    agency: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    elevation_m: float | None = None


class PickRecord(Record, frozen=True):
    """An onset read at a station (QuakeML Pick)."""

    pick_id: str
    station: StationReference
    time: datetime | None
    time_uncertainty: float | None = None  # s
    phase_hint: str | None = None
    onset: str | None = None  # emergent, impulsive, questionable
    polarity: str | None = None  # positive, negative, undecidable
    backazimuth: float | None = None  # deg, station to event
    backazimuth_uncertainty: float | None = None
    horizontal_slowness: float | None = None  # s/deg
    horizontal_slowness_uncertainty: float | None = None
    snr: float | None = None
    evaluation_mode: str | None = None  # manual, automatic
    evaluation_status: str | None = None
    agency: str | None = None
    filter_id: str | None = None
    method_id: str | None = None
    comments: tuple[str, ...] = ()
    line_number: int | None = None


class ArrivalRecord(Record, frozen=True):
    """A pick as one origin uses it (QuakeML Arrival)."""

    pick_id: str
    arrival_id: str | None = None
    phase: str | None = None
    azimuth: float | None = None  # deg, epicentre to station
    distance_deg: float | None = None
    takeoff_angle: float | None = None
    time_residual: float | None = None  # s
    time_weight: float | None = None
    time_defining: bool | None = None
    backazimuth_residual: float | None = None  # deg
    backazimuth_weight: float | None = None
    backazimuth_defining: bool | None = None
    horizontal_slowness_residual: float | None = None  # s/deg
    horizontal_slowness_weight: float | None = None
    horizontal_slowness_defining: bool | None = None
    time_correction: float | None = None  # s
    earth_model: str | None = None
    comments: tuple[str, ...] = ()
    line_number: int | None = None


class AmplitudeRecord(Record, frozen=True):
    """A measured amplitude (QuakeML Amplitude).

    ``unit`` is QuakeML's: m, s, m/s, m/(s*s), dimensionless, other.
    A value is kept in the unit the file states; ISF amplitudes are nanometres and carry
    ``unit="nm"`` here and in the database (QuakeML writes them as metres).
    """

    amplitude_id: str
    value: float | None
    unit: str | None = None
    type: str | None = None
    category: str | None = None
    period: float | None = None  # s
    snr: float | None = None
    time: datetime | None = None
    pick_id: str | None = None
    station: StationReference | None = None
    magnitude_hint: str | None = None
    uncertainty: float | None = None
    agency: str | None = None
    evaluation_mode: str | None = None
    method_id: str | None = None
    comments: tuple[str, ...] = ()
    line_number: int | None = None


class StationMagnitudeRecord(Record, frozen=True):
    """A magnitude from one station (QuakeML StationMagnitude)."""

    value: float
    type: str | None
    station: StationReference | None = None
    station_magnitude_id: str | None = None
    origin_id: str | None = None
    amplitude_id: str | None = None
    uncertainty: float | None = None
    bound: str | None = None  # "min" (at least, ">"), "max" (at most, "<") or None
    residual: float | None = None
    weight: float | None = None
    magnitude_id: str | None = None  # the network magnitude it contributes to
    agency: str | None = None
    method_id: str | None = None
    comments: tuple[str, ...] = ()
    line_number: int | None = None


class MagnitudeRecord(Record, frozen=True):
    """A network magnitude or energy class (QuakeML Magnitude)."""

    value: float
    type: str | None
    magnitude_id: str | None = None
    origin_id: str | None = None
    uncertainty: float | None = None
    bound: str | None = None  # "min" (at least, ">"), "max" (at most, "<") or None
    station_count: int | None = None
    azimuthal_gap: float | None = None
    agency: str | None = None
    author: str | None = None
    method_id: str | None = None
    evaluation_mode: str | None = None
    evaluation_status: str | None = None
    creation_time: datetime | None = None
    comments: tuple[str, ...] = ()
    line_number: int | None = None


class OriginRecord(Record, frozen=True):
    """One hypocentre solution (QuakeML Origin with OriginUncertainty and OriginQuality)."""

    origin_id: str
    time: datetime
    latitude: float
    longitude: float
    depth_km: float | None = None  # below sea level
    time_uncertainty: float | None = None  # s
    time_fixed: bool | None = None
    epicenter_fixed: bool | None = None
    depth_type: str | None = None  # QuakeML OriginDepthType
    depth_uncertainty_km: float | None = None
    latitude_uncertainty_km: float | None = None
    longitude_uncertainty_km: float | None = None
    horizontal_uncertainty_km: float | None = None
    semi_major_axis_km: float | None = None
    semi_minor_axis_km: float | None = None
    major_axis_azimuth: float | None = None  # deg
    confidence_level: float | None = None  # percent
    used_phase_count: int | None = None
    associated_phase_count: int | None = None
    used_station_count: int | None = None
    associated_station_count: int | None = None
    depth_phase_count: int | None = None
    standard_error: float | None = None  # s
    azimuthal_gap: float | None = None  # deg
    secondary_azimuthal_gap: float | None = None
    minimum_distance_deg: float | None = None
    maximum_distance_deg: float | None = None
    median_distance_deg: float | None = None
    ground_truth_level: str | None = None
    agency: str | None = None
    author: str | None = None
    method_id: str | None = None
    earth_model_id: str | None = None
    origin_type: str | None = None  # QuakeML OriginType: hypocenter, centroid ...
    evaluation_mode: str | None = None
    evaluation_status: str | None = None
    creation_time: datetime | None = None
    region: str | None = None
    event_type: str | None = None  # QuakeML EventType in this author's view (ISF says it here)
    event_type_certainty: str | None = None
    arrivals: tuple[ArrivalRecord, ...] = ()
    comments: tuple[str, ...] = ()
    line_number: int | None = None


class NodalPlaneRecord(Record, frozen=True):
    """Strike 0..360, dip 0..90, rake -180..180 [deg], Aki & Richards."""

    strike: float
    dip: float
    rake: float


class AxisRecord(Record, frozen=True):
    """Azimuth and plunge [deg] of a principal axis, length [N m] if known."""

    azimuth: float
    plunge: float
    length: float | None = None


class MomentTensorRecord(Record, frozen=True):
    """Moment tensor in the r, t, p frame [N m] (QuakeML Tensor)."""

    mrr: float | None = None
    mtt: float | None = None
    mpp: float | None = None
    mrt: float | None = None
    mrp: float | None = None
    mtp: float | None = None
    scalar_moment: float | None = None
    double_couple: float | None = None
    clvd: float | None = None
    variance_reduction: float | None = None
    derived_origin_id: str | None = None
    moment_magnitude_id: str | None = None


class FocalMechanismRecord(Record, frozen=True):
    """A fault-plane solution (QuakeML FocalMechanism)."""

    focal_mechanism_id: str
    nodal_plane_1: NodalPlaneRecord | None = None
    nodal_plane_2: NodalPlaneRecord | None = None
    preferred_plane: int | None = None
    t_axis: AxisRecord | None = None
    n_axis: AxisRecord | None = None
    p_axis: AxisRecord | None = None
    moment_tensor: MomentTensorRecord | None = None
    triggering_origin_id: str | None = None
    station_polarity_count: int | None = None
    azimuthal_gap: float | None = None
    misfit: float | None = None
    quality: str | None = None
    method_id: str | None = None
    agency: str | None = None
    author: str | None = None
    evaluation_mode: str | None = None
    evaluation_status: str | None = None
    creation_time: datetime | None = None
    comments: tuple[str, ...] = ()
    line_number: int | None = None


#: The place of I0, the intensity at the epicentre, which no settlement stands for.
EPICENTRE = "epicentre"


class IntensityRecord(Record, frozen=True):
    """Macroseismic intensity at a place. ``felt`` without a degree is allowed."""

    place: str
    minimum: float | None = None
    maximum: float | None = None
    best: float | None = None
    felt: bool | None = None
    scale: str | None = None  # MSK-64, EMS-98, MMI
    latitude: float | None = None
    longitude: float | None = None
    distance_km: float | None = None
    calculated: bool = False
    source: str | None = None
    comment: str = ""
    line_number: int | None = None


class DescriptionRecord(Record, frozen=True):
    """QuakeML EventDescription: a region, an earthquake name, what people felt ..."""

    text: str
    type: str | None = None  # QuakeML EventDescriptionType
    language: str | None = None


class InterpretationRecord(Record, frozen=True):
    """What one author holds the event to be (tectonic to one, induced to another)."""

    event_type: str  # QuakeML EventType
    event_type_certainty: str | None = None
    author: str | None = None
    note: str = ""
    language: str = "en"


class ConsequenceRecord(Record, frozen=True):
    """What the earthquake did. ``kind``: "buildings damaged", "people injured" ... or "other"."""

    kind: str
    count: int | None = None
    approximate: bool = False
    place: str = ""
    note: str = ""
    language: str = "en"


class EventRecord(Record, frozen=True):
    """One event as an agency reports it: everything its part of the file says.

    ``text`` is the event's own part of the file, decoded, as received; ``first_line`` and
    ``last_line`` its span (1-based). ``event_id`` is the agency's own id, ``None`` if the format
    has none. The order of ``origins`` is the file's.
    """

    text: str
    first_line: int
    last_line: int
    event_id: str | None = None
    event_type: str | None = None  # QuakeML EventType
    event_type_certainty: str | None = None  # known, suspected
    descriptions: tuple[DescriptionRecord, ...] = ()
    origins: tuple[OriginRecord, ...] = ()
    magnitudes: tuple[MagnitudeRecord, ...] = ()
    picks: tuple[PickRecord, ...] = ()
    amplitudes: tuple[AmplitudeRecord, ...] = ()
    station_magnitudes: tuple[StationMagnitudeRecord, ...] = ()
    focal_mechanisms: tuple[FocalMechanismRecord, ...] = ()
    intensities: tuple[IntensityRecord, ...] = ()
    interpretations: tuple[InterpretationRecord, ...] = ()
    consequences: tuple[ConsequenceRecord, ...] = ()
    preferred_origin_id: str | None = None
    preferred_magnitude_id: str | None = None
    preferred_focal_mechanism_id: str | None = None
    agency: str | None = None
    author: str | None = None
    source: str | None = None  # citation, if the row names one
    synthetic: bool = False
    deleted: bool = False  # the file says the event does not exist (QuakeML "not existing")
    comments: tuple[str, ...] = ()


class ReadingsRecord(Record, frozen=True):
    """Readings at stations that the file ties to no event: a station bulletin or a part of it.

    A reader of a long bulletin yields several, each with at most some five hundred picks.
    ``amplitudes`` name the pick they were measured with.
    """

    text: str
    first_line: int
    last_line: int
    picks: tuple[PickRecord, ...]
    amplitudes: tuple[AmplitudeRecord, ...] = ()
    agency: str | None = None
    author: str | None = None
    synthetic: bool = False
    comments: tuple[str, ...] = ()
