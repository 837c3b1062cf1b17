"""Intensities of an event become its macroseismic assessment, expert and community apart.

Expert points are the current intensities of reports and of the desk; community points the published
cells of 10 km, so that no report of the public counts twice. "Not felt" and "felt" without a grade
are counted and enter no fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import connection
from django.db.models import Q

from catalog.formats.records import EPICENTRE
from catalog.models import (
    CommunityIntensity,
    Event,
    IntensityObservation,
    MacroseismicAssessment,
    Magnitude,
    Origin,
)
from processing.core import intensity_prediction as prediction
from processing.core import macroseismic
from processing.core.felt import LEAST_FELT
from processing.core.macroseismic import METHOD_ID, Points

#: Two intensities nearer than this are of one place and count as their mean [deg]. Ours.
PLACE_DIGITS = 2
#: Figures of a stored number: to a thousandth of a grade, a tenth of a metre of a degree.
STORED_DIGITS = 6

Row = tuple[float, float, float]


def assess(event: Event) -> MacroseismicAssessment | None:
    """Bring one event's assessment up to date and return it; None where nothing was felt."""
    assess_many([event])
    return MacroseismicAssessment.objects.filter(event=event).first()


def assess_many(events: Sequence[Event]) -> None:
    """Bring the assessments of events up to date, and take away those nothing speaks for any more.

    The rows of the events are locked by the caller, their preferred origins chosen. Events without
    intensities cost their share of one question.
    """
    concerned = _concerned([event.pk for event in events])
    if not concerned:
        return
    expert, community, not_felt = _points(concerned)
    sizes = sizes_of(concerned)
    origins = Origin.objects.in_bulk(
        [e.preferred_origin_id for e in events if e.pk in concerned and e.preferred_origin_id]
    )
    stored = {a.event_id: a for a in MacroseismicAssessment.objects.filter(event__in=concerned)}
    changed = []
    for event in events:
        if event.pk not in concerned:
            continue
        origin = origins.get(event.preferred_origin_id or 0)
        rows = {"expert": expert[event.pk], "community": community[event.pk]}
        if origin is None or not (any(rows.values()) or any(not_felt[event.pk].values())):
            if event.pk in stored:
                stored[event.pk].delete()
            continue
        made = document(origin, sizes[event.pk], rows, not_felt[event.pk])
        was = stored.get(event.pk)
        if was is None or (was.document, was.method_id) != (made, METHOD_ID):
            changed.append(MacroseismicAssessment(event=event, document=made, method_id=METHOD_ID))
    MacroseismicAssessment.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["event"],
        update_fields=["document", "method_id", "computed_at"],
    )


_CONCERNED = """
SELECT event_id FROM catalog_intensityobservation
    WHERE event_id = ANY(%(keys)s) AND superseded_at IS NULL
UNION SELECT event_id FROM catalog_communityintensity WHERE event_id = ANY(%(keys)s) AND published
UNION SELECT event_id FROM catalog_macroseismicassessment WHERE event_id = ANY(%(keys)s)
"""


def _concerned(keys: Collection[int]) -> set[int]:
    """Return those events that have intensities, or an assessment made of some."""
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, {"keys": list(keys)})
        return {key for (key,) in cursor.fetchall()}


def document(
    origin: Origin,
    sizes: Mapping[str, float],
    rows: Mapping[str, Sequence[Row]],
    not_felt: Mapping[str, int],
) -> dict[str, Any]:
    """Return what is stored: input magnitude, hypocentre, model, and what each kind tells.

    ``expert`` and ``community`` are ``processing.core.macroseismic.Assessment`` as JSON, or None.
    """
    model = prediction.MODELS[prediction.DEFAULT]
    depth = prediction.DEPTH_WITHOUT_KM if origin.depth_km is None else origin.depth_km
    size = prediction.input_magnitude(sizes)
    told: dict[str, Any] = {
        "model": model.id,
        "origin": {
            "latitude": origin.latitude, "longitude": origin.longitude,
            "depth_km": origin.depth_km,
        },
        "input": asdict(size) if size else None,
        "not_felt": dict(not_felt),
    }  # fmt: skip
    for kind, found in rows.items():
        points = Points.of(one_a_place(found))
        made = macroseismic.assess(points, origin.latitude, origin.longitude, depth, model)
        told[kind] = asdict(made) if made else None
    rounded: dict[str, Any] = _rounded(told)
    return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, STORED_DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value


