"""GSE2.0 through ObsPy: what the file says comes back, or a problem says that it does not."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import FormatError, detect, gse2
from catalog.formats.limits import Limits
from catalog.formats.obspy_events import ReaderCrashed, settle, through_obspy
from catalog.formats.problems import Problem, Severity
from catalog.formats.records import EventRecord, ReadingsRecord
from tests.catalog.formats.conftest import GOLDEN, read_all

BULLETIN = (GOLDEN / "synthetic_bulletin.gse").read_bytes()
STANDARD = "gse2/tests/data/bulletin/gse_2.0_standard.txt"


@pytest.fixture(scope="module")
def bulletin() -> tuple[list[Any], list[Problem]]:
    return read_all("gse2", BULLETIN)


def codes(problems: list[Problem]) -> list[tuple[int | None, str, str]]:
    return [(p.line_number, p.code, p.field) for p in problems]


def test_an_event_comes_back_with_every_column(bulletin: tuple[list[Any], list[Problem]]) -> None:
    event = bulletin[0][0]
    assert (event.event_id, event.first_line, event.last_line) == ("20140101", 6, 20)
    assert event.text.startswith("EVENT  20140101") and event.text.endswith("90006")
    assert (event.event_type, event.event_type_certainty) == ("earthquake", "known")
    assert event.descriptions[0].text == "СЕВЕРНЫЙ ТЯНЬ-ШАНЬ"
    assert event.source == "Synthetic bulletin in the manner of KNDC, November 2014"
    (origin,) = event.origins
    assert event.preferred_origin_id == origin.origin_id == "5001"
    assert replace(origin, arrivals=()) == gse2.OriginRecord(
        origin_id="5001",
        time=datetime(2014, 11, 14, 1, 24, 16, 500_000, tzinfo=UTC),
        latitude=42.1,
        longitude=77.27,
        depth_km=15.0,
        time_uncertainty=0.42,
        time_fixed=False,
        epicenter_fixed=False,
        depth_type="operator assigned",
        depth_uncertainty_km=3.5,
        semi_major_axis_km=7.4,
        semi_minor_axis_km=4.1,
        major_axis_azimuth=87.0,
        used_phase_count=6,
        used_station_count=5,
        standard_error=0.61,
        azimuthal_gap=122.0,
        minimum_distance_deg=1.15,
        maximum_distance_deg=9.87,
        agency="KNDC",
        method_id="inversion",
        evaluation_mode="manual",
        event_type="earthquake",
        event_type_certainty="known",
        line_number=10,
    )
    kkar, arrival = event.picks[3], origin.arrivals[3]
    assert (kkar.station.code, kkar.onset, kkar.snr) == ("KKAR", "questionable", 33.0)
    assert (kkar.backazimuth, kkar.horizontal_slowness) == (101.9, 13.6)
    assert (arrival.backazimuth_residual, arrival.horizontal_slowness_residual) == (-2.6, -0.2)
    assert arrival.time_defining and arrival.backazimuth_defining
    assert [(a.value, a.unit, a.period) for a in event.amplitudes] == [
        (812.4, "nm", 0.35),
        (25.3, "nm", 0.6),
    ]
    assert [(m.type, m.value) for m in event.station_magnitudes] == [
        ("ML", 5.5),
        ("mb", 5.1),
        ("ML", 5.6),
    ]


def test_what_obspy_leaves_out_is_there(bulletin: tuple[list[Any], list[Problem]]) -> None:
    event = bulletin[0][0]
    # ML has no station count; the third error is never read; i and e are small letters.
    assert [(m.type, m.value, m.station_count, m.uncertainty) for m in event.magnitudes] == [
        ("mb", 5.2, 4, 0.2),
        ("ML", 5.6, None, 0.3),
        ("MS", 5.0, 2, 0.1),
    ]
    assert [pick.onset for pick in event.picks[:3]] == ["impulsive", "emergent", "impulsive"]
    assert event.picks[2].snr == 12.7  # without an amplitude


def test_what_nobody_reported_is_not_there(bulletin: tuple[list[Any], list[Problem]]) -> None:
    event, blast = bulletin[0][:2]
    assert event.origins[0].associated_phase_count is None
    assert event.origins[0].creation_time is None
    assert blast.origins[1].method_id is None  # ObsPy: "other"
    assert blast.origins[1].evaluation_mode == "automatic"
    assert event.picks[0].station.network is None  # ObsPy: XX


def test_starred_residual_is_kept_as_problem(bulletin: tuple[list[Any], list[Problem]]) -> None:
    events, problems = bulletin
    assert (19, "not-a-number", "time_residual") in codes(problems)
    mkar = events[0].origins[0].arrivals[4]
    assert mkar.time_residual is None and mkar.azimuth == 32.1
    assert events[0].picks[4].station.code == "MKAR"


def test_every_origin_of_an_event_is_read(bulletin: tuple[list[Any], list[Problem]]) -> None:
    events, problems = bulletin
    blast = events[1]
    assert [(o.origin_id, o.agency) for o in blast.origins] == [
        ("5002", "KNDC"),
        ("5003", "KNDC_A"),
    ]
    assert blast.origins[1].time_fixed and blast.origins[1].epicenter_fixed
    assert blast.origins[0].depth_km == 0.0  # zero depth is a depth
    assert (blast.event_type, blast.event_type_certainty) == ("mining explosion", "known")
    assert blast.preferred_origin_id is None
    # Nothing says whose the arrivals are: their residuals stay as comments.
    assert blast.picks[0].comments == ("distance_deg: 1.60", "azimuth: 230.1", "time_residual: 0.2")
    assert (34, "missing-field", "arrivals") in codes(problems)


def test_arrivals_without_an_event_are_readings(bulletin: tuple[list[Any], list[Problem]]) -> None:
    readings = bulletin[0][2]
    assert isinstance(readings, ReadingsRecord)
    assert [pick.station.code for pick in readings.picks] == ["BRVK", "AKTO"]
    assert readings.picks[0].comments == ("magnitude: mb 3.9",)
    assert readings.amplitudes[0].value == 3.1
    assert (readings.first_line, readings.last_line) == (38, 40)


def test_koi8_and_crlf_are_read_alike(golden: Callable[[str], bytes]) -> None:
    events, problems = read_all("gse2", golden("synthetic_bulletin_koi8.gse"))
    assert events[0].descriptions[0].text == "Северный Тянь-Шань, ощущалось в городе Алматы"
    assert codes(problems) == [(19, "not-a-number", "time_residual")]
    assert len(events[0].picks) == 6


def test_damaged_lines_cost_themselves_only(golden: Callable[[str], bytes]) -> None:
    (event,), problems = read_all("gse2", golden("synthetic_damaged.gse"))
    assert codes(problems) == [
        (17, "unused-text", "arrival"),  # a tab
        (18, "truncated", "horizontal_slowness_residual"),  # a line wrapped in a number ...
        (19, "unused-text", "arrival"),  # ... and its rest
        (20, "not-a-number", "time_residual"),
        (21, "truncated", ""),  # no STOP
    ]
    assert [pick.station.code for pick in event.picks] == ["KNDC", "KNDC", "KKAR", "MKAR", "BVAR"]


def test_one_event_that_cannot_be_read_does_not_lose_the_others() -> None:
    spoilt = BULLETIN.replace(b"42.1000", b"4x.1000", 1).replace(
        b"mdi Pn      2014", b"mdi Pn  2014"
    )
    events, problems = read_all("gse2", spoilt)
    assert len(events) == 3
    assert events[0].origins == () and len(events[0].picks) == 5
    assert events[0].comments[0].startswith("2014/11/14 01:24:16.5")
    assert {"not-a-number", "missing-field", "unused-text"} <= {p.code for p in problems}
    assert len(events[1].origins) == 2


def test_what_obspy_raises_is_one_error() -> None:
    with pytest.raises(ReaderCrashed, match="BEGIN-STOP"):
        through_obspy("BEGIN GSE2.0\nMSG_TYPE DATA\nMSG_ID 1 KZ\n", "GSE2")


def test_two_readings_of_one_value_are_neither() -> None:
    problems: list[Problem] = []
    assert settle(problems, 7, "depth_km", 15.0, 15.0000001) == 15.0
    assert settle(problems, 7, "depth_km", 15.0, None) == 15.0
    assert settle(problems, 7, "depth_km", None, 3.0) is None
    assert problems == []
    assert settle(problems, 7, "depth_km", 15.0, 1.5) is None
    assert problems == [Problem(7, "value-not-read", "depth_km", "15", "1.5", Severity.WARNING)]


@pytest.mark.parametrize(
    "content, code",
    [
        (b"BEGIN GSE2.1\nDATA_TYPE BULLETIN GSE2.1\nEVENT 1\nSTOP\n", "unsupported-version"),
        (b"BEGIN GSE2.0\nDATA_TYPE WAVEFORM GSE2.0\nWID2 1\nSTOP\n", "unsupported-block"),
        (b"BEGIN GSE2.0\nMSG_TYPE DATA\nSTOP\n", "missing-block"),
        (b"hello\n", "wrong-format"),
        (b" \r\n", "empty-file"),
    ],
)
def test_what_is_no_bulletin_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("gse2", content)
    assert refusal.value.problem.code == code


def test_a_section_that_is_not_read_is_said_though_others_are() -> None:
    waves = b"BEGIN GSE2.0\nDATA_TYPE WAVEFORM GSE2.0\nWID2 1\nSTOP\n"
    events, problems = read_all("gse2", waves + BULLETIN + waves)
    assert len(events) == 3
    said = [p.line_number for p in problems if p.code == "unsupported-block"]
    assert sorted(line for line in said if line) == [2, 47]


def test_it_is_told_from_ims() -> None:
    assert detect(BULLETIN, "a.txt") == ["gse2"]
    assert detect((GOLDEN / "synthetic_bulletin.isf").read_bytes(), "a.txt") == ["isf"]
    assert not gse2.detect(b"BEGIN IMS1.0\nDATA_TYPE BULLETIN IMS1.0:SHORT\n", "a.gse")


def test_too_many_events_are_said() -> None:
    events, problems = read_all("gse2", BULLETIN, Limits(max_events=1))
    assert len(events) == 1
    assert problems[-1].code == "too-many-events"


def test_a_bulletin_cut_out_of_its_message_is_read() -> None:
    lines = BULLETIN.split(b"\n")[5:22]
    (event,), problems = read_all("gse2", b"\n".join(lines))
    assert event.event_id == "20140101"
    assert problems[0].code == "missing-field"


def test_the_import_of_obspy_waits_for_the_first_read() -> None:
    program = "import sys; import catalog.formats; sys.exit('obspy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_real_bulletin_reads_without_a_word(obspy_data: Callable[[str], bytes]) -> None:
    try:
        data = obspy_data(STANDARD)
    except FileNotFoundError:
        pytest.skip("this ObsPy comes without its test data")
    (event,), problems = read_all("gse2", data)
    assert problems == []
    assert len(event.picks) == 9 and [m.type for m in event.magnitudes] == ["mb", "ML"]
    assert event.origins[0].depth_uncertainty_km == 83.8


# --- nothing is lost in silence -------------------------------------------------------------------


def data_positions(data: bytes, frames: tuple[str, ...]) -> list[int]:
    """Return the places of letters and digits on the lines that hold data."""
    positions, at = [], 0
    for line in data.splitlines(keepends=True):
        text = line.decode("latin-1")
        if not text.lstrip().startswith(frames):
            positions += [at + n for n, c in enumerate(text) if c.isalnum()]
        at += len(line)
    return positions


def outcome(code: str, data: bytes) -> Any:
    """Return what a reading says, apart from the copy of the text itself."""
    try:
        events, problems = read_all(code, data)
    except FormatError as refusal:
        return refusal.problem
    return [replace(event, text="") for event in events], problems


FRAMES = ("Date  ", "rms", "Sta ", "BEGIN", "MSG_", "DATA_TYPE", "STOP")
POSITIONS = data_positions(BULLETIN, FRAMES)


def silent(at: int, whole: Any) -> bool:
    """Tell whether another character at a place changes nothing that the reading says."""
    old = BULLETIN[at : at + 1]
    news = [b"~", b"%d" % ((int(old) + 1) % 10)] if old.isdigit() else [b"~"]
    return any(outcome("gse2", BULLETIN[:at] + new + BULLETIN[at + 1 :]) == whole for new in news)


def test_a_changed_character_changes_the_record_or_is_a_problem() -> None:
    whole = outcome("gse2", BULLETIN)
    places = random.Random(2014).sample(POSITIONS, 60)
    assert [BULLETIN[at - 10 : at + 10] for at in places if silent(at, whole)] == []


@pytest.mark.long
def test_every_changed_character_changes_the_record_or_is_a_problem() -> None:
    whole = outcome("gse2", BULLETIN)
    assert [BULLETIN[at - 10 : at + 10] for at in POSITIONS if silent(at, whole)] == []


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_is_survived(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(BULLETIN) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    try:
        events, _ = read_all("gse2", BULLETIN[:at] + byte + BULLETIN[at + 1 :])
    except FormatError:
        return
    assert all(isinstance(event, EventRecord | ReadingsRecord) for event in events)


# --- random bulletins: every number comes back ----------------------------------------------------


def column(line: str, place: slice, text: str) -> str:
    width = place.stop - place.start
    return line[: place.start].ljust(place.start) + text.rjust(width) + line[place.stop :]


@st.composite
def arrival_lines(draw: st.DrawFn) -> tuple[str, dict[str, float]]:
    """Return an arrival line and the numbers written in it."""
    said: dict[str, float] = {}
    line = ""
    text = {"station": "KNDC ", "phase": "Pn     ", "time": "2014/11/14 01:25:33.1"}
    for name, place in gse2.ARRIVAL.items():
        if name in text:
            line = column(line, place, text[name])
        elif name in gse2.ARRIVAL_BOUNDS and draw(st.booleans()):
            low, high = gse2.ARRIVAL_BOUNDS[name]
            tenths = draw(st.integers(max(int(low), -9) * 10, int(min(high, 99)) * 10))
            said[name] = tenths / 10
            line = column(line, place, f"{said[name]:.1f}")
    return line, said


@given(lines=st.lists(arrival_lines(), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_every_number_written_comes_back(lines: list[tuple[str, dict[str, float]]]) -> None:
    head = BULLETIN.decode().split("\n")[:14]
    text = "\n".join([*head, *(line for line, _ in lines), "", "", "STOP", ""])
    (event,), problems = read_all("gse2", text.encode())
    assert problems == []
    amplitudes = {a.line_number: a for a in event.amplitudes}
    magnitudes = {m.station_magnitude_id: m.value for m in event.station_magnitudes}
    for pick, arrival, (_, said) in zip(event.picks, event.origins[0].arrivals, lines, strict=True):
        amplitude = amplitudes.get(pick.line_number)
        back = {
            "distance_deg": arrival.distance_deg,
            "azimuth": arrival.azimuth,
            "time_residual": arrival.time_residual,
            "backazimuth": pick.backazimuth,
            "backazimuth_residual": arrival.backazimuth_residual,
            "horizontal_slowness": pick.horizontal_slowness,
            "horizontal_slowness_residual": arrival.horizontal_slowness_residual,
            "snr": pick.snr,
            "amplitude": amplitude and amplitude.value,
            "period": amplitude and amplitude.period,
            "magnitude_1": magnitudes.get(f"{pick.pick_id}/1"),
            "magnitude_2": magnitudes.get(f"{pick.pick_id}/2"),
        }
        assert {name: value for name, value in back.items() if value is not None} == said
