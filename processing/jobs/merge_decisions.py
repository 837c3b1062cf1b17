"""A person says which reports are one earthquake: kept as words about pairs, taken back by others.

What is stored is "same" or "different" of two *reports*, so it survives superseding and splitting;
the association then arranges the reports anew in the same transaction, and the events it touched
are computed anew by workers. Nothing is ever rewritten: taking a decision back is a decision, too.
What is asked may be tried first: the same is done and rolled back.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from catalog.models import Event, MergeDecision, Report, User
from processing.jobs import arranging, association
from processing.jobs.station_readings import GONE, NotDecidable
from processing.models import WorkItem
from processing.transactions import retried, writing

Kind = MergeDecision.Kind
WORDS = (Kind.SAME, Kind.DIFFERENT)
#: What a later decision on the same reports or events may rest on.
BREAKABLE = (
    Kind.SAME, Kind.DIFFERENT, Kind.LOCATE, Kind.PREFER, Kind.ACCEPT_PICK, Kind.REJECT_PICK,
    Kind.MECHANISM,
)  # fmt: skip
#: Of `Refused`, besides those of the readings' own decisions.
CODES = (
    "not-a-pair",
    "report-gone",
    "report-renewed",
    "decided-meanwhile",
    "one-event-already",
    "contradicted",
    "synthetic-apart",
    "reports-changed",
    "breaks-later",
    "nothing-moved",
)
#: Before the events that a big import leaves to be computed: a person waits.
PRIORITY = 3
#: Columns of one rearrangement by hand: events, and new ones.
MOST_REPORTS = 200
ROUNDS = 3


class Refused(NotDecidable):
    """A decision that cannot be made; ``decisions`` are those that stand in its way."""

    def __init__(self, code: str, decisions: Sequence[MergeDecision] = ()) -> None:
        super().__init__(code)
        self.decisions = tuple(decisions)


@dataclass(frozen=True)
class EventAfter:
    """An event as a decision leaves it."""

    public_id: str
    is_new: bool
    reports: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """What a decision did, or would do."""

    act: uuid.UUID | None = None
    events: tuple[EventAfter, ...] = ()
    """Those that hold the reports concerned."""
    merged: tuple[tuple[str, str], ...] = ()
    """Public ids that answer 301 from now on, each with where it leads."""
    deleted: tuple[str, ...] = ()
    """Public ids that answer 410."""
    words: int = 0


@dataclass
class _Watch:
    """The events around some reports, before and after."""

    reports: set[int]
    before: set[int] = field(default_factory=set)
    newest: int = 0

    @classmethod
    def begin(cls, reports: Iterable[int]) -> _Watch:
        watch = cls(set(reports))
        watch.before = watch._events()
        watch.reports |= set(
            Report.objects.filter(event__in=watch.before).values_list("pk", flat=True)
        )
        watch.newest = Event.objects.aggregate(last=Max("pk"))["last"] or 0
        return watch

    def _events(self) -> set[int]:
        found = Report.objects.filter(pk__in=self.reports, event__isnull=False)
        return set(found.values_list("event", flat=True))

    def end(self, act: uuid.UUID | None, words: int) -> Result:
        after = self._events()
        events = Event.objects.select_related("merged_into").in_bulk(after | self.before)
        members: dict[int, list[int]] = defaultdict(list)
        for report, event in (
            Report.objects.filter(event__in=after).order_by("pk").values_list("pk", "event")
        ):
            members[event].append(report)
        gone = [events[pk] for pk in sorted(self.before) if events[pk].status in GONE]
        return Result(
            act=act,
            events=tuple(
                EventAfter(events[pk].public_id, pk > self.newest, tuple(members[pk]))
                for pk in sorted(after)
            ),
            merged=tuple(
                (e.public_id, e.merged_into.public_id) for e in gone if e.merged_into is not None
            ),
            deleted=tuple(e.public_id for e in gone if e.merged_into is None),
            words=words,
        )


# --- What was said --------------------------------------------------------------------------------


def standing(rows: QuerySet[MergeDecision]) -> QuerySet[MergeDecision]:
    """Return those decisions that were not taken back."""
    return rows.filter(~Exists(MergeDecision.objects.filter(undoes=OuterRef("pk"))))


def words_among(reports: Collection[int]) -> QuerySet[MergeDecision]:
    """Return what persons say of pairs of these reports, the latest first; of a pair it holds."""
    return (
        standing(MergeDecision.objects.filter(kind__in=WORDS))
        .filter(report__in=reports, other_report__in=reports)
        .select_related("actor", "report__agency", "other_report__agency")
        .order_by("-pk")
    )


def in_force(reports: Collection[int]) -> dict[frozenset[int], MergeDecision]:
    """Return the word that holds of each pair of these reports of which one was said."""
    found: dict[frozenset[int], MergeDecision] = {}
    for word in words_among(reports):
        found.setdefault(frozenset((word.report_id or 0, word.other_report_id or 0)), word)
    return found


def _ledger_of(reports: Collection[int]) -> QuerySet[MergeDecision]:
    """Return all that was said of pairs of these reports and taken back, the latest first."""
    return (
        MergeDecision.objects.filter(
            # The rules, too, take back what they asked.
            actor__isnull=False,
            report__in=reports,
            other_report__in=reports,
            kind__in=[*WORDS, Kind.UNDO],
        )
        .select_related("actor", "undoes")
        .order_by("-pk")
    )


def seen_of(reports: Collection[int], members: bool = False) -> str:
    """Return a digest of what decides on these reports: a form carries it, a decision checks it.

    It changes with their newer entries, with what persons say of pairs of them and, with
    ``members``, when one goes to another event.
    """
    last = _ledger_of(reports).values_list("pk", flat=True).first()
    rows = Report.objects.filter(pk__in=reports).values_list("pk", "current_entry", "event")
    return _digest(rows, last, members)


def seen_of_pairs(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Return `seen_of` of many pairs by two questions."""
    reports = {pk for pair in pairs for pk in pair}
    rows = {
        row[0]: row
        for row in Report.objects.filter(pk__in=reports).values_list("pk", "current_entry", "event")
    }
    last: dict[frozenset[int | None], int] = {}
    for pk, first, second in _ledger_of(reports).values_list("pk", "report", "other_report"):
        last.setdefault(frozenset((first, second)), pk)
    return {
        pair: _digest([rows[pk] for pk in pair if pk in rows], last.get(frozenset(pair)), False)
        for pair in pairs
    }


