"""Propose events for readings without one, and keep what people and the rule decide.

A proposal is made anew whenever a reading comes in or an event near it in time is born, moves or
ends, so what fits nothing today is tried again with every event that could change that. What is
proposed depends on the readings and events that stand, not on the order in which they came. Real
readings are held against real events, made-up ones against made-up events.

Accepted readings are evidence of their event like those of its reports: the event is located anew.
Every acceptance and refusal stands in the ledger and can be undone. When an event is merged into
another, what was decided of it follows; when it is deleted, its readings are free again. When a
file is read again, decisions follow to the readings that say the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from catalog.exchange import StationQuery
from catalog.formats.records import StationReference
from catalog.models import (
    BulletinReading,
    Event,
    MergeDecision,
    Pick,
    PickAssociation,
    User,
)
from processing.core import pick_association as core
from processing.core.association import standard_error_km
from processing.jobs.stations import StationResolver
from processing.models import WorkItem

RULES = core.RuleSet()
#: None: by the region of each event.
EARTH_MODEL = None
#: Readings of one file that are looked at in one transaction.
BATCH_READINGS = 2_000
#: Alternatives kept of one reading; in a swarm many events may fit.
ALTERNATIVES = 5
#: One look at a time, whatever the process: the key of the transaction's advisory lock.
ADVISORY_LOCK = 0x6B7A7273
#: In a reading's options: what is clear is accepted without a person.
ACCEPT_OPTION = "accept_readings"
#: Why a decision cannot be made.
CODES = ("nothing-to-undo",)
GONE = (Event.Status.MERGED, Event.Status.DELETED)
PRIORITY = 6

State = PickAssociation.State
COMPANIONS = {
    core.ALONE: PickAssociation.Companion.ALONE,
    core.CONSISTENT: PickAssociation.Companion.CONSISTENT,
    core.CONTRADICTED: PickAssociation.Companion.CONTRADICTED,
}

Span = tuple[float, float]  # seconds since 1970
logger = logging.getLogger(__name__)


class NotDecidable(Exception):
    """A decision that can no longer be made: a code, translated when shown."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Outcome:
    """What a look or a decision changed; ``touched`` are events with new evidence."""

    touched: set[int] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True)
class LooseReading:
    """A reading without an event that stands: of a current reading of its file, its place known."""

    pick: int
    station: int
    latitude: float
    longitude: float
    elevation_m: float | None
    time: float
    time_uncertainty: float | None
    hint: str
    synthetic: bool
    accept: bool
    """Its file was sent with the wish that the rule accept what is clear."""


# --- What there is to look at --------------------------------------------------------------------


def loose_picks() -> QuerySet[Pick]:
    """Return the readings without an event that stand."""
    return Pick.objects.filter(entry__isnull=True, reading__is_current=True)


def concerns(reading: BulletinReading) -> bool:
    """True if this reading of a file, or one before it, has readings without an event."""
    return Pick.objects.filter(entry__isnull=True, reading__file=reading.file_id).exists()


def near_readings(events: Sequence[Event]) -> list[int]:
    """Return those of the events in whose window in time there are readings without an event."""
    if not events:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id FROM catalog_event e JOIN catalog_origin o ON o.id = e.preferred_origin_id"
            " WHERE e.id = ANY(%s) AND (EXISTS (SELECT 1 FROM catalog_pick p"
            "  WHERE p.entry_id IS NULL AND p.time BETWEEN o.time - make_interval(secs => %s)"
            "  AND o.time + make_interval(secs => %s))"
            " OR EXISTS (SELECT 1 FROM catalog_pickassociation a"
            "  WHERE a.event_id = e.id AND a.state <> 'obsolete'))",
            [[event.pk for event in events], _lead(), core.LONGEST_TRAVEL_S],
        )
        return [row[0] for row in cursor.fetchall()]


def batches(reading: BulletinReading) -> Iterator[list[Span]]:
    """Yield the spans of time in which the file's onsets lie, some thousand onsets at once.

    Those of its earlier readings are among them: other files' readings may have repeated what this
    one says no more.
    """
    times = [
        time.timestamp()
        for time in Pick.objects.filter(
            entry__isnull=True, reading__file=reading.file_id, time__isnull=False
        )
        .order_by("time", "pk")
        .values_list("time", flat=True)
        if time is not None
    ]
    for start in range(0, len(times), BATCH_READINGS):
        part = times[start : start + BATCH_READINGS]
        yield _merged([(t - core.PAIR_WINDOW_S, t + core.PAIR_WINDOW_S) for t in part])


