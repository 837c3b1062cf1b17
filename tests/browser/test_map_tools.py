"""The map's tools and layers in a real browser: draw, find, layers, pictures, one's own file."""

from __future__ import annotations

import base64
import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.gis.geos import Point
from django.db import connection
from playwright.sync_api import Page, Route, expect

from catalog.models import (
    Agency,
    EventRow,
    FocalMechanism,
    IntensityObservation,
    Settlement,
    Station,
)
from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

DECODE = """async (text) => {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const colours = (x, y, w, h, step) => {
    const { data } = context.getImageData(x, y, w, h);
    const found = new Set();
    for (let at = 0; at < data.length; at += 4 * step) {
      found.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
    }
    return [...found];
  };
  return {
    width, height, corner: colours(4, 4, 1, 1, 1)[0],
    right: colours(width - 500, 100, 460, height / 2, 1), inside: colours(100, 200, 1200, 800, 97),
  };
}"""
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def region(site: str) -> None:
    """Two events, one with a mechanism and an intensity; a station; Almaty."""
    published()
    event = published(
        public_id="kz2014kadzhi",
        time=datetime(2014, 11, 14, 1, 24, tzinfo=UTC),
        latitude=42.10,
        longitude=77.27,
        agency="SOME",
        sizes={"KR": 13.6},
        place="131 km S of Almaty",
    )
    some = Agency.objects.get(code="SOME")
    event.preferred_focal_mechanism = FocalMechanism.objects.create(
        event=event, agency=some, strike_1=90.0, dip_1=45.0, rake_1=90.0
    )
    event.save()
    EventRow.objects.filter(event=event).update(has_mechanism=True)
    almaty = Settlement.objects.create(
        name_en="Almaty",
        name_ru="Алматы",
        name_kk="Алматы",
        point=Point(76.95, 43.25, srid=4326),
        population=2_000_000,
        country="KZ",
    )
    IntensityObservation.objects.create(
        event=event, agency=some, settlement=almaty, place="Almaty", best=4.0, scale="MSK-64"
    )
    Station.objects.create(
        agency=some, code="MDO", name_en="Medeo", point=Point(77.06, 43.15, srid=4326)
    )


def visit(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("#map[data-loaded]")


def middle(page: Page) -> tuple[float, float]:
    box = page.locator("#map").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_box_is_drawn_by_pointer_and_by_keyboard_and_taken_away(
    region: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/?map=6/43/76.5")
    page.click('[data-tool="area"]')
    page.click('[data-kind="box"]')
    x, y = middle(page)
    page.mouse.move(x - 120, y - 150)
    page.mouse.down()
    page.mouse.move(x, y)
    page.mouse.move(x + 100, y + 250)
    page.mouse.up()
    expect(page).to_have_url(re.compile("minlatitude=.*minlongitude="))
    expect(page.locator(".quake")).to_have_count(1)
    expect(page.locator("path.area-line")).to_have_count(1)
    page.click("text=Remove the area")
    expect(page.locator(".quake")).to_have_count(2)
    expect(page.locator("path.area-line")).to_have_count(0)

    # The same without a pointer: the cross, then the fields.
    page.focus('[data-kind="box"]')
    page.keyboard.press("Enter")
    expect(page.locator("#map")).to_be_focused()
    page.keyboard.press("Enter")
    for arrow in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(arrow)
        expect(page.locator(".leaflet-pan-anim")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("maxlatitude="))
    page.focus('[name="south"]')
    page.fill('[name="south"]', "41,5")
    page.fill('[name="north"]', "44")
    page.fill('[name="west"]', "75")
    page.fill('[name="east"]', "80")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"maxlatitude=44&.*minlatitude=41.5"))
    page.fill('[name="south"]', "45")
    page.keyboard.press("Enter")
    expect(page.locator(".tool-panel [role=alert]")).to_contain_text("southern edge")


