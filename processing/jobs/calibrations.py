"""Calibrations of magnitude scales: from published values and amplitudes to versions, and in force.

Events that were made up and events that were observed never meet in one calibration, and one fitted
to made-up events is in force for these only.

What a station gave on a scale is read from the event's assessment on it, which tells every station
with its outcome. Where an event has none yet, amplitudes are taken as their bulletins report them.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from catalog.models import Agency, Amplitude, Event, Magnitude, MagnitudeAssessment, User
from catalog.querysets import COUNTED_STATUSES
from processing.core import calibration as core
from processing.core import geodesy
from processing.core.magnitude_assessment import Hypocentre
from processing.core.magnitude_scales import BY_ID, Outcome, Scale, Status
from processing.jobs import amplitude_readings, versions
from processing.models import MagnitudeCalibration, ProcessingRun, WorkItem
from processing.transactions import alone, writing

#: Of the events that are computed anew: after everything that is new.
PRIORITY = 8
KIND = "calibration"
BATCH = 500
#: Events asked about at once.
CHUNK = 5000
#: Ours: what a fit may be asked for at all (some minutes), and by a page (some seconds).
MOST_READINGS, MOST_ON_A_PAGE = 500_000, 20_000
#: Residuals kept for the plot.
KEPT_RESIDUALS = 1500
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.()-]*\Z")

#: Outcomes of stations whose reading itself is sound.
SOUND = frozenset({Outcome.USED, Outcome.OUTLIER, Outcome.NO_CALIBRATION, Outcome.DISTANCE_OUTSIDE})

SENTENCES = {
    "unknown-scale": _("There is no scale “%(found)s”. Expected one of: %(expected)s."),
    "nothing-to-fit": _(
        "%(found)s has a published formula and calibration: nothing is fitted for it."
    ),
    "agency-needed": _(
        "An offset is that of one agency's published values: say whose. %(found)s has those of:"
        " %(expected)s."
    ),
    "no-published": _("No event has a reported value of %(found)s in this choice."),
    "no-readings": _(
        "%(events)s events have a reported value of %(found)s, but none of them a station's reading"
        " that can be used for it."
    ),
    "too-many-readings": _(
        "More than %(most)s readings: choose a shorter span of time, or use the command."
    ),
    "too-few-events": _("Too few events: %(found)s, %(needed)s are needed."),
    "too-few-stations": _(
        "Too few stations that read enough of the events: %(found)s, %(needed)s are needed."
    ),
    "too-few-readings": _("Too few readings: %(found)s, %(needed)s are needed."),
    "too-narrow": _(
        "The distances span %(found)s powers of ten, %(needed)s are needed for a curve."
    ),
    "bad-version": _(
        "“%(found)s” is no name of a version: letters, digits, _ . ( ) -, 60 at most."
    ),
    "version-exists": _("Version “%(found)s” exists and is never edited: choose another name."),
    "stands-so": _("“%(found)s” stands so already."),
}
_TOO_LITTLE = {
    "events": "too-few-events",
    "stations": "too-few-stations",
    "readings": "too-few-readings",
}

logger = logging.getLogger(__name__)


class Refused(versions.Refused):
    sentences = SENTENCES


@dataclass(frozen=True)
class Choice:
    """Which events a calibration is fitted to."""

    scale: Scale
    agency: Agency | None = None
    """Whose published values; ``None``: the median of all agencies' an event has."""
    start: datetime | None = None
    end: datetime | None = None
    synthetic: bool = False
    most_readings: int = MOST_READINGS

    @property
    def kind(self) -> str:
        """A curve where the scale has none, an offset where its level is not shown to be right."""
        return "sigma" if self.scale.status is Status.NEEDS_CALIBRATION else "offset"


def fitted_scales() -> list[Scale]:
    """Return the scales that something may be fitted for."""
    return [
        scale
        for scale in BY_ID.values()
        if scale.status in (Status.NEEDS_CALIBRATION, Status.UNCALIBRATED)
    ]


