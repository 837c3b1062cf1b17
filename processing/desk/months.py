"""Closing a month of the catalogue against a checklist, and opening it again.

The list is computed when the page is shown and again when the month is closed; the closing keeps
it as it stood. A month with open items can be closed, with a reason that is kept. What an editor
says is never changed: opening again is a record of its own, and the latest counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from catalog import coverage
from catalog.coverage import FIRST_YEAR, ONE_DAY
from catalog.models import EDITOR, Event, EventRow, MonthClosing, User
from catalog.rendering import main_catalog
from processing.desk.coverage import midnight
from processing.desk.views import staff_only
from processing.jobs import merge_queue, type_queue
from processing.models import WorkItem

#: Events that an item lists on the page.
LISTED = 25
REASON_LENGTH = 2000
#: One closing at a time: the key of the transaction's advisory lock.
ADVISORY_LOCK = 0x6B7A6D63

#: What each item asks, in the order of the list.
ITEMS: dict[str, str | Promise] = {
    "missing-days": gettext_lazy("days without a reviewed bulletin of an expected agency"),
    "not-final-days": gettext_lazy("days whose bulletin nobody has declared final"),
    "reviews": gettext_lazy("pairs of reports to review"),
    "automatic": gettext_lazy("events that only automatic reports tell of, not yet expired"),
    "without-kr": gettext_lazy("earthquakes without an energy class KR"),
    "types": gettext_lazy("events to be looked at for blasts: the type is not decided"),
    "suspected": gettext_lazy("events whose type is suspected and not decided"),
    "parked": gettext_lazy("parked work, of any month"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist; it is open while there are any."""

    code: str
    count: int
    url: str = ""
    #: Of days: each agency with the days it lacks.
    gaps: tuple[coverage.Gap, ...] = ()
    rows: tuple[EventRow, ...] = ()

    @property
    def words(self) -> str | Promise:
        return ITEMS[self.code]

    def as_json(self) -> dict[str, Any]:
        """Return the item as a closing keeps it."""
        kept: dict[str, Any] = {"item": self.code, "count": self.count}
        if self.gaps:
            kept["days"] = [
                [g.agency, g.first_day.isoformat(), g.last_day.isoformat(), g.state]
                for g in self.gaps
            ]
        if self.rows:
            kept["events"] = [row.public_id for row in self.rows]
        return kept


def checklist(month: date) -> list[Item]:
    """Return the items of a month as they stand now."""
    first, last = month, coverage.end_of(month)
    return [*_days(first, last), *_events(first, last), _parked()]


def _days(first: date, last: date) -> Iterator[Item]:
    url = f"{reverse('coverage-desk')}?{urlencode({'year': first.year})}"
    gaps = coverage.gaps(first, last)
    yield Item("missing-days", sum(gap.days for gap in gaps), url, tuple(gaps))
    wanted = {e.agency.code for e in coverage.expected()}
    loose = [
        coverage.Gap(s.agency, s.first_day, s.last_day, s.state)
        for code, found in coverage.stretches(first, last).items()
        if code in wanted
        for s in found
        if s.state == coverage.State.RECEIVED
    ]
    yield Item("not-final-days", sum(gap.days for gap in loose), url, tuple(loose))


def _events(first: date, last: date) -> Iterator[Item]:
    start, end = midnight(first), midnight(last + ONE_DAY)
    waiting = merge_queue.waiting(merge_queue.Filter(start=start, end=end))
    yield Item("reviews", len(waiting), reverse("review"))
    types = type_queue.suggestions({"starttime": start, "endtime": end})
    yield Item("types", types.count(), reverse("event-types"))
    within = {"starttime": first.isoformat(), "endtime": f"{last.isoformat()}T23:59:59.999999"}
    rows = EventRow.objects.filter(time__gte=start, time__lt=end)
    counted = rows.counted().filter(catalog=main_catalog())
    for code, found, words in (
        ("automatic", rows.filter(status=Event.Status.AUTOMATIC), {"status": "automatic"}),
        (
            "without-kr",
            counted.filter(kr__isnull=True, event_type__in=["", "earthquake"]),
            {"eventtype": "unknown,earthquake"},
        ),
        ("suspected", counted.filter(event_type_certainty="suspected"), {}),
    ):
        yield Item(
            code,
            found.count(),
            f"{reverse('search')}?{urlencode({**within, **words})}",
            rows=tuple(found.order_by("time").defer("fdsn_text", "csv_line")[:LISTED]),
        )


def _parked() -> Item:
    parked = WorkItem.objects.filter(state=WorkItem.State.PARKED)
    return Item("parked", parked.count(), reverse("desk"))


def _asked(year: int, month: int) -> date:
    if not (FIRST_YEAR <= year <= coverage.today().year and 1 <= month <= 12):
        raise Http404
    asked = date(year, month, 1)
    if asked > coverage.today():
        raise Http404
    return asked


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def month_page(request: HttpRequest, year: int, month: int) -> HttpResponse:
    """A month's checklist, and what was said of it; editors close it or open it again."""
    asked = _asked(year, month)
    if request.method == "POST":
        return _decide(request, asked)
    return _page(request, asked)


def _page(
    request: HttpRequest, month: date, *, problem: str = "", reason: str = ""
) -> HttpResponse:
    items = checklist(month)
    said = list(MonthClosing.objects.filter(month=month).select_related("actor"))
    before = (month - ONE_DAY).replace(day=1)
    after = coverage.end_of(month) + ONE_DAY
    return render(
        request,
        "desk/month.html",
        {
            "month": month,
            "before": before,
            "after": after if after <= coverage.today() else None,
            "items": items,
            "open": sum(item.count > 0 for item in items),
            "said": said,
            "closed": bool(said) and said[0].action == MonthClosing.Action.CLOSED,
            "over": after <= coverage.today(),
            "may_close": isinstance(request.user, User) and request.user.has_role(EDITOR),
            "problem": problem,
            "reason": reason,
            "reason_length": REASON_LENGTH,
        },
        status=400 if problem else 200,
    )


def _decide(request: HttpRequest, month: date) -> HttpResponse:
    user = request.user
    if not isinstance(user, User) or not user.has_role(EDITOR):
        raise PermissionDenied
    action = request.POST.get("action", "")
    reason = request.POST.get("reason", "").strip()
    if action not in MonthClosing.Action.values:
        raise Http404
    closes = action == MonthClosing.Action.CLOSED
    if len(reason) > REASON_LENGTH or "\x00" in reason:
        text = _("The reason is longer than %(most)d characters, or is no text.")
        return _page(request, month, problem=text % {"most": REASON_LENGTH})
    if closes and coverage.end_of(month) >= coverage.today():
        return _page(request, month, problem=_("The month is not over yet."), reason=reason)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        last = MonthClosing.objects.filter(month=month).first()
        is_closed = last is not None and last.action == MonthClosing.Action.CLOSED
        if is_closed == closes:
            notices.info(request, _("Somebody was first: nothing was changed."))
            return redirect("coverage-month", month.year, month.month)
        items = checklist(month)
        if not reason and (not closes or any(item.count for item in items)):
            text = (
                _("The list has open items. Say why the month is closed all the same.")
                if closes
                else _("Say why the month is opened again.")
            )
            return _page(request, month, problem=text)
        MonthClosing.objects.create(
            month=month,
            action=action,
            checklist=[item.as_json() for item in items],
            reason=reason,
            actor=user,
        )
    notices.success(request, _("The month is closed.") if closes else _("The month is open again."))
    return redirect("coverage-month", month.year, month.month)
