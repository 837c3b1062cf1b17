"""Which days agencies' bulletins cover, by whose word, and months that editors have closed.

A *span* says that a bulletin tells of some days, or that an agency reported that nothing happened.
It is **inferred** from the days of a reading's events, or **declared** by a person. Only a declared
span makes days final: that a list has events on two days says nothing of what it leaves out. Spans
are never changed; one that was wrong is withdrawn and stays findable. Which of them hold now is
asked of the readings (``standing``), so nothing need be mended when a reading is replaced.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models.bulletins import BulletinEntry, BulletinReading


class CoverageQuerySet(models.QuerySet[Any]):
    """Questions about spans."""

    def standing(self) -> CoverageQuerySet:
        """Those that hold now.

        An inferred one holds while its reading is current. A declared one holds while the file's
        current reading is of that agency, and a final one while that reading is no automatic
        bulletin. A day declared empty without a file holds until it is withdrawn.
        """
        current = BulletinReading.objects.filter(
            file=OuterRef("file"), agency=OuterRef("agency"), is_current=True
        )
        reviewed = current.exclude(evaluation_mode="automatic")
        declared = Q(basis="declared") & (
            Q(file__isnull=True)
            | (Q(state="final") & Exists(reviewed))
            | (~Q(state="final") & Exists(current))
        )
        inferred = Q(basis="inferred", reading__is_current=True)
        return self.filter(inferred | declared, withdrawn_at__isnull=True)

    def associated(self) -> CoverageQuerySet:
        """Those whose bulletin has no event left that is still to be tied to one of ours."""
        waiting = BulletinEntry.objects.filter(
            reading__file=OuterRef("file"), reading__is_current=True, associated_at__isnull=True
        )
        return self.exclude(Exists(waiting))

    def between(self, first: Any, last: Any) -> CoverageQuerySet:
        """Those that share a day with ``first`` to ``last``, both included."""
        return self.filter(first_day__lte=last, last_day__gte=first)


class CoverageSpan(models.Model):
    """Some days in a row of which one agency told, in one way."""

    class State(models.TextChoices):
        FINAL = "final", _("final bulletin")
        EMPTY = "empty", _("reported empty")
        RECEIVED = "received", _("bulletin received")
        AUTOMATIC = "automatic", _("automatic bulletin only")

    class Basis(models.TextChoices):
        INFERRED = "inferred", _("inferred from its events")
        DECLARED = "declared", _("declared by a person")

    agency = models.ForeignKey("catalog.Agency", on_delete=models.PROTECT, related_name="coverage")
    first_day = models.DateField(_("first day, UTC"))
    last_day = models.DateField(_("last day, UTC"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    basis = models.CharField(_("basis"), max_length=10, choices=Basis.choices)
    file = models.ForeignKey(
        "catalog.BulletinFile",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="coverage",
        help_text=_("Empty: the agency reported without a file that nothing happened."),
    )
    reading = models.ForeignKey(
        "catalog.BulletinReading",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="coverage",
        help_text=_("What it was inferred from."),
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    said_at = models.DateTimeField(default=timezone.now)
    # Status columns: they alone may change.
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    objects = CoverageQuerySet.as_manager()

    class Meta:
        verbose_name = _("covered days")
        verbose_name_plural = _("covered days")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["agency", "first_day"], name="coverage_agency")]
        constraints = [
            models.CheckConstraint(
                name="coverage_order", condition=Q(last_day__gte=F("first_day"))
            ),
            models.CheckConstraint(
                name="coverage_inferred_from_reading",
                condition=~Q(basis="inferred")
                | Q(reading__isnull=False, file__isnull=False, state__in=["received", "automatic"]),
            ),
            models.CheckConstraint(
                name="coverage_without_file_is_empty",
                condition=Q(file__isnull=False) | Q(state="empty"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agency} {self.first_day}..{self.last_day} {self.state}"


class MonthClosing(models.Model):
    """An editor's word that a month of the catalogue is complete, or that it is open again.

    The latest record of a month counts. The checklist is kept as it stood at that moment.
    """

    class Action(models.TextChoices):
        CLOSED = "closed", _("closed")
        REOPENED = "reopened", _("opened again")

    month = models.DateField(_("month"), help_text=_("Its first day."))
    action = models.CharField(_("action"), max_length=10, choices=Action.choices)
    checklist = models.JSONField(
        _("checklist"), default=list, help_text=_("Each item with its count at that moment.")
    )
    reason = models.TextField(
        _("reason"), blank=True, help_text=_("Why it was closed with open items, or opened again.")
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="month_closings"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("closing of a month")
        verbose_name_plural = _("closings of months")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["month", "-id"], name="closing_month")]
        constraints = [
            models.CheckConstraint(name="closing_is_a_month", condition=Q(month__day=1)),
            models.CheckConstraint(
                name="closing_reopened_says_why", condition=Q(action="closed") | ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.action}"
