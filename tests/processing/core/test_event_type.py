"""Blast or earthquake: hours by the sun, the place's statistics, and what the weights add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import binomtest

from processing.core import event_type as core
from processing.core.event_type import Said, Source, View

RULES = core.Rules()
LONGITUDE = 76.75
NOBODY = core.place_of([], [], RULES)


def times_of_blasts(rng: np.random.Generator, count: int) -> np.ndarray:
    """Moments of a year on workdays from 11 to 17 h of solar time [s since 1970]."""
    days = rng.choice([d for d in range(16_071, 16_436) if core.weekday(d) < 5], count)
    return days * 86_400.0 + rng.uniform(11, 17, count) * 3600.0 - 240.0 * LONGITUDE


def verdicts(times: np.ndarray) -> list[str]:
    """What is suggested of each of a place's events by hour and weekday alone."""
    hours, days = core.solar_hour(times, LONGITUDE), core.solar_day(times, LONGITUDE)
    found = []
    for i in range(times.size):
        others = np.arange(times.size) != i
        place = core.place_of(hours[others], days[others], RULES)
        view = View(float(hours[i]), int(core.weekday(days[i])))
        found.append(core.group(core.weigh(view, place, hours[others], RULES).event_type))
    return found


def test_solar_time_is_that_of_the_longitude_whatever_the_clocks_say() -> None:
    noon = datetime(2014, 6, 23, 6, 53, 0, tzinfo=UTC).timestamp()  # a Monday
    assert core.solar_hour(noon, LONGITUDE) == pytest.approx(12.0, abs=1e-6)
    assert core.weekday(core.solar_day(noon, LONGITUDE)) == 0
    # Beyond midnight by the sun it is Tuesday there, while it is Monday in Greenwich.
    late = datetime(2014, 6, 23, 20, 0, tzinfo=UTC).timestamp()
    assert core.weekday(core.solar_day(late, LONGITUDE)) == 1
    assert core.weekday(core.solar_day(-1.0, 0.0)) == 2  # 1969-12-31 was a Wednesday


def test_a_place_is_counted_and_tested_as_the_papers_say() -> None:
    hours = [12.5] * 18 + [2.0, 20.0, 23.9]
    days = np.concatenate([np.arange(18) * 3, [1, 2, 3]])
    place = core.place_of(hours, days, RULES)
    assert (place.count, place.by_day, place.by_night) == (21, 18, 3)
    assert (place.by_hour[12], place.by_hour[23], sum(place.by_hour)) == (18, 1, 21)
    assert place.ratio == pytest.approx(18 * 12 / (3 * 12))
    assert place.p_value == pytest.approx(binomtest(18, 21, 0.5, "greater").pvalue)
    weekend = sum(place.day_by_weekday[5:])
    assert place.workday_p_value == pytest.approx(binomtest(weekend, 18, 2 / 7, "less").pvalue)
    assert place.is_significant
    assert core.excess_share(12.5, hours, RULES) == pytest.approx(1 - 3.5 / 12 * 3 / 18.5)
    assert core.excess_share(3.0, hours, RULES) < 0.5
    assert (NOBODY.count, NOBODY.p_value, NOBODY.is_significant) == (0, 1.0, False)


def test_an_aftershock_sequence_of_one_day_is_no_quarry() -> None:
    hours, days = np.linspace(8, 16, 30), np.full(30, 16_100)
    place = core.place_of(hours, days, RULES)
    assert place.p_value < 1e-6 and place.is_one_sequence and not place.is_significant


@pytest.mark.parametrize(
    ("count", "seeds"), [(8, 40), (20, 20), pytest.param(80, 30, marks=pytest.mark.long)]
)
def test_uniform_seismicity_is_not_taken_for_blasts(count: int, seeds: int) -> None:
    found: Counter[str] = Counter()
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        found.update(verdicts(rng.uniform(1.388e9, 1.42e9, count)))
    rate = found["blast"] / found.total()
    print(f"{count} events of a place: blasts suggested for {100 * rate:.2f} %")
    assert rate <= 0.005


