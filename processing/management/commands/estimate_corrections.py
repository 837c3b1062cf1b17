"""Estimate station corrections from the residuals of well located events, as a new version.

They are applied only where somebody asks for that version. How they come about and what they cannot
tell stands in docs/methods.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from processing.core import location
from processing.core import station_corrections as core
from processing.jobs import station_corrections as job


class Command(BaseCommand):
    help = "Estimate station corrections from computed origins and store them as a new version."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let ``--version`` name the set, not Django's version."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--model", default=location.REGIONAL, help="earth model, as manage.py locate takes it")
        add("--version", required=True, metavar="NAME", help="name of the new set")
        add("--from", dest="start", metavar="TIME", help="origin time from (UTC, ISO 8601)")
        add("--to", dest="end", metavar="TIME", help="origin time before")
        add("--min-events", type=int, default=core.MINIMUM_EVENTS, metavar="N")
        add(
            "--min-readings", type=int, default=core.MINIMUM_READINGS, metavar="N",
            help="events that a station needs, P and S apart",
        )  # fmt: skip
        add(
            "--max-ellipse", type=float, default=job.MAXIMUM_ELLIPSE_KM, metavar="KM",
            help="semi-major axis of an event's error ellipse",
        )  # fmt: skip
        add("--max-gap", type=float, default=job.MAXIMUM_GAP_DEG, metavar="DEG")
        add(
            "--max-distance", type=float, default=core.MAXIMUM_DISTANCE_DEG, metavar="DEG",
            help="readings farther off are not asked",
        )  # fmt: skip
        add(
            "--passes", type=int, default=core.MOST_PASSES, metavar="N",
            help="rounds of locating again, at most; 0: the stored residuals as they are",
        )  # fmt: skip
        add(
            "--synthetic", action="store_true",
            help="use made-up events and only those; the set is marked so",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("min_events", "min_readings"):
            if options[name] < 1:
                raise CommandError(f"--{name.replace('_', '-')} {options[name]} is less than 1")
        if options["passes"] < 0:
            raise CommandError(f"--passes {options['passes']} is less than 0")
        choice = job.Choice(
            earth_model=options["model"],
            start=_time("from", options["start"]),
            end=_time("to", options["end"]),
            synthetic=options["synthetic"],
            maximum_ellipse_km=options["max_ellipse"],
            maximum_gap=options["max_gap"],
            maximum_distance_deg=options["max_distance"],
            minimum_events=options["min_events"],
            minimum_readings=options["min_readings"],
            most_passes=options["passes"],
        )
        try:
            made = job.make_set(options["version"], choice, watch=self.tell)
        except job.CorrectionsError as error:
            raise CommandError(str(error)) from error
        for row in made.corrections.select_related("station__network", "station__agency"):
            self.stdout.write(
                f"{row.station!s:16} {row.wave} {row.correction_s:+7.3f} s"
                f" +- {row.standard_error:.3f}  {row.reading_count} readings"
            )
        if options["passes"] and not made.parameters["settled"]:
            self.stderr.write(
                f"not settled after {made.parameters['passes']} rounds: a correction still changed"
                f" by {made.parameters['last_change_s']} s"
            )
        kind = "synthetic events" if made.synthetic else "events"
        self.stdout.write(
            f"version {made.version} for {made.earth_model}: {made.corrections.count()}"
            f" corrections from {made.event_count} {kind}"
        )

    def tell(self, found: core.Estimate) -> None:
        self.stderr.write(
            f"round {found.passes}: {len(found.events)} events, {len(found.corrections)}"
            f" corrections, largest change {found.change_s:.3f} s"
        )


def _time(name: str, text: str | None) -> datetime | None:
    """Return a moment; one without an offset is UTC."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text if "T" in text or " " in text else f"{text}T00:00:00")
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--{name} {text!r} is not a time such as 2014-10-14T03:27:00")
    if is_naive(moment):
        moment = parse_datetime(moment.isoformat() + "+00:00")
    return moment
