"""Load the shipped example through the same door as any bulletin: received, read, associated.

The files are kept as received and their readings are asked for; workers do the rest, so the
command returns at once. Run again it finds the files known and leaves what staff made of them.

Two kinds of bulletins are shipped: real facts, and the made-up bulletins of 2014
(``make_example``), whose events all say that they are synthetic. So do the felt reports that come
with them. Once ``remove_synthetic`` has
removed those, they are not brought back unless asked for.
"""

from __future__ import annotations

import csv
import gzip
import json
import time
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.gis.geos import Point
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import (
    Agency,
    BulletinFile,
    CoverageSpan,
    Event,
    FeltReport,
    KnownSource,
    Settlement,
    Station,
    User,
)
from processing.example import felt_reports
from processing.example.files import BULLETINS
from processing.example.quarries import QUARRIES
from processing.jobs import confirmation, ingestion, receiving
from processing.jobs.settlements import rerender_around
from processing.models import ProcessingRun
from processing.transactions import writing

DATA = Path(settings.BASE_DIR) / "catalog" / "data"
LOADER = "example-loader"
POLL_SECONDS = 1.0
#: The year of which the example's final bulletins tell.
YEAR = (date(2014, 1, 1), date(2014, 12, 31))


@dataclass(frozen=True, slots=True)
class Example:
    """A shipped bulletin, the agency that tells it, and how it is read."""

    file: str
    agency: str
    format: str = "catalogue-csv"
    evaluation_mode: str = "manual"
    synthetic: bool = False
    final: bool = False

    @property
    def name(self) -> str:
        return Path(self.file).name.removesuffix(".gz")

    def chunks(self) -> list[bytes]:
        """Return the bulletin's bytes, unpacked."""
        stored = (DATA / self.file).read_bytes()
        return [gzip.decompress(stored) if self.file.endswith(".gz") else stored]


#: In the order of sending: of two files that tell of one event, the later is the agency's newer
#: word.
EXAMPLES = (
    Example("article_2014.csv", "ENE"),
    Example("operative_reports.csv", "SOME", "bulletin-csv"),
    *(
        Example(
            f"example/{b.name}.gz",
            b.agency,
            b.format,
            b.evaluation_mode,
            synthetic=True,
            final=b.final,
        )
        for b in BULLETINS
    ),
    Example("usgs_1902_2018.csv.gz", "NEIC"),
)


class Command(BaseCommand):
    help = "Load the reference data and queue the example bulletins; safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", action="store_true", help="return when the runs have ended")
        parser.add_argument(
            "--timeout", type=float, default=900, help="seconds to wait with --wait (900)"
        )
        parser.add_argument(
            "--synthetic",
            choices=("yes", "no", "unless-removed"),
            default="unless-removed",
            help="load the made-up bulletins of 2014: always, never, or unless they were removed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        last = Settlement.objects.order_by("-pk").values_list("pk", flat=True).first()
        call_command("seed_reference", stdout=self.stdout, skip_checks=True)
        if last is not None:  # places of a newer version: events may lie nearer to them
            new = Settlement.objects.filter(pk__gt=last).values_list("pk", flat=True)
            with writing():
                rerender_around(list(new))
        user, created = User.objects.get_or_create(username=LOADER, defaults={"is_active": False})
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        wanted = self.wants_synthetic(options["synthetic"])
        if wanted:
            add_synthetic_stations()
            add_synthetic_quarries()
            add_synthetic_felt_reports()
        runs = [self.load(e, user) for e in EXAMPLES if wanted or not e.synthetic]
        if options["wait"]:
            self.wait([run for run in runs if run is not None], options["timeout"])

    def wants_synthetic(self, answer: str) -> bool:
        if answer != "unless-removed":
            return answer == "yes"
        if were_removed():
            self.stdout.write("The synthetic bulletins were removed: not loaded again")
            return False
        return True

    def load(self, example: Example, user: User) -> ProcessingRun | None:
        name = example.name
        file, _ = receiving.receive(name, example.chunks(), user)
        known = latest_run(file)
        if known is not None:
            self.stdout.write(f"{name}: known since {file.received_at:%Y-%m-%d}, {known.status}")
            return known
        if file.readings.exists():
            self.stdout.write(f"{name}: known since {file.received_at:%Y-%m-%d}")
            return None
        agency = Agency.objects.get(code=example.agency)
        run = ingestion.request_reading(
            file,
            agency=agency,
            format=example.format,
            requested_by=user,
            evaluation_mode=example.evaluation_mode,
        )
        if example.final:
            confirmation.declare(agency, *YEAR, CoverageSpan.State.FINAL, file=file, user=user)
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


def were_removed() -> bool:
    """True if only tombstones are left of synthetic events."""
    tombstones = (Event.Status.DELETED, Event.Status.MERGED)
    synthetic = Event.objects.filter(synthetic=True)
    return synthetic.exists() and not synthetic.exclude(status__in=tombstones).exists()


def add_synthetic_stations() -> int:
    """Add the invented stations that are missing; return how many they were."""
    added = 0
    with (DATA / "synthetic_stations.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            _, created = Station.objects.get_or_create(
                agency=Agency.objects.get(code=row["agency"]),
                network=None,
                code=row["code"],
                defaults={
                    "name_en": row["name_en"],
                    "name_ru": row["name_ru"],
                    "name_kk": row["name_kk"],
                    "point": Point(float(row["longitude"]), float(row["latitude"]), srid=4326),
                    "elevation_m": float(row["elevation_m"]),
                    "kind": row["kind"],
                    "source": "Invented for the example year; nothing stands there",
                    "synthetic": True,
                },
            )
            added += created
    return added


def add_synthetic_quarries() -> None:
    """Add the places of the made-up blasts; one already known is left as staff made it."""
    for quarry in QUARRIES:
        KnownSource.objects.get_or_create(
            name_en=quarry.name_en,
            synthetic=True,
            defaults={
                "name_ru": quarry.name_ru,
                "name_kk": quarry.name_kk,
                "point": Point(quarry.longitude, quarry.latitude, srid=4326),
                "radius_km": quarry.radius_km,
                "kind": quarry.kind,
                "citation": quarry.citation,
            },
        )


def add_synthetic_felt_reports() -> None:
    """Add the made-up felt reports that are missing, as the form would: no event, no work asked."""
    with gzip.open(DATA / "example" / f"{felt_reports.NAME}.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    settlements = {
        row.name_en: row
        for row in Settlement.objects.filter(
            name_en__in={row["settlement"] for row in rows}, country__in=("KZ", "KG")
        )
    }
    FeltReport.objects.bulk_create(
        [
            FeltReport(
                client_id=row["client_id"],
                felt=row["felt"],
                received_at=datetime.fromisoformat(row["received_at"]),
                settlement=settlements.get(row["settlement"]),
                point=None
                if row["latitude"] is None
                else Point(row["longitude"], row["latitude"], srid=4326),
                precision_km=row["precision_km"],
                place_source=row["place_source"],
                chosen_grade=row["chosen_grade"],
                answers=row["answers"],
                language=row["language"],
                synthetic=True,
            )
            for row in rows
        ],
        ignore_conflicts=True,
    )
