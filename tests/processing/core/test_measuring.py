"""Amplitudes from waveforms: known wavelets come back, ObsPy agrees, what is wrong has its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from processing.core import measuring
from processing.core.instruments import INSTRUMENTS
from processing.core.magnitude_scales import BY_ID, SCALES, Outcome
from processing.core.measuring import Arrivals, Segment, measure

RATE = 50.0
START = -150.0
SECONDS = 900.0
NEAR = Arrivals(1.5, 10.0, 25.0, 45.0)
FAR = Arrivals(30.0, 10.0, 370.0, 665.0)
REGIONAL = Arrivals(6.0, 10.0, 90.0, 165.0)
COUNTS_PER_M_S = 1e9
#: The amplitude that comes back of a wavelet of some swings, which has no one period.
WITHIN = 0.03


def sensor(frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
    """A broadband seismometer: flat to velocity from 120 s on."""
    s = 2j * np.pi * frequency
    poles = 2.0 * np.pi / 120.0 * np.array([-0.707 + 0.707j, -0.707 - 0.707j])
    found: NDArray[np.complex128] = COUNTS_PER_M_S * s**3 / ((s - poles[0]) * (s - poles[1]))
    return found


def record(at: float, nm: float, period: float, swings: float = 8.0, noise: float = 3.0) -> Segment:
    """What the sensor records of a wavelet of ground displacement, with white noise [counts]."""
    n = int(SECONDS * RATE)
    t = START + np.arange(n) / RATE
    envelope = np.exp(-(((t - at) / (swings * period / 2.0)) ** 2))
    ground = nm * 1e-9 * envelope * np.cos(2.0 * np.pi * (t - at) / period)
    frequency = np.fft.rfftfreq(2 * n, 1.0 / RATE)
    response = np.zeros(frequency.size, dtype=complex)
    response[1:] = sensor(frequency[1:])
    counts = np.fft.irfft(np.fft.rfft(ground, 2 * n) * response, 2 * n)[:n]
    counts += np.random.default_rng(6).normal(0.0, noise, n)
    return Segment(START, RATE, np.round(counts).astype(np.int32))


@pytest.mark.parametrize(
    ("scale", "component", "arrivals", "after", "period"),
    [
        ("mb", "Z", FAR, "p", 1.0),
        ("mb_MB", "Z", FAR, "p", 0.6),
        ("MPVA", "Z", REGIONAL, "p", 0.8),
        ("KR_WSG", "Z", NEAR, "p", 0.5),
        ("KR_WSG", "N", NEAR, "s", 0.7),
        ("MLV", "Z", REGIONAL, "s", 8.0),
        ("MLH", "E", REGIONAL, "s", 12.0),
        ("mb_Lg", "Z", REGIONAL, "lg", 1.0),
    ],
)
def test_a_wavelet_of_known_size_comes_back(
    scale: str, component: str, arrivals: Arrivals, after: str, period: float
) -> None:
    begin = {"p": arrivals.p, "s": arrivals.s, "lg": arrivals.distance_km / 3.4}[after]
    assert begin is not None
    at = begin + (25.0 if after == "s" and period > 3.0 else 6.0)
    found = measure(BY_ID[scale], component, [record(at, 2000.0, period)], arrivals, sensor)
    assert found.outcome is None and found.pair is not None
    assert found.pair.amplitude == pytest.approx(2000.0, rel=WITHIN)
    assert found.pair.period == pytest.approx(period, rel=WITHIN)
    # The instrument delays what it draws by less than a period.
    assert abs(found.pair.at - at) < 1.2 * period
    assert found.snr is not None and found.snr > 10.0


def test_velocity_and_wood_anderson_are_read_on_the_trace() -> None:
    found = measure(BY_ID["mB_BB"], "Z", [record(376.0, 2000.0, 4.0)], FAR, sensor)
    assert found.pair is not None
    assert found.pair.amplitude == pytest.approx(2000.0 * 2.0 * np.pi / 4.0, rel=WITHIN)
    found = measure(BY_ID["ML"], "N", [record(51.0, 2000.0, 0.5)], NEAR, sensor)
    assert found.pair is not None
    share = float(INSTRUMENTS["WOOD_ANDERSON"].relative(0.5))
    assert found.pair.amplitude == pytest.approx(2000.0 * share, rel=WITHIN)


@pytest.mark.parametrize("factor", [2.0, 10.0])
def test_counts_times_a_factor_are_the_amplitude_times_it(factor: float) -> None:
    one = record(376.0, 2000.0, 1.0)
    more = replace(one, samples=one.samples.astype(np.float64) * factor)
    first = measure(BY_ID["mb"], "Z", [one], FAR, sensor).pair
    second = measure(BY_ID["mb"], "Z", [more], FAR, sensor).pair
    assert first is not None and second is not None
    assert np.log10(second.amplitude / first.amplitude) == pytest.approx(np.log10(factor))
    assert second.period == pytest.approx(first.period)


def test_the_largest_ratio_to_the_period_is_read_where_the_formula_takes_it() -> None:
    """A slow wave is larger, a fast one larger by its period."""
    slow, fast = record(378.0, 3000.0, 2.2), record(392.0, 2400.0, 0.8)
    both = replace(slow, samples=slow.samples + fast.samples)
    found = measure(BY_ID["mb"], "Z", [both], FAR, sensor)
    assert found.pair is not None and found.pair.period == pytest.approx(0.8, rel=WITHIN)


# --- against ObsPy --------------------------------------------------------------------------------


def obspy_trace(trace: Any, inventory: Any, name: str) -> NDArray[np.float64]:
    """The same by ObsPy: its removal of the response and its simulation, nothing of ours.

    The record stands between zeros: ObsPy cuts what its first step has drawn out before its second.
    """
    instrument = INSTRUMENTS[name]
    rate, n = trace.stats.sampling_rate, trace.stats.npts
    low = (0.005, 0.01) if instrument.long_period else (0.05, 0.1)
    trace = trace.copy()
    trace.detrend("linear")
    trace.taper(0.025, type="hann")
    trace.data = np.concatenate((np.zeros(2 * n), trace.data, np.zeros(2 * n)))
    trace.remove_response(
        inventory=inventory, output="DISP", pre_filt=(*low, 0.4 * rate, 0.45 * rate),
        water_level=None, zero_mean=False, taper=False,
    )  # fmt: skip
    paz = {
        "poles": list(instrument.poles), "zeros": [0j] * instrument.zeros, "gain": 1.0,
        "sensitivity": abs(complex(instrument.response(1.0)) / _plain(instrument)),
    }  # fmt: skip
    trace.simulate(paz_simulate=paz, zero_mean=False, taper=False)
    result: NDArray[np.float64] = trace.data[2 * n : 3 * n] * 1e9
    return result


def _plain(instrument: Any) -> complex:
    s = 2j * np.pi
    return complex(s**instrument.zeros / np.prod([s - pole for pole in instrument.poles]))


def shipped(which: str) -> tuple[Any, Any]:
    import obspy

    here = Path(obspy.__file__).parent / "core"
    if which == "regional":
        return obspy.read(), obspy.read_inventory(str(here / "data" / "BW_RJOB.xml"))
    data = here / "tests" / "data"
    return (
        obspy.read(str(data / "IU_ULN_00_LH1_2015-07-18T02.mseed")),
        obspy.read_inventory(str(data / "IU_ULN_00_LH1.xml")),
    )


@pytest.mark.parametrize(
    ("which", "name"),
    [
        ("regional", "SKM"),
        ("regional", "WOOD_ANDERSON"),
        ("regional", "WWSSN_SP"),
        ("teleseismic", "SKD"),
        ("teleseismic", "WWSSN_LP"),
    ],
)
def test_traces_and_amplitudes_are_those_of_obspy(which: str, name: str) -> None:
    from processing.waveform_process import response_of

    stream, inventory = shipped(which)
    trace = stream[0]
    response = inventory.get_response(trace.id, trace.stats.starttime)

    def own(frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
        found: NDArray[np.complex128] = response.get_evalresp_response_for_frequencies(
            frequency, output="DISP"
        )
        return found

    rate = float(trace.stats.sampling_rate)
    ours = measuring.simulated(trace.data, rate, own, INSTRUMENTS[name])
    theirs = obspy_trace(trace, inventory, name)
    assert ours is not None
    assert np.abs(ours - theirs).max() < 0.002 * np.abs(theirs).max()
    # What is read of the one is what is read of the other.
    end = (trace.stats.npts - 1) / rate
    scale = next(s for s in SCALES if s.instrument == name)
    pairs = [
        measuring.read_largest(
            replace(scale, period_s=None), measuring.turns_of(y, 0.0, rate, 0.0, end), 0.0, end
        )[0]
        for y in (ours, theirs)
    ]
    assert pairs[0] is not None and pairs[1] is not None
    assert pairs[0].amplitude == pytest.approx(pairs[1].amplitude, rel=1e-4)
    # Between the frequencies at which the reading process evaluates a response nothing is lost.
    import io

    document = io.BytesIO()
    inventory.select(channel=trace.stats.channel).write(document, format="STATIONXML")
    between = measuring.simulated(
        trace.data, rate, response_of(document.getvalue(), rate)[0], INSTRUMENTS[name]
    )
    assert between is not None and np.abs(between - ours).max() < 0.002 * np.abs(ours).max()


# --- what is wrong --------------------------------------------------------------------------------

GOOD = record(376.0, 2000.0, 1.0)
MB = BY_ID["mb"]


def cut(begin: float, end: float) -> Segment:
    i, j = (int((t - START) * RATE) for t in (begin, end))
    return Segment(begin, RATE, GOOD.samples[i:j])


def clipped() -> Segment:
    x = GOOD.samples
    top = int(0.6 * np.abs(x).max())
    return replace(GOOD, samples=np.clip(x, -top, top))


def at_full_scale() -> Segment:
    x = GOOD.samples.copy()
    x[int((380.0 - START) * RATE)] = 2**23 - 1
    return replace(GOOD, samples=x)


def quiet() -> Segment:
    return record(376.0, 0.0, 1.0, noise=300.0)


Case = tuple[list[Segment], Arrivals | None, Callable[..., Any] | None, Outcome]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(([GOOD], None, sensor, Outcome.DISTANCE_UNKNOWN), id="no-place"),
        pytest.param(([GOOD], NEAR, sensor, Outcome.DISTANCE_OUTSIDE), id="too-near"),
        pytest.param(
            ([GOOD], replace(FAR, depth_km=705.0), sensor, Outcome.DEPTH_OUTSIDE), id="too-deep"
        ),
        pytest.param(([GOOD], FAR, None, Outcome.NO_RESPONSE), id="no-response"),
        pytest.param(
            ([GOOD], FAR, lambda f: np.zeros(f.size, complex), Outcome.NO_RESPONSE), id="nil"
        ),
        pytest.param(([], FAR, sensor, Outcome.OUTSIDE_RECORD), id="nothing"),
        pytest.param(([cut(0, 380)], FAR, sensor, Outcome.OUTSIDE_RECORD), id="ends-early"),
        pytest.param(([cut(366, 700)], FAR, sensor, Outcome.OUTSIDE_RECORD), id="no-noise"),
        pytest.param(([cut(0, 379), cut(381, 700)], FAR, sensor, Outcome.GAP), id="gap"),
        pytest.param(([clipped()], FAR, sensor, Outcome.CLIPPED), id="flat-tops"),
        pytest.param(([at_full_scale()], FAR, sensor, Outcome.CLIPPED), id="full-scale"),
        pytest.param(([quiet()], FAR, sensor, Outcome.NOISE), id="noise"),
        pytest.param(
            ([record(380.0, 90000.0, 7.0, noise=0.3)], FAR, sensor, Outcome.PERIOD_OUTSIDE),
            id="period",
        ),
    ],
)
def test_what_is_wrong_has_its_name(case: Case) -> None:
    segments, arrivals, response, expected = case
    assert measure(MB, "Z", segments, arrivals, response).outcome is expected


def test_a_gap_elsewhere_does_no_harm() -> None:
    found = measure(MB, "Z", [cut(-100, 200), cut(300, 700)], FAR, sensor)
    assert found.outcome is None and found.pair is not None
    assert found.pair.amplitude == pytest.approx(2000.0, rel=WITHIN)


def test_why_there_is_no_response_is_kept() -> None:
    for why in (Outcome.RESPONSE_OF_ANOTHER_CHANNEL, Outcome.RESPONSE_OF_ANOTHER_EPOCH):
        assert measure(MB, "Z", [GOOD], FAR, None, why).outcome is why


def test_a_slow_wave_in_whole_counts_is_not_taken_for_clipped() -> None:
    t = np.arange(int(600 * RATE)) / RATE
    for size in (60.0, 500.0, 30000.0):
        wave = np.round(size * np.sin(2.0 * np.pi * t / 20.0)).astype(np.int32)
        assert not measuring.is_clipped(Segment(0.0, RATE, wave), 0.0, 600.0)
        flat = np.clip(wave, -int(0.8 * size), int(0.8 * size))
        assert measuring.is_clipped(Segment(0.0, RATE, flat), 0.0, 600.0) is (size > 60.0)


# --- windows and picks ----------------------------------------------------------------------------


@pytest.mark.parametrize("arrivals", [NEAR, REGIONAL, FAR, Arrivals(0.05, 5.0, 1.1, 1.9)])
def test_windows_lie_where_the_scales_say(arrivals: Arrivals) -> None:
    assert arrivals.p is not None and arrivals.s is not None
    wanted = [(s, c) for s in SCALES for c in "ZNE" if s.instrument and measuring.reads(s, c)]
    for scale, component in wanted:
        span = measuring.span_of(scale, component, arrivals)
        assert span is not None
        assert span.noise_from < span.noise_to < arrivals.p
        assert span.window_from < span.window_to
        if span.wave == "P":
            assert span.window_from < arrivals.p and span.window_to < arrivals.s
        if scale.window == "S" and scale.window_s is not None:
            assert span.window_from < arrivals.s
            assert span.window_to <= arrivals.s + scale.window_s


def test_a_moved_pick_snaps_to_the_nearest_extremum() -> None:
    found = measure(MB, "Z", [GOOD], FAR, sensor)
    assert found.turns is not None and found.pair is not None
    again, outcome = measuring.read_at(MB, found.turns, found.pair.at + 0.1)
    assert again == found.pair and outcome is None
    next_one, _ = measuring.read_at(MB, found.turns, found.pair.at + 1.0)
    assert next_one is not None and next_one.at != found.pair.at
    assert next_one.amplitude < found.pair.amplitude


def test_thinned_turning_points_keep_the_largest() -> None:
    rng = np.random.default_rng(3)
    turns = measuring.Turns(np.sort(rng.uniform(0, 100, 9000)), rng.normal(0, 1, 9000))
    thin = measuring.thinned(turns, 400)
    assert thin.time.size <= 400 and np.all(np.diff(thin.time) > 0)
    assert thin.value.max() == turns.value.max() and thin.value.min() == turns.value.min()
