"""Stations: where each stood, from when to when, and under which other codes agencies know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Concat
from django.http import Http404, HttpResponseBase
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.members import Member, Type, told
from catalog.api.public import (
    LANG,
    PAGING,
    PublicView,
    asked_of,
    cursor_of,
    digest,
    key_of,
    next_address,
    respond_with,
)
from catalog.models import Station
from catalog.search import Kind, Parameter

TEXT, NUMBER = Type.TEXT, Type.NUMBER

#: One place at which a station stood.
EPOCH: tuple[Member, ...] = (
    Member("start", Type.TIME, "From; null: not known.", "1990-01-01T00:00:00Z"),
    Member("end", Type.TIME, "To; null: it stands.", None),
    Member("latitude", NUMBER, "Degrees north.", 42.43, null=False),
    Member("longitude", NUMBER, "Degrees east.", 75.94, null=False),
    Member("elevation_m", NUMBER, "Above sea level, m.", 2020.0),
    Member("name", TEXT, "Name of the site, in the language asked for.", "Tokmak"),
    Member("kind", TEXT, "What stands there.", "three-component", null=False,
           choices=tuple(Station.Kind.values)),
    Member("array", TEXT, "Id of the array it is an element of.", None),
    Member("network", TEXT, "Code of its network.", "KZ"),
    Member("agency", TEXT, "Code of the agency that runs it.", "KNDC"),
    Member("source", TEXT, "Where this is from.", None),
    Member("synthetic", Type.BOOLEAN, "Invented for the example; nothing stands there.", False,
           null=False),
)  # fmt: skip
#: An agency's own code for it.
ALIAS: tuple[Member, ...] = (
    Member("agency", TEXT, "Code of the agency that uses the alias.", "SOME", null=False),
    Member("code", TEXT, "The alias.", "TKM", null=False),
)
#: What a station has beside its epochs and aliases.
STATION: tuple[Member, ...] = (
    Member("id", TEXT, "Code of the network, else of the agency, a point, code of the station.",
           "KZ.TKM2", null=False),
    Member("code", TEXT, "Code of the station.", "TKM2", null=False),
    Member("network", TEXT, "Code of its network.", "KZ"),
    Member("agency", TEXT, "Code of the agency, where it has no network.", None),
    Member("synthetic", Type.BOOLEAN, "All of it is invented for the example.", False, null=False),
    Member("url", TEXT, "Its own address.", "https://example.kz/api/v1/stations/KZ.TKM2",
           null=False),
)  # fmt: skip


def _codes(name: str, help: Any) -> Parameter:
    return Parameter(name, Kind.TEXTS, "answer", help, expected="A,B")


WORDS: tuple[Parameter, ...] = (
    _codes("code", gettext_lazy("Codes of stations, separated by commas.")),
    _codes("network", gettext_lazy("Codes of networks, separated by commas.")),
    _codes("agency", gettext_lazy("Codes of agencies that run stations, separated by commas.")),
    Parameter(
        "kind", Kind.TEXTS, "answer", gettext_lazy("What stands there."),
        choices=tuple(Station.Kind.values),
    ),
    Parameter(
        "synthetic", Kind.BOOLEAN, "answer",
        gettext_lazy("Only invented stations (true), or none (false)."),
    ),
)  # fmt: skip
_COLUMNS = {
    "code": "code__in",
    "network": "network__code__in",
    "agency": "agency__code__in",
    "kind": "kind__in",
    "synthetic": "synthetic",
}
_OWNER = Coalesce(F("network__code"), F("agency__code"), Value(""))
IDENTITY = Concat(_OWNER, Value("."), F("code"), output_field=CharField())


def _stations(request: Request, epochs: Iterable[Station]) -> list[dict[str, Any]]:
    """Return epochs, in the order of their stations, gathered as JSON."""
    language = (get_language() or "en")[:2]
    found: dict[str, dict[str, Any]] = {}
    for epoch in epochs:
        identity = epoch.identity  # type: ignore[attr-defined]
        network, agency = epoch.network, epoch.agency
        values = {
            "start": epoch.start,
            "end": epoch.end,
            "latitude": epoch.latitude,
            "longitude": epoch.longitude,
            "elevation_m": epoch.elevation_m,
            "name": getattr(epoch, f"name_{language}") or epoch.name_en,
            "kind": epoch.kind,
            "array": _id_of(epoch.array) if epoch.array else None,
            "network": network.code if network else None,
            "agency": agency.code if agency else None,
            "source": epoch.source,
            "synthetic": epoch.synthetic,
        }
        station = found.get(identity)
        if station is None:
            address = reverse("api-station", args=[identity])
            station = found[identity] = told(
                STATION,
                {
                    "m_id": identity,
                    "m_code": epoch.code,
                    "m_network": values["network"],
                    "m_agency": None if network else values["agency"],
                    "m_synthetic": True,
                    "m_url": request.build_absolute_uri(address),
                },
            ) | {"epochs": [], "aliases": []}
        station["synthetic"] = station["synthetic"] and epoch.synthetic
        station["epochs"].append(told(EPOCH, {f"m_{name}": v for name, v in values.items()}))
        for alias in epoch.aliases.all():
            one = {"agency": alias.agency.code, "code": alias.code}
            if one not in station["aliases"]:
                station["aliases"].append(one)
    return list(found.values())


def _id_of(station: Station) -> str:
    owner = station.network or station.agency
    return f"{owner.code if owner else ''}.{station.code}"


def _whole(condition: Q) -> QuerySet[Station]:
    """Return epochs with all that is told of them: two queries."""
    return (
        Station.objects.annotate(identity=IDENTITY)
        .filter(condition)
        .select_related("network", "agency", "array__network", "array__agency")
        .prefetch_related("aliases__agency")
        .order_by("identity", F("start").asc(nulls_first=True), "pk")
    )


@described(
    "stations",
    gettext_lazy("Stations"),
    (*WORDS, *PAGING),
    "StationPage",
    example="network=KZ&pagesize=10",
    tag="stations",
)
class StationsView(PublicView):
    """A page of stations by id, each with its epochs and the aliases agencies use for it.

    A station is found by any of its epochs and told with all of them.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (*WORDS, *PAGING), events=False)
        narrowed = asked.own()
        bound = digest("stations", narrowed)
        rows = Station.objects.annotate(identity=IDENTITY)
        for name, column in _COLUMNS.items():
            if (value := asked.words[name]) is not None:
                rows = rows.filter(**{column: value})
        if (text := asked.words["cursor"]) is not None:
            rows = rows.filter(identity__gt=key_of(text, bound, (str,))[0])
        ids = list(
            rows.order_by("identity")
            .values_list("identity", flat=True)
            .distinct()[: asked.size + 1]
        )
        cursor = None
        if len(ids) > asked.size:
            ids.pop()
            cursor = cursor_of(bound, [ids[-1]])
        answer = {
            "stations": _stations(request, _whole(Q(identity__in=ids))),
            "next": next_address(request, narrowed, cursor),
        }
        # Stations are outside the catalogue's numbers: the answer itself is what is known again.
        return respond_with(request, answer, None)


@described(
    "station",
    gettext_lazy("One station"),
    (LANG,),
    "Station",
    path={"station_id": "KZ.TKM2"},
    tag="stations",
)
class StationView(PublicView):
    """One station with its epochs and aliases. Its id is told wherever a station is."""

    def get(self, request: Request, station_id: str) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        found = None
        if station_id.isprintable():
            found = next(iter(_stations(request, _whole(Q(identity=station_id)))), None)
        if found is None:
            raise Http404(_("There is no such station."))
        return respond_with(request, found, None)
