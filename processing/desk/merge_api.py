"""The merge desk as JSON, for staff's scripts: the queue, deciding on a pair, taking back."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import exceptions, serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import EDITOR, AccessToken, MergeDecision, User
from processing.desk import merge, merge_pairs
from processing.desk.api import ERROR, ERROR_EXAMPLE, REFUSALS, StaffAPIView, error
from processing.desk.merge_pairs import Line, Side
from processing.jobs import merge_decisions
from processing.jobs.merge_decisions import Refused, Result
from processing.jobs.receiving import Refused as NotUnderstood
from processing.jobs.station_readings import NotDecidable

PAGE, PAGE_MOST = 100, 500
WORDS = (*merge.FilterForm.base_fields, "limit", "offset")
LONGEST_NOTE = 500

_SIDE: dict[str, Any] = {
    "report": serializers.IntegerField(),
    "agency": serializers.CharField(),
    "agency_event_id": serializers.CharField(allow_null=True),
    "event": serializers.CharField(help_text="Public id."),
    "time": serializers.DateTimeField(allow_null=True),
    "latitude": serializers.FloatField(allow_null=True),
    "longitude": serializers.FloatField(allow_null=True),
    "depth_km": serializers.FloatField(allow_null=True),
    "synthetic": serializers.BooleanField(),
}
QUEUE = inline_serializer(
    "MergeQueue",
    {
        "count": serializers.IntegerField(help_text="Of all that answer."),
        "pairs": inline_serializer(
            "MergePair",
            {
                "first": inline_serializer("MergeFirst", _SIDE),
                "second": inline_serializer("MergeSecond", _SIDE),
                "seconds": serializers.FloatField(
                    allow_null=True, help_text="Second less first [s]."
                ),
                "km": serializers.FloatField(allow_null=True),
                "reason": serializers.CharField(),
                "probability": serializers.FloatField(allow_null=True),
                "misfit": serializers.FloatField(allow_null=True),
                "put_off": serializers.BooleanField(),
                "seen": serializers.CharField(help_text="To be sent with a decision."),
            },
            many=True,
        ),
    },
)
RESULT = inline_serializer(
    "MergeResult",
    {
        "decision": serializers.IntegerField(help_text="What is undone by."),
        "events": inline_serializer(
            "MergeEvent",
            {
                "event": serializers.CharField(help_text="Public id."),
                "new": serializers.BooleanField(),
                "reports": serializers.ListField(child=serializers.IntegerField()),
            },
            many=True,
        ),
        "merged": serializers.DictField(
            child=serializers.CharField(), help_text="Public ids that answer 301, and where to."
        ),
        "deleted": serializers.ListField(
            child=serializers.CharField(), help_text="Public ids that answer 410."
        ),
    },
)
_RESULT = {
    "decision": 90210,
    "events": [{"event": "kz2014m7k2ra", "new": False, "reports": [311, 548]}],
    "merged": {"kz2014h3k2m7": "kz2014m7k2ra"},
    "deleted": [],
}
_EXAMPLE_SIDE: dict[str, Any] = {
    "report": 311,
    "agency": "SOME",
    "agency_event_id": "s1",
    "event": "kz2014m7k2ra",
    "time": "2014-11-14T01:24:16.4Z",
    "latitude": 42.14,
    "longitude": 77.29,
    "depth_km": 15.0,
    "synthetic": False,
}
EXAMPLES = [
    OpenApiExample(
        "One pair",
        {
            "count": 1,
            "pairs": [
                {
                    "first": _EXAMPLE_SIDE,
                    "second": {**_EXAMPLE_SIDE, "report": 548, "agency": "KNDC"},
                    "seconds": 2.1,
                    "km": 17.9,
                    "reason": "ambiguous",
                    "probability": None,
                    "misfit": 1.2,
                    "put_off": False,
                    "seen": "5d41402abc4b2a76b971.0",
                }
            ],
        },
        response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample("Stored", _RESULT, response_only=True, status_codes=["201"]),
    ERROR_EXAMPLE,
]
_DECISION = {
    "type": "object",
    "required": ["first", "second", "decision", "seen"],
    "properties": {
        "first": {"type": "integer", "minimum": 1, "description": "A report."},
        "second": {"type": "integer", "minimum": 1, "description": "Another."},
        "decision": {"type": "string", "enum": list(merge.KINDS)},
        "seen": {"type": "string", "maxLength": 60, "description": "As the queue told it."},
        "note": {"type": "string", "maxLength": LONGEST_NOTE},
    },
    "additionalProperties": False,
}
_UNDO = {
    "type": "object",
    "properties": {
        "confirmed": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "maxItems": 1000,
            "description": "Later decisions on the same reports, as the refusal names them.",
        },
        "note": {"type": "string", "maxLength": LONGEST_NOTE},
    },
    "additionalProperties": False,
}


class MergeView(StaffAPIView):
    """Of editors only, where something is decided."""

    scopes = (AccessToken.Scope.REVIEW,)
    parser_classes = [JSONParser]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, exceptions.ParseError):
            exc = NotUnderstood("bad-parameter", expected="a JSON object")
        if isinstance(exc, NotDecidable):
            found = exc.decisions if isinstance(exc, Refused) else ()
            return error(409, exc.code, {"decisions": [_told(row) for row in found]})
        return super().handle_exception(exc)


def _editor(request: Request) -> User:
    if not isinstance(request.user, User) or not request.user.has_role(EDITOR):
        raise exceptions.PermissionDenied
    return request.user


def _body(request: Request, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a body that is as its schema says.

    Raises
    ------
    NotUnderstood
        ``bad-parameter``, with the field.
    """
    body = request.data
    if not isinstance(body, dict):
        raise NotUnderstood("bad-parameter", expected="a JSON object")
    fields = schema["properties"]
    for name in body:
        if name not in fields:
            raise NotUnderstood("bad-parameter", field=str(name)[:50], expected=", ".join(fields))
    for name, rule in fields.items():
        if name not in body and name not in schema.get("required", ()):
            continue
        value = body.get(name)
        good = {
            "integer": _is_key(value),
            "string": isinstance(value, str)
            and "\0" not in value
            and len(value) <= rule.get("maxLength", 60)
            and value in rule.get("enum", (value,)),
            "array": isinstance(value, list)
            and len(value) <= rule.get("maxItems", 0)
            and all(_is_key(part) for part in value),
        }[rule["type"]]
        if not good:
            expected = ", ".join(rule.get("enum", ())) or rule["type"]
            raise NotUnderstood(
                "bad-parameter", field=name, found=str(value)[:50], expected=expected
            )
    return body


