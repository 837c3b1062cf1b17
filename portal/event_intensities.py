"""The intensities of one event as files: every point with its kind, nothing of any person.

``expert`` rows are observations, ``expert-calculated`` what a source itself calculated,
``community-settlement``, ``community-10km`` and ``community-1km`` what reports of the public make
together (published areas only), ``predicted`` what the portal computes for settlements.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http import HttpResponsePermanentRedirect as Moved
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.downloads import is_known
from catalog.models import Event, EventRow
from catalog.rendering import csv_cell
from catalog.search import successors
from portal import event_macroseismics
from portal.event_macroseismics import Told

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "geojson": "application/geo+json"}
LANGUAGES = ("kk", "ru", "en")
#: Coordinates [deg] and distances [km] of the files.
PLACES, DISTANCE_PLACES = 5, 1
CDI_SCALE = "CDI"
PREDICTED_SCALE = "MSK-64"


@dataclass(frozen=True, slots=True)
class IntensityRow:
    """One line; empty is "not known"."""

    event_id: str
    kind: str
    place: str
    latitude: float | None
    longitude: float | None
    distance_km: float | None
    intensity: float | None
    """Best value; of a prediction the mean."""
    minimum: float | None
    """The range; of a prediction mean less and plus sigma, in half grades."""
    maximum: float | None
    felt: bool | None
    scale: str
    reports: int | None
    not_felt_reports: int | None
    msk64_by_words: float | None
    """Of the public: median of the grades people chose by the words of MSK-64."""
    ems98_equivalent: float | None
    """Of the public: the CDI taken as EMS-98."""
    agency: str
    source: str
    """Of an observation its source, of what is computed the method."""
    synthetic: bool


COLUMNS = tuple(f.name for f in fields(IntensityRow))


@require_safe
def event_intensities(request: HttpRequest, public_id: str, form: str) -> HttpResponse:
    """All intensities of an event; place names in the language of ``lang``, else English."""
    language = request.GET.get("lang", "en")
    event = Event.objects.filter(public_id=public_id).select_related("row").first()
    if event is None:
        raise Http404(_("There is no event with this id."))
    if event.status == Event.Status.MERGED:
        into = successors([public_id])[public_id]
        return Moved(reverse("event-intensities", args=[into.public_id, form]))
    if event.status == Event.Status.DELETED:
        return HttpResponse(_("This event was deleted."), status=410, content_type="text/plain")
    row: EventRow | None = getattr(event, "row", None)
    if row is None:
        raise Http404(_("This event is still being processed."))
    with translation.override(language if language in LANGUAGES else "en"):
        body = _WRITERS[form](event, row)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    answer: HttpResponse
    if is_known(request, tag):
        answer = HttpResponseNotModified()
    else:
        answer = HttpResponse(body, content_type=CONTENT_TYPES[form])
        name = f"{public_id}-intensities.{form}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["Access-Control-Allow-Origin"] = "*"
    answer["ETag"] = tag
    patch_cache_control(answer, no_cache=True)
    return answer


def rows_of(event: Event, row: EventRow) -> Iterator[tuple[IntensityRow, Any]]:
    """Yield each line, and the corners of its cell (longitude, latitude) where it is of one."""
    magnitudes = list(event.magnitudes.current().select_related("agency"))
    chosen = {p.magnitude_id for p in event.preferred_magnitudes.all()}
    intensities = event.intensityobservations.current().select_related("settlement", "agency")
    told = event_macroseismics.told(
        event, row, magnitudes, chosen, list(intensities.order_by("pk"))
    )
    yield from ((line, None) for line in _expert(told, row))
    yield from _community(told, row)
    yield from ((line, None) for line in _predicted(told, row))


def _expert(told: Told, row: EventRow) -> Iterator[IntensityRow]:
    for one in told.expert:
        i = one.observation
        yield IntensityRow(
            event_id=row.public_id,
            kind="expert-calculated" if i.calculated else "expert",
            place=one.name,
            latitude=_rounded(one.latitude, PLACES),
            longitude=_rounded(one.longitude, PLACES),
            distance_km=_rounded(one.distance_km, DISTANCE_PLACES),
            intensity=one.grade,
            minimum=i.minimum,
            maximum=i.maximum,
            felt=i.felt if one.grade is None else True,
            scale=i.scale,
            reports=None,
            not_felt_reports=None,
            msk64_by_words=None,
            ems98_equivalent=None,
            agency=str(i.agency or ""),
            source=i.source,
            synthetic=row.synthetic,
        )


def _community(told: Told, row: EventRow) -> Iterator[tuple[IntensityRow, Any]]:
    for one in sorted(told.community, key=lambda c: (c.area, c.code)):
        line = IntensityRow(
            event_id=row.public_id,
            kind=f"community-{one.area}",
            place=one.settlement.name if one.settlement else one.code,
            latitude=_rounded(one.point.y, PLACES),
            longitude=_rounded(one.point.x, PLACES),
            distance_km=_rounded(one.distance_km, DISTANCE_PLACES),
            intensity=one.cdi,
            minimum=None,
            maximum=None,
            felt=one.report_count > one.not_felt_count,
            scale=CDI_SCALE,
            reports=one.report_count,
            not_felt_reports=one.not_felt_count,
            msk64_by_words=one.msk64,
            ems98_equivalent=one.ems98,
            agency="",
            source=one.method_id,
            synthetic=row.synthetic,
        )
        yield line, one.outline.coords[0] if one.outline else None


def _predicted(told: Told, row: EventRow) -> Iterator[IntensityRow]:
    for one in told.predicted:
        yield IntensityRow(
            event_id=row.public_id,
            kind="predicted",
            place=one.name,
            latitude=_rounded(one.latitude, PLACES),
            longitude=_rounded(one.longitude, PLACES),
            distance_km=_rounded(one.distance_km, DISTANCE_PLACES),
            intensity=round(one.mean, 2),
            minimum=one.low,
            maximum=one.high,
            felt=None,
            scale=PREDICTED_SCALE,
            reports=None,
            not_felt_reports=None,
            msk64_by_words=None,
            ems98_equivalent=None,
            agency="",
            source=f"{told.model.id}; {told.size_words}",
            synthetic=row.synthetic,
        )


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return csv_cell(value) if isinstance(value, str) else str(value)


def _csv(event: Event, row: EventRow) -> bytes:
    lines = [",".join(COLUMNS)]
    lines += [",".join(map(_cell, astuple(line))) for line, _outline in rows_of(event, row)]
    return "\r\n".join((*lines, "")).encode()


def _geojson(event: Event, row: EventRow) -> bytes:
    features = []
    for line, outline in rows_of(event, row):
        values = dict(zip(COLUMNS, astuple(line), strict=True))
        lat, lon = values.pop("latitude"), values.pop("longitude")
        shape: dict[str, Any] | None = None
        if outline is not None:
            corners = [[round(x, PLACES), round(y, PLACES)] for x, y in outline]
            shape = {"type": "Polygon", "coordinates": [corners]}
        elif lat is not None:
            shape = {"type": "Point", "coordinates": [lon, lat]}
        features.append({"type": "Feature", "geometry": shape, "properties": values})
    found = {"type": "FeatureCollection", "features": features}
    return json.dumps(found, ensure_ascii=False).encode()


_WRITERS = {"csv": _csv, "geojson": _geojson}
