"""The search: what it reads, what it refuses, what it finds."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from math import asin, cos, degrees, radians, sin, sqrt

import pytest
from django.contrib.gis.geos import Point
from django.http import QueryDict
from django.utils import translation

from catalog.models import EventRow, Settlement
from catalog.search import (
    BY_WORD,
    FDSN,
    MESSAGES,
    PAGE,
    PARAMETERS,
    EventSearch,
    Kind,
    SearchError,
    SearchForm,
    SearchProblem,
)
from tests.catalog.event_rows import TIME, make_event, make_row


def problems(query: str, surface="api") -> list[tuple[str, str]]:
    with pytest.raises(SearchError) as caught:
        EventSearch.from_query(QueryDict(query), surface)
    return [(problem.word, problem.code) for problem in caught.value.problems]


def found(query: str) -> list[str]:
    search = EventSearch.from_query(QueryDict(query))
    return [row.public_id for row in search.queryset()]


# --- the list ----------------------------------------------------------------------------------


def test_every_parameter_is_a_field_of_the_search_and_the_reverse():
    names = [parameter.name for parameter in PARAMETERS]
    assert len(set(names)) == len(names)
    assert set(names) | {"surface"} == {field.name for field in fields(EventSearch)}


def test_no_word_means_two_things():
    assert len(BY_WORD) == sum(1 + len(parameter.aliases) for parameter in PARAMETERS)


def test_every_default_reads_as_the_fields_default():
    words = {p.name: p.default for p in PARAMETERS if p.default is not None}
    assert EventSearch.from_query(words, FDSN) == EventSearch()
    assert EventSearch().to_query() == ""


def test_the_form_has_a_field_for_every_word_of_a_page():
    form = SearchForm()
    assert {p.name for p in PARAMETERS if PAGE in p.surfaces} == set(form.fields)
    assert "minkr" in form.as_p()


# --- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "word", "value"),
    [
        ("starttime=2014-03-01", "starttime", datetime(2014, 3, 1, tzinfo=UTC)),
        ("start=2014-03-01T01:02:03", "starttime", datetime(2014, 3, 1, 1, 2, 3, tzinfo=UTC)),
        ("end=1887-05-28T01:02:03.5Z", "endtime", datetime(1887, 5, 28, 1, 2, 3, 500000, UTC)),
        ("minlat=-90", "minlatitude", -90.0),
        ("lat=43.5&lon=77&maxradius=2", "maxradius", 2.0),
        ("MINMAG=.5", "minmagnitude", 0.5),
        ("magtype=kr", "magnitudetype", "KR"),
        ("magtype=mlv", "magnitudetype", "MLV"),
        ("magtype=MLv", "magnitudetype", "ML"),
        ("magtype=Mww", "magnitudetype", "Mw"),
        ("felt=TRUE", "felt", True),
        ("eventtype=Quarry%20Blast,unknown", "eventtype", ("quarry blast", "unknown")),
        ("agency=SOME,KNDC,SOME", "agency", ("SOME", "KNDC")),
        ("eventid=a,b&eventid=c", "eventid", ("a", "b", "c")),
        ("polygon=75+41,80+41,80+45,75+41", "polygon", ((75, 41), (80, 41), (80, 45))),
    ],
)
def test_a_word_is_read(query, word, value):
    assert getattr(EventSearch.from_query(QueryDict(query)), word) == value


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("minmagnitud=4", [("minmagnitud", "unknown-word")]),
        ("starttime=2014&starttime=2015", [("starttime", "repeated")]),
        ("starttime=2014-01-01&start=2015-01-01", [("starttime", "repeated")]),
        ("starttime=", [("starttime", "empty")]),
        ("starttime=2014-02-30", [("starttime", "not-a-time")]),
        ("starttime=yesterday", [("starttime", "not-a-time")]),
        ("endtime=2014-01-01T00:00:00.1234567", [("endtime", "not-a-time")]),
        ("minlatitude=91", [("minlatitude", "out-of-range")]),
        ("minlatitude=nan", [("minlatitude", "not-a-number")]),
        ("minlatitude=1e1", [("minlatitude", "not-a-number")]),
        ("minlatitude=43,25", [("minlatitude", "not-a-number")]),
        ("minlatitude=1_0", [("minlatitude", "not-a-number")]),
        ("limit=0", [("limit", "out-of-range")]),
        ("limit=1.5", [("limit", "not-a-whole-number")]),
        ("offset=0", [("offset", "out-of-range")]),
        ("felt=maybe", [("felt", "not-a-boolean")]),
        ("orderby=region", [("orderby", "unknown-value")]),
        ("agency=%00", [("agency", "unknown-value")]),
        ("eventid=kz2014%00", [("eventid", "unknown-value")]),
        ("eventtype=quake", [("eventtype", "unknown-value")]),
        ("magnitudetype=xyz", [("magnitudetype", "unknown-value")]),
        ("minmagnitude=5&maxmagnitude=4", [("minmagnitude", "larger-than")]),
        ("starttime=2015-01-01&endtime=2014-01-01", [("starttime", "larger-than")]),
        ("maxradius=5", [("maxradius", "needs"), ("maxradius", "needs")]),
        ("latitude=43", [("latitude", "needs")]),
        ("eventid=kz2014abcdef&minmag=3", [("eventid", "not-together")]),
        ("polygon=75+41,80+41", [("polygon", "not-a-polygon")]),
        ("polygon=75+41,80+45,80+41,75+45", [("polygon", "not-a-polygon")]),
        ("polygon=75+41,80+95,80+41", [("polygon", "out-of-range")]),
        ("polygon=" + ",".join(f"{i / 10} 0" for i in range(1001)), [("polygon", "too-many")]),
        ("format=xml", [("format", "not-offered-here")]),
        ("x=1&minlat=a", [("x", "unknown-word"), ("minlatitude", "not-a-number")]),
    ],
)
def test_what_cannot_be_used_is_named(query, expected):
    assert problems(query) == expected


def test_an_empty_field_of_a_page_is_a_field_left_blank():
    assert EventSearch.from_query(QueryDict("starttime=&minkr=9"), PAGE).minkr == 9
    assert EventSearch.from_query(QueryDict("status=automatic&status=reviewed"), PAGE).status == (
        "automatic",
        "reviewed",
    )


def test_a_misspelt_word_is_answered_with_the_likely_one():
    with pytest.raises(SearchError) as caught, translation.override("en"):
        EventSearch.from_query({"minmagnitud": "4"})
    assert "Did you mean “minmagnitude”?" in caught.value.message


def test_every_code_has_a_sentence():
    for code in MESSAGES:
        if code != "unknown-word-hint":
            assert "%(" not in SearchProblem("w", code, "f", "e").message


def test_to_query_holds_the_whole_search():
    rng = random.Random(4)
    samples = {
        Kind.TIME: lambda p: (
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=rng.randrange(10**15))
        ),
        Kind.FLOAT: lambda p: round(rng.uniform(p.minimum, p.maximum), rng.randrange(12)),
        Kind.INTEGER: lambda p: rng.randrange(1, 10**6),
        Kind.BOOLEAN: lambda p: rng.random() < 0.5,
        Kind.CHOICE: lambda p: rng.choice(p.choices),
        Kind.CHOICES: lambda p: tuple(rng.sample(p.choices, 2)),
        Kind.TEXTS: lambda p: ("SOME", "KNDC"),
        Kind.TEXT: lambda p: "KR",
        Kind.POLYGON: lambda p: ((75.5, 41.0), (80.0, 41.0), (80.0, 1e-7)),
    }
    for _ in range(300):
        chosen = rng.sample([p for p in PARAMETERS if p.kind in samples and p.name != "eventid"], 8)
        search = EventSearch(**{p.name: samples[p.kind](p) for p in chosen})
        query = QueryDict(search.to_query())
        values = {}
        for name in query:
            # Word by word: random pairs may contradict each other, which is not the point here.
            try:
                values[name] = getattr(EventSearch.from_query({name: query[name]}, FDSN), name)
            except SearchError as error:
                assert {p.code for p in error.problems} == {"needs"}
                values[name] = getattr(search, name)
        assert EventSearch(**values) == search


# --- finding -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_limits_are_inclusive_and_missing_values_never_satisfy_them():
    make_row("deep", depth_km=100.0, magnitude=5.0, kr=None)
    make_row("zero", depth_km=0.0, magnitude=None, kr=9.0, time=TIME + timedelta(hours=1))
    make_row("none", time=TIME + timedelta(hours=2))
    assert found("mindepth=100") == ["deep"]
    assert found("maxdepth=0") == ["zero"]
    assert found("minmagnitude=5&maxmagnitude=5") == ["deep"]
    assert found("minmagnitude=-10") == ["deep"]
    assert found("minkr=9") == ["zero"]
    assert found("magnitudetype=KR&minmagnitude=9") == ["zero"]
    assert found("magnitudetype=KR") == ["zero"]
    assert found("starttime=2014-03-01T12:00:00&endtime=2014-03-01T12:00:00") == ["deep"]
    assert found("") == ["none", "zero", "deep"]
    assert found("orderby=time-asc") == ["deep", "zero", "none"]
    assert found("orderby=magnitude") == ["deep", "none", "zero"]
    assert found("orderby=magnitude-asc&magnitudetype=KR") == ["zero"]
    assert found("orderby=depth") == ["deep", "zero", "none"]  # not reported: last
    assert found("orderby=depth-asc") == ["zero", "deep", "none"]
    assert found("orderby=kr-asc")[0] == "zero"
    with pytest.raises(SearchError):
        EventSearch.from_query(QueryDict("orderby=depth"), FDSN)
    assert found("limit=1&offset=2") == ["zero"]
    assert found("offset=3") == ["deep"]


@pytest.mark.django_db
def test_words_of_kind_and_quality_find_their_events():
    make_row(
        "blast",
        event_type="quarry blast",
        agencies=["KNDC", "SOME"],
        felt=True,
        max_intensity=5.0,
        felt_report_count=12,
        max_cdi=3.4,
        azimuthal_gap=180.0,
        station_count=4,
    )
    make_row("quake", agency="KNDC", has_mechanism=True, faulting_style="TF", synthetic=True)
    for status in ("automatic", "not-confirmed"):
        make_row(status, agency="ALARM", status=status, felt=True)
    assert found("eventtype=quarry+blast") == ["blast"]
    assert found("eventtype=unknown") == ["quake"]
    assert found("agency=some") == ["blast"]
    assert set(found("agency=KNDC")) == {"blast", "quake"}
    assert found("contributor=KNDC") == ["quake"]
    assert found("felt=true") == found("minintensity=5") == ["blast"]
    assert found("minfelt=12") == found("mincdi=3.4&maxcdi=3.4") == ["blast"]
    assert found("minfelt=13") == found("mincdi=3.5") == found("maxcdi=3.3") == []
    assert found("felt=false") == found("hasmechanism=true") == ["quake"]
    assert found("faultingstyle=TF") == found("faultingstyle=nf,tf") == ["quake"]
    assert found("faultingstyle=U") == []
    assert found("synthetic=true") == ["quake"]
    # What only automatic reports tell of is found by its status or its id, and not otherwise.
    assert found("agency=ALARM") == found("status=reviewed&agency=ALARM") == []
    for status in ("automatic", "not-confirmed"):
        assert found(f"status={status}") == found(f"eventid={status}") == [status]
    assert found("synthetic=false") == found("maxgap=180&minstations=4") == ["blast"]
    assert set(found("catalog=KZPORTAL")) == {"blast", "quake"}
    assert found("catalog=ISC") == []
    assert found("updatedafter=2014-03-01T12:00:00") == []


@pytest.mark.django_db
def test_a_merged_events_id_answers_with_its_successor():
    survivor = make_row("kz2014aaaaaa").event
    middle = make_event("kz2014bbbbbb", status="merged", merged_into=survivor)
    make_event("kz2014cccccc", status="merged", merged_into=middle)
    make_event("kz2014dddddd", status="deleted")
    assert found("eventid=kz2014cccccc") == ["kz2014aaaaaa"]
    assert found("eventid=smi:kz.seismo.portal/event/kz2014aaaaaa") == ["kz2014aaaaaa"]
    assert found("eventid=kz2014cccccc,kz2014aaaaaa") == ["kz2014aaaaaa"]
    assert found("eventid=kz2014dddddd,kz2014eeeeee") == []


@pytest.mark.django_db
def test_counting_stops_and_says_so():
    for number in range(4):
        make_row(f"e{number}")
    search = EventSearch()
    assert (search.count().value, search.count().exact) == (4, True)
    assert (search.count(4).value, search.count(4).exact) == (4, True)
    assert (search.count(3).value, search.count(3).exact) == (3, False)


@pytest.mark.django_db
def test_one_search_is_one_query(django_assert_num_queries):
    make_row("one")
    search = EventSearch.from_query(
        {"minlat": "40", "lat": "43", "lon": "77", "maxradius": "3", "agency": "SOME"}
    )
    with django_assert_num_queries(1):
        assert [row.public_id for row in search.queryset()] == ["one"]


def _degrees_between(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Haversine, the plain way."""
    p1, p2 = radians(lat1), radians(lat2)
    h = sin((p2 - p1) / 2) ** 2 + cos(p1) * cos(p2) * sin(radians(lon2 - lon1) / 2) ** 2
    return degrees(2 * asin(min(1.0, sqrt(h))))


