"""Community intensity against DYFI's check values; cells against PROJ."""

from __future__ import annotations

import math

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from processing.core import felt

answers = st.fixed_dictionaries(
    {},
    optional={
        question: st.lists(st.sampled_from(list(options)), min_size=1, max_size=4)
        if question == "damage"
        else st.sampled_from(list(options))
        for question, options in felt.INDICES.items()
    }
    | {"others": st.sampled_from(["alone", "nobody", "some", "most", "everyone"])},
)
reports = st.builds(felt.indices, st.booleans(), answers)
#: Not felt and nothing else, or every other answer given as the one that says nothing happened.
not_felt = st.builds(
    felt.indices,
    st.just(False),
    st.fixed_dictionaries(
        {"others": st.sampled_from(["", "alone", "nobody"])},
        optional={
            question: st.sampled_from([[o] if question == "damage" else o for o in options][:1])
            for question, options in felt.INDICES.items()
        },
    ),
)


@pytest.mark.parametrize(
    ("report", "cws", "cdi"),
    [
        ({"felt": 1}, 5, 2.0),
        ({"felt": 1, "motion": 2, "reaction": 1}, 8, 2.7),
        ({"felt": 1, "motion": 4, "reaction": 3, "stand": 0.5, "shelf": 1}, 18, 5.4),
        ({"felt": 1, "motion": 5, "reaction": 5, "stand": 1, "shelf": 2, "damage": 2}, 37, 7.9),
        (
            {"felt": 1, "motion": 5, "reaction": 5, "stand": 1}
            | {"shelf": 3, "picture": 1, "furniture": 1, "damage": 3},
            52,
            9.1,
        ),
        ({"felt": 0}, 0, 1.0),
        ({"felt": 0.36}, 1.8, 2.0),
    ],
)
def test_the_check_values_of_dyfi(report, cws, cdi):
    assert felt.community_weighted_sum([report]) == pytest.approx(cws)
    assert felt.community_decimal_intensity(cws) == cdi


@pytest.mark.parametrize(
    ("cws", "cdi"),
    [(6.53, 2), (8.76, 3), (11.76, 4), (15.78, 5), (21.17, 6), (28.41, 7), (38.13, 8), (51.17, 9)],
)
def test_the_sums_of_whole_grades(cws, cdi):
    assert felt.community_decimal_intensity(cws) == cdi


@pytest.mark.parametrize(
    ("was_felt", "others", "index"),
    [
        (True, "alone", 1),
        (False, "alone", 0),
        (True, "nobody", 0.36),
        (False, "nobody", 0),
        (True, "some", 0.72),
        (False, "some", 0.72),
        (True, "most", 1),
        (False, "everyone", 1),
        (True, "", 1),
    ],
)
def test_what_others_felt_changes_felt(was_felt, others, index):
    assert felt.indices(was_felt, {"others": others}) == {"felt": index}


def test_the_highest_damage_counts_and_what_has_no_index_is_passed_over():
    told = {"damage": ["hairline_cracks", "masonry_fell", "none"], "storey": 9, "shelf": "no"}
    assert felt.indices(True, told) == {"felt": 1, "shelf": 0, "damage": 2}


@pytest.mark.parametrize(
    "told",
    [
        {"damage": [["none"]]},
        {"others": ["some"]},
        {"damage": {"none": 1}},
        {"motion": "wild"},
        {"damage": ["none", "dragon"]},
        {"others": "12"},
        {"stand": 1},
    ],
)
def test_an_unknown_option_is_named(told):
    question = next(iter(told))
    with pytest.raises(ValueError, match=f"{question}: found .* expected"):
        felt.indices(True, told)


def test_a_cell_takes_the_mean_of_indices_over_those_who_answered():
    # felt (1 + 1 + 0) / 3, motion (4 + 2) / 2 of the two who told it.
    told = [{"felt": 1, "motion": 4}, {"felt": 1, "motion": 2}, {"felt": 0}]
    assert felt.community_weighted_sum(told) == pytest.approx(5 * 2 / 3 + 3)


