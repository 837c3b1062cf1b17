"""Store the stations, channels and responses of StationXML files, for the station service.

A file is read like one uploaded at the desk: what is wrong is told with its line, the rest is
stored. For lists without channels there is ``import_stations``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.formats.problems import FormatError
from processing.jobs import station_metadata
from processing.jobs.station_metadata import MAX_BYTES, Refused


class Command(BaseCommand):
    help = "Store stations, channels and responses of StationXML files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["files"]:
            try:
                with path.open("rb") as stream:
                    content = stream.read(MAX_BYTES + 1)
                file, _ = station_metadata.store(path.name, content)
            except OSError as error:
                raise CommandError(f"{path} cannot be read: {error}") from error
            except Refused as refused:
                raise CommandError(f"{path}: {refused}") from refused
            for problem in file.problems.all():
                self.stderr.write(f"{path}: {FormatError(_of(problem))}")
            self.stdout.write(
                f"{path}: {file.station_count} stations, {file.channel_count} channels,"
                f" {file.response_count} responses, {file.problem_count} problems"
            )


def _of(row: Any) -> Any:
    from catalog.formats.problems import Problem

    return Problem(row.line_number, row.code, row.field, row.found, row.expected)
