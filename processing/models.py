"""Records of the work itself: what is to be done, and what ran, on what, with which outcome.

PostgreSQL holds the queue of record. A transaction that makes work inserts a ``WorkItem``; the
Celery message only says "look". A worker *claims* an item for the length of a lease, and *finishes*
it in the transaction that stores the result: either both are there, or neither.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.contrib.gis.db import models as gis
from django.db import OperationalError, close_old_connections, connection, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from processing.calibration_models import MagnitudeCalibration as MagnitudeCalibration
from processing.correction_models import CorrectionSet as CorrectionSet
from processing.correction_models import StationCorrection as StationCorrection
from processing.joint_fit_models import JointRelocation as JointRelocation
from processing.leases import Progress, database_now, heartbeat, lease_end
from processing.transactions import is_lost_connection, is_no_space

#: Wake-ups for one transaction's work: each worker that looks goes on until nothing waits.
WAKE_UP_LIMIT = 4
#: A wake-up that found no worker in this time has been repeated by the sweep.
WAKE_UP_EXPIRES_SECONDS = 120
#: Work that nobody has taken this long after its wake-up gets another: Redis may have lost it.
STALE_SECONDS = 20
#: An item that failed waits so long, doubled for each attempt.
BACK_OFF_SECONDS = 5
#: On a full disk trying again soon helps nobody.
NO_SPACE_SECONDS = 30
#: Items of this kind are small, so a worker claims several at once.
GROUPED_KINDS = ("recompute", "rerender", "propose")
GROUP_SIZE = 20

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The lease ran out and another worker has the item: nothing of this one may be stored."""


class ProcessingRun(models.Model):
    """What ran, on what, with which parameters and code version, and how it ended.

    The run of an upload covers its file from reading to the last recomputed event; progress and
    heartbeat are written over a second, autocommit connection so that they are seen at once.
    """

    class Kind(models.TextChoices):
        INGEST = "ingest", _("bulletin")
        DRY_RUN = "dry-run", _("dry run")
        RECOMPUTE = "recompute", _("recomputation")
        RERENDER = "rerender", _("re-rendering")

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("done")
        FAILED = "failed", _("failed")

    class Stage(models.TextChoices):
        RECEIVED = "received", _("received")
        READ = "read", _("reading")
        ASSOCIATE = "associate", _("associating")
        RECOMPUTE = "recompute", _("locating and choosing")
        DONE = "done", _("done")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    reading = models.ForeignKey(
        "catalog.BulletinReading",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="runs"
    )
    parameters = models.JSONField(default=dict, blank=True)
    code_version = models.CharField(max_length=60, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.RECEIVED)
    #: Why it failed: a code and its values, translated when shown.
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.JSONField(default=dict, blank=True)
    #: entries, problems, created, updated, joined, review, events_total, events_done ...
    counts = models.JSONField(default=dict, blank=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def progress(self) -> Progress:
        """Where a job says how far it is: ``run.progress(done, total)``."""
        return Progress(self.pk)

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.SUCCEEDED, self.Status.FAILED)

    def count(self, **values: int) -> None:
        """Add to what the run has counted, as it stands in the database now."""
        with transaction.atomic():
            current = ProcessingRun.objects.select_for_update(no_key=True).get(pk=self.pk)
            for name, value in values.items():
                current.counts[name] = current.counts.get(name, 0) + value
            current.save(update_fields=["counts"])
        self.counts = current.counts

    def succeed(self) -> None:
        self._end(self.Status.SUCCEEDED, stage=self.Stage.DONE)

    def fail(self, code: str, **values: Any) -> None:
        """End with a reason: a code and its values, translated when shown."""
        self._end(self.Status.FAILED, reason_code=code, reason=values)

    def _end(self, status: str, **values: Any) -> None:
        now = timezone.now()
        values.update(status=status, finished_at=now, heartbeat_at=now)
        # Only the first end counts: two workers may both see that nothing is left to do.
        ProcessingRun.objects.filter(pk=self.pk, finished_at__isnull=True).update(**values)
        self.refresh_from_db()


