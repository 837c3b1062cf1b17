"""A search as a file: the formats, how large a file will be, its address and how programs fetch it.

Sizes are measured, not guessed. Once a day and process the writers write a sample of this
catalogue's events; for each search the stored lines and parts of a sample of its own events tell by
how much these are larger or smaller (strong events carry ten times the arrivals of small ones). It
stays a sample, so pages call it an estimate.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.db import OperationalError, transaction
from django.db.models import Avg, Exists, F, Func, IntegerField, OuterRef, Q, Sum
from django.db.models import Count as CountOf
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import formats as localized
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from catalog import downloads, rendering
from catalog.downloads import TooLong
from catalog.models import EventFragment, EventRow
from catalog.search import BY_WORD, Count, EventSearch, Kind
from portal.time_limits import within

logger = logging.getLogger(__name__)

#: The speed a time is told for [bit/s].
CONNECTION_BITS = 10_000_000
SAMPLE = 60
#: Records are slow to fetch: the tables made from them are measured on fewer events.
SAMPLE_RECORDS = 6
KEPT_SECONDS = 24 * 3600
SEARCH_KEPT_SECONDS = 600
#: Finding a sample of a search's events takes no longer; else those of the page must do.
SAMPLING_SECONDS = 0.3
#: How many times zlib makes QuakeML smaller, where the catalogue's sample does not tell.
USUAL_COMPRESSION = 6
FILE_NAME = "kazakhstan-earthquakes"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format a search can be had in."""

    code: str
    name: str | Promise
    note: str | Promise
    #: False: too much for a stream, a worker makes the file.
    streamed: bool = True

    @property
    def is_year_book(self) -> bool:
        return self.code in downloads.YEAR_BOOK_FORMATS

    @property
    def extension(self) -> str:
        if self.is_year_book:
            return self.code.rpartition(".")[2]
        code = downloads.FORMATS.get(self.code, self.code)
        writer = downloads.WRITERS.get(code)
        return writer.extension if writer else code

    @property
    def file_name(self) -> str:
        name = f"kazakhstan-{self.code.partition('.')[0]}" if self.is_year_book else FILE_NAME
        return f"{name}.{self.extension}"


_CATALOGUE = gettext_lazy("year book: catalogue")
_MECHANISMS = gettext_lazy("year book: focal mechanisms")
_FELT = gettext_lazy("year book: felt effects")

_FORMATS = (
    FileFormat("csv", "CSV", gettext_lazy("wide table, one column a scale")),
    FileFormat("quakeml", "QuakeML", gettext_lazy("QuakeML 1.2, for programs")),
    FileFormat("text", "FDSN text", gettext_lazy("short table of the FDSN standard")),
    FileFormat("geojson", "GeoJSON", gettext_lazy("for maps and GIS")),
    FileFormat("kml", "KML", gettext_lazy("KML 2.2, for Earth viewers and GIS")),
    FileFormat("isf", "ISF", gettext_lazy("IMS1.0 bulletin, for seismologists' programs")),
    FileFormat("ndk", "NDK", gettext_lazy("moment tensors, five lines each (Global CMT)")),
    FileFormat("year-book-catalogue.csv", "CSV", _CATALOGUE),
    FileFormat("year-book-catalogue.xlsx", "XLSX", _CATALOGUE),
    FileFormat("year-book-mechanisms.csv", "CSV", _MECHANISMS),
    FileFormat("year-book-mechanisms.xlsx", "XLSX", _MECHANISMS),
    FileFormat("year-book-intensity.csv", "CSV", _FELT),
    FileFormat("year-book-intensity.xlsx", "XLSX", _FELT),
    FileFormat("gpkg", "GeoPackage", gettext_lazy("one file for GIS, with a checksum"), False),
)
DEFAULT_FORMAT = "csv"
QUAKEML = "quakeml"

#: What QuakeML may hold besides the preferred solution.
INCLUDES: dict[str, str | Promise] = {
    "includeallorigins": gettext_lazy("all origins"),
    "includeallmagnitudes": gettext_lazy("all magnitudes"),
    "includearrivals": gettext_lazy("arrivals with picks, amplitudes and station magnitudes"),
    "includemechanisms": gettext_lazy("focal mechanisms"),
}


def export_address() -> str:
    """Return where an export is asked for, "" where there are none."""
    try:
        return reverse("export-ask")
    except NoReverseMatch:
        return ""


