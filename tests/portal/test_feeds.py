"""Feeds of recent earthquakes: what is in them, how they are written, when they are sent again."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.http import http_date
from lxml import etree

from catalog.downloads import GEOJSON_PROPERTIES, _feature
from catalog.models import Change, Event, EventRow
from catalog.search import EventSearch
from portal import feeds
from portal.feeds import FEEDS, FORMS, PERIODS, SIZES
from tests.catalog.event_rows import make_row

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = {"a": feeds.ATOM, "g": feeds.GEORSS}
HOSTILE = '</title><script>alert("x")</script> & \x07\x1b ]]> \ufffe end'
LANGUAGES = ("en", "ru", "kk")
WRITTEN = _feature(EventSearch())
#: One for all requests: each new client would load the middleware anew.
READER = Client()


class Clock:
    """The time the feeds take for now."""

    now = NOW

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(feeds, "timezone", SimpleNamespace(now=lambda: clock.now))
    yield clock


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def changed(row: EventRow, at: datetime) -> None:
    """Tell the catalogue's readers of a change, as publishing does."""
    Change.objects.create(number=Change.next_number(), kind="updated", event=row.event, at=at)


def get(name: str, **headers: str) -> HttpResponse:
    return READER.get(f"/feeds/{name}", headers=headers)


def atom(name: str) -> etree._Element:
    return etree.fromstring(get(name).content)


def texts(element: etree._Element, path: str) -> list[str]:
    return [str(found) for found in element.xpath(path, namespaces=NAMES)]


def ids_of(name: str) -> list[str]:
    """The short ids of a feed's events, in its order."""
    if name.endswith(".atom"):
        return [text.rsplit("/", 1)[1] for text in texts(atom(name), "a:entry/a:id/text()")]
    return [feature["id"] for feature in get(name).json()["features"]]


@pytest.fixture
def month(db: None) -> list[EventRow]:
    """Events of forty days and some of tomorrow, of all sizes and of none."""
    lot = random.Random(7)
    times = [ago(minutes=lot.expovariate(1 / 4000)) for _ in range(60)]
    times += [NOW - period.length for period in PERIODS]  # on the edge: within
    times += [NOW - period.length - timedelta(microseconds=1) for period in PERIODS]
    times += [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(days=1), ago(days=39)]
    events = Event.objects.bulk_create(
        Event(public_id=f"kz2026e{number:05d}", status="reviewed") for number in range(len(times))
    )
    rows = []
    for event, time in zip(events, times, strict=True):
        size = lot.choice([None, None, 2.4, 2.5, 3.3, 4.5, 6.1])
        rows.append(
            EventRow(
                event=event,
                public_id=event.public_id,
                status=event.status,
                time=time,
                point=Point(76.9, 43.25, srid=4326),
                latitude=43.25,
                longitude=76.9,
                depth_km=lot.choice([None, 0.0, 12.5]),
                kr=lot.choice([None, 7.9, 8.0, 9.4, 10.0, 11.7, 12.0, 13.1]),
                mpva=lot.choice([None, 4.9]),
                mb=size,
                magnitude=size,
                magnitude_type="mb" if size else "",
                felt=lot.random() < 0.3,
                event_type=lot.choice(["", "earthquake", "quarry blast"]),
                agency="SOME",
                place_en="45 km E of Almaty",
                place_ru="45 км к В от Алматы",
                place_kk="Алматыдан шығысқа қарай 45 км",
                version=1,
                change_number=1,
                updated_at=time,
            )
        )
    return EventRow.objects.bulk_create(rows)


# --- Which feeds there are ---------------------------------------------------------------------


def test_the_list_is_every_size_period_and_form_once():
    assert len(FEEDS) == len(SIZES) * len(PERIODS) * len(FORMS)
    assert {"all_hour.atom", "2.5_day.geojson", "kr12_month.atom", "felt_week.geojson"} <= set(
        FEEDS
    )
    assert set(feeds.TOLD) <= set(FEEDS)


