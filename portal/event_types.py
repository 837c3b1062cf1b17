"""The desk's pages of event types: the queue, one event's evidence, decisions, interpretations.

The rule suggests, a person decides; all of it by plain forms. A form carries what its reader saw of
the event (``type_decisions.seen``), so of two editors who decide at once one is told to look again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages as notices
from django.contrib.gis.geos import Point
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.formats.values import EVENT_TYPES
from catalog.models import (
    BulletinEntry,
    Event,
    Interpretation,
    KnownSource,
    MergeDecision,
    TypeSuggestion,
    User,
)
from portal import event_type_words as words
from portal.templatetags import seismo
from processing.core import event_type as core
from processing.desk.deciding import done
from processing.desk.readings import Moment, is_key, may_decide
from processing.desk.views import staff_only
from processing.jobs import event_type, type_decisions, type_queue
from processing.jobs.station_readings import Outcome
from processing.models import WorkItem
from processing.transactions import writing

PAGE = 50
#: Decided on at once.
DECIDE_MOST = 200
STATES = {
    "open": gettext_lazy("to decide"),
    "differs": gettext_lazy("the suggestion differs"),
    "undecided": gettext_lazy("the rule is undecided"),
    "agrees": gettext_lazy("suggestion and reports agree"),
    "decided": gettext_lazy("decided by a person"),
}
#: Types a person is offered first; all of QuakeML's follow.
COMMON = (
    "earthquake", "quarry blast", "mining explosion", "explosion", "rock burst",
    "induced or triggered event", "collapse", "landslide",
)  # fmt: skip


def type_choices() -> list[tuple[str, str]]:
    """Return the types of QuakeML in words, the common ones first."""
    rest = sorted(EVENT_TYPES - set(COMMON))
    return [(word, seismo.event_type_words(word)) for word in (*COMMON, *rest)]


def certainty_choices() -> list[tuple[str, str]]:
    return [(word, seismo.certainty_words(word)) for word in ("known", "suspected")]


# --- The queue -----------------------------------------------------------------------------------


class QueueForm(forms.Form):
    """By what the queue is narrowed; all of it may be left empty."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[*STATES.items(), ("all", gettext_lazy("all"))],
    )
    suggested = forms.ChoiceField(
        label=gettext_lazy("Suggested"),
        required=False,
        choices=[
            ("", gettext_lazy("all")),
            ("blast", gettext_lazy("blast")),
            ("earthquake", gettext_lazy("earthquake")),
            ("undecided", gettext_lazy("undecided")),
        ],
    )
    starttime = forms.DateTimeField(label=gettext_lazy("From, UTC"), required=False, widget=Moment)
    endtime = forms.DateTimeField(label=gettext_lazy("To, UTC"), required=False, widget=Moment)
    synthetic = forms.ChoiceField(
        label=gettext_lazy("Events"),
        required=False,
        choices=[
            ("", gettext_lazy("all")),
            ("no", gettext_lazy("real")),
            ("yes", gettext_lazy("synthetic")),
        ],
    )


@dataclass(frozen=True)
class QueueLine:
    """One event of the queue."""

    suggestion: TypeSuggestion
    event: Event
    reasons: list[tuple[str, float]]
    decision: MergeDecision | None
    token: str

    @property
    def words(self) -> str:
        s = self.suggestion
        return words.suggested_words(s.event_type, s.event_type_certainty)

    @property
    def odds(self) -> str:
        return words.odds_words(self.suggestion.score)


