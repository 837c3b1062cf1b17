"""Sizes for people: the event page's section of magnitudes, and the page of all scales.

Computed values are told to one decimal; the JSON API has them in full. A value converted from
another scale never stands before a measured one.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from catalog.models import (
    ConversionRelation,
    Event,
    Magnitude,
    MagnitudeAssessment,
    Origin,
    StationMagnitude,
)
from catalog.models.conversions import Converted
from catalog.scales import CONVERTED, KR_A_UNIT, KR_OF_ZERO, SCALES, scale_of
from portal import magnitude_words as words
from portal.templatetags.seismo import (
    DASH,
    as_given,
    decimal,
    degrees,
    magnitude,
    signed,
    size_words,
)
from processing.core import geodesy
from processing.core import magnitude_scales as records
from processing.core.magnitude_scales import BY_ID, Component, Outcome, Status

#: Stations of one scale that the event page shows, nearest first; the API has them all.
STATIONS_SHOWN = 200
#: Reported station magnitudes looked at for one page.
STATION_MAGNITUDES_MOST = 4000
#: The residual bar's view box, and the residual at its end unless a larger one is met.
BAR_WIDTH, BAR_HEIGHT, BAR_LIMIT = 120, 12, 1.0
#: From here on, in nm, a table's amplitudes are told in µm.
MICROMETRES_FROM_NM = 1000.0


_NOTHING = SafeString("")
_OUT = SafeString(' class="is-out"')
_NO_BAR = SafeString('<td class="residual"></td>')
_BAR = (
    '<td class="residual"><svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true"'
    ' focusable="false"><path d="M{2} 0v{1}"/><rect x="{3}" y="2" width="{4}" height="8"/></svg>'
    "</td>"
)


# --- The event page ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A value a visitor should know: how large, on which scale, from whom, and what to beware."""

    value: str
    type: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class SizeLine:
    """A network value: reported, computed here, or converted."""

    magnitude: Magnitude
    value: str
    is_preferred: bool
    kind: str
    how: tuple[str, ...]
    """What it was converted from, or what a reader is warned of."""
    stations: str
    """Anchor of the stations it was made of; "" for none."""


@dataclass(frozen=True, slots=True)
class SizeGroup:
    """All values of one scale."""

    label: str
    text: str
    anchor: str
    """Where the page of scales tells of it; "" for a type without a record."""
    lines: tuple[SizeLine, ...]


@dataclass(frozen=True, slots=True)
class StationLine:
    """One station on one scale, each value as it is printed."""

    station: str
    component: str
    distance: str
    azimuth: str
    amplitude: str
    period: str
    value: str
    residual: str
    bar: tuple[float, float] | None
    """Start and width of the residual's bar in its drawing; None without a residual."""
    outcome: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class StationTable:
    """The stations of one network value, or of a scale that has none."""

    anchor: str
    title: str
    why_not: str
    """Why there is no network value; "" where there is one."""
    counted: str
    unit: str
    notes: tuple[str, ...]
    lines: tuple[StationLine, ...]
    left_off: int
    limit: str
    """Residual at either end of the bars."""
    is_assessed: bool
    """Computed here: azimuths are known, and what became of each station is told."""

    @property
    def has_residuals(self) -> bool:
        return any(line.bar is not None for line in self.lines)

    @property
    def has_outcomes(self) -> bool:
        return any(line.outcome != DASH for line in self.lines)

    @property
    def has_readings(self) -> bool:
        """An amplitude or period is known of some station."""
        return any(line.amplitude != DASH or line.period != DASH for line in self.lines)

    @property
    def rows(self) -> SafeString:
        """The table's rows. A page may have thousands, and a template takes three times as long.

        What came out stands before what it was made of: a small screen shows it without scrolling.
        """
        drawn, told, read = self.has_residuals, self.has_outcomes, self.has_readings
        return format_html_join(
            "\n",
            '<tr{}><th scope="row">{}{}</th>{}{}{}{}{}</tr>',
            (
                (
                    _NOTHING if line.is_used else _OUT,
                    line.station,
                    format_html(' <span class="muted">{}</span>', line.component)
                    if line.component
                    else "",
                    _numbers(line.distance, line.value, line.residual),
                    _bar_cell(line) if drawn else _NOTHING,
                    format_html("<td>{}</td>", line.outcome) if told else _NOTHING,
                    _numbers(line.amplitude, line.period) if read else _NOTHING,
                    _numbers(line.azimuth) if self.is_assessed else _NOTHING,
                )
                for line in self.lines
            ),
        )


