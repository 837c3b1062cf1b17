"""Reports without coordinates are listed and shown, and no position is made up for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from catalog.formats import read
from catalog.formats.records import EventRecord
from catalog.models import Event, Report
from processing.jobs import association
from tests.processing.bulletins import associate, lay

pytestmark = pytest.mark.django_db

SHIPPED = Path(settings.BASE_DIR) / "catalog" / "data" / "operative_reports.csv"


@pytest.fixture
def reports() -> dict[str, Report]:
    with SHIPPED.open("rb") as stream:
        records = [r for r in read("bulletin-csv", stream) if isinstance(r, EventRecord)]
    associate(lay("SOME", *records), association.BATCH_ENTRIES)
    return {report.key.removeprefix("id:"): report for report in Report.objects.all()}


def test_ten_of_sixteen_reports_have_no_coordinates(client: Client, reports) -> None:
    page = client.get(reverse("reports")).content.decode()
    assert Event.objects.count() == 6
    assert page.count('<th scope="row"') == 10
    assert "76 km W of Almaty" in page
    assert "231 km" not in page


def test_newest_report_comes_first(client: Client, reports) -> None:
    page = client.get(reverse("reports")).content.decode()
    assert page.index("2023-07-13 20:49") < page.index("2013-03-07 16:53")


def test_a_report_says_that_no_coordinates_were_published(client: Client, reports) -> None:
    page = client.get(reverse("report", args=[reports["SOME-20161125"].pk])).content.decode()
    assert "No coordinates were published" in page
    assert "489 km SW of Almaty" in page
    assert "2016-11-25 14:24" in page
    assert page.count("calculated, not observed") == 3
    assert "test.tengrinews.kz" in page
    assert "leaflet" not in page.lower()


def test_distance_and_direction_are_told_in_the_readers_language(client: Client, reports) -> None:
    page = client.get("/ru/reports/").content.decode().replace("\u00a0", " ")
    assert "489 км к юго-западу" in page


def test_doubts_about_the_year_are_shown(client: Client, reports) -> None:
    page = client.get(reverse("report", args=[reports["SOME-20130307"].pk])).content.decode()
    assert "year: resolved by ISC match" in page


def test_a_report_with_coordinates_has_its_event_page_only(client: Client, reports) -> None:
    assert client.get(reverse("report", args=[reports["SOME-20200120"].pk])).status_code == 404


def test_without_such_reports_the_page_says_so(client: Client) -> None:
    assert "There are none." in client.get(reverse("reports")).content.decode()


def test_the_list_is_found_from_the_search_page(client: Client) -> None:
    assert reverse("reports") in client.get(reverse("search")).content.decode()
