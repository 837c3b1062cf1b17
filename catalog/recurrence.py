"""How the number of earthquakes falls with their size: the slope of lg N against energy class.

``lg N = a - γ K``: year books of the Tien Shan and Kazakhstan call the slope of energy classes γ,
as b is that of magnitudes. Numbers in, numbers out: no Django.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

#: Ours: with fewer events the uncertainty itself is hardly known, so no slope is told.
LEAST_EVENTS = 50


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its standard error, and what it rests on."""

    value: float
    sigma: float
    number: int
    """Events from ``lowest`` on."""
    lowest: float
    """The smallest size counted: the first above which the catalogue is held complete."""


def slope(sizes: Mapping[float, int], lowest: float, width: float) -> Slope | None:
    """Return the maximum-likelihood slope of sizes that are rounded to a width.

    Parameters
    ----------
    sizes
        Number of events of each size; sizes are multiples of ``width``.
    lowest
        Smaller sizes are left out.
    width
        What sizes are rounded to. The smallest size before rounding is ``lowest - width / 2``.

    Returns
    -------
    None for fewer than ``LEAST_EVENTS`` events, or where all have one size.

    References
    ----------
    Aki (1965), Bull. Earthq. Res. Inst. 43, 237-239: the estimate. Utsu (1966), J. Fac. Sci.
    Hokkaido Univ. Ser. VII 2, 359-374: half a width off the smallest size, as sizes are rounded.
    Shi and Bolt (1982), Bull. Seismol. Soc. Am. 72, 1677-1687: the standard error,
    ``ln 10 · slope² · sqrt(Σ (size - mean)² / (n (n - 1)))``.
    """
    counted = {s: n for s, n in sizes.items() if s > lowest - width / 2 and n > 0}
    number = sum(counted.values())
    if number < LEAST_EVENTS or len(counted) < 2:
        return None
    mean = math.fsum(s * n for s, n in counted.items()) / number
    value = math.log10(math.e) / (mean - (lowest - width / 2))
    squares = math.fsum(n * (s - mean) ** 2 for s, n in counted.items())
    sigma = math.log(10) * value**2 * math.sqrt(squares / (number * (number - 1)))
    return Slope(value, sigma, number, lowest)
