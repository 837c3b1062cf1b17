"""The locator against what is known: synthetic truth, gross errors, a wrong model, plain baselines.

Events are drawn at random around the stations of the example, each station reads P and S with a
chance that falls with distance, and the errors are drawn from the full covariance of the project's
methods 3.2 (variogram and phase error). So the best possible scatter of an epicentre is known: the
inverse of the Fisher information, F.

Keys: ``crlb_ratio`` = sqrt(mean(e' F e) / 2), e the error of the epicentre [km]; ``coverage90`` and
``coverage90_depth``, the share of truths inside the stated 90 %; ``outlier_growth_12`` and ``_6``,
by how much the median mislocation grows when a fifth of the readings is wrong by 5-60 s;
``outlier_coverage90``; ``coverage90_wrong_model``: times from the Kyrgyz model located with iasp91;
``events_per_second_20`` from a reported hypocentre and ``_20_global`` from nothing;
``ratio_to_baseline`` against SciPy's least squares over TauPy; ``memory_mb``.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from obspy.taup import TauPyModel
from scipy.optimize import least_squares
from stack.report import Report

from processing.core import geodesy, location, phases, travel_times
from processing.core.location import ArrivalObservation, Hypocentre, LocationError

NEEDS = ()
DATA = Path(__file__).resolve().parents[1] / "catalog" / "data"
# Project methods 3.2, written down a second time so that a slip in the locator does not hide here.
SILL = 0.6
NODES_KM = (0, 10, 20, 50, 100, 200, 300, 500, 700, 1000)
GAMMA = (0, 0.0629, 0.0953, 0.149, 0.191, 0.236, 0.268, 0.317, 0.346, 0.375)
CHI2_90 = {1: 2.706, 2: 4.605}
OUTLIER_S = (5.0, 60.0)
OUTLIER_SHARE = 0.2


@dataclass(frozen=True)
class Truth:
    """A synthetic event and what was read of it."""

    latitude: float
    longitude: float
    depth_km: float
    time: float
    arrivals: tuple[ArrivalObservation, ...]
    wrong: np.ndarray
    """Which arrivals are gross errors, shape (n,)."""
    covariance: np.ndarray
    """Of the arrivals' errors without the gross ones [s^2], shape (n, n)."""


