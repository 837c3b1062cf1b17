"""A search streamed through a writer: CSV, FDSN text, QuakeML, GeoJSON, KML, ISF, NDK; flat memory.

The year book's tables are made from records instead of finished lines, so their number is limited.
An ISF bulletin is made from records, too, but event by event: it is slower than the others, and has
no limit of its own.

A magnitude converted from KR is in no finished line. Whoever asks for ``magnitudetype=M(KR)`` gets
it in the place of the magnitude, under that name and with the portal as its author, or beside the
others where a format holds several.

One answer is one snapshot: a read-only REPEATABLE READ transaction on the "download" connection.
Its first batch is fetched before the status line, so an empty answer, a mistake or a busy house can
still be said; a fault after that is raised out of the stream, which makes the server break the
connection without the last chunk: no client takes half for the whole.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connections, transaction
from django.db.models import (
    CharField,
    Exists,
    F,
    FloatField,
    Func,
    OuterRef,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Concat, NullIf
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.timezone import now

from catalog import exchange, rendering
from catalog.formats import isf, kml, ndk, quakeml, year_book
from catalog.formats.labels import SUPPLEMENTARY
from catalog.formats.records import EventRecord, MagnitudeRecord
from catalog.models import (
    Event,
    EventRow,
    FeedCounter,
    FocalMechanism,
    IntensityObservation,
    PreferredMagnitude,
)
from catalog.scales import CONVERTED, CONVERTED_SIGMA, KR_A_UNIT, KR_OF_ZERO, SCALES, scale_of
from catalog.search import EventSearch

ALIAS = "download"
BATCH_BYTES = 64 * 1024

#: Events that a table made from records may hold, and those whose records are fetched together.
MAX_RECORDS = 20_000
BATCH_RECORDS = 200
SPOOL_BYTES = 1024 * 1024  # of a workbook stay in memory, the rest goes to a file

#: Events that one answer with arrivals may hold.
MAX_WITH_ARRIVALS = 100_000
#: The formats that tell arrivals.
WITH_ARRIVALS = ("xml", "isf")

#: An answer of unknown or large size is heavy: so many at once for one address, and in all.
HEAVY_LIMIT = 2000
HEAVY_AN_ADDRESS = 2
HEAVY_IN_ALL = 4
RETRY_AFTER_SECONDS = 10
#: A count tells no one how far it is: it ends soon, with or without the number.
COUNT_SECONDS = 15.0
_LOCKS_IN_ALL = 0x6B7A01
_LOCKS_AN_ADDRESS = 0x6B7A02


class Busy(Exception):
    """Too many heavy answers are being sent: to this address, or in all."""


class TooLong(Exception):
    """The number of events could not be found in the time a count may take."""


class TooMany(Exception):
    """More events than such a document may hold; the message says what to do."""

    def __init__(self, most: int, message: str) -> None:
        super().__init__(message)
        self.most = most


@dataclass(frozen=True, slots=True)
class Writer:
    """How a search becomes a document: what stands before, between and after its events.

    ``marks`` are what else the document depends on, for its tag.
    """

    content_type: str
    extension: str
    events: Callable[[EventSearch], Generator[bytes, None, None]]
    head: Callable[[EventSearch], bytes] = lambda search: b""
    tail: bytes = b""
    marks: tuple[str, ...] = ()


class Answer:
    """One answer under way: its catalogue version, whether it is empty, its bytes."""

    def __init__(self, search: EventSearch, writer: Writer, *, address: str = "") -> None:
        self._run = _run(search, writer, address)
        version = next(self._run)
        if not isinstance(version, int):
            raise TypeError("the version comes first")
        self.version = version
        self._search, self._writer = search, writer
        self._before: list[bytes] = []

    def fetch(self) -> bool:
        """Fetch the first batch, unless that was done; tell whether anything matches."""
        if not self._before:
            first = next(self._run)
            self._before = [self._writer.head(self._search)]
            if isinstance(first, bytes):
                self._before.append(first)
        return len(self._before) > 1

    def __iter__(self) -> Iterator[bytes]:
        with closing(self._run):
            self.fetch()
            yield b"".join(self._before)
            for batch in self._run:
                if isinstance(batch, bytes):
                    yield batch
            if self._writer.tail:
                yield self._writer.tail

    def close(self) -> None:
        self._run.close()


def _run(
    search: EventSearch, writer: Writer, address: str
) -> Generator[int | bytes | None, None, None]:
    """Yield the version, then the batches of events; ``None`` instead if nothing matches."""
    with one_snapshot() as version:
        if is_heavy(search) and address:
            with connections[ALIAS].cursor() as cursor:
                _take_a_place(cursor, address)
        yield version
        # Closed before the transaction ends: a COPY still open would hold the connection for ever.
        with closing(writer.events(search)) as batches:
            yield next(batches, None)
            yield from batches


@contextmanager
def one_snapshot() -> Iterator[int]:
    """Read all that is asked on the download connection meanwhile as of one moment.

    Yields the catalogue's version of that moment.
    """
    with transaction.atomic(using=ALIAS):
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = '15min'")
            # A stream is sent in the order of an index. Planned with helpers, all of a large
            # catalogue is sorted before the first row: PostgreSQL 15 holds that for cheaper, since
            # it counts fewer rows above a Gather Merge than below it.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        yield FeedCounter.objects.using(ALIAS).values_list("value", flat=True).get(pk=1)


def document(search: EventSearch, writer: Writer) -> Iterator[bytes]:
    """Yield a whole document, read in the snapshot that is open."""
    yield writer.head(search)
    with closing(writer.events(search)) as batches:
        yield from batches
    if writer.tail:
        yield writer.tail


def counted(search: EventSearch) -> tuple[int, int]:
    """Return the catalogue's version, and how many events an answer has that begins now.

    Raises
    ------
    TooLong
        After ``COUNT_SECONDS``.
    """
    try:
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = {int(COUNT_SECONDS * 1000)}")
            version = FeedCounter.objects.using(ALIAS).values_list("value", flat=True).get(pk=1)
            return version, search.sent_of(search.matching().using(ALIAS).count())
    except OperationalError as failure:
        if was_given_up(failure):
            raise TooLong from failure
        raise


def was_given_up(failure: OperationalError) -> bool:
    """True if the database broke a question off because it took too long."""
    return isinstance(failure.__cause__, psycopg.errors.QueryCanceled)


def is_heavy(search: EventSearch) -> bool:
    """True for an answer that may be large."""
    return search.eventid is None and (search.limit is None or search.limit > HEAVY_LIMIT)


def _take_a_place(cursor: Any, address: str) -> None:
    """Take a place among the heavy answers until the transaction ends, or refuse."""
    digest = int.from_bytes(hashlib.sha256(address.encode()).digest()[:3]) * HEAVY_AN_ADDRESS
    for kind, first, places in (
        (_LOCKS_AN_ADDRESS, digest, HEAVY_AN_ADDRESS),
        (_LOCKS_IN_ALL, 0, HEAVY_IN_ALL),
    ):
        for place in range(first, first + places):
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [kind, place])
            if cursor.fetchone()[0]:
                break
        else:
            raise Busy


# --- Finished lines ----------------------------------------------------------------------------


def _lines(column: str) -> Callable[[EventSearch], Generator[bytes, None, None]]:
    """Return a writer of a column of finished lines."""

    def events(search: EventSearch) -> Generator[bytes, None, None]:
        yield from _copied(search, _line(column, search))

    return events


#: M(KR) to one decimal, as all that is computed here; its own uncertainty is larger (0.3).
_CONVERTED_VALUE = Func(
    F("kr"),
    template=f"round(((%(expressions)s - {KR_OF_ZERO}) / {KR_A_UNIT})::numeric, 1)",
    output_field=FloatField(),
)
_CONVERTED_NUMBER = Cast(_CONVERTED_VALUE, FloatField())
#: By column of finished lines: what stands before the three cells of the magnitude, with them; what
#: ends a cell; the cells of the magnitude converted from KR.
_CONVERTED_CELLS: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "fdsn_text": (
        r"^((?:[^|]*\|){9})(?:[^|]*\|){3}",
        "|",
        (Value(CONVERTED), Cast(_CONVERTED_VALUE, TextField())),
    ),
    "csv_line": (
        rf'^((?:[^,]*,){{{len(SCALES) + 9}}})(?:(?:"[^"]*"|[^,]*),){{3}}',
        ",",
        (Cast(_CONVERTED_VALUE, TextField()), Value(CONVERTED)),
    ),
}


def _line(column: str, search: EventSearch) -> Any:
    """Return a finished line; with the magnitude converted from KR where that is asked for."""
    if not search.converts:
        return F(column)
    pattern, end, cells = _CONVERTED_CELLS[column]
    written: list[Any] = [Value(r"\1")]
    for cell in (*cells, Value(settings.PORTAL_AGENCY_CODE)):
        written += [cell, Value(end)]
    return Func(
        F(column),
        Value(pattern),
        Concat(*written, output_field=TextField()),
        function="regexp_replace",
        output_field=TextField(),
    )


def _copied(search: EventSearch, text: Any, between: bytes = b"") -> Generator[bytes, None, None]:
    """Yield one text a row, each ending its line, fetched by COPY and batched."""
    query = _compiled(search, text)
    if query is None:
        return
    sql, params = query
    # The lines hold no control character, so with these two neither quotes nor escapes arise.
    copy = rf"COPY ({sql}) TO STDOUT (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')"
    # The driver's own cursor: Django's debugging wrapper does not know COPY's second argument.
    with connections[ALIAS].cursor() as cursor, cursor.cursor.copy(copy, params) as rows:
        yield from _batched(_separated(rows, between) if between else rows)


def _separated(rows: Iterable[bytes], between: bytes) -> Iterator[bytes]:
    for number, row in enumerate(rows):
        if number:
            yield between
        yield row


def _batched(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Yield pieces joined until they are ``BATCH_BYTES`` or more, and what is left of them."""
    batch = bytearray()
    for piece in pieces:
        batch += piece
        if len(batch) >= BATCH_BYTES:
            yield bytes(batch)
            batch.clear()
    if batch:
        yield bytes(batch)


