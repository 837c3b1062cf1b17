"""The home page before its data: what a phone must fetch until the empty map stands."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Response

from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

#: 400 KB, as sent: texts by gzip, the older of the two that WhiteNoise keeps ready.
MOST_BYTES = 400_000
#: Already pressed; they go as they are.
PRESSED = (".woff2", ".webp", ".png", ".jpg")
#: nginx presses what the portal makes anew with its own default.
PAGE_LEVEL, FILE_LEVEL = 1, 9


@pytest.mark.parametrize("language", ["kk"])
def test_the_home_page_is_light(site: str, open_browser: OpenBrowser, language: str):
    """Kazakh: the most letters, the longest words."""
    published()
    page, watch = open_browser(viewport={"width": 390, "height": 800})
    answers: list[Response] = []
    watch.context.on("response", lambda answer: answers.append(answer))
    page.goto(f"/{language}/")
    page.wait_for_selector("#map[data-loaded]")
    page.wait_for_load_state("networkidle")
    sizes: dict[str, int] = {}
    for answer in answers:
        path = urlsplit(answer.url).path
        if path.startswith("/api/") or answer.status >= 300:
            continue  # the events themselves
        body = answer.body()
        if path.endswith(PRESSED):
            sizes[path] = len(body)
        else:
            level = FILE_LEVEL if path.startswith("/static/") else PAGE_LEVEL
            sizes[path] = len(gzip.compress(body, level))
    lines = sorted(((size, path) for path, size in sizes.items()), reverse=True)
    told = "\n".join(f"{size:8d} {path}" for size, path in lines)
    total = sum(sizes.values())
    assert total <= MOST_BYTES, f"{total} bytes\n{told}"
    assert any(path.endswith(".woff2") for path in sizes)
