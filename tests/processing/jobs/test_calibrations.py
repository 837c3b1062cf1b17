"""Calibrations from the catalogue: fitted, kept, accepted; real and made-up events apart."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from catalog.models import Agency, User
from processing import pipeline
from processing.core.magnitude_scales import BY_ID
from processing.jobs import calibrations as job
from processing.models import MagnitudeCalibration, ProcessingRun, WorkItem
from tests.processing.calibration_events import TERMS, assess, curve, lay_events

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

MPVA = BY_ID["MPVA"]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("fit_calibration", *arguments, stdout=out)
    return out.getvalue()


def open_events() -> set[int]:
    return set(
        WorkItem.objects.filter(kind="recompute", state="open").values_list("object_id", flat=True)
    )


def follow() -> None:
    """Do the work that accepting asked for, and leave that of the events."""
    for item in WorkItem.objects.filter(kind=job.KIND, state="open"):
        claimed = WorkItem.objects.claim(item.pk)
        assert claimed is not None
        pipeline.run_items([claimed])


def test_a_curve_is_fitted_kept_accepted_and_withdrawn():
    events = lay_events(25)
    WorkItem.objects.all().delete()
    assert "dry run: nothing stored" in run("MPVA", "--dry-run")
    assert "version MPVA-SOME-1 is proposed" in run("MPVA", "--agency", "SOME")
    row = MagnitudeCalibration.objects.get()
    assert (row.event_count, row.station_count, row.status) == (25, 6, "proposed")
    assert (row.synthetic, row.kind, row.agency.code) == (False, "sigma", "SOME")
    known = row.calibration
    km = np.geomspace(known.distance_km[0], known.distance_km[1], 9)[1:-1]
    assert np.abs(known.sigma_at(km) - curve(km)).max() < 0.15
    for number, term in enumerate(TERMS):
        assert known.term(f".CS{number}") == pytest.approx(term, abs=0.12)
    assert row.residual_sigma < 0.2 and len(row.residuals) == row.reading_count
    assert job.calibrations_in_force() == {}

    actor = User.objects.create(username="editor")
    accepted = job.accept(row, actor, "looks right")
    assert accepted is not None
    assert job.calibrations_in_force() == {"MPVA": known}
    assert job.calibrations_in_force(synthetic=True) == {}
    assert (row.status_changed_by, row.note) == (actor, "looks right")
    follow()
    assert open_events() == {event.pk for event in events}
    assert set(accepted.items.values_list("kind", flat=True)) == {job.KIND, "recompute"}
    with pytest.raises(job.Refused, match="stands so already"):
        job.accept(row, actor)

    other = job.make(job.Choice(MPVA, agency=row.agency), "MPVA-2014")
    job.accept(other, actor)
    row.refresh_from_db()
    assert row.status == "withdrawn"
    assert job.calibrations_in_force()["MPVA"].version == "MPVA-2014"
    assert job.withdraw(other, actor) is not None
    assert job.calibrations_in_force() == {}
    assert ProcessingRun.objects.filter(kind="recompute").count() == 3
    with pytest.raises(CommandError, match="exists and is never edited"):
        run("MPVA", "--version", "MPVA-2014")


def test_what_was_fitted_is_neither_edited_nor_deleted_but_synthetic_goes():
    lay_events(22, synthetic=True)
    with pytest.raises(CommandError, match="No event has a reported value of MPVA"):
        run("MPVA")
    assert "version synthetic-MPVA-all-1" in run("MPVA", "--synthetic")
    row = MagnitudeCalibration.objects.get()
    job.accept(row)
    assert job.calibrations_in_force() == {}
    assert job.calibrations_in_force(synthetic=True).keys() == {"MPVA"}
    for statement in (
        "UPDATE processing_magnitudecalibration SET sigma = '[1, 2]'",
        "UPDATE processing_magnitudecalibration SET synthetic = false",
        "DELETE FROM processing_magnitudecalibration",
    ):
        with (
            pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor
        ):  # fmt: skip
            cursor.execute(statement)
    User.objects.create(username="remover")
    call_command("remove_synthetic", user="remover", yes=True, stdout=StringIO())
    assert not MagnitudeCalibration.objects.exists()


def test_an_offset_follows_one_agency_and_takes_out_what_was_in_force():
    events = lay_events(24)
    terms = {"A": 0.3, "B": 0.0, "C": -0.3, "D": 0.1}
    scale = BY_ID["KR_WSG"]
    with pytest.raises(job.Refused, match=r"say whose.*SOME"):
        job.fit(job.Choice(scale))
    agency = Agency.objects.get(code="SOME")
    with pytest.raises(job.Refused, match="24 events have a reported value"):
        job.fit(job.Choice(scale, agency))
    assess(events, terms)
    row = job.make(job.Choice(scale, agency))
    assert (row.kind, row.version, row.station_count) == ("offset", "KR_WSG-SOME-1", 4)
    assert row.offset == pytest.approx(0.95, abs=0.1)  # the median of the stations
    assert row.calibration.term(".A") == pytest.approx(0.25, abs=0.1)
    # Values that were computed with a calibration are taken without it.
    told = [{"network": "", "code": "A", "distance_km": 9.0, "value": 10.0, "outcome": "used"}]
    bare = job._uncalibrated(job.Choice(scale, agency), told[0], row.calibration, row.version)
    assert bare == pytest.approx(10.0 - row.offset - row.calibration.term(".A"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("MPVB",), "There is no scale “MPVB”. Expected one of: KR_WSG"),
        (("mb",), "mb has a published formula"),
        (("MPVA", "--agency", "NOPE"), "there is no agency 'NOPE'"),
        (("MPVA", "--from", "yesterday"), "is not a time"),
        (("MPVA", "--version", "a b"), "is no name of a version"),
        (("MPVA",), "No event has a reported value of MPVA"),
    ],
)
def test_what_cannot_be_fitted_says_why(arguments, message):
    with pytest.raises(CommandError, match=message):
        run(*arguments)
    assert not MagnitudeCalibration.objects.exists()