def _compiled(search: EventSearch, *columns: Any) -> tuple[str, Any] | None:
    """Return the statement that fetches columns of the answer; None: nothing can match."""
    query = search.queryset().using(ALIAS).values_list(*columns).query
    try:
        return query.get_compiler(ALIAS).as_sql()  # type: ignore[no-any-return]
    except EmptyResultSet:
        return None


# --- QuakeML -----------------------------------------------------------------------------------

# The parts are fetched for rows in order: asked for in one query, they would be sorted with them.
_PART = (
    "(SELECT f.body FROM catalog_eventfragment f "
    "WHERE f.event_id = found.event_id AND f.part = '{}')"
)
_EVENTS = """
COPY (
    SELECT found.public_id, found.kr, found.converted, {}
    FROM ({}) AS found (event_id, public_id, kr, converted)
) TO STDOUT (FORMAT binary)
"""


def _quakeml_events(search: EventSearch) -> Generator[bytes, None, None]:
    """Yield events as QuakeML; one without its plain part is a LookupError."""
    wanted = rendering.parts_wanted(
        all_origins=search.includeallorigins,
        all_magnitudes=search.includeallmagnitudes,
        arrivals=search.includearrivals,
        mechanisms=search.includemechanisms,
    )
    query = _compiled(search, "event_id", "public_id", "kr", _CONVERTED_NUMBER)
    if query is None:
        return
    sql, params = query
    copy = _EVENTS.format(", ".join(map(_PART.format, wanted)), sql)
    is_plain = len(wanted) == 1 and not search.converts
    with psycopg.Cursor(connections[ALIAS].connection) as cursor, cursor.copy(copy, params) as rows:
        rows.set_types(["varchar", "float8", "float8", *("bytea" for _ in wanted)])

        def elements() -> Iterator[bytes]:
            for public_id, kr, converted, *bodies in rows.rows():
                if bodies[0] is None:
                    raise LookupError(f"{public_id} has no plain part")
                if is_plain:
                    yield bodies[0]
                else:
                    yield _joined(search, public_id, kr, converted, wanted, bodies)

        yield from _batched(elements())


