"""Public pages, and what is said when a request cannot be met."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count as CountOf
from django.db.models import Max, Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from catalog import preference_words
from catalog.models import (
    Agency,
    EventRow,
    FeedCounter,
    PreferenceRuleSet,
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
)
from portal import feeds
from portal.map_config import LIST_LENGTH, map_config, map_words
from portal.map_tools import tools_config, tools_words
from portal.mechanism_words import STYLES
from portal.templatetags import seismo
from processing.transactions import is_no_space

logger = logging.getLogger(__name__)

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
            "faulting_styles": list(STYLES.items()),
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
