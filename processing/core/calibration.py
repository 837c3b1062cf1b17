"""Distance curves, station terms and offsets of magnitude scales, fitted from published values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Calibration:
    """What was fitted for one scale, and where it holds."""

    version: str
    scale: str
    """Id of the scale's record."""
    kind: str
    """"sigma": a distance curve with station terms; "offset": one number with station terms."""
    distance_km: tuple[float, float]
    """Epicentral; no value outside."""
    knots_km: tuple[float, ...] = ()
    sigma: tuple[float, ...] = ()
    """The curve at the knots; a natural cubic spline in lg distance between them."""
    offset: float = 0.0
    """Added to every station's value."""
    station_terms: Mapping[str, float] = field(default_factory=dict)
    """Added to a station's value, by "network.code"."""
    residual_sigma: float = 0.0
    """Of one station's value, cross-validated, in the scale's units."""
