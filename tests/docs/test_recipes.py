"""The recipes of ``docs/recipes.md`` are run as they stand, against a portal of the tests."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from django.contrib.gis.gdal import DataSource
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.test import override_settings
from django.test.testcases import LiveServerThread

from portal.stream.log import Log
from processing import tasks
from processing.models import WorkItem
from tests.catalog.shop import Shop, empty, fill
from tests.conftest import sow
from tests.portal.test_stream import running

pytestmark = pytest.mark.django_db(databases=["default", "download", "progress"])

RECIPES = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text()
BLOCKS = re.findall(r"^```(\S+) ?(\S*)\n(.*?)^```$", RECIPES, re.MULTILINE | re.DOTALL)
SITE = "https://catalogue.example.kz"


def blocks(language: str, mark: str = "tested") -> list[str]:
    found = [text for name, marked, text in BLOCKS if (name, marked) == (language, mark)]
    assert found, f"there is no {language} block marked {mark}"
    return found


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker) -> Iterator[Shop]:
    """A small catalogue, committed: the server reads it over connections of its own."""
    with django_db_blocker.unblock():
        empty()
        sow()
        yield fill(small_ones=6)
        empty()
        connections.close_all()


@pytest.fixture(scope="module")
def site(shop: Shop) -> Iterator[str]:
    """The address of a portal that has a catalogue and a stream."""
    with running(Log(), follow=True) as stream:
        thread = LiveServerThread("127.0.0.1", WSGIHandlerWithoutFiles)
        thread.daemon = True
        with override_settings(ALLOWED_HOSTS=["127.0.0.1"], STREAM_URL=stream.url):
            thread.start()
            thread.is_ready.wait()
            assert thread.error is None
            yield f"http://127.0.0.1:{thread.port}"
            thread.terminate()
            thread.join()


class WSGIHandlerWithoutFiles(WSGIHandler):
    """What the server's thread asks of its handler, without static files."""

    def __init__(self, handler: WSGIHandler) -> None:
        super().__init__()


@pytest.mark.parametrize("text", blocks("python"), ids=lambda text: text.split()[1])
def test_python(
    site: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if "pandas" in text:
        pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    exec(compile(text.replace(SITE, site), "docs/recipes.md", "exec"), {"__name__": "recipe"})
    assert capsys.readouterr().out.strip()


def work_off() -> None:
    """What a worker does; its commits are seen by the server, unlike those of a test."""
    while group := WorkItem.objects.claim_next():
        tasks.do(group)
    connections.close_all()


def test_geopackage(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = 0

    def pause(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        assert turns < 5, "the export is not made"
        worker = Thread(target=work_off)
        worker.start()
        worker.join()

    (text,) = blocks("python", "tested-with-exports")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", pause)
    exec(compile(text.replace(SITE, site), "docs/recipes.md", "exec"), {"__name__": "recipe"})
    assert sum(len(layer) for layer in DataSource(str(tmp_path / "events.gpkg"))) >= 6


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl(site: str, tmp_path: Path, shop: Shop) -> None:
    printed = []
    for text in blocks("bash"):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text.replace(SITE, site)],
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, text + done.stderr
        printed.append(done.stdout)
    count, again, changes, stream = printed
    assert count.strip() == "6"
    assert len((tmp_path / "events.csv").read_text().splitlines()) == 7
    assert "<arrival " in (tmp_path / "events.xml").read_text()
    assert again.strip() == "304"
    assert f'"id": "{shop.deleted.public_id}"' in changes
    assert "event: merged\n" in stream


def test_qgis_reads_a_search_by_its_address(site: str, shop: Shop) -> None:
    (address,) = blocks("text", "tested-by-gdal")
    layer = DataSource(address.strip().replace(SITE, site))[0]
    assert (len(layer), layer.geom_type.name) == (6, "Point")
    assert {"time", "KR", "magnitude", "place"} <= set(layer.fields)


def test_the_addresses_that_are_not_run_are_there(site: str) -> None:
    with urlopen(f"{site}/feeds/kr10_month.geojson") as answer:
        assert answer.status == 200
