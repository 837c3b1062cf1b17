"""Fault-plane solutions and moment tensors; what is known of stations' polarities."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
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
    #: Zoback (1992): NF, NS, SS, TS, TF, U; of the axes, or of planes where there are none.
    faulting_style = models.CharField(max_length=2, blank=True)
    #: Of one computed from first motions (``processing.core.first_motion``): 68 % of what the
    #: polarities allow lies within this Kagan angle [deg].
    uncertainty_deg = models.FloatField(null=True)
    probability = models.FloatField(null=True)
    station_distribution_ratio = models.FloatField(null=True)
    takeoff_gap = models.FloatField(null=True)

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


class StationPolarityReversal(models.Model):
    """A station whose first motions come out upside down for a time: a fact with its source.

    One that was wrong is withdrawn, not changed.
    """

    station = models.ForeignKey(
        "catalog.Station", on_delete=models.PROTECT, related_name="polarity_reversals"
    )
    #: [start, end); without an end it still is.
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("until"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=300)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("reversed station")
        verbose_name_plural = _("reversed stations")
        constraints = [
            models.CheckConstraint(
                name="reversal_ends_after_start",
                condition=Q(end__isnull=True) | Q(end__gt=F("start")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.station} {self.start:%Y-%m-%d}"


class PolarityDecision(models.Model):
    """An editor's word on one station's first motion of one event, or on its ratio of amplitudes.

    The newest on each counts. A ratio is not turned round.
    """

    class Kind(models.TextChoices):
        KEEP = "keep", _("as read")
        FLIP = "flip", _("turned round")
        DROP = "drop", _("left out")

    class Subject(models.TextChoices):
        POLARITY = "polarity", _("polarity")
        RATIO = "ratio", _("amplitude ratio")

    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, related_name="polarity_decisions"
    )
    station = models.ForeignKey("catalog.Station", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(
        _("subject"), max_length=8, choices=Subject.choices, default=Subject.POLARITY
    )
    kind = models.CharField(_("decision"), max_length=4, choices=Kind.choices)
    note = models.CharField(_("note"), max_length=300, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("decision on a polarity")
        verbose_name_plural = _("decisions on polarities")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.event} {self.station} {self.subject} {self.kind}"
