"""The example year after it went through the whole pipeline: its numbers are the article's.

The year is loaded once for the module, with the real facts of 2014 and the operative reports, and
each test only reads it; what removes it is rolled back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import Q
from django.test.utils import setup_databases, teardown_databases

from catalog.models import (
    BulletinEntry,
    BulletinFile,
    BulletinProblem,
    Change,
    Event,
    EventFragment,
    EventRow,
    FeltReport,
    FocalMechanism,
    IntensityObservation,
    Magnitude,
    MergeDecision,
    Origin,
    Pick,
    Report,
    Station,
    User,
)
from catalog.rendering import unpacked
from catalog.search import EventSearch
from processing import pipeline, tasks
from processing.example import seismicity
from processing.jobs import felt, felt_intensities
from processing.management.commands import load_example
from processing.models import ProcessingRun, WorkItem
from tests.catalog.shop import empty, is_test_database
from tests.conftest import sow

#: Loading is a minute's work, several on a machine that does much else: the long run.
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

YEAR = {"starttime": "2014-01-01", "endtime": "2014-12-31T23:59:59.999999"}
#: The year's catalogue: docs/data-sources.md names this search.
CATALOGUE = {**YEAR, "eventtype": "earthquake", "minkr": "6.6", "catalog": "KZPORTAL"}
NORTHERN_TIEN_SHAN = {
    "minlatitude": "41.67",
    "maxlatitude": "45.00",
    "minlongitude": "75.00",
    "maxlongitude": "80.00",
}
#: The article's table: energy class -> events in the Northern Tien Shan.
CLASSES = {7: 332, 8: 103, 9: 29, 10: 15, 11: 8, 12: 1, 14: 1}


@pytest.fixture(scope="module", autouse=True)
def year(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Load the year as the example is loaded, all but the USGS's long list."""
    broker = current_app.conf.broker_url
    with django_db_blocker.unblock():
        own = None
        if not is_test_database():
            own = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        try:
            empty()
            sow()
            # Messages to the workers go nowhere: the work is done here.
            current_app.conf.broker_url = "memory://"
            load()
            yield
            empty()
        finally:
            current_app.conf.broker_url = broker
            connections.close_all()
            if own is not None:
                teardown_databases(own, verbosity=0)


def load() -> None:
    call_command("seed_reference", stdout=StringIO(), skip_checks=True)
    load_example.add_synthetic_stations()
    user = User.objects.create(username=load_example.LOADER)
    command = load_example.Command(stdout=StringIO())
    for example in load_example.EXAMPLES:
        if example.agency != "NEIC":
            command.load(example, user)
    while items := WorkItem.objects.claim_next():
        tasks.do(items)
    pipeline.follow_up(None)


def rows(**words: str) -> list[EventRow]:
    return list(EventSearch.from_query({**CATALOGUE, **words}).matching())


@contextmanager
def undone() -> Iterator[None]:
    """Undo at the end whatever is done inside, with its foreign keys checked first."""
    with transaction.atomic():
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


# --- the numbers of the article -------------------------------------------------------------------


def test_every_file_was_read_to_its_end() -> None:
    assert set(ProcessingRun.objects.values_list("status", flat=True)) == {"succeeded"}
    assert not WorkItem.objects.exclude(state=WorkItem.State.DONE).exists()
    # Two villages that no settlement of the gazetteer bears the name of.
    problems = BulletinProblem.objects.values_list("code", "found")
    assert sorted(problems) == [("unknown-settlement", "Кетмен"), ("unknown-settlement", "Шалкөде")]


def test_the_year_has_559_earthquakes_489_of_them_in_the_northern_tien_shan() -> None:
    assert len(rows()) == 559
    assert len(rows(**NORTHERN_TIEN_SHAN)) == 489


def test_energy_classes_are_the_articles() -> None:
    kr = [row.kr for row in rows(**NORTHERN_TIEN_SHAN)]
    assert Counter(seismicity.class_of(k) for k in kr if k is not None) == CLASSES


def test_total_energy_prints_as_in_the_article() -> None:
    energy = sum(10**row.kr for row in rows(**NORTHERN_TIEN_SHAN) if row.kr is not None)
    assert f"{energy:.2e}" == "4.22e+13"


def test_nothing_strong_happened_in_the_west_and_north() -> None:
    quiet = Q(longitude__lt=seismicity.WEST_OF) | Q(latitude__gt=seismicity.NORTH_OF)
    there = EventSearch.from_query(CATALOGUE).matching().filter(quiet)
    assert there.exists()
    assert not there.filter(kr__gte=8.6).exists()


