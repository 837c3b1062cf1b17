"""A settlement's place is set on its map, by pointer or by numbers."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from catalog.models import Settlement
from tests.browser.conftest import OpenBrowser
from tests.browser.test_merge import signed_in

pytestmark = pytest.mark.browser


def test_a_click_on_the_map_sets_the_coordinates(site: str, open_browser: OpenBrowser):
    page, _ = open_browser()
    signed_in(page, site)
    page.goto("/en/desk/settlements/new?name=Shalkode")
    page.locator("#settlement-map").click(position={"x": 300, "y": 120})
    expect(page.locator(".settlement-mark")).to_be_visible()
    longitude = float(page.locator("[name=longitude]").input_value())
    page.locator("#settlement-map").click(position={"x": 500, "y": 120})
    assert float(page.locator("[name=longitude]").input_value()) > longitude
    page.locator("[name=latitude]").fill("42.97")
    page.locator("[name=longitude]").fill("79.37")
    page.locator("[name=note]").fill("map")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("h1")).to_contain_text("Shalkode")
    kept = Settlement.objects.get(name_en="Shalkode")
    assert (kept.point.y, kept.point.x) == (42.97, 79.37)
