"""The queue of the merge desk: pairs of reports the rules left to a person, the most even first.

A pair waits while both its reports stand, belong to different events, and nobody has said "same"
or "different" of it since the rules gave it up. Putting a pair off moves it to the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from catalog.models import MergeDecision

WORDS = (MergeDecision.Kind.SAME, MergeDecision.Kind.DIFFERENT)
EVEN_MISFIT = 3.0
"""A misfit at which the rules without a probability can say neither. Ours."""
RIVALS = ("ambiguous", "indirect", "contradictory_constraints")
"""Reasons of pairs that would join were it not for others: as doubtful as can be."""


@dataclass(frozen=True)
class Filter:
    """What part of the queue a person looks at; an empty value asks for nothing."""

    reason: str = ""
    agency: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """One pair of the queue."""

    review: int
    first: int
    second: int
    reason: str
    probability: float | None
    """Of being one event, where the rules give one."""
    misfit: float | None
    put_off: int | None
    """The decision that put it off."""

    @property
    def pair(self) -> tuple[int, int]:
        return self.first, self.second


_QUEUE = """
    WITH asked AS (
        SELECT DISTINCT ON (least(d.report_id, d.other_report_id),
                            greatest(d.report_id, d.other_report_id))
            d.id, d.report_id AS first, d.other_report_id AS second, d.misfit,
            coalesce(d.parts->>'reason', '') AS reason,
            CASE WHEN jsonb_typeof(d.parts->'probability') = 'number'
                 THEN (d.parts->>'probability')::float8 END AS probability
        FROM catalog_mergedecision d
        JOIN catalog_report a ON a.id = d.report_id
        JOIN catalog_report b ON b.id = d.other_report_id
        WHERE d.kind = 'review'
            AND a.withdrawn_at IS NULL AND a.current_entry_id IS NOT NULL
            AND b.withdrawn_at IS NULL AND b.current_entry_id IS NOT NULL
            AND a.event_id <> b.event_id
            AND NOT EXISTS (SELECT 1 FROM catalog_mergedecision u WHERE u.undoes_id = d.id)
        ORDER BY least(d.report_id, d.other_report_id), greatest(d.report_id, d.other_report_id),
            d.id DESC
    ), said AS MATERIALIZED (
        SELECT least(w.report_id, w.other_report_id) AS low,
            greatest(w.report_id, w.other_report_id) AS high,
            max(w.id) FILTER (WHERE w.kind <> 'later') AS word,
            max(w.id) FILTER (WHERE w.kind = 'later') AS later
        FROM catalog_mergedecision w
        WHERE w.kind IN ('same', 'different', 'later')
            AND NOT EXISTS (SELECT 1 FROM catalog_mergedecision u WHERE u.undoes_id = w.id)
        GROUP BY 1, 2
    ), open AS (
        SELECT asked.*, CASE WHEN said.later > asked.id THEN said.later END AS put_off
        FROM asked
        LEFT JOIN said ON low = least(first, second) AND high = greatest(first, second)
        WHERE said.word IS NULL OR said.word < asked.id
    )
    SELECT open.id, first, second, reason, probability, misfit, put_off
    FROM open
    WHERE {which}
    ORDER BY put_off NULLS FIRST,
        CASE WHEN probability IS NOT NULL THEN abs(probability - 0.5)
             WHEN misfit IS NULL OR reason = ANY(%(rivals)s) THEN 0.0
             ELSE abs(1.0 / (1.0 + exp(least(misfit, 50.0) - %(even)s)) - 0.5) END,
        misfit NULLS FIRST, open.id
"""

_REPORTS = "SELECT r.id FROM catalog_report r"


def waiting(asked: Filter | None = None) -> list[Waiting]:
    """Return the pairs that wait, in the order a person gets them."""
    asked = asked or Filter()
    which, values = ["true"], {"rivals": list(RIVALS), "even": EVEN_MISFIT}
    if asked.reason:
        which.append("reason = %(reason)s")
        values["reason"] = asked.reason
    if asked.agency:
        of = f"({_REPORTS} JOIN catalog_agency c ON c.id = r.agency_id WHERE c.code = %(agency)s)"
        which.append(f"(first IN {of} OR second IN {of})")
        values["agency"] = asked.agency
    if asked.start or asked.end:
        which.append(
            "EXISTS (SELECT 1 FROM catalog_report r"
            " JOIN catalog_origin o ON o.entry_id = r.current_entry_id"
            " WHERE r.id IN (first, second) AND o.time BETWEEN"
            " coalesce(%(start)s, '-infinity'::timestamptz)"
            " AND coalesce(%(end)s, 'infinity'::timestamptz))"
        )
        values |= {"start": asked.start, "end": asked.end}
    return _asked(_QUEUE.format(which=" AND ".join(which)), values)


def _asked(sql: str, values: dict[str, Any]) -> list[Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [Waiting(*row) for row in cursor.fetchall()]


def count_reasons(pairs: Sequence[Waiting]) -> dict[str, int]:
    """Return how many pairs wait for each reason, the most frequent first."""
    return dict(Counter(pair.reason for pair in pairs).most_common())
