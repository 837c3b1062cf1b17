"""The FDSN event service: what the standard says and what ObsPy needs."""

from __future__ import annotations

import json
import re
import warnings
from itertools import product
from pathlib import Path

import obspy
import pytest
from django.db import connections
from django.db.models import Func, TextField, Value
from django.test import Client as HttpClient
from django.test import RequestFactory
from lxml import etree
from obspy.clients.fdsn import Client
from obspy.clients.fdsn.header import FDSNBadRequestException, FDSNNoDataException
from obspy.clients.fdsn.wadl_parser import WADLParser

from catalog import downloads
from catalog.api import fdsnws
from catalog.models import EventRow, FeedCounter
from catalog.search import FDSN, EventSearch, parameters_of
from tests.catalog.shop import Shop

SCHEMA = Path(obspy.__file__).parent / "io/quakeml/data/QuakeML-1.2.xsd"
BASE = "/fdsnws/event/1/"
XML, TEXT, CSV = "application/xml", "text/plain", "text/csv"
KML = "application/vnd.google-earth.kml+xml"


def get(path: str, **headers):
    response = HttpClient().get(path, **headers)
    body = response.getvalue()
    return response, body


# query -> status, type, number of events
TABLE = [
    ("", 200, XML, 13),
    ("format=text", 200, TEXT, 13),
    ("format=csv", 200, CSV, 13),
    ("format=geojson", 200, "application/geo+json", 13),
    ("format=kml", 200, KML, 13),
    ("minkr=20&format=kml", 204, None, 0),
    ("minkr=20&format=kml&nodata=404", 404, TEXT, None),
    ("start=2014-01-01&format=text", 200, TEXT, 12),
    ("starttime=2014-01-30T01:20:00&endtime=2014-01-30T03:30:00&format=text", 200, TEXT, 3),
    ("starttime=2014-01-01Z&format=text", 200, TEXT, 12),
    ("limit=5&format=text", 200, TEXT, 5),
    ("limit=5&offset=11&format=text", 200, TEXT, 3),
    ("offset=14", 204, None, 0),
    ("minlat=43.04&maxlat=43.06&minlon=76&maxlon=78&format=text", 200, TEXT, 3),
    ("minlongitude=170&maxlongitude=-170", 204, None, 0),
    ("minlongitude=170&maxlongitude=77&format=text", 200, TEXT, 13),
    ("latitude=43&longitude=77&maxradius=0.055&format=text", 200, TEXT, 6),
    ("lat=43&lon=77&minradius=1&format=text", 200, TEXT, 1),
    ("mindepth=11&maxdepth=11.0&start=2014-01-01&format=text", 200, TEXT, 1),
    ("minmag=5.0&format=text&start=2014-01-01", 200, TEXT, 2),
    ("magnitudetype=KR&minmagnitude=4.5&format=text", 200, TEXT, 1),
    ("minkr=4.4&format=text", 200, TEXT, 2),
    ("magtype=M(KR)&minmag=0.1&format=text", 200, TEXT, 4),
    ("magtype=m(kr)&maxmag=0.1&format=csv", 200, CSV, 2),
    ("magtype=M(KR)", 200, XML, 6),
    ("orderby=depth", 400, TEXT, None),
    ("eventtype=quarry%20blast&format=text", 200, TEXT, 1),
    ("eventtype=QUARRY%20BLAST,earthquake&format=text", 200, TEXT, 13),
    ("contributor=SOME&format=text", 200, TEXT, 6),
    ("catalog=KZPORTAL&limit=1&format=text", 200, TEXT, 1),
    ("catalog=NOBODY", 204, None, 0),
    ("catalog=NOBODY&nodata=404", 404, TEXT, None),
    ("hasmechanism=true&includemechanisms=true", 200, XML, 1),
    ("updatedafter=2000-01-01&format=text", 200, TEXT, 13),
    ("updatedafter=2200-01-01", 204, None, 0),
    ("includearrivals=TRUE&includeallorigins=true&includeallmagnitudes=true", 200, XML, 13),
    ("eventid={full}", 200, XML, 1),
    ("eventid=smi:kz.seismo.portal/event/{full}&format=text", 200, TEXT, 1),
    ("eventid={full},{small}&format=text", 200, TEXT, 2),
    ("eventid={merged}&format=text", 200, TEXT, 1),
    ("eventid={deleted}", 204, None, 0),
    ("eventid={deleted}&nodata=404", 404, TEXT, None),
    ("eventid=nothing", 204, None, 0),
    ("eventid={full}&minmag=3", 400, TEXT, None),
    ("minmagnitud=3", 400, TEXT, None),
    ("minmag=3&minmagnitude=4", 400, TEXT, None),
    ("minmag=", 400, TEXT, None),
    ("minlat=91", 400, TEXT, None),
    ("minmag=1e1", 400, TEXT, None),
    ("minlat=50&maxlat=40", 400, TEXT, None),
    ("format=kmz", 400, TEXT, None),
    ("nodata=500", 400, TEXT, None),
    ("maxradius=3", 400, TEXT, None),
    ("x=" + "y" * 2000, 414, TEXT, None),
]


