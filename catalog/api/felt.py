"""Felt reports over HTTP: the form's token, and the report itself.

Neither address lets other sites' scripts in (no CORS), and a report is taken as JSON only, which a
form of another site cannot send. There is nothing a forged request could misuse: no session is
looked at, and a report gives its sender no rights. So neither needs a CSRF token.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from catalog import felt_senders
from catalog.api.describing import ref
from catalog.api.public import PublicView, mistake
from catalog.felt_keeping import Full, Sender, keep
from catalog.felt_places import with_place
from catalog.felt_questions import QUESTIONS
from catalog.felt_reading import (
    COMMENT_MOST,
    CONTACT_MOST,
    LANGUAGES,
    NAME_MOST,
    PLACE_MOST,
    Problem,
    Refused,
    read,
)

#: The longest comment in four-byte letters, every one escaped, has 24,000.
MAX_BODY_BYTES = 64 * 1024


def too_large(request: HttpRequest) -> bool:
    """True where a body is said to be larger than a report is, or its length is not said."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES
    except ValueError:
        return True


def sender_of(request: HttpRequest, token: str, trap: str) -> Sender:
    """Return who sends, and what speaks against it; a cookie's device counts before a token's."""
    device, wrong = felt_senders.read_token(token)
    flags = [wrong] if wrong else []
    if trap:
        flags.append("trap-filled")
    cookie = felt_senders.device_of(request.COOKIES.get(felt_senders.COOKIE, ""))
    return Sender(cookie or device, request.META.get("REMOTE_ADDR", ""), tuple(flags))


def thanks() -> str:
    return _("Thank you. Your report has been received.")


