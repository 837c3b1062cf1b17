"""Published calibration functions of body-wave magnitudes, by distance and depth.

Values between the printed points are linear in distance and in depth; outside the table there is
none. Each table says what it is: how it came here, and which amplitudes it is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationTable:
    """One function of distance and depth."""

    id: str
    """What a scale's record names."""
    title: str
    source: str
    note: str
    """How the numbers came here, and how good they are."""
    peak_to_peak: bool
    """True where the formula takes the amplitude from peak to peak, twice the zero-to-peak one."""
    distance_deg: FloatArray = field(repr=False)
    """Shape (n,), ascending."""
    depth_km: FloatArray = field(repr=False)
    """Shape (m,), ascending."""
    values: FloatArray = field(repr=False)
    """Shape (n, m)."""

    def at(self, distance_deg: ArrayLike, depth_km: ArrayLike) -> FloatArray:
        """Return values at points [deg, km], broadcast together; NaN outside the table."""
        distance, depth = np.broadcast_arrays(
            np.asarray(distance_deg, dtype=np.float64), np.asarray(depth_km, dtype=np.float64)
        )
        i, x = _place(self.distance_deg, distance)
        j, y = _place(self.depth_km, depth)
        near = (1.0 - x) * self.values[i, j] + x * self.values[i + 1, j]
        below = (1.0 - x) * self.values[i, j + 1] + x * self.values[i + 1, j + 1]
        result: FloatArray = (1.0 - y) * near + y * below
        return result


def _place(points: FloatArray, at: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the interval and the share of it passed, NaN outside; both ends are inside."""
    index = np.clip(np.searchsorted(points, at, side="right") - 1, 0, points.size - 2)
    share = (at - points[index]) / (points[index + 1] - points[index])
    return index, np.where((at >= points[0]) & (at <= points[-1]), share, np.nan)


def _table(rows: str) -> tuple[FloatArray, FloatArray]:
    """Return distances and values; a line of one value has it at every depth."""
    parsed = [[float(word) for word in line.split()] for line in rows.strip().splitlines()]
    width = max(len(row) for row in parsed) - 1
    return (
        np.array([row[0] for row in parsed]),
        np.array([row[1:] if len(row) > 2 else row[1:] * width for row in parsed]),
    )


# Distance [deg], then Q at depths 0, 25 and 50 km.
_GUTENBERG_RICHTER = """
5 6.4 6.3 6.0
10 7.3 7.1 6.9
15 6.3 6.1 6.0
20 6.1 6.1 6.1
25 6.5 6.4 6.3
30 6.6 6.6 6.5
35 6.6 6.7 6.7
40 6.4 6.5 6.6
45 6.7 6.7 6.6
50 6.7 6.8 6.8
55 6.8
60 6.9
65 7.0 6.9 6.8
70 6.9 6.9 6.7
75 6.8 6.8 6.7
80 6.7 6.8 6.7
85 7.0 7.0 6.9
90 7.0 7.0 7.1
95 7.2
100 7.3
"""

# Distance [deg], then Q at depths 0, 15 and 40 km.
_MURPHY_BARKER = """
2 1.500 1.500 1.400
3 1.946 1.976 2.176
4 2.338 2.318 2.408
5 2.577 2.547 2.587
6 2.750 2.711 2.740
7 2.894 2.843 2.854
8 3.007 2.947 2.936
9 3.110 3.050 3.030
10 3.201 3.141 3.101
11 3.286 3.217 3.157
12 3.355 3.285 3.215
13 3.402 3.332 3.252
14 3.417 3.344 3.257
15 3.418 3.336 3.233
16 3.417 3.322 3.190
17 3.396 3.299 3.145
18 3.372 3.277 3.140
19 3.342 3.257 3.136
20 3.317 3.247 3.145
21 3.304 3.246 3.147
22 3.298 3.254 3.149
23 3.318 3.273 3.166
24 3.336 3.306 3.202
25 3.451 3.391 3.271
30 3.721 3.631 3.501
40 3.62 3.54 3.41
50 3.67 3.58 3.44
60 3.73 3.64 3.50
70 3.79 3.70 3.56
80 3.85 3.75 3.61
90 4.05 3.95 3.81
100 4.51 4.42 4.29
"""


def _veith_clawson() -> CalibrationTable:
    path = Path(__file__).parent / "tables" / "veith-clawson.txt"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    distance, values = _table("\n".join(lines[1:]))
    return CalibrationTable(
        "veith-clawson",
        "Veith and Clawson, P(Δ, h)",
        "Veith & Clawson (1972), Bull. Seismol. Soc. Am. 62, 435-452, table 2",
        "As digitised for iLoc. For peak-to-peak amplitudes: with zero-to-peak ones it lacks 0.30, "
        "which the IDC adds to it.",
        True,
        distance,
        np.array([float(word) for word in lines[0].split()]),
        values,
    )


TABLES: dict[str, CalibrationTable] = {
    table.id: table
    for table in (
        CalibrationTable(
            "gutenberg-richter",
            "Gutenberg and Richter, Q(Δ, h) of PZ",
            "Gutenberg & Richter (1956), Ann. Geofis. 9, 1-15",
            "Digitised from the printed isolines, ±0.1, every 5° to a depth of 50 km. For "
            "amplitudes in µm; the formula takes 3.0 off for nm.",
            False,
            _table(_GUTENBERG_RICHTER)[0],
            np.array([0.0, 25.0, 50.0]),
            _table(_GUTENBERG_RICHTER)[1],
        ),
        CalibrationTable(
            "murphy-barker",
            "Murphy and Barker, Q(Δ, h)",
            "Murphy & Barker (2003), Bull. Seismol. Soc. Am. 93",
            "As tabulated for iLoc, to a depth of 40 km; every 10° beyond 30°. From 25° to 90° it "
            "is Veith and Clawson's with 0.30 added, for zero-to-peak amplitudes in nm.",
            False,
            _table(_MURPHY_BARKER)[0],
            np.array([0.0, 15.0, 40.0]),
            _table(_MURPHY_BARKER)[1],
        ),
        _veith_clawson(),
    )
}
"""By the id that scales name."""
