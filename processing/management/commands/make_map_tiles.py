"""Bring the map's tiles up to date, which the workers do by themselves within a minute."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.jobs import map_tiles


class Command(BaseCommand):
    help = "Make the map's tiles that the catalogue's changes touched, or all of them anew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anew", action="store_true", help="make every tile, whatever changed")

    def handle(self, *args: Any, anew: bool = False, **options: Any) -> None:
        begun = time.monotonic()
        made = map_tiles.make(anew=anew)
        if made is None:
            self.stdout.write("The tiles are those of the catalogue already")
            return
        events = sum(tile["count"] for tile in made.tiles)
        self.stdout.write(
            f"version {made.version}: {events} events in {len(made.tiles)} tiles, "
            f"{len(made.new)} of them made in {time.monotonic() - begun:.1f} s"
        )
