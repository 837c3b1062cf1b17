"""The year as each agency tells it: what it read, where it puts the event, how large it calls it.

An agency's origin is what the portal's own locator makes of the agency's own readings: its errors
and ellipses are real ones. Only where an agency has too few readings to locate with (weak events
far from stations, which an analyst places by a single array) the true place is disturbed instead,
and the origin says that it was not inverted.

An agency that is not the one to be preferred leaves an event out if its solution would be in doubt
against the other's (the portal's own misfit), and so are drawn again the errors of one that would
fall out of the Northern Tien Shan: the counts of the year must not hang on a doubtful pair. Blasts
are spared this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from catalog import focal_geometry
from catalog.formats.labels import SUPPLEMENTARY, SYNTHETIC
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from processing.core import association, geodesy, location
from processing.example.observing import Reading, observe
from processing.example.seismicity import NORTHERN_TIEN_SHAN, Source
from processing.example.sites import Network

#: Tries before an agency that will not fit the other is taken not to have seen the event.
ATTEMPTS = 6
#: Well under the rule set's limit of 3, so that a pair is never in doubt.
CLEAR_MISFIT = 2.4
#: A solution on which nothing hangs needs so many stations to be published.
MINIMUM_STATIONS = 4
#: Below this an agency does not publish events of the other's region.
SECOND_AGENCY_FROM_KR = 8.3
#: The Expedition's travel-time table steps depth by 5 km (the article), so its depths do.
DEPTH_STEP_KM = 5.0
#: The data centre locates with IASPEI-91 (the article); the Expedition with its regional times.
MODELS = {"KNDC": "iasp91"}
#: What a place given by one or two stations is good for [km, s]. Ours.
POOR_PLACE_KM = 15.0
POOR_TIME_S = 2.5
ORIGIN_IN_BOX_MARGIN_DEG = 0.02
#: MPVA = 0.22 + 0.433 K, scatter 0.26: orthogonal regression of operative messages (methods 1.9).
MPVA_OF_KR = (0.22, 0.433, 0.2)
#: MLV stands in for MS here; M = (K - 4)/1.8 (methods 1.8), given for the larger events only.
MLV_FROM_KR = 9.6
#: By how much two agencies' classes of one event differ (methods 4.2: sigma 0.7 of both; ours).
OTHER_AGENCY_KR = (0.1, 0.25)
AUTOMATIC_FROM_KR = 8.4
AUTOMATIC_SHARE = 0.7
AUTOMATIC_STATIONS = 6
EVENT_ID = {"SOME": "SYNS14", "KNDC": "SYNK14"}


@dataclass(frozen=True, slots=True)
class Solution:
    """An agency's hypocentre, rounded as it is published."""

    time: datetime
    latitude: float
    longitude: float
    depth_km: float
    located: location.LocationSolution | None
    """None where there were too few readings."""
    readings: tuple[Reading, ...]


def rng_for(seed: int, source: Source, what: int, attempt: int = 0) -> np.random.Generator:
    """Return a generator of its own for each event and purpose: one event changes no other."""
    return np.random.default_rng([seed, source.number, what, attempt])


# --- locating -------------------------------------------------------------------------------------


def solve(
    source: Source,
    network: Network,
    rng: np.random.Generator,
    readings: Sequence[Reading],
    *,
    fixed_depth_km: float | None = None,
) -> Solution:
    """Return the agency's own location of what it read."""
    reference = source.time.replace(microsecond=0)
    if source.depth_km == 0.0:
        fixed_depth_km = 0.0
    observed = [
        location.ArrivalObservation(
            station=r.site.code,
            latitude=r.site.latitude,
            longitude=r.site.longitude,
            elevation_m=r.site.elevation_m,
            phase=r.phase,
            time=(r.time - reference).total_seconds(),
        )
        for r in readings
    ]
    try:
        model = MODELS.get(network.agency, location.REGIONAL)
        found = location.locate(observed, model, fixed_depth_km=fixed_depth_km)
        if network.agency == "SOME" and found.depth_error_km is not None:
            step = DEPTH_STEP_KM * max(1.0, round(found.depth_km / DEPTH_STEP_KM))
            start = location.Hypocentre(found.latitude, found.longitude, found.time, step)
            found = location.locate(observed, model, [start], fixed_depth_km=step)
    except location.LocationError:
        return _placed(source, rng, tuple(readings))
    return Solution(
        time=reference + timedelta(milliseconds=10 * round(found.time * 100)),
        latitude=round(found.latitude, 3),
        longitude=round(found.longitude, 3),
        depth_km=round(found.depth_km, 1),
        located=found,
        readings=tuple(readings),
    )