def scale_of(name: str) -> Scale:
    """Return a scale that may be fitted, or refuse."""
    scale = BY_ID.get(name)
    expected = ", ".join(scale.id for scale in fitted_scales())
    if scale is None:
        raise Refused("unknown-scale", found=name[:40], expected=expected)
    if scale not in fitted_scales():
        raise Refused("nothing-to-fit", found=scale.id)
    return scale


# --- What there is --------------------------------------------------------------------------------


@dataclass
class _Event:
    """An event with its published value and where it lies."""

    published: float
    time: datetime
    latitude: float
    longitude: float


@dataclass
class Collected:
    """Rows for a fit, and the times of the events they are of."""

    event: list[int] = field(default_factory=list)
    station: list[str] = field(default_factory=list)
    distance_km: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    times: dict[int, datetime] = field(default_factory=dict)

    @property
    def readings(self) -> core.Readings:
        return core.Readings(np.array(self.event), self.station, self.distance_km, self.y)

    def add(self, key: int, event: _Event, station: str, distance_km: float, value: float) -> None:
        """Add what a station's reading gives for an event without the calibration."""
        self.event.append(key)
        self.station.append(station)
        self.distance_km.append(distance_km)
        self.y.append(event.published - value)
        self.times[key] = event.time


def _reported(choice: Choice) -> Any:
    """Return the reported, native values on the scale, of events that count."""
    scale = choice.scale
    named = Q(scale=scale.column) if scale.column else Q(type__in=(scale.type, *scale.hints))
    values = (
        Magnitude.objects.current()
        .reported()
        .filter(
            named,
            bound="",
            converted_from__isnull=True,
            entry__current_of__outranked_by__isnull=True,
            event__synthetic=choice.synthetic,
            event__status__in=COUNTED_STATUSES,
            event__preferred_origin__isnull=False,
        )
    )
    if not scale.column:
        values = values.filter(scale="")
    if choice.start is not None:
        values = values.filter(event__preferred_origin__time__gte=choice.start)
    if choice.end is not None:
        values = values.filter(event__preferred_origin__time__lt=choice.end)
    return values


def _published(choice: Choice) -> dict[int, _Event]:
    """Return the events that have a published value and something that it can be held against."""
    values = _reported(choice)
    if choice.agency is not None:
        values = values.filter(agency=choice.agency)
    elif choice.kind == "offset":
        codes = sorted(set(values.values_list("agency__code", flat=True)) - {None})
        if not codes:
            raise Refused("no-published", found=choice.scale.type)
        raise Refused("agency-needed", found=choice.scale.type, expected=", ".join(codes[:20]))
    evidence = Q(
        Exists(
            MagnitudeAssessment.objects.current().filter(
                event=OuterRef("event"), scale=choice.scale.id
            )
        )
    )
    if choice.kind == "sigma":
        evidence |= Q(Exists(Amplitude.objects.filter(entry__current_of__event=OuterRef("event"))))
    found: dict[int, list[float]] = defaultdict(list)
    places: dict[int, tuple[datetime, Any]] = {}
    columns = ("event", "value", "event__preferred_origin__time", "event__preferred_origin__point")
    rows = values.filter(evidence).values_list(*columns)
    for key, value, time, point in rows.iterator(CHUNK):
        found[key].append(value)
        places[key] = time, point
        if len(found) > choice.most_readings:
            raise Refused("too-many-readings", most=choice.most_readings)
    if not found:
        events = values.values("event").distinct().count()
        if not events:
            raise Refused("no-published", found=choice.scale.type)
        raise Refused("no-readings", found=choice.scale.type, events=events)
    return {
        key: _Event(float(np.median(values)), places[key][0], places[key][1].y, places[key][1].x)
        for key, values in found.items()
    }


def collect(choice: Choice) -> Collected:
    """Return what a choice of events gives for a fit.

    Raises
    ------
    Refused
        ``agency-needed``, ``no-published``, ``no-readings``, ``too-many-readings``.
    """
    events = _published(choice)
    rows = Collected()
    keys = sorted(events)
    for first in range(0, len(keys), CHUNK):
        part = {key: events[key] for key in keys[first : first + CHUNK]}
        assessed = _from_assessments(choice, part, rows)
        if choice.kind == "sigma":
            _from_amplitudes(choice, {k: e for k, e in part.items() if k not in assessed}, rows)
        if len(rows.y) > choice.most_readings:
            raise Refused("too-many-readings", most=choice.most_readings)
    if not rows.y:
        raise Refused("no-readings", found=choice.scale.type, events=len(events))
    return rows