def test_every_address_answers_in_its_form_and_stands_on_the_page(client: Client, db: None):
    with translation.override("en"):
        page = client.get(reverse("api-docs")).content.decode()
    for name, feed in FEEDS.items():
        response = get(name)
        assert response.status_code == 200, name
        assert response["Content-Type"] == FORMS[feed.form]
        words = f"{feed.form}: {feed.size.words}, {feed.period.words}"
        assert f'href="/feeds/{name}" aria-label="{words}"' in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_tell_readers_of_feeds_in_their_language(client: Client, db: None, language: str):
    for page in ("map", "search", "api-docs"):
        with translation.override(language):
            root = etree.HTML(client.get(reverse(page)).content.decode())
        links = root.xpath('//head/link[@rel="alternate"][@type="application/atom+xml"]')
        query = "" if language == "en" else f"?lang={language}"
        assert [link.get("href") for link in links] == [f"/feeds/{n}{query}" for n in feeds.TOLD]
        for link in links:
            feed = etree.fromstring(client.get(link.get("href")).content)
            assert texts(feed, "a:title/text()") == [link.get("title")]


@pytest.mark.parametrize(
    "name", ["", "all_day", "all_day.rss", "all_year.atom", "kr9_day.atom", "x/y", "ALL_DAY.ATOM"]
)
def test_an_unknown_feed_is_a_404_in_text_that_names_the_others(db: None, name: str):
    response = get(name, **{"accept-language": "ru"})
    assert response.status_code == 404
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "\nkr10_week.atom\n" in response.content.decode()


@pytest.mark.parametrize("query", ["lang=de", "lang=", "lang=en&lang=ru", "minkr=4", "lang=%00"])
def test_a_wrong_word_is_a_400_in_text_that_names_it(db: None, query: str):
    response = get(f"all_day.atom?{query}")
    assert response.status_code == 400
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert query.split("=")[0] in response.content.decode()


# --- What is in them ---------------------------------------------------------------------------


def naive(feed: feeds.Feed, rows: list[EventRow]) -> list[str]:
    limits: dict[str, Callable[[EventRow], bool]] = {
        "all": lambda row: True,
        "felt": lambda row: row.felt,
        "2.5": lambda row: row.magnitude is not None and row.magnitude >= 2.5,
        "4.5": lambda row: row.magnitude is not None and row.magnitude >= 4.5,
        "kr8": lambda row: row.kr is not None and row.kr >= 8,
        "kr10": lambda row: row.kr is not None and row.kr >= 10,
        "kr12": lambda row: row.kr is not None and row.kr >= 12,
    }
    hours = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}[feed.period.code]
    is_large = limits[feed.size.code]
    found = [
        r for r in rows if is_large(r) and timedelta() <= NOW - r.time <= timedelta(hours=hours)
    ]
    return [r.public_id for r in sorted(found, key=lambda r: (r.time, r.pk), reverse=True)]


def test_a_feed_holds_what_a_naive_filter_finds(month: list[EventRow]):
    sizes = set()
    for name, feed in FEEDS.items():
        expected = naive(feed, month)
        assert ids_of(name) == expected, name
        sizes.add(len(expected))
    assert len(sizes) > 8  # they differ


def test_a_feature_is_that_of_the_download_in_the_readers_language(month: list[EventRow]):
    make_row("kz2026plain", time=ago(minutes=1), name_en="Name", name_ru="Имя", place_en="x")
    files = {
        feature["id"]: feature
        for feature in map(json.loads, EventRow.objects.values_list(WRITTEN, flat=True))
    }
    for feature in get("all_month.geojson").json()["features"]:
        own = {name: feature["properties"].pop(name) for name in ("title", "url")}
        assert feature == files[feature["id"]]
        assert list(feature["properties"]) == list(GEOJSON_PROPERTIES)
        assert own["url"] == f"http://testserver/en/events/{feature['id']}/"
    russian = get("all_hour.geojson?lang=ru").json()["features"]
    told = {feature["id"]: feature["properties"] for feature in russian}
    assert told["kz2026plain"]["name"] == "Имя"
    assert told["kz2026plain"]["place"] == "x"  # better in English than not at all
    others = [p for key, p in told.items() if key != "kz2026plain"]
    assert others and all(p["place"] == "45 км к В от Алматы" for p in others)


