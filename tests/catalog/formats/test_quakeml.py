"""The QuakeML reader and writer against ObsPy, the schema, and hostile documents."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import obspy
import pytest
from lxml import etree

from catalog.formats import quakeml
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    AxisRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from tests.catalog.formats.conftest import OBSPY, placeless, read_all

Bytes = Callable[[str], bytes]
REAL = sorted((OBSPY / "quakeml/tests/data").glob("*.xml")) + sorted(
    (OBSPY / "iaspei/tests/data").glob("*.xml")
)
SHARED = Path(__file__).parents[4] / "shared" / "data" / "mechanisms"
CURRENT = [path for path in REAL if b"quakeml.org/xmlns/bed/1.2" in path.read_bytes()]


def oracle(data: bytes) -> obspy.Catalog:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return obspy.read_events(io.BytesIO(data), format="QUAKEML")


def assert_valid(document: bytes) -> None:
    schema = etree.XMLSchema(etree.parse(OBSPY / "quakeml/data/QuakeML-1.2.xsd"))
    schema.assertValid(etree.fromstring(document))


def near(value: float | None, other: float | None, factor: float = 1.0) -> bool:
    if value is None or other is None:
        return value is None and other is None
    return math.isclose(value * factor, other, rel_tol=1e-7, abs_tol=1e-7)


def same_time(value: datetime | None, other: object) -> bool:
    if value is None or other is None:
        return value is None and other is None
    return value == other.datetime.replace(tzinfo=UTC)  # type: ignore[attr-defined]


def agency(info: object) -> str | None:
    return info and info.agency_id  # type: ignore[attr-defined,no-any-return]


def compare(data: bytes) -> int:
    """Compare our reading with ObsPy's field by field; return how many events there were."""
    events, _ = read_all("quakeml", data)
    catalog = oracle(data)
    # ObsPy drops an event whose type QuakeML does not know ("quarry"); here only the type goes.
    read_by_obspy = {str(event.resource_id) for event in catalog}
    assert len(events) == data.count(b"</event>")
    assert all(event.event_type is None for event in events if event.event_id not in read_by_obspy)
    events = [event for event in events if event.event_id in read_by_obspy]
    for ours, theirs in zip(events, catalog, strict=True):
        if theirs.event_type is not None:
            assert ours.event_type == theirs.event_type
        assert ours.event_type_certainty == theirs.event_type_certainty
        assert [(d.text, d.type) for d in ours.descriptions] == [
            (d.text, d.type) for d in theirs.event_descriptions
        ]
        located = [o for o in theirs.origins if None not in (o.time, o.latitude, o.longitude)]
        for a, b in zip(ours.origins, located, strict=True):
            assert a.origin_id == str(b.resource_id)
            assert same_time(a.time, b.time)
            assert near(a.time_uncertainty, b.time_errors.uncertainty)
            assert (a.latitude, a.longitude) == (b.latitude, b.longitude)
            degree = quakeml.KM_PER_DEGREE
            assert near(a.latitude_uncertainty_km, b.latitude_errors.uncertainty, 1 / degree)
            assert near(a.depth_km, b.depth, 1000)
            assert near(a.depth_uncertainty_km, getattr(b.depth_errors, "uncertainty", None), 1000)
            assert (a.depth_type, a.origin_type, a.region) == (
                b.depth_type,
                b.origin_type,
                b.region,
            )
            assert (a.time_fixed, a.epicenter_fixed) == (b.time_fixed, b.epicenter_fixed)
            assert (a.evaluation_mode, a.evaluation_status) == (
                b.evaluation_mode,
                b.evaluation_status,
            )
            assert a.agency == agency(b.creation_info)
            assert a.method_id == (b.method_id and str(b.method_id))
            quality = b.quality or obspy.core.event.OriginQuality()
            for name in (
                *("used_phase_count", "associated_phase_count", "used_station_count"),
                *("associated_station_count", "depth_phase_count", "standard_error"),
                *("azimuthal_gap", "secondary_azimuthal_gap", "ground_truth_level"),
            ):
                assert getattr(a, name) == getattr(quality, name)
            for name in ("minimum_distance", "maximum_distance", "median_distance"):
                theirs_distance = getattr(quality, name)
                if theirs_distance is not None and theirs_distance > 180.0:
                    theirs_distance = None  # kilometres, in a release candidate's example
                assert near(getattr(a, name + "_deg"), theirs_distance)
            spread = b.origin_uncertainty or obspy.core.event.OriginUncertainty()
            assert near(a.horizontal_uncertainty_km, spread.horizontal_uncertainty, 1000)
            assert near(a.semi_major_axis_km, spread.max_horizontal_uncertainty, 1000)
            assert near(a.semi_minor_axis_km, spread.min_horizontal_uncertainty, 1000)
            assert near(a.major_axis_azimuth, spread.azimuth_max_horizontal_uncertainty)
            assert near(a.confidence_level, spread.confidence_level)
            picks = {str(p.resource_id) for p in theirs.picks}
            usable = [x for x in b.arrivals if str(x.pick_id) in picks]
            for arrival, other in zip(a.arrivals, usable, strict=True):
                assert arrival.phase == other.phase
                assert near(arrival.distance_deg, other.distance)
                assert near(arrival.azimuth, other.azimuth)
                assert near(arrival.time_residual, other.time_residual)
                assert near(arrival.time_weight, other.time_weight)
        for m, other in zip(ours.magnitudes, theirs.magnitudes, strict=True):
            assert (m.value, m.type, m.station_count) == (
                other.mag,
                other.magnitude_type,
                other.station_count,
            )
            assert near(m.uncertainty, other.mag_errors.uncertainty)
            assert m.agency == agency(other.creation_info)
        for pick, other in zip(ours.picks, theirs.picks, strict=True):
            assert same_time(pick.time, other.time)
            assert pick.station.code == other.waveform_id.station_code
            assert pick.phase_hint == other.phase_hint
            assert (pick.onset, pick.polarity) == (other.onset, other.polarity)
            assert near(pick.backazimuth, other.backazimuth)
            assert near(pick.horizontal_slowness, other.horizontal_slowness)
        for amplitude, other in zip(ours.amplitudes, theirs.amplitudes, strict=True):
            assert near(amplitude.value, other.generic_amplitude)
            assert (amplitude.unit, amplitude.type) == (other.unit, other.type)
        for sm, other in zip(ours.station_magnitudes, theirs.station_magnitudes, strict=True):
            assert (sm.value, sm.type) == (other.mag, other.station_magnitude_type)
        for fm, other in zip(ours.focal_mechanisms, theirs.focal_mechanisms, strict=True):
            if other.nodal_planes:
                plane, theirs_plane = fm.nodal_plane_1, other.nodal_planes.nodal_plane_1
                assert plane is not None
                assert (plane.strike, plane.dip, plane.rake) == (
                    theirs_plane.strike,
                    theirs_plane.dip,
                    theirs_plane.rake,
                )
            if other.moment_tensor:
                tensor = fm.moment_tensor
                assert tensor is not None
                assert tensor.scalar_moment == other.moment_tensor.scalar_moment
                if other.moment_tensor.tensor:
                    assert tensor.mrr == other.moment_tensor.tensor.m_rr
                    assert tensor.mtp == other.moment_tensor.tensor.m_tp
    return len(events)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_obspy_reads_the_same(path: Path) -> None:
    data = path.read_bytes()
    if b"quakeml.org/xmlns/bed/1.2" not in data:
        with pytest.raises(FormatError) as refusal:
            read_all("quakeml", data)
        assert refusal.value.problem.code == "unsupported-version"
        return
    assert compare(data) >= 1


