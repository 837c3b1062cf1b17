"""Celery's doors. A message only says "look"; what is to be done stands in the database.

A worker that looks does what the message names and then goes on with whatever waits, the most
urgent first, so that thousands of items need a handful of messages and a lost message costs
nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from celery import shared_task

from processing import pipeline
from processing.leases import heartbeat
from processing.models import LeaseLost, WorkItem
from processing.transactions import is_lost_connection, is_no_space

#: Then another message takes over, so that Celery can end, restart or share out its workers.
DRAIN_SECONDS = 30.0

logger = logging.getLogger(__name__)


# Acknowledged at once: nothing hangs on a message, and a worker that has to acknowledge over a
# connection to Redis that broke meanwhile dies of it (Celery 5.7 with kombu 5.7).
@shared_task(  # type: ignore[untyped-decorator]
    name="processing.work", acks_late=False, ignore_result=True
)
def work(work_item_id: int) -> None:
    """Do one item, then what waits, for a while."""
    until = time.monotonic() + DRAIN_SECONDS
    named = WorkItem.objects.claim(work_item_id)
    group = [named] if named else WorkItem.objects.claim_next()
    while group:
        if not do(group):
            return
        if time.monotonic() > until:
            WorkItem.objects.wake_up([work_item_id])
            return
        group = WorkItem.objects.claim_next()


def do(group: Sequence[WorkItem]) -> bool:
    """Do claimed items, which share one lease; return False when nothing else can be done either.

    That is when the database went away or a disk is full.

    A group is one transaction. If it fails, each of its items is done alone, so that only the one
    that is to blame keeps the error.
    """
    begun = time.monotonic()
    with heartbeat(group[0].lease_owner, [item.pk for item in group]):
        if len(group) > 1:
            try:
                pipeline.run_items(group)
                group_done = True
            except Exception:
                logger.exception("a group of %d failed, now one by one", len(group))
                group_done = False
        else:
            group_done = False
        for item in [] if group_done else group:
            try:
                with item.guarded():
                    pipeline.run_items([item])
            except LeaseLost as error:
                logger.warning("%s", error)
            except Exception as error:
                # Stored with the item, which will be tried again; the other items go on.
                logger.exception(
                    "%(kind)s of %(object)d failed, item %(item)d, attempt %(attempt)d",
                    {
                        "kind": item.kind,
                        "object": item.object_id,
                        "item": item.pk,
                        "attempt": item.attempts,
                    },
                )
                if is_lost_connection(error) or is_no_space(error):
                    return False
    runs = {item.run_id for item in group if item.run_id}
    logger.info(
        "%(kind)s of %(objects)s, run %(runs)s: %(done)d of %(items)d items in %(seconds)s s",
        {
            "kind": group[0].kind,
            "objects": [item.object_id for item in group],
            "runs": sorted(runs),
            "done": sum(item.state == item.State.DONE for item in group),
            "items": len(group),
            "seconds": round(time.monotonic() - begun, 3),
        },
    )
    pipeline.follow_up(runs)
    return True


@shared_task(  # type: ignore[untyped-decorator]
    name="processing.sweep", acks_late=False, ignore_result=True, expires=10
)
def sweep() -> None:
    """Free expired leases, repeat wake-ups, end runs whose last worker died at the wrong moment.

    Exports that have expired go, too.
    """
    waiting = WorkItem.objects.sweep()
    if waiting:
        logger.info("%d items wait for a worker", len(waiting))
        WorkItem.objects.wake_up(waiting)
    pipeline.follow_up(None)
    pipeline.sweep_exports()
    pipeline.sweep_editions()


@shared_task(  # type: ignore[untyped-decorator]
    name="processing.screen_types", acks_late=False, ignore_result=True, expires=600
)
def screen_types() -> None:
    """Ask for a screening of event types if the catalogue has changed since the last."""
    pipeline.screen_types_if_changed()


@shared_task(  # type: ignore[untyped-decorator]
    name="processing.map_tiles", acks_late=False, ignore_result=True, expires=20
)
def map_tiles() -> None:
    """Ask for new tiles of the map if the catalogue has changed since they were made."""
    pipeline.map_tiles_if_changed()


@shared_task(  # type: ignore[untyped-decorator]
    name="processing.felt", acks_late=False, ignore_result=True, expires=5
)
def felt() -> None:
    """Ask for felt reports to be tied if any came in: whoever takes them in asks nobody."""
    pipeline.felt_if_unread()


@shared_task(  # type: ignore[untyped-decorator]
    name="processing.forget_senders", acks_late=False, ignore_result=True, expires=3600
)
def forget_senders() -> None:
    """Empty the hashes of senders' addresses and devices that are older than 30 days."""
    pipeline.forget_senders()