def _is_key(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


class MergesView(MergeView):
    """The pairs that wait, and decisions on them."""

    @extend_schema(
        operation_id="merges",
        summary=gettext_lazy("Pairs of reports left to a person"),
        description="The most even first, those put off last.",
        parameters=[
            OpenApiParameter(
                name,
                OpenApiTypes.INT if name in ("limit", "offset") else OpenApiTypes.STR,
                OpenApiParameter.QUERY,
            )
            for name in WORDS
        ],
        tags=["staff"],
        examples=EXAMPLES,
        responses={
            200: OpenApiResponse(QUEUE, "A part of the queue."),
            400: OpenApiResponse(ERROR, "A word is unknown, repeated, or cannot be used."),
            **REFUSALS,
        },
    )
    def get(self, request: Request) -> Response:
        given = request.query_params
        for name in given:
            if name not in WORDS or len(given.getlist(name)) > 1:
                expected = ", ".join(WORDS)
                raise NotUnderstood("bad-parameter", field=name[:50], expected=expected)
        limit = _number(given, "limit", PAGE, 1, PAGE_MOST)
        offset = _number(given, "offset", 0, 0, 10**9)
        form, _everything, found = merge.asked_for(given)
        if not form.is_valid():
            name = next(iter(form.errors))
            raise NotUnderstood("bad-parameter", field=name, found=given.get(name, "")[:50])
        lines = merge.lines_of(found[offset : offset + limit])
        return Response(
            {"count": len(found), "pairs": [_pair(line) for line in lines]},
            headers={"Cache-Control": "private, no-store"},
        )

    @extend_schema(
        operation_id="decide_merge",
        summary=gettext_lazy("Decide on a pair of reports"),
        description=(
            "`same` joins the two reports, `different` keeps them apart, `later` puts the pair"
            " off. `seen` is refused with 409 when somebody decided since, or when a newer report"
            " came in; the answer then names the decisions."
        ),
        request={"application/json": _DECISION},
        tags=["staff"],
        examples=EXAMPLES,
        responses={
            201: OpenApiResponse(RESULT, "Stored."),
            400: OpenApiResponse(ERROR, "The body cannot be used."),
            409: OpenApiResponse(ERROR, "It cannot be decided so; why, and what stands against."),
            415: OpenApiResponse(ERROR, "Only JSON is read."),
            **REFUSALS,
        },
    )
    def post(self, request: Request) -> Response:
        actor = _editor(request)
        body = _body(request, _DECISION)
        result = merge_decisions.stored(
            merge_decisions.decide,
            body["decision"],
            body["first"],
            body["second"],
            body["seen"],
            actor,
            body.get("note", "").strip(),
        )
        return _stored(result)


class MergeUndoView(MergeView):
    """Taking a decision back."""

    @extend_schema(
        operation_id="undo_merge",
        summary=gettext_lazy("Take back a decision on reports"),
        description=(
            "A new decision, that can be taken back itself. Where later decisions may rest on it,"
            " the answer is 409 with their numbers; send them as `confirmed` to go on."
        ),
        request={"application/json": _UNDO},
        tags=["staff"],
        examples=EXAMPLES,
        responses={
            201: OpenApiResponse(RESULT, "Stored."),
            400: OpenApiResponse(ERROR, "The body cannot be used."),
            409: OpenApiResponse(ERROR, "Nothing of it stands, or later decisions rest on it."),
            415: OpenApiResponse(ERROR, "Only JSON is read."),
            **REFUSALS,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        actor = _editor(request)
        body = _body(request, _UNDO)
        if not _is_key(pk):
            raise NotDecidable("nothing-to-undo")
        note, confirmed = body.get("note", "").strip(), body.get("confirmed", [])
        return _stored(merge_decisions.stored(merge_decisions.undo, pk, actor, note, confirmed))


def _number(given: Any, name: str, usual: int, least: int, most: int) -> int:
    text = given.get(name, str(usual))
    if text.isascii() and text.isdigit() and least <= int(text[:11]) <= most:
        return int(text[:11])
    raise NotUnderstood("bad-parameter", field=name, found=text[:50], expected=f"{least} - {most}")


def _stored(result: Result) -> Response:
    first = MergeDecision.objects.filter(act=result.act).order_by("pk").first()
    return Response(
        {
            "decision": first.pk if first else None,
            "events": [
                {"event": e.public_id, "new": e.is_new, "reports": list(e.reports)}
                for e in result.events
            ],
            "merged": dict(result.merged),
            "deleted": list(result.deleted),
        },
        status=201,
        headers={"Cache-Control": "private, no-store"},
    )


def _pair(line: Line) -> dict[str, Any]:
    return {
        "first": _side(line.first),
        "second": _side(line.second),
        "seconds": line.apart.seconds,
        "km": None if line.apart.km is None else round(line.apart.km, 3),
        "reason": line.waiting.reason,
        "probability": line.waiting.probability,
        "misfit": line.waiting.misfit,
        "put_off": line.waiting.put_off is not None,
        "seen": line.seen,
    }


def _side(side: Side) -> dict[str, Any]:
    origin = side.origin
    kind, _colon, key = side.report.key.partition(":")
    return {
        "report": side.report.pk,
        "agency": side.report.agency.code,
        "agency_event_id": key if kind == "id" else None,
        "event": side.event_id,
        "time": origin.time.isoformat().replace("+00:00", "Z") if origin else None,
        "latitude": origin.latitude if origin else None,
        "longitude": origin.longitude if origin else None,
        "depth_km": origin.depth_km if origin else None,
        "synthetic": side.is_synthetic,
    }


def _told(row: MergeDecision) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "by": row.actor.get_username() if row.actor else None,
        "at": row.decided_at.isoformat().replace("+00:00", "Z"),
        "what": merge_pairs.decision_words(row),
    }
