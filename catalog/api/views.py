"""The JSON API: events, one event and its history, the map's data, the change feed, downloads.

What hangs on events is in ``collections``, stations are in ``stations``. Answers are made by hand
from the read side: numbers are numbers, "not reported" is null, times are ISO 8601 UTC with Z (the
map's are milliseconds). All of it is public and reads only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, F, Func, Q, QuerySet, TextField
from django.db.models.functions import Cast, JSONArray
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog import downloads, exchange, ledger
from catalog.api.describing import described
from catalog.api.members import Member, Type, told, type_of
from catalog.api.public import (
    API_VERSION,
    LANG,
    NOT_FOR_PAGES,
    PAGING,
    Asked,
    Order,
    PublicView,
    asked_of,
    cursor_of,
    digest,
    event_words,
    key_of,
    key_values,
    kinds_of,
    next_address,
    plain,
    respond,
    respond_with,
    state,
    tag_of,
)
from catalog.api.shown import shown
from catalog.models import Change, Event, EventRow, MergeDecision, PreferredMagnitude
from catalog.scales import SCALES, scale_of
from catalog.search import API, EventSearch, Kind, Parameter

MAP_ROWS = 20_000
CHANGES_MOST = 1000


def said(value: Any) -> Any:
    """Return a record's values without those not reported."""
    if isinstance(value, dict):
        return {key: said(v) for key, v in value.items() if v not in (None, (), [], "")}
    if isinstance(value, list | tuple):
        return [said(v) for v in value]
    return plain(value)


# --- The map -----------------------------------------------------------------------------------


def milliseconds(column: str) -> Func:
    """Return a time as whole milliseconds since 1970."""
    return Func(
        F(column),
        template="floor(extract(epoch from %(expressions)s) * 1000)::bigint",
        output_field=BigIntegerField(),
    )


def map_table(columns: Iterable[str], rows: Iterable[str], **told: Any) -> str:
    """Return a table of the map as JSON; PostgreSQL wrote its rows, four times faster."""
    head = json.dumps({**told, "columns": list(columns)}, separators=(",", ":"))
    return f'{head[:-1]},"rows":[\n' + ",\n".join(rows) + "\n]}"


def first_rows(columns: Iterable[str], rows: Sequence[str], most: int, **told: Any) -> str:
    """Return a table of at most so many rows, of which there may be one too many."""
    told |= {"count": min(len(rows), most), "truncated": len(rows) > most}
    return map_table(columns, rows[:most], **told)


MAP_COLUMNS = {
    "id": F("public_id"),
    "time": milliseconds("time"),
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
    "status": F("status"),
}


class MapRowsView(PublicView):
    """A table of the events of a search, or of what hangs on them, for the map."""

    name = ""
    """Of the answer, in its entity tag."""

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), not_here=("orderby", *NOT_FOR_PAGES))
        now = state()
        return respond(
            request,
            downloads.etag(now.version, asked.search, self.name, asked.language, API_VERSION),
            now.changed_at,
            lambda: HttpResponse(
                self.body(asked.search, asked.language, now.version),
                content_type="application/json",
            ),
            version=now.version,
        )

    def body(self, search: EventSearch, language: str, version: int) -> str:
        """Return the answer as JSON."""
        raise NotImplementedError


@described(
    "map_events",
    gettext_lazy("Events as the map draws them"),
    (*event_words("orderby", *NOT_FOR_PAGES), LANG),
    "MapEvents",
    example="starttime=2014-01-01&minkr=11",
    tag="events",
)
class MapEventsView(MapRowsView):
    """The events of a search as the map draws them, newest first, as rows of one table.

    At most 20,000; `truncated` says that there are more. Times are milliseconds since 1970.
    """

    name = "map"

    def body(self, search: EventSearch, language: str, version: int) -> str:
        columns = {**MAP_COLUMNS, "place": F(f"place_{language}")}
        rows = (
            search.matching()
            .order_by(F("time").desc(), F("event_id").desc())
            .values_list(Cast(JSONArray(*columns.values()), TextField()), flat=True)
        )
        return first_rows(columns, list(rows[: MAP_ROWS + 1]), MAP_ROWS, version=version)


# --- Events ------------------------------------------------------------------------------------

