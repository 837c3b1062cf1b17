"""Waveforms of events: kept as sent, read and measured in a child process, given to magnitudes.

Everything of an event is measured at once, from all its files and the responses known here, so the
result depends on what is there and not on the order of uploads, nor on a worker that died half-way.
Measured anew is what has new files, new responses or a new origin; what a person moved or rejected
stands. StationXML sent with waveforms goes where all StationXML goes: the station service.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from catalog.formats import stationxml
from catalog.formats.problems import Problem, Severity
from catalog.formats.xml import root_start
from catalog.models import (
    Channel,
    Event,
    Origin,
    Station,
    StationFile,
    User,
    WaveformChunk,
    WaveformFile,
    WaveformMeasurement,
)
from processing import waveform_process as child
from processing.core import geodesy, measuring
from processing.core.amplitude_readings import AmplitudeReading
from processing.core.amplitude_uses import component_and_sensor
from processing.core.earth_models import mixture_at
from processing.core.location_kernel import DEEPEST_KM
from processing.core.magnitude_scales import BY_ID, Outcome
from processing.core.measuring import Arrivals, Turns
from processing.core.predictions import codes_of, predict
from processing.jobs import (
    reading_child,
    receiving,
    station_metadata,
    station_readings,
    travel_time_tables,
)
from processing.jobs.receiving import Refused
from processing.models import WorkItem
from processing.transactions import retried, writing

KIND = "measure"
PRIORITY = 4
#: Of all files of one event in use.
MOST_BYTES = 200 * 1024 * 1024
MOST_FILES = 200
CHILD_SECONDS = 120
MOST_PROBLEMS = 20
#: Where an origin tells none: the middle of the crust, as most locators begin.
DEPTH_WITHOUT_KM = 10.0
#: Besides those of readers: what may be wrong with a waveform file, or with sending one.
CODES = (
    "unknown-waveform", "damaged-waveform", "no-waveform", "too-many-segments",
    "too-many-samples", "too-many-channels", "too-many-waveforms", "response-not-usable",
    "response-contradicts-itself", "response-flat", "component-unknown", "note-required",
    "no-extremum",
)  # fmt: skip
#: Scales that say nothing of a station where they do not hold: nobody has read anything there.
NOT_READ = (Outcome.DISTANCE_OUTSIDE, Outcome.DEPTH_OUTSIDE)

_SEED = re.compile(rb"[0-9 \x00]{6}[DRQM][ \x00]")
_SAC_HEADER_BYTES, _SAC_VERSION_AT, _SAC_VERSIONS = 632, 304, (6, 7)

logger = logging.getLogger(__name__)


# --- receive --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """What became of one file that was sent."""

    name: str
    kind: Literal["miniseed", "sac", "stationxml"]
    is_new: bool
    stations: StationFile | None = None


def kind_of(head: bytes) -> Literal["miniseed", "sac", "stationxml", ""]:
    """Return what the first kilobyte of a file says it is; empty where it does not."""
    if _SEED.match(head):
        return "miniseed"
    name, _tag = root_start(head, b"FDSNStationXML")
    if name == b"FDSNStationXML" or head.startswith(b"\x1f\x8b"):
        return "stationxml"
    if len(head) >= _SAC_HEADER_BYTES:
        for order in "<>":
            if struct.unpack_from(f"{order}i", head, _SAC_VERSION_AT)[0] in _SAC_VERSIONS:
                return "sac"
    return ""


def receive(event: Event, name: str, chunks: Iterable[bytes], user: User) -> Taken:
    """Keep a file of an event and ask for it to be measured.

    Raises
    ------
    Refused
        The file is not taken; nothing of it is stored.
    """
    with receiving.spool(chunks) as spooled:
        kind = kind_of(spooled.head)
        name = receiving.file_name(name)
        if kind == "stationxml":
            return _receive_stations(event, name, b"".join(spooled.chunks()), user)
        if not kind:
            found = "".join(c for c in spooled.head[:20].decode("latin-1") if c.isprintable())
            expected = "MiniSEED 2, SAC, StationXML"
            raise Refused("unknown-waveform", found=found, expected=expected)
        is_new = retried(lambda: _keep(event, name, spooled, user))
    logger.info("event %(event)s: waveform file kept", {"event": event.public_id})
    return Taken(name, kind, is_new)


def _keep(event: Event, name: str, spooled: receiving.Spool, user: User) -> bool:
    """Store a file unless it is there, all in one transaction; return whether it is new."""
    with writing():
        Event.objects.select_for_update(no_key=True).get(pk=event.pk)
        known = WaveformFile.objects.filter(event=event, sha256=spooled.sha256).first()
        if known is not None and known.withdrawn_at is None:
            return False
        files = files_of(event.pk)
        count, size = files.count(), files.aggregate(bytes=Sum("size"))["bytes"] or 0
        if count >= MOST_FILES or size + spooled.size > MOST_BYTES:
            found = f"{count + 1}, {size + spooled.size}"
            bounds = f"<= {MOST_FILES}, <= {MOST_BYTES} bytes"
            raise Refused("too-many-waveforms", found=found, expected=bounds)
        if known is not None:
            WaveformFile.objects.filter(pk=known.pk).update(withdrawn_at=None, withdrawn_by=None)
        else:
            file = WaveformFile.objects.create(
                event=event,
                sha256=spooled.sha256,
                name=name,
                size=spooled.size,
                kind=kind_of(spooled.head),
                uploader=user,
            )
            for ordinal, data in enumerate(spooled.chunks()):
                WaveformChunk.objects.create(file=file, ordinal=ordinal, data=data)
        request(event.pk)
    return known is None


def _receive_stations(event: Event, name: str, content: bytes, user: User) -> Taken:
    try:
        file, is_new = station_metadata.store(name, content, user)
    except station_metadata.Refused as refused:
        problem = refused.problem
        raise Refused(
            problem.code,
            line=problem.line_number,
            field=problem.field,
            found=problem.found,
            expected=problem.expected,
        ) from refused
    if files_of(event.pk).exists():
        request(event.pk)
    return Taken(name, "stationxml", is_new, file)


def withdraw(file: WaveformFile, user: User) -> None:
    """Take a file out of use; it stays where it is. Sent again, it is in use again."""

    def store() -> None:
        with writing():
            Event.objects.select_for_update(no_key=True).get(pk=file.event_id)
            WaveformFile.objects.filter(pk=file.pk, withdrawn_at__isnull=True).update(
                withdrawn_at=timezone.now(), withdrawn_by=user
            )
            request(file.event.merged_into_id or file.event_id)

    retried(store)


def request(event: int) -> None:
    """Ask for the waveforms of an event to be measured, in the caller's transaction."""
    with transaction.atomic():
        WorkItem.objects.request(KIND, event, priority=PRIORITY)


