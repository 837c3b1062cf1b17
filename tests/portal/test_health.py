"""What machines ask: alive, ready, how it is doing; and who may ask the last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from portal.proxies import Networks
from processing.models import ProcessingRun, WorkItem
from tests.portal.conftest import MakeEvent

ELSEWHERE = "198.51.100.7"


def numbers(client: Client, **words: str) -> dict[tuple[str, ...], float]:
    """Every sample as (name, label values ...) -> number, read as Prometheus does."""
    text = client.get("/metrics", **words).content.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_live_process_says_so_without_a_database(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_names_what_it_has_looked_at(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": True,
        "broker": True,
        "migrations_waiting": 0,
        "oldest_work_seconds": None,
    }
    WorkItem.objects.request("recompute", 1)
    assert client.get("/readyz").json()["oldest_work_seconds"] >= 0


@pytest.mark.django_db
def test_not_ready_without_broker_or_with_migrations_to_come(client: Client) -> None:
    with override_settings(CELERY_BROKER_URL="redis://127.0.0.1:1/0"):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["broker"]) == (True, False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'processing'")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["migrations_waiting"] >= 1


@pytest.fixture
def outside(client: Client) -> Iterator[Client]:
    client.defaults["REMOTE_ADDR"] = ELSEWHERE
    yield client


@pytest.mark.django_db
def test_metrics_are_for_our_networks_or_with_the_token(outside: Client) -> None:
    assert outside.get("/metrics").status_code == 403
    spoofed = outside.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert spoofed.status_code == 403
    assert outside.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 403
    with override_settings(METRICS_TOKEN="of the monitoring"):
        wrong = outside.get("/metrics", headers={"Authorization": "Bearer of somebody"})
        right = outside.get("/metrics", headers={"Authorization": "Bearer of the monitoring"})
    assert (wrong.status_code, right.status_code) == (403, 200)
    with override_settings(METRICS_NETWORKS=Networks.parse(["198.51.100.0/24"])):
        assert outside.get("/metrics").status_code == 200


@pytest.mark.django_db
def test_metrics_tell_the_queue_and_the_catalogue(client: Client, make_event: MakeEvent) -> None:
    before = numbers(client)
    assert before["portal_up",] == 1
    assert before["portal_work_items", "read", "open"] == 0
    assert before["portal_work_oldest_seconds", "read"] == 0
    make_event()
    WorkItem.objects.request("read", 1)
    WorkItem.objects.request("recompute", 2)
    WorkItem.objects.filter(kind="recompute").update(state="parked")
    ProcessingRun.objects.create(kind="ingest")
    after = numbers(client)
    assert after["portal_work_items", "read", "open"] == 1
    assert after["portal_work_items", "recompute", "parked"] == 1
    assert after["portal_work_oldest_seconds", "read"] > 0
    assert after["portal_runs", "queued"] == 1
    assert after["portal_events",] == before["portal_events",] + 1
    assert after["portal_database_bytes",] > 1e6


@pytest.mark.django_db
def test_requests_are_counted_by_page_and_not_by_address(client: Client) -> None:
    key = ("portal_requests_total", "GET", "healthz", "200")
    before = numbers(client).get(key, 0)
    client.get("/healthz")
    client.get("/nowhere/at/all")
    after = numbers(client)
    assert after[key] == before + 1
    assert not [name for name in after if "/nowhere/at/all" in name]
