"""The public pages as a browser without a script gets them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import translation

from catalog.models import (
    EDITOR,
    OPERATOR,
    Agency,
    Change,
    Event,
    IntensityObservation,
    MergeDecision,
    Origin,
    PreferenceRuleSet,
    Report,
    User,
)
from tests.portal.conftest import MakeEvent

LANGUAGES = ("kk", "ru", "en")
PAGES = (
    "map", "search", "about", "methods", "magnitude-scales", "preference", "data-sources",
    "api-docs", "login",
)  # fmt: skip


def address(name: str, language: str = "en", *args: str) -> str:
    with translation.override(language):
        return reverse(name, args=args)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_in_its_language(client: Client, db: None, page: str, language: str):
    answer = client.get(address(page, language))
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_an_inline_script_or_style(client: Client, db: None, page: str):
    text = client.get(address(page)).content.decode()
    scripts = re.findall(r"<script\b([^>]*)>", text)
    assert all("src=" in s or 'type="application/json"' in s for s in scripts)
    assert "<style" not in text
    assert not re.search(r"\s(style|on[a-z]+)=", text)


def test_the_list_is_there_without_a_script(client: Client, make_event: MakeEvent):
    make_event()
    text = client.get(address("map")).content.decode()
    assert address("event", "en", "kz2014karagn") in text
    assert "28 km S of Karaganda" in text
    assert "2014-06-21 06:30</time>" in text


def test_the_filter_works_without_a_script(client: Client, make_event: MakeEvent):
    make_event()
    make_event(public_id="kz2014small1", sizes={"KR": 7.0}, place="a small one")
    text = client.get(address("map"), {"minkr": "11", "maxkr": "", "map": "5/45/70"})
    assert "Karaganda" in text.content.decode()
    assert "a small one" not in text.content.decode()


def test_a_mistake_in_the_filter_is_said_and_kept(client: Client, db: None):
    text = client.get(address("map"), {"minkr": "much"}).content.decode()
    assert 'value="much"' in text
    assert 'aria-invalid="true"' in text


def test_languages_lead_to_the_same_search(client: Client, db: None):
    text = client.get(address("search"), {"minkr": "9"}).content.decode()
    for language in LANGUAGES:
        assert f'href="/{language}/search/?minkr=9"' in text


def test_an_unknown_search_word_is_named(client: Client, db: None):
    text = client.get(address("search"), {"minmagnitud": "3"}).content.decode()
    assert "minmagnitud" in text
    assert "minmagnitude" in text


def test_an_error_stands_beside_its_field(client: Client, db: None):
    text = client.get(address("search"), {"minlatitude": "95"}).content.decode()
    field = re.search(r'<input[^>]*name="minlatitude"[^>]*>', text)
    assert field is not None and 'value="95"' in field[0] and 'aria-invalid="true"' in field[0]
    assert re.search(r'class="field__error" id="id_minlatitude_error">[^<]*95', text)


def test_results_are_sorted_and_paged_by_the_address(client: Client, make_event: MakeEvent):
    for number in range(3):
        make_event(
            public_id=f"kz201400000{number}",
            time=datetime(2014, 1, 1 + number, tzinfo=UTC),
            sizes={"mb": 4.0 + number},
        )
    first = client.get(address("search"), {"limit": "2", "orderby": "time-asc"}).content.decode()
    ids = re.findall(r"/en/events/(kz\w+)/", first)
    assert ids == ["kz2014000000", "kz2014000001"]
    following = re.search(r'rel="next" href="\?([^"]+)"', first)
    assert following is not None
    rest = client.get(f"{address('search')}?{following[1].replace('&amp;', '&')}")
    assert re.findall(r"/en/events/(kz\w+)/", rest.content.decode()) == ["kz2014000002"]


def test_the_downloads_carry_the_search(client: Client, make_event: MakeEvent):
    make_event()
    text = client.get(address("search"), {"minkr": "9"}).content.decode()
    assert "/api/v1/download.csv?minkr=9" in text
    assert "/api/v1/download.kml?minkr=9" in text
    event = client.get(address("event", "en", "kz2014karagn")).content.decode()
    assert "/api/v1/download.kml?eventid=kz2014karagn" in event


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_year_books_tables_carry_the_search_and_the_language(
    client: Client, make_event: MakeEvent, language: str
):
    make_event()
    text = client.get(address("search", language), {"minkr": "9"}).content.decode()
    for table in ("catalogue", "mechanisms", "intensity"):
        for suffix in ("csv", "xlsx"):
            words = f"minkr=9&amp;orderby=time-asc&amp;lang={language}"
            assert f"/api/v1/download.year-book-{table}.{suffix}?{words}" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_event_page_tells_what_when_where(client: Client, make_event: MakeEvent, language: str):
    make_event()
    text = client.get(address("event", language, "kz2014karagn")).content.decode()
    sign = "." if language == "en" else ","
    assert f"11{sign}7" in text
    assert "2014-06-21 06:30</time>" in text
    assert "06:30:00" not in text
    assert "±\u00a030" in text or "± 30" in text
    assert "(UTC+6)" in text
    assert f"49{sign}56°" in text


def test_solutions_stand_side_by_side_with_their_distance(client: Client, make_event: MakeEvent):
    event = make_event()
    preferred = event.preferred_origin
    assert preferred is not None
    Origin.objects.create(
        event=event,
        agency=Agency.objects.create(code="SOMEX"),
        time=datetime(2014, 6, 21, 6, 30, 2, tzinfo=UTC),
        point="SRID=4326;POINT(72.97 49.65)",
    )
    text = client.get(address("event", "en", "kz2014karagn")).content.decode()
    assert "SOMEX" in text
    assert "10.0\u00a0km" in text
    assert "+2.0\u00a0s" in text


def test_a_felt_place_and_its_intensity_are_listed(client: Client, make_event: MakeEvent):
    event = make_event()
    IntensityObservation.objects.create(event=event, place="Abai", minimum=3, maximum=4)
    text = client.get(address("event", "en", "kz2014karagn")).content.decode()
    assert "Abai" in text
    assert "3–4" in text


def test_a_merged_event_leads_to_its_successor_and_says_so(client: Client, make_event: MakeEvent):
    survivor = make_event()
    Event.objects.create(public_id="kz2014merged", status="merged", merged_into=survivor)
    answer = client.get(address("event", "en", "kz2014merged"))
    assert answer.status_code == 301
    assert "kz2014merged" in client.get(answer["Location"]).content.decode()


def test_a_notice_of_a_merge_cannot_be_made_up(client: Client, make_event: MakeEvent):
    make_event()
    page = address("event", "en", "kz2014karagn")
    text = client.get(page, {"merged": "kz2014forged"}).content.decode()
    assert 'class="notice"' not in text


def test_a_deleted_event_is_gone_and_says_so(client: Client, db: None):
    event = Event.objects.create(public_id="kz2014gone99", status="deleted")
    Change.record("deleted", event)
    answer = client.get(address("event", "en", "kz2014gone99"))
    assert answer.status_code == 410
    assert "kz2014gone99" in answer.content.decode()


def test_an_unknown_event_is_not_found(client: Client, db: None):
    answer = client.get(address("event", "en", "kz1999nothing"))
    assert answer.status_code == 404
    assert "lang=" in answer.content.decode()


def test_a_synthetic_event_is_called_so_everywhere(client: Client, make_event: MakeEvent):
    event = make_event(synthetic=True)
    assert "synthetic" in client.get(address("map")).content.decode().lower()
    page = client.get(address("event", "en", event.public_id)).content.decode()
    assert "not a real earthquake" in page
    assert "<title>synthetic: " in page
    assert 'data-synthetic="synthetic"' in page
    listed = client.get(address("search") + "?synthetic=true").content.decode()
    assert "tag--synthetic" in listed


def test_a_removed_synthetic_event_says_that_it_was_one(client: Client, make_event: MakeEvent):
    event = make_event(synthetic=True)
    Event.objects.filter(pk=event.pk).update(status="deleted")
    answer = client.get(address("event", "en", event.public_id))
    assert answer.status_code == 410
    assert "was a synthetic example" in answer.content.decode()


def test_the_documentation_lists_every_word_of_the_service(client: Client, db: None):
    from catalog.search import FDSN, parameters_of

    text = client.get(address("api-docs")).content.decode()
    for parameter in parameters_of(FDSN):
        assert f"<code>{parameter.name}</code>" in text


def test_hostile_text_of_a_bulletin_stays_text(client: Client, make_event: MakeEvent):
    make_event(place='</script><script>alert("x")</script>')
    for page in (address("map"), address("event", "en", "kz2014karagn"), address("search")):
        assert '<script>alert("x")' not in client.get(page).content.decode()


def test_the_search_lets_choose_words_of_the_reader(client: Client, db: None):
    body = client.get(address("search", "ru"), {"eventtype": "meteorite"}).content.decode()
    assert '<option value="time-asc">Сначала старые</option>' in body
    assert 'value="quarry blast"' in body and ">quarry blast<" not in body
    # A rare type the address names stays chosen.
    assert re.search(r'<input[^>]*value="meteorite"[^>]*checked', body)


def test_the_intensity_at_the_epicentre_is_no_settlement(client: Client, make_event: MakeEvent):
    event = make_event()
    IntensityObservation.objects.create(
        event=event, place="epicentre", point=event.preferred_origin.point, best=7.0
    )
    response = client.get(address("event", "en", event.public_id))
    assert "I0 (at the epicentre)" in response.content.decode()
    assert response.context["map_data"]["places"] == []


def test_history_names_a_role_and_never_a_person(client: Client, make_event: MakeEvent):
    event = make_event()
    person = User.objects.create_user("aigerim", password="long-enough-for-a-test")
    person.groups.add(Group.objects.get_or_create(name=OPERATOR)[0])
    Change.record("updated", event, actor=person)
    body = client.get(address("event", "en", event.public_id)).content.decode()
    assert "by an operator" in body
    assert "aigerim" not in body


def test_the_history_is_told_in_sentences_with_what_it_rests_on(
    client: Client, make_event: MakeEvent
):
    event = make_event()
    other = Event.objects.create(public_id="kz2014former", status="merged", merged_into=event)
    agency = Agency.objects.get(code="KNDC")
    report = Report.objects.create(agency=agency, key="id:K<1>", event=event)
    partner = Report.objects.create(agency=agency, key="hash:0123456789abcdef", event=event)
    MergeDecision.objects.create(
        kind="associate", event=event, report=report, other_report=partner, rule_set="rules-7",
        misfit=0.42, parts={"by": "metric", "time": 0.1, "distance_km": 12.34567, "new": 1},
    )  # fmt: skip
    MergeDecision.objects.create(kind="merge", event=event, other_event=other, rule_set="rules-7")
    MergeDecision.objects.create(
        kind="move", other_event=other, report=report, before={"event": other.pk}
    )
    editor = User.objects.create_user("aigerim", password="long-enough-for-a-test")
    editor.groups.add(Group.objects.get(name=EDITOR))
    chosen = MergeDecision.objects.create(
        kind="prefer", event=event, actor=editor, after={"origin": event.preferred_origin_id}
    )
    MergeDecision.objects.create(kind="undo", event=event, actor=editor, undoes=chosen)
    Change.record("merged", other, into=event.public_id)
    body = client.get(address("event", "en", event.public_id)).content.decode()
    assert f'KNDC K&lt;1&gt;</a> was joined to event <a href="{event.get_absolute_url()}">' in body
    assert f'#report-{partner.pk}">KNDC #01234567</a>' in body
    assert "Misfit 0.42 and its parts" in body and "rules-7" in body
    for words in ("agreement of the solutions", "distance of epicentres, km", "12.346", ">new<"):
        assert words in body
    assert "kz2014former</a> was merged into event" in body
    assert "was withdrawn by its agency and left event" in body
    assert "Taken back: The solution of KNDC was chosen as the preferred one" in body
    assert "left the catalogue: it is part of event" in body
    assert "aigerim" not in body and "By an editor." in body


def test_the_rule_in_force_is_public_in_three_languages(client: Client, db: None):
    for language in LANGUAGES:
        body = client.get(address("preference", language)).content.decode()
        assert "kz-preference/1" in body and "SOME" in body
    body = client.get(address("preference", "en")).content.decode()
    assert "to be confirmed by the agencies" in body and "41.67 to 45.00 N" in body
    assert ">10000<" in body and "5000<" in body
    PreferenceRuleSet.objects.update(status="retired")
    assert client.get(address("preference", "en")).status_code == 200