def _lead() -> float:
    """How long before its origin time an event may have a reading, for its origin's error [s]."""
    return RULES.fit_sigmas * RULES.maximum_sigma_s


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _bounds(spans: Sequence[Span], before: float = 0.0, after: float = 0.0) -> dict[str, Any]:
    return {
        "starts": [datetime.fromtimestamp(start - before, UTC) for start, _end in spans],
        "ends": [datetime.fromtimestamp(end + after, UTC) for _start, end in spans],
    }


def _readings_in(spans: Sequence[Span]) -> list[LooseReading]:
    """Return the readings that stand with onsets in these spans, in the order they came in."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT p.id, s.id, ST_Y(s.point), ST_X(s.point), s.elevation_m,
                extract(epoch FROM p.time)::float8, p.time_uncertainty, p.phase_hint, p.synthetic,
                coalesce((r.options ->> %(option)s)::boolean, false)
            FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w(lo, hi)
            JOIN catalog_pick p ON p.entry_id IS NULL AND p.time BETWEEN w.lo AND w.hi
            JOIN catalog_bulletinreading r ON r.id = p.reading_id AND r.is_current
            JOIN catalog_station s ON s.id = p.station_id
            ORDER BY p.id
            """,
            {"option": ACCEPT_OPTION, **_bounds(spans)},
        )
        return [LooseReading(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class _KnownEvent:
    pk: int
    synthetic: bool
    time: float
    latitude: float
    longitude: float
    depth_km: float | None
    time_sigma_s: float | None
    horizontal_sigma_km: float | None
    depth_sigma_km: float | None


def _events_for(spans: Sequence[Span]) -> list[_KnownEvent]:
    """Return the living events of which an arrival may lie in these spans."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT e.id, e.synthetic, extract(epoch FROM o.time)::float8, ST_Y(o.point),
                ST_X(o.point), o.depth_km, o.time_uncertainty, o.horizontal_uncertainty_km,
                o.semi_major_axis_km, o.confidence_level, o.latitude_uncertainty_km,
                o.longitude_uncertainty_km, o.depth_uncertainty_km
            FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w(lo, hi)
            JOIN catalog_origin o ON o.time BETWEEN w.lo AND w.hi
            JOIN catalog_event e ON e.preferred_origin_id = o.id
            WHERE NOT e.status = ANY(%(gone)s)
            ORDER BY e.id
            """,
            {"gone": list(GONE), **_bounds(spans, core.LONGEST_TRAVEL_S, _lead())},
        )
        return [
            _KnownEvent(
                pk, synthetic, time, latitude, longitude, depth, time_error or None,
                _horizontal(horizontal, major, confidence, north, east), depth_error or None,
            )
            for (
                pk, synthetic, time, latitude, longitude, depth, time_error, horizontal, major,
                confidence, north, east, depth_error,
            ) in cursor.fetchall()
        ]  # fmt: skip


def _horizontal(
    horizontal: float | None,
    major: float | None,
    confidence: float | None,
    north: float | None,
    east: float | None,
) -> float | None:
    """Return the standard error of an epicentre [km] from whatever the origin states.

    An error of zero is that of a place that was held, or of one that was not told.
    """
    size = standard_error_km(horizontal, major, confidence)
    if not size and north is not None and east is not None:
        size = max(north, east)
    return size or None


# --- Looking -------------------------------------------------------------------------------------


def propose(events: Sequence[int]) -> Outcome:
    """Make the proposals of all readings anew that could have to do with these events.

    Inside a transaction. The events may be gone: their readings are looked at all the same.
    """
    _one_at_a_time()
    spans = [
        (time.timestamp() - _lead(), time.timestamp() + core.LONGEST_TRAVEL_S)
        for time in Event.objects.filter(pk__in=events, preferred_origin__isnull=False).values_list(
            "preferred_origin__time", flat=True
        )
        if time is not None
    ]
    # Where an event stood before, its readings stay named in its proposals.
    spans += [
        (time.timestamp(), time.timestamp())
        for time in PickAssociation.objects.filter(event__in=events)
        .exclude(pick__time=None)
        .values_list("pick__time", flat=True)
        .distinct()
        if time is not None
    ]
    return look(_merged(spans))


def look(spans: Sequence[Span]) -> Outcome:
    """Make the proposals of all readings in these spans of time anew, inside a transaction.

    Readings around them are seen as well, for an S may lie in the span and its P before it.
    """
    _one_at_a_time()
    outcome = Outcome()
    if not spans:
        return outcome
    around = _merged((a - core.PAIR_WINDOW_S, b + core.PAIR_WINDOW_S) for a, b in spans)
    readings = _readings_in(around)
    starts = np.array([start for start, _end in spans])
    ends = np.array([end for _start, end in spans])
    wanted: dict[int, LooseReading] = {}
    for reading in readings:
        place = int(np.searchsorted(starts, reading.time + 1e-6, side="right")) - 1
        if place >= 0 and reading.time <= ends[place] + 1e-6:
            wanted[reading.pick] = reading
    if not wanted:
        return outcome
    events = _events_for(around)
    repeats = _repeats(readings)
    fits: dict[int, list[_Fit]] = {}
    for synthetic in (False, True):  # what was made up never joins what was observed
        fits |= _fits(
            [r for r in readings if r.synthetic == synthetic and r.pick not in repeats],
            [e for e in events if e.synthetic == synthetic],
        )
    _store(wanted, repeats, fits, outcome)
    return outcome


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def _repeats(readings: Sequence[LooseReading]) -> dict[int, int]:
    """Return the readings that repeat another one: of a bulletin's event, or received before."""
    families = core.families([reading.hint for reading in readings])
    found = _told_with_events(readings, families)
    left = [i for i, reading in enumerate(readings) if reading.pick not in found]
    same = core.repeated(
        np.array([2 * readings[i].station + readings[i].synthetic for i in left], dtype=np.int64),
        [families[i] for i in left],
        np.array([readings[i].time for i in left]),
        RULES.same_within_s,
    )
    for i, first in zip(left, same.tolist(), strict=True):
        if first >= 0:
            found[readings[i].pick] = readings[left[first]].pick
    return found


def _told_with_events(readings: Sequence[LooseReading], families: Sequence[str]) -> dict[int, int]:
    """Return the readings that a current report of an event has as well, with its pick."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.id, q.id, q.phase_hint
            FROM catalog_pick p
            JOIN catalog_pick q ON q.station_id = p.station_id AND q.entry_id IS NOT NULL
                AND q.time BETWEEN p.time - make_interval(secs => %(near)s)
                AND p.time + make_interval(secs => %(near)s)
            JOIN catalog_report t ON t.current_entry_id = q.entry_id AND t.event_id IS NOT NULL
            JOIN catalog_bulletinentry e ON e.id = q.entry_id AND e.synthetic = p.synthetic
            WHERE p.id = ANY(%(picks)s)
            ORDER BY p.id, abs(extract(epoch FROM q.time - p.time)) DESC, q.id DESC
            """,
            {"picks": [r.pick for r in readings], "near": RULES.same_within_s},
        )
        rows = cursor.fetchall()
    family = {reading.pick: name for reading, name in zip(readings, families, strict=True)}
    theirs = core.families([row[2] for row in rows])
    return {
        pick: other
        for (pick, other, _hint), name in zip(rows, theirs, strict=True)
        if name == family[pick]
    }


