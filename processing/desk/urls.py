"""Addresses of the staff desk, under the language's prefix."""

from django.urls import path

from processing.desk import (
    by_hand,
    mappings,
    merge,
    merge_event,
    readings,
    station_files,
    travel_times,
    views,
)

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
    path("travel-times/", travel_times.travel_times, name="travel-times"),
    path("travel-times/new", travel_times.new_table, name="travel-time-new"),
    path("travel-times/<int:pk>/", travel_times.table_page, name="travel-time-table"),
    path("travel-times/<int:pk>/status", travel_times.table_status, name="travel-time-status"),
    path("travel-times/<int:pk>/file", travel_times.table_file, name="travel-time-file"),
    path("stations/", station_files.station_files, name="station-files"),
    path("stations/<int:pk>/", station_files.station_file, name="station-file"),
    path("stations/<int:pk>/file", station_files.station_file_content, name="station-file-content"),
    path("review/", merge.review, name="review"),
    path("review/decide", merge.decide, name="review-decide"),
    path("review/undo/<int:pk>", merge.undo, name="review-undo"),
    path("events/<slug:public_id>/merge/", merge_event.merge_event, name="merge-event"),
    path("readings/", readings.readings, name="readings"),
    path("readings/decide", readings.decide, name="readings-decide"),
    path("readings/try-again", readings.try_again, name="readings-try-again"),
    path("by-hand/", by_hand.by_hand, name="by-hand"),
]