def test_the_metadata_say_what_the_feed_is(month: list[EventRow]):
    changed(month[0], ago(hours=2))
    data = get("kr8_week.geojson?lang=kk").json()
    metadata = data["metadata"]
    assert metadata["count"] == len(data["features"]) > 1
    assert metadata["catalogue_version"] == 1
    assert metadata["language"] == "kk"
    assert metadata["url"] == "http://testserver/feeds/kr8_week.geojson?lang=kk"
    assert metadata["search"] == "http://testserver/kk/search/?minkr=8"
    assert metadata["period_hours"] == 168
    assert (metadata["truncated"], metadata["note"]) == (False, None)
    assert metadata["limit"] == feeds.MOST
    assert datetime.fromisoformat(metadata["generated"]) <= NOW


def test_a_feed_that_was_cut_keeps_the_newest_and_says_so(
    month: list[EventRow], monkeypatch: pytest.MonkeyPatch
):
    whole = ids_of("all_month.geojson")
    tag = get("all_month.geojson")["ETag"]
    monkeypatch.setattr(feeds, "MOST", 7)
    data = get("all_month.geojson").json()
    assert [feature["id"] for feature in data["features"]] == whole[:7]
    assert (data["metadata"]["count"], data["metadata"]["truncated"]) == (7, True)
    assert "newest 7 events" in data["metadata"]["note"]
    assert "newest 7 events" in texts(atom("all_month.atom"), "a:subtitle/text()")[0]
    assert len(ids_of("all_month.atom")) == 7
    assert get("all_month.geojson")["ETag"] != tag
    monkeypatch.setattr(feeds, "MOST", len(whole))
    assert get("all_month.geojson").json()["metadata"]["truncated"] is False
    assert texts(atom("all_month.atom"), "a:subtitle") == []


def test_a_title_tells_sizes_place_and_what_it_was(db: None):
    def title(public_id: str, **values: object) -> str:
        return feeds.event_title(make_row(public_id, place_en="28 km S of Karaganda", **values))

    place = "28 km S of Karaganda"
    assert title("a", kr=11.7, magnitude=5.2, magnitude_type="mb", mpva=6.0) == (
        f"KR 11.7, mb 5.2 – {place}"
    )
    assert title("b", mpva=4.9) == f"MPVA 4.9 – {place}"
    assert title("c") == f"size not known – {place}"
    assert title("d", kr=7.0, event_type="quarry blast") == f"KR 7.0 – {place} (quarry blast)"
    assert title("e", kr=7.0, name_en="Karaganda 2014") == "KR 7.0 – Karaganda 2014"
    with translation.override("ru"):
        assert title("f", kr=11.7, place_ru="28 км к Ю от Караганды") == (
            "KR 11,7 – 28 км к Ю от Караганды"
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invented_event_says_so_in_every_form_and_language(db: None, language: str):
    make_row("kz2026real0", time=ago(minutes=3), kr=8.0)
    make_row("kz2026made0", time=ago(minutes=2), kr=9.0, synthetic=True)
    with translation.override(language):
        label = translation.gettext("Synthetic example event, not a real earthquake")
    made, real = get(f"all_day.geojson?lang={language}").json()["features"]
    assert made["properties"]["synthetic"] and not real["properties"]["synthetic"]
    assert made["properties"]["title"].startswith(f"{label}: ")
    assert label not in real["properties"]["title"]
    feed = atom(f"all_day.atom?lang={language}")
    first, second = feed.findall("a:entry", NAMES)
    assert texts(first, "a:title/text()")[0].startswith(label)
    assert texts(first, "a:summary/text()")[0].endswith(label)
    assert "synthetic" in texts(first, "a:category/@term")
    assert label not in etree.tostring(second, encoding="unicode")


# --- Atom --------------------------------------------------------------------------------------

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}:[A-Za-z0-9._/-]+")
#: Element -> how often in a feed and in an entry (RFC 4287, 4.1.1 and 4.1.2); the rest: any number.
ONCE = ("id", "title", "updated")
AT_MOST_ONCE = ("subtitle", "summary", "generator", "published", "rights", "logo", "icon")


