"""What an event is held to be, by whom, and what speaks for it: ``/events/<id>/type``."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.members import Member, Type, told
from catalog.api.public import LANG, PublicView, asked_of, respond_with
from catalog.api.shown import shown
from catalog.ledger import role_of
from catalog.models import BulletinEntry, Event, EventRow, MergeDecision, TypeSuggestion

TEXT = Type.TEXT
TYPE = (
    Member("event_type", TEXT, "QuakeML EventType.", "quarry blast"),
    Member("event_type_certainty", TEXT, "known or suspected.", "known"),
)
REPORTED: tuple[Member, ...] = (
    Member("agency", TEXT, "Who reported it.", "KNDC", null=False),
    *TYPE,
)
DECISION: tuple[Member, ...] = (
    *TYPE,
    Member("at", Type.TIME, "When.", "2026-01-10T08:00:00Z", null=False),
    Member("by", TEXT, "Who decided, by role; never a person's name.", "editor"),
    Member("note", TEXT, "Note of who decided.", None),
)
SUGGESTION: tuple[Member, ...] = (
    Member("event_type", TEXT, "QuakeML EventType; null: the rule is undecided.", "quarry blast"),
    Member("event_type_certainty", TEXT, "known or suspected.", "suspected"),
    Member("rule_set", TEXT, "Rule set, with its version.", "event-type-2026.1", null=False),
    Member("score", Type.NUMBER, "Sum of the weights: log10 of the odds of a blast.", 1.6,
           null=False),
    Member("computed_at", Type.TIME, "When the catalogue was gone through.",
           "2026-01-10T08:00:00Z", null=False),
    Member("evidence", Type.OBJECT, "The terms with their weights, and what they were made of.",
           {"terms": [{"name": "hour", "weight": 1.6, "values": {"hour": 13.2, "share": 0.98}}]},
           null=False),
)  # fmt: skip
INTERPRETATION: tuple[Member, ...] = (
    Member("author", TEXT, "Who holds it to be so.", "Mikhailova N.N. and others"),
    *TYPE,
    Member("note_en", TEXT, "Note in English.", None),
    Member("note_ru", TEXT, "Note in Russian.", None),
    Member("note_kk", TEXT, "Note in Kazakh.", None),
    Member("source", TEXT, "Where it is published.", None),
    Member("at", Type.TIME, "When it was written down here.", "2026-01-10T08:00:00Z", null=False),
)


@described(
    "event_type",
    gettext_lazy("What an event is held to be, and why"),
    (LANG,),
    "EventType",
    path={"public_id": "kz2014m7k2ra"},
    tag="events",
)
class EventTypeView(PublicView):
    """The type that stands, and all that bears on it.

    What each agency reported; the decision of a person, if there is one; what the rule suggests,
    with its evidence; and what authors hold the event to be. Without a suggestion the rule holds
    it for an earthquake, or has not looked yet.
    """

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        row = shown(request, public_id, "type")
        return respond_with(request, _answer(row.event, row), None)


def _answer(event: Event, row: EventRow) -> dict[str, Any]:
    reports = (
        BulletinEntry.objects.filter(current_of__event=event)
        .select_related("current_of__agency")
        .defer("text")
        .order_by("current_of__agency__code", "pk")
    )
    decision = MergeDecision.types_in_force([event.pk]).get(event.pk)
    suggestion = TypeSuggestion.objects.filter(pk=event.pk).first()
    held = event.interpretations.filter(superseded_at__isnull=True).select_related("agency")
    return {
        "id": row.public_id,
        "event_type": row.event_type or None,
        "event_type_certainty": row.event_type_certainty or None,
        "reported": [
            _told(REPORTED, entry, agency=entry.current_of.agency.code) for entry in reports
        ],
        "decision": None
        if decision is None
        else _told(
            DECISION,
            decision,
            **decision.after,
            at=decision.decided_at,
            by=role_of(decision.actor),
        ),
        "suggestion": None if suggestion is None else _told(SUGGESTION, suggestion),
        "interpretations": [
            _told(
                INTERPRETATION,
                one,
                at=one.recorded_at,
                author=one.author or (one.agency.code if one.agency else None),
            )
            for one in held.order_by("pk")
        ],
    }


def _told(members: tuple[Member, ...], row: Any, **known: Any) -> dict[str, Any]:
    return told(
        members,
        {f"m_{m.name}": known.get(m.name, getattr(row, m.name, None)) for m in members},
    )
