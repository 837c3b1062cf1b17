"""Gather what bears on events' types, let the core weigh it, and keep what it suggests.

An event is compared with the published events of its place: made-up ones with made-up ones, real
with real. ``evidence_of`` looks at one event as it stands now; ``screen`` goes through the whole
catalogue and keeps a row for every event there is something to decide or to show of.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from scipy.spatial import cKDTree

from catalog.models import (
    Amplitude,
    BulletinEntry,
    Change,
    Event,
    EventRow,
    KnownSource,
    TypeSuggestion,
)
from processing.core import event_type as core
from processing.core import geodesy, phases
from processing.models import WorkItem

KIND = "screen-types"
PRIORITY = 9
#: A place with more events is told by its latest ones.
MOST_NEIGHBOURS = 20_000
#: Amplitudes are compared with so many nearest events whose type is known.
MOST_COMPARED = 300
#: Beyond this an unknown quarry would do as well.
NEAREST_SOURCE_KM = 100.0
#: An epicentre is given no more room than this around a known source, however badly it is known.
MOST_ROOM_KM = 20.0
#: Ways in which a depth is found rather than set (QuakeML words).
FREE_DEPTHS = ("from location", "from moment tensor inversion", "from modeling of broad-band")
BATCH = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ratio:
    """log10 of the largest amplitude of P over that of S, of one station and event."""

    event: int
    station: str
    value: float
    unit: str


@dataclass(frozen=True)
class Neighbour:
    """Another event of the place."""

    event: int
    time_s: float
    longitude: float
    event_type: str
    kr: float | None
    timed: bool


@dataclass(frozen=True)
class Evidence:
    """What bears on one event's type, and what the rule makes of it."""

    event: Event
    row: EventRow
    rules: core.Rules
    view: core.View
    place: core.Place
    hours: tuple[float, ...]
    verdict: core.Verdict
    neighbours: tuple[Neighbour, ...] = field(repr=False)
    nearest: core.Source | None
    """The nearest known quarry or mine, also where its blasts would not reach the epicentre."""

    @property
    def largest_blast_kr(self) -> float | None:
        sizes = [n.kr for n in self.neighbours if core.group(n.event_type) == core.BLAST and n.kr]
        return max(sizes, default=None)

    @property
    def types(self) -> dict[str, int]:
        """How many other events of the place are blasts, earthquakes and so on."""
        found: dict[str, int] = defaultdict(int)
        for neighbour in self.neighbours:
            found[core.group(neighbour.event_type) or "untold"] += 1
        return dict(found)

    def as_json(self) -> dict[str, Any]:
        """Return what the ledger and the suggestion keep: enough to see why, later."""
        view, place = self.view, self.place
        return {
            "rule_set": self.verdict.rule_set,
            "suggested": self.verdict.event_type,
            "certainty": self.verdict.certainty,
            "score": self.verdict.score,
            "terms": [asdict(term) for term in self.verdict.terms],
            "rules": asdict(self.rules),
            "agency": self.row.agency,
            "solar_hour": None if view.hour is None else round(view.hour, 3),
            "weekday": view.weekday,
            "depth_km": view.depth_km,
            "depth_is_free": view.depth_is_free,
            "depth_uncertainty_km": view.depth_uncertainty_km,
            "kr": view.kr,
            "magnitude": view.magnitude,
            "felt": self.row.felt,
            "reports": [asdict(said) for said in view.reports],
            "nearest_source": asdict(self.nearest) if self.nearest else None,
            "place": {
                **asdict(place),
                "events": place.count,
                "ratio": None if place.ratio is None else round(place.ratio, 3),
                "types": self.types,
                "largest_blast_kr": self.largest_blast_kr,
            },
        }


def rules() -> core.Rules:
    """Return the rule's numbers, with those the settings may change."""
    return core.Rules(deepest_blast_km=settings.EVENT_TYPE_DEEPEST_BLAST_KM)


def evidence_of(event: Event) -> Evidence | None:
    """Return what bears on an event's type now; ``None`` while it is not published."""
    row = (
        EventRow.objects.filter(pk=event.pk)
        .only("time", "agency", "time_uncertainty", "latitude", "longitude", "depth_km", "kr",
              "depth_uncertainty_km", "horizontal_uncertainty_km", "magnitude", "felt", "synthetic",
              "event_type", "depth_type")
        .first()
    )  # fmt: skip
    if row is None:
        return None
    rule = rules()
    neighbours = _neighbours(row, rule)
    timed = [n for n in neighbours if n.timed]
    times, longitudes = [n.time_s for n in timed], [n.longitude for n in timed]
    hours = core.solar_hour(times, longitudes)
    place = core.place_of(hours, core.solar_day(times, longitudes), rule)
    nearest, reached = _sources(row)
    own = row.time.timestamp()
    is_timed = row.time_uncertainty is None or row.time_uncertainty <= rule.timed_within_s
    day = core.solar_day(own, row.longitude)
    view = core.View(
        hour=float(core.solar_hour(own, row.longitude)) if is_timed else None,
        weekday=int(core.weekday(day)) if is_timed else None,
        depth_km=row.depth_km,
        depth_is_free=row.depth_type.startswith(("constrained by", *FREE_DEPTHS))
        or (not row.depth_type and row.depth_uncertainty_km is not None),
        depth_uncertainty_km=row.depth_uncertainty_km,
        magnitude=row.magnitude,
        kr=row.kr,
        source=reached,
        reports=reports_of([event.pk])[event.pk],
    )
    verdict = core.weigh(view, place, hours, rule)
    return Evidence(
        event, row, rule, view, place, tuple(hours.tolist()), verdict, tuple(neighbours), nearest
    )


