"""Which scale a reported amplitude is for, and what it is in the scale's unit.

The word of the agency decides: its magnitude hint, the type of the amplitude where it names a
scale, or the type of the station magnitude it made of it. Without one an amplitude is used only
where phase, unit, component, period and distance leave one reading of it:

- ground displacement of a first P at 20 to 100 deg with a period of mb: mb and its two relatives;
- ground displacement of P and of S within 800 km: the two classes of energy. P alone is used in a
  report that gives S as well, so that a bulletin of teleseismic P makes no class (`with_both`);
- ground displacement on the vertical of a surface wave of 18 to 22 s at 20 to 160 deg: Ms_20;
- ground displacement of a first P, or of a surface wave on the vertical, nearer than 20 deg: the
  regional scale whose curve was fitted to just such amplitudes, if one is in force.

Anything else is of no scale here: no amplitude feeds a scale it was not measured for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from catalog.scales import scale_of
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.magnitude_scales import BY_ID, SCALES, Component, Outcome, Quantity, Scale

Wave = Literal["P", "S", "L", ""]

CLASSES = ("KR_WSG", "KR_ASLANOV")
"""Scales made of two amplitudes, of P and of S."""

#: Nanometres in a unit of length, by its names in bulletins.
LENGTHS_NM = {
    "nm": 1.0, "нм": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mkm": 1e3, "мкм": 1e3, "mm": 1e6,
    "мм": 1e6, "cm": 1e7, "см": 1e7, "m": 1e9, "м": 1e9,
}  # fmt: skip
#: A Wood-Anderson read in these is the paper's trace, whose magnification is not told.
TRACE_UNITS = frozenset({"mm", "мм", "cm", "см"})
_PER_SECOND = re.compile(r"^(\w+)\s*(?:/\s*(?:s|sec|с)|\*\s*s(?:\*\*|\^)?-1)$")
_PEAK_TO_PEAK = re.compile(r"peak.{0,2}to.{0,2}peak|\bp2p\b|\bpk.?pk\b|\bp-p\b", re.I)

#: Names of amplitudes that say nothing of a scale.
_PLAIN_TYPES = frozenset({"", "A", "AP", "AS"})
#: What an amplitude of a signal's length or sum is called; none is an extremum.
_NO_EXTREMUM = frozenset({"duration", "period", "integral"})
_FIRST_P = re.compile(r"^P(g|b|n|\*|[1-9])?$", re.I)
_ANY_S = re.compile(r"^(S(g|b|n|\*)?|Lg)$", re.I)
_SURFACE = re.compile(r"^(L|LR|LRM|LV|LM|LMV|LZ|R|RM|M|MLR|MLV)$")

_MB_FAMILY = ("mb", "mb_MB", "mb_VC")
_REGIONAL_P, _REGIONAL_SURFACE = "MPVA", "MS_REG"
_REGIONAL_DEG = 20.0
"""Where the teleseismic scales begin."""
_CLASS_REACH_DEG = 800.0 / KM_PER_DEGREE
_CLASS_PERIOD_S = 3.0
"""Longest period of a P or S wave without a hint that a class is made of. Ours: SKM's pass band."""


@dataclass(frozen=True)
class ReportedAmplitude:
    """What a bulletin says of one amplitude, in its own words."""

    value: float | None
    unit: str = ""
    type: str = ""
    category: str = ""
    hint: str = ""
    """The magnitude it is for, as the agency says."""
    made_into: str = ""
    """Type of the station magnitude the agency made of it."""
    phase: str = ""
    channel: str = ""
    """SEED code, its component last, or the component alone."""
    period: float | None = None
    distance_deg: float | None = None


@dataclass(frozen=True)
class Use:
    """One scale an amplitude is for."""

    scale: str
    component: str
    """"Z", "N", "E" or "": not told."""
    wave: Wave
    amplitude: float | None
    """In the unit of the scale's quantity, zero to peak."""
    outcome: Outcome | None = None
    """Why it cannot be used."""
    hinted: bool = True
    """The agency says what it is for."""


def uses(reported: ReportedAmplitude, fitted: Collection[str] = ()) -> tuple[Use, ...]:
    """Return the scales an amplitude is for, none for most.

    ``fitted`` are the scales, by id, whose distance curve was fitted here and is in force.
    """
    if reported.category in _NO_EXTREMUM or reported.type == "END" or reported.unit == "s":
        return ()
    component, _sensor = component_and_sensor(reported.channel)
    named = _named(reported)
    scales = _without_hint(reported, component, fitted) if named is None else named
    found = []
    for scale_id in scales:
        scale = BY_ID[scale_id]
        amplitude, outcome = _in_its_unit(reported, scale)
        wave = _wave(reported, scale)
        if not _reads(scale, component, wave):
            outcome = Outcome.COMPONENT_MISSING
        found.append(Use(scale_id, component, wave, amplitude, outcome, named is not None))
    return tuple(found)


