"""The queue of event types: where the rule and what stands differ, or neither knows."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Value, When

from catalog.models import MergeDecision, TypeSuggestion
from processing.core import event_type as core
from processing.jobs.station_readings import GONE


def suggestions(values: dict[str, Any]) -> QuerySet[TypeSuggestion]:
    """Return the suggestions that answer a search, the strongest first.

    ``values``: ``state`` (open, which is usual, differs, undecided, agrees, decided),
    ``suggested``, ``starttime``, ``endtime``, ``synthetic`` (yes, no); what is not given asks for
    nothing.
    """
    of_type = MergeDecision.objects.filter(kind=MergeDecision.Kind.TYPE, undone_by__isnull=True)
    standing = Case(
        When(event__event_type__in=core.BLASTS, then=Value(core.BLAST)),
        When(event__event_type__in=("", "not reported"), then=Value(core.UNTOLD)),
        When(event__event_type="earthquake", then=Value(core.EARTHQUAKE)),
        default=Value(core.OTHER),
        output_field=CharField(),
    )
    found = (
        TypeSuggestion.objects.filter(event__row__isnull=False)
        .exclude(event__status__in=GONE)
        .select_related("event__row")
        .annotate(
            standing=standing,
            decided=Exists(of_type.filter(report__event=OuterRef("event")))
            | Exists(
                of_type.filter(
                    Q(report__isnull=True) | Q(report__event__isnull=True), event=OuterRef("event")
                )
            ),
        )
    )
    # What nobody told the type of is an earthquake to everybody.
    same = Q(family=F("standing")) | Q(family=core.EARTHQUAKE, standing=core.UNTOLD)
    state = values.get("state") or "open"
    if state == "open":
        found = found.filter(~same | Q(family=""), decided=False)
    elif state == "differs":
        found = found.filter(~same, ~Q(family=""), decided=False)
    elif state == "undecided":
        found = found.filter(family="", decided=False)
    elif state == "agrees":
        found = found.filter(same & ~Q(family=""), decided=False)
    elif state == "decided":
        found = found.filter(decided=True)
    if suggested := values.get("suggested"):
        found = found.filter(family="" if suggested == "undecided" else suggested)
    if values.get("starttime"):
        found = found.filter(event__row__time__gte=values["starttime"])
    if values.get("endtime"):
        found = found.filter(event__row__time__lte=values["endtime"])
    if values.get("synthetic"):
        found = found.filter(event__synthetic=values["synthetic"] == "yes")
    return found.order_by("-strength", "-event__row__time", "pk")
