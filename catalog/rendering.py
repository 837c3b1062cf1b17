"""How an event is written for reading: its catalogue row, its finished lines, its QuakeML parts.

Everything here is made from records and plain facts and says the same thing each time it is asked;
``processing/jobs/publishing.py`` stores it, ``manage.py check_catalogue`` makes it again and
compares. Whoever changes what is written raises ``RENDERER_VERSION``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

import zstandard
from django.conf import settings
from django.contrib.gis.geos import Point
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from catalog import exchange
from catalog.formats import quakeml
from catalog.formats.labels import SUPPLEMENTARY, SYNTHETIC
from catalog.formats.records import (
    EventRecord,
    OriginRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.models import (
    Event,
    EventFragment,
    EventRow,
    FeltSummary,
    MagnitudeAssessment,
    Origin,
    PreferredMagnitude,
    Report,
)
from catalog.scales import MAGNITUDE_ORDER, SCALES, scale_of
from catalog.whole_mechanisms import style_of_record

RENDERER_VERSION = "1"

LANGUAGES = ("en", "ru", "kk")


# --- Where it is -------------------------------------------------------------------------------

#: Direction from the settlement to the event, by eighths of a circle from north.
_DIRECTIONS = (
    _("%(distance)s km N of %(place)s"),
    _("%(distance)s km NE of %(place)s"),
    _("%(distance)s km E of %(place)s"),
    _("%(distance)s km SE of %(place)s"),
    _("%(distance)s km S of %(place)s"),
    _("%(distance)s km SW of %(place)s"),
    _("%(distance)s km W of %(place)s"),
    _("%(distance)s km NW of %(place)s"),
)
_NEAR = _("near %(place)s")
#: Closer than this an event is "near" a settlement: no bulletin knows the direction then.
NEAR_KM = 3.0

# A large town is worth naming from farther off than a village: distance counts divided by the
# fourth root of the population, taken between 1,000 and 1,000,000 (unknown: 1,000). So Almaty at
# 45 km is named before a village at 9 km. The candidates are the 12 nearest places and the 6
# nearest towns of 100,000, each found by the geometry's index; distance and azimuth are on the
# ellipsoid.
_NEAREST = """
SELECT asked.number, best.id, best.name_en, best.name_ru, best.name_kk, best.metres,
       degrees(ST_Azimuth(best.point::geography, asked.point::geography))
FROM (SELECT number, ST_SetSRID(ST_MakePoint(longitude, latitude), 4326) AS point
      FROM unnest(%s::int[], %s::float8[], %s::float8[]) AS t(number, longitude, latitude)) asked
CROSS JOIN LATERAL (
    SELECT candidate.*, ST_Distance(candidate.point::geography, asked.point::geography) AS metres
    FROM (
        (SELECT * FROM catalog_settlement ORDER BY point <-> asked.point LIMIT 12)
        UNION
        (SELECT * FROM catalog_settlement WHERE population >= 100000
         ORDER BY point <-> asked.point LIMIT 6)
    ) candidate
    ORDER BY ST_Distance(candidate.point::geography, asked.point::geography)
             / power(least(greatest(coalesce(candidate.population, 0), 1000), 1000000), 0.25),
             candidate.id
    LIMIT 1
) best
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The settlement an event is told by, and how it lies from there."""

    settlement_id: int
    names: Mapping[str, str]  # language -> name
    distance_km: float
    azimuth: float | None  # deg, settlement to event; None: at the very place

    def text(self, language: str) -> str:
        """Return "45 km E of Almaty" in a language."""
        place = self.names.get(language) or self.names["en"]
        if self.distance_km < NEAR_KM or self.azimuth is None:
            return _templates(language)[8] % {"place": place}
        template = _templates(language)[round(self.azimuth / 45.0) % 8]
        return template % {"distance": f"{self.distance_km:.0f}", "place": place}


@cache
def _templates(language: str) -> tuple[str, ...]:
    with translation.override(language):
        return tuple(gettext(text) for text in (*_DIRECTIONS, _NEAR))


def nearest_places(points: Sequence[tuple[float, float]]) -> list[Place | None]:
    """Return for each (longitude, latitude) the settlement to tell it by; one query for all."""
    places: list[Place | None] = [None] * len(points)
    if not points:
        return places
    with connection.cursor() as cursor:
        cursor.execute(
            _NEAREST,
            [list(range(len(points))), [p[0] for p in points], [p[1] for p in points]],
        )
        for number, key, name_en, name_ru, name_kk, metres, azimuth in cursor.fetchall():
            places[number] = Place(
                settlement_id=key,
                names={"en": name_en, "ru": name_ru, "kk": name_kk},
                distance_km=round(metres / 1000.0, 3),
                azimuth=None if azimuth is None else round(azimuth, 2),
            )
    return places


# --- The row -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """The value preferred on one scale; ``computed`` ones are printed to one decimal."""

    value: float
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row needs beside the event's record."""

    status: str
    place: Place | None = None
    sizes: Mapping[str, Size] = field(default_factory=dict)  # scale -> preferred value
    magnitude_computed: bool = False
    reporters: tuple[str, ...] = ()  # agencies whose reports make the event
    contributor: str = ""
    contributor_id: str = ""
    supplementary: bool = False  # a report lists it apart from the main catalogue
    felt_report_count: int = 0  # of the public, those that count
    max_cdi: float | None = None  # the largest published community intensity


