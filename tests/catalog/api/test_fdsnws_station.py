"""The FDSN station service: what the standard says and what ObsPy needs."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from math import acos, cos, degrees, radians, sin
from pathlib import Path

import obspy
import pytest
from django.contrib.gis.geos import Point
from django.test import Client as HttpClient
from django.test import RequestFactory
from lxml import etree
from obspy import UTCDateTime
from obspy.clients.fdsn import Client
from obspy.clients.fdsn.header import FDSNBadRequestException, FDSNNoDataException
from obspy.clients.fdsn.wadl_parser import WADLParser

from catalog import station_documents
from catalog.api import fdsnws_station
from catalog.models import Agency, Channel, Network, Station, StationDescription
from catalog.station_search import LEVELS, MAX_BODY_BYTES, PARAMETERS, StationSearch
from processing.jobs import station_metadata
from tests.catalog.conftest import committing

GOLDEN = Path(__file__).parents[2] / "golden_stations" / "synthetic_stations.xml"
SCHEMA = etree.XMLSchema(
    etree.parse(Path(obspy.__file__).parent / "io/stationxml/data/fdsn-station-1.2.xsd")
)
BASE = "/fdsnws/station/1/"
XML, TEXT = "application/xml", "text/plain"
NS = "{http://www.fdsn.org/xml/station/1}"


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    """Committed stations: two of the golden file, one of a network's list, one of no network."""
    with committing(django_db_blocker):
        station_metadata.store("golden.xml", GOLDEN.read_bytes())
        some = Agency.objects.create(code="SOME", name_en="An agency")
        network = Network.objects.create(code="KZ", name_en="Kazakhstan | all", operator=some)
        Station.objects.create(
            network=network, code="KNDC", name_en="Almaty", point=Point(76.97, 43.22)
        )
        Station.objects.create(
            agency=some, code="SY01", name_en="Invented", point=Point(76.5, 43.0),
            elevation_m=900, synthetic=True,
        )  # fmt: skip
        yield


def asked(words: str, body: bytes | None = None):
    """Ask the view past the middleware, of which other tests know: many searches take less."""
    address = f"{BASE}query" + (f"?{words}" if words else "")
    factory = RequestFactory()
    request = factory.get(address) if body is None else factory.post(address, body, TEXT)
    response = fdsnws_station.query(request)
    return response, b"".join(response) if response.streaming else response.content


def rows(words: str, body: bytes | None = None) -> list[list[str]]:
    response, text = asked(words, body)
    if response.status_code == 204:
        return []
    assert response.status_code == 200, (words, text[:400])
    lines = text.decode().splitlines()
    assert all(line.count("|") == lines[0].count("|") for line in lines), words
    return [line.split("|") for line in lines[1:]]


