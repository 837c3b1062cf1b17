"""What bears on an event's type in words, for the desk and the public page, and drawn.

Words are made from what the evidence keeps (``processing.jobs.event_type.Evidence.as_json``), so a
decision of years ago is told as it was made. Positions are those of a drawing's view box.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from catalog.models import BulletinEntry, Event, KnownSource, MergeDecision, TypeSuggestion
from portal import plots
from portal.templatetags.seismo import certainty_words, decimal, event_type_words, magnitude
from processing.core import event_type as core
from processing.jobs.event_type import Evidence, Ratio


@dataclass(frozen=True)
class Line:
    """One piece of evidence: of the event, what it was compared with, and its weight."""

    title: str
    value: str
    compared: str
    weight: float | None
    """None: shown and not weighed."""


def clock_words(hour: float | None) -> str:
    """Solar time as hours and minutes."""
    if hour is None:
        return _("not timed well enough")
    minutes = int(hour * 60.0)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def odds_words(score: float) -> str:
    """Say a sum of weights as odds: 10:1, 1:30."""
    odds = 10.0 ** abs(score)
    rounded = round(odds) if odds < 10 else round(odds, -int(math.log10(odds)))
    number = decimal(float(rounded), 0)
    return f"{number}:1" if score >= 0 else f"1:{number}"


def suggested_words(event_type: str, certainty: str) -> str:
    """A type with its certainty; what is not told is undecided."""
    if not event_type:
        return _("undecided")
    words = event_type_words(event_type)
    return f"{words} ({certainty_words(certainty)})" if certainty else words


def reasons(evidence: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return what weighed, as sentences with their weights, from kept evidence."""
    found = []
    place = evidence.get("place") or {}
    for term in evidence.get("terms", ()):
        text = _reason(term["name"], term["values"], place)
        if text:
            found.append((text, float(term["weight"])))
    return found


