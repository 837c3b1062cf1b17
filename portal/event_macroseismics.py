"""How an event was felt: what experts and the public observed, and what equations predict.

Observed and predicted are never mixed: each row says its kind. A prediction is worked out when the
page is asked for, so it stands there as soon as an event has a place and a size.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import connection
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from catalog.models import (
    CommunityIntensity,
    Event,
    EventRow,
    IntensityObservation,
    MacroseismicAssessment,
    Magnitude,
)
from portal.charts import Axis, Chart, powers
from portal.templatetags import seismo
from processing.core import intensity_prediction as prediction
from processing.core.geodesy import KM_PER_DEGREE, ellipsoid_distance_km
from processing.core.intensity_prediction import InputMagnitude, IntensityModel
from processing.jobs import macroseismics as job

#: What the equations are made for; "" is a type nobody gave.
EARTHQUAKES = ("", "earthquake", "induced or triggered event")
#: Settlements shown: the nearest, and the largest within reach. Ours.
NEAREST, LARGEST = 6, 8
#: Predicted grades that have a contour: down to where nothing is told.
LEAST_CONTOUR, MOST_CONTOUR = 3, 12
#: Distances of the attenuation plot [km].
PLOT_KM = (1.0, 1000.0)
PLOT_POINTS = 60
#: Cells are opaque from so many reports on, as DYFI draws them.
OPAQUE_REPORTS = 10
LEAST_OPACITY = 0.3

_WITHIN = """
SELECT place.id, place.name_en, place.name_ru, place.name_kk, place.population,
    ST_Y(place.point), ST_X(place.point),
    ST_Distance(place.point::geography, epicentre.point::geography) / 1000.0 AS km
FROM catalog_settlement place,
    (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point) epicentre
WHERE place.point && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)
    AND ST_DWithin(place.point::geography, epicentre.point::geography, %(metres)s)
ORDER BY km, place.id
"""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What is expected in one settlement."""

    settlement_id: int
    name: str
    population: int | None
    latitude: float
    longitude: float
    distance_km: float
    mean: float
    low: float
    """Mean less and plus sigma, in half grades."""
    high: float

    @property
    def words(self) -> str:
        low, high = seismo.as_given(self.low), seismo.as_given(self.high)
        return low if low == high else f"{low}–{high}"


