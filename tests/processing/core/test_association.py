"""Which reports join: published pairs, aftershocks, constraints, and independence of order."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core import association
from processing.core.association import Constraint, ReportView, RuleSet, misfit, partition
from processing.core.joint_fit import JointFit

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


def test_the_event_of_30_july_2014_and_its_aftershock_stay_apart():
    # Article: 30 July 20:46 and 31 July 12:45, two kilometres apart.
    first = report("some", "SOME", 0.0, latitude=44.07, longitude=75.83, depth_km=20.0, kr=9.7)
    second = report("kndc", "KNDC", 57540.0, latitude=44.08, longitude=75.87, depth_km=20.0)
    found = partition([first, second])
    assert (found.groups, found.reviews) == ((("kndc",), ("some",)), ())


def test_solutions_good_to_the_day_join_where_nothing_else_happens():
    # Before 1900: day precision, in one list and another.
    old = {"time_uncertainty": 43_200.0, "horizontal_uncertainty_km": 30.0}
    verny = report("a", "SOME", 0.0, latitude=43.1, longitude=76.8, **old)
    other = report("b", "KNDC", 50_000.0, latitude=43.2, longitude=77.0, **old)
    assert partition([verny, other]).groups == (("a", "b"),)
    far = dataclasses.replace(other, latitude=47.0)
    assert partition([verny, far]).groups == (("a",), ("b",))


def test_events_without_size_and_depth_join_by_time_and_place():
    assert partition([report("a", "SOME"), report("b", "KNDC", 3.0)]).groups == (("a", "b"),)


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
def test_misfit_and_gate_are_symmetric(case):
    reports, _ = case
    for a, b in itertools.pairwise(reports):
        assert misfit(a, b, RULES) == misfit(b, a, RULES)
        assert association.gate(a, b, RULES) == association.gate(b, a, RULES)


def test_of_two_rivals_the_much_likelier_joins_and_equal_ones_wait_for_a_person():
    earlier, later = report("a1", "SOME", 0.0), report("a2", "SOME", 10.0)
    found = partition([earlier, later, report("b1", "KNDC", 2.0)])
    assert found.groups == (("a1", "b1"), ("a2",))
    assert 0.55 < found.links[0].misfit.probability < 0.99
    found = partition([earlier, later, report("b1", "KNDC", 5.0)])
    assert found.groups == (("a1",), ("a2",), ("b1",))
    assert {(r.first, r.second, r.reason) for r in found.reviews} == {
        ("a1", "b1", "ambiguous"),
        ("a2", "b1", "ambiguous"),
    }


def test_a_size_tells_which_of_two_shocks_it_is():
    small, large = report("a1", "SOME", 0.0, kr=7.5), report("a2", "SOME", 10.0, kr=11.0)
    assert partition([small, large, report("b1", "KNDC", 5.0, kr=10.8)]).groups == (
        ("a1",),
        ("a2", "b1"),
    )


def test_sizes_are_compared_on_one_scale_only():
    a = report("a", "SOME", magnitudes=(("mb", 5.0), ("MS", 4.0)))
    assert misfit(a, report("b", "KNDC", kr=9.0), RULES).size is None
    same = misfit(a, report("b", "KNDC", magnitudes=(("MS", 4.7),)), RULES).size
    assert same == pytest.approx(0.7 / (0.7 / 1.8))


def test_a_chain_whose_ends_do_not_fit_is_not_closed():
    reports = [
        report("a", "SOME", 0.0),
        report("b", "KNDC", 9.0),
        report("c", "KRNET", 18.0),
    ]
    found = partition(reports)
    assert sorted(len(group) for group in found.groups) == [1, 2]
    assert "indirect" in {r.reason for r in found.reviews}


def test_a_repeated_reading_counts_once():
    a = report("a", "SOME", arrivals=(("AAA", "P", 1.0), ("AAA", "P", 1.1), ("AAA", "S", 5.0)))
    b = report("b", "KNDC", arrivals=(("AAA", "P", 1.0), ("AAA", "P", 0.9)))
    assert misfit(a, b, RULES).shared_arrivals == 1


def test_an_epicentre_moved_towards_its_stations_explains_a_later_origin():
    north = {"link": (0.0, 1.0)}
    here = report("a", "SOME", 0.0, **north)
    moved = report("b", "KNDC", 6.0, latitude=43.0 + 36.0 / 111.2, **north)
    assert misfit(here, moved, RULES).time == pytest.approx(0.0, abs=0.05)
    assert misfit(here, dataclasses.replace(moved, link=None), RULES).time == pytest.approx(1.2)


# --- superseding ----------------------------------------------------------------------------------


def test_a_final_report_takes_up_the_preliminary_one_of_its_agency_37_km_away():
    first = dataclasses.replace(OPERATIVE, grade=association.PRELIMINARY)
    assert partition([TALGAR[0], first, TALGAR[1]]).groups == (("kndc", "prelim", "some"),)
    found = partition([TALGAR[0], first])
    assert found.groups == (("prelim", "some"),)
    assert [link.by for link in found.links] == ["supersede"]


def test_a_preliminary_report_of_another_shock_stays():
    first = dataclasses.replace(OPERATIVE, time=120.0, grade=association.PRELIMINARY)
    assert partition([TALGAR[0], first]).groups == (("prelim",), ("some",))


def test_two_reports_of_one_agency_for_one_event_are_shown_to_a_person():
    twin = dataclasses.replace(TALGAR[0], report_id="again", time=0.5)
    found = partition([TALGAR[0], twin])
    assert found.groups == (("again",), ("some",))
    assert [(r.first, r.second, r.reason) for r in found.reviews] == [
        ("again", "some", "same_agency")
    ]


# --- the joint relocation -------------------------------------------------------------------------

FITS = JointFit(increase=2.0, freedom=20, chi_square=18.0, log_volume=2.0)


def test_the_joint_relocation_decides_between_two_rivals():
    readings = (("AAA", "P", 1.0),)
    a1 = report("a1", "SOME", 0.0, arrivals=readings)
    a2 = report("a2", "SOME", 10.0, arrivals=(("AAA", "P", 11.0),))
    b1 = report("b1", "KNDC", 5.0, arrivals=(("BBB", "P", 7.0),))
    assert association.to_relocate([a1, a2, b1]) == [("a1", "b1"), ("a2", "b1")]
    joint = {("a1", "b1"): dataclasses.replace(FITS, increase=150.0), ("a2", "b1"): FITS}
    found = partition([a1, a2, b1], joint=joint)
    assert found.groups == (("a1",), ("a2", "b1"))
    assert found.links[0].by == "joint_fit"
    assert found.links[0].misfit.joint_level == pytest.approx(FITS.level)


def test_a_joint_relocation_that_does_not_fit_sends_a_likely_pair_to_a_person():
    a = report("a", "SOME", 0.0, arrivals=(("AAA", "P", 1.0),))
    b = report("b", "KNDC", 1.0, arrivals=(("BBB", "P", 7.0),))
    worse = dataclasses.replace(FITS, increase=30.0)
    assert worse.level < RULES.joint_fit_level
    found = partition([a, b], joint={("a", "b"): worse})
    assert found.groups == (("a",), ("b",))
    assert [r.reason for r in found.reviews] == ["joint_misfit"]


def test_a_clear_pair_needs_no_relocation():
    a = report("a", "SOME", 0.0, arrivals=(("AAA", "P", 1.0),))
    b = report("b", "KNDC", 1.0, arrivals=(("BBB", "P", 7.0),))
    assert association.to_relocate([a, b]) == []


# --- wrong clocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [60.0, 300.0, -3600.0, 21600.0])
def test_a_clock_wrong_by_whole_minutes_or_hours_is_flagged_and_not_merged(shift):
    pair = (TALGAR[0], dataclasses.replace(TALGAR[1], time=TALGAR[1].time + shift))
    assert len(partition(pair).groups) == 2
    found = association.clock_suspects(pair)
    assert [(s.first, s.second, s.shift_s) for s in found] == [("kndc", "some", -shift)]


def test_where_much_happens_no_clock_is_suspected():
    others = [report(f"n{i}", "SOME", 20.0 + 25.0 * i) for i in range(8)]
    pair = (TALGAR[0], dataclasses.replace(TALGAR[1], time=TALGAR[1].time + 60.0))
    assert association.clock_suspects([*pair, *others]) == []


def test_coincidence_of_half_minutes_is_no_clock():
    pair = (TALGAR[0], dataclasses.replace(TALGAR[1], time=TALGAR[1].time + 90.0))
    assert association.clock_suspects(pair) == []


# --- batches and cost -----------------------------------------------------------------------------


def test_batches_are_cut_at_gaps_and_filled_up():
    reports = [report(f"{i:02d}", "SOME", 400.0 * i) for i in range(10)]
    assert association.batches(reports, RULES, at_most=4) == [
        ["00", "01", "02", "03"],
        ["04", "05", "06", "07"],
        ["08", "09"],
    ]


@given(bulletins())
def test_what_is_around_counts_as_if_it_were_arranged_too(case):
    reports, _ = case
    whole = partition(reports)
    members = set(whole.groups[0])
    near = [r for r in reports if r.report_id in members]
    others = [r for r in reports if r.report_id not in members]
    apart = [r for r in others if not any(association.gate(r, member, RULES) for member in near)]
    if len(apart) != len(others):
        return
    around = [association.Neighbour(r.agency, r.time, r.latitude, r.longitude) for r in others]
    assert partition(near, around=around).groups == (whole.groups[0],)