def _reason(name: str, values: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    if name == "hour":
        return _(
            "%(clock)s by solar time: of the events of the place at this hour, its nights explain"
            " all but %(share)s percent"
        ) % {"clock": clock_words(values["hour"]), "share": decimal(100.0 * values["share"], 0)}
    if name == "night":
        return _("%(clock)s by solar time: nothing is fired by night") % {
            "clock": clock_words(values["hour"])
        }
    if name == "weekday":
        words = {
            "day": weekday_words(values["weekday"]),
            "count": values["count"],
            "of": values["of"],
        }
        if values["weekday"] < core.WORKDAYS:
            return _("%(day)s: %(count)s of %(of)s daytime events are on workdays") % words
        return _("%(day)s: %(count)s of %(of)s daytime events are at weekends") % words
    if name == "prior":
        if place.get("is_one_sequence"):
            return _("The hours of the place are those of a sequence and tell nothing of blasts")
        if not place.get("events"):
            return _("No other event is known of the place; most events are earthquakes")
        return _("The hours of the place do not stand out; most events are earthquakes")
    if name == "known_source":
        return _("%(km)s km from %(name)s, within its reach") % {
            "km": decimal(values["distance_km"]),
            "name": source_words(values["name"]),
        }
    if name == "too_deep":
        return _("Depth %(depth)s ± %(error)s km, found and not set: too deep for a blast") % {
            "depth": decimal(values["depth_km"]),
            "error": decimal(values["error_km"]),
        }
    if name == "too_large":
        size = f"KR {magnitude(values['kr'])}" if "kr" in values else magnitude(values["magnitude"])
        return _("Size %(size)s: larger than blasts are") % {"size": size}
    agencies = ", ".join(values.get("agencies", ()))
    if name == "reported_blast":
        return _("Reported as a blast: %(agencies)s") % {"agencies": agencies}
    if name == "reported_earthquake":
        return _("Reported as an earthquake: %(agencies)s") % {"agencies": agencies}
    return ""


def source_words(name_en: str) -> str:
    """A known source's name in the reader's language, by its English one."""
    source = KnownSource.objects.filter(name_en=name_en).first()
    return source.name if source is not None else name_en


def weekday_words(day: int | None) -> str:
    return "—" if day is None else str(WEEKDAYS[day])


def told(event: Event) -> dict[str, Any]:
    """Return what the public page says of an event's type, from what is stored."""
    suggestion = TypeSuggestion.objects.filter(pk=event.pk).first()
    return {
        "type_reports": BulletinEntry.objects.filter(current_of__event=event)
        .exclude(event_type="")
        .select_related("current_of__agency")
        .defer("text")
        .order_by("current_of__agency__code", "pk"),
        "type_decision": MergeDecision.types_in_force([event.pk]).get(event.pk),
        "type_suggestion": suggestion,
        "type_suggested": ""
        if suggestion is None
        else suggested_words(suggestion.event_type, suggestion.event_type_certainty),
        "type_odds": "" if suggestion is None else odds_words(suggestion.score),
        "type_reasons": [] if suggestion is None else reasons(suggestion.evidence),
    }


def lines(evidence: Evidence, ratios: Sequence[Ratio]) -> list[Line]:
    """Return every piece of evidence of an event, weighed or only shown."""
    weights = {term.name: term.weight for term in evidence.verdict.terms}
    view, place, rule = evidence.view, evidence.place, evidence.rules
    night = view.hour is not None and not bool(core.is_day(view.hour, rule))
    whose = f" ({evidence.row.agency})" if evidence.row.agency else ""
    hour_weights = [weights[name] for name in ("prior", "hour", "night") if name in weights]
    told = [
        Line(
            _("Hour"),
            "—" if view.hour is None else f"{clock_words(view.hour)}, "
            + (_("night") if night else _("day")) + whose,
            _place_words(evidence),
            sum(hour_weights),
        ),
        Line(
            _("Weekday"),
            weekday_words(view.weekday),
            _("daytime events: %(work)s on workdays, %(end)s at weekends; chance %(p)s") % {
                "work": sum(place.day_by_weekday[: core.WORKDAYS]),
                "end": sum(place.day_by_weekday[core.WORKDAYS :]),
                "p": chance_words(place.workday_p_value),
            },
            weights.get("weekday"),
        ),
        Line(
            _("Depth"),
            _depth_words(view) + whose,
            _("a depth that was found, not set, and is below %(limit)s km by its error excludes a"
              " blast") % {"limit": decimal(rule.deepest_blast_km, 0)},
            weights.get("too_deep"),
        ),
        Line(
            _("Known quarry or mine"),
            _source_line(evidence),
            _("the epicentre within its radius, with the epicentre’s own error"),
            weights.get("known_source"),
        ),
        Line(
            _("Size"),
            _size_words(view),
            _size_compared(evidence),
            weights.get("too_large"),
        ),
        Line(
            _("Felt"),
            _("felt by people") if evidence.row.felt else _("not felt, as far as is known"),
            _("shown, not weighed: blasts near towns are felt, too"),
            None,
        ),
        Line(
            _("Reported type"),
            "; ".join(
                f"{said.agency}: {suggested_words(said.event_type, said.certainty)}"
                for said in view.reports
            ) or _("no agency tells a type"),
            _("bulletins call an earthquake what nobody looked at, so that weighs little"),
            sum(weights[n] for n in ("reported_blast", "reported_earthquake") if n in weights)
            if {"reported_blast", "reported_earthquake"} & set(weights)
            else None,
        ),
    ]  # fmt: skip
    told.append(
        Line(
            _("P/S amplitude"),
            _ratio_words(evidence, ratios),
            _ratio_compared(evidence, ratios),
            None,
        )
    )
    return told


def _place_words(evidence: Evidence) -> str:
    place, rule = evidence.place, evidence.rules
    if not place.count:
        return _("no other event within %(km)s km") % {"km": decimal(rule.radius_km, 0)}
    text = ngettext(
        "%(n)s other event within %(km)s km: %(day)s by day, %(night)s by night; chance %(p)s",
        "%(n)s other events within %(km)s km: %(day)s by day, %(night)s by night; chance %(p)s",
        place.count,
    ) % {
        "n": place.count,
        "km": decimal(rule.radius_km, 0),
        "day": place.by_day,
        "night": place.by_night,
        "p": chance_words(place.p_value),
    }
    if place.ratio is not None:
        text += "; " + _("ratio of day to night %(ratio)s") % {"ratio": decimal(place.ratio)}
    if place.is_one_sequence:
        text += "; " + _("%(n)s of them on one day: a sequence") % {"n": place.most_of_one_day}
    return text


def chance_words(p: float) -> str:
    """A probability, small ones as "below"."""
    if p < 0.0001:
        return _("below %(p)s") % {"p": decimal(0.0001, 4)}
    return decimal(p, 4 if p < 0.01 else 2)


def _depth_words(view: core.View) -> str:
    if view.depth_km is None:
        return _("not reported")
    text = f"{decimal(view.depth_km)} "
    if view.depth_uncertainty_km is not None:
        text += f"± {decimal(view.depth_uncertainty_km)} "
    return text + _("km") + ", " + (_("found") if view.depth_is_free else _("set, not found"))


def _source_line(evidence: Evidence) -> str:
    source = evidence.nearest
    if source is None:
        return _("none is known within 100 km")
    words = {
        "name": source_words(source.name),
        "km": decimal(source.distance_km),
        "radius": decimal(source.radius_km),
    }
    text = _("%(name)s, %(km)s km away, radius %(radius)s km") % words
    return f"{text} ({source.citation})" if source.citation else text


def _size_words(view: core.View) -> str:
    sizes = []
    if view.kr is not None:
        sizes.append(f"KR {magnitude(view.kr)}")
    if view.magnitude is not None:
        sizes.append(f"M {magnitude(view.magnitude)}")
    return ", ".join(sizes) or _("not reported")


def _size_compared(evidence: Evidence) -> str:
    rule = evidence.rules
    text = _("from M %(m)s (KR %(kr)s) on taken for an earthquake") % {
        "m": decimal(rule.earthquake_from_magnitude),
        "kr": decimal(rule.earthquake_from_kr),
    }
    largest = evidence.largest_blast_kr
    if largest is not None:
        text += "; " + _("largest blast of the place KR %(kr)s") % {"kr": magnitude(largest)}
    return text


# --- P/S -----------------------------------------------------------------------------------------


def _medians(ratios: Sequence[Ratio]) -> dict[int, float]:
    """Return the median over the stations of each event."""
    by_event: dict[int, list[float]] = {}
    for ratio in ratios:
        by_event.setdefault(ratio.event, []).append(ratio.value)
    return {event: float(np.median(values)) for event, values in by_event.items()}


def compared_ratios(evidence: Evidence, ratios: Sequence[Ratio]) -> dict[str, list[float]]:
    """Return the ratios of the place's other events whose type is told, by what they are."""
    medians = _medians(ratios)
    kinds = {n.event: core.group(n.event_type) for n in evidence.neighbours}
    found: dict[str, list[float]] = {core.BLAST: [], core.EARTHQUAKE: []}
    for event, value in medians.items():
        if event != evidence.event.pk:
            found[kinds[event]].append(value)
    return found


def _ratio_words(evidence: Evidence, ratios: Sequence[Ratio]) -> str:
    own = [ratio for ratio in ratios if ratio.event == evidence.event.pk]
    if not own:
        return _("no station gives both amplitudes")
    return ngettext(
        "lg P/S %(value)s from %(n)s station", "lg P/S %(value)s, median of %(n)s stations",
        len(own),
    ) % {"value": decimal(float(np.median([r.value for r in own])), 2), "n": len(own)}  # fmt: skip


def _ratio_compared(evidence: Evidence, ratios: Sequence[Ratio]) -> str:
    own = [ratio.value for ratio in ratios if ratio.event == evidence.event.pk]
    others = compared_ratios(evidence, ratios)
    parts = []
    if own:
        value = float(np.median(own))
        for kind, words in (
            (core.BLAST, _("above %(percent)s percent of the place’s blasts (%(n)s)")),
            (core.EARTHQUAKE, _("above %(percent)s percent of the place’s earthquakes (%(n)s)")),
        ):
            share = core.percentile(value, others[kind])
            if share is not None:
                parts.append(words % {"percent": decimal(share, 0), "n": len(others[kind])})
    parts.append(_("shown, not weighed: no threshold is known for these stations"))
    return "; ".join(parts)


# --- Drawings ------------------------------------------------------------------------------------

CLOCK = 340
#: Radii of the clock's hub and rim.
HUB, RIM = 34.0, 132.0
#: The hour along which the rings say their counts: in the night, between two labels.
COUNTS_AT = 4.5


@dataclass(frozen=True)
class Wedge:
    """An hour of the clock."""

    d: str
    kind: str
    title: str


@dataclass(frozen=True)
class Spot:
    """A point with words."""

    x: float
    y: float
    label: str = ""


@dataclass(frozen=True)
class Clock:
    """The 24 hours as a clock, noon above, the longest bar reaching the rim."""

    wedges: tuple[Wedge, ...]
    night: str
    """The night's part of the dial."""
    hours: tuple[Spot, ...]
    rings: tuple[tuple[float, Spot], ...]
    """Their radii, and where each says its count."""
    hand: tuple[Spot, Spot] | None
    size: int = CLOCK

    @property
    def middle(self) -> float:
        return self.size / 2


def _at(hour: float, radius: float) -> tuple[float, float]:
    """Return where an hour lies on the dial: noon above, clockwise."""
    angle = (hour - 12.0) / 24.0 * 2.0 * math.pi
    middle = CLOCK / 2
    return (
        round(middle + radius * math.sin(angle), 1),
        round(middle - radius * math.cos(angle), 1),
    )


def _sector(start: float, end: float, inner: float, outer: float) -> str:
    large = int((end - start) > 12.0)
    (ax, ay), (bx, by) = _at(start, outer), _at(end, outer)
    (cx, cy), (dx, dy) = _at(end, inner), _at(start, inner)
    return (
        f"M{ax} {ay}A{outer:.1f} {outer:.1f} 0 {large} 1 {bx} {by}"
        f"L{cx} {cy}A{inner:.1f} {inner:.1f} 0 {large} 0 {dx} {dy}Z"
    )


def clock(evidence: Evidence) -> Clock:
    """Draw how many events of the place each hour of solar time has, and the event's hour."""
    counts, rule = evidence.place.by_hour, evidence.rules
    most = max(max(counts), 4)
    step = max(1, math.ceil(most / 3))
    top = step * math.ceil(most / step)

    def radius(count: float) -> float:
        return HUB + (RIM - HUB) * count / top

    wedges = tuple(
        Wedge(
            _sector(hour + 0.06, hour + 0.94, HUB, radius(count)),
            "day" if core.is_day(hour + 0.5, rule) else "night",
            ngettext("%(from)s–%(to)s h: %(n)s event", "%(from)s–%(to)s h: %(n)s events", count)
            % {"from": hour, "to": hour + 1, "n": count},
        )
        for hour, count in enumerate(counts)
        if count
    )
    own = evidence.view.hour
    return Clock(
        wedges=wedges,
        night=_sector(rule.day_to_h, rule.day_from_h + 24.0, HUB, RIM),
        hours=tuple(Spot(*_at(h, RIM + 16.0), f"{h:02d}") for h in range(0, 24, 3)),
        rings=tuple(
            (
                round(radius(count), 1),
                Spot(*_at(COUNTS_AT, radius(count)), decimal(float(count), 0)),
            )
            for count in range(step, top + 1, step)
        ),
        hand=None if own is None else (Spot(*_at(own, HUB)), Spot(*_at(own, RIM + 6.0))),
    )


@dataclass(frozen=True)
class Bar:
    """Daytime and night events of a weekday, side by side."""

    label: str
    x: float
    day_y: float
    day_height: float
    night_y: float
    night_height: float
    day: int
    night: int
    own: bool
    weekend: bool


def short_weekdays() -> list[str]:
    """Monday to Sunday in two or three letters; Django's Kazakh ones take Tuesday for Saturday."""
    return [
        pgettext("weekday", "Mon"),
        pgettext("weekday", "Tue"),
        pgettext("weekday", "Wed"),
        pgettext("weekday", "Thu"),
        pgettext("weekday", "Fri"),
        pgettext("weekday", "Sat"),
        pgettext("weekday", "Sun"),
    ]


@dataclass(frozen=True)
class Week:
    bars: tuple[Bar, ...]
    ticks: tuple[plots.Tick, ...]
    even_y: float
    """Where every bar of the day would end, were all days alike."""
    width: int = 420
    height: int = 260
    left: int = 38
    bottom: int = 230
    bar_width: float = 18.0


def week(evidence: Evidence) -> Week:
    """Draw how many daytime and night events of the place each weekday has."""
    place = evidence.place
    top, bottom, left, width = 14.0, 230.0, 38.0, 420.0
    most = float(max(*place.day_by_weekday, *place.night_by_weekday, 4))
    ticks = plots.ticks(0.0, most, 5)
    most = max(most, ticks[-1][0])

    def y(count: float) -> float:
        return round(bottom - (bottom - top) * count / most, 1)

    room = (width - left - 8.0) / 7
    names = short_weekdays()
    bars = tuple(
        Bar(
            names[k],
            round(left + room * k + room / 2, 1),
            y(day),
            round(bottom - y(day), 1),
            y(night),
            round(bottom - y(night), 1),
            day,
            night,
            k == evidence.view.weekday,
            k >= core.WORKDAYS,
        )
        for k, (day, night) in enumerate(
            zip(place.day_by_weekday, place.night_by_weekday, strict=True)
        )
    )
    whole = [t for t in ticks if t[0] == int(t[0])]
    return Week(
        bars, tuple(plots.Tick(y(v), decimal(v, 0)) for v, _label in whole), y(place.by_day / 7)
    )


ROWS = (("own", 46.0), (core.BLAST, 106.0), (core.EARTHQUAKE, 166.0))


@dataclass(frozen=True)
class RatioPlot:
    marks: tuple[plots.Mark, ...]
    medians: tuple[tuple[float, float], ...]
    """Of each row that has values: where its median stands."""
    ticks: tuple[plots.Tick, ...]
    labels: tuple[Spot, ...]
    width: int = 560
    height: int = 236
    left: int = 12
    bottom: int = 200


def ratio_plot(evidence: Evidence, ratios: Sequence[Ratio]) -> RatioPlot | None:
    """Draw the event's station ratios above those of the place's blasts and earthquakes."""
    own = [r for r in ratios if r.event == evidence.event.pk]
    if not own:
        return None
    others = compared_ratios(evidence, ratios)
    values = [r.value for r in own] + others[core.BLAST] + others[core.EARTHQUAKE]
    low, high = min(values) - 0.15, max(values) + 0.15
    frame = plots.Plot(low, high, 0.0, 1.0, width=560, left=12, right=12)
    counts = {"own": len(own)} | {kind: len(found) for kind, found in others.items()}
    words = {
        "own": ngettext("this event, %(n)s station", "this event, %(n)s stations", counts["own"]),
        core.BLAST: ngettext("%(n)s blast", "%(n)s blasts", counts[core.BLAST]),
        core.EARTHQUAKE: ngettext("%(n)s earthquake", "%(n)s earthquakes", counts[core.EARTHQUAKE]),
    }
    marks, medians = [], []
    for kind, y in ROWS:
        row = (
            [(r.value, f"{r.station} {decimal(r.value, 2)}") for r in own]
            if kind == "own"
            else [(v, decimal(v, 2)) for v in others[kind]]
        )
        marks += [plots.Mark(frame.x(value), y, kind, title) for value, title in row]
        if row:
            medians.append((frame.x(float(np.median([value for value, _title in row]))), y))
    return RatioPlot(
        tuple(marks),
        tuple(medians),
        tuple(plots.Tick(frame.x(v), label) for v, label in plots.ticks(low, high)),
        tuple(Spot(12.0, y - 16.0, words[kind] % {"n": counts[kind]}) for kind, y in ROWS),
    )
