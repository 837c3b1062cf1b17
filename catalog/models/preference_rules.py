"""The published rules by which a solution stands first: versions that are never edited."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class PreferenceRuleSet(models.Model):
    """One version of the rule that chooses an event's preferred origin and magnitudes.

    A row is never edited nor deleted: a better rule is the next version. Only where it stands
    changes (draft, in force, retired) and what a look ahead found of it. Every decision of the
    ledger names the version it was made by, so what was chosen can be explained later.

    ``definition`` is read by ``processing.jobs.preference_rules``:

    - ``weights``: of each term of an origin's sum, by the term's name
    - ``station_cap``: stations beyond which more do not count
    - ``areas``: names of ``AuthoritativeArea``, the first that holds the event decides; an empty
      name holds everywhere. Each with ``agencies`` in order, and ``scales`` where a scale has an
      order of agencies of its own
    - ``scales``: for each scale the order of criteria of its magnitudes
    """

    class Status(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("preference rules", "draft")
        IN_FORCE = "in-force", pgettext_lazy("preference rules", "in force")
        RETIRED = "retired", pgettext_lazy("preference rules", "retired")

    name = models.SlugField(_("name"), max_length=40)
    version = models.PositiveIntegerField(_("version"))
    definition = models.JSONField(_("definition"))
    note = models.TextField(_("note"), blank=True, max_length=2000)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text=_("Empty: shipped with the portal."),
    )
    created_at = models.DateTimeField(default=timezone.now)
    status_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    status_changed_at = models.DateTimeField(null=True)
    #: What putting it in force would change: counts and the events, as last looked at.
    preview = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("preference rules")
        verbose_name_plural = _("preference rules")
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(name="preference_rules_version", fields=["name", "version"]),
            models.UniqueConstraint(
                name="one_preference_rule_set_in_force",
                fields=["status"],
                condition=Q(status="in-force"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"
