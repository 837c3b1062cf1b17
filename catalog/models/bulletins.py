"""What was received: the bytes, how they were read, each event as reported, each problem.

A file is kept as received. A *reading* is one interpretation of it (agency, format, reader
version); one reading of a file is current. An *entry* is one event as that reading tells it. A
*report* is an agency's word on one event over time: newer entries of the same identity supersede
older ones, and decisions about a report survive that.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

CHUNK_BYTES = 1 << 20


class BulletinFile(models.Model):
    """A file exactly as received. The same bytes are one file, whoever sends them again."""

    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(_("file name"), max_length=255)
    size = models.PositiveBigIntegerField(_("size, bytes"))
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulletin_files"
    )
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        verbose_name = _("bulletin file")
        verbose_name_plural = _("bulletin files")
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return self.name

    def iter_bytes(self) -> Iterator[bytes]:
        for data in (
            self.chunks.order_by("ordinal").values_list("data", flat=True).iterator(chunk_size=4)
        ):
            yield bytes(data)


class BulletinChunk(models.Model):
    """One mebibyte of a file."""

    file = models.ForeignKey(BulletinFile, on_delete=models.PROTECT, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("part of a bulletin file")
        verbose_name_plural = _("parts of bulletin files")
        constraints = [models.UniqueConstraint(name="chunk_unique", fields=["file", "ordinal"])]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.ordinal}"


class BulletinReading(models.Model):
    """One reading of a file under an agency by a reader version."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        READ = "read", _("read")
        FAILED = "failed", _("could not be read")
        REPLACED = "replaced", _("replaced by a newer reading")

    file = models.ForeignKey(BulletinFile, on_delete=models.PROTECT, related_name="readings")
    number = models.PositiveIntegerField(_("number"))
    agency = models.ForeignKey("catalog.Agency", on_delete=models.PROTECT, related_name="readings")
    format = models.CharField(_("format"), max_length=20)
    reader_version = models.CharField(_("reader version"), max_length=20)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    evaluation_mode = models.CharField(
        _("bulletin kind"), max_length=10, default="manual", help_text=_("automatic or manual")
    )
    options = models.JSONField(
        _("options"),
        default=dict,
        blank=True,
        help_text=_("What the operator said of the file: its time zone, its columns."),
    )
    edition_of = models.ForeignKey(
        BulletinFile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="later_editions",
        verbose_name=_("later edition of"),
        help_text=_("Its events take the place of that file's, also where neither has ids."),
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulletin_readings"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    # Status columns: they alone may change.
    is_current = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    read_at = models.DateTimeField(null=True, blank=True)
    entry_count = models.PositiveIntegerField(default=0)
    problem_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        constraints = [
            models.UniqueConstraint(name="reading_number", fields=["file", "number"]),
            models.UniqueConstraint(
                name="reading_one_current", fields=["file"], condition=Q(is_current=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file} #{self.number}"


class ColumnMapping(models.Model):
    """The layout of a list of unknown format, as a person described it.

    A mapping is never changed: a better one of the same name is its next version. A reading keeps
    its own copy, so that it can be made again just so.
    """

    name = models.SlugField(_("name"), max_length=50)
    version = models.PositiveIntegerField(_("version"), default=1)
    definition = models.JSONField(help_text=_("As catalog.formats.mapped_table describes it."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="column_mappings"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")
        ordering = ["name", "-version"]
        constraints = [models.UniqueConstraint(name="mapping_version", fields=["name", "version"])]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Report(models.Model):
    """An agency's word on one event over time.

    ``key`` is ``id:<agency's event id>`` or, where the agency gives none, ``hash:<content hash>``.
    """

    agency = models.ForeignKey("catalog.Agency", on_delete=models.PROTECT, related_name="reports")
    key = models.CharField(max_length=200)
    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    current_entry = models.OneToOneField(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="current_of",
    )
    withdrawn_at = models.DateTimeField(
        _("withdrawn"), null=True, blank=True, help_text=_("A newer reading no longer has it.")
    )
    outranked_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="outranks",
        verbose_name=_("replaced by"),
        help_text=_("The agency's later word on the event: final after preliminary or automatic."),
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [models.UniqueConstraint(name="report_identity", fields=["agency", "key"])]

    def __str__(self) -> str:
        return f"{self.agency} {self.key}"


class BulletinEntry(models.Model):
    """One event as one reading reports it: its own text and where it stands in the file.

    Its parts hang on it: origins, magnitudes, picks ... An entry superseded by a newer one keeps
    its rows.
    """

    reading = models.ForeignKey(BulletinReading, on_delete=models.PROTECT, related_name="entries")
    ordinal = models.PositiveIntegerField()
    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="entries")
    event_id_reported = models.CharField(_("agency's event id"), max_length=150, blank=True)
    content_hash = models.CharField(max_length=64)
    first_line = models.PositiveIntegerField()
    last_line = models.PositiveIntegerField()
    text = models.TextField(_("text as received"))
    event_type = models.CharField(max_length=40, blank=True)
    event_type_certainty = models.CharField(max_length=10, blank=True)
    comments = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=300, blank=True)
    author = models.CharField(max_length=150, blank=True)
    agency_reported = models.CharField(
        _("agency named by the row"),
        max_length=20,
        blank=True,
        help_text=_("As the file writes it."),
    )
    synthetic = models.BooleanField(default=False)
    deleted = models.BooleanField(
        default=False, help_text=_("The file says that the event does not exist.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    # Status columns.
    superseded_at = models.DateTimeField(null=True, blank=True)
    associated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ["reading", "ordinal"]
        constraints = [
            models.UniqueConstraint(name="entry_identity", fields=["reading", "ordinal"])
        ]
        indexes = [
            models.Index(
                name="entry_unassociated",
                fields=["reading"],
                condition=Q(associated_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.reading} {self.ordinal}"


class BulletinProblem(models.Model):
    """A datum a reading could not use: line, what was found, what was expected."""

    reading = models.ForeignKey(BulletinReading, on_delete=models.PROTECT, related_name="problems")
    entry = models.ForeignKey(
        BulletinEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="problems"
    )
    line_number = models.PositiveIntegerField(null=True, blank=True)
    code = models.CharField(max_length=40)
    field = models.CharField(max_length=100, blank=True)
    found = models.CharField(max_length=200, blank=True)
    expected = models.CharField(max_length=200, blank=True)
    severity = models.CharField(max_length=10, default="warning")

    class Meta:
        verbose_name = _("problem")
        verbose_name_plural = _("problems")
        ordering = ["reading", "line_number", "pk"]

    def __str__(self) -> str:
        return f"{self.line_number}: {self.code} {self.found!r}"


class UploadKey(models.Model):
    """An Idempotency-Key of the upload API and what was answered to it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="upload_keys"
    )
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("upload key")
        verbose_name_plural = _("upload keys")
        constraints = [models.UniqueConstraint(name="upload_key_unique", fields=["user", "key"])]

    def __str__(self) -> str:
        return self.key
