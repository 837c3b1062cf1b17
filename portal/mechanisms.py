"""The catalogue of mechanisms: for any search the preferred mechanism of each event, and together.

The address is the search, word for word that of the catalogue's table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog import focal_geometry as geometry
from catalog import whole_mechanisms
from catalog.downloads import TooLong
from catalog.focal_geometry import STYLES as STYLE_CODES
from catalog.models import EventRow, FocalMechanism
from catalog.querysets import EventRowQuerySet
from catalog.rendering import csv_cell
from catalog.search import PAGE, EventSearch, SearchError
from catalog.whole_mechanisms import Whole
from portal.beachball import FEW_STEPS, Beachball, ball_of
from portal.mechanism_plots import BIN_DEG, MOST_DOTS, Density, Pictures, Rose, pictures_of
from portal.mechanism_words import STYLES
from portal.search_labels import told
from portal.statistics import IGNORED, NOT_HERE, attached, query_of
from portal.templatetags import seismo
from portal.time_limits import within

SECONDS = 4.0
PAGE_LENGTH = 50
#: Mechanisms the pictures and the file hold: the newest. Ours.
MOST = 5000
PAGE_WORD = "page"

_F = "event__preferred_focal_mechanism"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the table."""

    row: EventRow
    mechanism: FocalMechanism
    whole: Whole | None
    ball: Beachball | None
    style_words: str


def rows_of(search: EventSearch) -> EventRowQuerySet:
    """Return the events of a search that have a preferred mechanism, newest first."""
    rows: EventRowQuerySet = (
        search.matching()
        .filter(**{f"{_F}__isnull": False})
        .order_by("-time", "-event_id")
        .select_related(f"{_F}__agency")
        .defer("fdsn_text", "csv_line")
    )
    return rows


def known_of(rows: Sequence[EventRow]) -> list[tuple[EventRow, FocalMechanism, Whole | None]]:
    """Return rows with their mechanisms, as reported and made whole."""
    pairs = [(row, m) for row in rows if (m := row.event.preferred_focal_mechanism) is not None]
    wholes = whole_mechanisms.of_rows([m for _row, m in pairs])
    return [(row, m, known) for (row, m), known in zip(pairs, wholes, strict=True)]


def listed(row: EventRow, mechanism: FocalMechanism, known: Whole | None) -> Listed:
    ball = None
    if known is not None:
        vectors = geometry.fault_vectors(*known.planes[0])
        ball = ball_of(*vectors, known.tensor, FEW_STEPS)
    words = str(STYLES[known.style]) if known and known.style else ""
    return Listed(row, mechanism, known, ball, words)


def search_of(request: HttpRequest) -> EventSearch:
    return EventSearch.from_query(request.GET, PAGE, ignore=(*IGNORED, PAGE_WORD))


@require_safe
def mechanisms_page(request: HttpRequest) -> HttpResponse:
    """The mechanisms of a search; without words all of them."""
    try:
        search = search_of(request)
    except SearchError as error:
        problems = {"problems": [p.message for p in error.problems]}
        return render(request, "portal/mechanisms.html", problems, status=400)
    query = query_of(search)
    context: dict[str, Any] = {"query": query, "selection": told(search), "search": search}
    try:
        with within(SECONDS):
            rows = rows_of(search)
            columns = [f"{_F}__{name}" for name in whole_mechanisms.COLUMNS]
            values = list(rows.select_related(None).values_list(*columns)[: MOST + 1])
            page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get(PAGE_WORD))
            lines = [listed(*one) for one in known_of(list(page))]
    except TooLong:
        context["too_slow"] = True
        return render(request, "portal/mechanisms.html", context, status=503)
    context |= {
        "page": page,
        "lines": lines,
        "synthetic": sum(line.row.synthetic for line in lines),
        "more": len(values) > MOST,
        "most": MOST,
        "year_book": _with_query(reverse("download", args=["year-book-mechanisms.csv"]), search),
        "quakeml": _with_query(
            reverse("download", args=["quakeml"]), search, includemechanisms="true"
        ),
        "ndk": _with_query(reverse("download", args=["ndk"]), search),
    }
    pictures = pictures_of(whole_mechanisms.whole_of(values[:MOST])) if values else None
    if pictures is not None:
        context |= _pictured(pictures, search)
    return render(request, "portal/mechanisms.html", context)


def _with_query(address: str, search: EventSearch, **more: str) -> str:
    """Return the address of a file of these mechanisms only."""
    words = search.replace(hasmechanism=True).words(without=NOT_HERE) | more
    return f"{address}?{urlencode(words, safe=',:')}"


def _pictured(pictures: Pictures, search: EventSearch) -> dict[str, Any]:
    others = search.words(without=(*NOT_HERE, "faultingstyle"))
    styles = []
    for code in STYLE_CODES:
        number = pictures.styles[code]
        share = seismo.decimal(100 * number / pictures.number, 0)
        query = urlencode({**others, "faultingstyle": code}, safe=",:")
        styles.append((code, STYLES[code], number, share, query))
    return {
        "pictures": pictures,
        "styles": styles,
        "without_style": urlencode(others, safe=",:") if search.faultingstyle else None,
        "frohlich": _frohlich(pictures),
        "triangle_words": _triangle_words(pictures),
        "rose_words": _rose_words(pictures.rose),
        "bins": [(f"{w.start}°–{w.start + BIN_DEG}°", w.number) for w in pictures.rose.wedges],
        "composite_words": _composite_words(pictures),
        "densities": [(d, _density_words(d)) for d in pictures.densities],
        "dots_left_out": pictures.number > MOST_DOTS,
    }


