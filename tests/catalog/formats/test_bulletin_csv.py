"""The bulletin table: rows of events, of arrivals, of readings without an event, and bad rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.formats import bulletin_csv, detect
from catalog.formats.problems import FormatError, Severity
from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    IntensityRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationMagnitudeRecord,
    StationReference,
)
from tests.catalog.formats.conftest import placeless, read_all

Bytes = Callable[[str], bytes]


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def example() -> str:
    """Return the table shown in the module's own text."""
    text = (bulletin_csv.__doc__ or "").split("::", 1)[1].split("- ``event``")[0]
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def test_the_example_of_the_documentation_is_read() -> None:
    (event, readings), problems = read_all("bulletin-csv", example().encode())
    assert problems == []
    assert (event.event_id, len(event.picks), len(event.origins[0].arrivals)) == (
        "2014-318-1",
        2,
        2,
    )
    assert isinstance(readings, ReadingsRecord)
    assert [pick.station.code for pick in readings.picks] == ["OTUK"]


def test_every_kind_of_row(golden: Bytes) -> None:
    records, problems = read_all("bulletin-csv", golden("synthetic_bulletin_table.csv"))
    readings, first, second, third = records
    assert (readings.agency, readings.comments) == ("KRNET", ("суточная сводка",))
    assert [(p.station.network, p.phase_hint, p.onset, p.polarity) for p in readings.picks] == [
        ("KR", "P", "impulsive", "positive"),
        ("KR", "S", "emergent", None),
    ]
    assert readings.picks[1].time == datetime(2014, 11, 14, 0, 10, 9, 100000, UTC)
    assert [(m.type, m.value, m.agency, m.origin_id) for m in first.magnitudes] == [
        ("KR", 13.6, "SOME", "origin-1"),
        ("MPVA", 6.2, "SOME", "origin-1"),
        ("Mw", 5.4, "GCMT", "origin-1"),
        ("KR", 13.7, "KRNET", "origin-2"),
    ]
    assert [o.agency for o in first.origins] == ["SOME", "KRNET"]
    assert first.preferred_origin_id == "origin-1"
    assert [(a.phase, a.time_residual) for a in first.origins[0].arrivals] == [
        ("Pn", 0.3),
        ("Sn", -0.8),
    ]
    assert [pick.station.code for pick in first.picks] == ["PDGK", "PDGK", "OTUK"]
    assert [(a.value, a.unit, a.period, a.pick_id) for a in first.amplitudes] == [
        (125.4, "nm", 0.8, "pick-1"),
        (310.0, "nm", 1.2, None),
    ]
    size = first.station_magnitudes[0]
    assert (size.value, size.type, size.amplitude_id) == (13.5, "KR", "amplitude-1")
    assert [(i.place, i.minimum, i.maximum, i.felt) for i in first.intensities] == [
        ("Алматы", 3.0, 4.0, None),
        ("Нарын", None, None, True),
    ]
    assert first.comments == ("Первое сообщение", "уточнено")
    assert second.origins[0].time_uncertainty == 30.0  # no seconds
    assert (third.origins, third.magnitudes[0].bound) == ((), "min")
    assert third.comments[0] == "=1+1"
    assert "time: 2014-11-14T25:00:00" in third.comments
    assert [(p.line_number, p.code, p.field, p.severity) for p in problems] == [
        (16, "not-a-time", "time", Severity.ERROR),
        (17, "unknown-value", "row", Severity.ERROR),
    ]


def test_arrivals_above_the_first_event_are_readings_without_an_event() -> None:
    (readings,), problems = read_all(
        "bulletin-csv", table("row,time,station,phase", "arrival,2014-11-14T01:00:00,KNDC,P")
    )
    assert problems == []
    assert (len(readings.picks), readings.first_line, readings.last_line) == (1, 2, 2)


