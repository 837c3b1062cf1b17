"""Station corrections as rows: sets by version, made once and never edited.

How they are estimated stands in `processing.core.station_corrections`. A better estimate is another
version; the database refuses to change or delete a row (migration 0002), except for synthetic sets,
which go with the other synthetic data.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class CorrectionSet(models.Model):
    """The corrections of one estimate, for locations with one earth model."""

    version = models.CharField(_("version"), max_length=60, unique=True)
    earth_model = models.CharField(
        _("earth model"), max_length=100, help_text=_("As the locator is asked for it.")
    )
    method_id = models.CharField(
        _("method"), max_length=150, help_text=_("Of the locations and of the estimate.")
    )
    synthetic = models.BooleanField(
        _("synthetic"), default=False, help_text=_("From made-up events: never for real ones.")
    )
    event_count = models.PositiveIntegerField(_("events"))
    first_event = models.DateTimeField(_("first event"))
    last_event = models.DateTimeField(_("last event"))
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("set of station corrections")
        verbose_name_plural = _("sets of station corrections")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="corrections_have_a_version", condition=~Q(version="")),
            models.CheckConstraint(name="corrections_have_events", condition=Q(event_count__gt=0)),
            models.CheckConstraint(
                name="corrections_span_order", condition=Q(last_event__gte=F("first_event"))
            ),
        ]

    def __str__(self) -> str:
        return self.version


class StationCorrection(models.Model):
    """What arrivals of one wave are late by at a station."""

    class Wave(models.TextChoices):
        P = "P", "P"
        S = "S", "S"

    set = models.ForeignKey(CorrectionSet, on_delete=models.PROTECT, related_name="corrections")
    station = models.ForeignKey(
        "catalog.Station", on_delete=models.PROTECT, related_name="corrections"
    )
    wave = models.CharField(_("wave"), max_length=1, choices=Wave.choices)
    correction_s = models.FloatField(
        _("correction, s"), help_text=_("What arrivals are late by, after the model.")
    )
    standard_error = models.FloatField(_("standard error, s"))
    reading_count = models.PositiveIntegerField(
        _("number of readings"), help_text=_("Events read there; each counts once.")
    )

    class Meta:
        verbose_name = _("station correction")
        verbose_name_plural = _("station corrections")
        ordering = ["set", "station", "wave"]
        constraints = [
            models.UniqueConstraint(name="correction_once", fields=["set", "station", "wave"]),
            models.CheckConstraint(name="correction_wave_known", condition=Q(wave__in=["P", "S"])),
            models.CheckConstraint(
                name="correction_has_readings", condition=Q(reading_count__gt=0)
            ),
            # PostgreSQL holds NaN greater than any number.
            models.CheckConstraint(
                name="correction_finite",
                condition=Q(
                    correction_s__gt=float("-inf"),
                    correction_s__lt=float("inf"),
                    standard_error__gte=0,
                    standard_error__lt=float("inf"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.set} {self.station} {self.wave} {self.correction_s:+.2f} s"
