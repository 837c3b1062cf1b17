"""The home page in a real browser: map, list, filter, address, keyboard, small screens."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import transaction
from playwright.sync_api import Page, Route, expect

from catalog.models import Change, Event
from processing.jobs import map_tiles
from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser


@pytest.fixture
def three_events(site: str) -> None:
    published()
    published(
        public_id="kz2014kadzhi",
        time=datetime(2014, 11, 14, 1, 24, tzinfo=UTC),
        latitude=42.10,
        longitude=77.27,
        agency="SOME",
        sizes={"KR": 13.6, "Mw": 5.4},
        place="131 km S of Almaty",
    )
    published(
        public_id="kz2016small1",
        time=datetime(2016, 3, 2, 11, 5, 9, tzinfo=UTC),
        latitude=43.9,
        longitude=75.6,
        depth_km=None,
        agency="USGS",
        minute_precision=False,
        felt=False,
        sizes={"mb": 4.1},
        place="110 km NW of Almaty",
    )


def visit(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("#map[data-loaded]")


def drawn(page: Page, number: int) -> None:
    expect(page.locator("#map")).to_have_attribute("data-drawn", str(number))


def test_epicentres_are_drawn_and_listed(three_events: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/")
    drawn(page, 3)
    expect(page.locator(".quake")).to_have_count(3)
    expect(page.locator(".quake").first).to_contain_text("2016-03-02 11:05:09")
    expect(page.locator('[data-id="kz2014karagn"]')).to_contain_text("2014-06-21 06:30")
    assert colours(page) > 1


def colours(page: Page) -> int:
    """Return how many different pixels the epicentres' canvas has, whatever painted it."""
    number: int = page.evaluate(
        """() => {
          const canvas = document.querySelector(".leaflet-quakes-pane canvas");
          const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
          copy.drawImage(canvas, 0, 0);
          const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )
    return number


def test_a_filter_changes_map_list_and_address_and_back_restores(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/")
    page.click("#filters-more summary")
    page.fill('[name="minkr"]', "12")
    page.press('[name="minkr"]', "Enter")
    expect(page.locator(".quake")).to_have_count(1)
    drawn(page, 1)
    expect(page).to_have_url(re.compile(r"\?minkr=12$"))
    page.go_back()
    expect(page.locator(".quake")).to_have_count(3)
    drawn(page, 3)
    expect(page.locator('[name="minkr"]')).to_have_value("")
    page.go_forward()
    expect(page.locator(".quake")).to_have_count(1)
    expect(page.locator('[name="minkr"]')).to_have_value("12")


def test_an_address_restores_search_position_and_choice(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/?agency=SOME&map=7/42.5/77&selected=kz2014kadzhi")
    expect(page.locator(".quake")).to_have_count(1)
    expect(page.locator(".popup")).to_contain_text("KR 13.6")
    expect(page.locator(".popup")).to_contain_text("07:24 (UTC+6)")
    expect(page.locator(".quake.is-selected")).to_have_attribute("data-id", "kz2014kadzhi")
    expect(page.locator('[name="agency"]')).to_have_value("SOME")
    page.keyboard.press("Escape")


def test_the_list_can_be_kept_to_what_the_map_shows(three_events: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?map=8/42.1/77.27")
    expect(page.locator(".quake")).to_have_count(3)
    page.check("#in-view")
    expect(page.locator(".quake")).to_have_count(1)
    expect(page).to_have_url(re.compile("inview=1"))
    page.click(".home-button")
    expect(page.locator(".quake")).to_have_count(3)


def test_a_click_on_an_epicentre_opens_it_and_marks_its_line(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/?map=7/49.56/72.97")
    drawn(page, 1)
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".popup")).to_contain_text("28 km S of Karaganda")
    expect(page.locator(".quake.is-selected")).to_have_attribute("data-id", "kz2014karagn")
    page.click(".popup a")
    expect(page.locator("h1")).to_contain_text("KR 11.7")


def test_everything_is_reached_by_keyboard(three_events: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?map=6/43/76")
    page.keyboard.press("Tab")
    expect(page.locator(".skip[href='#main']")).to_be_focused()
    # Past the two hundred stops of the list in one.
    page.focus(".skip[href='#map']")
    page.keyboard.press("Enter")
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page).not_to_have_url(re.compile(r"map=6/43\.000/76\.000"))
    page.locator(".quake a").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/en/events/kz2016small1/"))


def test_a_mistake_in_a_filter_is_said_beside_it(three_events: None, open_browser: OpenBrowser):
    page, watch = open_browser()
    visit(page, "/en/")
    page.click("#filters-more summary")
    page.fill('[name="minkr"]', "much")
    page.press('[name="minkr"]', "Enter")
    expect(page.locator("#filter-error")).to_contain_text("minkr")
    expect(page.locator('[name="minkr"]')).to_have_attribute("aria-invalid", "true")
    # Chromium itself writes every 400 to the console.
    watch.complaints = [c for c in watch.complaints if "status of 400" not in c]


def test_no_events_is_said_with_a_way_out(three_events: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?starttime=2026-01-01")
    expect(page.locator("#empty")).to_be_visible()
    page.click("#empty a")
    expect(page.locator(".quake")).to_have_count(3)
    expect(page).to_have_url(re.compile("/en/$"))


def test_the_list_stays_when_events_cannot_be_loaded(three_events: None, open_browser: OpenBrowser):
    page, watch = open_browser()
    page.route("**/api/v1/map/events.json*", lambda route: route.abort())
    page.goto("/en/")
    expect(page.locator("#map-status.is-error")).to_be_visible()
    expect(page.locator(".quake")).to_have_count(3)
    watch.complaints = [c for c in watch.complaints if "ERR_FAILED" not in c]


def test_events_that_could_not_be_loaded_are_tried_again(
    three_events: None, open_browser: OpenBrowser
):
    page, watch = open_browser()
    page.route("**/api/v1/map/events.json*", lambda route: route.abort())
    page.goto("/en/")
    page.wait_for_selector("#map-retry:visible")
    page.unroute("**/api/v1/map/events.json*")
    page.click("#map-retry")
    drawn(page, 3)
    expect(page.locator("#map-status")).to_be_hidden()
    watch.complaints = [c for c in watch.complaints if "ERR_FAILED" not in c]


def test_a_touch_on_the_legend_filters_and_all_restores(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser(viewport={"width": 1700, "height": 900})
    visit(page, "/en/")
    none = page.get_by_role("button", name="not reported")
    none.click()
    drawn(page, 1)
    expect(page.locator(".quake")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?depths=none$"))
    expect(none).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="under 10 km")).to_have_attribute(
        "aria-pressed", "false"
    )
    page.get_by_role("button", name="KR ≥ 14").click()
    expect(page.locator("#empty")).to_be_visible()
    page.click("#legend-all")
    drawn(page, 3)
    expect(page).to_have_url(re.compile("/en/$"))


def test_time_is_kept_to_a_window_by_keyboard_and_played(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/")
    timeline = page.locator("#timeline")
    expect(timeline).to_have_attribute("data-number", "3")
    page.focus('[data-part="until"]')
    for key in ("Home", "PageUp", "PageUp"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("window="))
    expect(timeline).to_have_attribute("data-number", "1")
    drawn(page, 1)
    expect(page.locator(".quake")).to_have_count(1)
    page.get_by_role("button", name="All of the time").click()
    drawn(page, 3)
    page.get_by_role("button", name="Play").click()
    expect(timeline).to_have_attribute("data-playing", "1")
    expect(timeline).to_have_attribute("data-number", "0")
    page.get_by_role("button", name="Pause").click()
    expect(page).to_have_url(re.compile("window="))


def test_an_address_restores_window_legend_and_layers_and_says_what_it_does_not_know(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    address = "/en/?window=2014-06-01/2014-12-01&depths=1&classes=15&layers=-relief&orbit=7"
    visit(page, address)
    expect(page.locator("#map-status")).to_contain_text("orbit")
    expect(page.locator(".quake")).to_have_count(1)
    expect(page.locator('[data-layer="relief"]')).not_to_be_checked()
    expect(page.locator("#timeline")).to_contain_text("2014-06-01")
    # What the server wrote without a script is the search, not a mistake.
    expect(page.locator("#filter-error")).to_be_empty()


def test_events_at_one_spot_are_gone_through_by_keyboard(site: str, open_browser: OpenBrowser):
    published()
    published(public_id="kz2015karagn", time=datetime(2015, 1, 2, tzinfo=UTC), place="second")
    page, _ = open_browser()
    visit(page, "/en/?map=7/49.56/72.97")
    drawn(page, 2)
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#map-card")).to_contain_text("1 more here")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".popup")).to_contain_text("1 of 2 here")
    expect(page.locator(".popup")).to_contain_text("second")
    page.focus('.popup [data-step="1"]')
    page.keyboard.press("Enter")
    expect(page.locator(".popup")).to_contain_text("28 km S of Karaganda")
    expect(page.locator(".quake.is-selected")).to_have_attribute("data-id", "kz2014karagn")


@pytest.mark.django_db(transaction=True, databases=["default", "download"])
def test_tiles_are_fetched_once_and_a_changed_event_alone(
    three_events: None, open_browser: OpenBrowser
):
    map_tiles.make()
    page, _ = open_browser()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url.partition("/api/v1/map/")[2]))
    page.clock.install()
    visit(page, "/en/")
    drawn(page, 3)
    expect(page.locator(".quake").first).to_contain_text("110 km NW of Almaty")
    assert page.evaluate("document.querySelector('#map').dataset.tiles") == "1/1"
    assert [a for a in asked if a.startswith("tiles/")] == [a for a in asked if a.endswith(".bin")]
    fetched = len([a for a in asked if a.endswith(".bin")])
    page.click("#filters-more summary")
    page.fill('[name="minkr"]', "12")
    page.press('[name="minkr"]', "Enter")
    drawn(page, 1)
    page.click("#reset")
    drawn(page, 3)
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    assert len([a for a in asked if a.endswith(".bin")]) == fetched
    assert not [a for a in asked if a.startswith("events.json") and "eventid" not in a]
    # A limit between two steps of the tiles: the server tells which events match.
    page.fill('[name="minkr"]', "11.705")
    page.press('[name="minkr"]', "Enter")
    drawn(page, 1)
    assert [a for a in asked if a.startswith("matching.bin?minkr=11.705")]
    page.click("#reset")
    drawn(page, 3)
    published(public_id="kz2020newone", time=datetime(2020, 5, 1, tzinfo=UTC))
    with transaction.atomic():
        event = Event.objects.get(public_id="kz2020newone")
        Change.objects.create(number=Change.next_number(), kind="created", event=event)
    page.clock.fast_forward(61_000)
    expect(page.locator(".quake")).to_have_count(4)
    drawn(page, 4)
    assert len([a for a in asked if a.endswith(".bin") and a.startswith("tiles/")]) == fetched


def test_a_browser_without_webgl_draws_as_well(three_events: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?webgl=0")
    drawn(page, 3)
    expect(page.locator("#map")).to_have_attribute("data-engine", "canvas")
    assert colours(page) > 1


LOSE = """() => {
  const canvas = document.querySelector(".leaflet-quakes-pane canvas");
  const gl = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  window.lost = gl.getExtension("WEBGL_lose_context");
  window.lost.loseContext();
}"""


def test_a_lost_graphics_card_is_waited_for_then_done_without(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    page.clock.install()
    visit(page, "/en/")
    drawn(page, 3)
    expect(page.locator("#map")).to_have_attribute("data-engine", "webgl")
    page.evaluate(LOSE)
    page.evaluate("window.lost.restoreContext()")
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    page.clock.fast_forward(5_000)
    expect(page.locator("#map")).to_have_attribute("data-engine", "webgl")
    assert colours(page) > 1
    page.evaluate(LOSE)
    page.clock.fast_forward(5_000)
    expect(page.locator("#map")).to_have_attribute("data-engine", "canvas")
    drawn(page, 3)
    assert colours(page) > 1


@pytest.mark.django_db(transaction=True, databases=["default", "download"])
def test_a_tile_that_fails_is_told_and_fetched_again(three_events: None, open_browser: OpenBrowser):
    map_tiles.make()
    page, watch = open_browser()
    page.route("**/map/tiles/*.bin", lambda route: route.abort())
    page.goto("/en/")
    expect(page.locator("#map-status.is-error")).to_be_visible()
    expect(page.locator(".quake")).to_have_count(3)
    page.unroute("**/map/tiles/*.bin")
    page.click("#map-retry")
    drawn(page, 3)
    expect(page.locator("#map-status")).to_be_hidden()
    watch.complaints = [c for c in watch.complaints if "ERR_FAILED" not in c]


def test_a_slow_answer_is_said_while_the_list_can_be_read(
    three_events: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    held: list[Route] = []
    page.route("**/api/v1/map/events.json*", lambda route: held.append(route))
    page.goto("/en/")
    expect(page.locator("#map-status")).to_be_visible()
    expect(page.locator("#map-status.is-error")).to_have_count(0)
    expect(page.locator(".quake")).to_have_count(3)
    held[0].continue_()
    drawn(page, 3)
    expect(page.locator("#map-status")).to_be_hidden()


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_telephone_never_scrolls_sideways(
    three_events: None, open_browser: OpenBrowser, language: str
):
    page, _ = open_browser(viewport={"width": 390, "height": 844})
    for path in ("", "search/", "events/kz2014kadzhi/", "methods/", "data-services/", "login/"):
        page.goto(f"/{language}/{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{path or 'map'} is {width} px wide"


def test_the_event_page_draws_its_solutions(three_events: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    page.goto("/en/events/kz2014kadzhi/")
    expect(page.locator("#event-map")).to_have_attribute("data-loaded", "1")
    expect(page.locator("#event-map .leaflet-marker-pane svg path")).to_have_count(2)
