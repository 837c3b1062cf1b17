"""Statistics of a search: ``/statistics?<search words>``, the numbers of the page of the name."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog import downloads
from catalog.api.describing import described
from catalog.api.members import Member, Type, told
from catalog.api.public import (
    API_VERSION,
    LANG,
    NOT_FOR_PAGES,
    PublicView,
    asked_of,
    event_words,
    plain,
    respond,
    state,
)
from catalog.recurrence import Slope
from catalog.search import EventSearch
from catalog.statistics import Statistics, statistics_of

INTEGER, NUMBER, TEXT, TIME = Type.INTEGER, Type.NUMBER, Type.TEXT, Type.TIME
_UNITS = ("day", "month", "year")

SUMMARY: tuple[Member, ...] = (
    Member("number", INTEGER, "Events the search finds.", 700, null=False),
    Member("synthetic", INTEGER, "Of these, events invented for the example.", 0, null=False),
    Member("with_kr", INTEGER, "Events with an energy class (KR) that was not converted.", 640,
           null=False),
    Member("kr_converted", INTEGER, "Events whose class was converted from another scale: they "
           "count as without one.", 0, null=False),
    Member("first", TIME, "Origin time of the first event; null: none.", "2014-01-01T03:12:44Z"),
    Member("last", TIME, "Origin time of the last event.", "2014-12-31T20:05:10.4Z"),
    Member("energy_j", NUMBER, "Sum of 10^KR over the events with a class, J.", 4.1e13,
           null=False),
    Member("complete_from_class", INTEGER, "Class from which the catalogue is held complete: by "
           "default 8 if all lie in the Northern Tien Shan, else 9; not fitted.", 9, null=False),
    Member("depth_unknown", INTEGER, "Events whose depth was not reported.", 12, null=False),
)  # fmt: skip
CLASS: tuple[Member, ...] = (
    Member("class", INTEGER, "Energy class, halves to the class before: 7.5 is 7.", 9, null=False),
    Member("number", INTEGER, "Events of the class.", 120, null=False),
    Member("northern_tien_shan", INTEGER, "Of these, in the Northern Tien Shan (41.67 to 45.00 N, "
           "75.00 to 80.00 E).", 44, null=False),
)  # fmt: skip
GAMMA: tuple[Member, ...] = (
    Member("gamma", NUMBER, "Slope of lg N against KR, maximum likelihood (Aki 1965, Utsu 1966).",
           0.52, null=False),
    Member("sigma", NUMBER, "Its standard error (Shi and Bolt 1982).", 0.03, null=False),
    Member("number", INTEGER, "Events it was fitted to.", 310, null=False),
    Member("from_kr", NUMBER, "Smallest KR counted.", 8.6, null=False),
)  # fmt: skip
PERIOD: tuple[Member, ...] = (
    Member("start", TEXT, "First UTC day.", "2014-03-01", null=False),
    Member("end", TEXT, "First UTC day that no longer belongs to it.", "2014-04-01", null=False),
    Member("number", INTEGER, "Events.", 61, null=False),
    Member("cumulative", INTEGER, "Events up to its end.", 170, null=False),
    Member("with_kr", INTEGER, "Events with an energy class.", 55, null=False),
    Member("energy_j", NUMBER, "Sum of 10^KR over these, J.", 3.2e11, null=False),
)  # fmt: skip
DEPTH: tuple[Member, ...] = (
    Member("from_km", INTEGER, "From this depth on.", 10, null=False),
    Member("to_km", INTEGER, "Up to this depth; null: and all deeper ones.", 15),
    Member("number", INTEGER, "Events.", 210, null=False),
    Member("fixed", INTEGER, "Of these, depths that an analyst fixed.", 40, null=False),
)  # fmt: skip
OFFSET: tuple[Member, ...] = (
    Member("seconds", INTEGER, "Local time less UTC, s.", 21600, null=False),
    Member("number", INTEGER, "Events while it was in force.", 700, null=False),
)


def _row(members: tuple[Member, ...], record: Any, **renamed: str) -> dict[str, Any]:
    return told(
        members, {f"m_{m.name}": getattr(record, renamed.get(m.name, m.name)) for m in members}
    )


def answer(found: Statistics, search: EventSearch, version: int) -> dict[str, Any]:
    """Return statistics as JSON has them."""
    return {
        "version": version,
        "search": search.words(without=("orderby", *NOT_FOR_PAGES)),
        **_row(SUMMARY, found, kr_converted="converted", complete_from_class="complete_from"),
        "gamma": _gamma(found.gamma),
        "classes": [
            _row(CLASS, c, **{"class": "kr_class", "northern_tien_shan": "in_frame"})
            for c in found.classes
        ],
        "unit": found.unit,
        "periods": [_period(p) for p in found.periods],
        "energy_unit": found.energy_unit,
        "energies": [_period(p) for p in found.energies],
        "depths": [_row(DEPTH, d) for d in found.depths],
        "hours_utc": list(found.utc_hours),
        "hours_almaty": list(found.local_hours),
        "offsets_almaty": [
            told(OFFSET, {"m_seconds": seconds, "m_number": number})
            for seconds, number in found.offsets
        ],
    }


def _period(period: Any) -> dict[str, Any]:
    days = {"start": period.start.isoformat(), "end": period.end.isoformat()}
    return _row(PERIOD, period) | days


def _gamma(found: Slope | None) -> dict[str, Any] | None:
    if found is None:
        return None
    rounded = {"value": round(found.value, 4), "sigma": round(found.sigma, 4)}
    return told(
        GAMMA,
        {
            "m_gamma": rounded["value"],
            "m_sigma": rounded["sigma"],
            "m_number": found.number,
            "m_from_kr": found.lowest,
        },
    )


@described(
    "statistics",
    gettext_lazy("Statistics of a search"),
    (*event_words("orderby", *NOT_FOR_PAGES), LANG),
    "Statistics",
    example="starttime=2014-01-01&endtime=2014-12-31&minkr=7.6",
    tag="events",
)
class StatisticsView(PublicView):
    """What the numbers of a search say: by class, in time, by depth and hour of the day.

    Energy is the sum of 10^KR. Only classes that were measured or reported count; nothing is
    converted into one. 503 where the catalogue took too long: ask for less.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), not_here=("orderby", *NOT_FOR_PAGES))
        now = state()
        return respond(
            request,
            downloads.etag(now.version, asked.search, "statistics", asked.language, API_VERSION),
            now.changed_at,
            lambda: HttpResponse(
                json.dumps(plain(answer(statistics_of(asked.search), asked.search, now.version))),
                content_type="application/json",
            ),
            version=now.version,
        )
