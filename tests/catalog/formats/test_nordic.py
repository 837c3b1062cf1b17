"""Nordic through ObsPy: what the file says comes back, or a problem says that it does not."""

from __future__ import annotations

import io
import random
import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime
from obspy.core import event as quake
from obspy.io.nordic.core import _write_nordic

from catalog.formats import FormatError, detect, nordic
from catalog.formats.limits import Limits
from catalog.formats.obspy_events import replaced
from catalog.formats.problems import Problem, Severity
from catalog.formats.records import EventRecord, ReadingsRecord
from tests.catalog.formats.conftest import GOLDEN, placeless, read_all
from tests.catalog.formats.test_gse2 import codes, data_positions, outcome

FILE = (GOLDEN / "synthetic_nordic.out").read_bytes()


@pytest.fixture(scope="module")
def file() -> tuple[list[Any], list[Problem]]:
    return read_all("nordic", FILE)


def test_an_event_comes_back_with_its_lines(file: tuple[list[Any], list[Problem]]) -> None:
    event, problems = file[0][0], file[1]
    assert (event.event_id, event.first_line, event.last_line) == ("20141114012416", 1, 16)
    assert (event.event_type, event.event_type_certainty) == ("earthquake", "known")
    main, other = event.origins
    assert event.preferred_origin_id == main.origin_id
    # The H line gives the same with more digits.
    assert main.time == datetime(2014, 11, 14, 1, 24, 16, 512_000, tzinfo=UTC)
    assert (main.latitude, main.longitude, main.depth_km) == (42.10012, 77.26987, 15.02)
    assert (main.time_uncertainty, main.latitude_uncertainty_km) == (0.45, 1.2)
    assert (main.longitude_uncertainty_km, main.depth_uncertainty_km) == (1.6, 3.2)
    assert (main.azimuthal_gap, main.agency, main.depth_type) == (86.0, "KRS", "operator assigned")
    assert "covariance xy: -0.3384E+00" in main.comments and main.semi_major_axis_km is None
    assert (other.agency, other.time_fixed, other.epicenter_fixed) == ("KND", True, True)
    assert [(m.type, m.value, m.agency, m.origin_id) for m in event.magnitudes] == [
        ("ML", 5.4, "KRS", "origin-1"),
        ("mb", 5.2, "ISC", "origin-1"),
        ("MW", 5.4, "GCM", "origin-1"),
        ("K", 13.1, "KRS", "origin-1"),
    ]
    assert codes(problems) == [(2, "unknown-value", "magnitude_type_1")]
    assert "ОЩУЩАЛОСЬ В АЛМАТЫ" in event.comments


def test_what_obspy_leaves_out_is_there(file: tuple[list[Any], list[Problem]]) -> None:
    event = file[0][0]
    assert event.origins[0].used_station_count == 112  # ObsPy: 12
    assert event.amplitudes[0].value == 145 and event.amplitudes[0].unit == "s"  # coda
    assert [(a.type, a.value, a.unit) for a in event.amplitudes[1:]] == [("AML", 1834.2, "nm")]
    amplitude = event.origins[0].arrivals[2]
    assert (amplitude.azimuth, amplitude.distance_deg) == (280.0, 2.06844)
    assert event.picks[3].phase_hint == "PnPnPn" and event.picks[3].comments == ("weight: 2",)


def test_what_nobody_reported_is_not_there(file: tuple[list[Any], list[Problem]]) -> None:
    night = file[0][1]
    assert night.event_type is None  # ObsPy: suspected earthquake
    assert file[0][0].picks[0].evaluation_mode is None  # ObsPy: manual
    assert file[0][0].picks[4].evaluation_mode == "automatic"


def test_mechanism_and_macroseismic_line(file: tuple[list[Any], list[Problem]]) -> None:
    event = file[0][0]
    (mechanism,) = event.focal_mechanisms
    plane = mechanism.nodal_plane_1
    assert (plane.strike, plane.dip, plane.rake) == (75.0, 45.0, -90.0)
    assert (mechanism.agency, mechanism.method_id, mechanism.quality) == ("KRS", "FPFIT", "B")
    (felt,) = event.intensities
    assert (felt.place, felt.maximum, felt.scale, felt.felt) == ("KADZHI-SAI", 6.0, "MSK-64", True)
    assert felt.comment == "maximum observed intensity 6+"
    assert any(comment.startswith("macroseismic: ") for comment in event.comments)


