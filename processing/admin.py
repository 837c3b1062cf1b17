"""The admin's view of the work itself and of travel-time tables: looked at and never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from catalog.admin import ReadOnlyAdmin
from processing.models import ProcessingRun, TravelTimeTable, WorkItem


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
