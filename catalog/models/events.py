"""Events, their hypocentre solutions, what is said of them, and the read side made of it all."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib.gis.db import models as gis
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Func, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.querysets import EventQuerySet, EventRowQuerySet, SolutionQuerySet

#: No 0/o, 1/l/i, u: the id is read over the telephone.
_ID_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"


def new_public_id(time: datetime) -> str:
    """Return a short id such as ``kz2014h3k2m7``: the year, then 30^6 random places."""
    return f"kz{time.year:04d}" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(6))


class Event(models.Model):
    """One earthquake (or blast, or collapse), once, whoever reported it."""

    class Status(models.TextChoices):
        AUTOMATIC = "automatic", _("automatic")
        #: Automatic reports only, and the final bulletin of the day lacks it. Kept, and may return.
        NOT_CONFIRMED = "not-confirmed", _("not confirmed")
        REVIEWED = "reviewed", _("reviewed")
        PUBLISHED = "published", _("published")
        DELETED = "deleted", _("deleted")
        MERGED = "merged", _("merged into another event")

    public_id = models.CharField(_("event id"), max_length=20, unique=True)
    event_type = models.CharField(_("type"), max_length=40, blank=True)
    event_type_certainty = models.CharField(_("type certainty"), max_length=10, blank=True)
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default="reviewed"
    )
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="absorbed"
    )
    preferred_origin = models.ForeignKey(
        "catalog.Origin", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    preferred_magnitude = models.ForeignKey(
        "catalog.Magnitude", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    preferred_focal_mechanism = models.ForeignKey(
        "catalog.FocalMechanism", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    preference = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Rule set and terms by which the preferred origin was chosen."),
    )
    synthetic = models.BooleanField(_("synthetic"), default=False)
    created_at = models.DateTimeField(default=timezone.now)
    #: Raised by whatever brings new evidence; recompute publishes this version.
    evidence_version = models.PositiveIntegerField(default=1)
    published_version = models.PositiveIntegerField(default=0)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.CheckConstraint(
                name="event_merged_says_where",
                condition=(Q(status="merged") & Q(merged_into__isnull=False))
                | (~Q(status="merged") & Q(merged_into__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    def get_absolute_url(self) -> str:
        return reverse("event", args=[self.public_id])


class PreferredMagnitude(models.Model):
    """The magnitude preferred on one scale: KR, MPVA and MLV each have their own."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="preferred_magnitudes")
    scale = models.CharField(max_length=20)
    magnitude = models.ForeignKey(
        "catalog.Magnitude", on_delete=models.PROTECT, related_name="preferred_for"
    )

    class Meta:
        verbose_name = _("preferred magnitude")
        verbose_name_plural = _("preferred magnitudes")
        constraints = [
            models.UniqueConstraint(name="preferred_scale_once", fields=["event", "scale"])
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.scale}"


class Solution(models.Model):
    """What origins, magnitudes, mechanisms and intensities share.

    ``entry`` is the report the row stands in, empty for what the portal computed. ``event`` follows
    the report; ``superseded_at`` is set when a newer entry or computation replaces the row, which
    stays findable. Those two are the only columns of a reported row that may change.
    """

    event = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, related_name="%(class)ss")
    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="%(class)ss",
    )
    superseded_at = models.DateTimeField(null=True, blank=True)
    key = models.CharField(
        max_length=200, blank=True, help_text=_("The file's own id, unique in its entry.")
    )
    agency = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author = models.CharField(_("author"), max_length=150, blank=True)
    method_id = models.CharField(_("method"), max_length=150, blank=True)
    evaluation_mode = models.CharField(_("evaluation mode"), max_length=10, blank=True)
    evaluation_status = models.CharField(_("evaluation status"), max_length=12, blank=True)
    creation_time = models.DateTimeField(_("created by its author"), null=True, blank=True)
    comments = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(_("stored"), default=timezone.now)
    #: For computed rows: parameters, rule sets, code version.
    parameters = models.JSONField(default=dict, blank=True)
    line_number = models.PositiveIntegerField(null=True, blank=True)

    objects = SolutionQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_computed(self) -> bool:
        """True for what the portal computed, False for what an agency reported."""
        return self.entry_id is None