def _placed(source: Source, rng: np.random.Generator, readings: tuple[Reading, ...]) -> Solution:
    """Return the true place disturbed: too few readings to locate with."""
    north, east, seconds = (min(max(float(x), -2.0), 2.0) for x in rng.normal(size=3))
    return Solution(
        time=source.time + timedelta(milliseconds=10 * round(100 * POOR_TIME_S * seconds)),
        latitude=round(source.latitude + north * POOR_PLACE_KM / 111.2, 2),
        longitude=round(
            source.longitude
            + east * POOR_PLACE_KM / (111.2 * float(np.cos(np.radians(source.latitude)))),
            2,
        ),
        depth_km=source.depth_km and 10.0,
        located=None,
        readings=readings,
    )


def solutions(source: Source, networks: dict[str, Network], seed: int) -> dict[str, Solution]:
    """Return the solution of each agency that publishes the event, the one to be preferred first.

    Raises
    ------
    RuntimeError
        No error could be drawn under which the event stays in its region.
    """
    chosen: dict[str, Solution] = {}
    for agency in source.agencies:
        if chosen and source.kind == "earthquake" and source.kr < SECOND_AGENCY_FROM_KR:
            continue
        for attempt in range(ATTEMPTS):
            rng = rng_for(seed, source, 1 + list(networks).index(agency), attempt)
            readings = observe(source, networks[agency], rng)
            solution = solve(source, networks[agency], rng, readings)
            if _is_clear(source, agency, solution, chosen):
                chosen[agency] = solution
                break
        else:
            if not chosen:
                raise RuntimeError(f"event {source.number} does not stay in its region")
    return chosen


def _is_clear(source: Source, agency: str, solution: Solution, chosen: dict[str, Solution]) -> bool:
    """Tell whether the solution may be published as it is."""
    if not in_its_region(source, solution):
        return False
    if not chosen:
        return True
    found = solution.located
    if source.kind != "earthquake":
        return found is not None
    if found is None or found.used_station_count < MINIMUM_STATIONS:
        return False
    first = next(iter(chosen))
    apart = association.misfit(
        _view(source, first, chosen[first]), _view(source, agency, solution), association.RuleSet()
    )
    return apart.total <= CLEAR_MISFIT and apart.distance_km <= 80.0


def in_its_region(source: Source, solution: Solution) -> bool:
    """Tell whether the solution lies on the same side of the box's border as the event."""
    if source.kind != "earthquake":
        return True
    south, north, west, east = NORTHERN_TIEN_SHAN

    def holds(latitude: float, longitude: float, margin: float) -> bool:
        return (
            south + margin <= latitude <= north - margin
            and west + margin <= longitude <= east - margin
        )

    if holds(source.latitude, source.longitude, 0.0):
        return holds(solution.latitude, solution.longitude, ORIGIN_IN_BOX_MARGIN_DEG)
    return not holds(solution.latitude, solution.longitude, -ORIGIN_IN_BOX_MARGIN_DEG)


def _view(source: Source, agency: str, solution: Solution) -> association.ReportView:
    """Return the solution as the association would see it."""
    found = solution.located
    return association.ReportView(
        report_id=agency,
        agency=agency,
        time=solution.time.timestamp(),
        latitude=solution.latitude,
        longitude=solution.longitude,
        depth_km=solution.depth_km,
        kr=source.kr,
        time_uncertainty=found.time_error if found else POOR_TIME_S,
        # The ellipse of 90 % is 2.15 standard ones.
        horizontal_uncertainty_km=found.semi_major_km / 2.15 if found else POOR_PLACE_KM,
    )


# --- one report -----------------------------------------------------------------------------------


def event_id(agency: str, source: Source) -> str:
    """Return the agency's own id of an event, by which later bulletins supersede earlier ones."""
    return f"{EVENT_ID[agency]}{source.number:03d}"


def final(
    source: Source, agency: str, solution: Solution, seed: int, *, first: bool
) -> EventRecord:
    """Return the agency's final report; ``first``: its class is the one that is to be counted."""
    rng = rng_for(seed, source, 40 + len(agency) + (agency == "KNDC"))
    kr = source.kr if first else source.kr + _scattered(rng, *OTHER_AGENCY_KR)
    return _record(source, agency, solution, rng, round(kr, 1))


def operative(source: Source, solution: Solution, seed: int) -> EventRecord:
    """Return the Expedition's first word on an event, for people: soon, from the near stations."""
    rng = rng_for(seed, source, 60)
    kr = round(source.kr + _scattered(rng, 0.0, 0.2), 1)
    record = _record(source, "SOME", solution, rng, kr)
    origin = replace(record.origins[0], evaluation_status="preliminary")
    return replace(record, origins=(origin,), focal_mechanisms=())


