"""Synthetic data can be removed for good, and nothing else can."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from catalog.models import (
    BulletinEntry,
    BulletinFile,
    Change,
    Event,
    EventRow,
    FeltReport,
    MergeDecision,
    Origin,
    Pick,
    PolarityDecision,
    Report,
    Station,
    StationPolarityReversal,
    User,
)
from processing.jobs import felt
from tests.catalog.one_of_each import one_of_each
from tests.processing.bulletins import START


@pytest.fixture
def actor(db: None) -> User:
    return User.objects.create(username="remover")


def counts() -> dict[str, int]:
    return {
        model.__name__: model._default_manager.count()
        for model in apps.get_app_config("catalog").get_models()
    }


def remove(**options: Any) -> None:
    call_command("remove_synthetic", user="remover", yes=True, **options)


def test_synthetic_reports_go_and_real_ones_stay(actor: User) -> None:
    real = one_of_each(name="real")
    before = counts()
    synthetic = one_of_each(name="synth", synthetic=True)
    remove()
    after = counts()
    stays = {
        "User", "Agency", "AccessToken", "SignInFailure", "UploadKey", "ColumnMapping",
        "AuthoritativeArea", "Network", "Station", "StationAlias", "StationPolarityReversal",
        "Settlement", "SettlementEdit", "Event", "Change",
        "PreferenceRuleSet",
        "StationFile", "StationFileProblem", "StationDescription", "Channel",
        # What was handed out stays what it was, with its made-up events labelled, until it expires.
        "Export", "ExportChunk",
            "MonthClosing",  # an editor's word on the catalogue as it was
    }  # fmt: skip
    assert {n: after[n] for n in after if n not in stays} == {
        n: before[n] for n in before if n not in stays
    }
    assert EventRow.objects.get().event == real
    assert BulletinFile.objects.get().name == "real.isf"
    synthetic.refresh_from_db()
    assert synthetic.status == Event.Status.DELETED


def test_what_is_known_of_a_synthetic_station_goes_with_it(actor: User) -> None:
    real = one_of_each(name="real")
    made_up = Station.objects.create(code="SYN", point=Point(77, 43, srid=4326), synthetic=True)
    StationPolarityReversal.objects.create(station=made_up, start=START, source="x")
    PolarityDecision.objects.create(event=real, station=made_up, kind="drop")
    remove()
    assert not Station.objects.filter(pk=made_up.pk).exists()
    assert StationPolarityReversal.objects.count() == PolarityDecision.objects.count() == 1


def test_tombstone_and_change_say_who_removed_it(actor: User) -> None:
    event = one_of_each(name="synth", synthetic=True)
    remove()
    change = Change.objects.order_by("-number").first()
    assert change is not None
    assert (change.event, change.kind, change.actor) == (event, Change.Kind.DELETED, actor)
    assert not EventRow.objects.exists()


def test_what_a_person_told_of_a_synthetic_event_stays(actor: User) -> None:
    event = one_of_each(name="synth", synthetic=True)
    told = FeltReport.objects.create(client_id=uuid4(), event=event, felt=True, language="kk")
    remove()
    assert FeltReport.objects.get() == told
    with transaction.atomic():
        felt.tie_batch()
    told.refresh_from_db()
    assert told.event is None and told.processed_at is not None
    assert told.ties.get(previous=event).event is None


def test_second_run_finds_nothing(actor: User, capsys: pytest.CaptureFixture[str]) -> None:
    one_of_each(name="synth", synthetic=True)
    remove()
    remove()
    assert "No synthetic data" in capsys.readouterr().out


def test_mixed_event_is_refused_and_nothing_is_removed(actor: User) -> None:
    event = one_of_each(name="synth", synthetic=True)
    one_of_each(name="real")
    Report.objects.filter(key="id:real").update(event=event)
    before = counts()
    with pytest.raises(CommandError, match=f"mixed in {event.public_id}"):
        remove()
    assert counts() == before


def test_it_asks_first(actor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    one_of_each(name="synth", synthetic=True)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises(CommandError, match="nothing was removed"):
        call_command("remove_synthetic", user="remover")
    assert BulletinEntry.objects.exists()


def test_unknown_user_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="no user is named 'remover'"):
        remove()


def test_permission_to_delete_ends_with_the_transaction(actor: User) -> None:
    one_of_each(name="real")
    one_of_each(name="synth", synthetic=True)
    with transaction.atomic():
        remove()
        with connection.cursor() as cursor:  # the test itself is one transaction
            cursor.execute("SET LOCAL catalog.removing_synthetic = 'off'")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_mergedecision")
    assert MergeDecision.objects.count() == 1
    assert Origin.objects.count() == 1


def test_synthetic_stations_go_and_real_readings_there_keep_their_code(actor: User) -> None:
    one_of_each(name="real")
    one_of_each(name="synth", synthetic=True)
    pick = Pick.objects.filter(entry__synthetic=False).get()
    invented = Station.objects.create(
        code="SY01", point=Point(77.0, 43.0, srid=4326), synthetic=True
    )
    Pick.objects.filter(pk=pick.pk).update(station=invented)
    remove()
    assert not Station.objects.filter(synthetic=True).exists()
    pick.refresh_from_db()
    assert (pick.station, pick.station_code) == (None, "KNDC")


def test_stations_alone_are_removed_too(actor: User) -> None:
    Station.objects.create(code="SY01", point=Point(77.0, 43.0, srid=4326), synthetic=True)
    remove()
    assert not Station.objects.filter(synthetic=True).exists()