def _joined(
    search: EventSearch,
    public_id: str,
    kr: float,
    converted: float,
    wanted: Sequence[str],
    bodies: Sequence[bytes | None],
) -> bytes:
    """Return an event's element, made of its parts as they are stored."""
    more = b""
    if search.converts:
        more = quakeml.render_magnitude(_converted(public_id, kr, converted), rendering.resource_id)
    return rendering.join_event(
        {
            part: rendering.unpacked(part, body)
            for part, body in zip(wanted, bodies, strict=True)
            if body is not None
        },
        all_origins=search.includeallorigins,
        all_magnitudes=search.includeallmagnitudes,
        more=more,
    )


def _converted(public_id: str, kr: float, magnitude: float) -> MagnitudeRecord:
    """Return the magnitude converted from an event's energy class, which it names."""
    return MagnitudeRecord(
        magnitude,
        CONVERTED,
        magnitude_id=f"magnitude/m-kr-{public_id}",
        agency=settings.PORTAL_AGENCY_CODE,
        method_id="m-kr",
        comments=(
            f"(KR - 4) / 1.8, converted from KR {rendering.number_text(kr, 2)} by relation"
            f" {CONVERTED}, sigma {CONVERTED_SIGMA} (assumed)",
        ),
    )


def _quakeml_head(search: EventSearch) -> bytes:
    digest = hashlib.sha256(search.to_query().encode()).hexdigest()[:16]
    return quakeml.document_start(
        f"smi:{settings.QUAKEML_AUTHORITY}/search/{digest}",
        agency=settings.PORTAL_AGENCY_CODE,
        created=now(),
    )


