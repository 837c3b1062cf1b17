"""Which scale a reported type belongs to."""

import pytest

from catalog.scales import MAGNITUDE_ORDER, SCALES, scale_of


@pytest.mark.parametrize(
    ("reported", "scale"),
    [
        ("KR", "KR"), ("K", "KR"), ("КР", "KR"),
        ("MPVA", "MPVA"), ("MPSP", ""), ("MPV", ""),
        ("MLV", "MLV"), ("MLH", ""),
        ("MS", "MS"), ("Ms", "MS"), ("ms", "MS"), ("Ms_20", "MS"), ("Msz", "MS"), ("MSreg", "MS"),
        ("mb", "mb"), ("Mb", "mb"), ("MB", "mb"),
        ("mB_BB", ""), ("mB", ""), ("mb_Lg", ""), ("mbLg", ""),
        ("ML", "ML"), ("ml", "ML"), ("MLv", "ML"), ("MLr", "ML"),
        ("Mw", "Mw"), ("mw", "Mw"), ("Mww", "Mw"), ("mwc", "Mw"), ("MW", "Mw"), ("Mw(mB)", "Mw"),
        ("M", ""), ("md", ""), ("", ""), (None, ""),
    ],
)  # fmt: skip
def test_reported_type_belongs_to_its_scale(reported: str | None, scale: str) -> None:
    assert scale_of(reported) == scale


def test_energy_class_and_mpva_never_stand_for_the_magnitude() -> None:
    assert set(SCALES) - set(MAGNITUDE_ORDER) == {"KR", "MPVA"}
