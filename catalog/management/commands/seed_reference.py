"""Add the shipped reference data: agencies, networks, stations, aliases, areas, settlements.

It only adds what is missing and never overwrites a row, so staff may correct what was seeded and
the command may run at every start.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon, Point, Polygon
from django.core.management.base import BaseCommand
from django.db import transaction

from catalog.models import (
    Agency,
    AuthoritativeArea,
    Network,
    Settlement,
    Station,
    StationAlias,
)
from catalog.statistics import NORTHERN_TIEN_SHAN

DATA = Path(settings.BASE_DIR) / "catalog" / "data"

STATION_SOURCE = (
    "International Seismological Centre, International Seismograph Station Registry, "
    "https://doi.org/10.31905/EL3FQQ40"
)


class Command(BaseCommand):
    help = "Add the shipped agencies, networks, stations, areas and settlements that are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            added = {
                "agencies": seed_agencies(),
                "networks": seed_networks(),
                "stations": seed_stations(),
                "aliases": seed_aliases(),
                "areas": seed_areas(),
                "settlements": seed_settlements(),
            }
        told = ", ".join(f"{count} {what}" for what, count in added.items() if count)
        self.stdout.write(f"Reference data: {'added ' + told if told else 'nothing missing'}")


def rows(name: str) -> Iterator[dict[str, str]]:
    with open(DATA / name, encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def seed_agencies() -> int:
    """The agencies the portal knows by name, successors before their predecessors."""
    added = 0
    for row in rows("agencies.csv"):
        successor = row["successor"]
        details = {
            "name_en": row["name_en"],
            "name_ru": row["name_ru"],
            "name_kk": row["name_kk"],
            "valid_to": row["valid_to"] or None,
            "successor": Agency.objects.get(code=successor) if successor else None,
            "url": row["url"],
            "attribution": row["attribution"],
        }
        agency, created = Agency.objects.get_or_create(code=row["code"], defaults=details)
        if agency.is_provisional:  # met in a bulletin before it was seeded: now it has details
            Agency.objects.filter(pk=agency.pk).update(**details, is_provisional=False)
        added += created
    portal = Agency.objects.filter(is_portal=True).first()
    # The pipeline makes it on first use, by its code alone.
    if portal is None or not portal.name_en:
        Agency.objects.update_or_create(
            code=portal.code if portal else settings.PORTAL_AGENCY_CODE,
            defaults={
                "name_en": "Merged catalogue of Kazakhstan (computed by this portal)",
                "name_ru": "Сводный каталог Казахстана (вычислено этим порталом)",
                "name_kk": "Қазақстанның біріктірілген каталогы (осы портал есептеген)",
                "is_portal": True,
                "is_provisional": False,
            },
        )
        added += 1
    return added


def seed_networks() -> int:
    added = 0
    for row in rows("networks.csv"):
        operator = Agency.objects.get(code=row["operator"]) if row["operator"] else None
        _, created = Network.objects.get_or_create(
            code=row["code"], defaults={"name_en": row["name_en"], "operator": operator}
        )
        added += created
    return added


def seed_stations() -> int:
    added = 0
    for row in rows("stations.csv"):
        network = Network.objects.get(code=row["network"]) if row["network"] else None
        agency = Agency.objects.get(code=row["agency"]) if row["agency"] else None
        if Station.objects.filter(network=network, agency=agency, code=row["code"]).exists():
            continue
        Station.objects.create(
            network=network,
            agency=agency,
            code=row["code"],
            name_en=row["name_en"],
            name_ru=row["name_ru"],
            name_kk=row["name_kk"],
            point=Point(float(row["longitude"]), float(row["latitude"]), srid=4326),
            elevation_m=float(row["elevation_m"]),
            kind=row["kind"],
            source=STATION_SOURCE,
        )
        added += 1
    return added


def seed_aliases() -> int:
    """Agencies' own codes of the stations that are there; the others wait for an import."""
    added = 0
    for row in rows("station_aliases.csv"):
        station = Station.objects.filter(code=row["station"]).order_by("pk").first()
        if station is None:
            continue
        _, created = StationAlias.objects.get_or_create(
            agency=Agency.objects.get(code=row["agency"]), code=row["code"], station=station
        )
        added += created
    return added


def seed_areas() -> int:
    outline = json.loads((DATA / "kazakhstan.geojson").read_text(encoding="utf-8"))["geometry"]
    kazakhstan = GEOSGeometry(json.dumps(outline), srid=4326)
    assert isinstance(kazakhstan, MultiPolygon)  # noqa: S101  # as catalog.data.build wrote it
    # Whose solution leads in them is said by the preference rules.
    areas = (
        (
            "Northern Tien Shan",
            MultiPolygon(Polygon.from_bbox(NORTHERN_TIEN_SHAN), srid=4326),
        ),
        ("Kazakhstan", kazakhstan),
    )
    added = 0
    for name, area in areas:
        _, created = AuthoritativeArea.objects.get_or_create(name=name, defaults={"area": area})
        added += created
    return added


def seed_settlements() -> int:
    """The populated places of the region (GeoNames, CC BY 4.0), with the names they bore before.

    One that somebody corrected at the desk (``edited_at``) stays as it is.
    """
    old_names = {
        int(row["geonames_id"]): row["old_names"].split(";") for row in rows("old_names.csv")
    }
    known = set(Settlement.objects.values_list("geonames_id", flat=True))
    with gzip.open(DATA / "settlements.tsv.gz", "rt", encoding="utf-8", newline="") as stream:
        missing = [
            Settlement(
                geonames_id=int(row["geonames_id"]),
                name_en=row["name_en"],
                name_ru=row["name_ru"],
                name_kk=row["name_kk"],
                other_names=row["other_names"].split(",") if row["other_names"] else [],
                old_names=old_names.get(int(row["geonames_id"]), []),
                point=Point(float(row["longitude"]), float(row["latitude"]), srid=4326),
                population=int(row["population"]) if row["population"] else None,
                country=row["country"],
                region_code=row["region_code"],
                feature_code=row["feature_code"],
            )
            for row in csv.DictReader(stream, delimiter="\t")
            if int(row["geonames_id"]) not in known
        ]
    Settlement.objects.bulk_create(missing, batch_size=500)
    nameless = Settlement.objects.filter(
        geonames_id__in=old_names, edited_at__isnull=True, old_names=[]
    )
    for settlement in nameless:
        settlement.old_names = old_names[settlement.geonames_id or 0]
        settlement.save(update_fields=["old_names"])
    return len(missing)
