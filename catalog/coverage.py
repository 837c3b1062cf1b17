"""Which days of an agency are covered by its bulletins, which are missing.

The calendar, the checklist of a month, the public page, the API and the list of gaps in an edition
all ask ``stretches``. Days are UTC days. A day has the best state that any standing span gives it:
final, reported empty, received, automatic. Where an agency is expected and nothing gives a state,
the day is missing; that is derived, never stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection

from catalog.models import Agency, BulletinReading, CoverageSpan, MonthClosing, PreferenceRuleSet

State, Basis = CoverageSpan.State, CoverageSpan.Basis

MISSING = "missing"
#: From the best; what is declared goes before what is inferred.
STATES = (State.FINAL.value, State.EMPTY.value, State.RECEIVED.value, State.AUTOMATIC.value)
#: By these an automatic event expires: the agency has said its last word on the day.
DECISIVE = STATES[:2]
#: A day with one of these is covered by something that a person looked at.
REVIEWED = STATES[:3]
#: Ours: where the events of one bulletin are further apart than this, nothing is said of the days
#: between. A bulletin of a network of Kazakhstan has events on most days.
QUIET_DAYS = 7

ONE_DAY = timedelta(days=1)
#: The first year a bulletin could be of.
FIRST_YEAR = 1800


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days in a row of one agency with one state; ``basis`` is empty where they are missing."""

    agency: str
    first_day: date
    last_day: date
    state: str
    basis: str = ""

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1


# --- What a reading's events say --------------------------------------------------------------

# Of an entry that says what an earlier one said, the rows stand with the earlier (ingestion).
_INFER = """
INSERT INTO catalog_coveragespan (agency_id, first_day, last_day, state, basis, file_id, reading_id,
    note, said_at)
SELECT r.agency_id, stretch.first_day, stretch.last_day,
    CASE WHEN r.evaluation_mode = 'automatic' THEN 'automatic' ELSE 'received' END,
    'inferred', r.file_id, r.id, '', now()
FROM catalog_bulletinreading r
CROSS JOIN LATERAL (
    SELECT min(day) AS first_day, max(day) AS last_day FROM (
        SELECT day, count(*) FILTER (WHERE apart > %(quiet)s) OVER (ORDER BY day) AS number FROM (
            SELECT day, day - lag(day) OVER (ORDER BY day) AS apart FROM (
                SELECT (o.time AT TIME ZONE 'UTC')::date AS day
                FROM catalog_bulletinentry e JOIN catalog_origin o ON o.entry_id = e.id
                WHERE e.reading_id = r.id AND NOT e.deleted
                UNION
                SELECT (o.time AT TIME ZONE 'UTC')::date
                FROM catalog_bulletinentry e JOIN catalog_report report ON report.id = e.report_id
                JOIN catalog_bulletinentry c ON c.id = report.current_entry_id AND c.id <> e.id
                    AND c.content_hash = e.content_hash
                JOIN catalog_origin o ON o.entry_id = c.id
                WHERE e.reading_id = r.id AND NOT e.deleted
            ) days) gaps) numbered
    GROUP BY number
) stretch
WHERE r.id = %(reading)s
    AND NOT EXISTS (SELECT FROM catalog_coveragespan s
        WHERE s.reading_id = r.id AND s.basis = 'inferred')
"""


def infer(reading: BulletinReading) -> None:
    """Store which days a reading's events lie on, once; events a week apart say nothing between."""
    with connection.cursor() as cursor:
        cursor.execute(_INFER, {"reading": reading.pk, "quiet": QUIET_DAYS})


# --- Who is expected ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """An agency from which a bulletin of every day is expected, and between which days."""

    agency: Agency
    first_day: date | None
    last_day: date | None


def expected() -> list[Expected]:
    """Return the agencies whose bulletins the catalogue is made from.

    Those are the agencies that the rules of preference in force name for an area, each while it was
    valid, and what they became since: the agency that succeeds one is expected from the day after.
    """
    rules = PreferenceRuleSet.objects.filter(status=PreferenceRuleSet.Status.IN_FORCE).first()
    areas = [] if rules is None else rules.definition["areas"]
    heads = Agency.objects.filter(code__in={code for area in areas for code in area["agencies"]})
    found: dict[int, Expected] = {}
    for agency in heads.select_related("successor").order_by("code"):
        start, each = agency.valid_from, agency
        while each is not None and each.pk not in found:
            found[each.pk] = Expected(each, start, each.valid_to)
            if each.valid_to is None:
                break
            start, each = each.valid_to + ONE_DAY, each.successor  # type: ignore[assignment]
    return sorted(found.values(), key=lambda e: e.agency.code)


def today() -> date:
    return datetime.now(UTC).date()


