"""The JSON API: events, one event whole, the map's data, the change feed, downloads, the schema.

Answers are made by hand from the read side: numbers are numbers, "not reported" is null, times are
ISO 8601 UTC with Z (the map's are milliseconds). All of it is public and reads only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import BigIntegerField, F, Func, Q, TextField
from django.db.models.functions import Cast, JSONArray
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog import downloads, exchange
from catalog.models import (
    Change,
    Event,
    EventRow,
    FeedCounter,
    PreferredMagnitude,
)
from catalog.querysets import EventRowQuerySet
from catalog.rendering import time_text
from catalog.scales import scale_of
from catalog.search import (
    API,
    EventSearch,
    Kind,
    SearchError,
    SearchProblem,
    parameters_of,
    successors,
)

MAP_ROWS = 20_000
#: Raised when the shape of an answer changes, so that no client keeps an old one by its tag.
API_VERSION = "1"
PAGE_SIZE, PAGE_SIZE_MOST = 100, 1000
CHANGES_MOST = 1000

_TYPES = {
    Kind.TIME: OpenApiTypes.DATETIME,
    Kind.FLOAT: OpenApiTypes.DOUBLE,
    Kind.INTEGER: OpenApiTypes.INT,
    Kind.BOOLEAN: OpenApiTypes.BOOL,
}


def search_parameters(*names_left_out: str) -> list[OpenApiParameter]:
    """Return the OpenAPI parameters of the search words."""
    return [
        OpenApiParameter(
            parameter.name,
            _TYPES.get(parameter.kind, OpenApiTypes.STR),
            description=f"{parameter.help} {parameter.expectation}",
            enum=parameter.choices if parameter.kind is Kind.CHOICE else None,
            default=parameter.default,
        )
        for parameter in parameters_of(API)
        if parameter.name not in names_left_out
    ]


LANGUAGE = OpenApiParameter("lang", str, description="Language of texts.", enum=["kk", "ru", "en"])


class PublicView(APIView):
    """A view anyone may read: no session is looked up, scripts of other sites may ask."""

    authentication_classes: Sequence[Any] = ()
    http_method_names = ["get", "head", "options"]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Each address has its one form; "format" in it is ours, not the framework's."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = "ETag, X-Catalogue-Version"
        patch_vary_headers(response, ["Accept-Encoding"])
        return response

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, SearchError):
            return JsonResponse(
                {"error": exc.message, "problems": [p.as_json() for p in exc.problems]}, status=400
            )
        if isinstance(exc, downloads.TooMany):
            return JsonResponse({"error": str(exc)}, status=413)
        if isinstance(exc, downloads.Busy):
            return JsonResponse(
                {"error": "Too many large answers at once; try again in a moment."},
                status=429,
                headers={"Retry-After": str(downloads.RETRY_AFTER_SECONDS)},
            )
        return super().handle_exception(exc)


def language_of(request: HttpRequest) -> str:
    """Return the language asked by ``lang``, else the request's."""
    asked = request.GET.get("lang", "")
    return asked if asked in ("kk", "ru", "en") else (translation.get_language() or "en")[:2]


def _wrong(word: str, found: str, expected: str) -> SearchError:
    return SearchError([SearchProblem(word, "out-of-range", found, expected)])


