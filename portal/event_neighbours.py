"""What else happened near an event: the strongest events around it, drawn and listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from catalog.downloads import TooLong
from catalog.models import EventRow
from catalog.scales import KR_A_UNIT, KR_OF_ZERO
from catalog.search import EventSearch
from portal.charts import Chart, counts, linear, time_axis
from portal.templatetags import seismo
from portal.time_limits import within
from processing.core import geodesy

RADIUS_KM = 50.0
#: Strongest events drawn, and listed.
MOST, LISTED = 1000, 10
SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Neighbour:
    row: EventRow
    distance_km: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Events around one; ``complete`` is False where only the strongest are drawn."""

    query: str
    number: int
    complete: bool
    synthetic: bool
    """Some of them were invented."""
    listed: tuple[Neighbour, ...]
    in_time: Chart | None
    cumulative: Chart | None

    @property
    def radius_km(self) -> float:
        return RADIUS_KM


def search_around(row: EventRow) -> EventSearch:
    """Return the search of events within ``RADIUS_KM``; of a real one, without invented ones."""
    return EventSearch(
        latitude=round(row.latitude, 4),
        longitude=round(row.longitude, 4),
        maxradiuskm=RADIUS_KM,
        synthetic=None if row.synthetic else False,
    )


def neighbours_of(row: EventRow) -> Neighbours | None:
    """Return what happened near an event; None where the database took too long. One query."""
    search = search_around(row)
    # Not the column alone: its index would lead through the whole catalogue to a few events.
    size = Coalesce(F("kr"), F("magnitude") * KR_A_UNIT + float(KR_OF_ZERO))
    found = (
        search.matching()
        .defer("fdsn_text", "csv_line")
        .order_by(size.desc(nulls_last=True), F("time").desc())
    )
    try:
        with within(SECONDS):
            rows = list(found[: MOST + 1])
    except TooLong:
        return None
    complete = len(rows) <= MOST
    rows = rows[:MOST]
    if all(other.pk != row.pk for other in rows):
        rows.append(row)
    others = [other for other in rows if other.pk != row.pk]
    distances = geodesy.ellipsoid_distance_km(
        row.latitude,
        row.longitude,
        np.array([o.latitude for o in others]),
        np.array([o.longitude for o in others]),
    )
    near = [Neighbour(o, float(d)) for o, d in zip(others, distances, strict=True)]
    near.sort(key=lambda n: -(drawn_class(n.row)[0] or -99.0))
    return Neighbours(
        query=urlencode(search.words(), safe=",:"),
        number=len(others),
        complete=complete,
        synthetic=any(other.synthetic for other in others),
        listed=tuple(near[:LISTED]),
        in_time=_in_time(row, rows) if others else None,
        cumulative=_cumulative(rows) if others and complete else None,
    )


def drawn_class(row: EventRow) -> tuple[float | None, bool]:
    """Return the energy class an event is drawn at, and whether it is its own.

    Without one it is that of its magnitude, K = 1.8 M + 4: for the drawing only, and drawn hollow.
    """
    if row.kr is not None:
        return row.kr, True
    if row.magnitude is not None:
        return KR_A_UNIT * row.magnitude + KR_OF_ZERO, False
    return None, False


def _day(row: EventRow) -> float:
    time = row.time.astimezone(UTC)
    return time.toordinal() + (time.hour * 60 + time.minute) / 1440.0


def _in_time(this: EventRow, rows: list[EventRow]) -> Chart | None:
    sized = [(row, *drawn_class(row)) for row in rows]
    drawn: list[tuple[EventRow, float, bool]] = [
        (row, k, own) for row, k, own in sized if k is not None
    ]
    if len(drawn) < 2:
        return None
    classes = [k for _row, k, _own in drawn]
    chart = Chart(
        "neighbours-time",
        _("Events within %(km)s in time") % {"km": seismo.kilometres(RADIUS_KM)},
        _("Dots by time and energy class, from %(first)s to %(last)s; this event is marked. Number"
          " of dots: %(n)s.")
        % {"first": min(row.time for row, *_more in drawn).date().isoformat(),
           "last": max(row.time for row, *_more in drawn).date().isoformat(), "n": len(drawn)},
        _axis([row for row, *_more in drawn]),
        linear(np.floor(min(classes) - 0.5), np.ceil(max(classes) + 0.3), _("Energy class K"), 6),
        height=260,
    )  # fmt: skip
    for row, k, own in sorted(drawn, key=lambda d: d[0].pk == this.pk):
        is_this = row.pk == this.pk
        kind = "dot-this" if is_this else "dot" if own else "dot-2"
        chart.dot(_day(row), k, kind, 6.0 if is_this else 2.0 + max(0.0, min(k, 15.0) - 6.0) * 0.4)
    if any(row.pk == this.pk for row, *_more in drawn):
        chart.legend.append(("dot-this", _("this event")))
    chart.legend.append(("dot", _("energy class reported")))
    if any(not own for _row, _k, own in drawn):
        chart.legend.append(("dot-2", _("none: placed by its magnitude, K = 1.8 M + 4")))
    return chart


def _cumulative(rows: list[EventRow]) -> Chart:
    days = sorted(_day(row) for row in rows)
    axis = _axis(rows)
    chart = Chart(
        "neighbours-cumulative",
        _("Cumulative number within %(km)s") % {"km": seismo.kilometres(RADIUS_KM)},
        _("A line that rises to %(n)s.") % {"n": len(days)},
        axis,
        counts(len(days), _("Events since the first")),
        height=260,
    )
    steps = [(axis.low, 0.0), *((day, float(n)) for n, day in enumerate(days, start=1))]
    chart.steps([*steps, (axis.high, float(len(days)))])
    return chart


def _axis(rows: list[EventRow]) -> Any:
    first = min(row.time for row in rows).astimezone(UTC).date()
    last = max(row.time for row in rows).astimezone(UTC).date()
    room = max(1, (last - first).days // 40)
    return time_axis(_moved(first, -room), _moved(last, room + 1))


def _moved(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))
