"""What holds for every format: no crash, no silence, bounded time, and faithful writers."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.formats import FORMATS, catalogue_csv, detect, fdsn_text, isf, quakeml, read
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from tests.catalog.formats.conftest import GOLDEN, OBSPY, placeless, read_all
from tests.catalog.formats.test_quakeml import full_event

SAMPLES: dict[str, list[bytes]] = {
    "isf": [
        (GOLDEN / "synthetic_bulletin.isf").read_bytes(),
        (OBSPY / "iaspei/tests/data/ipe202409sel_ims.txt").read_bytes(),
    ],
    "quakeml": [
        (GOLDEN / "synthetic_unknown.xml").read_bytes(),
        "".join(quakeml.write([full_event()])).encode(),
    ],
    "scml": [
        (GOLDEN / "synthetic_seiscomp_0.7.xml").read_bytes(),
        (GOLDEN / "synthetic_seiscomp_0.14.xml").read_bytes(),
    ],
    "gse2": [
        (GOLDEN / "synthetic_bulletin.gse").read_bytes(),
        (GOLDEN / "synthetic_damaged.gse").read_bytes(),
    ],
    "nordic": [
        (GOLDEN / "synthetic_nordic.out").read_bytes(),
        (GOLDEN / "synthetic_nordic_damaged.out").read_bytes(),
    ],
    "css30": [
        (GOLDEN / "synthetic_css30.zip").read_bytes(),
        (GOLDEN / "synthetic_css30.origin").read_bytes(),
        (GOLDEN / "synthetic_css30.arrival").read_bytes(),
    ],
    "fdsn-text": [
        (GOLDEN / "synthetic_events.fdsn.txt").read_bytes(),
        (GOLDEN / "synthetic_events_without_heading.fdsn.txt").read_bytes(),
    ],
    "wdcb-1962": [(GOLDEN / "synthetic_ussr_1962.txt").read_bytes()],
    "ndk": [(OBSPY / "ndk/tests/data/multiple_events.ndk").read_bytes()],
    "focmec": [
        (OBSPY / "focmec/tests/data/focmec_8sta.lst").read_bytes(),
        (OBSPY / "focmec/tests/data/focmec_8sta.out").read_bytes(),
    ],
    "hypo71-phase": [(GOLDEN / "synthetic_hypo71.pha").read_bytes()],
    "hypo71-summary": [(GOLDEN / "synthetic_hypo71.sum").read_bytes()],
    "catalogue-csv": [
        (GOLDEN / "synthetic_catalogue_ru.csv").read_bytes(),
        (GOLDEN / "synthetic_mixed_encoding.csv").read_bytes(),
    ],
    "bulletin-csv": [(GOLDEN / "synthetic_bulletin_table.csv").read_bytes()],
    "year-book-catalogue": [(GOLDEN / "synthetic_year_book_catalogue.csv").read_bytes()],
    "year-book-mechanisms": [(GOLDEN / "synthetic_year_book_mechanisms.csv").read_bytes()],
    "year-book-intensity": [(GOLDEN / "synthetic_year_book_macroseismic.csv").read_bytes()],
}
#: A table of unknown layout is read by a mapping only: test_mapped_table.py.
BY_THEMSELVES = [format_.code for format_ in FORMATS if not format_.needs_mapping]
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn, code: str) -> bytes:
    """Return a golden file with a few bytes changed, lost, doubled or put in."""
    data = bytearray(draw(st.sampled_from(SAMPLES[code])))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 60))
        kind = draw(st.sampled_from(["change", "lose", "double", "insert"]))
        if kind == "change":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "lose":
            del data[at : at + length]
        elif kind == "double":
            data[at:at] = data[at : at + length]
        else:
            data[at:at] = draw(
                st.one_of(
                    st.binary(max_size=20),
                    st.sampled_from(
                        [b"\x00", b"NaN", b"1e999", b'"', b"\r", b"<event>", b"(#PRIME)"]
                    ),
                )
            )
    return bytes(data)


def test_codes_and_versions_fit_their_columns() -> None:
    """``BulletinReading`` keeps both in twenty characters."""
    assert len({format_.code for format_ in FORMATS}) == len(FORMATS)
    assert all(len(format_.code) <= 20 for format_ in FORMATS)
    assert all(0 < len(format_.version) <= 20 for format_ in FORMATS)


@pytest.mark.parametrize("code", BY_THEMSELVES)
@given(data=st.data())
@FUZZ
def test_no_content_makes_a_reader_crash(code: str, data: st.DataObject) -> None:
    content = data.draw(mutated(code))
    started = time.monotonic()
    try:
        events, problems = read_all(code, content)
    except FormatError as refusal:
        events, problems = [], [refusal.problem]
    assert time.monotonic() - started < 5.0
    total = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
    for problem in problems:
        assert problem.code in CODES
        assert len(problem.found) <= 200 and "\x00" not in problem.found
        assert problem.line_number is None or 0 <= problem.line_number <= total
    for event in events:
        assert 1 <= event.first_line <= event.last_line <= total
        assert event.text and "\x00" not in event.text


@pytest.mark.parametrize("code", BY_THEMSELVES)
@given(content=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_random_bytes_are_refused_or_reported(code: str, content: bytes) -> None:
    try:
        events, _ = read_all(code, content)
    except FormatError as refusal:
        assert refusal.problem.code in CODES
    else:
        assert events == []


@pytest.mark.parametrize(
    "name, codes",
    [
        ("synthetic_bulletin.isf", ["isf"]),
        ("synthetic_long.isf", ["isf"]),
        ("synthetic_unknown.xml", ["quakeml"]),
        ("synthetic_doctype.xml", ["quakeml"]),
        ("synthetic_billion_laughs.xml", ["quakeml"]),
        ("synthetic_seiscomp_0.7.xml", ["scml"]),
        ("synthetic_seiscomp_0.14.xml", ["scml"]),
        ("synthetic_catalogue_ru.csv", ["catalogue-csv"]),
        ("synthetic_catalogue_koi8.csv", ["catalogue-csv"]),
        ("synthetic_bulletin_table.csv", ["bulletin-csv"]),
        ("synthetic_bulletin.gse", ["gse2"]),
        ("synthetic_damaged.gse", ["gse2"]),
        ("synthetic_nordic.out", ["nordic"]),
        ("synthetic_nordic_compact.out", ["nordic"]),
        ("wrong_format.txt", []),
        ("empty.txt", []),
    ],
)
def test_a_file_is_recognised_by_its_content(name: str, codes: list[str]) -> None:
    assert detect((GOLDEN / name).read_bytes(), "upload.bin") == codes


@pytest.mark.parametrize("code", BY_THEMSELVES)
def test_a_stream_that_cannot_seek_is_read_alike(code: str) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.rest = data

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return False

        def readinto(self, buffer: Any) -> int:
            part, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
            buffer[: len(part)] = part
            return len(part)

    sample = SAMPLES[code][0]
    through_pipe = list(read(code, io.BufferedReader(Pipe(sample)), Limits()))
    events, problems = read_all(code, sample)
    assert [x for x in through_pipe if not isinstance(x, Problem)] == events
    assert [x for x in through_pipe if isinstance(x, Problem)] == problems


# --- what is written reads back the same --------------------------------------------------------


def decimals(low: float, high: float, places: int) -> st.SearchStrategy[float]:
    scale = 10**places
    return st.integers(int(low * scale), int(high * scale)).map(lambda n: n / scale)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=5)
REMARKS = st.text("abc xyz,.:#+=АБВ", min_size=1, max_size=30).map(lambda t: "r" + t.strip())
TIMES = st.integers(0, 4 * 10**10).map(
    lambda n: datetime(1887, 1, 1, tzinfo=UTC) + timedelta(milliseconds=10 * (n % 4 * 10**9 + n))
)
FLAGS = st.sampled_from([None, True, False])


@st.composite
def isf_events(draw: st.DrawFn) -> EventRecord:
    """Return an event with values as fine as the columns of ISF."""
    time = draw(TIMES)
    prime = draw(st.integers(0, 2))
    origins = []
    count = draw(st.integers(1, 3))
    prime = min(prime, count - 1)
    picks = []
    arrivals = []
    amplitudes = []
    station_magnitudes = []
    for n in range(draw(st.integers(0, 4))):
        pick_id = f"P{n}"
        station = StationReference(draw(WORDS))
        phase = draw(maybe(st.sampled_from(["P", "Pn", "Sg", "PKiKP"])))
        snr = draw(maybe(decimals(0, 99, 1)))
        onset = draw(maybe(st.integers(0, 5 * 3600 * 1000)))
        picks.append(
            PickRecord(
                pick_id,
                station,
                None if onset is None else time + timedelta(milliseconds=onset),
                phase_hint=phase,
                onset=draw(st.sampled_from([None, "emergent", "impulsive", "questionable"])),
                polarity=draw(st.sampled_from([None, "positive", "negative"])),
                backazimuth=draw(maybe(decimals(0, 360, 1))),
                horizontal_slowness=draw(maybe(decimals(0, 99, 1))),
                snr=snr,
                evaluation_mode=draw(st.sampled_from([None, "manual", "automatic"])),
                comments=tuple(draw(st.lists(REMARKS, max_size=2))),
            )
        )
        arrivals.append(
            ArrivalRecord(
                pick_id,
                pick_id,
                phase,
                draw(maybe(decimals(0, 360, 1))),
                draw(maybe(decimals(0, 180, 2))),
                time_residual=draw(maybe(decimals(-99, 99, 1))),
                time_defining=draw(FLAGS),
                backazimuth_residual=draw(maybe(decimals(-99, 99, 1))),
                backazimuth_defining=draw(FLAGS),
                horizontal_slowness_residual=draw(maybe(decimals(-99, 99, 1))),
                horizontal_slowness_defining=draw(FLAGS),
            )
        )
        value = draw(maybe(decimals(0, 99999, 1)))
        period = draw(maybe(decimals(0, 99, 2)))
        kind = draw(maybe(st.sampled_from(["mb", "MPVA", "KR"])))
        has_amplitude = value is not None or period is not None
        has_magnitude = draw(st.booleans())
        if has_amplitude:
            amplitudes.append(
                AmplitudeRecord(
                    pick_id,
                    value,
                    None if value is None else "nm",
                    period=period,
                    snr=snr,
                    pick_id=pick_id,
                    station=station,
                    magnitude_hint=kind,
                )
            )
        if has_magnitude:
            station_magnitudes.append(
                StationMagnitudeRecord(
                    draw(decimals(-2, 9, 1)),
                    kind,
                    station,
                    pick_id,
                    f"O{prime}",
                    pick_id if has_amplitude else None,
                    bound=draw(st.sampled_from([None, "min", "max"])),
                )
            )
    for n in range(count):
        depth = draw(maybe(decimals(0, 700, 1)))
        major = draw(maybe(decimals(0, 99, 1)))
        depth_error = draw(maybe(decimals(0, 99, 1)))
        mode, status = draw(
            st.sampled_from(
                [(None, None), ("manual", None), ("automatic", None), ("manual", "preliminary")]
            )
        )
        event_type, certainty = draw(
            st.sampled_from(sorted(set(isf.EVENT_TYPES.values()), key=str))
        )
        depth_type = draw(st.sampled_from(["operator assigned", "constrained by depth phases"]))
        if depth is not None:
            depth_type = draw(st.sampled_from([depth_type, "from location"]))
        origins.append(
            OriginRecord(
                f"O{n}",
                time + timedelta(milliseconds=10 * draw(st.integers(0, 500))) if n else time,
                draw(decimals(-90, 90, 4)),
                draw(decimals(-180, 180, 4)),
                depth,
                draw(maybe(decimals(0, 99, 2))),
                draw(st.booleans()),
                draw(st.booleans()),
                depth_type,
                depth_error,
                semi_major_axis_km=major,
                semi_minor_axis_km=draw(maybe(decimals(0, 99, 1))),
                major_axis_azimuth=draw(maybe(decimals(0, 360, 0))),
                confidence_level=None if major is None and depth_error is None else 90.0,
                used_phase_count=draw(maybe(st.integers(0, 9999))),
                used_station_count=draw(maybe(st.integers(0, 9999))),
                standard_error=draw(maybe(decimals(0, 99, 2))),
                azimuthal_gap=draw(maybe(decimals(0, 360, 0))),
                minimum_distance_deg=draw(maybe(decimals(0, 180, 2))),
                maximum_distance_deg=draw(maybe(decimals(0, 180, 2))),
                agency=draw(maybe(WORDS)),
                method_id=draw(st.sampled_from([None, "inversion", "ground truth", "other"])),
                origin_type=draw(st.sampled_from([None, "centroid"])),
                evaluation_mode=mode,
                evaluation_status=status,
                event_type=event_type,
                event_type_certainty=certainty,
                arrivals=tuple(arrivals) if n == prime else (),
                comments=tuple(draw(st.lists(REMARKS, max_size=2))),
            )
        )
    magnitudes = tuple(
        MagnitudeRecord(
            draw(decimals(-2, 17, 1)),
            draw(maybe(st.sampled_from(["KR", "mb", "MPVA", "mbmle"]))),
            f"magnitude-{n + 1}",
            draw(st.sampled_from([None, "O0"])),
            draw(maybe(decimals(0, 9, 1))),
            draw(st.sampled_from([None, "min", "max"])),
            draw(maybe(st.integers(0, 9999))),
            agency=draw(maybe(WORDS)),
            comments=tuple(draw(st.lists(REMARKS, max_size=1))),
        )
        for n in range(draw(st.integers(0, 3)))
    )
    region = draw(maybe(WORDS))
    preferred = f"O{prime}"
    event_type, certainty = isf._event_type(tuple(origins), preferred, [])
    return EventRecord(
        "",
        0,
        0,
        draw(maybe(st.sampled_from(["1", "12345678", "600123456789"]))),
        event_type,
        certainty,
        (DescriptionRecord(region, "region name"),) if region else (),
        tuple(origins),
        magnitudes,
        tuple(picks),
        tuple(amplitudes),
        tuple(station_magnitudes),
        preferred_origin_id=preferred,
        source=draw(maybe(st.just("Synthetic bulletin"))),
        comments=tuple(draw(st.lists(REMARKS, max_size=2))),
    )


@given(events=st.lists(isf_events(), min_size=1, max_size=2, unique_by=lambda e: e.event_id))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_isf_round_trip(events: list[EventRecord]) -> None:
    again, problems = read_all("isf", "".join(isf.write(events)).encode())
    assert problems == []
    assert [placeless(event) for event in again] == events


@given(events=st.lists(isf_events(), min_size=1, max_size=2))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_quakeml_written_once_is_written_alike_again(events: list[EventRecord]) -> None:
    document = "".join(quakeml.write(events)).encode()
    again, _ = read_all("quakeml", document)
    assert "".join(quakeml.write(again)).encode() == document
    for event, other in zip(events, again, strict=True):
        for origin, back in zip(
            sorted(event.origins, key=lambda o: o.origin_id != event.preferred_origin_id),
            other.origins,
            strict=True,
        ):
            assert (origin.time, origin.latitude, origin.longitude, origin.depth_km) == (
                back.time,
                back.latitude,
                back.longitude,
                back.depth_km,
            )


@given(
    text=st.text(max_size=40),
    value=decimals(-2, 17, 2),
    latitude=st.floats(-90, 90),
    moment=TIMES,
)
@settings(max_examples=100, deadline=None)
def test_csv_and_xml_hold_any_text(
    text: str, value: float, latitude: float, moment: datetime
) -> None:
    text = "".join(c for c in text if c.isprintable()).strip()
    text = text if not text.startswith("'") else ""
    origin = OriginRecord("origin-1", moment, latitude, 77.0, agency=text or None)
    event = EventRecord(
        "",
        0,
        0,
        "1",
        origins=(origin,),
        magnitudes=(MagnitudeRecord(value, "KR", "magnitude-KR", "origin-1", agency=text or None),),
        preferred_origin_id="origin-1",
        agency=text or None,
        comments=(text,) if text else (),
    )
    (again,), problems = read_all("catalogue-csv", "".join(catalogue_csv.write([event])).encode())
    assert problems == []
    assert placeless(again) == event
    (again,), problems = read_all("quakeml", "".join(quakeml.write([event])).encode())
    assert problems == []
    assert again.comments == event.comments


def test_fdsn_text_line() -> None:
    line = fdsn_text.EventLine(
        "kz2014abcd",
        datetime(2014, 11, 14, 1, 24, 16, 500000, UTC),
        42.1,
        77.27,
        10.0,
        "SOME",
        "KZ",
        "SOME",
        "20140001",
        "Mw",
        5.4,
        "GCMT",
        "Issyk-Kul | east\n",
        "earthquake",
    )
    assert fdsn_text.HEADER.count("|") == 13
    assert fdsn_text.render(line) == (
        "kz2014abcd|2014-11-14T01:24:16.500000|42.1|77.27|10.0|SOME|KZ|SOME|20140001|Mw|5.4|GCMT|"
        "Issyk-Kul / east|earthquake\n"
    )


def test_golden_files_are_all_described() -> None:
    readme = (GOLDEN / "README.md").read_text()
    files = {path.name for path in Path(GOLDEN).iterdir() if path.name.startswith("synthetic_")}
    assert {name for name in files if name not in readme} == set()


# --- nothing is dropped silently ----------------------------------------------------------------


def outcome(code: str, data: bytes) -> Any:
    """Return what a reading says, apart from the copy of the text itself."""
    try:
        events, problems = read_all(code, data)
    except FormatError as refusal:
        return refusal.problem
    return [placeless(event) for event in events], problems


#: Lines of the tables, from 0, without headings and without rows that give nothing but an error.
TABLE_ROWS = {
    "catalogue-csv": range(1, 4),
    "bulletin-csv": range(2, 17),
    "year-book-catalogue": (2, 3, 7, 8),
    "year-book-mechanisms": range(1, 5),
    "year-book-intensity": range(1, 7),
    "ndk": range(5),
}


def data_positions(code: str, data: bytes) -> list[int]:
    """Return the places of characters that say something about an event."""
    positions, at = [], 0
    for number, line in enumerate(data.splitlines(keepends=True)):
        text = line.decode("latin-1")
        frame = text.lstrip().startswith(("Date", "Magnitude", "Sta ", "DATA_TYPE", "STOP"))
        # Lines of the heading, and rows that give no event but an error.
        if (code == "isf" and number > 2 and not frame) or number in TABLE_ROWS.get(code, ()):
            positions += [at + n for n, c in enumerate(text) if c.isalnum()]
        elif code in ("quakeml", "scml") and number > 2:
            inside = False
            for n, c in enumerate(text):
                if c in "<>":
                    inside = c == ">"
                elif inside and c.isalnum():
                    positions.append(at + n)
        at += len(line)
    return positions


@pytest.mark.parametrize(
    "code, sample",
    [
        *(("isf", 0), ("isf", 1), ("quakeml", 1), ("scml", 0), ("scml", 1)),
        *((code, 0) for code in TABLE_ROWS),
    ],
)
def test_every_character_counts(code: str, sample: int) -> None:
    """Spoil each character of the data in turn: a value, a comment or a problem must change."""
    data = SAMPLES[code][sample]
    whole = outcome(code, data)
    silent = []
    for at in data_positions(code, data):
        spoilt = data[:at] + b"~" + data[at + 1 :]
        if outcome(code, spoilt) == whole:
            line = data.count(b"\n", 0, at) + 1
            silent.append((line, data[max(0, at - 15) : at + 10]))
    assert silent == []
