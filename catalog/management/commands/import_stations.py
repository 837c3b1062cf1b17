"""Add stations from a file the operator has: a list of the registry, FDSN text or StationXML.

The kinds of list are those of ``catalog/formats/station_lists.py``; the file tells which it is and
may be packed with gzip. Stations already known are left alone; a line that cannot be read is told
with its number and the rest is still imported. Of StationXML only the stations are taken:
``import_stationxml`` keeps channels and responses as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.gis.geos import Point
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from catalog.formats import station_lists
from catalog.formats.problems import FormatError
from catalog.formats.station_lists import StationLine, Unread
from catalog.management.commands.seed_reference import seed_aliases
from catalog.models import Agency, Network, Station

BATCH = 2000
#: Nearer than this to a station of the same code, a line of a list without networks is that one.
SAME_PLACE_DEG = 0.03


class Command(BaseCommand):
    help = "Add stations from a registry list, an FDSN station text file or StationXML."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--agency", default="", help="code of the agency whose stations these are"
        )
        parser.add_argument("--source", default="", help="where the list is from, for citation")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        agency = None
        if options["agency"]:
            agency = Agency.objects.filter(code=options["agency"]).first()
            if agency is None:
                raise CommandError(f"no agency has the code {options['agency']!r}")
        lines: list[StationLine] = []
        unread = 0
        try:
            with path.open("rb") as stream:
                for item in station_lists.read(stream):
                    if isinstance(item, Unread):
                        unread += 1
                        self.stderr.write(f"line {item.line_number}: {item.reason}")
                    else:
                        lines.append(item)
        except (OSError, FormatError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        with transaction.atomic():
            added = add_stations(lines, agency, options["source"] or path.name)
            aliases = seed_aliases()
        self.stdout.write(
            f"{added} stations added, {len(lines) - added} known already, "
            f"{unread} lines not read; {aliases} aliases added"
        )


def add_stations(lines: list[StationLine], agency: Agency | None, source: str) -> int:
    """Store the stations that are not there yet and return how many they were."""
    before = Station.objects.count()
    networks = {network.code: network for network in Network.objects.all()}
    places: dict[str, list[tuple[float, float]]] = {}
    for code, point in Station.objects.values_list("code", "point"):
        places.setdefault(code, []).append((point.x, point.y))
    missing = []
    # Networks first: the registry's line for a station of one of them says the same again.
    for line in sorted(lines, key=lambda line: not line.network):
        if not line.network and any(
            abs(longitude - line.longitude) < SAME_PLACE_DEG
            and abs(latitude - line.latitude) < SAME_PLACE_DEG
            for longitude, latitude in places.get(line.code, ())
        ):
            continue
        if line.network and line.network not in networks:
            networks[line.network] = Network.objects.create(code=line.network)
        if line.network:
            places.setdefault(line.code, []).append((line.longitude, line.latitude))
        missing.append(
            Station(
                network=networks[line.network] if line.network else None,
                agency=agency,
                code=line.code,
                name_en=line.site[:100],
                point=Point(line.longitude, line.latitude, srid=4326),
                elevation_m=line.elevation_m,
                start=line.start,
                end=line.end,
                source=source[:200],
            )
        )
    # An epoch that overlaps a known one of the same network and code is left out by the
    # exclusion constraint; what is known is never overwritten by a list.
    Station.objects.bulk_create(missing, batch_size=BATCH, ignore_conflicts=True)
    return Station.objects.count() - before
