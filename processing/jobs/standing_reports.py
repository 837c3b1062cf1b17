"""Reports as they stand: loaded with what the core weighs them by, and those they could touch.

From some reports follows whatever could be compared with them, in time, in the same event or by a
person's word, until nothing new comes: the arrangement of all these depends on no other report.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Q

from catalog.models import Magnitude, MergeDecision, Pick, Report
from catalog.scales import SCALES
from processing.core import association as core
from processing.core import geodesy, phases

RULES = core.RuleSet()
#: Intervals longer than this are rare and are looked for apart, without the index on time.
LONG_INTERVAL_S = 120.0
#: A time good to the day. A wider one, or a slip of the pen such as 1e12 s, is compared as this:
#: it must neither gather all the catalogue into one question nor leave the calendar.
WIDEST_TIME_UNCERTAINTY_S = 43_200.0
#: Reports this far apart in time count among the events around each other.
RATE_WINDOW_S = max(RULES.rate_windows_s)
#: The calendar's ends [s since 1970].
FIRST_SECOND = datetime.min.replace(tzinfo=UTC).timestamp()
LAST_SECOND = datetime.max.replace(tzinfo=UTC).timestamp() - 1.0


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


def neighbours_of(standing: Sequence[Standing], synthetic: bool) -> list[core.Neighbour]:
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
                [moment(start) for start, _end in spans],
                [moment(end) for _start, end in spans],
                synthetic,
                [s.report for s in standing],
            ],
        )
        return [
            core.Neighbour(agency, time, latitude, longitude, grade)
            for agency, time, latitude, longitude, grade in cursor.fetchall()
        ]


# --- What they touch -------------------------------------------------------------------------


def neighbourhood(
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
        "starts": [moment(start - half) for start, _end in spans],
        "ends": [moment(end + half) for _start, end in spans],
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


def moment(seconds: float) -> datetime:
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
