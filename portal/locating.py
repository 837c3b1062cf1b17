"""The desk's page of an event's location: why it is there, and what if a person decided otherwise.

What a person tries stands in the address and nowhere else: the solution is computed for the page.
Accepting it writes the settings into the ledger, and workers locate the event by them from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.models import Event, Origin, Station, User
from portal import location_words, plots
from portal.map_config import map_config, map_words
from portal.templatetags.seismo import decimal, reading_reason
from processing.core import earth_models, geodesy, phases, surroundings
from processing.core import location as core
from processing.core.location_kernel import DEEPEST_KM
from processing.desk import messages
from processing.desk.readings import is_key, may_decide
from processing.desk.views import staff_only
from processing.jobs import (
    location,
    location_decisions,
    location_inputs,
    travel_time_tables,
)
from processing.jobs.location_inputs import Inputs, Reading, Ruling, Settings
from processing.jobs.station_readings import NotDecidable
from processing.models import CorrectionSet, WorkItem
from processing.transactions import retried, writing

#: Further away a ray is drawn as the great circle it is.
STRAIGHT_DEG = 8.0
#: Up to here plots are of a regional event: time reduced by the mantle's speed.
REGIONAL_DEG = 15.0
REDUCING_KM_S = 8.0
#: Chi-square of two unknowns at 68.3, 90 and 99 %, and what lies beyond.
LEVELS = (2.30, 4.61, 9.21, 25.0)
SURFACE_STEPS = 31
DEPTH_STEPS = 26
CURVES = ("Pg", "Pb", "Pn", "P", "Sg", "Sb", "Sn", "S", "Lg")
#: Names a person may give, in the order of the list.
NAMES = tuple(phases.PHASES)


@dataclass(frozen=True)
class Trial:
    """Settings as an address says them: readings by their keys."""

    model: str = core.REGIONAL
    depth_km: float | None = None
    corrections: str = ""
    off: frozenset[int] = frozenset()
    names: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, settings: Settings, readings: Sequence[Reading]) -> Trial:
        rulings = [(r.pick, settings.of(r)) for r in readings]
        return cls(
            settings.model,
            settings.depth_km,
            settings.corrections,
            frozenset(pick for pick, ruling in rulings if ruling and ruling.off),
            tuple((pick, r.renamed) for pick, r in rulings if r and r.renamed),
        )

    @classmethod
    def read(cls, given: QueryDict) -> tuple[Trial, list[str]]:
        """Return what an address or a form asks for, and what is wrong with it, in sentences."""
        problems = []
        model = given.get("model") or core.REGIONAL
        if model not in models() and travel_time_tables.table_labelled(model) is None:
            problems.append(_("There is no model “%(name)s”.") % {"name": model[:40]})
            model = core.REGIONAL
        depth: float | None = None
        if text := given.get("depth", "").strip().replace(",", "."):
            try:
                depth = float(text)
            except ValueError:
                depth = np.nan
            if not 0.0 <= depth <= DEEPEST_KM:
                problems.append(
                    _("The depth is a number from 0 to %(most)s km; found: “%(text)s”.")
                    % {"most": int(DEEPEST_KM), "text": text[:40]}
                )
                depth = None
        version = given.get("corrections", "")
        if version:
            made_for = dict(CorrectionSet.objects.values_list("version", "earth_model"))
            if version not in made_for:
                problems.append(
                    _("There are no station corrections “%(name)s”.") % {"name": version[:60]}
                )
                version = ""
            elif made_for[version] != model:
                problems.append(
                    _("The station corrections %(name)s are for the travel times %(model)s.")
                    % {"name": version, "model": made_for[version]}
                )
                version = ""
        off = [key for part in given.getlist("off") for key in part.split(",")]
        named = [part.partition(":") for part in given.get("names", "").split(",") if part]
        named += [(k[3:], ":", given.get(k, "")) for k in given if k.startswith("as-")]
        names: dict[int, str] = {}
        for key, _colon, name in named:
            if not name:
                continue
            if name not in NAMES:
                problems.append(_("There is no phase “%(name)s”.") % {"name": name[:20]})
            elif is_key(key):
                names[int(key)] = name
        return cls(
            model,
            depth,
            version,
            frozenset(int(key) for key in off if is_key(key)),
            tuple(sorted(names.items())),
        ), problems

    def settings(self, readings: Sequence[Reading]) -> Settings:
        names = dict(self.names)
        return Settings(
            self.model,
            self.depth_km,
            self.corrections,
            tuple(
                Ruling(r.station, r.phase, r.time, r.pick in self.off, names.get(r.pick, ""))
                for r in readings
                if r.pick in self.off or r.pick in names
            ),
        )

    def query(self) -> str:
        told = {
            "model": self.model,
            "depth": "" if self.depth_km is None else f"{self.depth_km:g}",
            "corrections": self.corrections,
            "off": ",".join(str(key) for key in sorted(self.off)),
            "names": ",".join(f"{key}:{name}" for key, name in self.names),
        }
        return urlencode({"trial": "1", **{k: v for k, v in told.items() if v}}, safe=",:")


@dataclass(frozen=True)
class Shown:
    """One solution, or why there is none."""

    title: str
    solution: core.LocationSolution | None
    time: datetime | None = None
    error: str = ""
    depth_rule: str = ""
    doubts: tuple[str, ...] = ()
    #: From the first of two: km, s, km.
    moved: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Line:
    """One reading with what two solutions say of it."""

    reading: Reading
    station: Station
    ruling: Ruling | None
    phase: str
    distance: float | None
    azimuth: float | None
    residual: float | None
    deviation: float | None
    used: bool
    remark: str
    before: float | None
    changed: bool


def models() -> dict[str, str]:
    """Return the models a person may choose, with their titles."""
    rows = earth_models.MODELS
    return {
        core.REGIONAL: _("by region and distance"),
        **travel_time_tables.labels(),
        **{name: row.title for name, row in rows.items()},
    }


def corrections(synthetic: bool) -> dict[str, str]:
    """Return the versions of station corrections for such events, each with its model."""
    sets = CorrectionSet.objects.filter(synthetic=synthetic).order_by("-created_at", "-pk")
    return dict(sets.values_list("version", "earth_model"))


@staff_only
@require_safe
def locating(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page: the solution in force, and beside it the one tried."""
    event = get_object_or_404(Event, public_id=public_id)
    if event.merged_into is not None:
        return redirect("locating", event.merged_into.public_id)
    inputs = location_inputs.load(event)
    in_force = Trial.of(inputs.settings, inputs.readings)
    trial, problems = (
        Trial.read(request.GET) if request.GET.get("trial") else (in_force, list[str]())
    )
    is_trial = trial != in_force
    shown = [_solved(_("In force"), inputs, inputs.settings)]
    if is_trial:
        tried = _solved(_("Tried"), inputs, trial.settings(inputs.readings), shown[0])
        shown.append(tried)
    stations = Station.objects.select_related("network").in_bulk(
        {r.station for r in inputs.readings}
    )
    return render(
        request,
        "desk/locating.html",
        {
            "event": event,
            "row": getattr(event, "row", None),
            "inputs": inputs,
            "trial": trial,
            "is_trial": is_trial,
            "problems": problems,
            "shown": shown,
            "lines": _lines(inputs, trial, shown, stations),
            # Also a version that a decision names and that was withdrawn since.
            "models": models() | ({} if trial.model in models() else {trial.model: trial.model}),
            "names": NAMES,
            "corrections": corrections(event.synthetic),
            "decision": inputs.decision,
            "evidence": inputs.evidence,
            "waits": WorkItem.objects.filter(
                kind="recompute", object_id=event.pk, state=WorkItem.State.OPEN
            ).exists(),
            "may_decide": may_decide(request),
            "by_the_rules": trial == Trial(),
            **_drawings(inputs, trial, shown, stations),
            "config": map_config(),
            "words": map_words()
            | {
                "mapLabel": _("Map of stations and epicentres. The table below holds the same."),
                "inForce": _("in force"),
                "tried": _("tried"),
                "notUsed": _("not used"),
            },
        },
        status=400 if problems else 200,
    )