def component_and_sensor(channel: str, location: str = "") -> tuple[str, str]:
    """Return the component of a channel, "" if it tells none, and what names its sensor."""
    component = {"Z": "Z", "N": "N", "E": "E", "1": "N", "2": "E"}.get(channel[-1:], "")
    rest = channel[:-1] if component else channel
    return component, f"{location}.{rest}" if location or rest else ""


def telling(words: Iterable[str]) -> str:
    """Return the word that names a scale, the first by name; else the first of all, or ""."""
    return min(words, key=lambda word: (not _hinted(word.strip()), word), default="")


def with_both(waves: Iterable[Wave]) -> bool:
    """Tell whether a report's amplitudes of a class have both waves."""
    return {"P", "S"} <= set(waves)


def _named(reported: ReportedAmplitude) -> tuple[str, ...] | None:
    """Return the scales the agency's words name; ``None`` where it has none."""
    says_scale = reported.type not in _PLAIN_TYPES and not _PEAK_TO_PEAK.search(reported.type)
    for word in (
        reported.hint.strip(),
        reported.type.strip() if says_scale else "",
        reported.made_into.strip(),
    ):
        if word:
            return _hinted(word)
    # "AP" and "AS" are names for nothing but the two amplitudes of a class.
    return CLASSES if reported.type in ("AP", "AS") else None


def _hinted(word: str) -> tuple[str, ...]:
    if scale_of(word) == "KR":
        return CLASSES
    return tuple(scale.id for scale in SCALES if word in scale.hints)


def _without_hint(
    reported: ReportedAmplitude, component: str, fitted: Collection[str]
) -> tuple[str, ...]:
    distance, period, phase = reported.distance_deg, reported.period, reported.phase.strip()
    if distance is None or _nanometres(reported.unit) is None:
        return ()
    regional = distance < _REGIONAL_DEG and period is not None
    if _SURFACE.match(phase):
        if period is None or component != "Z":
            return ()
        scale = _REGIONAL_SURFACE if regional else "Ms_20"
        known = not regional or scale in fitted
        return (scale,) if known and _holds(scale, distance, period) else ()
    first_p = bool(_FIRST_P.match(phase)) and component in ("Z", "")
    if first_p and period is not None and _holds("mb", distance, period):
        return _MB_FAMILY
    of_s = bool(_ANY_S.match(phase)) and component != "Z"
    near = distance <= _CLASS_REACH_DEG and (period is None or period <= _CLASS_PERIOD_S)
    found = CLASSES if near and (first_p or of_s) else ()
    if first_p and regional and _REGIONAL_P in fitted and _holds(_REGIONAL_P, distance, period):
        found = (*found, _REGIONAL_P)
    return found


def _holds(scale_id: str, distance: float, period: float | None) -> bool:
    scale = BY_ID[scale_id]
    assert scale.period_s is not None and period is not None  # noqa: S101  # of those asked for
    return (
        scale.distance_deg[0] <= distance <= scale.distance_deg[1]
        and scale.period_s[0] <= period <= scale.period_s[1]
    )


def _wave(reported: ReportedAmplitude, scale: Scale) -> Wave:
    """Return which of two waves a class is made of an amplitude is; else the scale's own."""
    if scale.component is not Component.P_AND_S:
        first = scale.phases[0][:1] if scale.phases else ""
        return "L" if first in ("L", "M", "R") else "S" if first == "S" else "P" if first else ""
    phase = reported.phase.strip()
    for word, wave in (("AP", "P"), ("AS", "S")):
        if word in (reported.type, reported.hint):
            return "P" if wave == "P" else "S"
    if _ANY_S.match(phase) or phase[:1] == "S":
        return "S"
    return "P" if phase[:1] in ("P", "p") else ""


def _reads(scale: Scale, component: str, wave: Wave) -> bool:
    """Tell whether a scale is read on a component; one that is not told is taken at its word."""
    if scale.component is Component.P_AND_S:
        return wave != "" and (component == "" or (component == "Z") == (wave == "P"))
    if component == "" or scale.component is Component.NONE:
        return True
    return (component == "Z") == (scale.component is Component.VERTICAL)


def _nanometres(unit: str) -> float | None:
    return LENGTHS_NM.get(unit.strip())


def _in_its_unit(reported: ReportedAmplitude, scale: Scale) -> tuple[float | None, Outcome | None]:
    """Return the amplitude in the scale's unit, zero to peak, or what is wrong with it."""
    unit = reported.unit.strip()
    if scale.quantity is Quantity.VELOCITY:
        of_time = _PER_SECOND.match(unit)
        factor = LENGTHS_NM.get(of_time[1]) if of_time else None
    elif scale.quantity is Quantity.WOOD_ANDERSON and unit in TRACE_UNITS:
        factor = None
    else:
        factor = _nanometres(unit)
    if reported.value is None:
        return None, Outcome.AMPLITUDE_MISSING
    if factor is None:
        return None, Outcome.UNIT_UNKNOWN
    if not math.isfinite(reported.value * factor):
        return None, Outcome.VALUE_OUTSIDE
    if _PEAK_TO_PEAK.search(reported.type) or _PEAK_TO_PEAK.search(reported.category):
        factor /= 2.0
    return reported.value * factor, None