def main_catalog() -> str:
    """Return the name of the catalogue (FDSN word ``catalog``)."""
    return str(settings.PORTAL_AGENCY_CODE)


def supplementary_catalog() -> str:
    """Return the name of the list of events that agencies keep apart from the catalogue."""
    return f"{settings.PORTAL_AGENCY_CODE}-SUPPLEMENTARY"


def row_values(record: EventRecord, facts: Facts) -> dict[str, Any]:
    """Return the columns of an event's row, all but its version, number and time of change.

    The record's preferred origin comes first among its origins (``exchange.event_records``).
    """
    origin = record.origins[0]
    if origin.origin_id != record.preferred_origin_id:
        raise ValueError(f"{record.event_id}: the preferred origin is not a current one")
    magnitude = next(
        (m for m in record.magnitudes if m.magnitude_id == record.preferred_magnitude_id), None
    )
    if magnitude is not None and scale_of(magnitude.type) not in MAGNITUDE_ORDER:
        raise ValueError(f"{record.event_id}: {magnitude.type} cannot be the magnitude")
    observed = [i for i in record.intensities if not i.calculated]
    degrees = [d for i in observed if (d := _first(i.best, i.maximum, i.minimum)) is not None]
    agencies = {*facts.reporters, *(o.agency for o in record.origins if o.agency)}
    names = {
        language: next(
            (
                d.text
                for d in record.descriptions
                if d.type == "earthquake name" and (d.language or "en") == language
            ),
            "",
        )[:200]
        for language in LANGUAGES
    }
    values: dict[str, Any] = {
        "public_id": record.event_id,
        "time": origin.time,
        "time_uncertainty": origin.time_uncertainty,
        "minute_precision": _is_minute_precision(origin),
        "point": Point(origin.longitude, origin.latitude, srid=4326),
        "latitude": origin.latitude,
        "longitude": origin.longitude,
        "depth_km": origin.depth_km,
        "depth_type": origin.depth_type or "",
        "depth_uncertainty_km": origin.depth_uncertainty_km,
        "horizontal_uncertainty_km": _first(
            origin.horizontal_uncertainty_km, origin.semi_major_axis_km
        ),
        "agency": origin.agency or "",
        "agencies": sorted(agencies),
        "catalog": supplementary_catalog() if facts.supplementary else main_catalog(),
        "contributor": facts.contributor,
        "contributor_id": facts.contributor_id,
        **{
            scale.lower(): facts.sizes[scale].value if scale in facts.sizes else None
            for scale in SCALES
        },
        "magnitude": magnitude.value if magnitude else None,
        "magnitude_type": (magnitude.type or "") if magnitude else "",
        "magnitude_agency": (magnitude.agency or "") if magnitude else "",
        "magnitude_count": len(record.magnitudes),
        "origin_count": len(record.origins),
        "station_count": _first(origin.used_station_count, origin.associated_station_count),
        "phase_count": _first(origin.used_phase_count, origin.associated_phase_count),
        "azimuthal_gap": origin.azimuthal_gap,
        "standard_error": origin.standard_error,
        "minimum_distance_deg": origin.minimum_distance_deg,
        "event_type": record.event_type or "",
        "event_type_certainty": record.event_type_certainty or "",
        "status": facts.status,
        "evaluation_mode": origin.evaluation_mode or "",
        "felt": any(i.felt for i in observed)
        or any(degree >= 2 for degree in degrees)
        or any(d.type == "felt report" for d in record.descriptions),
        "max_intensity": max(degrees, default=None),
        "felt_report_count": facts.felt_report_count,
        "max_cdi": facts.max_cdi,
        # A computed one that is not sure enough to be the event's is on its page only.
        "has_mechanism": record.preferred_focal_mechanism_id is not None,
        "faulting_style": next(
            (
                style_of_record(m)
                for m in record.focal_mechanisms
                if m.focal_mechanism_id == record.preferred_focal_mechanism_id
            ),
            "",
        ),
        "synthetic": record.synthetic,
        "settlement_id": facts.place.settlement_id if facts.place else None,
        "settlement_distance_km": facts.place.distance_km if facts.place else None,
        "settlement_azimuth": facts.place.azimuth if facts.place else None,
        **{
            f"place_{language}": (
                facts.place.text(language) if facts.place else origin.region or ""
            )[:200]
            for language in LANGUAGES
        },
        **{f"name_{language}": name for language, name in names.items()},
        "renderer_version": RENDERER_VERSION,
    }
    values["fdsn_text"] = text_line(values, facts)
    values["csv_line"] = csv_line(values, facts)
    return values


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _is_minute_precision(origin: OriginRecord) -> bool:
    """The source gave hours and minutes only: 30 s uncertainty and no seconds."""
    return (
        origin.time_uncertainty is not None
        and origin.time_uncertainty >= 30
        and origin.time.second == 0
        and origin.time.microsecond == 0
    )


