"""NDK: every column, the units, what is wrong with a file, and what is written."""

from __future__ import annotations

import gzip
import io
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log10
from pathlib import Path
from typing import Any

import obspy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import focal_geometry as geometry
from catalog.formats import detect, ndk, quakeml
from catalog.formats.problems import FormatError, Severity
from catalog.formats.records import (
    AxisRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
)
from tests.catalog.formats.conftest import placeless, read_all

REAL = Path(__file__).parents[4] / "shared" / "data" / "mechanisms" / "gcmt_2005_global.ndk.gz"
#: Made up, in the layout of the format.
LINES = (
    "PDE  2014/11/14 01:24:60.0  42.10   77.27  10.0 5.4 0.0 ISSYK-KUL",
    "S201411140124A   B: 17   27  40 S: 41   58  50 M:  0    0   0 CMT: 1 TRIHD:  0.7",
    "CENTROID:     -1.1 0.8  42.24 0.04   77.30 0.09  12.0  0.0 FIX  Q-20141114050628",
    "24  1.291 0.212 -1.542 0.166  0.252 0.241 -0.356 0.535  0.618 0.668  0.100 0.151",
    "V10   1.604 65 258   0.000 23  99  -1.604  8   6   1.604  71 42   54 295 57  118",
)


def read_lines(*lines: str, end: str = "\n") -> tuple[list[Any], list[Any]]:
    return read_all("ndk", "".join(line + end for line in lines).encode())


