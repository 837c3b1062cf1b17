"""The desk's pages of first motions and of reversed stations, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.ledger import Telling
from catalog.models import (
    Event,
    FocalMechanism,
    MergeDecision,
    PolarityDecision,
    Station,
    StationPolarityReversal,
    User,
)
from processing.jobs import mechanisms
from tests.processing.bulletins import recompute
from tests.processing.jobs.test_mechanisms import (
    amplitudes,
    lay_event,
    near_ratios,
    signs,
    stations,
)

__all__ = ["stations"]
pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def quake(stations: list[Station]) -> Event:
    """An event whose first polarity is wrong."""
    read = signs(stations)
    return lay_event(stations, [-read[0], *read[1:]])


@pytest.fixture
def editors_client(person: Callable[[str], User]) -> Client:
    client = Client()
    client.force_login(person("editor"))
    return client


def shown(client: Client, quake: Event, query: str = "", status: int = 200) -> str:
    answer = client.get(reverse("first-motions", args=[quake.public_id]) + query)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_page_shows_every_station_on_the_sphere_and_in_the_table(desk_client, quake):
    page = shown(desk_client, quake)
    assert page.count('class="sphere__spot') == 24
    assert page.count('<select name="w-') == 24
    assert "is-against" in page and "sphere__before" not in page
    assert "Editors confirm and reject mechanisms." in page
    assert "Fewer than two stations have both amplitudes" in page


def test_amplitude_ratios_are_told_by_station_and_tried_without_one(editors_client, stations):
    near, lg = near_ratios(stations)
    sized = lay_event(stations, signs(stations), amplitudes=amplitudes(near, lg))
    page = shown(editors_client, sized)
    table = page[page.index('id="ratios"') :]
    assert all(f'<th scope="row">{s.code}</th>' in table for s in near)
    assert f'<td class="num">{lg[0]:.2f}</td>'.replace("-", "−") in table
    assert f'<td class="num">{len(near)}, 0.' in page
    # Tried without one of them, and stored nowhere.
    tried = shown(editors_client, sized, f"?trial=1&r-{near[0].pk}=drop&r-x=drop&r-1=flip")
    assert f'id="ratio-{near[0].pk}" data-live>—</td>' in tried and "Tried" in tried
    assert f'<td class="num">{len(near) - 1}, 0.' in tried
    value = re.search(r'name="words" value="([^"]*)"', tried)
    assert value is not None and value[1] == f"trial=1&amp;r-{near[0].pk}=drop"
    assert not PolarityDecision.objects.exists()


def test_what_is_tried_is_shown_beside_what_is_in_force_and_stored_nowhere(
    editors_client, quake, stations
):
    page = shown(editors_client, quake, f"?trial=1&w-{stations[0].pk}=flip&w-{stations[1].pk}=drop")
    assert "sphere__before" in page and "Tried" in page
    assert page.count('class="sphere__spot is-out') == 1
    assert f'value="trial=1&amp;w-{stations[0].pk}=flip&amp;w-{stations[1].pk}=drop"' in page
    assert not PolarityDecision.objects.exists()
    assert FocalMechanism.objects.count() == 1


def test_leaving_out_too_many_or_nonsense_is_said(desk_client, quake, stations):
    query = "&".join(f"w-{s.pk}=drop" for s in stations[:17])
    page = shown(desk_client, quake, f"?trial=1&{query}")
    assert "Too few first motions of P are in use" in page and "Found: “7”" in page
    assert "found: “sideways”" in shown(desk_client, quake, "?trial=1&w-1=sideways", 400)
    assert "Tried" not in shown(desk_client, quake, "?trial=1&w-x=flip&w-99999999=flip")


def test_an_editor_confirms_rejects_and_takes_back(editors_client, quake, stations):
    address = reverse("first-motions-decide", args=[quake.public_id])
    form = {
        "words": f"trial=1&w-{stations[0].pk}=flip",
        "evidence": mechanisms.load(quake).evidence,
        "note": "read again",
    }
    page = editors_client.post(address, form, follow=True).content.decode()
    assert "The mechanism is confirmed." in page and "confirmed the computed mechanism on" in page
    recompute()
    found = FocalMechanism.objects.current().computed().get()
    assert found.evaluation_status == "confirmed"
    decision = MergeDecision.objects.get(kind="mechanism")
    assert Telling([decision]).decision(decision) == (
        f"The computed mechanism of event {quake.public_id} was confirmed."
    )
    page = shown(editors_client, quake)
    undo = re.search(r'name="undo" value="(\d+)"', page)
    assert undo is not None
    page = editors_client.post(address, {"undo": undo[1]}, follow=True).content.decode()
    assert "The decision is taken back" in page
    # The word on the single polarity stays.
    assert 'value="flip" selected' in shown(editors_client, quake)
    form["words"] = f"w-{stations[0].pk}=flip"
    editors_client.post(address, {**form, "reject": "1"})
    recompute()
    assert not FocalMechanism.objects.current().exists()
    page = editors_client.post(address, {**form, "evidence": "0"}, follow=True).content.decode()
    assert "look again" in page


def test_only_editors_decide_and_only_staff_look(client, desk_client, quake):
    address = reverse("first-motions-decide", args=[quake.public_id])
    assert desk_client.post(address, {}).status_code == 403
    assert client.get(reverse("first-motions", args=[quake.public_id])).status_code == 302
    assert desk_client.post(reverse("desk-reversals"), {}).status_code == 403


def test_reversed_stations_are_added_told_and_withdrawn(editors_client, quake, stations):
    address = reverse("desk-reversals")
    form = {"station": "st02", "start": "2015-01-01", "end": "", "source": "letter of 2015-04-01"}
    page = editors_client.post(address, form, follow=True).content.decode()
    assert "touches: 1" in page and "letter of 2015-04-01" in page
    recompute()
    assert "station reversed then" in shown(editors_client, quake)
    again = editors_client.post(address, form)
    assert again.status_code == 400 and "is listed already" in again.content.decode()
    for wrong, said in (
        ({"station": "NONE"}, "There is no station “NONE”."),
        ({"end": "2014-01-01"}, "ends before it begins"),
        ({"source": ""}, "This field is required"),
    ):
        answer = editors_client.post(address, {**form, **wrong})
        assert answer.status_code == 400 and said in answer.content.decode()
    row = StationPolarityReversal.objects.get()
    editors_client.post(reverse("desk-reversal-withdraw", args=[row.pk]))
    row.refresh_from_db()
    assert row.withdrawn_at is not None and row.withdrawn_by is not None
    assert "station reversed then" not in shown(editors_client, quake)
