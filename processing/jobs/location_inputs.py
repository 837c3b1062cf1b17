"""What an event is located from: readings, reported hypocentres, what a person decided on them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from catalog.models import Arrival, Event, MergeDecision, Origin, Pick, PickAssociation, Station
from processing.core import location as core
from processing.core import phases
from processing.core.earth_models import MODELS, OwnModel
from processing.jobs import travel_time_tables

METHOD_ID = f"kz-portal/{core.METHOD}"
#: Man-made sources lie at the surface (project methods 3.3). QuakeML event types.
AT_THE_SURFACE = frozenset(
    {
        "accidental explosion", "anthropogenic event", "blasting levee", "chemical explosion",
        "controlled explosion", "experimental explosion", "explosion", "industrial explosion",
        "mine collapse", "mining explosion", "nuclear explosion", "quarry blast", "road cut",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """One onset at one known station."""

    pick: int
    station: int
    latitude: float
    longitude: float
    elevation_m: float | None
    phase: str
    time: datetime
    time_uncertainty: float | None
    agency: str
    backazimuth: float | None = None
    backazimuth_uncertainty: float | None = None
    slowness: float | None = None
    slowness_uncertainty: float | None = None


@dataclass(frozen=True)
class Ruling:
    """What a person said of one reading.

    It names the reading by what it is, not by its row: a bulletin that is read again, or comes in
    a new edition, brings the same reading as another row.
    """

    station: int
    phase: str
    """As reported."""
    time: datetime
    off: bool = False
    renamed: str = ""

    def is_of(self, reading: Reading) -> bool:
        return (
            reading.station == self.station
            and reading.phase == self.phase
            and abs((reading.time - self.time).total_seconds()) <= core.SAME_READING_S
        )


@dataclass(frozen=True)
class Settings:
    """How an event is to be located, where a person decided; else all as the rules say."""

    model: str = core.REGIONAL
    #: Held there; ``None`` leaves the depth to the rules.
    depth_km: float | None = None
    #: Version of the station corrections; empty: none are applied.
    corrections: str = ""
    rulings: tuple[Ruling, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "depth_km": self.depth_km,
            "corrections": self.corrections,
            "readings": [
                {
                    "station": r.station,
                    "phase": r.phase,
                    "time": r.time.isoformat(),
                    "off": r.off,
                    "renamed": r.renamed,
                }
                for r in sorted(self.rulings, key=lambda r: (r.time, r.station, r.phase))
            ],
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Settings:
        return cls(
            model=told["model"],
            depth_km=told["depth_km"],
            corrections=told["corrections"],
            rulings=tuple(
                Ruling(
                    r["station"],
                    r["phase"],
                    datetime.fromisoformat(r["time"]),
                    r["off"],
                    r["renamed"],
                )
                for r in told["readings"]
            ),
        )

    def of(self, reading: Reading) -> Ruling | None:
        return next((r for r in self.rulings if r.is_of(reading)), None)


BY_THE_RULES = Settings()


@dataclass
class Inputs:
    """All that decides where an event is put."""

    surface: bool
    """A man-made source."""
    readings: list[Reading] = field(default_factory=list)
    start: list[Origin] = field(default_factory=list)
    """Reported, by time."""
    standing: Origin | None = None
    """What was computed before."""
    decision: MergeDecision | None = None
    """The person's decision in force."""
    tables: tuple[OwnModel, ...] = ()
    """Agencies' travel times in use."""

    @property
    def settings(self) -> Settings:
        if self.decision is None:
            return BY_THE_RULES
        return Settings.from_json(self.decision.after["settings"])

    def models(self, settings: Settings) -> tuple[str, tuple[OwnModel, ...]]:
        """Return the name of the model to use and the agencies' models it may be.

        Raises
        ------
        core.LocationError
            ``no_model``: it names a table that is not kept here.
        """
        if settings.model == core.REGIONAL:
            return core.REGIONAL, self.tables
        if settings.model in MODELS:
            return settings.model, ()
        chosen = travel_time_tables.table_labelled(settings.model)
        if chosen is None:
            raise core.LocationError("no_model", {})
        return chosen.name, (chosen,)

    def fingerprint(self) -> str:
        """Return a digest of all that decides the solution.

        A table that a person chose is named with its version, which is never edited.
        """
        settings = self.settings
        own = self.tables if settings.model == core.REGIONAL else ()
        told: list[Any] = [
            [METHOD_ID, settings.model, self.surface],
            sorted(
                [
                    r.station, r.latitude, r.longitude, r.elevation_m or 0.0, r.phase,
                    r.time.isoformat(), r.time_uncertainty or 0.0, r.pick,
                    r.backazimuth or -1.0, r.backazimuth_uncertainty or 0.0, r.slowness or -1.0,
                    r.slowness_uncertainty or 0.0,
                ]
                for r in self.readings
            ),
            sorted(
                [o.time.isoformat(), o.latitude, o.longitude, o.depth_km or 0.0]
                for o in self.start
            ),
        ]  # fmt: skip
        if own:
            told.append([model.digest for model in own])
        if settings != BY_THE_RULES:
            told.append(settings.as_json())
        if self.decision is not None:
            told.append(self.decision.pk)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def evidence(self) -> str:
        """A digest of the readings and reported hypocentres, whatever was decided on them."""
        return Inputs(self.surface, self.readings, self.start, tables=self.tables).fingerprint()


def load(event: Event) -> Inputs:
    """Return what one event is located from; see ``load_many``."""
    return load_many([event])[event.pk]


