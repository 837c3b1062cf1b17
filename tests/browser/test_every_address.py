"""Every page of the site is opened in every language, as visitor and as staff.

The addresses come from the resolver, so a new page is visited without being listed here. A console
error, a Content-Security-Policy report or a request to another site fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.gis.geos import Point
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation

from catalog.models import Station, User
from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

#: Addresses that take a POST, redirect at once, or answer with no page.
NOT_PAGES = ("logout", "jsi18n", "autocomplete", "setlang", "/r/", "csp-report")
#: Values for the parts of an address.
VALUES = {"public_id": "kz2014karagn", "code": "KNDC"}


def page_paths(language: str) -> Iterator[str]:
    """Every path below the language's prefix whose parts are known."""
    with translation.override(language):
        for pattern in get_resolver().url_patterns:
            if isinstance(pattern, URLResolver) and str(pattern.pattern) == f"{language}/":
                yield from _paths(pattern, f"/{language}/")


def _paths(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = str(pattern.pattern)
        if route.startswith("^"):  # the admin's catch-all and its models' groups of addresses
            route = route.strip("^$")
        path = prefix + re.sub(
            r"<(?:\w+:)?(\w+)>", lambda match: VALUES.get(match[1], match[0]), route
        )
        if isinstance(pattern, URLResolver):
            yield from _paths(pattern, path)
        elif isinstance(pattern, URLPattern) and re.fullmatch(r"[\w/.-]*", path):
            yield path


def wanted(path: str) -> bool:
    return not any(word in path for word in NOT_PAGES)


def html_pages(client: Client, paths: list[str]) -> list[str]:
    """Leave out what is no page: addresses for POST only, data, tables that refuse "add"."""
    pages = []
    for path in paths:
        answer = client.get(path)
        assert answer.status_code in (200, 302, 403, 405), f"{path}: {answer.status_code}"
        if answer.status_code == 403:  # a superuser is refused nothing but writing what is kept
            assert path.endswith("/add/"), path
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            pages.append(path)
    return pages


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_public_page_opens_without_complaint(
    site: str, open_browser: OpenBrowser, language: str
):
    published()
    Station.objects.create(code="KNDC", point=Point(76.97, 43.22, srid=4326))
    page, watch = open_browser()
    paths = [p for p in page_paths(language) if wanted(p) and not re.search("/(admin|desk)/", p)]
    assert len(paths) >= 8
    for path in paths:
        answer = page.goto(path)
        assert answer is not None and answer.status == 200, f"{path}: {answer and answer.status}"
        page.wait_for_load_state("networkidle")
        assert watch.complaints == [], path


@pytest.mark.parametrize(
    "language", ["kk", *(pytest.param(other, marks=pytest.mark.long) for other in ("ru", "en"))]
)
def test_every_staff_page_opens_without_complaint(
    site: str, open_browser: OpenBrowser, language: str
):
    event = published()
    user = User.objects.create_superuser("walker", password="a-walk-through-every-page")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    page, watch = open_browser()
    page.context.add_cookies(
        [
            {
                "name": settings.SESSION_COOKIE_NAME,
                "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                "url": site,
            }
        ]
    )
    paths = [p for p in page_paths(language) if wanted(p) and re.search("/(admin|desk)/", p)]
    changes = f"/{language}/admin/catalog/event/{event.pk}/change/"
    paths.append(changes)
    pages = html_pages(client, paths)
    assert changes in pages
    for path in pages:
        answer = page.goto(path)
        assert answer is not None and answer.status == 200, path
        assert watch.complaints == [], path


@pytest.mark.parametrize("path", ["/en/nothing-here/", "/kk/events/kz1999nothing/"])
def test_a_missing_page_is_a_page_too(site: str, open_browser: OpenBrowser, path: str):
    page, watch = open_browser()
    answer = page.goto(path)
    assert answer is not None and answer.status == 404
    assert page.locator("h1").count() == 1
    # Chromium itself writes every 404 to the console.
    watch.complaints = [c for c in watch.complaints if "status of 404" not in c]
