"""Locate an event from the readings of all its reports: rows to numbers, numbers to rows."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.gis.geos import Point
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import Agency, Arrival, Event, Origin, Pick, PickAssociation
from processing.core import location as core
from processing.core import phases

#: By source region and distance: see processing/core/earth_models.py.
EARTH_MODEL = core.REGIONAL
METHOD_ID = f"kz-portal/{core.METHOD}"
#: Man-made sources lie at the surface (project methods 3.3). QuakeML event types.
AT_THE_SURFACE = frozenset(
    {
        "accidental explosion", "anthropogenic event", "blasting levee", "chemical explosion",
        "controlled explosion", "experimental explosion", "explosion", "industrial explosion",
        "mine collapse", "mining explosion", "nuclear explosion", "quarry blast", "road cut",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """One onset at one known station."""

    pick: int
    station: int
    latitude: float
    longitude: float
    elevation_m: float | None
    phase: str
    time: datetime
    time_uncertainty: float | None
    agency: str
    backazimuth: float | None = None
    backazimuth_uncertainty: float | None = None
    slowness: float | None = None
    slowness_uncertainty: float | None = None


def portal_agency() -> Agency:
    """Return the agency under which computed values appear, made on first use."""
    agency = Agency.objects.filter(is_portal=True).first()
    if agency is None:
        agency, _created = Agency.objects.update_or_create(
            code=settings.PORTAL_AGENCY_CODE, defaults={"is_portal": True, "is_provisional": False}
        )
    return agency


def locate_many(events: Sequence[Event]) -> dict[int, Origin | None]:
    """Locate those of the events that have readings or had some; see ``locate``."""
    keys = [event.pk for event in events]
    with_readings = set(
        Pick.objects.filter(
            entry__current_of__event__in=keys, station__isnull=False, time__isnull=False
        )
        .values_list("entry__current_of__event", flat=True)
        .distinct()
    ) | set(_accepted().filter(event__in=keys).values_list("event", flat=True))
    return {
        event.pk: locate(event)
        if event.pk in with_readings or "location" in event.preference
        else None
        for event in events
    }


def locate(event: Event) -> Origin | None:
    """Return the event's computed origin, newly stored if its inputs changed.

    ``None`` if the readings do not suffice; why not then stands in ``event.preference``, which the
    preference job saves.
    """
    readings = load_readings(event)
    standing: Origin | None = (
        Origin.objects.current()
        .computed()
        .filter(event=event, method_id__startswith="kz-portal/")
        .first()
        if readings or event.preference.get("location", {}).get("origin")
        else None
    )
    start = _reported(event) if readings else []
    surface = event.event_type in AT_THE_SURFACE
    inputs = _fingerprint(readings, start, surface)
    if standing is not None and standing.parameters.get("inputs") == inputs:
        return standing
    origin: Origin | None = None
    try:
        solution, reference = _solve(readings, start, surface)
    except core.LocationError as error:
        _note(event, code=error.code, **error.values)
    else:
        origin = _origin(event, solution, reference, inputs)
        origin.save()
        Arrival.objects.bulk_create(_arrivals(origin, readings, solution))
        _note(event, origin=origin.pk)
    if standing is not None:
        Origin.objects.filter(pk=standing.pk).update(superseded_at=timezone.now())
    return origin


def _note(event: Event, **outcome: Any) -> None:
    event.preference = {**event.preference, "location": outcome}


def _accepted() -> QuerySet[PickAssociation]:
    """Return what ties readings without an event of their own to events, by somebody's decision."""
    return PickAssociation.objects.filter(
        state=PickAssociation.State.ACCEPTED,
        pick__reading__is_current=True,
        pick__station__isnull=False,
        pick__time__isnull=False,
    )


