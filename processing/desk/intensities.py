"""Experts' intensities and consequences at the desk: by form, and as a table with a dry run."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from catalog.formats import intensity, macroseismic_quakeml
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.tables import text_cell
from catalog.ledger import Telling, with_names
from catalog.models import (
    EDITOR,
    Agency,
    BulletinFile,
    Consequence,
    Event,
    IntensityObservation,
    MergeDecision,
    User,
)
from catalog.settlements import oblast_of
from processing.desk import messages, uploads
from processing.desk.deciding import done
from processing.desk.views import staff_only
from processing.jobs import macroseismic_points as job
from processing.jobs import receiving
from processing.jobs.ingestion import problem_values
from processing.jobs.receiving import Refused

#: Bytes of a table of data points: it is read while its sender waits.
MOST_BYTES = 2 * 1024 * 1024
#: Rows in doubt that are chosen for at once: Django takes 1,000 fields of a form.
MOST_CHOICES = 300
#: Of a file, to tell what it is.
HEAD_BYTES = 4096

SCALES = intensity.SCALES

#: Status of a row -> its words.
STATUS = {
    "ready": gettext_lazy("ready"),
    "choose": gettext_lazy("needs a choice"),
    "refused": gettext_lazy("refused"),
    "stored": gettext_lazy("stored"),
}
#: Columns of the table of problems, in English as all words of formats are.
PROBLEM_COLUMNS = ("line", "status", "place", "intensity", "code", "field", "found", "expected")


def may_edit(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(EDITOR)


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _editor(request: HttpRequest) -> User:
    if not may_edit(request):
        raise PermissionDenied
    return _person(request)


def described(problem: Problem) -> dict[str, Any]:
    """Return a problem as ``_problems.html`` shows it."""
    return {
        **problem_values(problem),
        "code": problem.code,
        "expected": messages.expected(problem.expected),
        "severity": problem.severity.value,
        "meaning": messages.meaning(problem.code),
    }


def agencies() -> Any:
    return Agency.objects.filter(is_provisional=False, is_portal=False)


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


# --- One event ------------------------------------------------------------------------------------


class PointForm(forms.Form):
    """One data point; the texts are read as those of a table are."""

    place = forms.CharField(
        label=gettext_lazy("Settlement or place"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("In any spelling or language; former names are known."),
    )
    intensity = forms.CharField(
        label=gettext_lazy("Intensity"),
        max_length=60,
        help_text=gettext_lazy("As the source has it: 4, 3-4, 2.5, III–IV, felt, not felt."),
    )
    scale = forms.ChoiceField(
        label=gettext_lazy("Scale"), choices=[(scale, scale) for scale in SCALES]
    )
    agency = forms.ModelChoiceField(
        label=gettext_lazy("Agency whose word it is"),
        queryset=Agency.objects.none(),
        to_field_name="code",
        required=False,
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=300,
        help_text=gettext_lazy("The publication, letter or survey, as it is to be cited."),
    )
    latitude = forms.CharField(label=gettext_lazy("Latitude, °"), max_length=20, required=False)
    longitude = forms.CharField(
        label=gettext_lazy("Longitude, °"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("Only where no settlement fits."),
    )
    effects = forms.CharField(
        label=gettext_lazy("What was seen and heard"),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    corrects = forms.IntegerField(widget=forms.HiddenInput, required=False)
    note = forms.CharField(
        label=gettext_lazy("Why it is corrected"), max_length=500, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        kwargs.setdefault("auto_id", "point-%s")
        super().__init__(*args, **kwargs)
        self.fields["agency"].queryset = agencies()  # type: ignore[attr-defined]


class ConsequenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the earthquake did, with number, source and date."""

    corrects = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Consequence
        fields = (
            "kind", "count", "approximate", "place", "date", "source", "note_en", "note_ru",
            "note_kk",
        )  # fmt: skip
        widgets = {
            "date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            **{f"note_{code}": forms.Textarea(attrs={"rows": 2}) for code in ("en", "ru", "kk")},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        kwargs.setdefault("auto_id", "consequence-%s")
        super().__init__(*args, **kwargs)
        self.fields["source"].required = True

    def harm(self) -> job.Harm:
        values = self.cleaned_data
        return job.Harm(
            values["kind"],
            values["count"],
            values["approximate"],
            values["place"],
            values["source"],
            values["date"],
            {code: values[f"note_{code}"] for code in ("en", "ru", "kk")},
        )


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def event_intensities(request: HttpRequest, public_id: str) -> HttpResponse:
    """Data points and consequences of one event; an editor enters, corrects and withdraws."""
    event = get_object_or_404(Event, public_id=public_id)
    if event.merged_into is not None:
        return redirect("desk-intensities", event.merged_into.public_id)
    if request.method != "POST":
        return _event_page(request, event, *_opened(request, event))
    actor = _editor(request)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:500]
    for name, withdraw in (
        ("withdraw", job.withdraw),
        ("withdraw-consequence", job.withdraw_consequence),
    ):
        if (asked := request.POST.get(name)) is None:
            continue
        key = _key(asked) or 0
        if not reason:
            notices.error(request, _("Say why it is withdrawn."))
        elif done(request, lambda act=withdraw, key=key: act(key, actor, reason)) is not None:  # type: ignore[misc]
            notices.success(request, _("It is withdrawn; the ledger keeps it."))
        return redirect("desk-intensities", public_id)
    if request.POST.get("do") == "consequence":
        return _consequence(request, event, actor)
    return _point(request, event, actor)