@dataclass(frozen=True, slots=True)
class ExpertPoint:
    """An expert point as the page tells it."""

    observation: IntensityObservation
    name: str
    words: str
    """The grade, a range as ``3–4``, "felt", "not felt"."""
    grade: float | None
    latitude: float | None
    longitude: float | None
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What the points of one kind tell together: a column of the table."""

    title: str
    points: int
    largest: str
    i0: str
    magnitude: str
    epicentre: str
    depth: str
    isoseismals: str


@dataclass
class Told:
    """All of it, for the page, its map and its files."""

    public_id: str
    size: InputMagnitude | None = None
    depth_km: float = prediction.DEPTH_WITHOUT_KM
    model: IntensityModel = prediction.MODELS[prediction.DEFAULT]
    predicted: list[Predicted] = field(default_factory=list)
    """By distance, all within reach."""
    expert: list[ExpertPoint] = field(default_factory=list)
    community: list[CommunityIntensity] = field(default_factory=list)
    assessment: MacroseismicAssessment | None = None
    chart: Chart | None = None
    contours: list[tuple[int, float]] = field(default_factory=list)
    """Grade and radius [km] of the prediction."""

    @property
    def shown(self) -> list[Predicted]:
        """The settlements a page has room for: nearest and largest, by distance."""
        largest = sorted(self.predicted, key=lambda p: -(p.population or 0))[:LARGEST]
        kept = {p.settlement_id for p in (*self.predicted[:NEAREST], *largest)}
        return [p for p in self.predicted if p.settlement_id in kept]

    @property
    def size_words(self) -> str:
        """Which magnitude went in, and whether it was converted."""
        if self.size is None:
            return ""
        value = seismo.decimal(self.size.value)
        if self.size.converted:
            return _("M %(value)s, converted from KR %(kr)s by (KR - 4) / 1.8") % {
                "value": value, "kr": seismo.decimal(self.size.source_value),
            }  # fmt: skip
        return f"{self.size.scale} {value}"

    @property
    def contour_words(self) -> str:
        """Grades of the prediction and how far they reach: what its circles on the map say."""
        return "; ".join(f"{grade}: {seismo.kilometres(radius)}" for grade, radius in self.contours)

    @property
    def settlements(self) -> list[CommunityIntensity]:
        return [c for c in self.community if c.area == c.Area.SETTLEMENT]

    @property
    def cells(self) -> list[CommunityIntensity]:
        return [c for c in self.community if c.area == c.Area.CELL_10_KM]

    @property
    def small_cells(self) -> list[CommunityIntensity]:
        return [c for c in self.community if c.area == c.Area.CELL_1_KM]

    @property
    def community_tables(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Title and rows: settlements, then cells by their centre."""
        tables = (
            (_("Settlement"), self.settlements),
            (_("Cell of 10 km"), self.cells),
            (_("Cell of 1 km"), self.small_cells),
        )
        return [
            (title, [{"name": place_of(one), "area": one} for one in rows])
            for title, rows in tables
            if rows
        ]

    @property
    def file_address(self) -> str:
        """The address of the files, without their ending."""
        return reverse("event-intensities", args=[self.public_id, "csv"]).removesuffix(".csv")

    @property
    def file_language(self) -> str:
        language = (get_language() or "en")[:2]
        return "" if language == "en" else f"?lang={language}"

    @property
    def report_count(self) -> int:
        """Reports of the published cells of 10 km: each counts once."""
        return sum(c.report_count for c in self.cells)

    @property
    def summaries(self) -> list[Summary]:
        document = self.assessment.document if self.assessment else {}
        titles = {"expert": _("Experts"), "community": _("The public")}
        return [
            _summary(title, document[kind]) for kind, title in titles.items() if document.get(kind)
        ]

    @property
    def misfit(self) -> str:
        """Observed less predicted over the expert points: mean and number."""
        if self.size is None:
            return ""
        off = [
            f.grade - _mean(self.model, self.size, self.depth_km, f.distance_km)
            for f in self.expert
            if f.grade is not None and f.distance_km is not None and not f.observation.calculated
        ]
        if not off:
            return ""
        return _("Observed less predicted, on average: %(mean)s; places: %(n)s.") % {
            "n": len(off), "mean": seismo.signed(sum(off) / len(off), 1),
        }  # fmt: skip


def told(
    event: Event,
    row: EventRow,
    magnitudes: Sequence[Magnitude],
    chosen: Collection[int],
    intensities: Sequence[IntensityObservation],
) -> Told:
    """Return all that is known and predicted of how an event was felt; three questions."""
    found = Told(
        row.public_id,
        expert=[_felt(i, row) for i in intensities],
        community=list(
            CommunityIntensity.objects.filter(event=event, published=True)
            .select_related("settlement")
            .order_by(Coalesce("cdi", "msk64").desc(), "area", "code")
        ),
        assessment=MacroseismicAssessment.objects.filter(event=event).first(),
    )
    if row.depth_km is not None:
        found.depth_km = row.depth_km
    if row.event_type in EARTHQUAKES:
        found.size = prediction.input_magnitude(job.sizes(magnitudes, chosen))
    if found.size is not None:
        found.contours = _contours(found.model, found.size, found.depth_km)
        found.predicted = predicted_of(row, found.model, found.size, found.depth_km)
    for area in found.community:
        if area.distance_km is None:
            area.distance_km = distance_km(row, area.point.y, area.point.x)
    found.chart = attenuation_chart(found)
    return found


# --- Predicted -----------------------------------------------------------------------------------


def _mean(
    model: IntensityModel, size: InputMagnitude, depth_km: float, distance_km: float
) -> float:
    mean, _sigma = prediction.predict(model, size.value, depth_km, distance_km)
    return float(mean)


