"""The desk's page of a location: shown, tried, accepted and taken back, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import Event, MergeDecision, Origin, Station, User
from processing.jobs import location_inputs
from tests.processing.bulletins import associate, event, lay, picks, recompute
from tests.processing.jobs.test_location import onsets, stations

__all__ = ["stations"]
pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def quake(stations: list[Station]) -> Event:
    """An event whose first reading is nine seconds late."""
    times = onsets(stations)
    times[0] += 9.0
    associate(lay("SOME", event("s1", **picks(stations, times))))
    recompute()
    return Event.objects.get()


@pytest.fixture
def editors_client(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def shown(client: Client, quake: Event, query: str = "", status: int = 200) -> str:
    answer = client.get(reverse("locating", args=[quake.public_id]) + query)
    assert answer.status_code == status
    return answer.content.decode().replace("\u00a0", " ")


def sent(client: Client, quake: Event, **values: object) -> str:
    address = reverse("locating-decide", args=[quake.public_id])
    evidence = location_inputs.load(quake).evidence
    answer = client.post(address, {"evidence": evidence, **values}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def first_pick(quake: Event) -> int:
    late = Station.objects.get(code="ST0").pk
    return next(r.pick for r in location_inputs.load(quake).readings if r.station == late)


def test_the_page_shows_every_reading_with_its_residual_and_draws(desk_client, quake):
    page = shown(desk_client, quake)
    assert "The solution in force" in page and "does not fit" in page
    assert len(re.findall(r'name="off"', page)) == 6
    for title in ("Misfit around the epicentre", "Misfit by depth", "Travel times", "Residuals"):
        assert f'aria-label="{title}"' in page
    assert "level-0" in page and "kyrgyz" in page
    assert "Editors accept solutions." in page


def test_what_is_ticked_becomes_an_address_that_tells_it(desk_client, quake):
    key = first_pick(quake)
    address = reverse("locating-try", args=[quake.public_id])
    answer = desk_client.post(
        address, {"model": "ak135", "depth": "12,5", "off": [str(key)], f"as-{key}": "Pg"}
    )
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"?trial=1&model=ak135&depth=12.5&off={key}&names={key}:Pg")
    page = shown(desk_client, quake, answer["Location"].partition("location/")[2])
    assert "What was tried, beside what is in force" in page
    assert "moved " in page and "held at a value chosen by an analyst" in page
    assert "switched off" in page and "AK135" in page.upper()
    assert Origin.objects.computed().count() == 1, "trying stores nothing"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("model=moon", "There is no model “moon”."),
        ("depth=9999", "found: “9999”"),
        ("depth=nan", "found: “nan”"),
        ("depth=deep", "found: “deep”"),
        ("names=1:PmP3", "There is no phase “PmP3”."),
    ],
)
def test_a_wrong_wish_is_told_and_nothing_breaks(desk_client, quake, query, sentence):
    assert sentence in shown(desk_client, quake, f"?trial=1&{query}", 400)


def test_readings_that_are_not_the_events_are_ignored(desk_client, quake):
    page = shown(
        desk_client, quake, "?trial=1&off=999999,x,²&names=999999:Pg," + "9" * 5000 + ":Pg"
    )
    assert "checked" not in page


def test_too_little_left_says_so_and_keeps_the_table(desk_client, quake):
    keys = ",".join(str(r.pick) for r in location_inputs.load(quake).readings[:4])
    page = shown(desk_client, quake, f"?trial=1&off={keys}")
    assert "Tried: no solution, fewer than four phases" in page
    assert len(re.findall(r'name="off"', page)) == 6 and "plot--surface" not in page


def test_an_editor_accepts_and_takes_back(editors_client, quake):
    key = first_pick(quake)
    query = f"trial=1&depth=20&off={key}"
    page = sent(editors_client, quake, query=query, note="Clock!", prefer="1")
    assert "The solution is accepted" in page and "Workers are locating this event" in page
    recompute()
    origin = Origin.objects.current().computed().get()
    assert (origin.depth_km, origin.evaluation_mode) == (20.0, "manual")
    assert Event.objects.get().preferred_origin == origin
    page = shown(editors_client, quake)
    assert "Clock!" in page and 'value="20"' in page and "What was tried" not in page
    public = editors_client.get(quake.get_absolute_url()).content.decode()
    assert (
        "computed, accepted by an editor" in public
        and "is located by the choices of a person" in public
    )
    decision = MergeDecision.objects.get(kind="locate")
    assert "taken back" in sent(editors_client, quake, undo=str(decision.pk))
    recompute()
    assert Origin.objects.current().computed().get().evaluation_mode == "automatic"
    assert "somebody was faster" in sent(editors_client, quake, undo=str(decision.pk))


def test_what_changed_meanwhile_is_not_accepted(editors_client, quake):
    page = sent(editors_client, quake, query="trial=1&depth=20", evidence="0" * 64)
    assert "Readings have come or gone since you looked" in page
    assert not MergeDecision.objects.filter(kind="locate").exists()


def test_operators_and_the_public_accept_nothing(desk_client, quake):
    address = reverse("locating-decide", args=[quake.public_id])
    assert desk_client.post(address, {"query": "trial=1"}).status_code == 403
    assert Client().post(address, {"query": "trial=1"}).status_code == 302
    assert Client().get(reverse("locating", args=[quake.public_id])).status_code == 302
    assert not MergeDecision.objects.filter(kind="locate").exists()


def test_an_event_without_readings_says_so(desk_client):
    associate(lay("SOME", event("s1")))
    recompute()
    page = shown(desk_client, Event.objects.get())
    assert (
        "there is nothing to locate it from" in page and "<form method" not in page.split("main")[1]
    )


def test_the_event_page_leads_staff_there(desk_client, quake):
    address = reverse("locating", args=[quake.public_id])
    assert address in desk_client.get(quake.get_absolute_url()).content.decode()
    assert address not in Client().get(quake.get_absolute_url()).content.decode()
