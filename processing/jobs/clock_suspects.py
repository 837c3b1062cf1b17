"""Clocks that may be wrong by whole hours: reports they keep apart, for people to look at."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import connection

from catalog.models import MergeDecision
from processing.core import association as core
from processing.jobs.arranging import one_at_a_time
from processing.jobs.standing_reports import RULES, Standing, load_reports, moment, neighbours_of
from processing.models import ProcessingRun

#: The farthest a clock is thought to be wrong, and some more.
CLOCK_REACH_S = 3600.0 * RULES.clock_hours + 60.0
#: Lonely reports up to which clocks are compared after a run: a bound of memory.
CLOCKS_MOST = 200_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Flag:
    """Two reports that a wrong clock may keep apart: for a person to look at."""

    first: Standing
    second: Standing
    suspect: core.ClockSuspect


def suspect_clocks(run: ProcessingRun) -> list[Flag]:
    """Find reports of a run that would be of one event with another's if a clock were wrong.

    Nothing is locked: what is found is only shown to people.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM min(o.time)), extract(epoch FROM max(o.time))"
            " FROM catalog_report r JOIN catalog_bulletinentry e ON e.id = r.current_entry_id"
            " JOIN catalog_origin o ON o.entry_id = e.id WHERE e.reading_id = %s",
            [run.reading_id],
        )
        first, last = cursor.fetchone()
        if first is None:
            return []
        first, last = float(first), float(last)
        cursor.execute(
            "SELECT r.id, r.agency_id, e.reading_id = %s"
            " FROM catalog_origin o JOIN catalog_report r ON r.current_entry_id = o.entry_id"
            " JOIN catalog_bulletinentry e ON e.id = r.current_entry_id"
            " WHERE o.time BETWEEN %s AND %s AND r.withdrawn_at IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM catalog_report other"
            " WHERE other.event_id = r.event_id AND other.id <> r.id) LIMIT %s",
            [
                run.reading_id,
                moment(first - CLOCK_REACH_S),
                moment(last + CLOCK_REACH_S),
                CLOCKS_MOST + 1,
            ],
        )
        rows = cursor.fetchall()
    mine = {report for report, _agency, of_run in rows if of_run}
    if not mine or len({agency for _report, agency, _of_run in rows}) < 2:
        return []
    if len(rows) > CLOCKS_MOST:
        logger.warning(
            "run %(run)d: clocks are not compared, more than %(most)d reports stand alone",
            {"run": run.pk, "most": CLOCKS_MOST},
        )
        return []
    alone = load_reports(report for report, _agency, _of_run in rows).values()
    found: list[Flag] = []
    for synthetic in (False, True):
        here = [s for s in alone if s.synthetic == synthetic]
        by_name = {s.view.report_id: s for s in here}
        around = neighbours_of(here, synthetic)
        for suspect in core.clock_suspects([s.view for s in here], RULES, around):
            one, other = by_name[suspect.first], by_name[suspect.second]
            if {one.report, other.report} & mine:
                found.append(Flag(one, other, suspect))
    return found


def flag_clocks(run: ProcessingRun, flags: Sequence[Flag]) -> None:
    """Put suspected clocks up for review, inside a transaction; those that stand already stay."""
    if not flags:
        return
    one_at_a_time()
    kind = MergeDecision.Kind.REVIEW
    known = set(
        MergeDecision.objects.filter(
            kind=kind, parts__reason="clock", report__in=[f.first.report for f in flags]
        ).values_list("report", "other_report")
    )
    fresh = [f for f in flags if (f.first.report, f.second.report) not in known]
    MergeDecision.objects.bulk_create(
        MergeDecision(
            kind=kind,
            report_id=flag.first.report,
            other_report_id=flag.second.report,
            event_id=flag.first.event,
            other_event_id=flag.second.event,
            rule_set=RULES.name,
            misfit=flag.suspect.misfit.total,
            parts={
                "reason": "clock",
                **asdict(flag.suspect.misfit),
                "shift_s": flag.suspect.shift_s,
            },
        )
        for flag in fresh
    )
    run.count(review=len(fresh))
