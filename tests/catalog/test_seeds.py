"""Seeds are added once, kept when corrected, and true to their sources."""

from __future__ import annotations

import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command

from catalog.models import (
    Agency,
    AuthoritativeArea,
    Settlement,
    Station,
    StationAlias,
    User,
)

REGISTRY = "KRBS, KRBS, 43.70000, 76.10000, 700.0\nMDO, MDO, 57.44000, -4.36000, 380.0\n"


def run(name: str, *arguments: Any) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def seeded(db: None) -> None:
    run("seed_reference")


def test_second_run_adds_nothing(seeded: None) -> None:
    assert "nothing missing" in run("seed_reference")


def test_what_staff_corrected_is_kept(seeded: None) -> None:
    Agency.objects.filter(code="SOME").update(name_en="corrected")
    run("seed_reference")
    assert Agency.objects.get(code="SOME").name_en == "corrected"


def test_agency_met_in_a_bulletin_gets_its_details(db: None) -> None:
    Agency.objects.create(code="SOME", is_provisional=True)
    run("seed_reference")
    agency = Agency.objects.get(code="SOME")
    assert not agency.is_provisional
    assert agency.name_ru
    assert agency.successor is not None
    assert agency.successor.code == "NNCSNI"


def test_portal_is_the_one_portal_agency(seeded: None, settings: Any) -> None:
    assert Agency.objects.get(is_portal=True).code == settings.PORTAL_AGENCY_CODE


def test_every_seeded_agency_has_three_names(seeded: None) -> None:
    for agency in Agency.objects.all():
        assert agency.name_en and agency.name_ru and agency.name_kk, agency.code


@pytest.mark.parametrize(
    ("place", "longitude", "latitude", "agency"),
    [
        ("Almaty", 76.945, 43.238, "SOME"),
        ("Kadzhi-Sai", 77.27, 42.10, "SOME"),
        ("Karaganda", 72.97, 49.56, "KNDC"),
        ("Aktau", 51.15, 43.65, "KNDC"),
        ("Tashkent", 69.24, 41.30, None),
        ("Urumqi", 87.6, 43.8, None),
    ],
)
def test_areas_name_the_agency_preferred_there(
    place: str, longitude: float, latitude: float, agency: str | None, seeded: None
) -> None:
    area = (
        AuthoritativeArea.objects.filter(area__covers=Point(longitude, latitude, srid=4326))
        .order_by("-priority")
        .first()
    )
    assert (area.agency.code if area else None) == agency, place


def test_settlements_carry_names_in_three_languages(seeded: None) -> None:
    names = {
        row["geonames_id"]: (row["name_en"], row["name_ru"], row["name_kk"])
        for row in Settlement.objects.values("geonames_id", "name_en", "name_ru", "name_kk")
    }
    assert names[609655] == ("Karaganda", "Караганда", "Қарағанды")
    assert names[1518518] == ("Talgar", "Талгар", "Талғар")
    assert names[1526384] == ("Almaty", "Алматы", "Алматы")
    assert len(names) == 1988


def test_russian_names_have_russian_letters_only(seeded: None) -> None:
    for name in Settlement.objects.exclude(name_ru="").values_list("name_ru", flat=True):
        assert not set(name.lower()) & set("әғқңөұүһіїєўљњ"), name


def test_unknown_population_is_not_zero(seeded: None) -> None:
    assert not Settlement.objects.filter(population=0).exists()


def test_agencies_own_codes_lead_to_their_station(seeded: None) -> None:
    alias = StationAlias.objects.get(agency__code="SOME", code="MDO")
    assert (alias.station.latitude, alias.station.longitude) == (43.1631, 77.0481)


def test_registry_list_is_imported_once_and_brings_its_aliases(
    seeded: None, tmp_path: Path
) -> None:
    file = tmp_path / "stalist.csv"
    file.write_text(REGISTRY + "KNDC, KNDC, 43.21720, 76.96580, 900.0\n", encoding="utf-8")
    assert run("import_stations", file).startswith("2 stations added, 1 known already, 0 lines")
    assert StationAlias.objects.get(agency__code="SOME", code="KRB").station.code == "KRBS"
    assert Station.objects.get(code="KRBS").source == "stalist.csv"
    assert run("import_stations", file).startswith("0 stations added, 3 known already")


def test_fdsn_text_is_imported_with_network_and_epochs(seeded: None, tmp_path: Path) -> None:
    file = tmp_path / "stations.txt"
    file.write_text(
        "#Network | Station | Latitude | Longitude | Elevation | SiteName | StartTime | EndTime\n"
        "QZ|SGDS|43.9|77.4|650.0|Sogindy|2003-01-01T00:00:00|2010-02-22T00:00:00\n"
        "QZ|SGDS|43.8|77.4|640.0|Sogindy|2010-02-22T00:00:00|2599-12-31T23:59:59\n"
        "QZ|SGDS|43.8|77.4|640.0|Sogindy|2011-01-01T00:00:00|\n"
        "QZ|BAD|91|77.4|1|Nowhere|2003-01-01T00:00:00|\n",
        encoding="utf-8",
    )
    told = run("import_stations", file, "--source", "FDSN")
    assert "line 5: " in told and "is not on Earth" in told
    assert "2 stations added, 1 known already, 1 lines not read" in told
    first, second = Station.objects.filter(code="SGDS").order_by("start")
    assert str(first.network) == "QZ"
    assert first.end == second.start
    assert second.end is None


def test_stations_of_an_unknown_agency_are_refused(seeded: None, tmp_path: Path) -> None:
    file = tmp_path / "stalist.csv"
    file.write_text(REGISTRY, encoding="utf-8")
    with pytest.raises(CommandError, match="no agency has the code 'NOBODY'"):
        run("import_stations", file, "--agency", "NOBODY")


def test_staff_user_is_made_once_with_a_private_password(
    db: None, settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "new folder" / "password"
    settings.STAFF_PASSWORD_FILE = str(path)
    assert str(path) in run("ensure_staff_user")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    user = User.objects.get(username="staff")
    assert user.check_password(path.read_text().strip())
    assert user.groups.get() == Group.objects.get(name="administrator")
    user.set_password("changed by its owner")
    user.save()
    assert "unchanged" in run("ensure_staff_user")
    user.refresh_from_db()
    assert user.check_password("changed by its owner")


def test_staff_user_takes_the_password_that_is_kept(
    db: None, settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    path.write_text("kept-before\n")
    settings.STAFF_PASSWORD_FILE = str(path)
    run("ensure_staff_user")
    assert User.objects.get(username="staff").check_password("kept-before")
