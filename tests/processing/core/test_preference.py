"""Which origin and magnitude stand first, and that the reasons add up."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core import preference
from processing.core.preference import Area, MagnitudeView, OriginView, PreferenceRules

ALMATY = {"latitude": 43.0, "longitude": 77.3}
KARAGANDA = {"latitude": 49.56, "longitude": 72.97}

COMPUTED = OriginView(
    key="ours", agency="", computed=True, evaluation_mode="automatic",
    evaluation_status="preliminary", used_station_count=200, azimuthal_gap=10.0,
    secondary_azimuthal_gap=15.0, has_depth=True, has_time_uncertainty=True, has_ellipse=True,
    has_magnitude=True, **ALMATY,
)  # fmt: skip


def agency(code: str, **more) -> OriginView:
    return OriginView(key=code.lower(), agency=code, **(ALMATY | more))


def first(*origins: OriginView) -> str:
    return preference.rank_origins(origins)[0].key


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (ALMATY, "some"),
        (KARAGANDA, "kndc"),
        ({"latitude": 41.67, "longitude": 75.0}, "some"),  # the border belongs to the box
        ({"latitude": 45.0, "longitude": 80.0}, "some"),
        ({"latitude": 45.01, "longitude": 80.0}, "kndc"),
    ],
)
def test_the_authority_of_the_area_stands_first(place, expected):
    assert first(agency("SOME", **place), agency("KNDC", **place)) == expected


def test_our_thin_origin_does_not_outrank_a_reviewed_one():
    assert first(COMPUTED, agency("SOME", evaluation_status="reviewed")) == "some"
    assert first(COMPUTED, agency("NEIC", evaluation_status="reviewed")) == "neic"


def test_our_origin_stands_first_where_agencies_reported_automatic_ones_only():
    assert first(COMPUTED, agency("NEIC", evaluation_mode="automatic")) == "ours"


def test_we_are_no_authority_of_any_area():
    ours = dataclasses.replace(COMPUTED, agency="SOME")
    assert first(ours, agency("SOME")) == "some"


def test_an_editors_choice_beats_everything():
    chosen = agency("NEIC", chosen=True, evaluation_status="rejected")
    assert first(agency("SOME", evaluation_status="reviewed"), chosen, COMPUTED) == "neic"


def test_between_equals_more_stations_then_smaller_gap_then_completeness():
    few = agency("AAA", used_station_count=5, secondary_azimuthal_gap=200.0)
    many = agency("BBB", used_station_count=20, secondary_azimuthal_gap=200.0)
    round_ = agency("CCC", used_station_count=20, secondary_azimuthal_gap=120.0)
    full = dataclasses.replace(round_, key="ddd", agency="DDD", has_depth=True)
    ranked = preference.rank_origins([few, many, round_, full])
    assert [r.key for r in ranked] == ["ddd", "ccc", "bbb", "aaa"]


def test_a_rejected_origin_stands_last():
    bad = agency("AAA", evaluation_status="rejected", used_station_count=50)
    assert first(bad, agency("BBB")) == "bbb"


def test_solutions_on_both_sides_of_a_border_share_one_authority():
    ranked = preference.rank_origins(
        [
            agency("SOME", latitude=44.95, longitude=77.0),
            agency("KNDC", latitude=45.01, longitude=77.0),
        ]
    )
    held = [term.value for r in ranked for term in r.terms if term.name == "authoritative_agency"]
    assert held == [1.0, 0.0]
    assert ranked[0].key == "some"


def test_no_origin_no_choice():
    assert preference.rank_origins([]) == ()


origin_views = st.lists(
    st.builds(
        OriginView,
        key=st.text("abcdef", min_size=1, max_size=3),
        agency=st.sampled_from(["SOME", "KNDC", "NEIC", ""]),
        latitude=st.floats(40.0, 55.0),
        longitude=st.floats(47.0, 87.0),
        computed=st.booleans(),
        evaluation_mode=st.sampled_from([None, "manual", "automatic"]),
        evaluation_status=st.sampled_from([None, "preliminary", "reviewed", "rejected"]),
        used_station_count=st.none() | st.integers(0, 500),
        secondary_azimuthal_gap=st.none() | st.floats(0.0, 360.0),
        has_depth=st.booleans(),
        minute_precision=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda o: o.key,
)


@given(origin_views, st.randoms(use_true_random=False))
def test_order_changes_nothing_and_terms_add_up(origins, random):
    expected = preference.rank_origins(origins)
    random.shuffle(origins)
    assert preference.rank_origins(origins) == expected
    for ranked in expected:
        assert ranked.score == sum(term.contribution for term in ranked.terms)
        assert all(t.contribution == t.value * t.weight for t in ranked.terms)
        assert ranked.rules == "kz-preference/1"


def test_quality_together_weighs_less_than_review_and_review_less_than_authority():
    rules = PreferenceRules()
    quality = (
        rules.station_weight * rules.station_cap / 7.5
        + rules.gap_weight * 6.0
        + rules.completeness_weight
    )
    assert quality < 0.5 * rules.review_weight
    assert 2.0 * rules.review_weight + quality < rules.authority_weight


def magnitude(scale: str, value: float = 5.0, **more) -> MagnitudeView:
    return MagnitudeView(key=more.pop("key", scale), scale=scale, value=value, **more)


def test_the_magnitude_is_mw_then_surface_then_body_then_local():
    everything = [magnitude(s) for s in ("KR", "MPVA", "ML", "mb", "MLV", "MS", "Mw")]
    chosen = []
    while (best := preference.preferred_magnitude(everything)) is not None:
        chosen.append(best.scale)
        everything.remove(best)
    assert chosen == ["Mw", "MS", "MLV", "mb", "ML"]
    assert {m.scale for m in everything} == {"KR", "MPVA"}


def test_energy_class_and_mpva_are_never_the_magnitude():
    assert preference.preferred_magnitude([magnitude("KR", 12.1), magnitude("MPVA", 5.2)]) is None


def test_a_measured_magnitude_is_the_magnitude_before_any_converted_one():
    found = [magnitude("Mw", 5.3, converted=True), magnitude("mb", 5.1)]
    assert preference.preferred_magnitude(found) == found[1]
    assert preference.preferred_magnitude(found[:1]) == found[0]


def test_native_goes_before_converted_and_each_scale_has_its_own():
    found = [
        magnitude("KR", 12.1, key="some", of_preferred_origin=True),
        magnitude("KR", 12.4, key="converted", converted=True, station_count=99),
        magnitude("KR", 12.3, key="kndc", station_count=9),
    ]
    ranked = preference.rank_magnitudes(found, "KR")
    assert [r.key for r in ranked] == ["some", "kndc", "converted"]
    assert ranked[0].criteria[:2] == (("chosen_by_editor", 0.0), ("native", 1.0))
    assert preference.rank_magnitudes(found, "Mw") == ()


def test_each_scale_has_its_own_order_and_a_persons_choice_beats_it():
    area = Area("here", ("SOME", "KNDC"), {"mb": ("KNDC",)})
    orders = {"KR": ("agency", "station_count"), "mb": ("agency",), "ML": ("station_count",)}
    rules = PreferenceRules(scale_orders=orders)
    for scale, expected in (("KR", "some"), ("mb", "kndc"), ("ML", "neic")):
        found = [
            magnitude(scale, key="some", agency="SOME", station_count=3),
            magnitude(scale, key="kndc", agency="OLD", became=("KNDC",), station_count=9),
            magnitude(scale, key="neic", agency="NEIC", station_count=99),
        ]
        assert preference.rank_magnitudes(found, scale, rules, area)[0].key == expected
        chosen = magnitude(scale, key="mine", agency="ISC", converted=True, chosen=True)
        assert preference.rank_magnitudes([*found, chosen], scale, rules, area)[0].key == "mine"


def test_agencies_of_an_area_have_an_order_and_count_as_what_they_became():
    rules = PreferenceRules(areas=(Area("here", ("SOME", "KNDC")),))
    ranked = preference.rank_origins(
        [
            agency("KNDC", evaluation_status="reviewed", used_station_count=99),
            agency("NEIC", evaluation_status="final", used_station_count=500),
            agency("OLD", became=("SOME",)),
        ],
        rules,
    )
    assert [r.key for r in ranked] == ["old", "kndc", "neic"]


def test_an_automatic_bulletin_stands_last_whoever_made_it():
    automatic = agency("SOME", automatic_bulletin=True, used_station_count=99)
    assert first(automatic, agency("NEIC", evaluation_status="rejected")) == "neic"
    rules = PreferenceRules()
    assert rules.reach < -rules.automatic_weight < rules.chosen_weight - rules.reach
