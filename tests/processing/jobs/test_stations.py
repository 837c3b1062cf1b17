"""A bare code is not a station: who uses it, where, and when the onset came decide."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.gis.geos import Point

from catalog.exchange import StationQuery
from catalog.formats.records import StationReference
from catalog.models import Agency, Network, Station, StationAlias
from processing.core import travel_times
from processing.core.geodesy import distance_azimuth
from processing.jobs.stations import StationResolver

pytestmark = pytest.mark.django_db

REGISTRY = Path(__file__).parents[4] / "shared" / "data" / "stations" / "isc_stalist.csv"
TALGAR = (42.97, 77.33)  # 2014-08-15 21:42
ORIGIN_TIME = datetime(2014, 8, 15, 21, 42, tzinfo=UTC)

#: The agency's code, the code its site has in the international registry.
OWN_CODES = {
    "MDO": ("SOME", "MDOK"),
    "BTL": ("SOME", "BTLS"),
    "SGD": ("SOME", "SGDS"),
    "KRB": ("SOME", "KRBS"),
    "CNK": ("SOME", "CHKK"),
    "KUR": ("KNDC", "KURBB"),
}


@pytest.fixture(scope="session")
def registry() -> dict[str, tuple[float, float]]:
    """Coordinates of the international registry, read beside the project."""
    if not REGISTRY.exists():
        pytest.skip(f"{REGISTRY.name} is not beside the project: the shared data are absent")
    wanted = {*OWN_CODES, *(code for _, code in OWN_CODES.values()), "PDGK", "AAK"}
    with REGISTRY.open() as lines:
        return {
            row[0]: (float(row[2]), float(row[3]))
            for row in csv.reader(lines, skipinitialspace=True)
            if row[0] in wanted
        }


def station(code: str, place: tuple[float, float], **values: Any) -> Station:
    return Station.objects.create(code=code, point=Point(place[1], place[0], srid=4326), **values)


@pytest.fixture
def both_registries(registry: dict[str, tuple[float, float]]) -> dict[str, Agency]:
    """The international stations under their codes, and the two agencies' aliases."""
    agencies = {name: Agency.objects.create(code=name) for name in ("SOME", "KNDC", "NNC")}
    world = Network.objects.create(code="WW")
    stations = {code: station(code, place, network=world) for code, place in registry.items()}
    for code, (agency, site) in OWN_CODES.items():
        StationAlias.objects.create(agency=agencies[agency], code=code, station=stations[site])
    return agencies


def predicted(place: tuple[float, float], phase: str = "P") -> datetime:
    distance, _ = distance_azimuth(*TALGAR, *place)
    seconds = travel_times.load("iasp91").predict(phase, distance, 10.0).time[0]
    return ORIGIN_TIME + timedelta(seconds=float(seconds))


def query(
    code: str, agency: Agency | None = None, time: datetime | None = None, **values: Any
) -> StationQuery:
    reference = {name: values.pop(name) for name in ("network", "agency_code") if name in values}
    place = values.pop("place", (None, None))
    return StationQuery(
        StationReference(
            code,
            network=reference.get("network"),
            agency=reference.get("agency_code"),
            latitude=place[0],
            longitude=place[1],
        ),
        agency.pk if agency else None,
        time or ORIGIN_TIME,
        ORIGIN_TIME,
        *TALGAR,
        10.0,
        values.pop("phase", "P"),
        time is not None,
    )


def resolve(*queries: StationQuery) -> list[tuple[str | None, str]]:
    answers = StationResolver()(queries)
    names = dict(Station.objects.values_list("pk", "code"))
    return [(names.get(a.station_id or 0), a.problem_code) for a in answers]


@pytest.mark.parametrize("code", OWN_CODES)
def test_the_agencys_own_code_means_its_own_site(
    both_registries: dict[str, Agency], code: str
) -> None:
    agency, site = OWN_CODES[code]
    assert resolve(query(code, both_registries[agency])) == [(site, "")]


@pytest.mark.parametrize("code", OWN_CODES)
def test_the_same_code_from_another_agency_is_not_the_far_station(
    both_registries: dict[str, Agency], code: str
) -> None:
    # Scotland, California, Greece, Africa, Kansas, the Kuriles: all beyond 20 degrees.
    assert resolve(query(code, both_registries["NNC"])) == [(None, "unknown-station")]


