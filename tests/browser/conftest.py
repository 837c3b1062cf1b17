"""A real server with collected static files, and Debian's Chromium driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.test.testcases import LiveServerThread, _StaticFilesHandler
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

# Playwright keeps an event loop in this thread, and Django would refuse to ask the database there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What the browser itself would report to /csp-report is told to the test by the page as well.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP ${event.violatedDirective} blocked ${event.blockedURI} ${event.sourceFile}`);
});
"""


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Collect the static files once, under hashed names."""
    root = tmp_path_factory.mktemp("static")
    from django.conf import settings

    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "tests.browser.storage.UncompressedStorage"},
    }
    with override_settings(STATIC_ROOT=root, STORAGES=storages):
        call_command("collectstatic", "--no-input", verbosity=0)
        yield root


@pytest.fixture
def site(collected: Path, transactional_db: None) -> Iterator[str]:
    """The address of a live server over the test database."""
    thread = LiveServerThread("127.0.0.1", _StaticFilesHandler)
    thread.daemon = True
    with override_settings(ALLOWED_HOSTS=["127.0.0.1"]):
        thread.start()
        thread.is_ready.wait()
        if thread.error:
            raise thread.error
        yield f"http://127.0.0.1:{thread.port}"
        thread.terminate()
        thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A browser context that writes down whatever should not happen."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.context = context
        self.host = urlsplit(site).netloc
        self.complaints: list[str] = []
        context.add_init_script(TELL_VIOLATIONS)
        context.on("request", self._requested)
        context.on("page", self._opened)

    def _requested(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.netloc != self.host:
            self.complaints.append(f"off-site request to {request.url}")
        if address.path == "/csp-report":
            self.complaints.append(f"csp report from {request.headers.get('referer', '')}")

    def _opened(self, page: Page) -> None:
        page.on("console", lambda m: self._said(page, m.type, m.text))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _said(self, page: Page, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(f"{page.url}: console: {text}")


OpenBrowser = Callable[..., tuple[Page, Watched]]


@pytest.fixture
def open_browser(chromium: Browser, site: str) -> Iterator[OpenBrowser]:
    """Open a page of a fresh context; at the end nothing may have been complained about."""
    contexts: list[BrowserContext] = []
    watches: list[Watched] = []

    def opened(**options: Any) -> tuple[Page, Watched]:
        options = {"viewport": {"width": 1400, "height": 900}, "base_url": site, **options}
        context = chromium.new_context(**options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        watch = Watched(context, site)
        watches.append(watch)
        return context.new_page(), watch

    yield opened
    for context in contexts:
        context.close()
    assert [complaint for watch in watches for complaint in watch.complaints] == []
