"""The SeisComP XML reader against golden files, ObsPy, and hostile documents."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import obspy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from catalog.formats import FormatError, Limits, detect, read, scml
from catalog.formats.problems import CODES, Problem, Severity
from catalog.formats.records import EventRecord, ReadingsRecord
from catalog.formats.values import EVENT_TYPES
from tests.catalog.formats.conftest import GOLDEN, OBSPY, placeless

Bytes = Callable[[str], bytes]
OLD, NEW = "synthetic_seiscomp_0.7.xml", "synthetic_seiscomp_0.14.xml"
ORIGINS, PICKS = "synthetic_seiscomp_origins.xml", "synthetic_seiscomp_picks.xml"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "bulletins"
DATA = OBSPY / "seiscomp/tests/data"
REAL = sorted(
    path
    for path in DATA.iterdir()
    if path.is_file()
    and path.suffix != ".xml"
    and b"/ns/seiscomp" in path.read_bytes()[:300]
    and b"<event " in path.read_bytes()
)


def everything(data: bytes, limits: Limits | None = None) -> list[object]:
    return list(read("scml", io.BytesIO(data), limits or Limits()))


def read_all(data: bytes, limits: Limits | None = None) -> tuple[list[EventRecord], list[Problem]]:
    """Return events and problems apart, without the readings."""
    items = everything(data, limits)
    events = [item for item in items if isinstance(item, EventRecord)]
    return events, [item for item in items if isinstance(item, Problem)]


def readings(data: bytes) -> list[ReadingsRecord]:
    return [item for item in everything(data) if isinstance(item, ReadingsRecord)]


def told(problems: list[Problem]) -> list[tuple[int | None, str, str, str]]:
    return [(p.line_number, p.code, p.field, p.found) for p in problems]


# --- what the golden files mean ------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, schema",
    [
        (OLD, "sc3ml_0.7.xsd"),
        (NEW, "scml_0.14.xsd"),
        (ORIGINS, "sc3ml_0.11.xsd"),
        (PICKS, "sc3ml_0.12.xsd"),
    ],
)
def test_golden_files_are_valid_against_their_schema(name: str, schema: str) -> None:
    document = etree.parse(GOLDEN / name)
    etree.XMLSchema(etree.parse(OBSPY / "seiscomp/data" / schema)).assertValid(document)


def test_every_value_of_an_old_file_has_its_place(golden: Bytes) -> None:
    (event,), problems = read_all(golden(OLD))
    assert told(problems) == [
        (53, "xml-unknown-element", "amplitude/timeWindow/begin", "1 x -2"),
        (54, "xml-unknown-element", "amplitude/timeWindow/end", "1 x 3"),
    ]
    assert (event.event_id, event.agency, event.author) == ("Event/1", "SYN", "scevent")
    assert (event.event_type, event.event_type_certainty) == (
        "induced or triggered event",
        "suspected",
    )
    assert [(d.text, d.type) for d in event.descriptions] == [
        ("Кеген, восточнее озера", "region name")
    ]
    assert event.comments == ("made up",)
    assert (event.preferred_origin_id, event.preferred_magnitude_id) == ("Origin/1", "Magnitude/1")
    (origin,) = event.origins
    assert origin.time == datetime(2014, 11, 14, 1, 24, 16, 500000, UTC)
    assert (origin.latitude, origin.longitude, origin.depth_km) == (42.1, 77.27, 17.5)
    assert (origin.latitude_uncertainty_km, origin.longitude_uncertainty_km) == (3.25, 4.5)
    assert (origin.time_uncertainty, origin.depth_uncertainty_km) == (0.4, 2.5)
    assert (origin.time_fixed, origin.epicenter_fixed) == (False, False)
    assert (
        origin.horizontal_uncertainty_km,
        origin.semi_minor_axis_km,
        origin.semi_major_axis_km,
        origin.major_axis_azimuth,
    ) == (5.5, 2.5, 6.5, 123.0)
    assert (origin.method_id, origin.earth_model_id) == ("LOCSAT", "iasp91")
    assert (origin.associated_phase_count, origin.used_phase_count) == (2, 1)
    assert (origin.standard_error, origin.azimuthal_gap) == (0.85, 196.0)
    assert (origin.minimum_distance_deg, origin.maximum_distance_deg) == (0.35, 12.4)
    assert (origin.evaluation_mode, origin.evaluation_status) == ("manual", "confirmed")
    assert (origin.agency, origin.author) == ("SYN", "operator")
    first, second = origin.arrivals
    assert (first.pick_id, first.phase, first.azimuth, first.distance_deg) == (
        "Pick/1",
        "Pn",
        331.5,
        1.08,
    )
    assert (first.time_weight, first.time_defining, second.time_weight, second.time_defining) == (
        *(0.9, True),
        *(0.0, False),
    )
    pick, other = event.picks
    assert pick.time == datetime(2014, 11, 14, 1, 24, 34, 250001, UTC)
    assert (pick.station.network, pick.station.code, pick.station.location) == ("KZ", "SY01", "00")
    assert (pick.horizontal_slowness, pick.horizontal_slowness_uncertainty) == (13.4, 0.7)
    assert (pick.backazimuth, pick.backazimuth_uncertainty) == (151.5, 6.0)
    assert (pick.onset, pick.polarity, pick.phase_hint) == ("impulsive", "negative", "P")
    assert (pick.filter_id, pick.method_id, pick.comments) == (
        "BW(3,1,10)",
        "AIC",
        ("quality: clear",),
    )
    assert other.evaluation_status == "rejected"
    (amplitude,) = event.amplitudes
    assert (amplitude.value, amplitude.unit, amplitude.type) == (35.75, "mm", "MLv")
    assert (amplitude.uncertainty, amplitude.period, amplitude.snr) == (1.5, 0.8, 12.5)
    assert amplitude.time == datetime(2014, 11, 14, 1, 24, 55, 500000, UTC)
    assert amplitude.pick_id == "Pick/1"
    (part,) = event.station_magnitudes
    assert (part.value, part.origin_id, part.amplitude_id) == (4.75, "Origin/1", "Amplitude/1")
    assert (part.magnitude_id, part.residual, part.weight) == ("Magnitude/1", -0.05, 1.0)
    (magnitude,) = event.magnitudes
    assert (magnitude.value, magnitude.uncertainty, magnitude.type) == (4.8, 0.25, "MLv")
    assert (magnitude.origin_id, magnitude.method_id, magnitude.station_count) == (
        "Origin/1",
        "mean",
        1,
    )


def test_a_new_file_with_two_agencies_and_everything_beside(golden: Bytes) -> None:
    events, problems = read_all(golden(NEW))
    assert told(problems) == [
        (201, "unknown-value", "type", "duplicate"),
        (202, "unknown-value", "typeCertainty", "felt"),
        (199, "dangling-reference", "event/focalMechanismReference", "FocalMechanism/none"),
        (76, "unknown-value", "evaluationStatus", "reported"),
        (35, "xml-unknown-element", "amplitude/timeWindow/begin", "1 x 0"),
        (36, "xml-unknown-element", "amplitude/timeWindow/end", "1 x 30.5"),
        (
            *(33, "xml-unknown-element", "amplitude/timeWindow/reference"),
            "1 x 2014-11-14T01:24:36+00:00",
        ),
        (90, "xml-unknown-element", "origin/arrival/weight", "1 x 0.5"),
        (
            *(64, "xml-unknown-element", "origin/uncertainty/confidenceEllipsoid"),
            "1 x 6500 2500 3500 1 123 2",
        ),
        (107, "xml-unknown-element", "stationMagnitude/passedQC", "1 x true"),
        (97, "dangling-reference", "origin/arrival/pickID", "Pick/none S"),
        (148, "inconsistent-tensor", "NP1", "23"),
        (49, "dangling-reference", "amplitude/pickID", "AMS 18.0"),
        (53, "xml-unknown-element", "EventParameters/reading", "1 x Pick/A"),
        (196, "xml-unknown-element", "EventParameters/catalog", "1 x made up 2014-01-01T00:00:00Z"),
        (4, "unsupported-block", "Inventory", "1994-01-01T00:00:00Z"),
    ]
    second, first = events  # the one in the catalog element stands before the other
    assert (first.event_id, first.agency) == ("Event/A", "SYN")
    assert (first.event_type, first.comments) == ("other event", ("event type: volcano-tectonic",))
    assert (second.event_id, second.agency) == ("Event/B", "SYN2")
    assert (second.event_type, second.event_type_certainty) == (None, None)
    assert second.comments == ("event type: duplicate",)
    # The origin the moment tensor was derived from belongs to the event, and so does its Mw.
    assert [o.origin_id for o in first.origins] == ["Origin/A", "Origin/centroid"]
    assert [(m.type, m.origin_id) for m in first.magnitudes] == [
        ("mB", "Origin/A"),
        ("Mw", "Origin/centroid"),
    ]
    assert first.preferred_magnitude_id == "Magnitude/Mw"
    assert first.origins[0].confidence_level == 90.0
    one, other = first.origins[0].arrivals
    assert (one.time_defining, one.time_weight) == (True, 0.75)
    assert (one.backazimuth_defining, one.backazimuth_weight) == (True, 0.75)
    assert (one.horizontal_slowness_defining, one.horizontal_slowness_weight) == (False, None)
    assert (one.takeoff_angle, one.time_residual) == (95.0, 0.125)
    assert (one.horizontal_slowness_residual, one.backazimuth_residual) == (0.25, -3.5)
    assert (other.time_defining, other.time_weight) == (False, None)
    assert [p.pick_id for p in first.picks] == ["Pick/A", "Pick/B"]
    assert [p.agency for p in first.picks] == ["SYN", "SYN2"]
    assert [p.pick_id for p in second.picks] == ["Pick/B"]
    (amplitude,) = first.amplitudes
    assert (amplitude.unit, amplitude.time) == (
        "nm/s",
        datetime(2014, 11, 14, 1, 24, 37, 125000, UTC),
    )
    (mechanism,) = first.focal_mechanisms
    assert mechanism.focal_mechanism_id == first.preferred_focal_mechanism_id
    assert mechanism.nodal_plane_1 is not None and mechanism.nodal_plane_1.strike == 222.0
    assert (mechanism.preferred_plane, mechanism.station_polarity_count) == (1, 32)
    assert mechanism.t_axis is not None and mechanism.t_axis.length == 1.5e17
    tensor = mechanism.moment_tensor
    assert tensor is not None
    assert (tensor.mrr, tensor.mtp, tensor.scalar_moment) == (-1.1e17, 4e16, 1.5e17)
    assert (tensor.derived_origin_id, tensor.moment_magnitude_id) == (
        "Origin/centroid",
        "Magnitude/Mw",
    )
    (rest,) = readings(golden(NEW))
    assert [p.pick_id for p in rest.picks] == ["Pick/C"]
    assert [(a.amplitude_id, a.pick_id) for a in rest.amplitudes] == [("Amplitude/C", "Pick/C")]
    assert rest.agency == "SYN2"


def test_the_text_is_the_source_of_the_parts(golden: Bytes) -> None:
    (event,), _ = read_all(golden(OLD))
    lines = golden(OLD).decode().splitlines()
    assert event.text.splitlines() == lines[4:172]
    assert (event.first_line, event.last_line) == (5, 172)
    for pick in event.picks:
        assert f'"{pick.pick_id}"' in lines[(pick.line_number or 0) - 1]
    (rest,) = readings(golden(NEW))
    lines = golden(NEW).decode().splitlines()
    assert rest.text.splitlines() == lines[23:29] + lines[43:48]


def test_a_file_without_an_event_gives_one_report_an_origin(golden: Bytes) -> None:
    events, problems = read_all(golden(ORIGINS))
    assert told(problems) == [(40, "missing-block", "origin", "")]
    assert [(e.event_id, e.agency, e.author) for e in events] == [
        ("o1", "SYN", "first"),
        ("o2", "SYN2", None),
        (None, "SYN3", None),
    ]
    assert [e.preferred_origin_id for e in events] == ["o1", "o2", None]
    assert [[p.pick_id for p in e.picks] for e in events] == [["p1", "p2"], ["p1", "p2"], []]
    assert [[f.focal_mechanism_id for f in e.focal_mechanisms] for e in events] == [
        [],
        ["f1"],
        ["f2"],
    ]
    assert events[0].origins[0].depth_km == 0.0 and events[1].origins[0].depth_km is None
    assert events[0].origins[0].arrivals[0].time_defining is None
    assert events[0].preferred_magnitude_id is None
    (rest,) = readings(golden(ORIGINS))
    assert [p.pick_id for p in rest.picks] == ["p3"]


def test_a_file_of_picks_gives_readings_by_day_and_agency(golden: Bytes) -> None:
    records = everything(golden(PICKS))
    assert all(isinstance(record, ReadingsRecord) for record in records)
    assert [(r.agency, [p.pick_id for p in r.picks]) for r in readings(golden(PICKS))] == [
        ("SYN", ["p2", "p3"]),
        ("SYN2", ["p4"]),
        ("SYN", ["p1"]),
    ]
    first = readings(golden(PICKS))[0]
    assert [(a.pick_id, a.unit) for a in first.amplitudes] == [("p3", "mm")]


def test_a_report_without_an_id_of_its_own_has_none(golden: Bytes) -> None:
    """An invented id would make two reports of one file, and reports of two files, the same."""
    nameless = golden(ORIGINS).replace(b' publicID="o1"', b"")
    events, problems = read_all(nameless)
    assert (20, "missing-field", "origin/@publicID", "") in told(problems)
    assert [e.event_id for e in events] == [None, "o2", None]
    assert events[0].preferred_origin_id == events[0].origins[0].origin_id
    events, _ = read_all(golden(OLD).replace(b' publicID="Event/1"', b""))
    assert [e.event_id for e in events] == [None]


@pytest.mark.parametrize(
    "word, event_type, comments",
    [
        ("earthquake", "earthquake", ()),
        ("meteor impact", "meteorite", ()),
        ("other", "other event", ()),
        ("lahar", "other event", ("event type: lahar",)),
        ("rocket impact", "other event", ("event type: rocket impact",)),
        ("not locatable", None, ("event type: not locatable",)),
        ("outside of network interest", None, ("event type: outside of network interest",)),
        ("not existing", "not existing", ()),
        ("quarry", None, ()),
    ],
)
def test_event_types_of_seiscomp_become_those_of_quakeml(
    word: str, event_type: str | None, comments: tuple[str, ...], golden: Bytes
) -> None:
    (event,), problems = read_all(golden(OLD).replace(b"induced earthquake", word.encode()))
    assert (event.event_type, event.comments) == (event_type, ("made up", *comments))
    assert event.deleted == (word == "not existing")
    assert ("unknown-value" in {p.code for p in problems}) == (event_type is None)


def test_every_event_type_of_the_schema_is_known() -> None:
    schema = etree.parse(OBSPY / "seiscomp/data/scml_0.14.xsd")
    words = schema.xpath(
        "//*[local-name()='simpleType'][@name='EventType']//*[local-name()='enumeration']/@value"
    )
    known = EVENT_TYPES | scml._SYNONYMS.keys() | scml._OTHER | scml._NO_TYPES
    assert len(words) > 60 and set(words) <= known


def test_many_readings_of_a_day_are_cut(golden: Bytes) -> None:
    data = golden(PICKS)
    start, end = data.index(b'    <pick publicID="p4"'), data.index(b"    <amplitude")
    picks = [data[start:end].replace(b'"p4"', b'"q%d"' % n) for n in range(1203)]
    found = readings(data[:end] + b"".join(picks) + data[end:])
    assert [len(r.picks) for r in found] == [2, 500, 500, 204, 1]


@pytest.mark.parametrize("version", scml.VERSIONS)
def test_every_version_is_read_alike(version: str, golden: Bytes) -> None:
    old = b"http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/0.7"
    for names in (
        "http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/",
        "http://geofon.gfz.de/ns/seiscomp-schema/",
    ):
        data = golden(OLD).replace(old, (names + version).encode())
        assert detect(data) == ["scml"]
        assert everything(data) == everything(golden(OLD))


# --- what ObsPy makes of the same -----------------------------------------------------------------


def oracle(data: bytes) -> obspy.Catalog:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return obspy.read_events(io.BytesIO(data), format="SCML")


def near(value: float | None, other: float | None, factor: float = 1.0) -> bool:
    if value is None or other is None:
        return value is None and other is None
    return math.isclose(value * factor, other, rel_tol=1e-7, abs_tol=1e-7)


def own(resource: object) -> str | None:
    """Return SeisComP's id of ObsPy's."""
    if resource is None:
        return None
    text = str(resource)
    for prefix in ("smi:org.gfz.de/geofon/", "smi:org.gfz-potsdam.de/geofon/"):
        text = text.removeprefix(prefix)
    return text.replace(" ", "_")


def moment(time: obspy.UTCDateTime | None) -> datetime | None:
    return None if time is None else datetime.fromisoformat(f"{time}").astimezone(UTC)


def compare(data: bytes) -> int:
    """Compare with ObsPy field by field; all it has must be here. Return how many events."""
    events, _ = read_all(data)
    catalog = oracle(data)
    by_id = {str(e.event_id).replace(" ", "_"): e for e in events}
    for theirs in catalog:
        ours = by_id[str(own(theirs.resource_id))]
        if ours.event_type is not None:
            assert ours.event_type == theirs.event_type
        assert [(d.text, d.type) for d in ours.descriptions] == [
            (d.text, d.type) for d in theirs.event_descriptions
        ]
        if theirs.preferred_origin() is not None:
            assert ours.preferred_origin_id == own(theirs.preferred_origin_id)
        picks = {p.pick_id: p for p in ours.picks}
        assert {own(p.resource_id) for p in theirs.picks} <= picks.keys()
        for p in theirs.picks:
            pick = picks[str(own(p.resource_id))]
            assert pick.time == moment(p.time)
            assert near(pick.time_uncertainty, p.time_errors.uncertainty)
            assert (pick.station.network or "", pick.station.code) == (
                p.waveform_id.network_code or "",
                p.waveform_id.station_code,
            )
            assert (pick.onset, pick.polarity, pick.phase_hint) == (
                *(p.onset, p.polarity),
                p.phase_hint,
            )
            assert near(pick.backazimuth, p.backazimuth)
            assert near(pick.horizontal_slowness, p.horizontal_slowness)
            assert (pick.evaluation_mode, pick.evaluation_status) == (
                p.evaluation_mode,
                p.evaluation_status,
            )
        origins = {o.origin_id: o for o in ours.origins}
        derived = {
            f.moment_tensor.derived_origin_id for f in ours.focal_mechanisms if f.moment_tensor
        }
        assert origins.keys() - {own(o.resource_id) for o in theirs.origins} <= derived
        for b in theirs.origins:
            a = origins[str(own(b.resource_id))]
            assert (a.time, a.latitude, a.longitude) == (moment(b.time), b.latitude, b.longitude)
            assert near(a.depth_km, b.depth, 1000)
            assert near(a.depth_uncertainty_km, getattr(b.depth_errors, "uncertainty", None), 1000)
            # ObsPy leaves SeisComP's kilometres where QuakeML has degrees.
            assert near(a.latitude_uncertainty_km, b.latitude_errors.uncertainty)
            assert near(a.longitude_uncertainty_km, b.longitude_errors.uncertainty)
            assert near(a.time_uncertainty, b.time_errors.uncertainty)
            assert (a.depth_type, a.origin_type) == (b.depth_type, b.origin_type)
            assert (a.evaluation_mode, a.evaluation_status) == (
                b.evaluation_mode,
                b.evaluation_status,
            )
            quality = b.quality or obspy.core.event.OriginQuality()
            for name in (
                *("used_phase_count", "associated_phase_count", "used_station_count"),
                *("associated_station_count", "depth_phase_count", "standard_error"),
                *("azimuthal_gap", "secondary_azimuthal_gap"),
            ):
                assert near(getattr(a, name), getattr(quality, name))
            for name in ("minimum_distance", "maximum_distance", "median_distance"):
                there = getattr(quality, name)
                there = None if there is not None and there > 180.0 else there  # in no unit
                assert near(getattr(a, name + "_deg"), there)
            spread = b.origin_uncertainty or obspy.core.event.OriginUncertainty()
            assert near(a.horizontal_uncertainty_km, spread.horizontal_uncertainty, 1000)
            assert near(a.semi_major_axis_km, spread.max_horizontal_uncertainty, 1000)
            assert near(a.semi_minor_axis_km, spread.min_horizontal_uncertainty, 1000)
            assert near(a.major_axis_azimuth, spread.azimuth_max_horizontal_uncertainty)
            assert near(a.confidence_level, spread.confidence_level)
            there_are = [x for x in b.arrivals if own(x.pick_id) in picks]
            for arrival, x in zip(a.arrivals, there_are, strict=True):
                assert (arrival.pick_id, arrival.phase) == (own(x.pick_id), x.phase)
                assert near(arrival.azimuth, x.azimuth)
                assert near(arrival.distance_deg, x.distance)
                assert near(arrival.takeoff_angle, x.takeoff_angle)
                assert near(arrival.time_residual, x.time_residual)
                assert near(arrival.backazimuth_residual, x.backazimuth_residual)
                assert near(arrival.horizontal_slowness_residual, x.horizontal_slowness_residual)
                if arrival.time_weight is not None or not arrival.time_defining:
                    assert near(arrival.time_weight, x.time_weight)
                    assert near(arrival.backazimuth_weight, x.backazimuth_weight)
        magnitudes = {m.magnitude_id: m for m in ours.magnitudes}
        for m in theirs.magnitudes:
            magnitude = magnitudes[own(m.resource_id)]
            assert (magnitude.value, magnitude.type) == (m.mag, m.magnitude_type)
            assert near(magnitude.uncertainty, m.mag_errors.uncertainty)
            assert (magnitude.station_count, magnitude.origin_id) == (
                m.station_count,
                own(m.origin_id),
            )
        amplitudes = {a.amplitude_id: a for a in ours.amplitudes}
        for b in theirs.amplitudes:
            amplitude = amplitudes[str(own(b.resource_id))]
            assert near(amplitude.value, b.generic_amplitude)
            assert (amplitude.type, amplitude.snr) == (b.type, b.snr)
            assert near(amplitude.period, b.period)
            assert b.unit in (amplitude.unit, "other")
        parts = {s.station_magnitude_id: s for s in ours.station_magnitudes}
        for s in theirs.station_magnitudes:
            part = parts[own(s.resource_id)]
            assert (part.value, part.type) == (s.mag, s.station_magnitude_type)
        mechanisms = {f.focal_mechanism_id: f for f in ours.focal_mechanisms}
        for f in theirs.focal_mechanisms:
            mechanism = mechanisms[str(own(f.resource_id))]
            assert near(mechanism.misfit, f.misfit)
            assert near(mechanism.azimuthal_gap, f.azimuthal_gap)
            if f.nodal_planes and f.nodal_planes.nodal_plane_1:
                plane, other = mechanism.nodal_plane_1, f.nodal_planes.nodal_plane_1
                assert plane is not None
                assert (plane.strike, plane.dip, plane.rake) == (
                    *(other.strike, other.dip),
                    other.rake,
                )
            if f.moment_tensor and f.moment_tensor.tensor:
                tensor, their_tensor = mechanism.moment_tensor, f.moment_tensor.tensor
                assert tensor is not None
                assert (tensor.mrr, tensor.mtp) == (their_tensor.m_rr, their_tensor.m_tp)
                assert near(tensor.scalar_moment, f.moment_tensor.scalar_moment)
    return len(catalog)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_obspy_reads_the_same(path: Path) -> None:
    data = path.read_bytes()
    # ObsPy drops an event whose type QuakeML does not know; here only the type goes.
    assert compare(data) == data.count(b"<event ") - data.count(b"<type>quarry</type>")
    assert len(read_all(data)[0]) == data.count(b"<event ")


@pytest.mark.parametrize("name, count", [(OLD, 1), (NEW, 1), (ORIGINS, 0), (PICKS, 0)])
def test_obspy_reads_what_an_event_references(name: str, count: int, golden: Bytes) -> None:
    """ObsPy drops what no event references, and the events of a catalog element."""
    assert compare(golden(name)) == count


def shared(name: str) -> bytes:
    if not (SHARED / name).exists():
        pytest.skip(f"the folder of real data is not beside the checkout: {name}")
    return (SHARED / name).read_bytes()


def test_a_full_event_of_seiscomp() -> None:
    data = shared("scml_event-5_full.xml")
    assert compare(data) == 1
    (event,), problems = read_all(data)
    assert not [p for p in problems if p.code != "xml-unknown-element"]
    assert event.event_id == "rs2019qsodmc"
    assert len(event.picks) == data.count(b"<pick ") == 127
    assert [len(o.arrivals) for o in event.origins] == [127, 0]
    preferred = event.origins[0]
    assert preferred.origin_id == event.preferred_origin_id
    used = [a for a in preferred.arrivals if a.time_defining]
    assert len(used) == preferred.used_phase_count == 46
    # ObsPy has one origin only: Mw and the centroid stand in the origin derived from the tensor.
    assert {m.type for m in event.magnitudes} == {"M", "Mw"}
    assert len(oracle(data)[0].origins) == 1


@pytest.mark.parametrize(
    "name, count",
    [
        *(("tb1_1.xml", 1), ("tb1_2.xml", 1), ("tb1_1_2.xml", 2), ("tb2_1.xml", 1)),
        *(("tb2_2.xml", 1), ("tb2_2a.xml", 1), ("tb2_2b.xml", 1)),
    ],
)
def test_origins_without_an_event_of_seiscomp(name: str, count: int) -> None:
    data = shared(f"scml_scevent/{name}")
    assert len(oracle(data)) == 0  # ObsPy drops an origin that no event references
    events, problems = read_all(data)
    assert len(events) == count and readings(data) == []
    assert {p.code for p in problems} == {"xml-unknown-element"}
    assert sum(len(e.picks) for e in events) == data.count(b"<pick ")
    for event in events:
        (origin,) = event.origins
        assert event.event_id == origin.origin_id and event.agency == origin.agency
        assert len(origin.arrivals) == origin.associated_phase_count == len(event.picks)
        assert all(p.backazimuth is not None for p in event.picks)
        assert [m.origin_id for m in event.magnitudes] == [origin.origin_id]


# --- bad input ------------------------------------------------------------------------------------


def refusal(data: bytes, limits: Limits | None = None) -> Problem:
    with pytest.raises(FormatError) as caught:
        everything(data, limits)
    return caught.value.problem


def test_a_doctype_is_refused_before_the_parser_sees_it(golden: Bytes) -> None:
    for declaration in (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
    ):
        data = golden(OLD).replace(b"<seiscomp", declaration + b"\n<seiscomp", 1)
        data = data.replace(b"SY01", b"&c;")
        assert detect(data) == ["scml"]
        assert (refusal(data).code, refusal(data).line_number) == ("xml-doctype", 3)


def test_an_entity_of_nobody_is_an_error_of_syntax(golden: Bytes) -> None:
    data = golden(OLD).replace(b"made up", b"&unknown;")
    *_, problem = everything(data)
    assert isinstance(problem, Problem) and problem.code == "xml-syntax"


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "empty-file"),
        (b" \r\n", "empty-file"),
        (b"BEGIN IMS1.0", "wrong-format"),
        (b"<seiscomp", "xml-syntax"),
        (b"<seiscomp/>", "unsupported-version"),
        (b'<q xmlns="http://geofon.gfz.de/ns/seiscomp-schema/0.14"/>', "wrong-format"),
        ("<seiscomp/>".encode("utf-16"), "encoding"),
        (b"<a>" * 300 + b"</a>" * 300, "xml-too-deep"),
    ],
)
def test_nothing_to_read_is_a_format_error(data: bytes, code: str) -> None:
    assert refusal(data).code == code


@pytest.mark.parametrize("version", ["0.5", "0.15", "0.99", "1.0", ""])
def test_another_version_is_named(version: str, golden: Bytes) -> None:
    data = golden(NEW).replace(b"seiscomp-schema/0.14", f"seiscomp-schema/{version}".encode())
    problem = refusal(data)
    assert problem.code == "unsupported-version"
    assert f"seiscomp-schema/{version}}}" in problem.found
    assert problem.expected == "seiscomp 0.6..0.14"


def test_quakeml_and_scml_are_never_taken_for_each_other(golden: Bytes, obspy_data: Bytes) -> None:
    note = b"<!-- http://quakeml.org/xmlns/bed/1.2 <q:quakeml> -->"
    data = golden(NEW).replace(b"<seiscomp", note + b'<seiscomp xmlns:q="urn:quakeml.org"', 1)
    assert detect(data) == ["scml"]
    assert refusal(golden("synthetic_unknown.xml")).code == "wrong-format"
    quakeml = golden("synthetic_unknown.xml").replace(
        b"<q:quakeml", b"<!-- /ns/seiscomp <seiscomp> --><q:quakeml", 1
    )
    assert detect(quakeml) == ["quakeml"]
    with pytest.raises(FormatError) as caught:
        list(read("quakeml", io.BytesIO(golden(NEW))))
    assert caught.value.problem.code == "wrong-format"


def test_a_truncated_file_keeps_what_was_complete(golden: Bytes) -> None:
    data = golden(OLD)
    data = data[: data.index(b"<preferredMagnitudeID>")]
    events, problems = read_all(data)
    assert [e.event_id for e in events] == ["Origin/1"]  # its event was not complete
    assert len(events[0].picks) == 2
    assert problems[-1].code == "truncated" and problems[-1].severity is Severity.ERROR
    data = data[: data.index(b"<depthType>")]
    assert [len(r.picks) for r in readings(data)] == [2]
    assert refusal(data[: data.index(b"<time>")]).code == "truncated"


def test_the_first_of_two_parts_with_one_id_is_kept(golden: Bytes) -> None:
    data = golden(ORIGINS).replace(b'"p3"', b'"p1"').replace(b'"o2"', b'"o1"')
    events, problems = read_all(data)
    assert [e.event_id for e in events] == ["o1", None, None]
    assert (15, "duplicate-id", "pick/@publicID", "p1") in told(problems)
    assert (29, "duplicate-id", "origin/@publicID", "o1") in told(problems)
    assert events[0].origins[0].latitude == 43.5
    assert events[0].picks[0].time == datetime(2014, 5, 1, 10, 0, 12, 500000, UTC)


def test_two_events_with_one_id_are_both_read(golden: Bytes) -> None:
    events, problems = read_all(golden(NEW).replace(b"Event/B", b"Event/A"))
    assert len(events) == 2
    assert "duplicate-event-id" in {p.code for p in problems}


def test_an_origin_without_a_place_is_an_error_and_its_picks_stay(golden: Bytes) -> None:
    data = golden(ORIGINS).replace(b"<latitude><value>43.5<", b"<latitude><value>91<")
    data = data.replace(b"<latitude><value>43.6<", b"<latitude><value>x<")
    events, problems = read_all(data)
    codes = {(p.line_number, p.code, p.severity) for p in problems}
    assert (22, "out-of-range", Severity.WARNING) in codes
    assert (20, "missing-block", Severity.ERROR) in codes
    assert [e.agency for e in events] == [None, "SYN3"]
    assert [len(r.picks) for r in readings(data)] == [3]


def test_references_to_nothing_are_counted(golden: Bytes) -> None:
    data = golden(ORIGINS).replace(b'publicID="p', b'publicID="q')
    events, problems = read_all(data)
    assert [len(e.origins[0].arrivals) for e in events[:2]] == [0, 0]
    dangling = [p for p in problems if p.code == "dangling-reference"]
    assert told(dangling) == [
        (26, "dangling-reference", "origin/arrival/pickID", "2 x p1 P"),
        (34, "dangling-reference", "origin/arrival/pickID", "2 x p1 P"),
    ]


def test_deep_and_large_files_end_with_a_problem(golden: Bytes) -> None:
    deep = golden(OLD).replace(b"<text>made up", b"<x>" * 40 + b"</x>" * 40 + b"<text>made up")
    assert "xml-too-deep" in {p.code for p in read_all(deep)[1]}
    deeper = golden(OLD).replace(b"<text>made up", b"<x>" * 400 + b"</x>" * 400 + b"<text>")
    *_, problem = everything(deeper)
    assert isinstance(problem, Problem) and problem.code == "xml-too-deep"
    assert refusal(golden(OLD), Limits(max_bytes=1000)).code == "file-too-large"
    problems = read_all(golden(NEW), Limits(max_elements=100))[1]
    assert problems[-1].code == "memory-limit"
    events, problems = read_all(golden(NEW), Limits(max_events=1))
    assert len(events) == 1 and "too-many-events" in {p.code for p in problems}


def test_texts_do_not_grow_without_bound() -> None:
    """Many small origins that all use one large pick would give back the pick many times."""
    names = "http://geofon.gfz.de/ns/seiscomp-schema/0.14"
    pick = (
        '<pick publicID="p"><time><value>2014-05-01T10:00:12Z</value></time>'
        '<waveformID networkCode="KZ" stationCode="SY01"/>'
        f"<comment><text>{'x' * 90_000}</text></comment></pick>"
    )
    origin = (
        '<origin publicID="o%d"><time><value>2014-05-01T10:00:00Z</value></time>'
        "<latitude><value>43</value></latitude><longitude><value>76</value></longitude>"
        "<arrival><pickID>p</pickID><phase>P</phase></arrival></origin>"
    )
    origins = "".join(origin % n for n in range(300))
    data = f'<seiscomp xmlns="{names}"><EventParameters>{pick}{origins}'
    data += "</EventParameters></seiscomp>"
    events, problems = read_all(data.encode())
    assert problems[-1].code == "memory-limit"
    assert 1 < sum(len(e.text) for e in events) <= 10 * len(data) + 1024 * 1024


def test_parts_that_are_one_tag_are_parts() -> None:
    names = "http://geofon.gfz.de/ns/seiscomp-schema/0.14"
    data = (
        f'<seiscomp xmlns="{names}"><EventParameters><event publicID="a"/><event publicID="b"/>'
        '<event publicID="&lt;>"/><event publicID="c>"/></EventParameters></seiscomp>'
    ).encode()
    events, _ = read_all(data)
    assert [e.event_id for e in events] == ["a", "b", "<>", "c>"]
    assert [e.text for e in events[:2]] == ['<event publicID="a"/>', '<event publicID="b"/>']
    assert all(e.text for e in events)


def test_lines_are_right_beyond_the_parsers_sixteen_bits(golden: Bytes) -> None:
    data = golden(PICKS)
    start, end = data.index(b'    <pick publicID="p4"'), data.index(b"    <amplitude")
    picks = [data[start:end].replace(b'"p4"', b'"q%d"' % n) for n in range(14_000)]
    data = data[:end] + b"".join(picks) + data[end:].replace(b"0.25", b"O.25")
    *_, problem = [item for item in everything(data) if isinstance(item, Problem)]
    assert problem.code == "not-a-number" and problem.line_number is not None
    assert b"O.25" in data.split(b"\n")[problem.line_number - 1]
    last = max((p for r in readings(data) for p in r.picks), key=lambda p: p.line_number or 0)
    assert last.line_number is not None
    assert b'"q13999"' in data.split(b"\n")[last.line_number - 1]


SAMPLES = [(GOLDEN / name).read_bytes() for name in (OLD, NEW, ORIGINS, PICKS)]
PIECES = [
    *(
        b"</pick>",
        b"<pick/>",
        b"<event ",
        b"</origin>",
        b"<amplitude>",
        b"]]>",
        b"<![CDATA[</pick>",
    ),
    *(b'publicID="Pick/A"', b"NaN", b"1e999", b"\x00", b"\xff", b"<!--", b"<event/>", b"&#0;"),
]


@given(
    sample=st.sampled_from(SAMPLES),
    edits=st.lists(
        st.tuples(
            st.floats(0, 1), st.integers(0, 200), st.sampled_from(PIECES) | st.binary(max_size=8)
        ),
        min_size=1,
        max_size=6,
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_content_makes_the_reader_crash(
    sample: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    for place, lost, put in edits:
        at = int(place * len(sample))
        sample = sample[:at] + put + sample[at + lost :]
    total = sample.count(b"\n") + 1
    try:
        found = everything(sample)
    except FormatError as refused:
        found = [refused.problem]
    for item in found:
        if isinstance(item, Problem):
            assert item.code in CODES and len(item.found) <= 200
            assert item.line_number is None or 0 <= item.line_number <= total
        else:
            assert isinstance(item, EventRecord | ReadingsRecord)
            assert item.text and 1 <= item.first_line <= item.last_line <= total
            assert placeless(item) is not None


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_random_bytes_are_refused(content: bytes) -> None:
    assert refusal(content).code in CODES