def _from_assessments(choice: Choice, events: Mapping[int, _Event], rows: Collected) -> set[int]:
    """Add what events' assessments on the scale tell; return the events they tell amplitudes of."""
    scale, assessed = choice.scale, set()
    known = {
        row.version: row.calibration
        for row in MagnitudeCalibration.objects.filter(scale=scale.id).defer("residuals")
    }
    found = MagnitudeAssessment.objects.current().filter(event__in=list(events), scale=scale.id)
    for key, version, stations in found.values_list("event", "calibration", "stations").iterator(
        BATCH
    ):
        if any(told.get("amplitude") is not None for told in stations):
            assessed.add(key)
        for told in stations:
            value = _uncalibrated(choice, told, known.get(version) if version else None, version)
            if value is not None:
                station = f"{told['network']}.{told['code']}"
                rows.add(key, events[key], station, float(told["distance_km"]), value)
    return assessed


def _uncalibrated(
    choice: Choice, told: Mapping[str, Any], calibration: core.Calibration | None, version: str
) -> float | None:
    """Return what a station gives without a calibration, ``None`` where it gives nothing sound."""
    scale, distance = choice.scale, told.get("distance_km")
    if told.get("outcome") not in SOUND or distance is None or not _in_range(scale, distance):
        return None
    if choice.kind == "sigma":
        return _lg(scale, told.get("amplitude"), told.get("period"))
    value = told.get("value")
    if value is None or (version and calibration is None):
        return None
    if calibration is None:
        return float(value)
    term = calibration.term(f"{told['network']}.{told['code']}")
    return float(value) - calibration.offset - term


def _in_range(scale: Scale, distance_km: float) -> bool:
    low, high = scale.distance_deg
    return low <= distance_km / geodesy.KM_PER_DEGREE <= high


def _lg(scale: Scale, amplitude: float | None, period: float | None) -> float | None:
    """Return lg(A/T), or lg A where the formula has no period; A in nm."""
    if amplitude is None or not amplitude > 0.0:
        return None
    if not scale.divides_by_period:
        return float(np.log10(amplitude))
    if period is None or not period > 0.0:
        return None
    low, high = scale.period_s or (0.0, np.inf)
    return float(np.log10(amplitude / period)) if low <= period <= high else None


def _from_amplitudes(choice: Choice, events: Mapping[int, _Event], rows: Collected) -> None:
    """Add amplitudes as bulletins report them: the largest A/T of each station and event.

    They are those that values will be computed from once the calibration is in force.
    """
    scale = choice.scale
    if not events:
        return
    places = {
        key: Hypocentre(event.latitude, event.longitude, None) for key, event in events.items()
    }
    fitted = {key: {scale.id} for key in events}
    reported = amplitude_readings.reported(list(events))
    largest: dict[tuple[int, str], tuple[float, float, float]] = {}
    for reading in amplitude_readings.readings(reported, places, fitted):
        if reading.scale != scale.id or reading.outcome is not None:
            continue
        if reading.latitude is None or reading.longitude is None:
            continue
        lg = _lg(scale, reading.amplitude, reading.period)
        if lg is None:
            continue
        name = f"{reading.network}.{reading.code}"
        if (reading.event, name) not in largest or lg > largest[reading.event, name][0]:
            largest[reading.event, name] = (lg, reading.latitude, reading.longitude)
        if len(rows.y) + len(largest) > choice.most_readings:
            raise Refused("too-many-readings", most=choice.most_readings)
    if not largest:
        return
    found = [events[key] for key, _name in largest]
    degrees, _azimuth = geodesy.distance_azimuth(
        geodesy.geocentric_latitude([e.latitude for e in found]),
        [e.longitude for e in found],
        geodesy.geocentric_latitude([place[1] for place in largest.values()]),
        [place[2] for place in largest.values()],
    )
    for ((key, name), (lg, *_place)), deg in zip(largest.items(), degrees.tolist(), strict=True):
        km = deg * geodesy.KM_PER_DEGREE
        if _in_range(scale, km):
            rows.add(key, events[key], name, km, lg)


