"""A station search as a document: StationXML or FDSN text, streamed in flat memory.

One answer is one snapshot, as of ``catalog.downloads``: a read-only transaction on the "download"
connection, whose first batch is fetched before the status line. Stations come in batches; channels
come one after the other from the server's cursor, each joined from its stored parts.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Count, Max
from django.utils.timezone import now

from catalog.downloads import ALIAS, BATCH_BYTES
from catalog.formats import stationxml
from catalog.formats.stationxml import NetworkRecord, StationHead
from catalog.models import Channel, Network, Station
from catalog.station_search import NO_NETWORK, StationSearch, every_station

BATCH_STATIONS = 500
BATCH_CHANNELS = 200
#: With responses no answer is larger: each is some 10 kB.
MAX_CHANNELS_WITH_RESPONSE = 20_000
STATEMENT_SECONDS = 60

CONTENT_TYPES = {
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}


class TooMany(Exception):
    """More channels with responses than one answer may have."""


class Answer:
    """One answer under way: its tag, whether it is empty, its bytes."""

    def __init__(self, search: StationSearch) -> None:
        self._run = _run(search)
        tag = next(self._run)
        self.tag = str(tag)
        self._first: bytes | None = None
        self._is_fetched = False

    def fetch(self) -> bool:
        """Fetch the first batch, unless that was done; tell whether anything matches.

        Raises
        ------
        TooMany
            More channels with responses than one answer may have.
        """
        if not self._is_fetched:
            first = next(self._run, None)
            self._first = first if isinstance(first, bytes) else None
            self._is_fetched = True
        return self._first is not None

    def __iter__(self) -> Iterator[bytes]:
        with closing(self._run):
            if self.fetch() and self._first is not None:
                yield self._first
                for batch in self._run:
                    if isinstance(batch, bytes):
                        yield batch

    def close(self) -> None:
        self._run.close()


def _run(search: StationSearch) -> Generator[str | bytes, None, None]:
    """Yield the tag, then batches of the document; none if nothing matches."""
    with transaction.atomic(using=ALIAS):
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        yield _tag(search)
        if search.level == "response":
            most = MAX_CHANNELS_WITH_RESPONSE
            if search.channels(ALIAS).order_by()[: most + 1].count() > most:
                raise TooMany
        pieces = _text(search) if search.format == "text" else _xml(search)
        with closing(pieces):
            batch = bytearray()
            for piece in pieces:
                batch += piece
                if len(batch) >= BATCH_BYTES:
                    yield bytes(batch)
                    batch.clear()
            if batch:
                yield bytes(batch)


def _tag(search: StationSearch) -> str:
    """Return the tag of an answer: the search, the writer, and what the tables hold now."""
    state: list[Any] = [search.canonical(), stationxml.VERSION, _source()]
    for model in (Network, Station, Channel):
        rows = model._default_manager.using(ALIAS)
        state.append(rows.aggregate(number=Count("pk"), latest=Max("updated_at")))
    return f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:24]}"'


def _source() -> str:
    return str(settings.PORTAL_AGENCY_CODE)


# --- stations -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many stations of a network, or channels of a station: of all, and of those asked for."""

    total: dict[Any, int]
    selected: dict[Any, int]


def _head(row: Any) -> StationHead:
    """Return a station's row, annotated by the search, as an answer tells it."""
    description = getattr(row, "description", None)
    operator = row.agency or (row.network and row.network.operator)
    return StationHead(
        network=row.net,
        code=row.code,
        start=row.epoch_start,
        end=row.epoch_end,
        latitude=row.point.y,
        longitude=row.point.x,
        elevation_m=row.elevation_m,
        site=row.name_en or row.code,
        restricted_status="" if description is None else description.restricted_status,
        synthetic=row.synthetic,
        operator="" if operator is None else operator.name_en or operator.code,
        xml=b"" if description is None else zlib.decompress(bytes(description.xml)),
    )


def _network(code: str, known: dict[str, Network]) -> tuple[NetworkRecord, str]:
    """Return a network as an answer tells it, and who operates it."""
    row = known.get(code)
    if row is None:
        text = "Stations without a network code of their own" if code == NO_NETWORK else ""
        return NetworkRecord(code, text), ""
    operator = row.operator
    return (
        NetworkRecord(row.code, row.name_en, row.start, row.end, row.restricted_status),
        "" if operator is None else operator.name_en or operator.code,
    )