@pytest.mark.parametrize("code", OWN_CODES)
def test_coordinates_in_the_file_decide_between_sites(
    both_registries: dict[str, Agency], registry: dict[str, tuple[float, float]], code: str
) -> None:
    site = OWN_CODES[code][1]
    near = (registry[site][0] + 0.002, registry[site][1])
    assert resolve(
        query(code, place=near), query(code, place=registry[code]), query(code, place=(0.0, 0.0))
    ) == [(site, ""), (code, ""), (None, "unknown-station")]


def test_network_and_code_name_a_far_station(both_registries: dict[str, Agency]) -> None:
    assert resolve(query("BTL", network="WW"), query("BTL", network="XX")) == [
        ("BTL", ""),
        (None, "unknown-station"),
    ]


def test_a_bare_code_nearby_is_believed_only_when_the_onset_fits(
    both_registries: dict[str, Agency], registry: dict[str, tuple[float, float]]
) -> None:
    arrival = predicted(registry["AAK"])
    assert resolve(
        query("AAK", time=arrival),
        query("AAK", time=arrival + timedelta(seconds=12)),
        query("AAK", time=arrival + timedelta(seconds=40)),
        query("AAK", time=predicted(registry["AAK"], "S"), phase="S"),
        query("AAK", time=arrival + timedelta(seconds=20), phase="unheard"),
        query("AAK", time=arrival + timedelta(seconds=400), phase="unheard"),
        query("AAK"),  # no onset: the distance alone
        query("NONE"),
    ) == [
        ("AAK", ""),
        ("AAK", ""),
        (None, "unknown-station"),
        ("AAK", ""),
        ("AAK", ""),
        (None, "unknown-station"),
        ("AAK", ""),
        (None, "unknown-station"),
    ]


def test_a_bare_code_without_an_origin_is_not_believed(
    both_registries: dict[str, Agency],
) -> None:
    lost = StationQuery(StationReference("AAK"), None, ORIGIN_TIME)
    assert resolve(lost) == [(None, "unknown-station")]


def test_two_sites_of_one_code_in_reach_are_ambiguous_and_one_site_is_not(db: None) -> None:
    first, second, third = (Network.objects.create(code=code) for code in ("AA", "BB", "CC"))
    station("PDGK", (43.329, 79.490), network=first)
    station("PDGK", (43.330, 79.485), network=second)
    station("TWO", (43.0, 77.0), network=first)
    station("TWO", (43.0, 78.0), network=third)
    answers = StationResolver()([query("PDGK"), query("TWO")])
    assert answers[0].station_id is not None
    assert (answers[1].problem_code, answers[1].expected) == ("ambiguous-station", "AA.TWO, CC.TWO")


def test_the_epoch_open_at_the_time_is_meant(db: None) -> None:
    network = Network.objects.create(code="KZ")
    moved = datetime(2010, 2, 22, tzinfo=UTC)
    before = station("PDGK", (43.4, 79.2), network=network, end=moved)
    after = station("PDGK", (43.329, 79.490), network=network, start=moved)
    early = StationQuery(
        StationReference("PDGK", network="KZ"), None, datetime(2005, 1, 1, tzinfo=UTC)
    )
    answers = StationResolver()([early, query("PDGK", network="KZ"), query("PDGK")])
    assert [a.station_id for a in answers] == [before.pk, after.pk, after.pk]


def test_the_successor_reads_its_predecessors_codes(both_registries: dict[str, Agency]) -> None:
    some, successor = both_registries["SOME"], both_registries["NNC"]
    some.successor = successor
    some.save()
    assert resolve(query("MDO", successor)) == [("MDOK", "")]


def test_a_batch_asks_the_database_a_fixed_number_of_times(
    both_registries: dict[str, Agency], django_assert_max_num_queries: Any
) -> None:
    resolver = StationResolver()
    batch = [query(code, both_registries["SOME"]) for code in (*OWN_CODES, "AAK") * 100]
    with django_assert_max_num_queries(5):
        resolver(batch)
    with django_assert_max_num_queries(0):
        resolver(batch)
