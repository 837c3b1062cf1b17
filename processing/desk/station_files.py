"""StationXML files: what came in, what was wrong with it, and the form to send one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notices
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from catalog.models import Channel, Station, StationFile, User
from processing.desk import messages, uploads
from processing.desk.views import staff_only
from processing.jobs import receiving, station_metadata
from processing.jobs.station_metadata import MAX_BYTES, Refused

PAGE_SIZE = 50


@csrf_exempt
@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def station_files(request: HttpRequest) -> HttpResponse:
    """The files with their counts; an upload, which a bad file does not survive."""
    # The size is refused before the body is read, or while it is: the CSRF check reads it first.
    try:
        if request.method == "POST":
            uploads.guard(request, limit=MAX_BYTES)
        return _station_files(request)
    except receiving.Refused as refused:
        said = messages.sentence(refused.code, refused.values)
        return _page(request, said, status=413)


@csrf_protect
def _station_files(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    chosen = request.FILES.get("file")
    if chosen is None:
        return _page(request, messages.sentence("no-file"), status=400)
    try:
        file, is_new = station_metadata.store(
            chosen.name or "",
            chosen.read(MAX_BYTES + 1),
            request.user if isinstance(request.user, User) else None,
        )
    except Refused as refused:
        problem = refused.problem
        said = messages.sentence(
            problem.code,
            {
                "line": problem.line_number,
                "field": problem.field,
                "found": problem.found,
                "expected": problem.expected,
            },
        )
        return _page(request, said, status=400)
    if is_new:
        notices.success(request, _("Stored. The station service tells of it from now on."))
    else:
        notices.success(request, _("The same file was here before; it was read again."))
    return redirect("station-file", file.pk)


def _page(request: HttpRequest, refused: str = "", status: int = 200) -> HttpResponse:
    files = StationFile.objects.defer("content").select_related("uploader")
    return render(
        request,
        "desk/station_files.html",
        {
            "page": Paginator(files, PAGE_SIZE).get_page(request.GET.get("page")),
            "station_count": Station.objects.count(),
            "channel_count": Channel.objects.count(),
            "refused": refused,
            "max_megabytes": MAX_BYTES // (1024 * 1024),
        },
        status=status,
    )


@staff_only
@require_safe
def station_file(request: HttpRequest, pk: int) -> HttpResponse:
    """One file: what it holds and every problem by line."""
    file = get_object_or_404(StationFile.objects.defer("content").select_related("uploader"), pk=pk)
    problems: list[dict[str, Any]] = [
        {
            "line": problem.line_number,
            "code": problem.code,
            "meaning": messages.meaning(problem.code),
            "field": problem.field,
            "found": problem.found,
            "expected": problem.expected,
            "severity": problem.severity,
        }
        for problem in file.problems.all()
    ]
    return render(
        request,
        "desk/station_file.html",
        {
            "file": file,
            "problems": problems,
            "descriptions": file.descriptions.select_related("station__network").order_by(
                "station__network__code", "station__code", "start"
            )[:500],
        },
    )


@staff_only
@require_safe
def station_file_content(request: HttpRequest, pk: int) -> HttpResponse:
    """The file as it was received."""
    file = get_object_or_404(StationFile, pk=pk)
    return HttpResponse(
        bytes(file.content),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="stations-{file.pk}.xml"',
            "X-Content-Type-Options": "nosniff",
        },
    )
