"""Focal mechanisms from the first motions of P: which double couples the polarities allow.

Every double couple of an even grid is weighed by how well it explains the polarities, for each of
several trials of the location and the velocity model (take-off angles of each), and for several
shares of wrong readings; trials and shares are averaged over, none is picked. Ratios of the
amplitudes of S and P, where there are some, weigh the same double couples and trials
(`first_motion_ratios`). What is told is the double couple nearest to all of them by weight, and how
far from it 68 % of the weight lies.

The likelihood of a polarity is that of Walsh, Arnold & Townend: a reading near a nodal plane, where
little arrives, says little; any reading is wrong at times. The grid is Alexa's.

References
----------
Walsh, Arnold & Townend (2009), Geophys. J. Int. 176, 235-255.
Hardebeck & Shearer (2002), Bull. Seismol. Soc. Am. 92, 2264-2276: quality A to D, station
distribution ratio, trials of take-off angles.
Alexa (2022), Super-Fibonacci spirals, Proc. CVPR, 8291-8300.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from catalog import focal_geometry as geometry
from catalog.focal_geometry import Axes, Planes
from processing.core import first_motion_ratios
from processing.core.compiling import compiled
from processing.core.first_motion_ratios import LEAST_RATIOS, Ratios, expect_rays

FloatArray = NDArray[np.float64]

METHOD = "kz-portal/first-motion"
METHOD_ID = f"{METHOD}/2"

#: Double couples looked at: a quarter of so many rotations, some 5 degrees apart. Ours.
ROTATIONS = 120_000
#: Shares of wrong polarities that are averaged over, each as likely as the others. Ours.
WRONG_SHARES = (0.02, 0.05, 0.10, 0.20)
#: Amplitude, as a part of the largest P of the focal sphere, below which a sign is chance. Ours.
AMPLITUDE_NOISE = 0.10
#: Fewer polarities tell no mechanism.
LEAST_POLARITIES = 8
#: Of the weight: what the told uncertainty holds, and the accepted set is drawn from.
SHARE_TOLD = 0.68
SHARE_ACCEPTED = 0.90
ACCEPTED_SHOWN = 60
#: A mechanism so near to the told one counts as the same for its probability (HASH's cangle).
SAME_WITHIN_DEG = 45.0

#: Quality: least probability, largest uncertainty [deg], largest misfit, least station
#: distribution ratio (defaults of SKHASH 1.1.5).
QUALITY = {
    "A": (0.8, 25.0, 0.15, 0.5),
    "B": (0.6, 35.0, 0.20, 0.4),
    "C": (0.5, 45.0, 0.30, 0.3),
}
MOST_AZIMUTHAL_GAP_DEG = 90.0
MOST_TAKEOFF_GAP_DEG = 60.0

_BINS = 512
#: Where the told mechanism is looked for: around the heaviest of the grid, within so many degrees.
_CANDIDATES = 40
_NEIGHBOURS_DEG = 22.5


@dataclass(frozen=True, slots=True)
class Polarities:
    """First motions and the directions their rays left the source in, by trial.

    Trials differ in location and model; the first is the best known.
    """

    sign: NDArray[np.int8]
    """1 up (compression), -1 down, shape (n,)."""
    weight: FloatArray
    """0 to 1, of emergent readings less, shape (n,)."""
    azimuth: FloatArray
    """Event to station [deg], shape (trials, n)."""
    takeoff: FloatArray
    """From the downward vertical [deg]; beyond 90 the ray goes up; shape (trials, n)."""

    def __post_init__(self) -> None:
        n = len(self.sign)
        shapes = {"weight": self.weight.shape, "sign": self.sign.shape}
        for name, shape in shapes.items():
            if shape != (n,):
                raise ValueError(f"{name}: found shape {shape}, expected ({n},)")
        expect_rays(self.azimuth, self.takeoff, n)
        if not np.isin(self.sign, (-1, 1)).all():
            raise ValueError("sign: expected 1 (up) or -1 (down)")

    def directions(self) -> FloatArray:
        """Unit vectors north, east, down, shape (trials, n, 3)."""
        return geometry.axis_vector(self.azimuth, 90.0 - self.takeoff)


@dataclass(frozen=True, slots=True)
class Solution:
    """What polarities tell of the mechanism."""

    planes: tuple[Planes, Planes]
    axes: Axes
    uncertainty_deg: float
    """68 % of the weight lies within this Kagan angle of the told mechanism."""
    probability: float
    """Share of the weight within 45 degrees of it."""
    misfit: float
    """Weighted share of polarities it does not explain, of the first trial."""
    contradicting: NDArray[np.bool_]
    """Which polarities, shape (n,)."""
    station_distribution_ratio: float
    azimuthal_gap_deg: float
    takeoff_gap_deg: float
    quality: str
    """A to D."""
    accepted: Planes
    """A sample of what the polarities allow, drawn by weight: at most ``ACCEPTED_SHOWN``."""
    wrong_share: float
    """Mean share of wrong polarities the data ask for."""
    ratio_residual: FloatArray
    """Of log10 amplitude ratios, of the first trial and less their mean; empty where they are too
    few to count."""

    @property
    def ratio_misfit(self) -> float | None:
        """Root mean square of the residuals of log10 amplitude ratios."""
        off = self.ratio_residual
        return float(np.sqrt((off**2).mean())) if len(off) else None


def solve(polarities: Polarities, ratios: Ratios | None = None) -> Solution | None:
    """Return the mechanism of polarities; None for fewer than ``LEAST_POLARITIES``.

    The order of polarities does not matter. Polarities all alike have a solution too: a wide one.

    Parameters
    ----------
    ratios : Ratios, optional
        Amplitude ratios with rays of the same trials; one alone says nothing.
    """
    if ratios is not None and len(ratios.azimuth) != len(polarities.azimuth):
        raise ValueError(
            f"ratios: found {len(ratios.azimuth)} trials, expected {len(polarities.azimuth)}"
        )
    n = len(polarities.sign)
    if n < LEAST_POLARITIES:
        return None
    directions = polarities.directions()
    order = np.lexsort((directions[0, :, 2], directions[0, :, 1], directions[0, :, 0]))
    grid = _grid()
    log_weights = _log_likelihood(
        directions[:, order], polarities.sign[order], polarities.weight[order], grid
    )
    if ratios is not None and len(ratios.log_ratio) < LEAST_RATIOS:
        ratios = None
    if ratios is not None:
        log_weights += _log_likelihood_of_ratios(ratios, grid)[:, :, None]
    weights, wrong_share = _marginal(log_weights)
    told = _centre(weights)
    normal, slip = _vectors(told)
    axes = geometry.axes_of(normal, slip)
    off = _angles_to(told)
    uncertainty = _quantile(off, weights, SHARE_TOLD)
    probability = float(weights[off <= SAME_WITHIN_DEG].sum())
    amplitude = _amplitude(directions[0], normal, slip)
    contradicting = np.sign(amplitude) * polarities.sign < 0
    total = float(polarities.weight.sum())
    misfit = float(polarities.weight[contradicting].sum()) / total if total else 1.0
    ratio = float((polarities.weight * np.abs(amplitude)).sum() / total if total else 0.0)
    azimuthal, takeoff = gaps(polarities)
    return Solution(
        planes=(geometry.planes_of(normal, slip), geometry.planes_of(slip, normal)),
        axes=axes,
        uncertainty_deg=uncertainty,
        probability=probability,
        misfit=misfit,
        contradicting=contradicting,
        station_distribution_ratio=ratio,
        azimuthal_gap_deg=azimuthal,
        takeoff_gap_deg=takeoff,
        quality=quality_of(probability, uncertainty, misfit, ratio, azimuthal, takeoff),
        accepted=_accepted(weights),
        wrong_share=wrong_share,
        ratio_residual=np.empty(0)
        if ratios is None
        else first_motion_ratios.residuals(ratios, normal, slip),
    )


def quality_of(
    probability: float,
    uncertainty_deg: float,
    misfit: float,
    ratio: float,
    azimuthal_gap_deg: float,
    takeoff_gap_deg: float,
) -> str:
    """Return A, B, C or D: the best letter all of whose limits are kept; D where stations fail."""
    if azimuthal_gap_deg > MOST_AZIMUTHAL_GAP_DEG or takeoff_gap_deg > MOST_TAKEOFF_GAP_DEG:
        return "D"
    for letter, (least, widest, most, spread) in QUALITY.items():
        sure = probability >= least and uncertainty_deg <= widest
        if sure and misfit <= most and ratio >= spread:
            return letter
    return "D"


def gaps(polarities: Polarities) -> tuple[float, float]:
    """Return the largest angles [deg] without a ray, by azimuth and by take-off, of one trial.

    Up-going rays count at the opposite point of the lower hemisphere, as they are plotted.
    """
    lower = geometry.down(polarities.directions()[0])
    azimuth = np.sort(geometry.azimuth_plunge(lower)[0])
    azimuthal = float(np.diff(np.append(azimuth, azimuth[0] + 360.0)).max())
    takeoff = np.sort(90.0 - geometry.azimuth_plunge(lower)[1])
    return azimuthal, float(np.diff(np.concatenate(([0.0], takeoff, [90.0]))).max())


# --- The grid ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grid:
    quaternion: FloatArray
    """Shape (m, 4), the turn that takes T, B, P to north, east, down."""
    normal: FloatArray
    slip: FloatArray
    tensor: NDArray[np.float32]
    """Shape (m, 6), see ``_products``."""
    square: NDArray[np.float32]
    """Of the tensor, shape (m, 6), its elements in the same order."""


#: Constants of super-Fibonacci spirals (Alexa 2022, equation 11).
_PHI = math.sqrt(2.0)
_PSI = 1.533751168755204288118041


@cache
def _grid() -> _Grid:
    s = np.arange(ROTATIONS) + 0.5
    inner, outer = np.sqrt(s / ROTATIONS), np.sqrt(1.0 - s / ROTATIONS)
    alpha, beta = 2.0 * np.pi * s / _PHI, 2.0 * np.pi * s / _PSI
    every = np.column_stack(
        (inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta))
    )
    # Half a turn about an axis permutes the components: of four rotations that are one double
    # couple this keeps the one whose scalar part is the largest.
    kept = every[np.abs(every[:, 0]) >= np.abs(every[:, 1:]).max(axis=1)]
    kept = kept * np.sign(kept[:, :1])
    normal, slip = _vectors(kept)
    square = (_products(normal, normal) + _products(slip, slip)) / np.float32(2.0)
    return _Grid(kept, normal, slip, _products(normal, slip), square)


def _vectors(quaternion: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return normal and slip of turns of T, B, P, shape (..., 3) each."""
    w, x, y, z = np.moveaxis(quaternion, -1, 0)
    t = np.stack((1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)), axis=-1)
    p = np.stack((2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)), axis=-1)
    root = math.sqrt(2.0)
    return (t + p) / root, (t - p) / root


