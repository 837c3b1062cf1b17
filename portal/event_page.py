"""One event's page: what it was for everyone, then all the evidence, and what became of its id.

The number of questions asked does not grow with arrivals, stations or neighbours: one for the
arrivals of each solution, a fixed number for all the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count as CountOf
from django.db.models import F
from django.db.models.functions import Left, Length
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http import HttpResponsePermanentRedirect as Moved
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog import citation, ledger, preference_words
from catalog.models import (
    EDITOR,
    OPERATOR,
    Agency,
    Arrival,
    BulletinEntry,
    Event,
    EventRow,
    FeedCounter,
    IntensityObservation,
    Magnitude,
    Origin,
    PickAssociation,
    User,
)
from catalog.scales import SCALES
from catalog.search import EventSearch, successors
from portal import citing, download_builder, event_macroseismics, event_mechanisms, event_type_words
from portal import magnitudes as sizes_shown
from portal.charts import Axis, Chart, linear
from portal.editions import editions_of
from portal.event_neighbours import neighbours_of
from portal.event_places import place_words, settlements_around
from portal.location_words import own_location
from portal.map_config import map_config, map_words
from portal.templatetags import seismo
from processing.core import geodesy

#: Of a report's own text a page shows so much; the whole stands in the file.
REPORT_CHARACTERS = 20_000
#: Residuals drawn; a list of arrivals beside has them all.
RESIDUALS_DRAWN = 2000
#: The narrowest span of the residuals' axis [s], either way.
RESIDUAL_SPAN_S = 1.0
#: Open Graph names a language with a country.
LOCALES = {"en": "en_GB", "ru": "ru_KZ", "kk": "kk_KZ"}
#: As Django's ``json_script``: nothing in the data can end the element.
_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}


@require_safe
def event_page(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Everything known of one event. A merged one leads to its successor, a deleted one is gone."""
    event = (
        Event.objects.filter(public_id=public_id)
        .select_related("preferred_origin__agency", "preferred_magnitude", "row__settlement")
        .first()
    )
    if event is None:
        raise Http404(_("There is no event with this id."))
    if event.status == Event.Status.MERGED:
        successor = successors([public_id])[public_id]
        return Moved(f"{reverse('event', args=[successor.public_id])}?merged={public_id}")
    if event.status == Event.Status.DELETED:
        return gone(request, event)
    row: EventRow | None = getattr(event, "row", None)
    preferred = event.preferred_origin
    if row is None or preferred is None:
        raise Http404(_("This event is still being processed."))
    context = _context(request, event, row, preferred)
    return render(request, "portal/event.html", context)


def gone(request: HttpRequest, event: Event) -> HttpResponse:
    """A deleted event: what it was and when it was taken out stay findable."""
    last = event.changes.order_by("-number").first()
    context = {"event": event, "change": last, "history": ledger.history(event)}
    return render(request, "410.html", context, status=410)


# --- What it was ---------------------------------------------------------------------------------


def headline_sizes(row: EventRow, magnitudes: Sequence[Magnitude]) -> list[str]:
    """Return the sizes a headline names: the energy class, then a magnitude.

    The catalogue's magnitude goes first; without one, MS(reg), which has no column of its own;
    MPVA only where there is nothing else.
    """
    found = []
    if row.kr is not None:
        found.append(f"KR {seismo.magnitude(row.kr)}")
    regional = next((m for m in magnitudes if m.type == "MS(reg)"), None)
    if row.magnitude is not None:
        found.append(f"{row.magnitude_type or 'M'} {seismo.magnitude(row.magnitude)}")
    elif regional is not None:
        found.append(f"MS(reg) {seismo.decimal(regional.value)}")
    if not found and row.mpva is not None:
        found.append(f"MPVA {seismo.magnitude(row.mpva)}")
    return found


