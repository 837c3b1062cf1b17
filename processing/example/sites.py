"""The stations of the example: which agency reads them, and how small a wave it can read there.

Coordinates of real stations are those of ``catalog/data/stations.csv``; a station the article names
whose coordinates are not there is left out. The sites SY01 ... are ours: places where a station of
the Seismological Expedition could stand, named synthetic.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "catalog" / "data"
REAL = DATA / "stations.csv"
SYNTHETIC = DATA / "synthetic_stations.csv"


@dataclass(frozen=True, slots=True)
class Site:
    """A station as the agency names it."""

    code: str
    latitude: float
    """Geographic [deg]."""
    longitude: float
    elevation_m: float
    threshold_um: float
    """Smallest sum of P and S amplitudes that is read [micrometres of ground displacement]."""


@dataclass(frozen=True, slots=True)
class Network:
    """The stations one agency reads."""

    agency: str
    sites: tuple[Site, ...]
    farthest_km: float
    """Beyond, the agency's routine does not look for an event's waves."""
    at_most: int
    """Stations read of one event, nearest first."""


#: The agency's own codes of registry stations (the article names them; aliases resolve them).
SOME_CODES = {"MDO": "MDOK", "PDGN": "PDGK"}
#: Of the twelve stations of the Institute of Geophysical Research the eleven whose coordinates are
#: printed; KUR (Kurchatov-Krest) is left out.
KNDC_CODES = (
    *("KNDC", "OTUK", "KURK", "BRVK", "BVAR", "KKAR", "MKAR", "MAKZ", "ABKAR", "AKTO", "PDGK"),
)
ARRAYS = frozenset(("BVAR", "KKAR", "MKAR", "ABKAR"))
KRNET_CODES = ("PRZ", "KDJ")
KNET_CODES = ("AAK", "ULHL")

# Thresholds are ours. A quiet rock site reads about ten nanometres at 1-5 Hz, an array a third of
# that; with them the networks see what the article says they see (KR 7.5 in the Northern Tien
# Shan, 9 in all Kazakhstan).
THRESHOLD_UM = 0.012
ARRAY_THRESHOLD_UM = 0.0006
DISTANT_THRESHOLD_UM = 0.002


def _rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["code"]: row for row in csv.DictReader(stream)}


def _site(code: str, row: dict[str, str], threshold_um: float) -> Site:
    return Site(
        code,
        float(row["latitude"]),
        float(row["longitude"]),
        float(row["elevation_m"]),
        threshold_um,
    )


def some() -> Network:
    """Return the network of the Seismological Expedition."""
    real, ours = _rows(REAL), _rows(SYNTHETIC)
    sites = [_site(code, real[known], THRESHOLD_UM) for code, known in SOME_CODES.items()]
    sites += [_site(code, row, THRESHOLD_UM) for code, row in ours.items()]
    return Network("SOME", tuple(sites), farthest_km=450.0, at_most=8)


def kndc() -> Network:
    """Return the network of the National Data Centre."""
    real = _rows(REAL)
    sites = tuple(
        _site(c, real[c], ARRAY_THRESHOLD_UM if c in ARRAYS else DISTANT_THRESHOLD_UM)
        for c in KNDC_CODES
    )
    return Network("KNDC", sites, farthest_km=1500.0, at_most=11)


def kyrgyz() -> tuple[Network, ...]:
    """Return the two Kyrgyz networks, of which single stations' readings are sent."""
    real = _rows(REAL)

    def network(agency: str, codes: Iterable[str]) -> Network:
        sites = tuple(_site(code, real[code], THRESHOLD_UM) for code in codes)
        return Network(agency, sites, farthest_km=300.0, at_most=4)

    return network("KRNET", KRNET_CODES), network("KNET", KNET_CODES)
