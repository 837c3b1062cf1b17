"""A person decides an event's type, takes it back, and writes down what authors hold it to be.

A decision is about what happened, not about a row: it follows the report whose solution was
preferred when it was made (``report``), else the next one (``other_report``), else its event and
where that was merged. So it survives newer reports, merging and splitting. Where two decisions meet
in one event, the later holds; the earlier stays in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from catalog.formats.values import CERTAINTIES, EVENT_TYPES
from catalog.models import BulletinEntry, Event, Interpretation, MergeDecision, Report, User
from processing.jobs import event_type, publishing
from processing.jobs.station_readings import GONE, NotDecidable, Outcome, request_location

#: Of `NotDecidable`, besides those of decisions on readings and locations.
CODES = ("changed-meanwhile", "unknown-type", "nothing-to-withdraw")


@dataclass(frozen=True)
class Text:
    """An interpretation as an editor writes it down."""

    event_type: str
    certainty: str
    author: str
    source: str
    notes: dict[str, str]
    """By language."""


def in_force(events: Iterable[int]) -> dict[int, MergeDecision]:
    """Return the decision that holds for each of some events; those without one are left out."""
    return MergeDecision.types_in_force(events)


def seen(event: Event) -> str:
    """Return what a form says of the event as its reader saw it."""
    return str(event.evidence_version)


def reported_type(entries: Sequence[BulletinEntry], first: int | None) -> tuple[str, str]:
    """Return the type of one entry, the preferred origin's, else of any that names one."""
    told = sorted((e for e in entries if e.event_type), key=lambda entry: entry.pk != first)
    if not told:
        return "", ""
    return told[0].event_type, told[0].event_type_certainty


def decide(
    events: Sequence[tuple[int, str]],
    actor: User,
    type_: str | None = None,
    certainty: str = "known",
    note: str = "",
) -> Outcome:
    """Decide the types of some events, inside a transaction.

    Parameters
    ----------
    events
        Each with what its reader saw of it (`seen`).
    type_ : str or None
        QuakeML event type; ``None`` takes what the rule suggests of each, as it is now.

    Returns
    -------
    Outcome
        ``decided``; ``overtaken``: somebody was faster, or something new came in; ``undecided``:
        the rule suggests nothing.

    Raises
    ------
    NotDecidable
        ``unknown-type``: not a word of QuakeML.
    """
    if type_ is not None and (type_ not in EVENT_TYPES or certainty not in CERTAINTIES):
        raise NotDecidable("unknown-type")
    outcome = Outcome()
    as_seen = dict(events)
    # Event rows in key order, as everywhere.
    locked = list(
        Event.objects.select_for_update(no_key=True).filter(pk__in=as_seen).order_by("pk")
    )
    before = in_force(as_seen)
    for event in locked:
        if event.status in GONE or seen(event) != as_seen[event.pk]:
            outcome.counts["overtaken"] += 1
            continue
        evidence = event_type.evidence_of(event)
        if evidence is None:
            outcome.counts["overtaken"] += 1
            continue
        verdict = evidence.verdict
        decided = (verdict.event_type, verdict.certainty) if type_ is None else (type_, certainty)
        if not decided[0]:
            outcome.counts["undecided"] += 1
            continue
        last = before.get(event.pk)
        reports = _reports(event)
        MergeDecision.objects.create(
            kind=MergeDecision.Kind.TYPE,
            event=event,
            report=reports[0] if reports else None,
            other_report=reports[1] if len(reports) > 1 else None,
            parts=evidence.as_json(),
            before={
                "event_type": event.event_type,
                "event_type_certainty": event.event_type_certainty,
                "decision": last.pk if last else None,
            },
            after={"event_type": decided[0], "event_type_certainty": decided[1]},
            actor=actor,
            note=note,
        )
        _set(event, *decided)
        outcome.touched.add(event.pk)
        outcome.counts["decided"] += 1
    request_location(outcome)
    return outcome


def undo(decision_key: int, actor: User, note: str = "") -> Outcome:
    """Take back the decision in force on an event's type, inside a transaction.

    The decision before it comes into force again; without one, what agencies reported.

    Raises
    ------
    NotDecidable
        ``nothing-to-undo``: it is not in force.
    """
    decision = (
        MergeDecision.objects.filter(pk=decision_key, kind=MergeDecision.Kind.TYPE)
        .select_related("report", "other_report", "event")
        .first()
    )
    key = decision.event_typed if decision is not None else 0
    event = Event.objects.select_for_update(no_key=True).filter(pk=key).first()
    if decision is None or event is None:
        raise NotDecidable("nothing-to-undo")
    standing = in_force([event.pk]).get(event.pk)
    if standing is None or standing.pk != decision.pk:
        raise NotDecidable("nothing-to-undo")
    undoing = MergeDecision.objects.create(
        kind=MergeDecision.Kind.UNDO,
        event=event,
        report=decision.report,
        undoes=decision,
        before=decision.after,
        actor=actor,
        note=note,
        after=_type_without(event, decision),
    )
    _set(event, undoing.after["event_type"], undoing.after["event_type_certainty"])
    outcome = Outcome()
    outcome.touched.add(event.pk)
    outcome.counts["undone"] = 1
    request_location(outcome)
    return outcome