def request_where_moved(events: Collection[int]) -> None:
    """Ask for it where the origin is another than the one measured with."""
    mine = dict(
        WaveformFile.objects.filter(
            Q(event__in=events) | Q(event__merged_into__in=events), withdrawn_at__isnull=True
        )
        .annotate(holder=Coalesce("event__merged_into", "event"))
        .values_list("holder", "holder")
    )
    if not mine:
        return
    used = dict(
        WaveformMeasurement.objects.filter(event__in=mine, superseded_at__isnull=True)
        .exclude(act__in=WaveformMeasurement.BY_HAND)
        .values_list("event", "origin")
    )
    for event in Event.objects.filter(pk__in=mine).order_by("pk"):
        origin = origin_of(event)
        if origin is not None and used.get(event.pk) != origin.pk:
            WorkItem.objects.request(KIND, event.pk, priority=PRIORITY)


def files_of(event: int) -> QuerySet[WaveformFile]:
    """Return the files in use of an event and of those that were merged into it."""
    return WaveformFile.objects.filter(
        Q(event=event) | Q(event__merged_into=event), withdrawn_at__isnull=True
    ).order_by("pk")


def standing(event: int) -> QuerySet[WaveformMeasurement]:
    """Return an event's measurements as they stand."""
    return WaveformMeasurement.objects.filter(
        Q(event=event) | Q(event__merged_into=event), superseded_at__isnull=True
    )


def origin_of(event: Event) -> Origin | None:
    """Return the origin by which an event's records are measured: ours, else the preferred one."""
    ours = (
        Origin.objects.current()
        .computed()
        .filter(event=event, method_id__startswith="kz-portal/")
        .order_by("-pk")
        .first()
    )
    return ours or event.preferred_origin


