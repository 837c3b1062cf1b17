"""The preference rules and people's choices: operators look, editors write and decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog import preference_words
from catalog.ledger import Telling, with_names
from catalog.models import (
    EDITOR,
    AuthoritativeArea,
    Event,
    MergeDecision,
    PreferenceRuleSet,
    User,
)
from catalog.scales import SCALES
from processing.core.preference import CRITERIA, SHIPPED_ORDER
from processing.desk import messages
from processing.desk.views import staff_only
from processing.jobs import preference, preference_changes, preference_decisions, preference_rules
from processing.jobs.preference_rules import MOST_AREAS, WEIGHTS, Refused
from processing.jobs.station_readings import GONE, NotDecidable
from processing.models import ProcessingRun, WorkItem
from processing.transactions import retried, writing

#: Empty rows for more areas in the form.
MORE_AREAS = 2
EVERYWHERE = "*"


def may_edit(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(EDITOR)


# --- The form -------------------------------------------------------------------------------------


class RulesForm(forms.Form):
    """A version of the rules, as an editor writes it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=40)
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("What is other than before, and why. It is published."),
    )
    station_cap = forms.IntegerField(label=gettext_lazy("Stations that count at most"))

    def __init__(self, *args: Any, rows: int, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.rows = min(rows, MOST_AREAS)
        for name in WEIGHTS:
            self.fields[f"weight_{name}"] = forms.FloatField(
                label=preference_words.term_words(name), widget=forms.NumberInput({"step": "any"})
            )
        areas = [
            ("", "—"),
            *(
                (name, preference_words.area_words(name))
                for name in AuthoritativeArea.objects.values_list("name", flat=True)
            ),
            (EVERYWHERE, preference_words.area_words("")),
        ]
        for row in range(self.rows):
            self.fields[f"area_{row}"] = forms.ChoiceField(
                label=_("Area"), choices=areas, required=False
            )
            self.fields[f"agencies_{row}"] = forms.CharField(
                label=_("Agencies in their order"), max_length=200, required=False
            )
            self.fields[f"scales_{row}"] = forms.CharField(
                label=_("Another order for a scale"), max_length=400, required=False
            )
        criteria = [
            ("", "—"),
            *((name, preference_words.criterion_words(name)) for name in CRITERIA),
        ]
        for scale in SCALES:
            for place in range(len(CRITERIA)):
                self.fields[f"order_{scale}_{place}"] = forms.ChoiceField(
                    label=f"{scale} {place + 1}", choices=criteria, required=False
                )

    def weights(self) -> Iterator[forms.BoundField]:
        return (self[f"weight_{name}"] for name in WEIGHTS)

    def areas(self) -> list[list[forms.BoundField]]:
        parts = ("area", "agencies", "scales")
        return [[self[f"{part}_{row}"] for part in parts] for row in range(self.rows)]

    def orders(self) -> list[dict[str, Any]]:
        places = range(len(CRITERIA))
        return [
            {"scale": scale, "fields": [self[f"order_{scale}_{place}"] for place in places]}
            for scale in SCALES
        ]

    def definition(self) -> dict[str, Any]:
        """Return what was written; ``preference_rules.checked`` judges it."""
        said = self.cleaned_data
        areas = []
        for row in range(self.rows):
            if name := said[f"area_{row}"]:
                areas.append(
                    {
                        "area": "" if name == EVERYWHERE else name,
                        "agencies": _codes(said[f"agencies_{row}"]),
                        "scales": _by_scale(said[f"scales_{row}"]),
                    }
                )
        return {
            "weights": {name: said[f"weight_{name}"] for name in WEIGHTS},
            "station_cap": said["station_cap"],
            "areas": areas,
            "scales": {
                scale: [
                    name
                    for place in range(len(CRITERIA))
                    if (name := said[f"order_{scale}_{place}"])
                ]
                for scale in SCALES
            },
        }


def _codes(text: str) -> list[str]:
    return [code for part in text.split(",") if (code := part.strip())]


def _by_scale(text: str) -> dict[str, list[str]]:
    """Read ``KR: SOME, KNDC; mb: KNDC``; what is not so is judged as it stands."""
    orders = {}
    for part in text.split(";"):
        if part.strip():
            scale, _colon, codes = part.partition(":")
            orders[scale.strip()] = _codes(codes)
    return orders


def _initial(row: PreferenceRuleSet | None) -> dict[str, Any]:
    """Return a version as the form shows it."""
    if row is None:
        rules = preference_rules.SHIPPED
        weights = {name: getattr(rules, attribute) for name, attribute in WEIGHTS.items()}
        definition: dict[str, Any] = {
            "weights": weights,
            "station_cap": int(rules.station_cap),
            "areas": [],
            "scales": dict.fromkeys(SCALES, SHIPPED_ORDER),
        }
    else:
        definition = row.definition
    values: dict[str, Any] = {
        "name": row.name if row else preference_rules.SHIPPED.name,
        "station_cap": definition["station_cap"],
    }
    values |= {f"weight_{name}": weight for name, weight in definition["weights"].items()}
    for number, area in enumerate(definition["areas"]):
        values[f"area_{number}"] = area["area"] or EVERYWHERE
        values[f"agencies_{number}"] = ", ".join(area["agencies"])
        values[f"scales_{number}"] = "; ".join(
            f"{scale}: {', '.join(codes)}" for scale, codes in area.get("scales", {}).items()
        )
    for scale, order in definition["scales"].items():
        values |= {f"order_{scale}_{place}": name for place, name in enumerate(order)}
    return values


# --- Versions -------------------------------------------------------------------------------------


@staff_only
@require_safe
def rule_sets(request: HttpRequest) -> HttpResponse:
    """All versions, and the areas they may name."""
    rows = PreferenceRuleSet.objects.select_related("created_by", "status_changed_by").order_by(
        "-created_at", "-pk"
    )[:200]
    return render(
        request,
        "desk/preference_rules.html",
        {
            "rows": rows,
            "areas": [
                {"name": preference_words.area_words(area.name), "extent": area.area.extent}
                for area in AuthoritativeArea.objects.all()
            ],
            "may_edit": may_edit(request),
        },
    )


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def new_rules(request: HttpRequest) -> HttpResponse:
    """Write the next version, beginning with one that is there."""
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    given = request.GET.get("from", "")
    base = (
        get_object_or_404(PreferenceRuleSet, pk=int(given))
        if given.isascii() and given.isdigit() and len(given) < 10
        else preference_words.in_force()
    )
    rows = (len(base.definition["areas"]) if base else 0) + MORE_AREAS
    if request.method != "POST":
        return _form_page(request, RulesForm(initial=_initial(base), rows=rows), base)
    form = RulesForm(request.POST, rows=rows)
    if not form.is_valid():
        return _form_page(request, form, base, status=400)
    try:
        row = preference_rules.store(
            form.cleaned_data["name"].strip(),
            form.definition(),
            note=form.cleaned_data["note"],
            created_by=request.user,
        )
    except Refused as refused:
        values = dict(refused.values)
        if field := values.get("field"):
            values["field"] = preference_words.term_words(field)
        said = messages.sentence(refused.code, values)
        return _form_page(request, form, base, refused=said, status=400)
    preference_changes.ask_preview(row)
    notices.success(request, _("Stored as a draft. A worker looks what it would change."))
    return redirect("preference-rule-set", row.pk)


def _form_page(
    request: HttpRequest,
    form: RulesForm,
    base: PreferenceRuleSet | None,
    *,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    return render(
        request,
        "desk/preference_form.html",
        {"form": form, "base": base, "refused": refused},
        status=status,
    )


@staff_only
@require_POST
def new_area(request: HttpRequest) -> HttpResponse:
    """Add a box that rules may name."""
    if not may_edit(request):
        raise PermissionDenied
    try:
        west, south, east, north = (
            float(request.POST.get(side, "").replace(",", "."))
            for side in ("west", "south", "east", "north")
        )
        preference_rules.add_area(request.POST.get("name", ""), west, south, east, north)
    except ValueError:
        notices.error(request, messages.meaning("bad-area"))
    except Refused as refused:
        notices.error(request, messages.sentence(refused.code, refused.values))
    else:
        notices.success(request, _("The area can be named in rules now."))
    return redirect("preference-rules")


@staff_only
@require_safe
def rule_set(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: what it says, where it stands, what it would change."""
    row = get_object_or_404(
        PreferenceRuleSet.objects.select_related("created_by", "status_changed_by"), pk=pk
    )
    preview = row.preview or {}
    return render(
        request,
        "desk/preference_rule_set.html",
        {
            "row": row,
            "rules": preference_words.told(row),
            "preview": preview,
            "preview_listed": [
                {**line, "sizes": list(line["sizes"].items())} for line in preview.get("listed", ())
            ],
            "is_waiting": preview.get("state") in ("waiting", "running"),
            "runs": ProcessingRun.objects.filter(
                kind=ProcessingRun.Kind.RECOMPUTE, parameters__preference_rules=str(row)
            ).order_by("-pk")[:10],
            "may_edit": may_edit(request),
        },
    )


@staff_only
@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Look ahead, put in force, or put aside."""
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    row = get_object_or_404(PreferenceRuleSet, pk=pk)
    try:
        match request.POST.get("do"):
            case "preview":
                preference_changes.ask_preview(row)
                notices.success(request, _("A worker looks what it would change."))
            case "use":
                user = request.user
                retried(lambda: preference_rules.put_in_force(row, user))
                notices.success(
                    request, _("In force. Events it chooses differently for are computed anew.")
                )
            case "retire":
                preference_rules.retire(row, request.user)
                notices.success(request, _("Put aside."))
    except Refused as refused:
        notices.error(request, messages.sentence(refused.code, refused.values))
    return redirect("preference-rule-set", row.pk)


# --- One event ------------------------------------------------------------------------------------


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def event_preference(request: HttpRequest, public_id: str) -> HttpResponse:
    """Every candidate of an event with its terms; an editor chooses, or takes a choice back."""
    event = Event.objects.filter(public_id=public_id).first()
    if event is None:
        raise Http404(_("There is no event with this id."))
    if event.status in GONE:
        return redirect("event", public_id)
    if request.method == "POST":
        return _decide(request, event)
    evidence, chosen = preference.one_choice(event)
    decisions = preference_decisions.in_force(event)
    rows = list(
        with_names(
            MergeDecision.objects.filter(pk__in=[d.pk for d in decisions.values()])
        ).order_by("-pk")
    )
    tell = Telling(rows)
    origins = {origin.pk: origin for origin in evidence.origins}
    sizes = {m.pk: m for m in evidence.magnitudes}
    waits = WorkItem.objects.filter(
        kind="recompute", object_id=event.pk, state=WorkItem.State.OPEN
    ).exists()
    return render(
        request,
        "desk/event_preference.html",
        {
            "event": event,
            "row": getattr(event, "row", None),
            "waits": waits,
            "rule_set": chosen.reasons["rule_set"],
            "terms": [
                preference_words.term_words(term["name"])
                for term in (chosen.reasons["candidates"] or [{"terms": ()}])[0]["terms"]
            ],
            "origins": [
                {
                    "origin": origins[candidate["origin"]],
                    "agency": candidate["agency"],
                    "values": [term["contribution"] for term in candidate["terms"]],
                    "total": candidate["total"],
                    "is_standing": candidate["origin"] == event.preferred_origin_id,
                }
                for candidate in chosen.reasons["candidates"]
            ],
            "scales": [
                {
                    "scale": scale,
                    "criteria": [preference_words.criterion_words(n) for n in told["order"]],
                    "lines": [
                        {
                            **candidate,
                            "row": sizes[candidate["magnitude"]],
                            "is_standing": candidate["magnitude"] == evidence.preferred.get(scale),
                        }
                        for candidate in told["candidates"]
                    ],
                }
                for scale, told in chosen.reasons["magnitudes"].items()
            ],
            "decisions": [
                {
                    "row": row,
                    "sentence": tell.decision(row, html=True),
                    "who": row.actor.get_username() if row.actor else "",
                }
                for row in rows
            ],
            "may_edit": may_edit(request),
        },
    )


def _decide(request: HttpRequest, event: Event) -> HttpResponse:
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    user = request.user
    note = request.POST.get("note", "").replace("\x00", "").strip()[:500]
    acts = {
        "origin": lambda key: preference_decisions.prefer_origin(event.pk, key, user, note),
        "magnitude": lambda key: preference_decisions.prefer_magnitude(event.pk, key, user, note),
        "undo": lambda key: preference_decisions.undo(key, user, note),
    }
    for name, do in acts.items():
        given = request.POST.get(name, "")
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            continue

        def store(do: Any = do, key: int = int(given)) -> None:
            with writing():
                do(key)

        try:
            retried(store)
        except NotDecidable as error:
            notices.warning(request, messages.meaning(error.code))
        else:
            notices.success(
                request,
                _("Taken back; the event is computed anew.")
                if name == "undo"
                else _("Chosen; the event is computed anew."),
            )
        break
    else:
        notices.warning(request, _("Nothing was chosen."))
    return redirect("event-preference", event.public_id)
