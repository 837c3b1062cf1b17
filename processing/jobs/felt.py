"""Tie felt reports to events: those just come in, and again those near an event that changed.

Reports come in by one INSERT that asks nobody for work, so a look at those unread is taken every
few seconds. What a report is tied to follows from the events as they are (the rule), from what its
sender chose, or from a moderator, in rising order; whichever it was is kept in ``FeltTie``. Then
each event touched is asked to be looked at as a whole (``felt_intensities``).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone

from catalog.models import CommunityIntensity, Event, EventRow, FeltReport, FeltTie
from processing.core import felt as community
from processing.core import felt_filters, felt_ties
from processing.core.intensity_prediction import (
    DEFAULT,
    MODELS,
    FloatArray,
    input_magnitude,
    predict,
)
from processing.models import WorkItem

#: Kinds of work: tie what is unread; look again at what is near an event; an event's intensities.
TIE, NEAR, EVENT = "felt-tie", "felt-near", "felt"
#: A person waits at the page, but no longer than behind a duty bulletin.
PRIORITY = 4
BATCH = 500
#: An event this young is looked around in any case: a report may be coming in just now.
YOUNG = timedelta(hours=2)
#: Ways of tying, besides the rule of ``felt_ties``.
BY_SENDER, BY_MODERATOR, MERGED = "sender", "moderator", "merged"
GONE = (Event.Status.MERGED, Event.Status.DELETED)

logger = logging.getLogger(__name__)

# Where a report is: at its own point, unless that is only its settlement's or there is none.
_PLACE = (
    "CASE WHEN r.place_source IN ('settlement', 'words')"
    " THEN coalesce(s.point, r.point) ELSE coalesce(r.point, s.point) END"
)
_CANDIDATES = f"""
SELECT r.id, row.event_id, row.public_id,
       extract(epoch FROM coalesce(r.felt_at, r.received_at) - row.time)::float8,
       ST_Distance(row.point::geography, place.point::geography) / 1000,
       row.mlv, row.ms, row.kr, row.depth_km
FROM catalog_feltreport r
LEFT JOIN catalog_settlement s ON s.id = r.settlement_id
CROSS JOIN LATERAL (SELECT {_PLACE} AS point) place
JOIN catalog_eventrow row
  ON row.time BETWEEN coalesce(r.felt_at, r.received_at) - make_interval(secs => %(before)s)
                  AND coalesce(r.felt_at, r.received_at) + make_interval(secs => %(after)s)
 AND row.synthetic = r.synthetic
 AND ST_DWithin(row.point::geography, place.point::geography, %(metres)s)
WHERE r.id = ANY(%(reports)s)
ORDER BY r.id, row.event_id
"""  # noqa: S608 - only our own text is put in


def request_if_unread() -> None:
    """Ask for unread reports to be tied, inside a transaction; costs one look at a small index."""
    if FeltReport.objects.filter(processed_at__isnull=True).exists():
        WorkItem.objects.request(TIE, 0, priority=PRIORITY)


def request_event(events: Iterable[int]) -> None:
    """Ask for the intensities of events to be worked out anew, in the caller's transaction."""
    WorkItem.objects.request_many(EVENT, [(pk, 1) for pk in set(events)], priority=PRIORITY)


def request_near(events: Sequence[Event]) -> None:
    """Ask for the reports around changed events to be looked at; where there are none, nothing.

    Called in the transaction that changed the events, alive or just ended.
    """
    if not events:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id FROM catalog_event e"
            " LEFT JOIN catalog_origin o ON o.id = e.preferred_origin_id"
            " WHERE e.id = ANY(%(events)s) AND (o.time > %(young)s"
            "  OR EXISTS (SELECT 1 FROM catalog_feltreport r WHERE r.event_id = e.id)"
            "  OR EXISTS (SELECT 1 FROM catalog_feltreport r"
            "   WHERE coalesce(r.felt_at, r.received_at)"
            "   BETWEEN o.time - make_interval(secs => %(after)s)"
            "   AND o.time + make_interval(secs => %(before)s)))",
            {
                "events": [event.pk for event in events],
                "young": timezone.now() - YOUNG,
                "before": felt_ties.RULES.earliest_s,
                "after": felt_ties.RULES.latest_s,
            },
        )
        found = [(row[0], 1) for row in cursor.fetchall()]
    WorkItem.objects.request_many(NEAR, found, priority=PRIORITY)


