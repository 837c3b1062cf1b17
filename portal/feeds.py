"""Feeds of recent earthquakes: Atom for people's readers, GeoJSON for maps and programs.

``FEEDS`` is the list everything is made from: the addresses, the table of the data services page
and the tests. A feed is one ``EventSearch`` with a moving start, so its reader can always ask the
same of the search (with ``status``: a feed is a list of latest events, so what only automatic
reports tell of is in it, marked). That is why the sizes are limits on one scale each: energy class
KR is no magnitude, and a "significant" feed that mixed both would hide a conversion. What people
felt has a feed instead. The magnitudes are those of the best-known feeds elsewhere, so that
programs written for them find their names; KR 8, 10 and 12 are the decades in energy by which the
network works.

An address has one answer for everybody: English, or the language that ``lang`` names, never the
reader's preference, which a cache between could not tell apart. The answer is the same byte for
byte until the catalogue changes or an event passes the edge of the period: its tag says just that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from io import StringIO
from typing import Any
from urllib.parse import urlencode
from xml.sax.xmlreader import AttributesImpl

from django.conf import settings
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.functional import Promise
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.csrf import csrf_exempt

from catalog import rendering
from catalog.downloads import GEOJSON_PROPERTIES
from catalog.models import Change, Event, EventRow, FeedCounter
from catalog.search import EventSearch, SearchProblem
from portal.templatetags import seismo

#: Events in one feed: a busy month of the catalogue, some megabytes.
MOST = 2000
MAX_AGE_SECONDS = 60
#: Last-Modified counts whole seconds: younger than this, a second change could hide behind it.
SETTLED = timedelta(seconds=60)
#: Raised when the shape of an answer changes, so that no client keeps an old one by its tag.
FEED_VERSION = "2"
#: A year in which the authority's name was its owner's (RFC 4151).
TAG_YEAR = 2026
#: Automatic solutions are told among the latest events and nowhere else, each marked.
LATEST = ("automatic", "reviewed", "published")
#: What a catalogue that never changed was last changed at.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

GEORSS = "http://www.georss.org/georss"
ATOM = "http://www.w3.org/2005/Atom"

#: The form of a feed by the ending of its address.
FORMS = {
    "geojson": "application/geo+json; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
}

_ALL = gettext_lazy("all events")
_FELT = gettext_lazy("felt events")
_MAGNITUDE = gettext_lazy("magnitude %(value)s and above")
_KR = gettext_lazy("energy class KR %(value)s and above")


@dataclass(frozen=True, slots=True)
class Size:
    """Which events: a name for addresses, words for people, the search."""

    code: str
    text: str | Promise
    search: Mapping[str, Any]

    @property
    def words(self) -> str:
        """Say it in the language now active."""
        limit = self.search.get("minmagnitude", self.search.get("minkr"))
        if limit is None:
            return str(self.text)
        value = formats.number_format(limit, decimal_pos=0 if limit == int(limit) else 1)
        return str(self.text) % {"value": value}


@dataclass(frozen=True, slots=True)
class Period:
    """How far back from now."""

    code: str
    words: str | Promise
    length: timedelta


SIZES = (
    Size("all", _ALL, {}),
    Size("felt", _FELT, {"felt": True}),
    Size("2.5", _MAGNITUDE, {"minmagnitude": 2.5}),
    Size("4.5", _MAGNITUDE, {"minmagnitude": 4.5}),
    Size("kr8", _KR, {"minkr": 8.0}),
    Size("kr10", _KR, {"minkr": 10.0}),
    Size("kr12", _KR, {"minkr": 12.0}),
)
PERIODS = (
    Period("hour", gettext_lazy("past hour"), timedelta(hours=1)),
    Period("day", gettext_lazy("past 24 hours"), timedelta(days=1)),
    Period("week", gettext_lazy("past 7 days"), timedelta(days=7)),
    Period("month", gettext_lazy("past 30 days"), timedelta(days=30)),
)


@dataclass(frozen=True, slots=True)
class Feed:
    """One address: which events, how far back, in which form."""

    size: Size
    period: Period
    form: str

    @property
    def name(self) -> str:
        return f"{self.size.code}_{self.period.code}.{self.form}"

    @property
    def title(self) -> str:
        """The title in the language now active."""
        name = _("Earthquakes of Kazakhstan")
        return f"{name}: {self.size.words}, {self.period.words}"

    def search(self, now: datetime) -> EventSearch:
        start = now - self.period.length
        return EventSearch(**self.size.search, status=LATEST, starttime=start, endtime=now)

    def address(self, language: str) -> str:
        """The address, without a host; English is what it speaks unasked."""
        query = "" if language == "en" else "?" + urlencode({"lang": language})
        return reverse("feed", args=[self.name]) + query

    def in_form(self, form: str) -> Feed:
        return Feed(self.size, self.period, form)


FEEDS: dict[str, Feed] = {
    feed.name: feed
    for feed in (Feed(size, period, form) for size in SIZES for period in PERIODS for form in FORMS)
}
#: Feeds that a browser or a reader is told of by the head of the map and of the search.
TOLD = ("all_day.atom", "felt_month.atom")


def told() -> list[tuple[str, str]]:
    """Return title and address of the feeds that pages point at, in the language now active."""
    language = _active()
    return [(FEEDS[name].title, FEEDS[name].address(language)) for name in TOLD]


def table() -> list[dict[str, Any]]:
    """Return the feeds as the data services page shows them: a row a size, a cell a period."""
    language = _active()
    return [
        {
            "words": size.words,
            "code": size.code,
            "search": EventSearch(**size.search).to_query(),
            "cells": [
                {
                    "words": f"{size.words}, {period.words}",
                    "forms": [(f, Feed(size, period, f).address(language)) for f in FORMS],
                }
                for period in PERIODS
            ],
        }
        for size in SIZES
    ]


def _active() -> str:
    return (translation.get_language() or "en")[:2]


# --- The state of a feed -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class State:
    """What decides every byte of a feed: the catalogue's version, and since when it reads so."""

    version: int
    generated: datetime


