"""Addresses of the upload API, one for all languages."""

from django.urls import path

from processing.desk import api

urlpatterns = [
    path("uploads", api.UploadView.as_view(), name="api-upload"),
    path("runs/<int:pk>", api.RunView.as_view(), name="api-run"),
]
