"""Every real file at hand goes through the upload, and what becomes of it is written down here.

The files are not part of the project: they stand beside the checkout, in ``../shared/data``, and
the tests skip where that is absent. A new file there must be given an outcome. Long lists are read
from their first rows; ``bin/test --full`` reads all of them.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from catalog.formats import read
from catalog.formats.records import EventRecord
from catalog.models import (
    Agency,
    BulletinEntry,
    BulletinFile,
    BulletinProblem,
    BulletinReading,
    ColumnMapping,
    Event,
    FocalMechanism,
    Magnitude,
    Origin,
    Pick,
    Report,
    User,
)
from processing import tasks
from processing.desk import uploads
from processing.jobs.receiving import Refused
from processing.models import ProcessingRun, WorkItem
from tests.processing.test_bad_input import agency, operator, work_off

__all__ = ["agency", "operator"]  # fixtures

SHARED = Path(__file__).parents[3] / "shared" / "data"
FOLDERS = ("bulletins", "catalogs", "mechanisms", "stations")
#: Lines read of a long list, headings and remarks among them.
PART_LINES = 400


def columns(*fields: str) -> list[dict[str, Any]]:
    """Return columns by their place; an empty name is a column without a meaning."""
    return [{"field": name, "number": n} for n, name in enumerate(fields, start=1) if name]


def headed(**names: str) -> list[dict[str, Any]]:
    """Return columns by their heading."""
    return [{"field": name, "heading": heading} for name, heading in names.items()]


#: What a person says of lists that no reader knows.
MAPPINGS: dict[str, dict[str, Any]] = {
    "scec-dc": {
        "delimiter": "spaces",
        "has_headings": False,
        "columns": columns(
            *("date", "time", "event_type", "", "magnitude", "magnitude_type"),
            *("latitude", "longitude", "depth_km", "", "event_id", "used_phase_count"),
        ),
    },
    "scsn": {
        "delimiter": "fixed",
        "has_headings": False,
        "columns": [
            {"field": name, "first": first, "last": last}
            for name, first, last in (
                *(("year", 1, 4), ("month", 6, 7), ("day", 9, 10)),
                *(("hour", 13, 14), ("minute", 16, 17), ("second", 19, 23)),
                *(("latitude_degrees", 25, 27), ("latitude_minutes", 28, 33)),
                *(("longitude_degrees", 34, 37), ("longitude_minutes", 38, 43)),
                *(("magnitude", 47, 50), ("depth_km", 52, 59), ("used_phase_count", 60, 63)),
                *(("standard_error", 65, 71), ("event_id", 73, 80)),
            )
        ],
    },
    "noaa": {
        "delimiter": "tab",
        "columns": headed(
            event_id="I_D",
            year="YEAR",
            month="MONTH",
            day="DAY",
            hour="HOUR",
            minute="MINUTE",
            second="SECOND",
            depth_km="FOCAL_DEPTH",
            latitude="LATITUDE",
            longitude="LONGITUDE",
            region="LOCATION_NAME",
            i0="INTENSITY",
            magnitude="EQ_MAG_UNK",
            **{f"scale:{scale}": f"EQ_MAG_{scale.upper()}" for scale in ("Mw", "MS", "mb", "ML")},
        ),
    },
    "fdsnws-csv": {
        "has_headings": False,
        "columns": columns(
            *("event_id", "origin_time", "latitude", "longitude", "depth_km"),
            *("magnitude", "region"),
        ),
    },
    "gcmt-sample": {
        "columns": headed(
            event_id="eventID",
            agency="Agency",
            year="year",
            month="month",
            day="day",
            hour="hour",
            minute="minute",
            second="second",
            time_uncertainty="timeError",
            longitude="longitude",
            latitude="latitude",
            depth_km="depth",
            depth_uncertainty_km="depthError",
            magnitude="magnitude",
        ),
        "magnitude_type": "Mw",
    },
}


@dataclass(frozen=True)
class Outcome:
    """What becomes of a file: refused with a code, or read as a format with so many rows."""

    path: str
    format: str = ""
    entries: int = 0
    picks: int = 0
    loose: int = 0  # picks without an event
    mechanisms: int = 0
    problems: dict[str, int] = field(default_factory=dict)  # no station is known beforehand
    refused: str = ""
    mapping: str = ""
    part: bool = False  # some rows only, because the list is long
    skip: int = 0  # rows left out before them
    long: bool = False

    def __str__(self) -> str:
        what = f" by {self.mapping}" if self.mapping else ""
        return f"{self.path}{what}{' (part)' if self.part else ''}"


OUTCOMES: tuple[Outcome, ...] = (
    Outcome("bulletins/fdsnws_event-1.txt", "fdsn-text", 5),
    Outcome("bulletins/fdsnws_event-2.txt", "fdsn-text", 2),
    Outcome("bulletins/fdsnws_event-3.txt", "fdsn-text", 4),
    Outcome(
        "bulletins/fdsnws_event-6.txt",
        "quakeml",
        5,
        problems={"dangling-reference": 3, "xml-unknown-element": 5},
    ),
    Outcome("bulletins/fdsnws_event-8.txt", refused="unknown-format"),
    Outcome("bulletins/fdsnws_event-8.txt", "mapped-table", 5, mapping="fdsnws-csv"),
    Outcome("bulletins/neic_locator/RayLocInput100620_468.txt", refused="unknown-format"),
    Outcome("bulletins/neic_locator/RayLocInput5112424_57.txt", refused="unknown-format"),
    Outcome("bulletins/neic_locator/cusInput.json", refused="unknown-format"),
    Outcome("bulletins/neic_locator/cusVerification.json", refused="unknown-format"),
    Outcome("bulletins/neic_locator/deepInput.json", refused="unknown-format"),
    Outcome("bulletins/neic_locator/deepVerification.json", refused="unknown-format"),
    Outcome("bulletins/neic_locator/wusInput.json", refused="unknown-format"),
    Outcome("bulletins/neic_locator/wusVerification.json", refused="unknown-format"),
    Outcome("bulletins/neic_pde_text/20031203.0737_FIJI.neic", refused="unknown-format"),
    Outcome("bulletins/neic_pde_text/20040224.0227_MOROCCO.neic", refused="unknown-format"),
    Outcome(
        "bulletins/scml_event-5_full.xml",
        "scml",
        1,
        picks=127,
        mechanisms=1,
        problems={"unknown-station": 127, "dangling-reference": 1, "xml-unknown-element": 12},
    ),
    Outcome(
        "bulletins/scml_scevent/tb1_1.xml",
        "scml",
        1,
        picks=14,
        problems={"unknown-station": 14, "xml-unknown-element": 5},
    ),
    Outcome(
        "bulletins/scml_scevent/tb1_1_2.xml",
        "scml",
        2,
        picks=26,
        problems={"unknown-station": 21, "xml-unknown-element": 11},
    ),
    Outcome(
        "bulletins/scml_scevent/tb1_2.xml",
        "scml",
        1,
        picks=12,
        problems={"unknown-station": 7, "xml-unknown-element": 6},
    ),
    Outcome(
        "bulletins/scml_scevent/tb2_1.xml",
        "scml",
        1,
        picks=14,
        problems={"unknown-station": 14, "xml-unknown-element": 5},
    ),
    Outcome(
        "bulletins/scml_scevent/tb2_2.xml",
        "scml",
        1,
        picks=12,
        problems={"unknown-station": 7, "xml-unknown-element": 6},
    ),
    Outcome(
        "bulletins/scml_scevent/tb2_2a.xml",
        "scml",
        1,
        picks=12,
        problems={"unknown-station": 7, "xml-unknown-element": 6},
    ),
    Outcome(
        "bulletins/scml_scevent/tb2_2b.xml",
        "scml",
        1,
        picks=12,
        problems={"unknown-station": 7, "xml-unknown-element": 6},
    ),
    Outcome("bulletins/usgs_us2000ahv0_phases.csv", refused="unknown-format"),
    Outcome(
        "catalogs/gcmt_box_upto2013_2015-2018.csv.gz",
        "catalogue-csv",
        399,
        mechanisms=399,
        problems={"unknown-column": 8, "out-of-range": 158},
        part=True,
    ),
    Outcome(
        "catalogs/gcmt_box_upto2013_2015-2018.csv.gz",
        "catalogue-csv",
        998,
        mechanisms=998,
        problems={"unknown-column": 8, "out-of-range": 532},
        long=True,
    ),
    Outcome(
        "catalogs/isc-gem-cat_v3_dates-glued.csv.gz",
        "catalogue-csv",
        399,
        problems={"unknown-column": 15},
        part=True,
    ),
    Outcome(
        "catalogs/isc-gem-cat_v3_dates-glued.csv.gz",
        "catalogue-csv",
        24375,
        problems={"unknown-column": 15},
        long=True,
    ),
    Outcome("catalogs/isc_box_upto2013_2015-2018.csv.gz", "catalogue-csv", 399, part=True),
    Outcome("catalogs/isc_box_upto2013_2015-2018.csv.gz", "catalogue-csv", 21938, long=True),
    Outcome("catalogs/isc_global_2003-2006.csv.gz", "catalogue-csv", 399, part=True),
    Outcome("catalogs/isc_global_2003-2006.csv.gz", "catalogue-csv", 150883, long=True),
    Outcome(
        "catalogs/merge_small/comcat_sample.csv",
        "catalogue-csv",
        5,
        problems={"duplicate-column": 1, "unknown-column": 7},
    ),
    Outcome("catalogs/merge_small/gcmt_sample.csv", refused="unknown-format"),
    Outcome("catalogs/merge_small/gcmt_sample.csv", "mapped-table", 4, mapping="gcmt-sample"),
    Outcome(
        "catalogs/merge_small/isc_sample.csv",
        "catalogue-csv",
        5,
        mechanisms=3,
        problems={"unknown-column": 16, "unknown-value": 3},
    ),
    Outcome("catalogs/noaa_ncei_signif_4000BC-2018.txt", refused="unknown-format"),
    Outcome(
        "catalogs/noaa_ncei_signif_4000BC-2018.txt",
        "mapped-table",
        386,
        problems={"not-a-time": 9, "missing-field": 5},
        mapping="noaa",
        part=True,
        skip=3000,
    ),
    Outcome(
        "catalogs/noaa_ncei_signif_4000BC-2018.txt",
        "mapped-table",
        4598,
        problems={"not-a-time": 795, "missing-field": 104, "implausible-time": 598},
        mapping="noaa",
        long=True,
    ),
    Outcome("catalogs/scedc_2010_SCEC_DC.catalog.gz", refused="unknown-format"),
    Outcome(
        "catalogs/scedc_2010_SCEC_DC.catalog.gz", "mapped-table", 390, mapping="scec-dc", part=True
    ),
    Outcome(
        "catalogs/scedc_2010_SCEC_DC.catalog.gz",
        "mapped-table",
        41959,
        mapping="scec-dc",
        long=True,
    ),
    Outcome("catalogs/scedc_2010_SCSN.catalog.gz", refused="unknown-format"),
    Outcome("catalogs/scedc_2010_SCSN.catalog.gz", "mapped-table", 390, mapping="scsn", part=True),
    Outcome(
        "catalogs/scedc_2010_SCSN.catalog.gz", "mapped-table", 41959, mapping="scsn", long=True
    ),
    Outcome(
        "catalogs/usgs_all_month_2016.csv.gz",
        "catalogue-csv",
        399,
        problems={"duplicate-column": 1},
        part=True,
    ),
    Outcome(
        "catalogs/usgs_all_month_2016.csv.gz",
        "catalogue-csv",
        8552,
        problems={"duplicate-column": 1},
        long=True,
    ),
    Outcome("catalogs/usgs_box_upto2013_2015-2018.csv.gz", "catalogue-csv", 399, part=True),
    Outcome("catalogs/usgs_box_upto2013_2015-2018.csv.gz", "catalogue-csv", 4930, long=True),
    Outcome(
        "mechanisms/C201009031635A.quakeml",
        "quakeml",
        1,
        mechanisms=1,
        problems={"xml-unknown-element": 13},
    ),
    Outcome("mechanisms/gcmt_2005_global.ndk.gz", "ndk", 80, mechanisms=80, part=True),
    Outcome("mechanisms/gcmt_2005_global.ndk.gz", "ndk", 4010, mechanisms=4010, long=True),
    Outcome("mechanisms/pdl/eqxml_event.xml", refused="unknown-format"),
    Outcome("mechanisms/pdl/eqxml_quarry.xml", refused="unknown-format"),
    Outcome(
        "mechanisms/pdl/quakeml_mt_usb00083i6.xml",
        "quakeml",
        1,
        mechanisms=1,
        # Its tensor is in dyn cm: 2.8e24 for an Mww of 5.6.
        problems={"xml-unknown-element": 2, "moment-unit": 1},
    ),
    Outcome(
        "mechanisms/pdl/us_focal-mechanism_usc00053hg-neic-mwc_1311537586000.xml",
        refused="unknown-format",
    ),
    Outcome("mechanisms/pdl/us_origin_usc00053hg_1311534397000.xml", refused="unknown-format"),
    Outcome("mechanisms/wsm2016_tibet_subset.csv", refused="unknown-format"),
    Outcome("stations/IR2_stalist.txt.gz", refused="station-list"),
    Outcome("stations/ISC.STN.gz", refused="station-list"),
    Outcome("stations/IU.KBL.stationxml", refused="station-list"),
    Outcome("stations/isc_stalist.csv", refused="station-list"),
)


def shared(path: str) -> Path:
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"../shared/data/{path} is not there")
    return found


def content(outcome: Outcome) -> bytes:
    """Return a file's bytes, or its headings and some rows, packed again if the file is."""
    data = shared(outcome.path).read_bytes()
    if not outcome.part:
        return data
    packed = outcome.path.endswith(".gz")
    lines = iter(io.BytesIO(gzip.decompress(data) if packed else data))
    heading = next(lines)
    rows = islice(lines, outcome.skip, outcome.skip + PART_LINES - 1)
    part = b"".join((heading, *rows))
    return gzip.compress(part, mtime=0) if packed else part


