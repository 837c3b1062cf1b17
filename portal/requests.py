"""Each request gets a name, one line in the log, and is counted."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from portal import metrics
from portal.logs import REQUEST_ID

#: What nginx and others make; anything else is not repeated in our log.
_GOOD_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
#: Asked every few seconds by programs: not worth a line each while all is well.
QUIET_PATHS = ("/healthz", "/readyz", "/metrics")

logger = logging.getLogger(__name__)


class RequestLogMiddleware:
    """Name each request, write one line of it, and count it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        said = request.headers.get("X-Request-ID", "")
        name = said if _GOOD_ID.fullmatch(said) else secrets.token_hex(8)
        token = REQUEST_ID.set(name)
        begun = time.perf_counter()
        try:
            response = self.get_response(request)
            seconds = time.perf_counter() - begun
            response["X-Request-ID"] = name
            metrics.count_request(request, response, seconds)
            quiet = request.path in QUIET_PATHS and response.status_code < 400
            logger.log(
                logging.DEBUG if quiet else logging.INFO,
                "%(method)s %(path)s %(status)d in %(milliseconds)d ms for %(address)s",
                {
                    "method": request.method,
                    "path": request.get_full_path()[:2000],
                    "status": response.status_code,
                    "milliseconds": round(seconds * 1000),
                    "address": request.META.get("REMOTE_ADDR", "") or "a local process",
                },
            )
            return response
        finally:
            REQUEST_ID.reset(token)