# --- The finished lines ------------------------------------------------------------------------

TEXT_HEADER = (
    "#EventID|Time|Latitude|Longitude|Depth/km|Author|Catalog|Contributor|ContributorID|"
    "MagType|Magnitude|MagAuthor|EventLocationName|EventType"
)

#: The wide table: name and what it holds, in order. One column a scale; empty: not reported.
CSV_COLUMNS: dict[str, str] = {
    "event_id": _("Short event id; opens the event's page and works as eventid."),
    "time": _("Origin time, UTC; without seconds where the source gives minutes only."),
    "time_uncertainty_s": _("Uncertainty of the origin time, s."),
    "latitude": _("Latitude, degrees north."),
    "longitude": _("Longitude, degrees east."),
    "depth_km": _("Depth below sea level, km."),
    "depth_type": _("How the depth was had (QuakeML word)."),
    "depth_uncertainty_km": _("Uncertainty of the depth, km."),
    "horizontal_uncertainty_km": _("Uncertainty of the epicentre, km."),
    **{scale: _("Preferred value on this scale.") for scale in SCALES},
    "magnitude": _("The magnitude: Mw, MS or MLV, mb, ML in this order; never KR or MPVA."),
    "magnitude_type": _("Type of the magnitude as its author names it."),
    "magnitude_author": _("Agency of the magnitude."),
    "author": _("Agency of the preferred solution."),
    "agencies": _("All agencies with a solution, separated by spaces."),
    "contributor": _("Agency whose bulletin brought the preferred solution."),
    "contributor_id": _("That agency's own event id."),
    "event_type": _("QuakeML event type."),
    "event_type_certainty": _("known or suspected."),
    "status": _("automatic, not-confirmed, reviewed or published."),
    "evaluation_mode": _("automatic or manual."),
    "stations": _("Stations used."),
    "phases": _("Phases used."),
    "azimuthal_gap": _("Azimuthal gap, degrees."),
    "standard_error_s": _("Standard error of the residuals, s."),
    "nearest_station_deg": _("Distance of the nearest station, degrees."),
    "felt": _("true if felt by people."),
    "max_intensity": _("Largest observed intensity, degrees."),
    "mechanism": _("true if there is a focal mechanism."),
    "synthetic": _("true for invented example events."),
    "place": _("Distance and direction from a settlement, English."),
    "name": _("Name of the earthquake, English."),
}
CSV_HEADER = ",".join(CSV_COLUMNS)

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def number_text(value: float | None, decimals: int) -> str:
    """Write a number with at most so many decimals, no zeros at its end; "" for none."""
    if value is None:
        return ""
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def time_text(time: datetime) -> str:
    """Write a UTC time without zone letter, fractions without zeros at their end."""
    return time.isoformat(timespec="microseconds")[:26].rstrip("0").rstrip(".")


