"""An agency's own table: what is refused, and how well what is accepted is interpolated."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processing.core import travel_times
from processing.core.agency_tables import read_agency_table
from processing.core.travel_times import KM_PER_DEGREE, TravelTimeTable

HEADER = "phase,distance_km,depth_km,time_s"
GOOD = [
    f"Pg,{x},{h},{np.hypot(x, h) / 6.0 + 0.01:.3f}" for h in (0, 5, 10) for x in range(0, 60, 10)
]


def sampled(phases, distances_km, depths_km, unit="km"):
    """Return the kyrgyz model as an agency would print it, to a thousandth of a second."""
    table = travel_times.load("kyrgyz")
    lines = [f"phase,distance_{unit},depth_km,time_s"]
    for phase in phases:
        for depth in depths_km:
            for x in distances_km:
                time = table.predict(phase, x / KM_PER_DEGREE, depth).time[0]
                shown = f"{x:g}" if unit == "km" else f"{x / KM_PER_DEGREE:.8f}"
                lines.append(f"{phase},{shown},{depth:g},{'' if np.isnan(time) else f'{time:.3f}'}")
    return "\n".join(lines)


def table_of(text):
    read = read_agency_table(text)
    assert read.problems == ()
    return TravelTimeTable("agency", read.kernel())


def test_a_table_of_5_km_by_5_km_gives_the_model_it_was_read_from():
    table = table_of(sampled(("Pg", "Pn"), np.arange(0.0, 301.0, 5.0), np.arange(0.0, 36.0, 5.0)))
    model = travel_times.load("kyrgyz")
    rng = np.random.default_rng(1)
    # Where no boundary of layers and no crossover lies between the nodes, of which a table knows
    # nothing: there it is 0.06 s at most, 0.2 s in the slow uppermost layer.
    for phase, (near, far), (top, bottom) in (
        ("Pg", (0.0, 80.0), (10.0, 20.0)),
        ("Pg", (0.0, 300.0), (25.0, 35.0)),
        ("Pn", (140.0, 300.0), (5.0, 20.0)),
        ("P", (0.0, 80.0), (10.0, 20.0)),
    ):
        distance = rng.uniform(near, far, 400) / KM_PER_DEGREE
        depth = rng.uniform(top, bottom, 400)
        found, true = table.predict(phase, distance, depth), model.predict(phase, distance, depth)
        assert np.abs(found.time - true.time).max() < 0.02, phase
        # Of 11 to 18 s/deg, and 0.13 s/km.
        assert np.quantile(np.abs(found.dt_ddelta - true.dt_ddelta), 0.9) < 0.1, phase
        assert np.quantile(np.abs(found.dt_dh - true.dt_dh), 0.9) < 0.01, phase


def test_degrees_and_kilometres_are_the_same_table():
    distances, depths = np.arange(0.0, 101.0, 10.0), (0.0, 5.0, 10.0, 20.0)
    by_km = table_of(sampled(("Pg", "Sg"), distances, depths))
    by_degree = table_of(sampled(("Pg", "Sg"), distances, depths, unit="deg"))
    for phase in ("P", "S"):
        first, second = (t.predict(phase, [0.1, 0.5, 0.8], 7.0) for t in (by_km, by_degree))
        assert first.time == pytest.approx(second.time, abs=1e-5)
        assert first.dt_ddelta == pytest.approx(second.dt_ddelta, abs=1e-3)


def test_a_phase_exists_where_its_times_are():
    table = table_of(sampled(("Pg", "Pn"), np.arange(0.0, 301.0, 10.0), (0.0, 5.0, 10.0, 15.0)))
    at = np.array([50.0, 299.0, 310.0]) / KM_PER_DEGREE
    assert np.isnan(table.predict("Pn", at, 10.0).time).tolist() == [True, False, True]
    assert np.isnan(table.predict("P", at, 10.0).time).tolist() == [False, False, True]
    assert np.isnan(table.predict(["Sg", "S", "PcP", "Lg", "Rg"], 0.5, 10.0).time).all()
    assert np.isnan(table.predict("Pg", 0.5, [16.0, 15.0]).time).tolist() == [True, False]


def test_first_arrivals_are_nowhere_the_table_is_not():
    rows = sampled(("Pn",), np.arange(100.0, 301.0, 10.0), (0.0, 5.0, 10.0, 15.0)).splitlines()
    text = "\n".join(
        row.rpartition(",")[0] + "," if row.startswith("Pn,300,") else row for row in rows
    )
    table = table_of(text)
    for phase in ("Pn", "P"):
        at = np.array([0.0, 20.0, 99.9, 150.0, 290.0, 291.0, 300.0, 5000.0]) / KM_PER_DEGREE
        found = np.isfinite(table.predict(phase, at, 10.0).time)
        assert found.tolist() == [False] * 3 + [True] * 2 + [False] * 3, phase


def test_its_kernel_is_of_the_type_of_every_model():
    kernel = read_agency_table("\n".join([HEADER, *GOOD])).kernel()
    assert numba.typeof(kernel) == numba.typeof(travel_times.load("iasp91").kernel)


@settings(max_examples=30)
# A dip of a hundredth of a cell.
@example(steps=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.5, 0.875], seed=0, above=True)
@given(
    steps=st.lists(st.floats(0.8, 3.0), min_size=8, max_size=8),
    seed=st.integers(0, 10_000),
    above=st.booleans(),
)
def test_times_never_overshoot_the_nodes_they_lie_between(steps, seed, above):
    rng = np.random.default_rng(seed)
    # From 0 or from 20 km; in the second case time itself is interpolated.
    x = np.arange(9) * 10.0 + (0.0 if above else 20.0)
    rows = {
        h: np.cumsum(
            [(0.0 if above else 3.0) + h / 6.0, *np.array(steps) * rng.uniform(0.9, 1.1, 8)]
        )
        for h in (0, 5, 10)
    }
    lines = [
        f"Pg,{a:g},{h},{t:.4f}" for h, row in rows.items() for a, t in zip(x, row, strict=True)
    ]
    table = table_of("\n".join([HEADER, *lines]))
    fine = np.linspace(x[0], x[-1], 161) / KM_PER_DEGREE
    for h, row in rows.items():
        found = table.predict("Pg", fine, float(h))
        assert found.time[::20] == pytest.approx(row, abs=1e-4)
        assert (np.diff(found.time) > -1e-9).all()
        inside = np.repeat(row[:-1], 20) - 2e-4 <= found.time[:-1]
        assert inside.all() and (found.time[:-1] <= np.repeat(row[1:], 20) + 2e-4).all()


@pytest.mark.parametrize(
    ("change", "line", "code"),
    [
        (lambda rows: ["phase,distance,depth_km,time_s", *rows[1:]], 1, "header"),
        (lambda rows: [rows[0] + ",note", *rows[1:]], 1, "header"),
        (lambda rows: [], 1, "header"),
        (lambda rows: rows[:1], 0, "empty"),
        (lambda rows: [*rows, "Pg,10,5"], 20, "columns"),
        (lambda rows: [*rows, "Px,10,5,2.0"], 20, "phase"),
        (lambda rows: [*rows, "Lg,10,5,2.0"], 20, "phase"),
        (lambda rows: [*rows, "Pg,1O,5,2.0"], 20, "distance_km"),
        (lambda rows: [*rows, "Pg,-1,5,2.0"], 20, "distance_km"),
        (lambda rows: [*rows, "Pg,20,5000,2.0"], 20, "depth_km"),
        (lambda rows: [*rows, "Pg,20,5,nan"], 20, "time_s"),
        (lambda rows: [*rows, "Pg,20,5,4.0"], 20, "twice"),
        (lambda rows: [row for row in rows if not row.startswith("Pg,20,5,")], 0, "no_row"),
        (lambda rows: replaced(rows, "Pg,20,5,", "Pg,20,5,1.6"), 10, "not_monotone"),
        (lambda rows: replaced(rows, "Pg,20,5,", "Pg,20,5,"), 11, "gap"),
        (lambda rows: replaced(rows, "Pg,20,0,", "Pg,20,0,1.0"), 4, "speed"),
        (lambda rows: [row for row in rows if row[:5] not in ("Pg,30", "Pg,40", "Pg,50")], 0,
         "few_distances"),
        (lambda rows: [row for row in rows if ",0," in row[4:8] or row == HEADER], 0, "few_depths"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(change, line, code):
    read = read_agency_table("\n".join(change([HEADER, *GOOD])))
    assert (line, code) in [(problem.line, problem.code) for problem in read.problems]
    with pytest.raises(ValueError, match="problem"):
        read.kernel()


def replaced(rows, start, row):
    """Return rows with one of them changed."""
    return [row if old.startswith(start) else old for old in rows]


def test_minutes_are_not_taken_for_seconds():
    minutes = [
        f"Pg,{x},{h},{np.hypot(x, h) / 360.0 + 0.01:.3f}" for h in (0, 5) for x in range(9, 60, 9)
    ]
    read = read_agency_table("\n".join([HEADER, *minutes]))
    assert {problem.code for problem in read.problems} == {"speed"}
    assert read.problems[0].expected == "0.3-14 km/s"