# --- Fitting --------------------------------------------------------------------------------------


def fit(choice: Choice) -> tuple[core.Fitted, Collected]:
    """Return what a choice of events asks for, and the rows it is made of.

    Raises
    ------
    Refused
    """
    rows = collect(choice)
    try:
        if choice.kind == "sigma":
            return core.fit_sigma(rows.readings), rows
        return core.fit_offset(rows.readings), rows
    except core.TooLittle as little:
        code = _TOO_LITTLE.get(little.what, "too-narrow")
        raise Refused(code, found=f"{little.found:.3g}", needed=f"{little.needed:g}") from little


def make(choice: Choice, version: str = "", actor: User | None = None) -> MagnitudeCalibration:
    """Fit a choice of events and store the result as a proposed version.

    Raises
    ------
    Refused
    """
    check_version(version)
    found, rows = fit(choice)
    return store(choice, found, rows, version, actor)


def check_version(version: str) -> None:
    """Refuse a name that cannot be a new version's; "" is one that is made."""
    if version and (len(version) > 60 or not _VERSION.match(version)):
        raise Refused("bad-version", found=version[:80])
    if version and MagnitudeCalibration.objects.filter(version=version).exists():
        raise Refused("version-exists", found=version)


def store(
    choice: Choice,
    found: core.Fitted,
    rows: Collected,
    version: str = "",
    actor: User | None = None,
) -> MagnitudeCalibration:
    """Keep a fit as a proposed version; without a name it gets the next of its scale and agency."""
    times = [rows.times[key] for key in {rows.event[place] for place in found.used.tolist()}]
    kept = np.linspace(0, found.residuals.size - 1, min(found.residuals.size, KEPT_RESIDUALS))
    order = np.argsort(found.distances, kind="stable")[kept.astype(np.intp)]
    with transaction.atomic():
        alone(MagnitudeCalibration)
        check_version(version)
        row = MagnitudeCalibration.objects.create(
            version=version or _next_version(choice),
            scale=choice.scale.id,
            kind=found.kind,
            agency=choice.agency,
            synthetic=choice.synthetic,
            method_id=core.METHOD,
            distance_from_km=found.distance_km[0],
            distance_to_km=found.distance_km[1],
            knots_km=list(found.knots_km),
            sigma=list(found.sigma),
            sigma_errors=list(found.sigma_errors),
            offset=found.offset,
            offset_error=found.offset_error,
            station_terms={
                name: [round(term.value, 4), round(term.standard_error, 4), term.events]
                for name, term in sorted(found.terms.items())
            },
            residual_sigma=found.residual_sigma,
            residual_rms=found.residual_rms,
            event_count=found.events,
            station_count=found.stations,
            reading_count=found.readings,
            first_event=min(times),
            last_event=max(times),
            parameters={
                "from": choice.start and choice.start.astimezone(UTC).isoformat(),
                "to": choice.end and choice.end.astimezone(UTC).isoformat(),
                "formula_id": choice.scale.formula_id,
                "roughness": found.roughness,
                "left_out": found.left_out,
            },
            residuals=[
                [round(float(found.distances[i]), 1), round(float(found.residuals[i]), 3)]
                for i in order.tolist()
            ],
            created_by=actor,
        )
    logger.info("calibration %s: %d readings of %d events", row, row.reading_count, row.event_count)
    return row


def _next_version(choice: Choice) -> str:
    stem = f"{choice.scale.id}-{choice.agency.code if choice.agency else 'all'}"
    if choice.synthetic:
        stem = f"synthetic-{stem}"
    return versions.next_name(MagnitudeCalibration, "version", stem)


# --- In force -------------------------------------------------------------------------------------


