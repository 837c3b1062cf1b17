"""Tie reports to events: load what is near in time, ask the core, store what changes.

The arrangement of reports into events depends on the set of current reports and on people's "same"
and "different" alone. So each batch arranges its reports anew together with every stored report
they could touch, directly or through others, and only differences are written. One advisory lock
keeps two batches apart; each is a transaction of its own and under a second.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from catalog.models import (
    BulletinEntry,
    BulletinReading,
    Event,
    FocalMechanism,
    Magnitude,
    MagnitudeAssessment,
    MergeDecision,
    Origin,
    Pick,
    PreferredMagnitude,
    Report,
    User,
    new_public_id,
)
from catalog.scales import SCALES
from processing.core import association as core
from processing.core import geodesy, phases
from processing.core.joint_fit import JointFit
from processing.jobs import felt, joint_relocations, publishing, station_readings
from processing.models import ProcessingRun

RULES = core.RuleSet()
BATCH_ENTRIES = 500
#: One association at a time, whatever the process: the key of the transaction's advisory lock.
ADVISORY_LOCK = 0x6B7A6173
#: Intervals longer than this are rare and are looked for apart, without the index on time.
LONG_INTERVAL_S = 120.0
#: A time good to the day. A wider one, or a slip of the pen such as 1e12 s, is compared as this:
#: it must neither gather all the catalogue into one question nor leave the calendar.
WIDEST_TIME_UNCERTAINTY_S = 43_200.0
#: Reports this far apart in time count among the events around each other.
RATE_WINDOW_S = max(RULES.rate_windows_s)
#: The farthest a clock is thought to be wrong, and some more.
CLOCK_REACH_S = 3600.0 * RULES.clock_hours + 60.0
#: The calendar's ends [s since 1970].
FIRST_SECOND = datetime.min.replace(tzinfo=UTC).timestamp()
LAST_SECOND = datetime.max.replace(tzinfo=UTC).timestamp() - 1.0
#: Lonely reports up to which clocks are compared after a run: a bound of memory.
CLOCKS_MOST = 200_000

#: Tables whose rows follow their entry's report from event to event.
FOLLOWERS = (
    "catalog_origin",
    "catalog_magnitude",
    "catalog_focalmechanism",
    "catalog_intensityobservation",
    "catalog_eventdescription",
    "catalog_interpretation",
    "catalog_consequence",
)

logger = logging.getLogger(__name__)

Batch = list[int]  # primary keys of entries


@dataclass(frozen=True)
class Standing:
    """A report as it stands: its view for the core, and where it belongs now."""

    report: int
    entry: int
    event: int | None
    synthetic: bool
    outranked_by: int | None
    """The later word of the same agency on the same event."""
    view: core.ReportView

    @property
    def interval(self) -> tuple[float, float]:
        """The time in which another report could be compared with it [s since 1970]."""
        half = core.half_gate_s(self.view.time_uncertainty, RULES)
        return self.view.time - half, self.view.time + half

    @property
    def reach(self) -> tuple[float, float]:
        """The time in which it weighs on the odds of others: where it counts as one around."""
        start, end = self.interval
        return (
            min(start, self.view.time - RATE_WINDOW_S),
            max(end, self.view.time + RATE_WINDOW_S),
        )


@dataclass
class Outcome:
    """What an arrangement changed; ``touched`` are events to be computed anew, with versions."""

    touched: list[tuple[int, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


# --- What a run brings -----------------------------------------------------------------------


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
    known, constraints = _neighbourhood(newest, load_reports(newest).values())
    for synthetic in (False, True):
        standing = [s for s in known.values() if s.synthetic == synthetic]
        _joint(standing, constraints, _around(standing, synthetic))


def associate(run: ProcessingRun, batch: Batch) -> list[tuple[int, int]]:
    """Make the batch's entries current and arrange what they touch, inside a transaction.

    Returns the events that need computing, each with its evidence version.
    """
    _one_at_a_time()
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
    outcome = _arrange(set(renewed), before, decisions, run.actor, now)
    counts.update(outcome.counts)
    run.count(**counts)
    return outcome.touched


def withdraw_missing(run: ProcessingRun) -> list[tuple[int, int]]:
    """Withdraw reports that an earlier reading of this file had and its current one has not.

    A file sent under the wrong agency and read again under the right one ends here for the first;
    so does what a later edition of a list leaves out of the earlier one.
    """
    _one_at_a_time()
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
    outcome = _arrange({r.pk for r in gone}, before, [], run.actor, now)
    run.count(withdrawn=len(gone), **outcome.counts)
    return outcome.touched


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
                _moment(first - CLOCK_REACH_S),
                _moment(last + CLOCK_REACH_S),
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
        for suspect in core.clock_suspects([s.view for s in here], RULES, _around(here, synthetic)):
            one, other = by_name[suspect.first], by_name[suspect.second]
            if {one.report, other.report} & mine:
                found.append(Flag(one, other, suspect))
    return found


def flag_clocks(run: ProcessingRun, flags: Sequence[Flag]) -> None:
    """Put suspected clocks up for review, inside a transaction; those that stand already stay."""
    if not flags:
        return
    _one_at_a_time()
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


def rearrange(reports: Iterable[int], actor: User | None = None) -> list[tuple[int, int]]:
    """Arrange reports anew, after a person's decision about them, inside a transaction."""
    _one_at_a_time()
    pks = set(reports)
    return _arrange(pks, load_reports(pks), [], actor, timezone.now(), same_evidence=True).touched


