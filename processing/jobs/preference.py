"""Choose the preferred origin, magnitudes and mechanism of events, and keep the reasons.

The origin: the terms of ``core.preference``, and one of our own that keeps automatic bulletins
last. A scale's magnitude: reported before computed; of the preferred origin or its agency first;
then more stations. The terms of every candidate are stored with the event, for anyone to see.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import connection
from django.db.models import Q

from catalog.models import (
    Agency,
    BulletinEntry,
    Event,
    FocalMechanism,
    Magnitude,
    MergeDecision,
    Origin,
    PreferredMagnitude,
)
from catalog.scales import SCALES
from processing.core import preference as core
from processing.jobs import type_decisions

#: An automatic bulletin never outranks what a person has looked at, whatever its agency; a
#: person's own choice (10,000) still does.
AUTOMATIC_WEIGHT = -5_000.0
RULE_SET = "thin-preference-2026.2+automatic-last"
#: What a choice sets on the event.
SETTLED = (
    "preferred_origin", "preferred_magnitude", "preferred_focal_mechanism", "event_type",
    "event_type_certainty", "status", "preference",
)  # fmt: skip


@dataclass
class Evidence:
    """All that is current about one event."""

    origins: list[Origin] = field(default_factory=list)
    magnitudes: list[Magnitude] = field(default_factory=list)
    mechanisms: list[FocalMechanism] = field(default_factory=list)
    entries: list[BulletinEntry] = field(default_factory=list)
    preferred: dict[str, int] = field(default_factory=dict)
    chosen: MergeDecision | None = None
    typed: MergeDecision | None = None


def choose(event: Event) -> None:
    """Choose for one event; see ``choose_many``."""
    choose_many([event])


def choose_many(events: Sequence[Event]) -> None:
    """Set the preferred origin, magnitudes, mechanism, type and status, and say why.

    The events' rows are locked by the caller. What does not change is not written.
    """
    evidence = _load(events)
    areas = _authorities({event.pk: evidence[event.pk].origins for event in events})
    decisions: list[MergeDecision] = []
    chosen: dict[int, dict[str, Magnitude]] = {}
    for event in events:
        found = evidence[event.pk]
        ranked = _rank(found, areas.get(event.pk, ()))
        by_key = {_key(origin): origin for origin in found.origins}
        preferred = by_key[ranked[0].key] if ranked else None
        before = event.preferred_origin_id
        if preferred is not None and before is not None and preferred.pk != before:
            decisions.append(_decision(event, before, preferred, ranked[0]))
        sizes = _sizes(found, preferred)
        chosen[event.pk] = sizes
        _settle(event, found, preferred, sizes, _reasons(event, ranked, by_key))
    _save_sizes({pk: found.preferred for pk, found in evidence.items()}, chosen)
    MergeDecision.objects.bulk_create(decisions)
    Event.objects.bulk_update(events, SETTLED)


# --- Loading ---------------------------------------------------------------------------------


def _load(events: Sequence[Event]) -> dict[int, Evidence]:
    evidence: dict[int, Evidence] = {event.pk: Evidence() for event in events}
    keys = list(evidence)
    for origin in (
        Origin.objects.current()
        .filter(event__in=keys)
        .select_related("agency", "entry__reading", "entry__report__agency")
        .defer("entry__text", "entry__comments")
        .order_by("pk")
    ):
        evidence[origin.event_id].origins.append(origin)
    for magnitude in (
        Magnitude.objects.current()
        .filter(event__in=keys)
        .select_related("agency", "entry__reading", "entry__report__agency")
        .defer("entry__text", "entry__comments")
        .order_by("pk")
    ):
        evidence[magnitude.event_id].magnitudes.append(magnitude)
    for mechanism in (
        FocalMechanism.objects.current()
        .filter(event__in=keys)
        .select_related("agency", "entry__report__agency")
        .defer("entry__text", "entry__comments")
        .order_by("pk")
    ):
        evidence[mechanism.event_id].mechanisms.append(mechanism)
    for entry in (
        BulletinEntry.objects.filter(current_of__event__in=keys)
        .select_related("current_of__agency")
        .defer("text", "comments")
        .order_by("current_of__agency__code", "pk")
    ):
        evidence[entry.current_of.event_id or 0].entries.append(entry)
    for event, scale, chosen in PreferredMagnitude.objects.filter(event__in=keys).values_list(
        "event", "scale", "magnitude"
    ):
        evidence[event].preferred[scale] = chosen
    for decision in MergeDecision.objects.filter(
        event__in=keys,
        kind=MergeDecision.Kind.PREFER,
        actor__isnull=False,
        undone_by__isnull=True,
    ).order_by("pk"):
        if decision.event_id is not None:
            evidence[decision.event_id].chosen = decision
    for event, typed in type_decisions.in_force(keys).items():
        evidence[event].typed = typed
    return evidence


def _authorities(origins: dict[int, list[Origin]]) -> dict[int, tuple[core.Area, ...]]:
    """Return the area each event lies in, with its agency and those that became it.

    The mean of the reported epicentres decides, so that two solutions on both sides of a border do
    not each claim authority. Borders belong to an area; the higher priority wins.
    """
    places: dict[int, tuple[float, float]] = {}
    for event, candidates in origins.items():
        known = [o for o in candidates if not o.is_computed] or candidates
        if known:
            places[event] = (
                sum(o.longitude for o in known) / len(known),
                sum(o.latitude for o in known) / len(known),
            )
    if not places:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE family(area, agency, code) AS (
                SELECT area.id, agency.id, agency.code FROM catalog_authoritativearea area
                JOIN catalog_agency agency ON agency.id = area.agency_id
                UNION
                SELECT family.area, former.id, former.code FROM family
                JOIN catalog_agency former ON former.successor_id = family.agency)
            SELECT place.event, area.name,
                (SELECT array_agg(code ORDER BY code) FROM family WHERE family.area = area.id)
            FROM unnest(%s::bigint[], %s::float8[], %s::float8[]) AS place(event, lon, lat)
            CROSS JOIN LATERAL (
                SELECT id, name FROM catalog_authoritativearea
                WHERE ST_Covers(area, ST_SetSRID(ST_MakePoint(place.lon, place.lat), 4326))
                ORDER BY priority DESC, id LIMIT 1) area
            """,
            [
                list(places),
                [longitude for longitude, _latitude in places.values()],
                [latitude for _longitude, latitude in places.values()],
            ],
        )
        return {event: (core.Area(name, tuple(codes)),) for event, name, codes in cursor.fetchall()}


