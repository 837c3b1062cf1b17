"""Settlements at the desk: find one in any spelling, correct its names and place, add one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from catalog.models import EDITOR, Settlement, SettlementEdit, User
from catalog.settlements import OBLASTS, oblast_of, proposals
from portal.map_config import map_config, map_words
from processing.desk import messages
from processing.desk.views import staff_only
from processing.jobs import settlements as job
from processing.jobs.station_readings import NotDecidable
from processing.transactions import retried, writing

SHOWN = 30
#: The largest first.
ORDER = (F("population").desc(nulls_last=True), "name_en")
COUNTRIES = ("KZ", "KG", "UZ", "TJ", "TM", "CN", "RU", "AZ", "AM", "GE", "IR", "MN")
#: Names of one kind a settlement may have, and characters of one.
MOST_NAMES, LONGEST_NAME = 30, 200


def may_edit(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(EDITOR)


def seen_of(settlement: Settlement) -> str:
    """Return what a form says of a settlement as its reader saw it: when it was edited."""
    return settlement.edited_at.isoformat() if settlement.edited_at else ""


class _Names(forms.CharField):
    """Names, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        names = [" ".join(line.split()) for line in str(value or "").splitlines()]
        return list(dict.fromkeys(name for name in names if name))

    def validate(self, value: Any) -> None:
        if len(value) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in value):
            raise forms.ValidationError(
                _("At most %(count)s names of %(length)s letters each.")
                % {"count": MOST_NAMES, "length": LONGEST_NAME}
            )


class SettlementForm(forms.ModelForm):  # type: ignore[type-arg]
    """Names, place and people of a settlement; the reason goes to its history."""

    old_names = _Names(
        label=gettext_lazy("Old names"),
        required=False,
        help_text=gettext_lazy("Names it bore before, one a line; found by search and matching."),
    )
    other_names = _Names(
        label=gettext_lazy("Other spellings"),
        required=False,
        help_text=gettext_lazy("One a line."),
    )
    latitude = forms.FloatField(label=gettext_lazy("Latitude, °"), min_value=-90, max_value=90)
    longitude = forms.FloatField(label=gettext_lazy("Longitude, °"), min_value=-180, max_value=180)
    country = forms.ChoiceField(label=gettext_lazy("Country"))
    region_code = forms.ChoiceField(label=gettext_lazy("Oblast"), required=False)
    note = forms.CharField(
        label=gettext_lazy("Source or reason"),
        max_length=500,
        help_text=gettext_lazy("Kept in the history with your name."),
    )

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Settlement
        fields = (*job.FIELDS,)

    field_order = (
        "name_en", "name_ru", "name_kk", "latitude", "longitude", "population", "country",
        "region_code", "old_names", "other_names", "note", "seen",
    )  # fmt: skip

    def __init__(self, data: Any, settlement: Settlement) -> None:
        super().__init__(data, instance=settlement, label_suffix="")
        self.fields["seen"].initial = seen_of(settlement)
        for name, field in (
            ("latitude", self.fields["latitude"]),
            ("longitude", self.fields["longitude"]),
        ):
            field.widget = forms.NumberInput(attrs={"step": "any"})
            if settlement.pk:
                field.initial = getattr(settlement.point, "y" if name == "latitude" else "x")
        own = [settlement.country] if settlement.country else []
        countries = list(dict.fromkeys([*COUNTRIES, *own]))
        self._choose("country", [(code, code) for code in countries])
        # Codes of divisions mean something else in every country.
        at_home = settlement.country in ("", "KZ")
        oblasts: list[Any] = [*OBLASTS.items()] if at_home else []
        if settlement.region_code and (not at_home or settlement.region_code not in OBLASTS):
            oblasts.append((settlement.region_code, settlement.region_code))
        self._choose("region_code", [("", "—"), *oblasts])
        self.fields["population"].label = _("Population")

    def _choose(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        new = self.instance.country in ("", "KZ")
        if new and values.get("country") != "KZ" and values.get("region_code"):
            self.add_error("region_code", _("Only a place in Kazakhstan has an oblast."))
        return values


@staff_only
@require_safe
def settlements(request: HttpRequest) -> HttpResponse:
    """Settlements found by name, in any spelling; without one, those corrected last."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    rows: list[Settlement] = []
    near: list[Settlement] = []
    if text:
        listed = proposals(text, most=SHOWN)
        spelled = [p.place.settlement_id for p in listed if p.is_spelling]
        has_it = Q(pk__in=spelled)
        for name in ("name_en", "name_ru", "name_kk", "old_names", "other_names"):
            has_it |= Q(**{f"{name}__icontains": text})
        rows = list(Settlement.objects.filter(has_it).order_by(*ORDER)[:SHOWN])
        misspelt = [p.place.settlement_id for p in listed if not p.is_spelling]
        near = [] if rows else list(Settlement.objects.filter(pk__in=misspelt))
    else:
        rows = list(
            Settlement.objects.filter(edited_at__isnull=False).order_by("-edited_at")[:SHOWN]
        )
    return render(
        request,
        "desk/settlements.html",
        {
            "q": text,
            "rows": [_shown(row) for row in rows],
            "near": [_shown(row) for row in near],
            "total": Settlement.objects.count(),
            "may_edit": may_edit(request),
        },
    )


def _shown(row: Settlement) -> dict[str, Any]:
    return {"row": row, "oblast": oblast_of(row.country, row.region_code)}


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def settlement(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """One settlement with its history; an editor corrects it, or adds one."""
    row = Settlement() if pk is None else get_object_or_404(Settlement, pk=pk)
    if request.method == "POST":
        if not may_edit(request) or not isinstance(request.user, User):
            raise PermissionDenied
        form = SettlementForm(request.POST, Settlement(pk=None) if pk is None else row)
        if form.is_valid():
            actor, values = request.user, form.cleaned_data

            def store() -> SettlementEdit | None:
                with writing():
                    kept = (
                        Settlement()
                        if pk is None
                        else Settlement.objects.select_for_update().get(pk=pk)
                    )
                    if seen_of(kept) != values["seen"]:
                        raise NotDecidable("changed-meanwhile")
                    return job.save(
                        kept, values, values["latitude"], values["longitude"], actor, values["note"]
                    )

            try:
                edit = retried(store)
            except NotDecidable as error:
                notices.error(request, messages.meaning(error.code))
                return redirect(request.get_full_path())
            if edit is None:
                notices.info(request, _("Nothing was changed."))
                return redirect("desk-settlements")
            notices.success(
                request, _("The settlement is kept. Events told by it are written anew.")
            )
            return redirect("desk-settlement", edit.settlement_id)
    else:
        form = SettlementForm(None, row)
        if pk is None:
            form.initial["name_en"] = request.GET.get("name", "")[:LONGEST_NAME]
    saved = Settlement.objects.filter(pk=pk).first() if pk is not None else None
    return render(
        request,
        "desk/settlement.html",
        {
            "form": form,
            "settlement": saved,
            "oblast": oblast_of(saved.country, saved.region_code) if saved else "",
            "edits": saved.edits.select_related("actor")[:50] if saved else (),
            "observations": saved.intensities.current().count() if saved else 0,
            "may_edit": may_edit(request),
            "map_config": map_config(),
            "map_words": map_words() | {"mapLabel": _("Place of the settlement")},
        },
        status=400 if form.errors else 200,
    )