@given(st.lists(reports, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_order_does_not_matter(told, random):
    shuffled = list(told)
    random.shuffle(shuffled)
    assert felt.community_weighted_sum(shuffled) == felt.community_weighted_sum(told)


@given(st.lists(reports, min_size=1, max_size=12), not_felt)
def test_one_who_did_not_feel_it_never_raises_a_cell(told, report):
    before, after = (felt.community_weighted_sum(r) for r in (told, [*told, report]))
    assert after <= before
    assert felt.community_decimal_intensity(after) <= felt.community_decimal_intensity(before)


@given(st.lists(reports, max_size=12))
def test_an_intensity_is_1_or_from_2_to_the_ceiling(told):
    cdi = felt.community_decimal_intensity(felt.community_weighted_sum(told))
    assert cdi == 1.0 or 2.0 <= cdi <= 9.1


@pytest.mark.parametrize(
    ("cdi", "grade"), [(1.0, 1.0), (3.7, 3.5), (3.8, 4.0), (4.25, 4.5), (9.1, 9.0)]
)
def test_other_scales_are_told_in_half_grades(cdi, grade):
    assert felt.equivalent(cdi) == (grade, grade)


# --- Cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "size_km", "code"),
    [
        ((38.2219, -122.6402), 1, "10S 0531 4230 1000"),  # Napa 2014, DYFI's own name
        ((22.9938, 72.5124), 10, "43Q 024 254 10000"),  # Gorkha 2015
        ((43.238, 76.945), 10, "43T 065 478 10000"),  # Almaty
        ((-33.9, 18.4), 10, "34H 025 624 10000"),
        ((60.4, 5.3), 10, "32V 029 670 10000"),  # Bergen: zone 32, not 31
    ],
)
def test_cells_bear_the_names_dyfi_gives_them(place, size_km, code):
    assert felt.cell(*place, size_km).code == code


def test_the_grid_agrees_with_proj_to_a_millimetre(db):
    places = [
        (lat, lon)
        for lat in (-79.9, -33.3, 0.0, 38.2, 43.25, 48.001, 55.4, 83.9)
        for lon in (46.5, 60.0001, 76.9, 87.3)
    ]
    for lat, lon in places:
        zone = felt._zone(lat, lon)
        srid = (32700 if lat < 0 else 32600) + zone
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT ST_X(p), ST_Y(p) FROM ST_Transform(ST_SetSRID(ST_Point(%s, %s), 4326), %s)"
                " AS p",
                [lon, lat, srid],
            )
            x, y = cursor.fetchone()
        easting, northing = felt.utm(lat, lon, zone)
        assert easting == pytest.approx(x / 1000, abs=1e-6)
        assert northing + (10_000 if lat < 0 else 0) == pytest.approx(y / 1000, abs=1e-6)


degrees_north = st.floats(-80, 84)
degrees_east = st.floats(-180, 180, exclude_max=True)


@given(degrees_north, degrees_east, st.sampled_from([1, 10]))
def test_a_point_lies_in_its_cell_whose_sides_are_of_its_size(lat, lon, size_km):
    cell = felt.cell(lat, lon, size_km)
    zone = felt._zone(lat, lon)
    x, y = felt.utm(lat, lon, zone)
    corners = [felt.utm(north, east, zone) for east, north in cell.outline]
    (left, low), (right, high) = corners[0], corners[2]
    assert left - 1e-6 <= x <= right + 1e-6
    assert low - 1e-6 <= y <= high + 1e-6
    assert right - left == pytest.approx(size_km, abs=1e-6)
    assert high - low == pytest.approx(size_km, abs=1e-6)
    assert cell.outline[0] == cell.outline[-1]


@pytest.mark.parametrize("latitude", [-81.0, 84.5, math.nan])
def test_there_are_no_cells_at_the_poles(latitude):
    with pytest.raises(ValueError, match="found"):
        felt.cell(latitude, 0.0, 1)
