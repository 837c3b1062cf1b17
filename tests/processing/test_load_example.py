"""The example comes in through the same door as any bulletin, once."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from catalog.models import (
    BulletinFile,
    BulletinReading,
    Event,
    FeltReport,
    FeltTie,
    Station,
    User,
)
from processing.example.files import BULLETINS
from processing.jobs import felt
from processing.models import ProcessingRun, WorkItem
from processing.transactions import writing

REAL = {
    "article_2014.csv": "ENE",
    "operative_reports.csv": "SOME",
    "usgs_1902_2018.csv": "NEIC",
}


def load(**options: Any) -> str:
    out = StringIO()
    call_command("load_example", stdout=out, **options)
    return out.getvalue()


def test_example_is_received_and_queued(db: None) -> None:
    told = load()
    assert "article_2014.csv: queued as run" in told
    files = {file.name: file for file in BulletinFile.objects.all()}
    assert set(files) == {*REAL, *(b.name for b in BULLETINS)}
    assert b"".join(files["usgs_1902_2018.csv"].iter_bytes()).startswith(b"event_id,place,mag")
    readings = {r.file.name: r.agency.code for r in BulletinReading.objects.all()}
    assert readings == {**REAL, **{b.name: b.agency for b in BULLETINS}}
    assert WorkItem.objects.filter(kind="read", state="open").count() == len(readings)
    assert Station.objects.filter(synthetic=True).count() == 22


def test_synthetic_felt_reports_come_once_and_name_no_event(db: None) -> None:
    load()
    load()
    reports = FeltReport.objects.all()
    assert len(reports) == 60 and all(report.synthetic for report in reports)
    assert {report.event for report in reports} == {None}
    assert all(report.settlement for report in reports)
    assert 0 < sum(not report.felt for report in reports) < 20
    with writing():
        felt.tie_batch()
    assert FeltTie.objects.count() == 0


@pytest.mark.long
def test_automatic_bulletins_are_asked_for_before_final_ones(db: None) -> None:
    load()
    order = list(
        BulletinReading.objects.order_by("requested_at").values_list("file__name", flat=True)
    )
    assert order.index("kndc_2014_automatic.isf") < order.index("kndc_2014.isf")
    assert order.index("some_2014_operative.xml") < order.index("some_2014_mechanisms.xml")
    automatic = BulletinReading.objects.filter(evaluation_mode="automatic")
    assert [r.file.name for r in automatic] == ["kndc_2014_automatic.isf"]


def test_loading_again_doubles_nothing(db: None) -> None:
    load()
    count = ProcessingRun.objects.count()
    assert "article_2014.csv: known since" in load()
    assert BulletinReading.objects.count() == ProcessingRun.objects.count() == count
    assert Station.objects.filter(synthetic=True).count() == 22


def test_the_synthetic_year_can_be_left_out(db: None) -> None:
    load(synthetic="no")
    assert set(BulletinFile.objects.values_list("name", flat=True)) == set(REAL)
    assert not Station.objects.filter(synthetic=True).exists()


def test_the_synthetic_year_does_not_come_back_once_it_was_removed(db: None) -> None:
    Event.objects.create(public_id="kz2014synthe", synthetic=True, status="deleted")
    assert "were removed: not loaded again" in load()
    assert set(BulletinFile.objects.values_list("name", flat=True)) == set(REAL)
    load(synthetic="yes")
    assert BulletinFile.objects.filter(name="some_2014.isf").exists()


@pytest.mark.long
def test_loader_cannot_log_in(db: None) -> None:
    load()
    user = User.objects.get(username="example-loader")
    assert not user.is_active
    assert not user.has_usable_password()
