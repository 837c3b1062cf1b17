"""Magnitudes from amplitudes: every scale of every event, stored where its inputs changed.

Distances and depth are from the event's computed origin; without one from the origin that the rules
of preference, and people's choices, put first. So a person who moves the preferred origin moves
these magnitudes, unless the portal located the event itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from catalog.models import Agency, Event, Magnitude, MagnitudeAssessment, Origin
from processing.core import magnitude as network
from processing.core import magnitude_assessment as core
from processing.core.amplitude_readings import AmplitudeReading
from processing.core.calibration import Calibration
from processing.core.magnitude_scales import SCALES, Scale, Status
from processing.jobs import amplitude_readings, preference, preference_rules, waveforms
from processing.jobs.calibrations import calibrations_in_force

#: Goes up when a formula, a table or the choice of readings changes, so that all is computed anew.
VERSION = 1


def assess_many(
    events: Sequence[Event], origins: Mapping[int, Origin | None], agency: Agency
) -> None:
    """Store what comes of the events' amplitudes on each scale; what has not changed stays.

    ``origins`` are the events' computed ones. The rows of the events are locked by the caller. The
    number of queries does not depend on the number of events.
    """
    keys = [event.pk for event in events]
    rows = amplitude_readings.reported(keys)
    measured = waveforms.amplitude_readings(keys)
    sized = {row.event for row in rows} | {reading.event for reading in measured}
    places = _origins([event for event in events if event.pk in sized], origins)
    hypocentres = {
        event: core.Hypocentre(origin.latitude, origin.longitude, origin.depth_km)
        for event, origin in places.items()
    }
    made_up = {event.pk: event.synthetic for event in events}
    in_force = {kind: calibrations_in_force(kind) for kind in sorted(set(made_up.values()))}
    curves = {
        kind: {scale for scale, found in calibrations.items() if found.kind == "sigma"}
        for kind, calibrations in in_force.items()
    }
    fitted = {event: curves[kind] for event, kind in made_up.items()}
    readings: dict[str, dict[int, list[AmplitudeReading]]] = defaultdict(lambda: defaultdict(list))
    for reading in (
        *amplitude_readings.readings(rows, hypocentres, fitted),
        *measured,
        *amplitude_readings.moments(keys),
    ):
        readings[reading.scale][reading.event].append(reading)
    standing = {
        (row.event_id, row.scale): row
        for row in MagnitudeAssessment.objects.current()
        .filter(event__in=keys)
        .only("event_id", "scale", "inputs", "magnitude_id")
    }
    fresh: list[MagnitudeAssessment] = []
    for scale in SCALES:
        for kind, calibrations in in_force.items():
            calibration = calibrations.get(scale.id)
            changed: dict[int, str] = {}
            for event, group in readings[scale.id].items():
                if made_up[event] != kind:
                    continue
                inputs = _fingerprint(scale, group, places.get(event), calibration)
                old = standing.get((event, scale.id))
                if old is not None and old.inputs == inputs:
                    del standing[event, scale.id]
                else:
                    changed[event] = inputs
            assessed = core.assess(
                scale.id,
                (reading for event in changed for reading in readings[scale.id][event]),
                hypocentres,
                calibration,
            )
            fresh += [
                _assessment(
                    event, scale, assessed[event], changed[event], agency, calibration,
                    computed=origins.get(event), origin=places.get(event),
                )
                for event in sorted(changed)
            ]  # fmt: skip
    _store(standing.values(), fresh)


def _origins(events: Sequence[Event], computed: Mapping[int, Origin | None]) -> dict[int, Origin]:
    """Return the origin each event's distances are from."""
    found = {event.pk: origin for event in events if (origin := computed.get(event.pk))}
    others = [event for event in events if event.pk not in found]
    if others:
        preference_rules.hold()
        for event, choice in preference.choices(others, preference_rules.in_force())[0].items():
            if choice.preferred is not None:
                found[event] = choice.preferred
    return found


def _fingerprint(
    scale: Scale,
    readings: Sequence[AmplitudeReading],
    origin: Origin | None,
    calibration: Calibration | None,
) -> str:
    """Return a hash of all that a scale's values of one event follow from."""
    place = None
    if origin is not None and not core.is_of_moments(scale):
        place = [origin.pk, origin.latitude, origin.longitude, origin.depth_km]
    told = [
        VERSION,
        scale.id,
        network.SCALE_RULES[scale.id].name,
        calibration.version if calibration else "",
        place,
        sorted(
            [
                *r.source, r.station or 0, r.network, r.code, r.component, r.sensor, r.wave,
                repr(r.amplitude), repr(r.period), repr(r.latitude), repr(r.longitude),
                r.outcome or "", r.report,
            ]
            for r in readings
        ),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def type_and_column(scale: Scale, calibration: Calibration | None) -> tuple[str, str]:
    """Return what values of a scale are called now, and the catalogue's scale they count on.

    An uncalibrated value has a name of its own and counts on none.
    """
    if scale.status is Status.STANDARD:
        return scale.type, scale.column
    if calibration is not None:
        return scale.column or scale.type, scale.column
    return scale.type, ""


def _assessment(
    event: int,
    scale: Scale,
    found: core.Assessed,
    inputs: str,
    agency: Agency,
    calibration: Calibration | None,
    *,
    computed: Origin | None,
    origin: Origin | None,
) -> MagnitudeAssessment:
    """Return a row not yet stored, with its magnitude if there is one."""
    kind, column = type_and_column(scale, calibration)
    method = core.METHOD_PREFIX + found.rule
    version = calibration.version if calibration else ""
    magnitude = None
    if found.value is not None:
        parameters: dict[str, Any] = {"scale": scale.id, "assessment": inputs}
        if calibration is not None:
            parameters["calibration"] = version
        magnitude = Magnitude(
            event_id=event,
            # As other computed values: on the portal's own origin or on none.
            origin=computed,
            agency=agency,
            type=kind,
            scale=column,
            value=found.value,
            uncertainty=found.uncertainty,
            # Agencies' moments are no stations.
            station_count=None if core.is_of_moments(scale) else found.station_count,
            method_id=method,
            evaluation_mode="automatic",
            creation_time=timezone.now(),
            parameters=parameters,
        )
    return MagnitudeAssessment(
        event_id=event,
        origin=None if core.is_of_moments(scale) else origin,
        scale=scale.id,
        type=kind,
        magnitude=magnitude,
        reason=found.reason,
        calibration=version,
        method_id=method,
        inputs=inputs,
        stations=[station.as_json() for station in found.stations],
    )


def _store(gone: Any, fresh: Sequence[MagnitudeAssessment]) -> None:
    """Supersede what no longer holds, then store what is new."""
    old = list(gone)
    if old:
        now = timezone.now()
        MagnitudeAssessment.objects.filter(pk__in=[row.pk for row in old]).update(superseded_at=now)
        Magnitude.objects.filter(
            pk__in=[row.magnitude_id for row in old if row.magnitude_id is not None]
        ).update(superseded_at=now)
    Magnitude.objects.bulk_create([row.magnitude for row in fresh if row.magnitude is not None])
    MagnitudeAssessment.objects.bulk_create(fresh)