def _inside(corners: list[tuple[float, float]], x: float, y: float) -> bool:
    """Ray casting, the plain way."""
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


@pytest.fixture
def scattered(db) -> dict[str, tuple[float, float]]:
    """Points all over the Earth, many near the date line and some on round numbers."""
    rng = random.Random(11)
    points = {}
    for number in range(400):
        if number % 4 == 0:
            lat, lon = float(rng.randrange(-90, 91, 10)), float(rng.randrange(-180, 181, 10))
        elif number % 4 == 1:
            lat, lon = rng.uniform(-60, 60), rng.choice([-1, 1]) * rng.uniform(170, 180)
        else:
            lat, lon = degrees(asin(rng.uniform(-1, 1))), rng.uniform(-180, 180)
        points[f"p{number}"] = (lat, lon)
        make_row(f"p{number}", latitude=lat, longitude=lon)
    return points


def test_boxes_circles_and_polygons_find_what_a_naive_filter_finds(scattered):
    rng = random.Random(12)
    for _ in range(40):
        south, north = sorted(
            rng.choice([rng.uniform(-90, 90), rng.randrange(-90, 91, 10)]) for _ in "ab"
        )
        west, east = (
            rng.choice([rng.uniform(-180, 180), rng.randrange(-180, 181, 10)]) for _ in "ab"
        )
        search = EventSearch(
            minlatitude=south, maxlatitude=north, minlongitude=west, maxlongitude=east
        )
        expected = {
            name
            for name, (lat, lon) in scattered.items()
            if south <= lat <= north
            and (west <= lon <= east if west <= east else lon >= west or lon <= east)
        }
        assert {row.public_id for row in search.matching()} == expected, search
    for _ in range(40):
        lat, lon = rng.uniform(-90, 90), rng.choice([179.5, -179.5, rng.uniform(-180, 180)])
        inner, outer = sorted((rng.uniform(0, 60), rng.uniform(0, 180)))
        search = EventSearch(latitude=lat, longitude=lon, minradius=inner, maxradius=outer)
        distance = {name: _degrees_between(lat, lon, *at) for name, at in scattered.items()}
        expected = {name for name, d in distance.items() if inner <= d <= outer}
        got = {row.public_id for row in search.matching()}
        # 1e-7 deg is a centimetre: the two formulas round differently there.
        assert all(
            min(abs(distance[n] - inner), abs(distance[n] - outer)) < 1e-7 for n in got ^ expected
        ), search
    for _ in range(40):
        centre, middle = rng.uniform(-60, 60), rng.uniform(-120, 240)
        angles = sorted(rng.uniform(0, 360) for _ in range(9))
        corners = [
            (
                middle + rng.uniform(5, 50) * cos(radians(angle)),
                centre + rng.uniform(5, 29) * sin(radians(angle)),
            )
            for angle in angles
        ]
        text = ",".join(f"{x:.6f} {y:.6f}" for x, y in corners)
        try:
            search = EventSearch.from_query({"polygon": text})
        except SearchError as error:  # a random star may cross itself
            assert error.problems[0].code == "not-a-polygon"
            continue
        ring = list(search.polygon)
        expected = {
            name
            for name, (lat, lon) in scattered.items()
            if _inside(ring, lon, lat) or _inside(ring, lon + 360, lat)
        }
        assert {row.public_id for row in search.matching()} == expected, search