def one_a_place(rows: Iterable[Row]) -> list[Row]:
    """Return the mean of the intensities of each place, so that none counts twice."""
    places: dict[tuple[float, float], list[Row]] = defaultdict(list)
    for row in rows:
        places[round(row[0], PLACE_DIGITS), round(row[1], PLACE_DIGITS)].append(row)
    return [
        (same[0][0], same[0][1], sum(sorted(r[2] for r in same)) / len(same))
        for same in (sorted(found) for found in places.values())
    ]


def _points(
    keys: Collection[int],
) -> tuple[dict[int, list[Row]], dict[int, list[Row]], dict[int, dict[str, int]]]:
    expert: dict[int, list[Row]] = defaultdict(list)
    community: dict[int, list[Row]] = defaultdict(list)
    not_felt: dict[int, dict[str, int]] = {key: {"expert": 0, "community": 0} for key in keys}
    observations = (
        IntensityObservation.objects.current()
        .filter(event__in=keys, calculated=False)
        .select_related("settlement")
    )
    for one in observations:
        event = one.event_id
        if one.felt is False:
            not_felt[event]["expert"] += 1
        elif (row := point_of(one)) is not None:
            expert[event].append(row)
    cells = CommunityIntensity.objects.filter(
        event__in=keys, published=True, area=CommunityIntensity.Area.CELL_10_KM
    )
    for cell in cells:
        not_felt[cell.event_id]["community"] += cell.not_felt_count
        if cell.grade is not None and cell.grade >= LEAST_FELT:
            community[cell.event_id].append((cell.point.y, cell.point.x, cell.grade))
    return expert, community, not_felt


def point_of(one: IntensityObservation) -> Row | None:
    """Return latitude, longitude and grade of an intensity; None where it has no place or grade.

    I0 of a list is no place's.
    """
    grade = grade_of(one)
    where = one.point or (one.settlement.point if one.settlement else None)
    at_epicentre = one.settlement_id is None and one.place.strip().lower() == EPICENTRE
    if grade is None or where is None or at_epicentre:
        return None
    return where.y, where.x, grade


def grade_of(one: IntensityObservation) -> float | None:
    """Return the grade of an intensity: the best value, else the middle of its range."""
    if one.best is not None:
        return one.best
    ends = [end for end in (one.minimum, one.maximum) if end is not None]
    return sum(ends) / len(ends) if ends else None


def sizes_of(keys: Collection[int]) -> dict[int, dict[str, float]]:
    """Return scale -> value of what each event offers a prediction."""
    preferred = Q(preferred_for__event__in=keys)
    found: dict[int, list[Magnitude]] = defaultdict(list)
    chosen: set[int] = set()
    rows = (
        Magnitude.objects.current()
        .filter(Q(event__in=keys) & (preferred | Q(type="MLH")))
        .select_related("agency")
        .distinct()
    )
    for magnitude in rows:
        found[magnitude.event_id].append(magnitude)
        if magnitude.type != "MLH":
            chosen.add(magnitude.pk)
    return {key: sizes(found[key], chosen) for key in keys}


def sizes(magnitudes: Iterable[Magnitude], chosen: Collection[int]) -> dict[str, float]:
    """Return scale -> value of what magnitudes offer a prediction.

    MLH as reported (of several the first agency by code: the scale has no preference of its own),
    else the preferred value of a scale. Converted values and bounds are no measurements.
    """
    found: dict[str, float] = {}
    for magnitude in sorted(magnitudes, key=lambda m: (str(m.agency), m.pk)):
        if magnitude.converted_from_id is not None or magnitude.bound:
            continue
        if magnitude.type == "MLH":
            found.setdefault("MLH", magnitude.value)
        elif magnitude.pk in chosen:
            found[magnitude.scale] = magnitude.value
    return found
