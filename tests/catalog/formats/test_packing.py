"""A gzip file is read as what it holds, and refused where it holds far too much."""

from __future__ import annotations

import gzip
import io

import pytest

from catalog.formats import FormatError, Limits, detect, read
from catalog.formats.records import EventRecord

TABLE = b"time,latitude,longitude,kr\n2014-11-14T01:24:16Z,42.10,77.27,13.6\n"


def test_packed_table_is_recognised_and_read_as_the_table() -> None:
    packed = gzip.compress(TABLE)
    assert detect(packed[:100], "year.csv.gz") == detect(TABLE, "year.csv")
    (event,) = [i for i in read("catalogue-csv", io.BytesIO(packed)) if isinstance(i, EventRecord)]
    assert event.magnitudes[0].value == 13.6


def test_members_that_follow_each_other_are_one_file() -> None:
    head, tail = TABLE[:30], TABLE[30:]
    packed = gzip.compress(head) + gzip.compress(tail)
    assert any(isinstance(i, EventRecord) for i in read("catalogue-csv", io.BytesIO(packed)))


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (gzip.compress(b"0" * 60_000_000), "packed-too-densely"),
        (gzip.compress(TABLE)[:-6], "truncated"),
        (gzip.compress(TABLE)[:-8] + b"wrong-crc", "gzip-damaged"),
    ],
    ids=["bomb", "cut off", "damaged"],
)
def test_bomb_and_damage_are_refused_with_their_reason(packed: bytes, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        list(read("catalogue-csv", io.BytesIO(packed)))
    assert caught.value.problem.code == code


def test_size_limit_counts_what_is_unpacked() -> None:
    with pytest.raises(FormatError) as caught:
        list(read("catalogue-csv", io.BytesIO(gzip.compress(TABLE * 50)), Limits(max_bytes=1000)))
    assert caught.value.problem.code == "file-too-large"
