"""Locate the events of a bulletin file, without storing anything.

The file is in any format the portal reads. Stations come from the file itself, where it has
coordinates, from lists given with ``--stations`` (any that ``import_stations`` reads), else from
the database. The answer is one JSON object an event, or a table to be read.

Travel times are those built in. ``--table`` takes them from an agency's file, ``--model NAME`` also
from a stored table, and ``--tables-in-use`` from all those the portal uses, each in its region.

With ``--corrections`` the readings at stations of the database are corrected by that version; a
station for which the file has coordinates is one of the database if the code stands there, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.formats import FORMATS, detect, read, station_lists
from catalog.formats.problems import FormatError, Problem
from catalog.formats.records import EventRecord, PickRecord, StationReference
from catalog.formats.station_lists import StationLine
from catalog.models import Station
from processing.core import earth_models, geodesy, location, phases
from processing.core.agency_tables import read_agency_file
from processing.jobs import station_corrections, travel_time_tables
from processing.management.commands.import_travel_times import content_of, problem_line

HEAD_BYTES = 64 * 1024
FROM_FILE = "table"
"""Name of the model that a file gives."""
SAME_PLACE_KM = 1.0
"""Coordinates of one station in a file and in the database differ by less (as in jobs.stations)."""


@dataclass(frozen=True)
class Place:
    """Where a station stands."""

    latitude: float
    longitude: float
    elevation_m: float | None
    station: int | None = None
    """Primary key, of the database."""


Places = Mapping[tuple[str, str], Place]
"""By network ("" for any) and code."""
Corrections = Mapping[tuple[int, str], float]
"""What arrivals are late by [s], by station and family."""


class Command(BaseCommand):
    help = "Locate the events of a bulletin file and print the solutions; nothing is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", default="", help="code; without it, as the file says")
        parser.add_argument(
            "--stations", type=Path, action="append", default=[], metavar="LIST",
            help="a list of stations; may be given more than once; else those of the database",
        )  # fmt: skip
        parser.add_argument(
            "--model",
            help=f"{location.REGIONAL} (by region, the default), {', '.join(earth_models.MODELS)},"
            " or the name of a stored table",
        )
        parser.add_argument(
            "--table", type=Path, metavar="CSV", help="an agency's travel times, used everywhere"
        )
        parser.add_argument(
            "--tables-in-use", action="store_true", help="with the stored tables in use, as the"
            " portal locates",
        )  # fmt: skip
        parser.add_argument("--depth", type=float, help="hold the depth at this value [km]")
        parser.add_argument(
            "--no-start", action="store_true", help="do not begin at the reported hypocentres"
        )
        parser.add_argument(
            "--corrections", default="", metavar="VERSION",
            help="station corrections to apply; for stations of the database only",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="one JSON object an event")
        parser.add_argument("--arrivals", action="store_true", help="print every reading, too")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        corrections = self.corrections(options)
        places = from_lists(options["stations"]) if options["stations"] else from_database()
        model, own = self.models(options)
        located = failed = 0
        for record in self.records(path, options["format"]):
            unknown: set[str] = set()
            observed, reference = observations(record, places, unknown, corrections)
            start = [] if options["no_start"] else hypocentres(record, reference)
            told: dict[str, Any] = {
                "event": record.event_id or record.preferred_origin_id or "",
                "unknown_stations": sorted(unknown),
            }
            if options["corrections"]:
                told["corrections"] = options["corrections"]
                told["corrected"] = sum(a.correction_s != 0.0 for a in observed)
            try:
                solution = location.locate(observed, model, start, options["depth"], own)
            except location.LocationError as error:
                failed += 1
                told |= {"error": error.code, "values": error.values}
            else:
                located += 1
                told |= described(solution, reference, observed, options["arrivals"])
            self.stdout.write(json.dumps(told) if options["json"] else table(told))
        self.stderr.write(f"{located} located, {failed} not")

    def models(self, options: dict[str, Any]) -> tuple[str, tuple[earth_models.OwnModel, ...]]:
        """Return the name of the model to use, and those beside the built-in ones."""
        name: str | None = options["model"]
        own = travel_time_tables.tables_in_use() if options["tables_in_use"] else ()
        if options["table"] is not None:
            if name is not None or own:
                raise CommandError("--table is used alone, without --model and --tables-in-use")
            return FROM_FILE, (self.table(options["table"]),)
        if name is None or name == location.REGIONAL or name in earth_models.MODELS:
            return name or location.REGIONAL, own
        stored = travel_time_tables.table_named(name)
        if stored is None:
            known = ", ".join((location.REGIONAL, *earth_models.MODELS))
            raise CommandError(f"no model {name}; there are {known}, and no such stored table")
        return name, (stored,)

    def table(self, file: Path) -> earth_models.OwnModel:
        read = read_agency_file(content_of(file))
        for problem in read.problems:
            self.stderr.write(problem_line(problem))
        if read.problems:
            raise CommandError(f"{file}: {len(read.problems)} problems")
        return read.model(FROM_FILE, file.name, str(file))

    def corrections(self, options: Mapping[str, Any]) -> Corrections:
        """Return the corrections asked for, none if none are."""
        version, model = options["corrections"], options["model"] or location.REGIONAL
        if not version:
            return {}
        if options["stations"]:
            raise CommandError(
                "--corrections are of stations of the database: give no --stations with them"
            )
        try:
            found = station_corrections.set_of(version)
        except station_corrections.CorrectionsError as error:
            raise CommandError(str(error)) from error
        if found.earth_model != model:
            raise CommandError(
                f"the corrections {version!r} are for --model {found.earth_model}, not {model}"
            )
        if found.synthetic:
            self.stderr.write(f"the corrections {version!r} are from synthetic events")
        return station_corrections.corrections_of(version)

    def records(self, path: Path, format: str) -> Iterator[EventRecord]:
        try:
            with path.open("rb") as stream:
                code = format or next(iter(detect(stream.read(HEAD_BYTES), path.name)), "")
                if code not in {f.code for f in FORMATS}:
                    known = ", ".join(f.code for f in FORMATS)
                    raise CommandError(f"{path} is in no known format; name one of: {known}")
                stream.seek(0)
                for item in read(code, stream):
                    if isinstance(item, Problem):
                        self.stderr.write(f"line {item.line_number}: {item.code}: {item.found}")
                    elif isinstance(item, EventRecord):
                        yield item
        except (OSError, FormatError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error


def from_lists(paths: list[Path]) -> Places:
    """Return the stations of lists; of one code the first that is met stands."""
    places: dict[tuple[str, str], Place] = {}
    for path in paths:
        try:
            with path.open("rb") as stream:
                for line in station_lists.read(stream):
                    if isinstance(line, StationLine):
                        place = Place(line.latitude, line.longitude, line.elevation_m)
                        places.setdefault((line.network or "", line.code), place)
                        places.setdefault(("", line.code), place)
        except (OSError, FormatError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
    return places


def from_database() -> Places:
    places: dict[tuple[str, str], Place] = {}
    for station in Station.objects.select_related("network").order_by("pk"):
        place = Place(station.latitude, station.longitude, station.elevation_m, station.pk)
        if station.network is not None:
            places.setdefault((station.network.code, station.code), place)
        places.setdefault(("", station.code), place)
    return places


def find(reference: StationReference, places: Places) -> Place | None:
    known = places.get((reference.network or "", reference.code)) or places.get(
        ("", reference.code)
    )
    if reference.latitude is None or reference.longitude is None:
        return known
    station = None
    if known is not None:
        apart_km = geodesy.ellipsoid_distance_km(
            reference.latitude, reference.longitude, known.latitude, known.longitude
        )
        station = known.station if float(apart_km) < SAME_PLACE_KM else None
    return Place(reference.latitude, reference.longitude, reference.elevation_m, station)


def observations(
    record: EventRecord, places: Places, unknown: set[str], corrections: Corrections | None = None
) -> tuple[list[location.ArrivalObservation], datetime]:
    """Return the event's readings at known stations, and the epoch their times count from."""
    named = {
        arrival.pick_id: arrival.phase
        for origin in record.origins
        for arrival in origin.arrivals
        if arrival.phase
    }
    picks: list[tuple[PickRecord, datetime, str, Place]] = []
    for pick in record.picks:
        phase = named.get(pick.pick_id) or pick.phase_hint
        place = find(pick.station, places)
        if place is None:
            unknown.add(pick.station.code)
        elif pick.time is not None and phase:
            picks.append((pick, pick.time, phase, place))
    reference = min((time for _, time, _, _ in picks), default=datetime(1970, 1, 1, tzinfo=UTC))
    reference = reference.replace(microsecond=0)
    return [
        location.ArrivalObservation(
            station=f"{place.latitude},{place.longitude}",
            latitude=place.latitude,
            longitude=place.longitude,
            elevation_m=place.elevation_m,
            phase=phase,
            time=(time - reference).total_seconds(),
            time_uncertainty=pick.time_uncertainty,
            backazimuth=pick.backazimuth,
            backazimuth_uncertainty=pick.backazimuth_uncertainty,
            slowness=pick.horizontal_slowness,
            slowness_uncertainty=pick.horizontal_slowness_uncertainty,
            correction_s=(corrections or {}).get(
                (place.station or 0, phases.family(phase) or ""), 0.0
            ),
        )
        for pick, time, phase, place in picks
    ], reference