def changed(n: int, old: str, new: str) -> list[str]:
    assert old in LINES[n]
    return [line.replace(old, new) if n == k else line for k, line in enumerate(LINES)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_column_and_its_unit(end: str) -> None:
    (event,), problems = read_lines(*LINES, end=end)
    assert problems == []
    hypocentre, centroid = event.origins
    (mechanism,) = event.focal_mechanisms
    tensor = mechanism.moment_tensor
    assert event.event_id == "S201411140124A"
    assert event.descriptions == (DescriptionRecord("ISSYK-KUL", "region name"),)
    # Sixty seconds are the next minute; what is not the project's own names its catalogue.
    assert hypocentre.time == datetime(2014, 11, 14, 1, 25, tzinfo=UTC)
    assert (hypocentre.latitude, hypocentre.longitude, hypocentre.depth_km) == (42.1, 77.27, 10.0)
    assert (hypocentre.agency, centroid.agency, event.preferred_origin_id) == (
        *("PDE", None, "hypocentre"),
    )
    assert centroid.time == hypocentre.time - timedelta(seconds=1.1)
    assert (centroid.origin_type, centroid.depth_type) == ("centroid", "operator assigned")
    assert (centroid.depth_km, centroid.depth_uncertainty_km) == (12.0, None)
    assert centroid.latitude_uncertainty_km == pytest.approx(0.04 * 111.195, abs=1e-3)
    assert [(m.type, m.value, m.agency) for m in event.magnitudes] == [
        ("Mw", 5.4, None),
        ("mb", 5.4, "PDE"),
    ]
    assert event.magnitudes[0].comments[0].startswith("computed: ")
    assert (tensor.mrr, tensor.mtt, tensor.mpp) == (1.291e17, -1.542e17, 2.52e16)
    assert (tensor.mrt, tensor.mrp, tensor.mtp) == (-3.56e16, 6.18e16, 1e16)
    assert tensor.scalar_moment == 1.604e17
    assert mechanism.t_axis == AxisRecord(258.0, 65.0, 1.604e17)
    assert mechanism.nodal_plane_2 == NodalPlaneRecord(295.0, 57.0, 118.0)
    assert mechanism.creation_time == datetime(2014, 11, 14, 5, 6, 28, tzinfo=UTC)
    assert mechanism.evaluation_status == "preliminary"
    assert mechanism.comments[:5] == (
        "CMT event name: S201411140124A",
        "data used: B: 17 27 40 S: 41 58 50 M: 0 0 0",
        "source: CMT: 1",
        "moment-rate function: TRIHD: 0.7",
        "timestamp: Q-20141114050628",
    )


@pytest.mark.parametrize(
    "lines, found",
    [
        (LINES[:4], (4, "truncated", "event", "4 lines")),
        ((LINES[0], *LINES), (1, "missing-block", "event", "1 lines")),
        ((*LINES, "and so on"), (6, "unused-text", "", "and so on")),
        (changed(3, "24  1.2", "    1.2"), (4, "unit-missing", "exponent", "")),
        (changed(3, "24  1.2", "2x  1.2"), (4, "unit-missing", "exponent", "2x")),
        (changed(3, "24  1.2", "04  1.2"), (4, "out-of-range", "exponent", "04")),
        (changed(3, "1.291 0.212", "1.291"), (4, "wrong-width", "Mrr ... Mtp error", None)),
        (changed(3, "1.291", "1.2l1"), (4, "not-a-number", "Mrr", "1.2l1")),
        # One column to the right: no number keeps its first digit.
        ([LINES[0], LINES[1], LINES[2], " " + LINES[3], LINES[4]], (4, "unit-missing", None, "2")),
        ([" " + LINES[0], *LINES[1:], *LINES], (1, "unused-text", "", None)),
        (changed(2, "CENTROID:", "CENTROID "), (3, "missing-field", "CENTROID:", "CENTROID ")),
        (changed(2, "FIX ", "FIXD"), (3, "unknown-value", "depth type", "FIXD")),
        (changed(4, "42   54", "95   54"), (5, "out-of-range", "dip 1", "95")),
        (changed(4, "  71 42", " 361 42"), (5, "out-of-range", "strike 1", "361")),
        (changed(0, "  42.10", "  92.10"), (1, "out-of-range", "latitude", "92.10")),
        (changed(0, "/14 01", "/31 01"), (1, "not-a-time", "time", None)),
        # A power of ten too much is no trouble to arithmetic, but to the magnitude.
        (changed(3, "24  1.2", "28  1.2"), (4, "moment-unit", "scalarMoment", None)),
    ],
)
def test_what_is_wrong_says_where(lines: Any, found: tuple[Any, ...]) -> None:
    try:
        _, problems = read_lines(*lines)
    except FormatError as refusal:
        problems = [refusal.problem]
    told = [(p.line_number, p.code, p.field, p.found) for p in problems]
    assert any(
        all(want is None or want == got for want, got in zip(found, one, strict=True))
        for one in told
    ), told


def test_a_tensor_without_its_power_is_no_tensor_and_the_rest_stands() -> None:
    (event,), problems = read_lines(*changed(3, "24  1.2", "    1.2"))
    (mechanism,) = event.focal_mechanisms
    assert mechanism.moment_tensor is None
    assert mechanism.t_axis == AxisRecord(258.0, 65.0)
    assert any(comment.startswith("tensor without unit: 1.291") for comment in mechanism.comments)
    assert [m.type for m in event.magnitudes] == ["mb"]
    assert all(p.severity == Severity.WARNING for p in problems)


def test_the_next_event_is_found_after_a_damaged_one() -> None:
    events, problems = read_lines(*LINES[:3], *LINES)
    assert [event.first_line for event in events] == [4]
    assert [(p.code, p.severity) for p in problems] == [("missing-block", Severity.ERROR)]


# --- written --------------------------------------------------------------------------------------


def decimals(low: float, high: float, places: int) -> st.SearchStrategy[float]:
    scale = 10**places
    return st.integers(round(low * scale), round(high * scale)).map(lambda n: n / scale)


@st.composite
def events(draw: st.DrawFn) -> EventRecord:
    """Return an event on the grid of the columns."""
    time = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(decimals(0, 8e8, 1)))
    latitude, longitude = draw(decimals(-89, 89, 2)), draw(decimals(-180, 180, 2))
    angles = draw(st.tuples(st.integers(0, 359), st.integers(1, 89), st.integers(-180, 180)))
    vectors = geometry.fault_vectors(*angles)
    power = draw(st.integers(14, 22))
    size = draw(decimals(1.1, 4.5, 3))
    six = [float(f"{value:.3f}e{power}") for value in geometry.tensor_of(*vectors, size)]
    planes = (NodalPlaneRecord(*map(float, angles)), geometry.auxiliary(*angles))
    other = NodalPlaneRecord(*(float(round(float(angle))) for angle in planes[1]))
    axes = [
        AxisRecord(*(float(round(float(angle))) for angle in geometry.azimuth_plunge(axis)), length)
        for axis, length in zip(
            geometry.axes_of(*vectors),
            (float(f"{size}e{power}"), 0.0, -float(f"{size}e{power}")),
            strict=True,
        )
    ]
    moment = float(f"{size:.3f}e{power}")
    mw = round((log10(moment) - 9.1) / 1.5, 2)
    stamp = draw(st.sampled_from(["O-00000000000000", "S-20141114050628"]))
    data, source, rate = "B: 4 4 40 S: 27 33 50 M: 0 0 0", "CMT: 1", "TRIHD: 0.6"
    errors = " ".join(repr(float(f"0.2{n}e{power}")) for n in range(6))
    made = None if stamp.startswith("O") else datetime(2014, 11, 14, 5, 6, 28, tzinfo=UTC)
    return EventRecord(
        "",
        0,
        0,
        "S201411140124A",
        descriptions=(DescriptionRecord("ISSYK-KUL", "region name"),),
        origins=(
            OriginRecord(
                "hypocentre",
                time,
                latitude,
                longitude,
                draw(decimals(0, 700, 1)),
                agency="PDE",
                origin_type="hypocenter",
            ),
            OriginRecord(
                "centroid",
                time + timedelta(seconds=draw(decimals(-60, 60, 1))),
                draw(decimals(-89, 89, 2)),
                draw(decimals(-180, 180, 2)),
                draw(decimals(0, 700, 1)),
                depth_type=draw(st.sampled_from(sorted(ndk._DEPTH_WORDS))),
                origin_type="centroid",
            ),
        ),
        magnitudes=(
            MagnitudeRecord(mw, "Mw", "magnitude-Mw", "centroid", comments=(ndk.FROM_MOMENT,)),
            MagnitudeRecord(
                draw(decimals(0.1, 9.9, 1)), "mb", "magnitude-mb", "hypocentre", agency="PDE"
            ),
        ),
        focal_mechanisms=(
            FocalMechanismRecord(
                "mechanism-1",
                planes[0],
                other,
                t_axis=axes[0],
                n_axis=axes[1],
                p_axis=axes[2],
                moment_tensor=MomentTensorRecord(
                    *six,
                    scalar_moment=moment,
                    derived_origin_id="centroid",
                    moment_magnitude_id="magnitude-Mw",
                ),
                triggering_origin_id="hypocentre",
                creation_time=made,
                comments=(
                    *("CMT event name: S201411140124A", f"data used: {data}"),
                    *(f"source: {source}", f"moment-rate function: {rate}", f"timestamp: {stamp}"),
                    *(f"{ndk.ERRORS}{errors}", "NDK version: V10"),
                ),
            ),
        ),
        preferred_origin_id="hypocentre",
        preferred_magnitude_id="magnitude-Mw",
        preferred_focal_mechanism_id="mechanism-1",
        synthetic=draw(st.booleans()),
    )