def _solved(title: str, inputs: Inputs, settings: Settings, before: Shown | None = None) -> Shown:
    try:
        solved = location.solve(inputs, settings)
    except core.LocationError as error:
        why = location_words.WHY_NOT.get(error.code, error.code)
        return Shown(title, None, error=str(why))
    solution, time = solved.solution, solved.time
    moved = None
    if before is not None and before.solution is not None and before.time is not None:
        old = before.solution
        distance = geodesy.ellipsoid_distance_km(
            old.latitude, old.longitude, solution.latitude, solution.longitude
        )
        moved = (
            float(distance),
            (time - before.time).total_seconds(),
            solution.depth_km - old.depth_km,
        )
    rule = location_words.DEPTH_RULES.get(solution.depth_code, "")
    doubts = tuple(str(location_words.WARNINGS[w]) for w in solution.warnings)
    return Shown(title, solution, time, "", str(rule), doubts, moved)


def _lines(
    inputs: Inputs, trial: Trial, shown: Sequence[Shown], stations: Mapping[int, Station]
) -> list[Line]:
    """Return the readings by distance, with what the last solution and the first say of each."""
    settings = trial.settings(inputs.readings)
    first, last = shown[0].solution, shown[-1].solution
    lines = []
    for i, reading in enumerate(inputs.readings):
        ruling = settings.of(reading)
        used = bool(last.used[i]) if last is not None else False
        lines.append(
            Line(
                reading=reading,
                station=stations[reading.station],
                ruling=ruling,
                phase=last.phase[i] if last is not None else reading.phase,
                distance=float(last.distance[i]) if last is not None else None,
                azimuth=float(last.azimuth[i]) if last is not None else None,
                residual=_number(last.residual[i]) if last is not None else None,
                deviation=_number(last.deviation[i]) if last is not None else None,
                used=used,
                remark=reading_reason([f"location:{last.reason[i]}"]) if last is not None else "",
                before=_number(first.residual[i])
                if first is not None and first is not last
                else None,
                changed=first is not None and last is not None and bool(first.used[i]) != used,
            )
        )
    return sorted(lines, key=lambda li: (li.distance or 0.0, li.reading.time, li.reading.pick))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- drawings -------------------------------------------------------------------------------------