def _digest(
    rows: Iterable[tuple[int, int | None, int | None]], last: int | None, members: bool
) -> str:
    told = sorted((pk, entry or 0, (event or 0) if members else 0) for pk, entry, event in rows)
    return hashlib.sha256(repr((told, last)).encode()).hexdigest()[:20] + f".{last or 0}"


def _check_seen(reports: Collection[int], seen: str, members: bool = False) -> None:
    """Refuse what rests on a sight that is out of date, and say who decided since."""
    if seen_of(reports, members) == seen:
        return
    _digest, _dot, last = seen.rpartition(".")
    known = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
    since = _ledger_of(reports).filter(pk__gt=known).first()
    if since is not None:
        raise Refused("decided-meanwhile", [since])
    raise Refused("reports-changed" if members else "report-renewed")


def _lock() -> None:
    """Take the association's lock: what is checked then holds until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [arranging.ADVISORY_LOCK])


def _standing_reports(keys: Collection[int]) -> dict[int, Report]:
    reports = (
        Report.objects.filter(
            pk__in=keys,
            withdrawn_at__isnull=True,
            current_entry__isnull=False,
            event__isnull=False,
        )
        .select_related("agency", "event", "current_entry")
        .defer("current_entry__text")
        .in_bulk()
    )
    if len(reports) < len(set(keys)):
        raise Refused("report-gone")
    return reports


# --- Deciding -------------------------------------------------------------------------------------


def decide(kind: str, first: int, second: int, seen: str, actor: User, note: str = "") -> Result:
    """Say of two reports that they are the same event, different ones, or put them off.

    Inside a transaction; ``seen`` is what the person saw (`seen_of`).

    Raises
    ------
    Refused
        One of `CODES`; nothing is stored then.
    """
    if kind not in (*WORDS, Kind.LATER) or first == second:
        raise Refused("not-a-pair")
    _lock()
    pair = _standing_reports((first, second))
    _check_seen((first, second), seen)
    act = uuid.uuid4()
    if kind == Kind.LATER:
        MergeDecision.objects.create(
            kind=kind, report_id=first, other_report_id=second, actor=actor, note=note, act=act
        )
        return Result(act=act, words=1)
    if kind == Kind.SAME:
        if pair[first].event_id == pair[second].event_id:
            raise Refused("one-event-already", list(words_among((first, second))[:1]))
        _refuse_made_up(pair.values())
    watch = _Watch.begin(pair)
    broken = _broken(watch.reports)
    _say(kind, [(first, second)], pair, actor, note, act)
    _arrange(pair, actor)
    apart = len(set(_places((first, second)).values())) == 2
    if apart == (kind == Kind.SAME):
        raise Refused("contradicted", _in_the_way(kind, first, second, act))
    _refuse_broken(watch, broken)
    return watch.end(act, 1)


def _say(
    kind: str,
    pairs: Iterable[tuple[int, int]],
    reports: Mapping[int, Report],
    actor: User,
    note: str,
    act: uuid.UUID,
) -> int:
    rows = [
        MergeDecision(
            kind=kind,
            report_id=first,
            other_report_id=second,
            event_id=reports[first].event_id,
            other_event_id=reports[second].event_id,
            before={"events": [reports[first].event_id, reports[second].event_id]},
            actor=actor,
            note=note,
            act=act,
        )
        for first, second in pairs
    ]
    MergeDecision.objects.bulk_create(rows)
    return len(rows)


def _arrange(reports: Iterable[int], actor: User) -> None:
    """Arrange anew and ask for what that touched to be computed, in the caller's transaction."""
    touched = association.rearrange(list(reports), actor)
    WorkItem.objects.request_many("recompute", touched, priority=PRIORITY)


