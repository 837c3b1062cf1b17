"""Calibrations and conversions at the desk: operators look and try, editors keep and accept."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import ModuleType
from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import Agency, ConversionRelation, User
from catalog.scales import CONVERTED, SCALES
from processing.core.magnitude_scales import BY_ID
from processing.desk import magnitude_plots
from processing.desk.travel_times import may_edit
from processing.desk.views import staff_only
from processing.jobs import calibrations, conversions
from processing.models import MagnitudeCalibration
from processing.transactions import retried

#: Versions and relations listed, the newest first.
LISTED = 200


class SpanForm(forms.Form):
    """Whose values, and of which days; to both forms."""

    agency = forms.ModelChoiceField(
        label=gettext_lazy("Agency"),
        queryset=Agency.objects.none(),
        to_field_name="code",
        required=False,
        empty_label=gettext_lazy("all"),
    )
    start = forms.DateField(
        label=gettext_lazy("From (UTC day)"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    end = forms.DateField(
        label=gettext_lazy("To, included"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    synthetic = forms.BooleanField(
        label=gettext_lazy("Made-up events, and only these"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        agencies = Agency.objects.filter(is_portal=False).order_by("code")
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        start, end = said.get("start"), said.get("end")
        if start and end and end < start:
            self.add_error("end", _("The last day is before the first."))
        return said

    def span(self) -> dict[str, Any]:
        """Return what was said, as a choice takes it."""
        said = self.cleaned_data
        start, end = said["start"], said["end"]
        try:
            after = None if end is None else end + timedelta(days=1)
        except OverflowError:  # the last day there is
            after = None
        return {
            "agency": said["agency"],
            "start": start and datetime.combine(start, time(), UTC),
            "end": after and datetime.combine(after, time(), UTC),
            "synthetic": said["synthetic"],
        }


class CalibrationForm(SpanForm):
    """What a calibration is fitted to."""

    scale = forms.ChoiceField(label=gettext_lazy("Scale"))
    field_order = ("scale", "agency", "start", "end", "synthetic")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scale"].choices = [  # type: ignore[attr-defined]
            (scale.id, f"{scale.type}: {KIND_WORDS[calibrations.Choice(scale).kind]}")
            for scale in calibrations.fitted_scales()
        ]


KIND_WORDS = dict(MagnitudeCalibration.Kind.choices)


class LineForm(SpanForm):
    """Which two scales a line is drawn between."""

    x = forms.ChoiceField(label=gettext_lazy("From scale"), choices=[(s, s) for s in SCALES])
    y = forms.ChoiceField(
        label=gettext_lazy("To scale"), choices=[(s, s) for s in SCALES], initial="MPVA"
    )
    error_ratio = forms.FloatField(
        label=gettext_lazy("Ratio of error variances"),
        initial=1.0,
        min_value=conversions.LEAST_RATIO,
        max_value=conversions.LARGEST_RATIO,
        widget=forms.NumberInput({"step": "any"}),
        help_text=gettext_lazy(
            "Of the second scale's errors to the first's: 1 where both are as good, 0.31 for a"
            " magnitude against an energy class that is 1.8 times as coarse."
        ),
    )
    field_order = ("x", "y", "error_ratio", "agency", "start", "end", "synthetic")

    def choice(self) -> conversions.Choice:
        """Return what was said, or refuse."""
        said = self.cleaned_data
        return conversions.Choice(
            said["x"],
            said["y"],
            error_ratio=said["error_ratio"],
            most_pairs=conversions.MOST_ON_A_PAGE,
            **self.span(),
        )


# --- The list -------------------------------------------------------------------------------------


@staff_only
@require_safe
def magnitudes(request: HttpRequest) -> HttpResponse:
    """Which scales have a calibration, all versions, all relations; the forms."""
    return _list_page(request, CalibrationForm())


def _list_page(
    request: HttpRequest, form: CalibrationForm, refused: str = "", status: int = 200
) -> HttpResponse:
    rows = MagnitudeCalibration.objects.select_related("agency", "created_by").defer("residuals")
    listed = list(rows.order_by("-pk")[:LISTED])
    accepted = rows.filter(status=MagnitudeCalibration.Status.ACCEPTED)
    in_force = {row.scale: row for row in accepted.order_by("-synthetic", "status_changed_at")}
    return render(
        request,
        "desk/magnitudes.html",
        {
            "form": form,
            "refused": refused,
            "scales": [
                {"scale": scale, "kind": KIND_WORDS[calibrations.Choice(scale).kind],
                 "in_force": in_force.get(scale.id)}
                for scale in calibrations.fitted_scales()
            ],
            "calibrations": listed,
            "relations": ConversionRelation.objects.defer("pairs").order_by(
                "from_scale", "to_scale", "-pk"
            )[:LISTED],
            "may_edit": may_edit(request),
        },
        status=status,
    )  # fmt: skip


# --- Calibrations ---------------------------------------------------------------------------------


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def fit(request: HttpRequest) -> HttpResponse:
    """Fit a calibration and keep it as a proposed version."""
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    if request.method != "POST":
        return redirect("desk-magnitudes")
    form = CalibrationForm(request.POST)
    if not form.is_valid():
        return _list_page(request, form, status=400)
    try:
        choice = calibrations.Choice(
            calibrations.scale_of(form.cleaned_data["scale"]),
            most_readings=calibrations.MOST_ON_A_PAGE,
            **form.span(),
        )
        row = calibrations.make(choice, actor=request.user)
    except calibrations.Refused as refused:
        return _list_page(request, form, str(refused), status=400)
    notices.success(request, _("Fitted and kept as proposed. Look at it, then accept it."))
    return redirect("desk-calibration", row.pk)


@staff_only
@require_safe
def calibration_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: its curve, its residuals, its stations, where it stands."""
    row = get_object_or_404(
        MagnitudeCalibration.objects.select_related("agency", "created_by", "status_changed_by"),
        pk=pk,
    )
    return render(
        request,
        "desk/calibration.html",
        {
            "row": row,
            "scale": BY_ID.get(row.scale),
            "curve": magnitude_plots.curve(row),
            "residuals": magnitude_plots.residuals(row),
            "knots": list(zip(row.knots_km, row.sigma, row.sigma_errors, strict=True)),
            "terms": [(name, *told) for name, told in sorted(row.station_terms.items())],
            "others": MagnitudeCalibration.objects.filter(scale=row.scale)
            .exclude(pk=row.pk)
            .defer("residuals")
            .order_by("-pk")[:20],
            "may_edit": may_edit(request),
        },
    )


