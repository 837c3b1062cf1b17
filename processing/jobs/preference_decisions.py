"""A person chooses an event's preferred origin, or the magnitude of one scale; and takes it back.

The choice is kept, not its result: it is the heaviest term whenever the event is computed, and it
holds for newer versions of the same report. One taken back lets the choice before it come into
force again; without one, the rules.
"""

from __future__ import annotations

from typing import Any

from catalog.models import Event, Magnitude, MergeDecision, Origin, User
from catalog.scales import SCALES
from processing.jobs import preference
from processing.jobs.station_readings import GONE, NotDecidable, Outcome, request_location

#: Of `NotDecidable`, besides ``event-gone`` and ``nothing-to-undo`` of other decisions.
CODES = ("solution-gone", "already-chosen")


def prefer_origin(event_key: int, origin_key: int, actor: User, note: str = "") -> Outcome:
    """Let an origin stand first, whatever the rules say, inside a transaction.

    Raises
    ------
    NotDecidable
        ``event-gone``: merged or deleted meanwhile; ``solution-gone``: the origin is no longer one
        of the event; ``already-chosen``: a person's choice holds it already.
    """
    event = _held(event_key)
    origin = (
        Origin.objects.current()
        .filter(event=event, pk=origin_key)
        .select_related("entry", "agency")
        .first()
    )
    if origin is None:
        raise NotDecidable("solution-gone")
    after: dict[str, Any] = {"origin": origin.pk, "key": origin.key}
    if origin.is_computed:
        after = {"computed": True, "origin": origin.pk}
    return _chosen(event, origin, {"origin": event.preferred_origin_id}, after, actor, note)


def prefer_magnitude(event_key: int, magnitude_key: int, actor: User, note: str = "") -> Outcome:
    """Let a magnitude stand for its scale, whatever the rules say, inside a transaction.

    Raises
    ------
    NotDecidable
        As `prefer_origin`; a value that says only "at least" or "at most", or is on no scale of
        the catalogue, is no such magnitude.
    """
    event = _held(event_key)
    magnitude = (
        Magnitude.objects.current()
        .filter(event=event, pk=magnitude_key, bound="", scale__in=SCALES)
        .select_related("entry__report__agency", "agency")
        .first()
    )
    if magnitude is None:
        raise NotDecidable("solution-gone")
    scale = magnitude.scale
    standing = event.preferred_magnitudes.filter(scale=scale).values_list("magnitude", flat=True)
    after: dict[str, Any] = {
        "scale": scale,
        "magnitude": magnitude.pk,
        "type": magnitude.type,
        "agency": preference.agency_code(magnitude),
    }
    if magnitude.is_computed:
        after["computed"] = True
        if preference.is_from_amplitudes(magnitude):
            after["from_amplitudes"] = True
    before = {"scale": scale, "magnitude": standing.first()}
    return _chosen(event, magnitude, before, after, actor, note)


def undo(decision_key: int, actor: User, note: str = "") -> Outcome:
    """Take back a person's choice that is in force, inside a transaction.

    Raises
    ------
    NotDecidable
        ``nothing-to-undo``: it is not in force; ``event-gone``.
    """
    decision = (
        MergeDecision.objects.filter(pk=decision_key, kind=MergeDecision.Kind.PREFER)
        .select_related("event")
        .first()
    )
    if decision is None or decision.event is None:
        raise NotDecidable("nothing-to-undo")
    event = _held(preference.survivor_of(decision))
    if decision.pk not in {standing.pk for standing in in_force(event).values()}:
        raise NotDecidable("nothing-to-undo")
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.UNDO,
        event=event,
        report_id=decision.report_id,
        before=decision.after,
        after=decision.before,
        undoes=decision,
        actor=actor,
        note=note,
    )
    return _computed_anew(event)


def in_force(event: Event) -> dict[str, MergeDecision]:
    """Return people's choices that hold for an event: of its origin under "", else by scale."""
    return {
        decision.after.get("scale", ""): decision
        for decision in preference.standing_decisions([event.pk])
    }


def _held(event_key: int) -> Event:
    event: Event | None = Event.objects.select_for_update(no_key=True).filter(pk=event_key).first()
    if event is None or event.status in GONE:
        raise NotDecidable("event-gone")
    return event


def _chosen(
    event: Event,
    solution: Origin | Magnitude,
    before: dict[str, Any],
    after: dict[str, Any],
    actor: User,
    note: str,
) -> Outcome:
    standing = in_force(event).get(after.get("scale", ""))
    if standing is not None and standing.after == after:
        raise NotDecidable("already-chosen")
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.PREFER,
        event=event,
        report_id=solution.entry.report_id if solution.entry else None,
        before=before,
        after=after,
        actor=actor,
        note=note,
    )
    return _computed_anew(event)


def _computed_anew(event: Event) -> Outcome:
    outcome = Outcome()
    outcome.touched = {event.pk}
    request_location(outcome)
    return outcome
