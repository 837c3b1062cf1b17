"""Where it was felt: settlements and the intensities observed in them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models as gis
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from catalog.models.events import Solution


class Settlement(models.Model):
    """A populated place (GeoNames, CC BY 4.0) with its names in three languages."""

    geonames_id = models.PositiveIntegerField(unique=True, null=True, blank=True)
    name_en = models.CharField(_("name (English)"), max_length=200)
    name_ru = models.CharField(_("name (Russian)"), max_length=200, blank=True)
    name_kk = models.CharField(_("name (Kazakh)"), max_length=200, blank=True)
    other_names = models.JSONField(_("other names"), default=list, blank=True)
    #: Names it bore before (Алма-Ата, Верный), found by search and in old bulletins.
    old_names = models.JSONField(_("old names"), default=list, blank=True)
    #: Set by whoever corrects it at the desk: loading GeoNames again leaves it alone.
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True)
    point = gis.PointField(srid=4326, geography=False)
    population = models.PositiveIntegerField(null=True, blank=True)
    country = models.CharField(max_length=2)
    region_code = models.CharField(max_length=20, blank=True)
    feature_code = models.CharField(max_length=10, blank=True)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        ordering = ["name_en"]

    def __str__(self) -> str:
        return self.name_en

    @property
    def name(self) -> str:
        return getattr(self, f"name_{(get_language() or 'en')[:2]}", "") or self.name_en


class SettlementEdit(models.Model):
    """What somebody changed of a settlement at the desk; only added to."""

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="edits")
    #: Field -> what it was; empty of a settlement that was added.
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict)
    note = models.CharField(_("note"), max_length=500, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("edit of a settlement")
        verbose_name_plural = _("edits of settlements")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.settlement}: {', '.join(self.after)}"


class IntensityObservation(Solution):
    """A macroseismic data point: how an event was felt in one place.

    One that was entered at the desk has no entry. It follows ``report``, whose solution was
    preferred then, from event to event; its decision in the ledger says who and when. A correction
    is a new row, and the one before it is superseded.
    """

    report = models.ForeignKey(
        "catalog.Report", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="intensities"
    )
    place = models.CharField(_("place as reported"), max_length=200)
    point = gis.PointField(srid=4326, null=True, blank=True)
    minimum = models.FloatField(null=True)
    maximum = models.FloatField(null=True)
    best = models.FloatField(null=True)
    felt = models.BooleanField(null=True)
    scale = models.CharField(max_length=10, blank=True)
    distance_km = models.FloatField(null=True)
    calculated = models.BooleanField(default=False)
    source = models.CharField(max_length=300, blank=True)
    #: What was seen and heard, in the words of the source.
    effects = models.TextField(_("effects"), blank=True)

    class Meta:
        verbose_name = _("intensity")
        verbose_name_plural = _("intensities")
        constraints = [
            models.CheckConstraint(
                name="intensity_range",
                condition=(Q(minimum__isnull=True) | Q(minimum__gte=1, minimum__lte=12))
                & (Q(maximum__isnull=True) | Q(maximum__gte=1, maximum__lte=12))
                & (Q(best__isnull=True) | Q(best__gte=1, best__lte=12)),
            )
        ]

    @property
    def is_computed(self) -> bool:
        return self.entry_id is None and self.recorded_by_id is None

    def __str__(self) -> str:
        return f"{self.place}: {self.best or self.maximum or self.felt}"
