"""Association against known truth: dense sequences, a year, cost.

Two agencies list the events of one synthetic seismicity; which reports are one event is known. The
generators are fixed and the numbers pooled over 20 seeds.

- *Sequence*: 500 aftershocks of the first half day (Omori, p 1, c 300 s), never nearer than 10 s,
  of magnitude 2 to 5 (b 1) around 43 N 77 E. Each agency lists 85 % of them, its epicentres wrong
  by 5 to 40 km in any direction, its times by 1 to 6 s either way, its magnitudes by 0.25 (standard
  error). In the variant with readings each agency has its own stations and up to two of the
  other's; the errors of travel times are drawn from the full covariance of the project's methods
  3.2, jointly for both agencies' stations.
- *Year*: 2,000 events at random in 1,500 km square and four sequences of 60, listed alike.
- *Plain rule*: the nearest not yet taken in 16 s and 100 km, report by report (ComCat's window).

- *Real*: where the team's data lie beside the checkout, ISC, USGS and GCMT lists of one region. 243
  rows of the USGS list carry the ISC's own event number, so that these pairs are known.

Keys: ``year_precision``, ``year_recall``, ``sequence_precision``, ``sequence_recall`` (with
readings), ``sequence_precision_noarr``, ``sequence_recall_noarr``, ``review_share`` (largest of the
three), ``naive_precision``, ``naive_recall``, ``seconds_100k`` for two bulletins of 100,000 on one
core, ``exponent`` of the cost from 10,000 to a million reports. A pair that waits for a person
counts as missed in recall and not at all in precision.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import locate
import numpy as np
from stack.report import Report

from processing.core import association, geodesy, joint_fit, travel_times
from processing.core.association import ReportView
from processing.core.location_problem import ArrivalObservation, Hypocentre, LocationError

NEEDS = ()
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "catalogs"
AGENCIES = ("SOME", "KNDC")
DETECTION = 0.85
PLACE_KM, TIME_S = (5.0, 40.0), (1.0, 6.0)
SIZE_ERROR = 0.25
DAY_S = 86_400.0
SEQUENCE_S = 43_200.0
PLAIN_WINDOW_S, PLAIN_WINDOW_KM = 16.0, 100.0
MODEL = "iasp91"


@dataclass(frozen=True)
class Events:
    """What really happened: times [s], places [km east and north of 43 N 77 E], sizes."""

    time: np.ndarray
    place: np.ndarray
    depth_km: np.ndarray
    magnitude: np.ndarray


@dataclass(frozen=True)
class Listed:
    """Two bulletins: reports, and the number of the event each is of."""

    reports: list[ReportView]
    event: dict[str, int]
    readings: dict[str, list[ArrivalObservation]]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The true pairs."""
        by_event: dict[int, list[str]] = {}
        for report, event in self.event.items():
            by_event.setdefault(event, []).append(report)
        return {(min(p), max(p)) for p in by_event.values() if len(p) == 2}


# --- generators -----------------------------------------------------------------------------------


def omori(random: np.random.Generator, count: int, duration_s: float, gap_s: float) -> np.ndarray:
    """Return times of aftershocks, rate ~ 1/(t + 300 s), none nearer to another than the gap."""
    c = 300.0
    kept: list[float] = []
    times = np.empty(0)
    while len(kept) < count:
        drawn = c * ((1.0 + duration_s / c) ** random.random(4 * count) - 1.0)
        times = np.sort(np.concatenate([times, drawn]))
        kept = [float(times[0])]
        for at in times[1:]:
            if at - kept[-1] >= gap_s:
                kept.append(float(at))
        times = np.array(kept)
    return np.sort(random.choice(times, count, replace=False))


def magnitudes(random: np.random.Generator, count: int) -> np.ndarray:
    """Return sizes from 2 to 5 after Gutenberg and Richter with b = 1."""
    beta = math.log(10.0)
    part = random.random(count) * (1.0 - math.exp(-3.0 * beta))
    return 2.0 - np.log(1.0 - part) / beta


