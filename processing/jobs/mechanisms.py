"""Compute mechanisms of events from the first motions of P that their reports bring.

Work of its own kind, asked for after an event was located and its preferred origin chosen, where at
least eight stations have a polarity. One station counts once: by its first arrival, that of the
preferred origin's agency first, then the earliest reading. Where two readings of that arrival
contradict each other, neither counts until an editor says so. A station known as reversed at the
time is turned round; an editor's word on a polarity comes last and holds. Near stations whose
amplitudes of P and S are both known add their ratio.

A computed mechanism is stored as the portal's and takes the place of the former one only where
something it follows from has changed. Man-made events get none: what pushes everywhere has no
plane.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from numpy.typing import NDArray

from catalog import focal_geometry as geometry
from catalog.models import (
    Event,
    FocalMechanism,
    MergeDecision,
    Origin,
    Pick,
    PickAssociation,
    PolarityDecision,
    StationPolarityReversal,
)
from processing.core import first_motion, first_motion_rays, geodesy, phases
from processing.core.first_motion import LEAST_POLARITIES, METHOD_ID, Polarities
from processing.core.first_motion_ratios import REACH_KM, Ratios
from processing.jobs import amplitude_ratios, location
from processing.jobs.amplitude_ratios import AmplitudeRatio
from processing.jobs.location_inputs import AT_THE_SURFACE, phases_named
from processing.models import WorkItem

#: Kind of work, and its priority: after duty bulletins and their events, before archives.
KIND = "mechanism"
PRIORITY = 6
#: A person waits.
DESK_PRIORITY = 2
GONE = (Event.Status.MERGED, Event.Status.DELETED)

_TRAVEL = timedelta(hours=1)
SIGNS = {"positive": 1, "negative": -1}
#: Phases whose first motion tells of the source. Later parts of P have turned or changed sides.
FIRST_ARRIVALS = frozenset(first_motion_rays.FIRST_ARRIVALS)
#: Weight of an onset by how it was read; what is not said counts as clear. Ours.
WEIGHTS = {"emergent": 0.5, "questionable": 0.25}
#: Readings of one station so near in time are of one onset, under whatever name [s]. Ours.
SAME_ONSET_S = 0.5
#: Depth of an origin that states none, and its standard error [km]. Ours.
DEPTH_KM, DEPTH_ERROR_KM = 10.0, 10.0

Word = PolarityDecision.Kind
Subject = PolarityDecision.Subject
#: Evaluation status (QuakeML) by which an editor's decision on the whole is stored.
CONFIRMED, REJECTED = "confirmed", "rejected"


@dataclass(frozen=True, slots=True)
class Motion:
    """The first motion at one station."""

    station: int
    code: str
    latitude: float
    longitude: float
    phase: str
    time: datetime
    agency: str
    onset: str
    read: int
    """1 up, -1 down, as it was read."""
    contradicted: bool = False
    """Another reading of the same arrival says the opposite."""
    is_reversed: bool = False
    """The station is known to have been upside down then."""
    word: str = ""
    """An editor's: keep, flip or drop."""

    @property
    def weight(self) -> float:
        return WEIGHTS.get(self.onset, 1.0)

    @property
    def is_used(self) -> bool:
        return self.word != Word.DROP and not (self.contradicted and not self.word)

    @property
    def sign(self) -> int:
        """What counts: as read, turned for a reversed station and by an editor."""
        turned = self.is_reversed != (self.word == Word.FLIP)
        return -self.read if turned else self.read


