"""Which settlement a bulletin means by the name of a place, and which a reader looks for.

Names repeat (there are several Talgars), so a name alone decides only when one settlement of that
name lies near the event, or one is so much larger than the rest that nobody would mean another.
A name that no settlement bears is looked for by its key (``catalog.place_names``), which is the
same for every spelling of it; a name misspelt is proposed to a person and never taken by itself.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog import place_names

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
    """Return the settlements of each name, in any of its languages, of now or before.

    One query for the names as they are written; those that no settlement bears so are looked for
    once more by their key. Keyed by the name stripped and in small letters.
    """
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
                SELECT lower(name)
                FROM jsonb_array_elements_text(s.other_names || s.old_names) name) known
            WHERE known.name = ANY (%s)
            ORDER BY s.id
            """,
            [wanted],
        )
        for name, *values in cursor.fetchall():
            found[name].append(Candidate(*values))
    if unknown := [name for name in wanted if name not in found]:
        gazetteer = read_gazetteer()
        for name in unknown:
            if keyed := gazetteer.by_key.get(place_names.key(name)):
                found[name] = [
                    Candidate(p.settlement_id, p.latitude, p.longitude, p.population or 0)
                    for p in sorted({place for place, _n in keyed}, key=lambda p: p.settlement_id)
                ]
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

    Those that begin with it come first, the largest of them first. An empty text finds the largest;
    one that no name has finds what it may be a spelling of, or misspelt.
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
                    SELECT name, 4 FROM jsonb_array_elements_text(s.old_names) name
                    UNION ALL
                    SELECT name, 5 FROM jsonb_array_elements_text(s.other_names) name) known
                WHERE strpos(lower(known.name), %(text)s) > 0
                ORDER BY s.id, begins DESC, known.rank) found
            ORDER BY begins DESC, population DESC NULLS LAST, name_en LIMIT %(most)s
            """,
            {"text": text.strip().lower(), "most": most},
        )
        rows = cursor.fetchall()
    if rows or not text.strip():
        return [Found({"en": en, "ru": ru, "kk": kk}, *values[:-1]) for en, ru, kk, *values in rows]
    return [
        Found(
            {"en": one.place.name_en, "ru": one.place.name_ru, "kk": one.place.name_kk},
            one.matched,
            *(one.place.latitude, one.place.longitude, one.place.population),
            *(one.place.country, one.place.region_code, one.place.settlement_id),
        )
        for one in proposals(text, most=most)
    ]


# --- Proposals: every spelling, former names, and names misspelt --------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A settlement of the gazetteer."""

    settlement_id: int
    name_en: str
    name_ru: str
    name_kk: str
    latitude: float
    longitude: float
    population: int | None
    country: str
    region_code: str

    def name(self, language: str) -> str:
        return {"ru": self.name_ru, "kk": self.name_kk}.get(language, "") or self.name_en

    def distance_km(self, latitude: float, longitude: float) -> float:
        """Great-circle distance [km]."""
        return Candidate(self.settlement_id, self.latitude, self.longitude, 0).distance_km(
            latitude, longitude
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A settlement that a name may mean; ``matched`` is the one of its names that was found."""

    place: Place
    matched: str
    #: Letters by which the key of the name differs; 0: it is a spelling of that name.
    errors: int
    #: From what it was asked near to [km].
    distance_km: float | None

    @property
    def is_spelling(self) -> bool:
        return self.errors == 0


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """All settlements by the keys of their names: key -> (place, name) pairs."""

    by_key: dict[str, list[tuple[Place, str]]]
    #: Key -> its letters as bits, by the length of the key.
    by_length: dict[int, list[tuple[str, int]]]


def proposals(
    text: str,
    *,
    near: tuple[float, float] | None = None,
    most: int = 10,
    gazetteer: Gazetteer | None = None,
) -> list[Proposal]:
    """Return the settlements a name may mean, in any spelling or one or two letters wrong.

    Parameters
    ----------
    text : the name as it was written
    near : (latitude, longitude) [deg] to tell distances from; those farther than ``FARTHEST_KM``
        are left out, unless there are no others
    gazetteer : what `read_gazetteer` returned, so that many names are one question to the database

    Returns
    -------
    list of Proposal
        One a settlement; its spellings first, then the nearest, or the largest without ``near``.
    """
    asked = place_names.key(text)
    if not asked:
        return []
    gazetteer = gazetteer or read_gazetteer()
    keys = {asked: 0} if asked in gazetteer.by_key else {}
    # A name that is known is not taken for another misspelt.
    most_wrong = 0 if keys else place_names.allowed_distance(asked)
    letters = place_names.letters_of(asked)
    for length in range(len(asked) - most_wrong, len(asked) + most_wrong + 1):
        for other, bits in gazetteer.by_length.get(length, ()) if most_wrong else ():
            if (letters ^ bits).bit_count() <= 2 * most_wrong:
                wrong = place_names.edit_distance(asked, other, most_wrong)
                if wrong <= most_wrong:
                    keys[other] = wrong
    best: dict[int, Proposal] = {}
    for found, errors in sorted(keys.items(), key=lambda item: item[1]):
        for place, name in gazetteer.by_key[found]:
            away = None if near is None else place.distance_km(*near)
            best.setdefault(place.settlement_id, Proposal(place, name, errors, away))

    def order(one: Proposal) -> tuple[int, float, int]:
        away = one.distance_km
        rank = -float(one.place.population or 0) if away is None else away
        return one.errors, rank, one.place.settlement_id

    within = [o for o in best.values() if o.distance_km is None or o.distance_km <= FARTHEST_KM]
    return sorted(within or best.values(), key=order)[:most]


def the_one(
    found: Collection[Proposal], place: tuple[float, float] | None = None
) -> Proposal | None:
    """Return the proposal that is meant beyond doubt, else ``None``: a person chooses.

    It is the only spelling within reach of the event; or, where the report gives coordinates
    (``place``, latitude and longitude [deg]), the only one within ``SAME_PLACE_KM`` of them.
    """
    spelled = [one for one in found if one.is_spelling]
    if place is not None:
        spelled = [one for one in spelled if one.place.distance_km(*place) <= SAME_PLACE_KM]
    else:
        spelled = [o for o in spelled if o.distance_km is None or o.distance_km <= FARTHEST_KM]
    return spelled[0] if len(spelled) == 1 else None


def read_gazetteer() -> Gazetteer:
    """Return the gazetteer as it is now; it is kept until a settlement changes."""
    with connection.cursor() as cursor:
        # A few milliseconds for all of it, and no edit is missed, whoever made it.
        cursor.execute("SELECT sum(hashtextextended(s::text, 0)) FROM catalog_settlement s")
        return _gazetteer_of(*cursor.fetchone())


@lru_cache(maxsize=2)
def _gazetteer_of(*_state: object) -> Gazetteer:
    """Return the gazetteer as of a state of the table; built again when that changes."""
    by_key: dict[str, list[tuple[Place, str]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name_en, name_ru, name_kk, ST_Y(point), ST_X(point), population, country,"
            " region_code, ARRAY(SELECT jsonb_array_elements_text(old_names || other_names))"
            " FROM catalog_settlement ORDER BY id"
        )
        for *values, others in cursor.fetchall():
            place = Place(*values)
            told: set[str] = set()
            for name in (place.name_en, place.name_ru, place.name_kk, *others):
                key = place_names.key(name)
                if key and key not in told:
                    told.add(key)
                    by_key[key].append((place, name))
    by_length: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for key in by_key:
        by_length[len(key)].append((key, place_names.letters_of(key)))
    return Gazetteer(dict(by_key), dict(by_length))


# --- Near a point -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Near:
    """A settlement near a point."""

    geonames_id: int | None
    names: dict[str, str]
    old_names: list[str]
    latitude: float
    longitude: float
    population: int | None
    country: str
    region_code: str
    distance_km: float | None


def around(
    point: tuple[float, float] | None,
    *,
    maxradius_km: float,
    minpopulation: int = 0,
    most: int = 100,
) -> list[Near]:
    """Return settlements within a distance of a point, nearest first; without one, the largest.

    Parameters
    ----------
    point : (latitude, longitude) [deg], or ``None``
    maxradius_km : on the ellipsoid [km]; of no effect without a point
    minpopulation : leaves out those with fewer people and, above 0, those of unknown number
    """
    latitude, longitude = point or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT geonames_id, name_en, name_ru, name_kk, old_names, ST_Y(s.point), ST_X(s.point),
                population, country, region_code,
                ST_Distance(s.point::geography, asked.point) / 1000.0 AS km
            FROM catalog_settlement s, (SELECT ST_SetSRID(
                ST_MakePoint(%(lon)s::float8, %(lat)s::float8), 4326)::geography AS point) asked
            WHERE (asked.point IS NULL
                    OR ST_DWithin(s.point::geography, asked.point, %(radius)s))
                AND coalesce(population, 0) >= %(people)s
            ORDER BY km, population DESC NULLS LAST, s.id LIMIT %(most)s
            """,
            {
                "lat": latitude,
                "lon": longitude,
                "radius": maxradius_km * 1000.0,
                "people": minpopulation,
                "most": most,
            },
        )
        return [
            Near(number, {"en": en, "ru": ru, "kk": kk}, _names(old), *values)
            for number, en, ru, kk, old, *values in cursor.fetchall()
        ]


def _names(stored: Any) -> list[str]:
    """Return the list a column of JSON holds, which a cursor may give as text."""
    return list(json.loads(stored) if isinstance(stored, str) else stored)