def _size_text(value: float | None, computed: bool) -> str:
    return number_text(value, 1 if computed else 2)


def _plain(text: str) -> str:
    """Return text without control characters, which no line of ours can hold."""
    return "".join(c if c.isprintable() else " " for c in text)


def text_line(values: Mapping[str, Any], facts: Facts) -> str:
    """Return the event as a line of FDSN text, 14 columns, no line end."""
    cells = (
        values["public_id"],
        time_text(values["time"]),
        number_text(values["latitude"], 5),
        number_text(values["longitude"], 5),
        number_text(values["depth_km"], 3),
        values["agency"],
        values["catalog"],
        values["contributor"],
        values["contributor_id"],
        values["magnitude_type"],
        _size_text(values["magnitude"], facts.magnitude_computed),
        values["magnitude_agency"],
        # The standard's columns have no place for it, and a made-up event must say what it is.
        f"{SYNTHETIC}; {values['place_en']}" if values["synthetic"] else values["place_en"],
        values["event_type"],
    )
    return "|".join(_plain(cell).replace("|", "/") for cell in cells)


def csv_cell(text: str) -> str:
    """Return a text cell: no formula, quoted where it must be."""
    text = _plain(text) if not text.startswith(_FORMULA) else "'" + _plain(text)
    if '"' in text or "," in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def unguarded(cell: str) -> str:
    """Return a cell of the wide table without the apostrophe that keeps it from being a formula."""
    # A tab or a line end after it was written as a blank.
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, " ")) else cell


def csv_line(values: Mapping[str, Any], facts: Facts) -> str:
    """Return the event as a line of the wide table, no line end."""
    time = values["time"]
    if values["minute_precision"]:
        written = time.strftime("%Y-%m-%dT%H:%MZ").rjust(17, "0")
    else:
        written = time_text(time) + "Z"
    sizes = (
        _size_text(
            facts.sizes[scale].value if scale in facts.sizes else None,
            scale in facts.sizes and facts.sizes[scale].computed,
        )
        for scale in SCALES
    )
    cells = (
        values["public_id"],
        written,
        number_text(values["time_uncertainty"], 3),
        number_text(values["latitude"], 5),
        number_text(values["longitude"], 5),
        number_text(values["depth_km"], 3),
        csv_cell(values["depth_type"]),
        number_text(values["depth_uncertainty_km"], 3),
        number_text(values["horizontal_uncertainty_km"], 3),
        *sizes,
        _size_text(values["magnitude"], facts.magnitude_computed),
        csv_cell(values["magnitude_type"]),
        csv_cell(values["magnitude_agency"]),
        csv_cell(values["agency"]),
        csv_cell(" ".join(values["agencies"])),
        csv_cell(values["contributor"]),
        csv_cell(values["contributor_id"]),
        csv_cell(values["event_type"]),
        csv_cell(values["event_type_certainty"]),
        csv_cell(values["status"]),
        csv_cell(values["evaluation_mode"]),
        number_text(values["station_count"], 0),
        number_text(values["phase_count"], 0),
        number_text(values["azimuthal_gap"], 2),
        number_text(values["standard_error"], 3),
        number_text(values["minimum_distance_deg"], 3),
        "true" if values["felt"] else "false",
        number_text(values["max_intensity"], 2),
        "true" if values["has_mechanism"] else "false",
        "true" if values["synthetic"] else "false",
        csv_cell(values["place_en"]),
        csv_cell(values["name_en"]),
    )
    return ",".join(cells)


# --- QuakeML by part ---------------------------------------------------------------------------

Part = EventFragment.Part

#: Between the sections of the arrivals part; XML cannot hold it.
SECTION_END = b"\x00"


def resource_id(kind: str, own_id: str) -> str:
    """Return the resource identifier of a part of the catalogue.

    The catalogue's own ids name their kind already (``origin/17``); a method's or model's name does
    not. ``smi:<authority>/event/kz2014h3k2m7`` names an event.
    """
    if own_id.split("/", 1)[0] in _OWN_KINDS:
        return f"smi:{settings.QUAKEML_AUTHORITY}/{own_id}"
    return quakeml.ResourceIds(settings.QUAKEML_AUTHORITY)(kind, own_id)