# --- GeoJSON -----------------------------------------------------------------------------------

#: Property -> column; numbers are numbers, what was not reported is null.
GEOJSON_PROPERTIES: dict[str, str] = {
    "time": "time",
    "time_uncertainty_s": "time_uncertainty",
    "minute_precision": "minute_precision",
    "depth_km": "depth_km",
    "depth_uncertainty_km": "depth_uncertainty_km",
    "horizontal_uncertainty_km": "horizontal_uncertainty_km",
    "KR": "kr",
    "MPVA": "mpva",
    "MLV": "mlv",
    "MS": "ms",
    "mb": "mb",
    "ML": "ml",
    "Mw": "mw",
    "magnitude": "magnitude",
    "magnitude_type": "magnitude_type",
    "magnitude_author": "magnitude_agency",
    "author": "agency",
    "agencies": "agencies",
    "contributor": "contributor",
    "contributor_id": "contributor_id",
    "event_type": "event_type",
    "event_type_certainty": "event_type_certainty",
    "status": "status",
    "evaluation_mode": "evaluation_mode",
    "stations": "station_count",
    "phases": "phase_count",
    "azimuthal_gap": "azimuthal_gap",
    "standard_error_s": "standard_error",
    "nearest_station_deg": "minimum_distance_deg",
    "felt": "felt",
    "max_intensity": "max_intensity",
    "mechanism": "has_mechanism",
    "faulting_style": "faulting_style",
    "synthetic": "synthetic",
    "place": "place_en",
    "name": "name_en",
    "updated": "updated_at",
}


_TIMES = frozenset(("time", "updated_at"))


def _told(column: str) -> Any:
    """Return a column as JSON has it: a time as ISO 8601 with Z, an empty text as null."""
    if column in _TIMES:
        return Func(
            F(column),
            template=(
                "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
            ),
            output_field=TextField(),
        )
    if isinstance(EventRow._meta.get_field(column), CharField):
        return NullIf(F(column), Value(""))
    return F(column)


def _object(**values: Any) -> Func:
    """Return a JSON object written by PostgreSQL, its members in this order."""
    pairs = [part for key, value in values.items() for part in (Value(key), value)]
    return Func(*pairs, function="json_build_object", output_field=TextField())


def _feature(search: EventSearch) -> Any:
    """Return an event as a GeoJSON feature, written by PostgreSQL."""
    properties = {name: _told(column) for name, column in GEOJSON_PROPERTIES.items()}
    if search.converts:
        properties |= {
            "magnitude": _CONVERTED_VALUE,
            "magnitude_type": Value(CONVERTED),
            "magnitude_author": Value(settings.PORTAL_AGENCY_CODE),
        }
    feature = _object(
        type=Value("Feature"),
        id=F("public_id"),
        # Two coordinates only: a third would be metres upwards (RFC 7946), not depth.
        geometry=_object(
            type=Value("Point"),
            coordinates=Func(
                F("longitude"),
                F("latitude"),
                function="json_build_array",
                output_field=TextField(),
            ),
        ),
        properties=_object(**properties),
    )
    return Cast(feature, TextField())


def _geojson_events(search: EventSearch) -> Generator[bytes, None, None]:
    yield from _copied(search, _feature(search), between=b",")


