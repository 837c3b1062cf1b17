"""What people say they felt: reports, what they are tied to, what they make together.

A report is kept as it was sent. What may change is what the portal and its moderators say of it:
the event it is tied to, its flags, the verdict. Words and addresses of a person stand apart in
``FeltReportPersonal``, which is exported never and may be deleted without touching the report.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models as gis
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models.events import Event
from catalog.models.macroseismic import Settlement


class FeltReport(models.Model):
    """One person's account of one earthquake; "I did not feel it" is as good a one.

    ``answers`` holds question code -> code of the option taken (a list of codes for damage);
    questions left out are absent, which is not "no".
    """

    class PlaceSource(models.TextChoices):
        SETTLEMENT = "settlement", _("chosen from the list of settlements")
        MAP = "map", _("shown on the map")
        PHONE = "phone", _("position of the phone")
        WORDS = "words", _("written in words")

    class Verdict(models.TextChoices):
        NONE = "", _("not looked at")
        ACCEPTED = "accepted", _("counts")
        REJECTED = "rejected", _("does not count")

    #: Made by the sender's device: a retry brings the same one and is no second report.
    client_id = models.UUIDField(_("id of the sender"), unique=True)
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="felt_reports",
        verbose_name=_("event"),
    )
    felt = models.BooleanField(_("felt"))
    #: As the person told it; empty: when the event was, or just before the report came.
    felt_at = models.DateTimeField(_("felt at"), null=True, blank=True)
    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="felt_reports"
    )
    #: The name a person wrote where the list had none that fits.
    place = models.CharField(_("place as written"), max_length=200, blank=True)
    point = gis.PointField(srid=4326, null=True, blank=True)
    #: How far the true place may be from the point [km]; a cell smaller than that is not told.
    precision_km = models.FloatField(_("precision of the place, km"), null=True, blank=True)
    place_source = models.CharField(
        _("place by"), max_length=12, choices=PlaceSource.choices, blank=True
    )
    #: The grade whose words and drawing the person chose, MSK-64 wording; empty: none chosen.
    chosen_grade = models.PositiveSmallIntegerField(_("chosen grade"), null=True, blank=True)
    answers = models.JSONField(_("answers"), default=dict, blank=True)
    language = models.CharField(_("language"), max_length=2)
    received_at = models.DateTimeField(_("received"), default=timezone.now, db_index=True)
    #: Keyed hash of the random token of the device; it names nobody.
    device = models.CharField(max_length=64, blank=True)
    #: Salted hash of the address it came from; emptied after 30 days.
    address_hash = models.CharField(max_length=64, blank=True)
    #: Why a report is in doubt: codes of ``catalog.felt_keeping`` and of
    #: ``processing.core.felt_filters``; a flag deletes nothing.
    flags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    verdict = models.CharField(
        _("verdict"), max_length=8, choices=Verdict.choices, default=Verdict.NONE, blank=True
    )
    verdict_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    verdict_at = models.DateTimeField(null=True, blank=True)
    #: When a worker last looked at it; empty: nobody has yet.
    processed_at = models.DateTimeField(null=True, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)

    class Meta:
        verbose_name = _("felt report")
        verbose_name_plural = _("felt reports")
        indexes = [
            models.Index("received_at", name="felt_unread", condition=Q(processed_at__isnull=True)),
            models.Index("device", "received_at", name="felt_device"),
            models.Index(
                "address_hash",
                "received_at",
                name="felt_address",
                condition=~Q(address_hash=""),
            ),
            GistIndex("point", name="felt_point"),
            models.Index(Coalesce("felt_at", "received_at"), name="felt_when"),
        ]
        constraints = [
            models.CheckConstraint(
                name="felt_chosen_grade",
                condition=Q(chosen_grade__isnull=True) | Q(chosen_grade__range=(1, 12)),
            ),
        ]

    def __str__(self) -> str:
        return str(self.client_id)

    @property
    def counts(self) -> bool:
        """Whether it goes into an intensity: accepted by a person, or nothing speaks against it."""
        if self.verdict:
            return self.verdict == self.Verdict.ACCEPTED
        return not self.flags


class FeltReportPersonal(models.Model):
    """Free words and contact of the person, apart from the report; never exported."""

    report = models.OneToOneField(FeltReport, on_delete=models.PROTECT, related_name="personal")
    comment = models.TextField(_("comment"), blank=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    contact = models.CharField(_("telephone or e-mail"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("personal part of a felt report")
        verbose_name_plural = _("personal parts of felt reports")

    def __str__(self) -> str:
        return str(self.report_id)


class FeltTie(models.Model):
    """A report tied to an event, to another one, or untied: when, by whom or which rule, why."""

    report = models.ForeignKey(FeltReport, on_delete=models.PROTECT, related_name="ties")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, related_name="+")
    previous = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, related_name="+")
    rule = models.CharField(_("rule"), max_length=60)
    #: The numbers by which it was chosen (seconds, km, predicted intensity), rivals included.
    terms = models.JSONField(default=dict, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("tie of a felt report")
        verbose_name_plural = _("ties of felt reports")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.previous_id} -> {self.event_id}"


class FeltDecision(models.Model):
    """What a moderator did with a report; never rewritten, a later one takes an earlier back."""

    class Kind(models.TextChoices):
        ACCEPT = "accept", _("counts")
        REJECT = "reject", _("does not count")
        REOPEN = "reopen", _("verdict taken back")
        TIE = "tie", _("tied to an event")
        UNTIE = "untie", _("tied to no event")
        SETTLEMENT = "settlement", _("settlement set")
        DELETE_PERSONAL = "personal", _("personal part deleted")

    report = models.ForeignKey(FeltReport, on_delete=models.PROTECT, related_name="decisions")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    #: What stood before and after: keys of events and settlements, the verdict; never words.
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="felt_decisions"
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("decision on a felt report")
        verbose_name_plural = _("decisions on felt reports")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.kind}"


class FeltSummary(models.Model):
    """What all reports of one event make together; the catalogue's row tells its numbers."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="felt_summary")
    #: Reports that count, those that did not feel it among them.
    report_count = models.PositiveIntegerField(_("reports that count"))
    not_felt_count = models.PositiveIntegerField(_("reports of not having felt it"))
    #: The largest of the published cells and settlements; empty: none is published.
    max_cdi = models.FloatField(_("largest community decimal intensity"), null=True, blank=True)
    method_id = models.CharField(_("method"), max_length=60)
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("summary of felt reports")
        verbose_name_plural = _("summaries of felt reports")

    def __str__(self) -> str:
        return f"{self.event_id}: {self.report_count}"


