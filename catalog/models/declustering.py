"""Flags of foreshocks, mainshocks and aftershocks, with the method that gave them.

An event has no such flag of its own: another method, other parameters or another selection give
another. So a flag is a row of a *run*, which names method, parameters, search and the catalogue's
version (``processing/core/declustering.py`` has the methods).
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class DeclusteringRun(models.Model):
    """One method with its parameters over one selection of the catalogue at one version."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    method = models.CharField(_("method"), max_length=40)
    #: Every parameter with its value, and how a size was chosen for each event.
    parameters = models.JSONField(_("parameters"), default=dict)
    #: What the method found in the data: a threshold.
    fitted = models.JSONField(default=dict, blank=True)
    search = models.TextField(
        _("search"), blank=True, help_text=_("The canonical query string. Empty: all events.")
    )
    catalogue_version = models.BigIntegerField(_("catalogue version"), null=True)
    #: The edition it is part of; such a run never changes.
    edition = models.ForeignKey(
        "catalog.Edition", on_delete=models.PROTECT, null=True, related_name="declustering_runs"
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    problem_code = models.CharField(max_length=40, blank=True)
    problem = models.JSONField(default=dict, blank=True)
    #: Events, without a size, clusters, and events by role.
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("asked by"),
    )
    asked_at = models.DateTimeField(_("asked for"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("declustering")
        verbose_name_plural = _("declusterings")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="declustering_done_is_whole",
                condition=~Q(status="done")
                | Q(catalogue_version__isnull=False, finished_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.parameter_words}".strip()

    @property
    def parameter_words(self) -> str:
        """The parameters as one line: ``b=1 df=1.6``."""
        return " ".join(
            f"{name}={value:g}" if isinstance(value, int | float) else f"{name}={value}"
            for name, value in sorted(self.parameters.items())
        )


class DeclusteringLabel(models.Model):
    """What a run says of one event."""

    class Role(models.TextChoices):
        SINGLE = "single", pgettext_lazy("role in a sequence", "single event")
        FORESHOCK = "foreshock", pgettext_lazy("role in a sequence", "foreshock")
        MAINSHOCK = "mainshock", pgettext_lazy("role in a sequence", "mainshock")
        AFTERSHOCK = "aftershock", pgettext_lazy("role in a sequence", "aftershock")

    run = models.ForeignKey(DeclusteringRun, on_delete=models.PROTECT, related_name="labels")
    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, related_name="declustering_labels"
    )
    #: Number of the cluster in the run; 0: in none.
    cluster = models.PositiveIntegerField(_("cluster"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)

    class Meta:
        verbose_name = _("role of an event in a sequence")
        verbose_name_plural = _("roles of events in sequences")
        constraints = [
            models.UniqueConstraint(name="declustering_label_once", fields=["run", "event"])
        ]
        indexes = [models.Index(fields=["run", "cluster"], name="declustering_cluster")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.event_id} {self.role}"
