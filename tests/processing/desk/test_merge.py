"""The merge desk's pages without a script: the queue, a pair, an event's reports, taking back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import AccessToken, Event, MergeDecision, Report, User
from processing.jobs import joint_location, merge_decisions
from tests.processing.bulletins import arrangement, associate, event, lay, picks, recompute
from tests.processing.jobs.test_location import onsets, stations

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
def pair() -> tuple[int, int]:
    """Two reports, published as two events, that the rules left to a person."""
    associate(lay("SOME", event("s1", 0, 43.2, sizes={"mb": 4.0})))
    associate(lay("KNDC", event("k1", 15, 43.9, sizes={"mb": 4.4})))
    recompute()
    return Report.objects.get(key="id:s1").pk, Report.objects.get(key="id:k1").pk


def shown(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.content.decode().replace("\u00a0", " ")


def sent(client: Client, decision: str, *pairs: tuple[int, int], **more: str) -> str:
    values = [f"{a}-{b}-{merge_decisions.seen_of((a, b))}" for a, b in pairs]
    answer = client.post(
        reverse("review-decide"), {"decision": decision, "pair": values, **more}, follow=True
    )
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_queue_tells_the_doubt_and_an_empty_one_says_so(editors_client, desk_client, pair):
    page = shown(editors_client, reverse("review"))
    assert "further apart than their errors allow" in page and "15.0 s" in page
    assert re.search("mb [+−]0.4", page) and "<strong>1</strong> pair waits" in page
    assert 'name="decision"' in page and 'name="decision"' not in shown(
        desk_client, reverse("review")
    )
    page = shown(editors_client, reverse("review") + "?agency=NNC&reason=nonsense")
    assert "No pair is like this." in page
    assert "Enter a valid" in shown(editors_client, reverse("review") + "?starttime=soon", 400)
    assert "put off to the end" in sent(editors_client, "later", pair)
    assert "is one earthquake now" in sent(editors_client, "same", pair, note="Same readings")
    page = shown(editors_client, reverse("review"))
    assert "Nothing waits for a decision." in page and "“Same readings”" in page
    assert "No pair was chosen." in sent(editors_client, "same")


def test_bulk_decides_each_pair_for_itself(editors_client, pair):
    associate(lay("SOME", event("s2", 3600, 43.2)))
    associate(lay("KNDC", event("k2", 3618, 43.2)))
    recompute()
    other = Report.objects.get(key="id:s2").pk, Report.objects.get(key="id:k2").pk
    values = [f"{a}-{b}-{merge_decisions.seen_of((a, b))}" for a, b in (pair, other)]
    sent(editors_client, "different", other)
    answer = editors_client.post(
        reverse("review-decide"), {"decision": "same", "pair": [*values, "x-y-z"]}, follow=True
    )
    page = answer.content.decode()
    assert "1 pair is one earthquake now." in page
    assert "SOME s2 — KNDC k2: Somebody was faster" in page
    assert len(arrangement()) == 3


def test_the_page_of_a_pair_draws_and_locates(editors_client, stations, monkeypatch):
    monkeypatch.setattr(joint_location, "SECONDS", 120.0)  # of a machine that is busy
    times = onsets(stations)
    associate(lay("SOME", event("s1", 0, 43.2, 77.2, **picks(stations[:4], times[:4]))))
    late = [t + 0.2 for t in times]
    # Three readings do not fix a place of their own: no joint relocation decides before a person.
    associate(lay("KNDC", event("k1", 18, 43.2, 77.2, **picks(stations[3:], late[3:]))))
    recompute()
    pair = Report.objects.get(key="id:s1").pk, Report.objects.get(key="id:k1").pk
    page = shown(editors_client, reverse("review-pair", args=pair))
    assert "All together" in page and "alone" in page and "kyrgyz" not in page
    assert page.count("plot__mark--look-0") >= 4 and page.count("plot__mark--look-1") >= 3
    assert "18.00 s" in page
    assert "Root mean square" in page
    assert "1 of 1" in page
    assert "s1 OriginRecord" in page, "the text as received"
    joint = joint_location.predict(*Report.objects.select_related("event").in_bulk(pair).values())
    assert joint.together.solved.solution.used_station_count == 6
    assert len(joint.together.inputs.readings) == 7 and joint.is_of_events
    # Of one event now: each report's own readings are its side.
    assert "is one earthquake now" in sent(editors_client, "same", pair)
    page = shown(editors_client, reverse("review-pair", args=pair))
    assert "The two are one event now" in page and "SOME s1 alone" in page
    assert "held to be two earthquakes" in sent(editors_client, "different", pair)
    assert len(arrangement()) == 2


def test_what_cannot_be_located_says_why_and_late_is_told(editors_client, pair, monkeypatch):
    page = shown(editors_client, reverse("review-pair", args=pair))
    assert "All together: cannot be located here: fewer than four phases" in page
    assert "there are no arrivals to draw" in page
    late = joint_location.predict(
        *Report.objects.select_related("event").in_bulk(pair).values(), seconds=-1.0
    )
    assert late.alone[1].error in ("took_too_long", "too_few_arrivals")
    assert shown(editors_client, reverse("review-pair", args=(pair[0], pair[0])), 404)
    assert shown(editors_client, reverse("review-pair", args=(pair[0], 10**12)), 404)


def test_after_a_decision_the_next_pair_opens(editors_client, pair):
    associate(lay("SOME", event("s2", 3600, 43.2)))
    associate(lay("KNDC", event("k2", 3618, 43.2)))
    recompute()
    second = Report.objects.get(key="id:s2").pk, Report.objects.get(key="id:k2").pk
    page = shown(editors_client, reverse("review-pair", args=sorted(second, reverse=True)))
    assert "2 of 2" in page  # the other is the more even call
    sent_to = editors_client.post(
        reverse("review-decide"),
        {
            "decision": "same", "onpage": "1", "next": f"{pair[0]}-{pair[1]}",
            "pair": f"{second[0]}-{second[1]}-{merge_decisions.seen_of(second)}",
        },
    )["Location"]  # fmt: skip
    assert re.fullmatch(rf"/en/desk/review/({pair[0]}/{pair[1]}|{pair[1]}/{pair[0]})/", sent_to)
    assert "Nothing waits" in sent(editors_client, "same", pair, onpage="1", next="")


def test_taking_back_names_what_came_later(editors_client, desk_client, pair):
    sent(editors_client, "same", pair)
    first = MergeDecision.objects.get(kind="same")
    associate(lay("NNC", event("n1", 40, 44.5)))
    third = Report.objects.get(key="id:n1").pk
    sent(editors_client, "same", (pair[0], third))
    address = reverse("review-undo", args=[first.pk])
    assert desk_client.post(address).status_code == 403
    page = shown(desk_client, address)
    assert "Later decisions may rest on it" in page and "SOME id:s1 — NNC id:n1" in page
    answer = editors_client.post(address)
    assert answer.status_code == 409 and "What will happen" in answer.content.decode()
    assert len(arrangement()) == 1
    confirmed = re.findall(r'name="confirmed" value="(\d+)"', answer.content.decode())
    answer = editors_client.post(address, {"confirmed": confirmed}, follow=True)
    assert "The decision is taken back." in answer.content.decode()
    assert len(arrangement()) == 2
    assert "somebody was faster" in editors_client.post(address, follow=True).content.decode()
    assert shown(editors_client, reverse("review-undo", args=[10**12]), 404)


def test_reports_are_moved_after_a_look_at_what_would_happen(editors_client, desk_client, pair):
    one, other = Event.objects.order_by("pk")
    address = reverse("merge-event", args=[one.public_id])
    page = shown(editors_client, address)
    assert f"to-{pair[0]}" in page and other.public_id in page, "near in time"
    assert f"to-{pair[0]}" not in shown(desk_client, address)
    page = shown(editors_client, f"{address}?with={other.public_id}&with=nothing-here")
    seen = re.search(r'name="seen" value="([^"]+)"', page)[1]
    values = {
        "with": [other.public_id], "seen": seen, "step": "preview",
        f"to-{pair[0]}": one.public_id, f"to-{pair[1]}": one.public_id,
    }  # fmt: skip
    assert desk_client.post(address, values).status_code == 403
    answer = editors_client.post(address, values).content.decode()
    assert f"The address of {other.public_id} will lead to {one.public_id} (301)" in answer
    assert len(arrangement()) == 2, "nothing is stored yet"
    answer = editors_client.post(address, {**values, "step": "store"}, follow=True)
    assert "The reports are moved." in answer.content.decode() and len(arrangement()) == 1
    gone = editors_client.get(other.get_absolute_url())
    assert gone.status_code == 301 and one.public_id in gone["Location"]
    # The same form once more: somebody has decided since.
    answer = editors_client.post(address, {**values, "step": "store"}, follow=True)
    assert "Somebody was faster" in answer.content.decode()
    split = {"seen": seen_on(editors_client, address), f"to-{pair[1]}": "new-1", "step": "store"}
    assert (
        "The reports are moved."
        in editors_client.post(address, split, follow=True).content.decode()
    )
    assert len(arrangement()) == 2 and Event.objects.count() == 3
    assert editors_client.get(reverse("merge-event", args=[other.public_id])).status_code == 302


def seen_on(client: Client, address: str) -> str:
    return re.search(r'name="seen" value="([^"]+)"', shown(client, address))[1]


def test_only_editors_decide(desk_client, pair):
    values = {"decision": "same", "pair": f"{pair[0]}-{pair[1]}-0"}
    assert desk_client.post(reverse("review-decide"), values).status_code == 403
    assert Client().post(reverse("review-decide"), values).status_code == 302
    for address in (
        reverse("review-pair", args=pair),
        reverse("review-undo", args=[1]),
        reverse("merge-event", args=[Event.objects.first().public_id]),
    ):
        assert Client().get(address).status_code == 302
    assert "Editors decide on pairs." in shown(desk_client, reverse("review-pair", args=pair))


def test_scripts_decide_and_take_back_with_a_token(person, pair):
    editor = person("editor")

    def asked(user: User, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Token {AccessToken.issue(user, 'script', list(scopes))[1]}"}

    good, address = asked(editor, "review"), reverse("api-merges")

    def post(to: str, body: object, headers: dict[str, str] = good) -> tuple[int, dict]:
        answer = Client().post(to, body, content_type="application/json", headers=headers)
        return answer.status_code, answer.json()

    queue = Client().get(address, headers=good).json()
    assert queue["count"] == 1 and abs(queue["pairs"][0]["seconds"]) == 15.0
    found = queue["pairs"][0]
    body = {
        "first": found["first"]["report"], "second": found["second"]["report"],
        "decision": "same", "seen": found["seen"],
    }  # fmt: skip
    assert post(address, body, asked(editor, "upload"))[0] == 403
    assert post(address, body, asked(person("operator"), "review"))[0] == 403
    for bad in ({}, [], "{", {**body, "first": "1"}, {**body, "x": 1}, {**body, "first": True}):
        status, told = post(address, bad)
        assert (status, told["code"]) == (400, "bad-parameter"), bad
    status, stored = post(address, body)
    assert status == 201 and len(stored["merged"]) == 1 and len(arrangement()) == 1
    status, told = post(address, body)
    assert status == 409 and told["values"]["decisions"][0]["kind"] == "same"
    undo = reverse("api-merge-undo", args=[stored["decision"]])
    assert post(undo, {})[0] == 201 and len(arrangement()) == 2
    assert post(undo, {"confirmed": [10**30]})[0] == 400
    assert Client().get(address + "?limit=0", headers=good).status_code == 400
    assert Client().get(address + "?what=1", headers=good).status_code == 400