def sequence(random: np.random.Generator, count: int = 500, gap_s: float = 10.0) -> Events:
    return Events(
        omori(random, count, SEQUENCE_S, gap_s),
        random.normal(0.0, 15.0, (count, 2)),
        random.uniform(3.0, 20.0, count),
        magnitudes(random, count),
    )


def year(random: np.random.Generator) -> Events:
    parts = [
        Events(
            random.uniform(0.0, 365.0 * DAY_S, 2000),
            random.uniform(-750.0, 750.0, (2000, 2)),
            random.uniform(3.0, 20.0, 2000),
            magnitudes(random, 2000),
        )
    ]
    for _ in range(4):
        shocks = sequence(random, 60)
        parts.append(
            replace(
                shocks,
                time=shocks.time + random.uniform(0.0, 360.0 * DAY_S),
                place=shocks.place + random.uniform(-750.0, 750.0, 2),
            )
        )
    return Events(
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.place for p in parts]),
        np.concatenate([p.depth_km for p in parts]),
        np.concatenate([p.magnitude for p in parts]),
    )


def place_of(east_km: float, north_km: float) -> tuple[float, float]:
    """Return latitude and longitude [deg]."""
    latitude = 43.0 + north_km / geodesy.KM_PER_DEGREE
    east = geodesy.KM_PER_DEGREE * math.cos(math.radians(latitude))
    return latitude, 77.0 + east_km / east


def listed(random: np.random.Generator, events: Events, detection: float = DETECTION) -> Listed:
    """Return the bulletins of two agencies."""
    reports, event = [], {}
    for agency in AGENCIES:
        for k in np.flatnonzero(random.random(events.time.size) < detection).tolist():
            off, azimuth = random.uniform(*PLACE_KM), random.uniform(0.0, 2.0 * math.pi)
            late = random.uniform(*TIME_S) * random.choice([-1.0, 1.0])
            east, north = events.place[k] + off * np.array([math.sin(azimuth), math.cos(azimuth)])
            latitude, longitude = place_of(float(east), float(north))
            size = float(events.magnitude[k] + random.normal(0.0, SIZE_ERROR))
            name = f"{agency}:{k:07d}"
            event[name] = k
            reports.append(
                ReportView(
                    name, agency, float(events.time[k] + late), latitude, longitude,
                    depth_km=max(float(events.depth_km[k] + random.normal(0.0, 6.0)), 0.0),
                    kr=4.0 + 1.8 * size,
                )
            )  # fmt: skip
    return Listed(reports, event, {})


class Networks:
    """Two agencies' stations around the sequence, up to two of them in common."""

    def __init__(self, random: np.random.Generator) -> None:
        latitude, longitude, codes, _ = locate.stations()
        distance, _ = geodesy.distance_azimuth(43.0, 77.0, latitude, longitude)
        near = random.permutation(np.flatnonzero(distance < 6.0))
        half = near.size // 2
        common = near[: int(random.integers(0, 3))]
        self.latitude, self.longitude, self.codes = latitude, longitude, codes
        self.of = {
            AGENCIES[0]: np.union1d(near[:half], common),
            AGENCIES[1]: np.union1d(near[half:], common),
        }