# query -> status, type, codes of what is told (networks, stations or channels)
TABLE = [
    ("format=text", 200, "KNDC SYA SYB SY01"),
    ("format=text&level=network", 200, "KZ XS XX"),
    ("format=text&level=channel", 200, "LHZ BHN BHZ BHZ HHN HHZ"),
    ("", 200, "KNDC SYA SYB SY01"),
    ("level=network", 200, "KZ XS XX"),
    ("level=channel", 200, "LHZ BHN BHZ BHZ HHN HHZ"),
    ("level=response", 200, "LHZ BHN BHZ BHZ HHN HHZ"),
    ("level=response&format=text", 400, ""),
    ("net=X?&sta=SY*,KNDC&format=text", 200, "SYA SYB SY01"),
    ("network=KZ,XX&format=text", 200, "KNDC SY01"),
    ("network=kz&format=text", 204, ""),
    ("network=KZ%25", 400, ""),
    ("network=_Z", 204, ""),
    ("network=", 400, ""),
    ("loc=--&level=channel&format=text", 200, "LHZ"),
    ("location=&level=channel&format=text", 200, "LHZ"),
    ("loc=??&level=channel&format=text", 200, "LHZ BHN BHZ BHZ HHN HHZ"),
    ("loc=1*,--&level=channel&format=text", 200, "LHZ HHN HHZ"),
    ("cha=?HZ&level=channel&format=text", 200, "LHZ BHZ BHZ HHZ"),
    ("cha=HH?&format=text", 200, "SYB"),
    ("cha=HH?&format=text&level=network", 200, "XS"),
    ("cha=*&loc=*&format=text", 200, "KNDC SYA SYB SY01"),
    ("starttime=2016-01-01&format=text", 200, "KNDC SYA SY01"),
    ("starttime=2015-01-01&sta=SYB&format=text", 200, "SYB"),
    ("endtime=2005-12-31&format=text", 200, "KNDC SY01"),
    ("end=2006-01-01&format=text&level=channel", 200, "BHZ"),
    ("start=2012-07-01&cha=BH*&level=channel&format=text", 200, "BHN BHZ"),
    ("startafter=2006-01-01&format=text", 200, "SYB"),
    ("startbefore=2006-01-01&format=text", 200, "KNDC SY01"),
    ("endbefore=2015-01-01", 204, ""),
    ("endbefore=2015-01-01T00:00:01&format=text", 200, "SYB"),
    ("endafter=2015-01-01&format=text", 200, "KNDC SYA SY01"),
    ("startafter=2012-01-01&level=channel&format=text", 200, "LHZ BHN BHZ"),
    ("minlat=43.1&maxlat=43.215&format=text", 200, "SYA"),
    ("minlon=179&maxlon=-179&format=text", 200, "SYB"),
    ("minlongitude=76.9&format=text", 200, "KNDC SYA"),
    ("lat=43.21&lon=76.96&maxradius=0.1&format=text", 200, "KNDC SYA"),
    ("lat=43.21&lon=76.96&minradius=0.1&maxradius=1&format=text", 200, "SY01"),
    ("lat=50&lon=179.9&maxradius=1&format=text", 200, "SYB"),
    ("includerestricted=false&level=channel&format=text", 200, "LHZ BHN BHZ BHZ HHN"),
    ("includeavailability=false&matchtimeseries=FALSE&format=text&sta=SYA", 200, "SYA"),
    ("includeavailability=true", 400, ""),
    ("matchtimeseries=true", 400, ""),
    ("updatedafter=2000-01-01&format=text", 200, "KNDC SYA SYB SY01"),
    ("updatedafter=2200-01-01", 204, ""),
    ("sta=NOBODY&nodata=404", 404, ""),
    ("level=channels", 400, ""),
    ("minlat=50&maxlat=40", 400, ""),
    ("maxradius=3", 400, ""),
    ("start=2015&format=text", 400, ""),
    ("sta=A&station=B", 400, ""),
    ("minlat=1e1", 400, ""),
    ("statoin=KNDC", 400, ""),
    ("sta=" + "A," * 999 + "A", 414, ""),
]


def test_query_answers_as_the_table_says(shop: None):
    for words, status, codes in TABLE:
        response, body = asked(words)
        assert response.status_code == status, (words, body[:300])
        assert response["Access-Control-Allow-Origin"] == "*"
        if status != 200:
            assert body.startswith(f"Error {status}: ".encode()) or (status, body) == (204, b"")
            continue
        level = re.search(r"level=(\w+)", words)
        column = {"network": 0, "channel": 3, "response": 3}.get(level[1], 1) if level else 1
        if "format=text" in words:
            assert response["Content-Type"] == f"{TEXT}; charset=utf-8"
            found = [row[column] for row in rows(words)]
        else:
            assert response["Content-Type"] == f"{XML}; charset=utf-8"
            document = etree.fromstring(body)
            SCHEMA.assertValid(document)
            name = {0: "Network", 1: "Station", 3: "Channel"}[column]
            found = [element.get("code") for element in document.iter(f"{NS}{name}")]
            assert (b"<Response>" in body) == ("level=response" in words)
        assert found == codes.split(), words


