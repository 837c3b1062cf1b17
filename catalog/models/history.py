"""The ledger of decisions and the ordered feed of changes.

Both only grow. Change numbers follow commit order: the last act of a writing transaction takes the
feed lock and counts on by one, so a reader with a cursor never misses a change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from catalog.models.accounts import User
    from catalog.models.events import Event


class MergeDecision(models.Model):
    """One associate / split / merge / re-preference: who or which rule set decided, and why.

    A person's "same" or "different" is a constraint between two *reports*, so it survives
    superseding and splitting.
    """

    class Kind(models.TextChoices):
        NEW_EVENT = "new-event", _("opened a new event")
        ASSOCIATE = "associate", _("joined to an event")
        SUPERSEDE = "supersede", _("newer report of the same agency")
        MOVE = "move", _("moved to another event")
        MERGE = "merge", _("events merged")
        SPLIT = "split", _("event split")
        PREFER = "prefer", _("preferred solution changed")
        SAME = "same", _("held to be the same event")
        DIFFERENT = "different", _("held to be different events")
        LATER = "later", _("put off")
        REVIEW = "review", _("left for review")
        ACCEPT_PICK = "accept-pick", _("reading accepted")
        REJECT_PICK = "reject-pick", _("reading rejected")
        LOCATE = "locate", _("location accepted")
        EXPIRE = "expire", _("automatic report not confirmed by the final bulletin")
        REVIVE = "revive", _("no longer held to be not confirmed")
        TYPE = "type", _("event type decided")
        INTERPRET = "interpret", _("interpretation added")
        INTENSITY = "intensity", _("intensity entered")
        CONSEQUENCE = "consequence", _("consequence entered")
        MECHANISM = "mechanism", _("mechanism decided")
        UNDO = "undo", _("earlier decision undone")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    report = models.ForeignKey(
        "catalog.Report", on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    other_report = models.ForeignKey(
        "catalog.Report", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    other_event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rule_set = models.CharField(_("rule set"), max_length=60, blank=True)
    misfit = models.FloatField(null=True)
    parts = models.JSONField(_("parts of the misfit"), default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    note = models.TextField(blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="decisions",
        help_text=_("Empty: the rule set decided."),
    )
    undoes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by"
    )
    act = models.UUIDField(
        null=True,
        blank=True,
        db_index=True,
        help_text=_("Rows that a person wrote in one step have one; they are undone together."),
    )
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-pk"]
        indexes = [
            # The merge desk's queue, and what persons said of reports: few rows among many.
            models.Index(name="decision_review", fields=["report"], condition=Q(kind="review")),
            models.Index(
                name="decision_word",
                fields=["-id"],
                condition=Q(kind__in=["same", "different", "later", "undo"]),
            ),
            # Asked for whenever an event is computed anew; there are few of them.
            models.Index(fields=["report"], name="decision_type", condition=Q(kind="type")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.report or ''} → {self.event or ''}"

    @property
    def event_typed(self) -> int:
        """The event a decision on a type is about now.

        It follows its report, then the other one, through newer reports, splits and moves; with
        both withdrawn it stays with its event and goes where that was merged.
        """
        for report in (self.report, self.other_report):
            if report is not None and report.event_id is not None and report.withdrawn_at is None:
                return int(report.event_id)
        event = self.event
        return 0 if event is None else int(event.merged_into_id or event.pk)

    @classmethod
    def types_in_force(cls, events: Iterable[int], without: int = 0) -> dict[int, MergeDecision]:
        """Return the decision on the type of each of some events, the latest where several meet.

        ``without`` leaves one decision out of account.
        """
        keys = set(events)
        decisions = (
            cls.objects.filter(
                Q(report__event__in=keys)
                | Q(other_report__event__in=keys)
                | Q(event__in=keys)
                | Q(event__merged_into__in=keys),
                kind=cls.Kind.TYPE,
                undone_by__isnull=True,
            )
            .exclude(pk=without)
            .select_related("report", "other_report", "event", "actor")
            .order_by("pk")
        )
        return {d.event_typed: d for d in decisions if d.event_typed in keys}


class FeedCounter(models.Model):
    """The one row that counts changes; locking it puts commits in order."""

    value = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("counter of changes")
        verbose_name_plural = _("counter of changes")

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def current(cls) -> int:
        """The catalogue's version: the number of its last committed change."""
        return cls.objects.get(pk=1).value


class Change(models.Model):
    """One step of the public catalogue, numbered in commit order."""

    class Kind(models.TextChoices):
        CREATED = "created", _("created")
        UPDATED = "updated", _("updated")
        MERGED = "merged", _("merged")
        DELETED = "deleted", _("deleted")

    number = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    event = models.ForeignKey("catalog.Event", on_delete=models.PROTECT, related_name="changes")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["number"]
        indexes = [models.Index(fields=["event", "-number"], name="change_event")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.event_id}"

    @classmethod
    def next_number(cls) -> int:
        """Take the feed lock and count on; call last in the writing transaction.

        The row lock is held until commit, so numbers become visible in their order and without a
        gap that a later commit could fill.
        """
        if not connection.in_atomic_block:
            raise RuntimeError("a change number belongs to a transaction")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE catalog_feedcounter SET value = value + 1 WHERE id = 1 RETURNING value"
            )
            return int(cursor.fetchone()[0])

    @classmethod
    def record(
        cls, kind: str, event: Event, *, actor: User | None = None, **details: Any
    ) -> Change:
        return cls.objects.create(
            number=cls.next_number(), kind=kind, event=event, actor=actor, details=details
        )
