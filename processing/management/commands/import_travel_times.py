"""Store an agency's own travel-time table, and put it in use if asked.

The file is read, checked and kept as the next version of its name; with problems it is not kept,
and each is told with its line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Agency
from processing.core.agency_tables import MOST_BYTES, Problem
from processing.jobs import travel_time_tables
from processing.jobs.travel_time_tables import Refused


class Command(BaseCommand):
    help = "Store an agency's own travel-time table (CSV: phase, distance, depth, time)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--name", required=True, help="letters a-z, digits, hyphens")
        parser.add_argument("--agency", required=True, help="its code")
        parser.add_argument("--title", required=True)
        parser.add_argument("--provenance", required=True, help="who made it, when, from what")
        parser.add_argument(
            "--region", type=float, nargs=4, metavar=("W", "S", "E", "N"),
            help="where it is used unasked, degrees; without it only by name",
        )  # fmt: skip
        parser.add_argument("--use", action="store_true", help="put it in use")

    def handle(self, *args: Any, **options: Any) -> None:
        agency = Agency.objects.filter(code=options["agency"]).first()
        if agency is None:
            raise CommandError(f"no agency {options['agency']}")
        region = options["region"]
        content = content_of(options["file"])
        try:
            table = travel_time_tables.store(
                content,
                name=options["name"],
                agency=agency,
                title=options["title"],
                provenance=options["provenance"],
                region=None if region is None else (region[0], region[1], region[2], region[3]),
            )
            self.stdout.write(
                f"{table}: {', '.join(table.phases)}; {table.distance_from_deg:.2f}-"
                f"{table.distance_to_deg:.2f} deg, {table.depth_from_km:g}-{table.depth_to_km:g} km"
            )
            if options["use"]:
                travel_time_tables.put_in_use(table)
                self.stdout.write(f"{table}: in use")
        except Refused as refused:
            for problem in refused.problems:
                self.stderr.write(problem_line(problem))
            raise CommandError(
                f"{options['file']}: {refused.code} {refused.values or ''}"
            ) from None


def content_of(file: Path) -> bytes:
    """Return a file's bytes, no more of them than a table may have and one."""
    try:
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def problem_line(problem: Problem) -> str:
    return (
        f"line {problem.line}: {problem.code}: found {problem.found}, expected {problem.expected}"
    )
