"""Where an event was, in words: the shore of a lake, towns around it, the nearest city.

Every word rests on stored data: settlements of GeoNames with their population, outlines of three
large lakes. A shore is named only near one of these; else the place is that of the catalogue's row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from django.db import connection
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from numpy.typing import NDArray

import catalog.data
from catalog.models import EventRow
from portal.templatetags.seismo import kilometres, row_place

FloatArray = NDArray[np.float64]

LAKES = Path(catalog.data.__file__).parent / "lakes.geojson"
"""Natural Earth 1:50m, as on the basemap (docs/data-sources.md); true to about 3 km."""
#: An epicentre so near to a lake is told by its shore. Ours.
SHORE_KM = 20.0
KM_PER_DEGREE = 111.195
#: A city has so many people or more.
CITY = 100_000
NEAREST, CITIES = 8, 3
#: A city farther off says nothing of where an event was.
FARTHEST_CITY_KM = 700.0
#: So near to a settlement the direction is not told: no bulletin knows it.
NEAR_KM = 3.0

_AROUND = """
SELECT near.id, near.name_en, near.name_ru, near.name_kk, near.population, near.country,
    ST_Distance(near.point::geography, epicentre.point::geography) / 1000.0 AS km,
    degrees(ST_Azimuth(near.point::geography, epicentre.point::geography))
FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point) epicentre
CROSS JOIN LATERAL (
    (SELECT * FROM catalog_settlement ORDER BY point <-> epicentre.point LIMIT %(candidates)s)
    UNION
    (SELECT * FROM catalog_settlement WHERE population >= %(city)s
     ORDER BY point <-> epicentre.point LIMIT %(candidates)s)
) near
ORDER BY km, near.id
"""


@dataclass(frozen=True, slots=True)
class Around:
    """A settlement near an epicentre."""

    settlement_id: int
    names: Mapping[str, str]
    population: int | None
    country: str
    distance_km: float
    azimuth: float | None
    """From the settlement to the epicentre [deg]; None at the very place."""

    @property
    def name(self) -> str:
        return self.names.get((get_language() or "en")[:2]) or self.names["en"]

    @property
    def direction(self) -> str:
        """Where the epicentre lies, seen from there; "" where it is too near to say."""
        if self.azimuth is None or self.distance_km < NEAR_KM:
            return ""
        return direction_letters()[round(self.azimuth / 45.0) % 8]

    @property
    def is_city(self) -> bool:
        return (self.population or 0) >= CITY


def direction_letters() -> Sequence[str]:
    """Return the eight directions from north on, by their letters."""
    return [
        pgettext("direction", "N"), pgettext("direction", "NE"), pgettext("direction", "E"),
        pgettext("direction", "SE"), pgettext("direction", "S"), pgettext("direction", "SW"),
        pgettext("direction", "W"), pgettext("direction", "NW"),
    ]  # fmt: skip


def settlements_around(latitude: float, longitude: float) -> list[Around]:
    """Return the nearest settlements and the nearest cities, nearest first; one query."""
    asked = {
        "lat": latitude,
        "lon": longitude,
        "city": CITY,
        # The index orders by degrees, of which those of longitude are shorter: some to spare.
        "candidates": 3 * NEAREST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, asked)
        found = [
            Around(key, {"en": en, "ru": ru, "kk": kk}, people, country, round(km, 3), azimuth)
            for key, en, ru, kk, people, country, km, azimuth in cursor.fetchall()
        ]
    cities = [place for place in found if place.is_city][:CITIES]
    kept = {place.settlement_id for place in (*found[:NEAREST], *cities)}
    return [place for place in found if place.settlement_id in kept]


# --- Lakes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lake:
    names: Mapping[str, str]
    outline: FloatArray
    """Longitude and latitude of its corners [deg], shape (n, 2), closed."""


@cache
def lakes() -> tuple[Lake, ...]:
    stored = json.loads(LAKES.read_text(encoding="utf-8"))
    return tuple(
        Lake(
            {code: one["properties"][f"name_{code}"] for code in ("en", "ru", "kk")},
            np.array(one["geometry"]["coordinates"][0], dtype=np.float64),
        )
        for one in stored["features"]
    )


@dataclass(frozen=True, slots=True)
class Shore:
    """How an epicentre lies to a lake."""

    lake: Lake
    distance_km: float
    azimuth: float
    """From the nearest point of the shore to the epicentre [deg]."""
    is_inside: bool


def shore_of(latitude: float, longitude: float, lake: Lake) -> Shore:
    """Return how a point lies to the outline of a lake, on a plane that is true near the point."""
    flat = np.array([np.cos(np.radians(latitude)) * KM_PER_DEGREE, KM_PER_DEGREE])
    corners = (lake.outline - np.array([longitude, latitude])) * flat
    start, step = corners[:-1], np.diff(corners, axis=0)
    length = np.maximum((step**2).sum(axis=1), 1e-12)
    share = np.clip(-(start * step).sum(axis=1) / length, 0.0, 1.0)
    nearest = start + share[:, None] * step
    distance = np.hypot(nearest[:, 0], nearest[:, 1])
    best = int(distance.argmin())
    east, north = -nearest[best]
    # A ray to the east meets the outline an odd number of times from within.
    above = corners[:, 1] > 0
    crosses = above[:-1] != above[1:]
    rise = np.where(step[:, 1] == 0, 1.0, step[:, 1])
    meets = crosses & (start[:, 0] - start[:, 1] * step[:, 0] / rise > 0)
    return Shore(
        lake,
        float(distance[best]),
        float(np.degrees(np.arctan2(east, north)) % 360.0),
        bool(np.count_nonzero(meets) % 2),
    )


def lake_words(latitude: float, longitude: float) -> str:
    """Return "south shore of Issyk-Kul" or "under Lake Issyk-Kul"; "" away from known lakes."""
    for lake in lakes():
        shore = shore_of(latitude, longitude, lake)
        names = {"lake": lake.names.get((get_language() or "en")[:2], lake.names["en"])}
        if shore.is_inside:
            return _("under Lake %(lake)s") % names
        if shore.distance_km <= SHORE_KM:
            texts = (
                _("north shore of %(lake)s"),
                _("east shore of %(lake)s"),
                _("south shore of %(lake)s"),
                _("west shore of %(lake)s"),
            )
            return texts[round(shore.azimuth / 90.0) % 4] % names
    return ""


def place_words(row: EventRow, around: Sequence[Around]) -> str:
    """Return where an event was: a shore or the row's place, then how far from a city.

    ``south shore of Issyk-Kul, 131 km from Almaty``; ``12 km NE of Kegen, 160 km from Almaty``.
    """
    shore = lake_words(row.latitude, row.longitude)
    place = shore or row_place(row)
    city = next((one for one in around if one.is_city), None)
    if city is None or city.distance_km > FARTHEST_CITY_KM:
        return place
    if not shore and row.settlement_id is not None:
        told = next((a for a in around if a.settlement_id == row.settlement_id), None)
        # The row's place already counts from a city.
        if city.settlement_id == row.settlement_id or (told is not None and told.is_city):
            return place
    far = _("%(distance)s from %(city)s") % {
        "distance": kilometres(city.distance_km), "city": city.name,
    }  # fmt: skip
    return f"{place}, {far}"