def read(random: np.random.Generator, events: Events, told: Listed) -> Listed:
    """Return the same bulletins with each report's readings; without those that have too few."""
    nets = Networks(random)
    table = travel_times.load(MODEL)
    agencies: dict[int, list[str]] = {}
    for report, k in told.event.items():
        agencies.setdefault(k, []).append(report)
    found: dict[str, list[ArrivalObservation]] = {}
    for k, reports in agencies.items():
        latitude, longitude = place_of(*map(float, events.place[k]))
        depth = float(events.depth_km[k])
        stations = np.unique(np.concatenate([nets.of[r.split(":")[0]] for r in reports]))
        distance, _ = geodesy.distance_azimuth(
            float(geodesy.geocentric_latitude(latitude)), longitude,
            geodesy.geocentric_latitude(nets.latitude[stations]), nets.longitude[stations],
        )  # fmt: skip
        reach = 1.2 * events.magnitude[k] - 0.6
        heard = [
            (int(station), float(far), name)
            for station, far in zip(stations, distance, strict=True)
            if far < reach
            for name, chance in zip(
                locate.names_at(float(far), depth, table), (1.0, 0.8), strict=True
            )
            if random.random() < chance
        ]
        if not heard:
            continue
        index = np.array([station for station, _, _ in heard])
        names = [name for _, _, name in heard]
        far = np.array([d for _, d, _ in heard])
        between, _ = geodesy.distance_azimuth(
            nets.latitude[index][:, None], nets.longitude[index][:, None],
            nets.latitude[index][None, :], nets.longitude[index][None, :],
        )  # fmt: skip
        errors = locate.covariance(names, far, between * geodesy.KM_PER_DEGREE)
        travel = table.predict(names, far, np.full(index.size, depth)).time
        values, vectors = np.linalg.eigh(errors)
        noise = vectors @ (np.sqrt(np.maximum(values, 0.0)) * random.normal(size=index.size))
        observed = events.time[k] + travel + noise
        for report in reports:
            own = set(nets.of[report.split(":")[0]].tolist())
            found[report] = [
                ArrivalObservation(
                    nets.codes[i], float(nets.latitude[i]), float(nets.longitude[i]), None, name,
                    # Two analysts read one onset within a tenth of a second.
                    float(at + random.normal(0.0, 0.05)),
                )
                for i, name, at in zip(index.tolist(), names, observed, strict=True)
                if i in own and np.isfinite(at)
            ]  # fmt: skip
    reports = [
        replace(
            r,
            arrivals=tuple((a.station, a.phase[0], a.time) for a in found.get(r.report_id, ())),
        )
        for r in told.reports
    ]
    return Listed(reports, told.event, found)


# --- rules ----------------------------------------------------------------------------------------


def joint_fits(told: Listed) -> dict[tuple[str, str], joint_fit.JointFit]:
    """Relocate what the engine asks for."""
    by_id = {r.report_id: r for r in told.reports}
    solved: dict[str, joint_fit.Alone | None] = {}

    def alone(name: str) -> joint_fit.Alone | None:
        if name not in solved:
            report, readings = by_id[name], told.readings[name]
            start = Hypocentre(report.latitude, report.longitude, 0.0, report.depth_km)
            moved = [replace(a, time=a.time - report.time) for a in readings]
            try:
                solved[name] = joint_fit.alone(moved, start, MODEL)
            except LocationError:
                solved[name] = None
        return solved[name]

    found = {}
    for one, other in association.to_relocate(told.reports):
        first, second = alone(one), alone(other)
        if first is None or second is None:
            continue
        try:
            found[one, other] = joint_fit.compare(
                first, second, by_id[other].time - by_id[one].time, MODEL
            )
        except LocationError:
            continue
    return found


def engine(told: Listed) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the pairs joined and the pairs left to a person."""
    found = association.partition(told.reports, joint=joint_fits(told) if told.readings else None)
    joined = {
        (g[i], g[j]) for g in found.groups for i in range(len(g)) for j in range(i + 1, len(g))
    }
    return joined, {(r.first, r.second) for r in found.reviews}


def plain(told: Listed) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return what the plain rule joins: the nearest in the window that is not taken yet."""
    mine = [r for r in told.reports if r.agency == AGENCIES[0]]
    times = np.array([r.time for r in mine])
    places = np.array([(r.latitude, r.longitude) for r in mine])
    taken = np.zeros(len(mine), dtype=bool)
    joined = set()
    for report in sorted(
        (r for r in told.reports if r.agency == AGENCIES[1]), key=lambda r: r.time
    ):
        distance, _ = geodesy.distance_azimuth(
            report.latitude, report.longitude, places[:, 0], places[:, 1]
        )
        km, late = distance * geodesy.KM_PER_DEGREE, np.abs(times - report.time)
        near = (late <= PLAIN_WINDOW_S) & (km <= PLAIN_WINDOW_KM) & ~taken
        if near.any():
            size = np.where(near, np.hypot(late / PLAIN_WINDOW_S, km / PLAIN_WINDOW_KM), np.inf)
            best = int(size.argmin())
            taken[best] = True
            pair = sorted((mine[best].report_id, report.report_id))
            joined.add((pair[0], pair[1]))
    return joined, set()


