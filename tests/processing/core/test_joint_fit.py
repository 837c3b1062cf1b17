"""One place or two: synthetic pairs with known errors, an exact case, symmetry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from processing.core import geodesy, joint_fit, travel_times
from processing.core.location_problem import ArrivalObservation, Hypocentre, LocationError

MODEL = "iasp91"
#: Two networks around 43 N 77 E without a common station.
ONE = tuple((43.0 + 1.2 * np.sin(a), 77.0 + 1.5 * np.cos(a)) for a in np.arange(7) * 0.9)
OTHER = tuple((43.0 + 2.0 * np.sin(a), 77.0 + 2.4 * np.cos(a)) for a in np.arange(7) * 0.9 + 0.4)


def readings(
    name: str, stations, latitude: float, longitude: float, time: float, random=None
) -> list[ArrivalObservation]:
    table = travel_times.load(MODEL)
    places = np.array(stations)
    distance, _ = geodesy.distance_azimuth(
        float(geodesy.geocentric_latitude(latitude)), longitude,
        geodesy.geocentric_latitude(places[:, 0]), places[:, 1],
    )  # fmt: skip
    found = []
    for phase in ("P", "S"):
        travel = table.predict([phase] * len(stations), distance, np.full(len(stations), 10.0)).time
        noise = (
            np.zeros(len(stations)) if random is None else random.normal(0.0, 0.5, len(stations))
        )
        found += [
            ArrivalObservation(f"{name}{k}", *places[k], None, phase, float(time + t + e))
            for k, (t, e) in enumerate(zip(travel, noise, strict=True))
        ]
    return found


def pair(east_km: float, seconds: float, random=None) -> tuple[joint_fit.Alone, joint_fit.Alone]:
    """One network sees an event at 43 N 77 E, the other one so far away and so much later."""
    longitude = 77.0 + east_km / (111.2 * np.cos(np.radians(43.0)))
    start = Hypocentre(43.1, 77.1, 0.0, 10.0)
    return (
        joint_fit.alone(readings("A", ONE, 43.0, 77.0, 0.0, random), start, MODEL),
        joint_fit.alone(readings("B", OTHER, 43.0, longitude, seconds, random), start, MODEL),
    )


def test_readings_of_one_event_fit_one_place_as_well_as_two():
    fit = joint_fit.compare(*pair(0.0, 0.0), model=MODEL)
    assert fit.increase < 0.2
    assert fit.level > 0.9
    assert fit.freedom == 28 - 6


@pytest.mark.parametrize(("east_km", "seconds"), [(60.0, 0.0), (0.0, 12.0), (30.0, -8.0)])
def test_two_events_do_not_fit_one_place(east_km, seconds):
    fit = joint_fit.compare(*pair(east_km, seconds), model=MODEL)
    assert fit.level < 1e-4
    assert fit.log_density < joint_fit.compare(*pair(0.0, 0.0), model=MODEL).log_density - 5.0


def test_which_report_is_first_and_when_epochs_begin_does_not_matter():
    one, other = pair(20.0, 3.0)
    fit = joint_fit.compare(one, other, model=MODEL)
    turned = joint_fit.compare(other, one, model=MODEL)
    assert turned.increase == pytest.approx(fit.increase, rel=1e-4)
    assert turned.log_volume == pytest.approx(fit.log_volume, abs=1e-4)
    later = replace(
        other,
        arrivals=tuple(replace(a, time=a.time - 1000.0) for a in other.arrivals),
        place=(*other.place[:3], other.place[3] - 1000.0),
    )
    moved = joint_fit.compare(one, later, 1000.0, MODEL)
    assert moved.increase == pytest.approx(fit.increase, rel=1e-4)


def test_of_one_event_the_f_test_rejects_no_more_than_it_says():
    random = np.random.default_rng(11)
    levels = [joint_fit.compare(*pair(0.0, 0.0, random), model=MODEL).level for _ in range(40)]
    # Errors drawn without the correlations the locator allows for: rather fewer than 5 %.
    assert np.mean(np.array(levels) < 0.05) <= 0.1


def test_too_few_readings_say_so():
    with pytest.raises(LocationError):
        joint_fit.alone(
            readings("A", ONE[:1], 43.0, 77.0, 0.0), Hypocentre(43.0, 77.0, 0.0, 10.0), MODEL
        )
