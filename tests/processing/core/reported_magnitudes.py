"""Amplitudes of real bulletins with the station magnitudes that their agencies made of them."""

from __future__ import annotations

import importlib.resources
import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.formats import read
from catalog.formats.records import EventRecord
from processing.core import amplitude_uses
from processing.core.magnitude_scales import BY_ID, Outcome
from processing.core.station_magnitude import station_magnitudes

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "bulletins" / "neic_pde_text"


@dataclass(frozen=True)
class Line:
    """An amplitude of a bulletin with the magnitude its agency made of it."""

    station: str
    scales: tuple[str, ...]
    amplitude: float
    """nm."""
    period: float | None
    distance_deg: float
    depth_km: float
    magnitude: float


#: NEIC's letters: body wave in nm, surface wave in micrometres. Its mbLg (g) and ML (L) are by
#: formulas that are not ours, its durations (d) have no amplitude.
LETTERS = {"b": ("mb", "mb_MB", "mb_VC", 1.0), "S": ("Ms_20", 1000.0)}
_AMPLITUDE = re.compile(
    r"(?P<letter>[A-Za-z]):(?P<value>\d\.\d)(?P<power>[+-]\d) +(?P<period>\d*\.\d*) +"
    r"(?P<magnitude>\d\.\d)(?P<out>X?)"
)
_HEAD = re.compile(r"^ (?P<station>\w{3,5}) *\S*.{21,29}?(?P<distance>\d{1,3}\.\d) +\d{1,3} ")


def pde_lines(text: str) -> Iterator[Line]:
    """Yield the amplitudes of NEIC's screen bulletin that count for its magnitudes."""
    found = re.search(r"dep = +(\d+\.\d)", text)
    if found is None:
        raise ValueError("no line 'dep ='")
    depth = float(found[1])
    station, distance = "", math.nan
    for row in text.splitlines():
        if (head := _HEAD.match(row)) and ":" in row[:22]:
            station, distance = head["station"], float(head["distance"])
        for part in _AMPLITUDE.finditer(row):
            letter = LETTERS.get(part["letter"])
            if letter is None or part["out"]:
                continue
            *scales, factor = letter
            yield Line(
                station,
                tuple(str(s) for s in scales),
                float(part["value"]) * 10.0 ** int(part["power"]) * float(factor),
                float(part["period"]),
                distance,
                depth,
                float(part["magnitude"]),
            )


def bulletin_lines(format_name: str, data: bytes) -> Iterator[Line]:
    """Yield the amplitudes of a bulletin the portal reads that have a station magnitude."""
    for event in read(format_name, io.BytesIO(data)):
        if not isinstance(event, EventRecord):
            continue
        origin = next((o for o in event.origins if o.arrivals), None)
        if origin is None or origin.depth_km is None:
            continue
        distances = {a.pick_id: a.distance_deg for a in origin.arrivals}
        phases = {p.pick_id: p for p in event.picks}
        amplitudes = {a.amplitude_id: a for a in event.amplitudes}
        for size in event.station_magnitudes:
            a = amplitudes.get(size.amplitude_id or "")
            if a is None or a.value is None or (a.pick_id or "") not in phases:
                continue
            distance = distances.get(a.pick_id or "")
            pick = phases[a.pick_id or ""]
            if distance is None:
                continue
            told = amplitude_uses.ReportedAmplitude(
                a.value, a.unit or "", a.type or "", a.category or "", a.magnitude_hint or "",
                size.type or "", pick.phase_hint or "", "", a.period, distance,
            )  # fmt: skip
            for use in amplitude_uses.uses(told):
                if use.outcome is None and use.amplitude is not None:
                    yield Line(
                        pick.station.code, (use.scale,), use.amplitude, a.period, distance,
                        origin.depth_km, size.value,
                    )  # fmt: skip


def differences(lines: list[Line]) -> tuple[dict[str, list[float]], dict[str, dict[str, int]]]:
    """Return recomputed less reported values by scale, and how many were refused and why."""
    found: dict[str, list[float]] = defaultdict(list)
    refused: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in lines:
        for scale in line.scales:
            result = station_magnitudes(
                BY_ID[scale],
                line.amplitude,
                period=math.nan if line.period is None else line.period,
                distance_deg=line.distance_deg,
                depth_km=line.depth_km,
            )
            if result.outcome(0) is Outcome.USED:
                found[scale].append(float(result.value[0]) - line.magnitude)
            else:
                refused[scale][result.outcome(0).value] += 1
    return found, refused


def bulletins() -> dict[str, list[Line]]:
    """Return the lines of the bulletins that are at hand, by name."""
    found = {
        path.stem: list(pde_lines(path.read_text(encoding="latin-1")))
        for path in sorted(FOLDER.glob("*.neic"))
    }
    gse = importlib.resources.files("obspy.io.gse2") / "tests/data/bulletin/gse_2.0_2_events.txt"
    found["ObsPy's GSE2 bulletin"] = list(bulletin_lines("gse2", gse.read_bytes()))
    return found