@pytest.mark.parametrize("name", ["C201009031635A.quakeml", "pdl/quakeml_mt_usb00083i6.xml"])
def test_moment_tensors_of_agencies(name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"the folder of real data is not beside the checkout: {name}")
    data = (SHARED / name).read_bytes()
    assert compare(data) == 1
    (event,), _ = read_all("quakeml", data)
    assert event.focal_mechanisms[0].moment_tensor is not None
    assert_valid("".join(quakeml.write([event])).encode())


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.name)
def test_what_is_written_is_valid_and_reads_back_the_same(path: Path) -> None:
    data = path.read_bytes()
    events, _ = read_all("quakeml", data)
    events = [placeless(event) for event in events]
    document = "".join(quakeml.write(events)).encode()
    assert_valid(document)
    again, _ = read_all("quakeml", document)
    assert "".join(quakeml.write(again)).encode() == document


def full_event() -> EventRecord:
    """Return an event with every field of every record that QuakeML can hold."""
    when = datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)
    station = StationReference("KNDC", "KZ", "00", "BHZ")
    smi = "smi:kz.test/"
    return EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=smi + "event/1",
        event_type="earthquake",
        event_type_certainty="known",
        descriptions=(DescriptionRecord('Kadzhi-Sai & "east"', "earthquake name"),),
        origins=(
            OriginRecord(
                origin_id=smi + "origin/1",
                time=when,
                latitude=42.1,
                longitude=77.27,
                depth_km=10.1,
                time_uncertainty=0.12,
                time_fixed=False,
                epicenter_fixed=True,
                depth_type="operator assigned",
                depth_uncertainty_km=2.3,
                latitude_uncertainty_km=1.5,
                longitude_uncertainty_km=1.25,
                horizontal_uncertainty_km=3.5,
                semi_major_axis_km=4.5,
                semi_minor_axis_km=2.5,
                major_axis_azimuth=123.0,
                confidence_level=90.0,
                used_phase_count=12,
                associated_phase_count=14,
                used_station_count=10,
                associated_station_count=11,
                depth_phase_count=1,
                standard_error=0.85,
                azimuthal_gap=96.0,
                secondary_azimuthal_gap=120.0,
                minimum_distance_deg=0.35,
                maximum_distance_deg=12.4,
                median_distance_deg=5.5,
                ground_truth_level="GT5",
                agency="SOME",
                author="operator",
                method_id=smi + "method/dimas",
                earth_model_id=smi + "earthmodel/iasp91",
                origin_type="hypocenter",
                evaluation_mode="manual",
                evaluation_status="reviewed",
                creation_time=when,
                region="Озеро Иссык-Куль",
                arrivals=(
                    ArrivalRecord(
                        pick_id=smi + "pick/1",
                        arrival_id=smi + "arrival/1",
                        phase="Pn",
                        azimuth=34.5,
                        distance_deg=1.08,
                        takeoff_angle=95.0,
                        time_residual=0.4,
                        time_weight=1.0,
                        backazimuth_residual=-3.1,
                        backazimuth_weight=0.5,
                        horizontal_slowness_residual=0.2,
                        horizontal_slowness_weight=0.0,
                        time_correction=0.01,
                        earth_model=smi + "earthmodel/iasp91",
                        comments=("arrival",),
                    ),
                ),
                comments=("origin <1>",),
            ),
        ),
        magnitudes=(
            MagnitudeRecord(
                13.6,
                "KR",
                smi + "magnitude/1",
                smi + "origin/1",
                0.2,
                "min",
                12,
                96.0,
                "SOME",
                "operator",
                smi + "method/kr",
                "manual",
                "reviewed",
                when,
                ("class",),
            ),
        ),
        picks=(
            PickRecord(
                smi + "pick/1",
                station,
                when,
                0.05,
                "Pn",
                "impulsive",
                "positive",
                214.5,
                2.0,
                13.9,
                0.3,
                None,
                "manual",
                "reviewed",
                "SOME",
                smi + "filter/1",
                smi + "method/pick",
                ("pick",),
            ),
        ),
        amplitudes=(
            AmplitudeRecord(
                smi + "amplitude/1",
                1.2345e-06,
                "m",
                "AP",
                "point",
                0.8,
                12.5,
                when,
                smi + "pick/1",
                station,
                "KR",
                1e-08,
                "SOME",
                "manual",
                smi + "method/amplitude",
                ("amplitude",),
            ),
        ),
        station_magnitudes=(
            StationMagnitudeRecord(
                13.5,
                "KR",
                station,
                smi + "stationmagnitude/1",
                smi + "origin/1",
                smi + "amplitude/1",
                0.3,
                "max",
                -0.1,
                1.0,
                smi + "magnitude/1",
                "SOME",
                smi + "method/kr",
                ("station",),
            ),
        ),
        focal_mechanisms=(
            FocalMechanismRecord(
                smi + "focalmechanism/1",
                NodalPlaneRecord(222.0, 24.0, -45.0),
                NodalPlaneRecord(355.0, 73.0, -107.0),
                1,
                AxisRecord(98.0, 26.0, 2.7e17),
                AxisRecord(359.0, 16.0, 0.2e17),
                AxisRecord(241.0, 58.0, -2.9e17),
                MomentTensorRecord(
                    -1.5e17,
                    1e15,
                    1.5e17,
                    4.9e16,
                    -2.2e17,
                    6.4e16,
                    2.8e17,
                    0.9,
                    0.1,
                    0.8,
                    smi + "origin/1",
                    smi + "magnitude/1",
                ),
                smi + "origin/1",
                32,
                60.0,
                0.1,
                "A",
                smi + "method/fm",
                "SOME",
                "operator",
                "manual",
                "final",
                when,
                ("mechanism",),
            ),
        ),
        preferred_origin_id=smi + "origin/1",
        preferred_magnitude_id=smi + "magnitude/1",
        preferred_focal_mechanism_id=smi + "focalmechanism/1",
        agency="SOME",
        author="operator",
        comments=("event",),
    )


def test_every_field_makes_the_round_trip() -> None:
    event = full_event()
    document = "".join(quakeml.write([event])).encode()
    assert_valid(document)
    (again,), problems = read_all("quakeml", document)
    assert problems == []
    assert placeless(again) == event
    assert compare(document) == 1


def test_fragments_joined_are_the_document() -> None:
    event, ids = full_event(), quakeml.ResourceIds("kz.test", "1")
    (origin,), (magnitude,) = event.origins, event.magnitudes
    joined = b"".join(
        [
            quakeml.render_event_head(event, ids),
            quakeml.render_origin_start(origin, ids),
            quakeml.render_arrivals(origin, ids),
            quakeml.ORIGIN_END,
            quakeml.render_magnitude(magnitude, ids, event.station_magnitudes),
            quakeml.render_focal_mechanism(event.focal_mechanisms[0], ids),
            quakeml.render_pick(event.picks[0], ids),
            quakeml.render_amplitude(event.amplitudes[0], ids),
            quakeml.render_station_magnitude(event.station_magnitudes[0], ids),
            quakeml.EVENT_END,
        ]
    )
    assert joined == quakeml.render_event(event, ids)
    bare = quakeml.render_event(event, ids, with_arrivals=False)
    start, end = quakeml.document_start("smi:kz.test/query", "SOME"), quakeml.document_end()
    assert_valid(start + bare + end)
    assert b"<pick" not in bare and b"stationMagnitude" not in bare


@pytest.mark.parametrize("name", ["19670130012028.isf", "ipe202409sel_ims.txt"])
def test_an_isf_bulletin_becomes_valid_quakeml(name: str, obspy_data: Bytes) -> None:
    events, _ = read_all("isf", obspy_data("iaspei/tests/data/" + name))
    document = "".join(quakeml.write(events)).encode()
    assert_valid(document)
    catalog = oracle(document)
    for ours, theirs in zip(events, catalog, strict=True):
        timed = [pick for pick in ours.picks if pick.time is not None]
        assert len(theirs.picks) == len(timed)
        assert len(theirs.station_magnitudes) == len(ours.station_magnitudes)
        valued = [a.value for a in ours.amplitudes if a.value is not None]
        for value, amplitude in zip(valued, theirs.amplitudes, strict=True):
            assert near(amplitude.generic_amplitude, value, 1e9)
            assert amplitude.unit == "m"


@pytest.mark.parametrize("name", ["synthetic_doctype.xml", "synthetic_billion_laughs.xml"])
def test_a_doctype_is_refused(name: str, golden: Bytes) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("quakeml", golden(name))
    assert (refusal.value.problem.code, refusal.value.problem.line_number) == ("xml-doctype", 2)


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "empty-file"),
        (b" \n", "empty-file"),
        (b"Event 1 Somewhere", "wrong-format"),
        (b"<html><body/></html>", "wrong-format"),
        (b"<a", "xml-syntax"),
        ("<a/>".encode("utf-16"), "encoding"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "encoding"),
        (b"<a>" * 300 + b"</a>" * 300, "xml-too-deep"),
    ],
)
def test_nothing_to_read_is_a_format_error(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("quakeml", data)
    assert refusal.value.problem.code == code


def test_a_hidden_doctype_is_refused_whatever_stands_before_it(golden: Bytes) -> None:
    data = golden("synthetic_doctype.xml").replace(b"<!DOCTYPE", b"<!-- <a> --><?x?> <!DOCTYPE")
    with pytest.raises(FormatError) as refusal:
        read_all("quakeml", data)
    assert refusal.value.problem.code == "xml-doctype"


def test_elements_without_a_home_are_counted_and_named(golden: Bytes) -> None:
    (event,), problems = read_all("quakeml", golden("synthetic_unknown.xml"))
    assert [(p.code, p.line_number, p.field, p.found) for p in problems] == [
        ("xml-unknown-element", 5, "event/magicNumber", "2 x 42"),
        ("xml-unknown-element", 4, "event/@grade", "1 x A"),
        ("xml-unknown-element", 11, "origin/depth/confidenceLevel", "1 x 90"),
        ("xml-unknown-element", 12, "origin/originUncertainty/confidenceEllipsoid", "1 x 3"),
    ]
    assert event.origins[0].depth_km == 10.0
    assert (event.first_line, event.last_line) == (4, 14)
    assert event.text.startswith("<event xmlns:kz") and event.text.endswith("</event>")


@pytest.mark.parametrize(
    "old, new, code, line",
    [
        ("<value>42.1<", "<value>91<", "out-of-range", 9),
        ("<value>42.1<", "<value>NaN<", "not-finite", 9),
        ("<value>42.1<", "<value>4O.1<", "not-a-number", 9),
        ("2014-11-14T01", "2087-11-14T01", "implausible-time", 8),
        ("2014-11-14T01", "2014-11-14T25", "not-a-time", 8),
    ],
)
def test_bad_datum_is_a_problem_with_its_line(
    old: str, new: str, code: str, line: int, golden: Bytes
) -> None:
    data = golden("synthetic_unknown.xml").decode().replace(old, new).encode()
    (event,), problems = read_all("quakeml", data)
    assert (code, line) in [(p.code, p.line_number) for p in problems]
    assert event.origins == ()


def many(count: int, golden: Bytes) -> bytes:
    data = golden("synthetic_unknown.xml")
    start, end = data.index(b"  <event "), data.index(b"</eventParameters>")
    events = [
        data[start:end].replace(b"event/1", b"event/%d" % n).replace(b"42.1<", b"4x.1<")
        for n in range(count)
    ]
    return data[:start] + b"".join(events) + data[end:]


def test_lines_are_right_beyond_the_parsers_sixteen_bits(golden: Bytes) -> None:
    data = many(7000, golden)
    events, problems = read_all("quakeml", data)
    assert len(events) == 7000
    lines = data.split(b"\n")
    assert len(lines) > 70000
    bad = [p for p in problems if p.code == "not-a-number"]
    assert len(bad) == 7000
    assert all(b"4x.1" in lines[p.line_number - 1] for p in bad if p.line_number)
    assert b"event/6999" in lines[events[-1].first_line - 1]


def test_too_many_events_stop_the_reading(golden: Bytes) -> None:
    events, problems = read_all("quakeml", many(5, golden), Limits(max_events=3))
    assert len(events) == 3 and problems[-1].code == "too-many-events"


def test_truncated_document_keeps_the_events_before(golden: Bytes) -> None:
    data = many(3, golden)
    events, problems = read_all("quakeml", data[: data.rindex(b"<originUncertainty>")])
    assert len(events) == 2
    assert problems[-1].code == "truncated"


def test_two_events_with_one_id_are_both_read(golden: Bytes) -> None:
    data = many(2, golden).replace(b"event/1", b"event/0")
    events, problems = read_all("quakeml", data)
    assert len(events) == 2
    assert "duplicate-event-id" in {p.code for p in problems}


def test_a_closing_tag_inside_cdata_does_not_end_the_event(golden: Bytes) -> None:
    data = golden("synthetic_unknown.xml").replace(
        b"<magicNumber>42<", b"<magicNumber><![CDATA[</event>]]><"
    )
    (event,), _ = read_all("quakeml", data)
    assert event.text.endswith("</origin>\n  </event>")


def test_events_that_are_one_tag_have_a_text(golden: Bytes) -> None:
    data = golden("synthetic_unknown.xml")
    data = data.replace(b"  <event ", b'<event publicID="a"/><event publicID="b"/><event ', 1)
    events, _ = read_all("quakeml", data)
    assert [e.text for e in events[:2]] == ['<event publicID="a"/>', '<event publicID="b"/>']


@pytest.mark.parametrize(
    ("origin_id", "errors", "axes", "km", "codes"),
    [
        # The first event of SeisComP's own test answer: 4.605 (2.8² + 2.71²) = 6.125² + 5.693².
        ("smi:x/o", (2.8, 2.71), (6124.81451, 5692.548275), (2.8, 2.71), []),
        ("smi:x/Origin/20210623065752.156213.55", (3.27, 3.35), None, (3.27, 3.35), []),
        # It may be a SeisComP whose owner mended it: nothing tells.
        ("smi:x/Origin/20210623065752.156213.55", (0.5, 0.5), None, None, ["value-not-read"]),
        (
            "smi:x/Origin/20210623065752.156213.55",
            (0.02, 0.02),
            (4773.2, 3540.0),  # the same trace in degrees
            (2.2239, 1.6501),
            [],
        ),
        ("smi:x/o", (2.8, 2.71), None, (311.35, 223.6), []),
        ("smi:x/o", (6.0, 1.0), None, (667.2, 82.5), ["out-of-range"]),
    ],
)
def test_errors_of_the_epicentre_in_km_are_told_from_degrees(
    origin_id: str,
    errors: tuple[float, float],
    axes: tuple[float, float] | None,
    km: tuple[float, float] | None,
    codes: list[str],
    golden: Bytes,
) -> None:
    text = golden("synthetic_unknown.xml").decode().replace("smi:local/origin/1", origin_id)
    for place, error in zip(("42.1", "77.27"), errors, strict=True):
        old = f"<value>{place}</value>"
        text = text.replace(old, f"{old}<uncertainty>{error}</uncertainty>")
    ellipse = "" if axes is None else (
        f"<maxHorizontalUncertainty>{axes[0]}</maxHorizontalUncertainty>"
        f"<minHorizontalUncertainty>{axes[1]}</minHorizontalUncertainty>"
    )  # fmt: skip
    text = text.replace("<originUncertainty>", f"<originUncertainty>{ellipse}")
    (event,), problems = read_all("quakeml", text.encode())
    (origin,) = event.origins
    found = origin.latitude_uncertainty_km, origin.longitude_uncertainty_km
    assert found == (pytest.approx(km, rel=1e-3) if km else (None, None))
    assert [p.code for p in problems if p.code != "xml-unknown-element"] == codes
    assert (quakeml.KM_COMMENT in origin.comments) == (km == errors)
