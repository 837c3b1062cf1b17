"""What became of every station's amplitudes on one scale: values, residuals, named outcomes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.querysets import SolutionQuerySet


class MagnitudeAssessment(models.Model):
    """One scale of one event as the portal computed it, also where no network value came of it.

    ``stations`` is a list of what each station gave, in order of distance. Each is an object of:
    ``station`` (primary key or null), ``network``, ``code``, ``component``, ``amplitude`` and
    ``second_amplitude`` (in the scale's unit), ``period`` [s], ``distance_km``, ``azimuth`` [deg],
    ``value``, ``correction`` (the station's, already in the value), ``residual`` (value less the
    network's), ``outcome`` (`processing.core.magnitude_scales.Outcome`) and ``sources`` (pairs of
    a table, "amplitude", "measurement" or "station_magnitude", and a primary key).
    """

    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, related_name="magnitude_assessments"
    )
    origin = models.ForeignKey(
        "catalog.Origin",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Distances and depth are from it."),
    )
    scale = models.CharField(_("scale"), max_length=20, help_text=_("Id of the scale's record."))
    type = models.CharField(_("type"), max_length=20)
    magnitude = models.OneToOneField(
        "catalog.Magnitude",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="assessment",
    )
    reason = models.CharField(_("why there is no network value"), max_length=30, blank=True)
    calibration = models.CharField(
        _("calibration"), max_length=60, blank=True, help_text=_("Its version, if one was fitted.")
    )
    method_id = models.CharField(_("method"), max_length=150)
    inputs = models.CharField(max_length=64, help_text=_("SHA-256 of all that went in."))
    stations = models.JSONField(_("stations"), default=list)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SolutionQuerySet.as_manager()

    class Meta:
        verbose_name = _("magnitude assessment")
        verbose_name_plural = _("magnitude assessments")
        constraints = [
            models.UniqueConstraint(
                name="assessment_once",
                fields=["event", "scale"],
                condition=Q(superseded_at=None),
            ),
            models.CheckConstraint(
                name="assessment_says_why",
                condition=Q(magnitude__isnull=False, reason="")
                | Q(magnitude__isnull=True) & ~Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.type}"