def load_readings(event: Event) -> list[Reading]:
    """Return the onsets of the event at known stations, each once.

    They are those of its current reports, under the phase the report's arrival names, else the
    reader's hint; and the readings of station bulletins that were accepted, under the phase they
    fit, where no report has the same.
    """
    kept = _reported_readings(event)
    known: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for reading in kept:
        known[reading.station, _wave(reading.phase)].append(reading.time)
    for row in (
        _accepted().filter(event=event).select_related("pick__station", "pick__reading__agency")
    ).order_by("pick__time", "pick"):
        pick, station, time = row.pick, row.pick.station, row.pick.time
        if station is None or time is None:
            continue
        same = known[station.pk, _wave(row.phase)]
        if any(abs((time - other).total_seconds()) <= core.SAME_READING_S for other in same):
            continue
        same.append(time)
        kept.append(
            Reading(
                pick=pick.pk,
                station=station.pk,
                latitude=station.latitude,
                longitude=station.longitude,
                elevation_m=station.elevation_m,
                phase=row.phase,
                time=time,
                time_uncertainty=pick.time_uncertainty,
                agency=pick.agency or pick.reading.agency.code,
                **_of_array(pick),
            )
        )
    return kept


def _of_array(pick: Pick) -> dict[str, float | None]:
    return {
        "backazimuth": pick.backazimuth,
        "backazimuth_uncertainty": pick.backazimuth_uncertainty,
        "slowness": pick.horizontal_slowness,
        "slowness_uncertainty": pick.horizontal_slowness_uncertainty,
    }


def _wave(phase: str) -> str:
    return phases.family(phase) or phase


def _reported_readings(event: Event) -> list[Reading]:
    rows = (
        Pick.objects.filter(
            entry__current_of__event=event, station__isnull=False, time__isnull=False
        )
        .select_related("station")
        .order_by("time", "agency", "pk")
        .distinct()
    )
    picks = list(rows)
    if not picks:
        return []
    named: dict[int, str] = {}
    for pick, phase in (
        Arrival.objects.filter(pick__in=[p.pk for p in picks], origin__entry__isnull=False)
        .exclude(phase="")
        .order_by("origin__is_prime", "-pk")
        .values_list("pick", "phase")
    ):
        named[pick] = phase  # the prime origin's comes last
    kept: list[Reading] = []
    latest: dict[tuple[int, str], datetime] = {}
    for pick_row in picks:
        station, time = pick_row.station, pick_row.time
        phase = named.get(pick_row.pk) or pick_row.phase_hint
        if station is None or time is None or not phase:
            continue
        key = (station.pk, phases.standard_name(phase) or phase)
        if key in latest and (time - latest[key]).total_seconds() <= core.SAME_READING_S:
            continue
        latest[key] = time
        kept.append(
            Reading(
                pick=pick_row.pk,
                station=station.pk,
                latitude=station.latitude,
                longitude=station.longitude,
                elevation_m=station.elevation_m,
                phase=phase,
                time=time,
                time_uncertainty=pick_row.time_uncertainty,
                agency=pick_row.agency,
                **_of_array(pick_row),
            )
        )
    return kept


def _reported(event: Event) -> list[Origin]:
    return list(Origin.objects.current().reported().filter(event=event).order_by("time", "pk"))