def test_the_new_layout_and_the_next_day(file: tuple[list[Any], list[Problem]]) -> None:
    night = file[0][1]
    kbk, ulhl, _ = night.picks
    assert kbk.time == datetime(2014, 11, 30, 23, 59, 58, 120_000, tzinfo=UTC)
    assert ulhl.time == datetime(2014, 12, 1, 0, 0, 7, 450_000, tzinfo=UTC)
    assert (kbk.station.network, kbk.station.location, kbk.station.channel) == ("KN", "00", "HHZ")
    assert (kbk.backazimuth, round(kbk.horizontal_slowness, 3)) == (175.4, 18.229)
    assert night.origins[0].arrivals[0].backazimuth_residual == -2.0
    duration, amplitude = night.amplitudes
    assert (duration.value, duration.pick_id) == (61.0, kbk.pick_id)
    assert (amplitude.value, amplitude.period) == (88.7, 0.31)
    assert amplitude.comments == ("magnitude residual: 0.18",)


def test_readings_without_an_epicentre(file: tuple[list[Any], list[Problem]]) -> None:
    readings = file[0][2]
    assert isinstance(readings, ReadingsRecord)
    assert [pick.station.code for pick in readings.picks] == ["CHM", "CHM", "USP"]
    assert readings.agency == "KRS"
    assert readings.picks[1].comments == ("distance_deg: 0.548586",)
    assert (readings.first_line, readings.last_line) == (27, 32)


def test_a_compact_file_has_an_event_a_line(golden: Callable[[str], bytes]) -> None:
    events, problems = read_all("nordic", golden("synthetic_nordic_compact.out"))
    assert problems == []
    assert [(e.first_line, e.last_line, e.magnitudes[0].value) for e in events] == [
        (1, 1, 2.3),
        (2, 2, 2.4),
        (3, 3, 2.5),
    ]


def test_damaged_lines_cost_themselves_only(golden: Callable[[str], bytes]) -> None:
    events, problems = read_all("nordic", golden("synthetic_nordic_damaged.out"))
    assert codes(problems) == [
        (3, "not-a-number", "time_residual"),
        (4, "unused-text", "phase line"),  # a tab
        (5, "out-of-range", "hour"),
        (5, "missing-field", "time"),
        (6, "missing-field", "station"),
        (7, "truncated", "amplitude"),  # a line wrapped in a number ...
        (8, "unused-text", "phase line"),  # ... and its rest
        (12, "out-of-range", "latitude"),
        (12, "missing-field", "latitude, longitude"),
        (16, "not-a-time", "time"),
        (16, "missing-field", "time"),
        (19, "out-of-range", "dip"),
        (19, "missing-field", "strike, dip, rake"),
        (20, "unsupported-block", "type M"),
        (21, "unsupported-block", "type 5"),
        (22, "unsupported-block", "type Z"),
    ]
    assert [pick.station.code for pick in events[0].picks] == ["AAK", "UCH", "EKS2", "TKM2"]
    assert events[0].amplitudes == ()
    assert [type(event) for event in events] == [EventRecord, ReadingsRecord, EventRecord]


def test_an_h_line_that_says_something_else_is_a_problem() -> None:
    spoilt = FILE.replace(b"42.10012", b"42.20012")
    events, problems = read_all("nordic", spoilt)
    assert (4, "value-not-read", "latitude") in codes(problems)
    assert all(origin.latitude != 42.20012 for origin in events[0].origins)


def test_what_obspy_prints_stays_out_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    # It prints that the times differ; standard output carries the reading process's answer.
    _, problems = read_all("nordic", FILE.replace(b"124 16.512", b"124 19.512"))
    assert (4, "value-not-read", "time") in codes(problems)
    assert capsys.readouterr().out == ""