def test_blasts_of_a_quarry_are_suggested_and_its_nights_are_not() -> None:
    quarry: Counter[str] = Counter()
    mixed: Counter[str] = Counter()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        blasts, quakes = times_of_blasts(rng, 30), rng.uniform(1.388e9, 1.42e9, 20)
        quarry.update(verdicts(blasts))
        kinds = verdicts(np.concatenate([blasts, quakes]))
        mixed.update(f"blast: {kind or '?'}" for kind in kinds[:30])
        hours = core.solar_hour(quakes, LONGITUDE)
        by_night = ~core.is_day(hours, RULES)
        mixed.update(f"night: {k}" for k, dark in zip(kinds[30:], by_night, strict=True) if dark)
    print(quarry, mixed)
    assert quarry["blast"] / quarry.total() >= 0.99
    # Among earthquakes hour and weekday alone leave many to a person, and call few earthquakes.
    assert mixed["blast: earthquake"] <= 0.05 * 150
    assert mixed["night: blast"] == 0


QUARRY = Source("Quarry", "quarry blast", 2.0, 8.0)
DAY = View(13.0, 2, depth_km=0.0, kr=6.8)


@pytest.mark.parametrize(
    ("view", "suggested", "certainty"),
    [
        (DAY, "earthquake", "suspected"),
        (replace(DAY, source=QUARRY), "", ""),
        (replace(DAY, reports=(Said("KNDC", "mining explosion", "known"),)), "mining explosion",
         "suspected"),
        (replace(DAY, source=QUARRY, reports=(Said("A", "explosion", "suspected"),)), "explosion",
         "suspected"),
        (replace(DAY, source=QUARRY, reports=(Said("A", "earthquake", "known"),)), "", ""),
        # Night, depth and size speak against.
        (replace(DAY, hour=2.0, source=QUARRY), "earthquake", "suspected"),
        (replace(DAY, source=QUARRY, depth_km=25.0, depth_is_free=True, depth_uncertainty_km=5.0),
         "earthquake", "known"),
        (replace(DAY, source=QUARRY, depth_km=14.0, depth_is_free=True, depth_uncertainty_km=5.0),
         "", ""),
        (replace(DAY, source=QUARRY, depth_km=25.0), "", ""),  # set, not found
        (replace(DAY, magnitude=4.0), "earthquake", "known"),
        (replace(DAY, kr=11.2), "earthquake", "known"),
        # What is neither is left to a person.
        (replace(DAY, reports=(Said("A", "induced or triggered event", "known"),)), "", ""),
        (View(None, None), "earthquake", "suspected"),
    ],
)  # fmt: skip
def test_what_is_suggested_where_hours_tell_nothing(
    view: View, suggested: str, certainty: str
) -> None:
    verdict = core.weigh(view, NOBODY, [], RULES)
    assert (verdict.event_type, verdict.certainty) == (suggested, certainty)
    assert verdict.score == pytest.approx(sum(term.weight for term in verdict.terms))


@pytest.mark.long
def test_every_weight_works_the_way_it_is_said_to() -> None:
    """More that speaks for a blast never makes one less likely, wherever and whenever."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        times = np.concatenate(
            [times_of_blasts(rng, int(rng.integers(0, 40))), rng.uniform(1.388e9, 1.42e9, 15)]
        )
        hours, days = core.solar_hour(times, LONGITUDE), core.solar_day(times, LONGITUDE)
        place = core.place_of(hours, days, RULES)
        view = View(float(rng.uniform(0, 24)), int(rng.integers(0, 7)), 5.0, kr=7.0)
        score = core.weigh(view, place, hours, RULES).score
        said = (Said("A", "quarry blast", "suspected"),)
        deep = replace(view, depth_km=30.0, depth_is_free=True)
        assert core.weigh(replace(view, source=QUARRY), place, hours, RULES).score > score
        assert core.weigh(replace(view, reports=said), place, hours, RULES).score > score
        assert core.weigh(deep, place, hours, RULES).score < score


def test_percentiles_count_half_of_the_equal_ones() -> None:
    assert core.percentile(0.5, [0.1, 0.5, 0.9, 1.0]) == pytest.approx(37.5)
    assert core.percentile(0.5, []) is None
