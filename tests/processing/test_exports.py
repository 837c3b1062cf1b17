"""Exports: asked for once, written whole or not at all, checked by their SHA-256, then gone."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from catalog import downloads, exports
from catalog.api import openapi
from catalog.models import Change, Export, ExportChunk
from catalog.search import EventSearch
from processing import pipeline, tasks
from processing.jobs import exporting
from processing.models import WorkItem
from tests.catalog.api.conftest import plain_static
from tests.catalog.api.test_views import validator
from tests.catalog.conftest import shop
from tests.catalog.shop import Shop

__all__ = ["plain_static", "shop"]  # fixtures

ASK = "/api/v1/exports"


@pytest.fixture(autouse=True)
def _only_the_shop(shop: Shop, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Each test begins without exports and without work, and leaves its files to pytest."""
    settings.DATA_DIR = tmp_path
    yield
    for model in (ExportChunk, Export, WorkItem):
        model._default_manager.all().delete()
    connections["download"].close()


def ask(client: Client | None = None, **words: Any) -> Any:
    return (client or Client()).post(ASK, words, content_type="application/json")


def asked(format: str = "csv", **words: Any) -> Export:
    answer = ask(format=format, **words)
    assert answer.status_code == 202, answer.content
    return Export.objects.get(public_id=answer.json()["id"])


def work() -> None:
    """Do everything that waits, as a worker would."""
    while items := WorkItem.objects.claim_next():
        tasks.do(items)


def made(format: str = "csv", **words: Any) -> Export:
    export = asked(format, **words)
    work()
    export.refresh_from_db()
    assert export.status == "done", (export.status, export.problem_code, last_error())
    return export


def last_error() -> str:
    return WorkItem.objects.latest("pk").last_error


def content(export: Export) -> bytes:
    return b"".join(export.iter_bytes())


#: Those that are written in ways of their own; the others in the long run.
SOME_FORMATS = [
    code if code in ("csv", "quakeml", "kml") else pytest.param(code, marks=pytest.mark.long)
    for code in exports.FORMATS
]


def said(answer: Any, name: str) -> Any:
    """Return a JSON answer, which is what the OpenAPI document says of it."""
    validator(openapi.document(), name).validate(answer.json())
    return answer.json()


def why(refused: Any) -> tuple[int, str]:
    (problem,) = said(refused, "Error")["problems"]
    return refused.status_code, problem["code"]