def _places(reports: Collection[int]) -> dict[int, int | None]:
    return dict(Report.objects.filter(pk__in=reports).values_list("pk", "event"))


def _refuse_made_up(reports: Iterable[Report]) -> None:
    """What was made up never joins what was observed, whoever says so."""
    if len({r.current_entry.synthetic for r in reports if r.current_entry is not None}) > 1:
        raise Refused("synthetic-apart")


def _broken(reports: Collection[int]) -> dict[int, MergeDecision]:
    """Return the words in force among reports that do not stand as they say."""
    places = _places(reports)
    return {
        word.pk: word
        for word in in_force(reports).values()
        if (places[word.report_id or 0] == places[word.other_report_id or 0])
        != (word.kind == Kind.SAME)
    }


def _refuse_broken(watch: _Watch, before: Collection[int]) -> None:
    """Refuse what silently went against another word."""
    broken = _broken(watch.reports)
    if new := [word for pk, word in broken.items() if pk not in before]:
        raise Refused("contradicted", new)


def _in_the_way(kind: str, first: int, second: int, act: uuid.UUID) -> list[MergeDecision]:
    """Return the words that keep two reports apart, or together, against what was just said."""
    places = _places((first, second))
    around = set(
        Report.objects.filter(event__in=[e for e in places.values() if e]).values_list(
            "pk", flat=True
        )
    )
    against = Kind.DIFFERENT if kind == Kind.SAME else Kind.SAME
    return [
        word
        for word in in_force(around | {first, second}).values()
        if word.kind == against and word.act != act
    ]


