"""People on first motions: a word on one polarity, a mechanism confirmed or rejected, reversals.

A word on a polarity (``PolarityDecision``) holds whatever comes in later. Confirming or rejecting
the whole stands in the ledger with a digest of the polarities it was made on, and holds as long as
those are the same, wherever the event is moved to; with other polarities the mechanism is again
what the rules make of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.utils import timezone

from catalog.models import (
    Event,
    MergeDecision,
    PolarityDecision,
    Station,
    StationPolarityReversal,
    User,
)
from processing.jobs import mechanisms
from processing.jobs.amplitude_ratios import AmplitudeRatio
from processing.jobs.mechanisms import (
    CONFIRMED,
    GONE,
    REJECTED,
    Inputs,
    Motion,
    NotSolvable,
    Subject,
    Word,
)
from processing.jobs.station_readings import NotDecidable

#: Of `NotDecidable`, besides those of decisions on readings and locations.
CODES = (
    "no-origin", "man-made", "too-few-polarities", "reversal-no-source", "reversal-dates",
    "reversal-known",
)  # fmt: skip


def decide(
    event_key: int,
    words: Mapping[int, str],
    evidence: str,
    status: str,
    actor: User,
    note: str = "",
    dropped: Collection[int] = (),
) -> MergeDecision:
    """Confirm or reject what these words on polarities make of an event, inside a transaction.

    Parameters
    ----------
    words
        Station -> keep, flip or drop; a station without one is as it was read.
    evidence
        Digest of what the person saw (`Inputs.evidence`).
    status
        ``confirmed`` or ``rejected``.
    dropped
        Stations whose amplitude ratios are left out; all others count.

    Raises
    ------
    NotDecidable
        ``event-gone``, ``readings-changed``, or why there is no mechanism to decide on.
    """
    if status not in (CONFIRMED, REJECTED):
        raise ValueError(f"status: found {status!r}, expected {CONFIRMED} or {REJECTED}")
    event = Event.objects.select_for_update(no_key=True).get(pk=event_key)
    if event.status in GONE:
        raise NotDecidable("event-gone")
    inputs = mechanisms.load(event)
    if inputs.evidence != evidence:
        raise NotDecidable("readings-changed")
    decided = inputs.with_words(words, dropped)
    try:
        solved = mechanisms.solve(decided)
    except NotSolvable as error:
        raise NotDecidable(error.code) from error
    changed = _say(event, inputs, decided, actor, note)
    ratios = _say_of_ratios(event, inputs, decided, actor, note)
    before = inputs.decision
    planes = [[round(float(a)) for a in plane] for plane in solved.solution.planes]
    decision = MergeDecision.objects.create(
        kind=MergeDecision.Kind.MECHANISM,
        event=event,
        before={
            "mechanism": inputs.standing.pk if inputs.standing else None,
            "decision": before.pk if before else None,
        },
        after={
            "evaluation_status": status,
            "polarities": decided.polarities,
            "planes": planes,
            "words": changed,
            "ratios": ratios,
        },
        actor=actor,
        note=note,
    )
    mechanisms.request([event.pk], mechanisms.DESK_PRIORITY)
    return decision


def _say(event: Event, before: Inputs, after: Inputs, actor: User, note: str) -> dict[str, str]:
    """Store the words that change what counts, and return them by station code."""
    words = {
        # A word taken away leaves the reading as the rules have it.
        new: new.word or (Word.DROP if new.contradicted else Word.KEEP)
        for old, new in zip(before.motions, after.motions, strict=True)
        if (old.is_used, old.sign) != (new.is_used, new.sign)
    }
    return _keep(event, Subject.POLARITY, words, actor, note)


def _say_of_ratios(
    event: Event, before: Inputs, after: Inputs, actor: User, note: str
) -> dict[str, str]:
    """Store which amplitude ratios are left out or taken again; return it by station code."""
    words = {
        new: Word.DROP if new.dropped else Word.KEEP
        for old, new in zip(before.ratios, after.ratios, strict=True)
        if old.dropped != new.dropped
    }
    return _keep(event, Subject.RATIO, words, actor, note)


def _keep(
    event: Event,
    subject: Subject,
    words: Mapping[Motion, str] | Mapping[AmplitudeRatio, str],
    actor: User,
    note: str,
) -> dict[str, str]:
    """Store words on stations, and return them by station code."""
    PolarityDecision.objects.bulk_create(
        PolarityDecision(
            event=event, station_id=of.station, subject=subject, kind=word, note=note[:300],
            actor=actor,
        )
        for of, word in words.items()
    )  # fmt: skip
    return {of.code: str(word) for of, word in words.items()}


def undo(decision_key: int, actor: User, note: str = "") -> None:
    """Take back that a mechanism was confirmed or rejected, inside a transaction.

    Words on single polarities stay: each can be changed by itself.

    Raises
    ------
    NotDecidable
        ``nothing-to-undo``: it is not in force.
    """
    decision = (
        MergeDecision.objects.filter(pk=decision_key, kind=MergeDecision.Kind.MECHANISM)
        .select_related("event")
        .first()
    )
    if decision is None or decision.event is None:
        raise NotDecidable("nothing-to-undo")
    key = decision.event.merged_into_id or decision.event.pk
    event = Event.objects.select_for_update(no_key=True).get(pk=key)
    last = mechanisms.load(event).last_decision
    if last is None or last.pk != decision.pk:
        raise NotDecidable("nothing-to-undo")
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.UNDO,
        event=decision.event,
        before=decision.after,
        after=decision.before,
        undoes=decision,
        actor=actor,
        note=note,
    )
    mechanisms.request([event.pk], mechanisms.DESK_PRIORITY)


# --- Reversed stations ----------------------------------------------------------------------------


def record_reversal(
    station: Station, start: datetime, end: datetime | None, source: str, actor: User | None
) -> StationPolarityReversal:
    """Keep that a station is reversed for a time, inside a transaction; what it touches is asked.

    Raises
    ------
    NotDecidable
        ``reversal-no-source``; ``reversal-dates``: it ends before it begins; ``reversal-known``:
        one that is in force overlaps it.
    """
    if not source.strip():
        raise NotDecidable("reversal-no-source")
    if end is not None and end <= start:
        raise NotDecidable("reversal-dates")
    Station.objects.select_for_update().get(pk=station.pk)
    known = StationPolarityReversal.objects.filter(station=station, withdrawn_at__isnull=True)
    for other in known:
        if (other.end is None or other.end > start) and (end is None or other.start < end):
            raise NotDecidable("reversal-known")
    reversal = StationPolarityReversal.objects.create(
        station=station, start=start, end=end, source=source.strip()[:300], recorded_by=actor
    )
    mechanisms.request(mechanisms.touched_by(reversal))
    return reversal


def withdraw_reversal(key: int, actor: User) -> StationPolarityReversal:
    """Withdraw a reversal that was wrong, inside a transaction; it stays to be seen.

    Raises
    ------
    NotDecidable
        ``nothing-to-undo``: it is not there, or withdrawn already.
    """
    reversal = (
        StationPolarityReversal.objects.select_for_update()
        .filter(pk=key, withdrawn_at__isnull=True)
        .first()
    )
    if reversal is None:
        raise NotDecidable("nothing-to-undo")
    reversal.withdrawn_by = actor
    reversal.withdrawn_at = timezone.now()
    reversal.save(update_fields=["withdrawn_by", "withdrawn_at"])
    mechanisms.request(mechanisms.touched_by(reversal))
    return reversal
