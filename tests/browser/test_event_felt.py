"""The intensities of an event as layers of its small map, in a real browser."""

from __future__ import annotations

import os

import numpy as np
import pytest
from django.contrib.gis.geos import Point, Polygon
from playwright.sync_api import expect

from catalog.models import CommunityIntensity, Event, IntensityObservation, Settlement
from processing.core import felt, geodesy
from processing.core import intensity_prediction as prediction
from processing.jobs import macroseismics
from tests.browser.auditing import grave_issues, misfits, small_targets
from tests.browser.conftest import OpenBrowser
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

EPICENTRE = (43.1, 77.3)


def felt_event() -> Event:
    """An event of MS 5.6 with 14 expert points, three cells and towns around it."""
    event = published(
        public_id="kz2014feltev", latitude=EPICENTRE[0], longitude=EPICENTRE[1], depth_km=12.0,
        sizes={"KR": 13.9, "MS": 5.6}, minute_precision=False,
    )  # fmt: skip
    random = np.random.default_rng(4)
    distance = 110.0 * random.uniform(0.05, 1.0, 14)
    lats, lons = geodesy.destination(
        *EPICENTRE, random.uniform(0, 360, 14), distance / geodesy.KM_PER_DEGREE
    )
    model = prediction.MODELS["shebalin"]
    grades, _ = prediction.predict(model, 5.6, 12.0, distance)
    for k, (lat, lon, grade) in enumerate(zip(lats, lons, grades, strict=True)):
        best = round(2.0 * float(grade)) / 2.0
        settlement = Settlement.objects.create(
            name_en=f"Town {k}", point=Point(lon, lat, srid=4326), country="KZ", population=900 * k
        )
        IntensityObservation.objects.create(
            event=event, settlement=settlement, place=f"Town {k}", best=best, scale="MSK-64"
        )
    IntensityObservation.objects.create(
        event=event, place="Far town", point=Point(75.4, 44.4, srid=4326), felt=False
    )
    for lat, lon, cdi, reports in (
        (43.24, 76.94, 5.2, 31), (43.3, 77.24, 5.9, 4), (44.1, 77.9, 1.0, 3),
    ):  # fmt: skip
        cell = felt.cell(lat, lon, 10)
        CommunityIntensity.objects.create(
            event=event, area="10km", code=cell.code, outline=Polygon(cell.outline),
            point=Point(cell.longitude, cell.latitude, srid=4326), report_count=reports,
            not_felt_count=reports // 4, cws=1.0, cdi=cdi, ems98=felt.equivalent(cdi)[1],
            published=True, method_id=felt.METHOD_ID,
        )  # fmt: skip
    macroseismics.assess(event)
    return event


def test_layers_are_shown_as_their_boxes_say(site: str, open_browser: OpenBrowser):
    event = felt_event()
    page, _ = open_browser()
    page.goto(f"/en/events/{event.public_id}/")
    page.wait_for_selector("#event-map[data-loaded]")
    boxes, sheet = page.locator("#felt-layers"), page.locator("#event-map")
    expect(boxes).to_have_attribute("data-drawn", "community expert")
    expect(sheet.locator(".felt-mark:not(.felt-mark--words)")).to_have_count(15)
    for name in ("Predicted intensity", "Isoseismals"):
        boxes.get_by_label(name).check()
    expect(sheet.get_by_text("predicted 3")).to_be_visible()
    expect(sheet.get_by_text("isoseismal 5")).to_be_visible()
    boxes.get_by_label("Experts").uncheck()
    expect(boxes).to_have_attribute("data-drawn", "contours isoseismals community")
    problems = grave_issues(page) + misfits(page) + small_targets(page)
    page.set_viewport_size({"width": 390, "height": 900})
    problems += misfits(page)
    for path in ("/en/intensities/", f"/ru/events/{event.public_id}/"):
        page.goto(path)
        problems += grave_issues(page) + misfits(page) + small_targets(page)
    assert problems == []
    if folder := os.environ.get("PICTURES"):
        for width in (1400, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"/en/events/{event.public_id}/")
            page.wait_for_selector("#event-map[data-loaded]")
            page.screenshot(path=f"{folder}/event-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1400, "height": 900})
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=f"{folder}/event-dark.png")
        for width in (1400, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto("/en/intensities/")
            page.screenshot(path=f"{folder}/table-{width}.png", full_page=True)
