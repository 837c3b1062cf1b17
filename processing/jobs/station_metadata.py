"""A StationXML file comes in: kept as received, read, its stations and channels stored.

One file is one transaction: all of what can be used of it is stored, or nothing. The later file
stands: a channel of the same network, station, location, channel code and start is replaced by it,
channels it does not name stay. The same bytes once more give the same rows.
"""

from __future__ import annotations

import hashlib
import io
import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.gis.geos import Point
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from catalog.formats import stationxml
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.stationxml import ChannelRecord, NetworkRecord, StationRecord
from catalog.models import (
    Channel,
    Network,
    Station,
    StationDescription,
    StationFile,
    StationFileProblem,
    User,
)
from processing.jobs.receiving import file_name
from processing.transactions import writing

logger = logging.getLogger(__name__)

MAX_BYTES = 50 * 1024 * 1024
#: Problems kept of one file; the number of all is kept, too.
MAX_PROBLEMS = 1000
BATCH = 500
_LOCK = 0x6B7A03

#: What a channel's row takes from its record as it stands.
_SAME = (
    "end", "latitude", "longitude", "elevation_m", "depth_m", "azimuth_deg", "dip_deg",
    "sample_rate_hz", "sensor", "sensitivity", "sensitivity_frequency_hz", "sensitivity_units",
    "restricted_status",
)  # fmt: skip
Identity = tuple[str, str, datetime | None]


class Refused(Exception):
    """A file of which nothing is stored: the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(FormatError(problem)))
        self.problem = problem


@dataclass
class _Told:
    """What a reading has stored so far, and what was wrong."""

    stations: int = 0
    channels: int = 0
    responses: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)

    def say(self, problem: Problem) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def store(name: str, content: bytes, uploader: User | None = None) -> tuple[StationFile, bool]:
    """Keep a file, read it and store what it says; return it and whether its bytes are new.

    Raises
    ------
    Refused
        The file is no StationXML that can be read, or holds no station; nothing is stored.
    """
    if len(content) > MAX_BYTES:
        raise Refused(_whole("file-too-large", str(len(content)), f"<= {MAX_BYTES}"))
    digest = hashlib.sha256(content).hexdigest()
    told = _Told()
    with writing():
        with connection.cursor() as cursor:  # one file after the other
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        file = StationFile.objects.defer("content").filter(sha256=digest).first()
        is_new = file is None
        if file is None:
            file = StationFile.objects.create(
                sha256=digest,
                name=file_name(name),
                size=len(content),
                content=content,
                uploader=uploader,
            )
        try:
            found = stationxml.read(io.BytesIO(content), Limits(max_bytes=MAX_BYTES))
            _store_all(file, found, told)
        except FormatError as error:
            raise Refused(error.problem) from error
        if not told.stations:
            errors = (p for p in told.problems if p.severity == Severity.ERROR)
            raise Refused(next(errors, None) or _whole("missing-field", "", "Network/Station"))
        file.read_at = timezone.now()
        file.station_count = told.stations
        file.channel_count = told.channels
        file.response_count = told.responses
        file.problem_count = told.problem_count
        file.save(
            update_fields=[
                "read_at", "station_count", "channel_count", "response_count", "problem_count",
            ]
        )  # fmt: skip
        StationFileProblem.objects.filter(file=file).delete()
        StationFileProblem.objects.bulk_create(
            [
                StationFileProblem(
                    file=file,
                    line_number=problem.line_number,
                    code=problem.code,
                    field=problem.field[:100],
                    found=problem.found[:200],
                    expected=problem.expected[:200],
                    severity=problem.severity,
                )
                for problem in told.problems
            ],
            batch_size=BATCH,
        )
    logger.info(
        "station file %d read: %d stations, %d channels, %d responses, %d problems",
        file.pk, told.stations, told.channels, told.responses, told.problem_count,
    )  # fmt: skip
    return file, is_new


def _whole(code: str, found: str, expected: str) -> Problem:
    return Problem(None, code, "", found, expected, Severity.ERROR)


def _store_all(file: StationFile, found: Iterable[StationRecord | Problem], told: _Told) -> None:
    networks: dict[str, Network] = {}
    taken: set[int] = set()  # stations this file has spoken of
    for item in found:
        if isinstance(item, Problem):
            told.say(item)
            continue
        network = networks.get(item.network.code)
        if network is None:
            network = networks[item.network.code] = _network(item.network)
        station = _station(file, network, item, taken)
        if isinstance(station, str):
            name = f"{network.code}.{item.code} {stationxml.moment(item.start)}"
            told.say(Problem(item.line_number, station, "Station", name, "", Severity.ERROR))
            continue
        taken.add(station.pk)
        _channels(file, station, item.channels)
        told.stations += 1
        told.channels += len(item.channels)
        told.responses += sum(channel.response is not None for channel in item.channels)


def _network(record: NetworkRecord) -> Network:
    """Return the network's row, with what the file says of it and the row did not."""
    network, created = Network.objects.get_or_create(code=record.code)
    before = (network.name_en, network.start, network.end, network.restricted_status)
    network.name_en = network.name_en or record.description
    network.start, network.end = record.start, record.end
    network.restricted_status = record.restricted_status
    if created or before != (
        network.name_en, network.start, network.end, network.restricted_status
    ):  # fmt: skip
        network.save()
    return network