@pytest.mark.django_db
def test_the_border_of_a_polygon_belongs_to_it_and_a_circle_in_km_is_on_the_ellipsoid():
    make_row("corner", latitude=41.0, longitude=75.0)
    make_row("edge", latitude=41.0, longitude=77.5, time=TIME - timedelta(hours=1))
    make_row("out", latitude=40.999999, longitude=77.5)
    assert found("polygon=75+41,80+41,80+45,75+45") == ["corner", "edge"]
    # One degree of longitude on the ellipsoid at 41 N is 84.1 km (77.5 - 75 = 2.5 deg: 210.4 km).
    near = EventSearch(latitude=41.0, longitude=75.0, maxradiuskm=210.0)
    assert {row.public_id for row in near.matching()} == {"corner"}


@pytest.mark.django_db
def test_a_settlement_is_the_centre_of_a_circle():
    for name, longitude, people in (("Talgar", 60.0, 900), ("Талғар", 77.24, 45000)):
        Settlement.objects.create(
            name_en="Talgar", name_kk=name, point=Point(longitude, 43.3), population=people
        )
    make_row("near", latitude=43.4, longitude=77.3)
    make_row("far", latitude=43.4, longitude=60.0, time=TIME + timedelta(hours=1))
    assert found("settlement=talgar&maxradiuskm=30") == ["near"]
    assert found("settlement=ТАЛҒАР&maxradius=1") == ["near"]
    assert found("settlement=Talgar&minradiuskm=100") == ["far"]
    assert problems("settlement=Nowhere&maxradius=1") == [("settlement", "unknown-value")]
    assert problems("settlement=Talgar") == [("settlement", "needs")]
    assert problems("settlement=Talgar&latitude=1&longitude=1&maxradius=1") == [
        ("settlement", "not-together")
    ]
    assert problems("settlement=%00&maxradius=1") == [("settlement", "unknown-value")]


@pytest.mark.django_db
def test_a_radius_search_uses_the_geography_index():
    from django.db import connection

    make_row("one")
    search = EventSearch(latitude=43.0, longitude=77.0, maxradius=1.0)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    assert "row_geography" in search.matching().explain()
    assert EventRow.objects.count() == 1
