"""Magnitudes from amplitudes: how fast, against a plain loop, and against what bulletins report.

Speed is that of the numbers alone, on one core: from coordinates, amplitudes and periods to station
values with their outcomes, all scales in turn (``readings_per_second``); and, beside it, with
stations chosen and networks joined as a recomputation does it. ``ratio_to_loop`` is the first
against the same formulas written out reading by reading. ``sigma_recovery`` is the largest error of
a fitted distance curve where the truth is known, in magnitude units.

Then bulletins that carry amplitudes with the station magnitudes their agency made of them: for each
scale the mean and the standard deviation of the recomputed less the reported value. Reported ones
are rounded to 0.1, which alone makes a deviation of 0.03; those marked X are left out by NEIC.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from stack.report import Report

from processing.core import geodesy
from processing.core.amplitude_readings import AmplitudeReading
from processing.core.calibration import Calibration, Readings, fit_sigma
from processing.core.calibration_tables import TABLES
from processing.core.magnitude_assessment import Hypocentre, assess
from processing.core.magnitude_scales import BY_ID, Scale, Status
from processing.core.station_magnitude import station_magnitudes
from tests.processing.core.reported_magnitudes import bulletins, differences

NEEDS = ()
SCALES = tuple(s for s in BY_ID.values() if s.status in (Status.STANDARD, Status.UNCALIBRATED))


# --- Speed ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """Readings of one scale, some of them bad, each column of shape (n,)."""

    scale: Scale
    latitude: np.ndarray
    longitude: np.ndarray
    station_latitude: np.ndarray
    station_longitude: np.ndarray
    amplitude: np.ndarray
    second: np.ndarray
    period: np.ndarray
    depth_km: np.ndarray


def draw(scale: Scale, count: int, random: np.random.Generator) -> Drawn:
    """Draw readings over the scale's range, one in ten outside it or without an amplitude."""
    low, high = scale.distance_deg
    period = scale.period_s or (0.2, 2.0)
    latitude, longitude = random.uniform(40, 50, count), random.uniform(50, 85, count)
    distance = random.uniform(low, high + 0.05 * (high - low), count)
    station = geodesy.destination(
        geodesy.geocentric_latitude(latitude), longitude, random.uniform(0, 360, count), distance
    )
    amplitude = 10.0 ** random.uniform(0.0, 4.0, count)
    amplitude[random.random(count) < 0.05] = np.nan
    return Drawn(
        scale,
        latitude,
        longitude,
        geodesy.geographic_latitude(station[0]),
        station[1],
        amplitude,
        10.0 ** random.uniform(0.0, 4.0, count),
        random.uniform(period[0], period[1] * 1.05, count),
        random.uniform(0.0, min(scale.depth_km[1], 60.0), count),
    )


def vectorised(d: Drawn) -> np.ndarray:
    distance, _azimuth = geodesy.distance_azimuth(
        geodesy.geocentric_latitude(d.latitude), d.longitude,
        geodesy.geocentric_latitude(d.station_latitude), d.station_longitude,
    )  # fmt: skip
    return station_magnitudes(
        d.scale, d.amplitude, second=d.second, period=d.period, distance_deg=distance,
        depth_km=d.depth_km,
    ).value  # fmt: skip


def looped(d: Drawn, count: int) -> list[float]:
    """Compute the first readings one after the other, as a plain program would."""
    return [
        plain_value(
            d.scale,
            plain_distance(
                float(d.latitude[i]), float(d.longitude[i]),
                float(d.station_latitude[i]), float(d.station_longitude[i]),
            ),
            float(d.depth_km[i]), float(d.amplitude[i]), float(d.second[i]), float(d.period[i]),
        )
        for i in range(count)
    ]  # fmt: skip


