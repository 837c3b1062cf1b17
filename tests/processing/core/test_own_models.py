"""An agency's own travel times at work: a copy of a model locates as that model does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from processing.core import earth_models, geodesy, location, travel_times
from processing.core.agency_tables import MOST_BYTES, read_agency_file, read_agency_table
from processing.core.earth_models import MODELS, Fades, box, mixture_at
from processing.core.location import ArrivalObservation
from processing.core.predictions import codes_of, predict
from processing.core.travel_times import KM_PER_DEGREE

HEADER = "phase,distance_km,depth_km,time_s"
PHASES = ("Pg", "Pb", "Pn", "Sg", "Sb", "Sn")
ALMATY = (43.25, 76.92)


def straight(speed: float = 6.0, farthest: int = 300) -> str:
    """Return a table of straight rays; S is slower by the root of three."""
    rows = [
        f"{phase},{x},{h},{np.hypot(x, h) * slower / speed:.3f}"
        for phase, slower in (("Pg", 1.0), ("Sg", 3**0.5))
        for h in (0, 5, 10, 15, 20, 30)
        for x in range(0, farthest + 1, 10)
    ]
    return "\n".join([HEADER, *rows])


def own(text: str = "", name: str = "own", **said):
    return read_agency_table(text or straight()).model(name, "A table", "Made for a test.", **said)


@pytest.fixture(scope="module")
def copy():
    """The kyrgyz model's own times as an agency would print them: 5 km of depth, 0.001 s."""
    table = travel_times.load("kyrgyz")
    km = np.concatenate([np.arange(0.0, 300.0, 5.0), np.arange(300.0, 1121.0, 20.0)])
    depth = np.arange(0.0, 91.0, 5.0)
    at, below = (grid.ravel() for grid in np.meshgrid(km, depth))
    lines = [HEADER]
    for phase in PHASES:
        times = table.predict(phase, at / KM_PER_DEGREE, below).time
        lines += [
            f"{phase},{x:g},{h:g},{'' if np.isnan(t) else f'{t:.3f}'}"
            for x, h, t in zip(at, below, times, strict=True)
        ]
    read = read_agency_table("\n".join(lines))
    assert read.problems == ()
    return read.model("copy", "A copy of kyrgyz", "Printed from it.")


def arrivals(seed, depth_km, mixture=None, elevation_m=800.0):
    """Return arrivals at ten stations around 43 N 77.5 E, with a tenth of a second of noise."""
    rng = np.random.default_rng(seed)
    latitude, longitude = 43.0, 77.5
    azimuth = np.arange(10) * 36.0 + rng.uniform(-15.0, 15.0, 10)
    distance = rng.uniform(0.15, 4.0, 10)
    place = geodesy.destination(geodesy.geocentric_latitude(latitude), longitude, azimuth, distance)
    found = []
    for name in ("P", "S"):
        times = predict(
            mixture or mixture_at(latitude, longitude), codes_of([name] * 10), distance,
            np.full(10, depth_km),
        ).time + rng.normal(0.0, 0.1, 10)  # fmt: skip
        found += [
            ArrivalObservation(
                f"ST{i}", float(geodesy.geographic_latitude(place[0][i])), float(place[1][i]),
                elevation_m, name, float(times[i]),
            )
            for i in range(10)
        ]  # fmt: skip
    return found


@pytest.mark.parametrize("depth_km", [8.0, 14.0, 20.0])
def test_a_copy_of_a_model_locates_as_the_model_does(copy, depth_km):
    # What a table of 5 km by 5 km does not tell is where between its nodes a layer ends: within
    # 0.10 km, 0.06 s and 0.5 km of depth over 48 such events from 5 to 33 km.
    for seed in range(3):
        observed = arrivals(seed, depth_km)
        model = location.locate(observed, "kyrgyz")
        same = location.locate(observed, "copy", own=[copy])
        apart = geodesy.ellipsoid_distance_km(
            model.latitude, model.longitude, same.latitude, same.longitude
        )
        assert float(apart) < 0.15
        assert abs(model.time - same.time) < 0.08
        assert abs(model.depth_km - same.depth_km) < 0.7
        assert model.depth_code == same.depth_code
        assert same.model == "copy+iasp91"
        assert same.semi_major_km == pytest.approx(model.semi_major_km, rel=0.08)