def _opened(request: HttpRequest, event: Event) -> tuple[PointForm, ConsequenceForm]:
    """Return the forms, filled where a row is to be corrected."""
    user = _person(request)
    initial: dict[str, Any] = {"agency": user.agency.code if user.agency else None}
    if key := _key(request.GET.get("correct", "")):
        row = IntensityObservation.objects.filter(
            pk=key, event=event, superseded_at=None, recorded_by__isnull=False
        ).first()
        if row is not None:
            initial = {
                "place": row.place,
                "intensity": written(row),
                "scale": row.scale,
                "agency": row.agency.code if row.agency else None,
                "source": row.source,
                "effects": row.effects,
                "latitude": row.point.y if row.point else "",
                "longitude": row.point.x if row.point else "",
                "corrects": row.pk,
            }
    harm = None
    if key := _key(request.GET.get("correct-consequence", "")):
        harm = Consequence.objects.filter(
            pk=key, event=event, superseded_at=None, entry=None, recorded_by__isnull=False
        ).first()
    form = ConsequenceForm(instance=harm, initial={"corrects": harm.pk} if harm else {})
    return PointForm(initial=initial), form


def written(row: IntensityObservation) -> str:
    """Return a stored intensity as it would be typed."""
    if row.minimum is None:
        return "" if row.felt is None else "felt" if row.felt else "not felt"
    same = row.maximum is None or row.maximum == row.minimum
    return f"{row.minimum:g}" if same else f"{row.minimum:g}-{row.maximum:g}"


def _point(request: HttpRequest, event: Event, actor: User) -> HttpResponse:
    form = PointForm(request.POST)
    if not form.is_valid() or not hasattr(event, "row"):
        return _event_page(request, event, form, ConsequenceForm(), status=400)
    values = form.cleaned_data
    texts = {name: values[name] for name in ("place", "intensity", "scale", "source", "effects")}
    texts |= {name: values[name] for name in ("latitude", "longitude")}
    row = intensity.row_of({**texts, "event": event.public_id})
    choice = job.Choice(settlement=_key(request.POST.get("settlement", "")))
    (outcome,) = job.examine([row], {row.line: choice})
    warned = [p for p in outcome.problems if p.severity is Severity.WARNING]
    sure = request.POST.get("do") == "sure"
    if outcome.status != "ready" or (warned and not sure):
        return _event_page(
            request, event, form, ConsequenceForm(), outcome=outcome,
            status=400 if outcome.status != "ready" else 200,
        )  # fmt: skip
    agency = values["agency"].code if values["agency"] else ""
    point = job.Entered(**{**outcome.entered.__dict__, "agency": agency})
    corrects = values["corrects"]

    def act() -> object:
        if corrects:
            return job.correct(corrects, point, actor, values["note"])
        return job.enter(event.pk, [point], actor)

    if done(request, act) is not None:
        notices.success(request, _("The intensity is stored; the event is computed anew."))
    return redirect("desk-intensities", event.public_id)