class Origin(Solution):
    """One hypocentre solution of an event, reported by an agency or computed here.

    Field names and units are those of ``catalog.formats.records.OriginRecord``.
    """

    is_prime = models.BooleanField(
        _("the report's own choice"), default=False, help_text=_("#PRIME, preferredOriginID.")
    )
    time = models.DateTimeField(_("origin time"))
    time_uncertainty = models.FloatField(_("time uncertainty, s"), null=True)
    time_fixed = models.BooleanField(_("time fixed"), null=True)
    point = gis.PointField(_("epicentre"), srid=4326)
    epicenter_fixed = models.BooleanField(_("epicentre fixed"), null=True)
    depth_km = models.FloatField(
        _("depth, km"), null=True, help_text=_("Below sea level. Empty: not reported.")
    )
    depth_type = models.CharField(_("depth type"), max_length=50, blank=True)
    depth_uncertainty_km = models.FloatField(_("depth uncertainty, km"), null=True)
    latitude_uncertainty_km = models.FloatField(null=True)
    longitude_uncertainty_km = models.FloatField(null=True)
    horizontal_uncertainty_km = models.FloatField(null=True)
    semi_major_axis_km = models.FloatField(_("semi-major axis, km"), null=True)
    semi_minor_axis_km = models.FloatField(_("semi-minor axis, km"), null=True)
    major_axis_azimuth = models.FloatField(_("azimuth of the major axis, deg"), null=True)
    confidence_level = models.FloatField(_("confidence level, %"), null=True)
    used_phase_count = models.PositiveIntegerField(_("phases used"), null=True)
    associated_phase_count = models.PositiveIntegerField(_("phases associated"), null=True)
    used_station_count = models.PositiveIntegerField(_("stations used"), null=True)
    associated_station_count = models.PositiveIntegerField(_("stations associated"), null=True)
    depth_phase_count = models.PositiveIntegerField(null=True)
    standard_error = models.FloatField(_("standard error, s"), null=True)
    azimuthal_gap = models.FloatField(_("azimuthal gap, deg"), null=True)
    secondary_azimuthal_gap = models.FloatField(_("secondary azimuthal gap, deg"), null=True)
    minimum_distance_deg = models.FloatField(_("nearest station, deg"), null=True)
    maximum_distance_deg = models.FloatField(_("farthest station, deg"), null=True)
    median_distance_deg = models.FloatField(null=True)
    ground_truth_level = models.CharField(max_length=20, blank=True)
    earth_model_id = models.CharField(_("earth model"), max_length=100, blank=True)
    origin_type = models.CharField(max_length=30, blank=True)
    region = models.CharField(_("region as reported"), max_length=200, blank=True)
    #: What this author holds the event to be (ISF says it on the origin line).
    event_type = models.CharField(_("type"), max_length=40, blank=True)
    event_type_certainty = models.CharField(_("type certainty"), max_length=10, blank=True)

    class Meta:
        verbose_name = _("origin")
        verbose_name_plural = _("origins")
        indexes = [
            models.Index(fields=["time"], name="origin_time"),
            models.Index(fields=["event"], name="origin_current", condition=Q(superseded_at=None)),
        ]
        constraints = [
            models.CheckConstraint(
                name="origin_depth_range",
                condition=Q(depth_km__isnull=True) | Q(depth_km__gte=-12, depth_km__lte=800),
            ),
            models.CheckConstraint(
                name="origin_uncertainty_positive",
                condition=(Q(time_uncertainty__isnull=True) | Q(time_uncertainty__gte=0))
                & (Q(depth_uncertainty_km__isnull=True) | Q(depth_uncertainty_km__gte=0))
                & (Q(semi_major_axis_km__isnull=True) | Q(semi_major_axis_km__gte=0))
                & (Q(semi_minor_axis_km__isnull=True) | Q(semi_minor_axis_km__gte=0)),
            ),
            models.CheckConstraint(
                name="origin_gap_range",
                condition=Q(azimuthal_gap__isnull=True)
                | Q(azimuthal_gap__gte=0, azimuthal_gap__lte=360),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agency} {self.time:%Y-%m-%d %H:%M:%S}"

    @property
    def latitude(self) -> float:
        return self.point.y

    @property
    def longitude(self) -> float:
        return self.point.x

    @property
    def is_minute_precision(self) -> bool:
        """The source gave hours and minutes only: uncertainty 30 s and no seconds."""
        return (
            self.time_uncertainty is not None
            and self.time_uncertainty >= 30
            and self.time.second == 0
            and self.time.microsecond == 0
        )


class EventDescription(models.Model):
    """A name, a region, a tectonic summary: text about an event with a language and a source."""

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, null=True, related_name="descriptions"
    )
    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="descriptions",
    )
    type = models.CharField(_("type"), max_length=30, blank=True, help_text=_("QuakeML word"))
    language = models.CharField(_("language"), max_length=5, blank=True)
    text = models.TextField(_("text"))
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("event name or description")
        verbose_name_plural = _("event names and descriptions")

    def __str__(self) -> str:
        return self.text[:60]