def send(name: str, data: bytes, user: User, mapping: str = "") -> ProcessingRun:
    """Upload a file and read it, not yet associating its events."""
    wanted = ""
    if mapping:
        ColumnMapping.objects.get_or_create(
            name=mapping, defaults={"definition": MAPPINGS[mapping], "created_by": user}
        )
        wanted = f"mapped-table:{mapping}"
    taken = uploads.take(name, [data], user, agency="AGA", format=wanted)
    item = WorkItem.objects.claim(WorkItem.objects.get(kind="read", run=taken.run).pk)
    assert item is not None
    tasks.do([item])
    return ProcessingRun.objects.get(pk=taken.run.pk)


def test_every_file_has_an_outcome() -> None:
    there = {
        str(path.relative_to(SHARED))
        for folder in FOLDERS
        for path in shared(folder).rglob("*")
        if path.is_file()
    }
    assert there == {outcome.path for outcome in OUTCOMES}


def cases() -> list[Any]:
    return [
        pytest.param(o, id=str(o), marks=[pytest.mark.long] if o.long else []) for o in OUTCOMES
    ]


@pytest.mark.django_db(databases=["default", "progress"])
@pytest.mark.parametrize("outcome", cases())
def test_a_real_file_is_read_or_refused_as_written_here(
    outcome: Outcome, operator: User, agency: Agency
) -> None:
    name = outcome.path.rsplit("/", 1)[-1]
    data = content(outcome)
    if outcome.refused:
        with pytest.raises(Refused) as refused:
            send(name, data, operator)
        assert refused.value.code == outcome.refused
        assert not BulletinFile.objects.exists()
        return
    run = send(name, data, operator, outcome.mapping)
    reading = BulletinReading.objects.get()
    assert (run.reason_code, reading.status) == ("", "read")
    found = Outcome(
        outcome.path,
        reading.format,
        BulletinEntry.objects.count(),
        Pick.objects.count(),
        Pick.objects.filter(entry=None).count(),
        FocalMechanism.objects.count(),
        dict(Counter(BulletinProblem.objects.values_list("code", flat=True))),
        mapping=outcome.mapping,
        part=outcome.part,
        skip=outcome.skip,
        long=outcome.long,
    )
    assert found == outcome
    assert b"".join(BulletinFile.objects.get().iter_bytes()) == data