#: The double couple turned half about T, B and P: what multiplying from the right by i, j, k does.
_HALF_TURNS = np.array(
    [
        np.eye(4),
        [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0]],
        [[0, 0, -1, 0], [0, 0, 0, -1], [1, 0, 0, 0], [0, 1, 0, 0]],
        [[0, 0, 0, -1], [0, 0, 1, 0], [0, -1, 0, 0], [1, 0, 0, 0]],
    ]
)


def _cosines(quaternions: FloatArray, one: FloatArray) -> FloatArray:
    """Return cosines of half the angles to the four turns of one double couple, shape (n, 4)."""
    return np.abs(quaternions @ (_HALF_TURNS @ one).T)


def _angles_to(quaternion: FloatArray) -> FloatArray:
    """Return the Kagan angle [deg] of every double couple of the grid to one."""
    cosine = _cosines(_grid().quaternion, quaternion).max(axis=1)
    result: FloatArray = np.degrees(2.0 * np.arccos(np.clip(cosine, 0.0, 1.0)))
    return result


# --- Weights -------------------------------------------------------------------------------------


@cache
def _tables() -> NDArray[np.float32]:
    """Return ln P(a sign is as seen) by amplitude -1 to 1 and share of wrong readings."""
    amplitude = np.linspace(-1.0, 1.0, _BINS + 1)
    right = np.array([0.5 * math.erfc(-a / AMPLITUDE_NOISE / math.sqrt(2.0)) for a in amplitude])
    shares = np.array(WRONG_SHARES)
    table: NDArray[np.float32] = np.log(
        shares + (1.0 - 2.0 * shares) * right[:, None], dtype=np.float32
    )
    return table