def sigma_of(model: IntensityModel, size: InputMagnitude) -> float | None:
    """Return the standard deviation of a prediction: the model's and that of a converted size."""
    if model.sigma is None:
        return None
    return float(np.hypot(model.sigma, model.a * (size.sigma or 0.0)))


def _contours(
    model: IntensityModel, size: InputMagnitude, depth_km: float
) -> list[tuple[int, float]]:
    grades = range(LEAST_CONTOUR, MOST_CONTOUR + 1)
    radii = prediction.radii_km(model, size.value, depth_km, list(grades))
    return [(g, float(r)) for g, r in zip(grades, radii, strict=True) if r > 0.0]


def predicted_of(
    row: EventRow, model: IntensityModel, size: InputMagnitude, depth_km: float
) -> list[Predicted]:
    """Return what is expected in the settlements where it may be felt, nearest first."""
    # Half a step below the least grade shown rounds up to it.
    least = prediction.SHOWN_FROM - 0.25
    reach = prediction.radius_km(model, size.value, depth_km, least)
    if not reach:
        return []
    # The box finds candidates by the index; a geodesic is at most 0.6 % from the sphere's.
    up = 1.01 * reach / KM_PER_DEGREE
    across = up / max(np.cos(np.radians(min(abs(row.latitude) + up, 89.0))), 0.02)
    asked = {
        "lat": row.latitude, "lon": row.longitude, "metres": 1000.0 * reach,
        "south": row.latitude - up, "north": row.latitude + up,
        "west": row.longitude - across, "east": row.longitude + across,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_WITHIN, asked)
        places = cursor.fetchall()
    means, _sigma = prediction.predict(
        model, size.value, depth_km, np.array([place[-1] for place in places])
    )
    sigma = sigma_of(model, size)
    language = (get_language() or "en")[:2]
    found = []
    for (key, en, ru, kk, people, lat, lon, km), mean in zip(places, means, strict=True):
        shown = prediction.shown_range(float(mean), sigma)
        if shown is not None:
            name = {"en": en, "ru": ru, "kk": kk}.get(language) or en
            found.append(Predicted(key, name, people, lat, lon, km, float(mean), *shown))
    return found


# --- Observed ------------------------------------------------------------------------------------


def _felt(i: IntensityObservation, row: EventRow) -> ExpertPoint:
    point = i.point or (i.settlement.point if i.settlement else None)
    if seismo.is_at_epicentre(i):
        point = None
    distance = i.distance_km
    if distance is None and point is not None:
        distance = distance_km(row, point.y, point.x)
    return ExpertPoint(
        i, seismo.felt_place(i), grade_words(i), job.grade_of(i),
        point.y if point else None, point.x if point else None, distance,
    )  # fmt: skip


def distance_km(row: EventRow, latitude: float, longitude: float) -> float:
    """Return the distance of a place from the preferred epicentre on the ellipsoid [km]."""
    return float(ellipsoid_distance_km(row.latitude, row.longitude, latitude, longitude))


def grade_words(i: IntensityObservation) -> str:
    """Return an intensity as lists write it: ``4``, ``3–4``, felt, not felt."""
    if i.best is not None and (i.minimum is None or i.minimum == i.maximum):
        return seismo.intensity(i.best)
    if i.minimum is not None and i.maximum is not None and i.minimum != i.maximum:
        return f"{seismo.as_given(i.minimum)}–{seismo.as_given(i.maximum)}"
    grade = job.grade_of(i)
    if grade is not None:
        return seismo.intensity(grade)
    if i.felt is None:
        return seismo.DASH
    return _("felt") if i.felt else _("not felt")


def _with_error(estimate: Mapping[str, Any] | None) -> str:
    if not estimate:
        return seismo.DASH
    return f"{seismo.decimal(estimate['value'])} {seismo.uncertainty(estimate['error'])}".strip()


