"""Read the examples of NEIC's locator that stand beside the project: readings and what it found.

``cus``, ``wus`` and ``deep`` are pairs, ``<name>Input.json`` and ``<name>Verification.json`` (the
output NEIC's own tests hold its locator to); the two ``RayLocInput*.txt`` have no output, only the
hypocentre they begin with. All are from github.com/usgs/neic-locator, USGS public domain. What NEIC
found is a reference to compare with, not the truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from processing.core.location import ArrivalObservation, Hypocentre

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "bulletins" / "neic_locator"
TEXT_PICK = {
    "station": slice(11, 16),
    "latitude": slice(27, 35),
    "longitude": slice(36, 45),
    "elevation_km": slice(46, 51),
    "quality": slice(52, 56),
    "phase": slice(57, 63),
    "time": slice(66, 80),
    "use": slice(81, 82),
}
"""Columns of a pick line, told from the files themselves; network and channel are not needed."""


@dataclass(frozen=True)
class Found:
    """What NEIC's locator made of an event; its errors are marginal, at 90 %."""

    hypocentre: Hypocentre
    time_error: float
    latitude_error_km: float
    longitude_error_km: float
    depth_error_km: float
    phases_used: int
    phase: dict[str, str]
    """By the id of the pick: the name NEIC located it under."""
    residual: dict[str, float]
    """By the id of the pick [s]; where it has a name."""
    used: dict[str, bool]


@dataclass(frozen=True)
class NeicEvent:
    """One input of NEIC's locator; times count from ``epoch`` (seconds of 1970)."""

    name: str
    epoch: float
    model: str
    start: Hypocentre
    depth_held: bool
    place_held: bool
    bayesian_depth_km: float | None
    ids: tuple[str, ...]
    arrivals: tuple[ArrivalObservation, ...]
    """Under the names the input associates; those NEIC does not use are switched off."""
    found: Found | None


def read_json(name: str, folder: Path = FOLDER) -> NeicEvent:
    """Return a pair of input and output."""
    given = json.loads((folder / f"{name}Input.json").read_text(encoding="utf-8"))
    output = json.loads((folder / f"{name}Verification.json").read_text(encoding="utf-8"))
    epoch = float(int(_seconds(given["SourceOriginTime"])))
    picks = given["InputData"]
    arrivals = tuple(
        _arrival(
            pick["Site"]["Latitude"], pick["Site"]["Longitude"], pick["Site"]["Elevation"],
            pick["AssociatedPhase"] or pick["PickedPhase"], _seconds(pick["Time"]) - epoch,
            pick["Quality"], pick["Use"],
        )
        for pick in picks
    )  # fmt: skip
    place = output["Hypocenter"]
    rows = output["SupportingData"]
    found = Found(
        hypocentre=Hypocentre(
            place["Latitude"], place["Longitude"], _seconds(place["Time"]) - epoch, place["Depth"]
        ),
        time_error=place["TimeError"],
        latitude_error_km=place["LatitudeError"],
        longitude_error_km=place["LongitudeError"],
        depth_error_km=place["DepthError"],
        phases_used=output["NumberOfUsedPhases"],
        phase={row["ID"]: row["LocatedPhase"] for row in rows if row.get("LocatedPhase")},
        residual={row["ID"]: row["Residual"] for row in rows if row.get("LocatedPhase")},
        used={row["ID"]: row["Use"] for row in rows},
    )
    return NeicEvent(
        name=name,
        epoch=epoch,
        model=given["EarthModel"],
        start=Hypocentre(
            given["SourceLatitude"], given["SourceLongitude"],
            _seconds(given["SourceOriginTime"]) - epoch, given["SourceDepth"],
        ),
        depth_held=given["IsDepthHeld"],
        place_held=given["IsLocationHeld"],
        bayesian_depth_km=given["BayesianDepth"] if given["IsBayesianDepth"] else None,
        ids=tuple(pick["ID"] for pick in picks),
        arrivals=arrivals,
        found=found,
    )  # fmt: skip


def read_text(name: str, folder: Path = FOLDER) -> NeicEvent:
    """Return an input in the older fixed columns; nothing says what NEIC made of it."""
    first, *lines = (folder / name).read_text(encoding="ascii").splitlines()
    time, latitude, longitude, depth, *flags = first.split()
    place_held, depth_held, bayesian = (flag == "T" for flag in flags[:3])
    epoch = float(int(float(time)))
    ids, arrivals = [], []
    for line in lines:
        cell = {key: line[columns].strip() for key, columns in TEXT_PICK.items()}
        ids.append(line[:10].strip())
        arrivals.append(
            _arrival(
                float(cell["latitude"]), float(cell["longitude"]),
                1000.0 * float(cell["elevation_km"]), cell["phase"], float(cell["time"]) - epoch,
                float(cell["quality"]), cell["use"] == "T",
            )
        )  # fmt: skip
    return NeicEvent(
        name=name,
        epoch=epoch,
        model="ak135",
        start=Hypocentre(float(latitude), float(longitude), float(time) - epoch, float(depth)),
        depth_held=depth_held,
        place_held=place_held,
        bayesian_depth_km=float(flags[3]) if bayesian else None,
        ids=tuple(ids),
        arrivals=tuple(arrivals),
        found=None,
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _arrival(
    latitude: float, longitude: float, elevation_m: float, phase: str, time: float,
    quality_s: float, use: bool,
) -> ArrivalObservation:  # fmt: skip
    # Two instruments at one place are one station: their errors are the same.
    return ArrivalObservation(
        station=f"{latitude:.4f},{longitude:.4f}", latitude=latitude, longitude=longitude,
        elevation_m=elevation_m, phase=phase, time=time, time_uncertainty=quality_s or None,
        off=not use,
    )  # fmt: skip
