"""Seeds are added once, kept when corrected, and true to their sources."""

from __future__ import annotations

import gzip
import io
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog.formats import Limits, catalogue_csv
from catalog.formats.problems import Problem
from catalog.formats.records import EventRecord
from catalog.management.commands.seed_reference import DATA, rows
from catalog.models import (
    Agency,
    AuthoritativeArea,
    PreferenceRuleSet,
    Settlement,
    Station,
    StationAlias,
    User,
)
from tests.catalog.shop import empty
from tests.conftest import sow

REGISTRY = "KRBS, KRBS, 43.70000, 76.10000, 700.0\nMDO, MDO, 57.44000, -4.36000, 380.0\n"


def run(name: str, *arguments: Any) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def reference(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The reference data, committed once for the module; what a test adds is rolled back."""
    with django_db_blocker.unblock():
        empty()
        sow()
        run("seed_reference")
        yield
        empty()


@pytest.fixture
def seeded(reference: None, db: None) -> None:
    """A database that holds the reference data."""


@pytest.fixture
def unseeded(seeded: None) -> None:
    """A database without them, whichever test came first."""
    empty()


def test_second_run_adds_nothing(seeded: None) -> None:
    assert "nothing missing" in run("seed_reference")


def test_what_staff_corrected_is_kept(seeded: None) -> None:
    Agency.objects.filter(code="SOME").update(name_en="corrected")
    run("seed_reference")
    assert Agency.objects.get(code="SOME").name_en == "corrected"


def test_agency_met_in_a_bulletin_gets_its_details(unseeded: None) -> None:
    Agency.objects.create(code="SOME", is_provisional=True)
    run("seed_reference")
    agency = Agency.objects.get(code="SOME")
    assert not agency.is_provisional
    assert agency.name_ru
    assert agency.successor is not None
    assert agency.successor.code == "NNCSNI"


def test_portal_is_the_one_portal_agency(seeded: None, settings: Any) -> None:
    assert Agency.objects.get(is_portal=True).code == settings.PORTAL_AGENCY_CODE


def test_portal_made_by_the_pipeline_gets_its_names(unseeded: None, settings: Any) -> None:
    Agency.objects.create(code=settings.PORTAL_AGENCY_CODE, is_portal=True)
    run("seed_reference")
    assert Agency.objects.get(is_portal=True).name_kk


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
def test_the_rules_name_the_agency_preferred_in_the_areas(
    place: str, longitude: float, latitude: float, agency: str | None, seeded: None
) -> None:
    holding = set(
        AuthoritativeArea.objects.filter(
            area__covers=Point(longitude, latitude, srid=4326)
        ).values_list("name", flat=True)
    )
    rules = PreferenceRuleSet.objects.get(status="in-force").definition["areas"]
    leading = [area["agencies"][0] for area in rules if area["area"] in holding]
    assert (leading[0] if leading else None) == agency, place


def test_settlements_carry_names_in_three_languages(seeded: None) -> None:
    names = {
        row["geonames_id"]: (row["name_en"], row["name_ru"], row["name_kk"])
        for row in Settlement.objects.values("geonames_id", "name_en", "name_ru", "name_kk")
    }
    assert names[609655] == ("Karaganda", "Караганда", "Қарағанды")
    assert names[1518518] == ("Talgar", "Талгар", "Талғар")
    assert names[1526384] == ("Almaty", "Алматы", "Алматы")
    assert len(names) == 2003


def test_old_names_come_with_their_settlement_and_edited_ones_are_left_alone(seeded: None) -> None:
    almaty, semey = (Settlement.objects.get(name_en=name) for name in ("Almaty", "Semey"))
    assert {"Верный", "Алма-Ата"} <= set(almaty.old_names)
    Settlement.objects.filter(pk=almaty.pk).update(old_names=[])
    Settlement.objects.filter(pk=semey.pk).update(old_names=[], edited_at=timezone.now())
    run("seed_reference")
    almaty.refresh_from_db()
    semey.refresh_from_db()
    assert "Верный" in almaty.old_names
    assert semey.old_names == []


def test_every_old_name_is_of_a_shipped_settlement(seeded: None) -> None:
    names = dict(Settlement.objects.values_list("geonames_id", "name_en"))
    for row in rows("old_names.csv"):
        assert names[int(row["geonames_id"])] == row["name_en"]
        assert row["source"]


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


def test_a_list_of_no_known_kind_is_refused(seeded: None, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear colleagues,\n", encoding="utf-8")
    with pytest.raises(CommandError, match="wrong-format"):
        run("import_stations", file)


def test_the_registrys_line_for_a_station_of_a_network_adds_nothing(
    seeded: None, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt.gz"
    lines = "FDSN.IR.SGDS.--:43.90 77.40 650.0\n* <EOE>\nFDSN.QZ.SGDS.--:43.9001 77.4 650.0\n"
    file.write_bytes(gzip.compress(lines.encode()))
    assert run("import_stations", file).startswith("1 stations added, 1 known already, 0 lines")
    assert str(Station.objects.get(code="SGDS")) == "QZ.SGDS"


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


# --- the example bulletins -----------------------------------------------------------------------


def example(name: str) -> list[EventRecord]:
    """Return the events of a shipped bulletin, which must read without a single problem."""
    stored = (DATA / name).read_bytes()
    text = gzip.decompress(stored) if name.endswith(".gz") else stored
    found = list(catalogue_csv.read(io.BytesIO(text), Limits()))
    assert [item for item in found if isinstance(item, Problem)] == []
    return [item for item in found if isinstance(item, EventRecord)]


def test_article_rows_are_good_to_the_minute_and_cite_it() -> None:
    events = example("article_2014.csv")
    assert len(events) == 6
    for event in events:
        assert event.source is not None and "Earthquakes of Northern Eurasia" in event.source
        assert event.origins[0].time.second == 0
        assert event.origins[0].time_uncertainty == 30.0
        assert event.agency is None  # the reading's agency tells it: the year book, not SOME


def test_article_sizes_are_those_printed() -> None:
    sizes = {
        event.event_id: {m.type: m.value for m in event.magnitudes}
        for event in example("article_2014.csv")
    }
    assert sizes == {
        "ENE-1982-12-31-1946": {"KR": 13.7},
        "ENE-2014-06-21-0630": {"KR": 11.7, "MPVA": 5.2, "MS": 4.0},
        "ENE-2014-07-30-2046": {"KR": 9.7},
        "ENE-2014-07-31-1245": {},
        "ENE-2014-08-15-2142": {"KR": 12.1, "MSreg": 4.3},
        "ENE-2014-11-14-0124": {"KR": 13.6, "MPVA": 6.2, "MSreg": 5.3, "Mw": 5.4},
    }


def test_article_carries_consequences_and_the_authors_interpretation() -> None:
    events = {event.event_id: event for event in example("article_2014.csv")}
    damage = events["ENE-2014-11-14-0124"].consequences
    assert [(c.kind, c.count, c.approximate) for c in damage] == [
        ("buildings damaged", 700, True),
        ("buildings damaged", 12, False),
    ]
    (view,) = events["ENE-2014-06-21-0630"].interpretations
    assert view.event_type == "induced or triggered event"
    assert view.author == "Mikhailova, Sokolova, Bekturganova"
    assert events["ENE-2014-06-21-0630"].event_type == "earthquake"


def test_article_intensities_are_those_printed() -> None:
    places = {
        (event.event_id, place.place): (place.minimum, place.maximum, place.felt)
        for event in example("article_2014.csv")
        for place in event.intensities
    }
    assert places == {
        ("ENE-2014-06-21-0630", "epicentre"): (5.0, 5.0, None),
        ("ENE-2014-06-21-0630", "Karaganda"): (None, None, True),
        ("ENE-2014-06-21-0630", "Astana"): (None, None, True),
        ("ENE-2014-08-15-2142", "Almaty"): (4.0, 4.0, None),
        ("ENE-2014-08-15-2142", "Talgar"): (4.0, 4.0, None),
        ("ENE-2014-11-14-0124", "epicentre"): (7.0, 7.0, None),
        ("ENE-2014-11-14-0124", "Almaty"): (3.0, 4.0, None),
    }


def test_usgs_rows_are_all_there() -> None:
    events = example("usgs_1902_2018.csv.gz")
    assert len(events) == 4930
    assert len({event.event_id for event in events}) == 4930
    assert all(event.magnitudes and event.origins[0].depth_km is not None for event in events)
    assert {event.origins[0].time.year for event in events} <= {
        *range(1902, 2014),
        *range(2015, 2019),
    }
