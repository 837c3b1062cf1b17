"""The ISF reader against ObsPy's, against files made for it, and against its own writer."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from datetime import UTC, datetime

import obspy
import pytest
from obspy.core.event import Catalog

from catalog.formats import isf
from catalog.formats.problems import FormatError
from tests.catalog.formats.conftest import placeless, read_all

Bytes = Callable[[str], bytes]
REAL = ("iaspei/tests/data/19670130012028.isf", "iaspei/tests/data/ipe202409sel_ims.txt")


def oracle(data: bytes) -> Catalog:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return obspy.read_events(io.BytesIO(data), format="IMS10BULLETIN")


def near(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return abs(value - other) <= 1e-9 * max(1.0, abs(value))


def last(resource_id: object) -> str:
    return str(resource_id).rsplit("/", 1)[-1]


@pytest.mark.parametrize("name", REAL)
def test_obspy_reads_the_same_origins(name: str, obspy_data: Bytes) -> None:
    events, _ = read_all("isf", obspy_data(name))
    catalog = oracle(obspy_data(name))
    assert [e.event_id for e in events] == [last(e.resource_id) for e in catalog]
    for ours, theirs in zip(events, catalog, strict=True):
        assert ours.event_type == theirs.event_type
        assert ours.event_type_certainty == theirs.event_type_certainty
        assert ours.descriptions[0].text == theirs.event_descriptions[0].text
        located = [o for o in theirs.origins if o.latitude is not None]
        for a, b in zip(ours.origins, located, strict=True):
            assert a.origin_id == last(b.resource_id)
            assert a.time == b.time.datetime.replace(tzinfo=UTC)
            assert (a.latitude, a.longitude) == (b.latitude, b.longitude)
            # ObsPy does not tell a depth of 0.0 from none; here zero depth is a depth.
            assert near(a.depth_km or 0.0, (b.depth or 0.0) / 1000)
            assert a.agency == b.creation_info.author
            assert a.time_fixed == b.time_fixed and a.epicenter_fixed == b.epicenter_fixed
            assert near(a.time_uncertainty, b.time_errors.uncertainty)
            quality = b.quality or obspy.core.event.OriginQuality()
            assert near(a.standard_error, quality.standard_error)
            assert a.used_phase_count == quality.used_phase_count
            assert a.used_station_count == quality.used_station_count
            assert near(a.azimuthal_gap, quality.azimuthal_gap)
            assert near(a.minimum_distance_deg, quality.minimum_distance)
            assert near(a.maximum_distance_deg, quality.maximum_distance)
            if a.depth_km is not None:
                assert a.depth_type == b.depth_type
            if b.origin_uncertainty:
                ellipse = b.origin_uncertainty
                assert a.semi_major_axis_km is not None and a.semi_minor_axis_km is not None
                assert near(a.semi_major_axis_km * 1000, ellipse.max_horizontal_uncertainty)
                assert near(a.semi_minor_axis_km * 1000, ellipse.min_horizontal_uncertainty)
                # ObsPy takes a strike of 0 for none and then drops the ellipse.
                assert near(a.major_axis_azimuth, ellipse.azimuth_max_horizontal_uncertainty)


@pytest.mark.parametrize("name", REAL)
def test_obspy_reads_the_same_magnitudes(name: str, obspy_data: Bytes) -> None:
    events, _ = read_all("isf", obspy_data(name))
    for ours, theirs in zip(events, oracle(obspy_data(name)), strict=True):
        for a, b in zip(ours.magnitudes, theirs.magnitudes, strict=True):
            assert (a.value, a.type, a.station_count) == (b.mag, b.magnitude_type, b.station_count)
            assert a.agency == b.creation_info.author
            assert a.origin_id == last(b.origin_id)


@pytest.mark.parametrize("name", REAL)
def test_obspy_reads_the_same_phases(name: str, obspy_data: Bytes) -> None:
    events, _ = read_all("isf", obspy_data(name))
    compared = 0
    for ours, theirs in zip(events, oracle(obspy_data(name)), strict=True):
        picks = {p.pick_id: p for p in ours.picks}
        amplitudes = {a.pick_id: a for a in ours.amplitudes}
        for b in theirs.picks:
            a = picks[last(b.resource_id)]
            assert a.station.code == b.waveform_id.station_code
            assert a.phase_hint == (b.phase_hint or None)
            assert a.time == b.time.datetime.replace(tzinfo=UTC)
            assert (a.onset, a.polarity, a.evaluation_mode) == (
                b.onset,
                b.polarity,
                b.evaluation_mode,
            )
            assert a.backazimuth == b.backazimuth
            assert a.horizontal_slowness == b.horizontal_slowness
            compared += 1
        for amplitude in theirs.amplitudes:
            mine = amplitudes[last(amplitude.pick_id)]
            assert mine.value is not None
            assert near(mine.value * 1e-9, amplitude.generic_amplitude)
            assert mine.unit == "nm"
            assert (mine.period, mine.snr) == (amplitude.period, amplitude.snr)
        for mine_m, b in zip(
            [m for m in ours.station_magnitudes if theirs.station_magnitudes],
            theirs.station_magnitudes,
            strict=True,
        ):
            assert mine_m.value == b.mag  # the type gets lost inside ObsPy
        arrivals = {a.pick_id: a for o in ours.origins for a in o.arrivals}
        for b in (a for o in theirs.origins for a in o.arrivals):
            mine_a = arrivals[last(b.pick_id)]
            # ObsPy takes 0.0 for none.
            assert (mine_a.distance_deg or None, mine_a.time_residual or None) == (
                b.distance or None,
                b.time_residual or None,
            )
            assert (mine_a.azimuth or None) == (b.azimuth or None)
            assert mine_a.backazimuth_residual == b.backazimuth_residual
            assert mine_a.time_defining == (b.time_weight == 1)
    assert compared


def test_spitak_is_read_whole(obspy_data: Bytes) -> None:
    (event,), problems = read_all("isf", obspy_data(REAL[0]))
    assert problems == []
    assert (event.first_line, event.last_line) == (3, 291)
    assert event.text.startswith("Event   840268 Western Caucasus")
    assert event.text.endswith("27631364")
    assert event.preferred_origin_id == "1838613"
    assert [len(o.arrivals) for o in event.origins] == [0, 0, 0, 0, 0, 255]
    assert event.origins[0].depth_km == 0.0
    assert "Bondár" in event.comments[0]
    assert event.source == "ISC Bulletin"


def test_events_without_a_located_origin_keep_their_picks_and_say_so(obspy_data: Bytes) -> None:
    events, problems = read_all("isf", obspy_data(REAL[1]))
    assert [(p.line_number, p.code, p.field) for p in problems if p.line_number < 20] == [
        (10, "missing-field", "latitude"),
        (13, "dangling-reference", "#OrigID"),
    ]
    assert events[0].origins == ()
    assert events[0].event_type == "induced or triggered event"
    assert events[0].picks[0].time == datetime(2024, 9, 1, 11, 18, 16, 350000, UTC)
    assert events[0].comments[0].startswith("2024/09/01 11:18:16.35")


def test_phases_of_an_unknown_origin_keep_their_columns_as_comments(obspy_data: Bytes) -> None:
    events, problems = read_all("isf", obspy_data(REAL[1]))
    assert {p.code for p in problems if p.line_number in range(50, 53)} == {
        "dangling-reference",
        "missing-field",
    }
    assert "time_residual: 0.1" in events[2].picks[0].comments
    wrong_time = [p for p in problems if p.code == "out-of-range"]
    assert [(p.line_number, p.found) for p in wrong_time] == [(59, "08:26:45.547")]


def test_every_column_has_its_field(golden: Bytes) -> None:
    events, problems = read_all("isf", golden("synthetic_bulletin.isf"))
    assert [(p.code, p.field) for p in problems] == [("unsupported-block", "#FAULT_PLANE")]
    first, second = events
    o = first.origins[0]
    assert o.time == datetime(2014, 11, 13, 23, 59, 58, 500000, UTC)
    assert (o.time_fixed, o.epicenter_fixed, o.depth_type) == (True, True, "operator assigned")
    assert (o.time_uncertainty, o.standard_error, o.depth_uncertainty_km) == (0.12, 0.85, 1.5)
    assert (o.semi_major_axis_km, o.semi_minor_axis_km, o.major_axis_azimuth) == (12.3, 4.5, 123)
    assert (o.used_phase_count, o.used_station_count, o.azimuthal_gap) == (12, 10, 96)
    assert (o.minimum_distance_deg, o.maximum_distance_deg) == (0.35, 12.4)
    assert (o.evaluation_mode, o.method_id, o.agency) == ("manual", "inversion", "SOMEX")
    assert o.event_type == "earthquake" and o.comments == ("event type code: fe",)
    prime = first.origins[1]
    assert first.preferred_origin_id == prime.origin_id == "101"
    assert prime.origin_type == "centroid"
    assert prime.comments[0] == "first line of a comment\nsecond line"
    assert (prime.event_type, prime.event_type_certainty) == ("earthquake", "suspected")
    assert prime.depth_type == "constrained by depth phases"
    assert [(m.type, m.value, m.bound) for m in first.magnitudes] == [
        ("KR", 13.6, None),
        ("mb", 5.3, "min"),
        ("Ms", 4.9, "max"),
    ]
    kndc = first.picks[0]
    assert (kndc.onset, kndc.polarity, kndc.snr) == ("impulsive", "positive", 12.5)
    assert (kndc.backazimuth, kndc.horizontal_slowness) == (214.5, 13.9)
    assert kndc.comments == ("comment on an arrival",)
    assert [len(origin.arrivals) for origin in first.origins] == [1, 3]
    a = prime.arrivals[0]
    assert (a.distance_deg, a.azimuth, a.time_residual) == (1.08, 34.5, 0.4)
    assert (a.backazimuth_residual, a.horizontal_slowness_residual) == (-3.1, 0.2)
    assert (a.time_defining, a.backazimuth_defining, a.horizontal_slowness_defining) == (True,) * 3
    assert (first.amplitudes[0].value, first.amplitudes[0].period) == (1234.5, 0.8)
    assert first.amplitudes[1].value is None and first.amplitudes[1].period == 0.2
    assert [(m.value, m.bound) for m in first.station_magnitudes] == [(5.4, "min"), (4.8, "max")]
    # Midnight lies between the origin and the later phases.
    assert first.picks[1].time == datetime(2014, 11, 14, 0, 0, 31, 250000, UTC)
    assert second.origins[0].evaluation_status == "preliminary"


@pytest.mark.parametrize(
    "code, event_type, certainty",
    [
        ("uk", None, None),
        ("de", "earthquake", "known"),
        ("fe", "earthquake", "known"),
        ("ke", "earthquake", "known"),
        ("se", "earthquake", "suspected"),
        ("kr", "rock burst", "known"),
        ("sr", "rock burst", "suspected"),
        ("ki", "induced or triggered event", "known"),
        ("si", "induced or triggered event", "suspected"),
        ("km", "mining explosion", "known"),
        ("sm", "mining explosion", "suspected"),
        ("kh", "chemical explosion", "known"),
        ("sh", "chemical explosion", "suspected"),
        ("kx", "experimental explosion", "known"),
        ("sx", "experimental explosion", "suspected"),
        ("kn", "nuclear explosion", "known"),
        ("sn", "nuclear explosion", "suspected"),
        ("ls", "landslide", "known"),
    ],
)
def test_event_type_codes(
    code: str, event_type: str | None, certainty: str | None, golden: Bytes
) -> None:
    data = golden("synthetic_bulletin.isf").replace(b" ki KNDC", b" %s KNDC" % code.encode())
    event = read_all("isf", data)[0][1]
    assert (event.event_type, event.event_type_certainty) == (event_type, certainty)


def test_truncated_file_keeps_what_was_read(golden: Bytes) -> None:
    events, problems = read_all("isf", golden("synthetic_truncated.isf"))
    assert problems[-1].code == "truncated"
    assert len(events) == 1 and len(events[0].picks) == 2


def test_long_format_is_refused_by_name(golden: Bytes) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("isf", golden("synthetic_long.isf"))
    assert refusal.value.problem.code == "unsupported-version"
    assert refusal.value.problem.line_number == 2


@pytest.mark.parametrize(
    "name, code", [("empty.txt", "empty-file"), ("wrong_format.txt", "wrong-format")]
)
def test_nothing_to_read_is_a_format_error(name: str, code: str, golden: Bytes) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("isf", golden(name))
    assert refusal.value.problem.code == code


def test_two_events_with_one_id_are_both_read(golden: Bytes) -> None:
    events, problems = read_all("isf", golden("synthetic_same_id.isf"))
    assert len(events) == 2
    assert [p.found for p in problems if p.code == "duplicate-event-id"] == ["20140001"]


def change(data: bytes, old: str, new: str) -> bytes:
    assert data.count(old.encode()) == 1 and len(old) == len(new)
    return data.replace(old.encode(), new.encode())


@pytest.mark.parametrize(
    "old, new, code, field",
    [
        ("  49.5600 ", "  91.5600 ", "out-of-range", "latitude"),
        ("  49.5600 ", "      NaN ", "not-finite", "latitude"),
        ("  49.5600 ", "  4O.5600 ", "not-a-number", "latitude"),
        ("2014/06/21", "2087/06/21", "implausible-time", "time"),
        ("2014/06/21", "2014/13/21", "not-a-time", "time"),
        ("  0.4 214.5", " 0.4* 214.5", "not-a-number", "TRes"),
        ("  0.4 214.5", "***** 214.5", "not-a-number", "TRes"),
        ("T__                  0.20", "X__                  0.20", "unknown-value", "Def"),
        ("00:00:31.250", "00:61:31.250", "not-a-time", "Time"),
        ("Ms   < 4.9 ", "Ms   ? 4.9 ", "unknown-value", "bound"),
        ("Ms   < 4.9          KNDC      101", "Ms   < 4.9          KNDC      999",
         "dangling-reference", "OrigID"),
        ("MDO     1.10  35.0 Sg  ", "MDO  x  1.10  35.0 Sg  ", "unused-text", "phase"),
    ],
)  # fmt: skip
def test_bad_datum_is_a_problem_with_its_line(
    old: str, new: str, code: str, field: str, golden: Bytes
) -> None:
    data = golden("synthetic_bulletin.isf")
    expected_line = data[: data.index(old.encode())].count(b"\n") + 1
    events, problems = read_all("isf", change(data, old, new))
    assert (expected_line, code, field) in [(p.line_number, p.code, p.field) for p in problems]
    assert events


def test_dates_of_1887_are_read(golden: Bytes) -> None:
    data = change(golden("synthetic_bulletin.isf"), "2014/06/21", "1887/06/08")
    events, problems = read_all("isf", data)
    assert events[1].origins[0].time.year == 1887
    assert [p.code for p in problems] == ["unsupported-block"]


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_do_not_matter(end: bytes, golden: Bytes) -> None:
    data = golden("synthetic_bulletin.isf")
    assert read_all("isf", data.replace(b"\n", end)) == read_all("isf", data)


@pytest.mark.parametrize("name", [*REAL, "synthetic_bulletin.isf"])
def test_what_is_written_reads_back_the_same(name: str, golden: Bytes, obspy_data: Bytes) -> None:
    data = obspy_data(name) if "/" in name else golden(name)
    # An event without a located origin has no line to keep the day of its picks.
    events = [event for event in read_all("isf", data)[0] if event.origins]
    text = "".join(isf.write(events))
    again, problems = read_all("isf", text.encode())
    assert placeless(tuple(again)) == placeless(tuple(events))
    assert {p.code for p in problems} <= {"unsupported-block"}
    assert "".join(isf.write(again)) == text
    assert len(oracle(text.encode())) == len(events)
