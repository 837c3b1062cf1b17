"""Focal mechanisms from first motions against known truth: how near, how honest, how fast.

Synthetic polarities on the map of stations: those the project ships and, where the team's data lie
beside the checkout, the registered stations of the region; of them each event is read by 30 to 120
(``n30``; not all stations of the map stood at one time), 20 to 29 (``n20``) or 10 to 19 (``n10``),
nearer ones likelier. Mechanisms are uniform over all double couples, hypocentres lie in the
Northern Tien Shan. The truth has its own velocity model and place, and its first arrivals are read
under their names (Pg, Pn ...), as both agencies do; the inversion is told a place and a depth wrong
by 5 km each (standard errors) and has the trials of the locator's models. One polarity in ten is
wrong.

Every other station of these within 120 km has the amplitudes of P and S, too: their lg ratios
scatter by 0.3 (HASH's), one in twenty is wrong by ten times, and all have an unknown part in
common. Keys with ``ratios`` are of polarities and ratios together, all others of polarities alone.

Keys: ``share25_n30``, ``share35_n30`` (share within 25 and 35 degrees of the truth),
``share25_exact_n30`` (the same were the directions of the rays known: what one wrong sign in ten
alone leaves in doubt), ``share25_n30_to_59`` and ``share25_n60`` (fewer and more polarities of
these), ``graded_ab_n30`` (share of quality A or B) and ``share25_ab_n30`` of these,
``kagan_p95_n30``, ``calibration`` (share of truths within the stated uncertainty; 0.68 is honest),
``share25_ratios_n30``, ``share35_ratios_n30``, ``calibration_ratios_n30``, ``events_per_second``
(the inversion of polarities, one event after another, 30 trials), the same of fewer polarities
without a gate; ``round_trip_deg``, the largest difference of 10,000 mechanisms led from planes
through the tensor and back, and ``beachballs_per_second``.
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
from portal.beachball import beachball
from processing.core import first_motion, first_motion_ratios, geodesy
from processing.core.earth_models import mixture_at
from processing.core.first_motion import Polarities
from processing.core.first_motion_ratios import Ratios
from processing.core.first_motion_rays import OTHER_MODELS, Rays, first_arrivals, rays, takeoffs

NEEDS = ()
ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT.parent / "shared/data/stations/isc_stalist.csv"
BOX = (41.5, 44.5, 74.0, 80.0)
#: A station's chance to be among those that read the event falls by e over so far.
FADES_DEG = 1.0
FARTHEST_DEG = 6.0
POLARITIES = {"n30": (30, 120), "n20": (20, 29), "n10": (10, 19)}
MANY = 60
WRONG = 0.10
ERROR_KM = 5.0
#: Of stations within reach, those with both amplitudes; the scatter of their lg ratios, the wrong
#: ones among them and by how much, the scatter of what all have in common.
WITH_RATIO = 0.5
RATIO_SCATTER = 0.3
RATIO_WRONG, RATIO_WRONG_BY = 0.05, 1.0
COMMON_SCATTER = 0.3


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
                if 38 <= lat <= 48 and 68 <= lon <= 84
            }
    return np.array(sorted(found))


@dataclass(frozen=True)
class Drawn:
    truth: Planes
    polarities: Polarities
    exact: Polarities
    """The same with the true directions of the rays: what the signs alone leave in doubt."""
    ratios: Ratios


def draw(places: np.ndarray, least: int, most: int, random: np.random.Generator) -> Drawn:
    """Draw an event, the polarities of some stations and what an inversion is told of them."""
    south, north, west, east = BOX
    latitude, longitude = random.uniform(south, north), random.uniform(west, east)
    depth = random.uniform(3.0, 25.0)
    truth = random_planes(random)
    distance, azimuth = geodesy.distance_azimuth(latitude, longitude, *places.T)
    chance = np.where(distance < FARTHEST_DEG, np.exp(-distance / FADES_DEG), 0.0)
    near = random.choice(
        len(places), random.integers(least, most + 1), replace=False, p=chance / chance.sum()
    )
    model = mixture_at(latitude, longitude, only=str(random.choice(OTHER_MODELS)))
    phases = first_arrivals(model, distance[near], depth)
    angle = takeoffs(model, phases, distance[near], depth)
    ray = geometry.axis_vector(azimuth[near], 90.0 - angle)
    normal, slip = geometry.fault_vectors(*truth)
    sign = np.where((ray @ normal) * (ray @ slip) > 0, 1, -1)
    sign = np.where(random.random(len(near)) < WRONG, -sign, sign).astype(np.int8)
    hypocentre = (
        latitude + random.normal(0, ERROR_KM / np.sqrt(2)) / geodesy.KM_PER_DEGREE,
        longitude + random.normal(0, ERROR_KM / np.sqrt(2)) / 80.0,
        abs(depth + random.normal(0, ERROR_KM)),
    )
    told = _told(hypocentre, places[near], phases)
    weight = np.ones(len(near))
    reach = first_motion_ratios.REACH_KM / geodesy.KM_PER_DEGREE
    sized = near[(distance[near] <= reach) & (random.random(len(near)) < WITH_RATIO)]
    direct = ["Pg"] * len(sized)
    seen = _told(hypocentre, places[sized], direct)
    down = takeoffs(model, direct, distance[sized], depth)
    ray = geometry.axis_vector(azimuth[sized], 90.0 - down)
    lg = first_motion_ratios.predicted(ray, normal, slip) + random.normal(0, COMMON_SCATTER)
    lg += random.normal(0, RATIO_SCATTER, len(sized))
    wrong = random.random(len(sized)) < RATIO_WRONG
    lg += RATIO_WRONG_BY * random.choice((-1, 1), len(sized)) * wrong
    return Drawn(
        truth,
        Polarities(sign, weight, told.azimuth, told.takeoff),
        Polarities(sign, weight, azimuth[None, near], angle[None]),
        Ratios(lg, seen.azimuth, seen.takeoff),
    )


def _told(hypocentre: tuple[float, float, float], places: np.ndarray, phases: list[str]) -> Rays:
    """Return the rays as the inversion sees them, the errors of the hypocentre known."""
    return rays(
        *hypocentre,
        places[:, 0],
        places[:, 1],
        phases,
        epicentre_error_km=ERROR_KM,
        depth_error_km=ERROR_KM,
    )


def random_planes(random: np.random.Generator, count: int | None = None) -> Planes:
    """Draw double couples, uniform over all."""
    return Planes(
        np.asarray(random.uniform(0.0, 360.0, count)),
        np.degrees(np.arccos(random.uniform(0.0, 1.0, count))),
        np.asarray(random.uniform(-180.0, 180.0, count)),
    )


def round_trip(random: np.random.Generator) -> float:
    """Return the largest angle [deg] by which planes -> tensor -> axes -> planes differ."""
    planes = random_planes(random, 10_000)
    normal, slip = geometry.fault_vectors(*planes)
    axes = geometry.principal(geometry.tensor_of(normal, slip)).axes
    worst = 0.0
    for back in geometry.planes_of_axes(axes.t, axes.p):
        again = geometry.axes_of(*geometry.fault_vectors(*back))
        first = geometry.axes_of(normal, slip)
        for one, other in ((first.t, again.t), (first.b, again.b), (first.p, again.p)):
            worst = max(worst, float(geometry.angle_between(one, other).max()))
    return worst


def beachballs_per_second(random: np.random.Generator) -> float:
    planes = np.column_stack(random_planes(random, 500)).tolist()
    begun = time.perf_counter()
    for strike, dip, rake in planes:
        beachball(strike, dip, rake)
    return len(planes) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=300, help="events of each kind")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    report = Report("mechanism", {"events": options.size, "seed": options.seed})
    places = stations()
    random = np.random.default_rng(options.seed)
    report.add("stations", len(places), "")
    report.add("round_trip_deg", round_trip(random), "deg", at_most=0.01)
    report.add("beachballs_per_second", beachballs_per_second(random), "1/s", at_least=100.0)
    first = draw(places, 30, 60, random)
    first_motion.solve(first.polarities, first.ratios)  # compiled
    for key, (least, most) in POLARITIES.items():
        off, told, seconds, numbers, exact = [], [], [], [], []
        compared, of_ratios, covered_so = [], [], []
        good = []
        for _event in range(options.size):
            drawn = draw(places, least, most, random)
            begun = time.perf_counter()
            solution = first_motion.solve(drawn.polarities)
            seconds.append(time.perf_counter() - begun)
            if solution is None:
                raise RuntimeError("no solution of so many polarities")
            numbers.append(len(drawn.polarities.sign))
            off.append(float(geometry.kagan_of_planes(solution.planes[0], drawn.truth)))
            both = first_motion.solve(drawn.polarities, drawn.ratios)
            if both is not None:
                compared.append(len(drawn.ratios.log_ratio))
                of_ratios.append(float(geometry.kagan_of_planes(both.planes[0], drawn.truth)))
                covered_so.append(of_ratios[-1] <= both.uncertainty_deg)
            known = first_motion.solve(drawn.exact)
            if known is not None:
                exact.append(float(geometry.kagan_of_planes(known.planes[0], drawn.truth)))
            told.append(solution.uncertainty_deg)
            good.append(solution.quality in "AB")
        angle, stated = np.array(off), np.array(told)
        gate = key == "n30"
        covered = float((angle <= stated).mean())
        report.add(f"polarities_{key}", float(np.median(numbers)), "")
        report.add(
            f"share25_{key}", float((angle <= 25).mean()), "", at_least=0.88 if gate else None
        )
        report.add(
            f"share35_{key}", float((angle <= 35).mean()), "", at_least=0.95 if gate else None
        )
        if gate:
            many = np.array(numbers) >= MANY
            report.add("share25_n30_to_59", float((angle[~many] <= 25).mean()), "")
            report.add("share25_n60", float((angle[many] <= 25).mean()), "")
        is_good = np.array(good)
        report.add(f"graded_ab_{key}", float(is_good.mean()), "")
        if is_good.any():
            report.add(f"share25_ab_{key}", float((angle[is_good] <= 25).mean()), "")
        for limit in (25, 35):
            share = float((np.array(exact) <= limit).mean())
            report.add(f"share{limit}_exact_{key}", share, "")
        report.add(f"ratios_{key}", float(np.median(compared)), "")
        for limit in (25, 35):
            share = float((np.array(of_ratios) <= limit).mean())
            report.add(f"share{limit}_ratios_{key}", share, "")
        report.add(f"calibration_ratios_{key}", float(np.mean(covered_so)), "")
        report.add(f"kagan_p95_{key}", float(np.percentile(angle, 95)), "deg")
        report.add(f"uncertainty_{key}", float(np.median(stated)), "deg")
        if gate:
            report.add("calibration", covered, "", at_least=0.60)
            report.add("calibration_most", covered, "", at_most=0.76)
            report.add("events_per_second", 1.0 / float(np.mean(seconds)), "1/s")
        else:
            report.add(f"calibration_{key}", covered, "")
    report.print()


if __name__ == "__main__":
    main()
