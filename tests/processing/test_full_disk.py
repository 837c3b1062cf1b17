"""A full disk: nothing half-written, a clear word, no attempt counted; afterwards it goes on."""

from __future__ import annotations

import errno
from datetime import timedelta

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from catalog.models import Agency, BulletinFile, User
from processing import leases, tasks
from processing.jobs import receiving
from processing.models import NO_SPACE_SECONDS, WorkItem
from processing.transactions import is_no_space

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


def disk_full() -> OperationalError:
    """What Django makes of PostgreSQL's answer."""
    error = OperationalError("could not extend file: No space left on device")
    error.__cause__ = psycopg.errors.DiskFull("could not extend file")
    return error


def no_space(*args: object, **words: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_known_whoever_says_so() -> None:
    assert is_no_space(disk_full())
    assert is_no_space(OSError(errno.ENOSPC, ""))
    assert is_no_space(OSError(errno.EDQUOT, ""))
    assert not is_no_space(OSError(errno.EPIPE, ""))
    assert not is_no_space(OperationalError("other"))
    assert not is_no_space(None)


def test_work_on_a_full_disk_waits_and_is_never_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    pk = WorkItem.objects.request("recompute", 7)

    def full(items: object) -> None:
        raise disk_full()

    monkeypatch.setattr("processing.pipeline.run_items", full)
    for _round in range(7):  # more than the attempts of an ordinary failure
        WorkItem.objects.filter(pk=pk).update(not_before=leases.database_now())
        (item,) = WorkItem.objects.claim_next()
        assert tasks.do([item]) is False  # the worker looks for nothing else either
    item = WorkItem.objects.get(pk=pk)
    assert (item.state, item.attempts, item.lease_owner) == ("open", 0, "")
    wait = item.not_before - leases.database_now()
    assert timedelta(seconds=NO_SPACE_SECONDS - 5) < wait <= timedelta(seconds=NO_SPACE_SECONDS)
    assert "No space left" in item.last_error


@pytest.mark.parametrize(
    ("address", "field", "accept"),
    [("/api/v1/uploads", "file", "*/*"), ("/en/desk/upload/", "files", "text/html")],
)
def test_an_upload_on_a_full_disk_is_refused_whole(
    monkeypatch: pytest.MonkeyPatch, client: Client, address: str, field: str, accept: str
) -> None:
    client.force_login(User.objects.create_superuser("duty"))
    client.raise_request_exception = False
    Agency.objects.create(code="SOME")
    monkeypatch.setattr(receiving, "spool", no_space)
    answer = client.post(
        address,
        {field: SimpleUploadedFile("a.csv", b"x" * 100), "agency": "SOME", "kind": "manual"},
        headers={"Accept": accept},
    )
    assert answer.status_code == 507
    assert answer["Retry-After"] == "300"
    if accept == "text/html":
        assert "no space left" in answer.content.decode()
    else:
        assert answer.json()["code"] == "no-space"
    assert not BulletinFile.objects.exists()