def _whole(request: HttpRequest, word: str, default: int, least: int, most: int) -> int:
    text = request.GET.get(word, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise _wrong(word, text[:40], f"{least}..{most}")
    return int(text)


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return time_text(value) + "Z"
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def said(value: Any) -> Any:
    """Return a record's values without those not reported."""
    if isinstance(value, dict):
        return {key: said(v) for key, v in value.items() if v not in (None, (), [], "")}
    if isinstance(value, list | tuple):
        return [said(v) for v in value]
    return plain(value)


# --- The map -----------------------------------------------------------------------------------

MAP_COLUMNS = {
    "id": F("public_id"),
    "time": Func(
        F("time"),
        template="floor(extract(epoch from %(expressions)s) * 1000)::bigint",
        output_field=BigIntegerField(),
    ),
    "lat": F("latitude"),
    "lon": F("longitude"),
    "depth_km": F("depth_km"),
    "kr": F("kr"),
    "mpva": F("mpva"),
    "mlv": F("mlv"),
    "ms": F("ms"),
    "mb": F("mb"),
    "ml": F("ml"),
    "mw": F("mw"),
    "magnitude": F("magnitude"),
    "magnitude_type": F("magnitude_type"),
    "agency": F("agency"),
    "agencies": F("agencies"),
    "felt": F("felt"),
    "max_intensity": F("max_intensity"),
    "mechanism": F("has_mechanism"),
    "event_type": F("event_type"),
    "synthetic": F("synthetic"),
    "minute_precision": F("minute_precision"),
}


class MapEventsView(PublicView):
    """The events of a search as the map draws them, newest first."""

    @extend_schema(
        operation_id="map_events",
        parameters=[*search_parameters("orderby", "limit", "offset"), LANGUAGE],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> HttpResponseBase:
        search = EventSearch.from_query(request.GET, API, ignore=("lang",))
        language = language_of(request)
        version = FeedCounter.current()
        tag = downloads.etag(version, search, "map", language, API_VERSION)
        if downloads.is_known(request, tag):
            response = HttpResponse(status=304)
        else:
            response = HttpResponse(
                self.body(search, language, version), content_type="application/json"
            )
            response["X-Catalogue-Version"] = str(version)
        response["ETag"] = tag
        response["Cache-Control"] = "no-cache"
        return response

    def body(self, search: EventSearch, language: str, version: int) -> str:
        """Return the answer; PostgreSQL writes the rows as JSON, four times faster than Python."""
        columns = {**MAP_COLUMNS, "place": F(f"place_{language}")}
        rows = list(
            search.matching()
            .order_by(F("time").desc(), F("event_id").desc())
            .values_list(Cast(JSONArray(*columns.values()), TextField()), flat=True)[: MAP_ROWS + 1]
        )
        truncated = len(rows) > MAP_ROWS
        rows = rows[:MAP_ROWS]
        return (
            f'{{"version":{version},"count":{len(rows)},"truncated":{json.dumps(truncated)},'
            f'"columns":{json.dumps(list(columns))},"rows":[\n' + ",\n".join(rows) + "\n]}"
        )


# --- Events ------------------------------------------------------------------------------------

_ORDER = {
    "time": ("-time", "-event_id"),
    "time-asc": ("time", "event_id"),
}


class EventsView(PublicView):
    """A page of events. ``next`` leads on; no event unchanged meanwhile is skipped or doubled."""

    @extend_schema(
        operation_id="events",
        parameters=[
            *search_parameters("limit", "offset"),
            OpenApiParameter(
                "pagesize", int, description=f"1..{PAGE_SIZE_MOST}", default=PAGE_SIZE
            ),
            OpenApiParameter("cursor", str, description="From the page before."),
            LANGUAGE,
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> HttpResponseBase:
        search = EventSearch.from_query(request.GET, API, ignore=("lang", "cursor", "pagesize"))
        if search.limit is not None or search.offset != 1 or search.orderby not in _ORDER:
            word = "orderby" if search.orderby not in _ORDER else "limit"
            raise SearchError([SearchProblem(word, "not-offered-here")])
        size = _whole(request, "pagesize", PAGE_SIZE, 1, PAGE_SIZE_MOST)
        rows = search.matching()
        text = request.GET.get("cursor")
        if text is not None:
            rows = _after(rows, search, text)
        page = list(rows.order_by(*_ORDER[search.orderby])[: size + 1])
        following = None
        if len(page) > size:
            page.pop()
            cursor = _cursor(search, page[-1])
            words = {**search.words(), "pagesize": str(size), "cursor": cursor}
            if "lang" in request.GET:
                words["lang"] = request.GET["lang"]
            following = request.build_absolute_uri(f"{request.path}?{urlencode(words)}")
        count = search.count()
        language = language_of(request)
        answer = {
            "version": FeedCounter.current(),
            "count": count.value,
            "count_is_exact": count.exact,
            "search": search.words(),
            "events": [summary(row, language, request) for row in page],
            "next": following,
        }
        return JsonResponse(answer, headers={"Cache-Control": "no-cache"})


def _digest(search: EventSearch) -> str:
    return hashlib.sha256(search.to_query().encode()).hexdigest()[:12]


def _cursor(search: EventSearch, row: EventRow) -> str:
    text = f"{_digest(search)} {row.time.isoformat()} {row.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _after(rows: EventRowQuerySet, search: EventSearch, text: str) -> EventRowQuerySet:
    """Return the rows that follow the one a cursor names."""
    try:
        plain_text = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        digest, stamp, key = plain_text.split(" ")
        time, pk = datetime.fromisoformat(stamp), int(key)
    except ValueError:
        raise SearchError([SearchProblem("cursor", "cursor")]) from None
    if digest != _digest(search) or time.tzinfo is None:
        raise SearchError([SearchProblem("cursor", "cursor")])
    if search.orderby == "time":
        return rows.filter(Q(time__lte=time), Q(time__lt=time) | Q(event_id__lt=pk))
    return rows.filter(Q(time__gte=time), Q(time__gt=time) | Q(event_id__gt=pk))


def summary(row: EventRow, language: str, request: HttpRequest) -> dict[str, Any]:
    """Return a row of the catalogue as JSON."""
    values = {
        name: plain(getattr(row, column)) for name, column in downloads.GEOJSON_PROPERTIES.items()
    }
    return {
        "id": row.public_id,
        **values,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "place": getattr(row, f"place_{language}"),
        "name": getattr(row, f"name_{language}") or row.name_en or None,
        "origins": row.origin_count,
        "magnitudes": row.magnitude_count,
        "version": row.version,
        "change": row.change_number,
        "url": request.build_absolute_uri(reverse("api-event", args=[row.public_id])),
    }


class EventView(PublicView):
    """One event whole: all solutions beside the preferred one, and why that is preferred."""

    @extend_schema(operation_id="event", parameters=[LANGUAGE], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        if not public_id.isprintable():  # PostgreSQL takes no NUL in a text
            raise Http404
        event = get_object_or_404(Event, public_id=public_id)
        if event.status == Event.Status.MERGED:
            successor = successors([public_id])[public_id]
            return JsonResponse(
                {"id": public_id, "status": "merged", "into": successor.public_id}
                | _last_change(event),
                status=301,
                headers={"Location": reverse("api-event", args=[successor.public_id])},
            )
        row = EventRow.objects.filter(pk=event.pk).first()
        if event.status == Event.Status.DELETED or (row is None and event.published_version):
            body = {"id": public_id, "status": "deleted"} | _last_change(event)
            return JsonResponse(body, status=410)
        if row is None:
            raise Http404
        tag = f'"{row.change_number}-{language_of(request)}-{API_VERSION}"'
        response: HttpResponse
        if downloads.is_known(request, tag):
            response = HttpResponse(status=304)
        else:
            response = JsonResponse(detail(event, row, language_of(request), request))
        response["ETag"] = tag
        response["Cache-Control"] = "no-cache"
        return response


def _last_change(event: Event) -> dict[str, Any]:
    change = Change.objects.filter(event=event).order_by("-number").first()
    if change is None:
        return {}
    return {"change": change.number, "at": plain(change.at), "details": change.details}


def detail(event: Event, row: EventRow, language: str, request: HttpRequest) -> dict[str, Any]:
    """Return everything that is known of an event, with what QuakeML has no place for."""
    ((_, record),) = exchange.event_records([event])
    preferred = record.origins[0]
    distances = _distances_km(event)
    sizes = dict(
        PreferredMagnitude.objects.filter(event=event).values_list("scale", "magnitude_id")
    )
    values = {f"magnitude/{m.pk}": m for m in event.magnitudes.filter(superseded_at=None)}
    origins = []
    for origin in record.origins:
        difference = {
            "distance_km": distances.get(origin.origin_id),
            "seconds": round((origin.time - preferred.time).total_seconds(), 6),
            "depth_km": (
                None
                if origin.depth_km is None or preferred.depth_km is None
                else round(origin.depth_km - preferred.depth_km, 3)
            ),
        }
        origins.append(
            said(asdict(origin)) | {"preferred": origin is preferred, "difference": difference}
        )
    magnitudes = []
    for magnitude in record.magnitudes:
        scale = scale_of(magnitude.type)
        chosen = values.get(f"magnitude/{sizes.get(scale)}")
        magnitudes.append(
            said(asdict(magnitude))
            | {
                "scale": scale,
                "preferred": magnitude.magnitude_id == record.preferred_magnitude_id,
                "preferred_on_its_scale": chosen is not None
                and magnitude.magnitude_id == f"magnitude/{chosen.pk}",
                "difference": None if chosen is None else round(magnitude.value - chosen.value, 3),
            }
        )
    rest = said(
        {
            key: value
            for key, value in asdict(record).items()
            if key
            not in (
                "origins",
                "magnitudes",
                "text",
                "first_line",
                "last_line",
                "synthetic",
                "deleted",
            )
        }
    )
    return {
        **summary(row, language, request),
        "preference": event.preference,
        "origins": origins,
        "magnitudes": magnitudes,
        **{name: [] for name in _LISTS},
        **{key: value for key, value in rest.items() if key in _LISTS},
        "preferred_origin_id": record.preferred_origin_id,
        "preferred_magnitude_id": record.preferred_magnitude_id,
        "preferred_focal_mechanism_id": record.preferred_focal_mechanism_id,
    }


_LISTS = (
    "descriptions",
    "picks",
    "amplitudes",
    "station_magnitudes",
    "focal_mechanisms",
    "intensities",
    "interpretations",
    "consequences",
)


def _distances_km(event: Event) -> dict[str, float]:
    """Return the distance on the ellipsoid of each origin from the preferred one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.id, ST_Distance(o.point::geography, p.point::geography) / 1000 "
            "FROM catalog_origin o, catalog_origin p "
            "WHERE o.event_id = %s AND o.superseded_at IS NULL AND p.id = %s",
            [event.pk, event.preferred_origin_id],
        )
        return {f"origin/{key}": round(km, 3) for key, km in cursor.fetchall()}


# --- Changes, downloads ------------------------------------------------------------------------


class ChangesView(PublicView):
    """What changed after a change number, in the order of commits."""

    @extend_schema(
        operation_id="changes",
        parameters=[
            OpenApiParameter("after", int, description="The last change already known.", default=0),
            OpenApiParameter("limit", int, description=f"1..{CHANGES_MOST}", default=CHANGES_MOST),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> HttpResponseBase:
        unknown = sorted(set(request.GET) - {"after", "limit"})
        if unknown:
            raise SearchError([SearchProblem(word[:60], "unknown-word") for word in unknown])
        after = _whole(request, "after", 0, 0, 2**62)
        limit = _whole(request, "limit", CHANGES_MOST, 1, CHANGES_MOST)
        version = FeedCounter.current()
        changes = list(
            Change.objects.filter(number__gt=after, number__lte=version)
            .select_related("event")
            .order_by("number")[:limit]
        )
        last = changes[-1].number if changes else after
        answer = {
            "version": version,
            "changes": [
                {
                    "number": change.number,
                    "kind": change.kind,
                    "id": change.event.public_id,
                    "at": plain(change.at),
                    "details": change.details,
                    "url": request.build_absolute_uri(
                        reverse("api-event", args=[change.event.public_id])
                    ),
                }
                for change in changes
            ],
            "next": last,
            "more": last < version and bool(changes),
        }
        return JsonResponse(answer, headers={"Cache-Control": "no-cache"})


class DownloadView(PublicView):
    """A search as a file: csv, quakeml, geojson, kml, text, or a table of the year book.

    The year book's tables (catalogue, mechanisms, intensity; CSV or workbook) have headings in the
    language of ``lang``, else of the request, and hold at most 20,000 events: more are a 413.
    """

    @extend_schema(
        operation_id="download",
        parameters=[
            OpenApiParameter(
                "format",
                str,
                OpenApiParameter.PATH,
                enum=[*downloads.FORMATS, *downloads.YEAR_BOOK_FORMATS],
            ),
            *search_parameters(),
            OpenApiParameter(
                "lang",
                str,
                description="Language of the headings; only for the year book's tables.",
                enum=["kk", "ru", "en"],
            ),
        ],
        responses={
            (200, "*/*"): OpenApiTypes.BINARY,
            (400, "application/json"): OpenApiTypes.OBJECT,
            (413, "application/json"): OpenApiTypes.OBJECT,
            (429, "application/json"): OpenApiTypes.OBJECT,
        },
    )
    def get(self, request: Request, format: str) -> HttpResponseBase:
        if format in downloads.YEAR_BOOK_FORMATS:
            search = EventSearch.from_query(request.GET, API, ignore=("lang",))
            return downloads.respond(
                request,
                search,
                format,
                filename=f"kazakhstan-{format.partition('.')[0]}",
                writer=downloads.year_book_writer(format, language_of(request)),
            )
        if format not in downloads.FORMATS:
            raise Http404
        search = EventSearch.from_query(request.GET, API)
        return downloads.respond(
            request, search, downloads.FORMATS[format], filename="kazakhstan-earthquakes"
        )