@pytest.mark.parametrize("code", SOME_FORMATS)
def test_every_format_is_written_whole(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK_BYTES", 4096)  # and read in pieces of what it had
    monkeypatch.setattr("catalog.models.exports.CHUNK_BYTES", 4096)
    export = made(code, orderby="time-asc")
    data = content(export)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (export.size, export.sha256)
    sizes = [len(bytes(c.data)) for c in ExportChunk.objects.order_by("ordinal")]
    assert set(sizes[:-1]) <= {4096} and sum(sizes) == export.size
    counted = exports.FORMATS[code].is_counted
    assert (export.events_total, export.events_done) == ((13, 13) if counted else (None, 0))
    assert export.file_name.endswith(f".{code.rpartition('.')[2]}" if "." in code else "")
    if code in ("csv", "geojson", "text"):  # the same bytes as the download's
        writer = downloads.WRITERS[downloads.FORMATS[code]]
        assert data == b"".join(downloads.Answer(EventSearch(orderby="time-asc"), writer))
    if code == "kml":
        assert b"http://testserver/en/events/" in data


def test_the_file_over_http(client: Client) -> None:
    export = made("csv", minkr=4.2)
    told = said(client.get(f"{ASK}/{export.public_id}"), "Export")
    assert told["status"] == "done" and told["sha256"] == export.sha256
    assert (told["search"], told["events_done"]) == ("minkr=4.2", export.events_total)
    answer = client.get(told["url"])
    data = b"".join(answer.streaming_content)
    assert hashlib.sha256(data).hexdigest() == told["sha256"]
    assert answer["Content-Length"] == str(len(data)) == str(told["size"])
    assert answer["ETag"] == f'"{told["sha256"]}"'
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert answer["Repr-Digest"] == f"sha-256=:{digest}:"
    assert export.file_name in answer["Content-Disposition"]
    assert client.get(told["url"], headers={"If-None-Match": answer["ETag"]}).status_code == 304
    for asked_for, status, expected in (
        ("bytes=5-9", 206, data[5:10]), ("bytes=-7", 206, data[-7:]), ("bytes=9-", 206, data[9:]),
        (f"bytes={len(data)}-", 416, b""), ("bytes=9-3", 200, data), ("bytes=1-2,4-5", 200, data),
    ):  # fmt: skip
        part = client.get(told["url"], headers={"Range": asked_for})
        assert part.status_code == status, asked_for
        assert part.getvalue() == expected, asked_for
    stale = {"Range": "bytes=5-9", "If-Range": '"another"'}
    assert client.get(told["url"], headers=stale).status_code == 200
    head = client.head(told["url"])
    assert (head["Content-Length"], head.content) == (str(len(data)), b"")
    line = client.get(f"{ASK}/{export.public_id}/file.sha256").content.decode()
    assert line == f"{export.sha256}  {export.file_name}\n"


def test_the_same_request_is_the_same_export_until_the_catalogue_changes(shop: Shop) -> None:
    first = asked("csv", minkr="4.0", orderby="time")
    again = ask(format="csv", minkr=4)  # waiting still, and written in another way
    assert (again.status_code, again.json()["id"]) == (200, first.public_id)
    work()
    assert ask(format="csv", minkr=4).json()["id"] == first.public_id
    assert WorkItem.objects.count() == 1
    assert ask(format="text", minkr=4).status_code == 202
    with transaction.atomic():
        Change.record("updated", shop.full)
    assert ask(format="csv", minkr=4).status_code == 202


@pytest.mark.parametrize("code", ["csv", pytest.param("gpkg", marks=pytest.mark.long)])
def test_a_worker_that_dies_half_way_leaves_nothing_and_the_next_one_makes_it(
    code: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    export = asked(code)
    real = exporting._File.add

    def dies(self: Any, data: bytes) -> None:
        real(self, data)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(exporting._File, "add", dies)
        tasks.do([WorkItem.objects.claim_next()[0]])
    export.refresh_from_db()
    assert "killed" in last_error()
    assert (export.status, export.sha256, export.content) == ("running", "", None)
    assert not ExportChunk.objects.exists() and not (settings.DATA_DIR / "exports").exists()
    assert Client().get(f"{ASK}/{export.public_id}/file").status_code == 409
    WorkItem.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    work()
    export.refresh_from_db()
    assert export.status == "done"
    assert hashlib.sha256(content(export)).hexdigest() == export.sha256


def test_a_worker_that_lost_its_lease_stores_nothing() -> None:
    export = asked("csv")
    slow = WorkItem.objects.claim_next()[0]
    WorkItem.objects.update(lease_owner="somebody else")
    tasks.do([slow])
    export.refresh_from_db()
    assert (export.status, ExportChunk.objects.count()) == ("waiting", 0)


def test_one_is_written_at_a_time_and_bulletins_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked("csv")
    WorkItem.objects.request("propose", 1, priority=7)
    assert [item.kind for item in WorkItem.objects.claim_next()] == ["propose"]
    item = WorkItem.objects.claim_next()[0]
    monkeypatch.setattr(exporting, "is_turn", lambda: False)
    tasks.do([item])
    item.refresh_from_db()
    assert (item.state, item.attempts, item.lease_owner) == ("open", 0, "")
    assert WorkItem.objects.claim_next() == []  # not before some seconds have passed
    assert WorkItem.objects.filter(not_before__gt=timezone.now()).count() == 1


def test_what_cannot_be_made_says_why(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EXPORT_MAX_BYTES = 100
    for code in ("csv", "gpkg"):
        export = asked(code)
        work()
        export.refresh_from_db()
        assert (export.status, export.problem_code) == ("failed", "too-large")
        assert not ExportChunk.objects.exists()
    told = Client().get(f"{ASK}/{export.public_id}").json()
    assert "100" in told["problem"]["message"]
    settings.EXPORT_MAX_BYTES = 10**9
    monkeypatch.setattr(downloads, "MAX_RECORDS", 3)
    export = asked("year-book-catalogue.csv")
    work()
    export.refresh_from_db()
    assert (export.problem_code, export.problem) == ("too-many", {"most": 3})
    # A failed one does not stand in the way of the next.
    monkeypatch.undo()
    made("year-book-catalogue.csv")


def test_who_asks_for_too_much_waits() -> None:
    far = Client(REMOTE_ADDR="2001:db8:1:2::5")
    for number in range(2):
        assert ask(far, format="csv", minkr=number).status_code == 202
    refused = ask(Client(REMOTE_ADDR="2001:db8:1:2::77"), format="csv", minkr=5)  # one customer
    assert why(refused) == (429, "too-many-of-address")
    assert int(refused["Retry-After"]) > 0
    assert ask(far, format="csv", minkr=1).status_code == 200  # it is there already
    assert "2001" not in json.dumps(list(Export.objects.values("asker", "site", "search")))
    for number in range(4):
        for which in range(2):
            client = Client(REMOTE_ADDR=f"192.0.2.{number}")
            assert ask(client, format="text", minkr=which + 2 * number).status_code == 202
    refused = ask(Client(REMOTE_ADDR="192.0.2.99"), format="csv")
    assert why(refused) == (429, "too-many-in-all")
    page = Client(REMOTE_ADDR="192.0.2.99").post("/en/exports/", {"format": "csv"})
    assert page.status_code == 429 and page["Retry-After"]


def test_space_is_bounded_and_the_oldest_go_first(settings: Any) -> None:
    old = made("csv")
    for_ever = made("csv", minkr=1)
    Export.objects.filter(pk=for_ever.pk).update(expires_at=None)
    Export.objects.update(finished_at=timezone.now() - timedelta(days=2), asker="")
    settings.EXPORT_SPACE_BYTES = old.size + for_ever.size + 10
    new = made("text", limit=10)
    old.refresh_from_db()
    assert (old.status, Export.objects.kept().count()) == ("expired", 2)
    exporting.sweep()
    assert set(ExportChunk.objects.values_list("export", flat=True)) == {for_ever.pk, new.pk}
    # What is left is young or for ever: nobody is pushed out, and who asks is told.
    settings.EXPORT_SPACE_BYTES = for_ever.size + new.size
    refused = ask(Client(REMOTE_ADDR="192.0.2.9"), format="csv", limit=2)
    assert why(refused) == (503, "no-room")
    settings.EXPORT_SPACE_BYTES += 1
    refused = ask(Client(), format="csv", limit=2)
    assert why(refused) == (
        429,
        "too-much-of-address",
    )
    answer = ask(Client(REMOTE_ADDR="192.0.2.9"), format="csv", limit=2)
    work()
    assert Export.objects.get(public_id=answer.json()["id"]).problem_code == "no-room"


def test_an_expired_export_is_gone_and_says_so(client: Client, plain_static: None) -> None:
    export = made("csv")
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    address = f"{ASK}/{export.public_id}"
    assert client.get(f"{address}/file").status_code == 410  # before any sweep
    tasks.sweep()
    export.refresh_from_db()
    assert (export.status, export.content, export.asker) == ("expired", None, "")
    assert not ExportChunk.objects.exists()
    assert said(client.get(address), "Export")["status"] == "expired"
    gone = client.get(f"{address}/file")
    assert gone.status_code == 410 and said(gone, "NoFile")["error"]
    assert client.get(f"{address}/file.sha256").status_code == 410
    assert client.get(f"/en/exports/{export.public_id}/").status_code == 410
    assert ask(format="csv").json()["id"] != export.public_id
    for unknown in ("nobody", "x\x00y", "a-b"):
        assert client.get(f"{ASK}/{unknown}/file").status_code == 404


def test_the_sweep_revives_what_nobody_works_on_and_ends_what_was_parked(settings: Any) -> None:
    lost, parked = asked("csv"), asked("text")
    WorkItem.objects.filter(object_id=lost.pk).delete()
    WorkItem.objects.filter(object_id=parked.pk).update(state="parked")
    Export.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    pipeline.sweep_exports()
    parked.refresh_from_db()
    assert (parked.status, parked.problem_code) == ("failed", "work-parked")
    work()
    lost.refresh_from_db()
    assert lost.status == "done"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"format": "csv", "minkrr": 4}, "minkrr"), ({"format": "csv", "minkr": "x"}, "minkr"),
        ({"format": "exe"}, "format"), ({}, "format"), ({"format": ["csv", "kml"]}, "format"),
        ({"format": "csv", "minkr": {"a": 1}}, "minkr"), ("[]", ""), ("[" * 20_000, ""), ("{", ""),
        ({"format": "csv", "agency": "\ud800"}, "agency"), ('{"format":"kml","minkr":NaN}', "minkr")
    ],
)  # fmt: skip
def test_a_wrong_question_is_answered_with_what_is_wrong(body: Any, word: str) -> None:
    sent = body if isinstance(body, str) else json.dumps(body)
    answer = Client().post(ASK, sent, content_type="application/json")
    assert answer.status_code == 400
    assert [problem["word"] for problem in said(answer, "Error")["problems"]] == [word]
    assert answer.json()["problems"][0]["message"] and not Export.objects.exists()


