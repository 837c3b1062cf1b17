"""Add quarries and mines from a CSV file, or bring known ones up to date.

Columns: name_en, latitude, longitude, radius_km, kind and citation; name_ru, name_kk, valid_from
and valid_to may be left out. A row with the English name and the place of one already known updates
it. With a mistake in any row nothing is stored, and each is told with its line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.jobs import known_sources
from processing.transactions import writing


class Command(BaseCommand):
    help = "Add or update known quarries and mines from a CSV file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with options["file"].open("rb") as stream:
                content = stream.read(known_sources.MOST_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error}") from error
        rows, problems = known_sources.read(content)
        for problem in problems:
            self.stderr.write(
                f"line {problem.line}: {problem.field}: found {problem.found!r},"
                f" expected {problem.expected}"
            )
        if problems:
            raise CommandError(f"{len(problems)} problems; nothing was stored")
        with writing():
            added, updated = known_sources.store(rows)
        self.stdout.write(f"{added} added, {updated} updated")
