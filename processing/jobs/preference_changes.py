"""Which events a version of the preference rules chooses differently for.

A look ahead stores what it found with the version, for the editor who made it. Once a version is in
force the same search asks for these events to be computed anew, batch by batch, after everything
that is new; events whose choice stays keep the terms and the version they were chosen by.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from catalog.models import Event, PreferenceRuleSet
from processing.core import preference as core
from processing.jobs import preference, preference_rules
from processing.leases import database_now
from processing.models import ProcessingRun, WorkItem
from processing.transactions import writing

BATCH = 500
#: A look ahead ends after so long, and says how far it came.
PREVIEW_SECONDS = 60.0
PREVIEW_LISTED = 200
#: An editor waits for it: before archives, after duty bulletins.
PREVIEW_PRIORITY = 5


@dataclass(frozen=True)
class Difference:
    """An event that two versions choose differently for; each as it is told to a person."""

    event: Event
    origin: tuple[str, str] | None
    sizes: dict[str, tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        return {
            "event": self.event.public_id,
            "origin": self.origin,
            "sizes": self.sizes,
        }


def batches(before: int | None = None) -> Iterator[list[int]]:
    """Yield keys of the living events that have something to choose from, the newest first.

    ``before``: only those with a smaller key, where an earlier search ended.
    """
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT e.id FROM catalog_event e
                WHERE e.id < %s AND e.status NOT IN ('merged', 'deleted') AND (
                    (SELECT count(*) FROM catalog_origin o
                     WHERE o.event_id = e.id AND o.superseded_at IS NULL) > 1
                    OR EXISTS (
                        SELECT FROM catalog_magnitude m
                        WHERE m.event_id = e.id AND m.superseded_at IS NULL AND m.scale <> ''
                        GROUP BY m.scale HAVING count(*) > 1))
                ORDER BY e.id DESC LIMIT %s
                """,
                [2**62 if before is None else before, BATCH],
            )
            keys = [row[0] for row in cursor.fetchall()]
        if not keys:
            return
        yield keys
        before = keys[-1]


def differences(
    keys: list[int], rules: core.PreferenceRules, other: core.PreferenceRules
) -> list[Difference]:
    """Return the events for which two versions choose differently."""
    events = list(Event.objects.filter(pk__in=keys).order_by("-pk"))
    former, latter = preference.choices(events, rules, other)
    found = []
    for event in events:
        one, two = former[event.pk], latter[event.pk]
        origin = None
        if one.preferred != two.preferred:
            origin = (preference.agency_code(one.preferred), preference.agency_code(two.preferred))
        sizes = {
            scale: (preference.size_words(size), preference.size_words(two.sizes[scale]))
            for scale, size in one.sizes.items()
            if size.pk != two.sizes[scale].pk
        }
        if origin or sizes:
            found.append(Difference(event, origin, sizes))
    return found


def change(item: WorkItem) -> None:
    """Ask for the events to be computed anew that the rules in force choose differently for.

    They are held against what stands, so it does not matter which version chose it. One batch is
    one transaction, and more urgent work goes between two.
    """
    run = ProcessingRun.objects.get(pk=item.object_id)
    rules = preference_rules.in_force()
    for keys in batches(run.parameters.get("before")):
        with writing():
            item.hold()
            wanted = preference.unlike(
                list(Event.objects.filter(pk__in=keys).order_by("pk")), rules
            )
            versions = [(event.pk, event.evidence_version) for event in wanted]
            WorkItem.objects.request_many(
                "recompute", versions, run=run, priority=preference_rules.PRIORITY
            )
            run.parameters["before"] = keys[-1]
            run.save(update_fields=["parameters"])
        if WorkItem.objects.is_waiting(above=item.priority):
            item.release()
            return
    with writing():
        item.finish()


# --- Looking ahead --------------------------------------------------------------------------------


def ask_preview(row: PreferenceRuleSet) -> None:
    """Ask a worker what putting this version in force would change."""
    with writing():
        now = database_now().isoformat()
        PreferenceRuleSet.objects.filter(pk=row.pk).update(
            preview={"state": "waiting", "asked_at": now}
        )
        WorkItem.objects.request("rule-preview", row.pk, priority=PREVIEW_PRIORITY)


def preview(item: WorkItem) -> None:
    """Compare a version with the one in force, the newest events first, for a bounded time."""
    row = PreferenceRuleSet.objects.get(pk=item.object_id)
    rules, other = preference_rules.in_force(), preference_rules.rules_of(row)
    found: dict[str, Any] = {
        "state": "running",
        "asked_at": row.preview.get("asked_at"),
        "against": rules.label,
        "seen": 0,
        "origins": 0,
        "magnitudes": 0,
        "changed": 0,
        "listed": [],
        "complete": True,
    }
    until = time.monotonic() + PREVIEW_SECONDS
    for keys in batches():
        for difference in differences(keys, rules, other):
            found["changed"] += 1
            found["origins"] += difference.origin is not None
            found["magnitudes"] += bool(difference.sizes)
            if len(found["listed"]) < PREVIEW_LISTED:
                found["listed"].append(difference.as_json())
        found["seen"] += len(keys)
        if time.monotonic() > until:
            found["complete"] = len(keys) < BATCH
            break
        if WorkItem.objects.is_waiting(above=item.priority):
            item.release()  # it is begun anew: a minute at most
            return
        PreferenceRuleSet.objects.filter(pk=row.pk).update(preview=found)
    with writing():
        done = {**found, "state": "done", "done_at": database_now().isoformat()}
        PreferenceRuleSet.objects.filter(pk=row.pk).update(preview=done)
        item.finish()