def test_a_circle_and_a_polygon_are_drawn_by_pointer(region: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?map=6/43/76.5")
    x, y = middle(page)
    page.click('[data-tool="area"]')
    page.click('[data-kind="circle"]')
    expect(page.locator("#map")).to_have_attribute("data-drawing", "circle")
    page.mouse.move(x + 20, y + 40)
    page.mouse.down()
    page.mouse.move(x + 60, y + 40)
    page.mouse.move(x + 120, y + 40)
    expect(page.locator(".tool-hint")).to_contain_text("km")
    page.mouse.up()
    expect(page).to_have_url(re.compile("latitude=.*longitude=.*maxradiuskm="))
    expect(page.locator(".quake")).to_have_count(1)
    expect(page.locator("path.area-line")).to_have_count(1)

    page.click('[data-kind="polygon"]')
    for dx, dy in ((-150, -120), (150, -120), (150, 160)):
        page.mouse.click(x + dx, y + dy)
    page.mouse.dblclick(x - 150, y + 160)
    expect(page).to_have_url(re.compile("polygon="))
    expect(page).not_to_have_url(re.compile("maxradiuskm="))
    expect(page.locator(".quake")).to_have_count(1)


def test_the_map_fills_the_screen_and_comes_back(region: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?map=6/43/76.5")
    small = page.locator("#map").bounding_box()
    page.click('[data-tool="full"]')
    button = page.get_by_role("button", name="Leave full screen")
    expect(button).to_be_visible()
    large = page.locator("#map").bounding_box()
    assert small is not None and large is not None
    assert (large["x"], large["y"]) == (0, 0)
    assert large["height"] > small["height"]
    expect(page.locator("#map")).to_have_attribute("data-drawn", "2")
    button.click()
    expect(page.get_by_role("button", name="Full screen")).to_be_visible()


DROP = """(text) => {
  const files = new DataTransfer();
  files.items.add(new File([text], "dropped.geojson"));
  const map = document.querySelector("#map");
  for (const type of ["dragover", "drop"]) {
    const details = { dataTransfer: files, bubbles: true, cancelable: true };
    map.dispatchEvent(new DragEvent(type, details));
  }
}"""


def test_a_file_dropped_on_the_map_is_drawn(region: None, open_browser: OpenBrowser):
    page, _ = open_browser()
    visit(page, "/en/?map=7/43/77")
    page.evaluate(DROP, '{"type":"Point","coordinates":[77.5,43.5]}')
    expect(page.locator("#map")).to_have_attribute("data-own", "1")
    expect(page.locator(".tool-panel")).to_contain_text("dropped.geojson")
    page.evaluate(DROP, "[1, 2")
    expect(page.locator(".tool-panel [role=alert]")).to_contain_text("not JSON")


def test_an_address_restores_layers_area_and_pin_and_a_failed_layer_can_be_retried(
    region: None, open_browser: OpenBrowser
):
    page, watch = open_browser()
    fails = {"left": 1}

    def once(route: Route) -> None:
        if fails["left"]:
            fails["left"] -= 1
            route.fulfill(status=503, body="{}", content_type="application/json")
        else:
            route.continue_()

    page.route("**/map/stations.json*", once)
    visit(
        page,
        "/en/?latitude=43&longitude=77&maxradiuskm=200&map=7/43/77&pin=43.25,76.95,Almaty"
        "&layers=stations,mechanisms,intensities,density,northern-tien-shan,graticule",
    )
    expect(page.locator(".place-label")).to_have_text("Almaty")
    expect(page.locator("path.area-line")).to_have_count(1)
    atlas = page.locator("#map")
    expect(atlas).to_have_attribute("data-mechanisms", "1")
    expect(atlas).to_have_attribute("data-intensities", "1")
    expect(atlas).to_have_attribute("data-cells", "1")
    expect(page.locator(".layer-failure")).to_contain_text("Seismic stations")
    page.click(".layer-failure button")
    expect(atlas).to_have_attribute("data-stations", "1")
    expect(page.locator(".layer-failure")).to_have_count(0)
    watch.complaints[:] = [text for text in watch.complaints if "503" not in text]


@pytest.mark.long
def test_a_place_is_found_by_keyboard_and_coordinates_work_too(
    region: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/")
    page.focus(".place-search__input")
    page.keyboard.type("алм")
    expect(page.locator("[role=option]")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pin=43.2500,76.9500,Almaty"))
    expect(page.locator(".place-label")).to_have_text("Almaty")
    page.fill(".place-search__input", "42°06' N 77°16' E")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pin=42.1000,77.2667"))
    page.fill(".place-search__input", "kz2014karagn")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("selected=kz2014karagn"))


def test_export_makes_a_real_png_and_svg_with_the_legend(
    region: None, open_browser: OpenBrowser, tmp_path: Path
):
    page, _ = open_browser(color_scheme="dark")
    visit(page, "/en/?minkr=8&map=7/43/77&layers=mechanisms")
    expect(page.locator("#map")).to_have_attribute("data-mechanisms", "1")
    page.click('[data-tool="picture"]')
    with page.expect_download() as download:
        page.click("text=Save as PNG")
    assert download.value.suggested_filename == "earthquakes-kz_minkr-8.png"
    path = tmp_path / "map.png"
    download.value.save_as(path)
    seen = page.evaluate(DECODE, base64.b64encode(path.read_bytes()).decode())
    assert seen["width"] > 2 * 1100
    # Light paper though the page is dark; the legend's colours at the right; a map in the middle.
    assert seen["corner"] == "255,255,255"
    tokens = (project.BASE_DIR / "static/css/tokens.css").read_text(encoding="utf-8")
    for style in ("depth-0", "depth-4"):
        found = re.search(rf"--{style}: #(..)(..)(..);", tokens)
        assert found is not None
        assert ",".join(str(int(part, 16)) for part in found.groups()) in seen["right"]
    assert len(seen["inside"]) > 50
    with page.expect_download() as download:
        page.click("text=Save as SVG")
    download.value.save_as(tmp_path / "map.svg")
    svg = (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert "Selection: minkr=8" in svg
    assert "Focal mechanisms" in svg
    assert "Version " in svg
    assert svg.count("<path") > 20


def test_ones_own_geojson_stays_text_and_bad_files_are_refused(
    region: None, open_browser: OpenBrowser, tmp_path: Path
):
    page, _ = open_browser()
    visit(page, "/en/?map=7/43/77")
    page.click('[data-tool="own"]')
    alert = page.locator(".tool-panel [role=alert]")

    def give(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        page.set_input_files("#own-file", tmp_path / name)

    give("bad.geojson", b"not json")
    expect(alert).to_contain_text("not JSON")
    give("huge.geojson", b" " * (10 * 1024 * 1024 + 1))
    expect(alert).to_contain_text("larger than 10 MB")
    point = '{"type":"Point","coordinates":[77.5,43.5]}'
    good = f'{{"type":"Feature","geometry":{point},"properties":{{"{HOSTILE}":"{HOSTILE}"}}}}'
    give("mine.geojson", good.encode())
    expect(page.locator("#map")).to_have_attribute("data-own", "1")
    expect(alert).to_have_text("")
    page.keyboard.press("Escape")
    expect(page.locator(".leaflet-pan-anim, .leaflet-zoom-anim")).to_have_count(0)
    page.mouse.click(*middle(page))
    expect(page.locator(".property-list dd")).to_have_text(HOSTILE)
    assert page.locator(".leaflet-popup script, .leaflet-popup img").count() == 0
    page.click('[data-tool="own"]')
    page.click("text=Remove the file")
    expect(page.locator("#map[data-own]")).to_have_count(0)


FAULTS = Path(__file__).parents[3] / "shared/data/geo/gem_active_faults_box.geojson.gz"


@pytest.mark.skipif(not FAULTS.exists(), reason="../shared/data is not there")
def test_a_real_file_of_active_faults_is_drawn_and_read(
    region: None, open_browser: OpenBrowser, tmp_path: Path, settings: Any
):
    path = tmp_path / "faults.geojson"
    path.write_bytes(gzip.decompress(FAULTS.read_bytes()))
    settings.ACTIVE_FAULTS_FILE = str(path)
    page, _ = open_browser()
    visit(page, "/en/?map=7/43/77&layers=faults")
    number = len(json.loads(path.read_bytes())["features"])
    expect(page.locator("#map")).to_have_attribute("data-faults", str(number))
    expect(page.locator(".layer-failure")).to_have_count(0)


def test_a_distance_is_measured_by_pointer_and_by_coordinates(
    region: None, open_browser: OpenBrowser
):
    page, _ = open_browser()
    visit(page, "/en/?map=7/43/77")
    page.click('[data-tool="measure"]')
    x, y = middle(page)
    page.mouse.click(x - 200, y)
    page.mouse.move(x, y - 50)
    page.mouse.click(x, y - 100)
    expect(page.locator(".tool-table tbody tr")).to_have_count(1)
    expect(page.locator(".measure-label").last).to_contain_text("km")
    page.click("text=Clear")
    for place in ("43.25 76.95", "42.87 74.59"):
        page.fill('.tool-panel [name="point"]', place)
        page.keyboard.press("Enter")
    told = page.locator(".tool-total")
    expect(told).to_contain_text("km")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_Distance('POINT(76.95 43.25)'::geography, 'POINT(74.59 42.87)'::geography)"
        )
        (metres,) = cursor.fetchone()
    assert float(told.get_attribute("data-metres") or 0) == pytest.approx(metres, abs=0.01)


@pytest.mark.long
@pytest.mark.parametrize("options", [{"forced_colors": "active"}, {"contrast": "more"}])
def test_the_map_is_read_in_the_systems_own_colours(
    region: None, open_browser: OpenBrowser, options: dict[str, str]
):
    page, _ = open_browser(**options)
    visit(page, "/en/?map=6/43/76.5&layers=mechanisms,stations")
    expect(page.locator("#map")).to_have_attribute("data-drawn", "1")
    edge = "(node) => parseFloat(getComputedStyle(node).borderTopWidth)"
    for button in page.locator("main .button:visible").all():
        assert button.evaluate(edge) >= 1
    swatches = page.locator(".legend .swatch")
    ground = "(node) => getComputedStyle(node).backgroundColor"
    assert len({swatch.evaluate(ground) for swatch in swatches.all()}) == swatches.count() == 6