Rule = Callable[[Listed], tuple[set[tuple[str, str]], set[tuple[str, str]]]]


def score(lists: Sequence[Listed], rule: Rule) -> tuple[float, float, float]:
    """Return precision, recall and the share of true pairs in review, pooled."""
    right = given = true = doubtful = 0
    for told in lists:
        joined, reviewed = rule(told)
        right += len(joined & told.pairs)
        given += len(joined)
        true += len(told.pairs)
        doubtful += len((reviewed & told.pairs) - joined)
    return right / given, right / true, doubtful / true


def make(kind: str, seed: int) -> Listed:
    random = np.random.default_rng([seed, {"sequence": 1, "year": 2}[kind]])
    events = sequence(random) if kind == "sequence" else year(random)
    return listed(random, events)


# --- what is measured -----------------------------------------------------------------------------


def quality(report: Report, seeds: int) -> None:
    years = [make("year", seed) for seed in range(seeds)]
    bare = [make("sequence", seed) for seed in range(seeds)]
    precision, recall, year_review = score(years, engine)
    report.add("year_precision", precision, "", at_least=0.995)
    report.add("year_recall", recall, "", at_least=0.995)
    precision, recall, bare_review = score(bare, engine)
    report.add("sequence_precision_noarr", precision, "", at_least=0.965)
    report.add("sequence_recall_noarr", recall, "", at_least=0.98)
    naive_precision, naive_recall, _ = score(bare, plain)
    report.add("naive_precision", naive_precision, "", at_most=precision - 0.03)
    report.add("naive_recall", naive_recall, "", at_most=recall - 0.03)
    review = max(year_review, bare_review)
    report.add("review share without readings, sequence", bare_review, "")
    report.add("review share, year", year_review, "")
    report.add("review_share", review, "", at_most=0.02)


def quality_with_readings(report: Report, seeds: int) -> None:
    lists = []
    for seed in range(seeds):
        random = np.random.default_rng([seed, 1])
        events = sequence(random)
        lists.append(read(random, events, listed(random, events)))
    began = time.perf_counter()
    precision, recall, review = score(lists, engine)
    report.add("sequence_precision", precision, "", at_least=0.98)
    report.add("sequence_recall", recall, "", at_least=0.98)
    report.add("review share with readings, sequence", review, "", at_most=0.02)
    report.add("seconds a sequence with readings", (time.perf_counter() - began) / seeds, "s")


def real_lists() -> dict[str, list[ReportView]]:
    """Return the three lists of one region, by the agency that compiled them; empty if not here."""
    found: dict[str, list[ReportView]] = {}
    for agency in ("isc", "usgs", "gcmt"):
        path = SHARED / f"{agency}_box_upto2013_2015-2018.csv.gz"
        if not path.exists():
            return {}
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            found[agency.upper()] = [
                ReportView(
                    f"{agency.upper()}:{row['event_id']}",
                    agency.upper(),
                    datetime.fromisoformat(row["time"]).replace(tzinfo=UTC).timestamp(),
                    float(row["latitude"]),
                    float(row["longitude"]),
                    depth_km=float(row["depth"]) if row["depth"] else None,
                    magnitudes=((real_scale(row["mag_type"]), float(row["mag"])),),
                )
                for row in csv.DictReader(stream)
            ]
    return found


def real_scale(written: str) -> str:
    """Return the scale that a list's magnitude type belongs to."""
    upper = written.upper()
    return "Mw" if upper.startswith("MW") else {"MB": "mb", "MSZ": "MS"}.get(upper, upper)


