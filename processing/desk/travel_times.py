"""Travel times: the models built in, and agencies' own tables, which editors put in use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import EDITOR, Agency, User
from processing.core.agency_tables import FIRST_OF, MOST_BYTES, AgencyTable
from processing.core.earth_models import MODELS, NONE_BEYOND_DEG, Fades
from processing.core.geodesy import KM_PER_DEGREE
from processing.desk import messages, travel_time_plot, uploads
from processing.desk.views import staff_only
from processing.jobs import receiving, travel_time_tables
from processing.jobs.travel_time_tables import Refused
from processing.models import TravelTimeTable

FAR_FOR_CRUSTAL_WAVES_KM = 200.0
"""Ours: where Pn is the first arrival from any depth in the crust."""

STATUS_WORDS = {
    "published": pgettext_lazy("earth model", "published"),
    "substitute": pgettext_lazy("earth model", "substitute"),
    "agency": pgettext_lazy("earth model", "agency's own"),
}


def may_edit(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(EDITOR)


class TableForm(forms.Form):
    """What an editor says of a table; the file comes beside it."""

    agency = forms.ModelChoiceField(
        label=gettext_lazy("Agency"), queryset=Agency.objects.none(), to_field_name="code"
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=40,
        help_text=gettext_lazy(
            "Letters a-z, digits, hyphens. The same name again is the table's next version."
        ),
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=100)
    provenance = forms.CharField(
        label=gettext_lazy("Provenance"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Who made it, when, from what data; where it was published."),
    )
    west = forms.FloatField(label=gettext_lazy("West"), required=False)
    south = forms.FloatField(label=gettext_lazy("South"), required=False)
    east = forms.FloatField(label=gettext_lazy("East"), required=False)
    north = forms.FloatField(label=gettext_lazy("North"), required=False)
    full_to_deg = forms.FloatField(label=gettext_lazy("Full to, degrees"), required=False)
    none_beyond_deg = forms.FloatField(label=gettext_lazy("None beyond, degrees"), required=False)
    full_to_km = forms.FloatField(label=gettext_lazy("Depth: full to, km"), required=False)
    none_beyond_km = forms.FloatField(label=gettext_lazy("Depth: none beyond, km"), required=False)

    BOUNDS = ("west", "south", "east", "north")
    FADES = Fades._fields

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        agencies = Agency.objects.filter(is_provisional=False, is_portal=False)
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]
        for name in (*self.BOUNDS, *self.FADES):
            self.fields[name].widget.attrs["step"] = "any"

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for names in (self.BOUNDS, self.FADES):
            given = [said.get(name) is not None for name in names]
            if any(given) and not all(given) and not any(name in self.errors for name in names):
                self.add_error(names[given.index(False)], _("Give all four, or none."))
        return said

    def four(self, names: tuple[str, ...]) -> tuple[float, float, float, float] | None:
        """Return four values that were given together."""
        values = [self.cleaned_data.get(name) for name in names]
        if any(value is None for value in values):
            return None
        first, second, third, fourth = (float(value or 0.0) for value in values)
        return first, second, third, fourth


@staff_only
@require_safe
def travel_times(request: HttpRequest) -> HttpResponse:
    """The built-in models and the uploaded tables."""
    models = [
        {
            "model": model,
            "status": STATUS_WORDS[model.status],
            "bounds": None
            if model.region is None
            else {
                "west": min(x for x, _y in model.region),
                "south": min(y for _x, y in model.region),
                "east": max(x for x, _y in model.region),
                "north": max(y for _x, y in model.region),
            },
        }
        for model in MODELS.values()
    ]
    tables = (
        TravelTimeTable.objects.defer("content")
        .select_related("agency", "uploaded_by")
        .order_by("name", "-version")
    )
    return render(
        request,
        "desk/travel_times.html",
        {
            "models": models,
            "tables": [{"table": table, "bounds": bounds_of(table)} for table in tables],
            "may_edit": may_edit(request),
        },
    )


def bounds_of(table: TravelTimeTable) -> dict[str, float] | None:
    if table.region is None:
        return None
    return dict(zip(("west", "south", "east", "north"), table.region.extent, strict=True))


@csrf_exempt
@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def new_table(request: HttpRequest) -> HttpResponse:
    """Upload a table; a bad one shows its problems and is not kept."""
    if not may_edit(request):
        raise PermissionDenied
    # The size is refused before the body is read, or while it is: the CSRF check reads it first.
    try:
        if request.method == "POST":
            uploads.guard(request, limit=MOST_BYTES)
        return _new_table(request)
    except receiving.Refused as refused:
        said = messages.sentence(refused.code, refused.values)
        return _form_page(request, TableForm(), said, status=413)


@csrf_protect
def _new_table(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _form_page(request, TableForm(initial={"name": request.GET.get("name", "")[:40]}))
    form = TableForm(request.POST)
    chosen = request.FILES.get("file")
    if not form.is_valid():
        return _form_page(request, form, status=400)
    if chosen is None:
        return _form_page(request, form, messages.sentence("no-file"), status=400)
    said, fades = form.cleaned_data, form.four(form.FADES)
    try:
        table = travel_time_tables.store(
            chosen.read(MOST_BYTES + 1),
            name=said["name"].strip(),
            agency=said["agency"],
            title=said["title"],
            provenance=said["provenance"],
            region=form.four(form.BOUNDS),
            fades=None if fades is None else Fades(*fades),
            uploaded_by=request.user if isinstance(request.user, User) else None,
        )
    except Refused as refused:
        return _form_page(
            request,
            form,
            messages.sentence(refused.code, refused.values),
            [messages.table_problem(problem) for problem in refused.problems],
            status=400,
        )
    notices.success(request, _("Stored as a draft. Look at it, then put it in use."))
    return redirect("travel-time-table", table.pk)


def _form_page(
    request: HttpRequest,
    form: TableForm,
    refused: str = "",
    problems: list[dict[str, Any]] | None = None,
    status: int = 200,
) -> HttpResponse:
    return render(
        request,
        "desk/travel_time_form.html",
        {
            "form": form,
            "bounds": [form[name] for name in form.BOUNDS],
            "fades": [form[name] for name in form.FADES],
            "has_fades": any(form[name].value() or form[name].errors for name in form.FADES),
            "refused": refused,
            "problems": problems,
            "max_megabytes": MOST_BYTES // 1_000_000,
        },
        status=status,
    )


@staff_only
@require_safe
def table_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One table: what it says, how it looks, where it stands."""
    table = get_object_or_404(
        TravelTimeTable.objects.select_related("agency", "uploaded_by", "status_changed_by"), pk=pk
    )
    read = travel_time_tables.read_of(table)
    model = travel_time_tables.model_of(table)
    return render(
        request,
        "desk/travel_time_table.html",
        {
            "table": table,
            "bounds": bounds_of(table),
            "distance_to_km": table.distance_to_deg * KM_PER_DEGREE,
            "distance_from_km": table.distance_from_deg * KM_PER_DEGREE,
            "fades": model.fades,
            "model": model,
            "told_by_table": all(read.surface_velocities()),
            "remarks": remarks(table, read),
            "plots": travel_time_plot.plots(read, model.fades),
            "compared_with": travel_time_plot.COMPARED_WITH,
            "width": str(travel_time_plot.WIDTH),
            "height": str(travel_time_plot.HEIGHT),
            "versions": TravelTimeTable.objects.filter(name=table.name)
            .exclude(pk=table.pk)
            .defer("content")
            .order_by("-version"),
            "may_edit": may_edit(request),
        },
    )


