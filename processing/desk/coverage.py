"""The coverage calendar: which days each agency's bulletins cover, a year at a time.

A day's state is told by a sign, a colour and words. What a person declares here (a bulletin is
final, a day was empty) decides which automatic events expire: ``processing.jobs.confirmation``.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import F, Max, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from catalog import coverage
from catalog.coverage import FIRST_YEAR, MISSING, ONE_DAY
from catalog.models import (
    Agency,
    CoverageSpan,
    MonthClosing,
    Report,
    User,
)
from processing.desk.forms import DeclareForm
from processing.desk.views import staff_only
from processing.jobs import confirmation

State = CoverageSpan.State

#: Declarations of one year that its page lists.
MOST_SPANS = 200
#: Events of one day that its page lists.
MOST_EVENTS = 200

#: A day's sign and words by its state; the sign tells it without colour.
SIGNS: dict[str, str] = {
    State.FINAL: "●",
    State.EMPTY: "○",
    State.RECEIVED: "◐",
    State.AUTOMATIC: "△",
    MISSING: "×",
}
WORDS: dict[str, str | Promise] = {
    **dict(State.choices),
    MISSING: gettext_lazy("missing"),
    "": gettext_lazy("not expected"),
}


@dataclass(frozen=True, slots=True)
class DayShown:
    """One cell of a month."""

    day: date
    state: str
    basis: str
    events: int
    future: bool = False

    @property
    def sign(self) -> str:
        return SIGNS.get(self.state, "")

    @property
    def words(self) -> str:
        """State and number of events, as a screen reader says it after the date."""
        said = str(WORDS[self.state])
        if self.basis == CoverageSpan.Basis.INFERRED:
            said = _("%(state)s, inferred") % {"state": said}
        if self.events:
            said = f"{said}, " + _("events: %(number)d") % {"number": self.events}
        return said


@dataclass(frozen=True, slots=True)
class MonthShown:
    """One month: its weeks of seven places from Monday on, ``None`` outside the month."""

    month: date
    weeks: list[list[DayShown | None]]
    closing: MonthClosing | None


def agencies_shown() -> list[Agency]:
    """Return the agencies that are expected, then those that told of any day."""
    wanted = [e.agency for e in coverage.expected()]
    told = Agency.objects.filter(coverage__isnull=False).exclude(pk__in=[a.pk for a in wanted])
    return [*wanted, *told.distinct().order_by("code")]


def asked_year(text: str, otherwise: int) -> int:
    """Return the year an address names, ``otherwise`` where it names none.

    Raises
    ------
    Http404
        If it is no year a bulletin could be of.
    """
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        raise Http404
    year = int(text)
    if not FIRST_YEAR <= year <= coverage.today().year:
        raise Http404
    return year


def last_year_of(agency: Agency | None) -> int:
    """Return the last year of which an agency's bulletins tell, else the present one."""
    found = CoverageSpan.objects.standing().filter(agency=agency).aggregate(last=Max("last_day"))
    last: date = found["last"] or coverage.today()
    return min(last, coverage.today()).year


@staff_only
@require_safe
def coverage_page(request: HttpRequest) -> HttpResponse:
    """A year of one agency as twelve months."""
    agencies = agencies_shown()
    code = request.GET.get("agency", "")
    agency = next((a for a in agencies if a.code == code), None)
    if agency is None:
        if code:
            raise Http404
        agency = agencies[0] if agencies else None
    year = asked_year(request.GET.get("year", ""), last_year_of(agency))
    first, last = date(year, 1, 1), date(year, 12, 31)
    stretches: list[coverage.Stretch] = []
    if agency is not None:
        stretches = coverage.stretches(first, last, [agency.code]).get(agency.code, [])
    spans = CoverageSpan.objects.between(first, last).filter(
        agency=agency, basis=CoverageSpan.Basis.DECLARED
    )
    return render(
        request,
        "desk/coverage.html",
        {
            "agencies": agencies,
            "agency": agency,
            "year": year,
            "earlier": year - 1 if year > FIRST_YEAR else None,
            "later": year + 1 if year < coverage.today().year else None,
            "weekdays": [date(2024, 1, 1) + n * ONE_DAY for n in range(7)],
            "months": months_of(agency, year, stretches),
            "stretches": [(s, SIGNS[s.state], WORDS[s.state]) for s in stretches],
            "key": [(state, SIGNS[state], WORDS[state]) for state in SIGNS],
            "spans": [
                (span, span.withdrawn_at is None and span.holds)
                for span in spans.annotate(holds=_holds()).select_related(
                    "file", "said_by", "withdrawn_by"
                )[:MOST_SPANS]
            ],
            "form": DeclareForm(agency=agency),
        },
    )


def _holds() -> Any:
    return Q(pk__in=CoverageSpan.objects.standing().values("pk"))


