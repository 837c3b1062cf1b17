"""Community intensity: what the reports of one place make together, by the rules of DYFI.

Every answer that matters has an index. A cell's indices are the means over the reports that gave
them, not means of intensities; their weighted sum (CWS) becomes a community decimal intensity
(CDI). The CDI is calibrated to the modified Mercalli scale.

References
----------
Wald, Quitoriano, Dengler & Dewey (1999), Seismol. Res. Lett. 70, 680-697.
The values are those of the USGS program dyfi4 (``dyfi/cdi.py``, ``dyfi/aggregate.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processing.core.geodesy import WGS84_EQUATORIAL_RADIUS_KM, WGS84_FLATTENING

METHOD_ID = "dyfi-cdi-1"

#: Question -> option -> index. "others" and "damage" stand apart: the one changes what "felt" is,
#: of the other several may be ticked. What has no index here is asked and not counted.
INDICES: dict[str, dict[str, float]] = {
    "motion": {"none": 0, "weak": 1, "mild": 2, "moderate": 3, "strong": 4, "violent": 5},
    "reaction": {
        "none": 0,
        "very_little": 1,
        "excitement": 2,
        "somewhat_frightened": 3,
        "very_frightened": 4,
        "extremely_frightened": 5,
    },
    "stand": {"no": 0, "yes": 1},
    "shelf": {
        "no": 0,
        "rattled_slightly": 0,
        "rattled_loudly": 0,
        "few_fell": 1,
        "many_fell": 2,
        "nearly_all_fell": 3,
    },
    "picture": {"no": 0, "moved": 1, "fell": 1},
    "furniture": {"no": 0, "yes": 1},
    "damage": {
        "none": 0,
        "hairline_cracks": 0.5,
        "few_windows": 0.5,
        "few_wall_cracks": 0.75,
        "many_wall_cracks": 1,
        "ceiling_or_tiles": 1,
        "chimney_cracks": 1,
        "many_windows": 2,
        "masonry_fell": 2,
        "old_chimney_fell": 2,
        "wall_or_pipe_damaged": 2,
        "shifted_foundation": 3,
        "porch_separated": 3,
        "modern_chimney_fell": 3,
        "wall_tilted": 3,
        "collapse": 3,
    },
}

#: What "felt" becomes where others felt it too, and where nobody else did.
FELT_BY_OTHERS = {"some": 0.72, "most": 1.0, "everyone": 1.0}
FELT_BY_NOBODY_ELSE = 0.36

WEIGHTS = {
    "felt": 5.0,
    "motion": 1.0,
    "reaction": 1.0,
    "stand": 2.0,
    "shelf": 5.0,
    "picture": 2.0,
    "furniture": 3.0,
    "damage": 5.0,
}

#: CDI = CDI_SLOPE ln CWS - CDI_OFFSET.
CDI_SLOPE, CDI_OFFSET = 3.3996, 4.3781
NOT_FELT, LEAST_FELT = 1.0, 2.0


def indices(felt: bool, answers: Mapping[str, object]) -> dict[str, float]:
    """Return the indices of one report: "felt", and those whose question was answered.

    Parameters
    ----------
    felt : bool
        Whether the person felt it.
    answers : mapping
        Question -> code of the option; for damage a list of codes, of which the highest counts.
        Questions without an index are passed over.

    Raises
    ------
    ValueError
        For an option that its question does not have: names question, found and expected.
    """
    found = {"felt": _felt(felt, answers.get("others"))}
    for question, options in INDICES.items():
        answer = answers.get(question)
        ticked = [answer] if isinstance(answer, str) else answer or []
        if not isinstance(ticked, Sequence):
            raise ValueError(_unknown(question, answer, options))
        for option in ticked:
            if not isinstance(option, str) or option not in options:
                raise ValueError(_unknown(question, option, options))
        if ticked:
            found[question] = float(max(options[option] for option in ticked))
    return found


def _felt(felt: bool, others: object) -> float:
    if not others or others == "alone":
        return 1.0 if felt else 0.0
    if others == "nobody":
        return FELT_BY_NOBODY_ELSE if felt else 0.0
    if not isinstance(others, str) or others not in FELT_BY_OTHERS:
        raise ValueError(_unknown("others", others, ("alone", "nobody", *FELT_BY_OTHERS)))
    return FELT_BY_OTHERS[others]


def _unknown(question: str, found: object, options: Sequence[str] | Mapping[str, float]) -> str:
    return f"{question}: found {found!r}, expected one of {', '.join(options)}"


def community_weighted_sum(reports: Sequence[Mapping[str, float]]) -> float:
    """Return the community weighted sum of the indices of a place's reports; 0 for none.

    Notes
    -----
    Each index is the mean over the reports that hold it: a question left out is not "no". Every
    report holds "felt", so a report of not having felt it, with nothing else answered, lowers
    that mean and leaves the others; one whose other answers are "none" or "no" lowers those too.
    Neither can raise the sum. The means are exact sums divided once: order does not matter.
    """
    total = []
    for index, weight in WEIGHTS.items():
        values = [report[index] for report in reports if index in report]
        if values:
            total.append(weight * (math.fsum(values) / len(values)))
    return math.fsum(total)


def community_decimal_intensity(cws: float) -> float:
    """Return the community decimal intensity of a weighted sum, to 0.1.

    1 where nothing was felt; at least 2 where anything was. The sum's ceiling of 52 gives 9.1.
    """
    if cws <= 0.0:
        return NOT_FELT
    cdi = round(CDI_SLOPE * math.log(cws) - CDI_OFFSET, 4)
    return round(max(cdi, LEAST_FELT), 1)


def equivalent(cdi: float) -> tuple[float, float]:
    """Return a community intensity as MSK-64 and as EMS-98, in half grades.

    Notes
    -----
    MMI, MSK-64 and EMS-98 are taken as equal to within their rounding, as Musson, Grünthal &
    Stucchi (2010, J. Seismol. 14, 413-428) find them to be for grades assigned with care. It is
    an equivalence of scales, not an assignment by the words of either: each is to be labelled so.
    """
    half = math.floor(2.0 * cdi + 0.5) / 2.0
    return half, half


# --- Cells ---------------------------------------------------------------------------------------

#: Krüger's series in the third flattening n, to its fourth power: below a micrometre in a zone.
_N = WGS84_FLATTENING / (2.0 - WGS84_FLATTENING)
_E = math.sqrt(WGS84_FLATTENING * (2.0 - WGS84_FLATTENING))
_RADIUS_KM = WGS84_EQUATORIAL_RADIUS_KM / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64)
_FORWARD = (
    _N / 2 - 2 * _N**2 / 3 + 5 * _N**3 / 16 + 41 * _N**4 / 180,
    13 * _N**2 / 48 - 3 * _N**3 / 5 + 557 * _N**4 / 1440,
    61 * _N**3 / 240 - 103 * _N**4 / 140,
    49561 * _N**4 / 161280,
)
_INVERSE = (
    _N / 2 - 2 * _N**2 / 3 + 37 * _N**3 / 96 - _N**4 / 360,
    _N**2 / 48 + _N**3 / 15 - 437 * _N**4 / 1440,
    17 * _N**3 / 480 - 37 * _N**4 / 840,
    4397 * _N**4 / 161280,
)
_SCALE = 0.9996
_FALSE_EASTING_KM, _FALSE_NORTHING_KM = 500.0, 10_000.0
#: Latitude bands of 8 degrees from 80 S; X has 12.
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
SOUTHERNMOST, NORTHERNMOST = -80.0, 84.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of the UTM grid."""

    code: str
    """Zone and band, easting and northing [cells], size [m]: "43T 066 478 10000", as DYFI's."""
    outline: tuple[tuple[float, float], ...]
    """Longitude and latitude [deg] of the corners, from the south-west, anticlockwise, closed."""
    latitude: float
    """Of the centre [deg]."""
    longitude: float


