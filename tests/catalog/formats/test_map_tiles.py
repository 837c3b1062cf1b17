"""Tiles of the map: what is packed is read back, and limits on the grid are exact."""

from __future__ import annotations

import base64
import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.formats import map_tiles
from catalog.formats.map_tiles import ALPHABET, EVENT, TileError
from tests.catalog.map_tile_fixture import FOLDER, fixture

#: Events are many values each; what can be wrong needs few of them.
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

regular_ids = st.builds(
    lambda year, places: f"kz{year:04d}" + "".join(places),
    st.integers(1969, 1972),
    st.lists(st.sampled_from(ALPHABET), min_size=6, max_size=6),
)
ids = regular_ids | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20
)


def sizes(low: float, high: float) -> Any:
    """Values as catalogues have them, and any others."""
    grid = st.integers(int(low * 100), int(high * 100)).map(lambda n: n / 100)
    return st.one_of(st.just(math.nan), grid, st.floats(low, high, allow_subnormal=False))


events_1970 = st.lists(
    st.tuples(
        st.integers(0, 365 * 86_400_000_000 - 1),
        ids,
        st.floats(-90, 90),
        st.floats(-180, 180),
        sizes(-20, 799),
        sizes(-10, 25),
        sizes(-2, 9),
        sizes(-10, 25),
        *[st.booleans()] * 4,
        st.sampled_from([*map_tiles.KINDS, map_tiles.OTHER_KIND]),
    ),
    max_size=6,
).map(lambda rows: np.array(rows, EVENT))


