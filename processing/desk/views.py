"""Pages of the staff desk: what came in, what became of it, what waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, F
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from catalog.formats import FORMATS
from catalog.models import (
    EDITOR,
    OPERATOR,
    BulletinEntry,
    BulletinFile,
    BulletinProblem,
    CoverageSpan,
    EventRow,
    FeltReport,
    MergeDecision,
    PickAssociation,
    User,
)
from processing.desk import messages, uploads
from processing.desk.forms import DeclareForm, ReadingForm, UploadForm
from processing.desk.progress import count_lines, stage_list, state_of
from processing.jobs import ingestion, merge_queue, receiving, station_readings
from processing.jobs.receiving import Refused
from processing.models import ProcessingRun, WorkItem

PAGE = 50
#: Inferred stretches of days that a run's page shows.
SPANS_SHOWN = 12

View = Callable[..., HttpResponseBase]


def staff_only(view: View) -> View:
    """Let operators, editors and administrators in; others sign in or see why not."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User) or not request.user.has_role(OPERATOR, EDITOR):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return never_cache(login_required(guarded))


@staff_only
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """What came in lately, and what waits for a person."""
    return render(
        request,
        "desk/desk.html",
        {
            "runs": recent_runs()[:8],
            "parked": WorkItem.objects.filter(state=WorkItem.State.PARKED).order_by("-pk")[:20],
            "parked_count": WorkItem.objects.filter(state=WorkItem.State.PARKED).count(),
            "waiting_count": WorkItem.objects.filter(state=WorkItem.State.OPEN).count(),
            "problem_count": BulletinProblem.objects.filter(reading__is_current=True).count(),
            "review_count": len(merge_queue.waiting()),
            "proposal_count": PickAssociation.objects.filter(
                state=PickAssociation.State.PROPOSED, rank=1
            ).count(),
            "felt_count": FeltReport.objects.filter(verdict="").exclude(flags=[]).count(),
            "event_count": EventRow.objects.counted().count(),
        },
    )


def recent_runs() -> Any:
    return ProcessingRun.objects.select_related(
        "reading__file", "reading__agency", "actor"
    ).order_by("-pk")


@csrf_exempt
@staff_only
def upload(request: HttpRequest) -> HttpResponse:
    """Send bulletins: several at once, with or without a script."""
    # The size is refused before the body is read, or while it is: the CSRF check reads it first.
    try:
        if request.method == "POST":
            uploads.guard(request, settings.UPLOAD_MAX_FILES)
        return _upload(request)
    except Refused as refused:
        return _upload_page(request, UploadForm(), refused=refused, status=413)


