"""The desk's page of an event's first motions: what the polarities tell, what if one were wrong.

What a person tries stands in the address and nowhere else: the mechanism is computed for the page.
Confirming it stores the words on polarities and writes the decision into the ledger; workers
compute the mechanism by them from then on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Planes
from catalog.models import Event, FocalMechanism, User
from portal import focal_sphere
from portal.focal_sphere import Sphere, Spot
from processing.core import first_motion, first_motion_ratios, first_motion_rays, geodesy
from processing.desk import messages
from processing.desk.readings import is_key, may_decide
from processing.desk.views import staff_only
from processing.jobs import mechanism_decisions, mechanisms
from processing.jobs.amplitude_ratios import AmplitudeRatio
from processing.jobs.mechanisms import DEPTH_KM, Inputs, Motion, NotSolvable, Solved, Word
from processing.jobs.station_readings import NotDecidable
from processing.models import WorkItem
from processing.transactions import retried, writing

#: Of a station in the address: ``w-KEY=flip``; of its amplitude ratio: ``r-KEY=drop``.
PREFIX, RATIO_PREFIX = "w-", "r-"
STYLES = {
    "NF": gettext_lazy("normal"),
    "NS": gettext_lazy("normal with strike-slip"),
    "SS": gettext_lazy("strike-slip"),
    "TS": gettext_lazy("thrust with strike-slip"),
    "TF": gettext_lazy("thrust"),
    "U": gettext_lazy("undefined"),
}


ONSETS = {
    "impulsive": gettext_lazy("impulsive"),
    "emergent": gettext_lazy("emergent"),
    "questionable": gettext_lazy("questionable"),
}


@dataclass(frozen=True)
class Shown:
    """One mechanism, or why there is none."""

    title: str
    solved: Solved | None
    error: str = ""
    moved: float | None = None
    """Kagan angle to the one in force [deg]."""

    @property
    def solution(self) -> first_motion.Solution | None:
        return self.solved.solution if self.solved else None

    @property
    def planes(self) -> list[list[float]]:
        """Strike, dip, rake of both."""
        s = self.solution
        return [] if s is None else [[float(a) for a in plane] for plane in s.planes]

    @property
    def axes(self) -> list[tuple[str, float, float]]:
        """Name, azimuth, plunge."""
        s = self.solution
        if s is None:
            return []
        told = [geometry.azimuth_plunge(a) for a in (s.axes.t, s.axes.b, s.axes.p)]
        return [(n, float(a), float(e)) for n, (a, e) in zip("TNP", told, strict=True)]

    @property
    def style(self) -> str:
        plunges = [plunge for _name, _azimuth, plunge in self.axes]
        return str(STYLES[geometry.style_of(*plunges)]) if plunges else ""

    @property
    def contradicting(self) -> int:
        return int(self.solution.contradicting.sum()) if self.solution else 0

    @property
    def is_alike(self) -> bool:
        return self.solved is not None and "all-alike" in self.solved.warnings


@dataclass(frozen=True)
class Line:
    """One station of the table."""

    motion: Motion
    distance: float
    azimuth: float
    takeoff: float | None
    """None: no model has a ray to it."""
    contradicting: bool | None
    """None: it is not in use."""

    @property
    def word(self) -> str:
        """What is chosen for it; one whose readings contradict is out unless a word says else."""
        m = self.motion
        if m.contradicted:
            return m.word or str(Word.DROP)
        return "" if m.word == Word.KEEP else m.word

    @property
    def onset(self) -> str:
        return str(ONSETS.get(self.motion.onset, self.motion.onset))

    @property
    def choices(self) -> list[tuple[str, str]]:
        as_read = str(Word.KEEP) if self.motion.contradicted else ""
        return [
            (as_read, _("as read")),
            (str(Word.FLIP), _("turned round")),
            (str(Word.DROP), _("left out")),
        ]


@dataclass(frozen=True)
class RatioLine:
    """The amplitude ratio of one station of the table."""

    ratio: AmplitudeRatio
    azimuth: float
    takeoff: float
    expected: float | None
    """What the mechanism makes of it; None: it is not in use."""


def read_words(given: QueryDict) -> tuple[dict[int, str], list[str]]:
    """Return the words on polarities an address or a form holds, and what is wrong with it."""
    words, problems = {}, []
    for name, word in given.items():
        key = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or not is_key(key) or not word:
            continue
        if word in Word.values:
            words[int(key)] = str(word)
        else:
            problems.append(
                _("A polarity is kept, flipped or dropped (keep, flip, drop); found: “%(text)s”.")
                % {"text": str(word)[:40]}
            )
    return words, problems


def read_dropped(given: QueryDict) -> set[int]:
    """Return the stations whose amplitude ratios an address or a form leaves out."""
    named = {
        name.removeprefix(RATIO_PREFIX)
        for name, word in given.items()
        if name.startswith(RATIO_PREFIX) and word == Word.DROP
    }
    return {int(key) for key in named if is_key(key)}


def query_of(words: dict[int, str], dropped: Collection[int]) -> str:
    told = {f"{PREFIX}{k}": w for k, w in sorted(words.items())}
    told |= {f"{RATIO_PREFIX}{k}": str(Word.DROP) for k in sorted(dropped)}
    return urlencode({"trial": "1", **told})


@staff_only
@require_safe
def first_motions(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page: the mechanism in force, and beside it the one tried."""
    event = get_object_or_404(Event, public_id=public_id)
    if event.merged_into is not None:
        return redirect("first-motions", event.merged_into.public_id)
    in_force = mechanisms.load(event)
    tried, problems = in_force, list[str]()
    if request.GET.get("trial"):
        words, problems = read_words(request.GET)
        tried = in_force.with_words(words, read_dropped(request.GET))
    is_trial = tried.polarities != in_force.polarities
    shown = [_shown(_("In force"), in_force)]
    if is_trial:
        shown.append(_shown(_("Tried"), tried, shown[0]))
    lines = _lines(tried, shown[-1])
    return render(
        request,
        "desk/first_motions.html",
        {
            "event": event,
            "row": getattr(event, "row", None),
            "inputs": in_force,
            "is_trial": is_trial,
            "problems": problems,
            "shown": shown,
            "lines": lines,
            "ratios": _ratio_lines(tried, shown[-1]),
            "reach": first_motion_ratios.REACH_KM,
            "sphere": _sphere(lines, shown),
            "others": _others(event, shown[-1]),
            "words": query_of(
                {li.motion.station: li.word for li in lines if li.word},
                [r.station for r in tried.ratios if r.dropped],
            ),
            "decision": in_force.decision,
            "lapsed": in_force.last_decision if in_force.decision is None else None,
            "evidence": in_force.evidence,
            "waits": WorkItem.objects.filter(
                kind__in=("recompute", mechanisms.KIND),
                object_id=event.pk,
                state=WorkItem.State.OPEN,
            ).exists(),
            "may_decide": may_decide(request),
            "least": first_motion.LEAST_POLARITIES,
        },
        status=400 if problems else 200,
    )


