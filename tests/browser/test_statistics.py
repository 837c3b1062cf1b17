"""What scripts add to drawings of numbers, and the event page on paper."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser


def test_keys_read_values_and_choose_a_span_and_the_event_prints_on_one_page(
    site: str, open_browser: OpenBrowser
):
    for month in range(1, 7):
        published(public_id=f"kz201400000{month}", time=datetime(2014, month, 5, tzinfo=UTC))
    page, _ = open_browser()
    page.goto("/en/search/statistics/?minkr=9")
    figure = page.locator('[data-chart="energy"]')
    read, chosen = figure.locator(".chart__read"), figure.locator(".chart__chosen a")
    expect(read).to_contain_text("arrow keys")
    figure.locator("svg").focus()
    page.keyboard.press("ArrowRight")
    expect(read).to_contain_text("January 2014")
    page.keyboard.press("Shift+ArrowRight")
    expect(chosen).to_have_text("Only 2014-01-01 to 2014-02-28")
    chosen.click()
    expect(page).to_have_url(
        re.compile(r"minkr=9&starttime=2014-01-01&endtime=2014-02-28T23:59:59\.999999$")
    )
    expect(page.locator(".figures dd").first).to_have_text("2")
    page.goto("/en/events/kz2014000003/")
    expect(page.locator("#event-map")).to_have_attribute("data-loaded", "1")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1
