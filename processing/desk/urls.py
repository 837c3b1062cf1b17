"""Addresses of the staff desk, under the language's prefix."""

from django.urls import path

from processing.desk import by_hand, mappings, readings, views

urlpatterns = [
    path("", views.desk, name="desk"),
    path("upload/", views.upload, name="upload"),
    path("upload/recognise", views.recognise, name="recognise"),
    path("runs/", views.runs, name="runs"),
    path("runs/<int:pk>/", views.run_page, name="run"),
    path("runs/<int:pk>/read-again", views.read_again, name="read-again"),
    path("runs/<int:pk>/hint", views.follow_hint, name="follow-hint"),
    path("mappings/", mappings.mappings, name="mappings"),
    path("mappings/new", mappings.mapping, name="mapping"),
    path("review/", views.review, name="review"),
    path("readings/", readings.readings, name="readings"),
    path("readings/decide", readings.decide, name="readings-decide"),
    path("readings/try-again", readings.try_again, name="readings-try-again"),
    path("by-hand/", by_hand.by_hand, name="by-hand"),
]
