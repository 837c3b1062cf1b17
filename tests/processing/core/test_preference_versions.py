"""The shipped version chooses as the program did before there were versions."""

from __future__ import annotations

import importlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from catalog.models import PreferenceRuleSet
from processing.core import preference as core
from processing.core.preference import MagnitudeView, OriginView
from processing.jobs.preference_rules import WEIGHTS, rules_of

SHIPPED = importlib.import_module("catalog.migrations.0020_preference_rules").FIRST


def former_score(origin: OriginView, leads: bool) -> float:
    """The sum of thin-preference-2026.2 and the term that kept automatic bulletins last."""
    if origin.evaluation_status == "rejected":
        review = -1.0
    elif origin.evaluation_status in ("final", "reviewed", "confirmed"):
        review = 1.0
    elif origin.evaluation_status == "preliminary" or origin.evaluation_mode == "automatic":
        review = 0.0
    else:
        review = 0.5 if origin.evaluation_mode == "manual" or not origin.computed else 0.0
    gap = 360.0 if origin.secondary_azimuthal_gap is None else origin.secondary_azimuthal_gap
    parts = [
        origin.has_depth, origin.has_time_uncertainty, origin.has_ellipse, origin.has_magnitude,
        not origin.minute_precision,
    ]  # fmt: skip
    return (
        10_000.0 * origin.chosen
        + 1_000.0 * (leads and not origin.computed)
        + 100.0 * review
        + 20.0 * origin.report_choice
        + min(float(origin.used_station_count or 0), 30.0) / 7.5
        + (360.0 - gap) / 60.0
        + sum(parts) / 5
        - 5_000.0 * origin.automatic_bulletin
    )


def former_size_key(m: MagnitudeView) -> tuple[object, ...]:
    return (
        m.computed, m.converted, not m.of_preferred_origin, -(m.station_count or 0),
        m.automatic_bulletin, m.key,
    )  # fmt: skip


origins = st.lists(
    st.builds(
        OriginView,
        key=st.text("abcdef", min_size=1, max_size=3),
        agency=st.sampled_from(["SOME", "KNDC", "NEIC"]),
        latitude=st.just(43.0),
        longitude=st.just(77.0),
        computed=st.booleans(),
        chosen=st.booleans(),
        report_choice=st.booleans(),
        evaluation_mode=st.sampled_from([None, "manual", "automatic"]),
        evaluation_status=st.sampled_from([None, "preliminary", "reviewed", "rejected"]),
        used_station_count=st.none() | st.integers(0, 60),
        secondary_azimuthal_gap=st.none() | st.integers(0, 360).map(float),
        has_depth=st.booleans(),
        has_ellipse=st.booleans(),
        minute_precision=st.booleans(),
        automatic_bulletin=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda o: o.key,
)
sizes = st.lists(
    st.builds(
        MagnitudeView,
        key=st.text("abcdef", min_size=1, max_size=3),
        scale=st.just("KR"),
        value=st.just(10.0),
        computed=st.booleans(),
        of_preferred_origin=st.booleans(),
        automatic_bulletin=st.booleans(),
        station_count=st.none() | st.integers(0, 3),
    ),
    max_size=5,
    unique_by=lambda m: m.key,
)


def shipped() -> core.PreferenceRules:
    return rules_of(PreferenceRuleSet(name="kz-preference", version=1, definition=SHIPPED))


def test_the_shipped_weights_are_those_of_the_program() -> None:
    rules, program = shipped(), core.PreferenceRules()
    assert {name: getattr(rules, name) for name in WEIGHTS.values()} == {
        name: getattr(program, name) for name in WEIGHTS.values()
    }
    assert (rules.label, rules.station_cap) == (program.label, program.station_cap)
    assert rules.scale_orders == program.scale_orders


@given(origins)
def test_origins_stand_in_the_former_order(views: list[OriginView]) -> None:
    rules = replace(shipped(), areas=(core.Area("here", ("SOME",)),))
    ranked = core.rank_origins(views, rules)
    former = {view.key: former_score(view, view.agency == "SOME") for view in views}
    for r in ranked:
        assert abs(r.score - former[r.key]) < 1e-6
    if ranked:
        assert former[ranked[0].key] >= max(former.values()) - 1e-6


@given(sizes)
def test_values_of_a_scale_stand_in_the_former_order(views: list[MagnitudeView]) -> None:
    ranked = core.rank_magnitudes(views, "KR", shipped())
    assert [r.key for r in ranked] == [m.key for m in sorted(views, key=former_size_key)]
