"""Versions of the preference rules: stored, looked ahead with, put in force."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import IntegrityError, transaction

from catalog.models import AuthoritativeArea, Event, MergeDecision, PreferenceRuleSet
from processing.jobs import preference_changes, preference_rules
from processing.jobs.preference_rules import Refused
from processing.models import ProcessingRun, WorkItem
from tests.conftest import FIRST_RULES
from tests.processing.bulletins import associate, event, lay, person, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def area() -> AuthoritativeArea:
    for name in ("Northern Tien Shan", "Kazakhstan"):
        box = MultiPolygon(Polygon.from_bbox((70.0, 40.0, 80.0, 45.0)))
        AuthoritativeArea.objects.create(name=name, area=box)
    return AuthoritativeArea.objects.get(name="Northern Tien Shan")


def changed(**values: Any) -> dict[str, Any]:
    definition = copy.deepcopy(FIRST_RULES)
    for name, value in values.items():
        if isinstance(value, dict):
            definition[name].update(value)
        else:
            definition[name] = value
    return definition


KNDC_LEADS = changed(areas=[{"area": "Northern Tien Shan", "agencies": ["KNDC", "SOME"]}])


def test_a_version_is_never_edited_and_the_next_is_another_row():
    first = preference_rules.store("mine", KNDC_LEADS, created_by=person("editor"))
    with pytest.raises(Refused, match="rules-unchanged"):
        preference_rules.store("mine", KNDC_LEADS)
    second = preference_rules.store("mine", changed(station_cap=20))
    assert (first.version, second.version, str(second)) == (1, 2, "mine/2")
    for edit in ({"definition": {}}, {"note": "other"}, {"version": 7}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PreferenceRuleSet.objects.filter(pk=first.pk).update(**edit)
    with pytest.raises(IntegrityError), transaction.atomic():
        first.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        AuthoritativeArea.objects.update(name="moved")


WRONG = [
    (changed(weights={"station_count": float("nan")}), "bad-rules-weight"),
    (changed(weights={"review_status": -1.0}), "bad-rules-weight"),
    (changed(weights={"chosen_by_editor": 5_000.0}), "choice-not-heaviest"),
    (changed(weights={"automatic_bulletin": -900.0}), "automatic-not-last"),
    (changed(station_cap=0), "bad-station-cap"),
    (changed(areas=[{"area": "Atlantis", "agencies": ["SOME"]}]), "bad-rules-area"),
    (changed(areas=[{"area": "Kazakhstan", "agencies": []}]), "bad-rules-agencies"),
    (changed(areas=[{"area": "Kazakhstan", "agencies": ["A\x00"]}]), "bad-rules-agencies"),
    (
        changed(areas=[{"area": "", "agencies": ["A"], "scales": {"XX": ["A"]}}]),
        "bad-rules-agencies",
    ),
    (changed(scales={"KR": ["magic"]}), "bad-rules-order"),
    (changed(scales={"KR": ["reported", "reported"]}), "bad-rules-order"),
]


def test_a_rule_that_cannot_be_is_not_stored():
    for definition, code in WRONG:
        with pytest.raises(Refused, match=code):
            preference_rules.store("mine", definition)
    assert not PreferenceRuleSet.objects.filter(name="mine").exists()


def test_a_version_in_force_chooses_anew_only_what_it_chooses_differently():
    associate(lay("SOME", event("s1", 0), event("s2", 3000), event("s3", 6000)))
    associate(lay("KNDC", event("k1", 1, sizes={"mb": 4.4}), event("k2", 3001)))
    recompute()
    assert {e.preference["rule_set"] for e in Event.objects.all()} == {"kz-preference/1"}
    row = preference_rules.store("kz-preference", KNDC_LEADS)
    preference_changes.ask_preview(row)
    assert recompute() == 1
    row.refresh_from_db()
    seen = {name: row.preview[name] for name in ("state", "changed", "seen", "origins", "complete")}
    assert seen == {"state": "done", "changed": 2, "seen": 2, "origins": 2, "complete": True}
    assert row.preview["listed"][0]["origin"] == ["SOME", "KNDC"]
    assert ["4 SOME", "4.4 KNDC"] in [x["sizes"].get("mb") for x in row.preview["listed"]]
    assert {e.preference["rule_set"] for e in Event.objects.all()} == {"kz-preference/1"}

    run = preference_rules.put_in_force(row, person("editor"))
    first = PreferenceRuleSet.objects.get(name="kz-preference", version=1)
    assert (first.status, PreferenceRuleSet.objects.get(pk=row.pk).status) == (
        "retired", "in-force",
    )  # fmt: skip
    items = WorkItem.objects.claim_next()
    assert [item.kind for item in items] == ["rule-change"]
    assert items[0].priority == preference_rules.PRIORITY
    preference_changes.change(items[0])
    waiting = WorkItem.objects.filter(state="open")
    assert [(i.kind, i.priority, i.run_id) for i in waiting] == [
        ("recompute", preference_rules.PRIORITY, run.pk)
    ] * 2
    recompute()
    told = sorted(
        (e.preferred_origin.entry.report.agency.code, e.preference["rule_set"])
        for e in Event.objects.all()
    )
    assert told == [
        ("KNDC", "kz-preference/2"), ("KNDC", "kz-preference/2"), ("SOME", "kz-preference/1"),
    ]  # fmt: skip
    decisions = MergeDecision.objects.filter(kind="prefer")
    assert {d.rule_set for d in decisions} == {"kz-preference/2"}
    (size,) = decisions.filter(after__scale="mb", event__reports__key="id:k1")
    assert size.before["scale"] == "mb" and size.parts["preferred_origin"] == 1.0
    with pytest.raises(Refused, match="rules-in-force"):
        preference_rules.put_in_force(row)
    with pytest.raises(Refused, match="rules-in-force"):
        preference_rules.retire(row)
    # And back: an old version may come in force again.
    preference_rules.put_in_force(first)
    recompute()
    codes = {e.preferred_origin.entry.report.agency.code for e in Event.objects.all()}
    assert codes == {"SOME"}


def test_more_urgent_work_goes_between_two_batches(monkeypatch):
    monkeypatch.setattr(preference_changes, "BATCH", 1)
    associate(lay("SOME", event("s1", 0), event("s2", 3000)))
    associate(lay("KNDC", event("k1", 1), event("k2", 3001)))
    recompute()
    row = preference_rules.store("kz-preference", KNDC_LEADS)
    run = preference_rules.put_in_force(row)
    (item,) = WorkItem.objects.claim_next()
    WorkItem.objects.request("associate", run.pk, priority=3)
    preference_changes.change(item)
    item.refresh_from_db()
    assert (item.state, item.lease_owner) == ("open", "")
    assert WorkItem.objects.filter(kind="recompute", state="open").count() == 1
    WorkItem.objects.filter(kind="associate").update(state="done")
    recompute()
    assert {e.preference["rule_set"] for e in Event.objects.all()} == {"kz-preference/2"}
    assert ProcessingRun.objects.get(pk=run.pk).parameters["before"]


def test_a_scale_may_have_an_order_of_agencies_of_its_own():
    definition = changed(
        areas=[{"area": "", "agencies": ["SOME"], "scales": {"mb": ["NEIC", "KNDC"]}}],
        scales={"mb": ["agency"]},
    )
    preference_rules.put_in_force(preference_rules.store("kz-preference", definition))
    associate(lay("SOME", event("s1", 0, sizes={"KR": 10.0, "mb": 4.0})))
    associate(lay("KNDC", event("k1", 1, sizes={"KR": 10.4, "mb": 4.4})))
    recompute()
    found = Event.objects.get()
    assert found.preferred_origin.entry.report.agency.code == "SOME"
    sizes = dict(found.preferred_magnitudes.values_list("scale", "magnitude__value"))
    assert sizes == {"KR": 10.0, "mb": 4.4}
