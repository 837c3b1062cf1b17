"""Versions of agencies' tables: kept as received, one in use, handed to the locator."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import IntegrityError, connection, transaction

from catalog.models import Agency, Event, Origin
from processing.core.agency_tables import CODES as READER_CODES
from processing.core.earth_models import Fades, mixture_at
from processing.jobs import travel_time_tables
from processing.jobs.travel_time_tables import Refused, put_in_use, table_named, tables_in_use
from processing.models import ProcessingRun, TravelTimeTable, WorkItem
from tests.processing.travel_time_tables import straight

ALMATY = (43.25, 76.92)
REGION = (76.0, 42.0, 78.0, 44.0)


@pytest.fixture
def agency(db: None) -> Agency:
    return Agency.objects.create(code="AGA")


def store(agency: Agency, content: bytes = b"", **said: Any) -> TravelTimeTable:
    given = {"name": "some", "title": "A table", "provenance": "Made for a test."} | said
    return travel_time_tables.store(content or straight(), agency=agency, **given)


def test_a_file_is_kept_byte_for_byte_as_a_draft(agency: Agency) -> None:
    content = b"\xef\xbb\xbf" + straight().replace(b"\n", b"\r\n")
    table = store(agency, content)
    table.refresh_from_db()
    assert table.content.encode() == content
    assert table.sha256 == hashlib.sha256(content).hexdigest()
    assert (table.version, table.status, table.phases) == (1, "draft", ["Pg", "Sg"])
    assert (table.depth_from_km, table.depth_to_km) == (0.0, 30.0)
    assert table.distance_to_deg == pytest.approx(3.597, abs=0.001)
    assert tables_in_use() == ()


def test_a_new_upload_is_a_new_version_and_the_one_in_use_changes_places(agency: Agency) -> None:
    first, second = store(agency, region=REGION), store(agency, straight(5.0), region=REGION)
    assert (first.version, second.version) == (1, 2)
    assert table_named("some").label == "some.2"  # the newest while none is in use
    put_in_use(first)
    old = tables_in_use()
    assert [model.label for model in old] == ["some.1"] and table_named("some") == old[0]
    put_in_use(second)
    new = tables_in_use()
    assert [model.label for model in new] == ["some.2"]
    assert new[0].digest != old[0].digest
    assert list(TravelTimeTable.objects.values_list("version", "status")) == [
        (2, "in-use"),
        (1, "withdrawn"),
    ]
    travel_time_tables.withdraw(second)
    assert tables_in_use() == () and table_named("some") is None
    assert mixture_at(*ALMATY, own=new).names[1] == "some.2"


def test_a_version_is_read_once(agency: Agency, django_assert_num_queries: Any) -> None:
    put_in_use(store(agency, region=REGION))
    first = tables_in_use()
    with django_assert_num_queries(1):
        assert tables_in_use()[0] is first[0]


def test_a_row_is_neither_edited_nor_deleted(agency: Agency) -> None:
    table = store(agency)
    for write in (
        lambda: TravelTimeTable.objects.filter(pk=table.pk).update(title="Another"),
        lambda: TravelTimeTable.objects.filter(pk=table.pk).update(content="phase"),
        table.delete,
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            write()


def test_two_versions_in_use_are_refused_by_the_database(agency: Agency) -> None:
    put_in_use(store(agency))
    second = store(agency, straight(5.0))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE processing_traveltimetable SET status = 'in-use' WHERE id = %s", [second.pk]
        )


def test_two_tables_are_not_in_use_in_one_place(agency: Agency) -> None:
    put_in_use(store(agency, region=REGION))
    other = store(agency, straight(5.0), name="other", region=(77.0, 43.0, 79.0, 45.0))
    with pytest.raises(Refused, match="regions-overlap"):
        put_in_use(other)
    put_in_use(store(agency, straight(5.0), name="beside", region=(78.0, 42.0, 80.0, 44.0)))
    put_in_use(store(agency, straight(5.0), name="by-name-only"))
    assert [model.name for model in tables_in_use()] == ["beside", "by-name-only", "some"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"content": b"PK\x03\x04"}, "bad-table"),
        ({"content": b"phase,distance_km,depth_km,time_s\n"}, "bad-table"),
        ({"name": "kyrgyz"}, "bad-table-name"),
        ({"name": "regional"}, "bad-table-name"),
        ({"name": "../../etc/passwd"}, "bad-table-name"),
        ({"name": "a" * 41}, "bad-table-name"),
        ({"name": "a\x00"}, "bad-table-name"),
        ({"title": " "}, "bad-table-text"),
        ({"title": "x\x00y"}, "bad-table-text"),
        ({"provenance": ""}, "bad-table-text"),
        ({"provenance": "x\x00"}, "bad-table-text"),
        ({"provenance": "x" * 2001}, "bad-table-text"),
        ({"region": (78.0, 42.0, 76.0, 44.0)}, "bad-table-region"),
        ({"region": (76.0, 42.0, float("nan"), 44.0)}, "bad-table-region"),
        ({"region": (76.0, 42.0, 76.9, 44.0)}, "region-too-small"),
        ({"fades": Fades(5.0, 5.0, 10.0, 20.0)}, "bad-fades"),
        ({"fades": Fades(1.0, float("inf"), 10.0, 20.0)}, "bad-fades"),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_kept(
    agency: Agency, said: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused, match=code) as caught:
        store(agency, **said)
    assert caught.value.code in travel_time_tables.CODES
    assert all(problem.code in READER_CODES for problem in caught.value.problems)
    assert not TravelTimeTable.objects.exists()


def test_a_name_belongs_to_one_agency_and_the_same_is_not_kept_twice(agency: Agency) -> None:
    store(agency)
    with pytest.raises(Refused, match="table-unchanged"):
        store(agency)
    with pytest.raises(Refused, match="name-of-another-agency"):
        store(Agency.objects.create(code="AGB"))
    assert store(agency, provenance="The same file, better described.").version == 2


def test_events_in_its_region_are_located_anew_when_a_table_comes_and_goes(agency: Agency) -> None:
    inside, outside = event_at(77.0, 43.0), event_at(70.0, 50.0)
    table = store(agency, region=REGION)
    put_in_use(table)
    [run] = ProcessingRun.objects.all()
    assert (run.kind, run.parameters) == ("recompute", {"tables": ["some 1"]})
    assert list(run.items.values_list("kind", "object_id")) == [("recompute", inside.pk)]
    run.items.all().delete()
    travel_time_tables.withdraw(table)
    assert WorkItem.objects.filter(kind="recompute").count() == 1
    travel_time_tables.withdraw(table)
    assert ProcessingRun.objects.count() == 2
    assert not WorkItem.objects.filter(object_id=outside.pk).exists()


def event_at(longitude: float, latitude: float) -> Event:
    """Return an event that was located there."""
    event = Event.objects.create(
        public_id=f"kz2015x{int(longitude)}", preference={"location": {"code": "singular"}}
    )
    event.preferred_origin = Origin.objects.create(
        event=event, time=datetime(2015, 1, 1, tzinfo=UTC), point=Point(longitude, latitude)
    )
    event.save()
    return event
