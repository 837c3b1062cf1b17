"""The OpenAPI 3.1 document: what the addresses say of themselves, and what their answers look like.

Paths and parameters come from the views (``describing``), the objects in answers from the lists
that write them (``members``), an event's own parts from the records they are made of. It is made
once a process and language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import yaml
from django.http import HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext_lazy
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from catalog.api import (
    collections,
    coverage,
    editions,
    event_types,
    magnitude_assessments,
    settlements,
    stations,
    statistics,
    views,
)
from catalog.api.describing import described, ref
from catalog.api.members import Schema, example_of, schema_of
from catalog.api.public import LANG, PublicView, asked_of, respond
from catalog.formats import records
from catalog.models import Export
from catalog.search import Kind, Parameter

YAML = "application/vnd.oai.openapi+yaml; charset=utf-8"
JSON = "application/vnd.oai.openapi+json; charset=utf-8"
_NEXT = "https://example.kz/api/v1/{}?cursor=WyI0ZjA0…"
_CURSOR_HELP = "Address of the page that follows; null on the last."

TAGS = (
    ("events", gettext_lazy("Events, their history, and what changed")),
    ("map", gettext_lazy("The map's tiles and layers")),
    ("origins", gettext_lazy("Origins")),
    ("arrivals", gettext_lazy("Arrivals")),
    ("magnitudes", gettext_lazy("Magnitudes")),
    ("station-magnitudes", gettext_lazy("Station magnitudes")),
    ("mechanisms", gettext_lazy("Focal mechanisms")),
    ("intensities", gettext_lazy("Intensities")),
    ("community-intensities", gettext_lazy("Community intensities")),
    ("felt", gettext_lazy("Felt reports")),
    ("stations", gettext_lazy("Stations")),
    ("settlements", gettext_lazy("Settlements")),
    ("coverage", gettext_lazy("Coverage by bulletins")),
    ("files", gettext_lazy("Files")),
    ("editions", gettext_lazy("Editions: frozen, citable selections")),
    ("staff", gettext_lazy("Uploads and runs, with a token")),
    ("document", gettext_lazy("This document")),
)

_FIRST = ("events", "event", "event_history", "changes", "map_events", "upload_bulletin", "run")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer kzt_...`` (or ``Token``), for uploads and runs."""

    target_class = "catalog.api.authentication.TokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "kzt_…",
            "description": "An access token that an administrator issued; reading needs none.",
        }


# --- What answers look like --------------------------------------------------------------------


def _object(help: str, properties: Schema, example: Any, optional: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "description": help,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
        "example": example,
    }


def _text(help: str, *, null: bool = False) -> Schema:
    return {"type": ["string", "null"] if null else "string", "description": help}


def _whole(help: str, *, null: bool = False) -> Schema:
    return {"type": ["integer", "null"] if null else "integer", "description": help}


def _list(name: str, help: str = "") -> Schema:
    return {"type": "array", "items": ref(name), "description": help}


_SEARCH: Schema = {
    "type": "object",
    "description": "The words that were understood, as they would be asked again.",
    "additionalProperties": {"type": "string"},
}
_NEXT_PAGE: Schema = _text(_CURSOR_HELP, null=True)
_VERSION = _whole("The catalogue's version: the number of its last change.")
_ANYTHING: Schema = {"type": "object", "description": "", "additionalProperties": True}


def _page(
    help: str, name: str, one: str, example: Any, address: str, **more: tuple[Schema, Any]
) -> Schema:
    """Return the schema of a page: what ``more`` tells, its rows, the address of the next."""
    properties = {key: schema for key, (schema, _) in more.items()}
    values = {key: value for key, (_, value) in more.items()}
    return _object(
        help,
        {**properties, name: _list(one), "next": _NEXT_PAGE},
        {**values, name: [example], "next": _NEXT.format(address)},
    )