def formats_offered() -> tuple[FileFormat, ...]:
    """Return the formats this portal writes, those the list above describes first."""
    described = {form.code for form in _FORMATS}
    streamed = {*downloads.FORMATS, *downloads.YEAR_BOOK_FORMATS}
    return (
        *(f for f in _FORMATS if f.code in streamed or (not f.streamed and export_address())),
        *(FileFormat(c, c.upper(), "") for c in downloads.FORMATS if c not in described),
    )


# --- Sizes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of a file: so many whatever it holds, and so many more for each event."""

    fixed: float
    each: float

    def of(self, events: int) -> int:
        return round(self.fixed + self.each * events)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of some events, on average: bytes of their lines and parts, shares of them."""

    events: int
    csv: float
    text: float
    #: Part of QuakeML -> bytes as stored.
    parts: Mapping[str, float]
    with_mechanism: float
    felt: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of all formats, and on how many events they were measured."""

    events: int
    formats: Mapping[str, Size]
    #: What each include word adds to QuakeML, bytes an event.
    includes: Mapping[str, float]
    stored: Stored


_INCLUDED_PART = {
    "includeallorigins": EventFragment.Part.OTHER_ORIGINS,
    "includeallmagnitudes": EventFragment.Part.OTHER_MAGNITUDES,
    "includearrivals": EventFragment.Part.ARRIVALS,
    "includemechanisms": EventFragment.Part.MECHANISMS,
}


def sizes(request: HttpRequest) -> Sizes | None:
    """Return the sizes measured on the catalogue; ``None`` while there is nothing to measure."""
    key = f"file-sizes:{rendering.RENDERER_VERSION}"
    found: Sizes | None = cache.get(key)
    if found is None:
        try:
            found = _measured(request)
        except OperationalError:  # no connection left for it: the page goes without
            logger.warning("file sizes could not be measured", exc_info=True)
            return None
        if found is not None:
            cache.set(key, found, KEPT_SECONDS)
    return found


def sizes_of(
    request: HttpRequest, search: EventSearch, events: int, page: list[int]
) -> Sizes | None:
    """Return the sizes for a search that found so many events; ``page`` are keys of some."""
    general = sizes(request)
    if general is None or not page:
        return general
    words = search.to_query(without=("limit", "offset", "orderby"))
    digest = hashlib.sha256(f"{events} {words}".encode()).hexdigest()[:24]
    own: Stored | None = cache.get(f"file-sizes:{digest}")
    if own is None:
        own = _stored(page if events <= len(page) else _sampled(search, events) or page)
        cache.set(f"file-sizes:{digest}", own, SEARCH_KEPT_SECONDS)
    return _fitted(general, own)