def _still_stands(run: ProcessingRun) -> bool:
    """True if the run's reading is the one that stands for its file now, not when it was loaded."""
    if run.reading_id is None:
        return False
    return BulletinReading.objects.filter(pk=run.reading_id, is_current=True).exists()


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


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


# --- Loading ---------------------------------------------------------------------------------

#: What an agency's automatic system said, its first word, and its last.
_GRADE = f"""
    CASE WHEN 'automatic' IN (o.evaluation_mode, b.evaluation_mode) THEN {core.AUTOMATIC}
    WHEN o.evaluation_status = 'preliminary' THEN {core.PRELIMINARY} ELSE {core.FINAL} END
"""
_STANDING = f"""
    SELECT r.id, e.id, r.event_id, e.synthetic, r.outranked_by_id, a.code, r.key,
        extract(epoch FROM o.time)::float8,
        ST_Y(o.point), ST_X(o.point), o.time_uncertainty, o.horizontal_uncertainty_km,
        o.semi_major_axis_km, o.confidence_level, o.depth_km, o.depth_uncertainty_km, {_GRADE}
    FROM catalog_report r
    JOIN catalog_agency a ON a.id = r.agency_id
    JOIN catalog_bulletinentry e ON {{entry}}
    JOIN catalog_bulletinreading b ON b.id = e.reading_id
    JOIN LATERAL (
        SELECT * FROM catalog_origin o WHERE o.entry_id = e.id
        ORDER BY o.is_prime DESC, (coalesce(o.agency_id, r.agency_id) = r.agency_id) DESC, o.id
        LIMIT 1
    ) o ON true
    WHERE {{which}}
"""  # noqa: S608


def load_reports(reports: Iterable[int]) -> dict[int, Standing]:
    """Return the current, not withdrawn reports among these, by primary key."""
    pks = list(reports)
    found = _load(
        _STANDING.format(
            entry="e.id = r.current_entry_id", which="r.id = ANY(%s) AND r.withdrawn_at IS NULL"
        ),
        pks,
    )
    return {s.report: s for s in found}


def load_entries(entries: Sequence[int]) -> list[Standing]:
    """Return entries as their reports would stand with them."""
    return _load(_STANDING.format(entry="e.report_id = r.id", which="e.id = ANY(%s)"), entries)


