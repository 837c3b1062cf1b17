"""The upload API: a bulletin in, the run to watch back; errors as code, sentence and values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.cache import patch_vary_headers
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
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from catalog.models import EDITOR, OPERATOR, AccessToken, UploadKey, User
from processing.desk import messages, uploads
from processing.desk.progress import state_of
from processing.jobs import receiving
from processing.jobs.receiving import Refused
from processing.models import ProcessingRun

STATUS = {
    "empty-file": 400,
    "unknown-format": 415,
    "station-list": 415,
    "file-too-large": 413,
    "unknown-agency": 400,
    "unknown-mapping": 400,
    "agency-required": 400,
    "bad-parameter": 400,
    "no-file": 400,
    "too-many-files": 400,
    "key-too-long": 400,
    "key-used-for-another-request": 409,
}
PARAMETERS = (
    "agency", "format", "kind", "time_zone", "accept_readings", "dry_run", "final_from", "final_to",
)  # fmt: skip
KEY_LENGTH = 200
ONE_BULLETIN = "one file, or the tables of one CSS3.0 database"

_PROBLEM = inline_serializer(
    "StaffProblem",
    {
        "word": serializers.CharField(help_text="The field; empty where it is none."),
        "code": serializers.CharField(),
        "found": serializers.CharField(),
        "expected": serializers.CharField(),
        "message": serializers.CharField(),
    },
    many=True,
)
ERROR = inline_serializer(
    "StaffError",
    {
        "error": serializers.CharField(help_text="What is wrong, in words."),
        "problems": _PROBLEM,
        "code": serializers.CharField(help_text="What is wrong, for programs."),
        "message": serializers.CharField(help_text="The same as error."),
        "values": serializers.DictField(help_text="What was found, expected ..."),
        "line": serializers.IntegerField(allow_null=True, help_text="Line of the file."),
    },
)
_RUN_LINK = inline_serializer(
    "RunLink",
    {
        "id": serializers.IntegerField(),
        "kind": serializers.CharField(),
        "url": serializers.CharField(help_text="Where to ask how far it is."),
        "page": serializers.CharField(help_text="Its page for people."),
    },
)
UPLOADED = inline_serializer(
    "Uploaded",
    {
        "file": inline_serializer(
            "UploadedFile",
            {
                "id": serializers.IntegerField(),
                "name": serializers.CharField(),
                "size": serializers.IntegerField(help_text="Bytes."),
                "sha256": serializers.CharField(),
            },
        ),
        "duplicate": serializers.BooleanField(help_text="These bytes were here already."),
        "agency": serializers.CharField(),
        "format": serializers.CharField(),
        "run": _RUN_LINK,
    },
)
RUN = inline_serializer(
    "Run",
    {
        "id": serializers.IntegerField(),
        "kind": serializers.CharField(),
        "status": serializers.CharField(),
        "status_text": serializers.CharField(),
        "stage": serializers.CharField(allow_blank=True),
        "stage_text": serializers.CharField(allow_blank=True),
        "stage_number": serializers.IntegerField(),
        "done": serializers.IntegerField(allow_null=True),
        "total": serializers.IntegerField(allow_null=True),
        "counts": serializers.DictField(child=serializers.IntegerField()),
        "count_lines": inline_serializer(
            "RunCount",
            {
                "name": serializers.CharField(),
                "label": serializers.CharField(),
                "value": serializers.IntegerField(),
            },
            many=True,
        ),
        "reason": inline_serializer(
            "RunReason",
            {
                "code": serializers.CharField(),
                "message": serializers.CharField(),
                "values": serializers.DictField(),
            },
            allow_null=True,
        ),
        "over": serializers.BooleanField(),
        "created_at": serializers.DateTimeField(),
        "started_at": serializers.DateTimeField(allow_null=True),
        "finished_at": serializers.DateTimeField(allow_null=True),
        "url": serializers.CharField(help_text="Its page for people."),
    },
)


_NOT_SIGNED_IN = "You are not signed in, or the token is not valid."
ERROR_EXAMPLE = OpenApiExample(
    "Refused",
    {
        "error": _NOT_SIGNED_IN,
        "problems": [
            {
                "word": "",
                "code": "not-signed-in",
                "found": "",
                "expected": "",
                "message": _NOT_SIGNED_IN,
            }
        ],
        "code": "not-signed-in",
        "message": _NOT_SIGNED_IN,
        "values": {},
        "line": None,
    },
    response_only=True,
    status_codes=[
        str(status) for status in (400, 401, 403, 404, 405, 406, 409, 413, 415, 429, 507)
    ],
)
_LINK = {"id": 41, "kind": "ingest", "url": "/api/v1/runs/41", "page": "/en/desk/runs/41/"}
UPLOADED_EXAMPLE = OpenApiExample(
    "Kept",
    {
        "file": {"id": 17, "name": "may.isf", "size": 20480, "sha256": "9f86d081884c7d65…"},
        "duplicate": False,
        "agency": "SOME",
        "format": "isf",
        "run": _LINK,
    },
    response_only=True,
    status_codes=["200", "202"],
)
ASKED_EXAMPLE = OpenApiExample(
    "A bulletin",
    {"file": ["(the file's bytes)"], "agency": "SOME", "dry_run": False},
    request_only=True,
    media_type="multipart/form-data",
)
RUN_EXAMPLE = OpenApiExample(
    "Reading",
    {
        "id": 41,
        "kind": "ingest",
        "status": "running",
        "status_text": "running",
        "stage": "read",
        "stage_text": "reading",
        "stage_number": 1,
        "done": 120,
        "total": 400,
        "counts": {"entries": 120},
        "count_lines": [{"name": "entries", "label": "events in the file", "value": 120}],
        "reason": None,
        "over": False,
        "created_at": "2026-01-10T08:00:00Z",
        "started_at": "2026-01-10T08:00:01Z",
        "finished_at": None,
        "url": "/en/desk/runs/41/",
    },
    response_only=True,
    status_codes=["200"],
)
#: What staff's addresses may answer, beside their own: no token, a token without the right, a form
#: of answer that is not offered.
REFUSALS = {
    401: OpenApiResponse(ERROR, "Not signed in, or the token is not good."),
    403: OpenApiResponse(ERROR, "The account or the token may not do this."),
    # An address that is none of ours is answered by the public part.
    404: OpenApiResponse(
        {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("StaffError", "Error")]},
        "There is no such thing.",
    ),
    405: OpenApiResponse(ERROR, "Not offered here."),
    406: OpenApiResponse(ERROR, "Only JSON is offered."),
}


class UploadThrottle(UserRateThrottle):
    """So many uploads a minute for one account."""

    scope = "upload"
    rate = "240/min"


class StaffAPIView(APIView):
    """For operators and editors, or a token with the scope; errors in one shape."""

    scopes: tuple[str, ...] = ()

    def check_permissions(self, request: Request) -> None:
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated
        if not isinstance(request.user, User) or not request.user.has_role(OPERATOR, EDITOR):
            raise exceptions.PermissionDenied
        token = request.auth
        if isinstance(token, AccessToken) and not set(self.scopes) & set(token.scopes):
            raise exceptions.PermissionDenied

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Refused):
            return error(STATUS.get(exc.code, 400), exc.code, exc.values)
        codes: tuple[tuple[type[Exception], str], ...] = (
            (exceptions.NotAuthenticated, "not-signed-in"),
            (exceptions.AuthenticationFailed, "not-signed-in"),
            (exceptions.PermissionDenied, "not-allowed"),
            (exceptions.Throttled, "too-many-requests"),
            (exceptions.UnsupportedMediaType, "unsupported-media-type"),
            (exceptions.ParseError, "no-file"),
        )
        answer = super().handle_exception(exc)
        code = next((code for kind, code in codes if isinstance(exc, kind)), None)
        if code is not None:
            answer.data = error_body(code, {})
        elif isinstance(answer.data, dict) and "detail" in answer.data:
            # Of the framework: nothing here, a method or a form of answer that is not offered.
            text = str(answer.data["detail"])
            answer.data = _error(str(answer.data["detail"].code).replace("_", "-"), text, {})
        return answer


def error_body(code: str, values: dict[str, Any]) -> dict[str, Any]:
    return _error(code, messages.sentence(code, values), values)


def _error(code: str, message: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return a mistake in the shape of the whole API, with what programs of old ask for."""
    problem = {
        "word": str(values.get("field", "")),
        "code": code,
        "found": str(values.get("found", "")),
        "expected": str(values.get("expected", "")),
        "message": message,
    }
    return {
        "error": message,
        "problems": [problem],
        "code": code,
        "message": message,
        "values": values,
        "line": values.get("line"),
    }