@dataclass
class Inputs:
    """All that decides an event's mechanism."""

    origin: Origin | None
    man_made: bool
    motions: tuple[Motion, ...] = ()
    """By station."""
    ratios: tuple[AmplitudeRatio, ...] = ()
    """By station, however far, those left out included."""
    standing: FocalMechanism | None = None
    """What was computed before."""
    last_decision: MergeDecision | None = None
    """The newest on the whole that was not taken back."""

    @property
    def used(self) -> tuple[Motion, ...]:
        return tuple(m for m in self.motions if m.is_used)

    @property
    def used_ratios(self) -> tuple[AmplitudeRatio, ...]:
        return tuple(r for r in self.ratios if not r.dropped)

    @property
    def polarities(self) -> str:
        """A digest of the polarities and ratios that count, wherever the event lies."""
        counted = [[r.station, r.log_ratio] for r in self.used_ratios]
        return _digest([*sorted([m.station, m.sign, m.weight] for m in self.used), *counted])

    @property
    def decision(self) -> MergeDecision | None:
        """The editor's decision on the whole, while the polarities are those it was made on."""
        last = self.last_decision
        return last if last and last.after.get("polarities") == self.polarities else None

    @property
    def evidence(self) -> str:
        """A digest of what is read, whatever editors said of it."""
        read = sorted([m.station, m.phase, m.read, m.contradicted, m.onset] for m in self.motions)
        sized = [[r.station, r.log_ratio] for r in self.ratios]
        return _digest([read, *sized, self._place()])

    def fingerprint(self) -> str:
        """A digest of all that decides the solution and its status."""
        of = sorted([m.station, m.latitude, m.longitude, m.phase] for m in self.used)
        near = [[r.station, r.latitude, r.longitude] for r in self.used_ratios]
        told = [METHOD_ID, self.man_made, of, near, self.polarities, self._place()]
        return _digest([*told, self.decision.pk if self.decision else None])

    def with_words(self, words: Mapping[int, str], dropped: Collection[int] = ()) -> Inputs:
        """Return the same with these words of an editor, by station, and no others.

        ``dropped`` are the stations whose amplitude ratios are left out.
        """
        spoken = (replace(m, word=words.get(m.station, "")) for m in self.motions)
        ratios = (replace(r, dropped=r.station in dropped) for r in self.ratios)
        return replace(self, motions=tuple(spoken), ratios=tuple(ratios))

    def _place(self) -> list[float | None]:
        o = self.origin
        if o is None:
            return []
        return [o.latitude, o.longitude, o.depth_km, *errors_km(o)]


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass(frozen=True)
class Solved:
    """A mechanism, the polarities it rests on, and where their rays left."""

    motions: tuple[Motion, ...]
    azimuth: NDArray[np.float64]
    """Event to station [deg], shape (n,)."""
    takeoff: NDArray[np.float64]
    """From the downward vertical [deg], shape (n,)."""
    solution: first_motion.Solution
    warnings: tuple[str, ...]
    """``all-alike``: every station moved the same way, which many mechanisms allow."""
    ratios: tuple[AmplitudeRatio, ...]
    """Those compared, none where they are too few."""
    ratio_rays: NDArray[np.float64]
    """Azimuth and take-off angle of each [deg], shape (n, 2)."""


class NotSolvable(Exception):
    """Why there is no mechanism: ``no-origin``, ``man-made``, ``too-few-polarities``."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


# --- What there is --------------------------------------------------------------------------------


def load(event: Event) -> Inputs:
    """Return what the mechanism of one event follows from."""
    origin = (
        Origin.objects.select_related("agency", "entry__report__agency")
        .defer("entry__text", "entry__comments")
        .filter(pk=event.preferred_origin_id)
        .first()
    )
    inputs = Inputs(origin, event.event_type in AT_THE_SURFACE)
    inputs.standing = (
        FocalMechanism.objects.current().computed().filter(event=event).order_by("-pk").first()
    )
    inputs.last_decision = (
        MergeDecision.objects.filter(
            Q(event=event) | Q(event__merged_into=event),
            kind=MergeDecision.Kind.MECHANISM,
            undone_by__isnull=True,
        )
        .select_related("actor")
        .order_by("-pk")
        .first()
    )
    if origin is not None:
        inputs.motions = _motions(event, origin)
        ratios = amplitude_ratios.of_event(event.pk, origin)
        words = _words(event, Subject.RATIO, [r.station for r in ratios]) if ratios else {}
        inputs.ratios = tuple(replace(r, dropped=words.get(r.station) == Word.DROP) for r in ratios)
    return inputs


def _words(event: Event, subject: str, stations: Collection[int]) -> dict[int, str]:
    """Return editors' newest words on the polarities, or the ratios, of stations."""
    rows = PolarityDecision.objects.filter(
        Q(event=event) | Q(event__merged_into=event), subject=subject, station__in=stations
    )
    return dict(rows.order_by("pk").values_list("station", "kind"))


#: What is read of a pick.
_COLUMNS = (
    "pk", "station", "station__code", "station__point", "time", "phase_hint", "agency", "onset",
    "polarity",
)  # fmt: skip


def _motions(event: Event, origin: Origin) -> tuple[Motion, ...]:
    """Return each station's first motion, those that do not count included."""
    readings = _readings(event)
    first = _agency_of(origin)
    by_station: dict[int, list[Motion]] = defaultdict(list)
    for motion in readings:
        by_station[motion.station].append(motion)
    upside_down = set(
        _in_force(origin.time).filter(station__in=by_station).values_list("station", flat=True)
    )
    words = _words(event, Subject.POLARITY, by_station)
    chosen = []
    for station, here in sorted(by_station.items()):
        best = min(here, key=lambda m: (m.agency != first, m.time, m.agency, m.phase, -m.read))
        same = [
            m
            for m in here
            if m.phase == best.phase or abs((m.time - best.time).total_seconds()) <= SAME_ONSET_S
        ]
        chosen.append(
            replace(
                best,
                contradicted=any(m.read != best.read for m in same),
                is_reversed=station in upside_down,
                word=words.get(station, ""),
            )
        )
    return tuple(chosen)