#: What the columns of the catalogue mean, where the name alone does not say it.
_HELP = {
    "time": "Origin time, UTC.",
    "minute_precision": "The source gives hours and minutes only.",
    "depth_km": "Depth below sea level.",
    "KR": "Energy class.",
    "magnitude": "The catalogue's magnitude: Mw, MS or MLV, mb, ML; never KR or MPVA.",
    "author": "Agency whose origin is preferred.",
    "agencies": "Agencies that have a solution of it.",
    "contributor": "Agency that contributed the preferred solution.",
    "contributor_id": "The event's id at that agency.",
    "event_type": "QuakeML EventType.",
    "event_type_certainty": "known or suspected.",
    "status": "automatic, not-confirmed, reviewed or published.",
    "stations": "Stations the preferred origin uses.",
    "phases": "Phases it uses.",
    "azimuthal_gap": "Degrees.",
    "felt": "Felt by people.",
    "max_intensity": "Largest observed intensity, degrees.",
    "mechanism": "It has a focal mechanism.",
    "faulting_style": "NF, NS, SS, TS, TF or U, of the preferred mechanism (Zoback 1992).",
    "synthetic": "Invented for the example; no such event happened.",
    "updated": "When the row was last published.",
}
_EXAMPLE: dict[str, Any] = {
    "time": "2014-11-14T01:24:16.2Z",
    "minute_precision": False,
    "depth_km": 17.0,
    "KR": 13.6,
    "mb": 5.1,
    "magnitude": 5.1,
    "magnitude_type": "mb",
    "magnitude_author": "KNDC",
    "author": "SOME",
    "agencies": ["KNDC", "SOME"],
    "contributor": "SOME",
    "event_type": "earthquake",
    "status": "reviewed",
    "stations": 18,
    "azimuthal_gap": 74.0,
    "felt": True,
    "max_intensity": 4.0,
    "mechanism": True,
    "faulting_style": "TF",
    "synthetic": True,
    "updated": "2026-01-10T08:00:00Z",
}


def _column(name: str, column: str) -> Member:
    field: Any = EventRow._meta.get_field(column)
    kind = type_of(field)
    null = field.null or kind is Type.TEXT
    return Member(name, kind, _HELP.get(name, ""), _EXAMPLE.get(name), column, null=null)


#: An event in a list: what GeoJSON tells too, except what depends on the language.
SUMMARY: tuple[Member, ...] = (
    Member("id", Type.TEXT, "Public id.", "kz2014m7k2ra", "public_id", null=False),
    *(
        _column(name, column)
        for name, column in downloads.GEOJSON_PROPERTIES.items()
        if name not in ("place", "name")
    ),
    Member("latitude", Type.NUMBER, "Degrees north.", 42.1, "latitude", null=False),
    Member("longitude", Type.NUMBER, "Degrees east.", 77.27, "longitude", null=False),
    Member("place", Type.TEXT, "Where it is, in the language asked for.",
           "128 km S of Almaty", "place_{language}"),
    Member("name", Type.TEXT, "Its name, if it has one.", None, "name_{language}"),
    Member("origins", Type.INTEGER, "Number of its solutions.", 3, "origin_count", null=False),
    Member("magnitudes", Type.INTEGER, "Number of its sizes.", 6, "magnitude_count", null=False),
    Member("version", Type.INTEGER, "How often it was published.", 2, "version", null=False),
    Member("change", Type.INTEGER, "Number of its last change.", 812, "change_number", null=False),
    Member("url", Type.TEXT, "Where all of it is told.",
           "https://example.kz/api/v1/events/kz2014m7k2ra", null=False),
)  # fmt: skip


def summary(row: EventRow, language: str, request: HttpRequest) -> dict[str, Any]:
    """Return a row of the catalogue as JSON."""
    address = request.build_absolute_uri(reverse("api-event", args=[row.public_id]))
    values = {
        f"m_{m.name}": getattr(row, str(m.source).format(language=language), address)
        for m in SUMMARY
        if m.name != "url"
    }
    values["m_name"] = values["m_name"] or row.name_en
    return told(SUMMARY, {**values, "m_url": address})


