"""The command takes the same way as an upload."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Agency, BulletinFile, BulletinReading, Event, User

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture
def path(tmp_path: Path, bulletin: bytes) -> Path:
    path = tmp_path / "a.isf"
    path.write_bytes(bulletin)
    return path


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff")


def ingest(path: Path, *arguments: str) -> str:
    out = io.StringIO()
    call_command("ingest_bulletin", str(path), *arguments, stdout=out)
    return out.getvalue()


def test_a_file_is_ingested_to_its_events(path: Path, staff: User, agency: Agency) -> None:
    lines = ingest(path, "--agency", "AGA", "--wait").splitlines()
    assert lines[0].startswith("a.isf: AGA, isf, run ")
    assert json.loads(lines[1])["entries"] == Event.objects.count() > 0
    assert "received before" in ingest(path, "--agency", "AGA", "--wait")
    assert BulletinFile.objects.count() == 1


def test_a_dry_run_stores_the_file_only(path: Path, staff: User, agency: Agency) -> None:
    ingest(path, "--agency", "AGA", "--dry-run", "--wait")
    assert (BulletinFile.objects.count(), BulletinReading.objects.count()) == (1, 0)


def test_a_refused_file_says_why(path: Path, staff: User, agency: Agency) -> None:
    with pytest.raises(CommandError, match="agency is not known"):
        ingest(path, "--agency", "NONE")
    with pytest.raises(CommandError, match=r"not of the format|not well-formed"):
        ingest(path, "--agency", "AGA", "--format", "quakeml", "--wait")
    path.write_bytes(b"")
    with pytest.raises(CommandError, match="empty"):
        ingest(path, "--agency", "AGA")