# --- ISF ---------------------------------------------------------------------------------------


def _isf_events(search: EventSearch) -> Generator[bytes, None, None]:
    rows = search.queryset().using(ALIAS).values_list("event_id", "kr", _CONVERTED_NUMBER)
    stream = rows.iterator(chunk_size=BATCH_RECORDS)
    first = list(islice(stream, 1))
    if not first:
        return
    lines = isf.write(_asked_records(search, chain(first, stream)))
    yield from _batched(line.encode() for line in lines)


def _asked_records(
    search: EventSearch, rows: Iterable[tuple[int, float | None, float | None]]
) -> Iterator[EventRecord]:
    """Yield events with the solutions a search asks for; ``rows``: keys, KR, and M(KR) of them."""
    stream = iter(rows)
    while batch := list(islice(stream, BATCH_RECORDS)):
        found = Event.objects.using(ALIAS).in_bulk([key for key, _, _ in batch])
        events = [found[key] for key, _, _ in batch]
        records = exchange.event_records(events, arrivals=search.includearrivals, using=ALIAS)
        for (_, kr, converted), (event, record) in zip(batch, records, strict=True):
            origins, magnitudes = record.origins, record.magnitudes
            if not search.includeallorigins:
                origins = origins[:1]
            if not search.includeallmagnitudes:
                preferred = record.preferred_magnitude_id
                magnitudes = tuple(m for m in magnitudes if m.magnitude_id == preferred)
            if search.converts and kr is not None and converted is not None:
                magnitudes = (*magnitudes, _converted(event.public_id, kr, converted))
            yield replace(record, origins=origins, magnitudes=magnitudes)


# --- NDK ---------------------------------------------------------------------------------------


def _ndk_events(search: EventSearch) -> Generator[bytes, None, None]:
    """Yield five lines a mechanism of the search's events that has a tensor."""
    found = _ids_with(search, FocalMechanism.objects.filter(mrr__isnull=False))
    stream = found.iterator(chunk_size=BATCH_RECORDS)

    def records() -> Iterator[EventRecord]:
        while keys := list(islice(stream, BATCH_RECORDS)):
            yield from _records_as_tabled(keys)

    yield from _batched(lines.encode() for lines in ndk.write(records()))


WRITERS: dict[str, Writer] = {
    "text": Writer(
        "text/plain; charset=utf-8",
        "txt",
        _lines("fdsn_text"),
        lambda search: f"{rendering.TEXT_HEADER}\n".encode(),
    ),
    "csv": Writer(
        "text/csv; charset=utf-8; header=present",
        "csv",
        _lines("csv_line"),
        lambda search: f"{rendering.CSV_HEADER}\n".encode(),
    ),
    "xml": Writer(
        "application/xml; charset=utf-8",
        "xml",
        _quakeml_events,
        _quakeml_head,
        quakeml.document_end(),
    ),
    "geojson": Writer(
        "application/geo+json; charset=utf-8",
        "geojson",
        _geojson_events,
        lambda search: b'{"type":"FeatureCollection","features":[\n',
        b"\n]}\n",
    ),
    "isf": Writer("text/plain; charset=utf-8", "isf", _isf_events),
    "ndk": Writer("text/plain; charset=utf-8", "ndk", _ndk_events),
}
#: The names downloads go by in addresses.
FORMATS = {
    "csv": "csv",
    "quakeml": "xml",
    "geojson": "geojson",
    "kml": "kml",
    "text": "text",
    "isf": "isf",
    "ndk": "ndk",
}


def writer_of(code: str, request: HttpRequest) -> Writer:
    """Return the writer of a format; that of KML names the site's address."""
    return kml_writer(request) if code == "kml" else WRITERS[code]


# --- KML ---------------------------------------------------------------------------------------


