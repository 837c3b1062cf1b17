"""Ask for the mechanisms of events that were stored before they were computed.

The work goes through the same queue as any other; ``--now`` does it here instead of leaving it to
the workers.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Event
from processing import tasks
from processing.jobs import mechanisms
from processing.models import WorkItem
from processing.transactions import writing

BATCH = 2000
PRIORITY = 8


class Command(BaseCommand):
    help = "Queue the computation of mechanisms from first motions: all, or some events by id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--event", action="append", default=[], metavar="ID", help="public id; none: all"
        )
        parser.add_argument("--now", action="store_true", help="do it here, not in the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        events = Event.objects.alive()
        if options["event"]:
            events = events.filter(public_id__in=options["event"])
            if unknown := set(options["event"]) - set(events.values_list("public_id", flat=True)):
                raise CommandError(f"no such event: {', '.join(sorted(unknown))}")
        keys = list(events.order_by("pk").values_list("pk", flat=True))
        asked = 0
        for start in range(0, len(keys), BATCH):
            with writing():
                found = mechanisms.enough(keys[start : start + BATCH])
                mechanisms.request(found, PRIORITY)
            asked += len(found)
        self.stdout.write(f"{asked} of {len(keys)} events have polarities enough")
        if options["now"]:
            while items := WorkItem.objects.claim_next():
                tasks.do(items)