def test_a_lost_origin_is_a_problem() -> None:
    # ObsPy takes a second hypocentre at midnight for more magnitudes of the first.
    lines = [
        " 2014 1114  124 16.5 L  42.100  77.270 15.0  KRS 12 0.4                        1",
        " 2014 1114  0 0  0.0 L  41.100  76.270 15.0  KRS 12 0.4                        1",
        nordic.OLD_TITLE,
    ]
    (event,), problems = read_all("nordic", "\r\n".join([*lines, ""]).encode())
    assert codes(problems) == [(2, "value-not-read", "line")]
    assert len(event.origins) == 1 and "41.100" in event.comments[0]


def test_a_main_origin_that_is_given_up_leaves_its_readings() -> None:
    # The H line lies elsewhere, and ObsPy believes it: neither latitude is kept.
    events, problems = read_all("nordic", FILE.replace(b"LQ 42.100", b"LQ 12.100"))
    assert (1, "value-not-read", "latitude") in codes(problems)
    assert [origin.agency for origin in events[0].origins] == ["KND"]
    assert events[0].origins[0].arrivals == () and events[0].preferred_origin_id is None
    assert "distance_deg: 1.87958" in events[0].picks[0].comments


def test_an_event_on_which_obspy_fails_is_one_error() -> None:
    place = nordic.ERRORS
    errors = " GAP= 86".ljust(79) + "E"
    for name in ("latitude_uncertainty_km", "longitude_uncertainty_km", "covariance_xy"):
        errors = replaced(errors, place[name], "1e200")
    events, problems = read_all("nordic", FILE.replace(FILE.split(b"\r\n")[2], errors.encode()))
    (crash,) = [problem for problem in problems if problem.code == "reader-crashed"]
    assert (crash.line_number, crash.severity) == (1, Severity.ERROR)
    assert crash.expected.startswith("OverflowError")
    assert [event.first_line for event in events] == [18, 27]  # the others stay


def test_an_h_line_without_a_time_does_not_lose_the_event() -> None:
    events, problems = read_all("nordic", FILE.replace(b"1114  124 16.512", b"1114         512"))
    assert (4, "not-a-time", "time") in codes(problems)
    assert events[0].origins[0].latitude == 42.10012


def test_phase_lines_without_their_title_are_read() -> None:
    text = FILE.replace(nordic.NEW_TITLE.encode() + b"\r\n", b"")
    events, problems = read_all("nordic", text)
    assert len(events[1].picks) == 3
    assert "missing-block" in {p.code for p in problems}


def test_a_comment_in_utf_8_may_be_counted_in_bytes() -> None:
    comment = " Ощущалось"
    line = comment + " " * (79 - len(comment.encode())) + "3"
    text = FILE.decode("cp1251").split("\r\n")
    data = "\n".join([text[17], line, *text[18:25], ""]).encode()
    (event,), _ = read_all("nordic", data)
    assert "Ощущалось" in event.comments


@pytest.mark.parametrize(
    "content, code", [(b"hello\n", "wrong-format"), (b"\r\n ", "empty-file"), (b"", "empty-file")]
)
def test_what_is_no_nordic_file_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("nordic", content)
    assert refusal.value.problem.code == code


@pytest.mark.parametrize("first", [True, False])
def test_a_block_without_a_header_line_is_an_error(first: bool) -> None:
    parts = FILE.split(b"\r\n\r\n")
    headless = parts[0].split(b"\r\n", 2)[2].replace(b"1\r\n", b"9\r\n")
    events, problems = read_all(
        "nordic", b"\r\n\r\n".join([headless, parts[1]] if first else [parts[1], headless])
    )
    assert len(events) == 1
    assert [p.field for p in problems if p.code == "missing-block"] == ["type 1"]


def test_it_is_recognised_by_its_header_line() -> None:
    assert nordic.detect(b"\xef\xbb\xbf" + FILE.split(b"\r\n")[0], "a.txt")
    assert detect(FILE, "a.txt") == ["nordic"]
    assert not nordic.detect(FILE.replace(b"1\r\n", b"2\r\n"), "a.out")
    assert not nordic.detect(b" " * 79 + b"1\n", "a.out")


