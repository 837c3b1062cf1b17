"""`manage.py import_travel_times` stores a table; `locate` uses one, stored or not."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Agency
from processing.models import TravelTimeTable
from tests.processing.test_locate_command import LATITUDE, LONGITUDE, bulletin, stations
from tests.processing.travel_time_tables import straight

__all__ = ["bulletin", "stations"]  # fixtures


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hodograph.csv"
    path.write_bytes(straight())
    return path


def run(file: Path, *more: object) -> str:
    out = StringIO()
    call_command(
        "import_travel_times", file, "--name", "some", "--agency", "AGA", "--title", "A table",
        "--provenance", "Made for a test.", *more, stdout=out, stderr=out, skip_checks=True,
    )  # fmt: skip
    return out.getvalue()


def located(bulletin: Path, stations: Path, *more: object) -> dict[str, object]:
    out = StringIO()
    call_command(
        "locate", bulletin, "--json", "--stations", stations, *more, stdout=out, stderr=StringIO()
    )
    told: dict[str, object] = json.loads(out.getvalue())
    return told


def test_a_table_is_stored_and_put_in_use(db, file, bulletin, stations):
    Agency.objects.create(code="AGA")
    assert run(file).startswith("some 1: Pg, Sg; 0.00-3.60 deg, 0-30 km")
    assert TravelTimeTable.objects.get().status == "draft"
    assert located(bulletin, stations, "--tables-in-use")["model"] == "kyrgyz+iasp91"
    assert located(bulletin, stations, "--model", "some")["model"] == "some.1+iasp91"
    said = run(file, "--region", "76", "42", "79", "44", "--use")
    assert said.endswith("some 2: in use\n")
    assert located(bulletin, stations, "--tables-in-use")["model"] == "some.2+iasp91"
    assert located(bulletin, stations)["model"] == "kyrgyz+iasp91"


def test_a_bad_table_is_told_by_line_and_not_stored(db, file):
    Agency.objects.create(code="AGA")
    file.write_bytes(straight() + b"Pg,10,5,nan\n")
    said = StringIO()
    with pytest.raises(CommandError, match="bad-table"):
        call_command(
            "import_travel_times", file, "--name", "some", "--agency", "AGA", "--title", "x",
            "--provenance", "x", stderr=said, skip_checks=True,
        )  # fmt: skip
    assert "time_s: found nan" in said.getvalue()
    assert not TravelTimeTable.objects.exists()


def test_an_unknown_agency_is_named(db, file):
    with pytest.raises(CommandError, match="no agency AGA"):
        run(file)


def test_a_table_file_locates_without_being_stored(file, bulletin, stations):
    told = located(bulletin, stations, "--table", file)
    assert told["model"] == "table+iasp91"
    assert told["latitude"] == pytest.approx(LATITUDE, abs=0.2)
    assert told["longitude"] == pytest.approx(LONGITUDE, abs=0.2)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--table", "{file}", "--model", "kyrgyz"), "used alone"),
        (("--table", "/nowhere.csv"), "cannot be read"),
        (("--table", "{stations}"), "1 problems"),
    ],
)
def test_what_cannot_be_located_with_is_said(file, bulletin, stations, more, words):
    given = [word.format(file=file, stations=stations) for word in more]
    with pytest.raises(CommandError, match=words):
        located(bulletin, stations, *given)


def test_a_model_that_nobody_stored_is_named(db, bulletin, stations):
    with pytest.raises(CommandError, match="no model prem"):
        located(bulletin, stations, "--model", "prem")
