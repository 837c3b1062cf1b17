"""The ledger in sentences: what was decided or changed, by whom, and why.

A sentence names events, reports and solutions. The same sentence is plain text for the API and for
tables, and has links for pages; a public one names no person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog import preference_words
from catalog.models import (
    ADMINISTRATOR,
    EDITOR,
    OPERATOR,
    Change,
    Event,
    Magnitude,
    MergeDecision,
    Origin,
    Report,
    User,
)

Kind = MergeDecision.Kind

#: Parts of a misfit and terms of a choice, in words; what is not here is shown by its own name.
PARTS = {
    "by": gettext_lazy("decided by"),
    "reason": gettext_lazy("why in doubt"),
    "probability": gettext_lazy("probability of one event"),
    "log_odds": gettext_lazy("logarithm of the odds of one event against two"),
    "joint_level": gettext_lazy("joint relocation: chance of so bad a fit in one event"),
    "joint_increase": gettext_lazy("joint relocation: increase of chi-square"),
    "shift_s": gettext_lazy("clock wrong by, s"),
    "total": gettext_lazy("misfit in all"),
    "time": gettext_lazy("time, in its uncertainty"),
    "distance": gettext_lazy("distance, in its uncertainty"),
    "depth": gettext_lazy("depth, in its uncertainty"),
    "size": gettext_lazy("size, in its uncertainty"),
    "shared_arrivals": gettext_lazy("readings in common"),
    "time_difference_s": gettext_lazy("difference of times, s"),
    "distance_km": gettext_lazy("distance of epicentres, km"),
    "station": gettext_lazy("station"),
    "phase": gettext_lazy("phase"),
    "time_residual": gettext_lazy("residual, s"),
    "expected_sigma_s": gettext_lazy("expected standard deviation, s"),
    "distance_deg": gettext_lazy("distance, degrees"),
    **preference_words.TERMS,
    **preference_words.CRITERIA,
}
#: Words that parts hold.
VALUES = {
    "metric": gettext_lazy("agreement of the solutions"),
    "shared_arrivals": gettext_lazy("readings in common"),
    "constraint": gettext_lazy("a person's decision"),
    "joint_fit": gettext_lazy("joint relocation"),
    "joint_misfit": gettext_lazy("the readings of both do not fit one place"),
    "supersede": gettext_lazy("a later report of the same agency"),
    "misfit_too_large": gettext_lazy("near, but further apart than their errors allow"),
    "ambiguous": gettext_lazy("nearly as likely two events as one, or another report fits as well"),
    "swarm": gettext_lazy("a dense sequence: several events of one agency"),
    "component_too_large": gettext_lazy("too many reports close together"),
    "indirect": gettext_lazy("it fits only some reports of the event"),
    "same_agency": gettext_lazy("two reports of one agency for what looks like one event"),
    "clock": gettext_lazy("one event if a clock were wrong by whole minutes or hours"),
    "contradictory_constraints": gettext_lazy("people's decisions contradict each other"),
}
#: Columns of the catalogue that are told together when an event changes.
_COLUMNS = (
    (("time", "time_uncertainty", "minute_precision"), gettext_lazy("origin time")),
    (("point", "latitude", "longitude", "horizontal_uncertainty_km"), gettext_lazy("epicentre")),
    (("depth_km", "depth_type", "depth_uncertainty_km"), gettext_lazy("depth")),
    (
        (
            "kr", "mpva", "mlv", "ms", "mb", "ml", "mw", "magnitude", "magnitude_type",
            "magnitude_agency", "magnitude_count",
        ),
        gettext_lazy("size"),
    ),
    (("agency", "agencies", "contributor", "contributor_id", "origin_count"),
     gettext_lazy("whose solutions there are")),
    (("event_type", "event_type_certainty"), gettext_lazy("type")),
    (("status", "evaluation_mode"), gettext_lazy("status")),
    (
        ("felt", "max_intensity", "felt_report_count", "max_cdi", "community-intensities"),
        gettext_lazy("how it was felt"),
    ),
    (("has_mechanism", "faulting_style"), gettext_lazy("mechanism")),
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Something a sentence names, and where it is told."""

    text: str
    address: str = ""

    def written(self, html: bool) -> str:
        if html and self.address:
            return format_html('<a href="{}">{}</a>', self.address, self.text)
        return self.text


@dataclass(frozen=True)
class Part:
    """One row of what a decision rests on."""

    words: str
    value: str | float

    @property
    def is_number(self) -> bool:
        return not isinstance(self.value, str)


