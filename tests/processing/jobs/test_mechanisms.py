"""Polarities of reports become a mechanism of the portal's; stations reversed; editors' words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.core.management import call_command

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Planes
from catalog.formats.records import (
    AmplitudeRecord,
    FocalMechanismRecord,
    NodalPlaneRecord,
    StationReference,
)
from catalog.models import (
    Event,
    EventRow,
    FocalMechanism,
    MergeDecision,
    PolarityDecision,
    Station,
    StationPolarityReversal,
)
from portal import event_mechanisms
from processing.core.first_motion_ratios import predicted
from processing.core.first_motion_rays import rays
from processing.jobs import mechanism_decisions, mechanisms
from processing.jobs.station_readings import NotDecidable
from processing.models import WorkItem
from processing.transactions import writing
from tests.processing.bulletins import START, associate, event, lay, person, picks, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

PLACE = (43.2, 77.1)
TRUTH = (30.0, 60.0, 80.0)
COUNT = 24


def lay_stations() -> list[Station]:
    """Stations all around, from under the epicentre to beyond the crossover."""
    random = np.random.default_rng(1)
    return [
        Station.objects.create(
            code=f"ST{i:02}",
            point=Point(
                PLACE[1] + far * np.sin(turn) / 0.73, PLACE[0] + far * np.cos(turn), srid=4326
            ),
            elevation_m=0.0,
        )
        for i, (far, turn) in enumerate(
            zip(random.uniform(0.05, 3.0, COUNT), np.linspace(0, 14, COUNT), strict=True)
        )
    ]


@pytest.fixture
def stations() -> list[Station]:
    return lay_stations()


def signs(stations: list[Station]) -> list[int]:
    """What stations read of a true mechanism."""
    found = rays(
        *PLACE, 10.0, [s.latitude for s in stations], [s.longitude for s in stations],
        ["P"] * len(stations), trials=1,
    )  # fmt: skip
    ray = geometry.axis_vector(found.azimuth[0], 90.0 - found.takeoff[0])
    normal, slip = geometry.fault_vectors(*TRUTH)
    return [int(np.sign((g @ normal) * (g @ slip))) for g in ray]


def reported(
    stations: list[Station], read: list[int], seconds: float = 20.0, **values: object
) -> dict[str, object]:
    """Readings at so many seconds, too alike to locate by, with polarities."""
    words = {1: "positive", -1: "negative", 0: None}
    made = picks(stations, [seconds] * len(stations))
    made["picks"] = tuple(
        replace(pick, polarity=words[sign])
        for pick, sign in zip(made["picks"], read, strict=True)  # type: ignore[call-overload]
    )
    return {**made, **values}


def lay_event(stations: list[Station], read: list[int], **values: object) -> Event:
    associate(lay("SOME", event("s1", 0.0, *PLACE, **reported(stations, read, **values))))
    recompute()
    return Event.objects.alive().get()


def current() -> FocalMechanism:
    return FocalMechanism.objects.current().computed().get()


def off(mechanism: FocalMechanism) -> float:
    told = Planes(*(np.array(getattr(mechanism, f"{n}_1")) for n in ("strike", "dip", "rake")))
    return float(geometry.kagan_of_planes(told, Planes(*map(np.array, TRUTH))))


def test_a_mechanism_is_computed_stored_and_published(stations):
    here = lay_event(stations, signs(stations))
    found = current()
    assert off(found) <= max(25.0, found.uncertainty_deg)
    assert found.agency.is_portal and found.station_polarity_count == COUNT
    assert found.quality in "ABCD" and found.faulting_style == "TF"
    assert found.triggering_origin_id == here.preferred_origin_id
    told = found.parameters["stations"]
    assert len(told) == COUNT and {s["sign"] for s in told} == {1, -1}
    assert 0 < len(found.parameters["accepted"]) <= 60
    assert (here.preferred_focal_mechanism == found) == (found.quality in "ABC")
    # The page draws each, and tells the grade as ours.
    shown = event_mechanisms.shown_of(found)
    assert [p.station for p in shown.polarities] == [s["station"] for s in told]
    assert any(note.startswith(f"Quality {found.quality}: ") for note in shown.notes)
    assert EventRow.objects.get().has_mechanism


def amplitudes(stations: list[Station], lg: list[float]) -> tuple[AmplitudeRecord, ...]:
    """P and S as a class of energy takes them, in nm, with these lg ratios."""
    return tuple(
        AmplitudeRecord(
            amplitude_id=f"{station.code}{kind}", value=value, unit="nm", type=kind, period=0.5,
            station=StationReference(station.code, channel=channel),
        )
        for station, ratio in zip(stations, lg, strict=True)
        for kind, value, channel in (("AP", 100.0, "SHZ"), ("AS", 100.0 * 10.0**ratio, "SHN"))
    )  # fmt: skip


def near_ratios(stations: list[Station]) -> tuple[list[Station], list[float]]:
    """The stations within reach, and the lg ratios of a true mechanism there."""
    place = Point(PLACE[1], PLACE[0], srid=4326)
    near = [s for s in stations if s.point.distance(place) < 0.9]
    found = rays(
        *PLACE, 10.0, [s.latitude for s in near], [s.longitude for s in near],
        ["Pg"] * len(near), trials=1,
    )  # fmt: skip
    ray = geometry.axis_vector(found.azimuth[0], 90.0 - found.takeoff[0])
    return near, (predicted(ray, *geometry.fault_vectors(*TRUTH)) + 0.7).tolist()


def test_ratios_of_near_stations_weigh_in_and_a_change_of_one_computes_anew(stations):
    near, lg = near_ratios(stations)
    far = next(s for s in stations if s not in near)
    sizes = amplitudes([*near, far], [*lg, 3.0])
    lay_event(stations, signs(stations), amplitudes=sizes)
    first = current()
    told = first.parameters["ratios"]
    assert [r["station_id"] for r in told] == sorted(s.pk for s in near)
    assert first.parameters["ratio_misfit"] < 0.3 and off(first) < 20.0
    one = next(r for r in told if r["station_id"] == near[0].pk)
    assert one["log_ratio"] == pytest.approx(lg[0], abs=1e-3)
    changed = (*amplitudes(near[:1], [lg[0] + 0.5]), *sizes[2:])
    values = reported(stations, signs(stations), amplitudes=changed)
    associate(lay("SOME", event("s1", 0.0, *PLACE, **values)))
    recompute()
    second = current()
    assert second != first and second.parameters["inputs"] != first.parameters["inputs"]


def test_a_ratio_left_out_counts_no_more_until_it_is_taken_again(stations):
    near, lg = near_ratios(stations)
    wild = [lg[0] + 2.0, *lg[1:]]
    here = lay_event(stations, signs(stations), amplitudes=amplitudes(near, wild))
    first = current()
    decision = decide(here, {}, dropped=[near[0].pk])
    assert decision.after["ratios"] == {near[0].code: "drop"} and decision.after["words"] == {}
    without = current()
    told = [r["station_id"] for r in without.parameters["ratios"]]
    assert near[0].pk not in told and len(told) == len(near) - 1
    assert without.parameters["ratios_left_out"] == [near[0].code]
    assert without.evaluation_status == "confirmed"
    assert without.parameters["ratio_misfit"] < first.parameters["ratio_misfit"]
    # The word on the ratio stays when the decision on the whole is taken back.
    with writing():
        mechanism_decisions.undo(decision.pk, person())
    recompute()
    assert current().parameters["ratios"] == without.parameters["ratios"]
    assert decide(here, {}).after["ratios"] == {near[0].code: "keep"}
    assert len(current().parameters["ratios"]) == len(near)


def test_computing_again_changes_nothing_nor_does_a_second_worker(stations):
    here = lay_event(stations, signs(stations))
    first = current()
    published = here.published_version
    call_command("compute_mechanisms", "--event", here.public_id, "--now")
    assert current() == first and FocalMechanism.objects.count() == 1
    # Two workers computed the same; the second finds what the first has stored.
    FocalMechanism.objects.update(superseded_at=START)
    one, other = mechanisms.compute(here.pk), mechanisms.compute(here.pk)
    with writing():
        assert mechanisms.store(one) == here
        assert mechanisms.store(other) is None
    assert FocalMechanism.objects.current().count() == 1
    assert Event.objects.get().published_version == published


def test_a_result_overtaken_by_new_readings_is_computed_anew(stations):
    read = signs(stations)
    here = lay_event(stations[:-1], read[:-1])
    FocalMechanism.objects.update(superseded_at=START)
    stale = mechanisms.compute(here.pk)
    associate(lay("SOME", event("s1", 0.0, *PLACE, **reported(stations, read))))
    with writing():
        assert mechanisms.store(stale) == here
    assert current().station_polarity_count == COUNT


@pytest.mark.parametrize("count", [1, 7])
def test_fewer_than_eight_polarities_make_none_and_ask_for_nothing(stations, count):
    here = lay_event(stations, [*signs(stations)[:count], *[0] * (COUNT - count)])
    assert not FocalMechanism.objects.exists()
    assert not WorkItem.objects.filter(kind=mechanisms.KIND).exists()
    with pytest.raises(mechanisms.NotSolvable, match="too-few-polarities") as caught:
        mechanisms.solve(mechanisms.load(here))
    assert caught.value.values == {"found": count, "expected": 8}


def test_all_alike_is_named_and_stays_second_to_anything(stations):
    here = lay_event(stations, [1] * COUNT)
    assert current().parameters["warnings"] == ["all-alike"]
    assert here.preferred_focal_mechanism is None


def test_what_was_blasted_has_none(stations):
    lay_event(stations, [1] * COUNT, event_type="quarry blast")
    assert not FocalMechanism.objects.exists()


def test_a_reported_mechanism_goes_first_whoever_located(stations):
    plane = NodalPlaneRecord(10.0, 50.0, 90.0)
    record = FocalMechanismRecord(focal_mechanism_id="m", nodal_plane_1=plane)
    here = lay_event(stations, signs(stations), focal_mechanisms=(record,))
    assert current() is not None
    assert here.preferred_focal_mechanism.strike_1 == 10.0


def test_a_mechanism_leaves_with_its_polarities(stations):
    lay_event(stations, signs(stations))
    lay_event(stations, [0] * COUNT)
    assert not FocalMechanism.objects.current().exists()
    assert FocalMechanism.objects.count() == 1


def test_a_station_counts_once_and_not_where_two_contradict(stations):
    read = signs(stations)
    lay_event(stations, read)
    second = [read[0], -read[1]]
    associate(lay("KNDC", event("k1", 0.5, *PLACE, **reported(stations[:2], second, 20.1))))
    recompute()
    here = Event.objects.alive().get()
    motions = {m.code: m for m in mechanisms.load(here).motions}
    assert len(motions) == COUNT and not motions["ST00"].contradicted
    assert motions["ST01"].contradicted and not motions["ST01"].is_used
    assert current().station_polarity_count == COUNT - 1
    assert current().parameters["left_out"] == [{"station": "ST01", "why": "contradicted"}]


def test_the_order_of_reports_does_not_matter(stations):
    read = signs(stations)
    half = COUNT // 2
    for agency, part in (("KNDC", slice(half, None)), ("SOME", slice(half))):
        values = reported(stations[part], read[part])
        associate(lay(agency, event(agency, 0.0, *PLACE, **values)))
    recompute()
    one = mechanisms.load(Event.objects.alive().get()).used
    assert [m.sign for m in one] == read


def test_a_reversed_station_is_turned_round_within_its_dates_only(stations):
    here = lay_event(stations, signs(stations))
    before = current()
    later = START + timedelta(days=1)
    with writing():
        mechanism_decisions.record_reversal(stations[3], later, None, "visit", person())
    recompute()
    assert current() == before
    with writing():
        mechanism_decisions.record_reversal(
            stations[3], START - timedelta(days=1), later, "visit", person()
        )
    recompute()
    turned = {s["station"]: s for s in current().parameters["stations"]}["ST03"]
    assert turned["reversed"] and turned["sign"] == -signs(stations)[3]
    with pytest.raises(NotDecidable, match="reversal-known"), writing():
        mechanism_decisions.record_reversal(stations[3], START, None, "visit", person())
    key = StationPolarityReversal.objects.get(end=later).pk
    with writing():
        mechanism_decisions.withdraw_reversal(key, person())
    recompute()
    assert not {s["station"]: s for s in current().parameters["stations"]}["ST03"]["reversed"]
    assert StationPolarityReversal.objects.count() == 2
    assert mechanisms.load(here).evidence


@pytest.mark.parametrize(
    ("start", "end", "source", "code"),
    [(START, START, "x", "reversal-dates"), (START, None, " ", "reversal-no-source")],
)
def test_a_reversal_needs_dates_and_a_source(stations, start, end, source, code):
    with pytest.raises(NotDecidable, match=code), writing():
        mechanism_decisions.record_reversal(stations[0], start, end, source, person())


def decide(
    here: Event, words: dict[int, str], status: str = "confirmed", dropped: Collection[int] = ()
) -> MergeDecision:
    evidence = mechanisms.load(here).evidence
    with writing():
        decision = mechanism_decisions.decide(
            here.pk, words, evidence, status, person(), "looked at the trace", dropped
        )
    recompute()
    return decision


def test_flipping_dropping_and_confirming_stand_in_the_ledger(stations):
    read = signs(stations)
    here = lay_event(stations, [-read[0], *read[1:]])
    before = current()
    decision = decide(here, {stations[0].pk: "flip", stations[1].pk: "drop"})
    after = current()
    assert after != before and after.station_polarity_count == COUNT - 1
    assert (after.evaluation_mode, after.evaluation_status) == ("manual", "confirmed")
    assert after.parameters["decision"] == decision.pk
    assert after.parameters["stations"][0]["sign"] == read[0]
    assert decision.after["words"] == {"ST00": "flip", "ST01": "drop"}
    assert Event.objects.get().preferred_focal_mechanism == after
    # As read again: a word that takes the other back.
    decide(here, {stations[1].pk: "drop"})
    assert PolarityDecision.objects.filter(kind="keep").get().station == stations[0]
    assert current().parameters["stations"][0]["sign"] == -read[0]


def test_rejecting_leaves_none_until_it_is_taken_back_or_polarities_change(stations):
    read = signs(stations)
    here = lay_event(stations[:-1], read[:-1])
    decision = decide(here, {}, "rejected")
    assert not FocalMechanism.objects.current().exists()
    with writing():
        mechanism_decisions.undo(decision.pk, person())
    recompute()
    assert current().evaluation_status == ""
    with pytest.raises(NotDecidable, match="nothing-to-undo"), writing():
        mechanism_decisions.undo(decision.pk, person())
    decide(here, {}, "rejected")
    lay_event(stations, read)
    assert current().evaluation_mode == "automatic"


def test_a_decision_on_other_readings_than_seen_is_refused(stations):
    here = lay_event(stations, signs(stations))
    for words, evidence, code in (
        ({}, "0", "readings-changed"),
        (
            {s.pk: "drop" for s in stations[:-7]},
            mechanisms.load(here).evidence,
            "too-few-polarities",
        ),
    ):
        with pytest.raises(NotDecidable, match=code), writing():
            mechanism_decisions.decide(here.pk, words, evidence, "confirmed", person())
