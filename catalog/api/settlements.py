"""Settlements around a point: ``/settlements?latitude=43.2&longitude=76.9&maxradiuskm=100``."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.members import Member, Type, told
from catalog.api.public import LANG, PublicView, asked_of, respond_with
from catalog.search import Kind, Parameter, SearchError, SearchProblem
from catalog.settlements import Near, around, oblast_of

INTEGER, NUMBER, TEXT, TEXTS = Type.INTEGER, Type.NUMBER, Type.TEXT, Type.TEXTS
#: Settlements of one answer.
MOST = 500
RADIUS_KM = 100.0
_CIRCLE = ("latitude", "longitude", "maxradiuskm")
ATTRIBUTION = "GeoNames (https://www.geonames.org/), CC BY 4.0, with corrections of this portal"

WORDS = (
    Parameter("latitude", Kind.FLOAT, "circle",
              gettext_lazy("Latitude of the point, degrees; without a point, the largest are"
                           " told."),
              minimum=-90, maximum=90),
    Parameter("longitude", Kind.FLOAT, "circle", gettext_lazy("Longitude of the point, degrees."),
              minimum=-180, maximum=180),
    Parameter("maxradiuskm", Kind.FLOAT, "circle",
              gettext_lazy("Largest distance, km; without it, 100."),
              minimum=0, maximum=1000),
    Parameter("minpopulation", Kind.INTEGER, "answer",
              gettext_lazy("Least number of people; above 0, places of unknown number are left"
                           " out."),
              default="0", minimum=0, maximum=100_000_000),
)  # fmt: skip

MEMBER: tuple[Member, ...] = (
    Member("geonames_id", INTEGER, "Its number at GeoNames; null: added here.", 1526384),
    Member("name", TEXT, "Name in the language asked for.", "Almaty", null=False),
    Member("name_kk", TEXT, "Name in Kazakh.", "Алматы", null=False),
    Member("name_ru", TEXT, "Name in Russian.", "Алматы", null=False),
    Member("name_en", TEXT, "Name in English.", "Almaty", null=False),
    Member("old_names", TEXTS, "Names it bore before.", ["Верный", "Алма-Ата"], null=False),
    Member("oblast", TEXT, "Oblast, in Kazakhstan.", "Almaty city", null=False),
    Member("country", TEXT, "Country, ISO 3166.", "KZ", null=False),
    Member("population", INTEGER, "People; null: not known.", 1977011),
    Member("latitude", NUMBER, "Degrees.", 43.25249, null=False),
    Member("longitude", NUMBER, "Degrees.", 76.9115, null=False),
    Member("distance_km", NUMBER, "From the point, km, on the ellipsoid; null: no point.", 3.1),
)  # fmt: skip


@described(
    "settlements",
    gettext_lazy("Settlements around a point"),
    (*WORDS, LANG),
    "Settlements",
    example="latitude=43.2&longitude=76.9&maxradiuskm=60&minpopulation=20000",
    tag="settlements",
)
class SettlementsView(PublicView):
    """Settlements within a distance of a point, the nearest first; without a point, the largest.

    At most 500.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (*WORDS, LANG), events=False)
        latitude, longitude = asked.words["latitude"], asked.words["longitude"]
        radius = asked.words["maxradiuskm"]
        given = [name for name in _CIRCLE if asked.words[name] is not None]
        if given and (latitude is None or longitude is None):
            raise SearchError([SearchProblem(given[0], "needs", expected="latitude, longitude")])
        found = around(
            None if latitude is None else (latitude, longitude),
            maxradius_km=RADIUS_KM if radius is None else radius,
            minpopulation=asked.words["minpopulation"],
            most=MOST + 1,
        )
        return respond_with(
            request,
            {
                "count": len(found[:MOST]),
                "truncated": len(found) > MOST,
                "attribution": ATTRIBUTION,
                "settlements": [_told(one, asked.language) for one in found[:MOST]],
            },
            None,
        )


def _told(one: Near, language: str) -> dict[str, object]:
    values = {
        "geonames_id": one.geonames_id,
        "name": one.names[language] or one.names["en"],
        **{f"name_{code}": one.names[code] for code in ("kk", "ru", "en")},
        "old_names": one.old_names,
        "oblast": oblast_of(one.country, one.region_code),
        "country": one.country,
        "population": one.population,
        "latitude": round(one.latitude, 6),
        "longitude": round(one.longitude, 6),
        "distance_km": None if one.distance_km is None else round(one.distance_km, 3),
    }
    return told(MEMBER, {f"m_{name}": value for name, value in values.items()})
