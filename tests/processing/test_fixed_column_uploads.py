"""Fixed-column bulletins and archives all the way: uploaded, read, stored, or refused with why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from catalog.formats import archives
from catalog.models import (
    Agency,
    BulletinEntry,
    BulletinReading,
    Event,
    Magnitude,
    Origin,
    Pick,
)
from processing.models import ProcessingRun
from tests.catalog.formats import css30_tables
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
    problems: tuple[str, ...] = ()
    reason: str = ""


def css30(**changes: bytes | None) -> bytes:
    held = {**css30_tables.database(), **changes}
    return css30_tables.archive({n: data for n, data in held.items() if data is not None})


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.event", css30_tables.database()["event"])
        archive.writestr("b.origin", bytes(20 * 1024 * 1024))
    return packed.getvalue()


def with_member(name: str, data: bytes) -> bytes:
    files = [(f"db.{table}", rows) for table, rows in css30_tables.database().items()]
    return archives.pack([*files, (name, data)])


UPLOADS = (
    Upload("CSS3.0", lambda: golden("synthetic_css30.zip"), "css30", 2, 3, 4, 1),
    Upload(
        "CSS3.0 without arrivals",
        lambda: css30(arrival=None),
        "css30",
        *(2, 3, 3, 0),
        problems=("missing-block",),
    ),
    Upload(
        "CSS3.0, arrivals alone",
        lambda: golden("synthetic_css30.arrival"),
        "css30",
        *(0, 0, 4, 4),
        problems=("missing-block",),
    ),
    Upload(
        "CSS3.0 with a wrapped row",
        lambda: css30(arrival=css30_tables.database()["arrival"].replace(b" KZ", b"\nKZ") + b"x\n"),
        "css30",
        *(2, 3, 4, 1),
        problems=("wrong-width",),
    ),
    Upload("archive bomb", bomb, "css30", reason="packed-too-densely"),
    Upload(
        "archive in the archive",
        lambda: with_member("inner.dat", archives.pack([("x", b"y")])),
        "css30",
        reason="archive-refused",
    ),
    Upload(
        "a path that leads outside",
        lambda: with_member("../../etc/cron.d/x", b"row\n"),
        "css30",
        reason="archive-refused",
    ),
    Upload("half an archive", lambda: css30()[:-300], "css30", reason="archive-damaged"),
    Upload("HYPO71 phases", lambda: golden("synthetic_hypo71.pha"), "hypo71-phase", 0, 0, 10, 10),
    Upload("HYPO71 summary", lambda: golden("synthetic_hypo71.sum"), "hypo71-summary", 2, 2),
    Upload(
        "HYPO71 summary without hemispheres",
        lambda: golden("synthetic_hypo71.sum").split(b"\n", 1)[1],
        "hypo71-summary",
        reason="missing-field",
    ),
    Upload("USSR catalogue", lambda: golden("synthetic_ussr_1962.txt"), "wdcb-1962", 3, 3),
    Upload(
        "USSR catalogue, a short line",
        lambda: golden("synthetic_ussr_1962.txt") + b"1980\n",
        "wdcb-1962",
        *(3, 3),
        problems=("wrong-width",),
    ),
    Upload("FDSN text", lambda: golden("synthetic_events.fdsn.txt"), "fdsn-text", 3, 3),
    Upload(
        "FDSN text, a bar too many",
        lambda: golden("synthetic_events.fdsn.txt") + b"4|2014-11-14T01:00:00|1|2|" + b"|" * 12,
        "fdsn-text",
        *(3, 3),
        problems=("wrong-width",),
    ),
)


@pytest.mark.django_db(databases=["default", "progress"])
@pytest.mark.parametrize("upload", UPLOADS, ids=lambda u: u.name)
def test_a_file_is_stored_or_refused_with_its_reason(
    upload: Upload, token: str, agency: Agency
) -> None:
    answer = post(token, upload.data())
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
    found = set(reading.problems.values_list("code", flat=True))
    assert set(upload.problems) <= found
    standing = BulletinEntry.objects.filter(superseded_at=None).count()
    assert Event.objects.alive().count() == standing


@pytest.mark.django_db(databases=["default", "progress"])
def test_the_energy_class_of_the_ussr_catalogue_is_kept_as_it_is_called(
    token: str, agency: Agency
) -> None:
    post(token, golden("synthetic_ussr_1962.txt"))
    work_off()
    reported = Magnitude.objects.filter(type="K").values_list("value", flat=True)
    assert sorted(reported) == [9.1, 14.9]
