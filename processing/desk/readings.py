"""Readings without an event: searched, looked at with their proposals, accepted and rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from catalog.models import EDITOR, Event, Pick, PickAssociation, User
from processing.core import phases
from processing.desk import messages
from processing.desk.views import staff_only
from processing.jobs import station_readings
from processing.jobs.station_readings import NotDecidable
from processing.transactions import retried, writing

PAGE = 50
#: Counting further says nothing that "more than" does not.
COUNT_MOST = 10_000
#: Decided on at once; a person who means more presses the button again.
DECIDE_MOST = 2_000

State = PickAssociation.State

#: What may have become of a reading, in the order of the page's figures.
STATES = {
    "open": gettext_lazy("without an event"),
    "proposed": gettext_lazy("event proposed"),
    "accepted": gettext_lazy("accepted"),
    "rejected": gettext_lazy("rejected"),
    "duplicate": gettext_lazy("repeat another reading"),
    "nameless": gettext_lazy("station not known"),
    "timeless": gettext_lazy("without a time"),
}


class Moment(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"step": "1"}, format="%Y-%m-%dT%H:%M:%S")


class SearchForm(forms.Form):
    """By what readings are looked for; all of it may be left empty."""

    station = forms.CharField(label=gettext_lazy("Station"), max_length=10, required=False)
    network = forms.CharField(label=gettext_lazy("Network"), max_length=10, required=False)
    phase = forms.CharField(label=gettext_lazy("Phase"), max_length=20, required=False)
    starttime = forms.DateTimeField(label=gettext_lazy("From, UTC"), required=False, widget=Moment)
    endtime = forms.DateTimeField(label=gettext_lazy("To, UTC"), required=False, widget=Moment)
    file = forms.CharField(
        label=gettext_lazy("File name, or #number"), max_length=255, required=False
    )
    event = forms.CharField(label=gettext_lazy("Event id"), max_length=20, required=False)
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("all")), *STATES.items()],
    )


def found(values: dict[str, Any]) -> QuerySet[Pick]:
    """Return the readings that answer a search; the order is the caller's."""
    picks = station_readings.loose_picks()
    if values.get("station"):
        picks = picks.filter(station_code__iexact=values["station"].strip())
    if values.get("network"):
        code = values["network"].strip()
        picks = picks.filter(
            Q(network_code__iexact=code) | Q(network_code="", station__network__code__iexact=code)
        )
    if values.get("phase"):
        picks = picks.filter(phase_hint__in=_spellings(values["phase"].strip()))
    if values.get("starttime"):
        picks = picks.filter(time__gte=values["starttime"])
    if values.get("endtime"):
        picks = picks.filter(time__lte=values["endtime"])
    if values.get("file"):
        text = values["file"].strip()
        if text.startswith("#") and is_key(text[1:]):
            picks = picks.filter(reading__file=int(text[1:]))
        else:
            picks = picks.filter(reading__file__name__icontains=text)
    if values.get("event"):
        picks = picks.filter(
            Exists(
                PickAssociation.objects.filter(
                    pick=OuterRef("pk"), event__public_id=values["event"].strip()
                ).exclude(state=State.OBSOLETE)
            )
        )
    return in_state(picks, values.get("state") or "")


def is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _spellings(phase: str) -> list[str]:
    """Return the ways in which stations write a phase; P and S alone are those words only."""
    name = phases.standard_name(phase) or phase
    others = [word for word, meant in phases.SYNONYMS.items() if meant == name]
    plain = [phase, name, *others]
    return list(dict.fromkeys(plain + [letter + word for word in plain for letter in "eiqEIQ"]))


def in_state(picks: QuerySet[Pick], state: str) -> QuerySet[Pick]:
    """Return those of the readings of which this is thought."""

    def any_in(*states: str) -> Exists:
        return Exists(PickAssociation.objects.filter(pick=OuterRef("pk"), state__in=states))

    if state == "open":
        return picks.filter(
            ~any_in(State.PROPOSED, State.ACCEPTED, State.DUPLICATE, State.REJECTED)
        )
    if state == "rejected":
        return picks.filter(any_in(State.REJECTED), ~any_in(State.PROPOSED, State.ACCEPTED))
    if state == "nameless":
        return picks.filter(station__isnull=True)
    if state == "timeless":
        return picks.filter(time__isnull=True)
    if state in STATES:
        return picks.filter(any_in(state))
    return picks