def test_what_was_uploaded_comes_back_and_says_that_it_is_invented(shop: None, tmp_path: Path):
    _, body = asked("level=response&network=XS")
    told = obspy.read_inventory(_written(tmp_path, body), format="STATIONXML")
    first_only = GOLDEN.read_bytes().partition(b'<Station code="SYB"')[0]
    sent = first_only + b"</Network></FDSNStationXML>"
    uploaded = obspy.read_inventory(_written(tmp_path, sent), format="STATIONXML")
    first, second = told[0].stations
    original = uploaded[0].stations[0]
    assert (first.latitude, first.elevation) == (original.latitude, original.elevation)
    assert first.start_date == original.start_date and told[0].end_date is None
    assert first.site.name == "Example A (SYNTHETIC, not real)"
    assert first.site.country == "Kazakhstan" and first.vault == "invented"
    assert [c.value for c in first.comments] == [
        "A vault & a hut", "SYNTHETIC, not real: invented to show how the portal works",
    ]  # fmt: skip
    assert second.site.name == "Example B (SYNTHETIC, not real)"
    when = UTCDateTime(2013, 1, 1)
    for inventory in (told, uploaded):
        response = inventory.get_response("XS.SYA.00.BHZ", when)
        assert response.instrument_sensitivity.value == 629145600.0
        assert response.get_paz().poles == [-0.037 + 0.037j, -0.037 - 0.037j]
    _, text = asked("level=channel&format=text&cha=BHN")
    assert text.decode().splitlines()[1] == (
        "XS|SYA|00|BHN|43.21|76.96|1450|3|0|0|Invented seismometer (SYNTHETIC, not real)"
        "|629145600|1|m/s|100|2012-06-01T00:00:00|"
    )


def _written(folder: Path, body: bytes) -> Path:
    path = folder / "answer.xml"
    path.write_bytes(body)
    return path


def test_stations_of_a_list_are_told_without_channels(shop: None):
    assert rows("net=KZ&format=text") == [["KZ", "KNDC", "43.22", "76.97", "NaN", "Almaty", "", ""]]
    assert rows("net=KZ&format=text&level=network") == [["KZ", "Kazakhstan / all", "", "", "1"]]
    _, body = asked("net=XX")
    network = etree.fromstring(body).find(f"{NS}Network")
    assert network.findtext(f"{NS}SelectedNumberStations") == "1"
    assert network.findtext(f"{NS}Station/{NS}Site/{NS}Name") == "Invented (SYNTHETIC, not real)"
    assert network.findtext(f"{NS}Station/{NS}Comment/{NS}Value").startswith("SYNTHETIC")
    assert network.findtext(f"{NS}Station/{NS}Operator/{NS}Agency") == "An agency"


def test_what_is_closed_can_be_left_out(shop: None):
    described = StationDescription.objects.filter(station__code="SYA")
    network = Network.objects.filter(code="XS")
    open_only = "includerestricted=false&format=text"
    described.update(restricted_status="closed")
    assert [row[1] for row in rows(open_only)] == ["KNDC", "SYB", "SY01"]
    network.update(restricted_status="closed")
    assert [row[1] for row in rows(open_only)] == ["KNDC", "SY01"]
    assert len(rows("format=text")) == 4
    network.update(restricted_status="open")
    described.update(restricted_status="open")