def test_a_form_asks_as_json_does_and_a_large_body_is_refused(client: Client) -> None:
    form = {"format": "csv", "agency": ["SOME", "KNDC"], "maxkr": "", "eventtype": "earthquake"}
    answer = client.post(ASK, form)
    assert (answer.status_code, answer.json()["search"]) == (
        202, "eventtype=earthquake&agency=SOME%2CKNDC",
    )  # fmt: skip
    assert said(client.get(answer["Location"]), "Export")["status"] == "waiting"
    early = client.get(f"{answer['Location']}/file")
    assert early.status_code == 409 and said(early, "NoFile")["over"] is False
    assert client.post(ASK, {"format": "x" * 300_000}).status_code == 413
    refused = client.get(ASK)
    assert refused.status_code == 405 and "POST" in said(refused, "Error")["error"]


def test_a_geopackage_opens_in_gdal_and_tells_what_the_csv_tells(tmp_path: Path) -> None:
    words = {"orderby": "time-asc"}
    package, table = made("gpkg", **words), made("csv", **words)
    path = tmp_path / package.file_name
    path.write_bytes(content(package))
    told = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", str(path)], capture_output=True, text=True, check=True
    )
    plain = told.stdout
    assert "using driver `GPKG' successful" in plain and told.stderr == ""
    for layer, count, geometry in (
        ("events", 13, "Point"), ("focal_mechanisms", 1, "Point"), ("intensities", 0, "Point"),
        ("about", 8, "None"),
    ):  # fmt: skip
        part = plain.partition(f"Layer name: {layer}\n")[2].partition("Layer name:")[0]
        assert f"Feature Count: {count}\n" in part and f"Geometry: {geometry}\n" in part, part
        assert geometry == "None" or 'ID["EPSG",4326]' in part
    assert (
        "depth_km: Real" in plain
        and "time: DateTime" in plain
        and "felt: Integer(Boolean)" in plain
    )

    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    assert database.execute("PRAGMA application_id").fetchone()[0] == 0x47504B47  # "GPKG"
    assert database.execute("PRAGMA user_version").fetchone()[0] == 10300
    assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    about = dict(database.execute("SELECT name, value FROM about").fetchall())
    assert about["catalogue_version"] == str(package.catalogue_version)
    assert about["search"] == "orderby=time-asc"
    rows = database.execute("SELECT * FROM events ORDER BY fid").fetchall()
    lines = list(csv.DictReader(io.StringIO(content(table).decode())))
    assert len(rows) == len(lines) == 13
    for row, line in zip(rows, lines, strict=True):
        assert [as_told(name, row[name]) for name in line if name != "time"] == [
            as_number(text) for name, text in line.items() if name != "time"
        ]
        assert row["time_as_told"] == line["time"] and row["time"].endswith("Z")
        assert row["time"][:16] == line["time"][:16]
    assert rows[1]["depth_km"] is None and rows[2]["depth_km"] == 1.0
    assert rows[1]["KR"] == 4.0 and rows[1]["magnitude"] is None
    inside = "SELECT count(*) FROM rtree_events_geom WHERE maxx >= 76.9 AND minx <= 77.1"
    assert database.execute(inside).fetchone()[0] == 12