def _station(
    file: StationFile, network: Network, record: StationRecord, taken: set[int]
) -> Station | str:
    """Return the row of a station's epoch, made or brought up to date, or why that cannot be.

    An epoch that a list gave without dates is taken over: what refers to it stays, and it goes on
    beginning when it did, so that older readings still find their station.
    """
    rows = [
        row
        for row in Station.objects.filter(network=network, code=record.code)
        .select_related("description")
        .order_by("start")
        if row.pk not in taken
    ]
    row = _row_of(record, rows)
    if row is None:
        row = Station(network=network, code=record.code, start=record.start)
        row.source = f"StationXML: {file.name}"[:200]
    elif row.synthetic != record.synthetic:  # removing made-up data must not touch what is real
        return "made-up-station"
    known = getattr(row, "description", None) if row.pk else None
    before = _said(row, known)
    row.start = None if row.start is None or record.start is None else min(row.start, record.start)
    row.end = record.end
    row.point = Point(record.longitude, record.latitude, srid=4326)
    row.elevation_m = record.elevation_m
    row.name_en = record.site[:100] or row.name_en
    row.synthetic = record.synthetic
    description = known or StationDescription(station=row)
    description.file = file
    description.start, description.end = record.start, record.end
    description.restricted_status = record.restricted_status
    description.xml = zlib.compress(record.xml)
    if row.pk and _said(row, description) == before:
        return row
    try:
        with transaction.atomic():
            row.save()
            description.station = row
            description.save()
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != "23P01":  # exclusion_violation
            raise
        return "overlapping-epochs"
    return row


def _row_of(record: StationRecord, rows: Sequence[Station]) -> Station | None:
    """Return the known epoch that a record speaks of: of the same start, else one it overlaps."""
    for row in rows:
        description = getattr(row, "description", None)
        if (row.start if description is None else description.start) == record.start:
            return row
    for row in rows:
        begins_in_time = row.start is None or record.end is None or row.start < record.end
        if begins_in_time and (row.end is None or record.start is None or record.start < row.end):
            return row
    return None


def _said(row: Station, description: StationDescription | None) -> tuple[object, ...]:
    """Return all that a file says of a station."""
    return (
        row.start, row.end, row.point.coords if row.point else None, row.elevation_m, row.name_en,
        row.synthetic,
        None if description is None else (
            description.start, description.end, description.restricted_status,
            bytes(description.xml),
        ),
    )  # fmt: skip


def _channels(file: StationFile, station: Station, records: Sequence[ChannelRecord]) -> None:
    """Store a station's channels; what says the same as before keeps its time of change."""
    codes = {record.code for record in records}
    # Of every epoch of the station: a channel's identity does not know them.
    known: dict[Identity, Channel] = {
        (row.location_code, row.code, row.start): row
        for row in Channel.objects.filter(
            station__network=station.network_id,
            station__code=station.code,
            code__in=codes,
        )
    }
    fresh: list[Channel] = []
    replaced: list[int] = []
    for record in records:
        row = known.get((record.location_code, record.code, record.start))
        xml = zlib.compress(record.xml)
        response = None if record.response is None else zlib.compress(record.response)
        if row is not None:
            kept = None if row.response is None else bytes(row.response)
            if row.station_id == station.pk and bytes(row.xml) == xml and kept == response:
                continue
            replaced.append(row.pk)
        fresh.append(
            Channel(
                station=station,
                file=file,
                location_code=record.location_code,
                code=record.code,
                start=record.start,
                xml=xml,
                response=response,
                **{name: getattr(record, name) for name in _SAME},
            )
        )
    Channel.objects.filter(pk__in=replaced).delete()
    Channel.objects.bulk_create(fresh, batch_size=BATCH)
    if fresh:
        Station.objects.filter(pk=station.pk).update(updated_at=timezone.now())