def _summary(title: str, document: Mapping[str, Any]) -> Summary:
    """Return the column of one kind from the stored ``processing.core.macroseismic.Assessment``."""
    place, decay = document["epicentre"], document["decay"] or {}
    return Summary(
        title=title,
        points=document["points"],
        largest=seismo.decimal(document["largest"]),
        i0=_with_error(document["i0"]),
        magnitude=_with_error(document["magnitude"]),
        epicentre=_place_words(place) if place else seismo.DASH,
        depth=_between(decay, "depth_km", "depth_low_km", "depth_high_km"),
        isoseismals="; ".join(
            f"{one['grade']}: {_between(one, 'radius_km', 'low_km', 'high_km')}"
            for one in decay.get("isoseismals", ())
        )
        or seismo.DASH,
    )


def _place_words(place: Mapping[str, Any]) -> str:
    error = seismo.uncertainty(place["error_km"], "km")
    return f"{seismo.latitude(place['latitude'])}, {seismo.longitude(place['longitude'])} {error}"


def _between(values: Mapping[str, Any], name: str, low: str, high: str) -> str:
    """Return ``15 km (12–19)``; a dash where the value is not told."""
    if values.get(name) is None:
        return seismo.DASH
    ends = f"{seismo.decimal(values[low], 0)}–{seismo.decimal(values[high], 0)}"
    return f"{seismo.kilometres(values[name])} ({ends})"


# --- Drawings ------------------------------------------------------------------------------------


def attenuation_chart(found: Told) -> Chart | None:
    """Return intensity by distance: points over the two predictions; None without either."""
    dots = [
        (f.distance_km, f.grade)
        for f in found.expert
        if f.distance_km is not None and f.grade is not None and not f.observation.calculated
    ]
    cells = [
        (c.distance_km, c.grade)
        for c in found.cells
        if c.distance_km is not None and c.grade is not None
    ]
    if not (dots or cells or found.predicted):
        return None
    far = max([100.0, *(d for d, _grade in (*dots, *cells))])
    x = powers(PLOT_KM[0], min(far, PLOT_KM[1]), _("Epicentral distance, km"))
    top = max([8.0, *(grade for _d, grade in (*dots, *cells))])
    marks = tuple((float(grade), str(grade)) for grade in range(1, int(np.ceil(top)) + 1))
    y = Axis(1.0, float(np.ceil(top)), _("Intensity"), marks)
    title = _("Intensity by distance")
    words = _(
        "Expert points: %(expert)s; community cells of 10 km: %(cells)s. Lines: what attenuation "
        "equations predict."
    ) % {"expert": len(dots), "cells": len(cells)}
    chart = Chart("attenuation", title, words, x, y, height=280)
    if found.size is not None:
        _draw_predictions(chart, found, found.size)
    for distance, grade in cells:
        chart.dot(max(distance, x.low), grade, "dot-2", 4.0)
    for distance, grade in dots:
        chart.dot(max(distance, x.low), grade, "dot", 4.5)
    if dots:
        chart.legend.append(("dot", _("Experts")))
    if cells:
        chart.legend.append(("dot-2", _("The public")))
    return chart


def _draw_predictions(chart: Chart, found: Told, size: InputMagnitude) -> None:
    """Draw the equation in use, with its standard deviation to either side, and Shebalin's."""
    distance = np.geomspace(chart.x.low, chart.x.high, PLOT_POINTS)
    sigma = sigma_of(found.model, size)
    other = prediction.MODELS[prediction.ALTERNATIVE]
    for model, kind in ((found.model, "line"), (other, "line-2")):
        mean, _sigma = prediction.predict(model, size.value, found.depth_km, distance)
        pairs = list(zip(distance.tolist(), mean.tolist(), strict=True))
        if kind == "line" and sigma is not None:
            for side in (-sigma, sigma):
                chart.line(_above(chart.y, [(d, i + side) for d, i in pairs]), "limit")
        chart.line(_above(chart.y, pairs), kind)
        chart.legend.append((kind, model.name))
        if kind == "line" and sigma is not None:
            chart.legend.append(("limit", _("± one standard deviation")))