def stations() -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Return geographic latitudes and longitudes [deg], codes and elevations [m]."""
    rows = []
    for name in ("stations.csv", "synthetic_stations.csv"):
        with (DATA / name).open(encoding="utf-8", newline="") as stream:
            rows += list(csv.DictReader(stream))
    return (
        np.array([float(r["latitude"]) for r in rows]),
        np.array([float(r["longitude"]) for r in rows]),
        [r["code"] for r in rows],
        np.array([float(r["elevation_m"]) for r in rows]),
    )


def names_at(
    distance_deg: float, depth_km: float, table: travel_times.TravelTimeTable
) -> list[str]:
    """Return what an analyst reads at a distance: the first P and the first S by name."""
    found = []
    for wave in "PS":
        names = [f"{wave}{branch}" for branch in "gbn"]
        times = table.predict(names, [distance_deg] * 3, [depth_km] * 3).time
        found.append(names[int(np.nanargmin(times))] if np.isfinite(times).any() else wave)
    return found


def covariance(names: Sequence[str], distance: np.ndarray, between_km: np.ndarray) -> np.ndarray:
    """Return the covariance of travel-time errors of arrivals [s^2]."""
    same = np.array([[a == b for a in names] for b in names])
    left = np.where(between_km <= 1000.0, SILL - np.interp(between_km, NODES_KM, GAMMA), 0.0)
    own = [
        phases.PHASES[n].sigma_s(float(d)) or np.nan for n, d in zip(names, distance, strict=True)
    ]
    return np.where(same, left, 0.0) + np.diag(np.square(own))


def draw(
    random: np.random.Generator,
    model: str,
    readings: tuple[int, int],
    depth_km: tuple[float, float] = (5.0, 30.0),
) -> Truth | None:
    """Draw an event with so many readings; None if the stations around do not give them."""
    latitude, longitude = float(random.uniform(41.5, 46.5)), float(random.uniform(73.0, 81.0))
    depth = float(random.uniform(*depth_km))
    where_latitude, where_longitude, codes, _ = stations()
    table = travel_times.load(model)
    geocentric = geodesy.geocentric_latitude(where_latitude)
    distance, _ = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(latitude)), longitude, geocentric, where_longitude
    )
    reach = random.uniform(1.0, 6.0)
    read = random.random(len(codes)) < np.exp(-distance / reach)
    heard = np.flatnonzero((distance < 9.0) & read)
    pairs = []
    for i in heard:
        p, s = names_at(float(distance[i]), depth, table)
        pairs.append((int(i), p))
        if random.random() < 0.8:
            pairs.append((int(i), s))
    if not readings[0] <= len(pairs):
        return None
    pairs = pairs[: readings[1]]
    index = np.array([i for i, _ in pairs])
    names = [n for _, n in pairs]
    between, _ = geodesy.distance_azimuth(
        geocentric[index][:, None], where_longitude[index][:, None],
        geocentric[index][None, :], where_longitude[index][None, :],
    )  # fmt: skip
    errors = covariance(names, distance[index], between * geodesy.KM_PER_DEGREE)
    travel = table.predict(names, distance[index], np.full(index.size, depth)).time
    if not (np.isfinite(travel).all() and np.isfinite(errors).all()):
        return None
    values, vectors = np.linalg.eigh(errors)
    noise = vectors @ (np.sqrt(np.maximum(values, 0.0)) * random.normal(size=index.size))
    observed = 100.0 + travel + noise
    arrivals = tuple(
        ArrivalObservation(
            codes[i], float(where_latitude[i]), float(where_longitude[i]), None, n, float(t)
        )
        for i, n, t in zip(index, names, observed, strict=True)
    )
    right = np.zeros(index.size, dtype=bool)
    return Truth(latitude, longitude, depth, 100.0, arrivals, right, errors)


def spoilt(truth: Truth, random: np.random.Generator) -> Truth:
    """Return the same event with a fifth of its readings grossly wrong."""
    n = len(truth.arrivals)
    wrong = np.zeros(n, dtype=bool)
    wrong[random.permutation(n)[: round(OUTLIER_SHARE * n)]] = True
    gross = random.uniform(*OUTLIER_S, n) * random.choice([-1.0, 1.0], n)
    return replace(
        truth,
        wrong=wrong,
        arrivals=tuple(
            replace(a, time=a.time + float(late)) if bad else a
            for a, late, bad in zip(truth.arrivals, gross, wrong, strict=True)
        ),
    )


def many(seed: int, count: int, model: str, **what: object) -> list[Truth]:
    """Draw so many events."""
    random = np.random.default_rng(seed)
    found: list[Truth] = []
    while len(found) < count:
        event = draw(random, model, **what)  # type: ignore[arg-type]
        if event is not None:
            found.append(event)
    return found


def error_km(truth: Truth, solution: location.LocationSolution) -> np.ndarray:
    """Return the error of the epicentre, east and north [km]."""
    distance, azimuth = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(truth.latitude)), truth.longitude,
        float(geodesy.geocentric_latitude(solution.latitude)), solution.longitude,
    )  # fmt: skip
    alpha = np.radians(azimuth)
    return np.array([np.sin(alpha), np.cos(alpha)]) * float(distance) * geodesy.KM_PER_DEGREE


def information(truth: Truth, model: str, free_depth: bool) -> np.ndarray:
    """Return the Fisher information of the epicentre at the truth [1/km^2], shape (2, 2)."""
    table = travel_times.load(model)
    distance, azimuth = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(truth.latitude)), truth.longitude,
        geodesy.geocentric_latitude([a.latitude for a in truth.arrivals]),
        [a.longitude for a in truth.arrivals],
    )  # fmt: skip
    found = table.predict(
        [a.phase for a in truth.arrivals], distance, np.full(distance.size, truth.depth_km)
    )
    per_km = found.dt_ddelta / ((geodesy.EARTH_RADIUS_KM - truth.depth_km) * np.pi / 180.0)
    alpha = np.radians(azimuth)
    design = np.column_stack(
        [np.ones(distance.size), -per_km * np.sin(alpha), -per_km * np.cos(alpha), found.dt_dh]
    )[:, : 4 if free_depth else 3]
    whole = design.T @ np.linalg.solve(truth.covariance, design)
    return np.linalg.inv(np.linalg.inv(whole)[1:3, 1:3])


def inside(vector: np.ndarray, solution: location.LocationSolution) -> bool:
    """Tell whether the truth lies in the stated ellipse."""
    angle = np.radians(solution.ellipse_azimuth)
    along = vector @ np.array([np.sin(angle), np.cos(angle)])
    across = vector @ np.array([np.cos(angle), -np.sin(angle)])
    return bool(
        (along / solution.semi_major_km) ** 2 + (across / solution.semi_minor_km) ** 2 <= 1.0
    )


def start_near(truth: Truth, random: np.random.Generator) -> Hypocentre:
    """Return what an agency might have reported: off by ten kilometres and two seconds."""
    return Hypocentre(
        truth.latitude + random.normal(0.0, 0.09),
        truth.longitude + random.normal(0.0, 0.12),
        truth.time + random.normal(0.0, 2.0),
        float(np.round(truth.depth_km / 5.0) * 5.0),
    )


def solve(
    truths: Sequence[Truth],
    model: str,
    with_start: bool,
    fixed: bool = False,
    doubt: bool = False,
) -> list[tuple[Truth, location.LocationSolution]]:
    """Locate events; those that cannot be located are left out."""
    random = np.random.default_rng(5)
    found = []
    for truth in truths:
        start = [start_near(truth, random)] if with_start else []
        try:
            solution = location.locate(
                truth.arrivals, model, start, truth.depth_km if fixed else None, doubt=doubt
            )
        except LocationError:
            continue
        found.append((truth, solution))
    return found


# --- what is measured -----------------------------------------------------------------------------


def synthetic_truth(report: Report, count: int) -> None:
    """Measure ``count`` events with a free depth, and those with a held one met on the way."""
    model = "iasp91"
    random, beginning = np.random.default_rng(1), np.random.default_rng(5)
    squares, hits, depth_hits, fixed_hits = [], [], [], []
    drawn = located = 0
    while len(hits) < count:
        truth = draw(random, model, readings=(12, 40))
        if truth is None:
            continue
        drawn += 1
        try:
            solution = location.locate(truth.arrivals, model, [start_near(truth, beginning)])
        except LocationError:
            continue
        located += 1
        vector = error_km(truth, solution)
        if solution.secondary_azimuthal_gap >= 200.0:
            continue
        if solution.depth_code != "F":
            fixed_hits.append(inside(vector, solution))
            continue
        squares.append(vector @ information(truth, model, free_depth=True) @ vector)
        hits.append(inside(vector, solution))
        assert solution.depth_error_km is not None
        depth_hits.append(abs(solution.depth_km - truth.depth_km) <= solution.depth_error_km)
    report.add("located", located / drawn, "")
    report.add("events with free depth", len(hits), "")
    report.add("events with a held depth", len(fixed_hits), "")
    report.add("crlb_ratio", float(np.sqrt(np.mean(squares) / 2.0)), "", at_most=1.06)
    coverage = float(np.mean(hits))
    report.add("coverage90", coverage, "", at_least=0.88)
    report.add("coverage90 (upper limit)", coverage, "", at_most=0.92)
    report.add("coverage90_depth", float(np.mean(depth_hits)), "", at_least=0.88)
    report.add("coverage90_depth (upper limit)", float(np.mean(depth_hits)), "", at_most=0.92)
    if fixed_hits:
        report.add("coverage90 of the epicentre, depth held", float(np.mean(fixed_hits)), "")


def gross_errors(report: Report, count: int) -> None:
    model = "iasp91"
    for name, readings, limit in (("12", (12, 40), 0.30), ("6", (6, 11), 1.00)):
        random = np.random.default_rng(8)
        truths = many(2, count, model, readings=readings)
        clean = solve(truths, model, with_start=True)
        dirty = solve([spoilt(truth, random) for truth in truths], model, with_start=True)
        medians = [
            statistics.median(float(np.hypot(*error_km(t, s))) for t, s in solved)
            for solved in (clean, dirty)
        ]
        report.add(f"median mislocation without gross errors, {name}", medians[0], "km")
        report.add(f"median mislocation with gross errors, {name}", medians[1], "km")
        report.add(f"located with gross errors, {name}", len(dirty) / count, "")
        report.add(f"outlier_growth_{name}", medians[1] / medians[0] - 1.0, "", at_most=limit)
        hits = float(np.mean([inside(error_km(t, s), s) for t, s in dirty]))
        named = float(np.mean([(~s.used[t.wrong]).mean() for t, s in dirty if t.wrong.any()]))
        good = float(np.mean([(~s.used[~t.wrong]).mean() for t, s in dirty]))
        report.add(f"gross errors found, {name}", named, "")
        report.add(f"good readings left out, {name}", good, "")
        if name == "12":
            report.add("outlier_coverage90", hits, "", at_least=0.84)
            report.add("outlier_coverage90 (upper limit)", hits, "", at_most=0.94)
        else:
            warned = [
                bool(s.warnings) or not s.used[t.wrong].any() for t, s in dirty if t.wrong.any()
            ]
            report.add("outlier coverage90, 6", hits, "")
            report.add("gross errors named or warned of, 6", float(np.mean(warned)), "")


def wrong_model(report: Report, count: int) -> None:
    """Say what a wrong model does: taken for right, and taken for wrong as the pipeline does."""
    truths = many(3, count, "kyrgyz", readings=(12, 40))
    for model, doubt in (("iasp91", False), ("iasp91", True), ("crust1-almaty", False)):
        solved = solve(truths, model, with_start=True, doubt=doubt)
        errors = np.array([error_km(t, s) for t, s in solved])
        hits = float(np.mean([inside(e, s) for e, (_, s) in zip(errors, solved, strict=True)]))
        told = f"{model}, errors raised" if doubt else model
        key = "coverage90_wrong_model" if told == "iasp91" else f"coverage90 with {told}"
        report.add(key, hits, "")
        report.add(f"bias east, {told}", float(errors[:, 0].mean()), "km")
        report.add(f"bias north, {told}", float(errors[:, 1].mean()), "km")
        deep = [s.depth_km - t.depth_km for t, s in solved if s.depth_code == "F"]
        report.add(f"bias of depth, {told}", float(np.mean(deep)) if deep else float("nan"), "km")
        scale = [s.error_scale for _, s in solved]
        report.add(f"errors scaled by, {told}", float(np.mean(scale)), "")


def speed(report: Report, count: int) -> None:
    model = "iasp91"
    truths = many(4, count, model, readings=(20, 20))
    random = np.random.default_rng(6)
    starts = [start_near(t, random) for t in truths]

    def per_second(with_start: bool) -> float:
        rates = []
        for _ in range(3):
            begun = time.perf_counter()
            for truth, start in zip(truths, starts, strict=True):
                location.locate(truth.arrivals, model, [start] if with_start else [])
            rates.append(len(truths) / (time.perf_counter() - begun))
        return statistics.median(rates)

    per_second(True)
    rate = per_second(True)
    report.add("events_per_second_20", rate, "1/s", at_least=1000, goal=True)
    report.add("events_per_second_20_global", per_second(False), "1/s", at_least=100, goal=True)
    long = two_hundred(truths[0])
    location.locate(long, model, [starts[0]])
    begun = time.perf_counter()
    for _ in range(5):
        location.locate(long, model, [starts[0]])
    report.add("200 arrivals", 200.0 * (time.perf_counter() - begun), "ms", at_most=50, goal=True)
    baseline = plain_seconds(truths[:2], starts[:2])
    report.add("SciPy over TauPy", 1.0 / baseline, "1/s")
    report.add("ratio_to_baseline", rate * baseline, "", at_least=100)
    events = [(t.arrivals, model, [start]) for t, start in zip(truths, starts, strict=True)]
    report.add("memory_mb", memory_mb(events), "MB", at_most=300)


#: Locates what it is sent and says the most memory it had, in kB (resource.getrusage would tell the
#: parent's, which exec hands on).
WORKER = """
import pickle, sys
from processing.core import location
for event in pickle.load(sys.stdin.buffer):
    location.locate(*event)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def memory_mb(events: Sequence[tuple[object, ...]]) -> float:
    """Return the memory of a process that does nothing but locate these events [MB]."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=pickle.dumps(events), capture_output=True, check=True
    )
    return int(done.stdout) / 1024.0


def two_hundred(truth: Truth) -> list[ArrivalObservation]:
    """Return the event as two hundred stations would read it."""
    random = np.random.default_rng(7)
    table = travel_times.load("iasp91")
    distance, azimuth = random.uniform(0.2, 80.0, 200), random.uniform(0.0, 360.0, 200)
    latitude, longitude = geodesy.destination(
        float(geodesy.geocentric_latitude(truth.latitude)), truth.longitude, azimuth, distance
    )
    travel = table.predict("P", distance, truth.depth_km).time
    return [
        ArrivalObservation(
            f"T{i:03d}", float(geodesy.geographic_latitude(latitude[i])), float(longitude[i]), None,
            "P", float(truth.time + travel[i] + random.normal(0.0, 1.0)),
        )
        for i in range(200)
    ]  # fmt: skip


def plain_seconds(truths: Sequence[Truth], starts: Sequence[Hypocentre]) -> float:
    """Return how long a plain least squares over TauPy takes an event [s]."""
    model = TauPyModel("iasp91")
    wanted = {"P": ["p", "P", "Pn", "Pg"], "S": ["s", "S", "Sn", "Sg"]}

    def residuals(x: np.ndarray, arrivals: Sequence[ArrivalObservation]) -> list[float]:
        found = []
        for a in arrivals:
            distance, _ = geodesy.distance_azimuth(
                float(geodesy.geocentric_latitude(x[1])), x[2],
                float(geodesy.geocentric_latitude(a.latitude)), a.longitude,
            )  # fmt: skip
            rays = model.get_travel_times(max(x[3], 0.0), float(distance), wanted[a.phase[0]])
            travel = min((ray.time for ray in rays), default=1e3)
            found.append((a.time - x[0] - travel) / (0.8 if a.phase[0] == "P" else 1.5))
        return found

    begun = time.perf_counter()
    for truth, start in zip(truths, starts, strict=True):
        x = [start.time, start.latitude, start.longitude, start.depth_km or 10.0]
        least_squares(residuals, x, args=(truth.arrivals,), diff_step=1e-3, max_nfev=8)
    return (time.perf_counter() - begun) / len(truths)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--events", type=int, default=5000, help="of the synthetic truth, with a free depth"
    )
    parser.add_argument("--part", choices=("truth", "outliers", "model", "speed"), default="")
    arguments = parser.parse_args()
    report = Report("locate", {"events": arguments.events})
    parts = {
        "truth": lambda: synthetic_truth(report, arguments.events),
        "outliers": lambda: gross_errors(report, max(arguments.events // 5, 50)),
        "model": lambda: wrong_model(report, max(arguments.events // 5, 50)),
        "speed": lambda: speed(report, 200),
    }
    for name, part in parts.items():
        if arguments.part in ("", name):
            part()
    report.print()


if __name__ == "__main__":
    main()
