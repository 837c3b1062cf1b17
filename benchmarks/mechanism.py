"""Focal mechanisms from first motions against known truth: how near, how honest, how fast.

Synthetic polarities on the map of stations: those the project ships and, where the team's data lie
beside the checkout, the registered stations of the region. Mechanisms are uniform over all double
couples, hypocentres lie in the Northern Tien Shan. The truth has its own velocity model and place;
the inversion is told a place wrong by 5 km and a depth wrong by 5 km (standard errors) and uses the
model of the locator. One polarity in ten is wrong.

Keys: ``events_per_second`` (30 trials, 30 polarities or more), ``share25_n30`` and ``share35_n30``
(share within 25 and 35 degrees of the truth), ``kagan_p95_n30``, ``calibration`` (share of truths
within the stated uncertainty; 0.68 is honest), ``beachballs_per_second``, the same shares for 20 to
29 polarities without a gate.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stack.report import Report

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Planes
from processing.core import first_motion, first_motion_rays, geodesy
from processing.core.earth_models import mixture_at
from processing.core.first_motion import Polarities
from processing.core.first_motion_rays import OTHER_MODELS, rays

NEEDS = ()
ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT.parent / "shared/data/stations/isc_stalist.csv"
BOX = (41.5, 44.5, 74.0, 80.0)
FARTHEST_DEG = 6.0
WRONG = 0.10
ERROR_KM = 5.0


def stations() -> np.ndarray:
    """Latitude and longitude [deg] of stations, shape (n, 2)."""
    found = set()
    for name in ("stations.csv", "synthetic_stations.csv"):
        with open(ROOT / "catalog/data" / name, encoding="utf-8", newline="") as stream:
            found |= {
                (round(float(row["latitude"]), 2), round(float(row["longitude"]), 2))
                for row in csv.DictReader(stream)
            }
    if REGISTRY.exists():
        with open(REGISTRY, encoding="utf-8", newline="") as stream:
            places = ((float(row[2]), float(row[3])) for row in csv.reader(stream))
            found |= {
                (round(lat, 2), round(lon, 2))
                for lat, lon in places
                if 36 < lat < 52 and 66 < lon < 88
            }
    return np.array(sorted(found))


@dataclass(frozen=True)
class Drawn:
    truth: Planes
    polarities: Polarities


def draw(places: np.ndarray, random: np.random.Generator) -> Drawn:
    """Draw an event, its polarities and what an inversion is told of them."""
    south, north, west, east = BOX
    latitude, longitude = random.uniform(south, north), random.uniform(west, east)
    depth = random.uniform(3.0, 25.0)
    truth = Planes(
        np.array(random.uniform(0, 360)),
        np.degrees(np.arccos(random.uniform(0, 1))),
        np.array(random.uniform(-180, 180)),
    )
    distance, azimuth = geodesy.distance_azimuth(latitude, longitude, *places.T)
    near = np.flatnonzero((distance < FARTHEST_DEG) & (random.random(len(places)) < 0.9))
    model = mixture_at(latitude, longitude, only=str(random.choice(OTHER_MODELS)))
    phases = ["P"] * len(near)
    angle = first_motion_rays._takeoff(model, phases, distance[near], depth)
    amplitude = geometry.axis_vector(azimuth[near], 90.0 - angle)
    normal, slip = geometry.fault_vectors(*truth)
    sign = np.where((amplitude @ normal) * (amplitude @ slip) > 0, 1, -1)
    sign = np.where(random.random(len(near)) < WRONG, -sign, sign).astype(np.int8)
    told = rays(
        latitude + random.normal(0, ERROR_KM / np.sqrt(2)) / geodesy.KM_PER_DEGREE,
        longitude + random.normal(0, ERROR_KM / np.sqrt(2)) / 80.0,
        abs(depth + random.normal(0, ERROR_KM)),
        *places[near].T,
        phases,
        epicentre_error_km=ERROR_KM,
        depth_error_km=ERROR_KM,
    )
    return Drawn(truth, Polarities(sign, np.ones(len(near)), told.azimuth, told.takeoff))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=300, help="events of each kind")
    size = parser.parse_args().size
    report = Report("mechanism", {"events": size})
    places = stations()
    random = np.random.default_rng(7)
    first_motion.solve(draw(places, random).polarities)  # compiled
    for key, low, high in (("n30", 30, 10_000), ("n20", 20, 30)):
        off, told, seconds, numbers = [], [], [], []
        while len(off) < size:
            drawn = draw(places if low == 30 else places[random.random(len(places)) < 0.6], random)
            n = len(drawn.polarities.sign)
            if not low <= n < high:
                continue
            begun = time.perf_counter()
            solution = first_motion.solve(drawn.polarities)
            seconds.append(time.perf_counter() - begun)
            assert solution is not None
            numbers.append(n)
            off.append(float(geometry.kagan_of_planes(solution.planes[0], drawn.truth)))
            told.append(solution.uncertainty_deg)
        angle, stated = np.array(off), np.array(told)
        is_gate = low == 30
        report.add(f"polarities_{key}", float(np.median(numbers)), "")
        report.add(
            f"share25_{key}", float((angle <= 25).mean()), "", at_least=0.88 if is_gate else None
        )
        report.add(
            f"share35_{key}", float((angle <= 35).mean()), "", at_least=0.95 if is_gate else None
        )
        report.add(f"kagan_p95_{key}", float(np.percentile(angle, 95)), "deg")
        report.add(f"calibration{'' if is_gate else '_n20'}", float((angle <= stated).mean()), "")
        report.add(f"uncertainty_{key}", float(np.median(stated)), "deg")
        if is_gate:
            report.add("events_per_second", 1.0 / float(np.median(seconds)), "1/s")
    report.print()


if __name__ == "__main__":
    main()
