"""StationXML becomes stations and channels: the later file stands, the same changes nothing."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command

from catalog.formats.problems import CODES
from catalog.models import (
    Channel,
    Network,
    Station,
    StationDescription,
    StationFile,
    StationFileProblem,
    User,
)
from processing.jobs import station_metadata
from processing.jobs.station_metadata import Refused, store

pytestmark = pytest.mark.django_db

GOLDEN = (Path(__file__).parents[2] / "golden_stations" / "synthetic_stations.xml").read_bytes()
MODELS = (Network, Station, StationDescription, Channel, StationFile, StationFileProblem)


def state() -> list[Any]:
    """Return all rows but what a reading always writes anew."""
    return [
        list(model.objects.order_by("pk").values())
        for model in MODELS
        if model not in (StationFile, StationFileProblem)
    ]


def test_the_same_file_twice_is_the_same_result() -> None:
    file, is_new = store("a.xml", GOLDEN)
    assert is_new and (file.station_count, file.channel_count, file.response_count) == (2, 6, 5)
    assert file.problem_count == file.problems.count() == 5
    before = state()
    again, is_new = store("b.xml", GOLDEN)
    assert (again.pk, is_new, again.name) == (file.pk, False, "a.xml")
    assert state() == before
    assert again.problems.count() == 5


def test_a_later_file_replaces_channels_of_the_same_identity() -> None:
    store("a.xml", GOLDEN)
    before = {c.pk: c.updated_at for c in Channel.objects.all()}
    later = GOLDEN.replace(b"629145600", b"1000", 1).replace(b"<Value>A vault", b"<Value>No vault")
    file, _ = store("later.xml", later)
    assert Channel.objects.count() == len(before)
    (changed,) = Channel.objects.exclude(pk__in=before)
    assert (changed.code, changed.sensitivity, changed.file) == ("BHZ", 1000.0, file)
    assert {c.pk: c.updated_at for c in Channel.objects.filter(pk__in=before)}.items() <= (
        before.items()
    )
    assert changed.station.description.file == file
    assert changed.station.updated_at > max(before.values())


def real(name: bytes = b"Q") -> bytes:
    """Return the golden file as that of a station nobody invented."""
    text = GOLDEN.replace(b"SYNTHETIC, not real", b"as if").replace(b"SYNTHETIC", b"as if")
    return text.replace(b"SYA", name)


def test_an_epoch_of_a_list_is_taken_over_and_goes_on_beginning_when_it_did() -> None:
    network = Network.objects.create(code="XS", name_en="Known by this name")
    row = Station.objects.create(network=network, code="Q", point=Point(70, 40), name_kk="Q")
    store("a.xml", real())
    found = Station.objects.get(code="Q")
    assert (found.pk, found.start, found.name_kk, found.name_en) == (row.pk, None, "Q", "Example A")
    assert (found.latitude, found.description.start.year, found.channels.count()) == (
        43.21, 2006, 4,
    )  # fmt: skip
    network.refresh_from_db()
    assert (network.name_en, network.start.year) == ("Known by this name", 2005)
    before = state()
    store("a.xml", real())
    assert state() == before


def test_a_made_up_station_does_not_take_the_place_of_a_real_one() -> None:
    network = Network.objects.create(code="XS")
    Station.objects.create(network=network, code="SYA", point=Point(70, 40))
    file, _ = store("a.xml", GOLDEN)
    assert file.station_count == 1
    assert "made-up-station" in file.problems.values_list("code", flat=True)
    assert not Station.objects.get(code="SYA").synthetic


def test_a_second_epoch_at_the_same_time_is_told_and_left_out() -> None:
    whole = GOLDEN.decode()
    head, _, rest = whole.partition('    <Station code="SYB"')
    body, _, tail = rest.partition("    </Station>\n")
    twice = f'{head}    <Station code="SYB"{body}    </Station>\n    <Station code="SYB"'
    twice += body.replace("2010-01-01", "2011-01-01", 1) + "    </Station>\n" + tail
    file, _ = store("a.xml", twice.encode())
    assert file.station_count == 2
    assert "overlapping-epochs" in file.problems.values_list("code", flat=True)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"<html/>", "wrong-format"),
        (b"<!DOCTYPE x><FDSNStationXML/>", "xml-doctype"),
        (GOLDEN.replace(b"<Station ", b"<Other ").replace(b"</Station>", b"</Other>"), ""),
        (GOLDEN.replace(b"<Latitude>", b"<Latitude>north"), "not-a-number"),
    ],
)
def test_a_file_without_a_station_leaves_nothing(content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        store("a.xml", content)
    assert refused.value.problem.code == (code or "missing-field")
    assert refused.value.problem.code in CODES
    assert not any(model.objects.exists() for model in MODELS)


def test_a_file_larger_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_metadata, "MAX_BYTES", 100)
    with pytest.raises(Refused) as refused:
        store("a.xml", GOLDEN)
    assert refused.value.problem.code == "file-too-large"


def test_the_command_stores_and_tells(tmp_path: Path) -> None:
    path = tmp_path / "golden.xml"
    path.write_bytes(GOLDEN)
    out, err = StringIO(), StringIO()
    call_command("import_stationxml", path, stdout=out, stderr=err)
    assert "2 stations, 6 channels, 5 responses, 5 problems" in out.getvalue()
    assert "line 15: foreign-element" in err.getvalue()
    path.write_bytes(b"x")
    with pytest.raises(CommandError, match="wrong-format"):
        call_command("import_stationxml", path)


def test_invented_stations_go_with_their_channels_and_their_file() -> None:
    User.objects.create_user("anna")
    store("a.xml", GOLDEN)
    file, _ = store("real.xml", real())
    call_command("remove_synthetic", "--yes", "--user", "anna", stdout=StringIO())
    assert [s.code for s in Station.objects.all()] == ["Q"]
    assert list(StationFile.objects.all()) == [file]
