"""Let automatic reports expire when the final bulletin of their day does not have them.

An event of which only automatic reports tell waits for the agency's analysts. Once the final
bulletin of its day is read and associated (``catalog.coverage``) and the event still has no
reviewed report, it is "not confirmed": kept, but no longer told among the latest events. That
follows from what is stored and from nothing else, so it may be asked again at any time: a later
bulletin that has the event brings it back by association, a declaration withdrawn or a reading
replaced makes it automatic again. ``preference.choose_many`` asks for every event it settles;
``request``, ``declare`` and ``withdraw`` have those settled anew whose days a declaration touches.

Not confirmed does not mean that nothing happened: a final bulletin may begin at a larger size.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog import coverage
from catalog.models import Agency, BulletinFile, CoverageSpan, Event, User
from catalog.models.coverage import CoverageQuerySet
from processing.models import ProcessingRun, WorkItem

logger = logging.getLogger(__name__)

RULE_SET = "confirmation-2026.1"
#: Ours: an automatic time is good to a minute, so an event so close to midnight may stand in the
#: bulletin of the day before or after.
MARGIN = timedelta(seconds=60)
#: Statuses of events that only automatic reports tell of.
UNREVIEWED = (Event.Status.AUTOMATIC, Event.Status.NOT_CONFIRMED)


@dataclass(frozen=True, slots=True)
class Told:
    """What automatic reports tell of an event: by which agencies (keys), and its origin times."""

    agencies: frozenset[int]
    times: tuple[datetime, ...]

    @property
    def days(self) -> tuple[date, ...]:
        """The UTC days whose final bulletins could have it."""
        found = {
            moment.astimezone(UTC).date()
            for time in self.times
            for moment in (time - MARGIN, time + MARGIN)
        }
        return tuple(sorted(found))


def unconfirmed(told: Mapping[int, Told]) -> dict[int, dict[str, Any]]:
    """Return which events their final bulletins lack, each with what the ledger keeps of it.

    All agencies that told of the event must have sent the final bulletin of all its days.
    """
    days = [day for each in told.values() for day in each.days]
    if not days:
        return {}
    agencies = {key for each in told.values() for key in each.agencies}
    final = coverage.final_days(agencies, min(days), max(days))
    codes = dict(Agency.objects.filter(pk__in=agencies).values_list("pk", "code"))
    found: dict[int, dict[str, Any]] = {}
    for event, each in told.items():
        wanted = [(agency, day) for agency in sorted(each.agencies) for day in each.days]
        if wanted and all(pair in final for pair in wanted):
            found[event] = {
                "agencies": sorted(codes[agency] for agency in each.agencies),
                "days": [day.isoformat() for day in each.days],
                "coverage": sorted({final[pair] for pair in wanted}),
            }
    return found


def request(files: Iterable[int | None], run: ProcessingRun, *, priority: int = 5) -> None:
    """Ask, in the caller's transaction, for a look at the days that files are the word on."""
    spans = _decisive().filter(file__in=[file for file in files if file is not None])
    wanted = [(pk, 1) for pk in spans.values_list("pk", flat=True)]
    WorkItem.objects.request_many("confirm", wanted, run=run, priority=priority)


def touched(span: int) -> list[tuple[int, int]]:
    """Return the unreviewed events in the days of a declared span, with their versions.

    A span that holds no more is looked at as well: what expired by it is automatic again.
    """
    found = _decisive().filter(pk=span).first()
    if found is None:
        return []
    first, last = found.first_day, found.last_day
    events = Event.objects.filter(
        preferred_origin__time__gte=_midnight(first) - MARGIN,
        preferred_origin__time__lt=_midnight(last) + timedelta(days=1) + MARGIN,
        status__in=UNREVIEWED,
    )
    return list(events.order_by("pk").values_list("pk", "evidence_version"))


def _decisive() -> CoverageQuerySet:
    """Spans by which an event may expire, withdrawn ones too."""
    spans: CoverageQuerySet = CoverageSpan.objects.filter(
        basis=CoverageSpan.Basis.DECLARED, state__in=coverage.DECISIVE
    )
    return spans


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# --- What people say ---------------------------------------------------------------------------


def declare(
    agency: Agency,
    first_day: date,
    last_day: date,
    state: str,
    *,
    file: BulletinFile | None,
    user: User,
    note: str = "",
) -> CoverageSpan:
    """Keep a person's word that a file is final for some days, or that they are empty.

    The same word again while it stands is not doubled.
    """
    said: dict[str, Any] = {
        "agency": agency, "first_day": first_day, "last_day": last_day, "state": state,
        "basis": CoverageSpan.Basis.DECLARED, "file": file,
    }  # fmt: skip
    with transaction.atomic():
        span: CoverageSpan | None = CoverageSpan.objects.filter(
            **said, withdrawn_at__isnull=True
        ).first()
        if span is None:
            span = CoverageSpan.objects.create(**said, note=note, said_by=user)
        WorkItem.objects.request("confirm", span.pk, priority=3)
    logger.info("%(span)s declared", {"span": span})
    return span


def withdraw(span: CoverageSpan, user: User) -> None:
    """Take a declared span back; what expired by it becomes automatic again."""
    with transaction.atomic():
        locked = CoverageSpan.objects.select_for_update().get(pk=span.pk)
        if locked.basis != CoverageSpan.Basis.DECLARED or locked.withdrawn_at is not None:
            return
        locked.withdrawn_at, locked.withdrawn_by = timezone.now(), user
        locked.save(update_fields=["withdrawn_at", "withdrawn_by"])
        WorkItem.objects.request("confirm", span.pk, priority=3)
    logger.info("%(span)s withdrawn", {"span": span})