@dataclass(frozen=True)
class Line:
    """One step of an event's history as a page shows it."""

    at: datetime
    of: str
    """decision or change."""
    kind: str
    sentence: str
    who: str
    """A role of `role_of`; empty for a change made by the portal itself."""
    rule_set: str = ""
    misfit: float | None = None
    parts: tuple[Part, ...] = ()
    note: str = ""
    number: int | None = None
    """Of a change."""
    decision: int | None = None
    event: str = ""
    """Public id, where it is another event: one that was merged into this."""

    @property
    def who_words(self) -> str:
        return role_words(self.who)


# --- Who ------------------------------------------------------------------------------------------


def role_of(actor: User | None) -> str:
    """Return who did something as the public is told it: by role, never by name."""
    if actor is None:
        return "rule set"
    roles = {group.name for group in actor.groups.all()}
    if actor.is_superuser or ADMINISTRATOR in roles:
        return "administrator"
    for role in (EDITOR, OPERATOR):
        if role in roles:
            return str(role)
    return "staff" if actor.has_usable_password() else "program"


def role_words(role: str) -> str:
    """Return a role of `role_of` in words; the rule set is named elsewhere."""
    return {
        "administrator": _("by an administrator"),
        "editor": _("by an editor"),
        "operator": _("by an operator"),
        "program": _("by a program of the portal"),
        "staff": _("by a member of the staff"),
    }.get(role, "")


# --- What is asked --------------------------------------------------------------------------------


def of_events(events: Iterable[int]) -> QuerySet[MergeDecision]:
    """Return the decisions in which any of these events takes part."""
    keys = list(events)
    return MergeDecision.objects.filter(Q(event__in=keys) | Q(other_event__in=keys))


def family(event: Event) -> list[int]:
    """Return the keys of an event and of those that were merged into it."""
    return [event.pk, *event.absorbed.order_by("pk").values_list("pk", flat=True)]


def with_names(decisions: QuerySet[MergeDecision]) -> QuerySet[MergeDecision]:
    """Load what sentences name together with the decisions."""
    return decisions.select_related(
        "event",
        "other_event",
        "actor",
        "report__agency",
        "report__event",
        "other_report__agency",
        "other_report__event",
        "undoes__event",
        "undoes__other_event",
        "undoes__report__agency",
        "undoes__report__event",
        "undoes__other_report__agency",
        "undoes__other_report__event",
    ).prefetch_related("actor__groups")


def history(event: Event, most: int = 400) -> list[Line]:
    """Return an event's history, newest first, that of events merged into it included."""
    keys = family(event)
    decisions = list(with_names(of_events(keys)).order_by("-decided_at", "-pk")[:most])
    changes = list(
        Change.objects.filter(event__in=keys)
        .select_related("event", "actor")
        .prefetch_related("actor__groups")
        .order_by("-number")[:most]
    )
    tell = Telling(decisions)
    lines = [
        Line(
            at=row.decided_at,
            of="decision",
            kind=row.kind,
            sentence=tell.decision(row, html=True),
            who=role_of(row.actor),
            rule_set=row.rule_set,
            misfit=row.misfit,
            parts=parts_of(row),
            note=row.note,
            decision=row.pk,
        )
        for row in decisions
    ]
    lines += [
        Line(
            at=row.at,
            of="change",
            kind=row.kind,
            sentence=change_sentence(row, html=True),
            who=role_of(row.actor) if row.actor else "",
            number=row.number,
            event="" if row.event_id == event.pk else row.event.public_id,
        )
        for row in changes
    ]
    # Of one moment, the change comes first: it is what the decision led to.
    lines.sort(key=lambda line: (line.at, line.of == "change", line.number or line.decision or 0))
    return lines[::-1][:most]


# --- Sentences ------------------------------------------------------------------------------------