def look_near(event_key: int) -> None:
    """Mark as unread the reports whose tie may change because an event did, inside a transaction.

    Those are what the rule tied to it, what it could be tied to, and all of an event that ended.
    """
    event = Event.objects.get(pk=event_key)
    row = EventRow.objects.filter(pk=event_key).first()
    window = "false"
    values: dict[str, Any] = {"event": event_key, "gone": event.status in GONE}
    if row is not None:
        window = "coalesce(r.felt_at, r.received_at) BETWEEN %(start)s AND %(end)s"
        values["start"] = row.time - timedelta(seconds=felt_ties.RULES.latest_s)
        values["end"] = row.time + timedelta(seconds=felt_ties.RULES.earliest_s)
    values["rule"] = felt_ties.RULE
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH near AS (
                SELECT r.id FROM catalog_feltreport r
                WHERE r.processed_at IS NOT NULL AND (r.event_id = %(event)s OR {window})
                  AND (r.event_id IS NULL OR (%(gone)s AND r.event_id = %(event)s)
                       OR EXISTS (SELECT 1 FROM catalog_felttie t WHERE t.report_id = r.id
                                  AND t.event_id = r.event_id AND t.rule = %(rule)s))
                ORDER BY r.id FOR UPDATE OF r)
            UPDATE catalog_feltreport SET processed_at = NULL
            FROM near WHERE near.id = catalog_feltreport.id
            """,  # noqa: S608 - one of two conditions above
            values,
        )
        again = cursor.rowcount
    if again:
        WorkItem.objects.request(TIE, 0, priority=PRIORITY)
    if (
        FeltReport.objects.filter(event=event_key).exists()
        or CommunityIntensity.objects.filter(event=event_key).exists()
    ):
        request_event([event_key])


def tie_batch(limit: int = BATCH) -> int:
    """Tie unread reports, inside a transaction, and ask for their events; return how many.

    What another worker holds is left to it.
    """
    reports = list(
        FeltReport.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(processed_at__isnull=True)
        .order_by("received_at", "pk")[:limit]
    )
    if reports:
        tie(reports)
    return len(reports)


def tie(reports: Sequence[FeltReport]) -> None:
    """Tie reports whose rows are held, and ask for their events' intensities."""
    said = _said(reports)
    alive = _alive({r.event_id for r in reports if r.event_id is not None})
    unsettled = {r.pk for r in reports if not _is_settled(r, said[r.pk], alive)}
    candidates = _candidates(sorted(unsettled))
    ties: list[FeltTie] = []
    changed: list[FeltReport] = []
    touched: set[int] = set()
    for report in reports:
        before = report.event_id
        terms: dict[str, Any] = {}
        if report.pk in unsettled:
            stated = report.felt_at is not None
            chosen, terms = felt_ties.choose(candidates.get(report.pk, ()), stated)
            after, rule = (chosen.event if chosen else None), felt_ties.RULE
        else:
            after, rule = (None if before is None else alive[before]), MERGED
        if before is not None and not said[report.pk]:
            ties.append(FeltTie(report=report, event_id=before, rule=BY_SENDER))
        if after != before:
            ties.append(
                FeltTie(report=report, event_id=after, previous_id=before, rule=rule, terms=terms)
            )
        flags = report.flags if after else flags_with(report.flags, _own_flags(report))
        if (after, flags) != (before, report.flags):
            report.event_id, report.flags = after, flags
            changed.append(report)
        if after != before or not said[report.pk]:  # else its event knows it already
            touched |= {key for key in (before, after) if key is not None}
    FeltTie.objects.bulk_create(ties)
    FeltReport.objects.bulk_update(changed, ["event", "flags"])
    keys = [report.pk for report in reports]
    FeltReport.objects.filter(pk__in=keys).update(processed_at=timezone.now())
    request_event(touched)
    logger.info(
        "%(reports)d felt reports looked at, %(ties)d ties, %(events)d events",
        {"reports": len(reports), "ties": len(ties), "events": len(touched)},
    )


