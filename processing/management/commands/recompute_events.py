"""Ask for events to be located, sized and chosen anew, after a rule or a table has changed.

The work goes through the same queue as any other, as one run that staff can watch; ``--now`` does
it here instead of leaving it to the workers.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from catalog.models import Event
from processing import tasks
from processing.models import ProcessingRun, WorkItem

PRIORITY = 8
BATCH = 5000


class Command(BaseCommand):
    help = "Queue events for recomputation: all, some by id, or those of a span of time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("events", nargs="*", metavar="EVENT", help="public ids; none: all")
        parser.add_argument("--starttime", help="origin time from (UTC, ISO 8601)")
        parser.add_argument("--endtime", help="origin time to")
        parser.add_argument("--render-only", action="store_true", help="only write the read side")
        parser.add_argument("--now", action="store_true", help="do it here, not in the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        events = Event.objects.alive()
        if options["events"]:
            events = events.filter(public_id__in=options["events"])
            if unknown := set(options["events"]) - set(events.values_list("public_id", flat=True)):
                raise CommandError(f"no such event: {', '.join(sorted(unknown))}")
        for name, lookup in (("starttime", "gte"), ("endtime", "lte")):
            if options[name]:
                events = events.filter(
                    **{f"preferred_origin__time__{lookup}": _time(name, options[name])}
                )
        kind = "rerender" if options["render_only"] else "recompute"
        with transaction.atomic():
            run = ProcessingRun.objects.create(
                kind=kind,
                stage=ProcessingRun.Stage.RECOMPUTE,
                status=ProcessingRun.Status.RUNNING,
                parameters={n: options[n] for n in ("events", "starttime", "endtime")},
            )
            wanted = list(events.order_by("pk").values_list("pk", "evidence_version"))
            for start in range(0, len(wanted), BATCH):
                WorkItem.objects.request_many(
                    kind, wanted[start : start + BATCH], run=run, priority=PRIORITY
                )
        if not wanted:
            run.succeed()
        self.stdout.write(f"run {run.pk}: {len(wanted)} events")
        if options["now"]:
            while items := WorkItem.objects.claim_next():
                tasks.do(items)
            run.refresh_from_db()
            self.stdout.write(f"run {run.pk}: {run.status}")


def _time(name: str, text: str) -> Any:
    """Return a moment; one without an offset is UTC."""
    try:
        moment = parse_datetime(text if "T" in text or " " in text else f"{text}T00:00:00")
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--{name} {text!r} is not a time such as 2014-10-14T03:27:00")
    if is_naive(moment):
        moment = parse_datetime(moment.isoformat() + "+00:00")
    return moment