def rows_of(*names: str) -> tuple[bytes, list[list[bytes]]]:
    """Return the heading of lists of one layout and the lines of each below it."""
    lists = [
        gzip.decompress(shared(f"catalogs/{name}").read_bytes()).splitlines() for name in names
    ]
    headings = {lines[0] for lines in lists}
    assert len(headings) == 1
    return headings.pop(), [lines[1:] for lines in lists]


@pytest.mark.django_db(databases=["default", "progress"])
def test_one_catalogue_in_two_lists_and_a_revised_one_updates_and_does_not_double(
    operator: User, agency: Agency
) -> None:
    heading, (box, everywhere) = rows_of(
        "isc_box_upto2013_2015-2018.csv.gz", "isc_global_2003-2006.csv.gz"
    )
    again = set(everywhere)
    both = [row for row in box if row in again]
    assert len(both) == 2332  # the lists overlap, and say the same of these events
    first, second = both[:12], both[4:16]
    send("isc_box.csv", b"\n".join((heading, *first)), operator)
    work_off()
    known = set(Event.objects.values_list("public_id", flat=True))
    assert Report.objects.count() == 12

    send("isc_global.csv", b"\n".join((heading, *second)), operator)
    work_off()
    assert Report.objects.count() == Report.objects.filter(event__isnull=False).count() == 16
    assert Event.objects.alive().count() == len(known) + 4
    assert Origin.objects.filter(entry__isnull=False, superseded_at=None).count() == 16

    # The next edition of the list: one magnitude is another, the ids are the same.
    cells = second[-1].split(b",")
    cells[3] = b"%.1f" % (float(cells[3]) + 0.3)
    send("isc_global_2.csv", b"\n".join((heading, *second[:-1], b",".join(cells))), operator)
    work_off()
    assert Report.objects.count() == 16
    assert Event.objects.alive().count() == len(known) + 4
    event = Report.objects.get(key=f"id:{cells[0].decode()}").event
    current = Magnitude.objects.filter(event=event, entry__isnull=False, superseded_at=None)
    assert [m.value for m in current] == [float(cells[3])]