# --- Choosing --------------------------------------------------------------------------------


def _agency(solution: Origin | Magnitude | FocalMechanism) -> Agency | None:
    """Return whose solution it is: the author its row names, else the agency of the report."""
    if solution.agency is not None or solution.entry is None:
        return solution.agency
    return solution.entry.report.agency


def _same_agency(one: Magnitude | FocalMechanism, other: Origin) -> bool:
    agency = _agency(one)
    return agency is not None and agency == _agency(other)


def _key(origin: Origin) -> str:
    """A key that does not depend on the order in which bulletins came, but for equal ones."""
    report = "" if origin.entry is None else str(origin.entry.report)
    return f"{_agency(origin) or ''}|{report}|{not origin.is_prime:d}|{origin.key}|{origin.pk:012d}"


def _is_automatic_bulletin(origin: Origin) -> bool:
    if origin.entry is None:
        return False
    return "automatic" in (origin.evaluation_mode, origin.entry.reading.evaluation_mode)


def _is_chosen(origin: Origin, decision: MergeDecision | None) -> bool:
    """True for the origin a person chose, or its successor in the same report."""
    if decision is None:
        return False
    if decision.after.get("computed"):
        # Ours, as it is located now and later.
        return origin.is_computed
    if decision.after.get("origin") == origin.pk:
        return True
    return (
        origin.entry is not None
        and decision.report_id is not None
        and decision.report_id == origin.entry.report_id
        and decision.after.get("key", "") == origin.key
    )


