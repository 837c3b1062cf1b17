"""The shipped coefficients against ellipticipy, whose values for a few rays stand here."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core import ellipticity

# iasp91; ellipticipy 1.0.1, ellipticity_correction(arrivals, azimuth, source_latitude) [s].
ELLIPTICIPY = [  # family, TauPy's name, distance [deg], depth [km], latitude, azimuth [deg], s
    ("P", "P", 60.0, 30.0, 43.0, 120.0, 0.1732),
    ("P", "P", 85.0, 400.0, -20.0, 300.0, 0.3711),
    ("P", "P", 8.0, 10.0, 43.0, 60.0, -0.0658),
    ("S", "S", 40.0, 10.0, 43.0, 10.0, -1.0070),
    ("pP", "pP", 70.0, 200.0, 37.0, 80.0, 0.2749),
    ("PcP", "PcP", 30.0, 100.0, 43.0, 200.0, 0.1290),
    ("ScP", "ScP", 35.0, 210.0, 37.0, 350.0, -0.6725),
    ("PKPdf", "PKIKP", 150.0, 33.0, 43.0, 250.0, -0.6320),
    ("PKPab", "PKP", 160.0, 33.0, 43.0, 250.0, -0.4546),
]
# Of bilinear interpolation between nodes 2.5 deg apart, and of thousandths of a second. Measured
# over 400 rays: 0.004 s at most, 0.0064 s in the triplications of S.
TOLERANCE_S = 0.007


def corrected(family, distance, depth, latitude, azimuth):
    return ellipticity.correction(
        ellipticity.load(),
        ellipticity.FAMILIES.index(family) if family else -1,
        distance,
        depth,
        float(np.radians(latitude)),
        float(np.radians(azimuth)),
    )


@pytest.mark.parametrize(
    ("family", "_ray", "distance", "depth", "lat", "azimuth", "expected"), ELLIPTICIPY
)
def test_corrections_are_those_of_ellipticipy(
    family, _ray, distance, depth, lat, azimuth, expected
):
    found = corrected(family, distance, depth, lat, azimuth)
    assert found == pytest.approx(expected, abs=TOLERANCE_S)


@pytest.mark.long
def test_what_stands_here_is_what_ellipticipy_says():
    ellipticipy = pytest.importorskip("ellipticipy")
    taup = pytest.importorskip("obspy.taup")
    model = taup.TauPyModel("iasp91")
    for family, ray, distance, depth, latitude, azimuth, expected in ELLIPTICIPY:
        rays = model.get_ray_paths(depth, distance, [ray])
        found = ellipticipy.ellipticity_correction(rays, azimuth, latitude)
        assert found[-1 if family == "PKPab" else 0] == pytest.approx(expected, abs=1e-4)
    # The documentation's own check (methods 3.1).
    rays = taup.TauPyModel("prem").get_ray_paths(124.0, 65.0, ["pPKiKP"])
    assert ellipticipy.ellipticity_correction(rays, 39.0, 45.0)[0] == pytest.approx(
        -0.7732, abs=1e-4
    )


def test_a_phase_without_coefficients_is_not_corrected():
    assert corrected("", 60.0, 30.0, 43.0, 120.0) == 0.0


def test_corrections_are_finite_and_small_at_every_edge():
    for family in ellipticity.FAMILIES:
        for distance in (0.0, 1e-9, 90.0, 177.5, 180.0):
            for depth in (0.0, 50.0, 700.0):
                for latitude in (-90.0, 0.0, 90.0):
                    found = corrected(family, distance, depth, latitude, 45.0)
                    assert abs(found) < 5.0, (family, distance, depth, latitude)