def _load(sql: str, keys: Sequence[int]) -> list[Standing]:
    if not keys:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(keys)])
        rows = cursor.fetchall()
    entries = [row[1] for row in rows]
    sizes: dict[int, dict[str, float]] = defaultdict(dict)
    for entry, scale, value in (
        Magnitude.objects.filter(entry__in=entries, scale__in=SCALES, bound="")
        .order_by("entry", "-is_prime", "pk")
        .values_list("entry", "scale", "value")
    ):
        sizes[entry].setdefault(scale, value)
    arrivals = _arrivals({row[1]: (row[8], row[9]) for row in rows})
    return [
        Standing(
            report=report,
            entry=entry,
            event=event,
            synthetic=synthetic,
            outranked_by=outranked_by,
            view=core.ReportView(
                report_id=f"{agency}:{key}",
                agency=agency,
                time=time,
                latitude=latitude,
                longitude=longitude,
                time_uncertainty=(
                    None if time_error is None else min(time_error, WIDEST_TIME_UNCERTAINTY_S)
                ),
                horizontal_uncertainty_km=core.standard_error_km(horizontal, major, confidence),
                depth_km=depth,
                depth_uncertainty_km=depth_error,
                kr=sizes[entry].get("KR"),
                arrivals=arrivals[entry].rows,
                grade=grade,
                magnitudes=tuple(
                    (scale, value) for scale, value in sizes[entry].items() if scale != "KR"
                ),
                link=arrivals[entry].link,
            ),
        )
        for (
            report, entry, event, synthetic, outranked_by, agency, key, time, latitude, longitude,
            time_error, horizontal, major, confidence, depth, depth_error, grade,
        ) in rows
    ]  # fmt: skip


@dataclass(frozen=True)
class _Readings:
    """An entry's readings at known stations, and where those stations lie."""

    rows: tuple[tuple[str, str, float], ...] = ()
    link: tuple[float, float] | None = None


def _arrivals(places: dict[int, tuple[float, float]]) -> dict[int, _Readings]:
    """Return the readings of entries, given their epicentres (latitude, longitude)."""
    rows: dict[int, list[tuple[str, str, float]]] = defaultdict(list)
    stations: dict[int, dict[int, tuple[float, float]]] = defaultdict(dict)
    for entry, station, point, phase, time in (
        Pick.objects.filter(entry__in=places, station__isnull=False, time__isnull=False)
        .order_by("entry", "pk")
        .values_list("entry", "station", "station__point", "phase_hint", "time")
    ):
        family = phases.family(phase)
        if family is not None and time is not None:
            rows[entry].append((str(station), family, time.timestamp()))
            stations[entry][station] = (point.y, point.x)
    found: dict[int, _Readings] = defaultdict(_Readings)
    for entry, readings in rows.items():
        where = np.array([stations[entry][key] for key in sorted(stations[entry])])
        azimuth = np.radians(geodesy.distance_azimuth(*places[entry], where[:, 0], where[:, 1])[1])
        found[entry] = _Readings(
            tuple(sorted(readings)), (float(np.sin(azimuth).mean()), float(np.cos(azimuth).mean()))
        )
    return found