def _rank(found: Evidence, areas: tuple[core.Area, ...]) -> list[core.RankedOrigin]:
    views, automatic = [], set()
    in_report = Counter(origin.entry_id for origin in found.origins)
    for origin in found.origins:
        key = _key(origin)
        if _is_automatic_bulletin(origin):
            automatic.add(key)
        views.append(
            core.OriginView(
                key=key,
                agency=str(_agency(origin) or ""),
                latitude=origin.latitude,
                longitude=origin.longitude,
                computed=origin.is_computed,
                chosen=_is_chosen(origin, found.chosen),
                report_choice=not origin.is_computed
                and (origin.is_prime or in_report[origin.entry_id] == 1),
                evaluation_mode=origin.evaluation_mode
                or (origin.entry.reading.evaluation_mode if origin.entry else None),
                evaluation_status=origin.evaluation_status or None,
                used_station_count=origin.used_station_count,
                azimuthal_gap=origin.azimuthal_gap,
                secondary_azimuthal_gap=origin.secondary_azimuthal_gap,
                has_depth=origin.depth_km is not None,
                has_time_uncertainty=origin.time_uncertainty is not None,
                has_ellipse=origin.semi_major_axis_km is not None,
                has_magnitude=any(_belongs(m, origin) for m in found.magnitudes),
                minute_precision=origin.is_minute_precision,
            )
        )
    ranked = core.rank_origins(views, replace(core.PreferenceRules(), areas=areas))
    last = core.Term("automatic_bulletin", 1.0, AUTOMATIC_WEIGHT, AUTOMATIC_WEIGHT)
    return sorted(
        (
            replace(r, score=r.score + AUTOMATIC_WEIGHT, terms=(*r.terms, last))
            if r.key in automatic
            else r
            for r in ranked
        ),
        key=lambda r: (-r.score, r.key),
    )


def _belongs(magnitude: Magnitude, origin: Origin) -> bool:
    if magnitude.origin_id is not None:
        return magnitude.origin_id == origin.pk
    return magnitude.entry_id is not None and magnitude.entry_id == origin.entry_id


def _sizes(found: Evidence, preferred: Origin | None) -> dict[str, Magnitude]:
    """Return the magnitude that stands for each scale. "At least" and "at most" stand for none."""
    by_scale: dict[str, list[Magnitude]] = defaultdict(list)
    for magnitude in found.magnitudes:
        if magnitude.scale in SCALES and not magnitude.bound:
            by_scale[magnitude.scale].append(magnitude)
    sizes = {}
    for scale, rows in by_scale.items():
        # What an agency reported goes before what we made of its station values.
        rows = [m for m in rows if not m.is_computed] or rows
        by_key = {_size_key(m): m for m in rows}
        best = core.preferred_of_scale(
            (
                core.MagnitudeView(
                    key=key,
                    scale=scale,
                    value=m.value,
                    agency=str(_agency(m) or ""),
                    converted=m.converted_from_id is not None,
                    of_preferred_origin=preferred is not None
                    and (_belongs(m, preferred) or _same_agency(m, preferred)),
                    station_count=m.station_count,
                )
                for key, m in by_key.items()
            ),
            scale,
        )
        if best is not None:
            sizes[scale] = by_key[best.key]
    return sizes


def _size_key(m: Magnitude) -> str:
    automatic = m.entry is not None and m.entry.reading.evaluation_mode == "automatic"
    return f"{automatic:d}|{not m.is_prime:d}|{_agency(m) or ''}|{m.type}|{m.pk:012d}"