_OWN_KINDS = frozenset(
    (
        "origin",
        "pick",
        "arrival",
        "amplitude",
        "magnitude",
        "station-magnitude",
        "focal-mechanism",
    )
)


def render_fragments(record: EventRecord) -> dict[str, bytes]:
    """Return the event's QuakeML by part; one that says nothing is left out.

    The plain part is the event with its preferred origin and magnitude and no more. The arrivals
    part holds five sections (``SECTION_END`` between them), for arrivals stand inside origins and
    station contributions inside magnitudes: arrivals of the preferred origin; the other origins
    with theirs; the preferred magnitude with its contributions; the other magnitudes with theirs;
    picks, amplitudes and station magnitudes.
    """
    ids = resource_id
    preferred, others = record.origins[0], record.origins[1:]
    size = [m for m in record.magnitudes if m.magnitude_id == record.preferred_magnitude_id]
    other_sizes = [m for m in record.magnitudes if m.magnitude_id != record.preferred_magnitude_id]
    # A document without mechanisms does not point at one.
    head = replace(record, preferred_focal_mechanism_id=None)
    mechanisms = b"".join(quakeml.render_focal_mechanism(m, ids) for m in record.focal_mechanisms)
    if record.preferred_focal_mechanism_id is not None:
        pointer = ids("focalmechanism", record.preferred_focal_mechanism_id)
        mechanisms += f"<preferredFocalMechanismID>{pointer}</preferredFocalMechanismID>\n".encode()
    parts = {
        Part.PLAIN: b"".join(
            (
                quakeml.render_event_head(head, ids),
                quakeml.render_origin(preferred, ids),
                *(quakeml.render_magnitude(m, ids) for m in size),
                quakeml.EVENT_END,
            )
        ),
        Part.OTHER_ORIGINS: b"".join(quakeml.render_origin(o, ids) for o in others),
        Part.OTHER_MAGNITUDES: b"".join(quakeml.render_magnitude(m, ids) for m in other_sizes),
        Part.MECHANISMS: mechanisms,
        Part.ARRIVALS: _arrivals(record, preferred, others, size, other_sizes),
    }
    return {str(part): body for part, body in parts.items() if body}


def _arrivals(
    record: EventRecord,
    preferred: OriginRecord,
    others: Sequence[OriginRecord],
    size: Iterable[Any],
    other_sizes: Iterable[Any],
) -> bytes:
    if not (record.picks or record.amplitudes or record.station_magnitudes):
        return b""
    ids = resource_id
    # QuakeML knows no pick without a time and no amplitude without a value; the API tells them.
    untimed = {pick.pick_id for pick in record.picks if pick.time is None}
    valueless = {a.amplitude_id for a in record.amplitudes if a.value is None}

    def timed(origin: OriginRecord) -> OriginRecord:
        if not untimed:
            return origin
        kept = tuple(a for a in origin.arrivals if a.pick_id not in untimed)
        return replace(origin, arrivals=kept)

    contributions: dict[str, list[Any]] = {}
    for part in record.station_magnitudes:
        if part.magnitude_id is not None:
            contributions.setdefault(part.magnitude_id, []).append(part)

    def sized(magnitudes: Iterable[Any]) -> bytes:
        return b"".join(
            quakeml.render_magnitude(m, ids, contributions.get(m.magnitude_id, ()))
            for m in magnitudes
        )

    observations = [quakeml.render_pick(pick, ids) for pick in record.picks]
    observations += [
        quakeml.render_amplitude(a, ids, a.pick_id not in untimed) for a in record.amplitudes
    ]
    observations += [
        quakeml.render_station_magnitude(m, ids, m.amplitude_id not in valueless)
        for m in record.station_magnitudes
    ]
    return SECTION_END.join(
        (
            quakeml.render_arrivals(timed(preferred), ids),
            b"".join(quakeml.render_origin(timed(o), ids, with_arrivals=True) for o in others),
            sized(size),
            sized(other_sizes),
            b"".join(observations),
        )
    )