def _drawings(
    inputs: Inputs, trial: Trial, shown: Sequence[Shown], stations: Mapping[int, Station]
) -> dict[str, Any]:
    solution = shown[-1].solution
    if solution is None:
        return {"map_data": _map(inputs, shown, stations), "drawn": False}
    settings = trial.settings(inputs.readings)
    observed, reference = location.observations(inputs, settings)
    half = 2.5 * solution.semi_major_km
    if solution.depth_error_km is None:
        deepest = max(50.0, 2.0 * solution.depth_km)
    else:
        deepest = max(30.0, solution.depth_km + 3.0 * solution.depth_error_km)
    deepest = min(10.0 * np.ceil(deepest / 10.0), DEEPEST_KM)
    model, own = inputs.models(settings)
    around = surroundings.surroundings(
        observed,
        solution,
        model,
        half,
        SURFACE_STEPS,
        [float(h) for h in np.linspace(0.0, deepest, DEPTH_STEPS)],
        own,
    )
    names = [stations[r.station].code for r in inputs.readings]
    return {
        "drawn": True,
        "map_data": _map(inputs, shown, stations),
        "surface": _surface(around, inputs, shown, half),
        "depths": _depths(around, solution),
        "residuals": _residuals(solution, names),
        "times": _times(inputs, solution, model, own, reference, names),
    }


def _offset_km(
    solution: core.LocationSolution, latitude: float, longitude: float
) -> tuple[float, float]:
    """Return how far east and north of a solution a place lies [km]."""
    distance, azimuth = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(solution.latitude)),
        solution.longitude,
        float(geodesy.geocentric_latitude(latitude)),
        longitude,
    )
    km, alpha = float(distance) * geodesy.KM_PER_DEGREE, np.radians(float(azimuth))
    return float(km * np.sin(alpha)), float(km * np.cos(alpha))


def _surface(
    around: surroundings.Surroundings, inputs: Inputs, shown: Sequence[Shown], half: float
) -> plots.Plot:
    """The misfit around the epicentre, with the coverage ellipse and the other epicentres."""
    solution = shown[-1].solution
    if solution is None:
        raise ValueError("nothing to draw around")
    plot = plots.Plot(-half, half, -half, half, width=420, height=420, left=46, bottom=34)
    offset = np.linspace(-half, half, around.longitude.size)
    plot.paths += plots.filled_contours(plot, offset, offset[::-1], around.worse_by, LEVELS)
    turn = np.linspace(0.0, 2.0 * np.pi, 73)
    along, across = solution.semi_major_km * np.cos(turn), solution.semi_minor_km * np.sin(turn)
    azimuth = np.radians(solution.ellipse_azimuth)
    east = along * np.sin(azimuth) + across * np.cos(azimuth)
    north = along * np.cos(azimuth) - across * np.sin(azimuth)
    plot.paths.append(plots.Path(plot.line(east, north) + "Z", "ellipse"))
    others = [(_agency(o), o.latitude, o.longitude, "reported") for o in inputs.start]
    if len(shown) > 1 and shown[0].solution is not None:
        others.append(
            (shown[0].title, shown[0].solution.latitude, shown[0].solution.longitude, "in-force")
        )
    for title, latitude, longitude, kind in others:
        x, y = _offset_km(solution, latitude, longitude)
        if max(abs(x), abs(y)) <= half:
            plot.mark(x, y, kind, title)
    plot.mark(0.0, 0.0, "here", shown[-1].title)
    return plot


