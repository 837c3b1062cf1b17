"""Public pages and the two health answers."""

import json
import logging

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can do its work: the database answers and is migrated."""
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        return JsonResponse({"ready": False, "migrations": len(waiting)}, status=503)
    return JsonResponse({"ready": True})


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Write a browser's Content-Security-Policy report to the log."""
    try:
        report = json.loads(request.body[:10_000] or b"{}")
    except ValueError:
        report = {}
    logger.warning("csp report %s", json.dumps(report)[:2000])
    return HttpResponse(status=204)
