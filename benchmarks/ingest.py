"""Reading a bulletin, parse and rows together, against ObsPy parsing the same file alone.

The bulletin is synthetic: events with P and S at ten stations each, amplitudes and station
magnitudes on the S lines. It is read as a worker reads it (child process, stations, COPY, problems,
commit) into a throw-away database that knows the stations: half by being the agency's own, half
only by a bare code (ISF) or by network and code (QuakeML). Each run reads another file, since the
same bytes are read once only. ObsPy gets the same bytes in a process that has imported it before
the clock starts.

Reading is three processes side by side (child, worker, PostgreSQL), ObsPy is one: where two cores
are busy with other work, the ratio says little.

Keys of the gates: ``isf_vs_obspy``, ``quakeml_vs_obspy``; beside them ``rows_per_second`` and
``memory_mb`` (the child's peak and what the worker grows by).
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django
import numpy as np
from stack.report import Report

django.setup()

from django.contrib.gis.geos import Point  # noqa: E402
from django.db import connection  # noqa: E402

from catalog import models  # noqa: E402
from catalog.formats import by_code  # noqa: E402
from catalog.formats.records import (  # noqa: E402
    AmplitudeRecord,
    ArrivalRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from processing.core.geodesy import KM_PER_DEGREE, distance_azimuth  # noqa: E402
from processing.jobs import ingestion, receiving  # noqa: E402
from processing.transactions import writing  # noqa: E402

NEEDS = ("database",)
FORMATS = {"isf": "IMS10BULLETIN", "quakeml": "QUAKEML"}
STATIONS = 60
STATIONS_AN_EVENT = 10  # each with P and S
START = datetime(2014, 1, 1, tzinfo=UTC)
ROWS = (
    models.BulletinEntry, models.Report, models.Origin, models.Pick, models.Arrival,
    models.Amplitude, models.Magnitude, models.StationMagnitude, models.BulletinProblem,
)  # fmt: skip

OBSPY = """
import statistics, sys, time
import obspy
from obspy import read_events
form, *names = sys.argv[1:]
times = []
for name in names:
    begun = time.perf_counter()
    catalogue = read_events(name, format=form)
    times.append(time.perf_counter() - begun)
    print(len(catalogue), sum(len(e.picks) for e in catalogue), file=sys.stderr)
print(statistics.median(times))
"""


# --- the bulletin ---------------------------------------------------------------------------------


def events(count: int, seed: int) -> Iterator[EventRecord]:
    """Yield events one after another through the year, ids of their own for each seed."""
    random = np.random.default_rng(seed)
    latitude, longitude = sites()
    for number in range(1, count + 1):
        time_ = START + timedelta(minutes=500 * number, milliseconds=int(random.integers(60_000)))
        yield event(
            f"{seed}{number:06d}", time_, random, np.round(latitude, 4), np.round(longitude, 4)
        )


def sites() -> tuple[np.ndarray, np.ndarray]:
    """Return latitude and longitude [deg] of the stations, shape (STATIONS,) each."""
    random = np.random.default_rng(0)
    return random.uniform(41, 47, STATIONS), random.uniform(70, 82, STATIONS)


def event(
    event_id: str,
    time_: datetime,
    random: np.random.Generator,
    latitude: np.ndarray,
    longitude: np.ndarray,
) -> EventRecord:
    place = round(random.uniform(42, 46), 4), round(random.uniform(72, 80), 4)
    distance, azimuth = distance_azimuth(*place, latitude, longitude)
    size = round(random.uniform(2, 5), 1)
    picks, arrivals, amplitudes, sizes = [], [], [], []
    for station in random.permutation(STATIONS)[:STATIONS_AN_EVENT]:
        reference = StationReference(f"B{station:03d}", network="BM" if station % 2 else None)
        for phase, speed in (("Pg", 6.1), ("Sg", 3.5)):
            pick_id = f"{event_id}{len(picks):02d}"
            residual = round(random.normal(0, 0.8), 1)
            travel = float(distance[station]) * KM_PER_DEGREE / speed + residual
            picks.append(
                PickRecord(
                    pick_id,
                    reference,
                    time_ + timedelta(milliseconds=round(travel * 1000)),
                    phase_hint=phase,
                    onset="impulsive" if phase == "Pg" else "emergent",
                    evaluation_mode="manual",
                    snr=round(random.uniform(2, 90), 1),
                )
            )
            arrivals.append(
                ArrivalRecord(
                    pick_id,
                    phase=phase,
                    azimuth=round(float(azimuth[station]), 1),
                    distance_deg=round(float(distance[station]), 2),
                    time_residual=residual,
                    time_defining=True,
                )
            )
            if phase == "Sg":
                value = round(random.uniform(10, 9000), 1)
                period = round(random.uniform(0.2, 1.5), 2)
                amplitudes.append(
                    AmplitudeRecord(
                        pick_id, value, unit="nm", period=period, pick_id=pick_id,
                        station=reference, magnitude_hint="ML",
                    )
                )  # fmt: skip
                sizes.append(
                    StationMagnitudeRecord(
                        round(size + random.normal(0, 0.2), 1), "ML", reference, pick_id,
                        f"{event_id}", pick_id,
                    )
                )  # fmt: skip
    origin = OriginRecord(
        event_id,
        time_.replace(microsecond=time_.microsecond // 10_000 * 10_000),
        *place,
        depth_km=round(random.uniform(0, 30), 1),
        time_uncertainty=0.5,
        semi_major_axis_km=3.2,
        semi_minor_axis_km=2.1,
        major_axis_azimuth=float(random.integers(180)),
        used_phase_count=len(picks),
        used_station_count=STATIONS_AN_EVENT,
        standard_error=round(random.uniform(0.2, 1.5), 2),
        azimuthal_gap=float(random.integers(40, 300)),
        evaluation_mode="manual",
        agency="BENCH",
        arrivals=tuple(arrivals),
    )
    return EventRecord(
        "",
        0,
        0,
        event_id=event_id,
        event_type="earthquake",
        origins=(origin,),
        magnitudes=tuple(
            MagnitudeRecord(
                value, kind, f"{event_id}-{kind}", event_id, 0.2, station_count=9, agency="BENCH"
            )
            for kind, value in (("ML", size), ("mb", round(size - 0.2, 1)))
        ),
        picks=tuple(picks),
        amplitudes=tuple(amplitudes),
        station_magnitudes=tuple(sizes),
        preferred_origin_id=event_id,
    )


def bulletin(format: str, count: int, seed: int) -> bytes:
    write = by_code(format).write
    assert write is not None
    return "".join(write(events(count, seed))).encode()


def make_stations(agency: models.Agency) -> None:
    network, _ = models.Network.objects.get_or_create(code="BM")
    places = enumerate(zip(*sites(), strict=True))
    models.Station.objects.bulk_create(
        models.Station(
            code=f"B{number:03d}",
            network=network if number % 2 else None,
            agency=None if number % 2 else agency,
            point=Point(float(longitude), float(latitude), srid=4326),
        )
        for number, (latitude, longitude) in places
    )


# --- one reading ----------------------------------------------------------------------------------


class Reader:
    """Ingests files one after another as the worker does."""

    def __init__(self) -> None:
        self.agency, _ = models.Agency.objects.get_or_create(code="BENCH")
        self.user, _ = models.User.objects.get_or_create(username="bench")

    def read(self, format: str, data: bytes) -> float:
        """Store a file and read it; return how long reading and committing took [s]."""
        file, _ = receiving.receive(f"bench.{format}", [data], self.user)
        run = ingestion.request_reading(
            file, agency=self.agency, format=format, requested_by=self.user
        )
        begun = time.perf_counter()
        with writing(600):
            ingestion.read(run, lambda done, total: None)
        return time.perf_counter() - begun


def stored() -> int:
    return sum(model._default_manager.count() for model in ROWS)


def statistics_of_tables() -> None:
    """Do what autovacuum would have done between two bulletins."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def obspy_seconds(format: str, files: list[bytes]) -> float:
    """Return how long ObsPy takes for a file, the middle of all [s]."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, data in enumerate(files):
            names.append(str(Path(folder) / f"{number}.{format}"))
            Path(names[-1]).write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", OBSPY, FORMATS[format], *names],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return float(done.stdout)


# --- memory ---------------------------------------------------------------------------------------


def peak_of(process: int | str) -> float:
    """Return the peak of a process's resident memory [MB]; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    kib = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kib[0]) / 1024 if kib else 0.0


