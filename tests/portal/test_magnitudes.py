"""Magnitudes on the event page and in the API, and the page of all scales."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from jsonschema import Draft202012Validator

from catalog.api import openapi
from catalog.models import Event, Magnitude, MagnitudeAssessment
from portal import magnitude_words as words
from processing.core.magnitude_scales import SCALES, Certainty, Component, Outcome, Quantity, Status
from tests.portal.conftest import MakeEvent

LANGUAGES = ("kk", "ru", "en")


def station(number: int, **values: Any) -> dict[str, Any]:
    """A station of an assessment, used unless told otherwise."""
    return {
        "station": None, "network": "KZ", "code": f"S{number:03d}", "component": "Z",
        "amplitude": 1234.5, "second_amplitude": None, "period": 0.8,
        "distance_km": 40.0 + number, "azimuth": 120.0, "value": 12.345, "correction": None,
        "residual": 0.25, "outcome": "used", "sources": [["amplitude", number]], **values,
    }  # fmt: skip


def assessed(event: Event, count: int = 4) -> None:
    """Give an event a computed KR, a scale without a value, and a converted magnitude."""
    origin = event.preferred_origin
    network = Magnitude.objects.create(
        event=event, origin=origin, type="KR(WSG)", value=12.3456, uncertainty=0.2,
        station_count=count, method_id="kz-portal/network/kr-median",
    )  # fmt: skip
    unused = station(2, value=None, residual=None, period=None, outcome="period_missing")
    MagnitudeAssessment.objects.create(
        event=event, origin=origin, scale="KR_WSG", type="KR(WSG)", magnitude=network,
        method_id=network.method_id, inputs="a",
        stations=[station(1, residual=-0.5), unused, *map(station, range(3, count + 1))],
    )  # fmt: skip
    MagnitudeAssessment.objects.create(
        event=event, origin=origin, scale="MPSP", type="MPSP", reason="no_calibration",
        method_id="kz-portal/network/iloc-median", inputs="b",
        stations=[station(1, value=None, residual=None, outcome="no_calibration")],
    )  # fmt: skip
    kr = event.magnitudes.get(type="KR")
    Magnitude.objects.create(
        event=event, origin=origin, type="MS", scale="MS", value=4.27, uncertainty=0.3,
        converted_from=kr, relation_id="ms-kr-1",
    )  # fmt: skip


def page(client: Client, language: str = "en") -> str:
    with translation.override(language):
        return client.get(reverse("event", args=["kz2014karagn"])).content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_sizes_say_what_they_are_and_where_they_are_from(
    client: Client, make_event: MakeEvent, language: str
):
    assessed(make_event())
    text = page(client, language)
    sign = "." if language == "en" else ","
    assert f"12{sign}3456" not in text and f"KR(WSG) 12{sign}3 " in text
    assert "ms-kr-1" in text and f"σ 0{sign}3" in text
    assert not re.search(r"\s(style|on[a-z]+)=", text)
    sizes = text[text.index('id="sizes"') : text.index('id="arrivals"')]
    # The measured MS goes before the converted one, which is not called preferred.
    assert sizes.index(f">4{sign}0 ") < sizes.index(f">4{sign}3 ")
    with translation.override(language):
        for told in (
            words.outcome_words("period_missing"),
            words.reason_words("no_calibration"),
            *words.warnings("KR_WSG", ""),
        ):
            assert told in sizes


def test_a_residual_is_drawn_and_written(client: Client, make_event: MakeEvent):
    assessed(make_event())
    text = page(client)
    # Half of the way to the left end, for the bars reach one unit to either side.
    assert '<rect x="30.0" y="2" width="30.0" height="8"/>' in text
    assert ">−0.5<" in text and ">+0.2<" in text
    assert "µm</th>" in text and ">1.23<" in text


def test_many_stations_cost_no_further_query_and_a_page_shows_some(
    client: Client, make_event: MakeEvent
):
    event = make_event()
    assessed(event)
    page(client)
    with CaptureQueriesContext(connection) as few:
        page(client)
    old = MagnitudeAssessment.objects.filter(scale="MPSP")
    old.update(superseded_at=timezone.now())
    MagnitudeAssessment.objects.create(
        event=event, origin=event.preferred_origin, scale="MPSP", type="MPSP", inputs="c",
        reason="no_calibration", method_id="kz-portal/amplitudes/body-median",
        stations=[station(number) for number in range(500)],
    )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        text = page(client)
    assert len(many) == len(few)
    assert "S199" in text and "S200" not in text and "left off: 300" in text


def test_the_api_tells_every_station_and_every_scale(client: Client, make_event: MakeEvent):
    assessed(make_event())
    document = openapi.document()

    def valid(path: str, name: str) -> Any:
        body = client.get(path).json()
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(body)
        return body

    told = valid("/api/v1/events/kz2014karagn/magnitude-assessments", "MagnitudeAssessments")
    kr, mpsp = told["assessments"]
    assert (kr["scale"], kr["value"], kr["stations_used"]) == ("KR_WSG", 12.3456, 3)
    assert kr["stations"][1]["outcome"] == "period_missing"
    assert kr["stations"][0]["sources"] == ["amplitude/1"]
    assert (mpsp["magnitude"], mpsp["reason"]) == (None, "no_calibration")

    scales = valid("/api/v1/magnitude-scales", "MagnitudeScales")
    assert [scale["id"] for scale in scales["scales"]] == [scale.id for scale in SCALES]
    assert scales["scales"][0]["column"] is None
    assert "second_sensor" in scales["outcomes"]


def test_every_code_has_words():
    assert set(words.OUTCOMES) == set(Outcome)
    assert set(words.MEASURES) == {scale.id for scale in SCALES}
    assert set(words.STATUS) == set(words.STATUS_SHORT) == set(Status)
    assert set(words.CERTAINTY) == set(Certainty) and set(words.QUANTITY) == set(Quantity)
    assert set(words.COMPONENT) == set(Component) - {Component.NONE}
    for scale in SCALES:
        assert not scale.instrument or scale.instrument in words.INSTRUMENT
        assert not scale.calibration or scale.calibration in words.TABLES
        for text in scale.assumed:
            assert words.record_words(text) != text or text == "instrument" or ":" in text