def parts_wanted(
    *, all_origins: bool, all_magnitudes: bool, arrivals: bool, mechanisms: bool
) -> tuple[str, ...]:
    """Return the parts a document needs."""
    parts = [Part.PLAIN]
    if all_origins:
        parts.append(Part.OTHER_ORIGINS)
    if all_magnitudes:
        parts.append(Part.OTHER_MAGNITUDES)
    if mechanisms:
        parts.append(Part.MECHANISMS)
    if arrivals:
        parts.append(Part.ARRIVALS)
    return tuple(str(part) for part in parts)


def join_event(
    parts: Mapping[str, bytes], *, all_origins: bool, all_magnitudes: bool, more: bytes = b""
) -> bytes:
    """Join an event's parts, unpacked, into its element; ``more`` are further magnitudes."""
    nothing = b""
    # No text holds the end of an element: in a text "<" is written "&lt;".
    start, size = parts[Part.PLAIN].removesuffix(quakeml.EVENT_END).split(quakeml.ORIGIN_END, 1)
    if (arrivals := parts.get(Part.ARRIVALS)) is not None:
        inside, origins, size, sizes, observations = arrivals.split(SECTION_END)
    else:
        inside, observations = nothing, nothing
        origins = parts.get(Part.OTHER_ORIGINS, nothing)
        sizes = parts.get(Part.OTHER_MAGNITUDES, nothing)
    return b"".join(
        (
            start,
            inside,
            quakeml.ORIGIN_END,
            origins if all_origins else nothing,
            size,
            sizes if all_magnitudes else nothing,
            more,
            parts.get(Part.MECHANISMS, nothing),
            observations,
            quakeml.EVENT_END,
        )
    )


class _Zstandard(threading.local):
    """Contexts made once a thread: no two threads may use one at a time."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=3).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstandard = _Zstandard()


def packed(part: str, body: bytes) -> bytes:
    """Return a part as it is stored."""
    return body if part == Part.PLAIN else _zstandard.compress(body)


def unpacked(part: str, stored: bytes) -> bytes:
    """Return a part as it stands in a document; Zstandard takes a third of zlib's time for it."""
    return stored if part == Part.PLAIN else _zstandard.decompress(stored)


# --- From the database -------------------------------------------------------------------------


def is_public(event: Event) -> bool:
    """True for an event that belongs on the read side."""
    gone = event.status in (Event.Status.MERGED, Event.Status.DELETED)
    return not gone and event.preferred_origin_id is not None


#: Of an event that only automatic reports tell of and that the final bulletin of its day lacks.
NOT_CONFIRMED = (
    "automatic only: the final bulletin of the day does not have it; "
    "evaluationStatus rejected is the word of this catalogue, not of the agency"
)


def _as_unconfirmed(record: EventRecord) -> EventRecord:
    """Return an event as its QuakeML tells it when it was not confirmed.

    Of the words QuakeML has, "rejected" says it: the solution was made by a program, and those who
    reviewed its day left it out. The event type "not existing" would say too much, for a final
    bulletin may begin at a larger size. What the agency wrote stays in the report and the API.
    """
    return replace(
        record,
        comments=(*record.comments, NOT_CONFIRMED),
        origins=tuple(
            replace(o, evaluation_mode="automatic", evaluation_status="rejected")
            for o in record.origins
        ),
    )


def _with_computed_stations(
    record: EventRecord, assessments: Sequence[MagnitudeAssessment]
) -> EventRecord:
    """Return an event with what its stations gave to the magnitudes computed here.

    QuakeML alone tells them so: ISF has one magnitude a reading, which is the agency's. A station
    without a value is told by the API only, for QuakeML has no station magnitude without one. Of
    several amplitudes a value was made of, the first that the event still has is named.
    """
    origins = {origin.origin_id for origin in record.origins}
    agencies = {magnitude.magnitude_id: magnitude.agency for magnitude in record.magnitudes}
    amplitudes = {amplitude.amplitude_id for amplitude in record.amplitudes}
    found = []
    for one in assessments:
        origin_id, magnitude_id = f"origin/{one.origin_id}", f"magnitude/{one.magnitude_id}"
        if magnitude_id not in agencies:
            continue
        for number, row in enumerate(one.stations):
            if row.get("value") is None:
                continue
            named = (f"amplitude/{key}" for table, key in row["sources"] if table == "amplitude")
            found.append(
                StationMagnitudeRecord(
                    value=row["value"],
                    type=one.type,
                    station=StationReference(row["code"] or "", network=row["network"] or None),
                    station_magnitude_id=f"station-magnitude/a{one.pk}-{number}",
                    origin_id=origin_id if origin_id in origins else None,
                    amplitude_id=next((name for name in named if name in amplitudes), None),
                    residual=row["residual"],
                    weight=1.0 if row["outcome"] == "used" else 0.0,
                    magnitude_id=magnitude_id,
                    agency=agencies[magnitude_id],
                    method_id=one.method_id,
                )
            )
    return replace(record, station_magnitudes=(*record.station_magnitudes, *found))


