"""The published catalogue that tests of downloads and services read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections, transaction
from django.test.utils import setup_databases, teardown_databases

from catalog.models import Event
from tests.catalog.one_of_each import one_of_each
from tests.catalog.shop import Shop, empty, fill, is_test_database
from tests.conftest import sow


@contextmanager
def committing(django_db_blocker: Any) -> Iterator[None]:
    """Work on a test database that keeps what is committed, and leave it empty.

    pytest-django makes a test database only if some collected test asks for one by its marker;
    where none did, one is made here.
    """
    with django_db_blocker.unblock():
        own = None
        if not is_test_database():
            own = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        try:
            empty()
            sow()
            yield
            empty()
        finally:
            connections.close_all()
            if own is not None:
                teardown_databases(own, verbosity=0)


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker) -> Iterator[Shop]:
    """Committed data: a download reads over a connection of its own."""
    with committing(django_db_blocker):
        yield fill()


@pytest.fixture(scope="module")
def committed_report(django_db_setup: None, django_db_blocker) -> Iterator[Event]:
    """A row in every table, committed once for a module; what its tests change is rolled back."""
    with django_db_blocker.unblock():
        empty()
        sow()
        with transaction.atomic():
            event = one_of_each()
        yield event
        empty()