@described(
    "events",
    gettext_lazy("Search events"),
    (*event_words(*NOT_FOR_PAGES), *PAGING),
    "EventPage",
    example="starttime=2014-01-01&endtime=2014-12-31&minkr=11&pagesize=10",
    tag="events",
)
class EventsView(PublicView):
    """A page of events. `next` leads on; no event unchanged meanwhile is skipped or doubled.

    The first page tells how many match, up to 100,000; the pages after it say null.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, PAGING, not_here=NOT_FOR_PAGES)
        order = Order(asked.search)
        bound = digest("events", asked.search.to_query())
        text = asked.words["cursor"]
        key = None if text is None else key_of(text, bound, kinds_of(order))
        now = state()
        return respond(
            request,
            tag_of(now.version, "events", bound, key, asked.size, asked.language),
            now.changed_at,
            lambda: JsonResponse(
                {"version": now.version, **self.body(request, asked, order, bound, key)}
            ),
            version=now.version,
        )

    def body(
        self, request: Request, asked: Asked, order: Order, bound: str, key: list[Any] | None
    ) -> dict[str, Any]:
        search = asked.search
        rows = search.matching() if key is None else search.matching().filter(order.after(key))
        page = list(
            rows.order_by(*search.ordering()).defer("fdsn_text", "csv_line")[: asked.size + 1]
        )
        cursor = None
        if len(page) > asked.size:
            page.pop()
            cursor = cursor_of(bound, key_values(page[-1], order))
        count = search.count() if key is None else None
        return {
            "count": count.value if count else None,
            "count_is_exact": count.exact if count else None,
            "search": search.words(),
            "events": [summary(row, asked.language, request) for row in page],
            "next": next_address(request, search.words(), cursor),
        }


@described(
    "event",
    gettext_lazy("One event whole"),
    (LANG,),
    "EventDetail",
    path={"public_id": "kz2014m7k2ra"},
    tag="events",
)
class EventView(PublicView):
    """One event whole: all solutions beside the preferred one, and why that is preferred.

    A value that was not reported is left out of the objects below `origins`, `picks` and so on.
    """

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), events=False)
        row = shown(request, public_id)
        return respond(
            request,
            # A rule put in force may tell a choice otherwise that stays the same.
            tag_of(
                row.change_number,
                "event",
                public_id,
                asked.language,
                digest(json.dumps(row.event.preference, sort_keys=True)),
            ),
            row.updated_at,
            lambda: JsonResponse(detail(row.event, row, asked.language, request)),
        )


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
        "preference": preference_told(event.preference or {}),
        "origins": origins,
        "magnitudes": magnitudes,
        **{name: [] for name in _LISTS},
        **{key: value for key, value in rest.items() if key in _LISTS},
        "preferred_origin_id": record.preferred_origin_id,
        "preferred_magnitude_id": record.preferred_magnitude_id,
        "preferred_focal_mechanism_id": record.preferred_focal_mechanism_id,
    }


def preference_told(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return why solutions stand first: terms of each origin, criteria of each magnitude."""
    told = {key: stored[key] for key in ("rule_set", "area", "location") if key in stored}
    return {
        **told,
        "candidates": [
            {"origin_id": f"origin/{candidate['origin']}", **candidate}
            for candidate in stored.get("candidates", ())
        ],
        "magnitudes": [
            {
                "scale": scale,
                "order": sizes["order"],
                "candidates": [
                    {
                        "magnitude_id": f"magnitude/{candidate['magnitude']}",
                        "agency": candidate["agency"],
                        "type": candidate["type"],
                        "value": candidate["value"],
                        "criteria": dict(zip(sizes["order"], candidate["values"], strict=True)),
                    }
                    for candidate in sizes["candidates"]
                ],
            }
            for scale in SCALES
            if (sizes := stored.get("magnitudes", {}).get(scale))
        ],
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


# --- History -----------------------------------------------------------------------------------

TEXT = Type.TEXT
HISTORY_ENTRY: tuple[Member, ...] = (
    Member("at", Type.TIME, "When.", "2026-01-10T08:00:00Z", null=False),
    Member("of", Type.TEXT, "A change of the public catalogue, or a decision of the ledger.",
           "decision", null=False, choices=("change", "decision")),
    Member("kind", Type.TEXT, "What was done.", "associate", null=False,
           choices=tuple(dict.fromkeys([*Change.Kind.values, *MergeDecision.Kind.values]))),
    Member("text", Type.TEXT, "The same as a sentence, in the language asked for.",
           "KNDC K-55172 was joined to event kz2014m7k2ra: it belongs with SOME 118.",
           null=False),
    Member("event", TEXT, "The event it was done to; one that was merged into this has its own.",
           "kz2014m7k2ra"),
    Member("other_event", TEXT, "The other event that takes part.", None),
    Member("by", Type.TEXT, "Who decided: the rule set, or a role; never a person's name.",
           "rule set",
           choices=("rule set", "administrator", "editor", "operator", "program", "staff")),
    Member("change", Type.INTEGER, "Number of the change, as in /changes.", None),
    Member("rule_set", TEXT, "Rule set, with its version.", "association-3"),
    Member("misfit", Type.NUMBER, "Misfit that decided.", 0.42),
    Member("parts", Type.OBJECT, "Its parts.", {"time": 0.1, "distance": 0.32}, null=False),
    Member("report_agency", TEXT, "Agency whose report was decided on.", "KNDC"),
    Member("report", TEXT, "That report's key: the agency's own event id, or a hash.",
           "id:K-55172"),
    Member("other_report_agency", TEXT, "Agency of the report it was held against.", "SOME"),
    Member("other_report", TEXT, "Key of the report it was held against.", "id:118"),
    Member("decision", Type.INTEGER, "Number of the decision in the ledger.", 4711),
    Member("undoes", Type.INTEGER, "Number of the decision that this one takes back.", None),
    Member("note", TEXT, "Note of who decided.", None),
    Member("details", Type.OBJECT, "Of a change: what it tells.", {}, null=False),
)  # fmt: skip


def _decisions(rows: Sequence[MergeDecision]) -> list[dict[str, Any]]:
    tell = ledger.Telling(rows)
    return [
        {
            "of": "decision",
            "text": tell.decision(row),
            "by": ledger.role_of(row.actor),
            "rule_set": row.rule_set,
            "misfit": row.misfit,
            "parts": row.parts or {},
            "report_agency": row.report.agency.code if row.report else None,
            "report": row.report.key if row.report else None,
            "other_report_agency": row.other_report.agency.code if row.other_report else None,
            "other_report": row.other_report.key if row.other_report else None,
            "event": row.event.public_id if row.event else None,
            "other_event": row.other_event.public_id if row.other_event else None,
            "decision": row.pk,
            "undoes": row.undoes_id,
            "note": row.note,
        }
        for row in rows
    ]


def _changes(rows: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "of": "change",
            "text": ledger.change_sentence(row),
            "by": ledger.role_of(row.actor) if row.actor else None,
            "event": row.event.public_id,
            "change": row.number,
            "details": row.details or {},
        }
        for row in rows
    ]


