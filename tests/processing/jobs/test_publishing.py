"""What an event's publication writes, and that it says nothing twice."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Change, EventFragment, EventRow, FeedCounter, Magnitude, User
from processing.jobs.publishing import publish, publish_many, withdraw
from tests.catalog.event_rows import choose, obspy_isf, store_report

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(db):
    return store_report(obspy_isf())


def checked() -> str:
    out = StringIO()
    call_command("check_catalogue", stdout=out)
    return out.getvalue()


def test_publishing_writes_row_fragments_and_a_change(event):
    actor = User.objects.get(username="operator")
    change = publish(event, actor=actor)
    row = EventRow.objects.get()
    assert (change.kind, change.number, change.actor) == ("created", FeedCounter.current(), actor)
    assert (row.change_number, row.version, row.updated_at) == (change.number, 1, change.at)
    assert (row.public_id, row.agency, row.catalog) == (event.public_id, "ISC", "KZPORTAL")
    assert row.contributor == "ISC"
    event.refresh_from_db()
    assert event.published_version == event.evidence_version
    parts = set(EventFragment.objects.values_list("part", flat=True))
    assert {"plain", "other-origins", "arrivals"} <= parts


def test_publishing_again_changes_nothing(event):
    publish(event)
    version = FeedCounter.current()
    event.evidence_version = 7
    event.save()
    assert publish(event) is None
    assert FeedCounter.current() == version
    assert Change.objects.count() == 1
    event.refresh_from_db()
    assert event.published_version == EventRow.objects.get().version == 7
    assert set(EventFragment.objects.values_list("version", flat=True)) == {7}


def test_a_change_says_what_changed(event):
    publish(event)
    event.event_type = "quarry blast"
    event.save()
    change = publish(event)
    assert change.kind == "updated"
    assert change.details == {"changed": ["event_type", "fdsn_text", "csv_line", "quakeml:plain"]}


def test_a_part_that_says_nothing_any_more_goes(event):
    publish(event)
    Magnitude.objects.exclude(pk=event.preferred_magnitude_id).update(
        superseded_at="2020-01-01T00:00Z"
    )
    publish(event)
    assert not EventFragment.objects.filter(part="other-magnitudes").exists()
    assert "0 differences" in checked()


def test_a_superseded_preferred_origin_is_refused(event):
    event.preferred_origin.superseded_at = event.created_at
    event.preferred_origin.save()
    with pytest.raises(ValueError, match="preferred origin"):
        publish(event)


def test_withdrawing_tells_what_there_was(event):
    publish(event)
    event.status = "deleted"
    event.save()
    change = withdraw(event)
    assert change.kind == "deleted"
    assert change.details["last"]["time"].startswith("1967-01-30T01:20:28")
    assert not EventRow.objects.exists() and not EventFragment.objects.exists()
    assert withdraw(event) is None
    assert publish(event) is None


def test_a_merged_event_leaves_and_names_its_successor(event):
    other = store_report(obspy_isf(), agency_code="NEIC")
    publish_many([event, other])
    event.status, event.merged_into = "merged", other
    event.save()
    gone, kept = publish_many([event, other])
    assert (gone.kind, gone.details["into"]) == ("merged", other.public_id)
    assert kept is None
    assert list(EventRow.objects.values_list("public_id", flat=True)) == [other.public_id]


def test_numbers_follow_the_events_and_have_no_gap(event):
    others = [store_report(obspy_isf(), agency_code=f"A{i}") for i in range(3)]
    before = FeedCounter.current()
    changes = publish_many([event, *others])
    assert [c.number for c in changes] == list(range(before + 1, before + 5))
    assert [c.event_id for c in changes] == [event.pk, *(o.pk for o in others)]


def test_the_number_of_queries_does_not_grow_with_the_events(event):
    others = [store_report(obspy_isf(), agency_code=f"A{i}") for i in range(5)]
    with CaptureQueriesContext(connection) as one:
        publish_many([event])
    with CaptureQueriesContext(connection) as many:
        publish_many(others)
    assert len(many) == len(one) <= 25


def test_check_catalogue_finds_what_was_changed_behind_its_back(event):
    publish(event)
    assert "1 events checked, 0 waiting, 0 differences" in checked()
    EventRow.objects.update(depth_km=1.5, kr=9.9)
    EventFragment.objects.filter(part="plain").delete()
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("check_catalogue", "--sample", "1", stdout=out)
    assert caught.value.returncode == 1
    text = out.getvalue()
    assert f"{event.public_id}: depth_km is 1.5, should be" in text
    assert f"{event.public_id}: kr is 9.9, should be None" in text
    assert f"{event.public_id}: quakeml:plain differs" in text


def test_energy_class_is_never_the_magnitude(event):
    record = obspy_isf()
    kr = replace(record.magnitudes[0], type="KR", value=11.25, magnitude_id="k")
    only_kr = store_report(replace(record, magnitudes=(kr,)), agency_code="SOME")
    assert only_kr.preferred_magnitude is None
    publish(only_kr)
    row = EventRow.objects.get()
    assert (row.kr, row.magnitude, row.magnitude_type) == (11.25, None, "")
    assert row.fdsn_text.split("|")[9:12] == ["", "", ""]
    only_kr.preferred_magnitude = Magnitude.objects.get(type="KR")
    with pytest.raises(ValueError, match="KR cannot be the magnitude"):
        publish(only_kr)


def test_choosing_another_origin_moves_the_row(event):
    publish(event)
    first = EventRow.objects.get()
    origin = event.origins.exclude(pk=event.preferred_origin_id).first()
    event.preferred_origin = origin
    event.save()
    publish(event)
    second = EventRow.objects.get()
    assert (second.time, second.latitude) == (origin.time, origin.latitude)
    assert second.updated_at > first.updated_at
    choose(event)
