"""What stations read of a true event: which of them see it, when P and S come, how large they are.

Travel times are those of the locator's own models for the region, with errors drawn from the
a-priori errors the locator assumes (methods 3.1). The Expedition locates with the same models, so
its errors are honest; the data centre with iasp91, so the two agencies differ as they really do.
Amplitudes follow the WSG formula of the energy class (methods 1.2); their sum is shared by P and S
as the mechanism sends them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from catalog import focal_geometry
from processing.core import first_motion_ratios, geodesy, phases
from processing.core.earth_models import Mixture, mixture_at
from processing.core.first_motion_rays import takeoff_angles
from processing.core.predictions import codes_of, predict
from processing.example.seismicity import Mechanism, Source
from processing.example.sites import Network, Site

#: Errors are drawn no farther out than this: gross errors are another matter.
LARGEST_SIGMAS = 2.5
#: S is read where it stands out of the coda of P.
S_OVER_THRESHOLD = 1.6
#: lg of the ratio of S and P where both have the same radiation, and its scatter. Ours.
LG_S_OVER_P, RATIO_SIGMA = 0.3, 0.2
STATION_KR_SIGMA = 0.25
IMPULSIVE_OVER_THRESHOLD = 6.0
POLARITY_OVER_THRESHOLD = 4.0
WRONG_POLARITY = 0.06


@dataclass(frozen=True, slots=True)
class Reading:
    """An onset read at a station."""

    site: Site
    phase: str
    """IASPEI name."""
    time: datetime
    distance_deg: float
    impulsive: bool
    polarity: str | None
    amplitude_nm: float
    period_s: float
    kr: float | None
    """Energy class from this station; on its S reading."""


#: Name, travel time [s], dt/ddelta [s/deg], dt/dh [s/km].
_Onset = tuple[str, float, float, float]


def class_distance_term(distance_km: float) -> float:
    """Return B(R) of the WSG formula K = 1.84 (lg(A_P + A_S) + B(R)), A in micrometres.

    Notes
    -----
    The formula is stated to 800 km; beyond, the last branch is continued here only to say which
    stations see an event, never to size one.

    References
    ----------
    Akimov & Krasilov (2020), WSG, as given in the K-Class Magnitude Plugin for SeisComP (methods
    1.2).
    """
    if distance_km <= 75.0:
        return 2.11 * math.log10(max(distance_km, 1.0)) + 1.32
    if distance_km <= 264.0:
        return 1.10 * math.log10(distance_km) + 3.21
    return 2.98 * math.log10(distance_km) - 1.34


CLASS_LIMIT_KM = 800.0


def observe(source: Source, network: Network, rng: np.random.Generator) -> tuple[Reading, ...]:
    """Return the onsets the network reads of an event, nearest station first."""
    centre = float(geodesy.geocentric_latitude(source.latitude))
    mixture = mixture_at(source.latitude, source.longitude)
    sites = network.sites
    distance, azimuth = geodesy.distance_azimuth(
        centre,
        source.longitude,
        geodesy.geocentric_latitude([s.latitude for s in sites]),
        [s.longitude for s in sites],
    )
    # All that is drawn is drawn for every station, so that what one sees changes nothing at others.
    draws = rng.normal(size=(len(sites), 4))
    chances = rng.random(size=len(sites))
    scatter = RATIO_SIGMA * rng.spawn(1)[0].normal(size=len(sites)).clip(-2.0, 2.0)
    readings: list[Reading] = []
    seen = 0
    for i in (int(i) for i in np.argsort(distance, kind="stable")):
        epicentral_km = float(distance[i]) * geodesy.KM_PER_DEGREE
        km = math.hypot(epicentral_km, source.depth_km)
        amplitude = 10.0 ** (source.kr / 1.84 - class_distance_term(km))  # sum, micrometres
        ratio = amplitude * 10.0 ** (0.15 * float(draws[i, 0])) / sites[i].threshold_um
        if epicentral_km > network.farthest_km or ratio < 1.0 or seen >= network.at_most:
            continue
        seen += 1
        readings += _onsets(
            source, sites[i], mixture, float(distance[i]), float(azimuth[i]), km, ratio,
            draws[i], float(chances[i]), LG_S_OVER_P + float(scatter[i]),
        )  # fmt: skip
    return tuple(readings)


def _onsets(
    source: Source,
    site: Site,
    mixture: Mixture,
    distance_deg: float,
    azimuth: float,
    km: float,
    ratio: float,
    draws: Sequence[float] | np.ndarray,
    chance: float,
    lg_s_over_p: float,
) -> list[Reading]:
    """Return P and, where it is clear enough, S at one station."""
    station_kr = source.kr + STATION_KR_SIGMA * min(max(float(draws[3]), -2.0), 2.0)
    amplitude_nm = 1000.0 * 10.0 ** (station_kr / 1.84 - class_distance_term(km))
    first_p = _first(mixture, "P", distance_deg, source.depth_km, site.elevation_m)
    s_share = _share_of_s(source, first_p, azimuth, lg_s_over_p)
    readings = []
    for wave, share, period, draw in (
        ("P", 1.0 - s_share, 0.3 + 0.05 * distance_deg, draws[1]),
        ("S", s_share, 0.5 + 0.10 * distance_deg, draws[2]),
    ):
        if wave == "S" and ratio < S_OVER_THRESHOLD:
            continue
        found = first_p
        if wave == "S":
            found = _first(mixture, wave, distance_deg, source.depth_km, site.elevation_m)
        if found is None:
            continue
        name, seconds, slope, dt_dh = found
        sigma = phases.PHASES[name].sigma_s(distance_deg)
        if sigma is None:
            continue
        error = sigma * min(max(float(draw), -LARGEST_SIGMAS), LARGEST_SIGMAS)
        polarity = None
        if wave == "P" and ratio >= POLARITY_OVER_THRESHOLD:
            # A blast pushes outwards everywhere.
            up = source.kind.endswith("blast") or first_motion_up(
                source.mechanism, azimuth, float(takeoff_angles(slope, dt_dh))
            )
            polarity = "positive" if up != (chance < WRONG_POLARITY) else "negative"
        readings.append(
            Reading(
                site=site,
                phase=name,
                time=source.time + timedelta(milliseconds=10 * round((seconds + error) * 100)),
                distance_deg=distance_deg,
                impulsive=ratio >= IMPULSIVE_OVER_THRESHOLD,
                polarity=polarity,
                amplitude_nm=round(share * amplitude_nm, 1),
                period_s=round(period, 2),
                kr=round(station_kr, 1) if wave == "S" and km <= CLASS_LIMIT_KM else None,
            )
        )
    return readings


def _share_of_s(source: Source, first_p: _Onset | None, azimuth: float, lg_ratio: float) -> float:
    """Return the part of S in the sum of both amplitudes; that of a blast has no direction."""
    if first_p is not None and not source.kind.endswith("blast"):
        _name, _seconds, slope, dt_dh = first_p
        m = source.mechanism
        ray = focal_geometry.axis_vector(azimuth, 90.0 - takeoff_angles(slope, dt_dh))
        planes = focal_geometry.fault_vectors(m.strike, m.dip, m.rake)
        lg_ratio += float(first_motion_ratios.predicted(ray, *planes))
    return float(1.0 / (1.0 + 10.0**-lg_ratio))


def _first(
    mixture: Mixture, wave: str, distance_deg: float, depth_km: float, elevation_m: float
) -> _Onset | None:
    """Return the first P or S."""
    names = [f"{wave}{branch}" for branch in "gbn"]
    found = predict(
        mixture, codes_of([*names, wave]), np.full(4, distance_deg), np.full(4, depth_km)
    )
    times = found.time
    if not np.isfinite(times[3]):
        return None
    best = 3
    for i in range(3):
        # The branch that is the first arrival; beyond all branches of the crust it is just "P".
        if np.isfinite(times[i]) and times[i] <= times[3] + 0.005:
            best = i
            break
    slope = float(found.dt_ddelta[best])
    per_km = slope / geodesy.KM_PER_DEGREE
    velocity = mixture.surface_p_km_s if wave == "P" else mixture.surface_s_km_s
    upward = math.sqrt(max(1.0 / velocity**2 - per_km**2, 0.0))
    seconds = float(times[best]) + elevation_m / 1000.0 * upward
    return (*names, wave)[best], seconds, slope, float(found.dt_dh[best])


def first_motion_up(mechanism: Mechanism, azimuth: float, takeoff: float) -> bool:
    """Tell whether P first moves the ground up: sign of 2 (g.n)(g.d), N-E-Down.

    References
    ----------
    Aki & Richards (2002), Quantitative Seismology, section 4.5.
    """
    normal, slip = focal_geometry.fault_vectors(mechanism.strike, mechanism.dip, mechanism.rake)
    ray = focal_geometry.axis_vector(azimuth, 90.0 - takeoff)
    return bool((ray @ normal) * (ray @ slip) > 0.0)
