"""Felt reports from the moment they are stored: ties, flags, intensities, moderators, privacy."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catalog.models import (
    Change,
    CommunityIntensity,
    Event,
    EventRow,
    FeltDecision,
    FeltReport,
    FeltReportPersonal,
    FeltSummary,
    FeltTie,
)
from processing import pipeline
from processing.jobs import felt, felt_decisions, felt_intensities
from processing.jobs.felt_decisions import seen_of
from processing.jobs.merge_decisions import decide as decide_on_pair
from processing.jobs.merge_decisions import seen_of as seen_of_pair
from processing.jobs.station_readings import NotDecidable
from processing.models import WorkItem
from processing.transactions import writing
from tests.processing.bulletins import START, associate, event, lay, recompute
from tests.processing.felt_reports import editor, quake, report, settlement, work

pytestmark = pytest.mark.django_db(databases=["default", "progress"])
ANSWERS = {"motion": "mild", "reaction": "very_little"}


def ties() -> list[tuple[str, int | None, int | None]]:
    return list(FeltTie.objects.values_list("rule", "previous", "event"))


def test_a_report_without_an_event_is_tied_when_the_event_appears() -> None:
    told = report(answers=ANSWERS)
    work()
    told.refresh_from_db()
    assert told.event is None and told.processed_at is not None and ties() == []
    tied_to = quake()
    work()
    told.refresh_from_db()
    assert told.event == tied_to
    tie = FeltTie.objects.get()
    assert (tie.rule, tie.terms["public_id"]) == ("felt-tie-2026.1", tied_to.public_id)
    assert tie.terms["late_s"] == 60.0 and 10 < tie.terms["distance_km"] < 20
    assert tie.terms["intensity"] == pytest.approx(5.0, abs=0.3)


def test_the_event_moves_away_and_a_moderators_word_stays() -> None:
    tied_to = quake()
    by_rule, by_hand = report(), report()
    work()
    with writing():
        seen = seen_of([fresh(by_hand)])
        felt_decisions.decide(list(seen.items()), "tie", editor(), event=tied_to.public_id)
    work()
    associate(lay("SOME", event("e1", 7200.0, 43.15, 77.05, sizes={"KR": 12.1})))
    recompute()
    work()
    assert fresh(by_rule).event is None
    assert fresh(by_hand).event == tied_to
    assert [rule for rule, _before, _after in ties()] == [
        "felt-tie-2026.1", "felt-tie-2026.1", "moderator", "felt-tie-2026.1",
    ]  # fmt: skip
    assert fresh(by_hand).flags == ["too-early"]


def fresh(told: FeltReport) -> FeltReport:
    return FeltReport.objects.get(pk=told.pk)


def test_a_deleted_events_reports_are_freed() -> None:
    first = quake()
    second = quake("e2", 600.0, sizes={"KR": 12.0})
    sent_to = report(event=second, received_at=START + timedelta(seconds=660))
    work()
    assert fresh(sent_to).event == second
    associate(lay("SOME", event("e2", 600.0, 43.15, 77.05, sizes={"KR": 12.0}, deleted=True)))
    recompute()
    work()
    second.refresh_from_db()
    assert second.status == Event.Status.DELETED
    assert fresh(sent_to).event == first  # the rule: ten minutes after it
    assert [row[0] for row in ties()] == ["sender", "felt-tie-2026.1"]
    assert not CommunityIntensity.objects.filter(event=second).exists()


def test_reports_follow_a_merge() -> None:
    quake()
    associate(lay("KNDC", event("k1", 300.0, 43.15, 77.05, sizes={"KR": 12.0})))
    recompute()
    one, other = Event.objects.order_by("pk")
    told = report(event=other, received_at=START + timedelta(seconds=400))
    work()
    pair = tuple(Event.objects.order_by("pk").values_list("reports", flat=True))
    with writing():
        decide_on_pair("same", *pair, seen_of_pair(pair), editor())
    recompute()
    work()
    other.refresh_from_db()
    assert other.merged_into == one and fresh(told).event == one
    assert ties() == [("sender", None, other.pk), ("merged", other.pk, one.pk)]
    assert FeltSummary.objects.get().event == one


def test_three_reports_make_a_published_cell_and_two_do_not() -> None:
    tied_to = quake()
    almaty = settlement()
    for _ in range(2):
        report(event=tied_to, answers=ANSWERS, chosen_grade=4, settlement=almaty)
    work()
    assert {i.published for i in CommunityIntensity.objects.all()} == {False}
    row = EventRow.objects.get()
    assert (row.felt_report_count, row.max_cdi) == (2, None)
    report(False, event=tied_to, settlement=almaty, at=(43.2501, 76.9501))
    work()
    areas = {i.area: i for i in CommunityIntensity.objects.all()}
    assert set(areas) == {"1km", "10km", "settlement"}
    # felt 2/3, motion 2, reaction 1: CWS 5 * 2/3 + 2 + 1.
    for one in areas.values():
        assert one.published and one.cws == pytest.approx(5 * 2 / 3 + 3)
        assert (one.cdi, one.msk64, one.ems98) == (2.0, 4.0, 2.0)
        assert (one.report_count, one.not_felt_count) == (3, 1)
    assert areas["settlement"].settlement == almaty and areas["settlement"].outline is None
    assert areas["1km"].outline is not None and 10 < areas["1km"].distance_km < 20
    row.refresh_from_db()
    assert (row.felt_report_count, row.max_cdi, row.felt) == (3, 2.0, False)
    change = Change.objects.order_by("-number").first()
    assert change is not None and "max_cdi" in change.details["changed"]
    assert row.change_number == change.number
    call_command("check_catalogue", stdout=StringIO())


def test_looking_again_changes_nothing_and_says_nothing() -> None:
    tied_to = quake()
    for _ in range(3):
        report(event=tied_to, answers=ANSWERS)
    work()
    before = Change.objects.count(), list(CommunityIntensity.objects.order_by("pk").values())
    with writing():
        felt.request_event([tied_to.pk])
        felt.look_near(tied_to.pk)
    FeltReport.objects.update(processed_at=None)
    work()
    assert (
        Change.objects.count(),
        list(CommunityIntensity.objects.order_by("pk").values()),
    ) == before
    assert FeltTie.objects.count() == 3


def test_an_event_with_very_many_reports_gets_its_turn_only_so_often() -> None:
    tied_to = quake()
    report(event=tied_to)
    work()
    FeltSummary.objects.update(report_count=felt_intensities.BUSY_REPORTS)
    report(event=tied_to)
    pipeline.felt_if_unread()
    for kind in (felt.TIE, felt.EVENT):
        item = WorkItem.objects.claim(WorkItem.objects.get(kind=kind, state="open").pk)
        assert item is not None
        pipeline.run_items([item])
    waiting = WorkItem.objects.get(kind=felt.EVENT, state="open")
    assert waiting.not_before > timezone.now() and waiting.attempts == 0
    later = timezone.now() - timedelta(seconds=felt_intensities.BUSY_PAUSE_S)
    FeltSummary.objects.update(computed_at=later)
    WorkItem.objects.filter(pk=waiting.pk).update(not_before=later)
    work()
    assert FeltSummary.objects.get().report_count == 2


def test_taps_alone_make_no_cdi_but_their_words_tell_msk64() -> None:
    tied_to = quake()
    for grade in (5, 5, 6):
        report(event=tied_to, chosen_grade=grade)
    work()
    cell = CommunityIntensity.objects.get(area="1km")
    assert (cell.cdi, cell.cws, cell.ems98, cell.msk64, cell.published) == (
        None,
        None,
        None,
        5.0,
        True,
    )
    assert EventRow.objects.get().max_cdi is None
    changes = Change.objects.count()
    report(event=tied_to, chosen_grade=6)
    work()
    cell.refresh_from_db()
    assert cell.msk64 == 5.5 and Change.objects.count() == changes + 1


def test_a_place_too_rough_is_in_no_cell_and_no_place_in_none_at_all() -> None:
    tied_to = quake()
    report(event=tied_to, precision_km=3.0)
    report(event=tied_to, precision_km=30.0)
    report(event=tied_to, precision_km=None)
    report(event=tied_to, point=None, place="where I live")
    by_name = report(
        event=tied_to, point=None, settlement=settlement(), place_source="settlement",
        precision_km=None,
    )  # fmt: skip
    work()
    counts = dict(CommunityIntensity.objects.values_list("area", "report_count"))
    assert counts == {"10km": 2, "settlement": 1}
    assert EventRow.objects.get().felt_report_count == 5
    assert fresh(by_name).flags == []


def test_flags_keep_out_and_a_moderators_verdict_wins() -> None:
    tied_to = quake()
    for _ in range(3):
        report(event=tied_to, answers=ANSWERS)
    joke = report(event=tied_to, chosen_grade=12, at=(43.6, 77.5))
    flooded = report(event=tied_to, flags=["flood-device"], answers=ANSWERS)
    work()
    assert fresh(joke).flags == ["outlier"] and fresh(flooded).flags == ["flood-device"]
    assert FeltSummary.objects.get().report_count == 3
    told = [fresh(joke), fresh(flooded)]
    seen = seen_of(told)
    with writing():
        assert felt_decisions.decide([(t.pk, seen[t.pk]) for t in told], "accept", editor()) == 2
    work()
    assert FeltSummary.objects.get().report_count == 5
    assert fresh(joke).flags == ["outlier"] and fresh(joke).verdict_by == editor()
    decision = FeltDecision.objects.filter(report=joke).get()
    assert (decision.before, decision.after) == ({"verdict": ""}, {"verdict": "accepted"})


def test_of_two_moderators_the_second_is_told_and_nothing_of_hers_is_stored() -> None:
    tied_to = quake()
    first, second = report(event=tied_to), report(event=tied_to)
    work()
    seen = seen_of([fresh(first), fresh(second)])
    with writing():
        felt_decisions.decide([(first.pk, seen[first.pk])], "reject", editor("one"))
    with pytest.raises(NotDecidable, match="changed-meanwhile"), writing():
        felt_decisions.decide(sorted(seen.items()), "accept", editor("two"))
    assert fresh(first).verdict == "rejected" and fresh(second).verdict == ""
    assert FeltDecision.objects.count() == 1


def test_the_same_words_of_many_devices_are_flagged_and_stay_so() -> None:
    tied_to = quake()
    words = "Форвардните всем: завтра будет девять баллов"
    for device in ("a", "b", "c", "c"):
        report(event=tied_to, device=device, comment=f"  {words.upper()} ")
    short = report(event=tied_to, device="d", comment="трясло")
    work()
    flags = [told.flags for told in FeltReport.objects.order_by("pk")]
    assert flags == [["same-text"]] * 4 + [[]]
    FeltReportPersonal.objects.all().delete()
    with writing():
        felt.request_event([tied_to.pk])
    work()
    assert fresh(short).flags == []
    assert [told.flags for told in FeltReport.objects.order_by("pk")] == flags


def test_a_report_without_an_event_is_doubted_by_itself() -> None:
    told = report(chosen_grade=2, answers={"damage": ["collapse"]}, flags=["no-token"])
    odd = report(answers=["what"])
    work()
    assert fresh(told).flags == ["contradiction", "no-token"]
    assert fresh(odd).flags == ["unreadable"]


def test_a_settlement_set_at_the_desk_ties_a_report_in_words() -> None:
    tied_to = quake()
    told = report(point=None, place="Алматы, у вокзала", place_source="words")
    work()
    assert fresh(told).event is None
    almaty = settlement()
    with writing():
        felt_decisions.decide(
            [(told.pk, seen_of([told])[told.pk])], "settlement", editor(), settlement=almaty.pk
        )
    work()
    assert fresh(told).event == tied_to and fresh(told).settlement == almaty


def test_synthetic_reports_are_tied_to_synthetic_events_only() -> None:
    real = quake()
    told = report(synthetic=True)
    work()
    assert fresh(told).event is None
    with pytest.raises(NotDecidable, match="synthetic-apart"), writing():
        felt_decisions.decide(
            [(told.pk, seen_of([told])[told.pk])], "tie", editor(), event=real.public_id
        )


def test_senders_are_forgotten_after_thirty_days_and_words_on_demand() -> None:
    now = START + timedelta(days=31)
    old = report(device="d", address_hash="h", comment="my lamp swung")
    young = report(device="d", address_hash="h", received_at=now - timedelta(days=29))
    assert felt_decisions.forget_senders(now) == 1
    assert (fresh(old).device, fresh(old).address_hash) == ("", "")
    assert (fresh(young).device, fresh(young).address_hash) == ("d", "h")
    editor("keeper")
    out = StringIO()
    call_command("forget_felt_report", str(old.client_id), user="keeper", stdout=out)
    assert "deleted" in out.getvalue()
    assert not FeltReportPersonal.objects.exists()
    decision = FeltDecision.objects.get()
    assert (decision.kind, decision.actor, decision.before, decision.after) == (
        "personal", editor("keeper"), {}, {},
    )  # fmt: skip


def test_what_persons_wrote_of_themselves_is_read_by_no_reading_side() -> None:
    here = Path(settings.BASE_DIR)
    may = {
        "catalog/models/felt.py", "catalog/models/__init__.py", "catalog/admin.py",
        "catalog/felt_keeping.py",
    }  # fmt: skip
    named = re.compile("feltreportpersonal|felt_report_personal", re.IGNORECASE)
    naming = {
        path.relative_to(here).as_posix()
        for room in ("catalog", "portal")
        for path in (here / room).rglob("*.py")
        if "migrations" not in path.parts and named.search(path.read_text())
    }
    assert naming <= may
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'portal_download'")
        if cursor.fetchone() is None:
            pytest.skip("this PostgreSQL has no role for downloads")
        cursor.execute(
            "SELECT has_table_privilege('portal_download', 'catalog_feltreportpersonal', 'SELECT')"
        )
        assert cursor.fetchone()[0] is False


# --- Whatever the order ---------------------------------------------------------------------------

TOLD = st.fixed_dictionaries(
    {
        "felt": st.booleans(),
        "chosen_grade": st.none() | st.integers(2, 11),
        "answers": st.sampled_from(
            [{}, ANSWERS, {"motion": "violent", "damage": ["collapse"]}, {"shelf": "few_fell"}]
        ),
        "at": st.sampled_from([(43.25, 76.95), (43.2504, 76.9504), (43.3, 77.0), (44.9, 79.0)]),
        "received_at": st.sampled_from([START + timedelta(seconds=s) for s in (-90, 60, 900)]),
        "event": st.booleans(),
    }
)


def outcome(tied_to: Event, told: list[dict[str, Any]], batch: int, twice: bool) -> Any:
    """Store reports in an order, look at them in batches, and return what became of all."""
    with transaction.atomic():
        for number, values in told:
            given = {**values, "event": tied_to if values["event"] else None}
            report(**given, client_id=UUID(int=number))
            if number % 2:
                work()
        while felt.tie_batch(batch):
            if twice:
                felt_intensities.compute(tied_to.pk)
        felt_intensities.compute(tied_to.pk)
        cells = list(
            CommunityIntensity.objects.order_by("area", "code").values_list(
                "area", "code", "report_count", "not_felt_count", "cws", "cdi", "msk64", "published"
            )
        )
        reports = sorted(FeltReport.objects.values_list("client_id", "event", "flags"))
        transaction.set_rollback(True)
    return cells, reports


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(TOLD, min_size=1, max_size=6),
    st.integers(1, 4),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_the_order_of_reports_does_not_matter_and_not_felt_raises_nothing(
    laid: Event, told: list[dict[str, Any]], batch: int, twice: bool, shuffling: random.Random
) -> None:
    numbered: Any = list(enumerate(told))
    cells, reports = outcome(laid, numbered, 500, False)
    shuffling.shuffle(numbered)
    assert outcome(laid, numbered, batch, twice) == (cells, reports)
    not_felt = {
        "felt": False, "chosen_grade": None, "answers": {}, "at": (43.25, 76.95),
        "received_at": START + timedelta(seconds=60), "event": True,
    }  # fmt: skip
    after, _reports = outcome(laid, [*numbered, (99, not_felt)], 500, False)
    low = {row[:2]: row for row in after}
    for row in cells:
        for number in (4, 5, 6):
            if row[number] is not None and low[row[:2]][number] is not None:
                assert low[row[:2]][number] <= row[number]


@pytest.fixture
def laid(db: None) -> Event:
    return quake()
