"""Exports over HTTP: how far one is, its file, the line that ``sha256sum -c`` checks it by.

Asking for one is a POST to ``/api/v1/exports``, which stands in ``processing.desk.exports_api``:
who asks for work needs the queue of record.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from catalog import downloads, exports
from catalog.api.describing import described
from catalog.api.public import PublicView, plain
from catalog.models import Export
from catalog.rendering import time_text

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


def export_json(export: Export, request: HttpRequest) -> dict[str, Any]:
    """Return an export as its page's script and other people's programs see it."""
    state = export.state
    ready = state == Export.Status.DONE
    counted = (
        exports.FORMATS[export.format].is_counted if export.format in exports.FORMATS else False
    )
    problem = None
    if export.problem_code:
        problem = {
            "code": export.problem_code,
            "message": exports.sentence(export.problem_code, export.problem),
            "values": export.problem,
        }

    def absolute(name: str) -> str:
        return request.build_absolute_uri(reverse(name, args=[export.public_id]))

    return {
        "id": export.public_id,
        "status": state,
        "status_text": str(Export.Status(state).label),
        "over": export.is_over,
        "format": export.format,
        "search": export.search,
        "catalogue_version": export.catalogue_version,
        "events_done": export.events_done if counted else None,
        "events_total": export.events_total,
        "size": export.size,
        "sha256": export.sha256 or None,
        "file_name": export.file_name or None,
        "media_type": export.media_type or None,
        "url": absolute("api-export-file") if ready else None,
        "status_url": absolute("api-export"),
        "asked_at": plain(export.asked_at),
        "finished_at": plain(export.finished_at),
        "expires_at": plain(export.expires_at),
        "problem": problem,
    }


def find(export_id: str) -> Export:
    """Return the export of an id.

    Raises
    ------
    Http404
        If there is none.
    """
    # PostgreSQL takes no NUL in a text; no id has anything but letters and digits.
    export = Export.objects.filter(public_id=export_id).first() if export_id.isalnum() else None
    if export is None:
        raise Http404
    return export


#: Part of the address, with an example.
_PATH = {"export_id": "8Kq2mT5wXz0aVbN4"}
_NO_FILE = (404, 405, 409, 410)


@described(
    "export", _("How far an export is"), (), "Export", tag="files", path=_PATH, errors=(404, 405)
)
class ExportView(PublicView):
    """How far an export is, and where its file is once it is ready."""

    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        answer = JsonResponse(export_json(find(export_id), request))
        answer["Cache-Control"] = "private, no-cache"
        patch_vary_headers(answer, ["Accept-Language"])
        return answer


@described(
    "export_file",
    _("The file of an export"),
    (),
    None,
    tag="files",
    path=_PATH,
    media_types=("application/octet-stream",),
    errors=(*_NO_FILE, 416),
    in_parts=True,
)
class ExportFileView(PublicView):
    """The file of an export; its ETag is its SHA-256, and a part of it may be asked for."""

    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        export = find(export_id)
        return unavailable(export, request) or send(export, request)


@described(
    "export_checksum",
    _("The checksum of an export"),
    (),
    None,
    tag="files",
    path=_PATH,
    media_types=("text/plain",),
    errors=_NO_FILE,
)
class ExportChecksumView(PublicView):
    """The file's SHA-256 and name, as ``sha256sum -c`` reads them."""

    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        export = find(export_id)
        answer = unavailable(export, request) or HttpResponse(
            f"{export.sha256}  {export.file_name}\n",
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{export.file_name}.sha256"',
                "Cache-Control": "private, no-cache",
            },
        )
        return answer


def unavailable(export: Export, request: HttpRequest) -> HttpResponse | None:
    """Return why there is no file: not ready yet, failed, gone; ``None`` if there is one."""
    state = export.state
    if state == Export.Status.DONE:
        return None
    body = {"problems": [], **export_json(export, request)}
    if state == Export.Status.EXPIRED:
        at = f"{time_text(export.expires_at)} UTC" if export.expires_at else ""
        body["error"] = exports.sentence("expired", {"at": at})
        return JsonResponse(body, status=410, headers={"Cache-Control": "private, no-cache"})
    body["error"] = body["problem"]["message"] if body["problem"] else body["status_text"]
    answer = JsonResponse(body, status=409, headers={"Cache-Control": "private, no-cache"})
    if not export.is_over:
        answer["Retry-After"] = "5"
    return answer


def send(
    export: Export, request: HttpRequest, *, cache: str = "private, no-cache"
) -> HttpResponseBase:
    """Send the file of an export that is ready, or the one part that is asked for (RFC 9110).

    The same bytes for ever, but the address is whoever's asked: no shared cache keeps it, unless
    ``cache`` says so.
    """
    size = export.size or 0
    tag = f'"{export.sha256}"'
    digest = base64.b64encode(bytes.fromhex(export.sha256)).decode()
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": cache,
        "Repr-Digest": f"sha-256=:{digest}:",  # RFC 9530
        "Digest": f"sha-256={digest}",  # RFC 3230, which older programs know
        "X-Catalogue-Version": str(export.catalogue_version),
    }
    if downloads.is_known(request, tag):
        return HttpResponse(status=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    start, stop, status = 0, size, 200
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    # Several ranges, other units, another version's: answered by the whole, as the standard allows.
    if asked and any(asked.groups()) and request.headers.get("If-Range", tag) == tag:
        first, last = asked.groups()
        if first:
            start, stop = int(first), min(size, int(last) + 1 if last else size)
        else:
            start = max(0, size - int(last))
        if start >= stop and not (first and last and int(last) < int(first)):
            answer = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
            answer["Accept-Ranges"] = "bytes"
            return answer
        if start >= stop:  # "9-3" is no range at all
            start, stop = 0, size
        else:
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type=export.media_type)
    return StreamingHttpResponse(
        export.iter_bytes(start, stop),
        status=status,
        headers=headers,
        content_type=export.media_type,
    )
