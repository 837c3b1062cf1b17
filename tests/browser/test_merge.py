"""The merge desk in a real browser: keys on a pair, cards dragged and moved by arrow keys."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from playwright.sync_api import Page, expect

from catalog.models import Event, Report, User
from tests.browser.conftest import OpenBrowser
from tests.processing.bulletins import arrangement, associate, event, lay, recompute

pytestmark = pytest.mark.browser


def signed_in(page: Page, site: str) -> None:
    user = User.objects.create_user("decider", password="x")
    user.groups.add(Group.objects.get(name="editor"))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])


def test_pairs_are_decided_by_keys_and_reports_moved_by_hand(site: str, open_browser: OpenBrowser):
    associate(lay("SOME", event("s1", 0, 43.2), event("s2", 3600, 43.2)))
    associate(lay("KNDC", event("k1", 15, 43.9), event("k2", 3618, 43.2)))
    recompute()
    page, _ = open_browser()
    signed_in(page, site)
    page.goto("/en/desk/review/")
    page.get_by_role("link", name="Begin with the first pair").click()
    page.wait_for_selector("#merge-map[data-loaded]")
    first = page.url
    page.keyboard.press("?")
    expect(page.locator("#merge-keys")).to_have_attribute("open", "")
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("k")
    page.wait_for_url(first)
    # A letter of a note is no command.
    page.locator("#note").fill("")
    page.locator("#note").press_sequentially("sdl")
    expect(page).to_have_url(first)
    page.locator("h1").click()
    page.keyboard.press("s")
    expect(page.locator(".notice--success")).to_contain_text("one earthquake now")
    assert len(arrangement()) == 3 and page.url != first

    # The joined event: one report by dragging to a new one, and back by the keys.
    report = Report.objects.exclude(event__reports__isnull=True).get(key="id:k1")
    assert report.event is not None and report.event.reports.count() == 2
    page.goto(f"/en/desk/events/{report.event.public_id}/merge/")
    card = page.locator("[data-card]").first
    new = page.locator('[data-column="new-1"]')
    card.drag_to(new)
    expect(new.locator("[data-card]")).to_have_count(1)
    expect(new.locator("select")).to_have_value("new-1")
    moved = new.locator("[data-card]")
    moved.focus()
    page.keyboard.press("ArrowLeft")
    expect(new.locator("[data-card]")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(new.locator("[data-card]")).to_have_count(1)
    page.get_by_role("button", name="See what would happen").click()
    expect(page.locator(".merge-foretold")).to_contain_text("There will be 2 events")
    assert Event.objects.alive().count() == 3
    page.get_by_role("button", name="Store it").click()
    expect(page.locator(".notice--success")).to_contain_text("The reports are moved.")
    assert len(arrangement()) == 4
