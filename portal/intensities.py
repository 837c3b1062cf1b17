"""The year book's table of felt earthquakes: an event a line, a settlement a column.

For any search: what experts observed at the settlements of its events. The page shows as many
columns as can be read, those most often named; the file has all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.downloads import TooLong
from catalog.models import EventRow, IntensityObservation
from catalog.rendering import csv_cell
from catalog.search import PAGE, EventSearch, SearchError
from portal import citing
from portal.event_intensities import LANGUAGES
from portal.event_macroseismics import grade_words
from portal.statistics import IGNORED, asked, attached, query_of
from portal.templatetags import seismo
from portal.time_limits import within
from processing.jobs.macroseismics import grade_of

SECONDS = 4.0
#: Events and settlements of the page and of the file. Ours.
EVENTS_SHOWN, EVENTS_MOST = 200, 2000
COLUMNS_SHOWN, COLUMNS_MOST = 40, 400


@dataclass
class FeltEvent:
    """One line of the table."""

    row: EventRow
    i0: str = ""
    """As a source gives it, at the epicentre."""
    at: dict[str, str] = field(default_factory=dict)
    """Settlement -> what was felt there; several sources are told one after another."""
    cells: list[tuple[str, str]] = field(default_factory=list)
    """Settlement and what was felt there, by the columns of the table."""


@dataclass
class Table:
    events: list[FeltEvent]
    places: list[str]
    """The most often named first."""
    more_events: bool
    more_places: int


def table_of(search: EventSearch, events: int, columns: int) -> Table:
    """Return the table of a search, newest events first; two questions."""
    matching = (
        search.matching()
        .filter(event__in=IntensityObservation.objects.current().values("event"))
        .defer("fdsn_text", "csv_line")
        .order_by("-time", "-event_id")
    )
    rows = list(matching[: events + 1])
    found = {row.pk: FeltEvent(row) for row in rows[:events]}
    observations = (
        IntensityObservation.objects.current()
        .filter(event__in=found)
        .select_related("settlement")
        .order_by("pk")
    )
    named: Counter[str] = Counter()
    for one in sorted(observations, key=lambda i: -(grade_of(i) or 0.0)):
        event = found[one.event_id]
        words = grade_words(one)
        if one.calculated:
            words += " " + _("(calc.)")
        if seismo.is_at_epicentre(one):
            event.i0 = event.i0 or words
            continue
        place = seismo.felt_place(one)
        if place not in event.at:
            named[place] += 1
            event.at[place] = words
        elif words not in event.at[place].split("; "):
            event.at[place] += f"; {words}"
    places = [p for p, _n in sorted(named.items(), key=lambda item: (-item[1], item[0]))]
    for event in found.values():
        event.cells = [(place, event.at.get(place, "")) for place in places[:columns]]
    return Table(
        list(found.values()), places[:columns], len(rows) > events, max(len(places) - columns, 0)
    )


@require_safe
def intensities_page(request: HttpRequest) -> HttpResponse:
    """The table of a search, on a page."""
    search, problems = asked(request)
    context: dict[str, Any] = {"problems": [p.message for p in problems]}
    if search is None:
        return render(request, "portal/intensities.html", context, status=400)
    try:
        with within(SECONDS):
            table = table_of(search, EVENTS_SHOWN, COLUMNS_SHOWN)
    except TooLong:
        return render(request, "portal/intensities.html", {"too_slow": True}, status=503)
    named = ("starttime", "endtime", "minintensity")
    words = search.words()
    context |= {
        "table": table,
        "query": query_of(search),
        "language": (get_language() or "en")[:2],
        "selection": citing.selection_words(search),
        "asked": {name: words.get(name, "") for name in named},
        "others": {name: text for name, text in words.items() if name not in named},
        "synthetic": sum(event.row.synthetic for event in table.events),
    }
    return render(request, "portal/intensities.html", context)


HEADINGS = ("event_id", "time", "latitude", "longitude", "depth_km", "KR", "magnitude",
            "magnitude_type", "synthetic", "I0")  # fmt: skip


@require_safe
def intensities_csv(request: HttpRequest) -> HttpResponse:
    """The same as CSV, places in the language of ``lang``: all of them, up to 2,000 events."""
    language = request.GET.get("lang", "en")
    with translation.override(language if language in LANGUAGES else "en"):
        try:
            search = EventSearch.from_query(request.GET, PAGE, ignore=(*IGNORED, "lang"))
            with within(SECONDS):
                table = table_of(search, EVENTS_MOST, COLUMNS_MOST)
        except SearchError as error:
            return _refused(400, error.message)
        except TooLong:
            return _refused(503, _("This search takes too long"))
        lines = [_line([*HEADINGS, *table.places])]
        lines += [_line(_values(event)) for event in table.events]
    body = "\r\n".join((*lines, "")).encode()
    return attached(body, "text/csv; charset=utf-8", "intensities.csv")


def _refused(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _values(event: FeltEvent) -> Sequence[Any]:
    row = event.row
    time = row.time.strftime("%Y-%m-%dT%H:%MZ" if row.minute_precision else "%Y-%m-%dT%H:%M:%SZ")
    return [
        row.public_id, time, row.latitude, row.longitude, row.depth_km, row.kr, row.magnitude,
        row.magnitude_type, row.synthetic, event.i0,
        *(words for _place, words in event.cells),
    ]  # fmt: skip


def _line(values: Sequence[Any]) -> str:
    return ",".join(
        "" if v is None else csv_cell(v) if isinstance(v, str) else str(v).lower() for v in values
    )
