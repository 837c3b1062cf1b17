"""The desk of felt reports: those in doubt, one report with all that is known of it, decisions.

Forms only. Each carries what its reader saw of the reports, so that of two moderators who act at
once the second is told, and nothing of hers is stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages as notices
from django.contrib.gis.db.models.functions import GeometryDistance
from django.contrib.gis.geos import Polygon
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from catalog.models import EventRow, FeltDecision, FeltReport, Settlement, User
from catalog.settlements import candidates, found_by, oblast_of
from processing.core.geodesy import ellipsoid_distance_km
from processing.desk import felt_words, messages
from processing.desk.readings import Moment, is_key, may_decide
from processing.desk.views import staff_only
from processing.jobs import felt, felt_decisions
from processing.jobs.station_readings import NotDecidable
from processing.transactions import retried, writing

PAGE = 50
PROPOSALS = 8
#: Reports and settlements drawn around one, and the half width of the drawing [px].
DRAWN_MOST = 500
TOWNS = 5
HALF = 140
Kind = FeltDecision.Kind
_OPEN = Q(verdict="")

#: State -> its words and which reports are in it.
STATES: dict[str, tuple[Any, Q]] = {
    "flagged": (gettext_lazy("in doubt"), _OPEN & ~Q(flags=[])),
    "new": (gettext_lazy("nothing against them"), _OPEN & Q(flags=[])),
    "accepted": (gettext_lazy("accepted"), Q(verdict="accepted")),
    "rejected": (gettext_lazy("rejected"), Q(verdict="rejected")),
    "placeless": (gettext_lazy("place not known"), Q(point=None, settlement=None)),
    "eventless": (gettext_lazy("without an event"), Q(event=None)),
}


class FilterForm(forms.Form):
    """What part of the reports is looked at; all of it may be left empty."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[
            *((code, words) for code, (words, _q) in STATES.items()),
            ("all", gettext_lazy("all")),
        ],
    )
    event = forms.CharField(label=gettext_lazy("Event id"), max_length=20, required=False)
    flag = forms.ChoiceField(
        label=gettext_lazy("Flag"),
        required=False,
        choices=[
            ("", gettext_lazy("all")),
            *((code, words) for code, (words, _meaning) in felt_words.FLAGS.items()),
        ],
    )
    starttime = forms.DateTimeField(label=gettext_lazy("From, UTC"), required=False, widget=Moment)
    endtime = forms.DateTimeField(label=gettext_lazy("To, UTC"), required=False, widget=Moment)


def found(values: dict[str, Any]) -> QuerySet[FeltReport]:
    """Return the reports that answer a search, of any state."""
    reports = FeltReport.objects.all()
    if values.get("event"):
        reports = reports.filter(event__public_id=values["event"].strip().lower())
    if values.get("flag"):
        reports = reports.filter(flags__contains=[values["flag"]])
    if values.get("starttime"):
        reports = reports.filter(received_at__gte=values["starttime"])
    if values.get("endtime"):
        reports = reports.filter(received_at__lte=values["endtime"])
    return reports


@dataclass(frozen=True)
class Line:
    """One report of the list."""

    report: FeltReport
    seen: str

    @property
    def token(self) -> str:
        return f"{self.report.pk}:{self.seen}"

    @property
    def words(self) -> str:
        return felt_words.felt_words(self.report)

    @property
    def flags(self) -> list[Any]:
        return [felt_words.flag_words(code) for code in self.report.flags]


@staff_only
@require_safe
def felt_queue(request: HttpRequest) -> HttpResponse:
    """Felt reports by state, the newest first; those in doubt where nothing is asked for."""
    form = FilterForm(request.GET, label_suffix="")
    is_valid = form.is_valid()
    values = form.cleaned_data if is_valid else {}
    state = values.get("state") or "flagged"
    reports = found(values) if is_valid else FeltReport.objects.none()
    counts = reports.aggregate(**{code: Count("pk", filter=q) for code, (_w, q) in STATES.items()})
    if state in STATES:
        reports = reports.filter(STATES[state][1])
    reports = reports.select_related("event", "settlement", "verdict_by")
    page = Paginator(reports.order_by("-received_at", "-pk"), PAGE).get_page(
        request.GET.get("page")
    )
    shown = list(page.object_list)
    seen = felt_decisions.seen_of(shown)
    return render(
        request,
        "desk/felt.html",
        {
            "form": form,
            "page": page,
            "lines": [Line(report, seen[report.pk]) for report in shown],
            "state": state,
            "figures": [(code, words, counts[code]) for code, (words, _q) in STATES.items()],
            "query": _query(request.GET),
            "narrowed": any(request.GET.get(n) for n in FilterForm.base_fields if n != "state"),
            "may_decide": may_decide(request),
            "unread": FeltReport.objects.filter(processed_at__isnull=True).count(),
        },
        status=200 if is_valid else 400,
    )