def move(wish: Mapping[int, str], seen: str, actor: User, note: str = "") -> Result:
    """Put reports into the events a person wishes, inside a transaction.

    Parameters
    ----------
    wish : mapping
        Report -> the name of the column it is to be in. All reports that the person saw are named;
        those of one column become one event, those of two columns two. A column holds what stays
        in an event, or makes a new one.
    seen : str
        What the person saw (`seen_of` with ``members``).

    Notes
    -----
    Of reports that were together and part "different" is said, of each that comes to others "same"
    with one of them. Where the rules would then still do otherwise among the reports shown, the
    words that are missing are said as well.

    Raises
    ------
    Refused
        One of `CODES`; nothing is stored then.
    """
    if not 2 <= len(wish) <= MOST_REPORTS:
        raise Refused("not-a-pair")
    _lock()
    reports = _standing_reports(wish)
    _check_seen(list(wish), seen, members=True)
    columns: dict[str, list[int]] = defaultdict(list)
    for report in sorted(wish):
        columns[wish[report]].append(report)
    for column in columns.values():
        _refuse_made_up(reports[report] for report in column)
    if not _differs(columns, _places(wish)):
        raise Refused("nothing-moved")
    act = uuid.uuid4()
    watch = _Watch.begin(wish)
    broken = _broken(watch.reports)
    said: dict[tuple[int, int], str] = {}
    for _round in range(ROUNDS):
        wanted = _words_for(columns, wish, _places(wish), said)
        if not wanted:
            break
        said |= wanted
        for kind in WORDS:
            _say(kind, [p for p, k in wanted.items() if k == kind], reports, actor, note, act)
        _arrange(wish, actor)
    if _differs(columns, _places(wish)):
        raise Refused("contradicted", _against(columns, act))
    _refuse_broken(watch, broken)
    return watch.end(act, len(said))


def _differs(columns: Mapping[str, Sequence[int]], places: Mapping[int, int | None]) -> bool:
    """True where the reports are not in events as the columns say."""
    events = [{places[report] for report in column} for column in columns.values()]
    return any(len(own) != 1 for own in events) or len(set().union(*events)) < len(events)


def _words_for(
    columns: Mapping[str, Sequence[int]],
    wish: Mapping[int, str],
    places: Mapping[int, int | None],
    said: Mapping[tuple[int, int], str],
) -> dict[tuple[int, int], str]:
    """Return the words still to be said so that reports come to be as the columns say."""
    wanted: dict[tuple[int, int], str] = {
        (a, b): Kind.DIFFERENT
        for a, b in combinations(sorted(wish), 2)
        if wish[a] != wish[b] and places[a] == places[b]
    }
    holds = in_force(list(wish))
    for column in columns.values():
        # Where most of a column is already, the others come to.
        counts: dict[int | None, int] = defaultdict(int)
        for report in column:
            counts[places[report]] += 1
        home = max(counts, key=lambda event: (counts[event], -(event or 0)))
        anchor = next(report for report in column if places[report] == home)
        for report in column:
            if places[report] != home:
                wanted[min(anchor, report), max(anchor, report)] = Kind.SAME
        # A "different" that was said of two of one column would keep them apart.
        for a, b in combinations(sorted(column), 2):
            word = holds.get(frozenset((a, b)))
            if word is not None and word.kind == Kind.DIFFERENT:
                wanted[a, b] = Kind.SAME
    return {pair: kind for pair, kind in wanted.items() if said.get(pair) != kind}


def _against(columns: Mapping[str, Sequence[int]], act: uuid.UUID) -> list[MergeDecision]:
    """Return the words of others that stand between a person's columns and what came of them."""
    reports = [report for column in columns.values() for report in column]
    around = set(Report.objects.filter(event__reports__in=reports).values_list("pk", flat=True))
    return [word for word in in_force(around).values() if word.act != act]


# --- Taking back ----------------------------------------------------------------------------------


