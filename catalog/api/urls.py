"""Addresses of the JSON API, one for all languages."""

from django.urls import path, re_path

from catalog.api import (
    collections,
    community,
    coverage,
    editions,
    event_types,
    exports,
    felt,
    magnitude_assessments,
    map_layers,
    map_tiles,
    openapi,
    public,
    settlements,
    stations,
    statistics,
    views,
)

urlpatterns = [
    path("events", views.EventsView.as_view(), name="api-events"),
    path("events/<str:public_id>", views.EventView.as_view(), name="api-event"),
    path("events/<str:public_id>/history", views.HistoryView.as_view(), name="api-event-history"),
    path("events/<str:public_id>/type", event_types.EventTypeView.as_view(), name="api-event-type"),
    path(
        "events/<str:public_id>/magnitude-assessments",
        magnitude_assessments.MagnitudeAssessmentsView.as_view(),
        name="api-event-magnitude-assessments",
    ),
    path(
        "events/<str:public_id>/community-intensities.geojson",
        community.CommunityIntensityFeaturesView.as_view(),
        name="api-event-community-intensities-geojson",
    ),
    path("map/events.json", views.MapEventsView.as_view(), name="api-map-events"),
    path("map/tiles.json", map_tiles.TilesView.as_view(), name="api-map-tiles"),
    path("map/tiles/<str:tile>.bin", map_tiles.TileView.as_view(), name="api-map-tile"),
    path("map/changes.json", map_tiles.ChangesView.as_view(), name="api-map-changes"),
    path("map/matching.bin", map_tiles.MatchingView.as_view(), name="api-map-matching"),
    path("map/stations.json", map_layers.StationsView.as_view(), name="api-map-stations"),
    path("map/mechanisms.json", map_layers.MechanismsView.as_view(), name="api-map-mechanisms"),
    path("map/intensities.json", map_layers.IntensitiesView.as_view(), name="api-map-intensities"),
    path("map/places.json", map_layers.PlacesView.as_view(), name="api-map-places"),
    path("changes", views.ChangesView.as_view(), name="api-changes"),
    path("coverage", coverage.CoverageView.as_view(), name="api-coverage"),
    path("statistics", statistics.StatisticsView.as_view(), name="api-statistics"),
    path("settlements", settlements.SettlementsView.as_view(), name="api-settlements"),
    path("stations", stations.StationsView.as_view(), name="api-stations"),
    path("stations/<str:station_id>", stations.StationView.as_view(), name="api-station"),
    path("download.<str:form>", views.DownloadView.as_view(), name="download"),
    path("schema", openapi.SchemaView.as_view(), name="api-schema"),
    path("editions", editions.EditionsView.as_view(), name="api-editions"),
    path("editions/<str:series>/<int:number>", editions.EditionView.as_view(), name="api-edition"),
    path(
        "editions/<str:series>/<int:number>/files/<str:kind>",
        editions.EditionFileView.as_view(),
        name="api-edition-file",
    ),
    path(
        "editions/<str:series>/<int:number>/SHA256SUMS",
        editions.EditionChecksumsView.as_view(),
        name="api-edition-checksums",
    ),
    path(
        "editions/<str:series>/<int:number>/citation.<str:form>",
        editions.EditionReferenceView.as_view(),
        name="api-edition-reference",
    ),
    path("felt", felt.FeltView.as_view(), name="api-felt"),
    path("felt/token", felt.FeltTokenView.as_view(), name="api-felt-token"),
    path("exports/<str:export_id>", exports.ExportView.as_view(), name="api-export"),
    path("exports/<str:export_id>/file", exports.ExportFileView.as_view(), name="api-export-file"),
    path(
        "exports/<str:export_id>/file.sha256",
        exports.ExportChecksumView.as_view(),
        name="api-export-checksum",
    ),
]
for each in collections.COLLECTIONS:
    urlpatterns += [
        path(each.name, collections.across_events(each).as_view(), name=f"api-{each.name}"),
        path(
            f"events/<str:public_id>/{each.name}",
            collections.below_event(each).as_view(),
            name=f"api-event-{each.name}",
        ),
    ]
# Last: whatever is no address of the API.
urlpatterns.append(re_path(r"", public.NothingHereView.as_view()))