def _query(given: QueryDict) -> str:
    known = [*FilterForm.base_fields, "page"]
    return urlencode([(name, given[name]) for name in known if given.get(name)])


# --- Deciding -------------------------------------------------------------------------------------


@staff_only
@require_POST
def felt_decide(request: HttpRequest) -> HttpResponse:
    """Decide on the reports that are ticked, all of them or none."""
    actor = request.user
    if not may_decide(request) or not isinstance(actor, User):
        raise PermissionDenied
    given = request.POST
    tokens = [_token(text) for text in given.getlist("report")]
    reports = [token for token in tokens if token is not None]
    back = f"{reverse('desk-felt')}?{_query(QueryDict(given.get('query', '')[:2000]))}".rstrip("?")
    if len(reports) == 1 and given.get("onpage"):
        back = reverse("desk-felt-report", args=[reports[0][0]])
    kind = given.get("do", "")
    if kind not in Kind.values or not reports:
        notices.warning(request, _("No report was chosen."))
        return redirect(back)
    if len(reports) > felt_decisions.DECIDE_MOST:
        notices.warning(request, _("That is more than can be decided on at once."))
        return redirect(back)
    if kind == Kind.DELETE_PERSONAL and given.get("sure") != "yes":
        notices.warning(request, _("Tick that you are sure: it cannot be brought back."))
        return redirect(back)

    def store() -> int:
        settlement = None
        if kind == Kind.SETTLEMENT:
            settlement = _settlement(_text(given, "settlement", 200))
        with writing():
            return felt_decisions.decide(
                reports,
                kind,
                actor,
                event=_text(given, "event", 20),
                settlement=settlement,
                note=_text(given, "note", 500),
            )

    try:
        n = retried(store)
    except NotDecidable as error:
        notices.error(request, messages.meaning(error.code))
    else:
        text = ngettext("%(n)s report decided.", "%(n)s reports decided.", n)
        notices.success(request, text % {"n": n})
    return redirect(back)


def _text(given: QueryDict, name: str, most: int) -> str:
    return given.get(name, "").replace("\0", "").strip()[:most]


def _token(text: str) -> tuple[int, str] | None:
    """Read a report's key and what was seen of it."""
    key, _colon, seen = text[:60].partition(":")
    return (int(key), seen) if is_key(key) and seen else None


def _settlement(text: str) -> int | None:
    """Return the settlement meant by ``#key`` or by a name that only one bears.

    Raises
    ------
    NotDecidable
        ``ambiguous-settlement``: several bear it.
    """
    if text.startswith("#") and is_key(text[1:]):
        return int(text[1:])
    named = candidates([text]).get(text.casefold(), []) if text else []
    if len(named) > 1:
        raise NotDecidable("ambiguous-settlement")
    return named[0].settlement_id if named else None


# --- One report -----------------------------------------------------------------------------------


