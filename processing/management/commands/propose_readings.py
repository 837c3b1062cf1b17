"""Look again for events of station readings that have none, after stations were added or mended.

New and moved events do so by themselves; this is for all else. The work goes through the same
queue as any other; ``--now`` does it here instead of leaving it to the workers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from processing import tasks
from processing.jobs import station_readings
from processing.models import WorkItem
from processing.transactions import writing


class Command(BaseCommand):
    help = "Queue the station readings without an event to be tried again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--starttime", help="onset from (UTC, ISO 8601)")
        parser.add_argument("--endtime", help="onset to")
        parser.add_argument("--now", action="store_true", help="do it here, not in the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = (_time(name, options[name]) for name in ("starttime", "endtime"))
        with writing():
            files = station_readings.try_again(start, end)
        self.stdout.write(f"the readings of {files} files are tried again")
        if options["now"]:
            while items := WorkItem.objects.claim_next():
                tasks.do(items)


def _time(name: str, text: str | None) -> datetime | None:
    """Return a moment; one without an offset is UTC."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text if "T" in text or " " in text else f"{text}T00:00:00")
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--{name} {text!r} is not a time such as 2014-10-14T03:27:00")
    if is_naive(moment):
        moment = parse_datetime(moment.isoformat() + "+00:00")
    return moment