def rendered(events: Sequence[Event]) -> dict[int, tuple[dict[str, Any], dict[str, bytes]]]:
    """Return what the read side should say of public events: row values and fragments by part."""
    if not events:
        return {}
    keys = [event.pk for event in events]
    sizes: dict[int, dict[str, Size]] = {}
    computed: set[int] = set()
    for event_id, scale, key, value, entry in PreferredMagnitude.objects.filter(
        event__in=keys, magnitude__superseded_at=None
    ).values_list("event_id", "scale", "magnitude_id", "magnitude__value", "magnitude__entry_id"):
        sizes.setdefault(event_id, {})[scale] = Size(value, entry is None)
        if entry is None:
            computed.add(key)
    reporters: dict[int, set[str]] = {}
    supplementary: set[int] = set()
    for event_id, code, comments in Report.objects.filter(
        event__in=keys, withdrawn_at=None, current_entry__isnull=False
    ).values_list("event_id", "agency__code", "current_entry__comments"):
        reporters.setdefault(event_id, set()).add(code)
        if SUPPLEMENTARY in comments:
            supplementary.add(event_id)
    contributors = {
        event_id: (agency, own_id)
        for event_id, agency, own_id in Origin.objects.filter(
            pk__in=[event.preferred_origin_id for event in events], entry__isnull=False
        ).values_list("event_id", "entry__report__agency__code", "entry__event_id_reported")
    }
    assessments: dict[int, list[MagnitudeAssessment]] = {}
    for one in (
        MagnitudeAssessment.objects.current()
        .filter(event__in=keys, magnitude__isnull=False)
        .order_by("pk")
    ):
        assessments.setdefault(one.event_id, []).append(one)
    community = {
        event_id: (count, cdi)
        for event_id, count, cdi in FeltSummary.objects.filter(event__in=keys).values_list(
            "event_id", "report_count", "max_cdi"
        )
    }
    records = list(exchange.event_records(events))
    places = nearest_places(
        [(record.origins[0].longitude, record.origins[0].latitude) for _, record in records]
    )
    arranged = {}
    for (event, record), place in zip(records, places, strict=True):
        # A solution computed here is contributed by the portal under the event's own id.
        contributor, contributor_id = contributors.get(
            event.pk, (record.origins[0].agency or "", event.public_id)
        )
        facts = Facts(
            status=event.status,
            place=place,
            sizes=sizes.get(event.pk, {}),
            magnitude_computed=event.preferred_magnitude_id in computed,
            reporters=tuple(sorted(reporters.get(event.pk, ()))),
            contributor=contributor,
            contributor_id=contributor_id,
            supplementary=event.pk in supplementary,
            felt_report_count=community.get(event.pk, (0, None))[0],
            max_cdi=community.get(event.pk, (0, None))[1],
        )
        told = _with_computed_stations(record, assessments.get(event.pk, ()))
        if event.status == Event.Status.NOT_CONFIRMED:
            told = _as_unconfirmed(told)
        arranged[event.pk] = (row_values(record, facts), render_fragments(told))
    return arranged


def differences(
    row: EventRow,
    fragments: dict[str, EventFragment],
    values: dict[str, Any],
    bodies: dict[str, bytes],
) -> list[str]:
    """Return the columns and parts (``quakeml:<part>``) that do not say what they should."""
    found = [name for name, value in values.items() if getattr(row, name) != value]
    for part in sorted({*fragments, *bodies}):
        fragment = fragments.get(part)
        if (
            fragment is None
            or part not in bodies
            or fragment.renderer_version != RENDERER_VERSION
            or unpacked(part, bytes(fragment.body)) != bodies[part]
        ):
            found.append(f"quakeml:{part}")
    return found
