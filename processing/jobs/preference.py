"""Choose the preferred origin, magnitudes and mechanism of events, and keep the reasons.

By the version of the rules that is in force (``preference_rules``) and by people's decisions. The
terms of every candidate and the version are stored with the event, for anyone to see. A change goes
to the ledger.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
from processing.core import magnitude_assessment
from processing.core import preference as core
from processing.core.magnitude_scales import BY_ID
from processing.jobs import confirmation, preference_rules, type_decisions

#: Ids of the scales computed from amplitudes, in their order.
SCALE_PLACES = {scale: place for place, scale in enumerate(BY_ID)}
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
    #: A person's choice of the magnitude of a scale.
    chosen_sizes: dict[str, MergeDecision] = field(default_factory=dict)
    typed: MergeDecision | None = None


@dataclass(frozen=True)
class Choice:
    """What stands first of one event, and why."""

    preferred: Origin | None
    #: Of each scale that has one.
    sizes: dict[str, Magnitude]
    #: What the page prints.
    reasons: dict[str, Any]
    parts: dict[str, float]
    """Contributions to the preferred origin's sum."""


#: Agency code -> codes of what it became, the next first.
Lineages = Mapping[str, tuple[str, ...]]


def choose(event: Event) -> None:
    """Choose for one event; see ``choose_many``."""
    choose_many([event])


def choose_many(events: Sequence[Event]) -> None:
    """Set the preferred origin, magnitudes, mechanism, type and status, and say why.

    The events' rows are locked by the caller. What does not change is not written.
    """
    preference_rules.hold()
    evidence = _load(events)
    choices = _choices(evidence, preference_rules.in_force())
    decisions: list[MergeDecision] = []
    unreviewed = {pk: told for pk, found in evidence.items() if (told := _automatic(found))}
    unconfirmed = confirmation.unconfirmed(unreviewed)
    for event in events:
        found, choice = evidence[event.pk], choices[event.pk]
        before = event.preferred_origin_id
        changed = choice.preferred is not None and before not in (None, choice.preferred.pk)
        # A person's choice stands in the ledger as that person's decision.
        if changed and not choice.parts["chosen_by_editor"]:
            decisions.append(_decision(event, before, choice))
        status = event.status
        _settle(event, found, choice)
        event.status = _status(event, event.pk in unreviewed, event.pk in unconfirmed)
        if Event.Status.NOT_CONFIRMED in (status, event.status) and status != event.status:
            decisions.append(_expiry(event, status, unconfirmed.get(event.pk, {})))
    chosen = {pk: choice.sizes for pk, choice in choices.items()}
    decisions += _size_decisions(evidence, choices)
    _save_sizes({pk: found.preferred for pk, found in evidence.items()}, chosen)
    MergeDecision.objects.bulk_create(decisions)
    Event.objects.bulk_update(events, SETTLED)


def choices(events: Sequence[Event], *rules: core.PreferenceRules) -> list[dict[int, Choice]]:
    """Return what each of some versions of the rules would choose, by event; nothing is stored."""
    evidence = _load(events)
    return [_choices(evidence, version) for version in rules]


def one_choice(event: Event) -> tuple[Evidence, Choice]:
    """Return all that is current about an event and what the rules in force choose for it."""
    evidence = _load([event])
    return evidence[event.pk], _choices(evidence, preference_rules.in_force())[event.pk]


def unlike(events: Sequence[Event], rules: core.PreferenceRules) -> list[Event]:
    """Return the events that stand otherwise than these rules choose."""
    evidence = _load(events)
    chosen = _choices(evidence, rules)
    return [
        event
        for event in events
        if event.preferred_origin_id != (o.pk if (o := chosen[event.pk].preferred) else None)
        or evidence[event.pk].preferred
        != {scale: m.pk for scale, m in chosen[event.pk].sizes.items()}
    ]


def _choices(evidence: dict[int, Evidence], rules: core.PreferenceRules) -> dict[int, Choice]:
    areas = _areas({pk: found.origins for pk, found in evidence.items()}, rules)
    lineages = _lineages()
    chosen = {}
    for pk, found in evidence.items():
        ranked = _rank(found, rules, areas.get(pk), lineages)
        by_key = {_key(origin): origin for origin in found.origins}
        preferred = by_key[ranked[0].key] if ranked else None
        sizes, told = _sizes(found, preferred, rules, areas.get(pk), lineages)
        reasons = _reasons(rules, areas.get(pk), ranked, by_key, told)
        parts = {term.name: term.contribution for term in ranked[0].terms} if ranked else {}
        chosen[pk] = Choice(preferred, sizes, reasons, parts)
    return chosen


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
        BulletinEntry.objects.filter(
            current_of__event__in=keys, current_of__outranked_by__isnull=True
        )
        .select_related("current_of__agency")
        .defer("text", "comments")
        .order_by("current_of__agency__code", "pk")
    ):
        evidence[entry.current_of.event_id or 0].entries.append(entry)
    for event, scale, chosen in PreferredMagnitude.objects.filter(event__in=keys).values_list(
        "event", "scale", "magnitude"
    ):
        evidence[event].preferred[scale] = chosen
    for decision in standing_decisions(keys):
        found = evidence[survivor_of(decision)]
        if scale := decision.after.get("scale"):
            found.chosen_sizes[scale] = decision
        else:
            found.chosen = decision
    for event, typed in type_decisions.in_force(keys).items():
        evidence[event].typed = typed
    return evidence


