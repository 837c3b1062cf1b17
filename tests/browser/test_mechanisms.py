"""Mechanisms in a browser: keyboard, a phone, axe-core."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from processing.core.first_motion import METHOD_ID
from tests.browser.auditing import grave_issues, misfits
from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import KARAGANDA, published
from tests.portal.test_mechanisms import preferred

pytestmark = pytest.mark.browser

POLARITIES = [
    {"station": f"ST{n}", "sign": 1 if n % 3 else -1, "azimuth": 40 * n, "takeoff": 15 + 9 * n,
     "contradicting": n % 7 == 5}
    for n in range(18)
]  # fmt: skip


@pytest.fixture
def several(site: str) -> None:
    planes = ((230, 40, 85), (235, 42, 92), (10, 88, 3), (120, 55, -80), (80, 60, 45), (0, 5, 90))
    for number, plane in enumerate(planes):
        event = published(
            public_id=f"kz2014mech{number}a", time=KARAGANDA["time"] + timedelta(days=number)
        )
        preferred(
            event, strike_1=plane[0], dip_1=plane[1], rake_1=plane[2], quality="B",
            method_id=METHOD_ID, uncertainty_deg=18.0, probability=0.71, misfit=0.1,
            station_polarity_count=18, parameters={"stations": POLARITIES},
        )  # fmt: skip
    event.focalmechanisms.create(mrr=3e17, mtt=-1e17, mpp=-2e17, mrt=1e17, mrp=5e16, mtp=2e16)


def test_the_catalogue_of_mechanisms_is_for_everybody(several: None, open_browser: OpenBrowser):
    page, _ = open_browser(viewport={"width": 390, "height": 844})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for path in ("/en/mechanisms/", "/ru/events/kz2014mech5a/", "/kk/mechanisms/?minkr=24"):
            page.goto(path)
            page.wait_for_load_state("networkidle")
            assert grave_issues(page) + misfits(page) == [], (scheme, path)
    # A style is reached and followed by keys alone, and so is a mechanism's event.
    page.goto("/en/mechanisms/")
    page.get_by_role("link", name="strike-slip", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("faultingstyle=SS$"))
    expect(page.locator(".mechanism-table tbody tr")).to_have_count(1)
    page.locator(".mechanism-table th a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#mechanisms")).to_be_in_viewport()