class Interpretation(models.Model):
    """What one author holds an event to be: tectonic to one, induced to another.

    One that an editor wrote down has no entry. It follows ``report``, whose solution was preferred
    then, from event to event; its decision in the ledger says who and when.
    """

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, null=True, related_name="interpretations"
    )
    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="interpretations",
    )
    report = models.ForeignKey(
        "catalog.Report", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)
    agency = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    author = models.CharField(_("author"), max_length=150, blank=True)
    event_type = models.CharField(_("type"), max_length=40)
    event_type_certainty = models.CharField(_("type certainty"), max_length=10, blank=True)
    note_en = models.TextField(_("note (English)"), blank=True)
    note_ru = models.TextField(_("note (Russian)"), blank=True)
    note_kk = models.TextField(_("note (Kazakh)"), blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    recorded_by = models.ForeignKey(
        "catalog.User", on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("interpretation")
        verbose_name_plural = _("interpretations")

    def __str__(self) -> str:
        return f"{self.event}: {self.event_type} ({self.author or self.agency})"


class Consequence(models.Model):
    """What an earthquake did to people and buildings, with its source.

    One entered at the desk has no entry and follows ``report``, as an interpretation does.
    """

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, null=True, related_name="consequences"
    )
    entry = models.ForeignKey(
        "catalog.BulletinEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="consequences",
    )
    report = models.ForeignKey(
        "catalog.Report", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)
    kind = models.CharField(
        _("kind"),
        max_length=30,
        choices=[
            ("buildings damaged", _("buildings damaged")),
            ("buildings destroyed", _("buildings destroyed")),
            ("people injured", _("people injured")),
            ("people killed", _("people killed")),
            ("landslide", _("landslide")),
            ("other", _("other")),
        ],
    )
    count = models.PositiveIntegerField(_("number"), null=True, blank=True)
    approximate = models.BooleanField(_("approximate"), default=False)
    place = models.CharField(_("place"), max_length=200, blank=True)
    note_en = models.TextField(_("note (English)"), blank=True)
    note_ru = models.TextField(_("note (Russian)"), blank=True)
    note_kk = models.TextField(_("note (Kazakh)"), blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    #: Of what the source counts: numbers grow while damage is looked at.
    date = models.DateField(_("as of"), null=True, blank=True)
    recorded_by = models.ForeignKey(
        "catalog.User", on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("consequence")
        verbose_name_plural = _("consequences")

    def __str__(self) -> str:
        return f"{self.event}: {self.kind} {self.count or ''}"


class EventRow(models.Model):
    """The read side: one row a public event with the columns of search; only publishing writes."""

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, related_name="row"
    )
    public_id = models.CharField(max_length=20, unique=True)
    time = models.DateTimeField(_("origin time"))
    time_uncertainty = models.FloatField(null=True)
    minute_precision = models.BooleanField(default=False)
    point = gis.PointField(srid=4326)
    latitude = models.FloatField(_("latitude"))
    longitude = models.FloatField(_("longitude"))
    depth_km = models.FloatField(_("depth, km"), null=True)
    depth_type = models.CharField(max_length=50, blank=True)
    depth_uncertainty_km = models.FloatField(null=True)
    horizontal_uncertainty_km = models.FloatField(null=True)
    #: Author of the preferred origin; agencies that reported the event; contributor and its id.
    agency = models.CharField(_("agency"), max_length=20, blank=True)
    agencies = ArrayField(models.CharField(max_length=20), default=list)
    catalog = models.CharField(max_length=40, blank=True)
    contributor = models.CharField(max_length=20, blank=True)
    contributor_id = models.CharField(max_length=150, blank=True)
    kr = models.FloatField("KR", null=True)
    mpva = models.FloatField("MPVA", null=True)
    mlv = models.FloatField("MLV", null=True)
    ms = models.FloatField("MS", null=True)
    mb = models.FloatField("mb", null=True)
    ml = models.FloatField("ML", null=True)
    mw = models.FloatField("Mw", null=True)
    #: "The" magnitude: Mw, MS or MLV, mb, ML; never KR or MPVA.
    magnitude = models.FloatField(_("magnitude"), null=True)
    magnitude_type = models.CharField(max_length=20, blank=True)
    magnitude_agency = models.CharField(max_length=20, blank=True)
    magnitude_count = models.PositiveIntegerField(default=0)
    origin_count = models.PositiveIntegerField(default=0)
    station_count = models.PositiveIntegerField(null=True)
    phase_count = models.PositiveIntegerField(null=True)
    azimuthal_gap = models.FloatField(null=True)
    standard_error = models.FloatField(null=True)
    minimum_distance_deg = models.FloatField(null=True)
    event_type = models.CharField(max_length=40, blank=True)
    event_type_certainty = models.CharField(max_length=10, blank=True)
    status = models.CharField(max_length=16)
    evaluation_mode = models.CharField(max_length=10, blank=True)
    felt = models.BooleanField(default=False)
    max_intensity = models.FloatField(null=True)
    #: Reports of the public that count, "not felt" among them, and the largest published CDI.
    felt_report_count = models.PositiveIntegerField(default=0)
    max_cdi = models.FloatField(null=True)
    has_mechanism = models.BooleanField(default=False)
    #: Of the preferred mechanism, Zoback (1992); empty without one.
    faulting_style = models.CharField(max_length=2, blank=True)
    synthetic = models.BooleanField(default=False)
    #: Nearest settlement of some size: where it is, in the reader's language.
    settlement = models.ForeignKey(
        "catalog.Settlement", on_delete=models.PROTECT, null=True, related_name="+"
    )
    settlement_distance_km = models.FloatField(null=True)
    settlement_azimuth = models.FloatField(null=True)
    place_en = models.CharField(max_length=200, blank=True)
    place_ru = models.CharField(max_length=200, blank=True)
    place_kk = models.CharField(max_length=200, blank=True)
    name_en = models.CharField(max_length=200, blank=True)
    name_ru = models.CharField(max_length=200, blank=True)
    name_kk = models.CharField(max_length=200, blank=True)
    fdsn_text = models.TextField()
    csv_line = models.TextField()
    renderer_version = models.CharField(max_length=20)
    version = models.PositiveIntegerField()
    change_number = models.BigIntegerField(db_index=True)
    updated_at = models.DateTimeField(db_index=True)

    objects = EventRowQuerySet.as_manager()

    class Meta:
        verbose_name = _("catalogue row")
        verbose_name_plural = _("catalogue rows")
        indexes = [
            # With the status, so that a count of what a person has looked at stays in the index.
            models.Index(F("time").desc(), F("event").desc(), name="row_time", include=["status"]),
            models.Index(
                F("magnitude").desc(nulls_last=True), name="row_magnitude", include=["status"]
            ),
            models.Index(F("kr").desc(nulls_last=True), name="row_kr", include=["status"]),
            # Radius searches ask the geography; boxes and polygons the geometry (its own GiST).
            GistIndex(
                Func(F("point"), template="(%(expressions)s::geography)"), name="row_geography"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class EventFragment(models.Model):
    """One part of an event's QuakeML, joined per request into a document.

    ``plain`` is the whole element as it is told when nothing is asked for beside it, stored as
    text: PostgreSQL sends it as it is. What goes into it on request is compressed.
    """

    class Part(models.TextChoices):
        PLAIN = "plain"
        OTHER_ORIGINS = "other-origins"
        OTHER_MAGNITUDES = "other-magnitudes"
        MECHANISMS = "mechanisms"
        ARRIVALS = "arrivals"

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="fragments")
    part = models.CharField(max_length=20, choices=Part.choices)
    body = models.BinaryField()
    renderer_version = models.CharField(max_length=20)
    version = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("QuakeML part of an event")
        verbose_name_plural = _("QuakeML parts of events")
        constraints = [models.UniqueConstraint(name="fragment_once", fields=["event", "part"])]

    def __str__(self) -> str:
        return f"{self.event_id} {self.part}"