def reports_of(events: Iterable[int]) -> dict[int, tuple[core.Said, ...]]:
    """Return what the current reports say of types; automatic bulletins look at no type."""
    said: dict[int, list[core.Said]] = {event: [] for event in events}
    for entry in (
        BulletinEntry.objects.filter(current_of__event__in=list(said))
        .exclude(event_type="")
        .exclude(reading__evaluation_mode="automatic")
        .select_related("current_of__agency")
        .only("event_type", "event_type_certainty", "current_of__event", "current_of__agency__code")
        .order_by("current_of__agency__code", "pk")
    ):
        report = entry.current_of
        said[report.event_id or 0].append(
            core.Said(report.agency.code, entry.event_type, entry.event_type_certainty)
        )
    return {event: tuple(one) for event, one in said.items()}


def _neighbours(row: EventRow, rule: core.Rules) -> list[Neighbour]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, extract(epoch FROM time)::float8, longitude, event_type, kr,"
            " coalesce(time_uncertainty, 0) <= %s FROM catalog_eventrow"
            " WHERE ST_DWithin(point::geography,"
            "  ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography, %s)"
            " AND synthetic = %s AND event_id <> %s ORDER BY time DESC LIMIT %s",
            [
                rule.timed_within_s, row.longitude, row.latitude, 1000.0 * rule.radius_km,
                row.synthetic, row.pk, MOST_NEIGHBOURS,
            ],
        )  # fmt: skip
        return [Neighbour(*found) for found in cursor.fetchall()]


def sources_at(synthetic: bool, moment: datetime) -> QuerySet[KnownSource]:
    """Return the known sources that stand for events of that kind and day."""
    day = moment.date()
    return KnownSource.objects.filter(
        Q(valid_from__isnull=True) | Q(valid_from__lte=day),
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        synthetic=synthetic,
    )


def _sources(row: EventRow) -> tuple[core.Source | None, core.Source | None]:
    """Return the nearest known source, and the one within whose reach the epicentre lies."""
    point = EventRow.objects.values_list("point", flat=True).get(pk=row.pk)
    found = []
    for source in sources_at(row.synthetic, row.time):
        km = float(geodesy.ellipsoid_distance_km(point.y, point.x, source.point.y, source.point.x))
        if km <= NEAREST_SOURCE_KM + source.radius_km:
            found.append(
                core.Source(
                    source.name_en, source.kind, round(km, 2), source.radius_km, source.citation
                )
            )
    room = min(row.horizontal_uncertainty_km or 0.0, MOST_ROOM_KM)
    nearest = min(found, key=lambda s: s.distance_km - s.radius_km, default=None)
    if nearest is None or nearest.distance_km > nearest.radius_km + room:
        return nearest, None
    return nearest, nearest


# --- Amplitudes ----------------------------------------------------------------------------------


def ratios(evidence: Evidence) -> list[Ratio]:
    """Return the P/S ratios of an event and of those of its place whose type is told.

    A ratio is of one report, station, unit and kind of amplitude: the largest of the P family over
    the largest of the S family.
    """
    compared = [
        n.event for n in evidence.neighbours
        if core.group(n.event_type) in (core.BLAST, core.EARTHQUAKE)
    ][:MOST_COMPARED]  # fmt: skip
    largest: dict[tuple[Any, ...], dict[str, float]] = defaultdict(dict)
    for event, entry, network, station, unit, kind, hint, value in (
        Amplitude.objects.filter(
            entry__current_of__event__in=[evidence.event.pk, *compared], value__gt=0
        )
        .order_by("pk")
        .values_list(
            "entry__current_of__event", "entry", "pick__network_code", "pick__station_code",
            "unit", "type", "pick__phase_hint", "value",
        )
    ):  # fmt: skip
        family = phases.family(hint or "")
        if station and family in ("P", "S"):
            waves = largest[event, entry, f"{network}.{station}".lstrip("."), unit, kind]
            waves[family] = max(value or 0.0, waves.get(family, 0.0))
    return [
        Ratio(event, station, float(np.log10(waves["P"] / waves["S"])), unit)
        for (event, _entry, station, unit, _kind), waves in largest.items()
        if len(waves) == 2
    ]


# --- The whole catalogue -------------------------------------------------------------------------


