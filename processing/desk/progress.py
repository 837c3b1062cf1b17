"""A run as it stands, in the reader's words: what its page and the API both show."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from processing.desk import messages
from processing.models import ProcessingRun

STAGES = ("received", "read", "associate", "recompute", "done")
#: What a run counts, in the order of its page.
COUNTS = {
    "entries": gettext_lazy("events in the file"),
    "unchanged": gettext_lazy("unchanged since an earlier bulletin"),
    "problems": gettext_lazy("problems"),
    "created": gettext_lazy("new events"),
    "joined": gettext_lazy("joined to a known event"),
    "updated": gettext_lazy("reports updated"),
    "merged": gettext_lazy("events merged"),
    "moved": gettext_lazy("reports moved to another event"),
    "split": gettext_lazy("reports split off from an event"),
    "review": gettext_lazy("left for review"),
    "withdrawn": gettext_lazy("reports withdrawn"),
    "readings": gettext_lazy("readings without an event"),
}


def state_of(run: ProcessingRun) -> dict[str, Any]:
    """Return a run as plain values, for the page's script and for other people's."""
    reason = None
    if run.reason_code:
        reason = {
            "code": run.reason_code,
            "message": messages.sentence(run.reason_code, run.reason),
            "values": run.reason,
        }
    return {
        "id": run.pk,
        "kind": run.kind,
        "status": run.status,
        "status_text": str(run.get_status_display()),
        "stage": run.stage,
        "stage_text": str(run.get_stage_display()),
        "stage_number": STAGES.index(run.stage) if run.stage in STAGES else 0,
        "done": run.progress_done,
        "total": run.progress_total,
        "counts": run.counts,
        "count_lines": count_lines(run),
        "reason": reason,
        "over": run.is_over,
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "url": reverse("run", args=[run.pk]),
    }


def count_lines(run: ProcessingRun) -> list[dict[str, Any]]:
    """Return what a run has counted, each with its words."""
    lines = [
        {"name": name, "label": str(label), "value": run.counts[name]}
        for name, label in COUNTS.items()
        if name in run.counts
    ]
    lines += [
        {"name": name, "label": name.replace("_", " "), "value": value}
        for name, value in sorted(run.counts.items())
        if name not in COUNTS
    ]
    return lines


def stage_list(run: ProcessingRun) -> list[dict[str, Any]]:
    """Return the steps of a run, each past, present or to come."""
    if run.kind == run.Kind.DRY_RUN:
        names = ["received", "read", "done"]
    elif run.kind == run.Kind.INGEST:
        names = list(STAGES)
    else:
        names = ["received", "recompute", "done"]
    labels = dict(run.Stage.choices)
    current = names.index(run.stage) if run.stage in names else 0
    return [
        {
            "name": name,
            "label": labels[name],
            "state": (
                "failed"
                if n == current and run.status == "failed"
                else "past"
                if n < current or run.status == "succeeded"
                else "present"
                if n == current
                else "future"
            ),
            "words": (
                _("failed")
                if n == current and run.status == "failed"
                else _("done")
                if n < current or run.status == "succeeded"
                else _("now")
                if n == current
                else _("to come")
            ),
        }
        for n, name in enumerate(names)
    ]