def hypocentres(record: EventRecord, reference: datetime) -> list[location.Hypocentre]:
    return [
        location.Hypocentre(
            origin.latitude,
            origin.longitude,
            (origin.time - reference).total_seconds(),
            origin.depth_km,
        )
        for origin in record.origins
        if origin.time is not None and origin.latitude is not None and origin.longitude is not None
    ]


def described(
    solution: location.LocationSolution,
    reference: datetime,
    observed: list[location.ArrivalObservation],
    with_arrivals: bool,
) -> dict[str, Any]:
    """Return what is printed of a solution; angles [deg], lengths [km], times [s]."""
    told: dict[str, Any] = {
        "time": (reference + timedelta(seconds=solution.time)).isoformat(timespec="milliseconds"),
        "latitude": round(solution.latitude, 5),
        "longitude": round(solution.longitude, 5),
        "depth_km": round(solution.depth_km, 2),
        "depth_code": solution.depth_code,
        "confidence_level": solution.confidence_level,
        "semi_major_km": round(solution.semi_major_km, 2),
        "semi_minor_km": round(solution.semi_minor_km, 2),
        "ellipse_azimuth": round(solution.ellipse_azimuth, 1),
        "time_error": round(solution.time_error, 3),
        "depth_error_km": solution.depth_error_km and round(solution.depth_error_km, 2),
        "standard_error": round(solution.standard_error, 3),
        "error_scale": round(solution.error_scale, 3),
        "azimuthal_gap": round(solution.azimuthal_gap, 1),
        "secondary_azimuthal_gap": round(solution.secondary_azimuthal_gap, 1),
        "uniformity": round(solution.uniformity, 3),
        "gt5_candidate": solution.gt5_candidate,
        "used": int(solution.used.sum()),
        "associated": len(observed),
        "stations": solution.used_station_count,
        "model": solution.model,
        "method": solution.method,
        "warnings": list(solution.warnings),
        "alternatives": [
            {
                "latitude": round(other.hypocentre.latitude, 4),
                "longitude": round(other.hypocentre.longitude, 4),
                "worse_by": round(other.worse_by, 2),
            }
            for other in solution.alternatives
        ],
    }
    if with_arrivals:
        told["arrivals"] = [
            {
                "station": a.station,
                "phase": solution.phase[i],
                "distance_deg": round(float(solution.distance[i]), 3),
                "azimuth": round(float(solution.azimuth[i]), 1),
                "residual": None
                if np.isnan(solution.residual[i])
                else round(float(solution.residual[i]), 3),
                "used": bool(solution.used[i]),
                "reason": solution.reason[i],
            }
            | ({"correction": round(a.correction_s, 3)} if a.correction_s else {})
            for i, a in enumerate(observed)
        ]
    return told


def table(told: Mapping[str, Any]) -> str:
    """Return a solution as lines of words and values."""
    lines = []
    for name, value in told.items():
        if name != "arrivals" and value not in (None, [], ""):
            lines.append(f"{name:24} {value}")
    for arrival in told.get("arrivals", ()):
        lines.append("  " + "  ".join(f"{k} {v}" for k, v in arrival.items() if v is not None))
    return "\n".join(lines) + "\n"
