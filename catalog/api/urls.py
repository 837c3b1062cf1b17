"""Addresses of the JSON API, one for all languages."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from catalog.api import exports, views
from catalog.api import openapi as openapi  # registers itself

urlpatterns = [
    path("events", views.EventsView.as_view(), name="api-events"),
    path("events/<str:public_id>", views.EventView.as_view(), name="api-event"),
    path("map/events.json", views.MapEventsView.as_view(), name="api-map-events"),
    path("changes", views.ChangesView.as_view(), name="api-changes"),
    path("download.<str:format>", views.DownloadView.as_view(), name="download"),
    path("exports/<str:export_id>", exports.ExportView.as_view(), name="api-export"),
    path("exports/<str:export_id>/file", exports.ExportFileView.as_view(), name="api-export-file"),
    path(
        "exports/<str:export_id>/file.sha256",
        exports.ExportChecksumView.as_view(),
        name="api-export-checksum",
    ),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
]