def headline(row: EventRow, sizes: Sequence[str], place: str) -> str:
    """Return the event in one line: its own name, what it was if no earthquake, sizes, place."""
    parts = []
    if name := seismo.row_name(row):
        parts.append(name)
    if row.event_type not in ("", "earthquake") or not (name or sizes):
        kind = seismo.event_type_words(row.event_type)
        parts.append(kind[:1].upper() + kind[1:])
    return ", ".join((*parts, *sizes, place))


@dataclass(frozen=True, slots=True)
class Felt:
    """How an event was felt, in short."""

    places: int
    largest: str
    """The largest intensity observed; "" where only "felt" is known."""
    where: str


def felt_of(row: EventRow, intensities: Sequence[IntensityObservation]) -> Felt | None:
    """Return a summary of what was observed; None where nothing tells of it having been felt."""
    observed = [i for i in intensities if not i.calculated and i.felt is not False]
    places = {
        (i.settlement_id, i.place.strip().lower())
        for i in observed
        if not seismo.is_at_epicentre(i)
    }
    if not row.felt and not places:
        return None
    strongest = max(
        (i for i in observed if _degree(i) is not None), key=lambda i: _degree(i) or 0, default=None
    )
    largest = row.max_intensity if strongest is None else _degree(strongest)
    return Felt(
        len(places),
        seismo.intensity(largest) if largest is not None else "",
        seismo.felt_place(strongest) if strongest is not None else "",
    )


def _degree(i: IntensityObservation) -> float | None:
    return next((d for d in (i.best, i.maximum, i.minimum) if d is not None), None)


# --- The evidence --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SolutionShown:
    """An origin beside the preferred one."""

    origin: Origin
    is_preferred: bool
    distance_km: float | None
    seconds: float | None
    depth_difference_km: float | None
    magnitudes: list[Any]
    arrival_count: int


@dataclass(frozen=True, slots=True)
class ArrivalTable:
    """The arrivals of one solution, nearest first."""

    solution: SolutionShown
    arrivals: list[Arrival]


def _context(
    request: HttpRequest, event: Event, row: EventRow, preferred: Origin
) -> dict[str, Any]:
    origins = list(
        event.origins.current()
        .select_related("agency", "entry__reading__agency")
        .annotate(arrival_count=CountOf("arrivals"))
    )
    magnitudes = list(
        event.magnitudes.current().select_related("agency", "converted_from", "origin")
    )
    chosen = {p.magnitude_id for p in event.preferred_magnitudes.all()}
    order = {scale: number for number, scale in enumerate(SCALES)}
    magnitudes.sort(
        key=lambda m: (
            order.get(m.scale, 99),
            m.scale,
            m.converted_from_id is not None,
            m.pk not in chosen,
            str(m.agency),
        )
    )
    solutions = [_compared(origin, preferred, magnitudes) for origin in origins]
    solutions.sort(key=lambda s: (not s.is_preferred, s.origin.is_computed, str(s.origin.agency)))
    entries = list(
        BulletinEntry.objects.filter(report__event=event)
        .select_related("reading__file", "reading__agency", "report")
        .defer("text")
        .annotate(text_begin=Left("text", REPORT_CHARACTERS), text_length=Length("text"))
        .order_by("superseded_at", "reading__agency__code", "-pk")[:50]
    )
    intensities = sorted(
        event.intensityobservations.current().select_related("settlement", "agency"),
        key=lambda i: -(_degree(i) or 0),
    )
    arrival_tables = [ArrivalTable(s, _arrivals(s.origin)) for s in solutions if s.arrival_count]
    around = settlements_around(row.latitude, row.longitude)
    place = place_words(row, around)
    sizes = headline_sizes(row, magnitudes)
    title = headline(row, sizes, place)
    merged_from = request.GET.get("merged", "")
    macroseismics = event_macroseismics.told(event, row, magnitudes, chosen, intensities)
    context: dict[str, Any] = {
        "event": event,
        "row": row,
        "origin": preferred,
        "minute": preferred.is_minute_precision,
        "title": title,
        "place": place,
        "around": around,
        "felt": felt_of(row, intensities),
        "solutions": solutions,
        "magnitudes": magnitudes,
        **sizes_shown.told(event, preferred, magnitudes, chosen),
        "arrival_tables": arrival_tables,
        "residuals": residual_chart(arrival_tables[0].arrivals) if arrival_tables else None,
        "macroseismics": macroseismics,
        **event_macroseismics.legend(macroseismics),
        "consequences": list(event.consequences.filter(superseded_at=None)),
        "interpretations": list(
            event.interpretations.filter(superseded_at=None).select_related("agency")
        ),
        "readings_proposed": _readings_proposed(request, event),
        "may_locate": _is_staff(request),
        **event_mechanisms.told(event),
        "entries": entries,
        "history": ledger.history(event),
        "absorbed": list(event.absorbed.order_by("public_id")),
        "editions": editions_of(event),
        **_preference_table(event),
        **_type_told(event),
        "own_location": own_location(event, [s.origin for s in solutions]),
        "neighbours": neighbours_of(row),
        "downloads": download_builder.event_files(f"eventid={event.public_id}"),
        "citation": _citation(request, row),
        "merged_from": merged_from
        if merged_from and event.absorbed.filter(public_id=merged_from).exists()
        else "",
        "map_data": _event_map(solutions, intensities)
        | {"felt": event_macroseismics.map_layers(macroseismics, row)},
        "config": map_config(),
        "words": map_words()
        | {"mapLabel": _("Map of all solutions. The table below holds the same.")},
    }
    context["contents"] = _contents(context)
    context |= _for_machines(request, row, context)
    return context


