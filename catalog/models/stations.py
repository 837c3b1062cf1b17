"""Networks, stations and their channels, and the StationXML files these came in.

A station is (network or agency, code, epoch), never a bare code. A channel is (station's network
and code, location, code, start). What StationXML says of them beyond our columns is kept as
finished, checked XML, compressed, from which the station service joins its answers.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models as gis
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Restriction(models.TextChoices):
    """Who may have the data, in the words of StationXML; blank: not told."""

    OPEN = "open", _("open")
    CLOSED = "closed", _("closed")
    PARTIAL = "partial", _("partial")


class Network(models.Model):
    code = models.CharField(_("code"), max_length=10, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=200, blank=True)
    name_ru = models.CharField(_("name (Russian)"), max_length=200, blank=True)
    name_kk = models.CharField(_("name (Kazakh)"), max_length=200, blank=True)
    operator = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="networks"
    )
    start = models.DateTimeField(_("from"), null=True, blank=True)
    end = models.DateTimeField(_("to"), null=True, blank=True)
    restricted_status = models.CharField(
        _("restriction of the data"), max_length=7, choices=Restriction.choices, blank=True
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class _EpochRange(Func):
    """tstzrange(start, end): the epoch, open where a bound is NULL."""

    function = "TSTZRANGE"
    output_field = models.Field()


class Station(models.Model):
    """One epoch of a station: a place it stood at, from a date to a date."""

    class Kind(models.TextChoices):
        THREE_COMPONENT = "three-component", _("three-component station")
        ARRAY = "array", _("array")
        ARRAY_ELEMENT = "array element", _("array element")
        OTHER = "other", _("other")

    network = models.ForeignKey(
        Network, on_delete=models.PROTECT, null=True, blank=True, related_name="stations"
    )
    agency = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="stations"
    )
    code = models.CharField(_("code"), max_length=10)
    name_en = models.CharField(_("site (English)"), max_length=100, blank=True)
    name_ru = models.CharField(_("site (Russian)"), max_length=100, blank=True)
    name_kk = models.CharField(_("site (Kazakh)"), max_length=100, blank=True)
    point = gis.PointField(_("coordinates"), srid=4326)
    elevation_m = models.FloatField(_("elevation, m"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.OTHER)
    array = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="elements"
    )
    start = models.DateTimeField(_("from"), null=True, blank=True)
    end = models.DateTimeField(_("to"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=200, blank=True)
    synthetic = models.BooleanField(
        _("synthetic"),
        default=False,
        help_text=_("Invented for the example; nothing stands there."),
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("station")
        verbose_name_plural = _("stations")
        ordering = ["code", "start"]
        indexes = [models.Index(fields=["code"], name="station_code")]
        constraints = [
            models.CheckConstraint(
                name="station_epoch_order",
                condition=Q(end__isnull=True) | Q(start__isnull=True) | Q(end__gt=F("start")),
            ),
            # One place at one time for a code of a network (or agency, where there is no network).
            ExclusionConstraint(
                name="station_epochs_apart",
                expressions=[
                    (Func(F("network_id"), -1, function="COALESCE"), RangeOperators.EQUAL),
                    (Func(F("agency_id"), -1, function="COALESCE"), RangeOperators.EQUAL),
                    ("code", RangeOperators.EQUAL),
                    (_EpochRange(F("start"), F("end")), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.network or self.agency or '—'}.{self.code}"

    @property
    def latitude(self) -> float:
        return self.point.y

    @property
    def longitude(self) -> float:
        return self.point.x


class StationAlias(models.Model):
    """An agency's own code for a station: SOME's MDO is Medeo, not the one in Scotland."""

    agency = models.ForeignKey("catalog.Agency", on_delete=models.PROTECT, related_name="aliases")
    code = models.CharField(_("code"), max_length=10)
    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="aliases")

    class Meta:
        verbose_name = _("station alias")
        verbose_name_plural = _("station aliases")
        constraints = [
            models.UniqueConstraint(name="alias_unique", fields=["agency", "code", "station"])
        ]

    def __str__(self) -> str:
        return f"{self.agency}: {self.code} = {self.station}"


class StationFile(models.Model):
    """A StationXML file exactly as received. The same bytes are one file, whoever sends them."""

    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(_("file name"), max_length=255)
    size = models.PositiveBigIntegerField(_("size, bytes"))
    content = models.BinaryField()
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="station_files",
        help_text=_("Empty: by the command."),
    )
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    # What its last reading found: they alone may change.
    read_at = models.DateTimeField(_("read"), default=timezone.now)
    station_count = models.PositiveIntegerField(_("stations"), default=0)
    channel_count = models.PositiveIntegerField(_("channels"), default=0)
    response_count = models.PositiveIntegerField(_("responses"), default=0)
    problem_count = models.PositiveIntegerField(_("problems"), default=0)

    class Meta:
        verbose_name = _("StationXML file")
        verbose_name_plural = _("StationXML files")
        ordering = ["-read_at"]

    def __str__(self) -> str:
        return self.name


class StationFileProblem(models.Model):
    """One thing in a StationXML file that could not be used, as its last reading found it."""

    file = models.ForeignKey(StationFile, on_delete=models.PROTECT, related_name="problems")
    line_number = models.PositiveIntegerField(null=True, blank=True)
    code = models.CharField(max_length=30)
    field = models.CharField(max_length=100, blank=True)
    found = models.CharField(max_length=200, blank=True)
    expected = models.CharField(max_length=200, blank=True)
    severity = models.CharField(max_length=10, default="warning")

    class Meta:
        verbose_name = _("problem of a StationXML file")
        verbose_name_plural = _("problems of StationXML files")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.line_number}: {self.code}"


class StationDescription(models.Model):
    """What StationXML says of a station beyond our columns, its epoch as the file dates it.

    ``xml``: finished elements as ``catalog.formats.stationxml.StationRecord`` has them, compressed.
    """

    station = models.OneToOneField(
        Station, on_delete=models.PROTECT, primary_key=True, related_name="description"
    )
    file = models.ForeignKey(StationFile, on_delete=models.PROTECT, related_name="descriptions")
    start = models.DateTimeField(_("from"), null=True, blank=True)
    end = models.DateTimeField(_("to"), null=True, blank=True)
    restricted_status = models.CharField(
        _("restriction of the data"), max_length=7, choices=Restriction.choices, blank=True
    )
    xml = models.BinaryField()

    class Meta:
        verbose_name = _("description of a station")
        verbose_name_plural = _("descriptions of stations")

    def __str__(self) -> str:
        return f"{self.station}"


class Channel(models.Model):
    """One epoch of a channel of a station, with its StationXML."""

    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="channels")
    file = models.ForeignKey(StationFile, on_delete=models.PROTECT, related_name="channels")
    location_code = models.CharField(_("location code"), max_length=10, blank=True)
    code = models.CharField(_("channel code"), max_length=10)
    start = models.DateTimeField(_("from"), null=True, blank=True)
    end = models.DateTimeField(_("to"), null=True, blank=True)
    latitude = models.FloatField(_("latitude"), help_text=_("Degrees, WGS 84."))
    longitude = models.FloatField(_("longitude"), help_text=_("Degrees, WGS 84."))
    elevation_m = models.FloatField(_("elevation, m"))
    depth_m = models.FloatField(_("depth of the sensor, m"), help_text=_("Below the surface."))
    azimuth_deg = models.FloatField(
        _("azimuth"), null=True, blank=True, help_text=_("Degrees clockwise from north.")
    )
    dip_deg = models.FloatField(
        _("dip"), null=True, blank=True, help_text=_("Degrees down from the horizontal.")
    )
    sample_rate_hz = models.FloatField(_("sample rate, Hz"), null=True, blank=True)
    sensor = models.CharField(_("sensor"), max_length=200, blank=True)
    sensitivity = models.FloatField(_("sensitivity"), null=True, blank=True)
    sensitivity_frequency_hz = models.FloatField(
        _("frequency of the sensitivity, Hz"), null=True, blank=True
    )
    sensitivity_units = models.CharField(_("input units"), max_length=50, blank=True)
    restricted_status = models.CharField(
        _("restriction of the data"), max_length=7, choices=Restriction.choices, blank=True
    )
    xml = models.BinaryField(help_text=_("The element without its response, compressed."))
    response = models.BinaryField(null=True, help_text=_("The response, compressed."))
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["station", "location_code", "code", "start"]
        constraints = [
            models.UniqueConstraint(
                name="channel_once",
                fields=["station", "location_code", "code", "start"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="channel_epoch_order",
                condition=Q(end__isnull=True) | Q(start__isnull=True) | Q(end__gt=F("start")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station}.{self.location_code}.{self.code}"