def assert_atom(element: etree._Element) -> None:
    """Check what the standard asks of a feed or an entry."""
    for name in ONCE:
        assert len(element.findall(f"a:{name}", NAMES)) == 1, name
    for name in AT_MOST_ONCE:
        assert len(element.findall(f"a:{name}", NAMES)) <= 1, name
    assert TAG.fullmatch(texts(element, "a:id/text()")[0])
    assert RFC3339.fullmatch(texts(element, "a:updated/text()")[0])
    assert all(text.strip() for text in texts(element, "a:title/text() | a:author/a:name/text()"))
    assert len(element.findall("a:author", NAMES)) <= 1
    alternates = element.findall('a:link[@rel="alternate"]', NAMES)
    assert alternates
    kinds = [(link.get("type"), link.get("hreflang")) for link in alternates]
    assert len(set(kinds)) == len(kinds)
    for link in element.findall("a:link", NAMES):
        assert urlsplit(link.get("href")).scheme == "http" and link.get("type")
    for category in element.findall("a:category", NAMES):
        assert category.get("term") and category.get("label")


@pytest.mark.parametrize("language", LANGUAGES)
def test_atom_is_as_its_standard_says(month: list[EventRow], language: str):
    query = "" if language == "en" else f"?lang={language}"
    response = get(f"all_month.atom{query}")
    feed = etree.fromstring(response.content)
    assert feed.tag == f"{{{feeds.ATOM}}}feed"
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == language
    assert_atom(feed)
    assert feed.find("a:author", NAMES) is not None  # so an entry may do without
    address = f"http://testserver/feeds/all_month.atom{query}"
    assert texts(feed, 'a:link[@rel="self"]/@href') == [address]
    entries = feed.findall("a:entry", NAMES)
    assert len(entries) > 20
    for entry in entries:
        assert_atom(entry)
        latitude, longitude = map(float, texts(entry, "g:point/text()")[0].split())
        assert (latitude, longitude) == (43.25, 76.9)
    assert len(set(texts(feed, "a:entry/a:id/text()"))) == len(entries)
    by_id = {row.public_id: row for row in month}
    for entry in entries:
        row = by_id[texts(entry, "a:id/text()")[0].rsplit("/", 1)[1]]
        elevations = [] if row.depth_km is None else [f"{-1000 * row.depth_km:.0f}".lstrip("-")]
        assert [text.lstrip("-") for text in texts(entry, "g:elev/text()")] == elevations
        assert texts(entry, "a:author/a:name/text()") == ["SOME"]
        assert texts(entry, "a:link/@href") == [
            f"http://testserver/{language}/events/{row.public_id}/"
        ]


def test_an_event_is_the_same_entry_in_all_feeds_and_languages(month: list[EventRow]):
    names = ("all_month.atom", "all_month.atom?lang=ru", "all_hour.atom")
    entries = [set(texts(atom(name), "a:entry/a:id/text()")) for name in names]
    assert entries[0] == entries[1] > entries[2]
    assert len({texts(atom(name), "a:id/text()")[0] for name in names}) == 3


