"""Addresses of the staff's API, one for all languages."""

from django.urls import path

from processing.desk import api, readings_api

urlpatterns = [
    path("uploads", api.UploadView.as_view(), name="api-upload"),
    path("runs/<int:pk>", api.RunView.as_view(), name="api-run"),
    path("readings", readings_api.ReadingsView.as_view(), name="api-readings"),
]