#: How a source of the history is named in its order: of one moment, the change comes first.
_SOURCES: tuple[tuple[str, Callable[[Any], list[dict[str, Any]]]], ...] = (
    ("decided_at", _decisions),
    ("at", _changes),
)


@described(
    "event_history",
    gettext_lazy("Changes of an event and decisions on it"),
    PAGING,
    "HistoryPage",
    path={"public_id": "kz2014m7k2ra"},
    tag="events",
)
class HistoryView(PublicView):
    """What happened to an event, newest first: changes of the public catalogue, and the ledger.

    What happened to events that were merged into it is told with it. A decision tells its kind,
    the misfit that led to it with its parts, and the rule set. Persons are told by their role.
    """

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        asked = asked_of(request.GET, PAGING, events=False)
        row = shown(request, public_id, "history")
        bound = digest("history", public_id)
        text = asked.words["cursor"]
        key = None if text is None else key_of(text, bound, (datetime, int, int))
        page = self.page(row.event, key, asked.size + 1)
        cursor = None
        if len(page) > asked.size:
            page.pop()
            cursor = cursor_of(bound, page[-1][0])
        answer = {
            "id": row.public_id,
            "version": row.version,
            "history": [line for _, line in page],
            "next": next_address(request, {}, cursor),
        }
        # Decisions have no number in the catalogue: the answer itself is what is known again.
        newest = page[0][0][0] if page and key is None else None
        return respond_with(request, answer, newest)

    def page(
        self, event: Event, key: list[Any] | None, size: int
    ) -> list[tuple[list[Any], dict[str, Any]]]:
        """Return the lines after a key, each with its own; two queries and those of the roles."""
        lines: list[tuple[list[Any], dict[str, Any]]] = []
        family = ledger.family(event)
        asked: tuple[QuerySet[Any], ...] = (
            ledger.with_names(ledger.of_events(family)),
            Change.objects.filter(event__in=family)
            .select_related("actor", "event")
            .prefetch_related("actor__groups"),
        )
        for rank, (rows, (at, tell)) in enumerate(zip(asked, _SOURCES, strict=True)):
            if key is not None:
                time, last_rank, pk = key
                same = Q() if rank < last_rank else Q(pk__lt=pk if rank == last_rank else 0)
                rows = rows.filter(Q(**{f"{at}__lt": time}) | (Q(**{at: time}) & same))
            page = list(rows.order_by(f"-{at}", "-pk")[:size])
            for row, values in zip(page, tell(page), strict=True):
                time = getattr(row, at)
                values |= {"kind": row.kind, "at": time}
                line = told(
                    HISTORY_ENTRY, {f"m_{m.name}": values.get(m.name) for m in HISTORY_ENTRY}
                )
                lines.append(([time, rank, row.pk], line))
        return sorted(lines, key=lambda line: line[0], reverse=True)[:size]