def remarks(table: TravelTimeTable, read: AgencyTable) -> list[str]:
    """Say what somebody who puts the table in use should know of it."""
    said = []
    if table.depth_from_km > 0.0:
        said.append(
            _("The table begins at a depth of %(km)s km: shallower sources get the global times.")
            % {"km": f"{table.depth_from_km:g}"}
        )
    if table.distance_from_deg > 0.0:
        said.append(
            _("The table begins at a distance of %(km)s km: nearer, the global times are used.")
            % {"km": f"{table.distance_from_deg * KM_PER_DEGREE:.0f}"}
        )
    if table.distance_to_deg < NONE_BEYOND_DEG:
        said.append(
            _("The table ends at %(km)s km, before other regional models fade out.")
            % {"km": f"{table.distance_to_deg * KM_PER_DEGREE:.0f}"}
        )
    far = table.distance_to_deg * KM_PER_DEGREE > FAR_FOR_CRUSTAL_WAVES_KM
    for wave in FIRST_OF:
        if far and f"{wave}g" in table.phases and not {wave, f"{wave}n"} & set(table.phases):
            said.append(
                _("It has %(g)s but no %(n)s: far away a first arrival %(wave)s comes out late.")
                % {"g": f"{wave}g", "n": f"{wave}n", "wave": wave}
            )
        if not {wave, *FIRST_OF[wave]} & set(read.hodographs):
            said.append(_("It has no %(wave)s: the global times are used.") % {"wave": wave})
    return said


@staff_only
@require_POST
def table_status(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a table in use, or withdraw it."""
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    table = get_object_or_404(TravelTimeTable.objects.defer("content"), pk=pk)
    try:
        if request.POST.get("do") == "use":
            travel_time_tables.put_in_use(table, request.user)
            notices.success(
                request, _("In use. Events are located with it when they are next computed.")
            )
        elif request.POST.get("do") == "withdraw":
            travel_time_tables.withdraw(table, request.user)
            notices.success(
                request, _("Withdrawn. Events are located without it when they are next computed.")
            )
    except Refused as refused:
        notices.error(request, messages.sentence(refused.code, refused.values))
    return redirect("travel-time-table", table.pk)


@staff_only
@require_safe
def table_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The file as it was received."""
    table = get_object_or_404(TravelTimeTable, pk=pk)
    return HttpResponse(
        table.content.encode(),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{table.name}-{table.version}.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )
