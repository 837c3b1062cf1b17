"""Statistics of a search as a page: drawings, the numbers behind each, and both as files.

The address is the search, word for word that of the catalogue's table, so a page of numbers can be
cited, sent on and asked again. ``catalog.statistics`` counts; here it is drawn and told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import dates
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_safe

from catalog.downloads import TooLong
from catalog.models import FeedCounter
from catalog.rendering import csv_cell
from catalog.search import PAGE, EventSearch, SearchError, SearchProblem
from catalog.statistics import PeriodCount, Statistics, Unit, statistics_of
from portal import citing
from portal.charts import Axis, Chart, counts, linear, log_counts, powers, raised, time_axis
from portal.map_config import MAP_WORDS
from portal.search_labels import told
from portal.templatetags import seismo
from portal.templatetags.seismo import people
from portal.time_limits import within

#: The catalogue gives a search up after so long; the web role's own limit is 5 s.
SECONDS = 4.0
#: Words of the address that say nothing here: order and slice of a table, and its columns.
NOT_HERE = ("orderby", "limit", "offset")
IGNORED = ("columns", "format", citing.VERSION_WORD, *MAP_WORDS)


# --- Words ---------------------------------------------------------------------------------------


def joules(energy: float) -> str:
    """Return an energy as ``3.2·10¹¹``; nought where there is none."""
    if energy <= 0:
        return "0"
    exponent = math.floor(math.log10(energy) + 1e-12)
    return f"{seismo.decimal(energy / 10.0**exponent, 1)}·10{raised(exponent)}"


def period_words(start: date, unit: Unit) -> str:
    """Return a period as tables name it: ``2014-03-01``, ``March 2014``, ``2014``."""
    match unit:
        case "day":
            return start.isoformat()
        case "month":
            return f"{dates.MONTHS[start.month]} {start.year}"
    return str(start.year)


def unit_words(unit: Unit) -> str:
    return {"day": _("day"), "month": _("month"), "year": _("year")}[unit]


# --- Tables and drawings -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers for people and, under plain names, for programs."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    """Of the columns in the file."""
    values: tuple[tuple[Any, ...], ...]
    """What the file has: texts and plain numbers."""


@dataclass(frozen=True, slots=True)
class Section:
    """One question: its heading, what to beware of, drawing and table."""

    code: str
    title: str
    notes: tuple[str, ...]
    chart: Chart
    table: Table
    is_time: bool = False
    """A part of its drawing can be chosen to narrow the search."""


def sections_of(found: Statistics) -> list[Section]:
    """Return the sections that a selection has numbers for."""
    made = [make(found) for make in _SECTIONS.values()]
    return [section for section in made if section is not None]


def _classes(found: Statistics) -> Section | None:
    if not found.classes:
        return None
    first, last = found.classes[0].kr_class, found.classes[-1].kr_class
    highest = max(c.number for c in found.classes)
    complete = found.complete_from
    chart = Chart(
        "classes",
        _("Number of events by energy class"),
        _("Bars on a logarithmic scale. Events with an energy class: %(n)s, from class %(first)s to"
          " class %(last)s; most in one class: %(most)s.")
        % {"n": people(found.with_kr), "first": first, "last": last, "most": people(highest)},
        Axis(
            first - 0.7, last + 0.7, _("Energy class K"),
            tuple((float(k), str(k)) for k in _every(range(first, last + 1), 20)),
        ),
        log_counts(highest, _("Number of events N")),
    )  # fmt: skip
    for c in found.classes:
        kind = "bar" if c.kr_class >= complete else "bar-2"
        chart.bar(c.kr_class - 0.4, c.kr_class + 0.4, c.number, kind)
        chart.point(c.kr_class, f"K {c.kr_class}: {people(c.number)}")
    chart.legend.append(("bar", _("class held complete")))
    if first < complete:
        chart.legend.append(("bar-2", _("not complete: events are missing")))
    if first < complete <= last:
        chart.upright(complete - 0.5, "limit", _("complete from class %(k)s") % {"k": complete})
    if found.gamma is not None:
        fitted = _fitted(found, complete, last)
        chart.line(fitted, "line-2")
        chart.legend.append(("line-2", _("fitted slope γ")))
    return Section(
        "classes",
        chart.title,
        (*_class_notes(found), *_gamma_notes(found)),
        chart,
        Table(
            (_("Class"), _("Events"), _("In the Northern Tien Shan"), _("Elsewhere"),
             _("Held complete")),
            tuple(
                (str(c.kr_class), people(c.number), people(c.in_frame),
                 people(c.number - c.in_frame), _("yes") if c.kr_class >= complete else _("no"))
                for c in found.classes
            ),
            ("class", "events", "northern_tien_shan", "elsewhere", "held_complete"),
            tuple(
                (c.kr_class, c.number, c.in_frame, c.number - c.in_frame,
                 "yes" if c.kr_class >= complete else "no")
                for c in found.classes
            ),
        ),
    )  # fmt: skip


def _fitted(found: Statistics, complete: int, last: int) -> list[tuple[float, float]]:
    """Return the fitted number of events of each class at its middle."""
    if found.gamma is None:
        return []
    slope, number = found.gamma.value, found.gamma.number
    one = number * (1.0 - 10.0**-slope)
    expected = [(float(k), one * 10.0 ** (-slope * (k - complete))) for k in
                range(complete, last + 1)]  # fmt: skip
    return [(k, n) for k, n in expected if n >= 0.5]


def _class_notes(found: Statistics) -> list[str]:
    notes = [
        _("A class holds k − 0.4 to k + 0.5, as year books count: 7.5 is class 7."),
        _("Held complete from class %(k)s: by default from 8 where all events lie in the Northern"
          " Tien Shan, from 9 elsewhere. It is not fitted to this selection, and former years are"
          " complete from larger classes only.") % {"k": found.complete_from},
    ]  # fmt: skip
    if without := found.number - found.with_kr:
        notes.append(
            _("Events without an energy class are left out: %(n)s. No class is made from another"
              " size.") % {"n": people(without)}
        )  # fmt: skip
    return notes


def _gamma_notes(found: Statistics) -> list[str]:
    if found.gamma is None:
        return [_("Too few events from that class on to fit a slope.")]
    return [
        _("γ = %(value)s ± %(sigma)s is the slope of lg N against K, fitted to events from KR"
          " %(lowest)s on; their number: %(n)s. Maximum likelihood (Aki 1965, half a"
          " step of rounding by Utsu 1966), standard error by Shi and Bolt (1982); aftershocks"
          " are not taken out.")
        % {
            "value": seismo.decimal(found.gamma.value, 2),
            "sigma": seismo.decimal(found.gamma.sigma, 2),
            "n": people(found.gamma.number),
            "lowest": seismo.decimal(found.gamma.lowest, 1),
        }
    ]  # fmt: skip


def _cumulative(found: Statistics) -> Section | None:
    if not found.periods:
        return None
    axis = time_axis(found.periods[0].start, found.periods[-1].end)
    chart = Chart(
        "cumulative",
        _("Cumulative number of events"),
        _("A line that rises from 0 on %(first)s to %(n)s on %(last)s.")
        % {
            "first": found.periods[0].start.isoformat(),
            "last": found.periods[-1].end.isoformat(),
            "n": people(found.number),
        },
        axis,
        counts(found.number, _("Events since the first")),
    )
    line = [(float(found.periods[0].start.toordinal()), 0.0)]
    for p in found.periods:
        line.append((float(p.end.toordinal()), float(p.cumulative)))
        _period_point(chart, p, found.unit, f"{people(p.number)}; {people(p.cumulative)}")
    chart.line(line)
    return Section(
        "cumulative",
        chart.title,
        (_("A straight line means an even rate; a jump is a swarm or aftershocks, or a change of"
           " what agencies report."),),
        chart,
        _period_table(
            found.periods, found.unit,
            ((_("Events"), "events", lambda p: p.number, people),
             (_("In all"), "cumulative", lambda p: p.cumulative, people)),
        ),
        is_time=True,
    )  # fmt: skip


def _energy(found: Statistics) -> Section | None:
    lived = [p.energy_j for p in found.energies if p.energy_j > 0]
    if not lived:
        return None
    chart = Chart(
        "energy",
        _("Seismic energy by month") if found.energy_unit == "month"
        else _("Seismic energy by year"),
        _("Bars on a logarithmic scale: the sum of 10 to the power of KR. In all %(total)s J; most"
          " in one period: %(most)s J.")
        % {"total": joules(found.energy_j), "most": joules(max(lived))},
        time_axis(found.energies[0].start, found.energies[-1].end),
        powers(min(lived) / 3, max(lived) * 1.5, _("Energy, J")),
    )  # fmt: skip
    unit = pgettext("unit", "J")
    for p in found.energies:
        chart.bar(p.start.toordinal(), p.end.toordinal(), p.energy_j or chart.y.low)
        _period_point(chart, p, found.energy_unit, f"{joules(p.energy_j)} {unit}")
    return Section(
        "energy",
        chart.title,
        (_("The sum of 10^KR over events with an energy class: %(total)s J in all. Events counted:"
           " %(n)s of %(number)s. One large event outweighs all the others.")
         % {"total": joules(found.energy_j), "n": people(found.with_kr),
            "number": people(found.number)},),
        chart,
        _period_table(
            found.energies, found.energy_unit,
            ((_("Events with a class"), "events_with_kr", lambda p: p.with_kr, people),
             (_("Energy, J"), "energy_j", lambda p: p.energy_j, joules)),
        ),
        is_time=True,
    )  # fmt: skip


def _depths(found: Statistics) -> Section | None:
    if not found.depths:
        return None
    known = sum(d.number for d in found.depths)
    fixed = sum(d.fixed for d in found.depths)
    low, high = found.depths[0].from_km, found.depths[-1].from_km + 5
    chart = Chart(
        "depths",
        _("Number of events by depth"),
        _("Bars by 5 km. Events with a depth: %(n)s; most in one bar: %(most)s.")
        % {"n": people(known), "most": people(max(d.number for d in found.depths))},
        linear(low, max(high, low + 20), _("Depth, km"), 10),
        counts(max(d.number for d in found.depths), _("Number of events")),
    )
    rows, unit = [], pgettext("unit", "km")
    for d in found.depths:
        chart.bar(d.from_km, d.from_km + 5, d.fixed, "bar-2")
        chart.bar(d.from_km, d.from_km + 5, d.number, base=d.fixed)
        name = f"{d.from_km}–{d.to_km}" if d.to_km is not None else f"≥ {d.from_km}"
        name = name.replace("-", "\N{MINUS SIGN}")
        chart.point(d.from_km + 2.5, f"{name} {unit}: {people(d.number)}")
        rows.append((name, people(d.number), people(d.fixed)))
    chart.legend.append(("bar", _("depth, not said to be fixed")))
    if fixed:
        chart.legend.append(("bar-2", _("depth fixed by an analyst")))
    notes = []
    if found.depth_unknown:
        notes.append(_("Depth not reported: %(n)s.") % {"n": people(found.depth_unknown)})
    if fixed:
        notes.append(
            _("Depths fixed by an analyst: %(n)s. They pile up at round numbers.")
            % {"n": people(fixed)}
        )
    notes.append(_("A heap at 10 or 33 km may be depths that a source assumed without a word."))
    return Section(
        "depths", chart.title, tuple(notes), chart,
        Table(
            (_("Depth, km"), _("Events"), _("Of these, fixed")), tuple(rows),
            ("from_km", "to_km", "events", "fixed"),
            tuple((d.from_km, d.to_km, d.number, d.fixed) for d in found.depths),
        ),
    )  # fmt: skip


def _hours(found: Statistics) -> Section | None:
    if not found.number:
        return None
    chart = Chart(
        "hours",
        _("Number of events by hour of the day"),
        _("Bars: local time in Almaty; dashed line: UTC. Most in one local hour: %(most)s, least:"
          " %(least)s.")
        % {"most": people(max(found.local_hours)), "least": people(min(found.local_hours))},
        Axis(0, 24, _("Hour"), tuple((float(h), f"{h:02d}") for h in range(0, 25, 3))),
        counts(max((*found.local_hours, *found.utc_hours)), _("Number of events")),
    )  # fmt: skip
    rows = []
    for hour, (local, utc) in enumerate(zip(found.local_hours, found.utc_hours, strict=True)):
        chart.bar(hour, hour + 1, local)
        name = f"{hour:02d}–{hour + 1:02d}"
        chart.point(hour + 0.5, f"{name}: {people(local)}; UTC: {people(utc)}")
        rows.append((name, people(local), people(utc)))
    steps = [(0.0, float(found.utc_hours[0]))]
    for hour, number in enumerate(found.utc_hours):
        steps += [(float(hour), float(number)), (hour + 1.0, float(number))]
    chart.line(steps, "line-2")
    chart.legend += [("bar", _("local time in Almaty")), ("line-2", "UTC")]
    offsets = ", ".join(
        f"{seismo.utc_offset(seconds)} ({people(number)})" for seconds, number in found.offsets
    )
    return Section(
        "hours",
        chart.title,
        (_("Local time is the civil time of Almaty when the event happened; in brackets the number"
           " of events: %(offsets)s.")
         % {"offsets": offsets},
         _("Earthquakes know no working hours: a heap in the daytime points to blasts, a dip in it"
           " to noise that hides small events.")),
        chart,
        Table(
            (_("Hour"), _("Almaty"), "UTC"), tuple(rows),
            ("hour", "events_almaty", "events_utc"),
            tuple(
                (hour, local, utc)
                for hour, (local, utc)
                in enumerate(zip(found.local_hours, found.utc_hours, strict=True))
            ),
        ),
    )  # fmt: skip


_SECTIONS: dict[str, Callable[[Statistics], Section | None]] = {
    "classes": _classes,
    "cumulative": _cumulative,
    "energy": _energy,
    "depths": _depths,
    "hours": _hours,
}


def _period_point(chart: Chart, p: PeriodCount, unit: Unit, text: str) -> None:
    middle = (p.start.toordinal() + p.end.toordinal()) / 2
    last = p.end - timedelta(days=1)
    chart.point(
        middle, f"{period_words(p.start, unit)}: {text}", p.start.isoformat(), last.isoformat()
    )


def _period_table(
    periods: Sequence[PeriodCount],
    unit: Unit,
    columns: Sequence[tuple[str, str, Callable[[PeriodCount], Any], Callable[[Any], str]]],
) -> Table:
    return Table(
        (unit_words(unit).capitalize(), *(head for head, _name, _value, _words in columns)),
        tuple(
            (period_words(p.start, unit), *(words(value(p)) for _h, _n, value, words in columns))
            for p in periods
        ),
        ("start", "end_before", *(name for _head, name, _value, _words in columns)),
        tuple(
            (
                p.start.isoformat(),
                p.end.isoformat(),
                *(value(p) for _head, _name, value, _words in columns),
            )
            for p in periods
        ),
    )


def _every(values: range, most: int) -> range:
    return values[:: max(1, math.ceil(len(values) / most))]


# --- The page ------------------------------------------------------------------------------------


def asked(request: HttpRequest) -> tuple[EventSearch | None, tuple[SearchProblem, ...]]:
    """Read the search of an address, or what is wrong with it."""
    try:
        return EventSearch.from_query(request.GET, PAGE, ignore=IGNORED), ()
    except SearchError as error:
        return None, error.problems


def query_of(search: EventSearch) -> str:
    return urlencode(search.words(without=NOT_HERE), safe=",:")


def _counted(search: EventSearch) -> tuple[Statistics, int]:
    """Return the numbers of a search, and the catalogue's version.

    Raises
    ------
    TooLong
        The database gave it up.
    """
    with within(SECONDS):
        return statistics_of(search), FeedCounter.current()


@require_safe
def statistics_page(request: HttpRequest) -> HttpResponse:
    """The numbers of a search; without words those of the whole catalogue."""
    search, problems = asked(request)
    context: dict[str, Any] = {"problems": [p.message for p in problems], "search": search}
    if search is None:
        return render(request, "portal/statistics.html", context, status=400)
    query = query_of(search)
    context |= {
        "query": query,
        "selection": told(search),
        "without_time": urlencode(
            search.words(without=(*NOT_HERE, "starttime", "endtime")), safe=",:"
        ),
    }
    try:
        found, version = _counted(search)
    except TooLong:
        context["too_slow"] = True
        return render(request, "portal/statistics.html", context, status=503)
    sections = sections_of(found)
    context |= {
        "found": found,
        "sections": sections,
        "version": version,
        "whole_numbers": [
            (gettext_words, people(number)) for gettext_words, number in _summary(found)
        ],
        "energy": joules(found.energy_j),
        "synthetic_words": synthetic_words(found),
        "explored": {
            "charts": [s.chart.explored | {"time": s.is_time} for s in sections],
            "query": query,
            "page": reverse("statistics"),
            "words": _script_words(),
        },
        "cite_query": citing.query_of(search, version),
    }
    return render(request, "portal/statistics.html", context)


def _summary(found: Statistics) -> list[tuple[str, int]]:
    told = [(_("Events"), found.number), (_("With an energy class"), found.with_kr)]
    if found.converted:
        told.append((_("Class converted: not counted as one"), found.converted))
    if found.synthetic:
        told.append((_("Synthetic examples"), found.synthetic))
    return told


def _script_words() -> dict[str, str]:
    return {
        "explore": _(
            "Point at it or use the arrow keys to read values; drag or hold Shift to choose a span."
        ),
        "exploreValues": _("Point at it or use the arrow keys to read values."),
        "span": _("Only %(start)s to %(end)s"),
        "clear": _("Let go"),
    }


def _section(request: HttpRequest, code: str) -> tuple[Section, list[str]]:
    """Return the section a file is asked of, and where its numbers are from.

    Raises
    ------
    Http404
        There is no such section, or nothing in it.
    SearchError, TooLong
        As on the page.
    """
    if code not in _SECTIONS:
        raise Http404(_("There is nothing at this address."))
    search = EventSearch.from_query(request.GET, PAGE, ignore=IGNORED)
    found, version = _counted(search)
    section = _SECTIONS[code](found)
    if section is None:
        raise Http404(_("No events match."))
    return section, source_words(search, found, version)


def _file(
    request: HttpRequest, code: str, write: Callable[[Section, list[str]], HttpResponse]
) -> HttpResponse:
    try:
        response = write(*_section(request, code))
    except SearchError as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    except TooLong:
        return HttpResponse(
            str(TOO_SLOW), status=503, content_type="text/plain; charset=utf-8",
            headers={"Retry-After": "10"},
        )  # fmt: skip
    response["Cache-Control"] = "no-cache"
    return response


TOO_SLOW: Promise = gettext_lazy(
    "This took too long. Ask for a shorter span of time or a smaller region."
)


@require_safe
def statistics_drawing(request: HttpRequest, figure: str) -> HttpResponse:
    """A drawing as a file of its own, with what it shows and where it is from below it."""

    def write(section: Section, source: list[str]) -> HttpResponse:
        return attached(section.chart.file(source), "image/svg+xml", f"{figure}.svg")

    return _file(request, figure, write)


@require_safe
def statistics_table(request: HttpRequest, figure: str) -> HttpResponse:
    """The numbers behind a drawing as CSV."""

    def write(section: Section, _source: list[str]) -> HttpResponse:
        lines = [",".join(section.table.names)]
        lines += [",".join(map(_cell, row)) for row in section.table.values]
        body = "\r\n".join((*lines, "")).encode()
        return attached(body, "text/csv; charset=utf-8", f"{figure}.csv")

    return _file(request, figure, write)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return csv_cell(value) if isinstance(value, str) else f"{value:.6g}" if isinstance(
        value, float) else str(value)  # fmt: skip


def synthetic_words(found: Statistics) -> str:
    """Say that events were invented; "" where none was."""
    if not found.synthetic:
        return ""
    if found.synthetic == found.number:
        return _("All these events are synthetic examples, not real earthquakes.")
    return _("Some of these events are synthetic examples, not real earthquakes.")


def source_words(search: EventSearch, found: Statistics, version: int) -> list[str]:
    """Return where numbers are from and what to beware of, for a drawing that leaves the page."""
    words = citing.selection_words(search)
    told = _("%(site)s, version %(version)s of the catalogue.") % {
        "site": _("Earthquakes of Kazakhstan"),
        "version": version,
    }
    selected = _("Selection: %(words)s.") % {"words": words} if words else ""
    return [text for text in (told, selected, synthetic_words(found)) if text]


def attached(body: bytes, content_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        body,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
