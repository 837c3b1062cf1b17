"""Addresses of the API that make work, one for all languages: the staff's, and exports."""

from django.urls import path

from processing.desk import api, exports_api, magnitude_scales_api, merge_api, readings_api

urlpatterns = [
    path("uploads", api.UploadView.as_view(), name="api-upload"),
    path("runs/<int:pk>", api.RunView.as_view(), name="api-run"),
    # Anybody's, but asking for work needs the queue of record, which catalog does not know.
    path("exports", exports_api.ExportsView.as_view(), name="api-exports"),
    # Anybody's, too: the scales are records of what is computed.
    path(
        "magnitude-scales",
        magnitude_scales_api.MagnitudeScalesView.as_view(),
        name="api-magnitude-scales",
    ),
    path("merges", merge_api.MergesView.as_view(), name="api-merges"),
    path("merges/<int:pk>/undo", merge_api.MergeUndoView.as_view(), name="api-merge-undo"),
    path("readings", readings_api.ReadingsView.as_view(), name="api-readings"),
]
