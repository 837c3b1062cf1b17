"""Add stations from a file the operator has: the ISC registry's list or FDSN station text.

Two forms are told apart by their lines. ``CODE, ALIAS, latitude, longitude, elevation`` is the
list of the International Seismograph Station Registry as iLoc keeps it: no network, no epochs.
``Network|Station|Latitude|Longitude|Elevation|SiteName|StartTime|EndTime`` is what an FDSN station
service answers to ``format=text&level=station``. Stations already known are left alone; a line
that cannot be read is told with its number and the rest is still imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.contrib.gis.geos import Point
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from catalog.management.commands.seed_reference import seed_aliases
from catalog.models import Agency, Network, Station

BATCH = 2000
#: Nearer than this to a station of the same code, a line of a list without networks is that one.
SAME_PLACE_DEG = 0.03
#: FDSN services write a far year for an epoch that has no end.
OPEN_END_YEAR = 2500


@dataclass(frozen=True, slots=True)
class StationLine:
    """One station as a line of the file gives it."""

    code: str
    latitude: float
    longitude: float
    elevation_m: float | None
    network: str = ""
    site: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that could not be read, and why."""

    line_number: int
    reason: str


class Command(BaseCommand):
    help = "Add stations from an ISC registry list (CSV) or an FDSN station text file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--agency", default="", help="code of the agency whose stations these are"
        )
        parser.add_argument("--source", default="", help="where the list is from, for citation")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        agency = None
        if options["agency"]:
            agency = Agency.objects.filter(code=options["agency"]).first()
            if agency is None:
                raise CommandError(f"no agency has the code {options['agency']!r}")
        lines: list[StationLine] = []
        unread = 0
        for item in read_stations(text):
            if isinstance(item, Unread):
                unread += 1
                self.stderr.write(f"line {item.line_number}: {item.reason}")
            else:
                lines.append(item)
        with transaction.atomic():
            added = add_stations(lines, agency, options["source"] or path.name)
            aliases = seed_aliases()
        self.stdout.write(
            f"{added} stations added, {len(lines) - added} known already, "
            f"{unread} lines not read; {aliases} aliases added"
        )


def read_stations(text: str) -> Iterator[StationLine | Unread]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("|" if "|" in line else ",")]
        try:
            yield fdsn_line(cells) if "|" in line else registry_line(cells)
        except (ValueError, IndexError) as error:
            yield Unread(number, f"{line[:80]!r} is not a station: {error}")


def registry_line(cells: list[str]) -> StationLine:
    """``CODE, ALIAS, latitude, longitude, elevation`` (m)."""
    code, _alias, latitude, longitude, elevation = cells
    return checked(StationLine(code, float(latitude), float(longitude), metres(elevation)))


def fdsn_line(cells: list[str]) -> StationLine:
    """``Network|Station|Latitude|Longitude|Elevation|SiteName|StartTime|EndTime``."""
    network, code, latitude, longitude, elevation, site, start, end = cells
    return checked(
        StationLine(
            code=code,
            latitude=float(latitude),
            longitude=float(longitude),
            elevation_m=metres(elevation),
            network=network,
            site=site,
            start=epoch(start),
            end=epoch(end),
        )
    )


def checked(line: StationLine) -> StationLine:
    if not 1 <= len(line.code) <= 10 or not line.code.isascii():
        raise ValueError(f"the code {line.code!r} is not one to ten letters")
    if not (-90 <= line.latitude <= 90 and -180 <= line.longitude <= 180):
        raise ValueError(f"{line.latitude} {line.longitude} is not on Earth")
    return line


def metres(text: str) -> float | None:
    return float(text) if text else None


def epoch(text: str) -> datetime | None:
    if not text:
        return None
    time = datetime.fromisoformat(text)
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return None if time.year >= OPEN_END_YEAR else time


def add_stations(lines: list[StationLine], agency: Agency | None, source: str) -> int:
    """Store the stations that are not there yet and return how many they were."""
    before = Station.objects.count()
    networks = {network.code: network for network in Network.objects.all()}
    places: dict[str, list[tuple[float, float]]] = {}
    for code, point in Station.objects.values_list("code", "point"):
        places.setdefault(code, []).append((point.x, point.y))
    missing = []
    for line in lines:
        if not line.network and any(
            abs(longitude - line.longitude) < SAME_PLACE_DEG
            and abs(latitude - line.latitude) < SAME_PLACE_DEG
            for longitude, latitude in places.get(line.code, ())
        ):
            continue
        if line.network and line.network not in networks:
            networks[line.network] = Network.objects.create(code=line.network)
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
