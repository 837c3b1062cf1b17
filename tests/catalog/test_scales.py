"""Which scale a reported type belongs to."""

import pytest

from catalog.scales import MAGNITUDE_ORDER, SCALES, scale_of
from processing.core import magnitude_scales as records


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


@pytest.mark.parametrize("record", records.SCALES, ids=lambda record: record.id)
def test_what_is_computed_is_pooled_only_where_its_record_says_so(record: records.Scale) -> None:
    """KR(WSG), mb(MB), MS(reg) ... stand beside the scales they are like, never in them."""
    is_shown_apart = record.status is records.Status.UNCALIBRATED or not record.column
    assert scale_of(record.type) == ("" if is_shown_apart else record.column)
    if is_shown_apart:
        assert scale_of(record.id) == ""
    # ISF has five characters for a type: cut off, it must not become another scale's.
    assert scale_of(record.type[:5]) == scale_of(record.type)
