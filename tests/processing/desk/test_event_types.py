"""The desk's pages of event types, the public page and the API, all without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.formats.records import AmplitudeRecord, PickRecord
from catalog.models import Event, Interpretation, KnownSource, MergeDecision, User
from processing.jobs import event_type
from processing.transactions import writing
from tests.processing.bulletins import START, associate, event, lay, picks, recompute
from tests.processing.jobs.test_location import stations

__all__ = ["stations"]
pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def editors_client(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


@pytest.fixture
def quarry() -> list[Event]:
    """Ten events at noon on workdays that bulletins call earthquakes; they were looked at."""
    noon = START.replace(hour=6, minute=53)
    associate(
        lay(
            "KNDC",
            *(
                event(
                    f"b{d}", (noon - START + timedelta(days=d)).total_seconds(), 43.45, 76.75,
                    event_type="earthquake", sizes={"KR": 6.8}, depth_km=0.0,
                )
                for d in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12)
            ),
        )
    )  # fmt: skip
    recompute()
    with writing():
        event_type.screen()
    return list(Event.objects.order_by("row__time").select_related("row"))


def page(client: Client, name: str, *args: Any, status: int = 200, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == status
    return answer.content.decode().replace("\u00a0", " ")


def sent(client: Client, name: str, *args: Any, status: int = 200, **values: Any) -> str:
    answer = client.post(reverse(name, args=args), values, follow=True)
    assert answer.status_code == status
    return answer.content.decode().replace("\u00a0", " ")


def test_the_queue_lists_what_differs_and_editors_decide_on_many(
    desk_client: Client, editors_client: Client, quarry: list[Event]
) -> None:
    assert Client().get(reverse("event-types")).status_code == 302
    text = page(desk_client, "event-types")
    assert text.count('class="typing-item"') == 10
    assert "explosion (suspected)" in text and "Reported as an earthquake: KNDC" in text
    assert 'name="event"' not in text and "Editors decide on types." in text
    assert desk_client.post(reverse("event-types-decide")).status_code == 403
    text = page(editors_client, "event-types", state="differs", suggested="blast")
    tokens = re.findall(r'name="event" value="([^"]+)"', text)
    assert len(tokens) == 10
    done = sent(
        editors_client, "event-types-decide", event=tokens[:4], act="suggested", note="All noon"
    )
    assert "4 events decided." in done and done.count('class="typing-item"') == 6
    done = sent(
        editors_client, "event-types-decide", event=tokens[3:5], act="type",
        type="quarry blast", certainty="known",
    )  # fmt: skip
    assert "1 event decided." in done and "1 event was left out" in done
    assert MergeDecision.objects.filter(kind="type").count() == 5
    assert page(desk_client, "event-types", state="decided").count('class="typing-item"') == 5
    for values in (
        {"event": ["x", "1:y", "9" * 40 + ":1"], "act": "suggested"},
        {"event": tokens[9:], "act": "type", "type": "moonquake"},
        {},
    ):
        sent(editors_client, "event-types-decide", **values)
    assert MergeDecision.objects.filter(kind="type").count() == 5
    page(desk_client, "event-types", status=400, state="odd", starttime="yesterday")
    assert "Workers go through the catalogue" in sent(editors_client, "event-types-screen")


def test_one_event_is_decided_taken_back_and_told_to_the_public(
    editors_client: Client, quarry: list[Event]
) -> None:
    one = quarry[4]
    text = page(editors_client, "event-type", one.public_id)
    for words in (
        "Events of the place by hour of solar time", "Events of the place by weekday",
        "12:00, day (KNDC)",
        "9 other events within 20 km: 9 by day, 0 by night; chance 0.0020",
        "none is known within 100 km", "no station gives both amplitudes", "Friday",
    ):  # fmt: skip
        assert words in text, words
    seen = re.findall(r'name="seen" value="(\d+)"', text)[0]
    values = {"seen": seen, "act": "type", "type": "quarry blast", "certainty": "known"}
    assert "1 event decided." in sent(editors_client, "event-type-decide", one.public_id, **values)
    again = sent(editors_client, "event-type-decide", one.public_id, **values)
    assert "was left out" in again and "decided on" in again
    recompute()
    public = Client().get(one.get_absolute_url()).content.decode()
    assert "Quarry blast</strong> (certain): decided by an editor on" in public
    assert "odds of a blast" in public and "editor-" not in public
    told = Client().get(reverse("api-event-type", args=[one.public_id])).json()
    assert told["event_type"] == told["decision"]["event_type"] == "quarry blast"
    assert told["decision"]["by"] == "editor"
    assert told["reported"] == [
        {"agency": "KNDC", "event_type": "earthquake", "event_type_certainty": None}
    ]
    assert told["suggestion"]["score"] > 1 and told["suggestion"]["evidence"]["terms"]
    decision = MergeDecision.objects.get(kind="type")
    assert "taken back" in sent(
        editors_client, "event-type-decide", one.public_id, undo=decision.pk, note="No dust"
    )
    recompute()
    one.refresh_from_db()
    assert one.event_type == "earthquake"
    assert "somebody was faster" in sent(
        editors_client, "event-type-decide", one.public_id, undo="9" * 30
    )


@pytest.mark.long
def test_an_interpretation_is_written_down_and_withdrawn(
    desk_client: Client, editors_client: Client, quarry: list[Event]
) -> None:
    one = quarry[0]
    name, key = "event-type-interpret", one.public_id
    values = {"author": "N. N.", "type": "rock burst", "source": "Year book", "note_en": "<b>so"}
    assert desk_client.post(reverse(name, args=[key]), values).status_code == 403
    refused = sent(editors_client, name, key, status=400, **{**values, "source": ""})
    assert "<details open>" in refused
    assert "is written down" in sent(editors_client, name, key, **values)
    public = Client().get(one.get_absolute_url()).content.decode()
    assert "Rock burst</strong>" in public and "N. N." in public and "&lt;b&gt;so" in public
    row = Interpretation.objects.get()
    assert "Say why" in sent(editors_client, name, key, withdraw=row.pk)
    assert "is withdrawn" in sent(editors_client, name, key, withdraw=row.pk, reason="misread")
    assert "N. N." not in page(Client(), "event", key).partition('id="history"')[0]
    assert "misread" in page(desk_client, "event-type", key)


@pytest.mark.long
def test_amplitudes_are_shown_beside_those_of_the_place(
    desk_client: Client, stations: list[Any]
) -> None:
    def shot(number: int, kind: str, ratio: float) -> Any:
        p = picks(stations[:1], [9.0])["picks"]
        s = tuple(
            PickRecord(
                pick_id=f"s{i}", station=x.station, phase_hint="S",
                time=x.time + timedelta(seconds=9),
            )
            for i, x in enumerate(p)  # type: ignore[arg-type]
        )  # fmt: skip
        record = event(f"e{number}", 86_400.0 * number, event_type=kind, picks=(*p, *s))  # type: ignore[misc]
        amplitudes = tuple(
            AmplitudeRecord(
                amplitude_id=f"a{x.pick_id}", pick_id=x.pick_id, unit="nm",
                value=ratio if x.phase_hint == "P" else 1.0,
            )
            for x in record.picks
        )  # fmt: skip
        return replace(record, amplitudes=amplitudes)

    associate(
        lay(
            "SOME", shot(1, "quarry blast", 10.0), shot(2, "quarry blast", 0.1),
            shot(3, "earthquake", 0.1), shot(4, "earthquake", 1.0),
        )
    )  # fmt: skip
    recompute()
    last = Event.objects.order_by("row__time").last()
    assert last is not None
    text = page(desk_client, "event-type", last.public_id)
    assert "lg P/S 0.00 from 1 station" in text
    assert "above 50 percent of the place’s blasts (2)" in text
    assert "above 100 percent of the place’s earthquakes (1)" in text
    assert 'class="plot ratios"' in text and text.count("ratio--own") == 1


def test_editors_keep_known_quarries(desk_client: Client, editors_client: Client) -> None:
    values = {
        "name_en": "Quarry", "latitude": "43.4", "longitude": "76.7", "radius_km": "8",
        "kind": "quarry blast", "citation": "a map",
    }  # fmt: skip
    assert desk_client.post(reverse("known-source-new"), values).status_code == 403
    assert "The portal ships none" in page(desk_client, "known-sources")
    assert "The source is kept." in sent(editors_client, "known-source-new", **values)
    assert "known at this place already" in sent(
        editors_client, "known-source-new", status=400, **values
    )
    sent(editors_client, "known-source-new", status=400, **{**values, "radius_km": "900"})
    source = KnownSource.objects.get()
    sent(editors_client, "known-source", source.pk, **{**values, "valid_to": "2020-01-01"})
    source.refresh_from_db()
    assert source.valid_to is not None and source.recorded_by is not None
    assert "2020-01-01" in page(desk_client, "known-sources")