def _above(y: Axis, pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the part of a falling line that lies within the drawing."""
    return [(d, i) for d, i in pairs if y.low <= i <= y.high]


def map_layers(found: Told, row: EventRow) -> dict[str, Any]:
    """Return what the small map draws of it (``static/js/map/felt_layers.js``)."""
    document = found.assessment.document if found.assessment else {}
    fits = next((document[k] for k in ("expert", "community") if document.get(k)), None) or {}
    decay, place = fits.get("decay") or {}, fits.get("epicentre")
    return {
        "epicentre": [row.latitude, row.longitude],
        "expert": [
            {
                "lat": f.latitude, "lon": f.longitude, "name": f.name, "words": f.words,
                "grade": f.grade, "felt": f.observation.felt is not False,
            }
            for f in found.expert
            if f.latitude is not None
        ],
        "cells": [_cell(c) for c in (*found.cells, *found.settlements)],
        "smallCells": [_cell(c) for c in found.small_cells],
        "contours": [
            {"grade": grade, "radius": radius, "words": seismo.kilometres(radius)}
            for grade, radius in found.contours
        ],
        "isoseismals": [
            {
                "grade": one["grade"], "radius": one["radius_km"], "low": one["low_km"],
                "high": one["high_km"], "words": seismo.kilometres(one["radius_km"]),
            }
            for one in decay.get("isoseismals", ())
        ],
        "place": place and {
            "lat": place["latitude"], "lon": place["longitude"], "error": place["error_km"],
            "words": seismo.uncertainty(place["error_km"], "km"),
        },
        "words": {
            "contour": _("predicted %(grade)s"),
            "isoseismal": _("isoseismal %(grade)s"),
            "place": _("Macroseismic epicentre"),
        },
    }  # fmt: skip


def _cell(c: CommunityIntensity) -> dict[str, Any]:
    return {
        "outline": [[lat, lon] for lon, lat in c.outline.coords[0]] if c.outline else [],
        "lat": c.point.y, "lon": c.point.x, "grade": c.grade,
        "name": place_of(c), "words": seismo.decimal(c.grade),
        "reports": reports_words(c), "opacity": opacity(c.report_count),
    }  # fmt: skip


def legend(found: Told) -> dict[str, Any]:
    """Return the layers the small map can show: code, words, and whether shown at first."""
    document = found.assessment.document if found.assessment else {}
    fits = [document[kind] for kind in ("expert", "community") if document.get(kind)]
    there = {
        "expert": (_("Experts"), any(f.latitude is not None for f in found.expert), True),
        "community": (_("The public"), found.cells or found.settlements, True),
        "small": (_("The public, cells of 1 km"), found.small_cells, False),
        "isoseismals": (_("Isoseismals"), any(fit["decay"] for fit in fits[:1]), False),
        "place": (_("Macroseismic epicentre"), any(fit["epicentre"] for fit in fits[:1]), False),
        "contours": (_("Predicted intensity"), found.contours, False),
    }
    shown = any(there[code][1] for code in ("expert", "community"))
    return {
        "felt_layers": [
            {"code": code, "words": words, "on": on}
            for code, (words, is_there, on) in there.items()
            if is_there
        ],
        "felt_grades": range(2, 11) if shown else (),
    }


def sections(found: Told) -> list[tuple[str, str, bool]]:
    """Return the sections of the page that are about it: anchor, heading, whether it has them."""
    return [
        ("predicted", _("Predicted intensity"), bool(found.predicted)),
        ("intensities", _("How it was felt"), bool(found.expert or found.community)),
        ("attenuation", _("Intensity by distance"), found.chart is not None),
    ]


def opacity(reports: int) -> float:
    """Return how opaque a cell is drawn: 0.3 for one report to 1 for ten and more."""
    share = min(reports, OPAQUE_REPORTS) / OPAQUE_REPORTS
    return round(LEAST_OPACITY + (1.0 - LEAST_OPACITY) * share, 2)


def place_of(c: CommunityIntensity) -> str:
    """Return where a community intensity is of: a settlement's name, or a cell by its centre."""
    if c.settlement is not None:
        return c.settlement.name
    return f"{seismo.latitude(c.point.y)}, {seismo.longitude(c.point.x)}"


def reports_words(c: CommunityIntensity) -> str:
    return _("reports: %(n)s, not felt: %(not_felt)s") % {
        "n": c.report_count, "not_felt": c.not_felt_count,
    }  # fmt: skip