def _readings(event: Event) -> list[Motion]:
    """Return all readings of first motions, of reports and of accepted station readings."""
    known = {"station__isnull": False, "time__isnull": False, "polarity__in": SIGNS}
    rows = list(
        Pick.objects.filter(
            entry__current_of__event=event, entry__current_of__outranked_by__isnull=True, **known
        ).values_list("entry__report__agency__code", *_COLUMNS)
    )
    named = phases_named([row[1] for row in rows])
    accepted = PickAssociation.objects.filter(
        event=event,
        state=PickAssociation.State.ACCEPTED,
        pick__reading__is_current=True,
        **{f"pick__{name}": value for name, value in known.items()},
    ).values_list("pick__reading__agency__code", *(f"pick__{c}" for c in _COLUMNS), "phase")
    for *row, phase in accepted:
        rows.append(tuple(row))
        named[row[1]] = phase
    found = []
    for reporter, pick, station, code, point, time, hint, agency, onset, polarity in rows:
        phase = phases.standard_name(named.get(pick) or hint)
        if phase in FIRST_ARRIVALS:
            found.append(
                Motion(
                    station, code, point.y, point.x, phase, time, agency or reporter or "", onset,
                    SIGNS[polarity],
                )
            )  # fmt: skip
    return found


def _agency_of(origin: Origin) -> str:
    if origin.agency is not None:
        return origin.agency.code
    return origin.entry.report.agency.code if origin.entry is not None else ""


def _in_force(time: datetime) -> Any:
    """Return the reversals that hold at a moment."""
    return StationPolarityReversal.objects.filter(
        Q(end__isnull=True) | Q(end__gt=time), start__lte=time, withdrawn_at__isnull=True
    )


# --- Solving --------------------------------------------------------------------------------------


def errors_km(origin: Origin) -> tuple[float | None, float | None]:
    """Return the standard errors of an origin's epicentre (both directions) and depth [km]."""
    depth = origin.depth_uncertainty_km
    if origin.depth_km is None:
        depth = DEPTH_ERROR_KM
    if origin.semi_major_axis_km is not None and origin.semi_minor_axis_km is not None:
        level = (origin.confidence_level or 90.0) / 100.0
        scale = math.sqrt(-2.0 * math.log(1.0 - min(level, 0.999)))
        size = math.hypot(origin.semi_major_axis_km, origin.semi_minor_axis_km)
        return size / scale or None, depth
    if origin.latitude_uncertainty_km is not None and origin.longitude_uncertainty_km is not None:
        size = math.hypot(origin.latitude_uncertainty_km, origin.longitude_uncertainty_km)
        return size or None, depth
    return origin.horizontal_uncertainty_km or None, depth


def solve(inputs: Inputs) -> Solved:
    """Return the mechanism that the polarities in use tell.

    Raises
    ------
    NotSolvable
    """
    origin = inputs.origin
    if origin is None:
        raise NotSolvable("no-origin")
    if inputs.man_made:
        raise NotSolvable("man-made")
    used = inputs.used
    if len(used) < LEAST_POLARITIES:
        raise NotSolvable("too-few-polarities", found=len(used), expected=LEAST_POLARITIES)
    rays = _rays(origin, used, [m.phase for m in used])
    # Where no model has a ray to a station, its polarity tells nothing.
    reached = np.flatnonzero(np.isfinite(rays.takeoff).all(axis=0))
    used = tuple(used[i] for i in reached)
    polarities = Polarities(
        np.array([m.sign for m in used], dtype=np.int8),
        np.array([m.weight for m in used]),
        rays.azimuth[:, reached],
        rays.takeoff[:, reached],
    )
    near, ratios = near_ratios(origin, inputs.used_ratios)
    solution = first_motion.solve(polarities, ratios)
    if solution is None:
        raise NotSolvable("too-few-polarities", found=len(used), expected=LEAST_POLARITIES)
    alike = len({m.sign for m in used}) == 1
    compared = len(solution.ratio_residual)
    return Solved(
        used,
        polarities.azimuth[0],
        polarities.takeoff[0],
        solution,
        ("all-alike",) if alike else (),
        near[:compared],
        np.column_stack((ratios.azimuth[0], ratios.takeoff[0]))[:compared],
    )


