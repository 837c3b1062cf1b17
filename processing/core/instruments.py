"""Seismographs as records of poles and zeros, from ground displacement to the trace.

A response is a function of complex frequency, ``H(s) = k s^n / prod(s - p)``, for ground
displacement at the input. What a record is scaled to is said by ``normal``: at the greatest value
of a short- or long-period seismograph it is 1, so that a trace divided by the magnification and by
the response at its period is true ground displacement, as Soviet bulletins print it.

The general electromagnetic seismograph with galvanometer has, but for sign and magnification,

    H(s) = s^3 / [(s^2 + 2 Ds ws s + ws^2)(s^2 + 2 Dg wg s + wg^2) - 4 c Ds Dg ws wg s^2]

with seismometer (s) and galvanometer (g) of angular frequency w and damping D as a share of the
critical one, and their coupling c (often written as sigma squared).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core.magnitude_scales import Certainty

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Periods among which the greatest response is looked for [s].
_PERIODS = np.geomspace(0.01, 1000.0, 20001)


class Normal(StrEnum):
    """Where a response is 1."""

    PEAK = "peak"
    """At the period it answers best."""
    HIGH = "high"
    """Far above its natural frequency: static gain 1."""
    NONE = "none"
    """Not scaled: displacement or velocity itself."""


@dataclass(frozen=True)
class Instrument:
    """One seismograph."""

    id: str
    title: str
    poles: tuple[complex, ...]
    """rad/s"""
    zeros: int
    """How many, all at the origin, for displacement at the input."""
    normal: Normal
    certainty: Certainty
    source: str
    long_period: bool = False
    """Its band needs the long-period filter of `measuring`."""

    def _plain(self, frequency: ArrayLike) -> ComplexArray:
        s = 2j * np.pi * np.asarray(frequency, dtype=np.float64)
        found = np.asarray(s**self.zeros, dtype=np.complex128)
        for pole in self.poles:
            found = found / (s - pole)
        return found

    @cached_property
    def _scale(self) -> float:
        if self.normal is Normal.PEAK:
            return 1.0 / float(np.abs(self._plain(1.0 / _PERIODS)).max())
        return 1.0

    def response(self, frequency: ArrayLike) -> ComplexArray:
        """Return the complex response to displacement at frequencies [Hz], of their shape.

        Of the velocity "instrument" it has the unit 1/s, of all others none.
        """
        found: ComplexArray = self._plain(frequency) * self._scale
        return found

    def relative(self, period_s: ArrayLike) -> FloatArray:
        """Return how much a wave of a period is magnified, as a share of the magnification."""
        found: FloatArray = np.abs(self.response(1.0 / np.asarray(period_s, dtype=np.float64)))
        return found


def coupled(
    seismometer_s: float,
    seismometer_damping: float,
    galvanometer_s: float,
    galvanometer_damping: float,
    coupling: float = 0.0,
) -> tuple[complex, ...]:
    """Return the four poles of a seismometer with its galvanometer [rad/s].

    Periods in s, dampings as shares of the critical one; see the head of the module.
    """
    ws, wg = 2.0 * np.pi / seismometer_s, 2.0 * np.pi / galvanometer_s
    ds, dg = seismometer_damping, galvanometer_damping
    denominator = np.polymul([1.0, 2.0 * ds * ws, ws**2], [1.0, 2.0 * dg * wg, wg**2])
    denominator[2] -= 4.0 * coupling * ds * dg * ws * wg
    return tuple(complex(pole) for pole in np.roots(denominator))


_OBSPY = "ObsPy, signal/tests/test_invsim.py (as PITSA has it); the first source was not at hand"

INSTRUMENTS: dict[str, Instrument] = {
    instrument.id: instrument
    for instrument in (
        Instrument(
            id="SKM",
            title="SKM-3 (Ts 2.0 s, Ds 0.5, Tg 0.35 s, Dg 1.5)",
            poles=coupled(2.0, 0.5, 0.35, 1.5),
            zeros=3,
            normal=Normal.PEAK,
            certainty=Certainty.ASSUMED,
            source="Constants assumed: those of SKM-3 were not found. Short period of 1.5 to 2 s: "
            "USGS Open-File Report 02-500",
        ),
        Instrument(
            id="SKD",
            title="SKD, Kirnos (Ts 25.0 s, Ds 0.5, Tg 1.20 s, Dg 8.0)",
            poles=coupled(25.0, 0.5, 1.2, 8.0),
            zeros=3,
            normal=Normal.PEAK,
            certainty=Certainty.VERIFIED,
            source="Constants from the poles of ObsPy's PAZ_KIRNOS, which they give to 4 digits",
            long_period=True,
        ),
        Instrument(
            id="WOOD_ANDERSON",
            title="Wood-Anderson at static gain 1",
            poles=(-6.283 + 4.7124j, -6.283 - 4.7124j),
            zeros=2,
            normal=Normal.HIGH,
            certainty=Certainty.VERIFIED,
            source="Uhrhammer & Collins (1990); IASPEI (2013). The instrument itself magnifies "
            "2080 times",
        ),
        Instrument(
            id="WWSSN_SP",
            title="WWSSN short-period",
            poles=(
                -4.0093 - 4.0093j,
                -4.0093 + 4.0093j,
                -4.6077 - 6.9967j,
                -4.6077 + 6.9967j,
            ),
            zeros=3,
            normal=Normal.PEAK,
            certainty=Certainty.LITERATURE,
            source=_OBSPY,
        ),
        Instrument(
            id="WWSSN_LP",
            title="WWSSN long-period",
            poles=(-0.4189 + 0j, -0.4189 + 0j, -0.0628 + 0j, -0.0628 + 0j),
            zeros=3,
            normal=Normal.PEAK,
            certainty=Certainty.LITERATURE,
            source=_OBSPY,
            long_period=True,
        ),
        Instrument(
            id="VELOCITY",
            title="ground velocity",
            poles=(),
            zeros=1,
            normal=Normal.NONE,
            certainty=Certainty.VERIFIED,
            source="the ground itself",
            long_period=True,
        ),
        Instrument(
            id="DISPLACEMENT",
            title="ground displacement",
            poles=(),
            zeros=0,
            normal=Normal.NONE,
            certainty=Certainty.VERIFIED,
            source="the ground itself",
        ),
    )
}

WOOD_ANDERSON_MAGNIFICATION = 2080.0
"""Of the instrument; with the older 2800 magnitudes come out 0.13 lower."""