def _products(vectors: FloatArray, others: FloatArray) -> NDArray[np.float32]:
    """Return the six different products of two vectors, symmetric: their tensor, shape (..., 6)."""
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    both = [vectors[..., i] * others[..., j] + vectors[..., j] * others[..., i] for i, j in pairs]
    return np.ascontiguousarray(np.stack(both, axis=-1), dtype=np.float32)


#: ``_products`` doubles what stands on the diagonal, the product of two tensors what does not.
_DIAGONAL_ONCE = np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0])


def _log_likelihood(
    directions: FloatArray, sign: NDArray[np.int8], weight: FloatArray, grid: _Grid
) -> NDArray[np.float32]:
    """Return the log likelihoods, shape (trials, grid, shares).

    The amplitude 2 (g.n)(g.d) is the product of two tensors: of the ray, of the double couple.
    """
    rays = _ray_tensors(directions) * sign[:, None].astype(np.float32)
    result = np.empty((len(directions), len(grid.tensor), len(WRONG_SHARES)), np.float32)
    _add_up(rays, weight.astype(np.float32), grid.tensor, _tables(), result)
    return result


def _log_likelihood_of_ratios(ratios: Ratios, grid: _Grid) -> NDArray[np.float32]:
    """Return the log likelihoods, shape (trials, grid)."""
    directions = ratios.directions()
    order = np.lexsort((ratios.log_ratio, *directions[0].T))
    return first_motion_ratios.log_likelihood(
        ratios.log_ratio[order], _ray_tensors(directions[:, order]), grid.tensor, grid.square
    )


