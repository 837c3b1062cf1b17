"""Addresses of the FDSN services."""

from django.urls import path, re_path

from catalog.api import fdsnws, fdsnws_station

urlpatterns = [
    path("event/1/", fdsnws.index, name="fdsnws-event"),
    path("event/1", fdsnws.index),
    path("event/1/query", fdsnws.query, name="fdsnws-event-query"),
    path("event/1/count", fdsnws.count, name="fdsnws-event-count"),
    path("event/1/version", fdsnws.version, name="fdsnws-event-version"),
    path("event/1/application.wadl", fdsnws.wadl, name="fdsnws-event-wadl"),
    path("event/1/catalogs", fdsnws.catalogs, name="fdsnws-event-catalogs"),
    path("event/1/contributors", fdsnws.contributors, name="fdsnws-event-contributors"),
    path("station/1/", fdsnws_station.index, name="fdsnws-station"),
    path("station/1", fdsnws_station.index),
    path("station/1/query", fdsnws_station.query, name="fdsnws-station-query"),
    path("station/1/version", fdsnws_station.version, name="fdsnws-station-version"),
    path("station/1/application.wadl", fdsnws_station.wadl, name="fdsnws-station-wadl"),
    re_path(r"", fdsnws.nothing_here),
]