def _errors() -> dict[str, Schema]:
    problem = _object(
        "One thing wrong with what was asked.",
        {
            "word": _text("The word."),
            "code": _text("What is wrong, for programs."),
            "found": _text("What was found."),
            "expected": _text("What was expected."),
            "message": _text("The same as a sentence."),
        },
        {
            "word": "minmagnitud",
            "code": "unknown-word",
            "found": "",
            "expected": "minmagnitude",
            "message": "“minmagnitud” is not a search word. Did you mean “minmagnitude”?",
        },
    )
    base = {
        "error": _text("What is wrong, in words."),
        "problems": _list("Problem", "Each thing wrong; empty where there is nothing to list."),
    }
    told = {
        "change": _whole("Number of the change that did it."),
        "at": {"type": "string", "format": "date-time"},
        "details": {**_ANYTHING, "description": "What else the change tells."},
    }
    example = {"change": 812, "at": "2026-01-10T08:00:00Z", "details": {}}
    return {
        "Problem": problem,
        "Error": _object(
            "A mistake.",
            base,
            {"error": problem["example"]["message"], "problems": [problem["example"]]},
        ),
        "Merged": _object(
            "The event was merged into another.",
            {
                **base,
                "id": _text("The id asked for."),
                "status": {"const": "merged"},
                "into": _text("The event that now answers."),
                **told,
            },
            {
                "error": "Event kz2014aaaaaa was merged into kz2014m7k2ra.",
                "problems": [],
                "id": "kz2014aaaaaa",
                "status": "merged",
                "into": "kz2014m7k2ra",
                **example,
            },
            optional=tuple(told),
        ),
        "Deleted": _object(
            "The event was deleted.",
            {**base, "id": _text("The id asked for."), "status": {"const": "deleted"}, **told},
            {
                "error": "Event kz2014aaaaaa was deleted.",
                "problems": [],
                "id": "kz2014aaaaaa",
                "status": "deleted",
                **example,
            },
            optional=tuple(told),
        ),
    }


_RECORDS: dict[str, type[records.Record]] = {
    "origins": records.OriginRecord,
    "magnitudes": records.MagnitudeRecord,
    "descriptions": records.DescriptionRecord,
    "picks": records.PickRecord,
    "amplitudes": records.AmplitudeRecord,
    "station_magnitudes": records.StationMagnitudeRecord,
    "focal_mechanisms": records.FocalMechanismRecord,
    "intensities": records.IntensityRecord,
    "interpretations": records.InterpretationRecord,
    "consequences": records.ConsequenceRecord,
}


def _record_schemas() -> dict[str, Schema]:
    """Return the schemas of records as an event tells them: what was not reported is left out."""
    _, found = msgspec.json.schema_components(
        list(_RECORDS.values()), ref_template="#/components/schemas/{name}"
    )
    schemas: dict[str, Schema] = {}
    for name, schema in found.items():
        properties = {key: _said(part) for key, part in schema["properties"].items()}
        always = [
            key
            for key in schema.get("required", ())
            if "anyOf" not in schema["properties"][key]
            and (properties[key].get("type") != "string" or key.endswith("_id"))
        ]
        schemas[name] = {
            "type": "object",
            "description": str(schema.get("description", "")).split("\n\n")[0],
            "properties": properties,
            "required": always,
            "additionalProperties": False,
        }
    number = {"type": ["number", "null"]}
    flag = {"type": "boolean"}
    difference = {
        "type": "object",
        "description": "From the preferred origin.",
        "properties": {"distance_km": number, "seconds": number, "depth_km": number},
        "required": ["distance_km", "seconds", "depth_km"],
        "additionalProperties": False,
    }
    for name, more in (
        ("OriginRecord", {"preferred": flag, "difference": difference}),
        (
            "MagnitudeRecord",
            {
                "scale": {"type": "string", "description": "The scale its type belongs to."},
                "preferred": flag,
                "preferred_on_its_scale": flag,
                "difference": {**number, "description": "From the preferred one of its scale."},
            },
        ),
    ):
        schemas[name]["properties"].update(more)
        schemas[name]["required"] += list(more)
    return schemas