def error(status: int, code: str, values: dict[str, Any]) -> Response:
    return Response(error_body(code, values), status=status)


class UploadView(StaffAPIView):
    """Send a bulletin."""

    scopes = (AccessToken.Scope.UPLOAD,)
    parser_classes = [MultiPartParser]
    throttle_classes = [UploadThrottle]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Before anything reads the body.
        self.too_large: Refused | None = None
        try:
            uploads.guard(request)
        except Refused as refused:
            self.too_large = refused
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if self.too_large is not None:
            raise self.too_large
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="upload_bulletin",
        summary=gettext_lazy("Send a bulletin"),
        description=(
            "Keeps the file as received and asks for its reading. The tables of one CSS3.0 "
            "database (`may.origin`, `may.arrival` ...) may be sent together, each as a part "
            "`file`: they are kept in one archive and read as one bulletin. The same bytes are "
            "never doubled: the answer is then 200 with `duplicate: true` and the run they had. "
            "With an `Idempotency-Key` the same request may be repeated and gets the same answer."
        ),
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        request={
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                    },
                    "agency": {"type": "string", "description": "Empty: as the file says."},
                    "format": {"type": "string", "description": "Empty: as the file says."},
                    "kind": {"type": "string", "enum": ["manual", "automatic"]},
                    "accept_readings": {
                        "type": "boolean",
                        "description": "Accept unambiguous station readings by rule.",
                    },
                    "dry_run": {"type": "boolean"},
                    "final_from": {
                        "type": "string",
                        "format": "date",
                        "description": "The bulletin is final from this UTC day ...",
                    },
                    "final_to": {
                        "type": "string",
                        "format": "date",
                        "description": "... to this one: what it lacks, the agency does not have.",
                    },
                },
            }
        },
        tags=["staff"],
        examples=[UPLOADED_EXAMPLE, ASKED_EXAMPLE, ERROR_EXAMPLE],
        responses={
            200: OpenApiResponse(UPLOADED, "These bytes were here already."),
            202: OpenApiResponse(UPLOADED, "Kept, and waiting to be read."),
            400: OpenApiResponse(ERROR, "No file, or a field that cannot be used."),
            409: OpenApiResponse(ERROR, "The Idempotency-Key came with another request."),
            413: OpenApiResponse(ERROR, "The file is larger than allowed."),
            415: OpenApiResponse(ERROR, "The format is not known."),
            429: OpenApiResponse(ERROR, "Too many uploads; Retry-After tells when to go on."),
            507: OpenApiResponse(ERROR, "No space is left; nothing was kept."),
            **REFUSALS,
        },
    )
    def post(self, request: Request) -> Response:
        files = [file for file in request.FILES.getlist("file") if isinstance(file, UploadedFile)]
        if not files:
            raise Refused("no-file")
        names = [file.name or "" for file in files]
        if len(files) > settings.UPLOAD_MAX_FILES:
            raise Refused("too-many-files", expected=f"<= {settings.UPLOAD_MAX_FILES}")
        if len(uploads.sets_of(names)) > 1:
            found = ", ".join(names)[:200]
            raise Refused("bad-parameter", field="file", found=found, expected=ONE_BULLETIN)
        values = parameters(request)
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > KEY_LENGTH:
            raise Refused("key-too-long")
        if not isinstance(request.user, User):
            raise exceptions.NotAuthenticated
        name, chunks = uploads.packed(files)
        with receiving.spool(chunks) as spooled:
            asked = json.dumps([spooled.sha256, name, values], sort_keys=True)
            request_hash = hashlib.sha256(asked.encode()).hexdigest()
            stored = answered(request.user, key, request_hash)
            if stored is not None:
                return stored
            try:
                with transaction.atomic():
                    taken = uploads.take_spooled(name, spooled, request.user, **values)
                    body = upload_body(taken)
                    status = 200 if taken.duplicate else 202
                    if key:
                        UploadKey.objects.create(
                            user=request.user,
                            key=key,
                            request_hash=request_hash,
                            status_code=status,
                            body=body,
                        )
            except IntegrityError:
                # The same key at the same moment: the other request was first.
                stored = answered(request.user, key, request_hash)
                if stored is None:
                    raise
                return stored
        return Response(body, status=status, headers={"Location": body["run"]["url"]})