def test_hostile_text_stays_text(db: None):
    row = make_row(
        "kz2026bad00",
        time=ago(minutes=1),
        name_en=HOSTILE,
        agency="<b>&",
        magnitude=5.0,
        magnitude_type='"><i>',
        event_type="<x>&\"'",
    )
    entry = atom("all_day.atom").find("a:entry", NAMES)
    title = texts(entry, "a:title/text()")[0]
    assert '</title><script>alert("x")</script> &' in title and title.endswith(" end (<x>&\"')")
    assert "\x07" not in title and '"><i> 5.0' in title
    assert texts(entry, "a:author/a:name/text()") == ["<b>&"]
    assert texts(entry, "a:category/@term") == [row.event_type]
    (feature,) = get("all_day.geojson").json()["features"]
    assert feature["properties"]["name"] == HOSTILE
    assert get("all_day.geojson")["X-Content-Type-Options"] == "nosniff"


# --- When it is sent again ---------------------------------------------------------------------


def again(name: str, tag: str) -> int:
    return get(name, **{"if-none-match": tag}).status_code


@pytest.mark.parametrize("form", FORMS)
def test_it_is_sent_again_when_the_catalogue_changes(month: list[EventRow], form: str):
    changed(month[0], ago(days=1))
    name = f"all_hour.{form}"
    response = get(name)
    known = get(name, **{"if-none-match": f"W/{response['ETag']}"})  # as a proxy that packs says it
    assert (known.status_code, known.content) == (304, b"")
    for header in ("ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin"):
        assert known[header] == response[header]
    changed(month[1], ago(minutes=5))
    assert again(name, response["ETag"]) == 200
    assert get(name)["X-Catalogue-Version"] == "2"


def test_two_changes_of_one_moment_are_told_apart(month: list[EventRow]):
    changed(month[0], NOW)
    tag = get("all_day.atom")["ETag"]
    changed(month[0], NOW)
    assert again("all_day.atom", tag) == 200


@pytest.mark.parametrize("form", FORMS)
def test_it_is_sent_again_when_an_event_grows_too_old_and_not_before(
    db: None, clock: Clock, form: str
):
    row = make_row("kz2026old00", time=ago(minutes=50), kr=10.5)
    make_row("kz2026small", time=ago(minutes=55), kr=6.0)
    changed(row, ago(minutes=45))
    name = f"kr10_hour.{form}"
    first = get(name)
    clock.forward(minutes=7)  # the small one leaves, which is not in this feed
    assert again(name, first["ETag"]) == 304
    assert get(name).content == first.content
    clock.forward(minutes=3)  # exactly an hour: still within
    assert again(name, first["ETag"]) == 304
    assert ids_of(name) == ["kz2026old00"]
    clock.forward(microseconds=1)
    assert again(name, first["ETag"]) == 200
    assert ids_of(name) == []
    last = get(name)
    clock.forward(days=20)
    assert again(name, last["ETag"]) == 304
    assert get(name).content == last.content
    assert datetime.fromisoformat(
        get("kr10_hour.geojson").json()["metadata"]["generated"]
    ) == NOW + timedelta(minutes=10)


def test_an_event_ahead_of_the_clock_comes_when_its_time_does(db: None, clock: Clock):
    row = make_row("kz2026ahead", time=NOW + timedelta(minutes=1))
    changed(row, ago(days=3))
    tag = get("all_day.atom")["ETag"]
    assert ids_of("all_day.atom") == []
    clock.forward(minutes=1)
    assert again("all_day.atom", tag) == 200
    assert ids_of("all_day.atom") == ["kz2026ahead"]


def test_random_moments_have_one_body_a_tag(month: list[EventRow], clock: Clock):
    """However time moves, the same tag means the same bytes, and other bytes another tag."""
    changed(month[0], ago(days=2))
    lot = random.Random(11)
    bodies: dict[str, bytes] = {}
    for _ in range(60):
        clock.forward(minutes=lot.expovariate(1 / 60))
        response = get("all_day.atom")
        assert bodies.setdefault(response["ETag"], response.content) == response.content
    assert 10 < len(bodies) < 60
    assert len(set(bodies.values())) == len(bodies)