def act_of(key: int) -> list[MergeDecision]:
    """Return what was decided in one step with a decision and can be taken back, oldest first.

    Empty where it is no person's, or where nothing of it stands.
    """
    row = MergeDecision.objects.filter(pk=key, actor__isnull=False).first()
    if row is None:
        return []
    together = MergeDecision.objects.filter(Q(pk=row.pk) | Q(act=row.act, act__isnull=False))
    return list(
        standing(together)
        .filter(
            Q(kind__in=[*WORDS, Kind.LATER]) | Q(kind=Kind.UNDO, undoes__kind__in=WORDS),
            report__isnull=False,
            other_report__isnull=False,
        )
        .select_related("actor", "undoes", "report__agency", "other_report__agency")
        .order_by("pk")
    )


def later_than(rows: Sequence[MergeDecision]) -> list[MergeDecision]:
    """Return persons' later decisions on the same reports or their events: they may break."""
    reports = {pk for row in rows for pk in (row.report_id, row.other_report_id)}
    events = set(_places([pk for pk in reports if pk]).values()) | {
        pk for row in rows for pk in (row.event_id, row.other_event_id)
    }
    events.discard(None)
    return list(
        standing(
            MergeDecision.objects.filter(
                Q(report__in=reports)
                | Q(other_report__in=reports)
                | Q(event__in=events)
                | Q(other_event__in=events),
                kind__in=BREAKABLE,
                actor__isnull=False,
                pk__gt=max(row.pk for row in rows),
            )
        )
        .exclude(act__isnull=False, act=rows[0].act)
        .select_related("actor", "report__agency", "other_report__agency", "event")
        .order_by("pk")
    )


def undo(key: int, actor: User, note: str = "", confirmed: Collection[int] = ()) -> Result:
    """Take back what was decided in one step, inside a transaction.

    Taking back a taking-back says the words anew. ``confirmed`` are the later decisions that the
    person was told of (`later_than`).

    Raises
    ------
    Refused
        ``nothing-to-undo``: nothing of it stands, with who took it back; ``breaks-later``: there
        are later decisions that the person does not know of.
    """
    _lock()
    rows = act_of(key)
    if not rows:
        undone = MergeDecision.objects.filter(undoes=key).select_related("actor").first()
        raise Refused("nothing-to-undo", [undone] if undone else [])
    later = later_than(rows)
    if {row.pk for row in later} - set(confirmed):
        raise Refused("breaks-later", later)
    act = uuid.uuid4()
    reports = {pk for row in rows for pk in (row.report_id, row.other_report_id) if pk}
    watch = _Watch.begin(reports)
    for row in rows:
        again = row.undoes if row.kind == Kind.UNDO else None
        MergeDecision.objects.create(
            kind=Kind.UNDO if again is None else again.kind,
            report_id=row.report_id,
            other_report_id=row.other_report_id,
            event_id=row.event_id,
            other_event_id=row.other_event_id,
            before={"decision": row.pk, "kind": row.kind},
            actor=actor,
            note=note,
            undoes=row,
            act=act,
        )
    if any(row.kind != Kind.LATER for row in rows):
        _arrange(_alive(reports), actor)
    return watch.end(act, len(rows))


def _alive(reports: Collection[int]) -> list[int]:
    found = Report.objects.filter(
        pk__in=reports, withdrawn_at__isnull=True, current_entry__isnull=False
    )
    return list(found.values_list("pk", flat=True))


# --- Trying and doing -----------------------------------------------------------------------------


class _RolledBack(Exception):
    def __init__(self, result: Result) -> None:
        self.result = result


def stored(act: Callable[..., Result], *args: Any, **values: Any) -> Result:
    """Do one of the decisions above in a transaction of its own."""

    def store() -> Result:
        with writing():
            return act(*args, **values)

    return retried(store)


def foretold(act: Callable[..., Result], *args: Any, **values: Any) -> Result:
    """Return what a decision would do: it is done, and rolled back."""

    def attempt() -> Result:
        try:
            with writing():
                raise _RolledBack(act(*args, **values))
        except _RolledBack as told:
            return told.result

    return retried(attempt)