def parameters(request: Request) -> dict[str, Any]:
    """Return the form's words; one that is unknown, repeated or not allowed is named."""
    values: dict[str, Any] = {
        "agency": "",
        "format": "",
        "kind": "manual",
        "time_zone": "UTC",
        "accept_readings": False,
        "dry_run": False,
        "final_from": "",
        "final_to": "",
    }
    for name in request.POST:
        if name == "csrfmiddlewaretoken":
            continue
        given = request.POST.getlist(name)
        if name not in PARAMETERS or len(given) > 1:
            raise Refused(
                "bad-parameter",
                field=name[:50],
                found=", ".join(given)[:100],
                expected=", ".join(PARAMETERS),
            )
        value = given[0].strip()
        if name in ("accept_readings", "dry_run"):
            if value not in ("", "true", "false"):
                raise Refused("bad-parameter", field=name, found=value[:50], expected="true, false")
            values[name] = value == "true"
        elif value:
            values[name] = value
    return values


def answered(user: User, key: str, request_hash: str) -> Response | None:
    """Return what was answered to this key before.

    Raises
    ------
    Refused
        ``key-used-for-another-request``.
    """
    if not key:
        return None
    stored = UploadKey.objects.filter(user=user, key=key).first()
    if stored is None:
        return None
    if stored.request_hash != request_hash:
        raise Refused("key-used-for-another-request")
    return Response(stored.body, status=stored.status_code)


