"""The example comes in through the same door as any bulletin, once."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command

from catalog.models import BulletinFile, BulletinReading, User
from processing.models import ProcessingRun, WorkItem


def load() -> str:
    out = StringIO()
    call_command("load_example", stdout=out)
    return out.getvalue()


def test_example_is_received_and_queued(db: None) -> None:
    told = load()
    assert "article_2014.csv: queued as run" in told
    files = {file.name: file for file in BulletinFile.objects.all()}
    assert set(files) == {"article_2014.csv", "usgs_1902_2018.csv"}
    assert b"".join(files["usgs_1902_2018.csv"].iter_bytes()).startswith(b"event_id,place,mag")
    readings = {r.file.name: r.agency.code for r in BulletinReading.objects.all()}
    assert readings == {"article_2014.csv": "ENE", "usgs_1902_2018.csv": "NEIC"}
    assert WorkItem.objects.filter(kind="read", state="open").count() == 2


def test_loading_again_doubles_nothing(db: None) -> None:
    load()
    assert "article_2014.csv: known since" in load()
    assert BulletinReading.objects.count() == ProcessingRun.objects.count() == 2


def test_loader_cannot_log_in(db: None) -> None:
    load()
    user = User.objects.get(username="example-loader")
    assert not user.is_active
    assert not user.has_usable_password()
