"""The newest events of the catalogue, kept up to date: the page, and its list alone for the script.

The list's address has an ETag made of the catalogue's version: asked again while nothing changed,
it answers 304 without looking at any event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.downloads import is_known
from catalog.models import EventRow, FeedCounter
from catalog.rendering import RENDERER_VERSION
from portal import feeds

LENGTH = 50
#: How often an open page asks [s].
REFRESH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Day:
    """The events of one UTC day, the newest first."""

    day: date
    #: "today", "yesterday" in the reader's language; else empty.
    name: str
    rows: list[EventRow] = field(default_factory=list)


@require_safe
def latest_page(request: HttpRequest) -> HttpResponse:
    """The newest events by day; without a script the page is loaded anew by hand."""
    felt = _felt(request)
    # Taken before the events: a change between the two is found by the next question.
    tag = _tag(felt)
    here = reverse("latest")
    return render(
        request,
        "portal/latest.html",
        {
            **_list(felt),
            "tag": tag,
            "rows_url": reverse("latest-rows") + ("?felt=true" if felt else ""),
            "refresh_seconds": REFRESH_SECONDS,
            "choices": [
                (_("All"), here, not felt),
                (_("Felt by people"), f"{here}?felt=true", felt),
            ],
            "length": LENGTH,
            "feeds": feeds.told(),
            "words": {
                "failed": _("The newest events could not be asked for. Trying again soon."),
                "updated": _("Updated at %(time)s UTC"),
                "fresh": _("Updated at %(time)s UTC: new or changed events are marked."),
            },
        },
    )


@require_safe
def latest_rows(request: HttpRequest) -> HttpResponse:
    """The list alone, or 304."""
    felt = _felt(request)
    tag = _tag(felt)
    answer: HttpResponse
    if is_known(request, tag):
        answer = HttpResponseNotModified()
    else:
        answer = render(request, "portal/_latest_rows.html", _list(felt))
    answer["ETag"] = tag
    patch_cache_control(answer, no_cache=True)
    return answer


def _felt(request: HttpRequest) -> bool:
    return request.GET.get("felt") == "true"


def _tag(felt: bool) -> str:
    """Return the list's ETag. Days have names, so that it ends with the day."""
    language = (get_language() or "en")[:2]
    parts = (FeedCounter.current(), RENDERER_VERSION, f"{timezone.now():%Y%m%d}", language)
    return '"' + "-".join(str(part) for part in (*parts, "felt" if felt else "all")) + '"'


def _list(felt: bool) -> dict[str, Any]:
    rows = EventRow.objects.counted().order_by("-time", "-pk").defer("fdsn_text", "csv_line")
    if felt:
        rows = rows.filter(felt=True)
    return {"days": _by_day(rows[:LENGTH])}


def _by_day(rows: Iterable[EventRow]) -> list[Day]:
    today = timezone.now().astimezone(UTC).date()
    names = {today: _("today"), today - timedelta(days=1): _("yesterday")}
    days: list[Day] = []
    for row in rows:
        day = row.time.astimezone(UTC).date()
        if not days or days[-1].day != day:
            days.append(Day(day, names.get(day, "")))
        days[-1].rows.append(row)
    return days
