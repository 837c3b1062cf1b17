"""Make the files of the example year: made-up bulletins and felt reports of 2014, all synthetic.

The files that are shipped (``catalog/data/example/``) were made by this command with its defaults;
``load_example`` loads those. With another seed it makes another year of the same numbers.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.example import felt_reports, files

DATA = Path(settings.BASE_DIR) / "catalog" / "data"
DIRECTORY = DATA / "example"
#: Settlements smaller than this are not told of in the example.
SMALLEST_TOWN = 1000
COUNTRIES = frozenset(("KZ", "KG"))


class Command(BaseCommand):
    help = "Make the synthetic bulletins and felt reports of 2014 that load_example loads."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=files.SEED, help=f"({files.SEED})")
        parser.add_argument(
            "--directory",
            type=Path,
            default=DIRECTORY,
            help="where to write (catalog/data/example)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{directory} cannot be written: {error}") from error

        def progress(done: int, total: int) -> None:
            if done % 100 == 0:
                self.stdout.write(f"{done} of {total} events")

        named = towns()
        made = files.make(named, options["seed"], progress)
        made[felt_reports.NAME] = felt_reports.make(named, options["seed"])
        for name, content in made.items():
            digest = hashlib.sha256(content).hexdigest()
            (directory / f"{name}.gz").write_bytes(packed(content))
            self.stdout.write(f"{digest}  {name}  {len(content)} bytes")


def packed(content: bytes) -> bytes:
    """Return gzip without a time or a name, so that the same content is the same file."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def towns() -> list[files.Town]:
    """Return the settlements whose name only one settlement bears, in whatever language."""
    with gzip.open(DATA / "settlements.tsv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    names = Counter(
        name
        for row in rows
        for name in {
            name.strip().casefold()
            for name in (
                *(row["name_en"], row["name_ru"], row["name_kk"]),
                *row["other_names"].split(","),
            )
        }
    )
    return [
        files.Town(row["name_en"], float(row["latitude"]), float(row["longitude"]))
        for row in rows
        if row["country"] in COUNTRIES
        and int(row["population"] or 0) >= SMALLEST_TOWN
        and names[row["name_en"].casefold()] == 1
        and row["name_en"].isascii()
    ]
