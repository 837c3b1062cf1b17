"""Put an event on the read side, or take it off: the pipeline's last step.

Only this module writes ``EventRow``, ``EventFragment`` and the changes that tell of them, in the
transaction that moved the preference, whose caller holds the events' row locks. The change numbers
are taken last: from then to the commit the feed's lock is held.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.db import connection

from catalog import rendering
from catalog.models import Change, Event, EventFragment, EventRow, User
from processing.leases import database_now

logger = logging.getLogger(__name__)

#: What a row carries besides what it says.
_BOOKKEEPING = ("version", "change_number", "updated_at")


def publish(event: Event, *, actor: User | None = None) -> Change | None:
    """Write one event's row and fragments; see ``publish_many``."""
    return publish_many([event], actor=actor)[0]


def publish_many(events: Sequence[Event], *, actor: User | None = None) -> list[Change | None]:
    """Bring the read side of some events up to date; return the change of each, if any.

    A change is recorded only where something differs from what is stored. An event that is merged,
    deleted or has no preferred origin leaves the read side. ``published_version`` becomes
    ``evidence_version`` in any case. Call it last in the transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("publishing belongs to the transaction that holds the events' locks")
    if not events:
        return []
    leaving = [e for e in events if not rendering.is_public(e)]
    staying = [e for e in events if rendering.is_public(e)]
    kinds: dict[int, tuple[str, dict[str, Any]]] = {}
    for event, last in _leave(leaving):
        kinds[event.pk] = _farewell(event, last)
    written = rendering.rendered(staying)
    stored = {row.pk: row for row in EventRow.objects.filter(pk__in=[e.pk for e in staying])}
    parts: dict[int, dict[str, EventFragment]] = {}
    for fragment in EventFragment.objects.filter(event__in=[e.pk for e in staying]):
        parts.setdefault(fragment.event_id, {})[fragment.part] = fragment
    changed: list[tuple[Event, dict[str, Any], dict[str, bytes]]] = []
    untouched: list[Event] = []
    for event in staying:
        values, bodies = written[event.pk]
        row = stored.get(event.pk)
        if row is None:
            kinds[event.pk] = (Change.Kind.CREATED, {})
        elif differing := rendering.differences(row, parts.get(event.pk, {}), values, bodies):
            details: dict[str, Any] = {"changed": differing}
            if "time" in differing:  # so that a reader knows where its old copy lies
                details["was"] = {"time": row.time.isoformat()}
            kinds[event.pk] = (Change.Kind.UPDATED, details)
        else:
            if row.version != event.evidence_version:
                untouched.append(event)
            continue
        changed.append((event, values, bodies))
    for event in untouched:
        EventRow.objects.filter(pk=event.pk).update(version=event.evidence_version)
        EventFragment.objects.filter(event=event).update(version=event.evidence_version)
    _write_fragments(changed, parts)
    for event in events:
        event.published_version = event.evidence_version
    Event.objects.bulk_update(events, ["published_version"])
    changes = _number(kinds, events, actor)
    _write_rows(changed, changes)
    return [changes.get(event.pk) for event in events]


def withdraw(event: Event, *, actor: User | None = None) -> Change | None:
    """Take an event off the read side and say so: merged, if its status says so, else deleted.

    Returns ``None`` where the public never saw it.
    """
    kinds = {gone.pk: _farewell(gone, last) for gone, last in _leave([event])}
    event.published_version = event.evidence_version
    event.save(update_fields=["published_version"])
    return _number(kinds, [event], actor).get(event.pk)


def tell(event: Event, changed: Sequence[str], *, actor: User | None = None) -> Change | None:
    """Record a change of what stands beside an event's row and parts, such as interpretations.

    The row takes the change's number, by which readers know that their copy is old. Returns
    ``None`` where the event is not public. Call it last in the transaction.
    """
    if not EventRow.objects.filter(pk=event.pk).exists():
        return None
    change = _number({event.pk: (Change.Kind.UPDATED, {"changed": list(changed)})}, [event], actor)
    told = change[event.pk]
    EventRow.objects.filter(pk=event.pk).update(change_number=told.number, updated_at=told.at)
    return told


def _leave(events: Sequence[Event]) -> list[tuple[Event, dict[str, Any]]]:
    """Delete rows and fragments; return the events that had a row with what it said last."""
    keys = [event.pk for event in events]
    if not keys:
        return []
    last = {
        values.pop("event_id"): values
        for values in EventRow.objects.filter(pk__in=keys).values(
            "event_id",
            "time",
            "latitude",
            "longitude",
            "depth_km",
            "magnitude",
            "kr",
            "place_en",
            "status",
        )
    }
    EventFragment.objects.filter(event__in=keys).delete()
    EventRow.objects.filter(pk__in=keys).delete()
    return [(event, last[event.pk]) for event in events if event.pk in last]


def _farewell(event: Event, last: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    details: dict[str, Any] = {"last": {**last, "time": last["time"].isoformat()}}
    if event.status == Event.Status.MERGED:
        details["into"] = Event.objects.values_list("public_id", flat=True).get(absorbed=event)
        return Change.Kind.MERGED, details
    return Change.Kind.DELETED, details


def _write_fragments(
    changed: Sequence[tuple[Event, dict[str, Any], dict[str, bytes]]],
    stored: dict[int, dict[str, EventFragment]],
) -> None:
    gone = [
        fragment.pk
        for event, _, bodies in changed
        for part, fragment in stored.get(event.pk, {}).items()
        if part not in bodies
    ]
    if gone:
        EventFragment.objects.filter(pk__in=gone).delete()
    EventFragment.objects.bulk_create(
        [
            EventFragment(
                event=event,
                part=part,
                body=rendering.packed(part, body),
                renderer_version=rendering.RENDERER_VERSION,
                version=event.evidence_version,
            )
            for event, _, bodies in changed
            for part, body in bodies.items()
        ],
        update_conflicts=True,
        unique_fields=["event", "part"],
        update_fields=["body", "renderer_version", "version"],
    )


def _write_rows(
    changed: Sequence[tuple[Event, dict[str, Any], dict[str, bytes]]], changes: dict[int, Change]
) -> None:
    names = [f.name for f in EventRow._meta.concrete_fields if not f.primary_key]
    EventRow.objects.bulk_create(
        [
            EventRow(
                event=event,
                version=event.evidence_version,
                change_number=changes[event.pk].number,
                updated_at=changes[event.pk].at,
                **values,
            )
            for event, values, _ in changed
        ],
        update_conflicts=True,
        unique_fields=["event"],
        update_fields=names,
    )


def _number(
    kinds: dict[int, tuple[str, dict[str, Any]]], events: Sequence[Event], actor: User | None
) -> dict[int, Change]:
    """Record the changes, numbered in the events' order; the feed's lock is taken once for all."""
    if not kinds:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_feedcounter SET value = value + %s WHERE id = 1 RETURNING value",
            [len(kinds)],
        )
        last = int(cursor.fetchone()[0])
    # By the database's clock: whoever asks for what changed since a time misses nothing because
    # two workers' clocks differ.
    at = database_now()
    changes = {}
    for number, event in enumerate(
        (event for event in events if event.pk in kinds), last - len(kinds) + 1
    ):
        kind, details = kinds[event.pk]
        changes[event.pk] = Change(
            number=number, kind=kind, event=event, actor=actor, at=at, details=details
        )
    Change.objects.bulk_create(changes.values())
    logger.info(
        "published %(changes)d changes, the last is %(last)d",
        {"changes": len(changes), "last": last},
    )
    return changes
