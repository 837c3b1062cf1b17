"""Numbers for Prometheus: of the queue and the catalogue from the database, of requests counted.

The web server is several processes and the workers are others, perhaps on other machines; what the
database knows is the same whoever is asked. Only requests are counted in the processes: with
``PROMETHEUS_MULTIPROC_DIR`` in files they share, without it each tells its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from processing import pipeline
from processing.models import ProcessingRun

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
#: Above this many events the planner's estimate is good enough, and counting would be slow.
COUNTED_EVENTS = 100_000

_counted = CollectorRegistry()
REQUESTS = Counter(
    "portal_requests",
    "Requests answered, by page and status.",
    ("method", "page", "status"),
    registry=_counted,
)
REQUEST_SECONDS = Histogram(
    "portal_request_seconds",
    "Time until the answer began, by page.",
    ("page",),
    buckets=SECONDS,
    registry=_counted,
)
_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}


def count_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count a request under the name of its page: addresses are too many to be labels."""
    match = request.resolver_match
    page = (match.view_name if match else "") or "other"
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(method, page, str(response.status_code)).inc()
    REQUEST_SECONDS.labels(page).observe(seconds)


def exposition() -> bytes:
    """Return all numbers in Prometheus' text form."""
    requests = _counted
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        requests = CollectorRegistry()
        MultiProcessCollector(requests)  # type: ignore[no-untyped-call]
    state = CollectorRegistry()
    state.register(_State())
    return generate_latest(state) + generate_latest(requests)


class _State(Collector):
    """What the database knows; ``portal_up 0`` and nothing else when it does not answer."""

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("portal_up", "1 if the database answers.")
        try:
            with transaction.atomic():
                found = list(_work()) + list(_catalogue())
        except DatabaseError:
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        return [up, *found]


def _rows(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _gauge(name: str, help: str, sql: str, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    """Return a gauge whose SQL yields its labels and then its value; NULL is left out."""
    gauge = GaugeMetricFamily(f"portal_{name}", help, labels=labels)
    for *values, number in _rows(sql):
        if number is not None:
            gauge.add_metric([str(value) for value in values], float(str(number)))
    return gauge


def _work() -> Iterable[Metric]:
    kinds = ", ".join(f"('{kind}')" for kind in (*pipeline.SINGLE, *pipeline.GROUPED))
    yield _gauge(
        "work_items",
        "Work that waits (open) or was given up for a person to see (parked).",
        f"""
        SELECT kind, state, count(item.id) FROM (VALUES {kinds}) AS k(kind)
        CROSS JOIN (VALUES ('open'), ('parked')) AS s(state)
        LEFT JOIN processing_workitem item USING (kind, state) GROUP BY 1, 2 ORDER BY 1, 2
        """,  # noqa: S608 - the kinds are ours
        ("kind", "state"),
    )
    yield _gauge(
        "work_oldest_seconds",
        "Age of the oldest open work of each kind; 0 when none waits.",
        f"""
        SELECT kind, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)
        FROM (VALUES {kinds}) AS k(kind)
        LEFT JOIN (SELECT * FROM processing_workitem WHERE state = 'open') item USING (kind)
        GROUP BY 1 ORDER BY 1
        """,  # noqa: S608
        ("kind",),
    )
    yield _gauge(
        "work_leased",
        "Open work that a worker holds now.",
        "SELECT count(*) FROM processing_workitem"
        " WHERE state = 'open' AND lease_until > clock_timestamp()",
    )
    statuses = ", ".join(f"('{status}')" for status in ProcessingRun.Status.values)
    yield _gauge(
        "runs",
        "Runs by how they stand.",
        f"""
        SELECT status, count(run.id) FROM (VALUES {statuses}) AS s(status)
        LEFT JOIN processing_processingrun run USING (status) GROUP BY 1 ORDER BY 1
        """,  # noqa: S608
        ("status",),
    )


def _catalogue() -> Iterable[Metric]:
    yield _gauge(
        "events",
        f"Events the public sees; above {COUNTED_EVENTS} the planner's estimate.",
        f"""
        SELECT CASE WHEN reltuples > {COUNTED_EVENTS} THEN reltuples
            ELSE (SELECT count(*) FROM catalog_eventrow) END
        FROM pg_class WHERE oid = 'catalog_eventrow'::regclass
        """,  # noqa: S608
    )
    yield _gauge(
        "catalogue_version",
        "Number of the last change of the catalogue.",
        "SELECT value FROM catalog_feedcounter WHERE id = 1",
    )
    yield _gauge(
        "last_change_timestamp_seconds",
        "When the catalogue last changed.",
        "SELECT extract(epoch FROM at) FROM catalog_change ORDER BY number DESC LIMIT 1",
    )
    yield _gauge(
        "readings_without_event",
        "Station readings of current files that no person and no rule has tied to an event.",
        """
        SELECT count(*) FROM catalog_pick p
        JOIN catalog_bulletinreading r ON r.id = p.reading_id AND r.is_current
        WHERE p.entry_id IS NULL AND NOT EXISTS (
            SELECT FROM catalog_pickassociation a WHERE a.pick_id = p.id AND a.state = 'accepted'
        )
        """,
    )
    yield _gauge(
        "database_bytes",
        "Size of the database on disk.",
        "SELECT pg_database_size(current_database())",
    )