def _said(schema: Schema) -> Schema:
    """Return a schema without null, which is not said, and without defaults."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    options = [part for part in kept.pop("anyOf", ()) if part != {"type": "null"}]
    if len(options) == 1:
        kept |= options[0]
    elif options:
        kept["anyOf"] = options
    return kept


_PREFERENCE_EXAMPLE = {
    "rule_set": "kz-preference/1",
    "area": "Northern Tien Shan",
    "candidates": [
        {
            "origin_id": "origin/2041",
            "origin": 2041,
            "agency": "SOME",
            "total": 1000.0,
            "terms": [
                {
                    "name": "authoritative_agency",
                    "value": 1.0,
                    "weight": 1000.0,
                    "contribution": 1000.0,
                }
            ],
        }
    ],
    "magnitudes": [
        {
            "scale": "KR",
            "order": ["chosen_by_editor", "native", "reported"],
            "candidates": [
                {
                    "magnitude_id": "magnitude/3107",
                    "agency": "SOME",
                    "type": "KR",
                    "value": 13.6,
                    "criteria": {"chosen_by_editor": 0.0, "native": 1.0, "reported": 1.0},
                }
            ],
        }
    ],
}


def _preference_schema() -> Schema:
    number: Schema = {"type": "number"}
    term = _object(
        "A term of the sum: value times weight.",
        {"name": _text("Its name."), "value": number, "weight": number, "contribution": number},
        _PREFERENCE_EXAMPLE["candidates"][0]["terms"][0],  # type: ignore[index]
    )
    origin = {
        "origin_id": _text("Id of the origin."),
        "origin": _whole("The same as a number."),
        "agency": _text("Its agency."),
        "total": {**number, "description": "The sum; the largest is preferred."},
        "terms": {"type": "array", "items": term},
    }
    size = {
        "magnitude_id": _text("Id of the magnitude."),
        "agency": _text("Its agency."),
        "type": _text("Its type as reported."),
        "value": number,
        "criteria": {
            "type": "object",
            "description": "Compared in the order told; the first that differs decides.",
            "additionalProperties": number,
        },
    }
    scale = {
        "scale": _text("The scale."),
        "order": {"type": "array", "items": {"type": "string"}},
        "candidates": {"type": "array", "items": {"type": "object", "properties": size}},
    }
    return {
        "type": "object",
        "description": "Why the preferred origin and the preferred magnitude of each scale stand"
        " first: the version of the rules and the terms of every candidate, the preferred first.",
        "properties": {
            "rule_set": _text("Name and version of the rules."),
            "area": _text("The area of the rules that holds the event.", null=True),
            "candidates": {"type": "array", "items": {"type": "object", "properties": origin}},
            "magnitudes": {"type": "array", "items": {"type": "object", "properties": scale}},
            "location": {**_ANYTHING, "description": "How the portal located it, or why not."},
        },
        "required": ["candidates", "magnitudes"],
        "example": _PREFERENCE_EXAMPLE,
    }


def _event_schemas() -> dict[str, Schema]:
    summary = schema_of(views.SUMMARY, "An event in a list.")
    key = _text("Id of the preferred one.", null=True)
    keys = {
        "preferred_origin_id": key,
        "preferred_magnitude_id": key,
        "preferred_focal_mechanism_id": key,
    }
    parts = {name: _list(record.__name__) for name, record in _RECORDS.items()}
    # "origins" and "magnitudes" are numbers in a list, the solutions themselves in the whole.
    properties = {
        **summary["properties"],
        "preference": ref("Preference"),
        **parts,
        **keys,
    }
    example = {
        **example_of(views.SUMMARY),
        "preference": _PREFERENCE_EXAMPLE,
        **{name: [] for name in _RECORDS},
        "origins": [
            {
                "origin_id": "origin/2041",
                "time": "2014-11-14T01:24:16.2Z",
                "latitude": 42.1,
                "longitude": 77.27,
                "depth_km": 17.0,
                "agency": "SOME",
                "preferred": True,
                "difference": {"distance_km": 0.0, "seconds": 0.0, "depth_km": 0.0},
            }
        ],
        "magnitudes": [
            {
                "value": 13.6,
                "type": "KR",
                "magnitude_id": "magnitude/3107",
                "agency": "SOME",
                "scale": "KR",
                "preferred": False,
                "preferred_on_its_scale": True,
                "difference": 0.0,
            }
        ],
        "preferred_origin_id": "origin/2041",
        "preferred_magnitude_id": "magnitude/3106",
        "preferred_focal_mechanism_id": None,
    }
    count = {
        "type": ["boolean", "null"],
        "description": "False: there are more than count; null but on the first page.",
    }
    change = example_of(views.CHANGE)
    cell = {"type": ["string", "number", "boolean", "null", "array"], "items": {"type": "string"}}
    columns = [*views.MAP_COLUMNS, "place"]
    return {
        "EventSummary": summary,
        "Preference": _preference_schema(),
        "EventDetail": _object("An event with all that is known of it.", properties, example),
        "EventPage": _page(
            "A page of events.",
            "events",
            "EventSummary",
            example_of(views.SUMMARY),
            "events",
            version=(_VERSION, 812),
            count=(_whole("How many match; null but on the first page.", null=True), 42),
            count_is_exact=(count, True),
            search=(_SEARCH, {"starttime": "2014-01-01", "minkr": "11"}),
        ),
        "MapEvents": _object(
            "Events as rows of one table.",
            {
                "version": _VERSION,
                "count": _whole("Number of rows."),
                "truncated": {"type": "boolean", "description": "There are more than are told."},
                "columns": {"type": "array", "items": {"type": "string"}},
                "rows": {"type": "array", "items": {"type": "array", "items": cell}},
            },
            {
                "version": 812,
                "count": 1,
                "truncated": False,
                "columns": columns[:5],
                "rows": [["kz2014m7k2ra", 1415928256200, 42.1, 77.27, 17.0]],
            },
        ),
        **_map_schemas(),
        **_type_schemas(),
        "HistoryEntry": schema_of(views.HISTORY_ENTRY, "A change, or a decision."),
        "HistoryPage": _page(
            "What happened to an event, newest first.",
            "history",
            "HistoryEntry",
            example_of(views.HISTORY_ENTRY),
            "events/kz2014m7k2ra/history",
            id=(_text("Public id of the event."), "kz2014m7k2ra"),
            version=(_whole("How often the event was published."), 2),
        ),
        "Change": schema_of(views.CHANGE, "A step of the public catalogue."),
        "Changes": _object(
            "Steps of the public catalogue, in the order of commits.",
            {
                "version": _VERSION,
                "changes": _list("Change"),
                "next": _whole("What to ask after next time."),
                "more": {"type": "boolean", "description": "There is more already."},
            },
            {"version": 812, "changes": [change], "next": 812, "more": False},
        ),
    }


def _map_schemas() -> dict[str, Schema]:
    scalar = {"type": ["string", "number", "boolean", "null"]}
    cell = {"anyOf": [scalar, {"type": "array", "items": scalar}]}
    columns = {"type": "array", "items": {"type": "string"}, "description": "What a row holds."}
    rows = {"type": "array", "items": {"type": "array", "items": cell}}
    tile = _object(
        "One tile of the map.",
        {
            "url": _text("Where it is, for ever."),
            "start": _whole("First millisecond since 1970."),
            "end": _whole("Millisecond after its last."),
            "count": _whole("Its events."),
            "bytes": _whole("Bytes of the unpacked tile."),
        },
        {
            "url": "/api/v1/map/tiles/0123456789abcdef0123456789abcdef.bin",
            "start": 1262304000000,
            "end": 1577836800000,
            "count": 489,
            "bytes": 9864,
        },
    )
    tiles = {
        "format": {"const": 1},
        "version": _whole("The catalogue's version they hold; null: none are made.", null=True),
        "count": _whole("Events of all tiles."),
        "tiles": _list("MapTile", "Newest first."),
    }
    table = {
        "version": _VERSION,
        "count": _whole("Number of rows."),
        "truncated": {"type": "boolean", "description": "There are more than are told."},
        "columns": columns,
        "rows": rows,
    }
    place = ["Almaty", "", "Almaty city", "KZ", 1977011, 43.25, 76.92, 41]
    names = ["name", "matched", "oblast", "country", "population", "lat", "lon", "id"]
    return {
        "MapTile": tile,
        "MapTiles": _object(
            "The tiles of all events.",
            tiles,
            {"format": 1, "version": 812, "count": 489, "tiles": [tile["example"]]},
        ),
        "MapChanges": _object(
            "Events that changed.",
            {
                "version": _VERSION,
                "gone": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Ids of events that are no longer among them.",
                },
                "columns": columns,
                "rows": rows,
            },
            {
                "version": 812,
                "gone": ["kz2014aaaaaa"],
                "columns": ["id", "time", "lat", "lon", "depth_km"],
                "rows": [["kz2014m7k2ra", 1415928256200, 42.1, 77.27, 17.0]],
            },
        ),
        "MapRebuild": _object(
            "Too much has changed: the manifest is to be taken anew.",
            {
                "error": _text("What is wrong, in words."),
                "problems": _list("Problem", "Empty."),
                "code": {"const": "rebuild"},
                "version": _VERSION,
            },
            {
                "error": "Too much has changed since that version; take the tiles of now.",
                "problems": [],
                "code": "rebuild",
                "version": 812,
            },
        ),
        "MapRows": _object(
            "Rows of one table.",
            table,
            {"count": 1, "truncated": False, "columns": names, "rows": [place]},
            optional=("version",),
        ),
    }


def _type_schemas() -> dict[str, Schema]:
    parts = {
        "TypeReported": (event_types.REPORTED, "What one agency reported."),
        "TypeDecision": (event_types.DECISION, "What a person decided."),
        "TypeSuggestion": (event_types.SUGGESTION, "What the rule suggests, and why."),
        "TypeInterpretation": (event_types.INTERPRETATION, "What an author holds it to be."),
    }
    schemas = {name: schema_of(members, help) for name, (members, help) in parts.items()}
    schemas["EventType"] = _object(
        "What an event is held to be.",
        {
            "id": _text("Public id of the event."),
            "event_type": _text("The type that stands; null: nobody told it.", null=True),
            "event_type_certainty": _text("known or suspected.", null=True),
            "reported": _list("TypeReported"),
            "decision": {"anyOf": [ref("TypeDecision"), {"type": "null"}]},
            "suggestion": {"anyOf": [ref("TypeSuggestion"), {"type": "null"}]},
            "interpretations": _list("TypeInterpretation"),
        },
        {
            "id": "kz2014m7k2ra",
            "event_type": "quarry blast",
            "event_type_certainty": "known",
            "reported": [example_of(event_types.REPORTED)],
            "decision": example_of(event_types.DECISION),
            "suggestion": example_of(event_types.SUGGESTION),
            "interpretations": [],
        },
    )
    return schemas


def _collection_schemas() -> dict[str, Schema]:
    schemas: dict[str, Schema] = {}
    for each in collections.COLLECTIONS:
        name = each.name.replace("-", "_")
        example = example_of(each.members)
        schemas[each.one] = schema_of(each.members, each.help)
        schemas[f"{each.one}Page"] = _page(
            "A page of rows across events.",
            name,
            each.one,
            example,
            each.name,
            version=(_VERSION, 812),
            search=(_SEARCH, {"starttime": "2014-01-01", "minkr": "11"}),
        )
        schemas[f"Event{each.one}Page"] = _page(
            "A page of rows of one event.",
            name,
            each.one,
            example,
            f"events/kz2014m7k2ra/{each.name}",
            id=(_text("Public id of the event."), "kz2014m7k2ra"),
            version=(_whole("How often the event was published."), 2),
        )
    return schemas


def _community_schemas() -> dict[str, Schema]:
    members = tuple(m for m in collections.COMMUNITY_INTENSITIES.members if m.name != "outline")
    kind: Schema = {"type": "string"}
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [76.91, 43.22]},
        "properties": example_of(members),
    }
    return {
        "CommunityIntensityFeature": _object(
            "A cell by its outline, or a settlement by its point.",
            {
                "type": kind,
                "geometry": {"type": "object", "description": "GeoJSON, WGS84."},
                "properties": schema_of(members, "What the area's reports make together."),
            },
            feature,
        ),
        "CommunityIntensityFeatures": _object(
            "The published community intensities of one event, GeoJSON.",
            {
                "type": kind,
                "id": _text("Public id of the event."),
                "features": _list("CommunityIntensityFeature"),
            },
            {"type": "FeatureCollection", "id": "kz2014m7k2ra", "features": [feature]},
        ),
    }


def _scale_schemas() -> dict[str, Schema]:
    scale = example_of(magnitude_assessments.SCALE)
    assessment = schema_of(magnitude_assessments.ASSESSMENT, "")
    stations_of = {"stations": _list("AssessedStation", "In order of distance.")}
    example = {
        **example_of(magnitude_assessments.ASSESSMENT),
        "stations": [example_of(magnitude_assessments.STATION)],
    }
    return {
        "MagnitudeScale": schema_of(magnitude_assessments.SCALE, "A scale of magnitude."),
        "MagnitudeScales": _object(
            "Every scale sizes are computed on.",
            {
                "scales": _list("MagnitudeScale"),
                "outcomes": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Codes of what may become of a station.",
                },
            },
            {"scales": [scale], "outcomes": ["used", "outlier", "period_missing"]},
        ),
        "AssessedStation": schema_of(
            magnitude_assessments.STATION, "What one station gave on one scale."
        ),
        "MagnitudeAssessment": _object(
            "One scale of one event as it was computed.",
            {**assessment["properties"], **stations_of},
            example,
        ),
        "MagnitudeAssessments": _object(
            "Every scale of one event that was computed.",
            {
                "id": _text("Public id of the event."),
                "assessments": _list("MagnitudeAssessment"),
            },
            {"id": "kz2014m7k2ra", "assessments": [example]},
        ),
    }


def _station_schemas() -> dict[str, Schema]:
    station = schema_of(stations.STATION, "A station.")
    lists = {"epochs": _list("StationEpoch"), "aliases": _list("StationAlias")}
    example = {
        **example_of(stations.STATION),
        "epochs": [example_of(stations.EPOCH)],
        "aliases": [example_of(stations.ALIAS)],
    }
    return {
        "StationEpoch": schema_of(stations.EPOCH, "A place at which a station stood."),
        "StationAlias": schema_of(stations.ALIAS, "An agency's own code for a station."),
        "Station": _object("A station.", {**station["properties"], **lists}, example),
        "StationPage": _page("A page of stations.", "stations", "Station", example, "stations"),
    }


def _coverage_schemas() -> dict[str, Schema]:
    example = example_of(coverage.STRETCH)
    day: Schema = {"type": "string", "format": "date"}
    return {
        "CoverageStretch": schema_of(coverage.STRETCH, "Days in a row of one agency and state."),
        "Coverage": _object(
            "Which days are covered by bulletins.",
            {
                "start": {**day, "description": "First day that was asked for."},
                "end": {**day, "description": "Last day that was asked for."},
                "coverage": _list("CoverageStretch", "By agency, then by time."),
                "closed_months": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Months that an editor has closed.",
                },
            },
            {
                "start": "2014-03-01",
                "end": "2014-03-31",
                "coverage": [example],
                "closed_months": ["2014-03"],
            },
        ),
    }


def _settlement_schemas() -> dict[str, Schema]:
    one = schema_of(settlements.MEMBER, "A settlement and how far it is.")
    return {
        "Settlement": one,
        "Settlements": _object(
            "Settlements around a point.",
            {
                "count": _whole("Settlements told."),
                "truncated": {"type": "boolean", "description": "There are more than are told."},
                "attribution": _text("Whose data they are, to be named where they are shown."),
                "settlements": _list("Settlement", "Nearest first."),
            },
            {
                "count": 1,
                "truncated": False,
                "attribution": settlements.ATTRIBUTION,
                "settlements": [example_of(settlements.MEMBER)],
            },
        ),
    }


def _statistics_schemas() -> dict[str, Schema]:
    period = example_of(statistics.PERIOD)
    gamma = schema_of(statistics.GAMMA, "Slope of lg N against KR.")
    hours: Schema = {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 24,
        "maxItems": 24,
        "description": "Events by hour of the day, from 0 on.",
    }
    unit: Schema = {"type": "string", "enum": ["day", "month", "year"], "description": "Unit."}
    summary = schema_of(statistics.SUMMARY, "Numbers of a search.")
    return {
        "StatisticsClass": schema_of(statistics.CLASS, "Events of one energy class."),
        "StatisticsPeriod": schema_of(statistics.PERIOD, "Events of one period."),
        "StatisticsDepth": schema_of(statistics.DEPTH, "Events of one range of depth."),
        "StatisticsOffset": schema_of(statistics.OFFSET, "An offset of Almaty's civil time."),
        "StatisticsGamma": gamma,
        "Statistics": _object(
            "What the numbers of a search say.",
            {
                "version": _VERSION,
                "search": _SEARCH,
                **summary["properties"],
                "gamma": {
                    "anyOf": [ref("StatisticsGamma"), {"type": "null"}],
                    "description": "null: fewer than 50 events from that class on.",
                },
                "classes": _list("StatisticsClass", "From the smallest class on."),
                "unit": unit,
                "periods": _list("StatisticsPeriod", "By unit, none left out."),
                "energy_unit": unit,
                "energies": _list("StatisticsPeriod", "By energy_unit."),
                "depths": _list("StatisticsDepth", "By 5 km; the last one is open."),
                "hours_utc": hours,
                "hours_almaty": hours,
                "offsets_almaty": _list("StatisticsOffset", "Offsets of Almaty's civil time."),
            },
            {
                "version": 8123,
                "search": {"starttime": "2014-01-01", "minkr": "7.6"},
                **example_of(statistics.SUMMARY),
                "gamma": example_of(statistics.GAMMA),
                "classes": [example_of(statistics.CLASS)],
                "unit": "month",
                "periods": [period],
                "energy_unit": "month",
                "energies": [period],
                "depths": [example_of(statistics.DEPTH)],
                "hours_utc": [30] * 24,
                "hours_almaty": [30] * 24,
                "offsets_almaty": [example_of(statistics.OFFSET)],
            },
        ),
    }


def _export_schemas() -> dict[str, Schema]:
    moment: Schema = {"type": ["string", "null"], "format": "date-time"}
    problem: Schema = {
        "type": ["object", "null"],
        "description": "Why it could not be made.",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "values": {}},
    }
    told = {
        "id": _text("Its id."),
        "status": {"enum": list(Export.Status.values)},
        "status_text": _text("The same in words."),
        "over": {"type": "boolean", "description": "Nothing more will become of it."},
        "format": _text("The format of its file."),
        "search": _text("The words of its search."),
        "catalogue_version": _whole("The version of the catalogue it holds.", null=True),
        "events_done": _whole("Events written.", null=True),
        "events_total": _whole("Events there are.", null=True),
        "size": _whole("Bytes of the file.", null=True),
        "sha256": _text("SHA-256 of the file.", null=True),
        "file_name": _text("Name to save it under.", null=True),
        "media_type": _text("What it is.", null=True),
        "url": _text("Where the file is, once it is ready.", null=True),
        "status_url": _text("Where this is."),
        "asked_at": moment,
        "finished_at": moment,
        "expires_at": {**moment, "description": "null with a finished one: kept for ever."},
        "problem": problem,
    }
    base = "https://catalogue.example.kz/api/v1/exports/8Kq2mT5wXz0aVbN4"
    example = {
        "id": "8Kq2mT5wXz0aVbN4",
        "status": "done",
        "status_text": "ready",
        "over": True,
        "format": "gpkg",
        "search": "minkr=10",
        "catalogue_version": 812,
        "events_done": 41,
        "events_total": 41,
        "size": 131072,
        "sha256": "0" * 64,
        "file_name": "kazakhstan-earthquakes.gpkg",
        "media_type": "application/geopackage+sqlite3",
        "url": f"{base}/file",
        "status_url": base,
        "asked_at": "2026-01-10T08:00:00Z",
        "finished_at": "2026-01-10T08:00:02Z",
        "expires_at": "2026-02-09T08:00:02Z",
        "problem": None,
    }
    mistake = {
        "error": _text("Why there is no file."),
        "problems": _list("Problem", "Empty."),
    }
    waiting = {"status": "waiting", "status_text": "waiting", "over": False, "url": None}
    return {
        "Export": _object("One finished file of a search, or the work on it.", told, example),
        "NoFile": _object(
            "An export without a file: not ready, failed, or gone.",
            {**mistake, **told},
            {"error": "waiting", "problems": [], **example, **waiting},
        ),
    }


def _felt_schemas() -> dict[str, Schema]:
    """Return the schemas of what answers a felt report."""
    proposal = _object(
        "A settlement that may be meant.",
        {
            "settlement": _whole("Its number, for “settlement”."),
            "name": _text("Its name."),
            "oblast": _text("Its oblast; empty outside Kazakhstan."),
            "country": _text("ISO 3166."),
            "population": _whole("People.", null=True),
        },
        {
            "settlement": 41,
            "name": "Talgar",
            "oblast": "Almaty Region",
            "country": "KZ",
            "population": 43353,
        },
    )
    problem = {
        "word": "place",
        "code": "ambiguous-place",
        "found": "Talgar",
        "expected": "",
        "message": "Several settlements are called “Talgar”. Choose which one is meant.",
    }
    notes = {
        "type": "array",
        "items": {"type": "string", "enum": ["clock-ahead"]},
        "description": "What was understood otherwise: clock-ahead, its time was taken to be now.",
    }
    return {
        "FeltToken": _object(
            "A token of the form.",
            {"token": _text("To be sent back."), "seconds": _whole("How long it is fresh.")},
            {"token": "h2Vn0…:1wR3yE:k9…", "seconds": 43200},
        ),
        "FeltAnswer": _object(
            "A report that was received.",
            {
                "id": {"type": "string", "format": "uuid", "description": "As it was sent."},
                "message": _text("What to tell the person."),
                "notes": notes,
            },
            {
                "id": "7d1c3f6e-2b54-4a8e-9a55-0d6f2f4f9b11",
                "message": "Thank you. Your report has been received.",
                "notes": [],
            },
        ),
        "FeltProposal": proposal,
        "FeltRefused": _object(
            "A report that cannot be kept as it is.",
            {
                "error": _text("What is wrong, in words."),
                "problems": _list("Problem", "Each thing wrong."),
                "proposals": _list("FeltProposal", "Settlements that may be meant."),
            },
            {
                "error": problem["message"],
                "problems": [problem],
                "proposals": [proposal["example"]],
            },
        ),
    }


def _edition_schemas() -> dict[str, Schema]:
    summary = schema_of(editions.EDITION, "A frozen, citable selection of the catalogue.")
    more = schema_of(editions.MORE, "")
    gap: Schema = {
        "type": "object",
        "properties": {"text": _text("What is missing.")},
        "required": ["text"],
        "additionalProperties": True,
    }
    parts = {
        "gaps": {"type": "array", "items": gap, "description": "What it declares to lack."},
        "lists": _list("EditionList", "Lists of events that stand beside the count."),
        "declustering": _list("EditionDeclustering", "Methods whose flags stand in the CSV."),
        "files": _list("EditionFile"),
    }
    example = example_of(editions.EDITION)
    return {
        "EditionSummary": summary,
        "EditionFile": schema_of(editions.FILE, "A file of an edition; its bytes never change."),
        "EditionList": schema_of(editions.LIST, "Events that stand beside the count."),
        "EditionDeclustering": schema_of(editions.RUN, "A declustering with its parameters."),
        "Editions": _object(
            "All editions.", {"editions": _list("EditionSummary")}, {"editions": [example]}
        ),
        "EditionDetail": _object(
            "An edition with all that it tells.",
            {**summary["properties"], **more["properties"], **parts},
            {
                **example,
                **example_of(editions.MORE),
                "gaps": [{"text": "KNDC: no bulletin of 2014-03-01..2014-03-03"}],
                "lists": [example_of(editions.LIST)],
                "declustering": [example_of(editions.RUN)],
                "files": [example_of(editions.FILE)],
            },
        ),
    }


def schemas() -> dict[str, Schema]:
    """Return the schema of every object in an answer, by name."""
    return {
        "OpenAPI": {"type": "object", "description": "An OpenAPI 3.1 document."},
        **_errors(),
        **_event_schemas(),
        **_collection_schemas(),
        **_community_schemas(),
        **_scale_schemas(),
        **_station_schemas(),
        **_coverage_schemas(),
        **_settlement_schemas(),
        **_statistics_schemas(),
        **_export_schemas(),
        **_felt_schemas(),
        **_edition_schemas(),
        **_record_schemas(),
    }


# --- The document ------------------------------------------------------------------------------


def finish(result: Schema, **kwargs: Any) -> Schema:
    """Put in the objects and examples; say once what many addresses share."""
    components = result.setdefault("components", {})
    known = components.setdefault("schemas", {})
    known.update(schemas())
    operations = [
        operation
        for path in result["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post")
    ]
    for operation in operations:
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
                if "example" in known.get(name, {}) and "examples" not in content:
                    content.setdefault("example", known[name]["example"])
    _share_parameters(operations, components.setdefault("parameters", {}))
    result["tags"] = [{"name": name, "description": str(text)} for name, text in TAGS]
    order = {name: place for place, (name, _) in enumerate(TAGS)}

    def place(item: tuple[str, Schema]) -> tuple[int, int]:
        """By subject; in it, as the reader comes by them."""
        said = next(iter(item[1].values()))
        name = said["operationId"]
        rank = _FIRST.index(name) if name in _FIRST else len(_FIRST) + name.startswith("event_")
        return order.get(said["tags"][0], len(order)), rank

    result["paths"] = dict(sorted(result["paths"].items(), key=place))
    return result


def _share_parameters(operations: Sequence[Schema], shared: dict[str, Schema]) -> None:
    """Say a parameter once where several operations have it word for word."""
    seen: dict[str, int] = {}
    texts = {}
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            text = json.dumps(parameter, sort_keys=True, default=str)
            texts[id(parameter)] = text
            seen[text] = seen.get(text, 0) + 1
    names: dict[str, str] = {}
    for operation in operations:
        for place, parameter in enumerate(operation.get("parameters", ())):
            text = texts[id(parameter)]
            if seen[text] < 2:
                continue
            if text not in names:
                name, number = parameter["name"], 2
                while name in shared:
                    name, number = f"{parameter['name']}{number}", number + 1
                names[text], shared[name] = name, parameter
            operation["parameters"][place] = {"$ref": f"#/components/parameters/{names[text]}"}


@cache
def document(language: str = "en") -> Schema:
    """Return the document; summaries and the words' meanings are in the language."""
    with translation.override(language):
        made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        plain: Schema = json.loads(json.dumps(made, default=str))
    return plain


