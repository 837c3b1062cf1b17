"""Waveforms of an event: kept once, measured whatever the order, a person's word stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.gis.geos import Point

from catalog.models import Event, Origin, User, WaveformFile, WaveformMeasurement
from processing import pipeline, waveform_process
from processing.core.magnitude_scales import Outcome
from processing.jobs import station_metadata, waveform_decisions, waveforms
from processing.jobs.receiving import Refused
from processing.jobs.station_readings import NotDecidable
from processing.models import WorkItem
from processing.transactions import writing
from tests.processing.waveform_files import ORIGIN, P_NM, S_NM, earthquake, mseed, station_xml

pytestmark = pytest.mark.django_db(databases=["default", "progress"])
SHARED = Path(__file__).parents[4] / "shared" / "data" / "waveforms"
GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("measurer", password="x")


@pytest.fixture
def event(db: None) -> Event:
    return earthquake()


def send(event: Event, user: User, *contents: bytes, name: str = "a.mseed") -> None:
    for content in contents:
        waveforms.receive(event, name, [content], user)


def work_off(kind: str = waveforms.KIND) -> None:
    for pk in WorkItem.objects.filter(kind=kind, state="open").values_list("pk", flat=True):
        with WorkItem.claimed(pk) as item:
            assert item is not None
            pipeline.run_items([item])


def current(event: Event) -> dict[tuple[str, str], WaveformMeasurement]:
    return {(row.trace_id, row.scale): row for row in waveforms.standing(event.pk)}


def test_an_event_s_records_are_measured_and_a_person_s_word_stands(
    event: Event, user: User
) -> None:
    send(event, user, mseed(), station_xml())
    send(event, user, mseed())  # the same bytes again
    assert WaveformFile.objects.count() == 1
    assert b"".join(WaveformFile.objects.get().iter_bytes()) == mseed()
    work_off()
    rows = current(event)
    file = WaveformFile.objects.get()
    assert (file.status, file.problems) == ("read", [])
    assert [t["id"] for t in file.traces] == ["BW.RJOB..EHE", "BW.RJOB..EHN", "BW.RJOB..EHZ"]
    p, s = rows["BW.RJOB..EHZ", "KR_WSG"], rows["BW.RJOB..EHN", "KR_WSG"]
    assert (p.outcome, p.wave, s.outcome, s.wave) == ("", "P", "", "S")
    assert p.amplitude == pytest.approx(P_NM, rel=0.07)
    assert s.amplitude == pytest.approx(S_NM, rel=0.07)
    assert p.period == pytest.approx(0.5, rel=0.07)
    assert p.station is not None and p.station.code == "RJOB" and p.turns
    assert rows["BW.RJOB..EHZ", "mb"].outcome == Outcome.DISTANCE_OUTSIDE
    assert rows["BW.RJOB..EHE", "ML"].outcome == ""
    assert ("BW.RJOB..EHZ", "ML") not in rows
    # The event's magnitudes follow.
    assert WorkItem.objects.filter(kind="recompute", object_id=event.pk, state="open").exists()
    readings = {(r.scale, r.component): r for r in waveforms.amplitude_readings([event.pk])}
    one = readings["KR_WSG", "Z"]
    assert (one.event, one.network, one.code, one.sensor) == (event.pk, "BW", "RJOB", ".EH")
    assert (one.wave, one.amplitude, one.outcome) == ("P", p.amplitude, None)
    assert one.source == ("measurement", p.pk) and one.station == p.station_id
    assert ("mb", "Z") not in readings  # nobody has read anything at this distance

    # Measured again with nothing new, nothing is stored.
    count = WaveformMeasurement.objects.count()
    waveforms.request(event.pk)
    work_off()
    assert WaveformMeasurement.objects.count() == count

    # An operator moves one pick and rejects another; both are new versions.
    assert p.time is not None
    with writing():
        moved = waveform_decisions.move(p.pk, p.time + timedelta(seconds=0.8), user, "later")
        rejected = waveform_decisions.reject(s.pk, user, "a truck")
    p.refresh_from_db()
    assert p.superseded_at is not None and moved.supersedes == p and moved.actor == user
    assert moved.time is not None and 0.4 < (moved.time - p.time).total_seconds() < 0.9
    assert moved.amplitude is not None and p.amplitude is not None
    assert 0.3 * p.amplitude < moved.amplitude < p.amplitude
    assert rejected.outcome == Outcome.REJECTED and rejected.amplitude == s.amplitude
    for act, code in (
        (lambda: waveform_decisions.reject(s.pk, user, "again"), "changed-meanwhile"),
        (lambda: waveform_decisions.reject(moved.pk, user, ""), "note-required"),
        (
            lambda: waveform_decisions.move(
                rows["BW.RJOB..EHZ", "mb"].pk, p.time or moved.created_at, user
            ),
            "no-extremum",
        ),
    ):
        with pytest.raises(NotDecidable) as refused, writing():
            act()
        assert refused.value.code == code

    # The origin moves: all is measured anew but what a person said.
    Origin.objects.create(
        event=event, agency=event.preferred_origin.agency, method_id="kz-portal/x",
        time=event.preferred_origin.time + timedelta(seconds=0.5),
        point=event.preferred_origin.point, depth_km=12.0,
    )  # fmt: skip
    with writing():
        waveforms.request_where_moved([event.pk])
    work_off()
    again = current(event)
    assert again["BW.RJOB..EHZ", "KR_WSG"] == moved
    assert again["BW.RJOB..EHN", "KR_WSG"] == rejected
    assert again["BW.RJOB..EHE", "KR_WSG"] != rows["BW.RJOB..EHE", "KR_WSG"]
    with writing():
        waveforms.request_where_moved([event.pk])
    assert not WorkItem.objects.filter(kind=waveforms.KIND, state="open").exists()

    with writing():
        restored = waveform_decisions.take_back(moved.pk, user, "it was right")
    assert (restored.amplitude, restored.time) == (p.amplitude, p.time)
    work_off()
    newest = current(event)["BW.RJOB..EHZ", "KR_WSG"]
    assert newest.act == "automatic" and newest.inputs != p.inputs
    waveforms.withdraw(file, user)
    work_off()
    assert current(event) == {} and WaveformMeasurement.objects.count() > count


@pytest.mark.long
def test_the_order_of_files_and_a_lost_worker_change_nothing(user: User) -> None:
    told: list[Any] = []
    orders: tuple[Callable[[Event], None], ...] = (
        lambda e: send(e, user, station_xml(), mseed("Z"), mseed("NE")),
        lambda e: send(e, user, mseed("NE"), mseed("Z"), station_xml()),
    )
    for number, order in enumerate(orders):
        event = earthquake(f"kz2009order{number}")
        order(event)
        waveforms.read_files(event.pk)  # a worker that died after the first half
        waveforms.measure(event.pk)
        work_off()
        told.append(
            sorted(
                (r.trace_id, r.scale, r.amplitude, r.period, r.outcome, str(r.time))
                for r in waveforms.standing(event.pk)
            )
        )
    assert told[0] == told[1] and len(told[0]) > 10


@pytest.mark.long
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (mseed, Outcome.NO_RESPONSE),
        (lambda: mseed("Z", location="00"), Outcome.RESPONSE_OF_ANOTHER_CHANNEL),
        (lambda: mseed("Z", code="RJOX"), Outcome.DISTANCE_UNKNOWN),
    ],
)
def test_a_response_that_is_not_the_record_s_is_named(
    event: Event, user: User, content: Callable[[], bytes], expected: Outcome
) -> None:
    xml = station_xml()
    if expected is Outcome.NO_RESPONSE:
        xml = re.sub(rb"<Response>.*?</Response>", b"", xml, flags=re.DOTALL)
    send(event, user, content(), xml)
    work_off()
    outcomes = {row.outcome for row in waveforms.standing(event.pk)}
    assert outcomes - {"distance_outside"} == {expected.value}


def test_a_response_of_other_times_is_named(event: Event, user: User) -> None:
    xml = station_xml().replace(b"2007-12-17T00:00:00.000", b"2012-12-17T00:00:00.000")
    station_metadata.store("late.xml", xml)
    origin = event.preferred_origin
    assert origin is not None
    places = waveforms._places(["BW.RJOB..EHZ", "BW.RJOB..EHE"], origin.time)
    assert {p.without for p in places.values()} == {Outcome.RESPONSE_OF_ANOTHER_EPOCH}
    assert {p.response for p in places.values()} == {b""}
    later = waveforms._places(["BW.RJOB..EHZ"], origin.time.replace(year=2014))
    assert later["BW.RJOB..EHZ"].response.startswith(b"<?xml")


def test_one_sensor_of_a_station_counts() -> None:
    def row(trace_id: str, outcome: str = "") -> WaveformMeasurement:
        return WaveformMeasurement(trace_id=trace_id, scale="mb", outcome=outcome)

    rows = [
        row("XX.AAA.10.BHZ"), row("XX.AAA.00.BHZ"), row("XX.AAA.20.HNZ"), row("XX.BBB.20.HNZ"),
        row("XX.CCC.00.BHZ", "noise"), row("XX.CCC.20.HNZ"),
    ]  # fmt: skip
    waveforms._one_sensor(rows)
    second = Outcome.SECOND_SENSOR.value
    assert [r.outcome for r in rows] == [second, "", second, "", "noise", ""]


BOMB = (GOLDEN / "synthetic_billion_laughs.xml").read_bytes()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not a waveform at all", "unknown-waveform"),
        (b"\x00" * 4096, "unknown-waveform"),
        (b"", "empty-file"),
        (b"<?xml version='1.0'?><q:quakeml/>", "unknown-waveform"),
        (
            b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l "ll">]>'
            b'<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1">&l;</FDSNStationXML>',
            "xml-doctype",
        ),
        (BOMB, "unknown-waveform"),
        (b"\x1f\x8b not gzip", "wrong-format"),
    ],
    ids=["text", "zeros", "empty", "quakeml", "doctype", "bomb", "gzip"],
)
def test_what_is_no_waveform_is_refused_with_its_reason(
    event: Event, user: User, content: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        send(event, user, content, name="x.mseed")
    assert refused.value.code == code
    assert not WaveformFile.objects.exists()


def test_as_many_files_as_allowed(
    event: Event, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waveforms, "MOST_FILES", 1)
    send(event, user, mseed("Z"))
    with pytest.raises(Refused) as refused:
        send(event, user, mseed("N"))
    assert refused.value.code == "too-many-waveforms"


def looked(content: bytes, kind: str = "miniseed") -> tuple[list[str], Counter[str]]:
    said = list(waveform_process.look(1, content, kind))
    traces = [one.trace.id for one in said if isinstance(one, waveform_process.Found)]
    problems = Counter(one.problem.code for one in said if isinstance(one, waveform_process.Told))
    return traces, problems


def test_the_reader_names_what_it_cannot_use() -> None:
    whole = mseed("Z")
    assert looked(whole) == (["BW.RJOB..EHZ"], Counter())
    traces, problems = looked(whole[:-100])
    assert traces == ["BW.RJOB..EHZ"] and problems["truncated"] == 1
    assert looked(whole[:40])[0] == []
    assert looked(b"000001D " + b"\xff" * 504)[0] == []
    sac = mseed("Z", kind="SAC")
    assert looked(sac, "sac") == (["BW.RJOB..EHZ"], Counter())
    assert looked(sac[:-100], "sac") == ([], Counter({"damaged-waveform": 1}))
    assert waveforms.kind_of(whole) == "miniseed" and waveforms.kind_of(sac[:2000]) == "sac"
    strange = whole.replace(b"RJOB ", b"R<OB ")
    traces, problems = looked(strange)
    assert traces == [] and problems["unknown-value"] and problems["no-waveform"] == 1


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("MOST_SAMPLES", "too-many-samples"),
        ("MOST_SEGMENTS", "too-many-segments"),
        ("MOST_CHANNELS", "too-many-channels"),
    ],
)
def test_the_reader_stops_at_its_limits(
    monkeypatch: pytest.MonkeyPatch, limit: str, code: str
) -> None:
    monkeypatch.setattr(waveform_process, limit, 1)
    traces, problems = looked(mseed())
    assert traces == [] and problems == Counter({code: 1})


def test_samples_that_mean_nothing_cost_their_file_only(tmp_path: Path) -> None:
    """The headers are whole, so the file was taken; its samples do not add up."""
    whole = mseed("Z")
    frames = bytearray(whole)
    for record in range(0, len(frames), 512):
        frames[record + 64 : record + 512] = b"\xff" * 448
    (tmp_path / "1").write_bytes(bytes(frames))
    (tmp_path / "2").write_bytes(mseed("N"))
    channels = [
        waveform_process.Channel(f"BW.RJOB..EH{c}", c, "", Outcome.NO_RESPONSE, None) for c in "ZN"
    ]
    files = [waveform_process.File(n, "miniseed") for n in (1, 2)]
    asked = waveform_process.Request(files, ORIGIN.timestamp(), channels)
    said = list(waveform_process.measure(asked, tmp_path))
    read = {m.reading.id for m in said if isinstance(m, waveform_process.Measured)}
    told = [m.problem.code for m in said if isinstance(m, waveform_process.Told)]
    assert "BW.RJOB..EHN" in read
    assert told in ([], ["damaged-waveform"])  # ObsPy warns of some, raises of others


def test_a_child_that_dies_or_lies_is_told_and_leaves_nothing(
    event: Event, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader runs as a process of its own, here one that fails."""
    send(event, user, mseed("Z"))
    monkeypatch.setattr(waveforms, "CHILD_SECONDS", 1)
    monkeypatch.setattr(waveforms, "_compile_reader", lambda: None)
    for script, code in (
        ("import sys; sys.exit(3)", "reader-crashed"),
        ('print(\'["t", 1, {"id": 7}]\')', "reader-crashed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "time-limit"),
        ("raise MemoryError", "memory-limit"),
    ):
        with monkeypatch.context() as patched:
            real = waveforms.subprocess.run
            patched.setattr(
                waveforms.subprocess,
                "run",
                lambda command, script=script, real=real, **more: real(
                    [command[0], "-c", script], **more
                ),
            )
            with pytest.raises(waveforms.ChildFailed) as failed:
                list(waveforms.ask(waveform_process.Request([]), [], {}))
        assert failed.value.problem.code == code


# --- real records ---------------------------------------------------------------------------------

REAL = {
    "semipalatinsk_19880914_JVE": ("NS.BER.00.SHZ", "RESPONSE_OF_ANOTHER_EPOCH"),
    "fdsn_SL.KOGS_zagreb2020": ("SL.KOGS..HNZ", "NO_RESPONSE"),
    "fdsn_CI.MIKB": ("CI.MIKB..HNZ", ""),
}


@pytest.mark.long
@pytest.mark.parametrize("folder", REAL)
def test_real_records_have_their_outcome(event: Event, user: User, folder: str) -> None:
    """BER: the StationXML begins in 1997. KOGS: stages contradict the sensitivity. MIKB: read."""
    if not (SHARED / folder).is_dir():
        pytest.skip("../shared/data/waveforms is not there")
    channel, expected = REAL[folder]
    place = {
        "semipalatinsk_19880914_JVE": ("1988-09-14T03:59:57+00:00", 49.87, 78.82, 0.0),
        "fdsn_SL.KOGS_zagreb2020": ("2020-03-22T05:24:03+00:00", 45.90, 15.97, 10.0),
        "fdsn_CI.MIKB": ("2019-07-05T00:18:01+00:00", 35.76, -117.57, 8.0),
    }[folder]
    origin = event.preferred_origin
    assert origin is not None
    new = Origin.objects.create(
        event=event, agency=origin.agency, time=datetime.fromisoformat(place[0]),
        point=Point(place[2], place[1], srid=4326), depth_km=place[3],
        method_id="kz-portal/x",
    )  # fmt: skip
    for path in sorted((SHARED / folder).iterdir()):
        send(event, user, path.read_bytes(), name=path.name)
    work_off()
    rows = [r for r in waveforms.standing(event.pk) if r.trace_id == channel]
    outcomes = {r.outcome for r in rows} - {"distance_outside", "depth_outside"}
    assert {r.origin_id for r in rows} == {new.pk}
    if expected:
        assert outcomes == {Outcome[expected].value}
        return
    kr = next(r for r in rows if r.scale == "KR_WSG")
    assert kr.outcome == "" and kr.amplitude is not None and 100.0 < kr.amplitude < 1e5
    told = {p["code"] for f in WaveformFile.objects.all() for p in f.problems}
    assert told == {"response-flat"}