def plain_distance(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Return the distance on the sphere between geographic points [deg]."""
    ratio = (1.0 - geodesy.WGS84_FLATTENING) ** 2
    p, q = (math.atan(ratio * math.tan(math.radians(x))) for x in (lat_1, lat_2))
    between = math.radians(lon_2 - lon_1)
    along = math.sin(p) * math.sin(q) + math.cos(p) * math.cos(q) * math.cos(between)
    across = math.hypot(
        math.cos(q) * math.sin(between),
        math.cos(p) * math.sin(q) - math.sin(p) * math.cos(q) * math.cos(between),
    )
    return math.degrees(math.atan2(across, along))


def plain_value(
    scale: Scale, distance: float, depth: float, a: float, b: float, period: float
) -> float:
    """Return a value by the scales' formulas, written down a second time; NaN where refused."""
    nan = math.nan
    if math.isnan(a) or a <= 0.0 or not scale.distance_deg[0] <= distance <= scale.distance_deg[1]:
        return nan
    if scale.period_s and not scale.period_s[0] <= period <= scale.period_s[1]:
        return nan
    if not scale.depth_km[0] <= depth <= scale.depth_km[1]:
        return nan
    r = math.hypot(distance * geodesy.KM_PER_DEGREE, depth)
    if scale.hypocentral_km and not scale.hypocentral_km[0] <= r <= scale.hypocentral_km[1]:
        return nan
    lg = math.log10
    match scale.id:
        case "KR_WSG":
            near = 2.11 * lg(r) + 1.32
            term = near if r <= 75 else 1.1 * lg(r) + 3.21 if r <= 264 else 2.98 * lg(r) - 1.34
            return 1.84 * (lg((a + b) / 1000.0) + term)
        case "KR_ASLANOV":
            return 2.94 + 1.935 * (lg((a + b) / 1000.0) + 1.734 * lg(r))
        case "MLV" | "MLH":
            return lg(a / 1000.0 / period) + 1.66 * lg(distance) + 3.3
        case "Ms_20":
            return lg(a / period) + 1.66 * lg(distance) + 0.3
        case "Ms_BB":
            return lg(a / (2.0 * math.pi)) + 1.66 * lg(distance) + 0.3
        case "mb":
            return lg(a / period) + plain_table(scale, distance, depth) - 3.0
        case "mb_MB":
            return lg(a / period) + plain_table(scale, distance, depth)
        case "mb_VC":
            return lg(2.0 * a / period) + plain_table(scale, distance, depth)
        case "mB_BB":
            return lg(a / (2.0 * math.pi)) + plain_table(scale, distance, depth) - 3.0
        case "ML":
            return lg(a) + 1.11 * lg(r) + 0.00189 * r - 2.09
        case "Mw":
            return (lg(a) - 9.1) / 1.5
    raise LookupError(scale.id)


def plain_table(scale: Scale, distance: float, depth: float) -> float:
    """Interpolate between four points of a table."""
    table = TABLES[scale.calibration]

    def place(points: list[float], x: float) -> tuple[int, float]:
        i = max(k for k in range(len(points) - 1) if points[k] <= x)
        return i, (x - points[i]) / (points[i + 1] - points[i])

    i, x = place(table.distance_deg.tolist(), distance)
    j, y = place(table.depth_km.tolist(), depth)
    q = table.values
    near = (1 - x) * q[i, j] + x * q[i + 1, j]
    return float((1 - y) * near + y * ((1 - x) * q[i, j + 1] + x * q[i + 1, j + 1]))


def speed(report: Report, count: int) -> None:
    random = np.random.default_rng(1)
    drawn = [draw(s, count, random) for s in SCALES if s.id != "Mw"]
    few = min(count, 2000)
    for d in drawn:
        plain, fast = np.array(looped(d, few)), vectorised(d)[:few]
        if not np.allclose(plain, fast, atol=1e-9, equal_nan=True):
            raise AssertionError(f"{d.scale.id}: the loop and the arrays differ")

    def seconds(run: Callable[[], object]) -> float:
        took = []
        for _ in range(3):
            begun = time.perf_counter()
            run()
            took.append(time.perf_counter() - begun)
        return statistics.median(took)

    rate = count * len(drawn) / seconds(lambda: [vectorised(d) for d in drawn])
    loop = few * len(drawn) / seconds(lambda: [looped(d, few) for d in drawn])
    report.add("readings_per_second", rate, "1/s", at_least=100_000, goal=True)
    report.add("plain loop", loop, "1/s")
    report.add("ratio_to_loop", rate / loop, "", at_least=5)
    by_scale = [(d.scale.id, *as_readings(d, min(count, 20_000))) for d in drawn]
    total = sum(len(readings) for _scale, readings, _places in by_scale)
    whole = total / seconds(lambda: [assess(s, r, places) for s, r, places in by_scale])
    report.add("with stations chosen and networks joined", whole, "1/s")


def as_readings(d: Drawn, count: int) -> tuple[list[AmplitudeReading], dict[int, Hypocentre]]:
    """Return readings as the job hands them over, twenty of an event."""
    readings, places = [], {}
    waves = "PS" if d.scale.component.value == "Z+H" else "P"
    for i in range(count // len(waves)):
        event = i // 20
        places.setdefault(
            event, Hypocentre(float(d.latitude[i]), float(d.longitude[i]), float(d.depth_km[i]))
        )
        for wave, amplitude in zip(waves, (d.amplitude[i], d.second[i]), strict=False):
            readings.append(
                AmplitudeReading(
                    event, d.scale.id, i, "KZ", f"S{i % 20:02d}", "", "", wave,  # type: ignore[arg-type]
                    None if np.isnan(amplitude) else float(amplitude), float(d.period[i]),
                    float(d.station_latitude[i]), float(d.station_longitude[i]), ("amplitude", i),
                )
            )  # fmt: skip
    return readings, places


# --- What a fit finds again -----------------------------------------------------------------------


#: A curve like those of Q within a thousand kilometres, and stations that read high or low.
TRUTH = Calibration(
    "truth",
    "MPVA",
    "sigma",
    (30.0, 2000.0),
    knots_km=(30.0, 100.0, 300.0, 900.0, 2000.0),
    sigma=(-0.5, 0.7, 2.1, 3.0, 3.4),
    station_terms={f"KZ.S{i:02d}": 0.1 * (i % 7 - 3) for i in range(21)},
)


@dataclass(frozen=True)
class Published:
    """Station readings of events whose magnitudes are known, each column of shape (n,)."""

    event: np.ndarray
    station: list[str]
    """Keys of `Calibration.station_terms`."""
    distance_km: np.ndarray
    log_amplitude: np.ndarray
    """lg(A/T), A in nm."""
    magnitude: np.ndarray
    """The event's published one."""


def published(truth: Calibration, events: int, sigma: float = 0.25) -> Published:
    """Draw readings that follow a known curve and known station terms but for their scatter.

    One in twenty is wrong by a whole unit either way. The sum of the station terms is zero.
    """
    random = np.random.default_rng(2)
    names = sorted(truth.station_terms)
    event = np.repeat(np.arange(events), len(names))
    station = names * events
    low, high = np.log10(truth.distance_km)
    distance = 10.0 ** random.uniform(low, high, event.size)
    magnitude = random.uniform(3.0, 6.0, events)[event]
    error = random.normal(0.0, sigma, event.size)
    error += random.choice([-1.0, 0.0, 1.0], event.size, p=[0.025, 0.95, 0.025])
    terms = np.array([truth.station_terms[name] for name in station])
    return Published(
        event, station, distance, magnitude - truth.sigma_at(distance) - terms + error, magnitude
    )


def sigma_recovery(report: Report) -> None:
    """Report how well a fit finds the known curve and terms again, and by its own stated errors.

    The curve is compared at the middle nine tenths of its range. Of some twenty errors in units of
    the stated ones the largest is about 2.5 where these are right.
    """
    drawn = published(TRUTH, 200)
    y = drawn.magnitude - drawn.log_amplitude
    fitted = fit_sigma(Readings(drawn.event, drawn.station, drawn.distance_km, y))
    found = fitted.calibration("found", TRUTH.scale)
    low, high = np.log10(TRUTH.distance_km)
    margin = 0.05 * (high - low)
    at = 10.0 ** np.linspace(low + margin, high - margin, 100)
    error = found.sigma_at(at) - TRUTH.sigma_at(at)
    report.add("sigma_recovery", float(np.abs(error).max()), "", at_most=0.1)
    knots = np.array(fitted.knots_km)
    inside = (knots >= at[0]) & (knots <= at[-1])
    of_knots = (np.array(fitted.sigma) - TRUTH.sigma_at(knots)) / np.array(fitted.sigma_errors)
    report.add(
        "the same at the knots, stated errors", float(np.abs(of_knots[inside]).max()), "", at_most=4
    )
    terms = [
        (found.term(name) - term, fitted.terms[name].standard_error)
        for name, term in TRUTH.station_terms.items()
    ]
    report.add(
        "largest error of a station term", max(abs(e) for e, _stated in terms), "", at_most=0.1
    )
    report.add(
        "the same, stated errors", max(abs(e) / stated for e, stated in terms), "", at_most=4
    )


# --- What bulletins report ------------------------------------------------------------------------


def reported(report: Report) -> None:
    for name, lines in bulletins().items():
        found, refused = differences(lines)
        for scale, values in found.items():
            report.add(f"{name}, {scale}: readings", len(values), "")
            report.add(f"{name}, {scale}: mean difference", statistics.fmean(values), "")
            if len(values) > 1:
                report.add(f"{name}, {scale}: standard deviation", statistics.stdev(values), "")
        for scale, why in refused.items():
            for outcome, number in why.items():
                report.add(f"{name}, {scale}: {outcome}", number, "")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readings", type=int, default=100_000, help="of each scale")
    arguments = parser.parse_args()
    report = Report("magnitude", {"readings": arguments.readings})
    speed(report, arguments.readings)
    sigma_recovery(report)
    reported(report)
    report.print()


if __name__ == "__main__":
    main()