def test_an_event_reads_alike_wherever_it_stands() -> None:
    parts = FILE.split(b"\r\n\r\n")
    (alone,), _ = read_all("nordic", parts[1])
    (_, after), _ = read_all("nordic", b"\r\n\r\n".join([parts[2], parts[1]]))
    assert placeless(alone) == placeless(after)


def test_an_endless_event_is_refused_without_its_neighbours() -> None:
    parts = FILE.split(b"\r\n\r\n")
    endless = parts[0] + b"\r\n" + b"\r\n".join([parts[0].split(b"\r\n")[-1]] * 3000)
    events, problems = read_all("nordic", b"\r\n\r\n".join([endless, parts[1]]))
    assert codes(problems) == [(1, "out-of-range", "lines")]
    assert len(events) == 1


def test_too_many_events_are_said() -> None:
    events, problems = read_all("nordic", FILE, Limits(max_events=1))
    assert len(events) == 1 and problems[-1].code == "too-many-events"


@pytest.mark.parametrize(
    "name, picks",
    [("01-0411-15L.S201309", 17), ("sfile_highaccuracy", 11), ("03-0345-23L.S202101", None)],
)
def test_real_files_read_without_a_word(
    name: str, picks: int | None, obspy_data: Callable[[str], bytes]
) -> None:
    try:
        data = obspy_data(f"nordic/tests/data/{name}")
    except FileNotFoundError:
        pytest.skip("this ObsPy comes without its test data")
    (event,), problems = read_all("nordic", data)
    assert problems == []
    assert picks is None or len(event.picks) == picks


# --- nothing is lost in silence -------------------------------------------------------------------

POSITIONS = data_positions(FILE, ("STAT",))


def silent(at: int, whole: Any) -> bool:
    """Tell whether another character at a place changes nothing that the reading says."""
    old = FILE[at : at + 1]
    news = [b"~", b"%d" % ((int(old) + 1) % 10)] if old.isdigit() else [b"~"]
    return any(outcome("nordic", FILE[:at] + new + FILE[at + 1 :]) == whole for new in news)


def test_a_changed_character_changes_the_record_or_is_a_problem() -> None:
    whole = outcome("nordic", FILE)
    places = random.Random(2014).sample(POSITIONS, 120)
    assert [FILE[at - 10 : at + 10] for at in places if silent(at, whole)] == []


