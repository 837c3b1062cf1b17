"""Every address of the site. Services and the API have one address in all languages."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path, re_path

from portal import (
    citing,
    event_intensities,
    feeds,
    felt,
    health,
    intensities,
    map_tools,
    mechanisms,
    views,
)
from portal.sign_in import admin_login
from portal.stream.view import elsewhere
from portal.theme import choose as choose_theme

#: Also knows a full disk: see ``portal.views.server_error``.
handler500 = "portal.views.server_error"

admin.site.login = admin_login  # type: ignore[method-assign]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics_page, name="metrics"),
    # nginx shows this in place of its own page: a body it did not pass on.
    path("too-large", views.too_large, name="too-large"),
    path("csp-report", views.csp_report, name="csp-report"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("theme", choose_theme, name="theme"),
    path("felt-worker.js", felt.worker, name="felt-worker"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("fdsnws/", include("catalog.api.fdsnws_urls")),
    # The names are in the list of the feeds; whatever is not is a 404 in text.
    re_path(r"^feeds/(?P<name>.*)$", feeds.feed, name="feed"),
    # A proxy passes it to the stream's own process; here it only says where that is.
    path("stream/events", elsewhere, name="stream"),
    # The citation page is under the language's prefix; its files have one address.
    re_path(r"^cite\.(?P<form>bib|ris|csl\.json|json)$", citing.cite_file, name="cite-file"),
    re_path(
        r"^events/(?P<public_id>[a-z0-9]+)/intensities\.(?P<form>csv|geojson)$",
        event_intensities.event_intensities,
        name="event-intensities",
    ),
    path("intensities.csv", intensities.intensities_csv, name="intensities-csv"),
    path("mechanisms.csv", mechanisms.mechanisms_csv, name="mechanisms-csv"),
    path("map/faults.geojson", map_tools.faults, name="map-faults"),
    path("api/v1/", include("processing.desk.api_urls")),
    path("api/v1/", include("catalog.api.urls")),
    *i18n_patterns(
        path("", include("portal.page_urls")),
        path("desk/", include("processing.desk.urls")),
        path("admin/", admin.site.urls),
    ),
]