def calibrations_in_force(synthetic: bool = False) -> dict[str, core.Calibration]:
    """Return the accepted calibration of each scale by the scale's id; the newest of several.

    Made-up events have their own and only these.
    """
    rows = (
        MagnitudeCalibration.objects.filter(
            status=MagnitudeCalibration.Status.ACCEPTED, synthetic=synthetic
        )
        .defer("residuals")
        .order_by("status_changed_at", "pk")
    )
    return {row.scale: row.calibration for row in rows}


def accept(
    row: MagnitudeCalibration, actor: User | None = None, note: str = ""
) -> ProcessingRun | None:
    """Put a version in force; return the run that computes its events anew.

    The version accepted before for the same scale, agency and kind of events is withdrawn.

    Raises
    ------
    Refused
        ``stands-so``.
    """
    return _move(row, MagnitudeCalibration.Status.ACCEPTED, actor, note)


def withdraw(
    row: MagnitudeCalibration, actor: User | None = None, note: str = ""
) -> ProcessingRun | None:
    """Take a version back; events are computed anew where it was in force.

    Raises
    ------
    Refused
        ``stands-so``.
    """
    return _move(row, MagnitudeCalibration.Status.WITHDRAWN, actor, note)


def _move(
    row: MagnitudeCalibration, status: str, actor: User | None, note: str
) -> ProcessingRun | None:
    accepted = MagnitudeCalibration.Status.ACCEPTED
    with writing():
        alone(MagnitudeCalibration)
        row.refresh_from_db(fields=["status"])
        if row.status == status:
            raise Refused("stands-so", found=row.version)
        was_in_force = row.status == accepted
        rivals = {"scale": row.scale, "agency": row.agency_id, "synthetic": row.synthetic}
        versions.move(row, status, actor, note, rivals)
        run = None
        if status == accepted or was_in_force:
            run = ProcessingRun.objects.create(
                kind=ProcessingRun.Kind.RECOMPUTE,
                stage=ProcessingRun.Stage.RECOMPUTE,
                status=ProcessingRun.Status.RUNNING,
                actor=actor,
                parameters={
                    "calibration": row.version,
                    "scale": row.scale,
                    "synthetic": row.synthetic,
                },
            )
            WorkItem.objects.request(KIND, run.pk, run=run, priority=PRIORITY)
    row.refresh_from_db()
    logger.info("calibration %s is %s", row, row.status)
    return run


def concerned(scale: str, synthetic: bool, before: int | None = None) -> Iterator[list[int]]:
    """Yield keys of living events with amplitudes or an assessment on a scale, newest first."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT e.id FROM catalog_event e
                WHERE e.id < %s AND e.synthetic = %s AND e.status NOT IN ('merged', 'deleted')
                AND (EXISTS (
                    SELECT FROM catalog_report r
                    JOIN catalog_amplitude a ON a.entry_id = r.current_entry_id
                    WHERE r.event_id = e.id)
                OR EXISTS (
                    SELECT FROM catalog_magnitudeassessment m
                    WHERE m.event_id = e.id AND m.scale = %s AND m.superseded_at IS NULL))
                ORDER BY e.id DESC LIMIT %s
                """,
                [2**62 if before is None else before, synthetic, scale, BATCH],
            )
            keys = [row[0] for row in cursor.fetchall()]
        if not keys:
            return
        yield keys
        before = keys[-1]


def change(item: WorkItem) -> None:
    """Ask for the events to be computed anew that a calibration says something of.

    One batch is one transaction, and more urgent work goes between two.
    """
    run = ProcessingRun.objects.get(pk=item.object_id)
    told = run.parameters
    for keys in concerned(told["scale"], told["synthetic"], told.get("before")):
        with writing():
            item.hold()
            WorkItem.objects.request_many("recompute", _versions(keys), run=run, priority=PRIORITY)
            run.parameters["before"] = keys[-1]
            run.save(update_fields=["parameters"])
        if WorkItem.objects.is_waiting(above=item.priority):
            item.release()
            return
    with writing():
        item.finish()


def _versions(keys: Iterable[int]) -> list[tuple[int, int]]:
    return list(Event.objects.filter(pk__in=list(keys)).values_list("pk", "evidence_version"))