def test_the_velocity_under_a_station_is_the_tables_own(copy):
    layer = MODELS["kyrgyz"].layers[0]
    assert copy.surface_p_km_s == pytest.approx(layer.vp_top, abs=0.01)
    assert copy.surface_s_km_s == pytest.approx(layer.vs_top, abs=0.01)
    assert copy.fades == Fades()
    # A table without a source at the surface does not tell it.
    deep = "\n".join(row for row in straight().splitlines() if row.split(",")[2] != "0")
    assert own(deep).surface_p_km_s == MODELS["iasp91"].surface_p_km_s


def test_a_table_that_ends_soon_has_faded_where_it_ends():
    model = own()
    assert model.fades.none_beyond_deg == pytest.approx(300.0 / KM_PER_DEGREE)
    assert model.fades.none_beyond_km == 30.0
    mixture = mixture_at(*ALMATY, only="own", own=[model])
    near, far = mixture.fades[1][0], mixture.fades[1][1]
    at = np.array([near, far - 1e-6, far + 1e-6])
    times = predict(mixture, codes_of(["P"] * 3), at, np.full(3, 10.0)).time
    assert times[1] == pytest.approx(times[2], abs=1e-3)
    assert times[0] == pytest.approx(np.hypot(near * KM_PER_DEGREE, 10.0) / 6.0, abs=0.02)


def test_in_its_region_a_table_takes_the_place_of_the_built_in_model():
    model = own(region=box(76.0, 42.0, 78.0, 44.0), version=3)
    names = [
        mixture_at(latitude, longitude, own=[model]).names
        for latitude, longitude in (ALMATY, (43.0, 79.0), (49.8, 73.1), (55.0, 60.0))
    ]
    assert names == [
        ("iasp91", "own.3", "iasp91"),
        ("iasp91", "kyrgyz", "iasp91"),
        ("iasp91", "central-kazakhstan", "iasp91"),
        ("iasp91", "iasp91", "iasp91"),
    ]
    border = mixture_at(43.0, 78.0, own=[model])
    assert set(border.names[1:]) == {"own.3", "kyrgyz"}
    assert border.weights[1:].tolist() == pytest.approx([0.5, 0.5])
    assert mixture_at(*ALMATY).names == ("iasp91", "kyrgyz", "iasp91")


def test_of_two_tables_of_one_place_the_first_holds():
    first, second = (own(name=name, region=box(76.0, 42.0, 78.0, 44.0)) for name in ("a", "b"))
    assert mixture_at(*ALMATY, own=[first, second]).names[1] == "a"
    assert mixture_at(*ALMATY, own=[second, first]).names[1] == "b"


def test_crossing_the_border_of_a_table_makes_no_jump():
    model = own(region=box(76.0, 42.0, 78.0, 44.0))
    longitude = np.linspace(77.0, 79.0, 401)
    at = np.array([0.8])
    times = [
        predict(mixture_at(43.0, x, own=[model]), codes_of(["P"]), at, np.array([10.0])).time[0]
        for x in longitude
    ]
    assert np.abs(np.diff(times)).max() < 0.01
    assert abs(times[0] - times[-1]) > 0.1


def test_a_table_brought_anew_under_its_name_is_not_answered_from_memory():
    region = box(76.0, 42.0, 78.0, 44.0)
    old, new = own(straight(6.0), region=region), own(straight(5.0), region=region)
    code, at, below = codes_of(["Pg"]), np.array([0.5]), np.array([10.0])
    for only in ("own", None):
        slow, fast = (
            predict(mixture_at(*ALMATY, only=only, own=[m]), code, at, below).time[0]
            for m in (new, old)
        )
        assert slow == pytest.approx(1.2 * fast, rel=1e-3)
    assert old.digest != new.digest and old != new
    assert old == own(straight(6.0), region=region)
    for changed in (
        replace(old, region=None),
        replace(old, fades=Fades(1.0, 2.0, 10.0, 20.0)),
        replace(old, surface_p_km_s=5.0),
        replace(old, version=2),
    ):
        assert changed != old
        mixture = mixture_at(*ALMATY, only="own", own=[changed])
        assert mixture.surface_p_km_s == changed.surface_p_km_s
        assert tuple(mixture.fades[1]) == changed.fades
        assert mixture.names[1] == changed.label


