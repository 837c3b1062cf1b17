"""Editions: a published, frozen, citable selection of the catalogue.

Not to be confused with a *later edition of a bulletin list* (``BulletinReading.edition_of``,
``processing/jobs/editions.py``), which is a file of an agency that continues an earlier one.

An edition begins as a draft: a search in the words of ``EventSearch``, a title, lists of events
that stand beside the count. A worker freezes it: every event with its finished lines, the files
with their SHA-256, the differences to the edition before, in one transaction. From then on the
database refuses every change but the name of the edition that takes its place (migration 0018).
"""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _


class EditionQuerySet(models.QuerySet["Edition"]):
    def published(self) -> EditionQuerySet:
        """Those that anybody may read, superseded ones among them."""
        return self.filter(status=Edition.Status.PUBLISHED)


class Edition(models.Model):
    """A selection of the catalogue under a name of its own: ``KZ-2014/1``."""

    class Status(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("edition", "draft")
        FREEZING = "freezing", pgettext_lazy("edition", "being frozen")
        PUBLISHED = "published", pgettext_lazy("edition", "published")

    series = models.CharField(
        _("series"),
        max_length=40,
        validators=[RegexValidator(r"\A[A-Z0-9]+(-[A-Z0-9]+)*\Z")],
        help_text=_("Capital letters, digits, hyphens: KZ-2014."),
    )
    #: Given when it is published, so a series counts without gaps; empty: a draft.
    number = models.PositiveIntegerField(_("number"), null=True)
    title_en = models.CharField(_("title (English)"), max_length=200)
    title_ru = models.CharField(_("title (Russian)"), max_length=200, blank=True)
    title_kk = models.CharField(_("title (Kazakh)"), max_length=200, blank=True)
    note_en = models.TextField(_("note (English)"), max_length=4000, blank=True)
    note_ru = models.TextField(_("note (Russian)"), max_length=4000, blank=True)
    note_kk = models.TextField(_("note (Kazakh)"), max_length=4000, blank=True)
    search = models.TextField(
        _("search"), blank=True, help_text=_("The canonical query string. Empty: all events.")
    )
    #: Lists outside the count, in order: ``{"title", "reason", "search"}``.
    lists = models.JSONField(_("supplementary lists"), default=list, blank=True)
    #: Declustering methods whose flags it shows: ``{"method", "parameters"}``.
    declustering = models.JSONField(_("declustering"), default=list, blank=True)
    #: What it lacks: ``{"text"}`` as an editor declares it, or as the coverage calendar tells it.
    gaps = models.JSONField(_("declared gaps"), default=list, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    #: Why freezing it failed: a code and its values, translated when shown.
    problem_code = models.CharField(max_length=40, blank=True)
    problem = models.JSONField(default=dict, blank=True)
    #: SHA-256 of what its editor saw before publishing: nothing else is frozen.
    previewed = models.CharField(max_length=64, blank=True)
    #: Where the site was asked, for the address in the citation: ``https://host/``.
    site = models.CharField(max_length=300, blank=True)
    catalogue_version = models.BigIntegerField(_("catalogue version"), null=True)
    #: SHA-256 of ``checksums``: one number for all of it.
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    #: Events, by type, by class of KR; of each list; the differences to the edition before.
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    #: Columns of the events' CSV lines.
    columns = models.JSONField(default=list, blank=True)
    #: Language -> the reference as text; what it was made of is beside it for reference managers.
    citation = models.JSONField(_("citation"), default=dict, blank=True)
    reference = models.JSONField(default=dict, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("drafted by"),
    )
    created_at = models.DateTimeField(_("drafted"), default=timezone.now)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("published by"),
    )
    published_at = models.DateTimeField(_("published"), null=True)
    superseded_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="supersedes",
        verbose_name=_("superseded by"),
    )

    objects = EditionQuerySet.as_manager()

    class Meta:
        verbose_name = _("edition")
        verbose_name_plural = _("editions")
        ordering = ["-published_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="edition_once", fields=["series", "number"]),
            models.CheckConstraint(
                name="edition_published_is_whole",
                condition=~Q(status="published")
                | Q(
                    number__isnull=False,
                    catalogue_version__isnull=False,
                    published_at__isnull=False,
                )
                & ~Q(sha256=""),
            ),
            models.CheckConstraint(
                name="edition_numbered_when_published",
                condition=Q(status="published") | Q(number__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("edition", args=[self.series, self.number])

    @property
    def name(self) -> str:
        """The name it is cited by; a draft has the series' only."""
        return self.series if self.number is None else f"{self.series}/{self.number}"

    @property
    def file_stem(self) -> str:
        return f"{self.series}-{self.number}"

    @property
    def title(self) -> str:
        """The title in the reader's language, else in English."""
        return self._in_language("title")

    @property
    def note(self) -> str:
        return self._in_language("note")

    def _in_language(self, field: str) -> str:
        language = (get_language() or "en")[:2]
        return str(getattr(self, f"{field}_{language}", "") or getattr(self, f"{field}_en"))

    @property
    def previous(self) -> Edition | None:
        """The edition of the series before it."""
        if self.number is None:
            return Edition.objects.published().filter(series=self.series).order_by("number").last()
        return (
            Edition.objects.published()
            .filter(series=self.series, number__lt=self.number)
            .order_by("number")
            .last()
        )

    def checksums(self) -> str:
        """Return the sums of all files, as ``sha256sum -c`` reads them."""
        files = self.files.select_related("export").order_by("pk")
        return "".join(f"{file.export.sha256}  {file.name}\n" for file in files)


class EditionEvent(models.Model):
    """An event as it stood in an edition: its finished lines, its place, the list it stands in."""

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="events")
    #: 0: counted; else the number of the supplementary list, from 1.
    list = models.PositiveSmallIntegerField(default=0)
    place = models.PositiveIntegerField(_("place"), help_text=_("From 1, in the order of time."))
    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, related_name="edition_events"
    )
    public_id = models.CharField(_("event id"), max_length=20)
    csv_line = models.TextField()
    fdsn_text = models.TextField()

    class Meta:
        verbose_name = _("event of an edition")
        verbose_name_plural = _("events of editions")
        constraints = [
            models.UniqueConstraint(name="edition_event_once", fields=["edition", "event"]),
            models.UniqueConstraint(name="edition_place_once", fields=["edition", "list", "place"]),
        ]

    def __str__(self) -> str:
        return f"{self.edition_id} {self.public_id}"


class EditionFile(models.Model):
    """A file of an edition; its bytes are those of an export that is kept for ever."""

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="files")
    #: csv, text, quakeml; list-1, list-2 ...; differences.
    kind = models.CharField(_("kind"), max_length=20)
    name = models.CharField(_("file name"), max_length=100)
    export = models.OneToOneField(
        "catalog.Export", on_delete=models.PROTECT, related_name="edition_file"
    )

    class Meta:
        verbose_name = _("file of an edition")
        verbose_name_plural = _("files of editions")
        constraints = [
            models.UniqueConstraint(name="edition_file_once", fields=["edition", "kind"])
        ]

    def __str__(self) -> str:
        return self.name