@pytest.mark.django_db(databases=["default", "progress"])
def test_a_later_edition_in_another_layout_updates_by_event_id(
    operator: User, agency: Agency
) -> None:
    """The USGS revised five events of the month in Central Asia before the longer list was made."""
    month, box = (
        gzip.decompress(shared(f"catalogs/{name}").read_bytes()).splitlines()
        for name in ("usgs_all_month_2016.csv.gz", "usgs_box_upto2013_2015-2018.csv.gz")
    )
    later = {row.split(b",", 1)[0]: row for row in box[1:]}
    early = {cells[11]: row for row in month[1:] if (cells := row.split(b","))[11] in later}
    assert len(early) == 5
    send("all_month.csv", b"\n".join((month[0], *early.values())), operator)
    work_off()
    events = set(Event.objects.alive().values_list("pk", flat=True))
    assert Report.objects.count() == len(events) == 5

    revised = [later[event_id] for event_id in early]
    send("box.csv", b"\n".join((box[0], *revised)), operator)
    work_off()
    assert set(Event.objects.alive().values_list("pk", flat=True)) == events
    assert Report.objects.count() == 5
    reported = Origin.objects.filter(entry__isnull=False)
    assert (reported.count(), reported.filter(superseded_at=None).count()) == (10, 5)
    kashgar = reported.get(superseded_at=None, entry__event_id_reported="us10005dgw")
    assert (kashgar.depth_km, kashgar.point.x, kashgar.point.y) == (34.79, 77.7364, 40.4222)


