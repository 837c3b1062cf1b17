"""Load the shipped example through the same door as any bulletin: received, read, associated.

The files are kept as received and their readings are asked for; workers do the rest, so the
command returns at once. Run again it finds the files known and leaves what staff made of them.
"""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Agency, BulletinFile, User
from processing.jobs import ingestion
from processing.models import ProcessingRun

DATA = Path(settings.BASE_DIR) / "catalog" / "data"
FORMAT = "catalogue-csv"
LOADER = "example-loader"
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A shipped bulletin and the agency that tells it."""

    file: str
    agency: str

    def chunks(self) -> list[bytes]:
        """Return the bulletin's bytes, unpacked."""
        stored = (DATA / self.file).read_bytes()
        return [gzip.decompress(stored) if self.file.endswith(".gz") else stored]


EXAMPLES = (
    Example("article_2014.csv", "ENE"),
    Example("usgs_1902_2018.csv.gz", "NEIC"),
)


class Command(BaseCommand):
    help = "Load the reference data and queue the example bulletins; safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", action="store_true", help="return when the runs have ended")
        parser.add_argument(
            "--timeout", type=float, default=900, help="seconds to wait with --wait (900)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("seed_reference", stdout=self.stdout, skip_checks=True)
        user, created = User.objects.get_or_create(username=LOADER, defaults={"is_active": False})
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        runs = [self.load(example, user) for example in EXAMPLES]
        if options["wait"]:
            self.wait([run for run in runs if run is not None], options["timeout"])

    def load(self, example: Example, user: User) -> ProcessingRun | None:
        name = example.file.removesuffix(".gz")
        file, _ = ingestion.receive(name, example.chunks(), user)
        known = latest_run(file)
        if known is not None:
            self.stdout.write(f"{name}: known since {file.received_at:%Y-%m-%d}, {known.status}")
            return known
        if file.readings.exists():
            self.stdout.write(f"{name}: known since {file.received_at:%Y-%m-%d}")
            return None
        run = ingestion.request_reading(
            file,
            agency=Agency.objects.get(code=example.agency),
            format=FORMAT,
            requested_by=user,
        )
        self.stdout.write(f"{name}: queued as run {run.pk}")
        return run

    def wait(self, runs: list[ProcessingRun], timeout: float) -> None:
        """Wait until all runs have ended; one that failed fails the command."""
        deadline = time.monotonic() + timeout
        while not all(run.is_over for run in runs):
            if time.monotonic() > deadline:
                raise CommandError(f"the runs have not ended within {timeout:g} s")
            time.sleep(POLL_SECONDS)
            for run in runs:
                run.refresh_from_db()
        for run in runs:
            self.stdout.write(f"run {run.pk}: {run.status} {run.counts}")
        failed = [run for run in runs if run.status == ProcessingRun.Status.FAILED]
        if failed:
            raise CommandError(
                "failed: " + ", ".join(f"run {run.pk} ({run.reason_code})" for run in failed)
            )


def latest_run(file: BulletinFile) -> ProcessingRun | None:
    return ProcessingRun.objects.filter(reading__file=file).order_by("-pk").first()