def test_without_tables_mixtures_are_what_they_were():
    for latitude, longitude in (ALMATY, (45.1, 79.9), (49.8, 73.1), (46.8, 70.0), (55.0, 60.0)):
        assert mixture_at(latitude, longitude, own=()) is mixture_at(latitude, longitude)
        far = own(region=box(10.0, 10.0, 20.0, 20.0))
        assert mixture_at(latitude, longitude, own=[far]) is mixture_at(latitude, longitude)


@pytest.mark.parametrize("name", ["kyrgyz", "regional", "", "two words", "A", "a+b", "../x", "а"])
def test_a_name_that_would_be_mistaken_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        own(name=name)


@pytest.mark.parametrize(
    "region",
    [
        ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)),
        ((0.0, 0.0), (1.0, 0.0)),
        ((0.0, 0.0), (1.0, 0.0), (float("nan"), 1.0)),
        ((0.0, 0.0), (2.0, 0.0), (1.0, 0.5), (2.0, 2.0)),
    ],
)
def test_a_region_must_be_a_counter_clockwise_convex_polygon(region):
    with pytest.raises(ValueError, match="convex"):
        own(region=region)


def test_an_unknown_model_is_no_model():
    with pytest.raises(KeyError):
        location.locate(arrivals(1, 10.0), "nowhere", own=[own()])


# --- files of any kind ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "code"),
    [
        (b"", 1, "header"),
        (b"PK\x03\x04workbook", 1, "binary"),
        (HEADER.encode() + b"\nPg,0,0,\x00\n", 2, "binary"),
        (HEADER.encode("utf-16"), 1, "encoding"),
        (HEADER.encode() + "\nПг,0,0,1\n".encode("cp1251"), 2, "encoding"),
        (HEADER.encode() + b"\n" + b"1" * 300, 2, "line_too_long"),
        (b"x" * (MOST_BYTES + 1), 0, "too_large"),
        (HEADER.encode() + b"\n=cmd|' /C calc'!A0,0,0,1\n", 2, "phase"),
        (HEADER.encode() + b"\n../../etc/passwd,0,0,1\n", 2, "phase"),
        (HEADER.encode() + b"\nPg,1_0,0,1\n", 2, "distance_km"),
        (HEADER.encode() + "\nPg,１０,0,1\n".encode(), 2, "distance_km"),
        (HEADER.replace(",", ";").encode() + b"\nPg;0;0;1\n", 1, "header"),
    ],
)
def test_a_file_that_is_no_table_says_why(content, line, code):
    problem = read_agency_file(content).problems[0]
    assert (problem.line, problem.code) == (line, code)


def test_a_quotation_mark_that_is_never_closed_is_a_problem():
    rows = [f"Pg,{x},0,{x}" for x in range(20_000)]
    read = read_agency_file("\n".join([HEADER, '"Pg,0,0,0', *rows]).encode())
    assert [problem.code for problem in read.problems] == ["quotes"]


def test_a_scattered_table_is_refused_before_its_grid_is_made():
    # Every row another distance and another depth: a grid of 10^10 nodes.
    rows = [f"Pg,{x / 100},{x / 1000},{x / 600 + 1:.4f}" for x in range(100_000)]
    read = read_agency_file("\n".join([HEADER, *rows]).encode())
    assert [problem.code for problem in read.problems] == ["too_many_nodes"]


def test_the_line_ends_of_any_system_are_read():
    for end in ("\n", "\r\n", "\r"):
        read = read_agency_file(b"\xef\xbb\xbf" + straight().replace("\n", end).encode())
        assert read.problems == () and set(read.hodographs) == {"Pg", "Sg"}


def test_the_worst_file_is_read_in_bounded_time():
    """Many wrong rows end in a list of problems that can be shown."""
    read = read_agency_file("\n".join([HEADER, *["Pg,x,0,1"] * 150_000]).encode())
    assert len(read.problems) == 200


def test_names_of_built_in_models_stay_clear_of_the_word_for_all():
    assert earth_models.REGIONAL == location.REGIONAL
    assert location.REGIONAL not in MODELS
