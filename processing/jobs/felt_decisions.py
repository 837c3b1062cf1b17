"""What moderators do with felt reports, one or many, and what is forgotten of their senders.

A moderator's word stands before flags and rules. Several reports are decided on together or not at
all: each comes with what its reader saw of it, and if one has changed since, nothing is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from catalog.models import (
    Event,
    FeltDecision,
    FeltReport,
    FeltReportPersonal,
    FeltTie,
    Settlement,
    User,
)
from processing.jobs import felt
from processing.jobs.station_readings import NotDecidable
from processing.models import WorkItem

Kind = FeltDecision.Kind
#: Verdict that each decision on a verdict leaves.
VERDICTS: dict[str, str] = {
    Kind.ACCEPT: FeltReport.Verdict.ACCEPTED,
    Kind.REJECT: FeltReport.Verdict.REJECTED,
    Kind.REOPEN: FeltReport.Verdict.NONE,
}
#: Of `NotDecidable`, besides those of other decisions.
CODES = ("no-personal", "ambiguous-settlement")
DECIDE_MOST = 200
#: Doubts of the acceptance that end when a moderator says which settlement it is.
ABOUT_PLACE = frozenset({"unknown-place", "ambiguous-place"})

logger = logging.getLogger(__name__)


def seen(report: FeltReport, last_decision: int | None) -> str:
    """Return what a form says of a report as its reader saw it: who decided last, and its event."""
    return f"{last_decision or 0}.{report.event_id or 0}"


def seen_of(reports: Sequence[FeltReport]) -> dict[int, str]:
    """Return `seen` of some reports by one question."""
    last = dict(
        FeltDecision.objects.filter(report__in=[report.pk for report in reports])
        .values_list("report")
        .annotate(Max("pk"))
    )
    return {report.pk: seen(report, last.get(report.pk)) for report in reports}


def decide(
    reports: Sequence[tuple[int, str]],
    kind: str,
    actor: User,
    *,
    event: str = "",
    settlement: int | None = None,
    note: str = "",
) -> int:
    """Decide on some reports inside a transaction; return how many it changed.

    Parameters
    ----------
    reports
        Each with what its reader saw of it (`seen`).
    kind : str
        A ``FeltDecision.Kind``.
    event : str
        Public id of the event to tie to.
    settlement : int or None
        Key of the settlement to set.

    Raises
    ------
    NotDecidable
        ``changed-meanwhile``: somebody was faster with one of them, and nothing is stored;
        ``event-gone``; ``synthetic-apart``; ``unknown-settlement``; ``no-personal``.
    """
    as_seen = dict(reports)
    locked = list(FeltReport.objects.select_for_update().filter(pk__in=as_seen).order_by("pk"))
    now_seen = seen_of(locked)
    if len(locked) != len(as_seen) or any(now_seen[r.pk] != as_seen[r.pk] for r in locked):
        raise NotDecidable("changed-meanwhile")
    if kind in VERDICTS:
        return _judge(locked, kind, actor, note)
    if kind in (Kind.TIE, Kind.UNTIE):
        return _tie(locked, _event(event) if kind == Kind.TIE else None, actor, note)
    if kind == Kind.SETTLEMENT:
        return _settle(locked, settlement, actor, note)
    if kind == Kind.DELETE_PERSONAL:
        return delete_personal(locked, actor, note)
    raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(Kind.values)}")


def _judge(reports: Sequence[FeltReport], kind: str, actor: User, note: str) -> int:
    changed = [report for report in reports if report.verdict != VERDICTS[kind]]
    _write(changed, kind, actor, note, {r.pk: r.verdict for r in changed}, VERDICTS[kind])
    now = timezone.now()
    for report in changed:
        report.verdict = VERDICTS[kind]
        report.verdict_by, report.verdict_at = actor, now
    FeltReport.objects.bulk_update(changed, ["verdict", "verdict_by", "verdict_at"])
    felt.request_event(r.event_id for r in changed if r.event_id is not None)
    return len(changed)


def _event(public_id: str) -> Event:
    """Return the event of an id, or what it was merged into."""
    named = Event.objects.filter(public_id=public_id.strip().lower()[:20])
    event: Event | None = named.select_related("merged_into").first()
    if event is not None and event.merged_into is not None:
        event = event.merged_into
    if event is None or event.status in felt.GONE:
        raise NotDecidable("event-gone")
    return event


def _tie(reports: Sequence[FeltReport], event: Event | None, actor: User, note: str) -> int:
    """Tie reports to an event, or to none; also where they are already, so that it stays so."""
    if event is not None and any(report.synthetic != event.synthetic for report in reports):
        raise NotDecidable("synthetic-apart")
    after = None if event is None else event.pk
    before = {report.pk: report.event_id for report in reports}
    kind = Kind.UNTIE if event is None else Kind.TIE
    _write(reports, kind, actor, note, before, after)
    FeltTie.objects.bulk_create(
        [
            FeltTie(
                report=report,
                event=event,
                previous_id=report.event_id,
                rule=felt.BY_MODERATOR,
                actor=actor,
            )
            for report in reports
        ]
    )
    for report in reports:
        report.event = event
    FeltReport.objects.bulk_update(reports, ["event"])
    felt.request_event(key for key in {*before.values(), after} if key is not None)
    return len(reports)


def _settle(reports: Sequence[FeltReport], key: int | None, actor: User, note: str) -> int:
    """Set the settlement of reports; what it tells of their place may tie them."""
    settlement = Settlement.objects.filter(pk=key or 0).first()
    if settlement is None:
        raise NotDecidable("unknown-settlement")
    before = {report.pk: report.settlement_id for report in reports}
    _write(reports, Kind.SETTLEMENT, actor, note, before, settlement.pk)
    for report in reports:
        report.settlement, report.processed_at = settlement, None
        report.flags = [flag for flag in report.flags if flag not in ABOUT_PLACE]
    FeltReport.objects.bulk_update(reports, ["settlement", "processed_at", "flags"])
    WorkItem.objects.request(felt.TIE, 0, priority=felt.PRIORITY)
    felt.request_event(r.event_id for r in reports if r.event_id is not None)
    return len(reports)


def delete_personal(reports: Sequence[FeltReport], actor: User, note: str = "") -> int:
    """Delete words, name and contact of reports, inside a transaction; who did it is kept.

    Raises
    ------
    NotDecidable
        ``no-personal``: none of them has any.
    """
    personal = FeltReportPersonal.objects.filter(report__in=reports)
    having = set(personal.values_list("report", flat=True))
    if not having:
        raise NotDecidable("no-personal")
    personal.delete()
    gone = [report for report in reports if report.pk in having]
    _write(gone, Kind.DELETE_PERSONAL, actor, note, {}, None)
    return len(gone)


def _write(
    reports: Sequence[FeltReport],
    kind: str,
    actor: User,
    note: str,
    before: dict[int, Any],
    after: Any,
) -> None:
    """Log a decision on each report: what stood before and after, never a person's words."""
    name = {Kind.TIE: "event", Kind.UNTIE: "event", Kind.SETTLEMENT: "settlement"}
    of = name.get(Kind(kind), "verdict")
    FeltDecision.objects.bulk_create(
        [
            FeltDecision(
                report=report,
                kind=kind,
                before={of: before[report.pk]} if report.pk in before else {},
                after={} if kind == Kind.DELETE_PERSONAL else {of: after},
                actor=actor,
                note=note,
            )
            for report in reports
        ]
    )


def forget_senders(now: datetime | None = None) -> int:
    """Empty the hashes of addresses and devices that are old enough; return of how many reports."""
    before = (now or timezone.now()) - timedelta(days=settings.FELT_SENDER_DAYS)
    forgotten = (
        FeltReport.objects.filter(~Q(address_hash="") | ~Q(device=""), received_at__lt=before)
    ).update(address_hash="", device="")
    if forgotten:
        logger.info("senders of %(reports)d felt reports forgotten", {"reports": forgotten})
    return forgotten
