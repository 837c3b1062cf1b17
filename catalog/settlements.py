"""Which settlement a bulletin means by the name of a place, and which a reader looks for.

Names repeat (there are several Talgars), so a name alone decides only when one settlement of that
name lies near the event, or one is so much larger than the rest that nobody would mean another.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: Farther than this from the epicentre a settlement of the name is not meant (felt at most there).
FARTHEST_KM = 1500.0
#: So many times more people than the next of the name: the larger one is meant.
DOMINANCE = 10
#: A place given with coordinates is the settlement of its name within this distance.
SAME_PLACE_KM = 25.0
EARTH_RADIUS_KM = 6371.0088

#: First-order divisions of Kazakhstan by their code in GeoNames (admin1; the three of 2022 by
#: their number there), as the settlements of the file bear it.
OBLASTS: dict[str, str | Promise] = {
    "01": _("Almaty Region"),
    "02": _("Almaty city"),
    "03": _("Akmola Region"),
    "04": _("Aktobe Region"),
    "05": _("Astana city"),
    "06": _("Atyrau Region"),
    "07": _("West Kazakhstan Region"),
    "08": _("Baikonur city"),
    "09": _("Mangystau Region"),
    "10": _("Turkistan Region"),
    "11": _("Pavlodar Region"),
    "12": _("Karaganda Region"),
    "13": _("Kostanay Region"),
    "14": _("Kyzylorda Region"),
    "15": _("East Kazakhstan Region"),
    "16": _("North Kazakhstan Region"),
    "17": _("Zhambyl Region"),
    "1537272": _("Shymkent city"),
    "12510143": _("Abai Region"),
    "12510144": _("Jetisu Region"),
    "12510145": _("Ulytau Region"),
}


def oblast_of(country: str, region_code: str) -> str:
    """Return the name of the oblast in the language now active; empty outside Kazakhstan."""
    return str(OBLASTS.get(region_code, "")) if country == "KZ" else ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A settlement that bears the name."""

    settlement_id: int
    latitude: float
    longitude: float
    population: int

    def distance_km(self, latitude: float, longitude: float) -> float:
        """Great-circle distance [km]."""
        phi, phi0 = math.radians(self.latitude), math.radians(latitude)
        a = (
            math.sin((phi - phi0) / 2) ** 2
            + math.cos(phi)
            * math.cos(phi0)
            * math.sin(math.radians(self.longitude - longitude) / 2) ** 2
        )
        return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(a)))


def candidates(names: Collection[str]) -> dict[str, list[Candidate]]:
    """Return the settlements of each name, in any of its languages, in one query."""
    wanted = sorted({name.strip().casefold() for name in names if name.strip()})
    found: dict[str, list[Candidate]] = defaultdict(list)
    if not wanted:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT known.name, s.id, ST_Y(s.point), ST_X(s.point),
                coalesce(s.population, 0)
            FROM catalog_settlement s
            CROSS JOIN LATERAL (
                SELECT lower(name) AS name FROM unnest(array[s.name_en, s.name_ru, s.name_kk]) name
                UNION
                SELECT lower(name) FROM jsonb_array_elements_text(s.other_names) name) known
            WHERE known.name = ANY (%s)
            ORDER BY s.id
            """,
            [wanted],
        )
        for name, *values in cursor.fetchall():
            found[name].append(Candidate(*values))
    return found


def choose(
    named: Collection[Candidate],
    *,
    epicentre: tuple[float, float] | None,
    place: tuple[float, float] | None,
) -> Candidate | None:
    """Return the settlement meant, None where it is not sure.

    Parameters
    ----------
    named : settlements that bear the name
    epicentre, place : (latitude, longitude) [deg] of the event and, if the report gives it, of
        the place itself
    """
    if place is not None:
        near = [c for c in named if c.distance_km(*place) <= SAME_PLACE_KM]
        return min(near, key=lambda c: (c.distance_km(*place), c.settlement_id), default=None)
    if epicentre is not None:
        named = [c for c in named if c.distance_km(*epicentre) <= FARTHEST_KM]
    ordered = sorted(named, key=lambda c: (-c.population, c.settlement_id))
    if len(ordered) > 1 and ordered[0].population < DOMINANCE * max(1, ordered[1].population):
        return None
    return ordered[0] if ordered else None


@dataclass(frozen=True, slots=True)
class Found:
    """A settlement that a reader may mean; ``matched`` is the name that was found."""

    names: dict[str, str]
    matched: str
    latitude: float
    longitude: float
    population: int | None
    country: str
    region_code: str
    settlement_id: int


def found_by(text: str, most: int) -> list[Found]:
    """Return settlements whose name, in any language or spelling, begins with a text or has it.

    Those that begin with it come first, the largest of them first. An empty text finds the largest.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT * FROM (
                SELECT DISTINCT ON (s.id) s.name_en, s.name_ru, s.name_kk, known.name,
                    ST_Y(s.point), ST_X(s.point), s.population, s.country, s.region_code, s.id,
                    starts_with(lower(known.name), %(text)s) AS begins
                FROM catalog_settlement s
                CROSS JOIN LATERAL (
                    SELECT name, rank FROM unnest(array[s.name_en, s.name_ru, s.name_kk])
                        WITH ORDINALITY own(name, rank)
                    UNION ALL
                    SELECT name, 4 FROM jsonb_array_elements_text(s.other_names) name) known
                WHERE strpos(lower(known.name), %(text)s) > 0
                ORDER BY s.id, begins DESC, known.rank) found
            ORDER BY begins DESC, population DESC NULLS LAST, name_en LIMIT %(most)s
            """,
            {"text": text.strip().lower(), "most": most},
        )
        return [
            Found({"en": en, "ru": ru, "kk": kk}, *values[:-1])
            for en, ru, kk, *values in cursor.fetchall()
        ]