# --- What holds --------------------------------------------------------------------------------


def stretches(
    first: date, last: date, agencies: Sequence[str] | None = None
) -> dict[str, list[Stretch]]:
    """Return by agency's code the stretches of days with a state, in order of time.

    Parameters
    ----------
    first, last
        Both included; days to come are left out.
    agencies
        Codes; without them all that are expected or have told of a day in the span.
    """
    last = min(last, today())
    if first > last:
        return {}
    spans = CoverageSpan.objects.standing().between(first, last)
    wanted = {e.agency.code: e for e in expected()}
    if agencies is not None:
        spans = spans.filter(agency__code__in=agencies)
        wanted = {code: e for code, e in wanted.items() if code in agencies}
    told: dict[str, list[tuple[date, date, str, str]]] = {code: [] for code in wanted}
    for code, *span in spans.values_list("agency__code", "first_day", "last_day", "state", "basis"):
        told.setdefault(code, []).append((span[0], span[1], span[2], span[3]))
    return {
        code: list(_swept(code, first, last, told[code], wanted.get(code))) for code in sorted(told)
    }


def _swept(
    code: str,
    first: date,
    last: date,
    spans: Iterable[tuple[date, date, str, str]],
    wanted: Expected | None,
) -> Iterator[Stretch]:
    """Yield the stretches of one agency, each as long as its state and basis stay the same."""
    ends = last + ONE_DAY
    steps: list[tuple[date, tuple[str, str], int]] = []
    for start, stop, state, basis in spans:
        steps.append((max(start, first), (state, basis), 1))
        steps.append((min(stop + ONE_DAY, ends), (state, basis), -1))
    if wanted is not None:
        start = max(wanted.first_day or first, first)
        stop = min(wanted.last_day + ONE_DAY if wanted.last_day else ends, ends)
        if start < stop:
            steps += [(start, (MISSING, ""), 1), (stop, (MISSING, ""), -1)]
    steps.sort(key=lambda step: step[0])
    active: Counter[tuple[str, str]] = Counter()
    since, said = first, ("", "")
    for place, (day, kind, change) in enumerate(steps):
        active[kind] += change
        if place + 1 < len(steps) and steps[place + 1][0] == day:
            continue
        best = min((k for k, n in active.items() if n > 0), key=_rank, default=("", ""))
        if best == said:
            continue
        if said[0] and since < day:
            yield Stretch(code, since, day - ONE_DAY, *said)
        since, said = day, best


def _rank(kind: tuple[str, str]) -> tuple[int, str]:
    state, basis = kind
    return (STATES.index(state) if state in STATES else len(STATES), basis)


@dataclass(frozen=True, slots=True)
class Gap:
    """Days in a row of which an expected agency's reviewed bulletin is not in.

    ``state`` is ``missing``, or ``automatic`` where an automatic bulletin is all there is.
    """

    agency: str
    first_day: date
    last_day: date
    state: str

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1


def gaps(start: date, end: date, agencies: Sequence[str] | None = None) -> list[Gap]:
    """Return what is missing of the expected agencies' bulletins from ``start`` to ``end``.

    Both days are included; days to come are no gap. In order of agency and time.
    """
    wanted = {e.agency.code for e in expected()}
    return [
        Gap(s.agency, s.first_day, s.last_day, s.state)
        for code, found in stretches(start, end, agencies).items()
        if code in wanted
        for s in found
        if s.state not in REVIEWED
    ]


def final_days(agencies: Iterable[int], first: date, last: date) -> dict[tuple[int, date], int]:
    """Return the days whose final bulletin is read and associated: (agency's key, day) -> span.

    A day reported empty counts: the agency has said that there was nothing.
    """
    spans = (
        CoverageSpan.objects.standing()
        .associated()
        .between(first, last)
        .filter(state__in=DECISIVE, basis=Basis.DECLARED, agency__in=list(agencies))
    )
    return {
        (agency, start + n * ONE_DAY): key
        for key, agency, begin, end in spans.order_by("-pk").values_list(
            "pk", "agency", "first_day", "last_day"
        )
        for start in [max(begin, first)]
        for n in range((min(end, last) - start).days + 1)
    }


# --- Months ------------------------------------------------------------------------------------


def month_of(day: date) -> date:
    return day.replace(day=1)


def end_of(month: date) -> date:
    """Return the last day of the month that begins on a day."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY


def closings(first: date, last: date) -> dict[date, MonthClosing]:
    """Return the latest word on each month between two days that has one."""
    found: dict[date, MonthClosing] = {}
    for closing in (
        MonthClosing.objects.filter(month__range=(month_of(first), last))
        .select_related("actor")
        .order_by("pk")
    ):
        found[closing.month] = closing
    return found
