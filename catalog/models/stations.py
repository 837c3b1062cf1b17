"""Networks and stations. A station is (network or agency, code, epoch), never a bare code."""

from __future__ import annotations

from django.contrib.gis.db import models as gis
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _


class Network(models.Model):
    code = models.CharField(_("code"), max_length=10, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=200, blank=True)
    name_ru = models.CharField(_("name (Russian)"), max_length=200, blank=True)
    name_kk = models.CharField(_("name (Kazakh)"), max_length=200, blank=True)
    operator = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="networks"
    )

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class _EpochRange(Func):
    """tstzrange(start, end): the epoch, open where a bound is NULL."""

    function = "TSTZRANGE"
    output_field = models.Field()


class Station(models.Model):
    """One epoch of a station: a place it stood at, from a date to a date."""

    class Kind(models.TextChoices):
        THREE_COMPONENT = "three-component", _("three-component station")
        ARRAY = "array", _("array")
        ARRAY_ELEMENT = "array element", _("array element")
        OTHER = "other", _("other")

    network = models.ForeignKey(
        Network, on_delete=models.PROTECT, null=True, blank=True, related_name="stations"
    )
    agency = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="stations"
    )
    code = models.CharField(_("code"), max_length=10)
    name_en = models.CharField(_("site (English)"), max_length=100, blank=True)
    name_ru = models.CharField(_("site (Russian)"), max_length=100, blank=True)
    name_kk = models.CharField(_("site (Kazakh)"), max_length=100, blank=True)
    point = gis.PointField(_("coordinates"), srid=4326)
    elevation_m = models.FloatField(_("elevation, m"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.OTHER)
    array = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="elements"
    )
    start = models.DateTimeField(_("from"), null=True, blank=True)
    end = models.DateTimeField(_("to"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=200, blank=True)
    synthetic = models.BooleanField(
        _("synthetic"),
        default=False,
        help_text=_("Invented for the example; nothing stands there."),
    )

    class Meta:
        verbose_name = _("station")
        verbose_name_plural = _("stations")
        ordering = ["code", "start"]
        indexes = [models.Index(fields=["code"], name="station_code")]
        constraints = [
            models.CheckConstraint(
                name="station_epoch_order",
                condition=Q(end__isnull=True) | Q(start__isnull=True) | Q(end__gt=F("start")),
            ),
            # One place at one time for a code of a network (or agency, where there is no network).
            ExclusionConstraint(
                name="station_epochs_apart",
                expressions=[
                    (Func(F("network_id"), -1, function="COALESCE"), RangeOperators.EQUAL),
                    (Func(F("agency_id"), -1, function="COALESCE"), RangeOperators.EQUAL),
                    ("code", RangeOperators.EQUAL),
                    (_EpochRange(F("start"), F("end")), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.network or self.agency or '—'}.{self.code}"

    @property
    def latitude(self) -> float:
        return self.point.y

    @property
    def longitude(self) -> float:
        return self.point.x


class StationAlias(models.Model):
    """An agency's own code for a station: SOME's MDO is Medeo, not the one in Scotland."""

    agency = models.ForeignKey("catalog.Agency", on_delete=models.PROTECT, related_name="aliases")
    code = models.CharField(_("code"), max_length=10)
    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="aliases")

    class Meta:
        verbose_name = _("station alias")
        verbose_name_plural = _("station aliases")
        constraints = [
            models.UniqueConstraint(name="alias_unique", fields=["agency", "code", "station"])
        ]

    def __str__(self) -> str:
        return f"{self.agency}: {self.code} = {self.station}"