def _type_without(event: Event, decision: MergeDecision) -> dict[str, str]:
    """Return the type an event has when a decision on it is gone."""
    other = MergeDecision.types_in_force([event.pk], without=decision.pk).get(event.pk)
    if other is not None:
        return {name: other.after[name] for name in ("event_type", "event_type_certainty")}
    origin = event.preferred_origin
    entries = BulletinEntry.objects.filter(current_of__event=event).order_by(
        "current_of__agency__code", "pk"
    )
    kind, certainty = reported_type(list(entries), origin.entry_id if origin else None)
    return {"event_type": kind, "event_type_certainty": certainty}


def _set(event: Event, type_: str, certainty: str) -> None:
    """Let the type hold at once: the location that follows asks whether it was at the surface."""
    event.event_type, event.event_type_certainty = type_, certainty
    event.save(update_fields=["event_type", "event_type_certainty"])


def _reports(event: Event) -> list[Report]:
    """Return the event's reports, that of the preferred solution first."""
    origin = event.preferred_origin
    entry = origin.entry_id if origin is not None else None
    return sorted(
        Report.objects.filter(event=event, withdrawn_at__isnull=True).select_related("agency"),
        key=lambda r: (r.current_entry_id != entry or entry is None, r.agency.code, r.pk),
    )


# --- What authors hold it to be ------------------------------------------------------------------


def interpret(event_key: int, text: Text, actor: User) -> Interpretation:
    """Write down what an author holds an event to be, inside a transaction.

    Raises
    ------
    NotDecidable
        ``event-gone``; ``unknown-type``.
    """
    if text.event_type not in EVENT_TYPES or text.certainty not in {"", *CERTAINTIES}:
        raise NotDecidable("unknown-type")
    event = Event.objects.select_for_update(no_key=True).get(pk=event_key)
    if event.status in GONE:
        raise NotDecidable("event-gone")
    reports = _reports(event)
    row = Interpretation.objects.create(
        event=event,
        report=reports[0] if reports else None,
        author=text.author,
        event_type=text.event_type,
        event_type_certainty=text.certainty,
        source=text.source,
        recorded_by=actor,
        **{f"note_{language}": note for language, note in text.notes.items()},
    )
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.INTERPRET,
        event=event,
        report=row.report,
        after={
            "interpretation": row.pk,
            "event_type": text.event_type,
            "event_type_certainty": text.certainty,
            "author": text.author,
            "source": text.source,
        },
        actor=actor,
        decided_at=row.recorded_at,
    )
    publishing.tell(event, ["interpretations"], actor=actor)
    return row


def withdraw(interpretation: int, actor: User, reason: str) -> Interpretation:
    """Take back an interpretation an editor wrote down; it stays, with the reason in the ledger.

    Raises
    ------
    NotDecidable
        ``nothing-to-withdraw``: there is none, or it was withdrawn, or an agency reported it.
    """
    row = (
        Interpretation.objects.select_for_update(of=("self",))
        .filter(pk=interpretation, entry__isnull=True, superseded_at__isnull=True)
        .first()
    )
    decision = MergeDecision.objects.filter(
        kind=MergeDecision.Kind.INTERPRET,
        after__interpretation=interpretation,
        undone_by__isnull=True,
    ).first()
    if row is None or decision is None or row.event_id is None:
        raise NotDecidable("nothing-to-withdraw")
    event = Event.objects.select_for_update(no_key=True).get(pk=row.event_id)
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.UNDO,
        event=event,
        report=row.report,
        undoes=decision,
        before=decision.after,
        actor=actor,
        note=reason,
    )
    row.superseded_at = timezone.now()
    row.save(update_fields=["superseded_at"])
    publishing.tell(event, ["interpretations"], actor=actor)
    return row


def follow(events: Iterable[int]) -> None:
    """Let interpretations that editors wrote down come where their reports are now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_interpretation i SET event_id = r.event_id FROM catalog_report r"
            " WHERE i.entry_id IS NULL AND r.id = i.report_id AND r.event_id = ANY(%s)"
            " AND i.event_id IS DISTINCT FROM r.event_id",
            [list(events)],
        )


def standing_interpretations(event: Event) -> list[dict[str, Any]]:
    """Return what is held of an event now, the reported first; editors' own may be withdrawn."""
    return [
        {"row": row, "may_be_withdrawn": row.entry_id is None}
        for row in Interpretation.objects.filter(event=event, superseded_at__isnull=True)
        .select_related("agency", "recorded_by")
        .order_by("entry", "pk")
    ]
