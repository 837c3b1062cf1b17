"""The tables of one CSS3.0 database may be sent as they lie: together they are one bulletin."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.translation import activate

from catalog.models import Agency, BulletinEntry, BulletinFile, BulletinProblem, Pick, User
from processing import tasks
from processing.desk import uploads
from processing.models import ProcessingRun, WorkItem
from tests.catalog.formats import css30_tables

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


@pytest.fixture(autouse=True)
def _in_english() -> None:
    activate("en")


def tables(*left_out: str) -> list[SimpleUploadedFile]:
    return [
        SimpleUploadedFile(f"may.{table}", data)
        for table, data in css30_tables.database().items()
        if table not in left_out
    ]


def read_all() -> None:
    for item in WorkItem.objects.filter(kind="read", state="open"):
        tasks.work(item.pk)


def by_page(client: Client, files: list[Any], **values: Any) -> Any:
    return client.post(reverse("upload"), {"files": files, "kind": "manual", **values})


def by_api(token: str, files: list[Any], key: str = "") -> Any:
    headers = {"Authorization": f"Token {token}"} | ({"Idempotency-Key": key} if key else {})
    return Client().post(
        reverse("api-upload"), {"file": files, "agency": "AGA"}, headers=headers
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "sets"),
    [
        (["may.origin", "may.isf", "may.arrival", "june.origin"], [[0, 2], [1], [3]]),
        (["origin", "arrival", "notes"], [[0, 1], [2]]),
        (["may.origin", "may.origin", "may.ASSOC"], [[0, 2], [1]]),
        (["C:\\db\\may.origin", "/db/may.assoc"], [[0, 1]]),
        (["a.csv", "b.csv"], [[0], [1]]),
        ([], []),
    ],
)
def test_tables_of_one_stem_go_together(names: list[str], sets: list[list[int]]) -> None:
    assert uploads.sets_of(names) == sets


def test_a_set_sent_from_the_page_is_one_bulletin_with_every_byte(
    desk_client: Client, agency: Agency
) -> None:
    answer = by_page(desk_client, tables(), agency="AGA")
    run = ProcessingRun.objects.get()
    assert answer["Location"].endswith(reverse("run", args=[run.pk]))
    file = BulletinFile.objects.get()
    assert file.name == "may.zip"
    with zipfile.ZipFile(BytesIO(b"".join(file.iter_bytes()))) as archive:
        kept = {name.partition(".")[2]: archive.read(name) for name in archive.namelist()}
    assert kept == css30_tables.database()
    read_all()
    assert BulletinEntry.objects.count() == 2
    assert Pick.objects.count() == 4
    assert not BulletinProblem.objects.filter(code="missing-block").exists()


def test_a_set_and_other_files_are_as_many_bulletins(
    desk_client: Client, agency: Agency, bulletin: bytes
) -> None:
    files = [*tables(), SimpleUploadedFile("may.isf", bulletin)]
    page = by_page(desk_client, files, agency="AGA").content.decode()
    assert sorted(BulletinFile.objects.values_list("name", flat=True)) == ["may.isf", "may.zip"]
    assert "may.origin, may." in page


def test_half_a_set_is_read_and_says_what_is_missing(desk_client: Client, agency: Agency) -> None:
    by_page(desk_client, tables("arrival", "assoc"), agency="AGA")
    read_all()
    assert BulletinEntry.objects.count() == 2
    missing = BulletinProblem.objects.filter(code="missing-block").values_list("field", flat=True)
    assert sorted(missing) == ["arrival", "assoc"]


def test_a_set_too_large_together_is_refused(desk_client: Client, agency: Agency) -> None:
    size = sum(len(data) for data in css30_tables.database().values())
    with override_settings(UPLOAD_MAX_BYTES=size - 1):
        page = by_page(desk_client, tables(), agency="AGA").content.decode()
    assert "The file is larger than allowed." in page
    assert not BulletinFile.objects.exists()


def test_a_script_sends_a_set_in_one_request_and_may_repeat_it(
    token: str, agency: Agency, operator: User
) -> None:
    answer = by_api(token, tables(), key="k1")
    assert answer.status_code == 202, answer.content
    assert (answer.json()["format"], answer.json()["duplicate"]) == ("css30", False)
    assert by_api(token, tables(), key="k1").json() == answer.json()
    # The same tables in another order are the same bytes.
    assert by_api(token, tables()[::-1]).json()["duplicate"] is True
    assert BulletinFile.objects.count() == 1


def test_files_that_are_not_one_bulletin_are_several_requests(
    token: str, agency: Agency, bulletin: bytes
) -> None:
    files = [SimpleUploadedFile("a.isf", bulletin), SimpleUploadedFile("b.isf", bulletin + b"\n")]
    answer = by_api(token, files)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-parameter")
    assert answer.json()["values"]["found"] == "a.isf, b.isf"
    assert not BulletinFile.objects.exists()