def standing_decisions(events: Iterable[int]) -> list[MergeDecision]:
    """Return people's choices on these events that were not taken back, the latest last.

    Those on events that were merged into them are theirs as well.
    """
    keys = list(events)
    return list(
        MergeDecision.objects.filter(
            Q(event__in=keys) | Q(event__merged_into__in=keys),
            kind=MergeDecision.Kind.PREFER,
            actor__isnull=False,
            undone_by__isnull=True,
        )
        .select_related("event")
        .order_by("pk")
    )


def survivor_of(decision: MergeDecision) -> int:
    """Return the event that a decision on an event is about now."""
    assert decision.event is not None  # noqa: S101  # only such are loaded
    return decision.event.merged_into_id or decision.event.pk


def _areas(origins: dict[int, list[Origin]], rules: core.PreferenceRules) -> dict[int, core.Area]:
    """Return the area of the rules that each event lies in; an area without a name is everywhere.

    The mean of the reported epicentres decides, so that two solutions on both sides of a border do
    not each claim authority. Borders belong to an area; the first of the rules wins.
    """
    places: dict[int, tuple[float, float]] = {}
    for event, candidates in origins.items():
        known = [o for o in candidates if not o.is_computed] or candidates
        if known:
            places[event] = (
                sum(o.longitude for o in known) / len(known),
                sum(o.latitude for o in known) / len(known),
            )
    if not places or not rules.areas:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT place.event, min(named.place)
            FROM unnest(%s::bigint[], %s::float8[], %s::float8[]) AS place(event, lon, lat)
            JOIN unnest(%s::text[]) WITH ORDINALITY AS named(name, place) ON true
            LEFT JOIN catalog_authoritativearea area ON area.name = named.name
            WHERE named.name = ''
               OR ST_Covers(area.area, ST_SetSRID(ST_MakePoint(place.lon, place.lat), 4326))
            GROUP BY place.event
            """,
            [
                list(places),
                [longitude for longitude, _latitude in places.values()],
                [latitude for _longitude, latitude in places.values()],
                [area.name for area in rules.areas],
            ],
        )
        return {event: rules.areas[place - 1] for event, place in cursor.fetchall()}


def _lineages() -> dict[str, tuple[str, ...]]:
    """Return for each agency that became another the codes of those, the next first."""
    became = dict(
        Agency.objects.filter(successor__isnull=False).values_list("code", "successor__code")
    )
    lineages = {}
    for code in became:
        line: list[str] = []
        following: str | None = became[code]
        while following is not None and following not in line:
            line.append(following)
            following = became.get(following)
        lineages[code] = tuple(line)
    return lineages


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


def _rank(
    found: Evidence, rules: core.PreferenceRules, area: core.Area | None, lineages: Lineages
) -> tuple[core.RankedOrigin, ...]:
    views = []
    in_report = Counter(origin.entry_id for origin in found.origins)
    for origin in found.origins:
        code = str(_agency(origin) or "")
        views.append(
            core.OriginView(
                key=_key(origin),
                agency=code,
                became=lineages.get(code, ()),
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
                automatic_bulletin=_is_automatic_bulletin(origin),
            )
        )
    # The area is found by its border in the database, which the core does not know.
    return core.rank_origins(views, replace(rules, areas=() if area is None else (area,)))


def _belongs(magnitude: Magnitude, origin: Origin) -> bool:
    if magnitude.origin_id is not None:
        return magnitude.origin_id == origin.pk
    return magnitude.entry_id is not None and magnitude.entry_id == origin.entry_id


def _sizes(
    found: Evidence,
    preferred: Origin | None,
    rules: core.PreferenceRules,
    area: core.Area | None,
    lineages: Lineages,
) -> tuple[dict[str, Magnitude], dict[str, Any]]:
    """Return the magnitude that stands for each scale, and how its candidates compare.

    "At least" and "at most" stand for none.
    """
    by_scale: dict[str, list[Magnitude]] = defaultdict(list)
    for magnitude in found.magnitudes:
        if magnitude.scale in SCALES and not magnitude.bound:
            by_scale[magnitude.scale].append(magnitude)
    sizes: dict[str, Magnitude] = {}
    told: dict[str, Any] = {}
    for scale in sorted(by_scale, key=SCALES.index):
        by_key = {_size_key(m): m for m in by_scale[scale]}
        ranked = core.rank_magnitudes(
            (
                core.MagnitudeView(
                    key=key,
                    scale=scale,
                    value=m.value,
                    agency=(code := str(_agency(m) or "")),
                    became=lineages.get(code, ()),
                    computed=m.is_computed,
                    from_amplitudes=is_from_amplitudes(m),
                    chosen=_is_chosen_size(m, found.chosen_sizes.get(scale)),
                    converted=m.converted_from_id is not None,
                    of_preferred_origin=preferred is not None
                    and (_belongs(m, preferred) or _same_agency(m, preferred)),
                    automatic_bulletin=_is_of_automatic_bulletin(m),
                    station_count=m.station_count,
                )
                for key, m in by_key.items()
            ),
            scale,
            rules,
            area,
        )
        sizes[scale] = by_key[ranked[0].key]
        told[scale] = {
            "order": [name for name, _value in ranked[0].criteria],
            "candidates": [
                {
                    "magnitude": by_key[r.key].pk,
                    "agency": str(_agency(by_key[r.key]) or ""),
                    "type": by_key[r.key].type,
                    "value": by_key[r.key].value,
                    "values": [round(value, 6) for _name, value in r.criteria],
                }
                for r in ranked
            ],
        }
    return sizes, told


def _is_chosen_size(m: Magnitude, decision: MergeDecision | None) -> bool:
    """True for the magnitude a person chose, or its successor in the same report."""
    if decision is None:
        return False
    if decision.after.get("magnitude") == m.pk:
        return True
    if decision.after.get("computed"):
        same_way = is_from_amplitudes(m) == decision.after.get("from_amplitudes", False)
        return m.is_computed and m.type == decision.after.get("type") and same_way
    return (
        m.entry is not None
        and decision.report_id == m.entry.report_id
        and decision.after.get("type") == m.type
        and decision.after.get("agency") == str(_agency(m) or "")
    )


def is_from_amplitudes(m: Magnitude) -> bool:
    """True for what the portal computed from amplitudes."""
    return m.is_computed and m.method_id.startswith(magnitude_assessment.METHOD_PREFIX)


def _is_of_automatic_bulletin(m: Magnitude) -> bool:
    return m.entry is not None and m.entry.reading.evaluation_mode == "automatic"


def _size_key(m: Magnitude) -> str:
    automatic = _is_of_automatic_bulletin(m)
    # Of two scales computed from amplitudes under one type, the first in the list of scales.
    scale = m.parameters.get("scale", "") if is_from_amplitudes(m) else ""
    place = SCALE_PLACES.get(scale, 0)
    return f"{automatic:d}|{not m.is_prime:d}|{_agency(m) or ''}|{m.type}|{place:02d}|{m.pk:012d}"


def _the_magnitude(sizes: dict[str, Magnitude]) -> Magnitude | None:
    best = core.preferred_magnitude(
        core.MagnitudeView(
            key=scale, scale=scale, value=m.value, converted=m.converted_from_id is not None
        )
        for scale, m in sizes.items()
    )
    return None if best is None else sizes[best.scale]


def _mechanism(found: Evidence, preferred: Origin | None) -> FocalMechanism | None:
    """Return the mechanism of the preferred origin's agency, its own choice first.

    One that the portal computed stands only where no agency reported any, and where its quality is
    A to C and its polarities are not all alike, or an editor has confirmed it.
    """
    return min(
        (m for m in found.mechanisms if not m.is_computed or _is_sure(m)),
        key=lambda m: (
            m.is_computed,
            preferred is None or not _same_agency(m, preferred),
            not m.is_prime,
            str(_agency(m) or ""),
            m.pk,
        ),
        default=None,
    )


def _is_sure(computed: FocalMechanism) -> bool:
    if computed.evaluation_status == "confirmed":
        return True
    return computed.quality in ("A", "B", "C") and not computed.parameters.get("warnings")


def _type(found: Evidence, preferred: Origin | None) -> tuple[str, str]:
    """Return the event type a person decided, else that of the preferred origin's report."""
    if found.typed is not None:
        after = found.typed.after
        return after["event_type"], after["event_type_certainty"]
    return type_decisions.reported_type(found.entries, preferred.entry_id if preferred else None)


