"""Every public page for everybody: axe-core, widths from a phone to a wall, keyboard, letters."""

from __future__ import annotations

import re

import pytest
from django.contrib.gis.geos import Point
from fontTools.ttLib import TTFont
from playwright.sync_api import Page, expect

from catalog.models import FeedCounter, Network, Station
from portal.context_processors import FONT_FILE
from portal.settings import BASE_DIR
from tests.browser.auditing import grave_issues, misfits, small_targets
from tests.browser.conftest import OpenBrowser
from tests.browser.test_every_address import page_paths, wanted
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

KAZAKH = "әғқңөұүһіӘҒҚҢӨҰҮҺІ"
WIDTHS = (390, 768, 1400, 2560)


@pytest.fixture
def something(site: str) -> None:
    """Make an event with a long name of its place, and a station."""
    published(place="131 km south of Kapchagai and of the reservoir of the same name, far from it")
    network = Network.objects.create(code="KZ")
    Station.objects.create(
        code="KNDC", network=network, name_en="Almaty", point=Point(76.97, 43.22, srid=4326)
    )


def opened(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None and answer.status == 200, path
    page.wait_for_load_state("networkidle")


def test_axe_finds_nothing_grave(something: None, open_browser: OpenBrowser):
    page, _ = open_browser(viewport={"width": 1400, "height": 900})
    found = {}
    for path in ("/ru/latest/", "/kk/stations/KNDC/"):
        opened(page, path)
        found[path] = grave_issues(page) + misfits(page) + small_targets(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    opened(page, "/en/style/")
    found["style, in the dark on a phone"] = grave_issues(page) + misfits(page)
    opened(page, "/kk/glossary/")
    fits = page.locator(".site-nav").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert fits, "the main navigation must fit a phone"
    assert {path: issues for path, issues in found.items() if issues} == {}


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_public_page_is_for_everybody(
    something: None, open_browser: OpenBrowser, language: str
):
    """Neither too wide nor cut on any width; nothing grave for axe-core, light or dark."""
    # A colour half way to another would be measured otherwise.
    page, _ = open_browser(reduced_motion="reduce")
    paths = [p for p in page_paths(language) if wanted(p) and not re.search("/(admin|desk)/", p)]
    paths = [p for p in paths if p.endswith("/")]  # others answer scripts
    found: dict[str, list[str]] = {}
    for path in paths:
        page.emulate_media(color_scheme="light")
        opened(page, path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found[f"{path} {width}"] = misfits(page)
            if width in (390, 1400):
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                    found[f"{path} {width} {scheme}"] = grave_issues(page)
                page.emulate_media(color_scheme="light")
    told = [f"{where}: {issue}" for where, issues in found.items() for issue in issues]
    assert not told, "\n".join(told)


# --- Letters -----------------------------------------------------------------------------------


def test_every_kazakh_letter_is_in_the_files_of_its_page() -> None:
    letters: set[int] = set()
    for script in ("cyrillic", "cyrillic-ext"):
        file = FONT_FILE.format(script).removeprefix("vendor/source-sans-3/")
        folder = BASE_DIR / "node_modules" / "@fontsource-variable" / "source-sans-3" / "files"
        letters |= set(TTFont(folder / file).getBestCmap())
    assert {ord(letter) for letter in KAZAKH} <= letters


def test_kazakh_letters_are_drawn_with_our_font(something: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    opened(page, "/kk/style/")
    page.evaluate("() => document.fonts.ready")
    told = page.evaluate(
        """(letters) => {
          const context = document.createElement("canvas").getContext("2d");
          const width = (font, letter) => {
            context.font = `400 200px ${font}`;
            return context.measureText(letter).width;
          };
          const family = getComputedStyle(document.body).fontFamily;
          return [...letters].filter((letter) =>
            !document.fonts.check(`16px "Source Sans 3"`, letter)
            // With every other font after it, the width is ours.
            || width(family, letter) !== width(`"Source Sans 3", monospace`, letter)
            || width(family, letter) === width("monospace", letter));
        }""",
        KAZAKH,
    )
    assert told == []
    loaded = page.evaluate(
        """() => [...document.fonts]
          .filter((f) => f.status === "loaded" && f.family.includes("Source"))
          .map((f) => f.unicodeRange)"""
    )
    assert any("U+460-52F" in ranges for ranges in loaded), loaded


@pytest.mark.long
def test_english_pages_fetch_no_cyrillic_letters(something: None, open_browser: OpenBrowser):
    page, watch = open_browser()
    fonts: list[str] = []
    watch.context.on(
        "request", lambda r: fonts.append(r.url) if r.resource_type == "font" else None
    )
    opened(page, "/en/data-policy/")
    scripts = {re.sub(r".*source-sans-3-(.*)-wght.*", r"\1", url) for url in fonts}
    # Each language calls itself by its own name in the head.
    assert scripts <= {"latin", "cyrillic", "cyrillic-ext"} and "latin" in scripts


# --- Colours, keyboard ---------------------------------------------------------------------------


def test_colours_change_at_once_and_stay(something: None, open_browser: OpenBrowser):
    page, _ = open_browser(color_scheme="light")
    opened(page, "/en/about/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click(".theme button[value=dark]")
    assert page.evaluate(ground) != light
    opened(page, "/ru/about/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator(".theme button[value=dark]")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) != light
    page.click(".theme button[value=system]")
    assert page.evaluate(ground) == light
    assert page.context.cookies() == []


def test_colours_are_chosen_without_a_script(something: None, open_browser: OpenBrowser):
    page, _ = open_browser(java_script_enabled=False)
    page.goto("/en/stations/?sort=name")
    page.click(".theme button[value=dark]")
    expect(page).to_have_url(re.compile(r"/en/stations/\?sort=name$"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_keyboard_sees_where_it_is(something: None, open_browser: OpenBrowser):
    page, _ = open_browser(viewport={"width": 390, "height": 700})
    opened(page, "/en/stations/")
    page.keyboard.press("Tab")
    skip = page.locator(".skip").first
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for _step in range(25):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => {
              const e = document.activeElement;
              if (e === document.body) return "";
              const box = e.getBoundingClientRect();
              const style = getComputedStyle(e);
              const y = box.y + Math.min(box.height / 2, 20);
              const top = document.elementFromPoint(box.x + box.width / 2, y);
              const seen = top && (e.contains(top) || top.contains(e));
              const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              return seen && ring ? "" : `${e.outerHTML.slice(0, 120)} seen ${seen} ring ${ring}`;
            }"""
        )
        assert told == ""


# --- The newest events, stations -----------------------------------------------------------------


def test_a_new_event_appears_by_itself(something: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    opened(page, "/en/latest/")
    expect(page.locator("#latest-rows[data-ready]")).to_have_count(1)
    published(public_id="kz2016newone", place="just now")
    FeedCounter.objects.update(value=FeedCounter.current() + 1)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator('[data-id="kz2016newone"].is-new')).to_have_count(1)
    expect(page.locator('[data-id="kz2014karagn"]')).not_to_have_class(re.compile("is-new"))
    expect(page.locator("#latest-state")).to_contain_text("new or changed events are marked")


def test_a_station_stands_on_its_map(something: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    page.goto("/en/stations/")
    page.wait_for_selector("#station-map[data-loaded='1']")
    page.hover(".station-mark")
    expect(page.locator(".station-tip")).to_contain_text("KNDC")
    page.goto("/en/stations/kndc/")
    page.wait_for_selector("#station-map[data-loaded='1']")
