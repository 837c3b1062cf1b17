"""Requests over HTTP to the published catalogue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test.testcases import LiveServerThread, _StaticFilesHandler

from tests.catalog.shop import Shop


@pytest.fixture(autouse=True)
def _download_closed(shop: Shop) -> Iterator[None]:
    yield
    connections["download"].close()


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[str]:
    """A web server in a thread, on the committed catalogue; its address."""
    thread = LiveServerThread("127.0.0.1", _StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


@pytest.fixture
def plain_static(settings) -> None:
    """Pages without the manifest that collectstatic makes."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