def upload_body(taken: uploads.Taken) -> dict[str, Any]:
    run = taken.run
    return {
        "file": {
            "id": taken.file.pk,
            "name": taken.file.name,
            "size": taken.file.size,
            "sha256": taken.file.sha256,
        },
        "duplicate": taken.duplicate,
        "agency": taken.agency,
        "format": taken.format,
        "run": {
            "id": run.pk,
            "kind": run.kind,
            "url": reverse("api-run", args=[run.pk]),
            "page": reverse("run", args=[run.pk]),
        },
    }


class RunView(StaffAPIView):
    """How far a run is."""

    scopes = (AccessToken.Scope.UPLOAD, AccessToken.Scope.READ_STAFF)

    @extend_schema(
        operation_id="run",
        summary=gettext_lazy("How far a run is"),
        description="Ask until `over` is true; an ETag spares what has not changed.",
        tags=["staff"],
        examples=[RUN_EXAMPLE, ERROR_EXAMPLE],
        responses={
            200: OpenApiResponse(RUN, "How far it is."),
            304: OpenApiResponse(None, "Not changed since the answer named by If-None-Match."),
            **REFUSALS,
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        run = ProcessingRun.objects.filter(pk=pk).first()
        if run is None:
            raise exceptions.NotFound
        body = state_of(run)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24]
        etag = f'"{digest}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        unchanged = etag in [
            tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")
        ]
        answer = Response(None if unchanged else body, status=304 if unchanged else 200)
        for name, value in headers.items():
            answer[name] = value
        patch_vary_headers(answer, ("Cookie", "Authorization", "Accept-Language"))
        return answer