def _numbers(*texts: str) -> SafeString:
    return format_html_join("", '<td class="num">{}</td>', ((text,) for text in texts))


def _bar_cell(line: StationLine) -> SafeString:
    """Draw a residual; it stands as a number beside, so nothing is read out here."""
    if line.bar is None:
        return _NO_BAR
    start, width = line.bar
    return format_html(_BAR, BAR_WIDTH, BAR_HEIGHT, BAR_WIDTH // 2, start, width)


def told(
    event: Event, origin: Origin, magnitudes: Sequence[Magnitude], chosen: set[int]
) -> dict[str, Any]:
    """Return what the event page says of sizes; three queries, however many stations there are.

    Parameters
    ----------
    origin
        Distances of reported station magnitudes are counted from it.
    magnitudes
        The event's current ones, with agency and ``converted_from``.
    chosen
        Keys of those preferred on their scales.
    """
    assessments = list(
        MagnitudeAssessment.objects.current().filter(event=event).order_by("scale", "pk")
    )
    assessments.sort(key=lambda a: _order_of(a.scale))
    by_magnitude = {a.magnitude_id: a for a in assessments if a.magnitude_id is not None}
    by_key = {m.pk: m for m in magnitudes}
    groups = _groups(magnitudes, chosen, by_magnitude)
    return {
        "sizes_told": _told_first(event, magnitudes, chosen, by_magnitude),
        "size_groups": groups,
        "converted_sizes": converted(event, magnitudes, chosen),
        "several_sizes": len(groups) > 1,
        "computed_stations": [_assessed(a, by_key.get(a.magnitude_id or 0)) for a in assessments],
        "reported_stations": _reported(event, origin, magnitudes),
    }


def _order_of(scale: str) -> int:
    return next((n for n, one in enumerate(records.SCALES) if one.id == scale), len(BY_ID))


def _record_of(m: Magnitude, assessment: MagnitudeAssessment | None) -> str:
    """Return the id of the record a value belongs to, "" for none."""
    if assessment is not None and assessment.scale in BY_ID:
        return assessment.scale
    return next((one.id for one in records.SCALES if one.type == m.type), "")


def value_words(m: Magnitude) -> str:
    """Return a value as printed: computed and converted ones to one decimal."""
    text = decimal(m.value) if m.is_computed else magnitude(m.value)
    return f"{m.get_bound_display()} {text}" if m.bound else text


def _told_first(
    event: Event,
    magnitudes: Sequence[Magnitude],
    chosen: set[int],
    assessed: Mapping[int, MagnitudeAssessment],
) -> list[Told]:
    """Return the energy class, the magnitude and MPVA, as far as the event has them."""
    preferred = {m.scale: m for m in magnitudes if m.pk in chosen}
    the_magnitude = next((m for m in magnitudes if m.pk == event.preferred_magnitude_id), None)
    cautions = {
        "KR": _("energy class, not a magnitude: the logarithm of the seismic energy in joules"),
        "MPVA": _(
            "regional magnitude from P waves; it runs about 0.8 above the others and never stands"
            " for “the magnitude”"
        ),
    }
    found = []
    for m in (preferred.get("KR"), the_magnitude, preferred.get("MPVA")):
        if m is None:
            continue
        text = cautions.get(m.scale) or words.size_scale_words(m.scale, m.type)
        found.append(Told(value_words(m), m.type or m.scale, text, _source_words(m, assessed)))
    return found


def _source_words(m: Magnitude, assessed: Mapping[int, MagnitudeAssessment]) -> str:
    agency = str(m.agency) if m.agency_id else DASH
    if m.converted_from is not None:
        return _("converted from %(type)s %(value)s, not measured") % {
            "type": m.converted_from.type,
            "value": value_words(m.converted_from),
        }
    if m.is_computed:
        return _("computed here, stations: %(n)s") % {"n": m.station_count or 0}
    return _("reported by %(agency)s") % {"agency": agency}


def _groups(
    magnitudes: Sequence[Magnitude],
    chosen: set[int],
    assessed: Mapping[int, MagnitudeAssessment],
) -> list[SizeGroup]:
    """Return all values by scale; one without a column of its own stands behind its like."""
    by_label: dict[str, list[Magnitude]] = defaultdict(list)
    for m in magnitudes:
        by_label[m.scale or m.type].append(m)
    groups = []
    for label, rows in by_label.items():
        rows.sort(
            key=lambda m: (
                m.converted_from_id is not None, m.pk not in chosen, m.is_computed, str(m.agency),
                m.pk,
            )
        )  # fmt: skip
        lines = tuple(_line(m, m.pk in chosen, assessed.get(m.pk)) for m in rows)
        record = next((r for m in rows if (r := _record_of(m, assessed.get(m.pk)))), "")
        text = words.size_scale_words(rows[0].scale, rows[0].type)
        anchor = record or ("energy-class" if label == "KR" else "")
        groups.append((_place(label, record), SizeGroup(label, text, anchor, lines)))
    return [group for _place_of, group in sorted(groups, key=lambda pair: pair[0])]


def _place(label: str, record: str) -> tuple[int, int, str]:
    """Return where a scale stands: in the catalogue's order, without a column behind its like."""
    order = {scale: number for number, scale in enumerate(SCALES)}
    column = label if label in order else BY_ID[record].column if record else ""
    if column not in order and record:
        # As the records go: mb(MB) behind mb.
        before = [one for one in records.SCALES[: _order_of(record)] if one.column in order]
        column = before[-1].column if before else ""
    return order.get(column, len(order)), _order_of(record) if label not in order else -1, label


def _line(m: Magnitude, is_preferred: bool, assessment: MagnitudeAssessment | None) -> SizeLine:
    how: list[str] = []
    if m.converted_from is not None:
        kind = _("converted, not measured")
        how.append(
            _("from %(type)s %(value)s by %(relation)s")
            % {
                "type": m.converted_from.type,
                "value": value_words(m.converted_from),
                "relation": words.relation_words(m.relation_id),
            }
        )
        how.append(
            f"σ {as_given(m.uncertainty)}" if m.uncertainty is not None else _("σ not stated")
        )
    elif m.is_computed:
        kind = _("computed here")
        if assessment is not None:
            how += words.warnings(assessment.scale, assessment.calibration)
    else:
        kind = _("reported by an agency")
    anchor = "" if assessment is None else _anchor(assessment)
    return SizeLine(m, value_words(m), is_preferred, kind, tuple(how), anchor)


# --- Stations ------------------------------------------------------------------------------------


def _anchor(assessment: MagnitudeAssessment) -> str:
    return f"stations-{assessment.scale}"


def _assessed(assessment: MagnitudeAssessment, network: Magnitude | None) -> StationTable:
    """Return the stations of a computed scale, each with what became of it."""
    record = BY_ID.get(assessment.scale)
    rows: list[dict[str, Any]] = assessment.stations
    is_class = record is not None and record.column == "KR"
    unit, divisor = _unit(record, rows)
    limit = _limit(row.get("residual") for row in rows if row.get("outcome") == Outcome.USED)
    shown = rows[:STATIONS_SHOWN]
    lines = tuple(_station_line(row, record, divisor, 1 if is_class else 2, limit) for row in shown)
    used = sum(row.get("outcome") == Outcome.USED for row in rows)
    title = assessment.type
    if network is not None:
        title += f" {value_words(network)}"
        if network.uncertainty is not None:
            title += f" ± {decimal(network.uncertainty)}"
    notes = words.warnings(assessment.scale, assessment.calibration)
    notes.append(_("Method: %(method)s") % {"method": assessment.method_id})
    return StationTable(
        anchor=_anchor(assessment),
        title=title,
        why_not=words.reason_words(assessment.reason) if assessment.reason else "",
        counted=_("stations used: %(used)s of %(all)s") % {"used": used, "all": len(rows)},
        unit=unit,
        notes=tuple(notes),
        lines=lines,
        left_off=len(rows) - len(shown),
        limit=decimal(limit),
        is_assessed=True,
    )


def _unit(record: records.Scale | None, rows: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    """Return the unit of a table's amplitudes, and what theirs are divided by."""
    values = [v for row in rows if (v := row.get("amplitude")) is not None and v > 0.0]
    in_length = record is not None and record.quantity in (
        records.Quantity.DISPLACEMENT,
        records.Quantity.WOOD_ANDERSON,
    )
    if in_length and values and statistics.median(values) >= MICROMETRES_FROM_NM:
        return _("µm"), MICROMETRES_FROM_NM
    return words.unit_of(record), 1.0


def _station_line(
    row: Mapping[str, Any], record: records.Scale | None, divisor: float, places: int, limit: float
) -> StationLine:
    outcome = str(row.get("outcome") or "")
    network, code = row.get("network") or "", row.get("code") or DASH
    joint = " + " if record is not None and record.component is Component.P_AND_S else "; "
    amplitudes = [
        significant(value / divisor)
        for name in ("amplitude", "second_amplitude")
        if (value := row.get(name)) is not None
    ]
    told = words.outcome_words(outcome)
    if row.get("correction") and row.get("value") is not None:
        correction = signed(row["correction"], places)
        told += "; " + _("correction %(value)s") % {"value": correction}
    return StationLine(
        station=f"{network}.{code}" if network else code,
        component=row.get("component") or "",
        distance=decimal(row.get("distance_km"), 0),
        azimuth=degrees(row.get("azimuth")),
        amplitude=joint.join(amplitudes) or DASH,
        period=decimal(row.get("period"), 2),
        value=decimal(row.get("value"), places),
        residual=signed(row.get("residual"), places),
        bar=_bar(row.get("residual"), limit),
        outcome=told,
        is_used=outcome == Outcome.USED,
    )


def significant(value: float) -> str:
    """A number to three digits, never in powers of ten."""
    if not value or not math.isfinite(value):
        return decimal(0.0, 0) if value == 0 else DASH
    places = 2 - math.floor(math.log10(abs(value)))
    return decimal(round(value, places), max(0, places))


def _limit(residuals: Iterable[float | None]) -> float:
    """Return the residual at the ends of a table's bars: halves, one at least.

    Those of stations that are used: an outlier's bar ends at the edge, and its number says more.
    """
    largest = max((abs(r) for r in residuals if r is not None), default=0.0)
    return max(BAR_LIMIT, math.ceil(2.0 * largest) / 2.0)


def _bar(residual: float | None, limit: float) -> tuple[float, float] | None:
    if residual is None:
        return None
    middle = BAR_WIDTH / 2
    length = max(min(abs(residual) / limit, 1.0) * middle, 1.0)
    return (round(middle if residual >= 0 else middle - length, 1), round(length, 1))


_COLUMNS = (
    "entry_id", "type", "agency", "network_code", "station_code", "channel_code", "value", "bound",
    "residual", "weight",
)  # fmt: skip


def _reported(event: Event, origin: Origin, magnitudes: Sequence[Magnitude]) -> list[StationTable]:
    """Return the stations' values that agencies reported, by agency and type.

    A residual that is not reported is the difference from the network value they belong to: the
    one named with them, else the report's only one of their type.
    """
    by_report: dict[tuple[int | None, str], list[float]] = defaultdict(list)
    for m in magnitudes:
        if m.entry_id is not None and not m.bound:
            by_report[m.entry_id, m.type].append(m.value)
    rows = list(
        StationMagnitude.objects.filter(
            entry__current_of__event=event, entry__current_of__withdrawn_at=None
        )
        .order_by("pk")
        .values(
            *_COLUMNS,
            reporter=F("entry__current_of__agency__code"),
            network_value=F("magnitude__value"),
            measured=F("amplitude__value"),
            unit=F("amplitude__unit"),
            period=F("amplitude__period"),
            own_network=F("station__network__code"),
            point=F("station__point"),
            given_latitude=F("station_latitude"),
            given_longitude=F("station_longitude"),
        )[:STATION_MAGNITUDES_MOST]
    )
    _put_distances(rows, origin)
    by_kind: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_kind[row["agency"] or row["reporter"], row["type"]].append(row)
    tables = []
    for number, ((agency, kind), group) in enumerate(sorted(by_kind.items())):
        group.sort(key=lambda row: (row["distance"] is None, row["distance"] or 0.0))
        for row in group:
            if row["residual"] is None and not row["bound"]:
                only = by_report[row["entry_id"], row["type"]]
                network = row["network_value"]
                if network is None and len(only) == 1:
                    network = only[0]
                row["residual"] = None if network is None else row["value"] - network
        limit = _limit(row["residual"] for row in group if row["weight"] != 0.0)
        lines = tuple(_reported_line(row, limit) for row in group[:STATIONS_SHOWN])
        tables.append(
            StationTable(
                anchor=f"reported-stations-{number}",
                title=", ".join((agency, kind or _("type not stated"))),
                why_not="",
                counted=_stations_counted(len(group)),
                unit="",
                notes=(),
                lines=lines,
                left_off=len(group) - len(lines),
                limit=decimal(limit),
                is_assessed=False,
            )
        )
    return tables


def _stations_counted(count: int) -> str:
    return _("stations: %(n)s") % {"n": count}


def _put_distances(rows: Sequence[dict[str, Any]], origin: Origin) -> None:
    """Add the epicentral distance [km] to the rows whose station has coordinates."""
    places = []
    for row in rows:
        row["distance"] = None
        if row["point"] is not None:
            places.append((row, row["point"].y, row["point"].x))
        elif row["given_latitude"] is not None and row["given_longitude"] is not None:
            places.append((row, row["given_latitude"], row["given_longitude"]))
    if not places:
        return
    distances = geodesy.ellipsoid_distance_km(
        origin.latitude, origin.longitude, [p[1] for p in places], [p[2] for p in places]
    )
    for (row, _latitude, _longitude), distance in zip(places, distances, strict=True):
        row["distance"] = float(distance)


def _reported_line(row: Mapping[str, Any], limit: float) -> StationLine:
    network = row["network_code"] or row["own_network"] or ""
    measured = row["measured"]
    bound = {"min": _("at least"), "max": _("at most")}.get(row["bound"], "")
    weight = row["weight"]
    outcome = DASH if weight is None else _("weight %(weight)s") % {"weight": as_given(weight)}
    return StationLine(
        station=f"{network}.{row['station_code']}" if network else row["station_code"] or DASH,
        component=row["channel_code"],
        distance=decimal(row["distance"], 0),
        azimuth="",
        amplitude=DASH if measured is None else f"{significant(measured)} {row['unit']}".strip(),
        period=decimal(row["period"], 2),
        value=f"{bound} {magnitude(row['value'])}".strip(),
        residual=signed(row["residual"], 2),
        bar=_bar(row["residual"], limit),
        outcome=outcome,
        is_used=weight is None or weight > 0.0,
    )


# --- The page of scales --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScaleShown:
    """One scale's record as the page prints it."""

    record: records.Scale
    measures: str
    formula: str
    remark: str
    status: str
    status_short: str
    is_standard: bool
    note: str
    distances: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Conversion:
    """A relation in use, with what its source says of it."""

    name: str
    formula: str
    valid: str
    sigma: str
    kind: str
    source: str
    use: str


@require_safe
def magnitude_scales_page(request: HttpRequest) -> HttpResponse:
    """Every scale, for visitors and for seismologists, and what was not found."""
    context = {
        "scales": [_shown(record) for record in records.SCALES],
        "classes": size_classes(),
        "conversions": conversions(),
    }
    return render(request, "portal/magnitude_scales.html", context)


def size_classes() -> list[tuple[str, str, str]]:
    """Return the words for sizes, each with its magnitudes and, by K = 1.8 M + 4, its classes."""
    rows = []
    for low, high in ((None, 2.0), (2.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0), (7.0, None)):
        middle = (high or 8.0) - 0.5
        ranges = [
            _between(low, high),
            _between(*(None if m is None else KR_A_UNIT * m + KR_OF_ZERO for m in (low, high))),
        ]
        rows.append((size_words(middle), ranges[0], ranges[1]))
    return rows


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return _("below %(value)s") % {"value": as_given(high)}
    if high is None:
        return _("%(value)s and more") % {"value": as_given(low)}
    return f"{as_given(low)}–{as_given(high)}"


def _shown(record: records.Scale) -> ScaleShown:
    formula, remark = words.formula_words(record)
    return ScaleShown(
        record=record,
        measures=str(words.MEASURES.get(record.id, "")),
        formula=formula.replace(" - ", " \N{MINUS SIGN} "),
        remark=remark,
        status=str(words.STATUS[record.status]),
        status_short=str(words.STATUS_SHORT[record.status]),
        is_standard=record.status is Status.STANDARD,
        note=str(words.NOTES.get(record.id, "")),
        distances=_range(record.distance_deg),
        facts=tuple((name, value) for name, value in _facts(record) if value),
    )


def _facts(record: records.Scale) -> list[tuple[str, str]]:
    quantity = str(words.QUANTITY[record.quantity])
    rule = words.network_rule(record)
    return [
        (_("Amplitude read"), f"{quantity}, {words.unit_of(record)}"),
        (_("Component"), str(words.COMPONENT.get(record.component, ""))),
        (_("Phases"), ", ".join(record.phases)),
        (_("Window"), words.window_words(record)),
        (_("Instrument simulated"), str(words.INSTRUMENT.get(record.instrument, ""))),
        (_("Period, s"), _range(record.period_s)),
        (_("Epicentral distance, degrees"), _range(record.distance_deg)),
        (_("Hypocentral distance, km"), _range(record.hypocentral_km)),
        (_("Depth, km"), _range(record.depth_km)),
        (_("Calibration"), _calibration(record)),
        (_("Network value"), "" if not record.phases else words.rule_words(rule)),
        (_("Column of the catalogue"), _column(record)),
        (_("Source"), words.record_words(record.source)),
        (_("How sure the record is"), str(words.CERTAINTY[record.certainty])),
        (_("Assumed here"), "; ".join(words.record_words(text) for text in record.assumed)),
    ]


def _range(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f"{as_given(bounds[0])}–{as_given(bounds[1])}"


def _calibration(record: records.Scale) -> str:
    if record.calibration:
        return str(words.TABLES.get(record.calibration, record.calibration))
    if record.status is Status.NEEDS_CALIBRATION:
        return _("none is published; σ is fitted here and accepted by an editor, or there is none")
    if record.status is Status.NEEDS_PARAMETERS:
        return _("none: a constant of the region is missing")
    if record.status is Status.UNCALIBRATED:
        return _("in the formula; an offset of an agency and terms of stations may be fitted here")
    return _("in the formula")


def _column(record: records.Scale) -> str:
    column = scale_of(record.type)
    return column or _("none: shown beside the others, never pooled with them")


#: What a relation is used for, beside what its status says.
_USES = {
    CONVERTED: gettext_lazy(
        "on request (magnitudetype=M(KR)), on event pages, and for the windows of declustering;"
        " never stored as a magnitude"
    ),
    "KR-from-MPVA-2026": gettext_lazy(
        "words and symbol size of events without KR; no number is stored"
    ),
}


def conversions() -> list[Conversion]:
    """Return the relations between scales, those that convert before those told for reference."""
    status = ConversionRelation.Status
    rows = ConversionRelation.objects.filter(
        status__in=[status.ACCEPTED, status.REFERENCE], synthetic=False
    ).defer("pairs")
    told = []
    for row in sorted(rows, key=lambda row: (row.status != status.ACCEPTED, row.pk)):
        accepted = row.status == status.ACCEPTED
        use = _("converts where the native value lacks") if accepted else _("nothing is converted")
        low, high = row.range_from, row.range_to
        stated = low is not None or high is not None
        sigma = _("not stated") if row.sigma is None else as_given(row.sigma)
        told.append(
            Conversion(
                name=row.label,
                formula=row.formula.replace("-", "\N{MINUS SIGN}"),
                valid=f"{row.from_scale}: {_between(low, high)}" if stated else _("not stated"),
                sigma=_("%(sigma)s (assumed)") % {"sigma": sigma} if row.assumed else sigma,
                kind=row.get_regression_display(),
                source="; ".join(filter(None, (row.source, row.region))),
                use=str(_USES.get(row.relation_id, use)),
            )
        )
    return told


def converted(event: Event, magnitudes: Iterable[Magnitude], chosen: set[int]) -> list[Converted]:
    """Return what accepted relations make of an event's preferred native values."""
    native = {
        m.scale: (m.value, m.uncertainty)
        for m in magnitudes
        if m.pk in chosen and m.scale and m.converted_from_id is None and not m.bound
    }
    return ConversionRelation.objects.conversions(native, synthetic=event.synthetic)