def test_post_selects_by_lines(shop: None):
    body = (
        b"level=channel\nformat = text\n\nXS SYA 00 BH? 2012-07-01 *\r\nX? SYB * * * 2010-06-01\n"
    )
    assert [row[3] for row in rows("", body)] == ["BHN", "BHZ", "HHN", "HHZ"]
    assert [r[1] for r in rows("", b"format=text\nKZ * * * * *\nXS SYB * HHZ 2011-01-01 *")] == [
        "SYB"
    ]
    assert [r[1] for r in rows("", b"format=text\n* KNDC,SYA * * * 2015-01-01")] == ["KNDC", "SYA"]
    assert [r[3] for r in rows("", b"level=channel\nformat=text\nXS * -- * * *")] == ["LHZ"]
    assert asked("", b"XS NOBODY * * * *")[0].status_code == 204


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "POST"),
        (b"level=station\n", "POST"),
        (b"level=station\nXS SYA * *\n", "line 2"),
        (b"XS SYA * * 2015-01-01 2014-01-01", "line 1"),
        (b"XS SYA * * * yesterday", "line 1"),
        (b"X'S SYA * * * *", "line 1"),
        (b"XS SYA * * * *\nlevel=station", "line 2"),
        (b"network=XS\nXS SYA * * * *", "line 1"),
        (b"levle=station\nXS SYA * * * *", "levle"),
        ("XS Ж * * * *".encode(), "line 1"),
        (b"format=text\nlevel=response\nXS SYA * * * *", "level=response"),
        (b"XS SYA * * * *\n" * 2001, "line 2001"),
        (b"%b * * * * *" % b",".join(b"%d" % n for n in range(900)) + b"\n* A * * * *", "x" * 0),
    ],
)
def test_a_bad_line_of_a_post_is_named(shop: None, body: bytes, said: str):
    response, text = asked("", body)
    if not said:  # many codes in a line are as many lines
        assert response.status_code == 204
        return
    assert response.status_code == 400, text
    assert said in text.decode()


def test_post_is_open_to_all_and_limited(shop: None):
    client = HttpClient(enforce_csrf_checks=True)
    sent = client.post(f"{BASE}query", b"format=text\nXS SYA * * * *", content_type=TEXT)
    assert sent.status_code == 200 and b"SYA" in sent.getvalue()
    form = "application/x-www-form-urlencoded"  # what curl says unless told otherwise
    sent = client.post(f"{BASE}query", b"XS SYA * * * *", content_type=form)
    assert sent.status_code == 200 and b"SYA" in sent.getvalue()
    large = client.post(f"{BASE}query", b"x" * (MAX_BODY_BYTES + 1), content_type=TEXT)
    assert large.status_code == 413
    for method in ("put", "delete", "patch", "options"):
        refused = getattr(client, method)(f"{BASE}query")
        assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD, POST")
    assert client.post(f"{BASE}version").status_code == 405