@csrf_protect
def _upload(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _upload_page(request, UploadForm())
    form = UploadForm(request.POST)
    files = request.FILES.getlist("files")
    if not form.is_valid():
        return _upload_page(request, form, status=400)
    if not files:
        return _upload_page(request, form, refused=Refused("no-file"), status=400)
    if len(files) > settings.UPLOAD_MAX_FILES:
        many = Refused("too-many-files", expected=f"<= {settings.UPLOAD_MAX_FILES}")
        return _upload_page(request, form, refused=many, status=400)
    sets = uploads.sets_of([file.name or "" for file in files])
    outcomes = [_take(request, form, [files[n] for n in places]) for places in sets]
    if len(outcomes) == 1 and outcomes[0]["run"] is not None:
        if outcomes[0]["duplicate"]:
            notices.info(request, _("These bytes were received before; this is their run."))
        return redirect("run", outcomes[0]["run"].pk)
    return _upload_page(request, form, outcomes=outcomes)


def _take(request: HttpRequest, form: UploadForm, files: list[Any]) -> dict[str, Any]:
    """Take one file, or several that are one bulletin; say what became of them."""
    values = form.cleaned_data
    name = ", ".join(file.name or "" for file in files)
    outcome: dict[str, Any] = {"name": name, "run": None, "duplicate": False, "message": ""}
    if not isinstance(request.user, User):
        raise PermissionDenied
    try:
        taken = uploads.take(
            *uploads.packed(files),
            request.user,
            agency=values["agency"].code if values["agency"] else "",
            format=values["format"],
            kind=values["kind"],
            time_zone=values["time_zone"],
            accept_readings=values["accept_readings"],
            dry_run=values["dry_run"],
            final_from=str(values["final_from"] or ""),
            final_to=str(values["final_to"] or ""),
        )
    except Refused as refused:
        outcome["message"] = messages.sentence(refused.code, refused.values)
        return outcome
    outcome.update(
        run=taken.run,
        duplicate=taken.duplicate,
        agency=taken.agency,
        format=messages.format_name(taken.format),
    )
    return outcome


def _upload_page(
    request: HttpRequest,
    form: UploadForm,
    *,
    outcomes: list[dict[str, Any]] | None = None,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    return render(
        request,
        "desk/upload.html",
        {
            "form": form,
            "outcomes": outcomes,
            "refused": messages.sentence(refused.code, refused.values) if refused else "",
            "formats": FORMATS,
            "max_files": settings.UPLOAD_MAX_FILES,
            "max_megabytes": settings.UPLOAD_MAX_BYTES // (1024 * 1024),
            "config": {
                "upload": reverse("api-upload"),
                "recognise": reverse("recognise"),
                "maxBytes": settings.UPLOAD_MAX_BYTES,
                "maxFiles": settings.UPLOAD_MAX_FILES,
                "headBytes": receiving.HEAD_BYTES,
                "cssTables": uploads.CSS_TABLES,
                "tooLarge": messages.sentence(
                    "file-too-large", {"limit": settings.UPLOAD_MAX_BYTES}
                ),
                "tooMany": messages.sentence("too-many-files"),
                "words": {
                    "unknownFormat": _("format not recognised"),
                    "unknownAgency": _("agency not recognised: choose it above"),
                    "waiting": _("ready to send"),
                    "sending": _("sending"),
                    "sent": _("received"),
                    "duplicate": _("received before"),
                    "watch": _("Watch its run"),
                    "together": _("sent together as one bulletin: %(names)s"),
                    "remove": _("Remove"),
                    "failed": _("The server did not answer. Try again."),
                },
            },
        },
        status=status,
    )


@staff_only
@require_POST
def recognise(request: HttpRequest) -> HttpResponse:
    """Say what the first bytes of a file are, before it is sent."""
    head = request.read(receiving.HEAD_BYTES)
    name = unquote(request.headers.get("X-File-Name", ""))[:255]
    found = ingestion.recognise(head, name)
    return JsonResponse(
        {
            "format": found.format,
            "format_name": messages.format_name(found.format) if found.format else "",
            "agency": found.agency,
        }
    )


@staff_only
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    found = recent_runs()
    kind = request.GET.get("kind", "")
    status = request.GET.get("status", "")
    if kind in ProcessingRun.Kind.values:
        found = found.filter(kind=kind)
    if status in ProcessingRun.Status.values:
        found = found.filter(status=status)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "desk/runs.html",
        {
            "page": page,
            "kinds": ProcessingRun.Kind.choices,
            "statuses": ProcessingRun.Status.choices,
            "kind": kind,
            "status": status,
        },
    )


@staff_only
@require_safe
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: how far it is, what it brought, what it could not use."""
    run = get_object_or_404(recent_runs(), pk=pk)
    reading = run.reading
    answer = run.parameters.get("answer") or {}
    context: dict[str, Any] = {
        "run": run,
        "state": state_of(run),
        "stages": stage_list(run),
        "counts": count_lines(run),
        "reason": messages.sentence(run.reason_code, run.reason) if run.reason_code else "",
        "parked": run.items.filter(state=WorkItem.State.PARKED)[:20],
        "words": {
            "lost": _("No answer from the server; trying again."),
            "slow": _(
                "Still waiting for a worker. Nothing is lost; it starts as soon as one is free."
            ),
        },
        "config": {"url": reverse("api-run", args=[run.pk]), "over": run.is_over},
        "file_name": run.parameters.get("name", ""),
        "hints": run.parameters.get("hints") or [],
    }
    if reading is not None:
        problems = reading.problems.order_by(F("line_number").asc(nulls_first=True), "pk")
        entries = (
            BulletinEntry.objects.filter(reading=reading)
            .select_related("report__event__row")
            .annotate(problem_count=Count("problems"))
            .order_by("ordinal")
        )
        shown = Paginator(problems, PAGE).get_page(request.GET.get("problems"))
        context |= {
            "problems": [described(p) for p in shown],
            "problem_page": shown,
            "entry_page": Paginator(entries, PAGE).get_page(request.GET.get("entries")),
            "form": reading_form(run),
            "readings": reading.file.readings.select_related("agency").order_by("-number"),
            "loose": station_readings.counts_of(reading),
            **_coverage_of(run),
        }
    elif run.kind == run.Kind.DRY_RUN:
        context |= {
            "problems": [
                {
                    **p,
                    "meaning": messages.meaning(p["code"]),
                    "expected": messages.expected(p["expected"]),
                }
                for p in answer.get("problems", ())
            ],
            "foretold": [
                {**entry, "words": fate_words(entry)} for entry in answer.get("entries", ())
            ],
            "withdrawn": answer.get("withdrawn", 0),
            "form": reading_form(run),
        }
    return render(request, "desk/run.html", context)


def _coverage_of(run: ProcessingRun) -> dict[str, Any]:
    """Return which days a run's bulletin covers, and the form that says so."""
    reading = run.reading
    if reading is None or not reading.is_current or not run.is_over:
        return {}
    spans = CoverageSpan.objects.filter(file=reading.file, agency=reading.agency)
    inferred = list(
        CoverageSpan.objects.filter(reading=reading).order_by("first_day")[: SPANS_SHOWN + 1]
    )
    standing = set(spans.standing().values_list("pk", flat=True))
    declared = spans.filter(basis=CoverageSpan.Basis.DECLARED).select_related(
        "file", "said_by", "withdrawn_by"
    )
    context: dict[str, Any] = {
        "inferred": inferred[:SPANS_SHOWN],
        "more_inferred": len(inferred) > SPANS_SHOWN,
        "declared": [(span, span.pk in standing) for span in declared],
    }
    if reading.evaluation_mode != "automatic":
        days = {}
        if inferred:
            days = {"first_day": inferred[0].first_day, "last_day": inferred[-1].last_day}
        context["coverage_form"] = DeclareForm(
            agency=reading.agency, file=reading.file, initial={"file": reading.file, **days}
        )
    return context


def reading_form(run: ProcessingRun) -> ReadingForm:
    """Return the form that reads a run's file again, filled with how it was read."""
    asked = ingestion.asked_of(run)
    if asked is None:
        return ReadingForm()
    return ReadingForm(
        initial={
            "agency": asked.agency.code,
            "format": asked.format,
            "kind": asked.evaluation_mode,
            "time_zone": asked.options.get("time_zone", "UTC"),
            "accept_readings": asked.options.get(station_readings.ACCEPT_OPTION),
        }
    )


def described(problem: BulletinProblem) -> dict[str, Any]:
    return {
        "line": problem.line_number,
        "code": problem.code,
        "field": problem.field,
        "found": problem.found,
        "expected": messages.expected(problem.expected),
        "severity": problem.severity,
        "meaning": messages.meaning(problem.code),
        "entry": problem.entry_id,
    }


def fate_words(entry: dict[str, Any]) -> str:
    """Say what an entry would become."""
    if entry["unchanged"]:
        return _("unchanged")
    kinds = dict(MergeDecision.Kind.choices)
    words = [str(kinds[kind]) for kind in entry["decisions"] if kind in kinds]
    return ", ".join(dict.fromkeys(words)) or _("no event of its own")


@staff_only
@require_POST
def read_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the run's file again under another agency, format or kind; or in earnest."""
    run = get_object_or_404(recent_runs(), pk=pk)
    form = ReadingForm(request.POST)
    file_id = run.reading.file_id if run.reading else run.parameters.get("file")
    file = BulletinFile.objects.filter(pk=file_id).first()
    if file is None or not isinstance(request.user, User):
        notices.error(request, messages.sentence("file-missing"))
        return redirect("run", run.pk)
    if not form.is_valid() or not form.cleaned_data["agency"] or not form.cleaned_data["format"]:
        notices.error(request, _("Choose an agency and a format."))
        return redirect("run", run.pk)
    values = form.cleaned_data
    try:
        code, options = ingestion.said_of(values["format"], values["time_zone"] or "UTC")
    except Refused as refused:
        notices.error(request, messages.sentence(refused.code, refused.values))
        return redirect("run", run.pk)
    new = ingestion.request_reading(
        file,
        agency=values["agency"],
        format=code,
        requested_by=request.user,
        evaluation_mode=values["kind"],
        options=options,
        accept_readings=values["accept_readings"],
    )
    if new.pk == run.pk:
        notices.info(request, _("The file is read in just this way already."))
    return redirect("run", new.pk)


@staff_only
@require_POST
def follow_hint(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a run's file again as a hint of it suggests."""
    run = get_object_or_404(recent_runs(), pk=pk)
    said = request.POST.get("hint", "")
    hint = next((h for h in run.parameters.get("hints") or () if h["kind"] == said), None)
    asked = ingestion.asked_of(run)
    if hint is None or asked is None or not isinstance(request.user, User):
        notices.error(request, messages.sentence("file-missing"))
        return redirect("run", run.pk)
    options, edition_of = ingestion.read_options(asked.options), asked.edition_of
    if said == "edition":
        edition_of = BulletinFile.objects.filter(pk=hint["file"]).first()
    elif said == "time-zone":
        options = replace(options, time_zone=hint["zone"])
    new = ingestion.request_reading(
        asked.file,
        agency=asked.agency,
        format=asked.format,
        requested_by=request.user,
        evaluation_mode=asked.evaluation_mode,
        options=options,
        edition_of=edition_of,
        accept_readings=bool(asked.options.get(station_readings.ACCEPT_OPTION)),
        dry_run=run.reading is None,
    )
    return redirect("run", new.pk)
