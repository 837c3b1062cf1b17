"""The events' computed magnitudes: from the stations' values, and from amplitudes.

From the station values that agencies report comes one network value a type; what is computed from
amplitudes is stored beside it (`processing.jobs.magnitude_assessments`). Neither replaces what an
agency reported as the network's, and no type is mixed with another. Of two values of one scale that
were computed here, that from agencies' own station values goes first: it has their calibrations and
corrections (criterion "reported", `processing.core.preference`).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import F
from django.utils import timezone

from catalog.models import Agency, Event, Magnitude, Origin, StationMagnitude
from catalog.scales import scale_of
from processing.core import magnitude as core
from processing.jobs import magnitude_assessments

METHOD_PREFIX = "kz-portal/network/"


def compute_many(
    events: Sequence[Event], origins: Mapping[int, Origin | None], agency: Agency
) -> None:
    """Store the events' computed magnitudes where their inputs changed.

    They hang on the computed origin, if there is one.
    """
    _from_station_values(events, origins, agency)
    magnitude_assessments.assess_many(events, origins, agency)


def _from_station_values(
    events: Sequence[Event], origins: Mapping[int, Origin | None], agency: Agency
) -> None:
    """Store one network value a type of station magnitude."""
    keys = [event.pk for event in events]
    by_type: dict[tuple[int, str], list[StationMagnitude]] = defaultdict(list)
    for row in (
        StationMagnitude.objects.filter(
            entry__current_of__event__in=keys,
            entry__current_of__outranked_by__isnull=True,
            bound="",
        )
        .exclude(type="")
        .annotate(event=F("entry__current_of__event"))
        .order_by("pk")
    ):
        by_type[row.event, row.type].append(row)
    standing = {
        (row.event_id, row.type): row
        for row in Magnitude.objects.current()
        .computed()
        .filter(event__in=keys, method_id__startswith=METHOD_PREFIX)
    }
    fresh: list[Magnitude] = []
    for event, name in sorted(by_type):
        rows = by_type[event, name]
        magnitude = _network_value(event, origins.get(event), name, rows, agency)
        if magnitude is None:
            continue
        old = standing.get((event, name))
        if old is not None and old.parameters["inputs"] == magnitude.parameters["inputs"]:
            del standing[event, name]
        else:
            fresh.append(magnitude)
    if standing:
        Magnitude.objects.filter(pk__in=[row.pk for row in standing.values()]).update(
            superseded_at=timezone.now()
        )
    Magnitude.objects.bulk_create(fresh)


def _network_value(
    event: int, origin: Origin | None, name: str, rows: list[StationMagnitude], agency: Agency
) -> Magnitude | None:
    """Return the network's value of one type, ``None`` with too few stations."""
    rule = core.rule_for(scale_of(name) or name)
    values = [core.StationValue(_station(row), row.value) for row in rows]
    result = core.network_magnitude(values, rule)
    if result.value is None:
        return None
    told = [rule.name, origin.pk if origin else None, [[row.pk, row.value] for row in rows]]
    return Magnitude(
        event_id=event,
        origin=origin,
        agency=agency,
        type=name,
        scale=scale_of(name),
        value=result.value,
        uncertainty=result.uncertainty,
        station_count=result.station_count,
        method_id=METHOD_PREFIX + result.rule,
        evaluation_mode="automatic",
        creation_time=timezone.now(),
        parameters={
            "inputs": hashlib.sha256(json.dumps(told).encode()).hexdigest(),
            "station_magnitudes": [row.pk for row in rows],
            "used": list(result.used),
        },
    )


def _station(row: StationMagnitude) -> str:
    """Name a station; the code alone where the station could not be resolved."""
    if row.station_id is not None:
        return str(row.station_id)
    return f"{row.network_code}.{row.station_code}"