def _frohlich(pictures: Pictures) -> list[tuple[str, int]]:
    words = {
        "thrust": _("Thrust: T plunges 50° or more"),
        "strike-slip": _("Strike-slip: N plunges 60° or more"),
        "normal": _("Normal: P plunges 60° or more"),
        "odd": _("Odd: none of these"),
    }
    return [(words[name], number) for name, number in pictures.triangle.frohlich.items()]


def _triangle_words(pictures: Pictures) -> str:
    numbers = "; ".join(f"{words}: {number}" for words, number in _frohlich(pictures))
    return _("Triangle of mechanisms by the plunges of their axes. %(numbers)s.") % {
        "numbers": numbers
    }


def _rose_words(rose: Rose) -> str:
    if not rose.number:
        return _("No mechanism tells the direction of the largest horizontal stress.")
    ends = ", ".join(f"{w.start}°–{w.start + BIN_DEG}°" for w in rose.strongest)
    return _(
        "Directions of the largest horizontal stress in bins of 10°, each at both its ends."
        " Mechanisms: %(n)s; most in one bin: %(most)s, at %(ends)s."
    ) % {"n": rose.number, "most": rose.most, "ends": ends}


def _composite_words(pictures: Pictures) -> str:
    found = pictures.composite
    return _(
        "Mean of %(n)s mechanisms, each with the same weight. Consistency %(share)s. T axis:"
        " azimuth %(ta)s, plunge %(tp)s; P axis: azimuth %(pa)s, plunge %(pp)s."
    ) % {
        "n": pictures.number,
        "share": f"{seismo.decimal(100 * found.consistency, 0)}\u00a0%",
        "ta": seismo.degrees(found.t[0]),
        "tp": seismo.degrees(found.t[1]),
        "pa": seismo.degrees(found.p[0]),
        "pp": seismo.degrees(found.p[1]),
    }


def _density_words(density: Density) -> str:
    return _(
        "%(axis)s axes lie densest at azimuth %(azimuth)s, plunge %(plunge)s: %(times)s times as"
        " dense as if spread evenly."
    ) % {
        "axis": density.axis,
        "azimuth": seismo.degrees(density.azimuth),
        "plunge": seismo.degrees(density.plunge),
        "times": seismo.decimal(density.peak, 1),
    }


# --- The file ------------------------------------------------------------------------------------

_EVENT = ("event_id", "time", "latitude", "longitude", "depth_km", "KR", "magnitude",
          "magnitude_type", "synthetic")  # fmt: skip
_QUALITY = (
    "quality", "uncertainty_deg", "probability", "station_polarity_count", "misfit",
    "azimuthal_gap", "takeoff_gap", "station_distribution_ratio", "scalar_moment",
    "double_couple",
)  # fmt: skip
HEADINGS = (
    *_EVENT,
    "agency",
    "computed",
    "faulting_style",
    "shmax_azimuth",
    *whole_mechanisms.COLUMNS,
    *_QUALITY,
)


@require_safe
def mechanisms_csv(request: HttpRequest) -> HttpResponse:
    """The mechanisms of a search as a table, what was not reported worked out: up to 5,000."""
    try:
        search = search_of(request)
        with within(SECONDS):
            rows = list(rows_of(search)[:MOST])
    except SearchError as error:
        return _refused(400, error.message)
    except TooLong:
        return _refused(503, _("This search takes too long"))
    lines = [_line(HEADINGS), *(_line(_values(*one)) for one in known_of(rows))]
    return attached("\r\n".join((*lines, "")).encode(), "text/csv; charset=utf-8", "mechanisms.csv")


def _refused(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _values(row: EventRow, m: FocalMechanism, known: Whole | None) -> Sequence[Any]:
    time = row.time.strftime("%Y-%m-%dT%H:%MZ" if row.minute_precision else "%Y-%m-%dT%H:%M:%SZ")
    given = [getattr(m, name) for name in whole_mechanisms.COLUMNS]
    if known is not None:
        # Both planes, or neither: a pair of a reported and a foreign plane would be no mechanism.
        if None in given[:6]:
            given[:6] = [round(a, 1) for plane in known.planes for a in plane]
        if None in given[6:12]:
            given[6:12] = [round(a, 1) for axis in (known.t, known.n, known.p) for a in axis]
    shmax = known.shmax if known else None
    return [
        row.public_id, time, row.latitude, row.longitude, row.depth_km, row.kr, row.magnitude,
        row.magnitude_type, row.synthetic, str(m.agency or ""), m.is_computed,
        known.style if known else "", None if shmax is None else round(shmax, 1),
        *given, *(getattr(m, name) for name in _QUALITY),
    ]  # fmt: skip


def _line(values: Sequence[Any]) -> str:
    return ",".join(
        "" if v is None else csv_cell(v) if isinstance(v, str) else str(v).lower() for v in values
    )
