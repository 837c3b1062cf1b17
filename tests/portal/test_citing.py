"""Citable queries: the permalink, what changed since its version, the reference as files."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from catalog.models import Agency, Change, Event, EventRow
from catalog.search import EventSearch
from portal.changed import columns_asked, matched_then, what_changed
from tests.catalog.test_citation import bibtex_fields
from tests.portal.conftest import MakeEvent

LAST = {
    "time": "2014-06-21T06:30:00+00:00", "latitude": 49.56, "longitude": 72.97,
    "depth_km": 10.0, "magnitude": None, "kr": 11.7, "place_en": "28 km S of Karaganda",
}  # fmt: skip


def recorded(kind: str, event: Event, **details: Any) -> int:
    """Record a change as publishing does; its row carries the number."""
    number = Change.record(kind, event, **details).number
    EventRow.objects.filter(event=event).update(change_number=number)
    return number


def withdrawn(kind: str, event: Event, **details: Any) -> None:
    EventRow.objects.filter(event=event).delete()
    recorded(kind, event, last=LAST, **details)


@pytest.fixture
def history(make_event: MakeEvent) -> int:
    """A catalogue with every kind of change since the version returned."""
    names = ("old", "fresh", "touched", "moved", "left", "gone", "merged", "far")
    events = {name: make_event(public_id=f"kz2014{name}") for name in names}
    for name, event in events.items():
        if name != "fresh":
            version = recorded("created", event)
    recorded("created", events["fresh"])
    recorded("updated", events["touched"], changed=["place_en", "csv_line"])
    recorded("updated", events["moved"], changed=["kr", "csv_line"])
    EventRow.objects.filter(event=events["left"]).update(kr=5.0)
    recorded("updated", events["left"], changed=["kr"])
    withdrawn("deleted", events["gone"])
    Event.objects.filter(pk=events["merged"].pk).update(status="merged", merged_into=events["old"])
    withdrawn("merged", events["merged"], into="kz2014old")
    EventRow.objects.filter(event=events["far"]).delete()
    recorded("deleted", events["far"], last={**LAST, "kr": 6.0})
    return version


def test_what_changed_is_told_by_kind_and_only_for_the_search(history: int):
    changed = what_changed(EventSearch(minkr=9.0), history, history + 7)
    assert changed.counts == {"created": 1, "updated": 2, "deleted": 1, "merged": 1, "left": 1}
    certain = {event.public_id.removeprefix("kz2014"): event.certain for event in changed.listed}
    assert certain == {
        "fresh": True, "touched": True, "moved": False, "left": False, "gone": True, "merged": True,
    }  # fmt: skip
    # old, touched, gone, merged were found for certain; moved and left perhaps.
    assert changed.count_then == (4, 6)
    assert changed.count.value == 4
    merged = next(event for event in changed.listed if event.kind == "merged")
    assert merged.into == "kz2014old" and merged.time is not None


def test_without_a_limit_the_count_then_is_exact(history: int):
    changed = what_changed(EventSearch(), history, history + 7)
    assert changed.count_then == (7, 7)
    assert changed.counts["left"] == 0
    assert all(event.certain for event in changed.listed)


def test_the_columns_a_search_asks_about():
    assert columns_asked(EventSearch(minmagnitude=4.0, magnitudetype="mb")) == {"mb", "status"}
    assert columns_asked(EventSearch(minkr=4.0, limit=5)) == {"kr", "status"}
    assert columns_asked(EventSearch()) == {"status"}
    assert columns_asked(EventSearch(eventid=("kz2014karagn",))) == frozenset()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"minkr": 11.7}, True),
        ({"minkr": 11.8}, False),
        ({"minmagnitude": 1.0}, False),  # not reported never satisfies a limit
        ({"minlatitude": 49.0, "maxlongitude": 73.0}, True),
        ({"minlongitude": 73.0, "maxlongitude": -170.0}, False),
        ({"latitude": 49.56, "longitude": 73.97, "maxradiuskm": 70.0}, False),
        ({"latitude": 49.56, "longitude": 73.97, "maxradiuskm": 73.0, "maxradius": 0.66}, True),
        ({"polygon": ((72.0, 49.0), (74.0, 49.0), (74.0, 50.0))}, False),
        ({"polygon": ((72.0, 49.0), (74.0, 49.0), (72.0, 51.0))}, True),
        ({"agency": ("SOME",)}, None),
        ({"agency": ("SOME",), "maxkr": 3.0}, False),
        ({"eventid": ("smi:kz/event/kz2014gone",)}, True),
        ({"synthetic": True}, False),
    ],
)
def test_last_words_tell_whether_an_event_matched(words: dict[str, Any], expected: bool | None):
    change = Change(kind="deleted", event=Event(public_id="kz2014gone"), details={"last": LAST})
    assert matched_then(EventSearch(**words), change) is expected


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_page_tells_then_now_and_how_to_cite(client: Client, history: int, language: str):
    answer = client.get(f"/{language}/cite/", {"minkr": "9", "catalogueversion": str(history)})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f"http://testserver/cite/?minkr=9&amp;catalogueversion={history}" in text
    assert "kz2014gone" in text and "kz2014fresh" in text and "kz2014far" not in text
    assert text.count("<blockquote") == 3
    assert f"/cite.bib?minkr=9&amp;catalogueversion={history}" in text
    assert "KNDC" in text


def test_a_permalink_is_of_no_language(client: Client, db: None):
    answer = client.get("/cite/?minkr=9&catalogueversion=0", headers={"accept-language": "ru"})
    assert answer.status_code == 302
    assert answer["Location"] == "/ru/cite/?minkr=9&catalogueversion=0"


def test_a_version_that_is_none_is_named(client: Client, db: None):
    for version in ("-1", "x", "1.5", "9" * 30, "99999", "\x00", "²"):
        problems = client.get("/cite.json", {"catalogueversion": version}).json()["problems"]
        assert [problem["word"] for problem in problems] == ["catalogueversion"], version
    answer = client.get("/en/cite/", {"catalogueversion": "99999", "minkr": "x"})
    assert answer.status_code == 400
    assert "catalogueversion" in answer.content.decode() and "minkr" in answer.content.decode()


def test_the_reference_comes_in_every_form(client: Client, make_event: MakeEvent):
    event = make_event(synthetic=True)
    recorded("created", event)
    Agency.objects.create(code="KZPORTAL", is_portal=True, name_en="Centre & {Co}", name_ru="Центр")
    words = {"minkr": "9", "lang": "en"}
    bib = client.get("/cite.bib", words)
    kind, key, fields = bibtex_fields(bib.content.decode())
    assert kind == "misc" and re.fullmatch(r"kzportal-v1-[0-9a-f]{6}", key)
    assert fields["author"] == r"{Centre \& \textbraceleft{}Co\textbraceright{}}"
    assert fields["url"] == "http://testserver/cite/?minkr=9&catalogueversion=1"
    assert "not real earthquakes" in fields["note"]
    assert bib["Content-Disposition"] == f'attachment; filename="{key}.bib"'
    ris = client.get("/cite.ris", words | {"lang": "ru"}).content.decode()
    assert "AU  - Центр\r\n" in ris and ris.endswith("ER  - \r\n")
    (item,) = json.loads(client.get("/cite.csl.json", words).content)
    assert item["type"] == "dataset" and item["version"] == "1"
    whole = client.get("/cite.json", words).json()
    assert whole["count"] == 1 and whole["count_then"] == {"least": 1, "most": 1}
    assert client.get("/cite.exe").status_code in (302, 404)


def test_one_event_is_cited_by_its_id(client: Client, make_event: MakeEvent):
    event = make_event()
    recorded("created", event)
    page = client.get(f"/en/events/{event.public_id}/").content.decode()
    assert f'href="/en/cite/?eventid={event.public_id}"' in page
    text = client.get("/en/cite/", {"eventid": event.public_id}).content.decode()
    assert f"event {event.public_id}" in text


def test_the_search_page_leads_from_a_version_to_what_changed(client: Client, history: int):
    text = client.get(
        "/en/search/", {"minkr": "9", "catalogueversion": str(history)}
    ).content.decode()
    assert f'href="/en/cite/?minkr=9&amp;catalogueversion={history}"' in text
    assert (
        "out of range" in client.get("/en/search/", {"catalogueversion": "77777"}).content.decode()
    )
