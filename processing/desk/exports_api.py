"""Asking for an export over HTTP: a search and a format in, the export's address back.

Open to everybody, as reading is; ``processing.jobs.exporting`` holds the limits.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse, QueryDict
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from catalog import exports
from catalog.api.describing import ref
from catalog.api.exports import export_json
from catalog.api.public import LANG, PublicView, mistake
from catalog.search import SearchError, SearchProblem
from processing.jobs import exporting

#: A search with a polygon of a thousand corners has less.
MAX_BODY_BYTES = 256 * 1024
IGNORED = ("format", "lang", "csrfmiddlewaretoken")


class ExportsView(PublicView):
    """Ask for a file of a search."""

    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="ask_for_export",
        summary=_("Ask for an export"),
        tags=["files"],
        description=(
            "A worker writes one file with its SHA-256, kept for a time; GeoPackage is to be had "
            "this way only. The same search in the same format is the same export as long as the "
            "catalogue has not changed: then the answer is 200 instead of 202. Two may be under "
            "way for one address, ten in all; more are a 429 with Retry-After."
        ),
        request={
            content_type: {
                "type": "object",
                "required": ["format"],
                "properties": {
                    "format": {"type": "string", "enum": list(exports.FORMATS)},
                    "lang": {
                        "type": "string",
                        "enum": list(LANG.choices),
                        "description": "Of the headings of the year book's tables.",
                    },
                },
                "additionalProperties": {"type": "string", "description": "A search word."},
            }
            for content_type in ("application/json", "application/x-www-form-urlencoded")
        },
        responses={
            200: OpenApiResponse(ref("Export"), "It is there already, or under way."),
            202: OpenApiResponse(ref("Export"), "A worker will make it."),
            400: OpenApiResponse(ref("Error"), "A word cannot be used; each problem is named."),
            405: OpenApiResponse(ref("Error"), "Only POST is offered."),
            413: OpenApiResponse(ref("Error"), "The body is too large."),
            429: OpenApiResponse(ref("Error"), "Too many wait; Retry-After tells when to ask."),
            503: OpenApiResponse(ref("Error"), "There is no room for it now."),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        plain = request._request
        if int(plain.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            return mistake(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        words = words_of(plain)
        code = format_of(words)
        search = exports.search_of(words, ignore=IGNORED)
        language = words.get("lang", "")
        if language not in LANG.choices:
            language = (get_language() or "en")[:2]
        export, is_new = exporting.ask(
            search,
            code,
            address=plain.META.get("REMOTE_ADDR", ""),
            language=language,
            site=plain.build_absolute_uri("/"),
        )
        return JsonResponse(
            export_json(export, plain),
            status=202 if is_new else 200,
            headers={
                "Location": plain.build_absolute_uri(
                    reverse("api-export", args=[export.public_id])
                ),
                "Cache-Control": "no-store",
            },
        )

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, exporting.Refused):
            wait = {"Retry-After": str(exc.retry_seconds)}
            return _told(exc.status, "", exc.code, exc.values, wait)
        if isinstance(exc, NotUnderstood):
            return _told(400, exc.word, exc.code, exc.values)
        return super().handle_exception(exc)


def _told(
    status: int,
    word: str,
    code: str,
    values: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> JsonResponse:
    text = exports.sentence(code, values)
    problem = {
        "word": word,
        "code": code,
        "found": str(values.get("found", "")),
        "expected": str(values.get("expected", "")),
        "message": text,
    }
    return mistake(status, text, headers=headers, more={"problems": [problem]})


class NotUnderstood(Exception):
    """What was sent is no question: a word, a code of ``exports.PROBLEMS``, its values."""

    def __init__(self, word: str, code: str, **values: Any) -> None:
        super().__init__(code)
        self.word, self.code, self.values = word, code, values


def words_of(request: HttpRequest) -> QueryDict:
    """Return the words of a form or of a JSON object, whose values may be lists.

    Raises
    ------
    NotUnderstood
        If the body is JSON, but no object of plain values.
    SearchError
        If a word's value is an object.
    """
    if request.content_type != "application/json":
        return request.POST
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise NotUnderstood("", "not-an-object") from None
    if not isinstance(body, dict):
        raise NotUnderstood("", "not-an-object")
    words = QueryDict(mutable=True)
    for word, value in body.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str | int | float) for part in values):
            raise SearchError([SearchProblem(word[:60], "unknown-value", "{...}", "text")])
        words.setlist(word, [_text(part) for part in values])
    return words


def _text(value: str | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_of(words: QueryDict) -> str:
    """Return the format asked for.

    Raises
    ------
    NotUnderstood
        If exports know no such format.
    """
    code = words.get("format", "")
    if code not in exports.FORMATS or len(words.getlist("format")) > 1:
        raise NotUnderstood(
            "format",
            "unknown-format",
            found=", ".join(words.getlist("format"))[:80],
            expected=", ".join(exports.FORMATS),
        )
    return code
