"""What is thought of a reading without an event: proposals, decisions, repetitions.

A row is about one pick. It names an event whose predicted arrival the pick fits, or the pick that
it repeats. Proposals come and go with the events' origins; what a person or a rule has accepted or
refused stays, and every such decision stands in the ledger too.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PickAssociation(models.Model):
    """A pick and an event it may belong to, with how well it fits and what was decided."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")
        DUPLICATE = "duplicate", _("repeats another reading")
        OBSOLETE = "obsolete", _("no longer valid")

    class Companion(models.TextChoices):
        ALONE = "alone", _("no other wave at the station")
        CONSISTENT = "consistent", _("P and S agree")
        CONTRADICTED = "contradicted", _("P and S do not agree")

    pick = models.ForeignKey(
        "catalog.Pick", on_delete=models.PROTECT, related_name="pick_associations"
    )
    event = models.ForeignKey(
        "catalog.Event",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pick_associations",
    )
    duplicate_of = models.ForeignKey(
        "catalog.Pick",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="repetitions",
        help_text=_("The same reading, received before or with an event."),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.PROPOSED
    )
    phase = models.CharField(_("phase under which it fits"), max_length=20, blank=True)
    time_residual = models.FloatField(
        _("residual, s"), null=True, help_text=_("Observed minus predicted.")
    )
    expected_sigma_s = models.FloatField(_("expected standard deviation, s"), null=True)
    distance_deg = models.FloatField(_("distance, deg"), null=True)
    companion = models.CharField(_("P and S"), max_length=12, choices=Companion.choices, blank=True)
    rank = models.PositiveSmallIntegerField(_("rank"), null=True, help_text=_("1 is best."))
    is_clear = models.BooleanField(
        _("unambiguous"), default=False, help_text=_("The rule may accept it without a person.")
    )
    rule_set = models.CharField(_("rule set"), max_length=60, blank=True)
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: the rule set decided."),
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision = models.ForeignKey(
        "catalog.MergeDecision",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pick_associations",
    )
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("association of a reading")
        verbose_name_plural = _("associations of readings")
        ordering = ["pick", "rank", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="pick_accepted_once", fields=["pick"], condition=Q(state="accepted")
            ),
            models.UniqueConstraint(
                name="pick_repeats_once", fields=["pick"], condition=Q(state="duplicate")
            ),
            models.UniqueConstraint(
                name="pick_and_event_once",
                fields=["pick", "event"],
                condition=Q(state__in=["proposed", "accepted", "rejected"]),
            ),
            models.CheckConstraint(
                name="pick_association_says_of_what",
                condition=Q(event__isnull=False) | Q(duplicate_of__isnull=False),
            ),
            models.CheckConstraint(
                name="pick_association_sigma_positive",
                condition=Q(expected_sigma_s__isnull=True) | Q(expected_sigma_s__gt=0),
            ),
        ]
        indexes = [
            models.Index(
                name="pick_association_event",
                fields=["event", "state"],
                condition=~Q(state="obsolete"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pick} → {self.event or self.duplicate_of}: {self.state}"