@cache
def written(form: str, language: str) -> tuple[bytes, str]:
    """Return the document as text, and its tag."""
    made = document(language)
    text = (
        json.dumps(made, ensure_ascii=False, indent=1)
        if form == "json"
        else yaml.dump(
            made,
            Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
            sort_keys=False,
            allow_unicode=True,
        )
    )
    body = text.encode()
    return body, f'"{hashlib.sha256(body).hexdigest()[:24]}"'


FORM = Parameter(
    "format", Kind.CHOICE, "answer",
    gettext_lazy("Form of the document; without it, what Accept asks for, else JSON."),
    choices=("json", "yaml"),
)  # fmt: skip


@described(
    "schema",
    gettext_lazy("This document"),
    (FORM, LANG),
    "OpenAPI",
    tag="document",
    example="format=json",
    media_types=("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+yaml"),
)
class SchemaView(PublicView):
    """The OpenAPI document of this interface, as JSON or YAML."""

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (FORM, LANG), events=False)
        wants_yaml = "yaml" in request.headers.get("Accept", "")
        form = asked.words["format"] or ("yaml" if wants_yaml else "json")
        body, tag = written(form, asked.language)
        kind = YAML if form == "yaml" else JSON
        response = respond(request, tag, None, lambda: HttpResponse(body, content_type=kind))
        response["Vary"] = "Accept"
        return response
