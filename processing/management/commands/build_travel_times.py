"""Make the travel-time tables that are shipped, or see what is wrong with an agency's own.

Needed only after a change of `processing/core/earth_models.py` or of how tables are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.core.agency_tables import read_agency_file
from processing.core.earth_models import MODELS
from processing.core.tables import build, check
from processing.core.travel_times import TravelTimeTable, unpack
from processing.management.commands.import_travel_times import content_of, problem_line


class Command(BaseCommand):
    help = "Make the travel-time tables of velocity models, and compare global ones with TauPy."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("models", nargs="*", metavar="MODEL", help=f"({', '.join(MODELS)})")
        parser.add_argument(
            "--output", type=Path, default=build.FOLDER, help="folder to write to (where they lie)"
        )
        parser.add_argument(
            "--points", type=int, default=30, help="places a phase to compare with TauPy (30)"
        )
        parser.add_argument(
            "--agency-table", type=Path, help="only read an agency's table (CSV) and check it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["agency_table"] is not None:
            self.check_agency_table(options["agency_table"])
            return
        unknown = [name for name in options["models"] if name not in MODELS]
        if unknown:
            raise CommandError(f"no model {unknown[0]}; there are {', '.join(MODELS)}")
        for name in options["models"] or MODELS:
            content = build.packed(build.build(MODELS[name]))
            try:
                (options["output"] / f"{name}.npz").write_bytes(content)
            except OSError as error:
                raise CommandError(f"{options['output']} cannot be written: {error}") from error
            self.stdout.write(f"{name}: {len(content)} bytes")
            if MODELS[name].is_global:
                table = TravelTimeTable(name, unpack(content).kernel())
                errors = check.largest_errors(table, options["points"], np.random.default_rng(1))
                told = ", ".join(f"{phase} {error:.4f}" for phase, error in errors.items())
                self.stdout.write(f"{name}: largest differences from TauPy [s]: {told}")

    def check_agency_table(self, file: Path) -> None:
        read = read_agency_file(content_of(file))
        for problem in read.problems:
            self.stdout.write(problem_line(problem))
        if read.problems:
            raise CommandError(f"{file}: {len(read.problems)} problems")
        kernel = read.kernel()
        size = kernel.integers.nbytes + kernel.reals.nbytes
        self.stdout.write(f"{file}: {', '.join(read.hodographs)}; {size} bytes in memory")
