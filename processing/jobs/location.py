"""Locate events from the readings of all their reports: rows to numbers, numbers to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings as django_settings
from django.contrib.gis.geos import Point
from django.utils import timezone

from catalog.models import Agency, Arrival, Event, Origin
from processing.core import location as core
from processing.core import phases
from processing.jobs import location_inputs, station_corrections
from processing.jobs.location_inputs import METHOD_ID, Inputs, Reading, Settings


def portal_agency() -> Agency:
    """Return the agency under which computed values appear, made on first use."""
    agency = Agency.objects.filter(is_portal=True).first()
    if agency is None:
        agency, _created = Agency.objects.update_or_create(
            code=django_settings.PORTAL_AGENCY_CODE,
            defaults={"is_portal": True, "is_provisional": False},
        )
    return agency


def locate_many(events: Sequence[Event], agency: Agency) -> dict[int, Origin | None]:
    """Return each event's computed origin, newly stored where its inputs changed.

    ``None`` where the readings do not suffice; why not then stands in ``event.preference``, which
    the preference job saves. The rows of the events are locked by the caller.
    """
    outcome: dict[int, Origin | None] = {}
    fresh: list[tuple[Event, Origin, list[Arrival]]] = []
    overtaken: list[int] = []
    for event, inputs in zip(events, location_inputs.load_many(events).values(), strict=True):
        outcome[event.pk] = None
        if not inputs.readings and "location" not in event.preference:
            continue
        told = inputs.fingerprint()
        standing = inputs.standing
        if standing is not None and standing.parameters.get("inputs") == told:
            outcome[event.pk] = standing
            continue
        if standing is not None:
            overtaken.append(standing.pk)
        try:
            solved = solve(inputs, inputs.settings)
        except core.LocationError as error:
            _note(event, code=error.code, **error.values)
        else:
            origin = _origin(event, inputs, solved, told, agency)
            outcome[event.pk] = origin
            fresh.append((event, origin, _arrivals(origin, inputs.readings, solved)))
    Origin.objects.bulk_create([origin for _event, origin, _arrivals in fresh])
    Arrival.objects.bulk_create([row for _event, _origin, rows in fresh for row in rows])
    for event, origin, _rows in fresh:
        _note(event, origin=origin.pk)
    if overtaken:
        Origin.objects.filter(pk__in=overtaken).update(superseded_at=timezone.now())
    return outcome


def _note(event: Event, **outcome: Any) -> None:
    event.preference = {**event.preference, "location": outcome}


def observations(
    inputs: Inputs, settings: Settings
) -> tuple[list[core.ArrivalObservation], datetime]:
    """Return the readings as the locator takes them, and the epoch their times count from.

    Raises
    ------
    core.LocationError
        When there is no reading; ``no_corrections``: no set of that version is kept here.
    """
    if not inputs.readings:
        raise core.LocationError("too_few_arrivals", {"phases": 0, "stations": 0})
    reference = min(r.time for r in inputs.readings).replace(microsecond=0)
    late: Mapping[tuple[int, str], float] = {}
    if settings.corrections:
        try:
            late = station_corrections.corrections_of(settings.corrections)
        except station_corrections.CorrectionsError as error:
            raise core.LocationError("no_corrections", {}) from error
    observed = []
    for r in inputs.readings:
        ruling = settings.of(r)
        phase = ruling.renamed if ruling is not None and ruling.renamed else r.phase
        observed.append(
            core.ArrivalObservation(
                station=str(r.station),
                latitude=r.latitude,
                longitude=r.longitude,
                elevation_m=r.elevation_m,
                phase=phase,
                time=(r.time - reference).total_seconds(),
                time_uncertainty=r.time_uncertainty,
                backazimuth=r.backazimuth,
                backazimuth_uncertainty=r.backazimuth_uncertainty,
                slowness=r.slowness,
                slowness_uncertainty=r.slowness_uncertainty,
                correction_s=late.get((r.station, phases.family(phase) or ""), 0.0),
                off=ruling is not None and ruling.off,
                name_held=ruling is not None and bool(ruling.renamed),
            )
        )
    return observed, reference


class Solved(NamedTuple):
    """A solution, the epoch its times count from, and the readings as it took them."""

    solution: core.LocationSolution
    reference: datetime
    observed: list[core.ArrivalObservation]

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.reference.timestamp() + self.solution.time, UTC)


def solve(inputs: Inputs, settings: Settings) -> Solved:
    """Return where the readings put the event.

    Raises
    ------
    core.LocationError
        See `processing.core.location.locate`.
    """
    observed, reference = observations(inputs, settings)
    depth = settings.depth_km
    if depth is None and inputs.surface:
        depth = 0.0
    start = [
        core.Hypocentre(o.latitude, o.longitude, (o.time - reference).total_seconds(), o.depth_km)
        for o in inputs.start
    ]
    model, own = inputs.models(settings)
    solution = core.locate(observed, model, start, depth, own, doubt=True)
    return Solved(solution, reference, observed)


def _origin(
    event: Event,
    inputs: Inputs,
    solved: Solved,
    told: str,
    agency: Agency,
) -> Origin:
    solution = solved.solution
    error = np.sqrt(np.diag(solution.covariance))  # s, km, km, km
    depth_error = solution.depth_error_km
    return Origin(
        event=event,
        agency=agency,
        time=solved.time,
        time_uncertainty=float(error[0]),
        point=Point(solution.longitude, solution.latitude, srid=4326),
        longitude_uncertainty_km=float(error[1]),
        latitude_uncertainty_km=float(error[2]),
        depth_km=round(solution.depth_km, 2),
        depth_type=solution.depth_type,
        # From its confidence interval, as if it were a normal error.
        depth_uncertainty_km=None if depth_error is None else depth_error / core.NORMAL_90,
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
        evaluation_mode="automatic" if inputs.decision is None else "manual",
        evaluation_status="" if inputs.decision is None else "reviewed",
        creation_time=timezone.now(),
        parameters={
            "inputs": told,
            "corrections": inputs.settings.corrections,
            "decision": None if inputs.decision is None else inputs.decision.pk,
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


def _arrivals(origin: Origin, readings: Sequence[Reading], solved: Solved) -> list[Arrival]:
    solution = solved.solution
    return [
        Arrival(
            origin=origin,
            pick_id=reading.pick,
            phase=solution.phase[i],
            azimuth=float(solution.azimuth[i]),
            distance_deg=float(solution.distance[i]),
            time_residual=_number(solution.residual[i]),
            time_correction=solved.observed[i].correction_s or None,
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