def test_last_modified_is_the_same_moment_once_it_is_settled(db: None, clock: Clock):
    row = make_row("kz2026felt0", time=ago(days=2), felt=True)
    at = ago(seconds=30.5)
    changed(row, at)
    assert "Last-Modified" not in get("felt_week.atom")
    clock.forward(seconds=40)
    response = get("felt_week.atom")
    assert response["Last-Modified"] == http_date(int(at.timestamp()))
    same = {"if-modified-since": response["Last-Modified"]}
    assert get("felt_week.atom", **same).status_code == 304
    # The tag decides where both are given.
    assert get("felt_week.atom", **same, **{"if-none-match": '"x"'}).status_code == 200
    changed(row, clock.now)
    clock.forward(seconds=1)
    assert get("felt_week.atom", **same).status_code == 200


def test_tags_differ_by_feed_form_language_and_host(month: list[EventRow], settings):
    settings.ALLOWED_HOSTS = ["testserver", "other"]
    addresses = [*FEEDS, "all_day.atom?lang=ru", "all_day.atom?lang=kk"]
    tags = [get(name)["ETag"] for name in addresses]
    assert len(set(tags)) == len(addresses)
    other = READER.get("/feeds/all_day.atom", headers={"host": "other"})
    assert other["ETag"] not in tags
    assert b"http://other/en/events/" in other.content
    assert get("all_day.atom")["ETag"] == get("all_day.atom?lang=en")["ETag"]


# --- HTTP --------------------------------------------------------------------------------------


def test_any_site_may_ask_and_any_cache_may_keep_it_for_a_minute(month: list[EventRow]):
    response = get(
        "all_day.geojson", origin="https://example.org", cookie="sessionid=0123456789abcdef"
    )
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in response["Access-Control-Expose-Headers"]
    assert response["Cache-Control"] == "public, max-age=60"
    assert response["Vary"] == "Accept-Encoding"
    assert not response.cookies


def test_the_language_is_that_of_the_address_only(month: list[EventRow]):
    plain = get("all_day.atom")
    for language, title in (
        ("ru", "Землетрясения Казахстана"),
        ("kk", "Қазақстандағы жер сілкіністері"),
    ):
        asked = get("all_day.atom", **{"accept-language": language})
        assert (asked.content, asked["ETag"]) == (plain.content, plain["ETag"])
        assert asked["Content-Language"] == "en"
        told = get(f"all_day.atom?lang={language}", **{"accept-language": "en"})
        assert told["Content-Language"] == language
        assert told["Vary"] == "Accept-Encoding"
        assert texts(etree.fromstring(told.content), "a:title/text()")[0].startswith(title)


def test_other_answers_still_vary_with_the_language(client: Client, db: None):
    assert "Accept-Language" in client.get("/api/v1/changes")["Vary"]


def test_head_is_get_without_a_body(month: list[EventRow]):
    for name in ("all_day.atom", "all_day.geojson"):
        full, head = get(name), READER.head(f"/feeds/{name}")
        assert (head.status_code, head.content) == (200, b"")
        for header in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
            assert head[header] == full[header]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_only_reading_is_offered(db: None, method: str):
    response = getattr(Client(enforce_csrf_checks=True), method)("/feeds/all_day.atom")
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_queries_do_not_grow_with_the_feed(month: list[EventRow]):
    changed(month[0], ago(days=1))
    counts = []
    for name in ("all_hour.atom", "all_month.atom", "all_month.geojson"):
        with CaptureQueriesContext(connection) as queries:
            response = get(name)
        counts.append(len(queries))
    assert counts == [5, 5, 5]
    with CaptureQueriesContext(connection) as queries:
        get(name, **{"if-none-match": response["ETag"]})
    assert len(queries) == 4