def real(report: Report) -> None:
    lists = real_lists()
    if not lists:
        print("The team's data are not beside the checkout: nothing real is compared.")
        return
    isc = {r.report_id for r in lists["ISC"]}
    known = {}
    for row in lists["USGS"]:
        name = row.report_id.removeprefix("USGS:")
        if name.startswith("iscgem"):
            number = "ISC:" + name.removeprefix("iscgem").removeprefix("sup")
            if number in isc:
                known[row.report_id] = number
    found = association.partition([r for rows in lists.values() for r in rows])
    group = {name: members for members in found.groups for name in members}
    doubtful = {(r.first, r.second) for r in found.reviews}
    right = sum(b in group[a] for a, b in known.items())
    waiting = sum((b, a) in doubtful for a, b in known.items() if b not in group[a])
    wrong = sum(any(m.startswith("ISC:") and m != b for m in group[a]) for a, b in known.items())
    report.add("real: pairs known by number", len(known), "")
    report.add("real: of them found", right, "")
    report.add("real: of them doubtful", waiting, "")
    report.add("real: of them joined with another event", wrong, "")
    for one, other in itertools.combinations(lists, 2):
        both = [g for g in found.groups if {one, other} <= {name.partition(":")[0] for name in g}]
        doubts = [
            r
            for r in found.reviews
            if {r.first.partition(":")[0], r.second.partition(":")[0]} == {one, other}
        ]
        by_name = {r.report_id: r for rows in (lists[one], lists[other]) for r in rows}
        apart = [
            association.misfit(*(by_name[n] for n in g if n in by_name), association.RuleSet())
            for g in both
        ]
        report.add(
            f"real: {one} {len(lists[one])}, {other} {len(lists[other])}: joined", len(both), ""
        )
        report.add(f"real: {one}, {other}: doubtful", len(doubts), "")
        for name, value in (("km", "distance_km"), ("s", "time_difference_s")):
            values = [getattr(m, value) for m in apart]
            report.add(f"real: {one}, {other}: median", float(np.median(values)), name)
            report.add(f"real: {one}, {other}: 95 %", float(np.quantile(values, 0.95)), name)


def cost(report: Report, largest: int) -> None:
    """Two bulletins of a seismicity of constant rate: with more events comes more time."""
    seconds = {}
    count = 1_000
    while count <= largest:
        random = np.random.default_rng(count)
        events = Events(
            np.sort(random.uniform(0.0, 300.0 * count, count)),
            random.uniform(-750.0, 750.0, (count, 2)),
            random.uniform(3.0, 20.0, count),
            magnitudes(random, count),
        )
        told = listed(random, events, detection=1.0)
        runs = []
        for _ in range(3 if count < 100_000 else 1):
            began = time.perf_counter()
            association.partition(told.reports)
            runs.append(time.perf_counter() - began)
        seconds[count] = min(runs)
        report.add(f"seconds, two bulletins of {count:,}", seconds[count], "s")
        count *= 10
    if 100_000 in seconds:
        report.add("seconds_100k", seconds[100_000], "s", at_most=60.0, goal=True)
    sizes = sorted(seconds)[1:]
    if len(sizes) > 1:
        slope = math.log(seconds[sizes[-1]] / seconds[sizes[0]]) / math.log(sizes[-1] / sizes[0])
        report.add("exponent", slope, "", at_most=1.2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--largest", type=int, default=1_000_000, help="reports a bulletin, cost")
    parser.add_argument("--part", choices=("quality", "readings", "real", "cost"), default="")
    arguments = parser.parse_args()
    report = Report("associate", {"seeds": arguments.seeds, "largest": arguments.largest})
    parts = {
        "quality": lambda: quality(report, arguments.seeds),
        "readings": lambda: quality_with_readings(report, arguments.seeds),
        "real": lambda: real(report),
        "cost": lambda: cost(report, arguments.largest),
    }
    for name, part in parts.items():
        if arguments.part in ("", name):
            part()
    report.print()


if __name__ == "__main__":
    main()
