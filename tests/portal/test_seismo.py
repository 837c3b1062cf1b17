"""How values are written: digits, signs, precision, in three languages."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.utils import formats, translation

from portal.templatetags import seismo

MINUTE = datetime(2014, 6, 21, 6, 30, tzinfo=UTC)


def test_a_time_known_to_the_minute_is_written_without_seconds():
    assert str(seismo.origin_time(MINUTE, True)) == (
        '<time datetime="2014-06-21T06:30Z">2014-06-21 06:30</time>'
    )


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "06:30:59"), (960_000, "06:31:00.0"), (949_999, "06:30:59.9"), (340_000, "06:30:59.3")],
)
def test_rounding_a_time_carries_into_the_minute(microsecond: int, text: str):
    time = datetime(2014, 6, 21, 6, 30, 59, microsecond, tzinfo=UTC)
    assert seismo.clock(time) == text


@pytest.mark.parametrize(
    ("time", "offset"),
    [
        (datetime(2004, 8, 1, tzinfo=UTC), "UTC+7"),
        (datetime(2014, 6, 21, tzinfo=UTC), "UTC+6"),
        (datetime(2024, 2, 29, 17, 59, tzinfo=UTC), "UTC+6"),
        (datetime(2024, 2, 29, 18, 0, tzinfo=UTC), "UTC+5"),
    ],
)
def test_local_time_names_the_offset_of_its_day(time: datetime, offset: str):
    assert seismo.local_time(time).endswith(f"({offset})")


def test_the_offsets_given_to_the_script_are_those_of_the_pages():
    table = seismo.almaty_offsets()
    assert table == sorted(table)
    for time in (MINUTE, datetime(1992, 7, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)):
        ms = time.timestamp() * 1000
        minutes = [m for start, m in table if start <= ms][-1]
        offset = time.astimezone(seismo.ALMATY).utcoffset()
        assert offset is not None
        assert minutes * 60 == offset.total_seconds()


def test_the_change_of_civil_time_in_2024_is_told_to_the_minute():
    assert (int(datetime(2024, 2, 29, 18, tzinfo=UTC).timestamp() * 1000), 300) in (
        seismo.almaty_offsets()
    )


@pytest.mark.parametrize(("language", "sign"), [("en", "."), ("ru", ","), ("kk", ",")])
def test_decimal_sign_follows_the_language(language: str, sign: str):
    with translation.override(language):
        assert seismo.magnitude(5.2) == f"5{sign}2"
        assert seismo.magnitude(5.25) == f"5{sign}25"
        assert seismo.magnitude(5.2534) == f"5{sign}3"
        assert seismo.latitude(49.56).startswith(f"49{sign}56°")


def test_zero_depth_is_a_depth_and_nothing_is_not():
    with translation.override("en"):
        assert seismo.depth(0.0) == "0\u00a0km"
        assert seismo.depth(None) == "not reported"
        assert seismo.depth_style(0.0) == "depth-0"
        assert seismo.depth_style(None) == "depth-none"


def test_coordinates_name_their_hemisphere():
    with translation.override("en"):
        assert seismo.latitude(-3.5) == "3.50°\u00a0S"
        assert seismo.longitude(-0.125) == "0.125°\u00a0W"
        assert seismo.longitude(72.97123, 2) == "72.97°\u00a0E"


def test_an_uncertainty_has_the_digits_that_mean_something():
    with translation.override("en"):
        assert seismo.uncertainty(30.0, "s") == "±\u00a030\u00a0s"
        assert seismo.uncertainty(0.32, "s") == "±\u00a00.3\u00a0s"
        assert seismo.uncertainty(0.04, "s") == "±\u00a00.04\u00a0s"
        assert seismo.uncertainty(None, "s") == ""


@pytest.mark.parametrize(("kr", "whole"), [(6.6, 7), (7.5, 7), (7.6, 8), (11.7, 12), (13.6, 14)])
def test_halves_of_a_class_go_down(kr: float, whole: int):
    assert seismo.kr_class(kr) == whole


def test_words_for_size_prefer_kr_then_magnitude_then_mpva():
    assert seismo.equivalent_magnitude(11.7, 5.2, 4.0) == pytest.approx(4.278, abs=1e-3)
    assert seismo.equivalent_magnitude(None, 5.2, 4.0) == 4.0
    assert seismo.equivalent_magnitude(None, 5.2, None) == pytest.approx(4.162, abs=1e-3)
    assert seismo.equivalent_magnitude(None, None, None) is None


def test_kr_comes_first_among_the_sizes():
    row = SimpleNamespace(kr=11.7, mw=None, ms=4.0, mlv=None, mb=None, ml=None, mpva=5.2)
    assert seismo.sizes(row) == [("KR", 11.7), ("MS", 4.0), ("MPVA", 5.2)]


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "21 June 2014"), ("ru", "21 июня 2014 г."), ("kk", "2014 ж. 21 маусым")],
)
def test_dates_are_written_as_the_language_does(language: str, text: str):
    with translation.override(language):
        assert seismo.long_date(MINUTE) == text


def test_kazakh_has_its_own_formats():
    with translation.override("kk"):
        assert formats.date_format(MINUTE, "SHORT_DATE_FORMAT") == "21.06.2014"
        assert formats.number_format(4930.5, 1, force_grouping=True) == "4\u00a0930,5"