class _FeltView(PublicView):
    """Not for the scripts of other sites, nor for a cache."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        del response["Access-Control-Allow-Origin"]
        response["Cache-Control"] = "no-store"
        return response


class FeltTokenView(_FeltView):
    """A token for one who fills in the form."""

    @extend_schema(
        operation_id="felt_token",
        summary=gettext_lazy("A token for felt reports"),
        tags=["felt"],
        description=(
            "Signed and timed; it goes into “token” of a report. It also sets a cookie that tells "
            "one device from another and nothing else. A report without a token, or with an old "
            "one, is kept and looked at before it counts."
        ),
        responses={
            200: OpenApiResponse(ref("FeltToken"), "The token."),
            405: OpenApiResponse(ref("Error"), "Only GET, HEAD and OPTIONS are offered."),
        },
        extensions={"x-example-query": "", "x-example-path": {}},
    )
    def get(self, request: Request) -> HttpResponseBase:
        known = felt_senders.device_of(request.COOKIES.get(felt_senders.COOKIE, ""))
        device = known or felt_senders.new_device()
        answer = JsonResponse(
            {"token": felt_senders.token_of(device), "seconds": felt_senders.TOKEN_SECONDS}
        )
        if not known:
            answer.set_cookie(
                felt_senders.COOKIE,
                felt_senders.cookie_of(device),
                max_age=felt_senders.COOKIE_SECONDS,
                path=felt_senders.COOKIE_PATH,
                secure=settings.HTTPS,
                httponly=True,
                samesite="Lax",
            )
        return answer


def _text(most: int, help: str) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, "description": help}


_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {
            "type": "string",
            "format": "uuid",
            "description": "Made by the sender once a report; a retry brings the same.",
        },
        "felt": {"type": "boolean", "description": "Needed where no grade is given."},
        "grade": {
            "type": "integer",
            "minimum": 1,
            "maximum": 12,
            "description": "MSK-64 by the form's words; 1: not felt.",
        },
        "event": _text(20, "Public id of the event; left out where it is not known."),
        "felt_at": {
            "type": "string",
            "format": "date-time",
            "description": "Left out: when the event was; without an event: just now.",
        },
        "settlement": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**31 - 1,
            "description": "“id” of map/places.json.",
        },
        "place": _text(PLACE_MOST, "Name of the settlement in words, where its id is not known."),
        "as_written": {
            "type": "boolean",
            "description": "Keep the place's words although no one settlement is called so.",
        },
        "latitude": {"type": "number", "minimum": -90, "maximum": 90},
        "longitude": {"type": "number", "minimum": -180, "maximum": 180},
        "precision_km": {"type": "number", "minimum": 0, "description": "Of the point."},
        "place_source": {"type": "string", "enum": ["map", "phone"]},
        "answers": {
            "type": "object",
            "description": "Options by question; questions left out are not answered.",
            "properties": {
                question.code: {
                    "type": "array",
                    "items": {"type": "string", "enum": list(question.codes)},
                }
                if question.several
                else {"type": "string", "enum": list(question.codes)}
                for question in QUESTIONS
            },
            "additionalProperties": False,
        },
        "language": {"type": "string", "enum": list(LANGUAGES)},
        "comment": _text(COMMENT_MOST, "Kept apart, never exported, deleted on request."),
        "name": _text(NAME_MOST, "As the comment."),
        "contact": _text(CONTACT_MOST, "As the comment."),
        "token": _text(200, "Of felt/token."),
        "trap": _text(200, "Empty; programs that fill in every field betray themselves."),
    },
    "additionalProperties": False,
    "example": {
        "id": "7d1c3f6e-2b54-4a8e-9a55-0d6f2f4f9b11",
        "grade": 5,
        "place": "Алматы",
        "answers": {"motion": "moderate", "damage": ["none"]},
        "language": "ru",
    },
}


class FeltView(_FeltView):
    """Take a felt report."""

    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="send_felt_report",
        summary=gettext_lazy("Send a felt report"),
        tags=["felt"],
        description=(
            "A report of what one person felt, or that nothing was felt. Sent again with the same "
            "id it is no second report: 201 the first time, 200 with the same words after. A "
            "report in doubt is kept and looked at; refused is what cannot be meant. A place in "
            "words that several settlements bear, or none, is a 400 with “proposals”, unless "
            "“as_written” is true. 429 and 503 mean: keep it and send it again."
        ),
        request={"application/json": _REQUEST},
        responses={
            200: OpenApiResponse(ref("FeltAnswer"), "It had been received before."),
            201: OpenApiResponse(ref("FeltAnswer"), "It was received."),
            400: OpenApiResponse(ref("FeltRefused"), "Each word that cannot be is named."),
            405: OpenApiResponse(ref("Error"), "Only POST is offered."),
            413: OpenApiResponse(ref("Error"), "The body is larger than a report can be."),
            415: OpenApiResponse(ref("Error"), "A report is sent as application/json."),
            429: OpenApiResponse(ref("Error"), "Too many from one address; see Retry-After."),
            503: OpenApiResponse(ref("Error"), "No more are taken now; see Retry-After."),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        plain = request._request
        if too_large(plain):
            text = Problem("", "too-large", "", str(MAX_BODY_BYTES)).message
            return mistake(413, text)
        if plain.content_type != "application/json":
            return mistake(415, _("A report is sent as application/json."))
        words = _words_of(plain.body)
        now = timezone.now()
        report = with_place(read(words, now=now, language=(get_language() or "")[:2]))
        token, trap = (words.get(word) or "" for word in ("token", "trap"))
        is_new = keep(report, sender_of(plain, str(token), str(trap)), now)
        body = {"id": str(report.client_id), "message": thanks(), "notes": list(report.notes)}
        return JsonResponse(body, status=201 if is_new else 200)

    def handle_exception(self, exc: Exception) -> Any:
        match exc:
            case Refused():
                told: dict[str, Any] = {"problems": [p.as_json() for p in exc.problems]}
                told["proposals"] = [p.as_json() for p in exc.proposals]
                return mistake(400, exc.message, more=told)
            case Full():
                wait = {"Retry-After": str(exc.retry_seconds)}
                return mistake(exc.status, exc.message, headers=wait)
        return super().handle_exception(exc)


def _words_of(body: bytes) -> dict[str, Any]:
    try:
        words = json.loads(body)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        raise Refused([Problem("", "not-an-object")])
    return words