def _fingerprint(readings: Sequence[Reading], start: Sequence[Origin], surface: bool) -> str:
    """Return a digest of all that decides the solution."""
    told = [
        [METHOD_ID, EARTH_MODEL, surface],
        sorted(
            [
                r.station, r.latitude, r.longitude, r.elevation_m or 0.0, r.phase,
                r.time.isoformat(), r.time_uncertainty or 0.0, r.pick,
                r.backazimuth or -1.0, r.backazimuth_uncertainty or 0.0, r.slowness or -1.0,
                r.slowness_uncertainty or 0.0,
            ]
            for r in readings
        ),
        sorted([o.time.isoformat(), o.latitude, o.longitude, o.depth_km or 0.0] for o in start),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _solve(
    readings: Sequence[Reading], start: Sequence[Origin], surface: bool
) -> tuple[core.LocationSolution, datetime]:
    if not readings:
        raise core.LocationError("too_few_arrivals", {"phases": 0, "stations": 0})
    reference = min(r.time for r in readings).replace(microsecond=0)
    solution = core.locate(
        [
            core.ArrivalObservation(
                station=str(r.station),
                latitude=r.latitude,
                longitude=r.longitude,
                elevation_m=r.elevation_m,
                phase=r.phase,
                time=(r.time - reference).total_seconds(),
                time_uncertainty=r.time_uncertainty,
                backazimuth=r.backazimuth,
                backazimuth_uncertainty=r.backazimuth_uncertainty,
                slowness=r.slowness,
                slowness_uncertainty=r.slowness_uncertainty,
            )
            for r in readings
        ],
        EARTH_MODEL,
        [
            core.Hypocentre(
                o.latitude, o.longitude, (o.time - reference).total_seconds(), o.depth_km
            )
            for o in start
        ],
        0.0 if surface else None,
    )
    return solution, reference


def _origin(
    event: Event, solution: core.LocationSolution, reference: datetime, inputs: str
) -> Origin:
    moment = datetime.fromtimestamp(reference.timestamp() + solution.time, UTC)
    error = np.sqrt(np.diag(solution.covariance))  # s, km, km, km
    free_depth = solution.depth_error_km is not None
    return Origin(
        event=event,
        agency=portal_agency(),
        time=moment,
        time_uncertainty=float(error[0]),
        point=Point(solution.longitude, solution.latitude, srid=4326),
        longitude_uncertainty_km=float(error[1]),
        latitude_uncertainty_km=float(error[2]),
        depth_km=round(solution.depth_km, 2),
        depth_type=solution.depth_type,
        depth_uncertainty_km=float(error[3]) if free_depth else None,
        semi_major_axis_km=solution.semi_major_km,
        semi_minor_axis_km=solution.semi_minor_km,
        major_axis_azimuth=solution.ellipse_azimuth,
        confidence_level=100.0 * solution.confidence_level,
        used_phase_count=solution.used_phase_count,
        associated_phase_count=solution.associated_phase_count,
        used_station_count=solution.used_station_count,
        associated_station_count=solution.associated_station_count,
        standard_error=solution.standard_error,
        azimuthal_gap=solution.azimuthal_gap,
        secondary_azimuthal_gap=solution.secondary_azimuthal_gap,
        minimum_distance_deg=solution.minimum_distance,
        median_distance_deg=solution.median_distance,
        maximum_distance_deg=solution.maximum_distance,
        depth_phase_count=solution.depth_phase_count,
        ground_truth_level="GT5 candidate" if solution.gt5_candidate else "",
        method_id=METHOD_ID,
        earth_model_id=solution.model,
        origin_type="hypocenter",
        evaluation_mode="automatic",
        creation_time=timezone.now(),
        parameters={
            "inputs": inputs,
            "converged": solution.converged,
            "iterations": solution.iterations,
            "uncertainties": "one standard error; the coverage ellipse at its confidence level",
            "depth_code": solution.depth_code,
            "error_scale": round(solution.error_scale, 3),
            "chi_square": round(solution.chi_square, 3),
            "effective_data": round(solution.effective_data, 2),
            "condition_number": round(solution.condition_number, 1),
            "uniformity": round(solution.uniformity, 3),
            "confidence_ellipse_km": None
            if solution.confidence_semi_major_km is None
            or solution.confidence_semi_minor_km is None
            else [
                round(solution.confidence_semi_major_km, 2),
                round(solution.confidence_semi_minor_km, 2),
            ],
            "warnings": list(solution.warnings),
            "alternatives": [
                {
                    "latitude": round(other.hypocentre.latitude, 4),
                    "longitude": round(other.hypocentre.longitude, 4),
                    "depth_km": other.hypocentre.depth_km,
                    "worse_by": round(other.worse_by, 2),
                }
                for other in solution.alternatives
            ],
        },
    )


def _arrivals(
    origin: Origin, readings: Sequence[Reading], solution: core.LocationSolution
) -> list[Arrival]:
    return [
        Arrival(
            origin=origin,
            pick_id=reading.pick,
            phase=solution.phase[i],
            azimuth=float(solution.azimuth[i]),
            distance_deg=float(solution.distance[i]),
            time_residual=_number(solution.residual[i]),
            time_weight=float(solution.weight[i]),
            time_defining=bool(solution.used[i]),
            backazimuth_residual=_number(solution.backazimuth_residual[i]),
            backazimuth_defining=None
            if reading.backazimuth is None
            else bool(solution.backazimuth_used[i]),
            horizontal_slowness_residual=_number(solution.slowness_residual[i]),
            horizontal_slowness_defining=None
            if reading.slowness is None
            else bool(solution.slowness_used[i]),
            earth_model=solution.model,
            # Why a reading is not in use, as a code; pages translate it.
            comments=[f"location:{solution.reason[i]}"] if solution.reason[i] else [],
        )
        for i, reading in enumerate(readings)
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
