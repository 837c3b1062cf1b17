"""What intensities tell of an earthquake: its I0, its magnitude, its place and its depth.

Two methods, from one set of points:

* Bakun and Wentworth: each intensity is a magnitude through an attenuation equation; the mean of
  them is the macroseismic magnitude, and the trial epicentre where they agree best is the
  macroseismic epicentre. I0 is what the equation gives at the epicentre for that magnitude.
* The decay of intensity with distance, Blake's equation with the coefficient of Shebalin: it
  gives I0 and the depth without a magnitude, and the radii of grades.

How many points are enough, the grids and the number of bootstrap samples are the portal's own.

References
----------
Bakun & Wentworth (1997), Bull. Seismol. Soc. Am. 87, 1502-1521.
Bindi, Parolai, Gómez Capera, Locati, Kalmetyeva & Mikhailova (2014), J. Seismol. 18, 1-21: the
method used on Central Asia.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core import geodesy
from processing.core import intensity_prediction as prediction
from processing.core.intensity_prediction import IntensityModel

FloatArray = NDArray[np.float64]

METHOD_ID = "kz-macroseismic-1"

#: So many points or more for an epicentre; for a depth, radii of grades and isoseismals. Ours.
POINTS_FOR_EPICENTRE = 6
POINTS_FOR_DECAY = 10
#: The points must span so many grades for a decay to be seen. Ours.
GRADES_FOR_DECAY = 1.0
#: Points in one direction hold no epicentre: the largest angle without one [deg]. Ours.
MOST_GAP_DEG = 270.0
#: A depth is told where the bootstrap's high and low differ by no more than this factor. Ours.
MOST_DEPTH_RATIO = 4.0
BOOTSTRAP_SAMPLES = 200
BOOTSTRAP_SEED = 1997
#: Half-width of the search and step of each pass over it [km].
EPICENTRE_GRID = ((200.0, 10.0), (12.0, 1.0))
DEPTHS_KM = np.geomspace(2.0, 100.0, 80)

#: Weight of a point by epicentral distance: 0.1 + cos(pi/2 R / 150 km), 0.1 beyond (equation 4).
WEIGHT_REACH_KM = 150.0
LEAST_WEIGHT = 0.1

#: Of Blake's equation, I0 - I = 3.5 lg sqrt(1 + R^2 / h^2).
DECAY = 3.5


@dataclass(frozen=True, slots=True)
class Points:
    """Places where an intensity was observed."""

    latitude: FloatArray
    """Geographic [deg], shape (n,), as the others."""
    longitude: FloatArray
    intensity: FloatArray
    """Best value [grades]; a range 3-4 is 3.5. "Not felt" has none and is no point."""

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, float]]) -> Points:
        """Return points from (latitude, longitude, intensity), in a fixed order."""
        table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2])

    def __len__(self) -> int:
        return len(self.intensity)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its standard error."""

    value: float
    error: float | None


@dataclass(frozen=True, slots=True)
class Epicentre:
    """The trial epicentre at which intensities agree best."""

    latitude: float
    longitude: float
    error_km: float
    """Within it lie 68 % of the bootstrap's epicentres."""
    magnitude: Estimate
    rms: float
    """Weighted scatter of the points' magnitudes there."""


@dataclass(frozen=True, slots=True)
class Isoseismal:
    """The circle within which a grade or more is expected, from the decay of the points."""

    grade: int
    radius_km: float
    low_km: float
    """16th and 84th percentile of the bootstrap."""
    high_km: float