# --- the child process ----------------------------------------------------------------------------


class ChildFailed(Exception):
    """Nothing can be measured; carries the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


@cache
def _compile_reader() -> None:
    """See that the child finds its modules compiled: it writes no bytecode itself.

    Where caches are kept apart nobody else in the portal imports them, and each child would compile
    them anew. This one process may write bytecode, and reads nothing that anybody sent.
    """
    if sys.pycache_prefix is None:
        return
    environment = reading_child.child_environment()
    del environment["PYTHONDONTWRITEBYTECODE"]
    try:
        subprocess.run(
            [sys.executable, "-m", "processing.waveform_process", "warm"],
            cwd=settings.BASE_DIR,
            env=environment,
            timeout=CHILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        logger.warning("the reader of waveforms was not compiled in %d s", CHILD_SECONDS)


def ask(
    wanted: child.Request, files: Iterable[WaveformFile], responses: dict[str, bytes]
) -> Iterator[child.Answer]:
    """Let a child process read files under limits; yield what it says.

    Raises
    ------
    ChildFailed
        It died, took too long, or wrote what it never writes.
    """
    memory = settings.READ_MAX_MEMORY_MB * 1024 * 1024
    _compile_reader()
    with (
        tempfile.TemporaryDirectory(prefix="waveforms-") as folder,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as errors,
    ):
        place = Path(folder)
        for file in files:
            with (place / str(file.pk)).open("wb") as out:
                for data in file.iter_bytes():
                    out.write(data)
        for name, document in responses.items():
            (place / name).write_bytes(document)
        (place / "request.json").write_bytes(msgspec.json.encode(wanted))
        command = [
            sys.executable, "-m", "processing.waveform_process",
            folder, str(CHILD_SECONDS), str(memory),
        ]  # fmt: skip
        try:
            code = subprocess.run(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=errors,
                cwd=settings.BASE_DIR,
                env=reading_child.child_environment(),
                timeout=CHILD_SECONDS + 30,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise ChildFailed(_problem("time-limit", expected=f"<= {CHILD_SECONDS} s")) from None
        if code != 0:
            errors.seek(0)
            raise ChildFailed(_why(code, errors.read(20_000).decode("utf-8", "replace")))
        said.seek(0)
        ended = False
        try:
            for line in said:
                if ended:
                    raise msgspec.DecodeError("after the end")
                message = child.decoder().decode(line)
                if isinstance(message, child.Done):
                    ended = True
                else:
                    yield message
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            logger.warning("the reader of waveforms wrote what it never writes: %s", error)
            raise ChildFailed(_problem("reader-crashed")) from error
        if not ended:
            raise ChildFailed(_problem("reader-crashed"))


def _why(code: int, trace: str) -> Problem:
    if code in (-24, -9):  # SIGXCPU, SIGKILL
        return _problem("time-limit", expected=f"<= {CHILD_SECONDS} s")
    if "MemoryError" in trace:
        return _problem("memory-limit", expected=f"<= {settings.READ_MAX_MEMORY_MB} MB")
    logger.error("the reader of waveforms ended with %d:\n%s", code, trace)
    return _problem("reader-crashed", found=str(code))


def _problem(code: str, field: str = "", found: str = "", expected: str = "") -> Problem:
    return Problem(None, code, field, found, expected, Severity.ERROR)


def read_files(event: int) -> None:
    """Find out what the files hold that nobody has looked into.

    One child looks at all; where it fails, each file has its own, so that only the one to blame
    fails.
    """
    waiting = list(files_of(event).filter(status=WaveformFile.Status.WAITING))
    try:
        _look(waiting)
    except ChildFailed:
        for file in waiting:
            try:
                _look([file])
            except ChildFailed as failed:
                _looked(file, [], [failed.problem])


def _look(files: Sequence[WaveformFile]) -> None:
    if not files:
        return
    problems: dict[int, list[Problem]] = defaultdict(list)
    traces: dict[int, list[child.Trace]] = defaultdict(list)
    wanted = child.Request([child.File(file.pk, file.kind) for file in files])
    for message in ask(wanted, files, {}):
        match message:
            case child.Found(number, trace):
                traces[number].append(trace)
            case child.Told(number, problem):
                problems[number].append(problem)
    for file in files:
        _looked(file, traces[file.pk], problems[file.pk])


def _looked(file: WaveformFile, traces: Sequence[child.Trace], problems: Sequence[Problem]) -> None:
    WaveformFile.objects.filter(pk=file.pk).update(
        status=WaveformFile.Status.READ if traces else WaveformFile.Status.FAILED,
        read_at=timezone.now(),
        traces=msgspec.to_builtins(list(traces)),
        problems=_told(problems),
    )


def _told(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in asdict(p).items() if name != "line_number"}
        for p in problems[:MOST_PROBLEMS]
    ]


# --- measure --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What is known of a channel here: where it stands and how it answers."""

    component: str
    station: Station | None = None
    latitude: float | None = None
    longitude: float | None = None
    response: bytes = b""
    """StationXML of this one channel; empty: ``without`` says why."""
    without: Outcome = Outcome.NO_RESPONSE


