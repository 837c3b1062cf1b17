"""One value for the network from many stations' magnitudes of one type.

Station values of different scales never meet here: the caller groups them by type first. Values
come and go in full precision; how many decimals are printed is the page's business.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class StationValue:
    """One station's magnitude; a station may appear more than once."""

    station: str
    value: float


@dataclass(frozen=True)
class NetworkRule:
    """How the stations of one magnitude type become one value. The name goes with the result."""

    name: str
    minimum_stations: int = 3
    maximum_deviation: float | None = None
    """Drop stations farther from the median than this; None: `maximum_mads` decides."""
    maximum_mads: float | None = None
    """Drop stations farther from the median than so many 1.4826 median absolute deviations."""
    spared: float = 0.0
    """Stations as near to the median as this stay, however well the others agree."""
    trim: float = 0.0
    """Share of stations left out of the spread, half at each end, 0-1."""


# iLoc: median of stations, spread of the 20 % trimmed set, three stations (project methods 2.3).
ILOC_RULE = NetworkRule("iloc-median", trim=0.2)
# Energy class: stations off the median by more than 1.5 are dropped (project methods 1.6).
KR_RULE = NetworkRule("kr-median", maximum_deviation=1.5)

RULES: dict[str, NetworkRule] = {"KR": KR_RULE}
"""Rules of types that have their own; all others follow `ILOC_RULE`."""

# Magnitudes from amplitudes: three stations as in iLoc; outliers by median absolute deviation.
# Three deviations and what is spared are ours: single stations of one scale scatter by about 0.3.
_MADS, _SPARED = 3.0, 0.3
BODY_RULE = NetworkRule("body-median", maximum_mads=_MADS, spared=_SPARED)
SURFACE_RULE = NetworkRule("surface-median", maximum_mads=_MADS, spared=_SPARED)
LOCAL_RULE = NetworkRule("local-median", maximum_mads=_MADS, spared=_SPARED)
# An agency's moment is no station's reading: one is enough.
MOMENT_RULE = NetworkRule("moment-median", 1, maximum_mads=_MADS, spared=_SPARED)

SCALE_RULES: dict[str, NetworkRule] = {
    "KR_WSG": KR_RULE,
    "KR_ASLANOV": KR_RULE,
    "MPVA": BODY_RULE,
    "MPSP": BODY_RULE,
    "MLV": SURFACE_RULE,
    "MLH": SURFACE_RULE,
    "MS_REG": SURFACE_RULE,
    "Ms_20": SURFACE_RULE,
    "Ms_BB": SURFACE_RULE,
    "mb": BODY_RULE,
    "mb_MB": BODY_RULE,
    "mb_VC": BODY_RULE,
    "mB_BB": BODY_RULE,
    "ML": LOCAL_RULE,
    "mb_Lg": LOCAL_RULE,
    "Mw": MOMENT_RULE,
}
"""Rules of the scales computed from amplitudes, by id (`processing.core.magnitude_scales`)."""


@dataclass(frozen=True)
class NetworkMagnitude:
    """The network's value, or why there is none."""

    value: float | None
    uncertainty: float | None
    """Scaled median absolute deviation of the stations used, in the scale's units."""
    station_count: int
    """Stations used."""
    used: tuple[bool, ...]
    """For each value given, whether its station counts."""
    rule: str
    reason: Literal["too_few_stations"] | None = None


def rule_for(magnitude_type: str) -> NetworkRule:
    """Return the rule of a magnitude type."""
    return RULES.get(magnitude_type, ILOC_RULE)


def network_magnitude(values: Iterable[StationValue], rule: NetworkRule) -> NetworkMagnitude:
    """Return the median of the stations' medians and its spread.

    Parameters
    ----------
    values : iterable of StationValue
        All of one magnitude type. Several values of one station become their median first.
    rule : NetworkRule
        From `rule_for`, or an agency's own.

    Notes
    -----
    uncertainty = 1.4826 median|m - median(m)| (SMAD), of the set without the outer `trim` share
    where there are stations enough to trim.

    References
    ----------
    Bondár & Storchak (2011), Geophys. J. Int. 186, 1220-1244, network magnitudes.
    doi:10.1111/j.1365-246X.2011.05107.x
    """
    rows = list(values)
    by_station: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_station[row.station].append(row.value)
    stations = sorted(by_station)
    station_values = [statistics.median(by_station[s]) for s in stations]
    keep = _near_median(station_values, rule)
    kept = {station for station, near in zip(stations, keep, strict=True) if near}
    used = tuple(row.station in kept for row in rows)
    if len(kept) < rule.minimum_stations:
        return NetworkMagnitude(None, None, len(kept), used, rule.name, "too_few_stations")
    good = sorted(value for value, near in zip(station_values, keep, strict=True) if near)
    value = statistics.median(good)
    cut = int(0.5 * rule.trim * len(good))
    core = good[cut : len(good) - cut]
    middle = statistics.median(core)
    spread = MAD_TO_SIGMA * statistics.median(abs(m - middle) for m in core)
    return NetworkMagnitude(value, spread, len(kept), used, rule.name)


def _near_median(values: Sequence[float], rule: NetworkRule) -> list[bool]:
    """Return which stations stay: all, or those within the rule's distance of the median."""
    if not values:
        return []
    middle = statistics.median(values)
    deviation = [abs(value - middle) for value in values]
    limit = math.inf if rule.maximum_deviation is None else rule.maximum_deviation
    if rule.maximum_mads is not None:
        by_mads = rule.maximum_mads * MAD_TO_SIGMA * statistics.median(deviation)
        # With no spread at all nothing can be called an outlier by it alone.
        if by_mads > 0.0 or rule.spared > 0.0:
            limit = min(limit, max(by_mads, rule.spared))
    # A hair of slack: 11.5 - 10.0 must not be lost to the last binary digit.
    return [d <= limit + 1e-9 for d in deviation]
