"""The admin's view of the work itself: runs and work items, looked at and never edited."""

from __future__ import annotations

from django.contrib import admin

from catalog.admin import ReadOnlyAdmin
from processing.models import ProcessingRun, WorkItem


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
