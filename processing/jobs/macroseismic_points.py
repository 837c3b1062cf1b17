"""Macroseismic data points and consequences that editors enter, one by one or as a table.

Nothing is rewritten: a correction is a new row that supersedes the one before, and the ledger says
who, when and why. A row follows the report whose solution was preferred when it was entered, so it
survives merging and splitting. The file of a table is kept as it was received; ``parameters`` of a
row name the file and its line, by which the same table sent twice is stored once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.contrib.gis.geos import Point
from django.db import connection
from django.utils import timezone

from catalog import place_names, settlements
from catalog.formats.intensity import Observed, PointRow
from catalog.formats.problems import Problem, Severity
from catalog.models import (
    Agency,
    BulletinFile,
    Consequence,
    Event,
    EventRow,
    IntensityObservation,
    MergeDecision,
    Report,
    Settlement,
    User,
)
from catalog.scales import SCALES
from processing.core import intensity_prediction as prediction
from processing.jobs import publishing
from processing.jobs.station_readings import GONE, NotDecidable, Outcome, request_location

Row = TypeVar("Row", IntensityObservation, Consequence)

#: Of rows of a table, besides those of ``catalog.formats.intensity``.
ROW_CODES = (
    "unknown-event",
    "several-events",
    "several-settlements",
    "settlement-elsewhere",
    "direction-disagrees",
    "above-prediction",
)
#: Of `NotDecidable`, besides those of decisions on readings.
DECISION_CODES = ("row-superseded", "no-place")
CODES = (*ROW_CODES, *DECISION_CODES)

#: A time names the event whose origin time is so near, if it is the only one. Ours, version 1.
SAME_EVENT = timedelta(seconds=60)
#: So many grades above what is expected an intensity is stored with a warning. Ours, version 1.
TOO_HIGH = 2.5
#: A direction in words and one by coordinates that differ by more disagree [deg]: 1 1/2 of eight.
DIRECTION_TOLERANCE = 67.5
#: Settlements proposed for a name.
PROPOSED = 8


@dataclass(frozen=True)
class Entered:
    """One data point as it is to be stored; ``place`` as written."""

    place: str
    observed: Observed
    scale: str = "MSK-64"
    settlement: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    source: str = ""
    effects: str = ""
    agency: str = ""
    file: int | None = None
    line: int | None = None

    @property
    def point(self) -> Point | None:
        if self.latitude is None or self.longitude is None:
            return None
        return Point(self.longitude, self.latitude, srid=4326)


# --- Storing --------------------------------------------------------------------------------------


def enter(event_key: int, points: Sequence[Entered], actor: User) -> list[IntensityObservation]:
    """Store data points of an event, inside a transaction; it is then computed anew.

    One of the same place, agency and source as a row that stands takes its place.

    Raises
    ------
    NotDecidable
        ``event-gone``; ``no-place``: neither settlement nor coordinates nor a name.
    """
    event = _held(event_key)
    standing = {_identity(row): row for row in _entered_here(event)}
    before, rows = [], []
    for point in points:
        row = _store(event, point, actor)
        last = standing.pop(_identity(row), None)
        if last is not None:
            _supersede(last)
            before.append(told(last))
        standing[_identity(row)] = row
        rows.append(row)
    _note(event, MergeDecision.Kind.INTENSITY, before, [told(row) for row in rows], actor, "")
    _touch(event)
    return rows


def correct(key: int, point: Entered, actor: User, note: str = "") -> IntensityObservation:
    """Put a new row in the place of one an editor entered, inside a transaction.

    Raises
    ------
    NotDecidable
        ``row-superseded``: there is none such, or somebody was faster; ``event-gone``;
        ``no-place``.
    """
    last = _standing(IntensityObservation, key)
    event = _held(last.event_id or 0)
    row = _store(event, point, actor)
    _supersede(last)
    _note(event, MergeDecision.Kind.INTENSITY, [told(last)], [told(row)], actor, note)
    _touch(event)
    return row


def withdraw(key: int, actor: User, reason: str) -> Event:
    """Take back a data point an editor entered, inside a transaction; it stays findable."""
    last = _standing(IntensityObservation, key)
    event = _held(last.event_id or 0)
    _supersede(last)
    _note(event, MergeDecision.Kind.INTENSITY, [told(last)], [], actor, reason)
    _touch(event)
    return event


def _store(event: Event, point: Entered, actor: User) -> IntensityObservation:
    place = point.place.strip()
    if point.settlement is not None and not place:
        place = Settlement.objects.get(pk=point.settlement).name_en
    if point.latitude is not None and point.longitude is not None and not place:
        place = f"{point.latitude:.3f}, {point.longitude:.3f}"
    if not place:
        raise NotDecidable("no-place")
    return IntensityObservation.objects.create(
        event=event,
        report=_leading_report(event),
        recorded_by=actor,
        settlement_id=point.settlement,
        place=place[:200],
        point=point.point,
        minimum=point.observed.minimum,
        maximum=point.observed.maximum,
        best=point.observed.best,
        felt=point.observed.felt,
        calculated=point.observed.calculated,
        scale=point.scale,
        source=point.source[:300],
        effects=point.effects,
        agency=Agency.objects.filter(code=point.agency).first() if point.agency else None,
        line_number=point.line,
        parameters={} if point.file is None else {"file": point.file, "line": point.line},
    )


def told(row: IntensityObservation) -> dict[str, Any]:
    """Return what the ledger keeps of a data point."""
    return {
        "id": row.pk,
        "place": row.place,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "felt": row.felt,
        "scale": row.scale,
        "source": row.source,
    }


def _identity(row: IntensityObservation) -> tuple[Any, ...]:
    """Return what makes two rows the word of one source on one place."""
    where = row.settlement_id or place_names.key(row.place)
    return where, row.agency_id, row.source.casefold(), row.scale


def _entered_here(event: Event) -> list[IntensityObservation]:
    return list(
        IntensityObservation.objects.filter(
            event=event, entry=None, superseded_at=None, recorded_by__isnull=False
        ).select_for_update()
    )


def _supersede(row: IntensityObservation | Consequence) -> None:
    row.superseded_at = timezone.now()
    row.save(update_fields=["superseded_at"])


def _standing(model: type[Row], key: int) -> Row:
    row: Row | None = (
        model._default_manager.select_for_update(of=("self",))
        .filter(pk=key, entry__isnull=True, superseded_at__isnull=True, recorded_by__isnull=False)
        .first()
    )
    if row is None:
        raise NotDecidable("row-superseded")
    return row


def _held(event_key: int) -> Event:
    event: Event | None = Event.objects.select_for_update(no_key=True).filter(pk=event_key).first()
    if event is None or event.status in GONE:
        raise NotDecidable("event-gone")
    return event


def _leading_report(event: Event) -> Report | None:
    """Return the report of the preferred solution, else the first by agency."""
    origin = event.preferred_origin
    entry = origin.entry_id if origin is not None else None
    reports = Report.objects.filter(event=event, withdrawn_at__isnull=True).select_related("agency")
    return min(
        reports,
        key=lambda r: (r.current_entry_id != entry or entry is None, r.agency.code, r.pk),
        default=None,
    )


def _note(
    event: Event,
    kind: MergeDecision.Kind,
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    actor: User,
    note: str,
) -> None:
    MergeDecision.objects.create(
        kind=kind,
        event=event,
        report=_leading_report(event),
        before={"rows": before} if before else {},
        after={"rows": after} if after else {},
        actor=actor,
        note=note,
    )


def _touch(event: Event) -> None:
    outcome = Outcome()
    outcome.touched.add(event.pk)
    request_location(outcome)


def follow(events: Iterable[int]) -> None:
    """Let what editors entered come where the reports are now that it was entered beside."""
    keys = list(events)
    with connection.cursor() as cursor:
        for table in ("catalog_intensityobservation", "catalog_consequence"):
            cursor.execute(
                f"UPDATE {table} t SET event_id = r.event_id FROM catalog_report r"  # noqa: S608
                " WHERE t.entry_id IS NULL AND r.id = t.report_id AND r.event_id = ANY(%s)"
                " AND t.event_id IS DISTINCT FROM r.event_id",
                [keys],
            )


# --- Consequences ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Harm:
    """What an earthquake did, as an editor writes it down."""

    kind: str
    count: int | None
    approximate: bool
    place: str
    source: str
    date: date | None
    notes: dict[str, str]
    """By language."""


def record(event_key: int, harm: Harm, actor: User, *, corrects: int | None = None) -> Consequence:
    """Write down a consequence, inside a transaction; ``corrects`` is superseded by it.

    Raises
    ------
    NotDecidable
        ``event-gone``; ``row-superseded``.
    """
    event = _held(event_key)
    before = []
    if corrects is not None:
        last = _standing(Consequence, corrects)
        if last.event_id != event.pk:
            raise NotDecidable("row-superseded")
        _supersede(last)
        before.append(_harm_told(last))
    row = Consequence.objects.create(
        event=event,
        report=_leading_report(event),
        kind=harm.kind,
        count=harm.count,
        approximate=harm.approximate,
        place=harm.place,
        source=harm.source,
        date=harm.date,
        recorded_by=actor,
        **{f"note_{language}": note for language, note in harm.notes.items()},
    )
    _note(event, MergeDecision.Kind.CONSEQUENCE, before, [_harm_told(row)], actor, "")
    publishing.tell(event, ["consequences"], actor=actor)
    return row


def withdraw_consequence(key: int, actor: User, reason: str) -> Event:
    """Take back a consequence an editor wrote down, inside a transaction; it stays findable."""
    last = _standing(Consequence, key)
    event = _held(last.event_id or 0)
    _supersede(last)
    _note(event, MergeDecision.Kind.CONSEQUENCE, [_harm_told(last)], [], actor, reason)
    publishing.tell(event, ["consequences"], actor=actor)
    return event


def _harm_told(row: Consequence) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "count": row.count,
        "place": row.place,
        "source": row.source,
        "date": row.date.isoformat() if row.date else None,
    }


# --- A table, row by row --------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """What a person chose for a row where it was in doubt."""

    settlement: int | None = None
    event: str = ""
    #: Another name to look for.
    name: str = ""


@dataclass
class RowOutcome:
    """What becomes of a row of a table: ready, in need of a choice, refused, or there already."""

    row: PointRow
    problems: list[Problem]
    event: EventRow | None = None
    events: list[EventRow] = field(default_factory=list)
    settlement: settlements.Place | None = None
    matched: str = ""
    proposals: list[settlements.Proposal] = field(default_factory=list)
    status: str = "ready"  # ready, choose, refused, stored
    choice: Choice = field(default_factory=Choice)

    @property
    def entered(self) -> Entered:
        row = self.row
        return Entered(
            place=row.place,
            observed=row.observed,
            scale=row.scale,
            settlement=self.settlement.settlement_id if self.settlement else None,
            latitude=row.latitude,
            longitude=row.longitude,
            source=row.source,
            effects=row.effects,
            agency=row.agency,
        )


def examine(
    rows: Sequence[PointRow], choices: dict[int, Choice], file: int | None = None
) -> list[RowOutcome]:
    """Return what would become of each row of a table; nothing is written.

    Parameters
    ----------
    rows : as ``catalog.formats.intensity.read`` yields them
    choices : line -> what a person chose
    file : the stored file, whose lines may have been stored before
    """
    gazetteer = settlements.read_gazetteer()
    agencies = set(Agency.objects.values_list("code", flat=True))
    stored = lines_stored(file)
    by_id = _event_rows([row.event for row in rows] + [c.event for c in choices.values()])
    outcomes = []
    for row in rows:
        outcome = RowOutcome(row, list(row.problems), choice=choices.get(row.line, Choice()))
        outcomes.append(outcome)
        if row.line in stored:
            outcome.status = "stored"
            continue
        if row.agency and row.agency not in agencies:
            _refuse(outcome, "unknown-agency", "agency", row.agency, "")
        if row.refusal is not None:
            outcome.status = "refused"
        _find_event(outcome, by_id)
        _find_settlement(outcome, gazetteer)
        if outcome.event is not None and outcome.status == "ready":
            _look_for_doubts(outcome, outcome.event, gazetteer)
        if any(p.severity is Severity.ERROR for p in outcome.problems):
            outcome.status = "refused"
    return outcomes


def lines_stored(file: int | None) -> set[int]:
    """Return the lines of a file that were stored from it, whatever became of them later."""
    if file is None:
        return set()
    rows = IntensityObservation.objects.filter(
        entry__isnull=True, recorded_by__isnull=False, parameters__file=file
    )
    return set(rows.values_list("line_number", flat=True)) - {None}


def store_table(file: BulletinFile, outcomes: Sequence[RowOutcome], actor: User) -> int:
    """Store the rows of a table that are ready, inside a transaction; return how many.

    The file's row is held: sent by two at once, a line is stored once.
    """
    BulletinFile.objects.select_for_update().get(pk=file.pk)
    stored = lines_stored(file.pk)
    by_event: dict[int, list[Entered]] = defaultdict(list)
    for outcome in outcomes:
        ready = outcome.status == "ready" and outcome.event is not None
        if outcome.event is not None and ready and outcome.row.line not in stored:
            entered = outcome.entered
            by_event[outcome.event.pk].append(
                Entered(**{**entered.__dict__, "file": file.pk, "line": outcome.row.line})
            )
    for event in sorted(by_event):  # event rows in key order, as everywhere
        enter(event, by_event[event], actor)
    return sum(map(len, by_event.values()))


def _problem(
    outcome: RowOutcome, code: str, name: str, found: str, expected: str, severity: Severity
) -> None:
    outcome.problems.append(Problem(outcome.row.line, code, name, found, expected, severity))


def _refuse(outcome: RowOutcome, code: str, name: str, found: str, expected: str) -> None:
    _problem(outcome, code, name, found, expected, Severity.ERROR)


def _warn(outcome: RowOutcome, code: str, name: str, found: str, expected: str) -> None:
    _problem(outcome, code, name, found, expected, Severity.WARNING)


def _event_rows(ids: Iterable[str]) -> dict[str, EventRow]:
    wanted = {one for one in ids if one}
    found = {row.public_id: row for row in EventRow.objects.filter(public_id__in=wanted)}
    merged = Event.objects.filter(
        public_id__in=wanted - found.keys(), merged_into__isnull=False
    ).select_related("merged_into__row")
    for event in merged:
        if event.merged_into is not None and hasattr(event.merged_into, "row"):
            found[event.public_id] = event.merged_into.row
    return found


def _find_event(outcome: RowOutcome, by_id: dict[str, EventRow]) -> None:
    named = outcome.choice.event or outcome.row.event
    if named:
        outcome.event = by_id.get(named)
        if outcome.event is None:
            _refuse(outcome, "unknown-event", "event", named, "")
        return
    time = outcome.row.time
    if time is None:
        return
    outcome.events = events_at(time)
    if len(outcome.events) == 1:
        outcome.event = outcome.events[0]
    elif not outcome.events:
        expected = f"+-{SAME_EVENT.total_seconds():.0f} s"
        _refuse(outcome, "unknown-event", "time", f"{time:%Y-%m-%d %H:%M:%S}", expected)
    else:
        found = ", ".join(row.public_id for row in outcome.events)
        _warn(outcome, "several-events", "time", found, "")
        if outcome.status == "ready":
            outcome.status = "choose"


def events_at(time: datetime) -> list[EventRow]:
    """Return the events whose origin time is within ``SAME_EVENT``, the nearest first."""
    found = EventRow.objects.filter(time__range=(time - SAME_EVENT, time + SAME_EVENT))
    return sorted(found[:20], key=lambda row: (abs(row.time - time), row.public_id))


def _find_settlement(outcome: RowOutcome, gazetteer: settlements.Gazetteer) -> None:
    row, event = outcome.row, outcome.event
    at = (row.latitude, row.longitude)
    place = (at[0], at[1]) if at[0] is not None and at[1] is not None else None
    near = place or ((event.latitude, event.longitude) if event is not None else None)
    name = outcome.choice.name or row.place
    outcome.proposals = settlements.proposals(name, near=near, most=PROPOSED, gazetteer=gazetteer)
    if outcome.choice.settlement is not None:
        chosen = Settlement.objects.filter(pk=outcome.choice.settlement).first()
        if chosen is not None:
            outcome.settlement = _place(chosen)
            outcome.matched = chosen.name_en
            return
    meant = settlements.the_one(outcome.proposals, place)
    if meant is not None:
        outcome.settlement, outcome.matched = meant.place, meant.matched
        return
    if place is not None:
        # Coordinates say where it is; the name is kept as written.
        if outcome.proposals:
            nearest = outcome.proposals[0]
            found = f"{row.place} {place[0]:g} {place[1]:g}"
            expected = f"{nearest.matched} {nearest.place.latitude:g} {nearest.place.longitude:g}"
            _warn(outcome, "settlement-elsewhere", "place", found, expected)
        return
    if not row.place:
        return
    code = "several-settlements" if len(outcome.proposals) > 1 else "unknown-settlement"
    found = ", ".join(proposal_words(one) for one in outcome.proposals)
    _warn(outcome, code, "place", row.place, found)
    if outcome.status == "ready":
        outcome.status = "choose"


def _place(row: Settlement) -> settlements.Place:
    return settlements.Place(
        row.pk, row.name_en, row.name_ru, row.name_kk, row.point.y, row.point.x,
        row.population, row.country, row.region_code,
    )  # fmt: skip


def proposal_words(one: settlements.Proposal) -> str:
    """Return a proposal as a file tells it: name, oblast, people, distance."""
    parts = [
        one.matched,
        settlements.oblast_of(one.place.country, one.place.region_code) or one.place.country,
        f"{one.place.population}" if one.place.population else "",
        f"{one.distance_km:.0f} km" if one.distance_km is not None else "",
    ]
    return " / ".join(part for part in parts if part)


def _look_for_doubts(
    outcome: RowOutcome, event: EventRow, gazetteer: settlements.Gazetteer
) -> None:
    row = outcome.row
    if row.latitude is not None and row.longitude is not None:
        at = (row.latitude, row.longitude)
        if said := direction_doubt(f"{row.place}; {row.effects}", at, gazetteer):
            _warn(outcome, "direction-disagrees", "latitude", said[1], said[0])
    elif outcome.settlement is not None:
        at = (outcome.settlement.latitude, outcome.settlement.longitude)
    else:
        return
    if doubt := intensity_doubt(event, row.observed, at):
        _warn(outcome, "above-prediction", "intensity", row.written, f"{doubt:.1f}")


def direction_doubt(
    text: str, at: tuple[float, float], gazetteer: settlements.Gazetteer | None = None
) -> tuple[str, str] | None:
    """Return the direction a text says and the one the coordinates have, where they disagree.

    Parameters
    ----------
    text : such as ``12 км ЮЗ от Алматы``; of the place it names the nearest of that name is taken
    at : (latitude, longitude) [deg]
    """
    said = place_names.bearing_of(text)
    if said is None:
        return None
    named = settlements.proposals(said.place, near=at, most=1, gazetteer=gazetteer)
    if not named:
        return None
    azimuth = _azimuth((named[0].place.latitude, named[0].place.longitude), at)
    off = abs((azimuth - said.azimuth + 180.0) % 360.0 - 180.0)
    if off <= DIRECTION_TOLERANCE:
        return None
    name = named[0].matched
    return f"{said.direction} {name}", f"{place_names.direction_of(azimuth)} {name}"


def _azimuth(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Return the azimuth from one (latitude, longitude) to another on the sphere [deg]."""
    phi, lam, phi2, lam2 = map(math.radians, (*start, *end))
    y = math.sin(lam2 - lam) * math.cos(phi2)
    x = math.cos(phi) * math.sin(phi2) - math.sin(phi) * math.cos(phi2) * math.cos(lam2 - lam)
    return math.degrees(math.atan2(y, x)) % 360.0


def intensity_doubt(event: EventRow, observed: Observed, at: tuple[float, float]) -> float | None:
    """Return the intensity expected at a place, where what was observed is far above it.

    By ``intensity_prediction.DEFAULT``; ``None`` where there is no doubt, or nothing to expect by.
    """
    degree = observed.minimum
    sizes = {s: v for s in SCALES if (v := getattr(event, s.lower(), None)) is not None}
    magnitude = prediction.input_magnitude(sizes)
    if degree is None or magnitude is None:
        return None
    away = settlements.Candidate(0, *at, 0).distance_km(event.latitude, event.longitude)
    depth = event.depth_km if event.depth_km is not None else prediction.DEPTH_WITHOUT_KM
    mean, _sigma = prediction.predict(
        prediction.MODELS[prediction.DEFAULT], magnitude.value, depth, away
    )
    return float(mean) if degree - float(mean) > TOO_HIGH else None
