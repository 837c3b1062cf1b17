"""Reports become events: the same whatever the order and the batches, nothing written twice."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import exchange
from catalog.models import (
    BulletinEntry,
    Change,
    Event,
    Magnitude,
    MergeDecision,
    Origin,
    Report,
    Station,
)
from processing.core import geodesy, travel_times
from processing.jobs import association, clock_suspects
from processing.models import JointRelocation, WorkItem
from tests.processing.bulletins import (
    arrangement,
    associate,
    event,
    lay,
    person,
    picks,
    recompute,
)

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


def kinds() -> list[str]:
    return sorted(MergeDecision.objects.values_list("kind", flat=True))


def test_two_agencies_near_in_time_and_place_are_one_event():
    associate(lay("SOME", event("s1", 0, 43.20, 77.10)))
    associate(lay("KNDC", event("k1", 2, 43.25, 77.15)))
    assert arrangement() == {frozenset({"SOME id:s1", "KNDC id:k1"})}
    assert kinds() == ["associate", "new-event"]
    joined = MergeDecision.objects.get(kind="associate")
    assert joined.report.agency.code == "KNDC" and joined.other_report.agency.code == "SOME"
    assert joined.misfit == pytest.approx(joined.parts["total"])
    assert joined.parts["time"] == pytest.approx(0.4)
    assert set(Origin.objects.values_list("event", flat=True)) == {Event.objects.get().pk}
    assert set(Magnitude.objects.values_list("event", flat=True)) == {Event.objects.get().pk}


def test_two_reports_of_one_agency_never_join():
    associate(lay("SOME", event("s1", 0), event("s2", 3)))
    assert arrangement() == {frozenset({"SOME id:s1"}), frozenset({"SOME id:s2"})}


def test_a_doubtful_pair_stays_apart_and_waits_for_a_person():
    associate(lay("SOME", event("s1", 0, 43.2)))
    associate(lay("KNDC", event("k1", 18, 43.2)))
    assert len(arrangement()) == 2
    review = MergeDecision.objects.get(kind="review")
    assert review.parts["reason"] == "misfit_too_large"
    assert review.misfit == pytest.approx(3.6)
    assert 0.5 < review.parts["probability"] < 1.0


def test_a_doubt_that_newer_reports_remove_is_taken_back_and_may_return():
    associate(lay("SOME", event("s1", 0)))
    associate(lay("KNDC", event("k1", 18)))
    open_reviews = MergeDecision.objects.filter(kind="review", undone_by__isnull=True)
    assert open_reviews.count() == 1
    associate(lay("KNDC", event("k1", 900)))
    assert open_reviews.count() == 0
    assert MergeDecision.objects.get(kind="undo").actor is None
    associate(lay("KNDC", event("k1", 18)))
    assert open_reviews.count() == 1


def test_associating_again_changes_nothing():
    run = lay("SOME", event("s1"), event("s2", 600))
    associate(run)
    associate(lay("KNDC", event("k1", 1)))
    decided, wanted = MergeDecision.objects.count(), list(WorkItem.objects.values())
    associate(run)
    assert association.rearrange(Report.objects.values_list("pk", flat=True)) == []
    assert MergeDecision.objects.count() == decided
    assert list(WorkItem.objects.values()) == wanted


def test_a_newer_reading_of_a_report_keeps_its_event():
    associate(lay("SOME", event("s1", 0, 43.20)))
    before = Event.objects.get()
    associate(lay("SOME", event("s1", 1, 43.21)))
    after = Event.objects.get()
    assert after.pk == before.pk
    assert after.evidence_version == before.evidence_version + 1
    assert Origin.objects.current().count() == 1
    assert Origin.objects.current().get().latitude == 43.21
    assert Origin.objects.filter(event=after).count() == 2
    assert kinds() == ["new-event", "supersede"]


def test_a_newer_reading_far_away_leaves_the_common_event():
    associate(lay("SOME", event("s1", 0)))
    associate(lay("KNDC", event("k1", 1)))
    assert len(arrangement()) == 1
    associate(lay("KNDC", event("k1", 900)))
    assert arrangement() == {frozenset({"SOME id:s1"}), frozenset({"KNDC id:k1"})}
    assert "split" in kinds()
    # And back again: the event it had in the meantime is merged, and says where.
    recompute()
    associate(lay("KNDC", event("k1", 1)))
    assert len(arrangement()) == 1
    gone = Event.objects.get(status="merged")
    assert gone.merged_into == Event.objects.alive().get()
    assert Change.objects.filter(event=gone, kind="merged").exists()


def test_a_published_event_survives_a_merge_else_the_oldest():
    associate(lay("KNDC", event("k1", 900)))
    associate(lay("SOME", event("s1", 0)))
    older, newer = Event.objects.order_by("pk")
    WorkItem.objects.filter(object_id=older.pk).update(state="done")
    recompute()
    associate(lay("KNDC", event("k1", 1)))
    assert Event.objects.alive().get() == newer
    older.refresh_from_db()
    assert older.merged_into == newer


def test_a_third_report_may_bind_two_events_apart_until_then():
    associate(lay("SOME", event("s1", 0, 43.2)))
    associate(lay("KNDC", event("k1", 18, 43.2)))
    associate(lay("KRNET", event("n1", 9, 43.2)))
    # Each pair with the third would do, but the first two contradict: a person decides.
    reasons = {d.parts["reason"] for d in MergeDecision.objects.filter(kind="review")}
    assert reasons == {"misfit_too_large", "indirect"}
    assert len(arrangement()) == 2


def test_a_persons_word_beats_the_metric_and_survives_superseding():
    associate(lay("SOME", event("s1", 0)))
    associate(lay("KNDC", event("k1", 1)))
    first, second = Report.objects.order_by("pk")
    word = MergeDecision.objects.create(
        kind="different", report=first, other_report=second, actor=person("editor")
    )
    assert len(association.rearrange([first.pk, second.pk])) == 2
    assert len(arrangement()) == 2
    associate(lay("KNDC", event("k1", 0.5)))
    assert len(arrangement()) == 2
    MergeDecision.objects.create(kind="undo", undoes=word, actor=person("editor"))
    association.rearrange([first.pk])
    assert len(arrangement()) == 1


def test_a_persons_same_joins_over_any_distance():
    associate(lay("SOME", event("s1", 0)))
    associate(lay("NNC", event("x", 5000, 50.0)))
    first, second = Report.objects.order_by("pk")
    MergeDecision.objects.create(
        kind="same", report=first, other_report=second, actor=person("editor")
    )
    association.rearrange([second.pk])
    assert len(arrangement()) == 1
    # A neighbour of the one finds the other with it.
    associate(lay("KNDC", event("k1", 5001, 50.0)))
    assert not Event.objects.alive().filter(reports__isnull=True).exists()
    assert Report.objects.get(key="id:x").event == Report.objects.get(key="id:s1").event


def test_a_file_read_again_under_another_agency_withdraws_the_first():
    wrong = lay("KNDC", event("1", 0), event("2", 600))
    associate(wrong)
    recompute()
    names = set(Event.objects.values_list("public_id", flat=True))
    associate(lay("SOME", event("1", 0), event("2", 600), file=wrong.reading.file))
    assert arrangement() == {frozenset({"SOME id:1"}), frozenset({"SOME id:2"})}
    assert Report.objects.filter(agency__code="KNDC", withdrawn_at__isnull=True).count() == 0
    assert Origin.objects.current().filter(entry__reading=wrong.reading).count() == 0
    assert names <= set(Event.objects.values_list("public_id", flat=True))


def test_a_report_that_takes_its_event_back_deletes_it():
    associate(lay("SOME", event("s1")))
    recompute()
    associate(lay("SOME", event("s1", deleted=True)))
    recompute()
    gone = Event.objects.get()
    assert gone.status == "deleted"
    assert Change.objects.filter(event=gone).order_by("-number").first().kind == "deleted"


def test_an_older_reading_associated_late_does_not_replace_the_newer():
    old = lay("SOME", event("s1", 0, 43.20))
    new = lay("SOME", event("s1", 0, 43.30))
    associate(new)
    associate(old)
    assert Origin.objects.current().get().latitude == 43.30
    assert association.waiting(old) == 0


def test_a_word_said_again_since_is_newer_than_one_associated_late():
    said = event("s1", 0, 43.20)
    associate(lay("SOME", said))
    between = lay("SOME", event("s1", 0, 43.30))
    again = lay("SOME").reading  # reading found the entry unchanged: noted, without rows
    first = BulletinEntry.objects.get(associated_at__isnull=False)
    entry, _problems = exchange.entry_from_record(
        said, reading_id=again.pk, ordinal=1, report_id=first.report_id,
        content_hash=first.content_hash,
    )  # fmt: skip
    entry.associated_at = timezone.now()
    exchange.save_entries([entry])
    associate(between)
    assert Origin.objects.current().get().latitude == 43.20


def test_what_a_replaced_reading_left_waiting_never_comes_to_stand():
    wrong = lay("KNDC", event("1", 0), event("2", 600))
    waiting = list(association.batches(wrong))
    right = lay("SOME", event("1", 0), event("2", 600), file=wrong.reading.file)
    associate(right)
    for batch in waiting:  # the first reading's worker goes on
        assert association.associate(wrong, batch) == []
    association.withdraw_missing(wrong)
    recompute()
    assert arrangement() == {frozenset({"SOME id:1"}), frozenset({"SOME id:2"})}
    assert association.waiting(wrong) == 0
    assert not Origin.objects.current().filter(entry__reading=wrong.reading).exists()


def test_what_was_made_up_never_joins_what_was_observed():
    associate(lay("SOME", event("s1")))
    associate(lay("KNDC", event("k1", synthetic=True)))
    assert len(arrangement()) == 2
    assert Event.objects.filter(synthetic=True).count() == 1


def test_a_minute_precision_time_joins_over_two_minutes():
    associate(lay("SOME", event("s1", 0, time_uncertainty=30.0)))
    associate(lay("KNDC", event("k1", 50)))
    assert len(arrangement()) == 1


def test_a_wide_interval_is_found_from_both_sides():
    wide = event("old", 0, time_uncertainty=400.0)
    associate(lay("SOME", wide))
    associate(lay("KNDC", event("k1", 700)))
    assert len(arrangement()) == 1


@pytest.mark.parametrize("seconds", [1e8, 1e12, 1e300])
def test_an_absurd_time_uncertainty_stops_nobody(seconds):
    associate(lay("SOME", event("s1", 0, time_uncertainty=seconds)))
    associate(lay("KNDC", event("k1", 9000, 50.0), event("k2", 30, 43.2)))
    assert arrangement() == {
        frozenset({"SOME id:s1", "KNDC id:k2"}),
        frozenset({"KNDC id:k1"}),
    }


def test_a_final_report_under_another_id_stands_before_the_preliminary_one():
    associate(lay("SOME", event("operative", 0, 43.30, 77.40, evaluation_status="preliminary")))
    associate(lay("KNDC", event("k1", 2, 43.0, 77.35)))
    recompute()
    event_before = Event.objects.get()
    associate(lay("SOME", event("catalogue", 1, 42.97, 77.33)))
    recompute()
    assert Event.objects.alive().get() == event_before
    assert len(arrangement()) == 1
    first, final = Report.objects.get(key="id:operative"), Report.objects.get(key="id:catalogue")
    assert first.outranked_by == final and final.outranked_by is None
    standing = Origin.objects.current().reported()
    assert {o.entry.report.key for o in standing} == {"id:k1", "id:catalogue"}
    assert Origin.objects.filter(event=event_before, entry__report=first).exists()
    decision = MergeDecision.objects.get(kind="supersede")
    assert (decision.report, decision.other_report) == (final, first)
    # The preliminary report again, with another word: still history.
    associate(lay("SOME", event("operative", 0, 43.31, 77.40, evaluation_status="preliminary")))
    assert {o.entry.report.key for o in Origin.objects.current().reported()} == {
        "id:k1",
        "id:catalogue",
    }
    # The final one is taken back: the preliminary stands again.
    associate(lay("SOME", event("catalogue", deleted=True)))
    first.refresh_from_db()
    assert first.outranked_by is None
    assert {
        o.entry.report.key for o in Origin.objects.current().reported().filter(event=event_before)
    } == {
        "id:k1",
        "id:operative",
    }


def test_an_automatic_bulletin_is_history_where_the_final_one_has_the_event():
    associate(lay("KNDC", event("auto", 0), mode="automatic"))
    associate(lay("KNDC", event("final", 1)))
    assert len(arrangement()) == 1
    assert [o.entry.report.key for o in Origin.objects.current()] == ["id:final"]


def test_a_clock_wrong_by_an_hour_is_put_up_for_review_once():
    associate(lay("SOME", event("s1", 0)))
    run = lay("KNDC", event("k1", 3601))
    associate(run)
    for _ in range(2):
        flags = clock_suspects.suspect_clocks(run)
        clock_suspects.flag_clocks(run, flags)
    review = MergeDecision.objects.get(kind="review")
    assert review.parts["reason"] == "clock"
    assert abs(review.parts["shift_s"]) == 3600.0
    assert len(arrangement()) == 2


def test_readings_tell_which_of_two_shocks_a_report_is_of():
    """Two shocks 12 s apart; the other agency's origin lies between, its readings do not."""
    networks = {
        code: [
            Station.objects.create(
                code=f"{code}{k}",
                point=Point(77.1 + 2.0 * math.cos(turn), 43.2 + 1.5 * math.sin(turn), srid=4326),
                elevation_m=0.0,
            )
            for k, turn in enumerate(np.arange(6) * 1.05 + offset)
        ]
        for code, offset in (("A", 0.0), ("B", 0.5))
    }

    def read(code: str, second: float) -> dict[str, object]:
        table = travel_times.load("iasp91")
        stations = networks[code]
        far, _ = geodesy.distance_azimuth(
            float(geodesy.geocentric_latitude(43.2)), 77.1,
            geodesy.geocentric_latitude([s.latitude for s in stations]),
            [s.longitude for s in stations],
        )  # fmt: skip
        travel = table.predict(["P"] * len(stations), far, np.full(len(stations), 10.0)).time
        return picks(stations, second + travel)

    associate(lay("SOME", event("s1", 0, **read("A", 0)), event("s2", 12, **read("A", 12))))
    associate(lay("KNDC", event("k1", 6.5, **read("B", 0))))
    assert arrangement() == {
        frozenset({"SOME id:s1", "KNDC id:k1"}),
        frozenset({"SOME id:s2"}),
    }
    assert MergeDecision.objects.get(kind="associate").parts["by"] == "joint_fit"
    made = JointRelocation.objects.count()
    association.rearrange(Report.objects.values_list("pk", flat=True))
    assert JointRelocation.objects.count() == made == 2


