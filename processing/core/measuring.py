"""Amplitudes and periods from waveforms, by the records of the scales.

A record is freed of its own instrument and given the scale's in one step of the frequency domain,
both as complex responses, so the trace is the causal one the old instrument would have drawn:

    detrend -> taper 5 % -> divide by the record's response -> band -> times H(f) -> read

The band is that of ObsPy's ``pre_filt``: cosine flanks from 0.05 to 0.1 Hz and from 0.4 to 0.45 of
the sampling rate; for long-period and broadband scales 0.005 to 0.01 Hz below. No water level is
used: one of 60 dB, ObsPy's default, would bend long periods of a sensor at 100 samples a second.

An amplitude is half of the largest deflection between an extremum and the next on the other side
of the zero line, the period twice the time between the two (IASPEI 2013). Where a formula takes
A/T, the pair with the largest A/T within the scale's periods is read. True displacement is the
amplitude on the trace over the instrument's response at that period.

Numbers that are ours are constants with a word on why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from processing.core.geodesy import EARTH_RADIUS_KM, KM_PER_DEGREE
from processing.core.instruments import INSTRUMENTS, ComplexArray, Instrument
from processing.core.magnitude_scales import (
    LG_FASTEST_KM_S,
    LG_SLOWEST_KM_S,
    SLOWEST_SURFACE_KM_S,
    Component,
    Outcome,
    Quantity,
    Scale,
    Window,
)

FloatArray = NDArray[np.float64]
Response = Callable[[FloatArray], ComplexArray]
"""The record's own: counts per metre of ground displacement at frequencies [Hz]."""

METHOD_ID = "kz-portal/waveform/1"
NM_PER_M = 1e9

TAPER = 0.05
"""Share of the record under the taper, half of it at each end; as ObsPy's default."""
SHORT_BAND_HZ = (0.05, 0.1)
LONG_BAND_HZ = (0.005, 0.01)
UPPER_BAND = (0.4, 0.45)
"""Of the sampling rate."""


@dataclass(frozen=True)
class Stretch:
    """How much of a record is taken around what is read [s]. Ours."""

    noise: float
    least_noise: float
    pad: float
    """Beyond noise and window, so that taper and filter leave them alone."""
    after: float
    """Beyond the window, to be looked at and picked by hand."""
    least_rate_hz: float


SHORT = Stretch(noise=30.0, least_noise=5.0, pad=60.0, after=15.0, least_rate_hz=10.0)
LONG = Stretch(noise=120.0, least_noise=30.0, pad=300.0, after=120.0, least_rate_hz=1.0)

LEAST_SNR = 2.0
"""Half of the largest deflection over half of the noise's, from its highest to its lowest value.
Ours: the largest of a longer window of the same noise is seldom more than 1.5 times that."""
EARLY_S, EARLY_SHARE, EARLY_MOST_S = 2.0, 0.005, 5.0
"""A phase may come so much earlier than predicted: seconds, share of the travel time, at most;
and never more than a fifth of S-P. Ours."""
FASTEST_SURFACE_KM_S = 4.5
"""Where there is no S, surface waves are looked for from here on. Ours."""
LEAST_S_WINDOW_S = 20.0
"""At small distances the slowest wave of a window has passed before the strong motion has. Ours."""
LEAST_LOBE = 0.1
"""Half-swings smaller than this share of the largest are taken for noise on it. Ours."""
MOST_QUIET = 0.5
"""Two extremes between which small swings last for more of the time are not of one wave. Ours."""
MOST_TURNS = 4000
"""Turning points kept of one trace."""
FLAT_SAMPLES, FLAT_QUANTA, FLAT_RANGE_QUANTA = 3, 5.0, 100.0
"""A flat top: so many equal samples at the record's extreme, left on both sides by more than so
many steps of the digitizer within half as many samples (a smooth wave leaves it by two); told only
of records that span more than so many steps. Ours."""
FULL_SCALE = (2**23 - 2, 2**31 - 2)
"""Counts at which 24 and 32 bit digitizers end, less one."""


@dataclass(frozen=True)
class Arrivals:
    """Where a record stands from a source, and when the first waves are due there."""

    distance_deg: float
    depth_km: float
    p: float | None
    """s after the origin; None: no such wave there."""
    s: float | None

    @property
    def distance_km(self) -> float:
        return self.distance_deg * KM_PER_DEGREE

    @property
    def hypocentral_km(self) -> float:
        """Straight from source to station through a spherical Earth."""
        r = EARTH_RADIUS_KM - self.depth_km
        angle = np.radians(self.distance_deg)
        return float(
            np.sqrt(r * r + EARTH_RADIUS_KM**2 - 2.0 * r * EARTH_RADIUS_KM * np.cos(angle))
        )


