"""The felt report in a real browser: bad connections, keyboard, phone, without a script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.gis.geos import Point
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from catalog.models import Settlement
from catalog.models.felt import FeltReport
from tests.browser.auditing import grave_issues, misfits, small_targets
from tests.browser.conftest import OpenBrowser, Watched
from tests.portal.conftest import published

pytestmark = pytest.mark.browser

ALMATY = {"latitude": 43.25667, "longitude": 76.92861, "accuracy": 30}


def opened(page: Page, path: str = "/en/felt/") -> None:
    page.goto(path)
    page.wait_for_selector("#felt-form[data-ready]")


def tap(page: Page, grade: int) -> None:
    page.locator(f"label:has([name=grade][value='{grade}'])").click()


def forgive_the_connection(watch: Watched) -> None:
    """Take out what a browser says of every request that had no answer, or a bad one."""
    watch.complaints[:] = [c for c in watch.complaints if "Failed to load resource" not in c]


def states(page: Page, state: str, number: int = 1) -> None:
    expect(page.locator(f"#felt-queue [data-state={state}]")).to_have_count(number)


def test_offline_then_online_sends_once(site: str, open_browser: OpenBrowser):
    published(time=timezone.now() - timedelta(hours=1))
    page, watch = open_browser()
    opened(page)
    watch.context.set_offline(True)
    tap(page, 5)
    page.locator("[name=event][value=kz2014karagn]").check()
    page.fill("#place", "Есік 😱")
    page.locator("#felt-form button[type=submit]").click()
    states(page, "waiting")
    assert not FeltReport.objects.exists()
    watch.context.set_offline(False)
    states(page, "sent")
    report = FeltReport.objects.get()
    assert (report.chosen_grade, report.event.public_id) == (5, "kz2014karagn")
    assert (report.place, report.flags) == ("Есік 😱", ["unknown-place"])
    assert page.evaluate("localStorage.length") == 0
    forgive_the_connection(watch)


def test_the_form_opens_and_keeps_a_report_without_a_connection(
    site: str, open_browser: OpenBrowser
):
    page, watch = open_browser()
    opened(page, "/ru/felt/")
    page.wait_for_selector("#felt-form[data-kept]")
    assert int(page.get_attribute("#felt-form", "data-kept") or 0) > 15
    watch.context.set_offline(True)
    opened(page, "/ru/felt/?from=home")
    assert page.locator("label:has([value='5']) svg").evaluate("e => e.getBBox().width") > 20
    tap(page, 5)
    page.locator("#felt-form button[type=submit]").click()
    states(page, "waiting")
    watch.context.set_offline(False)
    states(page, "sent")
    assert FeltReport.objects.get().flags == []
    forgive_the_connection(watch)


def test_an_answer_lost_on_the_way_makes_no_second_report(site: str, open_browser: OpenBrowser):
    """The server has it, the phone does not know; the page is closed and opened again."""
    page, watch = open_browser()
    opened(page)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/v1/felt", lose)
    tap(page, 4)
    page.locator("#felt-form button[type=submit]").dblclick()
    states(page, "waiting")
    assert FeltReport.objects.count() == 1
    page.close()
    page = watch.context.new_page()
    opened(page)
    states(page, "sent")
    assert FeltReport.objects.count() == 1
    forgive_the_connection(watch)


@pytest.mark.long
def test_maintenance_keeps_the_report_and_a_refusal_tells_why(site: str, open_browser: OpenBrowser):
    page, watch = open_browser()
    opened(page)
    page.route("**/api/v1/felt", lambda route: route.fulfill(status=503, body="<h1>soon</h1>"))
    tap(page, 3)
    page.locator("#felt-form button[type=submit]").click()
    states(page, "waiting")
    page.unroute("**/api/v1/felt")
    page.get_by_role("button", name="Try now").click()
    states(page, "sent")
    page.get_by_role("button", name="Send another report").click()
    tap(page, 3)
    page.fill("#felt_local", "2999-01-01T00:00")
    page.locator("#felt-form button[type=submit]").click()
    states(page, "refused")
    expect(page.locator("#felt-queue")).to_contain_text("has not come yet")
    page.get_by_role("button", name="Correct").click()
    expect(page.locator("[name=grade][value='3']")).to_be_checked()
    expect(page.locator("#felt_local")).to_have_value("2999-01-01T00:00")
    page.locator("[name=when][value='']").check()
    page.locator("#felt-form button[type=submit]").click()
    states(page, "sent")
    assert FeltReport.objects.count() == 2
    forgive_the_connection(watch)


def test_by_keyboard_alone_with_a_settlement_and_a_draft(site: str, open_browser: OpenBrowser):
    for name, lon, code in (("Talgar", 77.24, "01"), ("Talgar", 70.0, "10"), ("Kegen", 79.2, "01")):
        Settlement.objects.create(
            name_en=name, point=Point(lon, 43.3, srid=4326), country="KZ", region_code=code
        )
    page, _ = open_browser()
    opened(page)
    page.locator("[name=grade]").first.focus()
    for _step in range(5):
        page.keyboard.press("ArrowDown")
    expect(page.locator("[name=grade][value='6']")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.locator("#place")).to_be_focused()
    page.keyboard.type("talgar")
    page.reload()  # the form is as it was
    page.wait_for_selector("#felt-form[data-ready]")
    expect(page.locator("[name=grade][value='6']")).to_be_checked()
    page.locator("#place").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#felt-place-state")).to_contain_text("Which one is meant?")
    expect(page.locator("[name=felt-proposal]").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    states(page, "sent")
    report = FeltReport.objects.get()
    assert report.settlement is not None and report.settlement.region_code in ("01", "10")
    assert (report.chosen_grade, report.flags, report.place_source) == (6, [], "settlement")
    expect(page.locator("#felt-queue")).to_be_focused()


@pytest.mark.long
def test_a_settlement_chosen_from_the_list_as_it_is_typed(site: str, open_browser: OpenBrowser):
    kegen = Settlement.objects.create(
        name_en="Kegen", point=Point(79.2, 43.0, srid=4326), country="KZ", region_code="01"
    )
    page, _ = open_browser()
    opened(page)
    tap(page, 1)
    page.fill("#place", "Keg")
    expect(page.locator("#felt-places option")).to_have_attribute("value", "Kegen, Almaty Region")
    page.fill("#place", "Kegen, Almaty Region")
    expect(page.locator("[name=settlement]")).to_have_value(str(kegen.pk))
    page.locator("#felt-form button[type=submit]").click()
    states(page, "sent")
    report = FeltReport.objects.get()
    assert (report.settlement, report.felt, report.flags) == (kegen, False, [])


@pytest.mark.long
def test_a_hanging_network_does_not_hold_the_report(site: str, open_browser: OpenBrowser):
    page, watch = open_browser()
    opened(page)
    page.route("**/places.json*", lambda route: None)  # never answered
    tap(page, 4)
    page.fill("#place", "Kegen")
    page.locator("#felt-form button[type=submit]").click()
    expect(page.locator("#felt-form button[type=submit]")).to_have_attribute("aria-busy", "true")
    states(page, "sent")
    assert FeltReport.objects.get().place == "Kegen"
    forgive_the_connection(watch)


def test_without_a_script(site: str, open_browser: OpenBrowser):
    page, _ = open_browser(java_script_enabled=False)
    page.goto("/kk/felt/")
    tap(page, 4)
    page.locator("#felt-form button[type=submit]").click()
    page.locator("form button[type=submit].button--primary").click()
    expect(page).to_have_url(re.compile(r"/kk/felt/thanks/$"))
    report = FeltReport.objects.get()
    assert (report.language, report.chosen_grade, report.flags) == ("kk", 4, [])


def test_the_phone_s_position_given_and_refused(site: str, open_browser: OpenBrowser):
    page, _ = open_browser(geolocation=ALMATY, permissions=["geolocation"])
    asked = "window.asked = 0; const g = navigator.geolocation; const f = g.getCurrentPosition;"
    page.add_init_script(
        asked + "g.getCurrentPosition = (...a) => { window.asked += 1; f.apply(g, a); };"
    )
    opened(page)
    tap(page, 4)
    assert page.evaluate("window.asked") == 0
    page.get_by_role("button", name="Where I am now").click()
    expect(page.locator("#felt-place-state")).to_contain_text("30\u00a0m")
    page.locator("#felt-form button[type=submit]").click()
    states(page, "sent")
    report = FeltReport.objects.get()
    assert report.point.coords == (76.929, 43.257)
    assert (report.precision_km, report.place_source) == (0.05, "phone")

    page, _ = open_browser(permissions=[])
    opened(page)
    page.get_by_role("button", name="Where I am now").click()
    expect(page.locator("#felt-place-state")).to_contain_text("Your position was not given.")


@pytest.mark.long
def test_a_press_on_the_map(site: str, open_browser: OpenBrowser):
    page, _ = open_browser()
    opened(page)
    tap(page, 4)
    page.get_by_role("button", name="Show on the map").click()
    page.wait_for_selector("#felt-map[data-loaded]")
    page.locator("#felt-map").click()
    expect(page.locator("#felt-place-state")).to_have_text("The place on the map is taken.")
    page.locator("#felt-map").press("Enter")
    page.locator("#felt-form button[type=submit]").click()
    states(page, "sent")
    report = FeltReport.objects.get()
    assert report.point.coords == pytest.approx((72.0, 45.0), abs=0.1)
    assert report.place_source == "map" and 20 < report.precision_km < 50


def test_the_form_is_for_everybody(site: str, open_browser: OpenBrowser):
    published(time=timezone.now() - timedelta(hours=1), place="131 km south of Kapchagai")
    page, _ = open_browser(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    found = {}
    for language, scheme in (("kk", "dark"), ("ru", "light"), ("en", "light")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        opened(page, f"/{language}/events/kz2014karagn/felt/")
        for summary in page.locator("details > summary").all():
            summary.click()
        found[language] = misfits(page) + small_targets(page) + grave_issues(page)
    page.set_viewport_size({"width": 2560, "height": 1000})
    found["wide"] = misfits(page)
    assert {where: issues for where, issues in found.items() if issues} == {}