def state_of(feed: Feed, now: datetime) -> State:
    """Return since when a feed has read as it does now.

    That is the catalogue's last change, or a later moment at which an event became older than the
    period; or newer than the future, where a clock was wrong.
    """
    version = FeedCounter.current()
    numbers = Change.objects.filter(number__lte=version).order_by("-number")
    changed = numbers.values_list("at", flat=True).first() or BEGINNING
    length = feed.period.length
    left = Q(time__gte=changed - length, time__lt=now - length)
    entered = Q(time__gt=changed, time__lte=now)
    events = EventSearch(**feed.size.search, status=LATEST).matching()
    # Two questions, each a short stretch of the index of times.
    left_last = events.filter(left).aggregate(last=Max("time"))["last"]
    entered_last = events.filter(entered).aggregate(last=Max("time"))["last"]
    moments = [changed]
    if left_last is not None:
        moments.append(left_last + length)
    if entered_last is not None:
        moments.append(entered_last)
    return State(version, max(moments))


def _tag(feed: Feed, state: State, language: str, host: str) -> str:
    text = "\x00".join(
        (
            feed.name,
            state.generated.isoformat(),
            language,
            host,
            rendering.RENDERER_VERSION,
            FEED_VERSION,
            str(MOST),
        )
    )
    return f'"{state.version}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


# --- The events as a reader is told of them ----------------------------------------------------


def _clean(text: str) -> str:
    """Return text that XML can hold: no control character, no half of one."""
    return "".join(c if c.isprintable() else " " for c in text)


def event_title(row: EventRow) -> str:
    """``KR 11.7, mb 5.2 – 28 km S of Karaganda``; what is not an earthquake says so."""
    told_sizes: list[tuple[str, float]] = []
    if row.kr is not None:
        told_sizes.append(("KR", row.kr))
    if row.magnitude is not None:
        told_sizes.append((row.magnitude_type or "M", row.magnitude))
    if not told_sizes and row.mpva is not None:
        told_sizes.append(("MPVA", row.mpva))
    size = ", ".join(f"{scale} {seismo.magnitude(value)}" for scale, value in told_sizes)
    size = size or _("size not known")
    text = f"{size} – {seismo.row_title(row)}"
    if row.event_type not in ("", "earthquake"):
        text = f"{text} ({seismo.event_type_words(row.event_type)})"
    if row.status == Event.Status.AUTOMATIC:
        text = text + " – " + _("automatic, not reviewed")
    if row.synthetic:
        text = _("Synthetic example event, not a real earthquake") + ": " + text
    return _clean(text)


def event_summary(row: EventRow) -> str:
    """Time, place, depth and every size of an event in one line."""
    time = row.time.astimezone(UTC)
    parts = [
        f"{time:%Y-%m-%d} {seismo.clock(time, row.minute_precision)} UTC",
        f"{seismo.latitude(row.latitude)}, {seismo.longitude(row.longitude)}",
        (
            _("depth not reported")
            if row.depth_km is None
            else _("depth %(depth)s") % {"depth": seismo.depth(row.depth_km)}
        ),
        *(f"{scale} {seismo.magnitude(value)}" for scale, value in seismo.sizes(row)),
    ]
    if row.felt:
        parts.append(_("felt by people"))
    if row.status == Event.Status.AUTOMATIC:
        parts.append(_("automatic, not reviewed"))
    if row.synthetic:
        parts.append(_("Synthetic example event, not a real earthquake"))
    return _clean("; ".join(parts))


