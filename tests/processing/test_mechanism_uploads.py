"""A file of mechanisms all the way: read, tied to the event others reported, shown and sent out."""

from __future__ import annotations

import gzip
import io

import pytest

from catalog.exchange import event_records
from catalog.formats import by_code, read
from catalog.formats.records import EventRecord
from catalog.models import Agency, BulletinProblem, Event, FocalMechanism, Report, User
from processing.desk import uploads
from processing.models import WorkItem
from tests.catalog.formats.test_ndk import LINES
from tests.processing.test_bad_input import agency, operator, work_off
from tests.processing.test_real_files import send, shared

__all__ = ["agency", "operator"]  # fixtures

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

NDK = "".join(f"{line}\n" for line in LINES).encode()
#: What a network says of the same earthquake: 0.7 s and three kilometres off.
TEXT = (
    b"#EventID|Time|Latitude|Longitude|Depth/km|Author|Catalog|Contributor|ContributorID|MagType"
    b"|Magnitude|MagAuthor|EventLocationName\n"
    b"1|2014-11-14T01:25:00.7|42.12|77.29|12|SOME|||1|mb|5.4|SOME|Issyk-Kul\n"
)


@pytest.mark.parametrize("mechanism_first", [True, False])
def test_an_ndk_event_is_one_with_the_report_of_its_hypocentre(
    operator: User, agency: Agency, mechanism_first: bool
) -> None:
    Agency.objects.create(code="AGC", name_en="of mechanisms")
    files = [("a.ndk", NDK, "AGC"), ("a.txt", TEXT, "AGA")]
    for name, data, sender in files if mechanism_first else files[::-1]:
        uploads.take(name, [data], operator, agency=sender, format="")
        work_off()
    assert not WorkItem.objects.filter(state="parked").exists()
    event = Event.objects.alive().get()
    assert Report.objects.filter(event=event).count() == 2
    row = FocalMechanism.objects.get(event=event)
    assert event.preferred_focal_mechanism == row
    assert (row.strike_1, row.dip_1, row.rake_1, row.faulting_style) == (71.0, 42.0, 54.0, "TF")
    assert (row.mrr, row.scalar_moment) == (1.291e17, 1.604e17)
    assert not BulletinProblem.objects.exclude(code="unknown-agency").exists()

    ((_, record),) = event_records([event], arrivals=False)
    write = by_code("ndk").write
    assert write is not None
    text = "".join(write([record]))
    assert text.splitlines()[1:] == [line.rstrip() for line in LINES[1:]]
    (again,) = (x for x in read("ndk", io.BytesIO(text.encode())) if isinstance(x, EventRecord))
    assert again.focal_mechanisms[0].moment_tensor is not None
    assert again.focal_mechanisms[0].moment_tensor.mtt == -1.542e17


@pytest.mark.long
def test_a_month_of_the_global_cmt_is_stored(operator: User, agency: Agency) -> None:
    data = gzip.decompress(shared("mechanisms/gcmt_2005_global.ndk.gz").read_bytes())
    send("month.ndk", b"".join(data.splitlines(keepends=True)[: 5 * 40]), operator)
    work_off()
    assert Event.objects.alive().exclude(preferred_focal_mechanism=None).count() == 40