def _contents(context: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the sections the page has: anchor and heading, in their order."""
    told = (
        "type_reports", "type_decision", "type_suggestion", "interpretations", "may_locate",
    )  # fmt: skip
    sections: list[tuple[str, str, Any]] = [
        ("summary", _("In short"), True),
        ("settlements", _("Settlements nearby"), context["around"]),
        *event_macroseismics.sections(context["macroseismics"]),
        ("consequences", _("Consequences"), context["consequences"]),
        ("solutions", _("All solutions side by side"), True),
        ("sizes", _("Magnitudes and energy class"), True),
        ("mechanisms", _("Focal mechanisms"), context["mechanisms"]),
        ("type", _("What it was"), any(context[name] for name in told)),
        ("neighbours", _("Nearby and past events"), True),
        ("arrivals", _("Arrivals"), True),
        ("downloads", _("Downloads"), True),
        ("reports", _("Reports as received"), True),
        ("editions", _("Editions"), context["editions"]),
        ("history", _("History"), True),
    ]
    return [(anchor, heading) for anchor, heading, shown in sections if shown]


def _type_told(event: Event) -> dict[str, Any]:
    told = event_type_words.told(event)
    decision = told["type_decision"]
    return {
        **told,
        "type_decided_by": ledger.role_words(ledger.role_of(decision.actor)) if decision else "",
    }


def _is_staff(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_role(OPERATOR, EDITOR)


def _readings_proposed(request: HttpRequest, event: Event) -> int:
    """Count the station readings that wait for a decision on this event; only staff see them."""
    if not _is_staff(request):
        return 0
    return event.pick_associations.filter(state=PickAssociation.State.PROPOSED).count()


def _citation(request: HttpRequest, row: EventRow) -> str:
    """Return the sentence to cite the event by."""
    search = EventSearch(eventid=(row.public_id,))
    agencies = tuple(Agency.objects.filter(code__in=row.agencies).order_by("code"))
    reference = citing.reference_of(
        request, search, FeedCounter.current(), citing.Sources(agencies)
    )
    return citation.text(reference)


def _compared(origin: Origin, preferred: Origin, magnitudes: list[Any]) -> SolutionShown:
    is_preferred = origin.pk == preferred.pk
    distance = None
    if not is_preferred:
        distance = float(
            geodesy.ellipsoid_distance_km(
                preferred.latitude, preferred.longitude, origin.latitude, origin.longitude
            )
        )
    depth, preferred_depth = origin.depth_km, preferred.depth_km
    return SolutionShown(
        origin=origin,
        is_preferred=is_preferred,
        distance_km=distance,
        seconds=None if is_preferred else (origin.time - preferred.time).total_seconds(),
        depth_difference_km=(
            None
            if is_preferred or depth is None or preferred_depth is None
            else depth - preferred_depth
        ),
        magnitudes=[
            m
            for m in magnitudes
            if (m.origin_id == origin.pk)
            or (m.origin_id is None and m.entry_id and m.entry_id == origin.entry_id)
        ],
        arrival_count=getattr(origin, "arrival_count", 0),
    )


def _arrivals(origin: Origin) -> list[Arrival]:
    return list(
        origin.arrivals.select_related("pick__station__network", "pick__reading__agency").order_by(
            F("distance_deg").asc(nulls_last=True), "pick__time", "pk"
        )
    )


def residual_chart(arrivals: Sequence[Arrival]) -> Chart | None:
    """Return residuals by distance; None for fewer than two. S waves are hollow."""
    drawn = [
        (a.distance_deg, a.time_residual, (a.phase or a.pick.phase_hint or ""), a)
        for a in arrivals[:RESIDUALS_DRAWN]
        if a.distance_deg is not None and a.time_residual is not None
    ]
    if len(drawn) < 2:
        return None
    farthest = max(d for d, *_more in drawn)
    largest = max(abs(r) for _d, r, *_more in drawn)
    span = max(RESIDUAL_SPAN_S, largest * 1.08)
    y = linear(-span, span, _("Residual, s"), 6)
    marks = tuple((v, seismo.signed(v, 1)) for v, _label in y.marks)
    chart = Chart(
        "residuals",
        _("Residuals by distance"),
        _("Dots: P waves; hollow: S waves; about a line at 0. Number of residuals: %(n)s; largest"
          " %(largest)s s.")
        % {"n": len(drawn), "largest": seismo.decimal(largest, 2)},
        linear(0.0, farthest * 1.03, _("Distance, degrees"), 8),
        Axis(y.low, y.high, y.title, marks),
        height=260,
    )  # fmt: skip
    chart.level(0.0, "axis")
    has_s = False
    for distance, residual, phase, _arrival in drawn:
        is_s = phase.upper().startswith("S")
        has_s = has_s or is_s
        chart.dot(distance, residual, "dot-2" if is_s else "dot", 4.0)
    chart.legend.append(("dot", _("P waves and others")))
    if has_s:
        chart.legend.append(("dot-2", _("S waves")))
    return chart


def _preference_table(event: Event) -> dict[str, Any]:
    """The stored terms of ``processing.jobs.preference`` as tables: names, then a line each."""
    stored = event.preference or {}
    candidates = stored.get("candidates", [])
    names: list[str] = []
    for candidate in candidates:
        # A column of noughts would only push the sum out of sight.
        names += [
            t["name"]
            for t in candidate["terms"]
            if t["name"] not in names and (t["name"] != "automatic_bulletin" or t["value"])
        ]
    lines = [
        {
            "agency": candidate["agency"],
            "values": [
                next((t["contribution"] for t in candidate["terms"] if t["name"] == name), None)
                for name in names
            ],
            "total": candidate["total"],
        }
        for candidate in candidates
    ]
    sizes = [
        {
            "scale": scale,
            "criteria": [preference_words.criterion_words(name) for name in told["order"]],
            "lines": told["candidates"],
        }
        for scale in SCALES
        if (told := stored.get("magnitudes", {}).get(scale)) and len(told["candidates"]) > 1
    ]
    return {
        "preference": stored,
        "preference_area": preference_words.area_words(stored["area"])
        if stored.get("area") is not None
        else "",
        "preference_terms": [preference_words.term_words(name) for name in names],
        "preference_lines": lines,
        "preference_sizes": sizes,
    }


def _event_map(solutions: list[SolutionShown], intensities: list[Any]) -> dict[str, Any]:
    """Epicentres, ellipses and felt places of one event, for its small map."""
    return {
        "solutions": [
            {
                "lat": s.origin.latitude,
                "lon": s.origin.longitude,
                "depth": s.origin.depth_km,
                "agency": str(s.origin.agency or ""),
                "preferred": s.is_preferred,
                "computed": s.origin.is_computed,
                "major": s.origin.semi_major_axis_km or s.origin.horizontal_uncertainty_km,
                "minor": s.origin.semi_minor_axis_km or s.origin.horizontal_uncertainty_km,
                "azimuth": s.origin.major_axis_azimuth or 0,
            }
            for s in solutions
        ],
        "places": [
            {
                "lat": point.y,
                "lon": point.x,
                "name": seismo.felt_place(i),
                "intensity": seismo.intensity(i.best if i.best is not None else i.maximum),
            }
            for i in intensities
            if not seismo.is_at_epicentre(i)
            and (point := i.point or (i.settlement.point if i.settlement else None)) is not None
        ],
    }


# --- For machines --------------------------------------------------------------------------------


def _for_machines(request: HttpRequest, row: EventRow, context: dict[str, Any]) -> dict[str, Any]:
    """Return what other sites show of the page: Open Graph and schema.org."""
    language = (get_language() or "en")[:2]
    address = request.build_absolute_uri(reverse("event", args=[row.public_id]))
    described = _("%(size)s; %(place)s; %(date)s, %(time)s UTC.") % {
        "size": seismo.row_size_words(row),
        "place": context["place"],
        "date": seismo.long_date(row.time),
        "time": seismo.utc_clock(row.time, context["minute"]),
    }
    if row.synthetic:
        told = _("Synthetic example event, not a real earthquake")
        described = f"{told}. {described}"
    return {
        "address": address,
        "described": described[:1].upper() + described[1:],
        "locale": LOCALES.get(language, LOCALES["en"]),
        "other_locales": [value for code, value in LOCALES.items() if code != language],
        "linked_data": _linked_data(request, row, context, address, described, language),
    }


def _linked_data(
    request: HttpRequest,
    row: EventRow,
    context: dict[str, Any],
    address: str,
    described: str,
    language: str,
) -> SafeString:
    """Return the page as schema.org has it: a Dataset about an Event.

    A Dataset, for what stands here is a record with files, a version and authors, which is what
    search engines of data look for; an Event alone they take for something one may attend.
    """
    minute = context["minute"]
    time = row.time.strftime("%Y-%m-%dT%H:%MZ") if minute else row.time.isoformat()
    place: dict[str, Any] = {
        "@type": "Place",
        "name": context["place"],
        "geo": {
            "@type": "GeoCoordinates", "latitude": row.latitude, "longitude": row.longitude,
        },
    }  # fmt: skip
    sizes = [
        {"@type": "PropertyValue", "name": scale, "value": value}
        for scale, value in seismo.sizes(row)
    ]
    if row.depth_km is not None:
        sizes.append(
            {"@type": "PropertyValue", "name": "depth", "value": row.depth_km, "unitText": "km"}
        )
    data = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "@id": address,
        "url": address,
        "identifier": row.public_id,
        "name": context["title"],
        "description": described,
        "inLanguage": language,
        "isAccessibleForFree": True,
        "temporalCoverage": time,
        "spatialCoverage": place,
        "variableMeasured": sizes,
        "creator": [{"@type": "Organization", "name": code} for code in row.agencies],
        "dateModified": row.updated_at.date().isoformat(),
        "citation": context["citation"],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": file["name"],
                "contentUrl": request.build_absolute_uri(file["url"]),
            }
            for file in context["downloads"]
        ],
        "about": {
            "@type": "Event",
            "name": context["title"],
            "startDate": time,
            "location": place,
        },
    }
    text = json.dumps(data, ensure_ascii=False).translate(_ESCAPES)
    return format_html(
        '<script type="application/ld+json">{}</script>',
        mark_safe(text),  # noqa: S308 - escaped above
    )
