"""The download builder: measured sizes, addresses, lines for programs."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import QueryDict
from django.test import Client, RequestFactory

from catalog import downloads
from catalog.search import PAGE, EventSearch
from portal import download_builder as builder
from processing.jobs.publishing import publish_many
from tests.catalog.event_rows import obspy_isf, store_report
from tests.portal.conftest import MakeEvent


@pytest.mark.django_db(transaction=True, databases=["default", "download"])
def test_sizes_are_those_the_writers_write(client: Client):
    with transaction.atomic():
        publish_many([store_report(obspy_isf())])
    cache.clear()
    request = RequestFactory().get("/")
    sizes = builder.sizes(request)
    assert sizes is not None and sizes.events == 1
    for code, name in downloads.FORMATS.items():
        writer = downloads.writer_of(name, request)
        search = EventSearch()
        with transaction.atomic(using=downloads.ALIAS):
            parts = [writer.head(search), *writer.events(search), writer.tail]
        assert sizes.formats[code].of(1) == pytest.approx(sum(map(len, parts)), rel=0.05), code
    assert set(sizes.formats) == {*downloads.FORMATS, *downloads.YEAR_BOOK_FORMATS}
    assert sizes.includes["includearrivals"] > 10 * sizes.formats["csv"].each
    text = client.get("/en/search/", {"format": "quakeml", "includearrivals": "true"})
    assert "An estimate, measured on 1 event of this catalogue" in text.content.decode()
    cache.clear()


def test_the_chosen_file_is_shown_without_a_script(client: Client, make_event: MakeEvent):
    make_event()
    words = {"minkr": "9", "format": "quakeml", "includearrivals": "true", "columns": "time,kr"}
    text = client.get("/en/search/", words).content.decode()
    assert '<details class="files" id="files" open>' in text
    address = "/api/v1/download.quakeml?minkr=9&amp;includearrivals=true"
    assert f'href="{address}"' in text
    assert f'value="http://testserver{address}"' in text
    assert re.search(r'value="quakeml" checked', text)
    form = text[text.index('id="files-form"') : text.index('id="files-chosen"')]
    assert '<input type="hidden" name="minkr" value="9">' in form
    assert '<input type="hidden" name="columns" value="time,kr">' in form


def test_every_format_of_the_portal_is_offered(client: Client, make_event: MakeEvent):
    make_event()
    text = client.get("/en/search/").content.decode()
    for code in (*downloads.FORMATS, *downloads.YEAR_BOOK_FORMATS):
        assert f'name="format" value="{code}"' in text
    assert ('action="/' in text) and (bool(builder.export_address()) == ("export-form" in text))


def test_a_format_there_is_not_is_named(client: Client, db: None):
    text = client.get("/en/search/", {"format": "docx"}).content.decode()
    assert "docx" in text and "year-book-catalogue.csv" in text


def test_the_lines_for_programs_can_be_run():
    query = QueryDict(
        "minkr=9&starttime=2014-01-01&felt=true&eventtype=quarry blast,explosion&agency=A'B"
    )
    search = EventSearch.from_query(query, PAGE)
    tree = ast.parse(builder.obspy_lines("https://a.kz", search, ["includearrivals"]))
    call = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get_events"
    )
    words = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert words == {
        "starttime": "2014-01-01", "minkr": 9, "felt": True, "includearrivals": True,
        "eventtype": "quarry blast,explosion", "agency": "A'B",
    }  # fmt: skip
    form = builder.formats_offered()[0]
    address = "https://a.kz" + builder.file_address(form, search, [])
    parts = shlex.split(builder.curl_line(address, form.file_name))
    assert parts[-1] == address and parts[-2] == "kazakhstan-earthquakes.csv"
    assert "get_events()" in builder.obspy_lines("https://a.kz", EventSearch(), [])


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0"), (998, "998"), (9_949, "9.9"), (27_300, "27"), (1_500_000, "1.5"), (3e9, "3.0")],
)
def test_sizes_have_two_digits(size: float, text: str):
    assert builder.size_text(size).startswith(f"{text}\u00a0")


def test_times_are_told_for_ten_megabits_a_second():
    assert builder.time_text(1_000_000) == "under 1 s"
    assert builder.time_text(12_500_000) == "10 s"
    assert builder.time_text(750_000_000) == "10 minutes"
