"""Exports: one finished file of a search, with its checksum, kept for a time or for ever.

The bytes are rows of the database, a mebibyte each, as those of a bulletin are, and not files of
a folder. So a file and the row that tells of it are one transaction: nothing half-written is ever
seen, a worker that is killed leaves nothing, several machines need no shared disk, and a backup is
whole. The price is the database's size, which two settings bound (``EXPORT_MAX_BYTES`` a file,
``EXPORT_SPACE_BYTES`` in all). They are not packed by us: PostgreSQL presses each row anyway,
the checksum is that of the file a person holds, and any part of it can be sent without
unpacking the rest.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

CHUNK_BYTES = 1 << 20
#: Letters and digits that nobody mistakes for another; 16 of them are 80 bits.
_LETTERS = "abcdefghjkmnpqrstuvwxyz023456789"


def new_export_id() -> str:
    """Return an id that cannot be guessed: what it names may be somebody's unpublished search."""
    return "".join(secrets.choice(_LETTERS) for _ in range(16))


class ExportQuerySet(models.QuerySet["Export"]):
    def unfinished(self) -> ExportQuerySet:
        return self.filter(status__in=Export.UNFINISHED)

    def kept(self) -> ExportQuerySet:
        """Those whose file may be had."""
        return self.filter(status=Export.Status.DONE)

    def asked_for(self) -> ExportQuerySet:
        """Those somebody asked for; files of editions take no room of theirs."""
        return self.filter(edition_file__isnull=True)

    def total_size(self) -> int:
        """Return how many bytes they have together."""
        return int(self.aggregate(sum=models.Sum("size"))["sum"] or 0)


class Export(models.Model):
    """One finished file of a search, or one that is being made.

    The same search in the same format is one export as long as the catalogue has not changed.
    A row stays when its bytes have gone, so that its address can say so.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", pgettext_lazy("export", "being made")
        DONE = "done", pgettext_lazy("export", "ready")
        FAILED = "failed", _("failed")
        EXPIRED = "expired", pgettext_lazy("export", "expired")

    UNFINISHED = (Status.WAITING, Status.RUNNING)

    public_id = models.CharField(max_length=20, unique=True, default=new_export_id)
    search = models.TextField(
        _("search"), blank=True, help_text=_("The canonical query string. Empty: all events.")
    )
    format = models.CharField(_("format"), max_length=40)
    language = models.CharField(
        _("language"), max_length=5, blank=True, help_text=_("Of the headings, where they have one")
    )
    #: Where the site was asked, for formats that hold its addresses: ``https://host/``.
    site = models.CharField(max_length=300, blank=True)
    #: SHA-256 of all that decides what is in the file, but the catalogue.
    key = models.CharField(max_length=64)
    #: The catalogue's version when it was asked for, and that of the snapshot in the file.
    asked_version = models.BigIntegerField()
    catalogue_version = models.BigIntegerField(_("catalogue version"), null=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    events_done = models.PositiveIntegerField(default=0)
    events_total = models.PositiveIntegerField(null=True)
    size = models.PositiveBigIntegerField(_("size, bytes"), null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    file_name = models.CharField(_("file name"), max_length=100, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    #: Which of its chunks are the file: another worker's attempt never mixes with this one.
    content = models.UUIDField(null=True)
    #: Why it failed: a code and its values, translated when shown.
    problem_code = models.CharField(max_length=40, blank=True)
    problem = models.JSONField(default=dict, blank=True)
    #: A keyed hash of the address that asked, for the limits; forgotten within a day.
    asker = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(_("asked for"), default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    expires_at = models.DateTimeField(
        _("expires"), null=True, help_text=_("Empty, of one that is ready: kept for ever.")
    )

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="export_once",
                fields=["key", "asked_version"],
                condition=Q(status__in=["waiting", "running", "done"]),
            ),
            models.CheckConstraint(
                name="export_done_is_whole",
                condition=~Q(status="done")
                | Q(
                    content__isnull=False,
                    size__isnull=False,
                    catalogue_version__isnull=False,
                )
                & ~Q(sha256=""),
            ),
        ]
        indexes = [models.Index(fields=["status", "finished_at"], name="export_status")]

    def __str__(self) -> str:
        return f"{self.public_id} {self.format}"

    @property
    def is_over(self) -> bool:
        """Nothing more will happen by itself, but that it expires."""
        return self.status not in self.UNFINISHED

    @property
    def state(self) -> str:
        """The status, "expired" from the very moment on and not from the next sweep."""
        past = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.Status.EXPIRED if self.status == self.Status.DONE and past else self.status

    def iter_bytes(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the file's bytes from ``start`` up to ``stop``, one query a mebibyte.

        No transaction stays open however slowly they are read.

        Raises
        ------
        LookupError
            If a part is gone, because the export expired meanwhile.
        """
        if self.content is None:
            raise LookupError(f"{self} has no file")
        end = self.size or 0
        stop = end if stop is None else min(stop, end)
        for ordinal in range(start // CHUNK_BYTES, -(-stop // CHUNK_BYTES)):
            data = (
                ExportChunk.objects.filter(content=self.content, ordinal=ordinal)
                .values_list("data", flat=True)
                .first()
            )
            if data is None:
                raise LookupError(f"{self}: part {ordinal} is gone")
            first = ordinal * CHUNK_BYTES
            yield bytes(data[max(0, start - first) : stop - first])


class ExportChunk(models.Model):
    """One mebibyte of an export's file; the last may be shorter."""

    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="chunks")
    content = models.UUIDField()
    ordinal = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("part of an export")
        verbose_name_plural = _("parts of exports")
        constraints = [
            models.UniqueConstraint(name="export_chunk_once", fields=["content", "ordinal"])
        ]

    def __str__(self) -> str:
        return f"{self.export_id}/{self.ordinal}"