@dataclass
class Result:
    """What measuring an event brought, before any of it is stored."""

    event: int
    inputs: str = ""
    unchanged: bool = False
    """What went in is what went in the last time."""
    failed: bool = False
    """The child failed and nothing was measured: what stands stays."""
    rows: list[WaveformMeasurement] = field(default_factory=list)
    problems: dict[int, list[Problem]] = field(default_factory=dict)
    """Of files, found while measuring."""


def measure(event_key: int) -> Result:
    """Measure all waveforms of an event; nothing is stored but what its files hold."""
    event = Event.objects.select_related("preferred_origin").get(pk=event_key)
    read_files(event.pk)
    files = list(files_of(event.pk).filter(status=WaveformFile.Status.READ))
    origin = origin_of(event)
    result = Result(event.pk)
    if origin is None or not files:
        return result
    names = sorted({trace["id"] for file in files for trace in file.traces})
    places = _places(names, origin.time)
    arrivals = _arrivals(places, origin)
    result.inputs = _fingerprint(files, origin, places, arrivals)
    rows = standing(event.pk).exclude(act__in=WaveformMeasurement.BY_HAND)
    if set(rows.values_list("inputs", flat=True)) == {result.inputs}:
        result.unchanged = True
        return result
    channels, responses = [], {}
    holder = {trace["id"]: file.pk for file in reversed(files) for trace in file.traces}
    for number, name in enumerate(names):
        place = places[name]
        if not place.component:
            problem = replace(
                _problem("component-unknown", name, expected="Z N E 1 2"),
                severity=Severity.WARNING,
            )
            result.problems.setdefault(holder[name], []).append(problem)
            continue
        document = f"{number}.xml" if place.response else ""
        if document:
            responses[document] = place.response
        channels.append(
            child.Channel(name, place.component, document, place.without, arrivals[name])
        )
    when = origin.time.timestamp()
    try:
        found = _answers(files, when, channels, responses)
    except ChildFailed as failed:
        bad = _culprits(files, when)
        for file in files:
            if file.pk in bad or not bad:
                problem = bad.get(file.pk, failed.problem)
                result.problems.setdefault(file.pk, []).append(problem)
        good = [file for file in files if file.pk not in bad]
        logger.warning("event %s: %s, files %s", event.public_id, failed, sorted(bad))
        found = []
        if bad and good:
            try:
                found = _answers(good, when, channels, responses)
            except ChildFailed as again:
                for file in good:
                    result.problems.setdefault(file.pk, []).append(again.problem)
        result.failed = not found
    for message in found:
        match message:
            case child.Measured(reading) if reading.id in places and reading.scale in BY_ID:
                file_key = holder[reading.id]
                result.rows.append(_row(reading, file_key, origin, places, arrivals, result))
            case child.Told(number, problem):
                result.problems.setdefault(number, []).append(problem)
    _one_sensor(result.rows)
    return result


def _answers(
    files: Sequence[WaveformFile],
    when: float,
    channels: Sequence[child.Channel],
    responses: dict[str, bytes],
) -> list[child.Answer]:
    wanted = child.Request([child.File(file.pk, file.kind) for file in files], when, list(channels))
    return list(ask(wanted, files, responses))


