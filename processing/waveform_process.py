"""The child process that reads waveforms: hostile bytes in, plain JSON lines out.

ObsPy's readers and its responses are C code over bytes that anybody may have made, so they run here
alone, under limits of CPU, memory and output, without the database, the settings or the
environment's secrets. A folder holds the files, the responses (checked StationXML) and
``request.json``; the answer is the standard output, a line each:

``["t", file, trace]``     a channel of a file, when it is asked what the files hold
``["p", file, problem]``   a problem
``["m", measurement]``     what one scale reads on one channel, when it is asked to measure
``["d"]``                  done

Each line is decoded by the parent as one of these, with every value of the type its field names.
"""

from __future__ import annotations

import importlib
import io
import re
import resource
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import numpy as np

from catalog.formats.problems import Problem, Severity
from processing.core import measuring
from processing.core.instruments import ComplexArray
from processing.core.magnitude_scales import SCALES, Outcome
from processing.core.measuring import Arrivals, FloatArray, Segment

#: Read around the origin [s]: the slowest surface waves at 160 degrees are due after 7120 s.
BEFORE_S, AFTER_S = 900.0, 7800.0
#: Of one file.
MOST_SAMPLES = 20_000_000
MOST_SEGMENTS = 2_000
MOST_CHANNELS = 200
RATES_HZ = (0.01, 5000.0)
#: Points at which a response is evaluated; between them by straight lines of lg and phase over lg.
RESPONSE_POINTS = 2000
#: Of stages and overall sensitivity of a response, in units of magnitude. ObsPy warns at 0.02.
MOST_DISAGREEMENT = 0.05
MOST_OUTPUT_BYTES = 256 * 1024 * 1024

_CODE = re.compile(r"[A-Za-z0-9_-]{0,10}\Z")
_METRES = {"M": 1.0, "CM": 1e-2, "MM": 1e-3, "UM": 1e-6, "NM": 1e-9}
_UNIT = re.compile(r"(N?M|[CU]M|MM)(/S\*\*2|/S\^2|/S/S|/S|)\Z")
Name = Annotated[str, msgspec.Meta(max_length=40)]


# --- what is asked ------------------------------------------------------------------------------


class File(msgspec.Struct, frozen=True):
    """A file in the folder; ``number`` is what it is called there."""

    number: int
    kind: str


class Channel(msgspec.Struct, frozen=True):
    """A channel to measure.

    ``response`` is the name of a file, or empty: then ``without`` says why.
    """

    id: Name
    component: str
    response: str
    without: Outcome
    arrivals: Arrivals | None


class Request(msgspec.Struct, frozen=True):
    """What is wanted; without an origin, only what the files hold."""

    files: list[File]
    origin: float | None = None
    """s since 1970"""
    channels: list[Channel] = []


# --- what is answered ---------------------------------------------------------------------------


class Trace(msgspec.Struct, frozen=True):
    """A channel of a file."""

    id: Name
    start: float
    """s since 1970"""
    end: float
    rate: float
    samples: int
    segments: int


