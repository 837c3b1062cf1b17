"""The admin site: reference data and accounts are edited here, all else is only looked at.

What an agency reported, raw bytes, the ledger, the changes and what the pipeline computed have no
add, change or delete here for anybody, superusers included; the database refuses it as well
(migration 0002). Who may edit the rest is told by group: administrators, and for reference data
editors. Nothing at all is deleted: agencies end, stations close, users are made inactive and
tokens are revoked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import QuerySet, Sum
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from leaflet.admin import LeafletGeoAdminMixin

from catalog import models as catalog
from catalog.formats.values import EVENT_TYPES
from catalog.models import ADMINISTRATOR, EDITOR, OPERATOR

admin.site.site_header = admin.site.site_title = _("Earthquake catalogue of Kazakhstan")
admin.site.index_title = _("Administration")

if TYPE_CHECKING:  # generic to the type checker, plain classes to Python
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyUserAdmin = UserAdmin[catalog.User]
    TokenModelForm = forms.ModelForm[catalog.AccessToken]
else:
    AnyModelAdmin, AnyUserAdmin, TokenModelForm = admin.ModelAdmin, UserAdmin, forms.ModelForm


class StaffAdmin(AnyModelAdmin):
    """Any staff member looks; only the named roles add and change; nobody deletes."""

    editors: tuple[str, ...] = ()
    list_per_page = 50
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return role_of(request, OPERATOR, EDITOR, ADMINISTRATOR)

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return bool(self.editors) and role_of(request, *self.editors)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return bool(self.editors) and role_of(request, *self.editors)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class MapAdmin(LeafletGeoAdminMixin, StaffAdmin):  # type: ignore[misc]
    """Coordinates are set on a map of our own; Django's map widget would load one from outside."""

    map_template = "catalog/admin_map.html"


class ReadOnlyAdmin(StaffAdmin):
    """For what was reported, decided or computed."""

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[str]:
        # Said by name as well, so that a form can never be built from these models.
        return [
            *self.readonly_fields,
            *(field.name for field in self.opts.fields if field.editable or field.primary_key),
        ]


def role_of(request: HttpRequest, *roles: str) -> bool:
    """True for an active staff member with one of the roles; asked once a request."""
    user = request.user
    if not (user.is_active and getattr(user, "is_staff", False)):
        return False
    known = request.__dict__.setdefault("_roles_of_staff", {})
    if roles not in known:
        known[roles] = user.has_role(*roles)
    return bool(known[roles])


# --- Accounts --------------------------------------------------------------------------------