def test_reported_rows_keep_what_was_written():
    associate(lay("SOME", event("s1")))
    with pytest.raises(IntegrityError), transaction.atomic():
        Origin.objects.update(depth_km=1.0)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))])
def test_the_arrangement_depends_on_the_reports_alone(seed):
    """Shuffled files, split and batched anyhow, give the same events."""
    chance = random.Random(20150301)
    reports = []
    for i in range(14):
        second = chance.uniform(0, 600)
        latitude, size = 43.2 + chance.gauss(0, 0.5), 8 + chance.gauss(0, 1)
        for agency in ("SOME", "KNDC", "KRNET"):
            if chance.random() < 0.7:
                reports.append(
                    (
                        agency,
                        event(
                            f"{agency}{i}",
                            second + chance.gauss(0, 3),
                            latitude + chance.gauss(0, 0.08),
                            time_uncertainty=chance.choice([None, 1.0, None, 10.0]),
                            sizes={"KR": size + chance.gauss(0, 0.3)},
                        ),
                    )
                )

    def build(order: random.Random, batch: int) -> set[frozenset[str]]:
        files: list[tuple[str, list]] = []
        for agency, record in order.sample(reports, len(reports)):
            if files and files[-1][0] == agency and order.random() < 0.7:
                files[-1][1].append(record)
            else:
                files.append((agency, [record]))
        for agency, records in files:
            associate(lay(agency, *records), batch)
        result = arrangement()
        assert Report.objects.filter(event__isnull=True).count() == 0
        assert not Event.objects.alive().filter(reports__isnull=True).exists()
        return result

    expected_point = transaction.savepoint()
    expected = build(random.Random(0), 500)
    transaction.savepoint_rollback(expected_point)
    assert len(expected) < len(reports) - 3
    assert build(random.Random(seed + 1), 1 + seed) == expected
