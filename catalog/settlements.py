"""Which settlement a bulletin means by the name of a place.

Names repeat (there are several Talgars), so a name alone decides only when one settlement of that
name lies near the event, or one is so much larger than the rest that nobody would mean another.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

#: Farther than this from the epicentre a settlement of the name is not meant (felt at most there).
FARTHEST_KM = 1500.0
#: So many times more people than the next of the name: the larger one is meant.
DOMINANCE = 10
#: A place given with coordinates is the settlement of its name within this distance.
SAME_PLACE_KM = 25.0
EARTH_RADIUS_KM = 6371.0088


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