@dataclass
class Shown:
    """A reading with what is thought of it."""

    pick: Pick
    proposed: list[PickAssociation] = field(default_factory=list)
    accepted: PickAssociation | None = None
    rejected: list[PickAssociation] = field(default_factory=list)
    duplicate: PickAssociation | None = None

    @property
    def file(self) -> str:
        """The word that searches for the readings of its file, and of no other."""
        return f"#{self.pick.reading.file_id}"

    @property
    def state(self) -> str:
        if self.accepted:
            return "accepted"
        if self.proposed:
            return "proposed"
        if self.duplicate:
            return "duplicate"
        return "rejected" if self.rejected else "open"


def page_of(picks: QuerySet[Pick], cursor: str, size: int = PAGE) -> tuple[list[Pick], str]:
    """Return the readings after a cursor, the latest first, and the cursor of what follows.

    Readings without a time come last.
    """
    picks = picks.select_related("station__network", "reading__file", "reading__agency")
    moment, _bar, key = cursor.rpartition("|")
    rows: list[Pick] = []
    last = int(key) if is_key(key) else None
    if not (last is not None and not moment):
        timed = picks.filter(time__isnull=False)
        time = _moment(moment)
        if time is not None and last is not None:
            timed = timed.filter(time__lte=time).filter(Q(time__lt=time) | Q(pk__lt=last))
        rows = list(timed.order_by("-time", "-pk")[: size + 1])
        last = None
    if len(rows) <= size:
        timeless = picks.filter(time__isnull=True)
        if last is not None:
            timeless = timeless.filter(pk__lt=last)
        rows += timeless.order_by("-pk")[: size + 1 - len(rows)]
    if len(rows) <= size:
        return rows, ""
    end = rows[size - 1]
    return rows[:size], f"{end.time.isoformat() if end.time else ''}|{end.pk}"


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def shown(picks: Sequence[Pick]) -> list[Shown]:
    """Return readings with all that is thought of them, the best proposal first."""
    lines = {pick.pk: Shown(pick) for pick in picks}
    for row in (
        PickAssociation.objects.filter(pick__in=lines)
        .exclude(state=State.OBSOLETE)
        .select_related(
            "event__row",
            "decided_by",
            "duplicate_of__entry__report__event",
            "duplicate_of__reading__file",
            "duplicate_of__reading__agency",
        )
        .defer("duplicate_of__entry__text")
        .order_by("rank", "pk")
    ):
        line = lines[row.pick_id]
        if row.state == State.PROPOSED:
            line.proposed.append(row)
        elif row.state == State.ACCEPTED:
            line.accepted = row
        elif row.state == State.REJECTED:
            line.rejected.append(row)
        else:
            line.duplicate = row
    return list(lines.values())


def counted(picks: QuerySet[Pick]) -> tuple[int, bool]:
    """Return how many there are, and whether there are more."""
    count = picks.order_by()[: COUNT_MOST + 1].count()
    return min(count, COUNT_MOST), count > COUNT_MOST


@staff_only
@require_safe
def readings(request: HttpRequest) -> HttpResponse:
    """The list of readings without an event, with what is proposed and what was decided."""
    form = SearchForm(request.GET, label_suffix="")
    values = form.cleaned_data if form.is_valid() else {}
    picks = found(values) if form.is_valid() else Pick.objects.none()
    rows, following = page_of(picks, request.GET.get("after", ""))
    without_state = found({**values, "state": ""}) if form.is_valid() else Pick.objects.none()
    figures = []
    for state, label in STATES.items():
        count, more = counted(in_state(without_state, state))
        if count or state in ("open", "proposed", "accepted"):
            figures.append({"state": state, "label": label, "count": count, "more": more})
    event = (
        Event.objects.filter(public_id=values["event"].strip()).select_related("row").first()
        if values.get("event")
        else None
    )
    clear = clear_rows(values)
    lines = shown(rows)
    return render(
        request,
        "desk/readings.html",
        {
            "form": form,
            "lines": lines,
            "has_proposals": any(line.proposed for line in lines),
            "following": following,
            "is_first": not request.GET.get("after"),
            "figures": figures,
            "state": values.get("state") or "",
            "event": event,
            "clear_count": clear.count() if clear is not None else 0,
            "may_decide": may_decide(request),
            "query": _query(request.GET),
        },
        status=200 if form.is_valid() else 400,
    )


