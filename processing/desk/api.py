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
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from catalog.models import EDITOR, OPERATOR, AccessToken, UploadKey, User
from processing.desk import messages, uploads
from processing.desk.progress import state_of
from processing.jobs import ingestion
from processing.jobs.ingestion import Refused
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
PARAMETERS = ("agency", "format", "kind", "time_zone", "accept_readings", "dry_run")
KEY_LENGTH = 200
ONE_BULLETIN = "one file, or the tables of one CSS3.0 database"

ERROR = inline_serializer(
    "Error",
    {
        "code": serializers.CharField(),
        "message": serializers.CharField(),
        "values": serializers.DictField(),
        "line": serializers.IntegerField(allow_null=True),
    },
)


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
        return answer


def error_body(code: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": code,
        "message": messages.sentence(code, values),
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
        summary="Send a bulletin",
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
                },
            }
        },
        responses={
            (status, "application/json"): ERROR for status in (400, 401, 403, 409, 413, 415, 429)
        }
        | {(status, "application/json"): OpenApiTypes.OBJECT for status in (200, 202)},
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
        with ingestion.spool(chunks) as spooled:
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
        summary="How far a run is",
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (401, "application/json"): ERROR,
            (403, "application/json"): ERROR,
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