def test_a_long_block_of_readings_is_several_records() -> None:
    rows = [f"arrival,2014-11-14T01:00:{n % 60:02},S{n:03},P" for n in range(1201)]
    records, problems = read_all(
        "bulletin-csv", table("row,time,station,phase,agency", "readings,,,,KNDC", *rows)
    )
    assert problems == []
    assert [len(record.picks) for record in records] == [500, 500, 201]
    assert {record.agency for record in records} == {"KNDC"}
    assert [record.first_line for record in records] == [2, 503, 1003]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "koi8-r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_russian_words_in_any_encoding(encoding: str, delimiter: str, end: str) -> None:
    lines = (
        ("строка", "время", "широта", "долгота", "станция", "фаза", "невязка", "примечание"),
        ("событие", "14.11.2014 01:24:16", "42.1", "77.27", "", "", "", "Каджи-Сай"),
        ("вступление", "2014-11-14 01:24:38", "", "", "PDGK", "P", "0.3", "слабое вступление"),
    )
    data = end.join(delimiter.join(cells) for cells in lines).encode(encoding)
    assert detect(data, "bulletin.csv") == ["bulletin-csv"]
    (event,), problems = read_all("bulletin-csv", data)
    assert problems == []
    assert event.comments == ("Каджи-Сай",)
    assert event.picks[0].comments == ("слабое вступление",)


def test_an_offset_in_a_time_is_taken_off() -> None:
    (event,), _ = read_all(
        "bulletin-csv",
        table("row,time,latitude,longitude", "event,2014-11-14T07:24:16+06:00,42.1,77.27"),
    )
    assert event.origins[0].time == datetime(2014, 11, 14, 1, 24, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "row, code, field",
    [
        ("arrival,2014-11-14T01:24:38,,,,P,", "missing-field", "station"),
        ("arrival,,,,PDGK,P,", "missing-field", "time"),
        ("arrival,01:24:38,,,PDGK,P,", "not-a-time", "time"),
        ("arrival,2014-11-14T01:24:38,42.1,,PDGK,P,", "unused-text", "latitude"),
        ("arrival,2014-11-14T01:24:38,,,PDGK,P,o.3", "not-a-number", "time_residual_s"),
        ("arrival,2014-11-14T01:24:38,,,PDGK,P,0.3,more", "unused-text", ""),
        (",2014-11-14T01:24:38,,,PDGK,P,0.3", "missing-field", "row"),
        ("origin,2014-11-14T01:24:38,42.1,,,,", "missing-field", "longitude"),
        ("magnitude,,,,,,", "missing-field", "magnitude"),
        ("intensity,,,,,,", "missing-field", "place"),
    ],
)
def test_a_bad_row_is_a_problem_and_stays_as_text(row: str, code: str, field: str) -> None:
    data = table(
        "row,time,latitude,longitude,station,phase,time_residual_s",
        "event,2014-11-14T01:24:16,42.1,77.27,,,",
        row,
    )
    (event,), problems = read_all("bulletin-csv", data)
    assert [(p.line_number, p.code, p.field) for p in problems] == [(3, code, field)]
    assert row in event.text


@pytest.mark.parametrize("row", ["origin", "magnitude", "intensity"])
def test_rows_of_an_event_that_is_not_there_are_errors(row: str) -> None:
    records, problems = read_all(
        "bulletin-csv", table("row,time,latitude,longitude", f"{row},2014-11-14T01:24:38,1,2")
    )
    assert records == []
    assert [(p.code, p.severity) for p in problems] == [("dangling-reference", Severity.ERROR)]


