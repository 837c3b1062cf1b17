"""The example year as files: which there are, who sends them, in which order, and their bytes.

The order is that of sending: what comes later under the same event id replaces what came before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from catalog.formats import bulletin_csv, catalogue_csv, isf, quakeml
from catalog.formats.labels import SYNTHETIC
from catalog.formats.records import (
    AmplitudeRecord,
    EventRecord,
    IntensityRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationReference,
)
from processing.core import geodesy
from processing.example import bulletins, seismicity, sites
from processing.example.observing import Reading, observe
from processing.example.seismicity import Source
from processing.example.sites import Network

#: The seed of the files that are shipped.
SEED = 2014
#: Automatic locations that no analyst confirmed: hours after the year began, place. Nothing was
#: there.
FALSE_ALARMS = 5
#: Of a hundred onsets a Kyrgyz station reads, so many belong to nothing in the catalogue.
STRAY_SHARE = 0.04
#: The settlements the real events of the year name, and the distance within which one feels.
REAL_SETTLEMENTS = frozenset(("Almaty", "Talgar", "Karagandy", "Karaganda", "Astana"))


@dataclass(frozen=True, slots=True)
class Bulletin:
    """One file of the example: its name, who sends it, how it is to be read."""

    name: str
    agency: str
    format: str
    evaluation_mode: str = "manual"
    #: The agency's last word on the whole year.
    final: bool = False


BULLETINS = (
    Bulletin("kndc_2014_automatic.isf", "KNDC", "isf", "automatic"),
    Bulletin("some_2014_operative.xml", "SOME", "quakeml"),
    Bulletin("some_2014.isf", "SOME", "isf", final=True),
    Bulletin("some_2014_mechanisms.xml", "SOME", "quakeml"),
    Bulletin("some_2014_blasts.xml", "SOME", "quakeml"),
    Bulletin("kndc_2014.isf", "KNDC", "isf", final=True),
    Bulletin("kndc_2014_mechanisms.xml", "KNDC", "quakeml"),
    Bulletin("kndc_2014_supplementary.isf", "KNDC", "isf"),
    Bulletin("ene_2014_felt.csv", "ENE", "catalogue-csv"),
    Bulletin("krnet_2014_readings.csv", "KRNET", "bulletin-csv"),
    Bulletin("knet_2014_readings.csv", "KNET", "bulletin-csv"),
)


@dataclass(frozen=True, slots=True)
class Town:
    """A settlement that may have felt something."""

    name: str
    latitude: float
    longitude: float


@dataclass
class _Year:
    """What each file will say, while the events go by."""

    automatic: list[EventRecord]
    operative: list[EventRecord]
    final: dict[str, list[EventRecord]]
    mechanisms: dict[str, list[EventRecord]]
    blasts: list[EventRecord]
    supplementary: list[EventRecord]
    preferred: list[tuple[Source, EventRecord]]


def make(
    towns: Iterable[Town],
    seed: int = SEED,
    progress: Callable[[int, int], None] = lambda done, total: None,
    only: Callable[[Source], bool] = lambda source: True,
) -> dict[str, bytes]:
    """Return the bytes of each file by name.

    Parameters
    ----------
    towns : iterable of Town
        Settlements with names that no other settlement has.
    seed : int
        Everything follows from it; an event's part does not depend on the other events.
    only : callable
        Which events to make, for trying things out: all by default.
    """
    networks = {n.agency: n for n in (sites.some(), sites.kndc())}
    sources = [s for s in seismicity.year(np.random.default_rng(seed)) if only(s)]
    year = _Year([], [], {"SOME": [], "KNDC": []}, {"SOME": [], "KNDC": []}, [], [], [])
    for done, source in enumerate(sources, 1):
        _tell(year, source, networks, seed)
        progress(done, len(sources))
    year.automatic += _false_alarms(year.automatic, seed)
    year.automatic.sort(key=_time)
    texts: dict[str, Iterator[str]] = {
        "kndc_2014_automatic.isf": isf.write(year.automatic),
        "some_2014_operative.xml": quakeml.write(year.operative),
        "some_2014.isf": isf.write(year.final["SOME"]),
        "some_2014_mechanisms.xml": quakeml.write(year.mechanisms["SOME"]),
        "some_2014_blasts.xml": quakeml.write(year.blasts),
        "kndc_2014.isf": isf.write(year.final["KNDC"]),
        "kndc_2014_mechanisms.xml": quakeml.write(year.mechanisms["KNDC"]),
        "kndc_2014_supplementary.isf": isf.write(year.supplementary),
        "ene_2014_felt.csv": catalogue_csv.write(_felt(year.preferred, list(towns))),
    }
    for network in sites.kyrgyz():
        readings = _station_bulletin(sources, network, seed)
        name = f"{network.agency.lower()}_2014_readings.csv"
        texts[name] = bulletin_csv.write(readings, READINGS_COLUMNS)
    return {b.name: "".join(texts[b.name]).encode() for b in BULLETINS}


#: Columns of a station bulletin: what the networks send of single stations.
READINGS_COLUMNS = (
    *("row", "time", "network", "station", "phase", "onset", "polarity"),
    *("amplitude_nm", "period_s", "agency", "comment"),
)


def _time(record: EventRecord) -> datetime:
    return record.origins[0].time


def _tell(
    year: _Year,
    source: Source,
    networks: dict[str, Network],
    seed: int,
) -> None:
    """Add what the agencies say of one event to their files."""
    solutions = bulletins.solutions(source, networks, seed)
    for rank, (agency, solution) in enumerate(solutions.items()):
        record = bulletins.final(source, agency, solution, seed, first=rank == 0)
        if rank == 0:
            year.preferred.append((source, record))
        if source.kind == "supplementary":
            year.supplementary.append(record)
        elif source.kind == "quarry blast" and agency == "SOME":
            year.blasts.append(record)
        elif rank == 0 and source.published_mechanism:
            year.mechanisms[agency].append(record)
        else:
            year.final[agency].append(replace(record, focal_mechanisms=()))
        rng = bulletins.rng_for(seed, source, 50 + rank)
        early = bulletins.first_readings(solution.readings, rng)
        wanted = rng.random() < bulletins.AUTOMATIC_SHARE
        if source.kind != "earthquake" or len(early) < bulletins.MINIMUM_STATIONS:
            continue
        first = bulletins.solve(source, networks[agency], rng, early, fixed_depth_km=10.0)
        if first.located is None or not bulletins.in_its_region(source, first):
            continue
        # In one format an event has one id: what is final in QuakeML is preliminary in QuakeML.
        in_quakeml = rank == 0 and source.published_mechanism
        if agency == "SOME" and in_quakeml:
            year.operative.append(bulletins.operative(source, first, seed))
        large = source.kr >= bulletins.AUTOMATIC_FROM_KR
        if agency == "KNDC" and not in_quakeml and wanted and large:
            year.automatic.append(bulletins.automatic(source, first, seed))


def _false_alarms(automatic: list[EventRecord], seed: int) -> list[EventRecord]:
    """Return automatic locations of nothing: later bulletins do not have them."""
    rng = np.random.default_rng([seed, 9])
    alarms = []
    for number in range(1, FALSE_ALARMS + 1):
        pattern = automatic[number % len(automatic)] if automatic else None
        if pattern is None:
            break
        time = seismicity.YEAR_START + timedelta(
            days=60 * number, milliseconds=10 * round(float(rng.uniform(0, 86400)) * 100)
        )
        origin_id = f"{900 + number:05d}"
        origin = OriginRecord(
            origin_id=origin_id,
            time=time,
            latitude=round(float(rng.uniform(44.0, 50.0)), 3),
            longitude=round(float(rng.uniform(66.0, 82.0)), 3),
            depth_km=0.0,
            depth_type="operator assigned",
            time_uncertainty=3.5,
            semi_major_axis_km=75.0,
            semi_minor_axis_km=30.0,
            major_axis_azimuth=float(rng.integers(0, 180)),
            confidence_level=90.0,
            standard_error=2.9,
            used_phase_count=4,
            used_station_count=3,
            azimuthal_gap=float(rng.integers(200, 330)),
            agency="KNDC",
            method_id="inversion",
            evaluation_mode="automatic",
        )
        size = replace(
            pattern.magnitudes[0],
            value=round(float(rng.uniform(3.0, 3.8)), 1),
            magnitude_id=f"{origin_id}-MPVA",
            origin_id=origin_id,
            station_count=3,
        )
        alarms.append(
            replace(
                pattern,
                event_id=f"{bulletins.EVENT_ID['KNDC']}{900 + number:03d}",
                descriptions=(),
                origins=(origin,),
                magnitudes=(size,),
                picks=(),
                amplitudes=(),
                station_magnitudes=(),
                preferred_origin_id=origin_id,
            )
        )
    return alarms


# --- how it was felt ------------------------------------------------------------------------------


def _felt(preferred: list[tuple[Source, EventRecord]], towns: list[Town]) -> Iterator[EventRecord]:
    """Yield the year book's list of felt events: where and how strongly, by a published formula."""
    felt = [(source, record) for source, record in preferred if source.felt]
    left = seismicity.FELT_SETTLEMENTS
    taken: set[str] = set()
    for place, (source, record) in enumerate(felt):
        origin = record.origins[0]
        # As evenly as may be over the events that are left.
        count = round(left / (len(felt) - place))
        near = sorted(
            (
                float(
                    geodesy.ellipsoid_distance_km(
                        source.latitude, source.longitude, town.latitude, town.longitude
                    )
                ),
                town.name,
            )
            for town in towns
            if town.name not in taken and town.name not in REAL_SETTLEMENTS
        )[:count]
        left -= len(near)
        taken |= {name for _, name in near}
        kr = next(m for m in record.magnitudes if m.type == "KR")
        yield EventRecord(
            text="",
            first_line=0,
            last_line=0,
            event_id=f"SYNF14{source.number:03d}",
            event_type="earthquake",
            origins=(
                OriginRecord(
                    origin_id=origin.origin_id,
                    time=origin.time,
                    latitude=origin.latitude,
                    longitude=origin.longitude,
                    depth_km=origin.depth_km,
                ),
            ),
            magnitudes=(replace(kr, uncertainty=None, station_count=None, agency=None),),
            intensities=tuple(
                IntensityRecord(
                    name,
                    *degrees(intensity(source, km)),
                    scale="MSK-64",
                    distance_km=float(round(km)),
                )
                for km, name in near
            ),
            preferred_origin_id=origin.origin_id,
            source=bulletins.title("ENE"),
            synthetic=True,
            comments=(SYNTHETIC,),
        )