def test_32_mechanisms_14_felt_events_33_settlements() -> None:
    year = EventSearch.from_query(YEAR)
    reported = FocalMechanism.objects.filter(superseded_at=None, entry__isnull=False)
    assert reported.values("event").distinct().count() == 32
    # The rest of what is told of is the portal's own, computed from first motions, A to C.
    told = set(year.replace(hasmechanism=True).matching().values_list("event", flat=True))
    assert told >= set(reported.values_list("event", flat=True))
    own = Event.objects.filter(pk__in=told).exclude(focalmechanisms__in=reported)
    grades = own.values_list("preferred_focal_mechanism__quality", flat=True)
    assert set(grades) <= {"A", "B", "C"}
    assert len(grades) == len(told) - 32
    felt = year.replace(felt=True).matching()
    assert felt.count() == 14
    told = IntensityObservation.objects.filter(
        event__in=felt.values("event"), superseded_at=None
    ).exclude(place="epicentre")
    assert not told.filter(settlement=None).exists()
    assert told.values("settlement").distinct().count() == 33


def test_the_karaganda_companions_are_in_a_list_of_their_own() -> None:
    apart = EventSearch.from_query({**YEAR, "catalog": "KZPORTAL-SUPPLEMENTARY"}).matching()
    assert sorted(apart.values_list("kr", flat=True)) == [4.8, 5.6, 5.9, 6.9]
    assert {row.catalog for row in rows()} == {"KZPORTAL"}


# --- what is real ---------------------------------------------------------------------------------


def test_real_facts_are_as_they_were_typed_in() -> None:
    real = EventSearch.from_query({**YEAR, "synthetic": "false"}).matching().order_by("time")
    told = [(row.time.strftime("%m-%d %H:%M"), row.latitude, row.longitude, row.kr) for row in real]
    assert told == [
        ("06-21 06:30", 49.56, 72.97, 11.7),
        ("07-30 20:46", 44.07, 75.83, 9.7),
        ("07-31 12:45", 44.08, 75.87, None),
        ("08-15 21:42", 42.97, 77.33, 12.1),
        ("11-14 01:24", 42.10, 77.27, 13.6),
    ]
    assert {tuple(row.agencies) for row in real} == {("ENE",)}


def test_synthetic_and_real_reports_are_never_of_one_event() -> None:
    mixed = Report.objects.exclude(event__synthetic=None).exclude(
        Q(event__synthetic=True, current_entry__synthetic=True)
        | Q(event__synthetic=False, current_entry__synthetic=False)
    )
    assert not mixed.exists()
    assert not Pick.objects.filter(entry=None, synthetic=False).exists()


def test_a_report_without_coordinates_has_no_origin_and_no_event() -> None:
    placeless = BulletinEntry.objects.filter(
        reading__file__name="operative_reports.csv", origins=None
    )
    assert placeless.count() == 10
    assert not placeless.exclude(report__event=None).exists()
    entry = placeless.get(event_id_reported="SOME-20130307")
    assert "place: 76 km W of Almaty" in entry.comments
    assert list(Magnitude.objects.filter(entry=entry).values_list("type", "value")) == [
        ("KR", 9.8),
        ("MPV", 4.5),
    ]


# --- what a year has ------------------------------------------------------------------------------


def test_events_of_both_agencies_and_of_one() -> None:
    reporters = Counter(
        tuple(sorted(set(row.agencies) & {"SOME", "KNDC"})) for row in rows(synthetic="true")
    )
    assert reporters[("KNDC", "SOME")] >= 50
    assert reporters[("SOME",)] >= 300
    assert reporters[("KNDC",)] >= 50


def test_blasts_happen_on_workdays_by_day_and_are_no_earthquakes() -> None:
    blasts = EventSearch.from_query(
        {**YEAR, "eventtype": "quarry blast,mining explosion"}
    ).matching()
    assert blasts.count() >= 40
    for row in blasts:
        solar = row.time + timedelta(hours=row.longitude / 15)
        assert solar.weekday() < 5
        assert 9 <= solar.hour < 19


def test_automatic_reports_were_superseded_and_false_ones_count_nowhere() -> None:
    automatic = BulletinEntry.objects.filter(reading__evaluation_mode="automatic")
    assert automatic.exclude(superseded_at=None).count() >= 30
    alone = EventSearch.from_query({**YEAR, "status": "not-confirmed"}).matching()
    assert alone.count() == 5
    assert not EventRow.objects.filter(status="automatic").exists()
    assert MergeDecision.objects.filter(kind="expire").count() >= 5
    assert set(alone.values_list("kr", "event_type")) == {(None, "")}