@staff_only
@require_safe
def event_types(request: HttpRequest) -> HttpResponse:
    """Events whose suggested type differs from the standing one, or that the rule cannot tell."""
    form = QueueForm(request.GET, label_suffix="")
    values = form.cleaned_data if form.is_valid() else {}
    found = type_queue.suggestions(values) if form.is_valid() else TypeSuggestion.objects.none()
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    decisions = type_decisions.in_force(s.event_id for s in page)
    shown = [
        QueueLine(
            s,
            s.event,
            sorted(words.reasons(s.evidence), key=lambda r: -abs(r[1])),
            decisions.get(s.event_id),
            f"{s.event_id}:{type_decisions.seen(s.event)}",
        )
        for s in page
    ]
    last = WorkItem.objects.filter(kind=event_type.KIND).order_by("-created_at").first()
    state = values.get("state") or "open"
    without = {**values}
    figures = [
        {
            "state": code,
            "label": label,
            "count": type_queue.suggestions({**without, "state": code}).count(),
        }
        for code, label in STATES.items()
    ]
    return render(
        request,
        "desk/event_types.html",
        {
            "form": form,
            "page": page,
            "lines": shown,
            "state": state,
            "figures": figures,
            "types": type_choices(),
            "certainties": certainty_choices(),
            "may_decide": may_decide(request),
            "last": last,
            "rules": event_type.rules(),
            "rule_set": core.RULE_SET,
            "query": _query(request.GET),
        },
        status=200 if form.is_valid() else 400,
    )


def _query(given: QueryDict) -> str:
    known = [*QueueForm.base_fields, "page"]
    return urlencode([(name, given[name]) for name in known if given.get(name)])


@staff_only
@require_POST
def event_types_decide(request: HttpRequest) -> HttpResponse:
    """Decide on what was ticked: as suggested, or as one type for all."""
    actor = _editor(request)
    back = f"{reverse('event-types')}?{_query(QueryDict(request.POST.get('query', '')))}"
    chosen = [_token(text) for text in request.POST.getlist("event")[:DECIDE_MOST]]
    wanted = [token for token in chosen if token is not None]
    if not wanted:
        notices.warning(request, _("No event was chosen."))
        return redirect(back)
    type_ = request.POST.get("type", "") if request.POST.get("act") == "type" else None
    certainty = request.POST.get("certainty", "")
    note = request.POST.get("note", "").strip()[:500]
    outcome = done(request, lambda: type_decisions.decide(wanted, actor, type_, certainty, note))
    if outcome is not None:
        _say(request, outcome)
    return redirect(back)


def _token(text: str) -> tuple[int, str] | None:
    """Read an event's key and what was seen of it."""
    key, _colon, seen = text.partition(":")
    return (int(key), seen) if is_key(key) and is_key(seen) else None


def _editor(request: HttpRequest) -> User:
    if not may_decide(request) or not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _say(request: HttpRequest, outcome: Outcome) -> None:
    if n := outcome.counts.get("decided", 0):
        notices.success(
            request,
            ngettext("%(n)s event decided.", "%(n)s events decided.", n) % {"n": n},
        )
    if n := outcome.counts.get("overtaken", 0):
        notices.warning(
            request,
            ngettext(
                "%(n)s event was left out: somebody was faster, or something new came in.",
                "%(n)s events were left out: somebody was faster, or something new came in.",
                n,
            )
            % {"n": n},
        )
    if n := outcome.counts.get("undecided", 0):
        notices.warning(
            request,
            ngettext(
                "%(n)s event was left out: the rule suggests nothing.",
                "%(n)s events were left out: the rule suggests nothing.",
                n,
            )
            % {"n": n},
        )


@staff_only
@require_POST
def event_types_screen(request: HttpRequest) -> HttpResponse:
    """Ask for the whole catalogue to be looked at."""
    done(request, event_type.request_screening)
    notices.info(request, _("Workers go through the catalogue; load the page again in a while."))
    return redirect("event-types")


# --- One event -----------------------------------------------------------------------------------


