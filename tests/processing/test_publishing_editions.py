"""Editions: frozen as they were previewed, whole or not at all, the same bytes ever after."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from catalog import downloads
from catalog.api import openapi
from catalog.edition_contents import canonical, differences
from catalog.models import (
    DeclusteringLabel,
    DeclusteringRun,
    Edition,
    EditionEvent,
    Event,
    EventRow,
    Export,
    ExportChunk,
    User,
)
from catalog.search import SearchError
from processing import tasks
from processing.jobs import declustering, publishing_editions
from processing.models import WorkItem
from tests.catalog.api.conftest import plain_static
from tests.catalog.api.test_views import validator
from tests.catalog.conftest import shop
from tests.catalog.shop import Shop
from tests.catalog.test_guards import refused

__all__ = ["plain_static", "shop"]  # fixtures

API = "/api/v1/editions"
YEAR = "starttime=2014-01-01&endtime=2014-12-31"
SITE = "https://catalogue.example.kz/"


@pytest.fixture(autouse=True)
def _only_the_shop(shop: Shop, plain_static: None, tmp_path: Path, settings: Any) -> Iterator[None]:
    """Each test begins without editions and ends with the rows as they were."""
    settings.DATA_DIR = tmp_path
    rows = list(EventRow.objects.all())
    yield
    for row in rows:
        row.save()
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE catalog_edition, catalog_editionevent, catalog_editionfile,"
            " catalog_declusteringrun, catalog_declusteringlabel, catalog_exportchunk,"
            " catalog_export, processing_workitem CASCADE"
        )
    connections["download"].close()


@pytest.fixture
def editor() -> User:
    user, _new = User.objects.get_or_create(username="an-editor")
    user.groups.add(Group.objects.get(name="editor"))
    return user


@pytest.fixture
def desk(editor: User) -> Client:
    client = Client()
    client.force_login(editor)
    return client


def work() -> None:
    """Do everything that waits, as a worker would."""
    while items := WorkItem.objects.claim_next():
        tasks.do(items)


def draft(search: str = YEAR, **values: Any) -> Edition:
    values.setdefault("title_en", "The year 2014")
    return Edition.objects.create(series="KZ-2014", search=canonical(search), **values)


def asked(edition: Edition, editor: User) -> Edition:
    seen = publishing_editions.preview(edition)
    assert not seen.refused
    publishing_editions.publish(edition, actor=editor, site=SITE, previewed=seen.digest)
    return edition


def published(editor: User, search: str = YEAR, **values: Any) -> Edition:
    edition = asked(draft(search, **values), editor)
    work()
    edition.refresh_from_db()
    error = WorkItem.objects.latest("pk").last_error
    assert edition.status == "published", (edition.problem_code, edition.problem, error)
    return edition


def content(edition: Edition, kind: str) -> bytes:
    return b"".join(edition.files.get(kind=kind).export.iter_bytes())


def table(edition: Edition, kind: str = "csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(edition, kind).decode())))


def everything() -> dict[str, list[Any]]:
    """Return all rows of editions and their files."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in (Edition, EditionEvent, Export, ExportChunk, DeclusteringRun)
    }