def _ray_tensors(directions: FloatArray) -> NDArray[np.float32]:
    result: NDArray[np.float32] = (_products(directions, directions) * _DIAGONAL_ONCE).astype(
        np.float32
    )
    return result


@compiled
def _add_up(
    rays: NDArray[np.float32],
    weight: NDArray[np.float32],
    tensor: NDArray[np.float32],
    tables: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    trials, n, _ = rays.shape
    half = np.float32((tables.shape[0] - 1) / 2.0)
    middle = np.float32(half + 0.5)
    for i in range(tensor.shape[0]):
        m0, m1, m2 = tensor[i, 0] * half, tensor[i, 1] * half, tensor[i, 2] * half
        m3, m4, m5 = tensor[i, 3] * half, tensor[i, 4] * half, tensor[i, 5] * half
        for j in range(trials):
            # One sum for each of the four shares of wrong readings.
            s0 = s1 = s2 = s3 = np.float32(0.0)
            for k in range(n):
                f = (
                    rays[j, k, 0] * m0
                    + rays[j, k, 1] * m1
                    + rays[j, k, 2] * m2
                    + rays[j, k, 3] * m3
                    + rays[j, k, 4] * m4
                    + rays[j, k, 5] * m5
                )
                place = int(f + middle)
                w = weight[k]
                s0 += w * tables[place, 0]
                s1 += w * tables[place, 1]
                s2 += w * tables[place, 2]
                s3 += w * tables[place, 3]
            result[j, i, 0] = s0
            result[j, i, 1] = s1
            result[j, i, 2] = s2
            result[j, i, 3] = s3


def _marginal(log_weights: NDArray[np.float32]) -> tuple[FloatArray, float]:
    """Return the weights of the grid, sum 1, and the mean share of wrong readings."""
    scaled = np.exp(log_weights - log_weights.max())
    by_share = scaled.sum(axis=(0, 1), dtype=np.float64)
    weights: FloatArray = scaled.sum(axis=(0, 2), dtype=np.float64)
    share = float(by_share @ np.array(WRONG_SHARES) / by_share.sum())
    return weights / weights.sum(), share


def _centre(weights: FloatArray) -> FloatArray:
    """Return the double couple nearest to all by weight: first the heaviest, then the mean.

    The mean of turns is the leading eigenvector of their weighted outer products (Markley et al.
    2007, J. Guid. Control Dyn. 30, 1193-1197); each counts by the one of its four turns nearest
    to the last centre, and those beyond 45 degrees not.
    """
    counted = weights > weights.max() * 1e-6
    chosen, mass = _grid().quaternion[counted], weights[counted]
    # The heaviest neighbourhood, not the heaviest point.
    heaviest = np.argsort(mass)[::-1][:_CANDIDATES]
    narrow, wide = (math.cos(math.radians(a / 2.0)) for a in (_NEIGHBOURS_DEG, SAME_WITHIN_DEG))
    near = [mass[_cosines(chosen, chosen[i]).max(axis=1) >= narrow].sum() for i in heaviest]
    centre: FloatArray = chosen[heaviest[int(np.argmax(near))]]
    for _ in range(4):
        cosines = _cosines(chosen, centre)
        inside = np.flatnonzero(cosines.max(axis=1) >= wide)
        if not len(inside):
            break
        turns = _HALF_TURNS[cosines[inside].argmax(axis=1)]
        turned = np.einsum("nij,ni->nj", turns, chosen[inside])
        moments = (turned * mass[inside, None]).T @ turned
        centre = np.linalg.eigh(moments)[1][:, -1]
    return centre


def _quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, share)), len(order) - 1)])


def _accepted(weights: FloatArray) -> Planes:
    """Return an even sample of the heaviest double couples that hold 90 % of the weight."""
    order = np.argsort(weights)[::-1]
    number = int(np.searchsorted(np.cumsum(weights[order]), SHARE_ACCEPTED)) + 1
    held = order[:number][:: max(1, number // ACCEPTED_SHOWN)][:ACCEPTED_SHOWN]
    grid = _grid()
    return geometry.planes_of(grid.normal[held], grid.slip[held])


def _amplitude(directions: FloatArray, normal: FloatArray, slip: FloatArray) -> FloatArray:
    """Return the amplitude of P in directions, as a part of the largest, -1 to 1."""
    result: FloatArray = 2.0 * (directions @ normal) * (directions @ slip)
    return result
