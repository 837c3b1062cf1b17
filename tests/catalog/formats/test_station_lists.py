"""Lists of stations: told from bulletins, and read; the registry's own where they are at hand."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.formats import station_lists
from catalog.formats.problems import FormatError
from catalog.formats.station_lists import StationLine, Unread

GOLDEN = Path(__file__).parents[2] / "golden"
SHARED = Path(__file__).parents[4] / "shared" / "data"

REGISTRY = b"KRBS, KRBS, 43.70000, 76.10000, 700.0\nMDO, MDO, 57.44000, -4.36000, 380.0\n"
COLUMNS = b"".join(
    b" %-5s %-50s%10s%10s%9s%3s%7s  %7s  %s\n" % row
    for row in (
        (b"KRBS", b"Karabas", b"43.7000", b"76.1000", b"700.0", b"", b"1994001", b"2286324", b"L"),
        (b"OLD", b"", b"42.0000", b"-116.0560", b"0.0", b" T ", b"1966228", b"1977001", b"L"),
        (b"NDI*", b"Star", b"28.4763", b"77.2167", b"207.0", b"", b"1942001", b"1949363", b""),
        *((b"A%d" % n, b"", b"1.0000", b"2.0000", b"3.0", b"", b"", b"", b"L") for n in range(10)),
    )
)  # fmt: skip
DEPLOYMENTS = b"""FDSN.IR.KRBS.--:43.70000 76.10000 700.0
* <EOE>
FDSN.QZ.SGDS.00:43.9 77.4 650.0
* <EOE>
FDSN.QZ.SGDS.10:43.9 77.4 650.0
* <EOE>
FDSN.QZ.MOVED.--:43.9 77.4 650.0
* <EOE>
FDSN.QZ.MOVED.--:43.8 77.3 650.0
* <EOR>
"""
FDSN_TEXT = b"""#Network|Station|Latitude|Longitude|Elevation|SiteName|StartTime|EndTime
QZ|SGDS|43.9|77.4|650.0|Sogindy|2003-01-01T00:00:00|2010-02-22T00:00:00
QZ|SGDS|43.8|77.4||Sogindy|2010-02-22T00:00:00|2599-12-31T23:59:59
"""
STATIONXML = b"""<?xml version="1.0" encoding="UTF-8"?>
<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">
 <Network code="QZ">
  <Station code="SGDS" startDate="2003-01-01T00:00:00" endDate="2010-02-22T00:00:00Z">
   <Latitude>43.9</Latitude><Longitude>77.4</Longitude><Elevation>650.0</Elevation>
   <Site><Name>Sogindy</Name></Site>
   <Channel code="BHZ" locationCode=""><Latitude>1</Latitude><Longitude>2</Longitude></Channel>
  </Station>
  <Station code="BAD"><Latitude>91</Latitude><Longitude>77.4</Longitude></Station>
 </Network>
</FDSNStationXML>
"""


def stations(data: bytes) -> tuple[list[StationLine], list[Unread]]:
    items = list(station_lists.read(io.BytesIO(data)))
    return (
        [item for item in items if isinstance(item, StationLine)],
        [item for item in items if isinstance(item, Unread)],
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (REGISTRY, "registry"),
        (COLUMNS, "registry-columns"),
        (DEPLOYMENTS, "deployments"),
        (FDSN_TEXT, "fdsn-text"),
        (FDSN_TEXT.split(b"\n", 1)[1], "fdsn-text"),
        (STATIONXML, "stationxml"),
        (gzip.compress(REGISTRY, mtime=0), "registry"),
        (REGISTRY + b"cut, in the mid", "registry"),
        (b"one, two, 3, 4, 5, 6\nalpha, beta, 3, 4, 5, 6\n", ""),
        (b"KRBS, KRBS, 143.7, 76.1, 700\nMDO, MDO, 157.4, -4.36, 380\n", ""),
        (b"", ""),
    ],
)
def test_a_list_of_stations_is_told_by_its_lines(data: bytes, kind: str) -> None:
    assert station_lists.recognise(data) == kind


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_no_bulletin_is_taken_for_a_list_of_stations(path: Path) -> None:
    assert station_lists.recognise(path.read_bytes()[:65536], path.name) == ""


def test_fixed_columns_of_the_registry_have_days_and_no_invented_elevation() -> None:
    found, (unread,) = stations(COLUMNS)
    assert found[0] == StationLine(
        "KRBS", 43.7, 76.1, 700.0, "", "Karabas", datetime(1994, 1, 1, tzinfo=UTC), None, 1
    )
    assert found[1].elevation_m is None
    assert (found[1].start, found[1].end) == (
        datetime(1966, 8, 16, tzinfo=UTC),
        datetime(1977, 1, 1, tzinfo=UTC),
    )
    assert found[2].start is None
    assert unread.line_number == 3 and "NDI*" in unread.reason


def test_deployments_are_one_station_each_unless_it_moved() -> None:
    found, (unread,) = stations(DEPLOYMENTS)
    assert [(s.network, s.code) for s in found] == [("", "KRBS"), ("QZ", "SGDS")]
    assert unread.line_number == 7 and "several places" in unread.reason


def test_fdsn_text_gives_epochs_and_open_ends() -> None:
    (first, second), unread = stations(FDSN_TEXT)
    assert not unread
    assert first.end == second.start == datetime(2010, 2, 22, tzinfo=UTC)
    assert (second.end, second.elevation_m) == (None, None)


def test_stationxml_gives_stations_and_not_channels() -> None:
    (station,), (unread,) = stations(STATIONXML)
    assert (station.network, station.code, station.site) == ("QZ", "SGDS", "Sogindy")
    assert (station.latitude, station.longitude, station.elevation_m) == (43.9, 77.4, 650.0)
    assert station.end == datetime(2010, 2, 22, tzinfo=UTC)
    assert unread.line_number == 9


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no list at all\n", "wrong-format"),
        (STATIONXML[:-30], "xml-syntax"),
        (
            STATIONXML.replace(b"<FDSN", b'<!DOCTYPE x [<!ENTITY a "b">]><FDSN', 1),
            "xml-doctype",
        ),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refused:
        stations(data)
    assert refused.value.problem.code == code


@pytest.mark.parametrize(
    ("name", "kind", "count", "unread", "makanchi"),
    [
        ("isc_stalist.csv", "registry", 30_432, 50, ("", 46.808, 81.977, 570.0)),
        ("ISC.STN.gz", "registry-columns", 15_882, 61, ("", 46.808, 81.977, 570.0)),
        ("IR2_stalist.txt.gz", "deployments", 40_876, 171, ("KZ", 46.808, 81.977, 567.0)),
        ("IU.KBL.stationxml", "stationxml", 1, 0, None),
    ],
)
def test_the_lists_of_the_registry_are_read(
    name: str,
    kind: str,
    count: int,
    unread: int,
    makanchi: tuple[str, float, float, float] | None,
) -> None:
    path = SHARED / "stations" / name
    if not path.exists():
        pytest.skip(f"../shared/data/stations/{name} is not there")
    data = path.read_bytes()
    assert station_lists.recognise(data[: 64 * 1024], name) == kind
    found, missed = stations(data)
    assert (len(found), len(missed)) == (count, unread)
    if makanchi is not None:
        (station,) = [s for s in found if (s.network, s.code) == (makanchi[0], "MAKZ")]
        assert (station.latitude, station.longitude, station.elevation_m) == makanchi[1:]
