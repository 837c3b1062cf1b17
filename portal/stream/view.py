"""What the web server says of the stream: where its own process is."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe


@require_safe
def elsewhere(request: HttpRequest) -> HttpResponse:
    """Lead to the stream; the request stays the same, with the words it has."""
    response: HttpResponse
    if settings.STREAM_URL:
        query = request.META.get("QUERY_STRING", "")
        address = f"{settings.STREAM_URL}?{query}" if query else settings.STREAM_URL
        response = HttpResponseRedirect(address, preserve_request=True)
    else:
        text = "The stream of changes is not running here; ask /api/v1/changes?after=NUMBER.\n"
        response = HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "no-store"
    return response