@staff_only
@require_safe
def felt_report(request: HttpRequest, pk: int) -> HttpResponse:
    """One report: answers in words, where it lies, its flags and ties, decisions on it."""
    report = get_object_or_404(
        FeltReport.objects.select_related("event", "settlement", "verdict_by"), pk=pk
    )
    row = EventRow.objects.filter(pk=report.event_id).first() if report.event_id else None
    place = report.point or (report.settlement.point if report.settlement else None)
    distance = intensity = None
    if row is not None and place is not None:
        distance = float(ellipsoid_distance_km(row.latitude, row.longitude, place.y, place.x))
        mean, _sigma = felt.predicted(
            {"MLV": row.mlv, "MS": row.ms, "KR": row.kr}, row.depth_km, [distance]
        )
        intensity = None if mean is None else float(mean[0])
    seen = felt_decisions.seen_of([report])[report.pk]
    return render(
        request,
        "desk/felt_report.html",
        {
            "report": report,
            "row": row,
            "line": Line(report, seen),
            "place": place,
            "answers": felt_words.answers_in_words(report),
            "flags": [
                (felt_words.flag_words(code), felt_words.flag_meaning(code))
                for code in report.flags
            ],
            "personal": getattr(report, "personal", None),
            "ties": [
                (tie, felt_words.tie_words(tie.rule))
                for tie in report.ties.select_related("event", "previous", "actor")
            ],
            "decisions": report.decisions.select_related("actor"),
            "distance": distance,
            "intensity": intensity,
            "sketch": _sketch(report, row, place),
            "proposals": _proposals(report, place),
            "may_decide": may_decide(request),
        },
    )


def _proposals(report: FeltReport, place: Any) -> list[tuple[Settlement, str]]:
    """Return settlements that may be meant: those called as written, else the nearest."""
    keys = (
        [one.settlement_id for one in found_by(report.place[:60], PROPOSALS)]
        if report.place
        else []
    )
    rows = {row.pk: row for row in Settlement.objects.filter(pk__in=keys)}
    found_rows = [rows[key] for key in keys if key in rows]
    if place is not None and not found_rows:
        found_rows = list(
            Settlement.objects.order_by(GeometryDistance("point", place), "pk")[:PROPOSALS]
        )
    return [(row, oblast_of(row.country, row.region_code)) for row in found_rows]


@dataclass(frozen=True)
class Sketch:
    """Where a report lies about its event: offsets in pixels, right and down."""

    epicentre: tuple[float, float] | None
    report: tuple[float, float]
    others: Sequence[tuple[float, float, bool]]
    towns: Sequence[tuple[float, float, str]]
    bar_px: float
    bar_km: float


def _sketch(report: FeltReport, row: EventRow | None, place: Any) -> Sketch | None:
    """Return a drawing of the event's reports around one, north up, its width fit to both."""
    if place is None:
        return None
    east_km = 111.32 * math.cos(math.radians(place.y))

    def offset(latitude: float, longitude: float) -> tuple[float, float]:
        turn = (longitude - place.x + 180.0) % 360.0 - 180.0
        return turn * east_km, (place.y - latitude) * 110.57

    epicentre = None if row is None else offset(row.latitude, row.longitude)
    reach = 1.15 * max(10.0, math.hypot(*epicentre) if epicentre else 0.0)
    scale = HALF / reach
    others = [
        (x * scale, y * scale, felt)
        for point, felt in _points_of(report)
        for x, y in [offset(point.y, point.x)]
        if max(abs(x), abs(y)) <= reach
    ]
    towns = [
        (x * scale, y * scale, town.name)
        for town in _towns_about(place, reach / east_km, reach / 110.57)
        for x, y in [offset(town.point.y, town.point.x)]
    ]
    bar_km = 10.0 ** math.floor(math.log10(reach))
    return Sketch(
        None if epicentre is None else (epicentre[0] * scale, epicentre[1] * scale),
        (0.0, 0.0),
        others,
        towns,
        bar_km * scale,
        bar_km,
    )


def _towns_about(place: Any, east_deg: float, north_deg: float) -> Iterable[Settlement]:
    """Return the largest settlements of a box about a place."""
    box = (
        place.x - east_deg * 0.9,
        place.y - north_deg * 0.9,
        place.x + east_deg * 0.9,
        place.y + north_deg * 0.9,
    )
    inside = Settlement.objects.filter(point__within=Polygon.from_bbox(box))
    return inside.order_by(F("population").desc(nulls_last=True), "pk")[:TOWNS]


def _points_of(report: FeltReport) -> Iterable[tuple[Any, bool]]:
    if report.event_id is None:
        return []
    others = FeltReport.objects.filter(event=report.event_id, point__isnull=False)
    return others.exclude(pk=report.pk).order_by("pk").values_list("point", "felt")[:DRAWN_MOST]
