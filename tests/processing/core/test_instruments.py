"""Seismographs by their poles and zeros, against the values the methods paper and ObsPy give."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.instruments import (
    INSTRUMENTS,
    WOOD_ANDERSON_MAGNIFICATION,
    coupled,
)
from processing.core.magnitude_scales import SCALES, Certainty

#: Methods paper 1.7: period [s], relative displacement response of the assumed SKM.
SKM = ((0.1, 0.67), (0.2, 0.92), (0.4, 1.00), (0.7, 0.93), (1.0, 0.84), (1.5, 0.67), (2.0, 0.47),
       (3.0, 0.17), (5.0, 0.03))  # fmt: skip


def test_every_scale_has_its_instrument() -> None:
    assert {scale.instrument for scale in SCALES if scale.instrument} <= set(INSTRUMENTS)


def test_skm_is_as_the_methods_paper_has_it_and_says_that_it_is_assumed() -> None:
    skm = INSTRUMENTS["SKM"]
    period, expected = np.array(SKM).T
    np.testing.assert_allclose(skm.relative(period), expected, atol=0.0051)
    assert skm.certainty is Certainty.ASSUMED
    poles = sorted(skm.poles, key=lambda p: (p.real, p.imag))
    np.testing.assert_allclose(poles, [-47.0, -6.857, -1.571 - 2.721j, -1.571 + 2.721j], atol=2e-3)


def test_skd_has_the_poles_of_kirnos_in_obspy() -> None:
    theirs = [-83.4473, -0.3285, -0.1257 - 0.2177j, -0.1257 + 0.2177j]
    poles = sorted(INSTRUMENTS["SKD"].poles, key=lambda p: (p.real, p.imag))
    np.testing.assert_allclose(poles, theirs, atol=1e-4)


def test_coupling_moves_the_poles_and_keeps_their_product() -> None:
    free, bound = coupled(2.0, 0.5, 0.35, 1.5), coupled(2.0, 0.5, 0.35, 1.5, 0.2)
    assert np.prod(bound) == pytest.approx(np.prod(free))
    assert np.abs(np.sort_complex(bound) - np.sort_complex(free)).max() > 0.1


def test_wood_anderson_gives_the_amplitude_of_obspy_s_worked_magnitude() -> None:
    from obspy.signal.invsim import estimate_magnitude, paz_2_amplitude_value_of_freq_resp

    paz = {
        "poles": [-4.444 + 4.444j, -4.444 - 4.444j, -1.083 + 0j],
        "zeros": [0j, 0j, 0j],
        "gain": 1.0,
        "sensitivity": 671140000.0,
    }
    counts, half_period, km = 3.34e6, 0.065, 0.255
    period = 2.0 * half_period
    velocity = counts / 2.0 / paz_2_amplitude_value_of_freq_resp(paz, 1.0 / period)
    ground_m = velocity / paz["sensitivity"] * period / (2.0 * np.pi)
    share = float(INSTRUMENTS["WOOD_ANDERSON"].relative(period))
    mm = 1e3 * ground_m * share * WOOD_ANDERSON_MAGNIFICATION
    found = np.log10(mm) + np.log10(km / 100.0) + 0.00301 * (km - 100.0) + 3.0
    assert found == pytest.approx(2.132873, abs=1e-6)
    assert found == pytest.approx(estimate_magnitude(paz, counts, half_period, km), abs=1e-6)


def test_responses_are_one_where_they_say() -> None:
    period = np.geomspace(0.02, 200.0, 5000)
    for instrument in INSTRUMENTS.values():
        if instrument.normal == "peak":
            assert instrument.relative(period).max() == pytest.approx(1.0, abs=1e-4)
    assert INSTRUMENTS["WOOD_ANDERSON"].relative(1e-3) == pytest.approx(1.0, abs=1e-4)
    assert INSTRUMENTS["DISPLACEMENT"].relative(7.0) == 1.0
    assert INSTRUMENTS["VELOCITY"].relative(2.0) == pytest.approx(np.pi)