def test_an_edition_is_frozen_whole(shop: Shop, editor: User, client: Client) -> None:
    small = [event.public_id for event in shop.small]
    EventRow.objects.filter(public_id=small[0]).update(status="automatic")
    edition = draft(
        title_kk="2014 жыл",
        lists=[{"title": "Blasts", "reason": "Not tectonic",
                "search": canonical("eventtype=quarry blast")},
               {"title": "By name", "reason": "Below the threshold",
                "search": canonical(f"eventid={small[5]},{small[3]},kz1999nobody,{small[0]}")}],
        declustering=[{"method": name, "parameters": {**declustering.checked(name, {}),
                                                      "size": declustering.SIZE}}
                      for name in ("uhrhammer-1986", "reasenberg-1985")],
        gaps=[{"text": "KNDC: 3 March"}],
    )  # fmt: skip
    seen = publishing_editions.preview(edition)
    assert seen.events == (9, 1, 1)
    told = {warning.code: warning.values for warning in seen.warnings}
    assert told["left-out"] == {"n": 1}
    assert told["unknown-ids"] == {"ids": f"kz1999nobody, {small[0]}"}
    assert all(warning.text for warning in seen.warnings)
    published_one = asked(edition, editor)
    work()
    edition = Edition.objects.get(pk=published_one.pk)
    assert (edition.name, edition.status) == ("KZ-2014/1", "published"), edition.problem
    counted = [public_id for n, public_id in enumerate(small) if n not in (0, 3, 5)]
    rows = table(edition)
    assert [row["event_id"] for row in rows] == counted
    assert list(edition.events.filter(list=0).values_list("public_id", flat=True)) == counted
    assert [row["event_id"] for row in table(edition, "list-1")] == [small[3]]
    assert [row["event_id"] for row in table(edition, "list-2")] == [small[5]]
    role = (
        "role (reasenberg-1985 p1=0.95 rfact=10 size=M(KR)|M tau_max_d=10 tau_min_d=1 xk=0.5"
        " xmeff=1.5)"
    )
    assert {row[role] for row in rows} <= set(DeclusteringLabel.Role.values)
    assert DeclusteringLabel.objects.count() == 18
    # Without their flags the bytes are those of a download.
    plain = content(edition, "csv").decode().splitlines()[1].rsplit(",", 4)[0]
    assert plain == EventRow.objects.get(public_id=counted[0]).csv_line
    assert content(edition, "text").count(b"\n") == 10
    assert content(edition, "quakeml").count(b"<event ") == 9
    assert edition.counts["lists"] == [1, 1] and edition.counts["kr_classes"] == {"4": 3}
    for language, words in (("en", "The year 2014"), ("kk", "2014 жыл")):
        text = edition.citation[language]
        assert words in text and "KZ-2014/1" in text and edition.sha256 in text
        assert f"{SITE}editions/KZ-2014/1/" in text
    sums = client.get(f"{API}/KZ-2014/1/SHA256SUMS").content
    assert hashlib.sha256(sums).hexdigest() == edition.sha256
    for line in sums.decode().splitlines():
        digest, name = line.split("  ")
        file = edition.files.get(name=name)
        assert hashlib.sha256(content(edition, file.kind)).hexdigest() == digest
    schema = openapi.document()
    for address, name in ((API, "Editions"), (f"{API}/KZ-2014/1?lang=kk", "EditionDetail")):
        answer = client.get(address)
        validator(schema, name).validate(answer.json())
    assert answer.json()["title"] == "2014 жыл" and answer.json()["lists"][1]["events"] == 1
    bib = client.get(f"{API}/KZ-2014/1/citation.bib").content.decode()
    assert "edition = {KZ-2014/1}" in bib and "urldate" not in bib
    for language in ("kk", "ru", "en"):
        page = client.get(f"/{language}/editions/KZ-2014/1/")
        assert edition.sha256 in page.content.decode() and "KNDC: 3 March" in page.content.decode()
        assert client.get(f"/{language}/editions/").status_code == 200
    page = client.get(f"/en/events/{small[5]}/").content.decode()
    assert "KZ-2014/1</a>" in page and "outside the count: By name" in page
    listed = client.get("/en/editions/KZ-2014/1/events/?list=2").content.decode()
    assert small[5] in listed and small[4] not in listed


def test_nothing_of_it_ever_changes(shop: Shop, editor: User, client: Client) -> None:
    checked = declustering.checked("uhrhammer-1986", {})
    edition = published(editor, declustering=[{"method": "uhrhammer-1986", "parameters": checked}])
    address = f"{API}/KZ-2014/1/files/csv"
    first = client.get(address)
    bytes_then = b"".join(first.streaming_content)
    EventRow.objects.update(csv_line="changed", fdsn_text="changed", kr=1)
    again = client.get(address)
    assert b"".join(again.streaming_content) == bytes_then
    assert again["ETag"] == first["ETag"] == f'"{hashlib.sha256(bytes_then).hexdigest()}"'
    assert "sha-256" in again["Repr-Digest"]
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert "changed" not in client.get("/en/editions/KZ-2014/1/events/").content.decode()
    before = everything()
    statements = (
        "UPDATE catalog_edition SET title_en = 'x'",
        "UPDATE catalog_edition SET status = 'draft', number = NULL",
        "DELETE FROM catalog_edition",
        "UPDATE catalog_editionevent SET csv_line = 'x'",
        "DELETE FROM catalog_editionevent",
        "UPDATE catalog_editionfile SET name = 'x'",
        "UPDATE catalog_export SET sha256 = 'x'",
        "DELETE FROM catalog_export",
        "UPDATE catalog_exportchunk SET data = ''",
        "DELETE FROM catalog_exportchunk",
        "UPDATE catalog_declusteringrun SET method = 'x'",
        "UPDATE catalog_declusteringlabel SET role = 'single', cluster = 7",
        "DELETE FROM catalog_declusteringlabel",
        "INSERT INTO catalog_editionevent (edition_id, list, place, event_id, public_id, csv_line,"
        f" fdsn_text) SELECT {edition.pk}, 0, 999, {shop.full.pk}, 'x', '', ''",
    )
    assert [statement for statement in statements if not refused(statement)] == []
    tasks.sweep()
    assert everything() == before
    # It takes no room of the exports that anybody asks for.
    assert Export.objects.kept().count() == 3 and not Export.objects.kept().asked_for().exists()