@admin.register(catalog.User)
class PortalUserAdmin(StaffAdmin, AnyUserAdmin):
    editors = (ADMINISTRATOR,)
    list_display = ("username", "get_full_name", "agency", "is_active", "is_staff", "last_login")
    list_select_related = ("agency",)
    list_filter = ("is_active", "is_staff", "groups")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "agency", "language")}),
        (_("Roles"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Else an administrator could set a superuser's password and become one.
        if obj is not None and obj.is_superuser and not getattr(request.user, "is_superuser", 0):
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = tuple(self.readonly_fields)
        return fields if request.user.is_superuser else (*fields, "is_superuser")


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(StaffAdmin, GroupAdmin):
    """The three roles are part of the program: they are assigned, not edited."""

    fields = ("name",)


class TokenForm(TokenModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=catalog.AccessToken.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = catalog.AccessToken
        fields = ("user", "name", "scopes", "expires_at")


@admin.register(catalog.AccessToken)
class AccessTokenAdmin(StaffAdmin):
    """Issue, look, revoke. A token's owner, scopes and end stay as issued."""

    editors = (ADMINISTRATOR,)
    form = TokenForm
    list_display = ("prefix", "name", "user", "scopes", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("revoked_at",)
    search_fields = ("name", "prefix", "user__username")
    raw_id_fields = ("user",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("user", "name", "scopes", "expires_at")
        return (
            "prefix", "name", "user", "scopes", "created_at", "expires_at", "revoked_at",
            "last_used_at",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else tuple(n for n in self.get_fields(request, obj) if n != "name")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is not None:
            kwargs["form"] = TokenModelForm  # the scopes are shown, not chosen again
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        issued, secret = catalog.AccessToken.issue(
            obj.user, obj.name, form.cleaned_data["scopes"], expires_at=obj.expires_at
        )
        obj.pk, obj.prefix, obj.created_at = issued.pk, issued.prefix, issued.created_at
        obj._state.adding = False
        request.__dict__["_issued_secret"] = secret

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret in the answer itself: a message would leave it in a cookie."""
        answer = TemplateResponse(
            request,
            "admin/catalog/accesstoken/issued.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Access token issued"),
                "opts": self.opts,
                "token": obj,
                "secret": request.__dict__["_issued_secret"],
            },
        )
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description=_("Revoke the selected tokens"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[catalog.AccessToken]) -> None:
        count = 0
        for token in queryset.filter(revoked_at__isnull=True):
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
            self.log_change(request, token, "revoked")
            count += 1
        self.message_user(request, _("Tokens revoked: %(count)d") % {"count": count})


@admin.register(catalog.UploadKey)
class UploadKeyAdmin(ReadOnlyAdmin):
    list_display = ("key", "user", "status_code", "created_at")
    list_select_related = ("user",)


# --- Reference data --------------------------------------------------------------------------


@admin.register(catalog.SignInFailure)
class SignInFailureAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "since")


@admin.register(catalog.Agency)
class AgencyAdmin(StaffAdmin):
    editors = (ADMINISTRATOR,)
    list_display = ("code", "name_en", "valid_from", "valid_to", "successor", "is_provisional")
    list_select_related = ("successor",)
    list_filter = ("is_provisional", "is_portal")
    search_fields = ("code", "name_en", "name_ru", "name_kk")
    raw_id_fields = ("successor",)
    formfield_overrides: ClassVar[Any] = {models.URLField: {"assume_scheme": "https"}}


@admin.register(catalog.AuthoritativeArea)
class AuthoritativeAreaAdmin(MapAdmin):
    """Areas are added and never moved: versions of the preference rules name them."""

    editors = (ADMINISTRATOR,)
    list_display = ("name",)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(catalog.PreferenceRuleSet)
class PreferenceRuleSetAdmin(ReadOnlyAdmin):
    """Versions are made and put in force at the desk."""

    list_display = ("name", "version", "status", "created_by", "created_at")
    list_select_related = ("created_by",)
    list_filter = ("status",)


@admin.register(catalog.Network)
class NetworkAdmin(StaffAdmin):
    editors = (EDITOR,)
    list_display = ("code", "name_en", "operator", "start", "end")
    list_select_related = ("operator",)
    search_fields = ("code", "name_en")
    raw_id_fields = ("operator",)


@admin.register(catalog.Station)
class StationAdmin(MapAdmin):
    editors = (EDITOR,)
    list_display = ("code", "network", "agency", "name_en", "kind", "elevation_m", "start", "end")
    list_select_related = ("network", "agency")
    list_filter = ("kind", "network")
    search_fields = ("code", "name_en", "name_ru", "name_kk")
    raw_id_fields = ("network", "agency", "array")


@admin.register(catalog.StationAlias)
class StationAliasAdmin(StaffAdmin):
    editors = (EDITOR,)
    list_display = ("agency", "code", "station")
    list_select_related = ("agency", "station__network", "station__agency")
    search_fields = ("code", "station__code")
    raw_id_fields = ("agency", "station")


@admin.register(catalog.Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ("station", "location_code", "code", "start", "end", "sample_rate_hz", "sensor")
    list_select_related = ("station__network", "station__agency")
    list_filter = ("restricted_status",)
    search_fields = ("station__code", "code")


@admin.register(catalog.StationDescription)
class StationDescriptionAdmin(ReadOnlyAdmin):
    list_display = ("station", "file", "start", "end", "restricted_status")
    list_select_related = ("station__network", "station__agency", "file")
    search_fields = ("station__code",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("file__content")


@admin.register(catalog.StationFile)
class StationFileAdmin(ReadOnlyAdmin):
    list_display = (
        "name", "received_at", "uploader", "size", "station_count", "channel_count",
        "problem_count",
    )  # fmt: skip
    list_select_related = ("uploader",)
    search_fields = ("name", "sha256")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content")


@admin.register(catalog.StationFileProblem)
class StationFileProblemAdmin(ReadOnlyAdmin):
    list_display = ("file", "line_number", "code", "field", "found", "severity")
    list_select_related = ("file",)
    search_fields = ("code",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("file__content")


@admin.register(catalog.Settlement)
class SettlementAdmin(MapAdmin):
    editors = (EDITOR,)
    list_display = ("name_en", "name_ru", "name_kk", "country", "population")
    list_filter = ("country",)
    search_fields = ("name_en", "name_ru", "name_kk")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Mark it as corrected, so that loading GeoNames again leaves it alone."""
        obj.edited_at = timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(catalog.SettlementEdit)
class SettlementEditAdmin(ReadOnlyAdmin):
    list_display = ("settlement", "actor", "made_at", "note")
    list_select_related = ("settlement", "actor")


@admin.register(catalog.KnownSource)
class KnownSourceAdmin(MapAdmin):
    editors = (EDITOR,)
    list_display = ("name_en", "kind", "radius_km", "valid_from", "valid_to", "synthetic")
    list_filter = ("kind", "synthetic")
    search_fields = ("name_en", "name_ru", "name_kk", "citation")
    raw_id_fields = ("recorded_by",)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "kind":
            words = [(word, word) for word in sorted(EVENT_TYPES)]
            return forms.ChoiceField(choices=words, label=_("type of its events"))
        return super().formfield_for_dbfield(db_field, request, **kwargs)


# --- What was received -----------------------------------------------------------------------


@admin.register(catalog.BulletinFile)
class BulletinFileAdmin(ReadOnlyAdmin):
    list_display = ("name", "size", "sha256", "uploader", "received_at")
    list_select_related = ("uploader",)
    search_fields = ("name", "sha256")
    readonly_fields = ("sha256", "bytes_stored")

    @admin.display(description=_("bytes stored"))
    def bytes_stored(self, file: catalog.BulletinFile) -> int:
        return file.chunks.aggregate(stored=Sum(Length("data")))["stored"] or 0


@admin.register(catalog.BulletinChunk)
class BulletinChunkAdmin(ReadOnlyAdmin):
    """The bytes themselves are never rendered, nor even fetched: their number is."""

    list_display = ("file", "ordinal", "length")
    list_select_related = ("file",)
    readonly_fields = ("length",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("data").annotate(data_length=Length("data"))

    @admin.display(description=_("size, bytes"))
    def length(self, chunk: Any) -> int:
        return int(chunk.data_length)


@admin.register(catalog.BulletinReading)
class BulletinReadingAdmin(ReadOnlyAdmin):
    list_display = (
        "file", "number", "agency", "format", "status", "is_current", "entry_count",
        "problem_count", "requested_by", "requested_at",
    )  # fmt: skip
    list_select_related = ("file", "agency", "requested_by")
    list_filter = ("status", "format")


@admin.register(catalog.ColumnMapping)
class ColumnMappingAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name",)


@admin.register(catalog.BulletinEntry)
class BulletinEntryAdmin(ReadOnlyAdmin):
    list_display = ("reading", "ordinal", "event_id_reported", "report", "superseded_at")
    list_select_related = ("reading__file", "report__agency")
    search_fields = ("event_id_reported",)


@admin.register(catalog.BulletinProblem)
class BulletinProblemAdmin(ReadOnlyAdmin):
    list_display = ("reading", "line_number", "code", "field", "found", "expected", "severity")
    list_select_related = ("reading__file",)
    list_filter = ("code",)


@admin.register(catalog.Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("agency", "key", "event", "withdrawn_at", "created_at")
    list_select_related = ("agency", "event")
    search_fields = ("key",)


# --- Events and solutions --------------------------------------------------------------------


@admin.register(catalog.Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "event_type", "status", "merged_into", "synthetic", "created_at")
    list_select_related = ("merged_into",)
    list_filter = ("status", "synthetic")
    search_fields = ("public_id",)


class SolutionAdmin(ReadOnlyAdmin):
    """Origins, magnitudes, mechanisms, intensities: each with its event, agency and report."""

    list_select_related: ClassVar[tuple[str, ...]] = ("event", "agency")
    search_fields = ("event__public_id", "key")


@admin.register(catalog.Origin)
class OriginAdmin(SolutionAdmin):
    list_display = ("event", "agency", "time", "depth_km", "method_id", "superseded_at")


@admin.register(catalog.Magnitude)
class MagnitudeAdmin(SolutionAdmin):
    list_display = ("event", "agency", "type", "value", "scale", "station_count", "superseded_at")
    list_filter = ("scale",)


@admin.register(catalog.FocalMechanism)
class FocalMechanismAdmin(SolutionAdmin):
    list_display = ("event", "agency", "strike_1", "dip_1", "rake_1", "quality", "superseded_at")


@admin.register(catalog.StationPolarityReversal)
class StationPolarityReversalAdmin(ReadOnlyAdmin):
    list_display = ("station", "start", "end", "source", "recorded_by", "withdrawn_at")
    list_select_related = ("station", "recorded_by")
    search_fields = ("station__code",)


@admin.register(catalog.PolarityDecision)
class PolarityDecisionAdmin(ReadOnlyAdmin):
    list_display = ("event", "station", "subject", "kind", "actor", "made_at", "note")
    list_select_related = ("event", "station", "actor")
    list_filter = ("subject", "kind")
    search_fields = ("event__public_id", "station__code")


@admin.register(catalog.IntensityObservation)
class IntensityObservationAdmin(SolutionAdmin):
    list_display = (
        "event", "place", "settlement", "minimum", "maximum", "best", "felt", "scale", "agency",
        "superseded_at",
    )  # fmt: skip
    list_select_related = (*SolutionAdmin.list_select_related, "settlement")


@admin.register(catalog.FeltReport)
class FeltReportAdmin(ReadOnlyAdmin):
    """Looked at and decided on at the desk; what tells senders apart is not shown."""

    list_display = (
        "client_id", "event", "felt", "chosen_grade", "settlement", "received_at", "verdict",
        "synthetic",
    )  # fmt: skip
    list_select_related = ("event", "settlement")
    list_filter = ("felt", "verdict", "synthetic")
    search_fields = ("event__public_id", "place")
    exclude = ("device", "address_hash")


@admin.register(catalog.FeltReportPersonal)
class FeltReportPersonalAdmin(ReadOnlyAdmin):
    """The words themselves are shown with their report at the desk only."""

    list_display = ("report",)
    list_select_related = ("report",)
    exclude = ("comment", "name", "contact")


@admin.register(catalog.FeltTie)
class FeltTieAdmin(ReadOnlyAdmin):
    list_display = ("report", "previous", "event", "rule", "actor", "made_at")
    list_select_related = ("report", "previous", "event", "actor")
    list_filter = ("rule",)
    search_fields = ("event__public_id",)


@admin.register(catalog.FeltDecision)
class FeltDecisionAdmin(ReadOnlyAdmin):
    list_display = ("report", "kind", "actor", "decided_at", "note")
    list_select_related = ("report", "actor")
    list_filter = ("kind",)


@admin.register(catalog.FeltSummary)
class FeltSummaryAdmin(ReadOnlyAdmin):
    list_display = ("event", "report_count", "not_felt_count", "max_cdi", "computed_at")
    list_select_related = ("event",)
    search_fields = ("event__public_id",)


@admin.register(catalog.CommunityIntensity)
class CommunityIntensityAdmin(ReadOnlyAdmin):
    list_display = (
        "event", "area", "code", "report_count", "cdi", "msk64", "published", "computed_at",
    )  # fmt: skip
    list_select_related = ("event",)
    list_filter = ("area", "published")
    search_fields = ("event__public_id",)


@admin.register(catalog.MacroseismicAssessment)
class MacroseismicAssessmentAdmin(ReadOnlyAdmin):
    list_display = ("event", "method_id", "computed_at")
    list_select_related = ("event",)
    search_fields = ("event__public_id",)


@admin.register(catalog.EventDescription)
class EventDescriptionAdmin(ReadOnlyAdmin):
    list_display = ("event", "type", "language", "text", "superseded_at")
    list_select_related = ("event",)


@admin.register(catalog.Interpretation)
class InterpretationAdmin(ReadOnlyAdmin):
    list_display = ("event", "event_type", "event_type_certainty", "author", "agency")
    list_select_related = ("event", "agency")


@admin.register(catalog.TypeSuggestion)
class TypeSuggestionAdmin(ReadOnlyAdmin):
    list_display = ("event", "event_type", "event_type_certainty", "score", "computed_at")
    list_select_related = ("event",)
    list_filter = ("event_type",)
    search_fields = ("event__public_id",)


@admin.register(catalog.Consequence)
class ConsequenceAdmin(ReadOnlyAdmin):
    list_display = ("event", "kind", "count", "approximate", "place", "source")
    list_select_related = ("event",)


@admin.register(catalog.PreferredMagnitude)
class PreferredMagnitudeAdmin(ReadOnlyAdmin):
    list_display = ("event", "scale", "magnitude")
    list_select_related = ("event", "magnitude")


@admin.register(catalog.ConversionRelation)
class ConversionRelationAdmin(ReadOnlyAdmin):
    """Fitted, accepted and withdrawn at the desk."""

    list_display = ("relation_id", "formula", "regression", "certainty", "status", "synthetic")
    list_filter = ("status", "from_scale", "to_scale")
    search_fields = ("relation_id", "source")


@admin.register(catalog.MagnitudeAssessment)
class MagnitudeAssessmentAdmin(ReadOnlyAdmin):
    list_display = ("event", "type", "magnitude", "reason", "calibration", "superseded_at")
    list_select_related = ("event", "magnitude")
    list_filter = ("scale", "reason")
    search_fields = ("event__public_id",)


@admin.register(catalog.Pick)
class PickAdmin(ReadOnlyAdmin):
    list_display = ("station_code", "station", "phase_hint", "time", "entry")
    list_select_related = ("station__network", "station__agency", "entry__reading__file")
    search_fields = ("station_code",)


@admin.register(catalog.PickAssociation)
class PickAssociationAdmin(ReadOnlyAdmin):
    list_display = ("pick", "event", "state", "phase", "time_residual", "rank", "decided_by")
    list_select_related = ("pick", "event", "decided_by", "duplicate_of")
    list_filter = ("state",)


@admin.register(catalog.Arrival)
class ArrivalAdmin(ReadOnlyAdmin):
    list_display = ("pick", "phase", "distance_deg", "azimuth", "time_residual", "origin")
    list_select_related = ("pick", "origin__agency")


@admin.register(catalog.Amplitude)
class AmplitudeAdmin(ReadOnlyAdmin):
    list_display = ("station_code", "type", "value", "unit", "period", "entry")
    list_select_related = ("entry__reading__file",)


@admin.register(catalog.StationMagnitude)
class StationMagnitudeAdmin(ReadOnlyAdmin):
    list_display = ("station_code", "type", "value", "residual", "magnitude")
    list_select_related = ("magnitude",)


# --- Exports ---------------------------------------------------------------------------------


@admin.register(catalog.Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = (
        "public_id", "format", "status", "size", "catalogue_version", "asked_at", "expires_at",
    )  # fmt: skip
    list_filter = ("status", "format")
    search_fields = ("public_id",)
    exclude = ("asker",)


@admin.register(catalog.ExportChunk)
class ExportChunkAdmin(ReadOnlyAdmin):
    """The bytes themselves are never rendered, nor even fetched: their number is."""

    list_display = ("export", "ordinal", "length")
    list_select_related = ("export",)
    readonly_fields = ("length",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("data").annotate(data_length=Length("data"))

    @admin.display(description=_("size, bytes"))
    def length(self, chunk: Any) -> int:
        return int(chunk.data_length)


# --- Editions --------------------------------------------------------------------------------


@admin.register(catalog.Edition)
class EditionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "title_en", "status", "catalogue_version", "published_at")
    list_filter = ("status",)
    search_fields = ("series", "title_en", "title_ru", "title_kk")


@admin.register(catalog.EditionEvent)
class EditionEventAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "edition", "list", "place")
    list_select_related = ("edition",)
    search_fields = ("public_id",)


@admin.register(catalog.EditionFile)
class EditionFileAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "edition")
    list_select_related = ("edition",)
    search_fields = ("name",)


@admin.register(catalog.DeclusteringRun)
class DeclusteringRunAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "status", "edition", "catalogue_version", "asked_at")
    list_select_related = ("edition",)
    list_filter = ("method", "status")
    search_fields = ("search",)


@admin.register(catalog.DeclusteringLabel)
class DeclusteringLabelAdmin(ReadOnlyAdmin):
    list_display = ("event", "role", "cluster", "run")
    list_select_related = ("event", "run")
    search_fields = ("event__public_id",)


# --- Coverage --------------------------------------------------------------------------------


@admin.register(catalog.CoverageSpan)
class CoverageSpanAdmin(ReadOnlyAdmin):
    """Declared and withdrawn at the desk."""

    list_display = ("agency", "first_day", "last_day", "state", "basis", "said_by", "withdrawn_at")
    list_select_related = ("agency", "said_by")
    list_filter = ("state", "basis")


@admin.register(catalog.MonthClosing)
class MonthClosingAdmin(ReadOnlyAdmin):
    """Closed and opened again at the desk."""

    list_display = ("month", "action", "actor", "at")
    list_select_related = ("actor",)
    list_filter = ("action",)


# --- Read side, ledger and feed --------------------------------------------------------------


@admin.register(catalog.EventRow)
class EventRowAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "time", "latitude", "longitude", "kr", "magnitude", "status")
    search_fields = ("public_id",)


@admin.register(catalog.EventFragment)
class EventFragmentAdmin(ReadOnlyAdmin):
    list_display = ("event", "part", "length", "renderer_version", "version")
    list_select_related = ("event",)
    readonly_fields = ("length",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body").annotate(body_length=Length("body"))

    @admin.display(description=_("size, bytes"))
    def length(self, fragment: Any) -> int:
        return int(fragment.body_length)


@admin.register(catalog.MapTile)
class MapTileAdmin(ReadOnlyAdmin):
    """Made by the workers; the bytes are not fetched."""

    list_display = ("hash", "kind", "start", "count", "size", "made_at", "retired_at")
    list_filter = ("kind",)
    search_fields = ("hash",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body")

    @admin.display(description=_("from"), ordering="start_ms")
    def start(self, tile: Any) -> str:
        return str(np.datetime64(tile.start_ms, "ms").astype("datetime64[D]"))


@admin.register(catalog.MapManifest)
class MapManifestAdmin(ReadOnlyAdmin):
    list_display = ("version", "made_at")


@admin.register(catalog.WaveformFile)
class WaveformFileAdmin(ReadOnlyAdmin):
    list_display = ("name", "event", "kind", "size", "status", "uploader", "received_at")
    list_select_related = ("event", "uploader")
    list_filter = ("kind", "status")
    search_fields = ("name", "sha256")
    readonly_fields = ("sha256",)


@admin.register(catalog.WaveformChunk)
class WaveformChunkAdmin(BulletinChunkAdmin):
    """As of bulletins, only the number of bytes is fetched."""


@admin.register(catalog.WaveformMeasurement)
class WaveformMeasurementAdmin(ReadOnlyAdmin):
    """The trace itself is not fetched."""

    list_display = (
        "event", "trace_id", "scale", "amplitude", "period", "outcome", "act", "actor",
        "superseded_at",
    )  # fmt: skip
    list_select_related = ("event", "actor")
    list_filter = ("scale", "act", "outcome")
    search_fields = ("trace_id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("turns")


@admin.register(catalog.MergeDecision)
class MergeDecisionAdmin(ReadOnlyAdmin):
    list_display = ("decided_at", "kind", "report", "event", "rule_set", "misfit", "actor")
    list_select_related = ("report__agency", "event", "actor")
    list_filter = ("kind",)


@admin.register(catalog.Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "event", "actor", "at")
    list_select_related = ("event", "actor")
    list_filter = ("kind",)


@admin.register(catalog.FeedCounter)
class FeedCounterAdmin(ReadOnlyAdmin):
    list_display = ("value",)