@staff_only
@require_POST
def calibration_do(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept a version, or withdraw it."""
    accepted = _("Accepted. The events it says something of are computed anew.")
    _decide(request, MagnitudeCalibration.objects.defer("residuals"), pk, calibrations, accepted)
    return redirect("desk-calibration", pk)


def _decide(
    request: HttpRequest, rows: QuerySet[Any], pk: int, job: ModuleType, accepted: str
) -> None:
    """Do what an editor asked for, accept or withdraw, and say what became of it."""
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    row = get_object_or_404(rows, pk=pk)
    user, note = request.user, request.POST.get("note", "").replace("\x00", "")
    try:
        match request.POST.get("do"):
            case "accept":
                retried(lambda: job.accept(row, user, note))
                notices.success(request, accepted)
            case "withdraw":
                retried(lambda: job.withdraw(row, user, note))
                notices.success(request, _("Withdrawn."))
    except job.Refused as refused:
        notices.error(request, str(refused))


# --- Relations ------------------------------------------------------------------------------------


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def regression(request: HttpRequest) -> HttpResponse:
    """The line between two scales of the catalogue; an editor keeps it as a relation."""
    asks = request.method == "POST" or "x" in request.GET
    if request.method == "POST" and not (may_edit(request) and isinstance(request.user, User)):
        raise PermissionDenied
    form = LineForm((request.POST if request.method == "POST" else request.GET) if asks else None)
    told: dict[str, Any] = {"form": form, "may_edit": may_edit(request)}
    status = 200
    if asks and form.is_valid():
        try:
            choice = form.choice()
            found, pairs = conversions.fit(choice)
            if request.method == "POST" and isinstance(request.user, User):
                row = conversions.store(choice, found, pairs, request.user)
                notices.success(request, _("Kept as proposed. Look at it, then accept it."))
                return redirect("desk-relation", row.pk)
            lines = (
                ("main", found.orthogonal),
                ("ols", found.ols),
                ("ols-inverse", found.ols_inverse),
            )
            told |= {
                "choice": choice,
                "found": found,
                "lines": lines,
                "plot": magnitude_plots.scatter(
                    conversions.kept(pairs), [(n, ln.slope, ln.intercept) for n, ln in lines]
                ),
            }
        except conversions.Refused as refused:
            told["refused"] = str(refused)
            told["is_empty"] = refused.code == "no-pairs"
    elif asks:
        status = 400
    return render(request, "desk/regression.html", told, status=status)


@staff_only
@require_safe
def relation_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One relation: what it says, from what, where it stands."""
    row = get_object_or_404(
        ConversionRelation.objects.select_related("created_by", "status_changed_by"), pk=pk
    )
    return render(
        request,
        "desk/relation.html",
        {
            "row": row,
            "plot": magnitude_plots.relation(row),
            "is_built_in": row.relation_id == CONVERTED,
            "others": ConversionRelation.objects.filter(
                Q(from_scale=row.from_scale, to_scale=row.to_scale)
                | Q(from_scale=row.to_scale, to_scale=row.from_scale)
            )
            .exclude(pk=row.pk)
            .defer("pairs")[:20],
            "may_edit": may_edit(request),
        },
    )


@staff_only
@require_POST
def relation_do(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept a relation, or withdraw it."""
    accepted = _("Accepted. Values are converted by it where a native one lacks.")
    _decide(request, ConversionRelation.objects.defer("pairs"), pk, conversions, accepted)
    return redirect("desk-relation", pk)
