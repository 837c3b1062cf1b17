"""Addresses of the public pages, under the language's prefix."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from portal import (
    api_reference,
    citing,
    coverage,
    editions,
    event_page,
    event_types,
    exports,
    locating,
    magnitudes,
    merging,
    reports,
    searching,
    statistics,
    views,
    waveforms,
)
from portal.sign_in import SignIn

urlpatterns = [
    path("", views.map_page, name="map"),
    path("events/<slug:public_id>/", event_page.event_page, name="event"),
    path("desk/events/<slug:public_id>/location/", locating.locating, name="locating"),
    path("desk/events/<slug:public_id>/location/try", locating.locating_try, name="locating-try"),
    path(
        "desk/events/<slug:public_id>/location/decide",
        locating.locating_decide,
        name="locating-decide",
    ),
    path("desk/review/<int:first>/<int:second>/", merging.pair, name="review-pair"),
    path("desk/event-types/", event_types.event_types, name="event-types"),
    path("desk/event-types/decide", event_types.event_types_decide, name="event-types-decide"),
    path("desk/event-types/screen", event_types.event_types_screen, name="event-types-screen"),
    path("desk/events/<slug:public_id>/type/", event_types.event_type_page, name="event-type"),
    path(
        "desk/events/<slug:public_id>/type/decide",
        event_types.event_type_decide,
        name="event-type-decide",
    ),
    path(
        "desk/events/<slug:public_id>/type/interpret",
        event_types.event_type_interpret,
        name="event-type-interpret",
    ),
    path("desk/events/<slug:public_id>/waveforms/", waveforms.waveforms_page, name="waveforms"),
    path(
        "desk/events/<slug:public_id>/waveforms/<int:pk>/",
        waveforms.measurement_page,
        name="waveform-measurement",
    ),
    path(
        "desk/events/<slug:public_id>/waveforms/files/<int:pk>",
        waveforms.waveform_file,
        name="waveform-file",
    ),
    path("desk/sources/", event_types.known_sources, name="known-sources"),
    path("desk/sources/new", event_types.known_source, name="known-source-new"),
    path("desk/sources/<int:pk>/", event_types.known_source, name="known-source"),
    path("exports/", exports.ask_page, name="export-ask"),
    path("exports/<str:export_id>/", exports.export_page, name="export"),
    path("search/", searching.search_page, name="search"),
    path("search/count", searching.search_count, name="search-count"),
    path("search/statistics/", statistics.statistics_page, name="statistics"),
    path(
        "search/statistics/<slug:code>.svg",
        statistics.statistics_drawing,
        name="statistics-drawing",
    ),
    path(
        "search/statistics/<slug:code>.csv",
        statistics.statistics_table,
        name="statistics-table",
    ),
    path("cite/", citing.cite_page, name="cite"),
    path("editions/", editions.editions_page, name="editions"),
    path("editions/<str:series>/<int:number>/", editions.edition_page, name="edition"),
    path(
        "editions/<str:series>/<int:number>/events/",
        editions.edition_events_page,
        name="edition-events",
    ),
    path("reports/", reports.report_list, name="reports"),
    path("reports/<int:pk>/", reports.report_page, name="report"),
    path("about/", views.about_page, name="about"),
    path("methods/", views.methods_page, name="methods"),
    path("coverage/", coverage.coverage_page, name="coverage"),
    path("methods/preference/", views.preference_page, name="preference"),
    path("methods/magnitudes/", magnitudes.magnitude_scales_page, name="magnitude-scales"),
    path("data-sources/", views.data_sources_page, name="data-sources"),
    path("data-services/", views.api_docs_page, name="api-docs"),
    path("data-services/api/", api_reference.api_reference_page, name="api-reference"),
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
