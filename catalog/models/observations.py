"""What stations measured: onsets, their use by an origin, amplitudes.

These tables, and the station magnitudes, hold tens of rows an event. Their references are checked
by the database a statement at once instead of a row at once (migration 0011, the same refusals),
which more than halves what storing a bulletin costs it: hence ``db_constraint=False``.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Pick(models.Model):
    """An onset read at a station, with or without an event it belongs to."""

    reading = models.ForeignKey(
        "catalog.BulletinReading",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,  # of readings without an event: see pick_of_reading
        related_name="picks",
    )
    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="picks",
        help_text=_("Empty: a reading without an event."),
    )
    synthetic = models.BooleanField(
        default=False, help_text=_("Of a reading without an event; else the entry says it.")
    )
    key = models.CharField(max_length=200, blank=True)
    station = models.ForeignKey(
        "catalog.Station",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,  # pick_station_time begins with it
        null=True,
        blank=True,
        related_name="picks",
        help_text=_("Empty: the code could not be resolved."),
    )
    station_code = models.CharField(max_length=10)
    network_code = models.CharField(max_length=10, blank=True)
    location_code = models.CharField(max_length=10, blank=True)
    channel_code = models.CharField(max_length=10, blank=True)
    station_agency = models.CharField(max_length=20, blank=True)
    station_latitude = models.FloatField(null=True, help_text=_("As the file gives it, deg."))
    station_longitude = models.FloatField(null=True, help_text=_("As the file gives it, deg."))
    station_elevation_m = models.FloatField(null=True)
    time = models.DateTimeField(_("onset"), null=True)
    time_uncertainty = models.FloatField(null=True, help_text=_("s"))
    phase_hint = models.CharField(_("phase"), max_length=20, blank=True)
    onset = models.CharField(max_length=15, blank=True)
    polarity = models.CharField(max_length=15, blank=True)
    backazimuth = models.FloatField(null=True, help_text=_("Station to event, deg."))
    backazimuth_uncertainty = models.FloatField(null=True)
    horizontal_slowness = models.FloatField(null=True, help_text=_("s/deg"))
    horizontal_slowness_uncertainty = models.FloatField(null=True)
    snr = models.FloatField(null=True)
    evaluation_mode = models.CharField(max_length=10, blank=True)
    evaluation_status = models.CharField(max_length=12, blank=True)
    agency = models.CharField(max_length=20, blank=True)
    filter_id = models.CharField(max_length=150, blank=True)
    method_id = models.CharField(max_length=150, blank=True)
    comments = models.JSONField(default=list, blank=True)
    line_number = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("pick")
        verbose_name_plural = _("picks")
        indexes = [
            models.Index(fields=["station", "time"], name="pick_station_time"),
            models.Index(
                fields=["time"], name="pick_without_event", condition=Q(entry__isnull=True)
            ),
            models.Index(
                fields=["reading"], name="pick_of_reading", condition=Q(entry__isnull=True)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="pick_backazimuth_range",
                condition=Q(backazimuth__isnull=True) | Q(backazimuth__gte=0, backazimuth__lte=360),
            )
        ]

    def __str__(self) -> str:
        return f"{self.station_code} {self.phase_hint} {self.time}"


class Arrival(models.Model):
    """A pick as one origin uses it: phase, residuals, weights."""

    origin = models.ForeignKey(
        "catalog.Origin",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,  # arrival_once begins with it
        related_name="arrivals",
    )
    pick = models.ForeignKey(
        Pick, on_delete=models.PROTECT, db_constraint=False, related_name="arrivals"
    )
    key = models.CharField(max_length=200, blank=True)
    phase = models.CharField(_("phase"), max_length=20, blank=True)
    azimuth = models.FloatField(null=True, help_text=_("Epicentre to station, deg."))
    distance_deg = models.FloatField(null=True)
    takeoff_angle = models.FloatField(null=True)
    time_residual = models.FloatField(null=True, help_text=_("s"))
    time_weight = models.FloatField(null=True)
    time_defining = models.BooleanField(null=True)
    backazimuth_residual = models.FloatField(null=True, help_text=_("deg"))
    backazimuth_weight = models.FloatField(null=True)
    backazimuth_defining = models.BooleanField(null=True)
    horizontal_slowness_residual = models.FloatField(null=True, help_text=_("s/deg"))
    horizontal_slowness_weight = models.FloatField(null=True)
    horizontal_slowness_defining = models.BooleanField(null=True)
    time_correction = models.FloatField(null=True, help_text=_("s"))
    earth_model = models.CharField(max_length=100, blank=True)
    comments = models.JSONField(default=list, blank=True)
    line_number = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("arrival")
        verbose_name_plural = _("arrivals")
        constraints = [models.UniqueConstraint(name="arrival_once", fields=["origin", "pick"])]

    def __str__(self) -> str:
        return f"{self.pick} {self.phase}"


class Amplitude(models.Model):
    """A measured amplitude in the unit its source states (ISF: nm; QuakeML: m)."""

    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        related_name="amplitudes",
    )
    pick = models.ForeignKey(
        Pick,
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="amplitudes",
    )
    key = models.CharField(max_length=200, blank=True)
    station = models.ForeignKey(
        "catalog.Station",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
    )
    station_code = models.CharField(max_length=10, blank=True)
    network_code = models.CharField(max_length=10, blank=True)
    location_code = models.CharField(max_length=10, blank=True)
    channel_code = models.CharField(max_length=10, blank=True)
    station_agency = models.CharField(max_length=20, blank=True)
    station_latitude = models.FloatField(null=True)
    station_longitude = models.FloatField(null=True)
    station_elevation_m = models.FloatField(null=True)
    value = models.FloatField(null=True, help_text=_("Empty where only a period is reported."))
    unit = models.CharField(max_length=15, blank=True)
    type = models.CharField(max_length=20, blank=True)
    category = models.CharField(max_length=20, blank=True)
    period = models.FloatField(null=True, help_text=_("s"))
    snr = models.FloatField(null=True)
    time = models.DateTimeField(null=True)
    uncertainty = models.FloatField(null=True)
    magnitude_hint = models.CharField(max_length=20, blank=True)
    evaluation_mode = models.CharField(max_length=10, blank=True)
    agency = models.CharField(max_length=20, blank=True)
    method_id = models.CharField(
        max_length=150, blank=True, help_text=_("Also the instrument simulated.")
    )
    comments = models.JSONField(default=list, blank=True)
    line_number = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("amplitude")
        verbose_name_plural = _("amplitudes")

    def __str__(self) -> str:
        return f"{self.station_code} {self.value} {self.unit}"