def load_many(events: Sequence[Event]) -> dict[int, Inputs]:
    """Return what events are located from, by their keys.

    Readings are the onsets at known stations, each once: those of the event's current reports,
    under the phase the report's arrival names, else the reader's hint; and the readings of station
    bulletins that were accepted, under the phase they fit, where no report has the same.
    """
    tables = travel_time_tables.tables_in_use()
    found = {
        event.pk: Inputs(event.event_type in AT_THE_SURFACE, tables=tables) for event in events
    }
    for event, readings in _readings(found).items():
        found[event].readings = readings
    for origin in (
        Origin.objects.current()
        .reported()
        .filter(event__in=found)
        .select_related("agency", "entry__report__agency")
        .defer("entry__text", "entry__comments")
        .order_by("time", "pk")
    ):
        found[origin.event_id].start.append(origin)
    for origin in (
        Origin.objects.current()
        .computed()
        .filter(event__in=found, method_id__startswith="kz-portal/")
        .order_by("pk")
    ):
        found[origin.event_id].standing = origin
    for decision in (
        MergeDecision.objects.filter(
            # A decision on an event that was merged since is about the survivor's readings, too.
            Q(event__in=found) | Q(event__merged_into__in=found),
            kind=MergeDecision.Kind.LOCATE,
            undone_by__isnull=True,
        )
        .select_related("actor")
        .annotate(concerned=Coalesce("event__merged_into", "event"))
        .order_by("pk")
    ):
        found[decision.concerned].decision = decision
    return found


# --- readings -------------------------------------------------------------------------------------

#: What is read of a pick, in the order of ``_Onset``.
_COLUMNS = (
    "pk", "station", "phase_hint", "time", "time_uncertainty", "agency", "backazimuth",
    "backazimuth_uncertainty", "horizontal_slowness", "horizontal_slowness_uncertainty",
)  # fmt: skip


def _readings(events: Collection[int]) -> dict[int, list[Reading]]:
    reported = list(
        Pick.objects.filter(
            entry__current_of__event__in=events,
            entry__current_of__outranked_by__isnull=True,
            station__isnull=False,
            time__isnull=False,
        )
        .order_by("time", "agency", "pk")
        .values_list("entry__current_of__event", *_COLUMNS)
    )
    accepted = list(
        _accepted(events).values_list(
            "event", "phase", "pick__reading__agency__code", *(f"pick__{c}" for c in _COLUMNS)
        )
    )
    named = phases_named([row[1] for row in reported])
    places = Station.objects.in_bulk({row[2] for row in reported} | {row[4] for row in accepted})
    result = _once(reported, named, places)
    known: dict[tuple[int, int, str], list[datetime]] = defaultdict(list)
    if accepted:
        for event, readings in result.items():
            for r in readings:
                known[event, r.station, _wave(r.phase)].append(r.time)
    for event, phase, agency, *onset in accepted:
        same = known[event, onset[1], _wave(phase)]
        if any(abs((onset[3] - other).total_seconds()) <= core.SAME_READING_S for other in same):
            continue
        same.append(onset[3])
        result[event].append(_reading(onset, phase, onset[5] or agency, places))
    return result


def readings_of_entries(entries: Collection[int]) -> dict[int, list[Reading]]:
    """Return each entry's own onsets at known stations, each once, under the phase it was used as.

    What people decided on readings is not in them: they are what the agency reported.
    """
    onsets = list(
        Pick.objects.filter(entry__in=entries, station__isnull=False, time__isnull=False)
        .order_by("entry", "time", "agency", "pk")
        .values_list("entry", *_COLUMNS)
    )
    named = phases_named([row[1] for row in onsets])
    return _once(onsets, named, Station.objects.in_bulk({row[2] for row in onsets}))


def _once(
    onsets: Iterable[Sequence[Any]], named: dict[int, str], places: dict[int, Station]
) -> dict[int, list[Reading]]:
    """Return onsets by what owns them; of one phase at one station within 0.1 s only the first."""
    result: dict[int, list[Reading]] = defaultdict(list)
    latest: dict[tuple[int, int, str], datetime] = {}
    for owner, *onset in onsets:
        phase = named.get(onset[0]) or onset[2]
        if not phase:
            continue
        key = (owner, onset[1], phases.standard_name(phase) or phase)
        if key in latest and (onset[3] - latest[key]).total_seconds() <= core.SAME_READING_S:
            continue
        latest[key] = onset[3]
        result[owner].append(_reading(onset, phase, onset[5], places))
    return result


def _accepted(events: Collection[int]) -> QuerySet[PickAssociation]:
    """Return what ties readings without an event of their own to events, by somebody's decision."""
    return PickAssociation.objects.filter(
        event__in=events,
        state=PickAssociation.State.ACCEPTED,
        pick__reading__is_current=True,
        pick__station__isnull=False,
        pick__time__isnull=False,
    ).order_by("pick__time", "pick")


def phases_named(picks: Iterable[int]) -> dict[int, str]:
    """Return the phases under which reports use the picks; the prime origin's goes first."""
    return dict(
        Arrival.objects.filter(pick__in=list(picks), origin__entry__isnull=False)
        .exclude(phase="")
        .order_by("origin__is_prime", "-pk")
        .values_list("pick", "phase")
    )


def _reading(onset: Sequence[Any], phase: str, agency: str, places: dict[int, Station]) -> Reading:
    station = places[onset[1]]
    return Reading(
        pick=onset[0],
        station=station.pk,
        latitude=station.latitude,
        longitude=station.longitude,
        elevation_m=station.elevation_m,
        phase=phase,
        time=onset[3],
        time_uncertainty=onset[4],
        agency=agency,
        backazimuth=onset[6],
        backazimuth_uncertainty=onset[7],
        slowness=onset[8],
        slowness_uncertainty=onset[9],
    )


def _wave(phase: str) -> str:
    return phases.family(phase) or phase
