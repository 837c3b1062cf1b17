"""Tables and workbooks all the way: uploaded, recognised, read, stored, or refused with why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from openpyxl import Workbook

from catalog.formats import spreadsheet
from catalog.models import (
    Agency,
    BulletinEntry,
    BulletinReading,
    FocalMechanism,
    IntensityObservation,
    Origin,
    Pick,
)
from processing.models import ProcessingRun
from tests.catalog.formats.test_spreadsheet import HEADINGS, ROW, changed, workbook
from tests.processing.test_bad_input import agency, golden, operator, post, token, work_off

__all__ = ["agency", "operator", "token"]  # fixtures


@dataclass(frozen=True)
class Upload:
    """One file and what is stored of it; ``reason`` is why a run fails."""

    name: str
    data: Callable[[], bytes]
    format: str
    entries: int = 0
    origins: int = 0
    picks: int = 0
    loose: int = 0  # picks without an event
    mechanisms: int = 0
    intensities: int = 0
    problems: tuple[str, ...] = ()
    reason: str = ""


def dated() -> bytes:
    """Return a workbook whose times are Excel numbers and whose last cell is a bare formula."""
    book = Workbook()
    book.active.append(HEADINGS)
    book.active.append([1, datetime(2014, 11, 14, 1, 24, 16, 500000), *ROW[2:5], "=1+1"])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def bomb() -> bytes:
    return changed(
        workbook(HEADINGS, ROW),
        "xl/worksheets/sheet1.xml",
        lambda part: part.replace(b"</sheetData>", b"<row/>" * 3_000_000 + b"</sheetData>"),
    )


def with_macros() -> bytes:
    stream = io.BytesIO(workbook(HEADINGS, ROW))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    return stream.getvalue()


UPLOADS = (
    Upload(
        "bulletin table",
        lambda: golden("synthetic_bulletin_table.csv"),
        "bulletin-csv",
        *(3, 3, 5, 2, 0, 2),
        problems=("not-a-time", "unknown-value"),
    ),
    Upload(
        "year book, catalogue",
        lambda: golden("synthetic_year_book_catalogue.csv"),
        "year-book-catalogue",
        *(4, 4, 0, 0, 0, 2),
        problems=("unused-text", "not-a-time", "out-of-range", "not-a-number"),
    ),
    Upload(
        "year book, mechanisms",
        lambda: golden("synthetic_year_book_mechanisms.csv"),
        "year-book-mechanisms",
        *(3, 2, 0, 0, 4),
        problems=("inconsistent-mechanism", "missing-field"),
    ),
    Upload(
        "year book, felt effects",
        lambda: golden("synthetic_year_book_macroseismic.csv"),
        "year-book-intensity",
        *(2, 2, 0, 0, 0, 6),
        problems=("not-a-number",),
    ),
    Upload("workbook", lambda: workbook(HEADINGS, ROW), "catalogue-csv", 1, 1),
    Upload(
        "workbook with Excel dates and a formula",
        dated,
        "catalogue-csv",
        *(1, 1),
        problems=("formula-without-value",),
    ),
    Upload("workbook bomb", bomb, "catalogue-csv", reason="packed-too-densely"),
    Upload("workbook with macros", with_macros, "catalogue-csv", reason="workbook-macros"),
    Upload(
        "old workbook",
        lambda: spreadsheet.OLE2 + bytes(600),
        "catalogue-csv",
        reason="unsupported-version",
    ),
)


@pytest.mark.django_db(databases=["default", "progress"])
@pytest.mark.parametrize("upload", UPLOADS, ids=lambda u: u.name)
def test_a_table_is_stored_or_refused_with_its_reason(
    upload: Upload, token: str, agency: Agency
) -> None:
    answer = post(token, upload.data(), format=upload.format)
    assert answer.status_code == 202, answer.content
    work_off()
    run, reading = ProcessingRun.objects.get(), BulletinReading.objects.get()
    assert reading.format == upload.format
    if upload.reason:
        assert (run.status, run.reason_code) == ("failed", upload.reason)
    else:
        assert (run.status, reading.status) == ("succeeded", "read")
    assert BulletinEntry.objects.count() == upload.entries
    assert Origin.objects.filter(entry__isnull=False).count() == upload.origins
    assert Pick.objects.count() == upload.picks
    assert Pick.objects.filter(entry=None).count() == upload.loose
    assert FocalMechanism.objects.count() == upload.mechanisms
    assert IntensityObservation.objects.count() == upload.intensities
    assert set(upload.problems) <= set(reading.problems.values_list("code", flat=True))


@pytest.mark.django_db(databases=["default", "progress"])
def test_a_workbook_is_recognised_without_being_told(token: str, agency: Agency) -> None:
    assert post(token, dated()).status_code == 202
    work_off()
    assert BulletinReading.objects.get().format == "catalogue-csv"
    assert Origin.objects.get(entry__isnull=False).time == datetime(
        2014, 11, 14, 1, 24, 16, 500000, UTC
    )
