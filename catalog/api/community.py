"""Community intensities of one event as GeoJSON: ``/events/<id>/community-intensities.geojson``.

The same rows as the collection of that name, whole: cells by their outlines, settlements by points.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog.api.collections import COMMUNITY_INTENSITIES
from catalog.api.describing import described
from catalog.api.members import columns_of, told
from catalog.api.public import LANG, PublicView, asked_of, respond, tag_of
from catalog.api.shown import shown
from catalog.models import EventRow

GEOJSON = "application/geo+json"


@described(
    "event_community_intensities_geojson",
    gettext_lazy("Community intensities of one event, GeoJSON"),
    (*COMMUNITY_INTENSITIES.parameters, LANG),
    "CommunityIntensityFeatures",
    path={"public_id": "kz2014m7k2ra"},
    tag=COMMUNITY_INTENSITIES.name,
    media_types=(GEOJSON,),
)
class CommunityIntensityFeaturesView(PublicView):
    """All published cells and settlements of one event, the cells with their outlines."""

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        words = COMMUNITY_INTENSITIES.parameters
        asked = asked_of(request.GET, (*words, LANG), events=False)
        row = shown(request, public_id, "community-intensities.geojson")
        narrowed = {word.name: asked.words[word.name] for word in words}
        return respond(
            request,
            tag_of(row.change_number, "community geojson", public_id, narrowed, asked.language),
            row.updated_at,
            lambda: HttpResponse(
                json.dumps(_features(row, narrowed, asked.language), ensure_ascii=False),
                content_type=GEOJSON,
            ),
        )


def _features(row: EventRow, narrowed: dict[str, Any], language: str) -> dict[str, Any]:
    each = COMMUNITY_INTENSITIES
    wanted = each.current
    for word in each.words:
        if (value := narrowed[word.parameter.name]) is not None:
            wanted &= word.narrows(value)
    rows = (
        EventRow.objects.filter(wanted, pk=row.pk)
        .order_by(each.key)
        .values(**columns_of(each.members, language))
    )
    return {
        "type": "FeatureCollection",
        "id": row.public_id,
        "features": [_feature(told(each.members, values)) for values in rows],
    }


def _feature(properties: dict[str, Any]) -> dict[str, Any]:
    outline = properties.pop("outline")
    middle = {
        "type": "Point",
        "coordinates": [properties["longitude"], properties["latitude"]],
    }
    return {"type": "Feature", "geometry": outline or middle, "properties": properties}