def _automatic(found: Evidence) -> confirmation.Told | None:
    """Return what automatic reports tell of an event; ``None`` if others tell of it too.

    An editor who chose a solution or accepted a location has looked at it: a person's word stands.
    """
    reported = [origin for origin in found.origins if not origin.is_computed]
    accepted = any(o.is_computed and o.evaluation_mode == "manual" for o in found.origins)
    if found.chosen is not None or accepted:
        return None
    if not reported or not all(_is_automatic_bulletin(origin) for origin in reported):
        return None
    agencies = frozenset(o.entry.report.agency_id for o in reported if o.entry is not None)
    return confirmation.Told(agencies, tuple(origin.time for origin in reported))


def _status(event: Event, automatic: bool, unconfirmed: bool) -> str:
    if event.status == Event.Status.PUBLISHED:
        return event.status
    if not automatic:
        return Event.Status.REVIEWED
    return Event.Status.NOT_CONFIRMED if unconfirmed else Event.Status.AUTOMATIC


def _expiry(event: Event, before: str, why: dict[str, Any]) -> MergeDecision:
    """Say that an automatic event expired and by which bulletins, or that it no longer is so."""
    expired = event.status == Event.Status.NOT_CONFIRMED
    return MergeDecision(
        kind=MergeDecision.Kind.EXPIRE if expired else MergeDecision.Kind.REVIVE,
        event=event,
        rule_set=confirmation.RULE_SET,
        parts=why,
        before={"status": before if event.published_version else None},
        after={"status": event.status},
    )


