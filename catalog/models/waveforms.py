"""Waveforms sent to an event, and what was measured on them.

A file is kept as received. A measurement is one scale on one channel; it is never changed: what a
worker measures anew or an operator moves or rejects is a new row in its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class WaveformFile(models.Model):
    """A file of waveforms exactly as received. The same bytes are one file of an event."""

    class Kind(models.TextChoices):
        MINISEED = "miniseed", "MiniSEED"
        SAC = "sac", "SAC"

    class Status(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("waveform file", "waiting")
        READ = "read", pgettext_lazy("waveform file", "read")
        FAILED = "failed", pgettext_lazy("waveform file", "could not be read")

    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, related_name="waveform_files"
    )
    sha256 = models.CharField(max_length=64, editable=False)
    name = models.CharField(_("file name"), max_length=255)
    size = models.PositiveBigIntegerField(_("size, bytes"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="waveform_files"
    )
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    # Status columns: they alone may change.
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    #: Of each channel: id, start and end (seconds since 1970), rate [Hz], samples, segments.
    traces = models.JSONField(default=list, blank=True)
    #: code, field, found, expected of each.
    problems = models.JSONField(default=list, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("waveform file")
        verbose_name_plural = _("waveform files")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="waveform_file_once", fields=["event", "sha256"])
        ]

    def __str__(self) -> str:
        return self.name

    def iter_bytes(self) -> Iterator[bytes]:
        for data in (
            self.chunks.order_by("ordinal").values_list("data", flat=True).iterator(chunk_size=4)
        ):
            yield bytes(data)


class WaveformChunk(models.Model):
    """One mebibyte of a file."""

    file = models.ForeignKey(WaveformFile, on_delete=models.PROTECT, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("part of a waveform file")
        verbose_name_plural = _("parts of waveform files")
        constraints = [
            models.UniqueConstraint(name="waveform_chunk_once", fields=["file", "ordinal"])
        ]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.ordinal}"


class WaveformMeasurement(models.Model):
    """What one scale reads on one channel of an event, or by name why it reads nothing."""

    class Act(models.TextChoices):
        AUTOMATIC = "automatic", pgettext_lazy("measurement", "measured")
        MOVED = "moved", pgettext_lazy("measurement", "moved")
        REJECTED = "rejected", pgettext_lazy("measurement", "rejected")
        RESTORED = "restored", pgettext_lazy("measurement", "as measured again")

    #: A person's word stands when workers measure anew.
    BY_HAND = (Act.MOVED, Act.REJECTED)

    event = models.ForeignKey(
        "catalog.Event", on_delete=models.PROTECT, related_name="waveform_measurements"
    )
    file = models.ForeignKey(WaveformFile, on_delete=models.PROTECT, related_name="measurements")
    origin = models.ForeignKey(
        "catalog.Origin",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("The windows are from it."),
    )
    station = models.ForeignKey(
        "catalog.Station", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    trace_id = models.CharField(
        _("channel"), max_length=40, help_text=_("Network, station, location, channel.")
    )
    component = models.CharField(_("component"), max_length=1)
    latitude = models.FloatField(_("latitude"), null=True, help_text=_("Of the sensor, deg."))
    longitude = models.FloatField(_("longitude"), null=True, help_text=_("Of the sensor, deg."))
    distance_deg = models.FloatField(_("distance, deg"), null=True)
    scale = models.CharField(_("scale"), max_length=20, help_text=_("Id of the scale's record."))
    wave = models.CharField(_("wave"), max_length=1)
    instrument = models.CharField(_("instrument"), max_length=20)
    amplitude = models.FloatField(
        _("amplitude"), null=True, help_text=_("In the unit of the scale: nm or nm/s.")
    )
    period = models.FloatField(_("period, s"), null=True)
    time = models.DateTimeField(_("time of the extremum"), null=True)
    #: Two pairs of seconds after ``noise_from`` and the value on the trace.
    pair = models.JSONField(default=list, blank=True)
    noise = models.FloatField(
        _("noise"), null=True, help_text=_("Half of it from lowest to highest, on the trace.")
    )
    outcome = models.CharField(
        _("outcome"), max_length=30, blank=True, help_text=_("Empty: the value may be used.")
    )
    p_time = models.DateTimeField(_("predicted P"), null=True)
    s_time = models.DateTimeField(_("predicted S"), null=True)
    noise_from = models.DateTimeField(null=True)
    noise_to = models.DateTimeField(null=True)
    window_from = models.DateTimeField(_("window from"), null=True)
    window_to = models.DateTimeField(_("window to"), null=True)
    #: Turning points of the simulated trace: seconds after ``noise_from``, then values; float32.
    turns = models.BinaryField(null=True)
    method_id = models.CharField(_("method"), max_length=150)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    inputs = models.CharField(max_length=64, help_text=_("SHA-256 of all that went in."))
    act = models.CharField(max_length=10, choices=Act.choices, default=Act.AUTOMATIC)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("waveform measurement")
        verbose_name_plural = _("waveform measurements")
        ordering = ["distance_deg", "trace_id", "scale", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="waveform_measurement_once",
                fields=["event", "trace_id", "scale"],
                condition=Q(superseded_at=None),
            ),
            models.CheckConstraint(
                name="waveform_value_or_reason",
                condition=Q(amplitude__isnull=False) | ~Q(outcome=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trace_id} {self.scale}"
