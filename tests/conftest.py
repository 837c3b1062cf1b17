"""What many tests share: the database marker, a language that never leaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.utils import translation


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close the second connections to the test database before it is dropped."""
    yield
    for alias in ("download", "progress"):
        connections[alias].close()


@pytest.fixture(autouse=True)
def _language_restored() -> Iterator[None]:
    yield
    translation.deactivate_all()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever touches the database is marked so, and its stage runs it."""
    for item in items:
        if {"db", "transactional_db", "django_db_setup"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")
        elif item.get_closest_marker("django_db"):
            item.add_marker("database")
