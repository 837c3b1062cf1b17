"""Ingest a bulletin from disk: the same way as a file uploaded over the pages or the API."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override

from catalog.models import User
from processing import tasks
from processing.desk import messages, uploads
from processing.jobs import ingestion, receiving
from processing.jobs.receiving import Refused
from processing.models import ProcessingRun, WorkItem

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Keep a bulletin file as received and ask for its reading (or for a dry run)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--agency", default="", help="code; without it, as the file says")
        parser.add_argument(
            "--format",
            default="",
            help="code; without it, as the file says; mapped-table:NAME reads by a column mapping",
        )
        parser.add_argument(
            "--time-zone", default="UTC", choices=ingestion.TIME_ZONES, help="of the file's times"
        )
        parser.add_argument("--automatic", action="store_true", help="not reviewed by an analyst")
        parser.add_argument(
            "--accept-readings",
            action="store_true",
            help="accept unambiguous station readings by rule",
        )
        parser.add_argument(
            "--final-from", default="", metavar="DAY", help="final from this UTC day (YYYY-MM-DD)"
        )
        parser.add_argument("--final-to", default="", metavar="DAY", help="to this one")
        parser.add_argument("--dry-run", action="store_true", help="say what it would do")
        parser.add_argument("--user", default="", help="whose upload it is; else a superuser's")
        parser.add_argument(
            "--wait",
            action="store_true",
            help="until the last event is computed, by workers or here",
        )
        parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait")

    def handle(self, *args: Any, **options: Any) -> None:
        users = User.objects.filter(is_active=True)
        user = (
            users.filter(username=options["user"]).first()
            if options["user"]
            else users.filter(is_superuser=True).order_by("pk").first()
        )
        if user is None:
            raise CommandError("no such user; name one with --user")
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} is not a file")
        with override("en"):
            try:
                taken = uploads.take(
                    path.name,
                    receiving.open_bytes(path),
                    user,
                    agency=options["agency"],
                    format=options["format"],
                    kind="automatic" if options["automatic"] else "manual",
                    time_zone=options["time_zone"],
                    accept_readings=options["accept_readings"],
                    dry_run=options["dry_run"],
                    final_from=options["final_from"],
                    final_to=options["final_to"],
                )
            except Refused as refused:
                raise CommandError(messages.sentence(refused.code, refused.values)) from refused
            known = " (received before)" if taken.duplicate else ""
            self.stdout.write(
                f"{path.name}: {taken.agency}, {taken.format}, run {taken.run.pk}{known}"
            )
            if options["wait"]:
                self.wait(taken.run, options["timeout"])

    def wait(self, run: ProcessingRun, timeout: float) -> None:
        """See the run to its end, doing its work here where no worker takes it."""
        end = time.monotonic() + timeout
        while not run.is_over:
            item = (
                run.items.filter(state=WorkItem.State.OPEN, lease_until__isnull=True)
                .order_by("priority", "pk")
                .first()
            )
            if item is not None:
                tasks.work(item.pk)
            elif time.monotonic() > end:
                raise CommandError(f"run {run.pk} is not over after {timeout:g} s")
            else:
                time.sleep(LOOK_SECONDS)
            run.refresh_from_db()
        if run.status == run.Status.FAILED:
            raise CommandError(messages.sentence(run.reason_code, run.reason))
        self.stdout.write(json.dumps(run.counts, sort_keys=True))
