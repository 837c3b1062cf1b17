"""Latest, stations, glossary, data policy, style, help, the choice of colours, errors of pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.gis.geos import Point
from django.test import Client
from django.urls import reverse

from catalog.models import (
    OPERATOR,
    Agency,
    Arrival,
    BulletinFile,
    BulletinReading,
    FeedCounter,
    Network,
    Pick,
    Station,
    StationAlias,
    User,
)
from portal import glossary, stations, style
from portal.data_policy import COOKIES
from portal.stations import Residual, by_year, residual_plot
from portal.templatetags.desk import ROOMS
from processing.desk.help import ROOMS as HELP_ROOMS
from tests.portal.conftest import MakeEvent
from tests.portal.test_pages import address

AT = datetime(2014, 6, 21, 6, 31, tzinfo=UTC)


def station(code: str, network: str = "", **values: object) -> Station:
    owner = Network.objects.get_or_create(code=network)[0] if network else None
    return Station.objects.create(
        code=code, network=owner, point=Point(76.9658, 43.2172, srid=4326), **values
    )


# --- Latest ------------------------------------------------------------------------------------


def test_the_newest_come_first_by_day(client: Client, make_event: MakeEvent):
    make_event()
    make_event(public_id="kz2016newer", time=datetime(2016, 1, 2, 3, tzinfo=UTC), felt=False)
    text = client.get(address("latest")).content.decode()
    assert re.findall(r'data-id="(\w+)"', text) == ["kz2016newer", "kz2014karagn"]
    assert re.findall(r'id="day-([\d-]+)"', text) == ["2016-01-02", "2014-06-21"]
    felt = client.get(address("latest"), {"felt": "true"}).content.decode()
    assert re.findall(r'data-id="(\w+)"', felt) == ["kz2014karagn"]


def test_the_list_is_told_again_only_after_a_change(client: Client, make_event: MakeEvent):
    make_event()
    page = client.get(address("latest")).content.decode()
    tag = re.search(r'data-tag="([^"]+)"', page)
    assert tag is not None
    url = address("latest-rows")
    known = {"If-None-Match": tag[1].replace("&quot;", '"')}
    assert client.get(url, headers=known).status_code == 304
    assert client.get(address("latest-rows", "kk"), headers=known).status_code == 200
    FeedCounter.objects.update(value=7)
    answer = client.get(url, headers=known)
    assert answer.status_code == 200
    assert b"kz2014karagn" in answer.content and b"<html" not in answer.content


# --- Stations ----------------------------------------------------------------------------------


def test_stations_are_sorted_and_narrowed_by_links(client: Client, db: None):
    some = Agency.objects.create(code="SOME", name_en="Expedition")
    station("BBB", "KZ", elevation_m=100.0)
    station("AAA", agency=some, elevation_m=300.0, kind=Station.Kind.ARRAY)
    text = client.get(address("stations")).content.decode()
    rows = r'<th scope="row" role="rowheader"><a href="[^"]*/stations/(\w+)/'
    assert re.findall(rows, text) == ["AAA", "BBB"]
    text = client.get(address("stations"), {"sort": "elevation"}).content.decode()
    assert re.findall(rows, text) == ["BBB", "AAA"]
    assert 'aria-sort="ascending"' in text and "sort=-elevation" in text
    text = client.get(address("stations"), {"agency": "SOME"}).content.decode()
    assert re.findall(rows, text) == ["AAA"]


@pytest.mark.parametrize(
    "query", [{"sort": "\x00"}, {"agency": "nobody\x00"}, {"page": "9" * 40}, {"page": "-1"}]
)
def test_a_strange_question_is_answered(client: Client, db: None, query: dict[str, str]):
    station("AAA", "KZ")
    assert client.get(address("stations"), query).status_code == 200


def test_a_code_of_two_networks_asks_which(client: Client, db: None):
    station("TWO", "KZ", name_en="One place")
    station("TWO", "II", name_en="Another place")
    page = client.get(address("station", "en", "TWO")).content.decode()
    assert "/stations/TWO/?of=KZ" in page and "/stations/TWO/?of=II" in page
    chosen = client.get(address("station", "en", "TWO"), {"of": "II"}).content.decode()
    assert "Another place" in chosen and "One place" not in chosen
    assert client.get(address("station", "en", "TWO"), {"of": "\x00"}).status_code == 404
    assert client.get(address("station", "en", "NONE")).status_code == 404


def test_an_agencys_own_code_leads_to_the_station(client: Client, db: None):
    own = station("TKM2", "KZ")
    StationAlias.objects.create(agency=Agency.objects.create(code="SOME"), code="TKM", station=own)
    text = client.get(address("station", "en", "tkm")).content.decode()
    assert "TKM is what SOME calls this station; its own code is TKM2." in text


def test_residuals_of_preferred_solutions_are_told(client: Client, make_event: MakeEvent):
    own = station("KNDC", "KZ")
    event = make_event()
    origin = event.preferred_origin
    assert origin is not None
    user = User.objects.create_user("op")
    file = BulletinFile.objects.create(sha256="0" * 64, name="f", size=1, uploader=user)
    reading = BulletinReading.objects.create(
        file=file, number=1, agency=origin.agency, format="isf", reader_version="isf-1",
        requested_by=user,
    )  # fmt: skip
    for number, residual in enumerate((0.25, -1.5, None)):
        at = AT + timedelta(seconds=number)
        pick = Pick.objects.create(reading=reading, station=own, station_code="KNDC", time=at)
        Arrival.objects.create(origin=origin, pick=pick, phase="Pn", time_residual=residual)
    text = client.get(address("station", "en", "KNDC")).content.decode()
    assert re.search(r"Readings in the catalogue</dt><dd>3<", text)
    assert "Residuals of 2 readings over time" in text
    assert re.search(r'<td>Pn</td><td class="num">2</td><td class="num">−0.6[23]</td>', text)
    assert address("event", "en", "kz2014karagn") in text


def test_quartiles_by_year_and_phase():
    values = [Residual(AT, "Pg", r, None, None, "e") for r in (0.0, 1.0, 2.0, 3.0, 10.0)]
    older = Residual(AT.replace(year=2010), "Sg", -1.0, None, None, "e")
    told = by_year([*values, older])
    assert [(y.year, y.phase, y.number) for y in told] == [(2014, "Pg", 5), (2010, "Sg", 1)]
    assert (told[0].low_s, told[0].median_s, told[0].high_s) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("years", "label"), [((2014,), "2014-06"), ((1990, 2014), "1995"), ((1900, 2014), "1920")]
)
def test_the_axis_of_time_fits_its_length(years: tuple[int, ...], label: str):
    plot = residual_plot([Residual(AT.replace(year=y), "P", 0.1, None, None, "e") for y in years])
    labels = [tick.label for tick in plot.x_ticks]
    assert label in labels or len(years) == 1
    assert len(labels) <= 11
    assert all(plot.inner["x"] <= tick.at <= plot.inner["right"] for tick in plot.x_ticks)


def test_a_residual_beyond_the_frame_stands_at_its_edge():
    usual = [Residual(AT + timedelta(days=i), "P", 0.5, None, None, "e") for i in range(99)]
    plot = residual_plot([*usual, Residual(AT, "S", 500.0, None, None, "e")])
    assert plot.y_to == 1.0
    assert f" {plot.y(1.0)}h0" in plot.paths[-1].d
    assert stations.WAVES[1][0] == "s" and plot.paths[-1].kind.endswith("--s")


# --- Words -------------------------------------------------------------------------------------


def test_the_glossary_page_has_every_term_of_the_file(client: Client, db: None):
    terms = glossary.read()
    assert len(terms) > 60
    for language in ("kk", "ru", "en"):
        text = client.get(address("glossary", language)).content.decode()
        found = re.findall(r"<dt>([^<]+)</dt>", text)
        assert sorted(found) == sorted(term.words[language] for term in terms)


def test_kazakh_terms_follow_their_alphabet(client: Client, db: None):
    text = client.get(address("glossary", "kk")).content.decode()
    found = [word.lower() for word in re.findall(r"<dt>([^<]+)</dt>", text)]
    firsts = [word[0] for word in found if word[0] in glossary.ALPHABETS["kk"]]
    places = [glossary.ALPHABETS["kk"].index(letter) for letter in firsts]
    assert places == sorted(places) and "қ" in firsts and "ә" not in firsts[len(firsts) // 2 :]


def test_the_style_page_shows_every_token(client: Client, db: None):
    answer = client.get(address("style"))
    assert answer["X-Robots-Tag"] == "noindex"
    text = answer.content.decode()
    css = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()
    names = re.findall(r"^\s*--([\w-]+):", css, flags=re.MULTILINE)
    assert len(names) == sum(len(group.tokens) for group in style.groups())
    assert [name for name in names if f"<code>--{name}</code>" not in text] == []
    samples = (settings.BASE_DIR / "static" / "css" / "style.css").read_text()
    shown = re.findall(r"style-sample--([\w-]+)", text)
    assert [name for name in shown if f".style-sample--{name} " not in samples] == []


def test_the_help_has_every_page_of_the_desk(client: Client, db: None):
    user = User.objects.create_user("op", password="long-enough-password")
    user.groups.add(Group.objects.get(name=OPERATOR))
    client.force_login(user)
    text = client.get(address("desk-help")).content.decode()
    helped = {page.name for room in HELP_ROOMS for page in room.pages}
    there = {page.name for room in ROOMS for page in room.pages} - {"desk", "desk-help"}
    assert helped == there
    assert all(f'id="{name}"' in text for name in helped)
    assert Client().get(address("desk-help")).status_code == 302


# --- Colours, cookies, errors -------------------------------------------------------------------


def test_a_choice_of_colours_is_kept_and_varies_the_page(client: Client, db: None):
    plain = client.get(address("about"))
    assert "data-theme" not in plain.content.decode()
    assert "Cookie" in plain["Vary"]
    answer = client.post(reverse("theme"), {"theme": "dark", "next": "/kk/about/?a=1"})
    assert (answer.status_code, answer["Location"]) == (303, "/kk/about/?a=1")
    text = client.get(address("about")).content.decode()
    assert 'data-theme="dark"' in text and 'media="screen"' in text
    client.post(reverse("theme"), {"theme": "light"})
    text = client.get(address("about")).content.decode()
    assert 'data-theme="light"' in text and 'media="not all"' in text
    client.post(reverse("theme"), {"theme": "system"})
    assert "data-theme" not in client.get(address("about")).content.decode()


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/", "//elsewhere.example", "javascript:1", "/" + "a" * 9000,
        "/en/\r\nSet-Cookie: a=b", "\x00",
    ],
)  # fmt: skip
def test_a_choice_of_colours_leads_nowhere_else(client: Client, target: str):
    answer = client.post(reverse("theme"), {"theme": "dark", "next": target})
    assert answer.status_code == 303
    assert answer["Location"].startswith("/") and not answer["Location"].startswith("//")
    assert "\n" not in answer["Location"]


def test_an_unknown_choice_of_colours_is_named(client: Client):
    answer = client.post(reverse("theme"), {"theme": "sepia"})
    assert answer.status_code == 400 and b"'sepia'; use system, light, dark" in answer.content
    assert client.get(reverse("theme")).status_code == 405


def test_the_pages_set_no_cookie_that_the_policy_does_not_name(client: Client, db: None):
    told = {cookie.name for cookie in COOKIES}
    for name in ("map", "latest", "stations", "search", "about", "data-policy", "glossary"):
        assert client.get(address(name)).cookies == {}, name
    found = set(client.get(address("login")).cookies) | set(
        client.get(address("export-ask")).cookies
    )
    found |= set(client.post(reverse("theme"), {"theme": "dark"}).cookies)
    user = User.objects.create_user("op", password="long-enough-password")
    answer = client.post(address("login"), {"username": user, "password": "long-enough-password"})
    assert answer.status_code == 302
    assert found | set(answer.cookies) <= told


def test_errors_say_their_number_and_lead_on(client: Client, db: None):
    missing = client.get("/en/nothing-here/")
    assert missing.status_code == 404
    assert 'class="told__code" aria-hidden="true">404<' in missing.content.decode()
    assert address("latest") in missing.content.decode()
    refused = client.get("/too-large", headers={"Accept": "text/html"}).content.decode()
    assert ">413<" in refused


def test_the_page_of_maintenance_stands_alone():
    text = (settings.BASE_DIR / "deploy" / "nginx" / "maintenance.html").read_text()
    assert not re.search(r'(src|href)="|url\(|@import', text)
    assert [lang for lang in ('lang="kk"', 'lang="ru"', 'lang="en"') if lang not in text] == []
