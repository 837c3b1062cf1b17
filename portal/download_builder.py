"""A search as a file: the formats, how large a file will be, its address and how programs fetch it.

Sizes are measured, not guessed: the writers write a sample of this catalogue's events, once an hour
and process. A file of other events may well be larger or smaller, so pages call it an estimate.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.db import OperationalError, transaction
from django.db.models import Exists, F, OuterRef
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import formats as localized
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from catalog import downloads, rendering
from catalog.models import EventFragment, EventRow
from catalog.search import BY_WORD, EventSearch, Kind

logger = logging.getLogger(__name__)

#: The speed a time is told for [bit/s].
CONNECTION_BITS = 10_000_000
SAMPLE = 60
#: Records are slow to fetch: the tables made from them are measured on fewer events.
SAMPLE_RECORDS = 15
KEPT_SECONDS = 3600
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
class Sizes:
    """The sizes of all formats, and on how many events they were measured."""

    events: int
    formats: Mapping[str, Size]
    #: What each include word adds to QuakeML, bytes an event.
    includes: Mapping[str, float]


def sizes(request: HttpRequest) -> Sizes | None:
    """Return the measured sizes; ``None`` while there is nothing to measure."""
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


def _measured(request: HttpRequest) -> Sizes | None:
    # Every n-th of all events, so that no time or place decides alone.
    step = max(1, EventRow.objects.count() // SAMPLE)
    head = EventFragment.objects.filter(event=OuterRef("event_id"), part=EventFragment.Part.HEAD)
    ids = list(
        EventRow.objects.exclude(csv_line="")
        .alias(turn=F("event_id") % step)
        .filter(Exists(head), turn=0)
        .values_list("public_id", flat=True)[:SAMPLE]
    )
    if not ids:
        return None
    sample, few = EventSearch(eventid=tuple(ids)), EventSearch(eventid=tuple(ids[:SAMPLE_RECORDS]))
    found: dict[str, Size] = {}
    with transaction.atomic(using=downloads.ALIAS):
        for code, name in downloads.FORMATS.items():
            found[code] = _size(downloads.writer_of(name, request), sample, len(ids))
        for code in downloads.YEAR_BOOK_FORMATS:
            writer = downloads.year_book_writer(code, (get_language() or "en")[:2])
            found[code] = _size(writer, few, len(few.eventid or ()))
        writer = downloads.WRITERS["xml"]
        includes = {
            word: max(0.0, _size(writer, sample.replace(**{word: True}), len(ids)).each
                      - found[QUAKEML].each)
            for word in INCLUDES
        }  # fmt: skip
    return Sizes(len(ids), found, includes)


def _size(writer: downloads.Writer, sample: EventSearch, events: int) -> Size:
    nothing = EventSearch(eventid=("none",))
    empty = sum(map(len, writer.events(nothing)))
    frame = len(writer.head(nothing)) + len(writer.tail)
    whole = sum(map(len, writer.events(sample)))
    return Size(frame + empty, max(0, whole - empty) / events)


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


def panel(request: HttpRequest, search: EventSearch, events: int, exact: bool) -> dict[str, Any]:
    """Return all that the builder shows for a search that found so many events."""
    chosen = given_format(request) or DEFAULT_FORMAT
    includes = given_includes(request) if chosen == QUAKEML else []
    measured = sizes(request)
    search = search.replace(limit=None, offset=1)
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