def _around(standing: Sequence[Standing], synthetic: bool) -> list[core.Neighbour]:
    """Return the current reports near in time to those given that are none of them."""
    if not standing:
        return []
    spans = _merged([(s.view.time - RATE_WINDOW_S, s.view.time + RATE_WINDOW_S) for s in standing])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT a.code, extract(epoch FROM o.time)::float8, ST_Y(o.point), ST_X(o.point),
                {_GRADE}
            FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS w(lo, hi)
            JOIN catalog_origin near ON near.time BETWEEN w.lo AND w.hi
            JOIN catalog_report r ON r.current_entry_id = near.entry_id
            JOIN catalog_bulletinentry e ON e.id = r.current_entry_id
            JOIN catalog_bulletinreading b ON b.id = e.reading_id
            JOIN catalog_agency a ON a.id = r.agency_id
            JOIN LATERAL (
                SELECT * FROM catalog_origin o WHERE o.entry_id = e.id
                ORDER BY o.is_prime DESC, (coalesce(o.agency_id, r.agency_id) = r.agency_id) DESC,
                    o.id
                LIMIT 1
            ) o ON o.id = near.id
            WHERE r.withdrawn_at IS NULL AND e.synthetic = %s AND NOT r.id = ANY(%s)
            ORDER BY 1, 2, 3, 4
            """,  # noqa: S608
            [
                [_moment(start) for start, _end in spans],
                [_moment(end) for _start, end in spans],
                synthetic,
                [s.report for s in standing],
            ],
        )
        return [
            core.Neighbour(agency, time, latitude, longitude, grade)
            for agency, time, latitude, longitude, grade in cursor.fetchall()
        ]


def _joint(
    standing: Sequence[Standing],
    constraints: Sequence[core.Constraint],
    around: Sequence[core.Neighbour],
) -> dict[tuple[str, str], JointFit]:
    """Return the joint relocations that arranging the reports wants to know."""
    if len({s.view.source for s in standing if s.view.arrivals}) < 2:
        return {}
    by_name = {s.view.report_id: s for s in standing}
    wanted = core.to_relocate([s.view for s in standing], constraints, RULES, around)
    if not wanted:
        return {}
    fits = joint_relocations.of_pairs(
        [(by_name[one].entry, by_name[other].entry) for one, other in wanted]
    )
    return {pair: fit for pair, fit in zip(wanted, fits, strict=True) if fit is not None}


def _neighbourhood(
    renewed: dict[int, Standing], left: Iterable[Standing]
) -> tuple[dict[int, Standing], list[core.Constraint]]:
    """Return all current reports whose event the renewed ones could change, and people's words.

    From all that the renewed reports, and where they stood before (``left``), are around of, follow
    whatever is in the gate, in the same event or under a constraint, until nothing new comes.
    """
    known = dict(renewed)
    left = list(left)
    # What is new, or gone, changes the odds of all that it is, or was, around.
    begun = [s.reach for s in (*left, *renewed.values())]
    pairs: dict[tuple[int, int], str] = {}
    fresh = set(known)
    windows = begun
    events = {s.event for s in left} | {s.event for s in known.values()}
    while windows or fresh:
        found = _reports_in(windows) | _reports_of(events) | _constrained(fresh, pairs)
        candidates = load_reports(found - set(known))
        linked = {pk for pair in pairs for pk in pair} | {
            pk for pk, s in candidates.items() if s.event is not None and s.event in events
        }
        near = _touching([s.interval for s in known.values()] + begun, candidates)
        fresh = {pk for pk in candidates if pk in linked or pk in near}
        known.update({pk: candidates[pk] for pk in fresh})
        windows = [candidates[pk].interval for pk in fresh]
        events = {candidates[pk].event for pk in fresh}
    constraints = [
        core.Constraint(kind, known[a].view.report_id, known[b].view.report_id)  # type: ignore[arg-type]
        for (a, b), kind in pairs.items()
        if a in known and b in known
    ]
    return known, constraints


def _touching(intervals: list[tuple[float, float]], candidates: dict[int, Standing]) -> set[int]:
    """Return the candidates chained to any of the intervals by overlap in time."""
    marked = [(start, end, 0) for start, end in intervals] + [
        (*standing.interval, pk) for pk, standing in candidates.items()
    ]
    chained: set[int] = set()
    span: list[int] = []
    anchored, until = False, -math.inf
    for start, end, pk in [*sorted(marked), (math.inf, math.inf, 0)]:
        if start > until:
            if anchored:
                chained.update(span)
            span, anchored = [], False
        if pk:
            span.append(pk)
        else:
            anchored = True
        until = max(until, end)
    return chained


def _reports_in(windows: Sequence[tuple[float, float]]) -> set[int]:
    """Return current reports whose intervals overlap any window (and some near ones)."""
    if not windows:
        return set()
    spans = _merged(windows)
    half = LONG_INTERVAL_S / 2
    sql = """
        SELECT r.id
        FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w(lo, hi)
        JOIN catalog_origin o ON {overlap}
        JOIN catalog_report r ON r.current_entry_id = o.entry_id
        WHERE r.withdrawn_at IS NULL
    """
    near = sql.format(overlap="o.time BETWEEN w.lo AND w.hi")
    far = sql.format(
        overlap="o.time_uncertainty > %(long)s"
        " AND o.time - make_interval(secs => {half}) <= w.hi"
        " AND o.time + make_interval(secs => {half}) >= w.lo".format(
            half="%(sigmas)s * least(o.time_uncertainty, %(widest)s)"
        )
    )
    widest: dict[str, Any] = {
        "starts": [_moment(start - half) for start, _end in spans],
        "ends": [_moment(end + half) for _start, end in spans],
        "sigmas": RULES.gate_time_sigmas,
        "widest": WIDEST_TIME_UNCERTAINTY_S,
        "long": half / RULES.gate_time_sigmas,
    }
    with connection.cursor() as cursor:
        cursor.execute(f"{near} UNION {far}", widest)
        return {row[0] for row in cursor.fetchall()}


def _merged(windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _moment(seconds: float) -> datetime:
    # A window may begin before, or end after, all times there are.
    return datetime.fromtimestamp(min(max(seconds, FIRST_SECOND), LAST_SECOND), UTC)


def _reports_of(events: set[int | None]) -> set[int]:
    wanted = [event for event in events if event is not None]
    return set(Report.objects.filter(event__in=wanted).values_list("pk", flat=True))


def _constrained(reports: set[int], pairs: dict[tuple[int, int], str]) -> set[int]:
    """Add people's standing words on these reports to ``pairs``; return the reports named."""
    words = MergeDecision.objects.filter(
        Q(report__in=reports) | Q(other_report__in=reports),
        kind__in=[MergeDecision.Kind.SAME, MergeDecision.Kind.DIFFERENT],
        undone_by__isnull=True,
        report__isnull=False,
        other_report__isnull=False,
    ).order_by("pk")
    named: set[int] = set()
    for first, second, kind in words.values_list("report", "other_report", "kind"):
        pairs[min(first, second), max(first, second)] = kind  # the later word holds
        named |= {first, second}
    return named


