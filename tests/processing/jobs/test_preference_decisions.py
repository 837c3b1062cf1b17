"""A person's choice of an origin, or of one scale's value, outweighs the rules until taken back."""

from __future__ import annotations

import pytest

from catalog.models import Event, Magnitude, MergeDecision, Origin
from processing.jobs import preference_decisions as decisions
from processing.jobs.station_readings import NotDecidable
from tests.processing.bulletins import associate, event, lay, person, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture
def found() -> Event:
    associate(lay("SOME", event("s1", 0, sizes={"KR": 10.0, "mb": 4.0}, used_station_count=20)))
    associate(lay("KNDC", event("k1", 1, sizes={"KR": 10.4, "mb": 4.4})))
    recompute()
    return Event.objects.get()


def of(agency: str, model=Magnitude, **where):
    return model.objects.current().get(entry__reading__agency__code=agency, **where)


def sizes() -> dict[str, float]:
    recompute()
    rows = Event.objects.get().preferred_magnitudes
    return dict(rows.values_list("scale", "magnitude__value"))


def test_a_value_is_chosen_for_its_scale_alone_and_survives_a_newer_report(found):
    editor = person("editor")
    decisions.prefer_magnitude(found.pk, of("KNDC", scale="KR").pk, editor, "my note")
    assert sizes() == {"KR": 10.4, "mb": 4.0}
    told = Event.objects.get().preference["magnitudes"]["KR"]
    assert told["order"][0] == "chosen_by_editor" and told["candidates"][0]["values"][0] == 1.0
    with pytest.raises(NotDecidable, match="already-chosen"):
        decisions.prefer_magnitude(found.pk, of("KNDC", scale="KR").pk, editor)
    associate(lay("KNDC", event("k1", 1.5, sizes={"KR": 10.6, "mb": 4.4})))
    assert sizes() == {"KR": 10.6, "mb": 4.0}


def test_a_choice_is_taken_back_by_a_decision_and_the_one_before_it_holds_again(found):
    editor, other = person("editor"), person("other")
    decisions.prefer_origin(found.pk, of("KNDC", Origin).pk, editor)
    recompute()
    assert Event.objects.get().preferred_origin == of("KNDC", Origin)
    decisions.prefer_origin(found.pk, of("SOME", Origin).pk, other)
    first, second = MergeDecision.objects.filter(kind="prefer", actor__isnull=False).order_by("pk")
    with pytest.raises(NotDecidable, match="nothing-to-undo"):
        decisions.undo(first.pk, editor)
    decisions.undo(second.pk, editor, "was wrong")
    recompute()
    assert Event.objects.get().preferred_origin == of("KNDC", Origin)
    decisions.undo(first.pk, editor)
    recompute()
    assert Event.objects.get().preferred_origin == of("SOME", Origin)
    assert decisions.in_force(found) == {}
    undone = MergeDecision.objects.filter(kind="undo").order_by("pk")
    assert [u.undoes for u in undone] == [second, first]
    with pytest.raises(NotDecidable, match="nothing-to-undo"):
        decisions.undo(first.pk, editor)


def test_a_choice_follows_an_event_that_is_merged(found):
    editor = person("editor")
    decisions.prefer_magnitude(found.pk, of("KNDC", scale="KR").pk, editor)
    (decision,) = decisions.in_force(found).values()
    survivor = Event.objects.create(public_id="kz2015survvr")
    Event.objects.filter(pk=found.pk).update(status="merged", merged_into=survivor)
    assert decisions.in_force(survivor) == {"KR": decision}
    with pytest.raises(NotDecidable, match="event-gone"):
        decisions.prefer_magnitude(found.pk, of("KNDC", scale="KR").pk, editor)


def test_what_is_not_of_the_event_cannot_be_chosen(found):
    elsewhere = Event.objects.create(public_id="kz2015elsewh")
    for act, row in (
        (decisions.prefer_origin, of("KNDC", Origin)),
        (decisions.prefer_magnitude, of("KNDC", scale="KR")),
    ):
        with pytest.raises(NotDecidable, match="solution-gone"):
            act(elsewhere.pk, row.pk, person("editor"))
