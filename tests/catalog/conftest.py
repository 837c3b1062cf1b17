"""The published catalogue that tests of downloads and services read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.catalog.shop import Shop, empty, fill


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker) -> Iterator[Shop]:
    """Committed data: a download reads over a connection of its own."""
    with django_db_blocker.unblock():
        empty()
        try:
            yield fill()
        finally:
            empty()
            connections.close_all()
