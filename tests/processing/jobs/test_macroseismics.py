"""Intensities of an event become its assessment, and go with them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import (
    CommunityIntensity,
    Event,
    IntensityObservation,
    MacroseismicAssessment,
    Magnitude,
)
from processing.jobs import macroseismics
from tests.portal.conftest import published

pytestmark = pytest.mark.django_db

ALMATY = Point(76.945, 43.238, srid=4326)


@pytest.fixture
def kadzhisai() -> Event:
    return published(
        public_id="kz2014kadzhi", latitude=42.10, longitude=77.27, depth_km=10.0,
        sizes={"KR": 13.6, "MPVA": 6.2, "MS": 5.3},
    )  # fmt: skip


def observed(event: Event, **values: Any) -> IntensityObservation:
    values = {"place": "Almaty", "point": ALMATY, "minimum": 3.0, "maximum": 4.0, **values}
    return IntensityObservation.objects.create(event=event, **values)


def cell(event: Event, cdi: float, longitude: float = 76.9, **values: Any) -> CommunityIntensity:
    values = {"area": "10km", "published": True, "not_felt_count": 1, **values}
    return CommunityIntensity.objects.create(
        event=event, code=f"{longitude}", point=Point(longitude, 43.2, srid=4326),
        report_count=5, cws=8.0, cdi=cdi, method_id="test", **values,
    )  # fmt: skip


def test_expert_and_community_are_told_apart(kadzhisai: Event):
    observed(kadzhisai)
    observed(kadzhisai, place="epicentre", best=8.0)
    observed(kadzhisai, place="Balkhash", minimum=None, maximum=None, felt=False)
    observed(kadzhisai, place="Bishkek", best=9.0, calculated=True)
    cell(kadzhisai, 3.4)
    cell(kadzhisai, 6.0, 76.7, published=False)
    cell(kadzhisai, 5.0, 76.8, area="settlement")
    told = macroseismics.assess(kadzhisai).document
    assert told["input"] == {
        "value": 5.3, "scale": "MS", "source_value": 5.3, "converted": False, "sigma": None,
    }  # fmt: skip
    assert (told["expert"]["points"], told["expert"]["largest"]) == (1, 3.5)
    assert told["expert"]["magnitude"]["value"] == pytest.approx(5.12, abs=0.01)
    assert (told["community"]["points"], told["community"]["largest"]) == (1, 3.4)
    assert told["not_felt"] == {"expert": 1, "community": 1}


def test_what_no_intensity_speaks_for_any_more_goes(kadzhisai: Event):
    one = observed(kadzhisai)
    first = macroseismics.assess(kadzhisai)
    assert macroseismics.assess(kadzhisai).computed_at == first.computed_at
    one.superseded_at = timezone.now()
    one.save()
    assert macroseismics.assess(kadzhisai) is None
    assert not MacroseismicAssessment.objects.exists()


def test_events_without_intensities_cost_one_question(kadzhisai: Event):
    events = [kadzhisai, *(published(public_id=f"kz2014other{k}") for k in range(4))]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        macroseismics.assess_many(events)
    assert len(asked) == 1


def test_the_same_place_told_twice_counts_once():
    rows = [(43.238, 76.945, 3.0), (43.2381, 76.9449, 4.0), (43.5, 77.0, 2.0)]
    expected = [(43.238, 76.945, 3.5), (43.5, 77.0, 2.0)]
    assert macroseismics.one_a_place(rows) == expected
    assert sorted(macroseismics.one_a_place(reversed(rows))) == expected


def test_mlh_goes_in_as_reported_and_what_was_converted_does_not(kadzhisai: Event):
    ms = kadzhisai.magnitudes.get(type="MS")
    Magnitude.objects.create(event=kadzhisai, type="MLH", scale="", value=5.4)
    assert macroseismics.sizes_of([kadzhisai.pk])[kadzhisai.pk]["MLH"] == 5.4
    mpva = kadzhisai.magnitudes.get(type="MPVA")
    converted = Magnitude(
        event=kadzhisai, type="MS", scale="MS", value=5.0, converted_from=mpva, relation_id="x"
    )
    converted.pk = -1
    assert macroseismics.sizes([converted], [-1]) == {}
    assert macroseismics.sizes([ms], [ms.pk]) == {"MS": 5.3}
