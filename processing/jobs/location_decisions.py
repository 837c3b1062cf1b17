"""A person decides how an event is located: accepted into the ledger, taken back.

The decision is kept, not its result: workers locate the event by it at once and whenever its
evidence changes, so that a later bulletin does not undo what a person saw.
"""

from __future__ import annotations

from typing import Any

from catalog.models import Event, MergeDecision, User
from processing.core import location as core
from processing.jobs import location, location_inputs
from processing.jobs.location_inputs import Settings
from processing.jobs.station_readings import GONE, NotDecidable, Outcome, request_location

#: Of `NotDecidable`, besides those of `LocationError` and of the readings' own decisions.
CODES = ("event-gone", "readings-changed")


def accept(
    event_key: int,
    settings: Settings,
    evidence: str,
    actor: User,
    note: str = "",
    prefer: bool = False,
) -> Outcome:
    """Let an event be located by these settings, inside a transaction.

    ``evidence`` is the digest of what the person saw (`Inputs.evidence`). With ``prefer`` the
    solution becomes the event's preferred one as well, whatever the rules say.

    Raises
    ------
    NotDecidable
        ``event-gone``: merged or deleted meanwhile; ``readings-changed``: other readings than the
        person saw; or the code of a `LocationError`: with these settings there is no solution.
    """
    event = Event.objects.select_for_update(no_key=True).get(pk=event_key)
    if event.status in GONE:
        raise NotDecidable("event-gone")
    inputs = location_inputs.load(event)
    if inputs.evidence != evidence:
        raise NotDecidable("readings-changed")
    try:
        location.solve(inputs, settings)
    except core.LocationError as error:
        raise NotDecidable(error.code) from error
    before = inputs.decision
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.LOCATE,
        event=event,
        before={
            "origin": inputs.standing.pk if inputs.standing else None,
            "settings": inputs.settings.as_json(),
            "decision": before.pk if before else None,
        },
        after={"settings": settings.as_json()},
        actor=actor,
        note=note,
    )
    if prefer:
        MergeDecision.objects.create(
            kind=MergeDecision.Kind.PREFER,
            event=event,
            before={"origin": event.preferred_origin_id},
            after={"computed": True},
            actor=actor,
            note=note,
        )
    return _located_anew(event)


def undo(decision_key: int, actor: User, note: str = "") -> Outcome:
    """Take back the decision in force on an event's location, inside a transaction.

    The decision before it comes into force again; without one, the rules.

    Raises
    ------
    NotDecidable
        ``nothing-to-undo``: it is not in force.
    """
    decision = (
        MergeDecision.objects.filter(pk=decision_key, kind=MergeDecision.Kind.LOCATE)
        .select_related("event")
        .first()
    )
    if decision is None or decision.event is None:
        raise NotDecidable("nothing-to-undo")
    key = decision.event.merged_into_id or decision.event.pk
    event = Event.objects.select_for_update(no_key=True).get(pk=key)
    in_force = location_inputs.load(event).decision
    if in_force is None or in_force.pk != decision.pk:
        raise NotDecidable("nothing-to-undo")
    _take_back(decision, actor, note)
    # The preference that was decided with it, if it still holds.
    for together in MergeDecision.objects.filter(
        kind=MergeDecision.Kind.PREFER,
        event=event,
        actor__isnull=False,
        after__computed=True,
        undone_by__isnull=True,
        pk__gt=decision.pk,
    ):
        _take_back(together, actor, note)
    return _located_anew(event)


def _take_back(decision: MergeDecision, actor: User, note: str) -> None:
    told: dict[str, Any] = decision.after
    MergeDecision.objects.create(
        kind=MergeDecision.Kind.UNDO,
        event=decision.event,
        before=told,
        after=decision.before,
        undoes=decision,
        actor=actor,
        note=note,
    )


def _located_anew(event: Event) -> Outcome:
    outcome = Outcome()
    outcome.touched = {event.pk}
    request_location(outcome)
    return outcome
