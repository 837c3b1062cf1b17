"""Go through the catalogue for events whose type a person should look at.

Workers do so by themselves after every change; this is for a look at once.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.jobs import event_type
from processing.transactions import writing


class Command(BaseCommand):
    help = "Suggest event types by the rule, for the queue at the desk."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", action="store_true", help="leave it to the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        with writing():
            if options["queue"]:
                event_type.request_screening()
                self.stdout.write("queued")
                return
            counts = event_type.screen()
        self.stdout.write(f"{counts['candidates']} events looked at closely, {counts['kept']} kept")
