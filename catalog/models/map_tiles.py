"""The map's tiles and the manifest that lists those of now; only the workers write them.

A tile is immutable and named by its content, so a browser keeps it for ever. All of it is made from
the read side and may be made again at any time (``processing/jobs/map_tiles.py``).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MapTile(models.Model):
    """The events of one stretch of time, packed (``catalog.formats.map_tiles``)."""

    class Kind(models.TextChoices):
        DECADE = "decade", _("decade")
        YEAR = "year", _("year")
        MONTH = "month", _("month")

    hash = models.CharField(
        primary_key=True,
        max_length=32,
        help_text=_("The first half of the SHA-256 of its unpacked bytes."),
    )
    kind = models.CharField(_("stretch of time"), max_length=6, choices=Kind.choices)
    #: Milliseconds since 1970, the end not included: a decade may begin before the year 1.
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    count = models.PositiveIntegerField(_("events"))
    size = models.PositiveIntegerField(_("size, bytes"))
    body = models.BinaryField(help_text=_("Packed by gzip, as it is sent."))
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    retired_at = models.DateTimeField(
        _("retired"),
        null=True,
        blank=True,
        help_text=_("No longer in the manifest; kept a week for pages that are open."),
    )

    class Meta:
        verbose_name = _("map tile")
        verbose_name_plural = _("map tiles")
        ordering = ["-start_ms", "hash"]
        indexes = [
            models.Index(
                fields=["retired_at"],
                name="tile_retired",
                condition=Q(retired_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.hash


class MapManifest(models.Model):
    """The one row that lists the tiles of now; without it none have been made yet."""

    version = models.BigIntegerField(
        _("version of the catalogue"), null=True, help_text=_("Whose events the tiles hold.")
    )
    #: Of each tile, newest first: hash, kind, start, end, count, bytes.
    tiles = models.JSONField(_("tiles"), default=list)
    made_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        verbose_name = _("list of map tiles")
        verbose_name_plural = _("lists of map tiles")

    def __str__(self) -> str:
        return str(self.version)

    @classmethod
    def current(cls) -> MapManifest | None:
        """Return the manifest, ``None`` while a worker has not made it."""
        return cls.objects.filter(pk=1, version__isnull=False).first()
