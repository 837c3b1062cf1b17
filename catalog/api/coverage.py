"""Coverage: which days agencies' bulletins cover, which are missing, which months are closed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog import coverage
from catalog.api.describing import described
from catalog.api.members import Member, Type, told
from catalog.api.public import LANG, PublicView, asked_of, respond_with
from catalog.models import MonthClosing
from catalog.search import Kind, Parameter, SearchError, SearchProblem

#: Without words: the year up to today. At most a century.
USUAL_DAYS, MOST_DAYS = 365, 36_525

STRETCH: tuple[Member, ...] = (
    Member("agency", Type.TEXT, "Code of the agency.", "KNDC", null=False),
    Member("first_day", Type.TEXT, "First UTC day.", "2014-03-01", null=False),
    Member("last_day", Type.TEXT, "Last UTC day, included.", "2014-03-31", null=False),
    Member("days", Type.INTEGER, "Number of days.", 31, null=False),
    Member(
        "state",
        Type.TEXT,
        "final: the agency's last word; empty: it reported that nothing happened; received: a "
        "reviewed bulletin; automatic: an automatic one only; missing: expected and not here.",
        "final",
        null=False,
        choices=(*coverage.STATES, coverage.MISSING),
    ),
    Member(
        "basis",
        Type.TEXT,
        "declared by a person, or inferred from the bulletin's events; null: missing.",
        "declared",
        choices=tuple(coverage.Basis.values),
    ),
)

_DAY = "YYYY-MM-DD"
WORDS: tuple[Parameter, ...] = (
    Parameter(
        "agency",
        Kind.TEXTS,
        "answer",
        gettext_lazy("Codes of agencies, separated by commas; without it all of which is known."),
        expected="A,B",
    ),
    Parameter(
        "start",
        Kind.TEXT,
        "answer",
        gettext_lazy("First UTC day; without it a year before the last."),
        expected=_DAY,
    ),
    Parameter(
        "end",
        Kind.TEXT,
        "answer",
        gettext_lazy("Last UTC day, included; without it today. At most a century."),
        expected=_DAY,
    ),
)


def _day(word: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        if len(text) == len(_DAY):
            return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        pass
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text[:80])
    raise SearchError([SearchProblem(word, "not-a-time", shown, _DAY)])


def asked_days(start: str | None, end: str | None) -> tuple[date, date]:
    """Return the first and last day an address asks for.

    Raises
    ------
    SearchError
        If one is no day, they are not in order, or are more than a century.
    """
    last = _day("end", end) or coverage.today()
    first = _day("start", start)
    if first is None:
        first = last - min(timedelta(days=USUAL_DAYS), last - date.min)
    if first > last:
        raise SearchError([SearchProblem("start", "larger-than", str(first), f"end={last}")])
    if (last - first).days >= MOST_DAYS:
        expected = f">= {last - timedelta(days=MOST_DAYS - 1)}"
        raise SearchError([SearchProblem("start", "out-of-range", str(first), expected)])
    return first, last


@described(
    "coverage",
    gettext_lazy("Which days are covered by bulletins"),
    (*WORDS, LANG),
    "Coverage",
    example="agency=KNDC&start=2014-01-01&end=2014-12-31",
    tag="coverage",
)
class CoverageView(PublicView):
    """Which days each agency's bulletins cover, as stretches of days of one state, by agency.

    Days are UTC days; days to come are left out. Only a person's word makes days final: what is
    inferred from a bulletin's events says nothing of what it leaves out. A month is closed when an
    editor has checked it.
    """

    def get(self, request: Request) -> HttpResponseBase:
        words = asked_of(request.GET, (*WORDS, LANG), events=False).words
        first, last = asked_days(words["start"], words["end"])
        found = coverage.stretches(first, last, words["agency"])
        closed = [
            month
            for month, closing in sorted(coverage.closings(first, last).items())
            if closing.action == MonthClosing.Action.CLOSED
        ]
        answer = {
            "start": first.isoformat(),
            "end": last.isoformat(),
            "coverage": [
                told(
                    STRETCH,
                    {
                        "m_agency": s.agency,
                        "m_first_day": s.first_day.isoformat(),
                        "m_last_day": s.last_day.isoformat(),
                        "m_days": s.days,
                        "m_state": s.state,
                        "m_basis": s.basis,
                    },
                )
                for stretches in found.values()
                for s in stretches
            ],
            "closed_months": [f"{month:%Y-%m}" for month in closed],
        }
        # Coverage is outside the catalogue's numbers: the answer itself is what is known again.
        return respond_with(request, answer, None)