def _networks() -> dict[str, Network]:
    rows = Network.objects.using(ALIAS).select_related("operator")
    return {row.code: row for row in rows}


def _station_counts(search: StationSearch) -> _Counts:
    return _Counts(
        *(_counted(rows, "net") for rows in (every_station(ALIAS), search.stations(ALIAS)))
    )


def _counted(rows: Any, key: str) -> dict[Any, int]:
    return dict(rows.order_by().values_list(key).annotate(number=Count("pk")))


def _text(search: StationSearch) -> Generator[bytes, None, None]:
    header = (stationxml.TEXT_HEADERS[search.level] + "\n").encode()
    for line in _lines(search):
        yield header
        header = b""
        yield line


def _lines(search: StationSearch) -> Iterator[bytes]:
    if search.level == "network":
        known, counts = _networks(), _station_counts(search)
        for code in sorted(counts.selected):
            yield stationxml.network_line(_network(code, known)[0], counts.total[code])
    elif search.level == "station":
        for row in search.stations(ALIAS).iterator(chunk_size=BATCH_STATIONS):
            yield stationxml.station_line(_head(row))
    else:
        for head, channels in _channels(search):
            for channel in channels:
                yield stationxml.channel_line(head, channel)


def _xml(search: StationSearch) -> Generator[bytes, None, None]:
    known, counts = _networks(), _station_counts(search)
    if not counts.selected:
        return
    agency = _source()
    yield stationxml.document_start(agency, f"{agency} fdsnws-station", now())
    for code, pieces in _by_network(search, counts):
        network, operator = _network(code, known)
        yield stationxml.network_start(
            network, operator, counts.total[code], counts.selected.get(code)
        )
        yield from pieces
        yield stationxml.NETWORK_END
    yield stationxml.DOCUMENT_END


def _by_network(search: StationSearch, counts: _Counts) -> Iterator[tuple[str, Iterable[bytes]]]:
    if search.level == "network":
        for code in sorted(counts.selected):
            yield code, ()
    elif search.level == "station":
        heads = _heads_with_counts(search)
        for code, group in groupby(heads, key=lambda item: item[0].network):
            yield (
                code,
                (
                    # No channel is told at this level.
                    stationxml.station_start(head, total, 0) + stationxml.STATION_END
                    for head, total in group
                ),
            )
    else:
        stations = _channels(search)
        for code, members in groupby(stations, key=lambda item: item[0].network):
            yield code, _stations_with_channels(members)


def _stations_with_channels(
    members: Iterable[tuple[StationHead, Iterator[Channel]]],
) -> Iterator[bytes]:
    for head, channels in members:
        yield stationxml.station_start(head)
        for channel in channels:
            xml = zlib.decompress(bytes(channel.xml))
            response = getattr(channel, "response", None) if _has_response(channel) else None
            yield stationxml.channel_element(
                xml, None if response is None else zlib.decompress(bytes(response))
            )
        yield stationxml.STATION_END


def _has_response(channel: Channel) -> bool:
    """True if the response was asked for: else the column is left in the database."""
    return "response" not in channel.get_deferred_fields()


def _heads_with_counts(search: StationSearch) -> Iterator[tuple[StationHead, int]]:
    rows = search.stations(ALIAS).iterator(chunk_size=BATCH_STATIONS)
    while batch := list(islice(rows, BATCH_STATIONS)):
        keys = [row.pk for row in batch]
        total = _counted(Channel.objects.using(ALIAS).filter(station__in=keys), "station")
        for row in batch:
            yield _head(row), total.get(row.pk, 0)


def _channels(search: StationSearch) -> Iterator[tuple[StationHead, Iterator[Channel]]]:
    """Yield each station with its channels, which must be taken before the next one."""
    rows: Any = search.channels(ALIAS)
    if search.format == "text":
        rows = rows.defer("xml", "response")
    elif search.level == "channel":
        rows = rows.defer("response")
    stream = rows.iterator(chunk_size=BATCH_CHANNELS)
    heads: dict[int, StationHead] = {}

    def with_heads() -> Iterator[Channel]:
        while batch := list(islice(stream, BATCH_CHANNELS)):
            wanted = {channel.station_id for channel in batch}
            for key in heads.keys() - wanted:
                del heads[key]
            for row in every_station(ALIAS).filter(pk__in=wanted - heads.keys()):
                heads[row.pk] = _head(row)
            yield from batch

    for key, group in groupby(with_heads(), key=lambda channel: channel.station_id):
        yield heads[key], group
