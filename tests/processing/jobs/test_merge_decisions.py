"""A person says which reports are one earthquake, takes it back, moves them; the ledger grows."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections

from catalog.models import Change, Event, MergeDecision, Report, User
from processing.jobs import arranging, merge_decisions, merge_queue
from processing.jobs.merge_decisions import Refused, foretold, stored
from processing.jobs.merge_queue import Filter
from processing.models import WorkItem
from processing.transactions import writing
from tests.processing.bulletins import START, arrangement, associate, event, lay, person, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture
def editor(db: None) -> User:
    return person("editor")


@pytest.fixture
def doubted(db: None) -> tuple[int, int]:
    """Two reports, published as two events, that the rules left to a person."""
    associate(lay("SOME", event("s1", 0, 43.2)))
    associate(lay("KNDC", event("k1", 15, 43.9)))
    recompute()
    return report("s1"), report("k1")


def report(name: str) -> int:
    return Report.objects.get(key=f"id:{name}").pk


def decide(kind: str, pair: tuple[int, int], editor: User, seen: str | None = None):
    seen = merge_decisions.seen_of(pair) if seen is None else seen
    return stored(merge_decisions.decide, kind, *pair, seen, editor)


def move(editor: User, **wish: str):
    wanted = {report(name): column for name, column in wish.items()}
    seen = merge_decisions.seen_of(list(wanted), members=True)
    return stored(merge_decisions.move, wanted, seen, editor)


def undo(result: merge_decisions.Result, editor: User, confirmed: tuple[int, ...] = ()):
    key = MergeDecision.objects.filter(act=result.act).first().pk
    return stored(merge_decisions.undo, key, editor, "", confirmed)


def test_same_joins_and_asks_for_the_event_to_be_computed(doubted, editor):
    assert [w.pair for w in merge_queue.waiting()] in ([doubted], [doubted[::-1]])
    one, other = Event.objects.order_by("pk")
    result = decide("same", doubted, editor)
    assert arrangement() == {frozenset({"SOME id:s1", "KNDC id:k1"})}
    assert result.merged == ((other.public_id, one.public_id),)
    assert merge_queue.waiting() == []
    assert WorkItem.objects.filter(kind="recompute", state="open", object_id=one.pk).exists()
    recompute()
    assert Change.objects.get(event=other, kind="merged").details["into"] == one.public_id


def test_what_is_not_committed_leaves_nothing(doubted, editor):
    before = MergeDecision.objects.count()
    with pytest.raises(KeyboardInterrupt), writing():
        merge_decisions.decide("same", *doubted, merge_decisions.seen_of(doubted), editor)
        raise KeyboardInterrupt
    assert foretold(
        merge_decisions.decide, "same", *doubted, merge_decisions.seen_of(doubted), editor
    ).merged
    assert MergeDecision.objects.count() == before and len(arrangement()) == 2
    assert not WorkItem.objects.filter(state="open").exists()


def test_the_second_editor_is_told_what_the_first_decided(doubted, editor):
    seen = merge_decisions.seen_of(doubted)
    decide("different", doubted, editor, seen)
    before = MergeDecision.objects.count()
    with pytest.raises(Refused) as refused:
        decide("same", doubted, person("another"), seen)
    assert refused.value.code == "decided-meanwhile"
    assert [d.actor for d in refused.value.decisions] == [editor]
    assert MergeDecision.objects.count() == before and len(arrangement()) == 2
    associate(lay("KNDC", event("k1", 14, 43.9)))
    with pytest.raises(Refused, match="report-renewed"):
        decide("same", doubted, editor, merge_decisions.seen_of(doubted) + "0")


def test_undo_is_a_new_decision_and_so_is_its_undo(doubted, editor):
    said = decide("same", doubted, editor)
    recompute()
    gone = Event.objects.get(status="merged")
    taken_back = undo(said, editor)
    assert len(arrangement()) == 2
    # The tombstone stays what it is: its id leads on, and the report gets a new event.
    gone.refresh_from_db()
    assert gone.status == "merged" and not Report.objects.filter(event=gone).exists()
    assert [e.is_new for e in taken_back.events] == [False, True]
    assert Event.objects.count() == 3
    assert len(merge_queue.waiting()) == 1, "it is a doubt again"
    again = undo(taken_back, editor)
    assert len(arrangement()) == 1 and merge_queue.waiting() == []
    with pytest.raises(Refused, match="nothing-to-undo") as refused:
        undo(said, editor)
    assert refused.value.decisions[0].kind == "undo"
    undo(again, editor)
    assert len(arrangement()) == 2
    kinds = MergeDecision.objects.filter(actor=editor, act__isnull=False).order_by("pk")
    assert list(kinds.values_list("kind", flat=True)) == ["same", "undo", "same", "undo"]


def test_later_decisions_are_named_before_an_earlier_one_is_taken_back(doubted, editor):
    first = decide("same", doubted, editor)
    associate(lay("NNC", event("n1", 40, 44.5)))
    decide("same", (report("s1"), report("n1")), person("another"))
    with pytest.raises(Refused, match="breaks-later") as refused:
        undo(first, editor)
    (later,) = refused.value.decisions
    assert later.actor.get_username() == "another" and len(arrangement()) == 1
    undo(first, editor, (later.pk,))
    assert arrangement() == {frozenset({"SOME id:s1", "NNC id:n1"}), frozenset({"KNDC id:k1"})}


def test_the_queue_is_by_doubt_and_what_is_put_off_comes_last(doubted, editor):
    associate(lay("SOME", event("s2", 3600, 43.2)))
    associate(lay("KNDC", event("k2", 3618, 43.2)))
    even, far = doubted, (report("s2"), report("k2"))

    def pairs(**asked: object) -> list[set[int]]:
        return [set(w.pair) for w in merge_queue.waiting(Filter(**asked))]  # type: ignore[arg-type]

    assert pairs() == [set(even), set(far)]
    decide("later", even, editor)
    assert pairs() == [set(far), set(even)]
    assert merge_queue.waiting()[1].put_off is not None
    # A probability goes before a misfit.
    MergeDecision.objects.create(
        kind="review", report_id=far[0], other_report_id=far[1], misfit=9,
        parts={"reason": "swarm", "probability": 0.97},
    )  # fmt: skip
    assert merge_queue.waiting()[0].probability == 0.97 and len(pairs()) == 2
    assert pairs(reason="swarm") == [set(far)]
    assert pairs(agency="NNC") == []
    assert pairs(start=START.replace(hour=12, minute=30)) == [set(far)]
    assert pairs(end=START.replace(hour=12, minute=30)) == [set(even)]
    Report.objects.filter(pk=far[0]).update(withdrawn_at=START)
    assert pairs() == [set(even)]


def test_a_report_is_moved_out_to_an_event_of_its_own_and_back(editor):
    for agency, name in (("SOME", "s1"), ("KNDC", "k1"), ("NNC", "n1")):
        associate(lay(agency, event(name, 0)))
    recompute()
    here = Event.objects.get()
    moved = move(editor, s1="stays", k1="new", n1="stays")
    assert arrangement() == {frozenset({"SOME id:s1", "NNC id:n1"}), frozenset({"KNDC id:k1"})}
    assert moved.words == 2, "different from each that stays"
    assert [e.is_new for e in moved.events] == [False, True]
    assert Report.objects.get(key="id:s1").event == here
    # The words are of reports: a newer bulletin does not bring them together.
    associate(lay("KNDC", event("k1", 0.5)))
    assert len(arrangement()) == 2
    back = move(editor, s1="stays", k1="stays", n1="stays")
    assert len(arrangement()) == 1 and len(back.merged) == 1
    with pytest.raises(Refused, match="nothing-moved"):
        move(editor, s1="stays", k1="stays", n1="stays")
    later = MergeDecision.objects.filter(act=back.act).values_list("pk", flat=True)
    undo(moved, editor, tuple(later))
    assert len(arrangement()) == 1, "the later word holds"


def test_a_report_is_moved_into_another_event_against_what_was_said(doubted, editor):
    associate(lay("NNC", event("n1", 1, 43.2)))
    decide("different", doubted, editor)
    two = Report.objects.get(key="id:k1").event
    move(editor, s1="other", n1="stays", k1="other")
    assert arrangement() == {frozenset({"SOME id:s1", "KNDC id:k1"}), frozenset({"NNC id:n1"})}
    assert Report.objects.get(key="id:s1").event.pk in (two.pk, two.pk - 1)
    # Two go out together.
    move(editor, s1="a", k1="a", n1="a")
    move(editor, s1="b", k1="a", n1="b")
    assert arrangement() == {frozenset({"SOME id:s1", "NNC id:n1"}), frozenset({"KNDC id:k1"})}


def test_what_other_words_forbid_is_refused_with_them(doubted, editor):
    associate(lay("NNC", event("n1", 1, 43.2)))
    third = report("n1")
    assert Report.objects.get(pk=third).event_id == Report.objects.get(pk=doubted[0]).event_id
    decide("different", (third, doubted[1]), editor)
    MergeDecision.objects.create(
        kind="same", report_id=third, other_report_id=doubted[0], actor=editor
    )
    with pytest.raises(Refused, match="contradicted") as refused:
        decide("same", doubted, editor)
    # Joined, one of the three words could not hold.
    assert {d.kind for d in refused.value.decisions} <= {"different", "same"}
    assert refused.value.decisions and len(arrangement()) == 2


def test_the_made_up_never_joins_the_observed(editor):
    associate(lay("SOME", event("s1", 0)))
    associate(lay("KNDC", event("k1", 1, synthetic=True)))
    pair = report("s1"), report("k1")
    with pytest.raises(Refused, match="synthetic-apart"):
        decide("same", pair, editor)
    with pytest.raises(Refused, match="not-a-pair"):
        decide("same", (pair[0], pair[0]), editor)
    with pytest.raises(Refused, match="report-gone"):
        decide("same", (pair[0], 10**12), editor)


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_two_editors_at_once_store_one_decision(doubted):
    people = [person("one"), person("two")]
    seen = merge_decisions.seen_of(doubted)
    ready = threading.Barrier(2)
    told: list[str] = []

    def act(editor: User, kind: str) -> None:
        try:
            with writing():
                ready.wait(10)
                merge_decisions.decide(kind, *doubted, seen, editor)
            told.append("stored")
        except Refused as refused:
            told.append(refused.code)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=act, args=pair)
        for pair in zip(people, ("same", "different"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(told) == ["decided-meanwhile", "stored"]
    assert MergeDecision.objects.filter(kind__in=["same", "different"]).count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [arranging.ADVISORY_LOCK])
        assert cursor.fetchone()[0], "nobody holds the lock"
        cursor.execute("SELECT pg_advisory_unlock(%s)", [arranging.ADVISORY_LOCK])