def _the_magnitude(sizes: dict[str, Magnitude]) -> Magnitude | None:
    best = core.preferred_magnitude(
        core.MagnitudeView(key=scale, scale=scale, value=m.value) for scale, m in sizes.items()
    )
    return None if best is None else sizes[best.scale]


def _mechanism(found: Evidence, preferred: Origin | None) -> FocalMechanism | None:
    """Return the mechanism of the preferred origin's agency, its own choice first."""
    return min(
        found.mechanisms,
        key=lambda m: (
            preferred is None or not _same_agency(m, preferred),
            not m.is_prime,
            str(_agency(m) or ""),
            m.pk,
        ),
        default=None,
    )


def _type(found: Evidence, preferred: Origin | None) -> tuple[str, str]:
    """Return the event type a person decided, else that of the preferred origin's report."""
    if found.typed is not None:
        after = found.typed.after
        return after["event_type"], after["event_type_certainty"]
    return type_decisions.reported_type(found.entries, preferred.entry_id if preferred else None)


def _status(event: Event, found: Evidence) -> str:
    if event.status == Event.Status.PUBLISHED:
        return event.status
    reported = [origin for origin in found.origins if not origin.is_computed]
    if reported and all(_is_automatic_bulletin(origin) for origin in reported):
        return Event.Status.AUTOMATIC
    return Event.Status.REVIEWED


# --- Saving ----------------------------------------------------------------------------------


def _reasons(
    event: Event, ranked: list[core.RankedOrigin], origins: dict[str, Origin]
) -> dict[str, Any]:
    """Return what the page prints: every candidate with its terms, the preferred first."""
    reasons: dict[str, Any] = {
        "rule_set": RULE_SET,
        "candidates": [
            {
                "origin": origins[r.key].pk,
                "agency": str(_agency(origins[r.key]) or ""),
                "total": round(r.score, 6),
                "terms": [
                    {**asdict(term), "contribution": round(term.contribution, 6)}
                    for term in r.terms
                ],
            }
            for r in ranked
        ],
    }
    if "location" in event.preference:
        reasons["location"] = event.preference["location"]
    return reasons


def _decision(
    event: Event, before: int, preferred: Origin, first: core.RankedOrigin
) -> MergeDecision:
    return MergeDecision(
        kind=MergeDecision.Kind.PREFER,
        report_id=preferred.entry.report_id if preferred.entry else None,
        event=event,
        rule_set=RULE_SET,
        parts={term.name: term.contribution for term in first.terms},
        before={"origin": before},
        after={"origin": preferred.pk, "key": preferred.key},
    )


def _save_sizes(before: dict[int, dict[str, int]], after: dict[int, dict[str, Magnitude]]) -> None:
    """Store each event's magnitude of each scale, where it is another than before."""
    changed: list[PreferredMagnitude] = []
    gone = Q()
    for event, sizes in after.items():
        changed += [
            PreferredMagnitude(event_id=event, scale=scale, magnitude_id=m.pk)
            for scale, m in sorted(sizes.items())
            if before[event].get(scale) != m.pk
        ]
        if lost := set(before[event]) - set(sizes):
            gone |= Q(event=event, scale__in=lost)
    if gone:
        PreferredMagnitude.objects.filter(gone).delete()
    if changed:
        PreferredMagnitude.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["event", "scale"],
            update_fields=["magnitude"],
        )


def _settle(
    event: Event,
    found: Evidence,
    preferred: Origin | None,
    sizes: dict[str, Magnitude],
    reasons: dict[str, Any],
) -> None:
    """Point the event, in memory, at what was chosen."""
    mechanism = _mechanism(found, preferred)
    magnitude = _the_magnitude(sizes)
    event.preferred_origin_id = preferred.pk if preferred else None
    event.preferred_magnitude_id = magnitude.pk if magnitude else None
    event.preferred_focal_mechanism_id = mechanism.pk if mechanism else None
    event.event_type, event.event_type_certainty = _type(found, preferred)
    event.status = _status(event, found)
    event.preference = reasons