def _culprits(files: Sequence[WaveformFile], when: float) -> dict[int, Problem]:
    """Return which files a child cannot even read, by their keys, after it failed with all."""
    bad = {}
    for file in files:
        try:
            _answers([file], when, [], {})
        except ChildFailed as failed:
            bad[file.pk] = failed.problem
    return bad


def _places(names: Sequence[str], time: datetime) -> dict[str, Place]:
    """Return what is known here of channels, by network, station, location, channel, and epoch."""
    split = {name: name.split(".") for name in names}
    stations = {(network, code) for network, code, _location, _channel in split.values()}
    wanted = Q(pk__in=[])
    for network, code in stations:
        wanted |= Q(station__network__code=network, station__code=code)
    channels: dict[tuple[str, str], list[Channel]] = defaultdict(list)
    for row in (
        Channel.objects.filter(wanted)
        .select_related("station__network")
        .defer("xml")
        .order_by("start", "pk")
    ):
        channels[row.station.network.code if row.station.network else "", row.station.code].append(
            row
        )
    result = {}
    for name, (network, code, location, channel) in split.items():
        known = channels[network, code]
        same = [c for c in known if (c.location_code, c.code) == (location, channel)]
        valid = [c for c in same if _holds(c.start, c.end, time)]
        if valid and valid[-1].response is not None:
            row = valid[-1]
            result[name] = Place(
                _component(row.code, row.dip_deg), row.station, row.latitude, row.longitude,
                _document(row),
            )  # fmt: skip
            continue
        without = Outcome.NO_RESPONSE
        if not valid and any(c.response is not None for c in same):
            without = Outcome.RESPONSE_OF_ANOTHER_EPOCH
        elif not same and any(c.response is not None for c in known):
            without = Outcome.RESPONSE_OF_ANOTHER_CHANNEL
        station = next((c.station for c in reversed(valid or same or known)), None)
        if station is None and network:
            station = next(
                (
                    s
                    for s in Station.objects.filter(network__code=network, code=code)
                    if _holds(s.start, s.end, time)
                ),
                None,
            )
        result[name] = Place(
            _component(channel, None),
            station,
            None if station is None else station.latitude,
            None if station is None else station.longitude,
            without=without,
        )
    return result


def _holds(start: datetime | None, end: datetime | None, time: datetime) -> bool:
    return (start is None or start <= time) and (end is None or time < end)


def _component(channel: str, dip_deg: float | None) -> str:
    """Return "Z", "N" or "E" of a channel; empty where its code does not tell."""
    if dip_deg is not None and abs(dip_deg) > 60.0:
        return "Z"
    return component_and_sensor(channel.upper())[0]


def _document(row: Channel) -> bytes:
    """Return StationXML with one channel, from what was checked when it came in."""
    station = row.station
    network = station.network.code if station.network else ""
    head = stationxml.StationHead(
        network, station.code, None, None, station.latitude, station.longitude,
        station.elevation_m, "", "", False,
    )  # fmt: skip
    response = zlib.decompress(bytes(row.response)) if row.response else None
    return b"".join(
        (
            stationxml.document_start("kz-portal", "", datetime(2000, 1, 1, tzinfo=UTC)),
            stationxml.network_start(stationxml.NetworkRecord(network), "", None, None),
            stationxml.station_start(head),
            stationxml.channel_element(zlib.decompress(bytes(row.xml)), response),
            stationxml.STATION_END,
            stationxml.NETWORK_END,
            stationxml.DOCUMENT_END,
        )
    )


def _arrivals(places: dict[str, Place], origin: Origin) -> dict[str, Arrivals | None]:
    """Return when P and S are due at the channels, by the travel times the locator uses."""
    depth = DEPTH_WITHOUT_KM if origin.depth_km is None else origin.depth_km
    depth = min(max(depth, 0.0), DEEPEST_KM)
    mixture = mixture_at(origin.latitude, origin.longitude, own=travel_time_tables.tables_in_use())
    result: dict[str, Arrivals | None] = {}
    for name, place in places.items():
        if place.latitude is None or place.longitude is None:
            result[name] = None
            continue
        distance, _azimuth = geodesy.distance_azimuth(
            geodesy.geocentric_latitude(origin.latitude),
            origin.longitude,
            geodesy.geocentric_latitude(place.latitude),
            place.longitude,
        )
        found = predict(
            mixture, codes_of(["P", "S"]), np.full(2, float(distance)), np.full(2, depth)
        ).time
        p, s = (float(t) if np.isfinite(t) else None for t in found)
        result[name] = Arrivals(float(distance), depth, p, s)
    return result