def near_ratios(
    origin: Origin, ratios: Sequence[AmplitudeRatio]
) -> tuple[tuple[AmplitudeRatio, ...], Ratios]:
    """Return the ratios of stations that direct waves reach, and the directions of these."""
    distance, _azimuth = geodesy.distance_azimuth(
        geodesy.geocentric_latitude(origin.latitude),
        origin.longitude,
        geodesy.geocentric_latitude([r.latitude for r in ratios]),
        [r.longitude for r in ratios],
    )
    reached = np.flatnonzero(np.asarray(distance) * geodesy.KM_PER_DEGREE <= REACH_KM)
    near = tuple(ratios[int(i)] for i in reached)
    rays = _rays(origin, near, ["Pg"] * len(near))
    known = np.flatnonzero(np.isfinite(rays.takeoff).all(axis=0))
    near = tuple(near[i] for i in known)
    lg = np.array([r.log_ratio for r in near])
    return near, Ratios(lg, rays.azimuth[:, known], rays.takeoff[:, known])


def _rays(
    origin: Origin, stations: Sequence[Motion | AmplitudeRatio], names: list[str]
) -> first_motion_rays.Rays:
    """Return the directions to stations in all trials, the errors of the origin known."""
    epicentre, depth = errors_km(origin)
    return first_motion_rays.rays(
        origin.latitude,
        origin.longitude,
        DEPTH_KM if origin.depth_km is None else origin.depth_km,
        [s.latitude for s in stations],
        [s.longitude for s in stations],
        names,
        epicentre_error_km=epicentre,
        depth_error_km=depth,
    )


# --- Storing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Computed:
    """What came of one event, worked out without holding its row."""

    event: int
    fingerprint: str
    solved: Solved | None


def compute(event_key: int) -> Computed:
    """Return the mechanism of an event, or that it has none; nothing is stored."""
    event = Event.objects.get(pk=event_key)
    inputs = load(event)
    told = inputs.fingerprint()
    if event.status in GONE or _stands(inputs, told):
        return Computed(event_key, told, None)
    return Computed(event_key, told, _solved(inputs))


def store(found: Computed) -> Event | None:
    """Store what was computed, inside a transaction; return the event if that changed something.

    If the event has changed since it was computed, it is computed again here.
    """
    event: Event = Event.objects.select_for_update(no_key=True).get(pk=found.event)
    if event.status in GONE:
        return None
    inputs = load(event)
    told = inputs.fingerprint()
    if _stands(inputs, told):
        return None
    solved = found.solved if told == found.fingerprint else _solved(inputs)
    if inputs.decision is not None and inputs.decision.after["evaluation_status"] == REJECTED:
        solved = None
    if solved is None and inputs.standing is None:
        return None
    if inputs.standing is not None:
        FocalMechanism.objects.filter(pk=inputs.standing.pk).update(superseded_at=timezone.now())
    if solved is not None:
        _row(event, inputs, solved, told).save()
    return event


def _stands(inputs: Inputs, told: str) -> bool:
    return inputs.standing is not None and inputs.standing.parameters.get("inputs") == told


def _solved(inputs: Inputs) -> Solved | None:
    try:
        return solve(inputs)
    except NotSolvable:
        return None