@pytest.mark.long
def test_every_changed_character_changes_the_record_or_is_a_problem() -> None:
    whole = outcome("nordic", FILE)
    assert [FILE[at - 10 : at + 10] for at in POSITIONS if silent(at, whole)] == []


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_changed_byte_is_survived(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(FILE) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    try:
        events, _ = read_all("nordic", FILE[:at] + byte + FILE[at + 1 :])
    except FormatError:
        return
    assert all(isinstance(event, EventRecord | ReadingsRecord) for event in events)


# --- what ObsPy's own writer wrote ----------------------------------------------------------------


@st.composite
def written(draw: st.DrawFn) -> str:
    """Return a Nordic file of a random event, as ObsPy writes it."""
    layout = draw(st.sampled_from(["OLD", "NEW"]))
    tenths = st.integers(0, 9).map(lambda n: n / 10)
    time = (
        UTCDateTime(2014, 11, 14, draw(st.integers(0, 22)), draw(st.integers(0, 59)))
        + draw(st.integers(0, 599)) / 10
    )
    origin = quake.Origin(
        time=time,
        latitude=draw(st.integers(-89_999, 89_999)) / 1000,
        longitude=draw(st.integers(-179_999, 179_999)) / 1000,
        depth=draw(st.integers(0, 3000)) * 100.0,
        quality=quake.OriginQuality(
            standard_error=draw(tenths), azimuthal_gap=draw(st.integers(0, 359))
        ),
        creation_info=quake.CreationInfo(agency_id="KRS"),
    )
    event = quake.Event(
        origins=[origin], creation_info=quake.CreationInfo(agency_id="KRS"), event_type="earthquake"
    )
    for kind in draw(st.lists(st.sampled_from(["ML", "mb", "Ms", "Mw"]), max_size=5)):
        event.magnitudes.append(
            quake.Magnitude(
                mag=draw(st.integers(-9, 90)) / 10,
                magnitude_type=kind,
                origin_id=origin.resource_id,
                creation_info=quake.CreationInfo(agency_id="KRS"),
            )
        )
    for n in range(draw(st.integers(0, 4))):
        pick = quake.Pick(
            time=time + draw(st.integers(1, 30_000)) / 100,
            phase_hint=draw(st.sampled_from(["P", "Pg", "S", "Sn"])),
            waveform_id=quake.WaveformStreamID(
                station_code=f"KN{n}", channel_code="BHZ", network_code="KN"
            ),
            onset=draw(st.sampled_from([None, "impulsive", "emergent"])),
            polarity=draw(st.sampled_from([None, "positive", "negative"])),
            backazimuth=draw(st.none() | st.integers(0, 359).map(float)),
            evaluation_mode=draw(st.sampled_from(["manual", "automatic"])),
        )
        event.picks.append(pick)
        origin.arrivals.append(
            quake.Arrival(
                pick_id=pick.resource_id,
                phase=pick.phase_hint,
                time_residual=draw(st.none() | st.integers(-99, 99).map(lambda n: n / 100)),
                distance=draw(st.none() | st.integers(1, 900).map(lambda n: n / 100)),
                azimuth=draw(st.none() | st.integers(0, 359)),
                takeoff_angle=draw(st.none() | st.integers(1, 179)),
                time_weight=draw(st.none() | tenths),
            )
        )
        if draw(st.booleans()):
            event.amplitudes.append(
                quake.Amplitude(
                    generic_amplitude=draw(st.integers(1, 99_999)) / 10 * 1e-9,
                    unit="m",
                    period=draw(st.integers(1, 900)) / 100,
                    type="AML",
                    pick_id=pick.resource_id,
                    waveform_id=pick.waveform_id,
                )
            )
    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _write_nordic(event, None, userid="ak", nordic_format=layout, string_io=text)
    return text.getvalue()


NUMBER = re.compile(r"-?\d*\.?\d+")


def numbers_in(text: str) -> set[float]:
    return {float(found) for found in NUMBER.findall(text)}


def numbers_of(record: Any) -> set[float]:
    """Return every number of a record, in kilometres too, and every number in its comments."""
    found: set[float] = set()

    def walk(value: Any) -> None:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, int | float):
            for kept in (value, value * nordic.KM_PER_DEGREE, value * 10):
                found.update((round(kept, 3), round(kept, 2), round(kept, 1)))
        elif isinstance(value, datetime):
            found.update(float(part) for part in (value.year, value.month, value.day))
            found.update((value.hour, value.hour + 24, value.minute))
            found.add(round(value.second + value.microsecond / 1e6, 3))
        elif isinstance(value, str):
            found.update(numbers_in(value))
        elif isinstance(value, tuple):
            for item in value:
                walk(item)
        elif hasattr(value, "__dataclass_fields__"):
            for name in value.__dataclass_fields__:
                if name not in ("text", "first_line", "last_line", "line_number"):
                    walk(getattr(value, name))

    walk(record)
    return found


@given(text=written())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_number_obspy_wrote_comes_back_or_is_a_problem(text: str) -> None:
    (event,), problems = read_all("nordic", text.encode())
    reported = {problem.line_number for problem in problems}
    back = numbers_of(event)
    for line_number, line in enumerate(text.splitlines(), 1):
        kind = line.ljust(80)[79]
        if kind == "7" or line_number in reported or not line.strip():
            continue
        columns = {"1": nordic.HEADER, "E": nordic.ERRORS, "H": nordic.ACCURATE}.get(kind)
        if columns is None:
            columns = nordic.NEW if "NTLO" in text else nordic.OLD
            columns = {} if kind not in " 4" else columns
        for name, place in columns.items():
            said = line[place].strip()
            if name in ("type", "station", "mark") or not NUMBER.fullmatch(said):
                continue
            assert {round(float(said), n) for n in (3, 2, 1)} & back, (name, line)