@dataclass(frozen=True)
class Segment:
    """Samples without a gap."""

    start: float
    """s after the origin."""
    rate: float
    """Hz"""
    samples: NDArray[np.generic]
    """As recorded, shape (n,)."""

    @property
    def end(self) -> float:
        return self.start + (self.samples.size - 1) / self.rate


@dataclass(frozen=True)
class Span:
    """Where noise and signal are looked for [s after the origin]."""

    wave: str
    """"P", "S" or "L"."""
    noise_from: float
    noise_to: float
    window_from: float
    window_to: float


@dataclass(frozen=True)
class Turns:
    """The turning points of a trace: all that its extremes can be read from, shape (n,)."""

    time: FloatArray
    """s after the origin."""
    value: FloatArray


@dataclass(frozen=True)
class Pair:
    """An extremum and the next on the other side of zero, the earlier first."""

    time: tuple[float, float]
    """s after the origin."""
    value: tuple[float, float]
    """On the trace."""
    amplitude: float
    """In the unit of the scale's quantity, corrected for the instrument where that is the rule."""

    @property
    def deflection(self) -> float:
        """Half the difference of the two, on the trace."""
        return 0.5 * abs(self.value[1] - self.value[0])

    @property
    def period(self) -> float:
        return 2.0 * (self.time[1] - self.time[0])

    @property
    def at(self) -> float:
        """Time of the larger of the two."""
        return self.time[int(abs(self.value[1]) > abs(self.value[0]))]


@dataclass(frozen=True)
class Measured:
    """What one scale reads on one component, or why it reads nothing."""

    scale: str
    wave: str
    outcome: Outcome | None
    """None: a value that may be used."""
    span: Span | None = None
    pair: Pair | None = None
    noise: float | None = None
    """Half of the noise from its lowest to its highest value, on the trace."""
    turns: Turns | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def snr(self) -> float | None:
        if self.pair is None or not self.noise:
            return None
        return self.pair.deflection / self.noise


def stretch_of(instrument: Instrument) -> Stretch:
    return LONG if instrument.long_period else SHORT


def reads(scale: Scale, component: str) -> bool:
    """Tell whether a scale reads a component: "Z", "N" or "E"."""
    match scale.component:
        case Component.VERTICAL:
            return component == "Z"
        case Component.HORIZONTAL | Component.VECTOR:
            return component in ("N", "E")
        case Component.P_AND_S:
            return component in ("Z", "N", "E")
        case _:
            return False


def wave_of(scale: Scale, component: str) -> str:
    """Return which wave a scale reads on a component: "P", "S" or "L"."""
    if scale.component is Component.P_AND_S:
        return "P" if component == "Z" else "S"
    return {Window.P: "P", Window.P_TO_S: "P", Window.S: "S"}.get(scale.window, "L")


def out_of_range(scale: Scale, arrivals: Arrivals) -> Outcome | None:
    """Return why a scale does not hold at a station, if it does not."""
    low, high = scale.distance_deg
    if not low <= arrivals.distance_deg <= high:
        return Outcome.DISTANCE_OUTSIDE
    if scale.hypocentral_km is not None:
        low, high = scale.hypocentral_km
        if not low <= arrivals.hypocentral_km <= high:
            return Outcome.DISTANCE_OUTSIDE
    low, high = scale.depth_km
    if not low <= arrivals.depth_km <= high:
        return Outcome.DEPTH_OUTSIDE
    return None


def span_of(scale: Scale, component: str, arrivals: Arrivals) -> Span | None:
    """Return where a scale looks on a component; None where its waves are not due there.

    A window of S ends where waves of 2.5 km/s have passed, or where the scale says if that is
    earlier: what comes after is no longer this earthquake's strong motion.
    """
    p, s, km = arrivals.p, arrivals.s, arrivals.distance_km
    if p is None:
        return None
    early = min(EARLY_S + EARLY_SHARE * p, EARLY_MOST_S)
    if s is not None:
        early = min(early, 0.2 * (s - p))
    wave = wave_of(scale, component)
    slowest = km / SLOWEST_SURFACE_KM_S
    if scale.window is Window.LG:
        begin, end = km / LG_FASTEST_KM_S, km / LG_SLOWEST_KM_S
    elif wave == "P":
        begin = p - early
        limits = [p + scale.window_s] if scale.window_s is not None else []
        limits += [s - early] if s is not None else []
        if not limits:
            return None
        end = min(limits)
    elif scale.window is Window.SURFACE:
        begin = s - early if s is not None else km / FASTEST_SURFACE_KM_S
        end = max(slowest, begin + LEAST_S_WINDOW_S)
    elif s is None:
        return None
    else:
        begin, end = s - early, max(slowest, s + LEAST_S_WINDOW_S)
        if scale.window_s is not None:
            end = min(end, s + scale.window_s)
    if end <= begin:
        return None
    noise = stretch_of(INSTRUMENTS[scale.instrument]).noise
    return Span(wave, p - early - noise, p - early, begin, end)