def test_query_answers_as_the_table_says(shop: Shop):
    names = {
        "full": shop.full.public_id,
        "small": shop.small[0].public_id,
        "merged": shop.merged.public_id,
        "deleted": shop.deleted.public_id,
    }
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    for words, status, kind, count in TABLE:
        words = words.format(**names)
        response, body = get(f"{BASE}query?{words}")
        assert response.status_code == status, (words, body[:300])
        assert response["Access-Control-Allow-Origin"] == "*"
        if status == 204:
            assert body == b""
            continue
        assert response["Content-Type"].split(";")[0] == kind, words
        if count is None:
            assert body.startswith(f"Error {status}: ".encode()), words
        elif kind == XML:
            schema.assertValid(etree.fromstring(body))
            assert body.count(b"<event ") == count, words
        elif kind == KML:
            assert body.count(b"<Placemark ") == count
        elif kind == "application/geo+json":
            assert body.count(b'"Feature"') == count
        else:
            assert len(body.splitlines()) == count + 1, words


def test_what_became_of_an_event_is_told_as_far_as_the_standard_lets(shop: Shop):
    """It knows no 301 and no 410: a merged id answers with its successor, under that one's id."""
    merged, deleted = shop.merged.public_id, shop.deleted.public_id
    response, body = get(f"{BASE}query?eventid={merged}&format=text")
    assert response.status_code == 200
    assert body.splitlines()[1].startswith(f"{shop.full.public_id}|".encode())
    response, body = get(f"{BASE}query?eventid={deleted}&nodata=404")
    assert response.status_code == 404
    assert f"Event {deleted} was deleted from the catalogue on ".encode() in body
    assert get(f"{BASE}query?eventid=kz2014nosuch&nodata=404")[0].status_code == 404


def asked(view, words: str):
    """Ask a view past the middleware, of which the other tests know: many searches take less."""
    response = view(RequestFactory().get(f"{BASE}{view.__name__}?{words}"))
    return response, b"".join(response) if response.streaming else response.content


def counted(words: str) -> int:
    response, body = asked(fdsnws.count, words)
    assert response.status_code == 200, (words, body[:300])
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(rb"\d+", body), words
    return int(body)


def test_count_answers_as_the_table_says(shop: Shop):
    names = {
        "full": shop.full.public_id,
        "small": shop.small[0].public_id,
        "merged": shop.merged.public_id,
        "deleted": shop.deleted.public_id,
    }
    for words, status, _, number in TABLE:
        words = words.format(**names)
        if status in (400, 414):
            response, body = asked(fdsnws.count, words)
            assert response.status_code == status, words
            expected = asked(fdsnws.query, words)[1].split(b"Request:")[0]
            assert body.split(b"Request:")[0] == expected, words
        elif "geojson" not in words:  # a 204 or the 404 chosen by nodata is a number here
            assert counted(words) == (number or 0), words