def memory_mb(work: Callable[[], object]) -> float:
    """Return the peak memory of the children of some work and what this process grew by [MB]."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = peak_of("self")
    children: dict[str, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            for task in Path("/proc/self/task").iterdir():
                try:
                    born = (task / "children").read_text().split()
                except OSError:  # the thread ended since the look
                    continue
                for child in born:
                    children[child] = max(peak_of(child), children.get(child, 0.0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return max(children.values(), default=math.nan) + peak_of("self") - before


# --- all of it ------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1000, help="events, twenty arrivals each")
    parser.add_argument("--without-obspy", action="store_true", help="only our own times")
    arguments = parser.parse_args()
    size = arguments.size
    report = Report("ingest", {"events": size, "arrivals": size * 2 * STATIONS_AN_EVENT})
    reader = Reader()
    reader.read("isf", bulletin("isf", 10, 9))  # everything is imported, compiled, connected
    strange = {f: statistics.median(runs(reader, f, size, 30)) for f in FORMATS}
    make_stations(reader.agency)
    memory, rates = [], []
    for number, format in enumerate(FORMATS, start=1):
        files = [bulletin(format, size, 10 * number + run) for run in range(4)]
        before = stored()
        times = []
        for data in files[:3]:
            statistics_of_tables()
            times.append(reader.read(format, data))
        ours = statistics.median(times)
        rows = (stored() - before) / 3
        rates.append(rows / ours)
        memory.append(memory_mb(lambda f=format, d=files[3]: reader.read(f, d)))
        report.add(f"{format}: file", len(files[0]) / 1e6, "MB")
        report.add(f"{format}: rows", rows, "")
        report.add(f"{format}: parse and rows", ours, "s")
        report.add(f"{format}: the same, stations unknown", strange[format], "s")
        if not arguments.without_obspy:
            theirs = obspy_seconds(format, files[:3])
            report.add(f"{format}: ObsPy parses alone", theirs, "s")
            report.add(f"{format}_vs_obspy", theirs / ours, "", at_least=5)
    report.add("rows_per_second", min(rates), "1/s")
    report.add("memory_mb", max(memory), "MB")
    report.print()


def runs(reader: Reader, format: str, size: int, seed: int) -> list[float]:
    """Read three files while no station is known."""
    times = []
    for run in range(3):
        data = bulletin(format, size, seed + run + 10 * (format == "quakeml"))
        statistics_of_tables()
        times.append(reader.read(format, data))
    return times


if __name__ == "__main__":
    main()