class Found(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    file: int
    trace: Trace


class Told(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    file: int
    problem: Problem


class Reading(msgspec.Struct, frozen=True):
    """A measurement: times in s after the origin, the trace's values in nm or nm/s."""

    id: Name
    file: int
    component: str
    scale: Name
    wave: str
    outcome: Outcome | None
    span: tuple[float, float, float, float] | None
    """Noise from and to, window from and to."""
    pair_time: tuple[float, float] | None
    pair_value: tuple[float, float] | None
    amplitude: float | None
    noise: float | None
    turns_time: Annotated[list[float], msgspec.Meta(max_length=10_000)]
    turns_value: Annotated[list[float], msgspec.Meta(max_length=10_000)]
    rate: float | None


class Measured(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    reading: Reading


class Done(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    pass


Answer = Found | Told | Measured | Done


@cache
def decoder() -> msgspec.json.Decoder[Answer]:
    return msgspec.json.Decoder(Answer)


# --- the child ----------------------------------------------------------------------------------


def read(content: bytes, kind: str, begin: float | None = None, end: float | None = None) -> Any:
    """Return a file's traces as ObsPy reads them, between two times [s since 1970] where given.

    Without times only what the headers say; there may be nothing between two times.
    """
    import obspy

    source, format_ = io.BytesIO(content), {"miniseed": "MSEED", "sac": "SAC"}[kind]
    if begin is None or end is None:
        return obspy.read(source, format=format_, headonly=True)
    return obspy.read(
        source,
        format=format_,
        starttime=obspy.UTCDateTime(begin),
        endtime=obspy.UTCDateTime(end),
    )


def look(number: int, content: bytes, kind: str) -> Iterator[Answer]:
    """Say which channels a file holds, and what cannot be used."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            stream = read(content, kind)
    except MemoryError:
        raise
    except Exception as error:  # whatever a reader makes of bytes that mean nothing
        yield _told(number, "damaged-waveform", found=_shown(error), error=True)
        return
    if kind == "miniseed":
        yield from _whole_records(number, content)
    for warning in [w for w in said if issubclass(w.category, UserWarning)][:5]:
        yield _told(number, "value-not-read", found=_shown(warning.message))
    if len(stream) > MOST_SEGMENTS:
        bound = f"<= {MOST_SEGMENTS}"
        yield _told(number, "too-many-segments", found=str(len(stream)), expected=bound, error=True)
        return
    samples = sum(trace.stats.npts for trace in stream)
    if samples > MOST_SAMPLES:
        bound = f"<= {MOST_SAMPLES}"
        yield _told(number, "too-many-samples", found=str(samples), expected=bound, error=True)
        return
    groups: dict[str, list[Any]] = {}
    for trace in stream:
        wrong = _wrong_with(trace)
        if wrong is not None:
            yield Told(number, wrong)
            continue
        groups.setdefault(trace.id, []).append(trace.stats)
    if len(groups) > MOST_CHANNELS:
        bound = f"<= {MOST_CHANNELS}"
        yield _told(number, "too-many-channels", found=str(len(groups)), expected=bound, error=True)
        return
    for name, parts in sorted(groups.items()):
        yield Found(
            number,
            Trace(
                name,
                min(part.starttime.timestamp for part in parts),
                max(part.endtime.timestamp for part in parts),
                float(parts[0].sampling_rate),
                sum(int(part.npts) for part in parts),
                len(parts),
            ),
        )
    if not groups:
        yield _told(number, "no-waveform", error=True)


def _whole_records(number: int, content: bytes) -> Iterator[Answer]:
    from obspy.io.mseed.util import get_record_information

    try:
        length = int(get_record_information(io.BytesIO(content))["record_length"])
    except MemoryError:
        raise
    except Exception:  # the reader proper has found a way, or says why not
        return
    if length and len(content) % length:
        expected = f"{length} * n"
        yield _told(number, "truncated", found=str(len(content)), expected=expected)


def _wrong_with(trace: Any) -> Problem | None:
    """Return why a trace cannot be used, if it cannot."""
    stats = trace.stats
    codes = (stats.network, stats.station, stats.location, stats.channel)
    name = ".".join(codes)
    if not all(_CODE.match(code) for code in codes) or not stats.station or not stats.channel:
        return _problem("unknown-value", "network.station.location.channel", name, "A-Z 0-9")
    if not RATES_HZ[0] <= stats.sampling_rate <= RATES_HZ[1]:
        bounds = f"{RATES_HZ[0]:g}..{RATES_HZ[1]:g}"
        return _problem("out-of-range", "sampling rate, Hz", f"{stats.sampling_rate:g}", bounds)
    if stats.npts < 2:
        return _problem("missing-field", name, str(stats.npts), ">= 2")
    return None


def measure(request: Request, folder: Path) -> Iterator[Answer]:
    """Read every scale on every channel that is asked for."""
    from obspy import Stream

    if request.origin is None:
        return
    begin, end = request.origin - BEFORE_S, request.origin + AFTER_S
    wanted = {channel.id: channel for channel in request.channels}
    whole = Stream()
    first_file: dict[str, int] = {}
    for file in request.files:
        content = (folder / str(file.number)).read_bytes()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                stream = read(content, file.kind, begin, end)
        except MemoryError:
            raise
        except Exception as error:  # good headers before samples that mean nothing
            yield _told(file.number, "damaged-waveform", found=_shown(error), error=True)
            continue
        for trace in stream:
            if trace.id not in wanted or _wrong_with(trace) is not None:
                continue
            if not np.issubdtype(trace.data.dtype, np.number):
                yield _told(file.number, "unsupported-block", trace.id)
                continue
            if np.ma.isMaskedArray(trace.data) or not np.all(np.isfinite(trace.data)):
                yield _told(file.number, "not-finite", trace.id)
                continue
            first_file.setdefault(trace.id, file.number)
            whole.append(trace)
    for name, channel in sorted(wanted.items()):
        if name not in first_file:
            # Nothing of it lies near the event, but its file is there: each scale says so.
            first_file[name] = next((f.number for f in request.files), 0)
        segments = _segments(whole, name, request.origin)
        response, without = None, channel.without
        if channel.response:
            try:
                rate = max((s.rate for s in segments), default=1.0)
                response, remark = response_of((folder / channel.response).read_bytes(), rate)
                if remark:
                    yield _told(first_file[name], remark, name)
            except MemoryError:
                raise
            except Contradiction as error:
                without = Outcome.NO_RESPONSE
                yield _told(
                    first_file[name], "response-contradicts-itself", name, error.found,
                    error.expected,
                )  # fmt: skip
            except Exception as error:  # a response that ObsPy cannot evaluate
                without = Outcome.NO_RESPONSE
                yield _told(first_file[name], "response-not-usable", name, _shown(error))
        for scale in SCALES:
            if not measuring.reads(scale, channel.component):
                continue
            found = measuring.measure(
                scale, channel.component, segments, channel.arrivals, response, without
            )
            yield Measured(_reading(name, first_file[name], channel.component, found, segments))


def _segments(whole: Any, name: str, origin: float) -> list[Segment]:
    """Return what is whole of a channel, in order of time.

    Pieces that continue each other are one.
    """
    from obspy import Stream

    kinds: dict[tuple[float, str], Any] = {}
    for trace in whole:
        if trace.id == name:
            trace.stats.pop("mseed", None)
            trace.stats.pop("sac", None)
            kind = (float(trace.stats.sampling_rate), str(trace.data.dtype))
            kinds.setdefault(kind, Stream()).append(trace)
    segments = []
    for stream in kinds.values():
        stream.merge(-1)
        segments += [
            Segment(
                trace.stats.starttime.timestamp - origin,
                float(trace.stats.sampling_rate),
                trace.data,
            )
            for trace in stream
            if trace.data.size > 1
        ]
    return sorted(segments, key=lambda s: (s.start, s.end))


def _reading(
    name: str, file: int, component: str, found: measuring.Measured, segments: list[Segment]
) -> Reading:
    span, pair, turns = found.span, found.pair, found.turns
    return Reading(
        id=name,
        file=file,
        component=component,
        scale=found.scale,
        wave=found.wave,
        outcome=found.outcome,
        span=None
        if span is None
        else (span.noise_from, span.noise_to, span.window_from, span.window_to),
        pair_time=None if pair is None else pair.time,
        pair_value=None if pair is None else pair.value,
        amplitude=None if pair is None else pair.amplitude,
        noise=found.noise,
        turns_time=[] if turns is None else [round(t, 5) for t in turns.time.tolist()],
        turns_value=[] if turns is None else [float(f"{v:.6g}") for v in turns.value.tolist()],
        rate=segments[0].rate if segments else None,
    )


class Contradiction(ValueError):
    """The stages of a response do not give its overall sensitivity."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found {found}, expected {expected}")
        self.found, self.expected = found, expected


def _check_sensitivity(response: Any) -> None:
    """Compare what the stages give with the overall sensitivity, where both can be told.

    Raises
    ------
    Contradiction
        They differ by more than `MOST_DISAGREEMENT`: one of them is wrong, and nobody knows which.
    """
    overall = response.instrument_sensitivity
    if overall is None or not overall.value or not overall.frequency:
        return
    name = (overall.input_units or "").upper().replace(" ", "")
    match = _UNIT.match(name)
    if match is None:
        return
    output = {"": "DISP", "/S": "VEL", "/S**2": "ACC", "/S/S": "ACC", "/S^2": "ACC"}[match[2]]
    per_metre = _METRES[match[1]]
    value = response.get_evalresp_response_for_frequencies([overall.frequency], output=output)
    found, expected = float(abs(value[0])) * per_metre, abs(float(overall.value))
    if found == 0.0 or abs(np.log10(found / expected)) > MOST_DISAGREEMENT:
        unit = f"{overall.output_units or 'COUNTS'}/({overall.input_units})"
        raise Contradiction(f"{found:.4g} {unit}", f"{expected:.4g} {unit}")


def response_of(document: bytes, rate: float) -> tuple[Callable[[FloatArray], ComplexArray], str]:
    """Return a channel's response to displacement, and the code of a remark on it, or none.

    From StationXML with this one channel. It is evaluated once, at `RESPONSE_POINTS` frequencies up
    to half the sampling rate. An accelerometer of which only the overall sensitivity is told is
    taken to be flat to acceleration: ``response-flat``.

    Raises
    ------
    Contradiction
        Its stages do not give its overall sensitivity.
    Exception
        Whatever ObsPy raises of a response it cannot evaluate.
    """
    from obspy import read_inventory

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inventory = read_inventory(io.BytesIO(document), format="STATIONXML")
        response = inventory[0][0][0].response
        if not response.response_stages and (flat := _flat(response)) is not None:
            return flat, "response-flat"
        _check_sensitivity(response)
        frequency = np.geomspace(0.5 * measuring.LONG_BAND_HZ[0], 0.5 * rate, RESPONSE_POINTS)
        value = response.get_evalresp_response_for_frequencies(frequency, output="DISP")
    size = np.abs(value)
    # Near half the rate a digital filter may be nil; the band ends before.
    inside = frequency <= measuring.UPPER_BAND[1] * rate
    if not np.all(np.isfinite(size)) or np.any(size[inside] == 0.0):
        raise ValueError("no response at some frequencies")
    grid = np.log(frequency)
    strength = np.log(np.where(size > 0.0, size, size[inside].min()))
    phase = np.unwrap(np.angle(value))

    def at(wanted: FloatArray) -> ComplexArray:
        x = np.log(wanted)
        found: ComplexArray = np.exp(np.interp(x, grid, strength) + 1j * np.interp(x, grid, phase))
        return found

    return at, ""


def _flat(response: Any) -> Callable[[FloatArray], ComplexArray] | None:
    """Return an accelerometer's response by its overall sensitivity; None for other sensors."""
    overall = response.instrument_sensitivity
    match = _UNIT.match((overall.input_units or "").upper()) if overall is not None else None
    if match is None or not overall.value or match[2] not in ("/S**2", "/S^2", "/S/S"):
        return None
    per_metre = float(overall.value) / _METRES[match[1]]

    def at(wanted: FloatArray) -> ComplexArray:
        found: ComplexArray = np.asarray(
            per_metre * (2j * np.pi * wanted) ** 2, dtype=np.complex128
        )
        return found

    return at


def _problem(
    code: str, field: str = "", found: str = "", expected: str = "", error: bool = False
) -> Problem:
    severity = Severity.ERROR if error else Severity.WARNING
    return Problem(None, code, field[:100], found[:200], expected[:200], severity)


def _told(
    number: int,
    code: str,
    field: str = "",
    found: str = "",
    expected: str = "",
    error: bool = False,
) -> Told:
    return Told(number, _problem(code, field, found, expected, error))


def _shown(error: object) -> str:
    """Return what an exception says, without what it says of our own files."""
    text = " ".join(str(error).split())
    return "".join(c for c in re.sub(r"(/[\w.-]+){2,}", "…", text) if c.isprintable())[:200]


def answer(folder: Path, out: BinaryIO) -> None:
    """Do what the folder's request says and write what comes of it."""
    request = msgspec.json.decode((folder / "request.json").read_bytes(), type=Request)
    encoder = msgspec.json.Encoder()
    if request.origin is None:
        said: Iterator[Answer] = (
            line
            for file in request.files
            for line in look(file.number, (folder / str(file.number)).read_bytes(), file.kind)
        )
    else:
        said = measure(request, folder)
    for line in said:
        out.write(encoder.encode(line) + b"\n")
    out.write(encoder.encode(Done()) + b"\n")
    out.flush()


def _without_plots() -> None:
    """Keep ObsPy from importing Matplotlib and half of SciPy with what evaluates responses.

    ``obspy.signal`` imports its spectra as a whole; they take 1.5 s and 110 MB, and nobody asks for
    any here. Only in this process.
    """
    spectra = types.ModuleType("obspy.signal.spectral_estimation")
    spectra.PPSD = None  # type: ignore[attr-defined]
    sys.modules.setdefault(spectra.__name__, spectra)


def warm() -> None:
    """Import all that reading and measuring will, so that it lies compiled."""
    for name in (
        "obspy",
        "obspy.io.mseed.core",
        "obspy.io.sac.core",
        "obspy.io.stationxml.core",
        "obspy.signal.evrespwrapper",
    ):
        importlib.import_module(name)


def main(arguments: list[str]) -> int:
    """``FOLDER CPU_SECONDS MEMORY_BYTES``; ``warm`` reads nothing."""
    _without_plots()
    if arguments == ["warm"]:
        warm()
        return 0
    folder, seconds, memory = arguments[0], int(arguments[1]), int(arguments[2])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT_BYTES, MOST_OUTPUT_BYTES))
    answer(Path(folder), sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