def _consequence(request: HttpRequest, event: Event, actor: User) -> HttpResponse:
    form = ConsequenceForm(request.POST)
    if not form.is_valid():
        return _event_page(request, event, PointForm(), form, status=400)
    harm, corrects = form.harm(), form.cleaned_data["corrects"]
    if done(request, lambda: job.record(event.pk, harm, actor, corrects=corrects)) is not None:
        notices.success(request, _("The consequence is written down."))
    return redirect("desk-intensities", event.public_id)


def _event_page(
    request: HttpRequest,
    event: Event,
    point: PointForm,
    consequence: ConsequenceForm,
    *,
    outcome: job.RowOutcome | None = None,
    status: int = 200,
) -> HttpResponse:
    rows = (
        event.intensityobservations.current()
        .select_related("settlement", "agency", "recorded_by")
        .order_by("place", "pk")
    )
    return render(
        request,
        "desk/event_intensities.html",
        {
            "event": event,
            "row": getattr(event, "row", None),
            "rows": rows,
            "consequences": event.consequences.filter(superseded_at=None)
            .select_related("recorded_by")
            .order_by("pk"),
            "history": _history(event),
            "form": point,
            "consequence_form": consequence,
            "outcome": _without_lines(_shown(outcome)) if outcome is not None else None,
            "may_edit": may_edit(request),
        },
        status=status,
    )


