"""The list of reversed stations: whose first motions come out upside down, when, says who.

A reversal that was wrong is withdrawn and stays to be seen. Mechanisms that rest on the station's
polarities of that time are computed anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import Station, StationPolarityReversal, User
from processing.desk import messages
from processing.desk.readings import may_decide
from processing.desk.views import staff_only
from processing.jobs import mechanism_decisions, mechanisms
from processing.jobs.station_readings import NotDecidable
from processing.transactions import retried, writing

#: Reversals that the page lists.
MOST = 500


class ReversalForm(forms.Form):
    """One reversal: a station, from when until when, and where that is known from."""

    station = forms.CharField(
        label=gettext_lazy("Station"),
        max_length=20,
        help_text=gettext_lazy("Its code; with the network where two have it, as in KZ.AAA."),
    )
    start = forms.DateField(
        label=gettext_lazy("From, UTC"), widget=forms.DateInput(attrs={"type": "date"})
    )
    end = forms.DateField(
        label=gettext_lazy("Until, UTC"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("The first day it is right again; empty: it still is reversed."),
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=300,
        help_text=gettext_lazy("A visit, a letter, a comparison with other stations."),
    )

    def clean_station(self) -> Station:
        network, _dot, code = self.cleaned_data["station"].strip().upper().rpartition(".")
        found = Station.objects.filter(code=code)
        if network:
            found = found.filter(network__code=network)
        stations = list(found[:2])
        if not stations:
            raise forms.ValidationError(
                _("There is no station “%(code)s”.") % {"code": self.cleaned_data["station"]}
            )
        if len(stations) > 1:
            raise forms.ValidationError(
                _("Several stations have the code %(code)s: put the network before it.")
                % {"code": code}
            )
        return stations[0]


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def reversals(request: HttpRequest) -> HttpResponse:
    """The list, and the form to add one."""
    if request.method != "POST":
        return _page(request, ReversalForm(label_suffix=""))
    if not may_decide(request) or not isinstance(request.user, User):
        raise PermissionDenied
    actor = request.user
    form = ReversalForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _page(request, form, 400)
    told: dict[str, Any] = form.cleaned_data

    def store() -> StationPolarityReversal:
        with writing():
            return mechanism_decisions.record_reversal(
                told["station"],
                _midnight(told["start"]),
                _midnight(told["end"]) if told["end"] else None,
                told["source"],
                actor,
            )

    try:
        reversal = retried(store)
    except NotDecidable as error:
        form.add_error(None, messages.meaning(error.code))
        return _page(request, form, 400)
    _tell(request, reversal)
    return redirect("desk-reversals")


@staff_only
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraw one that was wrong."""
    if not may_decide(request) or not isinstance(request.user, User):
        raise PermissionDenied
    actor = request.user

    def store() -> StationPolarityReversal:
        with writing():
            return mechanism_decisions.withdraw_reversal(pk, actor)

    try:
        _tell(request, retried(store))
    except NotDecidable as error:
        notices.error(request, messages.meaning(error.code))
    return redirect("desk-reversals")


def _midnight(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _tell(request: HttpRequest, reversal: StationPolarityReversal) -> None:
    count = len(mechanisms.touched_by(reversal))
    notices.success(
        request, _("Stored. Events whose polarities it touches: %(count)s.") % {"count": count}
    )


def _page(request: HttpRequest, form: ReversalForm, status: int = 200) -> HttpResponse:
    rows = StationPolarityReversal.objects.select_related(
        "station__network", "recorded_by", "withdrawn_by"
    ).order_by("withdrawn_at", "station__code", "start")
    return render(
        request,
        "desk/reversals.html",
        {"form": form, "rows": rows[:MOST], "may_decide": may_decide(request)},
        status=status,
    )
