"""Tie the reports of a run to events, in batches: load what is near in time and arrange it anew.

The arrangement of reports into events depends on the set of current reports and on people's "same"
and "different" alone. So each batch arranges its reports anew together with every stored report
they could touch, directly or through others (`standing_reports`), and only differences are written
(`arranging`). Each batch is a transaction of its own and under a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from catalog.models import BulletinEntry, BulletinReading, MergeDecision, Pick, Report, User
from processing.core import association as core
from processing.jobs.arranging import FOLLOWERS, arrange, joint_fits, one_at_a_time
from processing.jobs.standing_reports import (
    RULES,
    load_entries,
    load_reports,
    neighbourhood,
    neighbours_of,
)
from processing.models import ProcessingRun

BATCH_ENTRIES = 500

Batch = list[int]  # primary keys of entries


def _unassociated(run: ProcessingRun) -> Any:
    return BulletinEntry.objects.filter(reading=run.reading_id, associated_at__isnull=True)


def waiting(run: ProcessingRun) -> int:
    """Count the run's entries that are not yet tied to an event."""
    count: int = _unassociated(run).count()
    return count


def refresh_statistics() -> None:
    """Let the planner know of a big import at once; it doubles the speed of what follows."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE catalog_report, catalog_bulletinentry, {', '.join(FOLLOWERS)}")


def batches(run: ProcessingRun) -> Iterator[Batch]:
    """Yield the run's waiting entries in order of time, at most 500 at once.

    Cut at gaps wider than the gate where there are such; a cut elsewhere does no harm, because each
    batch arranges everything its reports could touch.
    """
    entries = list(_unassociated(run).order_by("ordinal").values_list("pk", flat=True))
    standing = {s.entry: s for s in load_entries(entries)}
    names: dict[str, list[int]] = defaultdict(list)
    for entry, each in standing.items():
        names[each.view.report_id].append(entry)
    one_each = {s.view.report_id: s.view for s in standing.values()}
    cut = core.batches(list(one_each.values()), RULES, BATCH_ENTRIES)
    placeless = [entry for entry in entries if entry not in standing]
    for group in [[e for name in names_ for e in names[name]] for names_ in cut] + [placeless]:
        for start in range(0, len(group), BATCH_ENTRIES):
            yield group[start : start + BATCH_ENTRIES]


def relocate(batch: Batch) -> None:
    """Make the joint relocations that arranging a batch will want, before anything is locked.

    Arranging makes those itself that are still missing then: when another batch came between.
    """
    if not Pick.objects.filter(entry__in=batch, station__isnull=False).exists():
        return
    newest = {s.report: s for s in load_entries(batch)}
    known, constraints = neighbourhood(newest, load_reports(newest).values())
    for synthetic in (False, True):
        standing = [s for s in known.values() if s.synthetic == synthetic]
        joint_fits(standing, constraints, neighbours_of(standing, synthetic))


def associate(run: ProcessingRun, batch: Batch) -> list[tuple[int, int]]:
    """Make the batch's entries current and arrange what they touch, inside a transaction.

    Returns the events that need computing, each with its evidence version.
    """
    one_at_a_time()
    now = timezone.now()
    entries = list(
        BulletinEntry.objects.filter(pk__in=batch, associated_at__isnull=True).select_related(
            "reading", "report__current_entry__reading"
        )
    )
    if not _still_stands(run):
        # Another reading of the file, perhaps under another agency, was read meanwhile.
        _supersede([entry.pk for entry in entries], now)
        BulletinEntry.objects.filter(pk__in=[e.pk for e in entries]).update(associated_at=now)
        return []
    counts: dict[str, int] = defaultdict(int)
    before = load_reports({entry.report_id for entry in entries})
    decisions: list[MergeDecision] = []
    replaced: list[int] = []
    renewed: dict[int, BulletinEntry] = {}  # reports and their new current entries
    said_again = _said_again({entry.report_id for entry in entries})
    for report, newest, older in _newest(entries):
        previous = report.current_entry
        replaced += [entry.pk for entry in older]
        if previous is not None and max([_age(previous), *said_again[report.pk]]) >= _age(newest):
            replaced.append(newest.pk)
            continue
        renewed[report.pk] = newest
        if previous is not None:
            replaced.append(previous.pk)
            counts["updated"] += 1
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.SUPERSEDE,
                    report=report,
                    event_id=report.event_id,
                    rule_set=RULES.name,
                    before={"entry": previous.pk},
                    after={"entry": newest.pk},
                )
            )
    _supersede(replaced, now)
    _make_current(renewed, now)
    BulletinEntry.objects.filter(pk__in=[e.pk for e in entries]).update(associated_at=now)
    outcome = arrange(set(renewed), before, decisions, run.actor, now)
    counts.update(outcome.counts)
    run.count(**counts)
    return outcome.touched


def withdraw_missing(run: ProcessingRun) -> list[tuple[int, int]]:
    """Withdraw reports that an earlier reading of this file had and its current one has not.

    A file sent under the wrong agency and read again under the right one ends here for the first;
    so does what a later edition of a list leaves out of the earlier one.
    """
    one_at_a_time()
    now = timezone.now()
    gone = list(
        Report.objects.filter(
            current_entry__reading__file__in=[run.reading.file_id, run.reading.edition_of_id],
            current_entry__reading__is_current=False,
            withdrawn_at__isnull=True,
        )
        # A current reading, of this file or another, may say the very same (ingestion then keeps
        # the old rows): such a report still stands.
        .exclude(
            Exists(
                BulletinEntry.objects.filter(
                    report=OuterRef("pk"),
                    reading__is_current=True,
                    content_hash=OuterRef("current_entry__content_hash"),
                )
            )
        )
        .select_related("current_entry")
        if run.reading is not None and _still_stands(run)
        else []
    )
    if not gone:
        return []
    before = load_reports({report.pk for report in gone})
    _supersede([r.current_entry_id for r in gone if r.current_entry_id is not None], now)
    for report in gone:
        report.withdrawn_at = now
        report.current_entry = None
        report.save(update_fields=["current_entry", "withdrawn_at"])
    outcome = arrange({r.pk for r in gone}, before, [], run.actor, now)
    run.count(withdrawn=len(gone), **outcome.counts)
    return outcome.touched


def rearrange(reports: Iterable[int], actor: User | None = None) -> list[tuple[int, int]]:
    """Arrange reports anew, after a person's decision about them, inside a transaction."""
    one_at_a_time()
    pks = set(reports)
    return arrange(pks, load_reports(pks), [], actor, timezone.now(), same_evidence=True).touched