def kml_writer(request: HttpRequest) -> Writer:
    """Return the writer of KML, whose symbol and links lead to the site that was asked.

    It is made from the finished lines of the wide table, so both tell the same of an event.
    """
    icon = request.build_absolute_uri(f"{settings.STATIC_URL}img/epicentre.png")
    with translation.override("en"):
        any_page = request.build_absolute_uri(reverse("event", args=["EVENT"]))
    before, _, after = any_page.rpartition("EVENT")

    def head(search: EventSearch) -> bytes:
        words = search.to_query(without=("format", "nodata"))
        about = f"Catalogue {rendering.main_catalog()}; search: {words or 'all events'}"
        return kml.document_start(f"Earthquakes ({rendering.main_catalog()})", about, icon)

    def events(search: EventSearch) -> Generator[bytes, None, None]:
        with closing(_copied(search, _line("csv_line", search))) as tables:
            yield from _batched(placemarks(tables))

    def placemarks(tables: Iterable[bytes]) -> Iterator[bytes]:
        for table in tables:
            # No other line ends: the lines hold no control character.
            for cells in csv.reader(table.decode().removesuffix("\n").split("\n")):
                row = dict(zip(kml.COLUMNS, map(rendering.unguarded, cells), strict=True))
                yield kml.placemark(row, f"{before}{row['event_id']}{after}").encode()

    return Writer(
        f"{kml.MEDIA_TYPE}; charset=utf-8",
        "kml",
        events,
        head,
        kml.DOCUMENT_END,
        marks=(kml.VERSION,),
    )


# --- The year book's tables --------------------------------------------------------------------

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: The table each goes by in addresses, and what an event must have to stand in it.
_YEAR_BOOKS: dict[str, tuple[year_book.Book, type[FocalMechanism | IntensityObservation] | None]]
_YEAR_BOOKS = {
    "year-book-catalogue": (year_book.CATALOGUE_BOOK, None),
    "year-book-mechanisms": (year_book.MECHANISM_BOOK, FocalMechanism),
    "year-book-intensity": (year_book.MACROSEISMIC_BOOK, IntensityObservation),
}
#: The names in addresses: ``year-book-catalogue.csv`` ...
YEAR_BOOK_FORMATS = tuple(
    f"{table}.{suffix}" for table in _YEAR_BOOKS for suffix in ("csv", "xlsx")
)


def year_book_writer(name: str, language: str) -> Writer:
    """Return the writer of one of ``YEAR_BOOK_FORMATS``; headings are in the language."""
    table, _, suffix = name.rpartition(".")
    book, part = _YEAR_BOOKS[table]

    def text(search: EventSearch) -> Generator[bytes, None, None]:
        lines = year_book.write(book, _tabled_records(search, part), language)
        yield from _batched(line.encode() for line in lines)

    def workbook(search: EventSearch) -> Generator[bytes, None, None]:
        # An archive is finished before its first byte goes out: a fault is told by the status.
        with SpooledTemporaryFile(max_size=SPOOL_BYTES) as packed:
            year_book.write_workbook(packed, book, _tabled_records(search, part), language)
            packed.seek(0)
            while batch := packed.read(BATCH_BYTES):
                yield batch

    marks = (language, year_book.VERSION)
    if suffix == "xlsx":
        return Writer(XLSX, suffix, workbook, marks=marks)
    return Writer("text/csv; charset=utf-8; header=present", suffix, text, marks=marks)


def _tabled_records(
    search: EventSearch, part: type[FocalMechanism | IntensityObservation] | None
) -> Iterator[EventRecord]:
    """Yield the events of a search that have what a table is of, in the order of the search.

    Raises
    ------
    TooMany
        Before the first, if they are more than ``MAX_RECORDS``.
    """
    ids = _ids_with(search, None if part is None else part._default_manager.all())
    stream: Any = ids.iterator()
    with closing(stream) as found:
        keys = list(islice(found, MAX_RECORDS + 1))
    if len(keys) > MAX_RECORDS:
        raise TooMany(
            MAX_RECORDS,
            f"A year book table holds at most {MAX_RECORDS} events. Ask for a shorter "
            "span of time, or for another format.",
        )
    for start in range(0, len(keys), BATCH_RECORDS):
        yield from _records_as_tabled(keys[start : start + BATCH_RECORDS])


def _ids_with(
    search: EventSearch, parts: QuerySet[FocalMechanism | IntensityObservation] | None
) -> QuerySet[EventRow, int]:
    """Return the ids of a search's events that have one of the parts now, in its order.

    Limit and offset count the events of the search, as in every format, not those that have one.
    """
    rows = search.queryset().using(ALIAS)
    if parts is not None:
        if rows.query.is_sliced:
            of_search = EventRow.objects.using(ALIAS).filter(pk__in=rows.values("pk"))
            rows = of_search.order_by(*search.ordering())
        current = parts.filter(event=OuterRef("event_id"), superseded_at=None)
        rows = rows.alias(held=Exists(current)).filter(held=True)
    return rows.values_list("event_id", flat=True)