@dataclass(frozen=True)
class _Fit:
    """One alternative of one reading, as it is stored."""

    event: int
    clear: bool
    values: dict[str, Any]


def _fits(readings: Sequence[LooseReading], events: Sequence[_KnownEvent]) -> dict[int, list[_Fit]]:
    """Return the events that readings fit, best first."""
    if not readings or not events:
        return {}
    first = min(reading.time for reading in readings)
    places = {r.station: r for r in readings}
    number = {station: i for i, station in enumerate(places)}
    fits = core.propose(
        core.Stations(
            latitude=_numbers(r.latitude for r in places.values()),
            longitude=_numbers(r.longitude for r in places.values()),
            elevation_m=_numbers(r.elevation_m for r in places.values()),
        ),
        core.Onsets(
            station=np.array([number[r.station] for r in readings], dtype=np.int64),
            time=_numbers(r.time - first for r in readings),
            time_uncertainty=_numbers(r.time_uncertainty for r in readings),
            hint=[r.hint for r in readings],
        ),
        core.Candidates(
            latitude=_numbers(e.latitude for e in events),
            longitude=_numbers(e.longitude for e in events),
            depth_km=_numbers(e.depth_km for e in events),
            time=_numbers(e.time - first for e in events),
            time_sigma_s=_numbers(e.time_sigma_s for e in events),
            horizontal_sigma_km=_numbers(e.horizontal_sigma_km for e in events),
            depth_sigma_km=_numbers(e.depth_sigma_km for e in events),
        ),
        EARTH_MODEL,
        RULES,
    )
    found: dict[int, list[_Fit]] = defaultdict(list)
    for i, (pick, event, rank) in enumerate(
        zip(fits.pick.tolist(), fits.event.tolist(), fits.rank.tolist(), strict=True)
    ):
        found[readings[pick].pick].append(
            _Fit(
                events[event].pk,
                bool(fits.clear[i]),
                {
                    "phase": fits.phase[i],
                    # As many digits as mean something, so that equal looks store equal rows.
                    "time_residual": round(float(fits.residual[i]), 3),
                    "expected_sigma_s": round(float(fits.sigma[i]), 3),
                    "distance_deg": round(float(fits.distance_deg[i]), 4),
                    "companion": COMPANIONS[int(fits.companion[i])].value,
                    "rank": rank,
                    "is_clear": bool(fits.clear[i]),
                    "rule_set": str(RULES),
                },
            )
        )
    return found