def _fingerprint(
    files: Sequence[WaveformFile],
    origin: Origin,
    places: dict[str, Place],
    arrivals: dict[str, Arrivals | None],
) -> str:
    told = [
        measuring.METHOD_ID,
        [scale.id for scale in BY_ID.values()],
        [file.sha256 for file in files],
        origin.pk,
        [
            [
                name,
                place.component,
                place.without,
                hashlib.sha256(place.response).hexdigest(),
                None if (due := arrivals[name]) is None else [due.distance_deg, due.p, due.s],
            ]
            for name, place in sorted(places.items())
        ],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _row(
    reading: child.Reading,
    file: int,
    origin: Origin,
    places: dict[str, Place],
    arrivals: dict[str, Arrivals | None],
    result: Result,
) -> WaveformMeasurement:
    place, due = places[reading.id], arrivals[reading.id]

    def moment(seconds: float | None) -> datetime | None:
        return None if seconds is None else origin.time + timedelta(seconds=seconds)

    span = reading.span or (None, None, None, None)
    row = WaveformMeasurement(
        event_id=result.event,
        file_id=file,
        origin=origin,
        station=place.station,
        trace_id=reading.id,
        component=reading.component[:1],
        latitude=place.latitude,
        longitude=place.longitude,
        distance_deg=None if due is None else due.distance_deg,
        scale=reading.scale,
        wave=reading.wave[:1],
        instrument=BY_ID[reading.scale].instrument,
        outcome="" if reading.outcome is None else reading.outcome.value,
        p_time=moment(None if due is None else due.p),
        s_time=moment(None if due is None else due.s),
        noise_from=moment(span[0]),
        noise_to=moment(span[1]),
        window_from=moment(span[2]),
        window_to=moment(span[3]),
        noise=reading.noise,
        method_id=measuring.METHOD_ID,
        inputs=result.inputs,
        parameters={
            "depth_km": None if due is None else due.depth_km,
            "depth_assumed": origin.depth_km is None,
            "rate_hz": reading.rate,
            "response": hashlib.sha256(place.response).hexdigest() if place.response else None,
        },
    )
    begin = span[0]
    if begin is not None and reading.turns_time:
        time = np.array(reading.turns_time) - begin
        row.turns = packed(Turns(time, np.array(reading.turns_value)[: time.size]))
    if begin is not None and reading.pair_time is not None and reading.pair_value is not None:
        set_pair(
            row,
            measuring.Pair(
                (reading.pair_time[0] - begin, reading.pair_time[1] - begin),
                reading.pair_value,
                reading.amplitude or 0.0,
            ),
        )
    if row.amplitude is None and not row.outcome:
        row.outcome = Outcome.NOISE.value
    return row


def set_pair(row: WaveformMeasurement, pair: measuring.Pair) -> None:
    """Let a measurement be of a pair whose times count from its ``noise_from``."""
    if row.noise_from is None:
        raise ValueError("a pair without the time it counts from")
    row.pair = [[round(t, 4), v] for t, v in zip(pair.time, pair.value, strict=True)]
    row.amplitude, row.period = pair.amplitude, pair.period
    row.time = row.noise_from + timedelta(seconds=pair.at)


def packed(turns: Turns) -> bytes:
    return zlib.compress(np.concatenate((turns.time, turns.value)).astype("<f4").tobytes())


def unpacked(row: WaveformMeasurement) -> Turns:
    """Return the turning points of a measurement's trace, times from its ``noise_from``."""
    if row.turns is None:
        return Turns(np.zeros(0), np.zeros(0))
    both = np.frombuffer(zlib.decompress(bytes(row.turns)), "<f4").astype(np.float64)
    return Turns(both[: both.size // 2], both[both.size // 2 :])


def sensor_of(trace_id: str) -> str:
    """Return location and channel code without the component."""
    _network, _code, location, channel = trace_id.split(".")
    return f"{location}.{channel[:-1]}"


#: A seismometer goes before a geophone, that before an accelerometer; broadband before others.
_INSTRUMENTS, _BANDS = "HLNG", "HBESCFDML"


def _preference(row: WaveformMeasurement) -> tuple[int, int, str]:
    location, kind = sensor_of(row.trace_id).split(".")
    band, instrument = kind[:1] or "-", kind[1:2] or "-"
    return (
        (_INSTRUMENTS + instrument).index(instrument),
        (_BANDS + band).index(band),
        location,
    )


def _one_sensor(rows: Sequence[WaveformMeasurement]) -> None:
    """Of several sensors at a station that give a value on one scale, let one count."""
    groups: dict[tuple[str, str, str], list[WaveformMeasurement]] = defaultdict(list)
    for row in rows:
        network, code, _location, _channel = row.trace_id.split(".")
        if not row.outcome:
            groups[network, code, row.scale].append(row)
    for group in groups.values():
        first = sensor_of(min(group, key=_preference).trace_id)
        for row in group:
            if sensor_of(row.trace_id) != first:
                row.outcome = Outcome.SECOND_SENSOR.value


def store(result: Result) -> bool:
    """Put what was measured in the place of what was, in a transaction; return whether it differs.

    What a person moved or rejected stands as long as its channel is there.
    """
    Event.objects.select_for_update(no_key=True).get(pk=result.event)
    for number, problems in result.problems.items():
        file = WaveformFile.objects.filter(pk=number).first()
        if file is not None:
            known = [*file.problems]
            known += [p for p in _told(problems) if p not in known]
            WaveformFile.objects.filter(pk=number).update(problems=known[:MOST_PROBLEMS])
    if result.unchanged or result.failed:
        return False
    now = timezone.now()
    # Events that were merged may both have measured a channel.
    old: dict[tuple[str, str], list[WaveformMeasurement]] = defaultdict(list)
    for row in standing(result.event).defer("turns").order_by("pk"):
        old[row.trace_id, row.scale].append(row)
    fresh, gone = [], []
    for row in result.rows:
        known_rows = old.pop((row.trace_id, row.scale), [])
        said = [r for r in known_rows if r.act in WaveformMeasurement.BY_HAND]
        gone += [r.pk for r in known_rows if r not in said[-1:]]
        if not said:
            row.supersedes = known_rows[-1] if known_rows else None
            fresh.append(row)
    gone += [row.pk for rows in old.values() for row in rows]
    WaveformMeasurement.objects.filter(pk__in=gone).update(superseded_at=now)
    WaveformMeasurement.objects.bulk_create(fresh, batch_size=200)
    return bool(fresh or gone)


# --- what magnitudes are computed from ------------------------------------------------------------


def amplitude_readings(event_pks: Collection[int]) -> list[AmplitudeReading]:
    """Return what was measured on waveforms of events, as the scales take it.

    Scales that do not hold at a station's distance or depth are left out: nobody read anything.
    """
    rows = (
        WaveformMeasurement.objects.filter(
            Q(event__in=event_pks) | Q(event__merged_into__in=event_pks),
            superseded_at__isnull=True,
        )
        .exclude(outcome__in=[outcome.value for outcome in NOT_READ])
        .annotate(holder=Coalesce("event__merged_into", F("event")))
        .defer("turns")
        .order_by("holder", "pk")
    )
    result = []
    for row in rows:
        network, code, _location, _channel = row.trace_id.split(".")
        wave: Literal["P", "S", "L", ""] = ""
        if row.wave in ("P", "S", "L"):
            wave = row.wave  # type: ignore[assignment]
        result.append(
            AmplitudeReading(
                event=row.holder,
                scale=row.scale,
                station=row.station_id,
                network=network,
                code=code,
                component=row.component,
                sensor=sensor_of(row.trace_id),
                wave=wave,
                amplitude=row.amplitude,
                period=row.period,
                latitude=row.latitude,
                longitude=row.longitude,
                source=("measurement", row.pk),
                outcome=Outcome(row.outcome) if row.outcome else None,
            )
        )
    return result


def touched(event: int) -> None:
    """Ask for an event's magnitudes to be computed anew, in the caller's transaction."""
    station_readings.request_location(station_readings.Outcome(touched={event}))
