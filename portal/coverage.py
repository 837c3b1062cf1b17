"""The public page of coverage: which agency's bulletins are in for which months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from catalog import coverage
from catalog.models import Agency, CoverageSpan, MonthClosing

#: A month's sign by its least good day that counts, and what it means.
MONTHS = {
    "final": ("●", gettext_lazy("final bulletins of every day")),
    "received": ("◐", gettext_lazy("bulletins of every day, not all of them final")),
    "part": ("◔", gettext_lazy("bulletins of some days")),
    "automatic": ("△", gettext_lazy("automatic bulletins only")),
    "missing": ("×", gettext_lazy("nothing is in")),
    "none": ("", gettext_lazy("not expected")),
}


@dataclass(frozen=True, slots=True)
class MonthTold:
    """What an agency's bulletins cover of one month."""

    month: date
    kind: str
    #: Days with a reviewed bulletin, and days that could have one.
    covered: int
    days: int

    @property
    def sign(self) -> str:
        return MONTHS[self.kind][0]

    @property
    def words(self) -> str:
        return str(MONTHS[self.kind][1])


def month_told(month: date, stretches: list[coverage.Stretch]) -> MonthTold:
    """Return one month of an agency, made from its stretches of days."""
    first, last = month, min(coverage.end_of(month), coverage.today())
    states: dict[str, int] = {}
    for s in stretches:
        start, stop = max(s.first_day, first), min(s.last_day, last)
        if start <= stop:
            states[s.state] = states.get(s.state, 0) + (stop - start).days + 1
    days = max(0, (last - first).days + 1)
    covered = sum(states.get(state, 0) for state in coverage.REVIEWED)
    final = sum(states.get(state, 0) for state in coverage.DECISIVE)
    if days and final == days:
        kind = "final"
    elif days and covered == days:
        kind = "received"
    elif covered:
        kind = "part"
    elif states.get(coverage.State.AUTOMATIC):
        kind = "automatic"
    elif states.get(coverage.MISSING):
        kind = "missing"
    else:
        kind = "none"
    return MonthTold(month, kind, covered, days)


@require_safe
def coverage_page(request: HttpRequest) -> HttpResponse:
    """A year of all agencies by month."""
    today = coverage.today()
    text = request.GET.get("year", "")
    if text:
        if not (text.isascii() and text.isdigit() and len(text) == 4):
            raise Http404
        year = int(text)
        if not coverage.FIRST_YEAR <= year <= today.year:
            raise Http404
    else:
        year = _last_year(today)
    first, last = date(year, 1, 1), date(year, 12, 31)
    found = coverage.stretches(first, last)
    names = {a.code: a for a in Agency.objects.filter(code__in=found)}
    months = [date(year, month, 1) for month in range(1, 13)]
    closed = coverage.closings(first, last)
    return render(
        request,
        "portal/coverage.html",
        {
            "year": year,
            "earlier": year - 1 if year > coverage.FIRST_YEAR else None,
            "later": year + 1 if year < today.year else None,
            "months": months,
            "lines": [
                (names[code], [month_told(month, stretches) for month in months])
                for code, stretches in found.items()
                if stretches
            ],
            "closed": [
                month in closed and closed[month].action == MonthClosing.Action.CLOSED
                for month in months
            ],
            "gaps": coverage.gaps(first, last),
            "key": [(kind, sign, words) for kind, (sign, words) in MONTHS.items() if sign],
            "quiet_days": coverage.QUIET_DAYS,
        },
    )


def _last_year(today: date) -> int:
    """Return the last year of which any bulletin tells."""
    spans = CoverageSpan.objects.standing().filter(first_day__lte=today).order_by("-last_day")
    last: date | None = spans.values_list("last_day", flat=True).first()
    return today.year if last is None else min(last, today).year