class InterpretationForm(forms.Form):
    """What an author holds an event to be."""

    author = forms.CharField(label=gettext_lazy("Author"), max_length=150)
    type = forms.ChoiceField(label=gettext_lazy("Type"))
    certainty = forms.ChoiceField(label=gettext_lazy("Certainty"), required=False)
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=300,
        help_text=gettext_lazy("The publication, as it is to be cited."),
    )
    note_en = forms.CharField(
        label=gettext_lazy("Note in English"), max_length=2000, required=False
    )
    note_ru = forms.CharField(
        label=gettext_lazy("Note in Russian"), max_length=2000, required=False
    )
    note_kk = forms.CharField(label=gettext_lazy("Note in Kazakh"), max_length=2000, required=False)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, label_suffix="", auto_id="interpretation-%s")
        for name, choices in (
            ("type", type_choices()),
            ("certainty", [("", "—"), *certainty_choices()]),
        ):
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = choices

    def text(self) -> type_decisions.Text:
        values = self.cleaned_data
        return type_decisions.Text(
            values["type"],
            values["certainty"],
            values["author"],
            values["source"],
            {language: values[f"note_{language}"] for language in ("en", "ru", "kk")},
        )


@staff_only
@require_safe
def event_type_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """All that bears on one event's type, the decision in force, and the forms."""
    event = get_object_or_404(Event, public_id=public_id)
    if event.merged_into is not None:
        return redirect("event-type", event.merged_into.public_id)
    return _page(request, event, InterpretationForm())


def _page(
    request: HttpRequest, event: Event, form: InterpretationForm, status: int = 200
) -> HttpResponse:
    evidence = event_type.evidence_of(event)
    context: dict[str, Any] = {
        "event": event,
        "evidence": evidence,
        "row": getattr(event, "row", None),
        "may_decide": may_decide(request),
        "decision": type_decisions.in_force([event.pk]).get(event.pk),
        "waits": WorkItem.objects.filter(
            kind="recompute", object_id=event.pk, state=WorkItem.State.OPEN
        ).exists(),
        "token": type_decisions.seen(event),
        "types": type_choices(),
        "certainties": certainty_choices(),
        "reports": BulletinEntry.objects.filter(current_of__event=event)
        .select_related("current_of__agency", "reading__file")
        .defer("text")
        .order_by("current_of__agency__code", "pk"),
        "interpretations": type_decisions.standing_interpretations(event),
        "withdrawn": Interpretation.objects.filter(
            event=event, entry__isnull=True, superseded_at__isnull=False
        ),
        "history": MergeDecision.objects.filter(
            Q(event=event) | Q(report__event=event),
            Q(kind__in=(MergeDecision.Kind.TYPE, MergeDecision.Kind.INTERPRET))
            | Q(undoes__kind__in=(MergeDecision.Kind.TYPE, MergeDecision.Kind.INTERPRET)),
        )
        .select_related("actor")
        .order_by("-pk")[:50],
        "form": form,
    }
    if evidence is not None:
        found = event_type.ratios(evidence)
        verdict = evidence.verdict
        context |= {
            "lines": words.lines(evidence, found),
            "suggested": words.suggested_words(verdict.event_type, verdict.certainty),
            "odds": words.odds_words(verdict.score),
            "verdict": verdict,
            "clock": words.clock(evidence),
            "week": words.week(evidence),
            "ratios": words.ratio_plot(evidence, found),
            "solar": words.clock_words(evidence.view.hour),
        }
    return render(request, "desk/event_type.html", context, status=status)


@staff_only
@require_POST
def event_type_decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Decide one event's type, or take the decision in force back."""
    actor = _editor(request)
    event = get_object_or_404(Event, public_id=public_id)
    back = redirect("event-type", public_id)
    note = request.POST.get("note", "").strip()[:500]
    if undone := request.POST.get("undo", ""):
        key = int(undone) if is_key(undone) else 0
        if done(request, lambda: type_decisions.undo(key, actor, note)) is not None:
            notices.success(request, _("The decision is taken back."))
        return back
    token = (event.pk, request.POST.get("seen", ""))
    if request.POST.get("act") == "suggested":
        type_, certainty = None, ""
    else:
        type_, certainty = request.POST.get("type", ""), request.POST.get("certainty", "")
    outcome = done(request, lambda: type_decisions.decide([token], actor, type_, certainty, note))
    if outcome is not None:
        _say(request, outcome)
    return back