def _shown(title: str, inputs: Inputs, before: Shown | None = None) -> Shown:
    try:
        solved = mechanisms.solve(inputs)
    except NotSolvable as error:
        return Shown(title, None, error=messages.sentence(error.code, error.values))
    moved = None
    if before is not None and before.solution is not None:
        moved = float(geometry.kagan_angle(before.solution.axes, solved.solution.axes))
    return Shown(title, solved, moved=moved)


def _lines(inputs: Inputs, shown: Shown) -> list[Line]:
    """Return the stations by distance; also those not in use have a place on the sphere."""
    origin, motions = inputs.origin, inputs.motions
    if origin is None or not motions:
        return []
    latitude = np.array([m.latitude for m in motions])
    longitude = np.array([m.longitude for m in motions])
    rays = first_motion_rays.rays(
        origin.latitude,
        origin.longitude,
        DEPTH_KM if origin.depth_km is None else origin.depth_km,
        latitude,
        longitude,
        [m.phase for m in motions],
        trials=1,
    )
    distance, _azimuth = geodesy.distance_azimuth(
        geodesy.geocentric_latitude(origin.latitude),
        origin.longitude,
        geodesy.geocentric_latitude(latitude),
        longitude,
    )
    off: dict[int, bool] = {}
    if shown.solved is not None:
        said = shown.solved.solution.contradicting
        off = {m.station: bool(c) for m, c in zip(shown.solved.motions, said, strict=True)}
    lines = []
    for i, motion in enumerate(motions):
        takeoff = float(rays.takeoff[0, i])
        lines.append(
            Line(
                motion,
                float(distance[i]),
                float(rays.azimuth[0, i]),
                takeoff if np.isfinite(takeoff) else None,
                off.get(motion.station),
            )
        )
    return sorted(lines, key=lambda line: (line.distance, line.motion.station))