def months_of(
    agency: Agency | None, year: int, stretches: list[coverage.Stretch]
) -> list[MonthShown]:
    """Return the months of a year with each day's state and number of reported events."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    states = {
        s.first_day + n * ONE_DAY: (s.state, s.basis) for s in stretches for n in range(s.days)
    }
    events = {} if agency is None else events_by_day(agency, first, last)
    closed = coverage.closings(first, last)
    today = coverage.today()

    def shown(day: date, month: int) -> DayShown | None:
        if day.month != month:
            return None
        return DayShown(day, *states.get(day, ("", "")), events.get(day, 0), day > today)

    weeks = calendar.Calendar()
    return [
        MonthShown(
            date(year, month, 1),
            [[shown(day, month) for day in week] for week in _weeks(weeks, year, month)],
            closed.get(date(year, month, 1)),
        )
        for month in range(1, 13)
    ]


def _weeks(weeks: calendar.Calendar, year: int, month: int) -> list[list[date]]:
    return weeks.monthdatescalendar(year, month)


def events_by_day(agency: Agency, first: date, last: date) -> dict[date, int]:
    """Return how many events an agency's current reports have on each UTC day."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (o.time AT TIME ZONE 'UTC')::date, count(DISTINCT r.id)
            FROM catalog_origin o
            JOIN catalog_report r ON r.current_entry_id = o.entry_id
            WHERE o.time >= %s AND o.time < %s AND o.superseded_at IS NULL
                AND r.agency_id = %s AND r.withdrawn_at IS NULL
            GROUP BY 1
            """,
            [midnight(first), midnight(last + ONE_DAY), agency.pk],
        )
        return dict(cursor.fetchall())


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def agency_named(code: str) -> Agency:
    """Return the agency of a code, or say that there is none."""
    if not code.isprintable():  # PostgreSQL takes no NUL in a text
        raise Http404
    return get_object_or_404(Agency, code=code)


def asked_day(text: str) -> date:
    """Return the day an address names; Http404 if it is none of which a bulletin could tell."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise Http404 from None
    if not date(FIRST_YEAR, 1, 1) <= day <= coverage.today():
        raise Http404
    return day


@staff_only
@require_safe
def coverage_day(request: HttpRequest) -> HttpResponse:
    """One day of an agency: what tells of it, and the events its bulletins have."""
    if not request.GET:
        return redirect("coverage-desk")
    agency = agency_named(request.GET.get("agency", ""))
    day = asked_day(request.GET.get("day", ""))
    found = coverage.stretches(day, day, [agency.code]).get(agency.code, [])
    state, basis = (found[0].state, found[0].basis) if found else ("", "")
    spans = (
        CoverageSpan.objects.filter(agency=agency)
        .between(day, day)
        .annotate(holds=_holds())
        .select_related("file", "reading", "said_by", "withdrawn_by")
    )
    reports = (
        Report.objects.filter(
            agency=agency,
            withdrawn_at=None,
            current_entry__origins__superseded_at=None,
            current_entry__origins__time__gte=midnight(day),
            current_entry__origins__time__lt=midnight(day) + timedelta(days=1),
        )
        .select_related("event__row", "current_entry__reading")
        .annotate(time=F("current_entry__origins__time"))
        .order_by("time", "pk")
    )
    rows = list(dict.fromkeys(reports[:MOST_EVENTS]))
    return render(
        request,
        "desk/coverage_day.html",
        {
            "agency": agency,
            "day": day,
            "before": day - ONE_DAY,
            "after": day + ONE_DAY if day < coverage.today() else None,
            "state": DayShown(day, state, basis, 0),
            "spans": spans,
            "reports": rows,
            "more": len(rows) >= MOST_EVENTS,
            "form": DeclareForm(
                agency=agency, initial={"first_day": day, "last_day": day, "state": State.EMPTY}
            ),
        },
    )


# --- What a person says ------------------------------------------------------------------------


@staff_only
@require_POST
def declare(request: HttpRequest) -> HttpResponse:
    """Keep a person's word on some days of an agency."""
    agency = agency_named(request.POST.get("agency", ""))
    if not isinstance(request.user, User):
        raise PermissionDenied
    form = DeclareForm(request.POST, agency=agency)
    if not form.is_valid():
        for field, errors in form.errors.items():
            label = form.fields[field].label if field in form.fields else ""
            notices.error(request, f"{label}: {' '.join(map(str, errors))}".lstrip(": "))
        return _back(request, agency, coverage.today())
    said = form.cleaned_data
    confirmation.declare(
        agency,
        said["first_day"],
        said["last_day"],
        said["state"],
        file=said["file"],
        user=request.user,
        note=said["note"],
    )
    notices.success(request, _("Noted. Automatic events of these days are looked at again."))
    return _back(request, agency, said["first_day"])


@staff_only
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a declaration back."""
    span = get_object_or_404(CoverageSpan.objects.select_related("agency"), pk=pk)
    if not isinstance(request.user, User):
        raise PermissionDenied
    if span.basis != CoverageSpan.Basis.DECLARED:
        raise Http404
    confirmation.withdraw(span, request.user)
    notices.success(request, _("Withdrawn. Automatic events of these days are looked at again."))
    return _back(request, span.agency, span.first_day)


def _back(request: HttpRequest, agency: Agency, day: date) -> HttpResponse:
    """Return to the page the form stood on."""
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return HttpResponseRedirect(wanted)
    return redirect(f"{reverse('coverage-desk')}?agency={agency.code}&year={day.year}")
