"""Fitted calibrations of magnitude scales as rows: versions, made once and never edited.

How they are fitted stands in `processing.core.calibration`. A better fit is another version; the
database lets only where a version stands change, and deletes only synthetic ones, with the other
synthetic data (migration 0005).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from processing.core.calibration import Calibration


class MagnitudeCalibration(models.Model):
    """A distance curve or an offset of one scale, with station terms.

    ``station_terms`` maps "network.code" to a list of its term, standard error and number of
    events. ``residuals`` is a sample of pairs, distance [km] and residual, for the plot.
    """

    class Kind(models.TextChoices):
        SIGMA = "sigma", pgettext_lazy("calibration", "distance curve")
        OFFSET = "offset", pgettext_lazy("calibration", "offset")

    class Status(models.TextChoices):
        PROPOSED = "proposed", pgettext_lazy("calibration", "proposed")
        ACCEPTED = "accepted", pgettext_lazy("calibration", "accepted")
        WITHDRAWN = "withdrawn", pgettext_lazy("calibration", "withdrawn")

    version = models.CharField(_("version"), max_length=60, unique=True)
    scale = models.CharField(_("scale"), max_length=20, help_text=_("Id of the scale's record."))
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices)
    agency = models.ForeignKey(
        "catalog.Agency",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("agency"),
        help_text=_("Whose published values it follows. Empty: those of all, by their median."),
    )
    synthetic = models.BooleanField(
        _("synthetic"), default=False, help_text=_("From made-up events: never for real ones.")
    )
    method_id = models.CharField(_("method"), max_length=150)
    distance_from_km = models.FloatField(_("distance from, km"))
    distance_to_km = models.FloatField(_("distance to, km"))
    knots_km = models.JSONField(_("knots, km"), default=list)
    sigma = models.JSONField(_("curve at the knots"), default=list)
    sigma_errors = models.JSONField(_("standard errors of the curve"), default=list)
    offset = models.FloatField(_("offset"), default=0.0)
    offset_error = models.FloatField(_("standard error of the offset"), default=0.0)
    station_terms = models.JSONField(_("station terms"), default=dict)
    residual_sigma = models.FloatField(
        _("residual sigma"), help_text=_("Of one station's value, of events left out of the fit.")
    )
    residual_rms = models.FloatField(_("root mean square of the same"))
    event_count = models.PositiveIntegerField(_("events"))
    station_count = models.PositiveIntegerField(_("stations"))
    reading_count = models.PositiveIntegerField(_("readings"))
    first_event = models.DateTimeField(_("first event"))
    last_event = models.DateTimeField(_("last event"))
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    residuals = models.JSONField(_("residuals"), default=list, blank=True)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PROPOSED
    )
    status_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    status_changed_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(_("note"), max_length=2000, blank=True)

    class Meta:
        verbose_name = _("magnitude calibration")
        verbose_name_plural = _("magnitude calibrations")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="calibration_is_named", condition=~Q(version="") & ~Q(scale="")
            ),
            models.CheckConstraint(
                name="calibration_has_events",
                condition=Q(event_count__gt=0, station_count__gt=0, reading_count__gt=0),
            ),
            models.CheckConstraint(
                name="calibration_span_order", condition=Q(last_event__gte=F("first_event"))
            ),
            # PostgreSQL holds NaN greater than any number.
            models.CheckConstraint(
                name="calibration_finite",
                condition=Q(
                    distance_from_km__gte=0,
                    distance_to_km__gt=F("distance_from_km"),
                    distance_to_km__lt=float("inf"),
                    offset__gt=float("-inf"),
                    offset__lt=float("inf"),
                    residual_sigma__gt=0,
                    residual_sigma__lt=float("inf"),
                ),
            ),
            models.CheckConstraint(
                name="calibration_kind_known", condition=Q(kind__in=["sigma", "offset"])
            ),
            models.UniqueConstraint(
                name="one_calibration_accepted",
                fields=["scale", "agency", "synthetic"],
                condition=Q(status="accepted"),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.version

    @property
    def calibration(self) -> Calibration:
        """As the scales take it."""
        # SciPy takes a while to import, and few of those who load the models need it.
        from processing.core.calibration import Calibration

        return Calibration(
            version=self.version,
            scale=self.scale,
            kind=self.kind,
            distance_km=(self.distance_from_km, self.distance_to_km),
            knots_km=tuple(self.knots_km),
            sigma=tuple(self.sigma),
            offset=self.offset,
            station_terms={name: told[0] for name, told in self.station_terms.items()},
            residual_sigma=self.residual_sigma,
        )