def _cut_note() -> str:
    return _("Only the newest %(most)d events are listed; the search has all.") % {"most": MOST}


@dataclass(frozen=True, slots=True)
class Told:
    """A feed with its events, ready to be written in the language now active."""

    feed: Feed
    state: State
    language: str
    rows: list[EventRow]
    truncated: bool
    absolute: Callable[[str], str]

    def page_of(self, row: EventRow) -> str:
        return self.absolute(reverse("event", args=[row.public_id]))

    @property
    def search_page(self) -> str:
        """The same sizes on the search page, newest first; there the period is all time."""
        query = EventSearch(**self.feed.size.search).to_query()
        return self.absolute(reverse("search") + (f"?{query}" if query else ""))


# --- GeoJSON -----------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """Return a value as the GeoJSON download writes it."""
    if isinstance(value, datetime):
        return _json_time(value)
    return None if value == "" else value


def _json_time(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def feature(told: Told, row: EventRow) -> dict[str, Any]:
    """Return the feature of the GeoJSON download, its texts in the reader's language."""
    properties = {name: _plain(getattr(row, column)) for name, column in GEOJSON_PROPERTIES.items()}
    for name in ("place", "name"):
        text = getattr(row, f"{name}_{told.language}") or getattr(row, f"{name}_en")
        properties[name] = text or None
    return {
        "type": "Feature",
        "id": row.public_id,
        "geometry": {"type": "Point", "coordinates": [row.longitude, row.latitude]},
        "properties": {**properties, "title": event_title(row), "url": told.page_of(row)},
    }


def geojson(told: Told) -> str:
    """Return the feed as GeoJSON."""
    feed = told.feed
    metadata = {
        "title": feed.title,
        "url": told.absolute(feed.address(told.language)),
        "language": told.language,
        "generated": _json_time(told.state.generated),
        "catalogue_version": told.state.version,
        "period_hours": round(feed.period.length / timedelta(hours=1)),
        "count": len(told.rows),
        "limit": MOST,
        "truncated": told.truncated,
        "note": _cut_note() if told.truncated else None,
        "search": told.search_page,
    }
    lines = ",\n".join(_json(feature(told, row)) for row in told.rows)
    return f'{{"type":"FeatureCollection","metadata":{_json(metadata)},"features":[\n{lines}\n]}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


# --- Atom --------------------------------------------------------------------------------------


_NONE: AttributesImpl[str] = AttributesImpl({})


def _tag_uri(name: str) -> str:
    return f"tag:{settings.QUAKEML_AUTHORITY},{TAG_YEAR}:{name}"


def _atom_time(value: datetime) -> str:
    return rendering.time_text(value.astimezone(UTC)) + "Z"


def atom(told: Told) -> str:
    """Return the feed as Atom (RFC 4287) with GeoRSS points.

    Django's own generator knows neither labels of categories nor plain text in summaries, and puts
    the time of day where a feed is empty.
    """
    feed = told.feed
    out = StringIO()
    xml = SimplerXMLGenerator(out, "utf-8", short_empty_elements=True)
    xml.startDocument()
    names = {"xmlns": ATOM, "xmlns:georss": GEORSS, "xml:lang": told.language}
    xml.startElement("feed", AttributesImpl(names))
    # A translation is a feed of its own; the events in it are the same events.
    suffix = "" if told.language == "en" else f"/{told.language}"
    xml.addQuickElement("id", _tag_uri(f"feed/{feed.size.code}_{feed.period.code}{suffix}"))
    xml.addQuickElement("title", feed.title)
    if told.truncated:
        xml.addQuickElement("subtitle", _cut_note())
    xml.addQuickElement("updated", _atom_time(told.state.generated))
    xml.startElement("author", _NONE)
    xml.addQuickElement("name", _("Earthquakes of Kazakhstan"))
    xml.addQuickElement("uri", told.absolute(reverse("map")))
    xml.endElement("author")
    xml.addQuickElement("generator", settings.PORTAL_AGENCY_CODE, {"version": FEED_VERSION})
    for rel, form, address in (
        ("self", "application/atom+xml", told.absolute(feed.address(told.language))),
        ("alternate", "text/html", told.search_page),
        (
            "alternate",
            "application/geo+json",
            told.absolute(feed.in_form("geojson").address(told.language)),
        ),
    ):
        xml.addQuickElement("link", "", {"rel": rel, "type": form, "href": address})
    for row in told.rows:
        _entry(xml, told, row)
    xml.endElement("feed")
    xml.endDocument()
    return out.getvalue() + "\n"


def _entry(xml: SimplerXMLGenerator, told: Told, row: EventRow) -> None:
    xml.startElement("entry", _NONE)
    xml.addQuickElement("id", _tag_uri(f"event/{row.public_id}"))
    xml.addQuickElement("title", event_title(row))
    xml.addQuickElement("updated", _atom_time(row.updated_at))
    if row.agency:  # else it is the feed's author's
        xml.startElement("author", _NONE)
        xml.addQuickElement("name", _clean(row.agency))
        xml.endElement("author")
    link = {"rel": "alternate", "type": "text/html", "href": told.page_of(row)}
    xml.addQuickElement("link", "", link)
    for term, label in _categories(row):
        words = {"scheme": _tag_uri("category"), "term": _clean(term), "label": _clean(label)}
        xml.addQuickElement("category", "", words)
    xml.addQuickElement("summary", event_summary(row), {"type": "text"})
    point = (rendering.number_text(value, 5) for value in (row.latitude, row.longitude))
    xml.addQuickElement("georss:point", " ".join(point))
    if row.depth_km is not None:  # metres upwards
        xml.addQuickElement("georss:elev", rendering.number_text(-1000.0 * row.depth_km, 0))
    xml.endElement("entry")


def _categories(row: EventRow) -> Iterator[tuple[str, str]]:
    """Yield terms that are the same in all languages, each with its word in the reader's."""
    if row.event_type:
        yield row.event_type, seismo.event_type_words(row.event_type)
    if row.felt:
        yield "felt", _("felt")
    if row.status == Event.Status.AUTOMATIC:
        yield "automatic", _("automatic, not reviewed")
    if row.synthetic:
        yield "synthetic", _("synthetic")


_WRITE = {"geojson": geojson, "atom": atom}


# --- HTTP --------------------------------------------------------------------------------------


def _refused(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _problems(request: HttpRequest) -> list[SearchProblem]:
    """Return what is wrong with the query: nothing but one ``lang`` of ours may stand there."""
    found = [SearchProblem(word, "unknown-word", "", "") for word in request.GET if word != "lang"]
    given = request.GET.getlist("lang")
    if len(given) > 1:
        found.append(SearchProblem("lang", "repeated"))
    elif given and given[0] not in rendering.LANGUAGES:
        expected = " | ".join(rendering.LANGUAGES)
        found.append(SearchProblem("lang", "unknown-value", _clean(given[0][:40]), expected))
    return found


def open_to_all(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Make a view that only reads, in the language of ``lang``, and that any site's scripts ask."""

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest, name: str) -> HttpResponse:
        asked = request.GET.get("lang", "en")
        with translation.override(asked if asked in rendering.LANGUAGES else "en"):
            if request.method in ("GET", "HEAD"):
                response = view(request, name)
            else:
                response = _refused(405, f"{request.method} is not offered; use GET.")
                response["Allow"] = "GET, HEAD"
            response["Content-Language"] = _active()
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = "ETag, X-Catalogue-Version"
        patch_vary_headers(response, ["Accept-Encoding"])
        return response

    return wrapped


@open_to_all
def feed(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a feed, or with 304 if the client has it."""
    found = FEEDS.get(name)
    if found is None:
        return _refused(404, "There is no such feed. These are:\n\n" + "\n".join(FEEDS))
    if problems := _problems(request):
        return _refused(400, "\n".join(problem.message for problem in problems))
    language = _active()
    now = timezone.now()
    state = state_of(found, now)
    tag = _tag(found, state, language, request.build_absolute_uri("/"))
    is_settled = now - state.generated >= SETTLED
    stamp = int(state.generated.timestamp()) if is_settled else None
    response = get_conditional_response(request, etag=tag, last_modified=stamp)
    if response is None:
        response = _answer(request, found, state, language, now)
    response["ETag"] = tag
    if stamp is not None:
        response["Last-Modified"] = http_date(stamp)
    response["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
    response["X-Catalogue-Version"] = str(state.version)
    return response


def _answer(
    request: HttpRequest, feed: Feed, state: State, language: str, now: datetime
) -> HttpResponse:
    search = feed.search(now).replace(limit=MOST + 1)
    rows = list(search.queryset().defer("fdsn_text", "csv_line", "point"))
    told = Told(feed, state, language, rows[:MOST], len(rows) > MOST, request.build_absolute_uri)
    return HttpResponse(_WRITE[feed.form](told), content_type=FORMS[feed.form])