def test_the_next_edition_tells_what_differs(shop: Shop, editor: User, client: Client) -> None:
    small = [event.public_id for event in shop.small]
    first = published(editor, f"{YEAR}&maxlatitude=43.1")
    row = EventRow.objects.get(public_id=small[2])
    cells = row.csv_line.split(",")
    depth = list(downloads.rendering.CSV_COLUMNS).index("depth_km")
    old, cells[depth] = cells[depth], "12.5"
    EventRow.objects.filter(pk=row.pk).update(csv_line=",".join(cells))
    gone = Event.objects.filter(pk=shop.small[0].pk)
    gone.update(status="merged", merged_into=shop.full)
    second = published(editor, f"{YEAR}&minlatitude=43.01")
    first.refresh_from_db()
    assert (second.name, first.superseded_by) == ("KZ-2014/2", second)
    assert second.counts["differences"] == {"added": 1, "removed": 1, "changed": 1}
    assert [(one.kind, one.public_id) for one in differences(first, second)] == [
        ("removed", small[0]), ("changed", small[2]), ("added", small[11]),
    ]  # fmt: skip
    rows = table(second, "differences")
    changed = {"event_id": small[2], "time": rows[1]["time"], "what": "changed",
               "column": "depth_km", "old": old, "new": "12.5"}  # fmt: skip
    assert rows[1] == changed and [row["what"] for row in rows] == ["removed", "changed", "added"]
    assert (rows[0]["column"], rows[0]["new"]) == ("merged_into", shop.full.public_id)
    gone.update(status="reviewed", merged_into=None)
    page = client.get("/en/editions/KZ-2014/2/").content.decode()
    assert f"<del>{old}</del> → <ins>12.5</ins>" in page
    assert "KZ-2014/2" in client.get("/en/editions/KZ-2014/1/").content.decode()
    told = client.get(f"{API}/KZ-2014/1").json()
    assert (told["superseded_by"], told["previous"]) == ("KZ-2014/2", None)
    assert client.get(f"{API}/KZ-2014/2").json()["previous"] == "KZ-2014/1"


def test_what_changed_since_the_preview_is_not_published(shop: Shop, editor: User) -> None:
    edition = asked(draft(), editor)
    EventRow.objects.filter(event=shop.small[1]).update(csv_line="other")
    work()
    edition.refresh_from_db()
    assert (edition.status, edition.problem_code) == ("draft", "changed-since-preview")
    assert (edition.number, edition.previewed, Export.objects.count()) == (None, "", 0)
    with pytest.raises(publishing_editions.Refused, match="not-previewed"):
        publishing_editions.publish(edition, actor=editor, site=SITE, previewed="")


