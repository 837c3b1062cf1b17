"""One solution stands first, by terms anyone can read."""

from __future__ import annotations

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from catalog.models import Agency, AuthoritativeArea, Event, MergeDecision, Origin
from processing.models import WorkItem
from tests.processing.bulletins import associate, event, lay, person, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture
def areas() -> None:
    for name, box in (("Northern Tien Shan", (75.0, 41.67, 80.0, 45.0)),
                      ("Kazakhstan", (46.0, 40.0, 88.0, 56.0))):  # fmt: skip
        AuthoritativeArea.objects.create(name=name, area=MultiPolygon(Polygon.from_bbox(box)))


def preferred() -> str:
    return Event.objects.alive().get().preferred_origin.entry.report.agency.code


def test_the_authority_of_the_area_is_preferred(areas):
    associate(lay("SOME", event("s1", 0, 43.2, 77.1)))
    associate(lay("KNDC", event("k1", 1, 43.2, 77.1, azimuthal_gap=20.0)))
    recompute()
    assert preferred() == "SOME"
    terms = Event.objects.get().preference["candidates"]
    assert [c["agency"] for c in terms] == ["SOME", "KNDC"]
    first = {t["name"]: t["contribution"] for t in terms[0]["terms"]}
    assert first["authoritative_agency"] == 1000
    assert sum(first.values()) == pytest.approx(terms[0]["total"])


def test_elsewhere_another_agency_is(areas):
    associate(lay("SOME", event("s1", 0, 49.0, 70.0)))
    associate(lay("KNDC", event("k1", 1, 49.0, 70.0)))
    recompute()
    assert preferred() == "KNDC"


def test_an_agency_that_became_the_authority_counts_as_it(areas):
    former = Agency.objects.create(code="OLD", successor=Agency.objects.create(code="SOME"))
    associate(lay(former.code, event("o1", 0)))
    associate(lay("KNDC", event("k1", 1)))
    recompute()
    assert preferred() == "OLD"


def test_an_automatic_bulletin_comes_last_even_of_the_authority(areas):
    associate(lay("SOME", event("s1", 0), mode="automatic"))
    recompute()
    assert preferred() == "SOME" and Event.objects.get().status == "automatic"
    associate(lay("KNDC", event("k1", 1)))
    recompute()
    assert preferred() == "KNDC" and Event.objects.get().status == "reviewed"
    change = MergeDecision.objects.exclude(after__has_key="scale").get(kind="prefer")
    assert change.actor is None and change.before != change.after


def test_a_persons_choice_beats_all_terms_and_survives_a_newer_report(areas):
    associate(lay("SOME", event("s1", 0)))
    associate(lay("KNDC", event("k1", 1)))
    recompute()
    chosen = Origin.objects.get(entry__reading__agency__code="KNDC")
    MergeDecision.objects.create(
        kind="prefer", event=chosen.event, report=chosen.entry.report, actor=person("editor"),
        after={"origin": chosen.pk, "key": chosen.key},
    )  # fmt: skip
    WorkItem.objects.request("recompute", chosen.event_id)
    recompute()
    assert Event.objects.get().preferred_origin == chosen
    associate(lay("KNDC", event("k1", 2)))
    recompute()
    newer = Event.objects.get().preferred_origin
    assert newer != chosen and newer.entry.report == chosen.entry.report


def test_energy_class_and_mpva_are_never_the_magnitude():
    associate(lay("SOME", event("s1", sizes={"KR": 11.2, "MPVA": 5.1})))
    recompute()
    found = Event.objects.get()
    assert found.preferred_magnitude is None
    sizes = dict(found.preferred_magnitudes.values_list("scale", "magnitude__value"))
    assert sizes == {"KR": 11.2, "MPVA": 5.1}
    associate(lay("KNDC", event("k1", 1, sizes={"mb": 4.4, "ML": 4.9, "MPVA": 5.3})))
    recompute()
    assert Event.objects.get().preferred_magnitude.type == "mb"


def test_the_event_type_is_that_of_the_preferred_report(areas):
    associate(lay("KNDC", event("k1", 1, event_type="explosion")))
    recompute()
    assert Event.objects.get().event_type == "explosion"
    associate(lay("SOME", event("s1", 0, event_type="earthquake")))
    recompute()
    assert Event.objects.get().event_type == "earthquake"


def test_a_published_event_stays_published():
    associate(lay("SOME", event("s1")))
    Event.objects.update(status="published")
    recompute()
    assert Event.objects.get().status == "published"


def test_each_choice_says_the_version_and_how_values_of_a_scale_compare(areas):
    associate(lay("SOME", event("s1", sizes={"KR": 11.2, "mb": 4.0})))
    associate(lay("KNDC", event("k1", 1, sizes={"KR": 11.0, "mb": 4.4})))
    recompute()
    told = Event.objects.get().preference
    assert (told["rule_set"], told["area"]) == ("kz-preference/1", "Northern Tien Shan")
    sizes = told["magnitudes"]["KR"]
    assert [c["agency"] for c in sizes["candidates"]] == ["SOME", "KNDC"]
    first, second = (
        dict(zip(sizes["order"], c["values"], strict=True)) for c in sizes["candidates"]
    )
    assert (first["preferred_origin"], second["preferred_origin"]) == (1.0, 0.0)