def cell(latitude: float, longitude: float, size_km: int) -> Cell:
    """Return the square of the UTM grid (WGS84) a point lies in.

    Parameters
    ----------
    latitude, longitude : float
        Geographic [deg].
    size_km : int
        Side of the square [km]; 1 or 10 here.

    Raises
    ------
    ValueError
        Outside 80 S to 84 N, where the grid ends.

    Notes
    -----
    A square that a border of two latitude bands crosses has the band of its centre, so that it
    is one square and not two. Where two zones meet the squares of both are cut by the border.
    """
    if not SOUTHERNMOST <= latitude <= NORTHERNMOST:
        raise ValueError(f"latitude: found {latitude}, expected -80 to 84 (the UTM grid)")
    zone = _zone(latitude, longitude)
    south = latitude < 0.0
    easting, northing = utm(latitude, longitude, zone)
    if south:
        northing += _FALSE_NORTHING_KM
    column, row = math.floor(easting / size_km), math.floor(northing / size_km)

    def corner(across: float, up: float) -> tuple[float, float]:
        y = (row + up) * size_km - (_FALSE_NORTHING_KM if south else 0.0)
        lat, lon = geographic((column + across) * size_km, y, zone)
        return lon, lat

    middle_lon, middle_lat = corner(0.5, 0.5)
    digits = 4 if size_km < 10 else 3
    band = _BANDS[min(max(int((middle_lat + 80.0) // 8.0), 0), len(_BANDS) - 1)]
    code = f"{zone}{band} {column:0{digits}d} {row:0{digits}d} {size_km * 1000}"
    ring = (corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1), corner(0, 0))
    return Cell(code, ring, middle_lat, middle_lon)


def _zone(latitude: float, longitude: float) -> int:
    """Return the UTM zone, with the exceptions of southern Norway and Svalbard."""
    longitude = (longitude + 180.0) % 360.0 - 180.0
    if 56.0 <= latitude < 64.0 and 3.0 <= longitude < 12.0:
        return 32
    if latitude >= 72.0 and 0.0 <= longitude < 42.0:
        return (31, 33, 35, 37)[sum(longitude >= border for border in (9.0, 21.0, 33.0))]
    return int((longitude + 180.0) // 6.0) + 1


def _meridian(zone: int) -> float:
    return 6.0 * zone - 183.0


def utm(latitude: float, longitude: float, zone: int) -> tuple[float, float]:
    """Return easting and northing of a point in a UTM zone [km]; south of the equator negative.

    References
    ----------
    Karney (2011), J. Geod. 85, 475-485, equations 7-11 and 35.
    """
    phi = math.radians(latitude)
    lam = math.radians((longitude - _meridian(zone) + 180.0) % 360.0 - 180.0)
    sin_phi = math.sin(phi)
    isometric = math.atanh(sin_phi) - _E * math.atanh(_E * sin_phi)
    tau = math.sinh(isometric)
    xi = math.atan2(tau, math.cos(lam))
    eta = math.asinh(math.sin(lam) / math.hypot(tau, math.cos(lam)))
    x, y = eta, xi
    for j, alpha in enumerate(_FORWARD, 1):
        y += alpha * math.sin(2 * j * xi) * math.cosh(2 * j * eta)
        x += alpha * math.cos(2 * j * xi) * math.sinh(2 * j * eta)
    return _FALSE_EASTING_KM + _SCALE * _RADIUS_KM * x, _SCALE * _RADIUS_KM * y


def geographic(easting_km: float, northing_km: float, zone: int) -> tuple[float, float]:
    """Return latitude and longitude [deg] of a place in a UTM zone: the inverse of ``utm``."""
    xi = northing_km / (_SCALE * _RADIUS_KM)
    eta = (easting_km - _FALSE_EASTING_KM) / (_SCALE * _RADIUS_KM)
    x, y = eta, xi
    for j, beta in enumerate(_INVERSE, 1):
        y -= beta * math.sin(2 * j * xi) * math.cosh(2 * j * eta)
        x -= beta * math.cos(2 * j * xi) * math.sinh(2 * j * eta)
    tau = math.sin(y) / math.hypot(math.sinh(x), math.cos(y))
    isometric, sin_phi = math.asinh(tau), math.sin(math.atan(tau))
    # Each step divides the error by 1 / e^2 = 149.
    for _ in range(8):
        sin_phi = math.tanh(isometric + _E * math.atanh(_E * sin_phi))
    lam = math.degrees(math.atan2(math.sinh(x), math.cos(y)))
    longitude = (lam + _meridian(zone) + 180.0) % 360.0 - 180.0
    return math.degrees(math.asin(sin_phi)), longitude
