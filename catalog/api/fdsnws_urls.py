"""Addresses of the FDSN services."""

from django.urls import path, re_path

from catalog.api import fdsnws

urlpatterns = [
    path("event/1/", fdsnws.index, name="fdsnws-event"),
    path("event/1", fdsnws.index),
    path("event/1/query", fdsnws.query, name="fdsnws-event-query"),
    path("event/1/count", fdsnws.count, name="fdsnws-event-count"),
    path("event/1/version", fdsnws.version, name="fdsnws-event-version"),
    path("event/1/application.wadl", fdsnws.wadl, name="fdsnws-event-wadl"),
    path("event/1/catalogs", fdsnws.catalogs, name="fdsnws-event-catalogs"),
    path("event/1/contributors", fdsnws.contributors, name="fdsnws-event-contributors"),
    re_path(r"", fdsnws.nothing_here),
]
