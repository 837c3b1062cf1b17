"""The ledger at the desk: all decisions, newest first, by kind, person or rule, agency and time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from catalog.ledger import Telling, of_events, parts_of, role_of, role_words, with_names
from catalog.models import Agency, Event, MergeDecision, User
from catalog.rendering import csv_cell, number_text
from processing.desk.views import staff_only

PAGE = 50
#: Rows of one query of the table that is downloaded.
CSV_BATCH = 1000
BY_RULE, BY_PERSON = "rule", "person"

COLUMNS = (
    "number", "decided_at", "kind", "sentence", "event", "other_event", "report_agency", "report",
    "other_report_agency", "other_report", "rule_set", "person", "misfit", "parts", "before",
    "after", "undoes", "note",
)  # fmt: skip


class LedgerForm(forms.Form):
    """What is looked for in the ledger."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    by = forms.ChoiceField(label=gettext_lazy("Decided by"), required=False)
    rules = forms.CharField(
        label=gettext_lazy("Rule set begins with"), max_length=60, required=False
    )
    agency = forms.CharField(label=gettext_lazy("Agency"), max_length=20, required=False)
    event = forms.SlugField(label=gettext_lazy("Event id"), max_length=20, required=False)
    start = forms.DateField(
        label=gettext_lazy("From, UTC"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    end = forms.DateField(
        label=gettext_lazy("To, UTC"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        people = User.objects.filter(Q(groups__isnull=False) | Q(is_superuser=True)).distinct()
        self.fields["kind"].choices = [("", "—"), *MergeDecision.Kind.choices]  # type: ignore[attr-defined]
        self.fields["by"].choices = [  # type: ignore[attr-defined]
            ("", "—"),
            (BY_RULE, _("a rule")),
            (BY_PERSON, _("any person")),
            *((f"u{user.pk}", user.get_username()) for user in people.order_by("username")[:500]),
        ]

    def clean_agency(self) -> str:
        code: str = self.cleaned_data["agency"].strip()
        if code and not Agency.objects.filter(code=code).exists():
            raise forms.ValidationError(_("The agency is not known."))
        return code

    def clean_event(self) -> str:
        name: str = self.cleaned_data["event"]
        if name and not Event.objects.filter(public_id=name).exists():
            raise forms.ValidationError(_("There is no event with this id."))
        return name


def decisions(said: dict[str, Any]) -> QuerySet[MergeDecision]:
    """Return the decisions a search asks for; merged and deleted events have theirs, too."""
    found = MergeDecision.objects.order_by("-pk")
    if name := said.get("event"):
        found = of_events(Event.objects.filter(public_id=name).values_list("pk", flat=True))
    if kind := said.get("kind"):
        found = found.filter(kind=kind)
    if by := said.get("by"):
        if by in (BY_RULE, BY_PERSON):
            found = found.filter(actor__isnull=by == BY_RULE)
        else:
            found = found.filter(actor=int(by[1:]))
    if rules := said.get("rules"):
        found = found.filter(rule_set__startswith=rules)
    if code := said.get("agency"):
        found = found.filter(Q(report__agency__code=code) | Q(other_report__agency__code=code))
    if start := said.get("start"):
        found = found.filter(decided_at__gte=datetime.combine(start, time(), UTC))
    if end := said.get("end"):
        end = datetime.combine(end, time(), UTC) + timedelta(days=1)
        found = found.filter(decided_at__lt=end)
    return with_names(found.order_by("-pk"))


def _asked(request: HttpRequest) -> tuple[LedgerForm, dict[str, Any] | None]:
    form = LedgerForm(request.GET)
    return form, form.cleaned_data if form.is_valid() else None


@staff_only
@require_safe
def ledger_page(request: HttpRequest) -> HttpResponse:
    """A page of the ledger; the next begins before the last decision of this one."""
    form, said = _asked(request)
    before = request.GET.get("before", "")
    rows: list[MergeDecision] = []
    if said is not None:
        found = decisions(said)
        if before.isascii() and before.isdigit() and len(before) < 19:
            found = found.filter(pk__lt=int(before))
        rows = list(found[: PAGE + 1])
    following = rows[PAGE - 1].pk if len(rows) > PAGE else None
    rows = rows[:PAGE]
    tell = Telling(rows)
    query = request.GET.copy()
    query.pop("before", None)
    return render(
        request,
        "desk/ledger.html",
        {
            "form": form,
            "lines": [
                {
                    "row": row,
                    "sentence": tell.decision(row, html=True),
                    "parts": parts_of(row),
                    "who": row.actor.get_username() if row.actor else "",
                    "role": role_words(role_of(row.actor)),
                }
                for row in rows
            ],
            "following": following,
            "is_first": not before,
            "query": query.urlencode(),
        },
        status=200 if said is not None else 400,
    )


@staff_only
@require_safe
def ledger_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The same decisions as a table, streamed in batches so that no query takes long."""
    form, said = _asked(request)
    if said is None:
        problems = [f"{name}: {' '.join(map(str, texts))}" for name, texts in form.errors.items()]
        return HttpResponse(
            "\n".join(problems), status=400, content_type="text/plain; charset=utf-8"
        )
    return StreamingHttpResponse(
        _table(decisions(said)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="ledger.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _table(found: QuerySet[MergeDecision]) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\r\n"
    before: int | None = None
    while True:
        rows = list((found if before is None else found.filter(pk__lt=before))[:CSV_BATCH])
        tell = Telling(rows)
        yield "".join(_line(row, tell) for row in rows)
        if len(rows) < CSV_BATCH:
            return
        before = rows[-1].pk


def _line(row: MergeDecision, tell: Telling) -> str:
    """Return a decision as a line; text that a spreadsheet takes for a formula is guarded."""
    report, other = row.report, row.other_report
    texts = {
        "decided_at": row.decided_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kind": row.kind,
        "sentence": tell.decision(row),
        "event": row.event.public_id if row.event else "",
        "other_event": row.other_event.public_id if row.other_event else "",
        "report_agency": report.agency.code if report else "",
        "report": report.key if report else "",
        "other_report_agency": other.agency.code if other else "",
        "other_report": other.key if other else "",
        "rule_set": row.rule_set,
        "person": row.actor.get_username() if row.actor else "",
        **{
            name: json.dumps(getattr(row, name), ensure_ascii=False) if getattr(row, name) else ""
            for name in ("parts", "before", "after")
        },
        "note": row.note,
    }
    numbers = {
        "number": str(row.pk),
        "misfit": number_text(row.misfit, 6),
        "undoes": str(row.undoes_id or ""),
    }
    cells = (numbers[name] if name in numbers else csv_cell(texts[name]) for name in COLUMNS)
    return ",".join(cells) + "\r\n"
