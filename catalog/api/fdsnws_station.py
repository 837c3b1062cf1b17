"""The FDSN station service, version 1.1: networks, stations, channels and responses.

The validator, the WADL and the human page are made from ``catalog.station_search.PARAMETERS``.
"""

from __future__ import annotations

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from catalog import station_documents, station_search
from catalog.api.fdsn_answers import MAX_URI_BYTES, XML_TYPES, Service, absolute
from catalog.downloads import is_known, was_given_up
from catalog.search import SearchError
from catalog.station_documents import MAX_CHANNELS_WITH_RESPONSE
from catalog.station_search import MAX_BODY_BYTES, MAX_LINES, PARAMETERS, StationSearch

SERVICE_VERSION = "1.1.0"
SERVICE = Service("fdsnws-station", SERVICE_VERSION)
error = SERVICE.error


def _asked(request: HttpRequest) -> StationSearch | HttpResponse:
    """Return what is asked for, or the error that says why it cannot be."""
    if len(request.get_full_path()) > MAX_URI_BYTES:
        return error(request, 414, f"The address is longer than {MAX_URI_BYTES} bytes.")
    try:
        if request.method != "POST":
            return StationSearch.from_query(request.GET)
        body = request.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            return error(request, 413, f"The body is longer than {MAX_BODY_BYTES} bytes.")
        return StationSearch.from_body(body)
    except SearchError as wrong:
        return error(request, 400, "\n".join(problem.message for problem in wrong.problems))


def _query(request: HttpRequest) -> HttpResponseBase:
    """Answer ``query``."""
    search = _asked(request)
    if isinstance(search, HttpResponse):
        return search
    content_type = station_documents.CONTENT_TYPES[search.format]
    answer = station_documents.Answer(search)
    response: HttpResponseBase
    try:
        found = answer.fetch()
    except station_documents.TooMany:
        answer.close()
        return error(
            request,
            413,
            f"With responses at most {MAX_CHANNELS_WITH_RESPONSE} channels are sent at once. "
            "Ask for fewer stations or channels, or with level=channel.",
        )
    except OperationalError as failure:
        if not was_given_up(failure):
            raise
        return error(request, 503, "Searching took too long. Ask for less.")
    if not found:
        answer.close()
        response = error(request, int(search.nodata), "No network, station or channel matches.")
    elif request.method != "POST" and is_known(request, answer.tag):
        answer.close()
        response = HttpResponse(status=304)
    elif request.method == "HEAD":
        answer.close()
        response = HttpResponse(content_type=content_type)
    else:
        response = StreamingHttpResponse(answer, content_type=content_type)
        # Told to a proxy: send on what comes, hold nothing back.
        response["X-Accel-Buffering"] = "no"
    if response.status_code in (200, 304):
        response["ETag"] = answer.tag
        response["Cache-Control"] = "no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


query = SERVICE.method(_query, also_post=True)


@SERVICE.method
def version(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{SERVICE_VERSION}\n", content_type="text/plain; charset=utf-8")


@SERVICE.method
def wadl(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "api/station.wadl",
        {
            "base": absolute(request, "fdsnws-station"),
            "parameters": [(p, XML_TYPES.get(p.kind, "xs:string")) for p in PARAMETERS],
            "max_body_bytes": str(MAX_BODY_BYTES),
        },
        content_type="application/xml; charset=utf-8",
    )


def _index(request: HttpRequest) -> HttpResponse:
    """The page people read about the service."""
    groups = [
        (title, [p for p in PARAMETERS if p.group == group])
        for group, title in station_search.GROUPS.items()
    ]
    return render(
        request,
        "api/fdsnws_station.html",
        {
            "base": absolute(request, "fdsnws-station"),
            "groups": groups,
            "version": SERVICE_VERSION,
            "max_channels": MAX_CHANNELS_WITH_RESPONSE,
            "max_lines": MAX_LINES,
        },
    )


index = SERVICE.method(_index, keeps_language=True)