def test_a_worker_that_dies_leaves_nothing_and_freezing_twice_is_one_edition(
    editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = asked(draft(), editor)

    def dies(*_given: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(publishing_editions, "_finish", dies)
        tasks.do(WorkItem.objects.claim_next())
    edition.refresh_from_db()
    assert (edition.status, edition.number) == ("freezing", None)
    assert not Export.objects.exists() and not EditionEvent.objects.exists()
    with pytest.raises(publishing_editions.Refused, match="not-a-draft"):
        publishing_editions.publish(edition, actor=editor, site=SITE, previewed=edition.previewed)
    WorkItem.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    work()
    before = everything()
    assert [row["status"] for row in before["Edition"]] == ["published"]
    with transaction.atomic():
        WorkItem.objects.request("edition", edition.pk)
    work()
    assert everything() == before


def test_given_up_work_makes_it_a_draft_again(editor: User) -> None:
    edition = asked(draft(), editor)
    run = declustering.request(YEAR, "uhrhammer-1986", {}, actor=editor)
    WorkItem.objects.update(state="parked")
    tasks.sweep()
    edition.refresh_from_db()
    run.refresh_from_db()
    assert (edition.status, edition.problem_code) == ("draft", "work-parked")
    assert (run.status, run.problem_code) == ("failed", "work-parked")


def test_invented_and_real_events_are_never_mixed(shop: Shop) -> None:
    EventRow.objects.filter(event=shop.small[1]).update(synthetic=True)
    assert publishing_editions.preview(draft()).refused == "mixed-synthetic"
    apart = draft(f"{YEAR}&synthetic=false", lists=[
        {"title": "x", "reason": "y", "search": canonical("synthetic=true")}
    ])  # fmt: skip
    assert publishing_editions.preview(apart).refused == "mixed-synthetic"
    nothing = draft("starttime=1950-01-01&endtime=1950-01-02")
    assert publishing_editions.preview(nothing).refused == "empty"


@pytest.mark.parametrize(
    "query", ["limit=5", "minmagnitud=4", "status=automatic", "orderby=magnitude", "starttime=x"]
)
def test_a_search_that_cannot_be_frozen_is_refused(query: str) -> None:
    with pytest.raises(SearchError):
        canonical(query)


def test_the_whole_way_at_the_desk(shop: Shop, desk: Client, client: Client) -> None:
    form = {
        "series": "KZ-2014", "title_en": "The year <2014>", "gaps": "one\ntwo\none",
        "search": f"https://catalogue.example.kz/en/search/?{YEAR}&minkr=",
        "use_nearest-neighbour-2013": "on", "set_nearest-neighbour-2013": "b=0.9 log_eta0=-5",
        "list-TOTAL_FORMS": "2", "list-INITIAL_FORMS": "0",
        "list-0-title": "Blasts", "list-0-reason": "Not tectonic",
        "list-0-search": "eventtype=quarry blast",
        "list-1-title": "", "list-1-reason": "", "list-1-search": "",
    }  # fmt: skip
    wrong = {**form, "set_nearest-neighbour-2013": "c=1", "search": "minkrr=1", "series": "kz/1",
             "list-1-title": "half a list"}  # fmt: skip
    page = desk.post("/en/desk/editions/new", wrong)
    assert page.status_code == 400
    text = page.content.decode()
    for told in ("minkrr", "no parameter", "A list needs"):
        assert told in text, told
    assert desk.post("/en/desk/editions/new", {}).status_code == 400
    assert desk.get("/en/desk/editions/new").status_code == 200
    answer = desk.post("/en/desk/editions/new", form)
    assert answer.status_code == 302
    edition = Edition.objects.get()
    assert edition.gaps == [{"text": "one"}, {"text": "two"}]
    assert edition.search.endswith("status=reviewed%2Cpublished")
    place = f"/en/desk/editions/{edition.pk}/"
    assert client.get(place).status_code == 302 and desk.get(place).status_code == 200
    assert desk.get(f"{place}edit").status_code == 200
    preview = desk.post(f"{place}do", {"do": "preview"})
    assert "The year &lt;2014&gt;" in preview.content.decode()
    seen = preview.context["preview"]
    assert seen.events == (11, 1)
    desk.post(f"{place}do", {"do": "publish", "previewed": seen.digest})
    assert desk.get(place).status_code == 200
    work()
    edition.refresh_from_db()
    assert edition.status == "published"
    assert edition.declustering_runs.get().parameters["log_eta0"] == -5
    assert edition.reference["url"] == "http://testserver/editions/KZ-2014/1/"
    for what in ("publish", "preview", "discard", "nonsense"):
        desk.post(f"{place}do", {"do": what, "previewed": seen.digest})
    assert desk.post(f"{place}edit", form).status_code == 302
    assert Edition.objects.get().sha256 == edition.sha256
    assert desk.get("/en/desk/editions/").status_code == 200
    operator, _new = User.objects.get_or_create(username="an-operator")
    operator.groups.add(Group.objects.get(name="operator"))
    client.force_login(operator)
    assert client.get(place).status_code == 200
    assert client.get("/en/desk/editions/new").status_code == 403
    assert client.post(f"{place}do", {"do": "discard"}).status_code == 403
    discarded = draft()
    desk.post(f"/en/desk/editions/{discarded.pk}/do", {"do": "discard"})
    assert not Edition.objects.filter(pk=discarded.pk).exists()


def test_an_editor_asks_for_the_flags_of_a_selection(desk: Client, client: Client) -> None:
    address = "/en/desk/declustering/"
    assert client.post(address, {}).status_code == 302
    assert desk.post(address, {"method": "magic"}).status_code == 400
    for parameters in ("p1=2", "tau=1", "p1", "p1=nan"):
        wrong = {"search": YEAR, "method": "reasenberg-1985", "parameters": parameters}
        assert desk.post(address, wrong).status_code == 400, parameters
    ask = {"search": YEAR, "method": "reasenberg-1985", "parameters": "rfact=20"}
    place = desk.post(address, ask)["Location"]
    work()
    run = DeclusteringRun.objects.get()
    assert run.status == "done" and run.parameters["rfact"] == 20
    assert run.counts["events"] == 12 == run.labels.count()
    assert run.counts["without_size"] == 0
    assert desk.get(place).status_code == 200 and desk.get(address).status_code == 200
    file = b"".join(desk.get(f"{place}file").streaming_content).decode()
    assert file.splitlines()[0].startswith("event_id,role (reasenberg-1985 ")
    assert len(file.splitlines()) == 13


@pytest.mark.parametrize(
    "path",
    [
        "KZ-2014/9",
        "KZ-2014/99999999999",
        "x%00y/1",
        "KZ-2014/1/files/exe",
        "KZ-2014/1/citation.doc",
    ],
)
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    answer = client.get(f"{API}/{path}")
    assert answer.status_code == 404 and answer.json()["error"]
    assert client.get(f"/en/editions/{path}/").status_code == 404
