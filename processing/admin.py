"""The admin's view of work, travel-time tables, corrections and calibrations: never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from catalog.admin import ReadOnlyAdmin
from processing.models import (
    CorrectionSet,
    JointRelocation,
    MagnitudeCalibration,
    ProcessingRun,
    StationCorrection,
    TravelTimeTable,
    WorkItem,
)


@admin.register(ProcessingRun)
class ProcessingRunAdmin(ReadOnlyAdmin):
    list_display = ("pk", "kind", "reading", "status", "stage", "actor", "created_at")
    list_select_related = ("reading__file", "actor")
    list_filter = ("kind", "status")


@admin.register(WorkItem)
class WorkItemAdmin(ReadOnlyAdmin):
    list_display = ("kind", "object_id", "state", "attempts", "lease_until", "run", "created_at")
    list_select_related = ("run",)
    list_filter = ("state", "kind")


@admin.register(TravelTimeTable)
class TravelTimeTableAdmin(ReadOnlyAdmin):
    """The text itself is neither rendered nor fetched."""

    list_display = ("name", "version", "agency", "title", "status", "uploaded_by", "uploaded_at")
    list_select_related = ("agency", "uploaded_by")
    list_filter = ("status",)
    search_fields = ("name", "title")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")


@admin.register(CorrectionSet)
class CorrectionSetAdmin(ReadOnlyAdmin):
    list_display = (
        "version", "earth_model", "synthetic", "event_count", "first_event", "last_event",
        "created_at",
    )  # fmt: skip
    list_filter = ("earth_model", "synthetic")
    search_fields = ("version",)


@admin.register(StationCorrection)
class StationCorrectionAdmin(ReadOnlyAdmin):
    list_display = ("set", "station", "wave", "correction_s", "standard_error", "reading_count")
    list_select_related = ("set", "station__network", "station__agency")
    list_filter = ("set", "wave")
    search_fields = ("station__code",)


@admin.register(MagnitudeCalibration)
class MagnitudeCalibrationAdmin(ReadOnlyAdmin):
    """Fitted, accepted and withdrawn at the desk."""

    list_display = (
        "version", "scale", "kind", "agency", "synthetic", "status", "event_count", "created_at",
    )  # fmt: skip
    list_select_related = ("agency",)
    list_filter = ("scale", "status", "synthetic")
    search_fields = ("version",)


@admin.register(JointRelocation)
class JointRelocationAdmin(ReadOnlyAdmin):
    list_display = ("first", "second", "increase", "freedom", "failure", "method", "created_at")
    list_select_related = ("first__reading__file", "second__reading__file")
    list_filter = ("method", "failure")
