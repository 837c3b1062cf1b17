"""Public pages, and what is said when a request cannot be met."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count as CountOf
from django.db.models import F, Max, Min, QuerySet
from django.db.models.functions import Left, Length
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http import HttpResponsePermanentRedirect as Moved
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from catalog import ledger, preference_words
from catalog.models import (
    EDITOR,
    OPERATOR,
    Agency,
    Arrival,
    BulletinEntry,
    Event,
    EventRow,
    FeedCounter,
    Origin,
    PickAssociation,
    PreferenceRuleSet,
    User,
)
from catalog.scales import SCALES
from catalog.search import (
    BY_WORD,
    FDSN,
    GROUPS,
    PAGE,
    EventSearch,
    SearchError,
    parameters_of,
    successors,
)
from portal import download_builder, event_type_words, feeds
from portal import magnitudes as sizes_shown
from portal.editions import editions_of
from portal.location_words import own_location
from portal.map_config import LIST_LENGTH, map_config, map_words
from portal.map_tools import tools_config, tools_words
from portal.templatetags import seismo
from processing.core import geodesy
from processing.transactions import is_no_space

logger = logging.getLogger(__name__)

#: Of a report's own text a page shows so much; the whole stands in the file.
REPORT_CHARACTERS = 20_000

#: Automatic solutions beside the map: so many days back, at most so many.
LATEST_DAYS, LATEST_MOST = 7, 20
#: A full disk is mended by a person.
NO_SPACE_RETRY_SECONDS = 300


# --- What is not a page of the catalogue --------------------------------------------------------


@never_cache
def too_large(request: HttpRequest) -> HttpResponse:
    """Say that a request's body was larger than the proxy lets through."""
    text = _("The file is larger than allowed.")
    values = {"limit": settings.UPLOAD_MAX_BYTES}
    return _told(request, 413, "file-too-large", text, values)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an error of ours; when it was a full disk, say so: nothing was stored."""
    response: HttpResponse
    if is_no_space(sys.exc_info()[1]):
        text = _("There is no space left to store this. Nothing of it was kept; try again later.")
        response = _told(request, 507, "no-space", text, {})
        response["Retry-After"] = str(NO_SPACE_RETRY_SECONDS)
        return response
    if request.path.startswith("/api/"):
        # Not translated: what failed may be the translation.
        text = "An error of ours; it is in our log."
        response = JsonResponse({"error": text, "problems": []}, status=500)
        response["Access-Control-Allow-Origin"] = "*"
        return response
    return HttpResponse(render_to_string("500.html", request=None), status=500)


def _told(
    request: HttpRequest, status: int, code: str, text: str, values: dict[str, Any]
) -> HttpResponse:
    """Say a reason to a person as a page, to a program in the shape of the upload API."""
    if "text/html" in request.headers.get("Accept", ""):
        words = {"text": text, "limit": values.get("limit"), "status": status}
        return HttpResponse(render_to_string("refused.html", words), status=status)
    problem = {"word": "", "code": code, "found": "", "expected": "", "message": text}
    body = {"code": code, "message": text, "values": values, "line": None}
    return JsonResponse(body | {"error": text, "problems": [problem]}, status=status)


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Write a browser's Content-Security-Policy report to the log."""
    logger.warning("csp report %r", request.body[:2000])
    return HttpResponse(status=204)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it where a page (the admin's) names no icon."""
    return redirect(static("img/mark.svg"))


# --- Map ---------------------------------------------------------------------------------------


@require_safe
def map_page(request: HttpRequest) -> HttpResponse:
    """The home page: list and filter work without a script; the map is drawn by one."""
    rows, total, exact, problems = _first_rows(request, LIST_LENGTH)
    span = _span()
    return render(
        request,
        "portal/map.html",
        {
            "rows": rows,
            "total": total,
            "exact": exact,
            "problems": problems,
            "span": span,
            "agencies": _agency_codes(),
            "presets": _presets(request),
            "config": map_config() | {"tools": tools_config()},
            "words": map_words() | {"tools": tools_words()},
            "depth_labels": seismo.depth_class_labels(),
            "feeds": feeds.told(),
            "latest_automatic": _latest_automatic(),
        },
    )


def _latest_automatic() -> list[EventRow]:
    """Return the newest events that only automatic reports tell of: they are shown apart."""
    since = timezone.now() - timedelta(days=LATEST_DAYS)
    search = EventSearch(status=("automatic",), starttime=since, limit=LATEST_MOST)
    return list(search.queryset().defer("fdsn_text", "csv_line"))


def _first_rows(
    request: HttpRequest, length: int
) -> tuple[list[EventRow], int, bool, dict[str, str]]:
    try:
        # The map's address holds more than a search: position, layers, keys of another version.
        # The map says which of them it does not know; the list is that of the search.
        others = [word for word in request.GET if word.lower() not in BY_WORD]
        search = EventSearch.from_query(request.GET, PAGE, ignore=others)
    except SearchError as error:
        return [], 0, True, {p.word: p.message for p in error.problems}
    rows = list(search.queryset()[:length].defer("fdsn_text", "csv_line"))
    counted = search.count()
    return rows, counted.value, counted.exact, {}


def _span() -> dict[str, Any]:
    """Return the time of the first and last event of the catalogue, and how many it has."""
    return EventRow.objects.counted().aggregate(
        first=Min("time"), last=Max("time"), number=CountOf("pk")
    )


def _agency_codes() -> list[str]:
    """Codes of the agencies that have reported something."""
    return list(
        Agency.objects.filter(is_portal=False, reports__isnull=False)
        .distinct()
        .order_by("code")
        .values_list("code", flat=True)
    )


@dataclass(frozen=True, slots=True)
class Preset:
    """A time range with a name; its start is what the address will hold."""

    code: str
    label: str
    starttime: str
    query: str
    current: bool


def _presets(request: HttpRequest) -> list[Preset]:
    now = timezone.now().astimezone(UTC)
    starts: list[tuple[str, str, datetime | None]] = [
        ("7d", _("7 days"), now - timedelta(days=7)),
        ("30d", _("30 days"), now - timedelta(days=30)),
        ("1y", _("1 year"), now - timedelta(days=365)),
        ("10y", _("10 years"), now - timedelta(days=3652)),
        ("all", _("All"), None),
    ]
    presets = []
    for code, label, start in starts:
        query = request.GET.copy()
        for word in ("starttime", "start", "endtime", "end"):
            query.pop(word, None)
        text = "" if start is None else f"{start:%Y-%m-%d}"
        if text:
            query["starttime"] = text
        given = request.GET.get("starttime", "")
        current = given == text and not request.GET.get("endtime")
        presets.append(Preset(code, label, text, query.urlencode(safe="/:,"), current))
    return presets


# --- One event ---------------------------------------------------------------------------------


@require_safe
def event_page(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Everything known of one event. A merged one leads to its successor, a deleted one is gone."""
    event = (
        Event.objects.filter(public_id=public_id)
        .select_related("preferred_origin__agency", "preferred_magnitude", "row__settlement")
        .first()
    )
    if event is None:
        raise Http404(_("There is no event with this id."))
    if event.status == Event.Status.MERGED:
        successor = successors([public_id])[public_id]
        return Moved(f"{reverse('event', args=[successor.public_id])}?merged={public_id}")
    if event.status == Event.Status.DELETED:
        return gone(request, event)
    row: EventRow | None = getattr(event, "row", None)
    preferred = event.preferred_origin
    if row is None or preferred is None:
        raise Http404(_("This event is still being processed."))
    context = _event_context(request, event, row, preferred)
    return render(request, "portal/event.html", context)


def gone(request: HttpRequest, event: Event) -> HttpResponse:
    """A deleted event: what it was and when it was taken out stay findable."""
    last = event.changes.order_by("-number").first()
    context = {"event": event, "change": last, "history": ledger.history(event)}
    return render(request, "410.html", context, status=410)


@dataclass(frozen=True, slots=True)
class SolutionShown:
    """An origin beside the preferred one."""

    origin: Origin
    is_preferred: bool
    distance_km: float | None
    seconds: float | None
    depth_difference_km: float | None
    magnitudes: list[Any]
    arrival_count: int


def _event_context(
    request: HttpRequest, event: Event, row: EventRow, preferred: Origin
) -> dict[str, Any]:
    origins = list(
        event.origins.current()
        .select_related("agency", "entry__reading__agency")
        .annotate(arrival_count=CountOf("arrivals"))
    )
    magnitudes = list(
        event.magnitudes.current().select_related("agency", "converted_from", "origin")
    )
    chosen = {p.magnitude_id for p in event.preferred_magnitudes.all()}
    order = {scale: number for number, scale in enumerate(SCALES)}
    magnitudes.sort(
        key=lambda m: (
            order.get(m.scale, 99),
            m.scale,
            m.converted_from_id is not None,
            m.pk not in chosen,
            str(m.agency),
        )
    )
    solutions = [_compared(origin, preferred, magnitudes) for origin in origins]
    solutions.sort(key=lambda s: (not s.is_preferred, s.origin.is_computed, str(s.origin.agency)))
    entries = list(
        BulletinEntry.objects.filter(report__event=event)
        .select_related("reading__file", "reading__agency", "report")
        .defer("text")
        .annotate(text_begin=Left("text", REPORT_CHARACTERS), text_length=Length("text"))
        .order_by("superseded_at", "reading__agency__code", "-pk")[:50]
    )
    intensities = sorted(
        event.intensityobservations.current().select_related("settlement", "agency"),
        key=lambda i: -(i.best or i.maximum or i.minimum or 0),
    )
    merged_from = request.GET.get("merged", "")
    return {
        "event": event,
        "row": row,
        "origin": preferred,
        "minute": preferred.is_minute_precision,
        "solutions": solutions,
        "magnitudes": magnitudes,
        **sizes_shown.told(event, preferred, magnitudes, chosen),
        "arrival_tables": [
            {"solution": s, "arrivals": _arrivals(s.origin)} for s in solutions if s.arrival_count
        ],
        "intensities": intensities,
        "consequences": event.consequences.filter(superseded_at=None),
        "interpretations": event.interpretations.filter(superseded_at=None).select_related(
            "agency"
        ),
        "readings_proposed": _readings_proposed(request, event),
        "may_locate": _is_staff(request),
        "mechanisms": event.focalmechanisms.current().select_related("agency"),
        "descriptions": event.descriptions.filter(superseded_at=None),
        "entries": entries,
        "history": ledger.history(event),
        "absorbed": event.absorbed.order_by("public_id"),
        "editions": editions_of(event),
        **_preference_table(event),
        **_type_told(event),
        "own_location": own_location(event, [s.origin for s in solutions]),
        "downloads": download_builder.event_files(f"eventid={event.public_id}"),
        "merged_from": merged_from
        if merged_from and event.absorbed.filter(public_id=merged_from).exists()
        else "",
        "map_data": _event_map(solutions, intensities),
        "config": map_config(),
        "words": map_words()
        | {"mapLabel": _("Map of all solutions. The table below holds the same.")},
    }


def _type_told(event: Event) -> dict[str, Any]:
    told = event_type_words.told(event)
    decision = told["type_decision"]
    return {
        **told,
        "type_decided_by": ledger.role_words(ledger.role_of(decision.actor)) if decision else "",
    }


def _is_staff(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(OPERATOR, EDITOR)


def _readings_proposed(request: HttpRequest, event: Event) -> int:
    """Count the station readings that wait for a decision on this event; only staff see them."""
    if not _is_staff(request):
        return 0
    return event.pick_associations.filter(state=PickAssociation.State.PROPOSED).count()


def _compared(origin: Origin, preferred: Origin, magnitudes: list[Any]) -> SolutionShown:
    is_preferred = origin.pk == preferred.pk
    distance = None
    if not is_preferred:
        distance = float(
            geodesy.ellipsoid_distance_km(
                preferred.latitude, preferred.longitude, origin.latitude, origin.longitude
            )
        )
    depth, preferred_depth = origin.depth_km, preferred.depth_km
    return SolutionShown(
        origin=origin,
        is_preferred=is_preferred,
        distance_km=distance,
        seconds=None if is_preferred else (origin.time - preferred.time).total_seconds(),
        depth_difference_km=(
            None
            if is_preferred or depth is None or preferred_depth is None
            else depth - preferred_depth
        ),
        magnitudes=[
            m
            for m in magnitudes
            if (m.origin_id == origin.pk)
            or (m.origin_id is None and m.entry_id and m.entry_id == origin.entry_id)
        ],
        arrival_count=getattr(origin, "arrival_count", 0),
    )


def _arrivals(origin: Origin) -> QuerySet[Arrival]:
    return origin.arrivals.select_related(
        "pick__station__network", "pick__reading__agency"
    ).order_by(F("distance_deg").asc(nulls_last=True), "pick__time", "pk")


def _preference_table(event: Event) -> dict[str, Any]:
    """The stored terms of ``processing.jobs.preference`` as tables: names, then a line each."""
    stored = event.preference or {}
    candidates = stored.get("candidates", [])
    names: list[str] = []
    for candidate in candidates:
        # A column of noughts would only push the sum out of sight.
        names += [
            t["name"]
            for t in candidate["terms"]
            if t["name"] not in names and (t["name"] != "automatic_bulletin" or t["value"])
        ]
    lines = [
        {
            "agency": candidate["agency"],
            "values": [
                next((t["contribution"] for t in candidate["terms"] if t["name"] == name), None)
                for name in names
            ],
            "total": candidate["total"],
        }
        for candidate in candidates
    ]
    sizes = [
        {
            "scale": scale,
            "criteria": [preference_words.criterion_words(name) for name in told["order"]],
            "lines": told["candidates"],
        }
        for scale in SCALES
        if (told := stored.get("magnitudes", {}).get(scale)) and len(told["candidates"]) > 1
    ]
    return {
        "preference": stored,
        "preference_area": preference_words.area_words(stored["area"])
        if stored.get("area") is not None
        else "",
        "preference_terms": [preference_words.term_words(name) for name in names],
        "preference_lines": lines,
        "preference_sizes": sizes,
    }


def _event_map(solutions: list[SolutionShown], intensities: list[Any]) -> dict[str, Any]:
    """Epicentres, ellipses and felt places of one event, for its small map."""
    return {
        "solutions": [
            {
                "lat": s.origin.latitude,
                "lon": s.origin.longitude,
                "depth": s.origin.depth_km,
                "agency": str(s.origin.agency or ""),
                "preferred": s.is_preferred,
                "computed": s.origin.is_computed,
                "major": s.origin.semi_major_axis_km or s.origin.horizontal_uncertainty_km,
                "minor": s.origin.semi_minor_axis_km or s.origin.horizontal_uncertainty_km,
                "azimuth": s.origin.major_axis_azimuth or 0,
            }
            for s in solutions
        ],
        "places": [
            {
                "lat": point.y,
                "lon": point.x,
                "name": seismo.felt_place(i),
                "intensity": seismo.intensity(i.best if i.best is not None else i.maximum),
            }
            for i in intensities
            if not seismo.is_at_epicentre(i)
            and (point := i.point or (i.settlement.point if i.settlement else None)) is not None
        ],
    }


# --- Pages of text -----------------------------------------------------------------------------


@require_safe
def about_page(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/about.html", {"span": _span()})


@require_safe
def methods_page(request: HttpRequest) -> HttpResponse:
    context = {
        "scales": SCALES,
        "deepest_blast_km": seismo.decimal(settings.EVENT_TYPE_DEEPEST_BLAST_KM, 0),
    }
    return render(request, "portal/methods.html", context)


@require_safe
def preference_page(request: HttpRequest) -> HttpResponse:
    """The version of the preference rules in force, and the versions before it."""
    row = preference_words.in_force()
    context = {
        "rules": preference_words.told(row) if row else None,
        "confirmation": preference_words.confirmation(),
        "former": PreferenceRuleSet.objects.filter(
            status=PreferenceRuleSet.Status.RETIRED, status_changed_at__isnull=False
        ).order_by("-status_changed_at")[:50],
    }
    return render(request, "portal/preference.html", context)


@require_safe
def data_sources_page(request: HttpRequest) -> HttpResponse:
    agencies = (
        Agency.objects.filter(is_provisional=False)
        .select_related("successor")
        .annotate(report_count=CountOf("reports"))
        .order_by("code")
    )
    return render(request, "portal/data_sources.html", {"agencies": agencies})


@require_safe
def api_docs_page(request: HttpRequest) -> HttpResponse:
    groups = [
        {
            "title": title,
            "parameters": [p for p in parameters_of(FDSN) if p.group == code],
        }
        for code, title in GROUPS.items()
    ]
    return render(
        request,
        "portal/api_docs.html",
        {
            "groups": groups,
            "base": f"{request.scheme}://{request.get_host()}",
            "version": FeedCounter.current(),
            "feeds": feeds.told(),
            "feed_periods": feeds.PERIODS,
            "feed_table": feeds.table(),
            "feed_most": feeds.MOST,
            "feed_example": feeds.FEEDS["kr10_week.geojson"].address("en"),
        },
    )
