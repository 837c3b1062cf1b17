"""Fault-plane solutions and moment tensors."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models.events import Solution


class FocalMechanism(Solution):
    """Two nodal planes, three axes, how well they are known; a tensor where there is one.

    Angles in degrees (Aki & Richards); tensor in the r, t, p frame, N m.
    """

    triggering_origin = models.ForeignKey(
        "catalog.Origin", on_delete=models.PROTECT, null=True, blank=True, related_name="mechanisms"
    )
    is_prime = models.BooleanField(_("the report's own choice"), default=False)
    strike_1 = models.FloatField(null=True)
    dip_1 = models.FloatField(null=True)
    rake_1 = models.FloatField(null=True)
    strike_2 = models.FloatField(null=True)
    dip_2 = models.FloatField(null=True)
    rake_2 = models.FloatField(null=True)
    preferred_plane = models.PositiveSmallIntegerField(null=True)
    t_azimuth = models.FloatField(null=True)
    t_plunge = models.FloatField(null=True)
    t_length = models.FloatField(null=True)
    n_azimuth = models.FloatField(null=True)
    n_plunge = models.FloatField(null=True)
    n_length = models.FloatField(null=True)
    p_azimuth = models.FloatField(null=True)
    p_plunge = models.FloatField(null=True)
    p_length = models.FloatField(null=True)
    mrr = models.FloatField(null=True)
    mtt = models.FloatField(null=True)
    mpp = models.FloatField(null=True)
    mrt = models.FloatField(null=True)
    mrp = models.FloatField(null=True)
    mtp = models.FloatField(null=True)
    scalar_moment = models.FloatField(null=True)
    double_couple = models.FloatField(null=True)
    clvd = models.FloatField(null=True)
    variance_reduction = models.FloatField(null=True)
    #: The origin and magnitude the tensor was derived with, by the file's own ids.
    derived_origin_key = models.CharField(max_length=200, blank=True)
    moment_magnitude_key = models.CharField(max_length=200, blank=True)
    station_polarity_count = models.PositiveIntegerField(null=True)
    azimuthal_gap = models.FloatField(null=True)
    misfit = models.FloatField(null=True)
    quality = models.CharField(max_length=5, blank=True)

    class Meta:
        verbose_name = _("focal mechanism")
        verbose_name_plural = _("focal mechanisms")
        constraints = [
            models.CheckConstraint(
                name="mechanism_dip_range",
                condition=(Q(dip_1__isnull=True) | Q(dip_1__gte=0, dip_1__lte=90))
                & (Q(dip_2__isnull=True) | Q(dip_2__gte=0, dip_2__lte=90)),
            )
        ]

    def __str__(self) -> str:
        return f"{self.agency} {self.strike_1}/{self.dip_1}/{self.rake_1}"