def screen() -> dict[str, int]:
    """Look at every published event and keep what is suggested, inside a transaction.

    Two passes: the first finds, from hours, places and reported types alone, the events the rule
    could hold for anything but earthquakes; the second gathers the whole evidence of those.
    """
    candidates = sorted(_candidates())
    now = timezone.now()
    rows: list[TypeSuggestion] = []
    for start in range(0, len(candidates), BATCH):
        events = Event.objects.alive().filter(pk__in=candidates[start : start + BATCH])
        for event in events.order_by("pk"):
            evidence = evidence_of(event)
            if evidence is not None and is_of_interest(evidence):
                rows.append(suggestion_of(evidence, now))
    keep(rows)
    gone = TypeSuggestion.objects.exclude(pk__in=[row.pk for row in rows])
    removed, _ = gone.delete()
    logger.info("types: %d candidates, %d kept, %d gone", len(candidates), len(rows), removed)
    return {"candidates": len(candidates), "kept": len(rows), "gone": removed}


def is_of_interest(evidence: Evidence) -> bool:
    """True unless both the rule and the reports hold the event for an earthquake."""
    told = {core.group(said.event_type) for said in evidence.view.reports}
    told.add(core.group(evidence.event.event_type))
    return evidence.verdict.event_type != "earthquake" or bool(told & {core.BLAST, core.OTHER})


def suggestion_of(evidence: Evidence, now: datetime | None = None) -> TypeSuggestion:
    """Return the suggestion as a row, not stored."""
    verdict = evidence.verdict
    return TypeSuggestion(
        event=evidence.event,
        rule_set=verdict.rule_set,
        event_type=verdict.event_type,
        event_type_certainty=verdict.certainty,
        family=core.group(verdict.event_type),
        score=verdict.score,
        strength=abs(verdict.score),
        evidence=evidence.as_json(),
        computed_at=now or timezone.now(),
    )


def keep(rows: Sequence[TypeSuggestion]) -> None:
    """Store suggestions over what was suggested of these events before."""
    TypeSuggestion.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["event"],
        update_fields=[f.name for f in TypeSuggestion._meta.concrete_fields if not f.primary_key],
    )


def request_screening() -> None:
    """Ask the workers to go through the catalogue; last of all work."""
    WorkItem.objects.request(KIND, 0, priority=PRIORITY)


def request_if_changed() -> bool:
    """Ask for it if the catalogue has changed since the last one began."""
    last = WorkItem.objects.filter(kind=KIND).order_by("-created_at").first()
    if last is not None and last.state == WorkItem.State.OPEN:
        return False
    newest = Change.objects.order_by("-number").values_list("at", flat=True).first()
    if newest is None or (last is not None and newest <= last.created_at):
        return False
    request_screening()
    return True


def _candidates() -> Iterator[int]:
    """Yield the events of the first pass; some more than once is no harm."""
    found: set[int] = set(
        EventRow.objects.exclude(event_type__in=["", "earthquake", "not reported"]).values_list(
            "pk", flat=True
        )
    )
    found.update(
        BulletinEntry.objects.exclude(event_type__in=["", "earthquake", "not reported"])
        .filter(current_of__event__isnull=False)
        .values_list("current_of__event", flat=True)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.event_id FROM catalog_knownsource s JOIN catalog_eventrow r"
            " ON r.synthetic = s.synthetic AND ST_DWithin(r.point::geography, s.point::geography,"
            "  1000 * (s.radius_km + %s))",
            [MOST_ROOM_KM],
        )
        found.update(row[0] for row in cursor.fetchall())
    for synthetic in (False, True):
        found.update(_by_hour(synthetic))
    yield from found


def _by_hour(synthetic: bool) -> Iterator[int]:
    """Yield the daytime events of places whose days stand out, each place without the event."""
    rule = rules()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, extract(epoch FROM time)::float8, latitude, longitude"
            " FROM catalog_eventrow WHERE synthetic = %s AND coalesce(time_uncertainty, 0) <= %s"
            " ORDER BY event_id",
            [synthetic, rule.timed_within_s],
        )
        rows = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 4)
    if not rows.size:
        return
    keys, times, latitude, longitude = rows[:, 0].astype(np.int64), *rows.T[1:]
    hours, days = core.solar_hour(times, longitude), core.solar_day(times, longitude)
    by_day = core.is_day(hours, rule)
    phi, lam = np.radians(latitude), np.radians(longitude)
    on_sphere = np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    tree = cKDTree(on_sphere)
    # A little wider than on the ellipsoid: the second pass measures there.
    reach = 1.01 * rule.radius_km / geodesy.EARTH_RADIUS_KM
    wanted = np.flatnonzero(by_day)
    for start in range(0, wanted.size, BATCH):
        chunk = wanted[start : start + BATCH]
        for i, near in zip(chunk, tree.query_ball_point(on_sphere[chunk], reach), strict=True):
            others = np.array([j for j in near if j != i][:MOST_NEIGHBOURS], dtype=np.int64)
            # Most places end here: as many events by night as by day.
            if 2 * int(by_day[others].sum()) <= others.size:
                continue
            place = core.place_of(hours[others], days[others], rule)
            if place.is_significant:
                yield int(keys[i])