def _without_lines(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome whose problems name no line: a form has none."""
    return outcome | {"problems": [problem | {"line": None} for problem in outcome["problems"]]}


def _history(event: Event) -> list[dict[str, Any]]:
    kinds = (MergeDecision.Kind.INTENSITY, MergeDecision.Kind.CONSEQUENCE)
    found = MergeDecision.objects.filter(event=event, kind__in=kinds)
    rows = list(with_names(found).order_by("-pk")[:50])
    tell = Telling(rows)
    return [
        {
            "decided_at": row.decided_at,
            "sentence": tell.decision(row, html=True),
            "actor": row.actor,
            "note": row.note,
        }
        for row in rows
    ]


# --- A table --------------------------------------------------------------------------------------


@csrf_exempt
@staff_only
def tables(request: HttpRequest) -> HttpResponseBase:
    """Send a table of data points; the size is refused before the body is read."""
    try:
        if request.method == "POST":
            uploads.guard(request, 1, MOST_BYTES)
        return _tables(request)
    except Refused as refused:
        return _tables_page(request, messages.sentence(refused.code, refused.values), 413)


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def _tables(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _tables_page(request)
    sent = request.FILES.get("file")
    if sent is None:
        return _tables_page(request, messages.sentence("no-file"), 400)
    data = b"".join(sent.chunks())
    try:
        list(_rows(data))
    except FormatError as error:
        sentence = messages.sentence(error.problem.code, problem_values(error.problem))
        return _tables_page(request, sentence, 400)
    file, _new = receiving.receive(sent.name or "", [data], _person(request))
    return redirect("desk-intensity-table", file.pk)


def _rows(data: bytes) -> Iterator[intensity.PointRow | Problem]:
    """Read a table, or a document of QuakeML 2.0."""
    is_document = macroseismic_quakeml.is_one(data[:HEAD_BYTES])
    read = macroseismic_quakeml.read if is_document else intensity.read
    return read(io.BytesIO(data), Limits(max_bytes=MOST_BYTES))


def _tables_page(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    return render(
        request,
        "desk/intensity_tables.html",
        {
            "problem": problem,
            "headings": [(name, words) for name, words in intensity.HEADINGS.items()],
            "most_rows": intensity.MOST_ROWS,
            "most_megabytes": MOST_BYTES // (1024 * 1024),
        },
        status=status,
    )


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def table(request: HttpRequest, pk: int) -> HttpResponse:
    """What would become of each row of a table: the dry run; then it is stored."""
    file = get_object_or_404(BulletinFile, pk=pk)
    try:
        rows, of_file = _read(file)
    except FormatError as error:
        sentence = messages.sentence(error.problem.code, problem_values(error.problem))
        return _tables_page(request, sentence, 400)
    outcomes = job.examine(rows, _choices(request, rows), file.pk)
    if request.method == "POST" and request.POST.get("do") == "store":
        actor = _person(request)
        count = done(request, lambda: job.store_table(file, outcomes, actor))
        if count:
            notices.success(
                request,
                ngettext("%(n)s intensity stored.", "%(n)s intensities stored.", count)
                % {"n": count},
            )
        elif count == 0:
            notices.warning(request, _("No row was ready to be stored."))
        return redirect("desk-intensity-table", file.pk)
    asked = [outcome for outcome in outcomes if outcome.status == "choose"]
    chosen_for = {outcome.row.line for outcome in asked[:MOST_CHOICES]}
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in STATUS}
    return render(
        request,
        "desk/intensity_table.html",
        {
            "file": file,
            "outcomes": [
                _shown(outcome) | {"may_choose": outcome.row.line in chosen_for}
                for outcome in outcomes
            ],
            "more_doubts": len(asked) > MOST_CHOICES,
            "of_file": [described(problem) for problem in of_file],
            "counts": [(status, STATUS[status], counts[status]) for status in STATUS],
            "ready": counts["ready"],
            "doubtful": counts["choose"],
            "stored": job.lines_stored(file.pk),
        },
    )


def _read(file: BulletinFile) -> tuple[list[intensity.PointRow], list[Problem]]:
    if file.size > MOST_BYTES:
        raise FormatError(Problem(1, "file-too-large", "", str(file.size), f"<= {MOST_BYTES}"))
    data = b"".join(file.iter_bytes())
    rows: list[intensity.PointRow] = []
    problems: list[Problem] = []
    for item in _rows(data):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            rows.append(item)
    return rows, problems


def _choices(request: HttpRequest, rows: Iterable[intensity.PointRow]) -> dict[int, job.Choice]:
    """Return what the form says of rows in doubt."""
    said = request.POST
    chosen = {}
    for row in rows:
        choice = job.Choice(
            _key(said.get(f"settlement-{row.line}", "")),
            said.get(f"event-{row.line}", "").replace("\x00", "")[:40],
            said.get(f"name-{row.line}", "").replace("\x00", "").strip()[:200],
        )
        if choice != job.Choice():
            chosen[row.line] = choice
    return chosen


def _shown(outcome: job.RowOutcome) -> dict[str, Any]:
    """Return the outcome of a row as the page shows it."""
    place = outcome.settlement
    return {
        "row": outcome.row,
        "status": outcome.status,
        "words": STATUS[outcome.status],
        "event": outcome.event,
        "events": outcome.events if outcome.event is None or outcome.choice.event else (),
        "settlement": place,
        "oblast": oblast_of(place.country, place.region_code) if place else "",
        "matched": outcome.matched,
        "choice": outcome.choice,
        "proposals": [
            {
                "one": one,
                "oblast": oblast_of(one.place.country, one.place.region_code) or one.place.country,
            }
            for one in outcome.proposals
        ],
        "problems": [_remark(problem) for problem in outcome.problems],
    }


def _remark(problem: Problem) -> dict[str, Any]:
    """Return a problem of a row; the proposals for its settlement are shown beside it."""
    told = described(problem)
    if problem.code in ("several-settlements", "unknown-settlement"):
        told["expected"] = ""
    return told


@staff_only
@require_safe
def table_problems(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What is wrong with the rows of a table, as a table."""
    file = get_object_or_404(BulletinFile, pk=pk)
    try:
        rows, of_file = _read(file)
    except FormatError as error:
        rows, of_file = [], [error.problem]
    outcomes = job.examine(rows, {}, file.pk)
    return StreamingHttpResponse(
        _problem_lines(of_file, outcomes),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="intensities-{file.pk}-problems.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _problem_lines(of_file: list[Problem], outcomes: list[job.RowOutcome]) -> Iterator[str]:
    yield _csv_line(PROBLEM_COLUMNS)
    for problem in of_file:
        yield _csv_line((str(problem.line_number), "", "", "", *_cells(problem)))
    for outcome in outcomes:
        for problem in outcome.problems:
            row = outcome.row
            yield _csv_line(
                (str(row.line), outcome.status, row.place, row.written, *_cells(problem))
            )


def _cells(problem: Problem) -> tuple[str, ...]:
    return problem.code, problem.field, problem.found, problem.expected


def _csv_line(cells: Iterable[str]) -> str:
    quoted = ('"' + text_cell(cell).replace('"', '""') + '"' for cell in cells)
    return ",".join(quoted) + "\r\n"