def _still_stands(run: ProcessingRun) -> bool:
    """True if the run's reading is the one that stands for its file now, not when it was loaded."""
    if run.reading_id is None:
        return False
    return BulletinReading.objects.filter(pk=run.reading_id, is_current=True).exists()


def _age(entry: BulletinEntry) -> tuple[datetime, int, int]:
    """The order of entries of one report: the later reading is the agency's newer word."""
    return entry.reading.requested_at, entry.reading_id, entry.ordinal


def _said_again(reports: set[int]) -> dict[int, list[tuple[datetime, int, int]]]:
    """Return when later bulletins said just what the current entries of reports say.

    Ingestion notes such an entry without rows of its own; the current one is then as new as that.
    """
    ages: dict[int, list[tuple[datetime, int, int]]] = defaultdict(list)
    for entry in BulletinEntry.objects.filter(
        report__in=reports,
        reading__is_current=True,
        associated_at__isnull=False,
        superseded_at__isnull=True,
        content_hash=F("report__current_entry__content_hash"),
    ).select_related("reading"):
        ages[entry.report_id].append(_age(entry))
    return ages


def _newest(
    entries: Sequence[BulletinEntry],
) -> Iterator[tuple[Report, BulletinEntry, list[BulletinEntry]]]:
    by_report: dict[int, list[BulletinEntry]] = defaultdict(list)
    for entry in entries:
        by_report[entry.report_id].append(entry)
    for report_id in sorted(by_report):
        *older, newest = sorted(by_report[report_id], key=_age)
        yield newest.report, newest, older


def _make_current(renewed: dict[int, BulletinEntry], now: datetime) -> None:
    """Point reports to their new entries; one that takes its event back withdraws the report."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_report r SET current_entry_id = new.entry, withdrawn_at = new.withdrawn"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])"
            " AS new(report, entry, withdrawn) WHERE r.id = new.report",
            [
                list(renewed),
                [entry.pk for entry in renewed.values()],
                [now if e.deleted else None for e in renewed.values()],
            ],
        )


def _supersede(entries: list[int], now: datetime) -> None:
    """Mark entries and their rows as replaced; they stay, and stay findable."""
    if not entries:
        return
    BulletinEntry.objects.filter(pk__in=entries, superseded_at__isnull=True).update(
        superseded_at=now
    )
    with connection.cursor() as cursor:
        for table in FOLLOWERS:
            cursor.execute(
                f"UPDATE {table} SET superseded_at = %s"  # noqa: S608
                " WHERE entry_id = ANY(%s) AND superseded_at IS NULL",
                [now, entries],
            )
