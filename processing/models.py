"""Records of the work itself: what is to be done, and what ran, on what, with which outcome.

PostgreSQL holds the queue of record. A transaction that makes work inserts a ``WorkItem``; the
Celery message only says "look".
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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