def intensity(source: Source, distance_km: float) -> float:
    """Return the intensity expected at a distance, MSK-64.

    References
    ----------
    Bindi et al. (2011), Geophys. J. Int. 187, 327-337: I = 1.049 M + 0.686 - 2.706 lg(s/15) -
    0.0001811 (s - 15), s = sqrt(R^2 + 15^2); M = (K - 4)/1.8 (methods 6, 1.8).
    """
    slant = (distance_km**2 + 15.0**2) ** 0.5
    magnitude = (source.kr - 4.0) / 1.8
    return float(
        1.049 * magnitude + 0.686 - 2.706 * np.log10(slant / 15.0) - 0.0001811 * (slant - 15.0)
    )


def degrees(value: float) -> tuple[float, float]:
    """Return the degrees an observer would write: one, or "3-4" between two; 2 at least."""
    value = max(value, 2.0)
    whole = float(int(value))
    if value - whole < 0.35:
        return whole, whole
    if value - whole > 0.65:
        return whole + 1.0, whole + 1.0
    return whole, whole + 1.0


# --- station bulletins ----------------------------------------------------------------------------


def _station_bulletin(
    sources: Iterable[Source], network: Network, seed: int
) -> Iterator[ReadingsRecord]:
    """Yield one block of readings a day: what the stations read, tied to no event."""
    number = 70 + len(network.agency)
    days: dict[str, list[PickRecord]] = {}
    amplitudes: dict[str, list[AmplitudeRecord]] = {}
    for source in sources:
        rng = bulletins.rng_for(seed, source, number)
        readings = [*observe(source, network, rng)]
        if rng.random() < STRAY_SHARE and readings:
            # A small event near one station, of which nobody else knows.
            stray = readings[0]
            after = timedelta(milliseconds=10 * round(float(rng.uniform(3600, 7200)) * 100))
            readings.append(replace(stray, time=stray.time + after, polarity=None))
        for reading in readings:
            day = f"{reading.time:%Y-%m-%d}"
            pick, amplitude = _picked(reading, network, f"{source.number:03d}")
            days.setdefault(day, []).append(pick)
            amplitudes.setdefault(day, []).append(amplitude)
    for day in sorted(days):
        order = sorted(
            range(len(days[day])), key=lambda i: (days[day][i].time, days[day][i].pick_id)
        )
        yield ReadingsRecord(
            text="",
            first_line=0,
            last_line=0,
            picks=tuple(days[day][i] for i in order),
            amplitudes=tuple(amplitudes[day][i] for i in order),
            agency=network.agency,
            synthetic=True,
            comments=(SYNTHETIC,),
        )


def _picked(reading: Reading, network: Network, prefix: str) -> tuple[PickRecord, AmplitudeRecord]:
    pick_id = f"{prefix}-{reading.site.code}-{reading.phase}-{reading.time:%m%d%H%M}"
    station = StationReference(reading.site.code, network=NETWORK_CODES[reading.site.code])
    return (
        PickRecord(
            pick_id=pick_id,
            station=station,
            time=reading.time,
            phase_hint=reading.phase[0],  # a station without a location calls it P or S
            onset="impulsive" if reading.impulsive else "emergent",
            polarity=reading.polarity,
            agency=network.agency,
        ),
        AmplitudeRecord(
            amplitude_id=f"{pick_id}-a",
            value=reading.amplitude_nm,
            unit="nm",
            period=reading.period_s,
            pick_id=pick_id,
            station=station,
        ),
    )


NETWORK_CODES = {"PRZ": "KR", "KDJ": "KR", "AAK": "II", "ULHL": "KN"}