def as_told(name: str, value: Any) -> Any:
    if name in ("felt", "mechanism", "synthetic"):
        return "true" if value else "false"
    return as_number("" if value is None else str(value))


def as_number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.long
def test_an_empty_search_is_a_geopackage_without_events(tmp_path: Path) -> None:
    path = tmp_path / "empty.gpkg"
    path.write_bytes(content(made("gpkg", minkr=20)))
    database = sqlite3.connect(path)
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 0


def test_pages_show_each_state(client: Client, plain_static: None, settings: Any) -> None:
    page = client.get("/en/exports/?minkr=4&format=gpkg")
    assert page.status_code == 200 and page["X-Robots-Tag"] == "noindex"
    assert b'name="minkr" value="4"' in page.content
    assert client.get("/en/exports/?minkr=x").status_code == 400
    assert client.post("/en/exports/", {"format": "csv", "minkr": "x"}).status_code == 400
    sent = client.post(
        "/en/exports/", {"format": "csv", "minkr": "4", "maxkr": "", "includearrivals": "true"}
    )
    assert sent.status_code == 302
    waiting = client.get(sent["Location"]).content.decode()
    assert "export-status--waiting" in waiting and '<meta http-equiv="refresh"' in waiting
    assert (
        "pages/export.js" in waiting and "no-store" in client.get(sent["Location"])["Cache-Control"]
    )
    export = Export.objects.get()
    Export.objects.update(status="running", events_done=2, events_total=6)
    assert 'max="6" value="2"' in client.get(sent["Location"]).content.decode()
    Export.objects.update(status="waiting")
    work()
    export.refresh_from_db()
    done = client.get(sent["Location"]).content.decode()
    assert export.sha256 in done and f"sha256sum -c {export.file_name}.sha256" in done
    assert "pages/export.js" not in done and "refresh" not in done
    Export.objects.update(status="failed", problem_code="no-room")
    assert "no room for the file" in client.get(sent["Location"]).content.decode()
    assert client.get("/en/exports/nobody/").status_code == 404
    assert Client(enforce_csrf_checks=True).post("/en/exports/", {}).status_code == 403