@staff_only
@require_POST
def event_type_interpret(request: HttpRequest, public_id: str) -> HttpResponse:
    """Write down an interpretation, or withdraw one with a reason."""
    actor = _editor(request)
    event = get_object_or_404(Event, public_id=public_id)
    if key := request.POST.get("withdraw", ""):
        reason = request.POST.get("reason", "").strip()[:500]
        if not reason:
            notices.error(request, _("Say why it is withdrawn."))
        elif (
            done(
                request,
                lambda: type_decisions.withdraw(int(key) if is_key(key) else 0, actor, reason),
            )
            is not None
        ):
            notices.success(request, _("The interpretation is withdrawn; the ledger keeps it."))
        return redirect("event-type", public_id)
    form = InterpretationForm(request.POST)
    if not form.is_valid():
        return _page(request, event, form, 400)
    if done(request, lambda: type_decisions.interpret(event.pk, form.text(), actor)) is not None:
        notices.success(request, _("The interpretation is written down."))
    return redirect("event-type", public_id)


# --- Known quarries and mines --------------------------------------------------------------------


class Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A quarry or mine; it ends by its date and is not deleted."""

    latitude = forms.FloatField(
        label=gettext_lazy("Latitude"), min_value=-90.0, max_value=90.0,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    longitude = forms.FloatField(
        label=gettext_lazy("Longitude"), min_value=-180.0, max_value=180.0,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    kind = forms.ChoiceField(label=gettext_lazy("Type of its events"))

    class Meta:
        model = KnownSource
        fields = (
            "name_en", "name_ru", "name_kk", "latitude", "longitude", "radius_km", "kind",
            "valid_from", "valid_to", "citation", "synthetic",
        )  # fmt: skip
        widgets = {"valid_from": Day(), "valid_to": Day()}

    field_order = Meta.fields

    def __init__(self, data: QueryDict | None, source: KnownSource) -> None:
        super().__init__(data, instance=source, label_suffix="")
        kind = self.fields["kind"]
        if isinstance(kind, forms.ChoiceField):
            kind.choices = [(word, seismo.event_type_words(word)) for word in sorted(core.BLASTS)]
        self.fields["radius_km"].widget.attrs.update(step="any", min="0.1", max="100")
        if self.instance.pk:
            self.fields["latitude"].initial = self.instance.point.y
            self.fields["longitude"].initial = self.instance.point.x

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if "latitude" in values and "longitude" in values:
            self.instance.point = Point(values["longitude"], values["latitude"], srid=4326)
        radius = values.get("radius_km")
        if radius is not None and not 0 < radius <= 100:
            self.add_error("radius_km", _("A radius is above 0 and at most 100 km."))
        start, end = values.get("valid_from"), values.get("valid_to")
        if start and end and end < start:
            self.add_error("valid_to", _("The end is before the beginning."))
        return values


@staff_only
@require_safe
def known_sources(request: HttpRequest) -> HttpResponse:
    """The list of known quarries and mines."""
    page = Paginator(KnownSource.objects.all(), PAGE).get_page(request.GET.get("page"))
    return render(
        request, "desk/known_sources.html", {"page": page, "may_decide": may_decide(request)}
    )


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def known_source(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Add a quarry or mine, or change one."""
    actor = _editor(request)
    source = KnownSource() if pk is None else get_object_or_404(KnownSource, pk=pk)
    form = SourceForm(request.POST if request.method == "POST" else None, source)
    if request.method == "POST" and form.is_valid():
        form.instance.recorded_by = actor
        try:
            with writing():
                form.save()
        except IntegrityError:
            form.add_error("name_en", _("A source of this name is known at this place already."))
        else:
            notices.success(request, _("The source is kept."))
            return redirect("known-sources")
    return render(
        request,
        "desk/known_source.html",
        {"form": form, "source": source if pk is not None else None},
        status=400 if form.errors else 200,
    )