# --- Saving ----------------------------------------------------------------------------------


def _reasons(
    rules: core.PreferenceRules,
    area: core.Area | None,
    ranked: Sequence[core.RankedOrigin],
    origins: dict[str, Origin],
    sizes: dict[str, Any],
) -> dict[str, Any]:
    """Return what the page prints: every candidate with its terms, the preferred first."""
    return {
        "rule_set": rules.label,
        "area": None if area is None else area.name,
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
        "magnitudes": sizes,
    }


def agency_code(solution: Origin | Magnitude | None) -> str:
    """Return the code of whose solution it is, as a person is told it."""
    return "" if solution is None else str(_agency(solution) or "")


def size_words(m: Magnitude) -> str:
    """Return a size as a person is told it: value and agency."""
    return f"{m.value:g} {agency_code(m)}".strip()


def _decision(event: Event, before: int | None, choice: Choice) -> MergeDecision:
    preferred = choice.preferred
    assert preferred is not None  # noqa: S101  # the caller looked
    return MergeDecision(
        kind=MergeDecision.Kind.PREFER,
        report_id=preferred.entry.report_id if preferred.entry else None,
        event=event,
        rule_set=choice.reasons["rule_set"],
        parts=choice.parts,
        before={"origin": before},
        after={"origin": preferred.pk, "key": preferred.key},
    )


def _size_decisions(
    evidence: dict[int, Evidence], choices: dict[int, Choice]
) -> list[MergeDecision]:
    """Return a decision for each scale whose magnitude is another agency's or kind's than before.

    A newer value of the same report takes the place of the older one by itself.
    """
    changed = [
        (event, scale, evidence[event].preferred[scale], m)
        for event, choice in sorted(choices.items())
        for scale, m in choice.sizes.items()
        if evidence[event].preferred.get(scale, m.pk) != m.pk
    ]
    former = {
        m.pk: m
        for m in Magnitude.objects.filter(pk__in=[pk for _e, _s, pk, _m in changed])
        .select_related("agency", "entry__report__agency")
        .defer("entry__text", "entry__comments")
    }
    return [
        MergeDecision(
            kind=MergeDecision.Kind.PREFER,
            report_id=m.entry.report_id if m.entry else None,
            event_id=event,
            rule_set=choices[event].reasons["rule_set"],
            parts=_criteria(choices[event].reasons["magnitudes"][scale]),
            before={"scale": scale, "magnitude": before},
            after={"scale": scale, "magnitude": m.pk},
        )
        for event, scale, before, m in changed
        if _whose(former[before]) != _whose(m)
        and not _criteria(choices[event].reasons["magnitudes"][scale])["chosen_by_editor"]
    ]


def _whose(m: Magnitude) -> tuple[Any, ...]:
    return (m.entry.report_id if m.entry else None, m.type, _agency(m))


def _criteria(told: dict[str, Any]) -> dict[str, float]:
    return dict(zip(told["order"], told["candidates"][0]["values"], strict=True))


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


def _settle(event: Event, found: Evidence, choice: Choice) -> None:
    """Point the event, in memory, at what was chosen."""
    preferred = choice.preferred
    mechanism = _mechanism(found, preferred)
    magnitude = _the_magnitude(choice.sizes)
    event.preferred_origin_id = preferred.pk if preferred else None
    event.preferred_magnitude_id = magnitude.pk if magnitude else None
    event.preferred_focal_mechanism_id = mechanism.pk if mechanism else None
    event.event_type, event.event_type_certainty = _type(found, preferred)
    reasons = dict(choice.reasons)
    if "location" in event.preference:
        reasons["location"] = event.preference["location"]
    event.preference = reasons