def _depths(around: surroundings.Surroundings, solution: core.LocationSolution) -> plots.Plot:
    """How the misfit grows away from the depth."""
    plot = plots.Plot(
        0.0, 12.0, 0.0, float(around.depth_km[-1]), width=310, height=420, bottom=34, down=True
    )
    worse = around.depth_worse_by - np.nanmin(around.depth_worse_by)
    points = [(w, h) for w, h in zip(worse, around.depth_km, strict=True) if w <= 12.0]
    plot.paths.append(
        plots.Path(plot.line([w for w, _h in points], [h for _w, h in points]), "curve")
    )
    here = float(np.interp(solution.depth_km, around.depth_km, np.minimum(worse, 12.0)))
    plot.mark(here, solution.depth_km, "here", decimal(solution.depth_km))
    return plot


def _residuals(solution: core.LocationSolution, names: Sequence[str]) -> plots.Plot:
    """Residuals against distance."""
    used = np.abs(solution.residual[solution.used])
    reach = max(2.0, 1.3 * float(used.max())) if used.size else 2.0
    farthest = 1.05 * float(np.nanmax(solution.distance))
    plot = plots.Plot(0.0, farthest, -reach, reach, width=560, height=280)
    plot.paths.append(plots.Path(plot.line([0.0, farthest], [0.0, 0.0]), "zero"))
    for i, name in enumerate(names):
        if np.isfinite(solution.residual[i]):
            plot.mark(
                float(solution.distance[i]),
                float(solution.residual[i]),
                _kind(solution, i),
                f"{name} {solution.phase[i]} {decimal(float(solution.residual[i]), 2)}",
            )
    return plot


def _kind(solution: core.LocationSolution, i: int) -> str:
    wave = "s" if phases.family(solution.phase[i]) == "S" else "p"
    return f"wave-{wave}" if solution.used[i] else f"wave-{wave} is-out"


def _times(
    inputs: Inputs,
    solution: core.LocationSolution,
    model: str,
    own: Sequence[earth_models.OwnModel],
    reference: datetime,
    names: Sequence[str],
) -> plots.Plot:
    """Travel times against distance, reduced near the source, with the model's curves."""
    farthest = 1.05 * float(np.nanmax(solution.distance))
    slowness = geodesy.KM_PER_DEGREE / REDUCING_KM_S if farthest <= REGIONAL_DEG else 0.0
    along = np.linspace(0.0, farthest, 121)
    curves = surroundings.curves(
        solution.latitude, solution.longitude, solution.depth_km, along, CURVES, model, own
    )
    travel = np.array([(r.time - reference).total_seconds() for r in inputs.readings])
    travel -= solution.time
    reduced = travel - slowness * solution.distance
    seen = [c for c in curves if c.phase in {phases.standard_name(p) for p in solution.phase}]
    seen = [c for c in seen if np.isfinite(c.time_s).any()]
    of_curves = [c.time_s - slowness * along for c in seen]
    read = reduced[solution.used & np.isfinite(reduced)]
    low, high = (float(read.min()), float(read.max())) if read.size else (0.0, 10.0)
    room = 0.15 * (high - low) + 1.0
    plot = plots.Plot(0.0, farthest, low - room, high + room, width=560, height=340)
    labels: dict[float, str] = {}
    for curve, times in zip(seen, of_curves, strict=True):
        inside = np.flatnonzero((times >= plot.y_from) & (times <= plot.y_to))
        if not inside.size:
            continue
        last = int(inside[-1])
        x, y = plot.x(float(along[last])), plot.y(float(times[last]))
        # Waves that arrive together share a label.
        near = next((other for other in labels if abs(other - y) < 12.0), None)
        if near is not None:
            labels[near] += f", {curve.phase}"
        else:
            labels[y] = curve.phase
        wave = "s" if phases.family(curve.phase) == "S" else "p"
        plot.paths.append(plots.Path(plot.line(along, times), f"curve curve-{wave}", "", x, y))
    plot.paths = [replace(path, label=labels.get(path.y, "")) for path in plot.paths]
    for i, name in enumerate(names):
        plot.mark(
            float(solution.distance[i]),
            float(reduced[i]),
            _kind(solution, i),
            f"{name} {solution.phase[i]} {decimal(float(travel[i]), 1)}",
        )
    return plot