# --- Changes, downloads ------------------------------------------------------------------------

CHANGE: tuple[Member, ...] = (
    Member("number", Type.INTEGER, "Its number; numbers follow the order of commits.", 812,
           null=False),
    Member("kind", Type.TEXT, "What happened.", "updated", null=False,
           choices=tuple(Change.Kind.values)),
    Member("id", Type.TEXT, "Public id of the event.", "kz2014m7k2ra", null=False),
    Member("at", Type.TIME, "When.", "2026-01-10T08:00:00Z", null=False),
    Member("into", TEXT, "Public id of the event that a merged one is part of.", None),
    Member("details", Type.OBJECT, "What else is told of it.", {}, null=False),
    Member("url", Type.TEXT, "Where the event is told, or what became of it.",
           "https://example.kz/api/v1/events/kz2014m7k2ra", null=False),
)  # fmt: skip

AFTER = Parameter(
    "after", Kind.INTEGER, "answer", gettext_lazy("The last change already known."),
    default="0", minimum=0,
)  # fmt: skip
LIMIT = Parameter(
    "limit", Kind.INTEGER, "answer", gettext_lazy("At most so many changes."),
    default=str(CHANGES_MOST), minimum=1, maximum=CHANGES_MOST,
)  # fmt: skip


@described(
    "changes",
    gettext_lazy("What changed since"),
    (AFTER, LIMIT),
    "Changes",
    example="after=800&limit=100",
    tag="events",
)
class ChangesView(PublicView):
    """What changed after a change number, in the order of commits.

    Keep `next` and ask with `after=` it: nothing is missed, deletions and merges included.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (AFTER, LIMIT), events=False)
        after, limit = asked.words["after"], asked.words["limit"]
        now = state()
        return respond(
            request,
            tag_of(now.version, "changes", after, limit),
            now.changed_at,
            lambda: JsonResponse(self.body(request, now.version, after, limit)),
            version=now.version,
        )

    def body(self, request: Request, version: int, after: int, limit: int) -> dict[str, Any]:
        changes = list(
            Change.objects.filter(number__gt=after, number__lte=version)
            .select_related("event")
            .order_by("number")[:limit]
        )
        last = changes[-1].number if changes else after
        return {
            "version": version,
            "changes": [
                told(
                    CHANGE,
                    {
                        "m_number": change.number,
                        "m_kind": change.kind,
                        "m_id": change.event.public_id,
                        "m_at": change.at,
                        "m_into": (change.details or {}).get("into"),
                        "m_details": change.details,
                        "m_url": request.build_absolute_uri(
                            reverse("api-event", args=[change.event.public_id])
                        ),
                    },
                )
                for change in changes
            ],
            "next": last,
            "more": last < version and bool(changes),
        }


@described(
    "download",
    gettext_lazy("A search as a file"),
    (*event_words(), LANG),
    None,
    path={"form": "csv"},
    path_choices={"form": (*downloads.FORMATS, *downloads.YEAR_BOOK_FORMATS)},
    example="starttime=2014-01-01&minkr=11",
    tag="files",
    media_types=(
        "text/csv", "application/xml", "application/geo+json", "text/plain",
        "application/vnd.google-earth.kml+xml", downloads.XLSX,
    ),
    errors=(400, 404, 405, 413, 429, 503),
)  # fmt: skip
class DownloadView(PublicView):
    """A search as a file: csv, quakeml, geojson, kml, text, isf, ndk, or a year book table.

    The year book's tables (catalogue, mechanisms, intensity; CSV or workbook) have headings in the
    language of `lang`, else of the request, and hold at most 20,000 events: more are a 413.
    `lang` is for these tables only.
    """

    def get(self, request: Request, form: str) -> HttpResponseBase:
        if form in downloads.YEAR_BOOK_FORMATS:
            asked = asked_of(request.GET, (LANG,))
            return downloads.respond(
                request,
                asked.search,
                form,
                filename=f"kazakhstan-{form.partition('.')[0]}",
                writer=downloads.year_book_writer(form, asked.language),
            )
        if form not in downloads.FORMATS:
            raise Http404(_("There is no such format."))
        search = EventSearch.from_query(request.GET, API)
        return downloads.respond(
            request, search, downloads.FORMATS[form], filename="kazakhstan-earthquakes"
        )