class CommunityIntensity(models.Model):
    """What the reports of one cell or settlement make together (DYFI), of one event.

    A cell with too few reports is kept, so that staff see it, and not published. It has no
    community weighted sum where most of those who felt it answered no question: the formula would
    then call any shaking weak. Its words may still tell MSK-64.
    """

    class Area(models.TextChoices):
        CELL_1_KM = "1km", _("cell of 1 km")
        CELL_10_KM = "10km", _("cell of 10 km")
        SETTLEMENT = "settlement", _("settlement")

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="community_intensities")
    area = models.CharField(_("area"), max_length=10, choices=Area.choices)
    #: UTM zone, latitude band, easting and northing of the corner [cells]; or the settlement's id.
    code = models.CharField(_("code"), max_length=40)
    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outline = gis.PolygonField(srid=4326, null=True, blank=True)
    point = gis.PointField(srid=4326)
    report_count = models.PositiveIntegerField(_("reports"))
    not_felt_count = models.PositiveIntegerField(_("reports of not having felt it"))
    cws = models.FloatField(_("community weighted sum"), null=True, blank=True)
    cdi = models.FloatField(_("community decimal intensity"), null=True, blank=True)
    #: Median of the grades people chose by the words of MSK-64; empty: nobody chose one.
    msk64 = models.FloatField(_("MSK-64 by the words chosen"), null=True, blank=True)
    ems98 = models.FloatField("EMS-98", null=True, blank=True)
    distance_km = models.FloatField(_("epicentral distance, km"), null=True, blank=True)
    published = models.BooleanField(_("published"), default=False)
    method_id = models.CharField(_("method"), max_length=60)
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("community intensity")
        verbose_name_plural = _("community intensities")
        constraints = [
            models.UniqueConstraint(
                name="community_intensity_once", fields=["event", "area", "code"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.area} {self.code}: {self.grade}"

    @property
    def grade(self) -> float | None:
        """The community decimal intensity, else MSK-64 by the words; each published one has one."""
        return self.msk64 if self.cdi is None else self.cdi


class MacroseismicAssessment(models.Model):
    """What the portal works out of all an event's intensities and of its size.

    ``document`` holds the input magnitude and where it comes from, I0, macroseismic magnitude and
    epicentre with their errors, isoseismals; its shape is told by ``processing.core.macroseismic``.
    """

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, related_name="macroseismic_assessment"
    )
    document = models.JSONField(default=dict)
    method_id = models.CharField(_("method"), max_length=60)
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("macroseismic assessment")
        verbose_name_plural = _("macroseismic assessments")

    def __str__(self) -> str:
        return str(self.event_id)