def test_count_is_the_number_of_rows_that_query_sends(shop: Shop):
    pieces = (
        ("", "start=2014-01-30T02:00:00&end=2014-01-30T06:00:00"),
        ("", "minkr=4.2", "minmag=4.8&orderby=magnitude", "magtype=KR&maxmag=4.3"),
        ("", "lat=43&lon=77&maxradiuskm=6"),
        ("", "limit=3", "offset=5", "limit=4&offset=10"),
    )
    numbers = set()
    for words in map("&".join, (filter(None, piece) for piece in product(*pieces))):
        response, body = asked(fdsnws.query, f"format=text&{words}")
        rows = len(body.splitlines()) - 1 if response.status_code == 200 else 0
        assert counted(words) == rows, words
        numbers.add(rows)
    assert len(numbers) > 6 and {0, 13} <= numbers


def test_count_tells_the_limit_as_the_usgs_does(shop: Shop):
    assert get(f"{BASE}count?minkr=4.4")[1] == b"2"
    response, body = get(f"{BASE}count?minkr=4.4&format=geojson")
    assert response["Content-Type"] == "application/json"
    assert json.loads(body) == {"count": 2, "maxAllowed": 2**31 - 1}
    _, body = get(f"{BASE}count?Format=GeoJSON&includearrivals=true")
    assert json.loads(body) == {"count": 13, "maxAllowed": downloads.MAX_WITH_ARRIVALS}
    response, body = get(f"{BASE}count?format=xml&catalog=NOBODY")
    assert response["Content-Type"].startswith(XML)
    told = etree.fromstring(body)
    assert (told.tag, told.findtext("count")) == ("query", "0")
    for form in ("text", "csv", "kml"):
        assert counted(f"format={form}&limit=5") == 5


def test_count_says_how_it_stands_and_is_not_sent_twice(shop: Shop):
    response, _ = get(f"{BASE}count?minkr=4.4")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["X-Catalogue-Version"] == str(FeedCounter.current())
    again, body = get(f"{BASE}count?minkr=4.4", headers={"if-none-match": response["ETag"]})
    assert (again.status_code, body) == (304, b"")
    for other in ("minkr=4.5", "minkr=4.4&format=xml", "minkr=4.4&format=geojson"):
        found, _ = get(f"{BASE}count?{other}", headers={"if-none-match": response["ETag"]})
        assert found.status_code == 200
    head = HttpClient().head(f"{BASE}count?minkr=4.4")
    assert (head.status_code, head.content) == (200, b"")
    assert head["ETag"] == response["ETag"]
    assert HttpClient().head(f"{BASE}count?minkr=x").status_code == 400


def test_a_count_that_takes_too_long_says_so(shop: Shop, monkeypatch):
    monkeypatch.setattr(downloads, "COUNT_SECONDS", 0.05)
    rows = EventRow.objects.annotate(
        pause=Func(Value(0.5), function="pg_sleep", output_field=TextField())
    )
    slow = rows.filter(pause__isnull=False)
    monkeypatch.setattr(EventSearch, "matching", lambda search: slow)
    response, body = asked(fdsnws.count, "minkr=4")
    assert response.status_code == 503
    assert body.startswith(b"Error 503: Service unavailable\n\nCounting took longer than")
    assert connections["download"].get_autocommit()  # the connection is fit for the next


def test_an_error_reads_as_the_standard_prescribes(shop: Shop):
    _, body = get(f"{BASE}query?minmagnitud=4", headers={"accept-language": "ru"})
    assert re.fullmatch(
        r"Error 400: Bad request\n\n.*Did you mean “minmagnitude”\?\n\n"
        r"Usage details are available from http://testserver/fdsnws/event/1/\n\n"
        r"Request:\nhttp://testserver/fdsnws/event/1/query\?minmagnitud=4\n\n"
        r"Request Submitted:\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\n\n"
        r"Service version:\n1\.2\.0\n",
        body.decode(),
        re.S,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/fdsnws/",
        "/fdsnws/station/2/query",
        "/fdsnws/dataselect/1/query",
        "/fdsnws/event/1/query/",
        "/fdsnws/event/2/query",
        "/fdsnws/event/1/nothing",
    ],
)
def test_whatever_is_not_here_is_a_404_in_text(shop: Shop, path: str):
    response, body = get(path)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/plain")
    assert body.startswith(b"Error 404: ")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_only_reading_is_offered(shop: Shop, method: str):
    for name in ("query", "count"):
        response = getattr(HttpClient(enforce_csrf_checks=True), method)(f"{BASE}{name}")
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"


