"""What machines ask of the portal: does it live, can it work, how is it doing."""

from __future__ import annotations

import hmac
import logging

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from portal import metrics
from processing.models import WorkItem

logger = logging.getLogger(__name__)
BROKER_SECONDS = 1.0


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can do its work: the database answers and is migrated, the broker answers.

    How long the oldest work waits is told and decides nothing: a long queue is no reason to stop.
    """
    answer: dict[str, object] = {"ready": False, "database": False, "broker": broker_answers()}
    try:
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        answer |= {"database": True, "migrations_waiting": waiting}
        if not waiting:
            answer["oldest_work_seconds"] = WorkItem.objects.oldest_age()
            answer["ready"] = bool(answer["broker"])
    except DatabaseError as error:
        logger.error("not ready: %s", str(error).splitlines()[0])
    return JsonResponse(answer, status=200 if answer["ready"] else 503)


def broker_answers() -> bool:
    """True if Redis answers at once."""
    try:
        with redis.Redis.from_url(
            settings.CELERY_BROKER_URL,
            socket_timeout=BROKER_SECONDS,
            socket_connect_timeout=BROKER_SECONDS,
        ) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError) as error:
        logger.warning("the broker does not answer: %s", error)
        return False


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus, for machines of our own networks or with the token."""
    if not _may_read_metrics(request):
        return HttpResponse(
            "Metrics are for METRICS_NETWORKS, or with the METRICS_TOKEN.\n",
            status=403,
            content_type="text/plain",
        )
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    if request.META.get("REMOTE_ADDR", "") in settings.METRICS_NETWORKS:
        return True
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and kind.lower() == "bearer" and hmac.compare_digest(token, wanted)