@dataclass(frozen=True, slots=True)
class Decay:
    """I0 and depth from the decay of intensity with distance, and the radii of grades."""

    i0: Estimate | None
    """None, as the depth, where the points do not tell them: too few of them are near."""
    depth_km: float | None
    depth_low_km: float
    depth_high_km: float
    rms: float
    isoseismals: tuple[Isoseismal, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one set of points tells."""

    points: int
    largest: float
    i0: Estimate
    """At the instrumental epicentre, by the attenuation equation."""
    magnitude: Estimate
    """Of the points, for the instrumental epicentre [MLH]."""
    epicentre: Epicentre | None
    """None for fewer than ``POINTS_FOR_EPICENTRE`` points, or where none stands out."""
    decay: Decay | None


def assess(
    points: Points,
    latitude: float,
    longitude: float,
    depth_km: float,
    model: IntensityModel = prediction.MODELS[prediction.DEFAULT],
) -> Assessment | None:
    """Return all that points tell of an event; None without points.

    Parameters
    ----------
    points : Points
    latitude, longitude, depth_km : float
        Instrumental hypocentre [deg, km]; the depth has no effect on a model of fixed depth.
    model : IntensityModel
        The attenuation equation that turns an intensity into a magnitude.
    """
    if not len(points):
        return None
    distance = distances_km(points, latitude, longitude)
    of_points = prediction.magnitude_for(model, points.intensity, depth_km, distance)
    mean = mean_magnitude(of_points, model)
    i0, _ = prediction.predict(model, mean.value, depth_km, 0.0)
    return Assessment(
        points=len(points),
        largest=float(points.intensity.max()),
        i0=Estimate(float(i0), None if mean.error is None else model.a * mean.error),
        magnitude=mean,
        epicentre=epicentre(points, latitude, longitude, depth_km, model),
        decay=decay(points.intensity, distance),
    )


def distances_km(points: Points, latitude: ArrayLike, longitude: ArrayLike) -> FloatArray:
    """Return the distances of points from epicentres [km]; shapes broadcast."""
    angle, _ = geodesy.distance_azimuth(latitude, longitude, points.latitude, points.longitude)
    return angle * geodesy.KM_PER_DEGREE


def mean_magnitude(of_points: FloatArray, model: IntensityModel) -> Estimate:
    """Return the mean of the points' magnitudes and its standard error.

    The scatter of few points says little: it counts as no less than the model's own.
    """
    n = len(of_points)
    scatter = float(of_points.std(ddof=1)) if n > 1 else 0.0
    known = max(scatter, (model.sigma or 0.0) / model.a)
    return Estimate(float(of_points.mean()), known / n**0.5 if known else None)


# --- Bakun and Wentworth -------------------------------------------------------------------------


def distance_weight(distance_km: ArrayLike) -> FloatArray:
    """Return the weight of a point by its epicentral distance [km]."""
    share = np.minimum(np.asarray(distance_km, dtype=np.float64) / WEIGHT_REACH_KM, 1.0)
    result: FloatArray = LEAST_WEIGHT + np.cos(np.pi / 2.0 * share)
    return result


def epicentre(
    points: Points, latitude: float, longitude: float, depth_km: float, model: IntensityModel
) -> Epicentre | None:
    """Return the macroseismic epicentre, searched around the instrumental one.

    None for too few points, where the best place lies on the border of the search, and where the
    points lie to one side of it: then they do not hold it.
    """
    if len(points) < POINTS_FOR_EPICENTRE:
        return None
    counts = np.ones((1, len(points)))
    lat, lon, on_border = _best(points, latitude, longitude, depth_km, model, counts)
    _, azimuth = geodesy.distance_azimuth(lat[0], lon[0], points.latitude, points.longitude)
    if on_border[0] or geodesy.azimuthal_gaps(azimuth)[0] > MOST_GAP_DEG:
        return None
    random = np.random.default_rng(BOOTSTRAP_SEED)
    draws = random.integers(0, len(points), (BOOTSTRAP_SAMPLES, len(points)))
    counts = np.apply_along_axis(np.bincount, 1, draws, minlength=len(points)).astype(float)
    lats, lons, _ = _best(points, lat[0], lon[0], depth_km, model, counts, EPICENTRE_GRID[:1])
    angle, _ = geodesy.distance_azimuth(lat[0], lon[0], lats, lons)
    distance = distances_km(points, lat[0], lon[0])
    of_points = prediction.magnitude_for(model, points.intensity, depth_km, distance)
    weight = distance_weight(distance)
    mean = mean_magnitude(of_points, model)
    off = weight * (of_points - mean.value)
    # A place is not known better than the search's first step.
    error = float(np.percentile(angle * geodesy.KM_PER_DEGREE, 68.0))
    return Epicentre(
        float(lat[0]),
        float(lon[0]),
        max(error, EPICENTRE_GRID[0][1] / 2.0),
        mean,
        float(np.sqrt((off**2).sum() / (weight**2).sum())),
    )


def _best(
    points: Points,
    latitude: float,
    longitude: float,
    depth_km: float,
    model: IntensityModel,
    counts: FloatArray,
    passes: Sequence[tuple[float, float]] = EPICENTRE_GRID,
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return for each resampling the trial epicentre of least rms, and whether on the border.

    ``counts``, shape (samples, points): how often each point was drawn. Later passes refine
    around the first sample's best and so are for one sample.
    """
    on_border = np.zeros(len(counts), dtype=bool)
    for number, (half_width, step) in enumerate(passes):
        offsets = np.arange(-half_width, half_width + step / 2, step) / geodesy.KM_PER_DEGREE
        north, east = np.meshgrid(offsets, offsets, indexing="ij")
        lat = np.clip(latitude + north.ravel(), -89.9, 89.9)
        lon = longitude + east.ravel() / np.cos(np.radians(latitude))
        distance = distances_km(points, lat[:, None], lon[:, None])
        at = prediction.magnitude_for(model, points.intensity, depth_km, distance)
        square = distance_weight(distance) ** 2
        mean = counts @ at.T / counts.sum(axis=1, keepdims=True)
        total = counts @ (square * at**2).T - 2.0 * mean * (counts @ (square * at).T)
        rms2 = total / (counts @ square.T) + mean**2
        best = rms2.argmin(axis=1)
        if number == 0:
            edge = np.maximum(np.abs(north), np.abs(east)).ravel() > offsets[-1] * (1 - 1e-9)
            on_border = edge[best]
        latitude, longitude = float(lat[best[0]]), float(lon[best[0]])
    return lat[best], lon[best], on_border


# --- Decay with distance -------------------------------------------------------------------------


def decay(intensity: FloatArray, distance_km: FloatArray) -> Decay | None:
    """Return I0, depth and radii of grades by least squares and bootstrap; None for too few.

    Radii are told for grades between the least and the largest observed, within the distances
    observed: nothing is extrapolated.
    """
    enough = len(intensity) >= POINTS_FOR_DECAY
    if not enough or np.ptp(intensity) < GRADES_FOR_DECAY:
        return None
    random = np.random.default_rng(BOOTSTRAP_SEED)
    samples = random.integers(0, len(intensity), (BOOTSTRAP_SAMPLES, len(intensity)))
    chosen = np.vstack([np.arange(len(intensity)), samples])
    lost = DECAY / 2.0 * np.log10(1.0 + (distance_km / DEPTHS_KM[:, None]) ** 2)
    # At each depth I0 is the mean of intensities led back to the epicentre, rms their scatter.
    led_back = (intensity + lost)[:, chosen]
    best = led_back.std(axis=2).argmin(axis=0)
    i0 = led_back.mean(axis=2)[best, np.arange(len(chosen))]
    depths = DEPTHS_KM[best]
    low, high = np.percentile(depths[1:], (16.0, 84.0))
    is_told = 0 < best[0] < len(DEPTHS_KM) - 1 and high <= low * MOST_DEPTH_RATIO
    return Decay(
        i0=Estimate(float(i0[0]), float(i0[1:].std())) if is_told else None,
        depth_km=float(depths[0]) if is_told else None,
        depth_low_km=float(low),
        depth_high_km=float(high),
        rms=float(led_back[best[0], 0].std()),
        isoseismals=tuple(_isoseismals(intensity, distance_km, i0, depths)),
    )


def _isoseismals(
    intensity: FloatArray, distance_km: FloatArray, i0: FloatArray, depths: FloatArray
) -> list[Isoseismal]:
    found = []
    farthest = float(distance_km.max())
    for grade in range(int(np.ceil(intensity.min())), int(np.floor(intensity.max())) + 1):
        ratio = np.maximum(10.0 ** (2.0 * (i0 - grade) / DECAY) - 1.0, 0.0)
        radii = depths * np.sqrt(ratio)
        if 0.0 < radii[0] <= farthest:
            low, high = np.percentile(radii[1:], (16.0, 84.0))
            found.append(Isoseismal(grade, float(radii[0]), float(low), float(high)))
    return found