def _row(event: Event, inputs: Inputs, solved: Solved, told: str) -> FocalMechanism:
    s = solved.solution
    first, second = ([round(float(a), 1) for a in plane] for plane in s.planes)
    axes = [
        [round(float(a), 1) for a in geometry.azimuth_plunge(axis)]
        for axis in (s.axes.t, s.axes.b, s.axes.p)
    ]
    decision = inputs.decision
    return FocalMechanism(
        event=event,
        agency=location.portal_agency(),
        triggering_origin=inputs.origin,
        **dict(zip(("strike_1", "dip_1", "rake_1"), first, strict=True)),
        **dict(zip(("strike_2", "dip_2", "rake_2"), second, strict=True)),
        **{
            f"{name}_{part}": value
            for name, axis in zip("tnp", axes, strict=True)
            for part, value in zip(("azimuth", "plunge"), axis, strict=True)
        },
        station_polarity_count=len(solved.motions),
        azimuthal_gap=round(s.azimuthal_gap_deg, 1),
        takeoff_gap=round(s.takeoff_gap_deg, 1),
        misfit=round(s.misfit, 3),
        quality=s.quality,
        faulting_style=geometry.style_of(*(axis[1] for axis in axes)),
        uncertainty_deg=round(s.uncertainty_deg, 1),
        probability=round(s.probability, 3),
        station_distribution_ratio=round(s.station_distribution_ratio, 3),
        method_id=METHOD_ID,
        evaluation_mode="automatic" if decision is None else "manual",
        evaluation_status="" if decision is None else decision.after["evaluation_status"],
        creation_time=timezone.now(),
        parameters={
            "inputs": told,
            "decision": None if decision is None else decision.pk,
            "method": METHOD_ID,
            "stations": [
                {
                    "station": m.code,
                    "station_id": m.station,
                    "phase": m.phase,
                    "sign": m.sign,
                    "weight": m.weight,
                    "azimuth": round(float(azimuth), 1),
                    "takeoff": round(float(takeoff), 1),
                    "contradicting": bool(contradicting),
                    "reversed": m.is_reversed,
                    "word": m.word,
                }
                for m, azimuth, takeoff, contradicting in zip(
                    solved.motions, solved.azimuth, solved.takeoff, s.contradicting, strict=True
                )
            ],
            "left_out": [
                {"station": m.code, "why": "contradicted" if not m.word else m.word}
                for m in inputs.motions
                if not m.is_used
            ],
            "ratios": [
                {
                    "station": r.code,
                    "station_id": r.station,
                    "log_ratio": r.log_ratio,
                    "residual": round(float(residual), 3),
                    "azimuth": round(float(azimuth), 1),
                    "takeoff": round(float(takeoff), 1),
                }
                for r, residual, (azimuth, takeoff) in zip(
                    solved.ratios, s.ratio_residual, solved.ratio_rays, strict=True
                )
            ],
            "ratios_left_out": [r.code for r in inputs.ratios if r.dropped],
            "ratio_misfit": None if s.ratio_misfit is None else round(s.ratio_misfit, 3),
            "accepted": [
                [round(float(a), 1) for a in plane] for plane in zip(*s.accepted, strict=True)
            ],
            "wrong_share": round(s.wrong_share, 3),
            "warnings": list(solved.warnings),
        },
    )


# --- Asking ---------------------------------------------------------------------------------------

_ENOUGH = """
SELECT event_id FROM (
    SELECT r.event_id, p.station_id FROM catalog_report r
    JOIN catalog_pick p ON p.entry_id = r.current_entry_id
    WHERE r.event_id = ANY(%(events)s) AND r.outranked_by_id IS NULL
      AND p.polarity IN ('positive', 'negative')
    UNION
    SELECT a.event_id, p.station_id FROM catalog_pickassociation a
    JOIN catalog_pick p ON p.id = a.pick_id
    WHERE a.event_id = ANY(%(events)s) AND a.state = 'accepted'
      AND p.polarity IN ('positive', 'negative')
) read
WHERE station_id IS NOT NULL
GROUP BY event_id HAVING count(*) >= %(least)s
UNION
SELECT event_id FROM catalog_focalmechanism
WHERE event_id = ANY(%(events)s) AND entry_id IS NULL AND superseded_at IS NULL
"""


def enough(events: Collection[int]) -> list[int]:
    """Return which events have polarities enough, or a computed mechanism that may have to go."""
    if not events:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ENOUGH, {"events": list(events), "least": LEAST_POLARITIES})
        return sorted(row[0] for row in cursor.fetchall())


def request_where_enough(events: Sequence[Event]) -> None:
    """Ask for mechanisms of events that were just computed, in the caller's transaction."""
    request(enough([event.pk for event in events]))


def request(events: Collection[int], priority: int = PRIORITY) -> None:
    """Ask for the mechanisms of events to be looked at, in the caller's transaction."""
    WorkItem.objects.request_many(KIND, [(pk, 1) for pk in events], priority=priority)


def touched_by(reversal: StationPolarityReversal) -> list[int]:
    """Return the events with a polarity of the station in the time it speaks of."""
    spans = Q(time__gte=reversal.start)
    if reversal.end is not None:
        # The onset comes after the origin, whose time decides; so look a little further.
        spans &= Q(time__lt=reversal.end + _TRAVEL)
    read = Pick.objects.filter(spans, station=reversal.station_id, polarity__in=SIGNS)
    reported = read.filter(
        entry__current_of__event__isnull=False, entry__current_of__outranked_by__isnull=True
    ).values_list("entry__current_of__event", flat=True)
    accepted = PickAssociation.objects.filter(
        pick__in=read, state=PickAssociation.State.ACCEPTED
    ).values_list("event", flat=True)
    return sorted({*reported, *accepted} - {None})