class Telling:
    """Tells decisions in sentences; what they name by number is looked up for all at once."""

    def __init__(self, decisions: Sequence[MergeDecision]) -> None:
        rows = [*decisions, *(d.undoes for d in decisions if d.undoes is not None)]
        told = [part for row in rows for part in (row.before or {}, row.after or {})]
        self._origins = self._whose(Origin, _numbers(told, "origin"))
        self._sizes = self._whose(Magnitude, _numbers(told, "magnitude"))

    @staticmethod
    def _whose(model: type[Any], keys: set[int]) -> dict[int, Any]:
        rows = model.objects.filter(pk__in=keys).select_related("agency", "entry__report__agency")
        return {row.pk: row for row in rows.defer("entry__text", "entry__comments")}

    def decision(self, row: MergeDecision, *, html: bool = False) -> str:
        """Return what was decided as one sentence."""
        template, names = self._told(row)
        written = {name: named.written(html) for name, named in names.items()}
        return format_html(template, **written) if html else template.format(**written)

    def _told(self, row: MergeDecision) -> tuple[str, dict[str, Named]]:
        names = {
            "event": _event(row.event),
            "other_event": _event(row.other_event),
            "report": _report(row.report),
            "other_report": _report(row.other_report),
        }
        return self._template(row, names), names

    def _template(self, row: MergeDecision, names: dict[str, Named]) -> str:
        match row.kind:
            case Kind.NEW_EVENT:
                return _("{report} opened the new event {event}.")
            case Kind.ASSOCIATE if row.other_report_id:
                return _("{report} was joined to event {event}: it belongs with {other_report}.")
            case Kind.ASSOCIATE:
                return _("{report} was joined to event {event}.")
            case Kind.SUPERSEDE if row.other_report_id:
                return _("{report} takes the place of {other_report} of the same agency.")
            case Kind.SUPERSEDE:
                return _("A newer version of {report} took the place of the older one.")
            case Kind.MOVE if row.event_id is None:
                return _("{report} was withdrawn by its agency and left event {other_event}.")
            case Kind.MOVE if row.other_event_id is None:
                return _("{report} was moved to event {event}.")
            case Kind.MOVE:
                return _("{report} was moved from event {other_event} to event {event}.")
            case Kind.MERGE:
                return _("Event {other_event} was merged into event {event}.")
            case Kind.SPLIT if row.other_event_id:
                return _("{report} was split off event {other_event} and is event {event} now.")
            case Kind.SPLIT:
                return _("{report} was split off and is event {event} now.")
            case Kind.SAME:
                return _("{report} and {other_report} were held to be the same event.")
            case Kind.DIFFERENT:
                return _("{report} and {other_report} were held to be different events.")
            case Kind.REVIEW:
                return _(
                    "It is in doubt whether {report} and {other_report} are the same event:"
                    " left for a person to decide."
                )
            case Kind.ACCEPT_PICK | Kind.REJECT_PICK:
                names["reading"] = Named(reading_words(row.parts))
                if row.kind == Kind.ACCEPT_PICK:
                    return _("The reading {reading} was accepted for event {event}.")
                return _("The reading {reading} was rejected for event {event}.")
            case Kind.LOCATE:
                return _("Event {event} is located by the choices of a person.")
            case Kind.MECHANISM:
                if (row.after or {}).get("evaluation_status") == "rejected":
                    return _("The computed mechanism of event {event} was rejected.")
                return _("The computed mechanism of event {event} was confirmed.")
            case Kind.PREFER:
                return self._preference(row, names)
            case Kind.INTENSITY | Kind.CONSEQUENCE:
                return self._entered(row, names)
            case Kind.UNDO if row.undoes is not None:
                inner, inner_names = self._told(row.undoes)
                names.update(inner_names)
                return _("Taken back: {decision}").replace("{decision}", inner)
        return self._plain(row)

    def _entered(self, row: MergeDecision, names: dict[str, Named]) -> str:
        """Say which intensities or consequences an editor entered, corrected or withdrew."""
        before, after = ((d or {}).get("rows", []) for d in (row.before, row.after))
        names["rows"] = Named(_row_words(after or before))
        if row.kind == Kind.CONSEQUENCE:
            if not after:
                return _("A consequence of event {event} was withdrawn: {rows}.")
            if before:
                return _("A consequence of event {event} was corrected: {rows}.")
            return _("A consequence of event {event} was entered: {rows}.")
        if not after:
            return _("Intensities of event {event} were withdrawn: {rows}.")
        if before:
            return _("Intensities of event {event} were entered, some in place of others: {rows}.")
        return _("Intensities of event {event} were entered: {rows}.")

    def _preference(self, row: MergeDecision, names: dict[str, Named]) -> str:
        before, after = row.before or {}, row.after or {}
        if scale := after.get("scale"):
            names["scale"] = Named(str(scale))
            names["former"] = self._size(before.get("magnitude"))
            names["chosen"] = self._size(after.get("magnitude"))
            if row.actor_id:
                return _("{chosen} was chosen as the preferred {scale} of event {event}.")
            return _("The preferred {scale} of event {event} is {chosen} now, before {former}.")
        names["former"] = self._solution(before.get("origin"))
        names["chosen"] = self._solution(after.get("origin"))
        if after.get("computed") and not after.get("origin"):
            return _("The portal's own solution was chosen as the preferred one of event {event}.")
        if row.actor_id:
            return _("The solution of {chosen} was chosen as the preferred one of event {event}.")
        if names["former"].text == names["chosen"].text:
            return _("A newer solution of {chosen} is the preferred one of event {event} now.")
        return _(
            "The solution of {chosen} is the preferred one of event {event} now, before it was"
            " that of {former}."
        )

    def _solution(self, key: Any) -> Named:
        return Named(_agency_of(self._origins.get(key)) or _("an unknown agency"))

    def _size(self, key: Any) -> Named:
        row = self._sizes.get(key)
        return Named("—" if row is None else f"{row.value:g} ({_agency_of(row) or '—'})")

    def _plain(self, row: MergeDecision) -> str:
        """Name what has no sentence of its own: the kind, and what it is about."""
        words = capfirst(row.get_kind_display()).replace("{", "{{").replace("}", "}}")
        about = [f"{{{name}}}" for name in ("report", "other_report", "event", "other_event")
                 if getattr(row, f"{name}_id")]  # fmt: skip
        return words + (": " + ", ".join(about) if about else "") + "."


