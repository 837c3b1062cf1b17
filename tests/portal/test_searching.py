"""The search page as a browser without a script gets it: form, mistakes, columns, count, table."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import translation

from catalog.downloads import TooLong
from catalog.search import BY_WORD, GROUPS, PAGE, Count, SearchError, parameters_of
from portal import result_columns, searching
from portal.time_limits import within
from tests.portal.conftest import MakeEvent


def search(client: Client, language: str = "en", **words: Any) -> str:
    with translation.override(language):
        address = reverse("search")
    return client.get(address, words).content.decode()


def count(client: Client, **words: Any) -> dict[str, Any]:
    with translation.override("en"):
        answer: dict[str, Any] = client.get(reverse("search-count"), words).json()
    return answer


# --- The form ----------------------------------------------------------------------------------


def test_every_word_has_a_field_a_label_and_its_meaning(client: Client, db: None):
    text = search(client)
    for code in GROUPS:
        assert f'id="group-{code}"' in text
    for parameter in parameters_of(PAGE):
        if parameter.name == "offset":
            continue
        assert f'name="{parameter.name}"' in text, parameter.name
        assert f"<code>{parameter.name}</code>" in text or f">{parameter.name}</code>" in text
        assert f'id="id_{parameter.name}_help"' in text, parameter.name
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert sorted(ids) == sorted(set(ids))
    for described in re.findall(r'aria-describedby="([^"]+)"', text):
        assert set(described.split()) <= set(ids), described


def test_mistakes_are_summed_up_with_links_and_stand_at_their_fields(client: Client, db: None):
    text = search(client, minkr="much", columns="kr,colour", minmagnitud="3", eventtype="zz")
    summary = text[text.index('id="problems"') : text.index('class="search__grid"')]
    assert 'href="#id_minkr"' in summary and 'href="#id_eventtype"' in summary
    assert "colour" in summary and "placeerror" in summary  # what there is instead
    assert "Did you mean “minmagnitude”?" in summary
    field = re.search(r'<input[^>]*name="minkr"[^>]*>', text)
    assert field is not None and 'aria-invalid="true"' in field[0]
    assert re.search(r'id="id_minkr_error">[^<]*much', text)
    assert re.search(r'<details class="search__more" open>', text)  # eventtype waits there


def test_the_form_keeps_what_was_given(client: Client, db: None):
    text = search(client, "en", magnitudetype="mb", status="reviewed,automatic", agency="SOME")
    assert re.search(r'<option value="mb"\s+selected>', text)
    for word in ("reviewed", "automatic"):
        assert re.search(rf'<input[^>]*name="status"[^>]*value="{word}"[^>]*checked', text)
    assert re.search(r'<input[^>]*name="agency"[^>]*value="SOME"', text) or re.search(
        r'<input[^>]*value="SOME"[^>]*name="agency"', text
    )


# --- The count ---------------------------------------------------------------------------------


def test_the_live_count_tells_the_number_or_the_mistakes(client: Client, make_event: MakeEvent):
    make_event()
    found = count(client, minkr="9", maxkr="", columns="time,kr", format="quakeml")
    assert found == {"count": 1, "exact": True, "text": "1 event", "problems": []}
    wrong = count(client, minkr="x")
    assert wrong["count"] is None
    assert [p["word"] for p in wrong["problems"]] == ["minkr"]


def test_a_count_says_when_it_stopped():
    with translation.override("en"):
        assert searching.count_words(Count(100_000, False)) == "More than 100\u202f000 events"
        assert searching.count_words(None) == "Counting these events takes too long"


def test_a_question_that_takes_too_long_is_given_up(db: None):
    with pytest.raises(TooLong), within(0.02), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_events_that_cannot_be_counted_in_time_are_shown_all_the_same(
    client: Client, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
):
    make_event()
    monkeypatch.setattr(searching, "bounded_count", lambda search: None)
    text = search(client)
    assert "Counting these events takes too long" in text
    assert "28 km S of Karaganda" in text


def test_a_search_that_takes_too_long_says_so(
    client: Client, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
):
    def gives_up(*args: object) -> None:
        raise TooLong

    monkeypatch.setattr(searching, "_answer", gives_up)
    answer = client.get("/en/search/")
    assert answer.status_code == 503
    assert "This search takes too long" in answer.content.decode()


# --- The table ---------------------------------------------------------------------------------


def test_columns_are_chosen_by_the_address_and_kept_in_its_links(
    client: Client, make_event: MakeEvent
):
    for number in range(3):
        make_event(public_id=f"kz201400000{number}", time=datetime(2014, 1, 1 + number, tzinfo=UTC))
    text = search(client, columns=["id", "gap,depth"], limit="2")
    table = text[text.index('<table class="results ') : text.index("</table>")]
    assert re.findall(r'class="cell--(\w+)', table)[:3] == ["depth", "gap", "id"]
    assert "kz2014000002</td>" in table and 'role="rowheader"' in table
    for link in re.findall(r'data-sort="\w+" href="\?([^"]+)"', table):
        assert "columns=time,depth,gap,id" in link
    following = re.search(r'rel="next" href="\?([^"]+)"', text)
    assert following is not None and "columns=time,depth,gap,id" in following[1]
    assert re.search(r'value="gap" form="search-form" checked', text)


def test_the_usual_columns_need_no_word():
    usual = result_columns.columns_of({})
    assert result_columns.columns_word(usual) == ""
    assert [column.code for column in usual] == list(result_columns.DEFAULT)
    with pytest.raises(SearchError):
        result_columns.columns_of({"columns": "time,\x00"})


def test_every_column_has_a_cell_for_a_full_and_for_a_bare_event(
    client: Client, make_event: MakeEvent
):
    make_event()
    make_event(public_id="kz2014bare99", depth_km=None, sizes={}, felt=False, place="")
    text = search(client, "ru", columns=",".join(result_columns.BY_CODE))
    table = text[text.index('<tbody role="rowgroup"') : text.index("</tbody>")]
    assert len(re.findall("<tr ", table)) == 2
    assert len(re.findall("<t[dh] ", table)) == 2 * len(result_columns.COLUMNS)
    assert "None" not in table and "11,7" in table


def test_only_orders_the_search_knows_are_offered(client: Client, make_event: MakeEvent):
    make_event()
    text = search(client, orderby="magnitude", columns=",".join(result_columns.BY_CODE))
    assert re.search(r'aria-sort="descending"><a data-sort="magnitude" href="\?[^"]*-asc', text)
    for column in result_columns.COLUMNS:
        offered = f'data-sort="{column.code}"' in text
        assert offered == (column.order in BY_WORD["orderby"].choices), column.code


def test_the_map_draws_the_rows_of_the_page(client: Client, make_event: MakeEvent):
    make_event()
    text = search(client)
    data = re.search(r'<script id="map-rows" type="application/json">(.*?)</script>', text)
    assert data is not None
    (event,) = json.loads(data[1])
    assert event["id"] == "kz2014karagn" and event["kr"] == 11.7 and event["lat"] == 49.56
    assert 'data-id="kz2014karagn"' in text
    assert '/en/?minkr=9"' in search(client, minkr="9")  # without a script: the map's own page


def test_an_empty_answer_says_what_to_try(client: Client, db: None):
    text = search(client, minkr="17", offset="1")
    assert "No events match." in text and 'id="files"' not in text
