"""Joint relocations of two reports, kept: what a decision rested on, and need not be made twice."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class JointRelocation(models.Model):
    """How much worse one place fits the readings of two entries than a place for each.

    Numbers are those of `processing.core.joint_fit.JointFit`. Entries and their readings never
    change, so a row is good for ever under its method; it is made again under another.
    """

    first = models.ForeignKey(
        "catalog.BulletinEntry", on_delete=models.PROTECT, related_name="joint_relocations"
    )
    second = models.ForeignKey("catalog.BulletinEntry", on_delete=models.PROTECT, related_name="+")
    method = models.CharField(
        _("method"),
        max_length=150,
        help_text=_("Of the comparison and the locator, and the agencies' travel times in use."),
    )
    increase = models.FloatField(_("increase of chi-square"), null=True)
    freedom = models.IntegerField(_("degrees of freedom"), null=True)
    chi_square = models.FloatField(_("chi-square of the two places"), null=True)
    log_volume = models.FloatField(null=True)
    failure = models.CharField(
        _("why not"), max_length=40, blank=True, help_text=_("The locator's code.")
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("joint relocation")
        verbose_name_plural = _("joint relocations")
        constraints = [
            models.UniqueConstraint(
                name="joint_relocation_once", fields=["first", "second", "method"]
            ),
            models.CheckConstraint(
                name="joint_relocation_or_why_not",
                condition=models.Q(failure="", increase__isnull=False)
                | (~models.Q(failure="") & models.Q(increase__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} {self.second_id}"
