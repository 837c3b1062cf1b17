"""The merge desk's page of one pair: two agencies' words side by side, drawn, located together.

The joint solution is computed for the page and stored nowhere; deciding is `processing.desk.merge`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from django.contrib import messages as notices
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from catalog.models import BulletinEntry, MergeDecision, Pick, Report, Station
from portal import location_words, plots
from portal.map_config import map_config, map_words
from portal.templatetags.seismo import as_given, decimal
from processing.core import geodesy, phases, surroundings
from processing.core import location as core
from processing.desk import merge, merge_pairs, messages
from processing.desk.merge_pairs import Side
from processing.desk.readings import may_decide
from processing.desk.views import staff_only
from processing.jobs import joint_location, merge_decisions
from processing.jobs.joint_location import Joint, Tried
from processing.jobs.location_inputs import BY_THE_RULES, Reading
from processing.models import ProcessingRun

#: Up to here times are reduced by the mantle's speed, as on the page of a location.
REGIONAL_DEG, REDUCING_KM_S = 15.0, 8.0
CURVES = ("Pg", "Pb", "Pn", "P", "Sg", "Sb", "Sn", "S", "Lg")
#: Looks of agencies in the plot; further ones begin again.
LOOKS = 6
#: Of a report's text as received.
TEXT_MOST = 20_000

WHY_NOT = location_words.WHY_NOT | {
    "too_many_readings": gettext_lazy("too many readings to locate for a page"),
    "took_too_long": gettext_lazy("it takes too long for a page"),
}


@dataclass(frozen=True)
class Row:
    """One line of the table of solutions."""

    title: str
    tried: Tried
    time: datetime | None
    error: str
    moved: tuple[float, float, float] | None
    """From the joint solution: km, s, km of depth."""

    @property
    def solution(self) -> core.LocationSolution | None:
        return self.tried.solved.solution if self.tried.solved else None


@staff_only
@require_safe
def pair(request: HttpRequest, first: int, second: int) -> HttpResponse:
    """All that tells whether two reports are one earthquake."""
    sides = merge_pairs.sides((first, second)) if max(first, second) < 2**63 else {}
    if len(sides) < 2:
        raise Http404
    query = merge.query_of(request.GET)
    reports = sides[first].report, sides[second].report
    if any(r.event is None or r.current_entry is None or r.withdrawn_at for r in reports):
        notices.warning(request, messages.meaning("report-gone"))
        return redirect(merge.with_query(reverse("review"), query))
    joint = joint_location.predict(*reports)
    marks = _owners(joint, reports)
    names = (sides[first].name, sides[second].name)
    if names[0] == names[1]:
        names = f"{names[0]} (1)", f"{names[1]} (2)"
    rows = _rows(joint, reports, names)
    others = [
        side
        for pk, side in merge_pairs.sides(
            Report.objects.filter(
                event__in=[r.event_id for r in reports], withdrawn_at__isnull=True
            ).values_list("pk", flat=True)
        ).items()
        if pk not in (first, second)
    ]
    review = _review(first, second)
    words = merge_decisions.words_among((first, second))
    return render(
        request,
        "desk/merge_pair.html",
        {
            "first": sides[first],
            "second": sides[second],
            "names": names,
            "columns": _columns((sides[first], sides[second])),
            "apart": merge_pairs.apart(sides[first], sides[second]),
            "is_one": reports[0].event_id == reports[1].event_id,
            "is_synthetic": sides[first].is_synthetic or sides[second].is_synthetic,
            "others": sorted(others, key=lambda s: (s.event_id, s.name)),
            "review": review,
            "reason": merge_pairs.reason_words(review.parts.get("reason", "")) if review else "",
            "parts": [
                (name, as_given(round(value, 2)) if isinstance(value, float) else value)
                for name, value in merge_pairs.parts_told(review.parts if review else {})
            ],
            "words": [(w, merge_pairs.decision_words(w), merge.can_undo(w)) for w in words],
            "rows": rows,
            "joint": joint,
            "rms": _rms(joint),
            "plot": _times(joint, marks, reports, sides),
            "agencies": _looks(marks),
            "seen": merge_decisions.seen_of((first, second)),
            "may_decide": may_decide(request),
            "query": query,
            **_neighbours(request, (first, second), query),
            "config": map_config(),
            "words_map": map_words()
            | {"mapLabel": _("Map of both epicentres. The table above holds the same.")},
            "map_data": _map((sides[first], sides[second]), names, others, rows[0]),
        },
    )


def _review(first: int, second: int) -> MergeDecision | None:
    """Return the latest doubt of the rules about two reports."""
    return (
        MergeDecision.objects.filter(
            kind=MergeDecision.Kind.REVIEW,
            report__in=(first, second),
            other_report__in=(first, second),
        )
        .order_by("-pk")
        .first()
    )


def _neighbours(request: HttpRequest, here: tuple[int, int], query: str) -> dict[str, Any]:
    """Return where in the queue the pair stands and what comes before and after it."""
    _form, _everything, found = merge.asked_for(request.GET)
    pairs = [waiting.pair for waiting in found]
    at = next((n for n, pair in enumerate(pairs) if set(pair) == set(here)), None)
    before = pairs[at - 1] if at else None
    after = pairs[0] if at is None and pairs else None
    if at is not None and at + 1 < len(pairs):
        after = pairs[at + 1]
    return {
        "place": None if at is None else at + 1,
        "length": len(pairs),
        "previous_address": merge.pair_address(before, query) if before else "",
        "next_address": merge.pair_address(after, query) if after else "",
        "next_pair": f"{after[0]}-{after[1]}" if after else "",
    }


def _columns(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """Return what is told of each report beside its numbers: text, file, run."""
    entries = (
        BulletinEntry.objects.filter(pk__in=[s.report.current_entry_id for s in sides])
        .select_related("reading__file")
        .in_bulk()
    )
    runs = dict(
        ProcessingRun.objects.filter(reading__in=[e.reading_id for e in entries.values()])
        .order_by("pk")
        .values_list("reading", "pk")
    )
    told = []
    for side in sides:
        entry = entries[side.report.current_entry_id or 0]
        told.append(
            {
                "side": side,
                "entry": entry,
                "file": entry.reading.file,
                "run": runs.get(entry.reading_id),
                "text": entry.text[:TEXT_MOST],
                "is_cut": len(entry.text) > TEXT_MOST,
            }
        )
    return told


# --- The joint solution ---------------------------------------------------------------------------


def _rows(joint: Joint, reports: Sequence[Report], names: Sequence[str]) -> list[Row]:
    titles = [
        str(r.event.public_id) if joint.is_of_events and r.event else name
        for r, name in zip(reports, names, strict=True)
    ]
    rows: list[Row] = []
    for title, tried in zip(
        [_("All together"), *(_("%(event)s alone") % {"event": t} for t in titles)],
        [joint.together, *joint.alone],
        strict=True,
    ):
        solved = tried.solved
        error = "" if solved else str(WHY_NOT.get(tried.error, tried.error))
        rows.append(Row(title, tried, solved.time if solved else None, error, None))
    base = rows[0]
    return [base, *(replace(row, moved=_moved(base, row)) for row in rows[1:])]


def _moved(base: Row, row: Row) -> tuple[float, float, float] | None:
    a, b = base.solution, row.solution
    if a is None or b is None or base.time is None or row.time is None:
        return None
    km = geodesy.ellipsoid_distance_km(a.latitude, a.longitude, b.latitude, b.longitude)
    return float(km), (row.time - base.time).total_seconds(), b.depth_km - a.depth_km


def _rms(joint: Joint) -> list[float | None]:
    """Return how well the joint solution fits the readings of each side [s]."""
    return [
        joint_location.rms(
            joint.together.solved,
            joint.together.inputs.readings,
            {reading.pick for reading in side.inputs.readings},
        )
        for side in joint.alone
    ]


# --- Drawings -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Owner:
    """Whose a reading is: the agency, and whether of the first side."""

    agency: str
    is_first: bool


def _owners(joint: Joint, reports: Sequence[Report]) -> dict[int, Owner]:
    first = {reading.pick for reading in joint.alone[0].inputs.readings}
    readings = joint.together.inputs.readings
    agencies = dict(
        Pick.objects.filter(
            pk__in=[reading.pick for reading in readings], entry__isnull=False
        ).values_list("pk", "entry__report__agency__code")
    )
    return {
        reading.pick: Owner(
            agencies.get(reading.pick) or reading.agency or "—", reading.pick in first
        )
        for reading in readings
    }


def _looks(owners: Mapping[int, Owner]) -> list[tuple[str, int]]:
    """Return the agencies of the plot, each with the number of its look."""
    return [(code, n % LOOKS) for n, code in enumerate(sorted({o.agency for o in owners.values()}))]


@dataclass(frozen=True)
class _Source:
    latitude: float
    longitude: float
    depth_km: float
    time: datetime
    title: str


def _source(joint: Joint, sides: Mapping[int, Side], reports: Sequence[Report]) -> _Source | None:
    """Return where the curves start: the joint solution, else what the first report says."""
    solved = joint.together.solved
    if solved is not None:
        s = solved.solution
        return _Source(s.latitude, s.longitude, s.depth_km, solved.time, _("joint solution"))
    for report in reports:
        side = sides[report.pk]
        if side.origin is not None:
            o = side.origin
            depth = core.DEFAULT_DEPTH_KM if o.depth_km is None else max(o.depth_km, 0.0)
            return _Source(o.latitude, o.longitude, depth, o.time, side.name)
    return None


def _times(
    joint: Joint, owners: Mapping[int, Owner], reports: Sequence[Report], sides: Mapping[int, Side]
) -> dict[str, Any] | None:
    """All arrivals of both on one plot: time less distance over 8 km/s, with predicted curves."""
    inputs = joint.together.inputs
    source = _source(joint, sides, reports)
    if source is None or not inputs.readings:
        return None
    readings = inputs.readings
    solved = joint.together.solved
    used = solved.solution.used if solved else np.ones(len(readings), dtype=bool)
    distance, _azimuth = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(source.latitude)),
        source.longitude,
        geodesy.geocentric_latitude([r.latitude for r in readings]),
        [r.longitude for r in readings],
    )
    travel = np.array([(r.time - source.time).total_seconds() for r in readings])
    farthest = max(1.05 * float(np.max(distance)), 0.2)
    slowness = geodesy.KM_PER_DEGREE / REDUCING_KM_S if farthest <= REGIONAL_DEG else 0.0
    reduced = travel - slowness * distance
    low, high = float(reduced.min()), float(reduced.max())
    room = 0.1 * (high - low) + 1.0
    plot = plots.Plot(0.0, farthest, low - room, high + room, width=640, height=360)
    plot.paths = _curves(plot, joint, source, farthest, slowness, readings)
    looks = dict(_looks(owners))
    codes = dict(
        Station.objects.filter(pk__in={r.station for r in readings}).values_list("pk", "code")
    )
    for i, reading in enumerate(readings):
        owner = owners[reading.pick]
        phase = solved.solution.phase[i] if solved else reading.phase
        kind = f"look-{looks[owner.agency]} {'is-first' if owner.is_first else 'is-second'}"
        title = f"{owner.agency}: {codes[reading.station]} {phase}"
        if solved and np.isfinite(solved.solution.residual[i]):
            residual = decimal(float(solved.solution.residual[i]), 2)
            title += ", " + _("residual %(seconds)s s") % {"seconds": residual}
        plot.mark(
            float(distance[i]), float(reduced[i]), kind + ("" if used[i] else " is-out"), title
        )
    return {
        "plot": plot,
        "marks": [
            (mark, looks[owners[r.pick].agency])
            for mark, r in zip(plot.marks, readings, strict=True)
        ],
        "source": source.title,
        "is_reduced": slowness > 0.0,
    }


def _curves(
    plot: plots.Plot,
    joint: Joint,
    source: _Source,
    farthest: float,
    slowness: float,
    readings: Sequence[Reading],
) -> list[plots.Path]:
    along = np.linspace(0.0, farthest, 121)
    model, own = joint.together.inputs.models(BY_THE_RULES)
    curves = surroundings.curves(
        source.latitude, source.longitude, source.depth_km, along, CURVES, model, own
    )
    solved = joint.together.solved
    names = solved.solution.phase if solved else [r.phase for r in readings]
    wanted = {phases.standard_name(name) for name in names}
    paths: list[plots.Path] = []
    labels: dict[float, str] = {}
    for curve in curves:
        times = curve.time_s - slowness * along
        inside = np.flatnonzero(np.isfinite(times) & (times >= plot.y_from) & (times <= plot.y_to))
        if curve.phase not in wanted or not inside.size:
            continue
        last = int(inside[-1])
        x, y = plot.x(float(along[last])), plot.y(float(times[last]))
        # Waves that arrive together share a label.
        near = next((other for other in labels if abs(other - y) < 12.0), None)
        if near is None:
            labels[y] = curve.phase
        else:
            labels[near] += f", {curve.phase}"
        wave = "s" if phases.family(curve.phase) == "S" else "p"
        paths.append(plots.Path(plot.line(along, times), f"curve curve-{wave}", "", x, y))
    return [replace(path, label=labels.get(path.y, "")) for path in paths]


def _map(
    sides: Sequence[Side], names: Sequence[str], others: Sequence[Side], together: Row
) -> dict[str, Any]:
    """Epicentres and ellipses for the script of the page."""
    shown = []
    for n, (side, name) in enumerate(zip(sides, names, strict=True)):
        if side.origin is not None:
            o = side.origin
            shown.append(
                {
                    "lat": o.latitude,
                    "lon": o.longitude,
                    "major": o.semi_major_axis_km or o.horizontal_uncertainty_km,
                    "minor": o.semi_minor_axis_km or o.horizontal_uncertainty_km,
                    "azimuth": o.major_axis_azimuth or 0.0,
                    "title": name,
                    "kind": ("first", "second")[n],
                }
            )
    solution = together.solution
    if solution is not None:
        shown.append(
            {
                "lat": solution.latitude,
                "lon": solution.longitude,
                "major": solution.semi_major_km,
                "minor": solution.semi_minor_km,
                "azimuth": solution.ellipse_azimuth,
                "title": together.title,
                "kind": "joint",
            }
        )
    return {
        "solutions": shown,
        "others": [
            {"lat": s.origin.latitude, "lon": s.origin.longitude, "title": s.name}
            for s in others
            if s.origin is not None
        ],
    }