def clear_rows(values: dict[str, Any]) -> QuerySet[PickAssociation] | None:
    """Return the unambiguous proposals of an event or of a file; ``None`` without such a search."""
    if not values.get("event") and not values.get("file"):
        return None
    rows = PickAssociation.objects.filter(
        state=State.PROPOSED,
        is_clear=True,
        pick__in=found({**values, "state": ""}).values("pk"),
    )
    if values.get("event"):
        rows = rows.filter(event__public_id=values["event"].strip())
    return rows


def may_decide(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(EDITOR)


def _query(given: QueryDict) -> str:
    """Return the search as it stands, to come back to it."""
    known = [*SearchForm.base_fields, "after"]
    return urlencode([(name, given[name]) for name in known if given.get(name)])


@staff_only
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Accept, reject or undo: one proposal, those ticked, or all that are unambiguous."""
    if not may_decide(request) or not isinstance(request.user, User):
        raise PermissionDenied
    back = f"{reverse('readings')}?{_query(QueryDict(request.POST.get('query', '')))}".rstrip("?")
    note = request.POST.get("note", "").strip()[:500]
    ticked = [int(key) for key in request.POST.getlist("row") if is_key(key)]
    for name, act in (("accept", station_readings.accept), ("reject", station_readings.reject)):
        wanted = request.POST.get(name, "")
        if not wanted:
            continue
        keys = ticked
        if is_key(wanted):
            keys = [int(wanted)]
        elif wanted == "clear" and name == "accept":
            form = SearchForm(QueryDict(request.POST.get("query", "")))
            rows = clear_rows(form.cleaned_data) if form.is_valid() else None
            keys = list(rows.values_list("pk", flat=True)[:DECIDE_MOST]) if rows is not None else []
        if not keys:
            notices.warning(request, _("No proposal was chosen."))
            return redirect(back)
        _say(request, _act(act, keys[:DECIDE_MOST], request.user, note).counts)
        return redirect(back)
    if is_key(request.POST.get("undo", "")):
        try:
            outcome = _act(station_readings.undo, int(request.POST["undo"]), request.user, note)
        except NotDecidable as error:
            notices.warning(request, messages.meaning(error.code))
        else:
            _say(request, outcome.counts)
    return redirect(back)


def _act(act: Any, wanted: Any, actor: User, note: str) -> station_readings.Outcome:
    def store() -> station_readings.Outcome:
        with writing():
            outcome: station_readings.Outcome = act(wanted, actor, note)
            return outcome

    return retried(store)


def _say(request: HttpRequest, counts: dict[str, int]) -> None:
    """Tell what was done; the event is located anew by the workers."""
    if n := counts.get("accepted", 0):
        notices.success(
            request,
            ngettext(
                "%(n)s reading accepted; its event is located anew.",
                "%(n)s readings accepted; their events are located anew.",
                n,
            )
            % {"n": n},
        )
    if n := counts.get("rejected", 0):
        notices.success(
            request, ngettext("%(n)s reading rejected.", "%(n)s readings rejected.", n) % {"n": n}
        )
    if counts.get("undone"):
        notices.success(request, _("The decision is undone."))
    if n := counts.get("overtaken", 0):
        notices.warning(
            request,
            ngettext(
                "%(n)s proposal was left out: it does not stand any more, or a better one of the"
                " same reading was chosen.",
                "%(n)s proposals were left out: they do not stand any more, or better ones of the"
                " same readings were chosen.",
                n,
            )
            % {"n": n},
        )


@staff_only
@require_POST
def try_again(request: HttpRequest) -> HttpResponse:
    """Look again for events of all readings that have none."""

    def store() -> int:
        with writing():
            return station_readings.try_again()

    n = retried(store)
    notices.info(
        request,
        ngettext(
            "The readings of %(n)s file are tried again.",
            "The readings of %(n)s files are tried again.",
            n,
        )
        % {"n": n},
    )
    return redirect("readings")
