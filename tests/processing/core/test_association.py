"""Which reports join: published pairs, aftershocks, constraints, and independence of order."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core import association
from processing.core.association import Constraint, ReportView, RuleSet, misfit, partition

RULES = RuleSet()


def report(report_id: str, agency: str, time: float = 0.0, **more) -> ReportView:
    place = {"latitude": 43.0, "longitude": 77.0} | more
    return ReportView(report_id=report_id, agency=agency, time=time, **place)


# Project methods, section 0: catalogue epicentre, and the one the printed distances belong to.
TALGAR = (
    report("some", "SOME", 0.0, latitude=42.97, longitude=77.33, depth_km=5.0, kr=12.1),
    report("kndc", "KNDC", 1.5, latitude=43.014, longitude=77.356, depth_km=0.0),
)
KADZHISAI = (
    report("some", "SOME", 0.0, latitude=42.10, longitude=77.27, depth_km=10.0, kr=13.6),
    report("kndc", "KNDC", -1.0, latitude=42.160, longitude=77.259, depth_km=15.0, kr=13.2),
)
OPERATIVE = report("prelim", "SOME", 0.0, latitude=43.30, longitude=77.40, depth_km=5.0, kr=12.0)


@pytest.mark.parametrize(("pair", "distance"), [(TALGAR, 5.3), (KADZHISAI, 6.7)])
def test_the_two_inter_agency_pairs_join(pair, distance):
    found = partition(pair)
    assert found.groups == (("kndc", "some"),)
    assert found.reviews == ()
    assert found.links[0].misfit.distance_km == pytest.approx(distance, abs=0.1)


def test_the_37_km_pair_is_within_the_metric():
    # Of one agency it is superseding, not association; between agencies it would join.
    other = dataclasses.replace(OPERATIVE, agency="KNDC")
    found = misfit(TALGAR[0], other, RULES)
    assert found.distance_km == pytest.approx(37.1, abs=0.1)
    assert found.total < RULES.maximum_misfit
    assert partition([TALGAR[0], other]).groups == (("prelim", "some"),)


def test_two_reports_of_one_agency_never_join_by_themselves():
    found = partition([TALGAR[0], OPERATIVE])
    assert found.groups == (("prelim",), ("some",))
    assert found.reviews == ()


@pytest.mark.parametrize("seconds", [20.0, 30.0, 45.0, 60.0])
def test_two_aftershocks_at_one_place_do_not_cross_merge(seconds):
    reports = [
        report("a1", "SOME", 0.0),
        report("a2", "SOME", seconds),
        report("b1", "KNDC", 1.0, latitude=43.04),
        report("b2", "KNDC", seconds + 1.0, latitude=43.04),
    ]
    found = partition(reports)
    assert found.groups == (("a1", "b1"), ("a2", "b2"))
    assert found.reviews == ()


@pytest.mark.parametrize("seconds", [20.0, 60.0])
def test_an_aftershock_only_the_other_agency_saw_stays_alone(seconds):
    found = partition([report("a1", "SOME", 0.0), report("b2", "KNDC", seconds + 0.5)])
    assert found.groups == (("a1",), ("b2",))


def test_a_swarm_within_seconds_goes_to_review():
    reports = [
        report("a1", "SOME", 0.0),
        report("a2", "SOME", 6.0),
        report("b1", "KNDC", 1.0),
    ]
    found = partition(reports)
    assert found.groups == (("a1",), ("a2",), ("b1",))
    assert {(r.first, r.second, r.reason) for r in found.reviews} == {
        ("a1", "b1", "swarm"),
        ("a2", "b1", "swarm"),
    }


def test_a_rival_outside_the_limit_but_nearly_as_good_makes_a_pair_ambiguous():
    reports = [
        report("a1", "SOME", 0.0),
        report("a2", "SOME", 28.0),
        report("b1", "KNDC", 12.0),
    ]
    # 12 s: misfit 2.4; 16 s: misfit 3.2, less than 1.5 times as large.
    found = partition(reports)
    assert ("a1", "b1", "ambiguous") in {(r.first, r.second, r.reason) for r in found.reviews}
    assert all(len(group) == 1 for group in found.groups)


def test_what_passes_the_gate_and_not_the_limit_is_reviewed():
    found = partition([report("a", "SOME", 0.0), report("b", "KNDC", 18.0)])
    assert [(r.first, r.second, r.reason) for r in found.reviews] == [
        ("a", "b", "misfit_too_large")
    ]
    assert found.reviews[0].misfit.total == pytest.approx(3.6)


def test_minute_precision_widens_the_gate_and_the_scale():
    minute = report("a", "SOME", 0.0, time_uncertainty=30.0)
    exact = report("b", "KNDC", 50.0)
    assert association.gate(minute, exact, RULES)
    assert misfit(minute, exact, RULES).time == pytest.approx(50.0 / 30.0)
    assert partition([minute, exact]).groups == (("a", "b"),)


def test_three_agencies_make_one_event():
    reports = [
        report("a", "SOME", 0.0, kr=11.0),
        report("b", "KNDC", 2.0, latitude=43.1, kr=10.8),
        report("c", "KRNET", -1.0, longitude=77.1, depth_km=12.0),
    ]
    found = partition(reports)
    assert found.groups == (("a", "b", "c"),)
    assert len(found.links) == 2


def test_a_chain_whose_ends_do_not_fit_is_not_closed():
    reports = [
        report("a", "SOME", 0.0),
        report("b", "KNDC", 9.0),
        report("c", "KRNET", 17.0),
    ]
    found = partition(reports)
    assert found.groups == (("a",), ("b", "c"))
    assert ("a", "b", "indirect") in {(r.first, r.second, r.reason) for r in found.reviews}


def test_three_shared_readings_join_at_any_distance():
    arrivals = tuple((f"ST{i}", "P", 10.0 + i) for i in range(3))
    moved = tuple((station, family, time + 0.2) for station, family, time in arrivals)
    near = report("a", "SOME", 0.0, arrivals=arrivals)
    far = report("b", "KNDC", 15.0, latitude=44.5, arrivals=moved)
    found = partition([near, far])
    assert found.groups == (("a", "b"),)
    assert found.links[0].by == "shared_arrivals"
    fewer = dataclasses.replace(far, arrivals=moved[:2])
    assert partition([near, fewer]).groups == (("a",), ("b",))


def test_shared_readings_settle_a_swarm():
    arrivals = tuple((f"ST{i}", "P", 10.0 + i) for i in range(4))
    reports = [
        report("a1", "SOME", 0.0, arrivals=arrivals),
        report("a2", "SOME", 6.0),
        report("b1", "KNDC", 3.0, arrivals=arrivals),
    ]
    assert partition(reports).groups == (("a1", "b1"), ("a2",))


def test_a_repeated_reading_counts_once():
    a = report("a", "SOME", arrivals=(("AAA", "P", 1.0), ("AAA", "P", 1.1), ("AAA", "S", 5.0)))
    b = report("b", "KNDC", arrivals=(("AAA", "P", 1.0), ("AAA", "P", 0.9)))
    assert association.shared_arrivals(a, b, 0.3) == 1


def test_a_persons_same_joins_what_nothing_else_would():
    reports = [report("a", "SOME", 0.0), report("b", "SOME", 500.0, latitude=50.0)]
    found = partition(reports, [Constraint("same", "b", "a")])
    assert found.groups == (("a", "b"),)
    assert found.links[0].by == "constraint"


def test_a_persons_different_keeps_the_best_pair_apart_without_asking_again():
    found = partition(TALGAR, [Constraint("different", "kndc", "some")])
    assert found.groups == (("kndc",), ("some",))
    assert found.reviews == ()


def test_different_holds_also_through_a_third_report():
    reports = [report("a", "SOME", 0.0), report("b", "KNDC", 1.0), report("c", "KRNET", 2.0)]
    found = partition(reports, [Constraint("different", "a", "b")])
    assert all(not {"a", "b"} <= set(group) for group in found.groups)


def test_contradictory_words_are_put_up_for_review():
    reports = [report(key, key, 0.0) for key in "abc"]
    words = [
        Constraint("same", "a", "b"),
        Constraint("same", "b", "c"),
        Constraint("different", "a", "c"),
    ]
    found = partition(reports, words)
    assert all(not {"a", "c"} <= set(group) for group in found.groups)
    assert "contradictory_constraints" in {r.reason for r in found.reviews}


def test_a_component_beyond_the_cap_waits_for_a_person():
    reports = [report(f"{i:03d}", f"AGENCY{i}", 0.1 * i) for i in range(6)]
    found = partition(reports, rules=dataclasses.replace(RULES, component_cap=5))
    assert len(found.groups) == 6
    assert {r.reason for r in found.reviews} == {"component_too_large"}


def test_report_ids_must_be_unique():
    with pytest.raises(ValueError, match="not unique"):
        partition([report("a", "SOME"), report("a", "KNDC")])


@st.composite
def bulletins(draw):
    count = draw(st.integers(1, 14))
    reports = []
    for i in range(count):
        minute = draw(st.booleans()) and draw(st.booleans())
        reports.append(
            ReportView(
                report_id=f"r{i:02d}",
                agency=draw(st.sampled_from(["SOME", "KNDC", "KRNET"])),
                time=float(draw(st.integers(0, 400))) / 2.0,
                latitude=43.0 + draw(st.integers(0, 20)) / 20.0,
                longitude=77.0 + draw(st.integers(0, 20)) / 20.0,
                time_uncertainty=30.0 if minute else None,
                depth_km=draw(st.sampled_from([None, 0.0, 10.0])),
                kr=draw(st.sampled_from([None, 8.0, 10.5])),
            )
        )
    keys = [r.report_id for r in reports]
    constraints = draw(
        st.lists(
            st.builds(
                Constraint,
                st.sampled_from(["same", "different"]),
                st.sampled_from(keys),
                st.sampled_from(keys),
            ),
            max_size=3,
        )
    )
    return reports, constraints


@given(bulletins(), st.randoms(use_true_random=False))
def test_the_order_of_reports_and_constraints_changes_nothing(case, random):
    reports, constraints = case
    expected = partition(reports, constraints)
    random.shuffle(reports)
    random.shuffle(constraints)
    turned = [Constraint(c.kind, c.second, c.first) for c in constraints]
    assert partition(reports, turned) == expected


@given(bulletins())
def test_an_event_holds_one_report_of_an_agency_unless_a_person_said_so(case):
    reports, _ = case
    agency = {r.report_id: r.agency for r in reports}
    found = partition(reports)
    assert sorted(key for group in found.groups for key in group) == sorted(agency)
    for group in found.groups:
        assert len({agency[key] for key in group}) == len(group)


@given(bulletins())
def test_repeating_what_was_found_changes_nothing(case):
    reports, constraints = case
    found = partition(reports, constraints)
    confirmed = [*constraints, *(Constraint("same", x.first, x.second) for x in found.links)]
    if not found.reviews:  # a doubt may well be settled by a person's word on its rival
        assert partition(reports, confirmed).groups == found.groups
    assert partition(reports, constraints) == found


@given(bulletins())
def test_cutting_into_batches_changes_nothing(case):
    reports, _ = case
    whole = partition(reports)
    by_id = {r.report_id: r for r in reports}
    parts = [
        partition([by_id[key] for key in keys])
        for keys in association.batches(reports, RULES, at_most=1)
    ]
    assert tuple(sorted(g for part in parts for g in part.groups)) == whole.groups
    assert sorted((r.first, r.second, r.reason) for part in parts for r in part.reviews) == [
        (r.first, r.second, r.reason) for r in whole.reviews
    ]


@given(bulletins())
def test_the_sweep_finds_every_pair_that_passes_the_gate(case):
    reports, _ = case
    found = {(i, j) for i, j, _ in association.candidate_pairs(reports, RULES)}
    expected = {
        (i, j)
        for i in range(len(reports))
        for j in range(i + 1, len(reports))
        if reports[i].agency != reports[j].agency
        and association.gate(reports[i], reports[j], RULES)
    }
    assert {tuple(sorted(pair)) for pair in found} == expected


@given(bulletins())
def test_misfit_and_gate_are_symmetric(case):
    reports, _ = case
    for a, b in itertools.pairwise(reports):
        assert misfit(a, b, RULES) == misfit(b, a, RULES)
        assert association.gate(a, b, RULES) == association.gate(b, a, RULES)


def test_batches_are_cut_at_gaps_and_filled_up():
    reports = [report(f"{i:02d}", "SOME", 100.0 * i) for i in range(10)]
    assert association.batches(reports, RULES, at_most=4) == [
        ["00", "01", "02", "03"],
        ["04", "05", "06", "07"],
        ["08", "09"],
    ]


def sequence(count: int) -> list[ReportView]:
    generator = np.random.default_rng(5)
    times = np.sort(generator.uniform(0.0, 300.0 * count, count))
    return [
        report(
            f"{agency}{i:06d}",
            agency,
            float(t + generator.normal()),
            latitude=float(43.0 + generator.normal() * 0.05),
        )
        for i, t in enumerate(times)
        for agency in ("SOME", "KNDC")
    ]


def test_the_number_of_comparisons_grows_in_proportion_to_the_reports():
    small, large = sequence(400), sequence(3200)
    assert len(association.candidate_pairs(large, RULES)) < 12 * len(
        association.candidate_pairs(small, RULES)
    )
