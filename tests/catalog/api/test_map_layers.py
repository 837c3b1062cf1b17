"""What the map draws beside epicentres: stations, mechanisms, intensities, places by name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.test import Client

from catalog.api import map_layers, openapi
from catalog.models import (
    Agency,
    Event,
    EventRow,
    FocalMechanism,
    IntensityObservation,
    Network,
    Settlement,
    Station,
)
from tests.catalog.api.test_views import validator
from tests.catalog.shop import Shop

pytestmark = pytest.mark.django_db

CLIENT = Client()
#: Addresses whose answer was held against the document; one of each is enough.
CHECKED: set[str] = set()


def get(path: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CLIENT.get(f"/api/v1/map/{path}", headers=named)


def rows(path: str) -> list[dict[str, Any]]:
    answer = get(path)
    assert answer.status_code == 200, answer.content
    told = answer.json()
    if (address := path.partition("?")[0]) not in CHECKED:
        validator(openapi.document(), "MapRows").validate(told)
        CHECKED.add(address)
    assert told["count"] == len(told["rows"])
    assert get(path, if_none_match=answer["ETag"]).status_code == 304
    return [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]


def point(latitude: float, longitude: float) -> Point:
    return Point(longitude, latitude, srid=4326)


def test_stations_are_told_once_by_their_latest_epoch(shop: Shop) -> None:
    assert rows("stations.json") == []
    some, kndc = Agency.objects.get(code="SOME"), Agency.objects.get(code="KNDC")
    network = Network.objects.create(code="KZ", operator=kndc)
    moved = datetime(2000, 1, 1, tzinfo=UTC)
    for start, end, latitude in ((None, moved, 43.0), (moved, None, 43.1)):
        Station.objects.create(
            network=network, code="TST", start=start, end=end, point=point(latitude, 77),
            name_en="Test", name_kk="Сынақ", elevation_m=700, synthetic=True,
        )  # fmt: skip
    array = Station.objects.create(
        network=network, code="ARR", kind="array", point=point(48, 70), end=moved
    )
    Station.objects.create(
        agency=some, code="A01", kind="array element", array=array, point=point(48, 70)
    )
    first, second, third = rows("stations.json?lang=kk")
    assert (first["id"], first["kind"], first["open"], first["elevation_m"]) == (
        "KZ.ARR", "array", False, None,
    )  # fmt: skip
    assert first["end"] == 946684800000
    assert (second["id"], second["agency"], second["network"]) == ("KZ.TST", "KNDC", "KZ")
    assert (second["lat"], second["lon"], second["name"]) == (43.1, 77, "Сынақ")
    assert (second["start"], second["end"], second["open"]) == (946684800000, None, True)
    assert second["synthetic"] and not third["synthetic"]
    assert (third["id"], third["array"], third["agency"]) == ("SOME.A01", "KZ.ARR", "SOME")
    assert rows("stations.json?lang=ru")[1]["name"] == "Test"


def test_mechanisms_are_the_preferred_ones_the_largest_first(shop: Shop, monkeypatch: Any) -> None:
    (full,) = rows("mechanisms.json")
    assert full["id"] == shop.full.public_id
    assert [full[f"{name}_1"] for name in ("strike", "dip", "rake")] == [10, 20, 30]
    assert full["strike_2"] is full["tensor"] is None
    assert full["agency"] == "ISC" and full["quality"] == ""
    tensor, incomplete, other = shop.small[:3]
    for event, values in (
        (tensor, {"mrr": 1, "mtt": 2, "mpp": -3, "mrt": 0, "mrp": 5e17, "mtp": 6}),
        (incomplete, {"strike_1": 10, "dip_1": 20, "strike_2": 1, "dip_2": 2}),
        (other, {"strike_1": 1, "dip_1": 2, "rake_1": 3}),
    ):
        mechanism = FocalMechanism.objects.create(event=event, **values)
        if event is not other:  # one that is not preferred
            Event.objects.filter(pk=event.pk).update(preferred_focal_mechanism=mechanism)
    EventRow.objects.filter(pk=tensor.pk).update(kr=18, magnitude=None)
    found = rows("mechanisms.json")
    assert [row["id"] for row in found] == [tensor.public_id, shop.full.public_id]
    assert found[0]["tensor"] == [1, 2, -3, 0, 5e17, 6] and found[0]["strike_1"] is None
    assert rows("mechanisms.json?maxkr=1") == []
    monkeypatch.setattr(map_layers, "ROWS_MOST", 1)
    cut = get("mechanisms.json?starttime=1900-01-01").json()
    assert (cut["count"], cut["truncated"], cut["rows"][0][0]) == (1, True, tensor.public_id)
    assert get("mechanisms.json?minkr=x").json()["problems"][0]["word"] == "minkr"
    assert get("mechanisms.json?limit=1").status_code == 400


def test_intensities_are_told_where_they_lie_in_the_readers_language(shop: Shop) -> None:
    some = Agency.objects.get(code="SOME")
    almaty = Settlement.objects.create(
        name_en="Almaty", name_ru="Алматы", name_kk="", point=point(43.25, 76.92), country="KZ"
    )

    def observed(event: Event, **values: Any) -> None:
        IntensityObservation.objects.create(event=event, agency=some, **values)

    old, new = shop.full, shop.small[-1]
    observed(old, settlement=almaty, place="Verny", minimum=3, maximum=4, scale="MSK-64")
    observed(new, place="A house", point=point(43.5, 77.5), best=2)
    observed(new, settlement=almaty, place="Almaty", point=point(43.3, 76.95), best=5)
    observed(new, settlement=almaty, place="Almaty", felt=False)
    observed(new, place="Nowhere", best=9)
    observed(new, settlement=almaty, place="Once", best=8, superseded_at=datetime.now(UTC))
    found = rows("intensities.json?lang=ru")
    assert [(row["id"], row["place"], row["best"], row["felt"]) for row in found] == [
        (new.public_id, "Алматы", 5, None),
        (new.public_id, "A house", 2, None),
        (new.public_id, "Алматы", None, False),
        (old.public_id, "Алматы", None, None),
    ]
    assert (found[0]["lat"], found[0]["lon"]) == (43.3, 76.95)
    assert (found[3]["lat"], found[3]["lon"]) == (43.25, 76.92)
    assert (found[3]["minimum"], found[3]["maximum"], found[3]["scale"]) == (3, 4, "MSK-64")
    assert found[0]["agency"] == "SOME" and found[0]["calculated"] is False
    assert rows("intensities.json?lang=kk")[0]["place"] == "Almaty"
    assert [row["id"] for row in rows("intensities.json?endtime=1980-01-01")] == [old.public_id]


def test_places_are_found_by_any_name(shop: Shop) -> None:
    for names, population, country, region, others in (
        (("Talgar", "Талгар", "Талғар"), 43353, "KZ", "01", ["Talghar"]),
        (("Taldykorgan", "Талдыкорган", "Талдықорған"), 116558, "KZ", "12510144", []),
        (("Talas", "Талас", ""), 35172, "KG", "06", []),
        (("Ust-Talovka", "Усть-Таловка", ""), None, "KZ", "15", ["Tal_1%"]),
    ):
        en, ru, kk = names
        Settlement.objects.create(
            name_en=en, name_ru=ru, name_kk=kk, population=population, country=country,
            region_code=region, other_names=others, point=point(43, 77),
        )  # fmt: skip

    def names(text: str, language: str = "en") -> list[str]:
        return [row["name"] for row in rows(f"places.json?q={text}&lang={language}")]

    assert names("tal") == ["Taldykorgan", "Talgar", "Talas", "Ust-Talovka"]
    assert names("ТАЛҒ", "kk") == ["Талғар"]
    assert names("талд", "ru") == ["Талдыкорган"]
    assert names("korg") == ["Taldykorgan"]
    assert names("_1%25") == ["Ust-Talovka"] and names("__") == []
    assert names("zzz") == []
    (talgar,) = rows("places.json?q=talgh&lang=ru")
    assert (talgar["name"], talgar["matched"]) == ("Талгар", "Talghar")
    first, *_others = rows("places.json?q=taldy")
    assert (first["matched"], first["country"], first["population"]) == ("", "KZ", 116558)
    assert first["oblast"] == "Jetisu Region"
    assert (first["lat"], first["lon"]) == (43, 77)
    assert rows("places.json?q=talas")[0]["oblast"] == ""
    assert rows("places.json")[0]["name"] == "Taldykorgan"
    for wrong in ("a", "", "x" * 61, "%00%00", "ab&q=cd", "a&limit=5"):
        answer = get(f"places.json?q={wrong}")
        assert answer.status_code == 400 and answer.json()["problems"], wrong
