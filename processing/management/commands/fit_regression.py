"""Draw the orthogonal line between two scales of the catalogue, and propose it as a relation."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.scales import SCALES
from processing.core import regression as core
from processing.jobs import conversions as job
from processing.management.commands.estimate_corrections import _time
from processing.management.commands.fit_calibration import agency_of


class Command(BaseCommand):
    help = "Fit Y = slope X + intercept with errors on both sides, and propose it as a relation."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("x", metavar="X", help=f"scale that is converted: {', '.join(SCALES)}")
        add("y", metavar="Y", help="scale it is converted to")
        add("--agency", metavar="CODE", help="both values reported by it; else the preferred ones")
        add("--from", dest="start", metavar="TIME", help="origin time from (UTC, ISO 8601)")
        add("--to", dest="end", metavar="TIME", help="origin time before")
        add(
            "--error-ratio", type=float, default=1.0, metavar="R",
            help="variance of Y's errors over that of X's (default 1)",
        )  # fmt: skip
        add("--synthetic", action="store_true", help="use made-up events and only those")
        add("--dry-run", action="store_true", help="say what comes of it and store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            choice = job.Choice(
                options["x"],
                options["y"],
                agency=agency_of(options["agency"]),
                start=_time("from", options["start"]),
                end=_time("to", options["end"]),
                synthetic=options["synthetic"],
                error_ratio=options["error_ratio"],
            )
            found, pairs = job.fit(choice)
            made = None if options["dry_run"] else job.store(choice, found, pairs)
        except job.Refused as refused:
            raise CommandError(str(refused)) from refused
        x, y = choice.x, choice.y
        self.tell(f"orthogonal, ratio {choice.error_ratio:g}", x, y, found.orthogonal)
        self.tell("least squares of Y on X", x, y, found.ols)
        self.tell("least squares of X on Y", x, y, found.ols_inverse)
        self.stdout.write(
            f"{found.pairs} events, {x} {found.x_range[0]:g}-{found.x_range[1]:g},"
            f" correlation {found.correlation:.2f}"
        )
        if made is None:
            self.stdout.write("dry run: nothing stored")
        else:
            self.stdout.write(f"relation {made.relation_id} is proposed")

    def tell(self, name: str, x: str, y: str, line: core.Line) -> None:
        self.stdout.write(
            f"{y} = {line.slope:.3f} (+- {line.slope_error:.3f}) {x} {line.intercept:+.3f}"
            f" (+- {line.intercept_error:.3f}), sigma {line.residual_sigma:.2f}: {name}"
        )
