"""What real bulletins report is found again from their amplitudes."""

from __future__ import annotations

import statistics

import pytest

from tests.processing.core.reported_magnitudes import FOLDER, bulletins, differences


@pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/data: NEIC's screen bulletins")
def test_neics_magnitudes_of_morocco_2004_are_found_again():
    lines = bulletins()["20040224.0227_MOROCCO"]
    found, refused = differences(lines)
    # Ms has no table: what is left is NEIC's rounding of amplitude, period and magnitude.
    assert len(found["Ms_20"]) == 12
    assert statistics.fmean(found["Ms_20"]) == pytest.approx(0.0, abs=0.02)
    assert statistics.stdev(found["Ms_20"]) < 0.05
    # mb has the table digitised from print, every 5 deg: 0.1 either way.
    assert len(found["mb"]) == 99
    assert statistics.fmean(found["mb"]) == pytest.approx(0.0, abs=0.05)
    assert statistics.stdev(found["mb"]) < 0.08 and max(map(abs, found["mb"])) < 0.2
    assert refused["mb"] == {"distance_outside": 1}


def test_the_idcs_mb_is_found_again_with_veith_and_clawson():
    found, _refused = differences(bulletins()["ObsPy's GSE2 bulletin"])
    assert len(found["mb_VC"]) == 5
    assert statistics.fmean(found["mb_VC"]) == pytest.approx(0.0, abs=0.05)
    assert max(map(abs, found["mb_VC"])) < 0.07
