"""A known curve and known station terms come back from noisy readings, within the stated errors."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.calibration import (
    Calibration,
    Limits,
    Readings,
    TooLittle,
    fit_offset,
    fit_sigma,
)


def curve(distance_km):
    """Return a made-up sigma(D): spreading and absorption."""
    return 1.2 + 1.7 * np.log10(distance_km) + 0.0008 * distance_km


def network(seed: int, events: int = 120, stations: int = 12, curved: bool = True):
    """Return readings with outliers, and the stations' terms, which add up to nothing."""
    rng = np.random.default_rng(seed)
    terms = rng.normal(0.0, 0.2, stations)
    terms -= terms.mean()
    places, sources = rng.uniform(0, 800, (stations, 2)), rng.uniform(0, 800, (events, 2))
    event, station = (
        a.ravel() for a in np.meshgrid(np.arange(events), np.arange(stations), indexing="ij")
    )
    distance = np.hypot(*(places[station] - sources[event]).T)
    keep = (distance > 10.0) & (rng.random(event.size) < 0.6)
    event, station, distance = event[keep], station[keep], distance[keep]
    y = terms[station] + rng.normal(0, 0.2, event.size) + rng.normal(0, 0.05, events)[event]
    y += curve(distance) if curved else 0.9
    wild = rng.random(event.size) < 0.03
    y[wild] += rng.choice([-2.0, 2.0], wild.sum())
    return Readings(event, [f"XX.S{s:02d}" for s in station], distance, y), terms


def test_a_known_curve_and_terms_are_found_again_within_their_errors():
    readings, terms = network(7)
    found = fit_sigma(readings)
    assert len(found.terms) == terms.size and found.left_out < 0.02 * found.readings
    off = np.array([
        (found.terms[f"XX.S{n:02d}"].value - term) / found.terms[f"XX.S{n:02d}"].standard_error
        for n, term in enumerate(terms)
    ])  # fmt: skip
    assert np.abs(off).max() < 3.5 and np.sqrt(np.mean(off**2)) < 1.6
    misfit = (np.array(found.sigma) - curve(np.array(found.knots_km))) / found.sigma_errors
    assert np.abs(misfit).max() < 3.5
    assert found.residual_sigma == pytest.approx(0.21, abs=0.03)
    assert found.residual_rms > found.residual_sigma  # the outliers
    assert sum(t.value for t in found.terms.values()) == pytest.approx(0.0, abs=1e-6)

    taken = found.calibration("v1", "MPVA")
    low, high = taken.distance_km
    between = np.geomspace(low * 1.05, high * 0.95, 40)
    assert np.abs(taken.sigma_at(between) - curve(between)).max() < 0.08
    assert np.isnan(taken.sigma_at([low - 1.0, high + 1.0, np.nan])).all()
    assert taken.sigma_at(100.0).shape == ()
    assert taken.term("XX.S00") == found.terms["XX.S00"].value and taken.term("XX.NEW") == 0.0


def test_the_same_readings_give_the_same_calibration():
    readings, _terms = network(8, events=40, stations=5)
    assert fit_sigma(readings).sigma == fit_sigma(readings).sigma


def test_an_offset_is_the_median_of_the_stations_medians():
    readings, terms = network(9, curved=False)
    found = fit_offset(readings)
    assert abs(found.offset - (0.9 + float(np.median(terms)))) < 4 * found.offset_error < 0.3
    for number, term in enumerate(terms):
        one = found.terms[f"XX.S{number:02d}"]
        assert found.offset + one.value == pytest.approx(0.9 + term, abs=5 * one.standard_error)
    assert found.residual_sigma == pytest.approx(0.21, abs=0.04)
    wild = np.asarray(readings.station) == "XX.S00"
    y = np.asarray(readings.y) + 50.0 * wild
    spoiled = fit_offset(Readings(readings.event, readings.station, readings.distance_km, y))
    assert spoiled.offset == pytest.approx(found.offset, abs=0.1)


@pytest.mark.parametrize(
    ("events", "stations", "limits", "what"),
    [
        (12, 8, Limits(), "events"),
        (60, 2, Limits(), "stations"),
        (30, 4, Limits(readings=500), "readings"),
        (60, 6, Limits(decades=3.0), "distances"),
        (60, 6, Limits(station_events=100), "stations"),
    ],
)
def test_too_little_is_refused_in_words(events, stations, limits, what):
    readings, _terms = network(1, events, stations)
    with pytest.raises(TooLittle, match=f"too few {what}.* are needed"):
        fit_sigma(readings, limits)


def test_what_has_no_curve_says_so():
    empty = Calibration("v", "KR_WSG", "offset", (10.0, 500.0), offset=0.9)
    assert empty.term("XX.A") == 0.0
    assert empty.sigma_at(100.0) == 0.0 and np.isnan(empty.sigma_at(5.0))