def _sampled(search: EventSearch, events: int) -> list[int]:
    """Return the keys of about ``SAMPLE`` events from all over the search; none if that is slow."""
    step = max(1, events // SAMPLE)
    try:
        with within(SAMPLING_SECONDS):
            turn = search.matching().order_by().alias(turn=F("event_id") % step)
            return list(turn.filter(turn=0).values_list("event_id", flat=True)[:SAMPLE])
    except TooLong:
        return []


def _octets(column: str) -> Func:
    return Func(F(column), function="octet_length", output_field=IntegerField())


def _stored(keys: list[int]) -> Stored:
    keys = keys[:: max(1, len(keys) // SAMPLE)]
    found = EventRow.objects.filter(pk__in=keys).aggregate(
        n=CountOf("pk"),
        csv=Avg(_octets("csv_line")),
        text=Avg(_octets("fdsn_text")),
        mechanisms=CountOf("pk", filter=Q(has_mechanism=True)),
        felt=CountOf("pk", filter=Q(felt=True)),
    )
    n = found["n"] or 1
    parts = (
        EventFragment.objects.filter(event__in=keys)
        .values_list("part")
        .annotate(size=Sum(_octets("body")))
    )
    return Stored(
        events=found["n"],
        csv=found["csv"] or 0.0,
        text=found["text"] or 0.0,
        parts={part: size / n for part, size in parts},
        with_mechanism=found["mechanisms"] / n,
        felt=found["felt"] / n,
    )


def _fitted(general: Sizes, own: Stored) -> Sizes:
    """Return the catalogue's sizes for events of which other amounts are stored."""
    usual = general.stored

    def ratio(mine: float, theirs: float) -> float:
        return mine / theirs if theirs else 1.0

    def bare(stored: Stored) -> float:
        return stored.parts.get(EventFragment.Part.PLAIN, 0.0)

    line = ratio(own.csv, usual.csv)
    factors = {
        QUAKEML: ratio(bare(own), bare(usual)),
        "text": ratio(own.text, usual.text),
        "geojson": 1.0,  # it names each property, reported or not
        **dict.fromkeys(("ndk", *_tables("mechanisms")), own.with_mechanism),
        **dict.fromkeys(_tables("intensity"), own.felt),
    }
    includes = {}
    for word, part in _INCLUDED_PART.items():
        mine, theirs = own.parts.get(part, 0.0), usual.parts.get(part, 0.0)
        grown = general.includes[word] / theirs if theirs else USUAL_COMPRESSION
        includes[word] = mine * grown
    return Sizes(
        events=own.events,
        formats={
            code: Size(size.fixed, size.each * factors.get(code, line))
            for code, size in general.formats.items()
        },
        includes=includes,
        stored=own,
    )


def _tables(subject: str) -> list[str]:
    return [code for code in downloads.YEAR_BOOK_FORMATS if subject in code]


def _measured(request: HttpRequest) -> Sizes | None:
    # Every n-th of all events, so that no time or place decides alone.
    step = max(1, EventRow.objects.count() // SAMPLE)
    plain = EventFragment.objects.filter(event=OuterRef("event_id"), part=EventFragment.Part.PLAIN)
    written = EventRow.objects.exclude(csv_line="").filter(Exists(plain))
    sample = dict(
        written.alias(turn=F("event_id") % step)
        .filter(turn=0)
        .values_list("event_id", "public_id")[:SAMPLE]
    )
    if not sample:
        return None
    ids = list(sample.values())
    search = EventSearch(eventid=tuple(ids))
    few = {
        subject: list(rows.values_list("public_id", flat=True)[:SAMPLE_RECORDS])
        for subject, rows in (
            ("mechanisms", written.filter(has_mechanism=True)),
            ("intensity", written.filter(felt=True)),
            ("ndk", written.filter(has_mechanism=True)),
        )
    }
    found: dict[str, Size] = {}
    with transaction.atomic(using=downloads.ALIAS):
        for code, name in downloads.FORMATS.items():
            held = few.get(code, ids)
            asked = EventSearch(eventid=tuple(held or ["none"]))
            found[code] = _size(downloads.writer_of(name, request), asked, len(held))
        for code in downloads.YEAR_BOOK_FORMATS:
            writer = downloads.year_book_writer(code, (get_language() or "en")[:2])
            held = next((few[s] for s in few if s in code), ids[:SAMPLE_RECORDS])
            found[code] = _size(writer, EventSearch(eventid=tuple(held or ["none"])), len(held))
        writer = downloads.WRITERS["xml"]
        includes = {
            word: max(0.0, _size(writer, search.replace(**{word: True}), len(ids)).each
                      - found[QUAKEML].each)
            for word in INCLUDES
        }  # fmt: skip
    return Sizes(len(ids), found, includes, _stored(list(sample)))


def _size(writer: downloads.Writer, sample: EventSearch, events: int) -> Size:
    nothing = EventSearch(eventid=("none",))
    empty = sum(map(len, writer.events(nothing)))
    frame = len(writer.head(nothing)) + len(writer.tail)
    whole = sum(map(len, writer.events(sample)))
    return Size(frame + empty, max(0, whole - empty) / max(1, events))


def size_units() -> list[str]:
    """Return the words for bytes and their thousands, in the reader's language."""
    return [
        pgettext("unit", "bytes"),
        pgettext("unit", "kB"),
        pgettext("unit", "MB"),
        pgettext("unit", "GB"),
    ]


def size_text(size: float) -> str:
    """Write a number of bytes with two digits: ``2.3 MB``."""
    units = size_units()
    power = 0
    while size >= 999.5 and power < len(units) - 1:
        size /= 1000
        power += 1
    places = 1 if power and size < 9.95 else 0
    number = localized.number_format(size, decimal_pos=places, use_l10n=True, force_grouping=False)
    return f"{number}\u00a0{units[power]}"


def time_text(size: float) -> str:
    """Write how long so many bytes take at ``CONNECTION_BITS``."""
    seconds = size * 8 / CONNECTION_BITS
    if seconds < 1:
        return _("under 1 s")
    if seconds < 90:
        return _("%(n)s s") % {"n": round(seconds)}
    minutes = round(seconds / 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


# --- The panel ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileShown:
    """A format as the panel shows it for one search; QuakeML without what it may include."""

    form: FileFormat
    url: str
    chosen: bool
    #: Bytes; 0 where not known.
    bytes: int
    too_many: bool

    @property
    def size(self) -> str:
        return size_text(self.bytes) if self.bytes else ""


def given_format(request: HttpRequest) -> str | None:
    """Return the format the address names; ``None`` for one there is not."""
    code = request.GET.get("format", "").strip() or DEFAULT_FORMAT
    return code if any(form.code == code for form in formats_offered()) else None


def given_includes(request: HttpRequest) -> list[str]:
    return [word for word in INCLUDES if request.GET.get(word, "").strip().lower() == "true"]


def panel(
    request: HttpRequest, search: EventSearch, count: Count, page: list[int]
) -> dict[str, Any]:
    """Return what the builder shows for a search; ``page`` are the keys of its page's events."""
    events, exact = count.value, count.exact
    chosen = given_format(request) or DEFAULT_FORMAT
    includes = given_includes(request) if chosen == QUAKEML else []
    search = search.replace(limit=None, offset=1)
    measured = sizes_of(request, search, events, page)
    files = [_shown(form, search, events, measured, chosen) for form in formats_offered()]
    current = next(file for file in files if file.chosen)
    url = file_address(current.form, search, includes) if current.url else ""
    address = request.build_absolute_uri(url) if url else ""
    guess = current.bytes
    if measured and guess:
        guess += round(events * sum(measured.includes[word] for word in includes))
    home = request.build_absolute_uri("/").rstrip("/")
    return {
        "files": files,
        "current": current,
        "url": url,
        "size": size_text(guess) if guess else "",
        "time": time_text(guess) if guess else "",
        "words": [(word, value) for word, value in search.words().items()],
        "includes": [
            {
                "word": word,
                "label": label,
                "checked": word in includes,
                "each": measured.includes[word] if measured else 0,
            }
            for word, label in INCLUDES.items()
        ],
        "included": includes,
        "address": address,
        "curl": curl_line(address, current.form.file_name) if address else "",
        "obspy": obspy_lines(home, search, includes),
        "export_address": export_address(),
        "exact": exact,
        "events": events,
        "sampled": measured.events if measured else 0,
        "speed": CONNECTION_BITS // 1_000_000,
        "most_records": downloads.MAX_RECORDS,
        "an_address": downloads.HEAVY_AN_ADDRESS,
        "given": "format" in request.GET,
    }


def _shown(
    form: FileFormat, search: EventSearch, events: int, measured: Sizes | None, chosen: str
) -> FileShown:
    size = measured.formats.get(form.code) if measured else None
    return FileShown(
        form=form,
        url=file_address(form, search, []) if form.streamed else "",
        chosen=form.code == chosen,
        bytes=size.of(events) if size else 0,
        too_many=form.is_year_book and events > downloads.MAX_RECORDS,
    )


def file_address(form: FileFormat, search: EventSearch, includes: list[str]) -> str:
    """Return the address of a search as a file, without limit and offset."""
    if form.is_year_book and search.orderby == "time":
        search = search.replace(orderby="time-asc")  # as the year book prints it
    words = search.words(without=("limit", "offset")) | dict.fromkeys(includes, "true")
    if form.is_year_book:
        words["lang"] = (get_language() or "en")[:2]
    asked = f"?{urlencode(words)}" if words else ""
    return reverse("download", args=[form.code]) + asked


def curl_line(address: str, file_name: str) -> str:
    return f"curl --fail --location --output {shlex.quote(file_name)} {shlex.quote(address)}"


def obspy_lines(home: str, search: EventSearch, includes: list[str]) -> str:
    """Return the search as a program in Python with ObsPy."""
    words = search.words(without=("limit", "offset")) | dict.fromkeys(includes, "true")
    arguments = "".join(f"    {word}={_literal(word, text)},\n" for word, text in words.items())
    call = f"client.get_events(\n{arguments})" if arguments else "client.get_events()"
    return (
        "from obspy.clients.fdsn import Client\n\n"
        f"client = Client({json.dumps(home)})\n"
        f"catalogue = {call}\n"
    )


def _literal(word: str, text: str) -> str:
    match BY_WORD[word].kind:
        case Kind.FLOAT | Kind.INTEGER:
            return text
        case Kind.BOOLEAN:
            return text.capitalize()
    return json.dumps(text, ensure_ascii=False)


def event_files(query: str) -> list[dict[str, Any]]:
    """One event as files, everything that is known of it: code, name, note, address."""
    asked = f"?{query}" if query else ""
    whole = "&".join(f"{word}=true" for word in INCLUDES)
    return [
        {
            "code": form.code,
            "name": form.name,
            "note": form.note,
            "url": reverse("download", args=[form.code])
            + asked
            + (f"{'&' if asked else '?'}{whole}" if form.code == QUAKEML else ""),
        }
        for form in formats_offered()
        if form.streamed and not form.is_year_book
    ]
