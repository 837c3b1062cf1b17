"""Station corrections as versions: estimated by a command, kept as they are, applied when asked."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from catalog.formats import by_code
from catalog.formats.records import ArrivalRecord, PickRecord, StationReference
from catalog.models import Origin, Station, User
from processing.core import geodesy
from processing.jobs import station_corrections as job
from processing.models import CorrectionSet, StationCorrection
from tests.processing.bulletins import START, associate, event, lay, recompute
from tests.processing.late_stations import Quake, network, quakes

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

NET = network(5, stations=9)
QUAKES = quakes(NET, 26, seed=6, noise_s=0.1)
HOUR = 3600.0


def stations() -> list[Station]:
    return [
        Station.objects.create(code=f"LS{i}", point=Point(lon, lat, srid=4326), elevation_m=0.0)
        for i, (lat, lon) in enumerate(NET.places)
    ]


def record(quake: Quake, name: str, seconds: float, synthetic: bool = False):
    """Return an agency's report of an earthquake, a little off, with its readings."""
    picks = tuple(
        PickRecord(
            f"{name}-{n}", StationReference(f"LS{station}"),
            START + timedelta(seconds=seconds + onset), phase_hint=wave,
        )
        for n, ((station, wave), onset) in enumerate(quake.onsets.items())
    )  # fmt: skip
    arrivals = tuple(ArrivalRecord(p.pick_id, phase=p.phase_hint) for p in picks)
    return event(
        name, seconds + 0.4, quake.latitude + 0.04, quake.longitude, picks=picks, arrivals=arrivals,
        synthetic=synthetic,
    )  # fmt: skip


def lay_all(made: list[Quake], synthetic: bool = False) -> None:
    """Store earthquakes an hour apart, read at stations that are late, and locate them."""
    records = [record(q, f"q{n}", n * HOUR, synthetic) for n, q in enumerate(made)]
    associate(lay("SOME", *records))
    recompute()


def run(version: str, *arguments: object) -> str:
    out = StringIO()
    call_command("estimate_corrections", *arguments, version=version, stdout=out, stderr=StringIO())
    return out.getvalue()


def a_set(version: str = "v1", **values: object) -> CorrectionSet:
    said = {
        "earth_model": "regional", "method_id": "m", "event_count": 1, "first_event": START,
        "last_event": START, **values,
    }  # fmt: skip
    return CorrectionSet.objects.create(version=version, **said)


def test_a_version_is_estimated_told_and_applied(tmp_path):
    located = stations()
    lay_all(QUAKES)
    told = run("2026-1", "--max-gap", "300")
    made = CorrectionSet.objects.get()
    assert (made.version, made.earth_model, made.synthetic) == ("2026-1", "regional", False)
    assert made.method_id.startswith("kz-portal/") and made.parameters["settled"]
    assert made.event_count >= 20 and made.first_event < made.last_event
    assert "version 2026-1 for regional: 18 corrections" in told
    assert Origin.objects.current().computed().count() == len(QUAKES)  # nothing was stored of them

    found = job.corrections_of("2026-1")
    assert job.versions_for("regional") == ["2026-1"]
    delays = {(located[int(s)].pk, wave): late for (s, wave), late in NET.delays.items()}
    assert found.keys() == delays.keys()
    rows = made.corrections.filter(wave="P")
    total = sum(r.reading_count for r in rows)
    assert sum(r.correction_s * r.reading_count for r in rows) / total == pytest.approx(0, abs=1e-9)
    mean = sum(delays[r.station_id, "P"] * r.reading_count for r in rows) / total
    for row in made.corrections.all():
        late = delays[row.station_id, row.wave] - mean
        assert row.correction_s == pytest.approx(late, abs=0.2), str(row)
        assert 0.0 < row.standard_error < 0.1

    run("stored", "--max-gap", "300", "--passes", "0")
    stored = CorrectionSet.objects.get(version="stored")
    assert (stored.parameters["passes"], stored.parameters["settled"]) == (0, False)
    assert job.versions_for("regional") == ["stored", "2026-1"]
    assert job.corrections_of("stored") == pytest.approx(found, abs=0.5)

    plain, corrected = apart_km(tmp_path), apart_km(tmp_path, "--corrections", "2026-1")
    assert sorted(corrected)[3] < 0.6 * sorted(plain)[3]


