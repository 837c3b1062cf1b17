"""Tiles of the map: the events of a stretch of time as little-endian columns, 20 bytes an event.

A container is four bytes of magic, the length of a JSON header (uint32), the header, padded with
spaces so that what follows begins at a multiple of 4, then the columns one after another, each
padded to a multiple of 4. The browser lays its typed arrays over the columns as they are.

A *tile* holds all the map draws and filters by; its events go by time, then by number:

========== ====== ===========================================================================
time       uint32 floor((time - start) / unit)
number     uint32 bits 0-29: the six places of the public id after its year, base 30, most
                  significant first; bits 30-31: year in the id minus UTC year of the origin
                  time, plus 2; 0: the id stands in the header's ``ids`` under its index
lat_low    uint16 low bits of round((latitude + 90) / 180 * (2^24 - 1))
lon_low    uint16 low bits of round((longitude + 180) / 360 * (2^24 - 1))
depth      uint16 bits 0-12: floor((depth + 20 km) / 0.1 km), 8191 not reported; 13: there was a
                  remainder; 14: minute precision; 15: the time had a remainder
kr         uint16 bits 0-11: floor((KR + 10) / 0.01) up to 3500; 4095 no KR and nothing else to
                  size it by; 3501-4094 no KR, no magnitude, MPVA = -2 + (code - 3501) * 0.02;
                  12: remainder; 13: felt; 14: synthetic; 15: has a focal mechanism
magnitude  uint16 bits 0-11: floor((M + 10) / 0.01), 4095 none; 12: remainder; 13-15: kind of event
lat_high   uint8  high bits of the latitude
lon_high   uint8  high bits of the longitude
========== ====== ===========================================================================

A *matching* container holds the ids of a search: number uint32 (the six places alone), year uint16;
an id of another shape has number 0xFFFFFFFF and stands in the header's ``ids``.

With the remainders a limit on the unit grid is exact: value <= limit if floor < limit, or floor =
limit without a remainder. The grid's values are compared as the floating-point numbers that the
catalogue compares, so 5.1 lies on it. Values beyond the range of their bits (depths above 799 km)
are told as its last step with a remainder. Coordinates are for drawing: within 1.2 m.

The layout is our own: no published tile format keeps such limits exact.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"KZT1"
FORMAT = 1
#: A header longer than this is none of ours: room for the ids of 500,000 events of another shape.
MOST_HEADER_BYTES = 16 * 1024 * 1024
#: A decade or a year that holds more events is cut.
MOST_EVENTS = 20_000
#: Milliseconds a step of the time column may have: in a month, a year, a decade.
UNITS_MS = (1, 10, 100)

ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
PLACES = 6
OTHER_NUMBER = 0xFFFFFFFF
_BASE = len(ALPHABET)
_VALUE_OF = np.full(128, -1, dtype=np.int64)  # by letter
_VALUE_OF[[ord(letter) for letter in ALPHABET]] = np.arange(_BASE)

FULL_CIRCLE = (1 << 24) - 1
NO_DEPTH = 8191
DEPTH_REMAINDER, MINUTE, TIME_REMAINDER = 1 << 13, 1 << 14, 1 << 15
MOST_KR, FIRST_MPVA, NO_SIZE = 3500, 3501, 4095
KR_REMAINDER, FELT, SYNTHETIC, MECHANISM = 1 << 12, 1 << 13, 1 << 14, 1 << 15
NO_MAGNITUDE = 4095
MAGNITUDE_REMAINDER = 1 << 12

#: Event types by kind; every other type is of kind 7.
KINDS: Mapping[int, tuple[str, ...]] = {
    0: ("", "earthquake", "not reported"),
    1: (
        "explosion", "quarry blast", "chemical explosion", "industrial explosion",
        "mining explosion",
    ),
    2: ("nuclear explosion",),
    3: ("induced or triggered event",),
    4: ("rock burst", "collapse", "mine collapse"),
}  # fmt: skip
OTHER_KIND = 7

#: One event before it is packed: microseconds since 1970; a value not reported is NaN.
EVENT = np.dtype(
    [
        ("time_us", "i8"),
        ("public_id", "U20"),
        ("latitude", "f8"),
        ("longitude", "f8"),
        ("depth_km", "f8"),
        ("kr", "f8"),
        ("mpva", "f8"),
        ("magnitude", "f8"),
        ("felt", "?"),
        ("synthetic", "?"),
        ("mechanism", "?"),
        ("minute_precision", "?"),
        ("kind", "u1"),
    ]
)
TILE_COLUMNS = (
    ("time", "<u4"), ("number", "<u4"), ("lat_low", "<u2"), ("lon_low", "<u2"), ("depth", "<u2"),
    ("kr", "<u2"), ("magnitude", "<u2"), ("lat_high", "u1"), ("lon_high", "u1"),
)  # fmt: skip
MATCHING_COLUMNS = (("number", "<u4"), ("year", "<u2"))

Columns = dict[str, NDArray[Any]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TileError(ValueError):
    """Bytes that are no container, or events that a tile cannot hold: where, found, expected."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as it is read: its header and its columns, packed as they are."""

    header: dict[str, Any]
    columns: Columns