def test_an_answer_is_not_sent_twice(shop: None, monkeypatch: pytest.MonkeyPatch):
    client = HttpClient()

    def get(words: str, tag: str = ""):
        response = client.get(f"{BASE}query?{words}", headers={"if-none-match": tag})
        response.getvalue()
        return response

    first = get("net=KZ")
    again = get("network=KZ", first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert get("net=XS", first["ETag"]).status_code == 200
    head = client.head(f"{BASE}query?net=KZ")
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", first["ETag"])
    assert client.head(f"{BASE}query?net=QQ").status_code == 204
    network = Network.objects.get(code="KZ")
    network.save()
    assert get("net=KZ", first["ETag"]).status_code == 200
    monkeypatch.setattr(station_documents, "MAX_CHANNELS_WITH_RESPONSE", 5)
    response, body = asked("level=response")
    assert response.status_code == 413 and body.startswith(b"Error 413: ")
    assert asked("level=response&sta=SYB")[0].status_code == 200


def test_the_page_and_the_wadl_are_the_parameter_list(shop: None, plain_static):
    for language in ("en", "kk"):
        page = HttpClient().get(BASE, headers={"accept-language": language}).content.decode()
        for parameter in PARAMETERS:
            assert f"<code>{parameter.name}</code>" in page
    body = HttpClient().get(f"{BASE}application.wadl").content
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed = WADLParser(body)
    assert set(parsed.parameters) == {p.name for p in PARAMETERS} - {"nodata"}
    assert parsed.parameters["level"]["options"] == list(LEVELS)
    assert HttpClient().get(f"{BASE}version").content == b"1.1.0\n"
    assert StationSearch.__dataclass_fields__.keys() == {p.name for p in PARAMETERS} | {"lines"}


def test_obspy_reads_the_service(shop: None, server: str):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = Client(server)
        assert {"event", "station"} <= set(client.services)
        assert client.get_webservice_version("station") == [1, 1, 0]
        everything = {
            "starttime": UTCDateTime(2011, 1, 1), "endtime": UTCDateTime(2020, 1, 1),
            "startbefore": UTCDateTime(2020, 1, 1), "startafter": UTCDateTime(2000, 1, 1),
            "endafter": UTCDateTime(2010, 1, 1), "network": "X*", "station": "SYA", "location": "*",
            "channel": "BH?", "minlatitude": 40, "maxlatitude": 60, "minlongitude": 70,
            "maxlongitude": 80, "latitude": 43, "longitude": 77, "minradius": 0, "maxradius": 5,
            "includerestricted": True, "includeavailability": False, "matchtimeseries": False,
            "updatedafter": UTCDateTime(2000, 1, 1),
        }  # fmt: skip
        for level in LEVELS:
            inventory = client.get_stations(level=level, **everything)
            assert inventory.get_contents()["networks"] == ["XS"]
            if level in ("channel", "response"):
                assert [c.code for c in inventory[0][0]] == ["BHN", "BHZ", "BHZ"]
                assert (inventory[0][0][0].response is not None) == (level == "response")
            if level != "response":
                text = client.get_stations(level=level, format="text", **everything)
                expected = inventory.get_contents()
                assert text.get_contents()["channels"] == expected["channels"]
        assert len(client.get_stations(endbefore=UTCDateTime(2016, 1, 1))[0]) == 1
        assert client.get_stations(location="", channel="LHZ", level="channel")[0][0][0].code
        bulk = [("XS", "SYA", "00", "BHN", UTCDateTime(2013, 1, 1), UTCDateTime(2014, 1, 1))]
        inventory = client.get_stations_bulk(bulk, level="response")
        assert inventory[0][0][0].response.instrument_sensitivity.value == 629145600.0
        assert [n.code for n in client.get_stations(level="network")] == ["KZ", "XS", "XX"]
    with pytest.raises(FDSNNoDataException):
        client.get_stations(station="NOBODY")
    with pytest.raises(FDSNBadRequestException):
        client.get_stations(matchtimeseries=True)


# --- against a filter that anyone can read -----------------------------------------------------


@pytest.fixture
def many(shop: None, django_db_blocker) -> Iterator[list[Channel]]:
    """Channels of invented stations all over the Earth, many of them on borders."""
    dice = random.Random(4)
    with django_db_blocker.unblock():
        file = Channel.objects.first().file
        template = Channel.objects.first()
        networks = [Network.objects.create(code=code) for code in ("Q1", "Q2", "R1")]
        stations, channels = [], []
        for number in range(60):
            start = datetime(dice.randint(2000, 2004), 1, 1, tzinfo=UTC)
            end = dice.choice([None, datetime(dice.randint(2005, 2009), 1, 1, tzinfo=UTC)])
            point = Point(dice.choice([-180, 180, dice.uniform(-180, 180)]), dice.uniform(-90, 90))
            stations.append(
                Station(
                    network=dice.choice(networks), code=f"S{number:02}", point=point, start=start,
                    end=end, elevation_m=1,
                )
            )  # fmt: skip
        Station.objects.bulk_create(stations)
        for station in stations:
            for location, code in {(dice.choice(["", "00"]), dice.choice(["BHZ", "HHZ"]))} | {
                ("10", "BHN")
            }:
                channels.append(
                    Channel(
                        station=station, file=file, location_code=location, code=code,
                        start=station.start, end=station.end, latitude=0, longitude=0,
                        elevation_m=0, depth_m=0, xml=template.xml,
                    )
                )  # fmt: skip
        Channel.objects.bulk_create(channels)
        yield channels
        Channel.objects.filter(pk__in=[c.pk for c in channels]).delete()
        Station.objects.filter(pk__in=[s.pk for s in stations]).delete()
        Network.objects.filter(pk__in=[n.pk for n in networks]).delete()


def any_matches(code: str, patterns: str) -> bool:
    return any(fnmatchcase(code or "  ", p if p != "--" else "  ") for p in patterns.split(","))


def apart(latitude: float, longitude: float, point: Point) -> float:
    a, b = radians(latitude), radians(point.y)
    cosine = sin(a) * sin(b) + cos(a) * cos(b) * cos(radians(point.x - longitude))
    return degrees(acos(max(-1.0, min(1.0, cosine))))


def wanted(channel: Channel, words: dict[str, str]) -> bool:
    station, point = channel.station, channel.station.point
    since, until = channel.start, channel.end
    west, east = (float(words[w]) if w in words else None for w in ("minlon", "maxlon"))
    time = {
        word: datetime.fromisoformat(words[word]).replace(tzinfo=UTC)
        for word in words.keys() & {"starttime", "endtime", "startafter", "endbefore"}
    }
    inside = [west is None or point.x >= west, east is None or point.x <= east]
    across = west is not None and east is not None and west > east
    distance = apart(float(words["lat"]), float(words["lon"]), point) if "lat" in words else 0.0
    return all(
        (
            any_matches(station.network.code, words.get("net", "*")),
            any_matches(station.code, words.get("sta", "*")),
            any_matches(channel.location_code, words.get("loc", "*")),
            any_matches(channel.code, words.get("cha", "*")),
            "starttime" not in time or until is None or until >= time["starttime"],
            "endtime" not in time or since <= time["endtime"],
            "startafter" not in time or since > time["startafter"],
            "endbefore" not in time or (until is not None and until < time["endbefore"]),
            "minlat" not in words or point.y >= float(words["minlat"]),
            any(inside) if across else all(inside),
            "lat" not in words or distance <= float(words["maxradius"]),
        )
    )


CHOICES = {
    "net": ["Q?", "R1", "*1", "Q1,R1"],
    "sta": ["S*", "S?1,S?2,S?3", "S0?"],
    "loc": ["--", "??", "0*", "10,--"],
    "cha": ["BH?", "?HZ", "*N"],
    "starttime": ["2006-01-01", "2007-01-01"],
    "endtime": ["2002-01-01", "2003-01-01"],
    "startafter": ["2001-01-01"],
    "endbefore": ["2008-01-01"],
    "minlat": ["-30", "10"],
    "minlon": ["170", "-20"],
    "maxlon": ["-170", "60"],
}


def compare(many: list[Channel], dice: random.Random, times: int) -> None:
    some = 0
    for _ in range(times):
        names = dice.sample(sorted(CHOICES), dice.randint(1, 4))
        words = {name: dice.choice(CHOICES[name]) for name in names}
        if "starttime" in words:
            words.pop("endtime", None)  # the other way round it is a mistake
        if dice.random() < 0.4:
            words |= {
                "lat": f"{dice.uniform(-90, 90):.2f}", "lon": f"{dice.uniform(-180, 180):.2f}",
                "maxradius": f"{dice.uniform(10, 170):.2f}",
            }  # fmt: skip
        words.setdefault("net", "Q*,R*")
        expected = {(c.station.code, c.location_code, c.code) for c in many if wanted(c, words)}
        query = "&".join(f"{name}={value}" for name, value in words.items())
        found = rows(f"level=channel&format=text&{query}")
        assert {(row[1], row[2], row[3]) for row in found} == expected, query
        # A channel is asked for at the level of stations, too: its times are those that count.
        told = rows(f"format=text&{query}" + ("" if "cha" in words else "&cha=???"))
        assert {row[1] for row in told} == {code for code, _, _ in expected}, query
        some += bool(expected)
    assert some > times // 4


def test_a_search_finds_what_a_plain_filter_finds(many: list[Channel]):
    compare(many, random.Random(1), 8)


@pytest.mark.long
def test_many_searches_find_what_a_plain_filter_finds(many: list[Channel]):
    compare(many, random.Random(2), 600)
