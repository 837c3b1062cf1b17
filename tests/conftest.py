"""What many tests share: the database marker, a language that never leaks."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, connections
from django.utils import translation
from pytest_django.plugin import blocking_manager_key

from tests.catalog.shop import empty

#: The preference rules that migrations sow.
FIRST_RULES = importlib.import_module("catalog.migrations.0020_preference_rules").FIRST
#: The relations between scales that migrations sow.
RELATIONS = importlib.import_module("catalog.migrations.0024_conversion_relations").SHIPPED


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close the second connections to the test database before it is dropped."""
    yield
    for alias in ("download", "progress"):
        connections[alias].close()


@pytest.fixture(autouse=True)
def _rows_of_migrations(request: pytest.FixtureRequest) -> None:
    """Put back what migrations sow and the flush after a transactional test takes away."""
    names = {"db", "transactional_db"} & set(request.fixturenames)
    if not names and request.node.get_closest_marker("django_db") is None:
        return
    request.getfixturevalue("_django_db_helper")
    sow()


def sow() -> None:
    """Put back the rows of migrations, where a flush took them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_feedcounter (id, value) VALUES (1, 0) ON CONFLICT DO NOTHING"
        )
        cursor.execute(
            "INSERT INTO auth_group (name) VALUES ('operator'), ('editor'), ('administrator')"
            " ON CONFLICT DO NOTHING"
        )
        cursor.execute(
            "INSERT INTO catalog_preferenceruleset"
            " (name, version, definition, note, status, created_at, preview)"
            " VALUES ('kz-preference', 1, %s, '', 'in-force', now(), '{}')"
            " ON CONFLICT DO NOTHING",
            [json.dumps(FIRST_RULES)],
        )
    relations = apps.get_model("catalog", "ConversionRelation").objects
    if not relations.exists():
        relations.bulk_create(relations.model(**row) for row in RELATIONS)


@pytest.fixture(autouse=True)
def _language_restored() -> Iterator[None]:
    yield
    translation.deactivate_all()


#: Files of many seconds: they are begun first, so that at the end no process of two works alone.
LONGEST_FIRST = (
    "test_example_year.py", "test_killed_ways.py", "test_killed.py", "test_deployment.py",
    "test_killed_computing.py", "test_real_files.py", "test_every_format.py", "test_by_hand.py",
    "test_admin_of_every_model.py",
)  # fmt: skip
#: Where the stages of bin/test look for such tests.
ONLY_IN = {"live": ("live", "stack"), "browser": ("browser",)}


def pytest_configure() -> None:
    """Hash passwords in no time, and copy a migrated database where there is one.

    The real hash is slow by design, a third of a second each. Every client of a test loads the
    middleware anew: static files are looked up when asked for, not all 1,500 at each start.
    """
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True
    if template := os.environ.get("TEST_DATABASE_TEMPLATE"):
        connection.settings_dict["TEST"]["TEMPLATE"] = template


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever touches the database is marked so, and its stage runs it; long files come first."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        asks = {"db", "transactional_db", "django_db_setup"} & fixtures
        if asks or item.get_closest_marker("django_db"):
            item.add_marker("database")
        for kind, folders in ONLY_IN.items():
            if item.get_closest_marker(kind) and item.path.parent.name not in folders:
                raise pytest.UsageError(f"{item.nodeid}: {kind} tests are looked for in {folders}")
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.hookimpl(trylast=True)  # the test's transaction is rolled back by then
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Make the planner forget a large file that was rolled back: its numbers of rows stay behind.

    Those that follow would take minutes by plans for tables that look empty, or full. After the
    last test of all the database is gone already.
    """
    large = item.path.name == "test_real_files.py" and item.get_closest_marker("long")
    if large and nextitem is not None:
        with item.config.stash[blocking_manager_key].unblock():
            empty()
            connection.close()