@given(event=events())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_record_written_is_read_the_same_and_by_obspy(event: EventRecord) -> None:
    text = "".join(ndk.write([event]))
    assert [len(line) <= 82 for line in text.splitlines()] == [True] * 5
    (again,), problems = read_all("ndk", text.encode())
    assert placeless(again) == event
    assert {p.code for p in problems} <= {"moment-unit"}  # mb is drawn without regard to the moment
    same_as_obspy(again, read_by_obspy(text)[0])
    document = "".join(quakeml.write([event])).encode()
    same_as_obspy(event, obspy.read_events(io.BytesIO(document), format="QUAKEML")[0])


def read_by_obspy(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return obspy.read_events(io.BytesIO(text.encode()), format="NDK")


def same_as_obspy(event: EventRecord, read: Any) -> None:
    """Compare all numbers that both readers have."""
    (mechanism,), (theirs,) = event.focal_mechanisms, read.focal_mechanisms
    tensor = mechanism.moment_tensor
    assert tensor is not None
    other = theirs.moment_tensor.tensor
    for name in ("mrr", "mtt", "mpp", "mrt", "mrp", "mtp"):
        assert getattr(tensor, name) == getattr(other, f"m_{name[1:]}")
    assert tensor.scalar_moment == pytest.approx(theirs.moment_tensor.scalar_moment, rel=1e-12)
    for n in (1, 2):
        plane = getattr(mechanism, f"nodal_plane_{n}")
        got = getattr(theirs.nodal_planes, f"nodal_plane_{n}")
        assert (plane.strike, plane.dip, plane.rake) == (got.strike, got.dip, got.rake)
    for letter in "tnp":
        axis = getattr(mechanism, f"{letter}_axis")
        got = getattr(theirs.principal_axes, f"{letter}_axis")
        assert (axis.azimuth, axis.plunge) == (got.azimuth, got.plunge)
        assert axis.length == float(got.length)
    for origin, got in zip(event.origins, read.origins, strict=True):
        assert (origin.latitude, origin.longitude) == (got.latitude, got.longitude)
        assert origin.depth_km == pytest.approx(got.depth / 1000.0)
        assert abs(origin.time - got.time.datetime.replace(tzinfo=UTC)) < timedelta(milliseconds=1)
    assert event.magnitudes[0].value == pytest.approx(read.magnitudes[0].mag, abs=0.0101)


def test_what_the_columns_do_not_hold_is_left_out_or_said() -> None:
    (event,), _ = read_lines(*LINES)
    bare = replace(
        event, focal_mechanisms=(replace(event.focal_mechanisms[0], moment_tensor=None),)
    )
    assert list(ndk.write([bare])) == []  # no tensor
    own = replace(
        event,
        event_id="kz2014abcdefgh",
        origins=(replace(event.origins[0], agency="=cmd()"),),
        focal_mechanisms=(
            replace(event.focal_mechanisms[0], nodal_plane_1=None, nodal_plane_2=None, comments=()),
        ),
        descriptions=(DescriptionRecord("Озеро\nИссык-Куль", "region name"),),
    )
    (again,), problems = read_all("ndk", "".join(ndk.write([own])).encode())
    assert again.event_id == "kz2014abcdefgh"
    assert (again.origins[1].depth_type, again.origins[1].latitude) == ("operator assigned", 42.1)
    assert again.focal_mechanisms[0].nodal_plane_1 is not None  # computed from the axes
    assert {p.code for p in problems} == set()
    assert "timestamp: O-20141114050628" in again.focal_mechanisms[0].comments


# --- real -----------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_year_of_the_global_cmt_reads_as_obspy_reads_it_and_is_written_the_same() -> None:
    if not REAL.exists():
        pytest.skip("../shared/data/mechanisms is not there")
    text = gzip.decompress(REAL.read_bytes())
    assert detect(text[:16384], "gcmt.ndk") == ["ndk"]
    events, problems = read_all("ndk", text)
    assert (len(events), problems) == (4010, [])
    inside = [
        e
        for e in events
        if 38 <= e.origins[0].latitude <= 57 and 44 <= e.origins[0].longitude <= 90
    ]
    assert len(inside) == 24
    for event, read in zip(events, read_by_obspy(text.decode()), strict=True):
        same_as_obspy(event, read)
    again, problems = read_all("ndk", "".join(ndk.write(events)).encode())
    assert problems == []
    assert [placeless(event) for event in again] == [placeless(event) for event in events]
