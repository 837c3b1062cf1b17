"""Addresses of the staff desk, under the language's prefix."""

from django.urls import path

from processing.desk import mappings, views

urlpatterns = [
    path("", views.desk, name="desk"),
    path("upload/", views.upload, name="upload"),
    path("upload/recognise", views.recognise, name="recognise"),
    path("runs/", views.runs, name="runs"),
    path("runs/<int:pk>/", views.run_page, name="run"),
    path("runs/<int:pk>/read-again", views.read_again, name="read-again"),
    path("mappings/", mappings.mappings, name="mappings"),
    path("mappings/new", mappings.mapping, name="mapping"),
    path("review/", views.review, name="review"),
]