def automatic(source: Source, solution: Solution, seed: int) -> EventRecord:
    """Return the Data Centre's automatic report: P onsets, MPVA and no class, no type."""
    rng = rng_for(seed, source, 61)
    record = _record(source, "KNDC", solution, rng, source.kr)
    origin = replace(
        record.origins[0], evaluation_mode="automatic", event_type=None, event_type_certainty=None
    )
    return replace(
        record,
        event_type=None,
        event_type_certainty=None,
        origins=(origin,),
        magnitudes=tuple(m for m in record.magnitudes if m.type == "MPVA"),
        station_magnitudes=(),
        picks=tuple(replace(p, evaluation_mode="automatic", polarity=None) for p in record.picks),
    )


def first_readings(readings: Sequence[Reading], rng: np.random.Generator) -> tuple[Reading, ...]:
    """Return what a detector has within minutes: P at the nearest stations, roughly."""
    early = [r for r in readings if r.phase.startswith("P")][:AUTOMATIC_STATIONS]
    late = rng.normal(0.4, 0.5, size=len(early))
    return tuple(
        replace(r, time=r.time + timedelta(milliseconds=10 * round(100 * float(d))))
        for r, d in zip(early, late, strict=True)
    )


def _scattered(rng: np.random.Generator, mean: float, sigma: float) -> float:
    return mean + sigma * min(max(float(rng.normal()), -2.0), 2.0)


def _record(
    source: Source, agency: str, solution: Solution, rng: np.random.Generator, kr: float
) -> EventRecord:
    """Return a report with all its parts, rounded as bulletins print them."""
    origin_id = f"{source.number:05d}"
    kind = {"mine blast": "mining explosion", "quarry blast": "quarry blast"}.get(
        source.kind, "earthquake"
    )
    picks, amplitudes, sizes, arrivals = _observations(solution, agency, origin_id)
    magnitudes = [
        MagnitudeRecord(
            value=kr,
            type="KR",
            magnitude_id=f"{origin_id}-KR",
            origin_id=origin_id,
            uncertainty=_spread([s.value for s in sizes]),
            station_count=len(sizes) or None,
            agency=agency,
        ),
        MagnitudeRecord(
            value=round(
                MPVA_OF_KR[0] + MPVA_OF_KR[1] * kr + _scattered(rng, 0.0, MPVA_OF_KR[2]), 1
            ),
            type="MPVA",
            magnitude_id=f"{origin_id}-MPVA",
            origin_id=origin_id,
            station_count=sum(p.phase_hint is not None and p.phase_hint[0] == "P" for p in picks)
            or None,
            agency=agency,
        ),
    ]
    if kr >= MLV_FROM_KR:
        magnitudes.append(
            MagnitudeRecord(
                value=round((kr - 4.0) / 1.8 + _scattered(rng, 0.0, 0.15), 1),
                type="MLV",
                magnitude_id=f"{origin_id}-MLV",
                origin_id=origin_id,
                agency=agency,
            )
        )
    comments = (SYNTHETIC, SUPPLEMENTARY) if source.kind == "supplementary" else (SYNTHETIC,)
    return EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=event_id(agency, source),
        event_type=kind,
        event_type_certainty="known",
        descriptions=(DescriptionRecord(_region(source), "region name"),),
        origins=(replace(_origin(solution, agency, origin_id, kind), arrivals=arrivals),),
        magnitudes=tuple(magnitudes),
        picks=picks,
        amplitudes=amplitudes,
        station_magnitudes=sizes,
        focal_mechanisms=(_mechanism(source, agency, origin_id, picks),)
        if source.published_mechanism
        else (),
        preferred_origin_id=origin_id,
        agency=agency,
        source=title(agency),
        synthetic=True,
        comments=comments,
    )


def title(agency: str) -> str:
    """Return the first line of an agency's made-up bulletins."""
    return f"Bulletin of {agency} for 2014: {SYNTHETIC}"


def _region(source: Source) -> str:
    return f"{source.zone} (synthetic)"