# --- the record -----------------------------------------------------------------------------------


def piece_of(
    segments: Sequence[Segment], span: Span, stretch: Stretch
) -> tuple[Segment, Span] | Outcome:
    """Return the part of a record to work on, and the span with the noise there is.

    Segments are in order of time.
    """
    first, last = span.noise_to - stretch.least_noise, span.window_to
    whole = next((one for one in segments if one.start <= first and one.end >= last), None)
    if whole is None:
        covered = bool(segments) and segments[0].start <= first and segments[-1].end >= last
        return Outcome.GAP if covered else Outcome.OUTSIDE_RECORD
    begin = max(whole.start, span.noise_from - stretch.pad)
    end = min(whole.end, last + stretch.after + stretch.pad)
    i = max(0, int(np.ceil((begin - whole.start) * whole.rate - 1e-6)))
    j = int(np.floor((end - whole.start) * whole.rate + 1e-6)) + 1
    piece = Segment(whole.start + i / whole.rate, whole.rate, whole.samples[i:j])
    taper = 0.5 * TAPER * (piece.end - piece.start)
    if piece.start + taper > first or piece.end - taper < last:
        return Outcome.OUTSIDE_RECORD
    return piece, replace(span, noise_from=max(span.noise_from, piece.start + taper))


def is_clipped(piece: Segment, begin: float, end: float) -> bool:
    """Tell whether samples between two times stand at the end of what could be recorded."""
    i = max(0, int((begin - piece.start) * piece.rate))
    j = int((end - piece.start) * piece.rate) + 1
    x = piece.samples.astype(np.float64)
    part = x[i:j]
    if part.size == 0:
        return False
    if np.issubdtype(piece.samples.dtype, np.integer):
        top = float(np.abs(part).max())
        if any(full <= top <= full + 2 for full in FULL_SCALE):
            return True
    steps = np.abs(np.diff(x))
    steps = steps[steps > 0.0]
    if steps.size == 0:
        return False
    quantum = float(steps.min())
    low, high = float(x.min()), float(x.max())
    if high - low <= FLAT_RANGE_QUANTA * quantum:
        return False
    for level in (low, high):
        at = np.flatnonzero(np.diff(np.concatenate(([0], (x == level).astype(np.int8), [0]))))
        for a, b in at.reshape(-1, 2).tolist():
            if b - a < FLAT_SAMPLES or b <= i or a >= j:
                continue
            away = max(1, (b - a) // 2)
            before = abs(x[max(0, a - away)] - level)
            after = abs(x[min(x.size - 1, b - 1 + away)] - level)
            if min(before, after) > FLAT_QUANTA * quantum:
                return True
    return False


def _flank(f: FloatArray, low: float, high: float) -> FloatArray:
    """Return a cosine rise from 0 at one frequency to 1 at another."""
    share = np.clip((f - low) / (high - low), 0.0, 1.0)
    found: FloatArray = 0.5 * (1.0 - np.cos(np.pi * share))
    return found


def band(frequency: FloatArray, rate: float, long_period: bool) -> FloatArray:
    """Return the filter applied with the removal of the response, 0-1."""
    low = LONG_BAND_HZ if long_period else SHORT_BAND_HZ
    top = UPPER_BAND[0] * rate, UPPER_BAND[1] * rate
    return _flank(frequency, *low) * (1.0 - _flank(frequency, *top))


def taper(n: int) -> FloatArray:
    """Return cosine flanks over `TAPER` of n samples, half at each end."""
    width = max(1, int(n * 0.5 * TAPER))
    window = np.ones(n)
    rise = 0.5 * (1.0 - np.cos(np.pi * np.arange(width) / width))
    window[:width] = rise
    window[n - width :] = rise[::-1]
    return window


def simulated(
    samples: NDArray[np.generic], rate: float, response: Response, instrument: Instrument
) -> FloatArray | None:
    """Return the trace of an instrument where a record stood, shape (n,); None without a response.

    In nm, or nm/s for ground velocity. ``response``: see `Response`.
    """
    x = samples.astype(np.float64)
    n = x.size
    ramp = np.arange(n) - 0.5 * (n - 1)
    x = x - x.mean()
    x -= ramp * (ramp @ x) / (ramp @ ramp)
    size = 1 << int(2 * n - 1).bit_length()
    spectrum = np.fft.rfft(x * taper(n), size)
    frequency = np.asarray(np.fft.rfftfreq(size, 1.0 / rate), dtype=np.float64)
    shape = band(frequency, rate, instrument.long_period)
    inside = shape > 0.0
    own = response(frequency[inside])
    if not np.all(np.isfinite(own)) or np.any(own == 0.0):
        return None
    result = np.zeros_like(spectrum)
    result[inside] = spectrum[inside] * shape[inside] * instrument.response(frequency[inside]) / own
    trace: FloatArray = np.fft.irfft(result, size)[:n] * NM_PER_M
    return trace


# --- reading --------------------------------------------------------------------------------------


def turns_of(trace: FloatArray, start: float, rate: float, begin: float, end: float) -> Turns:
    """Return the turning points of a trace between two times, each by the parabola through three
    samples."""
    i = max(0, int(np.ceil((begin - start) * rate)))
    j = min(trace.size, int((end - start) * rate) + 1)
    y = trace[i:j]
    if y.size < 3:
        return Turns(np.zeros(0), np.zeros(0))
    left, right = y[1:-1] - y[:-2], y[2:] - y[1:-1]
    at = np.flatnonzero((left * right < 0.0) | ((right == 0.0) & (left != 0.0)))
    bend = right[at] - left[at]
    slope = 0.5 * (left[at] + right[at])
    offset = np.where(bend != 0.0, -slope / np.where(bend == 0.0, 1.0, bend), 0.0)
    offset = np.clip(offset, -0.5, 0.5)
    value = y[at + 1] + 0.5 * slope * offset
    time = start + (i + at + 1 + offset) / rate
    return Turns(time, value)


def thinned(turns: Turns, most: int = MOST_TURNS) -> Turns:
    """Return no more turning points than so many: the highest and lowest of equal stretches."""
    n = turns.time.size
    if n <= most:
        return turns
    share = (turns.time - turns.time[0]) / (turns.time[-1] - turns.time[0])
    stretch = np.minimum((share * (most // 2)).astype(np.int64), most // 2 - 1)
    order = np.lexsort((turns.value, stretch))
    first = np.flatnonzero(np.diff(np.concatenate(([-1], stretch[order]))))
    last = np.concatenate((first[1:], [n])) - 1
    keep = np.unique(np.concatenate((order[first], order[last])))
    return Turns(turns.time[keep], turns.value[keep])


def lobes_of(turns: Turns, least: float) -> Turns:
    """Return one extremum for each stretch on one side of zero; smaller ones than ``least`` are
    left out, and what they parted is one."""
    big = np.abs(turns.value) >= least
    time, value = turns.time[big], turns.value[big]
    if value.size == 0:
        return Turns(time, value)
    number = np.concatenate(([0], np.cumsum(np.diff(np.sign(value)) != 0.0)))
    # Largest last within each stretch, so that its place is the end of the stretch.
    order = np.lexsort((np.abs(value), number))
    ends = np.flatnonzero(np.diff(np.concatenate((number[order], [number[-1] + 1]))))
    chosen = order[ends]
    return Turns(time[chosen], value[chosen])


def _pairs(scale: Scale, turns: Turns, least: float) -> list[Pair]:
    """Return each lobe with its successor, unless it is quiet between the two for long."""
    instrument = INSTRUMENTS[scale.instrument]
    lobes = lobes_of(turns, least)
    time, value = lobes.time, lobes.value
    period = 2.0 * np.diff(time)
    deflection = 0.5 * np.abs(np.diff(value))
    amplitude = deflection
    if scale.quantity is Quantity.DISPLACEMENT and period.size:
        amplitude = deflection / instrument.relative(np.maximum(period, 1e-3))
    return [
        Pair(
            (float(time[k]), float(time[k + 1])),
            (float(value[k]), float(value[k + 1])),
            float(amplitude[k]),
        )
        for k in range(period.size)
        if _quiet(turns, least, float(time[k]), float(time[k + 1])) <= MOST_QUIET
    ]


def _quiet(turns: Turns, least: float, begin: float, end: float) -> float:
    """Return the share of the time between two extremes in which there are only small swings."""
    i, j = np.searchsorted(turns.time, (begin, end), side="right")
    small = turns.time[i : j - 1][np.abs(turns.value[i : j - 1]) < least]
    return float((small[-1] - small[0]) / (end - begin)) if small.size > 1 else 0.0


def read_largest(
    scale: Scale, turns: Turns, begin: float, end: float
) -> tuple[Pair | None, Outcome | None]:
    """Return the pair a scale's formula takes between two times, and what is wrong with it."""
    inside = (turns.time >= begin) & (turns.time <= end)
    if not inside.any():
        return None, Outcome.NOISE
    least = LEAST_LOBE * float(np.abs(turns.value[inside]).max())
    pairs = [p for p in _pairs(scale, turns, least) if begin <= p.at <= end]
    if not pairs:
        return None, Outcome.NOISE
    if scale.period_s is None:
        return max(pairs, key=lambda p: p.deflection), None
    low, high = scale.period_s
    fit = [p for p in pairs if low <= p.period <= high]
    if not fit:
        return max(pairs, key=lambda p: p.deflection), Outcome.PERIOD_OUTSIDE
    if scale.divides_by_period:
        return max(fit, key=lambda p: p.amplitude / p.period), None
    return max(fit, key=lambda p: p.deflection), None


def read_at(scale: Scale, turns: Turns, at: float) -> tuple[Pair | None, Outcome | None]:
    """Return the pair of the extremum nearest to a time a person chose."""
    if turns.value.size < 2:
        return None, Outcome.NOISE
    near = np.abs(turns.time - at)
    scope = near <= max(10.0, 2.0 * float(np.median(np.diff(turns.time))))
    largest = float(np.abs(turns.value[scope if scope.any() else near == near.min()]).max())
    pairs = _pairs(scale, turns, LEAST_LOBE * largest)
    if not pairs:
        return None, Outcome.NOISE
    time = min((t for p in pairs for t in p.time), key=lambda t: abs(t - at))
    pair = max((p for p in pairs if time in p.time), key=lambda p: p.deflection)
    outside = scale.period_s is not None and not (
        scale.period_s[0] <= pair.period <= scale.period_s[1]
    )
    return pair, Outcome.PERIOD_OUTSIDE if outside else None


def measure(
    scale: Scale,
    component: str,
    segments: Sequence[Segment],
    arrivals: Arrivals | None,
    response: Response | None,
    without: Outcome = Outcome.NO_RESPONSE,
) -> Measured:
    """Read one scale on one component.

    Parameters
    ----------
    component : str
        "Z", "N" or "E", one that `reads` allows.
    segments : sequence of Segment
        In order of time, none overlapping.
    arrivals : Arrivals or None
        None where the place of the station is not known.
    response : callable or None
        See `Response`; ``without`` says why there is none.
    """
    wave = wave_of(scale, component)

    def nothing(outcome: Outcome, span: Span | None = None, **details: float) -> Measured:
        return Measured(scale.id, wave, outcome, span, details=details)

    if arrivals is None:
        return nothing(Outcome.DISTANCE_UNKNOWN)
    outside = out_of_range(scale, arrivals)
    if outside is not None:
        return nothing(outside)
    if response is None:
        return nothing(without)
    span = span_of(scale, component, arrivals)
    if span is None:
        return nothing(Outcome.OUTSIDE_RECORD)
    instrument = INSTRUMENTS[scale.instrument]
    stretch = stretch_of(instrument)
    found = piece_of(segments, span, stretch)
    if isinstance(found, Outcome):
        return nothing(found, span)
    piece, span = found
    if piece.rate < stretch.least_rate_hz:
        return nothing(Outcome.PERIOD_OUTSIDE, span, sampling_rate=piece.rate)
    if is_clipped(piece, span.noise_to, span.window_to):
        return nothing(Outcome.CLIPPED, span)
    trace = simulated(piece.samples, piece.rate, response, instrument)
    if trace is None:
        return nothing(Outcome.NO_RESPONSE, span)
    edge = 0.5 * TAPER * (piece.end - piece.start)
    turns = turns_of(
        trace,
        piece.start,
        piece.rate,
        span.noise_from,
        min(span.window_to + stretch.after, piece.end - edge),
    )
    i = max(0, int((span.noise_from - piece.start) * piece.rate))
    j = int((span.noise_to - piece.start) * piece.rate) + 1
    noise = 0.5 * float(np.ptp(trace[i:j]))
    pair, outcome = read_largest(scale, turns, span.window_from, span.window_to)
    if outcome is None and pair is not None and pair.deflection < LEAST_SNR * noise:
        outcome = Outcome.NOISE
    return Measured(scale.id, wave, outcome, span, pair, noise, thinned(turns))
