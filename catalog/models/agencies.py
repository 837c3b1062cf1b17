"""Who observes and who publishes, and how one institution becomes another."""

from __future__ import annotations

from django.contrib.gis.db import models as gis
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Agency(models.Model):
    """An institution that makes solutions. Old rows keep the agency of their time.

    A provisional agency was met in a bulletin (ISC lists dozens of authors) and has no details yet.
    """

    code = models.CharField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=200, blank=True)
    name_ru = models.CharField(_("name (Russian)"), max_length=200, blank=True)
    name_kk = models.CharField(_("name (Kazakh)"), max_length=200, blank=True)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    successor = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="predecessors"
    )
    is_provisional = models.BooleanField(_("provisional"), default=False)
    is_portal = models.BooleanField(
        _("this portal"),
        default=False,
        help_text=_("The agency under which computed values appear."),
    )
    url = models.URLField(_("web page"), blank=True)
    attribution = models.CharField(_("attribution"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("agency")
        verbose_name_plural = _("agencies")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                name="agency_valid_order",
                condition=Q(valid_to__isnull=True)
                | Q(valid_from__isnull=True)
                | Q(valid_to__gte=F("valid_from")),
            ),
            models.UniqueConstraint(
                name="agency_one_portal", fields=["is_portal"], condition=Q(is_portal=True)
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def name(self) -> str:
        """The name in the reader's language, else English, else the code."""
        return (
            getattr(self, f"name_{(get_language() or 'en')[:2]}", "") or self.name_en or self.code
        )


class AuthoritativeArea(models.Model):
    """A named area of the preference rules, which say whose solution leads in it.

    Its border is never moved, because versions of the rules name it: another border is another
    area.
    """

    name = models.CharField(max_length=100, unique=True)
    area = gis.MultiPolygonField(srid=4326)

    class Meta:
        verbose_name = _("authoritative area")
        verbose_name_plural = _("authoritative areas")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