def _records_as_tabled(keys: Sequence[int]) -> Iterator[EventRecord]:
    """Yield records with what the catalogue prefers: one magnitude a scale, as in other tables."""
    events = Event.objects.using(ALIAS).in_bulk(keys)
    scales = {
        f"magnitude/{key}": scale
        for key, scale in PreferredMagnitude.objects.using(ALIAS)
        .filter(event__in=keys, magnitude__superseded_at=None)
        .values_list("magnitude_id", "scale")
    }
    supplementary = set(
        EventRow.objects.using(ALIAS)
        .filter(pk__in=keys, catalog=rendering.supplementary_catalog())
        .values_list("pk", flat=True)
    )
    records = exchange.event_records([events[key] for key in keys], arrivals=False, using=ALIAS)
    for event, record in records:
        magnitudes = (
            replace(magnitude, type=scales.get(magnitude.magnitude_id or "", magnitude.type))
            for magnitude in record.magnitudes
            # Of a scale the catalogue has a preference for, no other value is told.
            if magnitude.magnitude_id in scales or not scale_of(magnitude.type)
        )
        comments = (SUPPLEMENTARY,) if event.pk in supplementary else ()
        yield replace(record, magnitudes=tuple(magnitudes), comments=comments)


# --- HTTP --------------------------------------------------------------------------------------


def etag(version: int, search: EventSearch, *more: str) -> str:
    """Return the tag of an answer: catalogue version, renderer, search, and what else decides."""
    text = "\x00".join((search.to_query(), rendering.RENDERER_VERSION, *more))
    return f'"{version}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def is_known(request: HttpRequest, tag: str) -> bool:
    """True if the client says it has the answer of this tag."""
    known: Iterable[str] = parse_etags(request.headers.get("If-None-Match", ""))
    return any(k in ("*", tag, f"W/{tag}") for k in known)


def _check_with_arrivals(search: EventSearch) -> None:
    if search.limit is not None and search.limit <= MAX_WITH_ARRIVALS:
        return
    if not search.count(MAX_WITH_ARRIVALS).exact:
        raise TooMany(
            MAX_WITH_ARRIVALS,
            f"With arrivals at most {MAX_WITH_ARRIVALS} events are sent at once. Ask for shorter "
            "spans of time, without includearrivals, or for an export (/api/v1/exports).",
        )


def respond(
    request: HttpRequest,
    search: EventSearch,
    code: str,
    *,
    filename: str = "",
    nothing: Callable[[], HttpResponse] | None = None,
    writer: Writer | None = None,
) -> HttpResponseBase:
    """Answer a request with a search in a format.

    Parameters
    ----------
    code
        A value of ``FORMATS``, or the name of what ``writer`` writes.
    filename
        Name to save under, without extension; empty: shown, not saved.
    nothing
        Makes the answer if nothing matches; without it that is a document without events.

    Raises
    ------
    Busy
        Too many heavy answers at once.
    TooMany
        More events than the format takes, or than are sent at once with arrivals.
    """
    if search.includearrivals and code in WITH_ARRIVALS:
        _check_with_arrivals(search)
    writer = writer or writer_of(code, request)
    answer = Answer(search, writer, address=request.META.get("REMOTE_ADDR", ""))
    response: HttpResponseBase
    tag = etag(answer.version, search, code, *writer.marks)
    if nothing is not None and not answer.fetch():
        answer.close()
        response = nothing()
    elif is_known(request, tag):
        answer.close()
        response = HttpResponse(status=304)
    elif request.method == "HEAD":
        answer.fetch()
        answer.close()
        response = HttpResponse(content_type=writer.content_type)
    else:
        answer.fetch()  # a mistake shows now, while there is no status line
        response = StreamingHttpResponse(answer, content_type=writer.content_type)
        # Told to a proxy: send on what comes, hold nothing back.
        response["X-Accel-Buffering"] = "no"
    response["X-Catalogue-Version"] = str(answer.version)
    if response.status_code in (200, 304):
        response["ETag"] = tag
        response["Cache-Control"] = "no-cache"
    if filename and response.status_code == 200:
        response["Content-Disposition"] = f'attachment; filename="{filename}.{writer.extension}"'
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