def test_each_agencys_errors_are_those_of_its_own_location() -> None:
    located = Origin.objects.filter(
        entry__synthetic=True,
        method_id="inversion",
        superseded_at=None,
        entry__reading__format="isf",
    )
    assert located.count() > 500
    assert not located.filter(semi_major_axis_km=None).exists()
    placed = Origin.objects.filter(entry__synthetic=True, method_id="other", superseded_at=None)
    assert 0 < placed.count() < 40


def test_kyrgyz_readings_belong_to_no_report_and_say_they_are_synthetic() -> None:
    loose = Pick.objects.filter(entry=None)
    assert loose.count() > 2000
    assert not loose.filter(Q(synthetic=False) | Q(station=None)).exists()


def test_felt_reports_find_their_two_events_and_make_published_cells() -> None:
    with undone():
        load_example.add_synthetic_felt_reports()
        felt.tie_batch()
        tied = Counter(FeltReport.objects.values_list("event", "event__synthetic"))
        # A weaker event a few minutes later takes some of the late ones.
        (first, second), both = zip(*tied.most_common(2), strict=True)
        assert sum(both) > 50 and {synthetic for _event, synthetic in tied} == {True}
        for event in (first[0], second[0]):
            assert event is not None
            felt_intensities.compute(event)
            row = EventRow.objects.get(pk=event)
            assert row.felt_report_count > 20 and row.max_cdi is not None and 3 < row.max_cdi < 7
        call_command("check_catalogue", stdout=StringIO())


# --- what says so ---------------------------------------------------------------------------------


def test_every_synthetic_event_says_so_in_its_lines_and_documents() -> None:
    synthetic = EventRow.objects.filter(synthetic=True)
    assert synthetic.count() > 600
    assert not synthetic.exclude(fdsn_text__contains="SYNTHETIC, not real").exists()
    assert not synthetic.exclude(csv_line__contains=",true,").exists()
    plain = EventFragment.objects.filter(event__synthetic=True, part="plain")
    assert all(b"SYNTHETIC, not real" in bytes(part.body) for part in plain)
    others = EventFragment.objects.filter(event__synthetic=False)
    assert not any(b"SYNTHETIC" in unpacked(part.part, bytes(part.body)) for part in others)


# --- and how it goes away -------------------------------------------------------------------------


def test_removal_leaves_what_is_real_untouched() -> None:
    remover, _ = User.objects.get_or_create(username="remover")
    before = real()
    feed = Change.objects.order_by("-number").values_list("number", flat=True)[0]
    public = set(EventRow.objects.filter(synthetic=True).values_list("pk", flat=True))
    with undone():
        call_command("remove_synthetic", user="remover", yes=True, stdout=StringIO())
        assert real() == before
        assert not BulletinEntry.objects.filter(synthetic=True).exists()
        assert not Pick.objects.exists()
        assert not FocalMechanism.objects.exists()
        assert not Station.objects.filter(synthetic=True).exists()
        assert not EventRow.objects.filter(synthetic=True).exists()
        assert not MergeDecision.objects.filter(event__synthetic=True).exists()
        assert set(BulletinFile.objects.values_list("name", flat=True)) == {
            "article_2014.csv",
            "operative_reports.csv",
        }
        gone = Change.objects.filter(number__gt=feed)
        assert set(gone.values_list("kind", "actor")) == {("deleted", remover.pk)}
        assert set(gone.values_list("event", flat=True)) == public
        numbers = list(gone.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(feed + 1, feed + 1 + len(public)))
        call_command("check_catalogue", stdout=StringIO())
        # It is not brought back at the next start.
        assert load_example.were_removed()
    assert not load_example.were_removed()


def real() -> dict[str, list[Any]]:
    """Return all that is real: rows, documents, reports and what hangs on them."""
    events = Event.objects.filter(synthetic=False)
    return {
        "events": list(events.order_by("pk").values()),
        "rows": list(EventRow.objects.filter(synthetic=False).order_by("pk").values()),
        "fragments": list(
            EventFragment.objects.filter(event__in=events).order_by("pk").values_list("pk", "part")
        ),
        "bodies": [
            bytes(body)
            for body in EventFragment.objects.filter(event__in=events)
            .order_by("pk")
            .values_list("body", flat=True)
        ],
        "entries": list(BulletinEntry.objects.filter(synthetic=False).order_by("pk").values()),
        "origins": list(Origin.objects.filter(event__in=events).order_by("pk").values()),
        "magnitudes": list(
            Magnitude.objects.filter(entry__synthetic=False).order_by("pk").values()
        ),
        "changes": list(Change.objects.filter(event__in=events).order_by("pk").values()),
        "stations": list(Station.objects.filter(synthetic=False).order_by("pk").values()),
    }
