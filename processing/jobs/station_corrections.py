"""Station corrections: from the residuals of computed origins to rows, and from rows to seconds.

Events that were made up and events that were observed never meet in one set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction

from catalog.models import Arrival, Origin, User
from processing.core import earth_models
from processing.core import location as locator
from processing.core import station_corrections as core
from processing.jobs.location_inputs import AT_THE_SURFACE, METHOD_ID
from processing.models import CorrectionSet, StationCorrection

MAXIMUM_ELLIPSE_KM = 20.0
"""Semi-major axis of the 90 % coverage ellipse. Ours: what P travels in 3 s; where a place is known
less well, a residual says more of it than of the station."""
MAXIMUM_GAP_DEG = 180.0
"""Ours: with all stations on one side, distance and origin time take the delays for their own."""
CLOCK = "location:clock"

logger = logging.getLogger(__name__)


class CorrectionsError(Exception):
    """Why there is no such set, in words."""


@dataclass(frozen=True)
class Choice:
    """Which events and readings corrections are estimated from."""

    earth_model: str = locator.REGIONAL
    start: datetime | None = None
    end: datetime | None = None
    synthetic: bool = False
    maximum_ellipse_km: float = MAXIMUM_ELLIPSE_KM
    maximum_gap: float = MAXIMUM_GAP_DEG
    maximum_distance_deg: float = core.MAXIMUM_DISTANCE_DEG
    minimum_events: int = core.MINIMUM_EVENTS
    minimum_readings: int = core.MINIMUM_READINGS
    most_passes: int = core.MOST_PASSES
    """Rounds of locating again; 0: the stored residuals as they are."""


@dataclass
class _Chosen:
    """One event: where it lies, its readings as observed, the residuals in use."""

    origin: Origin
    arrivals: list[locator.ArrivalObservation] = field(default_factory=list)
    residuals: list[core.Residual] = field(default_factory=list)


def corrections_of(version: str) -> dict[tuple[int, str], float]:
    """Return what arrivals are late by [s], by station (primary key) and family (P or S).

    Raises
    ------
    CorrectionsError
        When there is no set of that version.
    """
    rows = set_of(version).corrections.order_by("station", "wave")
    return {
        (station, wave): seconds
        for station, wave, seconds in rows.values_list("station", "wave", "correction_s")
    }


def versions_for(earth_model: str, synthetic: bool = False) -> list[str]:
    """Return the versions there are for a model of the locator, the newest first."""
    sets = CorrectionSet.objects.filter(earth_model=earth_model, synthetic=synthetic)
    return list(sets.order_by("-created_at", "-pk").values_list("version", flat=True))


def set_of(version: str) -> CorrectionSet:
    """Return the set of a version; see ``corrections_of``."""
    found = CorrectionSet.objects.filter(version=version).first()
    if found is None:
        known = ", ".join(CorrectionSet.objects.values_list("version", flat=True)) or "none"
        raise CorrectionsError(f"no station corrections of version {version!r}; there are: {known}")
    return found


def make_set(
    version: str,
    choice: Choice,
    actor: User | None = None,
    watch: Callable[[core.Estimate], None] | None = None,
) -> CorrectionSet:
    """Estimate the corrections of a choice of events and store them under a new version.

    Raises
    ------
    CorrectionsError
        When the model is unknown, the version is there already, or too little is known.
    """
    if choice.earth_model not in (locator.REGIONAL, *earth_models.MODELS):
        known = ", ".join((locator.REGIONAL, *earth_models.MODELS))
        raise CorrectionsError(f"no earth model {choice.earth_model!r}; there are: {known}")
    if not version:
        raise CorrectionsError("a version needs a name")
    if CorrectionSet.objects.filter(version=version).exists():
        raise CorrectionsError(
            f"version {version!r} exists and is never edited: give the new estimate another name"
        )
    if not choice.most_passes and choice.earth_model != locator.REGIONAL:
        raise CorrectionsError(
            f"stored residuals are those of {locator.REGIONAL!r}: for another model the events must"
            " be located again"
        )
    chosen = _chosen(choice)
    if len(chosen) < choice.minimum_events:
        raise CorrectionsError(
            f"{len(chosen)} events are good enough, {choice.minimum_events} are needed"
        )
    found = _estimate(chosen, choice, watch)
    if not found.corrections:
        raise CorrectionsError(
            f"no station has readings of {choice.minimum_readings} events, from {len(chosen)}"
        )
    if len(found.events) < choice.minimum_events:
        raise CorrectionsError(
            f"{len(found.events)} of {len(chosen)} events remain after they were located again,"
            f" {choice.minimum_events} are needed"
        )
    made = _store(version, choice, chosen, found, actor)
    logger.info(
        "station corrections %s for %s: %d from %d events", version, choice.earth_model,
        len(found.corrections), made.event_count,
    )  # fmt: skip
    return made


def _chosen(choice: Choice) -> dict[int, _Chosen]:
    """Return the well located events by key, each with its current computed origin."""
    origins = (
        Origin.objects.current()
        .computed()
        .filter(
            method_id=METHOD_ID,
            event__synthetic=choice.synthetic,
            semi_major_axis_km__lte=choice.maximum_ellipse_km,
            azimuthal_gap__lte=choice.maximum_gap,
            parameters__converged=True,
            parameters__warnings=[],
        )
        .exclude(event__status__in=["merged", "deleted"])
        .select_related("event")
        .order_by("event", "pk")
    )
    if choice.start is not None:
        origins = origins.filter(time__gte=choice.start)
    if choice.end is not None:
        origins = origins.filter(time__lt=choice.end)
    model = earth_models.MODELS.get(choice.earth_model)
    chosen = {
        origin.pk: _Chosen(origin)
        for origin in origins
        if model is None
        or model.region is None
        # More than half: the model that holds there.
        or earth_models.region_weight(model, origin.latitude, origin.longitude) > 0.5
    }
    _read(chosen, choice)
    return {one.origin.event_id: one for one in chosen.values() if one.origin.event_id is not None}


def _read(chosen: dict[int, _Chosen], choice: Choice) -> None:
    """Give each origin its arrivals."""
    arrivals = (
        Arrival.objects.filter(
            origin__in=list(chosen), pick__station__isnull=False, pick__time__isnull=False
        )
        .select_related("pick__station")
        .order_by("pk")
    )
    if not choice.synthetic:
        arrivals = arrivals.filter(pick__station__synthetic=False)
    for arrival in arrivals.iterator(chunk_size=5000):
        one, pick = chosen[arrival.origin_id], arrival.pick
        station, time = pick.station, pick.time
        if station is None or time is None:
            continue
        one.arrivals.append(
            locator.ArrivalObservation(
                station=str(station.pk),
                latitude=station.latitude,
                longitude=station.longitude,
                elevation_m=station.elevation_m,
                phase=arrival.phase,
                time=(time - one.origin.time).total_seconds(),
                time_uncertainty=pick.time_uncertainty,
                backazimuth=pick.backazimuth,
                backazimuth_uncertainty=pick.backazimuth_uncertainty,
                slowness=pick.horizontal_slowness,
                slowness_uncertainty=pick.horizontal_slowness_uncertainty,
            )
        )
        if (
            arrival.time_defining
            and arrival.time_residual is not None
            and arrival.distance_deg is not None
            and arrival.azimuth is not None
            and CLOCK not in arrival.comments
        ):
            one.residuals.append(
                core.Residual(
                    str(station.pk), arrival.phase, arrival.distance_deg, arrival.azimuth,
                    # A residual is what is left after a correction.
                    arrival.time_residual + (arrival.time_correction or 0.0),
                )
            )  # fmt: skip


def _estimate(
    chosen: dict[int, _Chosen], choice: Choice, watch: Callable[[core.Estimate], None] | None
) -> core.Estimate:
    if choice.most_passes:
        return core.settle(
            [_source(key, one) for key, one in chosen.items()],
            choice.earth_model,
            choice.minimum_readings,
            choice.maximum_distance_deg,
            choice.most_passes,
            watch,
        )
    rows = [
        row
        for key, one in chosen.items()
        for row in core.late_readings(
            core.Solved(
                key,
                one.origin.latitude,
                one.origin.longitude,
                one.origin.depth_km or 0.0,
                one.origin.depth_uncertainty_km is not None,
            ),
            one.residuals,
            choice.earth_model,
            choice.maximum_distance_deg,
        )
    ]
    return core.estimate(rows, minimum_readings=choice.minimum_readings)


def _source(key: int, one: _Chosen) -> core.SourceReadings:
    origin = one.origin
    event = origin.event
    surface = event is not None and event.event_type in AT_THE_SURFACE
    return core.SourceReadings(
        key,
        tuple(one.arrivals),
        locator.Hypocentre(origin.latitude, origin.longitude, 0.0, origin.depth_km),
        0.0 if surface else None,
    )


def _store(
    version: str,
    choice: Choice,
    chosen: dict[int, _Chosen],
    found: core.Estimate,
    actor: User | None,
) -> CorrectionSet:
    times = [chosen[key].origin.time for key in found.events]
    with transaction.atomic():
        made = CorrectionSet.objects.create(
            version=version,
            earth_model=choice.earth_model,
            method_id=f"{METHOD_ID} {core.METHOD}",
            synthetic=choice.synthetic,
            event_count=len(found.events),
            first_event=min(times),
            last_event=max(times),
            parameters={
                "from": choice.start and choice.start.astimezone(UTC).isoformat(),
                "to": choice.end and choice.end.astimezone(UTC).isoformat(),
                "maximum_ellipse_km": choice.maximum_ellipse_km,
                "maximum_gap": choice.maximum_gap,
                "maximum_distance_deg": choice.maximum_distance_deg,
                "minimum_events": choice.minimum_events,
                "minimum_readings": choice.minimum_readings,
                "most_passes": choice.most_passes,
                "passes": found.passes,
                "settled": found.settled,
                "last_change_s": round(found.change_s, 4),
                "events_chosen": len(chosen),
            },
            actor=actor,
        )
        StationCorrection.objects.bulk_create(
            StationCorrection(
                set=made,
                station_id=int(station),
                wave=wave,
                correction_s=c.correction_s,
                standard_error=c.standard_error,
                reading_count=c.reading_count,
            )
            for (station, wave), c in found.corrections.items()
        )
    return made
