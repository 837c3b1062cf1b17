"""What bears on an event's type: known quarries and mines, and what the rule suggests.

A decision on a type stands in the ledger (``MergeDecision``, kind "type"), what an author holds an
event to be in ``Interpretation``.
"""

from __future__ import annotations

from django.contrib.gis.db import models as gis
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class KnownSource(models.Model):
    """A quarry, a mine or another place where people fire blasts, as a source tells it."""

    name_en = models.CharField(_("name (English)"), max_length=200)
    name_ru = models.CharField(_("name (Russian)"), max_length=200, blank=True)
    name_kk = models.CharField(_("name (Kazakh)"), max_length=200, blank=True)
    point = gis.PointField(_("coordinates"), srid=4326)
    radius_km = models.FloatField(
        _("radius, km"), help_text=_("Blasts are fired so far from the point.")
    )
    kind = models.CharField(
        _("type of its events"),
        max_length=40,
        default="quarry blast",
        help_text=_("QuakeML event type."),
    )
    valid_from = models.DateField(_("from"), null=True, blank=True)
    valid_to = models.DateField(_("to"), null=True, blank=True)
    citation = models.CharField(
        _("source"), max_length=500, help_text=_("Who says so: a map, a register, a letter.")
    )
    synthetic = models.BooleanField(
        _("synthetic"),
        default=False,
        help_text=_("Invented for the example; nothing is there."),
    )
    recorded_by = models.ForeignKey(
        "catalog.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("known quarry or mine")
        verbose_name_plural = _("known quarries and mines")
        ordering = ["name_en", "pk"]
        constraints = [
            models.CheckConstraint(
                name="known_source_radius", condition=Q(radius_km__gt=0, radius_km__lte=100)
            ),
            models.CheckConstraint(
                name="known_source_dates",
                condition=Q(valid_from__isnull=True)
                | Q(valid_to__isnull=True)
                | Q(valid_to__gte=F("valid_from")),
            ),
            models.UniqueConstraint(name="known_source_once", fields=["name_en", "point"]),
        ]

    def __str__(self) -> str:
        return self.name_en

    @property
    def name(self) -> str:
        return getattr(self, f"name_{(get_language() or 'en')[:2]}", "") or self.name_en


class TypeSuggestion(models.Model):
    """What the rule suggests of an event's type, and why; made anew by every screening.

    Kept only where there is something to decide or to show: a blast is suggested, reported or
    decided, or the rule is undecided. An event without a row is an earthquake to the rule.
    """

    event = models.OneToOneField(
        "catalog.Event",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="type_suggestion",
    )
    rule_set = models.CharField(_("rule set"), max_length=60)
    event_type = models.CharField(
        _("type"), max_length=40, blank=True, help_text=_("Empty: the rule is undecided.")
    )
    event_type_certainty = models.CharField(_("type certainty"), max_length=10, blank=True)
    #: "blast", "earthquake" or empty: what the queue compares with the standing type.
    family = models.CharField(max_length=12, blank=True)
    score = models.FloatField(_("score"), help_text=_("Log10 of the odds of a blast."))
    strength = models.FloatField(db_index=True)
    evidence = models.JSONField(_("evidence"), default=dict)
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("suggested event type")
        verbose_name_plural = _("suggested event types")

    def __str__(self) -> str:
        return f"{self.event_id}: {self.event_type or '?'} ({self.score:+.1f})"