# --- Arranging -------------------------------------------------------------------------------


def _arrange(
    renewed: set[int],
    before: dict[int, Standing],
    decisions: list[MergeDecision],
    actor: User | None,
    now: datetime,
    same_evidence: bool = False,
) -> Outcome:
    """Partition what the renewed reports touch and store the differences.

    With ``same_evidence`` the reports themselves say what they said before: an event they stay in
    needs no computing.
    """
    current = load_reports(renewed)
    # Reports that are gone leave their event.
    removed = {
        pk: event
        for pk, event in Report.objects.filter(pk__in=renewed - set(current)).values_list(
            "pk", "event"
        )
        if event is not None
    }
    known, constraints = _neighbourhood(current, before.values())
    plan = _Plan(known, removed, set() if same_evidence else renewed)
    links: dict[str, core.Link] = {}
    reviews: list[core.Review] = []
    for synthetic in (False, True):  # what was made up never joins what was observed
        standing = [s for s in known.values() if s.synthetic == synthetic]
        if not standing:
            continue
        around = _around(standing, synthetic)
        partition = core.partition(
            [s.view for s in standing],
            constraints,
            RULES,
            _joint(standing, constraints, around),
            around,
        )
        plan.place(partition.groups)
        reviews += partition.reviews
        for link in sorted(partition.links, key=lambda link: -link.misfit.total):
            links[link.first] = links[link.second] = link  # each report's best link stays
    said = {frozenset((c.first, c.second)) for c in constraints}
    return _store(plan, links, reviews, decisions, actor, now, said)


class _Plan:
    """Which group of reports keeps which event."""

    def __init__(
        self, known: dict[int, Standing], removed: dict[int, int], renewed: set[int]
    ) -> None:
        self.known = known
        self.removed = removed
        self.renewed = renewed
        self.by_name = {s.view.report_id: s for s in known.values()}
        #: Groups with the event each keeps, ``None`` for a new one.
        self.groups: list[tuple[list[Standing], int | None]] = []
        #: Emptied events, and the index of the group where their reports went.
        self.emptied: dict[int, int | None] = {}

    def place(self, groups: Iterable[tuple[str, ...]]) -> None:
        """Give each group an event: the published one survives, else the oldest."""
        members = [[self.by_name[name] for name in group] for group in groups]
        shares: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, group in enumerate(members):
            for standing in group:
                if standing.event is not None:
                    shares[standing.event][index].append(standing.report)
        # A divided event stays with the group that holds most of its reports; of equals with that
        # of the oldest report, which opened it.
        winner = {
            event: max(parts, key=lambda index: (len(parts[index]), -min(parts[index])))
            for event, parts in shares.items()
        }
        published = _published(winner)
        kept: dict[int, int] = {}
        for event in sorted(winner, key=lambda event: (event not in published, event)):
            kept.setdefault(winner[event], event)
        offset = len(self.groups)
        for index, group in enumerate(members):
            self.groups.append((group, kept.get(index)))
        for event, index in winner.items():
            if kept[index] != event:
                self.emptied[event] = offset + index

    def find_deserted(self) -> None:
        """Add the events whose every report was withdrawn."""
        alive = {event for _group, event in self.groups if event is not None}
        for event in set(self.removed.values()) - alive - set(self.emptied):
            self.emptied[event] = None


