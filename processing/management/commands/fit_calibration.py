"""Fit a magnitude scale's calibration from published values, as a proposed version.

It comes in force when an editor accepts it at the desk. What is fitted and what it cannot tell
stands in docs/methods.md.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Agency
from processing.jobs import calibrations as job
from processing.management.commands.estimate_corrections import _time


class Command(BaseCommand):
    help = "Fit a distance curve or an offset with station terms, and propose it as a version."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let ``--version`` name the calibration, not Django's version."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        fitted = ", ".join(scale.id for scale in job.fitted_scales())
        add("scale", metavar="SCALE", help=f"id of a scale: {fitted}")
        add("--agency", metavar="CODE", help="whose published values; an energy class needs it")
        add("--from", dest="start", metavar="TIME", help="origin time from (UTC, ISO 8601)")
        add("--to", dest="end", metavar="TIME", help="origin time before")
        add(
            "--version", default="", metavar="NAME", help="name of the version; else it is numbered"
        )
        add("--synthetic", action="store_true", help="use made-up events and only those")
        add("--dry-run", action="store_true", help="say what comes of it and store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            choice = job.Choice(
                scale=job.scale_of(options["scale"]),
                agency=agency_of(options["agency"]),
                start=_time("from", options["start"]),
                end=_time("to", options["end"]),
                synthetic=options["synthetic"],
            )
            job.check_version(options["version"])
            found, rows = job.fit(choice)
            made = (
                None if options["dry_run"] else job.store(choice, found, rows, options["version"])
            )
        except job.Refused as refused:
            raise CommandError(str(refused)) from refused
        for km, value, error in zip(found.knots_km, found.sigma, found.sigma_errors, strict=True):
            self.stdout.write(f"{km:8.1f} km {value:7.3f} +- {error:.3f}")
        if found.kind == "offset":
            self.stdout.write(f"offset {found.offset:+.3f} +- {found.offset_error:.3f}")
        for name, term in sorted(found.terms.items()):
            self.stdout.write(
                f"{name:16} {term.value:+7.3f} +- {term.standard_error:.3f}  {term.events} events"
            )
        self.stdout.write(
            f"{found.readings} readings of {found.events} events at {found.stations} stations,"
            f" {found.left_out} left out; {found.distance_km[0]:.0f}-{found.distance_km[1]:.0f} km;"
            f" sigma of a reading of other events {found.residual_sigma:.3f}"
        )
        if made is None:
            self.stdout.write("dry run: nothing stored")
        else:
            self.stdout.write(f"version {made.version} is proposed")


def agency_of(code: str | None) -> Agency | None:
    """Return an agency by its code; ``None`` where none was named."""
    if code is None:
        return None
    agency = Agency.objects.filter(code=code).first()
    if agency is None:
        raise CommandError(f"there is no agency {code!r}")
    return agency
