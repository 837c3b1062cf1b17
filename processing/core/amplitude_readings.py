"""One amplitude read at one station, as the scales take it, wherever it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from processing.core.magnitude_scales import Outcome


@dataclass(frozen=True)
class AmplitudeReading:
    """An amplitude of one event at one component of a station, meant for one scale."""

    event: int
    scale: str
    """Id of the scale's record."""
    station: int | None
    """Primary key, if the station is known."""
    network: str
    code: str
    component: str
    """"Z", "N", "E" or ""; Soviet practice names horizontals so, others 1 and 2 (taken as N, E)."""
    sensor: str
    """Location and channel code without the component: what tells two sensors apart."""
    wave: Literal["P", "S", "L", ""]
    amplitude: float | None
    """In the unit of the scale's quantity: nm, nm/s."""
    period: float | None
    """s."""
    latitude: float | None
    """Of the station, deg."""
    longitude: float | None
    source: tuple[Literal["amplitude", "measurement", "mechanism"], int]
    """The table and row it comes from."""
    outcome: Outcome | None = None
    """What is known to be wrong with it already."""
    report: int = 0
    """The bulletin's entry it stands in; readings of one report are compared first. 0: of none."""