@pytest.mark.django_db(databases=["default", "progress"])
def test_small_bulletins_go_all_the_way_to_events(operator: User, agency: Agency) -> None:
    for path in ("bulletins/scml_event-5_full.xml", "bulletins/fdsnws_event-6.txt"):
        send(path, shared(path).read_bytes(), operator)
        work_off()
    assert not WorkItem.objects.filter(state="parked").exists()
    assert Event.objects.alive().count() == Report.objects.count() == 6


def test_glued_dates_are_whole_times() -> None:
    path = "catalogs/isc-gem-cat_v3_dates-glued.csv.gz"
    data = gzip.decompress(shared(path).read_bytes())
    head = b"".join(islice(io.BytesIO(data), 3))
    first, second = (
        item for item in read("catalogue-csv", io.BytesIO(head)) if isinstance(item, EventRecord)
    )
    assert first.origins[0].time.isoformat() == "1900-07-29T06:59:00+00:00"
    assert second.origins[0].time.isoformat() == "1900-10-09T12:28:00+00:00"


def test_no_real_list_has_a_row_at_zero_north_zero_east() -> None:
    """So the rule is tried on a row of our own, in the tests of the mapped table."""
    for name in ("isc_box_upto2013_2015-2018.csv.gz", "usgs_all_month_2016.csv.gz"):
        data = gzip.decompress(shared(f"catalogs/{name}").read_bytes()).decode()
        rows = csv.DictReader(io.StringIO(data))
        assert not any(float(r["latitude"]) == float(r["longitude"]) == 0.0 for r in rows)