def kind_of(event_type: str) -> int:
    """Return the kind of a QuakeML event type, as the magnitude column tells it."""
    return next((kind for kind, types in KINDS.items() if event_type in types), OTHER_KIND)


def microseconds(time: datetime) -> int:
    """Return microseconds since 1970, exactly; negative before it."""
    return (time - _EPOCH) // timedelta(microseconds=1)


# --- Stretches of time --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A decade, year or month of UTC that has a tile; ``month`` is its first, 1970-01 being 0."""

    month: int
    months: int

    @property
    def start_ms(self) -> int:
        """Its begin, milliseconds since 1970."""
        return _month_ms(self.month)

    @property
    def end_ms(self) -> int:
        """Its end, not included."""
        return _month_ms(self.month + self.months)

    @property
    def kind(self) -> str:
        return {1: "month", 12: "year", 120: "decade"}[self.months]

    @property
    def unit_ms(self) -> int:
        """The finest step by which its length has room in 32 bits [ms]."""
        return {1: 1, 12: 10, 120: 100}[self.months]


def _month_ms(month: int) -> int:
    return int(np.datetime64(month, "M").astype("datetime64[ms]").astype(np.int64))


def decade_of(month: int) -> int:
    """Return the first month of the decade (1970 to 1979) of a month."""
    return month // 120 * 120


def periods(counts: Mapping[int, int], most: int = MOST_EVENTS) -> list[Period]:
    """Cut the catalogue into tiles, in the order of time.

    A decade is one while it holds at most ``most`` events, else its years are, each while it holds
    at most so many, else its months. What holds none has no tile.

    Parameters
    ----------
    counts : events by month, 1970-01 being 0
    """
    return [
        period
        for decade in _held(counts, 120)
        for period in _cut(Period(decade, 120), counts, most)
    ]


def _cut(period: Period, counts: Mapping[int, int], most: int) -> list[Period]:
    within = range(period.month, period.month + period.months)
    held = {month: counts[month] for month in within if counts.get(month)}
    if period.months == 1 or sum(held.values()) <= most:
        return [period]
    shorter = 12 if period.months == 120 else 1
    return [
        part for start in _held(held, shorter) for part in _cut(Period(start, shorter), held, most)
    ]


