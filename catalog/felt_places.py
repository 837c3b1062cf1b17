"""The settlement of a felt report whose place was written in words, or those that may be meant."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import F

from catalog.felt_reading import Problem, Proposal, Refused, SentReport, shown
from catalog.models import Settlement
from catalog.settlements import candidates, found_by, oblast_of

PROPOSALS_MOST = 10


def with_place(report: SentReport) -> SentReport:
    """Find the settlement of a place that was written in words; another report is left as it is.

    Raises
    ------
    Refused
        Several settlements are called so, or none is, and the sender has not said to keep the
        words. It proposes what may be meant.
    """
    is_found = report.settlement is not None or report.point is not None
    if is_found or not report.place:
        return report
    named = candidates([report.place]).get(report.place.casefold(), [])
    if len(named) == 1:
        return replace(report, settlement=named[0].settlement_id)
    code = "ambiguous-place" if named else "unknown-place"
    if report.as_written:
        return replace(report, flags=(*report.flags, code))
    raise Refused(
        [Problem("place", code, shown(report.place))],
        _proposals([c.settlement_id for c in named] or _similar(report.place)),
    )


def _similar(text: str) -> list[int]:
    return [found.settlement_id for found in found_by(text[:60], PROPOSALS_MOST)]


def _proposals(keys: list[int]) -> list[Proposal]:
    rows = Settlement.objects.filter(pk__in=keys).order_by(
        F("population").desc(nulls_last=True), "pk"
    )
    return [
        Proposal(
            row.pk, row.name, oblast_of(row.country, row.region_code), row.country, row.population
        )
        for row in rows[:PROPOSALS_MOST]
    ]
