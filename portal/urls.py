"""Every address of the site. Services and the API have one address in all languages."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

from portal import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("csp-report", views.csp_report, name="csp-report"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("fdsnws/", include("catalog.api.fdsnws_urls")),
    path("api/v1/", include("processing.desk.api_urls")),
    path("api/v1/", include("catalog.api.urls")),
    *i18n_patterns(
        path("", include("portal.page_urls")),
        path("desk/", include("processing.desk.urls")),
        path("admin/", admin.site.urls),
    ),
]