def indices_of(report: FeltReport) -> dict[str, float] | None:
    """Return the indices of a report's answers; ``None`` where they cannot be read."""
    try:
        return community.indices(report.felt, report.answers)
    except (AttributeError, TypeError, ValueError):  # whatever JSON it is
        return None


def _own_flags(report: FeltReport) -> frozenset[felt_filters.Flag]:
    """Return what can be said against a report without an event."""
    one = felt_filters.Report(
        report.felt, report.chosen_grade, indices_of(report), stated_late_s=None,
        received_late_s=None,
    )  # fmt: skip
    return felt_filters.flags([one])[0]


def flags_with(before: Sequence[str], found: frozenset[felt_filters.Flag]) -> list[str]:
    """Return a report's flags: those found now, those that last, those that are not ours."""
    ours = set(felt_filters.Flag) - felt_filters.LASTING
    return sorted({flag for flag in before if flag not in ours} | {str(flag) for flag in found})


def _said(reports: Sequence[FeltReport]) -> dict[int, str]:
    """Return by which way each report came to where it is; "": nothing was said yet.

    Following a merged event says nothing new: what held before it still does.
    """
    said = {report.pk: "" for report in reports}
    for key, rule in (
        FeltTie.objects.filter(report__in=said).exclude(rule=MERGED).order_by("pk")
    ).values_list("report", "rule"):
        said[key] = rule
    return said


def _alive(keys: Collection[int]) -> dict[int, int | None]:
    """Return for each event where it lives on: itself, what it was merged into, or nowhere."""
    found: dict[int, int | None] = {}
    for event in Event.objects.filter(pk__in=keys).select_related("merged_into"):
        holder = event.merged_into if event.status == Event.Status.MERGED else event
        found[event.pk] = None if holder is None or holder.status in GONE else holder.pk
    return found


def _is_settled(report: FeltReport, said: str, alive: Mapping[int, int | None]) -> bool:
    """Return whether a person's word holds: the sender's or a moderator's, of an event that is."""
    if said == felt_ties.RULE:
        return False
    if report.event_id is None:
        return said == BY_MODERATOR
    return alive[report.event_id] is not None


def _candidates(keys: Sequence[int]) -> dict[int, list[felt_ties.Candidate]]:
    """Return the events near each report in time and place."""
    if not keys:
        return {}
    rules = felt_ties.RULES
    with connection.cursor() as cursor:
        cursor.execute(
            _CANDIDATES,
            {
                "reports": list(keys),
                "before": rules.earliest_s,
                "after": rules.latest_s,
                "metres": rules.farthest_km * 1000,
            },
        )
        rows = cursor.fetchall()
    found: dict[int, list[felt_ties.Candidate]] = defaultdict(list)
    for report, event, public_id, late_s, distance_km, mlv, ms, kr, depth_km in rows:
        intensity, sigma = predicted({"MLV": mlv, "MS": ms, "KR": kr}, depth_km, [distance_km])
        found[report].append(
            felt_ties.Candidate(
                event,
                public_id,
                late_s,
                distance_km,
                None if intensity is None else float(intensity[0]),
                sigma,
            )
        )
    return found


def predicted(
    sizes: dict[str, float | None], depth_km: float | None, distances_km: Sequence[float]
) -> tuple[FloatArray | None, float]:
    """Return the intensity predicted at distances, and its sigma; ``None`` without a magnitude."""
    magnitude = input_magnitude({scale: v for scale, v in sizes.items() if v is not None})
    model = MODELS[DEFAULT]
    if magnitude is None:
        return None, model.sigma or 0.0
    mean, sigma = predict(model, magnitude.value, depth_km or 0.0, np.asarray(distances_km))
    return np.atleast_1d(mean), sigma or 0.0