def test_head_is_get_without_a_body(shop: Shop):
    response = HttpClient().head(f"{BASE}query?format=text")
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Type"].startswith("text/plain")
    assert HttpClient().head(f"{BASE}query?catalog=NOBODY").status_code == 204


def test_the_small_methods(shop: Shop):
    assert get(f"{BASE}version?x=1")[1] == b"1.2.0\n"
    catalogs = etree.fromstring(get(f"{BASE}catalogs")[1])
    assert (catalogs.tag, [c.text for c in catalogs]) == ("Catalogs", ["KZPORTAL"])
    contributors = etree.fromstring(get(f"{BASE}contributors")[1])
    assert {c.text for c in contributors} == {"ISC", "SOME", "KNDC", "NEIC", "EMSC"}


def test_the_page_lists_every_word(shop: Shop, plain_static):
    response, body = get(BASE)
    assert response.status_code == 200
    for parameter in parameters_of(FDSN):
        assert f"<code>{parameter.name}</code>" in body.decode()
    assert f"http://testserver{BASE}count" in body.decode()
    assert "maxAllowed is 2147483647" in body.decode()


def test_the_wadl_is_the_parameter_list(shop: Shop):
    _, body = get(f"{BASE}application.wadl")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed = WADLParser(body)
    assert set(parsed.parameters) == {p.name for p in parameters_of(FDSN)} - {"nodata"}
    assert parsed.parameters["orderby"]["options"] == [
        "time",
        "time-asc",
        "magnitude",
        "magnitude-asc",
    ]
    assert parsed.parameters["format"]["default_value"] == "xml"  # that of query, not of count
    methods = {
        method.get("id"): {
            param.get("name"): param.get("default") for param in method.iter("{*}param")
        }
        for method in etree.fromstring(body).iter("{*}method")
    }
    assert set(methods["count"]) == set(methods["query"]) == {p.name for p in parameters_of(FDSN)}
    assert methods["count"]["format"] == "text"
    assert etree.fromstring(body)[0].get("base") == "http://testserver/fdsnws/event/1/"


def test_obspy_reads_the_service(shop: Shop, server: str, tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = Client(server)
        assert set(client.services) >= {"event", "station"}
        assert client.get_webservice_version("event") == [1, 2, 0]
        catalog = client.get_events(
            eventid=shop.merged.public_id,
            includeallorigins=True,
            includeallmagnitudes=True,
            includearrivals=True,
            includemechanisms=True,
        )
    (event,) = catalog
    assert str(event.resource_id).endswith(shop.full.public_id)
    assert len(event.origins) == shop.full.origins.count() == 6
    assert len(event.magnitudes) == shop.full.magnitudes.count()
    assert len(event.focal_mechanisms) == 1
    assert event.preferred_focal_mechanism().nodal_planes.nodal_plane_1.strike == 10.0
    row = EventRow.objects.get(event=shop.full)
    assert event.preferred_origin().latitude == row.latitude
    assert len(event.preferred_origin().arrivals) == shop.full.preferred_origin.arrivals.count()
    assert len(client.get_events(starttime=obspy.UTCDateTime(2014, 1, 1), orderby="time-asc")) == 12
    assert len(client.get_events(minkr=4.4, limit=1, magnitudetype="KR")) == 1
    with pytest.raises(FDSNNoDataException):
        client.get_events(minmagnitude=9)
    with pytest.raises(FDSNBadRequestException):
        client.get_events(minlatitude=50, maxlatitude=40)
    path = tmp_path / "events.txt"
    client.get_events(format="text", filename=str(path))
    assert len(obspy.read_events(str(path))) == 13