def _held(counts: Mapping[int, int], months: int) -> list[int]:
    return sorted({month // months * months for month, count in counts.items() if count})


# --- Tiles --------------------------------------------------------------------------------------


def encode_tile(events: NDArray[Any], start_ms: int, unit_ms: int) -> bytes:
    """Return the tile of some events.

    Parameters
    ----------
    events : array of ``EVENT``, shape (n_events,), in the order they shall have
    start_ms : begin of the tile's stretch of time, milliseconds since 1970
    unit_ms : step of its time column [ms], one of ``UNITS_MS``

    Raises
    ------
    TileError
        If an event lies before the start or too long after it, or has no place on Earth.
    """
    if unit_ms not in UNITS_MS:
        raise TileError(f"unit: found {unit_ms} ms, expected one of {UNITS_MS}")
    time, time_rest = _times(events["time_us"], start_ms, unit_ms)
    number, ids = _numbers(events)
    latitude = _turn(events["latitude"], 90.0, "latitude")
    longitude = _turn(events["longitude"], 180.0, "longitude")
    depth, depth_rest = _steps(events["depth_km"], 10, 20, NO_DEPTH - 1, NO_DEPTH)
    kr, kr_rest = _steps(events["kr"], 100, 10, MOST_KR, NO_SIZE)
    magnitude, magnitude_rest = _steps(events["magnitude"], 100, 10, NO_MAGNITUDE - 1, NO_MAGNITUDE)
    by_mpva = (kr == NO_SIZE) & (magnitude == NO_MAGNITUDE) & ~np.isnan(events["mpva"])
    mpva = np.clip(np.rint((events["mpva"][by_mpva] + 2) / 0.02), 0, NO_SIZE - 1 - FIRST_MPVA)
    kr[by_mpva] = FIRST_MPVA + mpva.astype(np.int64)
    columns = {
        "time": time,
        "number": number,
        "lat_low": latitude & 0xFFFF,
        "lon_low": longitude & 0xFFFF,
        "depth": depth
        | depth_rest * DEPTH_REMAINDER
        | events["minute_precision"] * MINUTE
        | time_rest * TIME_REMAINDER,
        "kr": kr
        | kr_rest * KR_REMAINDER
        | events["felt"] * FELT
        | events["synthetic"] * SYNTHETIC
        | events["mechanism"] * MECHANISM,
        "magnitude": magnitude
        | magnitude_rest * MAGNITUDE_REMAINDER
        | events["kind"].astype(np.int64) << 13,
        "lat_high": latitude >> 16,
        "lon_high": longitude >> 16,
    }
    header = {
        "format": FORMAT,
        "start": start_ms,
        "unit_ms": unit_ms,
        "count": len(events),
        "ids": ids,
    }
    return _packed(header, columns, TILE_COLUMNS)


def decode_tile(body: bytes) -> Container:
    """Return a tile's header and columns.

    Raises
    ------
    TileError
        If the bytes are no tile.
    """
    container = _unpacked(body, TILE_COLUMNS)
    header = container.header
    start, unit = header.get("start"), header.get("unit_ms")
    if not isinstance(start, int) or isinstance(start, bool):
        raise TileError(f"header: start is {start!r}, expected a whole number")
    if unit not in UNITS_MS:
        raise TileError(f"header: unit_ms is {unit!r}, expected one of {UNITS_MS}")
    return container


def events_of(body: bytes) -> NDArray[Any]:
    """Return the events of a tile as far as it tells them: what was floored is its lower end.

    MPVA is told only where it sizes the event. Remainders are in the columns (``decode_tile``).
    """
    tile = decode_tile(body)
    columns = tile.columns
    events = np.zeros(tile.header["count"], EVENT)
    steps_us = 1000 * tile.header["unit_ms"]
    events["time_us"] = 1000 * tile.header["start"] + columns["time"].astype(np.int64) * steps_us
    events["public_id"] = public_ids(tile)
    for name, half, low, high in (
        ("latitude", 90.0, "lat_low", "lat_high"),
        ("longitude", 180.0, "lon_low", "lon_high"),
    ):
        turn = columns[low].astype(np.int64) | columns[high].astype(np.int64) << 16
        events[name] = turn / FULL_CIRCLE * 2 * half - half
    depth, kr, magnitude = (columns[n].astype(np.int64) for n in ("depth", "kr", "magnitude"))
    steps = depth & 0x1FFF
    events["depth_km"] = np.where(steps == NO_DEPTH, np.nan, (steps - 200) / 10)
    steps = kr & 0xFFF
    events["kr"] = np.where(steps > MOST_KR, np.nan, (steps - 1000) / 100)
    is_mpva = (steps >= FIRST_MPVA) & (steps < NO_SIZE)
    events["mpva"] = np.where(is_mpva, -2 + (steps - FIRST_MPVA) * 0.02, np.nan)
    steps = magnitude & 0xFFF
    events["magnitude"] = np.where(steps == NO_MAGNITUDE, np.nan, (steps - 1000) / 100)
    events["minute_precision"] = depth & MINUTE
    events["felt"], events["synthetic"] = kr & FELT, kr & SYNTHETIC
    events["mechanism"] = kr & MECHANISM
    events["kind"] = magnitude >> 13
    return events


def public_ids(tile: Container) -> NDArray[Any]:
    """Return the public ids of a tile's events."""
    number = tile.columns["number"]
    start, unit = tile.header["start"], tile.header["unit_ms"]
    years = _years(1000 * (start + tile.columns["time"].astype(np.int64) * unit))
    years += (number >> 30).astype(np.int64) - 2
    return _spelled(number & 0x3FFFFFFF, years, number == 0, tile.header["ids"])


def _times(time_us: NDArray[Any], start_ms: int, unit_ms: int) -> tuple[NDArray[Any], NDArray[Any]]:
    steps, rest = np.divmod(time_us - 1000 * start_ms, 1000 * unit_ms)
    if steps.size and (steps.min() < 0 or steps.max() > 0xFFFFFFFF):
        raise TileError(
            f"time: found {steps.min()}..{steps.max()} steps of {unit_ms} ms after the start, "
            f"expected 0..{0xFFFFFFFF}"
        )
    return steps, (rest != 0).astype(np.int64)


def _years(time_us: NDArray[Any]) -> NDArray[Any]:
    """Return the UTC year of times in microseconds since 1970."""
    years = time_us.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64)
    return np.asarray(years + 1970)


def _numbers(events: NDArray[Any]) -> tuple[NDArray[Any], dict[str, str]]:
    """Return the column of numbers, and the ids that have another shape, by index."""
    places, year, regular = split_ids(events["public_id"])
    code = year - _years(events["time_us"]) + 2
    regular &= (code >= 1) & (code <= 3)
    number = np.where(regular, places | code << 30, 0)
    return number, _others(events["public_id"], regular)


def _turn(degrees: NDArray[Any], half: float, name: str) -> NDArray[Any]:
    """Return a latitude or longitude as a whole number of 24 bits."""
    inside = np.abs(degrees) <= half
    if not inside.all():
        raise TileError(f"{name}: found {degrees[~inside][0]}, expected -{half:g}..{half:g}")
    turns: NDArray[Any] = np.rint((degrees + half) / (2 * half) * FULL_CIRCLE).astype(np.int64)
    return turns


def _steps(
    values: NDArray[Any], a_unit: int, shift: int, most: int, missing: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return floor((value + shift) * a_unit) and 1 where the value lies above that step.

    A step's value is the floating-point number nearest to its decimal, (step / a_unit - shift), as
    a search's limit is. Values beyond the steps are told as the nearest with a remainder.
    """
    known = ~np.isnan(values)
    value = np.where(known, values, 0.0)
    zero = shift * a_unit
    step = np.clip(np.floor(value * a_unit), -zero, most - zero).astype(np.int64)
    # The product may have been rounded across a step, by one at most.
    step = np.where((step + 1) / a_unit <= value, step + 1, step)
    step = np.where(step / a_unit > value, step - 1, step)
    step = np.clip(step, -zero, most - zero)
    rest = (step / a_unit != value) & known
    return np.where(known, step + zero, missing), rest.astype(np.int64)


# --- Matching ids -------------------------------------------------------------------------------


def encode_matching(ids: NDArray[Any], version: int, *, truncated: bool = False) -> bytes:
    """Return the container of the public ids of a search, by year and number: so it packs well.

    Parameters
    ----------
    ids : array of text, shape (n_events,)
    version : the catalogue's version they are of
    truncated : there are more
    """
    places, year, regular = split_ids(ids)
    order = np.lexsort((places, year))
    ids, places, year, regular = ids[order], places[order], year[order], regular[order]
    header = {
        "format": FORMAT,
        "version": version,
        "count": len(ids),
        "truncated": truncated,
        "ids": _others(ids, regular),
    }
    columns = {
        "number": np.where(regular, places, OTHER_NUMBER),
        "year": np.where(regular, year, 0),
    }
    return _packed(header, columns, MATCHING_COLUMNS)


def decode_matching(body: bytes) -> Container:
    """Return the header and columns of a matching container.

    Raises
    ------
    TileError
        If the bytes are none.
    """
    return _unpacked(body, MATCHING_COLUMNS)


def matching_ids(matching: Container) -> NDArray[Any]:
    """Return the public ids in a matching container."""
    number = matching.columns["number"]
    return _spelled(
        np.where(number == OTHER_NUMBER, 0, number),
        matching.columns["year"].astype(np.int64),
        number == OTHER_NUMBER,
        matching.header["ids"],
    )


# --- Ids ----------------------------------------------------------------------------------------


def split_ids(ids: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the number of the last six places, the year, and whether an id has that shape.

    ``ids`` is an array of texts or of ASCII bytes, shape (n_ids,), as are those returned.
    """
    text = np.ascontiguousarray(ids)
    if text.dtype.kind not in "SU":
        text = text.astype("U20")
    letter = np.dtype("u1" if text.dtype.kind == "S" else "u4")
    size, width = text.dtype.itemsize // letter.itemsize, 2 + 4 + PLACES
    if size < width or not len(text):
        nothing = np.zeros(len(text), np.int64)
        return nothing, nothing, np.zeros(len(text), bool)
    letters = text.view(letter).reshape(len(text), size)
    digits = letters[:, 2:6].astype(np.int64) - ord("0")
    values = _VALUE_OF[np.minimum(letters[:, 6:width], len(_VALUE_OF) - 1)]
    regular = (
        (letters[:, 0] == ord("k"))
        & (letters[:, 1] == ord("z"))
        & ((digits >= 0) & (digits <= 9)).all(axis=1)
        & (values >= 0).all(axis=1)
    )
    if size > width:
        regular &= letters[:, width] == 0
    places = np.where(regular, values @ _BASE ** np.arange(PLACES - 1, -1, -1), 0)
    year = np.where(regular, digits @ np.array([1000, 100, 10, 1]), 0)
    return places, year, regular


def _others(ids: NDArray[Any], regular: NDArray[Any]) -> dict[str, str]:
    return {
        str(index): name.decode() if isinstance(name := ids[index], bytes) else str(name)
        for index in np.flatnonzero(~regular)
    }


def _spelled(
    places: NDArray[Any], years: NDArray[Any], others: NDArray[Any], ids: Mapping[str, str]
) -> NDArray[Any]:
    rest = places.astype(np.int64)
    letters = np.empty((len(rest), PLACES), "U1")
    alphabet = np.array(list(ALPHABET))
    for place in range(PLACES - 1, -1, -1):
        rest, digit = np.divmod(rest, _BASE)
        letters[:, place] = alphabet[digit]
    spelled = np.zeros(len(rest), "U20")
    if len(rest):
        tails = np.ascontiguousarray(letters).view(f"U{PLACES}").ravel()
        heads = np.char.add("kz", np.char.zfill(years.astype("U4"), 4))
        spelled[:] = np.char.add(heads, tails)
    for index in np.flatnonzero(others):
        try:
            spelled[index] = ids[str(index)]
        except KeyError:
            raise TileError(f"header: no id of event {index} among its ids") from None
    return spelled


# --- Containers ---------------------------------------------------------------------------------


def _packed(
    header: Mapping[str, Any], columns: Columns, order: tuple[tuple[str, str], ...]
) -> bytes:
    told = json.dumps(header, separators=(",", ":")).encode()
    told += b" " * (-len(told) % 4)
    parts = [MAGIC, len(told).to_bytes(4, "little"), told]
    for name, form in order:
        column = columns[name].astype(form).tobytes()
        parts += [column, b"\0" * (-len(column) % 4)]
    return b"".join(parts)


def _unpacked(body: bytes, order: tuple[tuple[str, str], ...]) -> Container:
    if body[:4] != MAGIC:
        raise TileError(f"magic: found {body[:4]!r}, expected {MAGIC!r}")
    length = int.from_bytes(body[4:8], "little")
    if len(body) < 8 or length % 4 or length > min(MOST_HEADER_BYTES, len(body) - 8):
        raise TileError(
            f"length of the header: found {length} in {len(body)} bytes, expected a multiple of 4 "
            "and no more than there is"
        )
    try:
        header = json.loads(body[8 : 8 + length])
    except (ValueError, RecursionError):
        raise TileError("header: it is no JSON") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else type(header).__name__
        raise TileError(f"header: format is {found!r}, expected {FORMAT}")
    count = header.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise TileError(f"header: count is {count!r}, expected a whole number, zero or more")
    ids = header.setdefault("ids", {})
    if not isinstance(ids, dict) or not all(isinstance(name, str) for name in ids.values()):
        raise TileError("header: ids are no texts by index")
    offset, columns = 8 + length, {}
    expected = offset + sum(_room(count, form) for _, form in order)
    if len(body) != expected:
        raise TileError(f"body of {count} events: found {len(body)} bytes, expected {expected}")
    for name, form in order:
        columns[name] = np.frombuffer(body, form, count, offset)
        offset += _room(count, form)
    return Container(header, columns)


def _room(count: int, form: str) -> int:
    size = count * np.dtype(form).itemsize
    return size + -size % 4