def test_columns_named_twice_or_unknown_are_reported_and_kept() -> None:
    (event,), problems = read_all(
        "bulletin-csv",
        table("row,time,latitude,longitude,colour,lat", "event,2014-11-14T01:24:38,1,2,red,3"),
    )
    assert [(p.code, p.field) for p in problems] == [
        ("unknown-column", "colour"),
        ("duplicate-column", "lat"),
    ]
    assert event.comments == ("colour: red", "lat: 3")


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "empty-file"),
        (b"Dear colleagues,\n", "wrong-format"),
        (b"row,station\narrival,KNDC", "missing-field"),
    ],
)
def test_nothing_to_read_is_a_format_error(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refusal:
        read_all("bulletin-csv", data)
    assert refusal.value.problem.code == code


def test_a_formula_is_guarded_and_comes_back() -> None:
    (event,), _ = read_all(
        "bulletin-csv",
        table("row,time,latitude,longitude,comment", "event,2014-11-14T01:24:38,-1,2,=1+1"),
    )
    text = "".join(bulletin_csv.write([event]))
    assert ",'=1+1," in text
    assert ",-1.0," in text  # numbers never
    (again,), _ = read_all("bulletin-csv", text.encode())
    assert again.comments == ("=1+1",)


def test_a_caller_chooses_its_columns() -> None:
    columns = ("row", "time", "station", "phase", "onset")
    (_, readings), _ = read_all("bulletin-csv", example().encode())
    assert "".join(bulletin_csv.write([readings], columns)).split() == [
        "row,time,station,phase,onset",
        "readings,,,,",
        "arrival,2014-11-14T03:10:02.7,OTUK,P,impulsive",
    ]


# --- what is written reads back the same --------------------------------------------------------


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=5)
REMARKS = st.text('abc ,;.:#+=-@"АБВ\n', min_size=1, max_size=20).map(lambda t: "r" + t.strip())
NUMBERS = st.floats(0, 90)
TIMES = st.integers(0, 10**15).map(
    lambda n: datetime(1980, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)
FLAGS = st.sampled_from([None, True, False])
STATIONS = st.builds(
    StationReference, WORDS, maybe(WORDS), maybe(WORDS), latitude=maybe(st.floats(-90, 90))
)


def drawn(column: bulletin_csv._Column) -> st.SearchStrategy[Any]:
    """Return values that a column may hold."""
    kind = column.kind
    if isinstance(kind, tuple):
        return maybe(st.floats(max(kind[0], -1e9), min(kind[1], 1e9)))
    if isinstance(kind, dict):
        return st.sampled_from([None, *sorted(set(kind.values()), key=str)])
    return maybe({"count": st.integers(0, 99), "time": TIMES, "text": REMARKS}[kind])


def filled(columns: tuple[bulletin_csv._Column, ...], *but: str) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({c.attribute: drawn(c) for c in columns if c.attribute not in but})


@st.composite
def picks(draw: st.DrawFn, ordinal: int) -> PickRecord:
    return PickRecord(
        f"pick-{ordinal}",
        draw(STATIONS),
        draw(maybe(TIMES)),
        phase_hint=draw(maybe(WORDS)),
        comments=tuple(draw(st.lists(REMARKS, max_size=2))),
        **draw(filled(bulletin_csv.PICK)),
    )


@st.composite
def amplitudes(draw: st.DrawFn, pick: PickRecord, ordinal: int) -> AmplitudeRecord:
    value = draw(maybe(NUMBERS))
    record = AmplitudeRecord(
        f"amplitude-{ordinal}",
        value,
        draw(st.sampled_from(["nm", "m", None])) if value is not None else None,
        pick_id=pick.pick_id,
        station=pick.station,
        magnitude_hint=draw(maybe(WORDS)),
        **draw(filled(bulletin_csv.AMPLITUDE)),
    )
    return replace(record, period=draw(NUMBERS)) if value is None else record


@st.composite
def events(draw: st.DrawFn) -> EventRecord:
    origins: list[OriginRecord] = []
    magnitudes: list[MagnitudeRecord] = []
    all_picks: list[PickRecord] = []
    measured: list[AmplitudeRecord] = []
    sizes: list[StationMagnitudeRecord] = []
    for ordinal in range(1, draw(st.integers(1, 2)) + 1):
        arrivals = []
        origin_id = f"origin-{ordinal}"
        for _ in range(draw(st.integers(0, 2))):
            pick = draw(picks(len(all_picks) + 1))
            all_picks.append(pick)
            arrivals.append(
                ArrivalRecord(
                    pick.pick_id,
                    pick.pick_id,
                    draw(WORDS) if pick.phase_hint is not None else None,
                    comments=tuple(draw(st.lists(REMARKS, max_size=1))),
                    **draw(filled(bulletin_csv.ARRIVAL)),
                )
            )
            if draw(st.booleans()):
                measured.append(draw(amplitudes(pick, len(measured) + 1)))
                if draw(st.booleans()):
                    sizes.append(
                        StationMagnitudeRecord(
                            draw(NUMBERS.filter(lambda v: v <= 25)),
                            station=pick.station,
                            station_magnitude_id=f"station-magnitude-{len(sizes) + 1}",
                            origin_id=origin_id,
                            amplitude_id=measured[-1].amplitude_id,
                            bound=draw(st.sampled_from([None, "min", "max"])),
                            **draw(filled(bulletin_csv.STATION_MAGNITUDE)),
                        )
                    )
        origins.append(
            OriginRecord(
                origin_id,
                draw(TIMES),
                draw(st.floats(-90, 90)),
                draw(st.floats(-180, 180)),
                arrivals=tuple(arrivals),
                comments=tuple(draw(st.lists(REMARKS, max_size=2))),
                **draw(filled(bulletin_csv.ORIGIN)),
            )
        )
        for _ in range(draw(st.integers(0, 2))):
            magnitudes.append(
                MagnitudeRecord(
                    draw(st.floats(-9, 19)),
                    magnitude_id=f"magnitude-{len(magnitudes) + 1}",
                    origin_id=origin_id,
                    bound=draw(st.sampled_from([None, "min", "max"])),
                    comments=tuple(draw(st.lists(REMARKS, max_size=1))),
                    **draw(filled(bulletin_csv.MAGNITUDE_COLUMNS)),
                )
            )
    preferred = draw(st.sampled_from([None, "origin-1", origins[-1].origin_id]))
    kind = draw(maybe(st.sampled_from(["earthquake", "quarry blast"])))
    region = draw(maybe(REMARKS))
    return EventRecord(
        "",
        0,
        0,
        draw(maybe(WORDS)),
        kind,
        draw(st.sampled_from([None, "known", "suspected"])),
        (DescriptionRecord(region, "region name"),) if region else (),
        tuple(origins),
        tuple(magnitudes),
        tuple(all_picks),
        tuple(measured),
        tuple(sizes),
        intensities=tuple(
            IntensityRecord(place, low, low, low, scale=draw(maybe(WORDS)))
            for place, low in draw(
                st.lists(st.tuples(REMARKS, st.integers(0, 12).map(float)), max_size=2)
            )
        ),
        preferred_origin_id=preferred,
        preferred_magnitude_id=magnitudes[-1].magnitude_id if magnitudes else None,
        agency=draw(maybe(WORDS)),
        author=draw(maybe(WORDS)),
        source=draw(maybe(REMARKS)),
        comments=tuple(draw(st.lists(REMARKS, max_size=2))),
    )


@st.composite
def station_bulletins(draw: st.DrawFn) -> ReadingsRecord:
    found = tuple(draw(picks(n + 1)) for n in range(draw(st.integers(1, 3))))
    return ReadingsRecord(
        "",
        0,
        0,
        found,
        tuple(draw(amplitudes(pick, n + 1)) for n, pick in enumerate(found)),
        draw(maybe(WORDS)),
        draw(maybe(WORDS)),
        comments=tuple(draw(st.lists(REMARKS, max_size=2))),
    )


@given(
    records=st.lists(
        st.one_of(events(), station_bulletins()),
        min_size=1,
        max_size=2,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_round_trip(records: list[EventRecord | ReadingsRecord]) -> None:
    again, problems = read_all("bulletin-csv", "".join(bulletin_csv.write(records)).encode())
    assert [p for p in problems if p.code not in ("missing-field", "duplicate-event-id")] == []
    assert [placeless(record) for record in again] == records


def test_a_pick_that_two_solutions_use_stays_one_pick() -> None:
    pick = PickRecord("pick-1", StationReference("KNDC"), datetime(2014, 1, 1, tzinfo=UTC))
    origins = tuple(
        OriginRecord(
            f"origin-{n}",
            datetime(2014, 1, 1, tzinfo=UTC),
            43.0,
            77.0,
            arrivals=(ArrivalRecord("pick-1", "pick-1", time_residual=float(n)),),
        )
        for n in (1, 2)
    )
    event = EventRecord("", 0, 0, origins=origins, picks=(pick,), preferred_origin_id="origin-2")
    (again,), problems = read_all("bulletin-csv", "".join(bulletin_csv.write([event])).encode())
    assert problems == []
    assert placeless(again) == event
