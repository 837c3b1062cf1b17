"""Statistics of a search: numbers, drawings and files agree, whatever is asked."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from catalog.downloads import TooLong
from catalog.models import Magnitude, PreferredMagnitude
from catalog.search import EventSearch
from catalog.statistics import Tally, local_offsets, periods, statistics_of, unit_of
from portal import statistics as page
from tests.portal.conftest import MakeEvent

INSIDE, OUTSIDE = {"latitude": 42.9, "longitude": 77.0}, {"latitude": 49.5, "longitude": 73.0}


@pytest.fixture
def some(make_event: MakeEvent) -> None:
    """Five events: classes 7 and 8 (a half goes down), one without KR, one before 1900."""
    at = datetime(2014, 3, 1, 20, 30, tzinfo=UTC)
    sized: list[tuple[dict[str, float], float | None, datetime, dict[str, float]]] = [
        ({"KR": 7.5}, 0.0, at, INSIDE),
        ({"KR": 7.6}, 4.9, at.replace(day=3), INSIDE),
        ({"KR": 10.0}, 5.0, at.replace(month=4), OUTSIDE),
        ({"mb": 4.5}, None, at.replace(month=5, hour=1), OUTSIDE),
        ({"KR": 17.2}, 150.0, datetime(1889, 7, 11, 22, 14, tzinfo=UTC), INSIDE),
    ]
    for number, (sizes, depth, time, where) in enumerate(sized):
        make_event(
            public_id=f"kz201400000{number}", sizes=sizes, depth_km=depth, time=time, **where
        )


def asked(name: str, *args: str, language: str = "en") -> str:
    with translation.override(language):
        return reverse(name, args=args)


def test_numbers_are_counted_once_and_by_the_year_books_rule(some: None):
    found = statistics_of(EventSearch())
    assert (found.number, found.with_kr, found.converted) == (5, 4, 0)
    numbers = {c.kr_class: (c.number, c.in_frame) for c in found.classes if c.number}
    assert numbers == {7: (1, 1), 8: (1, 1), 10: (1, 0), 17: (1, 1)}
    assert [c.kr_class for c in found.classes] == list(range(7, 18))
    assert found.energy_j == pytest.approx(10**7.5 + 10**7.6 + 1e10 + 10**17.2)
    assert (found.unit, found.depth_unknown) == ("year", 1)
    assert found.periods[-1].cumulative == 5 and len(found.periods) == 2014 - 1889 + 1
    assert [(d.from_km, d.to_km) for d in found.depths if d.number] == [
        (0, 5), (5, 10), (100, None),
    ]  # fmt: skip
    # Almaty: UTC+6 in 2014, the sun's own time in 1889.
    assert {seconds for seconds, _n in found.offsets} == {21600, 18468}
    assert found.utc_hours[20] == 3 and found.local_hours[2] == 3 and found.local_hours[3] == 1


def test_completeness_follows_the_frame_and_converted_classes_do_not_count(some: None):
    assert statistics_of(EventSearch()).complete_from == 9
    inside = EventSearch(maxlatitude=45.0, minkr=7.0)
    assert statistics_of(inside).complete_from == 8
    kr = Magnitude.objects.get(scale="KR", value=10.0)
    source = Magnitude.objects.create(event=kr.event, type="mb", scale="mb", value=4.0)
    made = Magnitude.objects.create(
        event=kr.event, type="KR", scale="KR", value=10.0, converted_from=source, relation_id="test"
    )
    PreferredMagnitude.objects.filter(magnitude=kr).update(magnitude=made)
    found = statistics_of(EventSearch())
    assert (found.number, found.with_kr, found.converted) == (5, 3, 1)
    assert all(c.number == 0 for c in found.classes if c.kr_class == 10)


@pytest.mark.parametrize("language", ["en", "ru", "kk"])
def test_the_page_draws_every_table_and_files_say_the_same(
    client: Client, some: None, language: str
):
    body = client.get(asked("statistics", language=language)).content.decode()
    for code in ("classes", "cumulative", "energy", "depths", "hours"):
        assert f'data-chart="{code}"' in body
        if language != "ru":  # the files of one language that writes 7,5
            continue
        drawing = client.get(asked("statistics-drawing", code, language=language))
        assert drawing["Content-Disposition"] == f'attachment; filename="{code}.svg"'
        ElementTree.fromstring(drawing.content)
        table = client.get(asked("statistics-table", code, language=language)).content.decode()
        head, *rows = csv.reader(io.StringIO(table))
        assert rows and all(len(row) == len(head) for row in rows)
        named = [name for name in head if name in ("events", "events_almaty", "events_with_kr")]
        total = sum(int(row[head.index(named[0])]) for row in rows)
        assert total == {"cumulative": 5, "hours": 5}.get(code, 4)


def test_nothing_and_one_and_mistakes_are_told(client: Client, some: None):
    nothing = client.get(asked("statistics"), {"minkr": "19"})
    assert nothing.status_code == 200 and "No events match." in nothing.content.decode()
    assert client.get(asked("statistics-table", "classes"), {"minkr": "19"}).status_code == 404
    unknown = client.get(asked("statistics"), {"eventid": "kz1999nothing"})
    assert unknown.status_code == 200 and "No events match." in unknown.content.decode()
    one = client.get(asked("statistics"), {"minkr": "17"})
    assert one.status_code == 200 and "Too few events" in one.content.decode()
    wrong = client.get(asked("statistics"), {"minkr": "much", "minmagnitud": "3"})
    assert wrong.status_code == 400
    assert "Did you mean" in wrong.content.decode() and "much" in wrong.content.decode()
    assert client.get(asked("statistics-drawing", "classes"), {"minkr": "x"}).status_code == 400
    assert client.get(asked("statistics-drawing", "secrets")).status_code == 404


def test_what_takes_too_long_is_given_up_and_said(
    client: Client, some: None, monkeypatch: pytest.MonkeyPatch
):
    def slow(search: Any) -> Any:
        raise TooLong

    monkeypatch.setattr(page, "statistics_of", slow)
    answer = client.get(asked("statistics"))
    assert answer.status_code == 503 and "takes too long" in answer.content.decode()
    assert client.get(asked("statistics-table", "hours")).status_code == 503


def test_the_api_says_what_the_page_says_and_is_known_again(client: Client, some: None):
    address = reverse("api-statistics")
    answer = client.get(address, {"minkr": "7.6"})
    told = answer.json()
    assert (told["number"], told["complete_from_class"], told["gamma"]) == (3, 9, None)
    assert {"class": 8, "number": 1, "northern_tien_shan": 1} in told["classes"]
    assert told["search"] == {"minkr": "7.6"} and sum(told["hours_utc"]) == 3
    again = client.get(address, {"minkr": "7.6"}, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert client.get(address, {"limit": "3"}).json()["problems"][0]["code"] == "not-offered-here"
    assert client.get(address, {"eventid": "kz1999nothing"}).json()["number"] == 0


def test_periods_leave_none_out_and_end_with_the_calendar():
    days = {date(2014, 1, 31): (2, 1, 1e9), date(2014, 4, 1): (1, 0, 0.0)}
    assert unit_of(days) == "day" and len(periods(days, "day")) == 61
    months = periods(days, "month")
    assert [(p.start.month, p.number, p.cumulative) for p in months] == [
        (1, 2, 2), (2, 0, 2), (3, 0, 2), (4, 1, 3),
    ]  # fmt: skip
    last = periods({date.max: (1, 1, 1.0)}, "year")
    assert last[0].end == date.max
    assert periods({}, "day") == ()


def test_batches_change_nothing_and_offsets_are_those_of_the_time_zone():
    generator = np.random.default_rng(3)
    time = generator.uniform(-2.6e9, 1.9e9, 5000)
    kr = np.where(generator.random(5000) < 0.3, np.nan, generator.uniform(5, 12, 5000))
    depth = np.where(generator.random(5000) < 0.1, np.nan, generator.uniform(-3, 200, 5000))
    flags = generator.integers(0, 8, 5000)
    whole, parts = Tally(), Tally()
    whole.add(time, kr, depth, flags)
    for part in np.array_split(np.arange(5000), 7):
        parts.add(time[part], kr[part], depth[part], flags[part])
    one, other = whole.told(), parts.told()
    assert one.energy_j == pytest.approx(other.energy_j)
    for name in ("number", "synthetic", "classes", "kr_sizes", "depths", "local_hours", "offsets"):
        assert getattr(one, name) == getattr(other, name), name
    almaty = ZoneInfo("Asia/Almaty")
    # The hours around the changes of 2005 and 2024, too.
    moments = np.concatenate(
        (time[:300], 1111e6 + np.arange(0, 9e5, 900), 1.70922e9 + time[:50] % 9e4)
    )
    for moment, offset in zip(moments.tolist(), local_offsets(moments).tolist(), strict=True):
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).astimezone(almaty)
        assert local.utcoffset() == timedelta(seconds=offset)