def _published(events: Iterable[int]) -> set[int]:
    return set(
        Event.objects.filter(Q(published_version__gt=0), pk__in=list(events)).values_list(
            "pk", flat=True
        )
    )


def _store(
    plan: _Plan,
    links: dict[str, core.Link],
    reviews: Sequence[core.Review],
    decisions: list[MergeDecision],
    actor: User | None,
    now: datetime,
    said: Collection[frozenset[str]],
) -> Outcome:
    plan.find_deserted()
    counts: dict[str, int] = defaultdict(int)
    moving: list[tuple[Standing, int]] = []  # reports and their new events
    settled: list[tuple[Standing, int]] = []  # those with new rows and the event they had
    touched: set[int] = set()
    openings = [(index, group) for index, (group, event) in enumerate(plan.groups) if event is None]
    opened = _open_events([group for _index, group in openings])
    event_of = {i: event for i, (_group, event) in enumerate(plan.groups) if event is not None}
    event_of.update({i: event for (i, _group), event in zip(openings, opened, strict=True)})
    fresh = set(opened)
    for index, (group, _event) in enumerate(plan.groups):
        event = event_of[index]
        # The first report of a new event opens it; the others join.
        first = min(group, key=lambda s: (s.event is not None, s.view.time, s.view.report_id))
        for standing in group:
            if standing.event == event:
                if standing.report in plan.renewed:
                    touched.add(event)
                    settled.append((standing, event))
                continue
            moving.append((standing, event))
            touched |= {event} | ({standing.event} if standing.event else set())
            opens = event in fresh and standing is first
            decisions.append(
                _decision(standing, event, links.get(standing.view.report_id), opens, plan, actor)
            )
            counts[_COUNTED[decisions[-1].kind]] += 1
    touched |= set(plan.removed.values())
    decisions += [
        MergeDecision(
            kind=MergeDecision.Kind.MOVE,
            report_id=report,
            other_event_id=event,
            rule_set=RULES.name,
            before={"event": event},
            after={"event": None},
            note="withdrawn",
        )
        for report, event in sorted(plan.removed.items())
    ]
    for event, where in sorted(plan.emptied.items()):
        survivor = None if where is None else event_of[where]
        counts["deleted" if survivor is None else "merged"] += 1
        if survivor is not None:
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.MERGE,
                    event_id=survivor,
                    other_event_id=event,
                    rule_set=RULES.name,
                    actor=actor,
                )
            )
    counts["review"] += _add_reviews(plan, reviews, decisions, event_of, said)
    ranks = _ranks(plan, event_of)
    touched |= {event for _standing, _by, event in ranks}
    for standing, by, event in ranks:
        if by is not None and by != standing.outranked_by:
            counts["superseded"] += 1
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.SUPERSEDE,
                    report_id=by,
                    other_report_id=standing.report,
                    event_id=event,
                    rule_set=RULES.name,
                    before={"outranked_by": standing.outranked_by},
                    after={"outranked_by": by},
                )
            )
    living = touched - set(plan.emptied)
    # Event rows in key order, before anything that depends on them is written. No key changes, so
    # what people felt is taken in meanwhile.
    locked = list(
        Event.objects.select_for_update(no_key=True)
        .filter(pk__in=(touched | set(plan.emptied)) - fresh)
        .order_by("pk")
    )
    _move(moving + settled, plan.removed)
    _save_ranks(ranks, now)
    MergeDecision.objects.bulk_create(decisions)
    Event.objects.filter(pk__in=living - fresh).update(evidence_version=F("evidence_version") + 1)
    versions = list(
        Event.objects.filter(pk__in=living).order_by("pk").values_list("pk", "evidence_version")
    )
    for row in locked:
        if row.pk in plan.emptied:
            where = plan.emptied[row.pk]
            _close(row, None if where is None else event_of[where], actor, now)
    return Outcome(versions, {name: n for name, n in counts.items() if n})


