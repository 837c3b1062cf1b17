"""Relations between magnitude scales, as records: who found them, from what, and where they hold.

A converted value is worked out when it is shown or asked for, says so, and is on no scale of the
catalogue: ``catalog.scales.scale_of`` knows none of the names a relation gives. What a paper says
and what was fitted here are rows of one table; the database refuses to change a row but for where
it stands (migration 0024).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Converted:
    """A value that was not measured: what it is called, whence it is, how well it is known."""

    label: str
    """Never the name of a scale."""
    value: float
    uncertainty: float | None
    """The relation's own and what the native value brings; ``None``: the relation tells none."""
    from_scale: str
    native: float
    relation_id: str


class ConversionRelationQuerySet(models.QuerySet["ConversionRelation"]):
    """Questions about relations."""

    def conversions(
        self, sizes: Mapping[str, tuple[float, float | None]], *, synthetic: bool = False
    ) -> list[Converted]:
        """Return what the accepted relations make of an event's native values.

        ``sizes`` maps a scale to its value and standard error. A scale the event has is not also
        converted to: native goes first.
        """
        # What is published or fitted to real events holds for made-up ones, too; not the reverse.
        rows = self.filter(status="accepted", synthetic__in={False, synthetic})
        found: dict[tuple[str, str], Converted] = {}
        for relation in rows.filter(from_scale__in=list(sizes)).order_by("synthetic", "pk"):
            if relation.to_scale not in sizes:
                converted = relation.convert(*sizes[relation.from_scale])
                if converted is not None:
                    found[relation.from_scale, relation.to_scale] = converted
        return list(found.values())


class ConversionRelation(models.Model):
    """to = slope · from + intercept, within a range of from."""

    class Regression(models.TextChoices):
        DEFINITION = "definition", pgettext_lazy("regression", "by definition")
        ORTHOGONAL = "orthogonal", pgettext_lazy("regression", "orthogonal")
        OLS = "ols", pgettext_lazy("regression", "ordinary least squares")
        NOT_STATED = "not-stated", pgettext_lazy("regression", "not stated")

    class Certainty(models.TextChoices):
        VERIFIED = "verified", pgettext_lazy("certainty of numbers", "the source was read")
        ABSTRACT = "abstract", pgettext_lazy("certainty of numbers", "the abstract was read")
        FITTED = "fitted", pgettext_lazy("certainty of numbers", "fitted here")
        ASSUMED = "assumed", pgettext_lazy("certainty of numbers", "assumed")

    class Status(models.TextChoices):
        #: Known and told; nothing is converted by it.
        REFERENCE = "reference", pgettext_lazy("relation", "for reference")
        PROPOSED = "proposed", pgettext_lazy("relation", "proposed")
        ACCEPTED = "accepted", pgettext_lazy("relation", "accepted")
        WITHDRAWN = "withdrawn", pgettext_lazy("relation", "withdrawn")

    relation_id = models.CharField(
        _("relation"), max_length=100, unique=True, help_text=_("What a converted value names.")
    )
    from_scale = models.CharField(_("from"), max_length=30)
    to_scale = models.CharField(_("to"), max_length=30)
    slope = models.FloatField(_("slope"))
    intercept = models.FloatField(_("intercept"))
    slope_error = models.FloatField(_("standard error of the slope"), null=True, blank=True)
    intercept_error = models.FloatField(_("standard error of the intercept"), null=True, blank=True)
    range_from = models.FloatField(
        _("holds from"), null=True, blank=True, help_text=_("Of the first scale. Empty: not told.")
    )
    range_to = models.FloatField(_("holds to"), null=True, blank=True)
    sigma = models.FloatField(
        _("sigma"), null=True, blank=True, help_text=_("Of a converted value. Empty: not told.")
    )
    pair_count = models.PositiveIntegerField(_("pairs"), null=True, blank=True)
    regression = models.CharField(_("regression"), max_length=12, choices=Regression.choices)
    certainty = models.CharField(_("certainty"), max_length=10, choices=Certainty.choices)
    assumed = models.CharField(
        _("assumed"), max_length=200, blank=True, help_text=_("What of it is ours.")
    )
    region = models.CharField(_("region"), max_length=200, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    remark = models.CharField(_("remark"), max_length=300, blank=True)
    synthetic = models.BooleanField(
        _("synthetic"), default=False, help_text=_("From made-up events: never for real ones.")
    )
    method_id = models.CharField(_("method"), max_length=150, blank=True)
    #: Of a fitted one: agency, span, ratio of errors, the lines of least squares beside it.
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    #: Of a fitted one: pairs of values for the plot, a sample where there are many.
    pairs = models.JSONField(default=list, blank=True)
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

    objects = ConversionRelationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversion between scales")
        verbose_name_plural = _("conversions between scales")
        ordering = ["from_scale", "to_scale", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="conversion_is_named", condition=~Q(relation_id="") & ~Q(from_scale="")
            ),
            models.CheckConstraint(
                name="conversion_between_two", condition=~Q(from_scale=F("to_scale"))
            ),
            models.CheckConstraint(
                name="conversion_finite",
                condition=Q(
                    slope__gt=float("-inf"),
                    slope__lt=float("inf"),
                    intercept__gt=float("-inf"),
                    intercept__lt=float("inf"),
                ),
            ),
            models.CheckConstraint(
                name="conversion_range_order",
                condition=Q(range_from=None) | Q(range_to=None) | Q(range_to__gt=F("range_from")),
            ),
            models.UniqueConstraint(
                name="one_conversion_accepted",
                fields=["from_scale", "to_scale", "synthetic"],
                condition=Q(status="accepted"),
            ),
        ]

    def __str__(self) -> str:
        return self.relation_id

    @property
    def label(self) -> str:
        """What a converted value is called: never the name of a scale alone."""
        if self.to_scale.endswith(f"({self.from_scale})"):
            return self.to_scale
        return f"{self.to_scale} from {self.from_scale}"

    @property
    def formula(self) -> str:
        """The line in words of mathematics: ``MPVA = 0.433 KR + 0.224``."""
        sign = "-" if self.intercept < 0 else "+"
        slope = "" if self.slope == 1.0 else f"{self.slope:.4g} "
        return (
            f"{self.to_scale} = {slope}{self.from_scale} {sign} {abs(self.intercept):.4g}"
        ).removesuffix(" + 0")

    def holds(self, value: float) -> bool:
        """True where the relation says something of a value."""
        low = -math.inf if self.range_from is None else self.range_from
        high = math.inf if self.range_to is None else self.range_to
        return low <= value <= high

    def convert(self, value: float, uncertainty: float | None = None) -> Converted | None:
        """Return what a native value becomes, ``None`` outside the relation's range.

        The variance is the relation's own and that of the native value times the slope squared.
        """
        if not self.holds(value):
            return None
        sigma = self.sigma
        if sigma is not None and uncertainty is not None:
            sigma = math.hypot(sigma, self.slope * uncertainty)
        return Converted(
            label=self.label,
            value=self.slope * value + self.intercept,
            uncertainty=sigma,
            from_scale=self.from_scale,
            native=value,
            relation_id=self.relation_id,
        )