def _ratio_lines(inputs: Inputs, shown: Shown) -> list[RatioLine]:
    """Return the amplitude ratios of stations within reach, those left out included."""
    if inputs.origin is None or not inputs.ratios:
        return []
    near, rays = mechanisms.near_ratios(inputs.origin, inputs.ratios)
    expected: dict[int, float] = {}
    if shown.solved is not None:
        off = shown.solved.solution.ratio_residual
        pairs = zip(shown.solved.ratios, off, strict=True)
        expected = {r.station: r.log_ratio - float(o) for r, o in pairs}
    return [
        RatioLine(r, float(azimuth), float(takeoff), expected.get(r.station))
        for r, azimuth, takeoff in zip(near, rays.azimuth[0], rays.takeoff[0], strict=True)
    ]


def _sphere(lines: Sequence[Line], shown: Sequence[Shown]) -> Sphere | None:
    last = shown[-1].solution
    drawn = [(line, line.takeoff) for line in lines if line.takeoff is not None]
    if last is None or not drawn:
        return None
    at = focal_sphere.place([line.azimuth for line, _angle in drawn], [a for _line, a in drawn])
    spots = []
    for (line, _angle), (x, y) in zip(drawn, at.tolist(), strict=True):
        m = line.motion
        kind = "out" if line.contradicting is None else "up" if m.sign > 0 else "down"
        title = f"{m.code} {m.phase} {'+' if m.sign > 0 else '−'}"
        spots.append(Spot(round(x, 3), round(y, 3), kind, bool(line.contradicting), title))
    first = shown[0].solution
    before = first.planes if first is not None and len(shown) > 1 else ()
    return focal_sphere.sphere(last.planes, last.axes, last.accepted, spots, before)


def _others(event: Event, shown: Shown) -> list[tuple[FocalMechanism, float | None]]:
    """Return the mechanisms agencies report, each with its Kagan angle to the last shown."""
    rows = (
        FocalMechanism.objects.current()
        .reported()
        .filter(event=event, strike_1__isnull=False, dip_1__isnull=False, rake_1__isnull=False)
        .select_related("agency", "entry__report__agency")
        .defer("entry__text", "entry__comments")
        .order_by("pk")
    )
    found = []
    for row in rows:
        angle = None
        if shown.solution is not None:
            planes = Planes(*(np.array(a) for a in (row.strike_1, row.dip_1, row.rake_1)))
            angle = float(geometry.kagan_of_planes(planes, shown.solution.planes[0]))
        found.append((row, angle))
    return found


@staff_only
@require_POST
def first_motions_decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Confirm or reject what was tried, or take back the decision in force."""
    if not may_decide(request) or not isinstance(request.user, User):
        raise PermissionDenied
    event = get_object_or_404(Event, public_id=public_id)
    actor, note = request.user, request.POST.get("note", "").strip()[:500]
    back = reverse("first-motions", args=[public_id])
    tried = QueryDict(request.POST.get("words", ""))
    words, problems = read_words(tried)
    dropped = read_dropped(tried)
    undone = request.POST.get("undo", "")
    status = mechanisms.REJECTED if request.POST.get("reject") else mechanisms.CONFIRMED
    if problems:
        for problem in problems:
            notices.error(request, problem)
        return redirect(back)

    def store() -> None:
        with writing():
            if undone:
                mechanism_decisions.undo(int(undone) if is_key(undone) else 0, actor, note)
                return
            evidence = request.POST.get("evidence", "")
            mechanism_decisions.decide(event.pk, words, evidence, status, actor, note, dropped)

    try:
        retried(store)
    except NotDecidable as error:
        notices.error(request, messages.meaning(error.code))
        return redirect(back if undone else f"{back}?{query_of(words, dropped)}")
    if undone:
        notices.success(request, _("The decision is taken back; the mechanism is computed anew."))
    elif status == mechanisms.REJECTED:
        notices.success(request, _("The mechanism is rejected and no longer shown."))
    else:
        notices.success(request, _("The mechanism is confirmed."))
    return redirect(back)
