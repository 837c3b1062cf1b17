"""One event's reports as cards in columns: moved to another event or a new one, tried, stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from catalog.models import Event, EventRow, Report, User
from processing.core import geodesy
from processing.desk import merge_pairs
from processing.desk.merge import can_undo, foretold_of, refusal, text_of, told_gone
from processing.desk.merge_pairs import Side, decision_words
from processing.desk.readings import may_decide
from processing.desk.views import staff_only
from processing.jobs import merge_decisions
from processing.jobs.station_readings import GONE, NotDecidable

#: Columns of other events, and of new ones.
OTHERS, NEW = 5, ("new-1", "new-2", "new-3")
#: How near in time an event is offered as another home [s], and how many are.
NEAR_S, CANDIDATES = 600, 12


@dataclass
class Column:
    """An event, or one to be made, with the reports in it."""

    key: str
    event: Event | None = None
    sides: list[Side] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """An event near in time."""

    row: EventRow
    seconds: float
    km: float


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def merge_event(request: HttpRequest, public_id: str) -> HttpResponse:
    """The columns; what was moved is tried first and stored then."""
    event = get_object_or_404(Event, public_id=public_id)
    if event.merged_into is not None:
        return redirect("merge-event", event.merged_into.public_id)
    given = request.POST if request.method == "POST" else request.GET
    events = [event, *_others(event, given.getlist("with"), request)]
    reports = _reports(events)
    sides = merge_pairs.sides([report.pk for report in reports])
    wish = {
        pk: _column(given.get(f"to-{pk}", ""), events) or side.event_id
        for pk, side in sides.items()
    }
    foretold = None
    if request.method == "POST":
        actor = request.user
        if not may_decide(request) or not isinstance(actor, User):
            raise PermissionDenied
        act = merge_decisions.stored if given.get("step") == "store" else merge_decisions.foretold
        note = text_of(given, "note")
        try:
            result = act(merge_decisions.move, wish, given.get("seen", "")[:60], actor, note)
        except NotDecidable as error:
            notices.warning(request, refusal(error))
            if error.code in ("reports-changed", "decided-meanwhile", "report-gone"):
                return redirect(_address(event, events[1:]))
        else:
            if given.get("step") == "store":
                notices.success(
                    request, " ".join([_("The reports are moved."), *told_gone([result])])
                )
                return redirect(_address(event, []))
            foretold = foretold_of(result)
    words = merge_decisions.words_among(list(sides))
    return render(
        request,
        "desk/merge_event.html",
        {
            "event": event,
            "row": getattr(event, "row", None),
            "is_gone": event.status in GONE,
            "columns": _columns(events, sides, wish),
            "wish": wish,
            "others": events[1:],
            "seen": given.get("seen", "")[:60]
            if foretold
            else merge_decisions.seen_of(list(sides), members=True),
            "note": text_of(given, "note"),
            "foretold": foretold,
            "candidates": _candidates(event, events),
            "can_add": len(events) <= OTHERS,
            "words": [(word, decision_words(word), can_undo(word)) for word in words[:50]],
            "script_words": {"moved": _("%(report)s is to be in %(column)s.")},
            "may_decide": may_decide(request),
        },
    )


def _address(event: Event, others: Sequence[Event]) -> str:
    query = urlencode([("with", other.public_id) for other in others])
    return f"{reverse('merge-event', args=[event.public_id])}?{query}".rstrip("?")


def _others(event: Event, named: Sequence[str], request: HttpRequest) -> list[Event]:
    """Return the other events asked for, and say what is wrong with those that cannot be shown."""
    found: list[Event] = []
    for name in [n for text in named for n in re.findall(r"[0-9A-Za-z]+", text)][: 4 * OTHERS]:
        other = (
            Event.objects.filter(public_id=name[:20].lower()).select_related("merged_into").first()
        )
        if other is not None and other.merged_into is not None:
            other = other.merged_into
        if other is None or other.status in GONE:
            notices.warning(request, _("There is no event “%(id)s”.") % {"id": name[:20]})
        elif other != event and other not in found and len(found) < OTHERS:
            found.append(other)
    return found


def _reports(events: Sequence[Event]) -> QuerySet[Report]:
    return Report.objects.filter(
        event__in=events, withdrawn_at__isnull=True, current_entry__isnull=False
    ).order_by("pk")[: merge_decisions.MOST_REPORTS]


def _column(text: str, events: Sequence[Event]) -> str:
    """Return the name of a column that is on the page, else nothing."""
    return text if text in NEW or text in {e.public_id for e in events} else ""


def _columns(events: Sequence[Event], sides: dict[int, Side], wish: dict[int, str]) -> list[Column]:
    columns = {event.public_id: Column(event.public_id, event) for event in events}
    columns |= {key: Column(key) for key in NEW}
    ordered = sorted(
        sides.items(), key=lambda item: (item[1].report.agency.code, item[1].name, item[0])
    )
    for pk, side in ordered:
        # One that is moved just now by somebody else stands in the first column.
        columns.get(wish[pk], columns[events[0].public_id]).sides.append(side)
    # One empty column to put into, and those that hold something.
    new = [columns[key] for key in NEW]
    shown = max((n + 1 for n, column in enumerate(new) if column.sides), default=0)
    return [*list(columns.values())[: len(events)], *new[: shown + 1]]


def _candidates(event: Event, shown: Sequence[Event]) -> list[Candidate]:
    """Return events near in time, the nearest in time and place first."""
    here = EventRow.objects.filter(pk=event.pk).first()
    if here is None:
        return []
    span = timedelta(seconds=NEAR_S)
    found = []
    for row in EventRow.objects.filter(
        time__range=(here.time - span, here.time + span), synthetic=here.synthetic
    ).exclude(pk__in=[e.pk for e in shown])[:500]:
        km = geodesy.ellipsoid_distance_km(
            here.latitude, here.longitude, row.latitude, row.longitude
        )
        found.append(Candidate(row, (row.time - here.time).total_seconds(), float(km)))
    # Six kilometres are about a second of a wave's way.
    found.sort(key=lambda c: (abs(c.seconds) + c.km / 6.0, c.row.pk))
    return found[:CANDIDATES]
