"""What the map draws beside epicentres: stations, mechanisms, intensities, places looked for.

Each answer is one table: ``columns`` name what stands in each of its ``rows``; columns may be added
at the end. Times are milliseconds since 1970; a value not reported is null, a text not told is
empty.

stations
    id (as below ``/stations/``), code, network, agency (who runs it), name, lat, lon, elevation_m,
    kind, array (id of the array it is an element of), start, end, open (it stands), synthetic: a
    station's latest epoch, by id
mechanisms
    id of the event, time, lat, lon, depth_km, kr, magnitude, magnitude_type, agency (author of the
    mechanism), strike_1, dip_1, rake_1, strike_2, dip_2, rake_2 [degrees], tensor (mrr, mtt, mpp,
    mrt, mrp, mtp [N m]), quality, synthetic, style (NF, NS, SS, TS, TF, U: Zoback 1992): the
    preferred one of each event, the largest first
intensities
    id of the event, time, lat, lon, place, best, minimum, maximum [degrees of the scale], felt,
    scale, calculated, agency, synthetic: of the newest event first, in it the strongest first
places
    name, matched (the name that was found, where it is another), oblast, country, population, lat,
    lon, id (of the settlement, for felt reports): the largest first
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    F,
    FloatField,
    Func,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, JSONArray, Now, NullIf
from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.public import (
    LANG,
    NOT_FOR_PAGES,
    PublicView,
    asked_of,
    event_words,
    respond_with,
    respond_with_text,
)
from catalog.api.stations import IDENTITY
from catalog.api.views import MAP_COLUMNS, MapRowsView, first_rows, milliseconds
from catalog.models import Station
from catalog.scales import KR_A_UNIT, KR_OF_ZERO
from catalog.search import EventSearch, Kind, Parameter, SearchError, SearchProblem
from catalog.settlements import found_by, oblast_of

ROWS_MOST = 5000
EPOCHS_MOST = 50_000
PLACES_MOST = 10
SHORTEST_NAME, LONGEST_NAME = 2, 60


def _coordinate(function: str, *points: str) -> Func:
    point = F(points[0]) if len(points) == 1 else Coalesce(*map(F, points))
    return Func(point, function=function, output_field=FloatField())


def _named(prefix: str, language: str, *others: Any) -> Any:
    """Return a name in a language, else in English, else another; empty if there is none."""
    names = [NullIf(F(f"{prefix}_{code}"), Value("")) for code in dict.fromkeys((language, "en"))]
    return Coalesce(*names, *others, Value(""))


# --- Stations -----------------------------------------------------------------------------------


@described("map_stations", gettext_lazy("Stations as the map draws them"), (LANG,), "MapRows",
           tag="map")  # fmt: skip
class StationsView(PublicView):
    """Every station with the place of its latest epoch.

    Columns: id, code, network, agency that runs it, name, lat, lon, elevation_m, kind, array (id of
    the array it is an element of), start, end, open (it stands), synthetic.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), events=False)
        owner = Coalesce(F("array__network__code"), F("array__agency__code"), Value(""))
        of_array = Func(owner, Value("."), F("array__code"), function="concat",
                        output_field=TextField())  # fmt: skip
        columns = {
            "id": F("identity"),
            "code": F("code"),
            "network": Coalesce(F("network__code"), Value("")),
            "agency": Coalesce(F("agency__code"), F("network__operator__code"), Value("")),
            "name": _named("name", asked.language),
            "lat": _coordinate("ST_Y", "point"),
            "lon": _coordinate("ST_X", "point"),
            "elevation_m": F("elevation_m"),
            "kind": F("kind"),
            "array": Case(When(array__isnull=False, then=of_array), output_field=TextField()),
            "start": milliseconds("start"),
            "end": milliseconds("end"),
            "open": Case(
                When(Q(end__isnull=True) | Q(end__gt=Now()), then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            ),
            "synthetic": F("synthetic"),
        }
        epochs = (
            Station.objects.annotate(identity=IDENTITY)
            .order_by("identity", F("end").desc(nulls_first=True), "-pk")
            .values_list("identity", Cast(JSONArray(*columns.values()), TextField()))
        )
        latest: dict[str, str] = {}
        for identity, row in epochs[:EPOCHS_MOST]:
            latest.setdefault(identity, row)
        # Stations are outside the catalogue's numbers: the answer itself is what is known again.
        answer = first_rows(columns, list(latest.values()), EPOCHS_MOST)
        return respond_with_text(request, answer, None)


# --- What hangs on the events of a search -------------------------------------------------------

_F = "event__preferred_focal_mechanism"
_I = "event__intensityobservations"
_PLANES = [f"{name}_{plane}" for plane in (1, 2) for name in ("strike", "dip", "rake")]
_TENSOR = ("mrr", "mtt", "mpp", "mrt", "mrp", "mtp")


def _whole(names: Sequence[str]) -> Q:
    condition = Q()
    for name in names:
        condition &= Q(**{f"{_F}__{name}__isnull": False})
    return condition


_MECHANISMS: dict[str, Any] = {
    **{name: MAP_COLUMNS[name] for name in ("id", "time", "lat", "lon", "depth_km", "kr")},
    "magnitude": F("magnitude"),
    "magnitude_type": F("magnitude_type"),
    "agency": Coalesce(F(f"{_F}__agency__code"), Value("")),
    **{name: F(f"{_F}__{name}") for name in _PLANES},
    "tensor": Case(When(_whole(_TENSOR), then=JSONArray(*(f"{_F}__{name}" for name in _TENSOR)))),
    "quality": F(f"{_F}__quality"),
    "synthetic": F("synthetic"),
    "style": F("faulting_style"),
}
#: So that those that are left when they are thinned out are the largest.
_SIZE = Coalesce(
    F("magnitude"),
    (F("kr") - Value(float(KR_OF_ZERO))) / Value(KR_A_UNIT),
    output_field=FloatField(),
)


@described("map_mechanisms", gettext_lazy("Mechanisms as the map draws them"),
           (*event_words("orderby", *NOT_FOR_PAGES), LANG), "MapRows",
           example="starttime=2014-01-01", tag="map")  # fmt: skip
class MechanismsView(MapRowsView):
    """The preferred mechanisms of the events of a search, the largest events first; at most 5,000.

    Columns: id of the event, time, lat, lon, depth_km, kr, magnitude, magnitude_type, agency of the
    mechanism, strike, dip and rake of both planes (degrees), tensor (mrr, mtt, mpp, mrt, mrp, mtp;
    N m), quality, synthetic, style (NF, NS, SS, TS, TF, U). Time is milliseconds since 1970.
    """

    name = "map mechanisms"

    def body(self, search: EventSearch, language: str, version: int) -> str:
        rows = (
            search.matching()
            .filter(_whole(_PLANES[:3]) | _whole(_PLANES[3:]) | _whole(_TENSOR))
            .order_by(_SIZE.desc(nulls_last=True), F("time").desc(), F("event_id").desc())
            .values_list(Cast(JSONArray(*_MECHANISMS.values()), TextField()), flat=True)
        )
        return first_rows(_MECHANISMS, list(rows[: ROWS_MOST + 1]), ROWS_MOST, version=version)


@described("map_intensities", gettext_lazy("Intensities as the map draws them"),
           (*event_words("orderby", *NOT_FOR_PAGES), LANG), "MapRows",
           example="starttime=2014-01-01", tag="map")  # fmt: skip
class IntensitiesView(MapRowsView):
    """How the events of a search were felt, place by place, the newest first; at most 5,000.

    Columns: id of the event, time, lat, lon, place, best, minimum and maximum intensity (degrees of
    the scale), felt, scale, calculated (nobody observed it), agency, synthetic. Time is
    milliseconds since 1970.
    """

    name = "map intensities"

    def body(self, search: EventSearch, language: str, version: int) -> str:
        points = (f"{_I}__point", f"{_I}__settlement__point")
        strength = Coalesce(F(f"{_I}__best"), F(f"{_I}__maximum"), F(f"{_I}__minimum"))
        columns = {
            "id": F("public_id"),
            "time": MAP_COLUMNS["time"],
            "lat": _coordinate("ST_Y", *points),
            "lon": _coordinate("ST_X", *points),
            "place": _named(f"{_I}__settlement__name", language, F(f"{_I}__place")),
            **{name: F(f"{_I}__{name}") for name in ("best", "minimum", "maximum", "felt")},
            "scale": F(f"{_I}__scale"),
            "calculated": F(f"{_I}__calculated"),
            "agency": Coalesce(F(f"{_I}__agency__code"), Value("")),
            "synthetic": F("synthetic"),
        }
        rows = (
            search.matching()
            .filter(
                Q(**{f"{_I}__point__isnull": False})
                | Q(**{f"{_I}__settlement__point__isnull": False}),
                **{f"{_I}__isnull": False, f"{_I}__superseded_at__isnull": True},
            )
            .order_by(
                F("time").desc(),
                F("event_id").desc(),
                strength.desc(nulls_last=True),
                F(f"{_I}__pk").asc(),
            )
            .values_list(Cast(JSONArray(*columns.values()), TextField()), flat=True)
        )
        return first_rows(columns, list(rows[: ROWS_MOST + 1]), ROWS_MOST, version=version)


# --- Places -------------------------------------------------------------------------------------

TEXT = Parameter(
    "q", Kind.TEXT, "answer",
    gettext_lazy("Beginning or part of a name in any language; without it the largest places."),
    expected=f"{SHORTEST_NAME}..{LONGEST_NAME}",
)  # fmt: skip


@described("map_places", gettext_lazy("Places by name"), (TEXT, LANG), "MapRows",
           example="q=Almaty", tag="map")  # fmt: skip
class PlacesView(PublicView):
    """Settlements by name, in Kazakh, Russian, English or another spelling; at most ten.

    Those whose name begins so come first, the largest first. Columns: name, matched (the name that
    was found, where it is another), oblast, country (ISO 3166), population, lat, lon, id.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (TEXT, LANG), events=False)
        text = asked.words[TEXT.name] or ""
        if text and not text.isprintable():
            raise SearchError([SearchProblem(TEXT.name, "unknown-value", ascii(text)[:80], "text")])
        if text and not SHORTEST_NAME <= len(text) <= LONGEST_NAME:
            raise SearchError(
                [SearchProblem(TEXT.name, "out-of-range", text[:80], TEXT.expectation)]
            )
        rows: list[list[Any]] = []
        found = found_by(text, PLACES_MOST + 1)
        for place in found[:PLACES_MOST]:
            name = place.names[asked.language] or place.names["en"]
            rows.append(
                [
                    name,
                    place.matched if text and place.matched != name else "",
                    oblast_of(place.country, place.region_code),
                    place.country,
                    place.population,
                    place.latitude,
                    place.longitude,
                    place.settlement_id,
                ]
            )
        answer = {
            "count": len(rows),
            "truncated": len(found) > PLACES_MOST,
            "columns": ["name", "matched", "oblast", "country", "population", "lat", "lon", "id"],
            "rows": rows,
        }
        # Names are outside the catalogue's numbers: the answer itself is what is known again.
        return respond_with(request, answer, None)
