"""Declustering at the desk: an editor asks for the flags of a selection, and looks at them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from catalog.models import DeclusteringLabel, DeclusteringRun, EventRow, User
from processing.core.declustering import METHODS
from processing.desk.edition_pages import SearchField, parameter_problem, read_settings
from processing.desk.travel_times import may_edit
from processing.desk.views import staff_only
from processing.jobs import declustering as job

PAGE = 30
#: Clusters listed on a run's page, the largest first.
LISTED = 50


class RunForm(forms.Form):
    """Which events, by which method."""

    search = SearchField(
        label=gettext_lazy("Which events"),
        required=False,
        help_text=gettext_lazy("The address of the search page, or its words. Empty: all events."),
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Method"),
        choices=[(name, method.title) for name, method in METHODS.items()],
    )
    parameters = forms.CharField(
        label=gettext_lazy("Other parameters than the published ones"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "b=0.9, df=1.6", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if "method" in said:
            try:
                said["given"] = read_settings(said.get("parameters", ""))
                job.checked(said["method"], said["given"])
            except ValueError as wrong:
                self.add_error(
                    "parameters",
                    _("“%(found)s” is not understood. Expected: %(expected)s.")
                    % {"found": str(wrong)[:60], "expected": "name=1.5"},
                )
            except job.Refused as refused:
                self.add_error("parameters", parameter_problem(refused))
        return said


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def declusterings(request: HttpRequest) -> HttpResponse:
    """Ask for the flags of a selection; those made before."""
    form, status = RunForm(initial={"search": request.GET.get("search", "")[:50_000]}), 200
    if request.method == "POST":
        if not may_edit(request) or not isinstance(request.user, User):
            raise PermissionDenied
        form = RunForm(request.POST)
        if form.is_valid():
            said = form.cleaned_data
            run = job.request(said["search"], said["method"], said["given"], actor=request.user)
            return redirect("desk-declustering", run.pk)
        status = 400
    runs = DeclusteringRun.objects.select_related("edition", "asked_by").order_by("-pk")
    page = Paginator(runs, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "desk/declusterings.html",
        {
            "form": form,
            "page": page,
            "runs": [{"run": run, "title": title_of(run)} for run in page],
            "methods": METHODS.values(),
            "may_edit": may_edit(request),
        },
        status=status,
    )


def title_of(run: DeclusteringRun) -> str:
    method = METHODS.get(run.method)
    return method.title if method is not None else run.method


@staff_only
@require_safe
def declustering_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: its counts, and its largest clusters with their mainshocks."""
    run = get_object_or_404(DeclusteringRun.objects.select_related("edition", "asked_by"), pk=pk)
    clusters = list(
        run.labels.filter(cluster__gt=0)
        .values("cluster")
        .annotate(events=Count("pk"))
        .order_by("-events", "cluster")[:LISTED]
    )
    mains = {
        label.cluster: label.event_id
        for label in run.labels.filter(
            role=DeclusteringLabel.Role.MAINSHOCK, cluster__in=[c["cluster"] for c in clusters]
        )
    }
    rows = EventRow.objects.defer("fdsn_text", "csv_line").in_bulk(mains.values())
    method = METHODS.get(run.method)
    return render(
        request,
        "desk/declustering.html",
        {
            "run": run,
            "title": title_of(run),
            "source": method.source if method else "",
            "problem": _problem(run),
            "clusters": [
                {**cluster, "row": rows.get(mains.get(cluster["cluster"], 0))}
                for cluster in clusters
            ],
            "listed": LISTED,
        },
    )


def _problem(run: DeclusteringRun) -> str:
    sentences = {
        "too-many": _("More than %(most)s events: ask for a shorter span of time."),
        "work-parked": _("The work failed several times. The staff can see why at the desk."),
    }
    return str(sentences.get(run.problem_code, run.problem_code) % run.problem)


@staff_only
@require_safe
def declustering_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The flags of a run as a table."""
    run = get_object_or_404(DeclusteringRun, pk=pk, status=DeclusteringRun.Status.DONE)
    labels = (
        run.labels.order_by("pk")
        .values_list("event__public_id", "role", "cluster")
        .iterator(chunk_size=5000)
    )

    def lines() -> Iterator[str]:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("event_id", f"role ({run})", f"cluster ({run})"))
        for public_id, role, cluster in labels:
            writer.writerow((public_id, role, cluster or ""))
            if out.tell() > 1 << 16:
                yield out.getvalue()
                out.seek(0)
                out.truncate()
        yield out.getvalue()

    return StreamingHttpResponse(
        lines(),
        content_type="text/csv; charset=utf-8; header=present",
        headers={
            "Content-Disposition": f'attachment; filename="{run.method}-{run.pk}.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )
