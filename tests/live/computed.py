"""Earthquakes with first motions and with felt reports: what the shell of a stack does with them.

Each is told on a day of its own, so that one without a mishap can be compared with one that had it.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, transaction

from catalog.models import EventRow, Settlement, Station
from processing import pipeline
from processing.jobs import mechanism_decisions, mechanisms
from processing.transactions import writing
from tests.processing.bulletins import START, associate, event, lay, person, recompute
from tests.processing.felt_reports import quake, report, settlement
from tests.processing.jobs.test_mechanisms import PLACE, lay_stations, reported, signs

#: Days of the earthquakes with first motions.
UNDISTURBED, SOLVING, STORING, TWICE, REPORTED = range(5)
#: Days of those with felt reports.
FELT_UNDISTURBED, FELT = 10, 11
#: Stations that turn out to have been reversed on a day, one after the other.
REVERSED = (5, 7)
#: Reports of an earthquake, in the two parts they come in.
REPORTS = (range(12), range(12, 20))


def prepare() -> None:
    """Lay all earthquakes, their mechanisms computed; let the undisturbed ones have what comes."""
    stations = lay_stations()
    read = signs(stations)
    records = [
        event(f"s{day}", seconds, *PLACE, **reported(stations, read, seconds + 20.0))
        for day in (UNDISTURBED, SOLVING, STORING, TWICE, REPORTED)
        for seconds in [_seconds(day)]
    ]
    with transaction.atomic():
        associate(lay("SOME", *records))
    for day in (FELT_UNDISTURBED, FELT):
        with transaction.atomic():
            quake(f"f{day}", _seconds(day))
    settlement()
    recompute()
    reverse(UNDISTURBED, *REVERSED)
    recompute()
    for part in range(len(REPORTS)):
        send_reports(FELT_UNDISTURBED, part)
        recompute()
    pipeline.follow_up(None)


def _seconds(day: int) -> float:
    return timedelta(days=day).total_seconds()


def reverse(day: int, *numbers: int) -> None:
    """Record, as a person does, that stations were reversed on a day."""
    start = START + timedelta(days=day, hours=-1)
    with writing():
        for number in numbers:
            mechanism_decisions.record_reversal(
                Station.objects.get(code=f"ST{number:02}"), start, start + timedelta(hours=2),
                "the operator", person(),
            )  # fmt: skip


def ask(day: int) -> None:
    """Ask for the mechanism of a day's earthquake."""
    with writing():
        start = START + timedelta(days=day)
        mechanisms.request([EventRow.objects.get(time=start).pk])


def send_reports(day: int, part: int) -> None:
    """Store reports of a day's earthquake as they come in, and look for unread ones as Beat does.

    Some felt nothing; some tell their settlement, too; they are of several cells.
    """
    almaty = Settlement.objects.get()
    for number in REPORTS[part]:
        felt = number % 3 > 0
        report(
            felt,
            at=(43.25 + number % 4 * 0.02, 76.95),
            received_at=START + timedelta(days=day, seconds=60 + number),
            answers={"motion": "mild" if number % 2 else "moderate"} if felt else {},
            chosen_grade=3 + number % 2 if felt else None,
            settlement=None if number % 5 else almaty,
        )
    pipeline.felt_if_unread()


def gate(number: int) -> None:
    """Wait until the test opens a gate."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [number])
