"""Names of oblasts; which settlement a name means, in whatever spelling."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from catalog import data, settlements
from catalog.management.commands.seed_reference import seed_settlements
from catalog.models import Settlement
from catalog.place_names import Bearing, bearing_of, edit_distance, key, letters_of
from catalog.settlements import OBLASTS, oblast_of


def test_every_oblast_of_the_shipped_settlements_has_a_name() -> None:
    file = Path(data.__file__).parent / "settlements.tsv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        codes = {
            row["region_code"]
            for row in csv.DictReader(stream, delimiter="\t")
            if row["country"] == "KZ"
        }
    assert codes - {"00"} == set(OBLASTS)
    with translation.override("en"):
        assert len({str(name) for name in OBLASTS.values()}) == len(OBLASTS)
        assert oblast_of("KZ", "02") == "Almaty city"
    assert oblast_of("KZ", "00") == oblast_of("KG", "01") == ""


# --- Spellings -----------------------------------------------------------------------------------

SPELLINGS = [
    (
        "Узынагаш",
        "Ұзынағаш",
        "Uzynagash",
        "Uzynaghash",
        "Uzınağaş",
        "с. Узынагаш",
        "Ұзынағаш ауылы",
    ),
    ("Жаркент", "Zharkent", "Jarkent", "Djarkent", "Джаркент", "г. Жаркент", "Jarkent city"),
    ("Қаскелең", "Каскелен", "Kaskelen", "Qaskeleng"),
    ("Нарынқол", "Нарынкол", "Narynkol", "Narynqol", "пос. Нарынкол"),
    ("Хоргос", "Khorgos", "Horgos"),
    ("Шелек", "Shelek", "Şelek"),
    ("Өскемен", "Оскемен", "Oskemen", "Öskemen", "қ. Өскемен"),
    ("Талды-Курган", "Талдыкурган", "Taldykurgan", "Taldy-Kurgan"),
]


@pytest.mark.parametrize("names", SPELLINGS, ids=lambda names: names[0])
def test_spellings_of_one_name_have_one_key(names: tuple[str, ...]) -> None:
    assert len({key(name) for name in names}) == 1


@given(st.text(max_size=30))
def test_the_key_of_a_key_is_itself(text: str) -> None:
    assert key(key(text)) == key(text)


@given(st.text("abcde", max_size=8), st.text("abcde", max_size=8))
def test_edit_distance_is_a_metric_and_letters_bound_it(one: str, other: str) -> None:
    away = edit_distance(one, other, 9)
    assert away == edit_distance(other, one, 9)
    assert (away == 0) == (one == other)
    assert (letters_of(one) ^ letters_of(other)).bit_count() <= 2 * away


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12 км ЮЗ от Алматы", Bearing("SW", "Алматы", 12.0)),
        ("5 km SE of Talgar", Bearing("SE", "Talgar", 5.0)),
        ("в 76 км к западу от Алматы", Bearing("W", "Алматы", 76.0)),
        ("Кеген", None),
    ],
)
def test_a_direction_in_a_text_is_read(text: str, expected: Bearing | None) -> None:
    assert bearing_of(text) == expected


# --- Against the shipped settlements -------------------------------------------------------------


@pytest.fixture(scope="module")
def gazetteer(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        Settlement.objects.all().delete()
        seed_settlements()
        yield
        Settlement.objects.all().delete()


def names_of(found: list[settlements.Proposal]) -> list[str]:
    return [one.place.name_en for one in found]


def test_every_settlement_finds_itself_by_each_of_its_names(gazetteer: None, db: None) -> None:
    by_key = settlements.read_gazetteer().by_key
    for row in Settlement.objects.all():
        names = {row.name_en, row.name_ru, row.name_kk, *row.old_names, *row.other_names}
        for name in filter(key, names):
            assert row.pk in {place.settlement_id for place, _n in by_key[key(name)]}, name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Узун-Агач", "Uzynagash"),
        ("Верный", "Almaty"),
        ("г. Алма-Ата", "Almaty"),
        ("Frunze", "Bishkek"),
        ("Jarkent", "Zharkent"),
        ("Пржевальск", "Karakol"),
        ("Нарынкол", "Narynkol"),
    ],
)
def test_one_settlement_is_meant(gazetteer: None, db: None, text: str, expected: str) -> None:
    found = settlements.proposals(text, near=(43.0, 77.0))
    meant = settlements.the_one(found)
    assert meant is not None and meant.place.name_en == expected


def test_a_name_misspelt_is_proposed_and_not_taken(gazetteer: None, db: None) -> None:
    found = settlements.proposals("Талгарр-Алматыы")
    assert not found
    found = settlements.proposals("Усть-Каменнагорск")
    assert names_of(found) == ["Ust-Kamenogorsk"] and found[0].errors == 1
    assert settlements.the_one(found) is None


def test_two_of_one_name_are_told_apart_by_a_person_or_by_coordinates(
    gazetteer: None, db: None
) -> None:
    found = settlements.proposals("Аксу", near=(43.0, 77.0))
    assert len(found) >= 3 and settlements.the_one(found) is None
    assert [one.distance_km for one in found] == sorted(one.distance_km or 0 for one in found)
    meant = settlements.the_one(found, place=(52.04, 76.93))
    assert meant is not None and meant.place.region_code == "11"


def test_an_old_name_and_another_spelling_are_candidates(gazetteer: None, db: None) -> None:
    found = settlements.candidates(["Верный", "Uzynaghash", "Жоқ жер"])
    (verny,) = found["верный"]
    assert verny.population > 1_000_000
    assert len(found["uzynaghash"]) == 1
    assert "жоқ жер" not in found


def test_settlements_around_a_point_come_nearest_first(gazetteer: None, db: None) -> None:
    found = settlements.around((43.24, 76.95), maxradius_km=60, minpopulation=30_000)
    assert [one.names["en"] for one in found][:2] == ["Almaty", "Talgar"]
    assert all((one.distance_km or 99) <= 60 and (one.population or 0) >= 30_000 for one in found)


def test_the_api_tells_settlements_around_a_point(gazetteer: None, db: None) -> None:
    address = "/api/v1/settlements"
    asked = {"latitude": "43.24", "longitude": "76.95", "minpopulation": "30000", "lang": "ru"}
    answer = Client().get(address, asked | {"maxradiuskm": "60"})
    told = answer.json()
    assert "GeoNames" in told["attribution"] and told["count"] == len(told["settlements"])
    assert told["settlements"][0]["name"] == "Алматы"
    assert "Верный" in told["settlements"][0]["old_names"]
    again = Client().get(
        address, asked | {"maxradiuskm": "60"}, headers={"if-none-match": answer["ETag"]}
    )
    assert again.status_code == 304
    for wrong in ({"latitude": "95"}, {"maxradiuskm": "5000"}, {"colour": "red"}):
        assert Client().get(address, asked | wrong).status_code == 400, wrong
    for lacking in ({"latitude": "43"}, {"maxradiuskm": "10"}):
        assert Client().get(address, lacking).status_code == 400
    largest = Client().get(address).json()["settlements"][0]
    assert largest["distance_km"] is None and largest["population"] > 1_000_000


def test_the_maps_search_knows_old_names_and_other_spellings(gazetteer: None, db: None) -> None:
    for text, expected in (
        ("Верны", "Almaty"),
        ("Uzınağaş", "Uzynagash"),
        ("Карагонда", "Karaganda"),
    ):
        assert settlements.found_by(text, 3)[0].names["en"] == expected, text