def _row_words(rows: Sequence[Mapping[str, Any]], most: int = 5) -> str:
    """Return what rows the ledger keeps are about: ``Almaty 3–4; Talgar 4; …``."""
    texts = []
    for row in rows[:most]:
        if "kind" in row:
            count = "" if row.get("count") is None else f": {row['count']}"
            place = f" ({row['place']})" if row.get("place") else ""
            texts.append(f"{row['kind']}{count}{place}")
            continue
        low, high = row.get("minimum"), row.get("maximum")
        if low is None:
            degree = _("felt") if row.get("felt") else _("not felt")
        else:
            degree = f"{low:g}" if high in (None, low) else f"{low:g}–{high:g}"
        texts.append(f"{row.get('place', '')} {degree}")
    return "; ".join(texts) + ("; …" if len(rows) > most else "")


def _numbers(told: Iterable[Mapping[str, Any]], name: str) -> set[int]:
    return {part[name] for part in told if isinstance(part.get(name), int)}


def _agency_of(row: Origin | Magnitude | None) -> str:
    if row is None:
        return ""
    if row.agency is not None:
        return row.agency.code
    return row.entry.report.agency.code if row.entry is not None else ""


def _event(event: Event | None) -> Named:
    return Named("—") if event is None else Named(event.public_id, event.get_absolute_url())


def _report(report: Report | None) -> Named:
    if report is None:
        return Named("—")
    address = ""
    if report.event is not None:
        address = f"{report.event.get_absolute_url()}#report-{report.pk}"
    return Named(report_words(report), address)


def report_words(report: Report) -> str:
    """Name a report: the agency and its own number, or the beginning of its hash.

    Of an id that is an address (``smi:...``) its last part.
    """
    kind, _colon, key = report.key.partition(":")
    return f"{report.agency.code} {key.rsplit('/', 1)[-1] if kind == 'id' else '#' + key[:8]}"


def reading_words(parts: Mapping[str, Any]) -> str:
    """Name the reading that a decision is about; empty for other decisions."""
    return f"{parts['station']} {parts['phase']}".strip() if "pick" in parts else ""


def change_sentence(change: Change, *, html: bool = False) -> str:
    """Return a change of the public catalogue as one sentence."""
    names = {"event": _event(change.event)}
    details = change.details or {}
    match change.kind:
        case Change.Kind.CREATED:
            template = _("Event {event} appeared in the catalogue.")
        case Change.Kind.UPDATED if words := changed_words(details.get("changed", ())):
            names["changed"] = Named(words)
            template = _("Event {event} was published anew; changed: {changed}.")
        case Change.Kind.UPDATED:
            template = _("Event {event} was published anew.")
        case Change.Kind.MERGED:
            into = str(details.get("into") or "")
            names["into"] = Named(into or "—", reverse("event", args=[into]) if into else "")
            template = _("Event {event} left the catalogue: it is part of event {into}.")
        case _:
            template = _("Event {event} was taken out of the catalogue.")
    written = {name: named.written(html) for name, named in names.items()}
    return format_html(template, **written) if html else template.format(**written)


def changed_words(columns: Iterable[str]) -> str:
    """Return in words which columns of the catalogue changed; parts of files only count as such."""
    named = set(columns)
    words = [str(text) for group, text in _COLUMNS if named & set(group)]
    known = {column for group, _text in _COLUMNS for column in group}
    if not words and named - known:
        words = [_("details")]
    return ", ".join(words)


def parts_of(row: MergeDecision) -> tuple[Part, ...]:
    """Return what a decision rests on, in words, for a table."""
    parts = []
    places = {name: place for place, name in enumerate(PARTS)}
    for name, value in sorted(
        (row.parts or {}).items(), key=lambda p: (places.get(p[0], 99), p[0])
    ):
        if value is None or name == "pick" or isinstance(value, dict | list):
            continue
        if isinstance(value, str):
            value = str(VALUES.get(value, value))
        elif isinstance(value, bool):
            value = _("yes") if value else _("no")
        elif isinstance(value, float):
            value = round(value, 3)
        parts.append(Part(str(PARTS.get(name, name)), value))
    return tuple(parts)
