"""A person decides how an event is located: kept, followed by the workers, taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.models import Event, MergeDecision, Origin
from processing.jobs import location_decisions, location_inputs
from processing.jobs.location_inputs import BY_THE_RULES, Ruling, Settings
from processing.jobs.station_readings import NotDecidable
from processing.transactions import writing
from tests.processing.bulletins import associate, event, lay, person, picks, recompute
from tests.processing.jobs.test_location import DEPTH, onsets, stations

__all__ = ["stations"]
pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture
def located(stations):
    """An event whose first reading is two seconds late."""
    times = onsets(stations)
    times[0] += 2.0
    associate(lay("SOME", event("s1", **picks(stations, times))))
    recompute()
    return Event.objects.get()


def current() -> Origin:
    return Origin.objects.current().computed().get()


def without_first(event: Event) -> Settings:
    reading = location_inputs.load(event).readings[0]
    return Settings(rulings=(Ruling(reading.station, reading.phase, reading.time, off=True),))


def accept(event: Event, settings: Settings, **values) -> None:
    evidence = location_inputs.load(event).evidence
    with writing():
        location_decisions.accept(event.pk, settings, evidence, person(), **values)
    recompute()


def test_an_accepted_solution_is_manual_and_stands_in_the_ledger(located):
    before = current()
    accept(located, without_first(located), note="late clock")
    after = current()
    assert after != before and after.used_phase_count == 5
    assert (after.evaluation_mode, after.evaluation_status) == ("manual", "reviewed")
    off = after.arrivals.get(time_defining=False)
    assert off.comments == ["location:off"] and off.time_residual is not None
    decision = MergeDecision.objects.get(kind="locate")
    assert decision.actor == person() and decision.note == "late clock"
    assert decision.before["origin"] == before.pk
    assert after.parameters["decision"] == decision.pk


def test_a_depth_and_a_model_chosen_by_a_person_are_kept(located):
    accept(located, Settings(model="ak135", depth_km=DEPTH))
    origin = current()
    assert origin.depth_km == DEPTH and origin.depth_type == "operator assigned"
    assert origin.earth_model_id == "ak135"
    assert origin.parameters["depth_code"] == "A"


def test_a_name_given_by_a_person_is_kept(located):
    reading = location_inputs.load(located).readings[3]
    ruling = Ruling(reading.station, reading.phase, reading.time, renamed="Sg")
    accept(located, Settings(rulings=(ruling,)))
    arrival = current().arrivals.get(pick=reading.pick)
    assert arrival.phase == "Sg" and not arrival.time_defining


def test_computing_again_keeps_to_the_decision_also_with_new_readings(located, stations):
    accept(located, without_first(located))
    decided = current()
    recompute()
    assert current() == decided
    # A later edition brings the same reading as another row.
    times = onsets(stations)
    times[0] += 2.0
    more = picks(stations, times)
    associate(lay("SOME", event("s1", 0.0, 43.21, 77.1, **more)))
    recompute()
    origin = current()
    assert origin != decided and origin.evaluation_mode == "manual"
    assert origin.arrivals.filter(comments=["location:off"]).count() == 1


def test_undoing_gives_back_what_was_before(located):
    rules = current()
    accept(located, Settings(depth_km=30.0), prefer=True)
    event = Event.objects.get()
    assert event.preferred_origin == current()
    decision = MergeDecision.objects.get(kind="locate")
    with writing():
        location_decisions.undo(decision.pk, person(), "no")
    recompute()
    again = current()
    assert (again.latitude, again.depth_km) == (rules.latitude, rules.depth_km)
    assert again.evaluation_mode == "automatic"
    assert Event.objects.get().preferred_origin.entry is not None
    assert MergeDecision.objects.filter(kind="undo").count() == 2
    with pytest.raises(NotDecidable, match="nothing-to-undo"), writing():
        location_decisions.undo(decision.pk, person())


def test_a_decision_follows_an_event_into_the_one_it_is_merged_into(located):
    reading = location_inputs.load(located).readings[0]
    accept(located, without_first(located))
    survivor = Event.objects.create(public_id="kz2015surviv")
    Event.objects.filter(pk=located.pk).update(status="merged", merged_into=survivor)
    inputs = location_inputs.load(survivor)
    assert inputs.settings.of(reading) is not None and inputs.decision is not None
    with writing():
        outcome = location_decisions.undo(inputs.decision.pk, person())
    assert outcome.touched == {survivor.pk}
    assert location_inputs.load(survivor).decision is None


def test_what_was_not_seen_is_not_accepted(located, stations):
    seen = location_inputs.load(located).evidence
    associate(lay("KNDC", event("k1", 1, **picks(stations[:1], [onsets(stations)[0] + 9.0]))))
    recompute()
    with pytest.raises(NotDecidable, match="readings-changed"), writing():
        location_decisions.accept(located.pk, BY_THE_RULES, seen, person())
    assert not MergeDecision.objects.filter(kind="locate").exists()


def test_settings_without_a_solution_are_refused(located):
    inputs = location_inputs.load(located)
    rulings = tuple(Ruling(r.station, r.phase, r.time, off=True) for r in inputs.readings[:4])
    with pytest.raises(NotDecidable, match="too_few_arrivals"), writing():
        location_decisions.accept(located.pk, Settings(rulings=rulings), inputs.evidence, person())
    assert current().evaluation_mode == "automatic"


def test_settings_survive_the_ledger(located):
    reading = location_inputs.load(located).readings[0]
    ruling = Ruling(reading.station, reading.phase, reading.time, off=True, renamed="Pg")
    settings = Settings("iasp91", 12.5, "v1", (ruling,))
    assert Settings.from_json(settings.as_json()) == settings
    assert settings.of(reading) == ruling
    assert settings.of(replace(reading, phase="Sg")) is None