@QUICK
@given(events_1970)
def test_what_is_packed_is_read_back(events: Any) -> None:
    back = map_tiles.events_of(map_tiles.encode_tile(events, 0, 10))
    assert back["public_id"].tolist() == events["public_id"].tolist()
    assert ((events["time_us"] - back["time_us"]) // 10_000 == 0).all()
    for name, step in (("depth_km", 0.1), ("kr", 0.01), ("magnitude", 0.01)):
        missing = np.isnan(events[name])
        assert (np.isnan(back[name]) == missing).all()
        apart = (events[name] - back[name])[~missing]
        assert ((apart >= 0) & (apart <= step + 1e-9)).all()
    assert np.abs(back["latitude"] - events["latitude"]).max(initial=0) <= 180 / (2**25 - 3)
    assert np.abs(back["longitude"] - events["longitude"]).max(initial=0) <= 360 / (2**25 - 3)
    for name in ("felt", "synthetic", "mechanism", "minute_precision", "kind"):
        assert (back[name] == events[name]).all()
    sized = ~np.isnan(events["mpva"]) & np.isnan(events["kr"]) & np.isnan(events["magnitude"])
    assert (np.isnan(back["mpva"]) == ~sized).all()
    assert np.abs(back["mpva"] - events["mpva"])[sized].max(initial=0) <= 0.0100001


@QUICK
@given(events_1970, st.integers(-1000, 2500), st.integers(-200, 7990))
def test_limits_on_the_grid_are_exact(events: Any, hundredths: int, tenths: int) -> None:
    columns = map_tiles.decode_tile(map_tiles.encode_tile(events, 0, 10)).columns
    size, depth = hundredths / 100, tenths / 10
    for name, values, limit, step, bits, remainder, most in (
        ("kr", events["kr"], size, hundredths + 1000, 0xFFF, 1 << 12, 3500),
        ("magnitude", events["magnitude"], size, hundredths + 1000, 0xFFF, 1 << 12, 4094),
        ("depth", events["depth_km"], depth, tenths + 200, 0x1FFF, 1 << 13, 8190),
    ):
        floor = columns[name] & bits
        rest = (columns[name] & remainder) != 0
        known = floor <= most
        assert (known & (floor >= step) == (values >= limit)).all()
        assert (known & ((floor < step) | ((floor == step) & ~rest)) == (values <= limit)).all()


@QUICK
@given(events_1970, st.integers(0, 365 * 86400))
def test_limits_at_whole_seconds_are_exact(events: Any, second: int) -> None:
    columns = map_tiles.decode_tile(map_tiles.encode_tile(events, 0, 10)).columns
    step, rest = second * 100, (columns["depth"] & map_tiles.TIME_REMAINDER) != 0
    time = columns["time"].astype(np.int64)
    assert ((time >= step) == (events["time_us"] >= second * 1_000_000)).all()
    within = (time < step) | ((time == step) & ~rest)
    assert (within == (events["time_us"] <= second * 1_000_000)).all()


@pytest.mark.parametrize("value", [5.1, 0.07, 0.29, 1.1, 8.2, 13.6, -0.7, 4.35, 24.99, -10.0, 25.0])
def test_decimals_lie_on_the_grid(value: float) -> None:
    events = np.zeros(1, EVENT)
    events["kr"] = events["magnitude"] = value
    events["depth_km"] = round(value, 1)
    columns = map_tiles.decode_tile(map_tiles.encode_tile(events, 0, 1)).columns
    assert columns["kr"][0] == round(value * 100) + 1000
    assert columns["magnitude"][0] == round(value * 100) + 1000
    assert columns["depth"][0] == round(round(value, 1) * 10) + 200


def test_depths_beyond_the_range_keep_a_remainder() -> None:
    events = np.zeros(2, EVENT)
    events["depth_km"] = 799.0, 800.0
    depth = map_tiles.decode_tile(map_tiles.encode_tile(events, 0, 1)).columns["depth"]
    assert depth.tolist() == [8190, 8190 | map_tiles.DEPTH_REMAINDER]


def test_an_event_takes_20_bytes() -> None:
    events = np.zeros(1000, EVENT)
    events["public_id"] = "kz1970222222"
    size = len(map_tiles.encode_tile(events, 0, 100))
    header = len(map_tiles.encode_tile(events[:0], 0, 100))
    assert size - header <= 20 * 1000 + 4  # the header tells a longer count


@QUICK
@given(st.lists(ids, max_size=20), st.integers(0, 2**53), st.booleans())
def test_matching_ids_are_read_back(names: list[str], version: int, truncated: bool) -> None:
    body = map_tiles.encode_matching(np.array(names, "U20"), version, truncated=truncated)
    matching = map_tiles.decode_matching(body)
    assert sorted(map_tiles.matching_ids(matching).tolist()) == sorted(names)
    assert matching.header["version"] == version
    assert matching.header["truncated"] is truncated


def test_what_is_no_tile_is_refused_with_its_reason() -> None:
    body = map_tiles.encode_tile(np.zeros(3, EVENT), 0, 1)
    length = int.from_bytes(body[4:8], "little")
    header = json.loads(body[8 : 8 + length])

    def with_header(**values: Any) -> bytes:
        told = json.dumps({**header, **values}).encode()
        told += b" " * (-len(told) % 4)
        return body[:4] + len(told).to_bytes(4, "little") + told + body[8 + length :]

    for wrong, said in (
        (b"", "magic"),
        (b"KZT1", "length"),
        (b"KZT2" + body[4:], "magic"),
        (body[:4] + (length + 1).to_bytes(4, "little") + body[8:], "length"),
        (body[:4] + b"\xfc\xff\xff\xff" + body[8:], "length"),
        (body[:8] + b"x" * length + body[8 + length :], "no JSON"),
        (body[:8] + b"[".ljust(length) + body[8 + length :], "no JSON"),
        (body[:8] + b"[]".ljust(length) + body[8 + length :], "format"),
        (with_header(format=2), "format"),
        (with_header(count=-1), "count"),
        (with_header(count=True), "count"),
        (with_header(count=4), "body of 4"),
        (with_header(count=10**30), "body of"),
        (with_header(ids=[]), "ids"),
        (with_header(start="0"), "start"),
        (with_header(unit_ms=7), "unit_ms"),
        (body[:-1], "bytes"),
        (body + b"\0", "bytes"),
    ):
        with pytest.raises(TileError, match=said):
            map_tiles.decode_tile(wrong)
    with pytest.raises(TileError, match="no id of event 0"):
        map_tiles.events_of(with_header(ids={}))


def test_events_a_tile_cannot_hold_are_refused() -> None:
    for name, value, said in (
        ("time_us", -1, "time"),
        ("time_us", (2**32) * 1000, "time"),
        ("latitude", 90.1, "latitude"),
        ("latitude", math.nan, "latitude"),
        ("longitude", -181, "longitude"),
    ):
        events = np.zeros(1, EVENT)
        events[name] = value
        with pytest.raises(TileError, match=said):
            map_tiles.encode_tile(events, 0, 1)


@QUICK
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_microseconds_are_exact(time: datetime) -> None:
    time = time.replace(tzinfo=UTC)
    since = timedelta(microseconds=map_tiles.microseconds(time))
    assert datetime(1970, 1, 1, tzinfo=UTC) + since == time


def test_the_scripts_are_tested_with_what_is_written_here() -> None:
    for name, content in fixture().items():
        stored = (Path(FOLDER) / name).read_bytes()
        assert stored == content, f"{name} is old: run python -m tests.catalog.map_tile_fixture"


def test_the_fixture_says_what_its_bytes_hold() -> None:
    told = json.loads((Path(FOLDER) / "tile_v1.json").read_text())
    events = map_tiles.events_of((Path(FOLDER) / "tile_v1.bin").read_bytes())
    assert [event["id"] for event in told["events"]] == events["public_id"].tolist()
    assert base64.b64encode((Path(FOLDER) / "tile_v1.bin").read_bytes()[:4]) == b"S1pUMQ=="


# --- Stretches of time ---------------------------------------------------------------------------


def cut(counts: dict[int, int], most: int = 10) -> list[tuple[int, int]]:
    return [(period.month, period.months) for period in map_tiles.periods(counts, most)]


def test_a_decade_is_cut_only_where_it_holds_more() -> None:
    assert cut({}) == []
    assert cut({0: 10}) == [(0, 120)]
    assert cut({0: 6, 12: 5}) == [(0, 12), (12, 12)]
    assert cut({0: 11}) == [(0, 1)]
    assert cut({1: 6, 3: 6, 30: 10, 119: 1, 120: 9}) == [
        (1, 1), (3, 1), (24, 12), (108, 12), (120, 120),
    ]  # fmt: skip
    assert cut({-1: 1, -120: 1, -121: 1}) == [(-240, 120), (-120, 120)]
    assert cut({0: 0}) == []


@QUICK
@given(st.dictionaries(st.integers(-12 * 1969, 12 * 8029), st.integers(0, 30), max_size=40))
def test_every_month_lies_in_one_stretch(counts: dict[int, int]) -> None:
    found = map_tiles.periods(counts, 20)
    assert found == sorted(found)
    for month, count in counts.items():
        holders = [p for p in found if p.month <= month < p.month + p.months]
        assert len(holders) == bool(count) or (not count and len(holders) <= 1)
    for one, other in itertools.pairwise(found):
        assert one.end_ms <= other.start_ms
    for period in found:
        assert (period.end_ms - period.start_ms) / period.unit_ms < 2**32
        held = sum(n for m, n in counts.items() if period.month <= m < period.month + period.months)
        assert held <= 20 or period.months == 1


def test_stretches_begin_where_months_of_utc_do() -> None:
    decade = map_tiles.Period(-120, 120)
    assert (decade.kind, decade.unit_ms) == ("decade", 100)
    assert decade.end_ms == 0
    assert decade.start_ms == map_tiles.microseconds(datetime(1960, 1, 1, tzinfo=UTC)) // 1000