def _spread(values: Sequence[float]) -> float | None:
    """Return the standard deviation of station values, 0.1 fine."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return round(math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)), 1)


def _origin(solution: Solution, agency: str, origin_id: str, kind: str) -> OriginRecord:
    """Return the origin as a bulletin prints it."""
    found = solution.located
    base = OriginRecord(
        origin_id=origin_id,
        time=solution.time,
        latitude=solution.latitude,
        longitude=solution.longitude,
        depth_km=solution.depth_km,
        depth_type="operator assigned",
        agency=agency,
        evaluation_mode="manual",
        event_type=kind,
        event_type_certainty="known",
    )
    if found is None:
        return replace(
            base,
            method_id="other",
            time_uncertainty=POOR_TIME_S,
            semi_major_axis_km=round(2.15 * POOR_PLACE_KM, 1),
            semi_minor_axis_km=round(2.15 * POOR_PLACE_KM, 1),
            major_axis_azimuth=0.0,
            confidence_level=90.0,
            comments=("placed without inversion: too few readings",),
        )
    return replace(
        base,
        method_id="inversion",
        time_uncertainty=round(found.time_error, 2),
        depth_type="operator assigned" if found.depth_error_km is None else "from location",
        depth_uncertainty_km=None
        if found.depth_error_km is None
        else round(found.depth_error_km, 1),
        semi_major_axis_km=round(found.semi_major_km, 1),
        semi_minor_axis_km=round(found.semi_minor_km, 1),
        major_axis_azimuth=float(round(found.ellipse_azimuth)),
        confidence_level=90.0,
        standard_error=round(found.standard_error, 2),
        used_phase_count=found.used_phase_count,
        used_station_count=found.used_station_count,
        azimuthal_gap=float(round(found.azimuthal_gap)),
        minimum_distance_deg=round(found.minimum_distance, 2),
        maximum_distance_deg=round(found.maximum_distance, 2),
    )


def _observations(
    solution: Solution, agency: str, origin_id: str
) -> tuple[
    tuple[PickRecord, ...],
    tuple[AmplitudeRecord, ...],
    tuple[StationMagnitudeRecord, ...],
    tuple[ArrivalRecord, ...],
]:
    """Return picks, amplitudes, station classes and arrivals, in order of distance."""
    readings, found = solution.readings, solution.located
    centre = float(geodesy.geocentric_latitude(solution.latitude))
    picks, amplitudes, sizes, arrivals = [], [], [], []
    for i, r in enumerate(readings):
        pick_id = f"{origin_id}{i:02d}"
        station = StationReference(r.site.code)
        distance, azimuth = geodesy.distance_azimuth(
            centre,
            solution.longitude,
            float(geodesy.geocentric_latitude(r.site.latitude)),
            r.site.longitude,
        )
        picks.append(
            PickRecord(
                pick_id=pick_id,
                station=station,
                time=r.time,
                phase_hint=r.phase,
                onset="impulsive" if r.impulsive else "emergent",
                polarity=r.polarity,
                evaluation_mode="manual",
                agency=agency,
            )
        )
        arrivals.append(
            ArrivalRecord(
                pick_id=pick_id,
                phase=r.phase,
                distance_deg=round(float(distance), 2),
                azimuth=round(float(azimuth), 1) % 360.0,
                time_residual=None
                if found is None or not np.isfinite(found.residual[i])
                else round(float(found.residual[i]), 1) + 0.0,  # no minus zero
                time_defining=None if found is None else bool(found.used[i]),
            )
        )
        amplitudes.append(
            AmplitudeRecord(
                amplitude_id=f"{pick_id}-a",
                value=r.amplitude_nm,
                unit="nm",
                period=r.period_s,
                pick_id=pick_id,
                station=station,
                agency=agency,
            )
        )
        if r.kr is not None:
            sizes.append(
                StationMagnitudeRecord(
                    value=r.kr,
                    type="KR",
                    station=station,
                    station_magnitude_id=f"{pick_id}-m",
                    origin_id=origin_id,
                    amplitude_id=f"{pick_id}-a",
                    agency=agency,
                )
            )
    return tuple(picks), tuple(amplitudes), tuple(sizes), tuple(arrivals)


def _mechanism(
    source: Source, agency: str, origin_id: str, picks: Sequence[PickRecord]
) -> FocalMechanismRecord:
    """Return the published mechanism: the true planes, read to five degrees."""
    true = source.mechanism
    plane = NodalPlaneRecord(
        5.0 * round(true.strike / 5.0) % 360.0,
        min(90.0, max(5.0, 5.0 * round(true.dip / 5.0))),
        5.0 * round(true.rake / 5.0),
    )
    return FocalMechanismRecord(
        focal_mechanism_id=f"{origin_id}-fm",
        nodal_plane_1=plane,
        nodal_plane_2=auxiliary(plane),
        triggering_origin_id=origin_id,
        station_polarity_count=sum(p.polarity is not None for p in picks),
        agency=agency,
        evaluation_mode="manual",
    )


def auxiliary(plane: NodalPlaneRecord) -> NodalPlaneRecord:
    """Return the other nodal plane in whole degrees."""
    other = focal_geometry.auxiliary(plane.strike, plane.dip, plane.rake)
    strike, dip, rake = (float(round(float(angle))) for angle in other)
    return NodalPlaneRecord(strike % 360.0, dip, 180.0 if rake == -180.0 else rake)
