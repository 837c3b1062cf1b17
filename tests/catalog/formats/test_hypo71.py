"""HYPO71: phase cards become readings, summary cards become events."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import hypo71
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem
from tests.catalog.formats.conftest import GOLDEN

PHASE = (GOLDEN / "synthetic_hypo71.pha").read_bytes()
SUMMARY = (GOLDEN / "synthetic_hypo71.sum").read_bytes()
CARD = PHASE.decode().split("\n")[0]
HEADING, ROW, _ = SUMMARY.decode().split("\n", 2)
NOW = Limits(latest_time=datetime(2026, 11, 24, tzinfo=UTC))


def parted(items: Iterator[Any]) -> tuple[list[Any], list[Problem]]:
    found = list(items)
    return (
        [item for item in found if not isinstance(item, Problem)],
        [item for item in found if isinstance(item, Problem)],
    )


def phase(data: bytes | str, limits: Limits = NOW) -> tuple[list[Any], list[Problem]]:
    data = data.encode() if isinstance(data, str) else data
    return parted(hypo71.read_phase(io.BytesIO(data), limits))


def summary(data: bytes | str, limits: Limits = NOW) -> tuple[list[Any], list[Problem]]:
    data = data.encode() if isinstance(data, str) else data
    return parted(hypo71.read_summary(io.BytesIO(data), limits))


def said(problems: list[Problem]) -> set[tuple[int | None, str, str]]:
    return {(p.line_number, p.code, p.field) for p in problems}


# --- phase cards ------------------------------------------------------------------------------


def test_the_columns_are_those_of_the_programs_own_formats() -> None:
    # (2A4,T8,F1.0,T10,I6,2I2,F5.2,T32,F5.2,A4,T40,F1.0,T44,F4.0,F3.2,F4.1,T59,F4.1,A3,F5.2,F5.0)
    first = {name: (place.start + 1, place.stop) for name, place in hypo71.PHASE.items()}
    assert first["station"] == (1, 4) and first["P weight"] == (8, 8)
    assert first["date"] == (10, 15) and first["P seconds"] == (20, 24)
    assert first["S seconds"] == (32, 36) and first["S weight"] == (40, 40)
    assert first["amplitude"] == (44, 47) and first["period"] == (48, 50)
    assert first["calibration of old"] == (51, 54) and first["calibration"] == (59, 62)
    assert first["remark"] == (63, 65) and first["time correction"] == (66, 70)
    assert first["duration"] == (71, 75)
    # (I6,1X,2I2,F6.2,I3,'-',F5.2,I4,'-',F5.2,1X,F6.2,A1,F6.2,I3,I4,F5.1,F5.2,2F5.1,3A1)
    widths = [p.stop - p.start for p in hypo71.SUMMARY.values()]
    assert widths == [6, 2, 2, 6, 3, 1, 5, 4, 1, 5, 6, 1, 6, 3, 4, 5, 5, 5, 5, 1, 1, 1]
    blanks = set(range(80)) - {n for p in hypo71.SUMMARY.values() for n in range(p.start, p.stop)}
    assert blanks == {6, 36}


def test_each_earthquake_of_a_deck_is_a_record_of_readings() -> None:
    (first, second, third), problems = phase(PHASE)
    assert problems == []
    assert [(r.first_line, r.last_line, len(r.picks)) for r in (first, second, third)] == [
        (1, 5, 7),
        (6, 7, 2),
        (8, 8, 1),
    ]
    p, s = first.picks[:2]
    assert (p.station.code, p.phase_hint, s.phase_hint) == ("KNDC", "P", "S")
    assert p.time == datetime(2014, 11, 14, 1, 24, 38, 220000, UTC)  # corrected by 0.10 s
    assert s.time == datetime(2014, 11, 14, 1, 24, 54, 400000, UTC)
    assert (p.onset, p.polarity, s.onset, s.polarity) == ("impulsive", "positive", "emergent", None)
    assert p.time_uncertainty is None  # a weight is no number of seconds
    assert p.comments == ("weight: 0", "remark: ABC", "time correction: 0.1 s, added")
    assert s.comments == ("weight: 2",)
    assert second.comments == ("instruction card: 10  5.0      43  1.20     77 20.10",)
    assert third.picks[0].polarity == "undecidable"


def test_seconds_without_a_point_and_beyond_the_minute() -> None:
    (first, second, _), _ = phase(PHASE)
    assert first.picks[2].time == datetime(2014, 11, 14, 1, 24, 55, 120000, UTC)  # " 5512"
    assert second.picks[0].time == datetime(2014, 11, 15, 0, 6, 1, 200000, UTC)  # 61.20 s
    assert second.picks[1].time == datetime(2014, 11, 15, 0, 7, 1, 500000, UTC)  # 121.5 s


def test_poor_first_motions_and_the_weight_of_intervals_are_said() -> None:
    (first, second, _), _ = phase(PHASE)
    assert first.picks[3].polarity == "positive"
    assert first.picks[3].comments == ("weight: 4", "first motion: + (poor)")
    assert first.picks[5].comments == ("weight: 9 (only S-P counts)",)
    assert second.picks[0].polarity == "negative"


def test_amplitude_on_the_record_and_duration() -> None:
    (first, second, _), _ = phase(PHASE)
    amplitude, duration = first.amplitudes
    assert (amplitude.value, amplitude.unit, amplitude.period) == (120.0, "other", 0.8)
    assert amplitude.pick_id == first.picks[0].pick_id
    assert amplitude.comments == (
        "peak to peak, mm on the record",
        "calibration: 4.5 mm of 10 microvolts",
    )
    assert (duration.value, duration.unit, duration.category) == (35.0, "s", "duration")
    assert second.amplitudes[0].value == 48.0


@pytest.mark.parametrize(
    "yymmdd, year", [("141114", 2014), ("261114", 2026), ("271114", 1927), ("710101", 1971)]
)
def test_a_year_of_two_digits_is_the_latest_not_in_the_future(yymmdd: str, year: int) -> None:
    (record,), _ = phase(CARD.replace("141114", yymmdd))
    assert record.picks[0].time.year == year


@pytest.mark.parametrize(
    "card, code, field",
    [
        (CARD.replace("38.12", "3812 "), "not-a-number", "P seconds"),
        (CARD.replace("38.12", "  .. "), "not-a-number", "P seconds"),
        (CARD.replace("141114", "140231"), "not-a-time", "date"),
        (CARD.replace("IPU0", "IPX0"), "unknown-value", "P first motion"),
        (CARD.replace("54.30", " 9e99"), "out-of-range", "S seconds"),
        (CARD.replace("54.30", "5x.30"), "not-a-number", "S seconds"),
        (CARD.replace("120.", "1x0."), "not-a-number", "amplitude"),
        (CARD[:26] + "x" + CARD[27:], "unused-text", "phase card"),
        (CARD + "  event id 12345678", "unused-text", "phase card"),
        (CARD.replace("38.12       54.30", "                 "), "missing-field", "P seconds"),
        (CARD.replace("KNDCIPU0 ", "KNDC\tIPU0 "), "unused-text", "phase card"),
        (CARD[3:], "unused-text", "phase card"),
        (CARD[:15], "unused-text", "phase card"),
    ],
)
def test_a_spoilt_card_says_where(card: str, code: str, field: str) -> None:
    lines = PHASE.decode().split("\n")
    lines.insert(4, card)
    records, problems = phase("\n".join(lines))
    assert (5, code, field) in said(problems)
    assert card in records[0].text


def test_a_whole_deck_names_what_stands_before_its_phase_cards() -> None:
    start = [
        "HEAD                     SYNTHETIC DECK",
        "RESET TEST(03)=0.4",
        "",
        "  KNDC4313.03N 7657.95E 900",
        "",
        " 6.000 0.000",
        "",
        "  5.  50. 200. 1.78    2              1    1",
    ]
    data = "\n".join(start) + "\n" + PHASE.decode() + " ***\n trailing text\n"
    assert hypo71.detect_phase(data.encode(), "hypo71.inp")
    records, problems = phase(data)
    assert len(records) == 3
    assert said(problems) == {(1, "unsupported-block", ""), (19, "unsupported-block", "")}


def test_a_calibration_card_is_no_reading() -> None:
    card = CARD.replace("ABC", "CAL")
    (record, *_), problems = phase(card + "\n" + PHASE.decode())
    assert problems == [] and len(record.picks) == 7
    assert record.comments[0] == f"calibration card: {card}"


def test_a_long_deck_without_instruction_cards_comes_in_parts() -> None:
    records, problems = phase("\n".join([CARD] * 600))
    assert problems == []
    assert [len(record.picks) for record in records] == [500, 500, 200]
    assert records[1].first_line == 251 and records[1].last_line == 500
    picks = {pick.pick_id for record in records for pick in record.picks}
    assert len(picks) == 1200


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\n\n" + data + b"\x1a",
        lambda data: b"\n".join(line.ljust(80) for line in data.split(b"\n")),
    ],
    ids=["bom", "crlf", "blank lines", "80 columns"],
)
def test_what_editors_do_to_decks_changes_nothing(change: Callable[[bytes], bytes]) -> None:
    records, problems = phase(change(PHASE))
    assert problems == [] and hypo71.detect_phase(change(PHASE), "")
    assert [r.picks[0].time for r in records] == [r.picks[0].time for r in phase(PHASE)[0]]
    events, problems = summary(change(SUMMARY))
    assert problems == [] and hypo71.detect_summary(change(SUMMARY), "")
    assert len(events) == 2


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-8"])
def test_a_russian_line_between_cards_is_kept(encoding: str) -> None:
    text = PHASE.decode().replace("TLG", "Записано на станции Талгар\nЗакончилась лента\nTLG")
    (first, *_), problems = phase(text.encode(encoding))
    assert "Записано на станции Талгар" in first.comments
    assert {p.code for p in problems} == {"unused-text"}


def test_too_many_earthquakes_stop_the_reading() -> None:
    records, problems = phase(PHASE, Limits(max_events=1))
    assert len(records) == 1 and problems[-1].code == "too-many-events"


# --- summary cards ----------------------------------------------------------------------------


def test_every_column_of_a_summary_card_is_read() -> None:
    (first, second), problems = summary(SUMMARY)
    assert problems == []
    (origin,) = first.origins
    assert origin.time == datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)
    assert (origin.latitude, origin.longitude) == (42.16, 77.259)
    assert (origin.depth_km, origin.depth_type) == (15.5, "from location")
    assert (origin.used_phase_count, origin.azimuthal_gap) == (19, 59.0)
    assert origin.minimum_distance_deg == pytest.approx(40.4 / 111.195, abs=1e-4)
    assert (origin.standard_error, origin.horizontal_uncertainty_km) == (0.16, 0.5)
    assert origin.depth_uncertainty_km == 1.1
    assert origin.comments == ("quality: B", "velocity model: 1")
    assert [(m.value, m.type) for m in first.magnitudes] == [(3.21, None)]
    assert second.magnitudes == () and second.origins[0].horizontal_uncertainty_km is None
    assert second.origins[0].depth_type == "operator assigned"
    assert second.origins[0].comments == ("quality: D", "velocity model: 2", "remark: *")


def test_a_printed_card_of_the_manuals_kind_is_read() -> None:
    card = "691005 1112 52.83 38-28.59 122-41.94   8.41   1.81 19  59  1.2  .16   .5  1.1 B1"
    heading = " DATE    ORIGIN    LAT N    LONG W    DEPTH    MAG NO GAP DMIN  RMS  ERH  ERZ QM"
    (event,), problems = summary(f"{heading}\n{card}\n")
    assert problems == []
    (origin,) = event.origins
    assert origin.time == datetime(1969, 10, 5, 11, 12, 52, 830000, UTC)
    assert (origin.latitude, origin.longitude) == (38.4765, -122.699)
    assert event.magnitudes[0].value == 1.81


def test_without_hemispheres_nothing_is_guessed() -> None:
    assert hypo71.detect_summary(ROW.encode(), "x.sum")
    with pytest.raises(FormatError) as refusal:
        summary(ROW)
    problem = refusal.value.problem
    assert (problem.code, problem.field, problem.expected) == (
        "missing-field",
        "north or south",
        "N S",
    )
    lettered = ROW.replace("42-", "42S").replace("77-", "77E")
    (event,), _ = summary(lettered)
    assert (event.origins[0].latitude, event.origins[0].longitude) == (-42.16, 77.259)


@pytest.mark.parametrize(
    "row, code, field",
    [
        (ROW[:30], "wrong-width", ""),
        (ROW + "xx", "wrong-width", ""),
        (ROW.replace("77-15.54", "77 \t5.54"), "unused-text", ""),
        (ROW.replace("141114", "141314"), "not-a-time", "time"),
        (ROW.replace("16.50", "61.50"), "out-of-range", "second"),
        (ROW.replace("42- 9.60", "92- 9.60"), "out-of-range", "latitude"),
        (ROW.replace("42- 9.60", "42-69.60"), "out-of-range", "latitude minutes"),
        (ROW.replace("   .5", "*****"), "not-a-number", "erh"),
        (ROW.replace(" 59 ", "459 "), "out-of-range", "gap"),
    ],
)
def test_a_spoilt_summary_card_says_where(row: str, code: str, field: str) -> None:
    events, problems = summary(SUMMARY + row.encode() + b"\n")
    assert len(events) >= 2
    assert (4, code, field) in said(problems)


# --- what is something else -------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\n \n", b"free text\n" * 5, b"KNDC 141114 0124 38.12\n"])
def test_what_is_something_else_is_refused(data: bytes) -> None:
    assert not hypo71.detect_phase(data, "x.pha") and not hypo71.detect_summary(data, "x.sum")
    with pytest.raises(FormatError):
        phase(data)
    with pytest.raises(FormatError):
        summary(data)


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_no_mutation_makes_the_readers_crash(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([PHASE, SUMMARY])))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=4))
    started = time.monotonic()
    hypo71.detect_phase(bytes(content), "")
    hypo71.detect_summary(bytes(content), "")
    for read in (phase, summary):
        try:
            records, problems = read(bytes(content))
        except FormatError as refusal:
            records, problems = [], [refusal.problem]
        assert all(problem.code in CODES for problem in problems)
        assert all(record.first_line <= record.last_line for record in records)
    assert time.monotonic() - started < 2.0
