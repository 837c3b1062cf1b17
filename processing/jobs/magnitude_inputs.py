"""What magnitudes from amplitudes need besides bulletins: calibrations, read waveforms."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from processing.core.amplitude_readings import AmplitudeReading
from processing.core.calibration import Calibration


def calibrations_in_force() -> Mapping[str, Calibration]:
    """Return the accepted calibrations by the id of their scale."""
    return {}


def parameters_in_force() -> Mapping[str, Mapping[str, float]]:
    """Return regional constants by the id of their scale; none is known for Kazakhstan."""
    return {}


def measured_readings(events: Collection[int]) -> list[AmplitudeReading]:
    """Return what was read from waveforms of these events."""
    return []
