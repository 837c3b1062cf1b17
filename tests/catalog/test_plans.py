"""How PostgreSQL finds what is searched for, in a catalogue of 200,000 events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.http import QueryDict

from catalog.search import EventSearch
from tests.catalog.conftest import committing
from tests.catalog.many_events import fill

pytestmark = [pytest.mark.database, pytest.mark.long]

EVENTS = 200_000
PAGE = 101
#: Words -> the index that gives the order; None: selective, so few rows are read.
TYPICAL: dict[str, str | None] = {
    "": "row_time",
    "starttime=2010-01-01": "row_time",
    "orderby=magnitude": "row_magnitude",
    "orderby=magnitude&minmagnitude=4": "row_magnitude",
    "minlatitude=40&maxlatitude=46&minlongitude=68&maxlongitude=84": "row_time",
    "starttime=2015-06-01&endtime=2015-06-03": None,
    "latitude=43.25&longitude=76.9&maxradiuskm=15": None,
    "polygon=76.8+43.2,77+43.2,77+43.4,76.8+43.4": None,
    "minkr=12.5": None,
    "minlatitude=43.2&maxlatitude=43.25&minlongitude=76.9&maxlongitude=77": None,
    "updatedafter=2025-12-20": None,
    "eventid=kz0000012345,kz0000054321": None,
}


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with committing(django_db_blocker):
        settings = connection.get_connection_params()
        settings = {k: settings[k] for k in ("host", "port", "user", "password", "dbname")}
        with psycopg.connect(**settings) as line:
            fill(line, EVENTS)
        yield


@pytest.mark.parametrize("words", TYPICAL)
def test_a_search_reads_little_or_follows_its_order(many: None, words: str, django_db_blocker: Any):
    search = EventSearch.from_query(QueryDict(words))
    with django_db_blocker.unblock():
        sql, params = search.queryset()[:PAGE].query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {sql}", params)
            plan = cursor.fetchone()[0][0]["Plan"]
    nodes = list(walk(plan))
    index = TYPICAL[words]
    if index is not None:
        assert index in {node.get("Index Name") for node in nodes}, plan
        assert plan["Actual Rows"] == PAGE
    else:
        read = sum(rows_read(node) for node in nodes)
        assert read <= 20 * max(1, plan["Actual Rows"]), plan


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", []):
        yield from walk(below)


def rows_read(node: dict[str, Any]) -> float:
    """Return the rows of the table that a scan looked at; those of an index are no rows."""
    if node["Node Type"] == "Bitmap Index Scan" or "Relation Name" not in node:
        return 0
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return node["Actual Loops"] * sum(float(node.get(name, 0)) for name in names)