def _map(inputs: Inputs, shown: Sequence[Shown], places: Mapping[int, Station]) -> dict[str, Any]:
    """Stations, rays, epicentres and ellipses, for the script of the page."""
    solution = shown[-1].solution
    stations: dict[int, dict[str, Any]] = {}
    for i, r in enumerate(inputs.readings):
        row = stations.setdefault(
            r.station,
            {"lat": r.latitude, "lon": r.longitude, "code": places[r.station].code, "used": False},
        )
        if solution is not None:
            row["used"] |= bool(solution.used[i])
            row.setdefault("ray", _ray(solution, i, r))
    return {
        "stations": list(stations.values()),
        "solutions": [
            {
                "lat": s.solution.latitude,
                "lon": s.solution.longitude,
                "depth": s.solution.depth_km,
                "major": s.solution.semi_major_km,
                "minor": s.solution.semi_minor_km,
                "azimuth": s.solution.ellipse_azimuth,
                "title": s.title,
                "last": s is shown[-1],
            }
            for s in shown
            if s.solution is not None
        ],
        "reported": [
            {"lat": o.latitude, "lon": o.longitude, "title": _agency(o)} for o in inputs.start
        ],
    }


def _agency(origin: Origin) -> str:
    return str(origin.agency or (origin.entry.report.agency if origin.entry else ""))


def _ray(solution: core.LocationSolution, i: int, reading: Reading) -> list[list[float]]:
    """Return points along the great circle to a station, one turn of longitude from the source."""
    distance = float(solution.distance[i])
    count = 1 if distance < STRAIGHT_DEG else 24
    latitude, longitude = geodesy.destination(
        float(geodesy.geocentric_latitude(solution.latitude)),
        solution.longitude,
        float(solution.azimuth[i]),
        np.arange(1, count) * distance / count,
    )
    points = [[solution.latitude, solution.longitude]]
    points += [
        [float(geodesy.geographic_latitude(lat)), float(lon)]
        for lat, lon in zip(latitude, longitude, strict=True)
    ]
    points.append([reading.latitude, reading.longitude])
    return points


# --- decisions ------------------------------------------------------------------------------------


@staff_only
@require_POST
def locating_try(request: HttpRequest, public_id: str) -> HttpResponse:
    """Turn what was ticked into an address that says it."""
    trial, problems = Trial.read(request.POST)
    address = f"{reverse('locating', args=[public_id])}?{trial.query()}"
    for problem in problems:
        notices.error(request, problem)
    return redirect(address)


@staff_only
@require_POST
def locating_decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Accept what was tried, or take back the decision in force."""
    if not may_decide(request) or not isinstance(request.user, User):
        raise PermissionDenied
    event = get_object_or_404(Event, public_id=public_id)
    note = request.POST.get("note", "").strip()[:500]
    back = reverse("locating", args=[public_id])
    actor = request.user
    trial, problems = Trial.read(QueryDict(request.POST.get("query", "")))
    undone = request.POST.get("undo", "")

    def store() -> None:
        with writing():
            if undone:
                key = int(undone) if is_key(undone) else 0
                location_decisions.undo(key, actor, note)
                return
            settings = trial.settings(location_inputs.load(event).readings)
            location_decisions.accept(
                event.pk,
                settings,
                request.POST.get("evidence", ""),
                actor,
                note,
                bool(request.POST.get("prefer")),
            )

    if problems:
        for problem in problems:
            notices.error(request, problem)
        return redirect(back)
    try:
        retried(store)
    except NotDecidable as error:
        why = location_words.WHY_NOT.get(error.code)
        notices.error(request, str(why or messages.meaning(error.code)).capitalize())
        return redirect(f"{back}?{trial.query()}" if not undone else back)
    if undone:
        notices.success(request, _("The decision is taken back; the event is located anew."))
    else:
        notices.success(request, _("The solution is accepted; the event is located anew by it."))
    return redirect(back)