def _numbers(values: Iterable[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


_PROPOSAL = (
    "phase", "time_residual", "expected_sigma_s", "distance_deg", "companion", "rank", "is_clear",
    "rule_set",
)  # fmt: skip


def _store(
    wanted: dict[int, LooseReading],
    repeats: dict[int, int],
    fits: dict[int, list[_Fit]],
    outcome: Outcome,
) -> None:
    """Write the differences between what is proposed and what stands."""
    now = timezone.now()
    known: dict[int, list[PickAssociation]] = defaultdict(list)
    for row in PickAssociation.objects.filter(pick__in=wanted).order_by("pk"):
        known[row.pick_id].append(row)
    fresh: list[PickAssociation] = []
    changed: list[PickAssociation] = []
    by_rule: list[tuple[int, int]] = []  # pick, event
    for pick, reading in wanted.items():
        rows = known[pick]
        decided = {row.event_id for row in rows if row.state in (State.ACCEPTED, State.REJECTED)}
        is_accepted = any(row.state == State.ACCEPTED for row in rows)
        # Where a person has said something, be it that an acceptance was wrong, no rule decides.
        is_untouched = not any(row.decided_by_id for row in rows)
        goal: dict[tuple[int | None, int | None], dict[str, Any]] = {}
        if is_accepted:
            pass
        elif pick in repeats:
            goal[None, repeats[pick]] = {"state": State.DUPLICATE.value, "rule_set": str(RULES)}
        else:
            open_fits = [fit for fit in fits.get(pick, ()) if fit.event not in decided]
            for rank, fit in enumerate(open_fits[:ALTERNATIVES], 1):
                goal[fit.event, None] = {
                    "state": State.PROPOSED.value, **fit.values, "rank": rank
                }  # fmt: skip
                if fit.clear and reading.accept and is_untouched:
                    by_rule.append((pick, fit.event))
        for row in rows:
            if row.state in (State.ACCEPTED, State.REJECTED):
                continue
            values = goal.pop((row.event_id, row.duplicate_of_id), None)
            if values is None:
                values = {"state": State.OBSOLETE.value}
            elif row.state == State.OBSOLETE:
                values = {**values, "proposed_at": now}
            if any(getattr(row, name) != value for name, value in values.items()):
                for name, value in values.items():
                    setattr(row, name, value)
                changed.append(row)
        for (event, duplicate_of), values in goal.items():
            outcome.counts["proposed" if event is not None else "repeated"] += 1
            fresh.append(
                PickAssociation(
                    pick_id=pick, event_id=event, duplicate_of_id=duplicate_of, **values
                )
            )
    # Proposals that end make room first, for a reading repeats one other only.
    changed.sort(key=lambda row: row.state != State.OBSOLETE)
    ended = [row for row in changed if row.state == State.OBSOLETE]
    PickAssociation.objects.bulk_update(ended, ["state"])
    PickAssociation.objects.bulk_update(
        changed[len(ended) :], ["state", "proposed_at", *_PROPOSAL], batch_size=500
    )
    PickAssociation.objects.bulk_create(fresh, batch_size=500)
    if by_rule:
        pairs = set(by_rule)
        rows = [
            row
            for row in PickAssociation.objects.filter(
                pick__in=[pick for pick, _event in by_rule], state=State.PROPOSED
            )
            if (row.pick_id, row.event_id) in pairs
        ]
        accepted = _accept(rows, actor=None, note="", now=now)
        outcome.counts["accepted"] += len(rows)
        outcome.touched |= accepted


# --- Deciding ------------------------------------------------------------------------------------


def accept(associations: Sequence[int], actor: User, note: str = "") -> Outcome:
    """Let proposals stand as evidence of their events, inside a transaction.

    Proposals that are none any more are left out and counted as such.
    """
    return _decide(associations, actor, note, _accept, "accepted")


def reject(associations: Sequence[int], actor: User, note: str = "") -> Outcome:
    """Refuse proposals: the reading is not of that event, and is not proposed to it again."""
    return _decide(associations, actor, note, _reject, "rejected")


def _decide(associations: Sequence[int], actor: User, note: str, act: Any, counted: str) -> Outcome:
    _one_at_a_time()
    outcome = Outcome()
    rows = list(
        PickAssociation.objects.filter(pk__in=associations, state=State.PROPOSED)
        .exclude(event__status__in=GONE)
        .filter(pick__reading__is_current=True)
        .order_by("event", "rank", "pk")
    )
    outcome.counts["overtaken"] = len(set(associations)) - len(rows)
    # A reading has one event: of two of its proposals the better is meant.
    best: dict[int, PickAssociation] = {}
    if act is _accept:
        for row in sorted(rows, key=lambda row: (row.rank or 99, row.pk)):
            best.setdefault(row.pick_id, row)
        outcome.counts["overtaken"] += len(rows) - len(best)
        rows = sorted(best.values(), key=lambda row: (row.event_id or 0, row.pk))
    # Event rows in key order, before anything that depends on them is written.
    keys = {row.event_id for row in rows}
    list(Event.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk"))
    outcome.touched = act(rows, actor=actor, note=note, now=timezone.now())
    outcome.counts[counted] = len(rows)
    request_location(outcome)
    return outcome


def _accept(
    rows: Sequence[PickAssociation], *, actor: User | None, note: str, now: datetime
) -> set[int]:
    """Accept rows that are proposed; return their events, whose evidence is new."""
    _write_decisions(rows, MergeDecision.Kind.ACCEPT_PICK, State.ACCEPTED, actor, note, now)
    # What else was proposed of these readings is no question any more.
    PickAssociation.objects.filter(
        pick__in=[row.pick_id for row in rows], state=State.PROPOSED
    ).update(state=State.OBSOLETE)
    return {row.event_id for row in rows if row.event_id is not None}


def _reject(
    rows: Sequence[PickAssociation], *, actor: User | None, note: str, now: datetime
) -> set[int]:
    _write_decisions(rows, MergeDecision.Kind.REJECT_PICK, State.REJECTED, actor, note, now)
    return set()


def _write_decisions(
    rows: Sequence[PickAssociation],
    kind: MergeDecision.Kind,
    state: PickAssociation.State,
    actor: User | None,
    note: str,
    now: datetime,
) -> None:
    """Set the state of rows, each with its line in the ledger."""
    picks = Pick.objects.in_bulk([row.pick_id for row in rows])
    decisions = MergeDecision.objects.bulk_create(
        [
            MergeDecision(
                kind=kind,
                event_id=row.event_id,
                # The rule proposed; it decided only where no person did.
                rule_set="" if actor else row.rule_set,
                misfit=_misfit(row),
                parts=_parts(row, picks[row.pick_id]),
                before={"state": row.state},
                after={"state": state.value},
                note=note,
                actor=actor,
                decided_at=now,
            )
            for row in rows
        ]
    )
    for row, decision in zip(rows, decisions, strict=True):
        row.state, row.decision, row.decided_by, row.decided_at = state, decision, actor, now
        row.note = note
    PickAssociation.objects.bulk_update(
        rows, ["state", "decision", "decided_by", "decided_at", "note"], batch_size=500
    )


def _misfit(row: PickAssociation) -> float | None:
    """Return the residual in standard deviations."""
    if row.time_residual is None or row.expected_sigma_s is None:
        return None
    return abs(row.time_residual) / row.expected_sigma_s


def _parts(row: PickAssociation, pick: Pick) -> dict[str, Any]:
    """Return what the ledger keeps of a reading and how it fitted when it was decided on."""
    return {
        "pick": row.pick_id,
        "station": f"{pick.network_code}.{pick.station_code}".lstrip("."),
        "time": pick.time.isoformat() if pick.time else None,
        "phase": row.phase,
        "time_residual": row.time_residual,
        "expected_sigma_s": row.expected_sigma_s,
        "distance_deg": row.distance_deg,
        "companion": row.companion,
        "proposed_by": row.rule_set,
    }


def undo(association: int, actor: User, note: str = "") -> Outcome:
    """Take back an acceptance or a refusal, inside a transaction; the reading is looked at anew.

    Raises
    ------
    NotDecidable
        Nothing stands to be undone.
    """
    _one_at_a_time()
    outcome = Outcome()
    row = (
        PickAssociation.objects.filter(pk=association, state__in=[State.ACCEPTED, State.REJECTED])
        .select_related("decision")
        .first()
    )
    if row is None:
        raise NotDecidable("nothing-to-undo")
    was, now = row.state, timezone.now()
    row.decision = MergeDecision.objects.create(
        kind=MergeDecision.Kind.UNDO,
        event_id=row.event_id,
        parts=row.decision.parts if row.decision else {},
        before={"state": was},
        after={"state": State.PROPOSED.value},
        undoes=row.decision,
        actor=actor,
        note=note,
        decided_at=now,
    )
    row.state, row.decided_by, row.decided_at, row.note = State.PROPOSED, actor, now, note
    row.save(update_fields=["state", "decision", "decided_by", "decided_at", "note"])
    if was == State.ACCEPTED and row.event_id is not None:
        outcome.touched.add(row.event_id)
    outcome.counts["undone"] = 1
    request_location(outcome)
    if row.event_id is not None:
        WorkItem.objects.request("propose", row.event_id, priority=PRIORITY)
    return outcome


def request_location(outcome: Outcome, run: Any = None) -> None:
    """Ask for the events with new evidence to be located anew."""
    alive = Event.objects.filter(pk__in=outcome.touched).exclude(status__in=GONE)
    # Event rows in key order, as everywhere.
    keys = list(alive.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    Event.objects.filter(pk__in=keys).update(evidence_version=F("evidence_version") + 1)
    versions = list(Event.objects.filter(pk__in=keys).values_list("pk", "evidence_version"))
    WorkItem.objects.request_many("recompute", versions, run=run, priority=PRIORITY)


# --- What follows when events end and files are read again ---------------------------------------


def follow(event: Event, survivor: int | None) -> None:
    """Let the decisions on an event that ends follow to its survivor; free its other readings.

    Called by the association in its transaction, which holds the rows of both events.
    """
    rows = list(
        PickAssociation.objects.filter(event=event).exclude(state=State.OBSOLETE).order_by("pk")
    )
    if not rows:
        return
    decided = [row for row in rows if row.state in (State.ACCEPTED, State.REJECTED)]
    before = {row.pk: row.state for row in decided}
    PickAssociation.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.OBSOLETE)
    if survivor is not None:
        for row in decided:
            _carry(row, before[row.pk], row.pick_id, survivor, f"merged: {event.public_id}")
    WorkItem.objects.request("propose", survivor or event.pk, priority=PRIORITY)


def settle(reading: BulletinReading) -> Outcome:
    """Let decisions on earlier readings of a file follow to the one that stands, in a transaction.

    What the new reading no longer says is no evidence any more.
    """
    _one_at_a_time()
    outcome = Outcome()
    if not BulletinReading.objects.filter(pk=reading.pk, is_current=True).exists():
        return outcome
    rows = list(
        PickAssociation.objects.filter(
            pick__reading__file=reading.file_id, pick__reading__is_current=False
        )
        .exclude(state=State.OBSOLETE)
        .select_related("pick")
        .order_by("pk")
    )
    if not rows:
        return outcome
    decided = [row for row in rows if row.state in (State.ACCEPTED, State.REJECTED)]
    before = {row.pk: row.state for row in decided}
    PickAssociation.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.OBSOLETE)
    again: dict[tuple[Any, ...], int] = {}
    for pick in Pick.objects.filter(reading=reading, entry__isnull=True).order_by("-pk"):
        again[_saying(pick)] = pick.pk
    for row in decided:
        if before[row.pk] == State.ACCEPTED and row.event_id is not None:
            outcome.touched.add(row.event_id)
        pick_id = again.get(_saying(row.pick))
        if pick_id is not None and row.event_id is not None:
            _carry(row, before[row.pk], pick_id, row.event_id, "read again")
    outcome.counts["obsolete"] = len(rows)
    return outcome


def _saying(pick: Pick) -> tuple[Any, ...]:
    """Return what makes two readings of one file the same datum."""
    return pick.station_code, pick.network_code, pick.phase_hint, pick.time, pick.synthetic


def _carry(row: PickAssociation, state: str, pick: int, event: int, why: str) -> None:
    """Store a decision once more, of the same datum under another key."""
    if state == State.ACCEPTED and (
        PickAssociation.objects.filter(pick=pick, state=State.ACCEPTED).exists()
    ):
        return
    known = (
        PickAssociation.objects.filter(pick=pick, event=event)
        .exclude(state=State.OBSOLETE)
        .order_by("pk")
        .first()
    )
    if known is not None and known.state in (State.ACCEPTED, State.REJECTED):
        return
    if known is None:
        known = PickAssociation.objects.create(
            pick_id=pick, event_id=event, **{name: getattr(row, name) for name in _PROPOSAL}
        )
    kind = (
        MergeDecision.Kind.ACCEPT_PICK
        if state == State.ACCEPTED
        else MergeDecision.Kind.REJECT_PICK
    )
    note = "; ".join(part for part in (row.note, why) if part)
    _write_decisions(
        [known], kind, State(state), row.decided_by, note, row.decided_at or timezone.now()
    )
    if state == State.ACCEPTED:
        PickAssociation.objects.filter(pick=pick, state=State.PROPOSED).update(state=State.OBSOLETE)


def resolve_stations(reading: BulletinReading) -> int:
    """Try again to find the stations of readings whose codes said nothing; return how many did."""
    nameless = list(loose_picks().filter(reading=reading, station__isnull=True).order_by("pk"))
    answers = StationResolver()(
        [
            StationQuery(
                StationReference(
                    code=pick.station_code,
                    network=pick.network_code or None,
                    agency=pick.station_agency or None,
                    latitude=pick.station_latitude,
                    longitude=pick.station_longitude,
                    elevation_m=pick.station_elevation_m,
                ),
                reading.agency_id,
                pick.time,
                phase=pick.phase_hint or None,
                is_onset=pick.time is not None,
            )
            for pick in nameless
        ]
    )
    found = []
    for pick, answer in zip(nameless, answers, strict=True):
        if answer.station_id is not None:
            pick.station_id = answer.station_id
            found.append(pick)
    Pick.objects.bulk_update(found, ["station"], batch_size=500)
    return len(found)


def try_again(since: datetime | None = None, until: datetime | None = None) -> int:
    """Ask for all files with readings that have no event yet to be looked at again.

    Returns the number of files. Inside a transaction.
    """
    settled = PickAssociation.objects.filter(
        pick=OuterRef("pk"), state__in=[State.ACCEPTED, State.DUPLICATE]
    )
    picks = loose_picks().filter(~Exists(settled))
    if since is not None:
        picks = picks.filter(time__gte=since)
    if until is not None:
        picks = picks.filter(time__lte=until)
    readings = sorted(set(picks.values_list("reading", flat=True)))
    WorkItem.objects.request_many("readings", [(pk, 1) for pk in readings], priority=PRIORITY)
    return len(readings)


def counts_of(reading: BulletinReading) -> dict[str, int]:
    """Return how many readings without an event a reading has, and what became of them."""
    loose = Pick.objects.filter(reading=reading, entry__isnull=True)
    rows = PickAssociation.objects.filter(pick__reading=reading)
    accepted = rows.filter(state=State.ACCEPTED).values("pick")
    return {
        "stored": loose.count(),
        "proposed": rows.filter(state=State.PROPOSED).values("pick").distinct().count(),
        "accepted": accepted.distinct().count(),
        "repeated": rows.filter(state=State.DUPLICATE).values("pick").distinct().count(),
        "nameless": loose.filter(station__isnull=True).count(),
    }
