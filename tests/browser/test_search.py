"""The search page in a real browser: live count, map beside, file builder, keyboard, phone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

#: Where on the page the first pixel of an epicentre is, a little inside it.
PAINTED = """() => {
  const canvas = document.querySelector(".leaflet-quakes-pane canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const frame = canvas.getBoundingClientRect();
  for (let place = 0; place < width * height; place += 1) {
    if (data[4 * place + 3] > 100) {
      const x = (place % width) * (frame.width / width);
      return [frame.x + x + 2, frame.y + Math.floor(place / width) * (frame.height / height) + 3];
    }
  }
}"""


def test_the_search_page_by_keyboard(site: str, open_browser: OpenBrowser):
    published()
    published(
        public_id="kz2014kadzhi",
        time=datetime(2014, 11, 14, 1, 24, tzinfo=UTC),
        latitude=42.10,
        longitude=77.27,
        sizes={"KR": 13.6, "Mw": 5.4},
        place="131 km S of Almaty",
    )
    page, _ = open_browser()
    page.goto("/en/search/")
    page.wait_for_selector("#map[data-loaded='2']")
    expect(page.locator("#map")).to_have_attribute("data-drawn", "2")

    # The count follows the form; a mistake stands at its field.
    page.locator('[name="minkr"]').focus()
    page.keyboard.type("12")
    expect(page.locator("#live-count")).to_have_text("1 event")
    page.locator('[name="starttime"]').fill("yesterday")
    expect(page.locator("#id_starttime_error")).to_contain_text("yesterday")
    page.locator('[name="starttime"]').fill("")
    expect(page.locator("#live-count")).to_have_text("1 event")
    expect(page.locator("#id_starttime_error")).to_be_hidden()

    # Whatever is drawn leads to its row.
    spot = page.evaluate(PAINTED)
    page.mouse.move(*spot)
    expect(page.locator("#rows tr.is-hovered")).to_have_count(1)
    page.mouse.click(*spot)
    expect(page.locator("#rows tr.is-selected a")).to_be_focused()

    # The builder: another format by keyboard changes address, lines and what QuakeML holds.
    page.locator("#files summary").press("Enter")
    page.locator('input[type=radio][name="format"][value="csv"]').focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#file-address")).to_have_value(re.compile(r"/api/v1/download\.quakeml$"))
    page.locator('[name="includearrivals"]').press("Space")
    expect(page.locator("#file-address")).to_have_value(re.compile(r"\?includearrivals=true$"))
    expect(page.locator("#file-obspy")).to_contain_text("includearrivals=True")
    expect(page.locator("#file-curl")).to_contain_text("kazakhstan-earthquakes.xml")

    # Columns and search go into a clean address.
    page.locator("#columns summary").press("Enter")
    page.locator('[name="columns"][value="gap"]').press("Space")
    page.locator('[name="minkr"]').press("Enter")
    page.wait_for_url(
        re.compile(r"/en/search/\?minkr=12&columns=time%2C[^&]*gap%2Cagencies#results$")
    )
    expect(page.locator("#rows tr")).to_have_count(1)


def test_on_a_phone_events_are_cards_and_nothing_is_cut(site: str, open_browser: OpenBrowser):
    published()
    page, _ = open_browser(viewport={"width": 390, "height": 844})
    page.goto("/ru/search/?minkr=9&format=quakeml")
    page.wait_for_selector("#map[data-loaded='1']")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator("#form-panel")).not_to_have_attribute("open", "")
    expect(page.locator("#rows td.cell--kr")).to_be_visible()
    assert (
        page.evaluate(
            "getComputedStyle(document.querySelector('#rows td.cell--kr'), '::before').content"
        )
        == '"KR"'
    )
