"""Reports that name no coordinates: they make no event on the map, and are shown for what they say.

An announcement such as "76 km west of Almaty" tells a time, sizes and where it was felt, but no
epicentre. No position is made up for it: the report is kept, listed here and has a page of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from catalog.formats.labels import ORIGIN_TIME, PLACE
from catalog.models import BulletinEntry, IntensityObservation, Magnitude, Report, Settlement

#: Shown on one page; the newest.
LIST_LIMIT = 500
_DIRECTED = re.compile(r"(?P<distance>\d+) km (?P<direction>[NS]?[EW]?) of (?P<place>[\w -]+)\Z")


@dataclass(frozen=True)
class Told:
    """What a report without coordinates says."""

    report: Report
    entry: BulletinEntry
    time: datetime | None
    to_the_minute: bool
    place: str
    sizes: tuple[Magnitude, ...]
    intensities: tuple[IntensityObservation, ...]
    notes: tuple[str, ...]


def _placeless() -> QuerySet[Report]:
    return (
        Report.objects.filter(
            event=None,
            withdrawn_at=None,
            current_entry__isnull=False,
            current_entry__deleted=False,
            current_entry__origins=None,
        )
        .select_related("agency", "current_entry__reading__file")
        .order_by("-pk")
    )


def _told(reports: Iterable[Report]) -> list[Told]:
    reports = list(reports)
    entries = [r.current_entry_id for r in reports]
    sizes: dict[int | None, list[Magnitude]] = {}
    for size in Magnitude.objects.filter(entry__in=entries).order_by("pk"):
        sizes.setdefault(size.entry_id, []).append(size)
    felt: dict[int | None, list[IntensityObservation]] = {}
    for row in (
        IntensityObservation.objects.filter(entry__in=entries)
        .select_related("settlement", "agency")
        .order_by("pk")
    ):
        felt.setdefault(row.entry_id, []).append(row)
    told = []
    for report in reports:
        entry = report.current_entry
        if entry is None:
            continue
        time, to_the_minute = _time(entry.comments)
        told.append(
            Told(
                report=report,
                entry=entry,
                time=time,
                to_the_minute=to_the_minute,
                place=_place(entry.comments),
                sizes=tuple(sizes.get(entry.pk, ())),
                intensities=tuple(felt.get(entry.pk, ())),
                notes=tuple(c for c in entry.comments if not c.startswith((ORIGIN_TIME, PLACE))),
            )
        )
    return told


def _time(comments: Iterable[str]) -> tuple[datetime | None, bool]:
    """Return the time the report tells in words, and whether to the minute only."""
    for comment in comments:
        if comment.startswith(ORIGIN_TIME):
            text = comment.removeprefix(ORIGIN_TIME)
            try:
                return datetime.fromisoformat(text), text.count(":") == 1
            except ValueError:
                return None, False
    return None, False


def _place(comments: Iterable[str]) -> str:
    """Return where the report says it was, in the reader's language where the words are known."""
    for comment in comments:
        if not comment.startswith(PLACE):
            continue
        text = comment.removeprefix(PLACE)
        match = _DIRECTED.match(text)
        if match is None or not match["direction"]:
            return text
        town = Settlement.objects.filter(name_en=match["place"]).order_by("-population").first()
        # The eight sentences stand with the nearest places (catalog/rendering.py).
        sentence = f"%(distance)s km {match['direction']} of %(place)s"
        return gettext(sentence) % {
            "distance": match["distance"],
            "place": town.name if town else match["place"],
        }
    return ""


@require_safe
def report_list(request: HttpRequest) -> HttpResponse:
    """List the reports without coordinates, the newest first."""
    told = _told(_placeless()[:LIST_LIMIT])
    told.sort(key=lambda t: t.time.timestamp() if t.time else float("-inf"), reverse=True)
    return render(request, "portal/reports.html", {"told": told, "limit": LIST_LIMIT})


@require_safe
def report_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one report without coordinates, with its own words."""
    told = _told(_placeless().filter(pk=pk))
    if not told:
        raise Http404
    return render(request, "portal/report.html", {"told": told[0]})