class WorkItemManager(models.Manager["WorkItem"]):
    """How work is asked for, found and given back."""

    def request(
        self,
        kind: str,
        object_id: int,
        *,
        run: ProcessingRun | None = None,
        version: int = 1,
        priority: int = 5,
    ) -> int:
        """Ask for work on one object in the caller's transaction; return the item's number.

        While an item for the same kind and object is open it is asked for again (its requested
        version rises), so the worker that holds it knows that there is more to do.
        """
        return self.request_many(kind, [(object_id, version)], run=run, priority=priority)[0]

    def request_many(
        self,
        kind: str,
        objects: Sequence[tuple[int, int]],
        *,
        run: ProcessingRun | None = None,
        priority: int = 5,
    ) -> list[int]:
        """Ask for the same work on many objects, each with its version."""
        if not objects:
            return []
        ordered = sorted(dict(objects).items())  # one order everywhere: no deadlock between two
        now = database_now()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO processing_workitem AS item (kind, object_id, dedup_key,
                    requested_version, run_id, priority, state, attempts, lease_owner, sent_at,
                    not_before, last_error, created_at)
                SELECT %(kind)s, object_id, %(kind)s || ':' || object_id, version, %(run)s,
                    %(priority)s, 'open', 0, '', %(now)s, %(now)s, '', %(now)s
                FROM unnest(%(ids)s::bigint[], %(versions)s::int[]) AS wanted(object_id, version)
                ON CONFLICT (dedup_key) WHERE state = 'open' DO UPDATE SET
                    requested_version =
                        greatest(item.requested_version + 1, excluded.requested_version),
                    run_id = coalesce(item.run_id, excluded.run_id),
                    priority = least(item.priority, excluded.priority)
                RETURNING id
                """,
                {
                    "kind": kind,
                    "ids": [object_id for object_id, _version in ordered],
                    "versions": [version for _object, version in ordered],
                    "run": run.pk if run else None,
                    "priority": priority,
                    "now": now,
                },
            )
            ids = [row[0] for row in cursor.fetchall()]
        transaction.on_commit(lambda: self.wake_up(ids))
        return ids

    def wake_up(self, ids: Sequence[int]) -> None:
        """Tell the workers to look. A failed send is a line in the log: the sweep repeats it."""
        try:
            for item_id in ids[:WAKE_UP_LIMIT]:
                current_app.send_task(
                    "processing.work", args=[item_id], expires=WAKE_UP_EXPIRES_SECONDS
                )
        except (OSError, BrokerError, RedisError) as error:
            logger.warning("wake-up for %d items not sent: %s", len(ids), error)
            self.filter(pk__in=ids, state=WorkItem.State.OPEN).update(sent_at=None)

    def claim(self, pk: int, now: datetime | None = None) -> WorkItem | None:
        """Take one item, if it is free and due; ``None`` if another worker has it."""
        items = self._claim("id = %(pk)s", 1, now, pk=pk)
        return items[0] if items else None

    def claim_next(self, now: datetime | None = None, above: int | None = None) -> list[WorkItem]:
        """Take what is due first: by priority, then by age; small things several at once.

        With ``above``, only what comes before that priority. An item tried before is taken alone:
        should it be the one that kills its worker, no other item suffers with it.
        """
        first = self._claim("priority < %(above)s", 1, now, above=32767 if above is None else above)
        if not first or first[0].kind not in GROUPED_KINDS or first[0].attempts > 1:
            return first
        return first + self._claim(
            "kind = %(kind)s AND priority = %(priority)s AND attempts = 0",
            GROUP_SIZE - 1,
            now,
            kind=first[0].kind,
            priority=first[0].priority,
            owner=first[0].lease_owner,
        )

    def is_waiting(self, above: int, now: datetime | None = None) -> bool:
        """True if work more urgent than a priority is due and free."""
        return self.filter(
            state=WorkItem.State.OPEN,
            priority__lt=above,
            lease_until__isnull=True,
            not_before__lte=now or database_now(),
        ).exists()

    def _claim(
        self, which: str, limit: int, now: datetime | None, owner: str = "", **values: Any
    ) -> list[WorkItem]:
        now = now or database_now()
        values.update(
            now=now,
            owner=owner or f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(6)}",
            until=lease_end(now),
            limit=limit,
        )
        items = self.raw(
            f"""
            -- Materialized, else the planner may run the picking twice and take twice as many.
            WITH picked AS MATERIALIZED (
                SELECT id FROM processing_workitem
                WHERE state = 'open' AND not_before <= %(now)s
                  AND (lease_until IS NULL OR lease_until < %(now)s) AND {which}
                ORDER BY priority, not_before, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
            UPDATE processing_workitem item SET lease_owner = %(owner)s,
                lease_until = %(until)s, attempts = item.attempts + 1
            FROM picked WHERE item.id = picked.id
            RETURNING item.*
            """,  # noqa: S608 - "which" is one of the three conditions above
            values,
        )
        return sorted(items, key=lambda item: (item.priority, item.not_before, item.pk))

    def finish_many(self, items: Sequence[WorkItem]) -> None:
        """Close items inside the transaction that stores their results.

        An item that was asked for again since it was claimed stays open for another round.

        Raises
        ------
        LeaseLost
            If another worker has claimed one since: the transaction must not commit.
        """
        if not connection.in_atomic_block:
            raise RuntimeError("an item is finished in the transaction that stores its result")
        mine = {item.pk: item for item in items}
        current = list(
            self.filter(pk__in=mine, state=WorkItem.State.OPEN)
            .exclude(lease_owner="")
            .order_by("pk")
            .select_for_update()
        )
        held = {row.pk for row in current if row.lease_owner == mine[row.pk].lease_owner}
        if lost := sorted(set(mine) - held):
            raise LeaseLost(f"no longer held: {', '.join(str(mine[pk]) for pk in lost)}")
        now = database_now()
        again = [row for row in current if row.requested_version > mine[row.pk].requested_version]
        for row in again:
            row.attempts = 0
            row.free(now)
        waiting = [row.pk for row in again]
        if waiting:
            transaction.on_commit(lambda: self.wake_up(waiting))
        done = held - set(waiting)
        self.filter(pk__in=done).update(
            state=WorkItem.State.DONE, finished_at=now, lease_owner="", lease_until=None
        )
        for pk in done:
            mine[pk].state = WorkItem.State.DONE

    def oldest_age(self) -> float | None:
        """Return how long the oldest open item has waited [s]; ``None`` when none waits."""
        first = self.filter(state=WorkItem.State.OPEN).aggregate(at=models.Min("created_at"))["at"]
        return None if first is None else round((database_now() - first).total_seconds(), 1)

    def sweep(self, now: datetime | None = None) -> list[int]:
        """Free what was left lying, and name what the workers should be told of again.

        An expired lease is that of a worker that died or hangs; after the last attempt the item is
        parked for a person to see.
        """
        now = now or database_now()
        expired = self.filter(state=WorkItem.State.OPEN, lease_until__lt=now)
        with transaction.atomic():
            for item in expired.select_for_update(skip_locked=True):
                item.last_error = item.last_error or "the worker was lost"
                item.free(now, park=item.attempts >= settings.WORK_MAX_ATTEMPTS)
        waiting = self.filter(
            Q(sent_at__isnull=True) | Q(sent_at__lt=now - timedelta(seconds=STALE_SECONDS)),
            state=WorkItem.State.OPEN,
            lease_until__isnull=True,
            not_before__lte=now,
        )
        ids = list(waiting.order_by("priority", "not_before", "pk").values_list("pk", flat=True))
        self.filter(pk__in=ids).update(sent_at=now)
        return ids


class WorkItem(models.Model):
    """One thing to be done, exactly while it is open once for its dedup key."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        DONE = "done", _("done")
        PARKED = "parked", _("parked after too many attempts")

    kind = models.CharField(_("kind"), max_length=12)
    object_id = models.BigIntegerField()
    dedup_key = models.CharField(max_length=100)
    #: The version of the object the work is wanted for; raised when more evidence comes meanwhile.
    requested_version = models.PositiveIntegerField(default=1)
    run = models.ForeignKey(
        ProcessingRun, on_delete=models.PROTECT, null=True, blank=True, related_name="items"
    )
    priority = models.PositiveSmallIntegerField(default=5, help_text=_("0 is first."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(default=timezone.now)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WorkItemManager()

    class Meta:
        verbose_name = _("work item")
        verbose_name_plural = _("work items")
        constraints = [
            models.UniqueConstraint(
                name="work_once_while_open", fields=["dedup_key"], condition=Q(state="open")
            )
        ]
        indexes = [
            models.Index(
                fields=["priority", "not_before", "id"],
                name="work_open",
                condition=Q(state="open"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"

    @classmethod
    @contextmanager
    def claimed(cls, pk: int, now: datetime | None = None) -> Iterator[WorkItem | None]:
        """Hold an item while the work is done; ``None`` if there is nothing to do.

        The work ends with ``item.finish()`` inside its own transaction. An error leaves the item
        open with its traceback, to be tried again later; after the last attempt it is parked.
        """
        item = cls.objects.claim(pk, now)
        if item is None:
            yield None
            return
        with heartbeat(item.lease_owner, [item.pk]), item.guarded():
            yield item

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Give the item back if the work fails; the error goes on."""
        try:
            yield
        except LeaseLost:
            raise
        except Exception as error:
            self.give_back(error)
            raise

    def hold(self) -> None:
        """Lock the item for a transaction that stores a part of the result.

        Raises
        ------
        LeaseLost
            If another worker has claimed it since: the transaction must not commit.
        """
        if self._still_mine() is None:
            raise LeaseLost(f"{self} is no longer held by {self.lease_owner}")

    def finish(self) -> None:
        """Close the item inside the transaction that stores the result; see ``finish_many``."""
        WorkItem.objects.finish_many([self])

    def release(self, *, after_seconds: float = 0.0) -> None:
        """Put the item back: something else comes first. It counts as no attempt.

        With ``after_seconds`` nobody takes it before; the sweep then wakes a worker.
        """
        with transaction.atomic():
            current = self._still_mine()
            if current is not None:
                current.attempts = max(0, current.attempts - 1)
                now = database_now()
                if after_seconds:
                    current.free(now, not_before=now + timedelta(seconds=after_seconds))
                else:
                    current.free(now)
                    pk = self.pk
                    transaction.on_commit(lambda: WorkItem.objects.wake_up([pk]))

    def give_back(self, error: Exception) -> None:
        """Leave the item open after an error, with its traceback, or park it.

        A database that went away and a full disk are nobody's fault and count as no attempt. If
        even this cannot be written, the lease runs out and the sweep does the rest.
        """
        text = "".join(traceback.format_exception(error))[-20_000:]
        lost, full = is_lost_connection(error), is_no_space(error)
        if lost:
            close_old_connections()
        try:
            with transaction.atomic():
                now = database_now()
                current = self._still_mine()
                if current is None:
                    return
                current.last_error = text
                if lost or full:
                    current.attempts -= 1
                wait = BACK_OFF_SECONDS * 2 ** max(0, current.attempts - 1)
                wait = 0 if lost else NO_SPACE_SECONDS if full else wait
                current.free(
                    now,
                    not_before=now + timedelta(seconds=wait),
                    park=current.attempts >= settings.WORK_MAX_ATTEMPTS,
                )
        except OperationalError as second:
            if not is_lost_connection(second) and not is_no_space(second):
                raise
            logger.warning("%s could not be given back (%s); its lease runs out", self, second)

    def free(
        self, now: datetime, *, not_before: datetime | None = None, park: bool = False
    ) -> None:
        """Take the lease away, and park the item if it was the last attempt (row held)."""
        self.lease_owner, self.lease_until, self.sent_at = "", None, None
        self.not_before = not_before or self.not_before
        if park:
            self.state, self.finished_at = self.State.PARKED, now
            logger.error("parked after %d attempts: %s", self.attempts, self)
        self.save()

    def _still_mine(self) -> WorkItem | None:
        """Lock the row and return it as it is now, if this claim still holds."""
        return (
            WorkItem.objects.select_for_update()
            .filter(pk=self.pk, state=self.State.OPEN, lease_owner=self.lease_owner)
            .exclude(lease_owner="")
            .first()
        )


class TravelTimeTable(models.Model):
    """An agency's own travel times as they were received.

    A row is never edited nor deleted: a better table of the same name is its next version. Only
    where it stands changes: a draft is put in use, what is no longer used is withdrawn.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("travel-time table", "draft")
        IN_USE = "in-use", pgettext_lazy("travel-time table", "in use")
        WITHDRAWN = "withdrawn", pgettext_lazy("travel-time table", "withdrawn")

    name = models.SlugField(_("name"), max_length=40)
    version = models.PositiveIntegerField(_("version"))
    agency = models.ForeignKey(
        "catalog.Agency",
        on_delete=models.PROTECT,
        verbose_name=_("agency"),
        related_name="travel_time_tables",
    )
    title = models.CharField(_("title"), max_length=100)
    provenance = models.TextField(_("provenance"), max_length=2000)
    #: The file's text, byte for byte when encoded as UTF-8.
    content = models.TextField(editable=False)
    sha256 = models.CharField(max_length=64)
    #: What the file holds, as `processing.core.agency_tables` reads it.
    phases = models.JSONField(_("phases"))
    distance_from_deg = models.FloatField()
    distance_to_deg = models.FloatField()
    depth_from_km = models.FloatField()
    depth_to_km = models.FloatField()
    region = gis.PolygonField(
        _("region"),
        null=True,
        blank=True,
        help_text=_("Where the table is used unasked. Empty: only by name."),
    )
    #: Up to where the times count fully, and from where on not at all.
    full_to_deg = models.FloatField()
    none_beyond_deg = models.FloatField()
    full_to_km = models.FloatField()
    none_beyond_km = models.FloatField()
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    uploaded_at = models.DateTimeField(default=timezone.now)
    status_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    status_changed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("travel-time table")
        verbose_name_plural = _("travel-time tables")
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(name="travel_time_version", fields=["name", "version"]),
            models.UniqueConstraint(
                name="one_travel_time_table_in_use",
                fields=["name"],
                condition=Q(status="in-use"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