_COUNTED = {
    MergeDecision.Kind.NEW_EVENT.value: "created",
    MergeDecision.Kind.ASSOCIATE.value: "joined",
    MergeDecision.Kind.MOVE.value: "moved",
    MergeDecision.Kind.SPLIT.value: "split",
}


def _decision(
    standing: Standing,
    event: int,
    link: core.Link | None,
    opens: bool,
    plan: _Plan,
    actor: User | None,
) -> MergeDecision:
    """Say what became of one report, and with which misfit."""
    kinds = MergeDecision.Kind
    if standing.event is None:
        kind = kinds.NEW_EVENT if opens else kinds.ASSOCIATE
    else:
        kind = kinds.SPLIT if opens else kinds.MOVE
    decision = MergeDecision(
        kind=kind.value,
        report_id=standing.report,
        event_id=event,
        other_event_id=standing.event,
        rule_set=RULES.name,
        before={"event": standing.event},
        after={"event": event},
        actor=actor if link is not None and link.by == "constraint" else None,
    )
    if link is not None:
        other = link.second if link.first == standing.view.report_id else link.first
        decision.other_report_id = plan.by_name[other].report
        decision.misfit = link.misfit.total
        decision.parts = {"by": link.by, **asdict(link.misfit)}
    return decision


Rank = tuple[Standing, int | None, int]  # a report, what outranks it, their event


def _ranks(plan: _Plan, event_of: dict[int, int]) -> list[Rank]:
    """Return the reports whose rows must be put aside or back, for their agency's later word.

    Of an agency's reports of one event those of the highest grade stand; the others are history.
    """
    changed: list[Rank] = []
    for index, (group, _event) in enumerate(plan.groups):
        best: dict[str, Standing] = {}
        for standing in sorted(group, key=lambda s: (-s.view.grade, s.view.report_id)):
            best.setdefault(standing.view.agency, standing)
        for standing in group:
            top = best[standing.view.agency]
            by = top.report if top.view.grade > standing.view.grade else None
            renewed = by is not None and standing.report in plan.renewed
            if by != standing.outranked_by or renewed:
                changed.append((standing, by, event_of[index]))
    return changed


def _save_ranks(ranks: Sequence[Rank], now: datetime) -> None:
    if not ranks:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_report r SET outranked_by_id = new.by"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS new(report, by) WHERE r.id = new.report",
            [[s.report for s, _by, _event in ranks], [by for _s, by, _event in ranks]],
        )
        for table in FOLLOWERS:
            cursor.execute(
                f"UPDATE {table} t SET superseded_at = new.at"  # noqa: S608
                " FROM unnest(%s::bigint[], %s::timestamptz[]) AS new(entry, at)"
                " WHERE t.entry_id = new.entry",
                [
                    [s.entry for s, _by, _event in ranks],
                    [None if by is None else now for _s, by, _event in ranks],
                ],
            )


def _add_reviews(
    plan: _Plan,
    reviews: Sequence[core.Review],
    decisions: list[MergeDecision],
    event_of: dict[int, int],
    said: Collection[frozenset[str]],
) -> int:
    """Add the doubtful pairs that do not stand in the ledger already; take back what is none now.

    said : the pairs of which a person's word stands; what was asked of them is answered.
    """
    names = {s.report: s.view.report_id for s in plan.known.values()}
    placed = {
        standing.report: event_of[index]
        for index, (group, _event) in enumerate(plan.groups)
        for standing in group
    }
    kind = MergeDecision.Kind.REVIEW
    pairs = {(plan.by_name[r.first].report, plan.by_name[r.second].report): r for r in reviews}
    standing: set[tuple[int, int, str]] = set()
    for asked, first, second, reason in MergeDecision.objects.filter(
        kind=kind, report__in=placed, other_report__in=placed, undone_by__isnull=True
    ).values_list("pk", "report", "other_report", "parts__reason"):
        found = pairs.get((first, second))
        if reason == "clock" or (found is not None and found.reason == reason):
            standing.add((first, second, reason))
        elif (
            placed[first] != placed[second] and frozenset((names[first], names[second])) not in said
        ):
            # The rules know better now: nothing is left to ask.
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.UNDO,
                    report_id=first,
                    other_report_id=second,
                    event_id=placed[first],
                    other_event_id=placed[second],
                    undoes_id=asked,
                    rule_set=RULES.name,
                    note="no longer in doubt",
                )
            )
    added = 0
    for (first, second), review in pairs.items():
        if (first, second, review.reason) in standing:
            continue
        added += 1
        decisions.append(
            MergeDecision(
                kind=kind,
                report_id=first,
                other_report_id=second,
                event_id=placed[first],
                other_event_id=placed[second],
                rule_set=RULES.name,
                misfit=review.misfit.total if review.misfit else None,
                parts={"reason": review.reason, **(asdict(review.misfit) if review.misfit else {})},
            )
        )
    return added


