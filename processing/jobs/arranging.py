"""Arrange reports into events: ask the core, find which event each group keeps, store what changes.

One advisory lock keeps two arrangements apart, whatever the process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import F, Q

from catalog.models import (
    Event,
    FocalMechanism,
    Magnitude,
    MagnitudeAssessment,
    MergeDecision,
    Origin,
    PreferredMagnitude,
    Report,
    User,
    new_public_id,
)
from processing.core import association as core
from processing.core.joint_fit import JointFit
from processing.jobs import felt, joint_relocations, publishing, station_readings
from processing.jobs.standing_reports import (
    RULES,
    Standing,
    load_reports,
    moment,
    neighbourhood,
    neighbours_of,
)

#: One association at a time, whatever the process: the key of the transaction's advisory lock.
ADVISORY_LOCK = 0x6B7A6173

#: Tables whose rows follow their entry's report from event to event.
FOLLOWERS = (
    "catalog_origin",
    "catalog_magnitude",
    "catalog_focalmechanism",
    "catalog_intensityobservation",
    "catalog_eventdescription",
    "catalog_interpretation",
    "catalog_consequence",
)


@dataclass
class Outcome:
    """What an arrangement changed; ``touched`` are events to be computed anew, with versions."""

    touched: list[tuple[int, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def joint_fits(
    standing: Sequence[Standing],
    constraints: Sequence[core.Constraint],
    around: Sequence[core.Neighbour],
) -> dict[tuple[str, str], JointFit]:
    """Return the joint relocations that arranging the reports wants to know."""
    if len({s.view.source for s in standing if s.view.arrivals}) < 2:
        return {}
    by_name = {s.view.report_id: s for s in standing}
    wanted = core.to_relocate([s.view for s in standing], constraints, RULES, around)
    if not wanted:
        return {}
    fits = joint_relocations.of_pairs(
        [(by_name[one].entry, by_name[other].entry) for one, other in wanted]
    )
    return {pair: fit for pair, fit in zip(wanted, fits, strict=True) if fit is not None}


def arrange(
    renewed: set[int],
    before: dict[int, Standing],
    decisions: list[MergeDecision],
    actor: User | None,
    now: datetime,
    same_evidence: bool = False,
) -> Outcome:
    """Partition what the renewed reports touch and store the differences.

    With ``same_evidence`` the reports themselves say what they said before: an event they stay in
    needs no computing.
    """
    current = load_reports(renewed)
    # Reports that are gone leave their event.
    removed = {
        pk: event
        for pk, event in Report.objects.filter(pk__in=renewed - set(current)).values_list(
            "pk", "event"
        )
        if event is not None
    }
    known, constraints = neighbourhood(current, before.values())
    plan = _Plan(known, removed, set() if same_evidence else renewed)
    links: dict[str, core.Link] = {}
    reviews: list[core.Review] = []
    for synthetic in (False, True):  # what was made up never joins what was observed
        standing = [s for s in known.values() if s.synthetic == synthetic]
        if not standing:
            continue
        around = neighbours_of(standing, synthetic)
        partition = core.partition(
            [s.view for s in standing],
            constraints,
            RULES,
            joint_fits(standing, constraints, around),
            around,
        )
        plan.place(partition.groups)
        reviews += partition.reviews
        for link in sorted(partition.links, key=lambda link: -link.misfit.total):
            links[link.first] = links[link.second] = link  # each report's best link stays
    said = {frozenset((c.first, c.second)) for c in constraints}
    return _store(plan, links, reviews, decisions, actor, now, said)


class _Plan:
    """Which group of reports keeps which event."""

    def __init__(
        self, known: dict[int, Standing], removed: dict[int, int], renewed: set[int]
    ) -> None:
        self.known = known
        self.removed = removed
        self.renewed = renewed
        self.by_name = {s.view.report_id: s for s in known.values()}
        #: Groups with the event each keeps, ``None`` for a new one.
        self.groups: list[tuple[list[Standing], int | None]] = []
        #: Emptied events, and the index of the group where their reports went.
        self.emptied: dict[int, int | None] = {}

    def place(self, groups: Iterable[tuple[str, ...]]) -> None:
        """Give each group an event: the published one survives, else the oldest."""
        members = [[self.by_name[name] for name in group] for group in groups]
        shares: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, group in enumerate(members):
            for standing in group:
                if standing.event is not None:
                    shares[standing.event][index].append(standing.report)
        # A divided event stays with the group that holds most of its reports; of equals with that
        # of the oldest report, which opened it.
        winner = {
            event: max(parts, key=lambda index: (len(parts[index]), -min(parts[index])))
            for event, parts in shares.items()
        }
        published = _published(winner)
        kept: dict[int, int] = {}
        for event in sorted(winner, key=lambda event: (event not in published, event)):
            kept.setdefault(winner[event], event)
        offset = len(self.groups)
        for index, group in enumerate(members):
            self.groups.append((group, kept.get(index)))
        for event, index in winner.items():
            if kept[index] != event:
                self.emptied[event] = offset + index

    def find_deserted(self) -> None:
        """Add the events whose every report was withdrawn."""
        alive = {event for _group, event in self.groups if event is not None}
        for event in set(self.removed.values()) - alive - set(self.emptied):
            self.emptied[event] = None


def _published(events: Iterable[int]) -> set[int]:
    return set(
        Event.objects.filter(Q(published_version__gt=0), pk__in=list(events)).values_list(
            "pk", flat=True
        )
    )


def _store(
    plan: _Plan,
    links: dict[str, core.Link],
    reviews: Sequence[core.Review],
    decisions: list[MergeDecision],
    actor: User | None,
    now: datetime,
    said: Collection[frozenset[str]],
) -> Outcome:
    plan.find_deserted()
    counts: dict[str, int] = defaultdict(int)
    moving: list[tuple[Standing, int]] = []  # reports and their new events
    settled: list[tuple[Standing, int]] = []  # those with new rows and the event they had
    touched: set[int] = set()
    openings = [(index, group) for index, (group, event) in enumerate(plan.groups) if event is None]
    opened = _open_events([group for _index, group in openings])
    event_of = {i: event for i, (_group, event) in enumerate(plan.groups) if event is not None}
    event_of.update({i: event for (i, _group), event in zip(openings, opened, strict=True)})
    fresh = set(opened)
    for index, (group, _event) in enumerate(plan.groups):
        event = event_of[index]
        # The first report of a new event opens it; the others join.
        first = min(group, key=lambda s: (s.event is not None, s.view.time, s.view.report_id))
        for standing in group:
            if standing.event == event:
                if standing.report in plan.renewed:
                    touched.add(event)
                    settled.append((standing, event))
                continue
            moving.append((standing, event))
            touched |= {event} | ({standing.event} if standing.event else set())
            opens = event in fresh and standing is first
            decisions.append(
                _decision(standing, event, links.get(standing.view.report_id), opens, plan, actor)
            )
            counts[_COUNTED[decisions[-1].kind]] += 1
    touched |= set(plan.removed.values())
    decisions += [
        MergeDecision(
            kind=MergeDecision.Kind.MOVE,
            report_id=report,
            other_event_id=event,
            rule_set=RULES.name,
            before={"event": event},
            after={"event": None},
            note="withdrawn",
        )
        for report, event in sorted(plan.removed.items())
    ]
    for event, where in sorted(plan.emptied.items()):
        survivor = None if where is None else event_of[where]
        counts["deleted" if survivor is None else "merged"] += 1
        if survivor is not None:
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.MERGE,
                    event_id=survivor,
                    other_event_id=event,
                    rule_set=RULES.name,
                    actor=actor,
                )
            )
    counts["review"] += _add_reviews(plan, reviews, decisions, event_of, said)
    ranks = _ranks(plan, event_of)
    touched |= {event for _standing, _by, event in ranks}
    for standing, by, event in ranks:
        if by is not None and by != standing.outranked_by:
            counts["superseded"] += 1
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.SUPERSEDE,
                    report_id=by,
                    other_report_id=standing.report,
                    event_id=event,
                    rule_set=RULES.name,
                    before={"outranked_by": standing.outranked_by},
                    after={"outranked_by": by},
                )
            )
    living = touched - set(plan.emptied)
    # Event rows in key order, before anything that depends on them is written. No key changes, so
    # what people felt is taken in meanwhile.
    locked = list(
        Event.objects.select_for_update(no_key=True)
        .filter(pk__in=(touched | set(plan.emptied)) - fresh)
        .order_by("pk")
    )
    _move(moving + settled, plan.removed)
    _save_ranks(ranks, now)
    MergeDecision.objects.bulk_create(decisions)
    Event.objects.filter(pk__in=living - fresh).update(evidence_version=F("evidence_version") + 1)
    versions = list(
        Event.objects.filter(pk__in=living).order_by("pk").values_list("pk", "evidence_version")
    )
    for row in locked:
        if row.pk in plan.emptied:
            where = plan.emptied[row.pk]
            _close(row, None if where is None else event_of[where], actor, now)
    return Outcome(versions, {name: n for name, n in counts.items() if n})


_COUNTED = {
    MergeDecision.Kind.NEW_EVENT.value: "created",
    MergeDecision.Kind.ASSOCIATE.value: "joined",
    MergeDecision.Kind.MOVE.value: "moved",
    MergeDecision.Kind.SPLIT.value: "split",
}


def _decision(
    standing: Standing,
    event: int,
    link: core.Link | None,
    opens: bool,
    plan: _Plan,
    actor: User | None,
) -> MergeDecision:
    """Say what became of one report, and with which misfit."""
    kinds = MergeDecision.Kind
    if standing.event is None:
        kind = kinds.NEW_EVENT if opens else kinds.ASSOCIATE
    else:
        kind = kinds.SPLIT if opens else kinds.MOVE
    decision = MergeDecision(
        kind=kind.value,
        report_id=standing.report,
        event_id=event,
        other_event_id=standing.event,
        rule_set=RULES.name,
        before={"event": standing.event},
        after={"event": event},
        actor=actor if link is not None and link.by == "constraint" else None,
    )
    if link is not None:
        other = link.second if link.first == standing.view.report_id else link.first
        decision.other_report_id = plan.by_name[other].report
        decision.misfit = link.misfit.total
        decision.parts = {"by": link.by, **asdict(link.misfit)}
    return decision


Rank = tuple[Standing, int | None, int]  # a report, what outranks it, their event


def _ranks(plan: _Plan, event_of: dict[int, int]) -> list[Rank]:
    """Return the reports whose rows must be put aside or back, for their agency's later word.

    Of an agency's reports of one event those of the highest grade stand; the others are history.
    """
    changed: list[Rank] = []
    for index, (group, _event) in enumerate(plan.groups):
        best: dict[str, Standing] = {}
        for standing in sorted(group, key=lambda s: (-s.view.grade, s.view.report_id)):
            best.setdefault(standing.view.agency, standing)
        for standing in group:
            top = best[standing.view.agency]
            by = top.report if top.view.grade > standing.view.grade else None
            renewed = by is not None and standing.report in plan.renewed
            if by != standing.outranked_by or renewed:
                changed.append((standing, by, event_of[index]))
    return changed


def _save_ranks(ranks: Sequence[Rank], now: datetime) -> None:
    if not ranks:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_report r SET outranked_by_id = new.by"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS new(report, by) WHERE r.id = new.report",
            [[s.report for s, _by, _event in ranks], [by for _s, by, _event in ranks]],
        )
        for table in FOLLOWERS:
            cursor.execute(
                f"UPDATE {table} t SET superseded_at = new.at"  # noqa: S608
                " FROM unnest(%s::bigint[], %s::timestamptz[]) AS new(entry, at)"
                " WHERE t.entry_id = new.entry",
                [
                    [s.entry for s, _by, _event in ranks],
                    [None if by is None else now for _s, by, _event in ranks],
                ],
            )


def _add_reviews(
    plan: _Plan,
    reviews: Sequence[core.Review],
    decisions: list[MergeDecision],
    event_of: dict[int, int],
    said: Collection[frozenset[str]],
) -> int:
    """Add the doubtful pairs that do not stand in the ledger already; take back what is none now.

    said : the pairs of which a person's word stands; what was asked of them is answered.
    """
    names = {s.report: s.view.report_id for s in plan.known.values()}
    placed = {
        standing.report: event_of[index]
        for index, (group, _event) in enumerate(plan.groups)
        for standing in group
    }
    kind = MergeDecision.Kind.REVIEW
    pairs = {(plan.by_name[r.first].report, plan.by_name[r.second].report): r for r in reviews}
    standing: set[tuple[int, int, str]] = set()
    for asked, first, second, reason in MergeDecision.objects.filter(
        kind=kind, report__in=placed, other_report__in=placed, undone_by__isnull=True
    ).values_list("pk", "report", "other_report", "parts__reason"):
        found = pairs.get((first, second))
        if reason == "clock" or (found is not None and found.reason == reason):
            standing.add((first, second, reason))
        elif (
            placed[first] != placed[second] and frozenset((names[first], names[second])) not in said
        ):
            # The rules know better now: nothing is left to ask.
            decisions.append(
                MergeDecision(
                    kind=MergeDecision.Kind.UNDO,
                    report_id=first,
                    other_report_id=second,
                    event_id=placed[first],
                    other_event_id=placed[second],
                    undoes_id=asked,
                    rule_set=RULES.name,
                    note="no longer in doubt",
                )
            )
    added = 0
    for (first, second), review in pairs.items():
        if (first, second, review.reason) in standing:
            continue
        added += 1
        decisions.append(
            MergeDecision(
                kind=kind,
                report_id=first,
                other_report_id=second,
                event_id=placed[first],
                other_event_id=placed[second],
                rule_set=RULES.name,
                misfit=review.misfit.total if review.misfit else None,
                parts={"reason": review.reason, **(asdict(review.misfit) if review.misfit else {})},
            )
        )
    return added


def _open_events(groups: Sequence[Sequence[Standing]]) -> list[int]:
    """Create an event for each group, with a public id nobody has."""
    wanted: list[str] = []
    while len(wanted) < len(groups):
        times = [min(s.view.time for s in group) for group in groups[len(wanted) :]]
        drawn = [new_public_id(moment(time)) for time in times]
        taken = set(
            Event.objects.filter(public_id__in=drawn).values_list("public_id", flat=True)
        ) | set(wanted)
        for name in drawn:
            if name in taken:
                break
            wanted.append(name)
            taken.add(name)
    rows = Event.objects.bulk_create(
        [
            Event(public_id=name, synthetic=group[0].synthetic)
            for name, group in zip(wanted, groups, strict=True)
        ]
    )
    return [row.pk for row in rows]


def _move(moving: Sequence[tuple[Standing, int]], removed: dict[int, int]) -> None:
    """Tie reports, and all rows of all their entries, to their events."""
    Report.objects.filter(pk__in=list(removed)).update(event=None)
    if not moving:
        return
    values = [[s.report for s, _event in moving], [event for _s, event in moving]]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_report r SET event_id = new.event"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS new(report, event)"
            " WHERE r.id = new.report",
            values,
        )
        cursor.execute(
            "SELECT e.id, new.event FROM catalog_bulletinentry e"
            " JOIN unnest(%s::bigint[], %s::bigint[]) AS new(report, event)"
            " ON e.report_id = new.report WHERE e.associated_at IS NOT NULL",
            values,
        )
        rows = cursor.fetchall()
        for table in FOLLOWERS:
            cursor.execute(
                f"UPDATE {table} t SET event_id = new.event"  # noqa: S608
                " FROM unnest(%s::bigint[], %s::bigint[]) AS new(entry, event)"
                " WHERE t.entry_id = new.entry AND t.event_id IS DISTINCT FROM new.event",
                [[row[0] for row in rows], [row[1] for row in rows]],
            )


def _close(event: Event, survivor: int | None, actor: User | None, now: datetime) -> None:
    """End an event that has no report any more: merged where they went, else deleted."""
    for model in (Origin, Magnitude, FocalMechanism):
        model.objects.filter(event=event, entry__isnull=True, superseded_at__isnull=True).update(
            superseded_at=now
        )
    MagnitudeAssessment.objects.current().filter(event=event).update(superseded_at=now)
    PreferredMagnitude.objects.filter(event=event).delete()
    event.status = Event.Status.DELETED if survivor is None else Event.Status.MERGED
    event.merged_into_id = survivor
    event.preferred_origin = event.preferred_magnitude = event.preferred_focal_mechanism = None
    event.evidence_version += 1
    event.save(
        update_fields=[
            "status", "merged_into", "preferred_origin", "preferred_magnitude",
            "preferred_focal_mechanism", "evidence_version",
        ]
    )  # fmt: skip
    # Whoever was merged into this one is now where its reports went.
    if survivor is not None:
        Event.objects.filter(merged_into=event).update(merged_into=survivor)
    station_readings.follow(event, survivor)
    felt.request_near([event])
    publishing.withdraw(event, actor=actor)