def apart_km(folder: Path, *arguments: str) -> list[float]:
    """Return how far from the truth a file's other earthquakes are located by the command."""
    others = quakes(NET, 7, seed=77, noise_s=0.1)
    write = by_code("quakeml").write
    assert write is not None
    path = folder / "bulletin.xml"
    path.write_text("".join(write([record(q, f"o{n}", n * HOUR) for n, q in enumerate(others)])))
    out = StringIO()
    call_command("locate", path, "--json", "--arrivals", *arguments, stdout=out, stderr=StringIO())
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    for one in told:
        assert one.get("corrections") == (arguments[1] if arguments else None)
        assert one.get("corrected", 0) == (one["associated"] if arguments else 0)
        assert all(("correction" in a) == bool(arguments) for a in one["arrivals"])
    return [
        float(geodesy.ellipsoid_distance_km(q.latitude, q.longitude, t["latitude"], t["longitude"]))
        for q, t in zip(others, told, strict=True)
    ]


def test_synthetic_events_are_used_only_when_asked_for_and_alone():
    stations()
    lay_all(QUAKES[:8], synthetic=True)
    little = ("--min-events", "5", "--min-readings", "3", "--max-gap", "300", "--passes", "1")
    with pytest.raises(CommandError, match="0 events are good enough, 5 are needed"):
        run("v", *little)
    assert "synthetic events" in run("v", "--synthetic", *little)
    assert CorrectionSet.objects.get().synthetic
    assert job.versions_for("regional") == []
    assert job.versions_for("regional", synthetic=True) == ["v"]
    a_set("real")
    User.objects.create(username="remover")
    call_command("remove_synthetic", user="remover", yes=True, stdout=StringIO())
    assert list(CorrectionSet.objects.values_list("version", flat=True)) == ["real"]
    assert not StationCorrection.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "flat-earth"), "no earth model 'flat-earth'; there are: regional, iasp91"),
        ((), "0 events are good enough, 20 are needed"),
        (("--model", "iasp91", "--passes", "0"), "must be located again"),
        (("--from", "yesterday"), "--from 'yesterday' is not a time"),
        (("--min-readings", "0"), "--min-readings 0 is less than 1"),
    ],
)
def test_what_cannot_be_estimated_says_why(arguments, message):
    with pytest.raises(CommandError, match=message):
        run("v1", *arguments)
    assert not CorrectionSet.objects.exists()


def test_a_version_that_exists_is_not_estimated_again():
    a_set("v1")
    with pytest.raises(CommandError, match="version 'v1' exists and is never edited"):
        run("v1")


def test_corrections_that_cannot_be_applied_say_why(tmp_path):
    a_set("v1", earth_model="iasp91")
    path = tmp_path / "bulletin.xml"
    path.write_text("")
    for arguments, message in (
        (("--corrections", "v2"), "no station corrections of version 'v2'; there are: v1"),
        (("--corrections", "v1"), "'v1' are for --model iasp91, not regional"),
        (("--corrections", "v1", "--stations", str(path)), "of stations of the database"),
    ):
        with pytest.raises(CommandError, match=message):
            call_command("locate", path, *arguments, stderr=StringIO())


def test_a_station_that_stands_elsewhere_in_the_file_is_not_corrected():
    from processing.management.commands.locate import find, from_database

    station = stations()[0]
    places = from_database()

    def known(**values: float) -> int | None:
        place = find(StationReference("LS0", **values), places)
        return place and place.station

    here = {"latitude": station.latitude, "longitude": station.longitude}
    assert known() == known(**here) == station.pk
    assert known(latitude=station.latitude + 0.1, longitude=station.longitude) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"reading_count": 0}, {"standard_error": -0.1}, {"standard_error": float("nan")},
        {"standard_error": float("inf")}, {"correction_s": float("nan")}, {"wave": "L"},
    ],
)  # fmt: skip
def test_the_database_refuses_what_is_no_correction(wrong):
    good = {"wave": "P", "correction_s": 0.2, "standard_error": 0.1, "reading_count": 12}
    common = {"set": a_set(), "station": stations()[0]}
    StationCorrection.objects.create(**common, **good)
    with pytest.raises(IntegrityError), transaction.atomic():
        StationCorrection.objects.create(**common, **{**good, "wave": "S", **wrong})
    with pytest.raises(IntegrityError), transaction.atomic():
        StationCorrection.objects.create(**common, **good)


def test_what_was_estimated_is_neither_edited_nor_deleted():
    made = a_set()
    StationCorrection.objects.create(
        set=made, station=stations()[0], wave="P", correction_s=0.2, standard_error=0.1,
        reading_count=12,
    )  # fmt: skip
    for statement in (
        "UPDATE processing_stationcorrection SET correction_s = 0.3",
        "UPDATE processing_correctionset SET synthetic = true",
        "DELETE FROM processing_stationcorrection",
        "DELETE FROM processing_correctionset",
    ):
        with (
            pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor
        ):  # fmt: skip
            cursor.execute(statement)