def _open_events(groups: Sequence[Sequence[Standing]]) -> list[int]:
    """Create an event for each group, with a public id nobody has."""
    wanted: list[str] = []
    while len(wanted) < len(groups):
        times = [min(s.view.time for s in group) for group in groups[len(wanted) :]]
        drawn = [new_public_id(_moment(time)) for time in times]
        taken = set(
            Event.objects.filter(public_id__in=drawn).values_list("public_id", flat=True)
        ) | set(wanted)
        for name in drawn:
            if name in taken:
                break
            wanted.append(name)
            taken.add(name)
    rows = Event.objects.bulk_create(
        [
            Event(public_id=name, synthetic=group[0].synthetic)
            for name, group in zip(wanted, groups, strict=True)
        ]
    )
    return [row.pk for row in rows]


def _move(moving: Sequence[tuple[Standing, int]], removed: dict[int, int]) -> None:
    """Tie reports, and all rows of all their entries, to their events."""
    Report.objects.filter(pk__in=list(removed)).update(event=None)
    if not moving:
        return
    values = [[s.report for s, _event in moving], [event for _s, event in moving]]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_report r SET event_id = new.event"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS new(report, event)"
            " WHERE r.id = new.report",
            values,
        )
        cursor.execute(
            "SELECT e.id, new.event FROM catalog_bulletinentry e"
            " JOIN unnest(%s::bigint[], %s::bigint[]) AS new(report, event)"
            " ON e.report_id = new.report WHERE e.associated_at IS NOT NULL",
            values,
        )
        rows = cursor.fetchall()
        for table in FOLLOWERS:
            cursor.execute(
                f"UPDATE {table} t SET event_id = new.event"  # noqa: S608
                " FROM unnest(%s::bigint[], %s::bigint[]) AS new(entry, event)"
                " WHERE t.entry_id = new.entry AND t.event_id IS DISTINCT FROM new.event",
                [[row[0] for row in rows], [row[1] for row in rows]],
            )


def _close(event: Event, survivor: int | None, actor: User | None, now: datetime) -> None:
    """End an event that has no report any more: merged where they went, else deleted."""
    for model in (Origin, Magnitude, FocalMechanism):
        model.objects.filter(event=event, entry__isnull=True, superseded_at__isnull=True).update(
            superseded_at=now
        )
    MagnitudeAssessment.objects.current().filter(event=event).update(superseded_at=now)
    PreferredMagnitude.objects.filter(event=event).delete()
    event.status = Event.Status.DELETED if survivor is None else Event.Status.MERGED
    event.merged_into_id = survivor
    event.preferred_origin = event.preferred_magnitude = event.preferred_focal_mechanism = None
    event.evidence_version += 1
    event.save(
        update_fields=[
            "status", "merged_into", "preferred_origin", "preferred_magnitude",
            "preferred_focal_mechanism", "evidence_version",
        ]
    )  # fmt: skip
    # Whoever was merged into this one is now where its reports went.
    if survivor is not None:
        Event.objects.filter(merged_into=event).update(merged_into=survivor)
    station_readings.follow(event, survivor)
    felt.request_near([event])
    publishing.withdraw(event, actor=actor)
