"""Sizes: network values on any scale, KR and MPVA too, and the station values behind them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models.events import Solution


class Magnitude(Solution):
    """A network magnitude or energy class; a converted value says from what and how."""

    origin = models.ForeignKey(
        "catalog.Origin", on_delete=models.PROTECT, null=True, blank=True, related_name="magnitudes"
    )
    is_prime = models.BooleanField(_("the report's own choice"), default=False)
    type = models.CharField(_("type"), max_length=20, blank=True, help_text=_("As reported."))
    #: The scale the type belongs to (``catalog.scales.scale_of``): "Mw" for Mww, Mwc ...
    scale = models.CharField(_("scale"), max_length=20, blank=True)
    value = models.FloatField(_("value"))
    uncertainty = models.FloatField(null=True)
    bound = models.CharField(
        max_length=3,
        blank=True,
        choices=[("min", _("at least")), ("max", _("at most"))],
    )
    station_count = models.PositiveIntegerField(null=True)
    azimuthal_gap = models.FloatField(null=True)
    converted_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="conversions"
    )
    relation_id = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = _("magnitude")
        verbose_name_plural = _("magnitudes")
        indexes = [
            models.Index(
                fields=["event"], name="magnitude_current", condition=Q(superseded_at=None)
            )
        ]
        constraints = [
            models.CheckConstraint(
                name="magnitude_range", condition=Q(value__gte=-10, value__lte=25)
            ),
            models.CheckConstraint(
                name="magnitude_conversion_named",
                condition=Q(converted_from__isnull=True) | ~Q(relation_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.value}"


class StationMagnitude(models.Model):
    """A magnitude from one station; its references are checked as those of observations are."""

    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="station_magnitudes",
    )
    origin = models.ForeignKey(
        "catalog.Origin",
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="station_magnitudes",
    )
    magnitude = models.ForeignKey(
        Magnitude,
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="station_magnitudes",
        help_text=_("The network value it contributes to."),
    )
    amplitude = models.ForeignKey(
        "catalog.Amplitude",
        on_delete=models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="+",
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
    type = models.CharField(max_length=20, blank=True)
    value = models.FloatField()
    uncertainty = models.FloatField(null=True)
    bound = models.CharField(max_length=3, blank=True)
    residual = models.FloatField(null=True)
    weight = models.FloatField(null=True)
    agency = models.CharField(max_length=20, blank=True)
    method_id = models.CharField(max_length=150, blank=True)
    comments = models.JSONField(default=list, blank=True)
    line_number = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("station magnitude")
        verbose_name_plural = _("station magnitudes")
        constraints = [
            models.CheckConstraint(
                name="station_magnitude_range", condition=Q(value__gte=-10, value__lte=25)
            )
        ]

    def __str__(self) -> str:
        return f"{self.station_code} {self.type} {self.value}"
