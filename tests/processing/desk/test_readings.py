"""Station readings at the desk: searched, paged, decided on; without a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import (
    AccessToken,
    Event,
    MergeDecision,
    Network,
    Origin,
    Pick,
    PickAssociation,
    Station,
    User,
)
from processing.desk import readings
from processing.models import WorkItem
from tests.processing.bulletins import START, recompute
from tests.processing.jobs.test_location import PLACES, onsets
from tests.processing.jobs.test_station_readings import send, shock

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


@pytest.fixture
def stations(db: None) -> list[Station]:
    network = Network.objects.create(code="KR")
    return [
        Station.objects.create(
            code=f"ST{i}", point=Point(lon, lat, srid=4326), elevation_m=0.0, network=network
        )
        for i, (lat, lon) in enumerate(PLACES)
    ]


@pytest.fixture
def editor(person: Callable[[str], User]) -> User:
    return person("editor")


@pytest.fixture
def editors_client(editor: User) -> Client:
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def quake(stations: list[Station]) -> Event:
    """An event with three readings proposed, one that repeats, one that fits nothing."""
    event = shock(stations)
    times = onsets(stations)
    send(
        (stations[3], times[3], "P"), (stations[4], times[4], "ePg"), (stations[5], times[5], "P"),
        (stations[0], times[0], "P"), (stations[5], 5000.0, "S"),
    )  # fmt: skip
    recompute()
    return event


def listed(client: Client, **query: str) -> list[tuple[str, str]]:
    answer = client.get(reverse("readings"), query)
    assert answer.status_code == 200
    return [(line.pick.station_code, line.state) for line in answer.context["lines"]]


def decide(client: Client, **values: Any) -> Any:
    return client.post(reverse("readings-decide"), values)


def test_all_readings_are_listed_the_latest_first(desk_client: Client, quake: Event) -> None:
    found = listed(desk_client)
    assert found[0] == ("ST5", "open")
    assert sorted(found) == [
        ("ST0", "duplicate"), ("ST3", "proposed"), ("ST4", "proposed"), ("ST5", "open"),
        ("ST5", "proposed"),
    ]  # fmt: skip


#: A search and the stations of what it finds; all are asked of one catalogue.
SEARCHES: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"station": "st3"}, ["ST3"]),
    ({"network": "KR"}, ["ST0", "ST3", "ST4", "ST5", "ST5"]),
    ({"network": "XX"}, []),
    ({"phase": "Pg"}, ["ST4"]),
    ({"phase": "S"}, ["ST5"]),
    ({"starttime": "2015-03-01T13:00:00"}, ["ST5"]),
    ({"endtime": "2015-03-01T13:00:00"}, ["ST0", "ST3", "ST4", "ST5"]),
    ({"file": "knet"}, ["ST0", "ST3", "ST4", "ST5", "ST5"]),
    ({"file": "other"}, []),
    ({"state": "open"}, ["ST5"]),
    ({"state": "proposed"}, ["ST3", "ST4", "ST5"]),
    ({"state": "duplicate"}, ["ST0"]),
    ({"state": "accepted"}, []),
    ({"event": "nobody"}, []),
    ({"station": "ST5", "state": "proposed"}, ["ST5"]),
)


def test_readings_are_searched(desk_client: Client, quake: Event) -> None:
    for query, stations_found in SEARCHES:
        found = sorted(code for code, _state in listed(desk_client, **query))
        assert found == stations_found, query


def test_a_repetition_names_the_event_that_has_it(desk_client: Client, quake: Event) -> None:
    page = desk_client.get(reverse("readings"), {"state": "duplicate"}).content.decode()
    assert "The same reading as ST0 P" in page
    assert quake.get_absolute_url() in page


def test_the_overview_counts_what_waits(desk_client: Client, quake: Event) -> None:
    assert desk_client.get(reverse("desk")).context["proposal_count"] == 3


def test_one_file_is_searched_by_its_number(
    desk_client: Client, quake: Event, stations: list[Station]
) -> None:
    other = send((stations[2], 7.0, "S"))
    assert listed(desk_client, file=f"#{other.file_id}") == [("ST2", "open")]
    page = desk_client.get(reverse("readings"), {"station": "ST2"}).content.decode()
    assert f"file=%23{other.file_id}" in page


def test_readings_near_an_event_are_found_by_its_id(desk_client: Client, quake: Event) -> None:
    found = listed(desk_client, event=quake.public_id)
    assert sorted(code for code, _ in found) == ["ST3", "ST4", "ST5"]


def test_a_search_that_makes_no_sense_says_so(desk_client: Client, quake: Event) -> None:
    answer = desk_client.get(reverse("readings"), {"starttime": "yesterday"})
    assert answer.status_code == 400
    assert "Enter a valid date" in answer.content.decode()


def test_pages_neither_skip_nor_repeat(
    desk_client: Client, stations: list[Station], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several at the same moment, and some without a time.
    reading = send(*[(stations[i % 6], float(i // 4), "P") for i in range(23)])
    Pick.objects.bulk_create(
        [Pick(reading=reading, station_code=f"T{i}", phase_hint="P") for i in range(6)]
    )
    monkeypatch.setattr(readings, "PAGE", 5)
    monkeypatch.setattr(readings.page_of, "__defaults__", (5,))
    seen: list[int] = []
    after = ""
    for _ in range(10):
        answer = desk_client.get(reverse("readings"), {"after": after})
        seen += [line.pick.pk for line in answer.context["lines"]]
        after = answer.context["following"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 29
    timed = [pk for pk in seen if Pick.objects.get(pk=pk).time is not None]
    assert seen[: len(timed)] == timed


def test_an_operator_looks_and_does_not_decide(desk_client: Client, quake: Event) -> None:
    page = desk_client.get(reverse("readings")).content.decode()
    assert 'name="accept"' not in page
    row = PickAssociation.objects.filter(state="proposed").first()
    assert row is not None
    assert decide(desk_client, accept=row.pk).status_code == 403
    row.refresh_from_db()
    assert row.state == "proposed"


def test_an_editor_accepts_rejects_and_undoes_one(editors_client: Client, quake: Event) -> None:
    first, second, _third = PickAssociation.objects.filter(state="proposed").order_by("pk")
    answer = decide(
        editors_client, accept=first.pk, note="seen on the trace", query="state=proposed"
    )
    assert answer["Location"] == reverse("readings") + "?state=proposed"
    decide(editors_client, reject=second.pk)
    assert sorted(listed(editors_client))[1:3] == [("ST3", "accepted"), ("ST4", "rejected")]
    page = editors_client.get(reverse("readings")).content.decode()
    assert "seen on the trace" in page
    decide(editors_client, undo=first.pk)
    first.refresh_from_db()
    assert first.state == "proposed"
    assert list(MergeDecision.objects.order_by("pk").values_list("kind", flat=True))[-3:] == [
        "accept-pick",
        "reject-pick",
        "undo",
    ]
    again = editors_client.post(reverse("readings-decide"), {"undo": first.pk}, follow=True)
    assert "no decision to undo" in again.content.decode()


def test_those_ticked_are_accepted_together(editors_client: Client, quake: Event) -> None:
    rows = list(PickAssociation.objects.filter(state="proposed").values_list("pk", flat=True))
    decide(editors_client, accept="ticked", row=rows[:2])
    assert PickAssociation.objects.filter(state="accepted").count() == 2
    assert (
        "No proposal was chosen"
        in editors_client.post(
            reverse("readings-decide"), {"accept": "ticked"}, follow=True
        ).content.decode()
    )


def test_all_unambiguous_ones_of_an_event_are_accepted(
    editors_client: Client, quake: Event
) -> None:
    query = f"event={quake.public_id}"
    page = editors_client.get(f"{reverse('readings')}?{query}")
    assert page.context["clear_count"] == 3
    decide(editors_client, accept="clear", query=query)
    assert PickAssociation.objects.filter(state="accepted").count() == 3
    recompute()
    assert Origin.objects.current().computed().get().used_station_count == 6
    # Without an event or a file nothing is accepted in bulk.
    assert editors_client.get(reverse("readings")).context["clear_count"] == 0


def test_a_reading_decided_on_meanwhile_is_left_out(editors_client: Client, quake: Event) -> None:
    row = PickAssociation.objects.filter(state="proposed").first()
    assert row is not None
    decide(editors_client, accept=row.pk)
    answer = editors_client.post(reverse("readings-decide"), {"reject": row.pk}, follow=True)
    assert "left out" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == "accepted"


def test_a_decision_needs_the_forms_token(editor: User, quake: Event) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    row = PickAssociation.objects.filter(state="proposed").first()
    assert row is not None
    assert decide(client, accept=row.pk).status_code == 403


def test_readings_are_tried_again_by_a_button(desk_client: Client, quake: Event) -> None:
    answer = desk_client.post(reverse("readings-try-again"), follow=True)
    assert "tried again" in answer.content.decode()
    assert WorkItem.objects.filter(kind="readings", state="open").count() == 1


def test_made_up_readings_say_so(desk_client: Client, stations: list[Station]) -> None:
    send((stations[0], 1.0, "P"), synthetic=True)
    assert "synthetic" in desk_client.get(reverse("readings")).content.decode()


def test_the_list_asks_few_questions(
    desk_client: Client, stations: list[Station], django_assert_max_num_queries: Any
) -> None:
    shock(stations)
    times = onsets(stations)
    for i in range(10):
        send(*[(s, t + 0.3 * i, "P") for s, t in zip(stations, times, strict=True)])
    recompute()
    with django_assert_max_num_queries(20):
        desk_client.get(reverse("readings"))


def test_the_time_of_the_search_is_utc(desk_client: Client, stations: list[Station]) -> None:
    send((stations[0], 0.0, "P"))
    edge = (START + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert listed(desk_client, endtime=edge) == [("ST0", "open")]
    assert listed(desk_client, starttime=edge) == []


def test_the_event_page_tells_staff_of_proposals_and_everyone_of_who_read(
    client: Client, editors_client: Client, quake: Event
) -> None:
    address = quake.get_absolute_url()
    assert "proposed for this event" in editors_client.get(address).content.decode()
    assert "proposed for this event" not in client.get(address).content.decode()
    decide(editors_client, accept="clear", query=f"event={quake.public_id}")
    recompute()
    public = client.get(address).content.decode()
    assert "<td>KNET</td>" in public
    assert "proposed for this event" not in editors_client.get(address).content.decode()


def test_a_script_reads_the_list(operator: User, quake: Event) -> None:
    _, key = AccessToken.issue(operator, "script", [AccessToken.Scope.READ_STAFF])
    bearer = {"Authorization": f"Bearer {key}"}
    address = reverse("api-readings")
    first = Client().get(address, {"state": "proposed", "limit": "2"}, headers=bearer)
    assert first.status_code == 200, first.content
    second = Client().get(first.json()["next"], headers=bearer).json()
    found = first.json()["readings"] + second["readings"]
    assert sorted(r["station"] for r in found) == ["ST3", "ST4", "ST5"]
    assert second["next"] is None
    best = found[0]["proposed"][0]
    assert best["event"] == quake.public_id and best["unambiguous"] is True
    assert found[0]["time"].endswith("Z") and found[0]["agency"] == "KNET"


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"who": "me"}, {"state": "odd"}])
def test_a_script_is_told_of_a_word_that_is_wrong(operator: User, query: dict[str, str]) -> None:
    _, key = AccessToken.issue(operator, "script", [AccessToken.Scope.READ_STAFF])
    answer = Client().get(
        reverse("api-readings"), query, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 400
    assert answer.json()["values"]["field"] == next(iter(query))


def test_a_script_without_the_scope_is_refused(token: str, client: Client, db: None) -> None:
    address = reverse("api-readings")
    assert client.get(address).status_code == 401
    answer = client.get(address, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_the_command_tries_readings_again(quake: Event, stations: list[Station]) -> None:
    stranger = send((Station(code="NEW"), onsets(stations)[4], "P"))
    recompute()
    Station.objects.create(
        code="NEW", point=Point(75.9, 42.9, srid=4326), agency=stranger.agency, elevation_m=0.0
    )
    out = StringIO()
    call_command("propose_readings", "--starttime", "2015-03-01", "--now", stdout=out)
    assert "2 files" in out.getvalue()
    assert PickAssociation.objects.filter(pick__station_code="NEW", event=quake).exists()
    call_command("propose_readings", "--starttime", "2099-01-01", stdout=out)
    assert "0 files" in out.getvalue()
    with pytest.raises(CommandError):
        call_command("propose_readings", "--starttime", "soon")
