"""`manage.py locate`: a bulletin and a list of stations in, solutions out, nothing stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.formats import by_code
from catalog.formats.records import (
    ArrivalRecord,
    EventRecord,
    OriginRecord,
    PickRecord,
    StationReference,
)
from processing.core import geodesy
from processing.core.earth_models import mixture_at
from processing.core.predictions import codes_of, predict

LATITUDE, LONGITUDE, DEPTH_KM = 43.1, 77.3, 15.0
START = datetime(2014, 11, 14, 1, 24, 16, tzinfo=UTC)
PLACES = [(43.3, 76.9), (42.6, 77.0), (43.9, 77.9), (43.0, 78.4), (42.9, 75.9), (44.5, 76.4)]


@pytest.fixture
def stations(tmp_path: Path) -> Path:
    lines = ["#Network|Station|Latitude|Longitude|Elevation|SiteName|StartTime|EndTime"]
    lines += [
        f"XX|ST{i}|{lat}|{lon}|0.0|Somewhere|2000-01-01T00:00:00|"
        for i, (lat, lon) in enumerate(PLACES)
    ]
    path = tmp_path / "stations.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def bulletin(tmp_path: Path) -> Path:
    latitude, longitude = np.array(PLACES).T
    distance, _ = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(LATITUDE)), LONGITUDE,
        geodesy.geocentric_latitude(latitude), longitude,
    )  # fmt: skip
    travel = predict(
        mixture_at(LATITUDE, LONGITUDE), codes_of(["P"] * 6), distance, np.full(6, DEPTH_KM)
    ).time
    late = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 40.0])
    codes = [*(f"ST{i}" for i in range(6)), "GONE"]
    picks = tuple(
        PickRecord(
            f"p{i}", StationReference(code, network="XX"),
            START + timedelta(seconds=float(([*(travel + late), 20.0])[i])), phase_hint="P",
        )
        for i, code in enumerate(codes)
    )  # fmt: skip
    origin = OriginRecord(
        "o1", START + timedelta(seconds=1), 43.2, 77.2, depth_km=DEPTH_KM,
        arrivals=tuple(ArrivalRecord(p.pick_id, phase="P") for p in picks),
    )  # fmt: skip
    record = EventRecord("", 0, 0, event_id="e1", origins=(origin,), picks=picks)
    write = by_code("quakeml").write
    assert write is not None
    path = tmp_path / "bulletin.xml"
    path.write_text("".join(write([record])))
    return path


@pytest.mark.parametrize("start", [(), ("--no-start",)])
def test_an_event_of_a_file_is_located(bulletin, stations, start):
    out = StringIO()
    call_command(
        "locate", bulletin, "--json", "--arrivals", "--stations", stations, *start, stdout=out,
        stderr=StringIO(),
    )  # fmt: skip
    told = json.loads(out.getvalue())
    assert told["latitude"] == pytest.approx(LATITUDE, abs=0.06)
    assert told["longitude"] == pytest.approx(LONGITUDE, abs=0.06)
    assert told["unknown_stations"] == ["GONE"]
    assert told["model"] == "kyrgyz+iasp91"
    assert [a["reason"] for a in told["arrivals"]].count("outlier") == 1


def test_what_cannot_be_located_says_why(bulletin, stations):
    stations.write_text("\n".join(stations.read_text().splitlines()[:3]) + "\n")
    out = StringIO()
    call_command(
        "locate", bulletin, "--json", "--stations", stations, stdout=out, stderr=StringIO()
    )
    told = json.loads(out.getvalue())
    assert told["error"] == "too_few_arrivals"
    assert told["values"]["stations"] == 2


def test_a_file_of_no_known_format_is_refused(tmp_path, stations):
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleagues,\n")
    with pytest.raises(CommandError, match="no known format"):
        call_command("locate", path, "--stations", stations, stderr=StringIO())
